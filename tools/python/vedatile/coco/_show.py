"""COCO.showAnns, which needs Matplotlib. Private to the package."""
from __future__ import annotations

from typing import Any

import numpy as np

from . import mask


def _plots() -> tuple[Any, Any, Any]:
    try:
        from matplotlib import pyplot
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Polygon
    except ImportError:
        raise ImportError("COCO.showAnns needs Matplotlib: pip install matplotlib") from None
    return pyplot, PatchCollection, Polygon


def _rings(annotation: dict, draw_bbox: bool) -> list[Any]:
    rings = []
    if isinstance(annotation.get("segmentation"), list):
        rings = [np.reshape(ring, (-1, 2)) for ring in annotation["segmentation"]]
    if draw_bbox:
        x, y, width, height = annotation["bbox"]
        rings.append(np.array([[x, y], [x, y + height], [x + width, y + height], [x + width, y]]))
    return rings


def show(coco: Any, annotations: list[dict], draw_bbox: bool) -> None:
    """Draws annotations onto the current axes: polygons and boxes as outlines, masks as a tint."""
    pyplot, patches, polygon = _plots()
    axes = pyplot.gca()
    axes.set_autoscale_on(False)
    random = np.random.default_rng(0)
    shapes, colors = [], []
    for annotation in annotations:
        color = random.random(3) * 0.6 + 0.4
        rings = _rings(annotation, draw_bbox)
        shapes += [polygon(ring) for ring in rings]
        colors += [color] * len(rings)
        if isinstance(annotation.get("segmentation"), dict):
            pixels = mask.decode(coco.annToRLE(annotation))
            tint = np.empty((*pixels.shape, 4))
            tint[..., :3], tint[..., 3] = color, pixels * 0.5
            axes.imshow(tint)
    axes.add_collection(patches(shapes, facecolor=colors, linewidths=0, alpha=0.4))
    axes.add_collection(patches(shapes, facecolor="none", edgecolors=colors, linewidths=2))
