"""tools/examples/train.c: it learns what is to be learned, and says when it does not."""
import re
import subprocess

import h5py
import numpy
import pytest
import rasterio
from big import ORIGIN, feed, make_scene, polygon, square, write_labels
from conftest import BUILD, check_clean

LINE = re.compile(r"epoch (\d+): loss (\d+\.\d{4}), (\d+\.\d) % of (\d+) pixels right")


@pytest.fixture(scope="module")
def train():
    program = BUILD / "tools/examples/train"
    if not program.exists():
        pytest.skip(f"no {program}")

    def run(*arguments, code=0):
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True,
                              check=False, timeout=600)
        check_clean(done.stderr)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done

    return run


def epochs(done):
    """Loss, share of right pixels and pixels of every epoch."""
    found = [LINE.fullmatch(line) for line in done.stdout.splitlines()]
    assert found and all(found), done.stdout
    assert [int(line[1]) for line in found] == list(range(1, len(found) + 1))
    return [(float(line[2]), float(line[3]) / 100, int(line[4])) for line in found]


@pytest.fixture(scope="module")
def olinda_masks(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("train") / "olinda.h5"
    feed(path, "--image", data / "olinda/scene.tif", "--labels", data / "olinda/sectors.geojson",
         "--class-field", "TIPO", "--task", "segmentation", "--tile", 64, "--stride", 32,
         "--match", "all", "--codec", "raw")
    return path


def test_the_loss_falls(train, olinda_masks):
    """Below nine tenths of the first epoch's, and below what shares of classes alone would give."""
    losses = [loss for loss, _, _ in epochs(train(olinda_masks))]
    with h5py.File(olinda_masks) as file:
        masks = file["train/labels/mask"][...]
    shares = numpy.bincount(masks[masks != 255]) / (masks != 255).sum()
    assert len(losses) == 10
    assert losses[-1] < 0.9 * losses[0]
    assert losses[-1] < -0.92 * (shares * numpy.log(shares)).sum()


def test_what_can_be_learned_is_learned(train, tmp_path):
    """Cars are bright in the first band and houses in the second. The pixels that padding adds to
    the last tiles are ignored. Images and masks turned apart would spoil it all."""
    side, features = 200, []
    image = make_scene(tmp_path / "scene.tif", side, side, bands=3)
    with rasterio.open(image, "r+") as scene:
        pixels = scene.read()
        for number, (row, col) in enumerate(numpy.ndindex(5, 5)):
            row, col, size = row * 40 + number % 7, col * 40 + number % 11, 12 + number % 15
            pixels[number % 2, row:row + size, col:col + size] += 120
            features.append(polygon(square(ORIGIN[0] + col, ORIGIN[1] - row, size),
                                    kind=["car", "house"][number % 2]))
        scene.write(pixels)
    labels = write_labels(tmp_path / "labels.geojson", features)
    feed(tmp_path / "made.h5", "--image", image, "--labels", labels, "--class-field", "kind",
         "--task", "segmentation", "--tile", 32, "--edge", "pad", "--match", "all")
    found = epochs(train(tmp_path / "made.h5", "train", 12))
    assert [pixels for _, _, pixels in found] == [side * side] * 12
    assert found[-1][0] < 0.15 * found[0][0]
    assert found[-1][1] > 0.97


def test_the_same_seed_learns_the_same(train, olinda_masks):
    assert train(olinda_masks, "train", 2).stdout == train(olinda_masks, "train", 2).stdout


def test_one_epoch_is_no_fall(train, olinda_masks):
    done = train(olinda_masks, "train", 1, code=1)
    assert done.stderr == "train: the loss did not fall\n"


@pytest.mark.parametrize("arguments, code, says", [
    ([], 2, "usage: train STORE"), (["{store}", "train", "0"], 2, "usage"), (["no.h5"], 1, "no.h5"),
    (["{store}", "nosuch"], 1, "nosuch")])
def test_it_fails_in_one_line(train, olinda_masks, arguments, code, says):
    done = train(*[word.format(store=olinda_masks) for word in arguments], code=code)
    assert done.stdout == "" and says in done.stderr and done.stderr.count("\n") == 1


def test_a_store_without_masks_is_refused(train, data, tmp_path):
    feed(tmp_path / "bare.h5", "--image", data / "olinda/scene.tif", "--tile", 64)
    done = train(tmp_path / "bare.h5", code=1)
    assert done.stdout == "" and "bare.h5" in done.stderr and done.stderr.count("\n") == 1
