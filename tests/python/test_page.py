"""The page at /, in a headless Chromium on a live server. Screenshots go to the test's folder."""
import json
import re

import pytest
from browser import Browser
from conftest import SOURCE, run_vedatile
from runs import box, make_model, make_run, samples_of, send, wait
from saved import create, entry, save
from server import Server

HOSTILE = "<img src=x onerror=window.hacked=1>"
SCRIPT = "<script>window.hacked=2</script>"
TEMPLATE = "${window.hacked=3}'\"><svg onload=window.hacked=4>"


def feed(path, *options):
    run_vedatile("feed", path, "--image", SOURCE / "data/olinda/scene.tif", *options)
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Stores by name: `first` and `second` (the same and more), `plain` and `hostile`."""
    folder = tmp_path_factory.mktemp("stores")
    labels = json.loads((SOURCE / "data/olinda/sectors.geojson").read_text())
    for at, feature in enumerate(labels["features"]):
        feature["properties"] = {"kind": (HOSTILE, SCRIPT, TEMPLATE)[at % 3], "note": HOSTILE}
    hostile = folder / "hostile.geojson"
    hostile.write_text(json.dumps(labels))
    sectors = ("--labels", SOURCE / "data/olinda/sectors.geojson", "--class-field", "TIPO",
               "--task", "classification,detection,segmentation,instance", "--match", "all", "--tile", 64)
    first = feed(folder / "first.h5", *sectors, "--split", "train=0.6,validate=0.2,test=0.2")
    second = folder / "second.h5"
    second.write_bytes(first.read_bytes())
    feed(second, *sectors, "--stride", 32)
    return {
        "first": first, "second": second,
        "plain": feed(folder / "plain.h5", "--tile", 128, "--group", "train"),
        "hostile": feed(folder / "hostile.h5", "--labels", hostile, "--class-field", "kind", "--tile", 96,
                        "--task", "detection,segmentation", "--match", "all")}


class Catalog:
    """A server with entries of two users."""

    def __init__(self, server, stores):
        self.server = server
        for user in ("ana", "bruno"):
            server.add_user(user)
        self.sectors = entry(server, "ana", "Olinda census sectors", stores["first"], public=True,
                             description="Rural and urban sectors on a Landsat 7 scene.",
                             license="Apache-2.0", tags=["landsat", "brazil"])
        self.release(self.sectors, "ana", "First", "Everything from the first feed.")
        head = server.json("GET", f"/v1/entries/{self.sectors}")["data"]["digest"]
        save(server, "ana", self.sectors, stores["second"], parent=head)
        self.release(self.sectors, "ana", HOSTILE, f"More windows.\n{SCRIPT}")
        self.secret = entry(server, "ana", "Secret tiles", stores["plain"], tags=["unlabelled"])
        self.hostile = entry(server, "bruno", f"{HOSTILE} {TEMPLATE}", stores["hostile"], public=True,
                             description=f"{SCRIPT}<b>bold</b>", license=HOSTILE, tags=["<u>tag</u>"])
        self.empty = create(server, "bruno", "Nothing saved yet")["id"]
        self.runs = {number: self.scored(user, number, label) for user, number, label in (
            ("ana", self.sectors, "URBANO"), ("bruno", self.hostile, HOSTILE))}

    def scored(self, user, number, label):
        """A model with a run that is scored twice, in two ways, and an open one; the scores by run."""
        keys = samples_of(self.server, user, number)
        name = f"{HOSTILE} net" if number == self.hostile else "U-Net"
        model = make_model(self.server, user, name, reference=f"net-{number}")["id"]
        run = make_run(self.server, user, number, model, "first")["id"]
        make_run(self.server, user, number, model, SCRIPT)
        send(self.server, user, run, [box(key, "a", 0.9, label, (3, 4, 40, 50)) for key in keys])
        done = self.server.json("POST", f"/v1/runs/{run}/commit", {"parameters": {"task": "detection"}}, user=user)
        wish = {"run": run, "parameters": {"task": "detection", "protocol": "valor"}}
        other = self.server.json("POST", "/v1/evaluations", wish, 202, user=user)["id"]
        return run, [wait(self.server, user, one) for one in (done["evaluation"], other)]

    def release(self, number, user, name, notes):
        return self.server.json("POST", f"/v1/entries/{number}/releases", {"name": name, "notes": notes},
                                code=201, user=user)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, stores):
    with Server(tmp_path_factory.mktemp("page") / "root") as server:
        yield Catalog(server, stores)


@pytest.fixture(scope="module")
def window(catalog, tmp_path_factory):
    browser = Browser(catalog.server.url, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


@pytest.fixture
def browser(window):
    """The window at its usual size, signed out; what it asked for and said is looked at afterwards."""
    window.size(1360, 860)
    window.open()
    if window.run("const signed = sessionStorage.length; sessionStorage.clear(); return signed"):
        window.open()
    window.logs()
    window.said.clear()
    yield window
    outside = [url for url in window.requests() if not url.startswith((window.base + "/", "blob:", "about:", "chrome:", "data:"))]
    assert not outside, f"requests left this server: {outside}"
    assert not [url for url in window.asked if "vt_" in url], "a token is in a URL"
    errors = [line["message"] for line in window.logs() if line["level"] == "SEVERE"
              and not re.search(r"status of (401|404|400)", line["message"])]
    assert not errors
    assert window.run("return window.hacked ?? null") is None


def sign_in(browser, token):
    browser.click("#account button")
    browser.write("dialog input", token)
    browser.wait("return document.querySelector('dialog') === null")
    browser.wait("return document.querySelector('#account .name') !== null")


def shown(browser):
    browser.wait("return document.querySelector('main h1') !== null && !document.querySelector('main .wait')")
    return browser.texts(".card h2")


def loaded(browser, count=1):
    """Waits until pictures are there."""
    browser.wait("return [...document.querySelectorAll('.tile img.there')].filter("
                 "(e) => e.naturalWidth > 0).length >= arguments[0]", count)


# --- what is shown ----------------------------------------------------------------------------


def test_list(browser, tmp_path):
    assert shown(browser) == [f"{HOSTILE} {TEMPLATE}", "Olinda census sectors"]
    card = browser.run("return [...document.querySelectorAll('.card')].at(-1).innerText")
    for words in ("ana", "2 releases", "#landsat", "segmentation", "RURAL", "URBANO"):
        assert words in card
    assert "private" not in browser.text(".cards")
    browser.wait("return document.querySelectorAll('.preview img').length >= 5")
    browser.picture(tmp_path / "list.png")


def test_map(browser, tmp_path):
    """Land and sea are two colours, and a dot leads to the entry."""
    shown(browser)
    script = """
        const canvas = document.querySelector('.map canvas');
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const counts = {};
        for (let at = 0; at < data.length; at += 4) {
          const key = [data[at], data[at + 1], data[at + 2]].join();
          counts[key] = (counts[key] ?? 0) + 1;
        }
        return Object.entries(counts).filter(([, count]) => count > canvas.width * canvas.height / 50).length"""
    browser.wait(f"{script} >= 2 ? true : false".replace("return Object", "return (Object").replace(
        "length >= 2", "length) >= 2"))
    browser.picture(tmp_path / "map.png")
    browser.open(f"#/entries/{catalog_id(browser)}")
    browser.wait("return document.querySelector('.legend') !== null")
    browser.picture(tmp_path / "entry-map.png")


def catalog_id(browser):
    return browser.run("return [...document.querySelectorAll('.card')].at(-1).dataset.id")


def test_map_by_keyboard_and_area(browser, catalog):
    shown(browser)
    canvas = browser.find(".map canvas")
    assert canvas.get_attribute("aria-label").startswith("Map of the entries")
    assert not browser.find(".map-search").is_displayed()
    canvas.send_keys("++++")
    browser.click(".map-search")
    assert set(shown(browser)) == {"Olinda census sectors", f"{HOSTILE} {TEMPLATE}"}
    assert "bbox=" in browser.driver.current_url
    browser.open("#/?bbox=10,40,20,50")
    assert shown(browser) == []
    assert "Nothing matches" in browser.text("main")
    browser.click(".chips button")
    assert len(shown(browser)) == 2
    assert catalog.sectors in browser.run("return document.querySelector('.cards').innerHTML")


def test_search(browser, tmp_path):
    browser.write("#quick-text", "census")
    browser.wait("return document.querySelectorAll('.card').length === 1")
    assert shown(browser) == ["Olinda census sectors"]
    browser.picture(tmp_path / "search.png")
    browser.driver.refresh()
    assert shown(browser) == ["Olinda census sectors"], "the address keeps what was asked"
    browser.write("#quick-text", "no such words")
    browser.wait("return document.querySelectorAll('.card').length === 0")
    browser.click_text("Show everything")
    browser.wait("return document.querySelectorAll('.card').length === 2")


@pytest.mark.parametrize("field, value, found", [
    ("class", "URBANO", 1), ("task", "classification", 1), ("task", "detection", 2), ("tag", "landsat", 1),
    ("owner", "bruno", 1), ("owner", "nobody", 0), ("filter", "samples > 20 AND license LIKE 'Apa%'", 1),
    ("class", HOSTILE, 1)])
def test_filters(browser, field, value, found):
    shown(browser)
    browser.click(".filters summary")
    if field == "task":
        browser.choose(".filters [name=task]", value)
    else:
        browser.write(f".filters [name={field}]", value, enter=False)
    browser.click_text("Apply")
    browser.wait("return document.querySelectorAll('.card').length === arguments[0] && location.hash.length > 3",
                 found)


def test_bad_filter_is_told(browser):
    browser.open("#/?filter=" + "name%20%3D%3D%3D")
    assert browser.text(".notice")
    assert browser.text(".filters") or browser.count(".filters") == 1


def test_entry(browser, catalog, tmp_path):
    browser.open(f"#/entries/{catalog.sectors}")
    browser.wait("return document.querySelector('.chart') !== null")
    facts = browser.text(".facts")
    for words in ("ana", "64 × 64 pixels, 6 bands, uint8", "Apache-2.0", catalog.sectors):
        assert words in facts
    document = catalog.server.json("GET", f"/v1/entries/{catalog.sectors}")["data"]
    assert all(f"{name} {count}" in facts for name, count in document["count"].items())
    stats = catalog.server.json("GET", f"/v1/entries/{catalog.sectors}/stats")
    rows = browser.run("return [...document.querySelectorAll('figure table tbody tr')].map("
                       "(row) => [row.cells[0].textContent, Number(row.cells[row.cells.length - 1].textContent)])")
    assert rows == [[one["name"], one["samples"]] for one in stats["classes"]]
    assert browser.count(".chart rect") > 4
    assert browser.texts(".scroll tbody th") == [band["name"] for band in stats["bands"]]
    browser.wait("return document.querySelectorAll('.strip .tile img.there').length >= 6")
    browser.picture(tmp_path / "entry.png")


def test_gallery(browser, catalog, tmp_path):
    path = f"/v1/entries/{catalog.sectors}/samples"
    browser.open(f"#/entries/{catalog.sectors}/samples")
    loaded(browser, 20)
    count = sum(catalog.server.json("GET", f"/v1/entries/{catalog.sectors}")["data"]["count"].values())
    assert browser.count(".gallery li") == min(36, count)
    key = catalog.server.json("GET", f"{path}?limit=50&class=RURAL")["samples"][0]["key"]
    browser.open(f"#/entries/{catalog.sectors}/samples?class=RURAL")
    loaded(browser, 3)
    labels = catalog.server.json("GET", f"{path}/{key}/labels.json")
    tile = f".gallery a[href$='/{key}'] .tile"
    browser.wait("return document.querySelectorAll(`${arguments[0]} .boxes g`).length === arguments[1]",
                 tile, len(labels["features"]))
    box = labels["features"][0]["properties"]["box"]
    drawn = browser.run("const r = document.querySelector(`${arguments[0]} .boxes rect`); return ['x', 'y', "
                        "'width', 'height'].map((name) => Number(r.getAttribute(name)))", tile)
    assert drawn == pytest.approx([box[0], box[1], box[2] - box[0], box[3] - box[1]])
    browser.picture(tmp_path / "gallery.png")
    check_mask(browser, catalog, key, tile)


def check_mask(browser, catalog, key, tile):
    """The overlay is the mask, in the classes' colours; a class can be hidden."""
    gdal = pytest.importorskip("osgeo.gdal")
    numpy = pytest.importorskip("numpy")
    _, _, png = catalog.server.get(f"/v1/entries/{catalog.sectors}/samples/{key}/mask.png")
    gdal.FileFromMemBuffer("/vsimem/mask.png", png)
    mask = gdal.Open("/vsimem/mask.png").ReadAsArray()
    script = """const canvas = document.querySelector(`${arguments[0]} canvas`);
        return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"""
    browser.wait("return document.querySelector(`${arguments[0]} canvas`).width === 64", tile)
    colours = {0: (0, 0, 0, 0), 1: (0xE6, 0x9F, 0, 255), 2: (0x56, 0xB4, 0xE9, 255)}
    drawn = numpy.array(browser.run(script, tile)).reshape(64, 64, 4)
    for value, colour in colours.items():
        assert (drawn[mask == value] == colour).all(), value
    assert (mask == 1).any()
    browser.click(".classes-row button")
    drawn = numpy.array(browser.run(script, tile)).reshape(64, 64, 4)
    assert (drawn[mask == 1] == 0).all()
    assert browser.run("return document.querySelectorAll(`${arguments[0]} .boxes g[data-class='0']`).length",
                       tile) == 0
    browser.click(".gallery-tools input[type=checkbox]")
    assert browser.run("return getComputedStyle(document.querySelector('.tile .boxes')).display") == "none"


