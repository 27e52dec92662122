"""Samples of a catalog: documents, lists, pictures and statistics, against h5py, rasterio and NumPy."""
import concurrent.futures
import io
import json
import math
import subprocess

import h5py
import numpy as np
import pytest
import rasterio
import rasterio.warp
from samples import TRANSFORM, make_store, new_entry, save_bytes, save_store
from server import Server, run, server  # noqa: F401  pylint: disable=unused-import


@pytest.fixture(scope="module", name="catalog")
def catalog_fixture(tmp_path_factory):
    """A server with one entry of ada's; (server, entry, store)."""
    folder = tmp_path_factory.mktemp("samples")
    store = make_store(folder)
    with Server(folder / "catalog") as running:
        running.add_user("ada")
        running.add_user("bob")
        entry, _ = save_store(running, store)
        yield running, entry, store


def get(catalog, path, code=200, user="ada", **more):
    server, entry, _ = catalog
    got, headers, body = server.get(f"/v1/entries/{entry}{path}", user=user, **more)
    assert got == code, (path, got, body[:300])
    return headers, body


def get_json(catalog, path, **more):
    return json.loads(get(catalog, path, **more)[1])


def rows_of(store):
    """(group, index, row) of every sample, in the order of lists."""
    with h5py.File(store) as file:
        groups = sorted(name for name, item in file.items()
                        if isinstance(item, h5py.Group) and "samples" in item)
        return [(group, i, row) for group in groups
                for i, row in enumerate(file[group]["samples"][:])]


def array_of(store, group, name, index):
    with h5py.File(store) as file:
        return file[group][name][index]


def labels_of(store, group, index):
    with h5py.File(store) as file:
        labels = file[group]["labels"]
        first, last = labels["box_offsets"][index:index + 2]
        return {name: labels[name][first:last] for name in
                ("boxes", "box_class", "box_feature", "box_visible")} | {
                    "onehot": labels["onehot"][index]}


# --- what a store says of itself -------------------------------------------------------------------


def test_info_is_that_of_the_command(catalog):
    _, _, store = catalog
    info = get_json(catalog, "/manifest")["info"]
    told = json.loads(run("info", store, "--json"))
    del told["percent_cached"]  # of the file here
    for name, value in told.items():
        assert info[name] == pytest.approx(value, abs=1e-9) if name == "bounds" else \
            info[name] == value, name
    assert info["crs"][0]["epsg"] == 32616
    assert info["start_time"] == 1617876672 * 10**6


def test_stats_are_those_of_the_command(catalog):
    _, _, store = catalog
    stats = get_json(catalog, "/stats")
    told = json.loads(run("stats", store, "--json"))

    def same(mine, other, path):
        if isinstance(other, dict):
            for name, value in other.items():
                same(mine[name], value, f"{path}.{name}")
        elif isinstance(other, list):
            assert len(mine) == len(other), path
            for i, value in enumerate(other):
                same(mine[i], value, f"{path}[{i}]")
        elif isinstance(other, float):
            assert mine == pytest.approx(other, rel=1e-9), path
        else:
            assert mine == other, path

    same(stats, told, "stats")


# --- lists -------------------------------------------------------------------------------------------


def pages(catalog, query, limit=7):
    server, entry, _ = catalog
    path = f"/v1/entries/{entry}/samples?limit={limit}{query}"
    while path:
        page = server.json("GET", path, user="ada")
        assert len(page["samples"]) <= limit
        yield from page["samples"]
        following = [link["href"] for link in page["links"] if link["rel"] == "next"]
        path = following[0].removeprefix(server.url) if following else None


def test_list_is_all_samples_in_order(catalog):
    _, _, store = catalog
    listed = [(sample["group"], sample["position"], sample["key"])
              for sample in pages(catalog, "")]
    assert listed == [(group, i, row["key"].decode()) for group, i, row in rows_of(store)]
    assert len(listed) > 20


@pytest.mark.parametrize("group", ["train", "test"])
@pytest.mark.parametrize("label", [None, "roof", "pool"])
def test_filters(catalog, group, label):
    _, _, store = catalog
    wanted = []
    for name, i, row in rows_of(store):
        labels = labels_of(store, name, i)
        mask = array_of(store, name, "labels/mask", i)
        number = ["roof", "pool"].index(label) if label else 0
        has = labels["onehot"][number] or (mask == number + 1).any()
        if name == group and (label is None or has):
            wanted.append(row["key"].decode())
    query = f"&group={group}" + (f"&class={label}" if label else "")
    assert [sample["key"] for sample in pages(catalog, query)] == wanted
    assert wanted


