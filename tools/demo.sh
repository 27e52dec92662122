#!/bin/sh
# From nothing to batches: sets up, builds, and feeds the bundled scene of Olinda into a store.
# Run it again: it is quick then, and adds nothing to the store. Output: build/demo/.
set -eu
cd "$(dirname "$0")/.."

say_and_do() {
    echo
    echo "\$ $*"
    "$@"
}

sh tools/setup.sh build
[ -f build/build.ninja ] || say_and_do meson setup build --buildtype=release -Dtests=false
say_and_do ninja -C build

PATH=$PWD/build/tools:$PWD/build/tools/examples:$PATH
mkdir -p build/demo
store=build/demo/olinda.h5

say_and_do vedatile feed "$store" --image data/olinda/scene.tif --labels data/olinda/sectors.geojson \
    --task classification,detection,segmentation --class-field TIPO --tile 64 --stride 32 \
    --match all --split train=0.7,test=0.3 --block-size 3000 --seed 0
say_and_do vedatile info "$store"
say_and_do vedatile check "$store"
say_and_do vedatile stats "$store"
say_and_do vedatile bench "$store" --seconds 1
say_and_do batches "$store" train
say_and_do vedatile show "$store" -o build/demo/sheet.png

echo
echo "The store is $store, its contact sheet build/demo/sheet.png."
