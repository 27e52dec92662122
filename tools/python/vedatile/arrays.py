"""What a training loop gets of a batch: x and y.

x is the images. y depends on the labels that the loader delivers (its `tasks`):

    classification      uint8 [size, classes]
    segmentation        uint8 or uint16 [size, rows, cols]: 0 background, class id + 1,
                        255 or 65535 ignore
    detection           a list with a dict for each sample: "boxes" float32 [n, 4] xmin, ymin, xmax,
                        ymax in pixels, max exclusive; "labels" int64 [n], class ids
    detection, padded   a tuple: boxes float32 [size, pad, 4], class ids int64 [size, pad] with -1
                        where there is no box, counts uint32 [size]
    instance            uint16 [size, rows, cols]: 0 none, else 1-based index into the boxes
    boundary, contact   uint8 [size, rows, cols]: 0, 1, 255 ignore
    distance            float32 [size, rows, cols]: pixels to the nearest pixel of the other kind,
                        positive inside objects; NaN ignore
    regression          float32 [size, rows, cols]: NaN where there is no number

One kind of label: y is that. Several: a dict of them by task. None: None. Another HDF5 file's labels
are as they are there.

Arrays are NumPy's over the batch's memory, without a copy (class ids aside), where NumPy is
installed and has the type; else they are vedatile.Array. Images and labels in a CUDA device's
memory are vedatile.Array, for DLPack; boxes are then a dict of "boxes", "classes" and "offsets" or
"counts" for the whole batch.
"""
from __future__ import annotations

from typing import Any

from . import _vedatile

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

__all__ = ["x", "y"]


def wrap(array: Any) -> Any:
    """NumPy's array over an Array's memory, or the Array where NumPy cannot have it."""
    if not isinstance(array, _vedatile.Array) or numpy is None or array.device != "cpu" or (
            array.dtype == "bfloat16"):
        return array
    return numpy.asarray(array)


def _class_ids(classes: Any) -> Any:
    ids = classes.astype(numpy.int64)
    ids[classes == 65535] = -1
    return ids


def _boxes(batch: Any) -> Any:
    boxes, classes = batch.boxes, batch.box_class
    offsets, counts = batch.box_offsets, batch.box_counts
    if numpy is None or boxes.device != "cpu":
        found = {"boxes": boxes, "classes": classes, "offsets": offsets, "counts": counts}
        return {name: array for name, array in found.items() if array is not None}
    boxes, ids = wrap(boxes), _class_ids(wrap(classes))
    if counts is not None:
        return boxes, ids, wrap(counts)
    ends = wrap(offsets).tolist()
    return [{"boxes": boxes[first:end], "labels": ids[first:end]}
            for first, end in zip(ends, ends[1:])]


def x(batch: _vedatile.Batch) -> Any:
    """The images of a Batch, of the loader's dtype: [size, bands, rows, cols], or for axes="hwc"
    [size, rows, cols, bands]. BufferError after batch.release()."""
    return wrap(batch.images)


def y(batch: _vedatile.Batch) -> Any:
    """The labels of a Batch; see the module. BufferError after batch.release()."""
    labels: dict[str, Any] = {}
    if batch.onehot is not None:
        labels["classification"] = wrap(batch.onehot)
    if batch.boxes is not None:
        labels["detection"] = _boxes(batch)
    if batch.masks is not None:
        labels["segmentation"] = wrap(batch.masks)
    if batch.instances is not None:
        labels["instance"] = wrap(batch.instances)
    for task, array in (("boundary", batch.boundaries), ("contact", batch.contacts),
                        ("distance", batch.distances), ("regression", batch.targets)):
        if array is not None:
            labels[task] = wrap(array)
    if batch.values is not None:
        labels["values"] = wrap(batch.values)
    if len(labels) > 1:
        return labels
    return next(iter(labels.values()), None)
