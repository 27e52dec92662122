"""Splits by a field and by time: in feed, in later feeds, and of stores that are there."""
import json

import h5py
import numpy
import pytest
import rasterio
from big import (ORIGIN, digest, feed, keys, make_scene, one_line, polygon, refused, square,
                 write_labels)
from conftest import run_vedatile
from shapely.geometry import Polygon, box
from test_regroup import fold_keys, split
from test_split import TWO, split_of

# --- by time -----------------------------------------------------------------------------------


def dated(path, when, seed, **options):
    """A scene of 64 x 64 pixels beside the others that says when it was taken."""
    make_scene(path, 64, 64, seed=seed, origin=(ORIGIN[0] + 100 * seed, ORIGIN[1]), **options)
    if when:
        with rasterio.open(path, "r+") as scene:
            scene.update_tags(TIFFTAG_DATETIME=when)
    return path


@pytest.fixture
def months(tmp_path):
    """Twelve scenes, one a month of 2019, in a shuffled order."""
    order = numpy.random.default_rng(1).permutation(12)
    return {int(month) + 1: dated(tmp_path / f"{month + 1:02}.tif",
                                  f"2019:{month + 1:02}:15 10:30:00", int(month))
            for month in order}


def months_of(path):
    """The months of the samples of each group."""
    with h5py.File(path) as file:
        acquired = [text.decode() for text in file["scenes"]["acquired"]]
        return {name: sorted({int(acquired[row["scene"]][5:7]) for row in file[name]["samples"]})
                for name in keys(path)}


