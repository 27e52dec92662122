"""TensorStore: zarr 3, one tile a chunk, batches gathered ahead by its own threads."""
import collections

import numpy as np

from peers.base import Taker

SHARDED = 20_000  # more tiles than this: not one file each, but 256 to a shard


def spec(data, folder):
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
    if data.codec == "lz4":
        size = np.dtype(data.dtype).itemsize
        codecs.append({"name": "blosc", "configuration": {
            "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": size}})
    tile = [1, *data.shape]
    chunk = tile
    if data.count > SHARDED:
        chunk = [256, *data.shape]
        codecs = [{"name": "sharding_indexed", "configuration": {"chunk_shape": tile,
                                                                 "codecs": codecs}}]
    return {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(folder / "tiles.zarr")},
            "metadata": {"shape": [data.count, *data.shape], "data_type": data.dtype,
                         "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
                         "codecs": codecs}}


class Take(Taker):
    title = "TensorStore[indices]"
    packages = ("tensorstore",)
    workloads = ("W5",)
    array = None

    def prepare(self):
        import tensorstore
        array = tensorstore.open(spec(self.data, self.folder), create=True).result()
        tiles = self.data.tiles()
        for i in range(0, self.data.count, 1024):
            part = np.asarray(tiles[i:i + 1024])
            array[i:i + len(part)].write(part).result()

    def open(self):
        import tensorstore
        if self.array is None:
            self.array = tensorstore.open(spec(self.data, self.folder), open=True).result()

    def epoch(self, seed, workers):
        self.open()
        return super().epoch(seed, workers)

    def take(self, indices, workers):
        return self.array[indices].read().result()


class Epochs(Take):
    """`workers` counts the batches that are asked for ahead; the threads are TensorStore's own."""
    title = "TensorStore"
    workloads = ("W1", "W2", "W4")
    sweep = (1, 2, 4)

    def epoch(self, seed, workers):
        self.open()
        waiting = collections.deque()
        for indices in self.lists(seed):
            waiting.append(self.array[indices].read())
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
