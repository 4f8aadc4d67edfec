/** Colors, numbers and canvases, the same on every panel. */

/** Two colors of Okabe and Ito, through white or the dark ground: below 0 the first, above it the second. */
const BELOW = [213, 94, 0];
const ABOVE = [0, 114, 178];
const CLASSES = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d00", "#7f7f7f", "#a04000", "#004d7a"];
const SHAPES = ["square", "circle", "triangle", "diamond", "cross", "star", "square", "circle", "triangle", "diamond"];

const darkness = matchMedia("(prefers-color-scheme: dark)");

const colors = new Map();

/** The element of the lab, which has the colors: the body of a page, or a place in a notebook. */
let root = document.documentElement;

/** @param {HTMLElement} lab the element that has the colors from now on */
export const takeColors = (lab) => { root = lab; colors.clear(); };

/** Whether the lab is dark. */
export const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : darkness.matches);

/** @param {string} name of a color in style.css, such as "--ink" @returns {string} */
export function color(name) {
  const key = name + dark(); // reading a style takes longer than drawing a line
  if (!colors.get(key)) {
    const value = getComputedStyle(root).getPropertyValue(name).trim();
    const [, light, night] = value.match(/^light-dark\((.+), (.+)\)$/) ?? [null, value, value];
    colors.set(key, dark() ? night : light);
  }
  return colors.get(key);
}

/** @param {string} hex "#0072b2" @returns {number[]} red, green and blue */
export const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** What is under colors that fade away: white, or the dark ground. @returns {number[]} */
export const ground = () => rgb(color("--card"));

/** @param {number} k @returns {string} the color of a class */
export const classColor = (k) => CLASSES[k % CLASSES.length];

/** @param {number} k @returns {string} the shape of a class, the second cue */
export const classShape = (k) => SHAPES[k % SHAPES.length];

/**
 * The shades from −1 to 1 as 256 colors, in bytes.
 * @returns {Uint8Array} 256 × 3
 */
export function shades() {
  const table = new Uint8Array(256 * 3), under = ground();
  for (let k = 0; k < 256; k++) {
    const t = k / 127.5 - 1;
    const end = t < 0 ? BELOW : ABOVE;
    for (let c = 0; c < 3; c++) table[3 * k + c] = under[c] + (end[c] - under[c]) * Math.min(1, Math.abs(t));
  }
  return table;
}

/**
 * A number from −1 to 1 as a color.
 * @param {number} t
 * @returns {string}
 */
export function shade(t) {
  const table = shadesNow();
  const k = 3 * Math.max(0, Math.min(255, Math.round((t + 1) * 127.5)));
  return `rgb(${table[k]} ${table[k + 1]} ${table[k + 2]})`;
}

let kept = null;
let keptDark = null;

/** The shades of the theme that is there now. @returns {Uint8Array} */
export function shadesNow() {
  if (keptDark !== dark()) [kept, keptDark] = [shades(), dark()];
  return kept;
}

/**
 * Paint numbers as shades into a canvas of as many pixels; it is stretched by CSS or drawImage.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @param {ArrayLike<number>} values row by row, rows × columns from `offset` on
 * @param {number} rows
 * @param {number} columns
 * @param {{ offset?: number, middle?: number, reach?: number, flip?: boolean }} [how] the value that is white, how far
 *   from it the full color is; flip: the first row is the lowest
 */
