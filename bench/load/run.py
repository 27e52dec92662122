#!/usr/bin/env python3
"""Measures how fast training tiles reach a training loop: vedatile, other loaders, and the limit.

    python3 bench/load/setup.py FOLDER                              once: the peers
    python3 bench/load/run.py --python FOLDER/bin/python            all of it, about 12 minutes
    python3 bench/load/run.py --python FOLDER/bin/python --quick    smaller sets, fewer repeats
    python3 bench/load/run.py --workloads W1,W2 --peers ffcv,mds    some of it

Makes the data, lets every contestant write its own layout, finds its best number of workers, checks
that it delivers exactly the set of samples with the same bytes, and then runs all of them one after
the other, --repeats times round. Prints Markdown; the README beside this file says how to read it.
"""
import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

import report
from contest import Limit, Process, Refused, call

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]

WORKLOADS = {  # name: (title, dataset, mode of the limit)
    "W1": ("uint8 RGB 256 x 256, raw, page cache, full shuffle", "rgb", "read"),
    "W5": ("the same tiles, batches of random indices", "rgb", "read"),
    "W6": ("the same tiles, cold", "rgb", "read"),
    "W2": ("uint16 x 4 bands 256 x 256, shuffle + LZ4, page cache", "bands", "lz4"),
    "W3": ("uint8 RGB 256 x 256, gzip HDF5 file of h5py, page cache", "legacy", "deflate"),
    "W4": ("uint8 RGB 32 x 32, raw, page cache", "tiny", "read"),
    "W9": ("open and first batch, a million chunks", "million", None),
    "W10": ("resume with other threads, workers, ranks", "resume", None),
}
OURS = ("ours", "ours-map", "ours-cold", "ours-take")
COLD_THREADS = 32  # enough reads under way for any disk


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
    parser.add_argument("--build", type=pathlib.Path, default=build,
                        help="build folder of vedatile, made with --buildtype=release")
    parser.add_argument("--python", default=sys.executable, help="of the environment of setup.py")
    parser.add_argument("--work", type=pathlib.Path,
                        help="folder of the data (20 GB at the full size); default: temporary")
    parser.add_argument("--keep", action="store_true", help="leave the data for the next time")
    parser.add_argument("--quick", action="store_true", help="about 3 minutes")
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--peers", help="of peers/__init__.py, by name; default: all")
    parser.add_argument("--scale", type=float, help="samples, times the full size")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--seconds", type=float, help="of one measurement")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of ours and the limit")
    parser.add_argument("--ring-batches", type=int, default=4, help="size of the limit's ring")
    parser.add_argument("--json", type=pathlib.Path, help="all measurements, to this file")
    parser.add_argument("--markdown", type=pathlib.Path, help="the tables, to this file as well")
    parser.add_argument("--plot", type=pathlib.Path, help="a picture of the medians (PNG)")
    options = parser.parse_args()
    options.scale = options.scale or (0.15 if options.quick else 1)
    options.repeats = options.repeats or (2 if options.quick else 3)
    options.seconds = options.seconds or (0.5 if options.quick else 1)
    options.workloads = options.workloads.split(",")
    if not set(options.workloads) <= set(WORKLOADS):
        parser.error(f"workloads are {', '.join(WORKLOADS)}")
    options.peers = options.peers and options.peers.split(",")
    return options


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# --- what is built and made ------------------------------------------------------------------


def build_tools(options):
    """limit and make_store, into the work folder."""
    options.tools = options.work / "tools"
    options.tools.mkdir(parents=True, exist_ok=True)
    flags = call("pkg-config", "--cflags", "--libs", "liblz4", "libdeflate").split()
    call("cc", "-O3", "-pthread", HERE / "limit.c", "-o", options.tools / "limit", *flags)
    call("cc", "-O2", f"-I{SOURCE / 'include'}", HERE / "make_store.c", "-o",
         options.tools / "make_store", f"-L{options.build}", f"-Wl,-rpath,{options.build}",
         "-lvedatile")


def make_dataset(options, name):
    folder = options.work / name
    if not (folder / "dataset.json").exists():
        say(f"{name}: making the tiles")
        call(options.python, HERE / "data.py", name, folder, options.scale,
             options.tools / "make_store")
    facts = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    facts["tile_bytes"] = math.prod(facts["shape"]) * (2 if facts["dtype"] == "uint16" else 1)
    return {**facts, "folder": str(folder)}


def contestants(options, workload):
    """Those that take part in a workload, ours first."""
    everyone = json.loads(call(options.python, HERE / "worker.py", "list"))
    return {name: kind for name, kind in everyone.items() if workload in kind["workloads"] and
            (options.peers is None or name in options.peers or name in OURS)}


