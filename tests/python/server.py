"""A server of the catalog for tests: `server` is a fixture, Server a class for those who want options.

    from server import Server, server  # noqa: F401

    def test_something(server):
        code, headers, body = server.get("/health")
"""
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import urllib.parse

import pytest

TOOL = os.environ.get("VEDATILE", "vedatile")


def run(*words, ok=0, **more):
    """Runs the command; returns what it printed."""
    done = subprocess.run([TOOL, *map(str, words)], capture_output=True, text=True, check=False,
                          **more)
    assert done.returncode == ok, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout if ok == 0 else done.stderr


class Server:
    """`vedatile serve` on a root folder, at a free port of this machine; ended by its own pid."""

    def __init__(self, root, *options, listen="127.0.0.1:0", environment=None, limits=None):
        self.root = root
        self.options = [str(word) for word in options]
        self.listen = listen
        self.environment = {**os.environ, **(environment or {})}
        self.limits = limits
        self.tokens = {}
        self.process = None
        self.url = None

    def start(self):
        self.log = open(f"{self.root}.log", "ab")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [TOOL, "serve", "--root", str(self.root), "--listen", self.listen, *self.options],
            stdout=subprocess.PIPE, stderr=self.log, env=self.environment, preexec_fn=self._limit)
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"serving (https?://\S+)\n", line)
        if not found:
            self.process.wait(20)
            raise AssertionError(f"the server did not start: {line!r} {self.log_text()[-2000:]}")
        self.url = found.group(1)
        parts = urllib.parse.urlsplit(self.url)
        self.host, self.port = parts.hostname, parts.port
        return self

    def _limit(self):
        for name, value in (self.limits or {}).items():
            resource.setrlimit(name, (value, value))

    def log_text(self):
        with open(f"{self.root}.log", encoding="utf-8", errors="replace") as log:
            return log.read()

    def log_lines(self, event=None):
        """The log's objects; what is no JSON (a sanitizer's report) fails."""
        lines = [json.loads(line) for line in self.log_text().splitlines()]
        return [line for line in lines if event is None or line.get("event") == event]

    def stop(self, number=signal.SIGTERM, timeout=60):
        """Ends the server and returns its exit code."""
        if self.process is None:
            return None
        self.process.send_signal(number)
        code = self.process.wait(timeout)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return code

    def kill(self):
        return self.stop(signal.SIGKILL)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if self.process is None:
            return
        running = self.process.poll() is None
        code = self.stop()
        if kind is None:
            assert running and code == 0, f"the server ended with {code}: {self.log_text()[-3000:]}"

    def add_user(self, name, scopes="read,write,publish"):
        """The user's token; also in .tokens. The server may run meanwhile or not."""
        printed = run("serve", "--root", self.root, "--add-user", name, "--scopes", scopes)
        self.tokens[name] = re.search(r"vt_\w+", printed).group()
        return self.tokens[name]

    def request(self, method, path, body=None, user=None, token=None, headers=None, timeout=60):
        """(code, headers, body); a dict or list as body is sent as JSON. `user`: one of add_user."""
        headers = dict(headers or {})
        if user is not None:
            token = self.tokens[user]
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        link = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            link.request(method, path, body=body, headers=headers)
            answer = link.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            link.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def json(self, method, path, body=None, code=200, **more):
        """The answer's JSON; its code must be `code`."""
        got, _, text = self.request(method, path, body, **more)
        assert got == code, (method, path, got, text)
        return json.loads(text) if text else None

    def raw(self, data, timeout=10, close=True):
        """Sends bytes as they are and returns all that comes until the server closes, or `timeout`."""
        with socket.create_connection((self.host, self.port), timeout) as link:
            link.sendall(data)
            if close:
                link.shutdown(socket.SHUT_WR)
            return read_all(link)

    def memory(self):
        """Resident memory in bytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as status:
            return int(status.read().split()[1]) * resource.getpagesize()


def read_all(link):
    got = b""
    try:
        while piece := link.recv(65536):
            got += piece
    except (socket.timeout, ConnectionResetError):
        pass
    return got


@pytest.fixture
def server(tmp_path):
    """A running server with an empty root; users are made with server.add_user(name)."""
    with Server(tmp_path / "catalog") as running:
        yield running
