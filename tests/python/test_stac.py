"""The STAC API as others see it: its own validators, pystac-client and GDAL."""
import json
import sqlite3
import subprocess

import pytest
from catalog_rows import DEGREE, fill, put_box
from conftest import SOURCE, tool
from server import Server

OFFLINE = SOURCE / "tests/python/stac_offline.py"
HEAD = "https://api.stacspec.org/v1.0.0"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """A server with 6 entries of 300 samples, of which some are private."""
    with Server(tmp_path_factory.mktemp("stac") / "root") as one:
        one.add_user("ann")
        one.add_user("bob")
        one.made = fill(one.root, 6, 300, seed=3)
        one.hidden = fill(one.root, 2, 40, seed=4, private=1.0, owner="ann")
        yield one


def get(server, path, user=None, code=200):
    answer, headers, body = server.request("GET", path, user=user)
    assert answer == code, (path, answer, body[:500])
    return json.loads(body), headers


def search(server, user=None, code=200, **body):
    answer, _, text = server.request("POST", "/search", body, user=user)
    assert answer == code, (body, answer, text[:500])
    return json.loads(text)


def pages(server, path, user=None):
    """All items or collections of a list, by its links."""
    found = []
    while path:
        page, _ = get(server, path, user)
        found += page.get("features", page.get("collections"))
        links = [link for link in page["links"] if link["rel"] == "next"]
        path = links[0]["href"][len(server.url):] if links else None
    return found


def run_tool(*words):
    python = tool("stac-api-validator").parent / "python"
    done = subprocess.run([python, OFFLINE, *map(str, words)], capture_output=True, text=True,
                          check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def polygon(box):
    west, south, east, north = box
    return {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north],
                                                [west, north], [west, south]]]}


# --- validators -------------------------------------------------------------------------------


def test_api_validator(catalog):
    classes = ("core collections features item-search item-search#sort item-search#fields "
               "filter").split()
    entry, _ = catalog.made[0]
    out = run_tool("stac_api_validator", "--root-url", catalog.url + "/", "--collection",
                   entry["slug"], "--geometry", json.dumps(polygon(entry["box"])),
                   "--fields-nested-property", "properties.vt:boxes", "--validate-pagination",
                   "--log-level", "WARNING",
                   *[word for name in classes for word in ("--conformance", name)])
    assert "Errors: none" in out


def test_documents_are_valid(catalog, tmp_path):
    entry, rows = catalog.made[0]
    for name, path in (("collection", f"/collections/{entry['slug']}"),
                       ("item", f"/collections/{entry['slug']}/items/{rows[0]['key']}")):
        (tmp_path / f"{name}.json").write_text(json.dumps(get(catalog, path)[0]))
        script = tmp_path / "validate.py"
        script.write_text("import sys\nfrom stac_validator.stac_validator import StacValidate\n"
                          "one = StacValidate(sys.argv[1])\none.run()\n"
                          "assert one.message[0]['valid_stac'], one.message\n")
        run_tool(script, tmp_path / f"{name}.json")


def test_an_invalid_document_is_seen(catalog, tmp_path):
    entry, _ = catalog.made[0]
    broken, _ = get(catalog, f"/collections/{entry['slug']}")
    del broken["extent"]
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    script = tmp_path / "validate.py"
    script.write_text("import sys\nfrom stac_validator.stac_validator import StacValidate\n"
                      "one = StacValidate(sys.argv[1])\none.run()\n"
                      "sys.exit(0 if not one.message[0]['valid_stac'] else 1)\n")
    run_tool(script, tmp_path / "broken.json")


CLIENT = """
import json, sys
from pystac_client import Client
url, collection, box, low = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]
client = Client.open(url)
found = {
    "collections": sorted(one.id for one in client.get_collections()),
    "all": [one.id for one in client.search(limit=37).items()],
    "one": [one.id for one in client.search(collections=[collection], limit=7).items()],
    "get": [one.id for one in client.search(collections=[collection], limit=7, method="GET").items()],
    "box": sorted(one.id for one in client.search(bbox=box).items()),
    "time": sorted(one.id for one in client.search(datetime=f"{low}/..").items()),
    "json": sorted(one.id for one in client.search(collections=[collection], filter_lang="cql2-json", filter={
        "op": "and", "args": [{"op": "=", "args": [{"property": "vt:group"}, "test"]},
                              {"op": ">", "args": [{"property": "vt:boxes"}, 5]}]}).items()),
    "text": sorted(one.id for one in client.search(
        collections=[collection], method="GET", filter_lang="cql2-text",
        filter="vt:group = 'test' AND vt:boxes > 5").items()),
    "sorted": [one.datetime.isoformat() for one in client.search(
        collections=[collection], sortby=["-properties.datetime"]).items()],
    "words": sorted(one.id for one in client.collection_search(q="coast").collections()),
    "ids": [one.id for one in client.search(ids=[sys.argv[5]]).items()],
}
item = next(client.get_collection(collection).get_items())
found["epsg"] = item.ext.proj.code
print(json.dumps(found))
"""


