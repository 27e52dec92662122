"""Stores: fed here, and read sample by sample."""
from __future__ import annotations

import hashlib
import html
import json
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from .annotations import AnnotationSet
from . import _vedatile
from ._vedatile import ArgumentError, Error, NotFoundError, Reader

from .catalog import Saved
from .exchange import export
from .feed import Report, feed
from .labels import Labels, task_list
from .loader import Loader, take
from .runs import Run
from .samples import Draw, Group, Sample, View, positions
from .scene import Window, two
from .split import split as _split

__all__ = ["Store"]

COMMIT_SECONDS = 10.0
_USUAL_GROUPS = ("train", "test", "validate")


class _Session:
    """The writer of a store, and what was appended since the last commit."""

    def __init__(self, path: str):
        self.path = path
        self.lock = threading.RLock()
        self.writer: Any = None
        self.pending = 0
        self.committed = time.monotonic()
        self.process = os.getpid()

    def open(self, create: dict | None = None) -> Any:
        if self.process != os.getpid():  # the writer is the parent's
            self.process, self.writer, self.pending = os.getpid(), None, 0
        if self.writer is None:
            self.writer = (_vedatile.Writer(self.path) if create is None
                           else _vedatile.Writer(self.path, create))
            self.committed = time.monotonic()
        return self.writer

    @property
    def active(self) -> bool:
        return self.writer is not None and self.process == os.getpid()

    def commit(self) -> None:
        if self.active and self.pending:
            self._end(self.writer.commit)
            self.committed = time.monotonic()

    def release(self) -> None:
        """Commits and lets others write. A new store without samples leaves nothing behind."""
        if self.active:
            self._end(self.writer.finish if self.pending else self.writer.close)
            self.writer = None

    def _end(self, call: Callable[[], Any]) -> None:
        pending, self.pending = self.pending, 0
        try:
            call()
        except Error as error:
            self.writer.close()
            self.writer = None
            raise type(error)(f"{error} ({pending} samples of this session are lost)") from None


def _finish(session: _Session) -> None:
    with session.lock:
        session.release()


