"""Annotation sets to and from the formats of others, read by independent readers: pycocotools, GDAL,
shapely, xml.etree, NumPy."""
import io
import json
import math
import random
import xml.etree.ElementTree as ElementTree
from contextlib import redirect_stdout

import numpy as np
import pytest
import shapely.affinity
import shapely.geometry
import shapely.ops
import shapely.wkb
from conftest import SHARED, run_vedatile
from osgeo import gdal, ogr, osr

gdal.UseExceptions()
ogr.UseExceptions()
COCO = SHARED / "coco-100"


def annotations(*words, code=0, **options):
    done = run_vedatile("annotations", *words, code=code, **options)
    if code != 0:
        assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
        return done.stderr
    return done.stdout


def made(path, records):
    """A free set of records."""
    text = "".join(json.dumps(record) + "\n" for record in records)
    annotations("add", path, "-", "--free", input=text)
    return path


def lines(path, *where):
    """The lines of a set."""
    out = path.with_name(path.name + "-lines.jsonl")
    out.unlink(missing_ok=True)
    annotations("export", path, out, "--format", "jsonl", *where)
    return [json.loads(line) for line in out.read_text().splitlines()]


def scene(path, epsg, transform, size=64):
    image = gdal.GetDriverByName("GTiff").Create(str(path), size, size, 1, gdal.GDT_Byte)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(epsg)
    image.SetProjection(crs.ExportToWkt())
    image.SetGeoTransform(transform)
    image.GetRasterBand(1).WriteArray(np.full((size, size), 9, np.uint8))
    image = None
    return path


def fed(folder, epsg, transform, tile=32, size=64, name="a"):
    image = scene(folder / f"{name}.tif", epsg, transform, size)
    west, step, _, north, _, _ = transform
    (folder / "one.geojson").write_text(json.dumps({
        "type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{epsg}"}},
        "features": [{"type": "Feature", "properties": {"class": "x"}, "geometry": shapely.geometry.mapping(
            shapely.geometry.box(west + step, north - 9 * step, west + 9 * step, north - step))}]}))
    store = folder / f"{name}.h5"
    run_vedatile("feed", store, "--image", image, "--tile", tile, "--task", "detection",
                 "--class-field", "class", "--labels", folder / "one.geojson", "--match", "all")
    return store


# --- JSON lines ----------------------------------------------------------------------------------

EVERY_KIND = [
    {"sample": "a", "rows": 50, "cols": 60, "metadata": {"frame": 7, "deep": {"list": [1, 2.5, None, True, "µ"]}}},
    {"sample": "a", "id": "box", "type": "box", "box": [0.1, 0.2, 30.3, 40.7], "labels": {"class": "car", "colour": "red"}},
    {"sample": "a", "id": "exact", "type": "box", "bbox": [0.1, 0.7, 0.2, 0.1], "labels": {"class": "car"}},
    {"sample": "a", "id": "turned", "type": "rotated", "rotated": [20.5, 20.25, 10, 5, 0.3], "flags": ["difficult"]},
    {"sample": "a", "id": "ring", "type": "polygon", "coordinates": [[[1, 1], [9, 1], [9, 9], [1, 1]]], "area": 5},
    {"sample": "a", "id": "holes", "type": "polygon", "labels": {"class": "bus"}, "flags": ["crowd", "ignore"],
     "coordinates": [[[[0, 0], [20, 0], [20, 20], [0, 20], [0, 0]], [[5, 5], [8, 5], [8, 8], [5, 5]],
                      [[10, 10], [12, 10], [12, 12.5], [10, 10]]], [[[30, 30], [40, 30], [35, 40], [30, 30]]]]},
    {"sample": "a", "id": "runs", "type": "mask", "mask": {"size": [50, 60], "counts": [7, 10, 2983]}, "bbox": [0, 7, 1, 10]},
    {"sample": "a", "id": "line", "type": "line", "coordinates": [[1, 1], [5, 9], [50, 2.125]]},
    {"sample": "a", "id": "lines", "type": "line", "coordinates": [[[1, 1], [5, 9]], [[3, 3], [4, 4]]]},
    {"sample": "a", "id": "point", "type": "point", "coordinates": [1.5, 2.5], "metadata": {"by": "me"}},
    {"sample": "a", "id": "points", "type": "point", "coordinates": [[1.5, 2.5], [1e-9, 3]]},
    {"sample": "a", "id": "label", "type": "label", "labels": {"class": {"town": 0.75, "village": 0.25}, "sky": "blue"}},
    {"sample": "a", "id": "scored", "type": "box", "box": [1, 1, 2, 2], "labels": {"class": "car"}, "score": 0.625},
    {"sample": "b <&> ü / 7.jpg"},
    {"sample": "c", "annotated": False, "code": -17},
    {"category": {"class": "bus"}, "code": 5},
    {"category": {"class": "car"}, "code": 0},
    {"category": {"class": "never seen"}, "code": 9007199254740993},
]


