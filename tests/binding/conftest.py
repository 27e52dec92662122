"""Fixtures of the Python package's tests. Stores are made with the command, as tests/python does.

    olinda      path of a small store with all tasks, fed from the bundled scene: 25 samples, train
    many        path of a store of 100 samples of 32 pixels with all tasks, in train and test
    wide        path of a store with uint16 images, segmentation only, compressed
    arrays      arrays(path, group): what h5py reads of it
    run_python  runs Python code in a process of its own

meson test sets PYTHONPATH to the package in the build folder; by hand:
PYTHONPATH=build/tools/python pytest tests/binding.
"""
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parents[1]

spec = importlib.util.spec_from_file_location("command_conftest", TESTS / "python/conftest.py")
command = importlib.util.module_from_spec(spec)
spec.loader.exec_module(command)
run_vedatile, SOURCE, BUILD = command.run_vedatile, command.SOURCE, command.BUILD
olinda, data, shared, store = command.olinda, command.data, command.shared, command.store
SHARED = command.SHARED
sys.path.insert(0, str(TESTS / "python"))

PACKAGE = BUILD / "tools/python"
if not (PACKAGE / "vedatile/_vedatile.abi3.so").exists():
    pytest.skip(f"no Python package in {PACKAGE}", allow_module_level=True)
sys.path.insert(0, str(PACKAGE))

import big  # noqa: E402
import h5py  # noqa: E402

SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    scene = big.make_scene(folder / "scene.tif", 320, 320, bands=3)
    labels = big.make_labels(folder / "labels.geojson", 320, 320, 150)
    run_vedatile("feed", folder / "many.h5", "--image", scene, "--labels", labels, *big.ALL_TASKS,
                 "--class-field", "kind", "--tile", 32, "--match", "all",
                 "--split", "train=0.7,test=0.3", "--split-by", "random", "--codec", "raw")
    return folder / "many.h5"


@pytest.fixture(scope="session")
def wide(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide")
    scene = big.make_scene(folder / "scene.tif", 256, 256, bands=4, dtype="uint16", seed=2)
    labels = big.make_labels(folder / "labels.geojson", 256, 256, 40, seed=3)
    run_vedatile("feed", folder / "wide.h5", "--image", scene, "--labels", labels, "--task",
                 "segmentation", "--class-field", "kind", "--tile", 64, "--match", "all",
                 "--codec", "deflate")
    return folder / "wide.h5"


@pytest.fixture(scope="session")
def arrays():
    def read(path, group="train"):
        found = {}
        with h5py.File(path, "r") as file:
            file[group].visititems(
                lambda name, item: found.update({name: item[()]}) if hasattr(item, "shape") else None)
        return found
    return read


@pytest.fixture(scope="session")
def run_python():
    def run(code, *arguments, code_wanted=0, timeout=300, **options):
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], env=environment,
                              capture_output=True, text=True, timeout=timeout, check=False,
                              **options)
        command.check_clean(done.stderr)
        assert done.returncode == code_wanted, (done.returncode, done.stdout, done.stderr)
        return done.stdout
    return run
