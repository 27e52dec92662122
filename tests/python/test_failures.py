"""Scenes and windows that cannot be read: told, recorded, and tried again; the rest goes on."""
import json
import os
import shutil

import h5py
import numpy
import pytest
import rasterio
from big import digest, feed, keys, make_labels, make_scene, one_line, refused, snapshot
from conftest import run_vedatile

TILE = 64
OF_LABELS = ("--class-field", "kind", "--task", "detection,segmentation", "--match", "all")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Three scenes of 8 x 8 windows, their labels, and the store of all three."""
    folder = tmp_path_factory.mktemp("scenes")
    for i in range(3):
        make_scene(folder / f"{i}.tif", 512, 512, bands=2, seed=i, tiled=True, blockxsize=128,
                   blockysize=128, compress="deflate")
    make_labels(folder / "labels.json", 512, 512, 200)
    feed(folder / "whole.h5", *command(folder))
    return folder


def command(folder, *more):
    return ("--image", *(folder / f"{i}.tif" for i in range(3)), "--labels",
            folder / "labels.json", *OF_LABELS, "--tile", TILE, "--codec", "lz4", *more)


@pytest.fixture
def folder(scenes, tmp_path):
    for i in range(3):
        shutil.copy(scenes / f"{i}.tif", tmp_path)
    shutil.copy(scenes / "labels.json", tmp_path)
    return tmp_path


def cut(path):
    """The blocks in the second half of the file are gone; returns the windows in them."""
    content = path.read_bytes()
    path.write_bytes(content[:len(content) // 2])
    lost = set()
    with rasterio.Env(), rasterio.open(path) as scene:
        for row in range(0, 512, TILE):
            for col in range(0, 512, TILE):
                try:
                    scene.read(window=((row, row + TILE), (col, col + TILE)))
                except rasterio.errors.RasterioIOError:
                    lost.add((col, row, TILE, TILE))
    assert 10 < len(lost) < 60
    return lost


def recorded(store):
    with h5py.File(store) as file:
        return json.loads(file.attrs.get("feed_failures", b"[]"))


def run(store, *arguments, code=1):
    done = run_vedatile("feed", store, *arguments, "--json", code=code)
    return json.loads(done.stdout), done.stderr.splitlines()


def contents(store):
    return digest(store), {name: sorted(found) for name, found in keys(store).items()}


def test_scene_that_is_missing(scenes, folder):
    """The others are fed; the scene is named with the reason, and fed once it is there."""
    store = folder / "s.h5"
    (folder / "1.tif").rename(folder / "away.tif")
    report, lines = run(store, *command(folder))
    assert (report["written"], report["failed_scenes"], report["failed_windows"]) == (128, 1, 0)
    assert report["failures"] == [{"scene": str(folder / "1.tif"), "window": None, "message":
                                   f"{folder / '1.tif'}: no such file: check the path"}]
    assert lines == [f"vedatile feed: failed: {report['failures'][0]['message']}"]
    assert recorded(store) == [{"feed": 1, "message": "1.tif: no such file: check the path",
                                "scene": "1.tif", "window": None}]
    text = run_vedatile("info", store).stdout
    assert "failed    1\n  1.tif: no such file: check the path\n" in text
    assert json.loads(run_vedatile("info", store, "--json").stdout)["failures"] == recorded(store)
    (folder / "away.tif").rename(folder / "1.tif")
    report, _ = run(store, *command(folder), "--retry-failed", code=0)
    assert (report["written"], report["existing"], report["windows"]) == (64, 0, 64)
    assert recorded(store) == [] and "failed" not in run_vedatile("info", store).stdout
    assert contents(store) == contents(scenes / "whole.h5")


@pytest.mark.parametrize("threads", [1, 3])
def test_windows_that_cannot_be_read(scenes, folder, threads):
    """Exactly those that rasterio cannot read either; the list is the same for any threads."""
    store = folder / "s.h5"
    lost = cut(folder / "1.tif")
    report, lines = run(store, *command(folder, "--threads", threads))
    assert report["written"] == 192 - len(lost) and report["failed_windows"] == len(lost)
    assert {tuple(one["window"]) for one in report["failures"]} == lost
    assert {tuple(one["window"]) for one in recorded(store)} == lost
    assert len(lines) == min(len(lost), 21)
    assert str(folder) not in json.dumps(recorded(store))
    report, _ = run(store, *command(folder, "--threads", threads))
    assert (report["written"], report["existing"]) == (0, 192 - len(lost))
    assert [tuple(one["window"]) for one in recorded(store)] == [
        tuple(one["window"]) for one in report["failures"]]
    assert {tuple(one["window"]) for one in recorded(store)} == lost


def test_retry_asks_for_nothing_but_what_failed(scenes, folder):
    store = folder / "s.h5"
    lost = cut(folder / "1.tif")
    run(store, *command(folder))
    with_failures = keys(store)
    shutil.copy(scenes / "1.tif", folder)  # another size, so another digest and other keys
    report, _ = run(store, *command(folder), "--retry-failed", code=0)
    assert report["windows"] == report["written"] == len(lost)
    assert recorded(store) == []
    new = set(keys(store)["train"]) - set(with_failures["train"])
    places = {tuple(map(int, key.split("-")[1:3])) for key in new}
    assert places == {(col, row) for col, row, _, _ in lost}


def test_nothing_to_retry(scenes, folder):
    before = snapshot(scenes)
    report, lines = run(scenes / "whole.h5", *command(scenes), "--retry-failed", code=0)
    assert (report["windows"], report["written"], lines) == (0, 0, [])
    assert snapshot(scenes) == before


def test_many_windows_are_one_scene(folder):
    """256 windows of 32 pixels: more than 100 that fail are recorded as the scene."""
    store = folder / "s.h5"
    content = (folder / "1.tif").read_bytes()
    (folder / "1.tif").write_bytes(content[:len(content) // 4])
    arguments = ("--image", folder / "0.tif", folder / "1.tif", "--tile", 32)
    report, _ = run(store, *arguments)
    assert report["failed_windows"] > 150 and report["failed_scenes"] == 1
    assert report["written"] == 512 - report["failed_windows"]
    assert [(one["scene"], one["window"]) for one in recorded(store)] == [("1.tif", None)]
    again, _ = run(store, *arguments, "--retry-failed")
    assert again["failed_windows"] == report["failed_windows"] and again["written"] == 0
    assert [(one["scene"], one["window"]) for one in recorded(store)] == [("1.tif", None)]


def test_stop(folder):
    """The feed ends with the first failure, as if nothing had been asked."""
    cut(folder / "1.tif")
    refused(folder, ("feed", folder / "s.h5", *command(folder), "--on-failure", "stop"),
            "1.tif: window", "cannot be read")
    (folder / "1.tif").unlink()
    refused(folder, ("feed", folder / "s.h5", *command(folder), "--on-failure", "stop"),
            "1.tif: no such file")


def test_every_scene_fails(folder):
    """Nothing is created, and a store that is there stays as it was."""
    feed(folder / "old.h5", "--image", folder / "2.tif", "--tile", TILE)
    for name in "0.tif", "1.tif":
        (folder / name).write_bytes(b"no image")
    for store in "new.h5", "old.h5":
        refused(folder, ("feed", folder / store, "--image", folder / "0.tif", folder / "1.tif",
                         "--tile", TILE), "0.tif: not a raster")


def test_every_window_fails(folder):
    """A header without pixels: as if the scene could not be opened."""
    feed(folder / "old.h5", "--image", folder / "2.tif", "--tile", TILE)
    content = (folder / "1.tif").read_bytes()
    (folder / "1.tif").write_bytes(content[:4096])
    for store in "new.h5", "old.h5":
        refused(folder, ("feed", folder / store, "--image", folder / "1.tif", "--tile", TILE),
                "1.tif: window col 0 row 0", "cannot be read")


def test_the_first_scene_fails(scenes, folder):
    """The next one says what the store holds."""
    (folder / "0.tif").write_bytes(b"no image")
    report, _ = run(folder / "s.h5", *command(folder))
    assert report["written"] == 128 and recorded(folder / "s.h5")[0]["scene"] == "0.tif"
    shutil.copy(scenes / "0.tif", folder)
    run(folder / "s.h5", *command(folder), "--retry-failed", code=0)
    assert contents(folder / "s.h5") == contents(scenes / "whole.h5")


def test_another_feed_leaves_the_record_alone(folder):
    """It belongs to the feed that failed; `feed` is that feed's place in feed_config."""
    (folder / "1.tif").rename(folder / "away.tif")
    run(folder / "s.h5", *command(folder))
    run(folder / "s.h5", "--image", folder / "2.tif", "--labels", folder / "labels.json",
        *OF_LABELS, "--stride", 32, code=0)
    assert [(one["feed"], one["scene"]) for one in recorded(folder / "s.h5")] == [(1, "1.tif")]
    (folder / "away.tif").rename(folder / "1.tif")
    run(folder / "s.h5", *command(folder), code=0)
    assert recorded(folder / "s.h5") == []


