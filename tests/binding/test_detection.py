"""vedatile.detection: pycocotools' arrays, bit for bit, and what is deliberately not pycocotools'."""
import contextlib
import io
import json
import os
import pathlib

import numpy as np
import pytest
from conftest import SANITIZED, SHARED

from vedatile import ArgumentError, FormatError, detection, shapes

CASES = json.loads((pathlib.Path(__file__).parents[1] / "data/coco-edge-cases.json").read_text())["cases"]
COCO_100 = SHARED / "coco-100"
# Random cases; pycocotools takes 8 ms for each.
COUNT = int(os.environ.get("VEDATILE_CASES", 100 if SANITIZED else 600))


def columns(truths, detections, images, categories):
    """Columns as pycocotools orders them: images by id, objects as they come in the file."""
    rows = [[item for image in images for item in side if item["image_id"] == image]
            for side in (truths, detections)]
    found = [{"image": [images.index(item["image_id"]) for item in side],
              "category": [categories.index(item["category_id"]) for item in side],
              "box": np.asarray([item["bbox"] for item in side], float).reshape(-1, 4)}
             for side in rows]
    found[0].update(area=[item["area"] for item in rows[0]],
                    crowd=[item["iscrowd"] for item in rows[0]],
                    ignore=[item.get("ignore", 0) for item in rows[0]])
    found[1]["score"] = [item["score"] for item in rows[1]]
    return rows, found


# --- the hand-made cases --------------------------------------------------------------------------

def expected_matches(case):
    for cell in case["matches_area_all"]:
        yield (cell["image_id"], cell["category_id"]), cell


@pytest.mark.parametrize("name", CASES)
def test_edge_case(name):
    case = CASES[name]
    truths, found = case["groundtruth"], case["detections"]
    images = sorted({item["image_id"] for item in truths + found})
    categories = sorted({item["category_id"] for item in truths + found})
    (truth_rows, _), both = columns(truths, found, images, categories)
    matches = detection.match(*both, images=len(images), categories=len(categories))
    scores = matches.scores()
    if name == "gt_id_zero_quirk":  # pycocotools takes the id 0 for "not matched"
        assert case["stats"]["AP"] == 0
        assert scores.stats[0] == pytest.approx(1)
        return
    assert dict(zip(detection.STATS, scores.stats.tolist())) == case["stats"]
    if case["precision_iou50_area_all_maxdet100"] is not None:
        want = case["precision_iou50_area_all_maxdet100"]  # by category
        assert {str(categories[k]): scores.precision[0, :, k, 0, 2].tolist()
                for k in range(len(categories))} == want
    cells = {(images[cell["image"]], categories[cell["category"]]): cell for cell in matches.cells()}
    for key, want in expected_matches(case):
        cell = cells[key]
        ids = [truth_rows[i]["id"] for i in cell["ground_truths"]]
        assert ids == want["gt_ids"]
        assert len(cell["detections"]) == len(want["dt_ids"])
        assert [0 if i < 0 else truth_rows[i]["id"] for i in cell["matched"][0]] == want["iou_0_50_dt_matches"]
        assert cell["ignored"][0].tolist() == [bool(flag) for flag in want["iou_0_50_dt_ignore"]]
        assert cell["truth_ignored"].tolist() == [bool(flag) for flag in want["gt_ignore"]]


# --- pycocotools, run beside ---------------------------------------------------------------------

def reference(truths, detections, images, categories, kind, **parameters):
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for annotations in (truths, detections):
            coco = COCO()
            coco.dataset = {"images": images, "categories": [{"id": k} for k in categories],
                            "annotations": annotations}
            coco.createIndex()
            sides.append(coco)
        evaluation = COCOeval(*sides, kind)
        for name, value in parameters.items():
            setattr(evaluation.params, name, value)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def as_results(detections):
    """Detections as COCO.loadRes has them."""
    return [{"id": i + 1, "iscrowd": 0, "area": item["bbox"][2] * item["bbox"][3], **item}
            for i, item in enumerate(detections)]


