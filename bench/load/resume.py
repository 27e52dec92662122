"""W10: is the stream after a stop the one that was not stopped? Called by run.py:

    python resume.py list
    python resume.py NAME FOLDER THREADS

A stream is the list of the samples' checksums in the order of delivery. Each library stops in the
middle of an epoch, keeps what it calls its state, and goes on in new objects: with the same
settings, with another number of threads or workers, and with two ranks instead of one.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zlib

import numpy as np

BATCH, STOP = 64, 20
SAME, WORKERS, RANKS = "same settings", "other threads or workers", "other ranks"


def keys(batches):
    return [zlib.crc32(np.ascontiguousarray(sample)) for batch in batches for sample in batch]


def verdict(whole, rest):
    """`rest` should be what `whole` has after the stop."""
    return "identical" if rest == whole[STOP * BATCH:] else "differs"


def batch_verdict(whole, rest):
    """The same for several ranks: which of them has which place in a batch is nobody's concern."""
    def sets(stream):
        return [sorted(stream[i:i + BATCH]) for i in range(0, len(stream), BATCH)]

    found = verdict(whole, rest)
    if found == "differs" and sets(rest) == sets(whole[STOP * BATCH:]):
        return "the same batches"
    return found


def attempt(function):
    """A library may refuse what it cannot do: that is an answer, too."""
    try:
        return function()
    except Exception as error:
        return f"refused: {type(error).__name__}"


def first(batches, count):
    """The first batches; the iterator stays where it is."""
    return [next(batches) for _ in range(count)]


# --- the libraries: each returns {what was changed: verdict} --------------------------------------


