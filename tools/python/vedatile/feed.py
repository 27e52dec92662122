"""Scenes and label files to samples of a store."""
from __future__ import annotations

import json
import numbers
import operator
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import _vedatile
from ._vedatile import ArgumentError

from .config import with_config
from .scene import two

__all__ = ["Report", "feed"]

_Path = str | os.PathLike


class Report(dict):
    """What a feed did: a dict whose items are attributes too (report["written"] is
    report.written)."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the report has no {name!r}; it has {', '.join(self)}") from None

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.items() if value not in (0, None, {})}
        return "Report(" + ", ".join(f"{name}={value!r}" for name, value in shown.items()) + ")"


def _names(value: _Path | Sequence[_Path] | None) -> list[str] | None:
    """Names of files as a list, where one may be given alone."""
    if value is None:
        return None
    if isinstance(value, (str, os.PathLike)):
        value = [value]
    return [os.fspath(name) for name in value]


def _bands(value: Sequence[int | str] | None) -> Sequence[str] | None:
    """Numbers and names of bands as text; one str alone is left for the extension to refuse."""
    if value is None or isinstance(value, str):
        return value
    return [band if isinstance(band, str) else str(operator.index(band)) for band in value]


def _with_geometry(plan: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def told(window: dict[str, Any]) -> None:
        window["geometry"] = json.loads(window.pop("ground"))
        plan(window)
    return told


def _values(value: Sequence[str] | Mapping[int | str, str] | None) -> Sequence[str] | None:
    """Classes of pixel values as text."""
    if not isinstance(value, Mapping):
        return value
    return [f"{key}={name}" for key, name in value.items()]


def feed(store: Any, image: _Path | Sequence[_Path] | None = None,
         labels: _Path | Sequence[_Path] | None = None, *, label_format: str | None = None,
         width: str | None = None,
         label_raster: _Path | Sequence[_Path] | None = None,
         label_values: Sequence[str] | Mapping[int | str, str] | None = None,
         label_map: _Path | None = None,
         task: str | Sequence[str] | None = None, tile: int | Sequence[int] | None = None,
         stride: int | Sequence[int] | None = None, edge: str | None = None,
         windows: str | None = None, count: int | None = None, apart: bool = False,
         jitter: int | None = None, background_ratio: float | None = None,
         window_file: _Path | None = None,
         aoi: _Path | Sequence[_Path] | None = None, aoi_rule: str | None = None,
         aoi_share: float | None = None, aoi_mask: bool = False,
         bands: Sequence[int | str] | None = None, dtype: str | None = None,
         unscale: bool = False, nodata: float | Sequence[float] | str | None = None,
         valid_rule: str | None = None, cloud_band: int | str | None = None,
         cloud_file: _Path | Sequence[_Path] | None = None,
         cloud_bits: Sequence[int] | None = None, cloud_values: Sequence[int] | None = None,
         max_cloud: float | None = None, cloud_mask: bool = False, crs: str | None = None,
         resolution: float | Sequence[float] | None = None,
         resampling: str | None = None, join: str | None = None, join_by: str | None = None,
         mosaic_order: str | None = None,
         extra: _Path | Sequence[_Path] | None = None, class_field: str | None = None,
         class_map: _Path | None = None,
         classes: Sequence[str] | None = None, unknown: str | None = None,
         match: str | None = None, mask_rule: str | None = None, mask_order: str | None = None,
         ignore: _Path | Sequence[_Path] | None = None, boundary: str | None = None,
         boundary_width: int | None = None, contact_spacing: float | None = None,
         distance_limit: float | None = None, target_field: str | None = None,
         min_visible: float | None = None, min_valid: float | None = None,
         group: str | None = None, split: Mapping[str, float] | None = None,
         split_by: str | None = None, split_time: Mapping[str, str | None] | None = None,
         split_areas: _Path | Sequence[_Path] | None = None,
         block_size: float | None = None,
         split_gap: float | None = None, seed: int | None = None,
         codec: str | None = None, name: str | None = None, threads: int | None = None,
         commit_seconds: float | None = None, on_failure: str | None = None,
         retry_failed: bool = False, dry_run: bool = False,
         config: _Path | Mapping[str, Any] | None = None,
         plan: Callable[[dict[str, Any]], Any] | None = None,
         progress: Callable[[int, int], Any] | None = None) -> Report:
    """Feeds scenes and their label files to a store, which is created or added to: what the command
    `vedatile feed` does, with all cores and by the same options. The same samples come out.

    store         a Store, or a path
    image         files or URLs that GDAL opens: one, or a list
    labels        files that OGR opens, or COCO, YOLO and Pascal VOC files or folders, in pixels of
                  the images that they name: one, or a list; None: tiles without labels
    label_format  "auto" (told by the content), "ogr", "coco", "yolo" or "voc"
    width         points and lines become polygons of this whole width: "2.5m" on the ground, "3px"
                  on the scene's grid, or "field:F", F a field with metres; None: they are refused
    label_raster  rasters of classes, or of numbers for regression: as many as images, or any that
                  cover them; label files are burnt over them
    label_values  classes of their values: {1: "water", "10-19": "crop"}, or ["1=water",
                  "10-19=crop"]; "background" and "ignore" are none; label_map: the same in a class
                  map's file
    task          "classification", "detection", "segmentation", "instance", "boundary", "contact",
                  "distance", "regression", or a list of them
    tile, stride  pixels: a number or (rows, cols); tile: default the store's, or 256
    edge          "drop", "pad" or "shift": where the grid does not end with the scene
    windows       "grid", or "random": `count` windows of each scene at random places, those of
                  Scene.iterwindows(count, seed=seed); apart: they do not overlap;
                  "centered": around each feature, moved by up to `jitter` pixels;
                  "list": those of `window_file` (CSV, JSON, GeoJSON); "whole": each image
    background_ratio  windows without any object kept for each with one; default 0: as match has it
    aoi           area of interest: files of polygons; aoi_rule "inside", "touch" or "share" (at least
                  aoi_share of the pixels); aoi_mask: what is outside is masked
    bands         numbers from 1, or names ("red", "nir", "B04", a description), in the order
                  wanted; default: all but alpha
    dtype         type of tiles: "uint8", "uint16", "int16", "uint32", "int32", "float32",
                  "float64"; values are rounded half to even, within its range
    unscale       apply each band's scale and offset; float32 unless dtype says otherwise
    nodata        a number for all bands, one for each, or "none": declared values are data
    valid_rule    "all" or "any": a pixel is invalid when all chosen bands are nodata, or any is
    cloud_band    the scene's band that marks clouds, by number or name; or
    cloud_file    files that do: one for each image. A pixel is cloud when one of cloud_bits (from
                  0) is set in its value, or its value is one of cloud_values
    max_cloud     0..1: tiles with a larger share of cloud among valid pixels are left out
    cloud_mask    cloud is masked as what is outside of the aoi
    crs, resolution, resampling  warp all scenes to a grid: "EPSG:n" or WKT (default: each scene's
                  own), the width and height of a pixel in its units (one number for both), and
                  "nearest", "bilinear", "cubic", "cubicspline", "lanczos", "average" or "mode"
    join          several images as one scene: "mosaic", "stack" (the bands of all, on the first
                  one's grid) or "times" (dates of the same ground: Store.times); "series": each is
                  a scene, and samples of the same ground have the same "series" in their metadata
    join_by       "all" images or those of a "folder" become one scene
    mosaic_order  "first" or "last": the image on top
    extra         images whose bands are put behind those of every scene: one, or a list
    class_field   field of the labels that names the class; default: all are of one class
    class_map     JSON file of rules that make classes of fields (schemas/class-map.schema.json)
    classes       the class list in the order of the ids; default: the store's, the class map's, or
                  the field's values
    unknown       "error", "skip" or a class: features whose class is not in the list
    match         "intersect", "inside" or "all": windows to keep
    mask_rule     "center" or "all-touched": which pixels a polygon covers in masks
    mask_order    "file", "class", "area" or "field:F", F a numeric field: which feature is on top
    ignore        label files of areas that masks ignore: one, or a list
    boundary      "inner" or "outer"; boundary_width in pixels (3)
    contact_spacing  pixels (10): objects less far apart are in contact
    distance_limit   pixels (32) at which distances are cut
    target_field  the numeric field that regression burns
    min_visible   0..1: boxes that show less of their object are dropped
    min_valid     0..1: tiles with a smaller share of valid pixels are left out
    group, split  a group's name ("train"), or {"train": 0.8, "test": 0.2}
    split_by      "block", "scene", "random", "field:F" (a field of the labels) or "time";
                  block_size in metres
    split_time    {"train": "2020-01-01", "test": None}: groups of a split by time and the dates
                  before which their scenes were acquired, in place of split
    split_areas   files of polygons in place of split, one a group and named as it (train.geojson):
                  windows wholly in one area go to its group, others are left out
    split_gap     metres that groups of a split by block are apart at least
    seed          of the split and of random windows
    codec, name   of a new store: "auto", "raw", "lz4", "deflate", "zstd"
    threads       0: one per core
    commit_seconds  how much work a crash may cost; default 10
    on_failure    "go": scenes and windows that cannot be read are left out, recorded in the store
                  and listed in the report, with a warning; "stop": they raise
    retry_failed  only the scenes and windows that are recorded as failed
    dry_run       plan and match labels, write nothing
    config        options that are not given: a file or mapping as `vedatile feed --config` has it
                  (names with dashes, tile and stride as [columns, rows]), or a store whose feed is
                  repeated ("STORE", "STORE#2")
    plan          called with a dict of each window once it is known what becomes of it: scene, col,
                  row, cols, rows, group, kept, reason (None, or the count of the report that it is
                  in), key and geometry (GeoJSON, degrees); e.g. plan=windows.append
    progress      called as progress(done, total) in windows; False, an exception or Ctrl-C stops
                  the feed, and what was added stays: the same call goes on from there

    Returns a Report: windows, written, existing (already in the store), unlabelled,
    background (beyond background_ratio), outside (of the aoi), straddling, invalid, clouded, boxes,
    features, null_geometries, repaired, unknown_skipped, left_out (by the class map), crowds
    (COCO's objects of many, which masks ignore), slivers,
    overviews (scenes read from one), failed_scenes, failed_windows, requests and
    request_bytes (over the network), failures (a list of dicts:
    scene, window or None for all of it, message), groups (written, by name), block_size, warning
    (text or None; it is also passed to warnings.warn).

    Raises ArgumentError, NotFoundError, FormatError, BusyError (another process writes the store),
    IoError."""
    given = {name: value for name, value in locals().items() if value is not None}
    from .store import Store

    if config is not None:
        known = set(feed.__kwdefaults__) | {"image", "labels"}
        return feed(store, **with_config(config, {
            name: value for name, value in given.items()
            if name not in ("store", "config") and value is not False}, known - {"config"}))
    if image is None:
        raise ArgumentError("image: name at least one scene")
    options: dict[str, Any] = dict(
        task=task, edge=edge, bands=_bands(bands), class_field=class_field, classes=classes,
        unknown=unknown, match=match, mask_rule=mask_rule, mask_order=mask_order,
        ignore=_names(ignore), boundary=boundary, boundary_width=boundary_width,
        contact_spacing=contact_spacing, distance_limit=distance_limit, target_field=target_field,
        min_visible=min_visible, min_valid=min_valid, group=group,
        split=None if split is None else dict(split),
        class_map=None if class_map is None else os.fspath(class_map),
        split_by=split_by, split_time=None if split_time is None else dict(split_time),
        split_areas=_names(split_areas),
        block_size=block_size, split_gap=split_gap, seed=seed, codec=codec, name=name,
        threads=threads, commit_seconds=commit_seconds, dry_run=dry_run, progress=progress)
    options.update(windows=windows, count=count, apart=apart, jitter=jitter,
                   background_ratio=background_ratio, window_file=None if window_file is None else os.fspath(window_file),
                   aoi=_names(aoi), aoi_rule=aoi_rule,
                   aoi_share=aoi_share, aoi_mask=aoi_mask,
                   on_failure=on_failure, retry_failed=retry_failed)
    options.update(label_raster=_names(label_raster), label_values=_values(label_values),
                   label_map=None if label_map is None else os.fspath(label_map))
    options.update(cloud_band=None if cloud_band is None else str(cloud_band),
                   cloud_file=_names(cloud_file), cloud_bits=cloud_bits,
                   cloud_values=cloud_values, max_cloud=max_cloud, cloud_mask=cloud_mask)
    options.update(label_format=label_format, width=width, crs=crs, resampling=resampling,
                   dtype=dtype, unscale=unscale,
                   valid_rule=valid_rule,
                   nodata=[nodata] if isinstance(nodata, numbers.Real) else nodata)
    if plan is not None:
        options["plan"] = _with_geometry(plan)
    options.update(join=join, join_by=join_by, mosaic_order=mosaic_order, extra=_names(extra))
    if resolution is not None:
        size = resolution if isinstance(resolution, Sequence) else (resolution, resolution)
        options["resolution_cols"], options["resolution_rows"] = size
    if tile is not None:
        options["tile_rows"], options["tile_cols"] = two("tile", tile)
    if stride is not None:
        options["stride_rows"], options["stride_cols"] = two("stride", stride)
    if isinstance(store, Store):
        options = store._feed_options(options)
        path = store.path
    else:
        path = os.fspath(store)
    report = Report(_vedatile.feed(path, image=_names(image), labels=_names(labels), **options))
    if report.warning:
        warnings.warn(f"{path}: {report.warning}", stacklevel=2)
    if report.failures:
        count = len(report.failures)
        more = f" (and {count - 1} more, see report.failures)" if count > 1 else ""
        warnings.warn(f"failed: {report.failures[0]['message']}{more}", stacklevel=2)
    return report
