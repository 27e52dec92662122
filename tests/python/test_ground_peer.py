"""Scores on the ground beside shapely, in a plane of PROJ's that keeps areas, and pycocotools' rules in NumPy."""
import json

import h5py
import numpy as np
import pytest
import rasterio
import shapely
import shapely.geometry
from conftest import run_vedatile
from osgeo import osr
from rasterio.transform import from_origin

SIDE = 768
# CRS, upper left corner, size of a pixel, longitude and latitude nearby
PLACES = {"utm": (32725, (300000.0, 9110000.0), 1.0, (-34.8, -8)), "degrees": (4326, (-34.9, 61.0), 1.4e-5, (-34.9, 61)),
          "antimeridian": (4326, (179.995, 52.0), 1.2e-5, (180, 52))}
KINDS = ("bus", "car")
METRICS = ("AP", "AP50", "AP75", "APs", "APm", "AR")


def star(random, middle, radius):
    angles = (np.arange(14) + random.uniform(0, .7, 14)) * 2 * np.pi / 14
    return np.asarray(middle) + (radius * random.uniform(.6, 1, 14))[:, None] * np.stack(
        [np.cos(angles), np.sin(angles)], 1)


class Scene:
    """Stars in pixels: ground truth (outline, class), predictions (outline, class, score)."""

    def __init__(self, folder, place, seed, count=70):
        random = np.random.default_rng(seed)
        self.folder, (self.epsg, self.origin, self.pixel, self.near) = folder, PLACES[place]
        self.truths, self.predictions = [], []
        for _ in range(count):
            radius = random.uniform(8, 48)
            outline = star(random, random.uniform(50, SIDE - 50, 2), radius)
            self.truths.append((outline, int(random.integers(2))))
            for _ in range(int(random.choice([0, 1, 1, 1, 2]))):  # missed, found, found twice
                shaken = outline + random.normal(0, .05 * radius, 2) + random.normal(0, .04 * radius, outline.shape)
                kind = self.truths[-1][1] if random.random() < .9 else 1 - self.truths[-1][1]
                self.predictions.append((shaken, kind))
        scores = random.permutation(len(self.predictions) + 10)
        self.predictions += [(star(random, random.uniform(50, SIDE - 50, 2), 20), k % 2) for k in range(10)]
        self.predictions = [(*p, (score + 1) / 200) for p, score in zip(self.predictions, scores)]
        self.raster(0)

    def raster(self, shift):
        """The scene's file, its origin off by `shift` pixels."""
        with rasterio.open(self.folder / "scene.tif", "w", driver="GTiff", width=SIDE, height=SIDE, count=1,
                           dtype="uint8", crs=f"EPSG:{self.epsg}",
                           transform=from_origin(self.origin[0] + shift * self.pixel, self.origin[1], self.pixel,
                                                 self.pixel)) as file:
            file.write(np.ones((1, SIDE, SIDE), np.uint8))
        self.write("labels.geojson", [(*truth, None) for truth in self.truths])

    def write(self, name, rows):
        """Outlines on the ground, in the scene's CRS."""
        def ring(outline):
            points = np.array(self.origin) + outline * [self.pixel, -self.pixel]
            return [list(map(float, p)) for p in np.vstack([points, points[:1]])]
        features = [{"type": "Feature", "id": str(i),
                     "properties": {"class": KINDS[kind], **({} if score is None else {"score": score})},
                     "geometry": {"type": "Polygon", "coordinates": [ring(outline)]}}
                    for i, (outline, kind, score) in enumerate(rows)]
        crs = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{self.epsg}"}}
        (self.folder / name).write_text(json.dumps({"type": "FeatureCollection", "features": features, "crs": crs}))
        return self.folder / name

    def store(self, tile, stride, predictions="jsonl"):
        """A store in tiles, its labels as the set "outlines", and the predictions as a run."""
        path = self.folder / f"{tile}-{predictions}.h5"
        run_vedatile("feed", path, "--image", self.folder / "scene.tif", "--labels", self.folder / "labels.geojson",
                     "--class-field", "class", "--task", "detection", "--tile", tile, "--stride", stride, "--match", "all",
                     "--group", "test", "--codec", "lz4")
        with h5py.File(path) as file:
            windows = {row["key"].decode(): [int(v) for v in tuple(row["window"])[:2]] for row in file["test/samples"][:]}
        self.lines("truths.jsonl", windows, tile, [(*truth, None) for truth in self.truths])
        run_vedatile("annotations", "import", path, self.folder / "truths.jsonl", "--name", "outlines")
        if predictions == "jsonl":
            self.lines("found.jsonl", windows, tile, self.predictions)
        else:
            run_vedatile("annotations", "import", path, self.write("found.geojson", self.predictions), "--name", "found")
            (self.folder / "found.jsonl").unlink(missing_ok=True)
            run_vedatile("annotations", "export", path, self.folder / "found.jsonl", "--format", "jsonl", "--name",
                         "found")
        run_vedatile("predictions", "import", path, self.folder / "found.jsonl", "--format", "jsonl", "--run", "r",
                     "--commit")
        return path

    def lines(self, name, windows, tile, rows):
        boxes = [[*outline.min(0), *outline.max(0)] for outline, *_ in rows]
        made = []
        for key, (left, top) in windows.items():
            for i, (outline, kind, score) in enumerate(rows):
                b = boxes[i]
                if b[0] < left + tile and b[2] > left and b[1] < top + tile and b[3] > top:
                    ring = (np.vstack([outline, outline[:1]]) - [left, top]).tolist()
                    made.append({"sample": key, "id": str(i), "type": "polygon", "coordinates": [ring],
                                 "labels": {"class": KINDS[kind]}, **({"metadata": {"object": i}} if score is None else {
                                     "score": score})})
        (self.folder / name).write_text("".join(json.dumps(line) + "\n" for line in made))

    def on_ground(self, outline):
        """In metres of a cylindrical plane that keeps areas, with points between its corners."""
        ends = np.roll(outline, -1, 0)
        dense = (outline[:, None] + np.linspace(0, 1, 8, endpoint=False)[None, :, None] * (ends - outline)[:, None])
        points = np.array(self.origin) + dense.reshape(-1, 2) * [self.pixel, -self.pixel]
        source, plane = osr.SpatialReference(), osr.SpatialReference()
        source.ImportFromEPSG(self.epsg)
        plane.ImportFromProj4(f"+proj=cea +lat_ts={self.near[1]} +lon_0={self.near[0]} +ellps=WGS84 +units=m")
        for srs in (source, plane):
            srs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
        way = osr.CoordinateTransformation(source, plane)
        return shapely.geometry.Polygon([p[:2] for p in way.TransformPoints(points.tolist())])


