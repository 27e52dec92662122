"""The catalog as a new user meets it: log in, save the demo store, find it, publish it, and somebody
else pulls it."""
import json

import pytest
from conftest import SOURCE, run_vedatile
from server import Server

FEED = ["--image", "data/olinda/scene.tif", "--labels", "data/olinda/sectors.geojson", "--class-field",
        "TIPO", "--task", "classification,detection,segmentation,instance", "--tile", "64", "--match",
        "all", "--stride", "50"]
USERS = ("ana", "bruno")


@pytest.fixture(scope="module", name="site")
def make_site(tmp_path_factory):
    """A server with two users who are logged in; site(user, words...) runs a command as one."""
    folder = tmp_path_factory.mktemp("site")
    server = Server(folder / "catalog")
    with server:
        for user in USERS:
            server.add_user(user)

        def site(user, *words, code=0, **options):
            home = folder / user
            home.mkdir(exist_ok=True)
            if not (home / "data").exists():
                (home / "data").symlink_to(SOURCE / "data")
            return run_vedatile(*words, code=code, cwd=home, env={
                "HOME": str(home), "XDG_CONFIG_HOME": "", "VEDATILE_URL": "", "VEDATILE_TOKEN": ""},
                **options)

        site.server = server
        for user in USERS:
            done = site(user, "login", server.url, input=server.tokens[user] + "\n")
            assert user in done.stdout
        yield site


def found(site, user, *words):
    entries = json.loads(site(user, "search", *words, "--json").stdout)["entries"]
    return {entry["data"]["id"]: entry["data"] for entry in entries}


def test_walk(site, olinda, tmp_path):
    store, copy = tmp_path / "roofs.h5", tmp_path / "copy.h5"
    store.write_bytes(olinda.read_bytes())
    document = json.loads(site("ana", "save", store, "--name", "Roofs of Olinda", "--license",
                               "CC-BY-4.0", "--tag", "roofs,demo", "--json").stdout)
    entry = document["data"]["id"]
    info = json.loads(site("ana", "info", store, "--json").stdout)
    data = document["data"]
    assert data["classes"] == info["classes"] and data["tasks"] == info["tasks"]
    assert data["count"] == {name: group["count"] for name, group in info["groups"].items()}
    assert data["bbox"] == pytest.approx(info["bounds"], abs=1e-6)
    assert data["percent_cached"] == 100 and not data["public"] and data["userId"] == "ana"
    assert data["bytes"] == store.stat().st_size

    # The owner finds it, by whatever is known of it; nobody else does.
    west, south, east, north = info["bounds"]
    middle = f"--bbox={(west + east) / 2},{(south + north) / 2},{east},{north}"
    for words in (["Olinda"], ["--tag", "demo"], ["--owner", "ana"], ["--class", info["classes"][0]],
                  ["--task", info["tasks"][0]], [middle]):
        assert entry in found(site, "ana", *words), words
        assert entry not in found(site, "bruno", *words)
    assert entry not in found(site, "ana", "--bbox=10,10,11,11")
    assert site("bruno", "pull", entry, "-o", copy, code=1).stderr
    assert not copy.exists()

    site("ana", "publish", "Roofs of Olinda")
    assert entry in found(site, "bruno", "roofs")
    site("bruno", "pull", "Roofs of Olinda", "-o", copy)
    site("bruno", "check", copy)
    digests = [site("ana", "check", path, "--digest").stdout for path in (store, copy)]
    assert digests[0] == digests[1]
    assert copy.read_bytes() == store.read_bytes()
    assert "was here already" in site("bruno", "pull", entry, "-o", copy).stdout

    # What is published is not Bruno's to write; what is shared with him is.
    site("bruno", "feed", copy, *FEED)
    site("bruno", "save", copy, code=1)
    site("ana", "share", store, "--with", "bruno", "--write")
    assert "version 2" in site("bruno", "save", copy).stdout
    assert "version 2" in site("ana", "pull", entry, "-o", store).stdout
    assert site("ana", "check", store, "--digest").stdout == \
        site("bruno", "check", copy, "--digest").stdout

    release = json.loads(site("ana", "release", store, "--name", "1.0", "--json").stdout)
    assert release["number"] == 1
    assert "1.0" in site("bruno", "release", entry, "--list").stdout
    site("bruno", "remove", entry, code=1)
    site("ana", "remove", store)
    assert entry not in found(site, "ana") and entry in found(site, "ana", "--bin")
    site("ana", "remove", entry, "--restore")
    assert entry in found(site, "bruno")
