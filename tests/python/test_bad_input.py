"""Bad input: one line that says what, where and what to do, and nothing left behind."""
import fcntl
import json
import os
import resource
import shutil
import signal
import struct
import subprocess

import h5py
import pytest
from big import (ALL_TASKS, ORIGIN, digest, feed, make_labels, make_scene, one_line, polygon,
                 refused, snapshot, square, write_labels)
from conftest import SOURCE, VEDATILE, check_clean

AS_ROOT = os.geteuid() == 0
OF_LABELS = ("--class-field", "kind", "--task", "detection")
READERS = [("info",), ("check",), ("check", "--digest"), ("stats",), ("bench", "--epochs", 1),
           ("show", "-o", "sheet.png")]


@pytest.fixture
def folder(tmp_path):
    """A scene, labels for it, and an existing store of another scene."""
    make_scene(tmp_path / "a.tif", 128, 96, bands=3)
    make_scene(tmp_path / "old.tif", 128, 96, bands=3, seed=9)
    make_labels(tmp_path / "a.json", 128, 96, 20)
    feed(tmp_path / "old.h5", "--image", tmp_path / "old.tif", "--labels", tmp_path / "a.json",
         *OF_LABELS, "--tile", 32)
    return tmp_path


def both_refused(folder, scene, labels, more, *says, code=1):
    """The same for a new store and for one that is there; `labels` None: a.json."""
    labels = labels or folder / "a.json"
    for store, tile in (("new.h5", ("--tile", 32)), ("old.h5", ())):
        refused(folder, ("feed", folder / store, "--image", scene, "--labels", labels, *OF_LABELS,
                         *tile, *more), *says, code=code)


# --- scenes -------------------------------------------------------------------------------------


def test_missing_scene(folder):
    both_refused(folder, folder / "no.tif", None, (), "no.tif: no such file", "check the path")


@pytest.mark.parametrize("content", [b"", b"hello\n" * 100, b"II*\0", b"\x89PNG\r\n\x1a\n"],
                         ids=["empty", "text", "tiff head", "png head"])
def test_not_a_raster(folder, content):
    (folder / "b.tif").write_bytes(content)
    both_refused(folder, folder / "b.tif", None, (), "b.tif: not a raster", "gdalinfo")


def test_no_raster_formats(folder):
    for name in ("a.json", ""):
        both_refused(folder, folder / name, None, (), f"{folder / name}: not a raster")


def test_cut_scene(folder):
    """Its header promises pixels that are not there; nothing of the half that is there is kept."""
    make_scene(folder / "whole.tif", 512, 512, bands=3, seed=3)
    content = (folder / "whole.tif").read_bytes()
    (folder / "cut.tif").write_bytes(content[:len(content) // 2])
    both_refused(folder, folder / "cut.tif", None, ("--match", "all", "--on-failure", "stop"),
                 "cut.tif: window", "cannot be read", "anew")


def test_damaged_tile(shared, tmp_path):
    """JPEG tiles, the last one cut short; the others can be read."""
    refused(tmp_path, ("feed", tmp_path / "new.h5", "--image",
                       shared / "hard-cases/rasterio_corrupt.tif", "--on-failure", "stop"),
            "rasterio_corrupt.tif: window col 512 row 512", "cannot be read")


def write_tiff(path, cols, rows, tile=None):
    """A TIFF header that promises whatever it is told to, and next to no pixels."""
    entries = [(256, 4, cols), (257, 4, rows), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1)]
    if tile:
        entries += [(322, 3, tile), (323, 3, tile), (324, 4, 8), (325, 4, 100)]
    else:
        entries += [(273, 4, 8), (278, 4, rows), (279, 4, 100)]
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(entries)) +
        b"\0" * 200)


