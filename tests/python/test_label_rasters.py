"""Rasters as labels: --label-raster, --label-values, --unknown."""
import json
import subprocess
import time

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.warp
from conftest import VEDATILE
from osgeo import gdal
from reference import (CORNER, IGNORE, SHARED, UTM, Labels, crop, feed, grid, rectangle,
                       write_labels, write_scene)

NAMES = "1=water,2=forest,10-19=crop"


def feed_raster(path, image, raster, *options, tasks="segmentation", **run):
    rasters = raster if isinstance(raster, (list, tuple)) else [raster]
    return feed(path, image, (), "--label-raster", *rasters, "--task", tasks, *options, **run)


def place(x=0.0, y=0.0, size=1.0):
    return rasterio.Affine(size, 0, CORNER[0] + x, 0, -size, CORNER[1] - y)


def warped(path, image, fill=IGNORE):
    """A raster on an image's grid by gdalwarp -r near; what is not there is `fill`."""
    scene = gdal.Open(str(image))
    g = scene.GetGeoTransform()
    return gdal.Warp("", str(path), format="MEM", resampleAlg="near", errorThreshold=0,
                     outputBounds=(g[0], g[3] + scene.RasterYSize * g[5],
                                   g[0] + scene.RasterXSize * g[1], g[3]),
                     width=scene.RasterXSize, height=scene.RasterYSize, outputType=gdal.GDT_Float64,
                     dstSRS=scene.GetSpatialRef(), dstNodata=fill).ReadAsArray()


def masked(values, table, other=IGNORE):
    """What a mask has for values: table of value to mask value."""
    mask = np.full(values.shape, other, np.uint8)
    for value, code in table.items():
        mask[values == value] = code
    return mask


def assert_crops(made, mask):
    assert len(made) > 0
    for found, window in zip(made.masks, made.windows):
        np.testing.assert_array_equal(found, crop(mask, window))


@pytest.fixture
def image(tmp_path):
    return write_scene(tmp_path / "a.tif", np.ones((70, 90), np.uint8))


def blobs(shape, values, seed=0, size=5):
    """Squares of random values."""
    rng = np.random.default_rng(seed)
    rows, cols = -(-shape[0] // size), -(-shape[1] // size)
    return rng.choice(values, (rows, cols)).repeat(size, 0).repeat(size, 1)[:shape[0], :shape[1]]


# --- from values to classes ---------------------------------------------------------------------

@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "uint32"])
def test_mask_is_the_crop_of_the_rasters(tmp_path, store, image, dtype, threads):
    """With overlap and padding; nodata is ignore; the one-hot vector has the classes present."""
    values = blobs((70, 90), [0, 1, 2, 12, 19, 99]).astype(dtype)
    raster = write_scene(tmp_path / "l.tif", values, nodata=99)
    made = feed_raster(store, image, raster, "--label-values", NAMES + ",0=background", "--tile",
                       "32x24", "--stride", "20x24", "--edge", "pad", "--match", "all",
                       "--threads", threads, tasks="segmentation,classification")
    mask = masked(values, {0: 0, 1: 1, 2: 2, 12: 3, 19: 3})
    assert made.classes == ["water", "forest", "crop"]
    assert made.windows == grid((90, 70), (32, 24), (20, 24), "pad")
    assert_crops(made, mask)
    for vector, window in zip(made.onehot, made.windows):
        assert vector.tolist() == [int((crop(mask, window) == i).any()) for i in (1, 2, 3)]


def test_values_are_the_classes(tmp_path, store, image):
    """Without a map each value but 0 is a class, in the order of numbers, negative ones first."""
    values = blobs((70, 90), [0, 7, 10, 200, -3]).astype(np.int32)
    raster = write_scene(tmp_path / "l.tif", values)
    made = feed_raster(store, image, raster, "--tile", 30)
    assert made.classes == ["-3", "7", "10", "200"]
    assert_crops(made, masked(values, {0: 0, -3: 1, 7: 2, 10: 3, 200: 4}))


