"""vedatile check --leakage: ground that groups share, found on the ground and nowhere else. The
answers are compared with Shapely on projections of PROJ, and with arithmetic."""
import itertools
import json
import math
import subprocess

import h5py
import numpy
import pytest
import rasterio
from affine import Affine
from big import ORIGIN, feed, keys, make_scene, one_line, refused
from conftest import run_vedatile
from rasterio.control import GroundControlPoint
from rasterio.warp import transform
from shapely.geometry import Polygon

TWO = ("--split", "train=0.7,test=0.3")


def leaks(*stores, gap=None):
    """{(a, b): area} of what the command finds; its exit status must say the same."""
    arguments = ("check", *stores, "--leakage", "--json", *(("--gap", gap) if gap else ()))
    done = run_vedatile(*arguments, code=None)
    answer = json.loads(done.stdout)
    found = {}
    for leak in answer["leaks"]:
        names = frozenset((sample["store"], sample["group"], sample["key"])
                          for sample in leak["samples"])
        assert len(names) == 2 and names not in found
        found[names] = leak.get("square_metres", leak.get("pixels"))
    assert done.returncode == (1 if found else 0)
    assert answer["ok"] == (not found)
    return found


def samples(store):
    """(name, row, CRS) of every sample."""
    with h5py.File(store, "r") as file:
        crs = [row[0].decode() for row in file["crs"]]
        return [((str(store), group, row["key"].decode()), row, crs[row["crs"]])
                for group in keys(store) for row in file[group]["samples"]]


def outline(row, crs, to, steps=64):
    """A sample's footprint in another CRS, its sides in many short pieces."""
    t = numpy.arange(steps) / steps
    u = numpy.concatenate([t, t * 0 + 1, 1 - t, t * 0]) * row["window"][2]
    v = numpy.concatenate([t * 0, t, t * 0 + 1, 1 - t]) * row["window"][3]
    g = row["geotransform"]
    return Polygon(zip(*transform(rasterio.crs.CRS.from_wkt(crs), to,
                                  g[0] + u * g[1] + v * g[2], g[3] + u * g[4] + v * g[5])))


def around(row, crs):
    """An equal-area projection whose middle is the sample's corner."""
    g = row["geotransform"]
    (lon,), (lat,) = transform(rasterio.crs.CRS.from_wkt(crs), "EPSG:4326", [g[0]], [g[3]])
    return f"+proj=laea +lat_0={lat} +lon_0={lon} +datum=WGS84"


def expected(*stores, least=1e-3):
    """The same by Shapely, every sample with every other."""
    every = [sample for store in stores for sample in samples(store)]
    plane = around(*every[0][1:])
    shapes = [(name, outline(row, crs, plane)) for name, row, crs in every]
    found = {}
    for (a, shape), (b, other) in itertools.combinations(shapes, 2):
        if a[1] != b[1] and (area := shape.intersection(other).area) > least:
            found[frozenset((a, b))] = area
    return found


def same(found, wanted, rel=1e-5):
    assert found.keys() == wanted.keys()
    for names, area in wanted.items():
        assert found[names] == pytest.approx(area, rel=rel)


def store_of(path, scene, group, tile=32, *more):
    feed(path, "--image", scene, "--tile", tile, "--group", group, *more)
    return path


# --- one scene ---------------------------------------------------------------------------------


def test_overlapping_windows(tmp_path, store):
    """Windows of half a stride, drawn at random: every leak is found, with its area."""
    feed(store, "--image", make_scene(tmp_path / "a.tif", 160, 128), "--tile", 32, "--stride", 16,
         *TWO, "--split-by", "random")
    wanted = expected(store)
    assert len(wanted) > 50
    same(leaks(store), wanted)


def test_split_by_block(tmp_path, store):
    feed(store, "--image", make_scene(tmp_path / "a.tif", 320, 320), "--tile", 32, "--stride", 16,
         *TWO)
    assert leaks(store) == {}
    done = run_vedatile("check", store, "--leakage")
    assert done.stdout.startswith("ok: ") and "no ground is in two groups" in done.stdout


def test_neighbours_only_touch(tmp_path, store):
    """By sample, windows that do not overlap: none shares ground, at odd origins too."""
    for i, origin in enumerate([ORIGIN, (500000.1, 4000000.3), (333333.333, 1e6 / 3)]):
        scene = make_scene(tmp_path / f"{i}.tif", 224, 224, origin=origin, pixel=0.3)
        feed(tmp_path / f"{i}.h5", "--image", scene, "--tile", 32, *TWO, "--split-by", "random")
        assert leaks(tmp_path / f"{i}.h5") == {}
        assert leaks(tmp_path / f"{i}.h5", gap=0.1)


