#!/usr/bin/env python3
"""Measures whether a tile's cost depends on how many features the label file has.

    python3 bench/feed/features.py --stores /dev/shm     1,000, 100,000 and 1,000,000 features

Each label file covers a square scene of its own that has as many features a tile as the others: the
more features, the larger the scene. Some 1,000 windows spread over the whole of it are fed.

- With pixels: a feature a tile. The scenes are mosaics (VRT) of the same image of 8192 x 8192
  pixels, tiled deflate, and windows lie on blocks, so that each decodes a block of its own.
- Labels alone: 24 features a tile. The scenes are holes (a sparse GeoTIFF), and what a feed of the
  same windows without labels takes is taken off.

Reading the labels is measured apart, by --dry-run. Needs what run.py needs.
"""
import argparse
import json
import math
import random
import sys

from common import TILE, add_shared, call, feed, measure, middle, parse, parser_of, print_machine
from run import make_scene

TILES = {"pixels": 1024, "labels": 4096}  # about, that are fed
PER_TILE = {"pixels": 1, "labels": 24}     # features with their middle in a tile
IMAGE = 8192                               # pixels a side
CLASSES = ["house", "shed", "apartment"]
DEGREES = 180 / math.pi / 6378137          # of a metre, in EPSG:3857

SOURCE = """<SimpleSource><SourceFilename>{path}</SourceFilename><SourceBand>{band}</SourceBand>
<SrcRect xOff="0" yOff="0" xSize="{side}" ySize="{side}"/>
<DstRect xOff="{col}" yOff="{row}" xSize="{side}" ySize="{side}"/></SimpleSource>
"""

HOLES = """
import rasterio, sys
size = int(sys.argv[2])
with rasterio.open(sys.argv[1], "w", driver="GTiff", width=size, height=size, count=3,
                   dtype="uint8", tiled=True, compress="deflate", SPARSE_OK=True, BIGTIFF="YES",
                   crs="EPSG:3857", transform=rasterio.Affine(1, 0, 0, 0, -1, size)):
    pass
"""


def lonlat(x, y):
    latitude = math.degrees(2 * math.atan(math.exp(y / 6378137)) - math.pi / 2)
    return f"[{x * DEGREES:.9f},{latitude:.9f}]"


def write_labels(path, count, size):
    """Buildings of 4 to 8 corners, 10 to 40 pixels across, evenly over the scene."""
    rng = random.Random(1)
    part = path.with_suffix(".part")
    with open(part, "w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[\n')
        for number in range(count):
            x, y, radius = rng.random() * size, rng.random() * size, 5 + 15 * rng.random()
            corners, turn = rng.randint(4, 8), rng.random()
            angles = [turn + 2 * math.pi * k / corners for k in range(corners)]
            ring = [lonlat(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]
            file.write('{"type":"Feature","properties":{"id":%d,"class":"%s"},"geometry":'
                       '{"type":"Polygon","coordinates":[[%s]]}}%s\n'
                       % (number, rng.choice(CLASSES), ",".join(ring + ring[:1]),
                          "," if number + 1 < count else ""))
        file.write("]}\n")
    part.rename(path)


def write_mosaic(path, image, size):
    """The image again and again, on the grid of the labels."""
    bands = []
    for band in (1, 2, 3):
        sources = [SOURCE.format(path=image, band=band, side=IMAGE, col=col, row=row)
                   for row in range(0, size, IMAGE) for col in range(0, size, IMAGE)]
        bands.append(f'<VRTRasterBand dataType="Byte" band="{band}" blockXSize="256" '
                     f'blockYSize="256">{"".join(sources)}</VRTRasterBand>\n')
    path.write_text(f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><SRS>EPSG:3857</SRS>'
                    f'<GeoTransform>0, 1, 0, {size}, 0, -1</GeoTransform>\n'
                    f'{"".join(bands)}</VRTDataset>\n', encoding="utf-8")


def make(options, kind, count):
    """Scene, label file and stride."""
    side = math.ceil(math.sqrt(count / PER_TILE[kind]))
    labels = options.work / f"features-{kind}-{count}.geojson"
    scene = options.work / f"features-{kind}-{count}.{'vrt' if kind == 'pixels' else 'tif'}"
    if kind == "pixels":
        write_mosaic(scene, make_scene(options, "deflate", IMAGE)[0].resolve(), side * TILE)
    elif not scene.exists():
        call(options.python, "-c", HOLES, scene, side * TILE)
    if not labels.exists():
        print(f"making {labels} ...", file=sys.stderr)
        write_labels(labels, count, side * TILE)
    step = side / math.sqrt(TILES[kind])
    if kind == "labels":
        return scene, labels, max(int(step * TILE), 1)
    # Odd, so that windows meet all blocks of the image and not always the same ones.
    return scene, labels, max(int(step) // 2 * 2 + (1 if step < 2 else -1), 1) * TILE


def measure_round(options, scene, labels, stride):
    extra = ["--stride", stride, "--json"]
    feeds = {"whole": (labels, []), "plan": (labels, ["--dry-run"]), "pixels": (None, []),
             "start": (None, ["--dry-run"])}
    one = {name: measure(*feed(options, scene, given, *extra, *more))
           for name, (given, more) in feeds.items()}
    report = json.loads(one["whole"]["text"])
    tiles = report["written"]
    result = {"boxes": report["boxes"] / tiles, "memory": one["whole"]["memory"]}
    for what in ("seconds", "cpu"):
        run = {name: one[name][what] for name in one}
        result[what] = {
            "labels": run["plan"] - run["start"], "tile": (run["whole"] - run["plan"]) / tiles,
            "pixels": (run["pixels"] - run["start"]) / tiles}
        result[what]["rest"] = result[what]["tile"] - result[what]["pixels"]
    return result


def run_kind(options, kind, counts):
    made = {count: make(options, kind, count) for count in counts}
    runs = {count: [] for count in counts}
    for number in range(options.repeats):
        for count, (scene, labels, stride) in made.items():
            print(f"{kind}, {count} features, round {number + 1}", file=sys.stderr)
            runs[count].append(measure_round(options, scene, labels, stride))
    key = "tile" if kind == "pixels" else "rest"
    title = "tiles/s" if kind == "pixels" else "tiles/s were there no pixels"
    print(f"\n**{kind}**: {PER_TILE[kind]} a tile\n\n| features | boxes a tile | reading the "
          f"labels, s | {title} | to the first | microseconds of a processor a tile | to the first "
          "| peak MB |\n|---|---|---|---|---|---|---|---|")
    first = None
    for count, rounds in runs.items():
        clock, cpu = [middle(one[what][key] for one in rounds) for what in ("seconds", "cpu")]
        first = first or (clock, cpu)
        print(f"| {count:,} | {rounds[0]['boxes']:.1f} | "
              f"{middle(one['seconds']['labels'] for one in rounds):.2f} | {1 / clock:.0f} | "
              f"{100 * first[0] / clock:.0f} % | {1e6 * cpu:.0f} | {100 * first[1] / cpu:.0f} % | "
              f"{max(one['memory'] for one in rounds) / 1e6:.0f} |", flush=True)


def main():
    parser = parser_of(__doc__)
    add_shared(parser)
    parser.add_argument("--polygons", type=int, default=100000, help=argparse.SUPPRESS)
    parser.add_argument("--counts", default="1000,100000,1000000")
    options = parse(parser)
    print_machine(options)
    for kind in TILES:
        run_kind(options, kind, [int(count) for count in options.counts.split(",")])
    (options.stores / "bench.h5").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
