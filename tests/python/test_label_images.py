"""Labels of images: COCO, YOLO and Pascal VOC as --labels, against masks and boxes made by NumPy and
rasterio, and against pycocotools where it is there."""
import json
import shutil

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely.geometry
from exports import feed as feed_olinda
from reference import Store, feed, write_labels, write_scene

IGNORE = 255
TASKS = "detection,segmentation,instance"
WHOLE = ("--windows", "whole")


def write_image(path, rows=40, cols=50, value=7, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_scene(path, np.full((rows, cols), value, np.uint8), crs=None, **options)


def write_json(path, document):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def runs(mask):
    """COCO's counts: down the columns, beginning with zeros."""
    flat = mask.T.reshape(-1).astype(np.int8)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [1 - flat[-1]]])))
    return np.diff(np.concatenate([[0], edges])).tolist()


def packed(counts):
    """pycocotools' rleToString."""
    text = ""
    for i, value in enumerate(counts):
        value -= counts[i - 2] if i > 2 else 0
        more = True
        while more:
            five = value & 31
            value >>= 5
            more = value != (-1 if five & 16 else 0)
            text += chr((five | 32 if more else five) + 48)
    return text


def coco(images, annotations, categories=None):
    categories = categories or [{"id": 7, "name": "roof", "supercategory": "building"},
                                {"id": 2, "name": "tree", "supercategory": "plant"}]
    return {"info": {"year": 2026}, "images": images, "annotations": annotations,
            "categories": categories}


def annotation(number, category, segmentation=None, bbox=None, image=1, crowd=0):
    found = {"id": number, "image_id": image, "category_id": category, "iscrowd": crowd}
    if segmentation is not None:
        found["segmentation"] = segmentation
    if bbox is not None:
        found["bbox"] = bbox
    return found


def image_entry(number=1, name="a.tif", rows=40, cols=50):
    return {"id": number, "file_name": name, "width": cols, "height": rows}


def boxes_of(store, i=0):
    return [(np.round(box, 4).tolist(), store.classes[kind], feature)
            for box, kind, feature, _ in store.boxes(i)]


# --- COCO -------------------------------------------------------------------------------------

