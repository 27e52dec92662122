"""What was exported and imported is what it was; what is damaged is refused and leaves no trace."""
import io
import json
import shutil
import struct
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
from conftest import run_vedatile
from exports import ALL_TASKS, export, feed, group, keys

FORMATS = ("coco", "yolo", "voc", "geotiff", "png", "npz", "webdataset")
WHOLE = ("geotiff", "npz", "webdataset")
BOXES = ("coco", "yolo", "voc")


def import_(store, form, *paths, **keywords):
    return run_vedatile("import", store, *paths, "--format", form, **keywords)


def digest(store):
    return run_vedatile("check", store, "--digest").stdout


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """Two groups, every label, padding, a class without objects."""
    folder = tmp_path_factory.mktemp("imports")
    return feed(folder / "split.h5", "--edge", "pad", "--classes", "x,RURAL,URBANO",
                "--split", "train=0.6,test=0.4", "--split-by", "random")


def there_and_back(store, folder, form, *options):
    export(store, folder / "out", form, *options)
    import_(folder / "back.h5", form, folder / "out")
    return folder / "back.h5"


@pytest.mark.parametrize("form", WHOLE)
def test_formats_that_keep_everything(split, tmp_path, form):
    back = there_and_back(split, tmp_path, form)
    assert digest(back) == digest(split)
    with h5py.File(split) as a, h5py.File(back) as b:
        for name in "name", "tasks", "classes", "band_names":
            assert (np.asarray(a.attrs[name]) == np.asarray(b.attrs[name])).all()
        for name in "train", "test":
            for field in a[name]["samples"].dtype.names:
                if field not in ("scene", "crs", "row_crc32c"):
                    have, want = b[name]["samples"][field], a[name]["samples"][field]
                    order = np.argsort(b[name]["samples"]["key"])
                    again = np.argsort(a[name]["samples"]["key"])
                    np.testing.assert_array_equal(have[order], want[again])


@pytest.mark.parametrize("form", ["coco", "voc"])
def test_boxes_and_masks_come_back_exactly(tmp_path, form):
    tasks = "detection,instance" + (",segmentation" if form == "voc" else "")
    store = feed(tmp_path / "store.h5", tasks=tasks)
    assert digest(there_and_back(store, tmp_path, form)) == digest(store)


@pytest.mark.parametrize("form", BOXES)
def test_tasks_that_a_format_has_not_are_left_out(split, tmp_path, form):
    back = there_and_back(split, tmp_path, form)
    with h5py.File(back) as file:
        tasks = {task.decode() for task in file.attrs["tasks"]}
    assert tasks == {"detection", "instance"} | ({"segmentation"} if form == "voc" else set())
    arrays, again = group(split), group_lz4(back, tmp_path)
    assert keys(split) == [key.decode() for key in again["samples"]["key"]]
    for name in "images", "labels/instances", "labels/box_class", "labels/box_offsets":
        assert (arrays[name] == again[name]).all()


def group_lz4(store, folder):
    """As others read it: written again without LZ4, which h5py lacks."""
    export(store, folder / "plain", "npz")
    run_vedatile("import", folder / "plain.h5", folder / "plain", "--format", "npz",
                 "--codec", "deflate")
    again = group(folder / "plain.h5")
    original = keys_in_order(store)
    place = {key: i for i, key in enumerate(k.decode() for k in again["samples"]["key"])}
    rows = [place[key] for key in original]
    offsets = again["labels/box_offsets"].astype(int)
    boxes = np.concatenate([np.arange(offsets[r], offsets[r + 1]) for r in rows])
    ordered = {name: again[name][rows] for name in ("images", "labels/instances", "samples")}
    for name in "boxes", "box_class", "box_visible":
        ordered[f"labels/{name}"] = again[f"labels/{name}"][boxes]
    counts = np.diff(offsets)[rows]
    ordered["labels/box_offsets"] = np.concatenate([[0], np.cumsum(counts)])
    return ordered


def keys_in_order(store):
    with h5py.File(store) as file:
        return [key.decode() for key in file["train/samples"]["key"]]


