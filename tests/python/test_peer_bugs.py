"""Known bugs of tools like ours, one test each: notes on pyveda and on tilers have the sources.

The first word of a test's docstring is the tool; what it does wrong follows.
"""
import ctypes
import json
import pathlib

import conftest
import h5py
import numpy as np
import pytest
import rasterio
import reference
import shapely.geometry
from osgeo import osr
from reference import (ALL_TASKS, Labels, Store, feed, polygon, rectangle, write_labels,
                       write_scene)


@pytest.fixture
def small(tmp_path):
    """Feeds labels on a scene of 1 m pixels, 20 x 20 and empty unless told otherwise."""
    made = []

    def feed_small(features, *options, size=20, pixels=None, field=False, scene=None, **run):
        number = len(made)
        pixels = np.zeros((size, size), np.uint8) if pixels is None else pixels
        image = scene or write_scene(tmp_path / f"scene{number}.tif", pixels)
        labels = write_labels(tmp_path / f"labels{number}.geojson", features) if isinstance(
            features, list) else features
        if field:
            options += ("--class-field", "class")
        if "--tile" not in options:
            options += ("--tile", size)
        made.append(feed(tmp_path / f"store{number}.h5", image, labels, *options, **run))
        return made[-1]

    return feed_small


def block(size, *rectangles):
    """A mask of ones in [x1, x2) x [y1, y2)."""
    mask = np.zeros((size, size), int)
    for x1, y1, x2, y2 in rectangles:
        mask[y1:y2, x1:x2] = 1
    return mask


def refused(vedatile, path, image, labels, *options, code=1):
    """The one line that a feed is refused with."""
    done = vedatile("feed", path, "--image", image, "--labels", labels, "--task", "segmentation",
                    "--tile", 10, *options, code=code)
    assert not path.exists()
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


# --- pyveda: the store ------------------------------------------------------------------------

def test_last_sample_of_a_group_is_delivered(data, tmp_path, vedatile):
    """pyveda: inclusive ranges used as exclusive ones skip the last sample of every group."""
    store = tmp_path / "store.h5"
    vedatile("feed", store, "--image", data / "olinda/scene.tif", "--tile", 50, "--split",
             "a=0.5,b=0.5", "--split-by", "random")
    groups = json.loads(vedatile("info", store, "--json").stdout)["groups"]
    assert sum(group["count"] for group in groups.values()) == 6 * 7
    for name, group in groups.items():
        done = vedatile("bench", store, "--group", name, "--epochs", 3, "--batch-size", 4,
                        "--verify", "always", "--json")
        assert json.loads(done.stdout)["samples"] == 3 * group["count"]
        windows = Store(store, name).windows
        assert len(windows) == group["count"]
    assert (250, 300, 50, 50) in {w for name in groups for w in Store(store, name).windows}


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 1024)]


@pytest.fixture(scope="module")
def library():
    path = pathlib.Path(conftest.VEDATILE).resolve().parents[1] / "libvedatile.so.0"
    if not path.exists() or b"__asan_init" in path.read_bytes():
        pytest.skip("no library that this Python can load: absent or built with sanitizers")
    return ctypes.CDLL(str(path))


def test_index_never_reaches_into_another_group(data, tmp_path, vedatile, library):
    """pyveda: test[-1] is the last sample of train, and so is an index past the end."""
    path = tmp_path / "store.h5"
    vedatile("feed", path, "--image", data / "olinda/scene.tif", "--labels",
             data / "olinda/sectors.geojson", "--task", ALL_TASKS, "--tile", 64,
             "--match", "all", "--split", "a=0.5,b=0.5", "--split-by", "random")
    reader, error = ctypes.c_void_p(), Error()
    assert library.vdt_reader_open(str(path).encode(), ctypes.byref(reader), None) == 0
    library.vdt_reader_count.restype = ctypes.c_uint64
    size_t, index_t = ctypes.c_size_t, ctypes.c_uint64
    buffer = ctypes.create_string_buffer(1 << 20)
    calls = [(library.vdt_reader_image, buffer), (library.vdt_reader_mask, buffer),
             (library.vdt_reader_instances, buffer), (library.vdt_reader_onehot, buffer)]
    for group in range(2):
        count = library.vdt_reader_count(reader, size_t(group))
        for call, into in calls:
            def status(index, call=call, into=into, group=group):
                return call(reader, size_t(group), index_t(index % 2**64), into,
                            ctypes.byref(error))
            assert status(0) == 0 and status(count - 1) == 0
            for index in (count, count + 1, -1, -count, 2**63, 2**32):
                assert status(index) < 0, index
                assert str(count).encode() in error.message
    buffer_of_sample = ctypes.create_string_buffer(1024)
    assert library.vdt_reader_sample(reader, size_t(0), index_t(2**64 - 1), buffer_of_sample, None,
                                     ctypes.byref(error)) < 0
    assert library.vdt_reader_image(reader, size_t(2), index_t(0), buffer, ctypes.byref(error)) < 0
    library.vdt_reader_free(reader)


