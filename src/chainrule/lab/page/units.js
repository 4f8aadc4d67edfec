/** The units of a diagram, as they are drawn over its lines. */

import { count, color, fit, number, paintImage, shade } from "./draw.js";
import { block, glyph } from "./glyphs.js";
import { line } from "./graph.js";
import { unitName } from "./names.js";

/**
 * All that the units are drawn from.
 * @typedef {object} Scene
 * @property {any} run
 * @property {ReturnType<typeof import("./graph.js").arrange>} layout
 * @property {(import("./glyphs.js").Look | null)[]} seen
 * @property {import("./glyphs.js").Look[]} blocks
 * @property {import("./store.js").Selection} selection
 * @property {(letter: string, l: number) => "" | "glow" | "pale"} light
 * @property {any} weights    the view "parameters" whose biases and blocks are shown
 * @property {any} gradients  the same of gradients, where it is there
 * @property {any} example    the view "example"
 * @property {{ unit?: import("./graph.js").Place, line?: { l: number, i: number, j: number } } | null} hovered
 * @property {number[] | null} cursor  of the keyboard
 * @property {number | null} J
 */

const font = (weight = "") => `${weight} 12px system-ui, "DejaVu Sans", sans-serif`;

/** The widest of the names of some units of a layer, in pixels. */
export function widest(canvas, run, l, most) {
  const context = canvas.getContext("2d");
  context.font = font();
  return Math.max(16, ...Array.from({ length: Math.min(most, run.sizes[l]) }, (_, i) => context.measureText(short(unitName(run, l, i))).width));
}

/** What is in the middle of a long name goes: columns of a table often differ at their ends only. */
const short = (name) => (name.length > 14 ? `${name.slice(0, 5)}…${name.slice(-8)}` : name);

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 */
export function units(canvas, scene) {
  const { context } = fit(canvas);
  const { layout, hovered, run } = scene;
  const L = run.g.length;
  context.lineJoin = "round";
  layout.columns.forEach((column, l) => {
    const glow = (l ? ["A", "Z", "dZ", "dA"] : ["X", "A"]).some((letter) => scene.light(letter, l) === "glow") || (l === L && scene.light("Y", l) === "glow");
    heading(context, column, run, glow);
    context.globalAlpha = glow || !isPale(scene, l) ? 1 : 0.3;
    if (glow) halo(context, column);
    if (column.picture) digit(context, column.picture, scene);
    else pictures(context, column.units, scene.seen[l]);
    const slopes = l ? slopesOf(scene, l) : null;
    if (slopes) shades(context, column.units, slopes);
    if (l) biases(context, column.units, scene, l);
    for (const unit of column.units) frame(context, unit, scene);
    if (column.more) beyond(context, column, scene);
    names(context, column, scene, !slopes);
    context.globalAlpha = 1;
  });
  if (hovered?.line) highlight(context, layout.columns, hovered.line);
  if (scene.J !== null) cost(context, scene, L);
}

/** Whether a layer has not been computed yet, within a phase. */
function isPale({ selection, light }, l) {
  if (!l) return false;
  if (selection.phase === "forward") return light("A", l) === "pale" && light("Z", l) === "pale";
  return selection.phase === "backward" && light("dZ", l) === "pale";
}

function heading(context, { l, x }, run, glow) {
  const L = run.g.length;
  context.textAlign = "center";
  context.fillStyle = color(glow ? "--ink" : "--soft");
  context.font = font("600");
  context.fillText(l === 0 ? "X" : l === L ? `A[${l}] = Ŷ` : `A[${l}]`, x, 12);
}

const square = (context, { x, y, side }, more = 0) => context.roundRect(x - side / 2 - more, y - side / 2 - more, side + 2 * more, side + 2 * more, 4 + more / 2);

function halo(context, { units, picture }) {
  context.save();
  context.strokeStyle = color("--glow");
  for (const [width, alpha] of [[12, 0.35], [6, 0.9]]) {
    context.globalAlpha = alpha;
    context.lineWidth = width;
    context.beginPath();
    for (const place of picture ? [picture] : units) square(context, place);
    context.stroke();
  }
  context.restore();
}

function pictures(context, units, look) {
  context.save();
  context.beginPath();
  for (const unit of units) square(context, unit);
  context.fillStyle = color("--card");
  context.fill();
  context.clip();
  if (look) for (const unit of units) glyph(context, unit, look);
  context.restore();
}

const image = document.createElement("canvas");

/** The input as a picture: the chosen example, else the first. */
function digit(context, { x, y, side }, { run, example }) {
  const values = example?.x?.data;
  const [high, wide, channels] = run.data.image;
  const cell = side / Math.max(high, wide);
  const [left, upper] = [x - (wide * cell) / 2, y - (high * cell) / 2];
  if (values?.length === high * wide * channels) {
    const low = Math.min(...values);
    const reach = Math.max(...values) - low || 1;
    paintImage(image, [high, wide, channels], (at) => (255 * (values[at] - low)) / reach);
    context.imageSmoothingEnabled = false;
    context.drawImage(image, left, upper, wide * cell, high * cell);
  }
  context.strokeStyle = color("--soft");
  context.lineWidth = 1;
  context.strokeRect(left, upper, wide * cell, high * cell);
}

