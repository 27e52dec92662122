/* Releases of an entry, and what changed between them. */
import {json, nextToken, url} from "./api.js";
import {bytes, command, facts, h, moment, number, replace} from "./dom.js";
import {galleryHref} from "./gallery.js";

function change(text, value, kind) {
  return value ? h("span", {class: kind}, `${number(value)} ${text}`) : null;
}

function differences(diff) {
  const classes = Object.entries(diff.classes ?? {}).filter(([, one]) => one && typeof one === "object");
  const parts = [change("samples added", diff.added, "plus"), change("samples removed", diff.removed, "minus"), change("samples changed", diff.changed, "")]
    .filter(Boolean);
  return h("div", {}, h("p", {}, parts.length > 0 ? parts.flatMap((part, at) => at > 0 ? [", ", part] : [part]) : "The same samples."),
    classes.length > 0 && h("div", {class: "scroll"}, h("table", {},
      h("thead", {}, h("tr", {}, ["Class", "Before", "After"].map((text) => h("th", {scope: "col"}, text)))),
      h("tbody", {}, classes.map(([name, one]) => h("tr", {}, h("th", {scope: "row"}, name), h("td", {}, number(one.before)), h("td", {}, number(one.after))))))));
}

function one(entry, release, before, signal) {
  const {id} = entry.data;
  const place = h("div", {"aria-live": "polite"});
  return h("li", {class: "panel", "data-number": release.number},
    h("div", {class: "top"}, h("span", {class: "number"}, `v${release.number}`), release.name && h("h2", {}, release.name),
      h("span", {class: "muted"}, [moment(release.created_at), release.creator].filter(Boolean).join(" · "))),
    release.notes && h("p", {class: "notes"}, release.notes),
    facts([["Samples", Number.isFinite(release.samples) ? number(release.samples) : null], ["Size", bytes(release.bytes)],
      ["Version", String(release.version ?? "")], ["Digest", h("code", {}, release.digest)]]),
    command(`vedatile pull ${id}@v${release.number} -o store.h5`),
    h("div", {class: "links"},
      h("a", {class: "button", href: galleryHref(id, {version: String(release.version)})}, "Look at its samples"),
      before && h("button", {type: "button", onclick: async (event) => {
        event.target.disabled = true;
        try {
          replace(place, differences(await json(url(["v1", "entries", id, "releases", String(before.number), "diff"], {to: release.number}), {signal})));
        } catch (error) {
          if (!signal.aborted) replace(place, h("p", {class: "notice"}, error.message));
          event.target.disabled = false;
        }
      }}, `What changed since v${before.number}`)),
    place);
}

export async function showReleases(place, entry, signal) {
  const releases = [];
  let token = null;
  do {
    const reply = await json(url(["v1", "entries", entry.data.id, "releases"], {token}), {signal});
    releases.push(...reply.releases);
    token = nextToken(reply);
  } while (token && releases.length < 500);
  releases.sort((first, second) => second.number - first.number);
  if (releases.length === 0) {
    replace(place, h("div", {class: "panel empty"}, h("h2", {}, "No release yet"),
      h("p", {class: "muted"}, "A release is a version that never changes: the one to name in a paper."),
      command(`vedatile release ${entry.data.id}`)));
    return;
  }
  replace(place, h("ul", {class: "releases"}, releases.map((release, at) => one(entry, release, releases[at + 1], signal))));
}