def test_split_does_not_depend_on_arrival(data, shared, tmp_path, vedatile):
    """pyveda: groups are ranges of the order in which downloads happen to end."""
    images = [data / "olinda/scene.tif", shared / "rmnp/rmnp-rgb.tif"]
    found = []
    for number, (order, threads) in enumerate(((images, 1), (images[::-1], 4), (images, 3))):
        store = tmp_path / f"{number}.h5"
        for image in order:
            vedatile("feed", store, "--image", image, "--tile", 32, "--bands", "1,2,3", "--split",
                     "a=0.5,b=0.3,c=0.2", "--split-by", "random", "--threads", threads)
        found.append({key: name for name in "abc"
                      for key in Store(store, name).samples["key"].tolist()})
    assert found[0] == found[1] == found[2]
    assert set(found[0].values()) == {"a", "b", "c"}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_small_splits_add_up(tmp_path, vedatile, count):
    """pyveda: three samples by halves are groups of 2, 2 and -1."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((4, 4 * count), np.uint8))
    done = vedatile("feed", tmp_path / "store.h5", "--image", image, "--tile", 4, "--json",
                    "--split", "a=50,b=50", "--split-by", "random")
    report = json.loads(done.stdout)
    assert report["written"] == sum(report["groups"].values()) == count
    assert all(number >= 0 for number in report["groups"].values())


def test_shares_need_not_be_three_that_sum_to_100(data, tmp_path, vedatile):
    """pyveda: 33.3 three times is refused, and so are two groups or five."""
    for number, shares in enumerate(("a=33.3,b=33.3,c=33.3", "a=1,b=1,c=1,d=1,e=1", "a=1")):
        done = vedatile("feed", tmp_path / f"{number}.h5", "--image", data / "olinda/scene.tif",
                        "--tile", 20, "--split", shares, "--split-by", "random", "--json")
        report = json.loads(done.stdout)
        assert len(report["groups"]) == shares.count("=")
        assert sum(report["groups"].values()) == 17 * 17
        assert min(report["groups"].values()) > 289 / len(report["groups"]) / 2


def assert_in_step(path, image):
    """All arrays have one length, and every tile there is the image's at its own window."""
    store = Store(path)
    with h5py.File(path) as file:
        lengths = {len(file["train/images"]), len(file["train/samples"]),
                   len(file["train/metadata/offsets"]) - 1}
    assert lengths == {len(store)}
    with rasterio.open(image) as source:
        for tile, window in zip(store.images, store.windows):
            np.testing.assert_array_equal(
                tile, source.read(window=rasterio.windows.Window(*window)))


@pytest.mark.parametrize("threads", [1, 3])
def test_failed_tile_is_an_error_and_no_black_tile(shared, tmp_path, vedatile, threads):
    """pyveda: what cannot be decoded becomes a black tile, or shifts the labels of all later
    samples by one; the call returns as if nothing had happened."""
    image, path = shared / "hard-cases/rasterio_corrupt.tif", tmp_path / "store.h5"
    done = vedatile("feed", path, "--image", image, "--tile", 128, "--codec", "raw", "--threads",
                    threads, "--commit-seconds", "0.001", code=1)
    lines = done.stderr.splitlines()
    assert len(lines) == 16
    assert all("rasterio_corrupt.tif: window col" in line and "128x128" in line for line in lines)
    if path.exists():
        vedatile("check", path)
        store = Store(path)
        assert len(store) == 48
        assert (896, 896) not in [window[:2] for window in store.windows]
        assert_in_step(path, image)


def test_truncated_strips_are_an_error(tmp_path, vedatile):
    """torchgeo: an all-zero read of a damaged file passes for data (issue 2466)."""
    rng = np.random.default_rng(1)
    image = write_scene(tmp_path / "scene.tif", rng.integers(1, 255, (64, 64), dtype=np.uint8))
    whole = image.read_bytes()
    image.write_bytes(whole[:len(whole) - 64 * 20])
    done = vedatile("feed", tmp_path / "store.h5", "--image", image, "--tile", 16, code=1)
    assert "scene.tif" in done.stderr and len(done.stderr.splitlines()) == 1


def test_second_store_is_another_store(data, tmp_path, vedatile):
    """pyveda: a mutable default makes the second store write to the first file as well."""
    for name, tile in (("a", 64), ("b", 32)):
        vedatile("feed", tmp_path / f"{name}.h5", "--image", data / "olinda/scene.tif",
                 "--tile", tile, "--codec", "raw")
    assert len(Store(tmp_path / "a.h5")) == 25 and len(Store(tmp_path / "b.h5")) == 110


def test_feeding_again_adds_nothing_twice(data, tmp_path, vedatile):
    """pyveda: a store cannot be added to, and iterating delivered some samples twice."""
    options = ("feed", tmp_path / "store.h5", "--image", data / "olinda/scene.tif", "--tile", 64)
    vedatile(*options)
    report = json.loads(vedatile(*options, "--json").stdout)
    assert (report["written"], report["existing"]) == (0, 25)
    keys = Store(tmp_path / "store.h5").samples["key"].tolist()
    assert len(keys) == len(set(keys)) == 25


# --- pyveda: labels ---------------------------------------------------------------------------

def test_holes_stay_holes(small):
    """pyveda: only exterior rings are burnt."""
    store = small([polygon([[2, 2], [18, 2], [18, 18], [2, 18]],
                           [[6, 6], [6, 14], [14, 14], [14, 6]])])
    expected = block(20, (2, 2, 18, 18)) - block(20, (6, 6, 14, 14))
    np.testing.assert_array_equal(store.masks[0], expected)
    np.testing.assert_array_equal(store.instances[0], expected)


