"""Samples by hand in every form of label, what is refused, and whole label files as the command
feeds them."""
import array
import json
import os
import signal
import warnings

import h5py
import numpy as np
import pytest
import vedatile
from osgeo import gdal
from scenes import OLINDA, SECTORS, command, digest, make_scene, report

ROWS, COLS = 8, 12
CLASSES = ["car", "roof"]
MASK = (np.arange(ROWS * COLS).reshape(ROWS, COLS) % 3).astype(np.uint8)
IGNORED = np.where(MASK == 1, 255, MASK).astype(np.uint8)
INSTANCES = (MASK > 0).astype(np.uint16)
BOX = [1, 2, 5.5, 8]
ALL = ["classification", "detection", "segmentation", "instance"]


@pytest.fixture
def scene(tmp_path):
    make_scene(tmp_path / "scene.tif", shape=(3, 100, 100), nodata=7)
    return vedatile.Scene(tmp_path / "scene.tif")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store.h5")


def window_of(scene, number=0):
    return scene.window(number % 80, number // 80, COLS, ROWS)


def arrays(store, group="train"):
    """The labels of a group's samples, as h5py reads them, which locks the file."""
    store.flush()
    with h5py.File(store.path) as file:
        labels = {name: data[()] for name, data in file[group + "/labels"].items()}
    if "box_offsets" in labels:
        assert labels.pop("box_offsets").tolist() == [0, len(labels["boxes"])]
    return labels


# --- forms of labels -----------------------------------------------------------------------------

@pytest.mark.parametrize("label, onehot", [
    ([1, 0], [1, 0]), ((0, 0), [0, 0]), ([True, True], [1, 1]), ([np.int64(0), np.bool_(True)], [0, 1]),
    ("roof", [0, 1]), (["roof"], [0, 1]), (["roof", "car"], [1, 1]), (("car", "car"), [1, 0]),
    (np.array([0, 1], np.uint8), [0, 1]), (np.array([True, False]), [1, 0]),
    (array.array("B", [1, 1]), [1, 1]), (b"\0\1", None),
])
def test_classification(scene, path, label, onehot):
    store = vedatile.Store(path, mltype="classification", classes=CLASSES)
    if onehot is None:
        with pytest.raises(vedatile.ArgumentError):
            store.feed([(window_of(scene), label)])
        return
    assert store.feed([(window_of(scene), label)]) == {"written": 1, "existing": 0}
    assert store[0].y.tolist() == onehot and store[0].y.dtype == np.uint8
    assert arrays(store)["onehot"].tolist() == [onehot]


def expected_boxes(*boxes):
    return {"boxes": [box for box, _ in boxes], "box_class": [number for _, number in boxes],
            "box_feature": [-1] * len(boxes), "box_visible": [1] * len(boxes)}


@pytest.mark.parametrize("mltype", ["detection", "object_detection"])
@pytest.mark.parametrize("label, wanted", [
    ([[], []], expected_boxes()),
    ([], expected_boxes()),
    ([[BOX], []], expected_boxes((BOX, 0))),
    ([[], [BOX, (0, 0, 12, 8)]], expected_boxes((BOX, 1), ([0, 0, 12, 8], 1))),
    ([np.array([BOX]), np.zeros((0, 4))], expected_boxes((BOX, 0))),
    ([(BOX, "roof"), (BOX, 0)], expected_boxes((BOX, 1), (BOX, 0))),
    ([(np.array(BOX), np.uint16(1))], expected_boxes((BOX, 1))),
    ({"boxes": [], "classes": []}, expected_boxes()),
    ({"boxes": np.array([BOX], np.float32), "classes": np.array([1])}, expected_boxes((BOX, 1))),
    ({"boxes": [BOX], "classes": ["roof"], "visible": [0.5], "features": [2 ** 40]},
     {"boxes": [BOX], "box_class": [1], "box_feature": [2 ** 40], "box_visible": [0.5]}),
])
def test_detection(scene, path, mltype, label, wanted):
    store = vedatile.Store(path, mltype=mltype, classes=CLASSES)
    store.feed([(window_of(scene), label)])
    by_class = [[box for box, k in zip(wanted["boxes"], wanted["box_class"]) if k == number]
                for number in range(2)]
    assert store[0].y == by_class
    assert store[0].boxes.tolist() == wanted["boxes"]
    assert store[0].box_class.tolist() == wanted["box_class"]
    assert {name: data.tolist() for name, data in arrays(store).items()} == wanted


@pytest.mark.parametrize("mask", [MASK, IGNORED, np.zeros_like(MASK)])
def test_segmentation(scene, path, mask):
    store = vedatile.Store(path, mltype="segmentation", classes=CLASSES, codec="raw")
    store.feed([(window_of(scene), mask)])
    assert np.array_equal(store[0].y, mask) and store[0].y.dtype == np.uint8
    assert np.array_equal(arrays(store)["mask"][0], mask)
    assert store[0].classes == [CLASSES[i - 1] for i in (1, 2) if (mask == i).any()]


def test_many_classes_make_masks_of_16_bits(scene, path):
    classes = [f"class {i}" for i in range(300)]
    mask = (np.arange(ROWS * COLS).reshape(ROWS, COLS) + 210).astype(np.uint16)
    mask[mask > 300] = 65535
    store = vedatile.Store(path, mltype="segmentation", classes=classes)
    store.feed([(window_of(scene), mask)])
    assert np.array_equal(store[0].y, mask) and store[0].y.dtype == np.uint16
    for wrong in (MASK, mask - 1):  # 8 bits; 65534
        with pytest.raises(vedatile.ArgumentError, match="mask: "):
            store.feed([(window_of(scene, 1), wrong)])


def test_instance(scene, path):
    store = vedatile.Store(path, mltype="instance", classes=CLASSES, codec="raw")
    store.feed([(window_of(scene), {"instances": INSTANCES, "boxes": [BOX], "classes": ["roof"]})])
    y = store[0].y
    assert np.array_equal(y["instances"], INSTANCES)
    assert y["boxes"].tolist() == [BOX] and y["classes"].tolist() == [1]
    assert np.array_equal(arrays(store)["instances"][0], INSTANCES)


def every_label():
    return {"classification": "car", "detection": [(BOX, "roof")], "segmentation": MASK,
            "instance": INSTANCES}


def test_several_tasks(scene, path):
    store = vedatile.Store(path, mltype=ALL, classes=CLASSES, codec="raw")
    store.feed([(window_of(scene), every_label())])
    y = store[0].y
    assert list(y) == store.mltype == ALL
    assert y["classification"].tolist() == [1, 0] and y["detection"] == [[], [BOX]]
    assert np.array_equal(y["segmentation"], MASK) and np.array_equal(y["instance"], INSTANCES)
    assert set(arrays(store)) == {"onehot", "boxes", "box_class", "box_feature", "box_visible",
                                 "mask", "instances"}
    for task in ALL:
        label = every_label()
        del label[task]
        with pytest.raises(vedatile.ArgumentError, match="one label for each task"):
            store.feed([(window_of(scene, 1), label)])


def test_no_task(scene, path):
    store = vedatile.Store(path)
    store.feed([(window_of(scene), None)])
    assert store[0].y is None and store.mltype is None and store[0].classes == []
    with pytest.raises(vedatile.ArgumentError, match="no labels"):
        store.feed([(window_of(scene, 1), [1])])


@pytest.mark.parametrize("mltype", [*ALL, ALL, ["detection", "instance"], None])
def test_what_a_sample_gives_can_be_fed(scene, path, mltype):
    label = every_label()
    label["instance"] = {"instances": INSTANCES, "boxes": [BOX], "classes": ["roof"]}
    if isinstance(mltype, str) or mltype is None:
        label = label.get(mltype)
    else:
        label = {task: label[task] for task in mltype}
    store = vedatile.Store(path, mltype=mltype, classes=None if mltype is None else CLASSES)
    store.feed([(window_of(scene), label)])
    again = vedatile.Store(path + "2.h5", mltype=mltype,
                           classes=None if mltype is None else CLASSES)
    again.feed([(window_of(scene), store[0].y)])
    store.close()
    again.close()
    assert digest(path) == digest(path + "2.h5")


# --- refusals ------------------------------------------------------------------------------------

INSTANCE = {"instances": INSTANCES, "boxes": [BOX], "classes": [1]}
REFUSED = [
    ("classification", [1], "1 values for 2 classes"),
    ("classification", [1, 0, 0], "3 values for 2 classes"),
    ("classification", [], "0 values for 2 classes"),
    ("classification", [2, 0], "0 and 1"),
    ("classification", [-1, 0], "0 and 1"),
    ("classification", [1.0, 0.0], "0 and 1"),
    ("classification", [np.float64(1), 0], "0 and 1"),
    ("classification", 1, "0 and 1"),
    ("classification", None, "0 and 1"),
    ("classification", {"car": 1, "roof": 0}, "0 and 1"),
    ("classification", ["car", 1], "0 and 1"),
    ("classification", "lorry", "no class 'lorry'; there is: car, roof"),
    ("classification", np.array([1, 0]), "uint8"),
    ("classification", np.array([1, 0, 0], np.uint8), r"\[2\] is wanted"),
    ("classification", np.array([[1, 0]], np.uint8), r"\[2\] is wanted"),
    ("classification", np.array([1, 2], np.uint8), "value 2 of class 1"),
    ("detection", [[BOX]], "1 lists of boxes for 2 classes"),
    ("detection", [[], [], []], "3 lists of boxes for 2 classes"),
    ("detection", BOX, "list over classes"),
    ("detection", None, "list over classes"),
    ("detection", "car", "list over classes"),
    ("detection", [[[1, 2, 3]], []], "box 0"),
    ("detection", [[[1, 2, 3, "4"]], []], "box 0"),
    ("detection", [[1, 2, 3, 4], []], "box 0"),
    ("detection", [[BOX, [5, 2, 1, 8]], []], r"box 1 \[5, 2, 1, 8\] is empty or inverted"),
    ("detection", [[[1, 2, 1, 8]], []], "empty or inverted"),
    ("detection", [[[1, 8, 5, 2]], []], "empty or inverted"),
    ("detection", [[[1, 2, np.nan, 8]], []], "not finite"),
    ("detection", [[[-np.inf, 2, 3, 8]], []], "not finite"),
    ("detection", [[[0, 0, 1e300, 8]], []], "not finite"),
    ("detection", [[[0, 0, 10 ** 400, 8]], []], "box 0"),
    ("detection", [[[0, 0, 12.5, 8]], []], "outside the tile"),
    ("detection", [[[0, 0, 12, 8.01]], []], "outside the tile"),
    ("detection", [[[-1, 0, 12, 8]], []], "outside the tile"),
    ("detection", [[[0, -0.5, 12, 8]], []], "outside the tile"),
    ("detection", [(BOX, 2)], "class 2: there are 2 classes"),
    ("detection", [(BOX, -1)], "class -1"),
    ("detection", [(BOX, True)], "class True"),
    ("detection", [(BOX, "lorry")], "lorry"),
    ("detection", [(BOX, 0), BOX], "box 1: 0: "),
    ("detection", {"boxes": [BOX]}, "boxes, classes"),
    ("detection", {"boxes": [BOX], "classes": [0], "colour": [1]}, "colour"),
    ("detection", {"boxes": [BOX], "classes": []}, "0 values for 1 boxes"),
    ("detection", {"boxes": [BOX], "classes": [0, 1]}, "2 values for 1 boxes"),
    ("detection", {"boxes": [BOX], "classes": [0], "visible": []}, "box_visible: 0 values"),
    ("detection", {"boxes": [BOX], "classes": [0], "visible": [1.5]}, "visible share of 1.5"),
    ("detection", {"boxes": [BOX], "classes": [0], "visible": [np.nan]}, "visible share"),
    ("detection", {"boxes": [BOX], "classes": [0], "features": [2 ** 63]}, "features"),
    ("detection", {"boxes": [BOX], "classes": [0], "features": [1, 2]}, "box_feature: 2 values"),
    ("segmentation", None, "class id"),
    ("segmentation", MASK.tolist(), "class id"),
    ("segmentation", MASK.astype(np.int64), "uint8"),
    ("segmentation", MASK.astype(np.int8), "uint8"),
    ("segmentation", MASK.astype(np.float32), "uint8"),
    ("segmentation", MASK.T.copy(), r"\[8, 12\] is wanted, not .* \[12, 8\]"),
    ("segmentation", MASK.T, "contiguous|wanted"),
    ("segmentation", MASK[None], r"\[8, 12\] is wanted"),
    ("segmentation", np.where(MASK == 2, 3, MASK).astype(np.uint8),
     "value 3 at row 0, col 2: 0 .background., class id . 1 .1 to 2. or 255"),
    ("segmentation", np.full((ROWS, COLS), 254, np.uint8), "value 254 at row 0, col 0"),
    ("instance", INSTANCES, "instances"),
    ("instance", {"instances": INSTANCES, "boxes": [BOX]}, "classes"),
    ("instance", {**INSTANCE, "instances": INSTANCES + 1}, "value 2 at row 0, col 1"),
    ("instance", {**INSTANCE, "instances": MASK}, "uint16"),
    ("instance", {**INSTANCE, "instances": None}, "instances"),
    ("instance", {**INSTANCE, "boxes": [[0, 0, 0, 0]]}, "empty or inverted"),
]


@pytest.mark.parametrize("mltype, label, text", REFUSED)
def test_refused_labels(scene, path, mltype, label, text):
    """pyveda took or dropped all of these in silence."""
    good = {"classification": [1, 0], "detection": [[], []], "segmentation": MASK,
            "instance": INSTANCE}[mltype]
    store = vedatile.Store(path, mltype=mltype, classes=CLASSES)
    samples = [(window_of(scene), good), (window_of(scene, 1), label), (window_of(scene, 2), good)]
    with pytest.raises(vedatile.ArgumentError, match=f"sample 1: .*({text})"):
        store.feed(samples)
    assert store.count == {} and not os.path.exists(path)  # a list is checked before it is written
    with pytest.raises(vedatile.ArgumentError, match=f"sample 1: .*({text})"):
        store.feed(iter(samples))
    assert store.count == {"train": 1}  # what an iterator gives is checked one by one
    store.close()
    command("check", path)


@pytest.mark.parametrize("samples, text", [
    (5, "a list of"), ("ab", "a list of"), (None, "a list of"),
    ([5], "sample 0"), ([(1,)], "sample 0"), (["ab"], "sample 0"),
    ([(None, None)], "sample 0"), ([("a.tif", None)], "sample 0"),
    ([(1, 2, 3, 4)], "4 things"), ([(1, 2, 3)], "sample 0"),
])
def test_refused_samples(path, samples, text):
    with pytest.raises(vedatile.ArgumentError, match=text):
        vedatile.Store(path).feed(samples)
    assert os.listdir(os.path.dirname(path)) == []


def test_one_sample_that_is_not_in_a_list(scene, path):
    store = vedatile.Store(path)
    for wrong in (window_of(scene), (window_of(scene), None)):
        with pytest.raises(vedatile.ArgumentError, match=r"\(window or image, label\)"):
            store.feed(wrong)


def test_windows_that_do_not_fit_the_store(scene, path, tmp_path):
    make_scene(tmp_path / "wide.tif", shape=(3, 100, 100), dtype="uint16")
    wide = vedatile.Scene(tmp_path / "wide.tif")
    one = vedatile.Scene(scene.uri, bands=[1])
    store = vedatile.Store(path)
    store.feed([(window_of(scene), None)])
    for wrong, text in ((window_of(wide), "uint16"), (window_of(one), r"\[1, 8, 12\]"),
                        (scene.window(0, 0, ROWS, COLS), r"\[3, 12, 8\]")):
        with pytest.raises(vedatile.ArgumentError, match=f"sample 0: .*{text}.* but the store"):
            store.feed([(wrong, None)])
    sized = vedatile.Store(path + "2.h5", tile_size=(16, 16))
    with pytest.raises(vedatile.ArgumentError, match=r"\[3, 16, 16\]"):
        sized.feed([(window_of(scene), None)])
    with pytest.raises(vedatile.ArgumentError, match="group"):
        store.feed([(window_of(scene, 1), None)], group="a b")


def test_a_scene_that_cannot_be_decoded(path, tmp_path):
    make_scene(tmp_path / "scene.tif", shape=(3, 100, 100))
    scene = vedatile.Scene(tmp_path / "scene.tif")
    with open(scene.uri, "r+b") as file:
        file.truncate(12000)
    store = vedatile.Store(path)
    store.feed([(scene.window(0, 0, COLS, ROWS), None)])
    with pytest.raises(vedatile.Error, match="window col 0 row 80"):
        store.feed([(scene.window(0, 80, COLS, ROWS), None)])
    assert store.count == {"train": 1}


# --- images without a scene ----------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32",
                                   "float64"])