def test_pystac_client(catalog, tmp_path):
    entry, rows = catalog.made[1]
    box = rows[0]["box"]
    middle = sorted(row["time"] for _, some in catalog.made for row in some)[150]
    low = subprocess.run(["date", "-u", "-d", f"@{middle // 1_000_000}", "+%Y-%m-%dT%H:%M:%SZ"],
                         capture_output=True, text=True, check=True).stdout.strip()
    script = tmp_path / "client.py"
    script.write_text(CLIENT)
    found = json.loads(run_tool(script, catalog.url, entry["slug"], json.dumps(box), low,
                                rows[3]["key"]))
    every = [row for _, some in catalog.made for row in some]
    keys = sorted(row["key"] for row in rows)
    assert found["collections"] == sorted(one["slug"] for one, _ in catalog.made)
    assert sorted(found["all"]) == sorted(row["key"] for row in every)
    assert sorted(found["one"]) == sorted(found["get"]) == keys
    meet = [row["key"] for row in every if row["box"][0] <= box[2] and row["box"][2] >= box[0] and
            row["box"][1] <= box[3] and row["box"][3] >= box[1]]
    assert found["box"] == sorted(meet) and rows[0]["key"] in found["box"]
    assert found["time"] == sorted(row["key"] for row in every if row["time"] >= middle)
    many = [row["key"] for row in rows
            if row["group"] == "test" and sum(row["classes"].values()) > 5]
    assert many and found["json"] == found["text"] == sorted(many)
    assert found["sorted"] == sorted(found["sorted"], reverse=True)
    words = [one["slug"] for one, _ in catalog.made
             if "coast" in f"{one['name']} {one['description']}".split()]
    assert words and found["words"] == sorted(words)
    assert found["ids"] == [rows[3]["key"]]
    assert found["epsg"] == "EPSG:4326"


