"""YOLO, Pascal VOC, NPZ and WebDataset as others read them."""
import io
import json
import tarfile
import xml.etree.ElementTree as ElementTree
import zipfile

import numpy as np
import pytest
import rasterio
import rasterio.errors
import yaml
from exports import ALL_TASKS, export, feed, group, keys

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    return feed(folder / "split.h5", "--stride", 40, "--split", "train=0.6,validate=0.4",
                "--split-by", "random")


@pytest.fixture(scope="module")
def boxes_only(tmp_path_factory):
    return feed(tmp_path_factory.mktemp("boxes") / "boxes.h5", tasks="detection")


def boxes_of(arrays, i):
    first, end = arrays["labels/box_offsets"][i:i + 2].astype(int)
    return slice(first, end)


def inside(points, rows, cols):
    """Even-odd at the centres of pixels, by counting crossings to the left of each."""
    crossings = np.zeros((rows, cols), int)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0)):
        if y0 == y1:
            continue
        for row in range(rows):
            y = row + 0.5
            if min(y0, y1) <= y < max(y0, y1):
                x = x0 + (x1 - x0) * (y - y0) / (y1 - y0)
                crossings[row] += np.arange(cols) + 0.5 > x
    return crossings % 2 == 1


# --- YOLO ------------------------------------------------------------------------------------------

def test_yolo_boxes(boxes_only, tmp_path):
    export(boxes_only, tmp_path / "out", "yolo")
    arrays = group(boxes_only)
    for i, key in enumerate(keys(boxes_only)):
        text = (tmp_path / f"out/labels/train/{key}.txt").read_text()
        rows = np.array([line.split() for line in text.splitlines()], float).reshape(-1, 5)
        box = arrays["labels/boxes"][boxes_of(arrays, i)].astype(float)
        assert (rows[:, 0] == arrays["labels/box_class"][boxes_of(arrays, i)]).all()
        assert ((rows[:, 1:] >= 0) & (rows[:, 1:] <= 1)).all()
        back = np.hstack([(rows[:, 1:3] - rows[:, 3:] / 2) * 64, (rows[:, 1:3] + rows[:, 3:] / 2) * 64])
        assert np.abs(back - box).max(initial=0) < 1e-6


def test_yolo_segments_cover_the_pixels_of_their_objects(split, tmp_path):
    export(split, tmp_path / "out", "yolo", "--group", "train")
    arrays, several = group(split), 0
    for i, key in list(enumerate(keys(split)))[:12]:
        lines = (tmp_path / f"out/labels/train/{key}.txt").read_text().splitlines()
        for number, line in enumerate(lines, 1):
            points = np.array(line.split()[1:], float).reshape(-1, 2) * 64
            expected = arrays["labels/instances"][i] == number
            if expected.any():
                assert (inside(points, 64, 64) == expected).all()
                several += len(points) > len({tuple(p) for p in points.tolist()})
            else:
                assert not inside(points, 64, 64).any(), "an object without pixels covers none"
                assert len(points) == 8
    assert several > 0, "objects of several parts"


def test_yolo_yaml(split, tmp_path):
    export(split, tmp_path / "out", "yolo", "--bands", "3,2,1")
    data = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert data == {"path": ".", "train": "images/train", "val": "images/validate",
                    "names": {0: "RURAL", 1: "URBANO"}}
    for name in "train", "validate":
        images = {path.stem for path in (tmp_path / f"out/images/{name}").glob("*.png")}
        assert images == {path.stem for path in (tmp_path / f"out/labels/{name}").iterdir()}


def test_yolo_names_that_yaml_would_read_otherwise(tmp_path):
    labels = {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"kind": kind}, "geometry": {
            "type": "Polygon", "coordinates": [[[x, 4], [x + 9, 4], [x + 9, 9], [x, 9], [x, 4]]]}}
        for x, kind in ((2, "yes"), (14, "a: b"), (26, 'c"#'), (38, "über"))]}
    (tmp_path / "labels.geojson").write_text(json.dumps(labels))
    with rasterio.open(tmp_path / "scene.tif", "w", driver="GTiff", width=64, height=64, count=1,
                       dtype="uint8") as file:
        file.write(np.zeros((1, 64, 64), np.uint8))
    store = feed(tmp_path / "store.h5", tasks="detection", image=tmp_path / "scene.tif",
                 labels=tmp_path / "labels.geojson", field="kind")
    export(store, tmp_path / "out", "yolo")
    data = yaml.safe_load((tmp_path / "out/data.yaml").read_text(encoding="utf-8"))
    assert sorted(data["names"].values()) == sorted(["yes", "a: b", 'c"#', "über"])
    export(store, tmp_path / "voc", "voc")
    (path,) = (tmp_path / "voc/Annotations").iterdir()
    names = [item.text for item in ElementTree.parse(path).getroot().iter("name")]
    assert sorted(names) == sorted(["yes", "a: b", 'c"#', "über"])


