/* One entry: overview, samples, releases, runs. */
import {call, inTurn, json, nextToken, url} from "./api.js";
import {bars, groupLegend} from "./charts.js";
import {announce, badge, bytes, command, day, decimal, extent, facts, h, isBox, moment, number, replace, several} from "./dom.js";
import {showGallery, spread} from "./gallery.js";
import {WorldMap} from "./map.js";
import {classColour, groupColour, groupNames} from "./palette.js";
import {showReleases} from "./releases.js";
import {showRuns} from "./runs.js";
import {showSample} from "./sample.js";
import {Tile} from "./tile.js";

const FOOTPRINTS = 4000;
const PICTURES = 400;
const STRIP = 8;

export function entryHref(id, ...more) {
  return `#/${["entries", id, ...more].map(encodeURIComponent).join("/")}`;
}

function tabs(id, current) {
  const tab = (name, text, ...more) => h("a", {href: entryHref(id, ...more), "aria-current": current === name ? "page" : null}, text);
  return h("nav", {class: "tabs", "aria-label": "Parts of this entry"},
    tab("overview", "Overview"), tab("samples", "Samples", "samples"), tab("releases", "Releases", "releases"), tab("runs", "Runs", "runs"));
}

/* Publishing and its opposite, where this caller may. */
function actions(entry, again) {
  const {id, name} = entry.data;
  const make = (word, text, question, main) => entry.links?.[word] && h("button", {type: "button", class: main ? "main" : null, onclick: async (event) => {
    if (!confirm(question)) return;
    event.target.disabled = true;
    try {
      await json(url(["v1", "entries", id, word]), {method: "POST"});
      announce(text);
      await again();
    } catch (error) {
      event.target.disabled = false;
      event.target.after(h("p", {class: "notice", role: "alert"}, error.message));
    }
  }}, text);
  return h("div", {class: "links"},
    !entry.data.public && make("publish", "Publish", `Publish “${name}”? Everybody who reaches this server can see and pull it then.`, true),
    entry.data.public && make("unpublish", "Make private", `Make “${name}” private? Others will not see it any more.`, false));
}

function head(entry, current, again) {
  const data = entry.data;
  return [
    h("nav", {class: "trail", "aria-label": "Trail"}, h("a", {href: "#/"}, "All entries"), "›", h("span", {}, data.name)),
    h("div", {class: "entry-head"},
      h("div", {}, h("h1", {tabindex: "-1"}, data.name), data.description && h("p", {class: "lead"}, data.description),
        h("div", {class: "badges"}, badge(data.public ? "public" : "private", data.public ? "" : "private"),
          (data.tasks ?? []).map((task) => badge(task, "task")),
          (data.tags ?? []).map((tag) => badge(`#${tag}`)))),
      actions(entry, again)),
    tabs(data.id, current)];
}

function entryFacts(entry) {
  const {data} = entry;
  const groups = groupNames(entry).map((name) => [name, data.count[name]]);
  const shape = data.shape ?? [];
  return facts([
    ["Owner", data.userId],
    ["Samples", groups.length > 0 ? `${number(groups.reduce((sum, [, count]) => sum + count, 0))} (${groups.map(([name, count]) => `${name} ${number(count)}`).join(", ")})` : null],
    ["Tiles", shape.length === 3 ? `${shape[2]} × ${shape[1]} pixels, ${several(shape[0], "band")}, ${data.dtype ?? ""}` : null],
    ["Classes", data.nclasses ? number(data.nclasses) : null],
    ["Sensors", (data.sensors ?? []).join(", ")],
    ["Acquired", data.datetime?.[0] ? `${day(data.datetime[0])} to ${day(data.datetime[1])}` : null],
    ["Extent", extent(data.bbox)],
    ["Licence", data.license],
    ["Size", data.bytes ? bytes(data.bytes) : null],
    ["Version", data.version ? h("span", {}, `${data.version} `, h("code", {title: data.digest}, (data.digest ?? "").slice(0, 16))) : null],
    ["Saved", data.percent_cached < 100 ? h("div", {class: "meter", role: "img", "aria-label": `${Math.round(data.percent_cached)} % saved`}, h("i", {style: {width: `${data.percent_cached}%`}})) : null],
    ["Created", moment(data.created_at)], ["Changed", moment(data.updated_at)],
    ["Id", h("code", {}, data.id)]]);
}

