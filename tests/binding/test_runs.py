"""Runs from Python: every kind of prediction in and out, what comes again, what a commit freezes."""
import json

import numpy as np
import pytest
import vedatile
import vedatile.shapes
from conftest import SOURCE, run_vedatile

CLASSES = ["car", "bus", "tree"]


@pytest.fixture
def run(tmp_path):
    with vedatile.Run(path=tmp_path / "r.h5", classes=CLASSES, model="net", metadata={"n": 1}) as run:
        yield run


def test_boxes_in_every_form(run):
    xyxy = np.array([[1, 2, 4, 8], [0, 0, 2.5, 1]])
    run.add("a", boxes=xyxy, labels=["car", "tree"], scores=[0.5, 0.25])
    run.add("b", boxes=[[1, 2, 3, 6], [0, 0, 2.5, 1]], labels=[0, 2], scores=[0.5, 0.25],
            box_format="xywh")
    run.add("c", boxes=[[2.5, 5, 3, 6], [1.25, 0.5, 2.5, 1]], labels=np.array([0, 2]),
            scores=np.float32([0.5, 0.25]), box_format="cxcywh")
    run.commit()
    for sample in "abc":
        found = run.refloc(sample)
        assert [row["box"] for row in found] == xyxy.tolist()
        assert [row["labels"]["class"] for row in found] == ["car", "tree"]
        assert [row["score"] for row in found] == [0.5, 0.25]
    assert run.info["annotations"] == 6 and run.info["metadata"] == {"n": 1}


def test_batches_as_detectors_give_them(run):
    rng = np.random.default_rng(0)
    masks = rng.random((2, 1, 6, 7)).astype(np.float32)
    given = [{"boxes": np.float32([[0, 0, 2, 3]]), "labels": np.int64([1]),
              "scores": np.float32([0.75])},
             {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, np.int64), "scores": np.zeros(0)},
             {"boxes": np.zeros((2, 4)), "labels": [2, 3], "scores": [0.5, 0.25], "masks": masks}]
    run._first_label = 1
    counts = run.add_batch(["x", "y", "z"], given)
    assert counts["added"] == 3 and all(sample in run for sample in "xyz") and "w" not in run
    assert run.add_batch(["x", "y", "z"], given)["ignored"] == 3
    run.commit()
    assert run.refloc("x")[0]["labels"] == {"class": "car"} and run.refloc("y") == []
    found = run.refloc("z")
    for row, mask in zip(found, masks[:, 0] > 0.5):
        rle = {"size": row["mask"]["size"], "counts": row["mask"]["counts"].encode()}
        np.testing.assert_array_equal(vedatile.shapes.decode([rle])[..., 0], mask)


def test_other_kinds(run):
    triangle = [[[0, 0], [9, 0], [9, 9]]]
    run.add("p", polygons=[triangle], labels=["car"], scores=[0.5], ids=["one"],
            metadata=[{"a": 1}])
    run.add("r", rotated=[[5, 5, 4, 2, 0.5]], labels=["bus"], scores=[0.5])
    run.add("l", lines=[[[0, 0], [3, 4]]], labels=["bus"], scores=[0.5])
    run.add("d", points=[[3, 4]], labels=["bus"], scores=[0.5])
    run.add("s", probabilities=[0.2, 0.5, 0.3])
    run.add("t", probabilities={"class": {"car": 0.9, "bus": 0.1}, "colour": {"red": 0.75}})
    run.add("u", label="tree")
    run.add("v", mask=np.array([[0, 1], [3, 255]], np.uint8))
    assert run.refloc("p")[0]["metadata"] == {"a": 1}
    run.commit()
    assert run.refloc("p")[0]["id"] == "one" and run.refloc("r")[0]["rotated"] == [5, 5, 4, 2, 0.5]
    assert run.refloc("s")[0]["labels"] == {"class": {"car": 0.2, "bus": 0.5, "tree": 0.3}}
    assert run.refloc("t")[0]["labels"]["class"] == {"car": 0.9, "bus": 0.1}
    assert run.refloc("u")[0]["labels"] == {"class": "tree"} and run.refloc("u")[0]["score"] == 1
    np.testing.assert_array_equal(np.asarray(run.raster("v")), [[0, 1], [3, 255]])
    assert {run.refloc(sample)[0]["type"] for sample in "prld"} == {"polygon", "rotated", "line",
                                                                   "point"}


def test_again(run):
    box = {"boxes": [[0, 0, 1, 1]], "labels": ["car"], "scores": [0.5]}
    assert run.add("a", **box) == {"added": 1, "updated": 0, "ignored": 0}
    assert run.add("a", **box)["ignored"] == 1
    with pytest.raises(vedatile.ExistsError, match="sample a"):
        run.add("a", **{**box, "scores": [0.75]})
    assert run.add("a", **{**box, "scores": [0.75]}, mode="update")["updated"] == 1
    assert run.add("a", **box, mode="append")["added"] == 1
    assert [row["score"] for row in run.refloc("a")] == [0.75, 0.5]
    run.drop("a")
    assert "a" not in run and run.refloc("a") == []


def test_bad_input(run):
    box = {"boxes": [[0, 0, 1, 1]], "labels": ["car"], "scores": [0.5]}
    for change, text in (({"scores": [float("nan")]}, "score"), ({"labels": ["lorry"]}, "car, bus"),
                         ({"labels": [3]}, "0 to 2"), ({"boxes": [[1, 0, 0, 1]]}, "below 0"),
                         ({"scores": [0.5, 0.5]}, "scores"), ({"points": [[1, 1]]}, "one kind"), ({"masks": []}, "boxes: there are 1"),
                         ({"box_format": "yx"}, "xyxy")):
        with pytest.raises(vedatile.Error, match=text):
            run.add("a", **{**box, **change})
    with pytest.raises(vedatile.Error, match="value 9"):
        run.add("a", mask=np.full((2, 2), 9, np.uint8))
    assert "a" not in run
    with pytest.raises(vedatile.BusyError):
        vedatile.Run(path=run.info["path"])