# --- Pascal VOC --------------------------------------------------------------------------------------

def test_voc_boxes_come_back_exactly(split, tmp_path):
    export(split, tmp_path / "out", "voc")
    for name in "train", "validate":
        arrays = group(split, name)
        listed = (tmp_path / f"out/ImageSets/Main/{name}.txt").read_text().split()
        assert listed == keys(split, name)
        for i, key in enumerate(listed):
            root = ElementTree.parse(tmp_path / f"out/Annotations/{key}.xml").getroot()
            assert (tmp_path / "out/JPEGImages" / root.findtext("filename")).is_file()
            assert [root.findtext(f"size/{side}") for side in ("width", "height", "depth")] == \
                ["64", "64", "6"]
            boxes = arrays["labels/boxes"][boxes_of(arrays, i)]
            for item, box, kind, share in zip(
                    root.iter("object"), boxes, arrays["labels/box_class"][boxes_of(arrays, i)],
                    arrays["labels/box_visible"][boxes_of(arrays, i)], strict=True):
                corner = {side: float(item.findtext(f"bndbox/{side}"))
                          for side in ("xmin", "ymin", "xmax", "ymax")}
                back = [corner["xmin"] - 1, corner["ymin"] - 1, corner["xmax"], corner["ymax"]]
                assert (np.array(back, np.float32) == box).all()
                assert item.findtext("name") == ("RURAL", "URBANO")[kind]
                assert item.findtext("truncated") == str(int(share < 1))


def test_voc_counts_from_one(tmp_path, boxes_only):
    """A box over the whole tile names its first pixel 1 and its last 64."""
    export(boxes_only, tmp_path / "out", "voc")
    roots = [ElementTree.parse(path).getroot() for path in (tmp_path / "out/Annotations").iterdir()]
    for side in "x", "y":
        assert min(float(e.text) for root in roots for e in root.iter(side + "min")) == 1
        assert max(float(e.text) for root in roots for e in root.iter(side + "max")) == 64


def test_voc_masks(split, tmp_path):
    export(split, tmp_path / "out", "voc", "--group", "train")
    arrays = group(split)
    for i, key in enumerate(keys(split)):
        with rasterio.open(tmp_path / f"out/SegmentationClass/{key}.png") as file:
            assert (file.read(1) == arrays["labels/mask"][i]).all()
        with rasterio.open(tmp_path / f"out/SegmentationObject/{key}.png") as file:
            assert (file.read(1) == arrays["labels/instances"][i]).all()


# --- NPZ -----------------------------------------------------------------------------------------------

LABELS = ("onehot", "mask", "instances")
COLUMNS = ("boxes", "box_class", "box_feature", "box_visible")


def assert_arrays(have, arrays, i, about):
    for name in LABELS:
        expected = arrays[f"labels/{name}"][i]
        assert have[name].dtype == expected.dtype and (have[name] == expected).all()
    for name in COLUMNS:
        expected = arrays[f"labels/{name}"][boxes_of(arrays, i)]
        assert have[name].dtype == expected.dtype and have[name].shape == expected.shape
        assert (have[name] == expected).all()
    assert about["key"] == arrays["samples"]["key"][i].decode()
    assert about["geotransform"] == arrays["samples"]["geotransform"][i].tolist()


def test_npz_is_numpys(split, tmp_path):
    export(split, tmp_path / "out", "npz")
    for name in "train", "validate":
        arrays = group(split, name)
        for i, key in enumerate(keys(split, name)):
            with np.load(tmp_path / f"out/samples/{name}/{key}.npz", allow_pickle=False) as file:
                assert file["image"].dtype == arrays["images"].dtype
                assert (file["image"] == arrays["images"][i]).all()
                assert_arrays(file, arrays, i, json.loads(file["about"].item()))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32",
                                   "float64"])
def test_npz_of_every_type(tmp_path, dtype, vedatile):
    pixels = (np.random.default_rng(2).normal(size=(2, 64, 64)) * 50).astype(dtype)
    with rasterio.open(tmp_path / "scene.tif", "w", driver="GTiff", width=64, height=64, count=2,
                       dtype=dtype) as file:
        file.write(pixels)
    vedatile("feed", tmp_path / "store.h5", "--image", tmp_path / "scene.tif", "--tile", 64)
    export(tmp_path / "store.h5", tmp_path / "out", "npz", "--bands", "2,1")
    (path,) = (tmp_path / "out/samples/train").iterdir()
    with np.load(path) as file:
        assert file["image"].dtype == dtype and (file["image"] == pixels[::-1]).all()
        assert set(file.files) == {"image", "about"}


