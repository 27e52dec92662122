"""Masks against GDAL's rasterizer on labels that OGR and PROJ have projected: no pixel differs."""
import json
import math

import numpy as np
import pytest
import rasterio
import rasterio.features
import reference
import shapely.affinity
import shapely.geometry
from osgeo import gdal, ogr
from reference import (CASES, IGNORE, LABELLED, Labels, burnt, crop, fed, feed, labels_of, polygon,
                       rectangle, write_labels, write_scene)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.getbasetemp()


@pytest.fixture(params=LABELLED, ids=str)
def case(request, shared):
    return request.param


def differing(store, mask):
    """How many pixels of all tiles are not those of the whole scene's mask."""
    return sum(int((tile != crop(mask, window)).sum())
               for tile, window in zip(store.masks, store.windows))


def test_tiles_are_crops_of_the_mask_that_gdal_burns(case, shared, folder):
    mask = burnt(case.image, case.labels, case.field)
    assert mask.any()
    assert differing(fed(case, folder), mask) == 0


@pytest.mark.parametrize("name", ["olinda", "kampala_z21_b", "para", "osbs"])
def test_burning_in_pixels_gives_the_same(shared, name):
    """The reference itself: rasterio's burn of the pixel geometries is GDAL's on the ground."""
    case = next(case for case in CASES if case.name == name)
    labels = labels_of(case.image, case.labels, case.field)
    shapes = [(feature.pixels, feature.class_id + 1) for feature in labels.features]
    mask = rasterio.features.rasterize(shapes, labels.size[::-1], dtype="uint16")
    np.testing.assert_array_equal(mask, burnt(case.image, case.labels, case.field))


@pytest.mark.parametrize("order", ["file", "class", "area"])
def test_mask_order(shared, tmp_path, order):
    """Olinda's sectors with a circle on top, below, and larger or smaller than them."""
    image = shared / "olinda-landsat7/L7_ETMs.tif"
    rng = np.random.default_rng(3)
    features = []
    for i in range(300):
        x, y, radius = rng.uniform(0, 350), rng.uniform(0, 350), rng.uniform(3, 60)
        circle = shapely.geometry.Point(x, y).buffer(radius)
        shape = shapely.affinity.affine_transform(
            circle, [28.5, 0, 0, -28.5, 288776.25, 9120760.75])
        features.append((shapely.geometry.mapping(shape), "abcde"[i % 5]))
    labels = write_labels(tmp_path / "labels.geojson", features, "EPSG:31985")
    store = feed(tmp_path / "store.h5", image, labels, "--class-field", "class", "--tile", 64,
                 "--edge", "pad", "--mask-order", order, tasks="segmentation")
    reference_labels = Labels(image, labels, "class")
    assert differing(store, reference_labels.burn(order)) == 0
    others = {"file", "class", "area"} - {order}
    assert all(differing(store, reference_labels.burn(other)) > 0 for other in others)


def test_two_files_are_burnt_in_the_order_given(tmp_path):
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 20), np.uint8))
    first = write_labels(tmp_path / "a.geojson", [(rectangle(1, 1, 12, 12), "b")])
    second = write_labels(tmp_path / "b.geojson", [(rectangle(5, 5, 18, 18), "a")])
    for number, files in enumerate(([first, second], [second, first])):
        store = feed(tmp_path / f"{number}.h5", image, files, "--class-field", "class",
                     "--tile", 10, tasks="segmentation")
        assert differing(store, Labels(image, files, "class").burn()) == 0
        assert store.masks[0, 8, 8] == (1, 2)[number]


# --- random polygons --------------------------------------------------------------------------

def random_rings(rng, count, corners, centre, radius):
    """[count, corners, 2]: simple rings round their centres."""
    angles = np.sort(rng.uniform(0, 2 * math.pi, (count, corners)), axis=1)
    reach = radius[:, None] * rng.uniform(0.25, 1, (count, corners))
    return centre[:, None] + np.stack([np.cos(angles), np.sin(angles)], 2) * reach[:, :, None]


