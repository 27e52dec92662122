"""A catalog of a few lines, for tests of the client: it keeps the protocol, or breaks it where a
test says so, which a real server cannot be asked to.

    with FakeCatalog() as catalog:
        catalog.rules.append(lambda request: (503, {"Retry-After": "0"}, b"") or None)
"""
import hashlib
import http.server
import json
import re
import threading
import urllib.parse

BLOCK = 131072


def digest_of(size, blocks, block_size=BLOCK):
    head = f"vedatile-blocks-1\n{size}\n{block_size}\n".encode()
    return hashlib.sha256(head + blocks).hexdigest()


def block_list(data, block_size=BLOCK):
    return b"".join(hashlib.sha256(data[at:at + block_size]).digest()
                    for at in range(0, len(data), block_size))


def manifest_of(data, entry="abcdefghijklmnop", version=1, **more):
    """The files of a static mirror, by name."""
    blocks = block_list(data)
    manifest = {"vedatile_manifest": "1", "entry": entry, "name": "demo", "version": version,
                "digest": digest_of(len(data), blocks), "size": len(data), "block_size": BLOCK,
                "blocks": {"href": "blocks", "size": len(blocks),
                           "sha256": hashlib.sha256(blocks).hexdigest()},
                "store": {"href": "store.h5", "size": len(data)},
                "created_at": "2026-01-01T00:00:00Z", "info": {}}
    manifest.update(more)
    return {"manifest.json": json.dumps(manifest).encode(), "blocks": blocks, "store.h5": data}


class Request:
    """What a rule sees."""

    def __init__(self, handler, body):
        self.method = handler.command
        self.path, _, self.query = handler.path.partition("?")
        self.headers = handler.headers
        self.body = body
        self.handler = handler


