"""Scores of classification and segmentation, and how sure they are: arrays in, numbers out.

    from vedatile import scores

    scores.classification(truth, probabilities)["f1"]
    counter = scores.PixelCounter(classes=5)
    for truth, predicted in ...:
        counter.add(truth, predicted)
    counter.scores()["miou"]

Nothing here needs a store. Arrays are NumPy's or whatever NumPy makes one of. NaN stands for "there is
nothing to tell": a class that is neither true nor predicted anywhere, an area under a curve without
both kinds of samples. Definitions and their sources are in docs/scores.md and include/vedatile/scores.h."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import _vedatile
from .arrays import wrap

__all__ = ["PixelCounter", "bootstrap", "bootstrap_weights", "boundary", "boundary_iou",
           "classification", "curve", "interval", "segmentation", "segmentation_scores"]


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise ImportError("vedatile.scores needs NumPy") from None
    return numpy


# --- classification ---------------------------------------------------------------------------


def _whole(values: Any, name: str) -> Any:
    """Class ids as int32, and nothing rounded to become one."""
    np = _numpy()
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        raise _vedatile.ArgumentError(f"{name}: class ids are whole numbers, not {values.dtype}")
    if values.size and (values.min() < -1 or values.max() > 2**31 - 1):
        raise _vedatile.ArgumentError(f"{name}: class ids are -1 (not known) and above")
    return np.ascontiguousarray(values, dtype=np.int32)


def _several(truth: Any) -> Any:
    np = _numpy()
    if truth.dtype.kind not in "biu" or (truth.size and truth.min() < 0) or (
            truth.size and truth.max() > 255):
        raise _vedatile.ArgumentError("truth: 0, 1 or 255 (not known) for each class is wanted")
    return np.ascontiguousarray(truth, dtype=np.uint8)


def _class_count(classes: int | None, scores: Any, *ids: Any) -> int:
    if classes is not None:
        return classes
    if scores is not None:
        return scores.shape[1]
    return max((int(i.max()) + 1 for i in ids if i is not None and i.size), default=1)


def classification(truth: Any, scores: Any = None, *, predicted: Any = None,
                   classes: int | None = None, weights: Any = None, threshold: float = 0,
                   bins: int = 15) -> dict[str, Any]:
    """The scores of predicted classes.

    truth      class ids [samples], -1: not known; or 0, 1 and 255 (not known) [samples, classes]
    scores     [samples, classes] in [0, 1]; a row that begins with NaN was not predicted
    predicted  class ids [samples] instead of scores, -1: not predicted
    classes    how many there are; None: as many as scores have, or ids tell
    weights    how often each sample counts [samples]; None: once
    threshold  lower scores predict nothing; 0: with one class a sample the highest score always does,
               with several 0.5
    bins       of the calibration

    Returns a dict: samples, unpredicted, accuracy; precision, recall, f1, roc_auc, average_precision
    (means over classes), weighted_f1, micro_precision, micro_recall, micro_f1, ece, mce, brier;
    "classes": a dict of arrays [classes]; "confusion" [classes, classes + 1] true by predicted, the last
    column not predicted (None with several classes a sample); "bins" [bins, 3]: samples, mean
    confidence, share right.

    Raises ArgumentError that names the sample."""
    np = _numpy()
    truth = np.asarray(truth)
    one = truth.ndim == 1
    single = _whole(truth, "truth") if one else None
    several = None if one else _several(truth)
    if scores is not None:
        scores = np.ascontiguousarray(scores, dtype=np.float64)
    if predicted is not None:
        predicted = _whole(predicted, "predicted")
    if weights is not None:
        weights = np.ascontiguousarray(weights, dtype=np.uint32)
    count = _class_count(classes, scores if scores is not None else several, single, predicted)
    if scores is not None and scores.shape != (len(truth), count):
        raise _vedatile.ArgumentError(
            f"scores: [{len(truth)}, {count}] are wanted, not {list(scores.shape)}")
    found = _vedatile.classification_score(len(truth), count, single, several, scores, predicted,
                                           weights, threshold, bins)
    found["classes"] = {name: wrap(array) for name, array in found["classes"].items()}
    found["confusion"] = wrap(found["confusion"]) if one else None
    found["bins"] = wrap(found["bins"])
    return found


def curve(truth: Any, scores: Any) -> dict[str, Any]:
    """The points of a class's curves, one for each distinct score, the highest first.

    truth   0, 1 or 255 (left out) [samples]
    scores  [samples]

    Returns a dict of arrays: threshold, true_positives, false_positives, and the curves made of them:
    recall, precision, false_positive_rate (NaN without samples of that kind)."""
    np = _numpy()
    points, positives, negatives = _vedatile.score_curve(
        np.ascontiguousarray(truth, dtype=np.uint8), np.ascontiguousarray(scores, dtype=np.float64))
    threshold, right, wrong = wrap(points).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"threshold": threshold, "true_positives": right, "false_positives": wrong,
                "recall": right / (positives or np.nan), "precision": right / (right + wrong),
                "false_positive_rate": wrong / (negatives or np.nan)}


# --- segmentation -----------------------------------------------------------------------------


def _masks(*masks: Any) -> tuple[Any, ...]:
    """Contiguous masks of one dtype and shape."""
    np = _numpy()
    arrays = [np.ascontiguousarray(mask) for mask in masks]
    for array in arrays:
        if array.dtype not in (np.uint8, np.uint16):
            raise _vedatile.ArgumentError(f"masks are uint8 or uint16, not {array.dtype}")
        if array.dtype != arrays[0].dtype or array.shape != arrays[0].shape:
            raise _vedatile.ArgumentError(
                f"truth {arrays[0].dtype} {list(arrays[0].shape)} and predicted {array.dtype} "
                f"{list(array.shape)}: masks of one type and shape are wanted")
    return tuple(arrays)


def _skipped(skip: Any) -> Any:
    np = _numpy()
    return None if skip is None else np.ascontiguousarray(skip, dtype=bool).view(np.uint8)


class PixelCounter:
    """Pixels by true and predicted value, added chunk by chunk; memory does not grow with them.

    Masks are as a store's: 0 background, class id + 1, 255 (uint8) or 65535 (uint16) ignore. Pixels whose
    truth is ignore are left out, pixels predicted as ignore count as not predicted."""

    def __init__(self, classes: int, dtype: Any = "uint8") -> None:
        size = _numpy().dtype(dtype).itemsize
        self.classes, self._size = classes, size
        self._counter = _vedatile.pixel_counter(classes, size)

    def add(self, truth: Any, predicted: Any, skip: Any = None, threads: int = 0) -> None:
        """Adds two masks of one shape. `skip`: True where there is no data."""
        truth, predicted = _masks(truth, predicted)
        if truth.dtype.itemsize != self._size:
            raise _vedatile.ArgumentError(f"masks are {truth.dtype}; the counter is of uint{8 * self._size}")
        _vedatile.pixel_counter_add(self._counter, self._size, truth, predicted, _skipped(skip), threads)

    @property
    def matrix(self) -> Any:
        """uint64 [classes + 1, classes + 2]: true by predicted value, the last column not predicted."""
        return wrap(_vedatile.pixel_counter_matrix(self._counter, self.classes))

    def scores(self) -> dict[str, Any]:
        """What segmentation_scores makes of the matrix."""
        return segmentation_scores(self.matrix)


def segmentation_scores(matrix: Any) -> dict[str, Any]:
    """The scores of a matrix [classes + 1, classes + 2] of pixels, or of square metres: true by predicted
    value, the background first, the last column not predicted.

    Returns a dict: pixels, accuracy, mean_accuracy, miou, precision, recall, f1 (means over classes that
    are somewhere), miou_background, frequency_weighted_iou; "values": a dict of arrays [classes + 1],
    the background first: truth, predicted, both, iou, precision, recall, f1."""
    np = _numpy()
    matrix = np.ascontiguousarray(matrix, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] < 2 or matrix.shape[1] != matrix.shape[0] + 1:
        raise _vedatile.ArgumentError(
            f"matrix: [classes + 1, classes + 2] is wanted, not {list(matrix.shape)}")
    found = _vedatile.segmentation_scores(matrix, matrix.shape[0] - 1)
    names = ("truth", "predicted", "both", "iou", "precision", "recall", "f1")
    found["values"] = dict(zip(names, wrap(found["values"]).T))
    return found


def segmentation(truth: Any, predicted: Any, classes: int, *, skip: Any = None,
                 threads: int = 0) -> dict[str, Any]:
    """The scores of one mask, or of a stack of them, as segmentation_scores returns them."""
    truth, predicted = _masks(truth, predicted)
    counter = PixelCounter(classes, truth.dtype)
    counter.add(truth, predicted, skip, threads)
    return counter.scores()


def boundary(mask: Any, distance: int) -> Any:
    """bool [rows, cols]: pixels with another value, or the raster's outside, at most `distance` away."""
    (mask,) = _masks(mask)
    return wrap(_vedatile.mask_boundary(mask, mask.dtype.itemsize, distance)).astype(bool)


