"""Configuration files: what they may say, what is wrong with them, and stores that are fed again by
what they keep.

schemas/feed-config.schema.json is made from the table of options. After a change of options:
    VEDATILE_BUILD=build python3 tests/python/test_config.py --write
"""
import functools
import json
import os
import re
import shutil
import subprocess
import sys

import h5py
import jsonschema
import pytest
import rasterio
from big import make_labels, make_scene, write_labels, polygon, square, ORIGIN
from conftest import SOURCE, VEDATILE

SCHEMA_FILE = SOURCE / "schemas/feed-config.schema.json"


@functools.cache
def made_schema():
    return subprocess.run([VEDATILE, "feed", "--print-schema"], capture_output=True, text=True,
                          timeout=60, check=True).stdout


def members():
    return {name: schema for name, schema in json.loads(made_schema())["properties"].items()
            if name != "$schema"}


def validator():
    return jsonschema.Draft202012Validator(json.loads(made_schema()))


def digest(store, vedatile):
    return vedatile("check", store, "--digest").stdout


def feeds(store):
    with h5py.File(store) as file:
        return json.loads(file.attrs["feed_config"])


# --- the schema ----------------------------------------------------------------------------------

def test_schema_is_current():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == made_schema(), __doc__


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json.loads(made_schema()))


def test_schema_has_every_option():
    """But those that are about configuration files themselves."""
    usage = subprocess.run([VEDATILE, "feed", "--help"], capture_output=True, text=True,
                           timeout=60, check=True).stdout
    listed = set(re.findall(r"^  --([a-z-]+)", usage, flags=re.M))
    assert set(members()) == (listed | {"store"}) - {"config", "print-config", "print-schema",
                                                     "help"}


# --- every option that a store keeps --------------------------------------------------------------

