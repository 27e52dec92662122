"""Runs the sessions of tests/cli/*.txt; their format is in tests/cli/README.md."""
import os
import pathlib
import re
import subprocess

import pytest
from conftest import SOURCE, VEDATILE, check_clean

CASES = sorted((pathlib.Path(__file__).parents[1] / "cli").glob("*.txt"))


class Step:
    def __init__(self, command, line):
        self.command = command
        self.line = line
        self.stdout = []
        self.stderr = []
        self.code = None


def parse(path):
    """The steps of a case file."""
    steps = []
    step = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if step is None:
            if line.startswith("$ "):
                step = Step(line[2:], number)
            else:
                assert not line or line.startswith("#"), f"{path}:{number}: not in a step: {line}"
        elif re.fullmatch(r"exit \d+", line):
            step.code = int(line[5:])
            steps.append(step)
            step = None
        elif line == "!" or line.startswith("! "):
            step.stderr.append(line[2:])
        else:
            assert not line.startswith("$ "), f"{path}:{number}: the step before has no exit line"
            step.stdout.append(line[1:] if line.startswith("\\") else line)
    assert step is None, f"{path}: the last step has no exit line"
    return steps


def matches(expected, text):
    """Whether the lines of `text` are the expected ones, `...` being anything."""
    pattern = ""
    for line in expected:
        if line == "...":
            pattern += r"(?:.*\n)*"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("...")) + r"\n"
    if text and not text.endswith("\n"):
        text += "\n"
    return re.fullmatch(pattern, text) is not None


class Session:
    """One file's folder and the results of its steps so far."""

    def __init__(self, path, folder):
        self.steps = parse(path)
        self.results = []
        self.folder = folder / "work"
        self.folder.mkdir()
        (self.folder / "data").symlink_to(SOURCE / "data")
        programs = folder / "bin"
        programs.mkdir()
        (programs / "vedatile").symlink_to(VEDATILE)
        self.env = {**os.environ, "DATA": str(SOURCE / "data"),
                    "PATH": f"{programs}:{os.environ['PATH']}"}

    def result(self, index):
        while len(self.results) <= index:
            step = self.steps[len(self.results)]
            self.results.append(subprocess.run(
                ["sh", "-c", step.command], cwd=self.folder, env=self.env, capture_output=True,
                text=True, timeout=300, check=False, stdin=subprocess.DEVNULL))
        return self.results[index]


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    opened = {}

    def session(path):
        if path not in opened:
            opened[path] = Session(path, tmp_path_factory.mktemp(path.stem))
        return opened[path]

    return session


def all_steps():
    for path in CASES:
        for index, step in enumerate(parse(path)):
            yield pytest.param(path, index, id=f"{path.stem}:{step.line}")


@pytest.mark.parametrize("path, index", all_steps())
def test_step(sessions, path, index):
    step = sessions(path).steps[index]
    done = sessions(path).result(index)
    check_clean(done.stderr)
    said = f"$ {step.command}\n{done.stdout}--- stderr\n{done.stderr}--- exit {done.returncode}"
    assert done.returncode == step.code, said
    assert matches(step.stderr, done.stderr), said
    assert matches(step.stdout, done.stdout), said


def test_wildcards():
    assert matches([], "")
    assert not matches([], "x\n")
    assert matches(["a...c"], "abbc\n")
    assert not matches(["a...c"], "ab\nc\n")
    assert matches(["...", "b", "..."], "a\nb\n")
    assert matches(["..."], "")
    assert matches(["1.5 (x)"], "1.5 (x)")
    assert not matches(["1.5"], "125\n")
