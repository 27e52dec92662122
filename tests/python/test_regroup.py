"""vedatile split: the same samples in other groups, byte for byte."""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

import h5py
import numpy
import pytest
from big import (ORIGIN, digest, feed, keys, make_labels, make_scene, one_line, polygon, refused, snapshot,
                 square, write_labels)
from conftest import VEDATILE, run_vedatile
from shapely.geometry import box
from test_split import (THREE, TWO, footprints, neighbours, shared_ground,  # noqa: F401
                        split_of)
from test_views import keep_view

pytestmark = pytest.mark.filterwarnings("ignore::shapely.errors.ShapelyDeprecationWarning")
TILE_ARRAYS = ("images", "labels/mask", "labels/instances", "labels/boundary", "labels/distance")
COLUMNS = ("labels/onehot", "samples")


def split(store, output, *arguments, **options):
    """Splits and returns the summary."""
    wanted = ("-o", output) if output else ()
    return json.loads(run_vedatile("split", store, *wanted, *arguments, "--json", **options).stdout)


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    """A folder with two scenes that overlap, labels, and a store of all of it in one group."""
    folder = tmp_path_factory.mktemp("land")
    make_scene(folder / "a.tif", 320, 288, bands=2, seed=1)
    make_scene(folder / "b.tif", 192, 288, bands=2, seed=2, origin=(ORIGIN[0] + 250, ORIGIN[1]))
    make_labels(folder / "l.geojson", 442, 288, 120, seed=3)
    feed(folder / "all.h5", *inputs(folder), *OVERLAP)
    return folder


RECIPE = ("--task", "classification,detection,segmentation,instance,boundary,distance", "--tile",
          32, "--match", "all", "--class-field", "kind")
OVERLAP = (*RECIPE, "--stride", 16)


def inputs(folder, *names):
    return ("--image", *(folder / f"{name}.tif" for name in names or "ab"), "--labels",
            folder / "l.geojson")


def samples(path):
    """What each sample is, stored bytes and all, by key; and the group of each key."""
    content, group_of = {}, {}
    with h5py.File(path) as file:
        for name in set(file) - {"views", "scenes", "crs"}:
            group = file[name]
            offsets, letters = group["metadata/offsets"][...], group["metadata/text"][...]
            boxes = group["labels/box_offsets"][...] if "labels/boxes" in group else None
            for i, row in enumerate(group["samples"][...]):
                parts = {"metadata": letters[offsets[i]:offsets[i + 1]].tobytes()}
                for array in TILE_ARRAYS:
                    if array in group:
                        at = (i,) + (0,) * (group[array].ndim - 1)
                        parts[array] = group[array].id.read_direct_chunk(at)
                for array in COLUMNS:
                    if array in group:
                        parts[array] = group[array][i].tobytes()
                for array in ("boxes", "box_class", "box_feature", "box_visible"):
                    if boxes is not None:
                        parts[array] = group[f"labels/{array}"][boxes[i]:boxes[i + 1]].tobytes()
                content[row["key"].decode()] = parts
                group_of[row["key"].decode()] = name
    return content, group_of


def outlines(path):
    """Every group's tiles as polygons in the CRS of the one scene grid that they are on."""
    result = {}
    with h5py.File(path) as file:
        assert len(file["crs"]) == 1
        for name in keys(path):
            rows = file[name]["samples"][...]
            g, (cols, rows) = rows["geotransform"], rows["window"][0][2:]
            result[name] = [box(x, y + rows * dy, x + cols * dx, y)
                            for x, dx, y, dy in zip(g[:, 0], g[:, 1], g[:, 3], g[:, 5])]
    return result


def group_sets(path):
    return {name: set(of) for name, of in keys(path).items()}


# --- the same samples --------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["raw", "lz4", "deflate", "zstd"])
def test_stored_bytes_are_copied(land, tmp_path, codec):
    feed(tmp_path / "a.h5", *inputs(land, "a"), *RECIPE, "--codec", codec)
    report = split(tmp_path / "a.h5", tmp_path / "b.h5", *split_of(THREE), "--split-by", "random")
    before, _ = samples(tmp_path / "a.h5")
    after, groups = samples(tmp_path / "b.h5")
    assert before == after
    assert {len(parts) for parts in before.values()} == {12}
    assert report["samples"] == report["written"] == len(before) == sum(report["groups"].values())
    assert report["groups"] == {name: list(groups.values()).count(name) for name in THREE}
    run_vedatile("check", tmp_path / "b.h5")


