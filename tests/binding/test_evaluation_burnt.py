"""Segmentation of outlines and masks: burnt as stores' masks are, beside GDAL and NumPy; areas on the ground."""
import numpy as np
import pytest
import vedatile
from conftest import SOURCE, run_vedatile
from osgeo import gdal, ogr, osr

gdal.UseExceptions()

CLASSES = ["roof", "tree", "water"]


def star(rng, rows, cols, holes=True):
    """A polygon with corners at random angles and distances, and often a hole."""
    centre = rng.uniform([0, 0], [cols, rows])
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 12)))
    reach = rng.uniform(4, 18, len(angles))
    ring = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    inner = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None] * .4
    return [ring.tolist()] + ([inner.tolist()] if holes and rng.random() < .5 else [])


def burn(shapes, rows, cols):
    """GDAL's raster of polygons and masks with values, the last on top."""
    raster = gdal.GetDriverByName("MEM").Create("", cols, rows, 1, gdal.GDT_UInt16)
    raster.SetGeoTransform((0, 1, 0, 0, 0, 1))
    for shape, value in shapes:
        if isinstance(shape, np.ndarray):
            pixels = raster.ReadAsArray()
            pixels[shape] = value
            raster.GetRasterBand(1).WriteArray(pixels)
            continue
        polygon = ogr.Geometry(ogr.wkbPolygon)
        for points in shape:
            ring = ogr.Geometry(ogr.wkbLinearRing)
            for x, y in [*points, points[0]]:
                ring.AddPoint_2D(x, y)
            polygon.AddGeometry(ring)
        source = ogr.GetDriverByName("Memory").CreateDataSource("")
        layer = source.CreateLayer("", None, ogr.wkbPolygon)
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetGeometry(polygon)
        layer.CreateFeature(feature)
        gdal.RasterizeLayer(raster, [1], layer, burn_values=[value])
    return raster.ReadAsArray()


def confusion(truth, predicted, classes=len(CLASSES)):
    """[truth][predicted], the last column for what is predicted nowhere."""
    seen = truth != 65535
    column = np.where(predicted == 65535, classes + 1, predicted).astype(np.int64)
    cells = truth[seen].astype(np.int64) * (classes + 2) + column[seen]
    return np.bincount(cells, minlength=(classes + 1) * (classes + 2)).reshape(classes + 1, classes + 2)


def check(task, matrix):
    assert task["confusion"]["counts"] == matrix.tolist()
    both, truth, predicted = np.diag(matrix), matrix.sum(1), matrix[:, :-1].sum(0)
    rows = {row["class"]: row for row in task["classes"]}
    for i, name in enumerate(CLASSES, 1):
        assert rows[name]["iou"] == pytest.approx(both[i] / (truth[i] + predicted[i] - both[i]), abs=1e-12)
    assert task["metrics"]["accuracy"] == pytest.approx(both.sum() / matrix.sum(), abs=1e-12)


def make(folder, samples=6):
    """A set of polygons, boxes and masks on samples of several sizes, and a run of polygons with scores."""
    rng = np.random.default_rng(5)
    truths, found = [], []
    with vedatile.AnnotationSet(folder / "truth.h5") as truth:
        run = vedatile.Run("r", path=folder / "run.h5", classes=CLASSES)
        for i in range(samples):
            rows, cols = 50 + 7 * i, 64 - 5 * i
            truth.add_sample(f"s{i}", rows=rows, cols=cols)
            shapes = []
            for k in range(5):
                value = int(rng.integers(3))
                if k == 3:  # a mask of pixels
                    shape = rng.random((rows, cols)) < .1
                    runs = np.diff(np.concatenate([[0], np.flatnonzero(np.diff(
                        np.concatenate([[False], shape.T.ravel()]))) , [shape.size]]))
                    geometry = {"mask": {"size": [rows, cols], "counts": runs.tolist()}}
                elif k == 4:  # a box, and what is to be ignored
                    x, y = rng.uniform(0, 30, 2).round(3).tolist()
                    shape = [[[x, y], [x + 9, y], [x + 9, y + 8], [x, y + 8]]]
                    geometry = {"box": [x, y, x + 9, y + 8], "flags": ["ignore"]}
                else:
                    shape = star(rng, rows, cols)
                    geometry = {"type": "polygon", "coordinates": shape}
                truth.add([{"sample": f"s{i}", "id": str(k), "label": CLASSES[value], **geometry}])
                shapes.append((shape, 65535 if k == 4 else value + 1))
            truths.append(burn(shapes, rows, cols))
            if i == 5:  # not predicted
                found.append(np.full((rows, cols), 65535))
                continue
            polygons = [star(rng, rows, cols) for _ in range(5)]
            labels, scores = rng.integers(0, 3, 5), rng.permutation(np.linspace(.3, .9, 5).round(2))
            if i != 4:  # nothing there
                run.add(f"s{i}", polygons=polygons, labels=labels.tolist(), scores=scores.tolist())
            else:
                run.mark(f"s{i}")
            order = [k for k in np.argsort(scores) if scores[k] >= .5 and i != 4]
            found.append(burn([(polygons[k], int(labels[k]) + 1) for k in order], rows, cols))
        run.commit()
    return {"ground_truth": folder / "truth.h5", "predictions": folder / "run.h5"}, truths, found


