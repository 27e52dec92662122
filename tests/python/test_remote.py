"""Scenes and labels over the network."""
import json
import subprocess

import pytest
from conftest import SOURCE, run_vedatile
from flaky import FAULTS, serve

OLINDA = SOURCE / "data/olinda"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("served")
    subprocess.run(["gdal_translate", "-q", OLINDA / "scene.tif", path / "scene.tif", "-co", "TILED=YES",
                    "-co", "BLOCKXSIZE=64", "-co", "BLOCKYSIZE=64", "-co", "COMPRESS=DEFLATE"], check=True)
    (path / "sectors.geojson").write_bytes((OLINDA / "sectors.geojson").read_bytes())
    subprocess.run(["ogr2ogr", path / "sectors.shp", OLINDA / "sectors.geojson"], check=True,
                   capture_output=True)
    return path


def feed(store, image, labels, *options, **keywords):
    done = run_vedatile("feed", store, "--image", image, "--labels", labels, "--class-field", "TIPO",
                        "--task", "segmentation,instance", "--tile", 64, "--match", "all", "--codec",
                        "raw", "--json", *options, **keywords)
    return json.loads(done.stdout) if done.stdout else done


def digest(store):
    return run_vedatile("check", store, "--digest").stdout


@pytest.fixture(scope="module")
def local(folder, tmp_path_factory):
    store = tmp_path_factory.mktemp("local") / "store.h5"
    report = feed(store, folder / "scene.tif", folder / "sectors.geojson")
    assert report["requests"] == report["request_bytes"] == 0
    return digest(store)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("prefix", ["", "/vsicurl/"])
def test_equal_to_the_file_on_disk(folder, local, tmp_path, prefix, threads):
    with serve(folder) as server:
        report = feed(tmp_path / "store.h5", f"{prefix}{server.url}/scene.tif",
                      f"{prefix}{server.url}/sectors.geojson", "--threads", threads)
        assert digest(tmp_path / "store.h5") == local
        # What GDAL counted is what the server saw.
        assert report["requests"] == len(server.requests)
        assert report["request_bytes"] >= (folder / "scene.tif").stat().st_size
        # The same scene from the disk has nothing new.
        assert feed(tmp_path / "store.h5", folder / "scene.tif", folder / "sectors.geojson")["written"] == 0
    text = run_vedatile("feed", tmp_path / "other.h5", "--image", folder / "scene.tif", "--tile", 64).stdout
    assert "network" not in text


@pytest.mark.parametrize("option", ["--aoi", "--ignore", "--split-areas", "--extra"])
def test_requests_of_every_input_are_counted(folder, tmp_path, option):
    """Through a server that cuts answers short, and equal to the same input from the disk."""
    name = "scene.tif" if option == "--extra" else "sectors.geojson"
    more = ("--aoi-rule", "touch") if option == "--aoi" else ()
    feed(tmp_path / "a.h5", folder / "scene.tif", folder / "sectors.geojson", option, folder / name, *more)
    with serve(folder, share=0.15, seed=4, faults=["cut", "refuse"]) as server:
        report = feed(tmp_path / "b.h5", folder / "scene.tif", folder / "sectors.geojson", option,
                      f"{server.url}/{name}", *more)
        assert report["requests"] >= len(server.requests) > 0
    assert digest(tmp_path / "a.h5") == digest(tmp_path / "b.h5")


def test_no_folder_is_listed_and_no_block_is_fetched_twice(folder, tmp_path):
    with serve(folder) as server:
        feed(tmp_path / "store.h5", f"{server.url}/scene.tif", f"{server.url}/sectors.geojson", "--threads", 1)
        asked = [path for _, path, _ in server.requests]
        assert not any(path.endswith("/") for path in asked)
        # Sidecar files are asked for by name, once for each opening of the scene.
        assert sum("scene.tif" in path for path in asked) < 40


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault(folder, local, tmp_path, fault):
    with serve(folder, share=0.15, seed=3, faults=[fault]) as server:
        feed(tmp_path / "store.h5", f"{server.url}/scene.tif", f"{server.url}/sectors.geojson")
        assert server.faulted
    assert digest(tmp_path / "store.h5") == local


@pytest.mark.parametrize("labels", ["sectors.geojson", "sectors.shp"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_flaky_server_ends_in_an_equal_store(folder, local, tmp_path, seed, labels):
    with serve(folder, share=0.2, seed=seed) as server:
        feed(tmp_path / "store.h5", f"{server.url}/scene.tif", f"{server.url}/{labels}", "--threads", 2)
        assert len(set(server.faulted)) > 2
    assert digest(tmp_path / "store.h5") == local


def test_on_a_grid_through_a_flaky_server(folder, tmp_path):
    grid = ("--crs", "EPSG:32725", "--resolution", 30)
    feed(tmp_path / "a.h5", folder / "scene.tif", folder / "sectors.geojson", *grid)
    with serve(folder, share=0.2, seed=5) as server:
        feed(tmp_path / "b.h5", f"{server.url}/scene.tif", f"{server.url}/sectors.geojson", *grid)
        assert server.faulted
    assert digest(tmp_path / "a.h5") == digest(tmp_path / "b.h5")


def test_a_server_that_goes_away_is_a_failure_that_is_tried_again(folder, local, tmp_path):
    store, other = tmp_path / "store.h5", tmp_path / "other.tif"
    subprocess.run(["gdal_translate", "-q", "-srcwin", "0", "0", "64", "64", folder / "scene.tif", other],
                   check=True)
    with serve(folder) as server:
        name = f"{server.url}/scene.tif"
        server.share, server.faults = 1.0, ["refuse"]
        done = run_vedatile("feed", store, "--image", other, name, "--tile", 64, "--codec", "raw", code=1)
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and name in lines[0] and "1  scenes" in done.stdout
        server.share = 0
        run_vedatile("feed", store, "--image", other, name, "--tile", 64, "--retry-failed")
        assert json.loads(run_vedatile("info", store, "--json").stdout)["groups"]["train"]["count"] == 26


def test_one_line_for_what_is_not_there(folder, tmp_path):
    with serve(folder) as server:
        for image, labels in (("none.tif", "sectors.geojson"), ("scene.tif", "none.geojson")):
            done = run_vedatile("feed", tmp_path / "store.h5", "--image", f"{server.url}/{image}", "--labels",
                                f"{server.url}/{labels}", "--task", "detection", code=1)
            assert len(done.stderr.splitlines()) == 1 and "none." in done.stderr, done.stderr
            assert "404" in done.stderr
            # It is asked for once, not six times: nothing will make it appear.
            assert sum("none." in path for _, path, _ in server.requests) < 8
            server.requests.clear()
    assert not (tmp_path / "store.h5").exists()


def test_a_server_without_ranges(folder, tmp_path):
    with serve(folder, ranges=False) as server:
        done = run_vedatile("feed", tmp_path / "store.h5", "--image", f"{server.url}/scene.tif", code=1)
        assert len(done.stderr.splitlines()) == 1 and "Range" in done.stderr


def test_settings_of_the_user_stay(folder, tmp_path):
    with serve(folder, share=1.0, faults=["refuse"]) as server:
        for retries in 0, 1:
            server.requests.clear()
            run_vedatile("feed", tmp_path / "store.h5", "--image", f"{server.url}/scene.tif", code=1,
                         env={"GDAL_HTTP_MAX_RETRY": str(retries), "GDAL_HTTP_RETRY_DELAY": "0.01"})
            counts = len(server.requests) if retries == 0 else counts / len(server.requests)
    assert counts < 0.8