def wkb_polygons(rings_of):
    """WKB polygons of [count, corners, 2] rings: the outer one, then its holes."""
    count, corners = rings_of[0].shape[:2]
    kind = np.array([3, len(rings_of)], "<u4").tobytes()  # little-endian polygon of n rings
    head = np.frombuffer(b"\x01" + kind, "u1")
    parts = [np.broadcast_to(head, (count, head.size))]
    size = np.frombuffer(np.array([corners + 1], "<u4").tobytes(), "u1")
    for ring in rings_of:
        closed = np.concatenate([ring, ring[:, :1]], 1).astype("<f8")
        parts += [np.broadcast_to(size, (count, 4)),
                  np.ascontiguousarray(closed).reshape(count, -1).view("u1")]
    return [row.tobytes() for row in np.concatenate(parts, 1)]


def random_polygons(rng, size, count):
    """WKB of polygons, of which some have holes and some several parts, in no order of size."""
    found = []
    for corners in (3, 4, 5, 6, 8, 12, 20, 40):
        number = count // 8
        centre = rng.uniform(-5, size + 5, (number, 2))
        radius = np.exp(rng.uniform(math.log(0.4), math.log(40), number))
        outer = random_rings(rng, number, corners, centre, radius)
        hole = centre[:, None] + (outer - centre[:, None])[:, ::-1] * 0.6
        plain, holed, parts = number // 2, number * 3 // 4, number
        found += wkb_polygons([outer[:plain]])
        found += wkb_polygons([outer[plain:holed], hole[plain:holed]])
        beside = outer[holed:parts] + [2.1, 0] * radius[holed:parts, None, None]
        for one, other in zip(wkb_polygons([outer[holed:parts], hole[holed:parts]]),
                              wkb_polygons([beside])):
            found.append(b"\x01\x06\x00\x00\x00\x02\x00\x00\x00" + one + other)
    rng.shuffle(found)
    return found


def write_polygons(path, polygons, classes):
    """A FlatGeobuf file without CRS, in the order given."""
    source = ogr.GetDriverByName("FlatGeobuf").CreateDataSource(str(path))
    layer = source.CreateLayer("polygons", None, ogr.wkbUnknown, ["SPATIAL_INDEX=NO"])
    layer.CreateField(ogr.FieldDefn("class", ogr.OFTString))
    definition = layer.GetLayerDefn()
    for shape, value in zip(polygons, classes):
        feature = ogr.Feature(definition)
        feature.SetGeometryDirectly(ogr.CreateGeometryFromWkb(shape))
        feature.SetField(0, value)
        layer.CreateFeature(feature)
    return path


@pytest.mark.parametrize("seed", range(4))
def test_25000_random_polygons_as_gdal_burns_them(tmp_path, seed):
    """Pixel coordinates without georeference: both rasterizers get the same numbers. 100,000 in
    all; each pixel shows the last polygon on it, by one of 200 classes."""
    size = 2048
    rng = np.random.default_rng(seed)
    polygons = random_polygons(rng, size, 25000)
    names = [f"{i:03d}" for i in range(200)]
    classes = [names[i] for i in rng.integers(0, 200, len(polygons))]
    image = write_scene(tmp_path / "scene.tif", np.zeros((size, size), np.uint8), crs=None)
    labels = write_polygons(tmp_path / "labels.fgb", polygons, classes)
    store = feed(tmp_path / "store.h5", image, labels, "--class-field", "class",
                 "--classes", ",".join(names), "--tile", "500x300", "--edge", "pad",
                 tasks="segmentation")
    target = gdal.GetDriverByName("MEM").Create("", size, size, 1, gdal.GDT_Byte)
    mask = reference.rasterize(target, None, [
        (ogr.CreateGeometryFromWkb(shape), int(value) + 1)
        for shape, value in zip(polygons, classes)])
    assert 0.5 < (mask > 0).mean() < 0.99
    assert differing(store, mask) == 0


# --- properties -------------------------------------------------------------------------------

