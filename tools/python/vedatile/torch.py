"""Batches as PyTorch tensors, with PyTorch 1.13 and later.

    loader = vedatile.torch.loader("store.h5", batch_size=32, shuffle=True, dtype="float32")
    for x, y in loader:
        ...

Threads inside the process prepare the batches, so a DataLoader and its workers are not needed, and
cost copies between processes. Where a program wants one, give it an IterableDataset with
batch_size=None and num_workers=0.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy
import torch
import torch.distributed
import torch.utils.data

from . import _vedatile

from . import arrays
from .loader import _TAKE_OPTIONS, Loader, _core_options, _input

__all__ = ["Dataset", "IterableDataset", "loader", "tensor"]

# Types that PyTorch lacks or can hardly compute with, and what holds their values.
_WIDER = {"uint16": "int32", "uint32": "int64", "uint64": "int64"}


def tensor(array: Any) -> torch.Tensor:
    """A tensor over the memory of an Array or a NumPy array, which it keeps. uint16 becomes int32,
    uint32 and uint64 become int64: these are copies."""
    wider = _WIDER.get(str(array.dtype))
    on_cpu = isinstance(array, numpy.ndarray) or array.device == "cpu"
    if wider is not None and on_cpu:
        return torch.from_numpy(numpy.asarray(array).astype(wider))
    if isinstance(array, numpy.ndarray):
        return torch.from_numpy(array)
    found = torch.from_dlpack(array)
    return found if wider is None else found.to(getattr(torch, wider))


def _device_boxes(boxes: Mapping[str, Any]) -> Any:
    """What arrays.y gives for boxes on the CPU, of its dict for those on a device."""
    corners, ids = tensor(boxes["boxes"]), tensor(boxes["classes"]).to(torch.int64)
    if "counts" in boxes:
        return corners, ids.where(ids != 65535, ids.new_tensor(-1)), tensor(boxes["counts"])
    ends = tensor(boxes["offsets"]).tolist()
    return [{"boxes": corners[first:end], "labels": ids[first:end]}
            for first, end in zip(ends, ends[1:])]


def _tensors(labels: Any) -> Any:
    if labels is None:
        return None
    if isinstance(labels, dict):
        if "classes" in labels and isinstance(labels["classes"], _vedatile.Array):
            return _device_boxes(labels)
        return {name: _tensors(value) for name, value in labels.items()}
    if isinstance(labels, (list, tuple)):
        return type(labels)(_tensors(value) for value in labels)
    return tensor(labels)


def _pair(batch: _vedatile.Batch) -> tuple[torch.Tensor, Any]:
    return tensor(batch.images), _tensors(arrays.y(batch))


def _share(options: Mapping[str, Any]) -> tuple[int, int]:
    """(rank, world) of the options, else of torch.distributed where it is initialised."""
    if "rank" in options or "world" in options:
        return options.get("rank", 0), options.get("world", 1)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


class IterableDataset(torch.utils.data.IterableDataset):
    """Whole batches (x, y) as tensors: x the images, y as vedatile.arrays says.

    Options are those of vedatile.Loader. Without rank and world, those of torch.distributed count,
    where it is initialised when the first epoch begins. The tensors' memory is the loader's, and
    stays as it is while they live.

    In a DataLoader: batch_size=None, num_workers=0. With workers, each gets its own part of every
    epoch, and every sample appears once (on one rank, unless tail says otherwise). Workers that are
    started anew for each epoch begin with the same one: call set_epoch before it, or use
    persistent_workers=True. state_dict and load_state_dict are what torchdata's StatefulDataLoader
    asks for.
    """

    def __init__(self, source: Any, /, **options: Any):
        super().__init__()
        self._source = source
        self._options = options
        self._rank_world = _share(options)
        self._place: Any = None  # (worker's number, workers) that the loader was made for
        self._loader: Any = None
        self._state: dict[str, int] | None = None

    def _open(self) -> Any:
        """The loader of this process."""
        worker = torch.utils.data.get_worker_info()
        place = (0, 1) if worker is None else (worker.id, worker.num_workers)
        if worker is None and self._loader is None:
            self._rank_world = _share(self._options)
        if self._place != place:
            rank, world = self._rank_world
            options = {**self._options, "rank": rank * place[1] + place[0],
                       "world": world * place[1]}
            if world == 1 and options.get("tail") is None and not options.get("drop_last"):
                options["tail"] = "short"
            if self._state is not None:
                options["resume"] = self._state
            self._loader, self._place = Loader(self._source, **options), place
        return self._loader

    def __iter__(self) -> Iterator[tuple[torch.Tensor, Any]]:
        for batch in self._open().batches():
            if len(batch) > 0 or self._place[1] == 1:  # a worker need not keep step with others
                yield _pair(batch)
            del batch

    def __len__(self) -> int:
        return len(self._open())

    def set_epoch(self, epoch: int) -> None:
        """The next loop is this epoch, from its beginning."""
        state = {"seed": self._options.get("seed", 0), "epoch": epoch, "position": 0}
        self.load_state_dict(state)

    def state_dict(self) -> dict[str, int]:
        """Where the dataset stands, in batches delivered."""
        return self._open().state_dict()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Goes on from there with the next loop."""
        self._state, self._loader, self._place = dict(state), None, None

    def close(self) -> None:
        """Ends the loader's threads."""
        if self._loader is not None:
            self._loader.close()

    def __getstate__(self) -> dict[str, Any]:
        state = self._state if self._loader is None else self._loader.state_dict()
        return {**self.__dict__, "_state": state, "_loader": None, "_place": None}


