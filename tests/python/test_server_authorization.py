"""Who may do what: every route of schemas/openapi.json for every kind of caller, in one table; and
that nothing of a private entry shows to others anywhere."""
import json
import pathlib
import re
import sqlite3
import urllib.parse

import pytest
from conftest import run_vedatile
from server import Server
from sync_client import BLOCK, Client, digests

SOURCE = pathlib.Path(__file__).parents[2]

# Tokens of the owner: reader (read), writer (read, write), owner (read, write, publish), expired and
# revoked. The others are users of their own, with all scopes but admin.
CALLERS = ["nobody", "reader", "writer", "owner", "admin", "expired", "revoked", "other",
           "shared_read", "shared_write"]

ANYONE = "200 200 200 200 200 401 401 200 200 200"  # what is the same for all, private or not
OPEN = "200 200 200 200 200 200 200 200 200 200"  # no token is looked at
READ = "404 200 200 200 200 401 401 404 200 200"  # of a private entry
ADMIN = "401 403 403 403 200 401 401 403 403 403"
KNOWN = "401 200 200 200 200 401 401 200 200 200"  # any good token

# Route -> codes for each of CALLERS, where the route is about an entry of the private one.
TABLE = {
    "GET /health": OPEN,
    "GET /ready": OPEN,
    "GET /metrics": OPEN,
    "GET /api": OPEN,
    "GET /": OPEN,
    "GET /assets/{file}": OPEN,
    "GET /v1/entries": ANYONE,
    "POST /v1/entries": "401 403 201 201 201 401 401 201 201 201",
    "GET /v1/entries/{id}": READ,
    "PATCH /v1/entries/{id}": "401 403 200 200 200 401 401 404 403 200",
    "DELETE /v1/entries/{id}": "401 403 204 204 204 401 401 404 403 403",
    "POST /v1/entries/{id}/restore": "401 403 409 409 409 401 401 404 403 403",
    "POST /v1/entries/{id}/publish": "401 403 403 200 200 401 401 404 403 403",
    "POST /v1/entries/{id}/unpublish": "401 403 403 200 200 401 401 404 403 403",
    "GET /v1/entries/{id}/sharing": "401 200 200 200 200 401 401 404 403 403",
    "PUT /v1/entries/{id}/sharing/{user}": "401 403 200 200 200 401 401 404 403 403",
    "DELETE /v1/entries/{id}/sharing/{user}": "401 403 204 204 204 401 401 404 403 403",
    "GET /v1/entries/{id}/releases": READ,
    "POST /v1/entries/{id}/releases": "401 403 403 201 201 401 401 404 403 403",
    "GET /v1/entries/{id}/releases/{n}": READ,
    "GET /v1/entries/{id}/releases/{n}/diff": READ,
    "GET /v1/entries/{id}/manifest": READ,
    "GET /v1/entries/{id}/releases/{n}/manifest": READ,
    "GET /v1/entries/{id}/versions/{v}/manifest": READ,
    "GET /v1/entries/{id}/versions/{v}/blocks": READ,
    "GET /v1/entries/{id}/versions/{v}/store.h5": READ,
    "POST /v1/entries/{id}/uploads": "401 403 200 200 201 401 401 404 403 201",
    "GET /v1/uploads/{id}": "401 403 200 200 200 401 401 404 404 404",
    "DELETE /v1/uploads/{id}": "401 403 204 204 204 401 401 404 404 404",
    "PUT /v1/uploads/{id}/blocks/{first}": "401 403 200 200 200 401 401 404 404 404",
    "POST /v1/uploads/{id}/commit": "401 403 412 412 412 401 401 404 404 404",
    "GET /v1/entries/{id}/samples": READ,
    "GET /v1/entries/{id}/samples/{key}": READ,
    "GET /v1/entries/{id}/samples/{key}/image.png": READ,
    "GET /v1/entries/{id}/samples/{key}/image.tif": READ,
    "GET /v1/entries/{id}/samples/{key}/mask.png": READ,
    "GET /v1/entries/{id}/samples/{key}/labels.json": READ,
    "GET /v1/entries/{id}/stats": READ,
    "GET /v1/entries/{id}/annotations": READ,
    "GET /v1/entries/{id}/annotations/{set}": READ,
    "POST /v1/entries/{id}/annotations/{set}": "401 403 200 200 200 401 401 404 403 200",
    "DELETE /v1/entries/{id}/annotations/{set}": "401 403 204 204 204 401 401 404 403 204",
    "GET /v1/entries/{id}/annotations/{set}/samples": READ,
    "GET /v1/entries/{id}/annotations/{set}/samples/{reference}": READ,
    "DELETE /v1/entries/{id}/annotations/{set}/samples/{reference}": "401 403 204 204 204 401 401 404 403 204",
    "DELETE /v1/entries/{id}/annotations/{set}/samples/{reference}/{annotation}":
        "401 403 204 204 204 401 401 404 403 204",
    # A run of the owner's on the entry; another one of another's is refused to readers.
    "GET /v1/models": ANYONE,
    "POST /v1/models": "401 403 201 201 201 401 401 201 201 201",
    "GET /v1/models/{id}": READ,
    "PATCH /v1/models/{id}": "401 403 200 200 200 401 401 404 403 403",
    "DELETE /v1/models/{id}": "401 403 409 409 409 401 401 404 403 403",
    "GET /v1/entries/{id}/runs": READ,
    "POST /v1/entries/{id}/runs": "401 403 201 201 201 401 401 404 201 201",
    "GET /v1/runs/{id}": READ,
    "DELETE /v1/runs/{id}": "401 403 204 204 204 401 401 404 403 204",
    "GET /v1/runs/{id}/samples": READ,
    "GET /v1/runs/{id}/samples/{reference}": READ,
    "PUT /v1/runs/{id}/samples/{reference}": "401 403 200 200 200 401 401 404 403 200",
    "GET /v1/runs/{id}/samples/{reference}/raster": READ,
    "PUT /v1/runs/{id}/samples/{reference}/raster": "401 403 200 200 200 401 401 404 403 200",
    "POST /v1/runs/{id}/predictions": "401 403 200 200 200 401 401 404 403 200",
    "POST /v1/runs/{id}/commit": "401 403 200 200 200 401 401 404 403 200",
    "GET /v1/evaluations": ANYONE,
    "POST /v1/evaluations": "401 403 202 202 202 401 401 404 202 202",
    "GET /v1/evaluations/{id}": READ,
    "GET /v1/evaluations/{id}/report": READ.replace("200", "409"),
    "DELETE /v1/evaluations/{id}": "401 403 204 204 204 401 401 404 403 204",
    "GET /v1/me": KNOWN,
    "GET /v1/users": ADMIN,
    "POST /v1/users": "401 403 403 403 201 401 401 403 403 403",
    "GET /v1/users/{name}": ADMIN,
    "PATCH /v1/users/{name}": ADMIN,
    "DELETE /v1/users/{name}": "401 403 403 403 204 401 401 403 403 403",
    "GET /v1/tokens": KNOWN,
    "POST /v1/tokens": "401 201 201 201 201 401 401 201 201 201",
    "DELETE /v1/tokens/{id}": "401 204 204 204 204 401 401 404 404 404",
    "GET /v1/audit": ADMIN,
    "GET /conformance": ANYONE,
    "GET /collections": ANYONE,
    "GET /collections/{id}": READ,
    "GET /collections/{id}/items": READ,
    "GET /collections/{id}/items/{item}": READ,
    "GET /search": ANYONE,
    "POST /search": ANYONE,
    "GET /queryables": ANYONE,
    "GET /collections/{id}/queryables": READ,
}

