"""The library exports exactly tests/api/exported_symbols.txt, and the headers declare the same.

To change the interface on purpose: python3 tests/api/test_symbols.py > tests/api/exported_symbols.txt
"""
import os
import pathlib
import re
import subprocess

SOURCE = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))


def listed():
    return (SOURCE / "tests/api/exported_symbols.txt").read_text().split()


def declared():
    """Functions that the public headers declare with VDT_API."""
    names = []
    for header in sorted((SOURCE / "include/vedatile").glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
        text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
        names += re.findall(r"\bVDT_API\b[^;{]*?\b(\w+)\s*\(", text)
    return sorted(names)


def test_headers_declare_the_list():
    assert declared() == listed()


def test_library_exports_the_list():
    library = BUILD / "libvedatile.so"
    done = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", library],
                          capture_output=True, text=True, check=True)
    names = {line.split()[0] for line in done.stdout.splitlines()}
    assert sorted(names - {"__bss_start", "_edata", "_end"}) == listed()  # these are the linker's


if __name__ == "__main__":
    print("\n".join(declared()))