def test_all_that_stands_at_the_root(land, tmp_path):
    """Scenes, CRSs and how the samples came about go along; names of files as seen from there."""
    (tmp_path / "deep").mkdir()
    split(land / "all.h5", tmp_path / "deep/b.h5", *split_of(TWO))
    with h5py.File(land / "all.h5") as a, h5py.File(tmp_path / "deep/b.h5") as b:
        for name in ("tasks", "classes", "band_names", "tile_shape", "image_codec", "mask_codec"):
            assert numpy.array_equal(a.attrs[name], b.attrs[name])
        assert a.attrs["uuid"] != b.attrs["uuid"] and b.attrs["name"] == b"b"
        assert a["scenes"]["digest"].tolist() == b["scenes"]["digest"].tolist()
        assert a["crs"][...].tolist() == b["crs"][...].tolist()
        uris = [uri.decode() for uri in b["scenes"]["uri"]]
        config = json.loads(b.attrs["feed_config"])
        rule = json.loads(b.attrs["split"])
    for uri, name in zip(uris, "ab"):
        assert not uri.startswith("/")
        assert os.path.samefile(tmp_path / "deep" / uri, land / f"{name}.tif")
    assert config[0]["images"] == uris
    assert os.path.samefile(tmp_path / "deep" / config[0]["labels"][0], land / "l.geojson")
    assert rule["by"] == "block" and [group["name"] for group in rule["groups"]] == list(TWO)


def test_as_feed_would_have_split(tmp_path):
    """The groups are those of a feed with the same options, and so is the content."""
    scene = make_scene(tmp_path / "a.tif", 512, 480)
    for number, arguments in enumerate([
            (), ("--seed", 7), ("--block-size", 96), ("--split-gap", 20, "--block-size", 128),
            ("--split-by", "random"), ("--split-by", "random", "--seed", 3)]):
        whole, fed, again = (tmp_path / f"{name}{number}.h5" for name in ("whole", "fed", "again"))
        recipe = ("--image", scene, "--tile", 32, "--stride", 16)
        feed(whole, *recipe)
        told = feed(fed, *recipe, *split_of(THREE), *arguments)
        report = split(whole, again, *split_of(THREE), *arguments)
        assert keys(fed) == keys(again)
        assert digest(fed) == digest(again)
        assert report["straddling"] == told["straddling"]
        assert report["block_size"] == pytest.approx(told["block_size"]) or not told["block_size"]
        with h5py.File(fed) as a, h5py.File(again) as b:
            assert json.loads(a.attrs["split"]).keys() == json.loads(b.attrs["split"]).keys()


def test_split_again_to_one_group(land, tmp_path):
    """There and back: with nothing lost, the content is what it was."""
    split(land / "all.h5", tmp_path / "b.h5", *split_of(THREE), "--split-by", "random")
    split(tmp_path / "b.h5", tmp_path / "c.h5", "--split", "train=1", "--split-by", "random")
    assert digest(tmp_path / "c.h5") == digest(land / "all.h5")


# --- groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [
    (), ("--stratify",), ("--block-size", 64), ("--split-gap", 30), ("--seed", 5, "--stratify")])
def test_no_ground_in_two_groups(land, tmp_path, arguments):
    report = split(land / "all.h5", tmp_path / "b.h5", *split_of(TWO), *arguments)
    shapes = outlines(tmp_path / "b.h5")
    assert len(shapes) == 2 and all(shapes.values())
    assert shared_ground(shapes) < 0.3
    if "--split-gap" in arguments:
        nearest = min(a.distance(b) for a in shapes["train"] for b in shapes["test"])
        assert nearest >= 30 * 0.9995
    every = set(keys(land / "all.h5")["train"])
    groups = group_sets(tmp_path / "b.h5")
    assert not groups["train"] & groups["test"]
    assert groups["train"] | groups["test"] <= every
    assert len(every) - report["straddling"] == report["written"] == sum(map(len, groups.values()))
    run_vedatile("check", tmp_path / "b.h5", "--leakage")


