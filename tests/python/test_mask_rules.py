"""Which pixels a polygon covers by --mask-rule all-touched, against Shapely and in exact fractions."""
import json
import math
from fractions import Fraction

import h5py
import numpy as np
import pytest
import shapely.affinity
import shapely.geometry
import shapely.prepared
from reference import feed, rectangle, write_labels, write_scene
from test_masks import differing, random_rings, small_labels, wkb_polygons, write_polygons

CELL = 12


def lattice_polygons(rng, side):
    """Valid polygons, one in each cell of a square: corners anywhere, on quarters or on whole
    pixels, some with holes, some thin."""
    found = []
    for number in range(side * side):
        corner = np.array([number % side, number // side]) * CELL
        kind = number % 4
        while True:
            corners = int(rng.integers(3, 9))
            radius = np.array([rng.uniform(0.1, CELL / 2 - 0.5)])
            centre = rng.uniform(CELL / 2 - 0.4, CELL / 2 + 0.4, (1, 2))
            ring = random_rings(rng, 1, corners, centre, radius)[0]
            if kind == 3:  # a sliver
                ring = (ring - centre) * [1, rng.uniform(0, 0.02)] + centre
            hole = centre + (ring - centre)[::-1] * rng.uniform(0.1, 0.9)
            rings = [ring, hole] if number % 3 == 0 else [ring]
            step = {1: 4, 2: 1}.get(kind)
            rings = [(np.round(part * step) / step if step else part) + corner for part in rings]
            shape = shapely.geometry.Polygon(rings[0], rings[1:])
            if shape.is_valid and shape.area > 0:
                break
        found.append(shape)
    return found


def touched(shape, size):
    """Pixels whose open square the closed polygon meets: it meets the pixel, and not only the
    pixel's outline."""
    found = np.zeros((size, size), bool)
    prepared = shapely.prepared.prep(shape)
    x1, y1, x2, y2 = shape.bounds
    for row in range(math.floor(y1), math.ceil(y2)):
        for col in range(math.floor(x1), math.ceil(x2)):
            pixel = shapely.geometry.box(col, row, col + 1, row + 1)
            if prepared.contains_properly(pixel):
                found[row, col] = True
            elif prepared.intersects(pixel):
                found[row, col] = not shape.touches(pixel)
    return found


def burn_touched(path, image, labels, tile=None, *options):
    return feed(path, image, labels, "--mask-rule", "all-touched", "--edge", "pad",
                "--tile", tile or "500x300", *options, tasks="segmentation")


def test_10000_random_polygons_as_shapely_has_them(tmp_path):
    side = 100
    size = side * CELL
    polygons = lattice_polygons(np.random.default_rng(5), side)
    image = write_scene(tmp_path / "scene.tif", np.zeros((size, size), np.uint8), crs=None)
    labels = write_polygons(tmp_path / "labels.fgb", [shape.wkb for shape in polygons],
                            ["a"] * len(polygons))
    mask = np.zeros((size, size), np.uint8)
    for shape in polygons:
        x, y = (int(v) // CELL * CELL for v in shape.centroid.coords[0])
        local = shapely.affinity.translate(shape, -x, -y)  # whole pixels: exact
        mask[y:y + CELL, x:x + CELL] |= touched(local, CELL)
    store = burn_touched(tmp_path / "store.h5", image, labels)
    assert differing(store, mask) == 0
    centres = feed(tmp_path / "centres.h5", image, labels, "--edge", "pad", "--tile", "500x300",
                   tasks="segmentation")
    assert all((tile[inner > 0] > 0).all() for tile, inner in zip(store.masks, centres.masks))
    assert differing(centres, mask) > size


def exactly_touched(ring, size):
    """The rule in fractions: an edge's part in a row of pixels, open on all sides."""
    found = np.zeros((size, size), bool)
    points = [tuple(Fraction(v) for v in point) for point in ring]
    edges = list(zip(points, points[1:] + points[:1]))
    for row in range(size):
        middle = row + Fraction(1, 2)
        crossings = sorted(a[0] + (middle - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
                           for a, b in edges if (a[1] <= middle) != (b[1] <= middle))
        for x1, x2 in zip(crossings[::2], crossings[1::2]):
            for col in range(size):
                found[row, col] |= x1 <= col + Fraction(1, 2) <= x2
        for a, b in edges:
            (ax, ay), (bx, by) = sorted((a, b), key=lambda point: point[1])
            if by <= row or ay >= row + 1 or (ay == by and ay == row):
                continue
            ends = [ax, bx] if ay == by else [
                ax + (y - ay) * (bx - ax) / (by - ay) for y in (max(ay, row), min(by, row + 1))]
            first, end = math.floor(min(ends)), math.ceil(max(ends))
            found[row, max(first, 0):max(min(end, size), 0)] = True
    return found


def test_edges_past_corners_of_pixels_by_the_last_bit(tmp_path):
    """Lines through lattice points at thirds and sevenths, one step of a double to either side."""
    rng = np.random.default_rng(8)
    size, shapes = 8, []
    while len(shapes) < 60:
        p, q = rng.integers(1, 7, (2, 2))
        if abs(p - q).max() == 0:
            continue
        away = q + (q - p) * float(rng.uniform(0.1, 0.9)) / 3
        before = p - (q - p) * float(rng.uniform(0.1, 0.9)) / 7
        away = np.nextafter(away, away + rng.integers(-1, 2, 2))
        ring = [before.tolist(), away.tolist(), rng.uniform(0, size, 2).tolist()]
        shape = shapely.geometry.Polygon(ring)
        if shape.is_valid and shape.area > 0.1 and np.min(ring) > 0 and np.max(ring) < size:
            shapes.append(ring)
    image = write_scene(tmp_path / "scene.tif", np.zeros((size, size), np.uint8), crs=None)
    for number, ring in enumerate(shapes):
        labels = write_polygons(tmp_path / f"{number}.fgb", wkb_polygons([np.array([ring])]), ["a"])
        store = burn_touched(tmp_path / f"{number}.h5", image, labels, size)
        np.testing.assert_array_equal(store.masks[0], exactly_touched(ring, size))


@pytest.mark.parametrize("seed", range(4))
def test_mask_of_any_window_is_the_crop_of_the_scenes_mask(tmp_path, seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(40, 90))
    image = write_scene(tmp_path / "scene.tif", np.zeros((size, size), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson", small_labels(rng, 40, size))
    whole = burn_touched(tmp_path / "whole.h5", image, labels, size, "--class-field", "class")
    tile, stride = rng.integers(1, size, 2), rng.integers(1, 40, 2)
    store = burn_touched(tmp_path / "store.h5", image, labels, "{}x{}".format(*tile),
                         "--class-field", "class", "--stride", "{}x{}".format(*stride))
    assert differing(store, whole.masks[0]) == 0


def test_the_rule_is_in_the_configuration_when_it_is_not_the_default(tmp_path):
    image = write_scene(tmp_path / "scene.tif", np.zeros((20, 20), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson", [(rectangle(1, 1, 12, 12), "b")])
    for rule in ("center", "all-touched"):
        feed(tmp_path / f"{rule}.h5", image, labels, "--mask-rule", rule, "--tile", 10)
        with h5py.File(tmp_path / f"{rule}.h5") as file:
            config, = json.loads(file.attrs["feed_config"])
        assert config.get("mask_rule") == (None if rule == "center" else rule)