def test_gallery_pages_and_groups(browser, catalog):
    document = catalog.server.json("GET", f"/v1/entries/{catalog.sectors}")["data"]
    total = sum(document["count"].values())
    assert total > 36
    browser.open(f"#/entries/{catalog.sectors}/samples")
    browser.wait("return document.querySelectorAll('.gallery li').length === 36")
    browser.click_text("Show more")
    browser.wait("return document.querySelectorAll('.gallery li').length === arguments[0]", min(72, total))
    links = browser.run("return [...document.querySelectorAll('.gallery a')].map((e) => e.href)")
    assert len(set(links)) == len(links)
    browser.choose(".gallery-tools select", "test")
    browser.wait("return document.querySelectorAll('.gallery li').length === arguments[0]",
                 min(36, document["count"]["test"]))
    assert set(browser.texts(".gallery .under .badge")) == {"test"}
    assert "group=test" in browser.driver.current_url


def test_sample(browser, catalog, tmp_path):
    path = f"/v1/entries/{catalog.sectors}/samples"
    browser.open(f"#/entries/{catalog.sectors}/samples?class=URBANO")
    loaded(browser)
    keys = [one["key"] for one in catalog.server.json("GET", f"{path}?class=URBANO&limit=36")["samples"]]
    browser.click(f".gallery a[href$='/{keys[1]}']")
    browser.wait("return document.querySelectorAll('.big .boxes g').length > 0")
    loaded(browser)
    sample = catalog.server.json("GET", f"{path}/{keys[1]}")
    text = browser.text("main")
    for words in (keys[1], sample["group"], "Window", "Valid pixels", "GeoTIFF"):
        assert words in text
    for name, count in sample["classes"].items():
        assert f"{name}" in text and str(count) in text
    browser.picture(tmp_path / "sample.png")
    before = browser.run("return document.querySelectorAll('.big .boxes g').length")
    browser.click(".class-list input")
    assert browser.count(".big .boxes g") < before
    browser.find("body").send_keys("\ue014")  # arrow right
    browser.wait("return location.hash.endsWith(arguments[0])", keys[2])
    browser.wait("return document.querySelector('.pager a[rel=prev]') !== null")
    browser.click(".pager a[rel=prev]")
    browser.wait("return location.hash.endsWith(arguments[0])", keys[1])


