"""Windows, pixels and places against rasterio, PROJ and rules said another way."""
import numpy as np
import pytest
import rasterio
import reference
from reference import CASES, feed, fed, grid, read_window, write_scene


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.getbasetemp()


@pytest.fixture(params=CASES, ids=str)
def case(request, shared):
    return request.param


def assert_pixels(store, image, bands=None):
    """Every tile is the window that rasterio reads."""
    with rasterio.open(image) as source:
        bands = bands or reference.opaque_bands(source)
        assert store.images.dtype == source.dtypes[0]
        for tile, window in zip(store.images, store.windows):
            np.testing.assert_array_equal(tile, read_window(source, window, bands), str(window))


def assert_places(store, image):
    """Geotransforms, bounds and valid fractions of all tiles."""
    with rasterio.open(image) as source:
        mask = source.dataset_mask() != 0
        for sample, window in zip(store.samples, store.windows):
            part, _ = reference.inside(source, window)
            transform = source.window_transform(rasterio.windows.Window(*window))
            np.testing.assert_allclose(sample["geotransform"], transform.to_gdal(), 1e-14)
            valid = mask[part.toslices()].sum() / (window[2] * window[3])
            assert sample["valid_fraction"] == np.float32(valid)
    for sample, window in list(zip(store.samples, store.windows))[::7]:
        assert_bounds(sample["bounds"], reference.lonlat_bounds(image, window))


def assert_bounds(found, expected):
    """To a thousandth of the window: the outline of both is made of straight pieces."""
    width, height = (expected[2] - expected[0]) % 360, expected[3] - expected[1]
    assert -180 <= found[0] <= 180 and -180 <= found[2] <= 180
    difference = (np.array(found) - expected + 180) % 360 - 180  # -180 and 180 are one meridian
    assert np.abs(difference / [width, height, width, height]).max() < 1e-3


# --- the scenes of the shared data ---------------------------------------------------------------

def test_windows_are_those_of_the_rule(case, shared, folder):
    store = fed(case, folder)
    with rasterio.open(shared / case.image) as source:
        expected = grid((source.width, source.height), case.tile, case.stride, case.edge)
    assert sorted(store.windows) == sorted(expected)
    digest = store.table("scenes")["digest"][0].decode()[:16]
    assert [key.decode() for key in store.samples["key"]] == [
        f"{digest}-{col}-{row}-{cols}x{rows}" for col, row, cols, rows in store.windows]


def test_tiles_are_the_windows_that_rasterio_reads(case, shared, folder):
    assert_pixels(fed(case, folder), shared / case.image)


def test_tiles_know_their_place(case, shared, folder):
    assert_places(fed(case, folder), shared / case.image)


def test_jpeg2000_in_a_crs_of_its_own(shared, store):
    image = sorted((shared / "sinop-modis").glob("*.jp2"))[0]
    fed_store = feed(store, image, (), "--tile", 64, "--edge", "pad", codec="deflate")
    assert_pixels(fed_store, image)
    assert_places(fed_store, image)


# --- grids ------------------------------------------------------------------------------------

GRIDS = [  # scene, tile, stride
    ((23, 17), (5, 5), (5, 5)), ((23, 17), (5, 4), (3, 2)), ((23, 17), (4, 6), (7, 9)),
    ((20, 15), (5, 5), (5, 5)), ((20, 15), (5, 5), (10, 10)), ((20, 16), (20, 16), (1, 1)),
    ((21, 16), (20, 15), (50, 50)), ((9, 9), (3, 3), (12, 12)), ((10, 10), (4, 4), (11, 4)),
    ((7, 7), (1, 1), (1, 1)),
]


