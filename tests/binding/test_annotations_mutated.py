"""Files of annotations, changed at random: they are read, or refused in one line, and never more.

Many cases a process, which a crash ends. By hand for longer, also with sanitizers:
python tests/binding/test_annotations_mutated.py FOLDER FORM SEED COUNT"""
import json
import os
import pathlib
import random
import shutil
import sys

RECORDS = [
    {"sample": "a", "rows": 20, "cols": 30, "metadata": {"x": 1}}, {"category": {"class": "x"}, "code": 3},
    {"sample": "a", "id": "1", "box": [1, 1, 12.5, 9], "label": "x", "flags": ["crowd"], "area": 3, "metadata": {"by": "me"}},
    {"sample": "a", "id": "2", "rotated": [8, 8, 6, 3, 0.5], "labels": {"class": {"x": 0.5, "y": 0.25}}},
    {"sample": "a", "id": "3", "coordinates": [[[0, 0], [14, 0], [14, 14]], [[8, 2], [12, 2], [12, 5]]], "label": "y"},
    {"sample": "a", "id": "4", "mask": {"size": [20, 30], "counts": [13, 20, 567]}, "label": "x"},
    {"sample": "b", "rows": 20, "cols": 30, "code": 9}, {"sample": "b", "id": "1", "box": [3, 3, 9, 9], "label": "y"},
    {"sample": "b", "id": "5", "type": "line", "coordinates": [[1, 1], [5, 5], [9, 1]], "label": "way"},
    {"sample": "b", "id": "6", "type": "point", "coordinates": [4, 4], "label": "tree"}]
FORMS = ["jsonl", "coco", "geojson", "voc", "yolo", "results", "set", "run", "log", "columns"]
WORDS = [b"NaN", b"1e999", b"-1", b"99999999999999999999", b'""', b"null", b"[]", b"{}", b"true", b"0", b"1e300", b'"\\ud800"',
         b"\x00", b"\xff\xfe", b"[[[[", b"<!DOCTYPE x [<!ENTITY e 'eeee'>]>", b"&e;", b"</object>", b"\n", b" 0.5 0.5", b"-1e-320"]


def originals(folder, form):
    """The files of one form that can be changed, and what they lie in."""
    import vedatile
    made = vedatile.AnnotationSet(folder / "set.h5")
    made.add([record for record in RECORDS])
    made.remove("b", "1")
    made.save()
    path = folder / form
    if form in ("jsonl", "coco", "voc", "yolo"):
        made.export(path, form)
    if form == "geojson":
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [
            {"type": "Feature", "id": i, "properties": {"class": "x", "score": 0.5},
             "geometry": {"type": "Polygon", "coordinates": [[[-34.885 + i / 1e4, -7.977], [-34.884, -7.977], [-34.884, -7.976],
                                                              [-34.885 + i / 1e4, -7.977]]]}} for i in range(4)]}))
    if form == "results":
        path.write_text(json.dumps([{"image_id": i, "category_id": 0, "bbox": [1, 2, 3, 4.5], "score": 0.5, "segmentation":
                                     {"size": [20, 30], "counts": [13, 20, 567]}} for i in range(3)]))
    made.close()
    if form in ("run", "log"):
        run = vedatile.Run(path=folder / "run.h5", model="m", any_class=True)
        for sample in "ab":
            run.add(sample, boxes=[[1, 1, 5, 5], [2, 2, 9, 9]], labels=["x", "y"], scores=[0.9, 0.5])
        run.flush()
        if form == "run":
            run.commit()
        run.close()
    where = {"set": folder / "set.h5", "columns": folder / "set.h5", "run": folder / "run.h5", "log": folder / "run.open"}.get(form, path)
    return where, [where] if where.is_file() else [item for item in sorted(where.rglob("*")) if item.is_file()]


def changed(data, dice):
    data = bytearray(data)
    for _ in range(dice.choice([1, 1, 1, 2, 5])):
        at = dice.randrange(len(data) + 1)
        end = min(len(data), at + dice.choice([1, 1, 2, 5, 30]))
        kind = dice.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            del data[at:end]
        elif kind == 2:
            data[at:at] = dice.choice(WORDS)
        elif kind == 3:
            data[at:end] = dice.choice(WORDS)
        elif kind == 4:
            data[at:at] = data[max(0, at - 40):at]
        elif dice.randrange(4) == 0:
            del data[at:]
    return bytes(data)


def replaced(value, dice):
    """The same JSON with another value somewhere, or a member less."""
    inner = value if isinstance(value, (dict, list)) else []
    if not inner or dice.randrange(6) == 0:
        return dice.choice([None, True, -1, 0, 1, 2**31, 2**63, 1e300, 0.5, "", "x", "\x00", "\U0001f600", [], {}, [[]], [1, 2, 3, 4], {"a": 1}])
    value = value.copy()
    at = dice.choice(list(value)) if isinstance(value, dict) else dice.randrange(len(value))
    if dice.randrange(8) == 0:
        del value[at]
    else:
        value[at] = replaced(value[at], dice)
    return value


