/* Bars of classes, as SVG, with the same numbers as a table for screen readers. */
import {h, number, svg} from "./dom.js";
import {groupColour} from "./palette.js";

const LABEL = 150;
const WIDTH = 640;
const ROW = 30;
const BAR = 16;
const ROOM = 78; /* for the number behind a bar */

function fit(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/* rows: [{name, colour, parts: [{name, value, colour}], total}] */
export function bars(title, rows) {
  const most = Math.max(1, ...rows.map((row) => row.total));
  const space = WIDTH - LABEL - ROOM;
  const height = rows.length * ROW + 4;
  const chart = svg("svg", {class: "chart", viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": title},
    rows.map((row, at) => {
      const top = at * ROW + (ROW - BAR) / 2;
      let left = LABEL;
      return svg("g", {"data-class": row.name},
        svg("rect", {x: 0, y: top + 2, width: 12, height: 12, rx: 3, fill: row.colour}),
        svg("text", {x: 20, y: top + 13}, fit(row.name, 19), svg("title", {}, row.name)),
        svg("rect", {class: "track", x: LABEL, y: top, width: space, height: BAR, rx: 4}),
        row.parts.filter((part) => part.value > 0).map((part) => {
          const width = part.value / most * space;
          const bar = svg("rect", {x: left, y: top, width: Math.max(width, 0.8), height: BAR, fill: part.colour},
            svg("title", {}, `${row.name}, ${part.name}: ${number(part.value)}`));
          left += width;
          return bar;
        }),
        svg("text", {class: "axis", x: left + 8, y: top + 13}, number(row.total)));
    }));
  const groups = rows[0]?.parts.map((part) => part.name) ?? [];
  const table = h("table", {}, h("caption", {}, title),
    h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "Class"), groups.map((name) => h("th", {scope: "col"}, name)), h("th", {scope: "col"}, "all"))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("th", {scope: "row"}, row.name),
      row.parts.map((part) => h("td", {}, number(part.value))), h("td", {}, number(row.total))))));
  return h("figure", {style: {margin: 0}}, chart, h("div", {class: "hidden"}, table));
}

export function groupLegend(names) {
  return h("div", {class: "legend"}, names.map((name, at) => h("span", {},
    h("i", {class: "swatch", style: {background: groupColour(name, at)}, "aria-hidden": "true"}), name)));
}