def test_category_names_are_the_classes(tmp_path, store, image):
    """A name counts for 0 as well; "background" and "ignore" are what they say."""
    values = blobs((70, 90), [0, 1, 2, 3, 4]).astype(np.uint8)
    raster = write_scene(tmp_path / "l.tif", values)
    dataset = gdal.Open(str(raster), gdal.GA_Update)
    dataset.GetRasterBand(1).SetCategoryNames(["sea", "ignore", "town", "background", "moor"])
    dataset = None
    made = feed_raster(store, image, raster, "--tile", 30)
    assert made.classes == ["sea", "town", "moor"]
    assert_crops(made, masked(values, {0: 1, 1: IGNORE, 2: 2, 3: 0, 4: 3}))


def test_a_class_map_file(tmp_path, store, image):
    values = blobs((70, 90), [0, 1, 2, 12, 19.5, 20, 99]).astype(np.float32)
    raster = write_scene(tmp_path / "l.tif", values)
    (tmp_path / "map.json").write_text(json.dumps({
        "rules": [{"class": None, "values": [0]}, {"ignore": True, "values": [99]},
                  {"class": "wet", "values": [1, "2"]}, {"class": "dry", "range": [12, 20]}],
        "default": "rest"}))
    made = feed_raster(store, image, raster, "--label-map", tmp_path / "map.json", "--tile", 30)
    assert made.classes == ["wet", "dry", "rest"]
    assert_crops(made, masked(values, {0: 0, 1: 1, 2: 1, 12: 2, 19.5: 2, 20: 3, 99: IGNORE}))
    with h5py.File(store) as file:
        config, = json.loads(file.attrs["feed_config"])
    assert config["label_values"]["default"] == "rest" and config["label_rasters"] == ["l.tif"]


@pytest.mark.parametrize("unknown, classes, code", [
    ("skip", ["water"], IGNORE), ("ignore", ["water"], IGNORE), ("background", ["water"], 0),
    ("rest", ["water", "rest"], 2), ("water", ["water"], 1)])
def test_unknown_values(tmp_path, store, image, unknown, classes, code):
    values = blobs((70, 90), [1, 5, 6]).astype(np.uint8)
    raster = write_scene(tmp_path / "l.tif", values)
    made = feed_raster(store, image, raster, "--label-values", "1=water", "--unknown", unknown,
                       "--tile", 30, "--match", "all")
    assert made.classes == classes
    assert_crops(made, masked(values, {1: 1, 5: code, 6: code}))


def test_a_value_that_is_no_class_is_named(tmp_path, store, image, vedatile):
    values = np.ones((70, 90), np.uint8)
    values[69, 89] = 5
    raster = write_scene(tmp_path / "l.tif", values)
    arguments = ("feed", store, "--image", image, "--label-raster", raster, "--task",
                 "segmentation", "--tile", 30)
    done = vedatile(*arguments, "--label-values", "1=water", code=1)
    assert "l.tif: value 5 is no class" in done.stderr and "--unknown" in done.stderr
    done = vedatile(*arguments, "--classes", "1", code=1)
    assert "'5'" in done.stderr and not store.exists()


def test_classes_of_the_store(tmp_path, store, image, vedatile):
    """A later raster with fewer values has the same classes; one with others is refused."""
    values = blobs((70, 90), [1, 2]).astype(np.uint8)
    feed_raster(store, image, write_scene(tmp_path / "l.tif", values), "--tile", 30)
    more = write_scene(tmp_path / "b.tif", np.full((60, 60), 2, np.uint8))
    for value, code in ((2, 0), (3, 1)):
        raster = write_scene(tmp_path / "m.tif", np.full((60, 60), value, np.uint8))
        done = vedatile("feed", store, "--image", more, "--label-raster", raster, code=code)
    assert "'3'" in done.stderr
    with h5py.File(store) as file:
        assert set(np.unique(file["train/labels/mask"][-4:])) == {2}


