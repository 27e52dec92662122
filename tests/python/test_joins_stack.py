"""Bands of several files as one scene, against gdalwarp."""
import h5py
import numpy as np
import pytest
import rasterio
from osgeo import gdal
from joins import at, feed_some, fractions, members, noise, valid_of, with_holes
from reference import CORNER, feed, write_scene
from test_grids import warp, whole

def test_one_file_a_band(tmp_path, store):
    """Names are those of Landsat, whatever the order of the files; others are the files'."""
    pixels = noise(0, (4, 64, 64))
    names = ["LC08_L2SP_1_SR_B4", "LC08_L2SP_1_SR_B3", "LC08_L2SP_1_SR_B5", "slope"]
    images = [write_scene(tmp_path / f"{name}.tif", band, at(0, 0))
              for name, band in zip(names, pixels)]
    made = feed_some(store, images, "--join", "stack")
    found, _ = whole(made)
    np.testing.assert_array_equal(found, pixels)
    with h5py.File(store) as file:
        assert list(file.attrs["band_names"]) == [b"red", b"green", b"nir08", b"slope"]
    some = feed_some(tmp_path / "some.h5", images, "--join", "stack", "--bands",
                     "slope,green,1,B5")
    np.testing.assert_array_equal(whole(some)[0], pixels[[3, 1, 0, 2]])
    with h5py.File(some.path) as file:
        assert list(file.attrs["band_names"]) == [b"slope", b"green", b"red", b"B5"]


@pytest.mark.parametrize("method", ["nearest", "bilinear", "cubic", "average"])
def test_pan_and_multispectral_on_one_grid(tmp_path, store, method):
    """The first file's grid, to the pixel; the other as gdalwarp makes it."""
    coarse = write_scene(tmp_path / "ms.tif", noise(0, (3, 40, 50)), at(0, 0, 2))
    fine = write_scene(tmp_path / "pan.tif", noise(1, (1, 90, 110), dtype=np.uint16), at(-4, -6))
    for images in ([coarse, fine], [fine, coarse]):
        name = tmp_path / f"{images[0].stem}.h5"
        found, geotransform = whole(feed_some(name, images, "--join", "stack", "--resampling",
                                              method))
        with rasterio.open(images[0]) as source:
            own, count = source.read(), source.count
            np.testing.assert_array_equal(geotransform, source.transform.to_gdal())
        scale = (0.5, 0.5) if images[0] is coarse else (2, 2)
        other, _ = warp(tmp_path, images[1], geotransform, own.shape[:0:-1], method, scale)
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found[:count], own)
        np.testing.assert_array_equal(found[count:], other)


def test_three_resolutions_as_raster_vision_stacks_them(tmp_path, store):
    """Constant files of 600, 60 and 6 pixels a side over the same ground are one scene of three
    bands, on the grid of each of them."""
    sizes = {600: 100, 60: 175, 6: 250}
    images = {size: write_scene(tmp_path / f"const_{value}_{size}x{size}.tiff",
                                np.full((1, size, size), value, np.uint8), at(0, 0, 600 / size))
              for size, value in sizes.items()}
    for size in sizes:
        rest = [image for other, image in images.items() if other != size]
        made = feed(tmp_path / f"{size}.h5", [images[size], *rest], (), "--tile", min(size, 300),
                    "--join", "stack")
        found, _ = whole(made)
        assert found.shape == (3, size, size)
        values = [sizes[size]] + [value for other, value in sizes.items() if other != size]
        assert [np.unique(band).tolist() for band in found] == [[value] for value in values]


def test_stack_of_files_that_reach_differently_far(tmp_path, store):
    """Aligned files are read as they are; beyond their ends they are nodata."""
    images = [write_scene(tmp_path / "a.tif", noise(0, (1, 64, 64)), at(0, 0), nodata=0),
              write_scene(tmp_path / "b.tif", noise(1, (1, 40, 80)), at(-8, 10), nodata=9)]
    found, _ = whole(feed_some(store, images, "--join", "stack"))
    np.testing.assert_array_equal(found[0], noise(0, (1, 64, 64))[0])
    truth = np.full((64, 64), 9, np.uint8)
    truth[10:50] = noise(1, (1, 40, 80))[0, :, 8:72]
    np.testing.assert_array_equal(found[1], truth)


def test_stack_on_a_declared_grid(tmp_path, store):
    images = [write_scene(tmp_path / "a.tif", noise(0, (1, 64, 64)), at(0.3, 0.7)),
              write_scene(tmp_path / "b.tif", noise(1, (1, 32, 32)), at(0, 0, 2))]
    made = feed_some(store, images, "--join", "stack", "--crs", "EPSG:32632", "--resolution", 1.5)
    found, geotransform = whole(made)
    for band, image, ratio in zip(found, images, (1, 2)):
        expected, _ = warp(tmp_path, image, geotransform, found.shape[:0:-1], "nearest",
                           (ratio / 1.5, ratio / 1.5), crs="EPSG:32632")
        np.testing.assert_array_equal(band, expected[0])


# --- extra bands ----------------------------------------------------------------------------------

