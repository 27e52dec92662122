"""Large label files, several files in several CRSs, and labels at the edges of the world."""
import subprocess
import sys

import numpy as np
import pytest
import rasterio
import shapely.geometry
from conftest import VEDATILE
from osgeo import gdal, ogr, osr
from reference import CORNER, UTM, Labels, crop, feed, write_labels, write_scene

SIDE = 2000  # pixels of the ground that the labels of a large file are on


# --- large files --------------------------------------------------------------------------------

def write_many(path, count, kinds=("Polygon",), near=None):
    """So many small features, in no order; every one has its own number as id. `near` is a file of
    those in or close to a square of pixels: (file, low, high); returns how many these are."""
    rng = np.random.default_rng(1)
    corners = np.round(rng.uniform(0, SIDE - 10, (count, 2)), 2) + 0.003
    sizes = np.round(rng.uniform(1, 6, count), 2).tolist()
    x, y = (CORNER[0] + corners[:, 0]).tolist(), (CORNER[1] - corners[:, 1]).tolist()
    lines = []
    for i, (west, north, size) in enumerate(zip(x, y, sizes)):
        if kinds[i % len(kinds)] == "Polygon":
            east, south = west + size, north - size
            shape = (f'"Polygon","coordinates":[[[{west},{north}],[{east},{north}],[{east},{south}],'
                     f'[{west},{south}],[{west},{north}]]]')
        else:
            shape = f'"Point","coordinates":[{west},{north}]'
        lines.append(f'{{"type":"Feature","id":{i},"properties":{{"c":"{i % 3}"}},'
                     f'"geometry":{{"type":{shape}}}}}')
    write_lines(path, lines)
    if near is None:
        return 0
    inside = ((corners >= near[1] - 10) & (corners <= near[2] + 10)).all(axis=1)
    write_lines(near[0], [lines[i] for i in np.flatnonzero(inside)])
    return inside.sum()


def write_lines(path, lines):
    path.write_text('{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":'
                    f'"{UTM}"}}}},"features":[\n' + ",\n".join(lines) + "\n]}", encoding="utf-8")


@pytest.mark.parametrize("options, kinds", [((), ("Polygon",)),
                                            (("--width", "4.3m"), ("Polygon", "Point"))],
                         ids=["polygons", "points with a width"])
def test_labels_of_a_large_file_are_those_of_a_small_one(tmp_path, options, kinds):
    """Of 200,000 features a scene shows 1 in 100; the rest changes nothing."""
    low, high = 900, 1100
    image = write_scene(tmp_path / "s.tif", np.zeros((200, 200), np.uint8),
                        rasterio.Affine(1, 0, CORNER[0] + low, 0, -1, CORNER[1] - low))
    large, small = tmp_path / "large.geojson", tmp_path / "small.geojson"
    count = write_many(large, 200_000, kinds, (small, low, high))
    assert 1500 < count < 3000
    stores = [feed(tmp_path / f"{name}.h5", image, labels, "--tile", 64, "--stride", 50,
                   "--class-field", "c", "--classes", "0,1,2", *options)
              for name, labels in (("large", large), ("small", small))]
    for name in ("labels/mask", "labels/instances", "labels/boxes", "labels/box_feature",
                 "labels/box_class", "labels/box_visible", "labels/onehot"):
        np.testing.assert_array_equal(stores[0].array(name), stores[1].array(name))
    assert stores[0].instances.max() > 100


# In an interpreter of its own: a child's peak begins with what its parent had.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_memory(*arguments):
    """The most memory in bytes that the command had."""
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, VEDATILE, *map(str, arguments)],
                          capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024


def test_memory_for_features_is_packed(tmp_path):
    """Less than 700 bytes a square, read and projected; OGR's own objects are several times that."""
    if "sanitize" in subprocess.run(["ldd", VEDATILE], capture_output=True, text=True,
                                    check=False).stdout or b"libasan" in open(VEDATILE, "rb").read():
        pytest.skip("sanitizers have memory of their own")
    image = write_scene(tmp_path / "s.tif", np.zeros((SIDE, SIDE), np.uint8))
    peaks = {}
    for count in (20_000, 200_000):
        labels = tmp_path / f"{count}.geojson"
        write_many(labels, count)
        peaks[count] = peak_memory("feed", tmp_path / f"{count}.h5", "--image", image, "--labels",
                                   labels, "--task", "segmentation", "--tile", 100, "--windows",
                                   "random", "--count", 20, "--match", "all", "--threads", 1,
                                   "--codec", "raw", "--progress", "none")
    assert (peaks[200_000] - peaks[20_000]) / 180_000 < 700


# --- several CRSs in one command ------------------------------------------------------------------

def reprojected(path, target, crs, driver):
    gdal.VectorTranslate(str(target), str(path), format=driver, dstSRS=crs, reproject=True)
    return target


