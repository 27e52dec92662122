"""Protocols beside COCO's: values that others worked out by hand, and slow matchers written from the
rules of valor, Pascal VOC and DOTA, on thousands of small random cases."""
import math

import numpy as np
import pytest

from vedatile import detection, shapes

FOUR_IMAGES_TRUTHS = [  # image, label, xmin, ymin, xmax, ymax: boxes of COCO's images 42, 73, 74, 987
    (0, 4, 214.15, 41.29, 562.41, 285.07),
    (1, 2, 13.00, 22.75, 548.98, 632.42), (1, 2, 1.66, 3.32, 270.26, 275.23),
    (2, 4, 61.87, 276.25, 358.29, 379.43), (2, 1, 2.75, 3.66, 162.15, 316.06),
    (2, 0, 295.55, 93.96, 313.97, 152.79), (2, 0, 326.94, 97.05, 340.49, 122.98),
    (2, 0, 356.62, 95.47, 372.33, 147.55), (2, 0, 462.08, 105.09, 493.74, 146.99),
    (2, 0, 277.11, 103.84, 292.44, 150.72),
    (3, 49, 72.92, 45.96, 91.23, 80.57), (3, 49, 50.17, 45.34, 71.28, 79.83),
    (3, 49, 81.28, 47.04, 98.66, 78.50), (3, 49, 63.96, 46.17, 84.35, 80.48),
    (3, 49, 75.29, 23.01, 91.85, 50.85), (3, 49, 56.39, 21.65, 75.66, 45.54),
    (3, 49, 73.14, 1.10, 98.96, 28.33), (3, 49, 62.34, 55.23, 78.14, 79.57),
    (3, 49, 44.17, 45.78, 63.99, 78.48), (3, 49, 58.18, 44.80, 66.42, 56.25)]
FOUR_IMAGES_FOUND = [  # the same, and a score
    (0, 4, 258.15, 41.29, 606.41, 285.07, .236),
    (1, 3, 61.00, 22.75, 565.00, 632.42, .318), (1, 2, 12.66, 3.32, 281.26, 275.23, .726),
    (2, 4, 87.87, 276.25, 384.29, 379.43, .546), (2, 1, 0.00, 3.66, 142.15, 316.06, .3),
    (2, 0, 296.55, 93.96, 314.97, 152.79, .407), (2, 0, 328.94, 97.05, 342.49, 122.98, .611),
    (2, 0, 356.62, 95.47, 372.33, 147.55, .335), (2, 0, 464.08, 105.09, 495.74, 146.99, .805),
    (2, 0, 276.11, 103.84, 291.44, 150.72, .953),
    (3, 49, 72.92, 45.96, 91.23, 80.57, .532), (3, 49, 45.17, 45.34, 66.28, 79.83, .204),
    (3, 49, 82.28, 47.04, 99.66, 78.50, .782), (3, 49, 59.96, 46.17, 80.35, 80.48, .202),
    (3, 49, 75.29, 23.01, 91.85, 50.85, .883), (3, 49, 71.14, 1.10, 96.96, 28.33, .271),
    (3, 49, 61.34, 55.23, 77.14, 79.57, .561), (3, 49, 41.17, 45.78, 60.99, 78.48, .204),
    (3, 49, 56.18, 44.80, 64.42, 56.25, .349)]


def columns(rows, labels=None):
    """Columns of rows (image, label, xmin, ymin, xmax, ymax, score)."""
    rows = np.asarray(rows, float).reshape(len(rows), -1)
    found = {"image": rows[:, 0].astype(int), "category": rows[:, 1].astype(int),
             "box": np.concatenate([rows[:, 2:4], rows[:, 4:6] - rows[:, 2:4]], 1)}
    if labels is not None:
        found["category"] = np.searchsorted(labels, found["category"])
    if rows.shape[1] > 6:
        found["score"] = rows[:, 6]
    return found


def four_images(protocol, **options):
    labels = [0, 1, 2, 3, 4, 49]
    matches = detection.match(columns(FOUR_IMAGES_TRUTHS, labels), columns(FOUR_IMAGES_FOUND, labels),
                              images=4, categories=len(labels), protocol=protocol, **options)
    return matches.scores()


def ap_of(scores, threshold, label):
    return scores.precision[threshold, :, label, 0, -1].mean()


# --- what others worked out ---------------------------------------------------------------------

def test_the_four_images_by_valor():
    scores = four_images("valor")
    half = [ap_of(scores, 0, k) for k in range(6)]
    np.testing.assert_allclose(half, [1, 1, .504950495049505, -1, 1, .7909790979097909], rtol=1e-12)
    assert ap_of(scores, 5, 0) == pytest.approx(.7227722772277229, abs=1e-12)
    assert ap_of(scores, 5, 5) == pytest.approx(.5756718528995757, abs=1e-12)
    mean = [ap for ap in (np.mean([ap_of(scores, t, k) for t in range(10)]) for k in range(6)) if ap >= 0]
    np.testing.assert_allclose(mean, [.725, .8, .454, .650, .556], atol=6e-4)
    assert np.mean(mean) == pytest.approx(.637, abs=6e-4)
    assert scores.mean(threshold=0) == pytest.approx(.859, abs=6e-4)
    assert scores.mean(threshold=5) == pytest.approx(.761, abs=6e-4)


