"""The Store: when samples become durable, who may write, and how samples are found again."""
import concurrent.futures
import gc
import os
import pickle
import subprocess
import sys
import zlib

import numpy as np
import pytest
import vedatile
import vedatile.store
from scenes import command, make_scene, python

ROWS, COLS = 8, 12


@pytest.fixture
def scene(tmp_path):
    make_scene(tmp_path / "scene.tif", shape=(3, 200, 200))
    return vedatile.Scene(tmp_path / "scene.tif")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store.h5")


def windows(scene, count, seed=1):
    return list(scene.iterwindows(count=count, window_shape=(ROWS, COLS), seed=seed))


def new_store(path, **options):
    return vedatile.Store(path, **{"mltype": "classification", "classes": ["car", "roof"],
                                   **options})


def fill(store, scene, **groups):
    """Samples whose label says whether their number in the group is even; other places in each."""
    places = iter(windows(scene, sum(groups.values())))
    for name, count in groups.items():
        store.feed([(next(places), [i % 2 == 0, 1]) for i in range(count)], group=name)
    return store


def saved(path):
    """Samples that a new reader finds."""
    return sum(vedatile.Reader(path).groups.values()) if os.path.exists(path) else None


# --- commits -------------------------------------------------------------------------------------

@pytest.mark.parametrize("look", [
    lambda store: store.count, len, lambda store: store[0], lambda store: store.groups,
    lambda store: store.train[0], lambda store: len(store.train), lambda store: store.batch(2),
    lambda store: store.loader(batch_size=2), lambda store: store.take([0]), list,
    lambda store: store.filter(min_valid=0.5), lambda store: store.views,
    lambda store: store.uuid, lambda store: store.bounds, repr, pickle.dumps,
    lambda store: store.flush(), lambda store: store.close(), lambda store: store.__exit__(),
    lambda store: store.save_view("all", store.filter()),
])
def test_whoever_looks_commits(scene, path, look):
    store = fill(new_store(path), scene, train=3)
    assert saved(path) is None
    look(store)
    assert saved(path) == 3
    assert os.listdir(os.path.dirname(path)).count("store.h5.part") == 0


def test_commits_go_on_after_a_look(scene, path):
    store = new_store(path)
    for i, window in enumerate(windows(scene, 20)):
        store.feed([(window, "car")])
        assert len(store) == saved(path) == i + 1


def test_a_store_without_samples_is_no_file(scene, path):
    with new_store(path) as store:
        assert store.count == {} and len(store) == 0 and store.groups == [] and store
        assert (store.uuid, store.dtype, store.bounds, store.tile_size) == (None, None, None, None)
        assert store.mltype == "classification" and store.classes == ["car", "roof"]
        assert list(store) == list(store.train) == store[:] == []
        with pytest.raises(IndexError):
            store[0]
        with pytest.raises(vedatile.NotFoundError, match="feed some first"):
            store.loader()
        with pytest.raises(vedatile.ArgumentError):
            store.feed([(windows(scene, 1)[0], [2, 0])])
    assert os.listdir(os.path.dirname(path)) == ["scene.tif"]


def test_the_end_of_a_with_block_and_of_the_object(scene, path):
    with new_store(path) as store:
        fill(store, scene, train=3)
    assert saved(path) == 3
    store = new_store(path)
    store.feed([(window, "car") for window in windows(scene, 6)])
    del store
    gc.collect()
    assert saved(path) == 6


def test_a_closed_store(scene, path):
    store = fill(new_store(path), scene, train=2)
    sample = store[0]
    store.close()
    store.close()
    assert "closed" in repr(store)
    for use in (len, lambda s: s.feed([]), lambda s: s.flush(), lambda s: s.__enter__()):
        with pytest.raises(vedatile.ArgumentError, match="closed"):
            use(store)
    assert sample.image.shape == (3, ROWS, COLS)


