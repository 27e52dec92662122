"""Boundaries, contacts, distances and regression targets against SciPy, Shapely and GDAL; areas to
ignore and burning by a field."""
import itertools
import json

import h5py
import numpy as np
import pytest
import scipy.ndimage
import shapely.geometry
from conftest import run_vedatile
from osgeo import gdal, ogr
from reference import (Labels, crop, feed, polygon, rasterize, rectangle, star, without_pixels,
                       write_labels, write_scene)

NEW = "boundary,contact,distance,regression"
OPTIONS = ["--target-field", "height", "--distance-limit", 9.5, "--boundary-width", 4,
           "--contact-spacing", 7]


def write_features(path, features):
    """GeoJSON in the made-up scenes' CRS: (geometry, properties) each."""
    write_labels(path, [(shape, "a") for shape, _ in features])
    document = json.loads(path.read_text())
    for feature, (_, properties) in zip(document["features"], features):
        feature["properties"] = properties
    path.write_text(json.dumps(document))
    return path


def houses(rng, count, size):
    """Stars close to each other, some with a hole, with a height and a rank."""
    return [(polygon(*star(rng, rng.uniform(0, size, 2), rng.uniform(1, size / 9),
                           int(rng.integers(3, 12)), hole=float(rng.integers(0, 2)) / 2)),
             {"height": round(float(rng.uniform(-5, 50)), 2), "rank": int(rng.integers(0, 5)),
              "class": "abc"[int(rng.integers(0, 3))]}) for _ in range(count)]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("town")
    rng = np.random.default_rng(2)
    image = write_scene(folder / "scene.tif", np.zeros((90, 110), np.uint8))
    labels = write_features(folder / "labels.geojson", houses(rng, 60, 110))
    store = feed(folder / "store.h5", image, labels, *OPTIONS, "--tile", "110x90",
                 tasks="segmentation," + NEW)
    return folder, image, labels, store


def whole(store, name):
    return store.array("labels/" + name)[0]


# --- each array against another tool ------------------------------------------------------------

def in_square(kind, width, outside):
    """Whether any pixel of the square around each one is set: -(w - 1) / 2 .. w / 2."""
    before, after = (width - 1) // 2, width // 2
    padded = np.pad(kind, ((before, after), (before, after)), constant_values=outside)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (width, width))
    return windows.any(axis=(2, 3))


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 10, 37])
@pytest.mark.parametrize("side", ["inner", "outer"])
def test_boundary(town, tmp_path, width, side):
    _, image, labels, store = town
    footprint = store.masks[0] > 0
    found = whole(feed(tmp_path / "store.h5", image, labels, "--boundary", side,
                       "--boundary-width", width, "--tile", "110x90", tasks="boundary"), "boundary")
    if side == "inner":
        expected = footprint & in_square(~footprint, width, False)
    else:
        expected = ~footprint & in_square(footprint, width, False)
    assert (expected.any() or width == 1) and found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


def test_boundary_is_what_scipy_makes(town, tmp_path):
    """The definitions of solaris: footprint XOR erosion or dilation by a square. SciPy's square of
    an even size lies one pixel to the left and above, so its origin is moved."""
    _, image, labels, store = town
    footprint = (store.masks[0] > 0).astype(np.uint8)
    for width, origin in ((3, 0), (10, -1)):
        for side, filtered in (
                ("inner", scipy.ndimage.minimum_filter(
                    footprint, width, mode="constant", cval=1, origin=origin)),
                ("outer", scipy.ndimage.maximum_filter(
                    footprint, width, mode="constant", cval=0, origin=origin))):
            found = whole(feed(tmp_path / f"{side}{width}.h5", image, labels, "--boundary", side,
                               "--boundary-width", width, "--tile", "110x90", tasks="boundary"),
                          "boundary")
            np.testing.assert_array_equal(found, footprint ^ filtered)


def signed_distance(footprint, limit):
    """By scipy.ndimage; far away where there is no pixel of the other kind."""
    def reach(kind):
        if kind.all():
            return np.full(kind.shape, np.inf)
        return scipy.ndimage.distance_transform_edt(kind)
    distance = np.where(footprint, reach(footprint), -reach(~footprint))
    return np.clip(distance, -limit, limit).astype(np.float32)


@pytest.mark.parametrize("limit", [0.5, 1, 7.3, 32, 200])
def test_distance(town, tmp_path, limit):
    _, image, labels, store = town
    found = whole(feed(tmp_path / "store.h5", image, labels, "--distance-limit", limit,
                       "--tile", "110x90", tasks="distance"), "distance")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, signed_distance(store.masks[0] > 0, limit))