def boundary_iou(truth: Any, predicted: Any, classes: int, *, distance: int | None = None,
                 skip: Any = None) -> Any:
    """Boundary IoU of each value, the background first, over masks [rows, cols] or [masks, rows, cols]; NaN
    where there is no boundary. distance None: 2 % of the diagonal."""
    np = _numpy()
    truth, predicted = _masks(truth, predicted)
    rows, cols = truth.shape[-2:]
    if distance is None:
        distance = max(1, int(np.rint(0.02 * np.hypot(rows, cols))))
    skip = _skipped(skip)
    sums = np.zeros((2, classes + 1))
    for i in range(truth.size // max(rows * cols, 1)):
        one = [None if a is None else a.reshape(-1, rows, cols)[i] for a in (truth, predicted, skip)]
        sums += wrap(_vedatile.boundary_add(*one, truth.dtype.itemsize, rows, cols, classes, distance))
    with np.errstate(invalid="ignore"):
        return sums[0] / sums[1]


# --- how sure a score is ----------------------------------------------------------------------


def bootstrap_weights(count: int, seed: int, replicate: int, clusters: Any = None) -> Any:
    """uint32 [count]: how often each sample is drawn in that replicate, with replacement. With clusters
    [count] (whole numbers: scenes, cells of ground) whole clusters are drawn."""
    np = _numpy()
    if clusters is not None:
        clusters = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.uint32)
    number = 0 if clusters is None or not len(clusters) else int(clusters.max()) + 1
    return wrap(_vedatile.bootstrap_weights(seed, replicate, count, clusters, number))


def interval(values: Sequence[float], level: float = 0.95) -> dict[str, float]:
    """Of the values of replicates: low, high (percentiles), mean, deviation, above (share above 0), count."""
    return _vedatile.bootstrap_interval(values, level)


def bootstrap(score: Callable[[Any], float], count: int, *, replicates: int = 1000, seed: int = 0,
              level: float = 0.95, clusters: Any = None) -> dict[str, float]:
    """The interval of score(weights) over replicates of `count` samples."""
    return interval([score(bootstrap_weights(count, seed, i, clusters)) for i in range(replicates)],
                    level)
