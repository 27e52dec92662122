"""Velour's client document walked through: each of its entities, tasks and metrics by a call and by the
command. docs/from-other-tools.md is the same walk as a table."""
import json
import math

import numpy as np
import pytest
import vedatile
from conftest import run_vedatile

SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]


def close(value):
    return pytest.approx(value, abs=1e-12)


def test_entities(tmp_path):
    """Dataset, Datum (image, video frame, geospatial metadata), Label, Annotation of each geometry,
    GroundTruth, Model, Prediction."""
    path = tmp_path / "harbour.h5"
    place = {"type": "Point", "coordinates": [-34.87, -8.01]}
    mask = np.zeros((100, 200), np.uint8)
    mask[10:30, 10:30] = 1
    runs = [int(n) for n in np.diff(np.flatnonzero(np.diff(mask.T.ravel(), prepend=255)), append=mask.size)]
    with vedatile.AnnotationSet(path) as truth:
        truth.add_sample("image1", rows=100, cols=200, metadata={"source": "drone", "place": place})
        truth.add_sample("video1/7", rows=100, cols=200, metadata={"frame": 7, "video": "video1"})
        truth.add([
            {"sample": "image1", "id": "box", "box": [10, 10, 30, 30],
             "labels": {"class": "boat", "colour": "red"}, "metadata": {"weather": "fog"}},
            {"sample": "image1", "id": "polygon", "type": "polygon", "coordinates": [SQUARE],
             "labels": {"class": "boat"}},
            {"sample": "image1", "id": "multipolygon", "type": "polygon",
             "coordinates": [[SQUARE], [[[50, 50], [60, 50], [60, 60]]]], "labels": {"class": "jetty"}},
            {"sample": "image1", "id": "raster", "mask": {"size": [100, 200], "counts": runs},
             "labels": {"class": "boat"}},
            {"sample": "image1", "id": "whole", "labels": {"weather": "fog", "time": "morning"}},
            {"sample": "video1/7", "id": "empty one", "box": [0, 0, 5, 5], "labels": {"class": "boat"}},
        ])
        truth.remove("video1/7", "empty one")  # looked at, nothing there
    truth = vedatile.AnnotationSet(path, write=False)
    image = truth.refloc("image1")
    assert (image.rows, image.cols, image.metadata["place"]) == (100, 200, place)
    assert truth.iloc(1).metadata == {"frame": 7, "video": "video1"} and truth.iloc(1).annotated
    assert [a["type"] for a in image.annotations] == ["box", "polygon", "polygon", "mask", "label"]
    assert truth.keys() == ["class", "colour", "time", "weather"]
    assert truth.values("class") == ["boat", "jetty"]
    assert truth.get("image1", "multipolygon")["coordinates"][0] == [[*SQUARE, SQUARE[0]]]
    assert truth.get("image1", "raster")["mask"]["size"] == [100, 200]
    assert truth.get("image1", "box")["metadata"] == {"weather": "fog"}

    run = vedatile.Run("one", path=tmp_path / "one.h5", model="yolo", model_metadata={"layers": 5},
                       classes=["boat", "jetty"])
    run.add("image1", boxes=[[10, 10, 30, 29]], labels=["boat"], scores=[0.9], metadata=[{"ms": 4}])
    run.mark("video1/7")
    run.commit()
    assert run.info["model"] == "yolo" and run.info["model_metadata"] == {"layers": 5}
    [found] = run.refloc("image1")
    assert (found["labels"], found["score"], found["metadata"]) == ({"class": "boat"}, 0.9, {"ms": 4})
    with pytest.raises(vedatile.DeniedError):
        run.add("image1", boxes=[[0, 0, 1, 1]], labels=["boat"], scores=[0.9])


