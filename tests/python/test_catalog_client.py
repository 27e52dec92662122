"""The client against a catalog that keeps the protocol, or breaks it: nothing wrong is believed,
nothing half is visible, and the token goes nowhere else."""
import hashlib
import http.server
import json
import os
import shutil
import stat
import subprocess
import threading
import time
import urllib.parse

import pytest
from conftest import VEDATILE, run_vedatile
from fake_catalog import BLOCK, FakeCatalog, block_list, manifest_of

PARTS = "--codec raw --tile 64 --task segmentation --progress none".split()


@pytest.fixture(scope="module", name="store_bytes")
def make_store_bytes(tmp_path_factory, data):
    """A store of a few MB, as bytes: (first version, second version)."""
    path = tmp_path_factory.mktemp("stores") / "a.h5"
    words = ["--image", data / "olinda/scene.tif", "--labels", data / "olinda/sectors.geojson"]
    run_vedatile("feed", path, *words, *PARTS, "--stride", "16")
    first = path.read_bytes()
    run_vedatile("feed", path, *words, *PARTS, "--stride", "40")
    assert len(first) > 8 * BLOCK
    return first, path.read_bytes()


@pytest.fixture(name="catalog")
def make_catalog():
    with FakeCatalog() as catalog:
        yield catalog


@pytest.fixture(name="call")
def make_call(catalog, tmp_path):
    def call(*words, code=0, **environment):
        return run_vedatile(*words, code=code, cwd=tmp_path,
                            env={**catalog.environment(tmp_path), **environment})
    return call


@pytest.fixture(name="saved")
def make_saved(call, tmp_path, store_bytes):
    """A store that was saved once; returns its path."""
    path = tmp_path / "a.h5"
    path.write_bytes(store_bytes[0])
    call("save", path, "--name", "Roofs")
    return path


def offered(catalog, data, **more):
    """Puts a static mirror on the server; returns the manifest's address."""
    for name, content in manifest_of(data, **more).items():
        catalog.files["mirror/" + name] = content
    return catalog.url + "/mirror/manifest.json"


def asked(catalog, method, part):
    return [path for verb, path, _ in catalog.log if verb == method and part in path]


# --- save ----------------------------------------------------------------------------------------