def counts_of(text):
    """COCO's text of run lengths, as its paper has it: 5 bits a letter, differences to the last but one."""
    counts, at = [], 0
    while at < len(text):
        value = shift = 0
        more = True
        while more:
            letter = ord(text[at]) - 48
            value |= (letter & 31) << shift
            more, shift, at = letter & 32, shift + 5, at + 1
            if not more and letter & 16:
                value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    return counts


def test_json_lines_lose_nothing(tmp_path):
    first = lines(made(tmp_path / "a.h5", EVERY_KIND), "--free")
    annotations("import", tmp_path / "b.h5", tmp_path / "a.h5-lines.jsonl", "--free")
    assert lines(tmp_path / "b.h5", "--free") == first
    by_id = {record["id"]: record for record in first if "id" in record}
    for given in EVERY_KIND:
        if "id" not in given:
            continue
        found = by_id[given["id"]]
        if given["type"] == "mask":
            assert found["mask"]["size"] == [50, 60] and counts_of(found["mask"]["counts"]) == [7, 10, 2983]
            given = {name: value for name, value in given.items() if name != "mask"}
        for name, value in given.items():
            assert found[name] == value, (name, found)
    assert len(by_id) == 12
    codes = {tuple(record["category"].items()): record["code"] for record in first if "category" in record}
    assert codes == {(("class", "car"),): 0, (("class", "bus"),): 5, (("class", "never seen"),): 9007199254740993}
    samples = {record["sample"]: record for record in first if "id" not in record and "sample" in record}
    assert samples["a"] == {**EVERY_KIND[0], "annotated": True}
    assert samples["b <&> ü / 7.jpg"] == {"sample": "b <&> ü / 7.jpg", "annotated": True}
    assert samples["c"] == {"sample": "c", "annotated": False, "code": -17}


def test_what_is_said_later_is_saved(tmp_path):
    """A size, a number and a category alone are changes."""
    path = made(tmp_path / "a.h5", [{"sample": "a"}, {"sample": "a", "id": "1", "box": [1, 1, 2, 2], "label": "x"}])
    for later in ({"sample": "a", "rows": 7, "cols": 8}, {"sample": "a", "code": 3}, {"category": {"class": "x"}, "code": 4}):
        before = json.loads(annotations("list", path, "--free", "--json"))["content_sha256"]
        made(path, [later])
        assert json.loads(annotations("list", path, "--free", "--json"))["content_sha256"] != before
    found = lines(path, "--free")
    assert found[:2] == [{"category": {"class": "x"}, "code": 4},
                         {"sample": "a", "annotated": True, "rows": 7, "cols": 8, "code": 3}]


# --- COCO ----------------------------------------------------------------------------------------

def coco_of(path):
    reader = pytest.importorskip("pycocotools.coco", reason="no pycocotools (tools/setup.sh)")
    with redirect_stdout(io.StringIO()):
        return reader.COCO(str(path))