FEED = """
import os, signal, sys, vedatile
scene, path, end = sys.argv[1:]
store = vedatile.Store(path, mltype="classification", classes=["car", "roof"])
windows = list(vedatile.Scene(scene).iterwindows(count=15, window_shape=(8, 12)))
store.feed([(window, "car") for window in windows[:10]])
print(store.count)
store.feed([(window, "roof") for window in windows[10:]])
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if end == "raise":
    raise RuntimeError("the user's own")
if end == "exit":
    sys.exit(3)
if end == "_exit":
    os._exit(0)
"""


@pytest.mark.parametrize("end, kept", [("", 15), ("exit", 15), ("raise", 15), ("kill", 10),
                                       ("_exit", 10)])
def test_how_a_process_ends(scene, path, end, kept):
    done = python(FEED, scene.uri, path, end, check=False)
    assert "{'train': 10}" in done.stdout, done.stderr
    store = vedatile.Store(path)
    assert store.count == {"train": kept}
    command("check", path)
    # What was lost can be fed again, and nothing twice.
    again = [(window, "roof") for window in scene.iterwindows(count=15, window_shape=(8, 12))]
    assert store.feed(again) == {"written": 15 - kept, "existing": kept}
    assert len(store) == 15


def test_feeding_commits_now_and_then(scene, path, monkeypatch):
    store = new_store(path)
    places = windows(scene, 4)
    store.feed([(places[0], "car")])
    assert saved(path) is None
    monkeypatch.setattr(vedatile.store, "COMMIT_SECONDS", 0)
    store.feed([(places[1], "car")])
    assert saved(path) == 2
    seen = []

    def one_by_one():
        for window in places[2:]:
            yield window, "car"
            seen.append(saved(path))
    store.feed(one_by_one())
    assert seen == [3, 4]
    store.close()
    assert saved(path) == 4


def test_a_forked_child_leaves_the_store_alone(scene, path):
    store = fill(new_store(path), scene, train=3)
    child = os.fork()
    if child == 0:
        good = 1
        try:
            assert store.count == {}  # the parent has committed nothing yet
            del store
            gc.collect()
            good = 0
        finally:
            os._exit(good)
    assert os.waitpid(child, 0)[1] == 0
    assert os.path.exists(path + ".part")
    assert store.count == {"train": 3}
    command("check", path)


def test_a_forked_child_feeds_when_the_parent_has_let_go(scene, path):
    store = fill(new_store(path), scene, train=3)
    store.flush()
    child = os.fork()
    if child == 0:
        good = 1
        try:
            store.feed([(window, "car") for window in windows(scene, 3, seed=9)])
            store.close()
            good = 0
        finally:
            os._exit(good)
    assert os.waitpid(child, 0)[1] == 0
    store.refresh()
    assert store.count == {"train": 6}


# --- several writers and readers -----------------------------------------------------------------

def test_one_process_writes_at_a_time(scene, path):
    store = fill(new_store(path), scene, train=3)
    code = """
import sys, vedatile
store = vedatile.Store(sys.argv[2], mltype="classification", classes=["car", "roof"])
try:
    store.feed([(vedatile.Scene(sys.argv[1]).window(0, 0, 12, 8), "car")])
except vedatile.BusyError as error:
    print(error)
"""
    for _ in range(2):  # a store that is not there yet, and one that is
        assert "another process" in python(code, scene.uri, path).stdout
        store.flush()
        store.feed([(window, "car") for window in windows(scene, 4)])
    assert store.count == {"train": 4}
    store.flush()
    assert python(code, scene.uri, path).stdout == ""
    store.refresh()
    assert store.count == {"train": 5}


