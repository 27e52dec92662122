"""Servers that die, disks that are full, clients that race: the head is the old version or the new one,
nothing that was committed is lost, and the same request again carries on."""
import concurrent.futures
import http.client
import random
import resource
import signal
import sqlite3
import struct
import subprocess
import threading
import time

import pytest
from server import Server
from sync_client import BLOCK, Client, database, digests, until, version_digest
from sync_stores import check, stores  # noqa: F401  pylint: disable=unused-import

GONE = (http.client.HTTPException, ConnectionError, TimeoutError)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "catalog"


@pytest.mark.parametrize("point,times", [
    ("put.before-write", 3), ("put.after-write", 1), ("put.after-write", 9),
    ("commit.before-sync", 1), ("commit.after-sync", 1), ("commit.after-inspect", 1),
    ("commit.before-commit", 1), ("commit.before-answer", 1)])
def test_a_server_that_dies_at_a_named_place(root, stores, point, times):  # noqa: F811
    with Server(root) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        entry = ann.make_entry()
        parent = ann.save(entry, stores[0])["digest"]
        (root / "failpoint").write_text(f"{point} {times}\n", encoding="ascii")
        with pytest.raises(GONE):
            ann.save(entry, stores[3], parent)
        assert server.process.wait(20) == -signal.SIGKILL
        server.kill()
        (root / "failpoint").unlink()
        check(root)
        server.start()
        done = point == "commit.before-answer"
        assert ann.head(entry)["version"] == (2 if done else 1)
        assert ann.save(entry, stores[3], parent)["version"] == 2
        assert ann.pull(entry, 1) == stores[0] and ann.pull(entry, 2) == stores[3]
        with database(server) as link:
            assert link.execute("SELECT count(*) FROM version").fetchone() == (2,)
    report = check(root)
    assert report["versions"] == 2 and report["orphans"] == []