def test_scenes_of_two_zones(neighbours, tmp_path):  # noqa: F811
    feed(tmp_path / "a.h5", "--image", *neighbours, "--tile", 32)
    for number, more in enumerate([(), ("--stratify",)]):
        out = tmp_path / f"b{number}.h5"
        split(tmp_path / "a.h5", out, *split_of(TWO), "--block-size", 960, *more)
        assert shared_ground(footprints(out)) < 0.01 * 320
        run_vedatile("check", out, "--leakage")


@pytest.mark.parametrize("more", [(), ("--stratify",)], ids=["rule", "stratified"])
def test_antimeridian(tmp_path, more):
    """Ground on both sides of 180 degrees, in degrees of either sign and in two UTM zones."""
    a = make_scene(tmp_path / "a.tif", 256, 256, origin=(179.9995, 10), pixel=1e-5, epsg=4326)
    b = make_scene(tmp_path / "b.tif", 256, 256, origin=(-180.0005, 10), pixel=1e-5, epsg=4326,
                   seed=1)
    subprocess.run(["gdalwarp", "-q", "-t_srs", "EPSG:32660", "-tr", "1", "1", a,
                    tmp_path / "c.tif"], check=True)
    feed(tmp_path / "a.h5", "--image", a, b, tmp_path / "c.tif", "--tile", 16, "--stride", 8)
    split(tmp_path / "a.h5", tmp_path / "b.h5", *split_of(TWO), *more)
    shapes = footprints(tmp_path / "b.h5", epsg=32660)
    assert all(shapes.values())
    assert shared_ground(shapes) < 0.01 * 16
    run_vedatile("check", tmp_path / "b.h5", "--leakage")


def test_control_points_and_pixels(tmp_path):
    """Scenes without a grid on the ground, and scenes without any ground."""
    points = [arg for row in (0, 96) for col in (0, 96)
              for arg in ("-gcp", col, row, 20 + (col + row) * 1e-5, 50 - (row - col) * 1e-5)]
    plain = make_scene(tmp_path / "p.tif", 96, 96, epsg=None, origin=(0, 0), pixel=1)
    subprocess.run(["gdal_translate", "-q", "-of", "PNG", plain, tmp_path / "p.png"], check=True)
    (tmp_path / "p.png.aux.xml").unlink(missing_ok=True)
    subprocess.run(["gdal_translate", "-q", "-a_srs", "EPSG:4326", *map(str, points),
                    tmp_path / "p.png", tmp_path / "g.tif"], check=True)
    feed(tmp_path / "g.h5", "--image", tmp_path / "g.tif", "--tile", 16)
    feed(tmp_path / "p.h5", "--image", tmp_path / "p.png", "--tile", 16, "--stride", 8)
    refused(tmp_path, ("split", tmp_path / "g.h5", "-o", tmp_path / "x.h5", *split_of(TWO)),
            "control points", "--split-by scene or random")
    split(tmp_path / "g.h5", tmp_path / "g2.h5", *split_of(TWO), "--split-by", "random")
    split(tmp_path / "p.h5", tmp_path / "p2.h5", *split_of(TWO))
    run_vedatile("check", tmp_path / "p2.h5", "--leakage")


def test_by_scene(tmp_path):
    scenes = [make_scene(tmp_path / f"{i}.tif", 32 * (1 + i % 3), 64, seed=i,
                         origin=(i * 1000, 4000000)) for i in range(16)]
    feed(tmp_path / "a.h5", "--image", *scenes, "--tile", 32)
    fed = feed(tmp_path / "f.h5", "--image", *scenes, "--tile", 32, *split_of(TWO), "--split-by",
               "scene")
    report = split(tmp_path / "a.h5", tmp_path / "b.h5", *split_of(TWO), "--split-by", "scene")
    assert keys(tmp_path / "b.h5") == keys(tmp_path / "f.h5") and report["groups"] == fed["groups"]
    report = split(tmp_path / "a.h5", tmp_path / "c.h5", *split_of(TWO), "--split-by", "scene",
                   "--stratify")
    parts = {name: {key.split("-")[0] for key in of} for name, of in keys(tmp_path / "c.h5").items()}
    assert not parts["train"] & parts["test"] and report["straddling"] == 0
    assert report["groups"]["test"] / report["written"] == pytest.approx(0.2, abs=0.04)


