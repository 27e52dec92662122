"""Predictions of a store in the forms of others, read by others."""
import contextlib
import io
import json
import xml.etree.ElementTree as ElementTree

import h5py
import numpy as np
import pytest
from conftest import run_vedatile
from osgeo import ogr, osr
from test_runs_stores import feed, perfect

ogr.UseExceptions()
SCORE = 0.9


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A run `one` that predicts the store's own boxes."""
    folder = tmp_path_factory.mktemp("export")
    feed(folder / "a.h5", 128)
    perfect(folder / "a.h5", folder / "p.jsonl")
    run_vedatile("predictions", "import", folder / "a.h5", folder / "p.jsonl", "--run", "one", "--commit")
    return folder / "a.h5"


@pytest.fixture(scope="module")
def truth(store):
    """Rows of (sample, class, box) and what places them."""
    with h5py.File(store) as file:
        samples, labels = file["test/samples"][:], file["test/labels"]
        offsets = labels["box_offsets"][:]
        rows = [(samples["key"][i].decode(), int(labels["box_class"][j]), labels["boxes"][j].astype(float))
                for i in range(len(samples)) for j in range(offsets[i], offsets[i + 1])]
        names = [name.decode() if isinstance(name, bytes) else name for name in file.attrs["classes"]]
        places = {row["key"].decode(): row["geotransform"] for row in samples}
        wkt = file["crs"][0]
    return rows, names, places, wkt[0] if isinstance(wkt, (tuple, np.void)) else wkt


def export(store, path, *options):
    done = run_vedatile("predictions", "export", store, path, "--run", "one", "--json", *options)
    return json.loads(done.stdout)


def in_order(rows):
    return sorted((sample, category, *np.round(box, 6)) for sample, category, box in rows)


def test_geojson_in_the_stores_crs(store, truth, tmp_path):
    rows, names, places, _ = truth
    assert export(store, tmp_path / "o.geojson", "--crs", "store")["written"] == len(rows)
    opened = ogr.Open(str(tmp_path / "o.geojson"))
    found = []
    for feature in opened.GetLayer():
        west, east, south, north = feature.GetGeometryRef().GetEnvelope()
        sample, place = feature.GetField("sample"), places[feature.GetField("sample")]
        assert feature.GetField("score") == SCORE and feature.GetGeometryRef().IsValid()
        assert feature.GetGeometryRef().Area() == pytest.approx((east - west) * (north - south))
        box = np.array([(west - place[0]) / place[1], (north - place[3]) / place[5],
                        (east - place[0]) / place[1], (south - place[3]) / place[5]])
        found.append((sample, names.index(feature.GetField("class")), box))
    assert len(found) == len(rows)
    for (a, b) in zip(in_order(found), in_order(rows)):
        assert a[:2] == b[:2] and np.allclose(a[2:], b[2:], atol=1e-5)


def test_geojson_in_longitude_and_latitude(store, truth, tmp_path):
    rows, _, _, _ = truth
    export(store, tmp_path / "ground.geojson")
    export(store, tmp_path / "own.geojson", "--crs", "store")
    layers = [ogr.Open(str(tmp_path / name)) for name in ("ground.geojson", "own.geojson")]
    to, source = osr.SpatialReference(), layers[1].GetLayer().GetSpatialRef()
    to.ImportFromEPSG(4326)
    for crs in (to, source):
        crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    way = osr.CoordinateTransformation(source, to)
    seen = 0
    for ground, own in zip(layers[0].GetLayer(), layers[1].GetLayer()):
        shape = own.GetGeometryRef().Clone()
        shape.Transform(way)
        found = ground.GetGeometryRef()
        assert found.SymDifference(shape).Area() < 1e-6 * shape.Area()
        x, y = np.transpose([point[:2] for point in found.GetGeometryRef(0).GetPoints()])
        assert np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0  # counter-clockwise: RFC 7946
        assert ground.GetField("sample") == own.GetField("sample")
        seen += 1
    assert seen == len(rows)


