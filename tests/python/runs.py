"""Models, runs and evaluations of a catalog, for tests."""
import json
import time


def make_model(server, user, name="net", **more):
    return server.json("POST", "/v1/models", {"name": name, **more}, code=201, user=user)


def make_run(server, user, entry, model, name="first", **more):
    return server.json("POST", f"/v1/entries/{entry}/runs", {"model": model, "name": name, **more}, code=201,
                       user=user)


def samples_of(server, user, entry):
    """Keys of an entry's samples."""
    keys, path = [], f"/v1/entries/{entry}/samples?limit=1000"
    while path:
        page = server.json("GET", path, user=user)
        keys += [sample["key"] for sample in page["samples"]]
        path = next((link["href"][len(server.url):] for link in page["links"]), None)
    return keys


def box(sample, name, score=0.5, label="roof", at=(1, 2, 11, 12), **more):
    return {"sample": sample, "id": name, "type": "box", "box": list(at), "labels": {"class": label}, "score": score,
            **more}


def send(server, user, run, records, code=200, query="", lines=False):
    """Sends records: as an array, or as lines."""
    body = "".join(json.dumps(one) + "\n" for one in records) if lines else json.dumps(records)
    kind = "application/jsonl" if lines else "application/json"
    got, _, text = server.request("POST", f"/v1/runs/{run}/predictions{query}", body, user=user,
                                  headers={"Content-Type": kind})
    assert got == code, (got, text)
    return json.loads(text)


def wait(server, user, evaluation, seconds=60):
    """The evaluation when it is done or failed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = server.json("GET", f"/v1/evaluations/{evaluation}", user=user)
        if found["state"] in ("done", "failed"):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def wait_for(true, seconds=30):
    """Until a call says true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
