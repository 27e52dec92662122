"""vedatile eval --ground through the command: tiles of any size score as the scene, ground that does not count."""
import json
import re

import h5py
import jsonschema
import numpy as np
import pytest
import rasterio
from conftest import SOURCE, run_vedatile
from rasterio.transform import from_origin

SIDE = 1024
SCHEMA = json.loads((SOURCE / "schemas/evaluation.schema.json").read_text(encoding="utf-8"))
# CRS, upper left corner, size of a pixel
PLACES = {"utm": (32725, (300000.0, 9110000.0), .5), "degrees": (4326, (-34.9, -8.0), 5e-6),
          "antimeridian": (4326, (179.998, 52.0), 4e-6)}


def scatter(seed, count):
    """Boxes of whole pixels (xmin, ymin, xmax, ymax) with three pixels at least between them."""
    random = np.random.default_rng(seed)
    boxes = []
    for _ in range(20 * count):
        x, y = random.integers(0, SIDE - 64, 2)
        w, h = random.integers(8, 60, 2)
        if len(boxes) < count and all(x > b[2] + 3 or x + w + 3 < b[0] or y > b[3] + 3 or y + h + 3 < b[1]
                                      for b in boxes):
            boxes.append((int(x), int(y), int(x + w), int(y + h)))
    return boxes


class Scene:
    """A scene of boxes of two classes, and predictions of it: (box, class, score)."""

    def __init__(self, folder, place, truths, predictions):
        self.folder, self.truths, self.predictions = folder, truths, predictions
        self.epsg, self.origin, self.pixel = PLACES[place]
        with rasterio.open(folder / "scene.tif", "w", driver="GTiff", width=SIDE, height=SIDE, count=1,
                           dtype="uint8", crs=f"EPSG:{self.epsg}",
                           transform=from_origin(*self.origin, self.pixel, self.pixel)) as file:
            file.write(np.ones((1, SIDE, SIDE), np.uint8))
        self.write(folder / "labels.geojson", [(box, {"kind": kind}) for box, kind in truths])

    def write(self, path, boxes):
        """Boxes of pixels as polygons in the scene's CRS."""
        def corner(x, y):
            return [self.origin[0] + x * self.pixel, self.origin[1] - y * self.pixel]
        features = [{"type": "Feature", "properties": properties, "geometry": {
            "type": "Polygon", "coordinates": [[corner(a, b), corner(c, b), corner(c, d), corner(a, d), corner(a, b)]]}}
            for (a, b, c, d), properties in boxes]
        path.write_text(json.dumps({
            "type": "FeatureCollection", "features": features,
            "crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{self.epsg}"}}}))
        return path

    def store(self, tile, stride, *more, kind="box", task="instance"):
        path = self.folder / f"{kind}{tile}.h5"
        run_vedatile("feed", path, "--image", self.folder / "scene.tif", "--labels", self.folder / "labels.geojson",
                     "--class-field", "kind", "--task", task, "--tile", tile, "--stride", stride, "--match", "all",
                     "--group", "test", "--codec", "lz4", *more)
        with h5py.File(path) as file:
            rows = file["test/samples"][:]
        lines = []
        for row in rows:
            left, top = (int(v) for v in tuple(row["window"])[:2])
            for number, (box, name, score) in enumerate(self.predictions):
                here = [max(box[0] - left, 0), max(box[1] - top, 0), min(box[2] - left, tile), min(box[3] - top, tile)]
                if here[0] < here[2] and here[1] < here[3]:
                    a, b, c, d = here
                    shape = {"type": "box", "box": here} if kind == "box" else {
                        "type": "mask", "mask": {"size": [tile, tile], "counts": runs(here, tile)}}
                    lines.append({"sample": row["key"].decode(), "id": str(number), "labels": {"class": name},
                                  "score": score, **shape})
        records = self.folder / "records.jsonl"
        records.write_text("".join(json.dumps(line) + "\n" for line in lines))
        run_vedatile("predictions", "import", path, records, "--format", "jsonl", "--run", "r", "--commit")
        return path


def runs(box, tile):
    """COCO's uncompressed run lengths of a box, column by column."""
    mask = np.zeros((tile, tile), bool)
    mask[box[1]:box[3], box[0]:box[2]] = True
    flat = np.concatenate([[False], mask.T.ravel(), [not mask[-1, -1]]])
    return np.diff(np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1])])).tolist()


def evaluate(path, *options):
    made = json.loads(run_vedatile("eval", path, "--run", "r", "--ground", "--json", *options).stdout)
    jsonschema.validate(made, SCHEMA)
    return made["tasks"][0]


