/** Small pictures of what units compute: a field over the plane, a curve, how activations are spread, or an image. */

import { classColor, color, ground, rgb, shade, shadesNow } from "./draw.js";

/**
 * What the units of a layer look like now, ready to be drawn.
 * @typedef {object} Look
 * @property {"field" | "curve" | "bars"} kind
 * @property {HTMLCanvasElement} [atlas]  of fields, one beside the other
 * @property {number} [wide] @property {number} [high]  of each field, in its own pixels
 * @property {Float32Array | Int32Array} [data] @property {number} [count]  numbers of each curve or each row of bars
 * @property {any} [low] @property {any} [top]  the range of curves; of bars, of each unit
 */

/** The value that is white, and how far from it the full color is: of an output as on the plane, of hidden units 0. */
export function scaleOf(g, isOutput, targets, data) {
  if (isOutput && /^(sigmoid|softmax)/.test(g)) return { middle: 0.5, reach: 0.5 };
  if (isOutput && targets) return { middle: (targets[0] + targets[1]) / 2, reach: (targets[1] - targets[0]) / 2 || 1 };
  let reach = 1; // at least, so that activations which vanish look pale
  for (const value of data) if (Math.abs(value) > reach && value < 1e30) reach = Math.abs(value);
  return { middle: 0, reach };
}

/** 256 colors from the ground to that of a class. */
function ramp(k) {
  const end = rgb(classColor(k)), under = ground();
  return Uint8Array.from({ length: 768 }, (_, at) => under[at % 3] + ((end[at % 3] - under[at % 3]) * Math.floor(at / 3)) / 255);
}

/**
 * Fields of several units, painted side by side into one canvas.
 * @param {Look | null} before  what there was, whose canvas is used again
 * @param {Float32Array} data   (units, high, wide)
 * @param {number[]} shape
 * @param {(unit: number) => { middle: number, reach: number, table?: Uint8Array }} scale
 * @param {boolean} flip        the first row is the lowest
 * @returns {Look}
 */
function fields(before, data, [count, high, wide], scale, flip) {
  const atlas = before?.atlas ?? document.createElement("canvas");
  if (atlas.width !== count * wide || atlas.height !== high) [atlas.width, atlas.height] = [count * wide, high];
  const context = atlas.getContext("2d");
  const image = context.createImageData(count * wide, high);
  const pixels = new Uint32Array(image.data.buffer);
  for (let unit = 0; unit < count; unit++) {
    const { middle, reach, table = shadesNow() } = scale(unit);
    for (let r = 0; r < high; r++) {
      let from = (unit * high + (flip ? high - 1 - r : r)) * wide;
      let to = r * count * wide + unit * wide;
      for (let c = 0; c < wide; c++) {
        const t = (data[from++] - middle) / reach;
        const k = 3 * (t >= 1 ? 255 : t > -1 ? Math.round((t + 1) * 127.5) : 0);
        pixels[to++] = 0xff000000 | (table[k + 2] << 16) | (table[k + 1] << 8) | table[k];
      }
    }
  }
  context.putImageData(image, 0, 0);
  return { kind: "field", atlas, wide, high };
}

/** The mean of the channels of images (units, high, wide, channels), laid out as fields. */
function gray(data, channels) {
  if (channels === 1) return data;
  return Float32Array.from({ length: data.length / channels }, (_, at) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += data[at * channels + c];
    return sum / channels;
  });
}

/**
 * What the units of every layer look like: index 0 is the input.
 * @param {any} view   "units", as the lab gives it
 * @param {any} run    of which it is
 * @param {(Look | null)[]} before
 * @returns {(Look | null)[]}
 */
export function looks(view, run, before) {
  const all = [view.inputs, ...view.layers];
  const L = all.length - 1;
  return all.map((layer, l) => {
    if (!layer) return null;
    const old = before[l] ?? null;
    const g = l ? run.g[l - 1] : "";
    if (view.images && l === 1) {
      const [high, wide, channels] = run.data.image;
      const data = gray(view.images.data, channels);
      const reach = 0.6 * data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
      return fields(old, data, [view.images.shape[0], high, wide], () => ({ middle: 0, reach }), false);
    }
    if (view.kind !== "plane") {
      const [, count] = layer.counts.shape;
      return { kind: "bars", data: layer.counts.data, count, low: layer.low.data, top: layer.high.data };
    }
    const { data, shape } = layer;
    const targets = run.data.task === "regression" ? run.data.target_range : null;
    const scale = scaleOf(g, l === L, targets, data);
    if (shape.length === 2) return { kind: "curve", data, count: shape[1], ...inputRange(data, shape, l), ...(l ? { low: scale.middle - scale.reach, top: scale.middle + scale.reach } : {}) };
    if (l === 0) return fields(old, data, shape, (unit) => spread(data, unit * shape[1] * shape[2], shape[1] * shape[2]), true);
    const many = l === L && run.data.task === "classes";
    return fields(old, data, shape, (unit) => (many ? { ...scale, table: ramp(unit) } : scale), true);
  });
}

