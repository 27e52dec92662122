"""Loaders among processes, threads, damage and interruptions."""
import multiprocessing
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings

import h5py
import numpy as np
import pytest
from conftest import PACKAGE, SANITIZED, command, run_vedatile

import vedatile


def indices(loader):
    return [batch.indices.numpy().tolist() for batch in loader.batches()]


def flat(parts):
    return [index for part in parts for index in part]


def resident():
    """Bytes of this process in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


# --- processes -----------------------------------------------------------------------------------

def in_child(loader, queue):
    queue.put((loader.state_dict(), indices(loader)))


@pytest.mark.parametrize("started", [False, True])
def test_fork(many, started):
    if started and SANITIZED:
        pytest.skip("the sanitizer's allocator does not survive a fork while a thread is in it")
    """Parent and child both go on from where the parent stood."""
    loader = vedatile.loader(many, shuffle=True, seed=2, batch_size=4)
    whole = indices(vedatile.loader(many, shuffle=True, seed=2, batch_size=4))
    batches = loader.batches()
    delivered = 3 if started else 0
    kept = [next(batches) for _ in range(delivered)]
    then = [np.array(batch.images) for batch in kept]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            found = [batch.indices.numpy().tolist() for batch in batches]
            same = all(np.array_equal(b.images, t) for b, t in zip(kept, then))
            os.write(writing, f"{found == whole[delivered:]} {same}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    assert os.read(reading, 100) == b"True True"
    os.close(reading)
    assert os.waitpid(child, 0)[1] == 0
    assert [batch.indices.numpy().tolist() for batch in batches] == whole[delivered:]


@pytest.mark.skipif(SANITIZED, reason="its allocator does not survive a fork beside busy threads")
def test_fork_while_another_thread_waits_for_a_batch(many):
    """A lock that the thread holds is held by nobody in the child."""
    loader = vedatile.loader(many, order="weighted", epoch_samples=10**9, batch_size=1, threads=1)
    stop = threading.Event()

    def work():
        while not stop.is_set():
            loader._core.next()

    worker = threading.Thread(target=work)
    worker.start()
    statuses = []
    for _ in range(20):
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            os._exit(loader._core.next() is None)
        statuses.append(os.waitpid(child, 0)[1])
        if statuses[-1] != 0:
            break
    stop.set()
    worker.join()
    assert statuses == [0] * 20


@pytest.mark.skipif(SANITIZED, reason="spawn does not take over LD_PRELOAD's order of libraries")
def test_spawn(many):
    loader = vedatile.loader(many, shuffle=True, seed=2, batch_size=4)
    batches = loader.batches()
    next(batches), next(batches)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=in_child, args=(loader, queue))
    process.start()
    state, found = queue.get(timeout=120)
    process.join()
    assert state == loader.state_dict()
    assert found == [batch.indices.numpy().tolist() for batch in batches]


def test_two_loaders_on_one_store(many):
    reader = vedatile.Reader(many)
    loaders = [vedatile.loader(reader, shuffle=True, seed=seed, batch_size=4) for seed in (1, 2)]
    alone = [flat(indices(vedatile.loader(many, shuffle=True, seed=seed))) for seed in (1, 2)]
    together = [[], []]
    for pair in zip(*(loader.batches() for loader in loaders)):
        for found, batch in zip(together, pair):
            found += batch.indices.numpy().tolist()
    assert together == alone


def test_threads_share_a_loader(many):
    """Each batch goes to one thread, and none is lost."""
    loader = vedatile.loader(many, shuffle=True, batch_size=2)
    found, lock = [], threading.Lock()

    def work():
        while (batch := loader._core.next()) is not None:
            with lock:
                found.extend(batch.indices.numpy().tolist())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(found) == list(range(loader.samples))


def test_a_store_that_grows(tmp_path, many):
    """A loader sees the samples of the commit it was opened on, whatever is fed meanwhile."""
    import big
    path = tmp_path / "growing.h5"
    shutil.copy(many, path)
    loader = vedatile.loader(path, shuffle=True, batch_size=4)
    before = loader.samples
    expected = indices(vedatile.loader(many, shuffle=True, batch_size=4))
    scene = big.make_scene(tmp_path / "more.tif", 640, 640, bands=3, seed=9)
    labels = big.make_labels(tmp_path / "more.geojson", 640, 640, 100)
    feeding = subprocess.Popen(
        [command.VEDATILE, "feed", path, "--image", scene, "--labels", labels,
         "--class-field", "kind", "--match", "all", "--group", "train"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    counts = {before}
    rounds = 0
    while feeding.poll() is None or rounds == 0:
        rounds += 1
        found = [(batch.indices.numpy().tolist(), int(batch.images.numpy().sum()))
                 for batch in loader.batches()]
        assert sorted(flat(part for part, _ in found)) == list(range(before))
        counts.add(vedatile.Reader(path).groups["train"])
    assert feeding.returncode == 0, feeding.stderr.read()
    feeding.stderr.close()
    assert len(expected) == len(loader)
    run_vedatile("check", path)
    assert vedatile.Reader(path).groups["train"] > before


def test_a_store_that_is_deleted(tmp_path, many, arrays):
    path = tmp_path / "short.h5"
    shutil.copy(many, path)
    loader = vedatile.loader(path, batch_size=4)
    next(iter(loader))
    path.unlink()
    images = np.concatenate([x for x, _ in loader])
    assert np.array_equal(images, arrays(many)["images"])


# --- damage --------------------------------------------------------------------------------------

@pytest.fixture
def damaged(tmp_path, many):
    """A copy of a store with one wrong byte in image 17 of train: (path, its place)."""
    path = tmp_path / "damaged.h5"
    shutil.copy(many, path)
    with h5py.File(path, "r") as file:
        images = file["train/images"]
        if images.chunks is None:
            place = images.id.get_offset() + 17 * 3 * 32 * 32
        else:
            place = images.id.get_chunk_info_by_coord((17, 0, 0, 0)).byte_offset
    with open(path, "r+b") as file:
        file.seek(place + 100)
        byte = file.read(1)[0]
        file.seek(place + 100)
        file.write(bytes([byte ^ 0xFF]))
    return path, place


def test_damage_is_fatal_and_named(damaged):
    path, place = damaged
    loader = vedatile.loader(path, batch_size=4)
    with pytest.raises(vedatile.FormatError) as caught:
        indices(loader)
    for part in ("damaged.h5", "train", "17"):
        assert part in str(caught.value)
    assert caught.value.status == "VDT_ERR_FORMAT"


def test_damage_is_skipped_and_said(damaged, many):
    path, _ = damaged
    loader = vedatile.loader(path, batch_size=4, on_damage="skip", tasks="segmentation")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        batches = list(loader.batches())
    assert [batch.skipped for batch in batches if batch.skipped] == [1]
    assert loader.skipped == 1
    found = flat(batch.indices.numpy().tolist() for batch in batches)
    assert found == [i for i in range(loader.samples) if i != 17]
    (said,) = [warning for warning in caught if warning.category is RuntimeWarning]
    assert "17" in str(said.message) and "damaged.h5" in str(said.message)
    assert re.search(r"\d", str(said.message))
    reader = vedatile.Reader(many)
    for batch in batches:
        for i, index in enumerate(batch.indices.numpy().tolist()):
            assert np.array_equal(batch.images.numpy()[i], reader.image("train", index))
            assert np.array_equal(batch.masks.numpy()[i], reader.mask("train", index))


def test_warnings_as_errors(damaged):
    loader = vedatile.loader(damaged[0], batch_size=4, on_damage="skip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="17"):
            indices(loader)


def test_a_warning_may_look_at_the_loader(damaged, run_python):
    said = run_python("""