def test_box_and_time(catalog):
    _, _, store = catalog
    rows = rows_of(store)
    west, south, east, north = rows[4][2]["bounds"]
    box = (west + 1e-6, south + 1e-6, east - 1e-6, north - 1e-6)
    wanted = [row["key"].decode() for _, _, row in rows
              if row["bounds"][0] <= box[2] and row["bounds"][2] >= box[0]
              and row["bounds"][1] <= box[3] and row["bounds"][3] >= box[1]]
    text = ",".join(map(repr, map(float, box)))
    assert [sample["key"] for sample in pages(catalog, f"&bbox={text}")] == wanted
    assert 1 <= len(wanted) < len(rows)
    assert not list(pages(catalog, "&bbox=10,10,11,11"))
    assert len(list(pages(catalog, "&datetime=2021-04-08T00:00:00Z/2021-04-09T00:00:00Z"))) == \
        len(rows)
    assert not list(pages(catalog, "&datetime=../2020-01-01T00:00:00Z"))


@pytest.mark.parametrize("query", ["bbox=1,2,3", "bbox=a,b,c,d", "bbox=0,9,1,2", "limit=0",
                                   "limit=x", "token=abc", "datetime=yesterday", "version=0",
                                   "version=x"])
def test_bad_queries(catalog, query):
    text = get_json(catalog, f"/samples?{query}", code=400)["description"]
    assert "\n" not in text


# --- one sample --------------------------------------------------------------------------------------


def test_document(catalog):
    server, entry, store = catalog
    for group, i, row in rows_of(store)[:6]:
        key = row["key"].decode()
        sample = get_json(catalog, f"/samples/{key}")
        labels = labels_of(store, group, i)
        assert (sample["key"], sample["group"], sample["position"]) == (key, group, i)
        assert sample["bbox"] == pytest.approx(list(row["bounds"]), abs=1e-12)
        assert sample["window"] == list(row["window"])
        assert sample["geotransform"] == list(row["geotransform"])
        assert sample["crs"] == "EPSG:32616" and sample["datetime"] == "2021-04-08T10:11:12Z"
        assert sample["boxes"] == len(labels["boxes"])
        assert sample["valid_fraction"] == pytest.approx(float(row["valid_fraction"]))
        assert sample["metadata"] == {} and sample["since"] == 1
        assert int(sample["image_crc32c"], 16) == row["image_crc32c"]
        for number, name in enumerate(["roof", "pool"]):
            boxes = int((labels["box_class"] == number).sum())
            if boxes:
                assert sample["classes"][name] == boxes
            elif labels["onehot"][number]:
                assert sample["classes"][name] == 1
        for link in sample["links"].values():
            path = link["href"].removeprefix(server.url)
            assert path.startswith(f"/v1/entries/{entry}")
            assert server.get(path, user="ada")[0] == 200


def test_tiff_is_the_tile(catalog, tmp_path):
    _, _, store = catalog
    for group, i, row in rows_of(store)[::5]:
        headers, body = get(catalog, f"/samples/{row['key'].decode()}/image.tif")
        assert headers["Content-Type"] == "image/tiff"
        with rasterio.open(io.BytesIO(body)) as tile:
            assert np.array_equal(tile.read(), array_of(store, group, "images", i))
            assert tile.crs.to_epsg() == 32616
            assert tile.transform.to_gdal() == tuple(row["geotransform"])
            assert tile.transform == TRANSFORM * rasterio.Affine.translation(*row["window"][:2])
    path = tmp_path / "tile.tif"
    path.write_bytes(body)
    printed = subprocess.run(["gdalinfo", path], capture_output=True, text=True, check=True).stdout
    assert "WGS 84 / UTM zone 16N" in printed and "Type=UInt16" in printed


def stretch(image, bands):
    """What `vedatile show` does to one tile."""
    picture = []
    for band in bands:
        values = np.sort(image[band].ravel().astype(float))
        low, high = values[int(0.02 * (len(values) - 1))], values[int(0.98 * (len(values) - 1))]
        share = np.clip((image[band] - low) / (high - low), 0, 1)
        picture.append(np.floor(share * 255 + 0.5).astype(np.uint8))
    return np.stack(picture)


