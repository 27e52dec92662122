"""Batches of stores and of other HDF5 files."""
from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from . import _vedatile

from . import arrays

__all__ = ["Loader", "loader", "take"]

_One = tuple[Any, Any, Any]  # (_vedatile.Reader or Hdf5, group, indices)

_PAD_TO_MOST = 2**32 - 1

# Options of take, with their defaults; what they mean is in Loader's description.
_TAKE_OPTIONS: dict[str, Any] = {
    "group": "train", "threads": 0, "tasks": None, "boxes": "list", "bands": None, "crop": None,
    "random_crop": False, "augment": (), "dtype": None, "axes": None, "scale": None, "mean": None,
    "std": None, "normalize": False, "seed": 0, "epoch": 0, "verify": "first", "on_damage": "fail",
}
_LOADER_OPTIONS: dict[str, Any] = {
    **_TAKE_OPTIONS, "view": None, "indices": None, "batch_size": 32, "shuffle": False,
    "order": None, "window": 0, "weights": None, "epoch_samples": 0, "rank": 0, "world": 1,
    "tail": None, "drop_last": False, "prefetch": 0, "resume": None, "pin": False, "map": False,
    "device": None,
}
# What the extension module takes as it is.
_SAME = (
    "threads", "tasks", "bands", "random_crop", "augment", "axes", "seed", "epoch", "verify",
    "on_damage", "batch_size", "window", "weights", "epoch_samples", "rank", "world", "prefetch",
    "resume", "pin", "map",
)


def _argument(text: str) -> _vedatile.ArgumentError:
    return _vedatile.ArgumentError(text)


# --- options ------------------------------------------------------------------------------------

def _complete(given: dict[str, Any], known: dict[str, Any], function: str) -> dict[str, Any]:
    for name in given:
        if name not in known:
            raise TypeError(f"{function}: there is no option {name!r}; there is: "
                            f"{', '.join(known)}")
    return {**known, **given}


def _box_pad(boxes: str | int) -> int:
    if boxes == "list":
        return 0
    if boxes == "padded":
        return _PAD_TO_MOST
    if isinstance(boxes, str) or boxes < 1:
        raise _argument(f'boxes: "list", "padded" or a number from 1 on, not {boxes!r}')
    return boxes


def _dtype_name(dtype: Any) -> str | None:
    """The name of a type: of a str, and of NumPy's and PyTorch's types."""
    if dtype is None or isinstance(dtype, str):
        return dtype
    if isinstance(dtype, type):
        return dtype.__name__
    return getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]


def _crop(crop: Any) -> Any:
    return (crop, crop) if isinstance(crop, int) else crop


def _order(options: Mapping[str, Any]) -> str:
    order, shuffle = options["order"], options["shuffle"]
    if order is None:
        return "shuffled" if shuffle else "sequential"
    if shuffle and order == "sequential":
        raise _argument('shuffle and order="sequential" contradict each other')
    return order


def _tail(options: Mapping[str, Any]) -> str | None:
    tail, drop = options["tail"], options["drop_last"]
    if drop and tail not in (None, "drop"):
        raise _argument(f'drop_last and tail="{tail}" contradict each other')
    return "drop" if drop else tail


def _cuda(device: Any) -> int | None:
    """The number of a CUDA device, or None for the CPU."""
    kind, _, number = str(device or "cpu").partition(":")
    if kind == "cpu":
        return None
    if kind != "cuda" or not (number or "0").isdecimal():
        raise _argument(f'device: "cpu", "cuda" or "cuda:N", not {device!r}')
    return int(number or 0)


def _band_list(value: Any, count: int) -> Any:
    """One number for all bands, or one for each."""
    return [value] * count if isinstance(value, (int, float)) else value


def _statistics(inputs: Iterable[_One]) -> tuple[list[float], list[float]]:
    """(mean, std) of each band over all valid pixels of the inputs' groups."""
    totals: list[list[float]] = []
    for core, group, _ in inputs:
        if not isinstance(core, _vedatile.Reader):
            raise _argument("normalize: another HDF5 file has no statistics; give mean and std")
        stats = core.band_stats(group)
        totals = totals or [[0, 0.0, 0.0] for _ in stats]
        for total, band in zip(totals, stats):
            if band["count"] == 0:
                continue
            count = total[0] + band["count"]
            delta = band["mean"] - total[1]
            total[2] += band["count"] * (band["std"]**2 + delta**2 * total[0] / count)
            total[1] += delta * band["count"] / count
            total[0] = count
    means = [mean for _, mean, _ in totals]
    return means, [math.sqrt(m2 / count) if count and m2 else 1.0 for count, _, m2 in totals]


