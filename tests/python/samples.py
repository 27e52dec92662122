"""Stores in a catalog, for tests of samples: scenes with places on the ground, and saving by HTTP."""
import hashlib
import json

import numpy as np
import rasterio
from rasterio.transform import Affine
from server import run

BLOCK = 131072
TRANSFORM = Affine(0.5, 0, 733601, 0, -0.5, 3725139)


def make_scene(path, size=(300, 400), bands=4, dtype="uint16", seed=1, crs="EPSG:32616"):
    random = np.random.default_rng(seed)
    low, high = (0, 256) if dtype == "uint8" else (100, 4000)
    pixels = random.integers(low, high, (bands, *size)).astype(dtype)
    with rasterio.open(path, "w", driver="GTiff", width=size[1], height=size[0], count=bands,
                       dtype=dtype, crs=crs, transform=TRANSFORM) as scene:
        scene.write(pixels)
        scene.update_tags(TIFFTAG_DATETIME="2021:04:08 10:11:12")
    return path


def make_labels(path, count=40, seed=2):
    """Rectangles in the scene's own CRS, of two classes."""
    random = np.random.default_rng(seed)
    features = []
    for i in range(count):
        col, row = random.integers(5, 360), random.integers(5, 260)
        wide, high = random.integers(4, 30, 2)
        ring = [TRANSFORM * corner for corner in
                ((col, row), (col + wide, row), (col + wide, row + high), (col, row + high),
                 (col, row))]
        features.append({"type": "Feature", "id": i,
                         "properties": {"kind": ["roof", "pool"][i % 2]},
                         "geometry": {"type": "Polygon", "coordinates": [ring]}})
    path.write_text(json.dumps({
        "type": "FeatureCollection", "features": features,
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32616"}}}))
    return path


def make_store(folder, name="tiles.h5", task="classification,detection,segmentation", **scene):
    store = folder / name
    if not (folder / "scene.tif").exists():
        make_scene(folder / "scene.tif", **scene)
        make_labels(folder / "labels.geojson")
    run("feed", store, "--image", folder / "scene.tif", "--labels", folder / "labels.geojson",
        "--task", task, "--tile", "64", "--class-field", "kind", "--classes", "roof,pool",
        "--codec", "deflate", "--split", "train=0.7,test=0.3", "--split-by", "random", "--seed", "1")
    return store


def save_bytes(server, entry, data, parent=None, user="ada", code=200):
    """Saves bytes as a version of an entry, by hand; the commit's answer."""
    blocks = [data[at:at + BLOCK] for at in range(0, len(data), BLOCK)]
    digests = b"".join(hashlib.sha256(block).digest() for block in blocks)
    got, _, text = server.request(
        "POST", f"/v1/entries/{entry}/uploads?size={len(data)}&block_size={BLOCK}", digests,
        user=user, headers={"Content-Type": "application/octet-stream"})
    assert got in (200, 201), (got, text)
    upload = json.loads(text)
    for first, count in upload["missing"]:
        for block in range(first, first + count):
            got, _, text = server.request("PUT", f"/v1/uploads/{upload['id']}/blocks/{block}",
                                          blocks[block], user=user,
                                          headers={"Content-Type": "application/octet-stream"})
            assert got == 200, (got, text)
    condition = {"If-Match": f'"{parent}"'} if parent else {"If-None-Match": "*"}
    got, _, text = server.request("POST", f"/v1/uploads/{upload['id']}/commit", {}, user=user,
                                  headers=condition, timeout=300)
    assert got == code, (got, text)
    return json.loads(text)


def new_entry(server, name="tiles", user="ada"):
    return server.json("POST", "/v1/entries", {"name": name}, code=201, user=user)["data"]["id"]


def save_store(server, store, name="tiles", user="ada"):
    entry = new_entry(server, name, user)
    return entry, save_bytes(server, entry, store.read_bytes(), user=user)
