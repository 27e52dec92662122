"""Scores of detections and instance masks: columns in, pycocotools' numbers out.

    from vedatile import detection

    truths = {"image": [0, 0, 1], "category": [0, 1, 0], "box": boxes}
    found = {"image": [0, 1], "category": [0, 0], "box": boxes, "score": [0.9, 0.8]}
    matches = detection.match(truths, found, images=2, categories=2)
    scores = matches.scores()
    scores.stats            # AP, AP50, AP75, APs, APm, APl, AR1, AR10, AR100, ARs, ARm, ARl
    scores.precision        # [threshold, recall, category, area, max_detections]

Columns are arrays of NumPy or what NumPy makes one of: image, category (indices from 0), box
(x, y, width, height), score, area, crowd, ignore, and shapes in place of boxes: what vedatile.shapes
makes (a list of run lengths as COCO has them, polygons, rotated boxes), or columns of that: a dict of
"size", "counts" and "count_offsets", of "points", "ring_offsets", "part_offsets" and
"shape_offsets", or of "rotated". The order of objects decides where two are alike.

Matching is done once; scores of some of the images, or of images that count several times, cost
little after it. Definitions are in docs/scores-of-detections.md and include/vedatile/detection.h."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import _vedatile
from .arrays import wrap
from .shapes import Polygons, Rotated

__all__ = ["Diagnosis", "Matches", "Scores", "match"]

STATS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
LEFT_OUT, TRUE_POSITIVE, FALSE_POSITIVE, IGNORED = range(4)
FINDINGS = ("left out", "found", "ignored", "localisation", "class", "duplicate", "background", "both")
TRUTH_STATES = ("ignored", "found", "nearly", "missed")
_NO_MATCH = 0xFFFFFFFF
_DEFAULTS = {"coco": 10, "valor": 10, "voc07": 1, "voc12": 1, "dota": 1}  # numbers of thresholds


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise ImportError("vedatile.detection needs NumPy") from None
    return numpy


def _indices(name: str, values: Any) -> Any:
    np = _numpy()
    values = np.asarray(values)
    if values.size == 0:
        return np.zeros(values.shape, np.uint32)
    if values.dtype == np.uint32:
        return np.ascontiguousarray(values)
    if values.dtype.kind not in "iu":
        raise _vedatile.ArgumentError(f"{name}: whole numbers are wanted, not {values.dtype}")
    if values.min() < 0 or values.max() >= _NO_MATCH:
        raise _vedatile.ArgumentError(f"{name}: numbers from 0 are wanted")
    return np.ascontiguousarray(values, np.uint32)


def _flags(name: str, values: Any) -> Any:
    np = _numpy()
    return np.ascontiguousarray(np.asarray(values) != 0, np.uint8)


def _doubles(width: int) -> Any:
    def convert(name: str, values: Any) -> Any:
        np = _numpy()
        values = np.asarray(values, np.float64)
        if values.size == 0 and width > 1:
            values = values.reshape(0, width)
        return np.ascontiguousarray(values)
    return convert


def _offsets(name: str, values: Any) -> Any:
    return _numpy().ascontiguousarray(values, "uint64")


def _pairs(name: str, values: Any) -> Any:
    return _indices(name, values).reshape(-1, 2)


_COLUMNS = {"image": _indices, "category": _indices, "score": _doubles(1), "box": _doubles(4),
            "area": _doubles(1), "crowd": _flags, "ignore": _flags}
_SHAPES = {"counts": _indices, "count_offsets": _offsets, "size": _indices, "points": _doubles(2),
           "ring_offsets": _offsets, "part_offsets": _offsets, "shape_offsets": _offsets,
           "rotated": _doubles(5)}
_LISTS = {"iou_thresholds": _doubles(1), "recall_thresholds": _doubles(1),
          "area_ranges": _doubles(2), "max_detections": _indices, "not_exhaustive": _pairs,
          "negative": _pairs}


def _columns(given: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(given) - set(kinds) - {"shapes"}
    if unknown:
        raise TypeError(f"there is no column \"{sorted(unknown)[0]}\"; known are {', '.join(kinds)}")
    found = {name: kinds[name](name, values) for name, values in given.items()
             if values is not None and name != "shapes"}
    if kinds is _SHAPES and "size" in found:
        found["size"] = found["size"].reshape(-1, 2)
    if given.get("shapes") is not None:
        found["shapes"] = _shapes(given["shapes"])
    return found


def _shapes(given: Any) -> Any:
    if isinstance(given, Rotated):
        given = {"rotated": given.values}
    elif isinstance(given, Polygons):
        given = dict(zip(("points", "ring_offsets", "part_offsets", "shape_offsets"), given))
    return _columns(given, _SHAPES) if isinstance(given, Mapping) else list(given)


def match(truths: Mapping[str, Any], detections: Mapping[str, Any], *, images: int,
          categories: int, keep_ids: bool = True, **options: Any) -> Matches:
    """Compares detections with ground truth, once for all thresholds and ranges of areas.

    Options, each COCO's own when it is not given: iou_thresholds, recall_thresholds, area_ranges
    ([[lowest, highest], ...]), max_detections, class_agnostic, protocol ("coco", "valor", "voc07",
    "voc12", "dota"), coco_ignores_ignore (as pycocotools: only `crowd` has an effect), and LVIS's:
    not_exhaustive and negative ([[image, category], ...]), federated, max_per_image; threads.
    keep_ids=False saves memory where nobody asks who matched whom."""
    columns = _columns(truths, _COLUMNS), _columns(detections, _COLUMNS)
    for name, convert in _LISTS.items():
        if options.get(name) is not None:
            options[name] = convert(name, options[name])
    options.update(image_count=images, category_count=categories, keep_ids=keep_ids)
    handle = _vedatile.detection_match(*columns, options)
    return Matches(handle, columns[0], columns[1], options)


class Matches:
    """What became of every detection. Made by match()."""

    def __init__(self, handle: Any, truths: dict[str, Any], detections: dict[str, Any],
                 options: dict[str, Any]):
        self._handle = handle
        self._truths = truths
        self._detections = detections
        self._options = options
        self._cells: Any = None
        self._outcomes: dict[int, dict[str, Any]] = {}

    def scores(self, weights: Sequence[int] | None = None) -> Scores:
        """Precision and recall of all images, or of each as often as `weights` (one number an image)
        says. Nothing is matched again."""
        images = self._options["image_count"]
        if weights is not None:
            weights = _indices("weights", weights)
        return Scores(_vedatile.detection_accumulate(self._handle, weights, images))

    def outcomes(self, area: int = 0) -> dict[str, Any]:
        """Arrays [threshold, object] of one range of areas, objects in the order of input:
        "outcome" of detections (LEFT_OUT, TRUE_POSITIVE, FALSE_POSITIVE, IGNORED) and "matched",
        the index of the ground truth or -1; "truth_outcome" (found, missed, ignored) and
        "truth_matched", the detection of the highest score or -1. Needs keep_ids."""
        np = _numpy()
        if not self._options["keep_ids"]:
            raise _vedatile.ArgumentError("outcomes: match() was called with keep_ids=False")
        if area not in self._outcomes:
            thresholds = self._options.get("iou_thresholds")
            found = _vedatile.detection_outcomes(
                self._handle, len(self._detections["image"]), len(self._truths["image"]),
                _DEFAULTS[self._options.get("protocol") or "coco"] if thresholds is None
                else len(thresholds), area)
            found = {name: wrap(array) for name, array in found.items()}
            for name in ("matched", "truth_matched"):
                found[name] = np.where(found[name] == _NO_MATCH, -1, found[name].astype(np.int64))
            self._outcomes[area] = found
        return self._outcomes[area]

    def diagnose(self, threshold: int = 0, *, background: float = 0.1,
                 score: float = 0.0) -> Diagnosis:
        """What went wrong, at the IoU threshold of that index. `background`: an IoU below it is no
        overlap. `score`: detections below it are not in the confusion matrix. Needs keep_ids."""
        handle = _vedatile.detection_diagnose(self._handle, self._truths, self._detections,
                                              threshold, background, score)
        return Diagnosis(handle, self._truths, self._detections)

    def _key(self, columns: Mapping[str, Any]) -> Any:
        np = _numpy()
        images = columns["image"].astype(np.int64)
        category = columns.get("category")
        if category is None or self._options.get("class_agnostic"):
            return images
        return category.astype(np.int64) * self._options["image_count"] + images

    def _order(self, columns: Mapping[str, Any], *last: Any) -> Any:
        """Objects by cell; where categories are one, those of an image are by category first."""
        np = _numpy()
        keys = list(last)
        if self._options.get("class_agnostic") and columns.get("category") is not None:
            keys.append(columns["category"])
        return np.lexsort([np.arange(len(columns["image"])), *reversed(keys), self._key(columns)])

    def cells(self, area: int = 0) -> Iterator[dict[str, Any]]:
        """What pycocotools keeps in evalImgs, as indices into the input, for each category and image
        that has objects (by category, then image): "category", "image", "detections" by falling
        score, "ground_truths" with the ignored ones last, "matched" [T, D] (ground truth or -1),
        "ignored" [T, D], "truth_matched" [T, G] (the last detection that matched it, or -1),
        "truth_ignored" [G]. Needs keep_ids."""
        np = _numpy()
        found = self.outcomes(area)
        truth_ignored = found["truth_outcome"][0] == IGNORED
        ignored, matched = found["outcome"] == IGNORED, found["matched"]
        order = self._by_score()
        order = order[found["outcome"][0][order] != LEFT_OUT]
        truth_order = self._order(self._truths)
        keys, truth_keys = self._key(self._detections)[order], self._key(self._truths)[truth_order]
        for key in np.union1d(keys, truth_keys):
            d = order[np.searchsorted(keys, key):np.searchsorted(keys, key, "right")]
            g = truth_order[np.searchsorted(truth_keys, key):
                            np.searchsorted(truth_keys, key, "right")]
            g = g[np.argsort(truth_ignored[g], kind="stable")]
            category, image = divmod(int(key), self._options["image_count"])
            here = matched[:, d]
            by = np.full((len(here), len(g)), -1, np.int64)
            place = {int(truth): i for i, truth in enumerate(g)}
            for t, row in zip(*np.nonzero(here >= 0)):
                by[t, place[int(here[t, row])]] = d[row]
            yield {"category": category, "image": image, "detections": d, "ground_truths": g,
                   "matched": here, "ignored": ignored[:, d], "truth_matched": by,
                   "truth_ignored": truth_ignored[g]}

    def _by_score(self) -> Any:
        """Detections by cell and falling score; equal ones as they are matched."""
        np = _numpy()
        order = self._order(self._detections)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return np.lexsort([rank, -self._detections["score"], self._key(self._detections)])


class Diagnosis:
    """What went wrong with detections. Made by Matches.diagnose().

    finding[D]      what each detection is, a word of FINDINGS; truth[D] what it found or what its
                    error is about (-1: nothing), iou[D] their overlap, or the largest with anything
    truth_state[G]  what each ground truth is, a word of TRUTH_STATES
    confusion       [K + 1, K + 1], rows are ground truth, columns detections, the last is nothing
    tide            "ap", and what would be gained by mending each kind of error: "localisation",
                    "class", "duplicate", "background", "both", "missed", "false positives" and
                    "false negatives"; how many there are of each is in "class count" and so on."""

    def __init__(self, handle: Any, truths: dict[str, Any], detections: dict[str, Any]):
        np = _numpy()
        self._handle = handle
        self._detections = detections
        self._truths = truths
        found = _vedatile.diagnosis_arrays(handle, len(detections["image"]), len(truths["image"]))
        self._finding = wrap(found["finding"])
        self._state = wrap(found["truth_state"])
        self.finding = np.array(FINDINGS)[self._finding]
        self.truth = np.where(wrap(found["truth"]) == _NO_MATCH, -1,
                              wrap(found["truth"]).astype(np.int64))
        self.iou = wrap(found["iou"])
        self.truth_state = np.array(TRUTH_STATES)[self._state]
        self.confusion = wrap(found["confusion"])
        self.tide: dict[str, Any] = found["tide"]

    def points(self, scores: Sequence[float], category: int | None = None) -> list[dict[str, Any]]:
        """Counts, precision, recall and F1 of the detections of at least each score; -1 where there
        is nothing to divide by. With the protocol of valor as its PrecisionRecallCurve."""
        return _vedatile.diagnosis_points(self._handle, -1 if category is None else category, scores)

    def best(self, category: int | None = None) -> dict[str, Any] | None:
        """The point of the highest F1; None where nothing was detected."""
        return _vedatile.diagnosis_best(self._handle, -1 if category is None else category)

    def histogram(self, category: int | None = None, *, low: float = 0.0, high: float = 1.0,
                  bins: int = 20) -> tuple[Any, Any]:
        """How many true and how many false positives there are in equal bins of scores."""
        found, wrong = _vedatile.diagnosis_histogram(
            self._handle, -1 if category is None else category, low, high, bins)
        return wrap(found), wrap(wrong)

    def examples(self, finding: str, category: int | None = None, most: int = 10) -> list[dict]:
        """Detections of one kind by falling score: index, image, category, score, iou, truth. For a
        word of TRUTH_STATES ("missed", "nearly"): ground truth, in the order of input."""
        np = _numpy()
        if finding in ("missed", "nearly"):
            columns, chosen = self._truths, self.truth_state == finding
        elif finding in FINDINGS:
            columns, chosen = self._detections, self.finding == finding
        else:
            raise _vedatile.ArgumentError(f"{finding}: there are {', '.join(FINDINGS)}, missed, nearly")
        kinds = columns.get("category")
        kinds = np.zeros(len(chosen), int) if kinds is None else kinds
        indices = np.flatnonzero(chosen if category is None else chosen & (kinds == category))
        if columns is self._detections:
            indices = indices[np.argsort(-columns["score"][indices], kind="stable")]
        rows = []
        for i in indices[:most]:
            row = {"index": int(i), "image": int(columns["image"][i]), "category": int(kinds[i])}
            if columns is self._detections:
                row.update(score=float(columns["score"][i]), iou=float(self.iou[i]),
                           truth=int(self.truth[i]))
            rows.append(row)
        return rows


class Scores:
    """Precision and recall. Made by Matches.scores().

    precision and scores (at which it is reached) are [threshold, recall, category, area,
    max_detections], recall is [threshold, category, area, max_detections]: -1 where there is no
    ground truth. stats has the twelve numbers of STATS. categories is a list of dicts."""

    def __init__(self, handle: Any):
        self._handle = handle
        found = _vedatile.detection_arrays(handle)
        self.precision = wrap(found["precision"])
        self.recall = wrap(found["recall"])
        self.scores = wrap(found["scores"])
        self.stats = wrap(found["stats"])
        self.categories: list[dict[str, Any]] = found["categories"]

    def mean(self, *, recall: bool = False, threshold: int | None = None, area: int = 0,
             max_detections: int | None = None, categories: Sequence[bool] | None = None) -> float:
        """The mean of precision (or recall) as pycocotools averages it; -1 where there is nothing.
        `threshold`, `area`, `max_detections` are indices; None: all thresholds, the largest number
        of detections. `categories`: for each category whether it counts (LVIS's APr, APc, APf)."""
        chosen = None if categories is None else _flags("categories", categories)
        return _vedatile.detection_mean(self._handle, recall, -1 if threshold is None else threshold,
                                        area, -1 if max_detections is None else max_detections,
                                        chosen)