def test_a_server_that_dies_at_random(root, stores):  # noqa: F811
    """Saves go on and on while the server is killed at moments that chance chooses."""
    chance = random.Random(20)
    saved = []
    deaths = 0
    with Server(root) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        entry = ann.make_entry()
        while deaths < 12 or len(saved) < 4:
            killer = threading.Timer(chance.uniform(0, 0.25), server.process.kill)
            killer.start()
            try:
                while True:
                    store = stores[len(saved) % 4]
                    parent = saved[-1] if saved else None
                    saved.append(ann.save(entry, store, parent)["digest"])
            except GONE:
                deaths += 1
            killer.join()
            server.kill()
            check(root)
            server.start()
            head = ann.head(entry)
            expected = version_digest(stores[len(saved) % 4])
            assert (head["digest"] if head else None) in (saved[-1] if saved else None, expected)
        with database(server) as link:
            rows = link.execute("SELECT number, digest, parent FROM version ORDER BY number").fetchall()
        assert [row[0] for row in rows[:len(saved)]] == list(range(1, len(saved) + 1))
        assert [row[1] for row in rows[:len(saved)]] == saved
        assert [row[2] for row in rows] == [None, *[row[1] for row in rows[:-1]]]
        for number in (1, len(saved) // 2 + 1, len(saved)):
            assert ann.pull(entry, number) == stores[(number - 1) % 4]
    check(root)


def test_blocks_that_came_are_not_sent_again(root, stores):  # noqa: F811
    """After a kill -9 only what came in the last second or two may be asked for again."""
    with Server(root) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        entry = ann.make_entry()
        store = stores[3]
        begun = ann.begin(entry, store)
        ann.put(begun["id"], 0, store[:8 * BLOCK])

        def written():
            with database(server) as link:
                bits, = link.execute("SELECT received FROM upload").fetchone()
            return bits[0] == 255

        until(written)
        ann.put(begun["id"], 8, store[8 * BLOCK:9 * BLOCK])
        server.kill()
        server.start()
        missing = ann.begin(entry, store)["missing"]
        assert missing in ([[8, len(digests(store)) - 8]], [[9, len(digests(store)) - 9]])
        assert ann.save(entry, store)["version"] == 1


def test_what_another_start_of_the_system_left_is_read_before_it_counts(root, stores):  # noqa: F811
    with Server(root) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        entry = ann.make_entry()
        store = stores[3]
        begun = ann.begin(entry, store)
        ann.put(begun["id"], 0, store[:6 * BLOCK])
        server.stop()
        with database(server) as link:
            name, = link.execute("SELECT name FROM blob").fetchone()
        with sqlite3.connect(root / "catalog.db") as link:
            link.execute("UPDATE upload SET boot = 'before'")
        link.close()
        path = root / "blobs" / name[:2] / name
        with open(path, "r+b") as blob: # pages that never reached the disk
            blob.seek(2 * BLOCK + 5)
            blob.write(bytes(1000))
        server.start()
        assert ann.begin(entry, store)["missing"] == [[2, 1], [6, len(digests(store)) - 6]]
        assert ann.save(entry, store)["version"] == 1
        assert ann.pull(entry, 1) == store
    check(root)


def test_a_disk_that_is_full(root, stores):  # noqa: F811
    """No file may be longer than the first store is: the second one finds no room."""
    small, large = stores[0], stores[3]
    limit = {resource.RLIMIT_FSIZE: len(large) - 2 * BLOCK}
    with Server(root, limits=limit) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        entry = ann.make_entry()
        ann.save(entry, small)
        other = ann.make_entry()
        refused = ann.begin(other, large, ok=(507,))
        assert refused["code"] == "InsufficientStorage"
        with database(server) as link:
            assert link.execute("SELECT count(*) FROM upload WHERE state = 0").fetchone() == (0,)
        assert ann.pull(entry, 1) == small
        server.stop()
        server.limits = None
        server.start()
        assert ann.save(other, large)["version"] == 1
    assert check(root)["orphans"] == []


def test_disks_that_fill_up_while_blocks_come(tmp_path, stores):  # noqa: F811
    """A real file system without room, where this machine lets us make one."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", place],
                          capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        with Server(place / "catalog", "--disk-reserve", 1) as server:
            server.add_user("ann")
            ann = Client(server, "ann")
            entry = ann.make_entry()
            first = ann.save(entry, stores[2])
            codes = set()
            filled = 0
            for _ in range(6): # each takes its room when it begins
                other = ann.make_entry()
                code, _, _ = ann.call(
                    "POST", f"/v1/entries/{other}/uploads?size={len(stores[3])}",
                    b"".join(digests(stores[3])), {"Content-Type": "application/octet-stream"})
                codes.add(code)
                filled += code == 201
            assert codes == {201, 507} and filled >= 1
            (place / "more").write_bytes(b"")
            with open(place / "more", "wb") as rest: # nothing is left for the database either
                try:
                    while True:
                        rest.write(bytes(65536))
                        rest.flush()
                except OSError:
                    pass
            begun = ann.call("POST", f"/v1/entries/{entry}/uploads?size={len(stores[1])}",
                             b"".join(digests(stores[1])),
                             {"Content-Type": "application/octet-stream"})
            assert begun[0] == 507, begun
            assert ann.pull(entry, 1) == stores[2]
            (place / "more").unlink()
            assert ann.save(entry, stores[1], first["digest"])["version"] == 2
        check(place / "catalog")
    finally:
        subprocess.run(["umount", place], check=True)


def test_fifty_clients_race(root, stores):  # noqa: F811
    """Each has bytes of its own; exactly one follows each parent, the others are told, and try again."""
    base = stores[0]

    def variant(number):
        """The same store with other bytes where nobody looks: in the last tile's pixels."""
        changed = bytearray(base)
        changed[-8:] = struct.pack("<Q", number)
        return bytes(changed)

    with Server(root, "--threads", 8, "--connections-per-ip", 400) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        entry = ann.make_entry()
        start = threading.Barrier(50)
        wins, losses = [], []

        def race(number):
            client = Client(server, "ann")
            store = variant(number)
            parent = None
            start.wait()
            while True:
                begun = client.begin(entry, store)
                client.send(begun["id"], store, begun["missing"])
                code, headers, body = client.commit(begun["id"], parent)
                if code == 200:
                    wins.append((parent, body["digest"], body["version"], store))
                    return
                assert code in (412, 503), body
                if code == 503:
                    time.sleep(0.05)
                    continue
                losses.append(parent)
                head = client.head(entry)
                parent = head["digest"] if head else None

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            list(pool.map(race, range(50)))
        wins.sort(key=lambda win: win[2])
        assert [win[2] for win in wins] == list(range(1, 51))
        assert [win[0] for win in wins] == [None, *[win[1] for win in wins[:-1]]]
        assert len({win[1] for win in wins}) == 50 and losses
        for _, _, version, store in wins[::7]:
            assert ann.pull(entry, version) == store
    assert check(root)["versions"] == 50


def test_housekeeping_while_versions_are_saved(root, stores):  # noqa: F811
    """Old versions go, and never a block of one that is needed."""
    with Server(root, "--keep", 1, "--housekeeping", 1) as server:
        server.add_user("ann")
        ann = Client(server, "ann")
        entry = ann.make_entry()
        parent = None
        end = time.monotonic() + 7
        number = 0
        while time.monotonic() < end:
            store = stores[number % 4] # each refers to blobs of those before
            saved = ann.save(entry, store, parent)
            parent = saved["digest"]
            number += 1
            assert saved["version"] == number
            assert ann.pull(entry, number) == store
        slow = ann.begin(entry, stores[number % 4])

        def collected():
            with database(server) as link:
                return link.execute("SELECT count(*) FROM version").fetchone() == (1,)

        until(collected)
        ann.send(slow["id"], stores[number % 4], slow["missing"]) # its blocks were kept for it
        code, _, body = ann.commit(slow["id"], parent)
        assert code == 200, body
        assert ann.pull(entry, body["version"]) == stores[number % 4]
    report = check(root)
    assert report["orphans"] == [] and report["versions"] <= 2
