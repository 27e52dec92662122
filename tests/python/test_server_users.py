"""Users, tokens, quotas and the audit log."""
import datetime
import hashlib
import json
import re
import sqlite3
import stat

import pytest
from server import Server, run, server  # noqa: F401  pylint: disable=unused-import
from sync_client import BLOCK, Client, database


@pytest.fixture
def admin(server):  # noqa: F811
    server.add_user("root", "admin")
    return server


def add(*words, ok=0):
    return run("serve", *words, ok=ok)


# --- on the server's disk -------------------------------------------------------------------------


def test_add_user_makes_a_root_of_its_own(tmp_path):
    root = tmp_path / "new"
    token = add("--root", root, "--add-user", "ada", "--scopes", "read,admin").strip()
    assert re.fullmatch(r"vt_[a-z2-7]{8}_[0-9A-Za-z]{43}_[0-9a-f]{8}", token)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert stat.S_IMODE((root / "catalog.db").stat().st_mode) == 0o600
    for path in root.rglob("*"):
        assert token.split("_")[2].encode() not in path.read_bytes()
    with sqlite3.connect(root / "catalog.db") as link:
        assert link.execute("SELECT hash FROM token").fetchone()[0] == hashlib.sha256(
            token.encode()).digest()
    link.close()


def test_add_user_beside_a_running_server(server):  # noqa: F811
    server.add_user("ada", "read")
    assert server.json("GET", "/v1/me", user="ada")["scopes"] == ["read"]
    first = server.tokens["ada"]
    server.add_user("ada", "write")  # one more token of the same user
    assert server.json("GET", "/v1/me", user="ada")["scopes"] == ["write"]
    assert server.json("GET", "/v1/me", token=first)["scopes"] == ["read"]


@pytest.mark.parametrize("words, message", [
    (["--add-user", "Ada", "--scopes", "read"], "user name 'Ada'"),
    (["--add-user", "", "--scopes", "read"], "--add-user"),
    (["--add-user", "a/b", "--scopes", "read"], "user name"),
    (["--add-user", "x" * 65, "--scopes", "read"], "user name"),
    (["--add-user", "-", "--scopes", "read"], "user name"),
    (["--add-user", "ada", "--scopes", "read,all"], "scopes 'read,all'"),
    (["--add-user", "ada", "--scopes", ""], "--scopes"),
    (["--add-user", "ada", "--scopes", "read,"], "scopes 'read,'"),
])
def test_add_user_refuses(tmp_path, words, message):
    text = add("--root", tmp_path / "r", *words, ok=2)
    assert message in text and text.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_add_user_wants_scopes(tmp_path):
    assert "--scopes" in add("--root", tmp_path / "r", "--add-user", "ada", ok=2)
    assert "--add-user" in add("--root", tmp_path / "r", "--expires", 3, ok=2)


def test_a_token_that_expires(server):  # noqa: F811
    token = add("--root", server.root, "--add-user", "ada", "--scopes", "read", "--expires",
                2).strip()
    listed = server.json("GET", "/v1/tokens", token=token)["tokens"][0]
    ends = datetime.datetime.fromisoformat(listed["expires_at"].replace("Z", "+00:00"))
    left = ends - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=1.9) < left <= datetime.timedelta(days=2)


# --- tokens over HTTP -----------------------------------------------------------------------------


def test_damaged_tokens(server):  # noqa: F811
    server.add_user("ada")
    token = server.tokens["ada"]
    other = "0" if token[20] != "0" else "1"
    for bad in ("", "x", token[:-1], token + "0", token[:20] + other + token[21:], token.upper(),
                token.replace("vt_", "vu_"), "vt_" + "a" * 8 + token[11:], "'" * 64, token + "\t"):
        code, headers, _ = server.get("/v1/me", headers={"Authorization": f"Bearer {bad}"})
        assert code == 401 or (bad.strip() == token and code == 200), bad
        if code == 401:
            assert headers["WWW-Authenticate"].startswith("Bearer")
    for bad in ("Basic YTpi", token, f"Token {token}", "Bearer"):
        assert server.get("/v1/me", headers={"Authorization": bad})[0] == 401


