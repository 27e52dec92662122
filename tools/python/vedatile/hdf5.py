"""Images and labels in HDF5 files that are no stores."""
from __future__ import annotations

import operator
import os
from typing import Any

from . import _vedatile

from .loader import Loader, take

__all__ = ["Hdf5", "open_hdf5"]


class Hdf5:
    """Samples of an HDF5 file by whatever program; see open_hdf5.

    Indexing reads one sample, (image, label) as NumPy arrays. Any number of threads may use it.
    """

    def __init__(self, path: str | os.PathLike[str], images: str, labels: str | None = None,
                 axes: str | None = None, keep_table: bool = True):
        self._file = _vedatile.Hdf5(os.fspath(path), images, labels, axes, keep_table)

    @property
    def path(self) -> str:
        """The file."""
        return self._file.path

    @property
    def tile(self) -> tuple[int, int, int, str]:
        """(bands, rows, cols, dtype's name) of an image."""
        return self._file.tile

    @property
    def axes(self) -> str:
        """Axes of an image in the file: "chw" or "hwc"."""
        return self._file.axes

    @property
    def label(self) -> tuple[tuple[int, ...], str] | None:
        """(shape, dtype's name) of one label, or None."""
        return self._file.label

    def _input(self) -> _vedatile.Hdf5:
        return self._file

    def __len__(self) -> int:
        return len(self._file)

    def __getitem__(self, index: int | slice) -> Any:
        """(image, label) of one sample, shaped as `axes`, `tile` and `label` say; label None without
        labels; a slice gives a list of them. Raises IndexError, FormatError."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(f"{self.path}: no sample {number}; there are {len(self)}")
        index = number % len(self)
        image = self._file.image(index).numpy()
        return image, None if self.label is None else self._file.value(index).numpy()

    def take(self, indices: Any, **options: Any) -> _vedatile.Batch:
        """The samples `indices`, in that order, as one Batch; see vedatile.take."""
        return take(self, indices, **options)

    def loader(self, **options: Any) -> Loader:
        """A Loader of the file's samples; options are those of vedatile.Loader."""
        return Loader(self, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._file,)

    def __repr__(self) -> str:
        return f"<vedatile.Hdf5 {self.path}: {len(self)} samples, tile {self.tile}>"


def _reopen(file: _vedatile.Hdf5) -> Hdf5:
    opened = Hdf5.__new__(Hdf5)
    opened._file = file
    return opened


def open_hdf5(path: str | os.PathLike[str], images: str, labels: str | None = None, *,
              axes: str | None = None, keep_table: bool = True) -> Hdf5:
    """Opens images and labels in an HDF5 file by h5py, PyTables, MATLAB or others.

    images: path of a dataset [N, rows, cols] or of four axes. labels: path of a dataset [N, ...],
    or None. axes: "chw" or "hwc" of the images; None finds out from the shape. keep_table: keep
    the table of chunks in a file beside it, so that the next opening is fast.

    Raises NotFoundError (it names the datasets that there are), FormatError, UnsupportedError.
    """
    return Hdf5(path, images, labels, axes, keep_table)