def test_a_commit_freezes(run, tmp_path):
    run.add("a", boxes=[[0, 0, 1, 1]], labels=["car"], scores=[0.5], ids=["1"])
    run.commit()
    before = (tmp_path / "r.h5").read_bytes()
    again = vedatile.Run(path=tmp_path / "r.h5")
    for other in (run, again):
        for change in (lambda: other.add("a", boxes=[[0, 0, 1, 1]], labels=["car"], scores=[1]),
                       lambda: other.add("b", label="car"), lambda: other.mark("b"),
                       lambda: other.drop("a"), lambda: other.drop("a", "1"), other.commit,
                       lambda: other.add_batch(["b"], [{"boxes": [], "scores": [], "labels": []}])):
            with pytest.raises(vedatile.DeniedError, match="committed"):
                change()
        assert other.committed and other.refloc("a")[0]["id"] == "1"
    assert (tmp_path / "r.h5").read_bytes() == before
    run.remove()
    assert not (tmp_path / "r.h5").exists()


def test_of_a_store(olinda, tmp_path):
    import shutil
    path = tmp_path / "s.h5"
    shutil.copy(olinda, path)
    store = vedatile.Store(path)
    run = store.run("one", model="m", group="train")
    assert len(run) == store.count["train"] and run.classes == store.classes
    keys = [sample.key for sample in store.train]
    run.add(keys[3], boxes=[[0, 0, 5, 5]], labels=[0], scores=[0.5])
    run.mark(0)
    with pytest.raises(vedatile.NotFoundError, match="nothing-like-that"):
        run.mark("nothing-like-that")
    run.close()
    run = store.run("one")
    assert 3 in run and keys[3] in run and 0 in run and 1 not in run
    run.commit()
    assert run.iloc(3) == run.refloc(keys[3]) and run.iloc(3)[0]["sample"] == keys[3]
    assert run.loc(run.iloc(3)[0]["number"])["box"] == [0, 0, 5, 5]
    found = vedatile.runs(store)
    assert [(info["name"], info["committed"], info["predicted"]) for info in found] == \
        [("one", True, 2)]
    assert found[0]["store_uuid"] == store.uuid
    run.remove()
    assert vedatile.runs(store) == []


def test_masks_keep_boxes_of_their_own(tmp_path):
    """A detector's box is not the bounds of its mask; both are scored as they were given."""
    mask = np.zeros((1, 20, 20), np.uint8)
    mask[0, 5:9, 5:9] = 1
    with vedatile.AnnotationSet(tmp_path / "truth.h5") as truth:
        truth.add_sample("a", rows=20, cols=20)
        truth.add([{"sample": "a", "id": "1", "box": [2, 2, 12, 12], "label": "car"}])
    (tmp_path / "gt.json").write_text(json.dumps(
        {"images": [{"id": 7, "file_name": "a", "height": 20, "width": 20}], "annotations": [],
         "categories": [{"id": 3, "name": "car"}]}))
    counts = vedatile.shapes.encode(np.asfortranarray(np.moveaxis(mask, 0, -1)))[0]["counts"]
    (tmp_path / "dt.json").write_text(json.dumps(
        [{"image_id": 7, "category_id": 3, "bbox": [2, 2, 10, 10], "score": 0.5,
          "segmentation": {"size": [20, 20], "counts": counts.decode()}}]))
    box = {"boxes": [[2, 2, 12, 12]], "labels": ["car"], "scores": [0.5]}
    adding = {"call": lambda run: run.add("a", masks=mask, **box),
              "batch": lambda run: run.add_batch(["a"], [{**box, "masks": mask[None]}]),
              "coco": lambda run: run.add_coco(tmp_path / "dt.json", tmp_path / "gt.json"),
              "bounds": lambda run: run.add("a", masks=mask, labels=["car"], scores=[0.5])}
    for name, add in adding.items():
        run = vedatile.Run(path=tmp_path / f"{name}.h5", classes=CLASSES)
        add(run)
        run.commit()
        assert run.refloc("a")[0]["type"] == "mask"
        found = vedatile.evaluate(ground_truth=tmp_path / "truth.h5", predictions=tmp_path / f"{name}.h5",
                                  iou="bbox")
        assert (found["AP"] > 0.999) == (name != "bounds"), name


def test_predictions_without_ids_go_to_the_map(tmp_path):
    store = tmp_path / "o.h5"
    vedatile.feed(store, SOURCE / "data/olinda/scene.tif", SOURCE / "data/olinda/sectors.geojson",
                  class_field="TIPO", task="detection", tile=128)
    with vedatile.Store(store) as opened:
        run = opened.run("may", group="train")
        run.add(0, boxes=[[1, 2, 30, 40], [50, 60, 70, 80]], labels=[0, 1], scores=[.5, .25])
        run.commit()
    run_vedatile("predictions", "export", store, tmp_path / "may.geojson", "--run", "may")
    features = json.loads((tmp_path / "may.geojson").read_text())["features"]
    assert not any("id" in feature for feature in features)
    found = sorted((feature["properties"]["class"], feature["properties"]["score"]) for feature in features)
    assert found == [("RURAL", .5), ("URBANO", .25)]
