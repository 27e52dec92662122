"""Masks, polygons and rotated boxes against pycocotools and shapely, on thousands of random ones."""
import math

import numpy as np
import pytest

from vedatile import shapes

mask = pytest.importorskip("pycocotools.mask")
affinity = pytest.importorskip("shapely.affinity")
geometry = pytest.importorskip("shapely.geometry")


def outline(rng, kind):
    """Points as people's files have them: any, whole, halves, hundredths, twentieths; also outside."""
    count = rng.integers(3, 14)
    points = [rng.uniform(-20, 100, (count, 2)), rng.integers(-10, 90, (count, 2)).astype(float),
              rng.integers(-20, 180, (count, 2)) / 2, np.round(rng.uniform(0, 80, (count, 2)), 2),
              rng.integers(-50, 450, (count, 2)) / 5 + rng.choice([0, .1, .05, .3])][kind]
    if rng.random() < .2:
        points[1] = points[0]
    return points.ravel()


def pixels(rng, rows, cols):
    kind = rng.integers(4)
    if kind == 0:
        return (rng.random((rows, cols)) < rng.random()).astype(np.uint8)
    made = np.zeros((rows, cols), np.uint8)
    if kind < 3:
        top, left = rng.integers(rows), rng.integers(cols)
        made[top:top + rng.integers(1, 80), left:left + rng.integers(1, 60)] = 1
    elif rng.random() < .5:
        made[:] = 1
    return made


def same(ours, theirs):
    return [m["counts"] for m in ours] == [m["counts"] for m in theirs] and [
        list(m["size"]) for m in ours] == [list(m["size"]) for m in theirs]


def test_polygons_have_the_pixels_of_pycocotools():
    rng = np.random.default_rng(1)
    for trial in range(4000):
        rows, cols = map(int, rng.integers(1, 80, 2))
        first, second = outline(rng, trial % 5), outline(rng, 0)
        theirs = mask.frPyObjects([list(first), list(second)], rows, cols)
        assert same(shapes.from_polygons([[first], [second]], rows, cols), theirs), (rows, cols, first)
        joined, = shapes.from_polygons([[first, second]], rows, cols)
        assert same([joined], [mask.merge(theirs)])


def test_long_outlines():
    """More crossings than are sorted one by one, and very many in one column."""
    rng = np.random.default_rng(2)
    for rows, cols in ((300, 400), (2000, 3)):
        for _ in range(20):
            points = (rng.random((400, 2)) * (cols, rows)).ravel()
            assert same(shapes.from_polygons([[points]], rows, cols),
                        mask.frPyObjects([list(points)], rows, cols))


def test_boxes_have_the_pixels_of_pycocotools():
    rng = np.random.default_rng(3)
    for _ in range(300):
        rows, cols = map(int, rng.integers(1, 80, 2))
        boxes = np.round(rng.uniform(-10, 60, (5, 4)), int(rng.integers(4)))
        assert same(shapes.from_boxes(boxes, rows, cols), mask.frPyObjects(boxes, rows, cols))


@pytest.mark.parametrize("order", ["C", "F"])
def test_pixels_there_and_back(order):
    rng = np.random.default_rng(4)
    for _ in range(300):
        rows, cols = map(int, rng.integers(1, 150, 2))
        stack = np.stack([pixels(rng, rows, cols) for _ in range(4)], 2)
        ours = shapes.encode(np.asarray(stack, order=order))
        theirs = mask.encode(np.asfortranarray(stack))
        assert same(ours, theirs)
        assert (shapes.decode(ours) == stack).all()
        assert (shapes.area(ours) == mask.area(theirs)).all()
        assert (shapes.boxes(ours) == mask.toBbox(theirs)).all()
        for intersect in (False, True):
            assert same([shapes.merge(ours, intersect)], [mask.merge(theirs, intersect)])
    assert same(shapes.encode(stack[..., 0] > 0), shapes.encode(stack[..., :1] * 7))


def test_overlaps_of_masks_are_those_of_pycocotools():
    rng = np.random.default_rng(5)
    for _ in range(250):
        rows, cols = map(int, rng.integers(1, 200, 2))
        masks = shapes.encode(np.stack([pixels(rng, rows, cols) for _ in range(8)], 2))
        masks += shapes.from_polygons([[outline(rng, k)] for k in range(5)], rows, cols)
        masks += shapes.encode(pixels(rng, rows + 3, cols))
        crowd = (rng.random(len(masks)) < .3).astype(np.uint8)
        theirs = mask.iou(masks, masks, crowd.tolist())
        ours = shapes.iou(masks, masks, crowd)
        assert (ours == theirs).all()
        assert (shapes.iou(masks, masks) == mask.iou(masks, masks, [0] * len(masks))).all()
        # What is below the limit may be nothing; what is not is the same.
        some = shapes.iou(masks, masks, crowd, lowest=.5)
        assert ((some == theirs) | ((some == 0) & (theirs < .5))).all()


