"""Clouds: --cloud-band, --cloud-file, --cloud-bits, --cloud-values, --max-cloud, --cloud-mask."""
import json

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.warp
from osgeo import gdal
from reference import CORNER, UTM, crop, feed, rectangle, write_labels, write_scene

BITS = ("--cloud-bits", "3,4")  # Landsat's QA_PIXEL: cloud and its shadow
VALUES = ("--cloud-values", "8,9,10")  # Sentinel-2's SCL: cloud, thin cirrus too


def metadata(store):
    """The JSON objects of a group's samples."""
    with h5py.File(store.path) as file:
        text = bytes(file[f"{store.group}/metadata/text"][()])
        ends = file[f"{store.group}/metadata/offsets"][()]
    return [json.loads(text[a:b]) for a, b in zip(ends, ends[1:])]


def shares(store):
    return [item["cloud_fraction"] for item in metadata(store)]


def share(cloud, valid, window):
    """Of cloud among the valid pixels of a window."""
    cloud, valid = crop(cloud, window, False), crop(valid, window, False)
    return (cloud & valid).sum() / valid.sum() if valid.any() else 0


def qa_scene(path, seed=0, **options):
    """Two bands and a QA band, blobs of which are cloud: (path, pixels)."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(1, 3000, (3, 90, 110)).astype(np.uint16)
    pixels[2] = rng.integers(0, 1 << 12, (9, 11)).repeat(10, 0).repeat(10, 1)
    pixels[:2, 20:50, 30:60] = 0
    return write_scene(path, pixels, **options), pixels


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("rule", [BITS, VALUES, ("--cloud-bits", "0"), ("--cloud-values", "5")])
def test_share_of_cloud_among_valid_pixels(tmp_path, store, rule, threads):
    image, pixels = qa_scene(tmp_path / "a.tif", nodata=0)
    if rule[0] == "--cloud-values":
        pixels[2] %= 12
        write_scene(image, pixels, nodata=0)
    made = feed(store, image, (), "--tile", 32, "--stride", 20, "--edge", "pad", "--bands", "1,2",
                "--cloud-band", 3, *rule, "--threads", threads)
    if rule[0] == "--cloud-bits":
        cloud = (pixels[2] & sum(1 << int(bit) for bit in rule[1].split(","))) > 0
    else:
        cloud = np.isin(pixels[2], [int(value) for value in rule[1].split(",")])
    cloud &= pixels[2] != 0
    valid = (pixels[:2] != 0).any(0)
    assert made.images.shape[1] == 2
    assert shares(made) == [share(cloud, valid, window) for window in made.windows]
    assert 0 < max(shares(made)) <= 1


def test_tiles_with_more_are_left_out(tmp_path, store, vedatile):
    """More than F, not F itself; counted; the store's config has it."""
    pixels = np.zeros((2, 20, 80), np.uint8)
    pixels[0] = 7
    for number, count in enumerate((0, 100, 101, 400)):
        rows, rest = divmod(count, 20)
        pixels[1, :rows, number * 20:number * 20 + 20] = 9
        pixels[1, rows:rows + 1, number * 20:number * 20 + rest] = 9
    image = write_scene(tmp_path / "a.tif", pixels)
    arguments = ("--image", image, "--tile", 20, "--bands", 1, "--cloud-band", 2,
                 *VALUES, "--json")
    for number, (most, kept) in enumerate(((0.25, 2), (0, 1), (1, 4), (0.2525, 3))):
        report = json.loads(vedatile("feed", tmp_path / f"{number}.h5", *arguments, "--max-cloud",
                                     most).stdout)
        assert (report["written"], report["clouded"]) == (kept, 4 - kept)
    plain = vedatile("feed", store, *arguments[:-1], "--max-cloud", 0.25).stdout
    assert "2  with more cloud than --max-cloud" in plain
    with h5py.File(store) as file:
        assert json.loads(file.attrs["feed_config"])[0]["clouds"] == {
            "band": "2", "values": [8, 9, 10], "max": 0.25, "mask": False}
    again = json.loads(vedatile("feed", store, *arguments, "--max-cloud", 0.25).stdout)
    assert (again["written"], again["existing"], again["clouded"]) == (0, 2, 2)


def test_no_window_left(tmp_path, store, vedatile):
    image = write_scene(tmp_path / "a.tif", np.full((2, 8, 8), 9, np.uint8))
    done = vedatile("feed", store, "--image", image, "--tile", 4, "--cloud-band", 1, *VALUES,
                    "--max-cloud", 0.5, code=1)
    assert "4 above --max-cloud" in done.stderr and not store.exists()


