"""A live server against schemas/openapi.json, with requests that schemathesis makes up of it: no 500, no
status, type or shape that the document does not have."""
import json
import subprocess

import pytest
from conftest import SOURCE, run_vedatile, tool
from runs import box, make_model, make_run, send, wait
from saved import create, entry, save
from server import Server

DOCUMENT = SOURCE / "schemas/openapi.json"
CHECKS = ("not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
          "response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth")

# Which made-up path parameters are real ones, so that more than 404 is seen.
CONFIG = """
[[operations]]
include-path-regex = "^/v1/entries/"
include-method = "GET"
parameters = {{ "path.id" = "{entry}", "path.key" = "{key}", "path.n" = 1, "path.v" = 1 }}

[[operations]]
include-path-regex = "^/v1/entries/"
include-method-regex = "^(POST|PUT|PATCH)$"
parameters = {{ "path.id" = "{other}", "path.user" = "bruno" }}

[[operations]]
include-path-regex = "^/v1/entries/.*/annotations"
parameters = {{ "path.id" = "{entry}", "path.set" = "made-up", "path.reference" = "{key}", "path.annotation" = "a" }}

[[operations]]
include-path-regex = "^/v1/uploads/"
include-method-regex = "^(GET|PUT|POST)$"
parameters = {{ "path.id" = "{upload}", "path.first" = 0 }}

[[operations]]
include-path-regex = "^/v1/models/"
parameters = {{ "path.id" = "{model}" }}

[[operations]]
include-path-regex = "^/v1/runs/"
parameters = {{ "path.id" = "{run}", "path.reference" = "{key}" }}

[[operations]]
include-path-regex = "^/v1/evaluations/"
parameters = {{ "path.id" = "{evaluation}" }}

[[operations]]
include-path-regex = "^/v1/users/"
include-method-regex = "^(GET|PATCH)$"
parameters = {{ "path.name" = "bruno" }}

[[operations]]
include-path-regex = "^/collections/"
parameters = {{ "path.id" = "{entry}", "path.item" = "{key}" }}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contract")
    store = folder / "store.h5"
    run_vedatile("feed", store, "--image", SOURCE / "data/olinda/scene.tif",
                 "--labels", SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO", "--match", "all",
                 "--task", "detection,segmentation", "--tile", 128)
    with Server(folder / "root", "--rate", 100000, "--burst", 100000) as running:
        running.add_user("ana", "read,write,publish,admin")
        running.add_user("bruno")
        saved = entry(running, "ana", "Made up", store, public=True, tags=["tag"])
        running.json("POST", f"/v1/entries/{saved}/releases", {"notes": "first"}, code=201, user="ana")
        other = create(running, "ana", "To be changed")["id"]
        save(running, "ana", other, store)
        uploading = create(running, "ana", "An upload")["id"]
        upload = running.json("POST", f"/v1/entries/{uploading}/uploads?size=1000", bytes(32), code=201,
                              user="ana", headers={"Content-Type": "application/octet-stream"})["id"]
        key = running.json("GET", f"/v1/entries/{saved}/samples?limit=1")["samples"][0]["key"]
        running.json("POST", f"/v1/entries/{saved}/annotations/made-up", [box(key, "a")], user="ana")
        model = make_model(running, "ana")["id"]
        run = make_run(running, "ana", saved, model)["id"]
        ended = make_run(running, "ana", saved, model, "ended")["id"]
        send(running, "ana", ended, [box(key, "a")])
        asked = running.json("POST", f"/v1/runs/{ended}/commit", {}, user="ana")["evaluation"]
        wait(running, "ana", asked)
        running.config = folder / "schemathesis.toml"
        running.config.write_text(CONFIG.format(entry=saved, key=key, other=other, upload=upload, model=model, run=run,
                                                evaluation=asked))
        yield running


def schemathesis(server, folder, *options, user="ana", examples=5, phases="coverage,fuzzing"):
    command = [tool("schemathesis"), "--config-file", server.config, "run", DOCUMENT, "--url", server.url,
               "--checks", CHECKS, "--max-examples", str(examples), "--seed", "1", "--request-timeout", "30",
               "--phases", phases, "--warnings", "off", "--suppress-health-check", "all",
               "--generation-database", "none", "--continue-on-failure", *options]
    if user:
        command += ["-H", f"Authorization: Bearer {server.tokens[user]}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=900)


def check(server, done):
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert server.get("/health")[0] == 200
    assert not [line for line in server.log_lines("request") if line["code"] >= 500 and line["code"] != 503]


TAGS = sorted(tag["name"] for tag in json.loads(DOCUMENT.read_text())["tags"])


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("user", ["ana", None])
def test_contract(server, tmp_path, tag, user):
    how = {"examples": 5} if user else {"examples": 2, "phases": "fuzzing"}
    check(server, schemathesis(server, tmp_path, "--include-tag", tag, "--exclude-method", "DELETE", user=user, **how))


def test_breaks_are_caught(server, tmp_path):
    """The check finds a document that promises something else."""
    wrong = json.loads(DOCUMENT.read_text())
    wrong["paths"] = {"/health": wrong["paths"]["/health"]}
    content = wrong["paths"]["/health"]["get"]["responses"]["200"]["content"]
    content["application/json"]["schema"]["properties"]["status"] = {"type": "integer"}
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(wrong))
    done = subprocess.run(
        [tool("schemathesis"), "run", path, "--url", server.url, "--checks", CHECKS, "--max-examples", "1"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "is not of type \"integer\"" in done.stdout.replace("'", '"')


def test_removal(server, tmp_path):
    """Last: what the others need may be gone afterwards."""
    check(server, schemathesis(server, tmp_path, "--include-method", "DELETE"))
