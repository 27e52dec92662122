"""Scale Nucleus's client document walked through, call by call, by the Python package and by the command.
docs/from-other-tools.md is the same walk as a table."""
import json
import os
import shutil

import h5py
import numpy as np
import pytest
import vedatile
from conftest import run_vedatile


@pytest.fixture
def dataset(tmp_path, olinda):
    """create_dataset and append: a store fed from a scene, with samples known by their keys."""
    return vedatile.Store(shutil.copy(olinda, tmp_path / "olinda.h5"))


def test_append_is_idempotent(tmp_path, data):
    """dataset.append, twice: nothing is written twice. The same from the command."""
    feed = {"image": data / "olinda/scene.tif", "labels": data / "olinda/sectors.geojson", "task": "detection",
            "tile": 128}
    first = vedatile.feed(tmp_path / "s.h5", **feed)
    assert vedatile.feed(tmp_path / "s.h5", **feed).written == 0 < first.written
    done = run_vedatile("feed", tmp_path / "s.h5", "--image", feed["image"], "--labels", feed["labels"], "--task",
                        "detection", "--tile", 128)
    assert "0 samples written" in done.stdout + done.stderr


def test_info_and_list(dataset):
    """dataset.info, list_datasets (of a folder: files), items in a group, model runs, slices (views)."""
    dataset.run("a", model="m", group="train").commit()
    info = json.loads(run_vedatile("info", dataset.path, "--json").stdout)
    assert info["groups"]["train"]["count"] == dataset.count["train"] == len(dataset.train)
    assert [run["name"] for run in vedatile.runs(dataset)] == ["a"]
    listed = json.loads(run_vedatile("run", "list", dataset.path, "--json").stdout)
    assert [run["run"] if "run" in run else run["name"] for run in listed["runs"]] == ["a"]


def test_annotate(dataset):
    """dataset.annotate: idempotent by (reference, annotation id), update, loc, iloc, refloc."""
    key = dataset.train[3].key
    box = {"sample": key, "id": "b1", "box": [1, 2, 11, 22], "labels": {"class": "URBANO"}, "metadata": {"by": "me"}}
    with dataset.annotations("review") as review:
        assert review.add([box])["added"] == 1
        assert review.add([box])["ignored"] == 1
        moved = {**box, "box": [1, 2, 12, 22]}
        assert review.add([moved])["ignored"] == 1
        assert review.update([moved])["updated"] == 1
        with pytest.raises(vedatile.NotFoundError, match="nowhere"):
            review.add([{**box, "sample": "nowhere"}])
    review = dataset.annotations("review", write=False)
    sample = review.refloc(key)
    [found] = sample.annotations
    assert found["box"] == [1, 2, 12, 22] and found["metadata"] == {"by": "me"}
    assert review.iloc(sample.index).reference == key
    assert review.loc(found["number"]) == found == review.get(key, "b1")
    listed = run_vedatile("annotations", "list", dataset.path, "--name", "review", "--sample", key)
    assert json.loads(listed.stdout.splitlines()[0]) == found


def add_predictions(dataset, run):
    """The store's own boxes, half of them with the other class."""
    names = list(dataset.classes)
    for i, sample in enumerate(dataset.train):
        boxes, classes = np.asarray(sample.boxes), np.asarray(sample.box_class)
        if len(boxes) == 0:
            run.mark(i)
            continue
        run.add(sample.key, boxes=boxes, labels=[names[c] for c in classes],
                scores=[0.9 - 0.001 * (i + k) for k in range(len(boxes))])


def test_model_run_commit(dataset):
    """add_model, create_run, predict, commit, info, IoU metrics; loc, iloc, refloc of predictions."""
    run = dataset.run("june", model="detector", model_reference="v1", model_metadata={"arch": "r50"},
                      metadata={"epochs": 3}, group="train")
    add_predictions(dataset, run)
    assert not run.committed
    run.commit()
    info = run.info
    assert info["committed"] and info["model"] == "detector" and info["metadata"] == {"epochs": 3}
    assert info["predicted"] == len(dataset.train)
    first = next(s for s in dataset.train if len(s.boxes))
    found = run.refloc(first.key)
    number = [s.key for s in dataset.train].index(first.key)
    assert run.iloc(number) == found and run.loc(found[0]["number"]) == found[0]
    scores = run.metrics(task="detection")
    assert scores["AP"] == pytest.approx(1, abs=1e-12)
    command = json.loads(run_vedatile("eval", dataset.path, "--run", "june", "--task", "detection", "--json").stdout)
    assert command["tasks"] == scores.tasks and command["inputs"] == scores.document["inputs"]
    shown = run_vedatile("run", "show", dataset.path, "june").stdout
    assert "committed" in shown and "detector" in shown


def test_committed_runs_do_not_change(dataset):
    """Through Python, the command, and h5py."""
    run = dataset.run("june", model="detector", group="train")
    add_predictions(dataset, run)
    run.commit()
    with pytest.raises(vedatile.DeniedError):
        run.mark(0)
    with pytest.raises(vedatile.DeniedError):
        run.drop(0)
    with pytest.raises(vedatile.DeniedError):
        dataset.run("june", model="detector", group="train").add(0, boxes=[[0, 0, 1, 1]], labels=["URBANO"],
                                                                  scores=[1])
    records = os.path.join(os.path.dirname(dataset.path), "more.jsonl")
    with open(records, "w") as file:
        file.write(json.dumps({"sample": dataset.train[0].key, "box": [0, 0, 1, 1], "label": "URBANO", "score": 1}))
    refused = run_vedatile("predictions", "import", dataset.path, records, "--run", "june", code=1)
    assert "committed" in refused.stderr and refused.stderr.count("\n") == 1
    path = f"{dataset.path}.runs/june.h5"
    with h5py.File(path, "r+") as file:
        columns = []
        file.visititems(lambda name, item: columns.append(item) if isinstance(item, h5py.Dataset) and item.size
                        and item.dtype.kind == "f" else None)
        columns[0][0] = columns[0][0] + 1
    changed = run_vedatile("eval", dataset.path, "--run", "june", code=1)
    assert "june" in changed.stderr


def test_delete(dataset):
    """delete_model_run and delete_dataset: done once, then not found."""
    run = dataset.run("june", model="detector", group="train")
    run.commit()
    run.remove()
    assert vedatile.runs(dataset) == []
    gone = run_vedatile("run", "remove", dataset.path, "june", "--yes", code=1)
    assert "june" in gone.stderr


def test_class_agnostic_and_label_matches(dataset):
    """commit(class_agnostic=True) and allowed_label_matches: options of the evaluation, not of the run."""
    names = list(dataset.classes)
    run = dataset.run("swapped", model="m", group="train")
    for i, sample in enumerate(dataset.train):
        boxes, classes = np.asarray(sample.boxes), np.asarray(sample.box_class)
        if len(boxes):
            run.add(i, boxes=boxes, labels=[names[1 - c] for c in classes], scores=[0.5] * len(boxes))
        else:
            run.mark(i)
    run.commit()
    assert run.metrics(task="detection")["AP50"] < 0.5
    assert run.metrics(task="detection", class_agnostic=True)["AP50"] == pytest.approx(1)
    merged = run.metrics(task="detection", label_map={names[0]: "sector", names[1]: "sector"})
    assert merged["AP50"] == pytest.approx(1)