@pytest.mark.parametrize("covered", [False, True])
def test_distance_where_there_is_one_kind_only(tmp_path, covered):
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 20), np.uint8))
    shape = rectangle(-50, -50, 60, 60) if covered else rectangle(3.6, 3.6, 4.4, 4.4)
    labels = write_labels(tmp_path / "labels.geojson", [(shape, "a")])
    found = whole(feed(tmp_path / "store.h5", image, labels, "--tile", 20, tasks="distance"),
                  "distance")
    assert (found == (32 if covered else -32)).all()


@pytest.mark.parametrize("spacing", [1, 6, 10])
def test_contact(town, tmp_path, spacing):
    """Shapely buffers and cuts, GDAL burns. Features outside the scene have no part in it."""
    _, image, labels, store = town
    reference = Labels(image, labels)
    scene = shapely.geometry.box(0, 0, 110, 90)
    shapes = [feature.pixels for feature in reference.features
              if feature.pixels.intersection(scene).area > 0]
    buffers = [shape.buffer(spacing / 2, resolution=16) for shape in shapes]
    empty = gdal.GetDriverByName("MEM").Create("", 110, 90, 1, gdal.GDT_UInt16)
    contacts = [(ogr.CreateGeometryFromWkb(a.intersection(b).wkb), 1)
                for a, b in itertools.combinations(buffers, 2)
                if a.intersects(b) and a.intersection(b).area > 0]
    expected = (rasterize(empty, None, contacts) > 0) & (store.masks[0] == 0)
    found = whole(feed(tmp_path / "store.h5", image, labels, "--contact-spacing", spacing,
                       "--tile", "110x90", tasks="contact"), "contact")
    assert expected.any() and found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("order", ["file", "class", "area", "field:rank"])
def test_target_is_burnt_in_the_masks_order(town, tmp_path, order):
    _, image, labels, _ = town
    store = feed(tmp_path / "store.h5", image, labels, "--class-field", "class", "--target-field",
                 "height", "--mask-order", order, "--tile", "110x90",
                 tasks="segmentation,regression")
    features = json.loads(labels.read_text())["features"]
    reference = Labels(image, labels, "class")
    ordered = (reference.order(order) if not order.startswith("field") else
               sorted(reference.features, key=lambda f: features[f.id]["properties"]["rank"]))
    burnt = rasterize(without_pixels(reference.dataset), reference.crs,
                      [(feature.ground, feature.id + 1) for feature in ordered])
    heights = np.array([np.nan] + [f["properties"]["height"] for f in features], np.float32)
    classes = np.array([0] + [feature.class_id + 1 for feature in reference.features], np.uint8)
    np.testing.assert_array_equal(whole(store, "target"), heights[burnt])
    np.testing.assert_array_equal(store.masks[0], classes[burnt])
    assert np.isnan(heights[burnt]).any() and (burnt > 0).any()


# --- tiles are crops ---------------------------------------------------------------------------

OUTSIDE = {"mask": 255, "boundary": 255, "contact": 255, "distance": np.nan, "target": np.nan}


@pytest.mark.parametrize("rule", ["center", "all-touched"])
@pytest.mark.parametrize("tile, stride, edge", [
    ("1x1", "7x5", "pad"), ("13x17", "13x17", "pad"), ("64x31", "9x40", "pad"),
    ("40x40", "33x21", "shift"), ("200x200", "200x200", "pad")])
def test_every_array_is_the_crop_of_the_scenes(town, tmp_path, tile, stride, edge, rule):
    _, image, labels, _ = town
    options = [*OPTIONS, "--mask-rule", rule]
    scene = feed(tmp_path / "scene.h5", image, labels, *options, "--tile", "110x90",
                 tasks="segmentation," + NEW)
    store = feed(tmp_path / "store.h5", image, labels, *options, "--tile", tile, "--stride", stride,
                 "--edge", edge, "--threads", 3, tasks="segmentation," + NEW)
    for name, outside in OUTSIDE.items():
        for found, window in zip(store.array("labels/" + name), store.windows):
            np.testing.assert_array_equal(found, crop(whole(scene, name), window, outside))