# The same of the public entry, where it differs: who may read it is everybody.
PUBLIC = {route: ANYONE for route, codes in TABLE.items() if codes == READ}
PUBLIC.update({route: codes.replace(" 404 ", " 403 ", 1) for route, codes in TABLE.items()
               if any(kind in route for kind in ("/entries/{id}", "/models/{id}", "/runs/{id}", "/evaluations/{id}"))
               and codes != READ})
PUBLIC["POST /v1/entries/{id}/runs"] = TABLE["POST /v1/entries/{id}/runs"].replace("404", "201")
PUBLIC["POST /v1/evaluations"] = TABLE["POST /v1/evaluations"].replace("404", "202")
PUBLIC["GET /v1/evaluations/{id}/report"] = ANYONE.replace("200", "409")


def all_routes():
    document = json.loads((SOURCE / "schemas/openapi.json").read_text())
    return {f"{method.upper()} {path}" for path, item in document["paths"].items()
            for method in item if method in ("get", "post", "put", "patch", "delete")}


def test_every_route_has_a_row():
    assert set(TABLE) == all_routes()
    assert all(len(codes.split()) == len(CALLERS) for codes in [*TABLE.values(), *PUBLIC.values()])


# --- a catalog with something of everything -------------------------------------------------------

SECRET = {"name": "Zanzibar rooftops", "description": "quetzalcoatl survey", "tags": ["xylophone"],
          "license": "Ocelot licence"}


