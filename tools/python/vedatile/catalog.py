"""The catalog: stores saved to a server, found there and pulled from it."""
from __future__ import annotations

import json
import os
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from . import _vedatile
from ._vedatile import ArgumentError, Error, NotFoundError

__all__ = ["Entry", "entry", "login", "logout", "search", "submit"]

_Path = str | os.PathLike
_Progress = Callable[[str, int, int], Any]


# --- which server ---

def _login_file() -> str:
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(folder):
        folder = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(folder, "vedatile", "login.json")


def _environment(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _server(url: str | None = None) -> dict[str, Any]:
    """The server and its token, as the command finds them: VEDATILE_URL and VEDATILE_TOKEN, else the
    login file; and the proxies that the environment names."""
    own = _environment("VEDATILE_URL")
    token = _environment("VEDATILE_TOKEN")
    if url is not None and own is not None and url.rstrip("/") != own.rstrip("/"):
        token = None  # it is for the server of the environment
    url = own if url is None else url
    login = None
    if url is None or token is None:
        login = _vedatile.read_login(_login_file(), url)
    if login is not None:
        url = login["url"] if url is None else url
        token = login["token"] if token is None else token
    every = _environment("all_proxy", "ALL_PROXY")
    return dict(url=url, token=None if url is None else token,
                insecure=bool(login and login["insecure"]),
                http_proxy=_environment("http_proxy") or every,
                https_proxy=_environment("https_proxy", "HTTPS_PROXY") or every,
                no_proxy=_environment("no_proxy", "NO_PROXY"))


def _needs_server(server: Mapping[str, Any]) -> None:
    if server["url"] is None:
        raise NotFoundError("no catalog is known: vedatile.login(url, token) first, or set "
                            "VEDATILE_URL")


# --- calls ---

class _Watch:
    """Tells the caller's function of progress, and stops the call when that or Ctrl-C says so."""

    def __init__(self, function: _Progress | None):
        self.function = function
        self.stopped = False
        self.error: BaseException | None = None

    def __call__(self, step: str, done: int, total: int) -> bool:
        try:
            if self.function is not None and not self.stopped and step != "call":
                self.stopped = self.function(step, done, total) is False
        except BaseException as error:  # pylint: disable=broad-exception-caught
            self.error, self.stopped = error, True
        return not self.stopped


def _call(what: str, progress: _Progress | None = None, /, **arguments: Any) -> Any:
    """One call of the library, its document parsed. In the main thread the call runs in another, so
    that Ctrl-C ends it at once."""
    watch = _Watch(progress)
    found: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(_vedatile.catalog(what, progress=watch, **arguments))
        except BaseException as error:  # pylint: disable=broad-exception-caught
            failed.append(error)

    if threading.current_thread() is threading.main_thread():
        worker = threading.Thread(target=run, name=f"vedatile {what}", daemon=True)
        worker.start()
        try:
            while worker.is_alive():
                worker.join(0.2)
        except BaseException:
            watch.stopped = True
            worker.join()
            raise
    else:
        run()
    if watch.error is not None:
        raise watch.error
    if failed:
        raise failed[0]
    return None if found[0] is None else json.loads(found[0])


def _ask(what: str, progress: _Progress | None = None, /, server: str | None = None,
         **arguments: Any) -> Any:
    where = _server(server)
    _needs_server(where)
    return _call(what, progress, **where, **arguments)


# --- logging in ---

def login(url: str, token: str, *, insecure: bool = False) -> dict[str, Any]:
    """Tries a token at a catalog and keeps both in the login file, which the command `vedatile` uses as
    well (~/.config/vedatile/login.json, only its owner may read it). From then on this is the catalog
    that calls ask, unless VEDATILE_URL names another.

    insecure   send the token over plain http to another machine

    Returns {"name": the user, "scopes": [...]}. Raises DeniedError for a token that is wrong, IoError
    when the server cannot be reached."""
    me = _call("me", **{**_server(url), "url": url, "token": token, "insecure": insecure})
    _vedatile.catalog("login", path=_login_file(), url=url.rstrip("/"), token=token,
                      user=me["name"], insecure=insecure)
    return me


def logout(url: str) -> None:
    """Forgets the login of a server. NotFoundError when there is none."""
    _vedatile.catalog("logout", path=_login_file(), url=url)


# --- entries ---

class Entry(Mapping):
    """A store as the catalog knows it: its document, a mapping of "data" and "links".

        entry = vedatile.search("roofs")[0]
        entry.id, entry["data"]["classes"], entry.percent_cached
        store = entry.pull()

    What changes the entry brings the document up to date."""

    def __init__(self, document: Mapping[str, Any], server: str | None = None):
        if not isinstance(document, Mapping) or "id" not in document.get("data", {}):
            raise ArgumentError("the document of an entry is wanted: {'data': {'id': ...}, ...}")
        self._document = dict(document)
        self._server = server

    def __getitem__(self, name: str) -> Any:
        return self._document[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)

    def __repr__(self) -> str:
        return f"<vedatile.Entry {self.id} {self.name!r}>"

    @property
    def data(self) -> dict[str, Any]:
        """What the catalog says of it: name, classes, count, bbox, version, public, ..."""
        return self._document["data"]

    @property
    def links(self) -> dict[str, Any]:
        """What may be done with it: {"self": {"href": ...}, ...}."""
        return self._document.get("links", {})

    @property
    def id(self) -> str:
        return self.data["id"]

    @property
    def name(self) -> str:
        return self.data.get("name") or self.id

    @property
    def percent_cached(self) -> float:
        """How much of it the catalog has: 100 once it was saved."""
        return float(self.data.get("percent_cached") or 0)

    def _take(self, document: Mapping[str, Any] | None) -> Entry:
        if document is not None:
            self._document = dict(document)
        return self

    def _ask(self, what: str, /, **arguments: Any) -> Any:
        return _ask(what, server=self._server, entry=self.id, **arguments)

    def refresh(self) -> Entry:
        """The document as it is now."""
        return self._take(self._ask("entry"))

    def update(self, *, name: str | None = None, description: str | None = None,
               license: str | None = None, tags: Sequence[str] | None = None) -> Entry:
        """Changes what is given; tags replace all tags, "" takes description or license away."""
        return self._take(self._ask("update", name=name, description=description, license=license,
                                    tags=tags))

    def publish(self) -> Entry:
        """Everybody may see and pull it."""
        return self._take(self._ask("publish", published=True))

    def unpublish(self) -> Entry:
        """Only its owner, and whom it is shared with."""
        return self._take(self._ask("publish", published=False))

    def release(self, notes: str | None = None, name: str | None = None) -> dict[str, Any]:
        """Makes the newest version a release, which never changes again. Returns its document."""
        made = self._ask("release", notes=notes, name=name)
        self.refresh()
        return made

    @property
    def releases(self) -> list[dict[str, Any]]:
        """The newest first."""
        return self._ask("releases")["releases"]

    def remove(self) -> None:
        """Into the owner's bin, from where restore() brings it back for a while."""
        self._ask("remove")

    def restore(self) -> Entry:
        return self._take(self._ask("restore"))

    def pull(self, path: _Path | None = None, partial: bool = True, *, release: int | None = None,
             force: bool = False, progress: _Progress | None = None) -> Any:
        """The store, in a file: vedatile.Store.from_id(self.id, path, partial, ...)."""
        return pull(self.id, path, partial, release=release, force=force, progress=progress,
                    server=self._server)


def entry(entry: str) -> Entry:
    """An entry by its id, or by its name where only one that the caller may see has it.

    Raises NotFoundError, also for what is private to others."""
    return Entry(_ask("entry", entry=entry))


def search(q: str | None = None, *, bbox: Sequence[float] | None = None,
           polygon: Mapping[str, Any] | str | None = None,
           classes: str | Sequence[str] | None = None, task: str | None = None,
           sensor: str | None = None, time: str | None = None, tag: str | None = None,
           owner: str | None = None, filter: str | None = None, removed: bool = False,
           limit: int = 100) -> list[Entry]:
    """Entries of the catalog that the caller may see, by all that is given.

    q         words of name, description, tags or classes
    bbox      west, south, east, north in degrees
    polygon   a GeoJSON geometry or feature in degrees; not with bbox
    classes   a class, or several that an entry must all have
    task      "classification", "detection", ...
    sensor    such as "Sentinel-2"
    time      RFC 3339, or two with a slash between; ".." is open: "2024-01-01T00:00:00Z/.."
    tag, owner
    filter    CQL2 text, such as "samples > 1000 AND license = 'CC-BY-4.0'"
    removed   what is in the caller's bin instead
    limit     at most so many

    Raises ArgumentError for what the catalog does not understand."""
    names = [classes] if isinstance(classes, str) else list(classes or [])
    if polygon is not None and not isinstance(polygon, str):
        polygon = json.dumps(polygon)
    if limit < 1:
        raise ArgumentError(f"limit: at least 1 is wanted, not {limit}")
    found: list[Entry] = []
    # Entries with all classes are among those with the first.
    document = _ask("search", text=q, bbox=bbox, polygon=polygon,
                    class_name=names[0] if names else None, task=task, sensor=sensor, time=time,
                    tag=tag, owner=owner, filter=filter, bin=removed,
                    limit=limit if len(names) < 2 else 1_000_000)
    for item in document["entries"]:
        if set(names) <= set(item["data"].get("classes") or []):
            found.append(Entry(item))
    return found[:limit]


def pull(entry: str, path: _Path | None, partial: bool, *, release: int | None = None,
         force: bool = False, progress: _Progress | None = None, server: str | None = None) -> Any:
    """See Store.from_id."""
    from .store import Store

    if path is None:
        path = f"{_plain(entry)}.h5"
    where = _server(server)
    if "://" not in entry:
        _needs_server(where)
    _call("pull", progress, **where, entry=entry, path=os.path.abspath(os.fspath(path)),
          partial=partial, release=release, force=force,
          login_file=_login_file() if os.path.exists(_login_file()) else None)
    return Store(path)


def _plain(entry: str) -> str:
    """A file name for an entry that was named by id, name or address."""
    parts = [part for part in entry.split("?")[0].split("/") if part and "manifest" not in part]
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in (parts[-1] if parts else ""))
    return name.strip("._") or "store"


