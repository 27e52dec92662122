"""The classes COCOeval and Params of pycocotools.cocoeval."""
from __future__ import annotations

import copy
import datetime
import time
from collections import defaultdict
from typing import Any

import numpy as np

from .. import detection
from . import _columns, _images, mask

__all__ = ["COCOeval", "Params"]


class Params:
    """What is evaluated: any of these may be set before evaluate().

    imgIds, catIds     ids of images and categories
    iouThrs, recThrs   thresholds of IoU and of recall
    maxDets            most detections of an image and category that count
    areaRng            [lowest, highest] area of objects, both included; areaRngLbl: their names
    useCats            0: all categories are one
    iouType            "bbox" or "segm" """

    def __init__(self, iouType: str = "segm"):
        _check_type(iouType)
        self.iouType = iouType
        self.useSegm: Any = None
        self.setDetParams()

    def setDetParams(self) -> None:
        """COCO's own."""
        self.imgIds: list = []
        self.catIds: list = []
        self.iouThrs: Any = np.linspace(0.5, 0.95, 10)
        self.recThrs: Any = np.linspace(0, 1, 101)
        self.maxDets: list = [1, 10, 100]
        self.areaRng: list = [[0, 1e10], [0, 32**2], [32**2, 96**2], [96**2, 1e10]]
        self.areaRngLbl = ["all", "small", "medium", "large"]
        self.useCats: Any = 1

    def setKpParams(self) -> None:
        """Is not here."""
        _check_type("keypoints")


def _check_type(iou_type: Any) -> None:
    if iou_type == "keypoints":
        raise NotImplementedError("iouType keypoints: only bbox and segm are evaluated here")
    if iou_type not in ("bbox", "segm"):
        raise Exception("iouType not supported")  # as pycocotools says


class _Inputs:
    """What is matched: columns with places of images and categories, for some params."""

    def __init__(self, params: Params, truth: Any, results: Any):
        self.params = copy.deepcopy(params)
        self.images, self.categories = list(params.imgIds), list(params.catIds)
        self.masks = params.iouType == "segm"
        self.truths = self._columns(truth, False)
        self.detections = self._columns(results, True)

    def _columns(self, coco: Any, scored: bool) -> dict[str, Any]:
        wanted = self.categories if self.params.useCats and self.categories else None
        objects = coco._objects(self.masks, scored, self.images, wanted)
        image = _columns.places(self.images, objects["image_id"])
        category = _columns.places(self.categories, objects["category_id"])
        keep = (image >= 0) & (category >= 0)
        objects = _columns.take(dict(objects), keep)
        objects["image"] = image[keep].astype(np.uint32)
        objects["category"] = category[keep].astype(np.uint32)
        return objects

    def match(self, params: Params, keep_ids: bool, threads: int) -> detection.Matches | None:
        """None: there is nothing to match."""
        if not self.images or not self.categories:
            return None
        known = ("image", "category", "score", "box", "area", "crowd", "shapes")
        truths, detections = ({name: values for name, values in objects.items() if name in known}
                              for objects in (self.truths, self.detections))
        return detection.match(
            truths, detections, images=len(self.images), categories=len(self.categories),
            keep_ids=keep_ids, iou_thresholds=params.iouThrs, recall_thresholds=params.recThrs,
            max_detections=params.maxDets, area_ranges=params.areaRng,
            class_agnostic=not params.useCats, coco_ignores_ignore=True, threads=threads)


def _same(a: Any, b: Any) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b))


