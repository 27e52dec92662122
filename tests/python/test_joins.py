"""Several files as one scene: mosaics, against gdalbuildvrt, gdalwarp and rasterio, and what is true
of every joined scene."""
import json
import subprocess

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.control
import rasterio.merge
from joins import (ALL, PLACES, WHEN, at, buildvrt, content, dates, feed_report, feed_some, fractions,
                   members, noise, three, valid_of, with_holes)
from reference import CORNER, UTM, Store, feed, rectangle, write_labels, write_scene
from test_grids import warp, whole

@pytest.mark.parametrize("order", ["first", "last"])
def test_mosaic_as_gdalbuildvrt_has_it(tmp_path, store, order):
    images = three(tmp_path)
    made = feed_some(store, images, "--join", "mosaic", "--mosaic-order", order)
    found, geotransform = whole(made)
    expected, valid, transform = buildvrt(tmp_path, images if order == "last" else images[::-1])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(geotransform, transform.to_gdal())
    np.testing.assert_allclose(valid_of(made), fractions(valid, made.windows), atol=1e-6)
    assert 0 < valid.mean() < 1
    (uri,) = [row["uri"].decode() for row in made.table("scenes")]
    assert uri == "mosaic(a.tif, b.tif, c.tif)"


def test_mosaic_as_rasterio_merges(tmp_path, store):
    images = three(tmp_path)
    found, _ = whole(feed_some(store, images, "--join", "mosaic"))
    expected, _ = rasterio.merge.merge([str(image) for image in images])
    np.testing.assert_array_equal(found, expected)


def test_mosaic_of_files_with_alpha(tmp_path, store):
    images = []
    for i, place in enumerate(PLACES):
        pixels = noise(i, (4, 60, 70))
        pixels[3] = np.where(np.random.default_rng(i + 50).random((60, 70)) < 0.4, 0, 255)
        images.append(write_scene(tmp_path / f"{i}.tif", pixels, at(*place), photometric="RGB",
                                  alpha="YES"))
    made = feed_some(store, images, "--join", "mosaic")
    found, _ = whole(made)
    expected, _, _ = buildvrt(tmp_path, images[::-1])
    assert found.shape[0] == 3
    opaque = np.zeros(expected.shape[1:], bool)
    truth = np.zeros_like(found)
    for i, (col, row) in reversed(list(enumerate(PLACES))):
        with rasterio.open(images[i]) as source:
            pixels = source.read()
        seen = pixels[3] > 0
        truth[:, row:row + 60, col:col + 70][:, seen] = pixels[:3, seen]
        opaque[row:row + 60, col:col + 70] |= seen
    np.testing.assert_array_equal(found, truth)
    np.testing.assert_allclose(valid_of(made), fractions(opaque, made.windows), atol=1e-6)


def test_mosaic_of_masked_files(tmp_path, store):
    """Masks of whole files, in one file beside one without."""
    images = [write_scene(tmp_path / f"{i}.tif", noise(i), at(*PLACES[i])) for i in range(2)]
    hidden = np.random.default_rng(5).random((60, 70)) < 0.5
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(images[0], "r+") as target:
        target.write_mask(~hidden)
    found, _ = whole(feed_some(store, images, "--join", "mosaic"))
    truth = np.zeros((2, 80, 115), np.uint8)
    truth[:, 20:80, 45:115] = noise(1)
    truth[:, :60, :70][:, ~hidden] = noise(0)[:, ~hidden]
    np.testing.assert_array_equal(found, truth)