def test_outlines_of_files(tmp_path):
    files, truths, found = make(tmp_path)
    made = vedatile.evaluate(**files, task="segmentation")
    task, = made.tasks
    matrices = np.array([confusion(t, f) for t, f in zip(truths, found, strict=True)])
    check(task, matrices.sum(0))
    assert (task["ground_truth_of"], task["predictions_of"], task["score"], task["mask_rule"]) == (
        "outlines", "outlines", .5, "center")
    assert "1 of 6 samples are not predicted" in made.warnings[0]
    each = {row["sample"]: row["accuracy"] for row in task["worst"]}
    for i, matrix in enumerate(matrices):
        assert each[f"s{i}"] == pytest.approx(np.diag(matrix).sum() / matrix.sum(), abs=1e-12)
    one = vedatile.evaluate(**files, task="segmentation", threads=1)
    assert one.to_json() == vedatile.evaluate(**files, task="segmentation", threads=5).to_json()
    assert [t["task"] for t in vedatile.evaluate(**files).tasks] == ["detection", "instance"]  # unless asked


def test_the_most_likely_of_many_labels(tmp_path):
    square, names = [[[0, 0], [8, 0], [8, 8], [0, 8]]], [f"c{i}" for i in range(40)]
    with vedatile.AnnotationSet(tmp_path / "truth.h5") as truth:
        truth.add_sample("s", rows=16, cols=16)
        truth.add([{"sample": "s", "id": "1", "type": "polygon", "coordinates": square,
                    "labels": {"class": {name: (i + 1) / 1000 for i, name in enumerate(names)}}}])
    run = vedatile.Run("r", path=tmp_path / "run.h5", classes=names)
    run.add("s", polygons=[square], labels=["c39"], scores=[.9])
    run.commit()
    task, = vedatile.evaluate(ground_truth=tmp_path / "truth.h5", predictions=tmp_path / "run.h5",
                              task="segmentation").tasks
    assert {row["class"]: row["iou"] for row in task["classes"] if row["iou"] is not None} == {"c39": 1}


def test_label_map(tmp_path):
    files, truths, found = make(tmp_path)
    task, = vedatile.evaluate(**files, task="segmentation", label_map={"tree": "green", "water": "green"}).tasks

    def renamed(raster):
        return np.where(raster == 3, 2, raster)
    matrix = sum(confusion(renamed(t), renamed(f), 2) for t, f in zip(truths, found, strict=True))
    assert [row["class"] for row in task["classes"]] == ["roof", "green"]
    assert task["confusion"]["counts"] == matrix.tolist()


def test_rasters_against_outlines(tmp_path):
    """A run of class rasters against polygons: without being asked for."""
    files, truths, _ = make(tmp_path)
    rng = np.random.default_rng(8)
    rasters = [rng.integers(0, 4, truth.shape).astype(np.uint8) for truth in truths]
    run = vedatile.Run("rasters", path=tmp_path / "rasters.h5", classes=CLASSES)
    for i, raster in enumerate(rasters):
        run.add(f"s{i}", mask=raster)
    run.commit()
    task, = vedatile.evaluate(ground_truth=files["ground_truth"], predictions=tmp_path / "rasters.h5").tasks
    assert task["predictions_of"] == "rasters"
    check(task, sum(confusion(t, r) for t, r in zip(truths, rasters, strict=True)))


