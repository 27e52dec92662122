"""Scores of a run against labels."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import _vedatile

__all__ = ["Evaluation", "evaluate"]

_Path = str | os.PathLike


class Evaluation:
    """What an evaluation found. `document` is all of it (schemas/evaluation.schema.json)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.document: dict[str, Any] = json.loads(text)

    def __repr__(self) -> str:
        tasks = ", ".join(task["task"] for task in self.tasks)
        return f"<Evaluation of {tasks}: {self.document['samples']['count']} samples>"

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """One document a task, or a label key."""
        return self.document["tasks"]

    @property
    def warnings(self) -> list[str]:
        """Lines of text, such as how many samples are not predicted yet."""
        return self.document["warnings"]

    @property
    def metrics(self) -> dict[str, float | None]:
        """Metrics of all tasks by name; of a name that several tasks have, the first one's."""
        found: dict[str, float | None] = {}
        for task in self.tasks:
            for name in task["metric_names"]:
                found.setdefault(name, task["metrics"][name])
        return found

    @property
    def classes(self) -> dict[str, dict[str, Any]]:
        """The classes of the first task by name."""
        return {row["class"]: row for row in self.tasks[0]["classes"]}

    def __getitem__(self, name: str) -> float | None:
        """A metric by its name; None where there is nothing to tell."""
        return self.metrics[name]

    def to_json(self) -> str:
        """The document as text: the same for the same input."""
        return self._text

    def to_html(self, path: _Path | None = None, *, title: str | None = None,
                picture: Callable[[str, str, int, str], str | None] | None = None) -> str:
        """One self-contained page; written to `path` when there is one.

        picture  called as picture(sample, group, index, which), which is "tile", "truth" or
                 "predicted": the address or data: URL of a picture, or None"""
        html = _vedatile.evaluation_page(self._text, title, picture)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(html)
        return html


def evaluate(store: Any = None, run: Any = None, *, labels: str | None = None,
             group: str | None = None, view: str | None = None,
             ground_truth: _Path | None = None, predictions: _Path | None = None,
             task: str | None = None, protocol: str | None = None, iou: str | None = None,
             label_key: str | None = None, label_map: Mapping[str, str] | None = None,
             iou_thresholds: Sequence[float] | None = None,
             max_detections: Sequence[int] | None = None, score_threshold: float | None = None,
             class_agnostic: bool = False, predicted_only: bool = False, multi_label: bool = False,
             by: str | None = None, regions: _Path | None = None, ground: bool = False,
             ground_overlap: float | None = None, ground_scores: str | None = None,
             ground_cut: str | None = None, ground_min_visible: float | None = None,
             ignore_areas: _Path | None = None, bootstrap: int = 0, bootstrap_by: str | None = None,
             seed: int = 0, worst: int = 10, examples: int = 3, baseline: Any = None,
             threads: int = 0) -> Evaluation:
    """Scores a run of a store, or a file of predictions, against labels: what the command
    `vedatile eval` does. docs/evaluate.md says what is scored and how.

    store, run       a Store or a path, and the name of a committed run of it (or the run)
    labels           an annotation set of the store; None: the store's own labels
    group, view      which samples; None: the run's group
    ground_truth, predictions   files instead of a store: COCO's JSON, or a set's and a run's file
    task             "detection", "instance", "classification" or "segmentation"; None: all
    protocol         "coco", "valor", "voc07", "voc12" or "dota"
    iou              "bbox", "segm", "polygon" or "rotated"
    label_key, label_map   the labels to score, and what they are called: {"car": "vehicle"}
    score_threshold  of counts and of multi-label classification; None: the best F1's, or 0.5
    predicted_only   leave out what is not predicted; else it counts as predicted with nothing
    by, regions      slices by a field, or by "region" with a file of polygons
    ground           put objects together over tiles, on the ground. Then:
    ground_overlap   predictions of neighbouring tiles are one object from this IoU on; None: 0.5
    ground_scores    of an object of several predictions: "highest" (None) or "mean", by area
    ground_cut       ground truth at the edge of what tiles cover: "count" (None) or "ignore"
    ground_min_visible   ground truth of which tiles show less than this share is ignored
    ignore_areas     a file of polygons: ground that does not count
    bootstrap, bootstrap_by, seed   resamplings for intervals of 95 %, of single samples or of all
                     that are equal in a field
    worst            samples to list, worst first
    examples         objects of each class to list that are found, wrong and missed
    baseline         another run, or file of predictions, to compare with

    Raises NotFoundError for a run, group, set or field that is missing, BusyError for a run that is
    not committed, ArgumentError, FormatError, IoError."""
    from .store import Store

    if isinstance(store, Store):
        store._input()  # commits what was fed
        store = store.path
    options = {
        "store": store, "run": getattr(run, "name", run), "labels": labels, "group": group,
        "view": view, "ground_truth": ground_truth, "predictions": predictions, "task": task,
        "protocol": protocol, "iou": iou, "label_key": label_key,
        "label_map": None if label_map is None else dict(label_map),
        "iou_thresholds": None if iou_thresholds is None else [float(t) for t in iou_thresholds],
        "max_detections": None if max_detections is None else [int(n) for n in max_detections],
        "score_threshold": score_threshold, "class_agnostic": class_agnostic,
        "predicted_only": predicted_only, "multi_label": multi_label, "by": by,
        "regions": regions, "ground": ground, "ground_overlap": ground_overlap,
        "ground_scores": ground_scores, "ground_cut": ground_cut,
        "ground_min_visible": ground_min_visible, "ignore_areas": ignore_areas,
        "bootstrap": bootstrap, "bootstrap_by": bootstrap_by, "seed": seed, "worst": worst,
        "examples": examples,
        "baseline": baseline if isinstance(baseline, os.PathLike) else getattr(baseline, "name", baseline),
        "threads": threads}
    given = {name: os.fspath(value) if isinstance(value, os.PathLike) else value
             for name, value in options.items() if value is not None}
    return Evaluation(_vedatile.evaluate(json.dumps(given)))
