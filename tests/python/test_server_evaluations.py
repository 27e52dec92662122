"""Evaluations of a catalog: jobs that outlive the server, and what they come to."""
import http.client
import json
import re
import sqlite3
from contextlib import suppress

import pytest
from conftest import SOURCE, run_vedatile
from runs import box, make_model, make_run, samples_of, send, wait
from saved import entry as save_entry
from server import Server


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("stores") / "a.h5"
    run_vedatile("feed", path, "--image", SOURCE / "data/olinda/scene.tif", "--labels",
                 SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO", "--match", "all", "--task",
                 "detection", "--tile", 64)
    return path


def rows(server, text, *values):
    link = sqlite3.connect(f"{server.root}/catalog.db", timeout=20)
    try:
        with link:
            return link.execute(text, values).fetchall()
    finally:
        link.close()


class Truth:
    """The entry's own labels, as the store has them."""

    def __init__(self, path):
        import h5py  # pylint: disable=import-outside-toplevel
        info = json.loads(run_vedatile("info", path, "--json").stdout)
        self.classes = info["classes"]
        self.boxes = []
        with h5py.File(path) as file:
            for name in info["groups"]:
                group = file[name]
                keys = [key.decode() if isinstance(key, bytes) else key for key in group["samples"]["key"]]
                labels = group["labels"]
                offsets, boxes, classes = labels["box_offsets"][:], labels["boxes"][:], labels["box_class"][:]
                for i, key in enumerate(keys):
                    for at in range(offsets[i], offsets[i + 1]):
                        self.boxes.append((key, [float(v) for v in boxes[at]], self.classes[int(classes[at])]))

    def predictions(self, shift=0.0, score=0.9):
        return [box(key, f"p{i}", score - i * 1e-4, label, [at[0] + shift, at[1], at[2] + shift, at[3]])
                for i, (key, at, label) in enumerate(self.boxes)]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, store):
    with Server(tmp_path_factory.mktemp("evaluations") / "root", "--rate", 1e6, "--burst", 1000000) as running:
        for user in ("ana", "bruno"):
            running.add_user(user)
        running.truth = Truth(store)
        running.entry = save_entry(running, "ana", "Roofs", store)
        running.keys = samples_of(running, "ana", running.entry)
        running.model = make_model(running, "ana", "net")["id"]
        yield running


def committed(server, name, records, parameters=None, evaluate=True):
    """A run with these records: its id and that of its evaluation, which is over."""
    run = make_run(server, "ana", server.entry, server.model, name)["id"]
    send(server, "ana", run, records)
    for key in server.keys:
        server.json("PUT", f"/v1/runs/{run}/samples/{key}", user="ana")
    done = server.json("POST", f"/v1/runs/{run}/commit", {"evaluate": evaluate, "parameters": parameters}, user="ana")
    if evaluate:
        wait(server, "ana", done["evaluation"])
    return run, done["evaluation"]


@pytest.fixture(scope="module")
def scored(catalog):
    """Runs that are perfect, worse and bad, each with its evaluation."""
    return {name: committed(catalog, name, catalog.truth.predictions(shift))
            for name, shift in (("perfect", 0.0), ("worse", 6.0), ("bad", 40.0))}


def test_a_commit_is_scored(catalog, scored):
    run, evaluation = scored["perfect"]
    found = catalog.json("GET", f"/v1/evaluations/{evaluation}", user="ana")
    assert (found["state"], found["message"]) == ("done", "")
    assert found["run"] == {"id": run, "name": "perfect"} and found["entry"] == catalog.entry
    assert found["metrics"]["AP"] == pytest.approx(1) and found["metrics"]["AP50"] == pytest.approx(1)
    document = found["document"]
    assert document["vedatile_evaluation"] == "1.0"
    task = next(one for one in document["tasks"] if one["task"] == "detection")
    assert task["metrics"]["AP"] == found["metrics"]["AP"]
    assert found["created_at"] <= found["started_at"] <= found["ended_at"]
    others = {name: catalog.json("GET", f"/v1/evaluations/{one}", user="ana")["metrics"]["AP"]
              for name, (_, one) in scored.items()}
    assert others["perfect"] > others["worse"] > others["bad"]


