"""vedatile serve: the socket's side of the catalog."""
import os
import signal

from server import Server, run, server  # noqa: F401  pylint: disable=unused-import

import pytest


def test_health(server):
    code, headers, body = server.get("/health")
    assert (code, body) == (200, b'{"status":"ok"}')
    assert headers["Content-Type"] == "application/json"
    assert headers["Access-Control-Allow-Origin"] == "*"


def test_head_is_get_without_a_body(server):
    code, headers, body = server.request("HEAD", "/health")
    assert (code, headers["Content-Length"], body) == (200, "15", b"")


def test_unknown_path_and_method(server):
    assert server.json("GET", "/nowhere", code=404)["code"] == "NotFound"
    code, headers, _ = server.request("POST", "/health", body="x")
    assert (code, headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    code, headers, _ = server.request("OPTIONS", "/health")
    assert (code, headers["Allow"]) == (204, "GET, HEAD, OPTIONS")


def test_one_server_a_root(server):
    message = run("serve", "--root", server.root, "--listen", "127.0.0.1:0", ok=1)
    assert "another server runs on this folder" in message


def test_secret_is_the_owners_alone(server):
    assert os.stat(server.root / "secret").st_mode & 0o777 == 0o600
    assert (server.root / "secret").stat().st_size == 32


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it(tmp_path, number):
    running = Server(tmp_path / "root").start()
    assert running.stop(number) == 0


@pytest.mark.parametrize("listen, message", [
    ("nothing", "HOST:PORT is wanted"),
    ("127.0.0.1:99999", "HOST:PORT is wanted"),
    ("0.0.0.0:0", "plain HTTP would show tokens to the network"),
])
def test_bad_addresses(tmp_path, listen, message):
    got = run("serve", "--root", tmp_path / "root", "--listen", listen, ok=2)
    assert message in got and got.count("\n") == 1