# --- one workload ------------------------------------------------------------------------------


class Race:
    """One workload: the limit and its contestants, and what was measured of them."""

    def __init__(self, options, workload):
        self.options, self.workload = options, workload
        self.title, dataset, mode = WORKLOADS[workload]
        self.facts = make_dataset(options, dataset)
        self.limit = Limit(options, self.facts, mode)
        self.kinds = contestants(options, workload)
        self.rows = {name: {"title": kind["title"], "note": kind["note"], "rounds": []}
                     for name, kind in self.kinds.items()}
        self.limits, self.maps = [], []  # pread, and memcpy from a mapping
        self.running = {}

    def start(self, name):
        folder = pathlib.Path(self.facts["folder"])
        return Process(self.options, name, folder, folder / "peers" / name)

    def refuse(self, name, reason):
        say(f"{self.workload}: {name}: {reason}")
        self.rows[name]["refused"] = str(reason)
        if name in self.running:
            self.running.pop(name).close()

    def all_do(self, what, together=1):
        """Each contestant that is still in; a failure puts it out."""
        def one(name):
            try:
                what(name)
            except Refused as reason:
                self.refuse(name, reason)

        with concurrent.futures.ThreadPoolExecutor(together) as pool:
            list(pool.map(one, [name for name in self.kinds if "refused" not in self.rows[name]]))

    def prepare(self, name):
        say(f"{self.workload}: {name}: preparing")
        process = self.running[name] = self.start(name)
        begun = time.monotonic()
        self.rows[name]["files"] = len(process.ask("prepare")["files"])
        self.rows[name]["prepare_s"] = time.monotonic() - begun

    def measure(self, name, workers, seconds):
        return self.running[name].ask("time", workers=workers, seconds=seconds, warm=True,
                                      lists=self.workload == "W5")

    def sweep(self, name):
        """Finds the number of workers that delivers most."""
        counts = self.kinds[name]["sweep"] or (self.options.threads,)
        if self.options.quick and len(counts) > 2:
            counts = (counts[0], 2)
        row = self.rows[name]
        row["workers"] = counts[0]
        if len(counts) == 1:
            return
        say(f"{self.workload}: {name}: trying {', '.join(map(str, counts))} workers")
        rates = {count: self.measure(name, count, self.options.seconds / 2)["samples_per_s"]
                 for count in counts}
        row["sweep"], row["workers"] = rates, max(rates, key=rates.get)

    def verify(self, name):
        say(f"{self.workload}: {name}: proving its samples")
        row, process = self.rows[name], self.running[name]
        with process.watch() as watch:
            row["verified"] = process.ask("verify_lists" if self.workload == "W5" else "verify",
                                          workers=row["workers"])
        row["memory"] = watch.peak

    def round(self, number):
        say(f"{self.workload}: round {number + 1}")
        settings = self.options.threads, self.options.seconds, number + 1
        self.limits.append(self.limit.run(*settings))
        if self.limit.mode == "read":
            self.maps.append(self.limit.run(*settings, mode="map"))
        self.all_do(lambda name: self.rows[name]["rounds"].append(
            self.measure(name, self.rows[name]["workers"], self.options.seconds)))

    def result(self):
        return {"workload": self.workload, "title": self.title, "mode": self.limit.mode,
                "facts": self.facts, "threads": self.options.threads, "limits": self.limits,
                "maps": self.maps, "rows": self.rows}

    def run(self):
        try:
            self.all_do(self.prepare, together=os.cpu_count())
            self.all_do(self.sweep)
            self.all_do(self.verify, together=os.cpu_count())
            for number in range(self.options.repeats):
                self.round(number)
        finally:
            for process in self.running.values():
                process.close()
        return self.result()


class ColdRace(Race):
    """Every run in a new process, on files that were dropped from the page cache before: mapped
    pages would stay."""

    def cold_limit(self, number):
        rates = {}
        for threads in (self.options.threads, COLD_THREADS):
            self.limit.drop([self.limit.file])
            rates[threads] = self.limit.run(threads, self.options.seconds, number + 1, warm=False)
        best = max(rates, key=lambda threads: rates[threads]["samples_per_s"])
        return {**rates[best], "threads": best}

    def cold_run(self, name):
        process = self.running[name] = self.start(name)
        row = self.rows[name]
        row["workers"] = max(self.kinds[name]["sweep"] or (self.options.threads,))
        files = process.ask("prepare")["files"]
        row["files"] = len(files)
        row["resident"] = max(self.limit.drop(files), row.get("resident", 0))
        row["rounds"].append(process.ask("time", workers=row["workers"], warm=False, lists=False,
                                         seconds=self.options.seconds))
        self.running.pop(name).close()

    def round(self, number):
        say(f"{self.workload}: round {number + 1}")
        self.limits.append(self.cold_limit(number))
        self.all_do(self.cold_run)

    def run(self):
        for number in range(self.options.repeats):
            self.round(number)
        return self.result()