def test_own_tokens(server):  # noqa: F811
    server.add_user("ada", "read,write")
    server.add_user("bob", "read")
    code, headers, text = server.request("POST", "/v1/tokens", {"scopes": ["read"], "note": "CI"},
                                         user="ada")
    made = json.loads(text)
    assert code == 201 and headers["Cache-Control"] == "no-store"
    assert server.json("GET", "/v1/me", token=made["token"])["scopes"] == ["read"]
    listed = server.json("GET", "/v1/tokens", user="ada")["tokens"]
    assert [item["note"] for item in listed] == ["CI", None]
    assert all("token" not in item for item in listed)
    assert server.json("POST", "/v1/tokens", {}, 201, user="ada")["scopes"] == ["read", "write"]
    for wish, code in (({"scopes": ["publish"]}, 403), ({"scopes": ["admin"]}, 403),
                       ({"scopes": ["all"]}, 400), ({"scopes": "read"}, 400),
                       ({"scopes": ["read,write"]}, 400), ({"note": "x" * 201}, 400),
                       ({"note": "a\nb"}, 400), ({"expires_at": "soon"}, 400),
                       ({"expires_at": "2001-01-01T00:00:00Z"}, 400), ({"user": "bob"}, 403),
                       ({"user": "no-such"}, 403), ({"id": 5}, 400), ([], 400)):
        assert server.request("POST", "/v1/tokens", json.dumps(wish), user="ada",
                              headers={"Content-Type": "application/json"})[0] == code, wish
    assert server.request("DELETE", f"/v1/tokens/{made['id']}", user="bob")[0] == 404
    assert server.request("DELETE", f"/v1/tokens/{made['id']}", user="ada")[0] == 204
    assert server.get("/v1/me", token=made["token"])[0] == 401
    revoked = server.json("GET", "/v1/tokens", user="ada")["tokens"][1]["revoked_at"]
    assert server.request("DELETE", f"/v1/tokens/{made['id']}", user="ada")[0] == 204  # once more
    assert server.json("GET", "/v1/tokens", user="ada")["tokens"][1]["revoked_at"] == revoked


def test_no_token_outlives_the_one_that_made_it(server):  # noqa: F811
    server.add_user("ada")
    day = datetime.timedelta(days=1)
    soon = (datetime.datetime.now(datetime.timezone.utc) + day).strftime("%Y-%m-%dT%H:%M:%SZ")
    short = server.json("POST", "/v1/tokens", {"expires_at": soon}, 201, user="ada")
    assert short["expires_at"] == soon
    child = server.json("POST", "/v1/tokens", {}, 201, token=short["token"])
    assert child["expires_at"] == soon
    code, _, _ = server.request("POST", "/v1/tokens", {"expires_at": "2099-01-01T00:00:00Z"},
                                token=short["token"])
    assert code == 403


def test_how_many_tokens(server):  # noqa: F811
    server.add_user("ada", "read")
    for _ in range(199):
        server.json("POST", "/v1/tokens", {}, 201, user="ada")
    assert server.request("POST", "/v1/tokens", {}, user="ada")[0] == 409
    page = server.json("GET", "/v1/tokens?limit=150", user="ada")
    rest = server.json("GET", page["links"][0]["href"][len(server.url):], user="ada")
    assert len(page["tokens"]) == 150 and len(rest["tokens"]) == 50


def test_last_used(server):  # noqa: F811
    server.add_user("ada", "read")
    server.json("GET", "/v1/me", user="ada")
    assert server.json("GET", "/v1/tokens", user="ada")["tokens"][0]["last_used_at"]


# --- users ----------------------------------------------------------------------------------------


