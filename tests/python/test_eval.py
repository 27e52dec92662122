"""vedatile eval on COCO's files: numbers beside pycocotools, exit codes, slices, comparison, the page."""
import contextlib
import io
import json
import os
import pty
import random
import re
import subprocess
import xml.etree.ElementTree

import jsonschema
import numpy as np
import pytest

from conftest import SOURCE, VEDATILE

SCHEMA = json.loads((SOURCE / "schemas/evaluation.schema.json").read_text(encoding="utf-8"))
NAMES = "AP AP50 AP75 APs APm APl AR1 AR10 AR100 ARs ARm ARl".split()


def document(vedatile, *arguments, **options):
    done = vedatile("eval", *arguments, "--json", **options)
    made = json.loads(done.stdout)
    jsonschema.validate(made, SCHEMA)
    return made


def make(folder, truths, predictions, classes=("car", "bus"), images=6):
    """Files of ground truth and results: (image, class, box[, members]) and (image, class, box, score)."""
    truth = {"images": [{"id": i + 1, "width": 200, "height": 200, "file_name": f"{i}.png"}
                        for i in range(images)],
             "categories": [{"id": i + 1, "name": name} for i, name in enumerate(classes)],
             "annotations": [{"id": k + 1, "image_id": t[0] + 1, "category_id": t[1] + 1, "bbox": t[2],
                              "area": t[2][2] * t[2][3], "iscrowd": 0, **(t[3] if len(t) > 3 else {})}
                             for k, t in enumerate(truths)]}
    results = [{"image_id": p[0] + 1, "category_id": p[1] + 1, "bbox": p[2], "score": p[3]}
               for p in predictions]
    (folder / "gt.json").write_text(json.dumps(truth))
    (folder / "dt.json").write_text(json.dumps(results))
    return ["--ground-truth", folder / "gt.json", "--predictions", folder / "dt.json"]


def stats(truth, results, kind="bbox"):
    """pycocotools' COCOeval of two files."""
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = coco.COCO(str(truth))
        done = cocoeval.COCOeval(loaded, loaded.loadRes(str(results)), kind)
        done.evaluate()
        done.accumulate()
        done.summarize()
    return done


def rows(kind, seed, count=60):
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        box = [rng.randrange(150), rng.randrange(150), rng.randrange(1, 50), rng.randrange(1, 50)]
        row = (rng.randrange(6), rng.randrange(2), box)
        made.append(row if kind == "truth" else row + (rng.random(),))
    return made


def near(truths, seed):
    """Predictions: most truths, moved a little, with scores; and some that are nowhere."""
    rng = random.Random(seed)
    made = [(image, klass if rng.random() < .9 else 1 - klass,
             [x + rng.randrange(-3, 4), y + rng.randrange(-3, 4), w, h], round(rng.random(), 3))
            for image, klass, (x, y, w, h) in truths if rng.random() < .8]
    return made + rows("predicted", seed, 15)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    truths = rows("truth", 1)
    return make(tmp_path_factory.mktemp("eval"), truths, near(truths, 2))


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_numbers_of_coco(vedatile, shared, kind):
    truth = shared / "coco-100/instances_val2014_100.json"
    results = shared / f"coco-100/instances_val2014_fake{kind}100_results.json"
    made = document(vedatile, "--ground-truth", truth, "--predictions", results, "--iou", kind)
    task, = made["tasks"]
    reference = stats(truth, results, kind)
    assert [task["metrics"][name] for name in NAMES] == list(reference.stats)
    assert task["task"] == ("detection" if kind == "bbox" else "instance")
    precision = reference.eval["precision"][:, :, :, 0, 2]
    for k, row in enumerate(task["classes"]):
        values = precision[:, :, k]
        if (values > -1).any():
            assert row["AP"] == np.mean(values[values > -1])
        else:
            assert row["AP"] is None and row["reason"] == "no_ground_truth"
    curve = task["curves"]["classes"][0]
    assert curve["precision"] == list(precision[0, :, 0])


def test_random_numbers(vedatile, tmp_path):
    for seed in range(4):
        truths = rows("truth", seed)
        files = make(tmp_path, truths, near(truths, seed + 50))
        task, = document(vedatile, *files)["tasks"]
        want = stats(files[1], files[3]).stats
        got = [-1 if task["metrics"][name] is None else task["metrics"][name] for name in NAMES]
        assert got == list(want)


def test_threads_do_not_show(vedatile, files):
    runs = [vedatile("eval", *files, "--json", "--bootstrap", 30, "--threads", n).stdout
            for n in (1, 3)]
    assert runs[0] == runs[1]


