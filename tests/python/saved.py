"""Entries for tests of the server, by plain HTTP: written from the description of the protocol alone."""
import hashlib
import json
import pathlib

BLOCK = 131072


def create(server, user, name, **more):
    """A new entry's document."""
    return server.json("POST", "/v1/entries", {"name": name, **more}, code=201, user=user)["data"]


def save(server, user, entry, path, parent=None):
    """Uploads a store as the entry's next version; the commit's answer."""
    data = pathlib.Path(path).read_bytes()
    blocks = [data[at:at + BLOCK] for at in range(0, len(data), BLOCK)]
    digests = b"".join(hashlib.sha256(block).digest() for block in blocks)
    code, _, text = server.request(
        "POST", f"/v1/entries/{entry}/uploads?size={len(data)}&block_size={BLOCK}", digests, user=user,
        headers={"Content-Type": "application/octet-stream"})
    assert code in (200, 201), (code, text)
    upload = json.loads(text)
    for first, count in upload["missing"]:
        body = b"".join(blocks[first:first + count])
        code, _, text = server.request("PUT", f"/v1/uploads/{upload['id']}/blocks/{first}", body, user=user,
                                       headers={"Content-Type": "application/octet-stream"})
        assert code == 200, (code, text)
    condition = {"If-Match": f'"{parent}"'} if parent else {"If-None-Match": "*"}
    return server.json("POST", f"/v1/uploads/{upload['id']}/commit", {}, user=user, headers=condition)


def entry(server, user, name, path, public=False, **more):
    """A new entry with a store in it; its id."""
    made = create(server, user, name, **more)
    save(server, user, made["id"], path)
    if public:
        server.json("POST", f"/v1/entries/{made['id']}/publish", user=user)
    return made["id"]
