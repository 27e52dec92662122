"""Every public header compiles alone, as C11 and as C++17, by each compiler that is there."""
import pathlib
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).parents[2]
HEADERS = sorted((SOURCE / "include/vedatile").glob("*.h"))
LANGUAGES = {
    "c11": ["-x", "c", "-std=c11", "-Wstrict-prototypes"],
    "c++17": ["-x", "c++", "-std=c++17"],
}


def compile_text(compiler, language, text):
    return subprocess.run(
        [compiler, *LANGUAGES[language], "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
         "-I", SOURCE / "include", "-"],
        input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_header_alone(header, compiler, language):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    use = "int main(void) { return 0; }\n"
    done = compile_text(compiler, language, f"#include <vedatile/{header.name}>\n{use}")
    assert done.returncode == 0, done.stderr


def test_broken_header_is_caught():
    assert compile_text("gcc", "c11", "size_t vdt_nothing(void);\n").returncode != 0


def test_umbrella_names_every_header():
    text = (SOURCE / "include/vedatile/vedatile.h").read_text()
    installed = (SOURCE / "include/meson.build").read_text()
    for header in HEADERS:
        assert f"'vedatile/{header.name}'" in installed
        if header.name != "vedatile.h":
            assert f'#include "vedatile/{header.name}"' in text