def test_operating_point_by_hand(vedatile, tmp_path):
    box = [10, 10, 20, 20]
    far = [100, 100, 20, 20]
    files = make(tmp_path, [(0, 0, box), (1, 0, box), (2, 0, box)],
                 [(0, 0, box, .9), (1, 0, far, .8), (1, 0, box, .7), (3, 0, far, .2)])
    task, = document(vedatile, *files)["tasks"]
    # At .7: two of three are found and one is wrong. At .9 one is found and none is wrong: F1 1/2.
    assert task["operating_point"] == {"score": .7, "chosen": "best_f1", "iou": .5}
    assert task["metrics"]["precision"] == task["metrics"]["recall"] == pytest.approx(2 / 3)
    worst = {row["sample"]: row for row in task["worst"]}
    assert list(worst) == ["2.png", "1.png"]
    assert (worst["2.png"]["f1"], worst["1.png"]["f1"]) == (0, pytest.approx(2 / 3))
    assert worst["2.png"]["ground_truth"][0]["outcome"] == "missed"
    assert [p["outcome"] for p in worst["1.png"]["predictions"]] == ["wrong", "right"]
    given, = document(vedatile, *files, "--score-threshold", .85)["tasks"]
    assert given["metrics"]["precision"] == 1 and given["metrics"]["recall"] == pytest.approx(1 / 3)
    assert given["metrics"]["AP"] == task["metrics"]["AP"]


def test_labels_that_one_side_has(vedatile, tmp_path):
    box = [10, 10, 20, 20]
    files = make(tmp_path, [(0, 0, box), (0, 1, box)], [(0, 0, box, .9), (0, 2, box, .9)],
                 classes=("car", "bus", "tram"))
    made = document(vedatile, *files)
    task, = made["tasks"]
    assert (task["missing_labels"], task["ignored_labels"]) == (["bus"], ["tram"])
    assert [row["AP"] for row in task["classes"]] == [pytest.approx(1), 0, None]
    assert task["metrics"]["APl"] is None and task["reasons"]["APl"] == "no_ground_truth"
    told = vedatile("eval", *files).stdout
    assert "labels never predicted: bus\n" in told
    assert "predicted labels without ground truth: tram\n" in told


def test_label_map(vedatile, tmp_path):
    box = [10, 10, 20, 20]
    files = make(tmp_path, [(0, 0, box), (1, 1, box)], [(0, 1, box, .9), (1, 1, box, .8)])
    (tmp_path / "map.json").write_text('{"car": "vehicle", "bus": "vehicle"}')
    task, = document(vedatile, *files, "--label-map", tmp_path / "map.json")["tasks"]
    assert [(row["class"], row["AP"]) for row in task["classes"]] == [("vehicle", pytest.approx(1))]
    agnostic, = document(vedatile, *files, "--class-agnostic")["tasks"]
    assert agnostic["metrics"]["AP"] == pytest.approx(1)
    (tmp_path / "map.json").write_text('{"car": 1}')
    done = vedatile("eval", *files, "--label-map", tmp_path / "map.json", code=2)
    assert "label map: \"car\" is to be a text" in done.stderr


def test_the_table_says_what_numbers_are(vedatile, files):
    printed = vedatile("eval", *files, "--iou-thresholds", "0.6,0.4", "--max-detections", "1,7").stdout
    assert re.search(r"^AP .*mean over IoU 0.40 to 0.60$", printed, flags=re.M)
    assert re.search(r"^AR7 .*7 detections a sample$", printed, flags=re.M)
    printed = vedatile("eval", *files, "--iou-thresholds", "0.6").stdout
    assert re.search(r"^AP .* IoU 0.60$", printed, flags=re.M)
    assert re.search(r"^AP .*mean over IoU 0.50 to 0.95$", vedatile("eval", *files).stdout, flags=re.M)


def test_fail_under(vedatile, files):
    good = vedatile("eval", *files, "--fail-under", "mAP=0.01,class:car:AP=0.01,AR1=0.01")
    assert good.stderr == ""
    done = vedatile("eval", *files, "--fail-under", "mAP=0.99,AP50=0.001,class:car:AP=0.98", code=1)
    line, = done.stderr.splitlines()
    assert "mAP is " in line and "must be 0.99" in line and "class:car:AP is " in line
    assert "AP50" not in line
    vedatile("eval", *files, "--fail-under", "mAP50-95=0.01,mAP50=0.01,mAP75=0.01")
    done = vedatile("eval", *files, "--fail-under", "mAPP=0.5", code=1)
    assert 'no metric "mAPP"; there are AP, AP50' in done.stderr
    done = vedatile("eval", *files, "--fail-under", "mAP", code=2)
    assert "METRIC=NUMBER" in done.stderr


