"""vedatile.scores against scikit-learn, SciPy and NumPy."""
import math

import numpy as np
import pytest
import vedatile
from vedatile import scores

metrics = pytest.importorskip("sklearn.metrics")
ndimage = pytest.importorskip("scipy.ndimage")


def random_case(seed, samples=200, classes=4):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, samples)
    logits = rng.normal(size=(samples, classes)) + 1.2 * np.eye(classes)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return truth, np.round(probabilities, 2 if seed % 2 else 6)  # rounded: ties


@pytest.mark.parametrize("seed", range(6))
def test_classification_is_scikit_learns(seed):
    truth, given = random_case(seed)
    found = scores.classification(truth, given)
    predicted = given.argmax(1)
    assert found["accuracy"] == metrics.accuracy_score(truth, predicted)
    for average in ("macro", "micro"):
        expected = metrics.precision_recall_fscore_support(truth, predicted, average=average)[:3]
        prefix = "" if average == "macro" else "micro_"
        assert [found[prefix + n] for n in ("precision", "recall", "f1")] == pytest.approx(expected, abs=1e-15)
    assert found["weighted_f1"] == pytest.approx(metrics.f1_score(truth, predicted, average="weighted"), abs=1e-15)
    assert (found["confusion"][:, :-1] == metrics.confusion_matrix(truth, predicted)).all()
    onehot = np.eye(4)[truth]
    area = metrics.roc_auc_score(onehot, given, average=None)
    assert found["classes"]["roc_auc"] == pytest.approx(area, abs=1e-14)
    assert found["roc_auc"] == pytest.approx(area.mean(), abs=1e-14)
    average = metrics.average_precision_score(onehot, given, average=None)
    assert found["classes"]["average_precision"] == pytest.approx(average, abs=1e-14)
    brier = sum(metrics.brier_score_loss(onehot[:, c], given[:, c]) for c in range(4))
    assert found["brier"] == pytest.approx(brier, abs=1e-14)


def test_ranks_and_chance():
    """The area is the Mann-Whitney statistic; ties at the top score keep theirs."""
    stats = pytest.importorskip("scipy.stats")
    truth = np.array([1, 0, 1, 0, 0, 1], np.uint8)
    given = np.array([0.9, 0.9, 0.9, 0.2, 0.9, 0.1])
    found = scores.classification(truth, np.stack([1 - given, given], 1))
    u = stats.mannwhitneyu(given[truth == 1], given[truth == 0]).statistic
    assert found["classes"]["roc_auc"][1] == pytest.approx(u / 9, abs=1e-15)
    assert found["classes"]["roc_auc"][1] == pytest.approx(metrics.roc_auc_score(truth, given))


@pytest.mark.parametrize("seed", range(3))
def test_several_classes_are_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, (150, 5))
    given = np.round(np.clip(truth * 0.3 + rng.random((150, 5)) * 0.7, 0, 1), 2)
    found = scores.classification(truth, given, threshold=0.6)
    predicted = given >= 0.6
    assert found["accuracy"] == metrics.accuracy_score(truth, predicted)
    expected = metrics.precision_recall_fscore_support(truth, predicted, zero_division=0)
    for name, values in zip(("precision", "recall", "f1"), expected):
        assert found["classes"][name] == pytest.approx(values, abs=1e-15)
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, given), abs=1e-14)
    assert found["micro_f1"] == pytest.approx(metrics.f1_score(truth, predicted, average="micro"), abs=1e-15)
    assert found["confusion"] is None


def test_unknown_truth_is_left_out():
    truth, given = random_case(3)
    masked = truth.copy()
    masked[50:] = -1
    assert scores.classification(masked, given)["f1"] == scores.classification(truth[:50], given[:50])["f1"]


