"""Partial stores: they fill as they are read, whoever reads, and never with anything wrong."""
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import big
import numpy as np
import partials
import pytest
from conftest import PACKAGE, SANITIZED, run_vedatile

import vedatile


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """(folder, store, bytes): 64 tiles of 192 KiB in two groups, each a run of the file."""
    folder = tmp_path_factory.mktemp("release")
    scene = big.make_scene(folder / "scene.tif", 2048, 2048, bands=3)
    labels = big.make_labels(folder / "labels.geojson", 2048, 2048, 300)
    run_vedatile("feed", folder / "s.h5", "--image", scene, "--labels", labels, *big.ALL_TASKS,
                 "--class-field", "kind", "--tile", 256, "--match", "all", "--codec", "raw",
                 "--group", "train")
    return folder, folder / "s.h5", partials.make_release(folder / "release", folder / "s.h5")


@pytest.fixture
def server(release):
    with partials.serving(release[0] / "release") as running:
        yield running


@pytest.fixture
def partial(release, server, tmp_path):
    path = tmp_path / "p.h5"
    partials.make_partial(path, server.url, release[2])
    return path


def epoch(path, **options):
    """Everything of one epoch's batches, as arrays and texts."""
    found = []
    with vedatile.Store(path) as store, store.loader(batch_size=5, **options) as loader:
        for batch in loader.batches():
            found.append([batch.images.numpy().copy(), batch.indices.numpy().copy()])
            for name in ("onehot", "mask", "instances", "boxes", "box_classes"):
                if getattr(batch, name, None) is not None:
                    found[-1].append(np.asarray(getattr(batch, name)).copy())
    return found


def same(one, other):
    return len(one) == len(other) and all(
        len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b))
        for a, b in zip(one, other))


def assert_true_so_far(path, data):
    """Bits, holes and the percentage agree, and what is here is right."""
    here = partials.bits_here(path)
    content = path.read_bytes()
    for b in here:
        piece = slice(b * partials.BLOCK, (b + 1) * partials.BLOCK)
        assert content[piece] == data[piece]
    assert not set(here) & partials.holes(path)
    size = sum(len(data[b * partials.BLOCK : (b + 1) * partials.BLOCK]) for b in here)
    assert vedatile.Store(path).percent_cached >= 100 * size / len(data) - 1e-9
    return here


ORDERS = [dict(order="sequential"), dict(shuffle=True, seed=1), dict(order="windowed", seed=2),
          dict(order="balanced", seed=3), dict(shuffle=True, seed=4, dtype="float32", augment=("flip_cols", "flip_rows"))]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("options", ORDERS, ids=lambda o: o.get("order", f"seed{o.get('seed')}"))
def test_batches_are_those_of_the_whole_store(release, partial, options, threads):
    assert same(epoch(partial, threads=threads, **options), epoch(release[1], threads=1, **options))


def test_an_epoch_of_all_completes_the_store(release, server, partial):
    epoch(partial, shuffle=True, seed=1, threads=4)
    store = vedatile.Store(partial)
    for sample in store:
        sample.metadata
    vedatile.Store(partial).views
    done = run_vedatile("check", partial, "--fetch")
    assert "ok: 64 samples" in done.stdout
    assert partial.read_bytes() == release[2]
    assert not os.path.exists(f"{partial}.partial")
    assert vedatile.Store(partial).percent_cached == 100
    # No block came twice.
    assert server.sent == len(release[2])


def test_little_is_fetched_before_the_first_batch(release, server, partial):
    store = vedatile.Store(partial)
    assert store.percent_cached < 12
    loader = store.loader(batch_size=1, shuffle=True, seed=5, threads=1, prefetch=1)
    next(iter(loader.batches()))
    assert store.percent_cached < 25
    assert_true_so_far(partial, release[2])


def test_a_group_costs_what_it_is(tmp_path):
    scene = big.make_scene(tmp_path / "scene.tif", 1536, 1536, bands=3)
    for group in ("train", "test"):
        run_vedatile("feed", tmp_path / "s.h5", "--image", scene, "--tile", 256, "--codec", "raw",
                     "--group", group, "--windows", "grid", "--stride",
                     256 if group == "train" else 320)
    data = partials.make_release(tmp_path / "release", tmp_path / "s.h5")
    with partials.serving(tmp_path / "release") as server:
        partials.make_partial(tmp_path / "p.h5", server.url, data)
        store = vedatile.Store(tmp_path / "p.h5")
        opening = server.sent
        for _ in store.loader(group="test", batch_size=4, shuffle=True, seed=1):
            pass
        group = store.count["test"] * 256 * 256 * 3
        # Tiles begin and end within blocks, some of which came with the opening.
        assert 0.9 * group < server.sent - opening < group + 8 * partials.BLOCK
        assert server.sent < 0.8 * len(data)


