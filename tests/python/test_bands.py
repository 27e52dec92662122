"""Bands by name: whichever sensor took them, the same name finds the same kind of band."""
import json

import h5py
import numpy as np
import pytest
import rasterio
from osgeo import gdal
from reference import feed, write_scene


def scene(path, descriptions, tags=None, band_tags=(), colours=(), size=8):
    """Band i (from 1) is i everywhere."""
    count = len(descriptions)
    pixels = np.arange(1, count + 1, dtype=np.uint16)[:, None, None] * np.ones((size, size),
                                                                              np.uint16)
    write_scene(path, pixels, photometric="MINISBLACK")
    with rasterio.open(path, "r+") as target:
        for number, text in enumerate(descriptions, 1):
            if text:
                target.set_band_description(number, text)
        if colours:
            target.colorinterp = [rasterio.enums.ColorInterp[name] for name in colours]
        target.update_tags(**(tags or {}))
    dataset = gdal.Open(str(path), gdal.GA_Update)  # rasterio splits names at a colon
    for number, key, value in band_tags:
        dataset.GetRasterBand(number).SetMetadata({key: value})
    return path


def bands_of(store, image, names, size=8):
    """Which bands a feed by these names took, and what the store calls them."""
    found = feed(store, image, (), "--tile", size, "--bands", names)
    with h5py.File(found.path, "r") as file:
        called = [name.decode() for name in file.attrs["band_names"]]
    return found.images[0, :, 0, 0].tolist(), called


SENTINEL2 = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
LANDSAT8 = [f"SR_B{i}" for i in range(1, 8)]


@pytest.mark.parametrize("name, descriptions, tags, names, wanted", [
    ("plain.tif", ["", "", ""], {}, "3,1", [3, 1]),
    ("plain.tif", ["blue", "Green", "near infrared"], {}, "NEAR INFRARED,green", [3, 2]),
    ("plain.tif", SENTINEL2, {}, "red,green,blue,nir,nir08,swir16,swir22", [4, 3, 2, 8, 9, 11, 12]),
    ("plain.tif", SENTINEL2, {}, "B4,b08,B8A,rededge075", [4, 8, 9, 6]),
    ("LC08_L2SP_224077_20200518_20200820_02_T1.tif", LANDSAT8, {}, "red,green,blue,nir,swir16",
     [4, 3, 2, 5, 6]),
    ("LC09_x.tif", LANDSAT8, {}, "B4,nir08,coastal,SR_B7", [4, 5, 1, 7]),
    ("LT05_x.tif", LANDSAT8, {}, "red,nir,swir16,swir22", [3, 4, 5, 7]),
    ("x.tif", LANDSAT8, {"SPACECRAFT_ID": "LANDSAT_9"}, "red,nir", [4, 5]),
    ("x.tif", LANDSAT8, {"platform": "landsat-7"}, "red,nir", [3, 4]),
    ("x.tif", ["B2", "B3", "B4", "B8"], {"platform": "Sentinel-2B"}, "nir,red", [4, 3]),
    ("x.tif", ["B4, central wavelength 665 nm", "B3, central wavelength 560 nm"],
     {"SPACECRAFT_NAME": "Sentinel-2A"}, "green,red", [2, 1]),
    ("T31TCJ_20200518T105031_B04_10m.tif", [""], {}, "red", [1]),
    ("LC08_L1TP_224077_20200518_01_RT_B5.tif", [""], {}, "nir", [1]),
])
def test_names_of_sensors(tmp_path, store, name, descriptions, tags, names, wanted):
    image = scene(tmp_path / name, descriptions, tags)
    assert bands_of(store, image, names)[0] == wanted


def test_common_names_of_stac(tmp_path, store):
    image = scene(tmp_path / "a.tif", ["c1", "c2", "c3"],
                  band_tags=[(1, "eo:common_name", "nir"), (3, "common_name", "red")])
    assert bands_of(store, image, "red,nir,c2") == ([3, 1, 2], ["red", "nir", "c2"])


def test_colours(tmp_path, store):
    image = scene(tmp_path / "a.tif", ["", "", ""], colours=["blue", "green", "red"])
    assert bands_of(store, image, "red,Green,blue") == ([3, 2, 1], ["red", "Green", "blue"])