def test_the_same_scores_as_the_command(catalog, scored, store, tmp_path):
    """The catalog's job and `vedatile eval` of the same run say the same."""
    run, evaluation = scored["worse"]
    local = tmp_path / "a.h5"
    local.write_bytes(store.read_bytes())
    name = rows(catalog, "SELECT b.name FROM run r JOIN blob b ON b.id = r.blob WHERE r.slug = ?", run)[0][0]
    (tmp_path / "a.h5.runs").mkdir()
    (tmp_path / "a.h5.runs/worse.h5").write_bytes((catalog.root / "blobs" / name[:2] / name).read_bytes())
    done = json.loads(run_vedatile("eval", local, "--run", "worse", "--json").stdout)
    found = catalog.json("GET", f"/v1/evaluations/{evaluation}", user="ana")["document"]
    for document in (done, found):
        document["inputs"].pop("run", None)
    assert found["tasks"] == done["tasks"]


def test_asked_again_it_is_the_same(catalog, scored):
    run, evaluation = scored["perfect"]
    for parameters in (None, {}):
        again = catalog.json("POST", "/v1/evaluations", {"run": run, "parameters": parameters}, 202, user="ana")
        assert (again["id"], again["state"]) == (evaluation, "done")
    wish = {"run": run, "parameters": {"protocol": "valor", "seed": 1}}
    other = catalog.json("POST", "/v1/evaluations", wish, 202, user="ana")
    assert other["id"] != evaluation
    wish["parameters"] = {"seed": 1, "protocol": "valor"}
    assert catalog.json("POST", "/v1/evaluations", wish, 202, user="ana")["id"] == other["id"]
    wait(catalog, "ana", other["id"])
    assert rows(catalog, "SELECT count(*) FROM evaluation WHERE slug = ?", other["id"]) == [(1,)]


def test_lists_are_filtered_and_sorted(catalog, scored):
    def ids(query):
        seen, path = [], f"/v1/evaluations?{query}"
        while path:
            page = catalog.json("GET", path, user="ana")
            assert all("document" not in one for one in page["evaluations"])
            seen += [one["id"] for one in page["evaluations"]]
            path = next((link["href"][len(catalog.url):] for link in page["links"]), None)
        return seen
    names = ["perfect", "worse", "bad"]
    wanted = [scored[name][1] for name in names]
    found = [one for one in ids("sortby=-AP&limit=1") if one in wanted]
    assert found == wanted
    assert [one for one in ids("sortby=AP&limit=2") if one in wanted] == wanted[::-1]
    assert [one for one in ids("limit=1") if one in wanted] == wanted[::-1]
    assert ids(f"run={scored['worse'][0]}") == [scored["worse"][1]]
    assert set(wanted) <= set(ids(f"entry={catalog.entry}&state=done")) & set(ids(f"model={catalog.model}"))
    assert ids("entry=nothing") == ids("sortby=-nothing") == ids("state=pending") == []
    assert catalog.get("/v1/evaluations?state=lost", user="ana")[0] == 400
    assert catalog.json("GET", "/v1/evaluations", user="bruno")["evaluations"] == []


def test_the_page_of_an_evaluation(catalog, scored):
    code, headers, text = catalog.get(f"/v1/evaluations/{scored['worse'][1]}/report", user="ana")
    assert code == 200 and headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert b"worse" in text and b"<script src" not in text
    assert catalog.get(f"/v1/evaluations/{scored['worse'][1]}/report", user="bruno")[0] == 404


def test_pictures_of_a_report(catalog, scored):
    """A public entry's report has its tiles; a private one's has outlines alone, for a browser sends no token."""
    path = f"/v1/evaluations/{scored['worse'][1]}/report"
    tiles = f"/v1/entries/{catalog.entry}/samples/".encode()
    hidden = catalog.get(path, user="ana")[2]
    assert tiles not in hidden and b"<svg" in hidden
    assert tiles in catalog.get(path + "?pictures=1", user="ana")[2]
    assert catalog.get(path + "?pictures=0", user="ana")[2] == hidden
    assert catalog.get(path + "?pictures=yes", user="ana")[0] == 400
    assert catalog.get(path + "?pictures=1")[0] == 404
    catalog.json("POST", f"/v1/entries/{catalog.entry}/publish", user="ana")
    try:
        shown = catalog.get(path)[2]
        place = re.search(rb'(?:src|href)="([^"]*/samples/[^"]*image.png[^"]*)"', shown)[1].decode().replace("&amp;", "&")
        code, headers, _ = catalog.get(place[len(catalog.url):])
        assert code in (200, 404) and tiles in shown
        assert (code, headers["Content-Type"]) == (200, "image/png") and tiles in shown
    finally:
        catalog.json("POST", f"/v1/entries/{catalog.entry}/unpublish", user="ana")
    assert tiles not in catalog.get(path, user="ana")[2]


