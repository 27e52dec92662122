"""Crops, flips, turns, bands, types and layouts: each what NumPy makes of the sample as it is
stored, said with what the batch says was applied; labels move with their pixels."""
import big
import numpy as np
import pytest
from conftest import run_vedatile

import vedatile

TILE = 32
ALL = ("flip_cols", "flip_rows", "rotate")
WAYS = [(), ("flip_cols",), ("flip_rows",), ("rotate",), ALL]


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """A store of 64 samples of whole-pixel squares, none of which covers another."""
    folder = tmp_path_factory.mktemp("squares")
    scene = big.make_scene(folder / "scene.tif", 8 * TILE, 8 * TILE, bands=3)
    chance = np.random.default_rng(4)
    features = []
    for row in range(0, 8 * TILE, 8):
        for col in range(0, 8 * TILE, 8):
            side, right, down = (int(v) for v in chance.integers((2, 0, 0), (6, 3, 3)))
            ring = big.square(big.ORIGIN[0] + col + right, big.ORIGIN[1] - row - down, side)
            if chance.random() < 0.6:
                features.append(big.polygon(ring, kind="abc"[int(chance.integers(3))]))
    labels = big.write_labels(folder / "labels.geojson", features)
    run_vedatile("feed", folder / "squares.h5", "--image", scene, "--labels", labels,
                 *big.ALL_TASKS, "--class-field", "kind", "--tile", TILE, "--match", "all")
    return vedatile.Store(folder / "squares.h5")


def applied_to(batch):
    """(row, col, flip_cols, flip_rows, turns) of each sample."""
    return [tuple(int(value) for value in one)[:5] for one in np.asarray(batch.applied)]


def moved(array, applied, size):
    """The last two axes, as struct vdt_applied has it."""
    row, col, flip_cols, flip_rows, turns = applied
    array = array[..., row:row + size[0], col:col + size[1]]
    if flip_cols:
        array = array[..., ::-1]
    if flip_rows:
        array = array[..., ::-1, :]
    return np.rot90(array, turns, axes=(-2, -1))


def boxes_of(batch, i):
    """(boxes, classes, visible shares) of a sample."""
    rows = slice(*np.asarray(batch.box_offsets)[i:i + 2].tolist())
    return [np.asarray(part)[rows] for part in (batch.boxes, batch.box_class, batch.box_visible)]


def extent(pixels):
    """The box of what is set in a mask."""
    rows, cols = np.nonzero(pixels)
    return [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]


def check_labels(batch, i, stored, applied, size):
    """Masks are moved, and objects are those that are left, numbered anew in their order."""
    assert np.array_equal(np.asarray(batch.masks)[i], moved(np.asarray(stored.masks)[0], applied,
                                                            size))
    instances = np.asarray(batch.instances)[i]
    before = np.asarray(stored.instances)[0]
    expected = moved(before, applied, size)
    left = np.unique(expected[expected > 0])
    assert np.array_equal(instances, np.searchsorted(left, expected) * (expected > 0) +
                          (expected > 0))
    boxes, classes, visible = boxes_of(batch, i)
    _, stored_classes, stored_visible = boxes_of(stored, 0)
    assert len(boxes) == len(left)
    for k, number in enumerate(left):
        assert boxes[k].tolist() == extent(instances == k + 1)
        assert classes[k] == stored_classes[number - 1]
        share = (expected == number).sum() / (before == number).sum()
        assert visible[k] == pytest.approx(stored_visible[number - 1] * share)


@pytest.mark.parametrize("augment", WAYS)
@pytest.mark.parametrize("crop, random_crop", [
    (None, False), ((20, 20), False), ((11, 11), True), ((32, 32), True), ((1, 1), True)])