def test_reading_while_another_process_feeds(scene, path):
    fill(new_store(path), scene, train=2).close()
    code = """
import sys, vedatile
store = vedatile.Store(sys.argv[2])
for window in vedatile.Scene(sys.argv[1]).iterwindows(count=30, window_shape=(8, 12), seed=5):
    store.feed([(window, "car")])
    print(len(store), flush=True)
    sys.stdin.readline()
"""
    store = vedatile.Store(path)
    child = subprocess.Popen([sys.executable, "-c", code, scene.uri, path], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    for expected in range(3, 33):
        assert int(child.stdout.readline()) == expected
        before = len(store)
        store.refresh()
        assert len(store) == expected > before
        assert store[-1].image.shape == (3, ROWS, COLS)
        child.stdin.write("\n")
        child.stdin.flush()
    assert child.wait() == 0
    child.stdin.close()
    child.stdout.close()


def test_threads_feed_one_store(scene, path):
    store = new_store(path)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda window: (store.feed([(window, "car")]), store.count),
                      windows(scene, 60)))
    assert len(store) == len({sample.key for sample in store}) == 60
    store.close()
    command("check", path)


# --- what a store is -----------------------------------------------------------------------------

@pytest.mark.parametrize("wrong, text", [
    ({"mltype": "detection"}, r"\['classification'\], not \['detection'\]"),
    ({"tile_size": [8, 8]}, r"tile_size is \(8, 12\), not \(8, 8\)"),
    ({"classes": ["roof", "car"]}, r"\['car', 'roof'\], not \['roof', 'car'\]"),
    ({"name": "other"}, "'store', not 'other'"),
])
def test_arguments_that_contradict_the_store(scene, path, wrong, text):
    fill(new_store(path), scene, train=1).close()
    good = {"mltype": "classification", "tile_size": (8, 12), "classes": ["car", "roof"],
            "name": "store"}
    assert vedatile.Store(path, **good).count == {"train": 1}
    with pytest.raises(vedatile.ArgumentError, match=text):
        vedatile.Store(path, **{**good, **wrong})


def test_a_store_that_another_process_made_meanwhile_is_compared(scene, path):
    store = vedatile.Store(path, mltype="detection", classes=["a"])
    fill(new_store(path), scene, train=1).close()
    with pytest.raises(vedatile.ArgumentError, match="mltype"):
        store.feed([(windows(scene, 1)[0], [[]])])


@pytest.mark.parametrize("options", [
    {"classes": None}, {"classes": "car"}, {"classes": []}, {"mltype": "boxes"},
    {"tile_size": [1, 2, 3]}, {"tile_size": 0}, {"mltype": ["classification", "masks"]}])
def test_a_new_store_that_cannot_be(path, options):
    with pytest.raises(vedatile.ArgumentError):
        new_store(path, **options)


@pytest.mark.parametrize("options", [{"classes": ["a", "a"]}, {"codec": "zip"},
                                     {"classes": ["a", ""]}])
def test_a_new_store_that_the_library_refuses(scene, path, options):
    store = new_store(path, **options)
    with pytest.raises(vedatile.ArgumentError):
        store.feed([(windows(scene, 1)[0], [1, 0])])
    assert os.listdir(os.path.dirname(path)) == ["scene.tif"]


def test_no_folder_and_no_store(tmp_path):
    (tmp_path / "text.h5").write_text("no store")
    with pytest.raises(vedatile.FormatError):
        vedatile.Store(tmp_path / "text.h5")
    make_scene(tmp_path / "scene.tif")
    store = vedatile.Store(tmp_path / "nosuch/store.h5")
    with pytest.raises(vedatile.NotFoundError):
        store.feed([(vedatile.Scene(tmp_path / "scene.tif").window(0, 0, 4, 4), None)])


def test_properties(scene, path):
    store = fill(new_store(path, name="cars", codec="raw"), scene, train=2, odd=1)
    assert store.path == path and store.name == "cars" and store.mltype == "classification"
    assert store.tile_size == (ROWS, COLS) and store.dtype == "uint8"
    assert store.classes == ["car", "roof"] and store.tasks == ["classification"]
    assert len(store.uuid) == 36 and store.band_names == ["band_1", "band_2", "band_3"]
    west, south, east, north = store.bounds
    assert scene.bounds[0] <= west < east <= scene.bounds[2]
    assert scene.bounds[1] <= south < north <= scene.bounds[3]
    assert repr(store) == f"Store({path!r}: train: 2, odd: 1)"
    assert "<td>cars</td>" in store._repr_html_()
    assert vedatile.Reader(path).codecs == {"image": "raw", "mask": "raw"}


