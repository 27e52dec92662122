"""Exports as others read them: COCO by hand and by pycocotools, images by rasterio."""
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import rasterio
import rasterio.errors
from conftest import VEDATILE, run_vedatile
from exports import export, feed, group, keys, lines, mask_of


pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """Two groups and every label."""
    folder = tmp_path_factory.mktemp("exports")
    return feed(folder / "split.h5", "--stride", 40, "--split", "train=0.6,test=0.4",
                "--split-by", "random")


def coco(output, name="train"):
    return json.loads((output / f"annotations/{name}.json").read_text(encoding="utf-8"))


# --- COCO ----------------------------------------------------------------------------------------

def test_coco_has_what_the_format_asks_for(split, tmp_path):
    export(split, tmp_path / "out", "coco")
    for name in "train", "test":
        arrays, document = group(split, name), coco(tmp_path / "out", name)
        assert [c["id"] for c in document["categories"]] == [1, 2]
        assert [c["name"] for c in document["categories"]] == ["RURAL", "URBANO"]
        for i, (image, key) in enumerate(zip(document["images"], keys(split, name), strict=True)):
            assert image == {"id": i + 1, "file_name": f"{key}.tif", "width": 64, "height": 64}
            assert (tmp_path / "out/images" / name / image["file_name"]).is_file()
        boxes = arrays["labels/boxes"].astype(float)
        assert len(document["annotations"]) == len(boxes)
        for row, annotation in enumerate(document["annotations"]):
            x0, y0, x1, y1 = boxes[row]
            assert annotation["bbox"] == [x0, y0, x1 - x0, y1 - y0]
            assert annotation["category_id"] == arrays["labels/box_class"][row] + 1
            assert annotation["iscrowd"] == 0


def test_coco_masks_are_the_stores(split, tmp_path):
    export(split, tmp_path / "out", "coco", "--group", "train")
    arrays, document = group(split), coco(tmp_path / "out")
    offsets, hidden = arrays["labels/box_offsets"].astype(int), 0
    for annotation in document["annotations"]:
        sample = annotation["image_id"] - 1
        number = annotation["id"] - offsets[sample]
        expected = arrays["labels/instances"][sample] == number
        assert (mask_of(annotation["segmentation"]) == expected).all()
        assert annotation["area"] == expected.sum()
        hidden += annotation["area"] == 0
    assert hidden > 0, "fully covered objects keep their annotations (geoai loses their ids)"


def test_coco_ids_are_unique_and_stay(split, tmp_path, vedatile):
    """geoai gives the ids anew in every tile; here they are places in the store."""
    export(split, tmp_path / "all", "coco")
    export(split, tmp_path / "one", "coco", "--group", "test")
    whole = coco(tmp_path / "all", "test")
    assert whole == coco(tmp_path / "one", "test")
    for list_name in "images", "annotations":
        ids = [entry["id"] for entry in whole[list_name]]
        assert len(set(ids)) == len(ids) > 0
    assert {a["image_id"] for a in whole["annotations"]} <= {i["id"] for i in whole["images"]}


def test_coco_segmentation_of_boxes_is_a_list_of_lists(tmp_path):
    """solaris writes one flat list, which the format does not allow."""
    store = feed(tmp_path / "store.h5", tasks="detection")
    export(store, tmp_path / "out", "coco")
    for annotation in coco(tmp_path / "out")["annotations"]:
        x, y, w, h = annotation["bbox"]
        assert annotation["segmentation"] == [[x, y, x + w, y, x + w, y + h, x, y + h]]
        assert annotation["area"] == pytest.approx(w * h)


def test_pycocotools_finds_the_same(split, tmp_path, capsys):
    mask = pytest.importorskip("pycocotools.mask", reason="no pycocotools (tools/setup.sh)")
    from pycocotools.coco import COCO
    export(split, tmp_path / "out", "coco", "--group", "train")
    arrays, peer = group(split), COCO(str(tmp_path / "out/annotations/train.json"))
    offsets = arrays["labels/box_offsets"].astype(int)
    assert len(peer.getAnnIds()) == offsets[-1] and len(peer.getImgIds()) == len(offsets) - 1
    for image in peer.getImgIds():
        for annotation in peer.loadAnns(peer.getAnnIds(imgIds=image)):
            expected = arrays["labels/instances"][image - 1] == annotation["id"] - offsets[image - 1]
            assert (peer.annToMask(annotation) == expected).all()
            assert mask.area(annotation["segmentation"]) == annotation["area"]
            again = mask.encode(np.asfortranarray(expected.astype(np.uint8)))
            assert again["counts"].decode() == annotation["segmentation"]["counts"]


