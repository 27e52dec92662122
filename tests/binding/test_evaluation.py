"""vedatile.evaluate: the same document as the command."""
import contextlib
import io
import json

import numpy as np
import pytest

import vedatile
from vedatile import scores as scores_of


@pytest.fixture
def files(tmp_path):
    truth = {"images": [{"id": 1, "width": 100, "height": 100}, {"id": 2, "width": 100, "height": 100}],
             "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}],
             "annotations": [
                 {"id": i + 1, "image_id": i % 2 + 1, "category_id": 1, "bbox": [10 * i, 10, 8, 8],
                  "area": 64, "iscrowd": 0} for i in range(6)]}
    found = [{"image_id": i % 2 + 1, "category_id": 1, "bbox": [10 * i, 10, 8, 8], "score": .9 - i / 10}
             for i in range(3)] + [{"image_id": 1, "category_id": 2, "bbox": [1, 1, 5, 5], "score": .3}]
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps(found))
    return {"ground_truth": tmp_path / "gt.json", "predictions": tmp_path / "dt.json"}


def test_metrics(files):
    made = vedatile.evaluate(**files, worst=1)
    assert made["AR100"] == made.metrics["AR100"] == .5
    assert made["recall"] == .5 and made["precision"] == 1
    assert made.classes["car"]["ground_truths"] == 6 and made.classes["bus"]["AP"] is None
    assert made.tasks[0]["ignored_labels"] == ["bus"]
    assert len(made.tasks[0]["worst"]) == 1
    assert json.loads(made.to_json()) == made.document
    assert repr(made) == "<Evaluation of detection: 2 samples>"
    with pytest.raises(KeyError):
        made["nonsense"]


def test_options(files):
    one = vedatile.evaluate(**files, label_map={"bus": "car"}, iou_thresholds=[.5, .6],
                            max_detections=[1, 2], bootstrap=20, seed=1, threads=2)
    assert [row["class"] for row in one.tasks[0]["classes"]] == ["car"]
    assert one.tasks[0]["iou_thresholds"] == [.5, .6]
    assert one["AR1"] == pytest.approx(2 / 6) and "AR2" in one.metrics
    assert one.document["parameters"]["bootstrap"] == 20
    again = vedatile.evaluate(**files, label_map={"bus": "car"}, iou_thresholds=[.5, .6],
                              max_detections=[1, 2], bootstrap=20, seed=1, threads=1)
    assert again.to_json() == one.to_json()


