"""serve --check, --backup and --restore; what housekeeping removes."""
import pathlib
import shutil
import sqlite3
import subprocess

import pytest
from server import TOOL, Server
from sync_client import BLOCK, Client, database, until
from sync_stores import check, stores  # noqa: F401  pylint: disable=unused-import


def serve(*words):
    return subprocess.run([TOOL, "serve", *map(str, words)], capture_output=True, text=True,
                          check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, stores):  # noqa: F811
    """A root with two entries, one of three versions, and an open upload."""
    root = tmp_path_factory.mktemp("whole") / "catalog"
    with Server(root) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        entry = ann.make_entry()
        parent = None
        for store in stores[:3]:
            parent = ann.save(entry, store, parent)["digest"]
        ann.save(ann.make_entry("other"), stores[0])
        begun = ann.begin(entry, stores[3])
        first, _ = begun["missing"][0]
        assert ann.put(begun["id"], first, stores[3][first * BLOCK:(first + 1) * BLOCK])[0] == 200
    return root


@pytest.fixture
def root(whole, tmp_path):
    return pathlib.Path(shutil.copytree(whole, tmp_path / "catalog"))


def change(root, sql, *values):
    link = sqlite3.connect(root / "catalog.db")
    link.execute("PRAGMA foreign_keys = OFF")
    link.execute(sql, values)
    link.commit()
    link.close()


def blobs_of(root):
    return {path.name: path for path in (root / "blobs").rglob("*") if path.is_file()}


def committed_blobs(root):
    with sqlite3.connect(root / "catalog.db") as link:
        names = link.execute("SELECT name, size FROM blob WHERE id IN (SELECT blob FROM segment) "
                             "ORDER BY id").fetchall()
    link.close()
    return names


