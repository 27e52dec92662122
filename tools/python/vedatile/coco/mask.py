"""Masks as pycocotools.mask has them: dicts of "size" [rows, cols] and "counts", compressed text."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _vedatile, shapes

__all__ = ["area", "decode", "encode", "frPyObjects", "iou", "merge", "toBbox"]


def encode(bimask: Any) -> Any:
    """The mask of pixels [rows, cols], or a list of the masks of [rows, cols, n]."""
    masks = shapes.encode(bimask)
    return masks if np.ndim(bimask) == 3 else masks[0]


def decode(rleObjs: Any) -> Any:
    """Pixels uint8 [rows, cols] of a mask, or [rows, cols, n] of a list."""
    if isinstance(rleObjs, dict):
        return shapes.decode([rleObjs])[:, :, 0]
    return shapes.decode(rleObjs)


def _measure(rleObjs: Any, which: int, dtype: Any) -> Any:
    single = isinstance(rleObjs, dict)
    found = np.asarray(_vedatile.shapes_measure([rleObjs] if single else list(rleObjs))[which])
    found = found.astype(dtype)
    return found[0] if single else found


def area(rleObjs: Any) -> Any:
    """Pixels of a mask, or uint32 [n] of a list."""
    return _measure(rleObjs, 0, np.uint32)


def toBbox(rleObjs: Any) -> Any:
    """The box around a mask, float64 [4]: x, y, width, height; or [n, 4] of a list."""
    return _measure(rleObjs, 1, np.float64)


def merge(rleObjs: Sequence[dict], intersect: Any = 0) -> dict:
    """One mask: what any has, or with `intersect` what all have."""
    return shapes.merge(rleObjs, bool(intersect))


def _boxes(values: Any) -> Any:
    values = np.ascontiguousarray(values, dtype=np.float64)
    return values.reshape(-1, 4)


def iou(dt: Any, gt: Any, pyiscrowd: Sequence[Any]) -> Any:
    """float64 [dt, gt]: of masks, or of boxes (lists of four numbers, or an array). [] where one has
    nothing."""
    if len(dt) == 0 or len(gt) == 0:
        return []
    if len(pyiscrowd) != len(gt):
        raise _vedatile.ArgumentError(
            f"iou: {len(pyiscrowd)} values of pyiscrowd for {len(gt)} ground truths")
    crowd = np.asarray(pyiscrowd) != 0
    if isinstance(dt[0], dict) != isinstance(gt[0], dict):
        raise _vedatile.ArgumentError("iou: both have to be masks, or both boxes")
    if isinstance(dt[0], dict):
        return shapes.iou(dt, gt, crowd)
    return shapes.boxes_iou(_boxes(dt), _boxes(gt), crowd)


def _is_rle(value: Any) -> bool:
    return isinstance(value, dict) and "counts" in value and "size" in value


def frPyObjects(pyobj: Any, h: int, w: int) -> Any:
    """Masks of boxes (an array, or lists of four numbers), of polygons (lists of x, y, x, y ...), or of
    run lengths that are numbers. A single one of them gives a single mask."""
    if isinstance(pyobj, np.ndarray):
        return shapes.from_boxes(pyobj, h, w)
    if _is_rle(pyobj):
        return shapes.compress([pyobj])[0]
    if isinstance(pyobj, (list, tuple)) and len(pyobj) > 0:
        first = pyobj[0]
        if _is_rle(first):
            return shapes.compress(pyobj)
        if np.ndim(first) == 0 and len(pyobj) >= 4:
            return frPyObjects([pyobj], h, w)[0]
        if np.ndim(first) == 1 and len(first) == 4:
            return shapes.from_boxes(pyobj, h, w)
        if np.ndim(first) == 1 and len(first) > 4:
            return shapes.from_polygons([[ring] for ring in pyobj], h, w)
    raise Exception("input type is not supported.")  # as pycocotools says