def rewritten(data, form, dice):
    """Bytes changed, or values of JSON."""
    if form not in ("jsonl", "coco", "geojson", "results") or dice.randrange(2) == 0:
        return changed(data, dice)
    values = [json.loads(line) for line in data.decode().splitlines()] if form == "jsonl" else json.loads(data)
    values = replaced(values, dice)
    return ("\n".join(map(json.dumps, values)) if form == "jsonl" and isinstance(values, list) else json.dumps(values)).encode()


def lie(path, dice):
    """A column that says something else, with a digest that is right."""
    import h5py
    import numpy as np
    from test_annotations_hostile import sealed
    with h5py.File(path, "r+") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") and item.size else None)
        item = file[dice.choice(names)]
        values = item[...]
        flat = values.reshape(-1)
        special = [np.nan, np.inf, -1, 0, 1e300, 2] if values.dtype.kind == "f" else [0, 1, 2, 3, 255, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
        with np.errstate(all="ignore"):
            flat[dice.randrange(len(flat))] = np.array(dice.choice(special), "f8" if values.dtype.kind == "f" else "u8").astype(values.dtype)
        item[...] = values
    sealed(path)


def use(form, where, folder, store):
    """Reads it, and writes what was read in every form."""
    import vedatile
    if form in ("run", "log"):
        run = vedatile.Run(path=folder / "run.h5", model="m", any_class=True)
        with run:
            if form == "log":
                run.add("c", boxes=[[1, 1, 5, 5]], labels=["x"], scores=[0.9])
                run.commit()
            return [run.iloc(index) for index in range(len(run))]
    if form == "results":
        with vedatile.Run(path=folder / "new.h5", any_class=True) as run:
            for sample in "abc":
                run.add(sample, boxes=[[1, 1, 5, 5]], labels=["x"], scores=[0.9])
            return run.add_coco(where)
    made = vedatile.AnnotationSet(where, write=False) if form in ("set", "columns") else (
        vedatile.AnnotationSet(folder / "ground.h5", store=store) if form == "geojson" else vedatile.AnnotationSet())
    try:
        if form == "yolo":  # whose numbers are shares of a size
            for sample in "ab":
                made.add_sample(sample, 20, 30)
        if form not in ("set", "columns"):
            made.import_file(where, form)
        for kind in ("jsonl", "coco", "voc", "yolo"):
            made.export(folder / f"out-{kind}", kind)
        return made.list()
    finally:
        made.close()


def work(folder, form, seed, count, store):
    import vedatile
    dice, folder = random.Random(f"{seed} {form}"), pathlib.Path(folder)
    where, files = originals(folder, form)
    kept = [file.read_bytes() for file in files]
    told = {"read": 0, "refused": 0}
    for case in range(count):
        for file, data in zip(files, kept):
            file.write_bytes(data)
        for rest in [*folder.glob("out-*"), *folder.glob("new.*"), *folder.glob("ground.*"), *([folder / "run.h5"] if form == "log" else [])]:
            shutil.rmtree(rest) if rest.is_dir() else rest.unlink(missing_ok=True)
        if form == "columns":
            lie(where, dice)
        else:
            chosen = dice.randrange(len(files))
            files[chosen].write_bytes(rewritten(kept[chosen], form, dice))
        try:
            use(form, where, folder, store)
            told["read"] += 1
        except (vedatile.Error, MemoryError, ValueError, KeyError, OSError) as problem:
            text = str(problem)
            assert text and "\n" not in text and len(text) < 1100, (case, text)
            told["refused"] += 1
        assert not list(folder.glob("*.part")), case
    print(json.dumps(told))


if __name__ == "__main__":
    tests = pathlib.Path(__file__).parents[1]
    sys.path[:] = [str(tests / "python"), *(item for item in sys.path if pathlib.Path(item) != tests / "binding")]
    work(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] if len(sys.argv) > 5 else None)
else:
    import pytest

    @pytest.mark.parametrize("form", FORMS)
    def test_mutated_files_are_read_or_refused(form, olinda, tmp_path, run_python):
        shutil.copy(olinda, tmp_path / "store.h5")
        code = f"import runpy, sys; sys.argv[0] = {__file__!r}; runpy.run_path({__file__!r}, run_name='__main__')"
        told = json.loads(run_python(code, tmp_path, form, 7, 60, tmp_path / "store.h5"))
        assert sum(told.values()) == 60 and min(told.values()) > 3, told