def test_sizes_that_do_not_fit(tmp_path):
    with vedatile.AnnotationSet(tmp_path / "truth.h5") as truth:
        truth.add([{"sample": "a", "id": "1", "label": "roof", "type": "polygon", "coordinates": [[[0, 0], [9, 0], [9, 9]]]}])
    run = vedatile.Run("r", path=tmp_path / "run.h5", classes=CLASSES)
    run.add("a", polygons=[[[[0, 0], [5, 0], [5, 5]]]], labels=["roof"], scores=[1])
    run.commit()
    files = {"ground_truth": tmp_path / "truth.h5", "predictions": tmp_path / "run.h5"}
    with pytest.raises(vedatile.UnsupportedError, match="sample a: nobody knows how many pixels"):
        vedatile.evaluate(**files, task="segmentation")
    with vedatile.AnnotationSet(tmp_path / "truth.h5") as truth:
        truth.add_sample("a", rows=20, cols=30)
    assert vedatile.evaluate(**files, task="segmentation")["accuracy"] > .9
    assert vedatile.evaluate(**files, task="instance")["AP50"] == 0  # the run has sizes from the set
    run = vedatile.Run("r2", path=tmp_path / "other.h5", classes=CLASSES)
    run.add("a", mask=np.zeros((30, 20), np.uint8))
    run.commit()
    with pytest.raises(vedatile.Error, match="sample a: the raster has 20 x 30 pixels, the sample 30 x 20"):
        vedatile.evaluate(ground_truth=files["ground_truth"], predictions=tmp_path / "other.h5")


# --- stores --------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("burnt") / "store.h5"
    run_vedatile("feed", path, "--image", SOURCE / "data/olinda/scene.tif", "--labels",
                 SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO", "--task",
                 "segmentation,instance", "--tile", 64, "--edge", "pad", "--group", "test")
    return path


@pytest.fixture(scope="module")
def moved(store):
    """A run of the masks moved by two pixels, and a set of polygons."""
    rng = np.random.default_rng(3)
    truths, found = [], []
    with vedatile.Store(store) as opened:
        run = opened.run("moved", group="test")
        with opened.annotations("shapes") as shapes:
            for i, sample in enumerate(opened.test):
                mask = np.roll(np.asarray(sample.mask), 2, axis=1)
                found.append(np.where(mask == 255, 0, mask))
                run.add(i, mask=found[-1].astype(np.uint8))
                names = [opened.classes[k] for k in rng.integers(0, 2, 3)]
                stars = [star(rng, 64, 64) for _ in names]
                shapes.add([{"sample": shapes.iloc(i).reference, "id": str(k), "type": "polygon", "coordinates": s,
                             "label": name} for k, (s, name) in enumerate(zip(stars, names))])
                order = sorted(opened.classes)
                truths.append(burn([(s, order.index(name) + 1) for s, name in zip(stars, names)], 64, 64))
        run.commit()
    return truths, found


def test_a_set_of_a_store(store, moved):
    """The masks of the store are not looked at where a set is named."""
    truths, found = moved
    made = vedatile.evaluate(store, "moved", labels="shapes")
    task, = [t for t in made.tasks if t["task"] == "segmentation"]
    assert task["ground_truth_of"] == "outlines"
    with vedatile.Store(store) as opened:
        assert [row["class"] for row in task["classes"]] == sorted(opened.classes) == list(opened.classes)
    assert task["confusion"]["counts"] == sum(
        confusion(t, f, 2) for t, f in zip(truths, found, strict=True)).tolist()
    own, = [t for t in vedatile.evaluate(store, "moved").tasks if t["task"] == "segmentation"]
    assert own["ground_truth_of"] == "masks" and own["confusion"] != task["confusion"]


def test_label_map_of_masks(store, moved):
    """Both classes as one: masks and rasters are renamed."""
    with vedatile.Store(store) as opened:
        names, masks = list(opened.classes), [np.asarray(sample.mask) for sample in opened.test]
    task, = vedatile.evaluate(store, "moved", task="segmentation", label_map=dict.fromkeys(names, "any")).tasks
    assert [row["class"] for row in task["classes"]] == ["any"]
    matrix = sum(confusion(np.where(m == 255, 65535, m.astype(np.int64) > 0), (f > 0).astype(np.int64), 1)
                 for m, f in zip(masks, moved[1], strict=True))
    assert task["confusion"]["counts"] == matrix.tolist()