function inputRange(data, shape, l) {
  if (l) return {};
  const { middle, reach } = spread(data, 0, shape[1]);
  return { low: middle - reach, top: middle + reach };
}

/** Middle and reach of some of the numbers: inputs have any range. */
export function spread(data, from, count) {
  let [low, high] = [Infinity, -Infinity];
  for (let k = from; k < from + count; k++) [low, high] = [Math.min(low, data[k]), Math.max(high, data[k])];
  return { middle: (low + high) / 2, reach: (high - low) / 2 || 1 };
}

/**
 * Draw the picture of a unit into its square.
 * @param {CanvasRenderingContext2D} context
 * @param {import("./graph.js").Place} place
 * @param {Look} look
 */
export function glyph(context, { i, x, y, side }, look) {
  const [left, top] = [x - side / 2, y - side / 2];
  if (look.kind === "field") {
    context.imageSmoothingEnabled = look.high > 16; // pixels of small images stay squares
    context.drawImage(look.atlas, i * look.wide, 0, look.wide, look.high, left, top, side, side);
  } else if (look.kind === "curve") curve(context, look, i, left, top, side);
  else bars(context, look, i, left, top, side);
}

/** @param {any} look @param {number} i @param {number} left @param {number} top @param {number} side */
function curve(context, look, i, left, top, side) {
  const { data, count, low, top: high } = look;
  const at = (value) => top + side - 2 - ((Math.max(low, Math.min(high, value)) - low) / (high - low)) * (side - 4);
  context.strokeStyle = color("--line");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left, at((low + high) / 2));
  context.lineTo(left + side, at((low + high) / 2));
  context.stroke();
  context.strokeStyle = color("--above");
  context.lineWidth = 1.6;
  context.beginPath();
  for (let k = 0; k < count; k++) context.lineTo(left + (side * k) / (count - 1), at(data[i * count + k]));
  context.stroke();
}

/** @param {any} look @param {number} i @param {number} x @param {number} top @param {number} side @param {number} [height] */
function bars(context, look, i, x, top, side, height = side) {
  const { data, count, low: lows, top: highs } = look;
  const [low, high] = [lows[i], highs[i]];
  const [left, room] = [x + 2, side - 4];
  let most = 1;
  for (let k = 0; k < count; k++) most = Math.max(most, data[i * count + k]);
  const width = room / count;
  for (let k = 0; k < count; k++) {
    const tall = Math.sqrt(data[i * count + k] / most) * (height - 3); // few are seen, too
    if (!tall) continue;
    const middle = low + ((k + 0.5) * (high - low)) / count;
    context.fillStyle = shade(middle < 0 ? -0.85 : 0.85);
    context.fillRect(left + k * width, top + height - Math.max(1, tall), width + 0.3, Math.max(1, tall));
  }
  if (low < 0 && high > 0) {
    context.fillStyle = color("--soft");
    context.fillRect(left + (-low / (high - low)) * room - 0.5, top, 1, height);
  }
}

/**
 * A whole matrix as a small picture, with the histogram of its numbers below.
 * @param {CanvasRenderingContext2D} context
 * @param {import("./graph.js").Place} place
 * @param {any} found  of the view "parameters"
 * @param {Look | null} before
 * @returns {Look}
 */
export function block(context, { x, y, side }, found, before) {
  const { picture, counts, reach } = found;
  const look = fields(before, picture.data, [1, ...picture.shape], () => ({ middle: 0, reach: spread(picture.data, 0, picture.data.length).reach }), false);
  const half = side * 0.62;
  context.imageSmoothingEnabled = false;
  context.drawImage(look.atlas, x - side / 2, y - side / 2, side, half);
  bars(context, { kind: "bars", data: counts.data, count: counts.data.length, low: [-reach], top: [reach] }, 0, x - side / 2, y - side / 2 + half + 2, side, side - half - 2);
  return look;
}