def test_bootstrap(vedatile, files):
    made = document(vedatile, *files, "--bootstrap", 200, "--seed", 3)
    task, = made["tasks"]
    for name in NAMES[:3] + ["f1", "class:car:AP"]:
        interval = task["intervals"][name]
        value = task["metrics"].get(name)
        assert interval["low"] < interval["high"]
        assert value is None or interval["low"] - .1 <= value <= interval["high"] + .1
    again = document(vedatile, *files, "--bootstrap", 200, "--seed", 4)["tasks"][0]
    assert again["intervals"] != task["intervals"] and again["metrics"] == task["metrics"]


def test_baseline(vedatile, files, tmp_path):
    truth = json.loads(files[1].read_text())
    results = json.loads(files[3].read_text())
    worse = [row for row in results if row["image_id"] != 2]  # image 2 lost all its predictions
    (tmp_path / "worse.json").write_text(json.dumps(worse))
    made = document(vedatile, *files[:3], tmp_path / "worse.json", "--baseline", files[3],
                    "--bootstrap", 100, "--score-threshold", .05)
    task, = made["tasks"]
    before, = document(vedatile, *files, "--score-threshold", .05)["tasks"]
    compared = task["comparison"]
    for name in NAMES:
        row = compared["metrics"][name]
        assert row["before"] == before["metrics"][name]
        assert row["after"] == task["metrics"][name]
        if row["before"] is not None:
            assert row["difference"] == row["after"] - row["before"]
    assert [row["sample"] for row in compared["worse_samples"]] == ["1.png"]
    assert (compared["worse"], compared["better"], compared["equal"]) == (
        1, 0, len(truth["images"]) - 1)
    assert compared["intervals"]["AR100"]["high"] <= 0
    assert compared["intervals"]["AR100"]["better"] < .5
    told = vedatile("eval", *files[:3], tmp_path / "worse.json", "--baseline", files[3],
                    "--score-threshold", .05).stdout
    assert "samples: 0 better, 1 worse, 5 equal" in told


def test_table_and_output(vedatile, files, tmp_path):
    done = vedatile("eval", *files, "-o", tmp_path / "out.json")
    made = json.loads((tmp_path / "out.json").read_text())
    jsonschema.validate(made, SCHEMA)
    shown = dict(re.findall(r"^(AP\w*|AR\w*) +(\d\.\d{4})", done.stdout, flags=re.M))
    for name in NAMES:
        value = made["tasks"][0]["metrics"][name]
        assert (value is None and name not in shown) or float(shown[name]) == pytest.approx(
            value, abs=6e-5)
    assert json.dumps(made, sort_keys=True) == json.dumps(
        json.loads(vedatile("eval", *files, "--json").stdout), sort_keys=True)