def test_users(admin):
    made = admin.json("POST", "/v1/users", {"name": "bob", "quota_entries": 3}, 201, user="root")
    assert (made["name"], made["scopes"], made["quota_entries"], made["quota_bytes"]) == (
        "bob", ["read", "write", "publish"], 3, None)
    assert admin.request("POST", "/v1/users", {"name": "bob"}, user="root")[0] == 409
    for bad in ({}, {"name": "B"}, {"name": "b", "quota_bytes": -1}, {"name": "b", "x": 1}, [],
                {"name": "b", "quota_bytes": 1.5}, {"name": "b", "scopes": ["all"]}):
        code, _, text = admin.request("POST", "/v1/users", json.dumps(bad), user="root",
                                      headers={"Content-Type": "application/json"})
        assert code == 400, (bad, text)
    assert [item["name"] for item in admin.json("GET", "/v1/users", user="root")["users"]] == [
        "bob", "root"]
    page = admin.json("GET", "/v1/users?limit=1", user="root")
    rest = admin.json("GET", page["links"][0]["href"][len(admin.url):], user="root")
    assert [item["name"] for item in page["users"] + rest["users"]] == ["bob", "root"]
    changed = admin.json("PATCH", "/v1/users/bob", {"quota_entries": None, "quota_bytes": 0,
                                                    "scopes": ["read"]}, user="root")
    assert (changed["quota_entries"], changed["quota_bytes"], changed["scopes"]) == (
        None, 0, ["read"])
    assert admin.request("PATCH", "/v1/users/bob", {"name": "eve"}, user="root")[0] == 400
    assert admin.request("DELETE", "/v1/users/bob", user="root")[0] == 204
    assert admin.get("/v1/users/bob", user="root")[0] == 404


def test_a_disabled_user(admin):
    admin.add_user("bob")
    entry = admin.json("POST", "/v1/entries", {"name": "x"}, 201, user="bob")["data"]["id"]
    admin.json("PATCH", "/v1/users/bob", {"disabled": True}, user="root")
    assert admin.get("/v1/me", user="bob")[0] == 401
    assert "disabled" in add("--root", admin.root, "--add-user", "bob", "--scopes", "read", ok=1)
    assert admin.get(f"/v1/entries/{entry}", user="root")[0] == 200
    assert admin.request("DELETE", "/v1/users/bob", user="root")[0] == 409  # owns an entry
    admin.json("PATCH", "/v1/users/bob", {"disabled": False}, user="root")
    assert admin.get(f"/v1/entries/{entry}", user="bob")[0] == 200


def test_scopes_of_a_user_bound_all_of_its_tokens(admin):
    admin.add_user("bob")
    admin.json("PATCH", "/v1/users/bob", {"scopes": ["read"]}, user="root")
    assert admin.json("GET", "/v1/me", user="bob")["scopes"] == ["read"]
    assert admin.request("POST", "/v1/tokens", {"user": "bob", "scopes": ["write"]},
                         user="root")[0] == 409


def test_an_admin_does_not_shut_itself_out(admin):
    for patch in ({"disabled": True}, {"scopes": ["read"]}):
        assert admin.request("PATCH", "/v1/users/root", patch, user="root")[0] == 409
    assert admin.request("DELETE", "/v1/users/root", user="root")[0] == 409
    assert admin.json("GET", "/v1/me", user="root")["scopes"] == ["admin"]


# --- quotas ---------------------------------------------------------------------------------------


def test_quota_of_entries(admin):
    admin.add_user("bob")
    admin.json("PATCH", "/v1/users/bob", {"quota_entries": 1}, user="root")
    made = admin.json("POST", "/v1/entries", {"name": "a"}, 201, user="bob")["data"]["id"]
    answer = admin.json("POST", "/v1/entries", {"name": "b"}, 507, user="bob")
    assert "1 of 1 entries" in answer["description"]
    admin.request("DELETE", f"/v1/entries/{made}", user="bob")
    assert admin.request("POST", "/v1/entries", {"name": "b"}, user="bob")[0] == 507  # in the bin
    admin.json("PATCH", "/v1/users/bob", {"quota_entries": 2}, user="root")
    assert admin.request("POST", "/v1/entries", {"name": "b"}, user="bob")[0] == 201


