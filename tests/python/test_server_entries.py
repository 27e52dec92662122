"""Entries over HTTP: their life from making to the end of the bin, their documents, releases."""
import json
import sqlite3
import threading

import pytest
from conftest import run_vedatile
from server import Server, server  # noqa: F401  pylint: disable=unused-import
from sync_client import Client, until

MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture
def ada(server):  # noqa: F811
    server.add_user("ada")
    return server


@pytest.fixture(scope="session")
def stores(tmp_path_factory, data):
    """Three versions: with more windows, and with other labels."""
    path = tmp_path_factory.mktemp("stores") / "a.h5"
    made = []
    for stride in (64, 48):
        run_vedatile("feed", path, "--image", data / "olinda/scene.tif", "--labels",
                     data / "olinda/sectors.geojson", "--class-field", "TIPO", "--task",
                     "segmentation", "--match", "all", "--tile", 64, "--stride", stride)
        made.append(path.read_bytes())
    other = path.with_name("b.h5")
    run_vedatile("feed", other, "--image", data / "olinda/scene.tif", "--labels",
                 data / "olinda/sectors.geojson", "--class-field", "TIPO", "--task",
                 "segmentation", "--tile", 64, "--mask-rule", "all-touched")
    return made + [other.read_bytes()]


def make(server, user="ada", **wish):  # noqa: F811  pylint: disable=redefined-outer-name
    return server.json("POST", "/v1/entries", {"name": "roofs", **wish}, 201, user=user)


def where(document):
    return f"/v1/entries/{document['data']['id']}"


def test_document(ada, stores):
    code, headers, text = ada.request("POST", "/v1/entries", {
        "name": "Dächer von Zürich", "description": "two\nlines", "license": "CC-BY-4.0",
        "tags": ["b", "a", "b"]}, user="ada")
    made = json.loads(text)
    assert code == 201 and headers["ETag"] == '"r1"'
    assert headers["Location"] == made["links"]["self"]["href"]
    assert made["data"]["tags"] == ["a", "b"]
    assert made["data"]["percent_cached"] == 0 and made["data"]["version"] is None
    assert made["data"]["shape"] is None and made["data"]["bbox"] is None
    assert set(made["links"]) == {"self", "releases", "update", "create", "delete", "sharing"}
    client = Client(ada, "ada")
    begun = client.begin(made["data"]["id"], stores[0])
    half = ada.json("GET", where(made), user="ada")["data"]["percent_cached"]
    client.send(begun["id"], stores[0], begun["missing"])
    assert 0 <= half < 100
    client.commit(begun["id"])
    document = ada.json("GET", where(made), user="ada")
    info = json.loads(run_vedatile("info", "--json", write(ada, stores[0])).stdout)
    data = document["data"]
    tile = info["tile"]
    assert data["shape"] == [tile["bands"], tile["rows"], tile["cols"]]
    assert data["dtype"] == tile["dtype"] and data["tasks"] == info["tasks"]
    assert data["mlType"] == "segmentation"
    assert data["classes"] == info["classes"] and data["nclasses"] == len(info["classes"])
    assert data["count"] == {name: group["count"] for name, group in info["groups"].items()}
    assert data["bbox"] == pytest.approx(info["bounds"], abs=1e-9)
    assert data["bytes"] == len(stores[0]) and data["percent_cached"] == 100
    assert data["version"] == 1 and len(data["digest"]) == 64
    assert data["userId"] == "ada" and data["public"] is False
    assert set(document["links"]) == {
        "self", "releases", "samples", "stats", "manifest", "store", "stac", "update", "create",
        "delete", "sharing", "publish", "release"}


def write(server, store):  # noqa: F811  pylint: disable=redefined-outer-name
    path = server.root.with_name("one.h5")
    path.write_bytes(store)
    return path


