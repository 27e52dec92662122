"""Folders of COCO, YOLO and Pascal VOC as people have them, imported with one command."""
import json

import h5py
import numpy as np
import pytest
from exports import export, feed as feed_olinda
from reference import Store, write_scene
from test_label_images import annotation, boxes_of, coco, image_entry, write_json, write_voc


def write_image(path, value, rows=40, cols=50, bands=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((bands, rows, cols), value, np.uint8)
    return write_scene(path, pixels, crs=None)


def imported(vedatile, store, folder, form, *options):
    done = vedatile("import", store, folder, "--format", form, "--codec", "deflate", "--json", *options)
    return json.loads(done.stdout)


def refused(vedatile, store, folder, form, *options):
    said = vedatile("import", store, folder, "--format", form, *options, code=1).stderr
    assert said.count("\n") == 1 and not store.exists()
    return said


def counts(path):
    with h5py.File(path) as file:
        return {name: len(item["samples"]) for name, item in file.items()
                if isinstance(item, h5py.Group) and "samples" in item}


# --- COCO -------------------------------------------------------------------------------------

def write_coco(folder, splits=(("train2017", "ab"), ("val2017", "c"))):
    """annotations/instances_SPLIT.json and SPLIT/*.tif, with captions that are none of our business."""
    (folder / "annotations").mkdir(parents=True)
    for split, names in splits:
        for name in names:
            write_image(folder / split / f"{name}.tif", ord(name))
        images = [image_entry(number, f"{name}.tif") for number, name in enumerate(names)]
        write_json(folder / f"annotations/instances_{split}.json", coco(
            images, [annotation(number, 7, [[2, 2, 20, 2, 20, 12.4, 2, 12.4]], image=number)
                     for number in range(len(names))]))
        write_json(folder / f"annotations/captions_{split}.json", {
            "images": images, "annotations": [{"id": 1, "image_id": 0, "caption": "a roof"}]})
    return folder


def test_coco_as_it_is_downloaded(tmp_path, vedatile, store):
    report = imported(vedatile, store, write_coco(tmp_path / "coco"), "coco")
    assert report["written"] == 3 and report["boxes"] == 3 and report["left_out"] == 0
    assert counts(store) == {"train": 2, "validate": 1}
    train = Store(store)
    assert train.classes == ["tree", "roof"] and train.images.shape == (2, 3, 40, 50)
    for i in range(2):
        assert boxes_of(train, i) == [([2, 2, 20, 12.4], "roof", int(train.images[i, 0, 0, 0]) - ord("a"))]
        expected = np.zeros((40, 50), int)
        expected[2:12, 2:20] = 1
        np.testing.assert_array_equal(train.instances[i], expected)
        np.testing.assert_array_equal(train.masks[i], expected * 2)
    again = imported(vedatile, store, tmp_path / "coco", "coco")
    assert again["written"] == 0 and again["existing"] == 3
    vedatile("check", store)


def test_coco_beside_its_images(tmp_path, vedatile, store):
    """As Roboflow writes it: SPLIT/_annotations.coco.json; --group and --task decide otherwise."""
    for split, name in (("train", "a"), ("valid", "b"), ("test", "c")):
        write_image(tmp_path / "coco" / split / f"{name}.tif", ord(name))
        write_json(tmp_path / f"coco/{split}/_annotations.coco.json", coco(
            [image_entry(0, f"{name}.tif")], [annotation(1, 2, None, [1, 1, 9, 9], image=0)]))
    imported(vedatile, store, tmp_path / "coco", "coco", "--task", "detection")
    assert counts(store) == {"test": 1, "train": 1, "validate": 1}
    with h5py.File(store) as file:
        assert list(file["train/labels"]) == ["box_class", "box_feature", "box_offsets", "box_visible",
                                              "boxes"]
    other = tmp_path / "other.h5"
    imported(vedatile, other, tmp_path / "coco", "coco", "--group", "all")
    assert counts(other) == {"all": 3}


def test_sizes_have_to_be_one(tmp_path, vedatile, store):
    folder = write_coco(tmp_path / "coco")
    write_image(folder / "train2017/b.tif", 9, 60, 30)
    document = json.loads((folder / "annotations/instances_train2017.json").read_text())
    document["images"][1].update(width=30, height=60)
    write_json(folder / "annotations/instances_train2017.json", document)
    said = refused(vedatile, store, folder, "coco")
    assert "train2017/b.tif: 30 x 60 pixels" in said and "a.tif is 50 x 40" in said
    assert "--tile 50x60 fills smaller ones up" in said
    said = refused(vedatile, store, folder, "coco", "--tile", "50")
    assert "b.tif: 30 x 60 pixels" in said and "--tile 50x60 holds every image" in said
    assert imported(vedatile, store, folder, "coco", "--tile", "50x60")["written"] == 3
    for i, mask in enumerate(Store(store).masks):
        rows, cols = (60, 30) if Store(store).images[i, 0, 0, 0] == 9 else (40, 50)
        assert (mask[rows:] == 255).all() and (mask[:, cols:] == 255).all()
        assert not (mask[:rows, :cols] == 255).any()


def test_grey_images_among_colours_are_left_out(tmp_path, vedatile, store):
    """As there are some in COCO: named, counted, and the rest goes on."""
    folder = write_coco(tmp_path / "coco")
    write_image(folder / "train2017/a.tif", 5, bands=1)
    done = vedatile("import", store, folder, "--format", "coco")
    assert "a.tif: left out: 1 bands of uint8, where most images have 3 of uint8" in done.stderr
    assert "2 samples written" in done.stdout and "1 left out" in done.stdout
    assert counts(store) == {"train": 1, "validate": 1}


def test_missing_and_ambiguous_images(tmp_path, vedatile, store):
    folder = write_coco(tmp_path / "coco")
    (folder / "train2017/b.tif").rename(folder / "b.tif.away")
    said = refused(vedatile, store, folder, "coco")
    assert "instances_train2017.json: names the image 'b.tif', which is not below" in said
    for where in ("x", "y"):
        write_image(folder / where / "b.tif", 1)
    assert "several files below" in refused(vedatile, store, folder, "coco")
    (folder / "annotations/instances_val2017.json").write_text("{")
    (folder / "annotations/instances_train2017.json").write_text('{"images": [')
    assert "instances_train2017.json: line 1" in refused(vedatile, store, folder, "coco")


# --- YOLO -------------------------------------------------------------------------------------

def write_yolo(folder, form):
    """images/SPLIT + labels/SPLIT as Ultralytics has it, or SPLIT/images + SPLIT/labels."""
    for split, stem in (("train", "a"), ("train", "b"), ("val", "a")):
        pair = ("images/{}", "labels/{}") if form == "ultralytics" else ("{}/images", "{}/labels")
        images, labels = (folder / name.format(split) for name in pair)
        labels.mkdir(parents=True, exist_ok=True)
        write_image(images / f"{stem}.tif", ord(stem) + len(split))
        if stem == "a":
            (labels / "a.txt").write_text(f"{int(split == 'val')} 0.5 0.5 0.2 0.1\n")
    return folder


YAMLS = {
    "ultralytics": "path: ../datasets/elsewhere\ntrain: images/train\nval: images/val\nnames: [roof, tree]\n",
    "roboflow": "train: ../train/images\nval: ../val/images\nnc: 2\nnames: ['roof', 'tree']\n",
}


@pytest.mark.parametrize("form", YAMLS)
@pytest.mark.parametrize("yaml", [True, False], ids=["data.yaml", "names only"])
def test_yolo_as_others_write_it(tmp_path, vedatile, store, form, yaml):
    folder = write_yolo(tmp_path / "yolo", form)
    if yaml:
        (folder / "data.yaml").write_text(YAMLS[form])
    else:
        (folder / "classes.txt").write_text("roof\ntree\n")
    (folder / "README.dataset.txt").write_text("# from somewhere\n")
    report = imported(vedatile, store, folder, "yolo")
    assert report["written"] == 3 and report["boxes"] == 2
    assert counts(store) == {"train": 2, "validate": 1}
    train, validate = Store(store), Store(store, "validate")
    assert train.classes == ["roof", "tree"]
    boxes = {int(train.images[i, 0, 0, 0]): boxes_of(train, i) for i in range(2)}
    assert boxes == {ord("a") + 5: [([20, 18, 30, 22], "roof", 0)], ord("b") + 5: []}
    assert boxes_of(validate)[0][1] == "tree"


# --- Pascal VOC -------------------------------------------------------------------------------

def test_voc_with_and_without_sets(tmp_path, vedatile):
    folder = tmp_path / "voc"
    for stem in "abc":
        write_image(folder / f"JPEGImages/{stem}.tif", ord(stem))
        write_image(folder / f"SegmentationClass/{stem}.png.tif", 0)
        write_voc(folder, ("tree", 0, 1, 1, 9, 9), stem=stem)
    for path in (folder / "SegmentationClass").iterdir():
        path.rename(path.with_name(path.name.replace(".png.tif", ".tif")))
    assert imported(vedatile, tmp_path / "plain.h5", folder, "voc")["written"] == 3
    assert counts(tmp_path / "plain.h5") == {"train": 3}
    (folder / "ImageSets/Main").mkdir(parents=True)
    (folder / "ImageSets/Main/train.txt").write_text("a\nc\n")
    (folder / "ImageSets/Main/val.txt").write_text("b\n")
    (folder / "ImageSets/Main/trainval.txt").write_text("a\nb\nc\n")
    (folder / "ImageSets/Main/tree_train.txt").write_text("a  1\nb -1\n")
    assert imported(vedatile, tmp_path / "sets.h5", folder, "voc")["boxes"] == 3
    assert counts(tmp_path / "sets.h5") == {"train": 2, "validate": 1}
    (folder / "ImageSets/Main/val.txt").write_text("b\nnosuch\n")
    said = refused(vedatile, tmp_path / "x.h5", folder, "voc")
    assert "val.txt: line 2: there is no image 'nosuch' below" in said


# --- what is none -----------------------------------------------------------------------------

def test_folders_that_are_none(tmp_path, vedatile, store):
    (tmp_path / "empty").mkdir()
    for form in ("coco", "yolo", "voc"):
        assert "empty: " in refused(vedatile, store, tmp_path / "empty", form)
        assert "nosuch: no such folder" in refused(vedatile, store, tmp_path / "nosuch", form)
    write_json(tmp_path / "empty/a.json", {"a": 1})
    assert "neither an export (it has no vedatile.json)" in refused(
        vedatile, store, tmp_path / "empty", "coco")
    assert "no vedatile.json" in refused(vedatile, store, tmp_path / "empty", "npz")


def test_exports_of_ours_keep_their_way(tmp_path, vedatile):
    """They come back exactly, and take neither --tile nor --task."""
    source = feed_olinda(tmp_path / "o.h5", tasks="detection,instance")
    export(source, tmp_path / "coco", "coco", "--bands", "3,2,1")
    said = vedatile("import", tmp_path / "x.h5", tmp_path / "coco", "--format", "coco", "--tile", "64",
                    code=None)
    assert said.returncode != 0 and "leave --tile and --task out" in said.stderr
    imported(vedatile, tmp_path / "back.h5", tmp_path / "coco", "coco")
    np.testing.assert_array_equal(Store(tmp_path / "back.h5").instances, Store(source).instances)