def test_more_than_254_classes(tmp_path, store, image):
    values = np.arange(6300).reshape(70, 90).astype(np.uint16) % 300
    values[5] = 999
    raster = write_scene(tmp_path / "l.tif", values, nodata=999)
    made = feed_raster(store, image, raster, "--tile", 70)
    assert made.masks.dtype == np.uint16 and len(made.classes) == 299
    wanted = np.where(values == 999, 65535, values)[:, :70]
    np.testing.assert_array_equal(made.masks[0], wanted)


# --- on the scene's grid ------------------------------------------------------------------------

@pytest.mark.parametrize("name, transform, crs, size", [
    ("moved", place(-5, -7), UTM, (80, 100)),
    ("inside", place(12, 9), UTM, (30, 30)),
    ("coarser", place(0, 0, 10), UTM, (7, 9)),
    ("coarser and moved", place(-4.5, -3.25, 3), UTM, (25, 40)),
    ("finer", place(-0.3, -0.2, 0.4), UTM, (200, 240)),
    ("longitude and latitude", None, "EPSG:4326", (50, 60)),
    ("turned", place(20, -20) * rasterio.Affine.rotation(30), UTM, (90, 90)),
    ("south up", rasterio.Affine(1, 0, CORNER[0], 0, 1, CORNER[1] - 70), UTM, (70, 90)),
])
def test_nearest_neighbour(tmp_path, store, image, name, transform, crs, size):
    """As gdalwarp -r near has it; what the raster does not cover is ignore."""
    if transform is None:
        with rasterio.open(image) as scene:
            left, _, _, top = rasterio.warp.transform_bounds(UTM, crs, *scene.bounds)
        transform = rasterio.Affine(1.3e-5, 0, left + 1e-4, 0, -1.1e-5, top - 1e-4)
    values = np.random.default_rng(len(name)).integers(0, 4, size).astype(np.uint8)
    raster = write_scene(tmp_path / "l.tif", values, transform, crs)
    made = feed_raster(store, image, raster, "--tile", 32, "--edge", "pad", "--match", "all",
                       "--label-values", "0=background,1=a,2=b,3=c")
    mask = masked(warped(raster, image), {0: 0, 1: 1, 2: 2, 3: 3})
    assert_crops(made, mask)
    if name == "coarser":
        np.testing.assert_array_equal(mask, values.repeat(10, 0).repeat(10, 1))
    if name == "inside":
        np.testing.assert_array_equal(mask[9:39, 12:42], values)
        assert (mask == IGNORE).sum() == mask.size - 900
    if name == "south up":
        np.testing.assert_array_equal(mask, values[::-1])


def test_a_warped_scene(tmp_path, store, image):
    """The image is mixed, the classes are not."""
    values = blobs((70, 90), [1, 2, 3]).astype(np.uint8)
    raster = write_scene(tmp_path / "l.tif", values)
    made = feed_raster(store, image, raster, "--tile", 16, "--stride", 9, "--crs", "EPSG:32632",
                       "--resolution", 2.5, "--resampling", "cubic", "--match", "all")
    sample = made.samples[0]
    col, row = (int(v) for v in sample["window"][:2])
    with h5py.File(store) as file:
        cols, rows = (int(file["scenes"][0][name]) for name in ("cols", "rows"))
    left, top = sample["geotransform"][0] - col * 2.5, sample["geotransform"][3] + row * 2.5
    near = gdal.Warp("", str(raster), format="MEM", resampleAlg="near", errorThreshold=0,
                     dstSRS="EPSG:32632", width=cols, height=rows, dstNodata=IGNORE,
                     outputBounds=(left, top - rows * 2.5, left + cols * 2.5, top)).ReadAsArray()
    assert_crops(made, near)