def moved(boxes, seed):
    random = np.random.default_rng(seed)
    made = []
    for number, (a, b, c, d) in enumerate(boxes):
        dx, dy = (int(v) for v in random.integers(-3, 4, 2))
        x, y = min(max(a + dx, 0), SIDE - (c - a)), min(max(b + dy, 0), SIDE - (d - b))
        if number % 7:
            made.append(((x, y, x + c - a, y + d - b), "car" if number % 2 else "bus", round(.3 + number / 200, 4)))
    return made


@pytest.mark.parametrize("kind", ["box", "mask"])
@pytest.mark.parametrize("place", PLACES)
def test_tiles_are_the_scene(tmp_path, place, kind):
    boxes = scatter(3, 60)
    truths = [(box, "car" if number % 2 else "bus") for number, box in enumerate(boxes)]
    scene = Scene(tmp_path, place, truths, moved(boxes, 5))
    whole = evaluate(scene.store(SIDE, SIDE, kind=kind), "--task", "detection" if kind == "box" else "instance")
    assert .3 < whole["metrics"]["AP"] < 1
    objects = whole["ground_objects"]
    assert (objects["ground_truth"]["objects"], objects["predictions"]["objects"]) == (60, len(scene.predictions))
    for tile in (128, 256, 512):
        path = scene.store(tile, tile // 2, kind=kind)
        tiled = evaluate(path, "--task", "detection" if kind == "box" else "instance")
        assert tiled["metrics"] == whole["metrics"] and tiled["classes"] == whole["classes"]
        assert tiled["ground_objects"]["predictions"]["joined"] > 10


BOXES = [(100, 100, 140, 140), (300, 300, 340, 340), (600, 600, 640, 640)]
# Right, in ignored ground, half in it, free and wrong.
FOUND = [((100, 100, 140, 140), "car", .9), ((440, 440, 480, 480), "car", .8), ((580, 400, 620, 440), "car", .7),
         ((800, 800, 840, 840), "car", .6)]


def ignoring(tmp_path, place="utm", **more):
    scene = Scene(tmp_path, place, [(box, "car") for box in BOXES], FOUND)
    # The second label lies in it, to 3/4.
    areas = scene.write(tmp_path / "areas.geojson", [((310, 250, 600, 500), {})])
    return scene, areas, scene.store(256, 128, **more)


@pytest.mark.parametrize("place", PLACES)
def test_areas_of_the_user(tmp_path, place):
    _, areas, path = ignoring(tmp_path, place)
    plain = evaluate(path, "--task", "detection", "--score-threshold", .1, "--iou-thresholds", "0.4,0.5,0.6")
    task = evaluate(path, "--task", "detection", "--score-threshold", .1, "--iou-thresholds", "0.4,0.5,0.6",
                    "--ignore-areas", areas)
    row, other = plain["classes"][0], task["classes"][0]
    assert (row["found"], row["wrong"], row["missed"], row["ground_truths"]) == (1, 3, 2, 3)
    # Half of a detection is enough at 0.5 (or at 0.4, if rounding says less), not at 0.6.
    assert (other["found"], other["missed"], other["ground_truths"]) == (1, 1, 2) and other["wrong"] in (1, 2)
    strict = evaluate(path, "--task", "detection", "--score-threshold", .1, "--iou-thresholds", "0.6",
                      "--ignore-areas", areas)["classes"][0]
    weak = evaluate(path, "--task", "detection", "--score-threshold", .1, "--iou-thresholds", "0.4",
                    "--ignore-areas", areas)["classes"][0]
    assert (strict["wrong"], weak["wrong"]) == (2, 1)
    objects = task["ground_objects"]
    assert objects["ground_truth"]["objects"] == 3 and objects["ground_truth"]["ignored"] == 1
    assert objects["predictions"]["ignored"] in (1, 2)


def test_protocols_without_crowds(tmp_path):
    _, areas, path = ignoring(tmp_path)
    for protocol in ("valor", "voc12"):
        row = evaluate(path, "--task", "detection", "--score-threshold", .1, "--protocol", protocol,
                       "--ignore-areas", areas)["classes"][0]
        assert (row["found"], row["missed"], row["ground_truths"]) == (1, 1, 2) and row["wrong"] in (1, 2)


def test_masks_say_what_is_ignored(tmp_path):
    scene = Scene(tmp_path, "utm", [(box, "car") for box in BOXES], FOUND)
    # The last two have 7/8 of a wrong prediction between them, in one tile.
    areas = scene.write(tmp_path / "areas.geojson", [(box, {}) for box in [
        (310, 250, 610, 500), (20, 600, 60, 640), (700, 100, 710, 110), (800, 800, 840, 815), (800, 820, 840, 840)]])
    plain = scene.store(256, 128)
    masked = scene.store(512, 256, "--ignore", areas, task="segmentation,detection")
    options = ("--task", "detection", "--score-threshold", .1, "--iou-thresholds", "0.5")
    by_mask = evaluate(masked, *options)
    by_file = evaluate(plain, *options, "--ignore-areas", areas)
    row = by_mask["classes"][0]
    assert (row["found"], row["wrong"], row["missed"], row["ground_truths"]) == (1, 0, 1, 2)
    assert row == by_file["classes"][0]
    for limit, wrong in ((.85, 1), (.9, 2)):  # the others lie in it to 1, 3/4 and 7/8
        strict = evaluate(masked, *options[:-1], limit)["classes"][0]
        assert strict["wrong"] == wrong
    both = evaluate(masked, *options, "--ignore-areas", areas)  # counted once where both say so
    assert both["classes"] == by_mask["classes"]


def test_options_of_the_merge(tmp_path):
    """Two tiles show an object with an IoU of 2/3: above that it is two objects."""
    truths = [((132, 100, 180, 140), "car"), ((950, 500, 1024, 540), "car")]
    scene = Scene(tmp_path, "utm", truths, [(truths[0][0], "car", .9)])
    path = scene.store(128, 64)
    objects = evaluate(path, "--task", "detection")["ground_objects"]
    assert (objects["ground_truth"]["cut"], objects["ground_truth"]["ignored"]) == (1, 0)
    row = evaluate(path, "--task", "detection", "--ground-cut", "ignore")
    assert row["ground_objects"]["ground_truth"]["ignored"] == 1 and row["classes"][0]["ground_truths"] == 1
    with h5py.File(path) as file:
        rows = file["test/samples"][:]
    lines = []
    for sample, score in zip([r for r in rows if tuple(r["window"])[1] == 64 and tuple(r["window"])[0] in (64, 128)],
                             (.9, .3)):
        left, top = tuple(sample["window"])[:2]
        right = 180 if score == .9 else 164  # neither comes near a border
        box = [132 - int(left), 100 - int(top), right - int(left), 140 - int(top)]
        lines.append({"sample": sample["key"].decode(), "id": "1", "labels": {"class": "car"}, "type": "box",
                      "box": box, "score": score})
    (tmp_path / "two.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run_vedatile("predictions", "import", path, tmp_path / "two.jsonl", "--format", "jsonl", "--run", "two",
                 "--commit")

    def merged(*options):
        made = json.loads(run_vedatile("eval", path, "--run", "two", "--ground", "--json", "--task", "detection",
                                       *options).stdout)
        return made["tasks"][0]
    loose, strict = merged("--ground-overlap", .55), merged("--ground-overlap", .7)
    assert loose["ground_objects"]["predictions"]["objects"] == 1
    assert strict["ground_objects"]["predictions"]["objects"] == 2
    assert loose["operating_point"]["score"] == .9
    mean = merged("--ground-scores", "mean", "--ground-overlap", .55)["operating_point"]["score"]
    assert mean == pytest.approx((.9 * 48 + .3 * 32) / 80)  # by area


def test_counts_of_regions(tmp_path):
    scene, areas, path = ignoring(tmp_path, "degrees")
    regions = scene.write(tmp_path / "regions.geojson", [((0, 0, 512, 1024), {"name": "west"}),
                                                        ((512, 0, 1024, 1024), {"name": "east"})])
    options = ("--task", "detection", "--by", "region", "--regions", regions)
    counts = {row["value"]: (row["ground_truths"], row["detections"]) for row in evaluate(path, *options)["slices"]}
    assert counts == {"west": (2, 2), "east": (1, 2)}
    less = evaluate(path, *options, "--ignore-areas", areas)["slices"]
    assert {row["value"]: row["ground_truths"] for row in less} == {"west": 1, "east": 1}
    table = run_vedatile("eval", path, "--run", "r", "--ground", *options).stdout.splitlines()
    head, = [line.split() for line in table if line.startswith("region")]
    assert head[:3] == ["region", "truths", "detections"]
    assert ["west", "2", "2"] in [line.split()[:3] for line in table]
    run_vedatile("eval", path, "--run", "r", "--ground", *options, "--report", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<th scope=\"col\">truths</th><th scope=\"col\">detections</th>" in page
    assert re.search("west</th><td[^>]*>2</td><td[^>]*>2</td>", page)


def test_wrong_calls(tmp_path):
    _, areas, path = ignoring(tmp_path)

    def fails(*options, code):
        done = run_vedatile("eval", path, "--run", "r", *options, code=code)
        assert done.stdout == "" and done.stderr.count("\n") <= 2
        return done.stderr
    assert "--ground" in fails("--ignore-areas", areas, code=2)
    assert "missing.geojson" in fails("--ground", "--ignore-areas", tmp_path / "missing.geojson", code=1)
    assert "ground-overlap" in fails("--ground", "--ground-overlap", 2, code=2)
    assert "median" in fails("--ground", "--ground-scores", "median", code=2)
