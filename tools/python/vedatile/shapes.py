"""Masks as COCO's run lengths, polygons and rotated boxes: areas, boxes, and how much overlaps.

    from vedatile import shapes

    masks = shapes.encode(pixels)                  # [{"size": [rows, cols], "counts": b"..."}]
    shapes.iou(masks, masks)                       # [n, n]
    shapes.iou(shapes.polygons([[outer, hole]]), shapes.polygons([[other]]))
    shapes.iou(shapes.rotated([[50, 50, 20, 10, 0.3]]), shapes.rotated([[52, 50, 20, 10, 0.4]]))

A mask is a dict as pycocotools has it: "size" and "counts", which are compressed text, or numbers.
Pixels are x right, y down; angles are in radians and turn x towards y. Nothing here needs a store."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import _vedatile
from .arrays import wrap

__all__ = ["Polygons", "Rotated", "area", "boxes", "boxes_iou", "compress", "corners", "decode",
           "encode", "from_boxes", "from_polygons", "iou", "merge", "polygons", "rotated",
           "rotated_around"]


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise ImportError("vedatile.shapes needs NumPy") from None
    return numpy


def _doubles(values: Any, columns: int) -> Any:
    np = _numpy()
    found = np.ascontiguousarray(values, dtype=np.float64)
    return found.reshape(-1, columns)


# --- masks ------------------------------------------------------------------------------------


def encode(pixels: Any) -> list[dict]:
    """Masks of an array [rows, cols] or [rows, cols, masks]: pixels that are not zero."""
    np = _numpy()
    pixels = np.asarray(pixels)
    if pixels.dtype.kind not in "biu":
        raise _vedatile.ArgumentError(f"pixels: whole numbers are wanted, not {pixels.dtype}")
    if pixels.dtype.itemsize != 1:
        pixels = pixels != 0
    return _vedatile.rle_encode((pixels if pixels.ndim == 3 else pixels[..., None]).view(np.uint8))


def decode(masks: Sequence[dict]) -> Any:
    """Pixels of masks of one size: uint8 [rows, cols, masks] of 0 and 1, in Fortran's order."""
    np = _numpy()
    masks = list(masks)
    rows, cols = masks[0]["size"] if masks else (0, 0)
    pixels = np.empty((rows, cols, len(masks)), np.uint8, order="F")
    _vedatile.rle_decode(masks, pixels)
    return pixels


def compress(masks: Sequence[dict]) -> list[dict]:
    """The same masks with their counts as bytes, whichever way they came."""
    return _vedatile.rle_compress(list(masks))


def merge(masks: Sequence[dict], intersect: bool = False) -> dict:
    """One mask: what any of them has, or with `intersect` what all have."""
    return _vedatile.rle_merge(list(masks), intersect)


def from_polygons(polygons: Iterable[Sequence[Any]], rows: int, cols: int) -> list[dict]:
    """A mask for each polygon, which is a list of rings of x, y, x, y ...; rings are joined. The
    pixels are those that pycocotools has."""
    np = _numpy()
    rings = [[np.ascontiguousarray(ring, dtype=np.float64).reshape(-1) for ring in polygon]
             for polygon in polygons]
    return _vedatile.rle_polygons(rings, rows, cols)


def from_boxes(boxes: Any, rows: int, cols: int) -> list[dict]:
    """A mask for each box (x, y, width, height)."""
    return _vedatile.rle_boxes(_doubles(boxes, 4), rows, cols)


# --- polygons and rotated boxes -----------------------------------------------------------------


class Polygons(tuple):
    """Polygons as columns: points [n, 2], and where rings, parts and polygons begin in them."""

    __slots__ = ()


def polygons(items: Iterable[Any]) -> Polygons:
    """Polygons, each a list of rings of points (the first is the outer one, others are holes), or a
    list of several such parts. Rings may repeat their first point at the end."""
    np = _numpy()
    points: list[Any] = []
    offsets: list[list[int]] = [[0], [0], [0]]
    for item in items:
        parts = list(item)
        if parts and np.ndim(parts[0][0]) == 1:
            parts = [parts]
        for part in parts:
            for ring in part:
                ring = np.asarray(ring, dtype=np.float64).reshape(-1, 2)
                if len(ring) > 1 and (ring[0] == ring[-1]).all():
                    ring = ring[:-1]
                points.append(ring)
                offsets[0].append(offsets[0][-1] + len(ring))
            offsets[1].append(len(offsets[0]) - 1)
        offsets[2].append(len(offsets[1]) - 1)
    joined = np.concatenate(points) if points else np.empty((0, 2))
    return Polygons((np.ascontiguousarray(joined),
                     *(np.asarray(values, dtype=np.uint64) for values in offsets)))


class Rotated:
    """Rotated boxes: `values` is float64 [n, 5], middle x and y, width, height, angle."""

    __slots__ = ("values",)

    def __init__(self, values: Any) -> None:
        self.values = _doubles(values, 5)


def rotated(values: Any) -> Rotated:
    """Rotated boxes [n, 5]: middle x, middle y, width, height, angle in radians."""
    return Rotated(values)


def corners(boxes: Any) -> Any:
    """Corners [n, 4, 2] of rotated boxes, in the order of a box that is not turned."""
    return wrap(_vedatile.rotated_corners(
        boxes.values if isinstance(boxes, Rotated) else _doubles(boxes, 5)))


def rotated_around(points: Any) -> tuple[float, float, float, float, float]:
    """The least rotated box around points [n, 2]; of the corners of a rectangle that rectangle."""
    return _vedatile.rotated_around(_doubles(points, 2))


# --- all --------------------------------------------------------------------------------------


def _shapes(shapes: Any) -> Any:
    if isinstance(shapes, Rotated):
        return shapes.values
    return shapes if isinstance(shapes, Polygons) else list(shapes)


def area(shapes: Any) -> Any:
    """Areas [n]: pixels of masks; of polygons without holes, and with overlapping parts once."""
    return wrap(_vedatile.shapes_measure(_shapes(shapes))[0])


def boxes(shapes: Any) -> Any:
    """Boxes [n, 4] around shapes: x, y, width, height."""
    return wrap(_vedatile.shapes_measure(_shapes(shapes))[1])


def _crowd(crowd: Any) -> Any:
    np = _numpy()
    return None if crowd is None else np.ascontiguousarray(crowd, dtype=np.uint8)


def iou(a: Any, b: Any, crowd: Any = None, *, lowest: float = 0) -> Any:
    """Intersection over union [len(a), len(b)] of masks, polygons or rotated boxes. crowd [len(b)]:
    where it is 1, the area of a stands for the union. Values below `lowest` may be 0."""
    return wrap(_vedatile.shapes_iou(_shapes(a), _shapes(b), _crowd(crowd), lowest))


def boxes_iou(a: Any, b: Any, crowd: Any = None) -> Any:
    """The same for boxes [n, 4]: x, y, width, height."""
    return wrap(_vedatile.boxes_iou(_doubles(a, 4), _doubles(b, 4), _crowd(crowd)))