def test_links_say_what_the_caller_may_do_and_nothing_else(ada, stores):
    """Every link is followed; what is not there is refused."""
    ada.add_user("bob")
    ada.add_user("eve", "read")
    made = make(ada)
    Client(ada, "ada").save(made["data"]["id"], stores[0])
    ada.json("POST", f"{where(made)}/publish", user="ada")
    ada.json("PUT", f"{where(made)}/sharing/bob", {"access": "write"}, user="ada")
    for user, links in (("bob", {"update", "create"}), ("eve", set()), (None, set())):
        document = ada.json("GET", where(made), user=user)
        assert set(document["links"]) == links | {"self", "releases", "samples", "stats",
                                                  "manifest", "store", "stac"}
        for name in ("self", "releases", "samples", "stats", "manifest", "store"):
            href = document["links"][name]["href"]
            assert href.startswith(ada.url)
            assert ada.get(href[len(ada.url):], user=user)[0] == 200, (user, name)
    assert "unpublish" in ada.json("GET", where(made), user="ada")["links"]


def test_merge_patch(ada):
    made = make(ada, description="x", tags=["a"])
    path = where(made)
    patched = ada.json("PATCH", path, {"description": None, "tags": ["b"]}, user="ada",
                       headers=MERGE)["data"]
    assert (patched["name"], patched["description"], patched["tags"]) == ("roofs", None, ["b"])
    assert patched["created_at"] == made["data"]["created_at"] < patched["updated_at"]
    assert ada.json("PATCH", path, {"tags": None}, user="ada")["data"]["tags"] == []
    code, headers, _ = ada.request("PATCH", path, {}, user="ada")
    assert code == 200 and headers["ETag"] == '"r3"'  # nothing changed, no new revision
    code, headers, _ = ada.request("PATCH", path, {"name": "roofs"}, user="ada")
    assert headers["ETag"] == '"r3"'
    for bad in ({"name": None}, {"owner": "eve"}, {"public": True}, {"id": "a" * 16}, [], 5):
        assert ada.request("PATCH", path, json.dumps(bad), user="ada", headers=MERGE)[0] == 400
    assert ada.json("GET", path, user="ada")["data"]["name"] == "roofs"


def test_etags(ada, stores):
    made = make(ada)
    path = where(made)
    Client(ada, "ada").save(made["data"]["id"], stores[0])
    code, headers, _ = ada.get(path, user="ada")
    etag = headers["ETag"]
    assert ada.get(path, user="ada", headers={"If-None-Match": f'"x", {etag}'})[0] == 304
    assert ada.get(path, user="ada", headers={"If-None-Match": '"r999"'})[0] == 200
    for method, where_, body in (("PATCH", path, {"name": "n"}), ("DELETE", path, None),
                                 ("POST", f"{path}/publish", None),
                                 ("POST", f"{path}/releases", {})):
        code, headers, text = ada.request(method, where_, body, user="ada",
                                          headers={"If-Match": '"r0", W/' + etag})
        assert code == 412 and headers["ETag"] == etag, text
    assert ada.request("PATCH", path, {"name": "n"}, user="ada", headers={"If-Match": etag})[0] == 200
    assert ada.request("PATCH", path, {"name": "m"}, user="ada", headers={"If-Match": etag})[0] == 412
    assert ada.request("PATCH", path, {"name": "m"}, user="ada", headers={"If-Match": "*"})[0] == 200


def test_one_of_many_changes_wins(ada):
    path = where(make(ada))
    codes = []

    def change(number):
        codes.append(ada.request("PATCH", path, {"name": f"n{number}"}, user="ada",
                                 headers={"If-Match": '"r1"'})[0])
    threads = [threading.Thread(target=change, args=(k,)) for k in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200] + [412] * 19


