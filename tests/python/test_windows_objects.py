"""Windows around objects, and how many windows without any there are: against Shapely."""
import json

import h5py
import numpy
import pytest
from big import ALL_TASKS, ORIGIN, digest, feed, keys, make_labels, make_scene, refused
from shapely.geometry import Polygon, box
from test_windows import KIND, TILE, fill, places, windows_of

SIZE = {0: (512, 384), 1: (300, 200)}  # columns, rows
CENTRED = ("--windows", "centered")


@pytest.fixture(scope="module")
def village(tmp_path_factory):
    """Two scenes with a few objects."""
    folder = tmp_path_factory.mktemp("village")
    make_scene(folder / "a.tif", 512, 384, seed=1, tiled=True, blockxsize=64, blockysize=64)
    make_scene(folder / "b.tif", 300, 200, seed=2, origin=(ORIGIN[0] + 512, ORIGIN[1]))
    make_labels(folder / "labels.json", 812, 384, 40)
    return folder


def shapes(village, scene):
    """The features in pixels of a scene, in file order; those that do not meet it are None."""
    left = ORIGIN[0] + (512 if scene == 1 else 0)
    frame = box(0, 0, *SIZE[scene])
    found = []
    for feature in json.loads((village / "labels.json").read_text())["features"]:
        points = numpy.array(feature["geometry"]["coordinates"][0])
        shape = Polygon(numpy.c_[points[:, 0] - left, ORIGIN[1] - points[:, 1]])
        found.append(shape.intersection(frame) if shape.intersection(frame).area > 0 else None)
    return found


def has_object(window, features):
    _, col, row, cols, rows = window
    ground = box(col, row, col + cols, row + rows)
    return any(feature.intersects(ground) and feature.intersection(ground).area > 0
               for feature in features if feature is not None)


# --- centred -------------------------------------------------------------------------------------

def expected(village, scene):
    found = set()
    for feature in shapes(village, scene):
        if feature is not None:
            low_x, low_y, high_x, high_y = feature.bounds
            start = [int(numpy.clip(numpy.floor((low + high) / 2 - TILE / 2 + 0.5), 0, size - TILE))
                     for low, high, size in zip((low_x, low_y), (high_x, high_y), SIZE[scene])]
            found.add((scene, *start, TILE, TILE))
    return found


def test_one_window_around_each_object(village, store):
    said = fill(village, store, *CENTRED)
    assert set(windows_of(store)) == expected(village, 0) | expected(village, 1)
    assert said["windows"] == said["written"] == len(windows_of(store)) > 30
    assert fill(village, store, *CENTRED)["written"] == 0


def test_jitter(village, tmp_path):
    """Each window holds the middle of a feature, at most J pixels from its own middle (or at the
    scene's edge); another seed, other windows."""
    found = []
    for seed in (0, 1):
        store = tmp_path / f"{seed}.h5"
        fill(village, store, *CENTRED, "--jitter", 10, "--seed", seed)
        found.append(set(windows_of(store)))
        middles = [(scene, *centre[1:3]) for scene in (0, 1) for centre in expected(village, scene)]
        for scene, col, row, *_ in found[-1]:
            assert any(s == scene and abs(c - col) <= 10 and abs(r - row) <= 10
                       for s, c, r in middles)
    assert len(found[0] & found[1]) < len(found[0]) / 10
    assert not found[0] & (expected(village, 0) | expected(village, 1)) == found[0]


def test_another_label_file_does_not_move_windows(village, tmp_path):
    fill(village, tmp_path / "one.h5", *CENTRED, "--jitter", 10, scenes="a")
    make_labels(tmp_path / "more.json", 512, 384, 5, seed=9)
    feed(tmp_path / "two.h5", "--image", village / "a.tif", "--labels", tmp_path / "more.json",
         village / "labels.json", *KIND, *ALL_TASKS, "--tile", TILE, *CENTRED, "--jitter", 10)
    assert set(places(tmp_path / "one.h5")) < set(places(tmp_path / "two.h5"))


def test_objects_of_too_little_share_leave_no_window(tmp_path):
    """A window that shows less of its object than --min-visible has no object."""
    make_scene(tmp_path / "scene.tif", 300, 300)
    make_labels(tmp_path / "labels.json", 300, 300, 30)
    said = feed(tmp_path / "x.h5", "--image", tmp_path / "scene.tif", "--labels",
                tmp_path / "labels.json", *KIND, *ALL_TASKS, "--tile", 8, *CENTRED,
                "--min-visible", 0.9)
    assert said["unlabelled"] > 5 and said["written"] + said["unlabelled"] == said["windows"]