def small_labels(rng, count, size):
    """Stars with and without holes on a small scene, some of them over its edge."""
    return [(polygon(*reference.star(rng, rng.uniform(0, size, 2), rng.uniform(1, size / 4),
                                     int(rng.integers(3, 30)), hole=float(rng.integers(0, 2)) / 2)),
             str(rng.integers(0, 6))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(6))
def test_mask_of_any_window_is_the_crop_of_the_scenes_mask(tmp_path, seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(40, 90))
    image = write_scene(tmp_path / "scene.tif", np.zeros((size, size), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson", small_labels(rng, 40, size))
    options = ["--class-field", "class"]
    whole = feed(tmp_path / "whole.h5", image, labels, *options, "--tile", size,
                 tasks="segmentation").masks[0]
    np.testing.assert_array_equal(whole, Labels(image, labels, "class").burn())
    tile, stride = rng.integers(1, size, 2), rng.integers(1, 40, 2)
    store = feed(tmp_path / "store.h5", image, labels, *options, "--tile", "{}x{}".format(*tile),
                 "--stride", "{}x{}".format(*stride), "--edge", ("drop", "pad", "shift")[seed % 3],
                 tasks="segmentation")
    assert differing(store, whole) == 0


TURNED = {  # a scene turned by quarters and mirrored, as an affine of its pixels
    "quarter": (lambda a: np.rot90(a, 1), (0, -1, 1, 0)),
    "half": (lambda a: np.rot90(a, 2), (-1, 0, 0, -1)),
    "south-up": (np.flipud, (1, 0, 0, -1)),
    "transposed": (np.transpose, (0, 1, 1, 0)),
}


@pytest.mark.parametrize("name", TURNED)
def test_burn_of_a_turned_scene_is_the_burn_turned(tmp_path, name):
    turn, (a, b, c, d) = TURNED[name]
    size = 60
    rng = np.random.default_rng(11)
    labels = write_labels(tmp_path / "labels.geojson", small_labels(rng, 30, size))
    x, y = reference.CORNER
    middle = np.array([x + size / 2, y - size / 2])
    # ground = middle + north-up of (turned pixel - half): the same ground, other pixels
    scale = np.array([[1.0, 0], [0, -1]]) @ np.array([[a, b], [c, d]])
    corner = middle - scale @ [size / 2, size / 2]
    transform = rasterio.Affine(scale[0, 0], scale[0, 1], corner[0],
                                scale[1, 0], scale[1, 1], corner[1])
    masks = []
    for number, placed in enumerate((None, transform)):
        image = write_scene(tmp_path / f"{number}.tif", np.zeros((size, size), np.uint8), placed)
        masks.append(feed(tmp_path / f"{number}.h5", image, labels, "--class-field", "class",
                          "--tile", size, tasks="segmentation").masks[0])
        np.testing.assert_array_equal(masks[-1], Labels(image, labels, "class").burn())
    expected = turn(masks[0])
    np.testing.assert_array_equal(masks[1], expected)
    assert (masks[0] != expected).any()


@pytest.mark.parametrize("angle", [17, 45, 133])
def test_burn_of_a_slanted_scene(tmp_path, angle):
    x, y = reference.CORNER
    transform = (rasterio.Affine.translation(x + 30, y - 10) * rasterio.Affine.rotation(angle)
                 * rasterio.Affine.scale(0.7, -1.3))
    image = write_scene(tmp_path / "scene.tif", np.zeros((50, 70), np.uint8), transform)
    rng = np.random.default_rng(angle)
    features = []
    for _ in range(40):
        centre = transform * rng.uniform(0, 60, 2)
        ring = np.array(reference.star(rng, centre, rng.uniform(2, 12), 9)[0])
        features.append(({"type": "Polygon", "coordinates": [[*ring.tolist(), ring[0].tolist()]]},
                         str(rng.integers(0, 4))))
    labels = write_labels(tmp_path / "labels.geojson", features)
    store = feed(tmp_path / "store.h5", image, labels, "--class-field", "class", "--tile", 16,
                 "--edge", "pad", tasks="segmentation")
    mask = Labels(image, labels, "class").burn()
    assert mask.any()
    assert differing(store, mask) == 0


def test_labels_on_control_points(shared, tmp_path):
    """A scene that only has control points: GDAL's own transformer says where labels are."""
    image = shared / "hard-cases/gdal_byte_gcp_pixelispoint.tif"
    outline = reference.lonlat_bounds(image, (3, 12, 8, 6))
    features = [{"type": "Polygon", "coordinates": [[
        [outline[0] + 1, outline[1] + 1], [outline[0] + 9, outline[1] + 2],
        [outline[0] + 5, outline[3] - 1], [outline[0] + 1, outline[1] + 1]]]}]
    labels = write_labels(tmp_path / "labels.geojson", features, crs=None)
    store = feed(tmp_path / "store.h5", image, labels, "--tile", 7, "--edge", "pad",
                 tasks="segmentation")
    mask = rasterio.features.rasterize(
        [(feature.pixels, 1) for feature in Labels(image, labels).features], (20, 20))
    assert mask.any()
    assert differing(store, mask) == 0


def test_more_than_254_classes_make_a_wide_mask(tmp_path):
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 20), np.uint8))
    squares = [(rectangle(i % 20, i // 20, i % 20 + 1, i // 20 + 1), f"{i:03d}")
               for i in range(300)]
    labels = write_labels(tmp_path / "labels.geojson", squares)
    store = feed(tmp_path / "store.h5", image, labels, "--class-field", "class", "--tile", 16,
                 "--edge", "pad", tasks="segmentation")
    assert store.masks.dtype == np.uint16
    whole = np.zeros(400, int)
    whole[:300] = np.arange(1, 301)
    for tile, window in zip(store.masks, store.windows):
        np.testing.assert_array_equal(tile, crop(whole.reshape(20, 20), window, 65535))


def test_mask_shows_every_feature_whatever_is_an_object(tmp_path):
    """--match and --min-visible choose windows and boxes, never mask pixels."""
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 20), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson",
                          [rectangle(2, 2, 6, 6), rectangle(4, 8, 11, 11)])
    mask = Labels(image, labels, "class").burn()
    for match, visible in (("all", 0), ("intersect", 0.9), ("inside", 0)):
        store = feed(tmp_path / f"{match}.h5", image, labels, "--tile", 10, "--min-visible",
                     visible, match=match)
        assert (0, 0) in [window[:2] for window in store.windows]
        assert differing(store, mask) == 0


