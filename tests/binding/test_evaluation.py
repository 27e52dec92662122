"""vedatile.evaluate: the same document as the command."""
import json

import pytest

import vedatile


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