def run_script(options, workload):
    """W9 and W10: a script that asks each library by itself and prints lines of JSON."""
    title, dataset, _ = WORKLOADS[workload]
    facts = make_dataset(options, dataset)
    script = HERE / {"W9": "opening.py", "W10": "resume.py"}[workload]
    environment = {**os.environ, "PYTHONPATH": str(options.build / "tools/python"),
                   "PYTHONWARNINGS": "ignore"}
    listing = call(options.python, script, "list").split()
    rows = []
    for number in range(options.repeats if workload == "W9" else 1):
        for name in listing:
            say(f"{workload}: {name}, round {number + 1}")
            try:
                done = subprocess.run([options.python, script, name, facts["folder"],
                                       str(options.threads)], capture_output=True, text=True,
                                      check=False, env=environment, timeout=240)
                lines = done.stdout.splitlines() or ["{}"]
                row = json.loads(lines[-1]) if done.returncode == 0 else {
                    "refused": (done.stderr.strip().splitlines() or ["failed"])[-1]}
            except subprocess.TimeoutExpired:
                row = {"refused": "no answer in 240 s"}
            rows.append({"name": name, **row})
    return {"workload": workload, "title": title, "facts": facts, "rows": rows}


def run_workload(options, workload):
    if WORKLOADS[workload][2] is None:
        return run_script(options, workload)
    return (ColdRace if workload == "W6" else Race)(options, workload).run()


# --- all of them ---------------------------------------------------------------------------------


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def versions(options):
    """Of ours, and of all that is installed of the peers."""
    names = [line.split("#")[0].strip() for line in
             (HERE / "peers.txt").read_text(encoding="utf-8").splitlines()]
    names = [name for name in names if name and not name.startswith("[")] + ["ffcv"]
    code = ("import importlib.metadata as m, json, platform, sys\nout = {}\n"
            "for name in sys.argv[1:]:\n"
            "    try: out[name] = m.version(name)\n"
            "    except m.PackageNotFoundError: out[name] = None\n"
            "print(json.dumps({'python': platform.python_version(), **out}))")
    return json.loads(call(options.python, "-c", code, *names))


def machine(options):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2 ** 30
    command = options.build / "tools/vedatile"
    return {"processor": processor(), "cores": os.cpu_count(), "memory_gib": round(memory),
            "load": os.getloadavg()[0], "system": f"{platform.system()} {platform.release()}",
            "vedatile": call(command, "--version").splitlines() if command.exists() else [],
            "versions": versions(options),
            "settings": {key: getattr(options, key) for key in
                         ("scale", "repeats", "seconds", "threads", "ring_batches")}}


def run_all(options):
    results = {"machine": machine(options), "workloads": []}
    text = report.machine(results["machine"])
    print(text, flush=True)
    todo = [name for name in WORKLOADS if name in options.workloads]
    for number, workload in enumerate(todo):
        begun = time.monotonic()
        result = run_workload(options, workload)
        result["seconds"] = time.monotonic() - begun
        results["workloads"].append(result)
        part = report.workload(result)
        text += "\n" + part
        print("\n" + part, flush=True)
        dataset = WORKLOADS[workload][1]
        if not options.keep and dataset not in [WORKLOADS[name][1] for name in todo[number + 1:]]:
            shutil.rmtree(options.work / dataset)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if options.markdown:
            options.markdown.write_text(text + "\n", encoding="utf-8")
    return results


def draw(options, results):
    """By the peers' Python: ours needs no matplotlib."""
    if options.plot is None:
        return
    done = subprocess.run([options.python, str(HERE / "plot.py"), str(options.plot)],
                          input=json.dumps(report.bars(results)), text=True, capture_output=True,
                          check=False)
    if done.returncode != 0:
        print(f"no plot: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", file=sys.stderr)


def main():
    options = arguments()
    options.build = options.build.resolve()
    if not list(options.build.glob("libvedatile.so*")):
        sys.exit(f"{options.build}: build vedatile first (meson setup build --buildtype=release), "
                 "or name the folder with --build")
    made = options.work is None
    options.work = options.work or pathlib.Path(tempfile.mkdtemp(prefix="bench-load-"))
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        build_tools(options)
        draw(options, run_all(options))
    finally:
        if made and not options.keep:
            shutil.rmtree(options.work, ignore_errors=True)


if __name__ == "__main__":
    main()
