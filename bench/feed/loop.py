"""The loop that people write: rasterio, shapely and h5py, one process.

    python3 loop.py SCENE LABELS STORE

Tiles of 256 x 256 of the whole scene; of each a one-hot vector, boxes with the visible share of
their object, and a mask. The label file is read and projected once and kept in an STRtree; what is
cut by a tile's edge is clipped by shapely, and rasterio burns the mask. Masks and images go to
chunked datasets without compression, a chunk a tile. Geometries are in pixels of the scene, so that
a tile needs no other transform than its offset.
"""
import json
import sys
import time

import h5py
import numpy as np
import rasterio
import rasterio.features
import rasterio.warp
import shapely
import shapely.affinity
from rasterio.windows import Window
from shapely.geometry import box, shape
from shapely.strtree import STRtree

TILE = 256
CLASS_FIELD = "class"


def rings_of(geometry):
    if geometry["type"] == "Polygon":
        return geometry["coordinates"]
    return [ring for polygon in geometry["coordinates"] for ring in polygon]


def load_labels(path, scene):
    """Features in pixels of the scene, in file order; all coordinates are projected at once."""
    with open(path, encoding="utf-8") as file:
        features = json.load(file)["features"]
    rings = [ring for feature in features for ring in rings_of(feature["geometry"])]
    points = np.array([point[:2] for ring in rings for point in ring])
    x, y = rasterio.warp.transform("EPSG:4326", scene.crs, points[:, 0], points[:, 1])
    cols, rows = ~scene.transform * (np.array(x), np.array(y))
    pixels = np.column_stack([cols, rows]).tolist()
    start = 0
    for ring in rings:
        ring[:] = pixels[start:start + len(ring)]
        start += len(ring)
    classes = sorted({feature["properties"][CLASS_FIELD] for feature in features})
    geometries = [shape(feature["geometry"]) for feature in features]
    geometries = [g if g.is_valid else g.buffer(0) for g in geometries]
    ids = [classes.index(feature["properties"][CLASS_FIELD]) for feature in features]
    return geometries, ids, classes


class Tree:
    """Numbers of the features that meet a box; shapely 1 answers with geometries, 2 with numbers."""

    def __init__(self, geometries):
        self.tree = STRtree(geometries)
        self.numbers = None
        if shapely.__version__.startswith("1."):
            self.numbers = {id(g): i for i, g in enumerate(geometries)}

    def query(self, frame):
        found = self.tree.query(frame)
        if self.numbers is not None:
            return sorted(self.numbers[id(g)] for g in found)
        return sorted(found)


def feed(scene_path, label_path, store_path):
    with rasterio.open(scene_path) as scene, h5py.File(store_path, "w") as store:
        begun = time.perf_counter(), time.process_time()
        geometries, ids, classes = load_labels(label_path, scene)
        tree = Tree(geometries)
        areas = [g.area for g in geometries]
        print(json.dumps({"seconds": time.perf_counter() - begun[0],
                          "cpu": time.process_time() - begun[1]}))
        cols, rows = scene.width // TILE, scene.height // TILE
        count = cols * rows
        images = store.create_dataset("images", (count, scene.count, TILE, TILE), scene.dtypes[0],
                                      chunks=(1, scene.count, TILE, TILE))
        masks = store.create_dataset("mask", (count, TILE, TILE), "u1", chunks=(1, TILE, TILE))
        windows = np.zeros((count, 2), "i4")
        onehot = np.zeros((count, len(classes)), "u1")
        boxes, box_class, box_visible, box_feature, offsets = [], [], [], [], [0]
        sample = 0
        for row in range(0, rows * TILE, TILE):
            for col in range(0, cols * TILE, TILE):
                images[sample] = scene.read(window=Window(col, row, TILE, TILE))
                frame = box(col, row, col + TILE, row + TILE)
                shapes = []
                for i in tree.query(frame):
                    geometry = geometries[i]
                    shapes.append((geometry, ids[i] + 1))
                    inside = geometry if frame.contains(geometry) else geometry.intersection(frame)
                    if inside.area <= 0:
                        continue
                    left, top, right, bottom = inside.bounds
                    onehot[sample, ids[i]] = 1
                    boxes.append((left - col, top - row, right - col, bottom - row))
                    box_class.append(ids[i])
                    box_visible.append(inside.area / areas[i])
                    box_feature.append(i)
                if shapes:
                    masks[sample] = rasterio.features.rasterize(
                        shapes, (TILE, TILE), dtype="uint8",
                        transform=rasterio.Affine.translation(col, row))
                windows[sample] = col, row
                offsets.append(len(boxes))
                sample += 1
        store["windows"] = windows
        store["onehot"] = onehot
        store["boxes"] = np.array(boxes, "f4").reshape(-1, 4)
        store["box_class"] = np.array(box_class, "u2")
        store["box_visible"] = np.array(box_visible, "f4")
        store["box_feature"] = np.array(box_feature, "i8")
        store["box_offsets"] = np.array(offsets, "u8")
        store.attrs["classes"] = classes


if __name__ == "__main__":
    feed(*sys.argv[1:4])
