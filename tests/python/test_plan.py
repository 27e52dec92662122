"""The drawn plan: --plan as GeoJSON and as a picture. Counts are the report's, outlines are where GDAL
has them, and nothing is left behind by a feed that fails."""
import json
import os
import time

import h5py
import numpy as np
import pytest
import rasterio
from big import ORIGIN, make_labels, make_scene, polygon, square, write_labels
from osgeo import gdal, osr
from scipy import ndimage

gdal.UseExceptions()

REASONS = ["existing", "unlabelled", "background", "outside", "straddling", "invalid", "clouded",
           "failed"]
ORANGE, SKY = (0xE6, 0x9F, 0x00), (0x56, 0xB4, 0xE9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("plan")
    make_scene(where / "a.tif", 160, 128, bands=3, seed=1)
    make_scene(where / "b.tif", 96, 96, bands=3, seed=2, origin=(ORIGIN[0] + 100, ORIGIN[1]))
    make_labels(where / "labels.geojson", 160, 128, 25)
    write_labels(where / "area.geojson", [polygon(square(ORIGIN[0], ORIGIN[1], 90))])
    return where


def run(vedatile, folder, tmp_path, *more, code=0, scenes=("a.tif", "b.tif")):
    """The report and the plan's features of a feed."""
    done = vedatile("feed", tmp_path / "x.h5", "--image", *scenes, *more, "--json", "--plan",
                    tmp_path / "plan.geojson", tmp_path / "plan.png", code=code, cwd=folder)
    collection = json.loads((tmp_path / "plan.geojson").read_text())
    assert collection["type"] == "FeatureCollection"
    return json.loads(done.stdout), collection["features"]


def check_counts(report, features):
    told = [feature["properties"] for feature in features]
    assert len(told) == report["windows"]
    assert len({feature["id"] for feature in features}) == len(told)
    assert sum(window["kept"] for window in told) == report["written"]
    for reason in REASONS:
        count = report["failed_windows" if reason == "failed" else reason]
        assert sum(window["reason"] == reason for window in told) == count, reason
    groups = {}
    for window in told:
        assert window["kept"] == (window["reason"] is None)
        if window["kept"]:
            groups[window["group"]] = groups.get(window["group"], 0) + 1
    assert groups == {name: count for name, count in report["groups"].items() if count}


LABELS = ("--labels", "labels.geojson", "--class-field", "kind", "--task", "detection")
CASES = {
    "all": ["--tile", "16"],
    "match": [*LABELS, "--tile", "16"],
    "split": [*LABELS, "--tile", "8", "--split", "train=0.5,test=0.5", "--block-size", "32",
              "--split-gap", "6", "--seed", "3"],
    "area": [*LABELS, "--tile", "16", "--aoi", "area.geojson", "--background-ratio", "0.5"],
    "pad": ["--tile", "48", "--edge", "pad", "--stride", "24"],
    "random": [*LABELS, "--tile", "16", "--windows", "random", "--count", "40"],
    "clouds": ["--tile", "16", "--cloud-band", "1", "--cloud-values", "0,1,2,3,4,5,6,7,8,9",
               "--max-cloud", "0.1"],
    "valid": ["--tile", "16", "--min-valid", "0.995", "--nodata", "5", "--valid-rule", "any"],
}


@pytest.mark.parametrize("dry", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_counts_are_the_reports(case, dry, folder, tmp_path, vedatile):
    more = ["--dry-run"] if dry else []
    report, features = run(vedatile, folder, tmp_path, *CASES[case], *more)
    check_counts(report, features)
    assert (tmp_path / "x.h5").exists() != dry
    if dry:
        return
    with h5py.File(tmp_path / "x.h5") as store:
        keys = {(group, key.decode()) for group in report["groups"] if group in store
                for key in store[group]["samples"]["key"]}
    assert keys == {(feature["properties"]["group"], feature["id"]) for feature in features
                    if feature["properties"]["kept"]}


def test_what_is_there_already(folder, tmp_path, vedatile):
    run(vedatile, folder, tmp_path, "--tile", "32", scenes=["a.tif"])
    report, features = run(vedatile, folder, tmp_path, "--tile", "32", "--stride", "16", "--dry-run")
    assert report["existing"] == 20
    check_counts(report, features)


def test_what_cannot_be_read(folder, tmp_path, vedatile):
    broken = tmp_path / "broken.tif"
    make_scene(broken, 128, 128, bands=3, seed=4, compress="deflate", tiled=True, blockxsize=32,
               blockysize=32)
    dataset = gdal.Open(str(broken))
    block = int(dataset.GetRasterBand(1).GetMetadataItem("BLOCK_OFFSET_1_1", "TIFF"))
    with open(broken, "r+b") as file:
        file.seek(block)
        file.write(b"\xff" * 40)
    report, features = run(vedatile, folder, tmp_path, "--tile", "32", code=1,
                           scenes=["a.tif", broken])
    assert report["failed_windows"] == 1
    check_counts(report, features)


def test_threads_do_not_show(folder, tmp_path, vedatile):
    plans = []
    for threads in 1, 4:
        run(vedatile, folder, tmp_path, *CASES["split"], "--dry-run", "--threads", threads)
        plans.append([(tmp_path / f"plan.{kind}").read_bytes() for kind in ("geojson", "png")])
    assert plans[0] == plans[1]


# --- outlines on the ground -----------------------------------------------------------------------

def gcp_scene(path, pixels):
    target = gdal.GetDriverByName("GTiff").Create(str(path), 120, 90, 1)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    points = [gdal.GCP(500000 + 2 * x + 0.3 * y + 0.001 * x * y, 4e6 - 2 * y + 0.2 * x, 0, x, y)
              for x in (0, 60, 120) for y in (0, 45, 90)]
    target.SetGCPs(points, crs.ExportToWkt())
    target.GetRasterBand(1).WriteArray(pixels)


def affine_scene(path, pixels, geotransform, epsg):
    target = gdal.GetDriverByName("GTiff").Create(str(path), 120, 90, 1)
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(epsg)
    target.SetProjection(crs.ExportToWkt())
    target.SetGeoTransform(geotransform)
    target.GetRasterBand(1).WriteArray(pixels)


def degrees(dataset, points):
    """Pixel positions by GDAL's transformer and OSR, as longitude and latitude."""
    transformer = gdal.Transformer(dataset, None, [])
    crs = osr.SpatialReference()
    crs.ImportFromWkt(dataset.GetProjection() or dataset.GetGCPProjection())
    target = osr.SpatialReference()
    target.ImportFromEPSG(4326)
    for side in crs, target:
        side.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    change = osr.CoordinateTransformation(crs, target)
    return [change.TransformPoint(*transformer.TransformPoint(False, x, y)[1])[:2]
            for x, y in points]


@pytest.mark.parametrize("kind", ["north", "rotated", "south_up", "gcp", "warped", "polar"])
def test_outlines_are_where_gdal_has_them(kind, tmp_path, vedatile):
    pixels = np.random.default_rng(1).integers(1, 200, (90, 120)).astype(np.uint8)
    scene = tmp_path / "scene.tif"
    more = []
    if kind == "gcp":
        gcp_scene(scene, pixels)
    else:
        affine_scene(scene, pixels, {
            "rotated": (500000, 1.7, 0.9, 4e6, 0.8, -1.6), "south_up": (500000, 2, 0, 4e6, 0, 2),
            "polar": (2e5, 100, 0, -1e6, 0, -100)}.get(kind, (500000, 2, 0, 4e6, 0, -2)),
            3413 if kind == "polar" else 32633)
    if kind == "warped":
        more = ["--crs", "EPSG:3035", "--resolution", "3"]
    _, features = run(vedatile, tmp_path, tmp_path, "--tile", "30", "--stride", "22", "--dry-run",
                      *more, scenes=["scene.tif"])
    dataset = gdal.Open(str(scene))
    if kind == "warped":
        grid = gdal.Warp("", dataset, format="MEM", dstSRS="EPSG:3035", xRes=3, yRes=3,
                         targetAlignedPixels=True).GetGeoTransform()
        affine_scene(tmp_path / "grid.tif", pixels, grid, 3035)
        dataset = gdal.Open(str(tmp_path / "grid.tif"))
    assert len(features) > 4
    for feature in features:
        w = feature["properties"]
        corners = [(w["col"] + x * w["cols"], w["row"] + y * w["rows"])
                   for x, y in ((0, 0), (0, 1), (1, 1), (1, 0), (0.5, 0), (0.25, 1))]
        ring = np.array(feature["geometry"]["coordinates"][0])
        assert feature["geometry"]["type"] == "Polygon" and (ring[0] == ring[-1]).all()
        area = np.sum(ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1])
        assert area > 0  # counter-clockwise
        for place in degrees(dataset, corners):
            assert np.abs(ring - place).max(axis=1).min() < 1e-8, (kind, place)


def test_antimeridian_and_no_place(tmp_path, vedatile):
    make_scene(tmp_path / "a.tif", 64, 32, pixel=0.5, origin=(179, 10), epsg=4326)
    _, features = run(vedatile, tmp_path, tmp_path, "--tile", "32", "--dry-run", scenes=["a.tif"])
    first = features[0]["geometry"]
    assert first["type"] == "MultiPolygon"
    west, east = (np.array(part[0]) for part in first["coordinates"])
    assert {west[:, 0].max(), east[:, 0].min()} == {180.0, -180.0}
    make_scene(tmp_path / "b.tif", 64, 32, epsg=None)
    _, features = run(vedatile, tmp_path, tmp_path, "--tile", "32", "--dry-run", scenes=["b.tif"])
    assert {json.dumps(feature["geometry"]) for feature in features} <= {"null"}


def test_ogr_reads_it(folder, tmp_path, vedatile):
    report, _ = run(vedatile, folder, tmp_path, "--tile", "16", "--dry-run")
    source = gdal.OpenEx(str(tmp_path / "plan.geojson"))
    layer = source.GetLayer(0)
    assert layer.GetFeatureCount() == report["windows"]
    assert layer.GetSpatialRef().GetAuthorityCode(None) == "4326"


# --- the picture ----------------------------------------------------------------------------------

def picture(path):
    return gdal.Open(str(path)).ReadAsArray()[:3].astype(int)


def near(image, colour, reach=70):
    """Pixels of about the outline's colour, which is a little darker."""
    wanted = np.array(colour).reshape(3, 1, 1) * 0.86
    return (np.abs(image - wanted) < reach / 5).all(axis=0)


def boxes_of(mask, least):
    """Frames of that colour: connected outlines larger than `least` pixels."""
    labelled, count = ndimage.label(mask, structure=np.ones((3, 3)))
    return [place for place in ndimage.find_objects(labelled)
            if place[0].stop - place[0].start >= least and place[1].stop - place[1].start >= least]


def test_every_kept_window_has_a_frame(tmp_path, vedatile):
    """Windows with space between them, on grey, in the colours of the groups in the report."""
    with rasterio.open(tmp_path / "grey.tif", "w", driver="GTiff", width=240, height=200, count=1,
                       dtype="uint8", crs="EPSG:32633",
                       transform=rasterio.Affine(1, 0, *ORIGIN[:1], 0, -1, ORIGIN[1])) as scene:
        scene.write(np.full((1, 200, 240), 90, "uint8"))
    report, _ = run(vedatile, tmp_path, tmp_path, "--tile", "16", "--stride", "20", "--split",
                    "one=0.6,two=0.4", "--split-by", "random", "--seed", "2", "--dry-run",
                    scenes=["grey.tif"])
    image = picture(tmp_path / "plan.png")
    side = 16 * 1200 / 240
    for colour, group in (ORANGE, "one"), (SKY, "two"):
        frames = boxes_of(near(image, colour), 0.9 * side)
        assert len(frames) == report["groups"][group] > 10
        for rows, cols in frames:
            assert abs(rows.stop - rows.start - side) < 5 and abs(cols.stop - cols.start - side) < 5


def test_left_out_is_grey(folder, tmp_path, vedatile):
    """A picture without any kept window has no colour of a group but in the legend."""
    report, _ = run(vedatile, folder, tmp_path, *LABELS, "--tile", "16", "--aoi", "area.geojson",
                    "--aoi-share", "1", "--aoi-rule", "share", "--match", "inside", "--dry-run",
                    scenes=["a.tif"])
    assert report["outside"] > 0
    frames = boxes_of(near(picture(tmp_path / "plan.png"), ORANGE), 60)
    assert len(frames) <= report["written"]


def test_picture_is_bounded(tmp_path, vedatile):
    """Of many scenes, the first 64 are drawn; a swath is as long as a square is wide."""
    for number in range(70):
        make_scene(tmp_path / f"{number}.tif", 24, 16, seed=number)
    report, features = run(vedatile, tmp_path, tmp_path, "--tile", "8", "--dry-run",
                           scenes=[f"{number}.tif" for number in range(70)])
    assert report["windows"] == 70 * 6
    check_counts(report, features)
    _, height, width = picture(tmp_path / "plan.png").shape
    assert width < 3000 and height < 3000
    make_scene(tmp_path / "swath.tif", 40, 4000)
    run(vedatile, tmp_path, tmp_path, "--tile", "20", "--dry-run", scenes=["swath.tif"])
    _, height, width = picture(tmp_path / "plan.png").shape
    assert 1200 < height < 1500 and width < 800


def test_large_scenes_are_read_through_overviews(tmp_path, vedatile):
    """One of 400 million pixels without overviews is drawn without a picture, at once."""
    path = tmp_path / "large.tif"
    made = gdal.GetDriverByName("GTiff").Create(
        str(path), 20000, 20000, 1, options=["SPARSE_OK=YES", "TILED=YES", "COMPRESS=DEFLATE"])
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32633)
    made.SetProjection(crs.ExportToWkt())
    made.SetGeoTransform((500000, 1, 0, 4e6, 0, -1))
    made = None
    begun = time.monotonic()
    run(vedatile, tmp_path, tmp_path, "--tile", "2000", "--dry-run", scenes=["large.tif"])
    assert time.monotonic() - begun < 60
    bare = picture(tmp_path / "plan.png")
    with rasterio.open(path, "r+") as scene:
        scene.build_overviews([16], rasterio.enums.Resampling.nearest)
    with rasterio.open(str(path), overview_level=0) as level:
        assert level.width == 1250
    run(vedatile, tmp_path, tmp_path, "--tile", "2000", "--dry-run", scenes=["large.tif"])
    assert (picture(tmp_path / "plan.png") != bare).mean() > 0.3