@pytest.mark.parametrize("cols, rows, tile", [
    (2000000000, 1, None), (2000000000, 64, 256), (2000000000, 2000000000, None),
    (2000000000, 2000000000, 256), (4294967295, 1, None),
    (2000000000, 2000000000, 32768),
])
def test_absurd_header(folder, cols, rows, tile):
    write_tiff(folder / "huge.tif", cols, rows, tile)
    limits = (4 << 30, 4 << 30)  # to allocate what the header says would fail; asan needs more
    sanitized = b"__asan_init" in open(VEDATILE, "rb").read()
    options = {} if sanitized else {
        "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, limits)}
    refused(folder, ("feed", folder / "new.h5", "--image", folder / "huge.tif", "--tile", 64),
            "huge.tif", timeout=20, **options)


def test_picture_without_place(tmp_path, store):
    """A PNG is a raster like any other; labels are then in pixels."""
    make_scene(tmp_path / "a.tif", 64, 64, bands=3)
    subprocess.run(["gdal_translate", "-q", "-of", "PNG", tmp_path / "a.tif", tmp_path / "a.png"],
                   check=True)
    for path in tmp_path.glob("*.xml"):
        path.unlink()
    ring = [[8, 4], [24, 4], [24, 20], [8, 20], [8, 4]]
    write_labels(tmp_path / "a.json", [polygon(ring)], epsg=None)
    feed(store, "--image", tmp_path / "a.png", "--labels", tmp_path / "a.json", "--task",
         "detection", "--tile", 64)
    with h5py.File(store, "r") as file:
        assert file["train/labels/boxes"][...].tolist() == [[8, 4, 24, 20]]


# --- labels -------------------------------------------------------------------------------------


def test_missing_labels(folder):
    both_refused(folder, folder / "a.tif", folder / "no.json", (), "no.json: no such file",
                 "check the path")


@pytest.mark.parametrize("more", [(), ("--match", "all"), ("--image-again",)], ids=str)
def test_labels_elsewhere(folder, more):
    """Both extents; an image given twice must not hide it."""
    make_labels(folder / "far.json", 128, 96, 20, origin=(600000, ORIGIN[1]))
    more = ("--image", folder / "a.tif", "--match", "all") if "--image-again" in more else more
    both_refused(folder, folder / "a.tif", folder / "far.json", more,
                 "far.json: labels do not meet", "x 500000..500128 y 3999904..4000000",
                 "labels cover x 6000")


@pytest.mark.parametrize("epsg", [32633, None], ids=["metres", "degrees"])
def test_swapped_axes(folder, epsg):
    x, y, side = (500010, 3999990, 30) if epsg else (15.0001, 36.1441, 0.0002)
    ring = [[b, a] for a, b in square(x, y, side)]
    write_labels(folder / "swapped.json", [polygon(ring, kind="car")], epsg)
    both_refused(folder, folder / "a.tif", folder / "swapped.json", (), "swapped.json",
                 "axes swapped", "latitude first")


def test_unknown_class(folder):
    refused(folder, ("feed", folder / "new.h5", "--image", folder / "a.tif", "--labels",
                     folder / "a.json", *OF_LABELS, "--tile", 32, "--classes", "car,boat"),
            "a.json", "'house'", "'tree'", "--unknown skip", "--classes")


def test_unknown_classes_are_many(folder):
    write_labels(folder / "many.json", [
        polygon(square(500010 + i, 3999990, 5), kind=f"a rather long name of class {i}")
        for i in range(60)])
    both_refused(folder, folder / "a.tif", folder / "many.json", ("--classes", "car,house,tree"),
                 "many.json", "60", "class 0'", "...")


def test_class_field_absent(folder):
    for field in ("Kind", "class"):
        refused(folder, ("feed", folder / "new.h5", "--image", folder / "a.tif", "--labels",
                         folder / "a.json", "--class-field", field, "--task", "detection"),
                "a.json", f"no field '{field}'", "it has kind", code=2)


@pytest.mark.parametrize("text", ["", "{", "[]", "hello", "{\"type\": \"FeatureCollection\"}"],
                         ids=["0 bytes", "cut", "list", "text", "no features"])
def test_labels_that_are_none(folder, text):
    (folder / "b.json").write_text(text)
    both_refused(folder, folder / "a.tif", folder / "b.json", (), "b.json: ")


@pytest.mark.parametrize("of_class", [("--class-field", "kind"), ()], ids=["field", "no field"])
def test_empty_collection(folder, of_class):
    write_labels(folder / "none.json", [])
    refused(folder, ("feed", folder / "new.h5", "--image", folder / "a.tif", "--labels",
                     folder / "none.json", *of_class, "--task", "detection", "--match", "all"),
            "none.json: holds no features", "leave it out")


def test_only_null_geometries(folder):
    write_labels(folder / "null.json", [polygon(None, kind="car")] * 2)
    both_refused(folder, folder / "a.tif", folder / "null.json", (), "null.json", "2 features",
                 "null", "leave it out")


def test_points_have_no_area(folder):
    point = {"type": "Feature", "properties": {"kind": "car"},
             "geometry": {"type": "Point", "coordinates": [500010, 3999990]}}
    write_labels(folder / "point.json", [point])
    both_refused(folder, folder / "a.tif", folder / "point.json", (), "point.json", "Point",
                 "buffer")


def test_raster_as_labels(folder):
    both_refused(folder, folder / "a.tif", folder / "old.tif", (), "old.tif: not a vector file",
                 "ogrinfo")


def test_folder_as_labels(folder):
    (folder / "empty").mkdir()
    both_refused(folder, folder / "a.tif", folder / "empty", (), "empty: not a vector file")


def test_geometries_are_counted_and_repaired(folder):
    """A null geometry, and a bow-tie that becomes two triangles of 400 square metres each."""
    x, y = ORIGIN[0] + 10, ORIGIN[1] - 10
    bow = [[x, y], [x + 40, y - 40], [x + 40, y], [x, y - 40], [x, y]]
    write_labels(folder / "odd.json", [polygon(None, kind="car"), polygon(bow, kind="tree"),
                                       polygon(square(x + 50, y, 8), kind="car")])
    report = feed(folder / "new.h5", "--image", folder / "a.tif", "--labels", folder / "odd.json",
                  "--class-field", "kind", *ALL_TASKS, "--tile", 96, "--codec", "raw")
    assert (report["null_geometries"], report["repaired"], report["features"]) == (1, 1, 2)
    with h5py.File(folder / "new.h5", "r") as file:
        mask = file["train/labels/mask"][0]
        assert abs(int((mask == 2).sum()) - 800) <= 40
        # left and right of the middle, nothing above and below it
        assert mask[30, 15] == mask[30, 45] == 2 and mask[15, 30] == mask[45, 30] == 0
        labels = file["train/labels"]
        assert labels["boxes"][...].tolist() == [[10, 10, 50, 50], [60, 10, 68, 18]]
        assert labels["box_visible"][...].tolist() == [1, 1]


# --- sizes and other options ---------------------------------------------------------------------


@pytest.mark.parametrize("edge", ["drop", "shift"])
def test_tile_larger_than_the_scene(folder, edge):
    refused(folder, ("feed", folder / "new.h5", "--image", folder / "a.tif", "--tile", 256,
                     "--edge", edge), "a.tif", "256 x 256", "128 x 96", "--edge pad", code=2)


def test_larger_tile_is_padded(folder):
    feed(folder / "new.h5", "--image", folder / "a.tif", "--tile", 256, "--edge", "pad", "--codec",
         "raw")
    with h5py.File(folder / "new.h5", "r") as file:
        image, row = file["train/images"][0], file["train/samples"][0]
        assert image.shape == (3, 256, 256) and image[:, :96, :128].any()
        assert not image[:, 96:].any() and not image[:, :, 128:].any()
        assert row["valid_fraction"] == pytest.approx(128 * 96 / 256**2)


@pytest.mark.parametrize("option, value", [
    ("--tile", "0"), ("--tile", "-1"), ("--tile", "256x"), ("--tile", "x256"), ("--tile", "1.5"),
    ("--tile", "64x0"), ("--tile", "64x64x3"), ("--tile", "99999999999999999999"), ("--tile", ""),
    ("--stride", "0"), ("--stride", "-3"), ("--stride", "64,64"),
    ("--bands", "0"), ("--bands", "-1"), ("--bands", "4"), ("--bands", "1,1"), ("--bands", "purple"),
    ("--bands", "1,,2"), ("--min-visible", "2"), ("--min-visible", "-0.1"), ("--min-valid", "nan"),
    ("--task", "boxes"), ("--edge", "wrap"), ("--match", "some"), ("--mask-order", "size"),
    ("--codec", "gzip"), ("--threads", "-1"), ("--threads", "100000"), ("--commit-seconds", "0"),
    ("--seed", "-1"), ("--seed", "18446744073709551616"), ("--group", "views"), ("--group", "a/b"),
    ("--group", ""), ("--progress", "some"), ("--classes", "a,,b"), ("--classes", "a,a"),
])
def test_values(folder, option, value):
    labels = ("--labels", folder / "a.json") if option == "--classes" else ()
    task = () if option == "--task" or not labels else OF_LABELS
    refused(folder, ("feed", folder / "new.h5", "--image", folder / "a.tif", *labels, *task,
                     option, value), value.split(",")[0][:10], code=2)


@pytest.mark.parametrize("arguments, says", [
    (("--task", "detection"), ("task", "--labels")),
    (("--class-field", "kind"), ("--class-field", "--labels")),
    (("--labels", "a.json"), ("--task",)),
    (("--labels", "a.json", "--task", "detection", "--classes", "a,b"), ("class field", "kind")),
    (("--split-by", "block"), ("--split-by", "--split")),
    (("--group", "a", "--split", "a=1,b=1"), ("--group", "--split")),
    (("--labels", "a.json", *OF_LABELS, "--classes", "car,house,tree", "--unknown", "boat"),
     ("boat",)),
], ids=["task", "class field", "labels", "classes", "split by", "group", "unknown"])
def test_options_that_need_others(folder, arguments, says):
    arguments = [folder / word if word == "a.json" else word for word in arguments]
    refused(folder, ("feed", folder / "new.h5", "--image", folder / "a.tif", *arguments), *says,
            code=2)


# --- stores -------------------------------------------------------------------------------------


def feed_into(folder, store):
    return ("feed", store, "--image", folder / "a.tif", "--labels", folder / "a.json", *OF_LABELS,
            "--tile", 32)


def other_program(path):
    with h5py.File(path, "w") as file:
        file["images"] = [[1, 2], [3, 4]]


def half_store(path):
    content = (path.parent / "old.h5").read_bytes()
    path.write_bytes(content[:len(content) // 2])


NO_STORES = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"hello\n" * 1000),
    "HDF5": other_program,
    "half": half_store,
    "head": lambda path: path.write_bytes((path.parent / "old.h5").read_bytes()[:4096]),
}


@pytest.mark.parametrize("kind", NO_STORES)
def test_no_store(folder, kind):
    NO_STORES[kind](folder / "b.h5")
    refused(folder, feed_into(folder, folder / "b.h5"), "b.h5")
    for command, *more in READERS:
        refused(folder, (command, folder / "b.h5", *more), "b.h5", cwd=folder)


def test_store_with_a_flipped_byte(folder, vedatile):
    """check finds it wherever it is; nothing crashes on it."""
    whole = (folder / "old.h5").read_bytes()
    right = digest(folder / "old.h5")
    wrong = 0
    for at in range(8, len(whole), len(whole) // 40):
        (folder / "b.h5").write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1:])
        done = vedatile("check", folder / "b.h5", "--digest", code=None)
        assert (done.returncode, done.stdout.strip()) == (0, right) or (
            done.returncode == 1 and done.stderr)
        wrong += done.returncode
    assert wrong > 0


