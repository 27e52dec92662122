"""Points and lines with a stated width, against Shapely's buffers burnt by GDAL, and a road mask."""
import json

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.features
import scipy.ndimage
import shapely.affinity
import shapely.geometry
import shapely.ops
import shapely.wkb
from osgeo import gdal, ogr, osr
from reference import (CORNER, UTM, Store, assert_boxes, crop, feed, ground, polygons_of,
                       write_labels, write_scene)

ROADS = "vegas-roads/sample_roads_for_masking.geojson"
SIZE = 96


def buffered(shape, distance):
    """16 segments a quarter circle, by the name that this Shapely has for it."""
    return shape.buffer(distance, 16)


def burn(shapes, rows, cols, all_touched=False):
    return rasterio.features.rasterize(
        [(shape, number + 1) for number, shape in enumerate(shapes)], (rows, cols), dtype="uint16",
        all_touched=all_touched)


@pytest.fixture
def scene(tmp_path):
    return write_scene(tmp_path / "scene.tif", np.zeros((SIZE, SIZE), np.uint8))


def line(*points):
    return {"type": "LineString", "coordinates": ground([list(point) for point in points])}


def random_geometries(rng, count):
    """Geometries of every kind without area, in pixels."""
    def run(corners):
        return np.cumsum(rng.uniform(-9, 9, (corners, 2)), axis=0) + rng.uniform(0, SIZE, 2)
    for number in range(count):
        kind = number % 5
        if kind == 0:
            yield shapely.geometry.Point(*run(1)[0])
        elif kind == 1:
            yield shapely.geometry.MultiPoint(run(3))
        elif kind == 2:
            yield shapely.geometry.LineString(run(rng.integers(2, 7)))
        elif kind == 3:
            yield shapely.geometry.MultiLineString([run(2), run(4)])
        else:
            corner = rng.uniform(0, SIZE, 2)
            yield shapely.geometry.GeometryCollection(
                [shapely.geometry.LineString(run(3)), shapely.geometry.Point(*run(1)[0]),
                 shapely.geometry.box(*corner, *(corner + 5))])


def widened(shape, distance):
    """What becomes of a geometry: its polygons, and the rest buffered."""
    parts = list(getattr(shape, "geoms", [shape]))
    flat = [part for part in parts if part.geom_type != "Polygon"]
    return shapely.ops.unary_union(
        [buffered(shapely.geometry.GeometryCollection(flat), distance)] + polygons_of(shape))


def on_ground(shape):
    return shapely.geometry.mapping(
        shapely.affinity.affine_transform(shape, [1, 0, 0, -1, CORNER[0], CORNER[1]]))


# --- pixels -----------------------------------------------------------------------------------

@pytest.mark.parametrize("suffix", ["geojson", "gpkg"])
def test_pixels_are_shapelys_buffers(scene, tmp_path, suffix):
    """Masks, instances, boxes and visible shares, of both readers of label files."""
    rng = np.random.default_rng(7)
    shapes = list(random_geometries(rng, 40))
    labels = write_labels(tmp_path / "labels.geojson", [on_ground(shape) for shape in shapes])
    if suffix == "gpkg":
        gdal.VectorTranslate(str(tmp_path / "labels.gpkg"), str(labels))
        labels = tmp_path / "labels.gpkg"
    store = feed(tmp_path / "s.h5", scene, labels, "--width", "3.7px", "--tile", 32, "--stride", 24)
    expected = [widened(shape, 3.7 / 2) for shape in shapes]
    mask = burn(expected, SIZE, SIZE)
    for i, window in enumerate(store.windows):
        np.testing.assert_array_equal(store.masks[i] > 0, crop(mask, window, 0) > 0)
        boxes = store.boxes(i)
        features = np.array([0] + [box[2] for box in boxes])
        first = int(suffix == "gpkg")  # which counts features from 1
        np.testing.assert_array_equal(features[store.instances[i]] + (store.instances[i] > 0) * (1 - first),
                                      crop(mask, window, 0))
        frame = shapely.geometry.box(window[0], window[1], window[0] + 32, window[1] + 32)
        wanted = []
        for number, shape in enumerate(expected):
            parts = polygons_of(shape.intersection(frame))
            if parts and shape.geom_type != "MultiPolygon":
                x1, y1, x2, y2 = shapely.geometry.MultiPolygon(parts).bounds
                wanted.append(([x1 - window[0], y1 - window[1], x2 - window[0], y2 - window[1]], 0,
                               number + first, sum(part.area for part in parts) / shape.area))
        single = {box[2] for box in wanted}
        assert_boxes([box for box in boxes if box[2] in single], wanted)