# --- what Store has of it ---

class Saved:
    """The part of Store that knows of the catalog."""

    _path: str
    _entry: Entry | None = None

    def _sidecar(self) -> dict[str, Any]:
        return json.loads(_vedatile.catalog("sidecar", store=self._path) or "{}")

    def save(self, name: str | None = None, public: bool = False, *, description: str | None = None,
             license: str | None = None, tags: Sequence[str] | None = None,
             message: str | None = None, to: str | None = None, force: bool = False,
             progress: _Progress | None = None) -> Entry:
        """Sends the store to the catalog, as the next version of its entry: only blocks that the
        server lacks, and nobody sees it before all of it is there. What was cut off goes on when it is
        called again; where nothing changed nothing is sent.

        name, description, license, tags   of the entry; None: as they are, or the store's name
        public    everybody may see and pull it
        message   of the version
        to        the entry, by id or name; None: the one that the store was saved to or pulled from
                  (STORE.catalog beside it remembers), else a new one
        force     also where somebody saved another version meanwhile
        progress  called as progress(step, done, total) from another thread, steps "hash" and "send" in
                  bytes; False or an exception stops the call, and so does Ctrl-C

        Returns the Entry. Raises DeniedError, ArgumentError (somebody was faster), IoError;
        UnsupportedError for a partial store."""
        self._input()  # type: ignore[attr-defined]  # commits what was fed
        self.flush()  # type: ignore[attr-defined]
        if to is None:  # its own server, whichever that is
            server = self._sidecar().get("url")
        else:
            server = None
        own = _environment("VEDATILE_URL")
        document = _ask("save", progress, server=None if own else server, store=self._path,
                        name=name, description=description, license=license, tags=tags,
                        message=message, to=to, publish=public, force=force)
        self._entry = Entry(document, server)
        return self._entry

    @property
    def document(self) -> Entry:
        """The entry of the catalog that the store was saved to or pulled from. NotFoundError when it
        was neither."""
        if self._entry is None:
            known = self._sidecar()
            if not known.get("entry") or not known.get("url"):
                raise NotFoundError(f"{self._path}: was not saved to a catalog yet: save() it first")
            self._entry = Entry({"data": {"id": known["entry"]}}, known["url"])
            self._entry.refresh()
        return self._entry

    @property
    def id(self) -> str | None:
        """Of its entry; None until it was saved or pulled."""
        return self._sidecar().get("entry")

    @property
    def links(self) -> dict[str, Any]:
        """What may be done with its entry, asked for anew."""
        return self.document.refresh().links

    def publish(self) -> Entry:
        """Everybody may see and pull its entry."""
        return self.document.publish()

    def unpublish(self) -> Entry:
        """Only its owner, and whom it is shared with, may see its entry."""
        return self.document.unpublish()

    def release(self, notes: str | None = None, name: str | None = None) -> dict[str, Any]:
        """Makes the newest saved version a release, which never changes again."""
        return self.document.release(notes, name)

    def remove(self) -> None:
        """Removes its entry from the catalog (restore() of the entry brings it back for a while). The
        file stays."""
        self.document.remove()
        self._entry = None

    def complete(self, progress: _Progress | None = None) -> None:
        """Fetches all that a partial store lacks; it is then like any other. Nothing to do for others.
        progress as in save, with the step "fetch"."""
        self._input()  # type: ignore[attr-defined]
        _call("complete", progress, store=self._path)

    @property
    def status(self) -> dict[str, Any]:
        """{"status": "EMPTY" without samples, "BUILDING" while not all of it is here or committed, or
        "COMPLETE"; "percent_cached", "count", "entry" and "version" (None until saved or pulled)}."""
        committed = not self._session.pending  # type: ignore[attr-defined]
        percent = self.percent_cached  # type: ignore[attr-defined]
        count = self.count  # type: ignore[attr-defined]
        known = self._sidecar()
        state = "EMPTY" if not count else "COMPLETE" if committed and percent == 100 else "BUILDING"
        return {"status": state, "percent_cached": percent, "count": count,
                "entry": known.get("entry"), "version": known.get("version")}

    @classmethod
    def from_id(cls, id: str, path: _Path | None = None, partial: bool = True, *,
                release: int | None = None, force: bool = False,
                progress: _Progress | None = None) -> Any:
        """Pulls a store from the catalog and opens it.

        id        of the entry, or its name, or the address of a release's manifest on any server
        path      of the file; None: the id with ".h5", in the current folder. A store that is there
                  from the same entry is brought up to date
        partial   it is there at once and fills as it is read; False: all of it is fetched first
        release   its number; None: the newest version
        force     also over a file that is something else, or was changed here
        progress  as in save, with the step "fetch"

        Raises NotFoundError (also for what is private to others), ExistsError, DeniedError, IoError,
        FormatError when what comes is not what was saved."""
        return pull(id, path, partial, release=release, force=force, progress=progress)

    @classmethod
    def from_doc(cls, doc: Mapping[str, Any], path: _Path | None = None, partial: bool = True,
                 **options: Any) -> Any:
        """The same, by the document of an entry: {"data": {"id": ...}, ...}."""
        document = doc if isinstance(doc, Entry) else Entry(doc)
        return document.pull(path, partial, **options)