# --- stratified --------------------------------------------------------------------------------


def class_shares(path, count=3):
    """Share of each group among the samples with each class, by their boxes."""
    shown = {}
    with h5py.File(path) as file:
        for name in keys(path):
            offsets = file[name]["labels/box_offsets"][...]
            classes = file[name]["labels/box_class"][...]
            shown[name] = numpy.array([numpy.isin(numpy.arange(count), classes[a:b])
                                       for a, b in zip(offsets, offsets[1:])]).sum(0)
    total = sum(shown.values())
    return {name: of / total for name, of in shown.items()}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """A store where one class is rare and in one corner, and another in one half."""
    folder = tmp_path_factory.mktemp("uneven")
    make_scene(folder / "a.tif", 1024, 1024, seed=1)
    rng = numpy.random.default_rng(5)
    features = []
    for kind, count, width, height in (("common", 500, 1000, 1000), ("half", 200, 500, 1000),
                                       ("rare", 40, 300, 300)):
        for _ in range(count):
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            features.append(polygon(square(ORIGIN[0] + x, ORIGIN[1] - y, 12), kind=kind))
    write_labels(folder / "l.geojson", features)
    feed(folder / "a.h5", "--image", folder / "a.tif", "--labels", folder / "l.geojson",
         "--class-field", "kind", "--task", "detection,segmentation", "--tile", 32, "--match",
         "all")
    return folder / "a.h5"


@pytest.mark.parametrize("by", ["block", "random"])
@pytest.mark.parametrize("shares", [TWO, THREE], ids=["two", "three"])
def test_class_shares(uneven, tmp_path, by, shares):
    """Each class has its share in each group; nothing is lost where windows do not overlap."""
    report = split(uneven, tmp_path / "b.h5", *split_of(shares), "--stratify", "--split-by", by,
                   *(("--block-size", 64) if by == "block" else ()))
    assert report["straddling"] == 0
    got = class_shares(tmp_path / "b.h5")
    for name, share in shares.items():
        assert got[name] == pytest.approx(share, abs=0.03)
        assert report["groups"][name] / report["written"] == pytest.approx(share, abs=0.01)


def test_stratifying_helps(uneven, tmp_path):
    """By the rule alone the rare class is far off for some seed; stratified for none."""
    worst = {"plain": 0, "stratified": 0}
    for seed in range(4):
        for name, more in (("plain", ()), ("stratified", ("--stratify",))):
            out = tmp_path / f"{name}{seed}.h5"
            split(uneven, out, *split_of(TWO), "--block-size", 128, "--seed", seed, *more)
            off = abs(class_shares(out)["test"] - 0.2).max()
            worst[name] = max(worst[name], off)
    assert worst["stratified"] < 0.06 < 0.12 < worst["plain"]


def test_stratified_with_overlap(land, tmp_path):
    """Windows that straddle are lost, and the moves make up for what that does to the shares."""
    split(land / "all.h5", tmp_path / "b.h5", *split_of(TWO), "--stratify", "--block-size", 64)
    got = class_shares(tmp_path / "b.h5")
    assert got["test"] == pytest.approx(0.2, abs=0.04)


def test_masks_tell_the_classes(uneven, tmp_path):
    """Where there are no boxes and no one-hot vectors, the masks say what a sample shows."""
    folder = uneven.parent
    feed(tmp_path / "m.h5", "--image", folder / "a.tif", "--labels", folder / "l.geojson",
         "--class-field", "kind", "--task", "segmentation", "--tile", 32, "--match", "all")
    split(tmp_path / "m.h5", tmp_path / "n.h5", *split_of(TWO), "--stratify", "--block-size", 64)
    with h5py.File(tmp_path / "n.h5") as file:
        shown = {name: numpy.array([[(mask == c + 1).any() for c in range(3)]
                                    for mask in decoded(file[name])]).sum(0)
                 for name in ("train", "test")}
    assert shown["test"] / (shown["train"] + shown["test"]) == pytest.approx(0.2, abs=0.03)


