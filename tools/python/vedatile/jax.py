"""Batches as JAX arrays.

    for x, y in vedatile.jax.loader("store.h5", batch_size=32, dtype="float32"):
        ...

JAX may use memory that it is given as it is, for longer than one expects. So arrays are copied into
JAX's memory; with copy=False they may share the batch's, which then waits until they are gone.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy

from . import _vedatile

from . import arrays
from .loader import Loader as _Loader

__all__ = ["Loader", "loader"]


def _array(array: Any, copy: bool) -> Any:
    if isinstance(array, _vedatile.Array) and (
            not copy or array.device != "cpu" or array.dtype == "bfloat16"):
        shared = jax.numpy.from_dlpack(array)
        return jax.numpy.copy(shared) if copy else shared
    return jax.numpy.array(arrays.wrap(array), copy=copy)


class Loader(_Loader):
    """A vedatile.Loader whose x and y are JAX arrays, on JAX's default device.

    Options, shapes, dtypes and errors are those of vedatile.Loader, and copy=True. Without JAX's
    64-bit mode, class ids are int32.
    """

    def __init__(self, source: Any, /, copy: bool = True, **options: Any):
        self._copy = copy
        super().__init__(source, **options)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for batch in self.batches():
            labels = arrays.y(batch)
            yield (_array(batch.images, self._copy),
                   jax.tree_util.tree_map(lambda array: _array(array, self._copy), labels))
            del batch, labels

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._source, self._copy, self._given, self.state_dict())


def _restore(source: Any, copy: bool, options: Mapping[str, Any],
             state: Mapping[str, int]) -> Loader:
    return Loader(source, copy=copy, **{**options, "resume": state})


def loader(source: Any, /, copy: bool = True, **options: Any) -> Loader:
    """Loader(source, copy, **options): see there."""
    return Loader(source, copy=copy, **options)
