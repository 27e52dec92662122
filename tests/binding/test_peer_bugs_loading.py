"""Known bugs of tools that make batches, one test each: those that no other file of this folder
tests. In test_augment.py: flips of the wrong axis, labels that stay behind, boxes beside their
objects. In test_orders.py: ranks with unequal batches, places that are lost on resuming, weights
that do not go with ranks. In test_robust.py: files after a fork, memory that grows.
"""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest
from conftest import PACKAGE

import vedatile

AUGMENT = {"crop": (9, 9), "random_crop": True, "augment": ["flip_cols", "flip_rows", "rotate"]}


def rows(loader):
    """(index, what was done to it, its bytes) of each sample."""
    return [(index, tuple(applied.tolist()), image.tobytes()) for batch in loader.batches()
            for index, applied, image in zip(batch.indices.numpy().tolist(), batch.applied.numpy(),
                                             batch.images.numpy())]


def test_two_groups_at_once(many, arrays):
    """pyveda's groups shared one cursor, which corrupted both (PyTables' iterrows)."""
    stored = {group: arrays(many, group)["images"] for group in ("train", "test")}
    reader = vedatile.Reader(many)
    loaders = [vedatile.loader(reader, group=group, batch_size=4) for group in stored]
    found = {"train": [], "test": []}
    for train, test in zip(*loaders):
        found["train"].append(train[0])
        found["test"].append(test[0])
    for group, images in found.items():
        images = np.concatenate(images)
        assert len(images) >= 28 and np.array_equal(images, stored[group][:len(images)])


def test_the_last_sample_is_delivered(many):
    """pyveda skipped the last sample of every group; so do loops over len(batches) - 1."""
    for group, count in vedatile.Reader(many).groups.items():
        for batch_size in (1, 4, count - 1, count, count + 1):
            loader = vedatile.loader(many, group=group, batch_size=batch_size)
            found = [index for index, _, _ in rows(loader)]
            assert found == list(range(count)) and len(loader) == -(-count // batch_size)


def test_channels_last_is_no_transpose(many, arrays):
    """pyveda's channels_last was .T: (cols, rows, bands), with labels as before."""
    stored = arrays(many)
    batch = vedatile.take(many, range(8), tasks="segmentation", axes="hwc", crop=(16, 24))
    assert batch.images.shape == (8, 16, 24, 3)
    assert np.array_equal(batch.images, np.moveaxis(stored["images"][:8, :, 8:24, 4:28], 1, 3))
    assert np.array_equal(batch.masks, stored["labels/mask"][:8, 8:24, 4:28])


def test_values_keep_their_type(many, wide):
    """pyveda's batches were float64, whatever the images were."""
    assert next(iter(vedatile.loader(many)))[0].dtype == np.uint8
    assert next(iter(vedatile.loader(wide)))[0].dtype == np.uint16


def test_a_loop_ends(many):
    """pyveda's generators began again without end unless they were told not to."""
    loader = vedatile.loader(many, batch_size=4)
    assert len(list(loader)) == len(loader)


@pytest.mark.parametrize("prefetch, threads", [(1, 1), (16, 4)])
def test_prefetched_batches_do_not_count_as_delivered(many, prefetch, threads):
    """Loaders whose workers keep the place resume behind what was prefetched."""
    loader = vedatile.loader(many, batch_size=4, prefetch=prefetch, threads=threads)
    batches = loader.batches()
    for number in range(1, 6):
        next(batches)
        assert loader.state_dict()["position"] == 4 * number


def test_resuming_augments_alike(many):
    """States without the random numbers' own give other crops and flips after resuming."""
    options = {**AUGMENT, "shuffle": True, "seed": 3, "epoch": 2, "tasks": "segmentation"}
    whole = rows(vedatile.loader(many, batch_size=4, **options))
    loader = vedatile.loader(many, batch_size=4, **options)
    batches = loader.batches()
    for _ in range(5):
        next(batches)
    resumed = vedatile.loader(many, batch_size=3, threads=4, resume=loader.state_dict(),
                              **{**options, "seed": 0, "epoch": 0})
    assert rows(resumed) == whole[20:]


def test_a_state_names_no_path(tmp_path, many):
    """States that hold the data's path cannot be resumed where the data was moved."""
    loader = vedatile.loader(many, shuffle=True, seed=3, batch_size=4)
    batches = loader.batches()
    next(batches)
    state = json.loads(json.dumps(loader.state_dict()))
    shutil.copy(many, tmp_path / "elsewhere.h5")
    resumed = vedatile.loader(tmp_path / "elsewhere.h5", shuffle=True, batch_size=4, resume=state)
    assert ([batch.indices.numpy().tolist() for batch in resumed.batches()] ==
            [batch.indices.numpy().tolist() for batch in batches])


def test_epochs_broken_off_at_any_batch(many):
    """Loaders with barriers hang at an epoch's end, or go on with the epoch before."""
    loader = vedatile.loader(many, shuffle=True, seed=5, batch_size=16, prefetch=3)
    expected = [[index for index, _, _ in rows(vedatile.loader(many, shuffle=True, seed=5,
                                                               epoch=epoch, batch_size=16))]
                for epoch in range(len(loader) + 1)]
    for stop, epoch in enumerate(expected, 1):
        found = []
        for number, batch in enumerate(loader.batches(), 1):
            found += batch.indices.numpy().tolist()
            if number == stop:
                break
        assert found == epoch[:16 * stop]


def test_copies_do_not_share_random_numbers(many):
    """NumPy's random numbers in workers forked from one parent are the same in each of them."""
    ranks = [rows(vedatile.loader(many, rank=rank, world=2, batch_size=4, tail="drop", **AUGMENT))
             for rank in range(2)]
    pairs = list(zip(*([applied for _, applied, _ in rank] for rank in ranks)))
    assert sum(one == other for one, other in pairs) < len(pairs) / 8


LOOP = """
import sys, vedatile
for x, y in vedatile.loader(sys.argv[1], order="weighted", epoch_samples=10**9, batch_size=2):
    print("ready", flush=True)
"""


def test_a_killed_process_leaves_nothing(many):
    """Shared memory with a name outlives a crash, and is in the next run's way."""
    shared = set(os.listdir("/dev/shm"))
    beside = set(os.listdir(many.parent))
    process = subprocess.Popen([sys.executable, "-c", LOOP, many], stdout=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": str(PACKAGE)})
    assert process.stdout.readline() == b"ready\n"
    mine = {name for name in set(os.listdir("/dev/shm")) - shared if "veda" in name or
            str(process.pid) in name}
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not mine and set(os.listdir(many.parent)) == beside
    assert len(rows(vedatile.loader(many))) == vedatile.Reader(many).groups["train"]


def test_locks_of_others_do_not_matter(tmp_path, many):
    """libhdf5 locks what it opens, which fails on network disks and beside other processes."""
    path = tmp_path / "locked.h5"
    with h5py.File(path, "w", libver="earliest") as file:
        file["images"] = np.arange(6 * 12, dtype=np.uint8).reshape(6, 1, 3, 4)
    for locked, source in ((many, lambda: many),
                           (path, lambda: vedatile.open_hdf5(path, images="/images"))):
        with open(locked, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            assert sum(len(x) for x, _ in vedatile.loader(source(), batch_size=4)) > 5
