"""What goes wrong in detections: cases worked out by hand, and slow versions of TIDE and of the
confusion matrix on random ones."""
import numpy as np
import pytest

from vedatile import detection, shapes

PROTOCOLS = ["coco", "valor", "voc07", "voc12", "dota"]


def columns(rows):
    """Of rows (image, category, x, y, width, height, score)."""
    rows = np.asarray(rows, float).reshape(len(rows), -1)
    found = {"image": rows[:, 0].astype(int), "category": rows[:, 1].astype(int), "box": rows[:, 2:6]}
    if rows.shape[1] > 6:
        found["score"] = rows[:, 6]
    return found


TRUTHS = [(0, 0, 0, 0, 10, 10), (0, 1, 100, 0, 10, 10), (0, 0, 200, 0, 10, 10), (0, 1, 300, 0, 10, 10),
          (1, 0, 0, 0, 10, 10), (1, 1, 50, 0, 10, 10)]
FOUND = [
    (0, 0, 0, 0, 10, 10, .95),    # found
    (0, 0, 0, 0, 10, 9, .90),     # a duplicate of it
    (0, 0, 100, 0, 10, 10, .85),  # the wrong class
    (0, 0, 200, 0, 10, 4, .80),   # too little of it
    (0, 0, 300, 0, 10, 3, .75),   # too little of another class
    (0, 1, 900, 0, 10, 10, .70),  # background
    (1, 0, 0, 0, 10, 10, .65),    # found
    (1, 1, 0, 0, 10, 10, .60),    # the wrong class, and that was found already
]


def worked_out(protocol="coco", **options):
    matches = detection.match(columns(TRUTHS), columns(FOUND), images=2, categories=2,
                              iou_thresholds=[.5], protocol=protocol)
    return matches.diagnose(**options), matches


# --- by hand ----------------------------------------------------------------------------------

@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_kind(protocol):
    diagnosis, _ = worked_out(protocol)
    assert diagnosis.finding.tolist() == ["found", "duplicate", "class", "localisation", "both",
                                          "background", "found", "class"]
    assert diagnosis.truth.tolist() == [0, 0, 1, 2, 3, -1, 4, 4]
    np.testing.assert_allclose(diagnosis.iou, [1, .9, 1, .4, .3, 0, 1, 1])
    assert diagnosis.truth_state.tolist() == ["found", "nearly", "nearly", "missed", "found", "missed"]


def test_confusion_by_hand():
    diagnosis, _ = worked_out()
    # Rows: truth of class 0, of class 1, nothing.
    assert diagnosis.confusion.tolist() == [[2, 0, 1], [1, 0, 2], [3, 2, 0]]
    # From a score of 0.9 on there is one true positive and one duplicate.
    diagnosis, _ = worked_out(score=.9)
    assert diagnosis.confusion.tolist() == [[1, 0, 2], [0, 0, 3], [1, 0, 0]]


def test_what_errors_cost_by_hand():
    """Class 0: 3 truths, found at ranks 1 and 6 of 6; class 1: 3 truths, 0 found of 2."""
    tide = worked_out()[0].tide

    def ap(*points):  # (recall, precision) at true positives, precision as the best from there on
        return sum(max([p for r, p in points if r >= k * .01], default=0) for k in range(101)) / 101

    base = ap((1 / 3, 1), (2 / 3, 2 / 6)) / 2
    assert tide["ap"] == pytest.approx(base)
    assert tide["duplicate"] == pytest.approx(ap((1 / 3, 1), (2 / 3, 2 / 5)) / 2 - base)
    assert tide["both"] == pytest.approx(ap((1 / 3, 1), (2 / 3, 2 / 5)) / 2 - base)
    # Of class 1 the detection of background goes: still nothing found.
    assert tide["background"] == 0
    # The wrong class at .85 is class 1's first true positive; the other one goes.
    assert tide["class"] == pytest.approx(
        (ap((1 / 3, 1), (2 / 3, 2 / 5)) + ap((1 / 3, 1))) / 2 - base)
    assert tide["localisation"] == pytest.approx(
        ap((1 / 3, 1), (2 / 3, 2 / 4), (1, 3 / 6)) / 2 - base)
    # Class 1 has one truth left, which nothing finds.
    assert tide["missed"] == 0 and tide["missed count"] == 2
    assert tide["false positives"] == pytest.approx(ap((2 / 3, 1)) / 2 - base)
    assert tide["false negatives"] == pytest.approx(ap((1 / 2, 1), (1, 2 / 6)) / 2 - base)
    assert [tide[f"{name} count"] for name in (
        "localisation", "class", "duplicate", "background", "both")] == [1, 2, 1, 1, 1]


def test_missed_truth_costs():
    truths, found = columns(TRUTHS[:1] + [(0, 0, 500, 0, 10, 10)]), columns(FOUND[:1])
    matches = detection.match(truths, found, images=1, categories=1)
    tide = matches.diagnose().tide
    assert tide["ap"] == pytest.approx(51 / 101)
    assert tide["missed"] == pytest.approx(50 / 101) == tide["false negatives"]


