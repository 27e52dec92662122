"""Published tables of peers that stand in no other file, and memory on a scene that fits none.

Others: raster-vision and torchgeo's windows in tests/unit/tile/test_window.c and test_pixels.py,
raster-vision's areas and nodata in test_windows_aoi.py, its burns in tests/unit/encode/test_raster.c and
test_width.py, GDAL's issue 7523 in test_raster_touch.c, solaris' masks in test_label_pixels.py.
"""
import json
import os
import subprocess

import numpy as np
import pytest
import rasterio
from conftest import VEDATILE, check_clean
from osgeo import gdal, ogr
from reference import Store, feed, write_labels, write_scene

# --- rasterio (9709d1f), tests/test_features.py: 10 x 10 pixels, rows downwards --------------------

SQUARE = [[2, 2], [2, 4.25], [4.25, 4.25], [4.25, 2], [2, 2]]
CORNER = [[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]
LARGE = [[[0, 0], [0, 5], [5, 5], [5, 0], [0, 0]], [[2, 2], [2, 7], [7, 7], [7, 2], [2, 2]]]


def burnt(*slices):
    image = np.zeros((10, 10), np.uint8)
    for rows, cols in slices:
        image[rows, cols] = 1
    return image


@pytest.mark.parametrize("geometry, rule, expected", [
    ({"type": "Polygon", "coordinates": [SQUARE]}, "center", burnt(np.s_[2:4, 2:4])),
    ({"type": "Polygon", "coordinates": [SQUARE]}, "all-touched", burnt(np.s_[2:5, 2:5])),
    ({"type": "MultiPolygon", "coordinates": [[CORNER], [SQUARE]]}, "center",
     burnt(np.s_[0:1, 0:1], np.s_[2:4, 2:4])),
    ({"type": "GeometryCollection", "geometries": [
        {"type": "Polygon", "coordinates": [CORNER]}, {"type": "Polygon", "coordinates": [SQUARE]}]},
     "center", burnt(np.s_[0:1, 0:1], np.s_[2:4, 2:4])),
    # Issue 1253: no hole where parts overlap, 41 pixels.
    ({"type": "MultiPolygon", "coordinates": [[ring] for ring in LARGE]}, "center",
     burnt(np.s_[0:5, 0:5], np.s_[2:7, 2:7])),
    ({"type": "GeometryCollection", "geometries": [
        {"type": "Polygon", "coordinates": [ring]} for ring in LARGE]}, "center",
     burnt(np.s_[0:5, 0:5], np.s_[2:7, 2:7])),
])
def test_rasterios_burns(tmp_path, geometry, rule, expected):
    image = write_scene(tmp_path / "scene.tif", np.ones((10, 10), np.uint8), crs=None)
    labels = write_labels(tmp_path / "labels.json", [geometry], crs=None)
    store = feed(tmp_path / "store.h5", image, labels, "--tile", 10, "--mask-rule", rule)
    np.testing.assert_array_equal(store.masks[0], expected)
    assert expected.sum() in (4, 9, 5, 41)
    np.testing.assert_array_equal(store.instances[0], expected)


# --- GDAL's autotest, alg/rasterize.py --------------------------------------------------------------

def test_gdals_checksum_of_a_polygon_and_a_line(tmp_path):
    """rasterize_1, band 2: our polygon under GDAL's own line has GDAL's checksum."""
    place = rasterio.Affine(1, 0, 1000, 0, -1, 1100)
    image = write_scene(tmp_path / "scene.tif", np.ones((100, 100), np.uint8), transform=place,
                        crs="EPSG:32631")
    square = {"type": "Polygon", "coordinates": [
        [[1020, 1030], [1020, 1045], [1050, 1045], [1050, 1030], [1020, 1030]]]}
    labels = write_labels(tmp_path / "labels.json", [square], crs="EPSG:32631")
    mask = feed(tmp_path / "store.h5", image, labels, "--tile", 100).masks[0]
    target = gdal.GetDriverByName("MEM").Create("", 100, 100, 1, gdal.GDT_Byte)
    target.SetGeoTransform(place.to_gdal())
    target.GetRasterBand(1).WriteArray(mask * 220)
    lines = ogr.GetDriverByName("Memory").CreateDataSource("lines")
    layer = lines.CreateLayer("lines")
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(ogr.CreateGeometryFromWkt("LINESTRING(1000 1000, 1100 1050)"))
    layer.CreateFeature(feature)
    gdal.RasterizeLayer(target, [1], layer, burn_values=[220])
    assert target.GetRasterBand(1).Checksum() == 6452


# --- xbatcher (2025-09), tests/test_generators.py ---------------------------------------------------

@pytest.mark.parametrize("size", [5, 6, 10])
@pytest.mark.parametrize("overlap", [0, 1, 4])
def test_xbatchers_slices(tmp_path, size, overlap):
    """Batches of a line of 100 begin every size - overlap; what is left over is dropped, as our
    --edge drop has it. Its 2-dimensional data are 50 x 100."""
    pixels = np.random.default_rng(1).integers(0, 255, (50, 100), dtype=np.uint8)
    image = write_scene(tmp_path / "scene.tif", pixels)
    stride = size - overlap
    store = feed(tmp_path / "store.h5", image, (), "--tile", size, "--stride", stride, "--edge", "drop")
    starts = [[n for n in range(0, length, stride) if n + size <= length] for length in (50, 100)]
    assert sorted((row, col) for col, row, _, _ in store.windows) == [
        (row, col) for row in starts[0] for col in starts[1]]
    for i, (col, row, _, _) in enumerate(store.windows):
        np.testing.assert_array_equal(store.images[i][0], pixels[row:row + size, col:col + size])


# --- memory -----------------------------------------------------------------------------------------

def test_memory_on_a_scene_of_200000_squared(tmp_path):
    """raster-vision (issue 616), geoai (issue 798), rslearn: whole scenes or label rasters in memory.
    40 GB of a sparse scene take less than 512 MB to plan and to read from."""
    if b"__asan_init" in open(VEDATILE, "rb").read():
        pytest.skip("sanitizers need memory of their own")
    image, size = tmp_path / "scene.tif", 200_000
    with rasterio.open(image, "w", driver="GTiff", width=size, height=size, count=1, dtype="uint8",
                       crs="EPSG:32631", transform=rasterio.Affine(1, 0, 0, 0, -1, size), tiled=True,
                       blockxsize=512, blockysize=512, compress="deflate", SPARSE_OK=True,
                       BIGTIFF="YES") as target:
        target.write(np.full((1, 512, 512), 7, np.uint8),
                     window=rasterio.windows.Window(512 * 380, 512 * 380, 512, 512))
    places = np.random.default_rng(2).integers(0, size - 300, (199, 2))
    shapes = [{"type": "Polygon", "coordinates": [[[x, y], [x + 40, y], [x + 40, y + 40], [x, y]]]}
              for x, y in [*places.tolist(), (512 * 380 + 80, size - 512 * 380 - 200)]]
    labels = write_labels(tmp_path / "labels.json", shapes, crs="EPSG:32631")
    process = subprocess.Popen(
        [VEDATILE, "feed", tmp_path / "store.h5", "--image", image, "--labels", labels, "--task",
         "segmentation", "--tile", "256", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    check_clean(err)
    assert process.returncode == 0, err
    report = json.loads(out)
    assert report["windows"] == (size // 256) ** 2 and report["written"] >= 200
    assert usage.ru_maxrss < 512 * 1024, f"{usage.ru_maxrss / 1024:.0f} MB"
    assert Store(tmp_path / "store.h5").samples["valid_fraction"].min() == 1
