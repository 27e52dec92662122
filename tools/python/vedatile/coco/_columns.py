"""Objects of COCO as columns: from a file that was read in C, or from dicts. Private to the package."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _vedatile
from ..arrays import wrap


class File:
    """A file as the C reader has it."""

    def __init__(self, path: Any, results: bool, shapes: bool = True, threads: int = 0):
        self.path = os.fspath(path)
        self.results = results
        self.handle = _vedatile.coco_read(self.path, results, shapes, threads)
        self.columns = {name: wrap(values)
                        for name, values in _vedatile.coco_columns(self.handle).items()}

    def objects(self, masks: bool, truth: File | None) -> dict[str, Any]:
        """What is matched, for all records."""
        if self.results and truth is None:
            raise _vedatile.ArgumentError("the ground truth of these results is not a file")
        box = self.columns["box"]
        count = len(box)
        objects: dict[str, Any]
        if masks or (self.results and count > 0 and np.isnan(box[0, 0])):
            made = _vedatile.coco_objects(self.handle, truth.handle if truth else None, masks)
            objects = {name: wrap(values) for name, values in made.items() if name != "shapes"}
            if "shapes" in made:
                objects["shapes"] = {name: wrap(values) for name, values in made["shapes"].items()}
        else: # categories that the ground truth does not have are passed over, as pycocotools does
            area = self.columns.get("area")
            if np.isnan(box).any() or (area is not None and np.isnan(area).any()):
                raise _vedatile.FormatError(f"{self.path}: a record without bbox or area")
            objects = {"box": box}
            if area is not None:
                objects["area"] = area
        objects["id"] = np.arange(1, count + 1) if self.results else self.columns["id"]
        for name in ("image_id", "category_id", "score", "crowd"):
            if name in self.columns:
                objects[name] = self.columns[name]
        return objects


def from_dicts(annotations: Sequence[dict], masks: Sequence[dict] | None,
               results: bool) -> dict[str, Any]:
    """What is matched, of annotations as dicts; `masks` are theirs, or None for boxes."""
    objects: dict[str, Any] = {
        "id": [a["id"] for a in annotations],
        "image_id": [a["image_id"] for a in annotations],
        "category_id": [a["category_id"] for a in annotations],
        "area": np.array([a["area"] for a in annotations], np.float64),
    }
    if results:
        objects["score"] = np.array([a["score"] for a in annotations], np.float64)
    else:
        objects["crowd"] = np.array([bool(a.get("iscrowd")) for a in annotations], np.uint8)
    if masks is None:
        objects["box"] = np.array([a["bbox"] for a in annotations], np.float64).reshape(-1, 4)
    else:
        objects["shapes"] = {name: wrap(values)
                             for name, values in _vedatile.rle_columns(list(masks)).items()}
    return objects


def places(wanted: Sequence[Any], values: Any) -> Any:
    """Where each value stands among `wanted`, -1 where it does not."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        ids = np.asarray(wanted)
        if ids.dtype.kind in "iu" and len(ids) > 0:
            order = np.argsort(ids, kind="stable")
            at = np.searchsorted(ids[order], values)
            at[at == len(ids)] = 0
            return np.where(ids[order[at]] == values, order[at], -1)
    known = {value: place for place, value in reversed(list(enumerate(wanted)))}
    return np.fromiter((known.get(value, -1) for value in values), np.int64, len(values))


def _take_shapes(shapes: dict[str, Any], keep: Any) -> dict[str, Any]:
    offsets = shapes["count_offsets"].astype(np.int64)
    begin, length = offsets[:-1][keep], np.diff(offsets)[keep]
    ends = np.cumsum(length)
    index = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - length, length)
    return {"counts": shapes["counts"][index + np.repeat(begin, length)],
            "count_offsets": np.concatenate([[0], ends]).astype(np.uint64),
            "size": shapes["size"][keep]}


def take(objects: dict[str, Any], keep: Any) -> dict[str, Any]:
    """Those objects where `keep` is true."""
    if keep.all():
        return objects
    found = {}
    for name, values in objects.items():
        if name == "shapes":
            found[name] = _take_shapes(values, keep)
        elif isinstance(values, np.ndarray):
            found[name] = values[keep]
        else:
            found[name] = [value for value, kept in zip(values, keep) if kept]
    return found