def decoded(group):
    """Masks stored as lz4 (filter 32004), by hand."""
    shape = group["labels/mask"].shape[1:]
    for i in range(len(group["samples"])):
        _, chunk = group["labels/mask"].id.read_direct_chunk((i, 0, 0))
        total, block, stored = struct.unpack(">QII", chunk[:16])
        data = chunk[16:16 + stored]
        raw = data if stored == block else lz4_block(data, total)
        yield numpy.frombuffer(raw, "u1").reshape(shape)


def lz4_block(data, size):
    out, at = bytearray(), 0
    while True:
        token, at = data[at], at + 1
        length = token >> 4
        while length >= 15 and (length - 15) % 255 == 0 and (length == 15 or data[at - 1] == 255):
            length, at = length + data[at], at + 1
        out += data[at:at + length]
        at += length
        if len(out) >= size:
            return bytes(out)
        offset, at = data[at] | data[at + 1] << 8, at + 2
        match = (token & 15) + 4
        if token & 15 == 15:
            while True:
                more, at = data[at], at + 1
                match += more
                if more != 255:
                    break
        for _ in range(match):
            out.append(out[-offset])


# --- the same again ----------------------------------------------------------------------------


@pytest.mark.parametrize("more", [(), ("--stratify",), ("--folds", 3, "--stratify")])
def test_threads_and_seed(land, tmp_path, more):
    digests = {}
    for name, seed, threads in [("a", 5, 1), ("b", 5, 4), ("c", 6, 1)]:
        split(land / "all.h5", tmp_path / name, *split_of(THREE), "--seed", seed, "--threads",
              threads, *more)
        digests[name] = digest(tmp_path / name)
    assert digests["a"] == digests["b"] != digests["c"]
    assert keys(tmp_path / "a") == keys(tmp_path / "b")


@pytest.mark.parametrize("more", [(), ("--stratify",), ("--folds", 4), ("--folds", 4, "--stratify"),
                                  ("--split-by", "scene", "--stratify")])
def test_order_of_feeding(land, tmp_path, more):
    for name, order in (("ab", "ab"), ("ba", "ba")):
        for scene in order:
            feed(tmp_path / f"{name}.h5", *inputs(land, scene), *OVERLAP)
        split(tmp_path / f"{name}.h5", tmp_path / f"{name}-out.h5", *split_of(TWO), *more)
    assert keys(tmp_path / "ab.h5") != keys(tmp_path / "ba.h5")
    assert group_sets(tmp_path / "ab-out.h5") == group_sets(tmp_path / "ba-out.h5")
    assert fold_keys(tmp_path / "ab-out.h5") == fold_keys(tmp_path / "ba-out.h5")


# --- folds -------------------------------------------------------------------------------------


def fold_keys(path):
    """Keys of every fold view."""
    with h5py.File(path) as file:
        return {name: {file[view.attrs["group"].decode()]["samples"][int(i)]["key"].decode()
                       for i in view}
                for name, view in file.get("views", {}).items() if name.startswith("fold_")}


@pytest.fixture
def folded(land, tmp_path):
    shutil.copy(land / "all.h5", tmp_path / "f.h5")
    return tmp_path / "f.h5"


@pytest.mark.parametrize("more, gap", [((), 0), (("--stratify",), 0), (("--split-gap", 25), 25),
                                       (("--split-by", "random", "--seed", 4), 0)])
def test_folds(folded, more, gap):
    """Every sample is tested once; what is trained shares no ground with it, and nothing else is
    left out."""
    report = split(folded, None, "--folds", 4, *more)
    views, every = fold_keys(folded), keys(folded)["train"]
    shapes = dict(zip(every, outlines(folded)["train"]))
    tests = [views[f"fold_{k}_test"] for k in range(1, 5)]
    assert len(views) == 8 and set().union(*tests) == set(every)
    assert sum(map(len, tests)) == len(every)
    for k, counts in enumerate(report["folds"], 1):
        test, train = views[f"fold_{k}_test"], views[f"fold_{k}_train"]
        left_out = set(every) - test - train
        assert not test & train
        assert counts == {"test": len(test), "train": len(train), "left_out": len(left_out)}
        for key in random.Random(k).sample(sorted(set(every) - test), 20):
            near = [shapes[key].distance(shapes[other]) for other in test]
            area = max(shapes[key].intersection(shapes[other]).area for other in test)
            taken = area > 0.3 or min(near) < gap * 0.9995
            free = area == 0 and min(near) >= gap * 1.0005
            assert (key in left_out) == taken or not (taken or free)
    run_vedatile("check", folded, "--leakage", "--folds", *(("--gap", gap) if gap else ()))
    run_vedatile("check", folded)
    assert digest(folded) != ""