def test_the_four_images_by_coco():
    np.testing.assert_allclose(four_images("coco").stats[:3], [.637, .859, .761], atol=6e-4)


def graded(ious, scores, truths):
    """One image for each (score, iou): a square of 10 x 10 and a part of it; more truths are missed."""
    found = [(i, 0, 0, 0, 10, 10 * iou, s) for i, (iou, s) in enumerate(zip(ious, scores))]
    return columns([(i, 0, 0, 0, 10, 10) for i in range(truths)]), columns(found)


@pytest.mark.parametrize("ious, scores, truths, ap, ar", [
    ([.6, .8, 1], [.8, .6, .4], 3, [1, .442244224422442, .11221122112211224], 2 / 3),
    ([1, 1], [0, 0], 2, [0, 0, 0], 0),
    ([1], [.5], 4, [26 / 101] * 3, .25),
])
def test_average_precision_worked_out_by_hand(ious, scores, truths, ap, ar):
    matches = detection.match(*graded(ious, scores, truths), images=4, categories=1, protocol="valor",
                              iou_thresholds=[.5, .75, .9])
    found = matches.scores()
    np.testing.assert_allclose([ap_of(found, t, 0) for t in range(3)], ap, rtol=1e-12)
    assert found.recall[:, 0, 0, 0].mean() == pytest.approx(ar)


def test_true_positives_are_not_given_back():
    """Two detections have one best ground truth, which the first keeps; a third is better placed, but
    comes later and finds nothing; the fourth is alone. valor-lite's own case."""
    truths = columns([(0, 0, 10, 10, 20, 20), (0, 0, 10, 20, 15, 25)])
    found = columns([(0, 0, 10, 10, 20, 20, .78), (0, 0, 10, 12, 20, 22, .96),
                     (0, 0, 10, 12, 20, 22, .96), (0, 0, 101, 101, 102, 102, .87)])
    matches = detection.match(truths, found, images=1, categories=1, protocol="valor",
                              iou_thresholds=[.5])
    assert ap_of(matches.scores(), 0, 0) == pytest.approx(51 / 101, abs=1e-15)
    assert matches.scores().recall[0, 0, 0, 0] == .5


def test_seven_of_ten_reach_a_recall_of_seven_tenths():
    """valor compares recalls nearly, COCO exactly: 71 and 70 of 101."""
    ious, scores = [1] * 7, [.9] * 7
    for protocol, steps in (("valor", 71), ("coco", 70)):
        found = detection.match(*graded(ious, scores, 10), images=10, categories=1, protocol=protocol)
        assert ap_of(found.scores(), 0, 0) == pytest.approx(steps / 101, abs=1e-15)


def test_the_best_is_taken():
    """The second detection overlaps the taken ground truth most, but would reach the other as well."""
    truths = columns([(0, 0, 0, 0, 10, 10), (0, 0, 3, 0, 13, 10)])
    found = columns([(0, 0, 0, 0, 10, 10, .9), (0, 0, 1, 0, 11, 10, .8)])
    wanted = {"coco": 1, "valor": .5, "voc07": .5, "voc12": .5, "dota": .5}
    for protocol, recall in wanted.items():
        matches = detection.match(truths, found, images=1, categories=1, protocol=protocol,
                                  iou_thresholds=[.5])
        assert matches.scores().recall[0, 0, 0, -1] == recall, protocol


def test_at_the_threshold():
    """An overlap of exactly the threshold: enough for all but DOTA."""
    truths, found = columns([(0, 0, 0, 0, 10, 10)]), columns([(0, 0, 0, 0, 10, 5, .9)])
    for protocol, recall in {"coco": 1, "valor": 1, "voc07": 1, "voc12": 1, "dota": 0}.items():
        matches = detection.match(truths, found, images=1, categories=1, protocol=protocol,
                                  iou_thresholds=[.5])
        assert matches.scores().recall[0, 0, 0, -1] == recall, protocol


def test_valor_refuses_thresholds():
    for wrong in (0, 1.5):
        with pytest.raises(ValueError, match="valor has thresholds above 0"):
            detection.match(*graded([1], [1], 1), images=1, categories=1, protocol="valor",
                            iou_thresholds=[wrong])


# --- slow matchers, written from the rules --------------------------------------------------------