def test_raster_visions_table(tmp_path):
    """Its test_rasterized_source: a square [0, 5]^2 and a line x = 7 buffered by 1."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((10, 10), np.uint8))
    square = {"type": "Polygon",
              "coordinates": ground([[[0, 0], [5, 0], [5, 5], [0, 5], [0, 0]]])}
    labels = write_labels(tmp_path / "l.geojson", [square, line((7, 0), (7, 9))])
    store = feed(tmp_path / "s.h5", image, labels, "--width", "2px", "--tile", 10)
    expected = np.zeros((10, 10), int)
    expected[0:5, 0:5] = 1
    expected[0:10, 6:8] = 1
    np.testing.assert_array_equal(store.masks[0], expected)


def test_a_multipart_feature_is_one_object(scene, tmp_path):
    shape = {"type": "MultiPoint", "coordinates": ground([[20.2, 20.2], [60.2, 60.2]])}
    labels = write_labels(tmp_path / "l.geojson", [shape])
    store = feed(tmp_path / "s.h5", scene, labels, "--width", "6px", "--tile", 48)
    assert [len(store.boxes(i)) for i in range(len(store))] == [1, 0, 0, 1]
    assert [round(store.boxes(i)[0][3], 6) for i in (0, 3)] == [0.5, 0.5]
    assert store.boxes(0)[0][2] == store.boxes(3)[0][2] == 0
    whole = feed(tmp_path / "w.h5", scene, labels, "--width", "6px", "--tile", SIZE)
    assert len(whole.boxes(0)) == 1 and set(np.unique(whole.instances[0])) == {0, 1}


def test_pixels_are_those_of_the_target_grid(scene, tmp_path):
    labels = write_labels(tmp_path / "l.geojson", [line((20, 20.5), (80, 20.5))])
    store = feed(tmp_path / "s.h5", scene, labels, "--width", "3px", "--tile", 32, "--crs", UTM,
                 "--resolution", 2)
    rows = np.flatnonzero(store.masks.max(axis=(0, 2)))
    assert len(rows) == 3


def test_scenes_without_georeference_count_in_pixels(tmp_path):
    image = write_scene(tmp_path / "plain.tif", np.zeros((64, 64), np.uint8), crs=None)
    point = {"type": "Point", "coordinates": [30.25, 20.25]}
    labels = write_labels(tmp_path / "l.geojson", [point], crs=None)
    store = feed(tmp_path / "s.h5", image, labels, "--width", "9px", "--tile", 64)
    expected = burn([buffered(shapely.geometry.Point(30.25, 20.25), 4.5)], 64, 64)
    np.testing.assert_array_equal(store.masks[0], expected)


# --- metres -----------------------------------------------------------------------------------

def srs(code):
    found = osr.SpatialReference()
    found.ImportFromEPSG(code)
    found.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return found


def moved(shape, source, target):
    change = osr.CoordinateTransformation(srs(source), srs(target))
    return shapely.ops.transform(lambda x, y: change.TransformPoint(x, y)[:2], shape)


def utm_roads(north, zone, seed):
    """Lines and points in UTM, 300 m about a place."""
    rng = np.random.default_rng(seed)
    middle = np.array([560000.0, north])
    shapes = [shapely.geometry.LineString(middle + np.cumsum(rng.uniform(-90, 90, (5, 2)), axis=0))
              for _ in range(12)]
    shapes += [shapely.geometry.Point(*(middle + rng.uniform(-150, 150, 2))) for _ in range(8)]
    return shapes, zone


def edge_band(mask):
    """Pixels within one pixel of where a mask changes."""
    changes = np.zeros(mask.shape, bool)
    changes[:-1] |= mask[:-1] != mask[1:]
    changes[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    return scipy.ndimage.binary_dilation(changes, np.ones((3, 3)), 1)


@pytest.mark.parametrize("code, resolution, north", [
    (3857, 1.0, 6651000), (4326, 5e-6, 6651000), (32633, 0.5, 6651000), (3035, 0.5, 6651000),
    (3857, 1.0, 500000), (4326, 5e-6, 500000)])
def test_metres_are_metres_of_utm(tmp_path, code, resolution, north):
    """In Web Mercator at 60 degrees a metre is half a metre; in degrees it is no circle at all."""
    shapes, zone = utm_roads(north, 32633, 3)
    width = 12.5
    labels = write_labels(tmp_path / "l.geojson",
                          [shapely.geometry.mapping(moved(shape, zone, 4326)) for shape in shapes],
                          crs=None)
    x, y = shapely.geometry.mapping(moved(shapely.geometry.Point(560000, north), zone, code))["coordinates"]
    side = 400
    transform = rasterio.Affine(resolution, 0, x - side / 2 * resolution,
                                0, -resolution, y + side / 2 * resolution)
    image = write_scene(tmp_path / "s.tif", np.zeros((side, side), np.uint8), transform,
                        f"EPSG:{code}")
    store = feed(tmp_path / "s.h5", image, labels, "--width", f"{width}m", "--tile", side,
                 tasks="segmentation,instance")
    truth = []
    for shape in shapes:
        on_scene = moved(shapely.geometry.Polygon(buffered(shape, width / 2).exterior.segmentize(5)
                         if hasattr(shape, "segmentize") else buffered(shape, width / 2).exterior,
                         [hole.coords for hole in buffered(shape, width / 2).interiors]), zone, code)
        truth.append(shapely.affinity.affine_transform(
            on_scene, [1 / resolution, 0, 0, -1 / resolution,
                       -transform.c / resolution, transform.f / resolution]))
    expected = burn(truth, side, side) > 0
    found = store.masks[0] > 0
    wrong = expected != found
    assert expected.sum() > 3000
    assert not (wrong & ~edge_band(expected)).any()
    assert wrong.sum() < 0.004 * expected.sum()


def test_the_road_mask_of_others(shared, tmp_path):
    """solaris' own mask of its own roads, in degrees: of 56416 pixels a handful lies elsewhere."""
    roads = shared / "vegas-roads"
    store = feed(tmp_path / "s.h5", roads / "road_mask_input.tif", shared / ROADS, "--width", "4m",
                 "--tile", 1300, tasks="segmentation")
    with rasterio.open(roads / "sample_road_raster_mask.tif") as source:
        expected = source.read(1) > 0
    assert ((store.masks[0] > 0) != expected).sum() <= 10