def test_x_and_y_are_not_swapped(small):
    """pyveda: masks came out transposed, twice (5e02603, ce73c1f)."""
    store = small([rectangle(2, 5, 16, 8)])
    np.testing.assert_array_equal(store.masks[0], block(20, (2, 5, 16, 8)))
    assert store.boxes(0)[0][0] == [2, 5, 16, 8]


def test_empty_collection_does_not_lose_the_next_building(small):
    """pyveda: an empty GeometryCollection raises, and the class's other polygons vanish."""
    store = small([{"type": "GeometryCollection", "geometries": []}, rectangle(3, 3, 9, 9)])
    np.testing.assert_array_equal(store.masks[0], block(20, (3, 3, 9, 9)))
    assert [box[2] for box in store.boxes(0)] == [1]


def test_polygons_in_a_collection_are_seen(small):
    """solaris: GeometryCollections and MultiPolygons end in nothing (PR 331)."""
    store = small([{"type": "GeometryCollection", "geometries": [
        rectangle(1, 1, 4, 4), {"type": "MultiPolygon", "coordinates": [
            rectangle(8, 8, 12, 12)["coordinates"], rectangle(14, 2, 18, 6)["coordinates"]]}]}])
    np.testing.assert_array_equal(
        store.masks[0], block(20, (1, 1, 4, 4), (8, 8, 12, 12), (14, 2, 18, 6)))
    assert store.boxes(0) == [([1, 1, 18, 12], 0, 0, 1)]


def test_a_bad_geometry_does_not_lose_those_after_it(small):
    """pyveda: any exception ends the class: all polygons after it are lost."""
    features = [rectangle(1, 1, 5, 5), None, {"type": "Polygon", "coordinates": []},
                polygon([[8, 1], [12, 5], [12, 1], [8, 5]]), rectangle(14, 14, 18, 18)]
    store = small(features)
    assert [box[2] for box in store.boxes(0)] == [0, 3, 4]
    assert store.masks[0, 2, 2] == store.masks[0, 15, 15] == 1


def test_no_half_pixel_shift(small):
    """pyveda: masks test pixel corners instead of centres."""
    store = small([rectangle(5, 5, 10, 10), rectangle(12.4, 12.4, 14.6, 14.6)])
    np.testing.assert_array_equal(
        store.masks[0], block(20, (5, 5, 10, 10), (12, 12, 15, 15)))


@pytest.mark.parametrize("kind", ["Area", "Point"])
def test_area_or_point_does_not_move_labels(small, tmp_path, kind):
    """dem-stitcher, raster2dggs: half a pixel is added for AREA_OR_POINT=Point, which GDAL's
    geotransform has already done."""
    image = tmp_path / "scene.tif"
    write_scene(image, np.zeros((20, 20), np.uint8))
    with rasterio.open(image, "r+") as target:
        target.update_tags(AREA_OR_POINT=kind)
    with rasterio.open(image) as source:
        west, north = source.transform * (5, 5)
        east, south = source.transform * (10, 10)
    box = {"type": "Polygon", "coordinates": [[[west, north], [east, north], [east, south],
                                               [west, south], [west, north]]]}
    store = small([box], scene=image)
    np.testing.assert_array_equal(store.masks[0], block(20, (5, 5, 10, 10)))


def test_vertices_are_not_truncated(small):
    """pyveda, geoai: int() moves every vertex or box corner to the left and up."""
    store = small([rectangle(2.75, 3.5, 7.875, 9.25)])
    assert store.boxes(0)[0][0] == [2.75, 3.5, 7.875, 9.25]


def test_clip_comes_before_the_box(small):
    """pyveda: the box of the whole feature is cut, which covers too much of a diagonal."""
    store = small([polygon([[0, 20], [20, 0], [20, 20]])], "--tile", 8)
    box, _, _, share = store.boxes(store.at(8, 8))[0]
    assert box == [0, 0, 8, 8] and share == pytest.approx(56 / 200)
    store = small([polygon([[0, 12], [12, 0], [14, 0], [0, 14]])], "--tile", 10)
    box, _, _, share = store.boxes(store.at(10, 0))[0]
    assert box == [0, 0, 4, 4]
    box = store.boxes(store.at(0, 0))[0][0]
    assert box == [2, 2, 10, 10]


def test_slivers_are_measured_and_can_be_dropped(small):
    """pyveda: the sliver (256,72), (253,71), (256,65) of a building is a full object."""
    building = [polygon([[256, 72], [253, 71], [256, 65], [300, 60], [300, 80]])]
    pixels = np.zeros((300, 300), np.uint8)
    store = small(building, "--tile", 256, "--edge", "pad", pixels=pixels)
    sliver = store.boxes(store.at(0, 0))[0]
    assert sliver[0] == [253, 65, 256, 72] and 0 < sliver[3] < 0.02
    store = small(building, "--tile", 256, "--edge", "pad", "--min-visible", "0.1", pixels=pixels)
    assert store.boxes(store.at(0, 0)) == []
    assert len(store.boxes(store.at(256, 0))) == 1


def test_labels_are_projected_to_the_image(shared, tmp_path):
    """pyveda: labels must be in the image's units; any other CRS is taken for them."""
    para = shared / "para-landcover"
    image = para / "LT52240631988227CUB02_7bands.tif"
    boxes = [feed(tmp_path / f"{name}.h5", image, para / name, "--tile", 280).boxes(0)
             for name in ("training_polygons.geojson", "training_polygons_epsg32622.geojson")]
    reference.assert_boxes(boxes[0], boxes[1], 1e-3)
    assert len(boxes[0]) > 20