@pytest.mark.parametrize("limits, expected", [
    ("train=2019-09-01,test", {"train": list(range(1, 9)), "test": [9, 10, 11, 12]}),
    ("a=2019-03-15T10:30:00Z,b=2019-10-15T10:30:01,c",
     {"a": [1, 2], "b": [3, 4, 5, 6, 7, 8, 9, 10], "c": [11, 12]}),
])
def test_limits(months, tmp_path, limits, expected):
    wanted = ("--split-by", "time", "--split-time", limits)
    feed(tmp_path / "a.h5", "--image", *months.values(), "--tile", 32, *wanted)
    assert months_of(tmp_path / "a.h5") == expected
    feed(tmp_path / "b.h5", "--image", *months.values(), "--tile", 32)
    split(tmp_path / "b.h5", tmp_path / "c.h5", *wanted)
    assert digest(tmp_path / "a.h5") == digest(tmp_path / "c.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        told = json.loads(file.attrs["feed_config"])[0]["options"]
    assert told["split-by"] == "time" and told["split-time"] == limits.split(",")


def test_later_feeds_follow_time(months, tmp_path):
    wanted = ("--split-by", "time", "--split-time", "train=2019-09-01,test")
    store = tmp_path / "a.h5"
    feed(store, "--image", months[1], "--tile", 32, *wanted)
    feed(store, "--image", months[10], months[2])
    feed(store, "--image", months[12], *wanted)
    assert months_of(store) == {"train": [1, 2], "test": [10, 12]}
    refused(tmp_path, ("feed", store, "--image", months[3], "--split-by", "time", "--split-time",
                       "train=2019-08-01,test"), "train=2019-09-01", "train=2019-08-01")
    refused(tmp_path, ("feed", store, "--image", months[3], *split_of(TWO)), "by time", "by block")


@pytest.mark.parametrize("count, shares, sizes", [
    (4, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, [2, 1, 1]),  # as torchgeo divides
    (12, {"a": 0.5, "b": 0.25, "c": 0.25}, [6, 3, 3]),
    (10, TWO, [8, 2]), (7, {"a": 0.5, "b": 0.5}, [4, 3])])
def test_shares_in_order_of_time(months, tmp_path, count, shares, sizes):
    used = [scene for month, scene in months.items() if month <= count]
    wanted = (*split_of(shares), "--split-by", "time")
    for number, images in enumerate([used, used[::-1]]):
        feed(tmp_path / f"{number}.h5", "--image", *images, "--tile", 32, *wanted)
        found = months_of(tmp_path / f"{number}.h5")
        assert [len(found[name]) for name in shares] == sizes
        assert sum((found[name] for name in shares), []) == list(range(1, count + 1))
    feed(tmp_path / "all.h5", "--image", *used, "--tile", 32)
    split(tmp_path / "all.h5", tmp_path / "again.h5", *wanted)
    assert months_of(tmp_path / "again.h5") == months_of(tmp_path / "0.h5")
    with h5py.File(tmp_path / "0.h5") as a, h5py.File(tmp_path / "again.h5") as b:
        assert json.loads(a.attrs["split"]) == json.loads(b.attrs["split"])


def test_equal_times_stay_together(tmp_path):
    scenes = [dated(tmp_path / f"{i}.tif", f"2019:01:0{1 + i // 3} 00:00:00", i) for i in range(6)]
    feed(tmp_path / "a.h5", "--image", *scenes, "--tile", 32, *split_of({"a": 2, "b": 1}),
         "--split-by", "time")
    assert {name: len(of) for name, of in keys(tmp_path / "a.h5").items()} == {"a": 12, "b": 12}


def test_scenes_without_a_time(tmp_path, months):
    dated(tmp_path / "none.tif", None, 20)
    for wanted in (("--split-time", "train=2019-09-01,test"), split_of(TWO)):
        refused(tmp_path, ("feed", tmp_path / "a.h5", "--image", months[1], tmp_path / "none.tif",
                           "--tile", 32, "--split-by", "time", *wanted), "none.tif", "acquired")
    feed(tmp_path / "b.h5", "--image", tmp_path / "none.tif", "--tile", 32)
    refused(tmp_path, ("split", tmp_path / "b.h5", "-o", tmp_path / "c.h5", "--split-by", "time",
                       *split_of(TWO)), "none.tif", "acquired")


@pytest.mark.parametrize("arguments, says", [
    (("--split-time", "train=2019-13-01,test"), ("2019-13-01", "ISO 8601")),
    (("--split-time", "train=2019-02-29,test"), ("2019-02-29",)),
    (("--split-time", "a=2019-03-01,b=2019-02-01,c"), ("limit of b",)),
    (("--split-time", "a=2019-03-01,b=2019-04-01"), ("every group but the last",)),
    (("--split-time", "a,b"), ("every group but the last",)),
    (("--split-time", "a=2019-03-01,a"), ("named twice",)),
    (("--split-time", "views=2019-03-01,a"), ("views",)),
    (("--split-time", "a=2019-03-01,b", *split_of(TWO)), ("--split",)),
    ((), ("--split-by needs --split or --split-time",)),
    ((*split_of(TWO), "--block-size", 5), ("--split-by block",)),
])
def test_wrong_times(tmp_path, arguments, says):
    dated(tmp_path / "a.tif", "2019:01:01 00:00:00", 1)
    refused(tmp_path, ("feed", tmp_path / "a.h5", "--image", tmp_path / "a.tif", "--tile", 32,
                       "--split-by", "time", *arguments), *says, code=2)


# --- by field ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def farms(tmp_path_factory):
    """Fields of 30 farms, each a cluster of squares somewhere; some clusters meet."""
    folder = tmp_path_factory.mktemp("farms")
    make_scene(folder / "a.tif", 640, 640, seed=1)
    make_scene(folder / "b.tif", 320, 640, seed=2, origin=(ORIGIN[0] + 480, ORIGIN[1]))
    rng = numpy.random.default_rng(3)
    features = []
    for farm in range(30):
        x, y = rng.uniform(20, 700), rng.uniform(20, 560)
        for _ in range(6):
            features.append(polygon(square(ORIGIN[0] + x + rng.uniform(0, 60),
                                           ORIGIN[1] - y - rng.uniform(0, 60), 10),
                                    farm=f"farm {farm}", number=farm))
    write_labels(folder / "l.geojson", features)
    return folder


def owners(farms, window, scene):
    """The farms that share area with a window, by shapely from the label file."""
    col, row, cols, rows = map(int, window)
    west = ORIGIN[0] + (480 if scene == "b.tif" else 0)
    area = box(west + col, ORIGIN[1] - row - rows, west + col + cols, ORIGIN[1] - row)
    features = json.loads((farms / "l.geojson").read_text())["features"]
    return {f["properties"]["farm"] for f in features
            if Polygon(f["geometry"]["coordinates"][0]).intersection(area).area > 0}


def recipe(farms, *names):
    return ("--image", *(farms / f"{name}.tif" for name in names or "ab"), "--labels",
            farms / "l.geojson", "--task", "segmentation", "--tile", 32, "--stride", 32, "--match",
            "all")


def rows_of(path):
    """Scene, window, metadata and group of each sample by key."""
    found = {}
    with h5py.File(path) as file:
        uris = [uri.decode().split("/")[-1] for uri in file["scenes"]["uri"]]
        for name in keys(path):
            offsets, text = file[name]["metadata/offsets"][...], file[name]["metadata/text"][...]
            for i, row in enumerate(file[name]["samples"]):
                found[row["key"].decode()] = (
                    uris[row["scene"]], row["window"].tolist(),
                    json.loads(text[offsets[i]:offsets[i + 1]].tobytes()), name)
    return found


@pytest.fixture(scope="module")
def divided(farms):
    feed(farms / "all.h5", *recipe(farms))
    feed(farms / "split.h5", *recipe(farms), *split_of(TWO), "--split-by", "field:farm")
    return farms / "split.h5"


def test_all_of_one_value_are_in_one_group(farms, divided):
    group_of = {}
    found = rows_of(divided)
    for scene, window, metadata, group in found.values():
        values = owners(farms, window, scene)
        told = metadata["farm"]
        assert ({told} if isinstance(told, str) else set(told)) == values
        for value in values:
            assert group_of.setdefault(value, group) == group
    assert set(group_of.values()) == set(TWO)
    left_out = {key: row for key, row in rows_of(farms / "all.h5").items() if key not in found}
    for scene, window, _, _ in left_out.values():
        values = owners(farms, window, scene)
        assert not values or {group_of.get(value) for value in values} != {"train"}
        assert not values or {group_of.get(value) for value in values} != {"test"}
    assert len({frozenset(owners(farms, w, s)) for s, w, _, _ in left_out.values()}) > 1


def test_field_threads_commands_and_seeds(farms, divided, tmp_path):
    wanted = (*split_of(TWO), "--split-by", "field:farm")
    feed(tmp_path / "t.h5", *recipe(farms), *wanted, "--threads", 4)
    feed(tmp_path / "two.h5", *recipe(farms, "b"), *wanted)
    feed(tmp_path / "two.h5", *recipe(farms, "a"))
    feed(tmp_path / "seed.h5", *recipe(farms), *wanted, "--seed", 5)
    assert digest(tmp_path / "t.h5") == digest(tmp_path / "two.h5") == digest(divided)
    assert digest(tmp_path / "seed.h5") != digest(divided)
    refused(tmp_path, ("feed", tmp_path / "two.h5", *recipe(farms, "a"), *split_of(TWO),
                       "--split-by", "field:number"), "field:farm", "field:number")


def test_split_by_what_the_samples_say(farms, divided, tmp_path):
    """The field's values are in the metadata, so that samples can be divided by it again."""
    report = split(divided, tmp_path / "b.h5", *split_of({"x": 0.5, "y": 0.5}), "--split-by",
                   "field:farm", "--stratify", "--folds", 3, "--group", "x")
    group_of = {}
    for _, _, metadata, group in rows_of(tmp_path / "b.h5").values():
        told = metadata["farm"]
        for value in [told] if isinstance(told, str) else told:
            assert group_of.setdefault(value, group) == group
    assert report["straddling"] < report["samples"] / 4
    assert report["groups"]["x"] / report["written"] == pytest.approx(0.5, abs=0.1)
    views = fold_keys(tmp_path / "b.h5")
    tests = [views[f"fold_{k}_test"] for k in (1, 2, 3)]
    assert set().union(*tests) == set(keys(tmp_path / "b.h5")["x"])
    split(divided, tmp_path / "c.h5", *split_of(TWO), "--split-by", "field:farm")
    assert digest(tmp_path / "c.h5") == digest(divided)


@pytest.mark.parametrize("arguments, says, code", [
    (("--split-by", "field:cow", *split_of(TWO)), ("no field 'cow'", "farm"), 2),
    (("--split-by", "field:", *split_of(TWO)), ("field:F",), 2),
    (("--split-by", "field:farm"), ("needs --split",), 2),
    (("--split-by", "field:farm", "--group", "train"), ("needs --split",), 2),
])
def test_wrong_fields(farms, tmp_path, arguments, says, code):
    refused(tmp_path, ("feed", tmp_path / "a.h5", *recipe(farms), *arguments), *says, code=code)


def test_features_without_a_value(farms, tmp_path):
    write_labels(tmp_path / "l.geojson", [
        polygon(square(ORIGIN[0] + 10, ORIGIN[1] - 10, 8), farm="a"),
        polygon(square(ORIGIN[0] + 40, ORIGIN[1] - 10, 8), farm=None)])
    wanted = ("feed", tmp_path / "a.h5", "--image", farms / "a.tif", "--labels",
              tmp_path / "l.geojson", "--task", "segmentation", "--tile", 32, *split_of(TWO),
              "--split-by", "field:farm")
    one_line(run_vedatile(*wanted, code=1).stderr, "feature 1", "'farm'", "--unknown skip")
    report = json.loads(run_vedatile(*wanted, "--unknown", "skip", "--json").stdout)
    assert report["written"] == 1 and report["unknown_skipped"] == 1
    refused(tmp_path, ("feed", tmp_path / "b.h5", "--image", farms / "a.tif", "--tile", 32,
                       *split_of(TWO), "--split-by", "field:farm"), "--labels", code=2)
