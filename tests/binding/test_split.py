"""Store.split, vedatile.split and vedatile.leakage."""
import numpy
import pytest
import vedatile


@pytest.fixture
def store(tmp_path):
    store = vedatile.Store(tmp_path / "a.h5", mltype="classification", tile_size=8,
                           classes=["car", "tree"])
    random = numpy.random.default_rng(1)
    store.feed([(random.integers(0, 9, (1, 8, 8)).astype("uint8"), [i % 5 == 0, i % 2])
                for i in range(60)])
    return store


def test_split(store, tmp_path):
    calls = []
    report = store.split(tmp_path / "b.h5", {"train": 0.75, "test": 0.25}, split_by="random",
                         stratify=True, verify=True, progress=lambda *of: calls.append(of))
    assert calls[-1] == (60, 60)
    assert report.written == report.samples == 60 and report.straddling == 0
    other = vedatile.Store(tmp_path / "b.h5")
    assert other.count == report.groups == {"train": 45, "test": 15}
    for group, share in (("train", 0.75), ("test", 0.25)):
        shown = sum(sample.y for sample in other.group(group))
        assert list(shown / [12, 30]) == pytest.approx([share, share], abs=0.05)
    images = {sample.key: sample.image.tobytes() for sample in store}
    assert {sample.key: sample.image.tobytes() for sample in other} == images
    with pytest.raises(vedatile.ExistsError, match="b.h5"):
        store.split(tmp_path / "b.h5", {"train": 1})


def test_folds(store):
    report = store.split(folds=3, split_by="random", stratify=True)
    assert [fold["test"] for fold in report.folds] == pytest.approx([20, 20, 20], abs=2)
    assert set(store.views) == {f"fold_{k}_{part}" for k in (1, 2, 3) for part in ("train", "test")}
    tests = numpy.concatenate([list(store.view(f"fold_{k}_test").indices) for k in (1, 2, 3)])
    assert sorted(tests) == list(range(60))
    for k in (1, 2, 3):
        batches = [len(x) for x, y in store.loader(view=f"fold_{k}_train", batch_size=10)]
        assert sum(batches) == 60 - report.folds[k - 1]["test"]
    assert vedatile.leakage(store, folds=True).leaks == []
    assert vedatile.leakage(store, views=["fold_1_test", "fold_1_train"]).samples == 60


def test_leakage(store, tmp_path):
    store.split(tmp_path / "b.h5", {"other": 1}, split_by="random")
    report = vedatile.leakage([store, tmp_path / "b.h5"])
    assert len(report.leaks) == 60 == report.samples / 2 == report.unplaced / 2
    assert vedatile.leakage(tmp_path / "b.h5").leaks == []
    leak = report.leaks[0]
    assert leak["pixels"] == 64
    assert [sample["group"] for sample in leak["samples"]] == ["train", "other"]
    assert leak["samples"][0]["key"] == leak["samples"][1]["key"]


def test_refused(store, tmp_path):
    for options, error, says in (
            (dict(), vedatile.ArgumentError, "nothing to do"),
            (dict(output=tmp_path / "b.h5", split={"a": 0}), vedatile.ArgumentError, "above 0"),
            (dict(output=tmp_path / "b.h5", split=["a"]), TypeError, "a dict"),
            (dict(folds=3, split_by="cheese"), vedatile.ArgumentError, "cheese"),
            (dict(folds=3, group="no"), vedatile.NotFoundError, "no group"),
            (dict(folds=1), vedatile.ArgumentError, "2 to 64")):
        with pytest.raises(error, match=says):
            store.split(**options)

    def stop(done, total):
        raise KeyError("enough")

    with pytest.raises(KeyError):
        store.split(tmp_path / "b.h5", {"train": 1}, split_by="random", progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5"]