def test_points_by_hand():
    diagnosis, _ = worked_out()
    at = diagnosis.points([.9, .6, .99, .65], 0)
    assert [(p["true_positives"], p["false_positives"], p["false_negatives"]) for p in at] == [
        (1, 1, 2), (2, 4, 1), (0, 0, 3), (2, 4, 1)]
    assert at[0]["precision"] == .5 and at[0]["recall"] == pytest.approx(1 / 3)
    assert at[0]["f1"] == pytest.approx(.4)
    assert (at[2]["precision"], at[2]["recall"], at[2]["f1"]) == (-1, 0, 0)
    assert diagnosis.best(0)["score"] == .95
    assert diagnosis.best(0)["f1"] == pytest.approx(.5)
    assert diagnosis.best(1)["f1"] == 0
    every = diagnosis.points([.6])[0]
    assert (every["true_positives"], every["false_positives"], every["false_negatives"]) == (2, 6, 4)


def test_points_by_valor():
    """Duplicates are neither; F1 is -1 where nothing was found."""
    diagnosis, _ = worked_out("valor")
    at = diagnosis.points([.9, .99], 0)
    assert (at[0]["true_positives"], at[0]["false_positives"], at[0]["false_negatives"]) == (1, 0, 2)
    assert at[0]["precision"] == 1 and at[1]["f1"] == -1


def test_examples_and_histogram():
    diagnosis, _ = worked_out()
    assert diagnosis.examples("class") == [
        {"index": 2, "image": 0, "category": 0, "score": .85, "iou": 1, "truth": 1},
        {"index": 7, "image": 1, "category": 1, "score": .6, "iou": 1, "truth": 4}]
    assert [one["index"] for one in diagnosis.examples("class", 1)] == [7]
    assert diagnosis.examples("missed") == [{"index": 3, "image": 0, "category": 1},
                                            {"index": 5, "image": 1, "category": 1}]
    assert len(diagnosis.examples("found", most=1)) == 1
    found, wrong = diagnosis.histogram(bins=4)
    assert found.tolist() == [0, 0, 1, 1] and wrong.tolist() == [0, 0, 2, 4]
    assert diagnosis.histogram(0, low=.7, high=.9, bins=2)[1].tolist() == [1, 3]
    with pytest.raises(ValueError, match="there are left out"):
        diagnosis.examples("nothing")


def test_ignored_truth_and_detections_out_of_range():
    truths = columns([(0, 0, 0, 0, 10, 10), (0, 0, 50, 0, 10, 10)])
    truths["ignore"] = np.array([1, 0], np.uint8)
    found = columns([(0, 0, 0, 0, 10, 10, .9), (0, 0, 50, 0, 10, 10, .8)])
    diagnosis = detection.match(truths, found, images=1, categories=1).diagnose()
    assert diagnosis.finding.tolist() == ["ignored", "found"]
    assert diagnosis.truth_state.tolist() == ["ignored", "found"]
    assert diagnosis.confusion.tolist() == [[1, 0], [0, 0]] and diagnosis.tide["ap"] == pytest.approx(1)


def test_what_is_refused():
    _, matches = worked_out()
    with pytest.raises(ValueError, match="threshold 3 of 1"):
        matches.diagnose(3)
    with pytest.raises(ValueError, match="background 0.7"):
        matches.diagnose(background=.7)
    some = detection.match(columns(TRUTHS), columns(FOUND), images=2, categories=2, keep_ids=False)
    with pytest.raises(ValueError, match="keep_ids"):
        some.diagnose()


def test_nothing_at_all():
    empty = {"image": [], "category": [], "box": np.empty((0, 4))}
    diagnosis = detection.match(empty, {**empty, "score": []}, images=1, categories=2).diagnose()
    assert diagnosis.tide["ap"] == -1 and diagnosis.confusion.sum() == 0 and diagnosis.best() is None


# --- slowly -----------------------------------------------------------------------------------

def random_case(rng):
    images, categories = 3, 3

    def some(count):
        return {"image": rng.integers(0, images, count), "category": rng.integers(0, categories, count),
                "box": np.column_stack([rng.integers(0, 8, (count, 2)), rng.integers(5, 9, (count, 2))])
                .astype(float)}

    truths, found = some(int(rng.integers(1, 16))), some(int(rng.integers(0, 25)))
    truths["ignore"] = (rng.random(len(truths["image"])) < .1).astype(np.uint8)
    found["score"] = rng.permutation(len(found["image"])) / 30 + .05
    return images, categories, truths, found


