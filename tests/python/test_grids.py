"""Scenes on a declared target grid, against gdalwarp."""
import json
import subprocess

import h5py
import numpy as np
import pytest
import rasterio
from osgeo import gdal, osr
from reference import CORNER, Labels, Store, crop, feed, write_labels, write_scene

METHODS = ["nearest", "bilinear", "cubic", "cubicspline", "lanczos", "average", "mode"]


def chance(shape, dtype=np.uint16, seed=0):
    """Smooth enough for a kernel to have something to do, rough enough that a shift shows."""
    return np.random.default_rng(seed).integers(1, 250, shape).astype(dtype)


def whole(store):
    """The scene's pixels and the geotransform, put together from tiles that cover it."""
    windows, row = store.windows, store.samples[0]
    cols, rows = (int(store.table("scenes")[row["scene"]][name]) for name in ("cols", "rows"))
    image = np.zeros((store.images.shape[1], rows, cols), store.images.dtype)
    for tile, (col, top, width, height) in zip(store.images, windows):
        part = image[:, top:top + height, col:col + width]
        part[:] = tile[:, :part.shape[1], :part.shape[2]]
    place = store.at(0, 0)
    return image, store.samples[place]["geotransform"]


def warp(folder, image, geotransform, size, method, scale=(1, 1), *options, crs=None):
    """gdalwarp to a grid: exact transformation, the kernel's width fixed as ours is."""
    left, top = geotransform[0], geotransform[3]
    right, bottom = left + size[0] * geotransform[1], top + size[1] * geotransform[5]
    made = folder / "warped.tif"
    subprocess.run(
        ["gdalwarp", "-q", "-overwrite", "-r", {"nearest": "near"}.get(method, method), "-et", "0",
         "-te", *(repr(float(v)) for v in (left, bottom, right, top)), "-ts", *map(str, size),
         "-wo", f"XSCALE={scale[0]!r}", "-wo", f"YSCALE={scale[1]!r}",
         *(("-t_srs", crs) if crs else ()), *options, str(image), str(made)], check=True)
    with rasterio.open(made) as source:
        return source.read(), source.read_masks(1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("resolution", [(0.75, 0.75), (3, 5), (1, 1)])
def test_resolution_as_gdalwarp_has_it(tmp_path, store, method, resolution):
    """Numbers that are exact in binary: a tie in rounding is then the same tie for both."""
    image = write_scene(tmp_path / "a.tif", chance((2, 90, 110)),
                        rasterio.Affine(1, 0, CORNER[0] + 0.25, 0, -1, CORNER[1] + 0.5))
    made = feed(store, image, (), "--tile", 32, "--edge", "pad", "--resampling", method,
                "--resolution", ",".join(map(str, resolution)))
    found, geotransform = whole(made)
    edges = np.array([geotransform[0] / resolution[0], geotransform[3] / resolution[1]])
    np.testing.assert_allclose(edges, np.rint(edges), atol=1e-6)
    expected, _ = warp(tmp_path, image, geotransform, found.shape[:0:-1], method,
                       (1 / resolution[0], 1 / resolution[1]))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", METHODS)
def test_another_crs_as_gdalwarp_has_it(tmp_path, store, method):
    image = write_scene(tmp_path / "a.tif", chance((1, 120, 100)),
                        rasterio.Affine(30, 0, CORNER[0], 0, -30, CORNER[1]))
    made = feed(store, image, (), "--tile", 64, "--edge", "pad", "--resampling", method, "--crs",
                "EPSG:3035", "--resolution", 30)
    found, geotransform = whole(made)
    scale = kernel_scale(image, geotransform, found.shape[:0:-1], "EPSG:3035")
    expected, mask = warp(tmp_path, image, geotransform, found.shape[:0:-1], method, scale,
                          "-dstalpha", crs="EPSG:3035")
    np.testing.assert_array_equal(found, expected[:1])
    covered = np.zeros(found.shape[1:])
    for sample, (col, row, cols, rows) in zip(made.samples, made.windows):
        part = mask[row:row + rows, col:col + cols] != 0
        assert sample["valid_fraction"] == np.float32(part.sum() / (cols * rows))
        covered[row:row + rows, col:col + cols] = 1
    assert covered.all() and not mask.all()


def kernel_scale(image, geotransform, size, crs):
    """Pixels of the grid in one pixel of the image, in the middle of the grid: what we fix."""
    source = gdal.Open(str(image))
    transformer = gdal.Transformer(source, None, [f"DST_SRS={crs}"])
    x, y = size[0] // 1 / 2, size[1] / 2
    points = []
    for dx, dy in ((0, 0), (1, 0), (0, 1)):
        ground = (geotransform[0] + (x + dx) * geotransform[1],
                  geotransform[3] + (y + dy) * geotransform[5])
        points.append(np.array(transformer.TransformPoint(1, *ground)[1][:2]))
    step = np.abs(points[1] - points[0]) + np.abs(points[2] - points[0])
    return 1 / step


@pytest.mark.parametrize("options", [
    ("--resolution", 1.7, "--resampling", "cubic"),
    ("--crs", "EPSG:3035", "--resolution", 0.9, "--resampling", "bilinear"),
    ("--crs", "EPSG:3035", "--resolution", 1.5, "--resampling", "average"),
    ("--crs", "EPSG:4326", "--resolution", 1e-5, "--resampling", "lanczos"),
])
def test_tiles_do_not_depend_on_tiling_or_threads(tmp_path, options):
    """Blocks of a warp begin at multiples of 256 pixels: the scene has several, and every tile of
    every tiling is the crop of one image."""
    image = write_scene(tmp_path / "a.tif", chance((1, 700, 600)))
    first, _ = whole(feed(tmp_path / "a.h5", image, (), "--tile", 300, "--edge", "pad", *options))
    for number, (tile, stride, threads) in enumerate([("64", "50", 1), ("64", "50", 3),
                                                      ("211x97", "333x97", 2)]):
        other = feed(tmp_path / f"{number}.h5", image, (), "--tile", tile, "--stride", stride,
                     "--threads", threads, *options)
        assert len(other) > 1
        for found, (col, row, cols, rows) in zip(other.images, other.windows):
            np.testing.assert_array_equal(found, first[:, row:row + rows, col:col + cols])


@pytest.mark.parametrize("method", ["nearest", "bilinear", "average"])
def test_nodata_is_kept(tmp_path, store, method):
    """Nodata is not mixed into pixels beside it, and a pixel without image is nodata."""
    pixels = chance((2, 60, 60), np.int16)
    pixels[:, 20:30, 10:40] = -5
    pixels[0, 40:45, 40:45] = -5
    image = write_scene(tmp_path / "a.tif", pixels, nodata=-5)
    made = feed(store, image, (), "--tile", 128, "--edge", "pad", "--resampling", method,
                "--resolution", "0.75")
    found, geotransform = whole(made)
    expected, mask = warp(tmp_path, image, geotransform, found.shape[:0:-1], method,
                          (1 / 0.75, 1 / 0.75))
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(found)) - {-5} <= set(range(1, 251)) and (found == -5).any()
    assert (found[0] == -5).sum() > (found[1] == -5).sum()
    valid = (found != -5).any(0).sum() / 128 ** 2
    assert made.samples[0]["valid_fraction"] == np.float32(valid)