def test_the_road_mask_by_its_definition(shared, tmp_path):
    """Lines projected to UTM, buffered there, projected back and burnt by GDAL's centre rule."""
    roads = shared / "vegas-roads"
    store = feed(tmp_path / "s.h5", roads / "road_mask_input.tif", shared / ROADS, "--width", "7m",
                 "--tile", 260, tasks="segmentation")
    with rasterio.open(roads / "road_mask_input.tif") as source:
        inverse = ~source.transform
    layer = ogr.Open(str(shared / ROADS))
    shapes = []
    for feature in layer.GetLayer(0):
        road = shapely.wkb.loads(bytes(feature.GetGeometryRef().ExportToWkb()))
        wide = moved(buffered(moved(road, 4326, 32611), 3.5), 32611, 4326)
        shapes.append(shapely.affinity.affine_transform(
            wide, [inverse.a, inverse.b, inverse.d, inverse.e, inverse.c, inverse.f]))
    mask = burn(shapes, 1300, 1300) > 0
    wrong = sum(int(((tile > 0) != crop(mask, window, 0)).sum())
                for tile, window in zip(store.masks, store.windows))
    assert wrong < 0.001 * mask.sum()


def test_tiles_are_crops_and_threads_are_no_matter(shared, tmp_path):
    roads = shared / "vegas-roads"
    options = ["--width", "9m"]
    whole = feed(tmp_path / "w.h5", roads / "road_mask_input.tif", shared / ROADS, *options,
                 "--tile", 1300)
    for threads in (1, 4):
        store = feed(tmp_path / f"{threads}.h5", roads / "road_mask_input.tif", shared / ROADS,
                     *options, "--tile", 128, "--stride", 100, "--threads", threads)
        for tile, window in zip(store.masks, store.windows):
            np.testing.assert_array_equal(tile, crop(whole.masks[0], window))


