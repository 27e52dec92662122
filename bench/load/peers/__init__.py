"""The contestants by name: (module here, class)."""
import importlib

ALL = {
    "ours": ("ours", "Epochs"),
    "ours-map": ("ours", "EpochsMapped"),
    "ours-cold": ("ours", "EpochsCold"),
    "ours-take": ("ours", "Take"),
    "memmap": ("memmap", "Epochs"),
    "memmap-take": ("memmap", "Take"),
    "h5py": ("h5py", "Epochs"),
    "h5py-lz4": ("h5py", "EpochsLz4"),
    "h5py-gzip": ("h5py", "EpochsGzip"),
    "h5py-take": ("h5py", "Take"),
    "h5py-take-chunked": ("h5py", "TakeChunked"),
    "ffcv": ("ffcv", "Epochs"),
    "ffcv-cold": ("ffcv", "EpochsCold"),
    "litdata": ("litdata", "Epochs"),
    "mds": ("mds", "Epochs"),
    "webdataset": ("webdataset", "Epochs"),
    "zarr": ("zarr", "Epochs"),
    "zarr-take": ("zarr", "Take"),
    "tensorstore": ("tensorstore", "Epochs"),
    "tensorstore-take": ("tensorstore", "Take"),
    "grain": ("grain", "Epochs"),
}


def find(name):
    """The class of a contestant; its library is not imported yet."""
    module, kind = ALL[name]
    return getattr(importlib.import_module(f"peers.{module}"), kind)
