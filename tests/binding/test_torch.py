"""Tensors, and what PyTorch's DataLoader does with the datasets. Skipped without PyTorch."""
import pickle

import numpy as np
import pytest

import vedatile

torch = pytest.importorskip("torch")
pytest.importorskip("vedatile.torch")
DataLoader = torch.utils.data.DataLoader


def dataset(path, **options):
    return vedatile.torch.loader(path, **{"batch_size": 4, "seed": 3, "shuffle": True, **options})


def same(found, expected):
    """Tensors and arrays, nested alike."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[k], expected[k]) for k in expected)
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(same, found, expected))
    assert isinstance(found, torch.Tensor)
    return found.shape == expected.shape and np.array_equal(
        found.to(torch.float64).numpy(), np.asarray(expected).astype(np.float64))


@pytest.mark.parametrize("options", [{}, {"tasks": "detection", "boxes": "padded"},
                                     {"tasks": "segmentation", "dtype": "float32"},
                                     {"tasks": "instance", "axes": "hwc", "dtype": "float16"}])
def test_tensors_are_the_arrays(many, options):
    expected = vedatile.loader(many, batch_size=4, seed=3, shuffle=True, **options)
    count = 0
    for (x, y), (images, labels) in zip(dataset(many, **options), expected):
        assert same(x, images) and same(y, labels)
        assert x.dtype == getattr(torch, str(images.dtype))
        count += len(x)
    assert count == expected.samples


def test_no_copy(many):
    batch = vedatile.take(many, [1, 2, 3])
    for array in (batch.images, batch.masks, batch.boxes, batch.box_feature):
        tensor = vedatile.torch.tensor(array)
        assert tensor.data_ptr() == array.numpy().ctypes.data
        assert torch.from_dlpack(array).data_ptr() == tensor.data_ptr()
        assert torch.from_numpy(array.numpy()).data_ptr() == tensor.data_ptr()
    with pytest.raises(BufferError):
        batch.release()
    del tensor
    batch.release()


def test_tensors_keep_their_memory(many):
    kept = [(x, x.clone()) for _ in range(2) for x, _ in dataset(many, threads=1)]
    assert all(torch.equal(x, then) for x, then in kept)


def test_bfloat16(many):
    x, _ = next(iter(dataset(many, dtype=torch.bfloat16)))
    y, _ = next(iter(dataset(many, dtype=torch.float32)))
    assert x.dtype == torch.bfloat16 and torch.equal(x, y.to(torch.bfloat16))


def test_uint16(wide):
    (x, y), = vedatile.torch.loader(wide, batch_size=100)
    (images, masks), = vedatile.loader(wide, batch_size=100)
    assert x.dtype == torch.int32 and same(x, images) and same(y, masks)


def test_tensors_as_indices(many):
    assert vedatile.take(many, torch.tensor([4, 2])).indices.numpy().tolist() == [4, 2]
    assert vedatile.take(many, torch.arange(8)[::3].int()).indices.numpy().tolist() == [0, 3, 6]


# --- DataLoader ----------------------------------------------------------------------------------

def marks(loader):
    """The set of samples that a loader gives, by their pixels; and how many."""
    found = [image.numpy().tobytes() for x, _ in loader for image in x]
    return set(found), len(found)


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("order", ["shuffled", "sequential"])
def test_data_loader(many, arrays, workers, order):
    expected = {image.tobytes() for image in arrays(many)["images"]}
    data = dataset(many, shuffle=False, order=order, tasks="segmentation")
    loader = DataLoader(data, batch_size=None, num_workers=workers)
    found, count = marks(loader)
    assert found == expected and count == vedatile.Reader(many).groups["train"]
    assert len(loader) == len(data)


def test_ranks_and_workers(many, arrays):
    expected = {image.tobytes() for image in arrays(many)["images"]}
    together, total = set(), 0
    for rank in range(2):
        data = dataset(many, rank=rank, world=2, tail="short", tasks="segmentation")
        found, count = marks(DataLoader(data, batch_size=None, num_workers=2))
        together |= found
        total += count
    assert together == expected and total == vedatile.Reader(many).groups["train"]


def test_epochs_with_workers(many):
    data = dataset(many, tasks="segmentation")

    def first(loader):
        return next(iter(loader))[0].numpy().tobytes()

    loader = DataLoader(data, batch_size=None, num_workers=1)
    epochs = []
    for number in range(2):
        data.set_epoch(number)
        epochs.append(first(loader))
    assert epochs[0] != epochs[1]
    plain = dataset(many, tasks="segmentation")
    assert [first(plain), first(plain)] == epochs


def test_distributed(many, tmp_path):
    """Without rank and world those of torch.distributed count."""
    if not torch.distributed.is_available():
        pytest.skip("this PyTorch has no torch.distributed")
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0,
                                         world_size=1)
    try:
        data = dataset(many)
        assert len(data) == len(vedatile.loader(many, batch_size=4))
        torch.distributed.get_world_size = lambda: 2
        torch.distributed.get_rank = lambda: 1
        assert len(dataset(many)) == len(vedatile.loader(many, batch_size=4, rank=1, world=2))
    finally:
        for name in ("get_world_size", "get_rank"):
            setattr(torch.distributed, name, getattr(torch.distributed.distributed_c10d, name))
        torch.distributed.destroy_process_group()


def test_state(many):
    whole = [x.clone() for x, _ in dataset(many)]
    data = dataset(many)
    loop = iter(data)
    for _ in range(3):
        next(loop)
    state = data.state_dict()
    other = dataset(many)
    other.load_state_dict(state)
    for copy in (other, pickle.loads(pickle.dumps(data))):
        rest = [x for x, _ in copy]
        assert len(rest) == len(whole) - 3 and all(map(torch.equal, rest, whole[3:]))


def test_state_in_a_stateful_data_loader(many):
    stateful = pytest.importorskip("torchdata.stateful_dataloader")
    for workers in (0, 2):
        whole = [x.clone() for x, _ in DataLoader(dataset(many), batch_size=None,
                                                  num_workers=workers)]
        loader = stateful.StatefulDataLoader(dataset(many), batch_size=None, num_workers=workers)
        loop = iter(loader)
        for _ in range(5):
            next(loop)
        state = loader.state_dict()
        del loop, loader
        resumed = stateful.StatefulDataLoader(dataset(many), batch_size=None, num_workers=workers)
        resumed.load_state_dict(state)
        rest = [x for x, _ in resumed]
        assert len(rest) == len(whole) - 5 and all(map(torch.equal, rest, whole[5:]))


# --- single samples ------------------------------------------------------------------------------

def test_map_style(many, arrays):
    stored = arrays(many)
    data = vedatile.torch.Dataset(many, tasks="segmentation")
    assert len(data) == len(stored["images"])
    x, y = data[7]
    assert same(x, stored["images"][7]) and same(y, stored["labels/mask"][7])
    assert torch.equal(data[-1][0], data[len(data) - 1][0])
    with pytest.raises(IndexError):
        data[len(data)]
    for workers in (0, 2):
        at = 0
        for x, y in DataLoader(data, batch_size=5, num_workers=workers):
            assert same(x, stored["images"][at:at + 5])
            assert same(y, stored["labels/mask"][at:at + 5])
            at += len(x)
        assert at == len(data)


def test_map_style_of_indices_and_boxes(many, arrays):
    stored = arrays(many)
    wanted = [9, 3, 3]
    data = vedatile.torch.Dataset(many, indices=wanted)
    assert len(data) == 3
    for number, index in enumerate(wanted):
        x, y = data[number]
        rows = slice(*stored["labels/box_offsets"][index:index + 2].astype(int))
        assert same(x, stored["images"][index])
        assert same(y["detection"]["boxes"], stored["labels/boxes"][rows])
        assert same(y["classification"], stored["labels/onehot"][index])
    with pytest.raises(TypeError, match="shuffle"):
        vedatile.torch.Dataset(many, shuffle=True)
    with pytest.raises(vedatile.ArgumentError, match="need epochs"):
        vedatile.torch.Dataset(many, augment=["rotate"])


def test_jax(many):
    pytest.importorskip("jax")
    import vedatile.jax
    expected = vedatile.loader(many, batch_size=4, tasks="segmentation")
    for copy in (True, False):
        loader = vedatile.jax.loader(many, copy=copy, batch_size=4, tasks="segmentation")
        kept = []
        for (x, y), (images, masks) in zip(loader, expected):
            assert np.array_equal(x, images) and np.array_equal(y, masks)
            kept.append((x, images.copy()))
        assert all(np.array_equal(x, then) for x, then in kept)
        assert pickle.loads(pickle.dumps(loader)).state_dict() == loader.state_dict()
    x, _ = next(iter(vedatile.jax.loader(many, dtype="bfloat16")))
    assert str(x.dtype) == "bfloat16"
