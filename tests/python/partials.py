"""Releases in a folder, a static server for them that can misbehave, and partial stores made by hand.

A release is manifest.json, blocks and store.h5, as `vedatile release --mirror` writes them; here it is
made with nothing but hashlib, so that the written format is tested and not the program with itself.
"""
import contextlib
import hashlib
import http.server
import json
import os
import re
import shutil
import struct
import threading
from pathlib import Path

BLOCK = 131072
PAGE = 4096


def block_digests(data):
    return b"".join(
        hashlib.sha256(data[at : at + BLOCK]).digest() for at in range(0, len(data), BLOCK)
    )


def version_digest(size, digests):
    return hashlib.sha256(b"vedatile-blocks-1\n%d\n%d\n" % (size, BLOCK) + digests).hexdigest()


def make_release(folder, store):
    """Writes a static release of a store; returns its bytes."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(store).read_bytes()
    digests = block_digests(data)
    (folder / "store.h5").write_bytes(data)
    (folder / "blocks").write_bytes(digests)
    manifest = {
        "vedatile_manifest": "1",
        "entry": "abcdefgh234567ab",
        "name": "a store",
        "version": 1,
        "release": 1,
        "digest": version_digest(len(data), digests),
        "size": len(data),
        "block_size": BLOCK,
        "blocks": {"href": "blocks", "size": len(digests),
                   "sha256": hashlib.sha256(digests).hexdigest()},
        "store": {"href": "store.h5", "size": len(data)},
        "created_at": "2026-01-01T00:00:00Z",
        "info": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return data


def crc32c(data):
    table = crc32c.__dict__.setdefault("table", [])
    if not table:
        for n in range(256):
            for _ in range(8):
                n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
            table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def paged(data):
    return data + b"\0" * (-len(data) % PAGE)


def make_partial(path, url, data, about=None):
    """PATH and PATH.partial with nothing here yet, by the layout in schemas/store-layout.md."""
    digests = block_digests(data)
    text = json.dumps(about or {"store": url + "/store.h5", "version": 1}).encode()
    count = len(digests) // 32
    head = b"VDTPARTL" + struct.pack("<IIQQQ", 1, BLOCK, len(data), count, len(text))
    head += struct.pack("<I", crc32c(head + text + digests))
    boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    bits = paged(b"\0" * ((count + 63) // 64 * 8))
    whole = paged(head.ljust(64, b"\0") + text) + paged(digests) + paged(boot) + bits + bits
    Path(f"{path}.partial").write_bytes(whole)
    with open(path, "wb") as file:
        file.truncate(len(data))


def bits_here(path):
    """The blocks whose bits are set in PATH.partial."""
    data = Path(f"{path}.partial").read_bytes()
    _, _, _, count, text = struct.unpack_from("<IIQQQ", data, 8)
    at = 64 + text
    at += -at % PAGE + count * 32
    at += -at % PAGE + PAGE
    return [b for b in range(count) if data[at + b // 8] >> b % 8 & 1]


def holes(path):
    """The blocks of a sparse file that hold no data."""
    size = os.path.getsize(path)
    data = set()
    with open(path, "rb") as file:
        at = 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            data.update(range(at // BLOCK, (end + BLOCK - 1) // BLOCK))
            at = end
    return set(range((size + BLOCK - 1) // BLOCK)) - data


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        server = self.server
        name = self.path.lstrip("/")
        path = server.root / name
        with server.lock:
            server.requests += 1
            number = server.requests
        if not path.is_file() or server.fail(number):
            self.send_response(503 if path.is_file() else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, code = 0, 200
        total = size = path.stat().st_size
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if wanted and server.ranges:
            first, last = int(wanted[1]), min(int(wanted[2]), total - 1)
            code, size = 206, last + 1 - first
        with open(path, "rb") as file:
            file.seek(first)
            body = file.read(size)
        if name == "store.h5":
            with server.lock:
                server.asked.append((first, len(body)))
            body = server.spoil(number, first, body)
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        if code == 206:
            self.send_header("Content-Range", f"bytes {first}-{first + len(body) - 1}/{total}")
        self.end_headers()
        cut = server.cut(number, body)
        try:
            self.wfile.write(body[:cut])
        except OSError:
            return
        if cut < len(body):
            self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    """Counts what is asked for. `fail`, `spoil` and `cut` are for tests to replace."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = Path(root)
        self.lock = threading.Lock()
        self.ranges = True
        self.requests = 0
        self.asked = []
        self.fail = lambda number: False
        self.spoil = lambda number, first, body: body
        self.cut = lambda number, body: len(body)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass

    @property
    def sent(self):
        return sum(size for _, size in self.asked)


@contextlib.contextmanager
def serving(root):
    server = Server(root)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
