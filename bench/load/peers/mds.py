"""MosaicML Streaming: MDS shards on the local disk, its own DataLoader."""
import numpy as np

from peers.base import Peer
from peers.torch_loader import collate


class Collate:
    """Of the only column."""

    def __init__(self, workers):
        self.collate = collate(workers)

    def __call__(self, samples):
        return self.collate([sample["image"] for sample in samples])


class Epochs(Peer):
    title = "MosaicML Streaming (MDS)"
    packages = ("streaming", "torch")
    workloads = ("W1", "W2", "W4")
    note = ("shuffles blocks of 2^18 samples (py1e), which is all of these sets; compressed "
            "shards are inflated once, then kept")

    def __init__(self, data, folder):
        super().__init__(data, folder)
        self.loader, self.workers = None, None

    def prepare(self):
        from streaming import MDSWriter
        shape = ",".join(map(str, self.data.shape))
        columns = {"image": f"ndarray:{self.data.dtype}:{shape}"}
        compression = "zstd:1" if self.data.codec == "lz4" else None
        with MDSWriter(out=str(self.folder), columns=columns, compression=compression,
                       keep_local=True) as writer:
            for tile in self.data.tiles():
                writer.write({"image": np.ascontiguousarray(tile)})

    def epoch(self, seed, workers):
        from streaming import StreamingDataLoader, StreamingDataset
        from streaming.base.util import clean_stale_shared_memory
        if self.loader is None or self.workers != workers:
            self.close()
            clean_stale_shared_memory()
            self.workers = workers
            dataset = StreamingDataset(local=str(self.folder), shuffle=True, shuffle_seed=seed,
                                       batch_size=self.data.batch_size, num_canonical_nodes=1)
            self.loader = StreamingDataLoader(dataset, batch_size=self.data.batch_size,
                                              num_workers=workers, persistent_workers=workers > 0,
                                              collate_fn=Collate(workers))
        return iter(self.loader)

    def close(self):
        self.loader = None
