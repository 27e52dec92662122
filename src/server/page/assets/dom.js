/* Elements, numbers and dates. All text from the server goes through text nodes and setAttribute. */

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/* h("a", {href: "#/", class: "brand"}, "text", other elements ...) */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function announce(text) {
  document.getElementById("status").textContent = text;
}

const whole = new Intl.NumberFormat("en");

export function number(value) {
  return Number.isFinite(value) ? whole.format(value) : "–";
}

export function several(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

export function decimal(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  return new Intl.NumberFormat("en", {maximumSignificantDigits: digits}).format(value);
}

export function bytes(value) {
  if (!Number.isFinite(value)) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${decimal(value)} ${units[unit]}`;
}

export function day(text) {
  const date = new Date(text ?? "");
  return Number.isNaN(date.getTime()) ? "–" : date.toISOString().slice(0, 10);
}

export function moment(text) {
  const date = new Date(text ?? "");
  return Number.isNaN(date.getTime()) ? "–" : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

export function degrees(value, positive, negative) {
  return `${Math.abs(value).toFixed(4)}° ${value < 0 ? negative : positive}`;
}

export function extent(bbox) {
  if (!isBox(bbox)) return "–";
  return `${degrees(bbox[0], "E", "W")} to ${degrees(bbox[2], "E", "W")}, ` +
    `${degrees(bbox[1], "N", "S")} to ${degrees(bbox[3], "N", "S")}`;
}

export function isBox(bbox) {
  return Array.isArray(bbox) && bbox.length === 4 && bbox.every(Number.isFinite);
}

/* dl of [name, value] rows; rows without a value are left out. */
export function facts(rows) {
  return h("dl", {class: "facts"}, rows
    .filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== "–")
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

export function badge(text, kind = "", colour = null) {
  return h("span", {class: `badge ${kind}`},
    colour && h("i", {class: "swatch", style: {background: colour}, "aria-hidden": "true"}), text);
}

/* A command to copy. */
export function command(text) {
  const button = h("button", {type: "button", class: "small", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }}, "Copy");
  return h("div", {class: "command"}, h("code", {}, text), button);
}

export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
}

export function debounce(work, milliseconds) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), milliseconds);
  };
}

/* Calls `show` once, when the element comes into sight. */
export function whenSeen(element, signal, show) {
  const observer = new IntersectionObserver((found) => {
    if (found.some((one) => one.isIntersecting)) {
      observer.disconnect();
      show();
    }
  }, {rootMargin: "200px"});
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
}
