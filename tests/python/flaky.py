"""A file server with ranges that fails as servers and networks do, by chance from a seed."""
import contextlib
import http.server
import random
import socket
import struct
import threading
import time

FAULTS = ("refuse", "close", "reset", "cut", "slow")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def fault(self):
        with self.server.lock:
            self.server.requests.append((self.command, self.path, self.headers.get("Range")))
            if self.server.random.random() >= self.server.share:
                return None
            fault = self.server.random.choice(self.server.faults)
            self.server.faulted.append(fault)
            return fault

    def drop(self, hard):
        if hard: # RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def answer(self, body):
        fault = self.fault()
        path = self.server.folder / self.path.lstrip("/").partition("?")[0]
        if fault == "refuse":
            self.send_error(self.server.random.choice([429, 502, 503]))
            return
        if fault in ("close", "reset"):
            self.drop(fault == "reset")
            return
        if fault == "slow":
            time.sleep(0.2)
        if not path.is_file():
            self.send_error(404)
            return
        data, size, code = path.read_bytes(), path.stat().st_size, 200
        extra = {"Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        if wanted and self.server.ranges:
            first, _, last = wanted.partition("=")[2].partition("-")
            first, last = int(first), min(int(last or size - 1), size - 1)
            if first >= size:
                self.send_error(416)
                return
            data, code = data[first:last + 1], 206
            extra["Content-Range"] = f"bytes {first}-{last}/{size}"
        self.send_response(code)
        for name, value in {**extra, "Content-Length": len(data)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if not body:
            return
        if fault == "cut":
            self.wfile.write(data[:len(data) // 2])
            self.drop(False)
            return
        with contextlib.suppress(OSError): # the client may have enough
            self.wfile.write(data)


@contextlib.contextmanager
def serve(folder, share=0.0, seed=1, faults=FAULTS, ranges=True):
    """Serves `folder` on 127.0.0.1; `share` of the requests go wrong. Yields the server, with `url`,
    `requests` and `faulted`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.folder, server.share, server.faults, server.ranges = folder, share, faults, ranges
    server.random, server.lock = random.Random(seed), threading.Lock()
    server.requests, server.faulted = [], []
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    server.handle_error = lambda *arguments: None # connections that were closed on purpose
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