def test_nodata_that_differs_from_file_to_file(tmp_path, store):
    """Each file's own value says what is valid in it; pixels that none has get the first one."""
    values = [0, 255, 7]
    images, truth, seen = [], np.zeros((2, 100, 115), np.uint8), np.zeros((100, 115), bool)
    for i, (place, value) in enumerate(zip(PLACES, values)):
        pixels = with_holes(i, value=value)
        pixels[0, 5, 5] = value  # one band alone is no hole
        images.append(write_scene(tmp_path / f"{i}.tif", pixels, at(*place), nodata=value))
        full = (pixels != value).any(axis=0)
        pixels[pixels == value] = 0  # as the mosaic has it
        part = (slice(place[1], place[1] + 60), slice(place[0], place[0] + 70))
        take = ~seen[part] & full
        truth[:, part[0], part[1]][:, take] = pixels[:, take]
        seen[part] |= take
    made = feed_some(store, images, "--join", "mosaic")
    found, _ = whole(made)
    np.testing.assert_array_equal(found, truth)
    np.testing.assert_allclose(valid_of(made), fractions(seen, made.windows), atol=1e-6)


def test_mosaic_of_types_that_differ(tmp_path, store):
    images = [write_scene(tmp_path / "a.tif", noise(0), at(0, 0), nodata=0),
              write_scene(tmp_path / "b.tif", noise(1, low=-300, high=3000, dtype=np.int16),
                          at(70, 0))]
    found, _ = whole(feed_some(store, images, "--join", "mosaic"))
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found[:, :, :70], noise(0))
    np.testing.assert_array_equal(found[:, :, 70:], noise(1, low=-300, high=3000, dtype=np.int16))


@pytest.mark.parametrize("method", ["nearest", "cubic"])
def test_mosaic_on_a_declared_grid(tmp_path, store, method):
    """Files of different grids and CRSs: each as gdalwarp makes it, the first valid pixel on top."""
    images = [write_scene(tmp_path / "a.tif", with_holes(0), at(0, 0), nodata=0),
              write_scene(tmp_path / "b.tif", with_holes(1), at(30.3, 15.2, 1.25), nodata=0)]
    other = tmp_path / "c.tif"
    subprocess.run(["gdalwarp", "-q", "-t_srs", "EPSG:3857", str(images[1]), str(other)],
                   check=True)
    images[1] = other
    made = feed_some(store, images, "--join", "mosaic", "--crs", UTM, "--resolution", 1,
                     "--resampling", method)
    found, geotransform = whole(made)
    truth = np.zeros_like(found)
    for image in reversed(images):
        single = feed_some(tmp_path / f"{image.stem}.h5", image, "--crs", UTM, "--resolution", 1,
                           "--resampling", method)
        pixels, corner = whole(single)
        expected, mask = warp(tmp_path, image, corner, pixels.shape[:0:-1], method,
                              crs=UTM) if image is images[0] else (pixels, None)
        np.testing.assert_array_equal(pixels, expected)
        col, row = int(corner[0] - geotransform[0]), int(geotransform[3] - corner[3])
        part = truth[:, row:row + pixels.shape[1], col:col + pixels.shape[2]]
        seen = (pixels != 0).any(axis=0)
        part[:, seen] = pixels[:, seen]
    np.testing.assert_array_equal(found, truth)
    if method == "nearest":
        both, _ = warp(tmp_path, images[1], geotransform, found.shape[:0:-1], method, (1, 1),
                       str(images[1]), crs=UTM)
        top, mask = warp(tmp_path, images[0], geotransform, found.shape[:0:-1], method, crs=UTM)
        np.testing.assert_array_equal(found, np.where((top != 0).any(axis=0), top, both))


def test_control_points_on_a_declared_grid(tmp_path, store):
    """Without --crs the grid is in the first file's; each file is what it is alone on that grid."""
    images = [write_scene(tmp_path / "a.tif", noise(0, (2, 40, 40)), at(40, 30), nodata=0),
              gcp_scene(tmp_path / "gcp.tif")]
    grid = ("--resolution", 1.5, "--resampling", "cubic")
    found, geotransform = whole(feed_some(store, images, "--join", "mosaic", *grid))
    truth = np.zeros_like(found)
    for image in reversed(images):
        made = feed_some(tmp_path / f"{image.stem}.h5", image, *grid, "--crs", UTM)
        pixels, corner = whole(made)
        col = round((corner[0] - geotransform[0]) / 1.5)
        row = round((geotransform[3] - corner[3]) / 1.5)
        part = truth[:, row:row + pixels.shape[1], col:col + pixels.shape[2]]
        # The first file is valid wherever it has image; the cubic kernel does not make zeros here.
        seen = (pixels != 0).any(axis=0)
        part[:, seen] = pixels[:, seen]
    assert np.count_nonzero(truth) > 3000
    np.testing.assert_array_equal(found, truth)