def test_what_cannot_be_evaluated_fails_and_is_tried_again(catalog, scored):
    run = scored["bad"][0]
    wish = {"run": run, "parameters": {"group": "nowhere"}}
    asked = catalog.json("POST", "/v1/evaluations", wish, 202, user="ana")
    failed = wait(catalog, "ana", asked["id"])
    assert failed["state"] == "failed" and "nowhere" in failed["message"] and failed["document"] is None
    assert catalog.get(f"/v1/evaluations/{asked['id']}/report", user="ana")[0] == 409
    same = catalog.json("POST", "/v1/evaluations", wish, 202, user="ana")
    assert (same["id"], same["state"]) == (asked["id"], "failed")
    again = catalog.json("POST", "/v1/evaluations", {**wish, "retry": True}, 202, user="ana")
    assert again["id"] == asked["id"] and again["state"] in ("pending", "running", "failed")
    assert wait(catalog, "ana", asked["id"])["started_at"] > failed["started_at"]
    assert catalog.request("DELETE", f"/v1/evaluations/{asked['id']}", user="ana")[0] == 204
    assert catalog.get(f"/v1/evaluations/{asked['id']}", user="ana")[0] == 404


@pytest.mark.parametrize("wish, code, word", [
    ({}, 400, "run"), ({"run": 5}, 400, "run"), ({"run": "a" * 16}, 404, "run"), ({"run": "x", "what": 1}, 400, "what"),
    ({"run": "RUN", "parameters": {"colour": 1}}, 400, "colour"), ({"run": "RUN", "parameters": 5}, 400, "object"),
    ({"run": "RUN", "parameters": {"store": "/etc/passwd"}}, 400, "store"),
    ({"run": "RUN", "parameters": {"baseline": "/etc/passwd"}}, 400, "baseline"),
    ({"run": "RUN", "parameters": {"protocol": 5}}, 400, "protocol"), ({"run": "RUN", "retry": 1}, 400, "retry"),
    ({"run": "RUN", "parameters": {"protocol": "coc"}}, 400, "voc07"),
    ({"run": "RUN", "parameters": {"task": "detect"}}, 400, "instance"),
    ({"run": "RUN", "parameters": {"iou": "box"}}, 400, "polygon"),
    ({"run": "RUN", "parameters": {"by": "region"}}, 400, "regions"),
    ({"run": "RUN", "parameters": {"by": "region", "regions": "/etc/passwd"}}, 400, "regions"),
    ({"run": "RUN", "parameters": {"ignore_areas": "/etc/passwd"}}, 400, "ignore_areas"),
    ({"run": "RUN", "parameters": {"ground": True, "by": "scene", "task": "detection"}}, 400, "region"),
    ({"run": "RUN", "parameters": {"ground": True, "ground_overlap": 2}}, 400, "overlap"),
    ({"run": "RUN", "parameters": {"by": "region:code"}}, 400, "regions"),
    ({"run": "RUN", "parameters": {"group": "train", "view": "all"}}, 400, "both"),
    ({"run": "RUN", "parameters": {"iou_thresholds": [0.5, 1.5]}}, 400, "iou_thresholds"),
    ({"run": "RUN", "parameters": {"iou_thresholds": [-0.1]}}, 400, "iou_thresholds"),
    ({"run": "RUN", "parameters": {"bootstrap": 10001}}, 400, "bootstrap"),
    ({"run": "RUN", "parameters": {"worst": 1001}}, 400, "worst"),
])
def test_bad_wishes(catalog, scored, wish, code, word):
    before = rows(catalog, "SELECT count(*) FROM evaluation")
    wish = {**wish, "run": scored["bad"][0]} if wish.get("run") == "RUN" else wish
    got, _, text = catalog.request("POST", "/v1/evaluations", wish, user="ana")
    assert got == code and word in text.decode(), text
    assert rows(catalog, "SELECT count(*) FROM evaluation") == before