def test_images(path, dtype):
    images = np.random.default_rng(0).integers(0, 99, (5, 2, ROWS, COLS)).astype(dtype)
    store = vedatile.Store(path)
    assert store.feed((image, None) for image in images) == {"written": 5, "existing": 0}
    assert store.feed([(images[2], None), (images[2] + 1, None)]) == {"written": 1, "existing": 1}
    assert store.dtype == dtype and len(store) == 6
    for sample, image in zip(store, images):
        assert np.array_equal(sample.image, image) and sample.image.dtype == dtype
        assert sample.key.startswith("array-") and sample.scene == "array"
        assert (sample.bounds, sample.crs, sample.geotransform) == (None, None, None)
        assert sample.window == (0, 0, COLS, ROWS) and sample.valid_fraction == 1
    store.close()
    command("check", path)


def test_the_key_of_an_image_depends_on_shape_and_type(path):
    one = vedatile.Store(path)
    two = vedatile.Store(path + "2.h5")
    three = vedatile.Store(path + "3.h5")
    one.feed([(np.zeros((1, 4, 6), np.uint8), None)])
    two.feed([(np.zeros((1, 6, 4), np.uint8), None)])
    three.feed([(np.zeros((1, 2, 3), np.float32), None)])
    assert len({store[0].key for store in (one, two, three)}) == 3


