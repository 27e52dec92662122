"""Scenes for the tests of feeding, made by GDAL, and the command beside the package."""
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
from osgeo import gdal, gdal_array, osr

gdal.UseExceptions()

SOURCE = pathlib.Path(os.environ.get("VEDATILE_SOURCE", pathlib.Path(__file__).parents[2]))
OLINDA = SOURCE / "data/olinda/scene.tif"
SECTORS = SOURCE / "data/olinda/sectors.geojson"


def make_scene(path, shape=(3, 40, 50), dtype="uint8", seed=0, nodata=None, epsg=32725):
    """A GeoTIFF of random pixels; returns its array [bands, rows, cols]."""
    chance = np.random.default_rng(seed)
    pixels = chance.integers(0, 200, shape).astype(dtype)
    bands, rows, cols = shape
    made = gdal.GetDriverByName("GTiff").Create(
        str(path), cols, rows, bands, gdal_array.NumericTypeCodeToGDALTypeCode(pixels.dtype))
    if epsg:
        crs = osr.SpatialReference()
        crs.ImportFromEPSG(epsg)
        made.SetProjection(crs.ExportToWkt())
        made.SetGeoTransform((290000, 0.5, 0.1, 9e6, 0.1, -0.5))
    for band in range(bands):
        if nodata is not None:
            made.GetRasterBand(band + 1).SetNoDataValue(nodata)
        made.GetRasterBand(band + 1).WriteArray(pixels[band])
    made.FlushCache()
    return pixels


def command(*arguments, code=0):
    """Runs the vedatile command; its standard output."""
    done = subprocess.run([os.environ["VEDATILE"], *map(str, arguments)], capture_output=True,
                          text=True, timeout=300, check=False)
    assert done.returncode == code, (done.args, done.returncode, done.stderr)
    return done.stdout


def digest(store):
    """The digest of a store's content; the check must find nothing wrong."""
    return command("check", store, "--digest").split()[-1]


def report(*arguments):
    return json.loads(command(*arguments, "--json"))


def python(code, *arguments, check=True):
    """Runs a program in another interpreter."""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True,
                          text=True, timeout=300, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done
