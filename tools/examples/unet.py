"""Trains a small U-Net on a store with masks: python3 unet.py STORE [EPOCHS]

Prints the mean loss of each epoch, and the share of the time that the loop spent waiting for the
loader. Ignore pixels (255) do not count.
"""
import sys
import time

import torch
import vedatile
from torch import nn

BATCH = 8
IGNORE = 255


def block(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())


class UNet(nn.Module):
    """Two levels down and up again, with the finer level's features beside the coarser one's."""

    def __init__(self, bands, classes, width=16):
        super().__init__()
        self.fine, self.middle = block(bands, width), block(width, 2 * width)
        self.coarse = block(2 * width, 4 * width)
        self.up_middle, self.up_fine = block(6 * width, 2 * width), block(3 * width, width)
        self.out = nn.Conv2d(width, classes, 1)
        self.down, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, x):
        fine = self.fine(x)
        middle = self.middle(self.down(fine))
        coarse = self.coarse(self.down(middle))
        middle = self.up_middle(torch.cat([self.up(coarse), middle], 1))
        return self.out(self.up_fine(torch.cat([self.up(middle), fine], 1)))


def train_epoch(model, optimizer, loader):
    """Mean loss of the epoch, and the seconds spent waiting for batches."""
    losses, waited, before = [], 0.0, time.perf_counter()
    for images, masks in loader:
        waited += time.perf_counter() - before
        logits = model(torch.from_numpy(images))
        target = torch.from_numpy(masks).long()
        loss = nn.functional.cross_entropy(logits, target, ignore_index=IGNORE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        before = time.perf_counter()
    return sum(losses) / len(losses), waited


def main(path, epochs=8):
    torch.manual_seed(0)
    store = vedatile.Store(path)
    bands = len(vedatile.Store(path)[0].image)
    loader = store.loader(batch_size=BATCH, shuffle=True, seed=1, tasks=["segmentation"],
                          normalize=True, augment=("flip_cols", "flip_rows", "rotate"))
    model = UNet(bands, 1 + len(store.classes))  # class 0 is the background
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    first = last = None
    for epoch in range(epochs):
        begin = time.perf_counter()
        last, waited = train_epoch(model, optimizer, loader)
        first = last if first is None else first
        share = waited / (time.perf_counter() - begin)
        print(f"epoch {epoch}: loss {last:.3f}, {share:.2%} of the time waiting for batches")
    return 0 if last < first else 1


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: unet.py STORE [EPOCHS]")
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
