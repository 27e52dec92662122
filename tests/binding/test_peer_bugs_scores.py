"""Known bugs of tools that score, one test each: those that no other file of this folder tests.

In test_detection.py: ids of 0, ignore apart from crowd, ties, limits above 100 in an image, thousands of
objects in one. In test_coco_dropin.py: nothing found, image and category ids that are unknown. In
test_diagnosis.py: a confusion matrix that agrees with average precision, duplicates that count.
In test_scores.py: absent classes in means, masks that are ignored. In test_protocols.py: seven of ten,
second best ground truth, the torchmetrics example by each protocol. In test_lvis.py: LVIS's rules.
"""
import json
import resource

import numpy as np
import pytest

import vedatile
from vedatile import detection, scores, shapes


def boxes(count, side=10.0):
    """Boxes that do not meet."""
    return np.stack([np.arange(count) * 2 * side, np.zeros(count), np.full(count, side),
                     np.full(count, side)], 1)


def one_image(truth, found, score, **options):
    columns = [{"image": np.zeros(len(side), np.uint32), "box": side} for side in (truth, found)]
    columns[1]["score"] = score
    return detection.match(*columns, images=1, categories=1, **options)


def as_files(folder, truth, found):
    """COCO's JSON of (category, box) and (category, box, score) in one image."""
    names = sorted({item[0] for item in [*truth, *found]})
    (folder / "truth.json").write_text(json.dumps({
        "images": [{"id": 1, "width": 9000, "height": 100, "file_name": "1.png"}],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)],
        "annotations": [{"id": i + 1, "image_id": 1, "category_id": names.index(name) + 1,
                         "bbox": list(map(float, box)), "area": float(box[2] * box[3]), "iscrowd": 0}
                        for i, (name, box) in enumerate(truth)]}))
    (folder / "found.json").write_text(json.dumps(
        [{"image_id": 1, "category_id": names.index(name) + 1, "bbox": list(map(float, box)),
          "score": score} for name, box, score in found]))
    return {"ground_truth": folder / "truth.json", "predictions": folder / "found.json"}


# --- detection -------------------------------------------------------------------------------------

@pytest.mark.parametrize("found", range(1, 101))
def test_recall_is_not_cut_off(found):
    """floor(0.29 * 100) is 28: valor-lite puts a recall of 0.29 with those of 0.28."""
    truth = boxes(100)
    matches = one_image(truth, truth[:found], np.linspace(1, .5, found), protocol="valor")
    assert matches.scores().stats[0] == pytest.approx((found + 1) / 101, abs=1e-12)


def test_average_precision_with_limits_above_100(tmp_path):
    """pycocotools and torchmetrics give -1 when 100 is not among the limits."""
    all_of = boxes(300)
    files = as_files(tmp_path, [("roof", box) for box in all_of], [("roof", box, .9) for box in all_of])
    assert vedatile.evaluate(**files, max_detections=[1, 10, 1000])["AP"] == pytest.approx(1)
    assert vedatile.evaluate(**files)["AP"] == pytest.approx(34 / 101)


def test_wrong_classes_cost(tmp_path):
    """A flood of another class leaves COCO's average precision as it is; precision and the confusion
    matrix tell."""
    found = [("roof", (0, 0, 10, 10), .9), *(("pool", box, .95) for box in boxes(99))]
    evaluation = vedatile.evaluate(**as_files(tmp_path, [("roof", (0, 0, 10, 10))], found))
    assert evaluation["AP"] == pytest.approx(1)
    assert evaluation["precision"] < .02
    assert evaluation.classes["pool"]["AP"] is None  # no ground truth: neither 0 nor -1


