"""Kills and bad networks between client and server: the next try completes, nothing half is ever
visible, and no byte is wrong."""
import json
import os
import random
import signal
import subprocess
import time

import pytest
from conftest import VEDATILE, check_clean, run_vedatile
from fault_proxy import FAULTS, FaultProxy
from server import Server

# Of save, and as many of pull; 50 and more before a release.
KILLS = int(os.environ.get("VEDATILE_TEST_KILLS", "6"))
PARTS = "--codec raw --tile 64 --task segmentation --progress none".split()


@pytest.fixture(scope="module", name="server")
def make_server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("faults") / "catalog")
    with server:
        server.add_user("ana")
        yield server


@pytest.fixture(scope="module", name="versions")
def make_versions(tmp_path_factory, data):
    """Two versions of a store of a few MB, as bytes."""
    path = tmp_path_factory.mktemp("stores") / "a.h5"
    words = ["--image", data / "olinda/scene.tif", "--labels", data / "olinda/sectors.geojson"]
    run_vedatile("feed", path, *words, *PARTS, "--stride", "16")
    first = path.read_bytes()
    run_vedatile("feed", path, *words, *PARTS, "--stride", "24")
    return first, path.read_bytes()


def environment(server, url=None, home="/nonexistent"):
    return {"VEDATILE_URL": url or server.url, "VEDATILE_TOKEN": server.tokens["ana"],
            "HOME": str(home), "XDG_CONFIG_HOME": ""}


def killed(seconds, *words, env):
    """Runs the command and kills it after so long; True when it was done before."""
    with subprocess.Popen([VEDATILE, *map(str, words)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env={**os.environ, **env}) as process:
        try:
            _, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return False
        check_clean(errors.decode())
        assert process.returncode == 0, errors
        return True


def head_of(server, entry):
    code, _, body = server.request("GET", f"/v1/entries/{entry}", user="ana")
    assert code == 200
    return json.loads(body)["data"]


def seconds_of(*words, env):
    started = time.monotonic()
    run_vedatile(*words, env=env)
    return time.monotonic() - started


def test_kills_of_save(server, versions, tmp_path):
    """At each moment the entry is one of the two versions, whole."""
    chance = random.Random(1)
    store, env = tmp_path / "a.h5", environment(server)
    store.write_bytes(versions[0])
    took = seconds_of("save", store, "--name", "kills", env=env)
    entry = json.loads((tmp_path / "a.h5.catalog").read_text())["entry"]
    digests = [head_of(server, entry)["digest"]]
    kills = 0
    while kills < KILLS:
        changed = bytearray(versions[len(digests) % 2])
        changed[-8:] = len(digests).to_bytes(8, "little")   # behind the end: another version each time
        store.write_bytes(changed)
        while not killed(chance.random() * took, "save", store, env=env):
            kills += 1
            head = head_of(server, entry)
            assert head["digest"] == digests[-1] or head["version"] == len(digests) + 1
            if chance.random() < 0.3:
                break
        run_vedatile("save", store, env=env)
        head = head_of(server, entry)
        digests.append(head["digest"])
        assert head["version"] == len(digests) and head["bytes"] == len(changed)
        out = tmp_path / "b.h5"
        run_vedatile("pull", entry, "-o", out, env=env)
        assert out.read_bytes() == bytes(changed)


def test_kills_of_pull(server, versions, tmp_path):
    """The file at the path is what was there before, or the new version."""
    chance = random.Random(2)
    store, out, env = tmp_path / "a.h5", tmp_path / "b.h5", environment(server)
    store.write_bytes(versions[0])
    run_vedatile("save", store, "--name", "pulls", env=env)
    entry = json.loads((tmp_path / "a.h5.catalog").read_text())["entry"]
    took = seconds_of("pull", entry, "-o", tmp_path / "c.h5", env=env)
    kills, saves, before = 0, 0, None
    while kills < KILLS:
        current = versions[0]
        if before is not None:
            saves += 1
            current = bytearray(versions[saves % 2])
            current[-8:] = saves.to_bytes(8, "little")
            store.write_bytes(current)
            run_vedatile("save", store, env=env)
        done = False
        while not done:
            done = killed(chance.random() * took * 1.3, "pull", entry, "-o", out, env=env)
            kills += not done
            assert not done or out.exists()
            if out.exists():
                assert out.read_bytes() in (before, bytes(current))
        assert out.read_bytes() == bytes(current)
        assert not (tmp_path / "b.h5.pull").exists()
        before = bytes(current)
        if chance.random() < 0.3:
            out.unlink()
            (tmp_path / "b.h5.catalog").unlink()
            before = b""


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_networks(server, versions, tmp_path, fault):
    """Save and pull through a network with one kind of fault, until they are done."""
    store, out = tmp_path / "a.h5", tmp_path / "b.h5"
    store.write_bytes(versions[0])
    with FaultProxy(server.port, seed=fault, faults=[fault], chance=0.5) as proxy:
        env = environment(server, proxy.url, tmp_path)

        def again(*words):
            for _ in range(12):
                done = run_vedatile(*words, code=None, env=env)
                if done.returncode == 0:
                    return
                assert done.stderr.count("\n") == 1, done.stderr
            raise AssertionError(done.stderr)

        again("save", store, "--name", f"net {fault}")
        entry = json.loads((tmp_path / "a.h5.catalog").read_text())["entry"]
        again("pull", entry, "-o", out)
        assert out.read_bytes() == versions[0]
        store.write_bytes(versions[1])
        again("save", store)
        again("pull", entry, "-o", out)
        assert out.read_bytes() == versions[1]
        assert proxy.counts.get(fault, 0) > 0


def test_a_slow_network_is_interrupted_at_once(server, versions, tmp_path):
    """Ctrl-C ends a transfer that would last a minute, and it goes on later."""
    store, out, env = tmp_path / "a.h5", tmp_path / "b.h5", environment(server)
    store.write_bytes(versions[0])
    run_vedatile("save", store, "--name", "slow", env=env)
    entry = json.loads((tmp_path / "a.h5.catalog").read_text())["entry"]
    rate = str(len(versions[0]) // 20)
    with subprocess.Popen([VEDATILE, "pull", entry, "-o", str(out), "--limit-rate", rate],
                          stderr=subprocess.PIPE, env={**os.environ, **env}) as process:
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        errors = process.communicate(timeout=20)[1].decode()
    assert time.monotonic() - started < 2 and process.returncode == 1
    assert "goes on from there" in errors and not out.exists()
    report = json.loads(run_vedatile("pull", entry, "-o", out, "--json", env=env).stdout)
    assert report["fetched"] < len(versions[0]) and out.read_bytes() == versions[0]
