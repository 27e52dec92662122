"""Counts the pixels of two masks of 10,000 x 10,000 by true and predicted class, beside NumPy, scikit-learn and
the memory itself.

    python3 bench/eval/segmentation.py [--side 10000] [--classes 16] [--rounds 5] [--build build]

Four kinds of masks: fields of 200 pixels, blocks of 40, blocks of which the prediction misses a fifth in
pieces of 4, and noise. The limit is a program that reads both masks and adds their words up, with
as many threads (limit.c). All run in turn, in one process each, and give the median of their rounds. The
matrices have to be equal."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def regions(rng, side, classes, cell):
    coarse = rng.integers(0, classes + 1, (side // cell + 1, side // cell + 1), dtype=np.uint8)
    return np.ascontiguousarray(coarse.repeat(cell, 0).repeat(cell, 1)[:side, :side])


def make(kind, side, classes, folder):
    rng = np.random.default_rng(1)
    if kind == "noise":
        truth = rng.integers(0, classes + 1, (side, side), dtype=np.uint8)
        predicted = rng.integers(0, classes + 1, (side, side), dtype=np.uint8)
    else:
        truth = regions(rng, side, classes, 200 if kind == "fields" else 40)
        predicted = np.roll(truth, (3, 5), (0, 1))
        if kind == "speckled":
            wrong = rng.random((side // 4 + 1, side // 4 + 1)) < 0.2
            wrong = wrong.repeat(4, 0).repeat(4, 1)[:side, :side]
            predicted = np.where(wrong, np.uint8(1), predicted)
    np.save(folder / "truth.npy", truth)
    np.save(folder / "predicted.npy", np.ascontiguousarray(predicted))


# --- who counts: each gets (truth, predicted, classes) and returns [classes + 1, classes + 1] ---------


def ours(threads):
    def count(truth, predicted, classes):
        from vedatile import scores
        counter = scores.PixelCounter(classes)
        counter.add(truth, predicted, threads=threads)
        return counter.matrix[:, :-1]
    return count


def numpy_bincount(truth, predicted, classes):
    size = classes + 1
    codes = truth.ravel().astype(np.int32) * size + predicted.ravel()
    return np.bincount(codes, minlength=size * size).reshape(size, size)


def scikit_learn(truth, predicted, classes):
    from sklearn.metrics import confusion_matrix
    return confusion_matrix(truth.ravel(), predicted.ravel(), labels=range(classes + 1))


COUNTERS = {"vedatile, 1 thread": ours(1), "vedatile, 2 threads": ours(2), "numpy": numpy_bincount,
            "scikit-learn": scikit_learn}


def run_one(name, folder, classes, rounds):
    """In a process of its own: prints seconds, memory and the matrix's digest."""
    import resource
    truth, predicted = np.load(folder / "truth.npy"), np.load(folder / "predicted.npy")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        matrix = COUNTERS[name](truth, predicted, classes)
        seconds.append(time.perf_counter() - start)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "extra_mb": (after - before) / 1024,
                      "matrix": np.asarray(matrix).tolist()}))


def limit(program, folder, threads, rounds):
    done = subprocess.run([program, folder / "truth.npy", folder / "predicted.npy", str(threads), str(rounds)],
                          check=True, capture_output=True, text=True)
    return [float(s) for s in done.stdout.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--side", type=int, default=10000)
    parser.add_argument("--classes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[1] / "build")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(options.build.resolve() / "tools/python"))
    if options.one:
        run_one(options.one[0], pathlib.Path(options.one[1]), options.classes, options.rounds)
        return
    pixels = options.side ** 2
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = folder / "limit"
        subprocess.run(["cc", "-O3", "-march=native", "-pthread", "-o", program, HERE / "limit.c"], check=True)
        print("| masks | who | seconds | pixels/s | of the limit | more memory |\n|---|---|---|---|---|---|")
        for kind in ("fields", "blocks", "speckled", "noise"):
            make(kind, options.side, options.classes, folder)
            limits = {t: statistics.median(limit(program, folder, t, options.rounds)) for t in (1, 2)}
            matrices = []
            for name in COUNTERS:
                rounds = 1 if name == "scikit-learn" else options.rounds
                done = subprocess.run([sys.executable, __file__, "--one", name, folder, "--classes",
                                       str(options.classes), "--rounds", str(rounds), "--build", options.build],
                                      check=True, capture_output=True, text=True)
                found = json.loads(done.stdout)
                matrices.append(found["matrix"])
                seconds = statistics.median(found["seconds"])
                share = limits[2 if "2 threads" in name else 1] / seconds
                print(f"| {kind} | {name} | {seconds:.3f} | {pixels / seconds / 1e9:.2f} G | "
                      f"{100 * share:.0f} % | {found['extra_mb']:.0f} MB |", flush=True)
            for threads, seconds in limits.items():
                print(f"| {kind} | reading both, {threads} threads | {seconds:.3f} | "
                      f"{pixels / seconds / 1e9:.2f} G | | |", flush=True)
            assert all(m == matrices[0] for m in matrices), f"{kind}: matrices differ"


if __name__ == "__main__":
    main()
