#!/usr/bin/env python3
"""Measures `vedatile feed` beside GDAL alone and beside a rasterio + h5py loop, on five layouts.

    python3 bench/feed/run.py --stores /dev/shm        all of it: 16384 x 16384 pixels, those of 16
                                                       bits 8192 x 8192, and 100,000 polygons
    python3 bench/feed/run.py --size 8192              smaller scenes with as many polygons
    python3 bench/feed/run.py --memory                 peak memory against the size of the scene

Makes the scenes, checks that the loop does the same job, then runs all contenders one after the
other, --repeats times round, the loop once. Prints Markdown tables; the README beside this file
reads them. Needs ../shared/data (or --shared), gdal_translate, a C compiler with GDAL's headers, and
a Python with numpy, rasterio, shapely and h5py (--python).
"""
import json
import pathlib
import sys

from common import (HERE, TILE, add_shared, call, feed, measure, middle, parse, parser_of,
                    print_machine)

MADE = {  # by make_big_scene.py: (its arguments, share of --size)
    "u8x3": (["--compress", "none"], 1),
    "u16x8": (["--compress", "lzw", "--dtype", "u16", "--layout", "striped"], 1 / 2),
}
TILED = ["-of", "GTiff", "-co", "TILED=YES"]
LAYOUTS = {  # name: (what it is, what it is made of, options of gdal_translate)
    "deflate": ("tiled deflate, u8 x 3", "u8x3",
                [*TILED, "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2"]),
    "lzw": ("striped LZW, u16 x 8", "u16x8", None),
    "bip": ("uncompressed BIP, tiled, u8 x 3", "u8x3", None),
    "cog": ("COG with overviews, deflate, u8 x 3", "u8x3",
            ["-of", "COG", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=YES"]),
    "jpeg": ("tiled JPEG YCbCr, u8 x 3", "u8x3",
             [*TILED, "-co", "COMPRESS=JPEG", "-co", "PHOTOMETRIC=YCBCR"]),
}

SPARSE = """
import rasterio, sys
with rasterio.open(sys.argv[1], "w", driver="GTiff", width=200000, height=200000, count=3,
                   dtype="uint8", tiled=True, compress="deflate", SPARSE_OK=True, BIGTIFF="YES",
                   crs="EPSG:3857", transform=rasterio.Affine(1, 0, 0, 0, -1, 200000)):
    pass
"""


def arguments():
    parser = parser_of(__doc__)
    add_shared(parser)
    parser.add_argument("--size", type=int, default=16384, help="pixels a side")
    parser.add_argument("--polygons", type=int, default=100000)
    parser.add_argument("--layouts", default=",".join(LAYOUTS))
    parser.add_argument("--no-loop", action="store_true", help="leaves the loop out, as it is slow")
    parser.add_argument("--memory", action="store_true", help="peak memory only")
    parser.add_argument("--json", type=pathlib.Path, help="all measurements, to this file")
    options = parse(parser)
    options.layouts = options.layouts.split(",")
    if not set(options.layouts) <= set(LAYOUTS):
        parser.error(f"layouts are {', '.join(LAYOUTS)}")
    return options


# --- what is measured ------------------------------------------------------------------------


def make_base(options, name, size):
    """A scene of make_big_scene.py with its labels, made once."""
    folder = options.work / f"{name}-{size}-{options.polygons}"
    if (folder / "big_scene.json").exists():
        return folder
    maker = options.shared / "make_big_scene.py"
    if not maker.exists():
        sys.exit(f"{maker}: not there: the benchmark's imagery comes from the shared data folder; "
                 "say where it is with --shared or VEDATILE_SHARED_DATA")
    print(f"making {folder} ...", file=sys.stderr)
    call(options.python, maker, folder, "--size", size, "--polygons", options.polygons,
         *MADE[name][0])
    return folder


def make_scene(options, layout, size):
    """The image in a layout, the label file, and pixels a side."""
    _, base, how = LAYOUTS[layout]
    size = int(size * MADE[base][1])
    folder = make_base(options, base, size)
    scene = folder / "big_scene.tif"
    if how is not None:
        made = folder / f"{layout}.tif"
        if not made.exists():
            part = folder / f"{layout}-part.tif"
            call("gdal_translate", "-q", *how, scene, part)
            part.rename(made)
        scene = made
    return scene, folder / "big_scene_labels.geojson", size


def build_limit(options):
    limit = options.work / "limit"
    flags = call("pkg-config", "--cflags", "--libs", "gdal").split()
    call("cc", "-O2", HERE / "limit.c", "-o", limit, *flags, "-lpthread")
    return limit


def run_loop(options, scene, labels):
    """Measures the loop once, and proves that it does the same job; the codec is one that h5py
    reads."""
    store = options.stores / "bench-loop.h5"
    store.unlink(missing_ok=True)
    loop = measure(options.python, "-W", "ignore", HERE / "loop.py", scene, labels, store)
    loop["labels"] = json.loads(loop["text"])
    call(*feed(options, scene, labels, "--codec", "deflate"))
    print("same job:", call(options.python, HERE / "same.py", options.stores / "bench.h5",
                            store).strip(), flush=True)
    store.unlink()
    return loop


def run_layout(options, layout, limit):
    scene, labels, size = make_scene(options, layout, options.size)
    print(f"\n### {layout}: {LAYOUTS[layout][0]}, {size} x {size}\n", flush=True)
    loop = None if options.no_loop else run_loop(options, scene, labels)
    contenders = {
        "feed": lambda: feed(options, scene, labels),
        "pixels": lambda: feed(options, scene, None),
        "plan": lambda: feed(options, scene, labels, "--dry-run"),
        "start": lambda: feed(options, scene, None, "--dry-run"),
        "limit": lambda: [limit, "blocks", scene, options.threads],
    }
    rounds = []
    for number in range(options.repeats):
        print(f"{layout}, round {number + 1}", file=sys.stderr)
        rounds.append({name: measure(*command()) for name, command in contenders.items()})
    (options.stores / "bench.h5").unlink(missing_ok=True)
    result = {"layout": layout, "tiles": (size // TILE) ** 2, "rounds": rounds,
              "loop": loop}
    print_layout(result)
    return result


# --- what is printed -------------------------------------------------------------------------


def after_labels(one, what):
    """A feed less what its labels take before the first tile: reading, projecting, indexing."""
    return one["feed"][what] - (one["plan"][what] - one["start"][what])


def times(result, what):
    """Medians of the rounds, in seconds."""
    rounds = result["rounds"]
    found = {name: middle(one[name][what] for one in rounds)
             for name in ("feed", "pixels", "limit")}
    found["labels"] = middle(one["plan"][what] - one["start"][what] for one in rounds)
    found["tiles"] = middle(after_labels(one, what) for one in rounds)
    found["start"] = middle(one["start"][what] for one in rounds)
    return found


def print_layout(result):
    clock, cpu, tiles = times(result, "seconds"), times(result, "cpu"), result["tiles"]
    print("| | s | tiles/s | s, least to most | CPU s | peak MB |\n|---|---|---|---|---|---|")
    names = {"feed": "vedatile feed", "tiles": "... without reading the labels",
             "pixels": "vedatile feed, no labels at all", "labels": "reading the labels",
             "start": "starting and planning", "limit": "GDAL alone"}
    for key, name in names.items():
        whole = key in ("feed", "tiles", "pixels", "limit")
        rate = f"{tiles / clock[key]:.0f}" if whole else ""
        spread = memory = ""
        if key in result["rounds"][0]:
            seconds = [one[key]["seconds"] for one in result["rounds"]]
            spread = f"{min(seconds):.2f}-{max(seconds):.2f}"
            memory = f"{max(one[key]['memory'] for one in result['rounds']) / 1e6:.0f}"
        print(f"| {name} | {clock[key]:.2f} | {rate} | {spread} | {cpu[key]:.2f} | {memory} |")
    loop = result["loop"]
    if loop is not None:
        rest, own = loop["seconds"] - loop["labels"]["seconds"], loop["labels"]
        print(f"| rasterio + h5py loop | {loop['seconds']:.2f} | {tiles / loop['seconds']:.0f} | | "
              f"{loop['cpu']:.2f} | {loop['memory'] / 1e6:.0f} |")
        print(f"| ... without reading the labels | {rest:.2f} | {tiles / rest:.0f} | | "
              f"{loop['cpu'] - own['cpu']:.2f} | |")
    sys.stdout.flush()


def print_summary(results):
    print("\n| layout | GDAL alone, tiles/s | share of it: labels apart | no labels | "
          "whole command | the three in CPU time | times the loop: labels apart | whole | "
          "the two in CPU time |\n|---|---|---|---|---|---|---|---|---|")
    for result in results:
        clock, cpu, loop = times(result, "seconds"), times(result, "cpu"), result["loop"]
        shares = [f"{100 * t['limit'] / t[key]:.0f} %" for t in (clock, cpu)
                  for key in ("tiles", "pixels", "feed")]
        ratios = [""] * 4
        if loop is not None:
            ratios = [f"{(loop[what] - loop['labels'][what]) / t['tiles']:.1f}"
                      for what, t in (("seconds", clock), ("cpu", cpu))]
            ratios = [ratios[0], f"{loop['seconds'] / clock['feed']:.1f}",
                      ratios[1], f"{loop['cpu'] / cpu['feed']:.1f}"]
        print(f"| {LAYOUTS[result['layout']][0]} | {result['tiles'] / clock['limit']:.0f} | "
              f"{' | '.join(shares[:3])} | {', '.join(shares[3:])} | {ratios[0]} | {ratios[1]} | "
              f"{', '.join(ratios[2:])} |")


# --- memory ----------------------------------------------------------------------------------


def run_memory(options):
    """Peak memory of a feed on scenes of three sizes; the largest is mostly holes."""
    print(f"\n| scene | windows | peak MB, {options.threads} threads |\n|---|---|---|")
    result = []

    def note(what, windows, command):
        run = measure(*command)
        result.append({"scene": what, "memory": run["memory"]})
        print(f"| {what} | {windows} | {run['memory'] / 1e6:.0f} |", flush=True)

    for size in (options.size // 4, options.size // 2, options.size):
        scene, labels, _ = make_scene(options, "deflate", size)
        for name, given in (("no labels", None), ("labels", labels)):
            note(f"{size} x {size}, deflate, {name}", (size // TILE) ** 2,
                 feed(options, scene, given))
    sparse = options.work / "sparse.tif"
    if not sparse.exists():
        call(options.python, "-c", SPARSE, sparse)
    note("200000 x 200000, sparse, every 6250th pixel", 32 ** 2,
         feed(options, sparse, None, "--stride", 6250))
    note("200000 x 200000, sparse, dry run of all windows", (200000 // TILE) ** 2,
         feed(options, sparse, None, "--dry-run"))
    (options.stores / "bench.h5").unlink(missing_ok=True)
    return result


def main():
    options = arguments()
    limit = build_limit(options)
    print_machine(options)
    if options.memory:
        result = run_memory(options)
    else:
        result = [run_layout(options, layout, limit) for layout in options.layouts]
        print_summary(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
