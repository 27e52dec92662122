"""Annotation sets: wrong records, damaged and edited files, kills while saving, two writers."""
import json
import random
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from conftest import VEDATILE, check_clean, run_vedatile

BOX = {"sample": "a", "id": "1", "box": [1, 2, 30, 40], "label": "x"}
MASK = {"size": [4, 5], "counts": [3, 2, 15]}


def added(path, records, code=0):
    """`code` 1: it fails, as wrong use (2) or for what a file has (1)."""
    text = "".join((record if isinstance(record, str) else json.dumps(record)) + "\n" for record in records)
    done = run_vedatile("annotations", "add", path, "-", "--free", input=text, code=None)
    assert (done.returncode != 0) == (code != 0), (done.stdout, done.stderr)
    return done


def summary(path):
    return json.loads(run_vedatile("annotations", "list", path, "--free", "--json").stdout)


WRONG = [
    ({"box": [5, 5, 1, 1]}, "the box has a negative size (-4 x -4): its corners are swapped"),
    ('{"sample":"a","id":"2","box":[1,1,NaN,2]}', "column"),
    ('{"sample":"a","id":"2","box":[1,1,1e400,2]}', "column"),
    ({"box": [1, 1, 1e300, 2]}, "the box has 1e+300 for a coordinate"),
    ({"box": [1, 2, 3]}, '"box" is no list of 4 numbers'),
    ({"type": "polygon", "coordinates": [[[1, 1], [2, 2]]]}, "ring 1 of part 1 of the polygon has 2 points: at least 3"),
    ({"type": "polygon", "coordinates": [[[1, 1], [2, 2], [1, 1]]]}, "points"),
    ({"type": "polygon", "coordinates": []}, "coordinates"),
    ({"type": "line", "coordinates": [[1, 1]]}, "ring 1 of part 1 of the line has 1 points: at least 2"),
    ({"type": "point", "coordinates": ["x", 1]}, "no pair of numbers"),
    ({"mask": {**MASK, "counts": [3, 2, 14]}}, "the mask's runs add up to 19 of 20 pixels"),
    ({"mask": {**MASK, "counts": [3, 2, -1]}}, "mask"),
    ({"mask": {"size": [4, 5], "counts": "zz~"}}, "mask"),
    ({"mask": {"size": [4], "counts": []}}, "mask"),
    ({"mask": {"png": "AAAA"}}, "png"),
    ({"rotated": [1, 1, -2, 2, 0]}, "the rotated box has a negative size"),
    ({"box": [1, 1, 2, 2], "labels": {"class": ["p", "q"]}}, 'the label class has two values, "p" and "q", without scores'),
    ({"labels": {"class": {"p": 2}}}, 'the score 2 of class "p" is not between 0 and 1'),
    ({"labels": {"class": {}}}, 'the label "class" has no value'),
    ({"labels": {"class": None}}, 'the value of the label "class" is no text'),
    ({"box": [1, 1, 2, 2], "score": 0.5}, '"score" without a label'),
    ({"box": [1, 1, 2, 2], "flags": ["funny"]}, '"funny" is no flag: crowd, ignore, difficult'),
    ({"box": [1, 1, 2, 2], "metadata": [1]}, '"metadata" is no object'),
    ({"box": [1, 1, 2, 2], "bounds": 1}, 'it has no member "bounds"'),
    ({"box": [1, 1, 2, 2], "area": -1}, "its area is -1"),
    ({"box": [1, 1, 2, 2], "code": 1}, '"code" is of samples and categories'),
    ({"type": "cube"}, '"type" is not label, box, rotated, polygon, mask, line or point'),
    ({"id": "i" * 1025, "box": [1, 1, 2, 2]}, "its id is not UTF-8 of 1 to 1024 bytes"),
    ('{"id":"2","box":[1,1,2,2]}', 'it names no sample ("sample")'),
    ('{"category":{"class":"x","colour":"y"},"code":1}', '"category" is no object of one key and value'),
    ('{"category":{"class":"x"},"code":1.5}', '"code" is no whole number'),
    ('{"sample":"a","rows":-1}', '"rows" is no size'),
    ('{"sample":"a"', "column"),
    ("[1,2", "column"),
    ("17", "no JSON object"),
]


