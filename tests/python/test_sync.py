"""Saves and pulls by plain HTTP: the protocol and every way to get it wrong."""
import concurrent.futures
import hashlib
import random
import sqlite3

from server import server  # noqa: F401  pylint: disable=unused-import
from sync_client import BLOCK, Client, database, digests, until, version_digest
from sync_stores import ann, check, stores  # noqa: F401  pylint: disable=unused-import

OCTETS = {"Content-Type": "application/octet-stream"}


def code_of(answer, code, name=None):
    assert answer[0] == code, answer
    assert code < 300 or (answer[2]["code"] and answer[2]["description"]), answer
    assert name is None or answer[2]["code"] == name, answer
    return answer[2]


# --- saving ---------------------------------------------------------------------------------------


def test_versions_follow_each_other_and_send_only_what_is_new(ann, stores):
    entry = ann.make_entry()
    parent = None
    sent = []
    for number, store in enumerate(stores, 1):
        begun = ann.begin(entry, store)
        known = {d for s in stores[:number - 1] for d in digests(s)}
        listed = {k for first, count in begun["missing"] for k in range(first, first + count)}
        assert listed == {k for k, d in enumerate(digests(store)) if d not in known}
        sent.append(ann.send(begun["id"], store, begun["missing"]))
        answer = code_of(ann.commit(begun["id"], parent, "more"), 200)
        assert answer["version"] == number
        assert answer["digest"] == version_digest(store)
        assert answer["entry"]["data"]["version"] == number
        parent = answer["digest"]
    assert sent[0] == len(stores[0])
    for number, store in enumerate(stores, 1):
        assert ann.pull(entry, number) == store
    with database(ann.server) as link:
        assert link.execute("SELECT sum(size) FROM blob").fetchone()[0] == sum(sent)
        rows = link.execute("SELECT number, parent, message, samples FROM version").fetchall()
    assert [row[:3] for row in rows] == [
        (n + 1, version_digest(stores[n - 1]) if n else None, "more") for n in range(4)]
    assert [row[3] for row in rows] == sorted({row[3] for row in rows})


def test_the_first_save_is_one_contiguous_file(ann, stores):
    entry = ann.make_entry()
    ann.save(entry, stores[3])
    with database(ann.server) as link:
        assert link.execute("SELECT first_block, count, blob_offset FROM segment").fetchall() == [
            (0, len(digests(stores[3])), 0)]
        name, = link.execute("SELECT name FROM blob").fetchone()
    assert (ann.server.root / "blobs" / name[:2] / name).read_bytes() == stores[3]


def test_the_same_content_is_the_same_version(ann, stores):
    entry = ann.make_entry()
    first = ann.save(entry, stores[0])
    begun = ann.begin(entry, stores[0])
    assert begun["missing"] == []
    again = code_of(ann.commit(begun["id"], first["digest"]), 200)
    assert (again["version"], again["digest"]) == (1, first["digest"])
    assert code_of(ann.commit(begun["id"], first["digest"]), 200) == again
    # Also for who does not know that it is there.
    assert ann.save(entry, stores[0])["version"] == 1


def test_a_commit_asked_again_gives_the_same_answer(ann, stores):
    entry = ann.make_entry()
    begun = ann.begin(entry, stores[0])
    ann.send(begun["id"], stores[0], begun["missing"])
    first = code_of(ann.commit(begun["id"]), 200)
    assert code_of(ann.commit(begun["id"]), 200) == first
    second = ann.save(entry, stores[1], first["digest"])
    assert second["version"] == 2
    late = code_of(ann.commit(begun["id"]), 200) # it is still what became of that upload
    assert (late["version"], late["digest"]) == (1, first["digest"])
    assert ann.head(entry)["version"] == 2