@pytest.mark.parametrize("wish, word", [
    ({}, "name"), ({"name": ""}, "name"), ({"name": " x"}, "name"), ({"name": "x" * 201}, "name"),
    ({"name": "a\nb"}, "name"), ({"name": "a\u202eb"}, "name"), ({"name": "\u2028"}, "name"),
    ({"name": 5}, "name"), ({"name": "x", "tags": "a"}, "tags"),
    ({"name": "x", "tags": ["a"] * 65}, "tags"), ({"name": "x", "tags": [""]}, "tags"),
    ({"name": "x", "tags": ["y" * 65]}, "tags"), ({"name": "x", "tags": [5]}, "tags"),
    ({"name": "x", "description": "d" * 10001}, "description"),
    ({"name": "x", "description": "\u0007"}, "description"),
    ({"name": "x", "license": "l" * 201}, "license"), ({"name": "x", "owner": "eve"}, "owner"),
])
def test_bad_wishes(ada, wish, word):
    answer = ada.json("POST", "/v1/entries", wish, 400, user="ada")
    assert word in answer["description"] and "\n" not in answer["description"]
    assert ada.json("GET", "/v1/entries", user="ada")["entries"] == []


def test_limits_are_characters(ada):
    made = make(ada, name="日" * 200, description="é" * 10000, tags=["ß" * 64])
    assert made["data"]["name"] == "日" * 200
    assert len(made["data"]["description"]) == 10000


def test_list_by_pages(ada):
    made = [make(ada, name=f"e{k}")["data"]["id"] for k in range(7)]
    seen, path = [], "/v1/entries?limit=3"
    while path:
        page = ada.json("GET", path, user="ada")
        seen += [item["data"]["id"] for item in page["entries"]]
        if len(seen) == 3:
            make(ada, name="later")  # what comes while the pages are read moves none
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        path = following[0][len(ada.url):] if following else None
    assert sorted(seen) == sorted(made)
    page = ada.json("GET", "/v1/entries?limit=3", user="ada")
    token = page["links"][-1]["href"].split("token=")[1]
    for bad in (token[:-1], token + "A", "x", "A" * 5000):
        assert ada.get(f"/v1/entries?limit=3&token={bad}", user="ada")[0] == 400
    assert ada.get(f"/v1/entries?deleted=1&token={token}", user="ada")[0] == 400
    for bad in ("limit=0", "limit=-1", "limit=x", "limit=1.5", "colour=red"):
        assert ada.get(f"/v1/entries?{bad}", user="ada")[0] == 400, bad
    assert ada.get("/v1/entries?limit=999999999", user="ada")[0] == 200


def test_bin(ada, stores):
    made = make(ada, name="old")
    path = where(made)
    Client(ada, "ada").save(made["data"]["id"], stores[0])
    ada.json("POST", f"{path}/releases", {}, 201, user="ada")
    ada.json("POST", f"{path}/publish", user="ada")
    assert ada.get(path)[0] == 200
    assert ada.request("DELETE", path, user="ada")[0] == 204
    for part in ("", "/manifest", "/versions/1/store.h5", "/releases", "/samples"):
        assert ada.get(path + part)[0] == 404, part
    assert ada.json("GET", "/v1/entries", user="ada")["entries"] == []
    binned = ada.json("GET", "/v1/entries?deleted=1", user="ada")["entries"]
    assert [item["data"]["id"] for item in binned] == [made["data"]["id"]]
    assert binned[0]["data"]["deleted_at"] < binned[0]["data"]["expires_at"]
    assert set(binned[0]["links"]) == {"self", "restore"}
    for method, part in (("PATCH", ""), ("DELETE", ""), ("POST", "/publish"), ("POST", "/releases")):
        body = {"name": "x"} if method == "PATCH" else None
        assert ada.request(method, path + part, body, user="ada")[0] == 404, (method, part)
    restored = ada.json("POST", f"{path}/restore", user="ada")
    assert restored["data"]["public"] is False and restored["data"]["releases"] == 1
    assert ada.request("POST", f"{path}/restore", user="ada")[0] == 409
    assert Client(ada, "ada").pull(made["data"]["id"], 1) == stores[0]


