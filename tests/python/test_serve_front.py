"""The documented front and service: nginx in front of a running server, and what systemd says."""
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import time

import pytest
from server import TOOL, Server, read_all
from test_serve_files import published
from test_serve_tls import make_certificate

EXAMPLES = pathlib.Path(__file__).parents[2] / "docs/examples/serve"


def free_port():
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return link.getsockname()[1]


class Front:
    """nginx with the documented file: only names, ports and folders are others."""

    def __init__(self, folder, server):
        self.folder, self.port, self.plain = folder, free_port(), free_port()
        certificate, key = make_certificate(folder / "tls", "front")
        site = (EXAMPLES / "nginx.conf").read_text(encoding="utf-8")
        for old, new in {"127.0.0.1:8765": f"127.0.0.1:{server.port}", "listen 443 ssl":
                         f"listen 127.0.0.1:{self.port} ssl; listen 127.0.0.1:{self.plain}",
                         "/etc/ssl/catalog.example.org/fullchain.pem": str(certificate),
                         "/etc/ssl/catalog.example.org/privkey.pem": str(key)}.items():
            assert old in site
            site = site.replace(old, new)
        paths = "".join(f"{name}_temp_path {folder}/{name};" for name in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
            f"events {{}} http {{ access_log off; {paths} {site} }}", encoding="utf-8")
        self.context = ssl.create_default_context(cafile=certificate)

    def __enter__(self):
        os.chmod(self.folder, 0o755)
        self.process = subprocess.Popen(["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"],
                                        stderr=subprocess.PIPE)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read()
                time.sleep(0.05)
        raise AssertionError("nginx does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stderr.close()

    def get(self, path, *headers):
        with socket.create_connection(("127.0.0.1", self.port), 10) as plain:
            with self.context.wrap_socket(plain, server_hostname="127.0.0.1") as link:
                link.sendall("\r\n".join([f"GET {path} HTTP/1.1", "Host: catalog.example.org",
                                          "Connection: close", *headers, "", ""]).encode())
                head, _, body = read_all(link).partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode(), body


@pytest.mark.skipif(shutil.which("nginx") is None or shutil.which("openssl") is None,
                    reason="nginx or openssl is not installed")
def test_nginx(tmp_path):
    (tmp_path / "front").mkdir()
    with Server(tmp_path / "root", "--trust-forwarded", "127.0.0.1", "--connections-per-ip", 512) as server, \
            Front(tmp_path / "front", server) as front:
        path, store = published(server, tmp_path, side=512)
        content = store.read_bytes()
        code, head, body = front.get(path)
        assert (code, body) == (200, content) and "Strict-Transport-Security" in head
        code, head, body = front.get(path, "Range: bytes=100-199")
        assert (code, body) == (206, content[100:200])
        assert front.get("/metrics")[0] == 200, "this machine may"
        assert front.get("/v1/entries/a%2Fb")[0] == 404, "the target goes on as it came"
        _, _, body = front.get("/v1/entries", "X-Forwarded-For: 10.1.2.3")
        entry, = json.loads(body)["entries"]
        assert entry["links"]["self"]["href"].startswith("https://catalog.example.org/v1/entries/")
        assert "10.1.2.3" not in server.log_text(), "what the client says of itself is not believed"
        # A save through it: blocks stream through the front.
        second = tmp_path / "second.h5"
        shutil.copy(store, second)
        done = subprocess.run(
            [TOOL, "save", second, "--json"], capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "VEDATILE_URL": f"http://127.0.0.1:{front.plain}",
                 "VEDATILE_TOKEN": server.tokens["ada"]})
        assert done.returncode == 0, done.stderr


def test_the_service_is_one():
    text = (EXAMPLES / "vedatile.service").read_text(encoding="utf-8")
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    done = subprocess.run(["systemd-analyze", "verify", EXAMPLES / "vedatile.service"],
                          capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in done.stderr.splitlines() if "vedatile.service" in line]
    assert all("is not executable" in line for line in said), said
    assert re.search(r"^ExecStart=\S+/vedatile serve --config /etc/vedatile/serve.json$", text, flags=re.M)


def test_the_configuration_is_read(tmp_path):
    options = json.loads((EXAMPLES / "serve.json").read_text(encoding="utf-8"))
    options.update(root=str(tmp_path / "root"), log=str(tmp_path / "log.jsonl"))
    config = tmp_path / "serve.json"
    config.write_text(json.dumps(options), encoding="utf-8")
    with Server(tmp_path / "root", "--config", config) as server:
        assert server.json("GET", "/health") == {"status": "ok"}
    assert "/health" in (tmp_path / "log.jsonl").read_text(encoding="utf-8")