def test_yolo_boxes_come_back_within_the_rounding(tmp_path):
    store = feed(tmp_path / "store.h5", tasks="detection")
    back = there_and_back(store, tmp_path, "yolo")
    with h5py.File(store) as a, h5py.File(back) as b:
        assert (a["train/labels/box_class"][()] == b["train/labels/box_class"][()]).all()
        assert np.abs(a["train/labels/boxes"][()] - b["train/labels/boxes"][()]).max() < 1e-6


@pytest.mark.parametrize("form", FORMATS)
def test_pictures_of_chosen_bands(split, tmp_path, form):
    back = there_and_back(split, tmp_path, form, "--bands", "4,2,1")
    info = json.loads(run_vedatile("info", back, "--json").stdout)
    assert info["tile"]["bands"] == 3
    with h5py.File(back) as file, h5py.File(split) as whole:
        assert file.attrs["band_names"].astype(str).tolist() == ["band_4", "band_2", "band_1"]
        stats, before = file["train/samples"], whole["train/samples"]
        order, again = np.argsort(stats["key"]), np.argsort(before["key"])
        assert (stats["band_mean"][order] == before["band_mean"][again][:, [3, 1, 0]]).all()


@pytest.mark.parametrize("codec", ["raw", "lz4", "deflate", "zstd"])
def test_codec_and_group_of_the_new_store(split, tmp_path, codec):
    export(split, tmp_path / "out", "npz")
    import_(tmp_path / "back.h5", "npz", tmp_path / "out", code=0)
    run_vedatile("import", tmp_path / "all.h5", tmp_path / "out", "--format", "npz", "--codec", codec,
                 "--group", "validate")
    info = json.loads(run_vedatile("info", tmp_path / "all.h5", "--json").stdout)
    assert info["codec"] == codec and list(info["groups"]) == ["validate"]


def test_what_is_there_is_not_written_twice(split, tmp_path):
    export(split, tmp_path / "a", "npz", "--group", "train")
    export(split, tmp_path / "b", "npz")
    import_(tmp_path / "back.h5", "npz", tmp_path / "a")
    done = json.loads(import_(tmp_path / "back.h5", "npz", tmp_path / "b", "--json").stdout)
    assert done["existing"] == len(keys(split, "train"))
    assert done["written"] == len(keys(split, "test"))
    assert digest(tmp_path / "back.h5") == digest(split)


def test_several_folders_at_once(split, tmp_path):
    for name in "train", "test":
        export(split, tmp_path / name, "webdataset", "--group", name, "--shard", 3)
    import_(tmp_path / "back.h5", "webdataset", tmp_path / "train", tmp_path / "test")
    assert digest(tmp_path / "back.h5") == digest(split)


def test_another_store_is_refused(split, tmp_path):
    other = feed(tmp_path / "other.h5", tasks="detection")
    export(split, tmp_path / "out", "npz")
    before = digest(other)
    assert "tasks" in import_(other, "npz", tmp_path / "out", code=1).stderr
    assert digest(other) == before
    done = import_(tmp_path / "new.h5", "coco", tmp_path / "out", code=2)
    assert "is an export of format npz, not coco" in done.stderr
    assert "vedatile.json" in import_(tmp_path / "new.h5", "npz", tmp_path, code=1).stderr
    assert not (tmp_path / "new.h5").exists()


# --- damage --------------------------------------------------------------------------------------

def edit(path, change):
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")


def edit_line(path, change):
    rows = path.read_text(encoding="utf-8").splitlines()
    data = json.loads(rows[1])
    change(data)
    rows[1] = json.dumps(data)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.mark.parametrize("change", [
    lambda about: about.update(key="x" * 64),
    lambda about: about.update(key="a b"),
    lambda about: about.update(window=[0, 0, 64]),
    lambda about: about.update(window=[0, 0, 2 ** 40, 64]),
    lambda about: about.update(geotransform="none"),
    lambda about: about.update(valid_fraction=2),
    lambda about: about.update(group="../../evil"),
    lambda about: about.update(group="views"),
    lambda about: about.pop("scene"),
    lambda about: about["scene"].update(digest="../x"),
    lambda about: about.update(metadata_text="[1]"),
    lambda about: about.update(boxes=[[0, 0, 65, 1]], box_class=[0], box_feature=[1], box_visible=[1]),
    lambda about: about.update(boxes=[[0, 0, 5, 1]], box_class=[7], box_feature=[1], box_visible=[1]),
    lambda about: about.update(boxes=[[0, 0, 5, 1]], box_class=[], box_feature=[1], box_visible=[1]),
    lambda about: about.update(onehot=[9]),
    lambda about: about.update(band_stats=[[1]]),
])
def test_damaged_lines(split, tmp_path, change):
    export(split, tmp_path / "out", "geotiff")
    edit_line(tmp_path / "out/samples/train.jsonl", change)
    done = import_(tmp_path / "back.h5", "geotiff", tmp_path / "out", code=None)
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("back.h5*"))