@pytest.mark.parametrize("kind", ["mask", "alpha"])
def test_masks_and_alpha_become_validity(tmp_path, store, kind):
    pixels = chance((2, 40, 40), np.uint8)
    hole = np.ones((40, 40), np.uint8) * 255
    hole[10:20, 5:30] = 0
    if kind == "alpha":
        pixels[1] = hole
    image = write_scene(tmp_path / "a.tif", pixels)
    with rasterio.open(image, "r+") as target:
        if kind == "alpha":
            target.colorinterp = [rasterio.enums.ColorInterp.gray, rasterio.enums.ColorInterp.alpha]
        else:
            target.write_mask(hole)
    made = feed(store, image, (), "--tile", 80, "--resolution", "0.5")
    assert made.images.shape[1] == (1 if kind == "alpha" else 2)
    assert made.samples[0]["valid_fraction"] == np.float32((hole != 0).mean())


def with_overviews(path, levels=(2, 4, 8), seed=0):
    image = write_scene(path, chance((1, 512, 512), seed=seed), tiled=True, blockxsize=64,
                        blockysize=64)
    with rasterio.open(image, "r+") as target:
        target.build_overviews(levels, rasterio.enums.Resampling.average)
    return image


@pytest.mark.parametrize("resolution, level", [(1.5, None), (2, 0), (3.9, 0), (4, 1), (7, 1),
                                               (8, 2), (100, 2)])