def assert_same_arrays(scores, evaluation):
    for name in ("precision", "recall", "scores"):
        have, want = getattr(scores, name), evaluation.eval[name]
        assert have.shape == want.shape
        assert have.tobytes() == want.tobytes(), name
    want = np.array(evaluation.stats, float)
    if 100 not in evaluation.params.maxDets:  # pycocotools has no AP then
        assert want[0] == -1
        want[0] = scores.stats[0]
    assert scores.stats.tobytes() == want.tobytes()


def assert_same_matches(matches, evaluation, truth_ids, images, areas=4):
    """evalImgs, cell by cell; detections' ids are 1, 2, ... in the order of input."""
    truth_ids = np.array([*truth_ids, 0])
    for area in range(areas):
        cells = {(cell["category"], cell["image"]): cell for cell in matches.cells(area)}
        count = 0
        for place, want in enumerate(evaluation.evalImgs):
            category, rest = divmod(place, areas * images)
            if rest // images != area or want is None:
                continue
            cell = cells[category, rest % images]
            count += 1
            assert (cell["detections"] + 1).tolist() == want["dtIds"]
            assert truth_ids[cell["ground_truths"]].tolist() == want["gtIds"]
            assert (truth_ids[cell["matched"]] == want["dtMatches"]).all()
            assert (cell["truth_matched"] + 1 == want["gtMatches"]).all()
            assert (cell["ignored"] == want["dtIgnore"]).all()
            assert (cell["truth_ignored"] == want["gtIgnore"]).all()
        assert count == len(cells)


