"""Models and runs of a catalog: what is sent, what is refused, and what nobody changes any more."""
import concurrent.futures
import json
import sqlite3

import pytest
from conftest import SOURCE, VEDATILE, run_vedatile
from runs import box, make_model, make_run, samples_of, send, wait_for
from saved import entry as save_entry
from saved import save
from server import Server, server  # noqa: F401


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two versions of one store of detections."""
    folder, made = tmp_path_factory.mktemp("stores"), []
    for stride in (64, 50):
        path = folder / f"{stride}.h5"
        run_vedatile("feed", path, "--image", SOURCE / "data/olinda/scene.tif", "--labels",
                     SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO", "--match", "all", "--task",
                     "detection", "--tile", 64, "--stride", stride, "--split", "train=0.7,test=0.3", "--split-by",
                     "random")
        made.append(path)
    return made


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, stores):
    with Server(tmp_path_factory.mktemp("runs") / "root", "--rate", 1e6, "--burst", 1000000) as running:
        for user in ("ana", "bruno", "carla"):
            running.add_user(user)
        running.add_user("root", "admin")
        running.entry = save_entry(running, "ana", "Roofs", stores[0])
        running.keys = samples_of(running, "ana", running.entry)
        running.json("PUT", f"/v1/entries/{running.entry}/sharing/bruno", {"access": "read"}, user="ana")
        running.model = make_model(running, "ana", "shared net")["id"]
        yield running


@pytest.fixture
def run(catalog, request):
    """A fresh open run of ana's."""
    return make_run(catalog, "ana", catalog.entry, catalog.model, request.node.name)["id"]


def rows(server, text, *values):
    link = sqlite3.connect(f"{server.root}/catalog.db", timeout=20)
    try:
        with link:
            return link.execute(text, values).fetchall()
    finally:
        link.close()


# --- models ---------------------------------------------------------------------------------------

def test_a_model_from_its_making_to_its_end(catalog):
    made = make_model(catalog, "bruno", "Net", reference="net/1", metadata={"depth": 18})
    assert (made["name"], made["reference"], made["owner"]) == ("Net", "net/1", "bruno")
    assert made["metadata"] == {"depth": 18} and made["runs"] == 0
    path = f"/v1/models/{made['id']}"
    assert catalog.json("GET", path, user="bruno") == made
    changed = catalog.json("PATCH", path, {"name": "Net B", "metadata": {"depth": 34}}, user="bruno")
    assert (changed["name"], changed["reference"], changed["metadata"]) == ("Net B", "net/1", {"depth": 34})
    assert catalog.json("PATCH", path, {"metadata": None}, user="bruno")["metadata"] == {}
    assert catalog.request("PATCH", path, {"reference": None}, user="bruno")[0] == 400
    assert catalog.request("DELETE", path, user="bruno")[0] == 204
    assert catalog.request("DELETE", path, user="bruno")[0] == 404
    assert catalog.get(path, user="bruno")[0] == 404


def test_references_are_unique_of_an_owner(catalog):
    make_model(catalog, "ana", "One", reference="same")
    code, _, text = catalog.request("POST", "/v1/models", {"name": "Two", "reference": "same"}, user="ana")
    assert code == 409 and b"same" in text
    assert make_model(catalog, "bruno", "One", reference="same")["reference"] == "same"
    other = make_model(catalog, "ana", "Three")
    assert other["reference"] == "Three"
    assert catalog.request("PATCH", f"/v1/models/{other['id']}", {"reference": "same"}, user="ana")[0] == 409


def test_models_of_others_show_by_their_runs_only(catalog):
    mine = make_model(catalog, "carla", "hidden net")["id"]
    assert catalog.get(f"/v1/models/{mine}", user="ana")[0] == 404
    assert catalog.get(f"/v1/models/{mine}")[0] == 404
    assert mine not in catalog.get("/v1/models?limit=1000", user="ana")[2].decode()
    assert catalog.json("GET", f"/v1/models/{mine}", user="root")["id"] == mine
    make_run(catalog, "ana", catalog.entry, catalog.model, "shows the model")
    assert catalog.json("GET", f"/v1/models/{catalog.model}", user="bruno")["runs"] > 0
    assert catalog.get(f"/v1/models/{catalog.model}", user="carla")[0] == 404
    for method, body in (("PATCH", {"name": "x"}), ("DELETE", None)):
        assert catalog.request(method, f"/v1/models/{catalog.model}", body, user="bruno")[0] == 403
    code, _, text = catalog.request("DELETE", f"/v1/models/{catalog.model}", user="ana")
    assert code == 409 and b"has runs" in text


