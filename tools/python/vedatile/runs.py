"""Runs: what one model predicts on samples."""
from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from . import _vedatile
from ._vedatile import ArgumentError

__all__ = ["Run", "runs"]

_Path = str | os.PathLike
_BATCH_CALLS = 256
_BATCH_SECONDS = 1.0


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise ImportError("vedatile.runs needs NumPy") from None
    return numpy


def _array(values: Any, dtype: Any = None) -> Any:
    """A NumPy array of anything that is one: tensors on devices are brought over."""
    np = _numpy()
    for move in ("detach", "cpu"):
        if hasattr(values, move):
            values = getattr(values, move)()
    if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
        values = np.from_dlpack(values)
    return np.asarray(values, dtype=dtype)


def _text(metadata: Mapping | None) -> str | None:
    return None if metadata is None else json.dumps(metadata)


def _store_path(store: Any) -> str | None:
    if store is None:
        return None
    if hasattr(store, "flush"):
        store.flush()  # what was fed belongs to the samples
    return os.fspath(getattr(store, "path", store))


def _counts(counts: tuple[int, int, int]) -> dict[str, int]:
    return dict(zip(("added", "updated", "ignored"), counts))


def _boxes(boxes: Any, form: str) -> Any:
    """Doubles [n, 4]: x, y, width, height."""
    np = _numpy()
    found = np.array(_array(boxes), dtype=np.float64).reshape(-1, 4)
    if form == "xyxy":
        found[:, 2:] -= found[:, :2]
    elif form == "cxcywh":
        found[:, :2] -= found[:, 2:] / 2
    elif form != "xywh":
        raise ArgumentError(f"box_format '{form}': xyxy, xywh or cxcywh are wanted")
    return found


def _masks(masks: Any) -> list[dict]:
    """Run lengths of masks [n, rows, cols] or [n, 1, rows, cols], or of those that are some."""
    from . import shapes

    np = _numpy()
    if isinstance(masks, Sequence) and (not masks or isinstance(masks[0], Mapping)):
        found = [dict(mask) for mask in masks]
        if found and not isinstance(found[0]["counts"], (str, bytes)):
            found = shapes.compress(found)
    else:
        pixels = _array(masks)
        if pixels.ndim == 4 and pixels.shape[1] == 1:
            pixels = pixels[:, 0]
        if pixels.ndim != 3:
            raise ArgumentError(f"masks: an array [n, rows, cols] is wanted, not {pixels.shape}")
        pixels = pixels > 0.5 if pixels.dtype.kind == "f" else pixels != 0
        found = shapes.encode(np.asfortranarray(np.moveaxis(pixels, 0, -1)))
    for mask in found:
        if isinstance(mask["counts"], bytes):
            mask["counts"] = mask["counts"].decode("ascii")
        mask["size"] = [int(size) for size in mask["size"]]
    return found


