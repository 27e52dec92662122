"""Runs of a store evaluated: objects, masks, labels of samples, slices, regions, the ground, the page."""
import json
import re

import numpy as np
import pytest
import vedatile
from conftest import SOURCE, run_vedatile
from vedatile.samples import View


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("eval") / "store.h5"
    run_vedatile("feed", path, "--image", SOURCE / "data/olinda/scene.tif", "--labels",
                 SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO", "--task",
                 "classification,detection,segmentation", "--tile", 64, "--stride", 48, "--group", "test")
    return path


def shifted(mask, by):
    moved = mask.copy()
    moved[by:, by:] = mask[:mask.shape[0] - by, :mask.shape[1] - by]
    return np.where(moved == 255, 0, moved).astype(np.uint8)


def predict(path, name, by, *, first=0, objects=True):
    """A run that is the labels, moved by so many pixels, from sample `first` on."""
    rng = np.random.default_rng(by)
    with vedatile.Store(path) as store:
        run = store.run(name, group="test", model="shifted")
        for i, sample in enumerate(store.test):
            if i < first:
                continue
            boxes = np.asarray(sample.boxes, np.float64) + by
            scores = np.round(rng.uniform(.2, 1, len(boxes)), 3)
            if objects:
                run.add(i, boxes=boxes, labels=np.asarray(sample.box_class), scores=scores)
            onehot = np.asarray(sample.onehot, np.float64)
            chances = np.where(rng.random(2) < .8, onehot, 1 - onehot) * .8 + .1
            run.add(i, probabilities=chances, mode="append")
            run.add(i, mask=shifted(np.asarray(sample.mask), by), mode="append")
        run.commit()


@pytest.fixture(scope="module")
def runs(store):
    predict(store, "near", 1)
    predict(store, "far", 3)
    predict(store, "late", 1, first=5)
    return store


def task(made, name):
    found, = [t for t in made.tasks if t["task"] == name]
    return found


def confusion(path, by):
    """Pixels by label and prediction, and those of each sample."""
    each = []
    with vedatile.Store(path) as store:
        for sample in store.test:
            truth = np.asarray(sample.mask)
            seen = truth != 255
            each.append(np.bincount(truth[seen] * 3 + shifted(truth, by)[seen], minlength=9)
                        .reshape(3, 3))
    return np.array(each)


def ious(matrix):
    both = np.diag(matrix)
    return both / (matrix.sum(0) + matrix.sum(1) - both)


def test_segmentation_is_numpys(runs):
    made = task(vedatile.evaluate(runs, "near"), "segmentation")
    matrix = confusion(runs, 1)
    total = matrix.sum(0)
    assert [row[:3] for row in made["confusion"]["counts"]] == total.tolist()
    assert made["metrics"]["miou"] == pytest.approx(ious(total)[1:].mean(), abs=1e-12)
    assert made["metrics"]["accuracy"] == pytest.approx(np.trace(total) / total.sum(), abs=1e-12)
    assert [row["iou"] for row in made["classes"]] == pytest.approx(list(ious(total)[1:]), abs=1e-12)
    accuracy = [np.trace(m) / m.sum() for m in matrix]
    worst = made["worst"][0]
    assert worst["accuracy"] == pytest.approx(min(accuracy)) and worst["index"] == np.argmin(accuracy)


def test_classification_is_numpys(runs):
    made = task(vedatile.evaluate(runs, "near"), "classification")
    with vedatile.Store(runs) as store:
        truth = np.array([np.asarray(sample.onehot) for sample in store.test])
    assert made["multi_label"] is True  # samples with both classes, or none
    assert [row["truths"] for row in made["classes"]] == truth.sum(0).tolist()
    counted = sum(row["true_positives"] + row["false_positives"] + row["false_negatives"] +
                  row["true_negatives"] for row in made["classes"])
    assert counted == truth.size


def test_the_only_slice_is_the_whole(runs):
    with vedatile.Store(runs) as store:
        count = store.count["test"]
    for found in vedatile.evaluate(runs, "near", by="scene").tasks:
        only, = found["slices"]
        assert only["samples"] == count
        assert only["metrics"] == found["metrics"]


def test_unpredicted(runs):
    made = vedatile.evaluate(runs, "late")
    assert made.document["samples"]["unpredicted"] == 5
    assert "5 of " in made.warnings[0] and "not predicted yet" in made.warnings[0]
    only = vedatile.evaluate(runs, "late", predicted_only=True)
    assert only.warnings == []
    assert only.document["samples"]["count"] == made.document["samples"]["count"] - 5
    assert only["AR100"] > made["AR100"]
    assert task(only, "segmentation")["metrics"]["miou"] == pytest.approx(
        ious(confusion(runs, 1)[5:].sum(0))[1:].mean(), abs=1e-12)


def halves(path, folder):
    """Two regions, west and east of the middle of the store."""
    with vedatile.Store(path) as store:
        bounds = np.array([sample.bounds for sample in store.test])
    west, south, east, north = *bounds[:, :2].min(0), *bounds[:, 2:].max(0)
    middle = (west + east) / 2

    def feature(name, a, b):
        ring = [[a, south], [b, south], [b, north], [a, north], [a, south]]
        return {"type": "Feature", "properties": {"part": name},
                "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (folder / "parts.geojson").write_text(json.dumps({
        "type": "FeatureCollection",
        "features": [feature("west", west - 1, middle), feature("east", middle, east + 1)]}))
    centres = (bounds[:, 0] + bounds[:, 2]) / 2
    return folder / "parts.geojson", centres < middle