def test_models_come_in_pages(catalog):
    names = {make_model(catalog, "carla", f"net {i}")["id"] for i in range(7)}
    seen, path = [], "/v1/models?owner=carla&limit=3"
    while path:
        page = catalog.json("GET", path, user="carla")
        assert len(page["models"]) <= 3
        seen += [model["id"] for model in page["models"]]
        path = next((link["href"][len(catalog.url):] for link in page["links"]), None)
    assert names < set(seen) and len(seen) == len(set(seen))
    assert [model["name"] for model in catalog.json("GET", "/v1/models?reference=net%203", user="carla")["models"]] \
        == ["net 3"]


@pytest.mark.parametrize("wish, word", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": 5}, "name"), ({"name": "a\x00b"}, ""), ({"name": "x" * 201}, "200"),
    ({"name": "x", "metadata": []}, "metadata"), ({"name": "x", "metadata": {"a": "y" * 70000}}, "65536"),
    ({"name": "x", "colour": 1}, "colour"), ([], "object"), ("text", ""),
])
def test_bad_models(catalog, wish, word):
    code, _, text = catalog.request("POST", "/v1/models", json.dumps(wish), user="ana",
                                    headers={"Content-Type": "application/json"})
    assert code == 400 and word in text.decode(), text


# --- runs -----------------------------------------------------------------------------------------

def test_a_run_says_what_it_is_of(catalog, run):
    found = catalog.json("GET", f"/v1/runs/{run}", user="ana")
    assert (found["entry"], found["version"], found["release"]) == (catalog.entry, 1, None)
    assert found["model"] == {"id": catalog.model, "name": "shared net", "reference": "shared net"}
    assert (found["owner"], found["state"], found["group"]) == ("ana", "open", None)
    assert (found["samples"], found["predicted"], found["predictions"]) == (len(catalog.keys), 0, 0)
    assert found["digest"] == rows(catalog, "SELECT digest FROM version")[0][0]
    listed = catalog.json("GET", f"/v1/entries/{catalog.entry}/runs?limit=1000", user="bruno")["runs"]
    assert run in [one["id"] for one in listed]
    assert "predictions" in found["links"]
    assert "predictions" not in next(one for one in listed if one["id"] == run)["links"]


def test_a_group_of_a_run(catalog, request):
    counted = catalog.json("GET", f"/v1/entries/{catalog.entry}", user="ana")["data"]["count"]
    made = make_run(catalog, "ana", catalog.entry, catalog.model, request.node.name, group="test",
                    metadata={"note": "x"})
    assert made["samples"] == counted["test"] and made["metadata"] == {"note": "x"}
    train = [key for key in catalog.keys
             if catalog.json("GET", f"/v1/entries/{catalog.entry}/samples/{key}", user="ana")["group"] == "train"][0]
    answer = send(catalog, "ana", made["id"], [box(train, "a")])
    assert answer["processed"] == 0 and answer["failures"][0]["code"] == "NotFound"
    code, _, text = catalog.request("POST", f"/v1/entries/{catalog.entry}/runs",
                                    {"model": catalog.model, "name": "x", "group": "nowhere"}, user="ana")
    assert code == 404 and b"nowhere" in text


@pytest.mark.parametrize("wish, code, word", [
    ({"name": "x"}, 400, "model"), ({"model": "shared net"}, 400, "name"), ({"model": "nothing", "name": "x"}, 404, "model"),
    ({"model": "shared net", "name": "x", "version": 9}, 404, "version 9"),
    ({"model": "shared net", "name": "x", "release": 1}, 404, "release 1"),
    ({"model": "shared net", "name": "x", "version": 1, "release": 1}, 400, "one of them"),
    ({"model": "shared net", "name": "x", "version": 0}, 400, "version"),
    ({"model": "shared net", "name": "x", "state": "committed"}, 400, "state"),
])
def test_bad_runs(catalog, wish, code, word):
    got, _, text = catalog.request("POST", f"/v1/entries/{catalog.entry}/runs", wish, user="ana")
    assert (got, word in text.decode()) == (code, True), text


def test_names_are_unique_of_a_maker(catalog, run, request):
    code, _, text = catalog.request("POST", f"/v1/entries/{catalog.entry}/runs",
                                    {"model": "shared net", "name": request.node.name}, user="ana")
    assert code == 409 and request.node.name in text.decode()


def test_an_entry_without_samples_has_no_runs(catalog):
    empty = catalog.json("POST", "/v1/entries", {"name": "empty"}, 201, user="ana")["data"]["id"]
    assert catalog.request("POST", f"/v1/entries/{empty}/runs", {"model": catalog.model, "name": "x"},
                           user="ana")[0] == 409


