"""schemas/openapi.json by itself: valid, every operation with its scopes, every name used and known."""
import json
import re
import subprocess

import pytest
from conftest import SOURCE, tool

PATH = SOURCE / "schemas/openapi.json"
METHODS = ("get", "put", "post", "patch", "delete")
SCOPES = {"read", "write", "publish", "admin"}


def document():
    return json.loads(PATH.read_text())


def operations():
    return [(f"{method.upper()} {path}", operation)
            for path, item in document()["paths"].items()
            for method, operation in item.items()]


def validate(path):
    return subprocess.run([tool("openapi-spec-validator"), path], capture_output=True, text=True,
                          check=False)


def test_valid():
    done = validate(PATH)
    assert done.returncode == 0, done.stdout + done.stderr


def test_invalid_is_caught(tmp_path):
    broken = document()
    del broken["paths"]["/v1/me"]["get"]["responses"]
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(broken))
    done = validate(path)
    assert done.returncode == 1
    assert "responses" in done.stdout


@pytest.mark.parametrize("name, operation", operations())
def test_operation(name, operation):
    assert name.split()[0].lower() in METHODS
    assert set(operation["x-scopes"]) <= SCOPES, name
    assert {"bearer": []} in operation["security"], name
    if operation["x-scopes"]:
        assert {} not in operation["security"], f"{name}: needs scopes, so it needs a token"
    assert operation["summary"] and not operation["summary"].endswith(".")
    assert {"400", "401", "405", "429", "503"} <= set(operation["responses"])
    assert any(code.startswith("2") for code in operation["responses"])
    wanted = set(re.findall(r"\{(\w+)\}", name))
    known = set()
    for parameter in operation.get("parameters", []):
        if "$ref" in parameter:
            parameter = document()["components"]["parameters"][parameter["$ref"].split("/")[-1]]
        if parameter["in"] == "path":
            known.add(parameter["name"])
    assert wanted == known, name


def test_operation_ids_are_unique():
    names = [operation["operationId"] for _, operation in operations()]
    assert len(names) == len(set(names))


def test_components_are_used_and_known():
    text = PATH.read_text()
    used = set(re.findall(r'"#/components/(\w+/\w+)"', text))
    there = {f"{kind}/{name}" for kind, members in document()["components"].items()
             if kind != "securitySchemes" for name in members}
    assert used == there