def test_text_names_both(tmp_path):
    scene = make_scene(tmp_path / "a.tif", 48, 32)
    a = store_of(tmp_path / "a.h5", scene, "train")
    b = store_of(tmp_path / "b.h5", scene, "test", 32, "--edge", "shift")
    done = run_vedatile("check", a, b, "--leakage", code=1)
    (key,) = keys(a)["train"]
    assert len(done.stdout.splitlines()) == 3
    assert f"{a}: train {key} and {b}: test {key} share " in done.stdout
    assert done.stdout.splitlines()[-1] == "2 times samples of two groups share ground"


# --- several scenes and stores: peers leak here (notes on torchgeo PR 3251 and others) --------------


@pytest.mark.parametrize("shift, meets", [((0, 0), True), ((31.5, 0), True), ((32, 0), False),
                                          ((0, -32), False), ((31.9, -31.9), True),
                                          ((1000, 0), False)])
def test_overlapping_scenes(tmp_path, shift, meets):
    """Two files of the same place, one for training and one for testing."""
    a = make_scene(tmp_path / "a.tif", 32, 32, seed=1)
    b = make_scene(tmp_path / "b.tif", 32, 32, seed=2,
                   origin=(ORIGIN[0] + shift[0], ORIGIN[1] + shift[1]))
    stores = (store_of(tmp_path / "a.h5", a, "train"), store_of(tmp_path / "b.h5", b, "test"))
    found = leaks(*stores)
    assert bool(found) == meets
    same(found, expected(*stores))
    assert leaks(store_of(tmp_path / "c.h5", a, "train"), store_of(tmp_path / "d.h5", b, "train")) == {}


def test_scenes_split_apart(tmp_path, store):
    """Scenes that overlap and are split by scene: the leaks that the feed warns of."""
    scenes = [make_scene(tmp_path / f"{i}.tif", 64, 64, seed=i, origin=(ORIGIN[0] + 20 * i, ORIGIN[1]))
              for i in range(6)]
    feed(store, "--image", *scenes, "--tile", 32, "--split", "a=1,b=1", "--split-by", "scene")
    wanted = expected(store)
    assert wanted
    same(leaks(store), wanted)


@pytest.fixture(scope="module")
def zones(tmp_path_factory):
    """A scene at the edge of its UTM zone and the same ground in the next zone and in degrees."""
    folder = tmp_path_factory.mktemp("zones")
    make_scene(folder / "a.tif", 160, 160, origin=(770000, 4000000), pixel=10)
    for name, *crs in [("b", "EPSG:32634", "-tr", "10", "10"), ("c", "EPSG:4326")]:
        subprocess.run(["gdalwarp", "-q", "-t_srs", *crs, folder / "a.tif", folder / f"{name}.tif"],
                       check=True)
    return folder


@pytest.mark.parametrize("first, second", ["ab", "ac", "ba", "bc", "cb"])
def test_scenes_of_two_crs(zones, tmp_path, first, second):
    """Turned against each other by degrees: boxes in degrees would say otherwise."""
    stores = (store_of(tmp_path / "a.h5", zones / f"{first}.tif", "train"),
              store_of(tmp_path / "b.h5", zones / f"{second}.tif", "test"))
    wanted = expected(*stores)
    assert len(wanted) > 20
    same({names: area for names, area in leaks(*stores).items() if area > 2},
         {names: area for names, area in wanted.items() if area > 2}, rel=1e-3)


def test_split_of_two_zones(zones, store):
    """Split by ground on the first scene's grid: apart in the other CRS too."""
    feed(store, "--image", zones / "a.tif", zones / "b.tif", zones / "c.tif", "--tile", 32,
         "--split", "train=1,test=1", "--block-size", 330)
    assert set(keys(store)) == {"train", "test"}
    assert leaks(store) == {}


# --- where boxes would be wrong ----------------------------------------------------------------


def rotated(path, corner, degrees, size=32, seed=0, epsg=32633):
    pixels = numpy.random.default_rng(seed).integers(0, 99, (1, size, size), dtype="uint8")
    place = Affine.translation(*corner) * Affine.rotation(degrees) * Affine.scale(1, -1)
    with rasterio.open(path, "w", driver="GTiff", width=size, height=size, count=1, dtype="uint8",
                       crs=f"EPSG:{epsg}", transform=place) as scene:
        scene.write(pixels)
    return path


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 200])
@pytest.mark.parametrize("distance, meets", [(31.9, True), (32.0, False), (33.0, False)])
def test_rotated_scenes(tmp_path, degrees, distance, meets):
    """Side by side along the turned axis: boxes overlap, footprints do not."""
    angle = math.radians(degrees)
    beside = (ORIGIN[0] + distance * math.cos(angle), ORIGIN[1] + distance * math.sin(angle))
    a = store_of(tmp_path / "a.h5", rotated(tmp_path / "a.tif", ORIGIN, degrees), "train")
    b = store_of(tmp_path / "b.h5", rotated(tmp_path / "b.tif", beside, degrees, seed=1), "test")
    found = leaks(a, b)
    assert bool(found) == meets
    same(found, expected(a, b), rel=1e-4)