def test_plain_pixels(tmp_path, store, vedatile):
    """Pixel on pixel where there is no ground, and for scenes by control points."""
    values = blobs((8, 8), [1, 2], size=2).astype(np.uint8)
    image = write_scene(tmp_path / "a.tif", np.ones((8, 8), np.uint8), crs=None)
    raster = write_scene(tmp_path / "l.tif", values, crs=None)
    made = feed_raster(store, image, raster, "--tile", 4)
    assert_crops(made, values)
    points = [gdal.GCP(x, y, 0, p, l) for x, y, p, l in ((3, 41, 0, 0), (3.1, 41, 8, 0),
                                                         (3, 40.9, 0, 8), (3.1, 40.9, 8, 8))]
    placed = gdal.Open(str(write_scene(tmp_path / "g.tif", np.full((8, 8), 2, np.uint8), crs=None)),
                       gdal.GA_Update)
    placed.SetGCPs(points, rasterio.crs.CRS.from_epsg(4326).to_wkt())
    placed = None
    assert_crops(feed_raster(tmp_path / "g.h5", tmp_path / "g.tif", raster, "--tile", 4), values)
    other = write_scene(tmp_path / "o.tif", np.ones((9, 8), np.uint8))
    done = vedatile("feed", tmp_path / "n.h5", "--image", tmp_path / "g.tif", "--label-raster",
                    other, "--task", "segmentation", "--tile", 4, code=1)
    assert "8 x 9 pixels" in done.stderr and "--resolution" in done.stderr


# --- several rasters, several images --------------------------------------------------------------

def test_one_for_each_image(tmp_path, store, vedatile):
    """As many as images: in order, also where images share their ground."""
    images = [write_scene(tmp_path / f"{n}.tif", np.full((8, 8), n, np.uint8)) for n in range(3)]
    rasters = [write_scene(tmp_path / f"l{n}.tif", np.full((8, 8), n + 1, np.uint8))
               for n in range(3)]
    made = feed_raster(store, images, rasters, "--tile", 8)
    assert [mask[0, 0] for mask in made.masks] == [1, 2, 3]
    far = write_scene(tmp_path / "far.tif", np.ones((8, 8), np.uint8), place(1000))
    done = vedatile("feed", tmp_path / "n.h5", "--image", *images, "--label-raster", *rasters[:2],
                    far, "--task", "segmentation", "--tile", 8, code=1)
    assert "far.tif: does not meet" in done.stderr and "in order" in done.stderr


def test_several_that_cover(tmp_path, store, image, vedatile):
    """Later ones lie on top, but for their nodata; what none covers is ignore."""
    first = blobs((40, 60), [1, 2]).astype(np.uint8)
    second = blobs((40, 60), [2, 3, 9], seed=1).astype(np.uint8)
    rasters = [write_scene(tmp_path / "1.tif", first),
               write_scene(tmp_path / "2.tif", second, place(20, 20), nodata=9)]
    made = feed_raster(store, image, rasters, "--tile", 25, "--match", "all")
    mask = np.full((70, 90), IGNORE)
    mask[:40, :60] = first
    mask[20:60, 20:80] = np.where(second == 9, mask[20:60, 20:80], second)
    assert_crops(made, mask)
    far = write_scene(tmp_path / "far.tif", first, place(1000))
    done = vedatile("feed", tmp_path / "n.h5", "--image", image, "--label-raster", *rasters, far,
                    "--task", "segmentation", "--tile", 25, code=1)
    assert "far.tif: does not meet any of the scenes" in done.stderr


def test_joined_scenes(tmp_path, image):
    """A mosaic has the labels of its ground; each date of a series has those of all."""
    values = blobs((70, 90), [0, 1, 2]).astype(np.uint8)
    raster = write_scene(tmp_path / "l.tif", values)
    parts = [write_scene(tmp_path / "w.tif", np.ones((70, 50), np.uint8)),
             write_scene(tmp_path / "e.tif", np.ones((70, 40), np.uint8), place(50))]
    made = feed_raster(tmp_path / "m.h5", parts, raster, "--join", "mosaic", "--tile", 32, "--edge",
                       "pad", "--match", "all")
    assert_crops(made, masked(values, {0: 0, 1: 1, 2: 2}))
    dates = [write_scene(tmp_path / f"2020-0{n}-01.tif", np.full((70, 90), n, np.uint8))
             for n in (1, 2, 3)]
    made = feed_raster(tmp_path / "s.h5", dates, raster, "--join", "series", "--tile", 35)
    assert len(made) == 3 * 4
    assert_crops(made, masked(values, {0: 0, 1: 1, 2: 2}))


