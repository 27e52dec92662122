"""Arrays of samples and batches: the buffer protocol, DLPack, and how long memory lives."""
import ctypes
import gc
import struct
import sys

import h5py
import numpy as np
import pytest

import vedatile

ALL = {"classification", "detection", "segmentation", "instance"}


def take(path, indices=range(8), **options):
    return vedatile.take(path, indices, **options)


# --- what is in them -----------------------------------------------------------------------------

def test_reader_says_what_h5py_says(many):
    reader = vedatile.Reader(many)
    with h5py.File(many, "r") as file:
        assert reader.uuid.encode() == file.attrs["uuid"]
        assert reader.name == "many" and reader.format == "1.0" and reader.path == str(many)
        assert reader.groups == {g: len(file[g]["images"]) for g in ("train", "test")}
        assert list(reader.groups) == [g for g in reader.groups if g in file]
        assert reader.box_counts == {g: len(file[g]["labels/boxes"]) for g in ("train", "test")}
        assert reader.classes == [name.decode() for name in file.attrs["classes"]]
        assert reader.tile == (*file["train/images"].shape[1:], "uint8")
    assert set(reader.tasks) == ALL
    assert reader.band_names == ["band_1", "band_2", "band_3"]
    assert reader.file_bytes == many.stat().st_size
    assert reader.scenes[0]["cols"] == 320 and reader.scenes[0]["uri"].endswith("scene.tif")
    assert "UTM zone 33N" in reader.crs[0]
    assert set(reader.codecs) == {"image", "mask"}


def test_single_samples(many, arrays):
    reader, stored = vedatile.Reader(many), arrays(many)
    offsets = stored["labels/box_offsets"]
    for i in range(0, reader.groups["train"], 7):
        assert np.array_equal(reader.image("train", i), stored["images"][i])
        assert np.array_equal(reader.mask("train", i), stored["labels/mask"][i])
        assert np.array_equal(reader.instances("train", i), stored["labels/instances"][i])
        assert np.array_equal(reader.onehot("train", i), stored["labels/onehot"][i])
        rows = slice(int(offsets[i]), int(offsets[i + 1]))
        names = ("boxes", "box_class", "box_feature", "box_visible")
        for name, found in zip(names, reader.boxes("train", i)):
            assert np.array_equal(found, stored[f"labels/{name}"][rows])
            assert found.dtype == str(stored[f"labels/{name}"].dtype)
        row, sample = stored["samples"][i], reader.sample("train", i)
        assert sample["key"] == row["key"].decode()
        assert sample["window"] == tuple(row["window"].tolist())
        assert sample["geotransform"] == tuple(row["geotransform"].tolist())
        assert sample["bounds"] == tuple(row["bounds"].tolist())
        assert sample["weight"] == 1 and sample["valid_fraction"] == row["valid_fraction"]
        assert sample["metadata"] == {}


def test_statistics_and_selection(many, arrays):
    reader, stored = vedatile.Reader(many), arrays(many)
    images = stored["images"].astype(np.float64)
    for band, stats in enumerate(reader.band_stats("train")):
        assert stats["count"] == images[:, band].size
        assert stats["mean"] == pytest.approx(images[:, band].mean(), rel=1e-12)
        assert stats["std"] == pytest.approx(images[:, band].std(), rel=1e-12)
    counts = np.diff(stored["labels/box_offsets"].astype(np.int64))
    assert reader.most_boxes("train") == counts.max()
    found = reader.select("train", min_boxes=2, max_boxes=4)
    assert np.array_equal(found, np.flatnonzero((counts >= 2) & (counts <= 4)))
    has_car = stored["labels/onehot"][:, reader.classes.index("car")] == 1
    assert np.array_equal(reader.select("train", classes=["car"]), np.flatnonzero(has_car))
    with pytest.raises(vedatile.NotFoundError, match="boat"):
        reader.select("train", classes=["boat"])
    with pytest.raises(TypeError, match="no option"):
        reader.select("train", minimum=1)


