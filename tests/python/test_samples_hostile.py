"""Stores that mean harm: refused with one line, and the server goes on as if nothing had been."""
import os
import random
import shutil
import zlib

import h5py
import numpy as np
import pytest
from samples import make_store, new_entry, save_bytes
from server import Server

SANITIZED = b"__asan_init" in open(os.environ["VEDATILE"], "rb").read()  # no limit of memory, and much of it kept


@pytest.fixture(scope="module", name="place")
def place_fixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    store = make_store(folder, task="classification,detection,segmentation")
    with Server(folder / "catalog") as running:
        running.add_user("ada")
        yield running, store, folder
        check_well(running, store)


def check_well(server, store):
    """The server answers, takes what is good, and left no file open or process behind."""
    assert server.get("/health")[0] == 200
    entry = new_entry(server)
    assert save_bytes(server, entry, store.read_bytes())["version"] == 1
    listed = server.json("GET", f"/v1/entries/{entry}/samples?limit=1", user="ada")["samples"]
    assert server.get(f"/v1/entries/{entry}/samples/{listed[0]['key']}/image.png",
                      user="ada")[0] == 200


def expect_refused(server, data):
    answer = save_bytes(server, new_entry(server), bytes(data), code=422)
    assert "\n" not in answer["description"] and len(answer["description"]) < 1100
    return answer["description"]


def replace(group, name, **how):
    """A dataset made anew, with its type and shape unless told otherwise."""
    old = group[name]
    how.setdefault("shape", old.shape)
    how.setdefault("dtype", old.dtype)
    del group[name]
    return group.create_dataset(name, **how)


def external_link(file):
    del file["train/images"]
    file["train/images"] = h5py.ExternalLink("/etc/passwd", "/images")


def external_group(file):
    del file["train"]
    file["train"] = h5py.ExternalLink("other.h5", "/train")


def soft_link(file):
    del file["train/images"]
    file["train/images"] = h5py.SoftLink("/test/images")


def external_storage(file):
    shape, dtype = file["train/images"].shape, file["train/images"].dtype
    del file["train/images"]
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_external(b"/etc/passwd", 0, h5py.h5f.UNLIMITED)
    h5py.h5d.create(file["train"].id, b"images", h5py.h5t.py_create(dtype),
                    h5py.h5s.create_simple(shape), plist)


def virtual(file):
    old = file["train/images"]
    layout = h5py.VirtualLayout(shape=old.shape, dtype=old.dtype)
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=old.shape)
    del file["train/images"]
    file["train"].create_virtual_dataset("images", layout)


def huge_rows(file):
    file["train/images"].resize(2**40, axis=0)


def huge_everything(file):
    for name in ("images", "samples", "labels/mask", "labels/onehot"):
        file["train"][name].resize(2**33, axis=0)
    file["train/labels/box_offsets"].resize(2**33 + 1, axis=0)


def huge_scenes(file):
    file["scenes"].resize(2**36, axis=0)


def huge_tile(file):
    file.attrs["tile_shape"] = np.array([65535, 32768, 32768], "u4")


def huge_text(file):
    file.attrs["feed_config"] = np.bytes_(b"[" * 60000)


def name_that_is_no_text(file):
    del file.attrs["name"]
    file.attrs["name"] = np.bytes_(b"\xff\xfe" * 20)


def variable_text(file):
    del file.attrs["classes"]
    file.attrs["classes"] = ["roof", "pool"]


def same_group_twice(file):
    file["again"] = file["train"]


def root_in_root(file):
    file["train/labels/loop"] = file["/"]
    del file["train/samples"]


def offsets_that_fall(file):
    offsets = file["train/labels/box_offsets"]
    values = offsets[:]
    values[1:3] = 2**63, 1
    offsets[:] = values


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def seal(file, rows):
    """Rows with checksums that are right, as who means harm would write them."""
    offsets, text = file["train/metadata/offsets"][:], bytes(file["train/metadata/text"][:])
    for i in range(len(rows)):
        body = rows[i:i + 1].tobytes()[:-4] + text[offsets[i]:offsets[i + 1]]
        rows["row_crc32c"][i] = crc32c(body)
    file["train/samples"][:] = rows


def rows_unsealed(file):
    rows = file["train/samples"][:]
    rows["weight"] = 5
    file["train/samples"][:] = rows


def scenes_that_lie(file):
    rows = file["train/samples"][:]
    rows["scene"] = 4000000000
    seal(file, rows)


def numbers_that_lie(file):
    rows = file["train/samples"][:]
    rows["valid_fraction"] = np.inf
    seal(file, rows)


def windows_that_lie(file):
    rows = file["train/samples"][:]
    rows["window"] = -5
    seal(file, rows)


def keys_that_lie(file):
    rows = file["train/samples"][:]
    rows["key"][0] = b"../../etc/passwd\n"
    seal(file, rows)


def metadata_that_is_no_text(file):
    text = file["train/metadata/text"]
    text[:] = np.full(text.shape, 0xFF, "u1")
    seal(file, file["train/samples"][:])


def classes_that_lie(file):
    values = file["train/labels/box_class"][:]
    values[0] = 60000
    file["train/labels/box_class"][:] = values


def other_filter(file):
    old = file["train/images"]
    replace(file["train"], "images", chunks=old.chunks, maxshape=old.maxshape, compression="lzf")


