"""Annotation sets in Python: of a store and on their own."""
import base64
import io
import json
import multiprocessing

import h5py
import numpy as np
import pytest
import vedatile
from osgeo import gdal

gdal.UseExceptions()


@pytest.fixture
def store(tmp_path, data):
    path = tmp_path / "a.h5"
    vedatile.feed(path, image=data / "olinda/scene.tif", labels=data / "olinda/sectors.geojson",
                  task=["detection", "instance"], tile=64, codec="raw")
    return vedatile.Store(path)


BOX = {"id": "1", "box": [1, 2, 30, 40], "labels": {"class": "roof"}}


def test_a_set_of_a_store(store):
    with store.annotations("labels") as found:
        key = found.iloc(3).reference
        report = found.add([{"sample": key, **BOX}])
        assert (report["added"], report["ignored"], report["problems"]) == (1, 0, [])
        assert found.add([{"sample": key, **BOX}])["ignored"] == 1
        found.mark(5)
    assert vedatile.annotation_sets(store) == ["labels"]
    found = store.annotations("labels", write=False)
    assert len(found) == 1 and found.keys() == ["class"] and found.values() == ["roof"]
    sample = found.refloc(key)
    assert sample.index == 3 and sample.annotated and sample.group == "train"
    (record,) = sample.annotations
    assert record["box"] == [1, 2, 30, 40] and record["number"] == 0
    assert found.loc(0) == record == found.get(key, "1")
    assert found.iloc(5).annotated and not found.iloc(6).annotated
    with store.annotations("labels") as again:
        again.mark()
        assert all(sample.annotated for sample in again.samples())
    with pytest.raises(vedatile.NotFoundError, match="no sample"):
        found.refloc("nowhere")
    with pytest.raises(vedatile.NotFoundError):
        found.iloc(-1)
    with pytest.raises(vedatile.ArgumentError, match="not opened to be changed"):
        found.mark(0)


def test_what_goes_wrong_leaves_everything(store):
    found = store.annotations("labels")
    key = found.iloc(0).reference
    good = [{"sample": key, "id": str(i), "box": [i, i, i + 5, i + 5]} for i in range(10)]
    bad = [*good[:4], {**good[4], "box": [5, 5, 1, 1]}, *good[5:]]
    with pytest.raises(vedatile.ArgumentError, match='record 5, sample "' + key + '", annotation "4"'):
        found.add(bad)
    assert len(found) == 0
    report = found.add(bad, skip_bad=True)
    assert report["added"] == 9 and report["failed"] == 1 and "corners are swapped" in report["problems"][0]
    with pytest.raises(vedatile.NotFoundError, match="the store has no such sample"):
        found.add([{"sample": "nowhere", **BOX}])
    try:
        with found:
            found.remove(key)
            raise KeyError
    except KeyError:
        pass
    with pytest.raises(vedatile.NotFoundError):  # nothing was saved
        store.annotations("labels", write=False)


def write_later(path, queue):
    try:
        with vedatile.AnnotationSet(path) as other:
            queue.put(len(other))
    except vedatile.BusyError as failure:
        queue.put(str(failure))


