"""Scenes and their windows, against GDAL, rasterio and arithmetic."""
import concurrent.futures
import multiprocessing
import os
import pickle

import numpy as np
import pytest
import rasterio
import rasterio.warp
import vedatile
from scenes import OLINDA, make_scene


@pytest.fixture
def scene(tmp_path):
    pixels = make_scene(tmp_path / "scene.tif")
    opened = vedatile.Scene(tmp_path / "scene.tif")
    opened.pixels = pixels
    return opened


# --- what a scene is -----------------------------------------------------------------------------

def test_properties_are_those_of_rasterio():
    scene = vedatile.Scene(OLINDA)
    with rasterio.open(OLINDA) as other:
        assert scene.shape == (other.count, other.height, other.width)
        assert scene.dtype == other.dtypes[0]
        assert scene.geotransform == other.transform.to_gdal()
        assert rasterio.crs.CRS.from_wkt(scene.crs) == other.crs
        bounds = rasterio.warp.transform_bounds(other.crs, "EPSG:4326", *other.bounds)
    assert scene.bounds == pytest.approx(bounds, abs=1e-6)
    assert scene.uri == str(OLINDA) and len(scene.digest) == 32
    assert scene.band_names == [f"band_{i}" for i in range(1, 7)]


def test_a_scene_without_place_says_so(tmp_path):
    make_scene(tmp_path / "plain.tif", epsg=None)
    scene = vedatile.Scene(tmp_path / "plain.tif")
    assert (scene.crs, scene.geotransform, scene.bounds) == (None, None, None)
    assert scene.window(1, 2, 3, 4).geotransform is None


def test_a_relative_name_survives_a_change_of_folder(tmp_path, monkeypatch):
    pixels = make_scene(tmp_path / "scene.tif")
    monkeypatch.chdir(tmp_path)
    scene = vedatile.Scene("scene.tif")
    os.chdir("/")
    assert np.array_equal(pickle.loads(pickle.dumps(scene)).read(), pixels)


@pytest.mark.parametrize("name, bands, error", [
    ("nosuch.tif", None, vedatile.NotFoundError),
    ("nosuch.tif", None, FileNotFoundError),
    ("text.tif", None, vedatile.FormatError),
    ("scene.tif", [4], ValueError),
    ("scene.tif", [0], vedatile.ArgumentError),
    ("scene.tif", [1, 1], vedatile.ArgumentError),
    ("scene.tif", [], vedatile.ArgumentError),
    ("scene.tif", [2 ** 40], vedatile.ArgumentError),
    ("scene.tif", ["1"], TypeError),
    (5, None, TypeError),
])
def test_what_cannot_be_opened(tmp_path, name, bands, error):
    make_scene(tmp_path / "scene.tif")
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(error):
        vedatile.Scene(tmp_path / name if isinstance(name, str) else name, bands)


# --- pixels --------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32",
                                   "float64"])
def test_pixels_of_every_type(tmp_path, dtype):
    pixels = make_scene(tmp_path / "a.tif", dtype=dtype)
    scene = vedatile.Scene(tmp_path / "a.tif")
    assert scene.dtype == dtype
    assert scene.read().dtype == dtype and np.array_equal(scene.read(), pixels)


def test_bands_in_the_order_wanted(scene):
    chosen = vedatile.Scene(scene.uri, bands=[3, 1])
    assert chosen.shape == (2, 40, 50)
    assert np.array_equal(chosen.read(), scene.pixels[[2, 0]])


@pytest.mark.parametrize("nodata", [None, 255])
def test_outside_is_nodata_or_zero(tmp_path, nodata):
    pixels = make_scene(tmp_path / "a.tif", nodata=nodata)
    scene = vedatile.Scene(tmp_path / "a.tif")
    wanted = np.full((3, 20, 20), nodata or 0, np.uint8)
    wanted[:, :10, 5:] = pixels[:, 30:40, :15]
    assert np.array_equal(scene.window(-5, 30, 20, 20).read(), wanted)
    assert (scene.window(1000, 1000, 2, 3).read() == (nodata or 0)).all()


@pytest.mark.parametrize("window", [(0, 0, 0, 1), (0, 0, 1, -1), (0, 0, 2 ** 31, 1), (0, 0, 1)])
def test_windows_that_are_none(scene, window):
    with pytest.raises(ValueError):
        scene.read(window)


def test_a_window_too_large_for_memory(scene):
    with pytest.raises(MemoryError):
        scene.read((0, 0, 2 ** 31 - 1, 2 ** 31 - 1))


