/** Data with one or two inputs, and what the network says everywhere between them: a plane, or a curve over a line. */

import { brief, classColor, classShape, color, dark, fit, ground, mark, number, paint, rgb, shade, ticks } from "./draw.js";
import { scaleOf, spread } from "./glyphs.js";

const EDGES = { left: 40, right: 10, top: 8, bottom: 34 };
const STRENGTH = 0.72; // of the field's colors, so that points stand out from it
export const POINT = 3.8; // radius of a point

/**
 * From numbers of the data to pixels of a canvas, and back.
 * @param {number[][]} range  of the axes across and up
 * @param {number} width
 * @param {number} height
 */
export function axes([[x0, x1], [y0, y1]], width, height) {
  const { left, right, top, bottom } = EDGES;
  const [w, h] = [width - left - right, height - top - bottom];
  return {
    left, top, w, h, range: [[x0, x1], [y0, y1]],
    x: (value) => left + ((value - x0) / (x1 - x0)) * w,
    y: (value) => top + h - ((value - y0) / (y1 - y0)) * h,
    at: (px, py) => [x0 + ((px - left) / w) * (x1 - x0), y0 + ((top + h - py) / h) * (y1 - y0)],
    holds: (px, py) => px >= left && px <= left + w && py >= top && py <= top + h,
  };
}

/** What is up: the second input, or the target of one input. */
export function ranges(run, plane) {
  if (plane.range.length === 2) return plane.range;
  const [low, high] = run.data.task === "regression" ? run.data.target_range : [0, 1];
  const margin = 0.12 * (high - low || 1);
  return [plane.range[0], [low - margin, high + margin]];
}

/** The value that is white, and how far from it the full color is. */
export function middleOf(run) {
  if (run.data.task !== "regression") return { middle: 0.5, reach: 0.5 };
  const [low, high] = run.data.target_range;
  return { middle: (low + high) / 2, reach: (high - low) / 2 || 1 };
}

/**
 * Paint the output over the plane into a canvas of as many pixels as there are numbers.
 * @param {HTMLCanvasElement} canvas
 * @param {any} run
 * @param {any} plane  the view of it: Ŷ, or the unit that is pointed at
 * @param {boolean} discrete  only which side, or which class
 */
export function paintField(canvas, run, plane, discrete) {
  const { shape: [k, rows, columns], data } = plane.a ?? plane.A;
  if (plane.a) {
    const { middle, reach } = unitScale(run, plane.unit[0], data);
    return paint(canvas, data, rows, columns, { middle, reach: reach / STRENGTH, flip: true });
  }
  if (k > 1) return blend(canvas, k, rows, columns, data, discrete);
  const { middle, reach } = middleOf(run);
  const values = discrete ? Float32Array.from(data, (value) => (value > middle ? middle + reach : middle - reach)) : data;
  paint(canvas, values, rows, columns, { middle, reach: reach / STRENGTH, flip: true });
}

/** The scale of the pictures of the diagram, for a unit of a layer. */
function unitScale(run, l, data) {
  if (l === 0) return spread(data, 0, data.length);
  return scaleOf(run.g[l - 1], l === run.g.length, run.data.task === "regression" ? run.data.target_range : null, data);
}

