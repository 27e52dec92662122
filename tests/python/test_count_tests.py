"""tools/count_tests.py, on logs as meson, cmocka and pytest write them."""
import importlib.util
import json
import time

import pytest
from conftest import SOURCE

SPEC = importlib.util.spec_from_file_location("count_tests", SOURCE / "tools/count_tests.py")
count_tests = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(count_tests)

TAP = "1..3\nok 1 - a\nnot ok 2 - b\n# 0x1 != 0x2\nnot ok 3 # SKIP c\n# not ok - t\n"
JUNIT = """<testsuites><testsuite tests="4">
<testcase name="a"/>
<testcase name="b"><failure message="no"/></testcase>
<testcase name="c"><error message="no"/></testcase>
<testcase name="d"><skipped message="no data"/></testcase>
</testsuite></testsuites>"""


def entry(code=0, stdout="", command=("test",)):
    return {"name": "t", "result": "OK", "returncode": code, "stdout": stdout,
            "command": list(command), "starttime": time.time()}


@pytest.mark.parametrize("text, counts", [
    ("no TAP", None),
    ("1..2\nok 1 - a\nok 2 - b\n# ok - all\n", (2, 0, 0)),
    (TAP, (1, 1, 1)),
    ("1..3\nok 1 - a\n", (1, 2, 0)),  # died in the second case
])
def test_tap(text, counts):
    assert count_tests.count_tap(text) == counts


@pytest.mark.parametrize("code, stdout, counts", [
    (0, "", (1, 0, 0)),
    (1, "", (0, 1, 0)),
    (77, "", (0, 0, 1)),
    (0, "1..1\nok 1 - a\n", (1, 0, 0)),
    (1, TAP, (1, 1, 1)),
    (23, "1..1\nok 1 - a\n", (1, 1, 0)),  # a leak report after the last case
    (-11, "1..2\nok 1 - a\n", (1, 1, 0)),
])
def test_exit_status(code, stdout, counts):
    assert count_tests.count_test(entry(code, stdout)) == counts


def test_junit(tmp_path):
    path = tmp_path / "junit.xml"
    command = ("python3", f"--junitxml={path}")
    assert count_tests.count_test(entry(3, command=command)) == (0, 1, 0)  # no file
    path.write_text(JUNIT)
    assert count_tests.count_test(entry(1, command=command)) == (1, 2, 1)
    late = {**entry(1, command=command), "starttime": time.time() + 60}
    assert count_tests.count_test(late) == (0, 1, 0)  # the file of an earlier run


def test_last_line(tmp_path, capsys):
    logs = tmp_path / "meson-logs"
    logs.mkdir()
    for entries, line, status in [
        ([], "0 passed, 0 failed, 0 skipped", 1),
        ([entry(), entry(0, "1..2\nok 1\nok 2\n")], "3 passed, 0 failed, 0 skipped", 0),
        ([entry(), entry(1, TAP)], "2 passed, 1 failed, 1 skipped", 1),
    ]:
        (logs / "testlog.json").write_text("".join(json.dumps(e) + "\n" for e in entries))
        assert count_tests.main([str(tmp_path)]) == status
        assert capsys.readouterr().out.splitlines()[-1] == line


def test_nothing_was_run(tmp_path, capsys):
    assert count_tests.main([str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"
