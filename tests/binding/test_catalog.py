"""The catalog from Python: the walk of a new user, Ctrl-C, errors, and training while it downloads."""
import _thread
import json
import os
import shutil
import threading
import time

import numpy as np
import partials
import pytest
import server as servers
import vedatile
from conftest import run_vedatile


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with servers.Server(tmp_path_factory.mktemp("catalog") / "root") as running:
        running.add_user("ada")
        running.add_user("bob")
        yield running


@pytest.fixture
def as_user(server, tmp_path, monkeypatch):
    """as_user("ada"): the login file is ada's."""
    for name in ("VEDATILE_URL", "VEDATILE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def become(name):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / f"home-{name}"))
        return vedatile.login(server.url, server.tokens[name])
    return become


def digest(path):
    return run_vedatile("check", path, "--digest").stdout


def test_a_walk(as_user, olinda, tmp_path):
    assert as_user("ada")["name"] == "ada"
    assert os.stat(tmp_path / "home-ada/vedatile/login.json").st_mode & 0o777 == 0o600
    shutil.copy(olinda, tmp_path / "roofs.h5")
    store = vedatile.Store("roofs.h5")
    assert store.id is None and store.status["status"] == "COMPLETE"
    steps = []
    entry = store.save("Roofs of Olinda", description="every roof", tags=["roofs", "brazil"],
                       progress=lambda step, done, total: steps.append((step, done, total)))
    assert entry.name == "Roofs of Olinda" and entry["data"]["version"] == 1
    assert store.id == entry.id == store.document.id and "self" in store.links
    assert any(step == "send" and done == total for step, done, total in steps)
    assert store.status == {"status": "COMPLETE", "percent_cached": 100, "count": store.count,
                            "entry": entry.id, "version": 1}
    assert [found.id for found in vedatile.search()] == [entry.id]
    # Private, until it is published.
    as_user("bob")
    assert vedatile.search() == []
    with pytest.raises(vedatile.NotFoundError):
        vedatile.Store.from_id(entry.id, "bob.h5")
    as_user("ada")
    assert store.publish()["data"]["public"]
    as_user("bob")
    (found,) = vedatile.search()
    pulled = found.pull("bob.h5", partial=False)
    assert pulled.percent_cached == 100 and pulled.id == entry.id
    assert run_vedatile("check", "bob.h5").stdout.startswith("ok: ")
    assert digest("bob.h5") == digest("roofs.h5")
    with pytest.raises(vedatile.Error) as caught:
        pulled.publish()
    assert caught.value.status in ("VDT_ERR_DENIED", "VDT_ERR_NOT_FOUND")
    # A release, a new version, and the release as it was.
    as_user("ada")
    release = store.release(notes="first")
    assert release["data"]["number"] == 1 if "data" in release else release["number"] == 1
    before = digest("roofs.h5")
    store.feed([(np.full(store[0].image.shape, 7, store.dtype), {
        "classification": [0] * len(store.classes),
        "detection": [], "segmentation": np.zeros(store.tile_size, "uint8"),
        "instance": {"instances": np.zeros(store.tile_size, "uint16"), "boxes": [],
                     "classes": []}})])
    assert store.save(message="one more")["data"]["version"] == 2
    assert store.status["version"] == 2
    old = vedatile.Store.from_id(entry.id, "old.h5", partial=False, release=1)
    assert digest(old.path) == before != digest("roofs.h5")
    assert [r["number"] for r in store.document.releases] == [1]
    # From its document, with a name made of its id.
    again = vedatile.Store.from_doc(json.loads(json.dumps(dict(store.document))))
    assert again.path == str(tmp_path / f"{entry.id}.h5")
    assert 0 < again.percent_cached <= 100 and again.count == store.count
    assert not store.unpublish()["data"]["public"]
    store.remove()
    assert vedatile.search() == []
    (gone,) = vedatile.search(removed=True)
    assert gone.restore().id == entry.id
    assert [found.id for found in vedatile.search()] == [entry.id]
    gone.update(name="Roofs", tags=[])
    assert vedatile.entry(gone.id).name == "Roofs" and gone["data"]["tags"] == []
    gone.remove()
    vedatile.logout(os.environ.get("VEDATILE_URL") or gone.links["self"]["href"].split("/v1")[0])
    with pytest.raises(vedatile.NotFoundError, match="no catalog is known"):
        vedatile.search()


def test_found_by_what_it_is(as_user, olinda, tmp_path):
    as_user("ada")
    shutil.copy(olinda, tmp_path / "roofs.h5")
    store = vedatile.Store("roofs.h5")
    entry = store.save("Roofs of Olinda", description="every roof", tags=["roofs", "brazil"])
    west, south, east, north = store.bounds
    one_class = store.classes[0]
    for asked in (dict(q="olinda"), dict(bbox=[west, south, east, north]), dict(classes=one_class),
                  dict(classes=store.classes), dict(task="segmentation"), dict(tag="roofs"),
                  dict(owner="ada"), dict(filter="name = 'Roofs of Olinda'")):
        assert [found.id for found in vedatile.search(**asked)] == [entry.id], asked
    for asked in (dict(q="rivers"), dict(bbox=[100, 50, 101, 51]), dict(classes="no such class"),
                  dict(classes=[one_class, "no such class"]), dict(tag="no")):
        assert vedatile.search(**asked) == [], asked
    assert vedatile.entry("Roofs of Olinda").id == entry.id
    entry.remove()


def test_training_while_it_downloads(as_user, many, tmp_path):
    as_user("ada")
    shutil.copy(many, tmp_path / "many.h5")
    entry = vedatile.Store("many.h5").save()
    store = vedatile.Store.from_id(entry.id, "part.h5")
    assert store.status["status"] == ("BUILDING" if store.percent_cached < 100 else "COMPLETE")
    for mine, whole in zip(store.loader(batch_size=16, shuffle=True, seed=1),
                           vedatile.Store(many).loader(batch_size=16, shuffle=True, seed=1)):
        assert np.array_equal(mine[0], whole[0])
    told = []
    store.complete(lambda *numbers: told.append(numbers))
    store.refresh()
    assert store.percent_cached == 100 and store.status["status"] == "COMPLETE"
    assert digest("part.h5") == digest(many)
    entry.remove()


def test_a_release_of_any_server(olinda, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    partials.make_release(tmp_path / "release", olinda)
    with partials.serving(tmp_path / "release") as web:
        store = vedatile.Store.from_id(f"{web.url}/manifest.json", "p.h5")
        assert np.array_equal(store[0].image, vedatile.Store(olinda)[0].image)
        store.complete()
        assert digest("p.h5") == digest(olinda)


def test_empty_and_building(tmp_path):
    store = vedatile.Store(tmp_path / "s.h5", tile_size=8)
    assert store.status["status"] == "EMPTY" and store.percent_cached == 0
    store.feed([(np.zeros((1, 8, 8), "uint8"), None)])
    assert store.status["status"] == "BUILDING"  # not committed before somebody looked
    assert store.status["status"] == "COMPLETE"
    with pytest.raises(vedatile.NotFoundError, match="save\\(\\) it first"):
        store.publish()


def test_what_stops_a_call(as_user, many, tmp_path):
    as_user("ada")
    shutil.copy(many, tmp_path / "many.h5")
    store = vedatile.Store("many.h5")

    class Enough(Exception):
        pass

    def stop(step, done, total):
        raise Enough(step)

    with pytest.raises(Enough):
        store.save("stopped", progress=stop)
    with pytest.raises(vedatile.Error) as caught:
        store.save("stopped", progress=lambda *numbers: False)
    assert caught.value.status == "VDT_ERR_CANCELLED"
    store.save("stopped").remove()


def test_ctrl_c(many, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    partials.make_release(tmp_path / "release", many)
    with partials.serving(tmp_path / "release") as web:
        web.spoil = lambda number, first, body: (time.sleep(20), body)[1]
        threading.Timer(0.7, _thread.interrupt_main).start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            vedatile.Store.from_id(f"{web.url}/manifest.json", "p.h5", partial=False)
        assert time.monotonic() - began < 8
    assert not os.path.exists("p.h5")


def test_errors(as_user, server, olinda, tmp_path, monkeypatch):
    as_user("ada")
    with pytest.raises(vedatile.NotFoundError):
        vedatile.Store.from_id("abcdefghijklmnop")
    with pytest.raises(vedatile.ArgumentError):
        vedatile.search(filter="name = ")
    with pytest.raises(vedatile.ArgumentError, match="four numbers"):
        vedatile.search(bbox=[1, 2, 3])
    with pytest.raises(vedatile.ArgumentError, match="limit"):
        vedatile.search(limit=0)
    with pytest.raises(vedatile.ArgumentError, match="document"):
        vedatile.Store.from_doc({"data": {}})
    with pytest.raises(vedatile.DeniedError) as caught:
        vedatile.login(server.url, "vt_wrong")
    assert isinstance(caught.value, PermissionError) and "vt_wrong" not in str(caught.value)
    monkeypatch.setenv("VEDATILE_URL", server.url)
    monkeypatch.setenv("VEDATILE_TOKEN", server.tokens["bob"])
    assert vedatile.search() == []
    shutil.copy(olinda, tmp_path / "o.h5")
    with vedatile.Store("o.h5") as store:
        assert store.save()["data"]["userId"] == "bob"
        store.remove()


def test_models_runs_and_evaluations(as_user, server, olinda, tmp_path):
    as_user("ada")
    shutil.copy(olinda, tmp_path / "scored.h5")
    entry = vedatile.Store("scored.h5").save("Scored")
    catalog = vedatile.catalog
    made = [catalog.ask("POST", "/v1/models", {"name": f"net {i}"}) for i in range(3)]
    assert [one["id"] for one in catalog.models(owner="ada")] == [one["id"] for one in reversed(made)]
    assert [one["name"] for one in catalog.models(reference="net 1")] == ["net 1"]
    key = catalog.ask("GET", f"/v1/entries/{entry.id}/samples?limit=1")["samples"][0]["key"]
    ids = []
    for i, model in enumerate(made):
        run = catalog.ask("POST", f"/v1/entries/{entry.id}/runs", {"model": model["id"], "name": f"run {i}"})
        catalog.ask("PUT", f"/v1/runs/{run['id']}/samples/{key}")
        catalog.ask("POST", f"/v1/runs/{run['id']}/commit", {})
        ids.append(run["id"])
    assert [one["id"] for one in catalog.runs(entry.id)] == ids[::-1]
    assert [one["id"] for one in catalog.runs(entry.id, name="run 1", state="committed")] == [ids[1]]
    found = list(catalog.evaluations(entry=entry.id))
    assert [one["run"]["id"] for one in found] == ids[::-1]
    assert [one["id"] for one in catalog.evaluations(run=ids[0])] == [found[2]["id"]]
    assert list(catalog.evaluations(entry=entry.id, sortby="-nothing")) == []
    with vedatile.Store("scored.h5") as store, store.annotations(write=True) as labels:
        labels.add({"sample": key, "id": "a", "type": "box", "box": [1, 2, 5, 6], "labels": {"class": "roof"}})
    assert catalog.send_annotations("scored.h5") == {"added": 1, "updated": 0, "ignored": 0, "marked": 1, "dropped": 0}
    assert catalog.send_annotations("scored.h5", update=True)["updated"] == 1
    assert [(one["name"], one["annotations"]) for one in catalog.annotation_sets(entry.id)] == [("labels", 1)]
    assert [one["id"] for one in catalog.annotations(entry.id, class_name="roof", sample=key, type="box")] == ["a"]
    assert not list(catalog.annotations(entry.id, class_name="tree"))
    assert catalog.fetch_annotations("scored.h5") == {"added": 0, "updated": 0, "ignored": 1, "marked": 0, "dropped": 0}
    with pytest.raises(vedatile.NotFoundError):
        catalog.fetch_annotations("scored.h5", "other")
    with pytest.raises(vedatile.NotFoundError):
        catalog.ask("GET", "/v1/runs/nothing")
    with pytest.raises(vedatile.ArgumentError):
        catalog.ask("GET", "/elsewhere")
    with pytest.raises(vedatile.NotFoundError, match="run"):
        vedatile.submit("scored.h5", "nothing")
