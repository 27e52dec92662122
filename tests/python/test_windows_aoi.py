"""The area of interest against Shapely and GDAL's rasterizer."""
import itertools
import json

import h5py
import numpy
import pytest
import rasterio
import rasterio.features
import rasterio.warp
from big import (ALL_TASKS, ORIGIN, digest, feed, make_labels, make_scene, polygon, refused, square,
                 write_labels)
from reference import IGNORE, Store
from shapely.geometry import Polygon, box, mapping
from shapely.ops import transform, unary_union
from test_windows import KIND, places

COLS, ROWS, TILE, NODATA = 320, 256, 32, 7

# In pixels of the scene: with a hole, and two that overlap and leave the scene.
AREA = [Polygon([(20, 30), (200.5, 20.5), (180.25, 170), (31, 190)],
                [[(80, 80), (120, 80), (120, 125), (80, 125)]]),
        Polygon([(220, 100), (400, 120), (390, 300), (230.5, 290)]),
        Polygon([(150, 150), (260, 160), (240, 270)])]


def on_ground(shape):
    return transform(lambda x, y: (ORIGIN[0] + x, ORIGIN[1] - y), shape)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aoi")
    make_scene(folder / "scene.tif", COLS, ROWS, bands=2, nodata=NODATA)
    make_labels(folder / "labels.json", COLS, ROWS, 150)
    utm = [mapping(on_ground(shape)) for shape in AREA]
    degrees = [rasterio.warp.transform_geom("EPSG:32633", "EPSG:4326", shape) for shape in utm]
    write_area(folder / "area.json", utm)
    write_area(folder / "degrees.json", degrees, epsg=None)
    return folder


def write_area(path, shapes, epsg=32633):
    write_labels(path, [{"type": "Feature", "properties": {}, "geometry": shape}
                        for shape in shapes], epsg=epsg)


def fill(place, store, *arguments, aoi="area.json", **options):
    return feed(store, "--image", place / "scene.tif", "--labels", place / "labels.json", *KIND,
                *ALL_TASKS, "--tile", TILE, "--codec", "raw", "--aoi", place / aoi, *arguments,
                **options)


def covered():
    """GDAL's own pixels of the area, by centre."""
    return rasterio.features.rasterize(AREA, (ROWS, COLS)).astype(bool)


def crops(stride=TILE):
    return itertools.product(range(0, COLS - TILE + 1, stride), range(0, ROWS - TILE + 1, stride))


def share(col, row):
    return covered()[row:row + TILE, col:col + TILE].mean()


RULES = {"inside": lambda f: f == 1, "share": lambda f: f >= 0.4}


@pytest.mark.parametrize("aoi", ["area.json", "degrees.json"])
@pytest.mark.parametrize("rule", ["inside", "touch", "share"])
def test_windows_that_stay(place, store, rule, aoi):
    options = ["--aoi-rule", rule, *(("--aoi-share", 0.4) if rule == "share" else ())]
    said = fill(place, store, *options, "--stride", 8, "--match", "all", aoi=aoi)
    area = unary_union(AREA)
    if rule == "touch":
        wanted = {(c, r) for c, r in crops(8) if area.intersects(box(c, r, c + TILE, r + TILE))}
    else:
        wanted = {place for place in crops(8) if RULES[rule](share(*place))}
    assert set(places(store)) == wanted and 20 < len(wanted) < 1073
    assert said["outside"] == 1073 - len(wanted) == said["windows"] - said["written"]
    assert fill(place, store, *options, "--stride", 8, "--match", "all", aoi=aoi)["written"] == 0


def test_inside_is_the_default_and_what_shapely_has_within(place, store):
    fill(place, store, "--match", "all")
    area = unary_union(AREA)
    assert set(places(store)) == {(c, r) for c, r in crops()
                                  if box(c, r, c + TILE, r + TILE).within(area)}