def test_a_run_keeps_its_version(tmp_path, stores):
    """Replaced versions go; not those that a run is of."""
    with Server(tmp_path / "root", "--keep", 1, "--housekeeping", 1) as server:  # pylint: disable=redefined-outer-name
        server.add_user("ana")
        entry = save_entry(server, "ana", "Roofs", stores[0])
        other = save_entry(server, "ana", "Others", stores[0])
        digest = rows(server, "SELECT digest FROM version LIMIT 1")[0][0]
        model = make_model(server, "ana")["id"]
        run = make_run(server, "ana", entry, model)
        for one in (entry, other):
            save(server, "ana", one, stores[1], parent=digest)
        wait_for(lambda: rows(server, "SELECT count(*) FROM version WHERE number = 1") == [(1,)])
        assert server.json("GET", f"/v1/runs/{run['id']}", user="ana")["version"] == 1
        keys = samples_of(server, "ana", entry)
        assert server.json("GET", f"/v1/runs/{run['id']}/samples?limit=1000", user="ana")["samples"]
        assert make_run(server, "ana", entry, model, "of the head")["samples"] == len(keys)
        assert server.request("DELETE", f"/v1/runs/{run['id']}", user="ana")[0] == 204
        wait_for(lambda: rows(server, "SELECT count(*) FROM version WHERE number = 1") == [(0,)])


# --- predictions ------------------------------------------------------------------------------------

@pytest.mark.parametrize("lines", [False, True])
def test_predictions_are_kept_as_they_are(catalog, run, lines):
    first, second, third = catalog.keys[:3]
    records = [box(first, "a", 0.9), box(first, "b", 0.25, at=(0.5, 1.25, 100, 127.75), metadata={"k": [1, "ä"]}),
               box(second, "a"), {"sample": third}]
    answer = send(catalog, "ana", run, records, lines=lines)
    assert {name: answer[name] for name in ("processed", "ignored", "updated", "marked", "errors")} == \
        {"processed": 3, "ignored": 0, "updated": 0, "marked": 3, "errors": 0}
    assert (answer["predicted"], answer["predictions"]) == (3, 3)
    found = catalog.json("GET", f"/v1/runs/{run}/samples/{first}", user="bruno")
    assert found["predictions"] == [{k: v for k, v in one.items() if k != "sample"} for one in records[:2]]
    assert (found["state"], found["sample"], found["run"]) == ("predicted", first, run)
    assert catalog.json("GET", f"/v1/runs/{run}/samples/{third}", user="ana")["predictions"] == []


def test_the_same_again_is_ignored(catalog, run):
    records = [box(key, name) for key in catalog.keys[:4] for name in ("a", "b")]
    assert send(catalog, "ana", run, records)["processed"] == 8
    again = send(catalog, "ana", run, records, lines=True)
    assert (again["processed"], again["ignored"], again["predictions"]) == (0, 8, 8)
    changed = [box(key, "a", 0.75) for key in catalog.keys[:4]]
    assert send(catalog, "ana", run, changed)["ignored"] == 4
    assert send(catalog, "ana", run, changed, query="?update=1")["updated"] == 4
    scores = [one["score"] for one in
              catalog.json("GET", f"/v1/runs/{run}/samples/{catalog.keys[0]}", user="ana")["predictions"]]
    assert scores == [0.75, 0.5]
    assert catalog.json("GET", f"/v1/runs/{run}", user="ana")["predictions"] == 8


def test_without_ids_the_content_tells(catalog, run):
    one = box(catalog.keys[0], "x")
    del one["id"]
    assert send(catalog, "ana", run, [one])["processed"] == 1
    assert send(catalog, "ana", run, [one, {**one, "score": 0.6}])["processed"] == 1
    ids = [p["id"] for p in catalog.json("GET", f"/v1/runs/{run}/samples/{catalog.keys[0]}", user="ana")["predictions"]]
    assert len(set(ids)) == 2 and all(name.startswith("#") for name in ids)


def test_wrong_records_are_told_and_left_out(catalog, run):
    key = catalog.keys[0]
    records = [box(key, "good"), box("nowhere", "a"), 5, {"id": "x"}, {"sample": 7},
               {**box(key, "b"), "type": "star"}, {k: v for k, v in box(key, "c").items() if k != "score"},
               {k: v for k, v in box(key, "d").items() if k != "labels"}, {**box(key, "e"), "score": "high"},
               {**box(key, "f"), "id": 5}, {**box(key, "g"), "labels": {"class": 3}}, box(key, "good too")]
    answer = send(catalog, "ana", run, records)
    assert (answer["processed"], answer["errors"]) == (2, 10)
    failures = {one["record"]: one for one in answer["failures"]}
    assert sorted(failures) == list(range(2, 12))
    assert failures[2]["code"] == "NotFound" and failures[2]["sample"] == "nowhere"
    for number, word in ((3, "object"), (4, "sample"), (5, "sample"), (6, "type"), (7, "score"), (8, "labels"),
                         (9, "score"), (10, "id"), (11, "labels")):
        assert word in failures[number]["description"] and f"record {number}:" in failures[number]["description"]
    many = send(catalog, "ana", run, [5] * 300, lines=True)
    assert many["errors"] == 300 and len(many["failures"]) == 100


