"""Windows that lie on no grid: which there are, what is in them, and that nothing else has a say."""
import collections
import itertools
import json
import signal
import subprocess

import h5py
import numpy
import pytest
import rasterio
from big import (ALL_TASKS, ORIGIN, digest, feed, keys, make_labels, make_scene, refused)
from conftest import VEDATILE, check_clean
from reference import Store

TILE = 48
KIND = ("--class-field", "kind")


def windows_of(store, group="train"):
    """[(scene row, col, row, cols, rows)] in the store's order."""
    with h5py.File(store, "r") as file:
        samples = file[group]["samples"][...]
    return [(int(s["scene"]), *(int(v) for v in s["window"])) for s in samples]


def places(store, group="train"):
    return [window[1:3] for window in windows_of(store, group)]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("windows")
    make_scene(folder / "a.tif", 512, 384, bands=2, seed=1, tiled=True, blockxsize=64,
               blockysize=64)
    make_scene(folder / "b.tif", 300, 200, bands=2, seed=2, origin=(ORIGIN[0] + 512, ORIGIN[1]))
    make_labels(folder / "labels.json", 812, 384, 120)
    return folder


def fill(town, store, *arguments, scenes="ab", labels=True, **options):
    named = ("--labels", town / "labels.json", *KIND, *ALL_TASKS) if labels else ()
    return feed(store, "--image", *[town / f"{name}.tif" for name in scenes], *named, "--tile",
                TILE, "--codec", "raw", *arguments, **options)


RANDOM = ("--windows", "random", "--match", "all")


# --- random --------------------------------------------------------------------------------------

def test_random_windows_are_the_crops_they_say(town, store):
    said = fill(town, store, *RANDOM, "--count", 60, "--seed", 5)
    assert said["windows"] == said["written"] == 120
    found = windows_of(store)
    assert len(set(found)) == 120
    assert collections.Counter(window[0] for window in found) == {0: 60, 1: 60}
    images = Store(store).images
    pixels = []
    for name in "ab":
        with rasterio.open(town / f"{name}.tif") as scene:
            pixels.append(scene.read())
    for image, (scene, col, row, cols, rows) in zip(images, found):
        assert (cols, rows) == (TILE, TILE)
        assert 0 <= col <= pixels[scene].shape[2] - TILE and 0 <= row <= pixels[scene].shape[1] - TILE
        assert (image == pixels[scene][:, row:row + TILE, col:col + TILE]).all()


def test_random_labels_are_those_of_the_grid(town, tmp_path):
    """A random window's mask is the crop of the scene's, which a grid of one pixel stride has."""
    random, whole = tmp_path / "random.h5", tmp_path / "whole.h5"
    fill(town, random, *RANDOM, "--count", 80, scenes="b")
    feed(whole, "--image", town / "b.tif", "--labels", town / "labels.json", *KIND, *ALL_TASKS,
         "--tile", "300x200", "--match", "all", "--codec", "raw")
    scene = Store(whole).masks[0]
    assert scene.any()
    for mask, (col, row) in zip(Store(random).masks, places(random)):
        assert (mask == scene[row:row + TILE, col:col + TILE]).all()


@pytest.mark.parametrize("apart", [(), ("--apart",)], ids=["anywhere", "apart"])
def test_more_windows_only_add(town, store, tmp_path, apart):
    fill(town, store, *RANDOM, "--count", 10, *apart, scenes="a")
    few = set(places(store))
    assert fill(town, store, *RANDOM, "--count", 10, *apart, scenes="a")["written"] == 0
    said = fill(town, store, *RANDOM, "--count", 25, *apart, scenes="a")
    assert (said["existing"], said["written"]) == (10, 15)
    fill(town, tmp_path / "once.h5", *RANDOM, "--count", 25, *apart, scenes="a")
    assert few < set(places(store)) == set(places(tmp_path / "once.h5"))


def test_seed_and_scene_choose(town, tmp_path):
    found = []
    for number, options in enumerate([(), ("--seed", 1)]):
        store = tmp_path / f"{number}.h5"
        fill(town, store, *RANDOM, "--count", 20, *options)
        found.append(set(windows_of(store)))
    assert not found[0] & found[1]
    assert not {w[1:] for w in found[0] if w[0] == 0} & {w[1:] for w in found[0] if w[0] == 1}


def test_other_scenes_have_no_say(town, tmp_path):
    fill(town, tmp_path / "alone.h5", *RANDOM, "--count", 20, scenes="b")
    fill(town, tmp_path / "both.h5", *RANDOM, "--count", 20, scenes="ab")
    both = [window[1:3] for window in windows_of(tmp_path / "both.h5") if window[0] == 1]
    assert places(tmp_path / "alone.h5") == both


def test_every_place_when_there_are_no_more(town, store):
    said = feed(store, "--image", town / "b.tif", "--tile", "298x198", "--windows", "random",
                "--count", 20)
    assert said["written"] == 9 and "room for only 9 of 20 random windows" in said["warning"]
    assert set(places(store)) == set(itertools.product(range(3), range(3)))