def test_properties_of_an_array(many):
    images = take(many).images
    assert images.shape == (8, 3, 32, 32) and images.ndim == 4 and images.dtype == "uint8"
    assert images.nbytes == 8 * 3 * 32 * 32 and len(images) == 8 and images.device == "cpu"
    assert repr(images) == "<vedatile.Array uint8 (8, 3, 32, 32) on cpu>"
    assert np.array_equal(images[2, 1], images.numpy()[2, 1])


def test_buffers(many):
    batch = take(many)
    view = memoryview(batch.images)
    assert (view.shape, view.strides) == ((8, 3, 32, 32), (3072, 1024, 32, 1))
    assert view.c_contiguous and not view.readonly and view.format == "B"
    assert bytes(view) == batch.images.numpy().tobytes()
    for name, dtype in (("indices", "uint64"), ("inputs", "uint32"), ("onehot", "uint8"),
                        ("masks", "uint8"), ("instances", "uint16"), ("box_offsets", "uint64"),
                        ("boxes", "float32"), ("box_class", "uint16"), ("box_feature", "int64"),
                        ("box_visible", "float32")):
        array = getattr(batch, name)
        assert array.dtype == dtype and np.asarray(array).dtype == dtype
        assert np.asarray(array).shape == array.shape
    applied = np.asarray(batch.applied)
    assert applied.dtype.names[:5] == ("row", "col", "flip_cols", "flip_rows", "turns")
    assert batch.values is None and batch.box_counts is None
    with pytest.raises(BufferError):
        memoryview(take(many, dtype="bfloat16").images)


def test_bfloat16_and_other_types(many, arrays):
    stored = arrays(many)["images"][:8].astype(np.float32)
    for dtype in ("float16", "float32", "float64", np.float32, np.dtype("float64"), "int32"):
        images = np.asarray(take(many, dtype=dtype).images)
        assert images.dtype == (np.dtype(dtype)) and np.array_equal(images, stored)
    array = take(many, dtype="bfloat16").images
    assert array.dtype == "bfloat16"
    with pytest.raises(BufferError, match="DLPack"):
        np.asarray(array)


# --- DLPack --------------------------------------------------------------------------------------

def test_dlpack_to_numpy(many):
    batch = take(many)
    for name in ("images", "indices", "boxes", "box_feature", "masks"):
        array = getattr(batch, name)
        assert array.__dlpack_device__() == (1, 0)
        found = np.from_dlpack(array)
        assert np.array_equal(found, np.asarray(array)) and found.dtype == array.dtype
        assert np.shares_memory(found, np.asarray(array))


def capsule_name(capsule):
    return repr(capsule).split('"')[1]


def test_capsules(many):
    images = take(many).images
    assert capsule_name(images.__dlpack__()) == "dltensor"
    assert capsule_name(images.__dlpack__(max_version=(0, 8))) == "dltensor"
    assert capsule_name(images.__dlpack__(max_version=(1, 0))) == "dltensor_versioned"
    assert capsule_name(images.__dlpack__(max_version=(2, 3), stream=None, dl_device=(1, 0),
                                          copy=False)) == "dltensor_versioned"
    with pytest.raises(BufferError, match=r"\(2, 0\)"):
        images.__dlpack__(dl_device=(2, 0))
    with pytest.raises(TypeError):
        images.__dlpack__(None)  # keywords only
    with pytest.raises(BufferError, match="records"):
        take(many).applied.__dlpack__()


def test_capsule_of_a_copy(many):
    class Copied:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(copy=True)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    images = take(many).images
    copy = np.from_dlpack(Copied(images))
    assert np.array_equal(copy, images) and not np.shares_memory(copy, images.numpy())