def test_quota_of_bytes_is_reserved_by_uploads(admin):
    admin.add_user("bob")
    client = Client(admin, "bob")
    entries = [admin.json("POST", "/v1/entries", {"name": "a"}, 201, user="bob")["data"]["id"]
               for _ in range(2)]
    admin.json("PATCH", "/v1/users/bob", {"quota_bytes": 3 * BLOCK}, user="root")
    begun = client.begin(entries[0], b"a" * 2 * BLOCK + b"b")
    answer = client.begin(entries[1], b"c" * 2 * BLOCK, ok=(507, 413))
    assert "quota" in answer["description"] and "bytes" in answer["description"]
    assert admin.json("GET", "/v1/me", user="bob")["uploads"] == 1
    used = admin.json("GET", "/v1/me", user="bob")["bytes"]
    assert used > 0
    assert admin.request("DELETE", f"/v1/uploads/{begun['id']}", user="bob")[0] == 204
    client.begin(entries[1], b"c" * 2 * BLOCK)


def test_quota_of_open_uploads(admin):
    admin.add_user("bob")
    client = Client(admin, "bob")
    entry = admin.json("POST", "/v1/entries", {"name": "a"}, 201, user="bob")["data"]["id"]
    admin.json("PATCH", "/v1/users/bob", {"quota_uploads": 1}, user="root")
    client.begin(entry, b"a" * BLOCK)
    client.begin(entry, b"a" * BLOCK)  # the same goes on
    answer = client.begin(entry, b"b" * BLOCK, ok=(507, 413))
    assert "1 of 1 uploads" in answer["description"]


# --- the audit log --------------------------------------------------------------------------------


def chain(server):  # noqa: F811  pylint: disable=redefined-outer-name
    """The rows' hashes computed anew, as docs/users.md tells it."""
    with database(server) as link:
        rows = link.execute("SELECT previous, id, time, user, token, action, entry, detail, result, "
                            "hash FROM audit ORDER BY id").fetchall()
    link.close()
    previous = ""
    for row in rows:
        assert row[0] == previous
        parts = [str(value).encode() for value in row[:9]]
        text = b"".join(str(len(part)).encode() + b":" + part for part in parts)
        assert hashlib.sha256(text).hexdigest() == row[9]
        previous = row[9]
    return rows


def test_audit(admin):
    admin.add_user("bob")
    entry = admin.json("POST", "/v1/entries", {"name": "secret name"}, 201,
                       user="bob")["data"]["id"]
    admin.json("PATCH", f"/v1/entries/{entry}", {"name": "other"}, user="bob")
    admin.request("DELETE", f"/v1/entries/{entry}", user="bob")
    admin.request("PATCH", f"/v1/entries/{'a' * 16}", {"name": "no"}, user="bob")  # not done
    events = admin.json("GET", f"/v1/audit?entry={entry}", user="root")["events"]
    assert [event["action"] for event in events] == ["entry.remove", "entry.change", "entry.create"]
    assert {event["user"] for event in events} == {"bob"}
    assert {event["token"] for event in events} == {admin.tokens["bob"].split("_")[1]}
    assert [event["result"] for event in events] == [204, 200, 201]
    page = admin.json("GET", "/v1/audit?user=bob&limit=2", user="root")
    rest = admin.json("GET", page["links"][0]["href"][len(admin.url):], user="root")
    assert len(page["events"]) == 2 and {e["user"] for e in rest["events"]} == {"bob"}
    assert admin.json("GET", "/v1/audit?action=token.create", user="root")["events"][0]["user"] == "-"
    rows = chain(admin)
    assert len(rows) == 5
    assert "secret name" not in str(rows)


def test_audit_rows_cannot_be_changed(admin):
    with sqlite3.connect(f"{admin.root}/catalog.db", timeout=20) as link:
        for text in ("UPDATE audit SET user = 'eve'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
                link.execute(text)
    link.close()


def test_an_action_and_its_event_are_one(tmp_path):
    """Killed at any moment: as many entries as events of making one."""
    with Server(tmp_path / "c") as running:
        running.add_user("ada")
        for _ in range(20):
            running.json("POST", "/v1/entries", {"name": "x"}, 201, user="ada")
        running.process.kill()
        running.process.wait()
        running.process = None
    with database(running) as link:
        made, told = link.execute("SELECT (SELECT count(*) FROM entry), (SELECT count(*) FROM audit "
                                  "WHERE action = 'entry.create')").fetchone()
    link.close()
    assert made == told == 20
    chain(running)