def test_files_in_several_crss_in_one_feed(tmp_path):
    """Degrees, two zones of UTM, Web Mercator and a national grid, each in another format."""
    rng = np.random.default_rng(4)
    image = write_scene(tmp_path / "s.tif", np.zeros((300, 300), np.uint8))
    files = []
    for number, (crs, driver, suffix) in enumerate([
            (UTM, "GeoJSON", "geojson"), ("EPSG:4326", "GeoJSON", "geojson"),
            ("EPSG:32630", "GPKG", "gpkg"), ("EPSG:3857", "ESRI Shapefile", "shp"),
            ("EPSG:3035", "FlatGeobuf", "fgb")]):
        squares = []
        for _ in range(30):
            x, y = rng.uniform(0, 280, 2)
            ring = shapely.geometry.box(x, y, *(rng.uniform(4, 20, 2) + (x, y)))
            squares.append(({"type": "Polygon", "coordinates": [
                [[CORNER[0] + a, CORNER[1] - b] for a, b in ring.exterior.coords]]}, "abcde"[number]))
        plain = write_labels(tmp_path / f"{number}.geojson", squares)
        files.append(reprojected(plain, tmp_path / f"labels{number}.{suffix}", crs, driver))
    labels = Labels(image, files, "class")
    mask = labels.burn()
    store = feed(tmp_path / "s.h5", image, files, "--class-field", "class", "--tile", 64, "--stride",
                 59)
    assert store.classes == list("abcde") and set(np.unique(mask)) == set(range(6))
    for tile, window in zip(store.masks, store.windows):
        np.testing.assert_array_equal(tile, crop(mask, window))
    backwards = feed(tmp_path / "b.h5", image, files[::-1], "--class-field", "class", "--tile", 300)
    np.testing.assert_array_equal(backwards.masks[0],
                                  Labels(image, files[::-1], "class", list("abcde")).burn())


# --- the edges of the world ------------------------------------------------------------------------

@pytest.mark.parametrize("scene_crs, label_crs", [
    ("EPSG:3413", "EPSG:4326"), ("EPSG:3413", "EPSG:3995"), ("EPSG:3031", "EPSG:3976"),
    ("EPSG:3031", "EPSG:4326")])
def test_labels_round_a_pole(tmp_path, scene_crs, label_crs):
    """Between polar grids a polygon may have the pole in it; degrees come in sectors that meet
    there."""
    image = write_scene(tmp_path / "s.tif", np.zeros((200, 200), np.uint8),
                        rasterio.Affine(100, 0, -10000, 0, -100, 10000), scene_crs)
    north = scene_crs == "EPSG:3413"
    shapes = []
    if label_crs == "EPSG:4326":
        for sector in range(-180, 180, 40):
            far = [[sector + step, (89.95 if north else -89.95)] for step in range(0, 31, 2)]
            near_pole = [[lon, 89.985 if north else -89.985] for lon, _ in reversed(far)]
            shapes.append({"type": "Polygon", "coordinates": [[*far, *near_pole, far[0]]]})
    else:
        ring = shapely.geometry.Point(310, -420).buffer(5210, 40)
        hole = shapely.geometry.Point(0, 0).buffer(1234, 40)
        shapes.append(shapely.geometry.mapping(ring.difference(hole)))
    plain = write_labels(tmp_path / "plain.geojson", shapes,
                         crs=None if label_crs == "EPSG:4326" else label_crs)
    mask = Labels(image, plain, "class").burn()
    assert mask.sum() > 5000 and not mask[100, 100]
    store = feed(tmp_path / "s.h5", image, plain, "--tile", 64, "--stride", 50)
    for tile, window in zip(store.masks, store.windows):
        np.testing.assert_array_equal(tile, crop(mask, window))


@pytest.mark.parametrize("zone, col", [(32601, 0), (32660, 1)])
def test_features_cut_at_180_degrees_stay_one_object(tmp_path, zone, col):
    """As RFC 7946 wants it: a polygon of two halves, on both sides of the antimeridian."""
    halves = [[[[179.99, 0.002], [180, 0.002], [180, 0.012], [179.99, 0.012], [179.99, 0.002]]],
              [[[-180, 0.002], [-179.992, 0.002], [-179.992, 0.012], [-180, 0.012], [-180, 0.002]]]]
    labels = write_labels(tmp_path / "l.geojson", [{"type": "MultiPolygon", "coordinates": halves}],
                          crs=None)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(zone)
    wgs84 = osr.SpatialReference()
    wgs84.ImportFromEPSG(4326)
    for one in (crs, wgs84):
        one.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    x, y, _ = osr.CoordinateTransformation(wgs84, crs).TransformPoint(180 - 360 * (1 - col), 0.007)
    image = write_scene(tmp_path / "s.tif", np.zeros((200, 300), np.uint8),
                        rasterio.Affine(10, 0, x - 1500, 0, -10, y + 1000), f"EPSG:{zone}")
    store = feed(tmp_path / "s.h5", image, labels, "--tile", "300x200")
    assert len(store.boxes(0)) == 1
    rows, cols = np.nonzero(store.instances[0] == 1)
    assert abs(len(rows) * 100 / (0.018 * 0.010 * 111319.49 * 110574.3) - 1) < 0.02
    filled = np.flatnonzero(store.instances[0].any(axis=0))
    assert (np.diff(filled) == 1).all() and filled[0] < 150 < filled[-1]  # no gap at 180 degrees
