"""W9: opening a file of very many chunks, to the first batch. Called by run.py:

    python opening.py list
    python opening.py NAME FOLDER THREADS           all phases of one reader, each in a new process

Imports are not timed. The file is in the page cache.
"""
import json
import pathlib
import subprocess
import sys
import time

BATCH = 64
ASKED = 100  # calls that the linear look-up is extrapolated from


def loader_batch(source, threads, **group):
    next(iter(source.loader(batch_size=BATCH, shuffle=True, seed=1, threads=threads, **group)))


def our_store(path, threads):
    import vedatile
    begun = time.perf_counter()
    loader_batch(vedatile.Store(str(path)), threads, group="train")
    return time.perf_counter() - begun


def our_hdf5(path, threads):
    import vedatile
    begun = time.perf_counter()
    loader_batch(vedatile.open_hdf5(str(path), images="/train/images"), threads)
    return time.perf_counter() - begun


def h5py_batch(path, _):
    import h5py
    import numpy
    begun = time.perf_counter()
    with h5py.File(path, "r") as file:
        images = file["train/images"]
        for index in numpy.random.default_rng(1).permutation(len(images))[:BATCH]:
            images[index]
        return time.perf_counter() - begun


def h5py_chunk_iter(path, _):
    import h5py
    table = []
    begun = time.perf_counter()
    with h5py.File(path, "r") as file:
        file["train/images"].id.chunk_iter(lambda chunk: table.append(chunk.byte_offset))
    return time.perf_counter() - begun


def h5py_chunk_info(path, _):
    import h5py
    with h5py.File(path, "r") as file:
        images = file["train/images"].id
        count = images.get_num_chunks()
        images.get_chunk_info(0)
        begun = time.perf_counter()
        for i in range(ASKED):
            images.get_chunk_info(i * (count - 1) // (ASKED - 1))
        return (time.perf_counter() - begun) / ASKED * count


READERS = {  # name: {phase: (function, forget what is cached?, what it does)}
    "vedatile.Store": {
        "first time": (our_store, True, "open, start a shuffled loader, first batch of 64"),
        "again": (our_store, False, "the same in another process")},
    "vedatile.open_hdf5": {
        "first time": (our_hdf5, True, "the same file as plain HDF5: takes the table of chunks"),
        "again": (our_hdf5, False, "the same in another process: the table lies beside the file")},
    "h5py": {
        "first batch": (h5py_batch, False, "open, read 64 random samples, one look-up each"),
        "chunk_iter": (h5py_chunk_iter, False, "the whole table, where HDF5 has H5Dchunk_iter"),
        "get_chunk_info": (h5py_chunk_info, False,
                           f"the whole table, extrapolated from {ASKED} look-ups spread over it")},
}


def phases(name, folder, threads):
    path = pathlib.Path(folder) / "store.h5"
    times = {}
    for phase, (_, forget, _) in READERS[name].items():
        if forget:
            for kept in path.parent.glob(path.name + ".*"):
                kept.unlink()
        done = subprocess.run([sys.executable, __file__, name, str(path), threads, phase],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit((done.stderr.strip().splitlines() or ["failed"])[-1])
        times[phase] = float(done.stdout.splitlines()[-1])
    return {**times, "what": {phase: what for phase, (_, _, what) in READERS[name].items()}}


def main():
    if sys.argv[1:] == ["list"]:
        print("\n".join(READERS))
    elif len(sys.argv) == 5:
        name, path, threads, phase = sys.argv[1:]
        print(READERS[name][phase][0](pathlib.Path(path), int(threads)))
    else:
        print(json.dumps(phases(*sys.argv[1:])))


if __name__ == "__main__":
    main()
