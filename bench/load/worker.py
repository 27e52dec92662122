"""One contestant in a process of its own: takes orders from run.py as lines of JSON, answers alike.

    python worker.py CONTESTANT DATASET_FOLDER OWN_FOLDER
    python worker.py list                                 who there is, without their libraries

Whatever a library prints goes to stderr. Times are taken here, around next().
"""
import collections
import importlib
import itertools
import json
import os
import pathlib
import sys
import time
import traceback
import zlib

HERE = pathlib.Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
SETTLE = 16  # batches of an epoch before the clock runs
LISTS = 16   # lists of indices to prove
READ_BYTES = 1 << 22


def tree():
    """This process and all below it."""
    parents = collections.defaultdict(list)
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = pathlib.Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(fields[1])].append((int(name), sum(map(int, fields[11:15]))))
    found, todo = [], [(os.getpid(), None)]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += parents[one[0]]
    return found


def processor_seconds():
    """Of this process, of those that ended below it, and of those that are still there."""
    own = os.times()
    others = sum(ticks for _, ticks in tree()[1:]) / TICKS
    return own.user + own.system + own.children_user + own.children_system + others


def quantile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def warm(files):
    for path in files:
        with open(path, "rb", buffering=0) as file:
            while file.read(READ_BYTES):
                pass


class Clock:
    """Adds up batches and the time they took, until it has `seconds` of them.

    In every epoch it starts with batch `settle`, or half of `seconds` after the first batch: neither
    the start of workers nor batches made ahead count.
    """

    def __init__(self, seconds, settle):
        self.limit, self.settle = seconds, settle
        self.samples, self.all_samples, self.seconds = 0, 0, 0.0
        self.waits, self.firsts = [], []

    def full(self):
        return self.seconds >= self.limit

    def epoch(self, batches, size_of):
        """One epoch, or as much of it as is wanted."""
        last = begun = time.perf_counter()
        for number, batch in enumerate(batches):
            now = time.perf_counter()
            count = size_of(batch)
            self.all_samples += count
            if number == 0:
                self.firsts.append(now - begun)
                settled = now + self.limit / 2
            elif number > self.settle or last > settled:
                self.samples += count
                self.seconds += now - last
                self.waits.append(now - last)
                if self.full():
                    return
            del batch  # ours and others may use its memory again
            last = time.perf_counter()


class Worker:
    def __init__(self, name, dataset, folder):
        from data import Data
        from peers import find
        kind = find(name)
        for package in kind.packages:
            importlib.import_module(package)
        if "torch" in sys.modules:
            # Several threads to copy one batch get in the way of each other and of the workers.
            sys.modules["torch"].set_num_threads(1)
        self.peer = kind(Data.load(dataset), pathlib.Path(folder))
        self.seed = 1

    def prepare(self, _):
        done = self.peer.folder.with_suffix(".prepared")
        if not done.exists():
            self.peer.folder.mkdir(parents=True, exist_ok=True)
            self.peer.prepare()
            done.touch()
        return {"files": [str(path) for path in self.peer.files()]}

    def next_seed(self):
        self.seed += 1
        return self.seed

    def verify(self, order):
        """That an epoch is exactly the set of samples, with the same bytes."""
        import numpy
        crc = numpy.load(self.peer.data.folder / "crc.npy")
        left = collections.Counter(crc.tolist())
        wrong = count = 0
        for key in self.keys(self.peer.epoch(self.next_seed(), order["workers"])):
            wrong += left[key] <= 0
            left[key] -= left[key] > 0
            count += 1
        return {"samples": count, "wrong": wrong, "missing": sum(left.values())}

    def verify_lists(self, order):
        """That batches of a list have the samples of the list, in its order."""
        import numpy
        crc = numpy.load(self.peer.data.folder / "crc.npy")
        seed = self.next_seed()
        wanted = crc[numpy.concatenate(self.peer.lists(seed)[:LISTS])].tolist()
        got = list(self.keys(itertools.islice(self.peer.epoch(seed, order["workers"]), LISTS)))
        wrong = sum(a != b for a, b in zip(got, wanted))
        return {"samples": len(got), "wrong": wrong, "missing": len(wanted) - len(got)}

    def keys(self, batches):
        """The checksum of each sample; None where the shape is another."""
        import numpy
        shape = self.peer.data.shape
        for batch in batches:
            for sample in self.peer.samples(batch):
                good = sample.shape == shape
                yield zlib.crc32(numpy.ascontiguousarray(sample)) if good else None

    def time(self, order):
        """Warm: epochs until there is enough. Else one, as far as needed, from its second batch on."""
        peer, workers = self.peer, order["workers"]
        batches = -(-peer.data.count // peer.data.batch_size)
        settle = min(SETTLE, batches // 4) if order["warm"] and not order["lists"] else 0
        clock = Clock(order["seconds"], settle)

        def epoch(clock):
            clock.epoch(peer.epoch(self.next_seed(), workers), lambda one: len(peer.samples(one)))

        if order["warm"]:
            warm(peer.files())
            epoch(Clock(order["seconds"] / 2, 0))
        cpu = processor_seconds()
        epoch(clock)
        while order["warm"] and not clock.full():
            epoch(clock)
        cpu = processor_seconds() - cpu
        size = peer.data.tile_bytes
        return {"samples_per_s": clock.samples / clock.seconds,
                "gb_per_s": clock.samples * size / clock.seconds / 1e9,
                "cpu_s_per_gb": cpu / (clock.all_samples * size / 1e9),
                "first_s": clock.firsts[0], "p99_s": quantile(clock.waits, 0.99)}

    def quit(self, _):
        self.peer.close()
        return {}


def listing():
    from peers import ALL, find
    kinds = {name: find(name) for name in ALL}
    return {name: {"title": kind.title, "workloads": kind.workloads, "sweep": kind.sweep,
                   "note": kind.note} for name, kind in kinds.items()}


def main():
    sys.path.insert(0, str(HERE))
    if sys.argv[1:] == ["list"]:
        print(json.dumps(listing()))
        return
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    worker = None
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        try:
            if worker is None:
                worker = Worker(*sys.argv[1:])
            answer({"ok": getattr(worker, order["do"])(order)})
        except ImportError as error:
            answer({"missing": str(error)})
        except Exception as error:  # a peer's failure is a row of the table
            traceback.print_exc()
            answer({"failed": f"{type(error).__name__}: {error}".splitlines()[0]})
        if order["do"] == "quit":
            break
    # Worker processes and threads of some libraries outlive a polite end.
    os._exit(0)


if __name__ == "__main__":
    main()