def test_an_upload_goes_on_where_it_was(ann, stores):
    entry = ann.make_entry()
    begun = ann.begin(entry, stores[3])
    code_of(ann.put(begun["id"], 2, stores[3][2 * BLOCK:5 * BLOCK]), 200)
    again = ann.begin(entry, stores[3], ok=(200,))
    assert again["id"] == begun["id"]
    assert again["missing"] == [[0, 2], [5, len(digests(stores[3])) - 5]]
    assert code_of(ann.call("GET", f"/v1/uploads/{begun['id']}"), 200)["missing"] == again["missing"]
    assert again["expires_at"] >= begun["expires_at"]


def test_blocks_come_in_any_order_overlapping_and_in_parallel(ann, stores):
    entry = ann.make_entry()
    store = stores[3]
    begun = ann.begin(entry, store)
    count = len(digests(store))
    pieces = []
    chance = random.Random(5)
    for _ in range(60):
        first = chance.randrange(count)
        pieces.append((first, chance.randrange(first, count) + 1))
    pieces.append((0, count))

    def send(piece):
        first, end = piece
        return ann.put(begun["id"], first, store[first * BLOCK:end * BLOCK])

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for (first, end), answer in zip(pieces, pool.map(send, pieces)):
            assert answer[0] == 200 and answer[2] == {"received": end - first}, answer
    code_of(ann.commit(begun["id"]), 200)
    assert ann.pull(entry, 1) == store


# --- what is refused ------------------------------------------------------------------------------


def test_lists_that_make_no_sense(ann, stores):
    entry = ann.make_entry()
    store = stores[0]
    listed = b"".join(digests(store))
    where = f"/v1/entries/{entry}/uploads"
    for query, body, code in [
            ("", listed, 400), ("?size=0", listed, 400), ("?size=x", listed, 400),
            ("?size=-5", listed, 400), ("?size=99999999999999999999", listed, 400),
            (f"?size={len(store)}", listed[:-1], 400), (f"?size={len(store)}", listed + b"x", 400),
            (f"?size={len(store)}", b"", 400), (f"?size={len(store) + BLOCK}", listed, 400),
            (f"?size={len(store)}&block_size=4096", listed, 400),
            (f"?size={len(store)}&block_size=1048576", listed, 400),
            (f"?size={2 ** 50}", listed, 413)]:
        code_of(ann.call("POST", where + query, body, OCTETS), code)
    code_of(ann.call("POST", f"{where}?size={len(store)}", listed,
                     {"Content-Type": "text/plain"}), 415)
    code_of(ann.call("POST", f"/v1/entries/{'a' * 16}/uploads?size={len(store)}", listed, OCTETS),
            404)
    with database(ann.server) as link:
        assert link.execute("SELECT count(*) FROM upload").fetchone() == (0,)


def test_blocks_that_are_wrong_change_nothing(ann, stores):
    entry = ann.make_entry()
    store = stores[3]
    count = len(digests(store))
    upload = ann.begin(entry, store)["id"]
    wrong = bytearray(store[:3 * BLOCK])
    wrong[BLOCK + 7] ^= 1
    refused = code_of(ann.put(upload, 0, bytes(wrong)), 422, "WrongDigest")
    assert "block 1" in refused["description"]
    # What came before the wrong block is kept, what came after is not.
    assert code_of(ann.call("GET", f"/v1/uploads/{upload}"), 200)["missing"] == [[1, count - 1]]
    code_of(ann.put(upload, 1, store[BLOCK:2 * BLOCK]), 200)
    code_of(ann.put(upload, 0, bytes(wrong)), 422, "WrongDigest") # nor does it spoil what is there
    begun = ann.begin(entry, store)
    ann.send(upload, store, begun["missing"])
    code_of(ann.commit(upload), 200)
    assert ann.pull(entry, 1) == store


