/* A map on a canvas: land, a net of degrees, boxes. Boxes that are too small to see are dots, and
 * dots that are near each other are one with a number. */
import {h} from "./dom.js";
import {land, project, unproject} from "./land.js";

const SMALL = 9; /* pixels under which a box is a dot */
const NEAR = 26;
const SCALE_MOST = 2 ** 28;
const STEPS = [30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const METRES = 40075016.686;

function corners(bbox) {
  const east = bbox[2] < bbox[0] ? bbox[2] + 360 : bbox[2];
  const [left, top] = project(bbox[0], bbox[3]);
  const [right, bottom] = project(east, bbox[1]);
  return {left, top, right, bottom};
}

function degreesText(value, step, positive, negative) {
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return `${Math.abs(value).toFixed(digits)}°${value === 0 ? "" : value > 0 ? positive : negative}`;
}

export class WorldMap {
  /* options: label, signal, onpick(id), onhover(id or null), onmove() by the user */
  constructor(options) {
    this.options = options;
    this.shapes = [];
    this.area = null;
    this.marked = null;
    this.path = null;
    this.centre = [0.5, 0.42];
    this.scale = 0;
    this.pointers = new Map();
    this.canvas = h("canvas", {tabindex: "0", role: "application", "aria-label":
      `${options.label}. Arrow keys move, plus and minus zoom, 0 shows everything.`});
    this.tip = h("div", {class: "map-tip", hidden: true});
    this.element = h("div", {class: "map"}, this.canvas, this.tip,
      h("div", {class: "map-buttons"},
        this.button("+", "Zoom in", () => this.zoom(2)),
        this.button("−", "Zoom out", () => this.zoom(0.5)),
        this.button("◻", "Show everything", () => this.showAll())));
    this.listen(options.signal);
    land().then((path) => {
      this.path = path;
      this.draw();
    }, () => {});
  }

  button(text, label, work) {
    return h("button", {type: "button", title: label, "aria-label": label, onclick: () => {
      work();
      this.options.onmove?.();
    }}, text);
  }

  listen(signal) {
    const on = (target, name, work, more = {}) => target.addEventListener(name, work, {signal, ...more});
    on(this.canvas, "pointerdown", (event) => this.press(event));
    on(this.canvas, "pointermove", (event) => this.move(event));
    on(this.canvas, "pointerup", (event) => this.lift(event));
    on(this.canvas, "pointercancel", (event) => this.pointers.delete(event.pointerId));
    on(this.canvas, "pointerleave", () => this.hover(null));
    on(this.canvas, "wheel", (event) => {
      event.preventDefault();
      this.zoom(2 ** (-Math.max(-60, Math.min(60, event.deltaY)) / 100), this.place(event));
      this.options.onmove?.();
    }, {passive: false});
    on(this.canvas, "dblclick", (event) => {
      this.zoom(2, this.place(event));
      this.options.onmove?.();
    });
    on(this.canvas, "keydown", (event) => this.key(event));
    on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.draw());
    const sizes = new ResizeObserver(() => this.resize());
    sizes.observe(this.element);
    signal.addEventListener("abort", () => sizes.disconnect());
  }

  resize() {
    const {clientWidth: width, clientHeight: height} = this.element;
    if (width === 0 || height === 0) return;
    const first = this.scale === 0;
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    if (first) this.showAll();
    else this.draw();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  toScreen(x, y) {
    return [(x - this.centre[0]) * this.scale + this.width / 2,
      (y - this.centre[1]) * this.scale + this.height / 2];
  }

  toWorld(left, top) {
    return [(left - this.width / 2) / this.scale + this.centre[0],
      (top - this.height / 2) / this.scale + this.centre[1]];
  }

  scaleLeast() {
    return Math.max(this.width, this.height * 0.9);
  }

  settle(x, y, scale) {
    this.scale = Math.max(this.scaleLeast(), Math.min(SCALE_MOST, scale));
    const half = this.height / 2 / this.scale;
    this.centre = [((x % 1) + 1) % 1, half >= 0.5 ? 0.5 : Math.max(half, Math.min(1 - half, y))];
    this.draw();
  }

  zoom(factor, at = [this.width / 2, this.height / 2]) {
    const scale = Math.max(this.scaleLeast(), Math.min(SCALE_MOST, this.scale * factor));
    const [x, y] = this.toWorld(...at);
    this.settle(x - (at[0] - this.width / 2) / scale, y - (at[1] - this.height / 2) / scale, scale);
  }

  pan(right, down) {
    this.settle(this.centre[0] + right / this.scale, this.centre[1] + down / this.scale, this.scale);
  }

  fit(bbox, most = 2 ** 24) {
    if (!this.width) return;
    const {left, top, right, bottom} = corners(bbox);
    const scale = Math.min(this.width * 0.8 / Math.max(right - left, 1e-9),
      this.height * 0.8 / Math.max(bottom - top, 1e-9), most);
    this.settle((left + right) / 2, (top + bottom) / 2, scale);
  }

  /* All shapes, or the world when there are none. */
  showAll() {
    if (!this.width) return;
    const boxes = this.shapes.map((shape) => shape.bbox);
    if (boxes.length === 0) {
      this.settle(0.5, 0.42, 0);
      return;
    }
    this.fit([Math.min(...boxes.map((box) => box[0])), Math.min(...boxes.map((box) => box[1])),
      Math.max(...boxes.map((box) => box[2] < box[0] ? box[2] + 360 : box[2])), Math.max(...boxes.map((box) => box[3]))],
    this.options.most);
  }

  /* west, south, east, north of what is to be seen */
  bounds() {
    const [left, top] = this.toWorld(0, 0);
    const [right, bottom] = this.toWorld(this.width, this.height);
    if (right - left >= 1) return [-180, unproject(0, Math.min(1, bottom))[1], 180, unproject(0, Math.max(0, top))[1]];
    const around = (lon) => ((lon + 180) % 360 + 360) % 360 - 180;
    const [west, north] = unproject(left, Math.max(0, top));
    const [east, south] = unproject(right, Math.min(1, bottom));
    return [around(west), south, around(east), north];
  }

  /* shapes: {id, bbox, colour, label, image} */
  setShapes(shapes, show = true) {
    this.shapes = shapes.map((shape) => ({...shape, ...corners(shape.bbox)}));
    if (show) this.showAll();
    else this.draw();
  }

  /* An area with a broken outline, or null. */
  setArea(bbox) {
    this.area = bbox;
    this.draw();
  }

  mark(id) {
    if (this.marked === id) return;
    this.marked = id;
    this.draw();
  }

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    this.dragged = 0;
  }

  move(event) {
    const now = this.place(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.hover(this.at(now), now);
      return;
    }
    const others = [...this.pointers.entries()].filter(([id]) => id !== event.pointerId);
    this.dragged += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (others.length > 0) {
      const other = others[0][1];
      const spread = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      this.zoom(spread(now) / Math.max(1, spread(before)), other);
    } else {
      this.pan(before[0] - now[0], before[1] - now[1]);
    }
    this.pointers.set(event.pointerId, now);
  }

  lift(event) {
    this.pointers.delete(event.pointerId);
    if (this.dragged >= 4) {
      this.options.onmove?.();
      return;
    }
    const hit = this.at(this.place(event));
    if (!hit) return;
    if (hit.members.length === 1) this.options.onpick?.(hit.members[0].id);
    else {
      const before = this.scale;
      this.fit([Math.min(...hit.members.map((one) => one.bbox[0])), Math.min(...hit.members.map((one) => one.bbox[1])),
        Math.max(...hit.members.map((one) => one.bbox[2])), Math.max(...hit.members.map((one) => one.bbox[3]))]);
      if (this.scale <= before * 1.01) this.zoom(2, this.place(event));
    }
  }

  key(event) {
    const step = 80;
    const moves = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]};
    if (moves[event.key]) this.pan(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(2);
    else if (event.key === "-") this.zoom(0.5);
    else if (event.key === "0") this.showAll();
    else return;
    event.preventDefault();
    this.options.onmove?.();
  }

  /* The group of dots or the box at a place; the smallest box wins. */
  at([left, top]) {
    const dot = this.dots?.find((one) => Math.hypot(one.x - left, one.y - top) <= one.radius + 3);
    if (dot) return dot;
    const boxes = (this.boxes ?? []).filter((one) => left >= one.x - 2 && left <= one.x + one.width + 2 &&
      top >= one.y - 2 && top <= one.y + one.height + 2);
    boxes.sort((one, other) => one.width * one.height - other.width * other.height);
    return boxes.length > 0 ? {members: [boxes[0].shape]} : null;
  }

  hover(hit, place) {
    const one = hit?.members.length === 1 ? hit.members[0] : null;
    this.canvas.style.cursor = hit ? "pointer" : "grab";
    this.tip.hidden = !hit;
    if (hit) {
      this.tip.textContent = one ? one.label : `${hit.members.length} here: click to look closer`;
      this.tip.style.left = `${Math.min(place[0] + 12, this.width - 180)}px`;
      this.tip.style.top = `${place[1] + 14}px`;
    }
    this.mark(one ? one.id : null);
    this.options.onhover?.(one ? one.id : null);
  }

  draw() {
    if (this.drawing || !this.width || !this.scale) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.paint();
    });
  }

  paint() {
    const style = getComputedStyle(this.element);
    const colour = (name) => style.getPropertyValue(name).trim();
    const context = this.canvas.getContext("2d");
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.fillStyle = colour("--sea");
    context.fillRect(0, 0, this.width, this.height);
    this.paintLand(context, colour);
    this.paintNet(context, colour);
    this.placeShapes();
    this.paintShapes(context, colour);
    if (this.area) this.paintArea(context, colour);
    this.paintScale(context, colour);
  }

  paintLand(context, colour) {
    if (!this.path) return;
    context.save();
    /* An outline at 1:110 million says nothing about streets. */
    context.globalAlpha = Math.max(0.25, Math.min(1, 1 - Math.log2(this.scale / 60000) / 4));
    context.fillStyle = colour("--land");
    context.strokeStyle = colour("--shore");
    for (const turn of [-1, 0, 1]) {
      const [left, top] = this.toScreen(turn, 0);
      context.setTransform(this.scale * devicePixelRatio, 0, 0, this.scale * devicePixelRatio,
        left * devicePixelRatio, top * devicePixelRatio);
      context.lineWidth = 0.8 / this.scale;
      context.fill(this.path, "evenodd");
      context.stroke(this.path);
    }
    context.restore();
  }

  paintNet(context, colour) {
    const [west] = unproject(this.toWorld(0, 0)[0], 0);
    const [east] = unproject(this.toWorld(this.width, 0)[0], 0);
    const north = unproject(0, Math.max(0, this.toWorld(0, 0)[1]))[1];
    const south = unproject(0, Math.min(1, this.toWorld(0, this.height)[1]))[1];
    const step = STEPS.findLast((one) => one / (east - west) * this.width >= 90) ?? STEPS[0];
    context.strokeStyle = colour("--net");
    context.fillStyle = colour("--net-text");
    context.font = "10px system-ui, sans-serif";
    context.lineWidth = 1;
    context.beginPath();
    for (let at = Math.ceil(west / step); at * step <= east; at++) {
      const x = Math.round(this.toScreen(project(at * step, 0)[0], 0)[0]) + 0.5;
      context.moveTo(x, 0);
      context.lineTo(x, this.height);
      const lon = ((at * step + 180) % 360 + 360) % 360 - 180;
      context.fillText(degreesText(lon, step, "E", "W"), x + 3, 11);
    }
    for (let at = Math.ceil(south / step); at * step <= north; at++) {
      const y = Math.round(this.toScreen(0, project(0, at * step)[1])[1]) + 0.5;
      context.moveTo(0, y);
      context.lineTo(this.width, y);
      if (y > 24) context.fillText(degreesText(at * step, step, "N", "S"), 3, y - 3);
    }
    context.stroke();
  }

  /* Where boxes and dots are on the canvas now. */
  placeShapes() {
    this.boxes = [];
    this.dots = [];
    for (const shape of this.shapes) {
      const width = (shape.right - shape.left) * this.scale;
      const height = (shape.bottom - shape.top) * this.scale;
      for (const turn of [-1, 0, 1]) {
        const [x, y] = this.toScreen(shape.left + turn, shape.top);
        if (x + width < -20 || x > this.width + 20 || y + height < -20 || y > this.height + 20) continue;
        if (Math.max(width, height) >= SMALL) this.boxes.push({shape, x, y, width, height});
        else this.addDot(shape, x + width / 2, y + height / 2);
      }
    }
    for (const dot of this.dots) dot.radius = dot.members.length > 1 ? Math.min(18, 9 + Math.log2(dot.members.length)) : 6;
  }

  addDot(shape, x, y) {
    const near = this.dots.find((one) => Math.hypot(one.x - x, one.y - y) < NEAR);
    if (!near) {
      this.dots.push({x, y, members: [shape]});
      return;
    }
    if (near.members.includes(shape)) return;
    near.members.push(shape);
  }

  paintShapes(context, colour) {
    const plain = colour("--accent");
    for (const {shape, x, y, width, height} of this.boxes) {
      const marked = shape.id === this.marked;
      if (shape.image) {
        context.imageSmoothingEnabled = width < shape.image.width * 2;
        context.drawImage(shape.image, x, y, width, height);
      }
      context.strokeStyle = shape.colour ?? plain;
      context.fillStyle = shape.colour ?? plain;
      context.globalAlpha = marked ? 0.45 : shape.image ? 0 : 0.18;
      context.fillRect(x, y, width, height);
      context.globalAlpha = 1;
      context.lineWidth = marked ? 3 : shape.image ? 1 : 1.5;
      context.strokeRect(x, y, width, height);
    }
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const dot of this.dots) {
      const marked = dot.members.some((one) => one.id === this.marked);
      context.beginPath();
      context.arc(dot.x, dot.y, dot.radius + (marked ? 3 : 0), 0, 2 * Math.PI);
      context.fillStyle = (dot.members.length === 1 && dot.members[0].colour) || plain;
      context.fill();
      context.lineWidth = 2;
      context.strokeStyle = colour("--surface");
      context.stroke();
      if (dot.members.length > 1) {
        context.fillStyle = colour("--on-accent");
        context.font = "600 11px system-ui, sans-serif";
        context.fillText(String(dot.members.length), dot.x, dot.y + 0.5);
      }
    }
    context.textAlign = "start";
    context.textBaseline = "alphabetic";
  }

  paintArea(context, colour) {
    const {left, top, right, bottom} = corners(this.area);
    context.save();
    context.setLineDash([6, 5]);
    context.lineWidth = 2;
    context.strokeStyle = colour("--accent");
    for (const turn of [-1, 0, 1]) {
      const [x, y] = this.toScreen(left + turn, top);
      context.strokeRect(x, y, (right - left) * this.scale, (bottom - top) * this.scale);
    }
    context.restore();
  }

  paintScale(context, colour) {
    const [, lat] = unproject(0, this.centre[1]);
    const perPixel = METRES * Math.cos(lat * Math.PI / 180) / this.scale;
    const power = 10 ** Math.floor(Math.log10(perPixel * 110));
    const length = [5, 2, 1].map((one) => one * power).find((one) => one <= perPixel * 110) ?? power;
    const text = length >= 1000 ? `${length / 1000} km` : `${length} m`;
    const right = this.width - 12;
    const top = this.height - 12;
    context.strokeStyle = colour("--net-text");
    context.fillStyle = colour("--net-text");
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(right - length / perPixel, top - 5);
    context.lineTo(right - length / perPixel, top);
    context.lineTo(right, top);
    context.lineTo(right, top - 5);
    context.stroke();
    context.textAlign = "end";
    context.fillText(text, right, top - 8);
    context.textAlign = "start";
  }
}
