"""Bytes out of the server: ranges, conditions, and what becomes of a download when it stops."""
import json
import os
import random
import socket
import subprocess
import threading
import time

import numpy as np
import pytest
from reference import write_scene
from server import TOOL, Server, read_all, run


def published(server, folder, name="big", side=2048):
    """A store of random pixels, fed, saved and shown to all: its entry, and the store's path."""
    pixels = np.random.default_rng(1).integers(0, 255, (3, side, side), "uint8")
    scene, store = folder / f"{name}.tif", folder / f"{name}.h5"
    write_scene(scene, pixels)
    run("feed", store, "--image", scene, "--tile", 256, "--codec", "raw")
    environment = {**os.environ, "VEDATILE_URL": server.url, "VEDATILE_TOKEN": server.add_user("ada")}
    entry = json.loads(subprocess.run([TOOL, "save", store, "--json"], env=environment, check=True,
                                      capture_output=True, timeout=120).stdout)["data"]["id"]
    server.json("POST", f"/v1/entries/{entry}/publish", user="ada")
    return f"/v1/entries/{entry}/versions/1/store.h5", store


@pytest.fixture(name="shared", scope="module")
def fixture_shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    with Server(folder / "root") as running:
        running.path, store = published(running, folder)
        running.bytes = store.read_bytes()
        yield running


def test_whole(shared):
    code, headers, body = shared.get(shared.path)
    assert code == 200 and body == shared.bytes
    assert headers["Accept-Ranges"] == "bytes" and headers["ETag"].startswith('"')
    code, headers, body = shared.request("HEAD", shared.path)
    assert (code, headers["Content-Length"], body) == (200, str(len(shared.bytes)), b"")


def test_ranges(shared):
    size, draw = len(shared.bytes), random.Random(3)
    wanted = [(0, 0), (size - 1, size - 1), (0, size - 1), (size // 2, size // 2 + 300_000)]
    for _ in range(60):
        first = draw.randrange(size)
        wanted.append((first, min(size - 1, first + draw.randrange(1 << draw.randrange(22)))))
    for first, last in wanted:
        code, headers, body = shared.get(shared.path, headers={"Range": f"bytes={first}-{last}"})
        assert code == 206 and body == shared.bytes[first:last + 1]
        assert headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("text, code", [
    ("bytes=-1000", 206), ("bytes=5-", 206), ("bytes=0-99999999999", 206), ("bytes=99999999999-", 416),
    ("bytes=-0", 416), ("bytes=5-2", 200), ("bytes=0-1,5-6", 200), ("lines=0-1", 200), ("bytes=x", 200)])
def test_odd_ranges(shared, text, code):
    got, headers, body = shared.get(shared.path, headers={"Range": text})
    assert got == code
    if code == 200:
        assert body == shared.bytes
    elif code == 416:
        assert headers["Content-Range"] == f"bytes */{len(shared.bytes)}"
        assert json.loads(body)["code"] == "RangeNotSatisfiable"
    else:
        first, last = map(int, headers["Content-Range"].split()[1].split("/")[0].split("-"))
        assert body == shared.bytes[first:last + 1]


def test_head_of_a_range(shared):
    code, headers, body = shared.request("HEAD", shared.path, headers={"Range": "bytes=10-19"})
    assert (code, headers["Content-Length"], body) == (206, "10", b"")


def test_conditions(shared):
    tag = shared.request("HEAD", shared.path)[1]["ETag"]
    part = {"Range": "bytes=0-9"}
    assert shared.get(shared.path, headers={"If-None-Match": tag})[0] == 304
    assert shared.get(shared.path, headers={"If-None-Match": f'"x", W/{tag}'})[0] == 304
    assert shared.get(shared.path, headers={"If-None-Match": '"x"'})[0] == 200
    assert shared.get(shared.path, headers={**part, "If-Range": tag})[0] == 206
    assert shared.get(shared.path, headers={**part, "If-Range": '"x"'})[0] == 200
    assert shared.get(shared.path, headers={**part, "If-Range": f"W/{tag}"})[0] == 200
    assert shared.get(shared.path, headers={**part, "If-None-Match": tag})[0] == 304


def test_downloads_that_are_left(shared):
    before = shared.memory()
    for _ in range(30):
        with socket.create_connection((shared.host, shared.port), 5) as link:
            link.sendall(f"GET {shared.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            link.recv(1000)
    files = f"/proc/{shared.process.pid}/fd"
    deadline = time.monotonic() + 5
    while [name for name in os.listdir(files) if "/blobs/" in link_of(f"{files}/{name}")]:
        assert time.monotonic() < deadline, "files of downloads that were left are still open"
        time.sleep(0.05)
    assert shared.get("/health")[0] == 200
    assert shared.memory() - before < 16 << 20


def link_of(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def begin_download(server, path):
    """A connection that takes little at a time; the kernel cannot hold the rest."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    link.settimeout(20)
    link.connect((server.host, server.port))
    link.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return link, link.recv(1000)


def test_stop_lets_a_download_end(tmp_path):
    server = Server(tmp_path / "root").start()
    path, store = published(server, tmp_path)
    link, answer = begin_download(server, path)
    codes = []
    stopping = threading.Thread(target=lambda: codes.append(server.stop()))
    stopping.start()
    time.sleep(0.5)
    assert not codes, "it did not wait"
    with pytest.raises(OSError):
        socket.create_connection((server.host, server.port), 1).close()
    answer += read_all(link)
    stopping.join(20)
    assert codes == [0]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"200 OK" in head and body == store.read_bytes()


def test_stop_does_not_wait_for_ever(tmp_path):
    server = Server(tmp_path / "root", "--stop-seconds", 1).start()
    path, _ = published(server, tmp_path)
    link, _ = begin_download(server, path)
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 5
    link.close()


def test_download_that_nobody_takes_is_ended(tmp_path):
    with Server(tmp_path / "root", "--idle-seconds", 2) as server:
        path, _ = published(server, tmp_path)
        link, _ = begin_download(server, path)
        deadline = time.monotonic() + 12
        while [line for line in server.log_lines("request") if line["target"] == path] == []:
            assert time.monotonic() < deadline, "the server still waits"
            link.recv(64)  # too little
            time.sleep(0.3)
        line, = [line for line in server.log_lines("request") if line["target"] == path]
        assert line["whole"] is False