function balance(entry, stats, place) {
  const groups = groupNames(entry).filter((name) => name in (stats.groups ?? {}));
  const colours = new Map(groups.map((name, at) => [name, groupColour(name, at)]));
  const all = stats.classes ?? [];
  const colourOf = (one) => classColour((entry.data.classes ?? []).indexOf(one.name));
  const one = (value, colour) => [{name: "all", value, colour}];
  const measures = {
    samples: ["samples that have it", all, (row) => row.group_samples
      ? groups.map((name) => ({name, value: row.group_samples[name] ?? 0, colour: colours.get(name)}))
      : one(row.samples ?? 0, "var(--accent)")],
    boxes: ["objects", all.filter((row) => Number.isFinite(row.boxes)), (row) => one(row.boxes, colourOf(row))],
    mask_pixels: ["pixels", all.filter((row) => Number.isFinite(row.mask_pixels)), (row) => one(row.mask_pixels, colourOf(row))],
  };
  const chart = h("div");
  const draw = (name) => {
    const [title, rows, parts] = measures[name];
    replace(chart, name === "samples" && groupLegend(groups), bars(`Class balance: ${title}`, rows.map((row) => {
      const list = parts(row);
      return {name: row.name, colour: colourOf(row), parts: list, total: list.reduce((sum, part) => sum + part.value, 0)};
    })));
  };
  const choice = Object.entries(measures).filter(([, [, rows]]) => rows.length > 0);
  replace(place, h("div", {class: "head-row"}, h("h2", {}, "Class balance"),
    choice.length > 1 && h("label", {}, h("span", {class: "hidden"}, "Count"), h("select", {onchange: (event) => draw(event.target.value)},
      choice.map(([name, [text]]) => h("option", {value: name}, text))))), chart);
  draw("samples");
}

function bandTable(stats) {
  return h("section", {class: "panel"}, h("h2", {}, "Bands"), h("div", {class: "scroll"}, h("table", {},
    h("thead", {}, h("tr", {}, ["Band", "Mean", "Deviation", "Least", "Most"].map((text) => h("th", {scope: "col"}, text)))),
    h("tbody", {}, stats.bands.map((band) => h("tr", {}, h("th", {scope: "row"}, band.name),
      [band.mean, band.std, band.min, band.max].map((value) => h("td", {}, decimal(value, 5)))))))));
}

async function footprints(entry, map, legend, signal) {
  const groups = groupNames(entry);
  const shapes = [];
  let token = null;
  do {
    const reply = await json(url(["v1", "entries", entry.data.id, "samples"], {limit: 1000, token}), {signal});
    for (const sample of reply.samples) {
      if (!isBox(sample.bbox)) continue;
      shapes.push({id: sample.key, bbox: sample.bbox, label: `${sample.group}: ${sample.key}`,
        colour: groupColour(sample.group, groups.indexOf(sample.group))});
    }
    token = nextToken(reply);
    map.setShapes(shapes, shapes.length <= 1000);
  } while (token && shapes.length < FOOTPRINTS);
  const pictures = shapes.length > 0 && h("label", {class: "check"}, h("input", {type: "checkbox", onchange: (event) => {
    event.target.disabled = true;
    picture(entry, map, signal);
  }}), "Pictures on the map");
  replace(legend, h("div", {class: "head-row"}, groupLegend(groups), pictures), token && h("p", {class: "muted"}, `The first ${number(shapes.length)} footprints are shown.`));
}

