"""Views that another program keeps in a store, with h5py and from the written layout alone."""
import hashlib
import json
import shutil

import h5py
import numpy
import pytest
from big import digest, feed


def keep_view(path, name, group, indices, definition="{}"):
    """As schemas/store-layout.md section 12 says; the checksum is optional."""
    indices = numpy.asarray(indices, "<u8")
    with h5py.File(path, "r+", libver=("v108", "v110")) as file:
        data = file.create_dataset(f"views/{name}", data=indices, maxshape=(None,),
                                   chunks=(min(max(len(indices), 1), 8192),))
        for key, text in (("group", group), ("definition", definition)):
            data.attrs.create(key, text.encode(), dtype=f"S{max(len(text), 1)}")


@pytest.fixture
def viewed(olinda, store):
    shutil.copy(olinda, store)
    keep_view(store, "fold-0", "train", range(0, 25, 5), '{"fold": 0}')
    keep_view(store, "twice", "train", [7, 7])
    return store


def test_info_lists_views(vedatile, olinda, viewed):
    found = json.loads(vedatile("info", viewed, "--json").stdout)["views"]
    assert found == {"fold-0": {"group": "train", "count": 5}, "twice": {"group": "train", "count": 2}}
    lines = vedatile("info", viewed).stdout.splitlines()
    at = lines.index("views")
    assert [line.split() for line in lines[at + 1:at + 3]] == [
        ["fold-0", "5", "of", "train"], ["twice", "2", "of", "train"]]
    assert json.loads(vedatile("info", olinda, "--json").stdout)["views"] == {}
    assert "views" not in vedatile("info", olinda).stdout


def test_check_reads_views(vedatile, olinda, viewed):
    vedatile("check", viewed)
    plain, with_views = (vedatile("check", path, "--digest").stdout for path in (olinda, viewed))
    assert plain != with_views
    with h5py.File(viewed, "r+") as file:
        del file["views"]
    assert vedatile("check", viewed, "--digest").stdout == plain


@pytest.mark.parametrize("group, indices, word", [
    ("train", [0, 25], "/views/bad: index 1 is sample 25 of 25"),
    ("nosuch", [0], '/views/bad is of the group "nosuch", which is not there'),
])
def test_a_view_of_what_is_not_there_is_refused(vedatile, viewed, group, indices, word):
    keep_view(viewed, "bad", group, indices)
    for command in "info", "check":
        done = vedatile(command, viewed, code=1)
        assert word in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_definition_that_is_no_json_is_a_problem(vedatile, viewed):
    keep_view(viewed, "odd", "train", [0], "{oops")
    done = vedatile("check", viewed, code=1)
    assert "/views/odd: its definition is not JSON" in done.stdout + done.stderr


def test_feeding_keeps_views(vedatile, data, viewed):
    vedatile("feed", viewed, "--image", data / "olinda/scene.tif", "--group", "more", "--labels",
             data / "olinda/sectors.geojson", "--class-field", "TIPO", "--task",
             "classification,detection,segmentation,instance", "--tile", 64, "--match", "all",
             "--stride", 32)
    found = json.loads(vedatile("info", viewed, "--json").stdout)
    assert found["groups"]["more"]["count"] > 0
    assert found["views"]["fold-0"] == {"group": "train", "count": 5}
    with h5py.File(viewed) as file:
        assert list(file["views/fold-0"]) == [0, 5, 10, 15, 20]
        assert file["views/fold-0"].attrs["definition"] == b'{"fold": 0}'


def content_digest(path):
    """Sections 10 and 12 of schemas/store-layout.md, for a store without labels."""
    def text(value):
        return (value if isinstance(value, bytes) else value.encode()) + b"\0"

    samples, views = {}, []
    with h5py.File(path) as file:
        shape = [*file.attrs["tile_shape"], 1, 0]  # uint8, no tasks
        for name in sorted(set(file) - {"views", "scenes", "crs"}):
            group, samples[name] = file[name], []
            offsets, letters = group["metadata/offsets"][...], group["metadata/text"][...]
            for i, row in enumerate(group["samples"][...]):
                parts = [text(name), text(row["key"]), text(file["scenes"][row["scene"]]["digest"]),
                         text(file["crs"][row["crs"]]["wkt"])]
                parts += [row[field].tobytes() for field in (
                    "window", "geotransform", "bounds", "valid_fraction", "weight")]
                parts += [group["images"][i].tobytes(), bytes(8),
                          text(letters[offsets[i]:offsets[i + 1]].tobytes())]
                samples[name].append(hashlib.sha256(b"".join(parts)).digest())
        for name, view in sorted(file.get("views", {}).items()):
            group, definition = view.attrs["group"].decode(), view.attrs["definition"]
            views += [text(name), text(group), text(definition), numpy.uint64(len(view)).tobytes()]
            views += [samples[group][index] for index in view[...]]
        whole = numpy.array(shape, "<u4").tobytes()
        whole += b"".join(text(name) for name in file.attrs["band_names"])
    whole += b"".join(sorted(sum(samples.values(), [])))
    return hashlib.sha256(whole + (hashlib.sha256(b"".join(views)).digest() if views else b"")
                          ).hexdigest()


def test_the_digest_is_as_written_down(store, data):
    feed(store, "--image", data / "olinda/scene.tif", "--tile", 64, "--codec", "raw",
         "--split", "train=0.6,test=0.4", "--split-by", "random")
    assert digest(store) == content_digest(store)
    keep_view(store, "b", "train", [4, 0, 4])
    keep_view(store, "a", "test", [1], "[]")
    assert digest(store) == content_digest(store)
