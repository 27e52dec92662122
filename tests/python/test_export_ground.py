"""GeoJSON and STAC: places by rasterio and Shapely, the rules of RFC 7946 and of STAC's schemas."""
import hashlib
import json
import urllib.parse

import numpy as np
import pytest
import rasterio
import rasterio.warp
import shapely.geometry
from conftest import run_vedatile
from exports import export, feed, group, keys


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return feed(tmp_path_factory.mktemp("ground") / "store.h5")


def outline(transform, x0, y0, x1, y1):
    """On the ground by rasterio, with points along the sides."""
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    points = [transform * (a[0] + (b[0] - a[0]) * i / 4, a[1] + (b[1] - a[1]) * i / 4)
              for a, b in zip(corners, corners[1:]) for i in range(4)]
    return shapely.geometry.Polygon(zip(*rasterio.warp.transform(
        "EPSG:31985", "EPSG:4326", *zip(*points))))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def placed(tmp_path, crs, transform, *options, size=64):
    """A store of one tile with a box over columns 16 to 48, rows 8 to 24."""
    with rasterio.open(tmp_path / "scene.tif", "w", driver="GTiff", width=size, height=size, count=1,
                       dtype="uint8", crs=crs, transform=transform) as file:
        file.write(np.ones((1, size, size), np.uint8))
    corners = [transform * (x, y)
               for x, y in ((16, 8), (48, 8), (48, 24), (16, 24), (16, 8))]
    labels = {"type": "FeatureCollection",
              "crs": {"type": "name", "properties": {"name": crs}},
              "features": [{"type": "Feature", "properties": {"kind": "a"}, "geometry": {
                  "type": "Polygon", "coordinates": [[list(c) for c in corners]]}}]}
    (tmp_path / "labels.geojson").write_text(json.dumps(labels))
    return feed(tmp_path / "placed.h5", *options, tasks="detection", image=tmp_path / "scene.tif",
                labels=tmp_path / "labels.geojson", field="kind")


def assert_rfc7946(geometry):
    """Outer rings counter-clockwise and closed, longitudes and latitudes in their ranges."""
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    for (ring,) in parts:
        assert ring[0] == ring[-1] and len(ring) >= 4
        assert shapely.geometry.LinearRing(ring).is_ccw
        assert all(-180 <= x <= 180 and -90 <= y <= 90 for x, y in ring)
    assert shapely.geometry.shape(geometry).is_valid


def test_windows_lie_where_the_tiles_do(store, tmp_path):
    export(store, tmp_path / "out", "geojson")
    features, samples = read(tmp_path / "out/windows.geojson")["features"], group(store)["samples"]
    assert [feature["id"] for feature in features] == keys(store)
    for feature, sample in zip(features, samples, strict=True):
        assert_rfc7946(feature["geometry"])
        transform = rasterio.Affine.from_gdal(*sample["geotransform"])
        want = outline(transform, 0, 0, 64, 64)
        have = shapely.geometry.shape(feature["geometry"])
        assert have.symmetric_difference(want).area < 1e-6 * want.area
        np.testing.assert_allclose(feature["bbox"], have.bounds, atol=1e-6)
        assert feature["properties"]["window"] == sample["window"].tolist()


def test_labels_are_the_boxes_on_the_ground(store, tmp_path):
    export(store, tmp_path / "out", "geojson")
    features, arrays = read(tmp_path / "out/labels.geojson")["features"], group(store)
    offsets, row = arrays["labels/box_offsets"].astype(int), 0
    for i, sample in enumerate(arrays["samples"]):
        transform = rasterio.Affine.from_gdal(*sample["geotransform"])
        for row in range(*offsets[i:i + 2]):
            want = outline(transform, *arrays["labels/boxes"][row].astype(float))
            have = shapely.geometry.shape(features[row]["geometry"])
            assert_rfc7946(features[row]["geometry"])
            assert have.symmetric_difference(want).area <= 1e-5 * want.area + 1e-16
            assert features[row]["properties"] == {
                "key": keys(store)[i], "group": "train",
                "class": ("RURAL", "URBANO")[arrays["labels/box_class"][row]],
                "class_id": arrays["labels/box_class"][row],
                "feature": arrays["labels/box_feature"][row],
                "visible": arrays["labels/box_visible"][row]}
    assert len(features) == row + 1


@pytest.mark.parametrize("crs, west, pixel", [
    ("EPSG:4326", 179.9, 0.01), ("EPSG:4326", -180.3, 0.01), ("EPSG:32660", 799000, 3000),
    ("EPSG:4326", 539.8, 0.01)])
def test_the_antimeridian_cuts(tmp_path, crs, west, pixel):
    north = 10 if crs == "EPSG:4326" else 1_200_000
    store = placed(tmp_path, crs, rasterio.Affine(pixel, 0, west, 0, -pixel, north))
    export(store, tmp_path / "out", "geojson")
    (window,) = read(tmp_path / "out/windows.geojson")["features"]
    (label,) = read(tmp_path / "out/labels.geojson")["features"]
    assert window["geometry"]["type"] == "MultiPolygon" and window["bbox"][0] > window["bbox"][2]
    for feature in window, label:
        assert_rfc7946(feature["geometry"])
    parts = [shapely.geometry.Polygon(ring) for (ring,) in window["geometry"]["coordinates"]]
    assert any(part.bounds[2] == 180 for part in parts)
    assert any(part.bounds[0] == -180 for part in parts)
    if crs == "EPSG:4326":
        area = sum(part.area for part in parts)
        assert area == pytest.approx((64 * pixel) ** 2)
        assert shapely.geometry.shape(label["geometry"]).area == pytest.approx(32 * 16 * pixel ** 2)


