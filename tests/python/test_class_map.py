"""Class maps: what the rules say of every feature, compared with the rules in Python and with OGR."""
import json
import re

import h5py
import jsonschema
import numpy as np
import pytest
import rasterio
from conftest import SOURCE
from osgeo import ogr

SCHEMA = json.loads((SOURCE / "schemas/class-map.schema.json").read_text())
SIDE, CELL = 64, 8  # pixels: one square feature in each cell

KINDS = ["house", "barn", "shed", None, "tower", "12", "kiosk"]


def features():
    rows = []
    for number in range((SIDE // CELL) ** 2):
        col, row = number % (SIDE // CELL) * CELL, number // (SIDE // CELL) * CELL
        x, y = 500000 + col, 4000000 - row
        ring = [[x + 1, y - 1], [x + 6, y - 1], [x + 6, y - 6], [x + 1, y - 6], [x + 1, y - 1]]
        rows.append(({"kind": KINDS[number % len(KINDS)],
                      "height": None if number % 11 == 0 else number * 0.75,
                      "floors": number % 5, "old": number % 3 == 0}, ring))
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("class_map")
    with rasterio.open(where / "scene.tif", "w", driver="GTiff", width=SIDE, height=SIDE, count=1,
                       dtype="uint8", crs="EPSG:32633",
                       transform=rasterio.Affine(1, 0, 500000, 0, -1, 4000000)) as scene:
        scene.write(np.ones((1, SIDE, SIDE), "uint8"))
    crs = {"type": "name", "properties": {"name": "EPSG:32633"}}
    (where / "labels.geojson").write_text(json.dumps({
        "type": "FeatureCollection", "crs": crs, "features": [
            {"type": "Feature", "properties": properties,
             "geometry": {"type": "Polygon", "coordinates": [ring]}}
            for properties, ring in features()]}))
    return where


def feed(vedatile, folder, rules, *more, code=0, **members):
    (folder / "map.json").write_text(json.dumps({"rules": rules, **members}))
    (folder / "x.h5").unlink(missing_ok=True)
    return vedatile("feed", folder / "x.h5", "--image", folder / "scene.tif", "--labels",
                    folder / "labels.geojson", "--class-map", folder / "map.json", "--task",
                    "detection", "--tile", SIDE, "--json", *more, code=code)


def classes_of(folder):
    """The class of every feature by its number, None for those that are not there."""
    with h5py.File(folder / "x.h5") as store:
        names = [name if isinstance(name, str) else name.decode()
                 for name in store.attrs["classes"]]
        labels = store["train/labels"]
        found = dict(zip(labels["box_feature"][:].tolist(), labels["box_class"][:].tolist()))
    return names, [names[found[i]] if i in found else None for i in range(len(features()))]


def text_of(value):
    if isinstance(value, bool):
        return str(int(value))
    return None if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)


def as_number(value):
    try:
        return float(text_of(value))
    except (TypeError, ValueError):
        return None


def expected(rules, properties, default, where):
    for number, rule in enumerate(rules):
        value = properties.get(rule.get("field", "kind"))
        if "values" in rule:
            fits = text_of(value) in [text_of(v) for v in rule["values"]]
        elif "range" in rule:
            (low, high), real = rule["range"], as_number(value)
            fits = real is not None and (low is None or low <= real) and (
                high is None or real < high)
        else:
            fits = where[number]
        if fits:
            return rule.get("class")
    return default


MAPS = {
    "values": [{"class": "home", "values": ["house", "tower"]},
               {"class": "farm", "values": ["barn", "shed"]},
               {"class": None, "values": ["kiosk", None]}, {"class": "number", "values": [12]}],
    "first": [{"class": "b", "values": ["barn"]}, {"class": "a", "values": ["barn", "house"]},
              {"class": "b", "values": ["tower"]}],
    "range": [{"class": "low", "field": "height", "range": [None, 10.5]},
              {"class": "middle", "field": "height", "range": [10.5, 30]},
              {"class": "high", "field": "height", "range": [30, None]}],
    "several fields": [{"ignore": True, "field": "old", "values": [True]},
                       {"class": "tall", "field": "floors", "range": [3, None]},
                       {"class": "flat", "field": "height", "values": [0.75, 3]},
                       {"class": "home", "values": ["house"]}],
    "where": [{"class": "big", "where": "height >= 20 AND floors > 1"},
              {"class": "none", "where": "kind IS NULL"}, {"class": "home", "values": ["house"]}],
}


@pytest.mark.parametrize("name", MAPS)
def test_rules_in_python_and_ogr(vedatile, folder, name):
    rules = MAPS[name]
    jsonschema.validate({"rules": rules, "default": "rest"}, SCHEMA)
    feed(vedatile, folder, rules, "--class-field", "kind", default="rest")
    layer = ogr.Open(str(folder / "labels.geojson"))
    held = {}
    for number, rule in enumerate(rules):
        if "where" in rule:
            layer.GetLayer(0).SetAttributeFilter(rule["where"])
            held[number] = {feature.GetFID() for feature in layer.GetLayer(0)}
    names, got = classes_of(folder)
    wanted = [expected(rules, properties, "rest", {n: i in ids for n, ids in held.items()})
              for i, (properties, _) in enumerate(features())]
    assert got == wanted
    assert len(set(wanted)) > 2
    in_order = list(dict.fromkeys(r["class"] for r in rules if r.get("class")))
    assert names == in_order + ["rest"]


def test_default_and_unknown(vedatile, folder):
    rules = [{"class": "home", "field": "kind", "values": ["house"]}]
    out = json.loads(feed(vedatile, folder, rules, default=None).stdout)
    houses = sum(properties["kind"] == "house" for properties, _ in features())
    assert (out["features"], out["left_out"], out["unknown_skipped"]) == (houses, 64 - houses, 0)
    out = json.loads(feed(vedatile, folder, rules, "--unknown", "skip").stdout)
    assert (out["features"], out["left_out"], out["unknown_skipped"]) == (houses, 0, 64 - houses)
    feed(vedatile, folder, rules, "--unknown", "other")
    assert classes_of(folder)[0] == ["home", "other"]
    refused = feed(vedatile, folder, rules, code=1).stderr
    assert "no rule of the class map fits" in refused and "'barn" in refused
    assert refused.count("\n") == 1


def test_class_list(vedatile, folder):
    rules = [{"class": "b", "field": "kind", "values": ["house"]},
             {"class": "a", "field": "kind", "values": ["barn"]}]
    feed(vedatile, folder, rules, "--classes", "a,c,b", default=None)
    assert classes_of(folder)[0] == ["a", "c", "b"]
    assert "class 'b' of the class map is not in the class list" in feed(
        vedatile, folder, rules, "--classes", "a", code=1).stderr


def test_rules_are_kept(vedatile, folder):
    rules = [{"class": "home", "field": "kind", "values": ["house"]}]
    feed(vedatile, folder, rules, default=None)
    with h5py.File(folder / "x.h5") as store:
        kept = json.loads(store.attrs["feed_config"])[0]["class_map"]
    assert kept == {"rules": rules, "default": None}


WRONG = {
    "rules[0]: it needs one of": [{"class": "a"}],
    "rules[1]: it needs one of": [{"class": "a", "values": ["x"]},
                                  {"class": "a", "values": ["x"], "range": [1, 2]}],
    "rules[0]: it needs either": [{"values": ["x"]}],
    "rules[0].valeus: a rule has no such member": [{"class": "a", "valeus": ["x"]}],
    "rules[0].range: its low end": [{"class": "a", "range": [2, 2]}],
    "rules[0].range: not two numbers": [{"class": "a", "range": [2]}],
    "rules[0].values: not a list": [{"class": "a", "values": []}],
    "rules[0].values[1]: neither": [{"class": "a", "values": [1, {}]}],
    "rules[0].class: neither": [{"class": "", "values": [1]}],
    "rules[0].ignore: only true": [{"ignore": False, "values": [1]}],
    "rules[0].where: not a condition": [{"class": "a", "where": 3}],
    "rules[0].field: \"where\"": [{"class": "a", "where": "x > 1", "field": "x"}],
    "rules[0].field: not the name": [{"class": "a", "values": [1], "field": 3}],
    "rules[0]: not an object": [3],
    "rules: not a list": [],
}


@pytest.mark.parametrize("message", WRONG)
def test_mistakes_are_placed(vedatile, folder, message):
    done = feed(vedatile, folder, WRONG[message], "--class-field", "kind", code=1)
    assert f"map.json: {message}" in done.stderr and done.stderr.count("\n") == 1
    if message != "rules[0].range: its low end":  # a schema cannot compare
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"rules": WRONG[message]}, SCHEMA)


def test_other_mistakes(vedatile, folder):
    good = [{"class": "a", "values": ["house"]}]
    assert "rules[0]: no field" in feed(vedatile, folder, good, code=1).stderr
    assert "map.json: more: a class map has" in feed(vedatile, folder, good, code=1,
                                                     more=1).stderr
    assert "default: neither" in feed(vedatile, folder, good, "--class-field", "kind", code=1,
                                      default=3).stderr
    assert "has no field 'size'" in feed(
        vedatile, folder, [{"class": "a", "field": "size", "values": [1]}], code=2).stderr
    bad = [{"class": "a", "where": "nosuch > 1"}]
    assert re.search(r"labels.geojson: class map, rules\[0\].where: .*nosuch",
                     feed(vedatile, folder, bad, code=2).stderr)
    (folder / "map.json").write_text("{\"rules\": [}")
    done = vedatile("feed", folder / "x.h5", "--image", folder / "scene.tif", "--labels",
                    folder / "labels.geojson", "--class-map", folder / "map.json", "--task",
                    "detection", code=1)
    assert "map.json: line 1 column" in done.stderr