export function paint(canvas, values, rows, columns, { offset = 0, middle = 0, reach = 1, flip = false } = {}) {
  if (canvas.width !== columns) canvas.width = columns;
  if (canvas.height !== rows) canvas.height = rows;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  const table = shadesNow();
  const pixels = image.data;
  for (let r = 0; r < rows; r++) {
    const from = offset + (flip ? rows - 1 - r : r) * columns;
    for (let c = 0; c < columns; c++) {
      const t = (values[from + c] - middle) / reach;
      const k = 3 * (t >= 1 ? 255 : t > -1 ? Math.round((t + 1) * 127.5) : 0);
      const p = 4 * (r * columns + c);
      pixels[p] = table[k];
      pixels[p + 1] = table[k + 1];
      pixels[p + 2] = table[k + 2];
      pixels[p + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

/**
 * Give a canvas the pixels of the screen for the size that it has on the page.
 * @param {HTMLCanvasElement} canvas
 * @param {[number, number]} [size] where it is known: to ask for it makes the browser lay out what has changed
 * @returns {{ context: CanvasRenderingContext2D, width: number, height: number }} sizes in CSS pixels; it is empty
 */
export function fit(canvas, [width, height] = [canvas.clientWidth, canvas.clientHeight]) {
  const ratio = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/**
 * The mark of a class, centered.
 * @param {CanvasRenderingContext2D} context
 * @param {string} shape
 * @param {number} x
 * @param {number} y
 * @param {number} r
 */
export function mark(context, shape, x, y, r) {
  context.beginPath();
  if (shape === "circle") context.arc(x, y, r, 0, 7);
  else if (shape === "square") context.rect(x - r * 0.9, y - r * 0.9, 1.8 * r, 1.8 * r);
  else {
    const corners = { triangle: [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]], diamond: [[0, -1.3], [1.1, 0], [0, 1.3], [-1.1, 0]] }[shape] ??
      [[-0.4, -1.2], [0.4, -1.2], [0.4, -0.4], [1.2, -0.4], [1.2, 0.4], [0.4, 0.4], [0.4, 1.2], [-0.4, 1.2], [-0.4, 0.4], [-1.2, 0.4], [-1.2, -0.4], [-0.4, -0.4]];
    corners.forEach(([dx, dy], i) => (i ? context.lineTo(x + dx * r, y + dy * r) : context.moveTo(x + dx * r, y + dy * r)));
    context.closePath();
  }
  context.fill();
  context.stroke();
}

/**
 * A number for people: four digits, a real minus.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 * @returns {string}
 */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1).replace(/\.?0+e/, "e") : Number(value.toPrecision(digits)).toString();
  return text.replaceAll("-", "−").replace("e+", "e");
}

const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

/** A round number beside an axis, as short as it can be: 0.5, 500K, 2e−6. @param {number} value @returns {string} */
export function brief(value) {
  const size = Math.abs(value);
  if (size >= 1e4 && size < 1e13) return compact.format(value).replace("-", "−");
  return size && (size < 1e-3 || size >= 1e13) ? value.toExponential().replace("+", "").replaceAll("-", "−") : number(value, 3);
}

const grouped = new Intl.NumberFormat("en-US");

/** @param {number} value a whole number @returns {string} with commas */
export const count = (value) => grouped.format(Math.round(value));

/**
 * The element of a tag.
 * @template {string} T
 * @typedef {T extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[T] : HTMLElement} Tagged
 */

/**
 * An element, its properties, and what is in it.
 * @template {string} N
 * @param {N} name tag, with classes after points: "button.quiet"
 * @param {Record<string, any>} [properties] attributes; functions are listeners ("click")
 * @param {...(Node | string | number | null | undefined | false)} children
 * @returns {N extends `${infer T}.${string}` ? Tagged<T> : Tagged<N>}
 */
export function element(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  made.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(.../** @type {string[]} */ (children.filter((child) => child !== null && child !== undefined && child !== false)));
  return /** @type {any} */ (made);
}

/**
 * Terms, each with what it is, as they stand in a dl.
 * @param {any} lines pairs; what is none is left out
 * @returns {HTMLElement[]}
 */
export const terms = (lines) => lines.filter(Boolean).flatMap(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]);

/**
 * Paint an image into a canvas of as many pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} shape height, width, channels
 * @param {(at: number) => number} byte of its numbers, row by row, channel by channel
 */
export function paintImage(canvas, [height, width, channels], byte) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let p = 0; p < height * width; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = byte(p * channels + (channels < 3 ? 0 : c));
    image.data[4 * p + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/**
 * The nearest of some points in pixels, less than so far away; null where there is none.
 * @param {{ x: number, y: number }[]} points
 * @param {number[]} place
 * @param {number} reach
 * @returns {any}
 */
export function nearest(points, [px, py], reach) {
  let [best, away] = [null, reach];
  for (const point of points) {
    const distance = Math.hypot(point.x - px, point.y - py);
    if (distance < away) [best, away] = [point, distance];
  }
  return best;
}

/** Put a text where other programs find it. @returns {Promise<boolean>} whether the browser lets a page do that */
export const copy = (text) => navigator.clipboard.writeText(text).then(() => true, () => false);

/**
 * Whether a person can see an element.
 * @param {Element} place
 * @param {() => void} [act] called when it comes into sight
 * @returns {() => boolean}
 */
export function sight(place, act = () => {}) {
  let on = false;
  new IntersectionObserver((entries) => {
    on = entries[entries.length - 1].isIntersecting;
    if (on) act();
  }).observe(place);
  return () => on;
}

/**
 * Round numbers of a range, about so many.
 * @param {number} low
 * @param {number} high
 * @param {number} [about]
 * @returns {number[]}
 */
export function ticks(low, high, about = 5) {
  const rough = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((each) => each * power >= 0.75 * rough) * power;
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

/** The next of 1, 2, 5, 10, … times a power of ten from a number above 0 on. @param {number} value @returns {number} */
export function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((each) => each * power >= value * 0.999999) * power;
}