# --- samples -------------------------------------------------------------------------------------

@pytest.fixture
def grouped(scene, path):
    store = fill(new_store(path), scene, other=2, test=3, train=5, validate=1)
    store.flush()
    return store


def test_order_of_groups(grouped):
    assert grouped.count == {"train": 5, "test": 3, "validate": 1, "other": 2}
    assert list(grouped.count) == grouped.groups == ["train", "test", "validate", "other"]
    order = [(sample.group, sample.index) for sample in grouped]
    assert order == [(group, i) for group, count in grouped.count.items() for i in range(count)]
    assert [(s.group, s.index) for s in grouped[:]] == order


def test_indexing_is_that_of_a_list(grouped):
    keys = [sample.key for sample in grouped]
    for index in (0, 4, 5, 10, -1, -11, np.int64(7), np.uint8(3)):
        assert grouped[index].key == keys[index]
    for part in (slice(0, 5), slice(-3, None), slice(None, None, -2), slice(8, 100), slice(5, 2)):
        assert [sample.key for sample in grouped[part]] == keys[part]
    for chosen in ([3, 0, -1, 3], np.array([9, 2]), range(2, 6), []):
        assert [sample.key for sample in grouped[chosen]] == [keys[i] for i in chosen]
    for wrong in (11, -12, [0, 11]):
        with pytest.raises(IndexError):
            grouped[wrong]
    for wrong in ("train", 1.0, None, ["a"]):
        with pytest.raises(TypeError):
            grouped[wrong]


def test_a_group_is_a_sequence_of_its_own(grouped):
    # pyveda lost the last sample of every group, and test[-1] was train's.
    for name, count in grouped.count.items():
        group = grouped.group(name)
        assert len(group) == len(list(group)) == len(group[:]) == count
        assert group[-1].index == count - 1 and group[-1].group == name
        with pytest.raises(IndexError):
            group[count]
        with pytest.raises(IndexError):
            group[-count - 1]
    assert [s.key for s in grouped.train] == [s.key for s in grouped[:5]]
    assert [s.key for s in reversed(grouped.test)] == [s.key for s in grouped[7:4:-1]]
    assert len(grouped.validate) == 1 and len(grouped.group("nosuch")) == 0


def test_two_groups_at_once(grouped):
    # pyveda's groups shared one cursor.
    both = [(a.group, b.group, a.index, b.index) for a, b in zip(grouped.train, grouped.test)]
    assert both == [("train", "test", i, i) for i in range(3)]


def test_a_loop_that_feeds_sees_what_was_there(scene, grouped):
    more = iter(windows(scene, 30, seed=8))
    seen = 0
    for _ in grouped.train:
        grouped.feed([(next(more), "car")])
        seen += 1
    assert seen == 5 and len(grouped.train) == 10


def test_a_sample_is_its_window(scene, grouped):
    for sample in grouped:
        window = scene.window(*sample.window)
        assert np.array_equal(sample.image, window.read())
        assert sample.geotransform == pytest.approx(window.geotransform)
        assert sample.crs == scene.crs and sample.scene == "scene.tif"
        assert sample.valid_fraction == 1 and sample.weight == 1 and sample.metadata == {}
        assert sample.y.tolist() == [sample.index % 2 == 0, 1] == sample.onehot.tolist()
        assert sample.classes == ["car", "roof"][sample.index % 2:]
        assert sample.key.endswith(f"-{window.col}-{window.row}-{COLS}x{ROWS}")
        assert (sample.mask, sample.boxes, sample.box_class, sample.instances) == (None,) * 4
        image, y = sample
        assert np.array_equal(image, sample.image) and np.array_equal(y, sample.y)
        assert sample.data["key"] == sample.key and "image" not in sample.data