class Catalog:
    """A server with a private and a public entry, two versions and two releases of each."""

    def __init__(self, server, stores):
        self.server = server
        self.stores = stores
        for user in ("owner", "other", "shared_read", "shared_write"):
            server.add_user(user)
        server.add_user("admin", "admin")
        server.add_user("victim", "read")
        for caller, scopes in (("reader", "read"), ("writer", "read,write"), ("expired", "read"),
                               ("revoked", "read,write,publish")):
            printed = run_vedatile("serve", "--root", server.root, "--add-user", "owner",
                                   "--scopes", scopes)
            server.tokens[caller] = re.search(r"vt_\w+", printed.stdout).group()
        self.sql("UPDATE token SET expires = 1 WHERE prefix = ?", self.prefix("expired"))
        self.sql("UPDATE token SET revoked = 1 WHERE prefix = ?", self.prefix("revoked"))
        self.evaluated = ""
        self.raster = b""
        self.private = self.make_entry(SECRET)
        self.public = self.make_entry({"name": "plain"})
        server.json("POST", f"/v1/entries/{self.public}/publish", user="owner")
        samples = self.rows("SELECT key FROM sample ORDER BY grp, position LIMIT 1")
        self.key = samples[0][0]

    def prefix(self, caller):
        return self.server.tokens[caller].split("_")[1]

    def sql(self, text, *values):
        link = sqlite3.connect(f"{self.server.root}/catalog.db", timeout=20)
        link.execute("PRAGMA foreign_keys = ON")
        with link:
            link.execute(text, values)
        link.close()

    def rows(self, text, *values):
        link = sqlite3.connect(f"{self.server.root}/catalog.db", timeout=20)
        found = link.execute(text, values).fetchall()
        link.close()
        return found

    def make_entry(self, wish):
        owner = Client(self.server, "owner")
        entry = self.server.json("POST", "/v1/entries", wish, 201, user="owner")["data"]["id"]
        parent = None
        for store in self.stores[:2]:
            parent = owner.save(entry, store, parent)["digest"]
            self.server.json("POST", f"/v1/entries/{entry}/releases", {"name": "quagga"}, 201,
                             user="owner")
        self.share(entry)
        return entry

    def share(self, entry):
        for user, access in (("shared_read", "read"), ("shared_write", "write"),
                             ("victim", "read")):
            self.server.json("PUT", f"/v1/entries/{entry}/sharing/{user}", {"access": access},
                             user="owner")

    # What a route wants besides its caller: {name of the path: value}, body, headers.

    def values(self, entry, route):
        found = {"n": 1, "v": 1, "key": self.key, "item": self.key, "user": "victim", "first": 0,
                 "name": "victim", "file": "style.css", "id": entry}
        if "/v1/uploads/" in route:
            found["id"] = self.upload(entry)
        for kind in ("models", "runs", "evaluations"):
            if f"/v1/{kind}/" in route:
                found["id"] = self.runs(entry, route)[kind]
        found["reference"] = self.key
        if "/annotations" in route:
            found.update(set="quetzalcoatl" if entry == self.private else "plain", annotation="xylophone")
            self.server.json("POST", f"/v1/entries/{entry}/annotations/{found['set']}",
                             [{"sample": self.key, "id": "xylophone", "type": "label", "labels": {"class": "Ocelot"}}],
                             user="owner")
        if "/v1/tokens/" in route:
            found["id"] = self.server.json("POST", "/v1/tokens", {}, 201, user="owner")["id"]
        if route == "DELETE /v1/users/{name}":
            self.server.request("POST", "/v1/users", {"name": "gone"}, user="admin")
            found["name"] = "gone"
        return found

    def upload(self, entry):
        """A fresh upload of the owner's with nothing left to send."""
        owner = Client(self.server, "owner")
        self.sql("DELETE FROM upload WHERE state = 0")
        begun = owner.begin(entry, self.stores[2])
        owner.send(begun["id"], self.stores[2], begun["missing"])
        return begun["id"]

    def runs(self, entry, route):
        """Ids of a fresh run of the owner's, its model and its evaluation, which failed."""
        server = self.server
        self.sql("DELETE FROM evaluation WHERE run IN (SELECT id FROM run WHERE name = 'x')")
        self.sql("DELETE FROM run WHERE name = 'x'")
        self.sql("DELETE FROM model WHERE reference = 'x'")
        name = SECRET["tags"][0] if entry == self.private else "plain"
        model = server.json("POST", "/v1/models", {"name": name, "reference": "x"}, 201, user="owner")
        run = server.json("POST", f"/v1/entries/{entry}/runs", {"model": "x", "name": "x"}, 201, user="owner")["id"]
        server.json("PUT", f"/v1/runs/{run}/samples/{self.key}", user="owner")
        tile = server.json("GET", f"/v1/entries/{entry}", user="owner")["data"]["shape"]
        self.raster = bytes(tile[1] * tile[2])
        if "raster" in route:
            server.request("PUT", f"/v1/runs/{run}/samples/{self.key}/raster", self.raster, user="owner",
                           headers={"Content-Type": "application/octet-stream"})
        if "evaluations" in route:
            server.json("POST", f"/v1/runs/{run}/commit", {"evaluate": False}, user="owner")
            self.sql("INSERT INTO evaluation (slug, run, owner, parameters, state, created) SELECT ?, r.id, r.owner, "
                     "'{\"seed\":1}', 3, 1 FROM run r WHERE slug = ?", "b" * 16, run)
        return {"models": model["id"], "runs": run, "evaluations": "b" * 16}

    def body(self, route):
        blocks = b"".join(digests(self.stores[2]))
        octets = {"Content-Type": "application/octet-stream"}
        return {
            "POST /v1/entries": ({"name": "new"}, {}),
            "PATCH /v1/entries/{id}": ({}, {}),
            "PUT /v1/entries/{id}/sharing/{user}": ({"access": "read"}, {}),
            "POST /v1/entries/{id}/uploads": (blocks, octets),
            "PUT /v1/uploads/{id}/blocks/{first}": (self.stores[2][:BLOCK], octets),
            "POST /v1/uploads/{id}/commit": (None, {"If-Match": '"' + "0" * 64 + '"'}),
            "POST /v1/entries/{id}/annotations/{set}": ([{"sample": self.key}], {}),
            "POST /v1/models": ({"name": "new"}, {}),
            "PATCH /v1/models/{id}": ({}, {}),
            "POST /v1/entries/{id}/runs": ({"model": "own", "name": "new", "release": 1}, {}),
            "PUT /v1/runs/{id}/samples/{reference}/raster": (self.raster, octets),
            "POST /v1/runs/{id}/predictions": ([], {}),
            "POST /v1/runs/{id}/commit": ({"evaluate": False}, {}),
            "POST /v1/evaluations": ({"run": self.evaluated, "parameters": {"seed": 1}}, {}),
            "POST /v1/users": ({"name": "somebody"}, {}),
            "PATCH /v1/users/{name}": ({"quota_entries": 5}, {}),
            "POST /v1/tokens": ({"scopes": ["read"]}, {}),
            "POST /search": ({"limit": 5}, {}),
        }.get(route, (None, {}))

    def undo(self, entry):
        """As it was, where a request may have changed something."""
        self.sql("UPDATE entry SET deleted = NULL, expires = NULL WHERE slug = ?", entry)
        self.sql("UPDATE entry SET public = ? WHERE slug = ?", entry == self.public, entry)
        self.sql("DELETE FROM release WHERE number > 2")
        self.sql("UPDATE entry SET head = 2 WHERE slug = ?", entry)
        self.sql("DELETE FROM run WHERE name = 'new'")
        self.sql("DELETE FROM model WHERE reference = 'new'")
        self.sql("DELETE FROM user WHERE name = 'somebody'")
        self.share(entry)

    def call(self, route, entry, caller):
        method, pattern = route.split(" ")
        values = self.values(entry, route)
        path = re.sub(r"{(\w+)}", lambda m: urllib.parse.quote(str(values[m[1]]), safe=""), pattern)
        if route == "POST /v1/entries/{id}/uploads":
            path += f"?size={len(self.stores[2])}&block_size={BLOCK}"
            self.sql("DELETE FROM upload WHERE state = 0")
            Client(self.server, "owner").begin(entry, self.stores[2])
        if route == "POST /v1/entries/{id}/releases":
            self.sql("DELETE FROM release WHERE entry = (SELECT id FROM entry WHERE slug = ?) AND "
                     "number = 2", entry)
        if route == "POST /v1/evaluations":
            self.evaluated = self.runs(entry, route)["runs"]
        if route == "POST /v1/entries/{id}/runs" and caller not in STRANGERS[:3]:
            self.server.request("POST", "/v1/models", {"name": "own"}, user=caller)
        body, headers = self.body(route)
        user = None if caller == "nobody" else caller
        code, headers, text = self.server.request(method, path, body, user=user, headers=headers)
        return code, f"{headers}\n".encode() + text


