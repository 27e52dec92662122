"""Grain over ArrayRecord: uncompressed records of raw bytes, one to a group, for random access."""
import numpy as np

from peers.base import Peer

THREADS = 4
AHEAD = 64


class Epochs(Peer):
    title = "Grain + ArrayRecord"
    packages = ("grain", "array_record")
    workloads = ("W1", "W4")
    note = f"{THREADS} reading threads in every process"

    def prepare(self):
        from array_record.python.array_record_module import ArrayRecordWriter
        writer = ArrayRecordWriter(str(self.folder / "tiles.array_record"),
                                   "group_size:1,uncompressed")
        for tile in self.data.tiles():
            writer.write(tile.tobytes())
        writer.close()

    def decode(self, record):
        return np.frombuffer(record, self.data.dtype).reshape(self.data.shape)

    def dataset(self, seed):
        import grain
        source = grain.sources.ArrayRecordDataSource([str(path) for path in self.files()])
        return grain.MapDataset.source(source).shuffle(seed=seed).map(self.decode)

    def epoch(self, seed, workers):
        import grain
        reading = grain.ReadOptions(num_threads=THREADS, prefetch_buffer_size=AHEAD)
        batches = self.dataset(seed).to_iter_dataset(reading).batch(self.data.batch_size)
        if workers:
            batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
        return iter(batches)