def test_regions(runs, tmp_path):
    regions, west = halves(runs, tmp_path)
    made = vedatile.evaluate(runs, "near", by="region:part", regions=regions)
    slices = {row["value"]: row for row in task(made, "segmentation")["slices"]}
    assert set(slices) <= {"east", "west"}
    matrix = confusion(runs, 1)
    if slices["west"]["samples"] == west.sum():
        assert slices["west"]["metrics"]["miou"] == pytest.approx(
            ious(matrix[west].sum(0))[1:].mean(), abs=1e-12)
    assert sum(row["samples"] for row in slices.values()) == len(matrix)
    on_ground = vedatile.evaluate(runs, "near", task="detection", ground=True, by="region:part",
                                  regions=regions)
    assert {row["value"] for row in on_ground.tasks[0]["slices"]} <= {"east", "west", None}


def test_ground(runs):
    predict(runs, "same", 0)
    made = vedatile.evaluate(runs, "same", task="detection", ground=True)
    found, = made.tasks
    assert found["ground"] is True
    truths = found["ground_objects"]["ground_truth"]
    assert truths["joined"] > 0 and truths["objects"] < truths["pieces"]
    assert made["AR"] > .6
    with pytest.raises(vedatile.UnsupportedError, match="on the ground"):
        vedatile.evaluate(runs, "same", task="detection", ground=True, by="scene")


def test_two_runs(runs):
    made = vedatile.evaluate(runs, "far", baseline="near", bootstrap=40)
    for found in made.tasks:
        compared = found["comparison"]
        name = {"detection": "AP50", "segmentation": "miou", "classification": "f1"}[found["task"]]
        assert compared["metrics"][name]["after"] == found["metrics"][name]
    miou = task(made, "segmentation")["comparison"]["intervals"]["miou"]
    assert miou["high"] < 0 and miou["better"] == 0


def test_page_has_pictures(runs, tmp_path):
    run_vedatile("eval", runs, "--run", "near", "--report", tmp_path / "page.html", "--worst", 2)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    pictures = re.findall(r'(?:href|src)="data:image/png;base64,([A-Za-z0-9+/=]+)"', page)
    # Two worst samples of detection as a tile; of the others as tile, labels and prediction.
    assert len(pictures) >= 4 and all(text.startswith("iVBORw0KGgo") for text in pictures)
    assert len(set(pictures)) > 3
    assert "https://" not in page and "http://" not in page


def test_page_of_several_tasks(runs, tmp_path):
    """Numbers with four digits, names as words, who is ahead, what classes look like, all labels of a sample."""
    run_vedatile("eval", runs, "--run", "far", "--baseline", "near", "--bootstrap", 40, "--report", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    made = vedatile.evaluate(runs, "far", baseline="near", bootstrap=40)
    found = task(made, "segmentation")
    miou, low = found["metrics"]["miou"], found["comparison"]["intervals"]["miou"]["low"]
    assert f"<span>miou</span><b>{miou:.4f}</b>" in page and "<span>miou background</span>" in page
    assert f"<td>{low:.4f}</td>" in page and "<th>ahead in</th>" in page and '<tr class="behind">' in page
    with vedatile.Store(runs) as store:
        for name in store.classes:
            assert re.search(f'<li style="--c:#[0-9a-f]{{6}}">{name}</li>', page)
    worst = task(made, "classification")["worst"]
    with vedatile.Store(runs) as store:
        run = {p["sample"]: p for p in worst}
        assert run and all(set(p["predictions"]) <= set(store.classes) for p in worst)
    several = [p for p in worst if len(p["predictions"]) > 1]
    for sample in several:
        assert ", predicted " + ", ".join(sample["predictions"]) in page
    ahead = task(made, "classification")["comparison"]["intervals"]["brier"]
    assert (ahead["better"] > .5) == (ahead["low"] + ahead["high"] < 0)  # less is better


def test_run_metrics(runs):
    with vedatile.Store(runs) as store:
        run = store.run("near")
        assert run.metrics().to_json() == vedatile.evaluate(runs, "near").to_json()


def test_failures(runs):
    with pytest.raises(vedatile.NotFoundError, match="nosuch"):
        vedatile.evaluate(runs, "nosuch")
    with vedatile.Store(runs) as store:
        store.run("open", group="test").close()
    with pytest.raises(vedatile.BusyError, match="commit"):
        vedatile.evaluate(runs, "open")
    line, = run_vedatile("eval", runs, "--run", "open", code=1).stderr.splitlines()
    assert "commit" in line
    line, = run_vedatile("eval", runs, "--run", "near", "--by", "nofield", code=1).stderr.splitlines()
    assert "by nofield: no sample has such a field" in line


def test_regions_without_names(runs, tmp_path):
    regions, _ = halves(runs, tmp_path)
    made = json.loads(regions.read_text())
    made["features"][0]["properties"]["part"] = None
    regions.write_text(json.dumps(made))
    line, = run_vedatile("eval", runs, "--run", "near", "--by", "region:part", "--regions", regions,
                         code=1).stderr.splitlines()
    assert "1 regions have no value in field 'part'" in line and "--unknown" not in line


def test_slices_are_views(runs):
    """Every slice is the evaluation of a view with just its samples."""
    names = {"even": 0, "odd": 1}
    with vedatile.Store(runs) as store:
        for name, first in names.items():
            indices = list(range(first, store.count["test"], 2))
            store.save_view(name, View(store, "test", indices, {}))
    whole = vedatile.evaluate(runs, "near", by="view", score_threshold=.4)
    for part in names:
        alone = vedatile.evaluate(runs, "near", view=part, score_threshold=.4)
        for sliced, single in zip(whole.tasks, alone.tasks, strict=True):
            found, = [row for row in sliced["slices"] if row["value"] == part]
            assert found["samples"] == alone.document["samples"]["count"]
            assert found["metrics"] == single["metrics"] and found["reasons"] == single["reasons"]