@pytest.mark.parametrize("body, kind, code, word", [
    ("", "application/json", 400, "no body"), ("[]", "application/json", 200, ""), ("\n \n", "application/jsonl", 200, ""),
    ("5", "application/json", 400, "no array"), ("nonsense", "application/json", 400, "no array"),
    ("[] []", "application/json", 400, "goes on"), ("[", "application/json", 400, "ends within"),
    ("[]", "text/plain", 415, "jsonl"), ("[]", None, 415, "jsonl"),
    ("[" * 100000, "application/json", 200, "ends within"), ('{"sample": ' * 50000, "application/jsonl", 200, "nests"),
    ('[{"a": "\\ud800"}]', "application/json", 200, "JSON"), ('{"sample": "a", "sample": "b"}', "application/jsonl", 200, "JSON"),
    ("[" + "\xff", "application/json", 200, "ends within"), ("\x00\x00", "application/jsonl", 200, "JSON"),
], ids=range(15))
def test_hostile_bodies(catalog, run, body, kind, code, word):
    headers = {} if kind is None else {"Content-Type": kind}
    got, _, text = catalog.request("POST", f"/v1/runs/{run}/predictions", body.encode("latin-1"), user="ana",
                                   headers=headers)
    assert got == code and word in text.decode(), text
    assert catalog.json("GET", f"/v1/runs/{run}", user="ana")["predictions"] == 0


def test_what_came_before_a_cut_counts(catalog, run):
    text = json.dumps([box(key, "a") for key in catalog.keys[:5]])
    got, _, answer = catalog.request("POST", f"/v1/runs/{run}/predictions", text[:-30], user="ana",
                                     headers={"Content-Type": "application/json"})
    answer = json.loads(answer)
    assert got == 200 and (answer["processed"], answer["errors"]) == (4, 1)
    assert "ends within" in answer["failures"][0]["description"]
    assert send(catalog, "ana", run, json.loads(text))["processed"] == 1


def test_a_record_may_be_long_but_not_too_long(catalog, run):
    key = catalog.keys[0]
    assert send(catalog, "ana", run, [box(key, "a", metadata={"x": "y" * 4000000})])["processed"] == 1
    answer = send(catalog, "ana", run, [box(key, "b"), box(key, "c", metadata={"x": "y" * 9000000})])
    assert answer["processed"] == 1 and "longer than" in answer["failures"][0]["description"]


def test_many_predictions_take_little_memory(catalog, run):
    """130 MB of lines, by a server that grows by a small part of that."""
    keys = catalog.keys
    note = "n" * 3000
    lines = "".join(json.dumps(box(keys[i % len(keys)], f"p{i}", metadata={"note": note})) + "\n" for i in range(2000))
    send(catalog, "ana", run, [box(keys[0], "warm")])
    before = catalog.memory()
    whole = (lines.replace('"id": "p', f'"id": "r{n}-') for n in range(20))
    body = "".join(whole).encode()
    assert len(body) > 120e6
    got, _, text = catalog.request("POST", f"/v1/runs/{run}/predictions", body, user="ana",
                                   headers={"Content-Type": "application/jsonl"}, timeout=300)
    assert got == 200 and json.loads(text)["processed"] == 40000, text
    with open(VEDATILE, "rb") as program:
        sanitized = b"__asan_init" in program.read()
    assert catalog.memory() - before < 60e6 or sanitized  # which keep memory


def test_samples_by_reference_index_and_number(catalog, run):
    listed, path = [], f"/v1/runs/{run}/samples?limit=5"
    while path:
        page = catalog.json("GET", path, user="ana")
        listed += page["samples"]
        path = next((link["href"][len(catalog.url):] for link in page["links"]), None)
    assert [one["sample"] for one in listed] == catalog.keys
    for index in (0, 3, len(listed) - 1):
        one = listed[index]
        found = catalog.json("GET", f"/v1/runs/{run}/samples/{one['sample']}", user="ana")
        assert found["index"] == index and found["number"] == one["number"]
        assert catalog.json("GET", f"/v1/runs/{run}/samples/{index}?by=index", user="ana") == found
        assert catalog.json("GET", f"/v1/runs/{run}/samples/{one['number']}?by=number", user="ana") == found
    for path in (f"samples/{len(listed)}?by=index", "samples/999999999?by=number", "samples/nowhere", "samples/0"):
        assert catalog.get(f"/v1/runs/{run}/{path}", user="ana")[0] == 404, path
    for path in ("samples/x?by=index", "samples/-1?by=number", "samples/0?by=colour", "samples?state=open"):
        assert catalog.get(f"/v1/runs/{run}/{path}", user="ana")[0] == 400, path