def test_bands(browser, catalog):
    """Another choice of bands is another picture."""
    key = catalog.server.json("GET", f"/v1/entries/{catalog.sectors}/samples?limit=1")["samples"][0]["key"]
    browser.open(f"#/entries/{catalog.sectors}/samples/{key}")
    loaded(browser)
    before = len([url for url in browser.requests() if "bands=" in url])
    browser.choose(".big .fields select", "6,5,4")
    browser.wait("return document.querySelector('.tile img.there') !== null")
    browser.wait("return performance.getEntriesByType('resource').some((one) => one.name.includes('bands=6'))")
    assert len([url for url in browser.requests() if "bands=" in url]) == before + 1
    assert browser.count(".fault") == 0


def test_releases(browser, catalog, tmp_path):
    browser.open(f"#/entries/{catalog.sectors}/releases")
    browser.wait("return document.querySelectorAll('.releases > li').length === 2")
    assert browser.texts(".releases .number") == ["v2", "v1"]
    assert browser.texts(".releases h2") == [HOSTILE, "First"]
    assert SCRIPT in browser.text(".releases .notes")
    browser.click_text("What changed since v1")
    browser.wait("return /samples added/.test(document.querySelector('.releases').innerText)")
    browser.picture(tmp_path / "releases.png")
    browser.open(f"#/entries/{catalog.sectors}/releases")
    browser.run("[...document.querySelectorAll('.releases a.button')].at(-1).click()")
    browser.wait("return document.querySelectorAll('.gallery li').length > 0")
    assert "version=1" in browser.driver.current_url
    releases = catalog.server.json("GET", f"/v1/entries/{catalog.sectors}/releases")["releases"]
    first = min(releases, key=lambda one: one["number"])
    assert browser.count(".gallery li") == min(36, first["samples"])


