"""The class COCO of pycocotools.coco. A file is read into columns; what pycocotools has as dicts is made
when it is looked at, and from then on the dicts are what counts."""
from __future__ import annotations

import copy
import io
import itertools
import json
import os
import time
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import _vedatile
from . import _columns, mask

__all__ = ["COCO"]


def _is_array(value: Any) -> bool:
    return hasattr(value, "__iter__") and hasattr(value, "__len__")


def _listed(value: Any) -> Any:
    return value if _is_array(value) else [value]


class _Looked:
    """An attribute that is made, with all others, when somebody looks at one of them."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = "_" + name

    def __get__(self, coco: Any, owner: type | None = None) -> Any:
        if coco is None:
            return self
        coco._look()
        return getattr(coco, self.name)

    def __set__(self, coco: Any, value: Any) -> None:
        coco._look()
        setattr(coco, self.name, value)


class COCO:
    """Ground truth, or results as loadRes() gives them.

    annotation_file   a path, a dict of what is in such a file, or None: nothing yet"""

    dataset, anns, cats, imgs = _Looked(), _Looked(), _Looked(), _Looked()
    imgToAnns, catToImgs = _Looked(), _Looked()

    def __init__(self, annotation_file: Any = None):
        self._file: _columns.File | None = None
        self._later: Callable[[], None] | None = None
        self._truth: COCO | None = None  # of results
        self._found: list[dict] | None = None  # results that came as a list, as they came
        self._clear()
        if annotation_file is None:
            return
        if isinstance(annotation_file, dict):
            self.dataset = annotation_file
            self.createIndex()
            return
        print("loading annotations into memory...")
        tic = time.time()
        stream = _open(annotation_file)
        try:
            self._file = _columns.File(annotation_file, results=False)
        except (_vedatile.Error, UnicodeError):  # ids that are texts, no categories: dicts will do
            self._read(stream)
        print(f"Done (t={time.time() - tic:0.2f}s)")
        if self._file is None:
            self.createIndex()
        else:
            print("creating index...\nindex created!")
            self._later = _Reading(self, stream)

    def _clear(self) -> None:
        self._dataset: Any = {}
        self._anns: dict[Any, Any] = {}
        self._cats: dict[Any, Any] = {}
        self._imgs: dict[Any, Any] = {}
        self._imgToAnns: dict[Any, Any] = defaultdict(list)
        self._catToImgs: dict[Any, Any] = defaultdict(list)

    def _look(self) -> None:
        later, self._later = self._later, None
        if later is not None:
            later()
            self._file = self._found = None

    def __getstate__(self) -> dict[str, Any]:
        self._look()
        return self.__dict__.copy()

    def _read(self, stream: io.TextIOBase) -> None:
        with stream:
            stream.seek(0)
            dataset = json.load(stream)
        assert isinstance(dataset, dict), f"annotation file format {type(dataset)} not supported"
        self._dataset = dataset

    def createIndex(self) -> None:
        """Finds out which annotations images and categories have; call it after `dataset` changed."""
        self._look()
        print("creating index...")
        self._index()
        print("index created!")

    def _index(self) -> None:
        dataset = self._dataset
        self._anns, self._imgToAnns, self._catToImgs = {}, defaultdict(list), defaultdict(list)
        for annotation in dataset.get("annotations", ()):
            self._imgToAnns[annotation["image_id"]].append(annotation)
            self._anns[annotation["id"]] = annotation
        self._imgs = {image["id"]: image for image in dataset.get("images", ())}
        self._cats = {category["id"]: category for category in dataset.get("categories", ())}
        if "categories" in dataset:
            for annotation in dataset.get("annotations", ()):
                self._catToImgs[annotation["category_id"]].append(annotation["image_id"])

    def info(self) -> None:
        """Prints what the file says of itself."""
        for key, value in self.dataset["info"].items():
            print(f"{key}: {value}")

    # --- who is there ---------------------------------------------------------------------------

    def getAnnIds(self, imgIds: Any = (), catIds: Any = (), areaRng: Any = (),
                  iscrowd: Any = None) -> list:
        """Ids of annotations of these images and categories, with an area within areaRng, and with
        this `iscrowd`. What is empty asks for nothing."""
        imgIds, catIds = _listed(imgIds), _listed(catIds)
        found: Iterable[dict] = self.dataset["annotations"] if len(imgIds) == 0 else (
            itertools.chain.from_iterable(self.imgToAnns[i] for i in imgIds if i in self.imgToAnns))
        if len(catIds):
            found = [a for a in found if a["category_id"] in catIds]
        if len(areaRng):
            found = [a for a in found if areaRng[0] < a["area"] < areaRng[1]]
        return [a["id"] for a in found if iscrowd is None or a["iscrowd"] == iscrowd]

    def getCatIds(self, catNms: Any = (), supNms: Any = (), catIds: Any = ()) -> list:
        """Ids of categories with these names, supercategories and ids."""
        found = self.dataset["categories"]
        for key, wanted in (("name", catNms), ("supercategory", supNms), ("id", catIds)):
            wanted = _listed(wanted)
            if len(wanted):
                found = [c for c in found if c[key] in wanted]
        return [c["id"] for c in found]

    def getImgIds(self, imgIds: Any = (), catIds: Any = ()) -> list:
        """Ids of images: these, and those that have all of these categories."""
        imgIds, catIds = _listed(imgIds), _listed(catIds)
        if len(imgIds) == len(catIds) == 0:
            return list(self.imgs.keys())
        found = set(imgIds)
        for i, category in enumerate(catIds):
            here = set(self.catToImgs[category])
            found = here if i == 0 and not found else found & here
        return list(found)

    def _sorted_ids(self) -> tuple[list, list]:
        """Ids of images and of categories, without looking at a file's dicts."""
        if self._file is not None:
            columns = self._file.columns
            return columns["images"].tolist(), columns["categories"].tolist()
        return sorted(self.getImgIds()), sorted(self.getCatIds())

    def loadAnns(self, ids: Any = ()) -> list:
        """Annotations by id."""
        return [self.anns[i] for i in _listed(ids)]

    def loadCats(self, ids: Any = ()) -> list:
        """Categories by id."""
        return [self.cats[i] for i in _listed(ids)]

    def loadImgs(self, ids: Any = ()) -> list:
        """Images by id."""
        return [self.imgs[i] for i in _listed(ids)]

    # --- results --------------------------------------------------------------------------------

    def loadRes(self, resFile: Any) -> COCO:
        """Results for this ground truth: a path, a list of dicts, or an array [n, 7] of image id, x, y,
        width, height, score and category id."""
        results = COCO()
        results._truth = self
        print("Loading and preparing results...")
        tic = time.time()
        if isinstance(resFile, (str, os.PathLike)):
            self._results_of_file(resFile, results)
        else:
            found = self.loadNumpyAnnotations(resFile) if isinstance(resFile, np.ndarray) else resFile
            assert isinstance(found, list), "results in not an array of objects"
            results._found = found
        if results._file is not None:
            ids = np.unique(results._file.columns["image_id"])
            known = self._sorted_ids()[0]
            alike = bool((_columns.places(known, ids) >= 0).all())
        else:
            known = set(self._sorted_ids()[0])
            alike = all(a["image_id"] in known for a in results._found or ())
        assert alike, "Results do not correspond to current coco set"
        results._later = results._later or _Preparing(results)
        print(f"DONE (t={time.time() - tic:0.2f}s)")
        print("creating index...\nindex created!")
        return results

    def _results_of_file(self, path: Any, results: COCO) -> None:
        stream = _open(path)
        try:
            if self._file is None:
                raise _vedatile.ArgumentError("the ground truth is dicts")
            results._file = _columns.File(path, results=True)
            results._later = _Preparing(results, stream)
        except (_vedatile.Error, UnicodeError):
            with stream:
                found = json.load(stream)
            assert isinstance(found, list), "results in not an array of objects"
            results._found = found

    def _prepare_results(self, found: list[dict]) -> None:
        """The dataset of results: what pycocotools adds to them."""
        truth = self._truth.dataset if self._truth is not None else {}
        self._dataset = {"info": copy.deepcopy(truth.get("info", {})),
                         "images": list(truth["images"]), "annotations": found}
        first = found[0] if found else {}
        if "caption" in first:
            ids = {a["image_id"] for a in found}
            self._dataset["images"] = [i for i in truth["images"] if i["id"] in ids]
        elif "categories" in truth:
            self._dataset["categories"] = copy.deepcopy(truth["categories"])
        measure = _measure_of(first)
        for number, annotation in enumerate(found, 1):
            if measure is not None:
                measure(annotation)
            annotation["id"] = number
            if measure in (_measure_box, _measure_mask):
                annotation["iscrowd"] = 0
        self._index()

    def loadNumpyAnnotations(self, data: Any) -> list[dict]:
        """Results of an array [n, 7] as dicts."""
        data = np.asarray(data)
        if data.ndim != 2 or data.shape[1] != 7:
            raise _vedatile.ArgumentError(f"results: an array [n, 7] is wanted, not {data.shape}")
        return [{"image_id": int(image), "bbox": box, "score": score, "category_id": int(category)}
                for image, box, score, category in zip(data[:, 0], data[:, 1:5].tolist(),
                                                       data[:, 5].tolist(), data[:, 6])]

    # --- masks ----------------------------------------------------------------------------------

    def annToRLE(self, ann: dict) -> Any:
        """The mask of an annotation."""
        segmentation = ann["segmentation"]
        if not isinstance(segmentation, list) and not isinstance(segmentation["counts"], list):
            return segmentation
        image = self.imgs[ann["image_id"]]
        rows, cols = image["height"], image["width"]
        if isinstance(segmentation, list):
            return mask.merge(mask.frPyObjects(segmentation, rows, cols))
        return mask.frPyObjects(segmentation, rows, cols)

    def annToMask(self, ann: dict) -> Any:
        """The pixels of an annotation, uint8 [rows, cols]."""
        return mask.decode(self.annToRLE(ann))

    def showAnns(self, anns: list, draw_bbox: bool = False) -> Any:
        """Draws annotations onto the current axes of Matplotlib; captions are printed."""
        if len(anns) == 0:
            return 0
        if "caption" in anns[0] and "segmentation" not in anns[0]:
            print("\n".join(a["caption"] for a in anns))
            return None
        from . import _show
        return _show.show(self, anns, draw_bbox)

    def download(self, tarDir: Any = None, imgIds: Any = ()) -> None:
        """Is not done here."""
        raise NotImplementedError("COCO.download: images are not fetched here; their addresses are in "
                                  "coco.imgs[id]['coco_url']")

    # --- for COCOeval -----------------------------------------------------------------------------

    def _objects(self, masks: bool, scored: bool, image_ids: list,
                 category_ids: list | None) -> dict[str, Any]:
        """What is matched, at least of these images and categories (None: all); `scored`: of
        detections."""
        if self._file is not None and self._file.results == scored:
            truth = self._truth
            try:
                return self._file.objects(masks, truth._file if truth is not None else None)
            except _vedatile.Error:
                pass  # as dicts, where what is missing may not be asked for
        wanted = None if category_ids is None else set(category_ids)
        found = [self.anns[a["id"]] for image in image_ids if image in self.imgToAnns
                 for a in self.imgToAnns[image] if wanted is None or a["category_id"] in wanted]
        rles = [self.annToRLE(a) for a in found] if masks else None
        return _columns.from_dicts(found, rles, scored)