def test_states_of_samples(catalog, run):
    first, second = catalog.keys[:2]
    send(catalog, "ana", run, [box(first, "a")])
    path = f"/v1/runs/{run}/samples"
    marked = catalog.json("PUT", f"{path}/{second}", {"state": "predicted"}, user="ana")
    assert (marked["state"], marked["predictions"]) == ("predicted", [])
    assert catalog.json("PUT", f"{path}/{second}", user="ana") == marked
    assert catalog.json("GET", f"/v1/runs/{run}", user="ana")["predicted"] == 2
    found = catalog.json("GET", f"{path}?state=predicted&limit=1000", user="ana")["samples"]
    assert [one["sample"] for one in found] == [first, second]
    others = catalog.json("GET", f"{path}?state=unpredicted&limit=1000", user="ana")["samples"]
    assert [one["sample"] for one in others] == catalog.keys[2:]
    assert catalog.request("PUT", f"{path}/nowhere", user="ana")[0] == 404
    assert catalog.request("PUT", f"{path}/{first}", {"state": "unpredicted"}, user="ana")[0] == 400


def test_quota(catalog, request):
    """A run's bytes are its maker's."""
    model = make_model(catalog, "carla", "small")["id"]
    catalog.json("PUT", f"/v1/entries/{catalog.entry}/sharing/carla", {"access": "write"}, user="ana")
    run = make_run(catalog, "carla", catalog.entry, model, request.node.name)["id"]
    catalog.json("PATCH", "/v1/users/carla", {"quota_bytes": 20000}, user="root")
    records = [box(key, f"{i}") for key in catalog.keys for i in range(3)]
    assert send(catalog, "carla", run, records[:20])["processed"] == 20
    many = [box(catalog.keys[0], f"q{i}", metadata={"x": "y" * 100}) for i in range(300)]
    assert b"quota" in json.dumps(send(catalog, "carla", run, many, code=507)).encode()
    found = catalog.json("GET", f"/v1/runs/{run}", user="carla")
    assert found["predictions"] == 20 and 0 < found["bytes"] <= 20000
    assert catalog.json("GET", "/v1/users/carla", user="root")["bytes"] == found["bytes"]
    catalog.json("PATCH", "/v1/users/carla", {"quota_bytes": None}, user="root")


# --- who may --------------------------------------------------------------------------------------

def test_readers_make_runs_of_releases(catalog, request):
    """A run keeps its version, so who may only read gets those that stay anyway."""
    model = make_model(catalog, "bruno", request.node.name)["id"]
    path = f"/v1/entries/{catalog.entry}/runs"
    code, _, text = catalog.request("POST", path, {"model": model, "name": "x"}, user="bruno")
    assert code == 403 and b"release" in text
    catalog.json("POST", f"/v1/entries/{catalog.entry}/releases", {}, 201, user="ana")
    made = make_run(catalog, "bruno", catalog.entry, model, "of a release", release=1)
    assert (made["version"], made["release"], made["owner"]) == (1, 1, "bruno")
    assert send(catalog, "bruno", made["id"], [box(catalog.keys[0], "a")])["processed"] == 1
    # The entry's owner may change it too; another reader may not.
    assert send(catalog, "ana", made["id"], [box(catalog.keys[0], "b")])["processed"] == 1
    other = make_run(catalog, "ana", catalog.entry, catalog.model, "not bruno's")["id"]
    assert send(catalog, "bruno", other, [box(catalog.keys[0], "b")], code=403)["code"] == "Forbidden"
    for method, tail in (("DELETE", ""), ("POST", "/commit"), ("PUT", f"/samples/{catalog.keys[0]}")):
        assert catalog.request(method, f"/v1/runs/{other}{tail}", user="bruno")[0] == 403
    # Models of others cannot be named.
    assert catalog.request("POST", path, {"model": catalog.model, "name": "y", "release": 1}, user="bruno")[0] == 404


# --- commit -----------------------------------------------------------------------------------------

def commit(catalog, run, user="ana", code=200, body=None):
    return catalog.json("POST", f"/v1/runs/{run}/commit", body, code=code, user=user)