class Store(Saved):
    """One HDF5 file of samples: tiles, their labels and their place on the ground.

        store = vedatile.Store("scenes.h5", mltype="classification", tile_size=[256, 256],
                               classes=["car"])
        for window in vedatile.Scene("a.tif").iterwindows(count=100, window_shape=(256, 256)):
            store.feed([(window, [1])])
        store.count                                         # {'train': 100}

    Opens the store at `path`, or prepares a new one, which appears there with its first commit.

    mltype     "classification", "detection" ("object_detection"), "segmentation", "instance", or a
               list of several; None for a new store: tiles without labels
    tile_size  (rows, cols) or a number; None: that of the first window
    classes    names in the order of the ids; required with an mltype
    name       of the store; None: the file's name without its extension
    codec      of a new store: "auto" (here: "lz4"), "raw", "lz4", "deflate", "zstd"

    Bands and type are those of the first window. What is given here and the store has otherwise is
    an ArgumentError that names both.

    Commits. What is fed becomes part of the file by whole commits, durably and all at once, so that
    a crash costs what came after the last one and no more. A commit is made when somebody looks
    (count, len, indexing, groups, batch, loader, views), by flush(), by close() and at the end of
    a with block, when the Store is no longer used, at the interpreter's exit, and after every ten
    seconds of feeding. From the first sample fed to flush() or close(), no other process can write
    the store (BusyError there); any number can read it with vedatile (h5py waits for flush()).

    Readers see the store as of its last commit; refresh() looks for commits of other processes.
    Any number of threads may use a Store. It can be pickled, and used after a fork: what the parent
    has not committed is the parent's."""

    def __init__(self, path: str | os.PathLike, mltype: str | Sequence[str] | None = None,
                 tile_size: int | Sequence[int] | None = None,
                 classes: Sequence[str] | None = None, name: str | None = None,
                 codec: str = "auto"):
        self._path = os.path.abspath(os.fspath(path))
        self._tasks = task_list(mltype)
        self._tile_size = None if tile_size is None else two("tile_size", tile_size)
        if isinstance(classes, str):
            raise ArgumentError(f"classes: a list of names is wanted, not {classes!r}")
        self._classes = None if classes is None else list(classes)
        self._name = name
        self._codec = codec
        self._closed = False
        self._reader: Reader | None = None
        self._session = _Session(self._path)
        self._finalizer = weakref.finalize(self, _finish, self._session)
        if os.path.exists(self._path):
            self._reader = Reader(self._path)
            self._compare(self._reader)
        elif self._tasks and not self._classes:
            raise ArgumentError(f"{self._path}: a new store for {', '.join(self._tasks)} needs its "
                                "classes")

    def _compare(self, reader: Reader) -> None:
        """Refuses a store that is not what the arguments say."""
        for what, wanted, there in (
                ("mltype", self._tasks, reader.tasks),
                ("tile_size", self._tile_size, tuple(reader.tile[1:3])),
                ("classes", self._classes, reader.classes), ("name", self._name, reader.name)):
            if wanted is not None and wanted != there:
                raise ArgumentError(f"{self._path}: its {what} is {there!r}, not {wanted!r}")

    # --- commits ---

    def _check_open(self) -> None:
        if self._closed:
            raise ArgumentError(f"{self._path}: the store is closed")

    def _look(self) -> Reader | None:
        """A reader of all samples; None while there is no file."""
        self._check_open()
        with self._session.lock:
            if self._session.active and self._session.pending:
                self._session.commit()
                self._reader = None
            if self._reader is None and os.path.exists(self._path):
                self._reader = Reader(self._path)
                self._compare(self._reader)
            return self._reader

    def _input(self) -> Reader:
        """For vedatile.Loader."""
        reader = self._look()
        if reader is None:
            raise NotFoundError(f"{self._path}: there are no samples yet: feed some first")
        return reader

    def flush(self) -> None:
        """Commits what was fed, and lets other processes write the store."""
        self._check_open()
        with self._session.lock:
            if self._session.active:
                if self._session.pending:
                    self._reader = None
                self._session.release()

    def refresh(self) -> None:
        """Looks anew, for what other processes have committed meanwhile."""
        self._look()
        self._reader = None

    def close(self) -> None:
        """Commits what was fed and closes; samples and loaders taken before stay usable."""
        if not self._closed:
            self.flush()
            self._closed = True
            self._reader = None

    def __enter__(self) -> Store:
        self._check_open()
        return self

    def __exit__(self, *unused: Any) -> None:
        self.close()

    def __reduce__(self) -> tuple:
        if not self._closed:
            self._look()
        return Store, (self._path, self._tasks or None, self._tile_size, self._classes or None,
                       self._name, self._codec)

    # --- feeding ---

    def _writer(self, image: Any) -> Any:
        """The open writer; `image` (a Window or an array) says what a new store is like."""
        if self._session.active:
            return self._session.writer
        if os.path.exists(self._path):
            self._look()
            return self._session.open()
        if isinstance(image, Window):
            (bands, rows, cols), dtype = image.shape, image.scene.dtype
            names = image.scene.band_names
        else:
            (bands, rows, cols), dtype = _image_shape(image)
            names = None
        rows, cols = self._tile_size or (rows, cols)
        codec = "lz4" if self._codec == "auto" else self._codec
        return self._session.open(dict(
            bands=bands, rows=rows, cols=cols, dtype=dtype, tasks=self._tasks or [],
            classes=self._classes or [], band_names=names, name=self._name, image_codec=codec,
            mask_codec=codec))

    def feed(self, samples: Iterable[Any], group: str = "train") -> Report:
        """Adds samples, each (window or image, label) or (window or image, label, about).

        window   of a vedatile.Scene; bands, type and size must be the store's
        image    array [bands, rows, cols] of exactly the store's type; its key follows from its
                 content, unless `about` has one
        label    for classification: a list of 0 and 1, one a class; or the name of a class, or
                 names. For detection: a list over classes of lists of [xmin, ymin, xmax, ymax] in
                 tile pixels; or a list of (box, class); or a dict of boxes and classes (and visible,
                 features). For segmentation: an array [rows, cols], uint8 (uint16 from 255 classes
                 on): 0 background, class id + 1, 255 (65535) ignore. For boundary and contact:
                 uint8 [rows, cols] of 0, 1 and 255; for distance and regression: float32 [rows,
                 cols]. For instance: a dict of
                 instances (uint16 [rows, cols], 0 none, else the number of the box from 1), boxes
                 and classes. For several tasks: a dict by task. Without tasks: None
        about    a dict: "metadata" (a dict for JSON), "key" (of an image: printable ASCII without
                 blanks, at most 63)

        Every sample is checked before it is written: a list as a whole before its first sample is
        written, what an iterator gives one by one. Windows that are in the store already are left
        as they are and counted. When samples become durable: see the class.

        Returns a Report: written, existing. Raises ArgumentError, which names the number of the
        sample in the list (from 0); BusyError while another process writes the store."""
        self._check_open()
        if isinstance(samples, (Window, str, bytes)) or not isinstance(samples, Iterable):
            raise ArgumentError("samples: a list of (window or image, label) is wanted")
        counts = {"written": 0, "existing": 0}
        with self._session.lock:
            ready: Iterable = self._prepare(samples)
            try:
                if isinstance(samples, (list, tuple)):
                    ready = list(ready)
                for number, image, arrays, about in ready:
                    new = _numbered(number, self._append, image, arrays, about, group)
                    counts["written" if new else "existing"] += 1
            finally:
                if self._session.active and not self._session.pending:
                    self._session.release()  # nothing to keep the store from others for
        return Report(counts)

    def _prepare(self, samples: Iterable[Any]) -> Iterator[tuple]:
        labels = None
        for number, item in enumerate(samples):
            image, label, about = _numbered(number, _parts, item)
            writer = self._writer(image)
            if labels is None:
                spec = writer.spec()
                labels = Labels(spec["tasks"], spec["classes"])
            _numbered(number, _check_image, image, spec)
            arrays = _numbered(number, labels.encode, label)
            _numbered(number, writer.check_labels, arrays)
            yield number, image, arrays, about

    def _append(self, image: Any, arrays: dict | None, about: Mapping, group: str) -> bool:
        session = self._session
        metadata = about.get("metadata")
        text = None if metadata is None else json.dumps(metadata)
        if isinstance(image, Window):
            new = session.writer.append_window(group, image.scene._open(), image.place, arrays,
                                               text)
        else:
            key = about.get("key") or _content_key(image)
            new = session.writer.append(group, key, image, arrays, text)
        session.pending += new
        if time.monotonic() - session.committed >= COMMIT_SECONDS:
            session.commit()
            self._reader = None
        return new

    def feed_files(self, image: Any = None, labels: Any = None, **options: Any) -> Report:
        """Feeds scenes and label files with all cores: vedatile.feed(self, image, labels, ...).

        Until there are samples, the store's own mltype, tile_size, classes, name and codec are the
        defaults of the options."""
        return feed(self, image, labels, **options)

    def _feed_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Completes the options of a feed by what this store is to be."""
        self.flush()
        self._reader = None
        if os.path.exists(self._path):
            return options
        own: dict[str, Any] = {"task": self._tasks or None, "classes": self._classes or None,
                               "name": self._name, "codec": self._codec}
        if self._tile_size is not None:
            own["tile_rows"], own["tile_cols"] = self._tile_size
        for name, value in own.items():
            if options.get(name) is None:
                options[name] = value
        return options

    # --- what it is ---

    def annotations(self, name: str = "labels", *, group: str | None = None, write: bool = True,
                    wait: float = 0.0) -> AnnotationSet:
        """The store's set of annotations of that name, made by its first save. As a context manager it is
        saved at the end of the block."""
        return AnnotationSet(store=self._path, name=name, group=group, write=write, wait=wait)

    @property
    def path(self) -> str:
        return self._path

    @property
    def uuid(self) -> str | None:
        """None until there are samples."""
        reader = self._look()
        return None if reader is None else reader.uuid

    @property
    def name(self) -> str:
        reader = self._look()
        if reader is not None:
            return reader.name
        return self._name or os.path.splitext(os.path.basename(self._path))[0]

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, [] for tiles without labels."""
        reader = self._look()
        return list(self._tasks or []) if reader is None else reader.tasks

    @property
    def mltype(self) -> str | list[str] | None:
        """The task, a list of several, or None."""
        tasks = self.tasks
        return tasks if len(tasks) > 1 else tasks[0] if tasks else None

    @property
    def classes(self) -> list[str]:
        """Names in the order of the ids."""
        reader = self._look()
        return list(self._classes or []) if reader is None else reader.classes

    @property
    def tile_size(self) -> tuple[int, int] | None:
        """(rows, cols); None until it is known."""
        reader = self._look()
        return self._tile_size if reader is None else reader.tile[1:3]

    @property
    def dtype(self) -> str | None:
        """Type of the images; None until there are samples."""
        reader = self._look()
        return None if reader is None else reader.tile[3]

    @property
    def percent_cached(self) -> float:
        """How much of the store is here, in percent of its bytes: 100 unless it was pulled as a partial
        store, which fetches what is read. 0 before there are samples. True at any time."""
        reader = self._look()
        return 0.0 if reader is None else reader.percent_cached

    @property
    def band_names(self) -> list[str] | None:
        reader = self._look()
        return None if reader is None else reader.band_names

    @property
    def times(self) -> list[str]:
        """The time axis of the images: ISO 8601, "" where a time is unknown or scenes differ (each
        sample's metadata has its own); [] without one. Images hold the bands of the first time,
        then of the second: images.reshape(n, len(store.times), -1, rows, cols)."""
        reader = self._look()
        return [] if reader is None else json.loads(reader.times)

    @property
    def scene_members(self) -> dict[str, Any]:
        """What scenes are made of that were joined of several files, by the scene's digest: dicts
        of join ("mosaic", "stack", "extra", "times") and members (uri, digest, col, row, acquired,
        or a joined scene again); {} without any."""
        reader = self._look()
        return {} if reader is None else json.loads(reader.scene_members)

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """(west, south, east, north) in degrees round all samples that have a place, looked up one
        by one; None when none has. Across the antimeridian it goes round the globe."""
        wide = [math.inf, math.inf, -math.inf, -math.inf]
        for sample in self:
            box = sample.bounds
            if box is None:
                continue
            if box[0] > box[2]:
                box = (-180.0, box[1], 180.0, box[3])
            wide = [*map(min, wide[:2], box[:2]), *map(max, wide[2:], box[2:])]
        return None if wide[0] > wide[2] else tuple(wide)  # type: ignore[return-value]

    @property
    def count(self) -> dict[str, int]:
        """Samples by group, of the groups that have any: train, test, validate, then others."""
        reader = self._look()
        return {} if reader is None else _ordered(reader)

    @property
    def groups(self) -> list[str]:
        """Names of the groups that have samples."""
        return list(self.count)

    # --- samples ---

    def __len__(self) -> int:
        return sum(self.count.values())

    def __getitem__(self, key: Any) -> Any:
        """Samples of all groups, in the order of `count`: one by a number (negative: from the end),
        a list of them by a slice or numbers."""
        reader = self._look()
        counts = {} if reader is None else _ordered(reader)
        found = positions(key, sum(counts.values()))
        if isinstance(found, int):
            return _locate(reader, counts, found)
        return [_locate(reader, counts, position) for position in found]

    def __iter__(self) -> Iterator[Sample]:
        for name in self.groups:
            yield from self.group(name)

    def __bool__(self) -> bool:
        return True

    def group(self, name: str) -> Group:
        """The samples of a group, which may be empty yet."""
        return Group(self, name)

    @property
    def train(self) -> Group:
        return Group(self, "train")

    @property
    def test(self) -> Group:
        return Group(self, "test")

    @property
    def validate(self) -> Group:
        return Group(self, "validate")

    def batch(self, size: int, seed: int | None = None) -> Draw:
        """Up to `size` samples of each group drawn by chance, other ones each time unless there is a
        seed: batch.train, batch.test, ... are sequences of (image, label)."""
        return Draw(self, size, seed)

    def filter(self, *, group: str = "train", classes: Sequence[str] | str | None = None,
               min_boxes: int = 0, max_boxes: int = 0, bounds: Sequence[float] | None = None,
               min_valid: float = 0, scene: str | None = None,
               where: Callable[[Sample], Any] | None = None) -> View:
        """The samples of a group for which all conditions hold, as a View.

        classes    any of these is in the one-hot vector or the boxes
        min_boxes, max_boxes  of those classes, when classes are given; max_boxes 0: any number
        bounds     (west, south, east, north) in degrees that the sample meets
        min_valid  valid_fraction at least this
        scene      part of the scene's name
        where      a function of a Sample, called for those that pass the rest"""
        return Group(self, group).filter(
            classes=classes, min_boxes=min_boxes, max_boxes=max_boxes, bounds=bounds,
            min_valid=min_valid, scene=scene, where=where)

    @property
    def views(self) -> dict[str, View]:
        """The views kept in the store, by name."""
        reader = self._look()
        found = {} if reader is None else reader.views()
        return {name: View(self, view["group"], memoryview(view["indices"]).tolist(),
                           json.loads(view["definition"] or "{}"))
                for name, view in found.items()}

    def view(self, name: str) -> View:
        """A view that is kept in the store."""
        views = self.views
        if name not in views:
            raise NotFoundError(f"{self._path}: there is no view {name!r}; there is: "
                                f"{', '.join(views) or 'none'}")
        return views[name]

    def save_view(self, name: str, view: View) -> None:
        """Keeps a view in the store under a name (letters, digits, '_' and '-'); one of that name is
        replaced. Committed at once."""
        definition = json.dumps(view.definition) if view.definition else None
        self._change_views(lambda writer: writer.put_view(name, view.group, view.indices,
                                                          definition))

    def remove_view(self, name: str) -> None:
        """NotFoundError when there is none."""
        self._change_views(lambda writer: writer.remove_view(name))

    def _change_views(self, change: Callable[[Any], Any]) -> None:
        with self._session.lock:
            self._input()
            alone = not self._session.active
            try:
                change(self._session.open())
                self._session.pending += 1
                self._look()
            finally:
                if alone:
                    self._session.release()

    # --- batches ---

    def loader(self, *, view: View | str | None = None, **options: Any) -> Loader:
        """Batches for a training loop: vedatile.Loader(self, **options). `view`: a View or the name
        of one in the store."""
        if isinstance(view, View):
            if view.store._path != self._path or options.get("indices") is not None:
                raise ArgumentError("view: of this store, and without indices")
            return Loader((self, view.group, view.indices), **options)
        return Loader(self, view=view, **options)

    def take(self, indices: Sequence[int], group: str = "train", **options: Any) -> Any:
        """These samples of a group as one Batch: vedatile.take(self, indices, **options)."""
        return take(self, indices, group=group, **options)

    def export(self, output: str | os.PathLike, format: str, **options: Any) -> Report:
        """Writes samples in a format of others: vedatile.export(self, output, format, **options)."""
        return export(self, output, format, **options)

    def split(self, output: str | os.PathLike | None = None,
              split: Mapping[str, float] | None = None, **options: Any) -> Report:
        """Groups the samples anew, as another store, or makes folds: vedatile.split(self, output,
        split, **options)."""
        return _split(self, output, split, **options)

    def run(self, name: str, **options: Any) -> Run:
        """A model's run on a group of this store: vedatile.Run(name, store=self, **options)."""
        return Run(name, store=self, **options)

    # --- looking at it ---

    def __repr__(self) -> str:
        if self._closed:
            return f"Store({self._path!r}, closed)"
        counts = ", ".join(f"{name}: {count}" for name, count in self.count.items())
        return f"Store({self._path!r}: {counts or 'no samples yet'})"

    def _repr_html_(self) -> str:
        rows: dict[str, Any] = {
            "path": self._path, "name": self.name, "tasks": ", ".join(self.tasks),
            "classes": ", ".join(self.classes), "tile": self.tile_size, "type": self.dtype}
        rows |= {f"samples in {name}": count for name, count in self.count.items()}
        return "<table>" + "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
            for name, value in rows.items()) + "</table>"