def _normalise(options: Mapping[str, Any], inputs: Sequence[_One]) -> dict[str, Any]:
    """Options mean, std and dtype for the extension module."""
    core, _, _ = inputs[0]
    bands = range(core.tile[0]) if options["bands"] is None else list(options["bands"])
    mean, std, dtype = options["mean"], options["std"], _dtype_name(options["dtype"])
    if options["normalize"]:
        if mean is not None or std is not None:
            raise _argument("normalize and mean or std contradict each other")
        scale = 1 if options["scale"] is None else options["scale"]
        means, stds = _statistics(inputs)
        mean = [means[band] * scale for band in bands]
        std = [stds[band] * abs(scale) for band in bands]
    if dtype is None and not (mean is None and std is None and options["scale"] is None):
        dtype = "float32"
    return {"mean": _band_list(mean, len(bands)), "std": _band_list(std, len(bands)),
            "dtype": dtype, "scale": options["scale"]}


def _core_options(options: Mapping[str, Any], inputs: Sequence[_One]) -> dict[str, Any]:
    found = {name: options[name] for name in _SAME if name in options}
    found["box_pad"] = _box_pad(options["boxes"])
    found["crop"] = _crop(options["crop"])
    found |= _normalise(options, inputs)
    if "order" in options:
        if options["batch_size"] < 1:
            raise _argument("batch_size: must be 1 or more")
        found["order"] = _order(options)
        found["tail"] = _tail(options)
        found["cuda"] = _cuda(options["device"])
    return found


# --- sources ------------------------------------------------------------------------------------

def _core(source: Any) -> Any:
    """The extension module's object of a source: a path, a Reader, or an object whose method
    _input returns one."""
    if isinstance(source, (_vedatile.Reader, _vedatile.Hdf5)):
        return source
    if isinstance(source, (str, os.PathLike)):
        return _vedatile.Reader(source)
    if hasattr(source, "_input"):
        return source._input()
    raise TypeError("a store, its path or an Hdf5 is wanted, or a list of them, not "
                    f"{type(source)!r}")


def _view(core: Any, name: str) -> tuple[str, Any]:
    views = core.views()
    if name not in views:
        there = ", ".join(views) or "none"
        raise _vedatile.NotFoundError(f'{core.path}: no view "{name}"; there is: {there}')
    return views[name]["group"], views[name]["indices"]


def _input(source: Any, options: Mapping[str, Any]) -> _One:
    """(core, group, indices) of a source or of a tuple (source, group[, indices])."""
    source, group, indices = (source if isinstance(source, tuple) else (source,)) + (
        None,) * (3 - len(source) if isinstance(source, tuple) else 2)
    core = _core(source)
    if options.get("view") is not None:
        if group is not None or indices is not None or options["indices"] is not None:
            raise _argument("view: it says the group and the samples; do not say them as well")
        return core, *_view(core, options["view"])
    if isinstance(core, _vedatile.Hdf5):
        if group is not None or options["group"] != "train":
            raise _argument(f"{core.path}: no store, so it has no groups: leave group out")
        group = None
    elif group is None:
        group = options["group"]
    return core, group, options.get("indices") if indices is None else indices


def _inputs(sources: Any, options: Mapping[str, Any]) -> list[_One]:
    if isinstance(sources, list):
        if not sources:
            raise _argument("a list of stores is wanted, and this one is empty")
        if options["indices"] is not None and len(sources) > 1:
            raise _argument("indices: of which store? Give tuples (store, group, indices)")
        return [_input(source, options) for source in sources]
    return [_input(sources, options)]


# --- the loader ---------------------------------------------------------------------------------

