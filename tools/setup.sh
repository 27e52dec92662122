#!/bin/sh
# Installs what is missing of tools/packages.txt with apt-get.
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
list=$(dirname "$0")/packages.txt

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

missing=
if ! command -v dpkg-query >/dev/null; then
    for package in $(wanted); do missing="$missing $package"; done
    give_up "this is no Debian system; install the like of these yourself, then run meson (README.md)"
fi
for package in $(wanted); do
    installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
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
echo "setup: done"
