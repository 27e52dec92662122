"""Runs a program of STAC from build-tools/ without the network: its schemas of the core come from
pystac's own copies; those of extensions, which no package has, accept everything.

    build-tools/bin/python stac_offline.py stac_api_validator --root-url http://127.0.0.1:1234/ ...
    build-tools/bin/python stac_offline.py script.py ARGUMENTS
"""
import io
import json
import runpy
import sys
import urllib.parse
import urllib.request

import requests
from pystac.validation.local_validator import get_local_schema_cache

HERE = ("127.0.0.1", "localhost")
SCHEMAS = get_local_schema_cache()
send, urlopen = requests.Session.send, urllib.request.urlopen


def schema(url):
    """The text of what is at an address elsewhere."""
    url = url.split("#")[0]
    if url.startswith("https://stac-extensions.github.io/"):
        return json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "$id": url})
    if url not in SCHEMAS:
        raise OSError(f"{url}: not on this machine")
    return json.dumps(SCHEMAS[url])


def is_here(url):
    return urllib.parse.urlsplit(url).hostname in HERE


def send_here(session, request, **more):
    if is_here(request.url):
        return send(session, request, **more)
    answer = requests.Response()
    answer.status_code = 200
    answer.url, answer.request = request.url, request
    answer.headers["Content-Type"] = "application/json"
    answer._content = schema(request.url).encode()  # pylint: disable=protected-access
    return answer


def open_here(request, *words, **more):
    url = request if isinstance(request, str) else request.full_url
    return urlopen(request, *words, **more) if is_here(url) else io.BytesIO(schema(url).encode())


if __name__ == "__main__":
    requests.Session.send = send_here
    urllib.request.urlopen = open_here
    name, sys.argv = sys.argv[1], sys.argv[1:]
    if name.endswith(".py"):
        runpy.run_path(name, run_name="__main__")
    else:
        runpy.run_module(name, run_name="__main__")