def test_large_masks():
    """A column of more than 2^16 pixels, and runs that need seven letters."""
    rows, cols = 70_000, 60_000
    counts = [0, 2**31, 2**30, rows * cols - 2**31 - 2**30]
    ours = shapes.compress([{"size": [rows, cols], "counts": counts}])
    assert same(ours, mask.frPyObjects([{"size": [rows, cols], "counts": counts}], rows, cols))
    assert shapes.area(ours)[0] == 2**31 + counts[3]
    assert shapes.iou(ours, ours)[0, 0] == 1


def test_overlaps_of_boxes_are_those_of_pycocotools():
    rng = np.random.default_rng(6)
    for _ in range(100):
        a, b = rng.uniform(0, 50, (2, 20, 4))
        a[:3] = b[:3]
        a[4, 2] = b[5, 3] = 0
        crowd = (rng.random(20) < .3).astype(np.uint8)
        assert (shapes.boxes_iou(a, b, crowd) == mask.iou(a, b, crowd.tolist())).all()


def test_texts_and_numbers_are_one():
    rng = np.random.default_rng(7)
    for _ in range(300):
        rows, cols = map(int, rng.integers(1, 60, 2))
        ones = np.sort(rng.integers(0, rows * cols + 1, 2 * int(rng.integers(1, 9))))
        counts = np.diff(np.concatenate([[0], ones, [rows * cols]])).tolist()
        compressed = mask.frPyObjects([{"size": [rows, cols], "counts": counts}], rows, cols)
        numbers = {"size": [rows, cols], "counts": counts}
        assert same(shapes.compress([numbers]), compressed)
        text = {"size": (rows, cols), "counts": compressed[0]["counts"].decode()}
        assert same(shapes.compress([text]), compressed)


@pytest.mark.parametrize("wrong, message", [
    ({"size": [2, 2], "counts": [1, 2]}, "add up to 3, but the mask has 2 x 2"),
    ({"size": [2, 2], "counts": b"1\x7f"}, "damaged at letter 2"),
    ({"size": [2, 2], "counts": [2**32]}, "above 2"),
    ({"size": [2, 2], "counts": [-1, 5]}, "negative|convert"),
    ({"size": [2], "counts": [4]}, "rows, cols"),
    ({"size": [2, 2]}, "is wanted"),
    ({"size": [2**16, 2**16], "counts": [2**32 - 1]}, "less than 2"),
])
def test_damaged_masks_are_refused(wrong, message):
    with pytest.raises((ValueError, TypeError, OverflowError, shapes._vedatile.Error), match=message):
        shapes.compress([wrong])


# --- polygons and rotated boxes against shapely -----------------------------------------------


def star(rng):
    """A simple outline of any kind, sometimes with a hole, sometimes of two parts."""
    angles = np.sort(rng.uniform(0, 2 * math.pi, rng.integers(3, 12)))
    radii = rng.uniform(3, 12, len(angles))
    ring = rng.uniform(10, 40, 2) + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]
    shape = geometry.Polygon(ring)
    if not shape.is_valid:
        shape = geometry.box(5, 5, 20, 20)
    if rng.random() < .3:
        shape = shape.difference(shape.representative_point().buffer(1.5, 3))
    if rng.random() < .3:
        shape = shape.union(geometry.box(60, 60, *rng.uniform(61, 70, 2)))
    return shape


def nested(shape):
    parts = getattr(shape, "geoms", [shape])
    return [[list(p.exterior.coords), *(list(r.coords) for r in p.interiors)] for p in parts]


def expected(a, b):
    shared = [[p.intersection(q).area for q in b] for p in a]
    return np.array([[s / (p.area + q.area - s) for q, s in zip(b, row)] for p, row in zip(a, shared)])


