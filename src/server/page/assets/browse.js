/* All entries that the caller may see: search, list, map. */
import {blob, json, jsonInTurn, nextToken, url} from "./api.js";
import {announce, badge, bytes, command, day, h, isBox, number, replace, several, whenSeen} from "./dom.js";
import {spread} from "./gallery.js";
import {WorldMap} from "./map.js";
import {classColour} from "./palette.js";

const PAGE = 24;
const TASKS = ["classification", "detection", "segmentation", "instance", "boundary", "contact", "distance", "regression"];
const SORTS = [["", "Newest"], ["-updated", "Changed last"], ["name", "Name"], ["-samples", "Most samples"]];
const NAMES = {q: "Text", class: "Class", task: "Task", sensor: "Sensor", tag: "Tag", owner: "Owner",
  bbox: "Area of the map", datetime: "Time", filter: "Filter"};

function go(query) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) words.set(name, value);
  location.hash = `#/${words.size > 0 ? `?${words}` : ""}`;
}

function entryHref(id) {
  return `#/entries/${encodeURIComponent(id)}`;
}

/* The first pictures of an entry, when its card comes into sight. */
function preview(entry, signal) {
  const {id, version} = entry.data;
  if (!version) return h("div", {class: "preview none"}, "Nothing saved yet");
  const box = h("div", {class: "preview"}, [0, 1, 2, 3].map(() => h("i")));
  whenSeen(box, signal, async () => {
    try {
      const reply = await jsonInTurn(url(["v1", "entries", id, "samples"], {limit: 32}), signal);
      const keys = spread(reply.samples, 4).map((one) => one.key);
      if (keys.length < 4) {
        keys.length = Math.min(1, keys.length);
        box.classList.add("single");
        replace(box, h("i"));
      }
      await Promise.all(keys.map(async (key, at) => {
        const data = await blob(url(["v1", "entries", id, "samples", key, "image.png"], {size: 160}), signal);
        const image = h("img", {alt: ""});
        image.src = URL.createObjectURL(data);
        image.onload = () => URL.revokeObjectURL(image.src);
        box.children[at].replaceWith(image);
      }));
    } catch {
      /* A card without pictures is a card. */
    }
  });
  return box;
}

function card(entry, signal, map) {
  const data = entry.data;
  const groups = Object.entries(data.count ?? {});
  const total = groups.reduce((sum, [, count]) => sum + count, 0);
  const classes = data.classes ?? [];
  const element = h("li", {class: "card", "data-id": data.id,
    onpointerenter: () => map.mark(data.id), onpointerleave: () => map.mark(null)},
  preview(entry, signal),
  h("div", {},
    h("h2", {}, h("a", {href: entryHref(data.id)}, data.name)),
    h("p", {class: "line"}, [data.userId, several(total, "sample"), data.bytes ? bytes(data.bytes) : null,
      data.releases ? several(data.releases, "release") : null, `changed ${day(data.updated_at)}`].filter(Boolean).join(" · ")),
    data.description && h("p", {class: "text"}, data.description),
    h("div", {class: "badges"},
      !data.public && badge("private", "private"),
      (data.tasks ?? []).slice(0, 4).map((task) => badge(task, "task")),
      (data.tags ?? []).slice(0, 4).map((tag) => badge(`#${tag}`))),
    classes.length > 0 && h("div", {class: "badges"},
      classes.slice(0, 6).map((name, at) => badge(name, "", classColour(at))),
      classes.length > 6 && badge(`+${classes.length - 6}`, "more")),
    data.percent_cached < 100 && h("div", {class: "meter", title: `${Math.round(data.percent_cached)} % saved`},
      h("i", {style: {width: `${data.percent_cached}%`}}))));
  return element;
}

function chips(query) {
  return h("div", {class: "chips"}, Object.entries(query).filter(([name, value]) => NAMES[name] && value).map(([name, value]) => {
    const text = name === "bbox" ? NAMES.bbox : `${NAMES[name]}: ${value}`;
    return h("button", {type: "button", "aria-label": `Remove: ${text}`, onclick: () => go({...query, [name]: ""})}, `${text} ✕`);
  }));
}