@pytest.fixture(scope="module")
def stores(tmp_path_factory, data):
    """Bytes of three versions of a store."""
    path = tmp_path_factory.mktemp("stores") / "a.h5"
    made = []
    for stride in (64, 48, 40):
        run_vedatile("feed", path, "--image", data / "olinda/scene.tif", "--labels",
                     data / "olinda/sectors.geojson", "--class-field", "TIPO", "--task",
                     "segmentation", "--match", "all", "--tile", 64, "--stride", stride, "--codec",
                     "raw")
        made.append(path.read_bytes())
    return made


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, stores):
    root = tmp_path_factory.mktemp("root") / "catalog"
    with Server(root, "--rate", 1e6, "--burst", 1000000) as running:
        yield Catalog(running, stores)


WORDS = [b"Zanzibar", b"zanzibar", b"quetzalcoatl", b"xylophone", b"Ocelot"]
STRANGERS = ["nobody", "expired", "revoked", "other"]


@pytest.mark.parametrize("route", sorted(TABLE))
def test_private_entry(catalog, route):
    found = []
    for caller in CALLERS:
        code, text = catalog.call(route, catalog.private, caller)
        assert code < 500, (route, caller, code, text)
        found.append(str(code))
        if caller in STRANGERS:
            assert not [word for word in WORDS if word in text], (route, caller, text)
        if code < 300:
            catalog.undo(catalog.private)
    assert " ".join(found) == TABLE[route]