def test_long_lines_and_far_points(tmp_path):
    """A line of 300 km along a parallel is as wide at its ends as in its middle, and straight in the
    file's degrees; points on both sides of the antimeridian and at a pole are discs."""
    parallel = {"type": "LineString", "coordinates": [[10, 60], [15.4, 60]]}
    labels = write_labels(tmp_path / "l.geojson", [parallel], crs=None)
    for lon in (10.001, 12.7, 15.399):
        image = write_scene(tmp_path / f"{lon}.tif", np.zeros((200, 40), np.uint8),
                            rasterio.Affine(2e-5, 0, lon - 20 * 2e-5, 0, -1e-5, 60.001), "EPSG:4326")
        store = feed(tmp_path / f"{lon}.h5", image, labels, "--width", "50m", "--tile", "40x200",
                     tasks="segmentation")
        rows = np.flatnonzero(store.masks[0].any(axis=1))
        metres_a_row = 1e-5 * 111412.2  # of a degree of latitude at 60 degrees
        assert abs(len(rows) - 50 / metres_a_row) <= 1.5
        assert abs(rows.mean() - 99.5) <= 1


@pytest.mark.parametrize("west", [179.99, -180.01])
def test_discs_across_the_antimeridian(tmp_path, west):
    image = write_scene(tmp_path / "s.tif", np.zeros((200, 200), np.uint8),
                        rasterio.Affine(1e-4, 0, west, 0, -1e-4, 0.01), "EPSG:4326")
    labels = write_labels(tmp_path / "l.geojson", [
        {"type": "Point", "coordinates": [-179.99999, 0]}], crs=None)
    store = feed(tmp_path / "s.h5", image, labels, "--width", "1000m", "--tile", 200)
    rows, cols = np.nonzero(store.masks[0])
    across, down = 1e-4 * 111319.49, 1e-4 * 110574.3  # metres of a pixel at the equator
    assert abs(len(rows) * across * down / (np.pi * 500 ** 2) - 1) < 0.01
    assert abs(cols.mean() - 99.5) < 1 and abs(rows.mean() - 99.5) < 1
    assert len(store.boxes(0)) == 1 and store.boxes(0)[0][3] == 1


@pytest.mark.parametrize("code, sign", [(3413, 1), (3031, -1)])
def test_discs_at_the_poles(tmp_path, code, sign):
    image = write_scene(tmp_path / "s.tif", np.zeros((200, 200), np.uint8),
                        rasterio.Affine(10, 0, -1000, 0, -10, 1000), f"EPSG:{code}")
    labels = write_labels(tmp_path / "l.geojson", [
        {"type": "Point", "coordinates": [33, sign * 89.9999]}], crs=None)
    store = feed(tmp_path / "s.h5", image, labels, "--width", "1200m", "--tile", 200)
    rows, cols = np.nonzero(store.masks[0])
    scale = 0.9729 if sign > 0 else 0.9728  # of these projections at their poles
    assert abs(len(rows) * 100 / (np.pi * 600 ** 2 * scale ** 2) - 1) < 0.01
    assert abs(cols.mean() - 99.5) < 2 and abs(rows.mean() - 99.5) < 2


# --- widths of features -----------------------------------------------------------------------

def write_widths(path, widths):
    features = [{"type": "Feature", "properties": {"w": width},
                 "geometry": line((10.3, 10.3 + 20 * number), (80.2, 10.3 + 20 * number))}
                for number, width in enumerate(widths)]
    path.write_text(json.dumps({
        "type": "FeatureCollection", "features": features,
        "crs": {"type": "name", "properties": {"name": UTM}}}))
    return path


def test_widths_from_a_field(scene, tmp_path):
    """Metres on the ground, which at this scene's place are pixels but for a two-thousandth."""
    labels = write_widths(tmp_path / "l.geojson", [2.2, 6.4, 11, 0.8])
    store = feed(tmp_path / "s.h5", scene, labels, "--width", "field:w", "--tile", SIZE)
    for box, width in zip(store.boxes(0), [2.2, 6.4, 11, 0.8]):
        x1, y1, x2, y2 = box[0]
        assert y2 - y1 == pytest.approx(width * 0.9996, rel=1e-3)
        assert x2 - x1 == pytest.approx(69.9 + width, rel=1e-3)


