"""Configuration files in Python: what the command reads, by the same rules."""
import json

import pytest
import vedatile
from scenes import OLINDA, SECTORS, SOURCE, command, digest
from vedatile.config import PATHS, UNUSED, read_config

SCHEMA = json.loads((SOURCE / "schemas/feed-config.schema.json").read_text())["properties"]
OPTIONS = {"image": [str(OLINDA)], "labels": [str(SECTORS)], "class-field": "TIPO",
           "task": ["segmentation", "detection"], "tile": [64, 48], "stride": [32, 48],
           "split": {"test": 0.4, "train": 0.6}, "seed": 5, "min-visible": 0.25,
           "nodata": [7], "dtype": "float32"}


def test_options_are_those_of_the_schema():
    assert {name for name in SCHEMA if SCHEMA[name].get("x-path")} - {"store", "plan"} <= set(PATHS)
    known = set(vedatile.feed.__kwdefaults__) | {"image", "labels"}
    assert {name.replace("-", "_") for name in SCHEMA if name not in UNUSED} <= known


def test_file_store_and_mapping(tmp_path):
    (tmp_path / "feed.json").write_text(json.dumps({**OPTIONS, "json": True, "store": "x.h5"}))
    made = [str(tmp_path / name) for name in ("c.h5", "f.h5", "m.h5", "s.h5", "n.h5")]
    command("feed", made[0], "--config", tmp_path / "feed.json")
    vedatile.feed(made[1], config=tmp_path / "feed.json")
    vedatile.Store(made[2]).feed_files(config=OPTIONS)
    vedatile.feed(made[3], config=made[1])
    vedatile.feed(made[4], config=f"{made[3]}#1")
    assert len({digest(path) for path in made}) == 1


def test_arguments_win(tmp_path):
    path = str(tmp_path / "x.h5")
    report = vedatile.feed(path, config=OPTIONS, group="mine", tile=(32, 64), stride=None,
                           task="detection")
    store = vedatile.Store(path)
    assert list(report.groups) == ["mine"] and store.tile_size == (32, 64)
    assert store.mltype == "detection"


def test_paths_are_relative_to_the_file(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path)
    paths = ["a.tif", "/b.tif", "NETCDF:c.nc:v", "https://h/d.tif"]
    (tmp_path / "deep/feed.json").write_text(json.dumps({"image": paths, "class-map": "m.json"}))
    assert read_config("deep/feed.json") == {"image": ["deep/a.tif", *paths[1:]],
                                             "class_map": "deep/m.json"}


@pytest.mark.parametrize("config, said", [
    ({"tyle": 3}, "/tyle: there is no such option; did you mean 'tile'?"),
    ({"class_field": "x"}, "/class_field: there is no such option; did you mean 'class-field'?"),
    ({"tile": 64}, "image: name at least one scene"),
    ("nosuch.json", "nosuch.json: No such file or directory"),
    ("list.json", "list.json: must be a JSON object of options"),
    ("broken.json", "broken.json: Expecting"),
    ("list.json#3", "#3 is about stores"),
])
def test_mistakes(config, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "broken.json").write_text('{"tile": }')
    with pytest.raises(vedatile.Error) as caught:
        vedatile.feed("x.h5", config=config)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_several_feeds(tmp_path):
    path = str(tmp_path / "x.h5")
    vedatile.feed(path, OLINDA, tile=64, group="a")
    vedatile.feed(path, OLINDA, windows="random", count=3, group="b")
    with pytest.raises(vedatile.ArgumentError, match="fed 2 times"):
        read_config(path)
    with pytest.raises(vedatile.ArgumentError, match="no feed 3"):
        read_config(f"{path}#3")
    assert read_config(f"{path}#2")["windows"] == "random"


def test_plan_is_told(tmp_path):
    """The windows of --plan, and an exception that stops the feed."""
    windows, path = [], str(tmp_path / "x.h5")
    options = dict(labels=SECTORS, class_field="TIPO", task="segmentation", tile=32,
                   split={"a": 0.5, "b": 0.5}, seed=1)
    report = vedatile.feed(path, OLINDA, **options, dry_run=True, plan=windows.append)
    command("feed", path, "--image", OLINDA, "--labels", SECTORS, "--class-field", "TIPO", "--task",
            "segmentation", "--tile", 32, "--split", "a=0.5,b=0.5", "--seed", 1, "--dry-run",
            "--plan", tmp_path / "plan.geojson")
    features = json.loads((tmp_path / "plan.geojson").read_text())["features"]
    assert windows == [{**feature["properties"], "geometry": feature["geometry"]}
                       for feature in features]
    assert len(windows) == report.windows
    assert sum(window["kept"] for window in windows) == report.written
    for reason in "unlabelled", "straddling":
        assert sum(window["reason"] == reason for window in windows) == report[reason]
    assert report.unlabelled > 0

    def refuse(window):
        raise KeyError(window["key"])

    with pytest.raises(KeyError):
        vedatile.feed(path, OLINDA, **options, plan=refuse)