# --- with features ------------------------------------------------------------------------------

def test_features_lie_on_top(tmp_path, store, image, vedatile):
    values = blobs((70, 90), [0, 1, 2, 99]).astype(np.uint8)
    raster = write_scene(tmp_path / "l.tif", values, nodata=99)
    labels = write_labels(tmp_path / "v.geojson", [(rectangle(10, 10, 30, 25), "road"),
                                                   (rectangle(20, 20, 50, 60), "water")])
    ignored = write_labels(tmp_path / "i.geojson", [rectangle(40, 5, 60, 30)])
    names = "1=water,2=forest,3=road,0=background"
    made = feed(store, image, labels, "--label-raster", raster, "--label-values", names,
                "--class-field", "class", "--ignore", ignored, "--tile", 30, "--stride", 20,
                tasks="segmentation,detection,classification")
    mask = masked(values, {0: 0, 1: 1, 2: 2})
    mask[10:25, 10:30] = 3
    mask[20:60, 20:50] = 1
    mask[5:30, 40:60] = IGNORE
    assert_crops(made, mask)
    vectors = Labels(image, labels, "class", ["water", "forest", "road"])
    for i, window in enumerate(made.windows):
        found, wanted = made.boxes(i), vectors.boxes(window)
        assert [(box[0], box[1]) for box in found] == [(box[0], box[1]) for box in wanted]
        base = crop(masked(values, {0: 0, 1: 1, 2: 2}), window)
        classes = {int(v) for v in np.unique(base)} - {0, IGNORE} | {box[1] + 1 for box in wanted}
        assert {int(v) + 1 for v in np.flatnonzero(made.onehot[i])} == classes
    done = vedatile("feed", tmp_path / "n.h5", "--image", image, "--labels", labels,
                    "--label-raster", raster, "--label-values", "1=water,2=forest", "--unknown",
                    "error", "--class-field", "class", "--task", "segmentation", code=1)
    assert "road" in done.stderr or "value 0" in done.stderr


# --- which windows stay -------------------------------------------------------------------------

def test_windows_without_a_class_are_left_out(tmp_path, image, vedatile):
    """Also in a dry run, and by --background-ratio."""
    values = np.zeros((70, 90), np.uint8)
    values[:20, :40] = 1
    values[40:, 50:] = 99
    raster = write_scene(tmp_path / "l.tif", values, nodata=99)
    arguments = ("--image", image, "--label-raster", raster, "--task", "segmentation", "--tile", 10,
                 "--codec", "raw", "--json")
    for options, kept in (((), 8), (("--match", "all"), 63), (("--background-ratio", 2), 24)):
        counts = []
        for dry in (("--dry-run",), ()):
            report = json.loads(vedatile("feed", tmp_path / f"{kept}.h5", *arguments, *options,
                                         *dry).stdout)
            counts.append(report["written"])
        assert counts == [kept, kept]
    with h5py.File(tmp_path / "24.h5") as file:
        has = (file["train/labels/mask"][()] == 1).any((1, 2))
    assert has.sum() == 8


def test_a_masked_area_hides_classes(tmp_path, store, image):
    values = np.full((70, 90), 1, np.uint8)
    values[:, 45:] = 2
    raster = write_scene(tmp_path / "l.tif", values)
    aoi = write_labels(tmp_path / "aoi.geojson", [rectangle(0, 0, 45, 70)])
    made = feed_raster(store, image, raster, "--tile", "90x70", "--aoi", aoi, "--aoi-rule", "touch",
                       "--aoi-mask", tasks="segmentation,classification")
    assert made.onehot.tolist() == [[1, 0]]
    assert (made.masks[0][:, 45:] == IGNORE).all() and (made.masks[0][:, :45] == 1).all()


