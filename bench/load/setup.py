#!/usr/bin/env python3
"""Makes the Python environment of the peers.

    python3 bench/load/setup.py FOLDER            a new environment, or one more try in an old one

Every package of peers.txt is installed by itself, so that one that fails leaves its peer out and
nothing else. What failed, and the last lines of why, is printed at the end and kept in
FOLDER/failed.json, where run.py finds it. About 7 GB: torch comes with its CUDA libraries.
"""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
REASON_LINES = 6


def packages():
    """The two lists of peers.txt: what pip installs as it is, and what FFCV imports."""
    lists = {"": []}
    section = ""
    for line in (HERE / "peers.txt").read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            section = line.strip("[]")
            lists[section] = []
        elif line:
            lists[section].append(line)
    return lists


def install(folder, *arguments):
    """None, or the last lines of what pip said."""
    done = subprocess.run([str(folder / "bin/pip"), "install", *arguments], capture_output=True,
                          text=True, check=False)
    if done.returncode == 0:
        return None
    return [line.strip() for line in (done.stdout + done.stderr).splitlines()
            if line.strip()][-REASON_LINES:]


def install_all(folder):
    lists = packages()
    # Together first: one answer of the resolver, without versions that fight each other.
    failed = {}
    if install(folder, *lists[""]) is not None:
        for name in lists[""]:
            failed[name] = install(folder, name)
    failed["ffcv"] = (install(folder, "setuptools", "wheel", *lists["ffcv"]) or
                      install(folder, "--no-deps", "--no-build-isolation", "ffcv"))
    return {name: reason for name, reason in failed.items() if reason is not None}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    if not (folder / "bin/pip").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    failed = install_all(folder)
    (folder / "failed.json").write_text(json.dumps(failed, indent=1) + "\n", encoding="utf-8")
    for name, reason in failed.items():
        print(f"{name}: did not install\n    " + "\n    ".join(reason))
    print(f"run with: python3 bench/load/run.py --python {folder / 'bin/python'}")


if __name__ == "__main__":
    main()
