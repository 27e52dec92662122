"""Configuration files of feeds, as vedatile feed --config reads them (feed-config.schema.json)."""
from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from ._vedatile import ArgumentError, FormatError, NotFoundError, Reader

__all__ = ["read_config", "with_config"]

# Names of files, relative to the file that they are in.
PATHS = ("image", "labels", "extra", "window-file", "aoi", "class-map", "ignore", "cloud-file",
         "label-raster", "label-map", "split-areas")
SIZES = ("tile", "stride")
# Of the command, or given by other means.
UNUSED = ("$schema", "store", "json", "progress", "plan")
# An option that is given takes the place of these.
EXCLUDES = {"group": ("split", "split_by", "split_time", "split_areas", "block_size", "split_gap"),
            "split": ("group", "split_time", "split_areas"),
            "split_time": ("group", "split", "split_areas"),
            "split_areas": ("group", "split", "split_by", "split_time", "block_size", "split_gap")}

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_config(config: str | os.PathLike | Mapping[str, Any]) -> dict[str, Any]:
    """The options in a file, in a store ("STORE", or "STORE#2" for its second feed) or in a mapping,
    by their names in Python. Paths are made relative to the current folder."""
    if isinstance(config, Mapping):
        return _named("config", config, "")
    path = os.fspath(config)
    number = re.search(r"#(\d+)$", path)
    if number and not os.path.exists(path):
        path = path[:number.start()]
    else:
        number = None
    try:
        with open(path, "rb") as file:
            stored = file.read(len(_SIGNATURE)) == _SIGNATURE
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror}") from None
    if stored:
        options = _of_store(path, int(number.group(1)) if number else 0)
    elif number:
        raise ArgumentError(f"{config}: #{number.group(1)} is about stores, and {path} is none")
    else:
        options = _of_file(path)
    return _named(path, options, os.path.dirname(path))


def with_config(config: Any, given: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    """The options of a configuration, less those that `given` has or excludes, and `given`."""
    options = read_config(config)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0].replace('_', '-')!r}?" if near else ""
            raise ArgumentError(f"config: /{name.replace('_', '-')}: there is no such option{hint}")
    for name in given:
        for other in EXCLUDES.get(name, ()):
            options.pop(other, None)
    return {**options, **given}


def _of_file(path: str) -> Mapping[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            options = json.load(file)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from None
    if not isinstance(options, dict):
        raise FormatError(f"{path}: must be a JSON object of options")
    return options


def _of_store(path: str, number: int) -> Mapping[str, Any]:
    feeds = json.loads(Reader(path).feed_config)
    if not feeds:
        raise ArgumentError(f"{path}: the store has no feed to repeat")
    if number == 0 and len(feeds) > 1:
        raise ArgumentError(f"{path}: the store was fed {len(feeds)} times: name one: "
                            f"{path}#1 to {path}#{len(feeds)}")
    if number > len(feeds):
        raise ArgumentError(f"{path}: there is no feed {number}, the store has {len(feeds)}")
    options = feeds[max(number, 1) - 1].get("options")
    if not isinstance(options, dict):
        raise ArgumentError(f"{path}: feed {max(number, 1)} is of a version that did not keep all "
                            "options")
    return options


def _place(folder: str, path: Any) -> Any:
    """A path as this process has to open it; names of drivers' connections stay."""
    if not isinstance(path, str) or not folder or path.startswith("/"):
        return path
    joined = os.path.join(folder, path)
    connection = re.match(r"\w+:|<|{", path) or "://" in path
    return path if connection and not os.path.exists(joined) else joined


def _named(title: str, options: Mapping[str, Any], folder: str) -> dict[str, Any]:
    named = {}
    for name, value in options.items():
        if name in UNUSED or value is False or value == [] or value == {}:
            continue
        if "_" in name:
            raise ArgumentError(f"{title}: /{name}: there is no such option; did you mean "
                                f"{name.replace('_', '-')!r}?")
        if name in PATHS:
            value = ([_place(folder, path) for path in value] if isinstance(value, list)
                     else _place(folder, value))
        elif name in SIZES and isinstance(value, list):
            value = value[::-1]  # columns x rows; arrays have rows first
        elif name == "resolution" and isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif name == "nodata" and isinstance(value, list):
            value = "none" if value == ["none"] else [float(item) for item in value]
        elif name == "split" and isinstance(value, list):
            value = {group: share for part in value for group, share in part.items()}
        named[name.replace("-", "_")] = value
    return named
