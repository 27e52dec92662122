"""Annotations of an entry's samples: added, listed, removed, and runs compared with them."""
import concurrent.futures
import json
import sqlite3
from urllib.parse import quote

import pytest
from conftest import SOURCE, run_vedatile
from runs import box, make_model, make_run, samples_of, send, wait, wait_for
from saved import entry as save_entry
from saved import save
from server import Server


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two versions of one store: the second has other samples."""
    folder, made = tmp_path_factory.mktemp("stores"), []
    for stride in (64, 50):
        path = folder / f"{stride}.h5"
        run_vedatile("feed", path, "--image", SOURCE / "data/olinda/scene.tif", "--labels",
                     SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO", "--match", "all", "--task",
                     "detection", "--tile", 64, "--stride", stride)
        made.append(path)
    return made


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, stores):
    with Server(tmp_path_factory.mktemp("annotations") / "root", "--rate", 1e6, "--burst", 1000000) as running:
        for user in ("ana", "bruno", "carla"):
            running.add_user(user)
        running.add_user("root", "admin")
        running.entry = save_entry(running, "ana", "Roofs", stores[0])
        running.keys = samples_of(running, "ana", running.entry)
        running.json("PUT", f"/v1/entries/{running.entry}/sharing/bruno", {"access": "write"}, user="ana")
        running.json("PUT", f"/v1/entries/{running.entry}/sharing/carla", {"access": "read"}, user="ana")
        running.model = make_model(running, "ana", "net")["id"]
        yield running


@pytest.fixture
def path(catalog, request):
    """Of a set that is not there yet."""
    return f"/v1/entries/{catalog.entry}/annotations/{''.join(c for c in request.node.name if c.isalnum())[:60]}"


def rows(server, text, *values):
    link = sqlite3.connect(f"{server.root}/catalog.db", timeout=20)
    try:
        with link:
            return link.execute(text, values).fetchall()
    finally:
        link.close()


def truth(sample, name, label="roof", at=(1, 2, 11, 12), **more):
    return {"sample": sample, "id": name, "type": "box", "box": list(at), "labels": {"class": label}, **more}


def add(server, path, records, user="ana", query="", code=200):
    return server.json("POST", path + query, records, code, user=user)


def everything(server, path, user="ana", query="?limit=7"):
    """All annotations of a list, page by page."""
    found, target = [], path + query
    while target:
        page = server.json("GET", target, user=user)
        found += page["annotations"]
        target = next((link["href"][len(server.url):] for link in page["links"]), None)
    return found


def counts(server, path):
    found = server.json("GET", path + "?limit=1", user="ana")["set"]
    return found["samples"], found["annotations"], found["revision"]


# --- kept -----------------------------------------------------------------------------------------

def kinds(key):
    return [
        truth(key, "box", flags=["crowd"], metadata={"by": "hand", "n": [1, 2]}),
        {"sample": key, "id": "turned", "type": "rotated", "rotated": [20, 20, 10, 4, 0.5], "labels": {"class": "a"}},
        {"sample": key, "id": "rings", "type": "polygon", "labels": {"class": "a", "roof": "flat"},
         "coordinates": [[[0, 0], [20, 0], [20, 20]], [[5, 2], [8, 2], [8, 5]]]},
        {"sample": key, "id": "mask", "type": "mask", "labels": {"class": "b"},
         "mask": {"size": [64, 64], "counts": [10, 5, 4081]}},
        {"sample": key, "id": "line", "type": "line", "coordinates": [[1, 1], [5, 9]], "labels": {"class": "c"}},
        {"sample": key, "id": "point", "type": "point", "coordinates": [3, 4]},
        {"sample": key, "id": "whole", "type": "label", "labels": {"cover": {"wood": 0.9, "water": 0.1}}},
    ]


def test_every_kind_is_kept_as_it_is(catalog, path):
    key = catalog.keys[0]
    sent = kinds(key)
    told = add(catalog, path, sent)
    assert (told["processed"], told["marked"], told["errors"], told["samples"], told["annotations"]) == (7, 1, 0, 1, 7)
    assert everything(catalog, path) == sent
    one = catalog.json("GET", f"{path}/samples/{key}", user="ana")
    assert one["state"] == "annotated" and one["annotations"] == [
        {name: value for name, value in record.items() if name != "sample"} for record in sent]
    for record in sent:
        found = everything(catalog, path, query=f"?type={record['type']}")
        assert found == [record]
    assert [one["id"] for one in everything(catalog, path, query="?class=a&limit=1")] == ["turned", "rings"]
    assert everything(catalog, path, query="?class=wood") == []


def test_the_same_again_is_ignored_or_replaced(catalog, path):
    key = catalog.keys[0]
    records = [truth(key, f"n{i}") for i in range(5)]
    assert add(catalog, path, records)["processed"] == 5
    before = counts(catalog, path)
    assert before == (1, 5, 1)
    told = add(catalog, path, [truth(key, "n1", "other"), *records])
    assert (told["processed"], told["ignored"], told["updated"]) == (0, 6, 0)
    assert counts(catalog, path) == before
    told = add(catalog, path, [truth(key, "n1", "other")], query="?update=1")
    assert (told["processed"], told["updated"]) == (0, 1)
    assert counts(catalog, path) == (1, 5, 2)
    assert [one["labels"]["class"] for one in everything(catalog, path)] == ["roof", "other", "roof", "roof", "roof"]
    assert [one["id"] for one in everything(catalog, path, query="?class=other")] == ["n1"]
    # Without an id the content stands for it.
    bare = {"sample": key, "type": "point", "coordinates": [1, 1]}
    assert add(catalog, path, [bare])["processed"] == 1
    assert add(catalog, path, [bare])["ignored"] == 1


def test_one_transaction_a_batch_and_pages(catalog, path):
    records = [truth(key, f"n{i}", "ab"[i % 2]) for key in catalog.keys for i in range(60)]
    told = add(catalog, path, records)
    assert (told["processed"], told["marked"]) == (len(records), len(catalog.keys))
    assert everything(catalog, path, query="?limit=333") == records
    found = everything(catalog, path, query=f"?sample={catalog.keys[3]}&class=b&limit=4")
    assert found == [one for one in records if one["sample"] == catalog.keys[3] and one["labels"]["class"] == "b"]
    page = catalog.json("GET", path + "?limit=5&class=a", user="ana")
    token = page["links"][0]["href"].split("token=")[1]
    assert catalog.get(f"{path}?limit=5&class=b&token={token}", user="ana")[0] == 400


def test_marks_tell_nothing_found_from_not_looked_at(catalog, path):
    first, second = catalog.keys[:2]
    told = add(catalog, path, [{"sample": first}])
    assert (told["processed"], told["marked"], told["samples"], told["annotations"]) == (0, 1, 1, 0)
    assert catalog.json("GET", f"{path}/samples/{first}", user="ana")["state"] == "annotated"
    assert catalog.json("GET", f"{path}/samples/{second}", user="ana")["state"] == "unannotated"
    add(catalog, path, [{"sample": key} for key in catalog.keys[5:]])
    listed, target = [], f"{path}/samples?limit=4"
    while target:
        page = catalog.json("GET", target, user="ana")
        listed += [one["sample"] for one in page["samples"]]
        target = next((link["href"][len(catalog.url):] for link in page["links"]), None)
    assert listed == sorted([first, *catalog.keys[5:]])


def test_samples_are_found_three_ways(catalog, path):
    key = catalog.keys[4]
    add(catalog, path, [truth(key, "a")])
    number = rows(catalog, "SELECT s.id FROM sample s JOIN entry e ON e.id = s.entry WHERE s.key = ? AND e.slug = ?", key,
                  catalog.entry)[0][0]
    by_key = catalog.json("GET", f"{path}/samples/{key}", user="ana")
    assert by_key["annotations"][0]["id"] == "a"
    assert catalog.json("GET", f"{path}/samples/4?by=index", user="ana") == by_key
    assert catalog.json("GET", f"{path}/samples/{number}?by=number", user="ana") == by_key
    for wrong, code in (("nowhere", 404), ("4", 404), ("x?by=index", 400), ("4000?by=index", 404), ("4?by=name", 400)):
        assert catalog.get(f"{path}/samples/{wrong}", user="ana")[0] == code, wrong


# --- removed --------------------------------------------------------------------------------------

def test_annotations_are_removed(catalog, path):
    first, second = catalog.keys[:2]
    name = "with / and ü"
    add(catalog, path, [truth(first, name), truth(first, "b"), truth(second, "c")])
    used = rows(catalog, "SELECT bytes FROM annotation_set ORDER BY id DESC LIMIT 1")[0][0]
    target = f"{path}/samples/{first}/{quote(name, safe='')}"
    assert catalog.request("DELETE", target, user="ana")[0] == 204
    assert catalog.request("DELETE", target, user="ana")[0] == 404
    assert counts(catalog, path) == (2, 2, 2)
    assert catalog.request("DELETE", f"{path}/samples/{first}/b", user="ana")[0] == 204
    assert catalog.json("GET", f"{path}/samples/{first}", user="ana")["state"] == "annotated"
    assert catalog.request("DELETE", f"{path}/samples/1?by=index", user="ana")[0] == 204
    assert catalog.json("GET", f"{path}/samples/{second}", user="ana")["state"] == "unannotated"
    assert counts(catalog, path)[:2] == (1, 0)
    assert catalog.request("DELETE", f"{path}/samples/{first}", user="ana")[0] == 204
    assert counts(catalog, path)[:2] == (0, 0)
    assert used > 0 and rows(catalog, "SELECT bytes FROM annotation_set ORDER BY id DESC LIMIT 1") == [(0,)]


def test_a_set_is_removed_in_pieces(catalog, path):
    add(catalog, path, [truth(key, f"n{i}") for key in catalog.keys[:5] for i in range(3000)])
    number = rows(catalog, "SELECT max(id) FROM annotation_set")[0][0]
    assert catalog.request("DELETE", path, user="ana")[0] == 204
    assert catalog.get(path, user="ana")[0] == 404
    add(catalog, path, [truth(catalog.keys[0], "new")])
    assert rows(catalog, "SELECT max(id) FROM annotation_set")[0][0] > number
    assert counts(catalog, path)[:2] == (1, 1)
    wait_for(lambda: rows(catalog, "SELECT (SELECT count(*) FROM annotation WHERE annotation_set = ?1) + (SELECT "
                                   "count(*) FROM annotated_sample WHERE annotation_set = ?1) + (SELECT count(*) FROM "
                                   "annotation_set_gone)", number) == [(0,)])
    assert len(everything(catalog, path)) == 1


# --- refused --------------------------------------------------------------------------------------

@pytest.mark.parametrize("record, word", [
    ({"type": "box", "box": [1, 1, 5, 5]}, "sample"),
    ({"sample": "nowhere", "type": "box", "box": [1, 1, 5, 5]}, "nowhere"),
    ({"sample": 0, "type": "circle"}, "type"),
    ({"sample": 0, "type": "box", "box": [5, 5, 1, 1]}, "negative"),
    ({"sample": 0, "type": "box", "box": [100, 100, 120, 120]}, "outside"),
    ({"sample": 0, "type": "box", "box": [1, 1, "x", 5]}, "box"),
    ({"sample": 0, "type": "box", "box": [1, 1, 5, 5], "labels": {"class": {"a": 5}}}, "between 0 and 1"),
    ({"sample": 0, "type": "box", "box": [1, 1, 5, 5], "colour": "red"}, "colour"),
    ({"sample": 0, "type": "mask", "mask": {"size": [32, 32], "counts": [1024]}}, "32 x 32"),
    ({"sample": 0, "type": "polygon", "coordinates": [[[0, 0], [1, 1]]]}, "points"),
    ({"sample": 0, "category": {"class": "a"}, "code": 3}, "type"),
    ({"sample": 0, "id": "x" * 1025, "type": "point", "coordinates": [1, 1]}, "id"),
])
def test_bad_records_are_told_and_left_out(catalog, path, record, word):
    if record.get("sample") == 0:
        record = {**record, "sample": catalog.keys[0]}
    told = add(catalog, path, [record, truth(catalog.keys[1], "good")])
    assert (told["processed"], told["errors"]) == (1, 1)
    assert told["failures"][0]["record"] == 1 and word in told["failures"][0]["description"], told


def test_a_mask_of_another_size_is_refused_in_runs(catalog, request):
    """It could not be committed."""
    run = make_run(catalog, "ana", catalog.entry, catalog.model, request.node.name)["id"]
    mask = {"sample": catalog.keys[0], "id": "m", "type": "mask", "mask": {"size": [32, 32], "counts": [1024]},
            "labels": {"class": "a"}, "score": 1}
    told = send(catalog, "ana", run, [mask, box(catalog.keys[0], "m")])
    assert (told["processed"], told["errors"]) == (1, 1) and "32 x 32" in told["failures"][0]["description"]


@pytest.mark.parametrize("name, code", [(".hidden", 400), ("a b", 400), ("x" * 65, 400), ("a@1", 400), ("x" * 64, 200)])
def test_names_of_sets(catalog, name, code):
    add(catalog, f"/v1/entries/{catalog.entry}/annotations/{quote(name)}", [{"sample": catalog.keys[0]}], code=code)


def test_who_may(catalog, path):
    records = [truth(catalog.keys[0], "a")]
    assert add(catalog, path, records, user="bruno")["processed"] == 1
    assert catalog.request("POST", path, [], user="carla")[0] == 403
    assert catalog.request("DELETE", path, user="carla")[0] == 403
    assert everything(catalog, path, user="carla") == records
    assert catalog.get(path)[0] == 404 and catalog.request("POST", path, [])[0] == 401


def test_other_bodies(catalog, path):
    for kind, body, code in (("text/plain", "x", 415), ("application/jsonl", "", 400),
                             ("application/json", "[]", 200)):
        got = catalog.request("POST", path, body, user="ana", headers={"Content-Type": kind})
        assert got[0] == code, (kind, body, got)
    lines = "".join(json.dumps(truth(key, "a")) + "\n" for key in catalog.keys[:3])
    got = catalog.request("POST", path, lines, user="ana", headers={"Content-Type": "application/jsonl"})
    assert json.loads(got[2])["processed"] == 3


def test_an_entry_without_samples(catalog, path):
    empty = catalog.json("POST", "/v1/entries", {"name": "empty"}, 201, user="ana")["data"]["id"]
    target = path.replace(catalog.entry, empty)
    code, _, text = catalog.request("POST", target, [{"sample": "x"}], user="ana")
    assert code == 409 and b"save a store" in text


def test_quota(catalog, path):
    taken = catalog.json("GET", "/v1/me", user="ana")
    catalog.json("PATCH", "/v1/users/ana", {"quota_bytes": 1}, user="root")
    code, _, text = catalog.request("POST", path, [truth(catalog.keys[0], "a")], user="bruno")
    catalog.json("PATCH", "/v1/users/ana", {"quota_bytes": None}, user="root")
    assert code == 507 and b"quota" in text, (text, taken)
    assert catalog.get(path, user="ana")[0] == 404


def test_many_write_at_once(catalog, path):
    def one(worker):
        return add(catalog, path, [truth(key, f"{worker % 4}-{i}") for key in catalog.keys[:10] for i in range(20)])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = list(pool.map(one, range(8)))
    assert sum(one["processed"] for one in told) == 800 and sum(one["ignored"] for one in told) == 800
    assert counts(catalog, path)[:2] == (10, 800)


def test_changes_are_in_the_audit_log(catalog, path):
    add(catalog, path, [truth(catalog.keys[0], "a")])
    catalog.request("DELETE", f"{path}/samples/{catalog.keys[0]}/a", user="ana")
    catalog.request("DELETE", path, user="ana")
    events = catalog.json("GET", f"/v1/audit?entry={catalog.entry}&limit=3", user="root")["events"]
    assert [one["action"] for one in events] == ["annotations.remove", "annotations.change", "annotations.change"]
    assert events[0]["detail"]["set"] == path.rsplit("/", 1)[1]


# --- versions and releases ------------------------------------------------------------------------

def test_a_set_outlives_versions_and_no_release_changes(catalog, stores):
    entry = save_entry(catalog, "ana", "Versions", stores[0])
    path = f"/v1/entries/{entry}/annotations/labels"
    old = samples_of(catalog, "ana", entry)
    catalog.json("POST", f"/v1/entries/{entry}/releases", {}, 201, user="ana")
    released = catalog.json("GET", f"/v1/entries/{entry}/releases/1", user="ana")
    manifest = catalog.get(f"/v1/entries/{entry}/releases/1/manifest", user="ana")[2]
    revision = catalog.json("GET", f"/v1/entries/{entry}", user="ana")["data"]["version"]
    records = [truth(key, "a") for key in old]
    add(catalog, path, records)
    assert catalog.json("GET", f"/v1/entries/{entry}/releases/1", user="ana") == released
    assert catalog.get(f"/v1/entries/{entry}/releases/1/manifest", user="ana")[2] == manifest
    assert catalog.json("GET", f"/v1/entries/{entry}", user="ana")["data"]["version"] == revision
    save(catalog, "ana", entry, stores[1], catalog.json("GET", f"/v1/entries/{entry}", user="ana")["data"]["digest"])
    new = samples_of(catalog, "ana", entry)
    gone = sorted(set(old) - set(new))
    assert gone
    assert everything(catalog, path) == records
    # Samples that only older versions have may still be annotated, and found by their keys.
    assert add(catalog, path, [truth(gone[0], "b")])["processed"] == 1
    assert len(catalog.json("GET", f"{path}/samples/{gone[0]}", user="ana")["annotations"]) == 2
    assert catalog.request("DELETE", f"{path}/samples/{gone[0]}", user="ana")[0] == 204
    # With the entry all of it goes.
    number = rows(catalog, "SELECT id FROM annotation_set WHERE entry = (SELECT id FROM entry WHERE slug = ?)", entry)[0][0]
    rows(catalog, "DELETE FROM release WHERE entry = (SELECT id FROM entry WHERE slug = ?)", entry)
    assert catalog.request("DELETE", f"/v1/entries/{entry}", user="ana")[0] in (200, 204)
    assert catalog.get(path, user="ana")[0] == 404
    catalog.json("POST", f"/v1/entries/{entry}/restore", user="ana")
    assert len(everything(catalog, path)) == len(records) - 1
    assert number


# --- evaluations ----------------------------------------------------------------------------------

def committed(catalog, name, records, marked=()):
    run = make_run(catalog, "ana", catalog.entry, catalog.model, name)["id"]
    send(catalog, "ana", run, [*records, *({"sample": key} for key in marked)])
    catalog.json("POST", f"/v1/runs/{run}/commit", {"evaluate": False}, user="ana")
    return run


def ask(catalog, run, labels, code=202, **more):
    return catalog.json("POST", "/v1/evaluations", {"run": run, "parameters": {"labels": labels, **more}}, code,
                        user="ana")


def test_a_run_against_a_set(catalog, path, request):
    """The set, not the store, says what is true, and samples that nobody looked at do not count."""
    name = path.rsplit("/", 1)[1]
    looked = catalog.keys[:6]
    add(catalog, path, [truth(key, "a", "thing", (4, 4, 24, 24)) for key in looked[:4]] +
        [{"sample": key} for key in looked[4:]])
    records = [box(key, "p", 0.9 - i * 0.01, "thing", (4, 4, 24, 24)) for i, key in enumerate(looked[:3])]
    records.append(box(looked[4], "wrong", 0.1, "thing", (4, 4, 24, 24)))
    run = committed(catalog, request.node.name, records, catalog.keys)
    asked = ask(catalog, run, name)
    assert asked["parameters"]["labels"] == f"{name}@1"
    found = wait(catalog, "ana", asked["id"])
    assert found["state"] == "done", found["message"]
    # 3 of 4 are found, before the one that is wrong: precision 1 up to a recall of 0.75.
    assert found["metrics"]["AP50"] == pytest.approx(76 / 101)
    assert found["document"]["samples"]["count"] == 6 and found["document"]["samples"]["unlabelled"] == len(catalog.keys) - 6
    assert found["document"]["inputs"]["ground_truth"]["labels"] == f"{name}@1"
    # The same again is the same; other labels are another evaluation.
    assert ask(catalog, run, name)["id"] == asked["id"] and ask(catalog, run, f"{name}@1")["id"] == asked["id"]
    assert catalog.request("DELETE", f"{path}/samples/{looked[3]}/a", user="ana")[0] == 204
    other = ask(catalog, run, name)
    assert other["id"] != asked["id"] and other["parameters"]["labels"] == f"{name}@2"
    assert wait(catalog, "ana", other["id"])["metrics"]["AP50"] == pytest.approx(1)
    code, _, text = catalog.request("POST", "/v1/evaluations", {"run": run, "parameters": {"labels": f"{name}@1"}},
                                    user="ana")
    assert code == 409 and b"changed meanwhile" in text
    # What was done stays.
    assert catalog.json("GET", f"/v1/evaluations/{asked['id']}", user="ana")["metrics"] == found["metrics"]


def test_the_same_scores_as_the_command_with_a_set(catalog, path, stores, tmp_path, request):
    """Shapes of every kind, from the catalog and from a set beside the store."""
    local = tmp_path / "a.h5"
    local.write_bytes(stores[0].read_bytes())
    records = [record for i, key in enumerate(catalog.keys[:8])
               for record in (truth(key, "a", "x", (3 + i, 4, 33, 40)), truth(key, "c", "y", (30, 30, 50, 60), flags=["crowd"]))]
    records += [{"sample": key, "id": "p", "type": "polygon", "labels": {"class": "y"},
                 "coordinates": [[[0, 0], [20 + i, 0], [20, 20]]]} for i, key in enumerate(catalog.keys[:8])]
    predictions = [box(key, f"d{i}", 0.9 - 0.01 * i, "xy"[i % 2], (2 + i, 5, 32, 41)) for i, key in enumerate(catalog.keys[:8])]
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    run_vedatile("annotations", "import", local, tmp_path / "truth.jsonl", "--name", "mine")
    add(catalog, path, records)
    run = committed(catalog, request.node.name, predictions, catalog.keys)
    found = wait(catalog, "ana", ask(catalog, run, path.rsplit("/", 1)[1])["id"])
    assert found["state"] == "done", found["message"]
    name = rows(catalog, "SELECT b.name FROM run r JOIN blob b ON b.id = r.blob WHERE r.slug = ?", run)[0][0]
    (tmp_path / "a.h5.runs").mkdir()
    (tmp_path / "a.h5.runs/r.h5").write_bytes((catalog.root / "blobs" / name[:2] / name).read_bytes())
    done = json.loads(run_vedatile("eval", local, "--run", "r", "--labels", "mine", "--json").stdout)
    assert found["document"]["tasks"] == done["tasks"]
    assert found["document"]["samples"] == done["samples"]


def test_labels_that_cannot_be(catalog, path, request):
    run = committed(catalog, request.node.name, [box(catalog.keys[0], "a")])
    for labels, code in (("nowhere", 404), ("../labels", 400), ("a@b@c", 404), (3, 400), ("", 400)):
        assert catalog.request("POST", "/v1/evaluations", {"run": run, "parameters": {"labels": labels}},
                               user="ana")[0] == code, labels
    open_ = make_run(catalog, "ana", catalog.entry, catalog.model, request.node.name + "2")["id"]
    send(catalog, "ana", open_, [box(catalog.keys[0], "a")])
    code, _, _ = catalog.request("POST", f"/v1/runs/{open_}/commit", {"parameters": {"labels": "nowhere"}}, user="ana")
    assert code == 404 and catalog.json("GET", f"/v1/runs/{open_}", user="ana")["state"] == "open"
    name = path.rsplit("/", 1)[1]
    add(catalog, path, [{"sample": catalog.keys[0]}])
    assert catalog.request("DELETE", f"{path}/samples/{catalog.keys[0]}", user="ana")[0] == 204
    failed = wait(catalog, "ana", ask(catalog, run, name)["id"])
    assert failed["state"] == "failed" and "no annotated sample" in failed["message"]


# --- durable --------------------------------------------------------------------------------------

def test_kill(tmp_path, stores):
    """Killed in the middle of a long body: batches are whole or not there, and sent again it goes on."""
    root = tmp_path / "root"
    killed = Server(root).start()
    killed.add_user("ana")
    entry = save_entry(killed, "ana", "Roofs", stores[0])
    keys = samples_of(killed, "ana", entry)
    path = f"/v1/entries/{entry}/annotations/labels"
    records = [truth(keys[i % len(keys)], f"n{i}") for i in range(2600)]
    (root / "failpoint").write_text("annotations.before-commit 3")
    with pytest.raises((ConnectionError, OSError, Exception)):  # the server is gone
        add(killed, path, records)
    killed.kill()
    (root / "failpoint").unlink()
    assert run_vedatile("serve", "--root", root, "--check").returncode == 0
    with Server(root) as server:
        server.tokens = killed.tokens
        assert counts(server, path) == (len(keys), 1000, 2)
        told = add(server, path, records)
        assert (told["ignored"], told["processed"], told["annotations"]) == (1000, 1600, 2600)
    assert run_vedatile("serve", "--root", root, "--check").returncode == 0
    rows(killed, "UPDATE annotation_set SET samples = samples + 1")
    done = run_vedatile("serve", "--root", root, "--check", code=None)
    assert done.returncode != 0 and "annotation set labels" in done.stdout + done.stderr


# --- from a local store ---------------------------------------------------------------------------

def test_sent_and_fetched(catalog, stores, tmp_path):
    """A set beside a store goes to the entry and comes back to another copy as it was."""
    env = {"VEDATILE_URL": catalog.url, "VEDATILE_TOKEN": catalog.tokens["ana"], "HOME": str(tmp_path)}
    local, other = tmp_path / "mine.h5", tmp_path / "other.h5"
    local.write_bytes(stores[0].read_bytes())
    keys = catalog.keys
    records = [record for key in keys[:3] for record in kinds(key)] + [
        truth(key, f"n{i}") for key in keys[3:8] for i in range(400)]
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(one) + "\n" for one in [*records, {"sample": keys[9]}]))
    run_vedatile("annotations", "import", local, tmp_path / "truth.jsonl", "--name", "mine")
    assert "is in no catalog" in run_vedatile("annotations", "send", local, "--name", "mine", code=1, env=env).stderr
    run_vedatile("save", local, "--name", "Sent", env=env)
    entry = json.loads(run_vedatile("status", local, "--json", env=env).stdout)["entry"]["data"]["id"]
    assert "nothing" in run_vedatile("annotations", "send", local, "--name", "nothing", code=1, env=env).stderr
    sent = json.loads(run_vedatile("annotations", "send", local, "--name", "mine", "--json", env=env).stdout)
    assert (sent["sent"], sent["marked"], sent["ignored"]) == (len(records), 9, 0)
    again = run_vedatile("annotations", "send", local, "--name", "mine", env=env).stdout
    assert again == f"0 sent, {len(records)} there already\n"
    path = f"/v1/entries/{entry}/annotations/mine"
    assert counts(catalog, path)[:2] == (9, len(records))
    run_vedatile("pull", entry, "-o", other, env=env)
    run_vedatile("annotations", "fetch", other, "--name", "mine", env=env)
    here, there = (run_vedatile("annotations", "export", one, one.with_suffix(".jsonl"), "--name", "mine", "--format",
                                "jsonl") and one.with_suffix(".jsonl").read_text() for one in (local, other))
    assert sorted(here.splitlines()) == sorted(there.splitlines()) and here.count("\n") > len(records)
    # What others changed comes with --update only, and what the store has not is left out.
    add(catalog, path, [truth(keys[3], "n0", "changed")], query="?update=1")
    assert run_vedatile("annotations", "fetch", other, "--name", "mine", env=env).stdout.startswith("0 added, ")
    fetched = json.loads(run_vedatile("annotations", "fetch", other, "--name", "mine", "--update", "--json", env=env).stdout)
    assert fetched["updated"] == len(records)
    assert '"changed"' in run_vedatile("annotations", "list", other, "--name", "mine", "--sample", keys[3], "--id", "n0").stdout
    save(catalog, "ana", entry, stores[1], catalog.json("GET", f"/v1/entries/{entry}", user="ana")["data"]["digest"])
    third = tmp_path / "third.h5"
    run_vedatile("pull", entry, "-o", third, env=env)
    shared = [one for one in records if one["sample"] in samples_of(catalog, "ana", entry)]
    left = json.loads(run_vedatile("annotations", "fetch", third, "--name", "mine", "--json", env=env).stdout)
    assert (left["added"], left["dropped"]) == (len(shared), len(records) - len(shared)) and left["dropped"] > 0


def test_sending_what_the_catalog_refuses(catalog, stores, tmp_path):
    """Read only: nothing is sent, and one line says why."""
    local = tmp_path / "mine.h5"
    local.write_bytes(stores[0].read_bytes())
    env = {"VEDATILE_URL": catalog.url, "VEDATILE_TOKEN": catalog.tokens["ana"], "HOME": str(tmp_path)}
    run_vedatile("save", local, "--name", "Shared", env=env)
    entry = json.loads(run_vedatile("status", local, "--json", env=env).stdout)["entry"]["data"]["id"]
    catalog.json("PUT", f"/v1/entries/{entry}/sharing/carla", {"access": "read"}, user="ana")
    run_vedatile("annotations", "mark", local, "--index", 0)
    env["VEDATILE_TOKEN"] = catalog.tokens["carla"]
    assert "vedatile annotations: " in run_vedatile("annotations", "send", local, code=1, env=env).stderr
    assert "no annotation set" in run_vedatile("annotations", "fetch", local, code=1, env=env).stderr
    assert catalog.json("GET", f"/v1/entries/{entry}/annotations", user="carla") == {"sets": []}
