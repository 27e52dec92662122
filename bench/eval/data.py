"""Ground truth and detections like those of COCO's val2017, made up: JSON files and the same as columns.

5,000 images of 80 categories, of which few are frequent, with 36,781 objects; one in a hundred is a crowd.
Detections are objects that were moved a little, some with another category, some in another image. `dense`
is one image with many objects of one category."""
import json

import numpy as np

IMAGES, CATEGORIES, OBJECTS = 5000, 80, 36781
ROWS, COLS = 480, 640
CORNERS = 12


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)


def random_boxes(random, count, side):
    """x, y, width and height; objects of all sizes, within the image."""
    size = np.exp(random.normal(np.log(side), 1.0, (count, 2))).clip(3, [COLS * 0.9, ROWS * 0.9])
    place = random.random((count, 2)) * (np.array([COLS, ROWS]) - size)
    return np.round(np.concatenate([place, size], 1), 2)


def outlines(boxes):
    """A polygon in each box: x, y, x, y ..."""
    angle = np.arange(CORNERS) * 2 * np.pi / CORNERS
    reach = 0.5 * (0.85 + 0.15 * np.cos(3 * angle))
    points = np.stack([np.cos(angle) * reach, np.sin(angle) * reach], 1) + 0.5
    return np.round(boxes[:, None, :2] + points[None] * boxes[:, None, 2:], 2).reshape(len(boxes), -1)


def moved(random, boxes):
    """Boxes that are off by a tenth of their size or so."""
    off = random.normal(0, 0.08, boxes.shape) * np.tile(boxes[:, 2:], 2)
    found = boxes + off
    found[:, 2:] = found[:, 2:].clip(2)
    found[:, :2] = found[:, :2].clip(0)
    return np.minimum(found, np.array([COLS - 3, ROWS - 3, COLS, ROWS]))


def draw_truth(random, dense):
    count = dense or OBJECTS
    share = 1 / np.arange(1, CATEGORIES + 1) ** 0.9
    image_ids = [139] if dense else np.sort(
        random.choice(np.arange(139, 581782), IMAGES, replace=False)).tolist()
    return {
        "image_ids": image_ids,
        "image": np.zeros(count, int) if dense else random.integers(0, IMAGES, count),
        "category": (np.zeros(count, int) if dense else
                     random.choice(CATEGORIES, count, p=share / share.sum())),
        "box": random_boxes(random, count, 12 if dense else 55),
        "crowd": (random.random(count) < (0 if dense else 0.01)).astype(np.uint8),
    }


def draw_detections(random, truth, count):
    source = random.integers(0, len(truth["image"]), count)
    right = random.random(count) < 0.9
    elsewhere = random.random(count) < 0.2
    categories = truth["category"].max() + 1
    image = np.where(elsewhere, random.integers(0, len(truth["image_ids"]), count),
                     truth["image"][source])
    order = np.argsort(image, kind="stable")
    return {
        "image": image[order],
        "category": np.where(right, truth["category"][source],
                             random.integers(0, categories, count))[order],
        "box": moved(random, truth["box"][source])[order],
        # Half of the scores have float32's few values, half are any number: both are usual.
        "score": np.where(np.arange(count) % 2, random.random(count),
                          random.random(count).astype(np.float32))[order],
    }


def masks_of(boxes):
    """Masks of the outlines, as COCO's run lengths."""
    from vedatile import shapes
    return shapes.from_polygons(([outline] for outline in outlines(boxes)), ROWS, COLS)


def truth_document(truth, masks):
    rings = outlines(truth["box"])
    crowds = np.flatnonzero(truth["crowd"])
    crowd_masks = dict(zip(crowds.tolist(), masks_of(truth["box"][crowds]) if masks else []))

    def annotation(i):
        box = truth["box"][i].tolist()
        made = {"id": i + 1, "image_id": truth["image_ids"][truth["image"][i]],
                "category_id": int(truth["category"][i]) + 1, "bbox": box,
                "area": float(truth["area"][i]), "iscrowd": int(truth["crowd"][i])}
        if masks:
            made["segmentation"] = [rings[i].tolist()]
            if i in crowd_masks:
                made["segmentation"] = text_of(crowd_masks[i])
        return made
    return {"info": {}, "licenses": [],
            "images": [{"id": i, "width": COLS, "height": ROWS, "file_name": f"{i:012d}.jpg"}
                       for i in truth["image_ids"]],
            "annotations": [annotation(i) for i in range(len(truth["image"]))],
            "categories": [{"id": c + 1, "name": f"category {c + 1}", "supercategory": "all"}
                           for c in range(int(truth["category"].max()) + 1)]}


def text_of(mask):
    return {"size": list(mask["size"]), "counts": mask["counts"].decode()}


def results_document(truth, found, masks):
    made = [{"image_id": truth["image_ids"][i], "category_id": c + 1, "score": s}
            for i, c, s in zip(found["image"].tolist(), found["category"].tolist(),
                               found["score"].tolist())]
    values = map(text_of, masks_of(found["box"])) if masks else found["box"].tolist()
    for record, value in zip(made, values):
        record["segmentation" if masks else "bbox"] = value
    return made


def write_columns(path, objects, masks):
    """What is matched, as our reader has it."""
    columns = {name: objects[name] for name in ("box", "area", "score", "crowd") if name in objects}
    columns["image"] = objects["image"].astype(np.uint32)
    columns["category"] = objects["category"].astype(np.uint32)
    if masks is not None:
        from vedatile import _vedatile
        shapes = _vedatile.rle_columns(masks)
        columns.update({name: np.asarray(values) for name, values in shapes.items()})
        del columns["box"]
    np.savez(path, images=len(objects.get("image_ids", [])), **columns)


def make(folder, detections, masks, dense=0):
    """gt.json, dt.json, gt.npz and dt.npz in the folder, unless they are there."""
    if (folder / "dt.npz").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    truth = draw_truth(random, dense)
    truth["area"] = np.round(truth["box"][:, 2] * truth["box"][:, 3] * 0.6, 2)
    found = draw_detections(random, truth, detections)
    write_json(folder / "gt.json", truth_document(truth, masks))
    write_json(folder / "dt.json", results_document(truth, found, masks))
    write_columns(folder / "gt.npz", truth, masks_of(truth["box"]) if masks else None)
    write_columns(folder / "dt.npz", found, masks_of(found["box"]) if masks else None)