def test_one_writer_at_a_time(tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    with vedatile.AnnotationSet(tmp_path / "s.h5") as found:
        found.add({"sample": "a", **BOX})
        process = context.Process(target=write_later, args=(tmp_path / "s.h5", queue))
        process.start()
        assert "another process is changing it" in queue.get(timeout=60)
        process.join()
    assert [item.name for item in tmp_path.iterdir()] == ["s.h5"]


def test_free_samples(tmp_path):
    with vedatile.AnnotationSet(tmp_path / "video.h5") as video:
        for frame in range(3):
            video.add_sample(f"clip#{frame}", rows=1080, cols=1920, metadata={"frame": frame})
        video.add([{"sample": "clip#1", "id": "x", "labels": {"class": {"cat": 0.75, "dog": 0.25}, "light": "day"}},
                   {"sample": "row 17 / µ", "labels": {"class": "yes"}}])
        video.update([{"sample": "clip#1", "id": "x", "labels": {"class": "cat"}}])
    video = vedatile.AnnotationSet(tmp_path / "video.h5", write=False)
    assert [sample.metadata for sample in video.samples()] == [{"frame": 0}, {"frame": 1}, {"frame": 2}, {}]
    assert [sample.annotated for sample in video.samples()] == [False, True, False, True]
    assert video.get("clip#1", "x")["labels"] == {"class": "cat"} and video.iloc(1).cols == 1920
    (record,) = video.list("row 17 / µ")
    assert record["id"].startswith("#")


def test_masks_of_png(tmp_path):
    pixels = np.zeros((20, 30), np.uint8)
    pixels[3:9, 5:11] = 1
    pixels[5, 7] = 0
    pixels[15, 2:4] = 255
    memory = gdal.GetDriverByName("MEM").Create("", 30, 20, 1)
    memory.GetRasterBand(1).WriteArray(pixels)
    gdal.GetDriverByName("PNG").CreateCopy("/vsimem/m.png", memory)
    handle = gdal.VSIFOpenL("/vsimem/m.png", "rb")
    png = gdal.VSIFReadL(1, gdal.VSIStatL("/vsimem/m.png").size, handle)
    gdal.VSIFCloseL(handle)
    found = vedatile.AnnotationSet()
    found.add({"sample": "s", "id": "m", "mask": {"png": base64.b64encode(png).decode()}})
    record = found.get("s", "m")
    assert record["mask"]["size"] == [20, 30]
    from vedatile.coco import mask
    assert (mask.decode({"size": [20, 30], "counts": record["mask"]["counts"]}) == (pixels > 0)).all()


def test_a_stores_own_labels(store):
    found = vedatile.AnnotationSet.from_store(store)
    with h5py.File(store.path) as file:
        labels = file["train/labels"]
        offsets, boxes, kinds = labels["box_offsets"][:].astype(int), labels["boxes"][:], labels["box_class"][:]
        instances, classes = labels["instances"][:], list(file.attrs["classes"])
    assert len(found) == len(boxes)
    from vedatile.coco import mask
    for index, sample in enumerate(found.samples()):
        assert len(sample.annotations) == offsets[index + 1] - offsets[index]
        for i, record in enumerate(sample.annotations):
            assert record["labels"]["class"].encode() == classes[kinds[offsets[index] + i]]
            assert record["type"] == "mask"
            assert (mask.decode(record["mask"]) == (instances[index] == i + 1)).all()


def test_h5py_edits_are_found(tmp_path):
    with vedatile.AnnotationSet(tmp_path / "s.h5") as found:
        found.add({"sample": "a", **BOX})
    with h5py.File(tmp_path / "s.h5", "r+") as file:
        assert file["annotations/box"][0].tolist() == [1, 2, 29, 38]
        file["annotations/box"][0, 0] = 7
    with pytest.raises(vedatile.FormatError, match="content_sha256"):
        vedatile.AnnotationSet(tmp_path / "s.h5", write=False)


def test_exchange(tmp_path):
    lines = io.StringIO()
    for record in ({"sample": "a", **BOX}, {"sample": "b"}):
        lines.write(json.dumps(record) + "\n")
    (tmp_path / "in.jsonl").write_text(lines.getvalue())
    found = vedatile.AnnotationSet()
    assert found.import_file(tmp_path / "in.jsonl")["added"] == 1
    assert found.export(tmp_path / "out.json", "coco")["added"] == 1
    document = json.loads((tmp_path / "out.json").read_text())
    assert [image["file_name"] for image in document["images"]] == ["a", "b"]
    assert document["annotations"][0]["bbox"] == [1, 2, 29, 38]
    with pytest.raises(vedatile.ExistsError):
        found.export(tmp_path / "out.json", "coco")
    with pytest.raises(vedatile.ArgumentError):
        found.export(tmp_path / "x", "shapefile")
