"""Each mistake of detection.py is caught by one of tests/unit/eval/test_detection*.c.

The sources of src/eval and src/base are compiled once, then the one file that a mistake is in."""
import concurrent.futures
import os
import pathlib
import shlex
import shutil
import subprocess

import pytest
from detection import MUTATIONS

SOURCE = pathlib.Path(__file__).parents[2]
TESTS = [SOURCE / "tests/unit/eval" / name for name in ("test_detection_rules.c", "test_detection.c")]
COMPILER = shlex.split(os.environ.get("CC", "gcc"))
LIBRARIES = ["-lcmocka", "-lgeos_c", "-ljansson", "-lcrypto", "-lisal", "-lm", "-lpthread"]


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


def compile_file(path, folder, *flags):
    output = folder / f"{path.parent.name}_{path.stem}.o"
    run(*COMPILER, "-std=c11", "-D_XOPEN_SOURCE=700", "-DFEW_CASES", "-ffp-contract=off", "-w",
        "-I", SOURCE / "include", "-I", SOURCE / "src", "-c", path, "-o", output, *flags)
    return output


def pass_all(objects, programs, folder):
    """Whether all tests pass with these objects of the library."""
    for program in programs:
        run(*COMPILER, program, *objects, "-o", folder / program.stem, *LIBRARIES)
        done = subprocess.run([folder / program.stem], capture_output=True, check=False, timeout=60)
        if done.returncode != 0:
            return False
    return True


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The right objects, by name of the file, and those of the tests."""
    if shutil.which(COMPILER[0]) is None:
        pytest.skip(f"no {COMPILER[0]}")
    folder = tmp_path_factory.mktemp("objects")
    files = [*sorted((SOURCE / "src/eval").glob("*.c")), *sorted((SOURCE / "src/base").glob("*.c"))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip([path.name if path.parent.name == "eval" else f"base/{path.name}"
                          for path in files], pool.map(lambda path: compile_file(path, folder), files)))
    return found, [compile_file(path, folder, "-O1") for path in TESTS]


def test_without_a_mistake(compiled, tmp_path):
    objects, programs = compiled
    assert pass_all(objects.values(), programs, tmp_path)


@pytest.mark.parametrize("name, right, wrong", [mutation[1:] for mutation in MUTATIONS],
                         ids=[mutation[0] for mutation in MUTATIONS])
def test_mistake_is_caught(compiled, tmp_path, name, right, wrong):
    objects, programs = compiled
    text = (SOURCE / "src/eval" / name).read_text()
    assert right in text, f"src/eval/{name} has not \"{right}\": write the mistake anew"
    folder = tmp_path / "eval"
    folder.mkdir()
    (folder / name).write_text(text.replace(right, wrong))
    mutated = {**objects, name: compile_file(folder / name, tmp_path)}
    assert not pass_all(mutated.values(), programs, tmp_path)
