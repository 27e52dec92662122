"""What pycocotools keeps for each image: evalImgs and ious, and scores made of them. Private to the
package."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Objects = dict[str, Any]


def _ids(objects: Objects, which: Any) -> list:
    ids = objects["id"]
    return ids[which].tolist() if isinstance(ids, np.ndarray) else [ids[i] for i in which]


def _matched_ids(objects: Objects, which: Any) -> Any:
    """Ids by place, 0 where there is none."""
    ids = np.asarray(objects["id"])
    found = np.zeros(which.shape)
    found[which >= 0] = ids[which[which >= 0]]
    return found


def of_matches(p: Any, matches: Any, truths: Objects, detections: Objects) -> list:
    """The list evalImgs: by category, range of areas and image."""
    categories = list(p.catIds) if p.useCats else [-1]
    count, areas = len(p.imgIds), len(p.areaRng)
    found: list[Any] = [None] * (len(categories) * areas * count)
    if matches is None:
        return found
    for a, area in enumerate(p.areaRng):
        for cell in matches.cells(a):
            d, g = cell["detections"], cell["ground_truths"]
            place = (cell["category"] * areas + a) * count + cell["image"]
            found[place] = {
                "image_id": p.imgIds[cell["image"]],
                "category_id": categories[cell["category"]],
                "aRng": area,
                "maxDet": p.maxDets[-1],
                "dtIds": _ids(detections, d),
                "gtIds": _ids(truths, g),
                "dtMatches": _matched_ids(truths, cell["matched"]),
                "gtMatches": _matched_ids(detections, cell["truth_matched"]),
                "dtScores": detections["score"][d].tolist(),
                "gtIgnore": cell["truth_ignored"].astype(np.int64),
                "dtIgnore": cell["ignored"],
            }
    return found


# --- overlaps ---------------------------------------------------------------------------------


def _order(objects: Objects, p: Any, by_score: bool) -> tuple[Any, Any]:
    """Objects by cell, within one in the order of input or by falling score; and their cells."""
    image = objects["image"].astype(np.int64)
    category = objects["category"].astype(np.int64)
    cell = category * len(p.imgIds) + image if p.useCats else image
    order = np.lexsort((category, cell))
    if by_score:
        order = order[np.lexsort((-objects["score"][order], cell[order]))]
    return order, cell[order]


def _geometry(objects: Objects, which: Any) -> Any:
    if "shapes" not in objects:
        return objects["box"][which]
    shapes = objects["shapes"]
    offsets = shapes["count_offsets"]
    return [{"size": shapes["size"][i].tolist(),
             "counts": shapes["counts"][int(offsets[i]):int(offsets[i + 1])].tolist()} for i in which]


def ious(p: Any, truths: Objects, detections: Objects, iou: Callable[..., Any]) -> dict:
    """The dict ious: by image id and category id, [] where there is nothing to compare."""
    categories = list(p.catIds) if p.useCats else [-1]
    order, cells = _order(detections, p, True)
    truth_order, truth_cells = _order(truths, p, False)
    found: dict[tuple, Any] = {(i, c): [] for i in p.imgIds for c in categories}
    for cell in np.intersect1d(cells, truth_cells):
        d = order[slice(*np.searchsorted(cells, [cell, cell + 1]))][:p.maxDets[-1]]
        g = truth_order[slice(*np.searchsorted(truth_cells, [cell, cell + 1]))]
        category, image = divmod(int(cell), len(p.imgIds))
        found[p.imgIds[image], categories[category]] = iou(
            _geometry(detections, d), _geometry(truths, g), truths["crowd"][g])
    return found


# --- scores of evalImgs that were put together elsewhere ----------------------------------------


def _curve(images: list[Any], limit: int, p: Any) -> tuple[Any, Any, Any] | None:
    """Precision [T, R], recall [T] and scores [T, R] of the images of one category and range of areas;
    None without ground truth."""
    positives = sum(int((np.asarray(image["gtIgnore"]) == 0).sum()) for image in images)
    if positives == 0:
        return None
    values = np.concatenate([image["dtScores"][:limit] for image in images])
    order = np.argsort(-values, kind="stable")
    values = values[order]
    matched, ignored = (np.concatenate([np.asarray(image[name])[:, :limit] for image in images],
                                       axis=1)[:, order] != 0 for name in ("dtMatches", "dtIgnore"))
    hits = np.cumsum(matched & ~ignored, axis=1, dtype=np.float64)
    misses = np.cumsum(~matched & ~ignored, axis=1, dtype=np.float64)
    precision = np.zeros((len(p.iouThrs), len(p.recThrs)))
    at = np.zeros_like(precision)
    recall = np.zeros(len(p.iouThrs))
    for t, (hit, miss) in enumerate(zip(hits, misses)):
        if len(hit) == 0:
            continue
        recalls = hit / positives
        precisions = hit / (miss + hit + np.spacing(1))
        best = np.maximum.accumulate(precisions[::-1])[::-1]
        places = np.searchsorted(recalls, p.recThrs, side="left")
        there = places < len(hit)
        precision[t, there], at[t, there] = best[places[there]], values[places[there]]
        recall[t] = recalls[-1]
    return precision, recall, at


def accumulate(found: Any, p: Any, matched: Any) -> tuple[Any, Any, Any]:
    """Precision, recall and scores of evalImgs, as pycocotools has them."""
    categories = list(matched.catIds) if matched.useCats else [-1]
    wanted = list(p.catIds) if p.useCats else [-1]
    areas = [tuple(r) for r in matched.areaRng]
    count = len(matched.imgIds)
    asked = set(p.imgIds)
    kept = [i for i, image in enumerate(matched.imgIds) if image in asked]
    shape = (len(p.iouThrs), len(p.recThrs), len(wanted), len(p.areaRng), len(p.maxDets))
    precision, scores = -np.ones(shape), -np.ones(shape)
    recall = -np.ones(shape[:1] + shape[2:])
    for k, category in enumerate(wanted):
        for a, area in enumerate(p.areaRng):
            if category not in categories or tuple(area) not in areas:
                continue
            base = (categories.index(category) * len(areas) + areas.index(tuple(area))) * count
            images = [found[base + i] for i in kept if found[base + i] is not None]
            for m, limit in enumerate(p.maxDets):
                curve = _curve(images, limit, p) if images else None
                if curve is not None:
                    precision[:, :, k, a, m], recall[:, k, a, m], scores[:, :, k, a, m] = curve
    return precision, recall, scores


def choose(scores: Any, categories: Any) -> tuple[Any, Any, Any]:
    """The arrays of some categories, by place; -1 for those that are not there."""
    precision, at = scores.precision[:, :, categories], scores.scores[:, :, categories]
    recall = scores.recall[:, categories]
    for values in (precision, at):
        values[:, :, categories < 0] = -1
    recall[:, categories < 0] = -1
    return precision, recall, at
