/** Small pictures of data, before a network learns from it. */

import { classColor, classShape, color, fit, mark, paintImage, shade } from "./draw.js";

const POINT = 2.6; // pixels
const EDGE = 8;
const APART = 2; // pixels between two pictures

/**
 * Draw some examples: pictures, the points of a plane, or a line.
 * @param {HTMLCanvasElement} canvas
 * @param {any} found what `understand` says of a source
 */
export function drawPreview(canvas, found) {
  const { context, width, height } = fit(canvas);
  if (!width) return;
  if (found?.spread) return drawSpread(context, width, height, found.spread.counts.data);
  if (!found?.preview) return;
  if (found.image) return drawPictures(context, width, height, found);
  const { x, y } = found.preview;
  const [n, m] = x.shape;
  const regression = found.task === "regression";
  const rows = [x.data.subarray(0, m), n > 1 ? x.data.subarray(m, 2 * m) : y.data];
  const [across, up] = rows.map((values, axis) => scale(values, axis ? [height - EDGE, EDGE] : [EDGE, width - EDGE]));
  const values = scale(y.data, [-1, 1]);
  context.strokeStyle = color("--card");
  context.lineWidth = 0.6;
  const step = [7, 11, 13].find((prime) => m % prime) ?? 1; // else the class that comes last would lie above
  for (let k = 0; k < m; k++) {
    const at = (k * step) % m;
    const of = y.data[at];
    context.fillStyle = regression ? (n > 1 ? shade(values(of)) : color("--accent")) : classColor(of);
    mark(context, regression ? "circle" : classShape(of), across(rows[0][at]), up(rows[1][at]), POINT);
  }
}

/** How many numbers there are in each part of their range. */
function drawSpread(context, width, height, counts) {
  const most = Math.max(...counts);
  const step = (width - 2 * EDGE) / counts.length;
  context.fillStyle = color("--accent");
  counts.forEach((count, k) => {
    const up = (count / most) * (height - 2 * EDGE);
    context.fillRect(EDGE + k * step, height - EDGE - up, step - 1, up);
  });
}

/** From numbers to a range, the lowest to its beginning. */
function scale(values, [from, to]) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return (value) => (high > low ? from + ((value - low) / (high - low)) * (to - from) : (from + to) / 2);
}

function drawPictures(context, width, height, { image: [h, w, channels], preview: { x } }) {
  const k = x.shape[1];
  const across = Math.max(1, Math.min(k, Math.ceil(Math.sqrt((k * width * h) / (height * w)))));
  const down = Math.ceil(k / across);
  const size = Math.min((width - APART * (across + 1)) / (across * w), (height - APART * (down + 1)) / (down * h));
  let high = 0;
  for (const value of x.data) if (value > high) high = value;
  const one = document.createElement("canvas");
  context.imageSmoothingEnabled = false;
  for (let i = 0; i < k; i++) {
    paintImage(one, [h, w, channels], (at) => (255 * x.data[at * k + i]) / (high || 1));
    context.drawImage(one, APART + (i % across) * (size * w + APART), APART + Math.floor(i / across) * (size * h + APART), size * w, size * h);
  }
}