def test_images_and_labels_move_together(squares, crop, random_crop, augment):
    size = crop or (TILE, TILE)
    seen = set()
    for batch in squares.loader(group="train", batch_size=7, crop=crop, random_crop=random_crop,
                                augment=augment, shuffle=True, seed=1).batches():
        for i, applied in enumerate(applied_to(batch)):
            stored = squares.take([int(np.asarray(batch.indices)[i])])
            assert np.array_equal(np.asarray(batch.images)[i],
                                  moved(np.asarray(stored.images)[0], applied, size))
            check_labels(batch, i, stored, applied, size)
            seen.add(applied)
    if not random_crop:
        assert {one[:2] for one in seen} == {((TILE - size[0]) // 2, (TILE - size[1]) // 2)}
    assert {one[2] for one in seen} == ({0, 1} if "flip_cols" in augment else {0})
    assert {one[3] for one in seen} == ({0, 1} if "flip_rows" in augment else {0})
    assert {one[4] for one in seen} == ({0, 1, 2, 3} if "rotate" in augment else {0})


def test_crops_that_are_not_square(squares):
    size = (9, 25)
    seen = set()
    for batch in squares.loader(batch_size=64, crop=size, random_crop=True,
                                augment=ALL[:2], seed=5).batches():
        for i, applied in enumerate(applied_to(batch)):
            stored = squares.take([int(np.asarray(batch.indices)[i])])
            assert np.array_equal(np.asarray(batch.images)[i],
                                  moved(np.asarray(stored.images)[0], applied, size))
            check_labels(batch, i, stored, applied, size)
            seen.add(applied[:2])
    rows, cols = zip(*seen)
    assert max(rows) > min(rows) and max(rows) <= TILE - 9
    assert max(cols) > min(cols) and max(cols) <= TILE - 25


@pytest.mark.parametrize("axes", ["chw", "hwc"])
@pytest.mark.parametrize("dtype, rounding", [
    ("float32", 1e-6), ("float64", 1e-12), ("float16", 1e-3)])
def test_normalised_bands_in_any_layout(squares, axes, dtype, rounding):
    bands, scale = [2, 0], 1 / 255
    mean, std = [0.4, 0.1], [0.2, 3]
    for batch in squares.loader(batch_size=16, crop=(15, 15), random_crop=True, augment=ALL,
                                dtype=dtype, axes=axes, bands=bands, scale=scale, mean=mean,
                                std=std, seed=1).batches():
        images = np.asarray(batch.images)
        assert images.dtype == dtype
        assert images.shape[1:] == ((2, 15, 15) if axes == "chw" else (15, 15, 2))
        images = images if axes == "chw" else np.moveaxis(images, 3, 1)
        stored = np.asarray(squares.take(np.asarray(batch.indices).tolist()).images)
        for image, one, applied in zip(images, stored, applied_to(batch)):
            expected = moved(one[bands].astype(float), applied, (15, 15)) * scale
            expected = (expected - np.reshape(mean, (2, 1, 1))) / np.reshape(std, (2, 1, 1))
            assert np.allclose(image, expected, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint64", "int8", "float32"])
def test_types_without_scale(many, dtype):
    with vedatile.Store(many) as store:
        stored = np.asarray(store.take(list(range(10))).images)
        images = np.asarray(store.take(list(range(10)), dtype=dtype).images)
    limit = stored.clip(None, 127) if dtype == "int8" else stored
    assert images.dtype == dtype and np.array_equal(images, limit.astype(dtype))


def test_halves_are_numpys(wide):
    store = vedatile.Store(wide)
    stored = np.asarray(store.take([0, 1, 2]).images)
    halves = np.asarray(store.take([0, 1, 2], dtype="float16").images)
    assert np.array_equal(halves, stored.astype(np.float16))


def test_choices_are_those_of_seed_and_epoch(squares):
    def choices(seed, epoch, threads=1, batch_size=8):
        loader = squares.loader(batch_size=batch_size, crop=(9, 9), random_crop=True, augment=ALL,
                                seed=seed, epoch=epoch, threads=threads)
        return [one for batch in loader.batches() for one in applied_to(batch)]

    first = choices(1, 0)
    assert choices(1, 0, threads=2, batch_size=5) == first
    for other in (choices(2, 0), choices(1, 1)):
        assert sum(a == b for a, b in zip(first, other)) < 4


@pytest.mark.parametrize("options, says", [
    ({"crop": (33, 32)}, "larger than the tiles of 32 x 32"),
    ({"crop": (8, 9), "augment": ["rotate"]}, "turns need square images"),
    ({"bands": [3]}, "numbered from 0 to 2"),
    ({"dtype": "uint8", "scale": 0.5}, "ask for a float type"),
    ({"std": [1, 0, 1]}, "std: 0 for band 1"),
])
def test_what_cannot_be_is_refused(squares, options, says):
    with pytest.raises(vedatile.Error, match=says):
        squares.loader(**options)
