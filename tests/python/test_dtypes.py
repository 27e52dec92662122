"""Tiles of another type or unit than the scene: --dtype, --unscale, --nodata, --valid-rule."""
import json

import h5py
import numpy as np
import pytest
import rasterio
from osgeo import gdal
from reference import feed, grid, read_window, write_scene

BOUNDS = {"uint8": (0, 255), "uint16": (0, 65535), "int16": (-32768, 32767),
          "uint32": (0, 2**32 - 1), "int32": (-2**31, 2**31 - 1)}


def statistics(store, band=0):
    row = store.samples[0]
    return row["band_count"][band], row["band_min"][band], row["band_max"][band]


def expected(values, dtype):
    """NumPy's own rounding, which is half to even, then clipped."""
    if dtype in ("float32", "float64"):
        return values.astype(dtype)
    low, high = BOUNDS[dtype]
    return np.clip(np.rint(np.nan_to_num(values, nan=0, posinf=high, neginf=low)), low,
                   high).astype(dtype)


@pytest.mark.parametrize("dtype", [*BOUNDS, "float32", "float64"])
@pytest.mark.parametrize("source", ["float64", "int32", "uint8", "float32"])
def test_types_saturate_and_round_half_to_even(tmp_path, store, source, dtype):
    values = [-1e300, -40000.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 254.5, 255.5, 256, 32767.5, 65534.5,
              65536, 4e9, 1e300, np.nan, np.inf, -np.inf]
    with np.errstate(invalid="ignore", over="ignore"):
        pixels = np.array(values, np.float64)[None, :].repeat(3, 0)
        pixels = expected(pixels, source)
    image = write_scene(tmp_path / "a.tif", pixels)
    made = feed(store, image, (), "--tile", "19x3", "--dtype", dtype)
    assert made.images.dtype == dtype
    with np.errstate(invalid="ignore", over="ignore"):
        wanted = pixels if source == dtype else expected(pixels.astype(np.float64), dtype)
    np.testing.assert_array_equal(made.images[0, 0], wanted)


def scaled(path, pixels, scales, offsets, **options):
    image = write_scene(path, pixels, **options)
    dataset = gdal.Open(str(image), gdal.GA_Update)
    for number, (scale, offset) in enumerate(zip(scales, offsets), 1):
        dataset.GetRasterBand(number).SetScale(scale)
        dataset.GetRasterBand(number).SetOffset(offset)
    return image


def test_unscale(tmp_path, store):
    """Each band by its own scale and offset, in double precision; nodata is NaN."""
    pixels = np.random.default_rng(0).integers(1, 20000, (2, 30, 30)).astype(np.uint16)
    pixels[:, 5:9, 3:20] = 0
    pixels[1, 20, 20] = 0
    image = scaled(tmp_path / "a.tif", pixels, (1e-4, 2.75e-5), (-0.1, -0.2), nodata=0)
    made = feed(store, image, (), "--tile", 30, "--unscale")
    wanted = pixels * np.array([1e-4, 2.75e-5])[:, None, None] - np.array([0.1, 0.2])[:, None, None]
    wanted[pixels == 0] = np.nan
    assert made.images.dtype == np.float32
    np.testing.assert_array_equal(made.images[0], wanted.astype(np.float32))
    assert made.samples[0]["valid_fraction"] == np.float32(1 - 4 * 17 / 900)
    count, low, high = statistics(made, 1)
    assert count == 900 - 4 * 17 - 1
    assert (low, high) == (np.nanmin(made.images[0, 1]), np.nanmax(made.images[0, 1]))


def test_unscale_to_integers(tmp_path, store):
    image = scaled(tmp_path / "a.tif", np.array([[[1, 2, 3, 9000]]], np.int16), (0.5,), (1,))
    made = feed(store, image, (), "--tile", "4x1", "--unscale", "--dtype", "uint8")
    assert made.images[0, 0, 0].tolist() == [2, 2, 2, 255]  # 1.5, 2, 2.5, 4501


def test_nothing_to_unscale_is_float32_all_the_same(tmp_path, store):
    image = write_scene(tmp_path / "a.tif", np.arange(9, dtype=np.uint8).reshape(3, 3))
    made = feed(store, image, (), "--tile", 3, "--unscale")
    assert made.images.dtype == np.float32
    np.testing.assert_array_equal(made.images[0, 0], np.arange(9).reshape(3, 3))


def test_nodata_of_another_type(tmp_path, store):
    """-9999 has no place in uint8: such pixels are 0, and still invalid; in float32 they stay."""
    pixels = np.array([[[7, -9999, 300, 0]]], np.int16)
    image = write_scene(tmp_path / "a.tif", pixels, nodata=-9999)
    for dtype, wanted in (("uint8", [7, 0, 255, 0]), ("float32", [7, -9999, 300, 0])):
        made = feed(tmp_path / f"{dtype}.h5", image, (), "--tile", "4x1", "--dtype", dtype)
        assert made.images[0, 0, 0].tolist() == wanted
        assert made.samples[0]["valid_fraction"] == np.float32(0.75)


