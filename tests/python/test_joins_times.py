"""Dates of the same ground, as an axis and as linked samples, against h5py."""
import json

import h5py
import numpy as np
import pytest
import rasterio
from joins import (ALL, ISO, WHEN, at, dates, feed_some, fractions, members, noise, taken, texts,
                   valid_of, with_holes)
from reference import CORNER, Store, write_scene
from test_grids import whole

def test_dates_in_order(tmp_path, store):
    images = dates(tmp_path)
    made = feed_some(store, images, "--join", "times")
    found, _ = whole(made)
    np.testing.assert_array_equal(found.reshape(3, 2, 60, 70),
                                  [with_holes(1), with_holes(2), with_holes(0)])
    with h5py.File(store) as file:
        assert json.loads(file.attrs["times"]) == ISO
        assert list(file.attrs["band_names"]) == [
            f"band_{band}@{time}".encode() for time in ISO for band in (1, 2)]
        assert {json.dumps(json.loads(text)) for text in texts(file)} == {
            json.dumps({"times": ISO})}
    (row,) = made.table("scenes")
    assert row["acquired"].decode() == ISO[0]
    (scene,) = members(store).values()
    assert [m["acquired"] for m in scene["members"]] == ISO
    seen = np.any([with_holes(i).any(axis=0) for i in range(3)], axis=0)
    np.testing.assert_allclose(valid_of(made), fractions(seen, made.windows), atol=1e-6)


def test_dates_of_named_bands(tmp_path, store):
    images = dates(tmp_path)
    for image in images:
        with rasterio.open(image, "r+") as target:
            target.descriptions = ("red", "nir")
    extra = write_scene(tmp_path / "dem.tif", noise(9, (1, 60, 70)), at(0, 0))
    made = feed_some(store, images, "--join", "times", "--bands", "nir", "--extra", extra)
    found, _ = whole(made)
    dem = noise(9, (1, 60, 70))[0]
    np.testing.assert_array_equal(found, [with_holes(1)[1], dem, with_holes(2)[1], dem,
                                          with_holes(0)[1], dem])
    with h5py.File(store) as file:
        assert [name.decode() for name in file.attrs["band_names"]] == [
            f"{name}@{time}" for time in ISO for name in ("nir", "dem")]


def test_dates_that_do_not_cover_the_same(tmp_path, store):
    """The ground of all of them; where a date has none it is nodata."""
    images = dates(tmp_path, ((0, 0), (10, 5), (-20, 0)))
    found, geotransform = whole(feed_some(store, images, "--join", "times"))
    assert geotransform[0] == CORNER[0] - 20
    truth = np.zeros((3, 2, 65, 100), np.uint8)
    truth[0, :, 5:65, 30:100] = with_holes(1)
    truth[1, :, :60, :70] = with_holes(2)
    truth[2, :, :60, 20:90] = with_holes(0)
    np.testing.assert_array_equal(found.reshape(truth.shape), truth)


def test_dates_that_are_not_known(tmp_path, store, vedatile):
    images = dates(tmp_path, when=None)
    done = vedatile("feed", store, "--image", *images, *ALL, "--join", "times", "--codec", "raw")
    assert "order of the command" in done.stderr
    found, _ = whole(Store(store))
    np.testing.assert_array_equal(found.reshape(3, 2, 60, 70), [with_holes(i) for i in range(3)])
    with h5py.File(store) as file:
        assert json.loads(file.attrs["times"]) == ["", "", ""]
        assert file.attrs["band_names"][2] == b"band_1@2"


def test_scenes_with_times_of_their_own(tmp_path, store, vedatile):
    for i, name in enumerate(("a", "b", "c")):
        (tmp_path / name).mkdir()
        dates(tmp_path / name, when=[w.replace("06:01", f"06:0{i // 2 + 1}") for w in WHEN])
    images = [tmp_path / name / f"{i}.tif" for name in "ac" for i in range(3)]
    made = feed_some(store, images, "--join", "times", "--join-by", "folder")
    with h5py.File(store) as file:
        assert json.loads(file.attrs["times"]) == ["", "", ""]
        ours = {json.loads(text)["times"][0] for text in texts(file)}
    assert ours == {"2019-06-01T10:00:00", "2019-06-02T10:00:00"}
    assert len(made.table("scenes")) == 2
    text = vedatile("feed", store, "--image", *images[:2], *ALL, "--join", "times", code=1).stderr
    assert "time axis of 3" in text
    text = vedatile("feed", store, "--image", images[0], *ALL, code=1).stderr
    assert "2 bands" in text or "time axis" in text


def test_modis_dates(tmp_path, shared, store):
    """Twelve files of one band: an axis of 12, in the order of the command."""
    images = sorted((shared / "sinop-modis").glob("*.jp2"))[:5]
    made = feed_some(store, images, "--join", "times")
    found, _ = whole(made)
    for band, image in zip(found, images):
        with rasterio.open(image) as source:
            np.testing.assert_array_equal(band, source.read(1))