def test_a_pole(tmp_path):
    store = placed(tmp_path, "EPSG:3413", rasterio.Affine(10000, 0, -320000, 0, -10000, 320000))
    export(store, tmp_path / "out", "geojson")
    (window,) = read(tmp_path / "out/windows.geojson")["features"]
    assert shapely.geometry.shape(window["geometry"]).bounds == tuple(window["bbox"])
    assert window["bbox"][3] == 90


def test_scenes_without_a_place(tmp_path, vedatile):
    with rasterio.open(tmp_path / "scene.png", "w", driver="PNG", width=64, height=64, count=1,
                       dtype="uint8") as file:
        file.write(np.ones((1, 64, 64), np.uint8))
    vedatile("feed", tmp_path / "plain.h5", "--image", tmp_path / "scene.png", "--tile", 64)
    export(tmp_path / "plain.h5", tmp_path / "out", "geojson")
    (window,) = read(tmp_path / "out/windows.geojson")["features"]
    assert window["geometry"] is None and "bbox" not in window
    assert not (tmp_path / "out/labels.geojson").exists()


# --- STAC ----------------------------------------------------------------------------------------

LINK = {"type": "object", "required": ["href", "rel"]}
ITEM = {  # what STAC's item schema 1.0.0 and the label, projection and file extensions ask for
    "type": "object",
    "required": ["type", "stac_version", "id", "geometry", "bbox", "properties", "links", "assets",
                 "stac_extensions"],
    "properties": {
        "type": {"const": "Feature"}, "stac_version": {"const": "1.0.0"},
        "id": {"type": "string", "minLength": 1},
        "geometry": {"type": "object", "required": ["type", "coordinates"]},
        "bbox": {"type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number"}},
        "links": {"type": "array", "items": LINK},
        "stac_extensions": {"type": "array", "uniqueItems": True,
                            "items": {"type": "string", "pattern": "^https://.*/schema.json$"}},
        "properties": {
            "type": "object", "required": ["datetime", "proj:epsg"],
            "properties": {
                "datetime": {"type": "string", "pattern":
                             r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"},
                "proj:epsg": {"type": ["integer", "null"]},
                "proj:shape": {"type": "array", "minItems": 2, "maxItems": 2},
                "proj:transform": {"type": "array", "minItems": 6, "items": {"type": "number"}},
                "label:type": {"enum": ["vector", "raster"]},
                "label:properties": {"type": ["array", "null"]},
                "label:tasks": {"type": "array", "items": {"enum": [
                    "regression", "classification", "detection", "segmentation"]}},
                "label:classes": {"type": "array", "items": {
                    "type": "object", "required": ["name", "classes"]}}}},
        "assets": {
            "type": "object",
            "additionalProperties": {
                "type": "object", "required": ["href"],
                "properties": {"href": {"type": "string"}, "file:size": {"type": "integer"},
                               "file:checksum": {"type": "string", "pattern": "^1220[a-f0-9]{64}$"},
                               "roles": {"type": "array", "items": {"type": "string"}}}}}}}


@pytest.mark.parametrize("tasks", ["classification", "detection", "segmentation", "instance",
                                   "classification,segmentation"])
def test_stac_items(tmp_path, tasks):
    jsonschema = pytest.importorskip("jsonschema", reason="no python3-jsonschema")
    store = feed(tmp_path / "store.h5", tasks=tasks)
    export(store, tmp_path / "out", "stac")
    document = read(tmp_path / "out/items.json")
    assert document["type"] == "FeatureCollection"
    for item, sample in zip(document["features"], group(store)["samples"], strict=True):
        jsonschema.Draft7Validator(ITEM).validate(item)
        assert_rfc7946(item["geometry"])
        properties = item["properties"]
        assert properties["proj:epsg"] == 31985 and properties["proj:shape"] == [64, 64]
        assert set(properties["label:tasks"]) <= {"classification", "detection", "segmentation"}
        assert properties["label:description"] and "labels" in item["assets"]
        with rasterio.open(tmp_path / "out" / item["assets"]["image"]["href"]) as file:
            assert tuple(file.transform)[:6] == tuple(properties["proj:transform"])
        for asset in item["assets"].values():
            data = (tmp_path / "out" / urllib.parse.unquote(asset["href"])).read_bytes()
            assert asset["file:checksum"] == "1220" + hashlib.sha256(data).hexdigest()
            assert asset["file:size"] == len(data)
        assert item["id"] == sample["key"].decode()


def test_stac_labels_of_a_tile(store, tmp_path):
    export(store, tmp_path / "out", "stac")
    export(store, tmp_path / "json", "geojson")
    labels = []
    for item in read(tmp_path / "out/items.json")["features"]:
        labels += read(tmp_path / "out" / item["assets"]["labels"]["href"])["features"]
        assert set(item["assets"]) == {"image", "labels", "mask", "instances", "boundary", "contact",
                                       "distance", "target"}
    assert labels == read(tmp_path / "json/labels.geojson")["features"]


def test_these_formats_are_not_read_back(store, tmp_path):
    for form in "geojson", "stac":
        export(store, tmp_path / form, form)
        done = run_vedatile("import", tmp_path / "back.h5", tmp_path / form, "--format", "npz", code=2)
        assert f"is an export of format {form}, not npz" in done.stderr