class Tensor:
    """What torch's tensors are to us: DLPack and no buffer protocol."""

    def __init__(self, array):
        self.array = np.asarray(array)

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("make", [
    list, tuple, np.array, lambda numbers: np.array(numbers, np.int32),
    lambda numbers: np.array(numbers, np.uint8), lambda numbers: np.array(numbers, np.int64)[::1],
    lambda numbers: np.array(numbers + numbers, np.uint16)[:len(numbers)],
    lambda numbers: np.repeat(np.array(numbers), 2)[::2], Tensor,
    lambda numbers: Tensor(np.repeat(np.array(numbers, np.int16), 3)[::3]),
    lambda numbers: map(int, numbers), lambda numbers: memoryview(np.array(numbers, np.uint64)),
])
def test_numbers_from_anything(many, make):
    numbers = [5, 0, 33, 5]
    assert np.asarray(take(many, make(numbers)).indices).tolist() == numbers


def test_numbers_from_an_array_of_ours(many):
    first = take(many, [9, 4])
    assert np.asarray(take(many, first.indices).indices).tolist() == [9, 4]


class Nibbles:
    """A DLPack array of four numbers of 4 bits each."""

    memory = (ctypes.c_int64 * 1)(4)
    # DLManagedTensor on a CPU: data, device, ndim, dtype, shape, strides, offset, context, deleter
    managed = ctypes.create_string_buffer(struct.pack(
        "QiiiBBHQQQQQ", ctypes.addressof(memory), 1, 0, 1, 0, 4, 1, ctypes.addressof(memory), 0, 0,
        0, 0))

    def __dlpack__(self):
        make = ctypes.pythonapi.PyCapsule_New
        make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p,
                                                         ctypes.c_void_p]
        return make(ctypes.addressof(self.managed), b"dltensor", None)


@pytest.mark.parametrize("numbers, says", [
    (Nibbles(), "one axis"), ([1.5], "float"), ([-1], "negative"), (np.array([-1]), "negative"), (Tensor([-3]), "negative"),
    (np.array([1.0]), "floating point"), (np.array([True, False]), "flatnonzero"),
    (np.array([[1, 2]]), "one axis"), ("12", "one axis"), ([2**70], "too large"), (["a"], "str"),
    (np.array([1], ">u4"), "one axis"), (7, "int"), ([10**6], "1000000"),
])
def test_numbers_refused(many, numbers, says):
    with pytest.raises((vedatile.Error, TypeError), match=says):
        take(many, numbers)


# --- how long memory lives -----------------------------------------------------------------------

def snapshot(batch):
    return np.array(batch.images)


@pytest.mark.parametrize("keep", [
    lambda batch: batch, lambda batch: batch.images, lambda batch: np.asarray(batch.images),
    lambda batch: batch.images.numpy()[1:, 0], lambda batch: memoryview(batch.masks),
    lambda batch: np.from_dlpack(batch.images), lambda batch: batch.boxes.__dlpack__(),
    lambda batch: batch.images.__dlpack__(max_version=(1, 0)), lambda batch: batch.x,
    lambda batch: batch.y["detection"][0]["boxes"],
])
def test_a_batch_in_use_is_not_used_again(many, keep):
    """Whatever is kept of a batch, its memory stays as it is while the loader runs on."""
    loader = vedatile.loader(many, batch_size=4, shuffle=True, threads=2, prefetch=1)
    kept = []
    for _ in range(2):
        for batch in loader.batches():
            address = batch.images.numpy().ctypes.data
            assert address not in [a for a, _, _ in kept]
            if batch.position % 16 == 0:
                kept.append((address, keep(batch), None))
            del batch
    del kept
    gc.collect()


def test_kept_arrays_keep_their_values(many):
    loader = vedatile.loader(many, batch_size=4, shuffle=True, threads=2)
    kept = [(x, x.copy(), y["segmentation"], y["segmentation"].copy()) for x, y in loader]
    for _ in loader:
        pass
    loader.close()
    for x, x_then, mask, mask_then in kept:
        assert np.array_equal(x, x_then) and np.array_equal(mask, mask_then)