@pytest.mark.parametrize("edge", ["drop", "pad", "shift"])
@pytest.mark.parametrize("size, tile, stride", GRIDS)
def test_grid(tmp_path, size, tile, stride, edge):
    pixels = np.arange(size[0] * size[1], dtype=np.uint16).reshape(size[1], size[0])
    image = write_scene(tmp_path / "scene.tif", pixels)
    store = feed(tmp_path / "store.h5", image, (), "--tile", "{}x{}".format(*tile),
                 "--stride", "{}x{}".format(*stride), "--edge", edge)
    assert sorted(store.windows) == sorted(grid(size, tile, stride, edge))
    assert_pixels(store, image)
    for window, sample in zip(store.windows, store.samples):
        inside = (min(window[0] + tile[0], size[0]) - window[0]) * \
                 (min(window[1] + tile[1], size[1]) - window[1])
        assert sample["valid_fraction"] == np.float32(inside / (tile[0] * tile[1]))


# (tile, stride) -> windows along one axis of 10 pixels: torchgeo's table of chips, which hang over
TORCHGEO = [(10, 1, 1), (10, 10, 1), (8, 1, 3), (6, 2, 3), (4, 3, 3), (3, 3, 4)]


@pytest.mark.parametrize("tile, stride, count", TORCHGEO)
def test_published_table_of_chips(tmp_path, tile, stride, count):
    image = write_scene(tmp_path / "scene.tif", np.zeros((10, 10), np.uint8))
    store = feed(tmp_path / "store.h5", image, (), "--tile", tile, "--stride", stride,
                 "--edge", "pad")
    assert len(store) == count ** 2


@pytest.mark.parametrize("tile, stride, count", [(10, 10, 100), (10, 5, 361)])
def test_published_table_of_windows(tmp_path, tile, stride, count):
    """raster-vision: Box.get_windows over 100 x 100."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((100, 100), np.uint8))
    store = feed(tmp_path / "store.h5", image, (), "--tile", tile, "--stride", stride)
    assert len(store) == count


@pytest.mark.parametrize("edge", ["drop", "shift"])
def test_tile_larger_than_the_scene_is_refused(tmp_path, store, vedatile, edge):
    image = write_scene(tmp_path / "scene.tif", np.zeros((10, 20), np.uint8))
    done = vedatile("feed", store, "--image", image, "--tile", 11, "--edge", edge, code=2)
    assert "11 x 11" in done.stderr and "20 x 10" in done.stderr and "--edge pad" in done.stderr
    assert not store.exists()


# --- dtypes and bands -------------------------------------------------------------------------

DTYPES = ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


def extremes(dtype, shape):
    """Random pixels with the type's smallest and largest values among them."""
    rng = np.random.default_rng(7)
    if np.dtype(dtype).kind == "f":
        pixels = rng.normal(0, 1e9, shape).astype(dtype)
        pixels.flat[:6] = [np.nan, np.inf, -np.inf, -0.0, np.finfo(dtype).max, np.finfo(dtype).tiny]
        return pixels
    limits = np.iinfo(dtype)
    pixels = rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    pixels.flat[:2] = [limits.min, limits.max]
    return pixels