def test_images_with_keys_and_metadata(scene, path):
    store = vedatile.Store(path)
    image = np.ones((3, ROWS, COLS), np.uint8)
    about = {"key": "frame/1", "metadata": {"by": "Åsa", "n": [1, None]}}
    store.feed([(image, None, about), (window_of(scene), None, {"metadata": {"a": 1}})])
    assert store.feed([(image + 1, None, {"key": "frame/1"})]) == {"written": 0, "existing": 1}
    assert store[0].key == "frame/1" and store[0].metadata == about["metadata"]
    assert store[1].metadata == {"a": 1}
    assert np.array_equal(store[0].image, image)


@pytest.mark.parametrize("image, about, text", [
    (np.zeros((ROWS, COLS), np.uint8), {}, "bands, rows, cols"),
    (np.zeros((1, ROWS, COLS), np.int64), {}, "type"),
    (np.zeros((1, ROWS, COLS), np.complex64), {}, "type"),
    (np.zeros((0, ROWS, COLS), np.uint8), {}, "shape"),
    (np.zeros((COLS, ROWS, 1), np.uint8).T, {}, "contiguous"),
    (np.zeros((1, ROWS, COLS), ">u2"), {}, "type|wanted"),
    ([[[1]]], {}, "Window or an array"),
    (np.zeros((1, ROWS, COLS), np.uint8), {"key": ""}, "key"),
    (np.zeros((1, ROWS, COLS), np.uint8), {"key": "a b"}, "key"),
    (np.zeros((1, ROWS, COLS), np.uint8), {"key": "a" * 64}, "key"),
    (np.zeros((1, ROWS, COLS), np.uint8), {"key": "ä"}, "key"),
    (np.zeros((1, ROWS, COLS), np.uint8), {"metadata": [1]}, "metadata"),
    (np.zeros((1, ROWS, COLS), np.uint8), {"metadata": {"a": np.nan}}, "sample 0"),
    (np.zeros((1, ROWS, COLS), np.uint8), {"metadata": {"a": object()}}, "sample 0"),
    (np.zeros((1, ROWS, COLS), np.uint8), {"colour": 1}, "about"),
])
def test_refused_images(path, image, about, text):
    store = vedatile.Store(path)
    with pytest.raises(vedatile.ArgumentError, match=text):
        store.feed([(image, None, about)])
    assert os.listdir(os.path.dirname(path)) == []


