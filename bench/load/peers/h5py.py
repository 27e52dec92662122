"""h5py: in torch's DataLoader, and by fancy indexing.

The file is opened in the worker: an HDF5 handle does not survive a fork. Each sample is read
straight into its place in the batch, which is the fastest that h5py offers for random samples.
"""
import numpy as np

from peers.base import Taker
from peers.torch_loader import TorchLoader


class Tiles:
    def __init__(self, path, count, shape, dtype):
        self.path, self.count, self.shape, self.dtype = path, count, shape, dtype
        self.images = None

    def __len__(self):
        return self.count

    def open(self):
        import h5py
        self.images = h5py.File(self.path, "r")["images"]

    def __getitems__(self, indices):
        import torch
        if self.images is None:
            self.open()
        batch = np.empty((len(indices), *self.shape), self.dtype)
        for i, index in enumerate(indices):
            self.images.read_direct(batch, np.s_[index], np.s_[i])
        return torch.from_numpy(batch)


class Epochs(TorchLoader):
    title = "h5py contiguous + DataLoader"
    packages = ("h5py", "torch")
    workloads = ("W1", "W4", "W6")

    def prepare(self):
        import h5py
        with h5py.File(self.folder / "tiles.h5", "w") as file:
            file.create_dataset("images", data=self.data.tiles())

    def dataset(self):
        return Tiles(self.files()[0], self.data.count, self.data.shape, self.data.dtype)


class TilesLz4(Tiles):
    def open(self):
        import hdf5plugin  # noqa: F401  registers the filter
        super().open()


class EpochsLz4(Epochs):
    title = "h5py + hdf5plugin LZ4 + DataLoader"
    packages = ("h5py", "hdf5plugin", "torch")
    workloads = ("W2",)

    def prepare(self):
        import h5py
        import hdf5plugin
        with h5py.File(self.folder / "tiles.h5", "w") as file:
            file.create_dataset("images", data=self.data.tiles(), chunks=(1, *self.data.shape),
                                shuffle=True, **hdf5plugin.LZ4())

    def dataset(self):
        return TilesLz4(self.files()[0], self.data.count, self.data.shape, self.data.dtype)


class EpochsGzip(Epochs):
    """The file that is there already."""
    title = "h5py + DataLoader"
    workloads = ("W3",)

    def prepare(self):
        pass

    def files(self):
        return [self.data.legacy]


class Take(Taker):
    """h5py wants rising indices; the batch is brought into the order asked for afterwards, as users
    must."""
    title = "h5py[sorted indices], contiguous"
    packages = ("h5py",)
    workloads = ("W5",)
    chunked = False

    def prepare(self):
        import h5py
        with h5py.File(self.folder / "tiles.h5", "w") as file:
            file.create_dataset("images", data=self.data.tiles(),
                                chunks=(1, *self.data.shape) if self.chunked else None)

    def epoch(self, seed, workers):
        import h5py
        self.images = h5py.File(self.files()[0], "r")["images"]
        return super().epoch(seed, workers)

    def take(self, indices, workers):
        order = np.argsort(indices)
        batch = self.images[indices[order]]
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return batch[back]


class TakeChunked(Take):
    title = "h5py[sorted indices], one chunk a tile"
    chunked = True
