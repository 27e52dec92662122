"""The files of the page as the server gives them, and as they are written."""
import json
import re

import pytest
from conftest import SOURCE
from server import Server

ASSETS = SOURCE / "src/server/page/assets"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("page") / "root") as running:
        yield running


def test_every_file_is_served(server):
    for path in ASSETS.iterdir():
        code, headers, body = server.get(f"/assets/{path.name}")
        assert code == 200, path.name
        assert body == path.read_bytes()
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        code, _, body = server.get(f"/assets/{path.name}", headers={"If-None-Match": headers["ETag"]})
        assert (code, body) == (304, b"")


def test_root(server):
    code, headers, body = server.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert code == 200
    assert body == (ASSETS / "index.html").read_bytes()
    assert headers["Content-Type"].startswith("text/html")
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "script-src" not in policy and "unsafe" not in headers["Content-Security-Policy"]
    assert "Accept" in headers["Vary"]


def test_openapi(server):
    code, headers, body = server.get("/api")
    assert code == 200
    assert headers["Content-Type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert json.loads(body) == json.loads((SOURCE / "schemas/openapi.json").read_text())


@pytest.mark.parametrize("path", ["/assets/nothing.js", "/assets/..", "/assets/%2e%2e%2fpage.c",
                                  "/assets/", "/assets", "/assets/main.js/x"])
def test_no_such_file(server, path):
    assert server.get(path)[0] in (400, 404)


def test_files_are_plain():
    """Text from the server can only become text, and nothing is from elsewhere."""
    for path in ASSETS.glob("*.js"):
        text = path.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(",
                     "localStorage", "document.cookie", "DOMParser", "srcdoc"):
            assert word not in text, f"{path.name}: {word}"
        assert re.findall(r"https?://[^\s\"'`]+", text) in ([], ["http://www.w3.org/2000/svg"]), path.name
    text = (ASSETS / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|<style| style=| on\w+=|https?:", text)
    assert "url(" not in (ASSETS / "style.css").read_text()