def test_band_by_name(tmp_path, store):
    image, pixels = qa_scene(tmp_path / "a.tif")
    dataset = gdal.Open(str(image), gdal.GA_Update)
    dataset.GetRasterBand(3).SetDescription("QA_PIXEL")
    dataset = None
    made = feed(store, image, (), "--tile", 30, "--cloud-band", "qa_pixel", *BITS)
    cloud = (pixels[2] & 24) > 0
    assert made.images.shape[1] == 3
    assert shares(made) == [cloud[row:row + 30, col:col + 30].mean()
                            for col, row, *_ in made.windows]


# --- files --------------------------------------------------------------------------------------

def place(x=0.0, y=0.0, size=1.0):
    """The transform of a raster whose corner is that many metres from that of the small scenes."""
    return rasterio.Affine(size, 0, CORNER[0] + x, 0, -size, CORNER[1] - y)


def warped(path, image):
    """A raster on an image's grid, by gdalwarp; nodata and what is not there is 255."""
    scene = gdal.Open(str(image))
    g = scene.GetGeoTransform()
    done = gdal.Warp("", str(path), format="MEM", resampleAlg="near", errorThreshold=0,
                     outputBounds=(g[0], g[3] + scene.RasterYSize * g[5],
                                   g[0] + scene.RasterXSize * g[1], g[3]),
                     width=scene.RasterXSize, height=scene.RasterYSize,
                     dstSRS=scene.GetSpatialRef(), dstNodata=255)
    return done.ReadAsArray()


@pytest.mark.parametrize("name, transform, crs, size", [
    ("same", place(), UTM, (60, 70)),
    ("moved", place(-5, -7), UTM, (80, 90)),
    ("inside", place(12, 9), UTM, (30, 30)),
    ("coarser", place(0, 0, 10), UTM, (6, 7)),
    ("coarser and moved", place(-4.5, -3.25, 3), UTM, (25, 40)),
    ("finer", place(-0.3, -0.2, 0.4), UTM, (200, 240)),
    ("longitude and latitude", rasterio.Affine(2e-5, 0, 2.99995, 0, -2e-5, 41.55005),
     "EPSG:4326", (50, 60)),
    ("turned", place(20, -20) * rasterio.Affine.rotation(30), UTM, (90, 90)),
])
def test_a_file_on_another_grid(tmp_path, store, name, transform, crs, size):
    """The value in which a pixel's centre lies, as gdalwarp -r near has it."""
    rng = np.random.default_rng(len(name))
    image = write_scene(tmp_path / "a.tif", np.ones((60, 70), np.uint8))
    values = rng.integers(0, 12, size).astype(np.uint8)
    if crs == "EPSG:4326":
        with rasterio.open(image) as scene:
            left, bottom, right, top = rasterio.warp.transform_bounds(UTM, crs, *scene.bounds)
        transform = rasterio.Affine(1.3e-5, 0, left + 1e-4, 0, -1.1e-5, top - 1e-4)
    mask = write_scene(tmp_path / "mask.tif", values, transform, crs, nodata=255)
    made = feed(store, image, (), "--tile", 16, "--edge", "pad", "--cloud-file", mask, *VALUES)
    cloud = np.isin(warped(mask, image), [8, 9, 10])
    assert shares(made) == [share(cloud, np.ones_like(cloud), window) for window in made.windows]
    assert max(shares(made)) > 0
    if name == "coarser":
        np.testing.assert_array_equal(
            cloud, np.isin(values, [8, 9, 10]).repeat(10, 0).repeat(10, 1))


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average"])
def test_a_warped_scene(tmp_path, store, resampling):
    """The marks are not mixed with the pixels' kernel, and not read from an overview."""
    image, pixels = qa_scene(tmp_path / "a.tif")
    pixels[2] = np.random.default_rng(2).integers(0, 64, pixels[2].shape)
    write_scene(image, pixels)
    dataset = gdal.Open(str(image), gdal.GA_Update)
    dataset.BuildOverviews("AVERAGE", [2, 4])
    dataset = None
    made = feed(store, image, (), "--tile", 16, "--bands", "1,2", "--crs", "EPSG:32632",
                "--resolution", 2.5, "--resampling", resampling, "--cloud-band", 3, *BITS)
    with h5py.File(store) as file:
        scene = file["scenes"][0]
        geo = file["train/samples"][0]["geotransform"]
        col, row = file["train/samples"][0]["window"][0], file["train/samples"][0]["window"][1]
    left, top = geo[0] - col * 2.5, geo[3] + row * 2.5
    cols, rows = int(scene["cols"]), int(scene["rows"])
    near = gdal.Warp("", str(image), format="MEM", resampleAlg="near", errorThreshold=0,
                     overviewLevel="NONE", dstSRS="EPSG:32632", width=cols, height=rows,
                     outputBounds=(left, top - rows * 2.5, left + cols * 2.5, top),
                     dstAlpha=True)
    marks = near.GetRasterBand(3).ReadAsArray()
    cloud = ((marks & 24) > 0) & (near.GetRasterBand(4).ReadAsArray() > 0)
    counts = made.samples["valid_fraction"] * 256
    for found, window, count in zip(shares(made), made.windows, counts):
        assert found * count == pytest.approx(crop(cloud, window, False).sum(), abs=2)
    if resampling == "nearest":
        valid = near.GetRasterBand(4).ReadAsArray() > 0
        assert shares(made) == [share(cloud, valid, window) for window in made.windows]