def test_a_description_goes_before_all_else(tmp_path, store):
    """Band 1 is described as what band 2 is by its colour and band 3 by STAC."""
    image = scene(tmp_path / "a.tif", ["red", "b", "c"], colours=["undefined", "red", "undefined"],
                  band_tags=[(3, "eo:common_name", "red")])
    assert bands_of(store, image, "red")[0] == [1]
    image = scene(tmp_path / "b.tif", ["a", "b", "c"], colours=["undefined", "red", "undefined"],
                  band_tags=[(3, "eo:common_name", "red")])
    assert bands_of(tmp_path / "b.h5", image, "red")[0] == [3]


def test_alpha_by_name(tmp_path, store):
    image = scene(tmp_path / "a.tif", ["", ""], colours=["gray", "alpha"])
    assert bands_of(store, image, "alpha")[0] == [2]


def test_two_sensors_in_one_store(tmp_path, store, vedatile):
    """The same names, bands in other places; numbers would have mixed red with red edge."""
    first = scene(tmp_path / "S2A_MSIL2A.tif", SENTINEL2)
    second = scene(tmp_path / "LC08_x.tif", LANDSAT8)
    found = feed(store, [first, second], (), "--tile", 8, "--bands", "red,nir")
    assert found.images[:, :, 0, 0].tolist() == [[4, 8], [4, 5]]
    config = json.loads(h5py.File(store, "r").attrs["feed_config"])
    assert config[0]["bands"] == ["red", "nir"]


def test_numbers_stay_numbers_in_the_configuration(tmp_path, store):
    feed(store, scene(tmp_path / "a.tif", SENTINEL2), (), "--tile", 8, "--bands", "3,2")
    assert json.loads(h5py.File(store, "r").attrs["feed_config"])[0]["bands"] == [3, 2]


@pytest.mark.parametrize("descriptions, tags, names, says", [
    (SENTINEL2, {}, "rededge", ["bands 5 and 6 are both called 'rededge'"]),
    (["a", "A"], {}, "a", ["bands 1 and 2 are both called 'a'"]),
    (["soil", "B04"], {}, "nir", ["no band is called 'nir'", "1 soil", "2 B04 (red)"]),
    (LANDSAT8, {}, "nir", ["no band is called 'nir'", "5 SR_B5"]),  # of which Landsat?
    (["a", "b"], {}, "a,1", ["band 1 is chosen twice"]),
    (["a", "b"], {}, "3", ["no band 3: it has bands 1 to 2"]),
    (["a", "b"], {}, "99999999999999999999", ["no band 99999999999999999999"]),
    (["a", "b"], {}, "0", ["no band 0"]),
    (["a", "b"], {}, "1x", ["no band is called '1x'"]),
    (["B4x", "B123"], {"platform": "Sentinel-2A"}, "red", ["no band is called 'red'"]),
    (["B8"], {"platform": "landsat-18"}, "pan", ["no band is called 'pan'"]),
])
def test_names_that_fit_none_or_two(tmp_path, store, vedatile, descriptions, tags, names, says):
    image = scene(tmp_path / "a.tif", descriptions, tags)
    done = vedatile("feed", store, "--image", image, "--tile", 8, "--bands", names, code=2)
    assert len(done.stderr.splitlines()) == 1 and all(text in done.stderr for text in says), \
        done.stderr
    assert not store.exists()


def test_names_from_python(tmp_path):
    vedatile = pytest.importorskip("vedatile")
    image = scene(tmp_path / "a.tif", SENTINEL2)
    vedatile.feed(tmp_path / "a.h5", image, tile=8, bands=["nir", np.int64(1), "B03"],
                  codec="raw")
    with h5py.File(tmp_path / "a.h5", "r") as file:
        assert file["train/images"][0, :, 0, 0].tolist() == [8, 1, 3]
    with pytest.raises(vedatile.ArgumentError, match="no band is called 'purple'"):
        vedatile.feed(tmp_path / "b.h5", image, tile=8, bands=["purple"])
    with pytest.raises((TypeError, vedatile.ArgumentError)):
        vedatile.feed(tmp_path / "b.h5", image, tile=8, bands="red")
