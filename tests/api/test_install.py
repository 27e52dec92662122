"""What `meson install` puts down is enough to build and run a program against."""
import os
import pathlib
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).parents[2]
BUILD = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], env={**os.environ, **more},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that everything was installed into, and the library's folder in it."""
    root = tmp_path_factory.mktemp("root")
    run("meson", "install", "-C", BUILD, "--no-rebuild", DESTDIR=str(root))
    (library,) = root.rglob("libvedatile.so")
    return root, library.parent


def test_files(installed):
    root, _ = installed
    headers = {path.name for path in root.rglob("include/vedatile/*.h")}
    assert headers == {path.name for path in (SOURCE / "include/vedatile").glob("*.h")}


def test_outside_program(installed, tmp_path):
    root, libraries = installed
    flags = run("pkg-config", "--cflags", "--libs", "vedatile", PKG_CONFIG_SYSROOT_DIR=str(root),
                PKG_CONFIG_PATH=str(libraries / "pkgconfig"))
    program = tmp_path / "outside"
    run("cc", "-std=c11", "-Wall", "-Werror", SOURCE / "tests/api/outside.c", "-o", program,
        *flags.split())
    said = run(program, LD_LIBRARY_PATH=str(libraries))
    assert said.startswith("vedatile ")


def test_installed_command(installed):
    root, libraries = installed
    (command,) = root.rglob("bin/vedatile")
    assert "vedatile" in run(command, "--version", LD_LIBRARY_PATH=str(libraries))
