#!/usr/bin/env python3
"""Measures how fast training tiles reach a CUDA device's memory.

    python3 bench/load/gpu.py --python FOLDER/bin/python            FOLDER is of setup.py
    python3 bench/load/gpu.py --python FOLDER/bin/python --quick    smaller set, fewer rounds

Batches of shuffled tiles out of the page cache: vedatile with device="cuda", and torch's DataLoader
with pin_memory=True and copies that do not block, at its best number of workers. The limit is the
slower of two: copies of the same bytes from page-locked memory that is there already, and the reading
of the tiles by as many threads. Prints Markdown. Without a CUDA device it says so and ends.
"""
import argparse
import collections
import ctypes
import itertools
import json
import mmap
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zlib

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
WORKERS = (1, 2, 4, 8, 16)
IN_FLIGHT = 2  # copies that a training step lets run beside it


# --- the driver, for the limit -----------------------------------------------------------------


class Driver:
    """A few calls of libcuda, in the first device's own context. OSError when there is none."""

    def __init__(self):
        self.library = ctypes.CDLL("libcuda.so.1")
        self.held = []
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuInit", ctypes.c_uint(0))
        self.call("cuDeviceGet", ctypes.byref(device), ctypes.c_int(0))
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxPushCurrent_v2", context)

    def call(self, name, *arguments):
        result = getattr(self.library, name)(*arguments)
        if result != 0:
            raise OSError(f"{name}: CUDA error {result}")

    def stream(self):
        made = ctypes.c_void_p()
        self.call("cuStreamCreate", ctypes.byref(made), ctypes.c_uint(1))
        return made

    def memory(self, size):
        made = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(made), ctypes.c_size_t(size))
        return made

    def pinned(self, size):
        """Page-locked host memory, every page of it written."""
        area = mmap.mmap(-1, size)
        area.write(os.urandom(4096) * (size // 4096) + bytes(size % 4096))
        self.held.append(ctypes.c_char.from_buffer(area))  # which keeps the area where it is
        address = ctypes.c_void_p(ctypes.addressof(self.held[-1]))
        self.call("cuMemHostRegister_v2", address, ctypes.c_size_t(size), ctypes.c_uint(0))
        return address


class Copies:
    """The limit: page-locked batches to the device, each with a stream of its own."""
    title = "limit: copies from page-locked memory"
    sweep = (None,)
    RING = 4

    def __init__(self, data, _):
        self.size = data.batch_size * data.tile_bytes
        self.count = data.batch_size
        self.driver = Driver()
        self.ring = [(self.driver.pinned(self.size), self.driver.memory(self.size),
                      self.driver.stream()) for _ in range(self.RING)]

    def time(self, seconds):
        begun, number = time.perf_counter(), 0
        for host, device, stream in itertools.cycle(self.ring):
            self.driver.call("cuStreamSynchronize", stream)
            now = time.perf_counter()
            # Those of the first round were not queued yet, those of the last may still run.
            if now - begun > seconds and number > self.RING:
                return (number - self.RING) * self.count / (now - begun)
            self.driver.call("cuMemcpyHtoDAsync_v2", device, host, ctypes.c_size_t(self.size), stream)
            number += 1


# --- contestants, each in a process of its own ---------------------------------------------------


class Contestant:
    """Epochs of batches as tensors in the device's memory."""
    title = ""
    sweep = WORKERS

    def __init__(self, data, workers):
        self.data, self.workers, self.seed = data, workers, 0

    def batches(self, seed):
        raise NotImplementedError

    def epoch(self):
        """Batches as a training loop gets them that runs a step or two behind."""
        import torch
        self.seed += 1
        running = collections.deque()
        for batch in self.batches(self.seed):
            running.append(torch.cuda.Event())
            running[-1].record()
            if len(running) > IN_FLIGHT:
                running.popleft().synchronize()
            yield batch

    def time(self, seconds):
        """Samples a second, after one epoch or half the time without the clock."""
        from worker import SETTLE, Clock
        settle = min(SETTLE, self.data.count // self.data.batch_size // 4)
        Clock(0).epoch(self.epoch(), lambda batch: 0, time.perf_counter() + seconds / 2)
        clock, end = Clock(settle), time.perf_counter() + seconds
        while time.perf_counter() < end and clock.epoch(self.epoch(), len, end):
            pass
        return clock.samples / clock.seconds

    def verify(self):
        """That an epoch is exactly the set of samples, as the device has them."""
        import numpy
        left = collections.Counter(numpy.load(self.data.folder / "crc.npy").tolist())
        wrong = 0
        for batch in self.epoch():
            for sample in batch.cpu().numpy():
                key = zlib.crc32(sample)
                wrong += left[key] <= 0
                left[key] -= 1
        return {"wrong": wrong, "missing": sum(count for count in left.values() if count > 0)}


class Ours(Contestant):
    title = 'vedatile, device="cuda"'
    sweep = (os.cpu_count(),)
    loader = None

    def batches(self, seed):
        import torch
        import vedatile
        if self.loader is None:
            self.loader = vedatile.Store(str(self.data.store)).loader(
                group="train", batch_size=self.data.batch_size, shuffle=True, seed=seed,
                threads=self.workers, device="cuda")
        for batch in self.loader.batches():
            yield torch.from_dlpack(batch.images)


class DataLoader(Contestant):
    loader = None

    def dataset(self):
        raise NotImplementedError

    def batches(self, seed):
        import torch

        from peers.torch_loader import first
        if self.loader is None:
            torch.set_num_threads(1)
            self.loader = torch.utils.data.DataLoader(
                self.dataset(), self.data.batch_size, shuffle=True, num_workers=self.workers,
                persistent_workers=True, pin_memory=True, collate_fn=first,
                generator=torch.Generator())
        self.loader.generator.manual_seed(seed)
        for batch in self.loader:
            yield batch.to("cuda", non_blocking=True)


class Memmap(DataLoader):
    title = "np.memmap + DataLoader, pin_memory"

    def dataset(self):
        from peers.memmap import Tiles
        return Tiles(self.data.folder / "tiles.npy")


class H5py(DataLoader):
    title = "h5py contiguous + DataLoader, pin_memory"

    def dataset(self):
        import h5py

        from peers.h5py import Tiles
        path = self.data.folder / "contiguous.h5"
        if not path.exists():
            part = path.with_suffix(".part")
            with h5py.File(part, "w") as file:
                file.create_dataset("images", data=self.data.tiles())
            part.rename(path)
        return Tiles(path, self.data.count, self.data.shape, self.data.dtype)


CONTESTANTS = {"copies": Copies, "ours": Ours, "memmap": Memmap, "h5py": H5py}


def serve(name, folder, workers, seconds):
    """One measurement (seconds > 0) or the proof, as a line of JSON."""
    from data import Data
    contestant = CONTESTANTS[name](Data.load(folder), workers)
    answer = contestant.time(seconds) if seconds > 0 else contestant.verify()
    print(json.dumps(answer), flush=True)
    os._exit(0)  # worker processes and pinning threads outlive a polite end


# --- all of them ---------------------------------------------------------------------------------


class Failed(Exception):
    """A contestant that cannot take part; the text goes into its row."""


def ask(options, name, folder, workers, seconds):
    environment = {**os.environ, "PYTHONPATH": str(options.build / "tools/python")}
    try:
        done = subprocess.run([options.python, __file__, "--serve", name, folder, str(workers or 0),
                               str(seconds)], capture_output=True, text=True, check=False,
                              env=environment, timeout=240)
    except subprocess.TimeoutExpired:
        raise Failed("no answer in 240 s") from None
    if done.returncode != 0:
        raise Failed((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def enter(options, name, folder):
    """A row: the best number of workers, and the proof."""
    kind = CONTESTANTS[name]
    row = {"title": kind.title, "rates": []}
    try:
        rates = {workers: ask(options, name, folder, workers, options.seconds / 2)
                 for workers in kind.sweep if len(kind.sweep) > 1}
        row["workers"] = max(rates, key=rates.get) if rates else kind.sweep[0]
        row["proof"] = None if name == "copies" else ask(options, name, folder, row["workers"], 0)
    except Failed as reason:
        row["failed"] = str(reason)
    return row


def measure(options, facts):
    """Rows by name, with a rate for every round."""
    from contest import Limit
    rows = {name: enter(options, name, facts["folder"]) for name in CONTESTANTS}
    reading = {"title": "limit: pread", "workers": options.threads, "proof": None, "rates": []}
    limit = Limit(options, facts, "read")
    for number in range(options.repeats):
        got = limit.run(options.threads, options.seconds, number + 1)
        reading["rates"].append(got["samples_per_s"])
        for name, row in rows.items():
            if "failed" in row:
                continue
            try:
                row["rates"].append(ask(options, name, facts["folder"], row["workers"],
                                        options.seconds))
            except Failed as reason:
                row["failed"] = str(reason)
    return {"reading": reading, **rows}


def proof(found):
    if found is None:
        return "-"
    good = found["wrong"] == 0 and found["missing"] == 0
    return "yes" if good else f"NO: {found['wrong']} wrong, {found['missing']} missing"


def table(rows, facts):
    from report import median
    limits = [min(both) for both in zip(rows["reading"]["rates"], rows["copies"]["rates"])]
    text = ("| | workers | samples/s | spread | GB/s | of the limit | samples proven |\n"
            "|---|---|---|---|---|---|---|\n")
    for row in rows.values():
        if "failed" in row:
            text += f"| {row['title']} | {row['failed']} | | | | | |\n"
            continue
        rates = row["rates"]
        share = (f"{100 * median([a / b for a, b in zip(rates, limits)]):.0f} %" if limits else "-")
        text += (f"| {row['title']} | {row['workers'] or '-'} | {median(rates):.0f} | "
                 f"{min(rates):.0f}-{max(rates):.0f} | "
                 f"{median(rates) * facts['tile_bytes'] / 1e9:.2f} | {share} | "
                 f"{proof(row['proof'])} |\n")
    return text


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
    parser.add_argument("--build", type=pathlib.Path, default=build, help="as of run.py")
    parser.add_argument("--python", default=sys.executable, help="of the environment of setup.py")
    parser.add_argument("--work", type=pathlib.Path, help="as of run.py: its set of tiles is used")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.scale = 0.15 if options.quick else 1
    options.repeats = 2 if options.quick else 5
    options.seconds = 1 if options.quick else 3
    options.threads, options.ring_batches = os.cpu_count(), 4
    return options


def main():
    sys.path.insert(0, str(HERE))
    options = arguments()
    if options.serve:
        name, folder, workers, seconds = options.serve
        serve(name, folder, int(workers), float(seconds))
    try:
        Driver()
    except OSError as reason:
        print(f"no CUDA device here ({reason}): nothing to measure")
        return
    import run
    made = options.work is None
    options.work = (options.work or pathlib.Path(tempfile.mkdtemp(prefix="bench-gpu-"))).resolve()
    try:
        run.build_tools(options)
        facts = run.make_dataset(options, "rgb")
        shape = " x ".join(map(str, facts["shape"]))
        print(f"### W7: {shape} {facts['dtype']} into device memory, page cache, full shuffle\n\n"
              f"{facts['count']} samples, batches of {facts['batch_size']}, {options.repeats} rounds "
              f"of {options.seconds} s\n")
        print(table(measure(options, facts), facts))
    finally:
        if made:
            shutil.rmtree(options.work, ignore_errors=True)


if __name__ == "__main__":
    main()