@pytest.mark.parametrize("wrong, why", WRONG, ids=range(len(WRONG)))
def test_a_wrong_record_is_named(tmp_path, wrong, why):
    """One line with the line's number, and nothing done; with --skip-bad the others are in."""
    if isinstance(wrong, dict):
        wrong = json.dumps({"sample": "a", "id": "2", **wrong})
    before = added(tmp_path / "s.h5", [BOX]) and (tmp_path / "s.h5").read_bytes()
    records = [{**BOX, "id": "8"}, wrong, {**BOX, "id": "9"}]
    told = added(tmp_path / "s.h5", records, code=1).stderr
    assert told.count("\n") == 1 and why in told and len(told) < 1000
    assert "standard input: line 2" in told or (wrong.startswith("[") and "standard input: " in told)
    if wrong.startswith('{"sample": "a", "id": "2"') and "member" not in why:
        assert 'sample "a", annotation "2": ' in told
    assert (tmp_path / "s.h5").read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["s.h5"]
    text = "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records)
    told = run_vedatile("annotations", "add", tmp_path / "s.h5", "-", "--free", "--skip-bad", "--json", input=text)
    assert json.loads(told.stdout)["added"] == 2 and json.loads(told.stdout)["failed"] == 1


def test_samples_that_a_store_has_not(olinda, tmp_path):
    store = tmp_path / "a.h5"
    shutil.copy(olinda, store)
    text = json.dumps({**BOX, "sample": "nowhere"})
    told = run_vedatile("annotations", "add", store, "-", input=text, code=1).stderr
    assert told == ('vedatile annotations: standard input: line 1, sample "nowhere", annotation "1": '
                    'the store has no such sample\n')
    text = json.dumps({"sample": "nowhere"})
    assert 'sample "nowhere": the store has no such sample' in run_vedatile(
        "annotations", "add", store, "-", input=text, code=1).stderr


def test_the_same_id_twice(tmp_path):
    told = added(tmp_path / "s.h5", [BOX, {**BOX, "sample": "b"}, {**BOX, "box": [1, 1, 2, 2]}], code=1).stderr
    assert 'line 3, sample "a", annotation "1": line 1 has that id on that sample as well' in told


# --- files ---------------------------------------------------------------------------------------

def every_column(path):
    added(path, [{"sample": "a", "rows": 4, "cols": 5, "metadata": {"x": 1}}, {"category": {"class": "x"}, "code": 3},
                 {**BOX, "box": [1, 1, 2, 2], "flags": ["crowd"], "area": 3, "metadata": {"by": "me"}},
                 {"sample": "a", "id": "2", "rotated": [2, 2, 1, 1, 0.5], "labels": {"class": {"x": 0.5, "y": 0.25}}},
                 {"sample": "a", "id": "3", "coordinates": [[[0, 0], [4, 0], [4, 4]], [[1, 1], [2, 1], [2, 2]]]},
                 {"sample": "a", "id": "3b", "box": [1, 1, 2, 2], "label": "x"},
                 {"sample": "a", "id": "4", "mask": MASK, "label": "x"}, {"sample": "b", "code": 9}])
    run_vedatile("annotations", "remove", path, "--free", "--sample", "a", "--id", "3b")  # numbers are a column then
    return path


def seen(path):
    """What comes of a file: a summary, or one line that refuses it."""
    done = subprocess.run([VEDATILE, "annotations", "list", path, "--free", "--json"], capture_output=True, text=True, timeout=60)
    check_clean(done.stderr)
    assert done.returncode in (0, 1), (done.returncode, done.stderr)
    if done.returncode == 1:
        assert done.stderr.count("\n") == 1 and str(path) in done.stderr and done.stdout == "", done.stderr
        return None
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_truncated_files_are_refused(tmp_path):
    """Nothing is missed but zeros behind what HDF5 calls the end of the file."""
    path = every_column(tmp_path / "s.h5")
    whole, truth = path.read_bytes(), summary(path)
    end = len(whole.rstrip(b"\0"))
    for size in [0, 1, 7, 8, 95, 96, 500, *range(1000, end, 4777), end - 1, len(whole) - 1]:
        (tmp_path / "t.h5").write_bytes(whole[:size])
        found = seen(tmp_path / "t.h5")
        assert found is None or (size > end and {**found, "path": ""} == {**truth, "path": ""}), size