def test_bodies_that_are_no_blocks(ann, stores):
    entry = ann.make_entry()
    store = stores[0]
    count = len(digests(store))
    upload = ann.begin(entry, store)["id"]
    for first, body, code in [
            (0, b"", 400), (0, store[:1], 400), (0, store[:BLOCK + 1], 400),
            (0, store + b"x", 400), (count, store[:BLOCK], 400), (10 ** 17, store[:BLOCK], 400),
            ("x", store[:BLOCK], 404), ("-1", store[:BLOCK], 404), ("0x1", store[:BLOCK], 404),
            (0, bytes(64 * 2 ** 20 + BLOCK), 413)]:
        try:
            code_of(ann.put(upload, first, body), code)
        except (BrokenPipeError, ConnectionResetError):
            assert len(body) > 2 ** 20  # the answer was there before all of it was sent
    code_of(ann.call("PUT", f"/v1/uploads/{upload}/blocks/0", store[:BLOCK],
                     {"Content-Type": "text/plain"}), 415)
    # A small body that is refused is passed over, so the answer always arrives.
    for _ in range(20):
        code_of(ann.put(upload, 0, store[:BLOCK - 1]), 400)
    code_of(ann.put("a" * 16, 0, store[:BLOCK]), 404)
    code_of(ann.put("..", 0, store[:BLOCK]), 404)
    assert code_of(ann.call("GET", f"/v1/uploads/{upload}"), 200)["missing"] == [[0, count]]


def test_a_body_that_ends_early_leaves_whole_blocks_only(ann, stores):
    entry = ann.make_entry()
    store = stores[3]
    count = len(digests(store))
    upload = ann.begin(entry, store)["id"]
    body = store[:5 * BLOCK]
    head = (f"PUT /v1/uploads/{upload}/blocks/0 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
            f"\r\nContent-Type: application/octet-stream\r\n"
            f"Authorization: Bearer {ann.server.tokens['ann']}\r\n\r\n").encode()
    ann.server.raw(head + body[:2 * BLOCK + 1000], timeout=0.3, close=False)

    def arrived():
        return code_of(ann.call("GET", f"/v1/uploads/{upload}"), 200)["missing"] == [[2, count - 2]]

    until(arrived)
    ann.server.kill()  # it would wait for the rest


def test_commits_need_a_precondition_that_holds(ann, stores):
    entry = ann.make_entry()
    begun = ann.begin(entry, stores[0])
    commit = f"/v1/uploads/{begun['id']}/commit"
    missing = ann.commit(begun["id"])
    assert code_of(missing, 409, "Incomplete")
    ann.send(begun["id"], stores[0], begun["missing"])
    code_of(ann.call("POST", commit), 428)
    for headers in ({"If-Match": "*"}, {"If-Match": "x"}, {"If-Match": '"abc"'},
                    {"If-None-Match": '"abc"'},
                    {"If-Match": '"' + "0" * 64 + '"', "If-None-Match": "*"}):
        code_of(ann.call("POST", commit, None, headers), 400)
    code_of(ann.commit(begun["id"], "0" * 64), 412)
    for body in ({"message": 5}, {"other": 1}, ["x"], {"message": "x" * 10001}):
        code_of(ann.call("POST", commit, body, {"If-None-Match": "*"}), 400)
    assert ann.head(entry) is None
    first = code_of(ann.commit(begun["id"]), 200)
    begun = ann.begin(entry, stores[1])
    ann.send(begun["id"], stores[1], begun["missing"])
    code_of(ann.commit(begun["id"]), 412) # there is a version now
    moved = code_of(ann.commit(begun["id"], "0" * 64), 412)
    assert first["digest"] in moved["description"]
    assert code_of(ann.commit(begun["id"], first["digest"]), 200)["version"] == 2


def test_bytes_that_are_no_store_are_no_version(ann, stores):
    entry = ann.make_entry()
    for junk in (bytes(1000), b"\x89HDF\r\n\x1a\n" + bytes(BLOCK),
                 stores[0][:3 * BLOCK], random.Random(1).randbytes(2 * BLOCK)):
        begun = ann.begin(entry, junk)
        ann.send(begun["id"], junk, begun["missing"])
        code_of(ann.commit(begun["id"]), 422, "InvalidStore")
    assert ann.head(entry) is None
    ann.save(entry, stores[0])