def test_dry_run_names_scenes_and_writes_nothing(folder):
    (folder / "1.tif").unlink()
    before = snapshot(folder)
    report, lines = run(folder / "s.h5", *command(folder), "--dry-run")
    assert report["failed_scenes"] == 1 and report["windows"] == 128 and len(lines) == 1
    assert snapshot(folder) == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_store_that_cannot_be_written_ends_the_feed(folder):
    """A limit on the size of files: not a failure of a scene."""
    done = run_vedatile("feed", folder / "s.h5", *command(folder), code=1, preexec_fn=limit_files)
    one_line(done.stderr, "s.h5")
    assert not (folder / "s.h5").exists()


def limit_files():
    import resource
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"feed":1,"scene":"a","window":[1,2],'
                                  '"message":"m"}]', '[{"feed":0,"scene":"a","window":null,'
                                  '"message":"m"}]'])
def test_damaged_record(folder, text):
    feed(folder / "s.h5", "--image", folder / "2.tif", "--tile", TILE)
    with h5py.File(folder / "s.h5", "r+") as file:
        file.attrs["feed_failures"] = numpy.bytes_(text or " ")
    done = run_vedatile("feed", folder / "s.h5", "--image", folder / "2.tif", code=1)
    one_line(done.stderr, "feed_failures")
