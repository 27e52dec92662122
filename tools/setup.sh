#!/bin/sh
# Installs what is missing of tools/packages.txt with apt-get, and for the tests what is missing of
# tests/requirements.txt (libraries, in build-venv/) and tests/requirements-tools.txt (programs with
# dependencies of their own, in build-tools/) with pip.
# usage: tools/setup.sh [build|test|all]     (default: all)
set -eu

section=${1:-all}
case $section in
build | test | all) ;;
*)
    echo "usage: tools/setup.sh [build|test|all]" >&2
    exit 2
    ;;
esac
tools=$(dirname "$0")
list=$tools/packages.txt

wanted() { # names of the section asked for, one a line ([test] comes on top of [build])
    awk -v section="$section" '
        { sub(/#.*/, "") }
        /^\[.*\]/ { current = substr($1, 2, length($1) - 2); next }
        NF > 0 && (section == "all" || section == "test" || current == section) { print $1 }
    ' "$list"
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

give_up() {
    echo "setup: $1" >&2
    echo "setup: these packages are missing:$missing" >&2
    exit 1
}

# venv FOLDER LIST OPTIONS...: a virtual environment with what the list has; OPTIONS before -- are
# venv's, those behind it pip's.
venv() {
    folder=$tools/../$1
    list_of=$tools/../tests/$2
    shift 2
    cmp -s "$list_of" "$folder/installed.txt" && return
    venv_options=
    while [ "$1" != -- ]; do
        venv_options="$venv_options $1"
        shift
    done
    shift
    # The options are words on purpose.
    # shellcheck disable=SC2086
    if /usr/bin/python3 -m venv $venv_options "$folder" &&
        "$folder/bin/pip" install --quiet "$@" -r "$list_of"; then
        cp "$list_of" "$folder/installed.txt"
    else
        echo "setup: no $folder (is the network there?); tests that need it are skipped" >&2
    fi
}

peers() { # other people's results for the tests; they are skipped without
    [ "$section" = build ] && return
    venv build-venv requirements.txt --system-site-packages -- --no-deps
    venv build-tools requirements-tools.txt --
}

missing=
if ! command -v dpkg-query >/dev/null; then
    for package in $(wanted); do missing="$missing $package"; done
    give_up "this is no Debian system; install the like of these yourself, then run meson (README.md)"
fi
for package in $(wanted); do
    installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    peers
    echo "setup: all packages are there"
    exit 0
fi

command -v apt-get >/dev/null || give_up "there is no apt-get"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || give_up "run it as root: there is no sudo"
    as_root=sudo
fi

echo "setup: installing$missing"
$as_root apt-get -q update || echo "setup: apt-get update failed; trying with the old lists" >&2
# $missing is a list of words on purpose.
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing ||
    give_up "apt-get could not install them (is the network there?)"
peers
echo "setup: done"