@pytest.mark.parametrize("change", [
    lambda about: about.update(vedatile_export="2.0"),
    lambda about: about.update(classes=[1]),
    lambda about: about.update(classes=["a", "a"]),
    lambda about: about.update(suffix="/../../x"),
    lambda about: about.update(tasks=["nosuch"]),
    lambda about: about["tile"].update(rows=-1),
    lambda about: about["tile"].update(rows=2 ** 31 - 1, cols=2 ** 31 - 1),
    lambda about: about["tile"].update(dtype="int64"),
    lambda about: about["tile"].update(rows=32),
    lambda about: about.pop("tile"),
])
def test_damaged_descriptions(split, tmp_path, change):
    for form in "geotiff", "npz", "webdataset":
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        export(split, tmp_path / "out", form)
        edit(tmp_path / "out/vedatile.json", change)
        done = import_(tmp_path / "back.h5", form, tmp_path / "out", code=None)
        assert done.returncode in (1, 2) and done.stderr.count("\n") == 1
        assert not list(tmp_path.glob("back.h5*"))


def change_coco(document, what):
    annotation = document["annotations"][0]
    if what == "category":
        annotation["category_id"] = 99
    elif what == "runs":
        annotation["segmentation"]["counts"] = "0" + annotation["segmentation"]["counts"]
    elif what == "letters":
        annotation["segmentation"]["counts"] = "\x7f~~~"
    elif what == "endless":
        annotation["segmentation"]["counts"] = "o" * 50
    elif what == "box":
        annotation["bbox"] = [0, 0, -5, 5]
    elif what == "image":
        document["images"][0]["file_name"] = "other.png"
    elif what == "list":
        document["annotations"] = [1]


@pytest.mark.parametrize("what", ["category", "runs", "letters", "endless", "box", "image", "list"])
def test_damaged_coco(split, tmp_path, what):
    export(split, tmp_path / "out", "coco", "--group", "train")
    edit(tmp_path / "out/annotations/train.json", lambda document: change_coco(document, what))
    done = import_(tmp_path / "back.h5", "coco", tmp_path / "out", code=1)
    assert done.stderr.count("\n") == 1 and not list(tmp_path.glob("back.h5*"))


@pytest.mark.parametrize("line", ["9 0.5 0.5 0.1 0.1", "x", "0 0.5", "0 0.5 0.5 0.1", "0 nan 0 1 1",
                                  "0 0.1 0.2 0.3 0.4 0.5"])
def test_damaged_yolo(tmp_path, line):
    store = feed(tmp_path / "store.h5", tasks="detection")
    export(store, tmp_path / "out", "yolo")
    (tmp_path / f"out/labels/train/{keys(store)[0]}.txt").write_text(line + "\n")
    done = import_(tmp_path / "back.h5", "yolo", tmp_path / "out", code=1)
    assert done.stderr.count("\n") == 1 and not list(tmp_path.glob("back.h5*"))


@pytest.mark.parametrize("old, new", [
    ("<annotation>", "<other>"), ("<xmin>", "<xmax>"), ("<name>", "<name>no"), ("</object>", ""),
    ("<xmin>", "<xmin>x")])
def test_damaged_voc(tmp_path, old, new):
    store = feed(tmp_path / "store.h5", tasks="detection")
    export(store, tmp_path / "out", "voc")
    for path in (tmp_path / "out/Annotations").iterdir():
        path.write_text(path.read_text().replace(old, new))
    done = import_(tmp_path / "back.h5", "voc", tmp_path / "out", code=1)
    assert done.stderr.count("\n") == 1 and not list(tmp_path.glob("back.h5*"))