def test_coco_needs_boxes(tmp_path):
    store = feed(tmp_path / "store.h5", tasks="segmentation")
    done = export(store, tmp_path / "out", "coco", code=1)
    assert "no boxes" in done.stderr
    assert not list(tmp_path.glob("out*"))


# --- pictures --------------------------------------------------------------------------------------

def test_geotiff_lies_where_the_tile_does(split, tmp_path):
    export(split, tmp_path / "out", "geotiff")
    for name in "train", "test":
        arrays = group(split, name)
        for i, key in enumerate(keys(split, name)):
            for kind, expected in (("images", arrays["images"][i]),
                                   ("masks", arrays["labels/mask"][i][None]),
                                   ("instances", arrays["labels/instances"][i][None])):
                with rasterio.open(tmp_path / f"out/{kind}/{name}/{key}.tif") as file:
                    assert (file.read() == expected).all()
                    assert file.transform.to_gdal() == tuple(arrays["samples"]["geotransform"][i])
                    assert file.crs.to_epsg() == 31985
                    assert not any("alpha" in c.name for c in file.colorinterp)
    with rasterio.open(tmp_path / f"out/images/{name}/{key}.tif") as file:
        assert file.descriptions == tuple(f"band_{b + 1}" for b in range(6))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "float32",
                                   "float64"])
@pytest.mark.parametrize("bands", [1, 4])
def test_geotiff_of_every_type(tmp_path, dtype, bands):
    pixels = np.random.default_rng(1).integers(0, 120, (bands, 64, 64)).astype(dtype)
    with rasterio.open(tmp_path / "scene.tif", "w", driver="GTiff", width=64, height=64,
                       count=bands, dtype=dtype, photometric="MINISBLACK", crs="EPSG:32725",
                       transform=rasterio.Affine(2, 0.5, 7, 0.5, -2, 9)) as file:
        file.write(pixels)
    run_vedatile("feed", tmp_path / "store.h5", "--image", tmp_path / "scene.tif", "--tile", 64)
    export(tmp_path / "store.h5", tmp_path / "out", "geotiff")
    (path,) = (tmp_path / "out/images/train").iterdir()
    with rasterio.open(path) as file:
        assert file.dtypes == (dtype,) * bands
        assert (file.read() == pixels).all()
        assert tuple(file.transform)[:6] == (2, 0.5, 7, 0.5, -2, 9)


def test_png_bands_and_stretch(split, tmp_path):
    done = export(split, tmp_path / "out", "png", code=1)
    assert "PNG holds 1 or 3 bands" in done.stderr and "6 of uint8" in done.stderr
    export(split, tmp_path / "plain", "png", "--bands", "4,3,2")
    export(split, tmp_path / "range", "png", "--bands", 5, "--stretch", "range")
    export(split, tmp_path / "sigma", "png", "--bands", 5, "--stretch", "sigma")
    everything = np.concatenate([group(split, name)["images"] for name in ("train", "test")])
    band = everything[:, 4].astype(float)
    low, high = band.mean() - 2 * band.std(), band.mean() + 2 * band.std()
    for name in "train", "test":
        images = group(split, name)["images"]
        for i, key in enumerate(keys(split, name)):
            with rasterio.open(tmp_path / f"plain/images/{name}/{key}.png") as file:
                assert (file.read() == images[i][[3, 2, 1]]).all()
            for out, (a, b) in (("range", (band.min(), band.max())), ("sigma", (low, high))):
                with rasterio.open(tmp_path / f"{out}/images/{name}/{key}.png") as file:
                    wanted = np.clip((images[i][4] - a) * 255 / (b - a), 0, 255)
                    assert np.abs(file.read(1) - wanted).max() <= 0.5 + 1e-6


