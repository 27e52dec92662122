"""Made-up scenes and labels, and what the suites ask of a store."""
import hashlib
import json
import os
import pathlib

import h5py
import numpy
import rasterio
from conftest import run_vedatile
from rasterio.transform import from_origin

ORIGIN = (500000.0, 4000000.0)
ALL_TASKS = ("--task", "classification,detection,segmentation,instance")
OLINDA_CLASS = ("--class-field", "TIPO")


def make_scene(path, cols, rows, bands=1, dtype="uint8", origin=ORIGIN, pixel=1.0, epsg=32633,
               seed=0, **options):
    """A GeoTIFF of random pixels, north up; the first pixel's corner is at `origin`."""
    random = numpy.random.default_rng(seed)
    pixels = random.integers(0, 100, (bands, rows, cols)).astype(dtype)
    with rasterio.open(
            path, "w", driver="GTiff", width=cols, height=rows, count=bands, dtype=dtype,
            crs=f"EPSG:{epsg}" if epsg else None, transform=from_origin(*origin, pixel, pixel),
            **options) as scene:
        scene.write(pixels)
    return path


def square(x, y, side):
    """Ring of a square whose upper left corner is (x, y)."""
    return [[x, y], [x + side, y], [x + side, y - side], [x, y - side], [x, y]]


def polygon(ring, **properties):
    """A GeoJSON feature; `ring` None makes a null geometry."""
    geometry = None if ring is None else {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def write_labels(path, features, epsg=32633):
    """A FeatureCollection in that CRS; None: without a crs member, so longitude and latitude."""
    collection = {"type": "FeatureCollection", "features": features}
    if epsg:
        collection["crs"] = {"type": "name",
                             "properties": {"name": f"urn:ogc:def:crs:EPSG::{epsg}"}}
    path.write_text(json.dumps(collection), encoding="utf-8")
    return path


def make_labels(path, cols, rows, count, seed=0, origin=ORIGIN, classes=("car", "house", "tree")):
    """Squares of 4 to 40 units all over a scene of make_scene, class field `kind`."""
    random = numpy.random.default_rng(seed)
    features = []
    for _ in range(count):
        side = float(random.integers(4, 40))
        x = origin[0] + float(random.uniform(0, cols - side))
        y = origin[1] - float(random.uniform(0, rows - side))
        kind = classes[int(random.integers(len(classes)))]
        features.append(polygon(square(x, y, side), kind=kind))
    return write_labels(path, features)


def feed(store, *arguments, **options):
    """Feeds and returns the summary."""
    return json.loads(run_vedatile("feed", store, *arguments, "--json", **options).stdout)


def digest(store):
    """The digest of a store that is whole."""
    text = run_vedatile("check", store, "--digest").stdout.strip()
    assert len(text) == 64, text
    return text


def keys(store):
    """The keys of every group, in the store's order."""
    with h5py.File(store, "r") as file:
        return {name: [key.decode() for key in file[name]["samples"]["key"]]
                for name in file if isinstance(file[name], h5py.Group) and name != "views"}


def snapshot(folder):
    """Every file below a folder with the SHA-256 of its bytes."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file()}


def one_line(stderr, *says):
    """A failure is one line on stderr that says all of this."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith(("vedatile ", "vedatile: ")), stderr
    for text in says:
        assert str(text) in lines[0], (text, stderr)


def refused(folder, arguments, *says, code=1, **options):
    """Runs a command that must fail, in one line, and leave the folder as it was."""
    before = snapshot(folder)
    done = run_vedatile(*arguments, code=code, **options)
    one_line(done.stderr, *says)
    assert done.stdout == ""
    assert snapshot(folder) == before
    assert not [name for name in os.listdir(folder) if name.endswith((".part", ".journal"))]
    return done.stderr