def test_pickles(grouped):
    sample, store = pickle.loads(pickle.dumps((grouped[6], grouped)))
    assert sample.key == grouped[6].key and np.array_equal(sample.image, grouped[6].image)
    assert store.count == grouped.count and store.path == grouped.path
    assert pickle.loads(pickle.dumps(store.test))[0].key == grouped[5].key


def test_without_numpy(grouped):
    code = """
import sys
sys.modules["numpy"] = None
import vedatile
store = vedatile.Store(sys.argv[1])
print(type(store[0].image).__name__, bytes(store[0].y), type(store[0].show()).__name__)
store.close()
scene = vedatile.Scene(sys.argv[2])
with vedatile.Store(sys.argv[3]) as other:
    print(other.feed([(window.read(), None) for window in scene.iterwindows(5, (4, 4))]))
"""
    out = python(code, grouped.path, os.path.dirname(grouped.path) + "/scene.tif",
                 grouped.path + "2.h5").stdout
    assert out == "Array b'\\x01\\x01' Picture\nReport(written=5)\n"


# --- draws, filters, views -----------------------------------------------------------------------

def test_batch(grouped):
    batch = grouped.batch(3)
    assert batch.groups == ["train", "test", "validate", "other"]
    assert [len(batch.train), len(batch.test), len(batch.other)] == [3, 3, 2]
    for (x, y), sample in zip(batch.train[:5], [grouped.train[i] for i in batch.train.indices]):
        assert np.array_equal(x, sample.image) and np.array_equal(y, sample.y)
    assert len(batch.train[:2]) == 2 and len(list(batch.train)) == 3
    assert batch.train[-1][0].shape == (3, ROWS, COLS)
    with pytest.raises(AttributeError, match="nosuch"):
        batch.nosuch
    with pytest.raises(vedatile.ArgumentError):
        grouped.batch(0)


def test_batches_are_drawn_anew(grouped):
    drawn = {tuple(grouped.batch(4).train.indices) for _ in range(50)}
    assert len(drawn) > 10
    assert all(len(set(indices)) == 4 and max(indices) < 5 for indices in drawn)
    assert set().union(*drawn) == set(range(5))
    assert grouped.batch(4, seed=3).train.indices == grouped.batch(4, seed=3).train.indices


def test_filter(grouped):
    even = grouped.filter(classes="car")
    assert even.indices == [0, 2, 4] and len(even) == 3 and even[-1].index == 4
    assert [sample.index for sample in even] == [0, 2, 4]
    assert grouped.filter(classes=["car", "roof"]).indices == list(range(5))
    assert grouped.filter(group="test", classes=["car"]).indices == [0, 2]
    assert even.filter(where=lambda sample: sample.index > 1).indices == [2, 4]
    assert grouped.filter(scene="scene").indices == list(range(5))
    assert grouped.filter(scene="nosuch").indices == []
    assert grouped.filter(bounds=grouped.train[1].bounds).indices.count(1) == 1
    assert grouped.filter(group="nosuch").indices == []
    with pytest.raises(vedatile.NotFoundError, match="lorry"):
        grouped.filter(classes=["lorry"])
    assert even.definition == {"classes": ["car"]}


def test_views(scene, grouped):
    view = grouped.filter(classes="car")
    grouped.save_view("cars", view)
    assert vedatile.Reader(grouped.path).views()["cars"]["group"] == "train"
    again = grouped.views["cars"]
    assert again.indices == view.indices and again.definition == {"classes": ["car"]}
    assert len(grouped.view("cars")) == 3
    for source in (view, "cars"):
        total = np.concatenate([x for x, _ in grouped.loader(view=source, batch_size=2)])
        assert np.array_equal(total, np.stack([s.image for s in view]))
    assert len(view.loader(batch_size=2)) == 2
    # The view was kept without keeping the lock.
    python("import sys, vedatile; vedatile.Store(sys.argv[1]).remove_view('cars')", grouped.path)
    grouped.refresh()
    assert grouped.views == {}
    for wrong in (lambda: grouped.view("cars"), lambda: grouped.remove_view("cars")):
        with pytest.raises(vedatile.NotFoundError, match="cars"):
            wrong()
    with pytest.raises(vedatile.ArgumentError):
        grouped.save_view("a/b", view)
    # Samples that wait for their commit are in reach of a view.
    grouped.feed([(window, "roof") for window in windows(scene, 3, seed=7)])
    grouped.save_view("last", vedatile.View(grouped, "train", [7, 7]))
    assert grouped.view("last")[1].y.tolist() == [0, 1]