def test_threads_make_no_difference(town, tmp_path):
    _, image, labels, _ = town
    digests = set()
    for threads in (1, 4):
        store = feed(tmp_path / f"{threads}.h5", image, labels, *OPTIONS, "--tile", "16",
                     "--threads", threads, tasks="segmentation," + NEW)
        digests.add(run_vedatile("check", store.path, "--digest").stdout)
    assert len(digests) == 1


# --- areas to ignore -----------------------------------------------------------------------------

def test_ignored_areas_are_on_top_and_nothing_else(town, tmp_path):
    _, image, labels, plain = town
    areas = write_labels(tmp_path / "clouds.geojson",
                         [(rectangle(10.2, 5, 40.7, 33), "x"), (rectangle(80, 60, 120, 100), "y")])
    more = write_labels(tmp_path / "more.geojson", [(rectangle(50, 50, 53, 90), "z")])
    tasks = "classification,detection,instance,segmentation," + NEW
    stores = [feed(tmp_path / f"{number}.h5", image, labels, *OPTIONS, "--tile", "30x20",
                   "--edge", "pad", *options, tasks=tasks)
              for number, options in enumerate(([], ["--ignore", areas, more]))]
    ignored = sum(Labels(image, path).burn() for path in (areas, more)) > 0
    assert ignored.any() and not ignored.all()
    for name, value in OUTSIDE.items():
        expected = whole(plain, name).copy()
        expected[ignored] = value
        for found, window in zip(stores[1].array("labels/" + name), stores[1].windows):
            np.testing.assert_array_equal(found, crop(expected, window, value))
    for name in ("onehot", "boxes", "box_class", "box_feature", "box_visible", "instances"):
        np.testing.assert_array_equal(*(store.array("labels/" + name) for store in stores))


def test_pixels_outside_the_area_of_interest_are_ignored(town, tmp_path):
    _, image, labels, plain = town
    area = write_labels(tmp_path / "area.geojson", [(rectangle(15, 10, 77.7, 60), "x")])
    store = feed(tmp_path / "store.h5", image, labels, *OPTIONS, "--tile", "30x20", "--aoi", area,
                 "--aoi-rule", "touch", "--aoi-mask", tasks="segmentation," + NEW)
    outside = Labels(image, area).burn() == 0
    assert len(store) > 3
    for name, value in OUTSIDE.items():
        expected = whole(plain, name).copy()
        expected[outside] = value
        for found, window in zip(store.array("labels/" + name), store.windows):
            np.testing.assert_array_equal(found, crop(expected, window, value))


def test_ignored_areas_need_labels(town, tmp_path):
    _, image, labels, _ = town
    done = run_vedatile("feed", tmp_path / "store.h5", "--image", image, "--ignore", labels,
                        code=None)
    assert done.returncode == 2 and "--labels" in done.stderr


# --- numbers that are none -----------------------------------------------------------------------

@pytest.mark.parametrize("option", ["--target-field", "--mask-order"])
@pytest.mark.parametrize("value", [None, "tall", 1e39, True])
def test_a_field_without_a_number_names_the_feature(tmp_path, option, value):
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 20), np.uint8))
    labels = write_features(tmp_path / "labels.geojson", [
        (rectangle(1, 1, 5, 5), {"height": 2.5}), (rectangle(8, 8, 12, 12), {"height": value})])
    options = ["--target-field", "height"] if option == "--target-field" else [
        "--mask-order", "field:height"]
    task = "regression" if option == "--target-field" else "segmentation"
    arguments = ["feed", tmp_path / "store.h5", "--image", image, "--labels", labels, "--task", task,
                 "--tile", 20, *options]
    done = run_vedatile(*arguments, code=None)
    if value is True:  # GDAL's booleans are whole numbers
        assert done.returncode == 0
        return
    assert done.returncode == 1
    # one string makes a field of strings
    assert ("feature 0" if value == "tall" else "feature 1") in done.stderr
    assert "'height'" in done.stderr and len(done.stderr.splitlines()) == 1
    if value != "tall":
        done = run_vedatile(*arguments, "--unknown", "skip", "--json")
        assert json.loads(done.stdout)["unknown_skipped"] == 1


@pytest.mark.parametrize("arguments, text", [
    (["--task", "regression"], "--target-field"),
    (["--task", "segmentation", "--target-field", "height"], "regression"),
    (["--task", "regression", "--target-field", "Height"], "has no field 'Height'"),
    (["--task", "segmentation", "--mask-order", "field:"], "field:F"),
    (["--task", "segmentation", "--mask-order", "largest"], "field:F"),
    (["--task", "segmentation", "--mask-order", "field:depth"], "has no field 'depth'"),
])
def test_fields_that_do_not_fit(town, tmp_path, arguments, text):
    _, image, labels, _ = town
    done = run_vedatile("feed", tmp_path / "store.h5", "--image", image, "--labels", labels,
                        *arguments, code=None)
    assert done.returncode != 0 and text in done.stderr
    assert not (tmp_path / "store.h5").exists()