@pytest.mark.parametrize("first, second, share", [
    (179.9999, -180.0001, 1), (179.9999, 179.9999, 1), (179.9999, -179.9999, 0.375),
    (-179.9999, 179.9999, 0.375)])
def test_antimeridian(tmp_path, first, second, share):
    """Longitudes that differ by whole turns are one place."""
    a, b = (make_scene(tmp_path / f"{name}.tif", 32, 32, origin=(west, 10), pixel=1e-5, epsg=4326,
                       seed=i)
            for i, (name, west) in enumerate([("a", first), ("b", second)]))
    (area,) = leaks(store_of(tmp_path / "a.h5", a, "a"), store_of(tmp_path / "b.h5", b, "b")).values()
    plane = "+proj=laea +lat_0=10 +lon_0=180 +datum=WGS84"
    whole = outline(*samples(tmp_path / "a.h5")[0][1:], plane).area
    assert area == pytest.approx(whole * share, rel=1e-5)


def test_antimeridian_in_two_zones(tmp_path):
    """UTM zones 60 and 1 meet at 180 degrees."""
    (x, x1), (y, y1) = transform("EPSG:4326", "EPSG:32660", [179.9998, 179.9998], [10, 10])
    (u, u1), (v, v1) = transform("EPSG:4326", "EPSG:32601", [-180.0002, -179.9990], [10, 10])
    a = store_of(tmp_path / "a.h5", make_scene(
        tmp_path / "a.tif", 32, 32, origin=(x, y), epsg=32660), "a")
    for i, (east, north, meets) in enumerate([(u, v, True), (u1, v1, False)]):
        b = store_of(tmp_path / f"b{i}.h5", make_scene(
            tmp_path / f"b{i}.tif", 32, 32, origin=(east, north), epsg=32601, seed=i), "b")
        found = leaks(a, b)
        assert bool(found) == meets
        same(found, expected(a, b), rel=1e-3)


def test_pole(tmp_path):
    """A tile over the pole, one beside it, and the same in another polar projection."""
    over = make_scene(tmp_path / "over.tif", 32, 32, origin=(-160, 160), pixel=10, epsg=3413)
    beside = make_scene(tmp_path / "beside.tif", 32, 32, origin=(160, 160), pixel=10, epsg=3413,
                        seed=1)
    turned = make_scene(tmp_path / "turned.tif", 32, 32, origin=(-160, 160), pixel=10, epsg=3995,
                        seed=2)
    over, beside, turned = (store_of(tmp_path / f"{scene.stem}.h5", scene, scene.stem)
                            for scene in (over, beside, turned))
    assert leaks(over, beside) == {}
    same(leaks(over, turned), expected(over, turned), rel=1e-4)
    same(leaks(beside, turned), expected(beside, turned), rel=1e-4)
    assert len(leaks(over, turned)) == 1
    small = make_scene(tmp_path / "small.tif", 32, 32, origin=(2, 5), pixel=0.1, epsg=3413, seed=3)
    small = store_of(tmp_path / "small.h5", small, "small")
    assert len(leaks(over, small)) == 1  # far inside of the outline, where the pole is


# --- gap ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("crs, origin, pixel", [(32633, ORIGIN, 1.0), (4326, (20.0, 65.0), 1e-5)])
def test_gap(tmp_path, crs, origin, pixel):
    """Metres on the ground: 3.2 times as many degrees apart do not matter."""
    a = make_scene(tmp_path / "a.tif", 32, 32, origin=origin, pixel=pixel, epsg=crs)
    b = make_scene(tmp_path / "b.tif", 32, 32, origin=(origin[0] + 132 * pixel, origin[1]),
                   pixel=pixel, epsg=crs, seed=1)
    stores = (store_of(tmp_path / "a.h5", a, "train"), store_of(tmp_path / "b.h5", b, "test"))
    (_, row, wkt), (_, other, _) = samples(stores[0])[0], samples(stores[1])[0]
    plane = around(row, wkt)
    apart = outline(row, wkt, plane).distance(outline(other, wkt, plane))
    assert leaks(*stores) == {} == leaks(*stores, gap=apart * 0.999)
    assert list(leaks(*stores, gap=apart * 1.001).values()) == [0]
    text = run_vedatile("check", *stores, "--leakage", "--gap", apart * 1.001, code=1).stdout
    assert " are too near\n" in text


# --- samples without georeference --------------------------------------------------------------


