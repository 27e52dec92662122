"""Runs what README.md, ARCHITECTURE.md and docs/*.md show, and compares them with the program.

    ```console       commands after `$ ` (a line that ends with \\ goes on) and all that they print,
                     standard output and error; `...` stands for any text or any lines
    ```c FILE        a file (also python, json) that the blocks after it use; a program in C that is
                     also in tools/examples must be the same there
    ```c             a quotation of a program in tools/examples
    ```text          not run

The blocks of a page run in order in one fresh folder, in which `data` is the repository's, and
`tools/examples` where a command names it. A command whose last line shown is an error
(`vedatile feed: ...`) must fail, all others must not.

A page that names $CATALOG gets a server of the catalog there, and users ana and bruno.

The tables of docs/commands.md are made from --help. After a change of options:
    VEDATILE_BUILD=build python3 tests/python/test_docs.py --write
"""
import importlib.util
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import BUILD, SOURCE, VEDATILE, check_clean
from server import Server
from test_cli_cases import matches

PAGES = [SOURCE / "README.md", SOURCE / "ARCHITECTURE.md",
         *sorted((SOURCE / "docs").glob("*.md"))]
EXAMPLES = SOURCE / "tools/examples"
PACKAGE = BUILD / "tools/python/vedatile/_vedatile.abi3.so"
COMMANDS_PAGE = SOURCE / "docs/commands.md"
FILE_LANGUAGES = ("c", "python", "json")
HELP_COLUMN = 29

# Words that DESIGN replaces by others. HDF5, GDAL and the kernel have caches of their own.
FORBIDDEN = re.compile(
    r"\b(chips?|patch(es)?|datums?|pairs?|collections?|(?<!page )(?<!block )caches?)\b", re.I)


# --- pages ---------------------------------------------------------------------------------------

class Block:
    def __init__(self, page, line, info, lines):
        self.page = page
        self.line = line
        self.language, _, self.name = info.partition(" ")
        self.lines = lines

    @property
    def text(self):
        return "".join(line + "\n" for line in self.lines)


class Step:
    def __init__(self, block, line, command):
        self.block = block
        self.line = line
        self.command = command
        self.shown = []

    @property
    def fails(self):
        return bool(self.shown) and re.match(r"(vedatile( \w+)?|batches|train): (?!warning)", self.shown[-1])


def blocks(page):
    """The fenced blocks of a page."""
    found, block = [], None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if block is None:
            if line.startswith("```"):
                block = Block(page, number, line[3:].strip(), [])
        elif line == "```":
            found.append(block)
            block = None
        else:
            block.lines.append(line)
    assert block is None, f"{page.name}:{block.line}: the block does not end"
    return found


def steps(block):
    """The commands of a console block with the lines shown after each."""
    found, more = [], False
    for number, line in enumerate(block.lines, block.line + 1):
        if more:
            found[-1].command += "\n" + line
        elif line.startswith("$ "):
            found.append(Step(block, number, line[2:]))
        else:
            assert found, f"{block.page.name}:{number}: output without a command"
            found[-1].shown.append(line)
            continue
        more = line.endswith("\\")
    return found


