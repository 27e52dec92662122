"""LitData: chunks of raw bytes, shuffled, its own DataLoader."""
import numpy as np

from peers.base import Peer
from peers.torch_loader import collate

CHUNK_BYTES = "64MB"


class Epochs(Peer):
    title = "LitData"
    packages = ("litdata",)
    workloads = ("W1", "W2", "W4")
    note = ("shuffles chunks, and samples within them; compressed chunks are inflated once, then "
            "kept")

    def __init__(self, data, folder):
        super().__init__(data, folder)
        self.loader, self.workers = None, None

    def prepare(self):
        from litdata.streaming.writer import BinaryWriter
        writer = BinaryWriter(str(self.folder), chunk_bytes=CHUNK_BYTES,
                              compression="zstd" if self.data.codec == "lz4" else None,
                              compression_level="chunk")
        for i, tile in enumerate(self.data.tiles()):
            writer.add_item(i, np.ascontiguousarray(tile))
        writer.done()
        writer.merge()

    def epoch(self, seed, workers):
        from litdata import StreamingDataLoader, StreamingDataset
        if self.loader is None or self.workers != workers:
            self.workers = workers
            # Decoding a whole neighbourhood for each sample suits small records; here it is ten
            # times slower.
            dataset = StreamingDataset(str(self.folder), shuffle=True, seed=seed, drop_last=False,
                                       batch_decode=False)
            self.loader = StreamingDataLoader(dataset, batch_size=self.data.batch_size,
                                              num_workers=workers, persistent_workers=workers > 0,
                                              collate_fn=collate(workers))
        return iter(self.loader)