# raster-vision (3c18a7a), tests/core/test_box.py::test_within_aoi and test_intersects_aoi: windows
# [ymin, xmin, ymax, xmax] against boxes, where touching is intersecting.
@pytest.mark.parametrize("rule, window, area, kept", [
    ("inside", (0, 0, 2, 2), [(0, 0, 10, 10)], True),
    ("inside", (0, 0, 2, 2), [(0, 0, 2, 2)], True),
    ("inside", (0, 0, 4, 4), [(4, 4, 10, 10)], False),
    ("inside", (0, 0, 6, 6), [(4, 4, 10, 10)], False),
    ("inside", (0, 0, 4, 4), [(0, 0, 2, 4), (2, 0, 4, 4)], True),
    ("touch", (0, 0, 2, 2), [(0, 0, 10, 10)], True),
    ("touch", (0, 0, 6, 6), [(4, 4, 10, 10)], True),
    ("touch", (0, 0, 4, 4), [(4, 4, 10, 10)], True),
    ("touch", (0, 0, 4, 4), [(5, 5, 10, 10)], False),
    ("touch", (0, 0, 4, 4), [(5, 5, 10, 10), (0, 0, 1, 1)], True),
])
def test_raster_vision_table(tmp_path, rule, window, area, kept):
    ymin, xmin, ymax, xmax = window
    make_scene(tmp_path / "scene.tif", 12, 12)
    write_area(tmp_path / "aoi.json", [mapping(on_ground(box(x0, y0, x1, y1)))
                                       for y0, x0, y1, x1 in area])
    arguments = [tmp_path / "x.h5", "--image", tmp_path / "scene.tif", "--tile",
                 f"{xmax - xmin}x{ymax - ymin}", "--stride", 100, "--aoi", tmp_path / "aoi.json",
                 "--aoi-rule", rule]
    if kept:
        assert feed(*arguments)["written"] == 1
    else:
        refused(tmp_path, ["feed", *arguments], "1 outside of the area of interest")


def test_mask(place, store, tmp_path):
    """Outside of the area: nodata, invalid, ignore, no instance; inside: as without it."""
    fill(place, store, "--aoi-rule", "touch", "--aoi-mask", "--match", "all")
    plain_path = tmp_path / "plain.h5"
    fill(place, plain_path, "--aoi-rule", "touch", "--match", "all")
    ours, plain = Store(store), Store(plain_path)
    assert places(store) == places(plain_path)
    inside = numpy.array([covered()[r:r + TILE, c:c + TILE] for c, r in places(store)])
    assert inside.any() and not inside.all()
    for band in range(2):
        assert (ours.images[:, band][~inside] == NODATA).all()
        assert (ours.images[:, band][inside] == plain.images[:, band][inside]).all()
    assert (ours.masks[~inside] == IGNORE).all()
    assert (ours.masks[inside] == plain.masks[inside]).all()
    assert (ours.instances[~inside] == 0).all()
    with h5py.File(store) as file:
        valid = file["train/samples"]["valid_fraction"]
    with rasterio.open(place / "scene.tif") as scene:
        pixels = (scene.read() != NODATA).any(0)
    wanted = [(pixels[r:r + TILE, c:c + TILE] & covered()[r:r + TILE, c:c + TILE]).mean()
              for c, r in places(store)]
    assert valid == pytest.approx(wanted)


def boxes_of(store, sample):
    with h5py.File(store) as file:
        offsets = file["train/labels/box_offsets"][...]
        return file["train/labels/boxes"][offsets[sample]:offsets[sample + 1]]


def test_masked_objects_are_none(place, store, tmp_path):
    """A box has at least one pixel in the area; each that has one is there."""
    fill(place, store, "--aoi-rule", "touch", "--aoi-mask")
    plain = tmp_path / "plain.h5"
    fill(place, plain, "--aoi-rule", "touch", "--match", "all")
    by_place = {place: number for number, place in enumerate(places(plain))}
    dropped = 0
    for number, (col, row) in enumerate(places(store)):
        seen = covered()[row:row + TILE, col:col + TILE]
        wanted = [b.tolist() for b in boxes_of(plain, by_place[col, row])
                  if seen[int(b[1]):int(numpy.ceil(b[3])), int(b[0]):int(numpy.ceil(b[2]))].any()]
        dropped += len(boxes_of(plain, by_place[col, row])) - len(wanted)
        assert boxes_of(store, number).tolist() == wanted
    assert dropped > 5


