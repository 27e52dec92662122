"""FFCV: a .beton file of raw images, its own threads (numba without the GIL), whole set mapped.

Raw images are one copy each, as in vedatile: no multiple is to be expected between the two.
"""
import os

import numpy as np

from peers.base import Peer


class Images:
    """What FFCV's writer takes: one tuple a sample, rows x columns x channels."""

    def __init__(self, tiles):
        self.tiles = tiles

    def __len__(self):
        return len(self.tiles)

    def __getitem__(self, index):
        return (np.ascontiguousarray(self.tiles[index].transpose(1, 2, 0)),)


class Epochs(Peer):
    title = "FFCV RAW"
    packages = ("ffcv",)
    workloads = ("W1", "W4")
    sweep = tuple(count for count in (1, 2, 4) if count <= os.cpu_count())  # no more are allowed

    def __init__(self, data, folder):
        super().__init__(data, folder)
        self.loader, self.workers = None, None

    def prepare(self):
        from ffcv.fields import RGBImageField
        from ffcv.writer import DatasetWriter
        writer = DatasetWriter(str(self.folder / "tiles.beton"),
                               {"image": RGBImageField(write_mode="raw")}, num_workers=2)
        writer.from_indexed_dataset(Images(self.data.tiles()), chunksize=256)

    def order(self):
        """Keywords of Loader: which order, and who keeps the file in memory."""
        from ffcv.loader import OrderOption
        return {"order": OrderOption.RANDOM, "os_cache": True}

    def epoch(self, seed, workers):
        from ffcv.fields.rgb_image import SimpleRGBImageDecoder
        from ffcv.loader import Loader
        if self.loader is None or self.workers != workers:
            self.workers = workers
            self.loader = Loader(str(self.files()[0]), self.data.batch_size, num_workers=workers,
                                 seed=seed, drop_last=False,
                                 pipelines={"image": [SimpleRGBImageDecoder()]}, **self.order())
        return iter(self.loader)

    def samples(self, batch):
        return np.asarray(batch[0]).transpose(0, 3, 1, 2)


class EpochsCold(Epochs):
    """As FFCV's guide has it for sets larger than memory: pages of 8 MiB, read ahead by itself."""
    title = "FFCV RAW, os_cache=False, QUASI_RANDOM"
    workloads = ("W6",)
    note = "reads whole pages in order: no full shuffle"

    def order(self):
        from ffcv.loader import OrderOption
        return {"order": OrderOption.QUASI_RANDOM, "os_cache": False}