def same_coco(given, found, coco_masks=True):
    assert sorted(given.getCatIds()) == found.getCatIds() and sorted(given.getImgIds()) == sorted(found.getImgIds())
    for one, other in zip(given.loadCats(sorted(given.getCatIds())), found.loadCats(found.getCatIds())):
        assert one["name"] == other["name"]
    assert sorted(given.getAnnIds()) == sorted(found.getAnnIds())
    for number in given.getAnnIds():
        one, other = given.anns[number], found.anns[number]
        for name in ("image_id", "category_id", "iscrowd", "bbox", "area"):
            assert one[name] == other[name], (number, name)
        if coco_masks:
            assert (given.annToMask(one) == found.annToMask(other)).all(), number


@pytest.mark.skipif(not COCO.is_dir(), reason=f"no test data at {COCO}")
@pytest.mark.parametrize("name", ["instances_val2014_100.json", "gt_dataset.json"])
def test_coco_ground_truth_comes_back(tmp_path, name):
    """Straight, and through JSON lines, which keep COCO's numbers."""
    given = coco_of(COCO / name)
    annotations("import", tmp_path / "a.h5", COCO / name, "--free", "--format", "coco")
    annotations("export", tmp_path / "a.h5", tmp_path / "out.json", "--free", "--format", "coco")
    same_coco(given, coco_of(tmp_path / "out.json"), "instances" in name)
    lines(tmp_path / "a.h5", "--free")
    annotations("import", tmp_path / "b.h5", tmp_path / "a.h5-lines.jsonl", "--free")
    annotations("export", tmp_path / "b.h5", tmp_path / "again.json", "--free", "--format", "coco")
    same_coco(given, coco_of(tmp_path / "again.json"), "instances" in name)


def small_coco():
    mask = np.zeros((20, 30), bool)
    mask[2:9, 3:12] = True
    mask[4, 5] = False
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return mask, {
        "images": [{"id": 0, "file_name": "z.png", "width": 30, "height": 20},
                   {"id": 999999999999, "file_name": "a.png", "width": 30, "height": 20},
                   {"id": 5, "file_name": "empty.png", "width": 30, "height": 20}],
        "categories": [{"id": 7, "name": "z"}, {"id": 0, "name": "a"}, {"id": 90, "name": "unused"}],
        "annotations": [
            {"id": 3, "image_id": 0, "category_id": 7, "iscrowd": 1, "bbox": [3, 2, 9, 7], "area": 62,
             "segmentation": {"size": [20, 30], "counts": counts}},
            {"id": 1, "image_id": 999999999999, "category_id": 0, "iscrowd": 0, "bbox": [1, 1, 10, 10], "area": 50,
             "segmentation": [[1, 1, 11, 1, 11, 6, 1, 6], [13.5, 2, 19, 2, 19, 9.25]], "attributes": {"x": [1]}, "note": "n"},
            {"id": 12345678901, "image_id": 0, "category_id": 7, "iscrowd": 0, "ignore": 1,
             "bbox": [0.1, 0.7, 0.2, 0.1], "area": 1.5, "segmentation": [[1, 1, 5, 1, 5, 5]]}]}


def test_coco_small(tmp_path):
    """Ids 0 and large, a crowd of runs, several parts, what COCO does not name."""
    mask, document = small_coco()
    (tmp_path / "in.json").write_text(json.dumps(document))
    annotations("import", tmp_path / "a.h5", tmp_path / "in.json", "--free")
    annotations("export", tmp_path / "a.h5", tmp_path / "out.json", "--free", "--format", "coco")
    given, found = coco_of(tmp_path / "in.json"), coco_of(tmp_path / "out.json")
    same_coco(given, found)
    assert (found.annToMask(found.anns[3]) == mask).all()
    assert found.anns[1]["attributes"] == {"x": [1]} and found.anns[1]["note"] == "n"
    assert found.anns[12345678901]["ignore"] == 1 and "ignore" not in found.anns[1]
    assert found.anns[1]["segmentation"] == document["annotations"][1]["segmentation"]