def test_coco_pictures_of_each_kind(split, tmp_path):
    first = keys(split)[0]
    for kind, suffix in ("png", "png"), ("jpeg", "jpg"), ("tiff", "tif"), ("auto", "png"):
        export(split, tmp_path / kind, "coco", "--bands", "3,2,1", "--picture", kind)
        path = tmp_path / kind / f"images/train/{first}.{suffix}"
        with rasterio.open(path) as file:
            difference = np.abs(file.read().astype(int) - group(split)["images"][0][[2, 1, 0]])
            assert difference.max() == 0 if kind != "jpeg" else difference.mean() < 4
        assert not list((tmp_path / kind).rglob("*.aux.xml"))
        assert coco(tmp_path / kind)["images"][0]["file_name"] == path.name


# --- the folder --------------------------------------------------------------------------------------

def test_the_list_of_samples(split, tmp_path):
    export(split, tmp_path / "out", "geotiff")
    arrays = group(split, "test")
    listed = lines(tmp_path / "out/samples/test.jsonl")
    offsets = arrays["labels/box_offsets"].astype(int)
    for i, (line, row) in enumerate(zip(listed, arrays["samples"], strict=True)):
        assert line["key"] == row["key"].decode() and line["group"] == "test"
        assert line["window"] == row["window"].tolist()
        assert line["geotransform"] == row["geotransform"].tolist()
        assert line["bounds"] == row["bounds"].tolist()
        assert line["valid_fraction"] == row["valid_fraction"]
        assert line["band_stats"][2][1] == row["band_mean"][2]
        assert line["boxes"] == arrays["labels/boxes"][offsets[i]:offsets[i + 1]].tolist()
        assert line["onehot"] == np.flatnonzero(arrays["labels/onehot"][i]).tolist()
    about = json.loads((tmp_path / "out/vedatile.json").read_text())
    assert about["classes"] == ["RURAL", "URBANO"] and about["tile"]["bands"] == 6


def test_two_exports_are_equal_byte_for_byte(split, tmp_path):
    for name in "a", "b":
        export(split, tmp_path / name, "coco")
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*"))
    assert files == sorted(path.relative_to(tmp_path / "b") for path in (tmp_path / "b").rglob("*"))
    for name in files:
        if (tmp_path / "a" / name).is_file():
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_is_there_is_left_alone(split, tmp_path):
    (tmp_path / "out").mkdir()
    assert "is there already" in export(split, tmp_path / "out", "coco", code=1).stderr
    (tmp_path / "new.part").mkdir()
    (tmp_path / "new.part/precious").write_text("x")
    assert "no export of ours" in export(split, tmp_path / "new", "coco", code=1).stderr
    assert (tmp_path / "new.part/precious").read_text() == "x"


def test_a_killed_export_leaves_no_output(split, tmp_path):
    process = subprocess.Popen([VEDATILE, "export", split, "--format", "coco", "-o", tmp_path / "out"])
    while not (tmp_path / "out.part/samples").exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.returncode == -signal.SIGKILL:
        assert not (tmp_path / "out").exists()
        export(split, tmp_path / "out", "coco")
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("options, said", [
    (["--format", "coco", "--bands", "7"], "no band 7"),
    (["--format", "coco", "--group", "nosuch"], "nosuch"),
    (["--format", "coco", "--view", "nosuch"], "nosuch"),
    (["--format", "geotiff", "--picture", "png"], "pictures of its own kind"),
    (["--format", "nosuch"], "coco"),
])
def test_wrong_options(split, tmp_path, vedatile, options, said):
    done = vedatile("export", split, "-o", tmp_path / "out", *options, code=None)
    assert done.returncode in (1, 2) and said in done.stderr
    assert not list(tmp_path.glob("out*"))


def test_a_damaged_sample_stops_it(tmp_path):
    store = feed(tmp_path / "store.h5", codec="raw")
    data = bytearray(store.read_bytes())
    at = data.find(group(store)["images"][3].tobytes())
    data[at + 100] ^= 1
    store.write_bytes(data)
    done = export(store, tmp_path / "out", "png", "--bands", 1, code=1)
    assert keys(store)[3] in done.stderr and "checksum" in done.stderr
    assert not list(tmp_path.glob("out*"))