def expire(server, slug):  # noqa: F811  pylint: disable=redefined-outer-name
    with sqlite3.connect(f"{server.root}/catalog.db", timeout=20) as link:
        link.execute("UPDATE entry SET expires = 1 WHERE slug = ?", (slug,))
    link.close()


def test_the_end_of_the_bin(tmp_path, stores):
    with Server(tmp_path / "c", "--housekeeping", 1) as ada:  # pylint: disable=redefined-outer-name
        ada.add_user("ada")
        made, kept = make(ada), make(ada, name="kept")
        slug = made["data"]["id"]
        for entry in (made, kept):
            Client(ada, "ada").save(entry["data"]["id"], stores[0])
            ada.json("POST", f"{where(entry)}/releases", {}, 201, user="ada")
        assert ada.request("DELETE", where(made), user="ada")[0] == 204
        expire(ada, slug)
        assert ada.request("POST", f"{where(made)}/restore", user="ada")[0] == 404
        until(lambda: ada.json("GET", "/v1/entries?deleted=1", user="ada")["entries"] == [])
        with sqlite3.connect(f"file:{ada.root}/catalog.db?mode=ro", uri=True) as link:
            for table in ("entry", "version", "release", "entry_text"):
                assert link.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,), table
            samples = link.execute("SELECT count(*) FROM sample").fetchone()[0]
            assert samples == ada.json("GET", where(kept), user="ada")["data"]["count"]["train"]
            assert link.execute("SELECT count(*) FROM sample_box").fetchone()[0] <= 2 * samples
            assert link.execute("SELECT action, user FROM audit ORDER BY id DESC").fetchone() == (
                "entry.purge", "-")
        link.close()
        assert Client(ada, "ada").pull(kept["data"]["id"], 1) == stores[0]


def test_publish(ada, stores):
    path = where(make(ada))
    assert ada.request("POST", f"{path}/publish", user="ada")[0] == 409
    Client(ada, "ada").save(path.rsplit("/", 1)[1], stores[0])
    assert ada.get(path)[0] == 404
    assert ada.json("POST", f"{path}/publish", user="ada")["data"]["public"] is True
    assert ada.json("POST", f"{path}/publish", user="ada")["data"]["public"] is True
    assert [e["data"]["name"] for e in ada.json("GET", "/v1/entries")["entries"]] == ["roofs"]
    assert ada.json("POST", f"{path}/unpublish", user="ada")["data"]["public"] is False
    assert ada.get(path)[0] == 404 and ada.json("GET", "/v1/entries")["entries"] == []


def test_sharing(ada):
    path = where(make(ada))
    ada.add_user("bob")
    share = f"{path}/sharing/bob"
    assert ada.json("PUT", share, {"access": "read"}, user="ada") == {"user": "bob",
                                                                       "access": "read"}
    assert ada.request("PATCH", path, {"name": "x"}, user="bob")[0] == 403
    ada.json("PUT", share, {"access": "write"}, user="ada")
    assert ada.json("GET", f"{path}/sharing", user="ada")["sharing"] == [
        {"user": "bob", "access": "write"}]
    assert ada.json("PATCH", path, {"name": "by bob"}, user="bob")["data"]["userId"] == "ada"
    assert ada.request("DELETE", share, user="ada")[0] == 204
    assert ada.request("DELETE", share, user="ada")[0] == 404
    assert ada.get(path, user="bob")[0] == 404
    assert ada.request("PUT", f"{path}/sharing/ada", {"access": "read"}, user="ada")[0] == 409
    assert ada.request("PUT", f"{path}/sharing/nobody", {"access": "read"}, user="ada")[0] == 404
    for bad in ({}, {"access": "own"}, {"access": "read", "x": 1}, []):
        assert ada.request("PUT", share, json.dumps(bad), user="ada",
                           headers={"Content-Type": "application/json"})[0] == 400


