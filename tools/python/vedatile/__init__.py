"""Training data from georeferenced imagery and vector labels, and batches of it.

    store = vedatile.Store("scenes.h5")
    for x, y in store.loader(batch_size=32, shuffle=True, seed=1):
        ...
"""
from ._vedatile import (  # noqa: F401
    ArgumentError, Array, Batch, BusyError, DeniedError, Error, ExistsError, FormatError, IoError,
    NotFoundError, Reader, UnsupportedError, versions)

from .annotations import AnnotatedSample, AnnotationSet, annotation_sets
from .catalog import Entry, entry, login, logout, search, submit
from .evaluation import Evaluation, evaluate
from .exchange import export, import_
from .feed import Report, feed
from .hdf5 import Hdf5, open_hdf5
from .loader import Loader, loader, take
from .runs import Run, runs
from .samples import Group, Sample, View
from .scene import Place, Scene, Window
from .split import leakage, split
from .store import Store

__all__ = [
    "AnnotatedSample", "AnnotationSet", "ArgumentError", "Array", "Batch", "BusyError", "DeniedError", "Entry",
    "Error", "Evaluation", "ExistsError",
    "FormatError", "Group", "Hdf5", "IoError", "Loader", "NotFoundError", "Place", "Reader", "Report", "Run", "Sample", "Scene",
    "Store", "UnsupportedError", "View", "Window", "annotation_sets", "entry", "evaluate", "export", "feed",
    "import_", "leakage", "loader", "login", "logout", "open_hdf5", "runs", "search", "split", "take", "versions",
]
