"""The forms in which labels are given, and the arrays that a store keeps."""
from __future__ import annotations

import operator
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from ._vedatile import ArgumentError

from .arrays import wrap

TASKS = ("classification", "detection", "segmentation", "instance", "boundary", "contact",
         "distance", "regression")
_MLTYPES = {"object_detection": "detection", "instance_segmentation": "instance"}

# Tasks whose label is one array of the tile's shape.
_PIXELS = {"segmentation": "mask", "boundary": "boundary", "contact": "contact",
           "distance": "distance", "regression": "target"}

_FORMS = {
    "classification": "a list of 0 and 1 (one a class), a class name, or a list of names",
    "detection": "a list over classes of lists of [xmin, ymin, xmax, ymax], a list of "
                 "(box, class), or {\"boxes\": ..., \"classes\": ...}",
    "segmentation": "an array [rows, cols] of class id + 1",
    "boundary": "an array [rows, cols] of 0, 1 and 255",
    "contact": "an array [rows, cols] of 0, 1 and 255",
    "distance": "an array [rows, cols] of float32",
    "regression": "an array [rows, cols] of float32",
    "instance": "{\"instances\": array [rows, cols], \"boxes\": ..., \"classes\": ...}",
}


def task_list(mltype: str | Sequence[str] | None) -> list[str] | None:
    """Names of tasks in the library's order; "object_detection" is detection."""
    if mltype is None:
        return None
    given = [mltype] if isinstance(mltype, str) else list(mltype)
    names = [_MLTYPES.get(name, name) for name in given]
    for name in names:
        if name not in TASKS:
            raise ArgumentError(f"mltype: there is no {name!r}; there is: {', '.join(TASKS)}")
    return [task for task in TASKS if task in names]


def _buffer(value: Any) -> memoryview | None:
    """The memory of an array; None for what is no array."""
    if not isinstance(value, (str, bytes)):
        try:
            return memoryview(value)
        except TypeError:
            if hasattr(value, "__array__"):  # a tensor
                return memoryview(value.__array__())
    return None


