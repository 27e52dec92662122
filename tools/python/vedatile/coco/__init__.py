"""A drop-in for pycocotools: the same classes, arguments, arrays and printed text, many times faster.

    from vedatile.coco import COCO, COCOeval, mask

    truth = COCO("instances_val.json")
    results = truth.loadRes("detections.json")
    evaluation = COCOeval(truth, results, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()

Modules are called as there: vedatile.coco.coco, .cocoeval and .mask; as_pycocotools() puts them in the
place of pycocotools for libraries that import it themselves. JSON files are read into columns; the
dicts that pycocotools has (dataset, anns, imgs ...) are made when somebody looks at them. What differs:
ground truth whose id is 0 counts as found, and keypoints are not here. See docs/evaluate-coco.md."""
from __future__ import annotations

import sys

from . import mask
from .coco import COCO
from .cocoeval import COCOeval, Params

__all__ = ["COCO", "COCOeval", "Params", "as_pycocotools", "mask"]


def as_pycocotools() -> None:
    """From now on `import pycocotools` in this process gives this package, unless it was imported
    before."""
    from . import coco, cocoeval
    here = {"pycocotools": sys.modules[__name__], "pycocotools.mask": mask,
            "pycocotools.coco": coco, "pycocotools.cocoeval": cocoeval}
    if "pycocotools" in sys.modules and sys.modules["pycocotools"] is not here["pycocotools"]:
        raise RuntimeError("as_pycocotools: pycocotools was imported already: call this first")
    sys.modules.update(here)