class FakeCatalog:
    """One user ("tester", token "secret"); every request is in .log as (method, path, headers)."""

    def __init__(self):
        self.entries, self.uploads, self.files = {}, {}, {}
        self.rules = []   # each is asked first: None, or (code, headers, body), or "drop"
        self.log, self.queries = [], []
        self.ranges = True
        self.lock = threading.Lock()

    def __enter__(self):
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                fake.serve(self, Request(self, self.rfile.read(size)))

            do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *args):
                pass

        class Threads(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *problem):
        self.server.shutdown()
        self.server.server_close()

    def environment(self, home):
        """For subprocesses: this server, this token, no login of anybody."""
        return {"VEDATILE_URL": self.url, "VEDATILE_TOKEN": "secret", "HOME": str(home),
                "PATH": "/usr/bin:/bin"}

    # --- answers ---------------------------------------------------------------------------------

    def serve(self, handler, request):
        with self.lock:
            self.log.append((request.method, request.path, dict(request.headers)))
            self.queries.append(request.query)
            answer = None
            for rule in list(self.rules):
                answer = answer or rule(request)
            if answer is None:
                answer = self.route(request)
        if answer == "drop":
            handler.close_connection = True
            handler.connection.close()
            return
        code, headers, body = answer
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **headers}
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        if "Content-Length" not in headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if request.method != "HEAD":
            handler.wfile.write(body)
            if int(headers.get("Content-Length", len(body))) != len(body):
                handler.close_connection = True

    def bytes_of(self, request, data):
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range") or "")
        if not self.ranges or not found:
            return 200, {}, data
        first, last = int(found.group(1)), min(int(found.group(2)), len(data) - 1)
        return 206, {"Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first:last + 1]

    def document(self, entry):
        data = {key: entry[key] for key in ("id", "name", "public", "tags")}
        data.update(userId="tester", classes=[], nclasses=0, count={}, percent_cached=0, releases=0,
                    version=None, digest=None, bytes=None, tasks=[])
        if entry["versions"]:
            head = entry["versions"][-1]
            data.update(version=len(entry["versions"]), digest=head["digest"],
                        bytes=len(head["data"]), percent_cached=100)
        links = {"self": {"href": f"{self.url}/v1/entries/{entry['id']}"},
                 "create": {"href": f"{self.url}/v1/entries/{entry['id']}/uploads"}}
        return {"data": data, "links": links}

    def route(self, request):
        path, parts = request.path, request.path.strip("/").split("/")
        if path.strip("/") in self.files:
            return self.bytes_of(request, self.files[path.strip("/")])
        if path == "/v1/me":
            if request.headers.get("Authorization") != "Bearer secret":
                return 401, {}, {"code": "Unauthorized", "description": "no such token"}
            return 200, {}, {"name": "tester", "scopes": ["read", "write", "publish"]}
        if path == "/v1/entries":
            return self.all_entries(request)
        if parts[:2] == ["v1", "entries"] and parts[2] in self.entries:
            return self.one_entry(request, self.entries[parts[2]], parts[3:])
        if parts[:2] == ["v1", "uploads"] and parts[2] in self.uploads:
            return self.one_upload(request, self.uploads[parts[2]], parts[3:])
        return 404, {}, {"code": "NotFound", "description": f"{path}: there is no such thing"}

    def all_entries(self, request):
        if request.method == "GET":
            query = dict(urllib.parse.parse_qsl(request.query))
            return 200, {}, {"links": [], "entries": [
                self.document(entry) for entry in self.entries.values()
                if query.get("q", "") in entry["name"]]}
        values = json.loads(request.body)
        letters = "abcdefghijklmnopqrstuvwxyz234567"
        seed = hashlib.sha256(f"{len(self.entries)}".encode()).digest()
        name = "".join(letters[byte % 32] for byte in seed[:16])
        self.entries[name] = {"id": name, "name": values["name"], "public": False,
                              "tags": values.get("tags", []), "versions": []}
        return 201, {}, self.document(self.entries[name])

    def one_entry(self, request, entry, parts):
        if request.method == "PATCH":
            entry.update(json.loads(request.body))
        if not parts:
            return 200, {}, self.document(entry)
        if parts[0] in ("publish", "unpublish"):
            entry["public"] = parts[0] == "publish"
            return 200, {}, self.document(entry)
        if parts[0] == "uploads":
            return self.begin(request, entry)
        if parts[0] == "manifest" and entry["versions"]:
            number = len(entry["versions"])
            files = manifest_of(entry["versions"][-1]["data"], entry["id"], number)
            manifest = json.loads(files["manifest.json"])
            manifest["blocks"]["href"] = f"versions/{number}/blocks"
            manifest["store"]["href"] = f"versions/{number}/store.h5"
            return 200, {}, manifest
        if parts[0] == "versions":
            data = entry["versions"][int(parts[1]) - 1]["data"]
            return self.bytes_of(request, data if parts[2] == "store.h5" else block_list(data))
        return 404, {}, {"code": "NotFound", "description": "nothing"}

    def begin(self, request, entry):
        size = int(dict(urllib.parse.parse_qsl(request.query))["size"])
        name = hashlib.sha256(request.body + entry["id"].encode()).hexdigest()[:16]
        upload = self.uploads.setdefault(
            name, {"id": name, "entry": entry, "size": size, "list": request.body, "blocks": {}})
        for version in entry["versions"]:
            known = block_list(version["data"])
            for i in range(len(known) // 32):
                upload.setdefault("known", {})[known[32 * i:32 * i + 32]] = \
                    version["data"][i * BLOCK:(i + 1) * BLOCK]
        return 201, {}, self.state(upload)

    def state(self, upload):
        missing = []
        for i in range(len(upload["list"]) // 32):
            digest = upload["list"][32 * i:32 * i + 32]
            if digest in upload.get("known", {}):
                upload["blocks"][i] = upload["known"][digest]
            if i not in upload["blocks"]:
                if missing and sum(missing[-1]) == i:
                    missing[-1][1] += 1
                else:
                    missing.append([i, 1])
        return {"id": upload["id"], "missing": missing, "expires_at": "2030-01-01T00:00:00Z",
                "href": f"{self.url}/v1/uploads/{upload['id']}"}

    def one_upload(self, request, upload, parts):
        if parts[0] == "blocks":
            for at in range(0, len(request.body), BLOCK):
                i = int(parts[1]) + at // BLOCK
                block = request.body[at:at + BLOCK]
                if hashlib.sha256(block).digest() != upload["list"][32 * i:32 * i + 32]:
                    return 422, {}, {"code": "Wrong", "description": f"block {i} is wrong"}
                upload["blocks"][i] = block
            return 200, {}, {"received": len(upload["blocks"])}
        if self.state(upload)["missing"]:
            return 409, {}, {"code": "Missing", "description": "blocks are missing"}
        entry = upload["entry"]
        data = b"".join(upload["blocks"][i] for i in sorted(upload["blocks"]))
        digest = digest_of(len(data), upload["list"])
        parent = entry["versions"][-1]["digest"] if entry["versions"] else None
        given = request.headers.get("If-Match")
        if parent != digest and (f'"{parent}"' != given if parent else given is not None):
            return 412, {}, {"code": "Moved", "description": "the head moved"}
        if parent != digest:
            entry["versions"].append({"digest": digest, "data": data})
        return 200, {}, {"version": len(entry["versions"]), "digest": digest,
                         "entry": self.document(entry)}