def test_one_image_is_no_mosaic(tmp_path, store):
    """It is the scene that it always was: the same feed without --join adds nothing."""
    image = three(tmp_path)[0]
    before = feed_some(store, image)
    keys = list(before.samples["key"])
    after = feed_some(store, image, "--join", "mosaic")
    assert list(after.samples["key"]) == keys


# --- what is true of every joined scene -----------------------------------------------------------

def joined(folder, kind):
    """Files and options of a joined scene of each kind."""
    if kind == "mosaic":
        return three(folder), ("--join", "mosaic")
    if kind == "stack":
        return [write_scene(folder / "red.tif", noise(0, (1, 96, 80)), at(0, 0)),
                write_scene(folder / "pan.tif", noise(1, (1, 192, 160)), at(0, 0, 0.5))], (
                    "--join", "stack", "--resampling", "cubic")
    if kind == "times":
        return dates(folder), ("--join", "times")
    extra = write_scene(folder / "dem.tif", noise(8, (1, 20, 20), dtype=np.float32), at(0, 0, 5))
    return three(folder), ("--join", "mosaic", "--extra", extra, "--resampling", "bilinear")


@pytest.mark.parametrize("kind", ["mosaic", "stack", "times", "extra"])
def test_threads_and_tilings_do_not_show(tmp_path, kind):
    """Tiles are the crop of the whole, whoever made them and wherever they begin."""
    images, options = joined(tmp_path, kind)
    stores = [feed_some(tmp_path / f"{n}.h5", images, *options, "--threads", n) for n in (1, 4)]
    assert content(stores[0]) == content(stores[1])
    expected, _ = whole(stores[0])
    other = feed(tmp_path / "other.h5", images, (), "--tile", "23x41", "--stride", "19x37",
                 "--edge", "shift", *options)
    assert len(other) > 7
    for image, (col, row, cols, rows) in zip(other.images, other.windows):
        np.testing.assert_array_equal(image, expected[:, row:row + rows, col:col + cols])


@pytest.mark.parametrize("kind", ["mosaic", "stack", "times", "extra"])
def test_the_same_feed_adds_nothing(tmp_path, store, kind):
    images, options = joined(tmp_path, kind)
    first = feed_some(store, images, *options)
    before, size = content(first), store.stat().st_size
    report = json.loads(feed_report(store, images, *options))
    assert report["written"] == 0 and report["existing"] == len(before)
    assert content(Store(store)) == before and store.stat().st_size == size
    (digest,) = {row["digest"].decode() for row in Store(store).table("scenes")}
    assert list(members(store)) == [digest]


def test_another_recipe_is_another_scene(tmp_path, store):
    """Order, kind, a member, extra bands: all of them are part of the keys."""
    images = three(tmp_path)
    extra = ("--extra", images[0])
    kinds = [(images, "--join", "mosaic"), (images, "--join", "mosaic", "--mosaic-order", "last"),
             (images[:2], "--join", "mosaic"), (images, "--join", "stack"),
             (images, "--join", "mosaic", *extra), (images[:1], *extra), (images[:1],)]
    digests = set()
    for i, (files, *options) in enumerate(kinds):
        made = feed_some(tmp_path / f"{i}.h5", files, *options)
        digests.add(made.table("scenes")[0]["digest"])
    assert len(digests) == len(kinds)
    write_scene(images[1], with_holes(77), at(*PLACES[1]), nodata=0)  # another file, the same name
    made = feed_some(tmp_path / "new.h5", images, "--join", "mosaic")
    assert made.table("scenes")[0]["digest"] not in digests