def test_without_georeference(tmp_path, store):
    """Windows of one scene share pixels; windows of two scenes share nothing that could be known."""
    scenes = [make_scene(tmp_path / f"{i}.tif", 64, 48, seed=i, epsg=None, origin=(0, 0), pixel=1)
              for i in range(2)]
    for scene in scenes:
        subprocess.run(["gdal_translate", "-q", "-of", "PNG", scene, scene.with_suffix(".png")],
                       check=True)
        scene.with_suffix(".png.aux.xml").unlink(missing_ok=True)
    a, b = (scene.with_suffix(".png") for scene in scenes)
    feed(store, "--image", a, b, "--tile", 32, "--stride", 16, *TWO, "--split-by", "random")
    found = leaks(store)
    for names, pixels in found.items():
        (one, col, row, _), (two, col2, row2, _) = (name[2].split("-") for name in names)
        assert one == two
        assert pixels == (32 - abs(int(col) - int(col2))) * (32 - abs(int(row) - int(row2))) > 0
    with_each = [(x[0], y[0]) for x, y in itertools.combinations(samples(store), 2)
                 if x[0][1] != y[0][1] and x[1]["scene"] == y[1]["scene"]
                 and abs(x[1]["window"][0] - y[1]["window"][0]) < 32
                 and abs(x[1]["window"][1] - y[1]["window"][1]) < 32]
    assert found.keys() == set(map(frozenset, with_each)) != set()
    assert "without georeference" in run_vedatile("check", store, "--leakage", code=1).stdout
    refused(tmp_path, ("check", store, "--leakage", "--gap", 5), "no place on the Earth",
            "leave the gap out")


def test_plane_without_crs(tmp_path):
    """Coordinates without a CRS are a plane of their own."""
    scenes = [make_scene(tmp_path / f"{i}.tif", 32, 32, seed=i, epsg=None, origin=(x, 100), pixel=2)
              for i, x in enumerate([0, 32, 64])]
    a, b, c = (store_of(tmp_path / f"{i}.h5", scene, f"g{i}") for i, scene in enumerate(scenes))
    assert list(leaks(a, b).values()) == pytest.approx([16 * 32])
    assert leaks(a, c) == {}


def test_control_points(tmp_path, store):
    """A scene that is placed by control points alone: its windows by their pixels, others by their
    bounds."""
    points = [GroundControlPoint(row, col, 20 + (col + row) * 1e-5, 50 - (row - col) * 1e-5)
              for row in (0, 96) for col in (0, 96)]
    for name, seed in (("a", 1), ("b", 2)):
        with rasterio.open(tmp_path / f"{name}.tif", "w", driver="GTiff", width=96, height=96,
                           count=1, dtype="uint8", crs="EPSG:4326", gcps=points) as scene:
            scene.gcps = (points, "EPSG:4326")
            scene.write(numpy.random.default_rng(seed).integers(0, 99, (1, 96, 96), dtype="uint8"))
    feed(store, "--image", tmp_path / "a.tif", "--tile", 32, *TWO, "--split-by", "random")
    assert leaks(store) == {}
    feed(tmp_path / "half.h5", "--image", tmp_path / "a.tif", "--tile", 32, "--stride", 16, *TWO,
         "--split-by", "random")
    assert set(leaks(tmp_path / "half.h5").values()) == {256, 512}
    a = store_of(tmp_path / "a.h5", tmp_path / "a.tif", "train", 96)
    b = store_of(tmp_path / "b.h5", tmp_path / "b.tif", "test", 96)
    assert len(leaks(a, b)) == 1


# --- wrong usage -------------------------------------------------------------------------------


def test_wrong_usage(tmp_path, olinda):
    refused(tmp_path, ("check", olinda, tmp_path / "no.h5", "--leakage"), "no.h5")
    refused(tmp_path, ("check", olinda, olinda), "unexpected argument", "--leakage", code=2)
    refused(tmp_path, ("check", olinda, "--gap", 5), "--gap needs --leakage", code=2)
    refused(tmp_path, ("check", olinda, "--leakage", "--digest"), "contradict", code=2)
    refused(tmp_path, ("check", olinda, "--leakage", "--gap", -1), "-1", code=2)
    refused(tmp_path, ("check", "--leakage"), "STORE is missing", code=2)


def test_crs_that_is_none(tmp_path, store):
    """A damaged table of CRSs is told, not taken for another place."""
    store_of(store, make_scene(tmp_path / "a.tif", 32, 32), "train")
    with h5py.File(store, "r+") as file:
        row = file["crs"][0]
        row[0] = b"PROJCRS[nothing"
        file["crs"][0] = row
    one_line(run_vedatile("check", store, "--leakage", code=1).stderr, "CRS that cannot be read")