def test_calibration_is_its_definition():
    truth, given = random_case(8, samples=3000)
    found = scores.classification(truth, given, bins=10)
    confidence, right = given.max(1), given.argmax(1) == truth
    number = np.clip(np.ceil(confidence * 10).astype(int) - 1, 0, 9)
    gaps = [abs(right[number == b].mean() - confidence[number == b].mean()) * (number == b).sum()
            for b in range(10) if (number == b).any()]
    assert found["ece"] == pytest.approx(sum(gaps) / 3000, abs=1e-12)
    assert found["bins"][:, 0].sum() == 3000


def test_curves_are_scikit_learns():
    truth, given = random_case(5)
    points = scores.curve(truth == 2, given[:, 2])
    false, true, thresholds = metrics.roc_curve(truth == 2, given[:, 2], drop_intermediate=False)
    assert points["threshold"].tolist() == thresholds[1:].tolist()
    assert points["recall"] == pytest.approx(true[1:])
    assert points["false_positive_rate"] == pytest.approx(false[1:])
    precision, recall, _ = metrics.precision_recall_curve(truth == 2, given[:, 2])
    for p, r in zip(points["precision"], points["recall"]):
        assert (np.isclose(precision, p) & np.isclose(recall, r)).any()


@pytest.mark.parametrize("call, message", [
    (lambda: scores.classification([0, 1.5], [[1, 0], [0, 1]]), "whole numbers"),
    (lambda: scores.classification([0, 5], [[1, 0], [0, 1]]), "sample 1: true class 5 of 2 classes"),
    (lambda: scores.classification([0, 1], [[1, 0], [0, 2]]), "sample 1: score 2 of class 1"),
    (lambda: scores.classification([0, 1], [[1, 0]]), r"\[2, 2\] are wanted"),
    (lambda: scores.classification([[0, 7]], [[1, 0]]), "sample 0: truth 7"),
    (lambda: scores.classification([0]), "scores are wanted"),
    (lambda: scores.segmentation(np.zeros((2, 2)), np.zeros((2, 2)), 1), "uint8 or uint16"),
    (lambda: scores.segmentation(np.zeros((2, 2), "u1"), np.zeros((2, 3), "u1"), 1), "one type and shape"),
    (lambda: scores.segmentation(np.full((2, 2), 9, "u1"), np.zeros((2, 2), "u1"), 1), "true value 9 is no class"),
    (lambda: scores.PixelCounter(300), "1 to 254"),
    (lambda: scores.segmentation_scores(np.zeros((2, 2))), r"\[classes \+ 1, classes \+ 2\]"),
    (lambda: scores.interval([1.0], level=2), "a level of 2"),
])
def test_bad_input(call, message):
    with pytest.raises(vedatile.Error, match=message):
        call()


# --- segmentation -----------------------------------------------------------------------------


def masks(seed, shape=(3, 90, 110), classes=5, dtype=np.uint8):
    rng = np.random.default_rng(seed)
    truth = ndimage.zoom(rng.integers(0, classes + 1, (shape[0], 9, 11)), (1, 10, 10), order=0)
    predicted = np.where(rng.random(shape) < 0.2, rng.integers(0, classes + 1, shape), truth)
    truth = truth.astype(dtype)
    predicted = predicted.astype(dtype)
    truth[rng.random(shape) < 0.03] = np.iinfo(dtype).max
    predicted[rng.random(shape) < 0.01] = np.iinfo(dtype).max
    return truth, predicted


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_segmentation_is_scikit_learns(dtype):
    truth, predicted = masks(1, dtype=dtype)
    ignore = np.iinfo(dtype).max
    known = truth != ignore
    t, p = truth[known], np.where(predicted[known] == ignore, 6, predicted[known])
    counter = scores.PixelCounter(5, dtype)
    for i in range(len(truth)):
        counter.add(truth[i], predicted[i])
    assert (counter.matrix == metrics.confusion_matrix(t, p, labels=range(7))[:6]).all()
    found = counter.scores()
    assert found["values"]["iou"] == pytest.approx(
        metrics.jaccard_score(t, p, labels=range(6), average=None), abs=1e-14)
    assert found["values"]["f1"] == pytest.approx(
        metrics.f1_score(t, p, labels=range(6), average=None), abs=1e-14)
    assert found["miou"] == pytest.approx(found["values"]["iou"][1:].mean(), abs=1e-15)
    assert found["accuracy"] == pytest.approx((t == p).mean(), abs=1e-15)
    whole = scores.segmentation(truth, predicted, 5)
    assert whole["miou"] == found["miou"]


