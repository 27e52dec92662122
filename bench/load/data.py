"""The tiles that all contestants serve, made up from a seed, and the files they share.

    python data.py NAME FOLDER SCALE MAKE_STORE

A dataset is one folder: tiles.npy (the truth), crc.npy (CRC-32 of every tile), dataset.json, and,
where the workload asks for it, the store, plain HDF5 files and the lists of their chunks' places,
which the limit reads. Made in an environment with numpy and h5py.
"""
import concurrent.futures
import dataclasses
import json
import pathlib
import subprocess
import sys
import zlib

import numpy as np

SCENE = 4096
OCTAVES = (4, 8, 16, 32, 64, 128, 256, 512)

DATASETS = {  # name: (samples at scale 1, shape, dtype, codec of the store)
    "rgb": (7680, (3, 256, 256), "uint8", "raw"),
    "bands": (2048, (4, 256, 256), "uint16", "lz4"),
    "legacy": (2400, (256, 256, 3), "uint8", None),
    "tiny": (200_000, (3, 32, 32), "uint8", "raw"),
    "resume": (4096, (3, 32, 32), "uint8", "raw"),
    "million": (1_000_000, (1, 8, 8), "uint8", "raw"),
}


@dataclasses.dataclass
class Data:
    """What a contestant knows of a dataset."""
    folder: pathlib.Path
    name: str
    count: int
    shape: tuple
    dtype: str
    codec: str
    batch_size: int = 64

    @classmethod
    def load(cls, folder):
        folder = pathlib.Path(folder)
        facts = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        return cls(folder=folder, **{**facts, "shape": tuple(facts["shape"])})

    def save(self):
        facts = {key: value for key, value in dataclasses.asdict(self).items() if key != "folder"}
        (self.folder / "dataset.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")

    @property
    def tile_bytes(self):
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    @property
    def store(self):
        return self.folder / "store.h5"

    @property
    def legacy(self):
        """What h5py wrote: gzip, one chunk a tile."""
        return self.folder / "legacy.h5"

    def tiles(self):
        return np.load(self.folder / "tiles.npy", mmap_mode="r")


def relief(rng, size):
    """Fractal terrain in 0..1: the sum of ever finer noise, linear between its knots."""
    total = np.zeros((size, size), np.float32)
    for knots in OCTAVES:
        weights = np.zeros((size, knots + 1), np.float32)
        place = np.linspace(0, knots, size, endpoint=False)
        low = place.astype(int)
        weights[np.arange(size), low] = 1 - (place - low)
        weights[np.arange(size), low + 1] = place - low
        noise = rng.standard_normal((knots + 1, knots + 1), dtype=np.float32)
        total += weights @ noise @ weights.T / knots ** 0.9
    total -= total.min()
    return total / total.max()


def scene(rng, bands, dtype):
    """Bands that share a terrain, each with its own share of relief and the noise of a sensor."""
    most, noise = (255, 2.0) if dtype == "uint8" else (4095, 10.0)
    terrain = relief(rng, SCENE)
    out = np.empty((bands, SCENE, SCENE), dtype)
    for band in range(bands):
        value = terrain * rng.uniform(0.6, 0.9) + 0.1 * np.roll(terrain, 97 * band, axis=0)
        value = value * most + noise * rng.standard_normal((SCENE, SCENE), dtype=np.float32)
        out[band] = np.clip(value, 0, most)
    return out


def write_tiles(data):
    """Windows of one scene, no two at the same place, and the checksum of each."""
    rng = np.random.default_rng(20240607)
    channels_last = data.name == "legacy"
    bands, rows, cols = (data.shape[2], *data.shape[:2]) if channels_last else data.shape
    pixels = scene(rng, bands, data.dtype)
    places = rng.choice((SCENE - rows) * (SCENE - cols), data.count, replace=False)
    tiles = np.lib.format.open_memmap(data.folder / "tiles.npy", "w+", np.dtype(data.dtype),
                                      (data.count, *data.shape))
    crc = np.empty(data.count, np.uint32)
    for i, place in enumerate(places.tolist()):
        row, col = divmod(place, SCENE - cols)
        window = pixels[:, row:row + rows, col:col + cols]
        tiles[i] = window.transpose(1, 2, 0) if channels_last else window
        crc[i] = zlib.crc32(tiles[i])
    tiles.flush()
    np.save(data.folder / "crc.npy", crc)


def write_store(data, make_store):
    source = data.folder / "tiles.npy"
    offset = source.stat().st_size - data.count * data.tile_bytes
    subprocess.run([make_store, data.store, source, str(offset), str(data.count),
                    *map(str, data.shape), data.dtype, data.codec], check=True)
    write_chunks(data.store, "/train/images", data.folder / "store.chunks.bin")


def write_chunks(path, dataset, out):
    """Address and stored size of every chunk, in the order of the samples, for the limit."""
    import h5py
    with h5py.File(path, "r") as file:
        images = file[dataset]
        table = np.zeros((images.shape[0], 2), "<u8")
        if images.chunks is None:
            size = images.dtype.itemsize * int(np.prod(images.shape[1:]))
            table[:, 0] = images.id.get_offset() + size * np.arange(images.shape[0])
            table[:, 1] = size
        else:
            def keep(chunk):
                table[chunk.chunk_offset[0] // images.chunks[0]] = chunk.byte_offset, chunk.size
            images.id.chunk_iter(keep)
    table.tofile(out)


def write_legacy(data):
    """As create_dataset(compression="gzip", chunks=(1, ...)) does, by two threads."""
    import h5py
    tiles = data.tiles()
    with h5py.File(data.legacy, "w") as file, concurrent.futures.ThreadPoolExecutor(2) as pool:
        images = file.create_dataset("images", tiles.shape, tiles.dtype, compression="gzip",
                                     chunks=(1, *data.shape))
        file["labels"] = np.arange(data.count) % 10
        for i, stored in enumerate(pool.map(lambda tile: zlib.compress(tile, 4), tiles)):
            images.id.write_direct_chunk((i, 0, 0, 0), stored)
    write_chunks(data.legacy, "/images", data.folder / "legacy.chunks.bin")


def main():
    name, folder, scale, make_store = sys.argv[1:]
    count, shape, dtype, codec = DATASETS[name]
    count = count if name == "resume" else max(int(count * float(scale)), 128)
    data = Data(pathlib.Path(folder), name, count, shape, dtype, codec)
    data.folder.mkdir(parents=True, exist_ok=True)
    write_tiles(data)
    if codec is None:
        write_legacy(data)
    else:
        write_store(data, make_store)
    data.save()


if __name__ == "__main__":
    main()