def test_percent_is_true_at_all_times(release, partial):
    last = -1.0
    with vedatile.Store(partial) as store:
        with store.loader(batch_size=2, shuffle=True, seed=6, threads=2) as loader:
            for step, batch in zip(range(20), loader.batches()):
                percent = store.percent_cached
                assert percent >= max(last, 100 * 2 * step * 256 * 256 * 3 / len(release[2]))
                last = percent
                batch.release()
        here = assert_true_so_far(partial, release[2])
        blocks = (len(release[2]) + partials.BLOCK - 1) // partials.BLOCK
        assert set(here) == set(range(blocks)) - partials.holes(partial)
        size = sum(len(release[2][b * partials.BLOCK :][: partials.BLOCK]) for b in here)
        assert store.percent_cached == pytest.approx(100 * size / len(release[2]))


def test_info_says_how_much_is_here(partial):
    import json
    found = json.loads(run_vedatile("info", partial, "--json").stdout)
    assert 0 < found["percent_cached"] < 20
    assert f"here      {found['percent_cached']:.2f} %" in run_vedatile("info", partial).stdout


def test_readers_other_than_loaders(release, partial):
    with vedatile.Store(partial) as store, vedatile.Store(release[1]) as whole:
        for i in (0, 63, 17):
            assert np.array_equal(store[i].image, whole[i].image)
            assert store[i].key == whole[i].key and store[i].metadata == whole[i].metadata
        assert np.array_equal(store.take([5, 9]).images.numpy(), whole.take([5, 9]).images.numpy())
    other = vedatile.open_hdf5(partial, images="/train/images")
    images = next(iter(other.loader(batch_size=3).batches())).images
    with vedatile.open_hdf5(release[1], images="/train/images").loader(batch_size=3) as loader:
        assert np.array_equal(images.numpy(), next(iter(loader.batches())).images.numpy())


def test_mapped(release, partial):
    assert same(epoch(partial, map=True, shuffle=True, seed=8),
                epoch(release[1], shuffle=True, seed=8))


# --- several at once ---------------------------------------------------------------------------

CODE = """
import sys
sys.path.insert(0, {package!r})
import zlib, vedatile
crc = 0
for batch in vedatile.Store({path!r}).loader(batch_size=4, shuffle=True, seed={seed}).batches():
    crc = zlib.crc32(batch.images.numpy().tobytes(), crc)
print(crc)
"""


def start(path, seed):
    return subprocess.Popen(
        [sys.executable, "-c", CODE.format(package=str(PACKAGE), path=str(path), seed=seed)],
        stdout=subprocess.PIPE, text=True)


def test_processes_at_once_share_the_work(release, server, partial):
    running = [start(partial, seed) for seed in (1, 2, 1)]
    crcs = [int(process.communicate(timeout=120)[0]) for process in running]
    assert all(process.returncode == 0 for process in running)
    assert crcs[0] == crcs[2] == int(start(release[1], 1).communicate()[0])
    assert crcs[1] == int(start(release[1], 2).communicate()[0])
    asked = [first + at for first, size in server.asked for at in range(0, size, partials.BLOCK)]
    assert len(asked) == len(set(asked))  # nothing twice
    assert_true_so_far(partial, release[2]) if os.path.exists(f"{partial}.partial") else None


def test_killed_while_it_fills(release, server, partial):
    whole = epoch(release[1], shuffle=True, seed=3)
    server.spoil = lambda number, first, body: (time.sleep(0.02), body)[1]
    for delay in (0.25, 0.3, 0.4, 0.5, 0.6):
        process = start(partial, 3)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if os.path.exists(f"{partial}.partial"):
            assert_true_so_far(partial, release[2])
    assert same(epoch(partial, shuffle=True, seed=3), whole)


@pytest.mark.skipif(SANITIZED, reason="forks with threads")
def test_children_of_a_fork(release, partial):
    whole = epoch(release[1], shuffle=True, seed=9)
    store = vedatile.Store(partial)
    store[3].image  # connections and state that children inherit

    def child(number, queue):
        loader = store.loader(batch_size=5, shuffle=True, seed=9)
        found = [batch.images.numpy().copy() for batch in loader.batches()]
        queue.put((number, all(np.array_equal(x, y[0]) for x, y in zip(found, whole))))

    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=child, args=(n, queue)) for n in range(2)]
    for process in children:
        process.start()
    assert sorted(queue.get(timeout=60) for _ in children) == [(0, True), (1, True)]
    for process in children:
        process.join()


def test_another_boot_believes_what_reached_the_disk(release, partial):
    """Bits that were set since the last sync are not believed after power may have failed."""
    with vedatile.Store(partial) as store:
        for i in range(20):
            store[i].image
        store._reader = None  # the last one closes it
    file = open(f"{partial}.partial", "r+b")
    content = file.read()
    boot = open("/proc/sys/kernel/random/boot_id", "rb").read()
    at = content.index(boot)
    bits = (len(content) - at - partials.PAGE) // 2
    here = content[at + partials.PAGE :][:bits]
    assert content[at + partials.PAGE + bits :] == here  # closing made them durable
    file.seek(at + partials.PAGE + bits)
    file.write(b"\1" + b"\0" * (bits - 1))
    file.seek(at)
    file.write(b"0" * 36)
    file.close()
    with open(partial, "r+b") as damaged:  # what a crash may have left: bytes that never arrived
        damaged.seek(partials.BLOCK)
        damaged.write(b"\0" * (len(release[2]) - partials.BLOCK))
    assert same(epoch(partial, order="sequential"), epoch(release[1], order="sequential"))