def vedatile(data, _):
    import vedatile as library
    store = library.Store(str(data.store))

    def loader(threads, size=BATCH, **more):
        return store.loader(group="train", batch_size=size, shuffle=True, seed=5, threads=threads,
                            **more)

    def images(one):
        return (np.array(batch.images) for batch in one.batches())

    whole = keys(images(loader(2)))
    stopped = loader(2)
    running = images(stopped)
    first(running, STOP)
    state = stopped.state_dict()

    def ranks():
        halves = [images(loader(1 + rank, BATCH // 2, resume=state, rank=rank, world=2))
                  for rank in (0, 1)]
        return batch_verdict(whole, keys(half for pair in zip(*halves) for half in pair))

    return {SAME: verdict(whole, keys(images(loader(2, resume=state)))),
            WORKERS: verdict(whole, keys(images(loader(1, resume=state)))),
            RANKS: attempt(ranks)}


def dataloader(data, _):
    import torch
    from torchdata.stateful_dataloader import StatefulDataLoader
    tiles = data.tiles()

    class Tiles(torch.utils.data.Dataset):
        def __len__(self):
            return len(tiles)

        def __getitem__(self, index):
            return torch.from_numpy(np.array(tiles[index]))

    def loader(workers):
        return StatefulDataLoader(Tiles(), BATCH, shuffle=True, num_workers=workers,
                                  generator=torch.Generator().manual_seed(5))

    whole = keys(batch.numpy() for batch in loader(2))
    stopped = loader(2)
    first(iter(stopped), STOP)
    state = stopped.state_dict()

    def again(workers):
        other = loader(workers)
        other.load_state_dict(state)
        return verdict(whole, keys(batch.numpy() for batch in other))

    return {SAME: attempt(lambda: again(2)), WORKERS: attempt(lambda: again(1)),
            RANKS: "no such feature"}


def mds_stream(folder, workers, size, state):
    """The keys that one rank gets, and the loader's state if it is to stop."""
    from streaming import StreamingDataLoader, StreamingDataset
    dataset = StreamingDataset(local=folder, shuffle=True, shuffle_seed=5, batch_size=size,
                               num_canonical_nodes=1)
    loader = StreamingDataLoader(dataset, batch_size=size, num_workers=workers)
    if isinstance(state, dict):
        loader.load_state_dict(state)
    batches = (batch["image"].numpy() for batch in loader)
    if state == "stop":
        first(batches, STOP)
        return loader.state_dict()
    return keys(batches)


def mds_process(folder, workers, size, state, **environment):
    """Ranks are processes, found by their environment."""
    return subprocess.Popen(
        [sys.executable, __file__, "mds-rank", folder, str(workers), str(size), json.dumps(state)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, **environment})


def mds_answer(process):
    text = process.communicate(timeout=100)[0]
    if process.returncode != 0:
        raise RuntimeError("a rank failed")
    return json.loads(text.splitlines()[-1])


def mds(data, folder):
    from peers.mds import Epochs
    Epochs(data, folder).prepare()
    path = str(folder)

    def alone(workers, state):
        return mds_answer(mds_process(path, workers, BATCH, state))

    whole = alone(2, None)
    state = alone(2, "stop")

    def ranks():
        both = [mds_process(path, 1, BATCH // 2, state, RANK=str(rank), LOCAL_RANK=str(rank),
                            WORLD_SIZE="2", LOCAL_WORLD_SIZE="2", MASTER_ADDR="127.0.0.1",
                            MASTER_PORT="29517") for rank in (0, 1)]
        parts = [mds_answer(one) for one in both]
        half = BATCH // 2
        return batch_verdict(whole, [key for at in range(0, len(parts[0]), half)
                                     for part in parts for key in part[at:at + half]])

    return {SAME: attempt(lambda: verdict(whole, alone(2, state))),
            WORKERS: attempt(lambda: verdict(whole, alone(1, state))), RANKS: attempt(ranks)}


def litdata(data, folder):
    from litdata import StreamingDataLoader, StreamingDataset
    from peers.litdata import Epochs
    Epochs(data, folder).prepare()

    def loader(workers):
        dataset = StreamingDataset(str(folder), shuffle=True, seed=5, drop_last=False)
        return StreamingDataLoader(dataset, batch_size=BATCH, num_workers=workers)

    whole = keys(np.asarray(batch) for batch in loader(2))
    stopped = loader(2)
    first(iter(stopped), STOP)
    state = stopped.state_dict()

    def again(workers):
        other = loader(workers)
        other.load_state_dict(state)
        return verdict(whole, keys(np.asarray(batch) for batch in other))

    return {SAME: attempt(lambda: again(2)), WORKERS: attempt(lambda: again(1)),
            RANKS: "not tried"}


def grain(data, folder):
    import grain as library
    from peers.grain import Epochs
    peer = Epochs(data, folder)
    peer.prepare()

    def batches(threads, workers):
        reading = library.ReadOptions(num_threads=threads)
        found = peer.dataset(5).to_iter_dataset(reading).batch(BATCH)
        return iter(found.mp_prefetch(library.MultiprocessingOptions(num_workers=workers))
                    if workers else found)

    def again(state, threads, workers):
        other = batches(threads, workers)
        other.set_state(state)
        return keys(other)

    whole = keys(batches(4, 0))
    stopped = batches(4, 0)
    first(stopped, STOP)
    state = stopped.get_state()
    with_workers = attempt(lambda: verdict(whole, again(state, 4, 2)))
    return {SAME: verdict(whole, again(state, 4, 0)),
            WORKERS: f"threads: {verdict(whole, again(state, 1, 0))}; workers: {with_workers}",
            RANKS: "no such feature: a state belongs to its shard"}


def none(_, __):
    return {SAME: "no such feature", WORKERS: "-", RANKS: "-"}


LIBRARIES = {
    "vedatile": ("vedatile", vedatile),
    "stateful-dataloader": ("torchdata StatefulDataLoader over np.memmap", dataloader),
    "mds": ("MosaicML Streaming (MDS)", mds),
    "litdata": ("LitData", litdata),
    "grain": ("Grain + ArrayRecord", grain),
    "ffcv": ("FFCV", none),
    "webdataset": ("WebDataset", none),
}


def compare(name, folder):
    from data import Data
    title, check = LIBRARIES[name]
    own = pathlib.Path(tempfile.mkdtemp(dir=folder))
    try:
        return {"title": title, "answers": check(Data.load(folder), own)}
    finally:
        shutil.rmtree(own, ignore_errors=True)


def main():
    if sys.argv[1:] == ["list"]:
        print("\n".join(LIBRARIES))
        return
    if sys.argv[1] == "mds-rank":
        folder, workers, size, state = sys.argv[2:]
        print(json.dumps(mds_stream(folder, int(workers), int(size), json.loads(state))))
    else:
        print(json.dumps(compare(*sys.argv[1:3])))
    sys.stdout.flush()
    os._exit(0)  # worker processes and threads of some libraries outlive a polite end


if __name__ == "__main__":
    main()
