/* One sample, large. */
import {download, json} from "./api.js";
import {announce, badge, day, decimal, extent, facts, h, isBox, number, replace} from "./dom.js";
import {last, sampleHref} from "./gallery.js";
import {WorldMap} from "./map.js";
import {classColour, groupColour, groupNames} from "./palette.js";
import {samplePath, Tile} from "./tile.js";

const DOWNLOADS = [["image.tif", "GeoTIFF"], ["image.png", "PNG"], ["mask.png", "Mask"], ["labels.json", "Labels (GeoJSON)"]];

/* Class names with counts, and switches for what is drawn. */
function classList(entry, sample, tile) {
  const names = entry.data.classes ?? [];
  const present = Object.entries(sample.classes ?? {});
  if (present.length === 0) return h("p", {class: "muted"}, "No label in this sample.");
  const hidden = new Set();
  return h("ul", {class: "class-list"}, present.map(([name, count]) => {
    const id = names.indexOf(name);
    return h("li", {}, h("label", {},
      h("input", {type: "checkbox", checked: true, onchange: (event) => {
        if (event.target.checked) hidden.delete(id);
        else hidden.add(id);
        tile.show({hiddenClasses: new Set(hidden)});
      }}),
      h("i", {class: "swatch", style: {background: classColour(id)}, "aria-hidden": "true"}), name,
      h("span", {class: "count"}, number(count))));
  }));
}

function drawing(entry, tile) {
  const tasks = entry.data.tasks ?? [];
  const rows = [];
  if (tasks.some((task) => task === "detection" || task === "instance")) {
    rows.push(h("label", {class: "check"}, h("input", {type: "checkbox", checked: true, onchange: (event) => tile.show({boxes: event.target.checked})}), " Boxes"));
  }
  if (tasks.some((task) => task === "segmentation" || task === "instance")) {
    rows.push(h("label", {class: "check"}, h("input", {type: "checkbox", checked: true, onchange: (event) => tile.show({mask: event.target.checked})}), " Mask"));
    rows.push(h("label", {class: "field"}, "Strength of the mask", h("input", {type: "range", min: "0", max: "1", step: "0.05", value: "0.42",
      oninput: (event) => tile.show({opacity: Number(event.target.value)})})));
  }
  const bands = entry.data.shape?.[0] ?? 0;
  if (bands > 3) {
    const chosen = h("select", {}, h("option", {value: ""}, "as usual"),
      Array.from({length: bands}, (_, at) => h("option", {value: String(at + 1)}, `band ${at + 1} alone`)),
      Array.from({length: bands - 2}, (_, at) => h("option", {value: `${at + 3},${at + 2},${at + 1}`}, `bands ${at + 3}, ${at + 2}, ${at + 1}`)));
    chosen.addEventListener("change", () => {
      tile.options.bands = chosen.value;
      tile.loadImage();
    });
    rows.push(h("label", {class: "field"}, "Bands as red, green, blue", chosen));
  }
  return rows;
}

function downloads(entry, sample, version) {
  const tasks = entry.data.tasks ?? [];
  const there = DOWNLOADS.filter(([what]) => what !== "mask.png" || tasks.some((task) => task === "segmentation" || task === "instance"));
  return h("div", {class: "links"}, there.map(([what, text]) => h("button", {type: "button", onclick: async (event) => {
    event.target.disabled = true;
    try {
      await download(samplePath(entry.data.id, sample.key, what, {version}), `${sample.key.replace(/[^\w.-]+/g, "_")}.${what}`);
    } catch (error) {
      announce(error.message);
      event.target.after(h("span", {class: "muted"}, error.message));
    }
    event.target.disabled = false;
  }}, text)));
}

function metadata(sample) {
  const rows = Object.entries(sample.metadata ?? {});
  if (rows.length === 0) return null;
  return h("section", {class: "panel"}, h("h2", {}, "Metadata"), facts(rows.map(([name, value]) =>
    [name, typeof value === "string" ? value : JSON.stringify(value)])));
}

function sampleFacts(sample, groups) {
  const window = sample.window ?? [];
  return facts([
    ["Group", badge(sample.group, "", groupColour(sample.group, groups.indexOf(sample.group)))],
    ["Acquired", day(sample.datetime)],
    ["Scene", sample.scene],
    ["Window", window.length === 4 ? `${window[2]} × ${window[3]} at column ${window[0]}, row ${window[1]}` : null],
    ["Extent", extent(sample.bbox)],
    ["Grid", sample.crs ? h("code", {}, sample.crs.length > 120 ? `${sample.crs.slice(0, 120)}…` : sample.crs) : null],
    ["Valid pixels", Number.isFinite(sample.valid_fraction) ? `${decimal(sample.valid_fraction * 100)} %` : null],
    ["Key", h("code", {}, sample.key)]]);
}

export async function showSample(main, entry, key, query, signal) {
  const {id, name} = entry.data;
  const groups = groupNames(entry);
  const sample = await json(samplePath(id, key, null, {version: query.version}), {signal});
  const tile = new Tile(entry, sample, {signal, version: query.version, title: true});
  const at = last.id === id && last.version === query.version ? last.keys.indexOf(key) : -1;
  const back = last.id === id ? last.search : `#/entries/${encodeURIComponent(id)}/samples`;
  const beside = (step, text) => {
    const other = at >= 0 ? last.keys[at + step] : undefined;
    return other === undefined ? h("span") : h("a", {class: "button", href: sampleHref(id, other, query.version), rel: step < 0 ? "prev" : "next"}, text);
  };
  const map = new WorldMap({label: "Where this sample lies", signal, most: 2 ** 22});
  replace(main,
    h("nav", {class: "trail", "aria-label": "Trail"}, h("a", {href: "#/"}, "All entries"), "›",
      h("a", {href: `#/entries/${encodeURIComponent(id)}`}, name), "›", h("a", {href: back}, "Samples"), "›", h("span", {}, key)),
    h("div", {class: "big"},
      h("div", {}, h("h1", {class: "hidden", tabindex: "-1"}, `Sample ${key} of ${name}`), tile.element,
        h("div", {class: "pager"}, beside(-1, "← Before"), beside(1, "Next →"))),
      h("div", {class: "stack"},
        h("section", {class: "panel"}, h("h2", {}, "Labels"), classList(entry, sample, tile), h("div", {class: "fields"}, drawing(entry, tile))),
        h("section", {class: "panel"}, h("h2", {}, "Facts"), sampleFacts(sample, groups)),
        metadata(sample),
        h("section", {class: "panel"}, h("h2", {}, "Download"), downloads(entry, sample, query.version)),
        isBox(sample.bbox) && h("div", {style: {height: "220px"}}, map.element))));
  map.resize();
  if (isBox(sample.bbox)) {
    map.setShapes([{id: key, bbox: sample.bbox, label: key, colour: groupColour(sample.group, groups.indexOf(sample.group))}]);
    map.zoom(0.2);
  }
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, canvas, dialog") || event.altKey || event.ctrlKey || event.metaKey) return;
    const step = {ArrowLeft: "prev", ArrowRight: "next"}[event.key];
    if (step) main.querySelector(`.pager a[rel=${step}]`)?.click();
  }, {signal});
  tile.load();
}