def test_labels_across_the_border_of_members(tmp_path, store):
    images = three(tmp_path)
    labels = write_labels(tmp_path / "a.geojson", [rectangle(60, 34, 80, 46)])
    made = feed(store, images, labels, *ALL, "--join", "mosaic", "--stride", 16)
    part = [i for i, w in enumerate(made.windows) if w[0] <= 60 and w[1] <= 34 and
            w[0] + w[2] >= 80 and w[1] + w[3] >= 46]
    assert part
    for i in part:
        assert (made.masks[i] == 1).sum() == 240
        ((_, _, _, visible),) = made.boxes(i)
        assert visible == 1


def test_a_mosaic_of_many_files(tmp_path, store):
    """More than a worker keeps open."""
    pixels = noise(0, (1, 120, 120))
    images = [write_scene(tmp_path / f"{row}_{col}.tif",
                          pixels[:, row * 12:row * 12 + 12, col * 12:col * 12 + 12],
                          at(col * 12, row * 12)) for row in range(10) for col in range(10)]
    made = feed(store, images, (), "--tile", 120, "--join", "mosaic")
    np.testing.assert_array_equal(made.images[0], pixels)
    uri = made.table("scenes")[0]["uri"].decode()
    assert uri.startswith("mosaic(0_0.tif, 0_1.tif, ") and uri.endswith("9_9.tif)")
    (scene,) = members(store).values()
    assert [m["uri"] for m in scene["members"]] == [image.name for image in images]
    assert [(m["col"], m["row"]) for m in scene["members"]][11] == (12, 12)


def test_a_name_that_is_too_long_is_cut(tmp_path, store):
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    images = [write_scene(folder / f"{i}.tif", noise(i, (1, 4, 4)), at(4 * i, 0)) for i in range(40)]
    made = feed(store, images, (), "--tile", 4, "--join", "mosaic")
    uri = made.table("scenes")[0]["uri"].decode()
    assert uri.endswith(", ... 40 files)") and len(uri) < 4096
    (scene,) = members(store).values()
    assert len(scene["members"]) == 40


def test_scenes_by_folder(tmp_path, store):
    for name in ("north", "south"):
        (tmp_path / name).mkdir()
    north, south = three(tmp_path / "north"), three(tmp_path / "south")[:2]
    made = feed_some(store, [north[0], south[0], north[1], north[2], south[1]], "--join", "mosaic",
                     "--join-by", "folder")
    assert [row["uri"].decode() for row in made.table("scenes")] == [
        "mosaic(north/a.tif, north/b.tif, north/c.tif)", "mosaic(south/a.tif, south/b.tif)"]
    alone = feed_some(tmp_path / "alone.h5", north, "--join", "mosaic")
    assert made.table("scenes")[0]["digest"] == alone.table("scenes")[0]["digest"]


# --- what cannot be joined --------------------------------------------------------------------------

def gcp_scene(path):
    points = [rasterio.control.GroundControlPoint(row, col, CORNER[0] + col, CORNER[1] - row)
              for row in (0, 60) for col in (0, 70)]
    with rasterio.open(path, "w", driver="GTiff", count=2, height=60, width=70, dtype="uint8",
                       crs=UTM, gcps=points) as target:
        target.write(noise(3))
    return path