def test_overviews_for_a_coarser_grid(tmp_path, store, resolution, level):
    image = with_overviews(tmp_path / "a.tif")
    made = feed(store, image, (), "--tile", 64, "--edge", "pad", "--resampling", "bilinear",
                "--resolution", resolution)
    found, geotransform = whole(made)
    factor = 1 if level is None else 2 ** (level + 1)
    expected, _ = warp(tmp_path, image, geotransform, found.shape[:0:-1], "bilinear",
                       (factor / resolution, factor / resolution), "-ovr",
                       "NONE" if level is None else str(level))
    np.testing.assert_array_equal(found, expected)
    config = json.loads(h5py.File(store, "r").attrs["feed_config"])[0]["grid"]
    assert config["overviews"] == ({} if level is None else {"0": level + 1})
    assert config["resolution"] == [resolution, resolution]


def test_report_counts_overviews(tmp_path, store, vedatile):
    done = vedatile("feed", store, "--image", with_overviews(tmp_path / "a.tif"),
                    with_overviews(tmp_path / "b.tif", seed=1), "--tile", 64, "--resolution", 4,
                    "--json")
    assert json.loads(done.stdout)["overviews"] == 2


def test_several_scenes_on_one_grid(tmp_path, store):
    """Where scenes overlap, pixels of the grid are the same ground: equal for equal images."""
    big = chance((1, 200, 260))
    parts = []
    for number, (col, row) in enumerate([(0, 0), (100, 40)]):
        part = big[:, row:row + 160, col:col + 160]
        parts.append(write_scene(
            tmp_path / f"{number}.tif", part,
            rasterio.Affine(1, 0, CORNER[0] + col, 0, -1, CORNER[1] - row)))
    made = feed(store, parts, (), "--tile", 20, "--crs", "EPSG:3035", "--resolution", 2)
    seen = {}
    for tile, sample, window in zip(made.images, made.samples, made.windows):
        left, top = sample["geotransform"][[0, 3]]
        assert left % 2 == 0 and top % 2 == 0
        for row in range(20):
            for col in range(20):
                place = (left + 2 * col, top - 2 * row)
                if tile[0, row, col]:
                    seen.setdefault(place, []).append(int(tile[0, row, col]))
    both = [values for values in seen.values() if len(values) > 1]
    assert len(both) > 100 and all(len(set(values)) == 1 for values in both)


def test_labels_are_projected_not_resampled(tmp_path, store, shared):
    """The mask on the grid is what GDAL burns there from the vectors themselves."""
    image = shared / "olinda-landsat7/L7_ETMs.tif"
    labels = shared / "olinda-landsat7/olinda1.geojson"
    made = feed(store, image, labels, "--class-field", "TIPO", "--tile", 100, "--edge", "pad",
                "--crs", "EPSG:32725", "--resolution", 20)
    _, geotransform = whole(made)
    cols, rows = (int(made.table("scenes")[0][name]) for name in ("cols", "rows"))
    grid = tmp_path / "grid.tif"
    with rasterio.open(grid, "w", driver="GTiff", width=cols, height=rows, count=1, dtype="uint8",
                       crs="EPSG:32725", transform=rasterio.Affine.from_gdal(*geotransform)):
        pass
    mask = Labels(grid, labels, "TIPO").burn()
    for found, window in zip(made.masks, made.windows):
        np.testing.assert_array_equal(found, crop(mask, window))