def test_page(files, tmp_path):
    made = vedatile.evaluate(**files)
    asked = []

    def picture(*arguments):
        asked.append(arguments)
        return "data:image/png;base64,AA\"><script>"

    html = made.to_html(tmp_path / "page.html", title="a < b", picture=picture)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == html
    assert "<title>a &lt; b</title>" in html and "<script" not in html
    assert 'href="data:image/png;base64,AA&quot;&gt;&lt;script&gt;"' in html
    assert {name[3] for name in asked} == {"tile"} and len(asked) == 2
    with pytest.raises(ZeroDivisionError):
        made.to_html(picture=lambda *_: 1 // 0)


def test_failures(files):
    with pytest.raises(vedatile.ArgumentError, match="protocol \"x\": there are coco"):
        vedatile.evaluate(**files, protocol="x")
    with pytest.raises(vedatile.ArgumentError, match="a store and a run, or files"):
        vedatile.evaluate()
    with pytest.raises(vedatile.NotFoundError, match="by season"):
        vedatile.evaluate(**files, by="season")
    with pytest.raises(vedatile.NotFoundError, match="nosuch.h5"):
        vedatile.evaluate("nosuch.h5", "run")


def sets(folder, parts):
    """A set of len(parts) samples with their part as metadata, and a run that finds the first half."""
    with vedatile.AnnotationSet(folder / "truth.h5") as truth:
        for i, part in enumerate(parts):
            truth.add_sample(f"s{i}", rows=50, cols=50, metadata={} if part is None else {"part": part})
        truth.add([{"sample": f"s{i}", "id": "1", "box": [0, 0, 10, 10], "label": "car"}
                   for i in range(len(parts))])
    run = vedatile.Run("r", path=folder / "run.h5", classes=["car"])
    for i in range(len(parts)):
        if i < len(parts) // 2:
            run.add(f"s{i}", boxes=[[0, 0, 10, 10]], labels=["car"], scores=[.9])
        else:
            run.mark(f"s{i}")
    run.commit()
    return {"ground_truth": folder / "truth.h5", "predictions": folder / "run.h5"}


def test_bootstrap_of_parts(tmp_path):
    """Two parts, one found and one not: a resampling has both, or one of them twice."""
    files = sets(tmp_path, [1] * 10 + [2] * 10)
    single = vedatile.evaluate(**files, bootstrap=400)["AR100"], vedatile.evaluate(
        **files, bootstrap=400).tasks[0]["intervals"]["recall"]
    whole = vedatile.evaluate(**files, bootstrap=400, bootstrap_by="part")
    interval = whole.tasks[0]["intervals"]["recall"]
    assert (interval["low"], interval["high"]) == (0, 1)
    assert interval["deviation"] == pytest.approx(.5 ** 1.5, abs=.03)  # 0, 1/2, 1 as 1 : 2 : 1
    assert single[1]["low"] > 0 and single[1]["high"] < 1 and single[0] == whole["AR100"]
    assert whole.document["parameters"]["bootstrap_by"] == "part"


def test_bootstrap_of_parts_of_one(tmp_path):
    """Parts of one sample each, or no field: what single samples give, but for the draw's order."""
    files = sets(tmp_path, [None] * 11 + ["x"])
    made = vedatile.evaluate(**files, bootstrap=500, bootstrap_by="part").tasks[0]["intervals"]["recall"]
    plain = vedatile.evaluate(**files, bootstrap=500).tasks[0]["intervals"]["recall"]
    assert made["deviation"] == pytest.approx(plain["deviation"], abs=.03)


def test_bootstrap_of_parts_refused(files, tmp_path):
    with pytest.raises(vedatile.NotFoundError, match="bootstrap_by season: no sample has such a field"):
        vedatile.evaluate(**files, bootstrap=10, bootstrap_by="season")
    with pytest.raises(vedatile.ArgumentError, match="bootstrap_by scene needs a store"):
        vedatile.evaluate(**files, bootstrap=10, bootstrap_by="scene")
    with pytest.raises(vedatile.UnsupportedError, match="all samples are one part"):
        vedatile.evaluate(**sets(tmp_path, ["a"] * 4), bootstrap=10, bootstrap_by="part")


def test_intervals_are_pycocotools(tmp_path):
    """Every resampling as a file of its own, a sample that is drawn twice being two images."""
    coco, cocoeval = (pytest.importorskip(f"pycocotools.{name}") for name in ("coco", "cocoeval"))
    rng = np.random.default_rng(11)
    boxes = [(int(rng.integers(8)), int(rng.integers(1, 3)), rng.integers([0, 0, 8, 8], [100, 100, 120, 120]).tolist())
             for _ in range(50)]
    found = [(image, klass if rng.random() < .9 else 3 - klass, (np.array(box) + rng.integers(-3, 4, 4)).tolist())
             for image, klass, box in boxes if rng.random() < .9]
    scores = rng.permutation(len(found)) / len(found)  # no two are equal
    categories = [{"id": 1, "name": "car"}, {"id": 2, "name": "bus"}]

    def files(images):
        """Ground truth and results of a list of images, which may have one several times."""
        truth = [{"image_id": n + 1, "category_id": klass, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
                 for n, at in enumerate(images) for image, klass, box in boxes if image == at]
        results = [{"image_id": n + 1, "category_id": klass, "bbox": box, "score": score}
                   for n, at in enumerate(images) for (image, klass, box), score in zip(found, scores) if image == at]
        return {"images": [{"id": n + 1, "width": 220, "height": 220} for n in range(len(images))],
                "categories": categories,
                "annotations": [{"id": n + 1, **row} for n, row in enumerate(truth)]}, results

    def stats(images):
        truth, results = files(images)
        with contextlib.redirect_stdout(io.StringIO()):
            loaded = coco.COCO()
            loaded.dataset = truth
            loaded.createIndex()
            done = cocoeval.COCOeval(loaded, loaded.loadRes(results), "bbox")
            done.evaluate()
            done.accumulate()
            done.summarize()
        return np.where(done.stats < 0, np.nan, done.stats)

    for name, content in zip(("gt.json", "dt.json"), files(range(8)), strict=True):
        (tmp_path / name).write_text(json.dumps(content))
    names = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl".split()
    made = vedatile.evaluate(ground_truth=tmp_path / "gt.json", predictions=tmp_path / "dt.json", bootstrap=60, seed=5)
    drawn = [np.repeat(np.arange(8), np.asarray(scores_of.bootstrap_weights(8, 5, i))) for i in range(60)]
    values = np.array([stats(images.tolist()) for images in drawn])
    for i, name in enumerate(names):
        want = np.nanpercentile(values[:, i], [2.5, 97.5])
        interval = made.tasks[0]["intervals"][name]
        got = [np.nan if interval[end] is None else interval[end] for end in ("low", "high")]
        assert got == pytest.approx(want.tolist(), abs=1e-12, nan_ok=True), name
    for threads in (1, 4):
        assert made.to_json() == vedatile.evaluate(ground_truth=tmp_path / "gt.json", predictions=tmp_path / "dt.json",
                                                   bootstrap=60, seed=5, threads=threads).to_json()


def test_runs_of_other_classes(tmp_path):
    """Differences and intervals by name, where one run has a class more."""
    files = sets(tmp_path, [None] * 12)
    run = vedatile.Run("old", path=tmp_path / "old.h5", classes=["bus", "car"])
    for i in range(12):
        if i % 3 == 0:
            run.add(f"s{i}", boxes=[[0, 0, 10, 10], [20, 20, 30, 30]], labels=["car", "bus"], scores=[.9, .8])
        else:
            run.mark(f"s{i}")
    run.commit()
    made = vedatile.evaluate(**files, baseline=tmp_path / "old.h5", bootstrap=80)
    found, = made.tasks
    with_intervals = found["comparison"]["intervals"]
    again = vedatile.evaluate(**files, bootstrap=80)
    assert again.tasks[0]["intervals"] == found["intervals"]
    recall = np.array([.5, 1 / 3])
    assert [found["comparison"]["metrics"]["AR100"][k] for k in ("after", "before")] == pytest.approx(recall)
    weights = np.array([np.asarray(scores_of.bootstrap_weights(12, 0, i), float) for i in range(80)])
    hits = np.arange(12) < 6, np.arange(12) % 3 == 0
    want = [(weights * h).sum(1) / weights.sum(1) for h in hits]
    for name in ("AR100", "recall", "class:car:AP"):
        assert name in with_intervals
    got = with_intervals["AR100"]
    assert [got["low"], got["high"]] == pytest.approx(np.percentile(want[0] - want[1], [2.5, 97.5]).tolist(), abs=1e-12)
    backwards, = vedatile.evaluate(ground_truth=files["ground_truth"], predictions=tmp_path / "old.h5",
                                   baseline=files["predictions"], bootstrap=80).tasks
    assert backwards["comparison"]["intervals"]["AR100"]["low"] == pytest.approx(-got["high"], abs=1e-12)
    assert backwards["comparison"]["intervals"]["class:bus:AP"]["low"] is None  # the other has no such class
