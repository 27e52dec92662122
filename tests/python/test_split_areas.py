"""Groups by areas on the ground."""
import json

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.features
import rasterio.warp
from big import ORIGIN, digest, feed, make_scene, polygon, refused, write_labels
from conftest import run_vedatile

SIDE, TILE = 320, 32
CRS = "EPSG:32633"


def ring(*points):
    """In pixels of the scene, as ground."""
    return [[ORIGIN[0] + x, ORIGIN[1] - y] for x, y in [*points, points[0]]]


WEST = ring((-50, -50), (150, -50), (120, 400), (-50, 400))
EAST = ring((170, -50), (400, -50), (400, 400), (150, 400))
HOLE = ring((40, 40), (90, 40), (90, 90), (40, 90))


@pytest.fixture
def place(tmp_path):
    make_scene(tmp_path / "scene.tif", SIDE, SIDE, seed=1)
    write_labels(tmp_path / "train.geojson", [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [WEST, HOLE]}}])
    write_labels(tmp_path / "test.geojson", [polygon(EAST)])
    return tmp_path


def corners(store):
    with h5py.File(store) as file:
        return {name: {tuple(int(v) for v in row[:2]) for row in file[name]["samples"]["window"]}
                for name in ("train", "test") if name in file}


def split(place, store, *options, images=("scene.tif",), areas=("train", "test")):
    return feed(store, "--image", *(place / image for image in images), "--tile", TILE, "--split-areas",
                *(place / f"{area}.geojson" for area in areas), *options)


def covered(place, area):
    """Pixels whose centres are in the area, by GDAL."""
    shapes = [feature["geometry"] for feature in json.loads((place / f"{area}.geojson").read_text())["features"]]
    with rasterio.open(place / "scene.tif") as scene:
        return rasterio.features.rasterize(shapes, (SIDE, SIDE), transform=scene.transform).astype(bool)


@pytest.mark.parametrize("threads", [1, 3])
def test_windows_wholly_inside(place, threads):
    report = split(place, place / "store.h5", "--stride", 16, "--threads", threads)
    found = corners(place / "store.h5")
    starts = range(0, SIDE - TILE + 1, 16)
    for area in "train", "test":
        inside = covered(place, area)
        assert found[area] == {(col, row) for row in starts for col in starts
                               if inside[row:row + TILE, col:col + TILE].all()}
        assert len(found[area]) > 20
    assert report["straddling"] == len(starts) ** 2 - report["written"]
    assert report["groups"] == {name: len(windows) for name, windows in found.items()}


def test_areas_in_degrees(place):
    split(place, place / "metres.h5")
    for area, rings in ("train", [WEST, HOLE]), ("test", [EAST]):
        shape = rasterio.warp.transform_geom(CRS, "EPSG:4326", {"type": "Polygon", "coordinates": rings},
                                             precision=12)
        (place / f"{area}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [
            {"type": "Feature", "properties": {}, "geometry": shape}]}))
    split(place, place / "degrees.h5")
    assert corners(place / "metres.h5") == corners(place / "degrees.h5")


def test_later_feeds_follow(place):
    make_scene(place / "b.tif", SIDE, SIDE, seed=2, origin=(ORIGIN[0] + 40, ORIGIN[1]))
    split(place, place / "whole.h5", images=("scene.tif", "b.tif"))
    (place / "sub").mkdir()
    store = place / "sub/store.h5"
    split(place, store)
    feed(store, "--image", place / "b.tif", "--tile", TILE)
    assert digest(store) == digest(place / "whole.h5")
    # The same areas by other names are the same, others are refused.
    (place / "copy").mkdir()
    for area in "train", "test":
        (place / f"copy/{area}.geojson").write_bytes((place / f"{area}.geojson").read_bytes())
    split(place / "copy", store, images=("../scene.tif",))
    before = digest(store)
    refused(place, ("feed", store, "--image", place / "b.tif", "--tile", TILE, "--split",
                    "train=0.5,test=0.5"), "split by areas")
    write_labels(place / "train.geojson", [polygon(WEST)])
    refused(place, ("feed", store, "--image", place / "scene.tif", "--tile", TILE, "--split-areas",
                    place / "train.geojson", place / "test.geojson"), "split by areas")
    for area in "train", "test":
        (place / f"copy/{area}.geojson").unlink()
    refused(place, ("feed", store, "--image", place / "b.tif", "--tile", TILE), ".geojson")
    assert digest(store) == before


