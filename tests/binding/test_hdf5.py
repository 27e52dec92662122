"""open_hdf5: files by h5py and PyTables give the bytes that those read themselves."""
import pickle

import h5py
import numpy as np
import pytest

import vedatile

COUNT = 23
SHAPES = {"chw": (3, 20, 17), "hwc": (20, 17, 3), "rows and cols": (20, 17)}


def values(shape, dtype, seed=0):
    random = np.random.default_rng(seed)
    if dtype == bool:
        return random.random(shape) < 0.3
    return (random.integers(0, 100, shape) - (0 if np.dtype(dtype).kind == "u" else 50)).astype(dtype)


def native(array):
    """As the machine has it; booleans are uint8."""
    array = np.asarray(array)
    return array.astype(np.uint8 if array.dtype == bool else array.dtype.newbyteorder("="))


def write(path, images, labels=None, file_options=(), **options):
    with h5py.File(path, "w", **dict(file_options)) as file:
        file.create_dataset("x", data=images, **options)
        if labels is not None:
            file.create_dataset("y", data=labels)
    return path


def same(found, wanted):
    found, wanted = np.asarray(found), native(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    assert found.tobytes() == wanted.tobytes()


def check(path, images="/x", labels="/y"):
    """One by one, in a batch and by a loader: the bytes that h5py reads."""
    with h5py.File(path, "r") as file:
        x, y = file[images][()], file[labels][()] if labels else None
    opened = vedatile.open_hdf5(path, images=images, labels=labels)
    assert len(opened) == len(x)
    for i in (0, len(x) - 1, 5, 6):
        image, label = opened[i]
        same(image.reshape(x.shape[1:]), x[i])
        assert (label is None) == (y is None)
        if y is not None:
            same(label, y[i])
    order = np.random.default_rng(1).permutation(len(x))
    batch = opened.take(order.tolist())
    same(np.asarray(batch.images).reshape(x.shape), x[order])
    if y is not None:
        same(batch.values, y[order])
        found_x, found_y = zip(*((a.copy(), b.copy()) for a, b in opened.loader(batch_size=5)))
        same(np.concatenate(found_x).reshape(x.shape), x)
        same(np.concatenate(found_y), y)
    return opened


# --- what h5py writes ----------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", ">u2", "<i2", ">i2", "<u4", ">u4", "<i4", ">i4",
                                   "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<u8", ">u8", "<i8",
                                   ">i8", bool])
def test_types(tmp_path, dtype):
    opened = check(write(tmp_path / "a.h5", values((COUNT, 3, 20, 17), dtype),
                         values(COUNT, dtype, 1), compression="gzip", shuffle=True))
    wanted = native(np.zeros(1, dtype)).dtype
    assert opened.tile == (3, 20, 17, str(wanted)) and opened.label == ((), str(wanted))


@pytest.mark.parametrize("filters", [
    {}, {"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True}, {"fletcher32": True},
    {"compression": "gzip", "shuffle": True, "fletcher32": True},
    {"compression": "lzf", "shuffle": True, "fletcher32": True}], ids=str)
@pytest.mark.parametrize("chunks", [True, (1, 3, 20, 17), (4, 3, 20, 17), (1, 1, 20, 17),
                                    (3, 2, 7, 17), (23, 3, 1, 1)], ids=str)
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_filters_and_chunks(tmp_path, filters, chunks, libver):
    images = values((COUNT, 3, 20, 17), "u2")
    images[::2] = np.random.default_rng(2).integers(0, 65536, images[::2].shape)  # does not shrink
    check(write(tmp_path / "a.h5", images, np.arange(COUNT), {"libver": libver}, chunks=chunks,
                **filters))


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("maxshape", [(None, 3, 20, 17), (None, None, None, None), (99, 3, 20, 17)],
                         ids=str)
def test_resizable(tmp_path, libver, maxshape):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=libver) as file:
        x = file.create_dataset("x", (5, 3, 20, 17), "f4", maxshape=maxshape, chunks=(2, 3, 8, 17),
                                compression="gzip", fillvalue=-7)
        x[...] = values((5, 3, 20, 17), "f4")
        x.resize(40, 0)
        x[30:33] = 1
        x.resize(COUNT + 11, 0)  # the chunks behind are gone, others were never there
        file["y"] = np.arange(COUNT + 11)
    check(path)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("options", [{}, {"chunks": True}, {"chunks": True, "compression": "lzf"}],
                         ids=str)
