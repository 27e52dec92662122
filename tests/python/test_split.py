"""Splits: no ground in two groups, shares as asked, the same whatever the threads and the order."""
import json
import subprocess

import h5py
import numpy
import pytest
import rasterio
from big import ORIGIN, feed, keys, make_scene, one_line, refused
from conftest import run_vedatile
from rasterio.warp import transform
from shapely.geometry import Polygon
from shapely.strtree import STRtree

TWO = {"train": 0.8, "test": 0.2}
THREE = {"train": 0.7, "test": 0.2, "validate": 0.1}
pytestmark = pytest.mark.filterwarnings("ignore::shapely.errors.ShapelyDeprecationWarning")

PLENTY = 10000  # tiles of the scene that shares are measured on


def split_of(shares):
    return "--split", ",".join(f"{name}={share}" for name, share in shares.items())


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """3200 x 3200 pixels: 100 x 100 tiles of 32."""
    return make_scene(tmp_path_factory.mktemp("split") / "field.tif", 3200, 3200)


def footprints(store, epsg=32633):
    """Every group's tiles as polygons of that CRS, their sides with points between."""
    result = {}
    with h5py.File(store, "r") as file:
        crs = [rasterio.crs.CRS.from_wkt(row[0].decode()) for row in file["crs"]]
        for name in keys(store):
            result[name] = [outline(row, crs[row["crs"]], epsg) for row in file[name]["samples"]]
    return result


def outline(row, crs, epsg):
    steps = numpy.linspace(0, 1, 5)[:-1]
    u = numpy.concatenate([steps, steps * 0 + 1, 1 - steps, steps * 0]) * row["window"][2]
    v = numpy.concatenate([steps * 0, steps, steps * 0 + 1, 1 - steps]) * row["window"][3]
    g = row["geotransform"]
    x, y = transform(crs, f"EPSG:{epsg}", g[0] + u * g[1] + v * g[2], g[3] + u * g[4] + v * g[5])
    return Polygon(zip(x, y))


def shared_ground(shapes):
    """Square metres that are in tiles of two groups: the worst pair of tiles."""
    worst = 0
    names = sorted(shapes)
    for i, name in enumerate(names):
        others = [shape for other in names[i + 1:] for shape in shapes[other]]
        if not others:
            continue
        tree = STRtree(others)
        for shape in shapes[name]:
            for hit in tree.query(shape):
                worst = max(worst, shape.intersection(hit).area)
    return worst


def assert_apart(store, pixel=1.0):
    shapes = footprints(store)
    assert all(shapes.values()) and len(shapes) > 1
    # A border of two tiles may be off by the rounding of coordinates, not by a hundredth pixel.
    assert shared_ground(shapes) < 0.01 * pixel * 32


def test_shared_ground_is_seen(tmp_path, store):
    """By sample, overlapping windows do share ground: what the other tests look for."""
    scene = make_scene(tmp_path / "a.tif", 256, 256)
    feed(store, "--image", scene, "--tile", 32, "--stride", 16, *split_of(TWO), "--split-by",
         "random")
    assert shared_ground(footprints(store)) == pytest.approx(32 * 24, rel=0.5)


# --- no ground in two groups -------------------------------------------------------------------


@pytest.mark.parametrize("stride", [32, 24, 16, 9])
def test_overlapping_windows(tmp_path, store, stride):
    scene = make_scene(tmp_path / "a.tif", 448, 320)
    report = feed(store, "--image", scene, "--tile", 32, "--stride", stride, *split_of(TWO),
                  "--block-size", 128, "--seed", 3)
    assert_apart(store)
    assert report["straddling"] + report["written"] == report["windows"]
    assert (report["straddling"] > 0) == (stride < 32)


SHIFTS = [(11, 5), (16.5, -9.25), (-40, 300)]  # metres east and north, pixels of 1 m


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("commands", [1, 2])
def test_overlapping_scenes(tmp_path, store, shift, commands):
    a = make_scene(tmp_path / "a.tif", 448, 320, seed=1)
    b = make_scene(tmp_path / "b.tif", 320, 448, seed=2,
                   origin=(ORIGIN[0] + shift[0], ORIGIN[1] + shift[1]))
    wanted = ("--tile", 32, "--stride", 16, *split_of(TWO), "--block-size", 128, "--seed", 1)
    if commands == 1:
        feed(store, "--image", a, b, *wanted)
    else:
        feed(store, "--image", a, *wanted)
        feed(store, "--image", b, "--stride", 16)
    assert_apart(store)


