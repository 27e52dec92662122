"""Rows for a catalog's database, without stores: many entries and samples in little time.

    fill(root, entries=3, samples=40)      # the server has made ROOT/catalog.db; users are there

Everything is a function of the seed. Positions are on land and sea between 60 south and 70 north."""
import json
import random
import sqlite3
import struct

CLASSES = ["roof", "road", "tree", "water", "field", "car", "ship", "plane", "tent", "panel"]
TASKS = ["classification", "detection", "segmentation", "instance"]
SENSORS = ["Sentinel-2A", "Sentinel-2B", "Landsat 8", "Landsat 9", "Sentinel-1A"]
WORDS = ("coast city harbour forest desert valley mountain airport river delta island farmland "
         "suburb quarry glacier wetland railway bridge stadium factory").split()
TAGS = ["urban", "rural", "winter", "summer", "draft", "final", "tropics", "arctic"]
GROUPS = ["train", "train", "train", "test", "validate"]
SECOND = 1_000_000
START = 1_420_070_400 * SECOND  # 2015-01-01
DAY = 86_400 * SECOND
DEGREE = 1 / 400  # a sample's side


def slug_of(number):
    """16 of a-z and 2-7, one for each number."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    return "".join(letters[(number >> 5 * i) & 31] for i in range(6)) + "entryentry"


def info_of(entry, counts):
    return json.dumps({
        "format": "1.0", "name": entry["name"], "tasks": entry["tasks"],
        "tile": {"bands": 3, "rows": 256, "cols": 256, "dtype": "uint8"},
        "classes": entry["classes"], "sensors": entry["sensors"], "source": "scene.tif",
        "groups": {group: {"count": count, "boxes": 0} for group, count in counts.items()},
        "bounds": entry["box"], "crs": [{"wkt": "", "epsg": 4326}],
        "scenes": [{"uri": "scene.tif"}], "start_time": entry["start"], "end_time": entry["end"]})


def entry_of(number, chance):
    west, south = chance.uniform(-179, 170), chance.uniform(-60, 60)
    start = START + chance.randrange(3650) * DAY
    return {
        "id": number, "slug": slug_of(number),
        "name": f"{chance.choice(WORDS)} {chance.choice(WORDS)} {number}",
        "description": " ".join(chance.choices(WORDS, k=12)),
        "license": chance.choice(["CC-BY-4.0", "MIT", ""]),
        "tags": sorted(set(chance.choices(TAGS, k=2))),
        "classes": sorted(set(chance.choices(CLASSES, k=3))),
        "tasks": sorted(set(chance.choices(TASKS, k=1))),
        "sensors": sorted(set(chance.choices(SENSORS, k=1))),
        "box": [west, south, west + 8, south + 8],
        "start": start, "end": start + 300 * DAY,
    }


def sample_of(entry, number, chance):
    west, south = entry["box"][0] + chance.uniform(0, 7), entry["box"][1] + chance.uniform(0, 7)
    classes = {name: chance.randrange(1, 9)
               for name in chance.sample(entry["classes"], chance.randrange(len(entry["classes"])) + 1)}
    return {
        "key": f"{entry['slug']}-{number:08d}", "group": GROUPS[number % len(GROUPS)],
        "position": number, "box": [west, south, west + DEGREE, south + DEGREE],
        "time": entry["start"] + chance.randrange(300) * DAY, "classes": classes,
        "valid": chance.randrange(101) / 100,
    }


def insert_entry(link, entry, owner, public, samples, counts):
    info = info_of(entry, counts)
    link.execute(
        "INSERT INTO entry (id, slug, owner, name, description, license, public, created, updated, "
        "head, info, west, south, east, north, start_time, end_time, samples, bytes, dtype, bands, "
        "rows, cols, tasks) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'uint8', "
        "3, 256, 256, ?)",
        (entry["id"], entry["slug"], owner, entry["name"], entry["description"], entry["license"],
         public, entry["start"], entry["end"], info, *entry["box"], entry["start"], entry["end"],
         samples, 1000 * samples, ",".join(entry["tasks"])))
    link.execute(
        "INSERT INTO version (entry, number, digest, size, block_size, blocks, created, creator, "
        "info, samples) VALUES (?, 1, ?, ?, 131072, ?, ?, ?, ?, ?)",
        (entry["id"], f"{entry['id']:064x}", 1000 * samples, b"\0" * 32, entry["end"], owner, info,
         samples))
    put_box(link, "entry_box", entry["id"], entry["box"])
    link.execute("INSERT INTO entry_text (rowid, name, words) VALUES (?, ?, ?)",
                 (entry["id"], entry["name"],
                  " ".join([entry["description"], *entry["tags"], *entry["classes"]])))
    link.executemany("INSERT INTO entry_tag VALUES (?, ?)",
                     [(entry["id"], tag) for tag in entry["tags"]])
    link.executemany("INSERT INTO entry_class VALUES (?, ?, ?, 1)",
                     [(entry["id"], i, name) for i, name in enumerate(entry["classes"])])
    link.executemany("INSERT INTO entry_task VALUES (?, ?)",
                     [(entry["id"], task) for task in entry["tasks"]])
    link.executemany("INSERT INTO entry_sensor VALUES (?, ?)",
                     [(entry["id"], sensor) for sensor in entry["sensors"]])


def put_box(link, table, number, box):
    """As server/meta/dialect.c has it."""
    parts = [box] if box[0] <= box[2] else [[box[0], box[1], 180, box[3]],
                                            [-180, box[1], box[2], box[3]]]
    for i, (west, south, east, north) in enumerate(parts):
        link.execute(f"INSERT INTO {table} (id, west, east, south, north) VALUES (?, ?, ?, ?, ?)",
                     (2 * number + i, west, east, south, north))


def insert_sample(link, number, entry, sample):
    west, south, east, north = sample["box"]
    link.execute(
        "INSERT INTO sample (id, entry, key, grp, position, since, west, south, east, north, time, "
        "scene, crs, geotransform, col, row, cols, rows, boxes, classes, image_crc, label_crc, "
        "valid_fraction) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, 'scene.tif', 'EPSG:4326', ?, 0, 0, "
        "256, 256, ?, ?, 0, 0, ?)",
        (number, entry["id"], sample["key"], sample["group"], sample["position"], west, south, east,
         north, sample["time"],
         struct.pack("<6d", west, (east - west) / 256, 0, north, 0, (south - north) / 256),
         sum(sample["classes"].values()), json.dumps(sample["classes"]), sample["valid"]))
    put_box(link, "sample_box", number, sample["box"])
    link.executemany("INSERT INTO sample_class VALUES (?, ?, ?)",
                     [(number, name, count) for name, count in sample["classes"].items()])


def fill(root, entries, samples, seed=1, private=0.0, owner=None, sizes=None):
    """`samples` in all, as evenly as it goes, or as `sizes` (number of entry: samples) has it. Entries
    are public but for a share; of the first user, or of `owner`. Returns [(entry, [sample, ...])] when
    there are not too many of them."""
    chance = random.Random(seed)
    made = []
    with sqlite3.connect(f"{root}/catalog.db", timeout=60) as link:
        users = dict(link.execute("SELECT name, id FROM user"))
        user = users[owner] if owner else min(users.values())
        first, = link.execute("SELECT coalesce(max(id), 0) FROM sample").fetchone()
        first_entry, = link.execute("SELECT coalesce(max(id), 0) FROM entry").fetchone()
        for i in range(entries):
            entry = entry_of(first_entry + i + 1, chance)
            count = (sizes or {}).get(i, samples // entries + (i < samples % entries))
            rows = [sample_of(entry, n, chance) for n in range(count)]
            counts = {group: sum(row["group"] == group for row in rows) for group in set(GROUPS)}
            entry["public"] = chance.random() >= private
            insert_entry(link, entry, user, int(entry["public"]), count, counts)
            for row in rows:
                first += 1
                insert_sample(link, first, entry, row)
            if samples <= 100_000:
                made.append((entry, rows))
    return made