# --- the same as the command ---------------------------------------------------------------------

def feed_olinda(path, *options):
    command("feed", path, "--image", OLINDA, "--labels", SECTORS, "--class-field", "TIPO", "--task",
            ",".join(ALL), "--tile", "48x32", "--match", "all", *options)


def test_windows_by_hand_are_those_of_a_feed(path):
    feed_olinda(path)
    fed = vedatile.Store(path)
    scene = vedatile.Scene(OLINDA)
    made = vedatile.Store(path + "2.h5", mltype=ALL, classes=fed.classes, tile_size=(32, 48))
    windows = list(scene.iterwindows(window_shape=(32, 48)))
    assert [window.place for window in windows] != [] and len(windows) == len(fed)
    labels = {}
    for sample in fed:
        boxes, classes, features, visible = map(np.asarray, sample.box_arrays)
        labels[sample.window] = {**sample.y, "detection": {
            "boxes": boxes, "classes": classes, "visible": visible, "features": features}}
    made.feed((window, labels[window.place]) for window in windows)
    made.close()
    assert digest(path) == digest(path + "2.h5")
    # The command finds the samples in the store that was made by hand, and the other way round.
    fed.close()
    assert report("feed", path + "2.h5", "--image", OLINDA, "--labels", SECTORS, "--class-field",
                  "TIPO", "--match", "all")["existing"] == len(windows)
    assert vedatile.Store(path).feed([(w, labels[w.place]) for w in windows[:5]]).existing == 5