def test_what_is_said_of_windows_left_out(place):
    """Also by a feed that follows the store; areas of unlike size are no reason for a warning."""
    done = run_vedatile("feed", place / "store.h5", "--image", place / "scene.tif", "--tile", TILE,
                        "--split-areas", place / "train.geojson", place / "test.geojson")
    make_scene(place / "b.tif", SIDE, SIDE, seed=2, origin=(ORIGIN[0] + 40, ORIGIN[1]))
    again = run_vedatile("feed", place / "store.h5", "--image", place / "b.tif", "--tile", TILE)
    for text in done, again:
        assert "not wholly in one group's area" in text.stdout and "blocks" not in text.stdout
        assert text.stderr == ""
    write_labels(place / "test.geojson", [polygon(ring((200, 0), (240, 0), (240, 40), (200, 40)))])
    small = split(place, place / "small.h5")
    assert small["groups"]["test"] < small["groups"]["train"] / 10 and small["warning"] is None
    write_labels(place / "train.geojson", [polygon(ring((-90, 0), (-10, 0), (-10, 40), (-90, 40)))])
    write_labels(place / "test.geojson", [polygon(ring((0, 0), (20, 0), (20, 20), (0, 20)))])
    refused(place, ("feed", place / "none.h5", "--image", place / "scene.tif", "--tile", TILE,
                    "--split-areas", place / "train.geojson", place / "test.geojson"),
            "100 not wholly in one group's area")


def test_areas_that_overlap(place):
    """torchgeo's roi_split refuses such areas as well."""
    write_labels(place / "test.geojson", [polygon(ring((100, -50), (400, -50), (400, 400), (100, 400)))])
    refused(place, ("feed", place / "store.h5", "--image", place / "scene.tif", "--tile", 8,
                    "--split-areas", place / "train.geojson", place / "test.geojson"),
            "train", "test", "overlap", "col")


def test_areas_that_share_an_edge(place):
    write_labels(place / "train.geojson", [polygon(ring((0, 0), (160, 0), (160, 320), (0, 320)))])
    write_labels(place / "test.geojson", [polygon(ring((160, 0), (320, 0), (320, 320), (160, 320)))])
    split(place, place / "store.h5")
    assert {name: len(found) for name, found in corners(place / "store.h5").items()} == {"train": 50, "test": 50}


@pytest.mark.parametrize("arguments, says", [
    (("--split-areas", "train.geojson", "--split", "a=1,b=1"), "--split"),
    (("--split-areas", "train.geojson", "--group", "a"), "--group"),
    (("--split-areas", "train.geojson", "--split-by", "scene"), "--split"),
    (("--split-areas", "none.geojson"), "none.geojson"),
    (("--split-areas", "train.geojson", "copy/train.geojson"), "second file"),
    (("--split-areas", "a b.geojson"), "a b.geojson"),
])
def test_what_is_refused(place, arguments, says):
    (place / "copy").mkdir()
    for name in "copy/train.geojson", "a b.geojson":
        (place / name).write_bytes((place / "train.geojson").read_bytes())
    refused(place, ("feed", "store.h5", "--image", "scene.tif", "--tile", TILE, *arguments), says, code=None,
            cwd=place)
    assert not (place / "store.h5").exists()


def test_no_ground_is_in_two_groups(place):
    split(place, place / "store.h5", "--stride", 8)
    assert "no ground is in two groups" in run_vedatile("check", place / "store.h5", "--leakage").stdout
    assert not np.logical_and(covered(place, "train"), covered(place, "test")).any()