def test_commands_do_not_matter(tmp_path):
    """Both scenes at once or one after the other: the same groups."""
    a = make_scene(tmp_path / "a.tif", 512, 512, seed=1)
    b = make_scene(tmp_path / "b.tif", 512, 512, seed=2, origin=(ORIGIN[0] + 100, ORIGIN[1]))
    wanted = ("--tile", 32, "--stride", 16, *split_of(THREE))
    feed(tmp_path / "once.h5", "--image", a, b, *wanted)
    feed(tmp_path / "twice.h5", "--image", a, *wanted)
    feed(tmp_path / "twice.h5", "--image", b, "--stride", 16)
    assert keys(tmp_path / "once.h5") == keys(tmp_path / "twice.h5")


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory):
    """A scene at the edge of its UTM zone, and the same ground in the next zone."""
    folder = tmp_path_factory.mktemp("zones")
    a = make_scene(folder / "a.tif", 640, 640, origin=(770000, 4000000), pixel=10)
    subprocess.run(["gdalwarp", "-q", "-t_srs", "EPSG:32634", "-tr", "10", "10", a,
                    folder / "b.tif"], check=True)
    return a, folder / "b.tif"


@pytest.mark.parametrize("commands", [1, 2])
def test_scenes_of_two_zones(neighbours, store, commands):
    a, b = neighbours
    wanted = ("--tile", 32, *split_of(TWO), "--block-size", 960)
    if commands == 1:
        feed(store, "--image", a, b, *wanted)
    else:
        feed(store, "--image", a, *wanted)
        report = feed(store, "--image", b)
        assert report["straddling"] > 0
    with h5py.File(store, "r") as file:
        assert len(file["crs"]) == 2
    assert_apart(store, pixel=10)


def test_scene_in_degrees(tmp_path, store):
    """A frame of degrees, far north, where a degree of longitude is short."""
    a = make_scene(tmp_path / "a.tif", 400, 400, origin=(20.0, 65.0), pixel=1e-5, epsg=4326)
    subprocess.run(["gdalwarp", "-q", "-t_srs", "EPSG:32634", "-tr", "1", "1", a,
                    tmp_path / "b.tif"], check=True)
    feed(store, "--image", a, tmp_path / "b.tif", "--tile", 32, *split_of({"a": 1, "b": 1}))
    shapes = footprints(store, epsg=32634)
    assert all(shapes.values()) and len(shapes) == 2
    assert shared_ground(shapes) < 0.01 * 32


# --- a gap between groups ----------------------------------------------------------------------


def nearest(shapes):
    """Metres between the nearest tiles of two groups."""
    a, b = shapes.values()
    return min(shape.distance(other) for shape in a for other in b)


@pytest.mark.parametrize("stride", [32, 16])
@pytest.mark.parametrize("gap", [20, 50])
def test_gap(tmp_path, store, stride, gap):
    scene = make_scene(tmp_path / "a.tif", 512, 512)
    wanted = ("--image", scene, "--tile", 32, "--stride", stride, *split_of(TWO), "--block-size",
              128)
    without = feed(store, *wanted, "--dry-run")["straddling"]
    assert feed(store, *wanted, "--split-gap", gap)["straddling"] > without
    # A pixel of UTM is up to 0.04 % off a metre on the ground.
    assert gap * 0.9995 <= nearest(footprints(store)) < gap + 2 * stride
    run_vedatile("check", store, "--leakage", "--gap", gap)
    run_vedatile("check", store, "--leakage", "--gap", gap + 2 * stride, code=1)


def test_gap_of_scenes_of_two_zones(neighbours, store):
    a, b = neighbours
    feed(store, "--image", a, b, "--tile", 32, *split_of({"a": 1, "b": 1}), "--block-size", 1600,
         "--split-gap", 500)
    assert nearest(footprints(store)) >= 500 * 0.9985  # zone 33 at its edge: scale 1.0005
    run_vedatile("check", store, "--leakage", "--gap", 500)


def test_gap_in_degrees(tmp_path, store):
    """Far north a degree of longitude is short: the gap is in metres both ways."""
    a = make_scene(tmp_path / "a.tif", 256, 256, origin=(20.0, 65.0), pixel=1e-5, epsg=4326)
    feed(store, "--image", a, "--tile", 16, "--stride", 8, *split_of({"a": 1, "b": 1}),
         "--split-gap", 10)
    assert 10 * 0.9995 <= nearest(footprints(store, epsg=32634)) < 40
    run_vedatile("check", store, "--leakage", "--gap", 10)


