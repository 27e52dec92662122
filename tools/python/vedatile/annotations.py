"""Annotations: records on the samples of a store, or of a free set."""
from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import _vedatile

__all__ = ["AnnotationSet", "AnnotatedSample", "annotation_sets"]


class AnnotatedSample:
    """A sample of a set: `reference`, `index`, `rows`, `cols`, `annotated`, `group`, `metadata`, and
    its `annotations`, a list of dicts (schemas/annotation.schema.json)."""

    def __init__(self, index: int, about: dict[str, Any], annotations: list[dict[str, Any]]):
        self.index = index
        self.reference = about["reference"]
        self.rows, self.cols = about["rows"], about["cols"]
        self.annotated = about["annotated"]
        self.group = about["group"]
        self.metadata: dict[str, Any] = json.loads(about["metadata"] or "{}")
        self.annotations = annotations

    def __repr__(self) -> str:
        return f"AnnotatedSample({self.reference!r}, {len(self.annotations)} annotations)"


def _records(annotations: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> str:
    if isinstance(annotations, Mapping):
        annotations = [annotations]
    return json.dumps(list(annotations), allow_nan=False)


class AnnotationSet:
    """Boxes, polygons, masks, lines, points and labels of samples.

    AnnotationSet() is a free set in memory, AnnotationSet("file.h5") one in a file;
    store.annotations("labels") is that of a store. `write` locks the file: another writer waits up to
    `wait` seconds, then gets BusyError. As a context manager the set is saved when the block ends
    without an exception, and closed.
    """

    def __init__(self, path: str | os.PathLike | None = None, *, store: str | os.PathLike | None = None,
                 name: str | None = None, group: str | None = None, write: bool = True, wait: float = 0.0):
        def text(value: str | os.PathLike | None) -> str | None:
            return None if value is None else os.fspath(value)

        self._write = bool(write) and (path is not None or store is not None)
        self._set = _vedatile.annotations_open(text(store), name, text(path), group, self._write, wait)

    @classmethod
    def from_store(cls, store: Any, group: str | None = None) -> AnnotationSet:
        """A store's own boxes, instances and classes of samples as a free set in memory."""
        made = cls.__new__(cls)
        made._write = False
        made._set = _vedatile.annotations_from_store(os.fspath(getattr(store, "path", store)), group)
        return made

    # --- the set -----------------------------------------------------------------------------

    def __enter__(self) -> AnnotationSet:
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        try:
            if kind is None and self._write:
                self.save()
        finally:
            self.close()

    def save(self) -> None:
        """Writes the file, whole and at once."""
        _vedatile.annotations_save(self._set)

    def close(self) -> None:
        """Gives the lock back. What was not saved is gone."""
        _vedatile.annotations_close(self._set)

    @property
    def info(self) -> dict[str, Any]:
        """path, store_uuid, group, bound, content_sha256, and numbers of samples and annotations."""
        return _vedatile.annotations_info(self._set)

    def __len__(self) -> int:
        return self.info["annotations"]

    def keys(self) -> list[str]:
        """The keys of the labels, sorted."""
        return _vedatile.annotations_values(self._set, None)

    def values(self, key: str = "class") -> list[str]:
        """The values that a key has, sorted."""
        return _vedatile.annotations_values(self._set, key)

    # --- samples -----------------------------------------------------------------------------

    def iloc(self, index: int) -> AnnotatedSample:
        """The sample of an index, with its annotations."""
        if index < 0:
            raise _vedatile.NotFoundError(f"no sample {index}")
        about = _vedatile.annotations_sample(self._set, index)
        found = [json.loads(text) for text in _vedatile.annotations_list(self._set, index)]
        return AnnotatedSample(index, about, found)

    def refloc(self, reference: str) -> AnnotatedSample:
        """The sample of a reference (of a store: a key), with its annotations."""
        return self.iloc(_vedatile.annotations_find_sample(self._set, reference))

    def loc(self, number: int) -> dict[str, Any]:
        """One annotation by its number in the set."""
        return json.loads(_vedatile.annotations_find_number(self._set, number))

    def get(self, sample: str | int, annotation_id: str) -> dict[str, Any]:
        """One annotation of a sample by its id."""
        return json.loads(_vedatile.annotations_find(self._set, self._index(sample), annotation_id))

    def list(self, sample: str | int | None = None) -> Any:
        """The annotations of a sample, by reference or index, or of all samples."""
        if sample is not None:
            return self.iloc(self._index(sample)).annotations
        return [record for found in self.samples() for record in found.annotations]

    def samples(self) -> Iterator[AnnotatedSample]:
        """Every sample, in the order of its index."""
        for index in range(self.info["samples"]):
            yield self.iloc(index)

    def _index(self, sample: str | int) -> int:
        if isinstance(sample, str):
            return _vedatile.annotations_find_sample(self._set, sample)
        return sample

    def add_sample(self, reference: str, rows: int = 0, cols: int = 0,
                   metadata: Mapping[str, Any] | None = None, update: bool = False) -> int:
        """Registers a sample of a free set and returns its index."""
        text = None if metadata is None else json.dumps(metadata, allow_nan=False)
        return _vedatile.annotations_add_sample(self._set, reference, rows, cols, text, update)

    def mark(self, sample: str | int | None = None) -> None:
        """Says that a sample was looked at, or every one, whether something is on it or not."""
        for index in range(self.info["samples"]) if sample is None else [self._index(sample)]:
            _vedatile.annotations_mark(self._set, index)

    # --- changes -----------------------------------------------------------------------------

    def add(self, annotations: Any, update: bool = False, skip_bad: bool = False) -> dict[str, Any]:
        """Adds annotations, dicts with "sample" and what schemas/annotation.schema.json has. All of
        them or none, unless `skip_bad`. Returns counts, and the problems that were skipped."""
        return _vedatile.annotations_add(self._set, _records(annotations), "annotations", update, skip_bad)

    def update(self, annotations: Any, skip_bad: bool = False) -> dict[str, Any]:
        """As add, and annotations that are there already are replaced."""
        return self.add(annotations, update=True, skip_bad=skip_bad)

    def remove(self, sample: str | int, annotation_id: str | None = None) -> None:
        """Removes an annotation of a sample, or all of them with the sample's mark."""
        _vedatile.annotations_remove(self._set, self._index(sample), annotation_id)

    # --- the formats of others ---------------------------------------------------------------

    def import_file(self, path: str | os.PathLike, format: str = "auto", *, key: str | None = None,
                    class_field: str | None = None, oriented: bool = False, update: bool = False,
                    skip_bad: bool = False) -> dict[str, Any]:
        """Adds what a file or folder has: jsonl, coco, geojson, yolo or voc."""
        return _vedatile.annotations_exchange(self._set, True, os.fspath(path), format, key, class_field, None,
                                              oriented, update, skip_bad)

    def export(self, path: str | os.PathLike, format: str, *, key: str | None = None, crs: str | None = None,
               oriented: bool = False) -> dict[str, Any]:
        """Writes a file or folder, which must not be there."""
        return _vedatile.annotations_exchange(self._set, False, os.fspath(path), format, key, None, crs, oriented,
                                              False, False)


def annotation_sets(store: Any) -> list[str]:
    """The names of a store's sets."""
    return _vedatile.annotations_names(os.fspath(getattr(store, "path", store)))
