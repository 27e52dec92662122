"""The session of the design, line by line."""
import numpy as np
import pytest
import server
import vedatile
from scenes import make_scene


@pytest.fixture
def folder(tmp_path, monkeypatch):
    make_scene(tmp_path / "a.tif", shape=(3, 700, 600))
    monkeypatch.chdir(tmp_path)


def test_session(folder):
    store = vedatile.Store("scenes.h5", mltype="classification", tile_size=[256, 256],
                           classes=["car"])
    for window in vedatile.Scene("a.tif").iterwindows(count=100, window_shape=(256, 256), seed=1):
        store.feed([(window, [1])])
    assert store.count == {"train": 100}

    sample = store[0:5][0]
    assert sample.image.shape == (3, 256, 256) and sample.image.dtype == np.uint8
    assert sample.y.tolist() == [1]
    assert sample.data["classes"] == ["car"] and sample.data["window"] == sample.window

    batch = store.batch(32)
    assert len(batch.train) == 32
    seen = 0
    for x, y in batch.train[:5]:
        assert x.shape == (3, 256, 256) and y.tolist() == [1]
        seen += 1
    assert seen == 5

    sizes = [(x.shape, y.shape)
             for x, y in store.loader(group="train", batch_size=32, shuffle=True, seed=1)]
    assert sizes == 3 * [((32, 3, 256, 256), (32, 1))] + [((4, 3, 256, 256), (4, 1))]


def test_session_with_a_catalog(folder, tmp_path, monkeypatch):
    with server.Server(tmp_path / "root") as catalog:
        catalog.add_user("ada")
        monkeypatch.setenv("VEDATILE_URL", catalog.url)
        monkeypatch.setenv("VEDATILE_TOKEN", catalog.tokens["ada"])
        store = vedatile.Store("scenes.h5", mltype="classification", tile_size=[256, 256],
                               classes=["car"])
        for window in vedatile.Scene("a.tif").iterwindows(count=5, window_shape=(256, 256), seed=1):
            store.feed([(window, [1])])
        store.save()
        store.publish()
        (found,) = vedatile.search()
        assert found["data"]["public"] and found["data"]["count"] == {"train": 5}
        by_id = vedatile.Store.from_id(found.id, "by-id.h5")
        by_doc = vedatile.Store.from_doc(found, "by-doc.h5")
        for other in (by_id, by_doc):
            assert all(np.array_equal(a.image, b.image) for a, b in zip(other, store))


def test_session_over_another_hdf5_file(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File("other.h5", "w") as file:
        file["images"] = np.arange(100 * 3 * 8 * 8, dtype=np.uint16).reshape(100, 3, 8, 8)
        file["labels"] = np.arange(100, dtype=np.int64)
    found = []
    for x, y in vedatile.open_hdf5("other.h5", images="/images", labels="/labels").loader(
            batch_size=32):
        assert np.array_equal(x[:, 0, 0, 0], y * 192)
        found += y.tolist()
    assert found == list(range(100))
