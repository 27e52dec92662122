/* The colours of classes, as `vedatile show` has them (tools/vedatile/palette.c), and of groups. */

const FIXED = ["#E69F00", "#56B4E9", "#F0E442", "#CC79A7", "#00B283", "#E8590C",
  "#3B7DDD", "#B8E186", "#9B6BD6", "#F7B6D2", "#8C6D46", "#9EDAE5"];
const GROUPS = {train: "#0f8f82", validate: "#8a63d2", test: "#e07b39"};
const OTHERS = ["#3b82c4", "#b0892b", "#c2487a", "#5f8f3a", "#6b7280"];

function channel(hue, shift, value, saturation) {
  const at = (hue * 6 + shift) % 6;
  const part = Math.max(0, Math.min(1, at, 4 - at));
  return Math.round(value * (1 - saturation * part) * 255);
}

export function classColour(id) {
  if (id < 0) return "#9aa5a1";
  if (id < FIXED.length) return FIXED[id];
  const step = id - FIXED.length;
  const hue = (0.07 + 0.6180339887498949 * step) % 1;
  const value = step % 2 ? 0.78 : 0.95;
  const saturation = step % 3 ? 0.75 : 0.5;
  const parts = [5, 3, 1].map((shift) => channel(hue, shift, value, saturation));
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

export function channels(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

/* Names of an entry's groups: those that every data set has come first. */
export function groupNames(entry) {
  const usual = Object.keys(GROUPS);
  const rank = (name) => usual.includes(name) ? usual.indexOf(name) : usual.length;
  return Object.keys(entry.data.count ?? {}).sort((one, other) => rank(one) - rank(other));
}

export function groupColour(name, position) {
  return GROUPS[name] ?? OTHERS[Math.max(0, position) % OTHERS.length];
}