def test_missing_store(folder):
    for command, *more in READERS:
        refused(folder, (command, folder / "no.h5", *more), "no.h5", cwd=folder)


def test_folder_as_store(folder):
    (folder / "d").mkdir()
    refused(folder, feed_into(folder, folder / "d"), "d: a folder", "name a file", code=2)
    for command, *more in READERS:
        refused(folder, (command, folder / "d", *more), f"{folder / 'd'}: ", cwd=folder)


def test_missing_folder(folder):
    refused(folder, feed_into(folder, folder / "no/new.h5"), "new.h5", f"no folder {folder / 'no'}",
            "make it")
    assert not (folder / "no").exists()


@pytest.mark.parametrize("name", ["a.tif", "a.json", "link.tif"])
def test_store_is_an_input(folder, name):
    (folder / "link.tif").symlink_to("a.tif")
    refused(folder, feed_into(folder, folder / name), name, "input", "another name", code=2)


def test_sheet_over_the_store(folder):
    """show must not write its picture over what it shows."""
    refused(folder, ("show", folder / "old.h5", "-o", folder / "old.h5"), "old.h5",
            "another file", code=2)


# --- no room, no right, no turn ------------------------------------------------------------------


def limit_file_size(size):
    """To be run in the child: writes past `size` fail with "File too large"."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


@pytest.fixture
def large(folder):
    """A scene of 3 MB, incompressible."""
    return make_scene(folder / "large.tif", 1024, 1024, bands=3, seed=4)


def feed_large(large, store, *more):
    return ("feed", store, "--image", large, "--labels", large.with_name("a.json"), *OF_LABELS,
            "--tile", 32, "--match", "all", "--codec", "raw", *more)


@pytest.mark.parametrize("size", [1000, 50000, 300000, 1000000, 3000000])
def test_file_size_limit_and_a_new_store(folder, large, size):
    refused(folder, feed_large(large, folder / "new.h5", "--commit-seconds", 1000), "new.h5",
            "too large", preexec_fn=limit_file_size(size))


@pytest.mark.parametrize("room", [1000, 100000, 1000000])
def test_file_size_limit_and_an_old_store(folder, large, room):
    feed(folder / "room.h5", "--image", folder / "old.tif", "--labels", folder / "a.json",
         *OF_LABELS, "--tile", 32, "--match", "all", "--codec", "raw")
    size = (folder / "room.h5").stat().st_size + room
    refused(folder, feed_large(large, folder / "room.h5", "--commit-seconds", 1000), "room.h5",
            "too large", preexec_fn=limit_file_size(size))


def test_what_was_committed_before_the_disk_was_full_stays(folder, large, vedatile):
    store = folder / "new.h5"
    done = vedatile(*feed_large(large, store, "--commit-seconds", 0.001), code=1,
                    preexec_fn=limit_file_size(2000000))
    one_line(done.stderr, "new.h5")
    digest(store)
    kept = json.loads(vedatile("info", store, "--json").stdout)["groups"]["train"]["count"]
    assert 0 < kept < 1024
    assert not list(folder.glob("*.part")) + list(folder.glob("*.journal"))
    report = feed(store, *feed_large(large, store)[2:])
    assert (report["existing"], report["written"]) == (kept, 1024 - kept)
    feed(folder / "whole.h5", *feed_large(large, store)[2:])
    assert digest(store) == digest(folder / "whole.h5")


def mount(path, options):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path],
                          capture_output=True, check=False)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    if not AS_ROOT:
        pytest.skip("only root can mount a small file system")
    path = tmp_path / "disk"
    path.mkdir()
    mounted = mount(path, "size=2m")
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system: {mounted.stderr.decode().strip()}")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.parametrize("missing", [4, 8, 12, 16, 24, 32, 48, 64, 128, 256, 400, 550])
def test_full_disk_and_a_new_store(folder, small_disk, missing):
    """So many kilobytes less than it takes: another step of making the store fails each time, up to
    the flush of the last commit. Nothing is left."""
    arguments = feed_into(folder, small_disk / "new.h5")
    feed(small_disk / "room.h5", *arguments[2:])
    needed = (small_disk / "room.h5").stat().st_blocks // 2  # room set aside but not used takes none
    (small_disk / "room.h5").unlink()
    mount(small_disk, f"remount,size={max(needed - missing, 4)}k")
    refused(small_disk, arguments, "new.h5", "No space")


def test_full_disk_and_an_old_store(folder, large, small_disk):
    old = small_disk / "old.h5"
    feed(old, "--image", folder / "old.tif", "--labels", folder / "a.json", *OF_LABELS, "--tile",
         32, "--match", "all", "--codec", "raw")
    refused(small_disk, feed_large(large, old, "--commit-seconds", 1000), "old.h5", "No space")
    assert os.listdir(small_disk) == ["old.h5"]


def test_full_disk_after_commits(large, small_disk, vedatile):
    store = small_disk / "new.h5"
    done = vedatile(*feed_large(large, store, "--commit-seconds", 0.001), code=1)
    one_line(done.stderr, "new.h5", "No space")
    digest(store)
    assert os.listdir(small_disk) == ["new.h5"]


def test_read_only_file_system(folder, small_disk):
    shutil.copy(folder / "old.h5", small_disk)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for name in ("new.h5", "old.h5"):
        refused(small_disk, feed_into(folder, small_disk / name), name, "Read-only")
    assert len(digest(small_disk / "old.h5")) == 64  # reading needs no right to write


@pytest.mark.skipif(AS_ROOT, reason="root may write everywhere")
def test_no_right_to_write(folder):
    (folder / "old.h5").chmod(0o444)
    refused(folder, feed_into(folder, folder / "old.h5"), "old.h5", "Permission denied")
    closed = folder / "closed"
    closed.mkdir(mode=0o555)
    refused(folder, feed_into(folder, closed / "new.h5"), "new.h5", "Permission denied")


def as_nobody():
    os.setgid(65534)
    os.setuid(65534)


@pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
@pytest.mark.parametrize("name", ["old.h5", "new.h5"])
def test_somebody_elses_store(folder, name):
    for own in (folder, folder.parent):  # pytest closes them to others
        own.chmod(0o755)
    for argument in (["--version"], ["info", folder / "old.h5"]):
        reach = subprocess.run([VEDATILE, *argument], capture_output=True, check=False,
                               preexec_fn=as_nobody)
        if reach.returncode:
            pytest.skip("the command or the folder is out of reach for another user")
    refused(folder, feed_into(folder, folder / name), name, "Permission denied",
            preexec_fn=as_nobody)


@pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
def test_folder_that_is_closed(folder):
    """A folder that one may not look into is not said to be missing."""
    closed = folder / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    for own in (folder, folder.parent):
        own.chmod(0o755)
    reach = subprocess.run([VEDATILE, "info", folder / "old.h5"], capture_output=True,
                           check=False, preexec_fn=as_nobody)
    if reach.returncode:
        pytest.skip("the command or the folder is out of reach for another user")
    refused(folder, feed_into(folder, inner / "new.h5"), "new.h5", "Permission denied",
            preexec_fn=as_nobody)


def test_store_that_is_being_written(folder):
    with open(folder / "old.h5", "rb") as store:
        fcntl.flock(store, fcntl.LOCK_EX)
        refused(folder, feed_into(folder, folder / "old.h5"), "old.h5", "another process",
                "try again")
    assert feed(folder / "old.h5", *feed_into(folder, "")[2:])["written"] > 0


def test_store_that_is_being_made(folder, vedatile):
    with open(folder / "new.h5.part", "wb") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        before = snapshot(folder)
        done = vedatile(*feed_into(folder, folder / "new.h5"), code=1)
        one_line(done.stderr, "new.h5", "another process", "try again")
        assert snapshot(folder) == before


def test_two_commands_at_once(folder, large):
    """One wins; the other is told so. Together, and after a repeat, they make the whole store."""
    store = folder / "new.h5"
    arguments = [VEDATILE, *map(str, feed_large(large, store, "--commit-seconds", 0.001))]
    racers = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
              for _ in range(4)]
    said = [racer.communicate(timeout=120) for racer in racers]
    codes = [racer.returncode for racer in racers]
    for code, (_, stderr) in zip(codes, said):
        check_clean(stderr)
        assert code == 0 or code == 1
        if code:
            one_line(stderr, "new.h5")
            assert "another process" in stderr or "exists already" in stderr
    assert codes.count(0) >= 1
    feed(folder / "whole.h5", *feed_large(large, store)[2:])
    assert digest(store) == digest(folder / "whole.h5")
    assert not list(folder.glob("*.part")) + list(folder.glob("*.journal"))


# --- the bundled data, as a user would mistype it -------------------------------------------------


def test_olinda_with_the_wrong_labels(tmp_path, shared):
    refused(tmp_path, ("feed", tmp_path / "new.h5", "--image", SOURCE / "data/olinda/scene.tif",
                       "--labels", shared / "kampala-buildings/labels.geojson", "--task",
                       "detection"), "labels.geojson: labels do not meet", "scene.tif")


def test_null_geometries_of_gdal(tmp_path, shared):
    refused(tmp_path, ("feed", tmp_path / "new.h5", "--image", SOURCE / "data/olinda/scene.tif",
                       "--labels", shared / "hard-cases/gdal_nullvalues.geojson", "--task",
                       "detection"), "gdal_nullvalues.geojson", "null")
