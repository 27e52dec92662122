"""The same samples, however they came into the store."""
import shutil

import h5py
import pytest
from big import (ALL_TASKS, ORIGIN, digest, feed, keys, make_labels, make_scene, polygon, refused,
                 snapshot, square, write_labels)

TILES = ("--tile", 64, "--stride", 48, "--match", "all")


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Two scenes side by side, a and b, and labels over both."""
    folder = tmp_path_factory.mktemp("town")
    make_scene(folder / "a.tif", 512, 384, bands=3, seed=1, tiled=True, blockxsize=128,
               blockysize=128, compress="deflate")
    make_scene(folder / "b.tif", 384, 512, bands=3, seed=2, origin=(ORIGIN[0] + 512, ORIGIN[1]))
    make_labels(folder / "labels.json", 896, 384, 300)
    return folder


def fill(town, store, *arguments, scenes="ab"):
    return feed(store, "--image", *[town / f"{name}.tif" for name in scenes], "--labels",
                town / "labels.json", "--class-field", "kind", *ALL_TASKS, *TILES, *arguments)


@pytest.fixture(scope="module")
def whole(town, tmp_path_factory):
    """Both scenes fed at once, by one thread."""
    path = tmp_path_factory.mktemp("whole") / "whole.h5"
    fill(town, path, "--threads", 1)
    return path


# --- equal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_threads(town, whole, store, threads):
    fill(town, store, "--threads", threads)
    assert digest(store) == digest(whole)
    assert keys(store) == keys(whole)  # their order, too


def test_threads_give_equal_bytes_of_tiles(town, whole, store):
    fill(town, store, "--threads", 8, "--commit-seconds", 0.001)
    with h5py.File(store, "r") as ours, h5py.File(whole, "r") as other:
        for name in ("images", "samples", "labels/boxes", "labels/box_feature",
                     "labels/box_offsets", "metadata/text"):
            assert (ours["train"][name][...] == other["train"][name][...]).all(), name


@pytest.mark.parametrize("codec", ["raw", "lz4", "deflate", "zstd", "auto"])
def test_codecs(town, whole, store, codec):
    fill(town, store, "--codec", codec)
    assert digest(store) == digest(whole)


def test_file_and_store_name(town, whole, tmp_path):
    fill(town, tmp_path / "x.h5", "--name", "another name")
    assert digest(tmp_path / "x.h5") == digest(whole)


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_two_commands(town, whole, store, order):
    for scene in order:
        fill(town, store, scenes=scene)
    assert digest(store) == digest(whole)


def test_scenes_in_another_order(town, whole, store):
    fill(town, store, scenes="ba")
    assert digest(store) == digest(whole)


def test_check_threads(whole, vedatile):
    found = {vedatile("check", whole, "--digest", "--threads", n).stdout for n in (1, 2, 8)}
    assert len(found) == 1


def test_block_layout_does_not_matter(tmp_path):
    """Equal pixels in strips and in squares: other keys, equal tiles in equal order."""
    make_scene(tmp_path / "strips.tif", 300, 200, bands=2, dtype="uint16")
    make_scene(tmp_path / "squares.tif", 300, 200, bands=2, dtype="uint16", tiled=True,
               blockxsize=64, blockysize=64, interleave="band", compress="lzw")
    images = []
    for name in ("strips", "squares"):
        feed(tmp_path / name, "--image", tmp_path / f"{name}.tif", "--tile", 50, "--codec", "raw")
        with h5py.File(tmp_path / name, "r") as file:
            images.append(file["train/images"][...])
    assert (images[0] == images[1]).all()


# --- not equal: a digest that never differs proves nothing ---------------------------------------


@pytest.mark.parametrize("arguments", [
    ("--bands", "1,3,2"), ("--classes", "house,car,tree"), ("--mask-order", "area"),
    ("--min-visible", "0.5"), ("--edge", "shift"), ("--group", "test"),
    ("--split", "train=1,test=1"),
], ids=lambda arguments: arguments[0])
def test_digest_tells_apart(town, whole, store, arguments):
    fill(town, store, *arguments)
    assert digest(store) != digest(whole)


def test_digest_tells_one_label_apart(tmp_path):
    make_scene(tmp_path / "a.tif", 64, 64)
    found = set()
    for side in (10, 10.25):
        labels = write_labels(tmp_path / "a.json", [polygon(square(500010, 3999990, side))])
        feed(tmp_path / f"{side}.h5", "--image", tmp_path / "a.tif", "--labels", labels, "--task",
             "detection", "--tile", 64)
        found.add(digest(tmp_path / f"{side}.h5"))
    assert len(found) == 2


# --- feeding again -------------------------------------------------------------------------------


def test_again_writes_nothing(town, whole, store):
    shutil.copy(whole, store)
    before = snapshot(store.parent)
    report = fill(town, store)
    assert report["written"] == report["boxes"] == 0
    assert report["existing"] == report["windows"] > 0
    assert snapshot(store.parent) == before


def test_copy_of_a_scene_is_the_same_scene(town, whole, store, tmp_path):
    shutil.copy(whole, store)
    shutil.copy(town / "a.tif", tmp_path / "renamed.tif")
    report = feed(store, "--image", tmp_path / "renamed.tif", "--labels", town / "labels.json",
                  "--class-field", "kind", *TILES)
    assert report["written"] == 0 and report["existing"] == report["windows"]


def test_a_scene_given_twice(town, store):
    report = fill(town, store, scenes="aa")
    assert report["written"] == len(keys(store)["train"])
    fill(town, store.parent / "once.h5", scenes="a")
    assert digest(store) == digest(store.parent / "once.h5")


def test_another_scene_is_added(town, store):
    first = fill(town, store, scenes="a")
    old = keys(store)["train"]
    second = fill(town, store, scenes="b")
    assert second["existing"] == 0 and second["written"] > 0
    assert keys(store)["train"][:len(old)] == old
    assert len(keys(store)["train"]) == first["written"] + second["written"]


def test_more_windows_of_a_scene_are_added(town, store):
    """The shifted windows at the edges are new, the others are there."""
    first = fill(town, store, scenes="a")
    second = fill(town, store, "--edge", "shift", scenes="a")
    assert second["existing"] == first["written"]
    assert second["written"] == second["windows"] - first["written"] > 0


def test_options_of_the_store_are_taken(town, whole, store):
    """Task, tile and classes need not be said again."""
    shutil.copy(whole, store)
    report = feed(store, "--image", town / "a.tif", "--labels", town / "labels.json",
                  "--class-field", "kind", "--stride", 48)
    assert report["existing"] == report["windows"]


def test_dry_run_writes_nothing(town, whole, store):
    dry = fill(town, store, "--dry-run")
    assert not store.exists() and not snapshot(store.parent)
    assert dry["windows"] == dry["written"] == len(keys(whole)["train"])


# --- what does not fit is refused ---------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    """A folder with a store of detections, its scene, and scenes that do not fit."""
    make_scene(tmp_path / "a.tif", 64, 64, bands=3)
    make_scene(tmp_path / "new.tif", 64, 64, bands=3, seed=5)
    make_scene(tmp_path / "u16.tif", 64, 64, bands=3, dtype="uint16")
    make_scene(tmp_path / "five.tif", 64, 64, bands=5)
    make_labels(tmp_path / "a.json", 64, 64, 20)
    write_labels(tmp_path / "other.json", [polygon(square(500010, 3999990, 20), kind="boat")])
    feed(tmp_path / "store.h5", "--image", tmp_path / "a.tif", "--labels", tmp_path / "a.json",
         "--class-field", "kind", "--task", "detection", "--tile", 32)
    return tmp_path


@pytest.mark.parametrize("scene, labels, more, says", [
    ("new", "a", ("--tile", 64), ("32 x 32", "64 x 64")),
    ("new", "a", ("--tile", "32x16"), ("32 x 32", "32 x 16")),
    ("u16", "a", (), ("u16.tif", "uint8", "uint16")),
    ("five", "a", (), ("five.tif", "3 bands", "5 bands")),
    ("new", "a", ("--bands", "1,2"), ("3 bands", "2 bands")),
    ("new", "a", ("--task", "segmentation"), ("detection", "segmentation")),
    ("new", "a", ("--task", "detection,segmentation"), ("detection", "segmentation")),
    ("new", "a", ("--classes", "car,tree,house"), ("car,house,tree", "car,tree,house")),
    ("new", "a", ("--classes", "car,house,tree,boat"), ("car,house,tree,boat",)),
    ("new", "other", (), ("other.json", "boat")),
], ids=["tile", "not square", "dtype", "bands", "fewer bands", "task", "more tasks", "class order",
        "more classes", "class"])
def test_what_does_not_fit(small, scene, labels, more, says):
    code = 1
    refused(small, ("feed", small / "store.h5", "--image", small / f"{scene}.tif", "--labels",
                    small / f"{labels}.json", "--class-field", "kind", *more), *says, code=code)


def test_scenes_that_differ(small):
    """Also between the scenes of one command."""
    refused(small, ("feed", small / "x.h5", "--image", small / "a.tif", small / "u16.tif",
                    "--tile", 32), "u16.tif", "uint16", "a.tif", "uint8")


def test_labels_are_missing(small):
    refused(small, ("feed", small / "store.h5", "--image", small / "new.tif"), "store.h5",
            "label", code=2)