@pytest.mark.parametrize("route", sorted(PUBLIC))
def test_public_entry(catalog, route):
    found = []
    for caller in CALLERS:
        code, text = catalog.call(route, catalog.public, caller)
        assert code < 500, (route, caller, code, text)
        found.append(str(code))
        if code < 300:
            catalog.undo(catalog.public)
    assert " ".join(found) == PUBLIC[route]


# --- nothing shows --------------------------------------------------------------------------------

# Lists, searches and counts, and what should find the private entry for who may see it.
QUERIES = [
    "/v1/entries", "/v1/entries?limit=1000", "/v1/entries?deleted=1", "/v1/entries?q=zanzibar",
    "/v1/entries?tag=xylophone", "/v1/entries?owner=owner", "/v1/entries?bbox=-180,-90,180,90",
    "/v1/models", "/v1/models?owner=owner", "/v1/evaluations", "/v1/evaluations?sortby=-AP",
    "/v1/entries?filter=name%20LIKE%20%27Zanz%25%27", "/v1/entries?task=segmentation",
    "/v1/entries?sortby=name", "/v1/entries?sortby=-name", "/metrics", "/health", "/ready",
    "/collections", "/collections?q=zanzibar", "/collections?limit=1000",
    "/search", "/search?limit=1000", "/search?bbox=-180,-90,180,90", "/", "/queryables",
    "/conformance",
]