def _ordered(reader: Reader) -> dict[str, int]:
    counts = {name: count for name, count in reader.groups.items() if count}
    return {name: counts[name] for name in dict.fromkeys((*_USUAL_GROUPS, *counts))
            if name in counts}


def _locate(reader: Any, counts: dict[str, int], position: int) -> Sample:
    for name, count in counts.items():
        if position < count:
            return Sample(reader, name, position)
        position -= count
    raise IndexError(position)


# --- samples to feed ---

def _numbered(number: int, call: Callable, *arguments: Any) -> Any:
    """Calls, and says in a refusal which sample it is about."""
    try:
        return call(*arguments)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"sample {number}: {error}") from None


def _parts(item: Any) -> tuple[Any, Any, Mapping]:
    if isinstance(item, (str, bytes, Window)) or not isinstance(item, Sequence):
        raise ArgumentError(f"(window or image, label) is wanted, not {type(item).__name__}")
    if len(item) not in (2, 3):
        raise ArgumentError(f"(window or image, label) is wanted, not {len(item)} things")
    image, label, about = item if len(item) == 3 else (*item, {})
    if not isinstance(image, Window):
        _image_shape(image)
    known = {"metadata"} if isinstance(image, Window) else {"metadata", "key"}
    if not isinstance(about, Mapping) or not set(about) <= known:
        raise ArgumentError(f"about: a dict of {' and '.join(sorted(known))} is wanted")
    metadata, key = about.get("metadata"), about.get("key")
    if metadata is not None:
        if not isinstance(metadata, dict):
            raise ArgumentError(f"metadata: a dict is wanted, not {type(metadata).__name__}")
        json.dumps(metadata, allow_nan=False)
    if key is not None and not (isinstance(key, str) and 0 < len(key) < 64
                                and all("!" <= letter <= "~" for letter in key)):
        raise ArgumentError(f"key {key!r}: 1 to 63 printable ASCII letters without blanks")
    return image, label, about


