"""Exact windows from a file, and images that are tiles."""
import json

import h5py
import pytest
import rasterio
import rasterio.warp
from big import ORIGIN, feed, make_scene, refused
from reference import Store
from test_windows import places, windows_of

TILE = 16


@pytest.fixture
def place(tmp_path):
    make_scene(tmp_path / "a.tif", 64, 48)
    make_scene(tmp_path / "b.tif", 64, 48, seed=1, origin=(ORIGIN[0] + 64, ORIGIN[1]))
    return tmp_path


def fill(place, text, *arguments, scenes="a", name="windows.csv"):
    (place / name).write_text(text, encoding="utf-8")
    return feed(place / "x.h5", *command(place, *arguments, scenes=scenes, name=name))


def command(place, *arguments, scenes="a", name="windows.csv"):
    return ["--image", *[place / f"{scene}.tif" for scene in scenes], "--tile", TILE, "--windows",
            "list", "--window-file", place / name, "--codec", "raw", *arguments]


WANTED = [(3, 4), (47, 32), (0, 0)]
JSON = [{"col": col, "row": row, "cols": TILE, "rows": TILE} for col, row in WANTED]


@pytest.mark.parametrize("text", [
    "col,row\n3,4\n47,32\n0,0\n", "row,col\r\n4,3\r\n32,47\r\n0,0",
    "note,col,row,cols,rows\n\"a, \"\"b\"\"\",3,4,16,16\n,47,32,,\n\n,0,0,16,\n",
    "\ufeffcol,row,scene\n3,4,a.tif\n47,32,\n0,0,a.tif\n3,4,\n",
    json.dumps(JSON), json.dumps({"windows": JSON}),
    json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": None, "properties": entry} for entry in JSON]}),
])
def test_forms_of_lists(place, text):
    said = fill(place, text)
    assert said["windows"] == said["written"] == 3
    assert sorted(places(place / "x.h5")) == sorted(WANTED)
    assert fill(place, text)["written"] == 0
    with rasterio.open(place / "a.tif") as scene:
        pixels = scene.read()
    for image, (col, row) in zip(Store(place / "x.h5").images, places(place / "x.h5")):
        assert (image == pixels[:, row:row + TILE, col:col + TILE]).all()


@pytest.mark.parametrize("epsg", [32633, 4326, None])
def test_outlines_on_the_ground(place, epsg):
    features = []
    for col, row in WANTED:
        x, y = ORIGIN[0] + col, ORIGIN[1] - row
        ring = [[x, y], [x + TILE, y], [x + TILE, y - TILE], [x, y - TILE], [x, y]]
        shape = {"type": "Polygon", "coordinates": [ring]}
        if epsg != 32633:
            shape = rasterio.warp.transform_geom("EPSG:32633", "EPSG:4326", shape)
        features.append({"type": "Feature", "properties": {"group": "test"}, "geometry": shape})
    root = {"type": "FeatureCollection", "features": features}
    if epsg:
        name = "urn:ogc:def:crs:EPSG::32633" if epsg == 32633 else "urn:ogc:def:crs:OGC:1.3:CRS84"
        root["crs"] = {"type": "name", "properties": {"name": name}}
    said = fill(place, json.dumps(root), name="windows.geojson")
    assert said["groups"] == {"test": 3}
    assert sorted(places(place / "x.h5", "test")) == sorted(WANTED)


def test_scenes_and_groups(place):
    with h5py.File(place / "any.h5", "w"):
        pass
    feed(place / "d.h5", "--image", place / "b.tif", "--tile", TILE)
    with h5py.File(place / "d.h5") as file:
        digest = file["scenes"]["digest"][0].decode()
    said = fill(place, f"scene,col,row,group\na.tif,0,0,test\n{place}/b.tif,1,2,train\n"
                       f"{digest},5,6,\n", "--group", "rest", scenes="ab")
    assert said["groups"] == {"test": 1, "train": 1, "rest": 1}
    found = {group: windows_of(place / "x.h5", group) for group in said["groups"]}
    assert [window[:3] for window in found["test"]] == [(0, 0, 0)]
    assert [window[:3] for window in found["train"]] == [(1, 1, 2)]
    assert [window[:3] for window in found["rest"]] == [(1, 5, 6)]


def test_past_the_edge(place):
    said = fill(place, "col,row\n-4,-8\n60,40\n", "--edge", "pad")
    assert said["written"] == 2 and sorted(places(place / "x.h5")) == [(-4, -8), (60, 40)]