def test_runs(browser, catalog, tmp_path):
    """Runs with their model and state; scores with their numbers and a link to the report."""
    run, (coco, valor) = catalog.runs[catalog.sectors]
    assert [one["state"] for one in (coco, valor)] == ["done", "done"]
    browser.open(f"#/entries/{catalog.sectors}")
    browser.wait("return document.querySelector('.tabs') !== null")
    browser.click(".tabs a:nth-child(4)")
    browser.wait("return document.querySelectorAll('.runs > li').length === 2")
    assert browser.texts(".runs h2") == [SCRIPT, "first"]
    assert browser.texts(".runs .badge") == ["open", "committed"]
    for word in ("U-Net", "ana", "of version 2"):
        assert word in browser.text(f".runs li[data-run='{run}']")
    for one in (coco, valor):
        place = f".evaluations li[data-evaluation='{one['id']}']"
        shown_ = dict(zip(browser.texts(f"{place} dt"), browser.texts(f"{place} dd")))
        assert shown_ and set(shown_) <= set(one["metrics"])
        for name, text in shown_.items():
            assert float(text) == pytest.approx(one["metrics"][name], rel=2e-3), name
    assert "AP" in browser.texts(f".evaluations li[data-evaluation='{coco['id']}'] dt")
    assert "protocol valor" in browser.text(f".evaluations li[data-evaluation='{valor['id']}']")
    browser.picture(tmp_path / "runs.png")
    place = browser.run("return document.querySelector(`.evaluations li[data-evaluation='${arguments[0]}'] a`).href",
                        coco["id"])
    browser.driver.get(place)
    assert "first" in browser.text("h1") and browser.count("table") > 0


