"""Boxes against Shapely: clipped to the tile, bounds of what is inside, visible share."""
import csv

import numpy as np
import pytest
import reference
from reference import (LABELLED, Labels, assert_boxes, fed, feed, labels_of, polygon, rectangle,
                       write_labels, write_scene)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.getbasetemp()


@pytest.fixture(params=LABELLED, ids=str)
def case(request, shared):
    return request.param


def assert_all_boxes(store, labels, **rules):
    for i, window in enumerate(store.windows):
        assert_boxes(store.boxes(i), labels.boxes(window, **rules))


def test_boxes_are_those_that_shapely_cuts(case, shared, folder):
    store = fed(case, folder)
    assert_all_boxes(store, labels_of(case.image, case.labels, case.field))
    assert len(store.array("labels/boxes")) > 0


def test_boxes_lie_in_their_tile_and_have_an_area(case, shared, folder):
    store = fed(case, folder)
    boxes = store.array("labels/boxes")
    assert (boxes >= 0).all() and (boxes <= [*case.tile, *case.tile]).all()
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    visible = store.array("labels/box_visible")
    assert (visible > 0).all() and (visible <= 1).all()
    offsets = store.array("labels/box_offsets")
    assert offsets[0] == 0 and offsets[-1] == len(boxes) == len(visible)
    assert (np.diff(offsets.astype(int)) >= 0).all() and len(offsets) == len(store) + 1


def test_tiles_that_abut_share_out_each_object(shared, tmp_path):
    """The visible shares of an object's pieces add up to what of it is in the scene."""
    image = shared / "kampala-buildings/kampala_z21_b_1024x1024.tif"
    labels = shared / "kampala-buildings/labels.geojson"
    store = feed(tmp_path / "store.h5", image, labels, "--tile", 64, tasks="detection")
    shares = {}
    for i in range(len(store)):
        for _, _, feature, share in store.boxes(i):
            shares[feature] = shares.get(feature, 0) + share
    expected = {box[2]: box[3] for box in Labels(image, labels).boxes((0, 0, 1024, 1024))}
    assert shares.keys() == expected.keys()
    assert max(abs(shares[feature] - expected[feature]) for feature in shares) < 1e-5


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_min_visible(shared, tmp_path, share):
    image = shared / "kampala-buildings/kampala_z21_b_1024x1024.tif"
    labels = shared / "kampala-buildings/labels.geojson"
    store = feed(tmp_path / "store.h5", image, labels, "--tile", 100, "--stride", 70,
                 "--min-visible", share, tasks="detection")
    assert_all_boxes(store, Labels(image, labels), min_visible=share)


@pytest.mark.parametrize("name", ["olinda-landsat7/L7_ETMs.tif", "neon-trees/OSBS_029.tif"])
def test_match_chooses_windows_and_boxes(shared, tmp_path, name):
    labels = {"olinda-landsat7/L7_ETMs.tif": ("olinda-landsat7/olinda1.geojson", "TIPO"),
              "neon-trees/OSBS_029.tif": ("neon-trees/OSBS_029_boxes_epsg32617.geojson", "label")}
    path, field = labels[name]
    expected = Labels(shared / name, shared / path, field)
    windows = reference.grid(expected.size, (40, 40), (33, 33), "pad")
    for match in ("intersect", "inside"):
        store = feed(tmp_path / f"{match}.h5", shared / name, shared / path, "--class-field", field,
                     "--tile", 40, "--stride", 33, "--edge", "pad", match=match, tasks="detection")
        kept = [window for window in windows if expected.boxes(window, match=match)]
        assert sorted(store.windows) == sorted(kept)
        assert 0 < len(store) < len(windows)
        assert_all_boxes(store, expected, match=match)


def test_min_visible_decides_which_windows_hold_an_object(tmp_path):
    image = write_scene(tmp_path / "scene.tif", np.zeros((10, 20), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson", [rectangle(1, 1, 11, 5)])
    for visible, windows in ((0, 2), (0.1, 2), (0.11, 1)):
        store = feed(tmp_path / f"{visible}.h5", image, labels, "--tile", 10, "--min-visible",
                     visible, match="intersect", tasks="detection")
        assert len(store) == windows


@pytest.mark.parametrize("seed", range(3))
def test_random_polygons(tmp_path, seed):
    """Stars, rings and pairs of them, larger and smaller than the tiles."""
    rng = np.random.default_rng(seed)
    features = []
    for _ in range(400):
        rings = reference.star(rng, rng.uniform(0, 200, 2), np.exp(rng.uniform(0, 4.5)),
                               int(rng.integers(3, 40)), hole=rng.choice([0, 0.3, 0.8]))
        shape = polygon(*rings)
        if rng.integers(0, 4) == 0:
            beside = [[[x + 200, y] for x, y in ring] for ring in rings]
            shape = {"type": "MultiPolygon",
                     "coordinates": [shape["coordinates"], polygon(*beside)["coordinates"]]}
        features.append((shape, str(rng.integers(0, 3))))
    image = write_scene(tmp_path / "scene.tif", np.zeros((200, 300), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson", features)
    store = feed(tmp_path / "store.h5", image, labels, "--class-field", "class", "--tile", "37x23",
                 "--stride", "29x31", "--edge", "pad", tasks="detection")
    assert_all_boxes(store, Labels(image, labels, "class"))


# --- NEON's trees ------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["OSBS_029_boxes.geojson", "OSBS_029_boxes_epsg32617.geojson"])
def test_trees_come_back_as_the_table_says(shared, tmp_path, name):
    neon = shared / "neon-trees"
    store = feed(tmp_path / "store.h5", neon / "OSBS_029.tif", neon / name,
                 "--class-field", "label", "--tile", 400, tasks="detection")
    with open(neon / "OSBS_029.csv", encoding="utf-8") as file:
        expected = [[float(row[side]) for side in ("xmin", "ymin", "xmax", "ymax")]
                    for row in csv.DictReader(file)]
    found = [box[0] for box in store.boxes(0)]
    assert len(store) == 1 and len(found) == 61 and store.classes == ["Tree"]
    assert np.abs(np.array(found) - expected).max() < 0.6


@pytest.mark.parametrize("name", ["SJER_477_boxes.geojson", "SJER_477_boxes_epsg32611.geojson"])
def test_trees_on_pixels_that_are_not_square(shared, tmp_path, name):
    neon = shared / "neon-trees"
    scene = "2018_SJER_3_252000_4107000_image_477"
    store = feed(tmp_path / "store.h5", neon / f"{scene}.tif", neon / name,
                 "--class-field", "label", "--tile", 400, tasks="detection")
    with open(neon / f"{scene}_truth.csv", encoding="utf-8") as file:
        expected = [[float(row[side]) for side in ("xmin", "ymin", "xmax", "ymax")]
                    for row in csv.DictReader(file)]
    found = [box[0] for box in store.boxes(0)]
    assert len(found) == 7
    assert np.abs(np.array(found) - expected).max() < 0.6