OPTIONS = [
    {}, {"tile": 40}, {"tile": (32, 48), "stride": (16, 48)}, {"edge": "pad"}, {"edge": "shift"},
    {"bands": [3, 1]}, {"classes": ["URBANO", "RURAL"]}, {"match": "inside", "tile": 128},
    {"match": "all", "tile": 32}, {"mask_order": "area"}, {"mask_order": "class"},
    {"min_visible": 0.5, "tile": 32}, {"min_valid": 0.99, "edge": "pad"}, {"group": "other"},
    {"split": {"train": 0.5, "test": 0.5}, "tile": 16, "seed": 3, "match": "all"},
    {"split": {"train": 0.5, "test": 0.5}, "split_by": "random", "tile": 16, "seed": 4},
    {"split": {"train": 0.5, "test": 0.5}, "block_size": 2000, "tile": 16},
    {"split": {"train": 0.5, "test": 0.5}, "split_gap": 500, "tile": 16},
    {"codec": "zstd"}, {"name": "a name"}, {"threads": 1}, {"commit_seconds": 0.001},
    {"task": ["detection", "classification"]}, {"task": "segmentation"},
    {"windows": "random", "count": 30, "seed": 2}, {"windows": "random", "count": 9, "apart": True},
    {"windows": "centered", "jitter": 5, "background_ratio": 0.1}, {"background_ratio": 0.15},
    {"windows": "whole", "tile": (352, 349)},
    {"aoi": SECTORS, "aoi_rule": "share", "aoi_share": 0.75, "aoi_mask": True},
]


def on_command_line(options):
    for name, value in options.items():
        if isinstance(value, dict):
            value = ",".join(f"{group}={share}" for group, share in value.items())
        elif isinstance(value, tuple):  # rows, cols here; columns x rows there
            value = f"{value[1]}x{value[0]}"
        elif isinstance(value, list):
            value = ",".join(map(str, value))
        yield "--" + name.replace("_", "-")
        if value is not True:
            yield value


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_are_those_of_the_command(path, options):
    options = {"task": ALL, "class_field": "TIPO", "tile": 64, **options}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        made = vedatile.feed(path, OLINDA, SECTORS, **options)
    by_command = report("feed", path + "2.h5", "--image", OLINDA, "--labels", SECTORS,
                        *on_command_line(options))
    block_size = by_command.pop("block_size")
    assert made.block_size == (block_size and pytest.approx(block_size))
    assert by_command == {"store": path + "2.h5", "dry_run": False,
                          **{name: made[name] for name in made if name != "block_size"}}
    assert [str(w.message) for w in warned] == [
        f"{path}: {made.warning}"] * (made.warning is not None)
    assert digest(path) == digest(path + "2.h5")
    mine, theirs = vedatile.Reader(path), vedatile.Reader(path + "2.h5")
    # Only the split, and no option that does not matter later, is in the file.
    assert json.loads(mine.feed_config) == json.loads(theirs.feed_config)
    assert mine.codecs == theirs.codecs
    assert vedatile.feed(path, [OLINDA], [SECTORS], **options).existing == made.written


