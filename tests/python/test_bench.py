"""Options of bench: each changes what is delivered just as NumPy says. The report names the samples
of the first batch and has a checksum of their images."""
import json
import shutil
import zlib

import h5py
import numpy
import pytest
from big import digest, feed, make_labels, make_scene
from test_loader_cli import flip_in_last_image
from test_views import keep_view

SAMPLES, BANDS, ROWS, COLS = 21, 3, 32, 32


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    make_scene(folder / "a.tif", 7 * COLS, 3 * ROWS, bands=BANDS, dtype="uint16")
    make_labels(folder / "a.json", 7 * COLS, 3 * ROWS, 40)
    feed(folder / "a.h5", "--image", folder / "a.tif", "--labels", folder / "a.json",
         "--class-field", "kind", "--task", "classification,detection,segmentation", "--tile",
         f"{COLS}x{ROWS}", "--match", "all", "--codec", "raw")
    keep_view(folder / "a.h5", "odd", "train", range(1, SAMPLES, 2))
    return folder / "a.h5"


@pytest.fixture(scope="module")
def images(path):
    with h5py.File(path) as file:
        return file["train/images"][...]


@pytest.fixture
def bench(vedatile, path):
    def run(*arguments, store=path, code=0):
        done = vedatile("bench", store, "--epochs", 1, "--json", *arguments, code=code)
        return json.loads(done.stdout) if code == 0 else done.stderr
    return run


def first(report):
    return report["first_batch"]["indices"], report["first_batch"]["images_adler32"]


def checksum(array):
    return zlib.adler32(numpy.ascontiguousarray(array).tobytes())


# --- order ---------------------------------------------------------------------------------------


def test_order(bench):
    everything = list(range(SAMPLES))
    assert first(bench("--order", "sequential", "--batch-size", 30))[0] == everything
    assert bench("--sequential")["order"] == "sequential"
    shuffled = first(bench("--batch-size", 30))[0]
    assert shuffled != everything and sorted(shuffled) == everything
    assert first(bench("--batch-size", 30, "--order", "shuffled"))[0] == shuffled
    assert first(bench("--batch-size", 30, "--seed", 1))[0] != shuffled


def runs(indices):
    """How many runs of neighbours there are to read."""
    indices = sorted(indices)
    return 1 + sum(b != a + 1 for a, b in zip(indices, indices[1:]))


def test_a_window_keeps_samples_near(bench, tmp_path):
    make_scene(tmp_path / "many.tif", 64 * 8, 64 * 8)
    feed(tmp_path / "many.h5", "--image", tmp_path / "many.tif", "--tile", 8)
    store, size = tmp_path / "many.h5", 64 * 64
    shuffled, windowed, narrow = (
        first(bench("--batch-size", size, "--order", *order, store=store))[0]
        for order in (["shuffled"], ["windowed", "--window", 2048], ["windowed", "--window", 512]))
    assert sorted(windowed) == sorted(narrow) == list(range(size)) and windowed != narrow
    # The first windows may be half as large as others.
    assert runs(narrow[:256]) < runs(shuffled[:256]) / 2
    assert runs(windowed[:1024]) < runs(shuffled[:1024]) / 2


def test_weights_draw(bench, path, tmp_path):
    copy = tmp_path / "weighted.h5"
    shutil.copy(path, copy)
    with h5py.File(copy, "r+") as file:
        rows = file["train/samples"][...]
        rows["weight"] = 0
        rows["weight"][[4, 11]] = 1, 3
        file["train/samples"][...] = rows
    drawn = sum((first(bench("--order", "weighted", "--batch-size", 30, "--seed", seed, store=copy))[0]
                 for seed in range(10)), [])
    assert set(drawn) == {4, 11} and len(drawn) == 10 * SAMPLES
    assert 0.6 < drawn.count(11) / len(drawn) < 0.9


def test_classes_are_balanced(bench, tmp_path):
    """One sample of 21 has the class `rare`: it is drawn as often as the 20 others together."""
    copy = tmp_path / "rare.h5"
    make_scene(tmp_path / "a.tif", 7 * COLS, 3 * ROWS)
    make_labels(tmp_path / "a.json", 7 * COLS, 3 * ROWS, 1, classes=("rare",))
    feed(copy, "--image", tmp_path / "a.tif", "--labels", tmp_path / "a.json", "--class-field",
         "kind", "--task", "classification", "--tile", f"{COLS}x{ROWS}", "--match", "all",
         "--codec", "raw")
    with h5py.File(copy) as file:
        rare = set(numpy.flatnonzero(file["train/labels/onehot"][:, 0]).tolist())
    assert 0 < len(rare) <= 4
    drawn = sum((first(bench("--order", "balanced", "--batch-size", 30, "--seed", seed, store=copy))[0]
                 for seed in range(10)), [])
    assert 0.35 < sum(index in rare for index in drawn) / len(drawn) < 0.65