@pytest.mark.parametrize("body", [{"parameters": {"protocol": "coc"}}, {"parameters": {"task": "x"}, "evaluate": True}])
def test_bad_wishes_of_a_commit(catalog, body):
    """Nothing is committed with parameters that nobody can evaluate."""
    run = make_run(catalog, "ana", catalog.entry, catalog.model, f"wished {body}"[:60])["id"]
    catalog.json("PUT", f"/v1/runs/{run}/samples/{catalog.keys[0]}", user="ana")
    assert catalog.request("POST", f"/v1/runs/{run}/commit", body, user="ana")[0] == 400
    assert catalog.json("GET", f"/v1/runs/{run}", user="ana")["state"] == "open"


@pytest.mark.parametrize("parameters", [{"protocol": word} for word in ("coco", "valor", "voc07", "voc12")] + [
    {"task": "detection"}, {"iou": "bbox"}])
def test_words_that_are_taken(catalog, scored, parameters):
    asked = catalog.json("POST", "/v1/evaluations", {"run": scored["worse"][0], "parameters": parameters}, 202, user="ana")
    assert wait(catalog, "ana", asked["id"])["state"] == "done"


def test_an_open_run_is_not_evaluated(catalog):
    run = make_run(catalog, "ana", catalog.entry, catalog.model, "still open")["id"]
    code, _, text = catalog.request("POST", "/v1/evaluations", {"run": run}, user="ana")
    assert code == 409 and json.loads(text)["code"] == "RunNotCommitted"


# --- from a local store ---------------------------------------------------------------------------

def test_submit(catalog, scored, store, tmp_path):
    """A local run sent by the command: scored there, and nothing is sent twice."""
    env = {"VEDATILE_URL": catalog.url, "VEDATILE_TOKEN": catalog.tokens["ana"], "HOME": str(tmp_path)}
    local = tmp_path / "mine.h5"
    local.write_bytes(store.read_bytes())
    assert "is in no catalog" in run_vedatile("submit", local, "--run", "mine", code=1, env=env).stderr
    run_vedatile("save", local, "--name", "Mine", env=env)
    assert "mine" in run_vedatile("submit", local, "--run", "mine", code=1, env=env).stderr
    name = rows(catalog, "SELECT b.name FROM run r JOIN blob b ON b.id = r.blob WHERE r.slug = ?",
                scored["worse"][0])[0][0]
    (tmp_path / "mine.h5.runs").mkdir()
    (tmp_path / "mine.h5.runs/mine.h5").write_bytes((catalog.root / "blobs" / name[:2] / name).read_bytes())
    before = rows(catalog, "SELECT count(*) FROM run")[0][0]
    printed = run_vedatile("submit", local, "--run", "mine", env=env).stdout
    wanted = catalog.json("GET", f"/v1/evaluations/{scored['worse'][1]}", user="ana")["metrics"]["AP"]
    assert f"AP             {wanted:.4f}" in printed and ": done" in printed
    again = json.loads(run_vedatile("submit", local, "--run", "mine", "--json", env=env).stdout)
    assert again["state"] == "done" and again["metrics"]["AP"] == pytest.approx(wanted)
    other = json.loads(run_vedatile("submit", local, "--run", "mine", "--json", "--parameters", '{"protocol": "voc12"}',
                                    env=env).stdout)
    assert other["id"] != again["id"] and other["run"] == again["run"]
    failed = run_vedatile("submit", local, "--run", "mine", "--parameters", '{"group": "nowhere"}', code=1, env=env)
    assert "nowhere" in failed.stderr and ": failed" in failed.stdout
    assert "colour" in run_vedatile("submit", local, "--run", "mine", "--parameters", '{"colour": 1}', code=None,
                                    env=env).stderr
    assert rows(catalog, "SELECT count(*) FROM run")[0][0] == before + 1
    run = catalog.json("GET", f"/v1/runs/{again['run']['id']}", user="ana")
    assert (run["state"], run["model"]["reference"]) == ("committed", "net")