def test_runs_of_a_private_entry(browser, catalog, stores):
    """The report needs the token, so a button saves it with its pictures; an entry without runs says so."""
    browser.open(f"#/entries/{catalog.secret}/runs")
    assert "Nothing is here" in browser.text("main")
    browser.open()
    made = entry(catalog.server, "ana", "Private runs", stores["first"])
    sign_in(browser, catalog.server.tokens["ana"])
    browser.open(f"#/entries/{made}/runs")
    browser.wait("return document.querySelector('.empty') !== null")
    assert "No run yet" in browser.text("main")
    _, (coco, _) = catalog.scored("ana", made, "URBANO")
    browser.open(f"#/entries/{made}")
    browser.open(f"#/entries/{made}/runs")
    browser.wait("return document.querySelectorAll('.evaluations button').length === 2")
    assert browser.count(".evaluations a") == 0
    browser.run("window.saved = []; URL.createObjectURL = (data) => { data.text().then((text) => saved.push(text)); "
                "return 'blob:nothing'; }; HTMLAnchorElement.prototype.click = function () { window.name_ = this.download; }")
    browser.click(f".evaluations li[data-evaluation='{coco['id']}'] button")
    browser.wait("return window.saved.length === 1")
    text = browser.run("return window.saved[0]")
    assert text.lower().startswith("<!doctype html>") and browser.run("return window.name_") == f"report-{coco['id']}.html"
    # The pictures are in it, and nothing that names the server or the token.
    assert text.count("data:image/png;base64,iVBOR") > 0
    assert not re.search(r'(src|href)="(?!data:|#)', text) and catalog.server.tokens["ana"] not in text
    catalog.server.request("DELETE", f"/v1/entries/{made}", user="ana")


# --- signing in -------------------------------------------------------------------------------