@pytest.mark.parametrize("declared", [None, 5])
def test_stated_nodata_goes_before_the_declared(tmp_path, store, declared):
    pixels = np.array([[[5, 7, 7, 1]], [[7, 7, 5, 2]]], np.uint8)
    image = write_scene(tmp_path / "a.tif", pixels, nodata=declared)
    made = feed(store, image, (), "--tile", "8x1", "--edge", "pad", "--nodata", 7)
    assert made.samples[0]["valid_fraction"] == np.float32(3 / 8)
    assert made.images[0, :, 0, 4:].tolist() == [[7] * 4] * 2
    assert statistics(made, 0) == (2, 1, 5)


def test_stated_nodata_is_not_mixed_into_a_warp(tmp_path, store):
    pixels = np.full((40, 40), 100, np.uint8)
    pixels[10:20] = 7
    image = write_scene(tmp_path / "a.tif", pixels)
    made = feed(store, image, (), "--tile", 80, "--nodata", 7, "--resolution", 0.5, "--resampling",
                "bilinear")
    assert set(np.unique(made.images)) == {7, 100}


def test_scale_goes_with_a_warp(tmp_path, store):
    image = scaled(tmp_path / "a.tif", np.full((1, 20, 20), 8, np.uint16), (0.25,), (1,))
    made = feed(store, image, (), "--tile", 10, "--resolution", 2, "--unscale")
    assert (made.images == 3).all()


def test_a_store_of_two_types_of_scenes(tmp_path, store, vedatile):
    """With --dtype scenes of several types go into one store; without they are refused."""
    images = [write_scene(tmp_path / f"{dtype}.tif", np.full((4, 4), 9 + number, dtype))
              for number, dtype in enumerate(("uint8", "uint16"))]
    done = vedatile("feed", store, "--image", *images, "--tile", 4, code=1)
    assert "uint16.tif" in done.stderr and "--dtype uint8" in done.stderr
    made = feed(store, images, (), "--tile", 4, "--dtype", "uint16")
    assert made.images[:, 0, 0, 0].tolist() == [9, 10]


@pytest.mark.parametrize("option, value", [("--dtype", "float16"), ("--dtype", "int8"),
                                           ("--nodata", "x"),
                                           ("--nodata", "-1"), ("--nodata", "3,3,3"),
                                           ("--nodata", "1.5"), ("--nodata", "none,1"),
                                           ("--valid-rule", "most")])
