"""Views that another program keeps in a store, with h5py and from the written layout alone."""
import json
import shutil

import h5py
import numpy
import pytest


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