@pytest.mark.parametrize("width", ["30.5m", "3px", "field:w"])
def test_widths_are_those_of_the_command(path, tmp_path, width):
    labels = tmp_path / "paths.geojson"
    labels.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"w": 80.5}, "geometry": {
            "type": "LineString", "coordinates": [[-34.90, -7.99], [-34.87, -8.01]]}}]}))
    vedatile.feed(path, OLINDA, labels, task="instance", tile=64, width=width)
    command("feed", tmp_path / "c.h5", "--image", OLINDA, "--labels", labels, "--task", "instance",
            "--tile", 64, "--width", width)
    assert digest(path) == digest(tmp_path / "c.h5")


@pytest.mark.parametrize("form", [None, "auto", "yolo"])
def test_labels_of_images(path, tmp_path, form):
    (tmp_path / "scene.txt").write_text("1 0.5 0.5 0.2 0.1\n0 0.2 0.2 0.3 0.2 0.3 0.3\n")
    report = vedatile.feed(path, OLINDA, tmp_path / "scene.txt", label_format=form, task="instance",
                           tile=64, classes=["roof", "tree"])
    command("feed", tmp_path / "c.h5", "--image", OLINDA, "--labels", tmp_path / "scene.txt", "--task",
            "instance", "--tile", 64, "--classes", "roof,tree")
    assert digest(path) == digest(tmp_path / "c.h5") and report.features == 2 and report.crowds == 0


def test_a_label_format_that_is_none(path):
    with pytest.raises(vedatile.ArgumentError, match="label_format"):
        vedatile.feed(path, OLINDA, SECTORS, task="instance", label_format="shape")


@pytest.mark.parametrize("width", ["3", "m", "0px", "-1m", "nanm", "3 ft", "field:", 3])
def test_widths_that_are_none(path, width):
    with pytest.raises((vedatile.ArgumentError, TypeError), match="width: "):
        vedatile.feed(path, OLINDA, SECTORS, task="instance", width=width)


def test_unknown_classes(path):
    options = {"task": "detection", "class_field": "TIPO", "classes": ["URBANO"], "tile": 64}
    for unknown in (None, "error"):
        with pytest.raises(vedatile.Error, match="RURAL"):
            vedatile.feed(path, OLINDA, SECTORS, unknown=unknown, **options)
    skipped = vedatile.feed(path, OLINDA, SECTORS, unknown="skip", **options)
    taken = vedatile.feed(path + "2.h5", OLINDA, SECTORS, unknown="URBANO", **options)
    assert skipped.unknown_skipped == 12 and taken.unknown_skipped == 0
    assert taken.boxes > skipped.boxes > 0


def test_random_windows_are_those_of_the_scene(path):
    """The same function of seed, scene and number, whoever asks."""
    vedatile.feed(path, OLINDA, tile=(48, 32), windows="random", count=40, seed=7)
    windows = vedatile.Scene(OLINDA).iterwindows(count=40, window_shape=(48, 32), seed=7)
    with h5py.File(path) as file:
        fed = {tuple(row) for row in file["train/samples"]["window"].tolist()}
    assert fed == {(w.col, w.row, w.cols, w.rows) for w in windows}


def test_dry_run(path):
    made = vedatile.feed(path, OLINDA, tile=64, dry_run=True)
    assert made.written == 25 and not os.path.exists(path)


@pytest.mark.parametrize("options, error", [
    ({"colour": 1}, TypeError), ({"edge": "cut"}, vedatile.ArgumentError),
    ({"tile": "64x64"}, vedatile.ArgumentError), ({"seed": -1}, vedatile.ArgumentError),
    ({"task": "boxes"}, vedatile.ArgumentError), ({"bands": [7]}, vedatile.ArgumentError),
    ({"split": {"a": 0}}, vedatile.ArgumentError), ({"split": {"a": "b"}}, TypeError),
    ({"split": ["a"]}, (TypeError, ValueError)), ({"split": {1: 1}}, TypeError),
    ({"min_valid": 2}, vedatile.ArgumentError), ({"group": "a b"}, vedatile.ArgumentError),
    ({"task": "detection"}, vedatile.ArgumentError), ({"classes": "abc"}, vedatile.ArgumentError),
    ({"group": "a", "split": {"b": 1}}, vedatile.ArgumentError), ({"image": []}, ValueError),
    ({"image": "nosuch.tif"}, FileNotFoundError), ({"image": 5}, TypeError),
    ({"labels": "nosuch.geojson", "task": "detection"}, vedatile.NotFoundError),
])
def test_refused_options(path, options, error):
    with pytest.raises(error):
        vedatile.feed(path, **{"image": OLINDA, **options})
    assert os.listdir(os.path.dirname(path)) == []


# --- progress ------------------------------------------------------------------------------------