# --- series ---------------------------------------------------------------------------------------

def test_series_link_samples_of_the_same_ground(tmp_path, store):
    images = dates(tmp_path, ((0, 0), (0, 0), (32, 0)))
    made = feed_some(store, images, "--join", "series")
    rows = made.table("scenes")
    assert [row["uri"] for row in rows] == [b"0.tif", b"1.tif", b"2.tif"]
    with h5py.File(store) as file:
        found = [json.loads(text) for text in texts(file)]
    places = {}
    for row, text in zip(made.samples, found):
        assert text["time"] == rows[row["scene"]]["acquired"].decode()
        places.setdefault(text["series"], set()).add(tuple(row["geotransform"]))
    assert all(len(place) == 1 for place in places.values())
    assert len(set().union(*places.values())) == len(places)
    assert sorted({len([t for t in found if t["series"] == s]) for s in places}) == [1, 2, 3]
    # A later feed of another date alone has the same ids.
    later = taken(write_scene(tmp_path / "9.tif", noise(9), at(32, 0)), "2022:01:01 00:00:00")
    alone = feed_some(tmp_path / "alone.h5", later, "--join", "series")
    with h5py.File(alone.path) as file:
        assert {json.loads(text)["series"] for text in texts(file)} <= set(places)


def test_a_split_keeps_a_series_together(tmp_path, store, vedatile):
    images = dates(tmp_path, ((0, 0), (0, 0), (0, 0)))
    vedatile("feed", store, "--image", *images, "--tile", 8, "--join", "series", "--split",
             "train=0.6,test=0.4", "--block-size", 16)
    groups = {}
    with h5py.File(store) as file:
        for group in ("train", "test"):
            blob = file[f"{group}/metadata/text"][()].tobytes()
            ends = file[f"{group}/metadata/offsets"][()]
            for a, b in zip(ends[:-1], ends[1:]):
                groups.setdefault(json.loads(blob[a:b])["series"], []).append(group)
    assert {len(found) for found in groups.values()} == {3}
    assert {len(set(found)) for found in groups.values()} == {1}
    assert len({found[0] for found in groups.values()}) == 2


@pytest.mark.parametrize("form", ["npz", "geotiff"])
def test_an_axis_leaves_and_comes_back(tmp_path, store, vedatile, form):
    """Exports keep the axis and what the scene is made of; another store has none."""
    images = dates(tmp_path)
    feed_some(store, images, "--join", "times")
    out, again = tmp_path / "out", tmp_path / "again.h5"
    vedatile("export", store, "--format", form, "-o", out)
    vedatile("import", again, "--format", form, out)
    assert members(again) == members(store)
    with h5py.File(store) as old, h5py.File(again) as new:
        assert new.attrs["times"] == old.attrs["times"]
    assert (vedatile("check", again, "--digest").stdout ==
            vedatile("check", store, "--digest").stdout)
    vedatile("import", again, "--format", form, out)
    plain = tmp_path / "plain.h5"
    feed_some(plain, write_scene(tmp_path / "six.tif", noise(0, (6, 60, 70)), at(0, 0)))
    done = vedatile("import", plain, "--format", form, out, code=1)
    assert "a time axis of 3" in done.stderr and done.stderr.count("\n") == 1
    description = json.loads((out / "vedatile.json").read_text())
    (out / "vedatile.json").write_text(json.dumps({**description, "times": ["a", 1, "b"]}))
    assert "times make no sense" in vedatile("import", tmp_path / "bad.h5", "--format", form, out,
                                             code=1).stderr


def test_an_axis_stays_when_samples_are_regrouped(tmp_path, store, vedatile):
    """So do the names of the files, as seen from where the new store is."""
    (tmp_path / "north").mkdir()
    images = dates(tmp_path / "north")
    feed_some(store, images, "--join", "times")
    other = tmp_path / "far" / "off" / "other.h5"
    other.parent.mkdir(parents=True)
    vedatile("split", store, "-o", other, "--split", "train=0.5,test=0.5", "--split-by", "random")
    with h5py.File(other) as file:
        assert json.loads(file.attrs["times"]) == ISO
        (row,) = file["scenes"]
        assert row["uri"].decode() == "times({})".format(
            ", ".join(f"../../north/{i}.tif" for i in range(3)))
        (scene,) = json.loads(file.attrs["scene_members"]).values()
    assert [member["uri"] for member in scene["members"]] == [
        f"../../north/{i}.tif" for i in (1, 2, 0)]


def test_a_date_that_cannot_be_read(tmp_path, store, vedatile):
    """It is what is told, also when the store has a time axis already."""
    images = dates(tmp_path)
    feed_some(store, images, "--join", "times")
    before = store.read_bytes()
    images[1].write_bytes(b"no image")
    done = vedatile("feed", store, "--image", *images, *ALL, "--join", "times", code=1)
    assert "1.tif: not a raster" in done.stderr and "time axis" not in done.stderr
    assert store.read_bytes() == before