def test_memory_comes_back(many):
    loader = vedatile.loader(many, batch_size=4, threads=1, prefetch=1)
    addresses = set()
    for _ in range(5):
        addresses |= {x.ctypes.data for x, _ in loader}
    assert len(addresses) <= 8  # of 90 batches
    kept = [x for x, _ in loader]
    assert len({x.ctypes.data for x in kept}) == len(kept)


def test_arrays_outlive_everything(many, arrays):
    loader = vedatile.loader(many, batch_size=4, tasks="segmentation")
    x, y = next(iter(loader))
    stored = arrays(many)
    loader.close()
    del loader
    gc.collect()
    assert np.array_equal(x, stored["images"][:4]) and np.array_equal(y, stored["labels/mask"][:4])


def test_release(many):
    loader = vedatile.loader(many, batch_size=4, threads=1, prefetch=1)
    batch = next(loader.batches())
    array, view = batch.images, batch.images.numpy()
    with pytest.raises(BufferError, match="1 array"):
        batch.release()
    del view
    assert not batch.released
    batch.release()
    batch.release()
    assert batch.released and "released" in repr(batch)
    for use in (lambda: memoryview(array), lambda: np.from_dlpack(array), lambda: batch.images,
                lambda: len(batch), lambda: batch.position, lambda: batch.used_on(0)):
        with pytest.raises(BufferError, match="released"):
            use()
    assert array.shape == (4, 3, 32, 32)


def test_a_dlpack_capsule_counts(many):
    batch = take(many)
    capsule = batch.images.__dlpack__()
    with pytest.raises(BufferError):
        batch.release()
    del capsule
    array = np.from_dlpack(batch.images)
    with pytest.raises(BufferError):
        batch.release()
    del array
    batch.release()


def test_take_uses_memory_again(many):
    reader = vedatile.Reader(many)
    addresses = {take(reader, [i, i + 1]).images.numpy().ctypes.data for i in range(30)}
    assert len(addresses) <= 2
    first = take(reader, [1, 2])
    x, then = first.x, first.x.copy()
    for i in range(10):
        take(reader, [i, i + 5])
    assert np.array_equal(x, then)


def test_references_do_not_leak(many):
    reader = vedatile.Reader(many)
    before = sys.getrefcount(reader)
    for _ in range(20):
        batch = take(reader, [1, 2, 3])
        batch.images.__dlpack__(max_version=(1, 0))
        assert batch.x is not None and batch.y is not None
        memoryview(batch.images)
        loader = vedatile.loader(reader, batch_size=8)
        next(iter(loader))
    del batch, loader
    gc.collect()
    assert sys.getrefcount(reader) == before


def test_errors_are_python_errors(many, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        vedatile.Reader(tmp_path / "nosuch.h5")
    assert isinstance(caught.value, vedatile.NotFoundError) and isinstance(caught.value, KeyError)
    assert caught.value.status == "VDT_ERR_NOT_FOUND" and "nosuch.h5" in str(caught.value)
    (tmp_path / "junk.h5").write_bytes(b"junk" * 1000)
    with pytest.raises(vedatile.FormatError):
        vedatile.Reader(tmp_path / "junk.h5")
    reader = vedatile.Reader(many)
    with pytest.raises(KeyError, match="there is: t"):
        reader.image("nosuch", 0)
    with pytest.raises(vedatile.ArgumentError):
        reader.image("train", 10**9)
    with pytest.raises(ValueError):
        reader.image("train", -1)
    with pytest.raises(TypeError):
        reader.image("train", "0")
    with pytest.raises(TypeError):
        vedatile.Array()
    with pytest.raises(TypeError):
        vedatile.Batch()
    assert vedatile.ArgumentError("x").status == "VDT_ERR_ARGUMENT"