def stops(path, progress, error):
    scene = os.path.dirname(path) + "/large.tif"
    make_scene(scene, shape=(3, 1500, 2000))
    options = {"image": scene, "tile": 64, "codec": "raw", "threads": 1}
    seen = []

    def watch(done, total):
        seen.append((done, total))
        return progress(done, total)
    with pytest.raises(error):
        vedatile.feed(path, progress=watch, **options)
    total = 23 * 31
    assert [t for _, t in seen] == [total] * len(seen) and sorted(seen) == seen
    kept = sum(vedatile.Reader(path).groups.values())
    assert 0 < kept == seen[-1][0] < total
    command("check", path)
    made = vedatile.feed(path, **options)
    assert (made.existing, made.written) == (kept, total - kept)


def test_progress_stops_a_feed(path):
    stops(path, lambda done, total: False, vedatile.Error)


def test_an_exception_stops_a_feed(path):
    stops(path, lambda done, total: 1 / 0, ZeroDivisionError)


def test_ctrl_c_stops_a_feed(path):
    def interrupt(done, total):
        if done > total // 3:
            os.kill(os.getpid(), signal.SIGINT)
        return True
    stops(path, interrupt, KeyboardInterrupt)


def test_progress_to_the_end(path):
    seen = []
    vedatile.feed(path, OLINDA, tile=64, progress=lambda *done: seen.append(done))
    assert seen[-1] == (25, 25)


# --- a Store and whole files ---------------------------------------------------------------------

def test_feed_files(path):
    store = vedatile.Store(path, mltype="classification", tile_size=(32, 48), name="mine",
                           classes=["URBANO", "RURAL"], codec="deflate")
    made = store.feed_files(OLINDA, SECTORS, class_field="TIPO")
    assert made.written == len(store) > 0
    assert store.tile_size == (32, 48) and store.name == "mine"
    assert store.classes == ["URBANO", "RURAL"] and store.mltype == "classification"
    assert vedatile.Reader(path).codecs["image"] == "deflate"
    again = vedatile.feed(store, [OLINDA], SECTORS, class_field="TIPO")
    assert (again.written, again.existing) == (0, made.written)


def test_feed_files_beside_samples_by_hand(path):
    scene = vedatile.Scene(OLINDA)
    window = scene.window(1, 1, 48, 32)
    with vedatile.Store(path) as store:
        store.feed([(window, None)])
        made = store.feed_files(OLINDA)
        store.feed([(window, None), (scene.window(2, 2, 48, 32), None)], group="test")
        assert store.count == {"train": made.written + 1, "test": 1}
    assert command("info", path).count("scenes    1") == 1


def test_pixels_of_another_type(tmp_path):
    make_scene(tmp_path / "scene.tif", shape=(2, 8, 8), dtype="float64", nodata=7)
    for number, nodata in enumerate((7, [7, 9.0], "none", np.float32("nan"))):
        stored = tmp_path / f"{number}.h5"
        result = vedatile.feed(stored, tmp_path / "scene.tif", tile=4, dtype="float32",
                               unscale=True, nodata=nodata, valid_rule="any")
        assert result.written == 4
        with h5py.File(stored) as file:
            config, = json.loads(file.attrs["feed_config"])
            assert file["train/images"].dtype == np.float32
        wanted = {0: [7], 1: [7, 9], 2: "none", 3: ["nan"]}[number]
        assert (config["nodata"], config["dtype"], config["unscale"]) == (wanted, "float32", True)
        assert config["valid_rule"] == "any"


@pytest.mark.parametrize("options", [{"nodata": "7"}, {"nodata": [1, 2, 3]}, {"dtype": "float16"},
                                     {"dtype": "int64"}, {"valid_rule": "most"}])
def test_pixels_that_are_refused(tmp_path, options):
    make_scene(tmp_path / "scene.tif", shape=(2, 8, 8))
    with pytest.raises(vedatile.ArgumentError):
        vedatile.feed(tmp_path / "s.h5", tmp_path / "scene.tif", tile=4, **options)


def test_several_files_as_one_scene(path, tmp_path):
    """The options of the command, and a time axis that a user can see and use."""
    pixels = [make_scene(tmp_path / f"{i}.tif", shape=(2, 64, 64), seed=i) for i in range(2)]
    images = [tmp_path / f"{i}.tif" for i in range(2)]
    for image, when in zip(images, ("2021:01:01 00:00:00", "2020:01:01 00:00:00")):
        gdal.Open(str(image), gdal.GA_Update).SetMetadataItem("TIFFTAG_DATETIME", when)
    store = vedatile.Store(path)
    assert store.times == [] and store.scene_members == {}
    store.feed_files(images, tile=32, join="times", join_by="all")
    assert store.times == ["2020-01-01T00:00:00", "2021-01-01T00:00:00"]
    assert store[0].metadata == {"times": store.times}
    image = np.asarray(store[0].image).reshape(len(store.times), -1, 32, 32)
    np.testing.assert_array_equal(image, [pixels[1][:, :32, :32], pixels[0][:, :32, :32]])
    (scene,) = store.scene_members.values()
    assert scene["join"] == "times"
    assert [member["uri"] for member in scene["members"]] == ["1.tif", "0.tif"]
    assert json.loads(command("info", path, "--json"))["times"] == store.times
    other = tmp_path / "mosaic.h5"
    vedatile.feed(other, images, tile=32, join="mosaic", mosaic_order="last", extra=images[0],
                  resampling="bilinear")
    with h5py.File(other) as file:
        np.testing.assert_array_equal(
            file["train/images"][0], np.concatenate([pixels[1], pixels[0]])[:, :32, :32])
        config, = json.loads(file.attrs["feed_config"])
    assert config["join"] == {"kind": "mosaic", "by": "all", "order": "last"}
    assert config["extra"] == ["0.tif"] and config["resampling"] == "bilinear"
    with pytest.raises(vedatile.ArgumentError, match="join"):
        vedatile.feed(other, images, join="heap")
    with pytest.raises(vedatile.Error, match="time axis of 2"):
        vedatile.feed(path, images[0], bands=[1, 2])


