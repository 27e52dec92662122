"""What the arrays of one store say of each other, and how classes are named."""
import itertools
import json

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.features
import reference
from osgeo import ogr
from reference import (LABELLED, Labels, fed, feed, labels_of, rectangle, write_labels, write_scene)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.getbasetemp()


@pytest.fixture(params=LABELLED, ids=str)
def case(request, shared):
    return request.param


# --- arrays that agree -------------------------------------------------------------------------

def test_onehot_is_the_classes_of_the_objects(case, shared, folder):
    store = fed(case, folder)
    labels = labels_of(case.image, case.labels, case.field)
    assert store.classes == labels.classes
    for i, window in enumerate(store.windows):
        present = {box[1] for box in store.boxes(i)}
        assert set(np.flatnonzero(store.onehot[i])) == present
        certain = {box[1] for box in labels.boxes(window) if box[3] > reference.NEGLIGIBLE}
        assert certain <= present
    assert set(np.unique(store.onehot)) <= {0, 1}


def test_instances_lie_in_their_boxes(case, shared, folder):
    store = fed(case, folder)
    for i, instances in enumerate(store.instances):
        boxes = store.boxes(i)
        assert instances.max(initial=0) <= len(boxes)
        rows, cols = np.nonzero(instances)
        if not len(rows):
            continue
        own = np.array([box[0] for box in boxes])[instances[rows, cols] - 1]
        assert (own[:, 0] <= cols + 0.5).all() and (cols + 0.5 <= own[:, 2]).all()
        assert (own[:, 1] <= rows + 0.5).all() and (rows + 0.5 <= own[:, 3]).all()


def test_instances_are_what_gdal_burns_for_each_object(case, shared, folder):
    """Feature by feature, through the boxes' own list of features."""
    store = fed(case, folder)
    labels = labels_of(case.image, case.labels, case.field)
    numbers = {feature.id: k for k, feature in enumerate(labels.features, 1)}
    whole = labels.burn(values=numbers)
    for i, window in enumerate(store.windows):
        own = [0] + [numbers[box[2]] for box in store.boxes(i)]
        np.testing.assert_array_equal(np.array(own)[store.instances[i]],
                                      reference.crop(whole, window, 0))


def test_instances_have_the_class_of_the_mask(case, shared, folder):
    store = fed(case, folder)
    for i in range(len(store)):
        classes = np.array([0] + [box[1] + 1 for box in store.boxes(i)])
        mask = store.masks[i]
        kept = mask != reference.IGNORE
        np.testing.assert_array_equal(classes[store.instances[i]][kept], mask[kept])


def test_instances_of_dropped_boxes_are_not_burnt(shared, tmp_path):
    """With --min-visible an instance mask shows the objects that have a box, and no others."""
    image = shared / "kampala-buildings/kampala_z21_b_1024x1024.tif"
    path = shared / "kampala-buildings/labels.geojson"
    store = feed(tmp_path / "store.h5", image, path, "--tile", 256, "--min-visible", 0.6)
    shapes = {feature.id: feature.pixels for feature in Labels(image, path).features}
    dropped = 0
    for i, (col, row, cols, rows) in enumerate(store.windows):
        own = [(shapes[box[2]], k) for k, box in enumerate(store.boxes(i), 1)]
        expected = rasterio.features.rasterize(
            own, (rows, cols), transform=rasterio.Affine.translation(col, row), dtype="uint16")
        np.testing.assert_array_equal(store.instances[i], expected)
        dropped += (expected == 0).sum() - (store.masks[i] == 0).sum()
    assert dropped > 0


# --- tasks asked for ---------------------------------------------------------------------------

TASKS = ["classification", "detection", "segmentation", "instance"]
BOXES = {"boxes", "box_offsets", "box_class", "box_feature", "box_visible"}
ARRAYS = {"classification": {"onehot"}, "detection": BOXES, "segmentation": {"mask"},
          "instance": {"instances"} | BOXES}


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    return feed(tmp_path_factory.mktemp("whole") / "store.h5", data / "olinda/scene.tif",
                data / "olinda/sectors.geojson", "--class-field", "TIPO", "--tile", 64)


@pytest.mark.parametrize("tasks", [t for n in (1, 2, 3) for t in itertools.combinations(TASKS, n)],
                         ids="+".join)
def test_a_subset_of_tasks_has_the_arrays_of_the_whole(data, whole, tmp_path, tasks):
    store = feed(tmp_path / "store.h5", data / "olinda/scene.tif", data / "olinda/sectors.geojson",
                 "--class-field", "TIPO", "--tile", 64, tasks=",".join(tasks))
    with h5py.File(store.path) as file:
        found = set(file["train/labels"])
        assert [task.decode() for task in file.attrs["tasks"]] == list(tasks)
    assert found == set().union(*(ARRAYS[task] for task in tasks))
    for name in found:
        np.testing.assert_array_equal(store.array(f"labels/{name}"), whole.array(f"labels/{name}"))


def test_without_labels_there_are_no_label_arrays(data, tmp_path):
    store = feed(tmp_path / "store.h5", data / "olinda/scene.tif", (), "--tile", 64)
    with h5py.File(store.path) as file:
        assert not len(file["train"].get("labels", ()))
        assert not len(file.attrs["tasks"])


# --- classes ----------------------------------------------------------------------------------

OLINDA = ("olinda-landsat7/L7_ETMs.tif", "olinda-landsat7/olinda1.geojson")


def field_values(path, field):
    source = ogr.Open(str(path))
    return [feature.GetField(field) for layer in source for feature in layer]