def test_save_sends_what_is_missing(catalog, call, saved, store_bytes):
    entry, = catalog.entries.values()
    assert entry["versions"][0]["data"] == store_bytes[0]
    sent = len(asked(catalog, "PUT", "/blocks/"))
    saved.write_bytes(store_bytes[1])
    document = json.loads(call("save", saved, "--json").stdout)
    assert document["data"]["version"] == 2 and document["data"]["id"] == entry["id"]
    assert entry["versions"][1]["data"] == store_bytes[1]
    old, new = (block_list(part) for part in store_bytes)
    changed = {i for i in range(len(new) // 32) if new[32 * i:32 * i + 32] != old[32 * i:32 * i + 32]}
    starts = {int(path.rsplit("/", 1)[1]) for path in asked(catalog, "PUT", "/blocks/")[sent:]}
    assert starts and starts <= changed


def test_saving_again_sends_nothing(catalog, call, saved):
    before = len(asked(catalog, "PUT", "") + asked(catalog, "POST", ""))
    call("save", saved)
    assert len(asked(catalog, "PUT", "") + asked(catalog, "POST", "")) == before
    assert len(catalog.entries) == 1


def test_values_of_the_entry(catalog, call, saved):
    call("save", saved, "--name", "Other", "--tag", "a,b", "--public")
    entry, = catalog.entries.values()
    assert (entry["name"], entry["tags"], entry["public"]) == ("Other", ["a", "b"], True)
    call("unpublish", saved)
    assert not entry["public"]
    call("publish", entry["id"])
    assert entry["public"]


def test_a_store_that_stems_from_elsewhere(catalog, call, saved, store_bytes, tmp_path):
    """Another copy saved first: refused by name, and forced."""
    other = tmp_path / "b.h5"
    call("pull", "Roofs", "-o", other)
    other.write_bytes(store_bytes[1])
    call("save", other)
    entry, = catalog.entries.values()
    changed = bytearray(store_bytes[0])
    changed[-1] ^= 1
    saved.write_bytes(changed)
    done = call("save", saved, code=1)
    assert "has version 2 by now" in done.stderr and "--force" in done.stderr
    assert len(entry["versions"]) == 2
    call("save", saved, "--force")
    assert entry["versions"][2]["data"] == bytes(changed)


def test_saving_to_an_entry_needs_a_reason(catalog, call, saved, store_bytes, tmp_path):
    other = tmp_path / "b.h5"
    other.write_bytes(store_bytes[1])
    assert "pull it first" in call("save", other, "--to", "Roofs", code=1).stderr
    call("save", other, "--to", "Roofs", "--force")
    assert [len(entry["versions"]) for entry in catalog.entries.values()] == [2]
    del saved


def test_an_answer_that_was_lost(catalog, call, saved, store_bytes):
    """The commit happened, its answer did not arrive, and the store changed before the next save."""
    saved.write_bytes(store_bytes[1])

    def lose(request):
        if request.path.endswith("/commit"):
            catalog.route(request)
            return 400, {}, {"code": "X", "description": "lost"}
        return None

    catalog.rules.append(lose)
    call("save", saved, code=2)
    catalog.rules.clear()
    entry, = catalog.entries.values()
    assert len(entry["versions"]) == 2
    changed = bytearray(store_bytes[1])
    changed[-1] ^= 1
    saved.write_bytes(changed)
    call("save", saved)
    assert entry["versions"][2]["data"] == bytes(changed)


def test_an_entry_without_a_version_is_used_again(catalog, call, store_bytes, tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(store_bytes[0])
    catalog.rules.append(lambda request: (403, {}, b"") if "/uploads" in request.path else None)
    call("save", path, "--name", "Roofs", code=1)
    (tmp_path / "a.h5.catalog").unlink()
    catalog.rules.clear()
    call("save", path, "--name", "Roofs")
    assert len(catalog.entries) == 1


def test_busy_servers_are_asked_again(catalog, call, store_bytes, tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(store_bytes[0])
    left = {"n": 6}

    def busy(request):
        if left["n"] > 0 and request.method in ("PUT", "POST"):
            left["n"] -= 1
            return (503, {"Retry-After": "0"}, b"") if left["n"] % 2 else (429, {}, b"")
        return None

    catalog.rules.append(busy)
    call("save", path)
    entry, = catalog.entries.values()
    assert entry["versions"][0]["data"] == store_bytes[0] and left["n"] == 0


def test_blocks_that_arrive_damaged_are_sent_again(catalog, call, store_bytes, tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(store_bytes[0])
    left = {"n": 2}

    def damage(request):
        if request.method == "PUT" and left["n"] > 0:
            left["n"] -= 1
            request.body = request.body[:5] + b"x" + request.body[6:]
        return None

    catalog.rules.append(damage)
    call("save", path)
    assert list(catalog.entries.values())[0]["versions"][0]["data"] == store_bytes[0]


@pytest.mark.parametrize("missing", [
    [[0, 1000000]], [[5, 0]], [[-1, 2]], [[3, 1], [1, 1]], [["a", 1]], "all", None, [[0]]])
def test_missing_blocks_that_make_no_sense(catalog, call, store_bytes, tmp_path, missing):
    path = tmp_path / "a.h5"
    path.write_bytes(store_bytes[0])
    catalog.rules.append(lambda request: (201, {}, {"id": "x", "missing": missing})
                         if request.path.endswith("/uploads") else None)
    done = call("save", path, code=1)
    assert "makes no sense" in done.stderr and not asked(catalog, "PUT", "/blocks/")


def test_what_is_no_store_is_not_sent(call, catalog, tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(b"no store" * 1000)
    assert "a.h5" in call("save", path, code=1).stderr
    call("save", tmp_path / "nosuch.h5", code=1)
    assert not asked(catalog, "POST", "")
    assert not (tmp_path / "a.h5.catalog").exists()


# --- pull ----------------------------------------------------------------------------------------

def test_pull_is_the_store(call, saved, store_bytes, tmp_path):
    out = tmp_path / "b.h5"
    report = json.loads(call("pull", "Roofs", "-o", out, "--json").stdout)
    assert out.read_bytes() == store_bytes[0]
    assert report["fetched"] == report["bytes"] == len(store_bytes[0])
    assert sorted(os.listdir(tmp_path)) == ["a.h5", "a.h5.catalog", "b.h5", "b.h5.catalog"]
    assert json.loads(call("pull", "Roofs", "-o", out, "--json").stdout)["unchanged"]
    del saved


def test_an_older_pull_gets_what_changed(catalog, call, saved, store_bytes, tmp_path):
    out = tmp_path / "b.h5"
    call("pull", "Roofs", "-o", out)
    saved.write_bytes(store_bytes[1])
    call("save", saved)
    report = json.loads(call("pull", "Roofs", "-o", out, "--json").stdout)
    assert out.read_bytes() == store_bytes[1]
    old, new = (block_list(part) for part in store_bytes)
    same = sum(new[at:at + 32] == old[at:at + 32] for at in range(0, len(new), 32))
    assert same > 3 and report["fetched"] <= len(store_bytes[1]) - (same - 1) * BLOCK
    del catalog


def test_what_was_changed_here_is_not_lost(call, saved, store_bytes, tmp_path):
    out = tmp_path / "b.h5"
    call("pull", "Roofs", "-o", out)
    mine = bytearray(store_bytes[0])
    mine[-1] ^= 1
    out.write_bytes(mine)
    assert "was changed since" in call("pull", "Roofs", "-o", out, code=1).stderr
    assert out.read_bytes() == bytes(mine)
    call("pull", "Roofs", "-o", out, "--force")
    assert out.read_bytes() == store_bytes[0]
    other = tmp_path / "c.h5"
    other.write_bytes(b"mine")
    assert "is there already" in call("pull", "Roofs", "-o", other, code=1).stderr
    assert other.read_bytes() == b"mine"
    del saved


def test_a_store_that_is_written_is_not_replaced(call, saved, tmp_path, store_bytes):
    out = tmp_path / "b.h5"
    call("pull", "Roofs", "-o", out)
    saved.write_bytes(store_bytes[1])
    call("save", saved)
    with subprocess.Popen(["flock", out, "cat"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as holder:
        while subprocess.run(["flock", "-n", out, "true"], check=False).returncode == 0:
            pass
        assert "another process" in call("pull", "Roofs", "-o", out, code=1).stderr
        holder.stdin.close()
    assert out.read_bytes() == store_bytes[0]


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "none"])
def test_static_servers(catalog, call, store_bytes, tmp_path, ranges):
    catalog.ranges = ranges
    address = offered(catalog, store_bytes[0])
    for form in address, address.rsplit("/", 1)[0] + "/":
        out = tmp_path / "b.h5"
        call("pull", form, "-o", out, VEDATILE_URL="", VEDATILE_TOKEN="")
        assert out.read_bytes() == store_bytes[0]
        out.unlink()
        (tmp_path / "b.h5.catalog").unlink()
    stores = [headers for _, path, headers in catalog.log if path.endswith("store.h5")]
    assert len(stores) == 2 if not ranges else len(stores) >= 2
    assert all("Range" in headers for headers in stores)


def test_python_http_server(call, store_bytes, tmp_path):
    """A server of Python's own library, which knows no ranges."""
    folder = tmp_path / "www"
    folder.mkdir()
    for name, content in manifest_of(store_bytes[0]).items():
        (folder / name).write_bytes(content)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=str(folder))

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        call("pull", address, "-o", tmp_path / "b.h5", VEDATILE_URL="", VEDATILE_TOKEN="")
        server.shutdown()
    assert (tmp_path / "b.h5").read_bytes() == store_bytes[0]


def test_a_cut_off_pull_goes_on(catalog, call, store_bytes, tmp_path):
    """The server fails from some byte on; what came is not fetched again."""
    address = offered(catalog, store_bytes[0])
    limit = 5 * BLOCK

    def cut(request):
        if not request.path.endswith("store.h5"):
            return None
        code, headers, body = catalog.bytes_of(request, store_bytes[0])
        first = int(headers["Content-Range"].split()[1].split("-")[0])
        if first >= limit:
            return 404, {}, b""
        return code, {**headers, "Content-Length": str(len(body))}, body[:limit - first]

    catalog.rules.append(cut)
    out = tmp_path / "b.h5"
    call("pull", address, "-o", out, code=1)
    assert not out.exists() and (tmp_path / "b.h5.pull").exists()
    catalog.rules.clear()
    report = json.loads(call("pull", address, "-o", out, "--json").stdout)
    assert out.read_bytes() == store_bytes[0]
    assert report["fetched"] == len(store_bytes[0]) - 5 * BLOCK
    assert not (tmp_path / "b.h5.pull").exists()


def test_what_was_left_is_not_believed(catalog, call, store_bytes, tmp_path):
    """Whatever lies in .pull: blocks of it are used when they are right."""
    address = offered(catalog, store_bytes[0])
    left = bytearray(store_bytes[0])
    left[3 * BLOCK] ^= 1
    (tmp_path / "b.h5.pull").write_bytes(bytes(left) + b"longer")
    report = json.loads(call("pull", address, "-o", tmp_path / "b.h5", "--json").stdout)
    assert (tmp_path / "b.h5").read_bytes() == store_bytes[0]
    assert report["fetched"] == BLOCK


# --- servers that lie ----------------------------------------------------------------------------

def lie_block(files, data):
    files["mirror/store.h5"] = data[:BLOCK + 7] + b"!" + data[BLOCK + 8:]


def lie_list(files, data):
    files["mirror/blocks"] = bytes(len(files["mirror/blocks"]))
    del data


def lie_short(files, data):
    files["mirror/store.h5"] = data[:-4096]


def lie_long(files, data):
    files["mirror/store.h5"] = data + bytes(4096)


def change(**values):
    def lie(files, data):
        manifest = json.loads(files["mirror/manifest.json"])
        manifest.update(values)
        files["mirror/manifest.json"] = json.dumps(manifest).encode()
        del data
    return lie


def lie_consistently(files, data):
    """A list that fits the blocks, under the digest of another store."""
    wrong = manifest_of(data[:-4096] + bytes(4096))
    manifest = json.loads(wrong["manifest.json"])
    manifest["digest"] = "0" * 64
    files.update({"mirror/" + name: content for name, content in wrong.items()})
    files["mirror/manifest.json"] = json.dumps(manifest).encode()


LIES = {"block": (lie_block, "block 1 is not"), "list": (lie_list, "block list"),
        "short": (lie_short, "bytes"), "long": (lie_long, "bytes"),
        "size": (change(size=12345678), "blocks"), "digest": (change(digest="0" * 64), "digest"),
        "huge": (change(size=1 << 62), "size"), "format": (change(vedatile_manifest="9"), "format"),
        "file": (change(store={"href": "file:///etc/passwd"}), "store"),
        "list_file": (change(blocks={"href": "file:///etc/passwd", "size": 32,
                                     "sha256": "0" * 64}), "blocks"),
        "consistent": (lie_consistently, "digest")}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "none"])
def test_lies(catalog, call, store_bytes, tmp_path, name, ranges):
    lie, said = LIES[name]
    address = offered(catalog, store_bytes[0])
    lie(catalog.files, store_bytes[0])
    catalog.ranges = ranges
    done = call("pull", address, "-o", tmp_path / "b.h5", code=1)
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "b.h5").exists() and not (tmp_path / "b.h5.catalog").exists()


@pytest.mark.parametrize("which", ["manifest.json", "blocks", "store.h5"])
def test_endless_bodies(catalog, call, store_bytes, tmp_path, which):
    """A body without an end is not read to the end: memory and disk stay small."""
    address = offered(catalog, store_bytes[0])

    def endless(request):
        if not request.path.endswith(which):
            return None
        handler = request.handler
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(4000):
                handler.wfile.write(b" " * 65536)
        except OSError:
            pass
        return "drop"

    catalog.rules.append(endless)
    limits = "ulimit -v 1500000; exec \"$@\""
    done = subprocess.run(["sh", "-c", limits, "sh", VEDATILE, "pull", address, "-o",
                           str(tmp_path / "b.h5")], capture_output=True, text=True, check=False,
                          env=catalog.environment(tmp_path), timeout=120)
    if "AddressSanitizer" in done.stderr:
        pytest.skip("sanitizers need more address space")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert not (tmp_path / "b.h5").exists()
    left = tmp_path / "b.h5.pull"
    assert not left.exists() or left.stat().st_blocks * 512 <= len(store_bytes[0]) + BLOCK


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"])
def test_redirects_to_other_schemes(catalog, call, tmp_path, where):
    catalog.rules.append(lambda request: (302, {"Location": where}, b""))
    done = call("pull", catalog.url + "/manifest.json", "-o", tmp_path / "b.h5", code=1)
    assert "points elsewhere" in done.stderr
    assert len(catalog.log) == 1


def test_redirects_end(catalog, call, tmp_path):
    catalog.rules.append(lambda request: (302, {"Location": request.path}, b""))
    call("pull", catalog.url + "/manifest.json", "-o", tmp_path / "b.h5", code=1)
    assert len(catalog.log) == 6


# --- the token -----------------------------------------------------------------------------------

def test_the_token_stays_with_its_server(catalog, call, saved, store_bytes, tmp_path):
    """A redirect, and hrefs of a manifest, may name another server: it gets no token."""
    with FakeCatalog() as other:
        offered(other, store_bytes[0])

        def elsewhere(request):
            if request.path.endswith("/store.h5"):
                return 307, {"Location": other.url + "/mirror/store.h5"}, b""
            return None

        catalog.rules.append(elsewhere)
        call("pull", "Roofs", "-o", tmp_path / "b.h5")
        assert (tmp_path / "b.h5").read_bytes() == store_bytes[0]
        assert other.log and not any("Authorization" in headers for _, _, headers in other.log)
        assert all(headers["Authorization"] == "Bearer secret" for _, _, headers in catalog.log)
        call("pull", other.url + "/mirror/", "-o", tmp_path / "c.h5")
        assert not any("Authorization" in headers for _, _, headers in other.log)
    del saved


def test_the_environments_token_is_for_its_server(catalog, call, tmp_path):
    with FakeCatalog() as other:
        call("search", "--server", other.url)
        assert not any("Authorization" in headers for _, _, headers in other.log)
    assert not catalog.log
    del tmp_path


def test_no_posts_after_redirects(catalog, call, store_bytes, tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(store_bytes[0])
    catalog.rules.append(lambda request: (307, {"Location": "/v1/other"}, b"")
                         if request.method == "POST" else None)
    call("save", path, code=1)
    assert not asked(catalog, "POST", "/v1/other")


def test_the_token_is_in_no_message(catalog, call, tmp_path):
    catalog.rules.append(lambda request: (401, {}, {"code": "X", "description": "wrong token"}))
    for words in (["status"], ["search"], ["pull", "x", "-o", tmp_path / "b.h5"],
                  ["--help"], ["login", catalog.url]):
        done = run_vedatile(*words, code=None, input="secret\n",
                            env={**catalog.environment(tmp_path)})
        assert "secret" not in done.stdout + done.stderr


def test_no_token_over_the_network_in_the_clear(call):
    done = call("search", VEDATILE_URL="http://192.0.2.1:1", code=2)
    assert "https" in done.stderr and "--insecure" in done.stderr
    call("search", VEDATILE_URL="http://127.evil.example", code=2)


# --- login ---------------------------------------------------------------------------------------

def plain(catalog, home):
    return {**catalog.environment(home), "VEDATILE_URL": "", "VEDATILE_TOKEN": "",
            "XDG_CONFIG_HOME": ""}


def test_login(catalog, tmp_path):
    env = plain(catalog, tmp_path)
    file = tmp_path / ".config/vedatile/login.json"
    done = run_vedatile("login", catalog.url, input="secret\n", env=env)
    assert done.stdout == f"{catalog.url}: tester (read, write, publish)\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "you are tester" in run_vedatile("status", env=env).stdout
    assert "tester" in run_vedatile("login", env=env).stdout
    (tmp_path / "token").write_text("  secret \n")
    with FakeCatalog() as other:
        run_vedatile("login", other.url + "/", "--token-file", tmp_path / "token", env=env)
        assert other.url in run_vedatile("status", env=env).stdout
        done = run_vedatile("status", "--server", catalog.url, env=env)
        assert "you are tester" in done.stdout
        run_vedatile("login", other.url, "--logout", env=env)
        assert catalog.url in run_vedatile("status", env=env).stdout
    os.chmod(file, 0o644)
    assert "chmod 600" in run_vedatile("status", env=env, code=1).stderr


def test_login_keeps_no_wrong_token(catalog, tmp_path):
    env = plain(catalog, tmp_path)
    for token in "wrong\n", "\n", "", "a b\n":
        done = run_vedatile("login", catalog.url, input=token, env=env, code=None)
        assert done.returncode != 0 and done.stderr.count("\n") == 1
    assert not (tmp_path / ".config").exists()
    run_vedatile("login", "ftp://x", env=env, code=2, input="secret\n")
    run_vedatile("login", "http://user:pw@127.0.0.1", env=env, code=2, input="secret\n")
    run_vedatile("login", "--logout", env=env, code=2)
    run_vedatile("login", catalog.url, "--logout", env=env, code=1)


def test_xdg_folder(catalog, tmp_path):
    env = {**plain(catalog, tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "cfg")}
    run_vedatile("login", catalog.url, input="secret\n", env=env)
    assert (tmp_path / "cfg/vedatile/login.json").exists()


# --- the network ---------------------------------------------------------------------------------

@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nosuch.invalid"])
def test_addresses_of_nobody_fail_at_once(call, url):
    done = call("search", "--server", url, code=1)
    assert url in done.stderr and done.stderr.count("\n") == 1


def test_answers_that_are_no_json(catalog, call):
    for body, kind in ((b"<html>", "text/html"), (b"{", "application/json"),
                       (b"[1, 2", "application/json"), (b'{"entries": 5}', "application/json")):
        catalog.rules[:] = [lambda request, body=body, kind=kind:
                            (200, {"Content-Type": kind}, body)]
        done = call("search", code=1)
        assert done.stderr.count("\n") == 1 and catalog.url in done.stderr


def test_pages(catalog, call):
    def page(request):
        if request.path != "/v1/entries":
            return None
        number = int(request.query.rpartition("token=")[2]) if "token=" in request.query else 0
        documents = [{"data": {"id": "a" * 15 + "bcdefgh"[number], "name": f"n{number}"}}]
        links = [{"rel": "next", "href": f"http://evil.example/v1/entries?token={number + 1}"}]
        return 200, {}, {"entries": documents, "links": links if number < 6 else []}

    catalog.rules.append(page)
    found = json.loads(call("search", "--json").stdout)
    assert [entry["data"]["name"] for entry in found["entries"]] == [f"n{i}" for i in range(7)]
    assert not found["more"]
    found = json.loads(call("search", "--json", "--limit", "3").stdout)
    assert len(found["entries"]) == 3 and found["more"]


def test_search_asks_what_was_given(catalog, call, tmp_path):
    catalog.rules.append(lambda request: (200, {}, {"entries": [], "links": []}))
    (tmp_path / "p.json").write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": {
        "type": "Polygon", "coordinates": [[[0, 0], [1.123456789012, 0], [0, 1], [0, 0]]]}}))
    call("search", "a b&c", "--polygon", "p.json", "--class", "x/y", "--task", "detection", "--sensor",
         "S", "--time", "../2024-01-01T00:00:00Z", "--tag", "é", "--owner", "o", "--filter",
         "a > 1", "--bin", "--limit", "5")
    query = urllib.parse.parse_qs(catalog.queries[-1])
    assert query == {
        "q": ["a b&c"], "class": ["x/y"], "task": ["detection"], "sensor": ["S"], "tag": ["é"],
        "datetime": ["../2024-01-01T00:00:00Z"], "owner": ["o"], "filter": ["a > 1"],
        "filter-lang": ["cql2-text"], "deleted": ["1"], "limit": ["5"], "intersects": [
            '{"type":"Polygon","coordinates":[[[0,0],[1.123456789,0],[0,1],[0,0]]]}']}
    call("search", "--bbox=-35,-8.5,-34,-8")
    assert urllib.parse.parse_qs(catalog.queries[-1])["bbox"] == ["-35,-8.5,-34,-8"]
    call("search", "--bbox=-35,-8.5,-34", code=2)
    call("search", "--bbox=-35,-8.5,-34,-8", "--polygon", "p.json", code=2)
    (tmp_path / "p.json").write_text("[]")
    call("search", "--polygon", "p.json", code=1)