def test_folds_are_even(uneven, tmp_path):
    shutil.copy(uneven, tmp_path / "f.h5")
    split(tmp_path / "f.h5", None, "--folds", 5, "--stratify", "--block-size", 64)
    with h5py.File(tmp_path / "f.h5") as file:
        offsets = file["train/labels/box_offsets"][...]
        classes = file["train/labels/box_class"][...]
        shown = numpy.array([numpy.isin(range(3), classes[a:b])
                             for a, b in zip(offsets, offsets[1:])])
        counts = [shown[file[f"views/fold_{k}_test"][...]].sum(0) for k in range(1, 6)]
    assert counts / shown.sum(0) == pytest.approx(0.2, abs=0.03)


def test_folds_replace_folds(folded):
    keep_view(folded, "mine", "train", [1, 2])
    split(folded, None, "--folds", 5)
    split(folded, None, "--folds", 3)
    with h5py.File(folded) as file:
        assert sorted(file["views"]) == sorted(
            ["mine", *(f"fold_{k}_{part}" for k in (1, 2, 3) for part in ("test", "train"))])
        told = json.loads(file["views/fold_2_train"].attrs["definition"])
    assert (told["fold"], told["folds"], told["part"], told["by"]) == (2, 3, "train", "block")


def test_folds_of_a_split(land, tmp_path):
    """Groups and folds at once: the folds are of the new train group, and cover it evenly."""
    report = split(land / "all.h5", tmp_path / "b.h5", *split_of(TWO), "--folds", 3)
    views, groups = fold_keys(tmp_path / "b.h5"), group_sets(tmp_path / "b.h5")
    assert set().union(*(views[f"fold_{k}_test"] for k in (1, 2, 3))) == groups["train"]
    assert min(fold["test"] for fold in report["folds"]) > len(groups["train"]) / 6
    run_vedatile("check", tmp_path / "b.h5", "--leakage", "--folds")
    refused(tmp_path, ("split", tmp_path / "b.h5", "--folds", 3, "--group", "no"), "no group")


def test_leaking_views_are_found(folded):
    split(folded, None, "--folds", 3)
    run_vedatile("check", folded, "--leakage", "--views", "fold_1_train,fold_1_test")
    done = run_vedatile("check", folded, "--leakage", "--views", "fold_1_test,fold_2_test", code=1)
    assert "samples of two views share ground" in done.stdout
    with h5py.File(folded, "r+") as file:
        test, train = file["views/fold_1_test"], file["views/fold_1_train"]
        leaking = numpy.append(train[1:], test[0])
        del train.attrs["crc32c"]
        train[...] = leaking
    done = run_vedatile("check", folded, "--leakage", "--folds", code=1)
    assert "a train and a test sample of a fold share ground" in done.stdout
    assert "fold_1_test" in done.stdout and "fold_2" not in done.stdout


# --- views of the store ------------------------------------------------------------------------


def test_views_move_along(land, tmp_path):
    shutil.copy(land / "all.h5", tmp_path / "a.h5")
    split(tmp_path / "a.h5", tmp_path / "plan.h5", *split_of(TWO))
    groups, every = group_sets(tmp_path / "plan.h5"), keys(tmp_path / "a.h5")["train"]
    lost = set(every) - groups["train"] - groups["test"]
    at = {name: [i for i, key in enumerate(every) if key in of]
          for name, of in {**groups, "lost": lost}.items()}
    keep_view(tmp_path / "a.h5", "kept", "train", at["test"][3:9][::-1], '{"why":1}')
    keep_view(tmp_path / "a.h5", "torn", "train", [at["test"][0], at["train"][0]])
    keep_view(tmp_path / "a.h5", "short", "train", [at["test"][0], at["lost"][0]])
    report = split(tmp_path / "a.h5", tmp_path / "b.h5", *split_of(TWO))
    assert (report["views_kept"], report["views_dropped"]) == (1, 2)
    with h5py.File(tmp_path / "b.h5") as file:
        assert list(file["views"]) == ["kept"]
        view = file["views/kept"]
        assert view.attrs["group"] == b"test" and view.attrs["definition"] == b'{"why":1}'
        assert [file["test/samples"][int(i)]["key"].decode() for i in view] == [
            every[i] for i in at["test"][3:9][::-1]]


