"""Bodies of requests: what is refused before it is read, and what is not waited for."""
import gzip
import json
import shutil
import socket
import subprocess
import time

import pytest
from server import Server, read_all

COMMIT = "/v1/uploads/aaaaaaaaaaaaaaaa/commit"
UPLOAD = "/v1/entries/aaaaaaaaaaaaaaaa/uploads?size=1&block_size=131072"


@pytest.fixture(name="shared", scope="module")
def fixture_shared(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("bodies") / "root") as running:
        running.add_user("ada")
        yield running


def head(server, path, *lines, user="ada", kind="application/json"):
    token = [f"Authorization: Bearer {server.tokens[user]}"] if user else []
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}", *token, *lines,
                        "", ""]).encode()


def code_of(answer):
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer[9:12])


@pytest.mark.parametrize("path", [COMMIT, UPLOAD])
@pytest.mark.parametrize("size", [10 << 30, (1 << 63) - 1])
def test_ten_gigabytes_are_refused_before_they_are_sent(shared, path, size):
    data = head(shared, path, f"Content-Length: {size}", "Expect: 100-continue",
                kind="application/octet-stream")
    answer = shared.raw(data, close=False)
    assert code_of(answer) == 413 and b"100 Continue" not in answer
    assert b"Connection: close" in answer


def test_nobody_is_refused_before_the_body(shared):
    answer = shared.raw(head(shared, COMMIT, "Content-Length: 5", "Expect: 100-continue", user=None),
                        close=False)
    assert code_of(answer) == 401 and b"100 Continue" not in answer
    assert b'WWW-Authenticate: Bearer realm="vedatile"' in answer


@pytest.mark.parametrize("token", ["vt_no", "", "vt_" + "a" * 60, "' OR 1=1 --"])
def test_false_tokens(shared, token):
    code, headers, _ = shared.request("POST", COMMIT, body={}, token=token)
    assert code == 401
    assert headers["WWW-Authenticate"].startswith("Bearer ")


def test_expected_body_is_asked_for(shared):
    with socket.create_connection((shared.host, shared.port), 5) as link:
        link.sendall(head(shared, COMMIT, "Content-Length: 2", "Expect: 100-continue",
                          "If-None-Match: *", "Connection: close"))
        assert link.recv(4096).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        link.sendall(b"{}")
        assert code_of(read_all(link)) == 404


@pytest.mark.parametrize("encoding, code", [("gzip", 415), ("br", 415), ("gzip, identity", 415),
                                            ("identity", 404)])
def test_encoded_bodies(shared, encoding, code):
    body = gzip.compress(b"{}") if encoding != "identity" else b"{}"
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json",
               "If-None-Match": "*"}
    assert shared.request("POST", COMMIT, body=body, user="ada", headers=headers)[0] == code


def test_endless_chunks(shared):
    before = shared.memory()
    sent = 0
    with socket.create_connection((shared.host, shared.port), 5) as link:
        link.sendall(head(shared, COMMIT, "Transfer-Encoding: chunked"))
        piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
        try:
            while sent < 256 << 20:
                link.sendall(piece)
                sent += 65536
        except OSError:
            pass
    assert sent < 64 << 20, "the server went on reading"
    assert shared.memory() - before < 32 << 20
    assert shared.get("/health")[0] == 200


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"-1\r\n\r\n", b"ffffffffffffffffff\r\nabc\r\n",
                                    b"2;x=\0\r\n{}\r\n0\r\n\r\n", b"3\r\n{}\r\n"])
def test_crooked_chunks(shared, chunks):
    answer = shared.raw(head(shared, COMMIT, "Transfer-Encoding: chunked", "If-None-Match: *",
                             "Connection: close") + chunks, timeout=1)
    assert not answer or code_of(answer) in (400, 404, 413)
    assert shared.get("/health")[0] == 200


def test_body_that_is_cut(shared):
    for _ in range(20):
        with socket.create_connection((shared.host, shared.port), 5) as link:
            link.sendall(head(shared, COMMIT, "Content-Length: 1000") + b"{")
    assert shared.get("/health")[0] == 200


BOMBS = {
    "arrays": b"[" * 100_000 + b"]" * 100_000,
    "objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "arrays without an end": b"[" * 1_000_000,
    "a member twice": b'{"name": "a", "name": "b"}',
    "a NUL": b'{"name": "a\\u0000b"}',
    "half a surrogate": b'{"name": "\\ud800"}',
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "a number without an end": b'{"name": 1' + b"0" * 100_000 + b"}",
    "nothing": b"",
    "no object": b"[]",
    "text": b"hello",
    "NaN": b'{"name": NaN}',
}


@pytest.mark.parametrize("what", BOMBS)
def test_json_bombs(shared, what):
    before = shared.memory()
    code, _, body = shared.request("POST", "/v1/entries", body=BOMBS[what], user="ada",
                                   headers={"Content-Type": "application/json"})
    assert code in (400, 422), body
    assert json.loads(body)["description"]
    assert shared.memory() - before < 32 << 20


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x"])
def test_other_types_than_json(shared, kind):
    code, _, _ = shared.request("POST", "/v1/entries", body=b'{"name": "a"}', user="ada",
                                headers={"Content-Type": kind})
    assert code in (400, 415)


def test_slow_bodies(tmp_path):
    with Server(tmp_path / "root", "--idle-seconds", 2, "--header-seconds", 2) as server:
        server.add_user("ada")
        links = [socket.create_connection((server.host, server.port), 5) for _ in range(20)]
        for link in links:
            link.sendall(head(server, COMMIT, "Content-Length: 100000"))
        started, left = time.monotonic(), set(links)
        while left and time.monotonic() - started < 15:
            for link in list(left):
                try:
                    link.send(b" ")
                    link.setblocking(False)
                    if link.recv(4096) == b"":
                        left.discard(link)
                except BlockingIOError:
                    pass
                except OSError:
                    left.discard(link)
            time.sleep(0.3)
        assert not left, f"{len(left)} are still open"
        assert server.get("/health")[0] == 200


def test_full_disk(tmp_path):
    with Server(tmp_path / "root", "--disk-reserve", 1 << 59) as server:
        server.add_user("ada")
        code, _, body = server.request("POST", COMMIT, body={}, user="ada")
        assert (code, json.loads(body)["code"]) == (507, "InsufficientStorage")
        assert server.json("GET", "/ready")["room"] is False
        assert server.get("/v1/entries")[0] == 200, "reading goes on"


@pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="slowhttptest is not installed")
@pytest.mark.parametrize("mode", [["-H"], ["-B"], ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "5"]])
def test_slowhttptest(tmp_path, mode):
    with Server(tmp_path / "root", "--connections", 150, "--connections-per-ip", 100,
                "--header-seconds", 2, "--idle-seconds", 2) as server:
        done = subprocess.run(["slowhttptest", *mode, "-c", "80", "-r", "80", "-i", "1", "-l", "8", "-p",
                               "3", "-u", f"{server.url}/"], capture_output=True, timeout=60, check=False,
                              cwd=tmp_path)
        assert done.returncode == 0, done.stdout[-500:]
        assert server.get("/health")[0] == 200
        # All that it opened is closed by the time it ends, or soon after.
        deadline = time.monotonic() + 6
        while "vedatile_connections 1\n" not in server.get("/metrics")[2].decode():
            assert time.monotonic() < deadline
            time.sleep(0.2)
