#!/usr/bin/env python3
"""Makes the Python environment of the peers.

    python3 bench/eval/setup.py FOLDER [pip's options]     a new environment, or one more try in an old one

Every package of peers.txt is installed by itself, so that one that fails leaves its peer out and nothing
else; run.py tells which are missing. Options go to pip: --find-links FOLDER where wheels are at hand,
--index-url for a torch without CUDA's libraries.
"""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def packages():
    lines = (HERE / "peers.txt").read_text(encoding="utf-8").splitlines()
    return [name for name in (line.split("#")[0].strip() for line in lines) if name]


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    folder, options = pathlib.Path(sys.argv[1]), sys.argv[2:]
    pip = folder / "bin/pip"
    if not pip.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    for name in packages():
        done = subprocess.run([str(pip), "install", *options, name], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            reason = [line.strip() for line in done.stderr.splitlines() if line.strip()][-3:]
            print(f"{name}: did not install\n    " + "\n    ".join(reason))
    print(f"run with: python3 bench/eval/run.py --python {folder / 'bin/python'}")


if __name__ == "__main__":
    main()