/** Backward: dZ of each unit, of the chosen example, else the mean over the mini-batch, which is db. */
function slopesOf({ selection, light, gradients, example }, l) {
  const lit = /^d[ZA]$/.test(selection.hover?.letter ?? "") && selection.hover.layer === l;
  if (!lit && (selection.phase !== "backward" || light("dZ", l) === "pale")) return null;
  return (selection.example && example?.dZ?.[l]?.data) || gradients?.b?.[l - 1]?.data || null;
}

function shades(context, units, values) {
  const reach = Math.max(1e-12, ...[...values].map(Math.abs));
  for (const unit of units) {
    context.fillStyle = shade(values[unit.i] / reach);
    context.beginPath();
    square(context, unit);
    context.fill();
    label(context, number(values[unit.i], 2), unit.x, unit.y + 4, unit.side + 18);
  }
}

/** At the lower left of a unit a mark of its bias: its size, full above 0, hollow below. */
function biases(context, units, { weights, light }, l) {
  const b = weights?.b?.[l - 1]?.data;
  if (!b) return;
  const full = Math.max(1e-12, ...[...b].map(Math.abs));
  const glow = light("b", l) === "glow" || light("db", l) === "glow";
  for (const { i, x, y, side } of units) {
    context.beginPath();
    context.arc(x - side / 2, y + side / 2, (glow ? 3 : 1.5) + 3 * Math.sqrt(Math.abs(b[i]) / full), 0, 7);
    context.fillStyle = color(b[i] < 0 ? "--card" : "--above");
    context.strokeStyle = color(glow ? "--glow" : b[i] < 0 ? "--below" : "--card");
    context.lineWidth = glow ? 3 : 1.5;
    context.stroke();
    context.fill();
  }
}

function frame(context, unit, { selection, hovered, cursor }) {
  const is = (other) => other?.[0] === unit.l && other[1] === unit.i;
  context.beginPath();
  square(context, unit);
  context.strokeStyle = color(is(selection.unit) ? "--accent" : "--ink");
  context.lineWidth = is(selection.unit) ? 3.5 : hovered?.unit?.l === unit.l && hovered.unit.i === unit.i ? 2 : 1;
  context.stroke();
  if (!is(cursor)) return;
  context.beginPath();
  square(context, unit, 4);
  context.setLineDash([3, 2]);
  context.strokeStyle = color("--ink");
  context.lineWidth = 1.5;
  context.stroke();
  context.setLineDash([]);
}

/** What cannot be drawn one by one: how many more, and all of W[l] as a picture with its histogram. */
function beyond(context, { l, more, n, units }, { weights, blocks }) {
  const found = l && weights?.blocks?.[l - 1];
  context.fillStyle = color("--soft");
  context.textAlign = "center";
  context.font = font();
  context.fillText(`… ${count(n - units.length)} more`, more.x, more.y - more.side / 2);
  if (found) blocks[l] = block(context, { ...more, y: more.y + 8 }, found, blocks[l]);
}

function names(context, { l, units, picture }, { run, selection, example }, withValues) {
  const L = run.g.length;
  const values = selection.example && withValues ? example?.A?.[l]?.data : null;
  context.font = font();
  for (const { i, x, y, side } of units) {
    if (l === 0 || l === L) {
      context.textAlign = l ? "left" : "right";
      context.fillStyle = color("--ink");
      context.fillText(short(unitName(run, l, i)), x + (l ? 1 : -1) * (side / 2 + 7), y + 4);
    }
    if (values) label(context, number(values[i], 3), x, y + side / 2 + 4, side + 18);
  }
  if (!picture) return;
  const [high, wide, channels] = run.data.image;
  context.textAlign = "center";
  context.fillStyle = color("--soft");
  context.fillText(`${high} × ${wide}${channels > 1 ? ` × ${channels}` : ""}`, picture.x, picture.y + picture.side / 2 + 16);
}

function label(context, text, x, y, width) {
  context.textAlign = "center";
  context.font = font();
  context.strokeStyle = color("--card");
  context.lineWidth = 3.5;
  context.strokeText(text, x, y, width);
  context.fillStyle = color("--ink");
  context.fillText(text, x, y, width);
}

function highlight(context, columns, { l, i, j }) {
  const path = new Path2D();
  line(path, columns[l - 1].units[j], columns[l].units[i]);
  for (const { style, width } of [{ style: "--card", width: 8 }, { style: "--glow", width: 5 }, { style: "--ink", width: 1.2 }]) {
    context.strokeStyle = color(style);
    context.lineWidth = width;
    context.stroke(path);
  }
}

function cost(context, { layout, light, J }, L) {
  const lit = light("J", L) === "glow";
  context.font = font("600");
  const text = `J = ${number(J)}`;
  const wide = context.measureText(text).width + 14;
  const [left, upper] = [Math.min(layout.columns[L].x - wide / 2, layout.width - wide - 4), layout.height - 24];
  context.beginPath();
  context.roundRect(left, upper, wide, 20, 10);
  context.fillStyle = color(lit ? "--glow" : "--faint");
  context.fill();
  context.fillStyle = lit ? "#1d1f24" : color("--ink");
  context.textAlign = "left";
  context.fillText(text, left + 7, upper + 14);
}