@pytest.mark.parametrize("query", QUERIES)
def test_private_entry_shows_nowhere(catalog, query):
    hidden = WORDS + [catalog.private.encode()]
    for caller in STRANGERS:
        user = None if caller == "nobody" else caller
        code, headers, text = catalog.server.get(query, user=user)
        assert code < 500
        found = [word for word in hidden if word in text or word in str(headers).encode()]
        if "q=zanzibar" in query or "tag=xylophone" in query or "LIKE" in query:
            found = [word for word in found if word.decode().lower() not in query.lower()]
        assert not found, (query, caller, text)


def counts(server, user):
    """What lists and searches say that there is."""
    found = {}
    for query in ("/v1/entries?limit=1000", "/collections?limit=1000", "/search?limit=1000"):
        code, _, text = server.get(query, user=user)
        assert code == 200, (query, text)
        answer = json.loads(text)
        found[query] = (len(answer.get("entries", answer.get("collections",
                                                             answer.get("features", [])))),
                        answer.get("numberMatched"), answer.get("context", {}).get("matched"))
    return found


def test_counts_are_as_if_it_were_not_there(catalog):
    before = {user: counts(catalog.server, user) for user in (None, "other", "admin")}
    hidden = catalog.make_entry({"name": "hidden"})
    for user in (None, "other"):
        assert counts(catalog.server, user) == before[user]
    assert counts(catalog.server, "admin") != before["admin"]
    catalog.sql("DELETE FROM release WHERE entry = (SELECT id FROM entry WHERE slug = ?)", hidden)
    catalog.server.request("DELETE", f"/v1/entries/{hidden}", user="owner")


def test_one_answer_for_what_is_hidden_and_what_is_not_there(catalog):
    """Hidden, in the bin of another, and never there: the same words."""
    gone = catalog.server.json("POST", "/v1/entries", {"name": "gone"}, 201, user="owner")
    gone = gone["data"]["id"]
    catalog.server.request("DELETE", f"/v1/entries/{gone}", user="owner")
    for route in sorted(TABLE):
        if "/v1/entries/{id}" not in route and "/collections/{id}" not in route:
            continue
        answers = set()
        for entry in (catalog.private, gone, "a" * 16):
            code, text = catalog.call(route, entry, "other") if entry == catalog.private else \
                plain_call(catalog, route, entry)
            text = re.sub(rb"(?i)(date|x-request-id): .*", b"", text.replace(entry.encode(), b"ID"))
            answers.add((code, text))
        assert len(answers) == 1, (route, answers)
        assert answers.pop()[0] == 404, route