def test_private_entries_want_a_token(browser, catalog, tmp_path):
    assert "Secret tiles" not in shown(browser)
    browser.open(f"#/entries/{catalog.secret}")
    assert "Nothing is here" in browser.text("main")
    sign_in(browser, catalog.server.tokens["ana"])
    browser.wait("return document.querySelector('h1').textContent === 'Secret tiles'")
    assert browser.text("#account .name") == "ana"
    browser.click(".tabs a:nth-child(2)")
    loaded(browser, 2)
    browser.picture(tmp_path / "private.png")
    browser.open()
    assert set(shown(browser)) == {"Secret tiles", "Olinda census sectors", f"{HOSTILE} {TEMPLATE}"}
    assert "private" in browser.text(".cards")
    kept = browser.run("return [Object.values(sessionStorage), Object.keys(localStorage), document.cookie, location.href]")
    assert kept[0] == [catalog.server.tokens["ana"]]
    assert kept[1:3] == [[], ""] and "vt_" not in kept[3]
    browser.click_text("Sign out")
    browser.wait("return document.querySelectorAll('.card').length === 2")
    assert browser.run("return sessionStorage.length") == 0


def test_others_do_not_see_private_entries(browser, catalog):
    sign_in(browser, catalog.server.tokens["bruno"])
    browser.wait("return document.querySelectorAll('.card').length === 3")
    assert "Nothing saved yet" in shown(browser) and "Secret tiles" not in shown(browser)
    browser.open(f"#/entries/{catalog.secret}/samples")
    assert "Nothing is here" in browser.text("main")
    browser.open(f"#/entries/{catalog.empty}")
    assert "Nothing saved yet" in browser.text("h1")


def test_wrong_token(browser):
    browser.click("#account button")
    browser.write("dialog input", "vt_wrong")
    browser.wait("return document.querySelector('dialog .notice').checkVisibility()")
    assert "does not know this token" in browser.text("dialog")
    assert browser.run("return sessionStorage.length") == 0
    browser.click_text("Cancel")
    assert browser.count("dialog") == 0


def test_token_that_ended(browser, catalog):
    """A token that is revoked while the tab is open is forgotten at the next start."""
    made = catalog.server.json("POST", "/v1/tokens", {"scopes": ["read"]}, code=201, user="ana")
    sign_in(browser, made["token"])
    code, _, _ = catalog.server.request("DELETE", f"/v1/tokens/{made['id']}", user="ana")
    assert code == 204
    browser.open()
    browser.wait("return document.querySelectorAll('.card').length === 2 && sessionStorage.length === 0")


def test_publish(browser, catalog, stores):
    made = entry(catalog.server, "bruno", "To be published", stores["plain"])
    browser.open(f"#/entries/{made}")
    sign_in(browser, catalog.server.tokens["bruno"])
    browser.click_text("Publish")
    browser.driver.switch_to.alert.accept()
    browser.wait("return document.querySelector('.entry-head').innerText.includes('public')")
    assert catalog.server.get(f"/v1/entries/{made}")[0] == 200
    browser.click_text("Make private")
    browser.driver.switch_to.alert.accept()
    browser.wait("return document.querySelector('.entry-head').innerText.includes('Publish')")
    assert catalog.server.get(f"/v1/entries/{made}")[0] == 404
    code, _, _ = catalog.server.request("DELETE", f"/v1/entries/{made}", user="bruno")
    assert code == 204


# --- trust ------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["", "/samples", "/releases", "/runs"])
def test_hostile_text_is_text(browser, catalog, place, tmp_path):
    browser.open(f"#/entries/{catalog.hostile}{place}")
    assert browser.text("h1") == f"{HOSTILE} {TEMPLATE}"
    if place == "":
        browser.wait("return document.querySelector('.chart') !== null")
        assert HOSTILE in browser.text(".facts")
    if place == "/samples":
        loaded(browser, 4)
        browser.picture(tmp_path / "hostile.png")
        browser.run("document.querySelector('.gallery .dots i').closest('a').click()")
        browser.wait("return document.querySelector('.class-list') !== null")
        loaded(browser)
        assert any(word in browser.text(".class-list") for word in (HOSTILE, SCRIPT, TEMPLATE))
    if place == "/runs":
        browser.wait("return document.querySelectorAll('.evaluations li').length === 2")
        assert browser.texts(".runs h2") == [SCRIPT, "first"] and HOSTILE in browser.text(".runs")
    found = browser.run("return document.querySelectorAll(\"img[src='x'], main script, main b, main u, svg[onload]\").length")
    assert found == 0
    assert browser.run("return window.hacked ?? null") is None


