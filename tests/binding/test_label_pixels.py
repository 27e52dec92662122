"""Boundaries, contacts, distances and targets from feed and by hand to batches."""
import numpy as np
import pytest
import vedatile
from scenes import OLINDA, SECTORS, make_scene
from test_augment import applied_to, moved

TASKS = {"boundary": "boundary", "contact": "contact", "distance": "distance",
         "regression": "target"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("pixels") / "store.h5"
    vedatile.feed(path, OLINDA, SECTORS, task=["segmentation", *TASKS], tile=32, edge="pad",
                  match="all", boundary="outer", boundary_width=2, contact_spacing=4,
                  distance_limit=6, target_field="ID", mask_order="field:ID", mask_rule="center")
    return vedatile.Store(path)


def test_arrays_of_samples(store):
    seen = dict.fromkeys(TASKS.values(), False)
    for sample in store:
        label = sample.y
        for task, name in TASKS.items():
            array = getattr(sample, name)
            np.testing.assert_array_equal(label[task], array)
            assert array.shape == (32, 32)
            assert array.dtype == (np.uint8 if task in ("boundary", "contact") else np.float32)
            seen[name] |= bool((np.nan_to_num(array) != 0).any())
        np.testing.assert_array_equal(sample.boundary == 255, sample.mask == 255)
        np.testing.assert_array_equal(sample.contact == 255, sample.mask == 255)
        np.testing.assert_array_equal(np.isnan(sample.distance), sample.mask == 255)
        assert np.nanmax(np.abs(sample.distance)) <= 6
    assert all(seen.values())


BATCH = {"boundary": "boundaries", "contact": "contacts", "distance": "distances",
         "regression": "targets"}


@pytest.mark.parametrize("options, size", [
    ({}, (32, 32)), ({"crop": (20, 12), "random_crop": True, "augment": ["flip_cols"]}, (20, 12)),
    ({"crop": 24, "augment": ["flip_cols", "flip_rows", "rotate"]}, (24, 24))])
def test_batches_move_them_with_the_image(store, options, size):
    samples = list(store)
    loader = vedatile.loader(store, batch_size=5, shuffle=True, seed=3, **options)
    for batch in loader.batches():
        labels = batch.y
        for i, (index, applied) in enumerate(zip(np.asarray(batch.indices), applied_to(batch))):
            sample = samples[index]
            for task, name in TASKS.items():
                array = np.asarray(getattr(batch, BATCH[task]))
                np.testing.assert_array_equal(labels[task], array)
                np.testing.assert_array_equal(
                    array[i], moved(getattr(sample, name), applied, size))


def test_a_choice_of_labels(store):
    batch = vedatile.take(store, [3, 0], tasks=["distance"])
    np.testing.assert_array_equal(batch.y, [store[3].distance, store[0].distance])
    assert batch.masks is None and batch.boundaries is None and batch.targets is None


# --- by hand -------------------------------------------------------------------------------------

@pytest.fixture
def scene(tmp_path):
    make_scene(tmp_path / "scene.tif", shape=(3, 40, 40))
    return vedatile.Scene(tmp_path / "scene.tif")


EDGES = np.where(np.arange(96).reshape(8, 12) % 5 == 0, 255, np.arange(96).reshape(8, 12) % 2
                 ).astype(np.uint8)
NUMBERS = np.where(EDGES == 255, np.nan, np.arange(96).reshape(8, 12) / 7 - 3).astype(np.float32)


@pytest.mark.parametrize("task", TASKS)
def test_labels_by_hand_come_back(scene, tmp_path, task):
    store = vedatile.Store(tmp_path / "store.h5", mltype=task, classes=["roof"])
    label = EDGES if task in ("boundary", "contact") else NUMBERS
    store.feed([(scene.window(0, 0, 12, 8), label)])
    np.testing.assert_array_equal(store[0].y, label)
    np.testing.assert_array_equal(getattr(store[0], TASKS[task]), label)


@pytest.mark.parametrize("task, label, text", [
    ("boundary", np.full((8, 12), 2, np.uint8), "0, 1 or 255"),
    ("contact", np.full((8, 12), 254, np.uint8), "0, 1 or 255"),
    ("distance", np.full((8, 12), np.inf, np.float32), "infinite"),
    ("regression", np.full((8, 12), -np.inf, np.float32), "infinite"),
    ("regression", np.zeros((8, 12)), "float32"),
    ("distance", np.zeros((12, 8), np.float32), "8, 12"),
    ("boundary", "roof", "0, 1 and 255"),
])
def test_labels_that_cannot_be(scene, tmp_path, task, label, text):
    store = vedatile.Store(tmp_path / "store.h5", mltype=task, classes=["roof"])
    with pytest.raises(vedatile.ArgumentError, match=text):
        store.feed([(scene.window(0, 0, 12, 8), label)])


def test_a_mask_order_that_is_none(tmp_path):
    with pytest.raises(vedatile.ArgumentError, match="mask_order"):
        vedatile.feed(tmp_path / "store.h5", OLINDA, SECTORS, task="segmentation", mask_order="big")
