"""Stores to and from the formats of others."""
from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from . import _vedatile

from .feed import Report
from .scene import two

__all__ = ["export", "import_"]

_Path = str | os.PathLike


def export(store: Any, output: _Path, format: str, *, group: str | None = None,
           view: str | None = None, picture: str | None = None, bands: Sequence[int] | None = None,
           stretch: str | None = None, shard: int | None = None,
           progress: Callable[[int, int], Any] | None = None) -> Report:
    """Writes samples as a folder in a format of others: what the command `vedatile export` does.

    store    a Store, or a path
    output   the folder to make; it is there when it is complete
    format   "coco", "yolo", "voc", "geotiff", "png", "npz", "webdataset", "geojson" or "stac"
    group    of the samples; None: all groups
    view     the name of a view kept in the store, instead of a group
    picture  "auto", "png", "jpeg" or "tiff": tiles of coco, yolo, voc and webdataset
    bands    numbers from 1 in the order wanted; None: all
    stretch  "none", "range" or "sigma": how values become 8-bit ones
    shard    samples in one tar file of webdataset; None: 1000
    progress called as progress(done, total) in samples; False, an exception or Ctrl-C stops it, and
             nothing is left behind

    Returns a Report: samples, boxes, hidden (objects without a pixel of their own).

    Raises ExistsError when `output` is there, UnsupportedError when the format cannot hold what the
    store has, ArgumentError, NotFoundError, FormatError (a damaged sample), IoError."""
    from .store import Store

    if isinstance(store, Store):
        store._input()  # commits what was fed
        store = store.path
    return Report(_vedatile.export(
        os.fspath(store), os.fspath(output), format=format, group=group, view=view, picture=picture,
        bands=bands, stretch=stretch, shard=shard, progress=progress))


def import_(store: Any, paths: _Path | Sequence[_Path], format: str, *, group: str | None = None,
            task: str | Sequence[str] | None = None, tile: int | Sequence[int] | None = None,
            codec: str | None = None,
            progress: Callable[[int, int], Any] | None = None) -> Report:
    """Adds the samples of folders that export made to a store, all of them or none, or the images of
    folders that others made in COCO, YOLO or Pascal VOC: what the command `vedatile import` does.

    store    a Store, or a path: created or added to
    paths    the folders: one, or a list
    format   "coco", "yolo", "voc", "geotiff", "png", "npz" or "webdataset"
    group    that all samples go to; None: as they were exported, or as names of files and folders say
    task, tile   of folders that are no exports: "detection" or another task or several (default:
             detection, of COCO also segmentation and instance), and the pixels that smaller images
             are filled up to, a number or (rows, cols); default: all have one size
    codec    of a new store: "lz4" (the default), "raw", "deflate" or "zstd"
    progress called as progress(done, total) in samples; False, an exception or Ctrl-C stops it, and
             nothing was added

    Returns a Report: written, existing (their keys are in the store already), boxes, crowds (COCO's
    objects of many, which masks ignore), left_out (images of other bands than most), warning (text or
    None; it is also passed to warnings.warn).

    Raises ArgumentError, NotFoundError, FormatError (what was read is damaged), BusyError (another
    process writes the store), IoError."""
    from .store import Store

    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    path = store.path if isinstance(store, Store) else os.fspath(store)
    if isinstance(store, Store):
        store.flush()
    options: dict[str, Any] = {}
    if tile is not None:
        options["tile_rows"], options["tile_cols"] = two("tile", tile)
    try:
        report = Report(_vedatile.import_(
            path, paths=[os.fspath(name) for name in paths], format=format, group=group, task=task,
            codec=codec, progress=progress, **options))
    finally:
        if isinstance(store, Store):
            store.refresh()
    report["warning"] = report["warning"] or None
    if report.warning:
        warnings.warn(report.warning, stacklevel=2)
    return report
