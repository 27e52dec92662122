"""np.memmap of one raw file, a batch gathered by one NumPy call; also in torch's DataLoader."""
import numpy as np

from peers.base import Taker
from peers.torch_loader import TorchLoader


class Tiles:
    def __init__(self, path):
        self.path, self.array = path, None
        self.count = len(np.load(path, mmap_mode="r"))

    def __len__(self):
        return self.count

    def __getitems__(self, indices):
        import torch
        if self.array is None:
            self.array = np.load(self.path, mmap_mode="r")
        return torch.from_numpy(self.array[indices])


class Epochs(TorchLoader):
    title = "np.memmap + DataLoader"
    packages = ("torch",)
    workloads = ("W1", "W4", "W6")

    def files(self):
        return [self.data.folder / "tiles.npy"]

    def dataset(self):
        return Tiles(self.files()[0])


class Take(Taker):
    title = "np.memmap[indices]"
    workloads = ("W5",)

    def files(self):
        return [self.data.folder / "tiles.npy"]

    def epoch(self, seed, workers):
        self.array = np.load(self.files()[0], mmap_mode="r")
        return super().epoch(seed, workers)

    def take(self, indices, workers):
        return self.array[indices]