def test_a_committed_run_stays(catalog, run, request):
    key = catalog.keys[0]
    send(catalog, "ana", run, [box(key, "a"), {"sample": catalog.keys[1]}])
    before = catalog.json("GET", f"/v1/runs/{run}/samples/{key}", user="ana")
    done = commit(catalog, run, body={"evaluate": False})
    assert done["state"] == "committed" and done["evaluation"] is None
    assert len(done["content_sha256"]) == 64 and done["committed_at"]
    for answer in (send(catalog, "ana", run, [box(key, "b")], code=409),
                   send(catalog, "ana", run, [box(key, "a", 0.7)], code=409, query="?update=1"),
                   catalog.json("PUT", f"/v1/runs/{run}/samples/{key}", code=409, user="ana"),
                   commit(catalog, run, code=409)):
        assert answer["code"] == "RunCommitted" and "committed" in answer["description"]
    for text in ("UPDATE run SET name = 'x' WHERE slug = ?", "UPDATE run SET state = 0 WHERE slug = ?",
                 "UPDATE run SET metadata = '{}' WHERE slug = ?",
                 "DELETE FROM prediction WHERE run = (SELECT id FROM run WHERE slug = ?)",
                 "DELETE FROM run_sample WHERE run = (SELECT id FROM run WHERE slug = ?)",
                 "UPDATE prediction SET document = '{}' WHERE run = (SELECT id FROM run WHERE slug = ?)",
                 "INSERT INTO prediction (run, sample, name, document) SELECT id, 1, 'x', '{}' FROM run WHERE slug = ?",
                 "INSERT INTO run_sample (run, sample) SELECT id, 99 FROM run WHERE slug = ?"):
        with pytest.raises(sqlite3.IntegrityError, match="committed"):
            rows(catalog, text, run)
    assert catalog.json("GET", f"/v1/runs/{run}/samples/{key}", user="ana") == before
    listed = catalog.json("GET", f"/v1/entries/{catalog.entry}/runs?state=committed&name={request.node.name}",
                          user="ana")["runs"]
    assert [one["id"] for one in listed] == [run]
    assert catalog.request("DELETE", f"/v1/runs/{run}", user="ana")[0] == 204
    assert catalog.request("DELETE", f"/v1/runs/{run}", user="ana")[0] == 404
    gone = "SELECT count(*) FROM prediction WHERE run NOT IN (SELECT id FROM run)"
    wait_for(lambda: rows(catalog, gone) == [(0,)])  # with the housekeeping


def test_an_empty_run_is_not_committed(catalog, run):
    assert commit(catalog, run, code=409)["code"] == "RunEmpty"
    catalog.json("PUT", f"/v1/runs/{run}/samples/{catalog.keys[0]}", user="ana")
    assert commit(catalog, run, body={"evaluate": False})["predictions"] == 0


@pytest.mark.parametrize("body", [{"evaluate": 1}, {"what": 1}, {"parameters": []}, {"parameters": {"colour": 1}},
                                  {"parameters": {"store": "/etc/passwd"}}, {"parameters": {"ground_truth": "x"}}])
def test_bad_commits(catalog, run, body):
    send(catalog, "ana", run, [box(catalog.keys[0], "a")])
    assert catalog.request("POST", f"/v1/runs/{run}/commit", body, user="ana")[0] == 400
    assert catalog.json("GET", f"/v1/runs/{run}", user="ana")["state"] == "open"


def test_of_two_commits_one_wins(catalog, run):
    send(catalog, "ana", run, [box(key, f"{i}") for key in catalog.keys for i in range(40)])
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(catalog.request, "POST", f"/v1/runs/{run}/commit", {"evaluate": False}, user="ana")
                for _ in range(6)]
        codes = sorted(job.result()[0] for job in jobs)
    assert codes == [200, 409, 409, 409, 409, 409]
    assert rows(catalog, "SELECT count(*) FROM run r JOIN blob b ON b.id = r.blob WHERE r.slug = ?", run) == [(1,)]


def test_writes_and_a_commit_at_once(catalog, run):
    """Every prediction that was answered with 200 is in the run, and none that came later."""
    send(catalog, "ana", run, [box(catalog.keys[0], "first")])
    def sending(part):
        kept = 0
        for i in range(30):
            code, _, _ = catalog.request("POST", f"/v1/runs/{run}/predictions", [box(catalog.keys[0], f"{part}-{i}")],
                                         user="ana")
            assert code in (200, 409)
            if code == 409:
                break
            kept += 1
        return kept
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(sending, part) for part in range(3)]
        done = pool.submit(commit, catalog, run, body={"evaluate": False}).result()
        kept = sum(job.result() for job in jobs)
    assert catalog.json("GET", f"/v1/runs/{run}", user="ana")["predictions"] == done["predictions"] == kept + 1


