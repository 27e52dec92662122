#!/usr/bin/env python3
"""Measures how long label files of a million features take, beside OGR.

    python3 bench/feed/labels.py                        1,000,000 features, 5 rounds
    python3 bench/feed/labels.py --features 100000      a smaller file

Writes GeoJSON files of buildings as open data has them (5 to 9 corners, 9 decimals, 10 properties),
and a small scene. Each round runs `vedatile feed --dry-run` on every file, once as it is and once
with GDAL's prefix that makes the command leave the file to OGR; the same with a file of one feature,
whose time is taken off. Also OGR alone: a C program that asks for every feature and does nothing with
it (limit.c). All runs of a round are taken one after the other, ratios within a round; the median
is printed. Needs numpy, GDAL for Python (--python) and a C compiler with GDAL's headers.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]

SCENE = """
import sys
from osgeo import gdal, osr
crs = osr.SpatialReference()
crs.ImportFromEPSG(4326)
made = gdal.GetDriverByName("GTiff").Create(sys.argv[1], 2048, 2048, 1)
made.SetSpatialRef(crs)
made.SetGeoTransform([-43.5, 0.0005, 0, -22.5, 0, -0.0005])
"""


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
    parser.add_argument("--vedatile", type=pathlib.Path, default=build / "tools/vedatile",
                        help="the command, of a build with --buildtype=release")
    parser.add_argument("--work", type=pathlib.Path, default=build / "bench-feed")
    parser.add_argument("--python", default="/usr/bin/python3", help="has GDAL's module")
    parser.add_argument("--features", type=int, default=1000000)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


def feature(number, rng):
    import math
    x, y = -43.4 + rng.random() * 0.8, -23.4 + rng.random() * 0.8
    corners, size = rng.randint(4, 8), 0.0001 + rng.random() * 0.0002
    turn = rng.random()
    ring = [[round(x + size * math.cos(turn + 2 * math.pi * k / corners), 9),
             round(y + size * math.sin(turn + 2 * math.pi * k / corners), 9)]
            for k in range(corners)]
    properties = {
        "osm_id": str(100000000 + number), "class": rng.choice(["house", "shed", "industrial"]),
        "name": None, "type": "building", "area_m2": round(rng.random() * 900, 3),
        "levels": rng.randint(1, 9), "source": "aerial imagery, 2023", "confidence":
        round(rng.random(), 4), "plus_code": f"58{number:09d}+XX", "checked": False}
    return {"type": "Feature", "properties": properties,
            "geometry": {"type": "Polygon", "coordinates": [ring + ring[:1]]}}


def write_files(work, count):
    """The same features as a collection and as a sequence; and one of them alone."""
    import random
    paths = {kind: work / f"labels-{count}.{kind}" for kind in ("geojson", "geojsonl")}
    one = work / "labels-1.geojson"
    if all(path.exists() for path in [*paths.values(), one]):
        return paths, one
    rng = random.Random(1)
    with open(paths["geojson"], "w") as collection, open(paths["geojsonl"], "w") as sequence:
        collection.write('{"type": "FeatureCollection", "name": "buildings", "features": [\n')
        for number in range(count):
            text = json.dumps(feature(number, rng))
            collection.write((",\n" if number else "") + text)
            sequence.write(text + "\n")
        collection.write("\n]}\n")
    one.write_text('{"type": "FeatureCollection", "features": [%s]}'
                   % json.dumps(feature(0, random.Random(1))))
    return paths, one


def timed(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=False)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    paths, one = write_files(options.work, options.features)
    scene = options.work / "labels-scene.tif"
    if not scene.exists():
        subprocess.run([options.python, "-c", SCENE, scene], check=True)
    limit = options.work / "limit"
    flags = [flag for what in ("--cflags", "--libs")
             for flag in subprocess.run(["gdal-config", what], capture_output=True, text=True,
                                        check=True).stdout.split()]
    subprocess.run(["cc", "-O2", "-o", limit, HERE / "limit.c", *flags, "-lpthread"], check=True)
    prefixes = {"geojson": "GeoJSON:", "geojsonl": "GeoJSONSeq:"}

    def feed(labels):
        return timed([options.vedatile, "feed", options.work / "none.h5", "--image", scene,
                      "--labels", labels, "--class-field", "class", "--task",
                      "detection", "--match", "all", "--dry-run"])

    rows = {}
    for _ in range(options.repeats):
        base = feed(one)
        for kind, path in paths.items():
            ours, ogr = feed(path), feed(f"{prefixes[kind]}{path}")
            alone = timed([limit, "features", path])
            rows.setdefault(kind, []).append(
                [(o[0] - base[0], a[0] - base[0], l[0], o[1] - base[1], a[1] - base[1], l[1])
                 for o, a, l in [(ours, ogr, alone)]][0])
    print("| file | MB | own reader, s | through OGR, s | OGR alone, s | through OGR / own "
          "| OGR alone / own | the same in CPU time |")
    print("|---|---|---|---|---|---|---|---|")
    for kind, runs in rows.items():
        median = statistics.median
        print(f"| {kind} | {paths[kind].stat().st_size / 1e6:.0f} | {median(r[0] for r in runs):.2f}"
              f" | {median(r[1] for r in runs):.2f} | {median(r[2] for r in runs):.2f}"
              f" | {median(r[1] / r[0] for r in runs):.1f} | {median(r[2] / r[0] for r in runs):.1f}"
              f" | {median(r[4] / r[3] for r in runs):.1f}, {median(r[5] / r[3] for r in runs):.1f} |")


if __name__ == "__main__":
    main()