function filters(query) {
  const [from, to] = (query.datetime ?? "").split("/").map((text) => /^\d{4}-\d\d-\d\d/.test(text) ? text.slice(0, 10) : "");
  const field = (name, label, more = {}) => h("label", {class: more.wide ? "wide" : null}, label,
    h("input", {name, value: query[name] ?? "", autocomplete: "off", maxlength: "2000", ...more.attributes}));
  return h("details", {class: "filters", open: Object.keys(query).some((name) => name !== "q" && name !== "sortby" && name !== "bbox")},
    h("summary", {}, "Filters"),
    h("form", {class: "fields", onsubmit: (event) => {
      event.preventDefault();
      const form = Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, value.trim()]));
      const {from: first, to: last, ...plain} = form;
      const datetime = first || last
        ? `${first ? `${first}T00:00:00Z` : ".."}/${last ? `${last}T23:59:59Z` : ".."}` : "";
      go({q: query.q, bbox: query.bbox, sortby: query.sortby, ...plain, datetime});
    }},
    field("class", "Class"),
    h("label", {}, "Task", h("select", {name: "task"}, h("option", {value: ""}, "any"),
      TASKS.map((task) => h("option", {value: task, selected: query.task === task}, task)))),
    field("sensor", "Sensor"), field("tag", "Tag"), field("owner", "Owner"),
    h("label", {}, "Acquired from", h("input", {type: "date", name: "from", value: from})),
    h("label", {}, "Acquired to", h("input", {type: "date", name: "to", value: to})),
    field("filter", "Filter (CQL2), e.g. samples > 100 AND name LIKE 'k%'", {wide: true, attributes: {class: "mono", spellcheck: "false"}}),
    h("div", {}, h("button", {type: "submit", class: "main"}, "Apply"))));
}

function nothing(query) {
  const asked = Object.keys(query).some((name) => NAMES[name]);
  return asked
    ? h("div", {class: "panel empty"}, h("h2", {}, "Nothing matches"),
      h("p", {class: "muted"}, "Try fewer words or another part of the map."),
      h("button", {type: "button", onclick: () => go({})}, "Show everything"))
    : h("div", {class: "panel empty"}, h("h2", {}, "No entry that you may see yet"),
      h("p", {class: "muted"}, "Sign in to see private entries, or save a store:"),
      command(`vedatile login ${new URL(".", document.baseURI).href}`), command("vedatile save store.h5"),
      command("vedatile publish store.h5"));
}

export async function showBrowse(main, query, signal) {
  const asked = {...query, limit: PAGE};
  const list = h("ul", {class: "cards"});
  const count = h("p", {class: "muted", "aria-live": "polite"});
  const more = h("div", {class: "more-row"});
  const entries = [];
  const area = (query.bbox ?? "").split(",").map(Number);
  const searchHere = h("button", {type: "button", class: "map-search", hidden: true, onclick: () => {
    go({...query, bbox: map.bounds().map((value) => value.toFixed(5)).join(",")});
  }}, "Search this area");
  const map = new WorldMap({label: "Map of the entries", signal, most: 2 ** 13,
    onpick: (id) => { location.hash = entryHref(id); },
    onhover: (id) => { for (const one of list.children) one.classList.toggle("marked", one.dataset.id === id); },
    onmove: () => { searchHere.hidden = false; }});
  map.element.append(searchHere);

  const load = async (token) => {
    const reply = await json(url(["v1", "entries"], {...asked, token}), {signal});
    entries.push(...reply.entries);
    for (const entry of reply.entries) list.append(card(entry, signal, map));
    const following = nextToken(reply);
    count.textContent = following ? `${number(entries.length)} entries, and more` : several(entries.length, "entry", "entries");
    replace(more, following && h("button", {type: "button", onclick: async (event) => {
      event.target.disabled = true;
      try {
        await load(following);
        announce(count.textContent);
      } catch (error) {
        if (!signal.aborted) replace(more, h("p", {class: "notice"}, error.message));
      }
    }}, "Show more"));
    map.setShapes(entries.filter((entry) => isBox(entry.data.bbox)).map((entry) =>
      ({id: entry.data.id, bbox: entry.data.bbox, label: entry.data.name})), !token && !isBox(area));
  };

  let fault = null;
  try {
    await load(null);
  } catch (error) {
    if (signal.aborted || ![400, 422].includes(error.status)) throw error;
    fault = h("p", {class: "notice", role: "alert"}, error.message);
  }
  replace(main, h("div", {class: "browse"},
    h("section", {"aria-label": "Entries"},
      h("div", {class: "head-row"}, h("div", {}, h("h1", {tabindex: "-1"}, query.q ? `Results for “${query.q}”` : "Training data"), count),
        h("div", {class: "tools"}, h("label", {class: "field"}, h("span", {class: "hidden"}, "Order"),
          h("select", {onchange: (event) => go({...query, sortby: event.target.value})},
            SORTS.map(([value, text]) => h("option", {value, selected: (query.sortby ?? "") === value}, text)))))),
      filters(query), chips(query), fault, list, !fault && entries.length === 0 && nothing(query), more),
    h("aside", {class: "browse-map", "aria-label": "Map"}, map.element)));
  map.resize();
  if (isBox(area)) {
    map.setArea(area);
    map.fit(area);
  }
}
