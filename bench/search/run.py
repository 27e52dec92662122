"""How fast a catalog of many entries and samples answers (README.md).

    python3 bench/search/run.py [--entries 100000] [--samples 1000000] [--work FOLDER] [--markdown FILE]
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import sqlite3
import sys
import tempfile
import time
import urllib.parse

SOURCE = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(SOURCE / "tests/python"))
BUILD = pathlib.Path(os.environ.get("VEDATILE_BUILD", SOURCE / "build"))
os.environ.setdefault("VEDATILE", str(BUILD / "tools/vedatile"))

import catalog_rows as rows  # noqa: E402  pylint: disable=wrong-import-position
from server import Server  # noqa: E402  pylint: disable=wrong-import-position

NO_TIME = -99999999999999999


def stamp(time_us):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_us // 1_000_000))


def overlap(box):
    """The box's parameters in the order of the R*Trees' condition."""
    return (box[0], box[2], box[1], box[3])


VISIBLE = "e.public = 1 AND e.deleted IS NULL"
ENTRY = f"SELECT e.id, e.slug, e.name, e.info FROM entry e WHERE {VISIBLE}"
SAMPLE = ("SELECT s.id, s.key, s.classes, s.time FROM sample s JOIN entry e ON e.id = s.entry WHERE "
          f"s.until IS NULL AND {VISIBLE}")
BOXED = ("s.id IN (SELECT id / 2 FROM sample_box WHERE east >= ? AND west <= ? AND north >= ? AND "
         "south <= ?)")
HAS = "EXISTS (SELECT 1 FROM sample_class c WHERE c.sample = s.id AND c.class = ?)"


def box_of(chance, side):
    west, south = chance.uniform(-170, 160), chance.uniform(-55, 55)
    return [west, south, west + side, south + side]


def questions(big):
    """`big` is the entry with many samples, and how many."""
    slug, big_id, size = big
    some = rows.WORDS

    def quoted(**query):
        return urllib.parse.urlencode(query)

    def text(chance):
        one, other = chance.sample(some, 2)
        return (f"/v1/entries?{quoted(q=f'{one} {other}', limit=10)}",
                (f"{ENTRY} AND e.id IN (SELECT rowid FROM entry_text WHERE entry_text MATCH ?) "
                 "ORDER BY e.id DESC LIMIT 11", (f'"{one}"* "{other}"*',)))

    def name(chance):
        number = chance.randrange(1, 100_000)
        return (f"/v1/entries?{quoted(q=f'{number}', limit=10)}",
                (f"{ENTRY} AND e.id IN (SELECT rowid FROM entry_text WHERE entry_text MATCH ?) "
                 "ORDER BY e.id DESC LIMIT 11", (f'"{number}"*',)))

    def entry_box(chance):
        box = box_of(chance, 3)
        return (f"/v1/entries?{quoted(bbox=','.join(map(str, box)), limit=10)}",
                (f"{ENTRY} AND e.id IN (SELECT id / 2 FROM entry_box WHERE east >= ? AND west <= ? "
                 "AND north >= ? AND south <= ?) ORDER BY e.id DESC LIMIT 11", overlap(box)))

    def entry_class(chance):
        one, tag = chance.choice(rows.CLASSES), chance.choice(rows.TAGS)
        return (f"/v1/entries?{quoted(**{'class': one, 'tag': tag, 'limit': 10})}",
                (f"{ENTRY} AND EXISTS (SELECT 1 FROM entry_class c WHERE c.entry = e.id AND c.name = "
                 "?) AND EXISTS (SELECT 1 FROM entry_tag t WHERE t.entry = e.id AND t.tag = ?) ORDER "
                 "BY e.id DESC LIMIT 11", (one, tag)))

    def entry_cql2(chance):
        low = chance.randrange(5, 10)
        filter_ = (f"samples >= {low} AND license = 'MIT' AND title LIKE 'coast%' AND "
                   "A_CONTAINS(tags, ('arctic'))")
        return (f"/v1/entries?{quoted(filter=filter_, limit=10)}",
                (f"{ENTRY} AND e.samples >= ? AND e.license = 'MIT' AND e.name GLOB 'coast*' AND "
                 "EXISTS (SELECT 1 FROM entry_tag t WHERE t.entry = e.id AND t.tag = 'arctic') ORDER "
                 "BY e.id DESC LIMIT 11", (low,)))

    def sample_box(chance):
        box = box_of(chance, 0.2)
        return (f"/search?{quoted(bbox=','.join(map(str, box)), limit=10)}",
                (f"{SAMPLE} AND {BOXED} ORDER BY e.id, s.id LIMIT 11", overlap(box)))

    def sample_box_class(chance):
        box, one = box_of(chance, 2), chance.choice(rows.CLASSES)
        filter_ = f"A_CONTAINS(classes, ('{one}'))"
        return (f"/search?{quoted(bbox=','.join(map(str, box)), filter=filter_, limit=10)}",
                (f"{SAMPLE} AND {BOXED} AND {HAS} ORDER BY e.id, s.id LIMIT 11",
                 (*overlap(box), one)))

    def sample_time(chance):
        start = rows.START + chance.randrange(3600) * rows.DAY
        end = start + 2 * rows.DAY
        return (f"/search?{quoted(datetime=f'{stamp(start)}/{stamp(end)}', limit=10, sortby='-datetime')}",
                (f"{SAMPLE} AND coalesce(s.time, {NO_TIME}) BETWEEN ? AND ? ORDER BY coalesce(s.time, "
                 f"{NO_TIME}) DESC, s.id DESC LIMIT 11", (start, end)))

    def sample_cql2(chance):
        start, one = rows.START + chance.randrange(3600) * rows.DAY, chance.choice(rows.CLASSES)
        filter_ = (f"A_CONTAINS(classes, ('{one}')) AND vt:group = 'test' AND vt:boxes > 4 AND "
                   f"datetime >= TIMESTAMP('{stamp(start)}')")
        return (f"/search?{quoted(filter=filter_, limit=10)}",
                (f"{SAMPLE} AND {HAS} AND s.grp = 'test' AND s.boxes > 4 AND s.time >= ? ORDER BY "
                 "e.id, s.id LIMIT 11", (one, start)))

    def polygon(chance):
        box = box_of(chance, 1)
        shape = {"type": "Polygon", "coordinates": [[[box[0], box[1]], [box[2], box[1]],
                                                     [box[0], box[3]], [box[0], box[1]]]]}
        return (f"/search?{quoted(intersects=json.dumps(shape), limit=10)}",
                (f"{SAMPLE} AND {BOXED} ORDER BY e.id, s.id LIMIT 11", overlap(box)))

    def in_one(chance):
        group = chance.choice(rows.GROUPS)
        filter_ = f"vt:group = '{group}' AND vt:valid_fraction > 0.9"
        return (f"/collections/{slug}/items?{quoted(filter=filter_, limit=10)}",
                ("SELECT s.id, s.key, s.classes FROM sample s WHERE s.entry = ? AND s.until IS NULL AND "
                 "s.grp = ? AND s.valid_fraction > 0.9 ORDER BY s.id LIMIT 11", (big_id, group)))

    def deep(chance):
        skip = chance.randrange(size)
        return (("deep", skip),
                ("SELECT s.id, s.key, s.classes FROM sample s WHERE s.entry = ? AND s.until IS NULL AND "
                 "s.id > ? ORDER BY s.id LIMIT 11", (big_id, skip)))

    return {"entries by two words": text, "entries by a word of one": name, "entries by box": entry_box,
            "entries by class and tag": entry_class, "entries by CQL2": entry_cql2,
            "samples by small box": sample_box, "samples by box and class": sample_box_class,
            "samples by time, sorted": sample_time, "samples by CQL2": sample_cql2,
            "samples by polygon": polygon, "samples of one entry by CQL2": in_one,
            "a page deep in one entry": deep}


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


class Asker:
    """One connection that stays."""

    def __init__(self, server):
        self.server = server
        self.link = http.client.HTTPConnection(server.host, server.port, timeout=60)

    def ask(self, path):
        begin = time.perf_counter()
        self.link.request("GET", path)
        answer = self.link.getresponse()
        body = answer.read()
        took = time.perf_counter() - begin
        assert answer.status == 200, (path, answer.status, body[:300])
        return took, body


def deep_paths(asker, slug, pages=60, limit=1000):
    """Links to pages all through one entry."""
    path, found = f"/collections/{slug}/items?limit={limit}&fields=id", []
    while path and len(found) < pages:
        _, body = asker.ask(path)
        links = [one["href"] for one in json.loads(body)["links"] if one["rel"] == "next"]
        path = links[0][len(asker.server.url):] if links else None
        if path:
            found.append(path.replace(f"limit={limit}&fields=id", "limit=10"))
    return found


def measure(server, database, big, rounds, bare_rounds):
    asker = Asker(server)
    deep = deep_paths(asker, big[0])
    bare = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    bare.execute("PRAGMA cache_size = -16000")
    results = []
    for name, make in questions(big).items():
        chance, served, plain = random.Random(name), [], []
        for i in range(rounds + 5):
            path, (sql, values) = make(chance)
            path = deep[chance.randrange(len(deep))] if path[0] == "deep" else path
            took, _ = asker.ask(path)
            if i >= 5:
                served.append(took * 1000)
            if i < bare_rounds:
                begin = time.perf_counter()
                bare.execute(sql, values).fetchall()
                plain.append((time.perf_counter() - begin) * 1000)
        results.append((name, percentile(served, 0.5), percentile(served, 0.99),
                        percentile(plain, 0.5), percentile(plain, 0.99)))
        print("%-32s %8.2f %8.2f %8.2f %8.2f" % results[-1], flush=True)
    return results


def table(results):
    lines = ["| search | server: median ms | p99 ms | bare sqlite3: median ms | p99 ms |",
             "|---|---|---|---|---|"]
    return "\n".join(lines + ["| %s | %.2f | %.2f | %.2f | %.2f |" % row for row in results]) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--bare", type=int, default=1000,
                        help="rounds in which sqlite3 is asked as well; it can take seconds")
    parser.add_argument("--work", help="a folder that stays; what is in it is used again")
    parser.add_argument("--markdown")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedatile-search-") as folder:
        root = pathlib.Path(given.work or folder) / "root"
        with Server(root, "--rate", "100000", "--burst", "100000") as server:
            if not (root / "filled").exists():
                server.add_user("ann")
                server.stop()
                rows.fill(root, given.entries, given.samples, private=0.3,
                          sizes={5: given.samples // 5})
                (root / "filled").touch()
                server.start()
            with sqlite3.connect(root / "catalog.db") as link:
                link.execute("UPDATE entry SET public = 1 WHERE id = 6")
                big = link.execute("SELECT slug, id, samples FROM entry WHERE id = 6").fetchone()
            print("%-32s %8s %8s %8s %8s" % ("", "median", "p99", "bare", "p99"))
            results = measure(server, root / "catalog.db", big, given.rounds, given.bare)
    if given.markdown:
        pathlib.Path(given.markdown).write_text(table(results), encoding="utf-8")


if __name__ == "__main__":
    main()