def test_dry_run_counts_the_same(place, store):
    options = ("--aoi-rule", "touch", "--aoi-mask", "--background-ratio", 0.2)
    said = fill(place, store, *options, "--dry-run")
    written = fill(place, store, *options)
    for name in ("windows", "written", "outside", "unlabelled", "background"):
        assert said[name] == written[name], name


def test_random_windows_in_the_area(place, store):
    said = fill(place, store, "--windows", "random", "--count", 300, "--match", "all")
    assert all(share(*place) == 1 for place in places(store))
    assert said["written"] + said["outside"] == 300 and said["written"] > 20


def test_background_comes_from_the_area(place, store):
    said = fill(place, store, "--windows", "centered", "--background-ratio", 0.05)
    assert all(share(*place) == 1 for place in places(store)) and said["outside"] > 0


@pytest.mark.parametrize("threads", [1, 7])
def test_threads(place, tmp_path, threads):
    options = ("--aoi-rule", "touch", "--aoi-mask", "--stride", 16)
    fill(place, tmp_path / "a.h5", *options, "--threads", threads)
    fill(place, tmp_path / "b.h5", *options, "--threads", 2)
    assert digest(tmp_path / "a.h5") == digest(tmp_path / "b.h5")


def test_an_area_elsewhere(place, tmp_path):
    write_labels(tmp_path / "far.json", [polygon(square(ORIGIN[0] - 5000, ORIGIN[1], 100))])
    refused(tmp_path, ["feed", tmp_path / "x.h5", "--image", place / "scene.tif", "--aoi",
                       tmp_path / "far.json", "--tile", 32], "far.json", "do not meet")


@pytest.mark.parametrize("arguments, says", [
    (("--aoi-mask",), "--aoi-mask needs --aoi"), (("--aoi-rule", "touch"), "needs --aoi"),
    (("--aoi", "x.json", "--aoi-rule", "share"), "go together"),
    (("--aoi", "x.json", "--aoi-rule", "touch", "--aoi-share", 0.5), "go together"),
])
def test_options_that_do_not_go_together(place, tmp_path, arguments, says):
    refused(tmp_path, ["feed", tmp_path / "x.h5", "--image", place / "scene.tif", *arguments], says,
            code=2)


def test_configuration(place, store):
    fill(place, store, "--aoi-rule", "share", "--aoi-share", 0.5, "--aoi-mask")
    with h5py.File(store) as file:
        [config] = json.loads(file.attrs["feed_config"])
    assert config["aoi"]["rule"] == "share" and config["aoi"]["mask"] is True
    assert config["aoi"]["share"] == 0.5 and config["aoi"]["files"][0].endswith("area.json")


# raster-vision (3c18a7a), tests/core/rv_pipeline: nodata. A tile of which half is nodata is dropped
# at a threshold of a half of nodata there; here --min-valid keeps what has at least that share.
@pytest.mark.parametrize("nodata, least, kept", [
    (0.5, 0.5, True), (0.5, 0.51, False), (1, 0, True), (1, 0.01, False), (0.49, 0.5, True),
    (0.49, 0.51, True), (0.49, 0.52, False)])
def test_nodata_share(tmp_path, nodata, least, kept):
    pixels = numpy.ones((100, 100), numpy.uint8)
    pixels.reshape(-1)[:int(nodata * 10000)] = 0
    with rasterio.open(tmp_path / "scene.tif", "w", driver="GTiff", width=100, height=100, count=1,
                       dtype="uint8", nodata=0) as scene:
        scene.write(pixels, 1)
    arguments = ["feed", tmp_path / "x.h5", "--image", tmp_path / "scene.tif", "--tile", 100,
                 "--min-valid", least]
    if kept:
        assert feed(*arguments[1:])["written"] == 1
    else:
        refused(tmp_path, arguments, "1 below --min-valid")