def slow_kinds(truths, found, outcome, matched, truth_outcome, enough, background=.1):
    """The kinds by TIDE's words: localisation, class, duplicate, background, both."""
    iou = shapes.boxes_iou(found["box"], truths["box"])
    kinds = {}
    for d in np.flatnonzero(outcome == detection.FALSE_POSITIVE):
        here = (truths["image"] == found["image"][d]) & (truth_outcome != detection.IGNORED)
        own = here & (truths["category"] == found["category"][d])
        other = here & ~own
        most_own = max(iou[d, own], default=0)
        most_other = max(iou[d, other], default=0)
        most_used = max(iou[d, own & (truth_outcome == detection.TRUE_POSITIVE)], default=0)
        if background <= most_own < enough:
            kinds[d] = "localisation"
        elif most_other >= enough:
            kinds[d] = "class"
        elif most_used >= enough:
            kinds[d] = "duplicate"
        elif max(most_own, most_other) >= background:
            kinds[d] = "both"
        else:
            kinds[d] = "background"
    return kinds, iou


def slow_confusion(truths, found, outcome, matched, truth_outcome, iou, enough, score, categories):
    counts = np.zeros((categories + 1, categories + 1), int)
    left = {g for g in range(len(truth_outcome)) if truth_outcome[g] != detection.IGNORED}
    wrong = []
    for d in np.argsort(-found["score"]):
        if found["score"][d] < score:
            continue
        if outcome[d] == detection.TRUE_POSITIVE:
            counts[truths["category"][matched[d]], found["category"][d]] += 1
            left.discard(matched[d])
        elif outcome[d] == detection.FALSE_POSITIVE:
            wrong.append(d)
    for d in wrong:
        able = [g for g in sorted(left) if truths["image"][g] == found["image"][d] and
                truths["category"][g] != found["category"][d] and iou[d, g] >= enough]
        best = max(able, key=lambda g: (iou[d, g], -g), default=None)
        left.discard(best)
        counts[categories if best is None else truths["category"][best], found["category"][d]] += 1
    for g in left:
        counts[truths["category"][g], categories] += 1
    return counts


@pytest.mark.parametrize("protocol", ["coco", "voc12"])
def test_against_slow_ones(protocol):
    rng = np.random.default_rng(len(protocol))
    seen = {}
    for trial in range(300):
        images, categories, truths, found = random_case(rng)
        score = float(rng.choice([0, .4]))
        matches = detection.match(truths, found, images=images, categories=categories, protocol=protocol,
                                  iou_thresholds=[.5], area_ranges=[[0, 1e10]], max_detections=[100],
                                  threads=1 + trial % 2)
        diagnosis = matches.diagnose(score=score)
        outcomes = {name: values[0] for name, values in matches.outcomes().items()}
        outcome, matched = outcomes["outcome"], outcomes["matched"]
        kinds, iou = slow_kinds(truths, found, outcome, matched, outcomes["truth_outcome"], .5)
        for d, kind in enumerate(diagnosis.finding):
            wanted = {detection.TRUE_POSITIVE: "found", detection.IGNORED: "ignored"}.get(outcome[d])
            assert kind == (wanted or kinds[d])
            seen[kind] = seen.get(kind, 0) + 1
        confusion = slow_confusion(truths, found, outcome, matched, outcomes["truth_outcome"], iou, .5,
                                   score, categories)
        assert (diagnosis.confusion == confusion).all()
        # The same average precision, and the same counts, as the scores have.
        assert diagnosis.tide["ap"] == pytest.approx(matches.scores().mean(), abs=1e-12)
        last = diagnosis.points([0])[0]
        assert last["true_positives"] == (outcome == detection.TRUE_POSITIVE).sum()
        assert last["false_positives"] == (outcome == detection.FALSE_POSITIVE).sum()
        assert all(diagnosis.tide[name] >= 0 for name in ("class", "missed", "both", "localisation"))
    assert len(seen) == 7 and min(seen.values()) > 20


def test_masks_are_diagnosed_as_boxes_are():
    """Boxes on whole pixels, and their masks."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        images, categories, truths, found = random_case(rng)
        boxes = detection.match(truths, found, images=images, categories=categories).diagnose(1)

        def masks(one):
            rles = [shapes.decode(shapes.from_boxes([box], 40, 40))[..., 0] for box in one["box"]]
            counts = [np.diff(np.flatnonzero(np.diff(m.ravel("F"), prepend=0, append=2)), prepend=0)
                      for m in rles]
            offsets = np.concatenate([[0], np.cumsum([len(c) for c in counts])])
            shaped = {name: values for name, values in one.items() if name != "box"}
            shaped["shapes"] = {"counts": np.concatenate(counts) if counts else [],
                                "count_offsets": offsets, "size": [[40, 40]] * len(counts)}
            return shaped

        if len(found["image"]) == 0:
            continue
        same = detection.match(masks(truths), masks(found), images=images,
                               categories=categories).diagnose(1)
        assert (same.finding == boxes.finding).all() and (same.confusion == boxes.confusion).all()
        assert same.tide == boxes.tide
