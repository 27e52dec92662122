"""Requests that nobody honest sends: each is refused, and the server goes on."""
import json
import re
import signal
import socket
import time

import pytest
from server import Server, read_all

HOST = b"Host: x\r\n"


def codes(answer):
    """Status codes of all answers in what came back."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


@pytest.fixture(name="shared", scope="module")
def fixture_shared(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("guards") / "root") as running:
        running.add_user("ada")
        yield running


# What is sent, and the codes that may come back; an empty answer is a closed connection.
CROOKED = {
    "length and encoding": (b"POST /health HTTP/1.1\r\n" + HOST +
                            b"Content-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    "encoding and length": (b"GET /health HTTP/1.1\r\n" + HOST +
                            b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", [400]),
    "two lengths": (b"GET /health HTTP/1.1\r\n" + HOST +
                    b"Content-Length: 0\r\nContent-Length: 35\r\n\r\nGET /health HTTP/1.1\r\n" + HOST +
                    b"\r\n", [400]),
    "list of lengths": (b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length: 0, 0\r\n\r\n", [400]),
    "negative length": (b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n", [400]),
    "length with a sign": (b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\nx", [400]),
    "length in hex": (b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\nx", [400]),
    "length of nothing": (b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n", [400]),
    "length beyond 64 bits": (b"GET /health HTTP/1.1\r\n" + HOST +
                              b"Content-Length: 99999999999999999999999\r\n\r\n", [400, 413]),
    "other encoding": (b"POST /health HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", [400]),
    "two encodings": (b"POST /health HTTP/1.1\r\n" + HOST +
                      b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", [400]),
    "encoding twice": (b"POST /health HTTP/1.1\r\n" + HOST +
                       b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
                       [400]),
    "hidden encoding": (b"POST /health HTTP/1.1\r\n" + HOST +
                        b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", [400]),
    "blank before the colon": (b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length : 5\r\n\r\n", [400]),
    "folded header": (b"GET /health HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n", [400]),
    "folded host": (b"GET /health HTTP/1.1\r\nHost:\r\n x\r\n\r\n", [400]),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", [400]),
    "two hosts": (b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", [400]),
    "host of a script": (b"GET /health HTTP/1.1\r\nHost: x/\"><script>\r\n\r\n", [400]),
    "NUL in the target": (b"GET /hea\0lth HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "NUL at the target's end": (b"GET /health\0.css HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "NUL in the query": (b"GET /health?a=\0b HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "NUL in a value": (b"GET /health HTTP/1.1\r\nHost: x\0y\r\n\r\n", [400]),
    "NUL at a value's start": (b"GET /health HTTP/1.1\r\n" + HOST + b"X: \0b\r\nY: c\r\n\r\n", [400]),
    "NUL in a name": (b"GET /health HTTP/1.1\r\n" + HOST + b"X\0Y: b\r\n\r\n", [400]),
    "NUL in the version": (b"GET /health HTTP/1.1\0\r\n" + HOST + b"\r\n", [400]),
    "escaped NUL": (b"GET /v1/entries/a%00b HTTP/1.1\r\n" + HOST + b"\r\n", [400, 404]),
    "control byte": (b"GET /health HTTP/1.1\r\n" + HOST + b"X: a\x01b\r\n\r\n", [400]),
    "bare CR": (b"GET /health HTTP/1.1\r\n" + HOST + b"X: a\rContent-Length: 5\r\n\r\n", [400]),
    "high byte in the target": (b"GET /h\xe9 HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "bad escape": (b"GET /ready?a=%zz HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "cut escape": (b"GET /ready?a=%4 HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "escape that is no UTF-8": (b"GET /ready?a=%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "overlong escape": (b"GET /ready?a=%c0%af HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "key twice": (b"GET /ready?a=1&a=2 HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "method of control bytes": (b"G\x01T /health HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "unknown method": (b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n", [405]),
    "CONNECT": (b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"\r\n", [400, 404, 405]),
    "other server": (b"GET http://example.org/ HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400, 505]),
    "version 1.9": (b"GET /health HTTP/1.9\r\n" + HOST + b"\r\n", [400, 505]),
    "no version": (b"GET /health\r\n\r\n", []),
    "nonsense": (bytes(range(256)) * 8 + b"\r\n\r\n", []),
    "TLS to a plain server": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 512, []),
    "unknown expectation": (b"GET /health HTTP/1.1\r\n" + HOST + b"Expect: the-worst\r\n\r\n", [417]),
    "body that is not wanted": (b"GET /ready HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc", [400]),
    "chunks that are not wanted": (b"GET /ready HTTP/1.1\r\n" + HOST +
                                   b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", [400]),
    "dots": (b"GET /../../../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", [404]),
    "escaped dots": (b"GET /assets/%2e%2e%2f%2e%2e%2fcatalog.db HTTP/1.1\r\n" + HOST + b"\r\n",
                     [400, 404]),
    "slashes": (b"GET //etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", [404]),
    "backslashes": (b"GET /assets/..\\..\\secret HTTP/1.1\r\n" + HOST + b"\r\n", [400, 404]),
    "long target": (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", [414, 431]),
    "long value": (b"GET /health HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 200_000 + b"\r\n\r\n", [431]),
    "many headers": (b"GET /health HTTP/1.1\r\n" + HOST +
                     b"".join(b"h%d: x\r\n" % i for i in range(20_000)) + b"\r\n", [431]),
    "many parameters": (b"GET /ready?" + b"&".join(b"a%d=1" % i for i in range(500)) +
                        b" HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
}


@pytest.mark.parametrize("what", CROOKED)
def test_crooked_request(shared, what):
    data, wanted = CROOKED[what]
    got = codes(shared.raw(data, close=False, timeout=0.7))
    # The library writes the head of its own errors twice when it does not like a length.
    assert len(set(got)) <= 1 and 200 not in got, "the second request in it was answered"
    assert not got or got[0] in (wanted or [400, 505]), got
    assert got or wanted in ([], [400], [400, 404], [414, 431], [431]), "no answer"
    assert shared.get("/health")[0] == 200


@pytest.mark.parametrize("value", [b"text", b"a b", b"x" * 30_000, b"", b"  blanks  ", b"\xc3\xa9"])
def test_honest_headers_pass(shared, value):
    data = (b"GET /health?a=b&c=%20d HTTP/1.1\r\nHost: x\r\nX-One:" + value + b"\r\nCookie: a=b; c=d\r\n"
            b"X-Two: " + value + b"\r\nConnection: close\r\n\r\n")
    assert codes(shared.raw(data, close=False)) == [200]


def test_pipelined_requests_are_answered_in_order(shared):
    one = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    two = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    end = b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert codes(shared.raw(one + two + one + end, close=False)) == [200, 404, 200, 200]


def test_memory_stays_flat(shared):
    def flood(times):
        for _ in range(times):
            for what in ("long value", "many headers", "NUL in a value", "two lengths", "long target"):
                try:
                    shared.raw(CROOKED[what][0], close=False)
                except (BrokenPipeError, ConnectionResetError):
                    pass
    flood(5)
    before = shared.memory()
    flood(40)
    assert shared.memory() - before < 16 << 20
    assert shared.get("/health")[0] == 200


def test_log_cannot_be_forged(shared):
    target = "/nothing?x=%0a{%22event%22:%22forged%22}\"\\"
    shared.raw(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), close=False)
    shared.get("/v1/me", token="vt_secret_secret", headers={"X-Odd": "\x1b[31m"})
    shared.get("/nothing?later")
    wait_until(lambda: "later" in shared.log_text())
    lines = shared.log_lines()  # each line is one JSON object
    assert not [line for line in lines if line.get("event") == "forged"]
    assert [line for line in lines if line.get("target") == target and line["code"] == 404]
    assert "vt_secret" not in shared.log_text()
    assert all(ord(byte) < 127 for byte in shared.log_text())


def wait_until(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def drip(links, data, seconds, pause=0.2):
    """Sends a byte now and then on each link, until each was closed. Returns when the last was."""
    started = time.monotonic()
    open_links = set(links)
    while open_links and time.monotonic() - started < seconds:
        for link in list(open_links):
            try:
                link.send(data)
                link.setblocking(False)
                if link.recv(65536) == b"":
                    open_links.discard(link)
            except BlockingIOError:
                pass
            except OSError:
                open_links.discard(link)
        time.sleep(pause)
    assert not open_links, f"{len(open_links)} of {len(links)} are still open after {seconds} s"
    return time.monotonic() - started


def test_slow_headers(tmp_path):
    with Server(tmp_path / "root", "--header-seconds", 1) as server:
        links = [socket.create_connection((server.host, server.port), 5) for _ in range(30)]
        for link in links:
            link.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX: ")
        assert drip(links, b"a", 10) < 5
        assert server.get("/health")[0] == 200


def test_silent_connections(tmp_path):
    with Server(tmp_path / "root", "--header-seconds", 1) as server:
        links = [socket.create_connection((server.host, server.port), 5) for _ in range(30)]
        started = time.monotonic()
        assert all(read_all(link) == b"" for link in links)
        assert time.monotonic() - started < 5


def test_slow_headers_of_a_second_request(tmp_path):
    with Server(tmp_path / "root", "--header-seconds", 1, "--idle-seconds", 2) as server:
        link = socket.create_connection((server.host, server.port), 5)
        link.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert codes(link.recv(4096)) == [200]
        link.sendall(b"GET /health HTTP/1.1\r\nX: ")
        assert drip([link], b"a", 10) < 7


def test_too_many_connections(tmp_path):
    with Server(tmp_path / "root", "--connections", 4) as server:
        held = [socket.create_connection((server.host, server.port), 5) for _ in range(4)]
        for link in held:
            link.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert codes(link.recv(4096)) == [200]
        code, headers, body = server.get("/health")
        assert (code, headers["Retry-After"], headers["Connection"]) == (503, "1", "close")
        assert json.loads(body)["code"] == "Busy"
        for link in held:
            link.close()
        wait_until(lambda: server.get("/health")[0] == 200)


def test_too_many_connections_of_one_address(tmp_path):
    with Server(tmp_path / "root", "--connections-per-ip", 3) as server:
        held = [socket.create_connection((server.host, server.port), 5) for _ in range(3)]
        for link in held:
            link.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert codes(link.recv(4096)) == [200]
        assert server.raw(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", close=False) == b""
        held[0].close()

        def answers():
            try:
                return server.get("/health")[0] == 200
            except OSError:
                return False
        wait_until(answers)
        for link in held:
            link.close()


def test_rate_of_requests(tmp_path):
    with Server(tmp_path / "root", "--rate", 0.5, "--burst", 3) as server:
        got = [server.get("/ready") for _ in range(4)]
        assert [code for code, _, _ in got] == [200, 200, 200, 429]
        assert 1 <= int(got[3][1]["Retry-After"]) <= 3
        assert json.loads(got[3][2])["code"] == "TooManyRequests"
        assert server.get("/health")[0] == 200, "those who watch are not counted"
        time.sleep(2.1)
        assert server.get("/ready")[0] == 200


def test_rate_counts_clients_behind_a_front(tmp_path):
    with Server(tmp_path / "root", "--rate", 0.01, "--burst", 1, "--trust-forwarded",
                "127.0.0.1") as server:
        def ask(address):
            return server.get("/ready", headers={"X-Forwarded-For": address})[0]
        assert [ask("10.0.0.1"), ask("10.0.0.2"), ask("10.0.0.1"), ask("10.9.9.9, 10.0.0.2")] == [
            200, 200, 429, 429]
        wait_until(lambda: {"10.0.0.1", "10.0.0.2"} <= {
            line["address"] for line in server.log_lines("request")})


def test_forwarded_address_is_not_believed_from_others(tmp_path):
    with Server(tmp_path / "root", "--rate", 0.01, "--burst", 1) as server:
        answers = [server.get("/ready", headers={"X-Forwarded-For": f"10.0.0.{i}"})[0] for i in (1, 2)]
        assert answers == [200, 429]


def test_log_file_is_opened_anew(tmp_path):
    log = tmp_path / "log.jsonl"
    with Server(tmp_path / "root", "--log", log) as server:
        server.get("/health")
        wait_until(lambda: "/health" in log.read_text())  # a line is written after its answer
        log.rename(tmp_path / "old.jsonl")
        server.process.send_signal(signal.SIGHUP)
        wait_until(log.exists)
        server.get("/nothing")
        wait_until(lambda: "/nothing" in log.read_text())
    old = [json.loads(line) for line in (tmp_path / "old.jsonl").read_text().splitlines()]
    new = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["target"] for line in old] == ["/health"]
    assert "/nothing" in [line["target"] for line in new]


def test_log_level(tmp_path):
    with Server(tmp_path / "root", "--log-level", "warning") as server:
        server.get("/health")
        server.get("/nothing")
        assert server.log_lines("request") == []


def test_metrics(tmp_path):
    with Server(tmp_path / "root") as server:
        for path in ("/health", "/health", "/nothing"):
            server.get(path)
        wait_until(lambda: len(server.log_lines("request")) == 3)
        text = server.get("/metrics")[2].decode()
        assert 'vedatile_requests_total{method="GET",route="/health",code="200"} 2\n' in text
        assert 'vedatile_requests_total{method="",route="",code="404"} 1\n' in text
        figures = dict(re.findall(r"^(\w+) (\S+)$", text, flags=re.M))
        assert float(figures["vedatile_requests_running"]) == 1
        assert float(figures["process_resident_memory_bytes"]) == pytest.approx(server.memory(), rel=0.5)
        counts = re.findall(r'vedatile_request_seconds_bucket{method="GET",route="/health",le="(.+)"} (\d+)',
                            text)
        assert counts[-1] == ("+Inf", "2")
        assert [int(count) for _, count in counts] == sorted(int(count) for _, count in counts)


def test_configuration_file(tmp_path):
    config = tmp_path / "serve.json"
    config.write_text(json.dumps({"root": "there", "rate": 0.01, "burst": 1}))
    with Server(tmp_path / "here", "--config", config) as server:
        assert [server.get("/ready")[0] for _ in range(2)] == [200, 429]
        assert (tmp_path / "here/catalog.db").exists(), "the command line comes first"
        assert not (tmp_path / "there").exists()