def test_killed_and_run_again(tmp_path, vedatile):
    """Labels, clouds and converted pixels of a feed that was killed are those of one that was not."""
    rng = np.random.default_rng(6)
    image = write_scene(tmp_path / "a.tif", rng.normal(100, 60, (2, 300, 300)).astype(np.float32))
    raster = write_scene(tmp_path / "l.tif", blobs((300, 300), [0, 1, 2, 3]).astype(np.uint8))
    marks = write_scene(tmp_path / "m.tif", blobs((300, 300), [0, 8], seed=1).astype(np.uint8))
    arguments = ["--image", image, "--label-raster", raster, "--task", "segmentation", "--tile", 16,
                 "--dtype", "uint8", "--cloud-file", marks, "--cloud-values", 8, "--max-cloud",
                 0.6, "--cloud-mask", "--commit-seconds", 0.005, "--threads", 2]
    digests = []
    for kills in (0, 4):
        store = tmp_path / f"{kills}.h5"
        for number in range(kills):
            process = subprocess.Popen([VEDATILE, "feed", store, *map(str, arguments)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.03 + 0.04 * number)
            process.kill()
            process.wait()
        vedatile("feed", store, *arguments)
        digests.append(vedatile("check", store, "--digest").stdout)
    assert digests[0] == digests[1]


# --- numbers --------------------------------------------------------------------------------------

def test_regression(tmp_path, store, image):
    """The band's scale and offset applied; NaN where there is no number."""
    rng = np.random.default_rng(8)
    values = rng.integers(-500, 9000, (40, 60)).astype(np.int16)
    values[5:20, 10:30] = -9999
    raster = write_scene(tmp_path / "dem.tif", values, place(-10, -5, 2), nodata=-9999)
    dataset = gdal.Open(str(raster), gdal.GA_Update)
    dataset.GetRasterBand(1).SetScale(0.1)
    dataset.GetRasterBand(1).SetOffset(-7)
    dataset = None
    made = feed_raster(store, image, raster, "--tile", 32, "--edge", "pad", tasks="regression")
    near = warped(raster, image, fill=-9999)
    wanted = np.where(near == -9999, np.nan, near * 0.1 - 7).astype(np.float32)
    for found, window in zip(made.array("labels/target"), made.windows):
        np.testing.assert_array_equal(found, crop(wanted, window, np.nan))
    assert made.classes == ["object"]


def test_a_number_is_none(tmp_path, store, image):
    """NaN and infinity are none; windows without a number are left out."""
    values = np.full((70, 90), np.nan, np.float32)
    values[:10, :10] = [1.5, np.inf, -np.inf, 2, np.nan] * 2
    raster = write_scene(tmp_path / "l.tif", values)
    made = feed_raster(store, image, raster, "--tile", 10, tasks="regression")
    assert len(made) == 1
    np.testing.assert_array_equal(made.array("labels/target")[0],
                                  np.where(np.isfinite(values), values, np.nan)[:10, :10])


# --- real data ------------------------------------------------------------------------------------

def test_olinda_height_model(tmp_path, store, shared):
    """A height model of 90 m on Landsat's 28.5 m."""
    image = shared / "olinda-landsat7/L7_ETMs.tif"
    dem = shared / "olinda-landsat7/olinda_dem_utm25s.tif"
    made = feed_raster(store, image, dem, "--tile", 64, "--stride", 50, "--edge", "pad",
                       tasks="regression")
    wanted = warped(dem, image, fill=np.nan).astype(np.float32)
    for found, window in zip(made.array("labels/target"), made.windows):
        np.testing.assert_array_equal(found, crop(wanted, window, np.nan))


def test_para_classes_as_a_raster(tmp_path, shared):
    """Polygons burnt by GDAL and then fed as a raster make the masks that the polygons make."""
    image = shared / "para-landcover/LT52240631988227CUB02_7bands.tif"
    polygons = shared / "para-landcover/training_polygons.geojson"
    labels = Labels(image, polygons, "class")
    with rasterio.open(image) as scene:
        raster = write_scene(tmp_path / "l.tif", labels.burn().astype(np.uint8), scene.transform,
                             scene.crs)
    names = ",".join(f"{i}={name}" for i, name in enumerate(labels.classes, 1)) + ",0=background"
    options = ("--tile", 60, "--stride", 45, "--edge", "shift")
    by_raster = feed_raster(tmp_path / "r.h5", image, raster, *options, "--label-values", names,
                            "--match", "all", tasks="segmentation")
    by_file = feed(tmp_path / "v.h5", image, polygons, *options, "--class-field", "class",
                   tasks="segmentation")
    assert by_raster.classes == by_file.classes
    np.testing.assert_array_equal(by_raster.masks, by_file.masks)


# --- what is refused ------------------------------------------------------------------------------

@pytest.mark.parametrize("options, said", [
    (("--task", "detection"), "segmentation, classification and regression"),
    (("--task", "segmentation,boundary"), "task boundary is about features"),
    (("--task", "segmentation,regression"), "either classes or numbers"),
    (("--task", "regression", "--label-values", "1=a"), "--label-values"),
    (("--task", "segmentation", "--label-values", "1=a", "--label-map", "x"), "--label-map"),
    (("--task", "segmentation", "--match", "inside"), "--match inside"),
    (("--task", "segmentation", "--windows", "centered"), "--labels"),
    ((), "--task"),
    (("--task", "segmentation", "--label-values", "1=a,b"), "'b'"),
    (("--task", "segmentation", "--label-values", "9-1=a"), "'9-1=a'"),
    (("--task", "segmentation", "--label-values", "1.5=a"), "'1.5=a'"),
    (("--task", "segmentation", "--label-values", "1="), "'1='"),
    (("--task", "segmentation", "--label-values", "1=a", "--class-field", "x"), "--labels"),
    (("--task", "segmentation", "--unknown", "z", "--classes", "1"), "'z'"),
    (("--task", "segmentation", "--classes", "1,2,1"), "class '1' is given twice"),
])
def test_what_is_refused(tmp_path, store, image, vedatile, options, said):
    raster = write_scene(tmp_path / "l.tif", np.ones((70, 90), np.uint8))
    done = vedatile("feed", store, "--image", image, "--label-raster", raster, "--tile", 30,
                    *options, code=2)
    assert said in done.stderr and len(done.stderr.splitlines()) == 1 and not store.exists()


def test_rasters_that_are_refused(tmp_path, store, image, vedatile):
    (tmp_path / "text.tif").write_text("no raster")
    (tmp_path / "map.json").write_text('{"rules": [{"class": "a", "field": "F", "values": [1]}]}')
    good = write_scene(tmp_path / "l.tif", np.ones((70, 90), np.uint8))
    two = write_scene(tmp_path / "two.tif", np.ones((2, 70, 90), np.uint8))
    real = write_scene(tmp_path / "real.tif", np.full((70, 90), 1.5, np.float32))
    none = write_scene(tmp_path / "none.tif", np.zeros((70, 90), np.uint8))
    for raster, options, said in (
            (two, (), "two.tif: has 2 bands"), (tmp_path / "no.tif", (), "no such file"),
            (tmp_path / "text.tif", (), "text.tif: not a raster"),
            (real, (), "real.tif: value 1.5 is no class"), (none, (), "no class is in it"),
            (good, ("--label-map", tmp_path / "map.json"), "map.json"),
            (good, ("--label-map", tmp_path / "no.json"), "no.json"),
            (good, ("--label-values", "1=a", "--classes", "b"), "'a'")):
        done = vedatile("feed", store, "--image", image, "--label-raster", raster, "--task",
                        "segmentation", "--tile", 30, *options, code=None)
        assert done.returncode in (1, 2) and said in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1 and not store.exists()