def document(path):
    done = run_vedatile("eval", path, "--run", "r", "--labels", "outlines", "--iou", "polygon", "--ground", "--json")
    return json.loads(done.stdout)["tasks"][0]


# --- pycocotools' rules ----------------------------------------------------------------------------------------------

def average_precision(ious, truth_areas, areas, scores, threshold, low, high):
    """AP and recall of one class in one image, without a limit of detections; None without ground truth."""
    ignored = (truth_areas < low) | (truth_areas > high)
    order = np.argsort(ignored, kind="stable")
    taken, hits, counts = set(), [], []
    for d in np.argsort(-scores, kind="stable"):
        best, match = threshold, -1
        for t in order:
            if t in taken or (match >= 0 and not ignored[match] and ignored[t]):
                continue
            if ious[d, t] >= best:
                best, match = ious[d, t], t
        if match >= 0:
            taken.add(match)
        out = ignored[match] if match >= 0 else not low <= areas[d] <= high
        hits.append(match >= 0)
        counts.append(not out)
    total = int((~ignored).sum())
    if total == 0:
        return None
    hits = np.array(hits)[np.array(counts)]
    found, wrong = np.cumsum(hits), np.cumsum(~hits)
    recall, precision = found / total, found / (found + wrong)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.mean([precision[p] if p < len(precision) else 0 for p in places])), recall[-1] if len(recall) else 0


