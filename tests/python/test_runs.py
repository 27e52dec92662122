"""Runs by the command: kills, races, what a commit freezes, files in and out."""
import json
import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from conftest import BUILD, SHARED, SOURCE, VEDATILE

COCO = SHARED / "coco-100"
pytestmark = pytest.mark.skipif(not COCO.is_dir(), reason=f"no test data at {COCO}")
TRUTH = COCO / "instances_val2014_100.json"
BOXES = COCO / "instances_val2014_fakebbox100_results.json"
MASKS = COCO / "instances_val2014_fakesegm100_results.json"


def vedatile(*words, code=0):
    done = subprocess.run([VEDATILE, *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    return done


def failed(*words, code=1):
    done = vedatile(*words, code=code)
    assert done.stdout == "" and done.stderr.count("\n") == 1
    return done.stderr


def shown(path):
    return json.loads(vedatile("run", "show", path, "--free", "--json").stdout)


@pytest.mark.parametrize("results", [BOXES, MASKS], ids=["boxes", "masks"])
def test_coco_results_come_back(tmp_path, results):
    """Import and export: the same detections, bit by bit, in the order of the run."""
    run = tmp_path / "r.h5"
    vedatile("predictions", "import", run, results, "--free", "--images", TRUTH, "--commit")
    vedatile("predictions", "export", run, tmp_path / "out.json", "--free", "--images", TRUTH)
    given = json.loads(results.read_text())
    found = json.loads((tmp_path / "out.json").read_text())
    assert len(found) == len(given)

    def key(record):
        shape = record["segmentation"]["counts"] if results == MASKS else tuple(record["bbox"])
        return record["image_id"], record["category_id"], -record["score"], shape
    assert sorted(map(key, found)) == sorted(map(key, given))
    with h5py.File(run) as file:
        rows = zip(file["annotations/label"][:].tolist(), file["annotations/sample"][:].tolist(),
                   (-file["annotations/score"][:]).tolist())
        rows = list(rows)
    assert rows == sorted(rows)  # by label, sample, score falling


def test_an_import_that_fails_begins_no_run(tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text('[{"image_id": 1}]')
    run = tmp_path / "r.h5"
    assert "bad.json" in failed("predictions", "import", run, BOXES, bad, "--free", "--images", TRUTH)
    assert [file.name for file in tmp_path.iterdir()] == ["bad.json"]
    vedatile("predictions", "import", run, BOXES, "--free", "--images", TRUTH)
    had = (tmp_path / "r.open").read_bytes()
    failed("predictions", "import", run, bad, "--free", "--images", TRUTH)
    assert (tmp_path / "r.open").read_bytes() == had


def test_runs_that_are_not_there(tmp_path):
    store = tmp_path / "o.h5"
    vedatile("feed", store, "--image", SOURCE / "data/olinda/scene.tif", "--tile", 64, "--labels", SOURCE / "data/olinda/sectors.geojson",
             "--class-field", "TIPO", "--task", "detection")
    assert "there is no run 'june'; there are none" in failed("eval", store, "--run", "june")
    for name in ("may", "april"):
        vedatile("run", "create", store, name, "--group", "train")
    assert "there is no run 'june'; there are april, may" in failed("eval", store, "--run", "june")
    for words in (("remove", store, "june"), ("remove", store, "june", "--yes"), ("show", store, "june")):
        assert f"there is no run 'june'; 'vedatile run list {store}' lists them" in failed("run", *words)


def test_again_is_known(tmp_path):
    run = tmp_path / "r.h5"
    words = ["predictions", "import", run, BOXES, "--free", "--images", TRUTH, "--json"]
    first = json.loads(vedatile(*words).stdout)
    again = json.loads(vedatile(*words).stdout)
    count = len(json.loads(BOXES.read_text()))
    assert (first["added"], first["ignored"]) == (count, 0)
    assert (again["added"], again["ignored"]) == (0, count)
    other = tmp_path / "other.json"
    records = json.loads(BOXES.read_text())
    records[0]["score"] /= 2
    other.write_text(json.dumps(records))
    assert "already" in failed(*words[:3], other, *words[4:])
    updated = json.loads(vedatile(*words[:3], other, *words[4:], "--mode", "update").stdout)
    assert updated["updated"] == count


def test_commit_freezes(tmp_path):
    run = tmp_path / "r.h5"
    vedatile("predictions", "import", run, BOXES, "--free", "--images", TRUTH, "--commit")
    before = run.read_bytes()
    for words in (["predictions", "import", run, BOXES, "--free", "--images", TRUTH],
                  ["predictions", "import", run, BOXES, "--free", "--images", TRUTH, "--mode",
                   "append"],
                  ["run", "commit", run, "--free"]):
        assert "committed" in failed(*words)
    assert "committed run" in failed("run", "create", run, "--free")
    assert run.read_bytes() == before and not (tmp_path / "r.open").exists()
    assert "--yes" in failed("run", "remove", run, "--free")
    assert run.read_bytes() == before
    vedatile("run", "remove", run, "--free", "--yes")
    assert list(tmp_path.iterdir()) == []


def test_changes_by_h5py_are_found(tmp_path):
    """Every column and every text, changed or removed, is found and named."""
    run = tmp_path / "r.h5"
    vedatile("predictions", "import", run, MASKS, "--free", "--images", TRUTH, "--commit")
    names = []
    with h5py.File(run) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset)
                        else None)
        texts = list(file.attrs)
    assert "annotations/score" in names and "run" in texts
    whole = run.read_bytes()

    def refused():
        message = failed("run", "show", run, "--free")
        assert "r.h5" in message
        run.write_bytes(whole)
    for name in names:
        with h5py.File(run, "r+") as file:
            values = file[name][...].reshape(-1)
            if values.size == 0:
                continue
            raw = values.view(np.uint8)
            raw[len(raw) // 2] ^= 1
            file[name][...] = values.reshape(file[name].shape)
        refused()
    for name in texts:
        with h5py.File(run, "r+") as file:
            del file.attrs[name]
        refused()
    assert shown(run)["state"] == "committed"


ADD = """
import sys
sys.path.insert(0, sys.argv[1])
import vedatile
run = vedatile.Run(path=sys.argv[2], classes=["a", "b"])
print("ready", flush=True)
for i in range(4000):
    sample = f"s{i}"
    if sample in run:
        continue
    run.add(sample, boxes=[[i, 1, i + 2, 5]] * (i % 3 + 1), labels=["a"] * (i % 3 + 1),
            scores=[(k + 1) / 8 for k in range(i % 3 + 1)])
    if i % 10 == 9:
        run.flush()
run.commit()
"""


def start_adding(path):
    with open(VEDATILE, "rb") as program:
        if b"__asan_init" in program.read():
            pytest.skip("the sanitizers' library has to come first, as in tests/binding")
    return subprocess.Popen([sys.executable, "-c", ADD, str(BUILD / "tools/python"), str(path)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def content(path):
    with h5py.File(path) as file:
        return {name: file[f"annotations/{name}"][...].tobytes()
                for name in ("sample", "box", "score", "label")}


def test_killed_programs_go_on(tmp_path):
    """Killed at random moments and begun again, a program ends with the run of one that was not."""
    once = start_adding(tmp_path / "once.h5")
    assert once.wait(timeout=120) == 0, once.stderr.read()
    wanted = content(tmp_path / "once.h5")
    dice = random.Random(5)
    kills = 0
    for _ in range(60):
        process = start_adding(tmp_path / "killed.h5")
        process.stdout.readline()
        delay = dice.uniform(0, 0.25)
        try:
            assert process.wait(timeout=delay) == 0, process.stderr.read()
            break
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
        finally:
            process.stdout.close()
            process.stderr.close()
        committed = (tmp_path / "killed.h5").exists()
        if committed:
            shown(tmp_path / "killed.h5")
            break
        assert (tmp_path / "killed.open").exists()
        if kills >= 6:
            process = start_adding(tmp_path / "killed.h5")
            assert process.wait(timeout=120) == 0, process.stderr.read()
            break
    assert kills > 0
    assert content(tmp_path / "killed.h5") == wanted


def big_run(path, count=150_000):
    random_numbers = np.random.default_rng(3)
    records = [{"image_id": int(i), "category_id": int(c), "bbox": [1, 2, 3, 4], "score": float(s)}
               for i, c, s in zip(random_numbers.integers(0, 50, count),
                                  random_numbers.integers(0, 5, count),
                                  random_numbers.random(count).round(3))]
    (path.parent / "big.json").write_text(json.dumps(records))
    vedatile("predictions", "import", path, path.parent / "big.json", "--free", "--any-class")


def test_killed_commits_are_open_or_committed(tmp_path):
    big_run(tmp_path / "r.h5")
    log = (tmp_path / "r.open").read_bytes()
    begun = time.monotonic()
    vedatile("run", "commit", tmp_path / "r.h5", "--free")
    took = time.monotonic() - begun
    wanted = content(tmp_path / "r.h5")
    seen = set()
    dice = random.Random(7)
    for _ in range(14):
        for file in tmp_path.glob("r.*"):
            file.unlink()
        (tmp_path / "r.open").write_bytes(log)
        process = subprocess.Popen([VEDATILE, "run", "commit", str(tmp_path / "r.h5"), "--free"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, 1.2) * took)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "r.h5").exists():
            seen.add("committed")
            assert "committed" in failed("run", "commit", tmp_path / "r.h5", "--free")
        else:
            seen.add("open")
            assert (tmp_path / "r.open").read_bytes() == log
            vedatile("run", "commit", tmp_path / "r.h5", "--free")
        assert content(tmp_path / "r.h5") == wanted
        shown(tmp_path / "r.h5")
    assert "open" in seen


def test_of_two_commits_one_wins(tmp_path):
    for round_number in range(5):
        run = tmp_path / f"r{round_number}.h5"
        vedatile("predictions", "import", run, BOXES, "--free", "--images", TRUTH)
        both = [subprocess.Popen([VEDATILE, "run", "commit", str(run), "--free"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                for _ in range(2)]
        results = [(process.communicate()[1], process.returncode) for process in both]
        assert sorted(code for _, code in results) == [0, 1]
        message = next(text for text, code in results if code == 1)
        assert "another program" in message or "committed" in message
        assert shown(run)["annotations"] == len(json.loads(BOXES.read_text()))


@pytest.mark.parametrize("text, wanted", [
    ('[{"image_id": 99999999, "category_id": 1, "bbox": [0,0,1,1], "score": 0.5}]', "99999999"),
    ('[{"image_id": 42, "category_id": 987, "bbox": [0,0,1,1], "score": 0.5}]', "987"),
    ('[{"image_id": 42, "category_id": 1, "bbox": [0,0,-1,1], "score": 0.5}]', "below 0"),
    ('[{"image_id": 42, "category_id": 1, "bbox": [0,0,1,1]', "bad.json"),
])
def test_bad_results_are_named(tmp_path, text, wanted):
    bad = tmp_path / "bad.json"
    image = json.loads(TRUTH.read_text())["images"][0]["id"]
    bad.write_text(text.replace("42", str(image)))
    run = tmp_path / "r.h5"
    assert wanted in failed("predictions", "import", run, bad, "--free", "--images", TRUTH,
                            "--commit", code=2 if wanted == "below 0" else 1)
    assert not run.exists()


@pytest.mark.parametrize("record, wanted", [
    ({"type": "box", "box": [0, 0, 1, 1], "labels": {"class": "a"}}, "score"),
    ({"type": "box", "box": [0, 0, 1, 1], "labels": {"class": "z"}, "score": 1}, "a, b"),
    ({"type": "box", "box": [5, 0, 1, 1], "labels": {"class": "a"}, "score": 1}, "record 2"),
    ({"type": "cube", "labels": {"class": "a"}, "score": 1}, "record 2"),
])
def test_bad_records_are_named(tmp_path, record, wanted):
    good = {"sample": "s", "type": "box", "box": [0, 0, 1, 1], "labels": {"class": "a"}, "score": 1}
    (tmp_path / "bad.jsonl").write_text(json.dumps(good) + "\n"
                                        + json.dumps({"sample": "t", **record}) + "\n")
    done = subprocess.run([VEDATILE, "predictions", "import", tmp_path / "r.h5",
                           tmp_path / "bad.jsonl", "--free", "--classes", "a,b", "--json"],
                          capture_output=True, text=True)
    assert done.returncode in (1, 2) and wanted in done.stderr and done.stderr.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["bad.jsonl"]  # nothing of the file was taken


def test_rasters_from_files(tmp_path):
    from osgeo import gdal
    gdal.UseExceptions()
    values = np.random.default_rng(1).integers(0, 4, (13, 17), dtype=np.uint8)
    values[0, 0] = 255
    driver = gdal.GetDriverByName("GTiff")
    tiff = driver.Create(str(tmp_path / "tile-1.tif"), 17, 13, 1, gdal.GDT_Byte)
    tiff.GetRasterBand(1).WriteArray(values)
    del tiff
    gdal.Translate(str(tmp_path / "tile-2.png"), str(tmp_path / "tile-1.tif"), format="PNG")
    run = tmp_path / "r.h5"
    vedatile("predictions", "import", run, tmp_path / "tile-1.tif", tmp_path / "tile-2.png",
             "--free", "--classes", "a,b,c", "--commit")
    assert shown(run)["rasters"] == 2
    vedatile("predictions", "export", run, tmp_path / "out", "--free", "--format", "raster")
    for name in ("tile-1", "tile-2"):
        found = gdal.Open(str(tmp_path / f"out/{name}.png")).ReadAsArray()
        np.testing.assert_array_equal(found, values)
    assert "out: File exists" in failed("predictions", "export", run, tmp_path / "out", "--free", "--format",
                                        "raster")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["tile-1.png", "tile-2.png"]
    boxes = tmp_path / "boxes.h5"
    vedatile("predictions", "import", boxes, BOXES, "--free", "--images", TRUTH, "--commit")
    assert "the run has no class rasters" in failed("predictions", "export", boxes, tmp_path / "none", "--free",
                                                    "--format", "raster")
    assert not (tmp_path / "none").exists()
