"""Exports and imports as methods: what the command does."""
import pathlib

import numpy as np
import pytest
import vedatile
from scenes import OLINDA, SECTORS, command, digest, make_scene


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("exchange") / "store.h5"
    vedatile.feed(path, OLINDA, SECTORS, task=["detection", "instance"], class_field="TIPO", tile=64)
    return path


def test_there_and_back(store, tmp_path):
    report = vedatile.Store(store).export(tmp_path / "out", "coco", picture="tiff")
    assert report.samples == len(vedatile.Store(store)) and report.boxes > 0
    back = vedatile.import_(tmp_path / "back.h5", tmp_path / "out", "coco")
    assert back == {"written": report.samples, "existing": 0, "boxes": report.boxes, "crowds": 0,
                    "left_out": 0, "warning": None}
    assert digest(tmp_path / "back.h5") == digest(store)
    again = vedatile.import_(vedatile.Store(tmp_path / "back.h5"), [str(tmp_path / "out")], "coco")
    assert again.existing == report.samples


def test_what_was_fed_is_committed_first(tmp_path):
    store = vedatile.Store(tmp_path / "store.h5")
    store.feed([(np.full((3, 8, 8), 7, np.uint8), None)])
    store.export(tmp_path / "out", "npz", bands=[2, 1])
    (path,) = (tmp_path / "out/samples/train").iterdir()
    assert np.load(path)["image"].shape == (2, 8, 8)


def test_an_open_store_sees_what_was_imported(store, tmp_path):
    vedatile.export(store, tmp_path / "out", "webdataset", shard=4)
    assert len(list((tmp_path / "out").glob("*.tar"))) == (len(vedatile.Store(store)) + 3) // 4
    with vedatile.Store(tmp_path / "back.h5") as back:
        assert len(back) == 0
        vedatile.import_(back, tmp_path / "out", "webdataset", group="other", codec="raw")
        assert back.count == {"other": len(vedatile.Store(store))}


@pytest.mark.parametrize("form", ["npz", "webdataset", "geotiff"])
def test_keys_and_metadata_from_anywhere(tmp_path, form):
    """Dots, slashes and quotes in keys; metadata that canonical JSON would spell otherwise."""
    with vedatile.Store(tmp_path / "store.h5", classes=["c"], mltype="detection") as store:
        for i, key in enumerate(["a.b/c", "%41", "~`'\"{}", "-", "A", "a"]):
            pixels = np.random.default_rng(i).normal(size=(1, 8, 8)).astype(np.float32)
            store.feed([(pixels, [([0, 0.1, 8, 8], "c")] * i,
                         {"key": key, "metadata": {"z": 1, "a": [1.50, "ü"], "n": None}})])
    vedatile.export(tmp_path / "store.h5", tmp_path / "out", form)
    vedatile.import_(tmp_path / "back.h5", tmp_path / "out", form)
    assert digest(tmp_path / "back.h5") == digest(tmp_path / "store.h5")


def test_progress_stops_it(store, tmp_path):
    seen = []
    with pytest.raises(vedatile.Error, match="stopped"):
        vedatile.export(store, tmp_path / "out", "png", bands=[1],
                        progress=lambda done, total: seen.append((done, total)) or done < 3)
    assert [done for done, _ in seen] == [1, 2, 3] and not list(tmp_path.iterdir())
    vedatile.export(store, tmp_path / "out", "npz")
    with pytest.raises(ZeroDivisionError):
        vedatile.import_(tmp_path / "back.h5", tmp_path / "out", "npz", progress=lambda *_: 1 / 0)
    assert not (tmp_path / "back.h5").exists()


@pytest.mark.parametrize("call, error", [
    (lambda path: vedatile.export(path, "x", "nosuch"), vedatile.ArgumentError),
    (lambda path: vedatile.export(path, "x", "png"), vedatile.UnsupportedError),
    (lambda path: vedatile.export(path, "x", "coco", bands=[9]), vedatile.ArgumentError),
    (lambda path: vedatile.export(path, pathlib.Path(path).parent, "coco"), vedatile.ExistsError),
    (lambda path: vedatile.export(path, "x", "coco", group="no"), vedatile.NotFoundError),
    (lambda path: vedatile.import_("new.h5", "nosuch", "npz"), vedatile.NotFoundError),
    (lambda path: vedatile.import_("new.h5", [], "npz"), vedatile.ArgumentError),
])
def test_what_is_refused(store, tmp_path, monkeypatch, call, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        call(str(store))
    assert not list(tmp_path.iterdir())


def test_a_folder_of_others(tmp_path):
    """The same as the command's; images of other bands are told of."""
    (tmp_path / "d/images").mkdir(parents=True)
    (tmp_path / "d/labels").mkdir()
    for number, name in enumerate("abc"):
        make_scene(tmp_path / f"d/images/{name}.tif", shape=(3 - number // 2, 30 + number, 40), seed=number,
                   epsg=None)
        (tmp_path / f"d/labels/{name}.txt").write_text("0 0.5 0.5 0.2 0.1\n")
    with pytest.raises(vedatile.Error, match="--tile 40x32"):
        vedatile.import_(tmp_path / "s.h5", tmp_path / "d", "yolo")
    with pytest.warns(UserWarning, match="c.tif: left out: 2 bands"):
        report = vedatile.import_(tmp_path / "s.h5", tmp_path / "d", "yolo", tile=(32, 40),
                                  task="instance")
    assert report.written == 2 and report.boxes == 2 and report.left_out == 1
    command("import", tmp_path / "c.h5", tmp_path / "d", "--format", "yolo", "--tile", "40x32", "--task",
            "instance")
    assert digest(tmp_path / "s.h5") == digest(tmp_path / "c.h5")