def reference(scene):
    truth = [scene.on_ground(outline) for outline, _ in scene.truths]
    found = [scene.on_ground(outline) for outline, *_ in scene.predictions]
    assert all(shape.is_valid for shape in truth)
    found = [shape if shape.is_valid else shapely.make_valid(shape) for shape in found]
    made = {}
    for name, thresholds, low, high in [("AP", np.arange(.5, .96, .05), 0, 1e18), ("AP50", [.5], 0, 1e18),
                                        ("AP75", [.75], 0, 1e18), ("APs", np.arange(.5, .96, .05), 0, 1024),
                                        ("APm", np.arange(.5, .96, .05), 1024, 9216)]:
        all_of_them = []
        for kind in range(2):
            t = [i for i, row in enumerate(scene.truths) if row[1] == kind]
            d = [i for i, row in enumerate(scene.predictions) if row[1] == kind]
            shared = np.array([[found[i].intersection(truth[k]).area for k in t] for i in d])
            areas, truth_areas = np.array([found[i].area for i in d]), np.array([truth[k].area for k in t])
            ious = shared / (areas[:, None] + truth_areas[None] - shared)
            scores = np.array([scene.predictions[i][2] for i in d])
            all_of_them += [average_precision(ious, truth_areas, areas, scores, round(float(at), 2), low, high)
                            for at in thresholds]
        all_of_them = [pair for pair in all_of_them if pair is not None]
        made[name] = np.mean([pair[0] for pair in all_of_them])
        if name == "AP":
            made["AR"] = np.mean([pair[1] for pair in all_of_them])
    return made


@pytest.mark.parametrize("seed,place", enumerate(PLACES))
def test_scores_are_those_of_a_peer(tmp_path, place, seed):
    scene = Scene(tmp_path, place, seed)
    expected = reference(scene)
    assert .1 < expected["APs"] < .9 and .1 < expected["APm"] < .9 and .2 < expected["AP75"] < .9
    for tile, stride in ((SIDE, SIDE), (256, 128), (192, 144)):
        made = document(scene.store(tile, stride))
        objects = made["ground_objects"]
        assert objects["ground_truth"]["objects"] == len(scene.truths)
        assert objects["predictions"]["objects"] == len(scene.predictions)
        for name in METRICS:
            assert made["metrics"][name] == pytest.approx(expected[name], abs=1e-9), (tile, name)


def test_a_shifted_scene_is_seen(tmp_path):
    """Labels are on the ground; of an image half a pixel off they are elsewhere, and so are scores."""
    scene = Scene(tmp_path, "utm", 5)
    right = document(scene.store(256, 128, "geojson"))
    scene.raster(.5)
    for name in ("256-geojson.h5", "256-geojson.h5.runs", "256-geojson.h5.annotations"):
        (tmp_path / name).rename(tmp_path / f"right-{name}")
    wrong = document(scene.store(256, 128, "geojson"))
    assert wrong["metrics"]["AP"] != right["metrics"]["AP"]
    assert wrong["metrics"]["AP"] == pytest.approx(right["metrics"]["AP"], abs=.1)


@pytest.mark.parametrize("place", PLACES)
def test_predictions_on_the_ground(tmp_path, place):
    """GeoJSON on the ground, cut by the store's tiles, says what the tiles' own lines say."""
    scene = Scene(tmp_path, place, 9, count=50)
    tiles, ground = (document(scene.store(256, 192, form)) for form in ("jsonl", "geojson"))
    for part in ("ground_truth", "predictions"):
        assert ground["ground_objects"][part]["objects"] == tiles["ground_objects"][part]["objects"]
    for name in METRICS:
        assert ground["metrics"][name] == pytest.approx(tiles["metrics"][name], abs=1e-9), name
