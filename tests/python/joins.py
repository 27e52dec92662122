"""Small files that lie on one grid, and what stores of joined scenes say. For test_joins*.py."""
import json
import subprocess

import h5py
import numpy as np
import rasterio
from conftest import run_vedatile
from reference import CORNER, feed, write_scene

ALL = ("--tile", 32, "--edge", "pad")


def at(col, row, size=1.0):
    """The geotransform of a file whose corner lies at a pixel of the common grid."""
    return rasterio.Affine(size, 0, CORNER[0] + col * size, 0, -size, CORNER[1] - row * size)


def noise(seed, shape=(2, 60, 70), low=1, high=250, dtype=np.uint8):
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def with_holes(seed, shape=(2, 60, 70), value=0, dtype=np.uint8, share=0.3):
    pixels = noise(seed, shape, dtype=dtype)
    pixels[:, np.random.default_rng(seed + 100).random(shape[1:]) < share] = value
    return pixels


PLACES = [(0, 0), (45, 20), (20, 40)]


def three(folder, nodata=0, **options):
    """Overlapping files with holes, and corners that are whole pixels apart."""
    return [write_scene(folder / f"{name}.tif", with_holes(i, value=nodata or 0), at(*place),
                        nodata=nodata, **options)
            for i, (name, place) in enumerate(zip("abc", PLACES))]


def buildvrt(folder, images, *options):
    """gdalbuildvrt has the last file on top."""
    made = folder / "mosaic.vrt"
    subprocess.run(["gdalbuildvrt", "-q", "-overwrite", *options, str(made), *map(str, images)],
                   check=True)
    with rasterio.open(made) as source:
        return source.read(), source.dataset_mask() > 0, source.transform


def valid_of(store):
    """The share of valid pixels of each tile, as the store has it."""
    return [float(row["valid_fraction"]) for row in store.samples]


def fractions(valid, windows):
    found = []
    for col, row, cols, rows in windows:
        part = valid[row:row + rows, col:col + cols]
        found.append(part.sum() / (cols * rows))
    return found


def members(path):
    with h5py.File(path) as file:
        return json.loads(file.attrs["scene_members"])


def feed_some(store, images, *options, **more):
    return feed(store, images, (), *ALL, *options, **more)


def content(store):
    with h5py.File(store.path) as file:
        return {row["key"]: (image.tobytes(), row["valid_fraction"], row["scene"], text)
                for row, image, text in zip(
                    file["train/samples"], file["train/images"], texts(file))}


def texts(file):
    blob, offsets = file["train/metadata/text"][()].tobytes(), file["train/metadata/offsets"][()]
    return [blob[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]


def feed_report(store, images, *options):
    return run_vedatile("feed", store, "--image", *images, *ALL, *options, "--json").stdout


def taken(path, when):
    with rasterio.open(path, "r+") as target:
        target.update_tags(TIFFTAG_DATETIME=when)
    return path


WHEN = ["2021:06:01 10:00:00", "2019:06:01 10:00:00", "2020:06:01 10:00:00"]
ISO = ["2019-06-01T10:00:00", "2020-06-01T10:00:00", "2021-06-01T10:00:00"]


def dates(folder, places=((0, 0),) * 3, when=WHEN, **options):
    return [taken(write_scene(folder / f"{i}.tif", with_holes(i), at(*place), nodata=0, **options),
                  when[i]) if when else write_scene(folder / f"{i}.tif", with_holes(i), at(*place))
            for i, place in enumerate(places)]