# --- later feeds -------------------------------------------------------------------------------


def test_later_feeds_follow(land, tmp_path):
    feed(tmp_path / "a.h5", *inputs(land, "a"), *OVERLAP)
    split(tmp_path / "a.h5", tmp_path / "b.h5", *split_of(TWO), "--seed", 2)
    report = feed(tmp_path / "b.h5", *inputs(land, "b"), *OVERLAP)
    assert set(report["groups"]) == set(TWO) and min(report["groups"].values()) > 0
    run_vedatile("check", tmp_path / "b.h5", "--leakage")
    split(tmp_path / "a.h5", tmp_path / "s.h5", *split_of(TWO), "--stratify")
    refused(tmp_path, ("feed", tmp_path / "s.h5", *inputs(land, "b"), *OVERLAP), "--stratify",
            "--group")
    assert feed(tmp_path / "s.h5", *inputs(land, "b"), *OVERLAP, "--group", "more")["written"] > 0


# --- nothing by halves -------------------------------------------------------------------------


def test_killed_at_any_moment(tmp_path):
    scene = make_scene(tmp_path / "a.tif", 1280, 1280, bands=3, seed=1)
    feed(tmp_path / "a.h5", "--image", scene, "--tile", 32, "--codec", "raw")
    wanted = ("split", tmp_path / "a.h5", "-o", tmp_path / "b.h5", *split_of(TWO), "--folds", 3)
    arguments = [VEDATILE, *map(str, wanted)]
    begin = time.monotonic()
    run_vedatile(*wanted)
    whole, expected = time.monotonic() - begin, digest(tmp_path / "b.h5")
    (tmp_path / "b.h5").unlink()
    chance, killed, tries = random.Random(1), 0, 0
    while tries < 8 or (killed < 3 and tries < 50):
        tries += 1
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, whole))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() != 0
        if (tmp_path / "b.h5").exists():
            assert digest(tmp_path / "b.h5") == expected
            (tmp_path / "b.h5").unlink()
    assert killed > 2
    run_vedatile(*wanted)
    assert digest(tmp_path / "b.h5") == expected
    assert sorted(os.listdir(tmp_path)) == ["a.h5", "a.tif", "b.h5"]
    assert run_vedatile("check", tmp_path / "a.h5", "--digest").stdout


def peak(*arguments):
    """Largest resident memory of a command in bytes; from a small process, for a child begins with
    what its parent has."""
    program = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
               "stdout=2); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
    done = subprocess.run([sys.executable, "-c", program, VEDATILE, *map(str, arguments)],
                          check=True, capture_output=True, text=True)
    return int(done.stdout) * 1024


def test_memory_is_flat(tmp_path):
    if "asan" in subprocess.run(["ldd", VEDATILE], capture_output=True, text=True).stdout:
        pytest.skip("the sanitizer keeps memory")
    used = []
    for side in (512, 2560):
        scene = make_scene(tmp_path / f"{side}.tif", side, side, bands=8, seed=1)
        feed(tmp_path / f"{side}.h5", "--image", scene, "--tile", 128, "--codec", "raw")
        used.append(peak("split", tmp_path / f"{side}.h5", "-o", tmp_path / f"{side}-out.h5",
                         *split_of(TWO), "--split-by", "random", "--threads", 2))
    assert os.path.getsize(tmp_path / "2560-out.h5") > 50e6
    assert used[1] - used[0] < 16e6


# --- damage and wrong usage --------------------------------------------------------------------


