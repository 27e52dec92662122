"""What the benchmarks of feeding share: options, running and measuring commands."""
import argparse
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

VERSIONS = """
import h5py, numpy, rasterio, shapely
print(f"rasterio {rasterio.__version__} (GDAL {rasterio.__gdal_version__}), "
      f"shapely {shapely.__version__}, h5py {h5py.__version__}, numpy {numpy.__version__}")
"""


def parser_of(text):
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
    parser.add_argument("--vedatile", type=pathlib.Path, default=build / "tools/vedatile",
                        help="the command, of a build with --buildtype=release")
    parser.add_argument("--work", type=pathlib.Path, default=build / "bench-feed",
                        help="folder of scenes and label files, kept for the next time")
    parser.add_argument("--stores", type=pathlib.Path,
                        help="folder of what is written, such as /dev/shm; default: the work folder")
    parser.add_argument("--python", default="/usr/bin/python3",
                        help="has numpy, rasterio, shapely and h5py")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=5)
    return parser


def add_shared(parser):
    shared = os.environ.get("VEDATILE_SHARED_DATA", SOURCE.parent / "shared/data")
    parser.add_argument("--shared", type=pathlib.Path, default=pathlib.Path(shared),
                        help="folder of the shared data, with make_big_scene.py")


def parse(parser):
    options = parser.parse_args()
    options.stores = options.stores or options.work
    if not options.vedatile.exists():
        sys.exit(f"{options.vedatile}: build it first (meson setup build --buildtype=release), or "
                 "name it with --vedatile")
    options.work.mkdir(parents=True, exist_ok=True)
    options.stores.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
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
            "memory": usage.ru_maxrss * 1024, "text": text}


def feed(options, scene, labels, *extra):
    """A feed of all windows to a store that is not there yet; labels may be None."""
    store = options.stores / "bench.h5"
    store.unlink(missing_ok=True)
    with_labels = ["--labels", labels, "--class-field", "class",
                   "--task", "classification,detection,segmentation"] if labels else []
    return [options.vedatile, "feed", store, "--image", scene, *with_labels, "--tile", TILE,
            "--match", "all", "--threads", options.threads, "--progress", "none", *extra]


def middle(values):
    return statistics.median(values)


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
    print(call(options.python, "-c", VERSIONS).strip(), flush=True)
