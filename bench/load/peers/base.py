"""What a contestant must be able to do."""
import numpy as np


class Peer:
    """One library, with the layout and the settings that suit it best.

    An instance lives in a process of its own. Its layout lies in `folder`, which outlives it.
    """
    title = ""           # as the table names it
    packages = ()        # modules to import; one that is missing leaves the peer out
    workloads = ()       # which it takes part in
    sweep = (0, 1, 2, 4)  # worker counts to try
    note = ""            # what a reader must know of the row

    def __init__(self, data, folder):
        self.data = data
        self.folder = folder

    def prepare(self):
        """Writes the layout into the folder, once."""

    def files(self):
        """All files that an epoch reads: to be warmed or dropped."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def epoch(self, seed, workers):
        """Batches of a new epoch in the order of `seed`; data.batch_size samples each."""
        raise NotImplementedError

    def samples(self, batch):
        """A batch as an array [n, *data.shape]."""
        return np.asarray(batch)

    def close(self):
        """Ends worker processes."""


class Taker(Peer):
    """One that makes a batch of a list of indices."""
    sweep = (1,)

    def take(self, indices, workers):
        raise NotImplementedError

    def lists(self, seed):
        """Random indices, each sample once: batch by batch, as a sampler would hand them out."""
        order = np.random.default_rng(seed).permutation(self.data.count)
        size = self.data.batch_size
        return [order[i:i + size] for i in range(0, self.data.count, size)]

    def epoch(self, seed, workers):
        for indices in self.lists(seed):
            yield self.take(indices, workers)