def test_rotation_of_the_scene_is_not_ignored(small, tmp_path):
    """pyveda, geoai, solaris: labels are placed by the scene's bounds, as if it were north-up."""
    x, y = reference.CORNER
    transform = (rasterio.Affine.translation(x, y) * rasterio.Affine.rotation(30)
                 * rasterio.Affine.scale(1, -1))
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 20), np.uint8), transform)
    corners = [transform * corner for corner in ((4, 6), (13, 6), (13, 9), (4, 9), (4, 6))]
    store = small([{"type": "Polygon", "coordinates": [corners]}], scene=image)
    np.testing.assert_array_equal(store.masks[0], block(20, (4, 6, 13, 9)))
    np.testing.assert_allclose(store.boxes(0)[0][0], [4, 6, 13, 9], atol=1e-5)


def test_same_polygon_twice_is_two_objects(small):
    """pyveda, solaris: a duplicate confuses arrays that should be in step (issue 205)."""
    store = small([rectangle(2, 2, 8, 8), rectangle(2, 2, 8, 8)])
    assert [box[2] for box in store.boxes(0)] == [0, 1]
    np.testing.assert_array_equal(store.instances[0], 2 * block(20, (2, 2, 8, 8)))


def test_features_of_one_tile_do_not_leave_the_array(small):
    """pyveda: a vertex at 256 of a 256 tile indexes out of range."""
    store = small([rectangle(-3, -3, 8, 8), rectangle(12, 12, 20, 20), rectangle(15, -9, 40, 5)])
    np.testing.assert_array_equal(
        store.masks[0], block(20, (0, 0, 8, 8), (12, 12, 20, 20), (15, 0, 20, 5)))


# --- torchgeo ---------------------------------------------------------------------------------

def test_scene_smaller_than_the_tile_is_not_skipped(data, tmp_path, vedatile):
    """torchgeo: files smaller than the chip vanish without a word."""
    small = write_scene(tmp_path / "small.tif", np.zeros((6, 60, 30), np.uint8))
    path = tmp_path / "store.h5"
    done = vedatile("feed", path, "--image", data / "olinda/scene.tif", small, "--tile", 64, code=2)
    assert "small.tif" in done.stderr and "30 x 60" in done.stderr
    assert not path.exists()
    store = feed(path, [data / "olinda/scene.tif", small], (), "--tile", 64, "--edge", "pad")
    assert (store.samples["scene"] == 1).sum() == 1


def test_tile_has_the_size_asked_for(tmp_path):
    """torchgeo: sizes in ground units come out as 513 or 176 pixels (issues 737, 1778)."""
    for number, pixel in enumerate((0.3, 1 / 3, 28.5, 9.68144e-5)):
        image = write_scene(tmp_path / f"{number}.tif", np.zeros((257, 300), np.uint8),
                            rasterio.Affine(pixel, 0, 0.1, 0, -pixel, 0.1), "EPSG:4326"
                            if pixel < 1e-3 else reference.UTM)
        store = feed(tmp_path / f"{number}.h5", image, (), "--tile", 128)
        assert store.images.shape == (4, 1, 128, 128)