# --- kills ------------------------------------------------------------------------------------------

def failpoint(root, text):
    (root / "failpoint").write_text(text)


@pytest.mark.parametrize("point, state", [("predictions.before-commit 3", "open"), ("run-commit.frozen", "open"),
                                          ("run-commit.written", "open"), ("run-commit.committed", "committed")])
def test_kill(tmp_path, stores, point, state):
    """Killed in the middle: batches are whole or not there, a run is open or committed, and all goes on."""
    root = tmp_path / "root"
    killed = Server(root, "--keep", 1, "--housekeeping", 1).start()
    killed.add_user("ana")
    entry = save_entry(killed, "ana", "Roofs", stores[0])
    keys = samples_of(killed, "ana", entry)
    run = make_run(killed, "ana", entry, make_model(killed, "ana")["id"])["id"]
    records = [box(keys[i % len(keys)], f"p{i}") for i in range(2600)]
    if "predictions" not in point:
        send(killed, "ana", run, records)
    failpoint(root, point)
    with pytest.raises((ConnectionError, OSError, Exception)):  # the server is gone
        if "predictions" in point:
            send(killed, "ana", run, records)
        else:
            commit(killed, run, body={"evaluate": False})
    killed.kill()
    (root / "failpoint").unlink()
    with Server(root, "--keep", 1, "--housekeeping", 1) as server:  # pylint: disable=redefined-outer-name
        server.tokens = killed.tokens
        found = server.json("GET", f"/v1/runs/{run}", user="ana")
        assert found["state"] == state
        if state == "open":
            assert found["predictions"] == (1000 if "predictions" in point else 2600)
            answer = send(server, "ana", run, records)
            assert answer["ignored"] == found["predictions"] and answer["predictions"] == 2600
            assert commit(server, run, body={"evaluate": False})["predictions"] == 2600
        wait_for(lambda: len([p for p in (root / "blobs").rglob("*") if p.is_file()]) == 2)
    assert run_vedatile("serve", "--root", root, "--check").returncode == 0


# --- class rasters --------------------------------------------------------------------------------

OCTETS = {"Content-Type": "application/octet-stream"}


def put_raster(server, run, sample, body, user="ana", **headers):
    code, _, text = server.request("PUT", f"/v1/runs/{run}/samples/{sample}/raster", body, user=user,
                                   headers={**OCTETS, **headers})
    return code, json.loads(text)


def side(catalog):
    return catalog.json("GET", f"/v1/entries/{catalog.entry}", user="ana")["data"]["shape"][1]


def test_rasters_are_kept_as_they_are(catalog, run):
    size = side(catalog) ** 2
    classes = len(catalog.json("GET", f"/v1/entries/{catalog.entry}", user="ana")["data"]["classes"])
    values = [0, 255, *range(1, classes + 1)]
    narrow = bytes(values[i % len(values)] for i in range(size))
    wide = b"".join((65535 if v == 255 else v).to_bytes(2, "little") for v in narrow)
    first, second = catalog.keys[:2]
    code, told = put_raster(catalog, run, first, narrow)
    assert code == 200 and told["raster"] == {"rows": side(catalog), "cols": side(catalog), "bits": 8}
    assert told["state"] == "predicted" and told["predictions"] == []
    assert put_raster(catalog, run, second, wide)[1]["raster"]["bits"] == 16
    document = catalog.json("GET", f"/v1/runs/{run}", user="ana")
    assert (document["rasters"], document["predicted"], document["predictions"]) == (2, 2, 0)
    assert 0 < document["bytes"] < len(narrow) + len(wide)
    for key, body in ((first, narrow), (second, wide)):
        code, headers, text = catalog.get(f"/v1/runs/{run}/samples/{key}/raster", user="ana")
        assert (code, headers["Content-Type"], text) == (200, "application/octet-stream", body)
    assert put_raster(catalog, run, first, narrow)[0] == 200
    assert catalog.json("GET", f"/v1/runs/{run}", user="ana")["bytes"] == document["bytes"]
    assert put_raster(catalog, run, first, bytes(size))[0] == 200
    changed = catalog.json("GET", f"/v1/runs/{run}", user="ana")
    assert changed["rasters"] == 2 and changed["bytes"] < document["bytes"]
    assert catalog.get(f"/v1/runs/{run}/samples/{first}/raster", user="ana")[2] == bytes(size)
    assert catalog.get(f"/v1/runs/{run}/samples/{catalog.keys[2]}/raster", user="ana")[0] == 404
    assert catalog.json("GET", f"/v1/runs/{run}/samples/{catalog.keys[2]}", user="ana")["raster"] is None
    commit(catalog, run, body={"evaluate": False})
    code, told = put_raster(catalog, run, first, narrow)
    assert (code, told["code"]) == (409, "RunCommitted")
    assert catalog.get(f"/v1/runs/{run}/samples/{first}/raster", user="ana")[2] == bytes(size)
    with pytest.raises(sqlite3.IntegrityError, match="committed"):
        rows(catalog, "UPDATE run_raster SET bits = 16")


