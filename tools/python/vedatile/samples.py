"""Samples of a store, and groups, views and batches of them."""
from __future__ import annotations

import html
import math
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ._vedatile import ArgumentError, Reader

from .arrays import wrap
from .labels import Labels
from .picture import Picture, draw
from .scene import Place

if TYPE_CHECKING:
    from .store import Store

__all__ = ["Draw", "Group", "Sample", "View"]


def positions(key: Any, count: int) -> int | list[int]:
    """What an index stands for in a sequence of `count`: one position, or a list of them."""
    if isinstance(key, slice):
        return list(range(*key.indices(count)))
    if hasattr(key, "__index__") and not getattr(key, "shape", ()):
        position = operator.index(key)
        if not -count <= position < count:
            raise IndexError(f"index {position} of {count} samples")
        return position % count
    if isinstance(key, (str, bytes)):
        raise TypeError(f"an index, a slice or a list of indices is wanted, not {key!r}")
    return [positions(item, count) for item in key]  # type: ignore[misc]


class Sample:
    """One tile with its labels and its place. Arrays are read when they are asked for.

        image, y = sample                                   # or sample.image and sample.y

    It belongs to the store as it was when the sample was taken."""

    def __init__(self, reader: Reader, group: str, index: int):
        self._reader = reader
        self.group = group
        self.index = index
        self._row: dict | None = None

    # --- the tile and its labels ---

    @property
    def image(self) -> Any:
        """Array [bands, rows, cols] of the store's dtype."""
        return wrap(self._reader.image(self.group, self.index))

    @property
    def y(self) -> Any:
        """The label in the form that Store.feed takes: for one task a one-hot vector (uint8), a
        list over classes of lists of [xmin, ymin, xmax, ymax], an array [rows, cols], or a dict of
        instances and boxes; for several a dict by task; None when the store has no labels."""
        return Labels(self._reader.tasks, self._reader.classes).decode(self)

    def _has(self, *tasks: str) -> bool:
        return any(task in self._reader.tasks for task in tasks)

    @property
    def onehot(self) -> Any:
        """uint8 [classes]; None when the store's tasks have none (so are the arrays below)."""
        if not self._has("classification"):
            return None
        return wrap(self._reader.onehot(self.group, self.index))

    @property
    def mask(self) -> Any:
        """[rows, cols], uint8 or uint16: 0 background, class id + 1, 255 or 65535 ignore."""
        if not self._has("segmentation"):
            return None
        return wrap(self._reader.mask(self.group, self.index))

    @property
    def instances(self) -> Any:
        """uint16 [rows, cols]: 0 none, else the number of the box, from 1."""
        if not self._has("instance"):
            return None
        return wrap(self._reader.instances(self.group, self.index))

    @property
    def boundary(self) -> Any:
        """uint8 [rows, cols]: 1 on a boundary, else 0, 255 ignore."""
        return wrap(self._reader.boundary(self.group, self.index)) if self._has("boundary") else None

    @property
    def contact(self) -> Any:
        """uint8 [rows, cols]: 1 between objects that nearly touch, else 0, 255 ignore."""
        return wrap(self._reader.contact(self.group, self.index)) if self._has("contact") else None

    @property
    def distance(self) -> Any:
        """float32 [rows, cols]: pixels to the nearest pixel of the other kind, positive inside
        objects, negative outside; NaN ignore."""
        return wrap(self._reader.distance(self.group, self.index)) if self._has("distance") else None

    @property
    def target(self) -> Any:
        """float32 [rows, cols]: the numbers of a regression, NaN where there is none."""
        return wrap(self._reader.target(self.group, self.index)) if self._has("regression") else None

    @property
    def box_arrays(self) -> Any:
        """(boxes float32 [n, 4], class uint16 [n], feature int64 [n], visible float32 [n])"""
        if not self._has("detection", "instance"):
            return None
        return self._reader.boxes(self.group, self.index)

    @property
    def boxes(self) -> Any:
        """float32 [n, 4]: xmin, ymin, xmax, ymax in tile pixels."""
        arrays = self.box_arrays
        return None if arrays is None else wrap(arrays[0])

    @property
    def box_class(self) -> Any:
        """uint16 [n]: the boxes' class ids."""
        arrays = self.box_arrays
        return None if arrays is None else wrap(arrays[1])

    @property
    def classes(self) -> list[str]:
        """Names of the classes that occur in the sample's labels, in the order of the ids."""
        found: set[int] = set()
        if self._has("classification"):
            onehot = memoryview(self._reader.onehot(self.group, self.index)).tolist()
            found.update(i for i, value in enumerate(onehot) if value)
        if self._has("detection", "instance"):
            found.update(memoryview(self.box_arrays[1]).tolist())
        elif self._has("segmentation"):
            mask: Any = memoryview(self._reader.mask(self.group, self.index))
            found.update(value - 1 for value in set(mask.cast("B").cast(mask.format)) if value)
        names = self._reader.classes
        return [names[i] for i in sorted(found) if i < len(names)]

    # --- the place ---

    def _of_row(self, name: str) -> Any:
        if self._row is None:
            self._row = self._reader.sample(self.group, self.index)
        return self._row[name]

    @property
    def key(self) -> str:
        """Unique in the store; the same for the same window of the same scene."""
        return self._of_row("key")

    @property
    def scene(self) -> str:
        """The scene's name as seen from the store's folder, or a URL; "array" without a scene."""
        return self._of_row("scene")

    @property
    def window(self) -> Place:
        """(col, row, cols, rows) in scene pixels."""
        return Place(*self._of_row("window"))

    @property
    def geotransform(self) -> tuple[float, ...] | None:
        """Of the tile, in GDAL's order; None when there is none."""
        values = self._of_row("geotransform")
        return values if any(values) else None

    @property
    def bounds(self) -> tuple[float, ...] | None:
        """(west, south, east, north) in degrees; None when unknown."""
        values = self._of_row("bounds")
        return None if any(map(math.isnan, values)) else values

    @property
    def crs(self) -> str | None:
        """WKT2 text; None when there is none."""
        return self._of_row("crs") or None

    @property
    def valid_fraction(self) -> float:
        """The share of pixels that are image: not nodata, transparent or padding."""
        return self._of_row("valid_fraction")

    @property
    def weight(self) -> float:
        """For sampling by weight."""
        return self._of_row("weight")

    @property
    def metadata(self) -> dict:
        return self._of_row("metadata")

    @property
    def data(self) -> dict[str, Any]:
        """Everything but the pixels, as a dict: key, group, index, y, classes, scene, window,
        geotransform, bounds, crs, valid_fraction, weight, metadata."""
        names = ("key", "group", "index", "y", "classes", "scene", "window", "geotransform",
                 "bounds", "crs", "valid_fraction", "weight", "metadata")
        return {name: getattr(self, name) for name in names}

    # --- looking at it ---

    def show(self, bands: Sequence[int] | None = None) -> Picture:
        """A picture for notebooks, with mask and boxes on it; picture.save("a.png") keeps it.

        `bands`: three numbers from 0 for red, green and blue; default: the first three, or the
        first alone in grey. Each is stretched between its percentiles 2 and 98."""
        return draw(self, self._reader.classes, bands)

    def __iter__(self) -> Iterator[Any]:
        yield self.image
        yield self.y

    def __repr__(self) -> str:
        names = self.classes if self._reader.tasks else []
        return f"Sample({self.key!r}, group={self.group!r}, classes={names})"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{name}</th><td>{html.escape(str(value))}</td></tr>"
                       for name, value in self.data.items() if name not in ("y", "crs"))
        return f'<img src="{self.show().url()}"><table>{rows}</table>'

    def __reduce__(self) -> tuple:
        return Sample, (self._reader, self.group, self.index)


