"""Scenes and windows of them."""
from __future__ import annotations

import math
import operator
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ._vedatile import ArgumentError
from ._vedatile import Scene as _Scene

from .arrays import wrap

__all__ = ["Place", "Scene", "Window"]


class Place(NamedTuple):
    """An integer pixel rectangle on a scene's grid; (0, 0) is the scene's upper left pixel."""

    col: int
    row: int
    cols: int
    rows: int


def two(name: str, value: int | Sequence[int]) -> tuple[int, int]:
    """(rows, cols) from that or from one number for both."""
    try:
        rows, cols = (value, value) if hasattr(value, "__index__") else value
        rows, cols = operator.index(rows), operator.index(cols)
    except (TypeError, ValueError):
        raise ArgumentError(f"{name}: {value!r}: a number or (rows, cols) is wanted") from None
    if rows < 1 or cols < 1:
        raise ArgumentError(f"{name}: {value!r}: rows and cols are at least 1")
    return rows, cols


class Window:
    """Pixels of a scene, read when they are asked for. Windows are equal when scene content and
    place are; they can be pickled."""

    __slots__ = ("scene", "col", "row", "cols", "rows")

    def __init__(self, scene: Scene, col: int, row: int, cols: int, rows: int):
        self.scene = scene
        self.col, self.row, self.cols, self.rows = map(operator.index, (col, row, cols, rows))
        if self.cols < 1 or self.rows < 1:
            raise ArgumentError(f"a window of {self.rows} rows and {self.cols} cols")

    @property
    def place(self) -> Place:
        return Place(self.col, self.row, self.cols, self.rows)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(bands, rows, cols)"""
        return self.scene.shape[0], self.rows, self.cols

    @property
    def geotransform(self) -> tuple[float, ...] | None:
        """Of the window, in GDAL's order; None when the scene has none."""
        g = self.scene.geotransform
        if g is None:
            return None
        return (g[0] + g[1] * self.col + g[2] * self.row, g[1], g[2],
                g[3] + g[4] * self.col + g[5] * self.row, g[4], g[5])

    def read(self) -> Any:
        """Array [bands, rows, cols] of the scene's dtype; nodata or 0 outside the scene.

        Raises FormatError when pixels cannot be decoded, IoError when the system refuses."""
        return self.scene.read(self.place)

    def __repr__(self) -> str:
        return (f"Window({self.scene.uri!r}, col={self.col}, row={self.row}, cols={self.cols}, "
                f"rows={self.rows})")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Window):
            return NotImplemented
        return self.place == other.place and self.scene == other.scene

    def __hash__(self) -> int:
        return hash((self.place, self.scene))

    def __getstate__(self) -> tuple:
        return self.scene, *self.place

    def __setstate__(self, state: tuple) -> None:
        self.scene, self.col, self.row, self.cols, self.rows = state