def pixel_areas(path):
    """Square metres of every pixel of the samples: corners in a cylindrical plane of PROJ that keeps areas."""
    with vedatile.Store(path) as opened:
        samples = [(s.geotransform, s.crs) for s in opened.test]
    for transform, crs in samples:
        source, target = osr.SpatialReference(crs), osr.SpatialReference()
        target.SetFromUserInput("+proj=cea +lat_ts=30 +ellps=WGS84 +units=m")
        source.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
        turn = osr.CoordinateTransformation(source, target)
        col, row = np.meshgrid(np.arange(65), np.arange(65))
        x = transform[0] + col * transform[1] + row * transform[2]
        y = transform[3] + col * transform[4] + row * transform[5]
        at = np.array(turn.TransformPoints(np.stack([x.ravel(), y.ravel()], 1).tolist()))[:, :2].reshape(65, 65, 2)
        a, b, c, d = at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]
        p, q = c - a, d - b
        yield np.abs(p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]) / 2


def test_areas_of_overlapping_tiles(tmp_path):
    """Every place counts once; what was not predicted is missed."""
    path = tmp_path / "store.h5"
    run_vedatile("feed", path, "--image", SOURCE / "data/olinda/scene.tif", "--labels",
                 SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO", "--task", "segmentation",
                 "--tile", 64, "--stride", 40, "--group", "test")
    areas, places = list(pixel_areas(path)), {}
    with vedatile.Store(path) as opened:
        part, whole = opened.run("part", group="test"), opened.run("whole", group="test")
        for i, sample in enumerate(opened.test):
            mask = np.asarray(sample.mask)
            whole.add(i, mask=mask)
            if i == 0:  # its corner is seen by no other tile
                part.add(i, mask=mask)
            col, row, _, _ = sample.window
            for r in range(64):
                for c in range(64):
                    places[row + r, col + c] = mask[r, c], areas[i][r, c]
        part.commit()
        whole.commit()
    assert len(places) < len(areas) * 64 * 64
    want = [sum(area for value, area in places.values() if value == k) for k in range(3)]
    for name in ("whole", "part"):
        task, = vedatile.evaluate(path, name, task="segmentation", ground=True).tasks
        assert task["area"] == pytest.approx(sum(want), rel=1e-6)
        for i, row in enumerate(task["classes"], 1):
            assert row["truth_area"] == pytest.approx(want[i], rel=1e-6)
            assert row["right_area"] + row["missed_area"] == pytest.approx(row["truth_area"], rel=1e-12)
            assert row["wrong_area"] == 0
            assert (row["missed_area"] == 0) == (name == "whole")


def test_areas(store, moved):
    """Square metres of each class, of what agrees and of what does not."""
    with vedatile.Store(store) as opened:
        masks = [np.asarray(sample.mask) for sample in opened.test]
    task, = vedatile.evaluate(store, "moved", task="segmentation", ground=True).tasks
    assert task["area_unit"] == "square_metre"
    areas = np.array(list(pixel_areas(store)))
    truth, found = np.array(masks), np.array(moved[1])
    seen = truth != 255
    assert task["area"] == pytest.approx(areas[seen].sum(), rel=1e-6)
    for i, row in enumerate(task["classes"], 1):
        for name, where in (("truth_area", truth == i), ("predicted_area", found == i),
                            ("right_area", (truth == i) & (found == i)),
                            ("wrong_area", (truth != i) & (found == i)),
                            ("missed_area", (truth == i) & (found != i))):
            assert row[name] == pytest.approx(areas[seen & where].sum(), rel=1e-6), name
        assert row["truth_pixels"] == (seen & (truth == i)).sum()
    plain, = vedatile.evaluate(store, "moved", task="segmentation").tasks
    assert "area" not in plain and "truth_area" not in plain["classes"][0]
    table = run_vedatile("eval", store, "--run", "moved", "--task", "segmentation", "--ground").stdout
    assert "m2" in table
    line = table.split("area, m2")[1].splitlines()[1].split()
    assert float(line[1]) == pytest.approx(task["classes"][0]["truth_area"], abs=.06)