def test_control_points_are_warped(tmp_path, store):
    pixels = chance((1, 50, 60))
    image = tmp_path / "gcp.tif"
    gcps = [rasterio.control.GroundControlPoint(row, col, CORNER[0] + 2 * col + 0.3 * row,
                                                CORNER[1] - 2 * row)
            for row in (0, 25, 50) for col in (0, 30, 60)]
    with rasterio.open(image, "w", driver="GTiff", width=60, height=50, count=1, dtype="uint16",
                       gcps=gcps, crs="EPSG:32631") as target:
        target.write(pixels)
    made = feed(store, image, (), "--tile", 32, "--edge", "pad", "--resolution", 2)
    found, geotransform = whole(made)
    expected, _ = warp(tmp_path, image, geotransform, found.shape[:0:-1], "nearest")
    np.testing.assert_array_equal(found, expected)


def test_names_acquired_and_uri_go_with_the_scene(tmp_path, store, vedatile):
    image = write_scene(tmp_path / "a.tif", chance((2, 40, 40)))
    with rasterio.open(image, "r+") as target:
        target.descriptions = ("green", "red")
        target.update_tags(TIFFTAG_DATETIME="2020:05:18 10:11:12")
    feed(store, image, (), "--tile", 20, "--resolution", 2, "--bands", "red")
    made = Store(store)
    assert made.table("scenes")[0]["uri"] == b"a.tif"
    assert made.table("scenes")[0]["acquired"] == b"2020-05-18T10:11:12"
    again = vedatile("feed", store, "--image", image, "--resolution", 2, "--bands", "red", "--json")
    assert json.loads(again.stdout)["existing"] == 1
    other = vedatile("feed", store, "--image", image, "--bands", "red", "--json")
    assert json.loads(other.stdout)["written"] == 4  # another grid is another scene
    third = vedatile("feed", store, "--image", image, "--resolution", 2, "--resampling", "bilinear",
                     "--bands", "red", "--json")
    assert json.loads(third.stdout)["written"] == 1
    vedatile("check", store)


@pytest.mark.parametrize("options, says", [
    (("--crs", "EPSG:3035"), "--resolution"),
    (("--resolution", "0"), "numbers above 0"),
    (("--resolution", "1,2,3"), "1 to 2 numbers above 0"),
    (("--resolution", "x"), "1 to 2 numbers above 0"),
    (("--resolution", "1", "--crs", "EPSG:999999"), "EPSG:999999"),
    (("--resolution", "1e-7"), "in units of the CRS"),
    (("--resampling", "cubic"), "--resolution"),
    (("--resolution", "1", "--resampling", "sinc"), "sinc"),
])
def test_grids_that_are_refused(tmp_path, store, vedatile, options, says):
    image = write_scene(tmp_path / "a.tif", chance((1, 200, 200)))
    done = vedatile("feed", store, "--image", image, *options, code=2)
    assert says in done.stderr and len(done.stderr.splitlines()) == 1 and not store.exists()


def test_no_grid_without_a_place(tmp_path, store, vedatile):
    image = write_scene(tmp_path / "a.tif", chance((1, 20, 20)), crs=None)
    done = vedatile("feed", store, "--image", image, "--resolution", 1, code=None)
    assert done.returncode != 0 and "no place on the ground" in done.stderr


def test_grid_from_python(tmp_path):
    vedatile = pytest.importorskip("vedatile")
    image = write_scene(tmp_path / "a.tif", chance((1, 60, 60)))
    report = vedatile.feed(tmp_path / "p.h5", image, tile=16, crs="EPSG:3035", resolution=(2, 3),
                           resampling="bilinear", codec="raw")
    assert report.overviews == 0
    command = feed(tmp_path / "c.h5", image, (), "--tile", 16, "--crs", "EPSG:3035", "--resolution",
                   "2,3", "--resampling", "bilinear")
    np.testing.assert_array_equal(Store(tmp_path / "p.h5").images, command.images)