class COCOeval:
    """Scores of results against ground truth, both of class COCO."""

    threads = 0  # 0: one per core; the results do not depend on it

    def __init__(self, cocoGt: Any = None, cocoDt: Any = None, iouType: str = "segm"):
        if not iouType:
            print("iouType not specified. use default iouType segm")
            iouType = "segm"
        self.cocoGt = cocoGt
        self.cocoDt = cocoDt
        self.eval: dict[str, Any] = {}
        self.stats: Any = []
        self.params = Params(iouType=iouType)
        self._paramsEval: Any = {}
        self._forget()
        if cocoGt is not None:
            images, categories = (cocoGt._sorted_ids() if hasattr(cocoGt, "_sorted_ids") else
                                  (sorted(cocoGt.getImgIds()), sorted(cocoGt.getCatIds())))
            self.params.imgIds, self.params.catIds = images, categories

    def _forget(self) -> None:
        self._inputs: _Inputs | None = None
        self._matches: detection.Matches | None = None
        self._evalImgs: Any = defaultdict(list)
        self._given = False  # whether evalImgs were set from outside
        self._ious: Any = {}

    # --- evaluate -------------------------------------------------------------------------------

    def evaluate(self) -> None:
        """Matches detections with ground truth."""
        tic = time.time()
        print("Running per image evaluation...")
        p = self.params
        if p.useSegm is not None:
            p.iouType = "segm" if p.useSegm == 1 else "bbox"
            print(f"useSegm (deprecated) is not None. Running {p.iouType} evaluation")
        _check_type(p.iouType)
        print(f"Evaluate annotation type *{p.iouType}*")
        p.imgIds = list(np.unique(p.imgIds))
        if p.useCats:
            p.catIds = list(np.unique(p.catIds))
        p.maxDets = sorted(p.maxDets)
        self._forget()
        self.eval = {}
        self._inputs = _Inputs(p, self.cocoGt, self.cocoDt)
        self._matches = self._inputs.match(p, False, self.threads)
        self._evalImgs = self._ious = None
        self._paramsEval = copy.deepcopy(p)
        print(f"DONE (t={time.time() - tic:0.2f}s).")

    @property
    def evalImgs(self) -> Any:
        """What became of the objects of every category, range of areas and image: dicts, or None
        where there are none. Made when it is looked at."""
        if self._evalImgs is None and self._inputs is not None:
            p = self._paramsEval
            matches = self._inputs.match(p, True, self.threads)
            self._evalImgs = _images.of_matches(p, matches, self._inputs.truths,
                                                self._inputs.detections)
        return self._evalImgs

    @evalImgs.setter
    def evalImgs(self, value: Any) -> None:
        self._evalImgs = value
        self._given = True

    @property
    def ious(self) -> Any:
        """IoU of detections (by score) with ground truth, by image and category. Made when it is
        looked at."""
        if self._ious is None and self._inputs is not None:
            self._ious = _images.ious(self._paramsEval, self._inputs.truths,
                                      self._inputs.detections, mask.iou)
        return self._ious

    @ious.setter
    def ious(self, value: Any) -> None:
        self._ious = value

    def computeIoU(self, imgId: Any, catId: Any) -> Any:
        """The IoU of one image and category, after evaluate()."""
        return self.ious[imgId, catId]

    def evaluateImg(self, imgId: Any, catId: Any, aRng: Any, maxDet: Any) -> Any:
        """What became of the objects of one image and category, after evaluate(); maxDet has to be the
        largest of maxDets."""
        p = self._paramsEval
        categories = list(p.catIds) if p.useCats else [-1]
        area = [tuple(r) for r in p.areaRng].index(tuple(aRng))
        place = (categories.index(catId) * len(p.areaRng) + area) * len(p.imgIds)
        return self.evalImgs[place + list(p.imgIds).index(imgId)]

    # --- accumulate -----------------------------------------------------------------------------

    def accumulate(self, p: Params | None = None) -> None:
        """Precision and recall of what was matched, into `eval`. `p` may ask for fewer images,
        categories, ranges of areas or detections than were matched."""
        print("Accumulating evaluation results...")
        tic = time.time()
        if self._inputs is None and not self._given:
            print("Please run evaluate() first")
            return
        p = self.params if p is None else p
        if p.useCats != 1:
            p.catIds = [-1]
        arrays = (_images.accumulate(self._evalImgs, p, self._paramsEval) if self._given
                  else self._accumulate(p))
        counts = [len(p.iouThrs), len(p.recThrs), len(p.catIds) if p.useCats else 1, len(p.areaRng),
                  len(p.maxDets)]
        self.eval = {"params": p, "counts": counts,
                     "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
                     "precision": arrays[0], "recall": arrays[1], "scores": arrays[2]}
        print(f"DONE (t={time.time() - tic:0.2f}s).")

    def _accumulate(self, p: Params) -> tuple[Any, Any, Any]:
        assert self._inputs is not None
        matched = self._inputs.params
        categories = matched.catIds if matched.useCats else [-1]
        alike = (_same(p.maxDets, matched.maxDets) and _same(p.areaRng, matched.areaRng) and
                 _same(p.iouThrs, matched.iouThrs) and _same(p.recThrs, matched.recThrs))
        matches = self._matches
        if matches is not None and not alike:
            wanted = copy.copy(p)
            wanted.useCats = matched.useCats
            matches = self._inputs.match(wanted, False, self.threads)
        if matches is None:
            shape = (len(p.iouThrs), len(p.recThrs), len(p.catIds), len(p.areaRng), len(p.maxDets))
            nothing = -np.ones(shape)
            return nothing, nothing[:, 0].copy(), nothing.copy()
        weights = None
        if not _same(p.imgIds, matched.imgIds):
            weights = (_columns.places(p.imgIds, matched.imgIds) >= 0).astype(np.uint32)
        scores = matches.scores(weights)
        if _same(p.catIds, categories):
            return scores.precision, scores.recall, scores.scores
        chosen = _columns.places(categories, p.catIds)
        return _images.choose(scores, chosen)

    # --- summarize ------------------------------------------------------------------------------

    def _mean(self, ap: int, iou: float | None = None, area: str = "all",
              limit: int = 100) -> Any:
        """One line of the summary: printed, and its number."""
        p = self.params
        areas = [i for i, label in enumerate(p.areaRngLbl) if label == area]
        limits = [i for i, most in enumerate(p.maxDets) if most == limit]
        values = self.eval["precision" if ap else "recall"]
        if iou is not None:
            values = values[np.where(iou == p.iouThrs)[0]]
        values = values[..., areas, limits]
        values = values[values > -1]
        mean = np.mean(values) if len(values) else -1
        title, short = ("Average Precision", "(AP)") if ap else ("Average Recall", "(AR)")
        at = f"{p.iouThrs[0]:0.2f}:{p.iouThrs[-1]:0.2f}" if iou is None else f"{iou:0.2f}"
        print(f" {title:<18} {short} @[ IoU={at:<9} | area={area:>6s} | maxDets={limit:>3d} ] = "
              f"{mean:0.3f}")
        return mean

    def summarize(self) -> None:
        """Prints the twelve numbers, and puts them into `stats`."""
        if not self.eval:
            raise Exception("Please run accumulate() first")
        first, second, third = self.params.maxDets[0], self.params.maxDets[1], self.params.maxDets[2]
        lines = [(1,), (1, 0.5, "all", third), (1, 0.75, "all", third),
                 *((1, None, area, third) for area in ("small", "medium", "large")),
                 *((0, None, "all", limit) for limit in (first, second, third)),
                 *((0, None, area, third) for area in ("small", "medium", "large"))]
        self.stats = np.array([self._mean(*line) for line in lines], np.float64)