import sys, vedatile, warnings
loader = vedatile.loader(sys.argv[1], batch_size=4, on_damage="skip")
warnings.simplefilter("always")
warnings.showwarning = lambda *_: print(loader.skipped)
for _ in loader:
    pass
""", damaged[0], timeout=60)
    assert said == "1\n"


def test_damage_in_a_file_whose_name_is_no_utf8(tmp_path, damaged):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.h5")
    shutil.copy(damaged[0], path)
    with pytest.warns(RuntimeWarning, match=r"caf\\xe9.h5.*\[17\]"):
        indices(vedatile.loader(path, batch_size=4, on_damage="skip"))


def test_damage_in_take(damaged):
    path, _ = damaged
    with pytest.raises(vedatile.FormatError, match="17"):
        vedatile.take(path, [16, 17, 18])
    with pytest.warns(RuntimeWarning, match="damaged.h5.*1 damaged sample"):
        batch = vedatile.take(path, [16, 17, 18], on_damage="skip")
    assert batch.indices.numpy().tolist() == [16, 18] and batch.skipped == 1
    assert vedatile.take(path, [17], verify="never").size == 1


def test_damage_is_seen_in_the_first_epoch_only(damaged):
    path, _ = damaged
    for verify, seen in (("first", [1, 0]), ("always", [1, 1]), ("never", [0, 0])):
        loader = vedatile.loader(path, batch_size=4, on_damage="skip", verify=verify)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert [sum(b.skipped for b in loader.batches()) for _ in range(2)] == seen


def test_a_file_cut_short(tmp_path, many):
    path = tmp_path / "cut.h5"
    shutil.copy(many, path)
    loader = vedatile.loader(path, batch_size=4, threads=1, prefetch=1)
    os.truncate(path, 20000)
    with pytest.raises(vedatile.Error, match="cut.h5"):
        for _ in range(2):
            indices(loader)


# --- resources -----------------------------------------------------------------------------------

def test_opening_leaks_nothing(many):
    def use():
        with vedatile.loader(many, batch_size=4, threads=1) as loader:
            next(iter(loader))
        vedatile.take(many, [1, 2])

    for _ in range(50):
        use()
    descriptors, threads, memory = os.listdir("/proc/self/fd"), os.listdir("/proc/self/task"), None
    memory = resident()
    for _ in range(100 if SANITIZED else 1000):
        use()
    assert len(os.listdir("/proc/self/fd")) == len(descriptors)
    assert len(os.listdir("/proc/self/task")) <= len(threads)
    if not SANITIZED:
        assert resident() - memory < 8 << 20


def test_memory_is_flat_over_many_batches(many):
    batches = 2000 if SANITIZED else 100_000
    loader = vedatile.loader(many, order="weighted", weights=np.ones(vedatile.Reader(many).groups[
        "train"]), epoch_samples=batches + 5000, batch_size=1, threads=1, tasks="classification")
    at = []
    for number, (_, _) in enumerate(loader):
        if number in (4000, batches - 1):
            at.append(resident())
    if not SANITIZED:
        assert at[1] - at[0] < 4 << 20


# --- interruption --------------------------------------------------------------------------------

LOOP = """
import sys, vedatile
loader = vedatile.loader(sys.argv[1], order="weighted", epoch_samples=10**9, batch_size=2)
print("ready", flush=True)
try:
    for x, y in loader:
        pass
