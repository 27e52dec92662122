"""The store as h5py sees it, which knows nothing of vedatile: names, types, shapes and values."""
import ctypes
import ctypes.util
import json
import re
import subprocess

import h5py
import numpy
import pytest
import rasterio
from big import (ALL_TASKS, OLINDA_CLASS, feed, make_labels, make_scene, polygon, square,
                 write_labels)
from conftest import SOURCE

COLS, ROWS, BANDS = 64, 48, 6  # of a tile: not square, so that mixed-up axes are seen

# array: dtype, shape of one group with N samples and M boxes
ARRAYS = {
    "images": ("u1", lambda n, m: (n, BANDS, ROWS, COLS)),
    "labels/onehot": ("u1", lambda n, m: (n, 2)),
    "labels/boxes": ("f4", lambda n, m: (m, 4)),
    "labels/box_offsets": ("u8", lambda n, m: (n + 1,)),
    "labels/box_class": ("u2", lambda n, m: (m,)),
    "labels/box_feature": ("i8", lambda n, m: (m,)),
    "labels/box_visible": ("f4", lambda n, m: (m,)),
    "labels/mask": ("u1", lambda n, m: (n, ROWS, COLS)),
    "labels/instances": ("u2", lambda n, m: (n, ROWS, COLS)),
    "metadata/offsets": ("u8", lambda n, m: (n + 1,)),
}

OF_TASK = {
    None: set(),
    "classification": {"onehot"},
    "detection": {"boxes", "box_offsets", "box_class", "box_feature", "box_visible"},
    "segmentation": {"mask"},
    "instance": {"instances", "boxes", "box_offsets", "box_class", "box_feature", "box_visible"},
}

