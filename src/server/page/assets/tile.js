/* One sample's picture with its labels over it. */
import {blob, jsonInTurn, url} from "./api.js";
import {h, svg} from "./dom.js";
import {channels, classColour} from "./palette.js";
import {numbersOf} from "./png.js";

const MASKS = ["segmentation", "instance"];
const BOXES = ["detection", "instance"];

export function samplePath(id, key, what, query) {
  return url(["v1", "entries", id, "samples", key, ...(what ? [what] : [])], query);
}

/* Numbers of a mask (0: background, class id + 1, the type's largest: not known) as colours. */
export function paintMask(canvas, mask, hiddenClasses) {
  canvas.width = mask.width;
  canvas.height = mask.height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(mask.width, mask.height);
  const unknown = 2 ** (8 * mask.values.BYTES_PER_ELEMENT) - 1;
  const colours = new Map([[0, null], [unknown, [128, 128, 128, 255]]]);
  mask.values.forEach((value, at) => {
    if (!colours.has(value)) colours.set(value, hiddenClasses.has(value - 1) ? null : [...channels(classColour(value - 1)), 255]);
    const colour = colours.get(value);
    if (colour) pixels.data.set(colour, 4 * at);
  });
  context.putImageData(pixels, 0, 0);
}

function rectangle(feature, classes, title) {
  const properties = feature.properties ?? {};
  const [left, top, right, bottom] = properties.box ?? [];
  if (![left, top, right, bottom].every(Number.isFinite)) return null;
  const id = classes.indexOf(properties.class);
  const place = {x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top)};
  const text = Number.isFinite(properties.visible) && properties.visible < 1
    ? `${properties.class}, ${Math.round(properties.visible * 100)} % inside` : String(properties.class ?? "");
  return svg("g", {"data-class": id}, svg("rect", {...place, class: "under-line"}),
    svg("rect", {...place, stroke: classColour(id)}, title && svg("title", {}, text)));
}

export class Tile {
  /* options: signal, size (pixels of the picture), version, bands, stretch, title (names on boxes) */
  constructor(entry, sample, options) {
    this.entry = entry.data;
    this.sample = sample;
    this.options = options;
    this.hiddenClasses = new Set();
    const [, rows, cols] = this.entry.shape ?? [0, 1, 1];
    const words = Object.entries(sample.classes ?? {}).map(([name, count]) => `${name} ${count}`).join(", ");
    this.image = h("img", {alt: `Sample ${sample.key}, group ${sample.group}${words ? `: ${words}` : ""}`});
    this.mask = h("canvas", {"aria-hidden": "true"});
    this.boxes = svg("svg", {class: "boxes", viewBox: `0 0 ${cols} ${rows}`, preserveAspectRatio: "none", "aria-hidden": "true"});
    this.element = h("div", {class: "tile", style: {"aspect-ratio": `${cols} / ${rows}`}}, this.image, this.mask, this.boxes);
  }

  has(tasks) {
    return (this.entry.tasks ?? []).some((task) => tasks.includes(task));
  }

  path(what, query) {
    return samplePath(this.entry.id, this.sample.key, what, {...query, version: this.options.version});
  }

  async load() {
    const parts = [this.loadImage()];
    if (this.has(MASKS)) parts.push(this.loadMask());
    if (this.has(BOXES)) parts.push(this.loadBoxes());
    await Promise.allSettled(parts);
  }

  async loadImage() {
    const {signal, size, bands, stretch} = this.options;
    this.element.querySelector(".fault")?.remove();
    try {
      const data = await blob(this.path("image.png", {size, bands, stretch}), signal);
      const address = URL.createObjectURL(data);
      this.image.src = address;
      await this.image.decode();
      this.image.classList.toggle("sharp", this.image.naturalWidth < 1.6 * this.element.clientWidth);
      this.image.classList.add("there");
      URL.revokeObjectURL(address);
    } catch (error) {
      if (!signal.aborted) this.element.append(h("div", {class: "fault"}, error.message));
    }
  }

  async loadMask() {
    const {signal} = this.options;
    this.numbers = await numbersOf(await blob(this.path("mask.png"), signal));
    this.mask.style.opacity = this.opacity ?? 0.42;
    paintMask(this.mask, this.numbers, this.hiddenClasses);
  }

  async loadBoxes() {
    this.labels = await jsonInTurn(this.path("labels.json"), this.options.signal);
    this.paintBoxes();
  }

  paintBoxes() {
    const classes = this.entry.classes ?? [];
    const shown = (this.labels?.features ?? []).filter((one) => !this.hiddenClasses.has(classes.indexOf(one.properties?.class)));
    this.boxes.replaceChildren(...shown.map((one) => rectangle(one, classes, this.options.title)).filter(Boolean));
  }

  show({boxes, mask, hiddenClasses, opacity}) {
    this.element.classList.toggle("no-boxes", boxes === false);
    this.element.classList.toggle("no-mask", mask === false);
    if (opacity !== undefined) {
      this.opacity = opacity;
      this.mask.style.opacity = opacity;
    }
    if (hiddenClasses) {
      this.hiddenClasses = hiddenClasses;
      if (this.numbers) paintMask(this.mask, this.numbers, hiddenClasses);
      this.paintBoxes();
    }
  }
}