def test_ranks_share_an_epoch(bench):
    reports = [bench("--rank", rank, "--world", 3, "--batch-size", 7) for rank in range(3)]
    assert [(report["rank"], report["world"]) for report in reports] == [(0, 3), (1, 3), (2, 3)]
    assert sorted(sum((first(report)[0] for report in reports), [])) == list(range(SAMPLES))


@pytest.mark.parametrize("tail, samples, batches", [
    ("short", 21, 6), ("drop", 20, 5), ("pad", 24, 6), ("default", 21, 6)])
def test_tail(bench, tail, samples, batches):
    report = bench("--tail", tail, "--batch-size", 4)
    assert (report["samples"], report["batches"]) == (samples, batches)


# --- which samples -------------------------------------------------------------------------------


def test_view(bench):
    report = bench("--view", "odd", "--sequential")
    assert (report["view"], report["group"], report["samples"]) == ("odd", "train", 10)
    assert first(report)[0] == list(range(1, SAMPLES, 2))


@pytest.mark.parametrize("threads", [1, 3])
def test_lists_of_indices(bench, images, threads):
    report = bench("--indices", 8, "--seed", 5, "--threads", threads)
    indices, images_sum = first(report)
    assert report["order"] == "indices" and (report["batches"], report["samples"]) == (3, 24)
    assert len(indices) == 8 and indices != sorted(indices)
    assert images_sum == checksum(images[indices])
    assert first(bench("--indices", 8, "--seed", 6))[0] != indices
    assert set(first(bench("--indices", 9, "--view", "odd", "--dtype", "float32"))[0]) <= set(
        range(1, SAMPLES, 2)) | set(range(10))


def test_any_hdf5_file(bench, tmp_path):
    random = numpy.random.default_rng(1)
    data = random.integers(0, 255, (10, 9, 8, 3), dtype="u1")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.create_dataset("set/x", data=data, chunks=(4, 9, 8, 3), compression="gzip")
        file["set/y"] = numpy.arange(20, dtype="f4").reshape(10, 2)
    report = bench("--images", "set/x", "--labels", "set/y", "--batch-size", 5,
                   store=tmp_path / "other.h5")
    indices, images_sum = first(report)
    assert report["group"] is None and report["samples"] == 10
    assert report["bytes"] == 10 * (9 * 8 * 3 + 8)
    assert report["images"] == {"shape": [9, 8, 3], "axes": "hwc", "dtype": "uint8"}
    assert images_sum == checksum(data[indices])
    report = bench("--images", "set/x", "--axes", "chw", store=tmp_path / "other.h5")
    assert report["bytes"] == data.size and report["images"]["shape"] == [3, 9, 8]
    assert first(report)[1] == checksum(data[first(report)[0]].transpose(0, 3, 1, 2))
    assert "statistics" in bench("--images", "set/x", "--normalize", code=2,
                                 store=tmp_path / "other.h5")


# --- what is done to them ------------------------------------------------------------------------


def test_images_are_converted(bench, images):
    report = bench("--dtype", "float32", "--axes", "hwc", "--bands", "3,1")
    indices, images_sum = first(report)
    assert report["images"] == {"shape": [ROWS, COLS, 2], "axes": "hwc", "dtype": "float32"}
    wanted = images[indices][:, [2, 0]].transpose(0, 2, 3, 1).astype("f4")
    assert images_sum == checksum(wanted)
    for dtype, numpys in ("float16", "f2"), ("float64", "f8"), ("int32", "i4"), ("uint8", "u1"):
        indices, images_sum = first(bench("--dtype", dtype))
        assert images_sum == checksum(images[indices].astype(numpys))


def test_images_are_normalized(bench, images):
    """In halves: the last bit of a float32 is for how the quotient is computed."""
    mean = images.mean(axis=(0, 2, 3), dtype="f8")[[1, 2]].astype("f4")
    std = images.std(axis=(0, 2, 3), dtype="f8")[[1, 2]].astype("f4")
    report = bench("--normalize", "--dtype", "bfloat16", "--bands", "2,3")
    indices, images_sum = first(report)
    wanted = (images[indices][:, [1, 2]].astype("f4") - mean[:, None, None]) / std[:, None, None]
    bits = wanted.astype("f4").view("u4").astype("u8")
    rounded = ((bits + 0x7fff + (bits >> 16 & 1)) >> 16).astype("<u2")
    assert images_sum == checksum(rounded)
    assert bench("--normalize")["images"]["dtype"] == "float32"