@pytest.mark.parametrize("width", [None, 0, -3, "wide", 1e9])
def test_a_width_that_is_none_is_named(scene, tmp_path, vedatile, store, width):
    labels = write_widths(tmp_path / "l.geojson", [2.5, width] if width != "wide" else ["2.5", "wide"])
    command = ["feed", store, "--image", scene, "--labels", labels, "--task", "detection", "--tile",
               SIZE, "--width", "field:w"]
    said = vedatile(*command, code=1).stderr
    assert said.count("\n") == 1 and "l.geojson: feature " in said and "field 'w'" in said
    assert not store.exists()
    if width != "wide":
        report = json.loads(vedatile(*command, "--unknown", "skip", "--json").stdout)
        assert report["features"] == 1 and report["unknown_skipped"] == 1


# --- what is kept and what is refused -----------------------------------------------------------

@pytest.mark.parametrize("width, kept", [("2.5m", "2.5m"), ("3px", "3px"), ("0.1px", "0.1px"),
                                         ("1e3m", "1000m"), ("0.30000001m", "0.30000001m"), ("field:w", "field:w")])
def test_the_store_says_how_wide(scene, tmp_path, store, width, kept):
    feed(store, scene, write_widths(tmp_path / "l.geojson", [3]), "--width", width, "--tile", SIZE)
    with h5py.File(store) as file:
        assert json.loads(file.attrs["feed_config"])[0]["width"] == kept


def test_the_same_feed_adds_nothing(scene, tmp_path, vedatile):
    labels = write_widths(tmp_path / "l.geojson", [3])
    store = feed(tmp_path / "s.h5", scene, labels, "--width", "3m", "--tile", SIZE)
    again = json.loads(vedatile("feed", store.path, "--image", scene, "--labels", labels, "--width",
                                "3m", "--json").stdout)
    assert again["written"] == 0 and again["existing"] == 1
    assert len(Store(store.path)) == 1


@pytest.mark.parametrize("width", ["3", "px", "0m", "-2m", "3 px", "3km", "nanm", "field:", "20000m"])
def test_widths_that_are_none_are_wrong_usage(scene, tmp_path, vedatile, store, width):
    said = vedatile("feed", store, "--image", scene, "--labels",
                    write_widths(tmp_path / "l.geojson", [3]), "--task", "detection", "--width",
                    width, code=2).stderr
    assert f"--width {width}: metres such as 2.5m" in said


def test_metres_need_the_earth(tmp_path, vedatile, store):
    plain = write_scene(tmp_path / "plain.tif", np.zeros((64, 64), np.uint8), crs=None)
    point = {"type": "Point", "coordinates": [30.25, 20.25]}
    labels = write_labels(tmp_path / "l.geojson", [point], crs=None)
    command = ["feed", store, "--image", plain, "--task", "detection", "--width", "3m", "--labels"]
    said = vedatile(*command, labels, "--tile", 64, code=1).stderr
    assert "plain.tif: has no CRS, so widths in metres mean nothing" in said and "px" in said
    point["coordinates"] = [30.25, 220.25]
    said = vedatile(*command, write_labels(tmp_path / "l.geojson", [point], crs=None), code=1).stderr
    assert "feature 0: a point of it is nowhere on the Earth" in said
    (tmp_path / "l.csv").write_text('WKT,a\n"POINT (3 4)",1\n')
    said = vedatile(*command, tmp_path / "l.csv", code=1).stderr
    assert "l.csv: it has no CRS, so widths in metres mean nothing" in said
    assert not store.exists()


def test_without_a_width_they_are_refused(scene, tmp_path, vedatile, store):
    labels = write_widths(tmp_path / "l.geojson", [3])
    said = vedatile("feed", store, "--image", scene, "--labels", labels, "--task", "detection",
                    code=1).stderr
    assert "l.geojson: feature 0 is a LineString, which has no area: give labels a --width" in said