def test_overlaps_of_polygons_are_those_of_shapely():
    rng = np.random.default_rng(8)
    for _ in range(40):
        a, b = [star(rng) for _ in range(8)], [star(rng) for _ in range(8)]
        b[0] = a[0]
        ours = shapes.iou(shapes.polygons(map(nested, a)), shapes.polygons(map(nested, b)))
        np.testing.assert_allclose(ours, expected(a, b), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(shapes.area(shapes.polygons(map(nested, a))), [p.area for p in a])


def test_overlaps_of_convex_outlines_are_those_of_shapely():
    """Up to and above the number of corners that are clipped without GEOS, either way round."""
    rng = np.random.default_rng(9)
    for trial in range(60):
        outlines = []
        for _ in range(8):
            points = rng.uniform(0, 30, (int(rng.integers(3, 60)), 2)) + rng.uniform(0, 10, 2)
            hull = geometry.MultiPoint(points).convex_hull
            ring = list(hull.exterior.coords)
            outlines.append((hull, ring if rng.random() < .5 else ring[::-1]))
        hulls = [hull for hull, _ in outlines]
        ours = shapes.iou(*2 * [shapes.polygons([[ring]] for _, ring in outlines)])
        np.testing.assert_allclose(ours, expected(hulls, hulls), rtol=1e-9, atol=1e-12)


def test_overlaps_of_rotated_boxes_are_those_of_shapely():
    rng = np.random.default_rng(10)
    for offset in (0, 5e6):
        for _ in range(40):
            boxes = rng.uniform([10, 10, 1, 1, -7], [40, 40, 30, 30, 7], (12, 5))
            boxes[:, :2] += offset
            outlines = [affinity.rotate(geometry.box(x - w / 2, y - h / 2, x + w / 2, y + h / 2),
                                        angle, use_radians=True) for x, y, w, h, angle in boxes]
            ours = shapes.iou(*2 * [shapes.rotated(boxes)])
            np.testing.assert_allclose(ours, expected(outlines, outlines), atol=1e-8 if offset else 1e-12)
            assert (np.diag(ours) == 1).all()
            np.testing.assert_allclose(shapes.corners(boxes)[3], corner_points(boxes[3]), atol=1e-6)


def corner_points(box):
    x, y, width, height, angle = box
    return [(x + u * math.cos(angle) - v * math.sin(angle), y + u * math.sin(angle) + v * math.cos(angle))
            for u, v in ((-width / 2, -height / 2), (width / 2, -height / 2), (width / 2, height / 2),
                         (-width / 2, height / 2))]


def test_four_corners_and_back():
    rng = np.random.default_rng(11)
    for _ in range(500):
        box = rng.uniform([10, 10, 1, 1, -1.5], [40, 40, 30, 30, 1.5])
        np.testing.assert_allclose(shapes.rotated_around(corner_points(box)), box, atol=1e-9)


def test_the_least_box_around_points():
    rng = np.random.default_rng(12)
    for _ in range(200):
        points = rng.uniform(0, 30, (int(rng.integers(1, 20)), 2))
        found = shapes.rotated_around(points)
        wanted = geometry.MultiPoint(points).minimum_rotated_rectangle
        assert math.isclose(found[2] * found[3], wanted.area, rel_tol=1e-9, abs_tol=1e-9)
        box = geometry.Polygon(shapes.corners([found])[0]).buffer(1e-6)
        assert all(box.contains(geometry.Point(p)) for p in points)


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 137, 180, 270])
def test_overlap_does_not_depend_on_the_angle(angle):
    """Two squares of 5 x 5, one over the lower half of the other's right half: 6.25 of 43.75."""
    first, second = geometry.box(0, 0, 5, 5), geometry.box(2.5, 2.5, 7.5, 7.5)
    turned = [affinity.rotate(p, angle, origin=(11, -7)) for p in (first, second)]
    a, b = (shapes.polygons([nested(p)]) for p in turned)
    assert math.isclose(shapes.iou(a, b)[0, 0], 1 / 7, rel_tol=1e-12)
    a, b = (shapes.rotated([shapes.rotated_around(list(p.exterior.coords)[:4])]) for p in turned)
    assert math.isclose(shapes.iou(a, b)[0, 0], 1 / 7, rel_tol=1e-12)


def test_empty_lists():
    assert shapes.iou([], []).shape == (0, 0)
    assert shapes.iou(shapes.polygons([]), shapes.polygons([])).shape == (0, 0)
    assert shapes.iou(shapes.rotated([]), shapes.rotated([[1, 1, 1, 1, 0]])).shape == (0, 1)
    assert shapes.encode(np.zeros((4, 5, 0), np.uint8)) == []


def test_kinds_are_not_mixed():
    with pytest.raises(ValueError, match="two kinds"):
        shapes.iou(shapes.polygons([[[(0, 0), (1, 0), (1, 1)]]]), shapes.rotated([[1, 1, 1, 1, 0]]))
    with pytest.raises(ValueError, match="fewer than 3"):
        shapes.area(shapes.polygons([[[(0, 0), (1, 0)]]]))
    with pytest.raises(ValueError, match="not finite"):
        shapes.area(shapes.rotated([[1, 1, float("nan"), 1, 0]]))
