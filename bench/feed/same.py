"""Whether a store and the loop's file hold the same samples: python3 same.py STORE LOOP

The store must have a codec that h5py reads by itself (--codec deflate). Images, one-hot vectors,
classes and the number of boxes must be equal; boxes and shares to 0.01 pixels and 0.001; masks may
differ where an edge runs within rounding of a pixel's centre, in less than one of 100,000 pixels.
"""
import sys

import h5py
import numpy as np


def difference(what, a, b, limit):
    worst = float(np.abs(a.astype("f8") - b.astype("f8")).max()) if a.size else 0.0
    if a.shape != b.shape or not worst <= limit:
        sys.exit(f"not the same job: {what} differ by {worst}")


def compare(store_path, loop_path):
    with h5py.File(store_path) as file, h5py.File(loop_path) as loop:
        ours = file["train"]
        place = {tuple(w): i for i, w in enumerate(loop["windows"][:].tolist())}
        windows = ours["samples"]["window"]
        if len(windows) != len(place):
            sys.exit(f"not the same job: {len(windows)} and {len(place)} samples")
        theirs = {name: loop[name][:] for name in
                  ("onehot", "boxes", "box_class", "box_visible", "box_feature", "box_offsets")}
        mine = {name: ours["labels"][name][:] for name in theirs}
        wrong = 0
        for i, window in enumerate(windows):
            k = place[tuple(int(v) for v in window)[:2]]
            if not np.array_equal(ours["images"][i], loop["images"][k]):
                sys.exit(f"not the same job: image of window {window}")
            wrong += int((ours["labels/mask"][i] != loop["mask"][k]).sum())
            a = slice(*mine["box_offsets"][i:i + 2])
            b = slice(*theirs["box_offsets"][k:k + 2])
            difference("one-hot vectors", mine["onehot"][i], theirs["onehot"][k], 0)
            if a.stop - a.start != b.stop - b.start:
                sys.exit(f"not the same job: {a.stop - a.start} and {b.stop - b.start} boxes in "
                         f"window {window}")
            difference("classes", mine["box_class"][a], theirs["box_class"][b], 0)
            difference("boxes", mine["boxes"][a], theirs["boxes"][b], 0.01)
            difference("shares", mine["box_visible"][a], theirs["box_visible"][b], 0.001)
        pixels = int(np.prod(loop["mask"].shape))
        if wrong > pixels / 100000:
            sys.exit(f"not the same job: {wrong} of {pixels} mask pixels")
        print(f"{len(windows)} samples and {len(mine['boxes'])} boxes equal, {wrong} of {pixels} "
              "mask pixels differ")


if __name__ == "__main__":
    compare(*sys.argv[1:3])