@pytest.mark.parametrize("rule", [{"cloud_bits": [0, 3]}, {"cloud_values": [8, 9]}])
def test_clouds(tmp_path, rule):
    pixels = make_scene(tmp_path / "scene.tif", shape=(2, 8, 8))
    bits = sum(1 << bit for bit in rule.get("cloud_bits", []))
    cloud = (pixels[1] & bits) > 0 if bits else np.isin(pixels[1], rule["cloud_values"])
    for name, where in (("band", {"cloud_band": 2}), ("file", {"cloud_file": tmp_path / "m.tif"})):
        if name == "file":
            cloud = make_scene(tmp_path / "m.tif", shape=(1, 8, 8), seed=3)[0]
            cloud = (cloud & bits) > 0 if bits else np.isin(cloud, rule["cloud_values"])
        path = tmp_path / f"{name}.h5"
        result = vedatile.feed(path, tmp_path / "scene.tif", tile=8, bands=[1], **where, **rule)
        assert (result.written, result.clouded) == (1, 0)
        with vedatile.Store(path) as store:
            assert store[0].metadata == {"cloud_fraction": cloud.mean()}
        with pytest.raises(vedatile.NotFoundError, match="1 above --max-cloud"):
            vedatile.feed(tmp_path / "none.h5", tmp_path / "scene.tif", tile=8, max_cloud=0,
                          **where, **({"cloud_bits": list(range(8))} if bits else
                                      {"cloud_values": list(range(256))}))


@pytest.mark.parametrize("options", [
    {"cloud_band": 1}, {"cloud_bits": [3]}, {"max_cloud": 0.5}, {"cloud_band": 1, "cloud_bits": [32]},
    {"cloud_band": 1, "cloud_bits": [1], "max_cloud": 2},
    {"cloud_band": 1, "cloud_bits": [1], "cloud_file": ["a.tif"]},
    {"cloud_band": 1, "cloud_bits": [1], "cloud_values": [1]}])
def test_clouds_that_are_refused(tmp_path, options):
    make_scene(tmp_path / "scene.tif", shape=(2, 8, 8))
    with pytest.raises(vedatile.ArgumentError):
        vedatile.feed(tmp_path / "s.h5", tmp_path / "scene.tif", tile=4, **options)


def test_label_rasters(tmp_path):
    make_scene(tmp_path / "scene.tif", shape=(2, 8, 8))
    values = make_scene(tmp_path / "l.tif", shape=(1, 8, 8), seed=3)[0] % 4
    dataset = gdal.Open(str(tmp_path / "l.tif"), gdal.GA_Update)
    dataset.GetRasterBand(1).WriteArray(values)
    dataset = None
    (tmp_path / "map.json").write_text(
        '{"rules": [{"class": null, "values": [0]}, {"class": "a", "range": [1, 3]}],'
        ' "default": "b"}')
    wanted = np.array([0, 1, 1, 2], np.uint8)[values]
    for number, given in enumerate((
            {"label_values": {0: "background", "1-2": "a", 3: "b"}},
            {"label_values": ["0=background", "1-2=a", "3=b"]},
            {"label_map": tmp_path / "map.json"},
            {"label_values": {1: "a", 2: "a", 3: "b"}, "unknown": "background"})):
        stored = tmp_path / f"{number}.h5"
        result = vedatile.feed(stored, tmp_path / "scene.tif", tile=8, task="segmentation",
                               label_raster=tmp_path / "l.tif", **given)
        assert result.written == 1
        with vedatile.Store(stored) as store:
            assert store.classes == ["a", "b"]
            np.testing.assert_array_equal(store[0].mask, wanted)
    for given in ({"label_values": ["x"]}, {"label_values": "1=a"}, {"task": "detection"},
                  {"label_values": ["1=a"], "label_map": "m.json"}):
        with pytest.raises((vedatile.ArgumentError, TypeError)):
            vedatile.feed(tmp_path / "n.h5", tmp_path / "scene.tif",
                          **{"task": "segmentation", "label_raster": tmp_path / "l.tif", **given})