class Dataset(torch.utils.data.Dataset):
    """Single samples (x, y) by number, for programs with samplers of their own: slower than batches.

    Options are those of vedatile.take, and `view` and `indices`. A DataLoader of PyTorch 2 and later
    reads each of its batches by one call.
    """

    def __init__(self, source: Any, /, view: str | None = None, indices: Any = None,
                 **options: Any):
        unknown = sorted(set(options) - set(_TAKE_OPTIONS))
        if unknown:
            raise TypeError(f"Dataset: there is no option {unknown[0]!r}")
        options = {**_TAKE_OPTIONS, **options, "view": view, "indices": indices}
        if options["random_crop"] or options["augment"]:
            raise _vedatile.ArgumentError(
                "Dataset: random_crop and augment need epochs, which samples by number have not: "
                "use vedatile.torch.loader")
        core, group, indices = _input(source, options)
        self._one = (core, group, None)
        self._indices = None if indices is None else numpy.asarray(indices, numpy.int64)
        self._options = _core_options({**options, "threads": options["threads"] or 1}, [self._one])
        self._count = core.groups[group] if group is not None else len(core)

    def __len__(self) -> int:
        return self._count if self._indices is None else len(self._indices)

    def __getitems__(self, numbers: Sequence[int]) -> list[tuple[torch.Tensor, Any]]:
        """The samples of a list of numbers, as a list."""
        indices = numbers if self._indices is None else self._indices[numbers]
        batch = _vedatile.take(self._one, indices, **self._options)
        x, y = _pair(batch)
        return [(x[i], _of_sample(y, i)) for i in range(len(batch))]

    def __getitem__(self, number: int) -> tuple[torch.Tensor, Any]:
        if not -len(self) <= number < len(self):
            raise IndexError(f"no sample {number}; there are {len(self)}")
        return self.__getitems__([number % len(self)])[0]


def _of_sample(labels: Any, i: int) -> Any:
    if isinstance(labels, dict):
        return {name: _of_sample(value, i) for name, value in labels.items()}
    if isinstance(labels, tuple):
        return tuple(value[i] for value in labels)
    return None if labels is None else labels[i]


def loader(source: Any, /, **options: Any) -> IterableDataset:
    """IterableDataset(source, **options): `for x, y in` it is one epoch of tensors."""
    return IterableDataset(source, **options)