def npy_with(header):
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize("content", [
    b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff" + b" " * 100,
    npy_with("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"),
    npy_with("{'descr': '|u1', 'fortran_order': True, 'shape': (6, 64, 64), }"),
    npy_with("{'descr': '|u1', 'fortran_order': False, 'shape': (6, 64, 64), }"),
    npy_with("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967295, 4294967295, 4), }"),
    npy_with("{'descr': '|u1', 'fortran_order': False, 'shape': (6, 64, 64"),
    npy_with("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1), }") + b"x",
    npy_with("{'descr': '|u1', 'fortran_order': False, 'shape': (64, 64, 6), }") + bytes(6 * 64 * 64),
])
def test_damaged_arrays(split, tmp_path, content):
    export(split, tmp_path / "out", "npz", "--group", "train")
    path = tmp_path / f"out/samples/train/{keys(split)[2]}.npz"
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    entries["image.npy"] = content
    with zipfile.ZipFile(path, "w") as file:
        for name, data in entries.items():
            file.writestr(name, data)
    done = import_(tmp_path / "back.h5", "npz", tmp_path / "out", code=1)
    assert done.stderr.count("\n") == 1 and not list(tmp_path.glob("back.h5*"))


def test_numpy_writes_what_we_read(split, tmp_path):
    """Arrays that numpy.savez wrote, compressed too, in another order."""
    export(split, tmp_path / "out", "npz")
    for i, path in enumerate(sorted((tmp_path / "out/samples").rglob("*.npz"))):
        with np.load(path) as file:
            arrays = {name: file[name] for name in sorted(file.files, reverse=True)}
        (np.savez if i % 2 else np.savez_compressed)(path, **arrays)
    import_(tmp_path / "back.h5", "npz", tmp_path / "out")
    assert digest(tmp_path / "back.h5") == digest(split)


@pytest.mark.parametrize("form", ["npz", "webdataset"])
def test_files_that_are_cut_short(split, tmp_path, form):
    export(split, tmp_path / "out", form, "--group", "train")
    path = next(p for p in sorted((tmp_path / "out").rglob("*")) if p.suffix in (".npz", ".tar"))
    data = path.read_bytes()
    for size in 0, 10, 600, len(data) // 2:
        path.write_bytes(data[:size])
        done = import_(tmp_path / "back.h5", form, tmp_path / "out", code=1)
        assert done.stderr.count("\n") == 1 and not list(tmp_path.glob("back.h5*"))


def test_shards_may_be_written_by_tarfile(split, tmp_path):
    export(split, tmp_path / "out", "webdataset")
    for path in (tmp_path / "out").glob("*.tar"):
        with tarfile.open(path) as file:
            members = [(member, file.extractfile(member).read()) for member in file]
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as file:
            for member, data in members:
                file.addfile(member, io.BytesIO(data))
    import_(tmp_path / "back.h5", "webdataset", tmp_path / "out")
    assert digest(tmp_path / "back.h5") == digest(split)


def test_every_task_comes_back(tmp_path):
    for task in ALL_TASKS.split(","):
        store = feed(tmp_path / f"{task}.h5", tasks=task)
        for form in WHOLE:
            export(store, tmp_path / f"{task}-{form}", form)
            import_(tmp_path / f"{task}-{form}.h5", form, tmp_path / f"{task}-{form}")
            assert digest(tmp_path / f"{task}-{form}.h5") == digest(store)


def test_png_has_no_pixels_for_numbers(split, tmp_path):
    back = tmp_path / "back.h5"
    export(split, tmp_path / "out", "png", "--bands", "3,2,1")
    import_(back, "png", tmp_path / "out", "--codec", "deflate")
    with h5py.File(back) as file:
        tasks = {task.decode() for task in file.attrs["tasks"]}
    assert set(ALL_TASKS.split(",")) - tasks == {"distance", "regression"}
    assert not (tmp_path / "out/distances").exists() and not (tmp_path / "out/targets").exists()
    have, want = group(back), group(split)
    for name in "mask", "boundary", "contact":
        np.testing.assert_array_equal(have[f"labels/{name}"], want[f"labels/{name}"])