class _Later:
    """What makes the dicts of a file that was read into columns. The file stays open, so that it may
    be deleted meanwhile."""

    def __init__(self, coco: COCO, stream: Any = None):
        self.coco = weakref.proxy(coco)
        self.stream = stream

    def __del__(self) -> None:
        if self.stream is not None:
            self.stream.close()


class _Reading(_Later):
    def __call__(self) -> None:
        self.coco._read(self.stream)
        self.coco._index()


class _Preparing(_Later):
    def __call__(self) -> None:
        found = self.coco._found
        if self.stream is not None:
            with self.stream:
                found = json.load(self.stream)
        self.coco._prepare_results(found)


def _open(path: Any) -> Any:
    return open(path, encoding="utf-8")


def _measure_of(first: dict) -> Callable[[dict], None] | None:
    if "caption" in first:
        return None
    if "bbox" in first and len(first["bbox"]):
        return _measure_box
    if "segmentation" in first:
        return _measure_mask
    return _measure_keypoints if "keypoints" in first else None


def _measure_box(annotation: dict) -> None:
    x, y, width, height = annotation["bbox"]
    if "segmentation" not in annotation:
        annotation["segmentation"] = [[x, y, x, y + height, x + width, y + height, x + width, y]]
    annotation["area"] = width * height


def _measure_mask(annotation: dict) -> None:
    annotation["area"] = mask.area(annotation["segmentation"])
    if "bbox" not in annotation:
        annotation["bbox"] = mask.toBbox(annotation["segmentation"])


def _measure_keypoints(annotation: dict) -> None:
    x, y = annotation["keypoints"][0::3], annotation["keypoints"][1::3]
    annotation["bbox"] = [min(x), min(y), max(x) - min(x), max(y) - min(y)]
    annotation["area"] = annotation["bbox"][2] * annotation["bbox"][3]