# --- background ----------------------------------------------------------------------------------

def balance(village, store, group="train"):
    """{scene: (windows with an object, windows without)}"""
    features = {scene: shapes(village, scene) for scene in SIZE}
    found = {0: [0, 0], 1: [0, 0]}
    for window in windows_of(store, group):
        found[window[0]][0 if has_object(window, features[window[0]]) else 1] += 1
    return found


SOURCES = {"grid": ("--stride", 20), "random": ("--windows", "random", "--count", 400),
           "centered": CENTRED}


@pytest.mark.parametrize("ratio", [0.1, 0.4])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("match", ["intersect", "all"])
def test_as_many_windows_without_an_object(village, store, source, ratio, match):
    said = fill(village, store, *SOURCES[source], "--background-ratio", ratio, "--match", match)
    for objects, none in balance(village, store).values():
        assert objects > 5 and none == int(ratio * objects + 0.5)
    left_out = said["unlabelled"] + said["background"]
    assert said["written"] + left_out == said["windows"] and said["warning"] is None
    # A window without an object has labels, too: none.
    with h5py.File(store) as file:
        offsets = file["train/labels/box_offsets"][...]
    assert (numpy.diff(offsets) == 0).sum() == sum(none for _, none in balance(village, store).values())
    assert fill(village, store, *SOURCES[source], "--background-ratio", ratio,
                "--match", match)["written"] == 0


def test_a_ratio_above_what_there_is_keeps_all(village, tmp_path):
    said = fill(village, tmp_path / "ratio.h5", "--background-ratio", 1000)
    fill(village, tmp_path / "all.h5", "--match", "all")
    assert digest(tmp_path / "ratio.h5") == digest(tmp_path / "all.h5") and said["background"] == 0
    said = feed(tmp_path / "more.h5", "--image", village / "b.tif", "--labels",
                village / "labels.json", *ALL_TASKS, "--tile", 150, *CENTRED,
                "--background-ratio", 50)
    assert "fewer windows without an object" in said["warning"]


@pytest.mark.parametrize("source", SOURCES)
def test_ratio_holds_in_each_group(village, store, source):
    fill(village, store, *SOURCES[source], "--background-ratio", 0.3, "--split",
         "train=0.6,test=0.4", "--split-by", "random")
    for group in ("train", "test"):
        for objects, none in balance(village, store, group).values():
            assert objects > 0 and none == int(0.3 * objects + 0.5)


def test_the_choice_is_the_seeds(village, tmp_path):
    found = []
    for number, seed in enumerate((0, 0, 1)):
        store = tmp_path / f"{number}.h5"
        fill(village, store, "--background-ratio", 0.5, "--seed", seed, "--threads", 1 + number,
             scenes="ab" if number else "ba")
        found.append(set(places(store)))
    assert found[0] == found[1] != found[2]


def test_what_the_store_has_counts(village, store):
    """More random windows later: the ratio holds for all of them together."""
    for count in (100, 300):
        fill(village, store, "--windows", "random", "--count", count, "--background-ratio", 0.25)
    for objects, none in balance(village, store).values():
        assert none == int(0.25 * objects + 0.5)


@pytest.mark.parametrize("source", SOURCES)
def test_threads(village, tmp_path, source):
    found = set()
    for threads in (1, 2, 7):
        store = tmp_path / f"{threads}.h5"
        fill(village, store, *SOURCES[source], "--background-ratio", 0.5, "--threads", threads)
        found.add((digest(store), str(keys(store))))
    assert len(found) == 1


@pytest.mark.parametrize("arguments, says", [
    (("--jitter", 3), "needs --windows"),
    (("--windows", "random", "--count", 5, "--jitter", 3), "--jitter needs --windows centered"),
    (("--background-ratio", 1), "--background-ratio counts windows with objects"),
    ((*CENTRED,), "give --labels"),
    ((*CENTRED, "--stride", 4), "give --labels"),
])
def test_options_that_do_not_go_together(village, tmp_path, arguments, says):
    refused(tmp_path, ["feed", tmp_path / "x.h5", "--image", village / "a.tif", *arguments], says,
            code=2)


def test_jitter_that_would_miss_the_object(village, tmp_path):
    refused(tmp_path, ["feed", tmp_path / "x.h5", "--image", village / "a.tif", "--labels",
                       village / "labels.json", *KIND, *ALL_TASKS, "--tile", 20, *CENTRED,
                       "--jitter", 10], "below half of the tile", code=2)