def view_of_nothing(file):
    view = file.create_group("views").create_dataset("bad", data=np.array([2**62], "u8"),
                                                     chunks=(1,), maxshape=(None,))
    view.attrs["group"] = np.bytes_(b"train")
    view.attrs["definition"] = np.bytes_(b"{}")


HARMS = [external_link, external_group, soft_link, external_storage, virtual, huge_rows,
         huge_everything, huge_scenes, huge_tile, name_that_is_no_text, variable_text, same_group_twice,
         root_in_root, offsets_that_fall, rows_unsealed, scenes_that_lie, numbers_that_lie,
         windows_that_lie, keys_that_lie, metadata_that_is_no_text, classes_that_lie,
         other_filter, view_of_nothing]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_made_by_h5py(place, harm):
    server, store, folder = place
    bad = folder / "bad.h5"
    shutil.copy(store, bad)
    with h5py.File(bad, "r+") as file:
        harm(file)
    said = expect_refused(server, bad.read_bytes())
    assert "root:" not in said  # of /etc/passwd


def test_text_without_end_is_kept_out(place):
    """Documents inside a store that are none say nothing; the samples are as they are."""
    server, store, folder = place
    bad = folder / "bad.h5"
    shutil.copy(store, bad)
    with h5py.File(bad, "r+") as file:
        huge_text(file)
    entry = new_entry(server)
    save_bytes(server, entry, bad.read_bytes())
    info = server.json("GET", f"/v1/entries/{entry}/manifest", user="ada")["info"]
    assert info["feed_config"] is None and info["groups"]


@pytest.mark.parametrize("data", [b"x", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + b"\xff" * 5000,
                                  b"\0" * 300000, bytes(range(256)) * 400])
def test_no_hdf5(place, data):
    assert "not a store" in expect_refused(place[0], data)


def test_cut_short(place):
    server, store, _ = place
    data = store.read_bytes()
    for share in range(1, 12):
        expect_refused(server, data[:len(data) * share // 12])


def test_flipped_bits(place):
    """Refused or taken: what is taken can be listed and drawn, or is refused then."""
    server, store, _ = place
    data = bytearray(store.read_bytes())
    chance = random.Random(7)
    refused = 0
    for _ in range(40):
        # Most of what is no pixels lies at the beginning and at the end.
        at = chance.choice([chance.randrange(6000), chance.randrange(len(data)),
                            len(data) - 1 - chance.randrange(30000)])
        bit = 1 << chance.randrange(8)
        data[at] ^= bit
        entry = new_entry(server)
        try:
            save_bytes(server, entry, bytes(data), code=422)
            refused += 1
        except AssertionError:
            listed = server.json("GET", f"/v1/entries/{entry}/samples?limit=3",
                                 user="ada")["samples"]
            for sample in listed:
                for file in ("image.png", "image.tif", "mask.png", "labels.json"):
                    code = server.get(f"/v1/entries/{entry}/samples/{sample['key']}/{file}",
                                      user="ada")[0]
                    assert code in (200, 422), code
        data[at] ^= bit
    assert 0 < refused < 40


def bomb(folder):
    """Some megabytes that become half a gigabyte for each tile, in a store that is else in order."""
    path = folder / "bomb.h5"
    shutil.copy(folder / "tiles.h5", path)
    side = 8192
    with h5py.File(path, "r+") as file:
        file.attrs["tile_shape"] = np.array([4, side, side], "u4")
        for group in ("train", "test"):
            count = len(file[group]["samples"])
            for name in ("images", "labels/mask"):
                inner = (4, side, side) if name == "images" else (side, side)
                made = replace(file[group], name, shape=(count, *inner), chunks=(1, *inner),
                               maxshape=(None, *inner), compression="gzip", compression_opts=4,
                               shuffle=name == "images")
                zeros = zlib.compress(bytes(int(np.prod(inner)) * made.dtype.itemsize), 1)
                for i in range(count):
                    made.id.write_direct_chunk((i, *[0] * len(inner)), zeros)
    return path


def test_bombs(place):
    server, _, folder = place
    before = server.memory()
    entry = new_entry(server)
    save_bytes(server, entry, bomb(folder).read_bytes())
    key = server.json("GET", f"/v1/entries/{entry}/samples?limit=1",
                      user="ada")["samples"][0]["key"]
    for file in ("image.png", "image.tif"):
        code, _, text = server.get(f"/v1/entries/{entry}/samples/{key}/{file}", user="ada")
        assert code == 422 and (b"memory" in text or b"took longer" in text) or \
            SANITIZED and code == 200
    assert server.get(f"/v1/entries/{entry}/samples/{key}/mask.png", user="ada")[0] in (200, 422)
    assert server.memory() < before + (32 << 20) or SANITIZED


def test_memory_stays_flat(place):
    """Refusals leave nothing behind in the server."""
    server, store, folder = place
    bad = folder / "flat.h5"
    shutil.copy(store, bad)
    with h5py.File(bad, "r+") as file:
        scenes_that_lie(file)
    data = bad.read_bytes()
    for _ in range(5):
        expect_refused(server, data)
    before = server.memory()
    for _ in range(25):
        expect_refused(server, data)
    assert server.memory() < before + (16 << 20) or SANITIZED