def test_elevation_behind_landsat(tmp_path, shared, store):
    """The bundled scene has 1 m more ground than its elevation model, and another grid."""
    folder = shared / "olinda-landsat7"
    dem, image = folder / "olinda_dem_utm25s.tif", folder / "L7_ETMs.tif"
    made = feed_some(store, image, "--extra", dem, "--resampling", "bilinear", "--bands", "3,2,1")
    found, geotransform = whole(made)
    with rasterio.open(image) as source:
        np.testing.assert_array_equal(found[:3], source.read([3, 2, 1]))
    with rasterio.open(dem) as source:
        ratio = tuple(source.res[i] / geotransform[1] for i in range(2))
        nodata = source.nodata
    expected, _ = warp(tmp_path, dem, geotransform, found.shape[:0:-1], "bilinear", ratio,
                       crs="EPSG:31985")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[3], expected[0], atol=1e-3)
    assert np.unique(found[3]).size > 100
    with h5py.File(store) as file:
        assert file.attrs["band_names"][3] == b"olinda_dem_utm25s"
    assert (found[3] == (nodata or 0)).any()


def test_extra_bands_have_no_say_in_what_is_valid(tmp_path, store):
    image = write_scene(tmp_path / "a.tif", with_holes(0), at(0, 0), nodata=0)
    extra = [write_scene(tmp_path / "dem.tif", noise(1, (1, 60, 70)), at(0, 0)),
             write_scene(tmp_path / "far.tif", noise(1, (1, 60, 70)), at(500, 0), nodata=3)]
    made = feed_some(store, image, "--extra", *extra)
    alone = feed_some(tmp_path / "alone.h5", image)
    np.testing.assert_array_equal(made.samples["valid_fraction"], alone.samples["valid_fraction"])
    found, _ = whole(made)
    np.testing.assert_array_equal(found[:2], with_holes(0))
    np.testing.assert_array_equal(found[2], noise(1, (1, 60, 70))[0])
    assert (found[3] == 3).all()
    assert [row["uri"] for row in made.table("scenes")] == [b"a.tif"]
    (scene,) = members(store).values()
    assert scene["join"] == "extra"
    assert [m["uri"] for m in scene["members"]] == ["a.tif", "dem.tif", "far.tif"]


def test_types_of_a_stack(tmp_path, store):
    """Scales of each file; a pixel that one band has no value for is invalid by --valid-rule any."""
    images = [write_scene(tmp_path / "a.tif", with_holes(0, (1, 64, 64)), at(0, 0), nodata=0),
              write_scene(tmp_path / "b.tif", noise(1, (1, 64, 40), dtype=np.uint16), at(0, 0),
                          nodata=9)]
    with rasterio.open(images[1], "r+") as target:
        target.scales, target.offsets = (0.5,), (100,)
    made = feed_some(store, images, "--join", "stack", "--unscale", "--valid-rule", "any")
    found, _ = whole(made)
    first, second = with_holes(0, (1, 64, 64))[0], noise(1, (1, 64, 40), dtype=np.uint16)[0]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0], first)
    np.testing.assert_array_equal(found[1][:, :40][second != 9], second[second != 9] * 0.5 + 100)
    assert np.isnan(found[1][:, :40][second == 9]).all() and np.isnan(found[1][:, 40:]).all()
    seen = np.zeros((64, 64), bool)
    seen[:, :40] = (first[:, :40] != 0) & (second != 9)
    np.testing.assert_allclose(valid_of(made), fractions(seen, made.windows), atol=1e-6)


def test_a_grid_that_is_turned(tmp_path, store):
    """The first file's grid whatever way it lies: GDAL warps into a raster of the same place."""
    turned = rasterio.Affine.translation(CORNER[0] + 20, CORNER[1] - 10) * rasterio.Affine.rotation(
        -30) * rasterio.Affine.scale(1, -1)
    image = write_scene(tmp_path / "turned.tif", noise(0, (1, 40, 48)), turned)
    other = write_scene(tmp_path / "other.tif", noise(1, (1, 90, 90), dtype=np.uint16), at(0, -20))
    made = feed_some(store, [image, other], "--join", "stack", "--resampling", "bilinear")
    found, _ = whole(made)
    np.testing.assert_array_equal(found[0], noise(0, (1, 40, 48))[0])
    target = gdal.GetDriverByName("MEM").Create("", 48, 40, 1, gdal.GDT_UInt16)
    target.SetGeoTransform(turned.to_gdal())
    with rasterio.open(image) as source:
        target.SetProjection(source.crs.to_wkt())
    turn = abs(turned.a) + abs(turned.b)  # how far a pixel reaches along the other file's axes
    gdal.Warp(target, str(other), resampleAlg="bilinear", errorThreshold=0,
              warpOptions=[f"XSCALE={1 / turn!r}", f"YSCALE={1 / turn!r}"])
    expected = target.ReadAsArray()
    assert np.count_nonzero(expected) > 500
    np.testing.assert_array_equal(found[1], expected)


def test_a_stack_ends_with_its_grid(tmp_path, store):
    """Beyond the first file there is no image, also where another file has some."""
    images = [write_scene(tmp_path / "a.tif", noise(0, (1, 40, 40)), at(0, 0)),
              write_scene(tmp_path / "b.tif", noise(1, (1, 80, 80)), at(-10, -10))]
    for number, options in enumerate((("--join", "stack"), ("--extra", images[1]))):
        files = images if number == 0 else images[:1]
        made = feed_some(tmp_path / f"{number}.h5", files, *options)
        for image, (col, row, _, _), fraction in zip(made.images, made.windows, valid_of(made)):
            cols, rows = min(40 - col, 32), min(40 - row, 32)
            assert fraction == pytest.approx(cols * rows / 1024)
            assert not image[:, rows:].any() and not image[:, :, cols:].any()
            assert image[:, :rows, :cols].all()