def test_apart(town, store):
    said = fill(town, store, *RANDOM, "--count", 500, "--apart", labels=False)
    assert "apart" in said["warning"]
    found = windows_of(store)
    for scene, cols, rows in ((0, 512, 384), (1, 300, 200)):
        covered = numpy.zeros((rows, cols), int)
        count = 0
        for _, col, row, *_ in (w for w in found if w[0] == scene):
            covered[row:row + TILE, col:col + TILE] += 1
            count += 1
        assert covered.max() == 1
        # None of the others would fit any more: at every place a window overlaps one that is there.
        sums = numpy.lib.stride_tricks.sliding_window_view(covered, (TILE, TILE)).sum((2, 3))
        assert (sums > 0).mean() > 0.99
        assert count * TILE * TILE > 0.3 * cols * rows


def test_random_of_a_split_by_ground(town, store):
    """No ground pixel in two groups, also where windows lie anywhere."""
    said = fill(town, store, *RANDOM, "--count", 300, "--split", "train=0.6,test=0.4", scenes="a")
    assert said["groups"]["train"] > 20 and said["groups"]["test"] > 10 and said["straddling"] > 0
    covered = {}
    for group in ("train", "test"):
        covered[group] = numpy.zeros((384, 512), bool)
        for col, row in places(store, group):
            covered[group][row:row + TILE, col:col + TILE] = True
    assert not (covered["train"] & covered["test"]).any()


@pytest.mark.parametrize("options", [("--count", 70), ("--count", 40, "--apart")],
                         ids=["random", "apart"])
def test_threads(town, tmp_path, options):
    found = set()
    for threads in (1, 2, 7):
        store = tmp_path / f"{threads}.h5"
        fill(town, store, *RANDOM, *options, "--threads", threads)
        found.add((digest(store), str(keys(store))))
    assert len(found) == 1


@pytest.mark.parametrize("options", [("--count", 900, "--seed", 3)], ids=["random"])
def test_killed_and_resumed(town, tmp_path, options):
    """Killed at any moment and run again: as if nothing had happened."""
    fill(town, tmp_path / "whole.h5", *RANDOM, *options)
    store = tmp_path / "killed.h5"
    command = [VEDATILE, "feed", store, "--image", town / "a.tif", town / "b.tif", "--labels",
               town / "labels.json", *KIND, *ALL_TASKS, "--tile", TILE, *RANDOM, *options,
               "--commit-seconds", "0.001", "--codec", "raw"]
    interrupted = 0
    for attempt in range(8):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        try:
            process.wait(0.02 + 0.05 * attempt)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            interrupted += 1
        check_clean(process.communicate()[1])
    assert interrupted > 0
    fill(town, store, *RANDOM, *options)
    assert digest(store) == digest(tmp_path / "whole.h5")


@pytest.mark.parametrize("arguments, says", [
    (("--windows", "random"), "--count"),
    (("--windows", "random", "--count", 5, "--stride", 7), "--stride needs --windows grid"),
    (("--windows", "random", "--count", 5, "--edge", "pad"), "--edge needs --windows grid"),
    (("--windows", "grid", "--count", 5), "need --windows random"),
    (("--windows", "grid", "--apart"), "need --windows random"),
    (("--count", 5), "--count"),
    (("--windows", "random", "--count", 1000000001), "1 to 100000000"),
])
def test_options_that_do_not_go_together(town, tmp_path, arguments, says):
    refused(tmp_path, ["feed", tmp_path / "x.h5", "--image", town / "a.tif", *arguments], says,
            code=2)


def test_a_tile_that_does_not_fit(town, tmp_path):
    refused(tmp_path, ["feed", tmp_path / "x.h5", "--image", town / "b.tif", "--tile", 201,
                       "--windows", "random", "--count", 5], "larger than the scene", code=2)


def test_the_configuration_says_which(town, store):
    fill(town, store, *RANDOM, "--count", 3, "--seed", 9)
    fill(town, store, "--match", "all")
    with h5py.File(store, "r") as file:
        random, grid = json.loads(file.attrs["feed_config"])
    assert random["windows"] == {"from": "random", "count": 3, "apart": False, "seed": 9}
    assert "windows" not in grid and grid["stride"] == [TILE, TILE]


# --- the grid, as it always was ------------------------------------------------------------------

@pytest.mark.parametrize("edge", ["drop", "pad", "shift"])
def test_grid_in_plain_arithmetic(town, store, edge):
    said = fill(town, store, "--stride", 40, "--edge", edge, scenes="a", labels=False)

    def starts(size):
        found = list(range(0, size - TILE + 1, 40))
        if (size - TILE) % 40 and edge != "drop":
            found.append(found[-1] + 40 if edge == "pad" else size - TILE)
        return found

    wanted = set(itertools.product(starts(512), starts(384)))
    assert set(places(store)) == wanted and said["windows"] == len(wanted)