def test_submit_of_rasters(catalog, tmp_path):
    """Segmentation scored there and by `vedatile eval` here is the same."""
    gdal = pytest.importorskip("osgeo.gdal")
    numpy = pytest.importorskip("numpy")
    import h5py  # pylint: disable=import-outside-toplevel
    env = {"VEDATILE_URL": catalog.url, "VEDATILE_TOKEN": catalog.tokens["ana"], "HOME": str(tmp_path)}
    local, folder = tmp_path / "masks.h5", tmp_path / "rasters"
    folder.mkdir()
    run_vedatile("feed", local, "--image", SOURCE / "data/olinda/scene.tif", "--labels",
                 SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO", "--match", "all", "--task",
                 "segmentation", "--tile", 64, "--codec", "deflate")
    random, paths = numpy.random.default_rng(6), []
    with h5py.File(local) as file:
        for name in json.loads(run_vedatile("info", local, "--json").stdout)["groups"]:
            keys, masks = file[name]["samples"]["key"][:], file[name]["labels"]["mask"][:]
            for at, (key, mask) in enumerate(zip(keys, masks)):
                guess = numpy.roll(mask, at % 5, axis=1)
                guess[random.random(guess.shape) < 0.1] = at % 3
                guess[:3] = 255
                paths.append(folder / f"{key.decode()}.png")
                memory = gdal.GetDriverByName("MEM").Create("", 64, 64, 1, gdal.GDT_Byte)
                memory.WriteArray(guess)
                gdal.GetDriverByName("PNG").CreateCopy(str(paths[-1]), memory)
    run_vedatile("predictions", "import", local, *paths[:-2], "--run", "seg", "--format", "raster", "--model", "fcn", "--commit")
    run_vedatile("save", local, "--name", "Masks", env=env)
    sent = json.loads(run_vedatile("submit", local, "--run", "seg", "--json", env=env).stdout)
    here = json.loads(run_vedatile("eval", local, "--run", "seg", "--json").stdout)
    there = catalog.json("GET", f"/v1/evaluations/{sent['id']}", user="ana")["document"]
    assert there["tasks"] == here["tasks"] and here["tasks"][0]["task"] == "segmentation"
    assert 0.2 < sent["metrics"]["miou"] < 0.99
    run = catalog.json("GET", f"/v1/runs/{sent['run']['id']}", user="ana")
    assert (run["rasters"], run["predicted"], run["state"]) == (len(paths) - 2, len(paths) - 2, "committed")


def test_on_the_ground(catalog, tmp_path):
    """Objects of overlapping tiles are put together there as here, in the confined process."""
    env = {"VEDATILE_URL": catalog.url, "VEDATILE_TOKEN": catalog.tokens["ana"], "HOME": str(tmp_path)}
    local = tmp_path / "tiles.h5"
    run_vedatile("feed", local, "--image", SOURCE / "data/olinda/scene.tif", "--labels",
                 SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO", "--match", "all", "--task", "detection",
                 "--tile", 96, "--stride", 72)
    lines = "".join(json.dumps(one) + "\n" for one in Truth(local).predictions(2.0))
    (tmp_path / "guess.jsonl").write_text(lines)
    run_vedatile("predictions", "import", local, tmp_path / "guess.jsonl", "--run", "guess", "--format", "jsonl", "--commit")
    run_vedatile("save", local, "--name", "Tiles", env=env)
    for more, options in (({}, []), ({"ground_overlap": 0.3, "ground_scores": "mean", "ground_cut": "ignore",
                                      "ground_min_visible": 0.25},
                                     ["--ground-overlap", 0.3, "--ground-scores", "mean", "--ground-cut", "ignore",
                                      "--ground-min-visible", 0.25])):
        sent = json.loads(run_vedatile("submit", local, "--run", "guess", "--json", "--parameters",
                                       json.dumps({"ground": True, **more}), env=env).stdout)
        assert sent["state"] == "done", sent["message"]
        here = json.loads(run_vedatile("eval", local, "--run", "guess", "--ground", *options, "--json").stdout)
        there = catalog.json("GET", f"/v1/evaluations/{sent['id']}", user="ana")["document"]
        assert there["tasks"] == here["tasks"] and there["parameters"]["ground"] is True
        assert 0.1 < sent["metrics"]["AP"] < 1


# --- jobs -----------------------------------------------------------------------------------------

def commit_to_the_end(server, run):
    """Commits a run where a failpoint ends the server, perhaps before it answers; the name of the evaluation."""
    with suppress(http.client.HTTPException, ConnectionError):
        server.request("POST", f"/v1/runs/{run}/commit", {}, user="ana")
    return rows(server, "SELECT slug FROM evaluation")[0][0]