def wrong(folder, kind):
    """Files, how they are to be joined, and what is said about them."""
    def b(*place, seed=1, shape=(2, 60, 70), **options):
        return write_scene(folder / "b.tif", noise(seed, shape), at(*place), **options)

    def plain():
        return write_scene(folder / "plain.tif", noise(0), crs=None)

    a = write_scene(folder / "a.tif", noise(0), at(0, 0))
    return {
        "crs": lambda: ([a, b(0, 0, crs="EPSG:32632")], "mosaic", "b.tif: is not on the grid of",
                        "EPSG:32632, not EPSG:32631"),
        "shift": lambda: ([a, b(0.5, 0)], "mosaic", "pixel 0.5, 0 of that grid", "--resolution"),
        "size": lambda: ([a, b(0, 0, 2)], "times", "pixels are 2 x 2, not 1 x 1", "--resolution"),
        "series": lambda: ([a, b(0, 0, 2)], "series", "pixels are 2 x 2, not 1 x 1",
                           "--resolution"),
        "bands": lambda: ([a, b(0, 0, shape=(3, 60, 70))], "mosaic", "b.tif: 3 bands",
                          "need the same bands"),
        "missing": lambda: ([a, folder / "nosuch.tif"], "mosaic", "nosuch.tif", "no such file"),
        "no ground": lambda: ([plain(), a], "mosaic", "plain.tif: has no place", "mosaic"),
        "one ground": lambda: ([a, plain()], "times", "plain.tif: is not on the grid",
                               "different ways"),
        "stack": lambda: ([a, plain()], "stack", "plain.tif: cannot be resampled",
                          "different ways"),
        "gcp": lambda: ([a, gcp_scene(folder / "gcp.tif")], "mosaic",
                        "gcp.tif: is placed by ground control", "--resolution"),
        "gcp first": lambda: ([gcp_scene(folder / "gcp.tif"), a], "stack",
                              "gcp.tif: is placed by ground", "--resolution"),
    }[kind]()


@pytest.mark.parametrize("kind", ["crs", "shift", "size", "series", "bands", "missing",
                                  "no ground", "one ground", "stack", "gcp", "gcp first"])
def test_what_cannot_be_joined(tmp_path, store, vedatile, kind):
    images, join, *said = wrong(tmp_path, kind)
    done = vedatile("feed", store, "--image", *images, *ALL, "--join", join, code=1)
    for text in said:
        assert text.lower() in done.stderr.lower()
    assert done.stderr.count("\n") == 1
    assert not store.exists()


def test_equal_times(tmp_path, store, vedatile):
    images = dates(tmp_path, when=[WHEN[0], WHEN[1], WHEN[0]])
    done = vedatile("feed", store, "--image", *images, *ALL, "--join", "times", code=1)
    assert "was taken at 2021-06-01T10:00:00, as" in done.stderr
    assert done.stderr.count("\n") == 1 and not store.exists()


@pytest.mark.parametrize("options, said", [
    (("--join-by", "folder", "--join", "series"), "--join-by"),
    (("--join", "stack", "--mosaic-order", "last"), "--mosaic-order"),
    (("--join", "mosaic", "--resampling", "cubic"), "--resampling"),
    (("--join", "times", "--bands", "7"), "no band 7"),
    (("--join", "stack", "--bands", "nosuch"), "it has 1 (0_1), 2 (0_2), 3 (1_1)"),
    (("--extra", "nosuch.tif"), "nosuch.tif"),
])
def test_options_that_do_not_go_together(tmp_path, store, vedatile, options, said):
    done = vedatile("feed", store, "--image", *dates(tmp_path), *ALL, *options, code=None)
    assert done.returncode > 0
    assert said in done.stderr and not store.exists()
    assert done.stderr.count("\n") <= 4