def test_page(vedatile, tmp_path):
    box = [10, 10, 20, 20]
    hostile = "<script>alert(1)</script>&\"'"
    files = make(tmp_path, [(0, 0, box), (1, 1, box)], [(0, 0, box, .9), (1, 0, box, .8)],
                 classes=(hostile, "bus"))
    vedatile("eval", *files, "--report", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;" in page
    assert not re.search(r"https?://|@import|url\(", page)
    body = page[page.index("<html"):].replace("&nbsp;", " ").replace("&middot;", "-")
    body = re.sub(r"<style>.*?</style>", "", body, flags=re.S)
    tree = xml.etree.ElementTree.fromstring(body)
    assert [e.text for e in tree.iter("h2")] == ["detection"]
    drawn = [e.get("class") for e in tree.iter("rect") if "truth" in e.get("class", "")]
    assert drawn == ["truth missed"]


@pytest.mark.parametrize("arguments, code, said", [
    ([], 2, "give a STORE with --run, or --ground-truth"),
    (["a.h5"], 2, "--run is missing"),
    (["--ground-truth", "a.json"], 2, "--predictions"),
    (["a.h5", "--run", "r", "--ground-truth", "g.json"], 2, "--ground-truth"),
    (["--ground-truth", "no.json", "--predictions", "no.json"], 1, "no.json"),
    (["no.h5", "--run", "r"], 1, "no.h5"),
    (["no.h5", "--run", "r", "--protocol", "cocoa"], 2, "cocoa"),
])
def test_bad_calls(vedatile, tmp_path, arguments, code, said):
    done = vedatile("eval", *arguments, code=code, cwd=tmp_path)
    line, = done.stderr.splitlines()
    assert line.startswith("vedatile eval: ") and said in line


def test_bad_files(vedatile, files, tmp_path):
    results = json.loads(files[3].read_text())
    results[3]["image_id"] = 77
    (tmp_path / "dt.json").write_text(json.dumps(results))
    line, = vedatile("eval", *files[:3], tmp_path / "dt.json", code=1).stderr.splitlines()
    assert "77" in line
    (tmp_path / "dt.json").write_text("[{")
    assert len(vedatile("eval", *files[:3], tmp_path / "dt.json", code=1).stderr.splitlines()) == 1
    done = vedatile("eval", *files, "--by", "season", code=1)
    assert "by season: no sample has such a field" in done.stderr
    done = vedatile("eval", *files, "--by", "scene", code=2)
    assert "by scene needs a store" in done.stderr


def test_names_of_valor(vedatile, files):
    made = document(vedatile, *files, "--protocol", "valor", "--iou-thresholds", "0.5,0.65,0.9")
    task, = made["tasks"]
    assert task["metric_names"][:5] == ["mAPAveragedOverIOUs", "mAP@0.5", "mAP@0.65", "mAP@0.9", "mAR"]
    rows = task["classes"]
    for i, name in enumerate(["mAP@0.5", "mAP@0.65", "mAP@0.9"]):
        assert task["metrics"][name] == pytest.approx(np.mean([row["ap_by_iou"][i] for row in rows]))
    for row in rows:
        assert row["APAveragedOverIOUs"] == pytest.approx(np.mean(row["ap_by_iou"])) and "AP" not in row
    assert task["metrics"]["mAR"] == pytest.approx(np.mean([row["AR"] for row in rows]))
    over = task["metrics"]["mAPAveragedOverIOUs"]
    for name in ("mAP", "mAPAveragedOverIOUs"):
        vedatile("eval", *files, "--protocol", "valor", "--iou-thresholds", "0.5,0.65,0.9",
                 "--fail-under", f"{name}={over - 1e-9:.12f},class:car:AP=0.01")
        vedatile("eval", *files, "--protocol", "valor", "--iou-thresholds", "0.5,0.65,0.9",
                 "--fail-under", f"{name}={over + 1e-9:.12f}", code=1)


def test_ap_by_iou_of_coco(vedatile, files):
    task, = document(vedatile, *files)["tasks"]
    precision = stats(files[1], files[3]).eval["precision"][:, :, :, 0, 2]
    for k, row in enumerate(task["classes"]):
        assert row["ap_by_iou"] == [np.mean(precision[t, :, k]) for t in range(10)]


def test_counts_by_score(vedatile, tmp_path):
    box, far = [10, 10, 20, 20], [100, 100, 20, 20]
    files = make(tmp_path, [(0, 0, box), (1, 0, box), (2, 0, box)],
                 [(0, 0, box, .9), (1, 0, far, .8), (1, 0, box, .7), (0, 0, box, .6)])
    for protocol, twice in (("coco", 1), ("valor", 0)):  # valor passes duplicates over
        task, = document(vedatile, *files, "--protocol", protocol)["tasks"]
        curve = task["score_curve"]
        assert curve["scores"] == pytest.approx([.05 * i for i in range(1, 20)]) and curve["iou"] == .5
        row = curve["classes"][0]
        at = {round(score, 2): i for i, score in enumerate(curve["scores"])}
        for score, found, wrong in ((.95, 0, 0), (.9, 1, 0), (.8, 1, 1), (.7, 2, 1), (.05, 2, 1 + twice)):
            i = at[score]
            assert (row["true_positives"][i], row["false_positives"][i], row["false_negatives"][i]) == (
                found, wrong, 3 - found)
            assert row["recall"][i] == pytest.approx(found / 3)
            assert row["precision"][i] == (pytest.approx(found / (found + wrong)) if found + wrong else None)


def test_examples(vedatile, tmp_path):
    box, near, far = [10, 10, 20, 20], [10, 10, 20, 9], [100, 100, 20, 20]
    files = make(tmp_path, [(0, 0, box), (1, 0, box), (2, 0, [0, 0, 50, 50]), (3, 1, box)],
                 [(0, 0, box, .9), (1, 0, near, .8), (4, 0, far, .7), (3, 0, box, .6), (0, 0, far, .1)])
    made = document(vedatile, *files, "--score-threshold", .5, "--report", tmp_path / "page.html")
    car, bus = made["tasks"][0]["examples"]
    assert [(e["sample"], e["id"], e["box"], e["score"], e["iou"], e["truth"]) for e in car["found"]] == [
        ("0.png", "1", box, .9, 1, "1")]
    assert [(e["sample"], e["id"], e["error"], e.get("truth")) for e in car["wrong"]] == [
        ("1.png", "2", "localisation", "2"), ("4.png", "3", "background", None), ("3.png", "4", "class", "4")]
    assert car["wrong"][0]["iou"] == pytest.approx(.45) and car["wrong"][1]["iou"] == 0
    assert [(e["sample"], e["id"], e["box"], e.get("prediction")) for e in car["missed"]] == [
        ("2.png", "3", [0, 0, 50, 50], None), ("1.png", "2", box, "2")]
    assert bus["found"] == bus["wrong"] == []
    assert [(e["id"], e["error"], e["prediction"]) for e in bus["missed"]] == [("4", "class", "4")]
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h3>Examples</h3>" in page
    assert page.count("<td>missed</td>") == 3 and page.count("<td>wrong</td>") == 3
    one, _ = document(vedatile, *files, "--score-threshold", .5, "--examples", 1)["tasks"][0]["examples"]
    assert one["wrong"] == car["wrong"][:1] and one["missed"] == car["missed"][:1]
    for kind in ("found", "wrong", "missed"):  # a class has as many as the counts say
        row = made["tasks"][0]["classes"][0]
        assert len(car[kind]) == row[kind]


def test_examples_name_the_nearest(vedatile, tmp_path):
    """Of several wrong predictions about a missed label the one that overlaps it most, wherever it is in the file."""
    box, good, bad = [10, 10, 20, 20], [10, 10, 20, 9], [10, 10, 20, 5]
    files = make(tmp_path, [(0, 0, box), (1, 0, box)],
                 [(0, 0, good, .9), (0, 0, bad, .8), (1, 0, bad, .7), (1, 0, good, .6)])
    car, _ = document(vedatile, *files, "--score-threshold", .5)["tasks"][0]["examples"]
    assert sorted((e["sample"], e["prediction"], e["iou"]) for e in car["missed"]) == [
        ("0.png", "1", pytest.approx(.45)), ("1.png", "4", pytest.approx(.45))]


@pytest.mark.parametrize("options, words", [
    (["--protocol", "pascal"], "pascal"), (["--iou", "giou"], "giou"), (["--task", "pose"], "pose"),
    (["--iou-thresholds", ".5,1.5"], "1.5"), (["--protocol", "valor", "--iou-thresholds", "0"], "above 0"),
    (["--max-detections", "10,1"], "rising"), (["--by", "region"], "region needs a store"), (["--by", "scene"], "store"),
    (["--by", "season", "--regions", "r.json"], "by region"), (["--group", "test"], "group"),
    (["--bootstrap", "5", "--bootstrap-by", "class"], "bootstrap_by class"),
    (["--label-map", "nosuch.json"], "nosuch.json"), (["--fail-under", "AP"], "AP"),
    (["--output", "nosuch/folder.json"], "nosuch/folder.json"), (["--report", "nosuch/page.html"], "nosuch/page.html"),
    (["--report", "/"], "/")])
def test_wrong_options_come_before_files(vedatile, tmp_path, options, words):
    """Neither file can be read: what is wrong with the options is told, and nothing of these."""
    (tmp_path / "gt.json").write_text("{")
    done = vedatile("eval", "--ground-truth", tmp_path / "gt.json", "--predictions", tmp_path / "gt.json",
                    *options, code=None)
    assert done.returncode in (1, 2) and words in done.stderr and "gt.json" not in done.stderr


def on_terminal(*arguments):
    """What a command writes to a terminal that is its stderr."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([VEDATILE, "eval", *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=theirs,
                          env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        text = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(ours, 65536):
                text += part
        os.close(ours)
        assert process.wait() == 0
    return text.decode()


def test_progress(vedatile, files):
    """On a terminal the steps, and how far those are that can be counted; nothing of it stays."""
    shown = on_terminal(*files, "--bootstrap", 3000, "--threads", 1)
    assert shown.index("reading ...") < shown.index("matching ...") < shown.index("resampling ...")
    assert re.search(r"resampling \[#*-*\] +\d+%  \d+/3000 resamplings", shown)
    assert shown.endswith("\r\x1b[K")
    assert on_terminal(*files, "--progress", "none") == ""
    assert vedatile("eval", *files, "--bootstrap", 5).stderr == ""
    lines = [json.loads(line) for line in
             vedatile("eval", *files, "--bootstrap", 5, "--progress", "json").stderr.splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == ["reading", "matching", "resampling"]
    assert (lines[-1]["done"], lines[-1]["total"], lines[-1]["step"]) == (5, 5, "resampling")