def test_gap_is_kept(divided, tmp_path):
    """Later feeds keep the gap of the store's split, and another is refused."""
    wanted = ("--tile", 32, *split_of(TWO), "--block-size", 128, "--split-gap", 40)
    feed(tmp_path / "gap.h5", "--image", divided / "a.tif", *wanted)
    feed(tmp_path / "gap.h5", "--image", divided / "b.tif")
    assert nearest(footprints(tmp_path / "gap.h5")) >= 40 * 0.9995
    feed(tmp_path / "once.h5", "--image", divided / "a.tif", divided / "b.tif", *wanted)
    assert keys(tmp_path / "once.h5") == keys(tmp_path / "gap.h5")
    refused(divided, ("feed", tmp_path / "gap.h5", "--image", divided / "b.tif", *split_of(TWO),
                      "--split-gap", 41), "gap 40 m", "gap 41 m", "leave --split out")


def test_shares_with_a_gap(field, store):
    """The gap takes most from small groups, and the limits make up for it."""
    report = feed(store, "--image", field, "--tile", 32, *split_of(THREE), "--block-size", 320,
                  "--split-gap", 40, "--dry-run")
    for name, share in THREE.items():
        assert report["groups"][name] / report["written"] == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("arguments, says", [
    (("--split-gap", 5), ("--split-gap needs --split",)),
    ((*split_of(TWO), "--split-by", "scene", "--split-gap", 5), ("--split-by block",)),
    ((*split_of(TWO), "--split-gap", 5, "--block-size", 34), ("with its gap", "--block-size")),
    ((*split_of(TWO), "--split-gap", -5), ("-5",)),
])
def test_wrong_gaps(tmp_path, store, arguments, says):
    scene = make_scene(tmp_path / "a.tif", 64, 64)
    refused(tmp_path, ("feed", store, "--image", scene, "--tile", 32, *arguments), *says, code=2)


def test_gap_without_a_place(tmp_path, store):
    make_scene(tmp_path / "a.tif", 64, 64, epsg=None)
    refused(tmp_path, ("feed", store, "--image", tmp_path / "a.tif", "--tile", 16, *split_of(TWO),
                       "--split-gap", 5), "--split-gap", "no place on Earth", code=2)


# --- shares ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [32, 24, 16])
@pytest.mark.parametrize("shares", [TWO, THREE, {"train": 0.5, "test": 0.5}],
                         ids=["two", "three", "halves"])
@pytest.mark.parametrize("seed", [0, 1, 2, 42])
def test_shares(field, store, stride, shares, seed):
    report = feed(store, "--image", field, "--tile", 32, "--stride", stride, *split_of(shares),
                  "--seed", seed, "--dry-run")
    assert report["windows"] >= PLENTY
    for name, share in shares.items():
        assert report["groups"][name] / report["written"] == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("block", [64, 96, 160])
def test_shares_of_small_blocks(field, store, block):
    report = feed(store, "--image", field, "--tile", 32, "--stride", 16, *split_of(THREE),
                  "--block-size", block, "--dry-run")
    for name, share in THREE.items():
        assert report["groups"][name] / report["written"] == pytest.approx(share, abs=0.02)


def test_shares_are_scaled(field, store):
    dry = ("--image", field, "--tile", 32, "--dry-run")
    assert feed(store, *dry, *split_of({"a": 8, "b": 2}))["groups"] == feed(
        store, *dry, *split_of({"a": 0.8, "b": 0.2}))["groups"]


def test_random_shares(field, store):
    report = feed(store, "--image", field, "--tile", 32, *split_of(THREE), "--split-by", "random")
    assert report["written"] == PLENTY and report["straddling"] == 0
    for name, share in THREE.items():
        assert report["groups"][name] / PLENTY == pytest.approx(share, abs=0.02)


# --- the same again ----------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["block", "random"])
def test_seed_and_threads(tmp_path, by):
    scene = make_scene(tmp_path / "a.tif", 800, 800)
    groups = {}
    for name, seed, threads in [("a", 5, 1), ("b", 5, 2), ("c", 5, 8), ("d", 6, 1)]:
        feed(tmp_path / name, "--image", scene, "--tile", 32, *split_of(THREE), "--split-by", by,
             "--seed", seed, "--threads", threads)
        groups[name] = keys(tmp_path / name)
    assert groups["a"] == groups["b"] == groups["c"]
    assert groups["a"] != groups["d"]


def test_by_scene(tmp_path, store):
    scenes = [make_scene(tmp_path / f"{i}.tif", 64, 64, seed=i, origin=(i * 1000, 4000000))
              for i in range(24)]
    feed(store, "--image", *scenes, "--tile", 32, *split_of({"a": 1, "b": 1}), "--split-by",
         "scene")
    groups = {name: {key.split("-")[0] for key in of} for name, of in keys(store).items()}
    assert not groups["a"] & groups["b"]
    assert len(groups["a"] | groups["b"]) == 24
    assert min(map(len, groups.values())) >= 5


