#!/usr/bin/python3
"""Counts the test cases of the last `meson test` in some build folders.

usage: count_tests.py BUILD...

Reads BUILD/meson-logs/testlog.json. A test that speaks TAP counts by its lines, a pytest run by
its JUnit file (named in its command line), any other test as one case. Prints one line a failed
test and, last, `N passed, N failed, N skipped`. Exit status 0 when some passed and none failed.
"""
import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree


def count_tap(text):
    """(passed, failed, skipped) of TAP output, or None when it is none."""
    plan = re.search(r"^1\.\.(\d+)", text, re.MULTILINE)
    if plan is None:
        return None
    passed = failed = skipped = 0
    for ok, rest in re.findall(r"^(ok|not ok)\b(.*)$", text, re.MULTILINE):
        # cmocka 1.1.5 writes "not ok 3 # SKIP name".
        if re.search(r"# *SKIP", rest, re.IGNORECASE):
            skipped += 1
        elif ok == "ok":
            passed += 1
        else:
            failed += 1
    missing = int(plan.group(1)) - passed - failed - skipped
    return passed, failed + max(missing, 0), skipped


def count_junit(path):
    """(passed, failed, skipped) of a JUnit file."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            failed += 1
        elif "skipped" in outcomes:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_test(entry):
    """(passed, failed, skipped) of one line of testlog.json."""
    code = entry.get("returncode", 1)
    counts = count_tap(entry.get("stdout") or "")
    for word in entry.get("command", []):
        if word.startswith("--junitxml="):
            path = word.partition("=")[2]
            # An older file belongs to an earlier run: this one died before it wrote its own.
            fresh = os.path.exists(path) and os.path.getmtime(path) >= int(entry["starttime"])
            counts = count_junit(path) if fresh else (0, 1, 0)
    if counts is None:
        return (0, 0, 1) if code == 77 else (1, 0, 0) if code == 0 else (0, 1, 0)
    passed, failed, skipped = counts
    if code != 0 and failed == 0 and not (skipped > 0 and code == skipped):
        failed = 1  # it died after its last case (a leak report, say)
    return passed, failed, skipped


def count_build(folder):
    """Counts of all tests of one build folder; failed tests are named on stdout."""
    total = [0, 0, 0]
    try:
        with open(os.path.join(folder, "meson-logs", "testlog.json"), encoding="utf-8") as log:
            entries = [json.loads(line) for line in log if line.strip()]
    except FileNotFoundError:
        print(f"{folder}: no tests were run")
        return [0, 1, 0]
    for entry in entries:
        counts = count_test(entry)
        total = [a + b for a, b in zip(total, counts)]
        if counts[1] > 0:
            print(f"{folder}: {entry['name']}: {counts[1]} failed ({entry['result']})")
    return total


def main(folders):
    total = [0, 0, 0]
    for folder in folders:
        total = [a + b for a, b in zip(total, count_build(folder))]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 0 if total[0] > 0 and total[1] == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