class Loader:
    """Batches of samples, prepared ahead by threads.

    `for x, y in loader` is one epoch; the next loop is the next epoch, with another order, also
    after a break. x and y are described in vedatile.arrays. Their memory stays as it is while
    anything refers to it, and is then used for another batch. len(loader) is the number of batches
    in an epoch.

    source: a Store, an Hdf5, a path of a store; or a list of them and of tuples (source, group) or
    (source, group, indices), served as one.

    Which samples:
        group="train"; view=None, the name of a view of the store; indices=None, whole numbers of
        the group's samples, which may repeat
    In which order:
        batch_size=32; shuffle=False; order=None: "sequential", "shuffled", "windowed" (within reach
        of `window` samples, for cold disks), "weighted" (with replacement; `weights`: one for each
        sample, None: the store's), "balanced" (with replacement, every class equally likely);
        epoch_samples=0, draws an epoch of these two; seed=0; epoch=0, the first one;
        rank=0, world=1: this process's share of every epoch; tail=None: "short", "drop" or "pad"
        (None: short for one rank, pad for several); drop_last=False: tail="drop";
        resume=None: a state_dict
    What is done to them:
        tasks=None, names of the labels wanted (None: all); boxes="list", "padded" (for the largest
        count) or a number; bands=None, 0-based; crop=None, a number of pixels or (rows, cols), from
        the middle or, with random_crop=True, anywhere; augment=(): "flip_cols", "flip_rows",
        "rotate"; dtype=None, of the images, as stored; axes=None: "chw" or "hwc";
        (value * scale - mean) / std with scale=None, mean=None, std=None (float32 then, unless
        dtype says otherwise); normalize=False: with mean and std of the group
    How:
        threads=0, one for each core; prefetch=0, batches held ready, 2; verify="first" (epoch),
        "always" or "never": samples are compared with their checksums; on_damage="fail" or "skip"
        (with a RuntimeWarning); pin=False, page-locked memory; map=False, True
        reads stores through a memory map, which is faster for raw tiles in the page cache (a file that
        somebody cuts short meanwhile then ends the process); device=None, "cuda" or "cuda:1": the
        batches are copied there ahead

    Raises NotFoundError, ArgumentError and others of vedatile.Error; TypeError for an option that
    there is not. One thread at a time gets a batch; others wait. After a fork, parent and child
    each go on by themselves. Pickling keeps source, options and place.
    """

    def __init__(self, source: Any, /, **options: Any):
        self._source = source
        self._given = options
        self._options = _complete(options, _LOADER_OPTIONS, "loader")
        self._underway = False  # in the middle of an epoch that a loop began
        self._turn: object = None
        self._start()

    def _start(self) -> None:
        inputs = _inputs(self._source, self._options)
        self._paths = [core.path for core, _, _ in inputs]
        self._core = _vedatile.Loader(inputs, **_core_options(self._options, inputs))

    # --- loops

    def batches(self) -> Iterator[_vedatile.Batch]:
        """Iterates over the next epoch as Batch objects."""
        if self._underway:
            self._core.rewind()
        self._underway = True
        self._turn = turn = object()
        while True:
            if self._turn is not turn:
                raise RuntimeError("another loop over this loader has begun")
            batch = self._core.next()
            if batch is None:
                self._core.rewind()
                self._underway = False
                return
            yield batch
            del batch  # its memory serves the next one, unless the caller keeps it

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for batch in self.batches():
            yield arrays.x(batch), arrays.y(batch)
            del batch

    def __len__(self) -> int:
        return self._core.batches

    # --- where it stands

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands, counted in batches delivered: a dict for JSON, and for resume=.

        Threads, rank, world and batch_size may differ where it is resumed."""
        return self._core.state()

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Goes to where another loader of the same samples stood. ArgumentError: of others."""
        core = self._core
        self._options = {**self._options, "resume": dict(state)}
        self._start()
        self._underway = False
        self._turn = None
        core.close()

    @property
    def samples(self) -> int:
        """Samples of all sources."""
        return self._core.samples

    @property
    def skipped(self) -> int:
        """Samples skipped so far because they are damaged."""
        return self._core.skipped

    @property
    def memory(self) -> int:
        """Bytes of batches held, waiting and spare."""
        return self._core.memory

    @property
    def spec(self) -> dict[str, Any]:
        """What is the same for all batches: a dict of bands, rows, cols, dtype, axes, classes,
        mask_size (bytes), instances, boxes, box_pad."""
        return self._core.spec

    # --- end

    def close(self) -> None:
        """Ends the threads. Batches stay valid."""
        self._core.close()

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *unused: Any) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._source, self._given, self.state_dict())

    def __repr__(self) -> str:
        paths = ", ".join(self._paths)
        try:
            state, spec, count = self.state_dict(), self.spec, len(self)
        except _vedatile.Error:
            return f"<vedatile.Loader of {paths}, closed>"
        image = [spec["rows"], spec["cols"]]
        image.insert(0 if spec["axes"] == "chw" else 2, spec["bands"])
        return (f"<vedatile.Loader of {paths}: {count} batches of {self._options['batch_size']}, "
                f"images {spec['dtype']} {image}, {_order(self._options)}, epoch {state['epoch']}, "
                f"position {state['position']}>")


def _restore(source: Any, options: Mapping[str, Any], state: Mapping[str, int]) -> Loader:
    return Loader(source, **{**options, "resume": state})


def loader(source: Any, /, **options: Any) -> Loader:
    """Loader(source, **options): see there."""
    return Loader(source, **options)


def take(source: Any, indices: Any, /, **options: Any) -> _vedatile.Batch:
    """The samples `indices` of a source, in that order, as one Batch.

    Options are those of Loader: group, tasks, boxes, bands, crop, random_crop, augment, dtype, axes,
    scale, mean, std, normalize, threads, verify, on_damage; random choices come from seed, epoch and
    the place in the list. indices: whole numbers; a list, NumPy array or tensor. batch.x and batch.y
    are described in vedatile.arrays.

    Raises NotFoundError, ArgumentError (an index that is not there) and others of vedatile.Error;
    TypeError for an option that there is not.
    """
    options = _complete(options, _TAKE_OPTIONS, "take")
    one = _input(source, options)
    return _vedatile.take(one, indices, **_core_options(options, [one]))