def test_object_detection_metrics(tmp_path):
    """AP, mAP, AR, mAR, and both averaged over IoUs, by label key: valor's own worked example. Cars: three of
    them, found with (score, IoU) (.8, .6), (.6, .8), (.4, 1)."""
    with vedatile.AnnotationSet(tmp_path / "truth.h5") as truth:
        truth.add([{"sample": f"car{i}", "id": "1", "box": [0, 0, 10, 10], "label": "car"} for i in range(3)]
                  + [{"sample": f"person{i}", "id": "1", "box": [0, 0, 10, 10], "label": "person"} for i in range(4)])
    run = vedatile.Run("r", path=tmp_path / "run.h5", classes=["car", "person"])
    for i, (score, iou) in enumerate([(0.8, 0.6), (0.6, 0.8), (0.4, 1.0)]):
        run.add(f"car{i}", boxes=[[0, 0, 10, 10 * iou]], labels=["car"], scores=[score])
    run.add("person0", boxes=[[0, 0, 10, 10]], labels=["person"], scores=[0.9])
    for i in range(1, 4):
        run.mark(f"person{i}")
    run.commit()
    found = vedatile.evaluate(ground_truth=tmp_path / "truth.h5", predictions=tmp_path / "run.h5",
                              protocol="valor", iou_thresholds=[0.5, 0.75, 0.9])
    car, person = found.classes["car"], found.classes["person"]
    assert car["ap_by_iou"] == [close(1.0), close(0.442244224422442), close(0.11221122112211224)]
    assert car["AR"] == close(2 / 3)
    assert person["ap_by_iou"][0] == close(26 / 101) and person["AR"] == close(0.25)
    assert found["mAP@0.5"] == close((1 + 26 / 101) / 2)
    assert found["mAR"] == close((2 / 3 + 0.25) / 2)
    over = [(1.0 + 0.442244224422442 + 0.11221122112211224) / 3, 26 / 101]
    assert car["APAveragedOverIOUs"] == close(over[0])
    assert found["mAPAveragedOverIOUs"] == close(sum(over) / 2)
    done = run_vedatile("eval", "--ground-truth", tmp_path / "truth.h5", "--predictions", tmp_path / "run.h5",
                        "--protocol", "valor", "--iou-thresholds", "0.5,0.75,0.9", "--json")
    assert json.loads(done.stdout)["tasks"] == found.tasks


ANIMALS = ["bird", "dog", "bird", "bird", "cat", "dog"]
COLOURS = ["white", "white", "red", "blue", "black", "red"]
ANIMAL_SCORES = [(0.6, 0.2, 0.2), (0.0, 0.1, 0.9), (0.15, 0.05, 0.8), (0.15, 0.75, 0.1), (0.0, 0.0, 1.0),
                 (0.2, 0.4, 0.4)]
COLOUR_SCORES = [(0.65, 0.1, 0.2, 0.05), (0.5, 0.3, 0.1, 0.1), (0.4, 0.2, 0.1, 0.3), (0.2, 0.5, 0.1, 0.2),
                 (0.1, 0.1, 0.0, 0.8), (0.0, 0.01, 0.98, 0.01)]


@pytest.mark.parametrize("tabular", [False, True], ids=["images", "tabular"])
def test_classification_metrics(tmp_path, tabular):
    """Accuracy, precision, recall, F1, ROC AUC, by label key: valor's animals. Rows of a table are samples
    without a size."""
    with vedatile.AnnotationSet(tmp_path / "truth.h5") as truth:
        for i in range(6):
            if tabular:
                truth.add_sample(f"row {i}", metadata={"height_cm": 10 + i, "legs": 4})
            else:
                truth.add_sample(f"row {i}", rows=32, cols=32)
        truth.add([{"sample": f"row {i}", "id": "1", "labels": {"animal": a, "colour": c}}
                   for i, (a, c) in enumerate(zip(ANIMALS, COLOURS))])
    run = vedatile.Run("r", path=tmp_path / "run.h5", softmax=True)
    for i in range(6):
        run.add(f"row {i}", probabilities={
            "animal": dict(zip(("bird", "dog", "cat"), ANIMAL_SCORES[i])),
            "colour": dict(zip(("white", "blue", "red", "black"), COLOUR_SCORES[i]))})
    run.commit()
    found = vedatile.evaluate(ground_truth=tmp_path / "truth.h5", predictions=tmp_path / "run.h5")
    animal, colour = (next(t for t in found.tasks if t["key"] == key) for key in ("animal", "colour"))
    assert animal["metrics"]["accuracy"] == 0.5
    by_class = {row["class"]: row for row in animal["classes"]}
    assert by_class["bird"]["roc_auc"] == close(7 / 9)
    assert by_class["dog"]["roc_auc"] == close(0.625)
    assert by_class["cat"]["roc_auc"] == close(1)
    assert animal["metrics"]["roc_auc"] == close(0.8009259259259259)
    assert by_class["bird"]["precision"] == 1 and by_class["bird"]["recall"] == close(1 / 3)
    assert by_class["bird"]["f1"] == close(0.5)
    assert colour["metrics"]["accuracy"] == close(5 / 6)  # the third is taken for white
    only = run_vedatile("eval", "--ground-truth", tmp_path / "truth.h5", "--predictions", tmp_path / "run.h5",
                        "--label-key", "animal", "--json")
    assert [t["key"] for t in json.loads(only.stdout)["tasks"]] == ["animal"]