def test_inline_scripts_do_not_run(browser):
    browser.run("const s = document.createElement('script'); s.textContent = 'window.inline = 1'; document.body.append(s);"
                "const d = document.createElement('div'); d.setAttribute('onclick', 'window.inline = 2');"
                "document.body.append(d); d.click();")
    assert browser.run("return window.inline ?? null") is None
    refused = [line for line in browser.logs() if "Content Security Policy" in line["message"]]
    assert refused
    browser.said.clear()


def test_other_hosts_are_refused(browser):
    """The page's own policy, not only the test's resolver, keeps requests here."""
    answer = browser.driver.execute_async_script(
        "const done = arguments[0]; document.addEventListener('securitypolicyviolation', (e) => done(e.effectiveDirective));"
        "fetch('http://127.0.0.1:9/').catch(() => {})")
    assert answer == "connect-src"
    browser.logs()
    browser.said.clear()
    browser.requests()
    browser.asked.clear()


def test_strange_places(browser):
    for place in ("#/entries/", "#/nothing", "#/entries/%ff/samples", "#/entries/../../v1/me", "#/entries/a/b/c/d",
                  "#/entries/%3Cimg%20src=x%20onerror=window.hacked=5%3E"):
        browser.open(place)
        assert browser.text("h1") in ("Nothing is here", "Training data", "That did not work"), place


# --- for everybody ----------------------------------------------------------------------------


def places(catalog):
    key = catalog.server.json("GET", f"/v1/entries/{catalog.sectors}/samples?limit=1")["samples"][0]["key"]
    return {"list": "#/", "entry": f"#/entries/{catalog.sectors}", "gallery": f"#/entries/{catalog.sectors}/samples",
            "sample": f"#/entries/{catalog.sectors}/samples/{key}", "releases": f"#/entries/{catalog.sectors}/releases",
            "runs": f"#/entries/{catalog.sectors}/runs",
            "hostile": f"#/entries/{catalog.hostile}"}


def test_phone(browser, catalog, tmp_path):
    for name, place in places(catalog).items():
        browser.size(360, 740)
        browser.open(place)
        browser.wait("return !document.querySelector('main .wait')")
        wide = browser.run("return document.documentElement.scrollWidth")
        assert wide <= 360, f"{name} is {wide} pixels wide"
        browser.wait("return document.querySelectorAll('.tile img').length === 0 || document.querySelectorAll('.tile img.there').length > 0")
        browser.picture(tmp_path / f"phone-{name}.png")


def test_dark(browser, tmp_path):
    light = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.size(1360, 860, dark=True)
    dark = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", dark)[:3])) < 150 < sum(map(int, re.findall(r"\d+", light)[:3]))
    browser.picture(tmp_path / "dark.png")


def test_names_for_screen_readers(browser, catalog):
    """Whatever can be used has a name, pictures have a text, and there is one heading of the first level."""
    for name, place in places(catalog).items():
        browser.open(place)
        browser.wait("return !document.querySelector('main .wait')")
        tree = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        roles = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "slider", "application", "img", "image"}
        found = [node for node in tree if not node.get("ignored") and node.get("role", {}).get("value") in roles]
        assert len(found) > 4
        unnamed = [node for node in found if not node.get("name", {}).get("value")]
        assert not unnamed, (name, unnamed)
        assert browser.count("h1") == 1, name
        assert browser.run("return document.documentElement.lang") == "en"


def test_keyboard(browser):
    shown(browser)
    assert browser.run("return document.activeElement.tagName") == "BODY"
    browser.find("body").send_keys("\ue004")
    assert browser.run("return document.activeElement.className") == "skip"
    browser.driver.switch_to.active_element.send_keys("\ue007")
    assert browser.run("return document.activeElement.id") == "main"
    reached = set()
    for _ in range(14):
        browser.driver.switch_to.active_element.send_keys("\ue004")
        reached.add(browser.run("return document.activeElement.tagName"))
    assert {"SELECT", "SUMMARY", "A"} <= reached
    browser.run("document.querySelector('.card a').focus()")
    browser.driver.switch_to.active_element.send_keys("\ue007")
    browser.wait("return document.querySelector('.tabs') !== null")
    browser.wait("return document.activeElement.tagName === 'H1'")
