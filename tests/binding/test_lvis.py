"""vedatile.detection by LVIS's rules: what the lvis package gave (tests/data/lvis-cases.json), and the
package itself where it is installed (tests/requirements.txt)."""
import hashlib
import json
import pathlib
import random
import sys
import types

import numpy as np
import pytest

from vedatile import detection

FROZEN = pathlib.Path(__file__).parents[1] / "data/lvis-cases.json"
NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "APr", "APc", "APf", "AR", "ARs", "ARm", "ARl"]
MOST = 25  # detections of an image, where LVIS has 300
SEEDS = range(24)


def case(seed):
    """A small data set as LVIS has them, and results. Of random.Random only random() is used, which
    gives the same numbers for ever."""
    draw = random.Random(seed).random
    images, categories = 4 + int(draw() * 5), 5 + int(draw() * 5)

    def some(share):
        return [k + 1 for k in range(categories) if draw() < share]

    def box():
        side = 4 * 40 ** draw()
        return [int(draw() * 60) * 2.0, int(draw() * 60) * 2.0, side, side * (.5 + draw())]

    def place():
        return {"image_id": 10 * (1 + int(draw() * images)), "category_id": 1 + int(draw() * categories)}

    truths = []
    for number in range(20 + int(draw() * 60)):
        made = box()
        area = [made[2] * made[3], 1024, 9216][int(draw() * 3)]
        truths.append({"id": number + 1, "bbox": made, "area": area, **place(),
                       "ignore": int(draw() < .08)})
    found = []
    for _ in range(60 + int(draw() * 200)):
        one = {**place(), "bbox": box()}
        if draw() < .7:
            truth = truths[int(draw() * len(truths))]
            one = {"image_id": truth["image_id"], "category_id": truth["category_id"],
                   "bbox": [value + int(draw() * 5) - 2 for value in truth["bbox"]]}
            one["bbox"][2:] = [max(value, 1) for value in one["bbox"][2:]]
        if draw() < .1:
            one["category_id"] = 1 + int(draw() * categories)
        found.append({**one, "score": int(draw() * 40) / 40 if draw() < .5 else draw()})
    return {"images": [{"id": 10 * (i + 1), "neg_category_ids": some(.3),
                        "not_exhaustive_category_ids": some(.2)} for i in range(images)],
            "categories": [{"id": k + 1, "frequency": "rcf"[int(draw() * 3)]} for k in range(categories)],
            "annotations": truths}, found


def ours(data, found, threads, **other):
    ids = [image["id"] for image in data["images"]]

    def columns(side):
        return {"image": [ids.index(item["image_id"]) for item in side],
                "category": [item["category_id"] - 1 for item in side],
                "box": np.array([item["bbox"] for item in side])}

    def listed(name):
        return [[i, k - 1] for i, image in enumerate(data["images"]) for k in image[name]]

    truths = data["annotations"]
    options = {"federated": True, "max_per_image": MOST, "negative": listed("neg_category_ids"),
               "not_exhaustive": listed("not_exhaustive_category_ids"), **other}
    matches = detection.match(
        {**columns(truths), "area": [item["area"] for item in truths],
         "ignore": [item["ignore"] for item in truths]},
        {**columns(found), "score": [item["score"] for item in found]},
        images=len(ids), categories=len(data["categories"]), max_detections=[MOST], threads=threads,
        **options)
    scores = matches.scores()
    groups = [[one["frequency"] == letter for one in data["categories"]] for letter in "rcf"]
    half, most = 0, 5  # IoU thresholds of 0.5 and 0.75
    numbers = [scores.mean(), scores.mean(threshold=half), scores.mean(threshold=most),
               *(scores.mean(area=area) for area in (1, 2, 3)),
               *(scores.mean(categories=group) for group in groups),
               *(scores.mean(recall=True, area=area) for area in range(4))]
    return numbers, scores.precision[..., 0], scores.recall[..., 0]


def theirs(data, found, folder, monkeypatch):
    """The package's numbers and arrays. What it draws with is not needed."""
    for name, content in (("lvis.vis", {"LVISVis": None}), ("cv2", {}), ("matplotlib", {})):
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(np, "float", float, raising=False)  # gone since NumPy 1.24
    lvis = pytest.importorskip("lvis", reason="the lvis package is not installed (tests/requirements.txt)")
    pytest.importorskip("pycocotools")
    path = folder / "truth.json"
    path.write_text(json.dumps(data))
    truth = lvis.LVIS(str(path))
    results = lvis.LVISResults(truth, [dict(one) for one in found], max_dets=MOST)
    evaluation = lvis.LVISEval(truth, results, "bbox")
    evaluation.params.max_dets = MOST
    evaluation.run()
    names = [*NAMES[:9], f"AR@{MOST}", *(f"AR{letter}@{MOST}" for letter in "sml")]
    return ([float(evaluation.results[name]) for name in names], evaluation.eval["precision"],
            evaluation.eval["recall"])


def digest(*arrays):
    made = hashlib.sha256()
    for array in arrays:
        made.update(np.ascontiguousarray(array, np.float64).tobytes())
    return made.hexdigest()


def test_numbers_that_the_package_gave():
    frozen = json.loads(FROZEN.read_text())
    assert len(frozen["cases"]) == len(SEEDS)
    for seed, want in zip(SEEDS, frozen["cases"]):
        for threads in (1, 3):
            numbers, precision, recall = ours(*case(seed), threads)
            assert dict(zip(NAMES, numbers)) == want["numbers"], seed
            assert digest(precision, recall) == want["arrays"], seed


def test_the_package_beside(tmp_path, monkeypatch):
    for seed in range(100, 140):
        data, found = case(seed)
        numbers, precision, recall = theirs(data, found, tmp_path, monkeypatch)
        have = ours(data, found, 1)
        assert have[0] == numbers, seed
        assert have[1].tobytes() == precision.tobytes() and have[2].tobytes() == recall.tobytes(), seed


@pytest.mark.parametrize("other", [{"federated": False}, {"max_per_image": 0}, {"negative": []},
                                   {"not_exhaustive": []}, {"coco_ignores_ignore": True}])
def test_every_rule_shows(other):
    """A rule that changes no case would not be tested."""
    frozen = json.loads(FROZEN.read_text())["cases"]
    changed = sum(dict(zip(NAMES, ours(*case(seed), 1, **other)[0])) != want["numbers"]
                  for seed, want in zip(SEEDS, frozen))
    assert changed > len(SEEDS) // 2


def freeze(folder):
    """Writes the table: PYTHONPATH with lvis and pycocotools, python -c 'import test_lvis; ...'."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        cases = []
        for seed in SEEDS:
            numbers, precision, recall = theirs(*case(seed), folder, monkeypatch)
            cases.append({"numbers": dict(zip(NAMES, numbers)), "arrays": digest(precision, recall)})
    FROZEN.write_text(json.dumps({
        "about": "What lvis 0.5.3 gives for the cases of tests/binding/test_lvis.py, made by its freeze(); "
                 "arrays: SHA-256 of precision [T, R, K, A] and recall [T, K, A]", "cases": cases}, indent=1)
        + "\n")