def test_class_names_are_utf8_and_sorted_by_their_bytes(shared, tmp_path):
    image, path = (shared / name for name in OLINDA)
    store = feed(tmp_path / "store.h5", image, path, "--class-field", "NM_BAIR",
                 "--unknown", "skip", "--tile", 64, "--edge", "pad", tasks="segmentation")
    names = {name for name in field_values(path, "NM_BAIR") if name is not None}
    assert store.classes == sorted(names, key=lambda name: name.encode())
    assert len(names) == 31 and "Águas Compridas" in names and "Caixa D'Água" in names
    labels = Labels(image, path, "NM_BAIR", classes=store.classes)
    mask = labels.burn()
    for tile, window in zip(store.masks, store.windows):
        np.testing.assert_array_equal(tile, reference.crop(mask, window))


def test_null_classes_are_an_error_that_says_so(shared, store, vedatile):
    image, path = (shared / name for name in OLINDA)
    done = vedatile("feed", store, "--image", image, "--labels", path, "--task", "segmentation",
                    "--class-field", "NM_BAIR", code=1)
    assert "12 features" in done.stderr and "'NM_BAIR'" in done.stderr
    assert "--unknown skip" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not store.exists()


@pytest.mark.parametrize("classes", [["URBANO", "RURAL"], ["RURAL", "none", "URBANO"]])
def test_class_ids_follow_the_list(shared, tmp_path, classes):
    image, path = (shared / name for name in OLINDA)
    store = feed(tmp_path / "store.h5", image, path, "--class-field", "TIPO", "--classes",
                 ",".join(classes), "--tile", 100, "--edge", "pad")
    assert store.classes == classes
    labels = Labels(image, path, "TIPO", classes=classes)
    mask = labels.burn()
    for i, window in enumerate(store.windows):
        np.testing.assert_array_equal(store.masks[i], reference.crop(mask, window))
        reference.assert_boxes(store.boxes(i), labels.boxes(window))


def test_a_comma_in_a_class_name(tmp_path):
    image = write_scene(tmp_path / "scene.tif", np.zeros((8, 8), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson", [(rectangle(1, 1, 5, 5), "grass, dry")])
    store = feed(tmp_path / "store.h5", image, labels, "--class-field", "class",
                 "--classes", "water,grass\\, dry", "--tile", 8)
    assert store.classes == ["water", "grass, dry"]
    assert set(np.unique(store.masks)) == {0, 2}


def test_unknown_values_are_listed(shared, store, vedatile):
    image = shared / "para-landcover/LT52240631988227CUB02_7bands.tif"
    done = vedatile("feed", store, "--image", image, "--labels",
                    shared / "para-landcover/training_polygons.geojson",
                    "--task", "segmentation", "--class-field", "class", "--classes", "water,forest",
                    code=1)
    assert "'cleared'" in done.stderr and "'fallen_dry'" in done.stderr
    assert "18 features" in done.stderr and "'forest'" not in done.stderr
    assert not store.exists()


@pytest.mark.parametrize("unknown", ["skip", "other"])
def test_unknown_values_are_skipped_or_taken_as_a_class(shared, tmp_path, unknown):
    image = shared / "para-landcover/LT52240631988227CUB02_7bands.tif"
    path = shared / "para-landcover/training_polygons.geojson"
    classes = ["forest", "water", "other"]
    store = feed(tmp_path / "store.h5", image, path, "--class-field", "class", "--classes",
                 ",".join(classes), "--unknown", unknown, "--tile", 100, "--edge", "pad")
    labels = Labels(image, path, "class", classes, unknown=None if unknown == "skip" else unknown)
    assert len(labels.features) == (18 if unknown == "skip" else 36)
    mask = labels.burn()
    for i, window in enumerate(store.windows):
        np.testing.assert_array_equal(store.masks[i], reference.crop(mask, window))
        reference.assert_boxes(store.boxes(i), labels.boxes(window))


@pytest.mark.parametrize("options, said", [
    (("--classes", "a,b", "--unknown", "c"), "c"),
    (("--classes", "a,a"), "a"),
    (("--class-field", "Class"), "class"),  # fields are told apart by case
], ids=["unknown class", "twice", "field"])
def test_impossible_classes_are_refused(tmp_path, vedatile, options, said):
    image = write_scene(tmp_path / "scene.tif", np.zeros((8, 8), np.uint8))
    labels = write_labels(tmp_path / "labels.geojson", [(rectangle(1, 1, 5, 5), "a")])
    field = () if "--class-field" in options else ("--class-field", "class")
    done = vedatile("feed", tmp_path / "store.h5", "--image", image, "--labels", labels,
                    "--task", "segmentation", *field, *options, code=None)
    assert done.returncode in (1, 2) and said in done.stderr
    assert not (tmp_path / "store.h5").exists()


def test_report_counts_what_was_met(shared, tmp_path, vedatile):
    done = vedatile("feed", tmp_path / "store.h5", "--image",
                    shared / "kampala-buildings/kampala_z21_b_1024x1024.tif",
                    "--labels", shared / "kampala-buildings/labels.geojson",
                    "--task", "detection", "--tile", 256, "--json")
    report = json.loads(done.stdout)
    store = reference.Store(tmp_path / "store.h5")
    assert report["features"] == 206 and report["repaired"] == 1
    assert report["windows"] == 16 == report["written"] + report["unlabelled"]
    assert report["written"] == len(store)
    assert report["boxes"] == len(store.array("labels/boxes"))