def test_overlap_by_scene_is_told(tmp_path, vedatile):
    """Whole scenes that overlap and go to different groups: a warning that names both."""
    scenes = [make_scene(tmp_path / f"{i}.tif", 64, 64, seed=i) for i in range(6)]
    done = vedatile("feed", tmp_path / "a.h5", "--image", *scenes, "--tile", 32,
                    *split_of({"a": 1, "b": 1}), "--split-by", "scene")
    one_line(done.stderr, "warning", ".tif", "overlap", "--split-by block")


# --- a store that is split ---------------------------------------------------------------------


@pytest.fixture
def divided(tmp_path):
    """A folder with a store split by blocks, and a second scene beside the first."""
    a = make_scene(tmp_path / "a.tif", 512, 512, seed=1)
    make_scene(tmp_path / "b.tif", 512, 512, seed=2, origin=(ORIGIN[0] + 512, ORIGIN[1]))
    feed(tmp_path / "store.h5", "--image", a, "--tile", 32, *split_of(TWO), "--seed", 9,
         "--block-size", 64)
    return tmp_path


def test_second_feed_follows(divided):
    report = feed(divided / "store.h5", "--image", divided / "b.tif")
    assert report["written"] == sum(report["groups"].values()) > 0
    assert min(report["groups"].values()) > 0
    assert set(report["groups"]) == set(TWO)
    assert_apart(divided / "store.h5")


def test_same_split_is_taken(divided):
    again = ("--image", divided / "b.tif", *split_of({"train": 8, "test": 2}), "--seed", 9)
    assert feed(divided / "store.h5", *again, "--dry-run") == feed(
        divided / "store.h5", "--image", divided / "b.tif", "--dry-run")


@pytest.mark.parametrize("arguments, says", [
    ((*split_of({"train": 0.7, "test": 0.3}), "--seed", 9), ("train=0.8", "train=0.7")),
    ((*split_of({"train": 0.8, "other": 0.2}), "--seed", 9), ("test=0.2", "other=0.2")),
    ((*split_of(TWO), "--seed", 8), ("seed 9", "seed 8")),
    ((*split_of(TWO), "--seed", 9, "--split-by", "random"), ("by block", "by random")),
    ((*split_of(TWO), "--seed", 9, "--block-size", 640), ("64", "640")),
], ids=["shares", "groups", "seed", "by", "block size"])
def test_another_split_is_refused(divided, arguments, says):
    refused(divided, ("feed", divided / "store.h5", "--image", divided / "b.tif", *arguments),
            "store.h5", "leave --split out", *says)


def test_one_group_beside_a_split_is_told(divided, vedatile):
    done = vedatile("feed", divided / "store.h5", "--image", divided / "b.tif", "--group", "test")
    one_line(done.stderr, "warning", "the store is split", "test")


def test_numbers_are_short(divided):
    """Shares stand in the store as they were written, not as 0.69999999999999996."""
    feed(divided / "three.h5", "--image", divided / "a.tif", "--tile", 32, *split_of(THREE))
    with h5py.File(divided / "three.h5") as file:
        split = file.attrs["split"]
    split = split if isinstance(split, str) else split.decode()
    for share in THREE.values():
        assert f'"share":{share}}}' in split
    assert json.dumps(json.loads(split), separators=(",", ":"), sort_keys=True,
                      ensure_ascii=False) == split


@pytest.mark.parametrize("split, says", [
    ("train", "GROUP=SHARE"),
    ("train=0.8,test=0", "above 0"),
    ("train=0.8,test=-1", "above 0"),
    ("train=0.8,train=0.2", "twice"),
    ("train=0.8,views=0.2", "views"),
    ("train=0.8,a/b=0.2", "a/b"),
])
def test_wrong_splits(tmp_path, store, split, says):
    scene = make_scene(tmp_path / "a.tif", 64, 64)
    refused(tmp_path, ("feed", store, "--image", scene, "--tile", 32, "--split", split), says,
            code=2)


def test_block_smaller_than_a_tile(tmp_path, store):
    scene = make_scene(tmp_path / "a.tif", 64, 64)
    refused(tmp_path, ("feed", store, "--image", scene, "--tile", 32, *split_of(TWO),
                       "--block-size", 10), "10 m", "--block-size", code=2)


def test_straddling_is_said_to_a_person(tmp_path, store, vedatile):
    scene = make_scene(tmp_path / "a.tif", 256, 256)
    arguments = ("feed", store, "--image", scene, "--tile", 32, "--stride", 16, *split_of(TWO),
                 "--block-size", 64, "--dry-run")
    count = json.loads(vedatile(*arguments, "--json").stdout)["straddling"]
    assert count > 0
    assert f"{count}  reach into blocks of two groups" in vedatile(*arguments).stdout