def test_uploads_are_given_up(ann, stores):
    entry = ann.make_entry()
    begun = ann.begin(entry, stores[0])
    ann.send(begun["id"], stores[0], begun["missing"])
    where = f"/v1/uploads/{begun['id']}"
    assert ann.call("DELETE", where)[0] == 204
    code_of(ann.call("GET", where), 404)
    code_of(ann.call("DELETE", where), 404)
    code_of(ann.put(begun["id"], 0, stores[0][:BLOCK]), 404)
    code_of(ann.commit(begun["id"]), 404)
    with database(ann.server) as link:
        assert link.execute("SELECT count(*) FROM blob").fetchone() == (0,)
    assert not [p for p in (ann.server.root / "blobs").rglob("*") if p.is_file()]
    again = ann.begin(entry, stores[0], ok=(201,))
    assert again["id"] != begun["id"]
    ann.send(again["id"], stores[0], again["missing"])
    code_of(ann.commit(again["id"]), 200)
    code_of(ann.call("DELETE", f"/v1/uploads/{again['id']}"), 409)


def test_uploads_of_others_are_not_there(ann, stores):
    ann.server.add_user("bob")
    bob = Client(ann.server, "bob")
    entry = ann.make_entry()
    begun = ann.begin(entry, stores[0])
    where = f"/v1/uploads/{begun['id']}"
    bob.begin(entry, stores[0], ok=(404,))
    code_of(bob.call("GET", where), 404)
    code_of(bob.call("DELETE", where), 404)
    code_of(bob.put(begun["id"], 0, stores[0][:BLOCK]), 404)
    code_of(bob.commit(begun["id"]), 404)
    # What another entry holds is no one's business: bob is asked for every block.
    ann.save(entry, stores[0])
    mine = bob.make_entry("mine")
    assert bob.begin(mine, stores[0])["missing"] == [[0, len(digests(stores[0]))]]
    for path in ("manifest", "versions/1/manifest", "versions/1/blocks", "versions/1/store.h5"):
        code_of(bob.call("GET", f"/v1/entries/{entry}/{path}"), 404)
        assert ann.server.get(f"/v1/entries/{entry}/{path}")[0] == 404


def test_quotas_are_reserved(ann, stores):
    def limit(count):
        with sqlite3.connect(f"{ann.server.root}/catalog.db", timeout=20) as link:
            link.execute("UPDATE user SET quota_bytes = ?", (count,))
        link.close()

    entry, other = ann.make_entry(), ann.make_entry("other")
    limit(len(stores[0]) + 1000)
    begun = ann.begin(entry, stores[0])
    refused = ann.begin(other, stores[0], ok=(507,)) # what is not there yet counts already
    assert "quota" in refused["description"] or "limit" in refused["description"], refused
    assert ann.call("DELETE", f"/v1/uploads/{begun['id']}")[0] == 204
    saved = ann.save(other, stores[0])
    ann.begin(entry, stores[0], ok=(507,))
    begun = ann.begin(other, stores[1], ok=(507,))
    limit(None)
    ann.save(other, stores[1], saved["digest"])