def test_skipped_pixels_and_absent_classes():
    truth, predicted = masks(2, classes=3)
    truth[truth == 2] = 0
    predicted[predicted == 2] = 0
    skip = np.random.default_rng(0).random(truth.shape) < 0.4
    found = scores.segmentation(truth, predicted, 3, skip=skip)
    assert math.isnan(found["values"]["iou"][2])
    assert found["pixels"] == ((truth != 255) & ~skip).sum()
    assert found["miou"] == pytest.approx(found["values"]["iou"][[1, 3]].mean())


def test_threads_count_alike():
    truth, predicted = masks(3, shape=(1, 90, 110))
    truth, predicted = np.tile(truth, (1, 25, 25)), np.tile(predicted, (1, 25, 25))
    matrices = []
    for threads in (1, 2, 3):
        counter = scores.PixelCounter(5)
        counter.add(truth, predicted, threads=threads)
        matrices.append(counter.matrix)
    assert (matrices[0] == matrices[1]).all() and (matrices[0] == matrices[2]).all()


@pytest.mark.parametrize("distance", [1, 2, 5, 60])
def test_boundary_is_erosion(distance):
    truth, _ = masks(4, shape=(1, 90, 110))
    truth = truth[0]
    found = scores.boundary(truth, distance)
    for value in np.unique(truth):
        region = truth == value
        inside = ndimage.binary_erosion(region, np.ones((3, 3)), iterations=distance, border_value=0)
        assert (found[region] == ~inside[region]).all()


def test_boundary_iou():
    truth, predicted = masks(5)
    truth[truth == 255] = 0
    predicted[predicted == 255] = 0
    found = scores.boundary_iou(truth, predicted, 5, distance=2)
    for value in range(6):
        both = any_ = 0
        for t, p in zip(truth, predicted):
            edges = [(m == value) & ~ndimage.binary_erosion(m == value, np.ones((3, 3)), iterations=2)
                     for m in (t, p)]
            both += (edges[0] & edges[1]).sum()
            any_ += (edges[0] | edges[1]).sum()
        assert found[value] == pytest.approx(both / any_, abs=1e-15)
    assert scores.boundary_iou(truth, truth, 5)[1] == 1


# --- bootstrap --------------------------------------------------------------------------------


def test_bootstrap_covers_the_mean():
    """The interval of a mean is that of the central limit theorem, nearly."""
    values = np.random.default_rng(1).normal(3, 2, 400)
    found = scores.bootstrap(lambda w: (values * w).sum() / w.sum(), 400, replicates=2000, seed=4)
    error = values.std() / 20
    assert found["deviation"] == pytest.approx(error, rel=0.08)
    assert found["low"] == pytest.approx(values.mean() - 1.96 * error, abs=0.25 * error)
    assert found["high"] == pytest.approx(values.mean() + 1.96 * error, abs=0.25 * error)
    assert found["above"] == 1


def test_interval_is_numpys_percentile():
    values = np.random.default_rng(2).random(77)
    found = scores.interval(values, 0.9)
    assert [found["low"], found["high"]] == pytest.approx(np.percentile(values, [5, 95]), abs=1e-15)


def test_clusters_are_drawn_whole():
    clusters = np.repeat(["a", "b", "c", "d"], 25)
    weights = scores.bootstrap_weights(100, 1, 2, clusters)
    assert all(len(set(weights[clusters == c])) == 1 for c in "abcd")
    assert weights.sum() == 100