class Group(Sequence):
    """The samples of a group: len, indexing (numbers, slices, lists of numbers), iteration.

    It grows with the store; an iteration sees the samples that were there when it began."""

    _indices: Any = None

    def __init__(self, store: Store, group: str):
        self.store = store
        self.group = group

    def _sample(self, reader: Reader, position: int) -> Any:
        index = position if self._indices is None else self._indices[position]
        return Sample(reader, self.group, index)

    def _count(self, reader: Reader | None) -> int:
        if self._indices is not None:
            return len(self._indices)
        return 0 if reader is None else reader.groups.get(self.group, 0)

    def __len__(self) -> int:
        return self._count(self.store._look())

    def __getitem__(self, key: Any) -> Any:
        reader: Any = self.store._look()
        found = positions(key, self._count(reader))
        if isinstance(found, int):
            return self._sample(reader, found)
        return [self._sample(reader, position) for position in found]

    def __iter__(self) -> Iterator[Any]:
        reader: Any = self.store._look()
        for position in range(self._count(reader)):
            yield self._sample(reader, position)

    @property
    def indices(self) -> list[int]:
        """Of the samples in their group."""
        return list(range(len(self))) if self._indices is None else list(self._indices)

    def filter(self, *, classes: Sequence[str] | str | None = None, min_boxes: int = 0,
               max_boxes: int = 0, bounds: Sequence[float] | None = None, min_valid: float = 0,
               scene: str | None = None,
               where: Callable[[Sample], Any] | None = None) -> View:
        """The samples for which all conditions hold, as a View; see Store.filter."""
        conditions: dict[str, Any] = {
            name: value for name, value in (
                ("classes", [classes] if isinstance(classes, str) else classes),
                ("min_boxes", min_boxes), ("max_boxes", max_boxes), ("bounds", bounds),
                ("min_valid", min_valid), ("scene", scene)) if value}
        reader: Any = self.store._look()
        if self._count(reader) == 0:
            return View(self.store, self.group, [], conditions)
        found = memoryview(reader.select(self.group, **conditions)).tolist()
        if self._indices is not None:
            passed = set(found)
            found = [index for index in self._indices if index in passed]
        if where is not None:
            found = [index for index in found if where(Sample(reader, self.group, index))]
            conditions["where"] = getattr(where, "__qualname__", repr(where))
        return View(self.store, self.group, found, conditions)

    def loader(self, **options: Any) -> Any:
        """Batches of these samples: vedatile.Loader's options but group, view and indices."""
        return self.store.loader(group=self.group, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.group!r}: {len(self)} samples of {self.store.path!r})"