def test_an_entry_tells_how_much_of_its_first_save_is_there(ann, stores):
    entry = ann.make_entry()
    store = stores[3]
    count = len(digests(store))

    def percent():
        return code_of(ann.call("GET", f"/v1/entries/{entry}"), 200)["data"]["percent_cached"]

    assert percent() == 0
    begun = ann.begin(entry, store)
    code_of(ann.put(begun["id"], 0, store[:count // 2 * BLOCK]), 200)
    until(lambda: abs(percent() - 100 * (count // 2) / count) < 8)
    ann.send(begun["id"], store, begun["missing"])
    code_of(ann.commit(begun["id"]), 200)
    assert percent() == 100


# --- reading --------------------------------------------------------------------------------------


def test_ranges_of_versions_of_several_pieces(ann, stores):
    entry = ann.make_entry()
    parent = None
    for store in stores:
        parent = ann.save(entry, store, parent)["digest"]
    where = f"/v1/entries/{entry}/versions/4/store.h5"
    store = stores[3]
    chance = random.Random(3)
    ranges = [(0, 0), (0, len(store) - 1), (len(store) - 1, len(store) - 1),
              (BLOCK - 1, BLOCK), (2 * BLOCK, 3 * BLOCK - 1)]
    for _ in range(60):
        first = chance.randrange(len(store))
        ranges.append((first, chance.randrange(first, len(store))))
    for first, last in ranges:
        code, headers, body = ann.call("GET", where, headers={"Range": f"bytes={first}-{last}"})
        assert code == 206 and body == store[first:last + 1], (first, last)
        assert headers["Content-Range"] == f"bytes {first}-{last}/{len(store)}"
    code, headers, body = ann.call("GET", where)
    assert body == store and headers["ETag"] == f'"{parent}"'
    assert "immutable" in headers["Cache-Control"]
    assert ann.call("GET", where, headers={"If-None-Match": headers["ETag"]})[0] == 304
    code, got, body = ann.call("HEAD", where)
    assert code == 200 and body == b"" and got["Content-Length"] == str(len(store))
    code_of(ann.call("GET", where, headers={"Range": f"bytes={len(store)}-"}), 416)
    half = ann.call("GET", where, headers={"Range": "bytes=5-9", "If-Range": '"other"'})
    assert half[0] == 200 and half[2] == store


def test_manifests(ann, stores):
    entry = ann.make_entry("flats")
    code_of(ann.call("GET", f"/v1/entries/{entry}/manifest"), 404)
    saved = ann.save(entry, stores[0])
    code, headers, head = ann.call("GET", f"/v1/entries/{entry}/manifest")
    assert code == 200
    own = ann.call("GET", f"/v1/entries/{entry}/versions/1/manifest")[2]
    listed = b"".join(digests(stores[0]))
    assert own["blocks"] == {"href": "blocks", "size": len(listed),
                             "sha256": hashlib.sha256(listed).hexdigest()}
    assert own["store"] == {"href": "store.h5", "size": len(stores[0])}
    assert head["store"]["href"] == "versions/1/store.h5"
    assert (head["entry"], head["name"], head["version"]) == (entry, "flats", 1)
    assert head["digest"] == saved["digest"] and head["size"] == len(stores[0])
    assert head["info"]["groups"]["train"]["count"] > 0
    same = {"If-None-Match": headers["ETag"]}
    assert ann.call("GET", f"/v1/entries/{entry}/manifest", headers=same)[0] == 304
    ann.save(entry, stores[1], saved["digest"])
    assert ann.call("GET", f"/v1/entries/{entry}/manifest", headers=same)[0] == 200
    for v in ("0", "3", "x", "-1", "1e0", "99999999999999999999"):
        code_of(ann.call("GET", f"/v1/entries/{entry}/versions/{v}/manifest"), 404)


def test_the_public_sees_what_was_shown_to_it(ann, stores):
    """Versions from before an entry was published stay private; later ones can be pulled to the end."""
    entry = ann.make_entry()
    first = ann.save(entry, stores[0])
    second = ann.save(entry, stores[1], first["digest"])

    def seen():
        return [v for v in (1, 2, 3)
                if ann.server.get(f"/v1/entries/{entry}/versions/{v}/store.h5")[0] == 200]

    assert seen() == []
    code_of(ann.call("POST", f"/v1/entries/{entry}/publish"), 200)
    assert seen() == [2]
    ann.save(entry, stores[2], second["digest"])
    assert seen() == [2, 3]
    code_of(ann.call("POST", f"/v1/entries/{entry}/unpublish"), 200)
    assert seen() == []