# --- the store -----------------------------------------------------------------------------------

def test_the_store_says_what_is_in_it(town):
    _, image, labels, store = town
    with h5py.File(store.path) as file:
        assert [name.decode() for name in file.attrs["tasks"]] == [
            "segmentation", "boundary", "contact", "distance", "regression"]
        config, = json.loads(file.attrs["feed_config"])
        shapes = {name: (array.shape, array.dtype.str, array.chunks)
                  for name, array in file["train/labels"].items()}
    for name, dtype in (("boundary", "|u1"), ("contact", "|u1"), ("distance", "<f4"),
                        ("target", "<f4")):
        assert shapes[name] == ((1, 90, 110), dtype, (1, 90, 110))
    assert {name: config[name] for name in ("boundary", "boundary_width", "contact_spacing",
                                            "distance_limit", "target_field")} == {
        "boundary": "inner", "boundary_width": 4, "contact_spacing": 7, "distance_limit": 9.5,
        "target_field": "height"}
    info = json.loads(run_vedatile("info", store.path, "--json").stdout)
    assert info["tasks"] == ["segmentation", "boundary", "contact", "distance", "regression"]
    assert run_vedatile("check", store.path).returncode == 0


@pytest.mark.parametrize("name", ["boundary", "contact", "distance", "target"])
def test_check_finds_a_pixel_that_changed(town, tmp_path, name):
    folder, *_ = town
    copy = tmp_path / "copy.h5"
    copy.write_bytes((folder / "store.h5").read_bytes())
    with h5py.File(copy, "r+") as file:
        pixels = file["train/labels/" + name]
        pixels[0, 3, 4] = 1 - np.nan_to_num(pixels[0, 3, 4])
    done = run_vedatile("check", copy, code=1)
    assert "labels of sample" in done.stdout + done.stderr


# --- looking at it -------------------------------------------------------------------------------

def test_stats_count_what_is_there(town, tmp_path):
    _, image, labels, _ = town
    store = feed(tmp_path / "store.h5", image, labels, *OPTIONS, "--tile", 40, "--edge", "pad",
                 tasks=NEW)
    stats = json.loads(run_vedatile("stats", store.path, "--json").stdout)
    text = run_vedatile("stats", store.path).stdout
    for name in ("boundary", "contact"):
        array = store.array("labels/" + name)
        assert stats[name] == pytest.approx({
            "pixels": array.size, "share": (array == 1).mean(), "ignore_share": (array == 255).mean()})
    for name in ("distance", "target"):
        array = store.array("labels/" + name).astype(float)
        assert stats[name] == pytest.approx({
            "pixels": array.size, "known_share": np.isfinite(array).mean(), "min": np.nanmin(array),
            "max": np.nanmax(array), "mean": np.nanmean(array)})
        assert f"{name:<20}" in text
    plain = feed(tmp_path / "plain.h5", image, labels, "--tile", 40, tasks="segmentation")
    stats = json.loads(run_vedatile("stats", plain.path, "--json").stdout)
    assert not {"boundary", "contact", "distance", "target"} & set(stats)


@pytest.mark.parametrize("task, colours", [
    ("boundary", [(217, 184, 0)]), ("contact", [(217, 0, 173)]),
    ("distance", [(140, 0, 0), (0, 0, 140)]), ("regression", [(140, 126, 21), (21, 7, 63)])])
def test_show_draws_them(town, tmp_path, task, colours):
    """On black tiles: yellow, violet, red and blue, yellow and dark blue."""
    _, image, labels, _ = town
    options = {"regression": ["--target-field", "height"], "distance": ["--distance-limit", 2]}.get(
        task, [])
    store = feed(tmp_path / "store.h5", image, labels, *options, "--tile", "110x90", tasks=task)
    run_vedatile("show", store.path, "-o", tmp_path / "sheet.png")
    sheet = gdal.Open(str(tmp_path / "sheet.png")).ReadAsArray()[:3].astype(int)
    for colour in colours:
        near = (abs(sheet - np.array(colour)[:, None, None]) <= 6).all(axis=0)
        assert near.any(), colour
