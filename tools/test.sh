#!/bin/sh
# Builds twice (build-test: ASan and UBSan; build: release) and runs all tests in both.
# Arguments go to meson setup: tools/test.sh -Dwerror=true
# The last line is `N passed, N failed, N skipped`, counted in test cases; the exit status is 0
# only when some ran and none failed.
set -u
cd "$(dirname "$0")/.."

configure() { # configure FOLDER ARGUMENT...: a new build folder, or new options for an old one
    folder=$1
    shift
    if [ -f "$folder/build.ninja" ]; then
        meson setup --reconfigure "$folder" "$@"
    else
        meson setup "$folder" "$@"
    fi
}

give_up() {
    echo "test: $1" >&2
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
}

sh tools/setup.sh all || give_up "packages are missing"
configure build-test --buildtype=debugoptimized -Dtests=true -Dtools=true \
    -Db_sanitize=address,undefined -Db_lundef=false "$@" || give_up "cannot configure build-test"
configure build --buildtype=release -Dtests=true -Dtools=true "$@" || give_up "cannot configure build"
ninja -C build-test || give_up "cannot build build-test"
ninja -C build || give_up "cannot build build"

# Whether the tests passed is for count_tests.py to say, from the logs of this run.
rm -f build-test/meson-logs/testlog.json build/meson-logs/testlog.json
meson test -C build-test --no-rebuild --print-errorlogs
meson test -C build --no-rebuild --print-errorlogs
exec /usr/bin/python3 tools/count_tests.py build-test build