def read_png(body):
    with rasterio.open(io.BytesIO(body)) as picture:
        return picture.read()


def test_png_is_stretched_as_show_does(catalog):
    _, _, store = catalog
    group, i, row = rows_of(store)[3]
    image = array_of(store, group, "images", i)
    path = f"/samples/{row['key'].decode()}/image.png"
    headers, body = get(catalog, path)
    assert headers["Content-Type"] == "image/png"
    assert np.array_equal(read_png(body), stretch(image, [0, 1, 2]))
    assert np.array_equal(read_png(get(catalog, path + "?bands=4,3,2")[1]),
                          stretch(image, [3, 2, 1]))
    assert np.array_equal(read_png(get(catalog, path + "?bands=2")[1]), stretch(image, [1]))
    plain = np.floor(np.clip(image[:3] / 65535, 0, 1) * 255 + 0.5)
    assert np.array_equal(read_png(get(catalog, path + "?stretch=none")[1]), plain)
    ranged = np.floor(np.clip((image[:3] - 200.0) / 1800, 0, 1) * 255 + 0.5)
    assert np.array_equal(read_png(get(catalog, path + "?stretch=200,2000")[1]), ranged)
    small = read_png(get(catalog, path + "?stretch=200,2000&size=16")[1])
    means = ranged.reshape(3, 16, 4, 16, 4).sum((2, 4))
    assert np.array_equal(small, (means + 8) // 16)
    assert read_png(get(catalog, path + "?size=100")[1]).shape == (3, 100, 100)


@pytest.mark.parametrize("query", ["bands=0", "bands=5", "bands=1,2", "bands=x", "stretch=loud",
                                   "stretch=5,1", "stretch=nan,1", "size=0", "size=99999"])
def test_bad_pictures(catalog, query):
    _, _, store = catalog
    key = rows_of(store)[0][2]["key"].decode()
    get(catalog, f"/samples/{key}/image.png?{query}", code=400)


def test_mask_is_a_palette(catalog):
    _, _, store = catalog
    group, i, row = rows_of(store)[2]
    body = get(catalog, f"/samples/{row['key'].decode()}/mask.png")[1]
    with rasterio.open(io.BytesIO(body)) as mask:
        assert np.array_equal(mask.read(1), array_of(store, group, "labels/mask", i))
        colours = mask.colormap(1)
    assert colours[1][:3] == (0xE6, 0x9F, 0) and colours[2][:3] == (0x56, 0xB4, 0xE9)
    assert colours[0][3] == 0


def test_labels_are_on_the_ground(catalog):
    _, _, store = catalog
    seen = 0
    for group, i, row in rows_of(store)[:8]:
        headers, body = get(catalog, f"/samples/{row['key'].decode()}/labels.json")
        assert headers["Content-Type"].startswith("application/geo+json")
        document = json.loads(body)
        labels = labels_of(store, group, i)
        assert len(document["features"]) == len(labels["boxes"])
        place = rasterio.Affine.from_gdal(*row["geotransform"])
        for feature, box, number in zip(document["features"], labels["boxes"],
                                        labels["box_class"]):
            assert feature["properties"]["box"] == pytest.approx(list(map(float, box)))
            assert feature["properties"]["class"] == ["roof", "pool"][number]
            xs, ys = zip(*(place * corner for corner in
                           ((box[0], box[1]), (box[2], box[1]), (box[2], box[3]),
                            (box[0], box[3]))))
            wanted = sorted(zip(*rasterio.warp.transform("EPSG:32616", "EPSG:4326", xs, ys)))
            ring = [tuple(point) for point in feature["geometry"]["coordinates"][0]]
            for corner in wanted:
                assert min(math.dist(corner, point) for point in ring) < 1e-8
            seen += 1
        assert document["footprint"]["type"] == "Polygon"
    assert seen > 5


# --- who, and again ------------------------------------------------------------------------------------


def test_others_see_nothing(catalog):
    _, _, store = catalog
    key = rows_of(store)[0][2]["key"].decode()
    for path in ("/samples", f"/samples/{key}", f"/samples/{key}/image.png",
                 f"/samples/{key}/image.tif", f"/samples/{key}/mask.png",
                 f"/samples/{key}/labels.json", "/stats"):
        get(catalog, path, code=404, user="bob")
        get(catalog, path, code=404, user=None)
    get(catalog, "/samples/no-such-key", code=404)
    get(catalog, f"/samples/{key}/image.png?version=2", code=404)


def test_pictures_are_not_made_again(catalog):
    _, _, store = catalog
    key = rows_of(store)[0][2]["key"].decode()
    headers, _ = get(catalog, f"/samples/{key}/image.png")
    assert "private" in headers["Cache-Control"] and "no-cache" in headers["Cache-Control"]
    same = {"If-None-Match": headers["ETag"]}
    get(catalog, f"/samples/{key}/image.png", code=304, headers=same)
    get(catalog, f"/samples/{key}/image.png?size=8", code=200, headers=same)
    headers, _ = get(catalog, f"/samples/{key}/image.png?version=1")
    assert "immutable" in headers["Cache-Control"]


def test_a_hundred_at_a_time(catalog):
    _, _, store = catalog
    keys = [row["key"].decode() for _, _, row in rows_of(store)]
    files = ["image.png", "image.tif", "mask.png", "labels.json"]
    wanted = {(key, file): get(catalog, f"/samples/{key}/{file}")[1]
              for key in keys[:5] for file in files}

    def one(i):
        key, file = keys[i % 5], files[i % 4]
        return get(catalog, f"/samples/{key}/{file}")[1] == wanted[key, file]

    with concurrent.futures.ThreadPoolExecutor(25) as pool:
        assert all(pool.map(one, range(100)))


def test_an_append_keeps_what_was_there(tmp_path, server):
    server.add_user("ada")
    store = make_store(tmp_path)
    entry, first = save_store(server, store)
    before = server.json("GET", f"/v1/entries/{entry}/samples?limit=1000", user="ada")["samples"]
    run("feed", store, "--image", tmp_path / "scene.tif", "--labels",
        tmp_path / "labels.geojson", "--task", "classification,detection,segmentation", "--tile",
        "64", "--stride", "40", "--class-field", "kind", "--classes", "roof,pool", "--group",
        "more")
    second = save_bytes(server, entry, store.read_bytes(), parent=first["digest"])
    assert second["version"] == 2
    after = server.json("GET", f"/v1/entries/{entry}/samples?limit=1000", user="ada")["samples"]
    old = server.json("GET", f"/v1/entries/{entry}/samples?limit=1000&version=1",
                      user="ada")["samples"]
    kept = [sample for sample in after if sample["group"] != "more"]
    assert kept == before and len(after) > len(before)
    assert [sample["key"] for sample in old] == [sample["key"] for sample in before]
    assert {sample["since"] for sample in after if sample["group"] == "more"} == {2}
    key = after[0]["key"]
    assert server.get(f"/v1/entries/{entry}/samples/{key}/image.tif", user="ada")[0] == 200


def test_a_public_entry_shows_its_head(tmp_path, server):
    server.add_user("ada")
    store = make_store(tmp_path)
    entry, first = save_store(server, store)
    server.json("POST", f"/v1/entries/{entry}/publish", user="ada")
    key = server.json("GET", f"/v1/entries/{entry}/samples?limit=1")["samples"][0]["key"]
    code, headers, _ = server.get(f"/v1/entries/{entry}/samples/{key}/image.png")
    assert code == 200 and "public" in headers["Cache-Control"]
    run("feed", store, "--image", tmp_path / "scene.tif", "--labels",
        tmp_path / "labels.geojson", "--task", "classification,detection,segmentation", "--tile",
        "64", "--stride", "50", "--class-field", "kind", "--classes", "roof,pool", "--group",
        "more")
    save_bytes(server, entry, store.read_bytes(), parent=first["digest"])
    assert server.get(f"/v1/entries/{entry}/samples?version=1")[0] == 404
    assert server.get(f"/v1/entries/{entry}/samples?version=1", user="ada")[0] == 200
    assert server.get(f"/v1/entries/{entry}/samples?version=2")[0] == 200


def test_an_entry_without_a_version(server):
    server.add_user("ada")
    entry = new_entry(server)
    for path in ("samples", "stats", "samples/x/image.png"):
        assert server.get(f"/v1/entries/{entry}/{path}", user="ada")[0] == 404