def test_nodata_of_the_marks_is_no_cloud(tmp_path, store):
    image = write_scene(tmp_path / "a.tif", np.ones((4, 4), np.uint8))
    mask = write_scene(tmp_path / "m.tif", np.array([[8, 9] * 2] * 4, np.uint8), nodata=9)
    assert shares(feed(store, image, (), "--tile", 4, "--cloud-file", mask, *VALUES)) == [0.5]


def test_one_file_for_each_image(tmp_path, store, vedatile):
    images, masks = [], []
    for number in range(3):
        images.append(write_scene(tmp_path / f"{number}.tif", np.full((8, 8), number, np.uint8)))
        values = np.zeros((8, 8), np.uint8)
        values[:number] = 8
        masks.append(write_scene(tmp_path / f"m{number}.tif", values))
    made = feed(store, images, (), "--tile", 8, "--cloud-file", *masks, *VALUES)
    assert shares(made) == [0, 1 / 8, 2 / 8]
    done = vedatile("feed", store, "--image", *images, "--cloud-file", *masks[:2], *VALUES, code=2)
    assert "2 cloud files for 3 scenes" in done.stderr


def test_plain_pixels(tmp_path, store, vedatile):
    """Without a place on the ground, pixel lies on pixel; sizes must be equal then."""
    image = write_scene(tmp_path / "a.tif", np.ones((8, 8), np.uint8), crs=None)
    mask = write_scene(tmp_path / "m.tif", np.eye(8, dtype=np.uint8), crs=None)
    made = feed(store, image, (), "--tile", 4, "--cloud-file", mask, "--cloud-values", 1)
    assert shares(made) == [0.25, 0, 0, 0.25]
    small = write_scene(tmp_path / "s.tif", np.ones((8, 9), np.uint8), crs=None)
    done = vedatile("feed", store, "--image", image, "--cloud-file", small, "--cloud-values", 1,
                    code=1)
    assert "9 x 8 pixels" in done.stderr and "has 8 x 8" in done.stderr


# --- cloud as nodata ----------------------------------------------------------------------------

def test_cloud_mask(tmp_path, store):
    """Cloud has no pixels, no labels and no objects; the share is that of before."""
    pixels = np.full((3, 40, 40), 50, np.uint8)
    pixels[2] = 0
    pixels[2, 10:30, 10:30] = 1
    image = write_scene(tmp_path / "a.tif", pixels, nodata=7)
    labels = write_labels(tmp_path / "l.geojson", [(rectangle(12, 12, 18, 18), "a"),
                                                   (rectangle(5, 5, 15, 15), "b")])
    made = feed(store, image, labels, "--class-field", "class", "--tile", 20, "--bands", "1,2",
                "--cloud-band", 3, "--cloud-values", 1, "--cloud-mask")
    cloud = pixels[2] == 1
    wanted = np.where(cloud, 7, pixels[:2])
    mask = np.zeros((40, 40), np.uint8)
    mask[5:15, 5:15] = 2
    mask[cloud] = 255
    for i, window in enumerate(made.windows):
        part = np.s_[window[1]:window[1] + 20, window[0]:window[0] + 20]
        np.testing.assert_array_equal(made.images[i], wanted[:, part[0], part[1]])
        np.testing.assert_array_equal(made.masks[i], crop(mask, window))
        assert made.samples[i]["valid_fraction"] == np.float32(0.75)
    assert shares(made) == [0.25] * 4
    assert made.onehot.tolist() == [[0, 1], [0, 0], [0, 0], [0, 0]]


# --- what is refused ----------------------------------------------------------------------------

