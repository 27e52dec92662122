"""Stores that tests of the catalog send to and fro, and what is asked of the command about a root."""
import json
import subprocess

import pytest
from conftest import run_vedatile
from server import TOOL
from sync_client import Client


@pytest.fixture(scope="session")
def stores(tmp_path_factory, data):
    """Bytes of four versions of a store: each has samples that the one before lacks."""
    path = tmp_path_factory.mktemp("stores") / "a.h5"
    made = []
    for stride in (64, 48, 40, 32):
        run_vedatile("feed", path, "--image", data / "olinda/scene.tif", "--labels",
                     data / "olinda/sectors.geojson", "--class-field", "TIPO", "--task",
                     "detection", "--match", "all", "--tile", 64, "--stride", stride, "--codec",
                     "raw")
        made.append(path.read_bytes())
    return made


@pytest.fixture
def ann(server):
    server.add_user("ann")
    return Client(server, "ann")


def check(root, *words, code=0):
    """The report of serve --check."""
    done = subprocess.run([TOOL, "serve", "--root", str(root), "--check", "--json", *words],
                          capture_output=True, text=True, check=False)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    report = json.loads(done.stdout)
    assert report["ok"] == (code == 0), report
    return report