def test_coco_of_every_kind(tmp_path):
    """Holes become masks, the same as drawn by pycocotools; what has no place there is dropped."""
    path = made(tmp_path / "a.h5", EVERY_KIND)
    told = json.loads(annotations("export", path, tmp_path / "o.json", "--free", "--format", "coco", "--json"))
    assert told["written"] == 4 and told["dropped"] == 8  # without a class, lines, points, labels
    found = coco_of(tmp_path / "o.json")
    (holes,) = (a for a in found.anns.values() if a["iscrowd"])
    from pycocotools import mask as masks
    rings = [np.ravel(ring[:-1]).tolist() for part in EVERY_KIND[5]["coordinates"] for ring in part]
    drawn = [masks.decode(masks.frPyObjects([ring], 50, 60))[..., 0] for ring in rings]
    assert (found.annToMask(holes) == ((drawn[0] | drawn[3]) & ~(drawn[1] | drawn[2]) & 1)).all()


def test_coco_numbers_do_not_collide(tmp_path):
    """Images and categories with and without numbers of their own."""
    box = {"box": [1, 1, 2, 2]}
    path = made(tmp_path / "a.h5", [{"sample": "n1", **box, "label": "p"}, {"sample": "n2", "code": 1},
                                    {"sample": "n2", **box, "label": "q"}, {"category": {"class": "q"}, "code": 1}])
    annotations("export", path, tmp_path / "o.json", "--free", "--format", "coco")
    found = coco_of(tmp_path / "o.json")
    names = {image["file_name"]: number for number, image in found.imgs.items()}
    assert len(found.imgs) == 2 and names["n2"] == 1
    assert {c["name"] for c in found.cats.values()} == {"p", "q"} and found.cats[1]["name"] == "q"
    assert {(found.imgs[a["image_id"]]["file_name"], found.cats[a["category_id"]]["name"])
            for a in found.anns.values()} == {("n1", "p"), ("n2", "q")}


# --- GeoJSON -------------------------------------------------------------------------------------

UTM = (500000, 2, 0, 9100000, 0, -2)  # 64 x 64 pixels of 2 m: four tiles of 32


def ground_shapes():
    """In metres of the scene, by id."""
    def at(points):
        return [(500000 + 2 * x, 9100000 - 2 * y) for x, y in points]
    square = shapely.geometry.Polygon(at([(2, 2), (20, 2), (20, 20), (2, 20)]), [at([(5, 5), (9, 5), (9, 9), (5, 9)])])
    far = shapely.geometry.Polygon(at([(26, 26), (29, 26), (29, 29)]))
    return {"holes": square, "parts": shapely.geometry.MultiPolygon([square, far]),
            "all tiles": shapely.geometry.Polygon(at([(10, 10), (50, 12), (52, 50), (11, 45)]),
                                         [at([(20, 20), (40, 20), (40, 40), (20, 40)])]),
            "line": shapely.geometry.LineString(at([(3, 3), (60, 8), (60, 60)])),
            "lines": shapely.geometry.MultiLineString([at([(1, 1), (2, 9)]), at([(4, 4), (8, 1)])]),
            "point": shapely.geometry.Point(*at([(40, 5)])[0]),
            "points": shapely.geometry.MultiPoint(at([(1, 1), (2, 2), (50, 50)]))}


def geojson(shapes, crs=None):
    document = {"type": "FeatureCollection", "features": [
        {"type": "Feature", "id": name, "properties": {"class": "roof", "floors": 3},
         "geometry": shapely.geometry.mapping(shape)} for name, shape in shapes.items()]}
    if crs:
        document["crs"] = {"type": "name", "properties": {"name": crs}}
    return json.dumps(document)


def whole(path, dimension_of):
    """What GDAL reads, joined by the id of the object."""
    features = json.loads(path.read_text())["features"]
    source = ogr.Open(str(path))
    layer = source.GetLayer(0)
    assert layer.GetFeatureCount() == len(features)
    found = {}
    for feature, read in zip(features, layer):
        shape = shapely.wkb.loads(bytes(read.GetGeometryRef().ExportToWkb()))
        assert shape.is_valid, shape.wkt
        assert feature["properties"]["class"] == "roof" and feature["properties"]["floors"] == 3
        found.setdefault(feature["properties"].get("object", feature["id"]), []).append(shape)
    assert found.keys() == dimension_of.keys()
    return {name: shapely.ops.unary_union(shapes) for name, shapes in found.items()}