def test_confusion_at_a_high_threshold():
    """valor-lite matches once, whatever the threshold: the pair that is lost at 0.75 keeps the
    ground truth from the one that fits."""
    found = np.array([[0, 0, 10, 6], [0, 0, 10, 9.0]])
    matches = one_image(boxes(1), found, [.9, .8], iou_thresholds=[.5, .75])
    for threshold, first in ((0, 0), (1, 1)):
        diagnosis = matches.diagnose(threshold=threshold)
        assert diagnosis.confusion.tolist() == [[1, 0], [1, 0]]
        assert np.flatnonzero(matches.outcomes()["matched"][threshold] >= 0).tolist() == [first]


def test_a_threshold_of_nine_tenths(tmp_path):
    """COCO's is 0.8999999999999999; one that is asked for as 0.9 is 0.9, and is told as 0.9."""
    files = as_files(tmp_path, [("roof", (0, 0, 10, 10))], [("roof", (0, 0, 10, 9), .9)])
    evaluation = vedatile.evaluate(**files, iou_thresholds=[.3, .9])
    assert evaluation["AP"] == pytest.approx(1)
    assert evaluation.document["parameters"]["iou_thresholds"] == [.3, .9]
    assert vedatile.evaluate(**files)["AP"] == pytest.approx(.9)


def test_nothing_found_at_all(tmp_path):
    """No predictions in a file, or in a run: scores of 0, not an error, and not numbers that are none."""
    files = as_files(tmp_path, [("roof", (0, 0, 10, 10))], [])
    with vedatile.Run(path=tmp_path / "run.h5") as run:
        run.mark("1.png")
        run.commit()
    labels = vedatile.AnnotationSet(tmp_path / "labels.h5")
    labels.import_file(files["ground_truth"])
    labels.save()
    for given in (files, {"ground_truth": tmp_path / "labels.h5", "predictions": tmp_path / "run.h5"}):
        evaluation = vedatile.evaluate(**given)
        assert [task["task"] for task in evaluation.tasks] == ["detection"]
        assert evaluation["AP"] == 0 and evaluation["AR100"] == 0
        assert "NaN" not in evaluation.to_json()


def test_text_of_one_long_run():
    """COCO's rleToString has room for six letters a run; a run of 2^30 pixels or more takes seven."""
    rows, cols = 65535, 65535
    whole = rows * cols
    made = shapes.compress([{"size": [rows, cols], "counts": [whole]},
                            {"size": [rows, cols], "counts": [0, whole]},
                            {"size": [rows, cols], "counts": [1 << 31, 5, whole - (1 << 31) - 5]}])
    assert len(made[0]["counts"]) == 7
    assert np.asarray(shapes.area(made)).tolist() == [0, whole, 5]


# --- classification --------------------------------------------------------------------------------

def test_memory_of_many_samples():
    """A confusion matrix of 10,000 samples ran valor out of memory: N x M comparisons."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400_000)
    values = rng.random((len(truth), 2))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = scores.classification(truth, values)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert found["confusion"].sum() == len(truth)
    assert after - before < 200 * 1024  # KiB


def test_ties_at_the_highest_score():
    """The service of valor drops the first piece of the curve: equal scores at the top lose area."""
    truth, values = np.array([[1], [0], [1], [0]]), np.array([[.9], [.9], [.4], [.1]])
    assert scores.classification(truth, values)["classes"]["roc_auc"].tolist() == [.625]


def test_class_of_one_kind_has_no_curve():
    """valor gives 0 or 1 for a class that all samples have, or none, and averages that."""
    truth = np.array([0, 0, 1, 1])
    values = np.array([[.8, .1, .1], [.3, .6, .1], [.2, .7, .1], [.1, .8, .1]])
    found = scores.classification(truth, values)
    assert np.isnan(found["classes"]["roc_auc"][2])
    assert found["roc_auc"] == pytest.approx(np.mean(found["classes"]["roc_auc"][:2]))


def test_equal_scores_are_the_lower_class():
    """The service takes the one that was stored first, valor-lite the first of the list."""
    found = scores.classification(np.array([1, 1]), np.array([[.5, .5], [.2, .8]]))
    assert found["confusion"][:, :2].tolist() == [[0, 0], [1, 1]]
