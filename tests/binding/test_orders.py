"""Every epoch of every order: each sample exactly once, its bytes, and the same whatever the
threads, the ranks and the place where it was resumed."""
import random

import numpy as np
import pytest

import vedatile

ORDERS = {"sequential": {}, "shuffled": {}, "windowed": {"window": 16}}
DRAWS = {"weighted": {}, "balanced": {}}


def opened(path, order, **options):
    options = {"seed": 11, "batch_size": 4, "threads": 2, **options}
    return vedatile.loader(path, order=order, **ORDERS.get(order, {}), **options)


def collect(loaders):
    """(position, index, image's sum) of one epoch of all loaders, by position."""
    rows = []
    for loader in loaders:
        for batch in loader.batches():
            images = np.asarray(batch.images)
            for i, index in enumerate(np.asarray(batch.indices).tolist()):
                rows.append((batch.position + i, index, images[i].tobytes()))
    return rows


@pytest.fixture(scope="module")
def stored(many, arrays):
    found = arrays(many)
    return [image.tobytes() for image in found["images"]], len(found["images"])


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("world", [1, 3, 8])
@pytest.mark.parametrize("order", ORDERS)
def test_each_sample_once_and_its_bytes(many, stored, order, world, threads):
    images, count = stored
    loaders = [opened(many, order, rank=rank, world=world, threads=threads, tail="short")
               for rank in range(world)]
    for _ in range(2):
        rows = collect(loaders)
        assert sorted(index for _, index, _ in rows) == list(range(count))
        assert all(image == images[index] for _, index, image in rows)


@pytest.mark.parametrize("order", [*ORDERS, *DRAWS])
def test_threads_do_not_show(many, order):
    found = [collect([opened(many, order, threads=threads, prefetch=prefetch)])
             for threads, prefetch in ((1, 1), (2, 2), (8, 5))]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("order", [*ORDERS, *DRAWS])
def test_ranks_share_one_order(many, stored, order):
    """What the ranks get together is what one process gets."""
    alone = [index for _, index, _ in collect([opened(many, order)])]
    for world in (2, 3):
        loaders = [opened(many, order, rank=rank, world=world, tail="drop")
                   for rank in range(world)]
        steps = [[b.indices.numpy().tolist() for b in loader.batches()] for loader in loaders]
        assert len({len(step) for step in steps}) == 1
        together = [index for step in zip(*steps) for part in step for index in part]
        assert together == alone[:len(together)]
        assert len(alone) - len(together) < 4 * world


@pytest.mark.parametrize("world", [2, 3, 8])
def test_padded_ranks_get_equal_batches(many, stored, world):
    loaders = [opened(many, "shuffled", rank=rank, world=world) for rank in range(world)]
    assert len({len(loader) for loader in loaders}) == 1
    sizes = [[len(batch) for batch in loader.batches()] for loader in loaders]
    assert {size for rank in sizes for size in rank} == {4}
    found = {index for _, index, _ in collect(loaders)}
    assert found == set(range(stored[1]))


@pytest.mark.parametrize("order", [*ORDERS, *DRAWS])
def test_resume_anywhere(many, order):
    """With other threads, ranks and batches, the rest of the epoch is the rest of the epoch."""
    choose = random.Random(order)
    whole = [index for _, index, _ in collect([opened(many, order)])]
    for world, batch_size in ((1, 4), (1, 7), (3, 2), (8, 1)):
        first = opened(many, order, rank=0, world=2, batch_size=4)
        steps = choose.randrange(1, len(first) - 1)
        batches = first.batches()
        for _ in range(steps):
            next(batches)
        state = first.state_dict()
        assert state["position"] == steps * 8
        loaders = [opened(many, order, rank=rank, world=world, batch_size=batch_size, seed=0,
                          threads=choose.choice([1, 2, 8]), resume=state, tail="short")
                   for rank in range(world)]
        parts = [[b.indices.numpy().tolist() for b in loader.batches()] for loader in loaders]
        longest = max(map(len, parts))
        together = [index for step in range(longest) for part in parts if step < len(part)
                    for index in part[step]]
        assert together == whole[state["position"]:]


def test_orders_differ_by_epoch_and_seed(many):
    for order in ("shuffled", "windowed"):
        found = {}
        for seed in (0, 1):
            loader = opened(many, order, seed=seed)
            for number in range(3):
                found[seed, number] = tuple(index for _, index, _ in collect([loader]))
        assert len(set(found.values())) == 6


def test_window_counts(many, stored):
    """How near neighbours stay is for tests/unit/load/test_order.c to say."""
    orders = [[index for _, index, _ in collect([opened(many, "sequential")])]]
    for window in (16, 32):
        loader = vedatile.loader(many, order="windowed", window=window, seed=11)
        orders.append([index for _, index, _ in collect([loader])])
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_weights(many, stored):
    weights = np.zeros(stored[1])
    weights[[3, 10]] = 1, 3
    loader = opened(many, "weighted", weights=weights, epoch_samples=4000, batch_size=50)
    found = np.concatenate([batch.indices.numpy() for batch in loader.batches()])
    assert len(found) == 4000 and set(found.tolist()) == {3, 10}
    assert abs((found == 10).mean() - 0.75) < 0.05  # 7 standard deviations
    with pytest.raises(vedatile.ArgumentError):
        opened(many, "weighted", weights=np.zeros(stored[1]))
    with pytest.raises(vedatile.ArgumentError):
        opened(many, "weighted", weights=np.full(stored[1], -1.0))


def test_balance(tmp_path):
    """A class of few samples comes as often as one of many."""
    path = tmp_path / "few.h5"
    store = vedatile.Store(path, mltype="classification", classes=["few", "often"])
    images = np.random.default_rng(0).integers(0, 255, (40, 1, 8, 8)).astype(np.uint8)
    store.feed([(image, [1, 0] if i < 4 else [0, 1]) for i, image in enumerate(images)])
    store.close()
    loader = opened(path, "balanced", epoch_samples=4000, batch_size=50)
    found = np.concatenate([batch.indices.numpy() for batch in loader.batches()])
    assert abs((found < 4).mean() - 0.5) < 0.05