@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two overlapping scenes of four bands with labels, and files for the options that take some."""
    where = tmp_path_factory.mktemp("config")
    side = 160
    for name, seed, shift in ("a", 1, 0), ("b", 2, 96):
        make_scene(where / f"{name}.tif", side, side, bands=4, seed=seed, nodata=0,
                   origin=(ORIGIN[0] + shift, ORIGIN[1]))
        with rasterio.open(where / f"{name}.tif", "r+") as scene:
            scene.update_tags(TIFFTAG_DATETIME=f"20{18 + seed}:03:01 12:00:00")
    make_labels(where / "labels.geojson", side + 96, side, 60)
    labels = json.loads((where / "labels.geojson").read_text())
    for number, feature in enumerate(labels["features"]):
        feature["properties"]["height"] = number * 0.5
        feature["properties"]["rank"] = number % 7
    (where / "labels.geojson").write_text(json.dumps(labels))
    for name, shift in ("west", 0), ("east", 130):
        write_labels(where / f"{name}.geojson", [
            polygon(square(ORIGIN[0] + shift, ORIGIN[1], 125))])
    write_labels(where / "area.geojson", [polygon(square(ORIGIN[0] + 5, ORIGIN[1] - 5, 120))])
    write_labels(where / "holes.geojson", [polygon(square(ORIGIN[0] + 40, ORIGIN[1] - 40, 30))])
    write_labels(where / "lines.geojson", [
        {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": [
            [ORIGIN[0] + 3, ORIGIN[1] - 8], [ORIGIN[0] + 130, ORIGIN[1] - 90]]}}])
    make_scene(where / "a1.tif", side + 96, side, bands=1, seed=3, nodata=0, origin=ORIGIN)
    (where / "objects.json").write_text(json.dumps({
        "images": [{"id": name, "file_name": f"{name}.tif"} for name in "ab"],
        "categories": [{"id": 3, "name": "car"}], "annotations": [
            {"id": 1, "image_id": "a", "category_id": 3, "bbox": [10, 20, 30, 40]}]}))
    (where / "windows.csv").write_text("scene,col,row\n" + "".join(
        f"{name}.tif,{col},{row}\n" for name in "ab" for col, row in ((0, 0), (17, 33), (90, 100))))
    (where / "values.json").write_text(json.dumps({"rules": [
        {"range": [None, 50], "class": "low"}], "default": "high"}))
    (where / "map.json").write_text(json.dumps({"rules": [
        {"values": ["car"], "class": "vehicle"}], "default": "other"}))
    return where


FEATURES = ("--labels", "labels.geojson", "--class-field", "kind")

# Together they have every option that a store keeps; a new option goes into one of them.
CASES = {
    "grid": [*FEATURES, "--task", "classification,segmentation", "--tile", "32x48", "--stride",
             "24x40", "--edge", "pad", "--bands", "3,1", "--classes", "car,house,tree,none",
             "--match", "all", "--mask-rule", "all-touched", "--mask-order", "area", "--codec",
             "deflate", "--name", "fields", "--group", "mine", "--min-valid", "0.3"],
    "split": [*FEATURES, "--task", "detection", "--tile", "8", "--split",
              "test=0.3,train=0.6,more=0.1", "--block-size", "48",
              "--split-gap", "4", "--seed", "9", "--min-visible", "0.4", "--unknown", "skip",
              "--classes", "tree,car"],
    "scenes": ["--tile", "40", "--split", "b=1,a=1", "--split-by", "scene", "--seed", "3"],
    "dated": ["--tile", "40", "--split-by", "time", "--split-time", "train=2020-01-01,test"],
    "areas": ["--tile", "40", "--split-areas", "east.geojson", "west.geojson"],
    "random": [*FEATURES, "--task", "instance", "--tile", "20", "--windows", "random", "--count",
               "30", "--apart", "--seed", str(2 ** 63 - 1), "--background-ratio", "0.7",
               "--unknown", "house", "--classes", "house,car"],
    "centered": [*FEATURES, "--task", "regression", "--tile", "24", "--windows", "centered",
                 "--jitter", "5", "--target-field", "height", "--mask-order", "field:rank"],
    "list": [*FEATURES, "--task", "detection", "--tile", "48", "--windows", "list",
             "--window-file", "windows.csv", "--match", "all"],
    "whole": ["--windows", "whole"],
    "area": [*FEATURES, "--task", "segmentation", "--tile", "16", "--aoi", "area.geojson",
             "--aoi-rule", "share", "--aoi-share", "0.4", "--aoi-mask", "--ignore",
             "holes.geojson", "--match", "all"],
    "warped": ["--labels", "labels.geojson", "--class-map", "map.json", "--class-field", "kind",
               "--task", "segmentation", "--tile", "32", "--crs", "EPSG:3035", "--resolution",
               "0.7,1.3", "--resampling", "cubic"],
    "pixels": [*FEATURES, "--task", "boundary,contact,distance", "--tile", "32", "--boundary",
               "outer", "--boundary-width", "5", "--contact-spacing", "7.25", "--distance-limit",
               "12.1"],
    "values": ["--tile", "40", "--dtype", "float64", "--unscale", "--nodata", "3,7,250",
               "--valid-rule", "any", "--min-valid", "0.1"],
    "mosaic": ["--tile", "40", "--join", "mosaic", "--join-by", "folder", "--mosaic-order", "last",
               "--extra", "a.tif", "--resampling", "bilinear"],
    "times": ["--tile", "40", "--join", "times", "--bands", "3,1"],
    "data": ["--tile", "40", "--nodata", "none"],
    "clouds": ["--tile", "40", "--cloud-band", "4", "--cloud-bits", "5,7", "--max-cloud", "0.75",
               "--cloud-mask"],
    "clear": ["--tile", "40", "--cloud-file", "a1.tif", "a1.tif", "--cloud-values", "103,250",
              "--max-cloud", "0", "--cloud-mask"],
    "rasters": ["--label-raster", "a1.tif", "--task", "segmentation,classification", "--tile", "40",
                "--label-values", "0=background,1-49=low\\, wet,50-98=high", "--unknown", "skip"],
    "mapped": ["--label-raster", "a1.tif", "a1.tif", "--label-map", "values.json", "--task",
               "classification", "--tile", "40"],
    "lines": ["--labels", "lines.geojson", "--task", "segmentation", "--tile", "40", "--width",
              "2.25px", "--match", "all"],
    "images": ["--labels", "objects.json", "--label-format", "coco", "--task", "detection",
               "--tile", "40", "--match", "all"],
}


def arguments(case):
    return ["--image", "a.tif", "b.tif", *CASES[case]]


def normal(options):
    """Sizes and splits have two spellings."""
    options = dict(options)
    for name in "tile", "stride":
        if isinstance(options.get(name), int):
            options[name] = [options[name]] * 2
    if isinstance(options.get("resolution"), list):
        options["resolution"] = (options["resolution"] * 2)[:2]
    if isinstance(options.get("split"), dict):
        options["split"] = [{name: share} for name, share in options["split"].items()]
    return options


def test_every_kept_option_is_in_a_case():
    kept = {name for name, schema in members().items() if schema["x-kept"]}
    used = {word[2:] for case in CASES for word in arguments(case) if word.startswith("--")}
    assert used == kept


@pytest.mark.parametrize("case", CASES)
def test_store_repeats_its_feed(case, folder, vedatile):
    """The digest is equal, and what was given is what is kept, name by name."""
    old, new = folder / f"{case}.h5", folder / "again" / f"{case}.h5"
    new.parent.mkdir(exist_ok=True)
    vedatile("feed", old, *arguments(case), cwd=folder)
    [feed] = feeds(old)
    asked = json.loads(vedatile("feed", old, *arguments(case), "--print-config", cwd=folder).stdout)
    validator().validate(asked)
    validator().validate(feed["options"])
    kept = normal(feed["options"])
    del asked["store"]
    assert {name: kept.get(name) for name in asked} == normal(asked)
    assert set(kept) - set(asked) <= {"tile", "task", "classes"}

    vedatile("feed", new, "--config", old, cwd="/")
    assert digest(old, vedatile) == digest(new, vedatile)
    [again] = feeds(new)
    moved = {name: [f"../{path}" for path in value] if isinstance(value, list) else f"../{value}"
             for name, value in feed["options"].items() if members()[name]["x-path"]}
    assert again["options"] == {**feed["options"], **moved}


@pytest.mark.parametrize("case", CASES)
def test_printed_options_are_a_file(case, folder, tmp_path, vedatile):
    """--print-config makes a file that says the same wherever it is called."""
    config = folder / f"{case}.json"
    config.write_text(vedatile("feed", "printed.h5", *arguments(case), "--threads", 1,
                               "--print-config", cwd=folder).stdout)
    again = vedatile("feed", "--config", config.name, "--print-config", cwd=folder).stdout
    assert again == config.read_text()
    moved = json.loads(vedatile("feed", "--config", config, "--print-config", cwd=tmp_path).stdout)
    for name, value in json.loads(again).items():
        if members()[name]["x-path"]:
            value = ([str(folder / path) for path in value] if isinstance(value, list)
                     else str(folder / value))
        assert moved[name] == value


def test_file_is_the_command_line(folder, tmp_path, vedatile):
    config = folder / "called.json"
    config.write_text(vedatile("feed", "x.h5", *arguments("area"), "--print-config",
                               cwd=folder).stdout)
    vedatile("feed", tmp_path / "line.h5", *arguments("area"), cwd=folder)
    vedatile("feed", tmp_path / "file.h5", "--config", config, cwd=tmp_path)
    assert digest(tmp_path / "line.h5", vedatile) == digest(tmp_path / "file.h5", vedatile)


def test_second_feed_of_a_store(folder, tmp_path, vedatile):
    """What the store decided is kept: the tile, the tasks and the order of the classes."""
    store, first, second = (tmp_path / name for name in ("x.h5", "1.h5", "2.h5"))
    labels = json.loads((folder / "labels.geojson").read_text())
    labels["features"] = [feature for feature in labels["features"]
                          if feature["properties"]["kind"] != "car"]
    (tmp_path / "fewer.geojson").write_text(json.dumps(labels))
    vedatile("feed", store, "--image", folder / "a.tif", "--labels", folder / "labels.geojson",
             "--class-field", "kind", "--task", "segmentation", "--tile", 24, "--group", "one")
    alone = digest(store, vedatile)
    vedatile("feed", store, "--image", folder / "b.tif", "--labels", tmp_path / "fewer.geojson",
             "--class-field", "kind", "--group", "two")
    assert "#1 to" in vedatile("feed", first, "--config", store, code=2).stderr
    assert not first.exists()
    vedatile("feed", first, "--config", f"{store}#1")
    assert digest(first, vedatile) == alone
    vedatile("feed", second, "--config", f"{store}#2")
    assert feeds(second)[0]["options"] == feeds(store)[1]["options"]
    vedatile("feed", second, "--config", f"{store}#1")
    assert digest(second, vedatile) == digest(store, vedatile)
    done = vedatile("feed", store, "--config", f"{store}#2", "--json")
    assert json.loads(done.stdout)["written"] == 0 and len(feeds(store)) == 2
    assert "no feed 3" in vedatile("feed", first, "--config", f"{store}#3", code=2).stderr


def test_same_feed_with_other_words_is_one_feed(folder, tmp_path, vedatile):
    store = tmp_path / "x.h5"
    vedatile("feed", store, "--image", folder / "a.tif", "--tile", 32)
    before = feeds(store)
    done = vedatile("feed", store, "--image", folder / "a.tif", "--codec", "raw", "--name", "y",
                    "--threads", 1, "--json")
    assert json.loads(done.stdout)["existing"] == 25 and feeds(store) == before


def test_store_of_a_version_without_options(folder, tmp_path, vedatile):
    """It is told so, and the next feed by the same options puts them in."""
    store = tmp_path / "x.h5"
    vedatile("feed", store, "--image", folder / "a.tif", "--tile", 32)
    [feed] = feeds(store)
    with h5py.File(store, "r+") as file:
        rest = {name: value for name, value in feed.items() if name != "options"}
        text = json.dumps([rest], sort_keys=True, separators=(",", ":")).encode()
        file.attrs.create("feed_config", text, dtype=h5py.string_dtype("utf-8", len(text)))
    said = vedatile("feed", tmp_path / "y.h5", "--config", store, code=2).stderr
    assert "did not keep all options" in said and not (tmp_path / "y.h5").exists()
    vedatile("feed", store, "--image", folder / "a.tif", folder / "b.tif")
    vedatile("feed", store, "--image", folder / "a.tif")
    assert [bool(entry.get("options")) for entry in feeds(store)][1:] == [True]


# --- the line and the file ------------------------------------------------------------------------

def printed(vedatile, tmp_path, config, *more):
    (tmp_path / "feed.json").write_text(json.dumps(config))
    return json.loads(vedatile("feed", "x.h5", "--config", "feed.json", *more, "--print-config",
                               cwd=tmp_path).stdout)


@pytest.mark.parametrize(("config", "line", "effective"), [
    ({"tile": 64, "edge": "pad"}, ["--tile", "32"], {"tile": 32, "edge": "pad"}),
    ({"bands": [1, 2]}, ["--bands", "nir"], {"bands": ["nir"]}),
    ({"bands": [1, "red", "07"]}, [], {"bands": [1, "red", 7]}),
    ({"image": ["b.tif", "c.tif"]}, [], {}),
    ({"group": "a"}, ["--split", "x=0.1"], {"split": {"x": 0.1}}),
    ({"split": {"b": 0.1, "a": 0.9}, "split-by": "scene"}, ["--group", "g"], {"group": "g"}),
    ({"split": [{"b": 0.1}, {"a": 0.9}]}, [], {"split": {"b": 0.1, "a": 0.9}}),
    ({"apart": False, "labels": [], "min-valid": 0.1}, [], {"min-valid": 0.1}),
    ({"apart": True, "windows": "random", "count": 2}, [],
     {"apart": True, "windows": "random", "count": 2}),
    ({"$schema": "feed-config.schema.json", "store": "y.h5"}, [], {}),
    ({"classes": ["a,b", "c\\d", "é"]}, [], {"classes": ["a,b", "c\\d", "é"]}),
    ({"tile": [3, 4], "resolution": [0.1]}, [], {"tile": [3, 4], "resolution": [0.1]}),
    ({"split": {"a": 1 / 3, "b": 2 / 3}}, [], {"split": {"a": 1 / 3, "b": 2 / 3}}),
    ({"nodata": ["nan", -1e300, 0.1, "inf"]}, [], {"nodata": ["nan", -1e300, 0.1, "inf"]}),
    ({"tile": 32.0, "stride": [8.0, 9]}, [], {"tile": 32, "stride": [8, 9]}),
    ({"seed": 2 ** 63 - 1}, [], {"seed": 2 ** 63 - 1}),
])
def test_the_command_line_wins(config, line, effective, tmp_path, vedatile):
    config = {"image": ["a.tif"], **config}
    wanted = {"store": "x.h5", "image": config["image"], **effective}
    assert printed(vedatile, tmp_path, config, *line) == wanted
    validator().validate(config)


def test_order_of_a_split(tmp_path, vedatile):
    got = printed(vedatile, tmp_path, {"image": ["a.tif"], "split": {"z": 0.5, "a": 0.25, "m": 1}})
    assert list(got["split"]) == ["z", "a", "m"]


def test_paths_are_relative_to_the_file(tmp_path, vedatile):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/colon:x.tif").touch()
    paths = ["a.tif", "../b.tif", "/abs/c.tif", "https://host/d.tif", "/vsicurl/https://h/e.tif",
             "NETCDF:f.nc:v", "colon:x.tif", "<VRTDataset/>"]
    (tmp_path / "deep/feed.json").write_text(json.dumps(
        {"store": "s.h5", "image": paths, "class-map": "m.json", "labels": ["l.geojson"]}))
    got = json.loads(vedatile("feed", "--config", "deep/feed.json", "--print-config",
                              cwd=tmp_path).stdout)
    assert got == {"store": "deep/s.h5", "labels": ["deep/l.geojson"], "class-map": "deep/m.json",
                   "image": ["deep/a.tif", "deep/../b.tif", *paths[2:6], "deep/colon:x.tif",
                             "<VRTDataset/>"]}


# --- mistakes -------------------------------------------------------------------------------------

@pytest.mark.parametrize(("config", "said"), [
    ('{"tyle": 3}', '/tyle: there is no such option; did you mean "tile"?'),
    ('{"class_field": "x"}', '/class_field: there is no such option; did you mean "class-field"?'),
    ('{"a/b~c": 3}', "/a~1b~0c: there is no such option; 'vedatile feed --help' lists them"),
    ('{"config": "x"}', "/config: is an option of the command line only"),
    ('{"tile": "3"}', "/tile: must be a whole number or [columns, rows], not a text"),
    ('{"tile": [3, 4, 5]}', "/tile: must be a whole number or [columns, rows], not a list"),
    ('{"tile": 3.5}', "/tile: must be a whole number or [columns, rows], not a number"),
    ('{"tile": 0}', "/tile: must be 1..32768"),
    ('{"count": 1.5}', "/count: must be a whole number, not a number"),
    ('{"image": "a.tif"}', "/image: must be a list, also of one: [...], not a text"),
    ('{"image": ["a.tif", 3]}', "/image/1: must be a text, not a number"),
    ('{"image": [""]}', "/image/0: the value is empty"),
    ('{"classes": ["a", ""]}', "/classes/1: the value is empty"),
    ('{"bands": [1.5]}', "/bands/0: must be a text or a whole number, not a number"),
    ('{"nodata": [1, "some"]}', "/nodata/1: write numbers, nan or none"),
    ('{"nodata": [null]}', "/nodata/0: must be a number or a text, not null"),
    ('{"task": ["segments"]}', "/task/0: must be one of classification, detection,"),
    ('{"edge": "cut"}', "/edge: must be one of drop, pad, shift"),
    ('{"mask-order": "field:"}', "/mask-order: file, class, area or field:F is wanted"),
    ('{"min-valid": 1.5}', "/min-valid: must be 0..1"),
    ('{"min-valid": true}', "/min-valid: must be a number, not true or false"),
    ('{"apart": 1}', "/apart: must be true or false, not a number"),
    ('{"apart": null}', "/apart: must be true or false, not null"),
    ('{"split": {"a": 0}}', "/split/a: the share must be a number above 0"),
    ('{"split": {"a": "1"}}', "/split/a: must be a number above 0, not a text"),
    ('{"split": [{"a": 1}, 3]}', '/split/1: must be an object: {"GROUP": SHARE}, not a number'),
    ('{"split": "a=1"}', '/split: must be an object: {"GROUP": SHARE}, not a text'),
    ('{"resolution": [1, 2, 3]}', "/resolution/2: write 1 to 2 numbers above 0"),
    ('{"resolution": [0]}', "/resolution/0: write 1 to 2 numbers above 0"),
    ('{"image": ["a"], "group": "a", "split": {"a": 1}}',
     '/group: and "split" contradict each other; give one'),
    ('{"image": ["a"], "block-size": 3}', '/block-size: needs "split"'),
    ('{"tile": 1,\n "tile": 2}', "line 2 column 7: duplicate object key near '\"tile\"'"),
    ('{"tile": 1,\n "edge": }', "line 2 column "),
    ('{"seed": 9223372036854775808}', "line 1 column "),
    ("[]", 'must be a JSON object of options: {"image": ["a.tif"]}'),
    ("", "line 1 column 0: '[' or '{' expected near end of file"),
    ('{"store": 3}', "/store: must be a text, not a number"),
])
def test_mistake_is_one_line(config, said, tmp_path, vedatile):
    (tmp_path / "feed.json").write_text(config)
    done = vedatile("feed", "x.h5", "--config", "feed.json", code=2, cwd=tmp_path)
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert f"vedatile feed: feed.json: {said}" in done.stderr
    assert os.listdir(tmp_path) == ["feed.json"]
    try:
        document = json.loads(config, object_pairs_hook=lambda members: members)
    except ValueError:
        return
    if "needs" in said or "line " in said or said.endswith("is empty"):
        return  # what a schema does not say, or says of texts
    assert document is not None and not validator().is_valid(json.loads(config))


def test_mistakes_count_where_the_line_wins(tmp_path, vedatile):
    (tmp_path / "feed.json").write_text('{"image": ["a.tif"], "tile": -1}')
    done = vedatile("feed", "x.h5", "--config", "feed.json", "--tile", 8, code=2, cwd=tmp_path)
    assert "/tile: must be 1..32768" in done.stderr


@pytest.mark.parametrize(("name", "code", "said"), [
    ("nosuch.json", 1, "--config nosuch.json: cannot be read: No such file or directory"),
    ("folder", 2, "--config folder: is a folder: name a file"),
    ("feed.json#2", 2, "--config feed.json#2: #2 is about stores, and feed.json is none"),
    ("broken.h5", 1, "broken.h5: "),
])
def test_what_is_no_config(name, code, said, tmp_path, vedatile):
    (tmp_path / "folder").mkdir()
    (tmp_path / "feed.json").write_text("{}")
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    done = vedatile("feed", "x.h5", "--config", name, code=code, cwd=tmp_path)
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "x.h5").exists()


def test_file_with_a_number_sign(folder, tmp_path, vedatile):
    shutil.copy(folder / "a.tif", tmp_path)
    (tmp_path / "feed#2").write_text('{"image": ["a.tif"], "tile": 40}')
    vedatile("feed", "x.h5", "--config", "feed#2", cwd=tmp_path)
    assert feeds(tmp_path / "x.h5")[0]["options"] == {"image": ["a.tif"], "tile": 40}


def test_file_says_all(folder, tmp_path, vedatile):
    (tmp_path / "feed.json").write_text(json.dumps(
        {"store": "x.h5", "image": [str(folder / "a.tif")], "tile": 40, "json": True,
         "progress": "none", "dry-run": True}))
    done = vedatile("feed", "--config", "feed.json", cwd=tmp_path)
    assert json.loads(done.stdout)["dry_run"] is True


def test_docs_examples_fit_the_schema():
    """Every JSON file that a page shows and feeds."""
    found = 0
    for page in sorted((SOURCE / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        for name, body in re.findall(r"^```json (\S+)\n(.*?)^```$", text, flags=re.M | re.S):
            given = rf"vedatile feed (?:[^\n]|\\\n)*--config {re.escape(name)}"
            if re.search(given, text) and name != "wrong.json":
                validator().validate(json.loads(body))
                found += 1
    assert found


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    SCHEMA_FILE.write_text(made_schema(), encoding="utf-8")
