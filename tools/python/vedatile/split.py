"""Stores grouped anew, folds, and the ground that groups share."""
from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import _vedatile

from .feed import Report

__all__ = ["leakage", "split"]

_Path = str | os.PathLike


def split(store: Any, output: _Path | None = None, split: Mapping[str, float] | None = None, *,
          split_by: str | None = None, split_time: Mapping[str, str | None] | None = None,
          block_size: float | None = None,
          split_gap: float | None = None, seed: int | None = None, stratify: bool = False,
          folds: int | None = None, group: str | None = None, verify: bool = False,
          threads: int | None = None, dry_run: bool = False,
          progress: Callable[[int, int], Any] | None = None) -> Report:
    """Groups the samples of a store anew, and makes folds: what the command `vedatile split` does.

    store       a Store, or a path
    output      the store to make: the same samples, stored bytes and all; it is there when it is
                complete; None: only folds, as views of `store`
    split       {"train": 0.8, "test": 0.2}: groups of the output; None: those of the store
    split_by    "block" (ground), "scene", "random", "field:F" (F a member of the samples' metadata)
                or "time"; block_size in metres
    split_time  {"train": "2020-01-01", "test": None}: groups of a split by time and the dates
                before which their scenes were acquired, in place of split
    split_gap   metres that groups, and test and train of a fold, are apart at least
    seed        same seed, same groups and folds
    stratify    choose blocks or scenes so that each class has its share in each group or fold
    folds       views fold_1_train, fold_1_test, ...: each sample is tested in exactly one
    group       of the folds; None: train, or the only one
    verify      decode every sample and compare it with its checksums before it is copied
    threads     0: one per core
    dry_run     say what would go where, write nothing
    progress    called as progress(done, total) in samples; False, an exception or Ctrl-C stops it,
                and nothing is left behind

    Returns a Report: samples, written, straddling (left out: they reach into blocks of two groups),
    groups, folds (a list of dicts: test, train, left_out), views_kept, views_dropped, block_size,
    warning (text or None; it is also passed to warnings.warn).

    Raises ExistsError when `output` is there, ArgumentError, NotFoundError (a group or fold would
    be empty), FormatError (a damaged sample), BusyError, IoError."""
    from .store import Store

    path = store.path if isinstance(store, Store) else os.fspath(store)
    if isinstance(store, Store):
        store._input()
        store.flush()
    report = Report(_vedatile.split(
        path, output=None if output is None else os.fspath(output),
        split=dict(split) if isinstance(split, Mapping) else split, split_by=split_by,
        split_time=None if split_time is None else dict(split_time), block_size=block_size,
        split_gap=split_gap, seed=seed, stratify=stratify, folds=folds, group=group, verify=verify,
        threads=threads, dry_run=dry_run, progress=progress))
    if isinstance(store, Store):
        store.refresh()
    if report.warning:
        warnings.warn(f"{path}: {report.warning}", stacklevel=2)
    return report


def leakage(stores: Any, *, gap: float | None = None, views: Sequence[str] | None = None,
            folds: bool = False, progress: Callable[[int, int], Any] | None = None) -> Report:
    """Samples of different groups that share ground: what `vedatile check --leakage` does.

    stores    a Store or path, or several: a group is its name, in whatever store
    gap       metres that samples of different groups must be apart; default 0: they may touch
    views     compare these views of each store in place of its groups
    folds     compare the train view of each fold with its test view
    progress  called as progress(done, total) in samples; False, an exception or Ctrl-C stops it

    Returns a Report: samples, unplaced (without a place on the Earth) and leaks, a list of dicts:
    samples (two dicts: store, group, key) and square_metres (0: only too near, NaN: unknown) or
    pixels. Nothing leaks when the list is empty."""
    from .store import Store

    if isinstance(stores, (Store, str, os.PathLike)):
        stores = [stores]
    paths = []
    for store in stores:
        if isinstance(store, Store):
            store._input()  # commits what was fed
        paths.append(store.path if isinstance(store, Store) else os.fspath(store))
    return Report(_vedatile.leakage(
        paths, gap=gap, views=None if views is None else list(views), folds=folds,
        progress=progress))