_DTYPES = {("u", 1): "uint8", ("u", 2): "uint16", ("i", 2): "int16", ("u", 4): "uint32",
           ("i", 4): "int32", ("f", 4): "float32", ("f", 8): "float64"}
_KINDS = dict.fromkeys("BHILQ", "u") | dict.fromkeys("bhilq", "i") | dict.fromkeys("fd", "f")


def _image_shape(image: Any) -> tuple[tuple[int, ...], str]:
    try:
        view: Any = memoryview(image)
    except TypeError:
        raise ArgumentError("a Window or an array [bands, rows, cols] is wanted, not "
                            f"{type(image).__name__}") from None
    dtype = _DTYPES.get((_KINDS.get(view.format.lstrip("@=<"), ""), view.itemsize))
    if dtype is None:
        raise ArgumentError(f"an image of type {view.format!r}: there is "
                            f"{', '.join(_DTYPES.values())}")
    if view.ndim != 3 or not all(view.shape):
        raise ArgumentError(f"an image of shape {list(view.shape)}: [bands, rows, cols] is wanted")
    if not view.c_contiguous:
        raise ArgumentError("an image that is not contiguous: numpy.ascontiguousarray makes it so")
    return view.shape, dtype


def _check_image(image: Any, spec: dict) -> None:
    shape: tuple[int, ...]
    if isinstance(image, Window):
        shape, dtype = image.shape, image.scene.dtype
    else:
        shape, dtype = _image_shape(image)
    wanted = (spec["bands"], spec["rows"], spec["cols"])
    if tuple(shape) != wanted or dtype != spec["dtype"]:
        raise ArgumentError(f"{dtype} {list(shape)}, but the store's images are {spec['dtype']} "
                            f"{list(wanted)} [bands, rows, cols]")


def _content_key(image: Any) -> str:
    view = memoryview(image)
    digest = hashlib.sha256(f"{view.format} {view.shape} ".encode("ascii"))
    digest.update(view.cast("B"))
    return "array-" + digest.hexdigest()[:40]
