"""A network learns from a store of real imagery, and is not kept waiting."""
import os
import re
import subprocess
import sys

import pytest
from conftest import PACKAGE, SHARED, SOURCE, command

torch = pytest.importorskip("torch", reason="PyTorch is not installed (python3-torch)")

SCENES = {
    "kampala": ("kampala-buildings/kampala_z20_1536x1024.tif", "kampala-buildings/labels.geojson",
                ["--tile", "128"]),
    "para": ("para-landcover/LT52240631988227CUB02_7bands.tif",
             "para-landcover/training_polygons.geojson",
             ["--tile", "32", "--stride", "16", "--class-field", "class"]),
}


@pytest.mark.parametrize("name", SCENES)
def test_unet_learns(tmp_path, name):
    scene, labels, options = SCENES[name]
    if SHARED is None or not (SHARED / scene).exists():
        pytest.skip(f"{scene} is not there")
    store = tmp_path / "store.h5"
    command.run_vedatile("feed", store, "--image", SHARED / scene, "--labels", SHARED / labels,
                         "--task", "segmentation", *options)
    done = subprocess.run([sys.executable, SOURCE / "tools/examples/unet.py", store, "6"],
                          check=False, capture_output=True, text=True, timeout=600,
                          env={**os.environ, "PYTHONPATH": str(PACKAGE)})
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    losses = [float(loss) for loss in re.findall(r"loss ([\d.]+)", done.stdout)]
    assert len(losses) == 6
    assert losses[-1] < 0.8 * losses[0]
    assert len(re.findall(r"waiting for batches", done.stdout)) == 6