def test_crop(bench, images):
    report = bench("--crop", "20x11")
    indices, images_sum = first(report)
    assert report["images"]["shape"] == [BANDS, 11, 20]
    row, col = (ROWS - 11) // 2, (COLS - 20) // 2
    assert images_sum == checksum(images[indices][:, :, row:row + 11, col:col + 20])


def sums_of_one(bench, *arguments):
    """Of the first sample, for some seeds of what is random."""
    reports = [bench("--sequential", "--batch-size", 1, *arguments)]
    reports += [bench("--order", "shuffled", "--seed", seed, "--batch-size", 1, *arguments)
                for seed in range(8)]
    return [first(report) for report in reports]


def test_random_crops(bench, images):
    places = set()
    for (index,), images_sum in sums_of_one(bench, "--crop", 30, "--random-crop"):
        found = [(row, col) for row in range(3) for col in range(3)
                 if checksum(images[index][:, row:row + 30, col:col + 30]) == images_sum]
        assert len(found) == 1
        places |= set(found)
    assert len(places) > 2


@pytest.mark.parametrize("augment, ways", [
    ("flip-cols", [lambda x: x, lambda x: x[:, :, ::-1]]),
    ("flip-rows", [lambda x: x, lambda x: x[:, ::-1]]),
    ("rotate", [lambda x, n=n: numpy.rot90(x, n, axes=(1, 2)) for n in range(4)]),
    ("flip-rows,flip-cols", [lambda x: x, lambda x: x[:, ::-1], lambda x: x[:, :, ::-1],
                             lambda x: x[:, ::-1, ::-1]])])
def test_augment(bench, images, augment, ways):
    seen = set()
    for (index,), images_sum in sums_of_one(bench, "--augment", augment):
        found = [n for n, way in enumerate(ways) if checksum(way(images[index])) == images_sum]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) > len(ways) // 2


def test_labels(bench, path):
    with h5py.File(path) as file:
        classes = file["train/labels/onehot"].shape[1]
        boxes = numpy.diff(file["train/labels/box_offsets"][...].astype(int))
    image, mask, box = BANDS * ROWS * COLS * 2, ROWS * COLS, 16 + 2 + 8 + 4
    sizes = {"classification": classes, "segmentation": mask, "classification,segmentation":
             classes + mask}
    for tasks, size in sizes.items():
        assert bench("--tasks", tasks)["bytes"] == SAMPLES * (image + size)
    report = bench("--tasks", "detection")
    assert report["bytes"] == SAMPLES * image + boxes.sum() * box and report["box_pad"] == 0
    report = bench("--tasks", "detection", "--box-pad", 100)
    assert report["bytes"] == SAMPLES * (image + 100 * box) and report["box_pad"] == 100
    report = bench("--tasks", "detection", "--box-pad", 2**32 - 1)
    assert report["bytes"] == SAMPLES * (image + boxes.max() * box)
    assert report["box_pad"] == boxes.max()


# --- damage --------------------------------------------------------------------------------------


@pytest.fixture
def damaged(path, tmp_path):
    flip_in_last_image(path, tmp_path / "damaged.h5")
    return tmp_path / "damaged.h5"


@pytest.mark.parametrize("verify, code", [("first", 1), ("always", 1), ("never", 0)])
def test_verify(bench, damaged, verify, code):
    report = bench("--verify", verify, "--batch-size", 4, store=damaged, code=code)
    assert report["verify"] == "never" if code == 0 else "checksum" in report


@pytest.mark.parametrize("verify, skipped", [("first", 1), ("always", 2)])
def test_damaged_samples_are_skipped(vedatile, damaged, verify, skipped):
    """In two epochs, and in the first of them."""
    done = vedatile("bench", damaged, "--verify", verify, "--on-damage", "skip", "--epochs", 2,
                    "--batch-size", 4, "--json")
    report = json.loads(done.stdout)
    assert (report["skipped"], report["samples"]) == (skipped, 2 * SAMPLES - skipped)


# --- devices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [("--pin",), ("--cuda", 0), ("--cuda", 1000)], ids=str)
def test_cuda_or_why_not(vedatile, path, arguments):
    done = vedatile("bench", path, "--epochs", 1, "--batch-size", 4, *arguments, code=None)
    if done.returncode:
        assert "CUDA" in done.stderr and done.stderr.count("\n") == 1 and done.returncode == 1
    else:
        assert arguments[-1] != 1000 and "CUDA device 0" in done.stdout


def test_bench_writes_nothing(bench, path):
    before = digest(path), sorted(path.parent.iterdir())
    bench("--normalize", "--augment", "flip-cols")
    assert (digest(path), sorted(path.parent.iterdir())) == before