@pytest.mark.parametrize("crs", ["store", None])
def test_geojson_on_several_tiles(tmp_path, crs):
    """Cut to the tiles, and whole again by shapely; corners of outer rings to the left."""
    store, shapes = fed(tmp_path, 32725, UTM), ground_shapes()
    (tmp_path / "in.geojson").write_text(geojson(shapes, "urn:ogc:def:crs:EPSG::32725"))
    annotations("import", store, tmp_path / "in.geojson")
    out = tmp_path / "out.geojson"
    annotations("export", store, out, "--format", "geojson", *(["--crs", "store"] if crs else []))
    found = whole(out, shapes)
    if crs is None:
        assert "crs" not in json.loads(out.read_text())
        wgs, utm = osr.SpatialReference(), osr.SpatialReference()
        wgs.ImportFromEPSG(4326)
        utm.ImportFromEPSG(32725)
        wgs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
        way = osr.CoordinateTransformation(wgs, utm)
        found = {name: shapely.ops.transform(lambda x, y: way.TransformPoint(x, y)[:2], shape)
                 for name, shape in found.items()}
    else:
        assert json.loads(out.read_text())["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32725"
    for name, shape in shapes.items():
        near = found[name]
        assert near.hausdorff_distance(shape) < 1e-4, name
        assert near.symmetric_difference(shape.buffer(1e-3) if shape.area == 0 else shape).area < (1 if shape.area == 0 else 1e-2)
    for feature in json.loads(out.read_text())["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        for part in getattr(shape, "geoms", [shape]):
            if part.geom_type == "Polygon":
                assert part.exterior.is_ccw and not any(ring.is_ccw for ring in part.interiors)


def test_geojson_again_from_the_export(tmp_path):
    """What was written is read as the same annotations."""
    store = fed(tmp_path, 32725, UTM)
    (tmp_path / "in.geojson").write_text(geojson(ground_shapes(), "EPSG:32725"))
    annotations("import", store, tmp_path / "in.geojson")
    annotations("export", store, tmp_path / "out.geojson", "--format", "geojson", "--crs", "store")
    annotations("import", store, tmp_path / "out.geojson", "--name", "again")
    first, again = (json.loads(annotations("list", store, "--name", name, "--json")) for name in ("labels", "again"))
    assert first["annotations"] == again["annotations"] > 7 and first["labels"] == again["labels"]


def test_geojson_masks_and_boxes(tmp_path):
    """Outlines of other kinds lie where their pixels do."""
    store = fed(tmp_path, 32725, UTM, tile=64)
    key = first_key(store)
    pixels = np.zeros((64, 64), bool)
    pixels[10:20, 5:9] = True
    pixels[12:14, 6:8] = False
    pixels[30, 30] = True
    flat = pixels.T.ravel()
    counts = np.diff([0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]).tolist()
    text = "".join(json.dumps({"sample": key, "label": "x", **record}) + "\n" for record in (
        {"id": "mask", "mask": {"size": [64, 64], "counts": counts}}, {"id": "box", "box": [1, 2, 4, 7]},
        {"id": "turned", "rotated": [30, 30, 10, 4, math.pi / 6]}))
    annotations("add", store, "-", input=text)
    annotations("export", store, tmp_path / "o.geojson", "--format", "geojson", "--crs", "store")
    shapes = {f["id"]: shapely.geometry.shape(f["geometry"])
              for f in json.loads((tmp_path / "o.geojson").read_text())["features"]}
    assert shapes["mask"].area == pixels.sum() * 4 and len(shapes["mask"].geoms) == 2
    rows, cols = np.nonzero(pixels)
    for row, col in zip(rows, cols):
        assert shapes["mask"].contains(shapely.geometry.Point(500000 + 2 * col + 1, 9100000 - 2 * row - 1))
    assert shapes["box"].equals(shapely.geometry.box(500002, 9100000 - 14, 500008, 9100000 - 4))
    turn = shapely.affinity.rotate(shapely.geometry.box(500050, 9100000 - 64, 500070, 9100000 - 56), -30)
    assert turn.symmetric_difference(shapes["turned"]).area < 1e-6


def first_key(store):
    """The key of a store's first sample, which is marked."""
    annotations("mark", store, "--index", 0)
    return lines(store)[0]["sample"]


@pytest.mark.parametrize("west, epsg", [(179.9, 4326), (-180.1, 4326), (None, 32601)])
def test_geojson_across_180_degrees(tmp_path, west, epsg):
    """RFC 7946, 3.1.9: cut at 180, a part on each side, all longitudes within -180..180."""
    step = 0.2 / 64
    # UTM zone 1 at its western edge, 51 degrees north: 215 km west of the middle is past 180.
    transform = (west, step, 0, 10, 0, -step) if west else (277000, 400, 0, 5668000, 0, -400)
    store = fed(tmp_path, epsg, transform, tile=64)
    key = first_key(store)
    shapes = {"area": {"coordinates": [[[4, 4], [60, 6], [58, 60], [6, 58], [4, 4]],
                                       [[20, 20], [44, 20], [44, 40], [20, 40], [20, 20]]]},
              "line": {"type": "line", "coordinates": [[2, 3], [62, 33]]},
              "points": {"type": "point", "coordinates": [[3, 3], [61, 61]]},
              "east": {"box": [60, 1, 63, 4]}, "west": {"box": [1, 1, 4, 4]}}
    annotations("add", store, "-", input="".join(
        json.dumps({"sample": key, "id": name, "label": "x", **shape}) + "\n" for name, shape in shapes.items()))
    out = tmp_path / "o.geojson"
    annotations("export", store, out, "--format", "geojson")
    found = {f["id"]: shapely.geometry.shape(f["geometry"]) for f in json.loads(out.read_text())["features"]}
    assert {name: shape.geom_type for name, shape in found.items()} == {
        "area": "MultiPolygon", "line": "MultiLineString", "points": "MultiPoint", "east": "Polygon", "west": "Polygon"}
    for name, shape in found.items():
        assert shape.is_valid and -180 <= shape.bounds[0] and shape.bounds[2] <= 180, name
        for part in getattr(shape, "geoms", [shape]):  # none goes around the Earth
            assert part.bounds[2] - part.bounds[0] < 1
    assert found["west"].bounds[0] > 179 and found["east"].bounds[2] < -179
    sides = [[part for part in found["area"].geoms if (part.bounds[0] > 0) == east] for east in (True, False)]
    assert all(sides) and max(p.bounds[2] for p in sides[0]) == 180 and min(p.bounds[0] for p in sides[1]) == -180
    if west:  # whole again, where degrees are pixels
        joined = shapely.ops.unary_union([shapely.affinity.translate(p, 360 if p.bounds[0] < 0 else 0) for p in found["area"].geoms])
        origin = west if west > 0 else west + 360
        pixels = shapely.ops.transform(lambda x, y: ((x - origin) / step, (10 - y) / step), joined)
        given = shapely.geometry.Polygon(*[shapes["area"]["coordinates"][0], shapes["area"]["coordinates"][1:]])
        assert pixels.symmetric_difference(given).area < 1e-6
    annotations("import", store, out, "--name", "again")
    again = {r["id"]: r for r in lines(store, "--name", "again") if "id" in r}
    assert again.keys() == shapes.keys()
    area = shapely.geometry.shape({"type": "MultiPolygon", "coordinates": again["area"]["coordinates"]})
    assert abs(area.area - shapely.geometry.Polygon(shapes["area"]["coordinates"][0], shapes["area"]["coordinates"][1:]).area) < 0.5


# --- YOLO ----------------------------------------------------------------------------------------

def yolo(folder, name):
    return [np.array(line.split(), float) for line in (folder / "labels" / name).read_text().splitlines()]


def test_yolo_boxes_outlines_and_turned(tmp_path):
    random.seed(5)
    records = [{"sample": "a.png", "rows": 200, "cols": 300}, {"sample": "sub/b.png", "rows": 100, "cols": 100}]
    for i in range(30):
        x, y = random.uniform(0, 200), random.uniform(0, 100)
        records.append({"sample": "a.png", "id": str(i + 1), "type": "box", "label": random.choice("pqr"),
                        "box": [x, y, x + random.uniform(1, 99), y + random.uniform(1, 99)]})
    path = made(tmp_path / "a.h5", records)
    annotations("export", path, tmp_path / "boxes", "--free", "--format", "yolo")
    names = (tmp_path / "boxes/classes.txt").read_text().split()
    rows = yolo(tmp_path / "boxes", "a.txt")
    for given, row in zip(records[2:], rows, strict=True):
        assert names[int(row[0])] == given["label"]
        middle, size = row[1:3] * (300, 200), row[3:5] * (300, 200)
        assert np.allclose([*(middle - size / 2), *(middle + size / 2)], given["box"], atol=1e-9)
    assert (tmp_path / "boxes/labels/b.txt").read_text() == ""  # looked at, and nothing there
    made(tmp_path / "b.h5", records[:2])
    annotations("import", tmp_path / "b.h5", tmp_path / "boxes", "--free")
    found = [r for r in lines(tmp_path / "b.h5", "--free") if "id" in r]
    assert [(r["id"], r["labels"]["class"]) for r in found] == [(r["id"], r["label"]) for r in records[2:]]
    assert np.allclose([r["box"] for r in found], [r["box"] for r in records[2:]], atol=1e-9)


def test_yolo_outlines(tmp_path):
    ring = [[10, 20], [50, 20.5], [60, 70], [12, 80]]
    size = {"sample": "a.png", "rows": 100, "cols": 200}
    path = made(tmp_path / "a.h5", [size, {"sample": "a.png", "id": "1", "label": "p", "coordinates": [ring]}])
    annotations("export", path, tmp_path / "seg", "--free", "--format", "yolo")
    (row,) = yolo(tmp_path / "seg", "a.txt")
    assert row[0] == 0 and np.allclose(row[1:].reshape(-1, 2) * (200, 100), ring)
    made(tmp_path / "b.h5", [size])
    annotations("import", tmp_path / "b.h5", tmp_path / "seg", "--free")
    (found,) = [r for r in lines(tmp_path / "b.h5", "--free") if "id" in r]
    assert found["type"] == "polygon" and np.allclose(found["coordinates"][0][:-1], ring)


def test_yolo_oriented(tmp_path):
    size = {"sample": "a.png", "rows": 100, "cols": 200}
    turned = [100.0, 50.0, 40.0, 10.0, 0.4]
    path = made(tmp_path / "a.h5", [size, {"sample": "a.png", "id": "1", "label": "p", "rotated": turned},
                                    {"sample": "a.png", "id": "2", "label": "p", "box": [1, 2, 11, 22]}])
    annotations("export", path, tmp_path / "obb", "--free", "--format", "yolo", "--oriented")
    rows = [row[1:].reshape(4, 2) * (200, 100) for row in yolo(tmp_path / "obb", "a.txt")]
    given = shapely.affinity.rotate(shapely.geometry.box(80, 45, 120, 55), 0.4, use_radians=True)
    assert shapely.geometry.Polygon(rows[0]).symmetric_difference(given).area < 1e-9
    assert shapely.geometry.Polygon(rows[1]).symmetric_difference(shapely.geometry.box(1, 2, 11, 22)).area < 1e-9
    made(tmp_path / "b.h5", [size])
    annotations("import", tmp_path / "b.h5", tmp_path / "obb", "--free", "--oriented")
    found = [r for r in lines(tmp_path / "b.h5", "--free") if "id" in r]
    for record, corners in zip(found, rows, strict=True):
        cx, cy, width, height, angle = record["rotated"]
        shape = shapely.affinity.rotate(shapely.geometry.box(cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2),
                                        angle, use_radians=True)
        assert shape.symmetric_difference(shapely.geometry.Polygon(corners)).area < 1e-6


# --- VOC -----------------------------------------------------------------------------------------

VOC = """<annotation><folder>VOC2012</folder><filename>{name}</filename>
<size><width>500</width><height>375</height><depth>3</depth></size><segmented>0</segmented>
<object><name>person &amp; dog</name><pose>Left</pose><truncated>1</truncated><occluded>0</occluded>
 <difficult>1</difficult><bndbox><xmin>8</xmin><ymin>12.5</ymin><xmax>352</xmax><ymax>498</ymax></bndbox>
 <part><name>head</name><bndbox><xmin>30</xmin><ymin>20</ymin><xmax>99</xmax><ymax>88</ymax></bndbox></part>
 <part><name>foot</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></part>
 <actions><jumping>0</jumping><riding>1</riding></actions><note>a &lt; b é</note><code>007</code></object>
<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></object>
</annotation>"""


def plain(element):
    """An element as what its metadata say."""
    if len(element) == 0:
        text = element.text or ""
        return int(text) if text.isdigit() and str(int(text)) == text else text
    found = {}
    for child in element:
        value = plain(child)
        if child.tag in found:
            found[child.tag] = [*(found[child.tag] if isinstance(found[child.tag], list) else [found[child.tag]]), value]
        else:
            found[child.tag] = value
    return found


def objects(path):
    root = ElementTree.parse(path).getroot()
    return root.findtext("filename"), [plain(child) for child in root.iter("object")]


def test_voc_comes_back(tmp_path):
    (tmp_path / "in/Annotations").mkdir(parents=True)
    (tmp_path / "in/Annotations/p.xml").write_text(VOC.format(name="p.jpg"), encoding="utf-8")
    annotations("import", tmp_path / "a.h5", tmp_path / "in", "--free")
    records = {r["id"]: r for r in lines(tmp_path / "a.h5", "--free") if "id" in r}
    name, given = objects(tmp_path / "in/Annotations/p.xml")
    first = records["1"]
    assert first["labels"] == {"class": "person & dog"} and first["flags"] == ["difficult"]
    assert first["box"] == [7, 11.5, 352, 498] and first["sample"] == name == "p.jpg"
    assert first["metadata"] == {k: v for k, v in given[0].items() if k not in ("name", "difficult", "bndbox")}
    assert first["metadata"]["pose"] == "Left" and first["metadata"]["truncated"] == 1
    assert first["metadata"]["code"] == "007" and len(first["metadata"]["part"]) == 2
    assert "metadata" not in records["2"] and records["2"]["box"] == [0, 0, 1, 1]
    annotations("export", tmp_path / "a.h5", tmp_path / "out", "--free", "--format", "voc")
    again, found = objects(tmp_path / "out/Annotations/p.xml")
    given[1]["difficult"] = 0
    given[0]["bndbox"]["ymin"] = "12.5"
    assert again == name and found == given


def test_voc_of_hostile_texts(tmp_path):
    """Any label, reference and metadata make a file that an XML reader takes."""
    path = made(tmp_path / "a.h5", [
        {"sample": "x<y>&\"'.jpg", "id": "1", "box": [0, 0, 5, 5], "label": "a\r\n\t<b>\x07&amp;",
         "metadata": {"not a name": 1, "1st": 2, "ok": "]]><!--", "name": "no", "list": [1, [2], {"in": None, "x": True}],
                      "half": 0.1, "": 3, "bndbox": {"xmin": 9}}}])
    annotations("export", path, tmp_path / "out", "--free", "--format", "voc")
    name, (found,) = objects(tmp_path / "out/Annotations/x<y>&\"'.xml")
    assert name == "x<y>&\"'.jpg" and found["name"] == "a\r\n\t<b>\ufffd&amp;"
    assert found == {"name": found["name"], "difficult": 0, "ok": "]]><!--", "list": [1, {"x": "true"}], "half": "0.1",
                     "bndbox": {"xmin": 1, "ymin": 1, "xmax": 5, "ymax": 5}}


def test_voc_too_deep(tmp_path):
    (tmp_path / "Annotations").mkdir()
    deep = "<d>" * 40 + "x" + "</d>" * 40
    (tmp_path / "Annotations/p.xml").write_text(VOC.format(name="p.jpg").replace("<note>", deep + "<note>"))
    told = annotations("import", tmp_path / "a.h5", tmp_path, "--free", code=1)
    assert 'sample "p.jpg", annotation "1": its members are not UTF-8, or lie too deep' in told
    assert not (tmp_path / "a.h5").exists()