/* Every sample's picture at its place, as they come; those that are in sight first. */
function picture(entry, map, signal) {
  const middle = map.bounds();
  const far = ({bbox}) => Math.hypot(bbox[0] + bbox[2] - middle[0] - middle[2], bbox[1] + bbox[3] - middle[1] - middle[3]);
  for (const shape of [...map.shapes].sort((one, other) => far(one) - far(other)).slice(0, PICTURES)) {
    inTurn(signal, async () => {
      const reply = await call(url(["v1", "entries", entry.data.id, "samples", shape.id, "image.png"], {size: 128}), {signal});
      shape.image = await createImageBitmap(await reply.blob());
      map.draw();
    }).catch(() => {});
  }
}

/* Some samples with their labels. */
function strip(entry, signal) {
  const {id} = entry.data;
  const list = h("ul", {class: "gallery strip"});
  json(url(["v1", "entries", id, "samples"], {limit: 10 * STRIP, group: groupNames(entry)[0]}), {signal}).then((reply) => {
    for (const sample of spread(reply.samples, STRIP)) {
      const tile = new Tile(entry, sample, {signal, size: 256});
      list.append(h("li", {}, h("a", {href: entryHref(id, "samples", sample.key)}, tile.element)));
      tile.load();
    }
  }).catch(() => {});
  return list;
}

function overview(entry, main, signal, again) {
  const data = entry.data;
  const chart = h("section", {class: "panel"}, h("h2", {}, "Class balance"), h("p", {class: "wait"}, "Loading …"));
  const bands = h("div");
  const legend = h("div");
  const map = new WorldMap({label: `Map of the samples of ${data.name}`, signal, most: 2 ** 26,
    onpick: (key) => { location.hash = entryHref(data.id, "samples", key); }});
  replace(main, head(entry, "overview", again), data.version && strip(entry, signal), h("div", {class: "overview"},
    h("div", {class: "stack"}, h("section", {class: "panel"}, h("h2", {}, "Facts"), entryFacts(entry)), bands),
    h("div", {class: "stack"},
      isBox(data.bbox) && h("section", {class: "panel map-panel", "aria-label": "Where the samples lie"}, map.element, legend),
      data.version && (data.classes ?? []).length > 0 && chart,
      data.version && h("section", {class: "panel"}, h("h2", {}, "Use it"), command(`vedatile pull ${data.id} -o store.h5`),
        h("p", {class: "muted"}, "or train while it is being fetched, from Python:"),
        command(`store = vedatile.Store.from_id("${data.id}")`)))));
  map.resize();
  if (isBox(data.bbox)) map.setShapes([{id: "", bbox: data.bbox, label: data.name}]);
  if (!data.version) return;
  const quiet = (error) => { if (!signal.aborted) replace(legend, h("p", {class: "notice"}, error.message)); };
  footprints(entry, map, legend, signal).catch(quiet);
  json(url(["v1", "entries", data.id, "stats"]), {signal}).then((stats) => {
    balance(entry, stats, chart);
    if (stats.bands?.length > 0) replace(bands, bandTable(stats));
  }).catch((error) => { if (!signal.aborted) replace(chart, h("h2", {}, "Class balance"), h("p", {class: "muted"}, error.message)); });
}

export async function showEntry(main, parts, query, signal) {
  const [, id, part, key] = parts;
  const again = () => showEntry(main, parts, query, signal);
  const entry = await json(url(["v1", "entries", id]), {signal});
  if (part === undefined) {
    overview(entry, main, signal, again);
  } else if (part === "samples" && key === undefined) {
    const place = h("div");
    replace(main, head(entry, "samples", again), place);
    await showGallery(place, entry, query, signal);
  } else if (part === "samples") {
    await showSample(main, entry, key, query, signal);
  } else if (part === "releases" && key === undefined) {
    const place = h("div");
    replace(main, head(entry, "releases", again), place);
    await showReleases(place, entry, signal);
  } else if (part === "runs" && key === undefined) {
    const place = h("div");
    replace(main, head(entry, "runs", again), place);
    await showRuns(place, entry, signal);
  } else {
    throw Object.assign(new Error("An entry has no such part."), {status: 404});
  }
}