@pytest.mark.parametrize("layout", [
    {"interleave": "band"}, {"interleave": "pixel", "tiled": True, "blockxsize": 16,
                             "blockysize": 16, "compress": "deflate"}], ids=["strips", "tiles"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype(tmp_path, dtype, layout):
    image = write_scene(tmp_path / "scene.tif", extremes(dtype, (3, 37, 53)), **layout)
    codec = "raw" if "compress" in layout else "deflate"
    store = feed(tmp_path / "store.h5", image, (), "--tile", "10x9", "--stride", "7x8",
                 "--edge", "pad", codec=codec)
    assert store.images.dtype == dtype
    assert_pixels(store, image)


@pytest.mark.parametrize("bands", [[4, 3, 1], [6], [1, 2, 3, 4, 5, 6]])
def test_bands_in_the_order_wanted(data, store, bands):
    image = data / "olinda/scene.tif"
    fed_store = feed(store, image, (), "--bands", ",".join(map(str, bands)), "--tile", 100)
    assert_pixels(fed_store, image, bands)


@pytest.mark.parametrize("bands", ["0", "7", "1,1"])
def test_impossible_bands_are_refused(data, store, vedatile, bands):
    image = data / "olinda/scene.tif"
    done = vedatile("feed", store, "--image", image, "--bands", bands, code=None)
    assert done.returncode in (1, 2) and "band" in done.stderr
    assert not store.exists()


# --- awkward files ----------------------------------------------------------------------------

HARD = {  # file: options; the others are refused
    "gdal_nan32_nodata.tif": ("--tile", 4),
    "gdal_rgba_with_alpha_0_and_255.tif": ("--tile", 2),
    "gdalraster_geomatrix.tif": ("--tile", 8),
    "gdalraster_south-up.tif": ("--tile", 40),
    "rasterio_float_raster_with_nodata.tif": ("--tile", 5),
    "riotiler_cog_dateline.tif": ("--tile", 500, "--stride", 600),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_case(shared, tmp_path, name):
    image = shared / "hard-cases" / name
    store = feed(tmp_path / "store.h5", image, (), *HARD[name], "--edge", "pad", codec="deflate")
    assert_pixels(store, image)
    assert_places(store, image)


def test_bounds_across_the_antimeridian(shared, tmp_path):
    image = shared / "hard-cases/riotiler_cog_dateline.tif"
    store = feed(tmp_path / "store.h5", image, (), "--tile", 500, "--edge", "pad")
    bounds = store.samples["bounds"]
    crossing = bounds[:, 0] > bounds[:, 2]
    assert 0 < crossing.sum() < len(store)
    for found, window in zip(bounds, store.windows):
        assert_bounds(found, reference.lonlat_bounds(image, window))


def test_longitudes_may_count_from_0_to_360(tmp_path):
    """Both copies of a scene have the same bounds."""
    bounds = []
    for west in (-200, 160):
        image = write_scene(tmp_path / f"{west}.tif", np.zeros((10, 60), np.uint8),
                            rasterio.Affine(1, 0, west, 0, -1, 50), "EPSG:4326")
        bounds.append(feed(tmp_path / f"{west}.h5", image, (), "--tile", 10).samples["bounds"])
    np.testing.assert_array_equal(bounds[0], bounds[1])
    expected = [[160, 170], [170, 180], [-180, -170], [-170, -160], [-160, -150], [-150, -140]]
    np.testing.assert_array_equal(bounds[0][:, [0, 2]], expected)


def test_bounds_of_the_whole_globe(tmp_path):
    image = write_scene(tmp_path / "scene.tif", np.zeros((180, 360), np.uint8),
                        rasterio.Affine(1, 0, -180, 0, -1, 90), "EPSG:4326")
    store = feed(tmp_path / "store.h5", image, (), "--tile", "360x90")
    np.testing.assert_allclose(store.samples["bounds"], [[-180, 0, 180, 90], [-180, -90, 180, 0]])


def test_bounds_of_a_grid_with_nodes_on_the_poles(tmp_path):
    """Weather models: the centres of the first and last row are the poles."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((91, 180), np.uint8),
                        rasterio.Affine(2, 0, -1, 0, -2, 91), "EPSG:4326")
    store = feed(tmp_path / "store.h5", image, (), "--tile", 45, "--edge", "pad")
    bounds = {window[:2]: row.tolist()
              for window, row in zip(store.windows, store.samples["bounds"])}
    assert bounds[0, 0] == [-1, 1, 89, 90]
    assert bounds[45, 45] == [89, -89, 179, 1]
    assert bounds[90, 90] == [179, -90, -91, -89]  # most of it is padding


@pytest.mark.parametrize("crs, pole", [("EPSG:3413", 90), ("EPSG:3031", -90)])
def test_bounds_round_a_pole(tmp_path, crs, pole):
    image = write_scene(tmp_path / "scene.tif", np.zeros((9, 9), np.uint8),
                        rasterio.Affine(1e5, 0, -4.5e5, 0, -1e5, 4.5e5), crs)
    store = feed(tmp_path / "store.h5", image, (), "--tile", 3)
    west, south, east, north = store.samples["bounds"][store.at(3, 3)]
    assert (west, east) == (-180, 180)
    assert pole in (south, north) and 1 < north - south < 3
    for found, window in zip(store.samples["bounds"], store.windows):
        if window[:2] != (3, 3):
            assert_bounds(found, reference.lonlat_bounds(image, window))


def test_control_points_place_a_scene(shared, tmp_path):
    image = shared / "hard-cases/gdal_byte_gcp_pixelispoint.tif"
    store = feed(tmp_path / "store.h5", image, (), "--tile", 7, "--edge", "pad")
    assert_pixels(store, image)
    assert not store.samples["geotransform"].any()
    for found, window in zip(store.samples["bounds"], store.windows):
        expected = reference.lonlat_bounds(image, window)
        if expected[3] > 90:  # these points go over the pole where the image ends
            assert np.isnan(found).all()
        else:
            assert_bounds(found, expected)


def test_rotated_scene_without_crs_has_no_bounds(shared, tmp_path):
    image = shared / "hard-cases/rasterio_rotated.tif"
    store = feed(tmp_path / "store.h5", image, (), "--tile", 5)
    assert_pixels(store, image)
    assert np.isnan(store.samples["bounds"]).all()
    with rasterio.open(image) as source:
        for sample, window in zip(store.samples, store.windows):
            transform = source.window_transform(rasterio.windows.Window(*window))
            np.testing.assert_allclose(sample["geotransform"], transform.to_gdal(), 1e-14)


def test_mask_band_decides_what_is_valid(tmp_path):
    image = write_scene(tmp_path / "scene.tif", np.ones((2, 8, 8), np.uint8))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(image, "r+") as target:
        target.write_mask(np.tri(8, dtype=bool))
    store = feed(tmp_path / "store.h5", image, (), "--tile", 4)
    assert_places(store, image)
    assert sorted(store.samples["valid_fraction"]) == [0, 0.625, 0.625, 1]


@pytest.mark.parametrize("valid", [10, 30, 60, 70, 90])
def test_min_valid_is_met_by_exactly_that_share(tmp_path, valid):
    pixels = np.zeros(100, np.uint8)
    pixels[:valid] = 1
    image = write_scene(tmp_path / "scene.tif", pixels.reshape(10, 10), nodata=0)
    store = feed(tmp_path / "store.h5", image, (), "--tile", 10, "--min-valid", valid / 100)
    assert len(store) == 1


def test_min_valid_on_the_shared_data(shared, tmp_path):
    image = shared / "rmnp/rmnp-rgb.tif"
    store = feed(tmp_path / "store.h5", image, (), "--tile", 50, "--min-valid", "0.9")
    with rasterio.open(image) as source:
        mask = source.dataset_mask() != 0
        windows = grid((source.width, source.height), (50, 50), (50, 50), "drop")
    expected = [w for w in windows if mask[w[1]:w[1] + 50, w[0]:w[0] + 50].mean() >= 0.9]
    assert sorted(store.windows) == sorted(expected)
    assert 0 < len(expected) < len(windows)


def test_band_statistics_are_of_valid_pixels(shared, tmp_path):
    image = shared / "rmnp/rmnp-rgb.tif"
    store = feed(tmp_path / "store.h5", image, (), "--tile", 64, "--edge", "pad")
    for sample, tile in zip(store.samples, store.images.astype(np.float64)):
        for band, pixels in enumerate(tile):
            pixels = pixels[pixels != 255]
            assert sample["band_count"][band] == pixels.size
            if pixels.size:
                assert sample["band_min"][band] == pixels.min()
                assert sample["band_max"][band] == pixels.max()
                np.testing.assert_allclose(sample["band_mean"][band], pixels.mean(), 1e-12)
                np.testing.assert_allclose(
                    sample["band_m2"][band], ((pixels - pixels.mean()) ** 2).sum(), 1e-9, 1e-9)
