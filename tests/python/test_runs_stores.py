"""Runs of stores that changed after them: fed anew, grown, or with samples less."""
import json
import shutil

import h5py
import pytest
from conftest import SOURCE, run_vedatile

OLINDA = SOURCE / "data/olinda"


def feed(store, tile, stride=None):
    run_vedatile("feed", store, "--image", OLINDA / "scene.tif", "--labels", OLINDA / "sectors.geojson",
                 "--class-field", "TIPO", "--task", "detection", "--tile", tile, "--stride", stride or tile,
                 "--group", "test")


def perfect(store, path):
    """What a perfect model predicts, as lines of JSON."""
    with h5py.File(store) as file:
        keys = [key.decode() for key in file["test/samples"]["key"]]
        offsets, boxes = file["test/labels/box_offsets"][:], file["test/labels/boxes"][:].astype(float)
        names = [name.decode() if isinstance(name, bytes) else name for name in file.attrs["classes"]]
        classes = file["test/labels/box_class"][:]
    with open(path, "w") as lines:
        for i, key in enumerate(keys):
            lines.write(json.dumps({"sample": key}) + "\n")
            for j in range(offsets[i], offsets[i + 1]):
                lines.write(json.dumps({"sample": key, "id": str(j), "box": boxes[j].tolist(),
                                        "label": names[classes[j]], "score": 0.9}) + "\n")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A store with a committed run `one` and an open one `two`."""
    folder = tmp_path_factory.mktemp("runs")
    feed(folder / "a.h5", 128)
    perfect(folder / "a.h5", folder / "p.jsonl")
    run_vedatile("predictions", "import", folder / "a.h5", folder / "p.jsonl", "--run", "one", "--commit")
    run_vedatile("predictions", "import", folder / "a.h5", folder / "p.jsonl", "--run", "two")
    return folder


@pytest.fixture
def store(runs, tmp_path):
    shutil.copytree(runs, tmp_path / "s")
    return tmp_path / "s/a.h5"


def show(store, run):
    return json.loads(run_vedatile("run", "show", store, run, "--json").stdout)


def evaluated(store, run, *options):
    """The metrics, and what is said beside them."""
    document = json.loads(run_vedatile("eval", store, "--run", run, "--json", *options).stdout)
    return document["tasks"][0]["metrics"], document["warnings"]


def test_as_it_was(store):
    assert show(store, "one")["store"] == {"vanished": 0, "gained": 0}
    assert show(store, "two")["store"] is None
    assert "store" not in run_vedatile("run", "show", store, "one").stdout
    done = run_vedatile("run", "commit", store, "two")
    assert done.stdout == f"{store}.runs/two.h5: committed, 4 of 4 samples predicted\n" and done.stderr == ""


def test_a_store_that_grew(store):
    feed(store, 128, 100)
    assert show(store, "one")["store"] == {"vanished": 0, "gained": 8}
    assert "\nstore       8 samples came after the run\n" in run_vedatile("run", "show", store, "one").stdout
    told = evaluated(store, "one")[1]
    assert len(told) == 1 and "8 of 12 samples are not predicted yet and count as predicted with nothing" in told[0]
    assert evaluated(store, "one", "--predicted-only")[1] == []
    # An open run learns of them, and has them as not predicted.
    done = run_vedatile("run", "commit", store, "two")
    assert done.stdout == f"{store}.runs/two.h5: committed, 4 of 12 samples predicted\n"
    assert show(store, "two")["store"] == {"vanished": 0, "gained": 0}


def test_a_store_that_lost_samples(store):
    """Nothing of ours takes samples out of a store; other programs can."""
    with h5py.File(store, "r+") as file:
        group = file["test"]
        boxes, text = int(group["labels/box_offsets"][3]), int(group["metadata/offsets"][3])
        for name in ("box_class", "box_feature", "box_visible", "boxes"):
            group["labels"][name].resize(boxes, axis=0)
        for name, rows in (("labels/box_offsets", 4), ("metadata/offsets", 4), ("metadata/text", text),
                           ("images", 3), ("samples", 3)):
            group[name].resize(rows, axis=0)
    assert show(store, "one")["store"] == {"vanished": 1, "gained": 0}
    assert "\nstore       1 samples of the run are not in it any more\n" in run_vedatile("run", "show", store, "one").stdout
    assert evaluated(store, "one")[1] == ["1 predicted samples are not among those evaluated"]
    done = run_vedatile("run", "commit", store, "two")
    assert done.stdout == (f"{store}.runs/two.h5: committed, 4 of 4 samples predicted\n"
                           "store       1 samples of the run are not in it any more\n")
    with h5py.File(f"{store}.runs/two.h5") as run:  # kept, and without an index in the store
        assert run["samples/index"][:].tolist() == [0, 1, 2, 2**64 - 1]


def test_a_store_fed_anew_of_other_tiles(store):
    """Another store of the same name: its samples are other samples."""
    uuid = show(store, "one")["store_uuid"]
    store.unlink()
    feed(store, 96)
    log = (store.parent / "a.h5.runs/two.open").read_bytes()
    for words in (["eval", store, "--run", "one"], ["run", "commit", store, "two"],
                  ["predictions", "import", store, store.parent / "p.jsonl", "--run", "two"]):
        done = run_vedatile(*words, code=1)
        assert done.stdout == "" and done.stderr.count("\n") == 1 and f"the store with uuid {uuid}" in done.stderr
    assert "none of the 4 samples that it predicts is in" in run_vedatile("eval", store, "--run", "one", code=1).stderr
    assert "give that store, or remove the run" in run_vedatile("run", "commit", store, "two", code=1).stderr
    assert uuid in show(store, "one")["store"]["problem"]
    assert uuid in run_vedatile("run", "show", store, "one").stdout
    assert (store.parent / "a.h5.runs/two.open").read_bytes() == log
    assert sorted(item.name for item in (store.parent / "a.h5.runs").iterdir()) == ["one.h5", "two.open"]


def test_a_store_fed_anew_of_the_same_tiles(store):
    """Another store with the same samples: the run is scored by their keys, and that is said."""
    before = evaluated(store, "one")[0]
    store.unlink()
    feed(store, 128)
    after, told = evaluated(store, "one")
    assert after == before
    assert len(told) == 1 and "is a run of another store" in told[0] and "samples are matched by key" in told[0]


def test_a_run_of_another_group(store):
    run_vedatile("feed", store, "--image", OLINDA / "scene.tif", "--labels", OLINDA / "sectors.geojson",
                 "--class-field", "TIPO", "--task", "detection", "--tile", 128, "--stride", 90, "--group", "train")
    told = run_vedatile("eval", store, "--run", "one", "--group", "train", code=1).stderr
    assert told.count("\n") == 1 and "it is a run of group test" in told