def blobs(rng, rows, cols, count):
    """Masks with holes, several parts and ragged edges."""
    for _ in range(count):
        coarse = rng.random((rows // 5 + 1, cols // 5 + 1)) < 0.35
        mask = coarse.repeat(5, 0).repeat(5, 1)[:rows, :cols] ^ (rng.random((rows, cols)) < 0.02)
        yield mask


@pytest.mark.parametrize("form", ["compressed", "uncompressed"])
def test_run_lengths_are_exact(tmp_path, form):
    """Holes, parts that touch at corners, pixels at all edges; the last object is on top."""
    rng = np.random.default_rng(11)
    image = write_image(tmp_path / "a.tif")
    masks = list(blobs(rng, 40, 50, 12)) + [np.ones((40, 50), bool), np.zeros((40, 50), bool)]
    masks[-2][1:-1, 1:-1] = False
    annotations, expected = [], np.zeros((40, 50), int)
    for number, mask in enumerate(masks):
        counts = runs(mask)
        annotations.append(annotation(100 + number, 7, {
            "size": [40, 50], "counts": packed(counts) if form == "compressed" else counts}))
        expected[mask] = number + 1
    labels = write_json(tmp_path / "l.json", coco([image_entry()], annotations))
    store = feed(tmp_path / "s.h5", image, labels, *WHOLE, tasks=TASKS)
    np.testing.assert_array_equal(store.instances[0], expected)
    assert [box[2] for box in store.boxes(0)] == list(range(100, 113))  # the empty one is none
    for box, mask in zip(store.boxes(0), masks):
        rows, cols = np.nonzero(mask)
        assert box[0] == [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
        assert box[3] == 1


def test_polygons_boxes_and_crowds(tmp_path, vedatile):
    image = write_image(tmp_path / "a.tif")
    two_parts = [[2, 2, 12, 2, 12, 8, 2, 8], [20.2, 2.2, 28.8, 2.2, 24.4, 9.9]]
    crowd = np.zeros((40, 50), bool)
    crowd[30:36, 5:45] = True
    labels = write_json(tmp_path / "l.json", coco([image_entry()], [
        annotation(5, 2, two_parts, [2, 2, 26.8, 7.9]), annotation(3, 7, [], [30, 20, 10.5, 5.25]),
        annotation(4, 7, {"size": [40, 50], "counts": runs(crowd)}, crowd=1),
        annotation(9, 7, None, [10, 32, 4, 4]), annotation(8, 2, None, [10, 10, 0, 4])]))
    store = feed(tmp_path / "s.h5", image, labels, *WHOLE, tasks=TASKS)
    assert store.classes == ["tree", "roof"]  # by rising ids, all of them
    assert boxes_of(store) == [([2, 2, 28.8, 9.9], "tree", 5), ([30, 20, 40.5, 25.25], "roof", 3),
                               ([10, 32, 14, 36], "roof", 9)]
    shapes = [shapely.geometry.MultiPolygon([
        (np.reshape(part, (-1, 2)).tolist(), []) for part in two_parts]),
        shapely.geometry.box(30, 20, 40.5, 25.25)]
    expected = rasterio.features.rasterize(list(zip(shapes, [1, 2])), (40, 50))
    expected[crowd] = IGNORE
    np.testing.assert_array_equal(store.masks[0], expected)
    assert not store.instances[0][crowd].any() or set(np.unique(store.instances[0][crowd])) <= {0, 3}
    report = json.loads(vedatile("feed", store.path, "--image", image, "--labels", labels, *WHOLE,
                                 "--match", "all", "--json").stdout)
    assert report["written"] == 0 and report["existing"] == 1
    assert report["crowds"] == 1 and report["features"] == 3 and report["null_geometries"] == 1


def test_members_in_any_order_and_ids_as_text(tmp_path):
    """An id is the same as a number and as text, as in the shared gt_ignore_test."""
    image = write_image(tmp_path / "a.tif")
    document = coco([image_entry("1")], [annotation(1, "7", None, [1, 1, 5, 5], image=1),
                                         annotation(2, 2, None, [9, 1, 5, 5], image="1")])
    backwards = {"categories": document["categories"], "annotations": document["annotations"],
                 "licenses": [{"id": 1, "deep": [[{}]]}], "images": document["images"]}
    store = feed(tmp_path / "s.h5", image, write_json(tmp_path / "l.json", backwards), *WHOLE,
                 tasks="detection")
    assert boxes_of(store) == [([1, 1, 6, 6], "roof", 1), ([9, 1, 14, 6], "tree", 2)]


def test_images_are_found_by_their_names(tmp_path):
    """Folders in names count where names alone are not enough."""
    images = [write_image(tmp_path / folder / "1.tif", value=i) for i, folder in enumerate("xyz")]
    labels = write_json(tmp_path / "l.json", coco(
        [image_entry(i, f"data\\{folder}\\1.tif" if i else f"data/{folder}/1.tif")
         for i, folder in enumerate("xyz")],
        [annotation(i, 7, None, [i, 1, 5, 5], image=i) for i in range(3)]))
    store = feed(tmp_path / "s.h5", images, labels, *WHOLE, tasks="detection")
    for i in range(3):
        assert [box[2] for box in store.boxes(i)] == [store.images[i][0, 0, 0]]


def test_several_files_label_one_image(tmp_path):
    image = write_image(tmp_path / "a.tif")
    files = [write_json(tmp_path / f"{kind}.json", coco(
        [image_entry()], [annotation(1, 3, None, [4 * n, 1, 5, 5])], [{"id": 3, "name": kind}]))
        for n, kind in enumerate(["tree", "car"])]
    store = feed(tmp_path / "s.h5", image, files, *WHOLE, tasks="detection")
    assert store.classes == ["tree", "car"]
    assert [box[1] for box in boxes_of(store)] == ["tree", "car"]


def test_classes_by_field_list_and_map(tmp_path, vedatile):
    image = write_image(tmp_path / "a.tif")
    labels = write_json(tmp_path / "l.json", coco([image_entry()], [
        annotation(1, 7, None, [1, 1, 5, 5]), annotation(2, 2, None, [9, 1, 5, 5])]))

    def classes(name, *options):
        store = feed(tmp_path / f"{name}.h5", image, labels, *WHOLE, *options, tasks="detection")
        return store.classes, [box[1] for box in boxes_of(store)]
    assert classes("field", "--class-field", "supercategory") == (
        ["building", "plant"], ["building", "plant"])
    assert classes("list", "--classes", "roof", "--unknown", "skip") == (["roof"], ["roof"])
    assert classes("other", "--classes", "roof,other", "--unknown", "other") == (
        ["roof", "other"], ["roof", "other"])
    rules = write_json(tmp_path / "map.json", {"rules": [
        {"field": "name", "values": ["roof"], "class": "house"},
        {"field": "supercategory", "values": ["plant"], "class": None}]})
    assert classes("map", "--class-map", rules) == (["house"], ["house"])
    said = vedatile("feed", tmp_path / "x.h5", "--image", image, "--labels", labels, "--task",
                    "detection", "--classes", "roof", code=1).stderr
    assert "1 features have a value of field 'name' that is not a class: 'tree'" in said


def val2014(shared, folder):
    """Images of the right names and sizes: there are none in the shared data."""
    path = shared / "coco-100/instances_val2014_100.json"
    document = json.loads(path.read_text())
    for value, image in enumerate(document["images"]):  # the same pixels would be the same scene
        write_image(folder / image["file_name"].replace(".jpg", ".tif"), image["height"],
                    image["width"], value)
    text = path.read_text().replace(".jpg\"", ".tif\"")
    (folder / "instances.json").write_text(text)
    store = feed(folder / "s.h5", sorted(folder.glob("*.tif")), folder / "instances.json", *WHOLE,
                 "--edge", "pad", "--tile", "640", tasks=TASKS, codec="deflate")
    return document, store


@pytest.fixture(scope="module")
def coco100(shared, tmp_path_factory):
    return val2014(shared, tmp_path_factory.mktemp("coco100"))


def entries(coco100):
    """Each sample of coco-100 with its image and its annotations."""
    document, store = coco100
    by_name = {image["file_name"].replace(".jpg", ".tif"): image for image in document["images"]}
    uris = [uri.decode().split("/")[-1] for uri in store.table("scenes")["uri"]]
    for i, sample in enumerate(store.samples):
        image = by_name[uris[sample["scene"]]]
        yield i, image, [a for a in document["annotations"] if a["image_id"] == image["id"]]


def test_coco_100_by_rasterio(coco100):
    """Classes, boxes, crowds and masks of 839 annotations of real data."""
    document, store = coco100
    categories = sorted(document["categories"], key=lambda category: category["id"])
    assert store.classes == [category["name"] for category in categories]
    names = {category["id"]: category["name"] for category in categories}
    wrong = covered = count = 0
    for i, image, annotations in entries(coco100):
        rows, cols = image["height"], image["width"]
        objects = [a for a in annotations if not a["iscrowd"]]
        assert [(store.classes[kind], feature) for _, kind, feature, _ in store.boxes(i)] == [
            (names[a["category_id"]], a["id"]) for a in objects]
        for box, a in zip(store.boxes(i), objects):
            x, y, width, height = a["bbox"]
            assert np.abs(np.array(box[0]) - [x, y, x + width, y + height]).max() < 1
        crowd = np.zeros((rows, cols), bool)
        for a in annotations:
            if a["iscrowd"]:
                counts = a["segmentation"]["counts"]
                values = np.repeat(np.arange(len(counts)) % 2, counts)
                crowd |= values.astype(bool).reshape(cols, rows).T
        mask = store.masks[i]
        np.testing.assert_array_equal(mask[:rows, :cols] == IGNORE, crowd)
        assert (mask[rows:] == IGNORE).all() and (mask[:, cols:] == IGNORE).all()
        expected = rasterio.features.rasterize(
            [({"type": "Polygon", "coordinates": [np.reshape(ring, (-1, 2)).tolist() + [ring[:2]]]},
              number + 1) for number, a in enumerate(objects) for ring in a["segmentation"]] or [
                  (shapely.geometry.box(0, 0, 0.1, 0.1), 0)], (rows, cols), dtype="uint16")
        expected[crowd] = store.instances[i][:rows, :cols][crowd]
        wrong += (expected != store.instances[i][:rows, :cols]).sum()
        covered += (expected > 0).sum()
        count += len(objects)
    assert count == 830 and wrong < 2e-4 * covered


def test_coco_100_by_pycocotools(coco100):
    """Its rasterizer has another rule at edges, where about a pixel in 700 differs."""
    tools = pytest.importorskip("pycocotools.mask", reason="no pycocotools (pip install pycocotools)")
    _, store = coco100
    wrong = covered = 0
    for i, image, annotations in entries(coco100):
        rows, cols = image["height"], image["width"]
        expected = np.zeros((rows, cols), int)
        for number, a in enumerate(a for a in annotations if not a["iscrowd"]):
            mask = tools.decode(tools.merge(tools.frPyObjects(a["segmentation"], rows, cols)))
            expected[mask > 0] = number + 1
        found = store.instances[i][:rows, :cols]
        wrong += (found != expected).sum()
        covered += (expected > 0).sum()
    assert wrong < 3e-3 * covered


def test_exports_of_ours_are_label_files(tmp_path, vedatile):
    """Objects cut and covered by others: what was exported as run lengths is fed to the same masks."""
    store = feed_olinda(tmp_path / "o.h5", tasks="detection,instance")
    vedatile("export", store, "--format", "coco", "-o", tmp_path / "coco", "--bands", "3,2,1")
    images = sorted((tmp_path / "coco/images/train").iterdir())
    fed = feed(tmp_path / "s.h5", images, tmp_path / "coco/annotations/train.json", *WHOLE,
               tasks="detection,instance", codec="deflate")
    before = Store(store)
    assert fed.classes == before.classes and len(fed) == len(before)
    keys = [key.decode() for key in before.samples["key"]]
    uris = [uri.decode().split("/")[-1] for uri in fed.table("scenes")["uri"]]
    for i, sample in enumerate(fed.samples):
        stem = uris[sample["scene"]].removesuffix(".png").replace("%3A", ":").replace("%2C", ",")
        k = next(n for n, key in enumerate(keys) if key == stem) if stem in keys else i
        seen = before.instances[k]
        np.testing.assert_array_equal(fed.instances[i] > 0, seen > 0)
        assert len(np.unique(fed.instances[i])) == len(np.unique(seen))


# --- YOLO -------------------------------------------------------------------------------------

def write_yolo(folder, lines, names="names: [roof, tree]\n", data="data.yaml", stem="a"):
    (folder / "labels").mkdir(exist_ok=True)
    (folder / f"labels/{stem}.txt").write_text(lines)
    if names is not None:
        (folder / data).write_text(names)
    return folder / "labels"


def test_yolo_boxes_and_polygons(tmp_path):
    image = write_image(tmp_path / "images/a.tif")
    labels = write_yolo(tmp_path, "1 0.5 0.5 0.2 0.1\n\n0 0.1 0.1 0.5 0.1 0.5 0.4 0.1 0.4\r\n"
                                  "1 0.9 0.05 0.2 0.1  \n0 0.5 0.5 0 0.1")
    store = feed(tmp_path / "s.h5", image, labels, *WHOLE, tasks=TASKS)
    assert store.classes == ["roof", "tree"]
    assert boxes_of(store) == [([20, 18, 30, 22], "tree", 0), ([5, 4, 25, 16], "roof", 1),
                               ([40, 0, 50, 4], "tree", 2)]
    expected = np.zeros((40, 50), int)
    expected[18:22, 20:30] = 1
    expected[4:16, 5:25] = 2
    expected[0:4, 40:50] = 3
    np.testing.assert_array_equal(store.instances[0], expected)


@pytest.mark.parametrize("data, names", [
    ("data.yaml", "train: images\nnc: 2\nnames:\n  0: roof\n  1: 'green tree'\n"),
    ("data.yaml", "# a list\nnames:\n- roof # red\n- \"green tree\"\nval: [x, y]\n"),
    ("data.yaml", "names: ['roof',\n  green tree]  # both\nroboflow:\n  license: x\n  url: {a: b}\n"),
    ("data.yml", "---\nnames: {0: roof, 1: \"green tree\"}\n"),
    ("classes.txt", "roof\r\n green tree\n\n"),
    ("labels/classes.txt", "roof\ngreen tree"),
])
def test_yolo_names(tmp_path, data, names):
    image = write_image(tmp_path / "images/a.tif")
    labels = write_yolo(tmp_path, "1 0.5 0.5 0.2 0.1\n", names, data)
    store = feed(tmp_path / "s.h5", image, labels, *WHOLE, tasks="detection")
    assert store.classes == ["roof", "green tree"] and boxes_of(store)[0][1] == "green tree"


def test_yolo_without_names(tmp_path):
    image = write_image(tmp_path / "images/a.tif")
    labels = write_yolo(tmp_path, "10 0.5 0.5 0.2 0.1\n2 0.5 0.5 0.2 0.1\n", None)
    store = feed(tmp_path / "s.h5", image, labels, *WHOLE, tasks="detection")
    assert store.classes == ["10", "2"] and [box[1] for box in boxes_of(store)] == ["10", "2"]
    labels = write_yolo(tmp_path, "1 0.5 0.5 0.2 0.1\n", None)
    store = feed(tmp_path / "t.h5", image, labels, *WHOLE, "--classes", "roof,tree",
                 tasks="detection")
    assert store.classes == ["roof", "tree"] and boxes_of(store)[0][1] == "tree"


def test_yolo_data_yaml_as_label_file(tmp_path):
    """Splits with labels beside their images; an image without a file has no objects."""
    for split, stem in (("train", "a"), ("train", "b"), ("val", "a")):
        write_image(tmp_path / "images" / split / f"{stem}.tif", value=len(split) * ord(stem) % 255)
    for split in ("train", "val"):
        (tmp_path / "labels" / split).mkdir(parents=True)
        (tmp_path / f"labels/{split}/a.txt").write_text(f"{int(split == 'val')} 0.5 0.5 0.2 0.1\n")
    (tmp_path / "data.yaml").write_text(
        "path: .\ntrain: images/train\nval: images/val\ntest:\nnames: [roof, tree]\n")
    images = sorted((tmp_path / "images").rglob("*.tif"))
    store = feed(tmp_path / "s.h5", images[:2], tmp_path / "data.yaml", *WHOLE, tasks="detection")
    assert [len(store.boxes(i)) for i in range(len(store))] == [1, 0]
    again = feed(tmp_path / "t.h5", images[2:], tmp_path / "labels", *WHOLE, tasks="detection")
    assert boxes_of(again)[0][1] == "tree"


# --- Pascal VOC -------------------------------------------------------------------------------

VOC_OBJECT = """<object><name>{}</name><pose>Left</pose><truncated>0</truncated>
<difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>
<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>
</object>"""


def write_voc(folder, *objects, stem="a", size=(50, 40)):
    (folder / "Annotations").mkdir(exist_ok=True)
    (folder / f"Annotations/{stem}.xml").write_text(
        f"<annotation><filename>{stem}.jpg</filename><size><width>{size[0]}</width>"
        f"<height>{size[1]}</height><depth>3</depth></size>"
        + "".join(VOC_OBJECT.format(*item) for item in objects) + "</annotation>")
    return folder / "Annotations"


def test_voc_boxes_name_their_first_and_last_pixel(tmp_path):
    """A box of 1, 1, 50, 40 is the whole image; objects may be difficult, and one file is enough."""
    image = write_image(tmp_path / "JPEGImages/a.tif")
    labels = write_voc(tmp_path, ("tree", 0, 1, 1, 50, 40), ("roof", 1, 11, 21, 11, 30))
    store = feed(tmp_path / "s.h5", image, labels, *WHOLE, tasks="detection,instance")
    assert store.classes == ["roof", "tree"]
    assert boxes_of(store) == [([0, 0, 50, 40], "tree", 0), ([10, 20, 11, 30], "roof", 1)]
    assert (store.instances[0] == 2).sum() == 10 and (store.instances[0] > 0).all()
    rules = write_json(tmp_path / "map.json", {"rules": [
        {"field": "difficult", "values": [1], "class": None},
        {"field": "name", "values": ["tree"], "class": "tree"}]})
    easy = feed(tmp_path / "e.h5", image, labels / "a.xml", *WHOLE, "--class-map", rules,
                tasks="detection")
    assert [box[1:] for box in boxes_of(easy)] == [("tree", 0)]


def test_an_image_without_objects_is_background(tmp_path):
    images = [write_image(tmp_path / f"JPEGImages/{stem}.tif", value=ord(stem)) for stem in "ab"]
    write_voc(tmp_path, ("tree", 0, 1, 1, 9, 9))
    labels = write_voc(tmp_path, stem="b")
    store = feed(tmp_path / "s.h5", images, labels, *WHOLE, tasks="detection")
    assert [len(store.boxes(i)) for i in range(2)] == [1, 0]


# --- grids ------------------------------------------------------------------------------------

def test_georeferenced_images_on_their_own_and_on_a_target_grid(tmp_path):
    """Labels in pixels of the file are where the same labels on the ground are."""
    transform = rasterio.Affine(2, 0.3, 500000, 0.2, -2, 4600000)
    image = write_scene(tmp_path / "a.tif", np.full((40, 50), 9, np.uint8), transform)
    rings = [[5.3, 4.2, 30.6, 8.1, 24.2, 30.4, 9.1, 22.2], [33.3, 5.2, 47.7, 5.2, 47.7, 36.6]]
    pixels = write_json(tmp_path / "l.json", coco(
        [image_entry()], [annotation(n, 7, [ring]) for n, ring in enumerate(rings)]))
    ground = write_labels(tmp_path / "g.geojson", [
        ({"type": "Polygon", "coordinates": [[list(transform * point) for point in
                                              np.reshape(ring + ring[:2], (-1, 2))]]}, "roof")
        for ring in rings])
    for name, options in (("own", []), ("utm", ["--crs", "EPSG:32631", "--resolution", "1.5"]),
                          ("degrees", ["--crs", "EPSG:4326", "--resolution", "2e-5"])):
        stores = [feed(tmp_path / f"{name}{i}.h5", image, labels, "--tile", 20, "--stride", 13,
                       *options, *extra, tasks="instance")
                  for i, (labels, extra) in enumerate([
                      (pixels, []), (ground, ["--class-field", "class", "--classes", "tree,roof"])])]
        assert len(stores[0]) == len(stores[1]) > 4
        np.testing.assert_array_equal(stores[0].instances, stores[1].instances)
        assert stores[0].instances.max() == 2
        for i in range(len(stores[0])):
            assert [box[1:3] for box in stores[0].boxes(i)] == [box[1:3] for box in stores[1].boxes(i)]
            for found, wanted in zip(stores[0].boxes(i), stores[1].boxes(i)):
                np.testing.assert_allclose(found[0], wanted[0], atol=1e-3)


def test_tiles_of_a_labelled_image_and_threads(tmp_path):
    """Cut into tiles, the masks are crops; with any number of threads."""
    rng = np.random.default_rng(5)
    image = write_image(tmp_path / "a.tif", 100, 120)
    annotations = [annotation(n, 7, {"size": [100, 120], "counts": runs(mask)})
                   for n, mask in enumerate(blobs(rng, 100, 120, 5))]
    labels = write_json(tmp_path / "l.json", coco([image_entry(rows=100, cols=120)], annotations))
    whole = feed(tmp_path / "w.h5", image, labels, *WHOLE, tasks="segmentation")
    for threads in (1, 3):
        store = feed(tmp_path / f"{threads}.h5", image, labels, "--tile", 32, "--stride", 20,
                     "--threads", threads, tasks="segmentation")
        for tile, (col, row, cols, rows) in zip(store.masks, store.windows):
            np.testing.assert_array_equal(tile, whole.masks[0][row:row + rows, col:col + cols])


# --- what is said of the store, and what is refused ----------------------------------------------

def test_formats_may_be_stated(tmp_path, vedatile):
    image = write_image(tmp_path / "a.tif")
    labels = write_json(tmp_path / "labels.txt", coco([image_entry()], [
        annotation(1, 7, None, [1, 1, 5, 5])]))
    store = feed(tmp_path / "s.h5", image, labels, *WHOLE, "--label-format", "coco",
                 tasks="detection")
    with h5py.File(store.path) as file:
        assert json.loads(file.attrs["feed_config"])[0]["label_format"] == "coco"
    said = vedatile("feed", tmp_path / "x.h5", "--image", image, "--labels", labels, "--task",
                    "detection", code=1).stderr
    assert "labels.txt: line 1: the class is no number" in said
    shutil.copy(labels, tmp_path / "l.json")
    said = vedatile("feed", tmp_path / "x.h5", "--image", image, "--labels", tmp_path / "l.json",
                    "--label-format", "ogr", "--task", "detection", code=1).stderr
    assert "l.json" in said and "not a vector file" in said


COCO_FAULTS = {
    "a polygon of odd length": (dict(segmentation=[[1, 2, 3, 4, 5]]), "odd number of coordinates"),
    "a flat polygon": (dict(segmentation=[1, 2, 3, 4, 5, 6]), "a list of lists"),
    "text in a polygon": (dict(segmentation=[["a", 2, 3, 4, 5, 6]]), "no number"),
    "a box of three": (dict(bbox=[1, 2, 3]), "[x, y, width, height] is wanted"),
    "short run lengths": (dict(segmentation={"size": [40, 50], "counts": [5, 5]}), "do not fill"),
    "long run lengths": (dict(segmentation={"size": [40, 50], "counts": [5, 99999]}), "do not fill"),
    "negative run lengths": (dict(segmentation={"size": [40, 50], "counts": [-5, 2005]}), "do not fill"),
    "run lengths without size": (dict(segmentation={"counts": [2000]}), "do not fill"),
    "damaged run lengths": (dict(segmentation={"size": [40, 50], "counts": "5\u007f"}), "damaged at letter 2"),
    "endless run lengths": (dict(segmentation={"size": [40, 50], "counts": "oooooooooooooooo"}), "damaged"),
    "a mask of another size": (dict(segmentation={"size": [4, 5], "counts": [20]}),
                               "mask of 4 rows and 5 columns, but its image 'a.tif' has 40 and 50"),
    "an unknown category": (dict(category_id=99, bbox=[1, 1, 5, 5]), "category 99, which is not in"),
    "an unknown image": (dict(image_id=99, bbox=[1, 1, 5, 5]), "image 99, which is not in"),
    "no category": (dict(category_id=None, bbox=[1, 1, 5, 5]), "no number"),
    "outside of the image": (dict(bbox=[100, 1, 5, 5]),
                             "object 1 of image 'a.tif' lies at x 100..105 y 1..6, outside of its 50 x 40"),
    "left of the image": (dict(bbox=[-10, 1, 5, 5]), "outside of its 50 x 40"),
}


def refused(vedatile, tmp_path, image, labels, *options):
    done = vedatile("feed", tmp_path / "x.h5", "--image", image, "--labels", labels, "--task",
                    "detection", *WHOLE, *options, code=None)
    said = done.stderr
    assert done.returncode != 0
    assert said.count("\n") == 1 and not (tmp_path / "x.h5").exists()
    return said


@pytest.mark.parametrize("fault", COCO_FAULTS)
def test_coco_faults_are_named(tmp_path, vedatile, fault):
    members, text = COCO_FAULTS[fault]
    image = write_image(tmp_path / "a.tif")
    labels = write_json(tmp_path / "l.json", coco(
        [image_entry()], [{"id": 1, "image_id": 1, "category_id": 7, **members}]))
    said = refused(vedatile, tmp_path, image, labels)
    assert "l.json" in said and text in said


def test_coco_files_that_are_none(tmp_path, vedatile):
    image = write_image(tmp_path / "a.tif")
    good = coco([image_entry()], [annotation(1, 7, None, [1, 1, 5, 5])])
    labels = write_json(tmp_path / "l.json", good)
    text = labels.read_text()
    for cut in (len(text) // 3, len(text) - 3):
        labels.write_text(text[:cut])
        assert "l.json: line 1, byte" in refused(vedatile, tmp_path, image, labels)
    labels.write_text(text + "x")
    assert "more text behind the end" in refused(vedatile, tmp_path, image, labels)
    write_json(labels, {"annotations": [], "categories": []})
    assert 'there are no "images"' in refused(vedatile, tmp_path, image, labels)
    write_json(labels, coco([{"id": 1}], []))
    assert "without an id or a file_name" in refused(vedatile, tmp_path, image, labels)
    write_json(labels, coco([image_entry(), image_entry()], []))
    assert "a second image of the same id" in refused(vedatile, tmp_path, image, labels)
    labels.write_text('{"images": ' + "[" * 5000)
    assert "l.json" in refused(vedatile, tmp_path, image, labels)


def test_images_and_labels_have_to_meet(tmp_path, vedatile):
    image = write_image(tmp_path / "a.tif")
    other = write_image(tmp_path / "b.tif", value=3)
    labels = write_json(tmp_path / "l.json", coco(
        [image_entry(name="c.tif")], [annotation(1, 7, None, [1, 1, 5, 5])]))
    assert ("l.json: none of the 1 images it has labels for (such as 'c.tif') is among the scenes "
            "(such as ") in refused(vedatile, tmp_path, image, labels)
    write_json(labels, coco([image_entry()], [annotation(1, 7, None, [1, 1, 5, 5])]))
    said = vedatile("feed", tmp_path / "x.h5", "--image", image, other, "--labels", labels, "--task",
                    "detection", *WHOLE, code=1).stderr
    assert "b.tif: " in said and "l.json has no entry for this image: leave it out" in said
    write_json(labels, coco([image_entry(rows=41)], [annotation(1, 7, None, [1, 1, 5, 5])]))
    said = refused(vedatile, tmp_path, image, labels)
    assert "image 'a.tif' is 50 x 41 pixels there, but" in said and "a.tif is 50 x 40" in said
    write_json(labels, coco([image_entry(1, "x/a.tif"), image_entry(2, "y/a.tif")], []))
    assert "labels of two images fit its name, 'x/a.tif'" in refused(vedatile, tmp_path, image, labels)
    twin = write_image(tmp_path / "z/a.tif", value=5)
    write_json(labels, coco([image_entry()], []))
    said = vedatile("feed", tmp_path / "x.h5", "--image", image, twin, "--labels", labels, "--task",
                    "detection", *WHOLE, code=1).stderr
    assert "the labels of 'a.tif' fit two scenes" in said
    write_json(labels, coco([image_entry()], []))
    assert "has no object in the images" in refused(vedatile, tmp_path, image, labels)
    ground = write_labels(tmp_path / "g.geojson", [{"type": "Point", "coordinates": [1, 1]}])
    for pair in ((labels, ground), (ground, labels)):
        said = vedatile("feed", tmp_path / "x.h5", "--image", image, "--labels", *pair, "--task",
                        "detection", *WHOLE, "--width", "3px", code=1).stderr
        assert "are fed one after the other" in said


YOLO_FAULTS = {
    "0 0.5 0.5 0.1": "a class and 4 numbers (box)",
    "0 0.5 0.5 0.1 0.1 0.9": "a class and 4 numbers (box)",
    "0 0.5 0.5 0.1 0.1 0.9 0.3 0.1": "a class and 4 numbers (box)",
    "0": "a class and 4 numbers (box)",
    "roof 0.5 0.5 0.1 0.1": "the class is no number",
    "-1 0.5 0.5 0.1 0.1": "the class is no number",
    "0.5 0.5 0.5 0.1 0.1": "the class is no number",
    "7 0.5 0.5 0.1 0.1": "class 7 has no name: there are names of 2 classes",
    "0 20 15 4 4": "a coordinate that is no share",
    "0 0.5 nan 0.1 0.1": "a coordinate that is no share",
    "0 0.5 x 0.1 0.1": "what is no number",
    "0,0.5,0.5,0.1,0.1": "no number",
}


@pytest.mark.parametrize("line", YOLO_FAULTS)
def test_yolo_faults_are_named(tmp_path, vedatile, line):
    image = write_image(tmp_path / "a.tif")
    labels = write_yolo(tmp_path, f"0 0.5 0.5 0.1 0.1\n{line}\n")
    said = refused(vedatile, tmp_path, image, labels)
    assert "labels/a.txt: line 2: " in said and YOLO_FAULTS[line] in said


@pytest.mark.parametrize("names, text", [
    ("names: [a, b", "line 1: a bracket is not closed"), ("names: 'a", "line 1: a list is wanted"),
    ("names:\n  a: b\n", "line 2: names go with numbers"), ("names", 'line 1: "key: value" is wanted'),
    ("nc: 3\n", "has no names of classes"), ("names: {0 a}", '"number: name" is wanted'),
    ("names: {99999999: a}", "too large"), ("names:\n  - 'a\n", "line 2: a quote is not closed"),
    ("a\0b", "no text")])
def test_names_that_are_none(tmp_path, vedatile, names, text):
    image = write_image(tmp_path / "a.tif")
    labels = write_yolo(tmp_path, "0 0.5 0.5 0.1 0.1\n", names)
    said = refused(vedatile, tmp_path, image, labels)
    assert "data.yaml" in said and text in said


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi")) + "]>"


def test_voc_faults_are_named(tmp_path, vedatile):
    image = write_image(tmp_path / "a.tif")
    labels = write_voc(tmp_path, ("tree", 0, 1, 1, 9, 9))
    path = labels / "a.xml"
    good = path.read_text()
    for old, new, text in (
            ("<name>tree</name>", "", "object 1 has no <name>"),
            ("<xmax>9</xmax>", "", "object 1 has no <bndbox> of four numbers"),
            ("<xmax>9</xmax>", "<xmax>nine</xmax>", "object 1 has no <bndbox> of four numbers"),
            ("<xmax>9</xmax>", "<xmax>-9</xmax>", "object 1 has a box whose end is before its begin"),
            ("<width>50</width>", "<width>500</width>", "image 'a' is 500 x 40 pixels there, but"),
            ("<xmin>1</xmin>", "<xmin>51</xmin>", "end is before its begin"),
            ("<annotation>", "<annotations>", "a.xml")):
        path.write_text(good.replace(old, new, 1))
        assert text in refused(vedatile, tmp_path, image, labels)
    path.write_text(good[:-20])
    assert "a.xml" in refused(vedatile, tmp_path, image, labels)
    path.write_text(BOMB + good.replace("tree", "&i;"))
    said = vedatile("feed", tmp_path / "x.h5", "--image", image, "--labels", labels, "--task",
                    "detection", *WHOLE, code=None, timeout=20)
    assert said.returncode == 1 or Store(tmp_path / "x.h5").classes == ["&i;"]


def test_fields_and_conditions_that_there_are_not(tmp_path, vedatile):
    image = write_image(tmp_path / "a.tif")
    labels = write_json(tmp_path / "l.json", coco([image_entry()], [annotation(1, 7, None, [1, 1, 5, 5])]))
    assert "COCO has no field 'kind': it has name, supercategory, id" in refused(
        vedatile, tmp_path, image, labels, "--class-field", "kind")
    assert "no fields but those of their classes: 'w'" in refused(
        vedatile, tmp_path, image, labels, "--width", "field:w")
    rules = write_json(tmp_path / "map.json", {"rules": [{"where": "a > 3", "class": "x"}]})
    assert "conditions of a class map are for OGR's files" in refused(
        vedatile, tmp_path, image, labels, "--class-map", rules)
