#!/usr/bin/env python3
"""Measures `vedatile feed` beside a rasterio + h5py loop and beside GDAL alone.

    python3 bench/feed/run.py                       all of it: 16384 x 16384 pixels, 100,000 polygons
    python3 bench/feed/run.py --size 4096           a smaller scene with as many polygons per area
    python3 bench/feed/run.py --memory              peak memory against the size of the scene

Makes the scenes, checks that the loop does the same job, then runs all contenders one after the
other, --repeats times round. Prints a Markdown table; the README beside this file reads it. Scenes
are kept in the work folder for the next time. Needs ../shared/data (or VEDATILE_SHARED_DATA), a C
compiler with GDAL's headers, and a Python with numpy, rasterio, shapely and h5py (--python).
"""
import argparse
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
TILE = 256
FULL_SIZE, FULL_POLYGONS = 16384, 100000

CASES = {  # name: (arguments of make_big_scene.py, share of --size)
    "plain": (["--compress", "none"], 1),
    "deflate": (["--compress", "deflate"], 1),
    "deflate512": (["--compress", "deflate", "--blocksize", "512"], 1 / 2),
    "strips": (["--compress", "deflate", "--layout", "striped"], 1 / 2),
    "u16x8": (["--compress", "deflate", "--dtype", "u16"], 1 / 4),
}

SPARSE = """
import rasterio, sys
with rasterio.open(sys.argv[1], "w", driver="GTiff", width=200000, height=200000, count=3,
                   dtype="uint8", tiled=True, compress="deflate", SPARSE_OK=True, BIGTIFF="YES",
                   crs="EPSG:3857", transform=rasterio.Affine(1, 0, 0, 0, -1, 200000)):
    pass
"""

VERSIONS = """
import h5py, numpy, rasterio, shapely
print(f"rasterio {rasterio.__version__} (GDAL {rasterio.__gdal_version__}), "
      f"shapely {shapely.__version__}, h5py {h5py.__version__}, numpy {numpy.__version__}")
"""


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
    shared = os.environ.get("VEDATILE_SHARED_DATA", SOURCE.parent / "shared/data")
    parser.add_argument("--vedatile", type=pathlib.Path, default=build / "tools/vedatile",
                        help="the command, of a build with --buildtype=release")
    parser.add_argument("--work", type=pathlib.Path, default=build / "bench-feed",
                        help="folder of the scenes (1.5 GB at the full size)")
    parser.add_argument("--stores", type=pathlib.Path,
                        help="folder of what is written, such as /dev/shm; default: the work folder")
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path(shared))
    parser.add_argument("--python", default="/usr/bin/python3", help="runs the loop")
    parser.add_argument("--size", type=int, default=FULL_SIZE, help="pixels a side")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="peak memory only")
    parser.add_argument("--json", type=pathlib.Path, help="all measurements, to this file")
    options = parser.parse_args()
    options.stores = options.stores or options.work
    options.cases = options.cases.split(",")
    if not set(options.cases) <= set(CASES):
        parser.error(f"cases are {', '.join(CASES)}")
    return options


def call(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def measure(*command):
    """Seconds, processor seconds and peak resident bytes of a command that must succeed."""
    read, write = os.pipe()
    begun = time.perf_counter()
    with subprocess.Popen([str(part) for part in command], stdout=write, stderr=write) as process:
        os.close(write)
        with os.fdopen(read, encoding="utf-8", errors="replace") as pipe:
            text = pipe.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{text}")
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime,
            "memory": usage.ru_maxrss * 1024}


# --- what is measured ------------------------------------------------------------------------