def random_case(rng):
    images, categories = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    grid = rng.choice([1, 5, 20])

    def box():
        values = rng.integers(0, 60 // grid + 1, 4) * float(grid)
        values[2:] = np.maximum(values[2:], rng.choice([0, 1]))
        return (values + (rng.random(4) if rng.random() < .3 else 0)).tolist()

    truths = [{"id": i + 1, "image_id": int(rng.integers(images)) + 1,
               "category_id": int(rng.integers(categories)) + 1, "bbox": box(),
               "iscrowd": int(rng.random() < .15), "ignore": int(rng.random() < .1)}
              for i in range(rng.integers(25))]
    for truth in truths:
        truth["area"] = float(rng.choice([truth["bbox"][2] * truth["bbox"][3], 1024, 9216, 500]))
    found = []
    for _ in range(rng.integers(40)):
        place = {"image_id": int(rng.integers(images)) + 1,
                 "category_id": int(rng.integers(categories)) + 1, "bbox": box()}
        if truths and rng.random() < .7:
            truth = truths[rng.integers(len(truths))]
            scale = [1, 1, rng.choice([1, .5, .8, .75]), rng.choice([1, .9, 2])]
            place = {name: truth[name] for name in ("image_id", "category_id")}
            place["bbox"] = [float(a * b) for a, b in zip(truth["bbox"], scale)]
        score = rng.choice([rng.random(), .5, .9, 0, -0.0, 1, round(rng.random(), 1)])
        found.append({**place, "score": float(score)})
    found.sort(key=lambda item: item["image_id"])  # as both have them in the end
    truths.sort(key=lambda item: item["image_id"])
    return truths, as_results(found), images, categories


def random_parameters(rng):
    """(pycocotools' parameters, the options that say the same)."""
    chance = rng.random()
    if chance < .2:
        return {"maxDets": [1, 3, 5]}, {"max_detections": [1, 3, 5]}
    if chance < .3:
        return {"useCats": 0}, {"class_agnostic": True}
    if chance < .4:
        thresholds = np.sort(rng.random(rng.integers(1, 36)))
        return {"iouThrs": thresholds}, {"iou_thresholds": thresholds}
    if chance < .5:
        thresholds = np.sort(rng.random(rng.integers(1, 20)))
        return {"recThrs": thresholds}, {"recall_thresholds": thresholds}
    if chance < .6:
        return {"iouThrs": np.array([0, .5, 1])}, {"iou_thresholds": [0, .5, 1]}
    return {}, {}


def test_random_cases():
    for seed in range(COUNT):
        rng = np.random.default_rng(seed)
        truths, found, images, categories = random_case(rng)
        theirs, ours = random_parameters(rng)
        if not truths and not found:
            continue
        evaluation = reference(truths, found, [{"id": i + 1} for i in range(images)],
                               range(1, categories + 1), "bbox", **theirs)
        _, both = columns(truths, found, list(range(1, images + 1)), list(range(1, categories + 1)))
        matches = detection.match(*both, images=images, categories=categories,
                                  coco_ignores_ignore=True, **ours)
        assert_same_arrays(matches.scores(), evaluation)
        if seed % 4 == 0:
            assert_same_matches(matches, evaluation, [item["id"] for item in truths], images)


# --- 100 images of COCO ----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def coco_100():
    if not COCO_100.is_dir():
        pytest.skip("no ../shared/data/coco-100")
    coco = json.loads((COCO_100 / "instances_val2014_100.json").read_text())
    coco["annotations"].sort(key=lambda item: item["image_id"])
    return coco


def results(kind):
    found = json.loads((COCO_100 / f"instances_val2014_fake{kind}100_results.json").read_text())
    return sorted(found, key=lambda item: item["image_id"])


@pytest.mark.parametrize("threads", [1, 3])
def test_boxes_of_coco(coco_100, threads):
    images = sorted(item["id"] for item in coco_100["images"])
    categories = sorted(item["id"] for item in coco_100["categories"])
    found = as_results(results("bbox"))
    evaluation = reference(coco_100["annotations"], found, coco_100["images"], categories, "bbox")
    (truths, _), both = columns(coco_100["annotations"], found, images, categories)
    matches = detection.match(*both, images=len(images), categories=len(categories),
                              threads=threads)
    assert_same_arrays(matches.scores(), evaluation)
    assert_same_matches(matches, evaluation, [item["id"] for item in truths], len(images))
    assert matches.scores().stats[0] == pytest.approx(.50458, abs=1e-5)


@pytest.mark.parametrize("threads", [1, 3])
def test_masks_of_coco(coco_100, threads):
    mask = pytest.importorskip("pycocotools.mask")
    from pycocotools.coco import COCO
    images = sorted(item["id"] for item in coco_100["images"])
    categories = sorted(item["id"] for item in coco_100["categories"])
    found = [{"id": i + 1, "iscrowd": 0, "area": mask.area(item["segmentation"]),
              "bbox": mask.toBbox(item["segmentation"]), **item}
             for i, item in enumerate(results("segm"))]
    evaluation = reference([dict(item) for item in coco_100["annotations"]], found,
                           coco_100["images"], categories, "segm")
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = coco_100
        coco.createIndex()
    (truths, rows), both = columns(coco_100["annotations"], found, images, categories)
    both[0]["shapes"] = [coco.annToRLE(item) for item in truths]
    both[1]["shapes"] = [item["segmentation"] for item in rows]
    matches = detection.match(*both, images=len(images), categories=len(categories),
                              threads=threads)
    assert_same_arrays(matches.scores(), evaluation)
    assert_same_matches(matches, evaluation, [item["id"] for item in truths], len(images))
    for side in both:  # run lengths as columns, and areas of the masks themselves
        side["shapes"] = runs_of(mask, side["shapes"])
    del both[1]["box"]
    matches = detection.match(*both, images=len(images), categories=len(categories))
    assert_same_arrays(matches.scores(), evaluation)


def runs_of(mask, rles):
    """Columns of uncompressed run lengths."""
    counts = []
    for rle in rles:
        pixels = np.concatenate([[0], mask.decode(rle).ravel(order="F"), [2]])
        edges = np.flatnonzero(np.diff(pixels.astype(np.int8)))
        counts.append(np.diff([0, *edges]).tolist())
    return {"size": [rle["size"] for rle in rles], "counts": np.concatenate(counts),
            "count_offsets": np.cumsum([0, *map(len, counts)])}


# --- what pycocotools has not ---------------------------------------------------------------------

BOX = [0, 0, 10, 10]


def test_ignore_is_or_ed_with_crowd():
    truths = {"image": [0, 0], "category": [0, 0], "box": [BOX, [50, 0, 10, 10]], "ignore": [1, 0]}
    found = {"image": [0], "category": [0], "box": [BOX], "score": [.9]}
    stats = detection.match(truths, found, images=1, categories=1).scores().stats
    assert stats[0] == 0  # the one that counts was not found, and the detection does not count
    stats = detection.match(truths, found, images=1, categories=1,
                            coco_ignores_ignore=True).scores().stats
    assert stats[8] == .5


def test_weights_are_slices():
    rng = np.random.default_rng(5)
    truths, found, _, categories = random_case(rng)
    truths = [{**item, "id": i, "image_id": i % 4 + 1} for i, item in enumerate(truths * 3)]
    images, ids = [1, 2, 3, 4], list(range(1, categories + 1))
    _, both = columns(truths, found, images, ids)
    some = detection.match(*both, images=4, categories=categories).scores([1, 0, 1, 0])
    kept = [[item for item in side if item["image_id"] in (1, 3)] for side in (truths, found)]
    _, both = columns(*kept, images, ids)
    alone = detection.match(*both, images=4, categories=categories).scores()
    for name in ("precision", "recall", "scores", "stats"):
        assert getattr(some, name).tobytes() == getattr(alone, name).tobytes()


def test_one_category_needs_no_column():
    truths = {"image": [0, 1], "box": [BOX, BOX]}
    found = {"image": [1], "box": [BOX], "score": [.5]}
    matches = detection.match(truths, found, images=2, categories=1)
    assert matches.scores().stats[8] == .5
    assert [cell["image"] for cell in matches.cells()] == [0, 1]


def test_frequencies():
    truths = {"image": [0] * 3, "category": [0, 1, 2], "box": [BOX] * 3}
    found = {"image": [0, 0], "category": [0, 1], "box": [BOX, [0, 0, 10, 5]], "score": [.9, .8]}
    scores = detection.match(truths, found, images=1, categories=3,
                             max_detections=[300]).scores()
    assert scores.mean(categories=[1, 0, 0]) == pytest.approx(1)
    assert scores.mean(categories=[0, 1, 0]) == pytest.approx(.1)
    assert scores.mean(categories=[0, 0, 1]) == 0
    assert scores.mean(recall=True) == pytest.approx((1 + .1 + 0) / 3)
    assert [category["ap50"] for category in scores.categories] == pytest.approx([1, 1, 0])


def test_rotated_boxes_and_polygons():
    from vedatile import shapes
    turned = shapes.rotated([[5, 5, 10, 4, .3]])
    outlines = shapes.polygons([[shapes.corners(turned)[0]]])
    for given in (turned, outlines):
        truths = {"image": [0], "category": [0], "shapes": given}
        found = {"image": [0], "category": [0], "shapes": given, "score": [.5]}
        scores = detection.match(truths, found, images=1, categories=1).scores()
        assert scores.stats[8] == 1


def test_one_dense_image():
    """Objects that cannot overlap are not asked: as if all had been."""
    rng = np.random.default_rng(3)
    boxes = np.hstack([rng.random((700, 2)) * 900, rng.random((700, 2)) ** 4 * 300 + 3])
    found = boxes[rng.integers(700, size=1500)] * (1 + .2 * rng.random((1500, 4)))
    truths = [{"id": i + 1, "image_id": 1, "category_id": 1, "bbox": box.tolist(), "iscrowd": 0,
               "area": float(box[2] * box[3])} for i, box in enumerate(boxes)]
    detections = as_results([{"image_id": 1, "category_id": 1, "bbox": box.tolist(),
                              "score": float(i % 400)} for i, box in enumerate(found)])
    thresholds = np.array([.5, .75])
    evaluation = reference(truths, detections, [{"id": 1}], [1], "bbox", iouThrs=thresholds,
                           maxDets=[1, 10, 1500])
    _, both = columns(truths, detections, [1], [1])
    scores = detection.match(*both, images=1, categories=1, max_detections=[1, 10, 1500],
                             iou_thresholds=thresholds).scores()
    assert_same_arrays(scores, evaluation)


# --- what is refused ------------------------------------------------------------------------------

def test_refused():
    truths = {"image": [0], "category": [0], "box": [BOX]}
    found = {"image": [0], "category": [0], "box": [BOX], "score": [float("nan")]}
    with pytest.raises(FormatError, match="detection 0: its score is not a finite number"):
        detection.match(truths, found, images=1, categories=1)
    found["score"] = [.5]
    with pytest.raises(FormatError, match="detection 0: image 1; there are 1"):
        detection.match(truths, {**found, "image": [1]}, images=1, categories=1)
    with pytest.raises(ArgumentError, match="category: 2 values"):
        detection.match(truths, {**found, "category": [0, 0]}, images=1, categories=1)
    with pytest.raises(ArgumentError, match="numbers from 0"):
        detection.match(truths, {**found, "category": [-1]}, images=1, categories=1)
    with pytest.raises(TypeError, match="no column \"boxes\""):
        detection.match(truths, {**found, "boxes": []}, images=1, categories=1)
    with pytest.raises(TypeError, match="no option \"iou\""):
        detection.match(truths, found, images=1, categories=1, iou=3)
    with pytest.raises(ArgumentError, match="keep_ids"):
        detection.match(truths, found, images=1, categories=1, keep_ids=False).outcomes()


# --- crowded cells: not every pair is looked at ----------------------------------------------------

def crowd_of(kind, count, rng):
    """Shapes of very different sizes in one image, some outside of all others, some empty."""
    side = np.exp(rng.normal(2, 1, (count, 2))).clip(1, 90)
    place = rng.random((count, 2)) * (200 - side)
    boxes = np.concatenate([place, side], 1)
    if kind == "box":
        boxes[rng.random(count) < .03, 2:] = 0
        return boxes
    if kind == "rotated":
        return shapes.rotated(np.concatenate([place + side / 2, side, rng.random((count, 1)) * 3], 1))
    angle = np.arange(9) * 2 * np.pi / 9
    reach = .3 + .2 * rng.random((count, 9))
    outline = np.stack([np.cos(angle) * reach, np.sin(angle) * reach], 2) + .5
    outline = boxes[:, None, :2] + outline * boxes[:, None, 2:]
    if kind == "polygon":
        return shapes.polygons([one] for one in outline)
    return shapes.from_polygons(([one.ravel()] for one in outline), 200, 200)


def matched_by_all_pairs(iou, score, crowd, threshold):
    """COCO's matching of one cell as its text says: places of ground truth, or -1."""
    order = np.argsort(crowd, kind="stable")
    taken, matched = set(), []
    for row in iou[np.argsort(-score, kind="stable")]:
        best, at = min(threshold, 1 - 1e-10), -1
        for g in order:
            if g in taken and not crowd[g]:
                continue
            if at >= 0 and not crowd[at] and crowd[g]:
                break
            if row[g] >= best:
                best, at = row[g], g
        taken.add(at)
        matched.append(at)
    return matched


@pytest.mark.parametrize("kind", ["box", "mask", "rotated", "polygon"])
def test_crowded_cell_is_matched_as_by_all_pairs(kind):
    rng = np.random.default_rng(["box", "mask", "rotated", "polygon"].index(kind))
    count, many = 130, 700
    truth, found = crowd_of(kind, count, rng), crowd_of(kind, many, rng)
    crowd = (rng.random(count) < .1).astype(np.uint8)
    score = rng.integers(0, 200, many) / 200
    name = "box" if kind == "box" else "shapes"
    iou = (shapes.boxes_iou if kind == "box" else shapes.iou)(found, truth, crowd)
    assert (iou > 0).sum() > 300 and (iou > 0).mean() < .5
    for thresholds in ([.02, .1, .3], [0, .4]):
        matches = [detection.match(
            {"image": np.zeros(count, np.uint32), name: truth, "crowd": crowd},
            {"image": np.zeros(many, np.uint32), name: found, "score": score}, images=1,
            categories=1, iou_thresholds=thresholds, max_detections=[many], threads=threads)
            for threads in (1, 3)]
        cell, = matches[0].cells()
        assert (cell["matched"] == next(matches[1].cells())["matched"]).all()
        for t, threshold in enumerate(thresholds):
            want = matched_by_all_pairs(iou, score, crowd, threshold)
            assert (cell["matched"][t] == want).all(), threshold
