"""torch's DataLoader over a dataset with indices, as most training code has it."""
import numpy as np

from peers.base import Peer


def first(batch):
    """The dataset hands out whole batches: there is nothing left to collate."""
    return batch


def stack(samples):
    import torch
    return torch.from_numpy(np.stack(samples))


def collate(workers):
    """The faster way to one tensor: in a worker, torch's own stacks into shared memory at once; in
    this process NumPy's copy beats torch's several times."""
    import torch
    return torch.utils.data.default_collate if workers else stack


class TorchLoader(Peer):
    """Workers stay alive between epochs; the dataset fills a whole batch at a time."""

    def __init__(self, data, folder):
        super().__init__(data, folder)
        self.loader, self.workers = None, None

    def dataset(self):
        """An object with __len__ and __getitems__ that gives one tensor for a list of indices."""
        raise NotImplementedError

    def epoch(self, seed, workers):
        import torch
        if self.loader is None or self.workers != workers:
            self.close()
            self.workers = workers
            self.loader = torch.utils.data.DataLoader(
                self.dataset(), self.data.batch_size, shuffle=True, num_workers=workers,
                persistent_workers=workers > 0, collate_fn=first,
                generator=torch.Generator())
        self.loader.generator.manual_seed(seed)
        return iter(self.loader)

    def samples(self, batch):
        return batch.numpy()

    def close(self):
        self.loader = None