def ogrinfo(*words):
    done = subprocess.run(["ogrinfo", *words], capture_output=True, text=True, check=False,
                          timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_gdal_reads_items(catalog):
    entry, rows = catalog.made[0]
    out = ogrinfo("-ro", "-q", f"OAPIF:{catalog.url}")
    for one, _ in catalog.made:
        assert one["slug"] in out
    out = ogrinfo("-ro", "-so", f"OAPIF:{catalog.url}", entry["slug"])
    assert "Geometry: Polygon" in out or "Geometry: Unknown" in out
    box = [str(number) for number in rows[0]["box"]]
    before = len(catalog.log_lines("request"))
    out = ogrinfo("-ro", "-q", "-spat", *box, f"OAPIF:{catalog.url}", entry["slug"])
    assert rows[0]["key"] in out
    found = [row["key"] for row in rows if row["key"] in out]
    assert len(found) < len(rows)
    assert any("bbox=" in line["target"] for line in catalog.log_lines("request")[before:])


# --- rules of our own -------------------------------------------------------------------------


def test_private_entries_are_not_there(catalog):
    hidden = {one["slug"] for one, _ in catalog.hidden}
    some, rows = catalog.hidden[0]
    for user, sees in ((None, False), ("bob", False), ("ann", True)):
        listed = {one["id"] for one in pages(catalog, "/collections?limit=3", user)}
        assert (hidden <= listed) if sees else not hidden & listed
        items = pages(catalog, "/search?limit=100", user)
        assert len(items) == 300 + 40 * sees
        code = 200 if sees else 404
        for path in ("", "/items", f"/items/{rows[0]['key']}", "/queryables"):
            get(catalog, f"/collections/{some['slug']}{path}", user, code)
        for asked in ({"collections": [some["slug"]]}, {"ids": [rows[0]["key"]]},
                      {"bbox": rows[0]["box"], "collections": [some["slug"]]},
                      {"filter": {"op": "=", "args": [{"property": "id"}, rows[0]["key"]]}}):
            assert bool(search(catalog, user, **asked)["features"]) == sees
        answer = catalog.request("GET", "/search?limit=1000", user=user)[2].decode()
        assert (some["slug"] in answer) == sees


def test_pages_are_complete_in_any_order(catalog):
    slugs = [one["slug"] for one, _ in catalog.made]
    keys = sorted(row["key"] for _, rows in catalog.made for row in rows)
    for sort in ("", "&sortby=-datetime", "&sortby=datetime,-id", "&sortby=collection,-datetime",
                 "&sortby=-id"):
        for where in ("", f"&collections={','.join(slugs)}"):
            found = pages(catalog, f"/search?limit=17{sort}{where}")
            assert sorted(item["id"] for item in found) == keys, sort + where
            if sort == "&sortby=-datetime":
                times = [item["properties"]["datetime"] for item in found]
                assert times == sorted(times, reverse=True)
    one = pages(catalog, f"/collections/{slugs[0]}/items?limit=3&sortby=group")
    assert [item["properties"]["vt:group"] for item in one] == sorted(
        item["properties"]["vt:group"] for item in one) and len(one) == 50


def test_tokens_are_not_made_by_clients(catalog):
    page, _ = get(catalog, "/search?limit=5")
    token = [link for link in page["links"] if link["rel"] == "next"][0]["href"].split("token=")[1]
    for bad in ("x", token[:-1], token[:-1] + ("A" if token[-1] != "A" else "B"), token + "A", "%FF"):
        get(catalog, f"/search?limit=5&token={bad}", code=400)
    get(catalog, f"/search?limit=5&sortby=-datetime&token={token}", code=400)
    get(catalog, f"/collections?token={token}", code=400)
    get(catalog, f"/search?limit=5&token={token}")


@pytest.mark.parametrize("query", [
    "bbox=1,2,3", "bbox=1,2,3,x", "bbox=1,9,3,4", "bbox=1,2,3,4,5", "limit=0", "limit=-1", "limit=x",
    "datetime=2021-01-01", "datetime=../..", "sortby=rubbish", "sortby=vt:boxes", "filter=id",
    "filter=id+%3D+5", "filter=%7B%7D&filter-lang=cql2-json", "filter-lang=sql", "filter-crs=x",
    "intersects=%7B%7D", "intersects=x", "bbox=0,0,1,1&intersects=%7B%22type%22:%22Point%22,"
    "%22coordinates%22:[0,0]%7D", "rubbish=1", "limit=1&limit=2", "sortby=group", "fields=a,,b"])
def test_bad_questions(catalog, query):
    answer, _ = get(catalog, f"/search?{query}", code=400)
    assert answer["description"] and "\n" not in answer["description"]


@pytest.mark.parametrize("body", [
    [], "x", {"limit": "5"}, {"bbox": "x"}, {"bbox": [1, 2, "3", 4]}, {"collections": [5]},
    {"ids": 5}, {"sortby": "id"}, {"sortby": [{"field": "id", "direction": "up"}]},
    {"filter": {"op": "drop", "args": []}}, {"filter": 5}, {"fields": None}, {"fields": ["id"]},
    {"intersects": {"type": "Circle"}}, {"datetime": 5}, {"rubbish": 1}, {"token": 5}])
def test_bad_bodies(catalog, body):
    code, _, text = catalog.request("POST", "/search", json.dumps(body),
                                    headers={"Content-Type": "application/json"})
    assert code == 400, text


def test_the_antimeridian(tmp_path):
    with Server(tmp_path / "root") as server:
        server.add_user("ann")
        (entry, _), = fill(server.root, 1, 3, seed=5)
        link = sqlite3.connect(server.root / "catalog.db")
        boxes = [[179.9, 10, -179.9, 11], [-179.95, 20, -179.9, 21], [100, 10, 101, 11]]
        for number, box in enumerate(boxes, 1):
            link.execute("UPDATE sample SET west = ?, south = ?, east = ?, north = ? WHERE id = ?",
                         (*box, number))
            link.execute("DELETE FROM sample_box WHERE id IN (?, ?)", (2 * number, 2 * number + 1))
            put_box(link, "sample_box", number, box)
        link.commit()
        link.close()
        for asked, expected in (("170,-80,-170,80", {1, 2}), ("-180,-80,-179.92,80", {1, 2}),
                                ("179.95,10.5,179.96,10.6", {1}), ("190,0,200,90", set()),
                                ("180,0,180.08,90", {1, 2}), ("-180,-90,180,90", {1, 2, 3}),
                                ("-200,-90,200,90", {1, 2, 3}), ("100.5,10.5,100.5,10.5", {3}),
                                ("-179.9,11,-179.9,30", {1, 2}), ("101,11,102,12", {3})):
            found = get(server, f"/search?bbox={asked}")[0]["features"]
            assert {item["properties"]["vt:index"] + 1 for item in found} == expected, asked
        one = [item for item in found if item["bbox"][0] == 100] or [None]
        assert one[0]["id"].startswith(entry["slug"])
        crossing = get(server, "/search?bbox=179.95,10.5,179.96,10.6")[0]["features"][0]
        assert crossing["geometry"]["type"] == "MultiPolygon"
        assert crossing["bbox"] == [179.9, 10, -179.9, 11]


def test_intersects_is_exact(catalog):
    """A triangle beside a sample, within its box, does not meet it."""
    _, rows = catalog.made[2]
    west, south, east, north = rows[0]["box"]
    far = {"type": "Polygon", "coordinates": [[[west - DEGREE, north], [east, north + DEGREE],
                                               [west - DEGREE, north + DEGREE],
                                               [west - DEGREE, north]]]}
    near = {"type": "LineString", "coordinates": [[west - 1, (south + north) / 2],
                                                  [east + 1, (south + north) / 2]]}
    ids = {item["id"] for item in search(catalog, intersects=far, limit=1000)["features"]}
    assert rows[0]["key"] not in ids
    ids = {item["id"] for item in search(catalog, intersects=near, limit=1000)["features"]}
    assert rows[0]["key"] in ids


def test_what_is_claimed_is_listed_once(catalog):
    landing, _ = get(catalog, "/")
    classes, _ = get(catalog, "/conformance")
    assert landing["conformsTo"] == classes["conformsTo"]
    assert len(set(landing["conformsTo"])) == len(landing["conformsTo"])
    assert f"{HEAD}/item-search#filter" in landing["conformsTo"]