@pytest.mark.parametrize("share", [0, 0.5, 0.999, 1.001, 1.5, 3])
def test_rasters_of_another_size(catalog, run, share):
    code, told = put_raster(catalog, run, catalog.keys[0], bytes(int(side(catalog) ** 2 * share)))
    assert code == 400 and (share == 0 or "8-bit" in told["description"]), told
    assert catalog.json("GET", f"/v1/runs/{run}", user="ana")["rasters"] == 0


def test_a_raster_that_is_too_long(catalog, run):
    """It is refused before it is sent."""
    answer = catalog.raw(f"PUT /v1/runs/{run}/samples/{catalog.keys[0]}/raster HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                         f"{catalog.tokens['ana']}\r\nContent-Type: application/octet-stream\r\nContent-Length: "
                         f"{(64 << 20) + 1}\r\nExpect: 100-continue\r\n\r\n".encode())
    assert b" 413 " in answer and b" 100 " not in answer


@pytest.mark.parametrize("bits", [8, 16])
def test_values_that_are_no_class(catalog, run, bits):
    size, edge = side(catalog) ** 2, side(catalog)
    classes = len(catalog.json("GET", f"/v1/entries/{catalog.entry}", user="ana")["data"]["classes"])
    for value in (classes + 1, 254, *((255, 65534, 1 << 8) if bits == 16 else ())):
        body = bytearray(size * bits // 8)
        at = edge + 2  # column 2 of row 1
        body[at * bits // 8:(at + 1) * bits // 8] = value.to_bytes(bits // 8, "little")
        code, told = put_raster(catalog, run, catalog.keys[0], bytes(body))
        assert code == 400 and f"column 2 of row 1 is {value}" in told["description"], told
    assert rows(catalog, "SELECT count(*) FROM run_raster p JOIN run r ON r.id = p.run WHERE r.slug = ?", run) == [(0,)]


def test_bad_requests_of_rasters(catalog, run):
    body = bytes(side(catalog) ** 2)
    assert put_raster(catalog, run, catalog.keys[0], body, **{"Content-Type": "image/png"})[0] == 415
    assert put_raster(catalog, run, "nowhere", body)[0] == 404
    assert put_raster(catalog, "a" * 16, catalog.keys[0], body)[0] == 404
    assert put_raster(catalog, run, catalog.keys[0], body, user="bruno")[0] in (403, 404)
    length = len(body)
    cut = catalog.raw(f"PUT /v1/runs/{run}/samples/{catalog.keys[0]}/raster HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                      f"{catalog.tokens['ana']}\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}"
                      "\r\n\r\n".encode() + body[:100])
    assert b" 200 " not in cut
    assert catalog.json("GET", f"/v1/runs/{run}", user="ana")["rasters"] == 0
    assert catalog.get("/health")[0] == 200


# --- removed --------------------------------------------------------------------------------------

def test_a_long_run_is_removed_in_pieces(catalog, request):
    """It is gone at once, its number is not used again, and its rows go while others write."""
    made = make_run(catalog, "ana", catalog.entry, catalog.model, request.node.name[:60])["id"]
    send(catalog, "ana", made, [box(catalog.keys[0], "a")])
    number = rows(catalog, "SELECT id FROM run WHERE slug = ?", made)[0][0]
    rows(catalog, "INSERT INTO prediction (run, sample, name, document) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
                  "SELECT i + 1 FROM n WHERE i < 30000) SELECT ?, 1, 'n' || i, '{}' FROM n", number)
    commit(catalog, made, body={"evaluate": False})
    assert catalog.request("DELETE", f"/v1/runs/{made}", user="ana")[0] == 204
    assert catalog.get(f"/v1/runs/{made}", user="ana")[0] == 404
    next_ = make_run(catalog, "ana", catalog.entry, catalog.model, request.node.name[:60])["id"]
    assert rows(catalog, "SELECT id FROM run WHERE slug = ?", next_)[0][0] > number
    assert catalog.json("GET", f"/v1/runs/{next_}/samples/{catalog.keys[0]}", user="ana")["predictions"] == []
    wait_for(lambda: rows(catalog, "SELECT (SELECT count(*) FROM prediction WHERE run = ?1) + (SELECT count(*) FROM "
                                   "run_sample WHERE run = ?1) + (SELECT count(*) FROM run_gone)", number) == [(0,)])