def test_releases(ada, stores):
    made = make(ada)
    path = where(made)
    client = Client(ada, "ada")
    assert ada.request("POST", f"{path}/releases", user="ada")[0] == 409
    parent = client.save(made["data"]["id"], stores[0])["digest"]
    first = ada.json("POST", f"{path}/releases", {"name": "first", "notes": "a\nb"}, 201,
                     user="ada")
    assert (first["number"], first["version"], first["name"], first["digest"]) == (
        1, 1, "first", parent)
    assert ada.request("POST", f"{path}/releases", user="ada")[0] == 409  # the same version
    for store in stores[1:]:
        parent = client.save(made["data"]["id"], store, parent)["digest"]
        ada.json("POST", f"{path}/releases", None, 201, user="ada")
    assert ada.json("GET", f"{path}/releases/1", user="ada") == first
    page = ada.json("GET", f"{path}/releases?limit=2", user="ada")
    assert [item["number"] for item in page["releases"]] == [3, 2]
    rest = ada.json("GET", page["links"][0]["href"][len(ada.url):], user="ada")
    assert rest["releases"] == [first] and rest["links"] == []
    assert ada.json("GET", path, user="ada")["data"]["releases"] == 3
    for number in (0, 4, "x", "01x", 10 ** 30):
        assert ada.get(f"{path}/releases/{number}", user="ada")[0] in (400, 404), number
    assert ada.request("POST", f"{path}/releases", {"name": "x" * 201}, user="ada")[0] == 400
    for method in ("PUT", "PATCH", "DELETE"):
        assert ada.request(method, f"{path}/releases/1", user="ada")[0] == 405
    for number, store in enumerate(stores, 1):
        manifest = ada.json("GET", f"{path}/releases/{number}/manifest", user="ada")
        assert manifest["release"] == number
        assert client.pull(made["data"]["id"], manifest["version"]) == store


def keys_of(store, folder):
    """{key: (group, checksums)} by h5py."""
    import h5py  # pylint: disable=import-outside-toplevel
    path = folder / "keys.h5"
    path.write_bytes(store)
    found = {}
    with h5py.File(path) as file:
        for name, group in file.items():
            if isinstance(group, h5py.Group) and "samples" in group:
                for row in group["samples"][:]:
                    found[row["key"].decode()] = (name, int(row["image_crc32c"]), int(row["label_crc32c"]))
    return found


def test_diff_is_what_h5py_says(ada, stores, tmp_path):
    made = make(ada)
    path = where(made)
    parent, seen = None, set()
    for store in stores:
        parent = Client(ada, "ada").save(made["data"]["id"], store, parent)["digest"]
        ada.json("POST", f"{path}/releases", {}, 201, user="ada")
    for a in (1, 2, 3):
        for b in (1, 2, 3):
            old, new = keys_of(stores[a - 1], tmp_path), keys_of(stores[b - 1], tmp_path)
            diff = ada.json("GET", f"{path}/releases/{a}/diff?to={b}", user="ada")
            assert (diff["from"], diff["to"]) == (a, b)
            assert diff["added"] == len(new.keys() - old.keys())
            assert diff["removed"] == len(old.keys() - new.keys())
            changed = {key for key in old.keys() & new.keys() if old[key] != new[key]}
            assert diff["changed"] == len(changed)
            assert diff["samples"] == {"added": sorted(new.keys() - old.keys())[:1000],
                                       "removed": sorted(old.keys() - new.keys())[:1000],
                                       "changed": sorted(changed)[:1000]}
            seen |= {kind for kind in ("added", "removed", "changed") if diff[kind]}
    assert seen == {"added", "removed", "changed"}
    assert ada.json("GET", f"{path}/releases/1/diff", user="ada")["to"] == 2
    assert ada.get(f"{path}/releases/1/diff?to=9", user="ada")[0] == 404
    assert ada.get(f"{path}/releases/1/diff?to=x", user="ada")[0] == 400