/** Colors of classes by their shares, through the ground where none leads. */
function blend(canvas, k, rows, columns, data, discrete) {
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const colors = [...Array(k).keys()].map((each) => rgb(classColor(each)));
  const under = ground();
  const size = rows * columns;
  for (let at = 0; at < size; at++) {
    const p = 4 * ((rows - 1 - Math.floor(at / columns)) * columns + (at % columns));
    let [sum, best, lead] = [1e-12, 0, -1];
    for (let c = 0; c < k; c++) {
      const share = Math.max(0, data[c * size + at]);
      sum += share;
      if (share > lead) [lead, best] = [share, c];
    }
    const clear = discrete ? STRENGTH : STRENGTH * Math.sqrt(Math.max(0, (k * lead / sum - 1) / (k - 1)));
    for (let channel = 0; channel < 3; channel++) {
      let mixed = discrete ? colors[best][channel] : 0;
      if (!discrete) for (let c = 0; c < k; c++) mixed += (Math.max(0, data[c * size + at]) / sum) * colors[c][channel];
      image.data[p + channel] = under[channel] + (mixed - under[channel]) * clear;
    }
    image.data[p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/**
 * Ticks, and the names of what is across and up.
 * @param {CanvasRenderingContext2D} context
 * @param {ReturnType<typeof axes>} place
 * @param {string[]} names
 */
export function drawAxes(context, { left, top, w, h, x, y, range }, names) {
  context.font = '11px system-ui, "DejaVu Sans", sans-serif';
  context.fillStyle = color("--soft");
  context.strokeStyle = color("--line");
  context.lineWidth = 1;
  context.textAlign = "center";
  for (const value of ticks(range[0][0], range[0][1], w / 70)) context.fillText(brief(value), x(value), top + h + 14);
  context.textAlign = "right";
  for (const value of ticks(range[1][0], range[1][1], h / 60)) context.fillText(brief(value), left - 5, y(value) + 4);
  context.textAlign = "center";
  context.fillStyle = color("--ink");
  context.fillText(names[0], left + w / 2, top + h + 29);
  context.save();
  context.translate(11, top + h / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(names[1], 0, 0);
  context.restore();
  context.strokeRect(left - 0.5, top - 0.5, w + 1, h + 1);
}

/**
 * The output over a line: one curve, or one for each class.
 * @param {CanvasRenderingContext2D} context
 * @param {ReturnType<typeof axes>} place
 * @param {any} plane  the view of it; of a unit that is pointed at, the curve is dashed
 * @param {any} run
 */
export function drawCurve(context, { x, y, range, left, top, w, h }, plane, run) {
  const { shape: [k, count], data } = plane.A;
  context.save();
  context.beginPath();
  context.rect(left, top, w, h);
  context.clip();
  if (run.data.task !== "regression") {
    context.strokeStyle = color("--soft");
    context.setLineDash([4, 4]);
    context.strokeRect(left - 5, y(0.5), w + 10, h * 2);
    context.setLineDash([]);
  }
  const follow = (values, from) => {
    context.beginPath();
    for (let i = 0; i < count; i++) context.lineTo(x(range[0][0] + ((range[0][1] - range[0][0]) * i) / (count - 1)), y(values[from + i]));
    context.stroke();
  };
  context.lineWidth = 2.5;
  for (let c = 0; c < k; c++) {
    context.strokeStyle = k > 1 ? classColor(c) : color("--accent");
    follow(data, c * count);
  }
  if (plane.a) {
    context.strokeStyle = color("--ink");
    context.setLineDash([6, 4]);
    follow(plane.a.data, 0);
    context.setLineDash([]);
  }
  context.restore();
}

const sprites = new Map();

/** A point's mark as a small canvas: copies are faster than paths. */
function sprite(fill, shape, hollow, wrong) {
  const ratio = devicePixelRatio || 1;
  const key = [fill, shape, hollow, wrong, dark(), ratio].join();
  if (sprites.has(key)) return sprites.get(key);
  const canvas = document.createElement("canvas");
  const side = 2 * (POINT + 6);
  canvas.width = canvas.height = side * ratio;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const card = color("--card");
  if (wrong) {
    for (const { stroke, width } of [{ stroke: card, width: 3 }, { stroke: color("--ink"), width: 1.3 }]) {
      context.strokeStyle = stroke;
      context.lineWidth = width;
      context.beginPath();
      context.arc(side / 2, side / 2, POINT + 2.8, 0, 7);
      context.stroke();
    }
  }
  context.fillStyle = card;
  context.strokeStyle = card;
  context.lineWidth = hollow ? 3.2 : 1.2;
  mark(context, shape, side / 2, side / 2, hollow ? POINT - 0.8 : POINT);
  context.fillStyle = hollow ? card : fill;
  context.strokeStyle = hollow ? fill : card;
  context.lineWidth = hollow ? 1.6 : 0.8;
  mark(context, shape, side / 2, side / 2, hollow ? POINT - 0.8 : POINT);
  if (sprites.size > 400) sprites.clear();
  sprites.set(key, canvas);
  return canvas;
}

/**
 * One example, at a place.
 * @param {CanvasRenderingContext2D} context
 * @param {any} run
 * @param {number} px @param {number} py
 * @param {number} y       its class or target
 * @param {number | null} answer  the network's, null where there is none
 * @param {boolean} hollow  held out
 */
export function drawPoint(context, run, px, py, y, answer, hollow) {
  const side = 2 * (POINT + 6);
  const regression = run.data.task === "regression";
  const { middle, reach } = middleOf(run);
  const fill = regression ? shade(Math.round((12 * (y - middle)) / reach) / 12) : classColor(y);
  const image = sprite(fill, regression ? "circle" : classShape(y), hollow, !regression && answer !== null && answer !== y);
  context.drawImage(image, px - side / 2, py - side / 2, side, side);
}