def prose(page):
    """The text of a page without its blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def page_commands(page):
    return [" ".join(step.command.replace("\\\n", " ").split())
            for block in blocks(page) if block.language == "console" for step in steps(block)]


ALL_BLOCKS = [block for page in PAGES for block in blocks(page)]


def block_params(wanted):
    return [pytest.param(block, id=f"{block.page.name}:{block.line}")
            for block in ALL_BLOCKS if wanted(block)]


# --- running them --------------------------------------------------------------------------------

def is_sanitized():
    library = BUILD / "libvedatile.so"
    return library.exists() and b"libasan.so" in library.read_bytes()


def lacking(page):
    """What is not there to run a page with, or None."""
    text = page.read_text(encoding="utf-8")
    if "import vedatile" in text and not PACKAGE.exists():
        return f"no Python package: {PACKAGE}"
    if "import torch" in text:
        if is_sanitized():
            return "PyTorch runs without sanitizers"
        if importlib.util.find_spec("torch") is None:
            return "PyTorch is not installed (python3-torch)"
    return None


def programs(folder):
    """A folder for PATH: the command under test, and a compiler that fits a sanitized library."""
    folder.mkdir()
    (folder / "vedatile").symlink_to(VEDATILE)
    for name in "batches", "train":
        (folder / name).symlink_to(BUILD / "tools/examples" / name)
    (folder / "python3").symlink_to("/usr/bin/python3")
    if is_sanitized():
        compiler = folder / "cc"
        compiler.write_text('#!/bin/sh\nexec /usr/bin/cc -fsanitize=address,undefined "$@"\n')
        compiler.chmod(0o755)
        preload = ":".join(
            subprocess.check_output(["/usr/bin/cc", "-print-file-name=" + name], text=True).strip()
            for name in ("libasan.so", "libstdc++.so.6"))
        python = folder / "python3"
        python.unlink()
        python.write_text(f"#!/bin/sh\nexport LD_PRELOAD={preload} PYTHONMALLOC=malloc\n"
                          "export ASAN_OPTIONS=detect_leaks=0\nexec /usr/bin/python3 \"$@\"\n")
        python.chmod(0o755)
    return folder


class Session:
    """One page's folder, and what its commands printed so far."""

    def __init__(self, page, folder):
        self.todo = []
        for block in blocks(page):
            if block.language == "console":
                self.todo += steps(block)
            elif block.language in FILE_LANGUAGES and block.name:
                self.todo.append(block)
        self.results = {}
        self.folder = folder / "work"
        self.folder.mkdir()
        shutil.copytree(SOURCE / "data", self.folder / "data")  # stores name scenes by real paths
        if any("tools/examples/" in command for command in page_commands(page)):
            shutil.copytree(EXAMPLES, self.folder / "tools/examples")
        self.env = {
            **os.environ,
            "PATH": f"{programs(folder / 'bin')}:{os.environ['PATH']}",
            "PKG_CONFIG_PATH": str(BUILD / "meson-uninstalled"),
            "LD_LIBRARY_PATH": str(BUILD),
            "PYTHONPATH": str(BUILD / "tools/python"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.server = None
        if "$CATALOG" in page.read_text(encoding="utf-8"):
            self.start_server(folder)

    def start_server(self, folder):
        """A catalog at $CATALOG with two users, whose tokens are in token.txt and bruno.txt."""
        self.server = Server(folder / "catalog").start()
        for user, name in ("ana", "token.txt"), ("bruno", "bruno.txt"):
            (self.folder / name).write_text(self.server.add_user(user) + "\n", encoding="utf-8")
        self.env.update({"CATALOG": self.server.url, "HOME": str(folder), "XDG_CONFIG_HOME": "",
                         "VEDATILE_URL": "", "VEDATILE_TOKEN": ""})

    def result(self, line):
        while line not in self.results:
            item = self.todo.pop(0)
            if isinstance(item, Block):
                (self.folder / item.name).write_text(item.text, encoding="utf-8")
                continue
            self.results[item.line] = subprocess.run(
                ["sh", "-c", item.command], cwd=self.folder, env=self.env, text=True, timeout=600,
                check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
        return self.results[line]

    def end(self):
        """Ends the page's server, and servers that commands left running: their numbers are in files."""
        if self.server:
            self.server.stop()
        for path in (*self.folder.glob("pid*"), *self.folder.glob("*.pid")):
            try:
                os.kill(int(path.read_text(encoding="ascii")), signal.SIGTERM)
            except ProcessLookupError:
                pass


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    opened = {}

    def session(page):
        if page not in opened:
            opened[page] = Session(page, tmp_path_factory.mktemp(page.stem))
        return opened[page]

    yield session
    for one in opened.values():
        one.end()


@pytest.mark.parametrize("step", [
    pytest.param(step, id=f"{block.page.name}:{step.line}")
    for block in ALL_BLOCKS if block.language == "console" for step in steps(block)])
def test_example(sessions, step):
    page = step.block.page
    if lacking(page):
        pytest.skip(lacking(page))
    done = sessions(page).result(step.line)
    check_clean(done.stdout)
    said = f"$ {step.command}\n{done.stdout}--- exit {done.returncode}"
    assert done.returncode in ((1, 2) if step.fails else (0,)), said
    assert matches(step.shown, done.stdout), said


@pytest.mark.parametrize("block", block_params(lambda block: True))
def test_block_is_run_or_text(block):
    if block.language in FILE_LANGUAGES and block.name:
        named = any(block.name in step.command for other in blocks(block.page)
                    if other.language == "console" and other.line > block.line
                    for step in steps(other))
        assert named, f"no command uses {block.name}"
    else:
        assert not block.name and block.language in ("console", "text", "c"), block.language


@pytest.mark.parametrize("block", block_params(lambda block: block.language == "c"))
def test_c_is_in_examples(block):
    if block.name:
        assert block.text == (EXAMPLES / block.name).read_text(encoding="utf-8")
        return
    quoted = [line.strip() for line in block.lines if line.strip()]
    for path in EXAMPLES.glob("*.c"):
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        lines = [line for line in lines if line]
        if any(lines[i:i + len(quoted)] == quoted for i in range(len(lines))):
            return
    raise AssertionError("these lines are in no program of tools/examples")


def test_quickstart_is_the_demo():
    script = (SOURCE / "tools/demo.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    script = script.replace('"$store"', "olinda.h5").replace("build/demo/", "")
    demo = [" ".join(line.split()) for line in
            re.findall(r"^say_and_do ((?:vedatile|batches) .*)$", script, flags=re.M)]
    shown = page_commands(SOURCE / "docs/quickstart.md")
    assert demo and [command for command in demo if command not in shown] == []


# --- options -------------------------------------------------------------------------------------

def help_text(*command):
    done = subprocess.run([VEDATILE, *command, "--help"], capture_output=True, text=True,
                          timeout=60, check=True)
    return done.stdout


def command_names():
    listed = re.search(r"^commands:\n((?:  \S.*\n)+)", help_text(), flags=re.M)
    return [line.split()[0] for line in listed.group(1).splitlines()]


def options(command):
    """[(head, meaning, default)] of a command, as --help has them."""
    found = []
    for line in help_text(command).splitlines():
        if re.match(r"  (-|[A-Z]+(\.\.\.)? )", line):
            head = line if len(line) <= HELP_COLUMN else line[:HELP_COLUMN]
            if not head.endswith("  ") and len(line) > HELP_COLUMN:
                head = line
            found.append([head.strip(), line[HELP_COLUMN:].strip() if head != line else ""])
        elif found and line.startswith(" " * HELP_COLUMN):
            found[-1][1] = f"{found[-1][1]} {line.strip()}".strip()
        elif found:
            break
    return [(head, *split_default(head, text)) for head, text in found if head != "--help"]


def split_default(head, text):
    if not head.startswith("-") and "default: " not in text:
        return text, "required"
    if text.endswith("(required)"):
        return text[:-len("(required)")].strip(), "required"
    if "default: " in text:
        meaning, default = text.split("default: ")
        return meaning.strip().rstrip(";").strip(), default
    if re.fullmatch(r"--[a-z-]+", head):
        return text, "off"
    absent = re.search(r"; none: (.*)$", text)
    return (text[:absent.start()], f"none: {absent.group(1)}") if absent else (text, "none")


def escape(text):
    return text.replace("\\", "\\\\").replace("|", "\\|")


def table(command):
    rows = ["| option | meaning | default |", "|---|---|---|"]
    for head, meaning, default in options(command):
        code = head.replace("|", "\\|")
        rows.append(f"| `{code}` | {escape(meaning)} | {escape(default)} |")
    return "\n".join(rows)


def marked(command):
    return re.compile(rf"(?<=<!-- options of {command}: made from --help -->\n).*?"
                      r"(?=\n<!-- end -->)", flags=re.S)


@pytest.mark.parametrize("command", command_names())
def test_options_are_documented(command):
    shown = marked(command).search(COMMANDS_PAGE.read_text(encoding="utf-8"))
    assert shown, f"docs/commands.md has no table of {command}"
    assert shown.group(0).splitlines() == table(command).splitlines(), __doc__


def test_documented_commands_exist():
    text = COMMANDS_PAGE.read_text(encoding="utf-8")
    assert re.findall(r"<!-- options of (\w+):", text) == command_names()
    assert re.findall(r"^## vedatile (\w+)$", text, flags=re.M) == command_names()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_in_prose_exist(page):
    known = {"--help", "--version"}
    for command in command_names():
        known |= {word for head, _, _ in options(command)
                  for word in re.findall(r"--[a-z-]+", head)}
    named = {word for code in re.findall(r"`([^`]+)`", prose(page)) if not re.match("meson|python3", code)
             for word in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code)}
    assert named <= known, named - known


# --- words and links -----------------------------------------------------------------------------

def texts():
    for page in PAGES:
        yield pytest.param(page.read_text(encoding="utf-8"), id=page.name)
    for header in sorted((SOURCE / "include/vedatile").glob("*.h")):
        yield pytest.param(header.read_text(encoding="utf-8"), id=header.name)
    for command in [(), *((name,) for name in command_names())]:
        yield pytest.param(help_text(*command), id="--".join(("help", *command)))


@pytest.mark.parametrize("text", texts())
def test_words(text):
    # HTTP's method, and valor's word as valor writes it
    flat = re.sub(r"\bPATCH\b|`Datum`", "", " ".join(text.split()))
    assert [found.group(0) for found in FORBIDDEN.finditer(flat)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_no_place_of_one_machine(page):
    assert re.findall(r"(?<![\w.])/(?:tmp|home|root|work)/\S*", page.read_text("utf-8")) == []


def anchors(page):
    """What GitHub makes of the headings."""
    names = re.findall(r"^#+ (.*)$", prose(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


def test_folder_table():
    rows = [line.split() for line in (SOURCE / "src/folders.txt").read_text("utf-8").splitlines()
            if line and not line.startswith("#")]
    text = (SOURCE / "ARCHITECTURE.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `src/(\w+)` \|[^|]*\| ([^|]*) \|", text, flags=re.M)
    assert [(name, may.replace(", ", ",")) for name, may in shown] == [(r[0], r[1]) for r in rows]


def test_every_page_is_in_the_index():
    index = (SOURCE / "docs/README.md").read_text(encoding="utf-8")
    pages = [page.name for page in PAGES if page.parent.name == "docs" and page.name != "README.md"]
    assert [name for name in pages if f"({name})" not in index] == []


# --- writing the tables --------------------------------------------------------------------------

def write():
    text = COMMANDS_PAGE.read_text(encoding="utf-8")
    for command in command_names():
        text, count = marked(command).subn(lambda _, name=command: table(name), text, count=1)
        assert count == 1, f"docs/commands.md: no place for the table of {command}"
    COMMANDS_PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    write()