except KeyboardInterrupt:
    print("interrupted at", loader.state_dict()["position"] > 0, flush=True)
"""


def test_interrupt_ends_a_loop(many):
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    process = subprocess.Popen([sys.executable, "-c", LOOP, many], env=environment,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert said == "interrupted at True\n" and process.returncode == 0


def test_exit_with_everything_open(many, run_python):
    """Loaders, batches and capsules that are alive at the interpreter's end do no harm."""
    said = run_python("""
import sys, threading, vedatile
loader = vedatile.loader(sys.argv[1], shuffle=True, batch_size=4)
batches = loader.batches()
kept = [next(batches) for _ in range(3)]
capsule = kept[0].images.__dlpack__()
view = memoryview(kept[1].images)
def forever():
    while True:
        for x, y in vedatile.loader(sys.argv[1], batch_size=4):
            pass
threading.Thread(target=forever, daemon=True).start()
print("end")
""", many)
    assert said == "end\n"


def test_without_numpy(many, run_python):
    """The package needs no NumPy: x and y are then Arrays."""
    said = run_python("""
import sys
sys.modules["numpy"] = None
import vedatile
for x, y in vedatile.loader(sys.argv[1], batch_size=4, tasks="segmentation"):
    assert isinstance(x, vedatile.Array) and memoryview(y).shape == (len(y), 32, 32)
batch = vedatile.take(sys.argv[1], [3, 1], tasks="detection")
assert list(memoryview(batch.indices)) == [3, 1] and batch.indices[0] == 3
assert set(batch.y) == {"boxes", "classes", "offsets"}
print("good")
""", many)
    assert said == "good\n"
