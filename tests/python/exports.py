"""What the tests of exports share: stores with every label, and COCO's run lengths read by hand."""
import json

import h5py
import numpy as np
from conftest import SOURCE, run_vedatile

OLINDA = SOURCE / "data/olinda"
ALL_TASKS = ("classification,detection,segmentation,instance,"
             "boundary,contact,distance,regression")


def feed(path, *options, tasks=ALL_TASKS, image=OLINDA / "scene.tif",
         labels=OLINDA / "sectors.geojson", field="TIPO", codec="deflate"):
    if "regression" in tasks:
        options += ("--target-field", "V014")
    run_vedatile("feed", path, "--image", image, "--labels", labels, "--class-field", field,
                 "--task", tasks, "--tile", 64, "--match", "all", "--codec", codec, *options)
    return path


def export(store, output, form, *options, **keywords):
    return run_vedatile("export", store, "--format", form, "-o", output, *options, **keywords)


def group(path, name="train"):
    """The arrays of a group by h5py: {"images": ..., "labels/boxes": ...}."""
    arrays = {}
    with h5py.File(path) as file:
        file[name].visititems(
            lambda key, item: arrays.update({key: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return arrays


def keys(path, name="train"):
    return [key.decode() for key in group(path, name)["samples"]["key"]]


def runs_of(text):
    """pycocotools' rleFrString, from its description."""
    runs, value, shift = [], 0, 0
    for letter in text.encode():
        five = letter - 48
        value |= (five & 31) << shift
        shift += 5
        if not five & 32:
            value -= (1 << shift) if five & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs


def mask_of(segmentation):
    rows, cols = segmentation["size"]
    runs = runs_of(segmentation["counts"])
    assert sum(runs) == rows * cols
    values = np.arange(len(runs)) % 2
    return np.repeat(values, runs).astype(bool).reshape(cols, rows).T


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
