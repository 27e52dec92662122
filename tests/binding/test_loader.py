"""The Python loader: what its options do, epochs, state, and what it refuses."""
import json
import os
import pickle
import shutil
import warnings

import numpy as np
import pytest

import vedatile


def epoch(loader):
    """(images, indices) of a whole epoch."""
    parts = [(b.images.numpy().copy(), b.indices.numpy().copy()) for b in loader.batches()]
    return np.concatenate([x for x, _ in parts]), np.concatenate([i for _, i in parts])


# --- x and y -------------------------------------------------------------------------------------

def test_pairs_in_store_order(many, arrays):
    stored = arrays(many)
    offsets = stored["labels/box_offsets"].astype(int)
    loader = vedatile.loader(many, batch_size=16)
    at = 0
    for x, y in loader:
        rows = slice(at, at + len(x))
        assert isinstance(x, np.ndarray) and np.array_equal(x, stored["images"][rows])
        assert set(y) == {"classification", "detection", "segmentation", "instance"}
        assert np.array_equal(y["classification"], stored["labels/onehot"][rows])
        assert np.array_equal(y["segmentation"], stored["labels/mask"][rows])
        assert np.array_equal(y["instance"], stored["labels/instances"][rows])
        for i, found in enumerate(y["detection"], at):
            mine = slice(offsets[i], offsets[i + 1])
            assert np.array_equal(found["boxes"], stored["labels/boxes"][mine])
            assert found["boxes"].shape == (mine.stop - mine.start, 4)
            assert np.array_equal(found["labels"], stored["labels/box_class"][mine])
            assert found["labels"].dtype == np.int64
        at += len(x)
    assert at == len(stored["images"]) == loader.samples
    assert len(loader) == -(-at // 16)


@pytest.mark.parametrize("task, name", [("classification", "onehot"), ("segmentation", "mask")])
def test_one_kind_of_label(many, arrays, task, name):
    for tasks in (task, [task]):
        x, y = next(iter(vedatile.loader(many, tasks=tasks, batch_size=5)))
        assert np.array_equal(y, arrays(many)[f"labels/{name}"][:5])


def test_boxes(many, arrays):
    stored = arrays(many)
    counts = np.diff(stored["labels/box_offsets"].astype(int))
    _, y = next(iter(vedatile.loader(many, tasks="detection", batch_size=5)))
    assert [len(found["boxes"]) for found in y] == counts[:5].tolist()
    for pad, room in (("padded", counts.max()), (counts.max() + 3, counts.max() + 3)):
        boxes, ids, found = next(iter(vedatile.loader(many, tasks=["detection"], boxes=int(pad)
                                                      if not isinstance(pad, str) else pad,
                                                      batch_size=5)))[1]
        assert boxes.shape == (5, room, 4) and ids.shape == (5, room)
        assert np.array_equal(found, counts[:5]) and ids.dtype == np.int64
        for i, count in enumerate(counts[:5]):
            first = int(stored["labels/box_offsets"][i])
            assert np.array_equal(boxes[i, :count], stored["labels/boxes"][first:first + count])
            assert np.array_equal(ids[i, :count], stored["labels/box_class"][first:first + count])
            assert (boxes[i, count:] == 0).all() and (ids[i, count:] == -1).all()
    instance = next(iter(vedatile.loader(many, tasks="instance", batch_size=5)))[1]
    assert set(instance) == {"detection", "instance"}


def test_a_store_without_labels(tmp_path, arrays):
    import big
    from conftest import run_vedatile
    scene = big.make_scene(tmp_path / "scene.tif", 128, 128)
    run_vedatile("feed", tmp_path / "plain.h5", "--image", scene, "--tile", 32)
    x, y = next(iter(vedatile.loader(tmp_path / "plain.h5")))
    assert x.shape == (16, 1, 32, 32) and y is None


# Room for 4 MiB of images is written to in another way, unless it is verified.
@pytest.mark.parametrize("options", [{"batch_size": 100}, {"batch_size": 200, "verify": "never"}])
def test_uint16_and_compressed(wide, arrays, options):
    stored = arrays(wide)
    for x, y in vedatile.loader(wide, **options):
        assert x.dtype == np.uint16 and np.array_equal(x, stored["images"])
        assert np.array_equal(y, stored["labels/mask"])


@pytest.mark.parametrize("verify", ["first", "never"])
def test_a_map_serves_the_same(many, wide, verify):
    for path in (many, wide):
        read, mapped = (vedatile.loader([path, (path, "train", [3, 1])], batch_size=7, shuffle=True,
                                        map=way, verify=verify, crop=16, random_crop=True)
                        for way in (False, True))
        with open("/proc/self/maps", encoding="utf-8") as maps:
            assert str(path) in maps.read()
        for _ in range(2):
            for a, b in zip(read.batches(), mapped.batches(), strict=True):
                assert np.array_equal(a.images, b.images) and np.array_equal(a.indices, b.indices)
    with pytest.raises(TypeError, match="map"):
        vedatile.take(many, [1], map=True)


def test_a_map_outlives_its_file(tmp_path, many, arrays):
    stored = arrays(many)["images"]
    path = shutil.copy(many, tmp_path / "gone.h5")
    loader = vedatile.loader(path, batch_size=5, map=True)
    os.remove(path)
    assert np.array_equal(np.concatenate([np.array(x) for x, _ in loader]), stored)


# --- which samples -------------------------------------------------------------------------------

def test_group_and_indices(many, arrays):
    x, _ = epoch(vedatile.loader(many, group="test"))
    assert np.array_equal(x, arrays(many, "test")["images"])
    wanted = [5, 1, 1, 30]
    x, found = epoch(vedatile.loader(many, indices=wanted))
    assert found.tolist() == wanted and np.array_equal(x, arrays(many)["images"][wanted])
    with pytest.raises(vedatile.NotFoundError, match="nosuch"):
        vedatile.loader(many, group="nosuch")
    with pytest.raises(vedatile.Error):
        vedatile.loader(many, indices=[10**6])


def test_several_sources(many, arrays):
    reader = vedatile.Reader(many)
    loader = vedatile.loader([reader, (many, "test"), (reader, "train", [3, 2])], batch_size=200)
    (batch,) = loader.batches()
    stored, test = arrays(many)["images"], arrays(many, "test")["images"]
    expected = np.concatenate([stored, test, stored[[3, 2]]])
    assert np.array_equal(batch.images, expected)
    assert np.bincount(np.asarray(batch.inputs)).tolist() == [len(stored), len(test), 2]
    with pytest.raises(vedatile.ArgumentError, match="which store"):
        vedatile.loader([many, many], indices=[1])
    with pytest.raises(vedatile.Error):
        vedatile.loader([])
    with pytest.raises(TypeError, match="a store"):
        vedatile.loader(7)


def test_sources_must_be_alike(many, wide):
    with pytest.raises(vedatile.ArgumentError):
        vedatile.loader([many, wide])


def test_view(tmp_path, many):
    import shutil
    path = tmp_path / "views.h5"
    shutil.copy(many, path)
    store = vedatile.Store(path)
    store.save_view("some", store.filter(min_boxes=3))
    store.close()
    wanted = np.asarray(vedatile.Reader(path).select("train", min_boxes=3))
    assert 0 < len(wanted) < vedatile.Reader(path).groups["train"]
    _, found = epoch(vedatile.loader(path, view="some"))
    assert np.array_equal(found, wanted)
    with pytest.raises(vedatile.NotFoundError, match="there is: some"):
        vedatile.loader(path, view="other")
    with pytest.raises(vedatile.ArgumentError, match="view"):
        vedatile.loader(path, view="some", indices=[1])


# --- what is done to them ------------------------------------------------------------------------

def test_bands_crop_axes(many, arrays):
    stored = arrays(many)["images"]
    x, _ = epoch(vedatile.loader(many, bands=[2, 0], axes="hwc"))
    assert np.array_equal(x, stored[:, [2, 0]].transpose(0, 2, 3, 1))
    for crop, rows, cols in ((16, 16, 16), ((8, 20), 8, 20)):
        x, _ = epoch(vedatile.loader(many, crop=crop))
        top, left = (32 - rows) // 2, (32 - cols) // 2
        assert np.array_equal(x, stored[:, :, top:top + rows, left:left + cols])


def test_numbers(many, arrays):
    stored = arrays(many)["images"].astype(np.float32)
    x, _ = epoch(vedatile.loader(many, scale=1 / 255))
    assert x.dtype == np.float32 and np.allclose(x, stored / 255, rtol=1e-6)
    mean, std = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
    x, _ = epoch(vedatile.loader(many, mean=mean, std=np.array(std), dtype=np.float64))
    shape = (3, 1, 1)
    expected = (stored.astype(np.float64) - np.reshape(mean, shape)) / np.reshape(std, shape)
    assert x.dtype == np.float64 and np.allclose(x, expected, rtol=1e-6)
    x, _ = epoch(vedatile.loader(many, mean=10, std=2))
    assert np.allclose(x, (stored - 10) / 2)


@pytest.mark.parametrize("options", [{}, {"bands": [2, 1]}, {"scale": 1 / 255},
                                     {"axes": "hwc", "dtype": "float64"}])
def test_normalize(many, options):
    x, _ = epoch(vedatile.loader(many, normalize=True, **options))
    over = (0, 1, 2) if "axes" in options else (0, 2, 3)
    assert np.allclose(x.mean(over, dtype=np.float64), 0, atol=1e-4)
    assert np.allclose(x.std(over, dtype=np.float64), 1, atol=1e-4)
    assert x.dtype == options.get("dtype", "float32")


def test_normalize_over_several(many):
    x, _ = epoch(vedatile.loader([many, (many, "test")], normalize=True))
    assert np.allclose(x.mean((0, 2, 3), dtype=np.float64), 0, atol=1e-4)
    assert np.allclose(x.std((0, 2, 3), dtype=np.float64), 1, atol=1e-4)


def test_applied_says_what_was_done(many, arrays):
    stored = arrays(many)
    loader = vedatile.loader(many, augment=["flip_cols", "flip_rows", "rotate"], crop=16,
                             random_crop=True, seed=3, shuffle=True)
    seen = set()
    for batch in loader.batches():
        images, masks = np.asarray(batch.images), np.asarray(batch.masks)
        for i, index in enumerate(np.asarray(batch.indices).tolist()):
            row, col, flip_cols, flip_rows, turns, _ = np.asarray(batch.applied)[i].tolist()
            for found, whole in ((images[i], stored["images"][index]),
                                 (masks[i], stored["labels/mask"][index])):
                part = whole[..., row:row + 16, col:col + 16]
                part = part[..., ::-1] if flip_cols else part
                part = part[..., ::-1, :] if flip_rows else part
                assert np.array_equal(found, np.rot90(part, turns, axes=(-2, -1)))
            seen.add((flip_cols, flip_rows, turns))
    assert len(seen) == 16


# --- epochs --------------------------------------------------------------------------------------

def test_each_loop_is_an_epoch(many):
    loader = vedatile.loader(many, shuffle=True, seed=5, batch_size=8)
    orders = []
    for number in range(3):
        assert loader.state_dict()["epoch"] == number
        orders.append(epoch(loader)[1])
    assert len({tuple(order) for order in orders}) == 3
    again = vedatile.loader(many, shuffle=True, seed=5, batch_size=8, epoch=2)
    assert np.array_equal(epoch(again)[1], orders[2])
    assert {tuple(sorted(order)) for order in orders} == {tuple(range(loader.samples))}


def test_a_break_ends_the_epoch(many):
    loader = vedatile.loader(many, shuffle=True, seed=5, batch_size=8)
    whole = [epoch(loader)[1] for _ in range(3)]
    loader = vedatile.loader(many, shuffle=True, seed=5, batch_size=8)
    for _ in loader:
        break
    assert np.array_equal(epoch(loader)[1], whole[1])
    for _ in loader:
        raise_later = loader.state_dict()
        break
    assert raise_later == {"seed": 5, "epoch": 2, "position": 8, "samples": loader.samples}


def test_two_loops_at_once(many):
    loader = vedatile.loader(many, batch_size=8)
    first = iter(loader)
    next(first)
    second = iter(loader)
    next(second)
    with pytest.raises(RuntimeError, match="another loop"):
        next(first)
    assert sum(len(x) for x, _ in second) + 8 == loader.samples


def test_drop_pad_short(many):
    count = vedatile.Reader(many).groups["train"]
    assert count % 9 != 0
    sizes = {}
    for options in ({}, {"tail": "short"}, {"tail": "drop"}, {"drop_last": True}, {"tail": "pad"}):
        loader = vedatile.loader(many, batch_size=9, **options)
        sizes[str(options)] = [len(x) for x, _ in loader]
        assert len(sizes[str(options)]) == len(loader)
    short, again, drop, drop_too, pad = sizes.values()
    assert short == again == [9] * (count // 9) + [count % 9]
    assert drop == drop_too == [9] * (count // 9)
    assert pad == [9] * (count // 9 + 1)


# --- state ---------------------------------------------------------------------------------------

def test_state_goes_through_json(many):
    whole = epoch(vedatile.loader(many, shuffle=True, seed=9, batch_size=4))[1]
    loader = vedatile.loader(many, shuffle=True, seed=9, batch_size=4)
    batches = loader.batches()
    for _ in range(3):
        next(batches)
    state = json.loads(json.dumps(loader.state_dict()))
    assert state == {"seed": 9, "epoch": 0, "position": 12, "samples": loader.samples}
    resumed = vedatile.loader(many, shuffle=True, batch_size=7, threads=1, resume=state)
    assert np.array_equal(epoch(resumed)[1], whole[12:])
    other = vedatile.loader(many, shuffle=True, batch_size=4)
    next(iter(other))
    other.load_state_dict(state)
    assert other.state_dict() == state and np.array_equal(epoch(other)[1], whole[12:])


def test_state_after_an_epoch_is_the_next_one(many):
    loader = vedatile.loader(many, shuffle=True, seed=9, batch_size=4)
    epoch(loader)
    state = loader.state_dict()
    assert (state["epoch"], state["position"]) == (1, 0)
    resumed = vedatile.loader(many, shuffle=True, seed=9, batch_size=4, resume=state)
    assert np.array_equal(epoch(resumed)[1], epoch(loader)[1])


def test_state_of_other_samples_is_refused(many):
    state = vedatile.loader(many).state_dict()
    with pytest.raises(vedatile.ArgumentError):
        vedatile.loader(many, group="test", resume=state)
    for resume in ({"position": -1}, {**state, "position": 10**9}):
        with pytest.raises(vedatile.Error):
            vedatile.loader(many, resume=resume)
    with pytest.raises(TypeError):
        vedatile.loader(many, resume={"place": 1})
    with pytest.raises(TypeError):
        vedatile.loader(many, resume=7)


def test_pickle(many):
    for source in (many, vedatile.Reader(many), vedatile.Store(many), [many, (many, "test")],
                   (str(many), "test")):
        loader = vedatile.loader(source, shuffle=True, seed=1, batch_size=4, tasks="segmentation")
        batches = loader.batches()
        next(batches), next(batches)
        copy = pickle.loads(pickle.dumps(loader))
        assert copy.state_dict() == loader.state_dict()
        rest = np.concatenate([batch.indices.numpy() for batch in batches])
        assert np.array_equal(epoch(copy)[1], rest)
    assert pickle.loads(pickle.dumps(vedatile.Reader(many))).uuid == vedatile.Reader(many).uuid


# --- what it says and refuses --------------------------------------------------------------------

def test_repr_and_spec(many):
    loader = vedatile.loader(many, batch_size=8, shuffle=True, axes="hwc", dtype="float16", crop=16)
    for part in ("many.h5", "of 8", "float16 [16, 16, 3]", "shuffled", "epoch 0"):
        assert part in repr(loader)
    assert loader.spec == {
        "bands": 3, "rows": 16, "cols": 16, "dtype": "float16", "axes": "hwc", "classes": 3,
        "mask_size": 1, "instances": True, "boxes": True, "box_pad": 0}
    assert loader.memory >= 8 * 16 * 16 * 3 * 2 and loader.skipped == 0


def test_close(many):
    with vedatile.loader(many, batch_size=8) as loader:
        x, _ = next(iter(loader))
        then = x.copy()
    assert np.array_equal(x, then)
    loader.close()
    assert "closed" in repr(loader)
    for use in (lambda: next(iter(loader)), loader.state_dict, lambda: len(loader)):
        with pytest.raises(vedatile.ArgumentError, match="closed"):
            use()


@pytest.mark.parametrize("options, says", [
    ({"batch_size": 0}, "batch_size"), ({"batch_size": -1}, "batch_size"),
    ({"batch_size": 2**40}, "batch_size"), ({"order": "random"}, "sequential, shuffled"),
    ({"shuffle": True, "order": "sequential"}, "contradict"), ({"tail": "cut"}, "short, drop, pad"),
    ({"drop_last": True, "tail": "pad"}, "contradict"), ({"tasks": ["boxes"]}, "classification"),
    ({"boxes": "all"}, "padded"), ({"boxes": 0}, "boxes"), ({"bands": [3]}, "band"),
    ({"bands": [-1]}, "bands"), ({"crop": 33}, "crop"), ({"crop": (1, 2, 3)}, "rows, cols"),
    ({"augment": ["mirror"]}, "flip_cols, flip_rows, rotate"), ({"dtype": "complex64"}, "uint8"),
    ({"axes": "whc"}, "chw, hwc"), ({"mean": [1, 2]}, "2 numbers for 3"), ({"std": 0}, "std"),
    ({"normalize": True, "mean": 1}, "contradict"), ({"verify": "yes"}, "always"),
    ({"on_damage": "ignore"}, "fail, skip"), ({"device": "gpu"}, "cuda"),
    ({"device": "cuda:x"}, "cuda"), ({"rank": 2, "world": 2}, "rank"), ({"seed": -1}, "seed"),
    ({"order": "weighted", "weights": [1.0]}, "weights"),
    ({"order": "weighted", "weights": ["a"]}, "str"), ({"threads": "two"}, "threads"),
    ({"batchsize": 3}, "there is no option 'batchsize'"),
])
def test_refused(many, options, says):
    with pytest.raises((vedatile.ArgumentError, TypeError), match=says):
        vedatile.loader(many, **options)


def test_no_cuda_is_said(many):
    try:
        vedatile.loader(many, device="cuda").close()
    except vedatile.NotFoundError as error:
        assert "CUDA" in str(error) or "cuda" in str(error)
    else:
        pytest.skip("there is a CUDA device")


def test_take(many, arrays):
    stored = arrays(many, "test")
    batch = vedatile.take(many, [4, 0, 4], group="test", tasks="segmentation", dtype="float32")
    assert np.array_equal(batch.x, stored["images"][[4, 0, 4]]) and batch.x.dtype == np.float32
    assert np.array_equal(batch.y, stored["labels/mask"][[4, 0, 4]])
    assert len(batch) == batch.size == 3 and batch.position == 0 and batch.skipped == 0
    none = vedatile.take(many, [])
    assert none.x.shape == (0, 3, 32, 32) and none.y["segmentation"].shape == (0, 32, 32)
    with pytest.raises(TypeError, match="shuffle"):
        vedatile.take(many, [1], shuffle=True)
    with pytest.raises(vedatile.NotFoundError):
        vedatile.take(many, [1], group="nosuch")


def test_no_warnings(many):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in vedatile.loader(many, on_damage="skip"):
            pass
