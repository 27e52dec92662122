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
    "GET /api": ANYONE,
    "GET /": ANYONE,
    "GET /assets/{file}": ANYONE,
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
               if "/v1/entries/{id}" in route and codes != READ})


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
        self.private = self.make_entry(SECRET)
        self.public = self.make_entry({"name": "plain"})
        server.json("POST", f"/v1/entries/{self.public}/publish", user="owner")
        samples = self.rows("SELECT key FROM sample ORDER BY grp, position LIMIT 1")
        self.key = samples[0][0]

    def prefix(self, caller):
        return self.server.tokens[caller].split("_")[1]

    def sql(self, text, *values):
        with sqlite3.connect(f"{self.server.root}/catalog.db", timeout=20) as link:
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
                 "name": "victim", "file": "page.css", "id": entry}
        if "/v1/uploads/" in route:
            found["id"] = self.upload(entry)
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

    def body(self, route):
        blocks = b"".join(digests(self.stores[2]))
        octets = {"Content-Type": "application/octet-stream"}
        return {
            "POST /v1/entries": ({"name": "new"}, {}),
            "PATCH /v1/entries/{id}": ({"license": "Ocelot licence"}, {}),
            "PUT /v1/entries/{id}/sharing/{user}": ({"access": "read"}, {}),
            "POST /v1/entries/{id}/uploads": (blocks, octets),
            "PUT /v1/uploads/{id}/blocks/{first}": (self.stores[2][:BLOCK], octets),
            "POST /v1/uploads/{id}/commit": (None, {"If-Match": '"' + "0" * 64 + '"'}),
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


def secrets(catalog):
    """What only those who may see the private entry may read anywhere."""
    digest = catalog.rows("SELECT v.digest FROM version v JOIN entry e ON e.id = v.entry WHERE "
                          "e.slug = ?", catalog.private)
    return [b"Zanzibar", b"quetzalcoatl", b"xylophone", b"Ocelot", b"zanzibar"], digest


@pytest.mark.parametrize("route", sorted(TABLE))
def test_private_entry(catalog, route):
    found = []
    words, _ = secrets(catalog)
    for caller in CALLERS:
        code, text = catalog.call(route, catalog.private, caller)
        assert code < 500, (route, caller, code, text)
        found.append(str(code))
        if caller in ("nobody", "other", "expired", "revoked"):
            assert not [word for word in words if word in text], (route, caller, text)
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