def test_a_member_that_fails_is_a_scene_that_fails(tmp_path, store, vedatile):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        three(tmp_path / name)
    images = [tmp_path / name / f"{part}.tif" for name in "ab" for part in "abc"]
    whole_file = images[1].read_bytes()
    images[1].write_bytes(b"no image")
    arguments = ("feed", store, "--image", *images, *ALL, "--join", "mosaic", "--join-by", "folder",
                 "--codec", "raw")
    done = vedatile(*arguments, code=1)
    assert "a/b.tif" in done.stderr
    with h5py.File(store) as file:
        (failed,) = json.loads(file.attrs["feed_failures"])
        assert failed["scene"] == "mosaic(a/a.tif, a/b.tif, a/c.tif)" and failed["window"] is None
        assert [row["uri"] for row in file["scenes"]] == [b"mosaic(b/a.tif, b/b.tif, b/c.tif)"]
    images[1].write_bytes(whole_file)
    vedatile(*arguments, "--retry-failed")
    with h5py.File(store) as file:
        assert json.loads(file.attrs["feed_failures"]) == []
    clean = feed_some(tmp_path / "clean.h5", images, "--join", "mosaic", "--join-by", "folder")
    assert {key: value[:2] for key, value in content(Store(store)).items()} == {
        key: value[:2] for key, value in content(clean).items()}


# --- types and nodata ---------------------------------------------------------------------------

def test_types_and_nodata_of_a_mosaic(tmp_path, store):
    """Converted pixels, and each file's own nodata, which --nodata states anew."""
    values = [0, 255, 7]
    images = [write_scene(tmp_path / f"{i}.tif", with_holes(i, value=value), at(*place), nodata=value)
              for i, (place, value) in enumerate(zip(PLACES, values))]
    plain, _ = whole(feed_some(store, images, "--join", "mosaic"))
    real, _ = whole(feed_some(tmp_path / "real.h5", images, "--join", "mosaic", "--dtype",
                              "float32"))
    assert real.dtype == np.float32
    np.testing.assert_array_equal(real, plain)
    stated = feed_some(tmp_path / "stated.h5", images, "--join", "mosaic", "--nodata", 7)
    found, _ = whole(stated)
    truth = np.full((2, 100, 115), 7, np.uint8)
    for i, (col, row) in reversed(list(enumerate(PLACES))):
        pixels = with_holes(i, value=values[i])
        seen = (pixels != 7).any(axis=0)  # in one band 7 is nodata, and stays what it is
        truth[:, row:row + 60, col:col + 70][:, seen] = pixels[:, seen]
    np.testing.assert_array_equal(found, truth)
    digests = {made.table("scenes")[0]["digest"] for made in (Store(store), stated)}
    assert len(digests) == 2


def test_one_unit_for_a_mosaic(tmp_path, store, vedatile):
    images = three(tmp_path)[:2]
    for image, scale in zip(images, (0.5, 0.25)):
        with rasterio.open(image, "r+") as target:
            target.scales, target.offsets = (scale, scale), (1, 1)
    done = vedatile("feed", store, "--image", *images, *ALL, "--join", "mosaic", "--unscale", code=1)
    assert "b.tif: scale 0.25" in done.stderr and "a.tif has 0.5" in done.stderr
    with rasterio.open(images[1], "r+") as target:
        target.scales = (0.5, 0.5)
    found, _ = whole(feed_some(store, images, "--join", "mosaic", "--unscale"))
    expected, valid, _ = buildvrt(tmp_path, images[::-1])
    np.testing.assert_array_equal(found[:, valid], expected[:, valid] * np.float32(0.5) + 1)


def test_a_long_name_is_cut_when_the_store_moves(tmp_path, store, vedatile):
    images = [write_scene(tmp_path / f"{i:040}.tif", noise(i, (1, 4, 4)), at(4 * i, 0))
              for i in range(110)]
    for count, least in ((84, 3500), (110, 2500)):
        made, other = tmp_path / f"{count}.h5", tmp_path / "a" / f"{count}.h5"
        other.parent.mkdir(exist_ok=True)
        feed(made, images[:count], (), "--tile", 4, "--join", "mosaic")
        vedatile("split", made, "-o", other, "--split", "x=1,y=1", "--split-by", "random")
        uri = Store(other).table("scenes")[0]["uri"].decode()
        assert uri.startswith(f"mosaic(../{0:040}.tif, ../{1:040}.tif, ")
        assert uri.endswith(f", ... {count} files)") and least < len(uri) < 4096