def test_probabilities_of_a_key_add_up(tmp_path):
    run = vedatile.Run("r", path=tmp_path / "run.h5", softmax=True, any_class=True)
    with pytest.raises(vedatile.Error, match="add up"):
        run.add("a", probabilities={"animal": {"bird": 0.6, "dog": 0.3}})


def test_semantic_segmentation_metrics(tmp_path, olinda):
    """IoU, mIoU, precision, recall, F1 of the bundled scene's masks, beside NumPy."""
    store = vedatile.Store(olinda)
    run = store.run("shifted", model="none", group="train")
    names = list(store.classes)
    truth, predicted = [], []
    for i, sample in enumerate(store.group("train")):
        mask = np.asarray(sample.mask)
        wrong = np.roll(np.where(mask == 255, 0, mask), 3, axis=1)
        run.add(i, mask=wrong)
        truth.append(mask)
        predicted.append(wrong)
    run.commit()
    found = run.metrics(task="segmentation")
    truth, predicted = np.stack(truth), np.stack(predicted)
    known = truth != 255
    ious = []
    for value, name in enumerate(names, 1):
        t, p = (truth == value) & known, (predicted == value) & known
        row = found.classes[name]
        if not (t | p).any():
            assert row["iou"] is None
            continue
        ious.append((t & p).sum() / (t | p).sum())
        assert row["iou"] == close(ious[-1])
        assert row["precision"] == close((t & p).sum() / p.sum())
        assert row["recall"] == close((t & p).sum() / t.sum())
        assert row["f1"] == close(2 * (t & p).sum() / (t.sum() + p.sum()))
    assert found["miou"] == close(np.mean(ious)) and not math.isnan(found["miou"])


def test_instance_segmentation(tmp_path):
    """Polygons and rasters against each other, by mask IoU."""
    with vedatile.AnnotationSet(tmp_path / "truth.h5") as truth:
        truth.add_sample("image1", rows=100, cols=200)
        truth.add([{"sample": "image1", "id": "1", "type": "polygon", "coordinates": [SQUARE], "label": "boat"}])
    mask = np.zeros((1, 100, 200), np.uint8)
    mask[0, 10:30, 10:25] = 1
    run = vedatile.Run("r", path=tmp_path / "run.h5", classes=["boat"])
    run.add("image1", masks=mask, labels=["boat"], scores=[0.5])
    run.commit()
    found = vedatile.evaluate(ground_truth=tmp_path / "truth.h5", predictions=tmp_path / "run.h5", iou="segm")
    [task] = found.tasks
    assert task["task"] == "instance"
    assert found["AP50"] == close(1) and found["AP75"] == close(1)  # IoU 0.75
    assert found["AP"] == close(0.6)


def test_states(tmp_path):
    """A run that is open is not scored; samples not predicted are told from samples with nothing."""
    with vedatile.AnnotationSet(tmp_path / "truth.h5") as truth:
        truth.add([{"sample": n, "id": "1", "box": [0, 0, 9, 9], "label": "boat"} for n in ("a", "b")])
    run = vedatile.Run("r", path=tmp_path / "run.h5", classes=["boat"])
    run.add("a", boxes=[[0, 0, 9, 9]], labels=["boat"], scores=[0.5])
    run.flush()
    files = {"ground_truth": tmp_path / "truth.h5", "predictions": tmp_path / "run.h5"}
    with pytest.raises(vedatile.Error, match="commit"):
        vedatile.evaluate(**files)
    run.commit()
    assert vedatile.evaluate(**files)["AR100"] == close(0.5)
    assert vedatile.evaluate(**files).document["samples"]["unpredicted"] == 1
    assert vedatile.evaluate(**files, predicted_only=True)["AR100"] == close(1)
