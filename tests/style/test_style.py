"""The limits that are kept by machine: includes, sizes, names, layout, what library code may call."""
import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
FUNCTION_LINES = 100
FILE_LINES = 800


def files(folders, *patterns):
    """Paths from the source folder, as text."""
    found = (path for folder in folders for pattern in patterns
             for path in (SOURCE / folder).rglob(pattern))
    return sorted(str(path.relative_to(SOURCE)) for path in found)


C_FILES = files(["include", "src", "tools", "tests", "bench"], "*.c", "*.h")
CODE_FILES = C_FILES + files(["tools", "tests", "bench"], "*.py", "*.sh")


def check_includes(folder, names):
    return subprocess.run(
        ["awk", "-f", SOURCE / "tests/style/check_includes.awk", SOURCE / "src/folders.txt", *names],
        cwd=folder, capture_output=True, text=True, check=False)


def test_includes():
    names = [name for name in C_FILES if not name.startswith("tests/")]
    done = check_includes(SOURCE, names)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name, line, complaint", [
    ("src/tile/x.c", '#include "store/h5.h"', "tile/ may not include store/h5.h"),
    ("src/tile/x.c", "#include <store/h5.h>", "tile/ may not include store/h5.h"),
    ("src/tile/x.c", '#include "x.h"', "tile/ may not include x.h"),
    ("src/tile/x.c", '#include "../base/error.h"', "write includes from a root, not from ../"),
    ("src/feed/x.c", "# include <hdf5.h>", "hdf5 headers belong to store/"),
    ("src/store/x.c", "#include <curl/curl.h>", "curl headers belong to catalog/"),
    ("src/store/x.c", "#include <zmq.h>", "no folder owns zmq.h"),
    ("src/new/x.c", '#include "new/x.h"', "src/new/ is not in src/folders.txt"),
    ("tools/vedatile/x.c", '#include "store/h5.h"', "tools/ may not include src/store/"),
    ("include/vedatile/x.h", "#include <gdal.h>", "a public header may not include gdal.h"),
])
def test_illegal_include_is_caught(tmp_path, name, line, complaint):
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(f"#include <stdint.h>\n{line}\n")
    done = check_includes(tmp_path, [name])
    assert done.returncode == 1
    assert complaint in done.stdout


def own_includes(name):
    text = (SOURCE / name).read_text()
    return [f"src/{path}" for path in re.findall(r'#include "([^"]+)"', text)]


def library_headers(name, seen=None):
    """Third-party headers that a file gets to see, through our own ones too."""
    seen = set() if seen is None else seen
    seen.add(name)
    found = set(re.findall(r"#include <((?:hdf5|H5|gdal|ogr|cpl|proj|geos)[^>]*)>",
                           (SOURCE / name).read_text()))
    for header in own_includes(name):
        if header not in seen and (SOURCE / header).exists():
            found |= library_headers(header, seen)
    return found


@pytest.mark.parametrize("name", files(["src"], "*.c"))
def test_no_library_leaks_through_headers(name):
    owner = {"store": ("hdf5", "H5"), "source": ("gdal", "ogr", "cpl", "proj", "geos"),
             "eval": ("geos",)}
    own = owner.get(name.split("/")[1], ())
    assert [header for header in library_headers(name) if not header.startswith(own)] == []


def test_leak_is_seen():
    assert "hdf5.h" in library_headers("src/store/column.c")


def long_functions(text):
    """(line, length) of function bodies over the limit; clang-format puts both braces in column 0."""
    start = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                yield start, number - start - 1
            start = None


def test_function_length():
    found = [f"{name}:{line}: {length} lines" for name in C_FILES
             for line, length in long_functions((SOURCE / name).read_text())]
    assert not found, f"functions over {FUNCTION_LINES} lines:\n" + "\n".join(found)


def test_long_function_is_caught():
    body = "    x++;\n" * (FUNCTION_LINES + 1)
    assert list(long_functions("void f(void)\n{\n" + body + "}\n")) == [(2, FUNCTION_LINES + 1)]
    assert not list(long_functions("void f(void)\n{\n" + body[9:] + "}\n"))


def test_file_length():
    sizes = {name: (SOURCE / name).read_text().count("\n") for name in CODE_FILES}
    found = [f"{name}: {lines} lines" for name, lines in sizes.items() if lines > FILE_LINES]
    assert not found, f"files over {FILE_LINES} lines:\n" + "\n".join(found)


def code_of(text):
    """C text without comments and string contents; line breaks stay."""
    def blank(match):
        return "\n" * match.group().count("\n") if match.group().startswith("/") else '""'
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.DOTALL)


FORBIDDEN = re.compile(
    r"\b(?:printf|puts|putchar|perror|exit|_exit|abort|getenv|secure_getenv|setenv|putenv)\s*\("
    r"|\b(?:stdout|stderr)\b")


# Processes that the library forks end in it, too.
PROCESSES = {"src/server/draw/draw.c": "_exit(", "src/server/draw/zygote.c": "_exit("}


def test_library_neither_prints_nor_exits_nor_reads_the_environment():
    found = [f"{name}:{number}: {match.group()}" for name in files(["src"], "*.c", "*.h")
             for number, line in enumerate(code_of((SOURCE / name).read_text()).splitlines(), 1)
             for match in FORBIDDEN.finditer(line) if match.group() != PROCESSES.get(name)]
    assert not found, "\n".join(found)


def test_forbidden_call_is_caught():
    assert FORBIDDEN.search(code_of('x = 1; printf("no");'))
    assert FORBIDDEN.search(code_of("fputs(text, stderr);"))
    assert not FORBIDDEN.search(code_of('/* exit(1) */ fail("exit(1)"); vsnprintf(a, b, c, d);'))


def test_names_have_the_prefix():
    objects = sorted(BUILD.glob("libvedatile.so*.p/**/*.o"))
    if not objects:
        pytest.skip(f"no objects of the library in {BUILD}")
    done = subprocess.run(["nm", "--defined-only", "--extern-only", "--format=posix", *objects],
                          capture_output=True, text=True, check=True)
    names = {line.split()[0] for line in done.stdout.splitlines() if len(line.split()) > 2}
    assert names
    assert not [name for name in sorted(names) if not name.startswith("vdt_")]


@pytest.mark.parametrize("name", C_FILES)
def test_layout(name):
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", name], cwd=SOURCE,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