@pytest.mark.parametrize("options, said", [
    (("--cloud-band", "2"), "--cloud-bits"),
    (("--cloud-bits", "3"), "--cloud-band or --cloud-file"),
    (("--max-cloud", "0.5"), "--cloud-band or --cloud-file"),
    (("--cloud-mask",), "--cloud-band or --cloud-file"),
    (("--cloud-band", "2", "--cloud-bits", "32"), "0..31"),
    (("--cloud-band", "2", "--cloud-bits", "3", "--cloud-values", "1"), "--cloud-values"),
    (("--cloud-band", "2", "--cloud-file", "x.tif", "--cloud-bits", "3"), "--cloud-file"),
    (("--cloud-band", "9", "--cloud-bits", "3"), "bands 1 to 2"),
    (("--cloud-band", "SCL", "--cloud-bits", "3"), "no band is called 'SCL'"),
    (("--cloud-band", "2", "--cloud-bits", "3", "--max-cloud", "1.5"), "0..1"),
])
def test_what_is_refused(tmp_path, store, vedatile, options, said):
    image = write_scene(tmp_path / "a.tif", np.ones((2, 8, 8), np.uint8))
    done = vedatile("feed", store, "--image", image, "--tile", 4, *options, code=2)
    assert said in done.stderr and len(done.stderr.splitlines()) == 1 and not store.exists()


def test_files_that_are_refused(tmp_path, store, vedatile):
    image = write_scene(tmp_path / "a.tif", np.ones((8, 8), np.uint8))
    far = write_scene(tmp_path / "far.tif", np.ones((8, 8), np.uint8), place(1000, 0))
    two = write_scene(tmp_path / "two.tif", np.ones((2, 8, 8), np.uint8))
    (tmp_path / "text.tif").write_text("no raster")
    for mask, said in ((far, "does not meet"), (two, "has 2 bands"),
                       (tmp_path / "none.tif", "no such file"), (tmp_path / "text.tif", "raster")):
        done = vedatile("feed", store, "--image", image, "--tile", 4, "--cloud-file", mask, *BITS,
                        code=1)
        assert said in done.stderr and mask.name in done.stderr
        assert len(done.stderr.splitlines()) == 1 and not store.exists()


# --- joined scenes ------------------------------------------------------------------------------

def test_a_band_of_a_stack(tmp_path, store, vedatile):
    """One file a band, as Landsat's products are; marks that would be mixed are refused."""
    image, pixels = qa_scene(tmp_path / "all.tif")
    files = [write_scene(tmp_path / f"{name}.tif", band)
             for name, band in zip(("SR_B4", "SR_B5", "QA_PIXEL"), pixels)]
    made = feed(store, files, (), "--join", "stack", "--tile", 32, "--edge", "pad", "--bands",
                "SR_B5,SR_B4", "--cloud-band", "QA_PIXEL", *BITS)
    cloud, valid = (pixels[2] & 24) > 0, np.ones((90, 110), bool)
    assert shares(made) == [share(cloud, valid, window) for window in made.windows]
    np.testing.assert_array_equal(made.images[0], pixels[1::-1, :32, :32])
    done = vedatile("feed", tmp_path / "n.h5", "--image", *files, "--join", "stack", "--tile", 32,
                    "--resolution", 2, "--resampling", "bilinear", "--cloud-band", "QA_PIXEL",
                    *BITS, code=1)
    assert "--cloud-file" in done.stderr
    done = vedatile("feed", tmp_path / "n.h5", "--image", *files[:2], "--join", "times", "--tile",
                    32, "--cloud-band", 1, *BITS, code=None)
    assert done.returncode in (1, 2) and not (tmp_path / "n.h5").exists()


def test_a_mosaic(tmp_path, store):
    """By a band of it, and by one file for all of it."""
    image, pixels = qa_scene(tmp_path / "all.tif")
    files = [write_scene(tmp_path / "w.tif", pixels[:, :, :60]),
             write_scene(tmp_path / "e.tif", pixels[:, :, 60:], place(60))]
    marks = write_scene(tmp_path / "m.tif", pixels[2])
    cloud, valid = (pixels[2] & 24) > 0, np.ones((90, 110), bool)
    for name, where in (("band", ("--cloud-band", 3)), ("file", ("--cloud-file", marks))):
        made = feed(tmp_path / f"{name}.h5", files, (), "--join", "mosaic", "--tile", 32, "--edge",
                    "pad", *where, *BITS)
        assert shares(made) == [share(cloud, valid, window) for window in made.windows]