def slow_flags(truths, found, iou, threshold, protocol, images):
    """True and false positives by falling score; what is difficult is in neither. And how many
    ground truths count."""
    difficult = np.zeros(len(truths["image"]), bool) if protocol == "valor" else truths["ignore"] != 0
    order = sorted(range(len(found["image"])), key=lambda d: (-found["score"][d], found["image"][d], d))
    taken, rows = set(), []
    for d in order:
        own = [g for g in range(len(truths["image"])) if truths["image"][g] == found["image"][d]]
        best = max(own, key=lambda g: (iou[d, g], -g), default=None)
        enough = best is not None and (
            iou[d, best] > threshold if protocol == "dota" else iou[d, best] >= threshold)
        if protocol == "valor" and found["score"][d] <= 0:
            enough = False
        if enough and difficult[best]:
            continue
        rows.append(bool(enough and best not in taken))
        if enough:
            taken.add(best)
    return np.array(rows, bool), int((~difficult).sum())


def slow_ap(rows, truths, protocol):
    tp, fp = np.cumsum(rows), np.cumsum(~rows)
    recall = tp / truths
    precision = tp / np.maximum(tp + fp, np.finfo(float).eps)
    if protocol == "valor":
        return sum(max((p for p, r in zip(precision, recall)
                        if r >= .01 * i or math.isclose(r, .01 * i)), default=0)
                   for i in range(101)) / 101
    if protocol in ("voc07", "dota"):
        return sum(np.max(precision[recall >= t], initial=0) for t in np.arange(0, 1.1, .1)) / 11
    recall = np.concatenate([[0], recall, [1]])
    precision = np.concatenate([[0], precision, [0]])
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    steps = np.flatnonzero(recall[1:] != recall[:-1])
    return np.sum((recall[steps + 1] - recall[steps]) * precision[steps + 1])


def random_case(rng, rotated):
    images = int(rng.integers(1, 5))
    truths, found = int(rng.integers(1, 14)), int(rng.integers(0, 18))

    def some(count):
        one = {"image": rng.integers(0, images, count), "category": np.zeros(count, int)}
        if rotated:
            one["rotated"] = np.column_stack([
                rng.uniform(0, 12, (count, 2)), rng.uniform(4, 9, (count, 2)), rng.uniform(-3, 3, count)])
        else:
            one["box"] = np.column_stack([rng.integers(0, 7, (count, 2)), rng.integers(3, 8, (count, 2))])
        return one

    truths, found = some(truths), some(found)
    truths["ignore"] = (rng.random(len(truths["image"])) < .25).astype(np.uint8)
    found["score"] = rng.choice([0, .1, .2, .5, .7, .9], len(found["image"]))
    if rotated:
        iou = shapes.iou(shapes.rotated(found["rotated"]), shapes.rotated(truths["rotated"]))
        for one in (truths, found):
            one["shapes"] = {"rotated": one.pop("rotated")}
    else:
        iou = shapes.boxes_iou(found["box"], truths["box"])
    return images, truths, found, iou


@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("protocol", ["valor", "voc07", "voc12", "dota"])
def test_against_a_slow_matcher(protocol, rotated):
    rng = np.random.default_rng(len(protocol) + rotated)
    thresholds = [.25, .5, .75]
    seen = set()
    for _ in range(400):
        images, truths, found, iou = random_case(rng, rotated)
        matches = detection.match(truths, found, images=images, categories=1, protocol=protocol,
                                  iou_thresholds=thresholds)
        scores = matches.scores()
        for t, threshold in enumerate(thresholds):
            rows, count = slow_flags(truths, found, iou, threshold, protocol, images)
            ours = scores.mean(threshold=t)
            if count == 0:
                assert ours == -1
                continue
            assert ours == pytest.approx(slow_ap(rows, count, protocol), abs=1e-12)
            assert scores.recall[t, 0, 0, -1] == pytest.approx(rows.sum() / count, abs=1e-15)
            seen.add(round(ours, 3))
    assert len(seen) > 100


def test_outcomes_of_the_default_thresholds():
    truths, found = graded([1, .3], [.9, .8], 2)
    for protocol, thresholds in {"coco": 10, "valor": 10, "voc07": 1, "voc12": 1, "dota": 1}.items():
        matches = detection.match(truths, found, images=2, categories=1, protocol=protocol)
        assert matches.outcomes()["matched"].tolist() == [[0, -1]] * thresholds


def test_threads_do_not_show():
    rng = np.random.default_rng(5)
    truths = {"image": rng.integers(0, 60, 900), "category": rng.integers(0, 4, 900),
              "box": np.column_stack([rng.uniform(0, 60, (900, 2)), rng.uniform(5, 20, (900, 2))])}
    found = {"image": rng.integers(0, 60, 2000), "category": rng.integers(0, 4, 2000),
             "box": np.column_stack([rng.uniform(0, 60, (2000, 2)), rng.uniform(5, 20, (2000, 2))]),
             "score": rng.choice([.1, .2, .3], 2000)}
    for protocol in ("valor", "voc07", "voc12", "dota"):
        one, two = (detection.match(truths, found, images=60, categories=4, protocol=protocol,
                                    threads=n).scores() for n in (1, 2))
        assert (one.precision == two.precision).all() and (one.recall == two.recall).all()
        assert one.mean() == two.mean()
