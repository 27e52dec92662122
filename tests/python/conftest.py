"""Fixtures of all pytest suites.

    vedatile    runs the command: vedatile("info", store), vedatile("info", "nosuch.h5", code=1)
    data        folder of the bundled data (data/olinda/...)
    shared      folder of the larger test data; tests that ask for it are skipped where it is absent
    store       a path for a new store in the test's own folder
    olinda      path of a small store fed from the bundled scene: read only, made once a session

Run by meson test, or by hand from the source folder: pytest tests/python (binary in build/).
"""
import os
import pathlib
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(os.environ.get("VEDATILE_SOURCE", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
VEDATILE = os.environ.get("VEDATILE", str(BUILD / "tools/vedatile"))
SHARED = pathlib.Path(os.environ.get("VEDATILE_SHARED_DATA", SOURCE / "../shared/data"))

# What tools/setup.sh has from PyPI.
sys.path += map(str, (SOURCE / "build-venv/lib").glob("python3*/site-packages"))

TOOLS = SOURCE / "build-tools/bin"  # programs that tools/setup.sh has from PyPI

SANITIZER_REPORTS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")


def check_clean(stderr):
    """Fails when a sanitizer had something to say."""
    assert not any(report in stderr for report in SANITIZER_REPORTS), stderr


def run_vedatile(*arguments, code=0, timeout=300, **options):
    """Runs `vedatile ARGUMENTS...`; the exit status must be `code` (None: whatever it is, but no
    crash). Other options go to subprocess.run; `env` is added to the environment."""
    options["env"] = {**os.environ, **options.get("env", {})}
    done = subprocess.run(
        [VEDATILE, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
        check=False, **options)
    check_clean(done.stderr)
    if code is None:
        assert done.returncode in (0, 1, 2), (done.returncode, done.stderr)
    else:
        assert done.returncode == code, (done.args, done.returncode, done.stdout, done.stderr)
    return done


@pytest.fixture(scope="session")
def vedatile():
    return run_vedatile


def tool(name):
    """The path of a program from tests/requirements-tools.txt; skips the test that finds it missing."""
    if not (TOOLS / name).exists():
        pytest.skip(f"no {name}: tools/setup.sh installs it")
    return TOOLS / name


@pytest.fixture(scope="session")
def data():
    return SOURCE / "data"


@pytest.fixture(scope="session")
def shared():
    if not SHARED.is_dir():
        pytest.skip(f"no test data at {SHARED} (set VEDATILE_SHARED_DATA)")
    return SHARED.resolve()


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store.h5"


@pytest.fixture(scope="session")
def olinda(tmp_path_factory):
    path = tmp_path_factory.mktemp("olinda") / "olinda.h5"
    run_vedatile(
        "feed", path, "--image", SOURCE / "data/olinda/scene.tif",
        "--labels", SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO",
        "--task", "classification,detection,segmentation,instance", "--tile", 64, "--match", "all")
    return path