class View(Group):
    """Chosen samples of a group, without copying: a Group of some indices, which may repeat.

    `definition`: how it came about, a dict of the filter's conditions. Store.save_view keeps it."""

    def __init__(self, store: Store, group: str, indices: Sequence[int],
                 definition: dict | None = None):
        super().__init__(store, group)
        self._indices = indices
        self.definition = definition or {}

    def loader(self, **options: Any) -> Any:
        return self.store.loader(view=self, **options)


class _Pairs(View):
    """A view whose items are pairs of image and label."""

    def _sample(self, reader: Reader, position: int) -> tuple[Any, Any]:
        sample = super()._sample(reader, position)
        return sample.image, sample.y


class Draw:
    """Up to `size` samples of each group, drawn by chance without repeats: batch.train, batch.test,
    ... are sequences of (image, label)."""

    def __init__(self, store: Store, size: int, seed: int | None = None):
        if operator.index(size) < 1:
            raise ArgumentError(f"a batch of {size} samples")
        self.size = size
        self._groups: dict[str, _Pairs] = {}
        for group, count in store.count.items():
            chance = random.Random(seed if seed is None else f"{seed} {group}")
            drawn = chance.sample(range(count), min(size, count))
            self._groups[group] = _Pairs(store, group, drawn)
        for group in ("train", "test", "validate"):
            self._groups.setdefault(group, _Pairs(store, group, []))

    @property
    def groups(self) -> list[str]:
        """Names of the groups that have samples."""
        return [name for name, pairs in self._groups.items() if len(pairs)]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_groups"][name]
        except KeyError:
            raise AttributeError(f"there is no group {name!r} in this draw") from None

    def __repr__(self) -> str:
        sizes = {name: len(pairs) for name, pairs in self._groups.items() if len(pairs)}
        return f"Draw({sizes})"