def test_padding_is_ignored(tmp_path):
    image = write_scene(tmp_path / "scene.tif", np.full((10, 10), 5, np.uint8))
    labels = write_labels(tmp_path / "labels.geojson", [rectangle(-5, -5, 30, 30)])
    store = feed(tmp_path / "store.h5", image, labels, "--tile", 8, "--edge", "pad")
    corner = store.at(8, 8)
    assert (store.masks[corner, 2:] == IGNORE).all()
    assert (store.masks[corner, :, 2:] == IGNORE).all()
    assert (store.masks[corner, :2, :2] == 1).all()
    assert not store.images[corner, 0, 2:].any() and not store.images[corner, 0, :, 2:].any()
    assert not store.instances[corner, 2:].any()


def test_label_file_without_crs_member_is_longitude_and_latitude(shared, tmp_path):
    """RFC 7946 next to the legacy member: the same labels, the same masks."""
    document = json.loads((shared / "para-landcover/training_polygons.geojson").read_text())
    assert "crs" not in document
    image = shared / "para-landcover/LT52240631988227CUB02_7bands.tif"
    masks = [feed(tmp_path / f"{i}.h5", image, shared / "para-landcover" / name, "--class-field",
                  "class", "--tile", 310, "--edge", "pad", tasks="segmentation").masks
             for i, name in enumerate(("training_polygons.geojson",
                                       "training_polygons_epsg32622.geojson"))]
    np.testing.assert_array_equal(masks[0], masks[1])