# --- models, runs and their scores ---

def ask(method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """A call of any route of the catalog (schemas/openapi.json): its answer. `path` begins with /v1/."""
    return _ask("ask", method=method, path=path, body=None if body is None else json.dumps(body))


def _list(path: str, member: str, **filters: Any) -> Iterator[dict[str, Any]]:
    query = urllib.parse.urlencode({name: value for name, value in filters.items() if value is not None})
    where = path
    while True:
        page = ask("GET", f"{where}?{query}" if query else where)
        yield from page[member]
        links = [link["href"] for link in page.get("links", []) if link.get("rel") == "next"]
        if not links:
            return
        # The rest of the link is not followed: it may name another server.
        query = urllib.parse.urlsplit(links[0]).query


def models(*, reference: str | None = None, owner: str | None = None) -> Iterator[dict[str, Any]]:
    """Your models, and those whose runs you may see, the newest first."""
    return _list("/v1/models", "models", reference=reference, owner=owner)


def runs(entry: str, *, model: str | None = None, name: str | None = None,  # pylint: disable=redefined-outer-name
         state: str | None = None) -> Iterator[dict[str, Any]]:
    """Runs on an entry (its id), the newest first; `state` is "open" or "committed"."""
    return _list(f"/v1/entries/{urllib.parse.quote(entry, safe='')}/runs", "runs", model=model, name=name,
                 state=state)


def evaluations(*, run: str | None = None, model: str | None = None,
                entry: str | None = None,  # pylint: disable=redefined-outer-name
                state: str | None = None, sortby: str | None = None) -> Iterator[dict[str, Any]]:
    """Evaluations that you may see, the newest first, or by a metric: sortby="-AP" has the best first."""
    return _list("/v1/evaluations", "evaluations", run=run, model=model, entry=entry, state=state, sortby=sortby)


def submit(store: _Path, run: str, parameters: Mapping[str, Any] | None = None, *,
           wait: bool = True) -> dict[str, Any]:
    """Sends a committed run of a local store to the catalog that the store was saved to or pulled from, and
    has it scored there. The evaluation as the catalog has it: "state", "metrics", "document". With
    wait=False it may be pending still. Asked again, nothing is sent twice."""
    return _ask("submit", store=os.fspath(store), run=run, no_wait=not wait,
                parameters=None if parameters is None else json.dumps(parameters))


# --- annotations ---

def annotation_sets(entry: str) -> list[dict[str, Any]]:  # pylint: disable=redefined-outer-name
    """The annotation sets of an entry (its id): "name", "revision", "samples", "annotations"."""
    sets: list[dict[str, Any]] = ask("GET", f"/v1/entries/{urllib.parse.quote(entry, safe='')}/annotations")["sets"]
    return sets


def annotations(entry: str, name: str = "labels", *, sample: str | None = None,  # pylint: disable=redefined-outer-name
                type: str | None = None,  # pylint: disable=redefined-builtin
                class_name: str | None = None) -> Iterator[dict[str, Any]]:
    """Annotations of an entry's set in the order in which they came, of one sample, type or class."""
    path = f"/v1/entries/{urllib.parse.quote(entry, safe='')}/annotations/{urllib.parse.quote(name, safe='')}"
    return _list(path, "annotations", sample=sample, type=type, **{"class": class_name})


def send_annotations(store: _Path, name: str = "labels", *, update: bool = False) -> dict[str, int]:
    """Sends an annotation set of a local store to the entry that the store was saved to or pulled from. What is
    there under the same sample and id is left alone, or replaced with `update`. What was done: "added",
    "updated", "ignored", "marked"."""
    return _ask("send_annotations", store=os.fspath(store), set=name, replace=update)


def fetch_annotations(store: _Path, name: str = "labels", *, update: bool = False) -> dict[str, int]:
    """Adds what the entry's set has to the local store's, which is made where there is none. "dropped" counts
    annotations on samples that the store has not."""
    return _ask("fetch_annotations", store=os.fspath(store), set=name, replace=update)