def test_axes(tmp_path, name, options):
    shape = SHAPES[name]
    opened = check(write(tmp_path / "a.h5", values((COUNT, *shape), "u1"), np.arange(COUNT),
                         **options))
    assert opened.axes == ("hwc" if name == "hwc" else "chw")
    assert opened.tile == (1 if len(shape) == 2 else 3, 20, 17, "uint8")


@pytest.mark.parametrize("shape", [(), (1,), (10,), (20, 17), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("dtype", ["u1", "<i8", ">f4"])
def test_labels(tmp_path, shape, dtype):
    opened = check(write(tmp_path / "a.h5", values((COUNT, 3, 20, 17), "u1"),
                         values((COUNT, *shape), dtype)))
    assert opened.label == (shape, str(np.dtype(dtype).newbyteorder("=")))


# A mask moves with its image, whatever the layouts and types; other labels of two axes do not.
@pytest.mark.parametrize("axes", ["chw", "hwc"])
@pytest.mark.parametrize("dtype", ["u1", "<i2", ">f4", "<f8"])
def test_masks_move_with_their_images(tmp_path, axes, dtype):
    images = values((COUNT, 3, 20, 16) if axes == "chw" else (COUNT, 20, 16, 3), "u1")
    first = images[:, 0] if axes == "chw" else images[..., 0]
    file = vedatile.open_hdf5(write(tmp_path / "a.h5", images, first.astype(dtype)), "/x", "/y",
                              axes=axes)
    loader = file.loader(batch_size=5, shuffle=True, seed=3, crop=(8, 8), random_crop=True,
                         augment=["flip_cols", "flip_rows", "rotate"], axes="chw")
    for x, y in loader:
        assert y.shape == (len(x), 8, 8) and y.dtype == np.dtype(dtype).newbyteorder("=")
        assert np.array_equal(x[:, 0].astype(y.dtype), y)
    other = vedatile.open_hdf5(write(tmp_path / "b.h5", images, values((COUNT, 16, 20), dtype)),
                               "/x", "/y", axes=axes)
    for batch in other.loader(batch_size=COUNT, crop=8).batches():
        assert np.array_equal(np.asarray(batch.y), values((COUNT, 16, 20), dtype))


def test_indexing_is_that_of_a_list(tmp_path):
    file = vedatile.open_hdf5(write(tmp_path / "a.h5", values((COUNT, 3, 20, 17), "u1"),
                                    np.arange(COUNT)), "/x", "/y")
    assert file[-1][1] == COUNT - 1
    assert [int(label) for _, label in file[3:9:2]] == [3, 5, 7]
    for wrong in (COUNT, -COUNT - 1):
        with pytest.raises(IndexError, match=f"no sample {wrong}; there are {COUNT}"):
            file[wrong]
    with pytest.raises(vedatile.ArgumentError, match="it has no groups"):
        file.loader(group="test")


def test_user_block_groups_and_links(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=4096) as file:
        file["train/images"] = values((COUNT, 3, 20, 17), "u1")
        file.create_dataset("train/labels", data=np.arange(COUNT), chunks=(4,), compression="gzip")
        file["now"] = h5py.SoftLink("/train/images")
        file["out"] = h5py.ExternalLink("other.h5", "/x")
    with open(path, "r+b") as file:
        file.write(b"\0" * 4096)
    check(path, "train/images", "/train/labels")
    check(path, "/now", "train/labels")
    with pytest.raises(vedatile.UnsupportedError, match="out leads into another file, other.h5"):
        vedatile.open_hdf5(path, images="/out")


def test_never_written_values_are_the_fill_value(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (COUNT, 4, 5), ">i2", fillvalue=-300)
        file.create_dataset("y", (COUNT, 4), ">f4", fillvalue=0.5, chunks=(5, 3), compression="lzf")
        file["y"][7] = 9
    check(path)


# --- what others write ---------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("complib", [None, "zlib"])
def test_pytables(tmp_path, dtype, complib):
    """As pyveda has it: arrays that grow, PyTables' own chunks, one-hot labels, booleans."""
    tables = pytest.importorskip("tables")
    path = tmp_path / "a.h5"
    filters = tables.Filters(complevel=3, complib=complib, fletcher32=True) if complib else None
    with tables.open_file(str(path), "w", title="SBWM") as file:
        shape = (0, 3, 256, 256)
        images = file.create_earray("/", "images", tables.Atom.from_dtype(np.dtype(dtype)), shape,
                                    expectedrows=1000, filters=filters)
        labels = file.create_earray("/", "labels", tables.UInt8Atom(), (0, 20), expectedrows=1000)
        flags = file.create_earray("/", "flags", tables.BoolAtom(), (0,), filters=filters)
        for i in range(COUNT):
            images.append(values((1, 3, 256, 256), dtype, i))
            labels.append(values((1, 20), "u1", i))
            flags.append([i % 3 == 0])
    check(path, "/images", "/labels")
    found = vedatile.open_hdf5(path, images="/images", labels="/flags").take(range(COUNT)).values
    assert np.asarray(found).tolist() == [i % 3 == 0 for i in range(COUNT)]


# --- use and refusals ----------------------------------------------------------------------------

def test_shuffled_epochs_pair_images_with_labels(tmp_path):
    images = np.zeros((100, 3, 8, 8), "u1") + np.arange(100, dtype="u1")[:, None, None, None]
    path = write(tmp_path / "a.h5", images, np.arange(100), chunks=(7, 2, 3, 8), compression="gzip")
    opened = vedatile.open_hdf5(path, images="x", labels="y")
    seen = []
    for x, y in opened.loader(batch_size=8, shuffle=True, seed=3):
        assert np.array_equal(x, images[y])
        seen += y.tolist()
    assert sorted(seen) == list(range(100)) and seen != sorted(seen)
    again = pickle.loads(pickle.dumps(opened))
    assert [i for _, y in again.loader(batch_size=8, shuffle=True, seed=3) for i in y] == seen


def test_without_labels(tmp_path):
    opened = check(write(tmp_path / "a.h5", values((COUNT, 3, 20, 17), "u1")), labels=None)
    assert opened.label is None


def test_a_missing_dataset_lists_those_that_there_are(tmp_path):
    path = write(tmp_path / "a.h5", values((COUNT, 3, 20, 17), "u1"), np.arange(COUNT))
    for options in ({"images": "/z"}, {"images": "x", "labels": "z"}):
        with pytest.raises(KeyError, match="/x, /y") as caught:
            vedatile.open_hdf5(path, **options)
        assert isinstance(caught.value, vedatile.Error)


@pytest.mark.parametrize("array, word", [
    (np.zeros((3, 4, 4), "c8"), "compound"), (np.zeros((3, 4, 4), "S3"), "text"),
    (np.zeros((3, 4, 4), [("a", "u1")]), "compound"), (np.zeros((3, 4), "u1"), "2 axes")],
    ids=["complex", "text", "record", "rank"])
def test_other_images_are_refused(tmp_path, array, word):
    with pytest.raises(vedatile.UnsupportedError, match=f"/x: has .*{word}"):
        vedatile.open_hdf5(write(tmp_path / "a.h5", array), images="/x")


def test_labels_of_another_number_are_refused(tmp_path):
    path = write(tmp_path / "a.h5", values((COUNT, 3, 20, 17), "u1"), np.arange(COUNT + 1))
    with pytest.raises(vedatile.Error, match="/y: has 24 samples, the images have 23"):
        vedatile.open_hdf5(path, images="/x", labels="/y")


def test_a_damaged_sample_is_named(tmp_path):
    path = write(tmp_path / "a.h5", values((COUNT, 3, 20, 17), "u2"), np.arange(COUNT),
                 chunks=(1, 3, 20, 17), compression="gzip")
    with h5py.File(path, "r") as file:
        chunk = file["x"].id.get_chunk_info_by_coord((17, 0, 0, 0))
    with open(path, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * 20)
    opened = vedatile.open_hdf5(path, images="/x", labels="/y")
    wanted = rf"a\.h5: /x\[17\] at byte {chunk.byte_offset}: the deflate data is damaged"
    with pytest.raises(vedatile.FormatError, match=wanted):
        opened[17]
    with pytest.raises(vedatile.FormatError, match=wanted):
        opened.take([3, 17])
    assert opened[16][1] == 16