# --- WebDataset ------------------------------------------------------------------------------------------

def samples_of(paths):
    """Files of a sample follow each other and share their name up to the first dot."""
    found = []
    for path in paths:
        with tarfile.open(path) as file:
            for member in file:
                key, _, suffix = member.name.partition(".")
                if not found or found[-1]["__key__"] != key:
                    found.append({"__key__": key})
                assert suffix not in found[-1]
                found[-1][suffix] = file.extractfile(member).read()
    return found


def test_webdataset_shards(split, tmp_path):
    export(split, tmp_path / "out", "webdataset", "--shard", 10)
    for name in "train", "validate":
        arrays, names = group(split, name), keys(split, name)
        paths = sorted((tmp_path / "out").glob(f"{name}-*.tar"))
        assert [path.name for path in paths] == \
            [f"{name}-{i:06}.tar" for i in range((len(names) + 9) // 10)]
        samples = samples_of(paths)
        assert [sample["__key__"] for sample in samples] == names
        for i, sample in enumerate(samples):
            about = json.loads(sample["json"])
            have = {"mask": np.load(io.BytesIO(sample["mask.npy"])),
                    "instances": np.load(io.BytesIO(sample["instances.npy"])),
                    "onehot": np.isin([0, 1], about["onehot"]).astype(np.uint8),
                    "boxes": np.array(about["boxes"], np.float32).reshape(-1, 4),
                    "box_class": np.array(about["box_class"], np.uint16),
                    "box_feature": np.array(about["box_feature"], np.int64),
                    "box_visible": np.array(about["box_visible"], np.float32)}
            assert (np.load(io.BytesIO(sample["npy"])) == arrays["images"][i]).all()
            assert_arrays(have, arrays, i, about)
            onehot = arrays["labels/onehot"][i]
            assert ("cls" in sample) == (onehot.sum() == 1)
            if "cls" in sample:
                assert int(sample["cls"]) == onehot.argmax()


def test_webdataset_pictures(split, tmp_path):
    export(split, tmp_path / "out", "webdataset", "--picture", "png", "--bands", "1,2,3",
           "--group", "train")
    for sample, expected in zip(samples_of([tmp_path / "out/train-000000.tar"]),
                                group(split)["images"], strict=True):
        with rasterio.MemoryFile(sample["png"]) as memory, memory.open() as file:
            assert (file.read() == expected[:3]).all()
        assert "npy" not in sample and "mask.npy" in sample


@pytest.mark.parametrize("form", ["npz", "webdataset"])
def test_archives_are_equal_byte_for_byte(split, tmp_path, form):
    for name in "a", "b":
        export(split, tmp_path / name, form)
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert files
    for path in files:
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == other.read_bytes()


def test_archives_know_no_time_and_no_owner(boxes_only, tmp_path):
    export(boxes_only, tmp_path / "tar", "webdataset")
    export(boxes_only, tmp_path / "zip", "npz")
    with tarfile.open(tmp_path / "tar/train-000000.tar") as file:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in file} == \
            {(0, 0, 0, "", "", 0o644)}
    path = next((tmp_path / "zip/samples/train").iterdir())
    with zipfile.ZipFile(path) as file:
        assert {info.date_time[0] for info in file.infolist()} == {1980}
        assert {info.compress_type for info in file.infolist()} == {zipfile.ZIP_STORED}


def test_options_of_one_format_are_refused_by_others(split, tmp_path):
    for form, options in ("npz", ["--picture", "png"]), ("coco", ["--shard", 5]):
        assert export(split, tmp_path / "out", form, *options, code=2).stderr
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("task", ALL_TASKS.split(","))
@pytest.mark.parametrize("form", ["coco", "yolo", "voc", "geotiff", "npz", "webdataset"])
def test_every_task_in_every_format(tmp_path, task, form):
    store = feed(tmp_path / "store.h5", tasks=task)
    needs_boxes = form in ("coco", "yolo", "voc")
    fits = not needs_boxes or task in ("detection", "instance")
    done = export(store, tmp_path / "out", form, code=0 if fits else 1)
    assert (tmp_path / "out").is_dir() == fits
    assert "25 samples" in done.stdout if fits else "no boxes" in done.stderr
