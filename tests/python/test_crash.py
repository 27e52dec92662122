"""A feed that is killed or stopped keeps what it committed, and the same command completes it."""
import json
import os
import random
import signal
import subprocess
import time

import pytest
from big import ALL_TASKS, digest, keys, make_labels, make_scene, snapshot
from conftest import VEDATILE, check_clean, run_vedatile

KILLS = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A scene of 1600 tiles that takes its time to decode, and a label file."""
    folder = tmp_path_factory.mktemp("crash")
    make_scene(folder / "scene.tif", 2560, 2560, bands=3, dtype="uint16", compress="deflate",
               predictor=2, zlevel=1)
    make_labels(folder / "labels.json", 2560, 2560, 3000)
    return folder


def command(folder, store, commit_seconds):
    return [VEDATILE, "feed", store, "--image", folder / "scene.tif", "--labels",
            folder / "labels.json", "--class-field", "kind", *ALL_TASKS, "--tile", "64",
            "--match", "all", "--threads", "2", "--split", "train=0.8,test=0.2",
            "--commit-seconds", commit_seconds]


def start(folder, store, commit_seconds=0.005):
    arguments = [str(word) for word in command(folder, store, commit_seconds)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(folder, store):
    process = start(folder, store)
    said = process.communicate(timeout=120)
    check_clean(said[1])
    assert process.returncode == 0, said
    return said[0]


@pytest.fixture(scope="module")
def whole(folder):
    """Digest and keys of a feed that nothing disturbs, and the seconds it takes when warm."""
    for name in ("cold.h5", "whole.h5"):
        begin = time.monotonic()
        run(folder, folder / name)
        seconds = time.monotonic() - begin
    return digest(folder / "whole.h5"), keys(folder / "whole.h5"), seconds


def has_pending_journal(store):
    """A commit that the kill caught on its way into the store: other readers than vedatile have to
    wait until it is there (docs/make-a-store.md)."""
    journal = store.with_name(store.name + ".journal")
    return journal.exists() and journal.stat().st_size > 4096


def assert_sound(store, whole_keys):
    """Absent, or clean and the beginning of the whole store. Returns the number of samples."""
    if not store.exists():
        return 0
    digest(store)  # fails unless `check` is clean
    info = json.loads(run_vedatile("info", store, "--json").stdout)
    found = {name: group["count"] for name, group in info["groups"].items()}
    if not has_pending_journal(store):
        assert keys(store) == {name: whole_keys[name][:count] for name, count in found.items()}
    return sum(found.values())


def kill(process, seconds):
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("part", range(KILLS))
def test_kill(folder, whole, store, part):
    """One moment in each tenth of the run; the seed makes it the same share in every run."""
    share = (part + random.Random(part).random()) / KILLS
    killed = kill(start(folder, store), share * whole[2])
    kept = assert_sound(store, whole[1])
    assert killed or kept == 1600
    run(folder, store)
    assert digest(store) == whole[0] and keys(store) == whole[1]
    assert os.listdir(store.parent) == [store.name]


def size(store):
    return store.stat().st_size if store.exists() else 0


def test_killed_again_and_again(folder, whole, store):
    """Every try goes on where the last one was killed, the kills in its recovery included."""
    kept = []
    for seed in range(8):
        before = size(store)
        process = start(folder, store)
        while size(store) == before and process.poll() is None:
            time.sleep(0.001)
        kill(process, random.Random(seed).uniform(0, 0.05))
        kept.append(assert_sound(store, whole[1]))
    assert kept == sorted(kept) and kept[-1] > 0, kept
    run(folder, store)
    assert digest(store) == whole[0] and keys(store) == whole[1]
    assert os.listdir(store.parent) == [store.name]


def test_fifty_kills(folder, whole, store):
    """At random moments of a feed that goes on after each; a store that gets whole before the
    fiftieth is compared and begun anew."""
    moments, kills, wholes = random.Random(50), 0, 0
    while kills < 50 or wholes == 0:
        if kill(start(folder, store), moments.uniform(0, whole[2] / (4 if kills < 50 else 0.01))):
            kills += 1
            continue
        assert digest(store) == whole[0] and keys(store) == whole[1]
        assert os.listdir(store.parent) == [store.name]
        store.unlink()
        wholes += 1


def kill_between_journal_and_store(folder, store):
    """True when the kill came after a commit's journal was whole and before it was applied."""
    process = start(folder, store)
    while not has_pending_journal(store) and process.poll() is None:
        pass
    process.kill()
    process.communicate()
    return has_pending_journal(store)


def test_kill_between_journal_and_store(folder, whole, store):
    """The commit has happened: readers see it, and the next writer brings it into the store."""
    for _ in range(30):
        if kill_between_journal_and_store(folder, store):
            break
        if store.exists():
            run(folder, store)
            store.unlink()
    else:
        pytest.skip("no kill came at the right moment")
    kept = assert_sound(store, whole[1])
    assert kept > 0
    assert f"{kept}  already in the store" in run(folder, store)
    assert digest(store) == whole[0] and keys(store) == whole[1]
    assert os.listdir(store.parent) == [store.name]


def wait_for(store, process):
    """Until the first commit is there."""
    end = time.monotonic() + 60
    while not store.exists():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.001)


def test_kill_leaves_the_committed(folder, whole, store):
    """The test above would pass if every kill lost everything."""
    process = start(folder, store)
    wait_for(store, process)
    process.kill()
    process.communicate()
    assert assert_sound(store, whole[1]) > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_stop(folder, whole, store, number):
    process = start(folder, store)
    wait_for(store, process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    check_clean(stderr)
    kept = assert_sound(store, whole[1])
    assert (process.returncode, stdout) == (1, "")
    assert stderr.count("\n") == 1 and f"{store} keeps {kept} samples" in stderr
    assert 0 < kept < 1600
    assert os.listdir(store.parent) == [store.name]
    assert f"{kept}  already in the store" in run(folder, store)
    assert digest(store) == whole[0] and keys(store) == whole[1]


def test_stop_before_the_first_commit(folder, whole, store):
    """A stop commits what is done."""
    process = start(folder, store, commit_seconds=1000)
    while not store.with_name("store.h5.part").exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and "stopped" in stderr
    assert 0 < assert_sound(store, whole[1]) < 1600
    assert os.listdir(store.parent) == [store.name]
    run(folder, store)
    assert digest(store) == whole[0]


def test_readers_beside_a_writer(folder, whole, store, vedatile):
    """Whatever moment they look, they see whole commits."""
    process = start(folder, store)
    wait_for(store, process)
    looks = 0
    while process.poll() is None:
        vedatile("check", store)
        vedatile("info", store)
        looks += 1
    check_clean(process.communicate()[1])
    assert process.returncode == 0 and looks > 0
    assert digest(store) == whole[0]


def test_left_part_file_is_no_hindrance(folder, whole, store):
    """As a kill before the first commit leaves it."""
    store.with_name("store.h5.part").write_bytes(b"half a store" * 1000)
    run(folder, store)
    assert digest(store) == whole[0]
    assert os.listdir(store.parent) == [store.name]


def test_bytes_past_the_end_are_cut_off(folder, whole, store):
    """As a kill between two commits leaves them."""
    run(folder, store)
    before = snapshot(store.parent)
    with open(store, "ab") as file:
        file.write(b"torn" * 5000)
    assert digest(store) == whole[0]
    run(folder, store)
    assert snapshot(store.parent) == before