ROW = {
    "key": ("S64", ()), "scene": ("u4", ()), "crs": ("u4", ()), "window": ("i4", (4,)),
    "geotransform": ("f8", (6,)), "bounds": ("f8", (4,)), "valid_fraction": ("f4", ()),
    "weight": ("f4", ()), "image_crc32c": ("u4", ()), "label_crc32c": ("u4", ()),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Olinda, all tasks, two groups, codec raw."""
    path = tmp_path_factory.mktemp("h5py") / "city.h5"
    feed(path, "--image", SOURCE / "data/olinda/scene.tif", "--labels",
         SOURCE / "data/olinda/sectors.geojson", *OLINDA_CLASS, *ALL_TASKS, "--tile",
         f"{COLS}x{ROWS}", "--match", "all", "--codec", "raw", "--name", "Olinda, PE",
         "--split", "train=0.7,test=0.3", "--split-by", "random")
    return path


@pytest.fixture
def file(path):
    with h5py.File(path, "r") as file:
        yield file


@pytest.fixture(params=["train", "test"])
def group(file, request):
    return file[request.param]


def texts(array):
    return [text.decode() for text in array]


def counts(group):
    return len(group["samples"]), len(group["labels/boxes"])


# --- names, types, shapes ----------------------------------------------------------------------


def test_root_attributes(file):
    about = file.attrs
    assert about["vedatile_format"] == b"1.0"
    assert re.fullmatch(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", about["uuid"])
    assert about["name"] == b"Olinda, PE"
    assert texts(about["tasks"]) == ["classification", "detection", "segmentation", "instance"]
    assert texts(about["classes"]) == ["RURAL", "URBANO"]
    assert texts(about["band_names"]) == [f"band_{i}" for i in range(1, 7)]
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", about["created_at"])
    for library in (b"vedatile", b"GDAL", b"HDF5", b"PROJ"):
        assert re.search(library + rb" \d", about["producer"])


def test_feed_config_is_canonical(olinda):
    with h5py.File(olinda, "r") as file:
        text = file.attrs["feed_config"].decode()
    config = json.loads(text)
    assert text == json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert config[0]["tile"] == [64, 64] and config[0]["class_field"] == "TIPO"


def test_groups(file):
    assert set(file) == {"train", "test", "scenes", "crs"}


def test_names_of_a_group(group):
    names = set()
    group.visititems(lambda name, item: names.add(name) if isinstance(item, h5py.Dataset) else None)
    assert names == set(ARRAYS) | {"samples", "metadata/text"}


@pytest.mark.parametrize("name", ARRAYS)
def test_array(group, name):
    dtype, shape = ARRAYS[name]
    assert group[name].dtype == numpy.dtype(dtype).newbyteorder("<")
    assert group[name].shape == shape(*counts(group))
    assert group[name][...].shape == group[name].shape  # it can be read


def test_samples_table(group):
    fields = group["samples"].dtype.fields
    for name, (dtype, shape) in ROW.items():
        assert fields[name][0].base == numpy.dtype(dtype).newbyteorder("<"), name
        assert fields[name][0].shape == shape, name
    assert group["samples"].ndim == 1


def test_all_samples_are_there(file):
    assert len(file["train/samples"]) + len(file["test/samples"]) == (349 // COLS) * (352 // ROWS)
    found = texts(file["train/samples"]["key"]) + texts(file["test/samples"]["key"])
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("task", OF_TASK)
def test_only_the_arrays_of_the_task(tmp_path, store, task):
    scene = make_scene(tmp_path / "a.tif", 64, 64)
    labels = make_labels(tmp_path / "a.json", 64, 64, 9)
    of_labels = ("--labels", labels, "--class-field", "kind", "--task", task) if task else ()
    feed(store, "--image", scene, "--tile", 32, "--match", "all", *of_labels)
    with h5py.File(store, "r") as file:
        assert texts(file.attrs["tasks"]) == ([task] if task else [])
        assert set(file["train"].get("labels", ())) == OF_TASK[task]


def test_a_tile_is_a_chunk(group):
    assert group["images"].chunks == (1, BANDS, ROWS, COLS)
    assert group["labels/mask"].chunks == group["labels/instances"].chunks == (1, ROWS, COLS)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32",
                                   "float64"])
def test_pixel_types(tmp_path, store, dtype):
    scene = make_scene(tmp_path / "a.tif", 40, 30, bands=2, dtype=dtype)
    feed(store, "--image", scene, "--tile", "40x30", "--codec", "deflate")
    with h5py.File(store, "r") as file, rasterio.open(scene) as source:
        assert file["train/images"].dtype == numpy.dtype(dtype).newbyteorder("<")
        assert (file["train/images"][0] == source.read()).all()


def test_many_classes_make_a_wide_mask(tmp_path, store):
    scene = make_scene(tmp_path / "a.tif", 80, 64)
    labels = write_labels(tmp_path / "a.json", [
        polygon(square(500000 + 4 * (i % 16), 4000000 - 3 * (i // 16), 2), kind=f"k{i:03}")
        for i in range(300)])
    feed(store, "--image", scene, "--labels", labels, "--class-field", "kind", "--task",
         "segmentation", "--tile", 64, "--edge", "pad", "--match", "all", "--codec", "raw")
    with h5py.File(store, "r") as file:
        mask = file["train/labels/mask"][...]
        assert mask.dtype == "<u2" and len(file.attrs["classes"]) == 300
        assert set(numpy.unique(mask[0])) == set(range(301))
        assert (mask[1][:, 16:] == 65535).all() and not (mask[1][:, :16] == 65535).any()


# --- nothing that other readers choke on -------------------------------------------------------


def test_h5dump_shows_fixed_types_only(path):
    text = subprocess.run(["h5dump", "-H", path], capture_output=True, text=True, check=True).stdout
    assert "DATASET \"images\"" in text
    for word in ("H5T_VLEN", "H5T_VARIABLE", "H5T_REFERENCE", "H5T_OPAQUE", "EXTERNAL", "VIRTUAL",
                 "SOFTLINK"):
        assert word not in text


def all_items(file):
    found = []
    file.visititems(lambda name, item: found.append(item))
    return found


def test_no_links_out_of_the_file(file):
    for item in all_items(file):
        assert type(item.parent.get(item.name, getlink=True)) is h5py.HardLink
        if isinstance(item, h5py.Dataset):
            assert not item.is_virtual and item.external is None


def all_texts(file):
    for item in [file, *all_items(file)]:
        for value in item.attrs.values():
            yield from numpy.atleast_1d(value).ravel().tolist()
        if isinstance(item, h5py.Dataset) and item.dtype.names:
            for field in item.dtype.names:
                yield from item[field].ravel().tolist()
        if item.name.endswith("metadata/text"):
            yield bytes(item[...])


def test_no_absolute_path(file):
    seen = 0
    for text in all_texts(file):
        if isinstance(text, bytes):
            seen += 1
            assert not re.search(rb"(^|[\s\"'=\[,:])/\w", text), text
    assert seen > 50


def test_scene_is_named_from_the_stores_folder(path, file):
    uri = file["scenes"][0]["uri"].decode()
    assert (path.parent / uri).resolve() == (SOURCE / "data/olinda/scene.tif").resolve()
    assert str(path.parent).encode() not in path.read_bytes()


# --- values ------------------------------------------------------------------------------------


def test_images_and_places(group):
    with rasterio.open(SOURCE / "data/olinda/scene.tif") as scene:
        pixels = scene.read()
        for image, row in zip(group["images"], group["samples"]):
            col, top, cols, rows = row["window"]
            assert (cols, rows) == (COLS, ROWS)
            assert (image == pixels[:, top:top + rows, col:col + cols]).all()
            a = scene.transform
            assert row["geotransform"] == pytest.approx(
                [a.c + col * a.a, a.a, 0, a.f + top * a.e, 0, a.e], rel=1e-12)
            assert row["valid_fraction"] == row["weight"] == 1


def test_bounds_are_degrees(group):
    for west, south, east, north in group["samples"]["bounds"]:
        assert -34.95 < west < east < -34.8 and -8.1 < south < north < -7.9


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


def test_image_checksums(group):
    table = crc32c_table()
    for image, row in zip(group["images"][:4], group["samples"]):
        crc = 0xffffffff
        for byte in image.tobytes():
            crc = crc >> 8 ^ table[(crc ^ byte) & 255]
        assert row["image_crc32c"] == crc ^ 0xffffffff


def test_boxes(group):
    offsets, boxes = group["labels/box_offsets"][...], group["labels/boxes"][...]
    assert offsets[0] == 0 and offsets[-1] == len(boxes) > 0
    assert (numpy.diff(offsets.astype(int)) >= 0).all()
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2] <= COLS).all() and (
        boxes[:, 3] <= ROWS).all()
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert set(group["labels/box_class"][...]) == {0, 1}
    visible = group["labels/box_visible"][...]
    assert (visible > 0).all() and (visible <= 1).all()


def test_labels_agree(group):
    """One-hot, boxes, mask and instances of a sample speak of the same objects."""
    offsets, classes = group["labels/box_offsets"][...], group["labels/box_class"][...]
    for i, onehot in enumerate(group["labels/onehot"]):
        own = classes[offsets[i]:offsets[i + 1]]
        assert set(numpy.flatnonzero(onehot)) == set(own)
        mask, instances = group["labels/mask"][i], group["labels/instances"][i]
        assert instances.max(initial=0) <= len(own)
        assert ((mask > 0) == (instances > 0)).all()
        inside = instances > 0
        assert (mask[inside] == own[instances[inside] - 1] + 1).all()


def test_metadata(group):
    offsets, blob = group["metadata/offsets"][...], bytes(group["metadata/text"][...])
    assert offsets[0] == 0 and offsets[-1] == len(blob)
    for first, last in zip(offsets, offsets[1:]):
        assert isinstance(json.loads(blob[int(first):int(last)]), dict)


def test_chosen_bands(tmp_path, store):
    scene = make_scene(tmp_path / "a.tif", 32, 32, bands=4)
    with rasterio.open(scene, "r+") as source:
        source.descriptions = ("blue", "green", "rot é", "infrared")
    feed(store, "--image", scene, "--tile", 32, "--bands", "3,1", "--codec", "raw")
    with h5py.File(store, "r") as file, rasterio.open(scene) as source:
        assert texts(file.attrs["band_names"]) == ["rot é", "blue"]
        assert (file["train/images"][0] == source.read([3, 1])).all()


def test_info_says_the_same(path, file, vedatile):
    info = json.loads(vedatile("info", path, "--json").stdout)
    assert info["uuid"].encode() == file.attrs["uuid"]
    assert info["tile"] == {"bands": BANDS, "rows": ROWS, "cols": COLS, "dtype": "uint8"}
    assert info["groups"] == {
        name: {"count": counts(file[name])[0], "boxes": counts(file[name])[1]}
        for name in ("train", "test")}
    assert info["codec"] == "raw" and info["bytes"] == path.stat().st_size


# --- codecs, undone by hand --------------------------------------------------------------------


def library(name):
    path = ctypes.util.find_library(name)
    if path is None:
        pytest.skip(f"no lib{name}")
    return ctypes.CDLL(path)


def unshuffle(raw, size):
    return numpy.frombuffer(raw, "u1").reshape(size, -1).T.tobytes()


def undo_lz4(chunk):
    """HDF5 filter 32004: total and block size, then blocks with their stored size, big-endian."""
    total = int.from_bytes(chunk[:8], "big")
    block = int.from_bytes(chunk[8:12], "big")
    result, at = b"", 12
    while len(result) < total:
        size = int.from_bytes(chunk[at:at + 4], "big")
        whole = min(block, total - len(result))
        stored = chunk[at + 4:at + 4 + size]
        if size < whole:
            buffer = ctypes.create_string_buffer(whole)
            assert library("lz4").LZ4_decompress_safe(stored, buffer, size, whole) == whole
            stored = buffer.raw
        result += stored
        at += 4 + size
    assert at == len(chunk) and len(result) == total
    return result


def undo_zstd(chunk, size):
    zstd = library("zstd")
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    buffer = ctypes.create_string_buffer(size)
    assert zstd.ZSTD_decompress(buffer, ctypes.c_size_t(size), chunk,
                                ctypes.c_size_t(len(chunk))) == size
    return buffer.raw


def decode(chunk, codec, size, element, filters_off):
    """`filters_off`: bit i says that filter i was left out for this chunk."""
    if codec == "raw" or filters_off & 2:
        packed = chunk
    else:
        packed = undo_lz4(chunk) if codec == "lz4" else undo_zstd(chunk, size)
    return packed if codec == "raw" or filters_off & 1 else unshuffle(packed, element)


FILTERS = {"raw": [], "lz4": [2, 32004], "deflate": [2, 1], "zstd": [2, 32015]}


@pytest.mark.parametrize("codec", FILTERS)
def test_codecs(tmp_path, store, codec):
    scene = make_scene(tmp_path / "a.tif", 96, 64, bands=2, dtype="int16")
    labels = make_labels(tmp_path / "a.json", 96, 64, 12)
    feed(store, "--image", scene, "--labels", labels, "--class-field", "kind", "--task",
         "segmentation", "--tile", 32, "--match", "all", "--codec", codec)
    with h5py.File(store, "r") as file, rasterio.open(scene) as source:
        pixels, images = source.read(), file["train/images"]
        plist = images.id.get_create_plist()
        filters = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
        for i, row in enumerate(file["train/samples"]):
            if codec in ("raw", "deflate"):  # h5py does it alone
                image = images[i]
            else:
                off, chunk = images.id.read_direct_chunk((i, 0, 0, 0))
                raw = decode(chunk, codec, 2 * 2 * 32 * 32, 2, off)
                image = numpy.frombuffer(raw, "<i2").reshape(2, 32, 32)
            col, top = row["window"][:2]
            assert (image == pixels[:, top:top + 32, col:col + 32]).all()
        assert filters == FILTERS[codec]