def plain_call(catalog, route, entry):
    method, pattern = route.split(" ")
    path = pattern.replace("{id}", entry).replace("{user}", "victim").replace("{n}", "1")
    path = path.replace("{v}", "1").replace("{key}", catalog.key).replace("{item}", catalog.key)
    if route == "POST /v1/entries/{id}/uploads":
        path += f"?size={len(catalog.stores[2])}&block_size={BLOCK}"
    body, headers = catalog.body(route)
    code, headers, text = catalog.server.request(method, path, body, user="other", headers=headers)
    return code, f"{headers}\n".encode() + text


def test_tokens_are_nowhere_but_in_their_hands(catalog):
    server = catalog.server
    server.json("GET", "/v1/me", user="owner")
    server.get("/v1/me", token="vt_aaaaaaaa_" + "0" * 43 + "_00000000")
    made = server.json("POST", "/v1/tokens", {}, 201, user="owner")["token"]
    everywhere = b"".join(path.read_bytes() for path in pathlib.Path(server.root).rglob("*")
                          if path.is_file())
    everywhere += server.log_text().encode()
    everywhere += server.get("/v1/audit?limit=1000", user="admin")[2]
    everywhere += server.get("/metrics")[2] + server.get("/v1/tokens?limit=1000", user="owner")[2]
    for token in [made, *server.tokens.values()]:
        secret = token.split("_")[2].encode()
        assert secret not in everywhere
    assert server.get(f"/v1/me?token={made}")[0] in (400, 401)  # never in a URL


def test_no_first_token_over_http(catalog):
    """Nothing that is sent without an admin's token gives one."""
    server = catalog.server
    for wish in ({"scopes": ["admin"]}, {"user": "admin"}, {"user": "admin", "scopes": ["read"]}):
        for caller in CALLERS:
            if caller == "admin":
                continue
            user = None if caller == "nobody" else caller
            code, _, text = server.request("POST", "/v1/tokens", wish, user=user)
            assert code in (401, 403), (caller, wish, text)
    code, _, _ = server.request("POST", "/v1/users", {"name": "x", "scopes": ["admin"]})
    assert code == 401


INJECTIONS = ["' OR 1=1 --", "'; DROP TABLE user; --", '" OR ""="', "%", "_" * 16, "\\", "x' UNION "
              "SELECT hash FROM token --", "NULL", "1 OR 1", "${jndi:x}", "日本 语'", "a" * 5000]


@pytest.mark.parametrize("text", INJECTIONS)
def test_text_is_never_sql(catalog, text):
    server = catalog.server
    before = catalog.rows("SELECT (SELECT count(*) FROM user), (SELECT count(*) FROM token)")
    quoted = urllib.parse.quote(text, safe="")
    for path in (f"/v1/entries/{quoted}", f"/v1/entries?owner={quoted}", f"/v1/users/{quoted}",
                 f"/v1/audit?user={quoted}", f"/v1/entries?token={quoted}", f"/v1/tokens/{quoted}",
                 f"/v1/entries?limit={quoted}", f"/v1/entries/{catalog.private}/releases/{quoted}",
                 f"/v1/entries?q={quoted}", f"/v1/entries?tag={quoted}"):
        code, _, body = server.get(path, user="admin" if "/users" in path or "/audit" in path
                                   else "other")
        assert code < 500, (path, body)
        assert not [word for word in WORDS if word in body]
        if "q=" in path or "tag=" in path or "owner=" in path:
            assert code in (200, 400, 414, 431)
    if len(text) <= 200:
        document = server.json("POST", "/v1/entries", {"name": text.strip(), "tags": [text[:60]]},
                               201, user="other")
        assert document["data"]["name"] == text.strip()
        assert document["data"]["tags"] == [text[:60]]
    assert catalog.rows("SELECT (SELECT count(*) FROM user), (SELECT count(*) FROM token)") == before
