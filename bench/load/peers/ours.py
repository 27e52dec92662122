"""vedatile: worker threads in this process, batches without a copy."""
import numpy as np

from peers.base import Peer, Taker


def source_of(data):
    """The samples' source: a store, or an HDF5 file that somebody else wrote."""
    import vedatile
    if data.codec is None:
        return vedatile.open_hdf5(str(data.legacy), images="/images", labels="/labels"), {}
    return vedatile.Store(str(data.store)), {"group": "train"}


class Epochs(Peer):
    title = "vedatile"
    packages = ("vedatile",)
    workloads = ("W1", "W2", "W3", "W4", "W6")
    sweep = ()  # as many threads as the limit has
    options = {}

    def __init__(self, data, folder):
        super().__init__(data, folder)
        self.loader, self.workers = None, None

    def files(self):
        return [self.data.store if self.data.codec else self.data.legacy]

    def epoch(self, seed, workers):
        if self.loader is None or self.workers != workers:
            source, group = source_of(self.data)
            self.loader = source.loader(batch_size=self.data.batch_size, shuffle=True, seed=seed,
                                        threads=workers, **group, **self.options)
            self.workers = workers
        return self.loader.batches()

    def samples(self, batch):
        return np.asarray(batch.images)


class EpochsMapped(Epochs):
    """For sets that are known to fit the page cache."""
    title = "vedatile, map=True"
    workloads = ("W1", "W2", "W4")
    options = {"map": True}


class EpochsCold(Epochs):
    """A disk wants more reads under way than there are cores."""
    title = "vedatile, 16 threads"
    workloads = ("W6",)
    sweep = (16,)


class Take(Taker):
    title = "vedatile take(indices)"
    packages = ("vedatile",)
    workloads = ("W5",)
    sweep = ()

    def files(self):
        return [self.data.store]

    def epoch(self, seed, workers):
        self.source, self.group = source_of(self.data)
        return super().epoch(seed, workers)

    def take(self, indices, workers):
        return self.source.take(indices, threads=workers, **self.group)

    def samples(self, batch):
        return np.asarray(batch.images)