def test_what_is_refused(tmp_path, store, vedatile, option, value):
    image = write_scene(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
    done = vedatile("feed", store, "--image", image, "--tile", 4, option, value, code=2)
    assert value.split(",")[0] in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not store.exists()




# --- nodata -----------------------------------------------------------------------------------

def test_none_makes_declared_values_data(tmp_path, store):
    pixels = np.array([[0, 1, 2, 0]], np.uint8)
    image = write_scene(tmp_path / "a.tif", pixels, nodata=0)
    made = feed(store, image, (), "--tile", "6x1", "--edge", "pad", "--nodata", "none")
    assert made.samples[0]["valid_fraction"] == np.float32(4 / 6)
    assert statistics(made) == (4, 0, 2)
    assert made.images[0, 0, 0].tolist() == [0, 1, 2, 0, 0, 0]


@pytest.mark.parametrize("rule", ["all", "any"])
@pytest.mark.parametrize("nodata", [("5",), ("5", "7", "0"), ("none",), None])
def test_valid_by_all_bands_or_any(tmp_path, nodata, rule):
    """Each tile's valid fraction and statistics are NumPy's, by one value or one a band."""
    pixels = np.random.default_rng(3).choice([0, 5, 7], (3, 40, 40)).astype(np.int16)
    image = write_scene(tmp_path / "a.tif", pixels, nodata=7)
    values = {None: [7, 7, 7], ("5",): [5, 5, 5], ("5", "7", "0"): [5, 7, 0],
              ("none",): [None] * 3}[nodata]
    options = () if nodata is None else ("--nodata", ",".join(nodata))
    made = feed(tmp_path / "s.h5", image, (), "--tile", 16, "--valid-rule", rule, *options)
    holes = np.stack([np.zeros_like(band, bool) if value is None else band == value
                      for band, value in zip(pixels, values)])
    valid = ~(holes.all(0) if rule == "all" else holes.any(0))
    for i, (col, row, cols, rows) in enumerate(made.windows):
        place = np.s_[row:row + rows, col:col + cols]
        assert made.samples[i]["valid_fraction"] == np.float32(valid[place].mean())
        for band in range(3):
            used = pixels[band][place][valid[place] & ~holes[band][place]]
            assert made.samples[i]["band_count"][band] == used.size
            assert made.samples[i]["band_mean"][band] == pytest.approx(used.mean(), abs=1e-12)


def test_one_value_for_each_chosen_band(tmp_path, store):
    """In the order of --bands; without a warp and with one."""
    pixels = np.stack([np.full((8, 8), value, np.uint8) for value in (1, 2, 3)])
    image = write_scene(tmp_path / "a.tif", pixels)
    for number, (nodata, valid) in enumerate((("3,1", 0), ("1,3", 1))):
        for warp in ((), ("--resolution", 0.5)):
            made = feed(tmp_path / f"{number}{len(warp)}.h5", image, (), "--tile", 8, "--bands",
                        "3,1", "--nodata", nodata, *warp)
            assert (made.samples["valid_fraction"] == valid).all()


@pytest.mark.parametrize("value", [-9999.0, 0.1, float("nan"), -3.4028234663852886e38])
def test_nodata_of_float32(tmp_path, store, value):
    """The decimal 0.1 is the float nearest to it; NaN is nodata where it is declared."""
    pixels = np.array([[value, 1, 0, value, np.inf, 2]], np.float32)
    image = write_scene(tmp_path / "a.tif", pixels, nodata=value)
    made = feed(store, image, (), "--tile", "6x1")
    assert made.samples[0]["valid_fraction"] == np.float32(4 / 6)
    stated = write_scene(tmp_path / "b.tif", pixels)
    made = feed(tmp_path / "b.h5", stated, (), "--tile", "6x1", "--nodata", value)
    assert made.samples[0]["valid_fraction"] == np.float32(4 / 6)
    assert statistics(made) == (4, 0, np.inf)
    made = feed(tmp_path / "c.h5", stated, (), "--tile", "6x1", "--nodata", value, "--dtype",
                "float64")
    assert made.samples[0]["valid_fraction"] == np.float32(4 / 6)


def test_no_number_is_no_pixel_of_an_integer_tile(tmp_path, store):
    """It becomes nodata, or 0, and is invalid; in floating point without nodata it is data."""
    pixels = np.array([[np.nan, 1, -9999, 2.5]], np.float32)
    image = write_scene(tmp_path / "a.tif", pixels, nodata=-9999)
    made = feed(store, image, (), "--tile", "4x1", "--dtype", "int16")
    assert made.images[0, 0, 0].tolist() == [-9999, 1, -9999, 2]
    assert made.samples[0]["valid_fraction"] == 0.5
    made = feed(tmp_path / "b.h5", image, (), "--tile", "4x1", "--dtype", "int16", "--nodata",
                "none")
    assert made.images[0, 0, 0].tolist() == [0, 1, -9999, 2]
    assert made.samples[0]["valid_fraction"] == 0.75
    made = feed(tmp_path / "c.h5", image, (), "--tile", "4x1", "--dtype", "float64")
    assert made.samples[0]["valid_fraction"] == 0.75


# --- with other things --------------------------------------------------------------------------

def test_padding_is_not_scaled(tmp_path, store):
    """Outside of the scene is 0, or nodata, and not 0 * scale + offset."""
    image = scaled(tmp_path / "a.tif", np.full((1, 3, 3), 8, np.uint16), (0.25,), (1,))
    made = feed(store, image, (), "--tile", 4, "--edge", "pad", "--unscale")
    assert made.images[0, 0].tolist() == [[3, 3, 3, 0]] * 3 + [[0] * 4]
    assert made.samples[0]["valid_fraction"] == np.float32(9 / 16)


@pytest.mark.parametrize("dtype", ["Float32", "Float64"])
def test_unscale_is_gdals(tmp_path, store, dtype):
    pixels = np.random.default_rng(1).integers(0, 65535, (2, 50, 60)).astype(np.uint16)
    image = scaled(tmp_path / "a.tif", pixels, (2e-5, 0.3), (-0.2, 7))
    made = feed(store, image, (), "--tile", "60x50", "--unscale", "--dtype", dtype.lower())
    wanted = gdal.Translate("", str(image), format="MEM", unscale=True,
                            outputType=getattr(gdal, f"GDT_{dtype}")).ReadAsArray()
    np.testing.assert_array_equal(made.images[0], wanted)


def test_an_alpha_band_counts_beside_a_conversion(tmp_path, store):
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 255, (4, 20, 20)).astype(np.uint8)
    pixels[3] = rng.choice([0, 255], (20, 20))
    image = write_scene(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES")
    made = feed(store, image, (), "--tile", 16, "--edge", "pad", "--dtype", "float32")
    for i, (col, row, cols, rows) in enumerate(made.windows):
        part = pixels[3, row:row + rows, col:col + cols] > 0
        assert made.samples[i]["valid_fraction"] == np.float32(part.sum() / 256)
    np.testing.assert_array_equal(made.images[0], pixels[:3, :16, :16])


def test_one_thread_and_many_make_the_same(tmp_path, vedatile):
    """Tiles are crops of the converted scene, with overlap and padding, by any threads."""
    rng = np.random.default_rng(5)
    pixels = rng.normal(0, 300, (2, 130, 150)).astype(np.float32)
    pixels[rng.random(pixels.shape) < 0.1] = -1
    image = scaled(tmp_path / "a.tif", pixels, (0.5, 2), (3, -1), nodata=-1, tiled=True,
                   blockxsize=32, blockysize=32)
    digests = set()
    for threads in (1, 3):
        made = feed(tmp_path / f"{threads}.h5", image, (), "--tile", "40x24", "--stride", "30x20",
                    "--edge", "pad", "--unscale", "--dtype", "int16", "--valid-rule", "any",
                    "--threads", threads)
        digests.add(vedatile("check", made.path, "--digest").stdout)
    assert len(digests) == 1
    wanted = pixels.astype(np.float64) * [[[0.5]], [[2]]] + [[[3]], [[-1]]]
    wanted = np.where(pixels == -1, 0, expected(wanted, "int16"))
    assert made.windows == grid((150, 130), (40, 24), (30, 20), "pad")
    plain = write_scene(tmp_path / "b.tif", wanted.astype(np.int16))
    with rasterio.open(plain) as source:
        for image_, window in zip(made.images, made.windows):
            np.testing.assert_array_equal(image_, read_window(source, window, [1, 2]))


def test_another_recipe_is_another_scene(tmp_path, store, vedatile):
    """The same feed again adds nothing; other pixels of the same windows are other samples."""
    image = scaled(tmp_path / "a.tif", np.full((2, 8, 8), 8, np.uint16), (0.25, 1), (1, 0))
    base = ("--tile", 4, "--dtype", "float32")
    for number, options in enumerate(((), ("--unscale",), ("--nodata", 8), ("--nodata", "none"),
                                      ("--nodata", "8,9"), ("--valid-rule", "any"))):
        for written in (4, 0):
            done = vedatile("feed", store, "--image", image, *base, *options, "--json")
            assert json.loads(done.stdout)["written"] == written, options
    with h5py.File(store, "r") as file:
        configs = json.loads(file.attrs["feed_config"])
        assert len(file["scenes"]) == 6
    assert [c["dtype"] for c in configs] == ["float32"] * 6
    assert configs[1]["unscale"] is True and configs[2]["nodata"] == [8]
    assert configs[3]["nodata"] == "none" and configs[5]["valid_rule"] == "any"


def test_what_changes_nothing_is_the_same_scene(tmp_path, store, vedatile):
    image = write_scene(tmp_path / "a.tif", np.zeros((8, 8), np.uint16))
    vedatile("feed", store, "--image", image, "--tile", 4)
    done = vedatile("feed", store, "--image", image, "--dtype", "uint16", "--valid-rule", "any",
                    "--json")
    assert json.loads(done.stdout)["existing"] == 4


# --- what others got wrong ----------------------------------------------------------------------

@pytest.mark.parametrize("share, least, kept", [(0.5, 0.5, True), (0.51, 0.5, False),
                                                (0.49, 0.5, True), (1, 0, True), (0, 1, True),
                                                (0.01, 1, False)])
@pytest.mark.parametrize("value", [0, 7])
def test_threshold_of_nodata(tmp_path, store, vedatile, share, least, kept, value):
    """raster-vision: 0 is always nodata, and its threshold drops what is exactly at it (50 % at 0.5,
    100 % at 1.0). Here tiles of at least that valid share stay, and any value is nodata."""
    pixels = np.full((10, 10), 100, np.uint8)
    pixels.reshape(-1)[:round(share * 100)] = value
    image = write_scene(tmp_path / "a.tif", pixels)
    arguments = ("feed", store, "--image", image, "--tile", 10, "--nodata", value, "--min-valid",
                 least, "--json")
    if kept:
        assert json.loads(vedatile(*arguments).stdout)["written"] == 1
    else:
        assert "1 below --min-valid" in vedatile(*arguments, code=1).stderr


def test_tiles_of_nothing_but_nodata_can_be_left_out(tmp_path, store, vedatile):
    """torchgeo, raster-vision: black tiles of a scene's collar. Nodata nobody declared is stated."""
    pixels = np.full((2, 40, 40), 90, np.uint8)
    pixels[:, :, :20] = 0
    image = write_scene(tmp_path / "a.tif", pixels)
    done = vedatile("feed", store, "--image", image, "--tile", 10, "--nodata", 0, "--min-valid",
                    0.01, "--json")
    report = json.loads(done.stdout)
    assert (report["written"], report["invalid"]) == (8, 8)