def test_coco_results(store, truth, tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval
    rows, names, places, _ = truth
    export(store, tmp_path / "o.json")
    keys = list(places)
    document = {"images": [{"id": i, "width": 128, "height": 128} for i in range(len(keys))],
                "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
                "annotations": [{"id": i + 1, "image_id": keys.index(sample), "category_id": category, "iscrowd": 0,
                                 "bbox": [*box[:2], *(box[2:] - box[:2])], "area": float(np.prod(box[2:] - box[:2]))}
                                for i, (sample, category, box) in enumerate(rows)]}
    (tmp_path / "gt.json").write_text(json.dumps(document))
    with contextlib.redirect_stdout(io.StringIO()):
        given = coco.COCO(tmp_path / "gt.json")
        evaluation = COCOeval(given, given.loadRes(str(tmp_path / "o.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ours = json.loads(run_vedatile("eval", store, "--run", "one", "--json").stdout)["tasks"][0]["metrics"]
    for value, name in zip(evaluation.stats, ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100")):
        assert (ours[name] if ours[name] is not None else -1) == pytest.approx(value, abs=1e-12), name
    found = [(keys[record["image_id"]], record["category_id"],
              np.array([*record["bbox"][:2], *np.add(record["bbox"][:2], record["bbox"][2:])]))
             for record in json.loads((tmp_path / "o.json").read_text())]
    assert in_order(found) == in_order(rows)


def test_yolo(store, truth, tmp_path):
    rows, names, places, _ = truth
    assert export(store, tmp_path / "yolo", "--format", "yolo")["written"] == len(rows)
    assert (tmp_path / "yolo/classes.txt").read_text().split() == names
    found = []
    for sample in places:
        for line in (tmp_path / f"yolo/labels/{sample}.txt").read_text().splitlines():
            category, *middle = line.split()
            x, y, width, height = np.array(middle, float) * 128
            found.append((sample, int(category), np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])))
    for (a, b) in zip(in_order(found), in_order(rows)):
        assert a[:2] == b[:2] and np.allclose(a[2:], b[2:], atol=1e-5)


def test_voc(store, truth, tmp_path):
    """VOC's pixels are counted from 1 and the last one belongs to the box."""
    rows, names, places, _ = truth
    assert export(store, tmp_path / "voc", "--format", "voc")["written"] == len(rows)
    found = []
    for sample in places:
        root = ElementTree.parse(tmp_path / f"voc/Annotations/{sample}.xml").getroot()
        assert [root.find(f"size/{side}").text for side in ("width", "height")] == ["128", "128"]
        for thing in root.iter("object"):
            box = np.array([float(thing.find(f"bndbox/{side}").text) for side in ("xmin", "ymin", "xmax", "ymax")])
            found.append((sample, names.index(thing.find("name").text), box - [1, 1, 0, 0]))
    for (a, b) in zip(in_order(found), in_order(rows)):
        assert a[:2] == b[:2] and np.allclose(a[2:], b[2:], atol=1e-5)


def test_what_cannot_be(store, tmp_path):
    def told(*words, code=1):
        done = run_vedatile("predictions", *words, code=code)
        assert done.stdout == "" and done.stderr.count("\n") == 1 and not list(tmp_path.iterdir())
        return done.stderr
    assert "--crs is for --format geojson" in told("export", store, tmp_path / "o.json", "--run", "one", "--crs", "store", code=2)
    assert "predictions are not read from yolo" in told("import", store, tmp_path, "--run", "new", "--format", "yolo")
    assert "needs a store" in told("export", f"{store}.runs/one.h5", tmp_path / "o.geojson", "--free", code=2)
    assert json.loads(run_vedatile("run", "list", store, "--json").stdout)["runs"][0]["name"] == "one"
    assert len(json.loads(run_vedatile("run", "list", store, "--json").stdout)["runs"]) == 1
