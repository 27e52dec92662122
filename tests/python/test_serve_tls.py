"""vedatile serve with a certificate."""
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
from server import Server, read_all, run

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")


def make_certificate(folder, name):
    """A key and a certificate that it signed itself."""
    folder.mkdir(exist_ok=True)
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


def connect(server, context):
    link = socket.create_connection((server.host, server.port), 5)
    return context.wrap_socket(link, server_hostname="127.0.0.1")


def name_of(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connect(server, context) as link:
        done = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"],
                              input=link.getpeercert(True), capture_output=True, check=True)
    return done.stdout.decode().split("=")[-1].strip()


@pytest.fixture(name="secure")
def fixture_secure(tmp_path):
    certificate, key = make_certificate(tmp_path / "tls", "first")
    with Server(tmp_path / "root", "--tls-cert", certificate, "--tls-key", key) as server:
        server.certificate = certificate
        yield server


def ask(server, context, path="/health"):
    with connect(server, context) as link:
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return link.version(), link.cipher()[0], read_all(link)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(secure, version):
    assert secure.url.startswith("https://")
    context = ssl.create_default_context(cafile=secure.certificate)
    context.minimum_version = context.maximum_version = version
    spoken, cipher, answer = ask(secure, context)
    assert spoken == version.name.replace("_", ".")
    assert "GCM" in cipher or "CHACHA20" in cipher
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b'{"status":"ok"}')


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("setting", ["-tls1_1", "-tls1", "-tls1_2 -cipher AES128-SHA:AES256-SHA"])
def test_old_versions_and_ciphers_are_refused(secure, setting):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}",
                           *setting.replace("-cipher ", "-cipher @SECLEVEL=0:").split()],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)
    assert b"Cipher is (NONE)" in done.stdout or done.returncode != 0
    assert b"Cipher    : AES" not in done.stdout


def test_plain_http_to_it_is_refused(secure):
    assert not secure.raw(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", close=False).startswith(b"HTTP/1.1 200")
    assert name_of(secure) == "first"


def test_other_addresses_are_allowed_with_a_certificate(tmp_path):
    certificate, key = make_certificate(tmp_path / "tls", "any")
    with Server(tmp_path / "root", "--tls-cert", certificate, "--tls-key", key, listen="0.0.0.0:0"):
        pass


def test_reload(secure, tmp_path):
    new_certificate, new_key = make_certificate(tmp_path / "new", "second")
    with connect(secure, ssl.create_default_context(cafile=secure.certificate)) as old:
        new_certificate.replace(secure.certificate)
        new_key.replace(tmp_path / "tls/key.pem")
        assert name_of(secure) == "first"
        secure.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 5
        while name_of(secure) != "second":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        old.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(old).startswith(b"HTTP/1.1 200"), "connections from before go on"
    secure.certificate.write_text("no certificate")
    secure.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 5
    while "no PEM certificate" not in secure.log_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert name_of(secure) == "second", "what cannot be read changes nothing"


def test_key_of_another_certificate(tmp_path):
    certificate, _ = make_certificate(tmp_path / "one", "one")
    _, key = make_certificate(tmp_path / "two", "two")
    message = run("serve", "--root", tmp_path / "root", "--listen", "127.0.0.1:0", "--tls-cert",
                  certificate, "--tls-key", key, ok=1)
    assert "is not the key of the certificate" in message and message.count("\n") == 1
    message = run("serve", "--root", tmp_path / "root", "--tls-cert", certificate, "--tls-key",
                  tmp_path / "none.pem", ok=1)
    assert "none.pem" in message and message.count("\n") == 1


def test_silent_handshakes_are_ended(tmp_path):
    certificate, key = make_certificate(tmp_path / "tls", "slow")
    with Server(tmp_path / "root", "--tls-cert", certificate, "--tls-key", key, "--header-seconds",
                1) as server:
        links = [socket.create_connection((server.host, server.port), 5) for _ in range(10)]
        for link in links:
            link.sendall(b"\x16\x03\x01\x02\x00")
        started = time.monotonic()
        for link in links:
            read_all(link)
        assert time.monotonic() - started < 4
        assert name_of(server) == "slow"