def test_flipped_bytes_change_nothing_or_are_found(tmp_path):
    """A flip where nothing of ours lies is harmless; all others are refused in one line, also those in
    HDF5's own structures (of which HDF5 1.10 would complain once more when the process ends)."""
    path = every_column(tmp_path / "s.h5")
    whole, truth = path.read_bytes(), summary(path)
    chosen = random.Random(6)
    refused = 0
    for turn in range(90):  # HDF5's structures are at the beginning
        at = chosen.randrange(len(whole) if turn % 3 == 0 else 11000)
        damaged = bytearray(whole)
        damaged[at] ^= 1 << chosen.randrange(8)
        (tmp_path / "t.h5").write_bytes(damaged)
        found = seen(tmp_path / "t.h5")
        refused += found is None
        assert found is None or {**found, "path": ""} == {**truth, "path": ""}, at
    assert refused > 20


def vlen(file):
    del file["annotations/box"]
    file.create_dataset("annotations/box", (6,), h5py.vlen_dtype(np.uint8))


EDITS = {
    "a value": lambda file: file["annotations/box"].__setitem__((0, 0), 7),
    "an attribute": lambda file: file.attrs.__setitem__("next_number", np.bytes_("99")),
    "a new column": lambda file: file.create_dataset("annotations/more", data=[1]),
    "a column less": lambda file: file.__delitem__("annotations/kind"),
    "a link": lambda file: file.__setitem__("annotations/far", h5py.SoftLink("/annotations/box")),
    "a file beside": lambda file: file.__setitem__("annotations/far", h5py.ExternalLink("/etc/passwd", "/")),
    "a group": lambda file: file.create_group("annotations/inner"),
    "texts of any length": vlen,
    "chunks": lambda file: file.create_dataset("annotations/more", data=np.zeros(99), chunks=(9,), compression=1),
    "outside bytes": lambda file: file.create_dataset("annotations/more", (9,), "u1", external=[("/etc/hostname", 0, 9)]),
    "no digest": lambda file: file.attrs.__delitem__("content_sha256"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edits_of_other_programs_are_refused(tmp_path, edit):
    path = every_column(tmp_path / "s.h5")
    with h5py.File(path, "r+") as file:
        EDITS[edit](file)
    assert seen(path) is None
    told = added(path, [{**BOX, "id": "9"}], code=1).stderr
    assert told.count("\n") == 1 and str(path) in told


def sealed(path):
    """Writes the digest anew, as schemas/annotations.md says it is made."""
    import hashlib
    found = []
    with h5py.File(path, "r+") as file:
        def note(name, item):
            if isinstance(item, h5py.Dataset):
                width = item.shape[1] if item.ndim == 2 else 1
                digest = hashlib.sha256(item[...].tobytes()).hexdigest()
                found.append(f"column {name} {item.dtype.name} {item.shape[0]} {width} {digest}")
        file.visititems(note)
        for name, value in file.attrs.items():
            if name != "content_sha256":
                text = value if isinstance(value, bytes) else str(value).encode()
                found.append(f"text {name} {hashlib.sha256(text).hexdigest()}")
        text = "".join(line + "\n" for line in sorted(found, key=str.encode))
        digest = hashlib.sha256(text.encode()).hexdigest()
        old = file.attrs["content_sha256"]
        file.attrs.create("content_sha256", digest, dtype=h5py.string_dtype("utf-8", 64))
    return digest, old if isinstance(old, str) else old.decode()


LIES = {
    "sample beyond": ("annotations/sample", 0, 99), "kind": ("annotations/kind", 0, 9),
    "label beyond": ("annotations/label", 0, 99), "label offsets": ("annotations/label_offsets", 1, 2**60),
    "ring offsets fall": ("annotations/ring_offsets", 1, 2**63), "part offsets": ("annotations/part_offsets", 1, 77),
    "shape offsets": ("annotations/shape_offsets", 3, 2**40), "count offsets": ("annotations/count_offsets", 4, 9),
    "runs": ("annotations/counts", 0, 2**32 - 1), "size": ("annotations/size", 3, 0),
    "text offsets": ("samples/reference_offsets", 1, 2**62), "id offsets": ("annotations/id_offsets", 1, 0),
    "box": ("annotations/box", 0, np.nan), "flags": ("annotations/flags", 0, 255),
    "number twice": ("annotations/number", 1, 0), "points": ("annotations/points", 0, np.inf),
    "rotated": ("annotations/rotated", 1, np.nan), "reference": ("samples/reference_text", 0, 0xff),
    "no end of text": ("samples/reference_text", -1, 65), "metadata": ("annotations/metadata_text", 0, 65),
}


def test_the_digest_is_as_the_schema_says(tmp_path):
    new, old = sealed(every_column(tmp_path / "s.h5"))
    assert new == old and seen(tmp_path / "s.h5") is not None


@pytest.mark.parametrize("lie", LIES)
def test_hostile_columns_with_a_right_digest(tmp_path, lie):
    """What no writer of ours would write is refused in one line, whatever the digest says."""
    path = every_column(tmp_path / "s.h5")
    name, row, value = LIES[lie]
    with h5py.File(path, "r+") as file:
        column = file[name][...]
        column[row] = value
        file[name][...] = column
    sealed(path)
    assert seen(path) is None, lie


# --- saving --------------------------------------------------------------------------------------

def test_killed_while_saving(tmp_path):
    """Whenever it is killed, the set is the old one or the new one, and the next writer goes on."""
    path = tmp_path / "s.h5"
    added(path, [BOX])
    more = tmp_path / "more.jsonl"
    seconds = None
    chosen = random.Random(3)
    for turn in range(7):
        before = summary(path)["annotations"]
        more.write_text("".join(json.dumps({**BOX, "id": f"{turn}-{i}"}) + "\n" for i in range(5000)))
        began = time.monotonic()
        process = subprocess.Popen([VEDATILE, "annotations", "add", path, more, "--free"], stdout=subprocess.DEVNULL)
        if seconds is None:
            assert process.wait() == 0
            seconds = time.monotonic() - began
        else:
            time.sleep(seconds * chosen.uniform(0.3, 1.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
        after = summary(path)["annotations"]
        assert after in (before, before + 5000)
    added(path, [{**BOX, "id": "last"}])
    assert summary(path)["annotations"] == after + 1
    assert [item.name for item in sorted(tmp_path.iterdir())] == ["more.jsonl", "s.h5"]


def test_two_writers(tmp_path):
    """The second is told, or waits its turn; neither loses what the other did."""
    path = tmp_path / "s.h5"
    added(path, [BOX])
    code = ("import fcntl, os, sys, time\n"
            "handle = os.open(sys.argv[1] + '.lock', os.O_CREAT | os.O_RDWR)\n"
            "fcntl.flock(handle, fcntl.LOCK_EX)\nprint('held', flush=True)\nsys.stdin.readline()\n")
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    told = added(path, [{**BOX, "id": "2"}], code=1).stderr
    assert told.count("\n") == 1 and "another process is changing it" in told
    assert summary(path)["annotations"] == 1  # reading needs no lock
    waiting = [subprocess.Popen([VEDATILE, "annotations", "add", path, "-", "--free", "--wait", "60"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for i, process in enumerate(waiting):
        process.stdin.write(json.dumps({**BOX, "id": f"w{i}"}) + "\n")
        process.stdin.close()
    time.sleep(0.2)
    assert all(process.poll() is None for process in waiting)
    holder.stdin.write("\n")
    holder.stdin.close()
    assert holder.wait() == 0 and [process.wait() for process in waiting] == [0] * 4
    for process in (*waiting, holder):
        process.stdout.close()
    assert summary(path)["annotations"] == 5