def test_rate(catalog, call, store_bytes, tmp_path):
    """Half a second for each direction, and not much less."""
    address = offered(catalog, store_bytes[0])
    rate = len(store_bytes[0]) * 2
    started = time.monotonic()
    call("pull", address, "-o", tmp_path / "b.h5", "--limit-rate", str(rate))
    assert time.monotonic() - started > 0.25
    for wrong in "0", "-1", "5x", "fast", "":
        call("pull", address, "-o", tmp_path / "c.h5", f"--limit-rate={wrong}", code=2)


def test_progress(catalog, call, store_bytes, tmp_path):
    address = offered(catalog, store_bytes[0])
    done = call("pull", address, "-o", tmp_path / "b.h5", "--progress", "json")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines[-1]["step"] == "fetch"
    assert lines[-1]["done"] == lines[-1]["total"] == len(store_bytes[0])


def test_no_room(catalog, call, store_bytes, tmp_path):
    """A full disk: said before, or when it happens; room again, and it goes on."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("no user namespaces here")
    address = offered(catalog, store_bytes[0])
    script = (f"mount -t tmpfs -o size={len(store_bytes[0]) // 2} none {mount} && "
              f"{VEDATILE} pull {address} -o {mount}/b.h5; echo $?; ls {mount}; "
              f"mount -o remount,size={len(store_bytes[0]) * 3} {mount}; "
              f"{VEDATILE} pull {address} -o {mount}/b.h5 >/dev/null; echo $?; "
              f"sha256sum < {mount}/b.h5")
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True,
                          check=False, env=catalog.environment(tmp_path))
    lines = done.stdout.split()
    assert lines[0] == "1" and "b.h5" not in lines[:lines.index("0")], done
    assert "free there" in done.stderr
    assert hashlib.sha256(store_bytes[0]).hexdigest() in done.stdout


def test_a_file_size_limit_is_a_full_disk(catalog, call, store_bytes, tmp_path):
    """Writes that fail half way: nothing visible, and the next pull goes on."""
    address = offered(catalog, store_bytes[0])
    out = tmp_path / "b.h5"
    done = subprocess.run(
        ["sh", "-c", "trap '' XFSZ; ulimit -f 2000; exec \"$@\"", "sh", VEDATILE, "pull", address,
         "-o", str(out)], capture_output=True, text=True, check=False,
        env=catalog.environment(tmp_path))
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert not out.exists()
    call("pull", address, "-o", out)
    assert out.read_bytes() == store_bytes[0]


def test_mirror(catalog, call, saved, store_bytes, tmp_path):
    call("release", saved, "--mirror", tmp_path / "www")
    assert sorted(os.listdir(tmp_path / "www")) == ["blocks", "manifest.json", "store.h5"]
    for name in os.listdir(tmp_path / "www"):
        catalog.files["mirror/" + name] = (tmp_path / "www" / name).read_bytes()
    assert catalog.files["mirror/store.h5"] == store_bytes[0]
    call("pull", catalog.url + "/mirror/", "-o", tmp_path / "c.h5")
    assert (tmp_path / "c.h5").read_bytes() == store_bytes[0]
    saved.write_bytes(store_bytes[1])
    call("save", saved)
    call("release", saved, "--mirror", tmp_path / "www")
    assert (tmp_path / "www/store.h5").read_bytes() == store_bytes[1]


def test_status_says_what_changed(call, saved, store_bytes, tmp_path):
    assert "version 1\n" in call("status", saved).stdout
    saved.write_bytes(store_bytes[1])
    assert "not saved" in call("status", saved).stdout
    document = json.loads(call("status", saved, "--json").stdout)
    assert document["store"]["changed"] and document["store"]["version"] == 1
    fresh = tmp_path / "fresh.h5"
    shutil.copy(saved, fresh)
    assert "never saved" in call("status", fresh).stdout
    call("status", "nosuchentry", code=1)
