/* Samples of an entry, page by page. */
import {json, nextToken, url} from "./api.js";
import {announce, h, number, replace, several, whenSeen} from "./dom.js";
import {classColour, groupColour, groupNames} from "./palette.js";
import {Tile} from "./tile.js";

const PAGE = 36;

/* What the last gallery showed, for going on from one sample to the next. */
export const last = {id: null, version: undefined, keys: [], search: ""};

export function galleryHref(id, query) {
  const words = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return `#/entries/${encodeURIComponent(id)}/samples${words.size > 0 ? `?${words}` : ""}`;
}

export function sampleHref(id, key, version) {
  return `#/entries/${encodeURIComponent(id)}/samples/${encodeURIComponent(key)}${version ? `?version=${encodeURIComponent(version)}` : ""}`;
}

function select(label, value, options, change) {
  return h("label", {class: "field"}, label, h("select", {onchange: (event) => change(event.target.value)},
    h("option", {value: ""}, "all"), options.map(([name, text]) => h("option", {value: name, selected: name === value}, text))));
}

function check(label, on, change) {
  return h("label", {class: "check"}, h("input", {type: "checkbox", checked: on, onchange: (event) => change(event.target.checked)}), label);
}

function item(entry, sample, tile, version) {
  const classes = entry.data.classes ?? [];
  const groups = groupNames(entry);
  const present = Object.keys(sample.classes ?? {});
  return h("li", {}, h("a", {href: sampleHref(entry.data.id, sample.key, version)}, tile.element,
    h("div", {class: "under"},
      h("span", {class: "badge", title: "Group"}, h("i", {class: "swatch", style: {background: groupColour(sample.group, groups.indexOf(sample.group))}, "aria-hidden": "true"}), sample.group),
      h("span", {class: "dots"}, present.slice(0, 8).map((name) => h("i", {class: "swatch", title: name, style: {background: classColour(classes.indexOf(name))}}))))));
}

/* A few of many, from all over the list: those with labels if there are enough. */
export function spread(samples, count) {
  const labelled = samples.filter((one) => Object.keys(one.classes ?? {}).length > 0);
  const from = labelled.length >= count ? labelled : samples;
  const few = Math.min(count, from.length);
  return Array.from({length: few}, (_, at) => from[Math.floor(at * from.length / few)]);
}

/* How many are shown, and of how many where that is known. */
function tally(entry, query, shown, more) {
  const counts = Object.values(entry.data.count ?? {});
  const all = query.group ? entry.data.count?.[query.group] : counts.reduce((sum, one) => sum + one, 0);
  if (!more) return several(shown, "sample");
  return query.class || query.version ? `${number(shown)} samples, and more` : `${number(shown)} of ${several(all, "sample")}`;
}

export async function showGallery(place, entry, query, signal) {
  const {id} = entry.data;
  const classes = entry.data.classes ?? [];
  const hasMask = (entry.data.tasks ?? []).some((task) => task === "segmentation" || task === "instance");
  const hasBoxes = (entry.data.tasks ?? []).some((task) => task === "detection" || task === "instance");
  const state = {boxes: true, mask: true, hiddenClasses: new Set()};
  const tiles = [];
  const list = h("ul", {class: "gallery"});
  const more = h("div", {class: "more-row"});
  const count = h("span", {class: "muted", "aria-live": "polite"});
  const update = (change) => {
    Object.assign(state, change);
    for (const tile of tiles) tile.show(state);
  };
  Object.assign(last, {id, version: query.version, keys: [], search: galleryHref(id, query)});

  const load = async (token) => {
    const reply = await json(url(["v1", "entries", id, "samples"], {group: query.group, class: query.class, version: query.version, limit: PAGE, token}), {signal});
    for (const sample of reply.samples) {
      const tile = new Tile(entry, sample, {signal, size: 256, version: query.version});
      tile.show(state);
      tiles.push(tile);
      last.keys.push(sample.key);
      list.append(item(entry, sample, tile, query.version));
      whenSeen(tile.element, signal, () => tile.load());
    }
    const following = nextToken(reply);
    count.textContent = tally(entry, query, tiles.length, following !== null);
    replace(more, following && h("button", {type: "button", onclick: async (event) => {
      event.target.disabled = true;
      try {
        await load(following);
        announce(count.textContent);
      } catch (error) {
        if (!signal.aborted) replace(more, h("p", {class: "notice", role: "alert"}, error.message));
      }
    }}, "Show more"));
  };

  const toggles = classes.slice(0, 40).map((name, at) => h("button", {type: "button", class: "toggle", "aria-pressed": "true", onclick: (event) => {
    const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
    event.currentTarget.setAttribute("aria-pressed", String(on));
    const hidden = new Set(state.hiddenClasses);
    if (on) hidden.delete(at);
    else hidden.add(at);
    update({hiddenClasses: hidden});
  }}, h("i", {class: "swatch", style: {background: classColour(at)}, "aria-hidden": "true"}), name));

  replace(place,
    h("div", {class: "gallery-tools"},
      select("Group", query.group, groupNames(entry).map((name) => [name, `${name} (${number(entry.data.count[name])})`]),
        (group) => { location.hash = galleryHref(id, {...query, group}); }),
      select("Class", query.class, classes.map((name) => [name, name]),
        (name) => { location.hash = galleryHref(id, {...query, class: name}); }),
      hasBoxes && check("Boxes", true, (boxes) => update({boxes})),
      hasMask && check("Masks", true, (mask) => update({mask})),
      query.version && h("span", {class: "badge"}, `version ${query.version}`), count),
    (hasBoxes || hasMask) && classes.length > 0 && h("div", {class: "classes-row", role: "group", "aria-label": "Classes that are drawn"}, toggles),
    list, more);
  if (!entry.data.version) {
    replace(list, h("li", {}, "Nothing was saved to this entry yet."));
    return;
  }
  await load(null);
  if (tiles.length === 0) replace(more, h("p", {class: "muted"}, "No sample is like that."));
}