def damage(path, array, index=3):
    with h5py.File(path, "r+") as file:
        dataset = file[f"train/{array}"]
        if array == "samples":
            row = dataset[index]
            row["weight"] = 7
            dataset[index] = row
            return
        at = (index,) + (0,) * (dataset.ndim - 1)
        _, chunk = dataset.id.read_direct_chunk(at)
        broken = bytearray(chunk)
        broken[len(broken) // 2] ^= 0x55
        dataset.id.write_direct_chunk(at, bytes(broken))


@pytest.mark.parametrize("codec", ["raw", "lz4", "deflate"])
@pytest.mark.parametrize("array", ["images", "labels/mask"])
def test_damaged_pixels(land, tmp_path, codec, array):
    """Copied as they are, with the checksum that tells; or refused on request."""
    feed(tmp_path / "a.h5", *inputs(land, "a"), *RECIPE, "--codec", codec)
    damage(tmp_path / "a.h5", array)
    wanted = ("split", tmp_path / "a.h5", "-o", tmp_path / "b.h5", *split_of(TWO))
    refused(tmp_path, (*wanted, "--verify"), "a.h5", "/train", "3")
    run_vedatile(*wanted)
    assert "1 problem" in run_vedatile("check", tmp_path / "b.h5", code=1).stdout


def test_damaged_row(folded, tmp_path):
    damage(folded, "samples")
    refused(tmp_path, ("split", folded, "-o", tmp_path / "b.h5", *split_of(TWO), "--split-by",
                       "random"), "sample 3", "checksum")


@pytest.mark.parametrize("arguments, says", [
    ((), ("nothing to do",)),
    (("--split", "a=1,b=1"), ("--split needs --output",)),
    (("-o", "b.h5"), ("nothing to do",)),
    (("-o", "b.h5", "--split", "a=1,a=2"), ("a is named twice",)),
    (("-o", "b.h5", "--split", "views=1"), ("views",)),
    (("-o", "b.h5", "--split", "a=0"), ("above 0",)),
    (("-o", "b.h5", "--split", "a"), ("GROUP=SHARE",)),
    (("-o", "b.h5", "--split", "a=1,b=1", "--split-by", "cheese"), ("cheese",)),
    (("-o", "b.h5", "--split", "a=1,b=1", "--split-by", "scene", "--block-size", 5),
     ("--split-by block",)),
    (("-o", "b.h5", "--split", "a=1,b=1", "--split-by", "scene", "--split-gap", 5),
     ("--split-by block",)),
    (("-o", "b.h5", "--split", "a=1,b=1", "--block-size", 20), ("smaller than a tile",)),
    (("--folds", 1), ("2..64",)),
    (("--folds", 65), ("2..64",)),
    (("--group", "train"), ("--group needs --folds",)),
])
def test_wrong_usage(folded, tmp_path, arguments, says):
    refused(tmp_path, ("split", folded, *arguments), *says, code=2, cwd=tmp_path)


def test_wrong_stores(folded, tmp_path, data):
    two = split_of(TWO)
    refused(tmp_path, ("split", tmp_path / "no.h5", "-o", tmp_path / "b.h5", *two), "no.h5")
    refused(tmp_path, ("split", folded, "-o", folded, *two), "f.h5")
    refused(tmp_path, ("split", folded, "-o", tmp_path / "no/b.h5", *two), "no/b.h5")
    (tmp_path / "there.h5").write_text("mine")
    refused(tmp_path, ("split", folded, "-o", tmp_path / "there.h5", *two), "there.h5")
    refused(tmp_path, ("split", folded, "-o", tmp_path / "b.h5", *split_of({"a": 0.999999, "b": 1e-6}),
                       "--split-by", "scene"), "would be empty", "b")
    refused(tmp_path, ("split", folded, "--folds", 5, "--split-by", "scene"), "would have no test")
    refused(tmp_path, ("split", data / "olinda/scene.tif", "--folds", 3), "scene.tif")
    refused(tmp_path, ("check", folded, "--leakage", "--folds"), "has no folds")
    refused(tmp_path, ("check", folded, "--leakage", "--views", "no"), "no view")
    before = snapshot(tmp_path)
    report = split(folded, tmp_path / "b.h5", *two, "--folds", 3, "--dry-run")
    assert report["written"] > 0 and len(report["folds"]) == 3 and snapshot(tmp_path) == before
    one_line(run_vedatile("split", code=2).stderr, "STORE is missing")