# --- servers that fail -------------------------------------------------------------------------

def test_answers_that_end_early_and_refusals_are_asked_for_again(release, server, partial):
    server.cut = lambda number, body: len(body) // 2 if number % 5 == 0 else len(body)
    server.fail = lambda number: number % 7 == 3
    assert same(epoch(partial, order="sequential"), epoch(release[1], order="sequential"))


def test_damage_in_transit_is_fetched_again(release, server, partial):
    server.spoil = lambda number, first, body: (
        body[:100] + b"?" + body[101:] if number % 4 == 1 else body)
    assert same(epoch(partial, order="sequential"), epoch(release[1], order="sequential"))
    assert server.sent > len(release[2]) * 0.9


def test_bytes_that_stay_wrong(release, server, partial):
    store = vedatile.Store(partial)
    server.spoil = lambda number, first, body: b"?" * len(body)
    before = partials.bits_here(partial)
    with pytest.raises(vedatile.FormatError, match=f"{server.url}/store.h5: bytes .* not those") as e:
        store[40].image
    assert "\n" not in str(e.value)
    assert partials.bits_here(partial) == before
    server.spoil = lambda number, first, body: body
    assert np.array_equal(store[40].image, vedatile.Store(release[1])[40].image)


def test_a_server_that_is_gone(release, partial, server):
    store = vedatile.Store(partial)
    store[0].image
    server.shutdown()
    server.server_close()
    store[0].image  # is here
    began = time.monotonic()
    with pytest.raises(vedatile.IoError, match=f"{server.url}") as caught:
        list(store.loader(batch_size=8, on_damage="skip"))
    assert "\n" not in str(caught.value) and time.monotonic() - began < 60
    assert_true_so_far(partial, release[2])


def test_a_server_without_ranges(release, server, partial):
    server.ranges = False
    with pytest.raises(vedatile.UnsupportedError, match="ranges"):
        vedatile.Store(partial)[40].image


def test_another_store_at_the_address(release, server, partial):
    store = vedatile.Store(partial)
    server.root = release[0] / "other"
    server.root.mkdir(exist_ok=True)
    (server.root / "store.h5").write_bytes(b"x" * (len(release[2]) + 5))
    with pytest.raises(vedatile.ArgumentError, match="was replaced"):
        store[40].image


# --- who may what ------------------------------------------------------------------------------

def test_writers_are_refused(release, partial, tmp_path):
    vedatile.Store(partial)
    for arguments in (["feed", partial, "--image", release[0] / "scene.tif", "--tile", 256],):
        done = run_vedatile(*arguments, code=1)
        assert "% of it is here: complete it first ('vedatile pull " in done.stderr
        assert done.stderr.count("\n") == 1
    with pytest.raises(vedatile.UnsupportedError, match="complete it first"):
        vedatile.Store(partial).feed([(np.zeros((3, 256, 256), "uint8"), None)])
    # What only reads works, and fetches.
    run_vedatile("split", partial, "-o", tmp_path / "o.h5", "--split", "a=0.5,b=0.5")
    whole = run_vedatile("check", release[1], "--digest").stdout
    assert whole != "" and run_vedatile("check", tmp_path / "o.h5").returncode == 0


def test_check(release, server, partial):
    vedatile.Store(partial)[40].image
    done = run_vedatile("check", partial, code=1)
    assert done.stdout.startswith("not whole: ") and "what is here is right" in done.stdout
    block = partials.bits_here(partial)[-2]
    with open(partial, "r+b") as file:
        file.seek(block * partials.BLOCK + 7)
        file.write(b"damage")
    before = server.requests
    done = run_vedatile("check", partial, code=1)
    assert "1 of its blocks" in done.stdout and server.requests == before
    assert block not in partials.bits_here(partial)
    assert run_vedatile("check", partial, "--fetch", "--digest").stdout == run_vedatile(
        "check", release[1], "--digest").stdout
    assert partial.read_bytes() == release[2]


def test_damaged_and_strange_files_beside_a_store(release, partial, tmp_path):
    beside = tmp_path / "p.h5.partial"
    good = beside.read_bytes()
    for bad in (good[:-1], b"", b"VDTPARTL" + b"\xff" * 200, good[:70] + b"?" + good[71:]):
        beside.write_bytes(bad)
        done = run_vedatile("info", partial, code=1)
        assert "p.h5.partial: damaged" in done.stderr and done.stderr.count("\n") == 1
    beside.write_bytes(good)
    os.truncate(partial, len(release[2]) - 4096)
    assert "of another store" in run_vedatile("info", partial, code=1).stderr
    partial.unlink()
    done = run_vedatile("feed", partial, "--image", release[0] / "scene.tif", code=1)
    assert "p.h5.partial: of a store that is not there" in done.stderr