def test_a_whole_catalog(root):
    report = check(root)
    blobs = committed_blobs(root)
    assert (report["users"], report["entries"], report["versions"], report["uploads"]) == (1, 2, 4, 1)
    assert report["blobs"] == len(blobs) == 4
    assert report["blob_bytes"] == sum(size for _, size in blobs)
    assert report["blocks"] == sum(-(-size // BLOCK) for _, size in blobs)
    assert report["samples"] > 0 and report["orphans"] == [] and report["problems"] == []
    assert check(root, "--quick")["blocks"] == 0
    plain = serve("--root", root, "--check")
    assert plain.returncode == 0 and plain.stdout.startswith("ok: 2 entries, 4 versions, 4 blobs of ")


def problem(root, *parts, words=()):
    report = check(root, *words, code=1)
    assert any(all(part in text for part in parts) for text in report["problems"]), report
    plain = serve("--root", root, "--check", *words)
    assert plain.returncode == 1 and "problem" in plain.stdout.splitlines()[-1]
    return report


def test_one_byte_of_a_blob(root):
    name, size = committed_blobs(root)[0]
    with open(blobs_of(root)[name], "r+b") as blob:
        blob.seek(size - 1)
        last = blob.read(1)
        blob.seek(size - 1)
        blob.write(bytes([last[0] ^ 1]))
    check(root, "--quick")
    problem(root, "version 1", f"block {size // BLOCK if size % BLOCK else size // BLOCK - 1}",
            "damaged", name)


def test_a_blob_that_is_short_or_gone(root):
    (first, size), (second, _) = committed_blobs(root)[:2]
    with open(blobs_of(root)[first], "r+b") as blob:
        blob.truncate(size - 10)
    blobs_of(root)[second].unlink()
    for words in ((), ("--quick",)):
        report = problem(root, first, str(size - 10), words=words)
        assert any(second in text for text in report["problems"])


def test_rows_that_contradict(root):
    change(root, "UPDATE entry SET head = 9 WHERE name = 'other'")
    problem(root, "newest version 9")


def test_a_version_with_a_gap(root):
    change(root, "DELETE FROM segment WHERE version = 2 AND first_block = (SELECT max(first_block) "
           "FROM segment WHERE version = 2)")
    problem(root, "version 2", "ends at byte")


def test_a_run_that_leads_elsewhere(root):
    change(root, "UPDATE segment SET blob_offset = 0 WHERE version = 3 AND blob_offset > 0")
    problem(root, "version 3")


def test_a_block_list_that_was_changed(root):
    change(root, "UPDATE version SET blocks = zeroblob(length(blocks)) WHERE number = 3")
    problem(root, "version 3", "digest")


def test_samples_that_are_missing(root):
    change(root, "DELETE FROM sample WHERE id = (SELECT min(id) FROM sample)")
    problem(root, "samples, and rows of")


def test_references_that_lead_nowhere(root):
    change(root, "DELETE FROM user")
    problem(root, "user")


def test_an_audit_log_that_was_changed(root):
    with sqlite3.connect(root / "catalog.db") as link: # who can do that can do this before
        for name, in link.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND "
                                  "tbl_name = 'audit'").fetchall():
            link.execute(f"DROP TRIGGER {name}")
    link.close()
    change(root, "UPDATE audit SET action = 'entry.nothing' WHERE id = 1")
    problem(root, "audit")


def test_no_catalog(tmp_path):
    done = serve("--root", tmp_path, "--check")
    assert done.returncode == 1 and str(tmp_path) in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    done = serve("--root", tmp_path / "none", "--check")
    assert done.returncode == 1 and not (tmp_path / "none").exists()


def test_orphans_are_told_and_go_in_time(root):
    stray = root / "blobs" / "ab" / ("ab" + 30 * "0")
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(bytes(100))
    foreign = root / "blobs" / "ab" / "notes.txt"
    foreign.write_text("mine")
    assert check(root)["orphans"] == [stray.name]
    with Server(root, "--keep", 1, "--housekeeping", 1):
        until(lambda: not stray.exists())
    assert foreign.exists() and check(root)["orphans"] == []


def test_a_backup_of_a_running_server(root, tmp_path, stores):  # noqa: F811
    copy = tmp_path / "copy"
    with Server(root) as server:
        ann = Client(server, "ann")
        ann.server.add_user("ann")
        with database(server) as link:
            entry, = link.execute("SELECT slug FROM entry ORDER BY id").fetchone()
        assert serve("--root", root, "--backup", copy).returncode == 0
        head = ann.head(entry)
        ann.save(entry, stores[3], head["digest"]) # later: not in the backup
    report = check(copy)
    assert (report["versions"], report["uploads"], report["orphans"]) == (4, 0, [])
    assert not (copy / "secret").exists()
    back = tmp_path / "back"
    done = serve("--root", back, "--restore", copy)
    assert done.returncode == 0, done.stderr
    with Server(back) as server:
        ann = Client(server, "ann")
        server.add_user("ann")
        assert ann.head(entry) == head
        for number in (1, 2, 3):
            assert ann.pull(entry, number) == stores[number - 1]
        assert ann.save(entry, stores[3], head["digest"])["version"] == 4
    check(back)
    check(copy) # what happens in the restored one does not reach it


def test_backups_and_restores_that_are_refused(root, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "mine").write_text("x")
    for words in (("--root", root, "--backup", copy), ("--root", tmp_path / "none", "--backup",
                                                       tmp_path / "c2"),
                  ("--root", tmp_path / "new", "--restore", copy),
                  ("--root", tmp_path / "new", "--restore", tmp_path / "none")):
        done = serve(*words)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    assert [p.name for p in copy.iterdir()] == ["mine"]
    assert not (tmp_path / "c2").exists() and not (tmp_path / "new").exists()
    good = tmp_path / "good"
    assert serve("--root", root, "--backup", good).returncode == 0
    assert "not empty" in serve("--root", root, "--restore", good).stderr
    name, _ = committed_blobs(good)[1]
    path = blobs_of(good)[name]
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.unlink() # a copy of its own, not the catalog's file
    path.write_bytes(data)
    done = serve("--root", tmp_path / "new", "--restore", good)
    assert done.returncode == 1 and "damaged" in done.stderr and name in done.stderr
    assert not (tmp_path / "new").exists()
    check(root)


def test_a_database_older_than_the_blobs(root, tmp_path, stores):  # noqa: F811
    """The database of a backup over the blobs of today: what it does not know is left over, and goes."""
    copy = tmp_path / "copy"
    assert serve("--root", root, "--backup", copy).returncode == 0
    with Server(root) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        with database(server) as link:
            entry, = link.execute("SELECT slug FROM entry ORDER BY id").fetchone()
        ann.save(entry, stores[3], ann.head(entry)["digest"])
    for name in ("catalog.db", "catalog.db-wal", "catalog.db-shm"):
        (root / name).unlink(missing_ok=True)
    shutil.copy(copy / "catalog.db", root / "catalog.db")
    assert len(check(root)["orphans"]) >= 1
    with Server(root, "--keep", 1, "--housekeeping", 1) as server:
        server.add_user("ann")
        assert Client(server, "ann").pull(entry, 3) == stores[2]
        until(lambda: check(root)["orphans"] == [])
    check(root)


def test_releases_keep_their_versions(tmp_path, stores):  # noqa: F811
    root = tmp_path / "catalog"
    with Server(root, "--keep", 1, "--housekeeping", 1) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        entry = ann.make_entry()
        first = ann.save(entry, stores[0])
        assert ann.call("POST", f"/v1/entries/{entry}/releases", {"name": "one"})[0] == 201
        second = ann.save(entry, stores[1], first["digest"])
        ann.save(entry, stores[2], second["digest"])

        def versions():
            with database(server) as link:
                return [n for n, in link.execute("SELECT number FROM version ORDER BY number")]

        until(lambda: versions() == [1, 3])
        assert ann.pull(entry, 1) == stores[0]
        code, _, manifest = ann.call("GET", f"/v1/entries/{entry}/releases/1/manifest")
        assert code == 200 and (manifest["release"], manifest["version"]) == (1, 1)
        assert manifest["store"]["href"] == "../../versions/1/store.h5"
        assert ann.call("GET", f"/v1/entries/{entry}/versions/2/manifest")[0] == 404
        with database(server) as link: # a sample that only version 2 showed would be left over
            assert link.execute("SELECT count(*) FROM sample s WHERE NOT EXISTS (SELECT 1 FROM "
                                "version v WHERE v.number >= s.since AND (s.until IS NULL OR "
                                "v.number < s.until))").fetchone() == (0,)
    report = check(root)
    assert report["orphans"] == [] and report["releases"] == 1


def test_uploads_expire(root):
    change(root, "UPDATE upload SET expires = 5")
    before = len(blobs_of(root))
    with Server(root, "--housekeeping", 1) as server:
        server.add_user("ann")

        def gone():
            with database(server) as link:
                return link.execute("SELECT count(*) FROM upload").fetchone() == (0,)

        until(gone)
        until(lambda: len(blobs_of(root)) == before - 1)
    assert check(root)["orphans"] == []
