"""WebDataset: tar shards of raw bytes, shards and a buffer shuffled, batched in the workers."""
import io
import tarfile

import numpy as np

from peers.base import Peer
from peers.torch_loader import collate

SHARDS = 16
BUFFER = 1000


class Epochs(Peer):
    title = "WebDataset"
    packages = ("webdataset", "torch")
    workloads = ("W1", "W4")
    note = f"shuffles shards and a buffer of {BUFFER}: no full shuffle"

    def prepare(self):
        tiles = self.data.tiles()
        for shard, part in enumerate(np.array_split(np.arange(len(tiles)), SHARDS)):
            with tarfile.open(self.folder / f"{shard:04}.tar", "w") as tar:
                for i in part:
                    content = tiles[i].tobytes()
                    member = tarfile.TarInfo(f"{i:08}.bin")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))

    def decode(self, sample):
        return np.frombuffer(sample["bin"], self.data.dtype).reshape(self.data.shape)

    def epoch(self, seed, workers):
        import webdataset
        dataset = webdataset.WebDataset([str(path) for path in self.files()], shardshuffle=SHARDS,
                                        seed=seed, empty_check=False)
        dataset = dataset.shuffle(BUFFER, seed=seed).map(self.decode).batched(
            self.data.batch_size, collation_fn=collate(workers))
        return iter(webdataset.WebLoader(dataset, batch_size=None, num_workers=workers))