def test_features_beside_slanted_edges_are_found(small, tmp_path):
    """torchgeo: the label query's box is made of two corners, so that features near skewed edges
    are missed."""
    x, y = reference.CORNER
    transform = (rasterio.Affine.translation(x, y) * rasterio.Affine.rotation(45)
                 * rasterio.Affine.scale(1, -1))
    image = write_scene(tmp_path / "scene.tif", np.zeros((40, 40), np.uint8), transform)
    features = []
    for u, v in [(1, 1), (39, 1), (1, 39), (39, 39), (20, 1), (1, 20), (39, 20), (20, 39)]:
        corners = [transform * (u + du, v + dv) for du, dv in
                   ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
        features.append({"type": "Polygon", "coordinates": [corners]})
    store = small(features, "--tile", 20, scene=image)
    found = {box[2] for i in range(4) for box in store.boxes(i)}
    assert found == set(range(8))
    assert sum(mask.sum() for mask in store.masks) == 8 * 4


def test_features_that_only_touch_a_tile_are_no_objects(small):
    """torchgeo: they become empty or NaN boxes after the clip."""
    features = [rectangle(10, 2, 14, 6), rectangle(0, 10, 10, 14), rectangle(10, 10, 12, 12)]
    store = small(features, "--tile", 10)
    assert store.boxes(store.at(0, 0)) == []
    assert not store.onehot[store.at(0, 0)].any() and not store.masks[store.at(0, 0)].any()
    assert np.isfinite(store.array("labels/boxes")).all()
    assert len(small(features, "--tile", 10, match="intersect")) == 3


def test_instances_stay_in_step_when_one_is_covered(small):
    """torchgeo: ids of objects under others vanish from the mask, so that masks, boxes and labels
    have different lengths."""
    store = small([rectangle(5, 5, 8, 8), rectangle(2, 2, 12, 12), rectangle(14, 14, 18, 18)])
    assert [box[2] for box in store.boxes(0)] == [0, 1, 2]
    expected = 2 * block(20, (2, 2, 12, 12)) + 3 * block(20, (14, 14, 18, 18))
    np.testing.assert_array_equal(store.instances[0], expected)


def test_three_squares_of_the_published_fixture(small):
    """torchgeo: an empty query of its vector fixture gives arrays of the wrong shape."""
    squares = [(rectangle(0, 10, 10, 20), "1"), (rectangle(0, 0, 10, 10), "2"),
               (rectangle(10, 10, 20, 20), "3")]
    store = small(squares, "--tile", 8, "--stride", 11, field=True)
    empty = store.at(11, 0)
    assert store.boxes(empty) == [] and store.masks[empty].shape == (8, 8)
    assert not store.masks[empty].any()
    assert [store.masks[store.at(*at), 3, 3] for at in ((0, 0), (0, 11), (11, 11))] == [2, 1, 3]


def test_overlapping_scenes_share_no_ground(tmp_path):
    """torchgeo: where files overlap, the same place lands in several splits (PR 3251)."""
    images = []
    for number, shift in enumerate((0, 37)):
        x, y = reference.CORNER
        images.append(write_scene(
            tmp_path / f"{number}.tif", np.full((300, 300), number, np.uint8),
            rasterio.Affine(1, 0, x + shift, 0, -1, y - shift)))
    store = feed(tmp_path / "store.h5", images, (), "--tile", 10, "--split", "train=0.5,test=0.5",
                 "--block-size", 50)
    ground = {}
    for group in ("train", "test"):
        covered = np.zeros((400, 400), bool)
        for row in Store(store.path, group).samples:
            col = int(row["geotransform"][0] - reference.CORNER[0])
            line = int(reference.CORNER[1] - row["geotransform"][3])
            covered[line:line + 10, col:col + 10] = True
        ground[group] = covered
    assert ground["train"].any() and ground["test"].any()
    assert not (ground["train"] & ground["test"]).any()


# --- solaris ----------------------------------------------------------------------------------

@pytest.mark.parametrize("nodata, valid", [(0, 0.5), (None, 1), (7, 1)])
def test_nodata_of_zero_is_nodata_when_declared_and_data_when_not(tmp_path, nodata, valid):
    """solaris: `if nodata:` takes 0 for none; raster-vision: 0 is always nodata."""
    pixels = np.ones((10, 10), np.uint8)
    pixels[:5] = 0
    image = write_scene(tmp_path / "scene.tif", pixels, nodata=nodata)
    store = feed(tmp_path / "store.h5", image, (), "--tile", 10)
    assert store.samples["valid_fraction"][0] == valid
    np.testing.assert_array_equal(store.images[0, 0], pixels)


def test_black_tiles_are_kept_unless_nodata(tmp_path):
    """raster-vision, gbdxtools: black ground is taken for missing image."""
    pixels = np.zeros((10, 20), np.uint8)
    image = write_scene(tmp_path / "scene.tif", pixels)
    assert len(feed(tmp_path / "a.h5", image, (), "--tile", 10, "--min-valid", 1)) == 2


def test_padding_is_nodata_when_there_is_one(tmp_path):
    """solaris: areas without image are filled with the mean or 0 instead of the nodata value."""
    image = write_scene(tmp_path / "scene.tif", np.full((5, 5), 3, np.int16), nodata=-9999)
    store = feed(tmp_path / "store.h5", image, (), "--tile", 8, "--edge", "pad")
    expected = np.full((8, 8), -9999)
    expected[:5, :5] = 3
    np.testing.assert_array_equal(store.images[0, 0], expected)
    assert store.samples["valid_fraction"][0] == np.float32(25 / 64)


def test_tiles_of_less_than_a_metre_have_their_own_names(tmp_path):
    """solaris: tiles are named int(x)_int(y), so that those within a metre overwrite each other."""
    x, y = reference.CORNER
    image = write_scene(tmp_path / "scene.tif", np.arange(64, dtype=np.uint8).reshape(8, 8),
                        rasterio.Affine(0.01, 0, x, 0, -0.01, y))
    store = feed(tmp_path / "store.h5", image, (), "--tile", 2)
    assert len(set(store.samples["key"].tolist())) == 16 == len(np.unique(store.images[:, 0, 0, 0]))


def test_crs_without_a_code_is_kept(shared, tmp_path):
    """solaris: a CRS without EPSG code silently becomes EPSG:4326 (PR 331)."""
    image = shared / "nebraska-pivots/sample_geotiff_custom_proj.tif"
    store = feed(tmp_path / "store.h5", image, (), "--tile", 256)
    with rasterio.open(image) as source:
        expected = osr.SpatialReference(source.crs.to_wkt())
    found = osr.SpatialReference(store.table("crs")["wkt"][0].decode())
    assert found.IsSame(expected, ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES"])
    assert not found.IsGeographic()


def test_invalid_and_overlapping_polygons_do_not_break_the_run(shared, tmp_path, vedatile):
    """solaris: one invalid polygon among duplicates breaks the run (issue 205)."""
    done = vedatile("feed", tmp_path / "store.h5", "--image",
                    shared / "kampala-buildings/kampala_z21_b_1024x1024.tif", "--labels",
                    shared / "kampala-buildings/labels.geojson", "--task", "detection", "--json")
    report = json.loads(done.stdout)
    assert (report["features"], report["repaired"], report["null_geometries"]) == (206, 1, 0)


MISPLACED = [
    ("atlanta-buildings/sample_geotiff.tif", "atlanta-buildings/gj_to_px_result.geojson"),
    ("atlanta-buildings/sample_geotiff.tif", "atlanta-buildings/gdf_from_mask_1.geojson"),
    ("olinda-landsat7/L7_ETMs.tif", "kampala-buildings/labels.geojson"),
]


@pytest.mark.parametrize("image, labels", MISPLACED)
def test_labels_elsewhere_are_an_error_with_both_extents(shared, store, vedatile, image, labels):
    """solaris, torchgeo, geolabel-maker: labels that do not meet the image give an empty data set
    (issues 197, PR 1192, 7)."""
    said = refused(vedatile, store, shared / image, shared / labels)
    assert "labels do not meet" in said and "scene covers x" in said and "labels cover x" in said
    assert "swapped" not in said


# --- geoai, raster-vision, label-maker, samgeo, eo-learn --------------------------------------

def test_unknown_class_is_no_class(tmp_path, vedatile):
    """geoai: an unknown class value becomes class 1."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((10, 10), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson", [(rectangle(1, 1, 5, 5), "b")])
    said = refused(vedatile, tmp_path / "store.h5", image, labels, "--class-field", "class",
                   "--classes", "a,c")
    assert "'b'" in said


def test_last_feature_wins_whatever_its_class(small):
    """geoai: the highest class id wins where features overlap, whatever the file says."""
    store = small([(rectangle(1, 1, 9, 9), "b"), (rectangle(5, 5, 15, 15), "a")], field=True)
    assert store.masks[0, 7, 7] == 1


def test_scene_smaller_than_the_tile_has_no_negative_window(tmp_path, vedatile):
    """geoai: the offset of the last window is negative."""
    image = write_scene(tmp_path / "scene.tif", np.ones((5, 9), np.uint8))
    done = vedatile("feed", tmp_path / "a.h5", "--image", image, "--tile", 8, "--edge", "shift",
                    code=2)
    assert "larger than the scene" in done.stderr
    store = feed(tmp_path / "b.h5", image, (), "--tile", 8, "--edge", "pad")
    assert sorted(store.windows) == [(0, 0, 8, 8), (8, 0, 8, 8)]


def test_vertices_are_not_rounded_to_pixels(small):
    """raster-vision: label vertices snap to whole pixels before they are burnt."""
    store = small([polygon([[2.4, 2.4], [9.4, 2.4], [2.4, 9.4]])])
    centres = np.arange(20) + 0.5
    x, y = np.meshgrid(centres, centres)
    expected = (x > 2.4) & (y > 2.4) & (x + y < 11.8)
    np.testing.assert_array_equal(store.masks[0], expected)
    np.testing.assert_allclose(store.boxes(0)[0][0], [2.4, 2.4, 9.4, 9.4], atol=1e-6)


@pytest.mark.parametrize("tile, share, expected", [
    (3, 0, [[0, 0, 2, 2], [2, 2, 3, 3]]), (3, 0.5, [[0, 0, 2, 2]]),
    (3, 0.1, [[0, 0, 2, 2], [2, 2, 3, 3]]), (2, 0, [[0, 0, 2, 2]])])
def test_published_table_of_cut_boxes(small, tile, share, expected):
    """raster-vision: its own table of boxes in windows, where cut boxes are lost by default."""
    store = small([rectangle(0, 0, 2, 2), rectangle(2, 2, 4, 4)], "--tile", tile, "--stride", 20,
                  "--min-visible", share)
    assert [box[0] for box in store.boxes(0)] == expected


def test_boxes_are_not_widened(small):
    """label-maker: every box is buffered by 4 pixels and scaled by 255 / 4096."""
    store = small([rectangle(100, 100, 140, 120)], size=256)
    assert store.boxes(0)[0][0] == [100, 100, 140, 120]


def test_no_object_is_no_box(small):
    """label-maker: labels are filled up with zeros, which look like boxes of class 0."""
    store = small([rectangle(1, 1, 4, 4), rectangle(5, 5, 8, 8), rectangle(11, 1, 14, 4)],
                  "--tile", 10)
    found = {window[:2]: (len(store.boxes(i)), store.onehot[i].tolist())
             for i, window in enumerate(store.windows)}
    assert found == {(0, 0): (2, [1]), (10, 0): (1, [1]), (0, 10): (0, [0]), (10, 10): (0, [0])}
    assert store.array("labels/box_offsets")[-1] == len(store.array("labels/boxes")) == 3


def test_seed_zero_is_a_seed(data, tmp_path, vedatile):
    """label-maker: `if seed:` makes seed 0 random."""
    groups = []
    for number, seed in enumerate((0, 0, 1)):
        path = tmp_path / f"{number}.h5"
        vedatile("feed", path, "--image", data / "olinda/scene.tif", "--tile", 32, "--split",
                 "a=0.5,b=0.5", "--split-by", "random", "--seed", seed)
        groups.append(sorted(Store(path, "a").windows))
    assert groups[0] == groups[1] != groups[2]


def test_rotation_terms_are_kept(shared, tmp_path):
    """samgeo: the geotransform of a tile has its rotation terms set to 0."""
    image = shared / "hard-cases/gdalraster_geomatrix.tif"
    store = feed(tmp_path / "store.h5", image, (), "--tile", 10)
    with rasterio.open(image) as source:
        for sample, (col, row, _, _) in zip(store.samples, store.windows):
            corner = source.transform * (col, row)
            expected = [corner[0], 1.5, -5, corner[1], -5, -1.5]
            np.testing.assert_allclose(sample["geotransform"], expected, 1e-14)


@pytest.mark.parametrize("edge", ["pad", "shift"])
def test_right_and_bottom_remainder_are_covered(tmp_path, edge):
    """eo-learn, xbatcher, detectree2: the grid drops what is left over on the right and below."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((23, 31), np.uint8))
    store = feed(tmp_path / "store.h5", image, (), "--tile", 7, "--edge", edge)
    covered = np.zeros((40, 40), bool)
    for col, row, cols, rows in store.windows:
        covered[row:row + rows, col:col + cols] = True
    assert covered[:23, :31].all()


# --- GDAL and geometry ------------------------------------------------------------------------

def test_default_rule_is_the_pixel_centre(small):
    """geoai, GDAL: ALL_TOUCHED is the default, and differs from version to version."""
    store = small([rectangle(0, 0, 0.4, 0.4), rectangle(10, 10, 12.25, 12.25)])
    np.testing.assert_array_equal(store.masks[0], block(20, (10, 10, 12, 12)))
    assert len(store.boxes(0)) == 2  # it is an object, though no pixel's centre is in it


def test_polygon_that_abuts_a_tile_burns_nothing_in_it(small):
    """raster_tools: labels clipped to the tile first degenerate to lines that burn 10 pixels."""
    store = small([rectangle(10, 0, 20, 10)], "--tile", 10)
    found = {window[:2]: int(mask.sum()) for window, mask in zip(store.windows, store.masks)}
    assert found == {(0, 0): 0, (10, 0): 100, (0, 10): 0, (10, 10): 0}


def test_parts_that_overlap_unite(small):
    """GDAL's neighbours: even-odd over all parts makes a hole where two parts overlap."""
    store = small([{"type": "MultiPolygon", "coordinates": [
        rectangle(0, 0, 5, 5)["coordinates"], rectangle(3, 3, 8, 8)["coordinates"]]}])
    np.testing.assert_array_equal(store.masks[0], block(20, (0, 0, 5, 5), (3, 3, 8, 8)))
    assert store.masks[0].sum() == 46


def test_bow_tie_is_repaired_and_counted(tmp_path, vedatile):
    """GDAL: burns a polygon that crosses itself without a word."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 20), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson",
                          [polygon([[2, 2], [18, 14], [18, 2], [2, 14]])])
    done = vedatile("feed", tmp_path / "store.h5", "--image", image, "--labels", labels, "--task",
                    ALL_TASKS, "--tile", 20, "--codec", "raw", "--json")
    assert json.loads(done.stdout)["repaired"] == 1
    store = Store(tmp_path / "store.h5")
    centres = np.arange(20) + 0.5
    x, y = np.meshgrid(centres, centres)
    inside = (x > 2) & (x < 18) & (np.abs(y - 8) < np.abs(x - 10) * 0.75)
    np.testing.assert_array_equal(store.masks[0], inside)
    box, _, _, share = store.boxes(0)[0]
    assert box == [2, 2, 18, 14] and share == 1


CRS_NAMES = [None, "EPSG:4326", "urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:OGC:1.3:CRS84"]


@pytest.mark.parametrize("name", CRS_NAMES)
def test_geojson_is_longitude_first_whatever_proj_says(shared, tmp_path, name):
    """t-rex, GDAL, rasterio: PROJ's axis order swaps the labels, and tiles come out empty."""
    source = shared / "histmap/train.geojson"
    document = json.loads(source.read_text(encoding="utf-8"))
    document.pop("crs", None)
    if name is not None:
        document["crs"] = {"type": "name", "properties": {"name": name}}
    labels = tmp_path / "labels.geojson"
    labels.write_text(json.dumps(document), encoding="utf-8")
    image = shared / "histmap/map_compress.tif"
    store = feed(tmp_path / "store.h5", image, labels, "--class-field", "Type", "--tile", 500,
                 "--edge", "pad", tasks="segmentation")
    mask = Labels(image, source, "Type").burn()
    for tile, window in zip(store.masks, store.windows):
        np.testing.assert_array_equal(tile, reference.crop(mask, window))


def test_latitude_first_is_recognised(shared, store, tmp_path, vedatile):
    """CLIMADA, sardem: swapped coordinates give empty labels without a hint."""
    document = json.loads((shared / "para-landcover/training_polygons.geojson").read_text())
    for feature in document["features"]:
        rings = feature["geometry"]["coordinates"]
        feature["geometry"]["coordinates"] = [[[y, x] for x, y, *_ in ring] for ring in rings]
    labels = tmp_path / "swapped.geojson"
    labels.write_text(json.dumps(document))
    said = refused(vedatile, store, shared / "para-landcover/LT52240631988227CUB02_7bands.tif",
                   labels)
    assert "axes swapped" in said and "latitude first" in said


def test_labels_across_the_antimeridian_in_utm(shared, tmp_path):
    """All: a label cut at 180 degrees, as RFC 7946 has it, is torn to both ends of the world."""
    image = shared / "hard-cases/riotiler_cog_dateline.tif"
    with rasterio.open(image) as source:
        size = (source.height, source.width)
    dateline = {"type": "MultiPolygon", "coordinates": [
        [[[179.5, 50], [180, 50], [180, 70], [179.5, 70], [179.5, 50]]],
        [[[-180, 50], [-179.5, 50], [-179.5, 70], [-180, 70], [-180, 50]]]]}
    labels = write_labels(tmp_path / "labels.geojson", [dateline], crs=None)
    store = feed(tmp_path / "store.h5", image, labels, "--tile", "{1}x{0}".format(*size))
    mask = store.masks[0]
    runs = np.count_nonzero(np.diff(mask.astype(int), axis=1) == 1, axis=1) + mask[:, 0]
    assert (runs <= 1).all() and 0.1 < mask.mean() < 0.9  # one piece in every row
    assert len(store.boxes(0)) == 1


@pytest.mark.parametrize("west", [178, -182, 538])
def test_labels_across_the_antimeridian_in_degrees(small, tmp_path, west):
    """All: a scene that counts on past 180 never meets labels that start again at -180."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 40), np.uint8),
                        rasterio.Affine(0.1, 0, west, 0, -0.1, 10), "EPSG:4326")
    part = [[[-179.5, 8.5], [-178.5, 8.5], [-178.5, 9.5], [-179.5, 9.5], [-179.5, 8.5]]]
    labels = write_labels(tmp_path / "labels.geojson", [{"type": "Polygon", "coordinates": part}],
                          crs=None)
    store = small(labels, "--tile", "40x20", scene=image)
    expected = np.zeros((20, 40), int)
    expected[5:15, 25:35] = 1
    np.testing.assert_array_equal(store.masks[0], expected)


@pytest.mark.parametrize("labels, kind", [
    ("vegas-roads/sample_roads_for_masking.geojson", "LineString"),
    ("hard-cases/gdal_geometrycollection.geojson", "Point"),
    ("hard-cases/gdal_point_with_utf8bom.json", "Point")])
def test_lines_and_points_are_refused_by_name(shared, store, vedatile, labels, kind):
    """raster-vision, label-maker: they raise far from the file, or are buffered by a guess."""
    said = refused(vedatile, store, shared / "vegas-roads/road_mask_input.tif", shared / labels)
    assert kind in said and "no area" in said and pathlib.Path(labels).name in said


def test_only_null_geometries_are_an_error(shared, store, vedatile):
    """solaris: they give an empty output (issue 286)."""
    said = refused(vedatile, store, shared / "vegas-roads/road_mask_input.tif",
                   shared / "hard-cases/gdal_nullvalues.geojson")
    assert "none of its 2 features has a geometry" in said


def test_byte_order_mark_and_bare_feature(small, tmp_path):
    """robosat, cocosynth: readers want a FeatureCollection that starts with a brace."""
    ring = [[3.0, 3.0], [3.2, 3.0], [3.2, 3.1], [3.0, 3.1], [3.0, 3.0]]
    feature = {"type": "Feature", "properties": {},
               "geometry": {"type": "Polygon", "coordinates": [ring]}}
    path = tmp_path / "bare.geojson"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(feature).encode())
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 40), np.uint8),
                        rasterio.Affine(0.01, 0, 2.9, 0, -0.01, 3.15), "EPSG:4326")
    store = small(path, "--tile", "40x20", scene=image)
    expected = np.zeros((20, 40), int)
    expected[5:15, 10:30] = 1
    np.testing.assert_array_equal(store.masks[0], expected)


def test_heights_are_dropped(small):
    """cocosynth, solaris: a third coordinate breaks the reading of rings."""
    shape = rectangle(2, 3, 9, 11)
    shape["coordinates"] = [[[*point, 17.5] for point in ring] for ring in shape["coordinates"]]
    np.testing.assert_array_equal(small([shape]).masks[0], block(20, (2, 3, 9, 11)))


def test_one_failure_keeps_what_was_done(shared, tmp_path, vedatile):
    """raster-vision, gdal raster tile: one failure after hours, and all is to be done again."""
    path = tmp_path / "store.h5"
    good = write_scene(tmp_path / "good.tif", np.ones((3, 64, 64), np.uint8))
    vedatile("feed", path, "--image", good, "--tile", 32, "--codec", "raw")
    before = Store(path).samples["key"].tolist()
    vedatile("feed", path, "--image", shared / "hard-cases/rasterio_corrupt.tif", "--tile", 32,
             code=1)
    assert set(before) <= set(Store(path).samples["key"].tolist())
    vedatile("check", path)


def test_empty_class_value_is_said_to_be_null(tmp_path, vedatile):
    """pyveda: a feature without its label field is a KeyError in another place."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((10, 10), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson",
                          [(rectangle(1, 1, 5, 5), "a"), (rectangle(6, 6, 8, 8), None)])
    said = refused(vedatile, tmp_path / "store.h5", image, labels, "--class-field", "class")
    assert "1 feature" in said and "null" in said


def test_shapely_and_the_store_mean_the_same_edges(small):
    """keras-cv, supervision: a box that ends with the tile is one pixel short or long."""
    store = small([rectangle(-5, -5, 25, 25)])
    assert store.boxes(0)[0][0] == [0, 0, 20, 20]
    frame = shapely.geometry.box(0, 0, 20, 20)
    assert store.boxes(0)[0][3] == pytest.approx(frame.area / 900, abs=1e-6)