def test_what_is_being_evaluated_is_not_removed(tmp_path, store):
    """Killed in the middle of an evaluation: it is pending again, is done once, and nothing is twice."""
    root = tmp_path / "root"
    killed = Server(root).start()
    killed.add_user("ana")
    killed.entry = save_entry(killed, "ana", "Roofs", store)
    killed.keys = samples_of(killed, "ana", killed.entry)
    killed.model = make_model(killed, "ana")["id"]
    run = make_run(killed, "ana", killed.entry, killed.model)["id"]
    send(killed, "ana", run, Truth(store).predictions())
    (root / "failpoint").write_text("evaluation.before-commit")
    asked = commit_to_the_end(killed, run)
    killed.process.wait(60)
    killed.kill()
    assert rows(killed, "SELECT state, document FROM evaluation") == [(1, None)]
    (root / "failpoint").unlink()
    with Server(root) as server:
        server.tokens = killed.tokens
        done = wait(server, "ana", asked)
        assert (done["state"], done["id"]) == ("done", asked)
        assert rows(server, "SELECT count(*), max(attempts) FROM evaluation") == [(1, 2)]
        # As one that is at it, as far as the database knows.
        rows(server, "INSERT INTO evaluation (slug, run, owner, parameters, state, created) SELECT ?, id, owner, "
             "'{\"seed\":7}', 1, 1 FROM run", "c" * 16)
        for path in (f"/v1/runs/{run}", f"/v1/entries/{killed.entry}", "/v1/evaluations/" + "c" * 16):
            code, _, text = server.request("DELETE", path, user="ana")
            assert code == 409 and b"c" * 16 in text, (path, text)
    with Server(root) as server:  # pending again, and done
        server.tokens = killed.tokens
        assert wait(server, "ana", "c" * 16)["state"] == "done"
        assert server.request("DELETE", f"/v1/entries/{killed.entry}", user="ana")[0] == 204
        assert server.get(f"/v1/runs/{run}", user="ana")[0] == 404
        assert server.get(f"/v1/evaluations/{asked}", user="ana")[0] == 404
        server.json("POST", f"/v1/entries/{killed.entry}/restore", user="ana")
        assert server.request("DELETE", f"/v1/runs/{run}", user="ana")[0] == 204
        assert rows(server, "SELECT (SELECT count(*) FROM evaluation) + (SELECT count(*) FROM evaluation_metric)") == \
            [(0,)]


def test_a_job_that_ends_the_server_each_time_is_given_up(tmp_path, store):
    root = tmp_path / "root"
    server = Server(root).start()
    server.add_user("ana")
    server.entry = save_entry(server, "ana", "Roofs", store)
    run = make_run(server, "ana", server.entry, make_model(server, "ana")["id"])["id"]
    send(server, "ana", run, Truth(store).predictions()[:5])
    (root / "failpoint").write_text("evaluation.running")
    asked = commit_to_the_end(server, run)
    for _ in range(2):
        server.process.wait(60)
        server.kill()
        server.start()
    server.process.wait(60)
    server.kill()
    with Server(root) as last:
        last.tokens = server.tokens
        found = last.json("GET", f"/v1/evaluations/{asked}", user="ana")
        assert found["state"] == "failed" and "server ended" in found["message"]


def test_backups_have_runs(catalog, scored, tmp_path):
    for one in (["--check"], ["--backup", tmp_path / "copy"]):
        run_vedatile("serve", "--root", catalog.root, *one)
    run_vedatile("serve", "--root", tmp_path / "back", "--restore", tmp_path / "copy")
    with Server(tmp_path / "back") as server:
        server.tokens = catalog.tokens
        found = server.json("GET", f"/v1/evaluations/{scored['perfect'][1]}", user="ana")
        assert found["state"] == "done"
        wish = {"run": scored["worse"][0], "parameters": {"seed": 99}}
        assert wait(server, "ana", server.json("POST", "/v1/evaluations", wish, 202, user="ana")["id"])["state"] == "done"
    # A file of a run that is not as it was.
    name = rows(catalog, "SELECT b.name FROM run r JOIN blob b ON b.id = r.blob LIMIT 1")[0][0]
    path = tmp_path / "back/blobs" / name[:2] / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    path.write_bytes(data)
    assert "damaged" in run_vedatile("serve", "--root", tmp_path / "back", "--check", code=1).stdout
