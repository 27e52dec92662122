"""zarr-python 3: one tile a chunk, a batch is one orthogonal selection, in a DataLoader."""
from peers.base import Taker
from peers.torch_loader import TorchLoader



def create(data, folder):
    import numpy
    import zarr
    shape = (data.count, *data.shape)
    if data.codec == "lz4":
        compressors = [zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")]
    else:
        compressors = None
    array = zarr.create_array(str(folder / "tiles.zarr"), shape=shape, chunks=(1, *data.shape),
                              dtype=data.dtype, compressors=compressors)
    tiles = data.tiles()
    for i in range(0, data.count, 256):
        array[i:i + 256] = numpy.asarray(tiles[i:i + 256])


class Tiles:
    def __init__(self, path, count):
        self.path, self.count, self.array = path, count, None

    def __len__(self):
        return self.count

    def __getitems__(self, indices):
        import torch
        import zarr
        if self.array is None:
            self.array = zarr.open_array(self.path, mode="r")
        return torch.from_numpy(self.array.oindex[indices])


class Epochs(TorchLoader):
    title = "zarr + DataLoader"
    packages = ("zarr", "torch")
    workloads = ("W1", "W2")

    def prepare(self):
        create(self.data, self.folder)

    def dataset(self):
        return Tiles(str(self.folder / "tiles.zarr"), self.data.count)


class Take(Taker):
    title = "zarr.oindex[indices]"
    packages = ("zarr",)
    workloads = ("W5",)

    def prepare(self):
        create(self.data, self.folder)

    def epoch(self, seed, workers):
        import zarr
        self.array = zarr.open_array(str(self.folder / "tiles.zarr"), mode="r")
        return super().epoch(seed, workers)

    def take(self, indices, workers):
        return self.array.oindex[indices]