@pytest.mark.parametrize("text, says", [
    ("", "line 1: names no columns col and row"), ("x,y\n1,2\n", "names no columns col and row"),
    ("col,row\n", "no windows in it"), ("col,row\n0,0\n1\n", "line 3: it has another number"),
    ("col,row\n0,0\n1,1.5\n", "line 3: col, row, cols and rows are whole numbers"),
    ("col,row\n,1\n", "line 2: col, row, cols and rows are whole numbers"),
    ("col,row\n99999999999999999999,1\n", "line 2: col, row"),
    ("col,row\n9999999999,1\n", "line 2: it lies outside of the scene"),
    ("col,row\n64,1\n", "line 2: it lies outside of the scene"),
    ("col,row\n50,1\n", "line 2: it reaches past the scene: --edge pad"),
    ("col,row\n0,0\n-1,1\n", "line 3: it reaches past the scene"),
    ("col,row,cols,rows\n0,0,16,17\n", "line 2: 16 x 17 pixels, but tiles are 16 x 16"),
    ("col,row,scene\n0,0,c.tif\n", "line 2: scene c.tif is none of the images"),
    ("col,row,group\n0,0,a b\n", "line 2: its group is no name of a group"),
    ("col,row,group\n0,0,a\n0,0,b\n", "col 0 row 0 is listed in two groups"),
    ("[]", "no windows in it"), ("{}", "no list of windows"), ("[1]", "entry 1: it has neither"),
    ('[{"col": 1, "row": "2"}]', "entry 1: col, row, cols and rows are whole numbers"),
    ('[{"col": 1}]', "entry 1: it has neither col and row nor a polygon"), ("{", "windows.csv"),
    ('[{"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, "a"], [1, 1], [0, 0]]]}}]',
     "entry 1: its polygon has a point that is none"),
    ('[{"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}]',
     "entry 1: "),
])
def test_lists_that_are_none(place, text, says):
    (place / "windows.csv").write_text(text)
    refused(place, ["feed", place / "x.h5", *command(place)], "windows.csv" if "two groups"
            not in says else "", says, code=None)


def test_lists_against_other_options(place):
    (place / "windows.csv").write_text("col,row,group\n0,0,a\n")
    plain = ["feed", place / "x.h5", "--image", place / "a.tif", "--tile", TILE]
    refused(place, [*plain, "--windows", "list"], "go together", code=2)
    refused(place, [*plain, "--windows", "list", "--window-file", place / "none.csv"], "none.csv")
    refused(place, ["feed", place / "x.h5", *command(place, "--edge", "shift")], "--edge", code=2)
    refused(place, ["feed", place / "x.h5", *command(place, "--split", "a=1,b=1")],
            "leave --split out", code=2)
    refused(place, ["feed", place / "x.h5", *command(place, scenes="ab")],
            "line 2: it names no scene, and there are several images", code=2)


# --- whole images --------------------------------------------------------------------------------

def whole(place, *arguments, scenes="ab"):
    return ["--image", *[place / f"{scene}.tif" for scene in scenes], "--windows", "whole",
            "--codec", "raw", *arguments]


def test_each_image_is_a_tile(place):
    said = feed(place / "x.h5", *whole(place))
    assert said["windows"] == said["written"] == 2
    assert windows_of(place / "x.h5") == [(0, 0, 0, 64, 48), (1, 0, 0, 64, 48)]
    for image, name in zip(Store(place / "x.h5").images, "ab"):
        with rasterio.open(place / f"{name}.tif") as scene:
            assert (image == scene.read()).all()
    assert feed(place / "x.h5", *whole(place))["written"] == 0


def test_images_of_other_sizes(place):
    make_scene(place / "small.tif", 60, 48, seed=5)
    make_scene(place / "large.tif", 65, 48, seed=6)
    refused(place, ["feed", place / "x.h5", *whole(place, scenes=["a", "small"])],
            "small.tif: 60 x 48 pixels, but tiles are 64 x 48", "--edge pad")
    refused(place, ["feed", place / "x.h5", *whole(place, "--edge", "pad", scenes=["a", "large"])],
            "large.tif: 65 x 48 pixels")
    feed(place / "x.h5", *whole(place, "--edge", "pad", scenes=["a", "small"]))
    with rasterio.open(place / "small.tif") as scene:
        image = Store(place / "x.h5").images[1]
        assert (image[:, :, :60] == scene.read()).all() and (image[:, :, 60:] == 0).all()