def _whole(value: Any) -> int:
    """The number of an int, a bool, or a NumPy scalar or tensor of one; TypeError otherwise."""
    return operator.index(value.item() if hasattr(value, "item") else value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _wrong(task: str, value: Any) -> ArgumentError:
    text = " ".join(repr(value).split())
    return ArgumentError(f"{task}: {text if len(text) < 80 else text[:77] + '...'}: "
                         f"{_FORMS[task]} is wanted")


class Labels:
    """Turns labels into arrays for the extension, which checks their values, and back."""

    def __init__(self, tasks: Sequence[str], classes: Sequence[str]):
        self.tasks = list(tasks)
        self.classes = list(classes)
        self._ids = {name: i for i, name in enumerate(self.classes)}

    def class_id(self, value: Any) -> int:
        """The id of a class by name or id."""
        if isinstance(value, str):
            if value not in self._ids:
                raise ArgumentError(f"there is no class {value!r}; there is: "
                                    f"{', '.join(self.classes)}")
            return self._ids[value]
        try:
            number = _whole(value)
        except TypeError:
            raise ArgumentError(f"class {value!r}: a name or an id is wanted") from None
        if isinstance(value, bool) or not 0 <= number < len(self.classes):
            raise ArgumentError(f"class {value!r}: there are {len(self.classes)} classes")
        return number

    # --- from labels to arrays ---

    def encode(self, label: Any) -> dict[str, Any] | None:
        """Arrays by name. Raises ArgumentError for what is no label of the store's tasks."""
        if not self.tasks:
            if label is not None:
                raise ArgumentError(f"{label!r}: the store has no labels (mltype); None is wanted")
            return None
        if len(self.tasks) == 1:
            return self._encode_task(self.tasks[0], label)
        if not isinstance(label, Mapping) or set(label) != set(self.tasks):
            raise ArgumentError("a dict with one label for each task is wanted: "
                                + ", ".join(self.tasks))
        arrays: dict[str, Any] = {}
        for task in self.tasks:
            arrays |= self._encode_task(task, label[task])
        return arrays

    def _encode_task(self, task: str, label: Any) -> dict[str, Any]:
        if label is None:
            raise _wrong(task, label)
        if task in _PIXELS:
            return self._encode_pixels(task, _PIXELS[task], label)
        return getattr(self, "_encode_" + task)(label)

    def _encode_classification(self, label: Any) -> dict[str, Any]:
        view = _buffer(label)
        if view is not None:
            return {"onehot": view}
        names = [label] if isinstance(label, str) else label
        if not _is_list(names):
            raise _wrong("classification", label)
        if names and all(isinstance(name, str) for name in names):
            onehot = bytearray(len(self.classes))
            for name in names:
                onehot[self.class_id(name)] = 1
            return {"onehot": onehot}
        if len(names) != len(self.classes):
            raise ArgumentError(f"classification: {len(names)} values for {len(self.classes)} "
                                f"classes ({', '.join(self.classes)})")
        try:
            values = [_whole(value) for value in names]
        except TypeError:
            raise _wrong("classification", label) from None
        if not all(value in (0, 1) for value in values):
            raise _wrong("classification", label)
        return {"onehot": bytearray(values)}

    def _encode_detection(self, label: Any) -> dict[str, Any]:
        if isinstance(label, Mapping):
            return self._boxes_of_dict("detection", label, ("boxes", "classes"))
        if not _is_list(label):
            raise _wrong("detection", label)
        if all(self._is_pair(item) for item in label):
            boxes, classes = [box for box, _ in label], [name for _, name in label]
        else:
            boxes, classes = self._boxes_by_class(label)
        return self._box_arrays(boxes, classes)

    @staticmethod
    def _is_pair(item: Any) -> bool:
        return (isinstance(item, Sequence) and len(item) == 2
                and (isinstance(item[1], str) or hasattr(item[1], "__index__")))

    def _boxes_by_class(self, label: Sequence) -> tuple[list, list]:
        boxes, classes = [], []
        if not all(_is_list(item) or _buffer(item) is not None for item in label):
            raise _wrong("detection", label)
        if len(label) != len(self.classes):
            raise ArgumentError(f"detection: {len(label)} lists of boxes for {len(self.classes)} "
                                f"classes ({', '.join(self.classes)})")
        for number, items in enumerate(label):
            for box in items:
                boxes.append(box)
                classes.append(number)
        return boxes, classes

    @staticmethod
    def _encode_pixels(task: str, name: str, label: Any) -> dict[str, Any]:
        view = _buffer(label)
        if view is None:
            raise _wrong(task, label)
        return {name: view}

    def _encode_instance(self, label: Any) -> dict[str, Any]:
        if "detection" in self.tasks:  # which brings the boxes
            label = label["instances"] if isinstance(label, Mapping) else label
            arrays: dict[str, Any] = {}
        elif isinstance(label, Mapping):
            arrays = self._boxes_of_dict("instance", label, ("instances", "boxes", "classes"))
            label = label["instances"]
        else:
            raise _wrong("instance", label)
        view = _buffer(label)
        if view is None:
            raise _wrong("instance", label)
        return arrays | {"instances": view}

    def _boxes_of_dict(self, task: str, label: Mapping, needed: tuple) -> dict[str, Any]:
        known = {*needed, "visible", "features"}
        if not set(needed) <= set(label) <= known:
            raise ArgumentError(f"{task}: a dict with {', '.join(needed)} (and visible, features "
                                f"if known) is wanted, not with {', '.join(map(str, label))}")
        return self._box_arrays(label["boxes"], label["classes"], label.get("visible"),
                                label.get("features"))

    def _box_arrays(self, boxes: Any, classes: Any, visible: Any = None,
                    features: Any = None) -> dict[str, Any]:
        corners = array("f")
        for number, box in enumerate(boxes):
            try:
                numbers = [float(value) for value in box if hasattr(value, "__float__")]
            except (TypeError, OverflowError):
                numbers = []
            if len(numbers) != 4:
                raise ArgumentError(f"box {number}: {box!r}: [xmin, ymin, xmax, ymax] is wanted")
            corners.extend(numbers)
        count = len(corners) // 4
        try:
            return {
                "boxes": corners,
                "box_class": array("H", map(self.class_id, classes)),
                "box_visible": array("f", [1.0] * count if visible is None else visible),
                "box_feature": array("q", [-1] * count if features is None else features),
            }
        except (TypeError, OverflowError) as error:
            raise ArgumentError(f"classes, visible or features of boxes: {error}") from None

    # --- from arrays to labels ---

    def decode(self, sample: Any) -> Any:
        """The label of a sample in the form that `encode` takes."""
        if len(self.tasks) == 1:
            return self._decode_task(self.tasks[0], sample)
        return {task: self._decode_task(task, sample) for task in self.tasks} or None

    def _decode_task(self, task: str, sample: Any) -> Any:
        if task == "classification":
            return sample.onehot
        if task in _PIXELS:
            return getattr(sample, _PIXELS[task])
        if task == "instance" and "detection" in self.tasks:
            return sample.instances
        boxes, classes, features, visible = sample.box_arrays
        if task == "instance":
            return {"instances": sample.instances, "boxes": wrap(boxes),
                    "classes": wrap(classes), "visible": wrap(visible),
                    "features": wrap(features)}
        by_class: list[list] = [[] for _ in self.classes]
        for box, number in zip(memoryview(boxes).tolist(), memoryview(classes).tolist()):
            by_class[number].append(box)
        return by_class
