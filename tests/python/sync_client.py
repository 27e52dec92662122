"""The sync protocol in plain Python, as another implementer would write it from schemas/sync.md."""
import hashlib
import json
import sqlite3
import time

BLOCK = 131072


def digests(data):
    return [hashlib.sha256(data[i:i + BLOCK]).digest() for i in range(0, len(data), BLOCK)]


def version_digest(data):
    head = f"vedatile-blocks-1\n{len(data)}\n{BLOCK}\n".encode()
    return hashlib.sha256(head + b"".join(digests(data))).hexdigest()


class Client:
    """One user of a server.Server."""

    def __init__(self, server, user):
        self.server = server
        self.user = user

    def call(self, method, path, body=None, headers=None, **more):
        """(code, headers, body), the body decoded when it is JSON."""
        code, got, text = self.server.request(method, path, body, user=self.user,
                                              headers=headers, **more)
        if got.get("Content-Type", "").startswith("application/json") and method != "HEAD":
            text = json.loads(text)
        return code, got, text

    def make_entry(self, name="roofs"):
        """An entry's id."""
        code, _, body = self.call("POST", "/v1/entries", {"name": name})
        assert code == 201, (code, body)
        return body["data"]["id"]

    def begin(self, entry, data, ok=(200, 201), listed=None):
        code, _, body = self.call(
            "POST", f"/v1/entries/{entry}/uploads?size={len(data)}&block_size={BLOCK}",
            b"".join(digests(data)) if listed is None else listed,
            {"Content-Type": "application/octet-stream"})
        assert code in ok, (code, body)
        return body

    def put(self, upload, first, data, **more):
        return self.call("PUT", f"/v1/uploads/{upload}/blocks/{first}", data,
                         {"Content-Type": "application/octet-stream"}, **more)

    def send(self, upload, data, missing, step=16):
        """Sends the missing runs, up to `step` blocks at a time; returns how many bytes."""
        sent = 0
        for first, count in missing:
            for k in range(first, first + count, step):
                piece = data[k * BLOCK:min(k + step, first + count) * BLOCK]
                code, _, body = self.put(upload, k, piece)
                assert code == 200, (code, body)
                sent += len(piece)
        return sent

    def commit(self, upload, parent=None, message=None, **more):
        headers = {"If-Match": f'"{parent}"'} if parent else {"If-None-Match": "*"}
        return self.call("POST", f"/v1/uploads/{upload}/commit",
                         {"message": message} if message else None, headers, **more)

    def save(self, entry, data, parent=None):
        """The commit's answer."""
        begun = self.begin(entry, data)
        self.send(begun["id"], data, begun["missing"])
        code, _, body = self.commit(begun["id"], parent)
        assert code == 200, (code, body)
        return body

    def head(self, entry):
        """The manifest of the head, or None."""
        code, _, body = self.call("GET", f"/v1/entries/{entry}/manifest")
        assert code in (200, 404), (code, body)
        return body if code == 200 else None

    def pull(self, entry, version):
        """The bytes of a version, proven by its block list."""
        where = f"/v1/entries/{entry}/versions/{version}"
        manifest = self.call("GET", f"{where}/manifest")[2]
        blocks = self.call("GET", f"{where}/blocks")[2]
        data = self.call("GET", f"{where}/store.h5")[2]
        assert hashlib.sha256(blocks).hexdigest() == manifest["blocks"]["sha256"]
        assert blocks == b"".join(digests(data))
        assert manifest["digest"] == version_digest(data)
        return data


def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def database(server):
    """The catalog's database, read only."""
    return sqlite3.connect(f"file:{server.root}/catalog.db?mode=ro", uri=True)
