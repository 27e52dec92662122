"""Pictures of samples, with the standard library alone."""
from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from ._vedatile import ArgumentError

LEAST_SIDE = 256  # small tiles are shown enlarged
COLOURS = [(230, 25, 75), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48),
           (145, 30, 180), (70, 240, 240), (240, 50, 230), (210, 245, 60), (250, 190, 212)]


class Picture:
    """An RGB image that notebooks show."""

    def __init__(self, rgb: bytearray, cols: int, rows: int):
        self.rgb, self.cols, self.rows = rgb, cols, rows

    def png(self) -> bytes:
        """The file's bytes (PNG 1.2: 8 bits, RGB, no filter)."""
        line = 3 * self.cols
        lines = b"".join(b"\0" + self.rgb[i:i + line] for i in range(0, len(self.rgb), line))
        chunks = ((b"IHDR", struct.pack(">IIBBBBB", self.cols, self.rows, 8, 2, 0, 0, 0)),
                  (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)

    def save(self, path: Any) -> None:
        with open(path, "wb") as file:
            file.write(self.png())

    def url(self) -> str:
        """A data: URL for HTML."""
        return "data:image/png;base64," + base64.b64encode(self.png()).decode("ascii")

    def enlarged(self, times: int) -> Picture:
        out = bytearray()
        for row in range(self.rows):
            line = self.rgb[3 * self.cols * row:3 * self.cols * (row + 1)]
            wide = bytearray(len(line) * times)
            for i in range(times):
                for band in range(3):
                    wide[3 * i + band::3 * times] = line[band::3]
            out += wide * times
        return Picture(out, self.cols * times, self.rows * times)

    def _repr_png_(self) -> bytes:
        return self.png()

    def __repr__(self) -> str:
        return f"Picture({self.cols} x {self.rows})"


def _stretch(values: Any) -> bytes:
    """Values to 0..255 between their percentiles 2 and 98."""
    known = sorted(value for value in values if value == value)
    if not known:
        return bytes(len(values))
    low, high = known[len(known) * 2 // 100], known[(len(known) - 1) * 98 // 100]
    scale = 255 / (high - low) if high > low else 0
    levels: dict = {}
    for value in set(values):
        level = (value - low) * scale if scale else 128
        levels[value] = int(min(max(level, 0), 255)) if level == level else 0
    return bytes(levels.get(value, 0) for value in values)


def _blend(rgb: bytearray, mask: Any, ignore: int) -> None:
    """Lays half transparent colours where the mask has classes; ignored pixels are darkened."""
    for i, value in enumerate(mask):
        if value:
            colour = (0, 0, 0) if value == ignore else COLOURS[(value - 1) % len(COLOURS)]
            for band in range(3):
                rgb[3 * i + band] = (rgb[3 * i + band] + colour[band]) // 2


def _outline(picture: Picture, box: Any, colour: tuple, times: int) -> None:
    left, top, right, bottom = (int(value * times) for value in box)
    right = min(max(right - 1, left), picture.cols - 1)
    bottom = min(max(bottom - 1, top), picture.rows - 1)
    for row in range(top, bottom + 1):
        columns = range(left, right + 1) if row in (top, bottom) else (left, right)
        for col in columns:
            at = 3 * (row * picture.cols + col)
            picture.rgb[at:at + 3] = bytes(colour)


def _plane(reader_array: Any, band: int) -> Any:
    view: Any = memoryview(reader_array)
    rows, cols = view.shape[-2:]
    return view.cast("B").cast(view.format)[band * rows * cols:(band + 1) * rows * cols]


def draw(sample: Any, classes: Sequence[str], bands: Sequence[int] | None) -> Picture:
    """The picture of a sample: see Sample.show."""
    image = sample._reader.image(sample.group, sample.index)
    count, rows, cols = image.shape
    if bands is None:
        bands = (0, 1, 2) if count >= 3 else (0, 0, 0)
    if len(bands) != 3 or not all(0 <= band < count for band in bands):
        raise ArgumentError(f"bands: {bands!r}: three numbers from 0 to {count - 1} are wanted")
    rgb = bytearray(3 * rows * cols)
    for channel, band in enumerate(bands):
        rgb[channel::3] = _stretch(_plane(image, band))
    if sample._has("segmentation"):
        mask = sample._reader.mask(sample.group, sample.index)
        _blend(rgb, _plane(mask, 0), 65535 if memoryview(mask).itemsize == 2 else 255)
    picture = Picture(rgb, cols, rows)
    times = max(1, -(-LEAST_SIDE // max(rows, cols)))
    if times > 1:
        picture = picture.enlarged(times)
    if sample._has("detection", "instance"):
        boxes, numbers, *_ = sample.box_arrays
        for box, number in zip(memoryview(boxes).tolist(), memoryview(numbers).tolist()):
            _outline(picture, box, COLOURS[number % len(COLOURS)], times)
    return picture
