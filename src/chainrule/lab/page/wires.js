/** The lines of a diagram: color and dashes are the sign of a weight, width is its size. */

import { color, fit, roundUp } from "./draw.js";
import { line } from "./graph.js";

const LEVELS = 14; // widths of a line
const WIDEST = 5;
const LEAST = 0.2; // weights that are all small look thin
export const PALE = 0.13;

/**
 * What the full width of a line is: a round number, so that it seldom changes, which few weights exceed.
 * @param {{ data: Float32Array }[]} W
 * @param {boolean} gradients  which have any size
 * @returns {number}
 */
export function fullWidth(W, gradients) {
  const sizes = W.flatMap(({ data }) => [...data].map(Math.abs)).filter((size) => size > 0 && Number.isFinite(size)).sort((a, b) => a - b);
  const full = sizes.length ? roundUp(sizes[Math.floor(0.96 * (sizes.length - 1))]) : 1;
  return gradients ? full : Math.max(LEAST, full);
}

/**
 * The widths of all lines, from −LEVELS to LEVELS, row by row.
 * @param {{ data: Float32Array, shape: number[] }[]} W
 * @param {number} full
 * @returns {{ level: Int8Array, across: number }[]}
 */
export function levelsOf(W, full) {
  const level = (value) => Math.sign(value) * Math.ceil(LEVELS * Math.min(1, Math.abs(value) / full));
  return W.map(({ data, shape }) => ({ level: Int8Array.from(data, level), across: shape[1] }));
}

/**
 * Draw them.
 * @param {HTMLCanvasElement} canvas
 * @param {import("./graph.js").Column[]} columns
 * @param {{ level: Int8Array, across: number }[]} levels  of W[1], W[2], …
 * @param {number[]} strength     of each layer's lines, up to 1; above 1 they light up
 * @param {number[] | null} chosen  the unit whose lines stand out
 */
export function wires(canvas, columns, levels, strength, chosen) {
  const { context } = fit(canvas);
  levels.forEach((each, at) => {
    const [from, to] = [columns[at].units, columns[at + 1].units];
    if (!from.length) return fan(context, columns[at].picture, to);
    if (strength[at] > 1) band(context, columns[at], columns[at + 1]);
    const widest = WIDEST * Math.min(1, Math.max(0.5, Math.sqrt(40 / (from.length * to.length)))); // many lines are thinner
    for (const [bucket, path] of buckets(each, at + 1, from, to, chosen)) {
      const [k, mine] = bucket.split(",").map(Number);
      const size = Math.abs(k) / LEVELS;
      const width = 0.5 + (widest - 0.5) * size;
      context.strokeStyle = color(k === 0 ? "--soft" : k < 0 ? "--below" : "--above");
      context.globalAlpha = Math.min(1, strength[at]) * (mine ? 0.3 + 0.65 * size : 0.08 + 0.14 * size);
      context.lineWidth = width;
      context.setLineDash(k < 0 ? [3 + width, 2 + width * 0.8] : []);
      context.stroke(path);
    }
  });
}

/** What lies behind lines that light up. */
function band(context, from, to) {
  const [left, right] = [from.x + from.units[0].side / 2 + 4, to.x - to.units[0].side / 2 - 4];
  const rows = [...from.units, ...to.units].map(({ y }) => y);
  const [top, bottom] = [Math.min(...rows) - 16, Math.max(...rows) + 16];
  context.fillStyle = color("--glow");
  context.globalAlpha = 0.4;
  context.beginPath();
  context.roundRect(left, top, right - left, bottom - top, 10);
  context.fill();
}

/** Lines of the same looks share a path: many strokes are slow. */
function buckets({ level, across }, l, from, to, chosen) {
  const found = new Map();
  to.forEach((unit, i) => from.forEach((source, j) => {
    const mine = !chosen || (chosen[0] === l && chosen[1] === i) || (chosen[0] === l - 1 && chosen[1] === j);
    const bucket = `${level[i * across + j]},${mine ? 1 : 0}`;
    if (!found.has(bucket)) found.set(bucket, new Path2D());
    line(found.get(bucket), source, unit);
  }));
  return [...found].sort(([a], [b]) => Math.abs(parseInt(a)) - Math.abs(parseInt(b))); // the widest on top
}

/** From a picture to every unit: it has too many pixels for lines. */
function fan(context, picture, to) {
  const path = new Path2D();
  for (const unit of to) line(path, picture, unit);
  context.strokeStyle = color("--line");
  context.globalAlpha = context.lineWidth = 1;
  context.setLineDash([]);
  context.stroke(path);
}