class Run:
    """A run: open while predictions come in, frozen once it is committed.

    Predictions are durable when `flush`, `commit` or `close` returns, and otherwise within a second
    or a few hundred calls. A program that was interrupted opens the run again and goes on: samples
    that are done are `in` the run, and what comes again is known."""

    def __init__(self, name: str | None = None, *, store: Any = None, path: _Path | None = None,
                 group: str | None = None, model: str | None = None,
                 model_reference: str | None = None, model_metadata: Mapping | None = None,
                 metadata: Mapping | None = None, classes: Sequence[str] | None = None,
                 any_class: bool = False, softmax: bool = False, first_label: int = 0) -> None:
        """Opens the run of that name, or begins it.

        store           the store that is predicted; None: a free run, at `path`
        group           of the store; None: test, or the only one
        model, model_reference, model_metadata   what predicts, its version, and more of it
        classes         None: those of the store, or any of a free run
        any_class       take classes that are not among them
        softmax         refuse scores of a sample's classes that do not add up to 1
        first_label     the whole number that stands for the first class in `labels`"""
        self._options = {"store": _store_path(store),
                         "path": None if path is None else os.fspath(path), "name": name,
                         "group": group, "model": model, "model_reference": model_reference,
                         "model_metadata": _text(model_metadata), "metadata": _text(metadata),
                         "any_class": any_class, "softmax": softmax}
        self._classes = None if classes is None else list(classes)
        self._first_label = first_label
        self._lock = threading.RLock()
        self._open: Any = None
        self._reader: Any = None
        self._frozen = False
        self._calls = 0
        self._since = 0.0
        self._begin()

    def _begin(self) -> None:
        try:
            self._open = _vedatile.run_resume(self._options, self._classes)
        except _vedatile.NotFoundError:
            self._open = _vedatile.run_create(self._options, self._classes)
        except _vedatile.DeniedError:
            self._frozen = True
            self._look()

    def _look(self) -> Any:
        if self._reader is None:
            store, path, name = (self._options[key] for key in ("store", "path", "name"))
            self._reader = (_vedatile.run_open(None, path) if path is not None
                            else _vedatile.run_open(store, name))
        return self._reader

    def _writing(self) -> Any:
        """The open run; of a committed one DeniedError."""
        if self._open is None:
            self._open = _vedatile.run_resume(self._options, self._classes)
        return self._open

    @property
    def _any(self) -> Any:
        return self._look() if self._frozen else self._writing()

    # --- what it is ---

    @property
    def info(self) -> dict[str, Any]:
        """Name, model, store, group, state and counts."""
        with self._lock:
            info = _vedatile.run_info(self._any)
        del info["problem"]
        for name in ("metadata", "model_metadata"):
            info[name] = json.loads(info[name])
        return info

    @property
    def name(self) -> str:
        return self.info["name"]

    @property
    def committed(self) -> bool:
        return self._frozen

    @property
    def classes(self) -> list[str]:
        return _vedatile.run_classes(self._any)

    def __len__(self) -> int:
        """Samples, predicted or not."""
        return self.info["samples"]

    def __contains__(self, sample: str | int) -> bool:
        """Whether a sample is predicted, with something or with nothing."""
        with self._lock:
            try:
                return _vedatile.run_sample_at(self._any, self._number(sample, known=True))[1]
            except _vedatile.NotFoundError:
                return False

    def __repr__(self) -> str:
        info = self.info
        state = "committed" if info["committed"] else "open"
        return (f"<Run {info['name']}, {state}: {info['predicted']} of {info['samples']} samples "
                f"predicted>")

    # --- samples ---

    def _number(self, sample: str | int, size: tuple[int, int] = (0, 0),
                known: bool = False) -> int:
        if isinstance(sample, str):
            if known or self._frozen:
                return _vedatile.run_find_sample(self._any, sample)
            return _vedatile.run_sample(self._writing(), sample, *size)
        number = int(getattr(sample, "index", sample) if not isinstance(sample, int) else sample)
        if number < 0:
            number += len(self)
        if number < 0:
            raise _vedatile.NotFoundError(f"there is no sample {sample}")
        return number

    def refloc(self, reference: str) -> list[dict[str, Any]]:
        """The predictions of a sample, by its reference."""
        with self._lock:
            number = self._number(reference, known=True)
            return [json.loads(text) for text in _vedatile.run_records(self._any, number)]

    def iloc(self, index: int) -> list[dict[str, Any]]:
        """The predictions of a sample, by its number."""
        with self._lock:
            number = self._number(index)
            _vedatile.run_sample_at(self._any, number)
            return [json.loads(text) for text in _vedatile.run_records(self._any, number)]

    def loc(self, number: int) -> dict[str, Any]:
        """One prediction of a committed run, by its number."""
        if not self._frozen:
            raise ArgumentError("predictions have numbers once the run is committed")
        return json.loads(_vedatile.run_record(self._look(), number))

    def raster(self, sample: str | int) -> Any:
        """The class raster of a sample of a committed run: [rows, cols]."""
        if not self._frozen:
            raise ArgumentError("rasters can be read once the run is committed")
        return _vedatile.run_raster(self._look(), self._number(sample))

    # --- adding ---

    def _batch(self) -> Any:
        """Begins a batch of the log where there is none."""
        run = self._writing()
        if self._calls == 0:
            _vedatile.run_begin(run)
            self._since = time.monotonic()
        self._calls += 1
        return run

    def _done(self) -> None:
        if self._calls >= _BATCH_CALLS or time.monotonic() - self._since > _BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Makes durable what was added."""
        with self._lock:
            if self._open is not None and self._calls > 0:
                _vedatile.run_end(self._open)
                self._calls = 0

    def _class_ids(self, labels: Any) -> Any:
        """Class ids of names, or of whole numbers from first_label on."""
        np = _numpy()
        if isinstance(labels, str) or (isinstance(labels, Sequence) and labels
                                       and isinstance(labels[0], str)):
            names = [labels] if isinstance(labels, str) else labels
            ids = {name: _vedatile.run_class(self._writing(), name) for name in set(names)}
            return np.array([ids[name] for name in names], np.uint32)
        found = _array(labels)
        if found.size and found.dtype.kind not in "iu":
            raise ArgumentError("labels: names or whole numbers are wanted")
        found = found.astype(np.int64).reshape(-1) - self._first_label
        if found.size and (found.min() < 0 or found.max() >= len(self.classes)):
            wrong = found[(found < 0) | (found >= len(self.classes))][0] + self._first_label
            raise ArgumentError(f"label {wrong}: the classes are {self._first_label} to "
                                f"{self._first_label + len(self.classes) - 1}")
        return found.astype(np.uint32)

    def _add_boxes(self, samples: Any, boxes: Any, labels: Any, scores: Any, mode: str) -> tuple:
        np = _numpy()
        return _vedatile.run_add_boxes(
            self._batch(), np.ascontiguousarray(samples, np.uint32),
            np.ascontiguousarray(labels, np.uint32), np.ascontiguousarray(boxes, np.float64),
            np.ascontiguousarray(_array(scores, np.float64).reshape(-1)), mode)

    def _add_records(self, records: list[dict], mode: str, what: str) -> tuple:
        return _vedatile.run_add_json(self._batch(), json.dumps(records), what, mode)

    def add_columns(self, samples: Any, boxes: Any, labels: Any, scores: Any, *,
                    box_format: str = "xywh", mode: str = "add") -> dict[str, int]:
        """Boxes of many samples at once: their numbers, boxes [n, 4], labels and scores [n]."""
        with self._lock:
            counts = self._add_boxes(_array(samples), _boxes(boxes, box_format),
                                     self._class_ids(labels), scores, mode)
            self._done()
        return _counts(counts)

    def add(self, sample: str | int, *, boxes: Any = None, labels: Any = None, scores: Any = None,
            masks: Any = None, polygons: Any = None, rotated: Any = None, lines: Any = None,
            points: Any = None, ids: Sequence[str] | None = None,
            metadata: Sequence[Mapping | None] | None = None, mask: Any = None,
            probabilities: Any = None, label: str | None = None, score: float = 1.0,
            records: Sequence[Mapping] | None = None, box_format: str = "xyxy",
            mode: str = "add") -> dict[str, int]:
        """Adds predictions of a sample, by its reference or number.

        boxes, masks, polygons, rotated, lines or points   the objects, of one of these kinds: boxes
                       [n, 4], masks [n, rows, cols] or COCO's run lengths, polygons and the rest as
                       lists of coordinates, rotated [n, 5] (cx, cy, width, height, radians). Masks
                       and polygons may come with boxes of their own
        labels, scores one each: names, whole numbers, or dicts {key: value}
        ids            the caller's; without them a call has all of a sample
        metadata       dicts, one each
        mask           the class raster: 0 background, class id + 1, uint8 or uint16 [rows, cols]
        probabilities  of the sample: an array over the classes, {class: p} or {key: {value: p}}
        label, score   of the sample: one class
        records        dicts as schemas/annotation.schema.json has them
        mode           "add", "update" or "append" where there are predictions already

        Returns how many were added, updated and ignored."""
        given = {name: value for name, value in
                 (("box", boxes), ("mask", masks), ("polygon", polygons), ("rotated", rotated),
                  ("line", lines), ("point", points)) if value is not None}
        own_boxes = given.pop("box") if boxes is not None and given.keys() & {"mask", "polygon"} else None
        if len(given) > 1:
            raise ArgumentError(f"{', '.join(given)}: one kind of objects a call")
        total = [0, 0, 0]
        with self._lock:
            run = self._batch()
            number = self._number(sample)
            for counts in self._parts(run, number, given, labels, scores, ids, metadata, mask,
                                      probabilities, label, score, records, box_format, mode,
                                      own_boxes):
                total = [a + b for a, b in zip(total, counts)]
            self._done()
        return _counts(tuple(total))

    def _parts(self, run: Any, number: int, given: dict, labels: Any, scores: Any, ids: Any,
               metadata: Any, mask: Any, probabilities: Any, label: Any, score: float,
               records: Any, box_format: str, mode: str, own_boxes: Any) -> Any:
        for kind, shapes in given.items():
            yield self._add_objects(number, kind, shapes, labels, scores, ids, metadata,
                                    box_format, mode, own_boxes)
        if mask is not None:
            np = _numpy()
            pixels = _array(mask)
            if pixels.dtype.kind not in "iu":
                raise ArgumentError(f"mask: class ids are wanted, not {pixels.dtype}")
            wide = pixels.dtype.itemsize > 1 and (pixels.dtype == np.uint16
                                                  or pixels.size and int(pixels.max()) > 255)
            if pixels.size and (int(pixels.min()) < 0 or int(pixels.max()) > 65535):
                raise ArgumentError("mask: values are 0 to 65535")
            pixels = np.ascontiguousarray(pixels, np.uint16 if wide else np.uint8)
            yield _vedatile.run_add_raster(run, number, pixels, wide, mode)
        if probabilities is not None:
            yield self._add_probabilities(number, probabilities, mode)
        if label is not None:
            yield self._add_records([{"sample": self._reference(number), "type": "label",
                                      "labels": {"class": label}, "score": float(score)}], mode,
                                    "label")
        if records is not None:
            reference = self._reference(number)
            yield self._add_records([{**record, "sample": reference} for record in records], mode,
                                    "records")
        if not given and mask is None and probabilities is None and label is None and not records:
            _vedatile.run_mark(run, number)

    def _reference(self, number: int) -> str:
        return _vedatile.run_sample_at(self._writing(), number)[0]

    def _add_probabilities(self, number: int, values: Any, mode: str) -> tuple:
        if not isinstance(values, Mapping):
            return _vedatile.run_add_scores(self._writing(), number,
                                            [float(value) for value in _array(values).reshape(-1)],
                                            mode)
        nested = any(isinstance(value, Mapping) for value in values.values())
        keys = values if nested else {"class": values}
        labels = {key: {name: float(p) for name, p in row.items()} for key, row in keys.items()}
        return self._add_records([{"sample": self._reference(number), "type": "label",
                                   "labels": labels}], mode, "probabilities")

    def _add_objects(self, number: int, kind: str, shapes: Any, labels: Any, scores: Any, ids: Any,
                     metadata: Any, box_format: str, mode: str, own_boxes: Any = None) -> tuple:
        np = _numpy()
        own = None if own_boxes is None else _boxes(own_boxes, box_format).tolist()
        shapes = _boxes(shapes, box_format) if kind == "box" else \
            _masks(shapes) if kind == "mask" else \
            _array(shapes, np.float64).reshape(-1, 5).tolist() if kind == "rotated" else \
            list(shapes)
        count = len(shapes)
        if own is not None and len(own) != count:
            raise ArgumentError(f"boxes: there are {len(own)}, and {count} objects")
        if count and (labels is None or scores is None):
            raise ArgumentError("objects need labels and scores")
        if count == 0:
            _vedatile.run_mark(self._writing(), number)
            return 0, 0, 0
        if isinstance(labels, str):
            labels = [labels] * count
        scores = _array(scores, np.float64).reshape(-1)
        for name, values in (("labels", labels), ("scores", scores), ("ids", ids),
                             ("metadata", metadata)):
            if values is not None and len(values) != count:
                raise ArgumentError(f"{name}: there are {len(values)}, and {count} objects")
        keyed = isinstance(labels[0], Mapping)
        if kind == "box" and ids is None and metadata is None and not keyed:
            return self._add_boxes(np.full(count, number), shapes, self._class_ids(labels), scores,
                                   mode)
        if kind == "box":
            shapes = [[x, y, x + width, y + height] for x, y, width, height in shapes.tolist()]
        if not keyed:
            names = self.classes
            labels = [{"class": names[i]} for i in self._class_ids(labels)]
        member = "coordinates" if kind in ("polygon", "line", "point") else kind
        reference = self._reference(number)
        records = []
        for i in range(count):
            record = {"sample": reference, "type": kind, member: shapes[i],
                      "labels": labels[i], "score": float(scores[i])}
            if own is not None:
                record["bbox"] = own[i]
            if ids is not None:
                record["id"] = str(ids[i])
            if metadata is not None and metadata[i]:
                record["metadata"] = metadata[i]
            records.append(record)
        return self._add_records(records, mode, f"{kind} of sample {reference}")

    def add_batch(self, samples: Sequence[Any], predictions: Sequence[Mapping], *,
                  box_format: str = "xyxy", mode: str = "add") -> dict[str, int]:
        """Adds what a detector gives for a batch: for each sample a dict with boxes, labels and
        scores, and masks where there are some, as torchvision's detectors give them."""
        np = _numpy()
        if len(samples) != len(predictions):
            raise ArgumentError(f"{len(samples)} samples and {len(predictions)} predictions")
        total = [0, 0, 0]
        with self._lock:
            self._writing()
            columns: list[tuple] = []
            for sample, found in zip(samples, predictions):
                number = self._number(sample if isinstance(sample, str) else int(sample))
                scores = _array(found["scores"], np.float64).reshape(-1)
                if len(scores) == 0:
                    _vedatile.run_mark(self._batch(), number)
                elif found.get("masks") is not None:
                    counts = self._add_objects(number, "mask", found["masks"], found["labels"],
                                               scores, None, None, box_format, mode,
                                               found.get("boxes"))
                    total = [a + b for a, b in zip(total, counts)]
                else:
                    columns.append((np.full(len(scores), number), _boxes(found["boxes"], box_format),
                                    self._class_ids(found["labels"]), scores))
            if columns:
                counts = self._add_boxes(*(np.concatenate(part) for part in zip(*columns)), mode)
                total = [a + b for a, b in zip(total, counts)]
            self._done()
        return _counts(tuple(total))

    def add_coco(self, path: _Path, images: _Path | None = None, *, boxes_only: bool = False,
                 mode: str = "add") -> dict[str, int]:
        """Adds a results file of COCO. `images` is the ground truth file with the names of the ids;
        without it image_id is a sample's number and category_id a class id."""
        with self._lock:
            return _counts(_vedatile.run_add_coco(
                self._batch(), os.fspath(path), None if images is None else os.fspath(images),
                boxes_only, mode))

    def mark(self, sample: str | int) -> None:
        """Says that a sample is predicted, whether anything was found or not."""
        with self._lock:
            run = self._batch()
            _vedatile.run_mark(run, self._number(sample))
            self._done()

    def drop(self, sample: str | int, id: str | None = None) -> None:
        """Takes back one prediction of a sample, or all of them."""
        with self._lock:
            run = self._batch()
            _vedatile.run_drop(run, self._number(sample), id)
            self._done()

    # --- its end ---

    def commit(self) -> Run:
        """Sorts and freezes the run. Nothing can be changed afterwards."""
        with self._lock:
            run = self._writing()
            self._calls = 0
            _vedatile.run_commit(run)
            _vedatile.run_close(run)
            self._open = None
            self._frozen = True
        return self

    def metrics(self, **options: Any) -> Any:
        """Scores of the committed run: vedatile.evaluate(store, run, **options)."""
        from .evaluation import evaluate

        if not self._frozen:
            raise ArgumentError("the run is open; commit it first")
        if self._options["store"] is None:
            return evaluate(predictions=self.info["path"], **options)
        return evaluate(self._options["store"], self.name, **options)

    def remove(self) -> None:
        """Removes the whole run, open or committed."""
        with self._lock:
            path = self.info["path"]
            if self._open is not None:
                _vedatile.run_close(self._open)
            self._open = self._reader = None
            self._calls = 0
            _vedatile.run_remove(None, path)

    def close(self) -> None:
        """Ends an open run's session; it can be opened again."""
        with self._lock:
            self.flush()
            if self._open is not None:
                _vedatile.run_close(self._open)
                self._open = None

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *unused: Any) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            self.close()
        except Exception:  # the interpreter may be half gone
            pass


def runs(store: Any) -> list[dict[str, Any]]:
    """The runs of a store: what `Run.info` says of each, open ones too, and "problem" for one that
    cannot be read."""
    found = _vedatile.run_list(_store_path(store))
    for info in found:
        for name in ("metadata", "model_metadata"):
            info[name] = json.loads(info[name])
    return found