def make_scene(options, name, size=None):
    """A scene of make_big_scene.py, made once."""
    extra, share = CASES[name]
    size = size or int(options.size * share)
    folder = options.work / f"{name}-{size}"
    if (folder / "big_scene.json").exists():
        return folder
    maker = options.shared / "make_big_scene.py"
    if not maker.exists():
        sys.exit(f"{maker}: not there: the benchmark's imagery comes from the shared data folder; "
                 "say where it is with --shared or VEDATILE_SHARED_DATA")
    print(f"making {folder} ...", file=sys.stderr)
    polygons = max(FULL_POLYGONS * size * size // FULL_SIZE ** 2, 10)
    call(options.python, maker, folder, "--size", size, "--polygons", polygons, *extra)
    return folder


def build_limit(options):
    limit = options.work / "limit"
    flags = call("pkg-config", "--cflags", "--libs", "gdal").split()
    call("cc", "-O2", HERE / "limit.c", "-o", limit, *flags, "-lpthread")
    return limit


class Contenders:
    def __init__(self, options, folder, limit):
        self.options = options
        self.scene = folder / "big_scene.tif"
        self.labels = folder / "big_scene_labels.geojson"
        self.limit = limit
        self.store = options.stores / "bench.h5"
        self.loop_store = options.stores / "bench-loop.h5"

    def feed(self, threads, *extra, labels=True):
        self.store.unlink(missing_ok=True)
        with_labels = ["--labels", self.labels, "--class-field", "class",
                       "--task", "classification,detection,segmentation"] if labels else []
        return [self.options.vedatile, "feed", self.store, "--image", self.scene, *with_labels,
                "--tile", TILE, "--match", "all", "--threads", threads, "--progress", "none",
                *extra]

    def loop(self):
        self.loop_store.unlink(missing_ok=True)
        return [self.options.python, "-W", "ignore", HERE / "loop.py", self.scene, self.labels,
                self.loop_store]

    def check(self):
        """That feed and loop do the same job; the codec is one that h5py reads."""
        call(*self.feed(2, "--codec", "deflate"))
        call(*self.loop())
        print("same job:", call(self.options.python, HERE / "same.py", self.store,
                                self.loop_store).strip())

    def all(self):
        return {
            "vedatile feed, 1 thread": lambda: self.feed(1),
            "vedatile feed, 2 threads": lambda: self.feed(2),
            "without labels, 1 thread": lambda: self.feed(1, labels=False),
            "without labels, 2 threads": lambda: self.feed(2, labels=False),
            "labels alone (--dry-run)": lambda: self.feed(2, "--dry-run"),
            "rasterio + h5py loop": self.loop,
            "GDAL alone, 1 thread": lambda: [self.limit, "blocks", self.scene, 1],
            "GDAL alone, 2 threads": lambda: [self.limit, "blocks", self.scene, 2],
            "OGR alone": lambda: [self.limit, "features", self.labels],
        }

    def clear(self):
        self.store.unlink(missing_ok=True)
        self.loop_store.unlink(missing_ok=True)


def run_case(options, name, limit):
    folder = make_scene(options, name)
    facts = json.loads((folder / "big_scene.json").read_text())
    image = facts["image"]
    contenders = Contenders(options, folder, limit)
    print(f"\n### {name}: {image['width']} x {image['height']} {image['dtype']} x "
          f"{image['bands']}, {image['layout']}, {image['compress']}, {facts['labels']['features']} "
          f"polygons\n")
    contenders.check()
    rounds = []
    for number in range(options.repeats):
        rounds.append({})
        for contender, command in contenders.all().items():
            print(f"{name}, round {number + 1}: {contender}", file=sys.stderr)
            rounds[-1][contender] = measure(*command())
    contenders.clear()
    print_table(rounds, (image["width"] // TILE) * (image["height"] // TILE))
    return {"case": name, "image": image, "rounds": rounds}


# --- what is printed -------------------------------------------------------------------------


def ratio(rounds, what, a, b):
    """Median over the rounds of how much longer a takes than b."""
    return statistics.median(one[a][what] / one[b][what] for one in rounds)


def print_table(rounds, tiles):
    loop, limit = "rasterio + h5py loop", "GDAL alone, {}"
    print("\n| | tiles/s | spread | CPU s | peak MB | speed / loop | speed / GDAL alone | "
          "the same in CPU time |\n|---|---|---|---|---|---|---|---|")
    for name in rounds[0]:
        seconds = sorted(one[name]["seconds"] for one in rounds)
        whole = "labels" not in name and "OGR" not in name or name.startswith("without")
        threads = "2 threads" if "2 threads" in name else "1 thread"
        cells = ["-"] * 3
        if whole:
            peer = limit.format(threads)
            cells = [f"{ratio(rounds, 'seconds', loop, name):.1f}",
                     f"{100 * ratio(rounds, 'seconds', peer, name):.0f} %",
                     f"{100 * ratio(rounds, 'cpu', peer, name):.0f} %"]
        rate = f"{tiles / statistics.median(seconds):.0f}" if whole else \
            f"({statistics.median(seconds):.2f} s)"
        spread = f"{seconds[0]:.2f}-{seconds[-1]:.2f} s"
        cpu = statistics.median(one[name]["cpu"] for one in rounds)
        memory = max(one[name]["memory"] for one in rounds) / 1e6
        print(f"| {name} | {rate} | {spread} | {cpu:.2f} | {memory:.0f} | {' | '.join(cells)} |")
    sys.stdout.flush()


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def print_machine(options):
    load = os.getloadavg()[0]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30
    print(f"{processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, load {load:.1f} at the start; "
          f"{platform.system()} {platform.release()}")
    print(", ".join(call(options.vedatile, "--version").split("\n")).strip(", "))
    print(call(options.python, "-c", VERSIONS).strip())


# --- memory ----------------------------------------------------------------------------------


def run_memory(options, limit):
    """Peak memory of a feed on scenes of three sizes; the largest is mostly holes."""
    print("\n| scene | windows | peak MB, 1 thread | peak MB, 2 threads |\n|---|---|---|---|")
    result = []
    sizes = [options.size // 4, options.size]
    for size in sizes:
        contenders = Contenders(options, make_scene(options, "deflate", size), limit)
        result.append((f"{size} x {size}, deflate", (size // TILE) ** 2,
                       [measure(*contenders.feed(threads)) for threads in (1, 2)]))
    sparse = options.work / "sparse.tif"
    if not sparse.exists():
        call(options.python, "-c", SPARSE, sparse)
    contenders.scene = sparse
    for what, windows, extra in (
            ("every 6250th pixel", 32 ** 2, ["--stride", 6250]),
            ("dry run of all windows", (200000 // TILE) ** 2, ["--dry-run"])):
        runs = [measure(*contenders.feed(threads, *extra, labels=False)) for threads in (1, 2)]
        result.append((f"200000 x 200000, sparse, {what}", windows, runs))
    contenders.clear()
    for name, windows, runs in result:
        print(f"| {name} | {windows} | " +
              " | ".join(f"{run['memory'] / 1e6:.0f}" for run in runs) + " |")
    return result


def main():
    options = arguments()
    if not options.vedatile.exists():
        sys.exit(f"{options.vedatile}: build it first (meson setup build --buildtype=release), or "
                 "name it with --vedatile")
    options.work.mkdir(parents=True, exist_ok=True)
    options.stores.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = build_limit(options)
    print_machine(options)
    if options.memory:
        result = run_memory(options, limit)
    else:
        result = [run_case(options, name, limit) for name in options.cases]
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
