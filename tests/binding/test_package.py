"""`pip install`: a wheel of the tree is complete, works outside the tree, and goes without a trace."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile

import h5py
import pytest
from conftest import SOURCE, run_vedatile

# All that a wheel is made of.
PARTS = ("LICENSE", "README.md", "include", "meson.build", "meson_options.txt", "pyproject.toml",
         "schemas", "src", "tools")
PROJECT = tomllib.loads((SOURCE / "pyproject.toml").read_text())

ONE_EPOCH = """
import json, sys, vedatile
store = vedatile.Store(sys.argv[1])
found = {"samples": 0, "images": 0, "masks": 0}
for x, y in store.loader(batch_size=8, shuffle=True, seed=1):
    found["samples"] += len(x)
    found["images"] += int(x.sum())
    found["masks"] += int(y.sum())
print(json.dumps({**found, "file": vedatile.__file__, "extension": vedatile._vedatile.__file__,
                  "versions": vedatile.versions()}))
"""


def run(*command, cwd, code=0):
    """Runs a command that does not see the package in the build folder."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, check=False,
                          capture_output=True, text=True, timeout=900)
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


def pip(python, *arguments, **options):
    return run(python, "-m", "pip", "--disable-pip-version-check", *arguments, **options)


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """An interpreter with Debian's packages, in an environment of its own."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--system-site-packages", folder, cwd=folder)
    return folder / "bin/python"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, python):
    folder = tmp_path_factory.mktemp("wheel")
    done = pip(python, "download", "--no-deps", "--retries", "0", "--timeout", "20", "-d",
               folder / "needed", *PROJECT["build-system"]["requires"], cwd=folder, code=None)
    if done.returncode != 0:
        pytest.skip("pip reaches no package registry: " + done.stderr.strip().splitlines()[-1])
    tree = folder / "tree"
    tree.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (SOURCE / part).is_dir() else shutil.copy
        copy(SOURCE / part, tree / part)
    pip(python, "wheel", "--no-deps", "-w", folder / "made", tree, cwd=folder)
    (made,) = (folder / "made").iterdir()
    return made


def test_wheel_is_of_the_stable_abi(wheel):
    version = re.escape(PROJECT["project"]["version"])
    assert re.fullmatch(rf"vedatile-{version}-cp311-abi3-linux_\w+\.whl", wheel.name)


def test_wheel_holds_the_package_and_nothing_else(wheel):
    folder = SOURCE / "tools/python"
    wanted = {str(path.relative_to(folder)) for path in (folder / "vedatile").rglob("*")
              if path.suffix in (".py", ".pyi", ".typed")}
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    assert names == wanted | {"vedatile/_vedatile.abi3.so"}


def test_extension_holds_the_library(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as file:
        extension = file.extract("vedatile/_vedatile.abi3.so", tmp_path)
    dynamic = run("readelf", "--dynamic", extension, cwd=tmp_path).stdout
    assert "libhdf5" in dynamic
    assert "libvedatile" not in dynamic and str(tmp_path.parent) not in dynamic
    symbols = run("nm", "--dynamic", "--defined-only", extension, cwd=tmp_path).stdout.split()
    assert [name for name in symbols if name.startswith(("PyInit", "vdt_"))] == ["PyInit__vedatile"]


def test_installed_package(wheel, python, data, store, tmp_path):
    run_vedatile("feed", store, "--image", data / "olinda/scene.tif", "--labels",
                 data / "olinda/sectors.geojson", "--task", "segmentation", "--tile", 64,
                 "--codec", "deflate")
    site = pathlib.Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))",
                            cwd=tmp_path).stdout.strip())
    before = sorted(site.iterdir())
    pip(python, "install", "--no-index", "--no-deps", wheel, cwd=tmp_path)
    found = json.loads(run(python, "-c", ONE_EPOCH, store, cwd=tmp_path).stdout)
    assert found.pop("file") == str(site / "vedatile/__init__.py")
    assert found.pop("extension") == str(site / "vedatile/_vedatile.abi3.so")
    assert found.pop("versions").splitlines()[0] == f"vedatile {PROJECT['project']['version']}"
    with h5py.File(store) as file:
        images, masks = file["train/images"][()], file["train/labels/mask"][()]
    assert found == {"samples": len(images), "images": images.sum(), "masks": masks.sum()}

    pip(python, "uninstall", "--yes", "vedatile", cwd=tmp_path)
    assert sorted(site.iterdir()) == before
    run(python, "-c", "import vedatile", cwd=tmp_path, code=1)