def test_a_view_of_another_store(grouped, tmp_path, scene):
    other = fill(new_store(tmp_path / "other.h5"), scene, train=2)
    with pytest.raises(vedatile.ArgumentError, match="view"):
        grouped.loader(view=other.filter())


def test_take(grouped):
    batch = grouped.take([2, 0], group="test")
    assert np.array_equal(batch.images.numpy(), np.stack([s.image for s in grouped.test[[2, 0]]]))


# --- pictures ------------------------------------------------------------------------------------

def pixels_of(picture):
    """[rows, cols, 3] of a PNG without filters."""
    data = picture._repr_png_()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, body = 8, b""
    while at < len(data):
        size, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        if kind == b"IHDR":
            cols, rows = (int.from_bytes(data[i:i + 4], "big") for i in (at + 8, at + 12))
        if kind == b"IDAT":
            body += data[at + 8:at + 8 + size]
        assert int.from_bytes(data[at + 8 + size:at + 12 + size], "big") == zlib.crc32(
            data[at + 4:at + 8 + size])
        at += 12 + size
    lines = np.frombuffer(zlib.decompress(body), np.uint8).reshape(rows, 1 + 3 * cols)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(rows, cols, 3)


def test_show_draws_mask_and_boxes(path):
    image = np.zeros((1, 300, 280), np.float32)
    image[0, :, :140] = 1000
    image[0, 0, 0] = np.nan
    mask = np.zeros((300, 280), np.uint8)
    mask[200:, :] = 2
    store = vedatile.Store(path, mltype=["detection", "segmentation"], classes=["a", "b"])
    store.feed([(image, {"detection": [([10, 20, 60, 90], "a")], "segmentation": mask})])
    shown = pixels_of(store[0].show())
    assert shown.shape == (300, 280, 3)
    assert (shown[0, 0] == 0).all() and (shown[0, 1] == 255).all() and (shown[0, 200] == 0).all()
    red, green = [230, 25, 75], [60, 180, 75]
    outline = np.zeros((300, 280), bool)
    outline[20:90, 10:60] = True
    outline[21:89, 11:59] = False
    assert (shown[outline] == red).all()
    assert (shown[21:89, 11:59] == 255).all()
    assert (shown[200:, 140:] == np.array(green) // 2).all()
    store[0].show().save(path + ".png")
    assert open(path + ".png", "rb").read() == store[0].show()._repr_png_()
    assert "data:image/png;base64," in store[0]._repr_html_()


def test_show_enlarges_small_tiles_and_takes_bands(grouped):
    sample = grouped[0]
    shown = pixels_of(sample.show(bands=[2, 1, 0]))
    times = -(-256 // COLS)
    assert shown.shape == (ROWS * times, COLS * times, 3)
    assert np.array_equal(shown, np.repeat(np.repeat(shown[::times, ::times], times, 0), times, 1))
    # The stretch keeps the order of the values.
    values, levels = sample.image[2].ravel(), shown[::times, ::times, 0].ravel().astype(int)
    assert (np.diff(levels[np.argsort(values, kind="stable")]) >= 0).all()
    assert levels.min() == 0 and levels.max() == 255
    for wrong in ([0, 1], [0, 1, 3], [-1, 0, 1]):
        with pytest.raises(vedatile.ArgumentError):
            sample.show(bands=wrong)