class Scene:
    """A georeferenced raster: any file or URL that GDAL opens.

        scene = vedatile.Scene("a.tif")
        for window in scene.iterwindows(count=100, window_shape=(256, 256), seed=1):
            window.read()                                   # array [bands, 256, 256]

    `bands`: numbers from 1 in the order wanted; None: all but alpha. Any number of threads may use
    a scene, one at a time reads. Scenes are equal when their content and bands are.

    uri           as it was given; absolute when it is a local file
    shape         (bands, rows, cols)
    dtype         "uint8", "uint16", "int16", "uint32", "int32", "float32" or "float64"
    band_names    the bands' descriptions, or "band_1", ...
    crs           WKT2 text, None when there is none
    geotransform  six numbers in GDAL's order, None when there is none
    bounds        (west, south, east, north) in degrees, None when unknown; west > east crosses the
                  antimeridian
    digest        32 hex digits that identify the content

    Raises NotFoundError, FormatError (no raster, damaged), UnsupportedError (complex pixels),
    ArgumentError (no such band)."""

    def __init__(self, uri: str | os.PathLike, bands: Sequence[int] | None = None):
        name = os.fspath(uri)
        self.uri = os.path.abspath(name) if os.path.exists(name) else name
        self.bands = None if bands is None else tuple(map(operator.index, bands))
        self._start()
        spec = self._open().spec()
        self.shape: tuple[int, int, int] = (spec["bands"], spec["rows"], spec["cols"])
        self.dtype: str = spec["dtype"]
        self.band_names: list[str] = spec["band_names"]
        self.crs: str | None = spec["crs"] or None
        self.digest: str = spec["digest"]
        self.geotransform: tuple[float, ...] | None = (
            spec["geotransform"] if any(spec["geotransform"]) else None)
        self.bounds: tuple[float, ...] | None = (
            None if any(map(math.isnan, spec["bounds"])) else spec["bounds"])

    def _start(self) -> None:
        self._handle: Any = None
        self._process = 0
        self._lock = threading.Lock()

    def _open(self) -> Any:
        """The open file; opened again after a fork or when the scene comes out of a pickle."""
        if self._process != os.getpid():
            self._lock = threading.Lock()
            self._process = os.getpid()
            self._handle = None
        with self._lock:
            if self._handle is None:
                self._handle = _Scene(self.uri, self.bands)
            return self._handle

    def read(self, window: Sequence[int] | None = None) -> Any:
        """Array [bands, rows, cols] of (col, row, cols, rows), of the whole scene by default."""
        if window is None:
            window = Place(0, 0, self.shape[2], self.shape[1])
        return wrap(self._open().read(tuple(window)))

    def window(self, col: int, row: int, cols: int, rows: int) -> Window:
        """A window anywhere; what lies outside the scene is nodata or 0."""
        return Window(self, col, row, cols, rows)

    def iterwindows(self, count: int | None = None,
                    window_shape: int | Sequence[int] = (256, 256),
                    stride: int | Sequence[int] | None = None, seed: int = 0) -> Iterator[Window]:
        """Windows of `window_shape` (rows, cols), all inside the scene.

        With `count`: that many different windows at random places, every place equally likely; they
        follow from the seed and the scene's content alone, and the first of a longer run are those
        of a shorter one. Without: the windows of a grid from the upper left corner, row by row,
        `stride` (rows, cols) apart; None: side by side.

        Raises ArgumentError when windows of that size do not fit the scene, or not so many."""
        rows, cols = two("window_shape", window_shape)
        if count is None:
            down, across = (0, 0) if stride is None else two("stride", stride)
            return self._grid(memoryview(self._open().grid(cols, rows, across, down)))
        if stride is not None:
            raise ArgumentError("stride: is of a grid; random windows (count) have none")
        count = operator.index(count)
        places = max(self.shape[1] - rows + 1, 0) * max(self.shape[2] - cols + 1, 0)
        self._open().random_window(cols, rows, 0, 0)  # says what does not fit
        if not 0 <= count <= places:
            raise ArgumentError(f"{self.uri}: {count} windows of {rows} rows and {cols} cols, but "
                                f"there are {places} places for them")
        return self._random(count, cols, rows, operator.index(seed) & (2 ** 64 - 1))

    def _grid(self, places: memoryview) -> Iterator[Window]:
        numbers = places.cast("B").cast("i") if len(places) else places
        for i in range(0, 4 * len(places), 4):
            yield Window(self, *numbers[i:i + 4])

    def _random(self, count: int, cols: int, rows: int, seed: int) -> Iterator[Window]:
        seen: set[tuple] = set()
        index = 0
        while len(seen) < count:
            place = self._open().random_window(cols, rows, seed, index)
            index += 1
            if place not in seen:
                seen.add(place)
                yield Window(self, *place)

    def __repr__(self) -> str:
        bands, rows, cols = self.shape
        return f"Scene({self.uri!r}: {bands} bands of {rows} x {cols} pixels, {self.dtype})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scene):
            return NotImplemented
        return (self.digest, self.bands) == (other.digest, other.bands)

    def __hash__(self) -> int:
        return hash((self.digest, self.bands))

    def __getstate__(self) -> dict:
        state = self.__dict__.copy()
        for name in ("_handle", "_process", "_lock"):
            del state[name]
        return state

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._start()