# --- what may go wrong ----------------------------------------------------------------------------

@pytest.mark.parametrize(("plan", "code", "said"), [
    (["p.txt"], 2, "--plan p.txt: a plan is written as .png or .geojson"),
    (["no/p.png"], 1, "no/p.png: cannot be written: No such file or directory"),
    (["no/p.geojson"], 1, "no/p.geojson: cannot be written: No such file or directory"),
    (["p.png", "q.png"], 2, "--plan q.png: one picture and one GeoJSON file at most, there is p.png"),
    (["labels.geojson"], 2, "--plan labels.geojson: is the store or an input: name another file"),
])
def test_wrong_plan(plan, code, said, folder, tmp_path, vedatile):
    before = (folder / "labels.geojson").read_bytes()
    done = vedatile("feed", tmp_path / "x.h5", "--image", "a.tif", *LABELS, "--tile", "16", "--plan",
                    *plan, code=code, cwd=folder)
    assert done.stderr == f"vedatile feed: {said}\n"
    assert (folder / "labels.geojson").read_bytes() == before
    assert os.listdir(tmp_path) == [] and not list(folder.glob("*.part"))


def test_failed_feed_leaves_no_plan(folder, tmp_path, vedatile):
    vedatile("feed", tmp_path / "x.h5", "--image", "a.tif", "nosuch.tif", "--on-failure", "stop",
             "--tile", "16", "--plan", tmp_path / "p.geojson", tmp_path / "p.png", code=1, cwd=folder)
    assert os.listdir(tmp_path) == []
