"""vedatile pull --partial: from any server, from a catalog, completed, refused."""
import json
import os
import shutil

import big
import partials
import pytest
from server import Server, run


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    scene = big.make_scene(folder / "scene.tif", 2048, 2048, bands=3)
    run("feed", folder / "s.h5", "--image", scene, "--tile", 256, "--codec", "raw")
    return folder, folder / "s.h5", partials.make_release(folder / "release", folder / "s.h5")


@pytest.fixture
def web(release):
    with partials.serving(release[0] / "release") as running:
        yield running


def home(folder):
    return {**os.environ, "XDG_CONFIG_HOME": str(folder), "VEDATILE_URL": "", "VEDATILE_TOKEN": ""}


def percent(store):
    return json.loads(run("info", store, "--json"))["percent_cached"]


def test_pulled_and_completed(release, web, tmp_path):
    store, address = tmp_path / "p.h5", f"{web.url}/manifest.json"
    said = run("pull", address, "-o", store, "--partial", env=home(tmp_path))
    assert "the rest comes as it is read" in said
    assert 0 < percent(store) < 10 and os.path.getsize(store) == len(release[2])
    assert os.stat(store).st_blocks * 512 < 0.15 * len(release[2])
    status = json.loads(run("status", store, "--json", env=home(tmp_path)))["store"]
    assert status["percent_cached"] == pytest.approx(percent(store)) and not status["changed"]
    assert status["version"] == 1
    assert "% of it here" in run("status", store, env=home(tmp_path))
    # Again: nothing to do.
    before = web.sent
    assert json.loads(run("pull", address, "-o", store, "--partial", "--json",
                          env=home(tmp_path)))["fetched"] == 0
    assert web.sent == before
    assert "complete" in run("pull", store, env=home(tmp_path))
    assert store.read_bytes() == release[2] and web.sent == len(release[2])
    assert not os.path.exists(f"{store}.partial")
    assert run("check", store).startswith("ok: 64 samples")
    # Whole and of this version: stays as it is.
    assert "was here already" in run("pull", address, "-o", store, "--partial",
                                     env=home(tmp_path))
    assert "status" not in run("status", store, env=home(tmp_path))


def test_a_whole_pull_completes_a_partial_one(release, web, tmp_path):
    store, address = tmp_path / "p.h5", f"{web.url}/manifest.json"
    run("pull", address, "-o", store, "--partial", env=home(tmp_path))
    done = json.loads(run("pull", address, "-o", store, "--json", env=home(tmp_path)))
    assert not done["partial"] and 0 < done["fetched"] < len(release[2])
    assert store.read_bytes() == release[2]
    # It may be written from now on.
    assert "64 samples written" not in run("feed", store, "--image", release[0] / "scene.tif",
                                           "--tile", 256)


def test_what_is_in_the_way(release, web, tmp_path):
    store, address = tmp_path / "p.h5", f"{web.url}/manifest.json"
    store.write_text("mine")
    said = run("pull", address, "-o", store, "--partial", ok=1, env=home(tmp_path))
    assert "is there already" in said and store.read_text() == "mine"
    run("pull", address, "-o", store, "--partial", "--force", env=home(tmp_path))
    # A newer version at the same address.
    other = tmp_path / "other.h5"
    shutil.copy(release[1], other)
    run("feed", other, "--image", release[0] / "scene.tif", "--tile", 256, "--group", "test",
        "--stride", 300)
    partials.make_release(tmp_path / "newer", other)
    with partials.serving(tmp_path / "newer") as newer:
        address = f"{newer.url}/manifest.json"
        said = run("pull", address, "-o", store, "--partial", ok=1, env=home(tmp_path))
        assert "as a partial store of version 1" in said and said.count("\n") == 1
        run("pull", address, "-o", store, "--partial", "--force", env=home(tmp_path))
        run("pull", store, env=home(tmp_path))
    assert store.read_bytes() == other.read_bytes()


def test_nothing_is_left_of_one_that_cannot_be_opened(release, web, tmp_path):
    web.spoil = lambda number, first, body: b"?" * len(body)
    said = run("pull", f"{web.url}/manifest.json", "-o", tmp_path / "p.h5", "--partial", ok=1,
               env=home(tmp_path))
    assert "are not those of the version" in said and said.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_words_that_make_no_sense(release, tmp_path):
    assert "-o" in run("pull", "abcdefghijklmnop", ok=2, env=home(tmp_path))
    assert "-o" in run("pull", release[1], ok=2, env=home(tmp_path))
    assert "output" in run("pull", release[1], "--partial", ok=2, env=home(tmp_path))


def test_private_entries_fill_with_the_login_of_the_moment(release, tmp_path):
    store = tmp_path / "p.h5"
    with Server(tmp_path / "root") as server:
        server.add_user("ada")
        server.add_user("bob")
        environment = home(tmp_path / "home")
        for name in ("ada", "bob"):
            (tmp_path / name).write_text(server.tokens[name])
        run("login", server.url, "--token-file", tmp_path / "ada", env=environment)
        shutil.copy(release[1], tmp_path / "s.h5")
        entry = json.loads(run("save", tmp_path / "s.h5", "--json", env=environment))["data"]["id"]
        run("pull", entry, "-o", store, "--partial", env=environment)
        assert server.tokens["ada"].encode() not in (tmp_path / "p.h5.partial").read_bytes()
        assert 0 < percent(store) < 10
        run("login", server.url, "--token-file", tmp_path / "bob", env=environment)
        said = run("check", store, "--fetch", ok=1)
        assert "vedatile login" in said and said.count("\n") == 1
        run("login", server.url, "--token-file", tmp_path / "ada", env=environment)
        assert run("check", store, "--fetch").startswith("ok: 64 samples")
        assert store.read_bytes() == release[2]
        # Complete, it is saved like any other; partial it is refused.
        run("pull", entry, "-o", tmp_path / "q.h5", "--partial", env=environment)
        said = run("save", tmp_path / "q.h5", ok=1, env=environment)
        assert "cannot be sent while only" in said and "vedatile pull" in said
        run("save", store, env=environment)


def test_a_token_goes_through_no_proxy_that_a_file_names(release, tmp_path):
    """PATH.partial of a stranger names a proxy of theirs and our login file."""
    with Server(tmp_path / "root") as server, partials.serving(release[0] / "release") as stranger:
        server.add_user("ada")
        environment = home(tmp_path / "home")
        (tmp_path / "token").write_text(server.tokens["ada"])
        run("login", server.url, "--token-file", tmp_path / "token", env=environment)
        store = tmp_path / "p.h5"
        about = {"store": f"{server.url}/v1/entries/abcdefghijklmnop/versions/1/store.h5",
                 "server": server.url, "login": str(tmp_path / "home/vedatile/login.json"),
                 "http_proxy": stranger.url, "version": 1}
        partials.make_partial(store, server.url, release[2], about)
        assert "vedatile login" in run("info", store, ok=1)
        assert stranger.requests == 0
        # Without a token it is used: the test would see it.
        partials.make_partial(store, server.url, release[2], {**about, "login": "/nonexistent"})
        run("info", store, ok=1)
        assert stranger.requests > 0