def test_threads_read_one_scene(scene):
    windows = list(scene.iterwindows(count=300, window_shape=(16, 16), seed=3))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for window, read in zip(windows, pool.map(lambda w: w.read(), windows)):
            rows = slice(window.row, window.row + 16)
            assert np.array_equal(read, scene.pixels[:, rows, window.col:window.col + 16])


def read_sum(window):
    return int(window.read().sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_one_scene(scene, method):
    windows = list(scene.iterwindows(count=20, window_shape=(16, 16)))
    wanted = [read_sum(window) for window in windows]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(read_sum, windows) == wanted


# --- windows -------------------------------------------------------------------------------------

def test_random_windows(scene):
    windows = list(scene.iterwindows(count=200, window_shape=[8, 12], seed=1))
    assert len(windows) == len(set(windows)) == 200
    for window in windows:
        assert (window.rows, window.cols) == (8, 12) and window.shape == (3, 8, 12)
        assert 0 <= window.row <= 32 and 0 <= window.col <= 38
    # gbdxtools never returned the last row and column.
    assert {window.row for window in windows} >= {0, 32}


def test_random_windows_follow_from_the_seed(scene):
    first = list(scene.iterwindows(count=50, window_shape=8, seed=1))
    assert list(scene.iterwindows(count=50, window_shape=8, seed=1)) == first
    assert list(scene.iterwindows(count=80, window_shape=8, seed=1))[:50] == first
    assert list(scene.iterwindows(count=50, window_shape=8, seed=2)) != first
    assert list(scene.iterwindows(count=50, window_shape=8, seed=-1)) != first


def test_every_place_once(scene):
    places = {(w.col, w.row) for w in scene.iterwindows(count=6, window_shape=(39, 48))}
    assert places == {(col, row) for col in range(3) for row in range(2)}
    assert list(scene.iterwindows(count=0, window_shape=8)) == []


@pytest.mark.parametrize("options, text", [
    ({"count": 7, "window_shape": (39, 48)}, "there are 6 places"),
    ({"count": 1, "window_shape": (41, 48)}, "do not fit"),
    ({"window_shape": (40, 51)}, "do not fit"),
    ({"count": -1, "window_shape": 8}, "places"),
    ({"count": 1, "window_shape": 8, "stride": 4}, "stride"),
    ({"window_shape": (0, 8)}, "at least 1"),
    ({"window_shape": 8, "stride": (4, 0)}, "at least 1"),
    ({"window_shape": (8, 8, 8)}, "rows, cols"),
    ({"window_shape": "ab"}, "rows, cols"),
    ({"window_shape": 8.5}, "rows, cols"),
])
def test_windows_that_cannot_be(scene, options, text):
    with pytest.raises(vedatile.ArgumentError, match=text):  # by the call, not by the first window
        scene.iterwindows(**options)


@pytest.mark.parametrize("stride", [None, (5, 7), 3])
def test_grid(scene, stride):
    down, across = (8, 12) if stride is None else (3, 3) if stride == 3 else stride
    wanted = [(col, row, 12, 8) for row in range(0, 33, down) for col in range(0, 39, across)]
    windows = list(scene.iterwindows(window_shape=(8, 12), stride=stride))
    assert [window.place for window in windows] == wanted
    read = windows[-1].read()
    place = windows[-1].place
    assert np.array_equal(read, scene.pixels[:, place.row:place.row + 8, place.col:place.col + 12])


def test_a_window_says_what_it_is(scene):
    window = scene.window(3, 4, 5, 6)
    assert repr(window) == f"Window({scene.uri!r}, col=3, row=4, cols=5, rows=6)"
    assert repr(scene) == f"Scene({scene.uri!r}: 3 bands of 40 x 50 pixels, uint8)"
    with rasterio.open(scene.uri) as other:
        wanted = other.window_transform(rasterio.windows.Window(3, 4, 5, 6)).to_gdal()
    assert window.geotransform == pytest.approx(wanted)
    with pytest.raises(AttributeError):
        window.colour = 1


def test_windows_are_equal_by_content_and_place(scene, tmp_path):
    copy = tmp_path / "copy.tif"
    copy.write_bytes(open(scene.uri, "rb").read())
    assert vedatile.Scene(copy).window(1, 2, 3, 4) == scene.window(1, 2, 3, 4)
    assert scene.window(1, 2, 3, 4) != scene.window(1, 2, 4, 3)
    assert vedatile.Scene(copy, bands=[1]).window(1, 2, 3, 4) != scene.window(1, 2, 3, 4)
    assert scene.window(1, 2, 3, 4) != (1, 2, 3, 4)


def test_pickles(scene):
    window = scene.window(3, 4, 5, 6)
    again = pickle.loads(pickle.dumps(window))
    assert again == window and hash(again) == hash(window)
    assert np.array_equal(again.read(), window.read())
