"""vedatile.coco beside pycocotools itself: the same calls, the same arrays to the bit, the same text."""
import contextlib
import copy
import io
import json
import pickle
import re

import numpy as np
import pytest

theirs = pytest.importorskip("pycocotools.coco", reason="no pycocotools (tools/setup.sh)")
from conftest import SHARED  # noqa: E402
from pycocotools import cocoeval as their_eval  # noqa: E402
from pycocotools import mask as their_mask  # noqa: E402
from test_protocols import FOUR_IMAGES_FOUND, FOUR_IMAGES_TRUTHS  # noqa: E402

import vedatile  # noqa: E402
from vedatile import coco as ours  # noqa: E402
from vedatile.coco import mask as our_mask  # noqa: E402

COCO_100 = SHARED / "coco-100"
TRUTH = COCO_100 / "instances_val2014_100.json"
FOUND = {"bbox": COCO_100 / "instances_val2014_fakebbox100_results.json",
         "segm": COCO_100 / "instances_val2014_fakesegm100_results.json"}
needs_coco_100 = pytest.mark.skipif(not TRUTH.exists(), reason="no shared/data/coco-100")


def quiet(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        result = function(*arguments)
    return result, text.getvalue()


def evaluated(package, evaluation_class, truth, found, kind, change=None, accumulate=None):
    def run():
        coco = truth if hasattr(truth, "loadRes") else package.COCO(truth)
        results = found if hasattr(found, "loadRes") else coco.loadRes(found)
        evaluation = evaluation_class(coco, results, kind)
        if change is not None:
            change(evaluation.params)
        evaluation.evaluate()
        evaluation.accumulate(accumulate(evaluation.params) if accumulate else None)
        return evaluation
    return quiet(run)[0]


def both(truth, found, kind, change=None, accumulate=None):
    """Both evaluations; what goes in is copied, since pycocotools writes into it."""
    made = []
    for package, evaluation_class in ((theirs, their_eval.COCOeval), (ours, ours.COCOeval)):
        made.append(evaluated(package, evaluation_class, *map(copy.deepcopy, (truth, found)), kind,
                              change, accumulate))
    return made


def same_bits(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def check_arrays(their, our):
    for name in ("precision", "recall", "scores"):
        assert same_bits(np.ascontiguousarray(their.eval[name]),
                         np.ascontiguousarray(our.eval[name])), name
    assert their.eval["counts"] == our.eval["counts"]
    assert set(their.eval) == set(our.eval)


def summary(evaluation):
    text = quiet(evaluation.summarize)[1]
    return text, np.asarray(evaluation.stats)


def check(their, our):
    check_arrays(their, our)
    (their_text, their_stats), (our_text, our_stats) = summary(their), summary(our)
    assert their_text == our_text
    assert same_bits(their_stats, our_stats)


def check_images(their, our):
    assert len(their.evalImgs) == len(our.evalImgs)
    for a, b in zip(their.evalImgs, our.evalImgs):
        assert (a is None) == (b is None)
        if a is None:
            continue
        assert set(a) == set(b)
        for name, values in a.items():
            assert np.array_equal(np.asarray(values), np.asarray(b[name])), name
            assert np.asarray(values).shape == np.asarray(b[name]).shape, name
    assert set(their.ious) == set(our.ious)
    for key, values in their.ious.items():
        if len(values):  # a matrix without rows or columns is [] here
            assert same_bits(np.ascontiguousarray(values), np.ascontiguousarray(our.ious[key]))
        else:
            assert len(our.ious[key]) == 0


# --- coco-100 -------------------------------------------------------------------------------------


@needs_coco_100
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_coco_100(kind):
    their, our = both(str(TRUTH), str(FOUND[kind]), kind)
    assert our.cocoGt._file is not None and our.cocoDt._file is not None  # columns were enough
    check(their, our)
    check_images(their, our)
    assert our.stats[0] > 0.3


@needs_coco_100
def test_masks_as_boxes():
    check(*both(str(TRUTH), str(FOUND["segm"]), "bbox"))


@needs_coco_100
@pytest.mark.parametrize("looked", [False, True])
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_results_in_other_forms(kind, looked):
    found = json.loads(FOUND[kind].read_text())
    if kind == "bbox":
        array = np.array([[f["image_id"], *f["bbox"], f["score"], f["category_id"]] for f in found])
        check(*both(str(TRUTH), array, kind))

    def truth(package):
        made = quiet(package.COCO, str(TRUTH))[0]
        if looked:
            made.anns, made.imgs
        return made
    their = evaluated(theirs, their_eval.COCOeval, truth(theirs), copy.deepcopy(found), kind)
    our = evaluated(ours, ours.COCOeval, truth(ours), copy.deepcopy(found), kind)
    check(their, our)
    a_dict = quiet(ours.COCO, json.loads(TRUTH.read_text()))[0]
    check(their, evaluated(ours, ours.COCOeval, a_dict, str(FOUND[kind]), kind))


CHANGES = {
    "fewer images": lambda p: setattr(p, "imgIds", p.imgIds[10:60]),
    "images in disorder": lambda p: setattr(p, "imgIds", p.imgIds[50:20:-1]),
    "no such images": lambda p: setattr(p, "imgIds", [*p.imgIds, 5, 7]),
    "fewer categories": lambda p: setattr(p, "catIds", [3, 1, 62, 44]),
    "other limits": lambda p: setattr(p, "maxDets", [5, 2, 1000]),
    "another limit": lambda p: setattr(p, "maxDets", [1, 2, 7]),
    "one threshold": lambda p: setattr(p, "iouThrs", np.array([0.5])),
    "other recalls": lambda p: setattr(p, "recThrs", np.array([0, 0.3, 0.5, 1])),
    "without categories": lambda p: setattr(p, "useCats", 0),
    "areas": lambda p: (setattr(p, "areaRng", [[0, 1e10], [100, 500]]),
                        setattr(p, "areaRngLbl", ["all", "small"])),
}


@needs_coco_100
@pytest.mark.parametrize("kind", ["bbox", "segm"])
@pytest.mark.parametrize("name", CHANGES)
def test_params(name, kind):
    their, our = both(str(TRUTH), str(FOUND[kind]), kind, CHANGES[name])
    check(their, our)
    check_images(their, our)


@needs_coco_100
def test_without_categories_takes_them_in_the_order_given():
    def change(p):
        p.useCats, p.catIds = 0, p.catIds[::-1]
    their, our = both(str(TRUTH), str(FOUND["bbox"]), "bbox", change)
    check(their, our)
    check_images(their, our)


@needs_coco_100
def test_accumulate_with_other_params():
    def fewer(p):
        p = copy.deepcopy(p)
        p.maxDets = [1, 100]
        p.recThrs = np.linspace(0, 1, 11)
        return p
    check_arrays(*both(str(TRUTH), str(FOUND["bbox"]), "bbox", accumulate=fewer))


@needs_coco_100
def test_images_put_together_elsewhere():
    """As torchvision's references do it: evaluate() for some images at a time."""
    whole = evaluated(ours, ours.COCOeval, str(TRUTH), str(FOUND["segm"]), "segm")
    truth = quiet(ours.COCO, str(TRUTH))[0]
    results = quiet(truth.loadRes, str(FOUND["segm"]))[0]
    evaluation = ours.COCOeval(truth, results, "segm")
    images, parts = evaluation.params.imgIds, []
    for some in (images[:30], images[30:]):
        evaluation.params.imgIds = some
        quiet(evaluation.evaluate)
        parts.append(np.asarray(evaluation.evalImgs, dtype=object).reshape(-1, 4, len(some)))
    evaluation.evalImgs = list(np.concatenate(parts, 2).flatten())
    evaluation.params.imgIds = list(images)
    evaluation._paramsEval = copy.deepcopy(evaluation.params)
    quiet(evaluation.accumulate)
    check(whole, evaluation)


# --- small cases ------------------------------------------------------------------------------------


def edge_cases():
    path = SHARED.parent / "notes/coco-edge-cases.json"
    if not path.exists():
        return []
    cases = json.loads(path.read_text())["cases"]
    items = cases.items() if isinstance(cases, dict) else ((c["name"], c) for c in cases)
    return [pytest.param(case, id=name) for name, case in items]


def dataset_of(annotations, images=None, categories=None):
    images = sorted({a["image_id"] for a in annotations}) if images is None else images
    categories = sorted({a["category_id"] for a in annotations}) if categories is None else categories
    return {"info": {}, "images": [{"id": i, "width": 640, "height": 480} for i in images],
            "categories": [{"id": c, "name": f"c{c}", "supercategory": "s"} for c in categories],
            "annotations": annotations}


def their_pair(truth, found):
    """pycocotools takes dicts only this way, and [] as results not at all."""
    def make(package, dataset):
        coco = package.COCO()
        coco.dataset = dataset
        coco.createIndex()
        return coco
    prepared = [dict(f, id=i, iscrowd=0, area=f["bbox"][2] * f["bbox"][3])
                for i, f in enumerate(found, 1)]
    for package in (theirs, ours):
        yield tuple(quiet(make, package, copy.deepcopy(d))[0]
                    for d in (truth, dict(truth, annotations=prepared)))


def check_small(truth, found, change=None):
    (a, b), (c, d) = their_pair(truth, found)
    their = evaluated(theirs, their_eval.COCOeval, a, b, "bbox", change)
    our = evaluated(ours, ours.COCOeval, c, d, "bbox", change)
    check(their, our)
    check_images(their, our)
    return our


def random_case(random):
    images, categories = int(random.integers(1, 4)), int(random.integers(1, 4))

    def box():
        x, y = random.integers(0, 6, 2) * 10.0
        return [x, y, *(random.integers(1, 6, 2) * random.choice([3.0, 10.0, 25.5])).tolist()]
    truth = []
    for i in range(int(random.integers(0, 9))):
        b = box()
        truth.append({"id": i + 1, "image_id": int(random.integers(images)),
                      "category_id": int(random.integers(categories)), "bbox": b,
                      "area": b[2] * b[3] * random.choice([1, 0.5]),
                      "iscrowd": int(random.random() < 0.2), "ignore": int(random.random() < 0.2)})
    found = [{"image_id": int(random.integers(images)), "category_id": int(random.integers(categories)),
              "bbox": truth[int(random.integers(len(truth)))]["bbox"] if truth and random.random() < 0.5
              else box(), "score": float(random.integers(0, 6)) / 5}
             for _ in range(int(random.integers(0, 12)))]
    return dataset_of(truth, range(images), range(categories)), found


def test_random_small_cases():
    random = np.random.default_rng(1)
    for _ in range(60):
        check_small(*random_case(random))


def test_random_small_cases_without_categories():
    random = np.random.default_rng(2)
    for _ in range(25):
        check_small(*random_case(random), lambda p: setattr(p, "useCats", 0))


# pycocotools takes id 0 for "no match": here it is an id like others, so these differ on purpose.
ID_0 = ("gt_id_zero_quirk",)


@pytest.mark.parametrize("case", edge_cases())
def test_edge_cases(case, request):
    found = case["detections"]
    images, categories = (sorted({a[name] for a in [*case["groundtruth"], *found]})
                          for name in ("image_id", "category_id"))
    truth = dataset_of(case["groundtruth"], images, categories)
    if any(name in request.node.name for name in ID_0):
        (_, _), (c, d) = their_pair(truth, found)
        best = evaluated(ours, ours.COCOeval, c, d, "bbox").eval["precision"].max()
        assert best == pytest.approx(1) and case["stats"]["AP"] == 0
        return
    our = check_small(truth, found)
    assert our.stats.tolist() == list(case["stats"].values())


@needs_coco_100
def test_ids_that_are_texts(tmp_path):
    """A file that the C reader refuses is read as pycocotools reads it."""
    truth = json.loads(TRUTH.read_text())
    found = json.loads(FOUND["bbox"].read_text())
    for record in truth["images"]:
        record["id"] = f"image {record['id']}"
    for record in truth["annotations"] + found:
        record["image_id"] = f"image {record['image_id']}"
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "dt.json").write_text(json.dumps(found))
    their, our = both(str(tmp_path / "gt.json"), str(tmp_path / "dt.json"), "bbox")
    check(their, our)
    check_images(their, our)


def test_unknown_images_and_categories(tmp_path):
    truth = dataset_of([{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81,
                         "iscrowd": 0}], [1, 2], [1])
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    found = [{"image_id": 1, "category_id": c, "bbox": [0, 0, 9, 9], "score": 0.5} for c in (1, 77)]
    (tmp_path / "dt.json").write_text(json.dumps(found))
    check(*both(str(tmp_path / "gt.json"), str(tmp_path / "dt.json"), "bbox"))
    (tmp_path / "dt.json").write_text(json.dumps([dict(found[0], image_id=3)]))
    with pytest.raises(AssertionError, match="Results do not correspond to current coco set"):
        quiet(quiet(ours.COCO, tmp_path / "gt.json")[0].loadRes, tmp_path / "dt.json")


def test_nothing_found_and_nothing_asked():
    truth = dataset_of([{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "area": 81,
                         "iscrowd": 0}])
    coco = quiet(ours.COCO, truth)[0]
    none = evaluated(ours, ours.COCOeval, coco, [], "bbox")
    summary(none)
    assert none.stats[0] == 0 and none.stats[3] == 0 and none.stats[5] == -1
    empty = evaluated(ours, ours.COCOeval, coco, [], "bbox", lambda p: setattr(p, "imgIds", []))
    assert (empty.eval["precision"] == -1).all()


def test_the_four_images_of_torchmetrics():
    def record(row):
        image, category, x, y, right, bottom, *score = row
        made = {"image_id": image, "category_id": category,
                "bbox": [x, y, right - x, bottom - y]}
        return {**made, "score": score[0]} if score else made
    truth = [{**record(row), "id": i, "iscrowd": 0, "area": (row[4] - row[2]) * (row[5] - row[3])}
             for i, row in enumerate(FOUR_IMAGES_TRUTHS, 1)]
    found = [record(row) for row in FOUR_IMAGES_FOUND]
    our = check_small(dataset_of(truth, range(4), [0, 1, 2, 3, 4, 49]), found)
    assert our.stats[:3].round(3).tolist() == [0.637, 0.859, 0.761]
    check_small(dataset_of(truth, range(4), [0, 1, 2, 3, 4, 49]), found,
                lambda p: setattr(p, "useCats", 0))


# --- the class COCO ----------------------------------------------------------------------------------


@needs_coco_100
def test_coco_answers_alike():
    a, b = (quiet(package.COCO, str(TRUTH))[0] for package in (theirs, ours))
    images = a.getImgIds()[:7]
    assert b.getImgIds() == a.getImgIds()
    for question in (lambda c: c.getAnnIds(), lambda c: c.getAnnIds(images),
                     lambda c: c.getAnnIds(images[0], 1), lambda c: c.getAnnIds(catIds=[1, 3]),
                     lambda c: c.getAnnIds(areaRng=[100, 2000]), lambda c: c.getAnnIds(iscrowd=True),
                     lambda c: c.getAnnIds(images, [1], [0, 1e5], False),
                     lambda c: c.getCatIds(), lambda c: c.getCatIds(catNms=["person", "dog"]),
                     lambda c: c.getCatIds(supNms="animal"), lambda c: c.getCatIds(catIds=[5, 6]),
                     lambda c: sorted(c.getImgIds(catIds=[1, 3])), lambda c: c.getImgIds(catIds=1),
                     lambda c: sorted(c.getImgIds(imgIds=images, catIds=[1])),
                     lambda c: c.loadImgs(images), lambda c: c.loadCats([1, 2]),
                     lambda c: c.loadAnns(c.getAnnIds(images[1])), lambda c: c.loadImgs(images[0]),
                     lambda c: dict(c.imgToAnns), lambda c: dict(c.catToImgs), lambda c: c.dataset,
                     lambda c: quiet(c.info)[1]):
        assert question(a) == question(b)


@needs_coco_100
@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_results_look_alike(kind):
    a, b = (quiet(quiet(package.COCO, str(TRUTH))[0].loadRes, str(FOUND[kind]))[0]
            for package in (theirs, ours))
    assert len(a.dataset["annotations"]) == len(b.dataset["annotations"])
    for x, y in zip(a.dataset["annotations"], b.dataset["annotations"]):
        assert set(x) == set(y)
        for name in x:
            assert np.array_equal(x[name], y[name]), name
    for name in ("images", "categories", "info"):
        assert a.dataset[name] == b.dataset[name]


@needs_coco_100
def test_what_is_changed_counts():
    """Dicts that were looked at are what is evaluated."""
    def changed(package, evaluation_class):
        truth = quiet(package.COCO, str(TRUTH))[0]
        for annotation in truth.dataset["annotations"][::3]:
            annotation["iscrowd"] = 1
        results = quiet(truth.loadRes, str(FOUND["bbox"]))[0]
        for annotation in results.loadAnns(results.getAnnIds())[::2]:
            annotation["score"] /= 2
        return evaluated(package, evaluation_class, truth, results, "bbox")
    check(changed(theirs, their_eval.COCOeval), changed(ours, ours.COCOeval))


@needs_coco_100
def test_files_may_go_and_objects_be_copied(tmp_path):
    truth, found = tmp_path / "gt.json", tmp_path / "dt.json"
    truth.write_text(TRUTH.read_text())
    found.write_text(FOUND["bbox"].read_text())
    coco = quiet(ours.COCO, truth)[0]
    results = quiet(coco.loadRes, found)[0]
    truth.unlink()
    found.unlink()
    before = evaluated(ours, ours.COCOeval, coco, results, "bbox")
    copied = pickle.loads(pickle.dumps((coco, results)))
    check(before, evaluated(ours, ours.COCOeval, *copied, "bbox"))
    assert len(results.anns) == 734 and len(coco.anns) == 839


@needs_coco_100
def test_masks_of_annotations():
    a, b = (quiet(package.COCO, str(TRUTH))[0] for package in (theirs, ours))
    for identity in a.getAnnIds()[::7] + a.getAnnIds(iscrowd=True):
        x, y = a.anns[identity], b.anns[identity]
        assert a.annToRLE(x) == b.annToRLE(y)
        assert np.array_equal(a.annToMask(x), b.annToMask(y))


def test_mask_functions():
    random = np.random.default_rng(3)
    pixels = np.asfortranarray((random.random((40, 30, 5)) < 0.4).astype(np.uint8))
    for single in (pixels, pixels[:, :, 0]):
        assert their_mask.encode(np.asfortranarray(single)) == our_mask.encode(single)
    a = their_mask.encode(pixels)
    assert np.array_equal(their_mask.decode(a), our_mask.decode(a))
    assert np.array_equal(their_mask.decode(a[0]), our_mask.decode(a[0]))
    for name in ("area", "toBbox"):
        for value in (a, a[1]):
            x, y = getattr(their_mask, name)(value), getattr(our_mask, name)(value)
            assert np.array_equal(x, y) and np.asarray(x).dtype == np.asarray(y).dtype
    assert their_mask.merge(a, 1) == our_mask.merge(a, 1) and their_mask.merge(a) == our_mask.merge(a)
    crowd = [0, 1, 0, 1, 1]
    assert same_bits(np.ascontiguousarray(their_mask.iou(a, a, crowd)),
                     np.ascontiguousarray(our_mask.iou(a, a, crowd)))
    boxes = random.random((6, 4)) * 20
    for value in (boxes, boxes.tolist()):
        assert same_bits(np.ascontiguousarray(their_mask.iou(value, value, [0] * 6)),
                         np.ascontiguousarray(our_mask.iou(value, value, [0] * 6)))
    assert len(our_mask.iou([], a, crowd)) == 0
    numbers = {"size": [3, 4], "counts": [2, 3, 7]}
    ring = [1.5, 2, 20, 3.3, 11, 28]
    for value in (boxes, [ring, [5, 5, 9, 5, 9, 9, 5, 9]], [numbers], numbers):
        assert their_mask.frPyObjects(value, 40, 30) == our_mask.frPyObjects(value, 40, 30)
    assert our_mask.frPyObjects(boxes.tolist(), 40, 30) == our_mask.frPyObjects(boxes, 40, 30)
    assert our_mask.frPyObjects(ring, 40, 30) == our_mask.frPyObjects([ring], 40, 30)[0]


# --- what is not there ------------------------------------------------------------------------------


def test_what_is_not_there_says_so(tmp_path):
    with pytest.raises(NotImplementedError, match="keypoints"):
        ours.COCOeval(iouType="keypoints")
    with pytest.raises(Exception, match="iouType not supported"):
        ours.Params("panoptic")
    with pytest.raises(NotImplementedError, match="download"):
        ours.COCO().download()
    evaluation = ours.COCOeval(iouType="bbox")
    assert "Please run evaluate" in quiet(evaluation.accumulate)[1]
    with pytest.raises(Exception, match="Please run accumulate"):
        evaluation.summarize()
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(AssertionError, match="not supported"):
        quiet(ours.COCO, tmp_path / "list.json")
    with pytest.raises(FileNotFoundError):
        quiet(ours.COCO, tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(json.JSONDecodeError):
        quiet(ours.COCO, tmp_path / "bad.json")
    truth = quiet(ours.COCO, dataset_of([], [1], [1]))[0]
    with pytest.raises(vedatile.Error, match="array \\[n, 7\\]"):
        quiet(truth.loadRes, np.zeros((3, 6)))


@needs_coco_100
def test_showing_annotations():
    coco = quiet(ours.COCO, str(TRUTH))[0]
    annotations = coco.loadAnns(coco.getAnnIds(coco.getImgIds()[0]) + coco.getAnnIds(iscrowd=True)[:1])
    assert coco.showAnns([]) == 0
    try:
        import matplotlib
        matplotlib.use("Agg")
    except ImportError:
        with pytest.raises(ImportError, match="Matplotlib"):
            coco.showAnns(annotations)
        return
    from matplotlib import pyplot
    coco.showAnns(annotations, draw_bbox=True)
    assert len(pyplot.gca().collections) == 2 and len(pyplot.gca().images) >= 1


def test_in_the_place_of_pycocotools(run_python):
    text = run_python("""
import vedatile.coco
vedatile.coco.as_pycocotools()
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params
import pycocotools.mask as mask
from pycocotools import mask as same
print(COCO.__module__, COCOeval.__module__, mask is same)
""")
    assert re.search(r"vedatile.coco.coco vedatile.coco.cocoeval True", str(text))


def test_threads_do_not_show():
    random = np.random.default_rng(5)
    truth, found = random_case(random)
    (_, _), (c, d) = their_pair(truth, found)
    one = ours.COCOeval(c, d, "bbox")
    one.threads = 1
    quiet(one.evaluate)
    quiet(one.accumulate)
    check_arrays(one, evaluated(ours, ours.COCOeval, c, d, "bbox"))
