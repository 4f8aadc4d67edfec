/** A plot over the steps of the time line: axes, a readout by pointer and by keys, log or linear, a table behind it. */

import { brief, color, count, element, fit, number, ticks } from "./draw.js";

/**
 * @typedef {object} Line
 * @property {string} name             in the readout and the table
 * @property {string} [label]          at its end
 * @property {ArrayLike<number>} x     steps, rising
 * @property {ArrayLike<number>} y     what is not finite leaves a gap
 * @property {ArrayLike<number>} [low] with `high`: a band around it
 * @property {ArrayLike<number>} [high]
 * @property {string} color
 * @property {number[]} [dash]
 * @property {boolean} [faint]
 *
 * @typedef {{ lines: Line[], step: number, end: number, changes: { step: number, words: string, color: string }[] }} Seen
 */

const LEFT = 46, TOP = 10, BOTTOM = 20, ROWS = 24;
const DASHES = [[], [7, 3], [2, 2.5], [9, 3, 2, 3], [4, 2], [1, 3]];

/** @param {number} k of a run @returns {{ color: string, dash: number[] }} the color, and the dashes as the second cue */
export const style = (k) => ({ color: color(`--run-${(k - 1) % 6}`), dash: DASHES[(k - 1) % DASHES.length] });

/** @param {number} k @returns {number[]} */
export const dashes = (k) => DASHES[k % DASHES.length];

/** The last place whose step is at most this; −1 where there is none. */
function place(x, step) {
  let [low, high] = [0, x.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] <= step) low = middle + 1; else high = middle;
  }
  return low - 1;
}

/** Powers of ten from low to high, a few of them. */
function powers(low, high, room) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const every = Math.ceil((last - first) / room), within = last - first <= 2 ? [1, 2, 5] : [1];
  return [...Array(last - first + 1).keys()].filter((k) => k % every === 0).flatMap((k) => within.map((each) => Number((each * 10 ** (first + k)).toPrecision(3)))).filter((tick) => tick >= low && tick <= high);
}

export class Plot {
  /** @type {(step: number) => void} */ go;
  /** @type {[number, number] | null} */ range;
  /** @type {number} */ floor;
  /** @type {boolean} */ log;

  /**
   * @param {string} title
   * @param {{ go: (step: number) => void, log?: boolean, range?: [number, number], floor?: number, note?: string }} how
   *   range: that it shows at least; floor: it shows nothing below; note: what exactly is shown
   */
  constructor(title, { go, log = false, range = null, floor = -Infinity, note = "" }) {
    Object.assign(this, { go, log, range, floor });
    /** @type {number | null} the step that is read */
    this.cursor = null;
    this.held = false; // by a pointer
    /** @type {Seen} */
    this.seen = { lines: [], step: 0, end: 0, changes: [] };
    this.title = element("h3", { title: note }, title);
    this.readout = element("p.readout");
    this.canvas = element("canvas", { tabindex: 0, role: "slider", "aria-valuemin": 0, "aria-orientation": "horizontal", keydown: (event) => this._key(event) });
    this.table = element("div.rows", { hidden: true, tabindex: 0, role: "region" });
    const scale = element("button.quiet", { type: "button", "aria-pressed": String(log), title: "logarithmic scale", click: () => {
      this.log = !this.log;
      scale.setAttribute("aria-pressed", String(this.log));
      this.draw();
    } }, "log");
    const rows = element("button.quiet", { type: "button", "aria-pressed": "false", title: "the numbers as a table", click: () => {
      this.table.hidden = !this.table.hidden;
      this.canvas.hidden = !this.table.hidden;
      rows.setAttribute("aria-pressed", String(!this.table.hidden));
      this.draw();
    } }, "table");
    this.element = element("figure.plot", {}, element("figcaption", {}, this.title, range ? null : scale, rows), this.canvas, this.table, this.readout);
    this._listen();
    this.rename(title);
    /** @type {[number, number]} */
    this.size = [0, 0];
    new ResizeObserver(() => {
      this.size = [this.canvas.clientWidth, this.canvas.clientHeight];
      this.draw();
    }).observe(this.canvas);
  }

  /** @param {string} title */
  rename(title) {
    this.title.textContent = title;
    this.canvas.setAttribute("aria-label", `${title}: arrow keys read it, Enter goes to the step`);
    this.table.setAttribute("aria-label", title);
  }

  /** @param {Seen} seen */
  show(seen) {
    this.seen = seen;
    this.draw();
  }

  _listen() {
    const { canvas } = this;
    const at = (event) => {
      this.cursor = this._step(event.offsetX);
      if (this.held) this.go(this.cursor);
      this.draw();
    };
    canvas.addEventListener("pointermove", at);
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.held = true;
      at(event);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this.held = false; });
    for (const end of ["pointerleave", "blur"]) canvas.addEventListener(end, () => { this.cursor = null; this.draw(); });
  }

  _key(event) {
    const { lines, step, end } = this.seen;
    const x = lines.find((line) => !line.faint)?.x ?? [];
    const here = this.cursor ?? step;
    const next = {
      ArrowLeft: () => x[place(x, here - 1)] ?? 0, ArrowRight: () => x[place(x, here) + 1] ?? end,
      PageUp: () => Math.max(0, here - Math.ceil(end / 10)), PageDown: () => Math.min(end, here + Math.ceil(end / 10)), Home: () => 0, End: () => end,
    }[event.key];
    if (event.key === "Enter") this.go(here);
    else if (next) this.cursor = next();
    else return;
    event.preventDefault();
    this.draw();
  }

  _step(x) {
    const { left, width, end } = this.scale ?? { left: 0, width: 1, end: 1 };
    return Math.round(Math.max(0, Math.min(1, (x - left) / width)) * end);
  }

  /**
   * What each line has at a step.
   * @param {number} step
   * @returns {[string, number][]}
   */
  _values(step) {
    return this.seen.lines.filter((line) => line.name).map((line) => [line.name, line.y[place(line.x, step)]]);
  }

  draw() {
    const { step, end } = this.seen;
    const here = Math.min(this.cursor ?? step, end);
    if (this.table.hidden) this._paint(here); else this._list();
    this._tell(here);
  }

  _tell(here) {
    const { end } = this.seen;
    const change = this.seen.changes.find((each) => this.cursor !== null && Math.abs(each.step - here) <= end / 100);
    const values = this._values(here).map(([name, value]) => `${name} ${number(Number.isFinite(value) ? value : null)}`).join(" · ");
    this.readout.textContent = `step ${count(here)}: ${values || "–"}${change ? ` · from step ${count(change.step)} on ${change.words}` : ""}`;
    this.canvas.setAttribute("aria-valuemax", String(end));
    this.canvas.setAttribute("aria-valuenow", String(here));
    this.canvas.setAttribute("aria-valuetext", this.readout.textContent);
  }

  /** The lowest and the highest that is to be seen. */
  _range() {
    let [low, high] = this.range ?? [Infinity, -Infinity];
    for (const { y, low: under, high: over } of this.seen.lines)
      for (const values of [y, under, over])
        for (let k = 0; values && k < values.length; k++) {
          const value = values[k];
          if (!Number.isFinite(value) || (this.log && value <= 0)) continue;
          if (value < low) low = value;
          if (value > high) high = value;
        }
    low = Math.max(low, this.floor);
    if (low > high) [low, high] = this.log ? [0.1, 1] : [0, 1];
    if (this.log) return low === high ? [low / 2, high * 2] : [low, high];
    if (!this.range && low > 0 && low < high / 3) low = 0;
    return low === high ? [low - 0.5, high + 0.5] : [low, high];
  }

  _paint(here) {
    const { context: pen, width: whole, height } = fit(this.canvas, this.size);
    if (!whole) return;
    const { lines, step } = this.seen, end = Math.max(1, this.seen.end);
    pen.font = "11px system-ui, sans-serif";
    const labels = lines.filter((line) => line.label);
    const right = Math.min(whole / 3, 10 + Math.max(0, ...labels.map(({ label }) => pen.measureText(label).width)));
    const [width, tall] = [whole - LEFT - right, height - TOP - BOTTOM];
    const [low, high] = this._range();
    const of = this.log ? Math.log10 : (value) => value;
    const X = (at) => LEFT + (at / end) * width;
    const Y = (value) => TOP + tall * (1 - (of(value) - of(low)) / (of(high) - of(low)));
    this.scale = { left: LEFT, width, end };
    const [ink, soft, faint] = ["--ink", "--soft", "--line"].map(color);

    pen.lineWidth = 1;
    pen.strokeStyle = faint;
    pen.fillStyle = soft;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const tick of this.log ? powers(low, high, tall / 32) : ticks(low, high, Math.max(2, tall / 32))) {
      rule(pen, LEFT, Y(tick), LEFT + width, Y(tick));
      pen.fillText(brief(tick), LEFT - 6, Y(tick));
    }
    pen.textBaseline = "top";
    pen.textAlign = "center";
    for (const tick of ticks(0, end, Math.max(2, width / 60))) if (Number.isInteger(tick)) pen.fillText(count(tick), X(tick), TOP + tall + 5);

    for (const { step: at, color: ground } of this.seen.changes) {
      pen.strokeStyle = pen.fillStyle = ground;
      pen.setLineDash([2, 2]);
      rule(pen, X(at), TOP, X(at), TOP + tall);
      pen.setLineDash([]);
      pen.beginPath();
      pen.moveTo(X(at) - 4, TOP - 6);
      pen.lineTo(X(at) + 4, TOP - 6);
      pen.lineTo(X(at), TOP);
      pen.fill();
    }

    for (const [from, to, alpha] of [[0, X(step), 1], [X(step), whole, 0.35]]) { // the past, and a future that is known
      pen.save();
      pen.beginPath();
      pen.rect(from, TOP - 2, to - from, tall + 4);
      pen.clip();
      for (const line of lines) trace(pen, line, X, (value) => (Number.isFinite(value) && (!this.log || value > 0) ? Y(value) : null), alpha);
      pen.restore();
    }

    pen.strokeStyle = ink;
    rule(pen, X(step), TOP - 4, X(step), TOP + tall);
    if (this.cursor !== null) {
      pen.strokeStyle = soft;
      pen.setLineDash([3, 3]);
      rule(pen, X(here), TOP, X(here), TOP + tall);
      pen.setLineDash([]);
    }
    for (const { x, y, color: ground, faint: pale } of lines) {
      const value = y[place(x, here)];
      if (pale || !Number.isFinite(value) || (this.log && value <= 0)) continue;
      pen.fillStyle = ground;
      pen.beginPath();
      pen.arc(X(here), Y(value), 2.6, 0, 7);
      pen.fill();
    }
    this._label(pen, labels, LEFT + width + 6, Y, tall, right - 8);
  }

  /** The names at the ends of the lines, none over another. */
  _label(pen, labels, x, Y, tall, room) {
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    const ends = labels.map(({ label, y, color: ground }) => ({ label, ground, y: Y(y[y.length - 1]) })).filter(({ y }) => Number.isFinite(y)).sort((a, b) => a.y - b.y);
    for (let k = 1; k < ends.length; k++) ends[k].y = Math.max(ends[k].y, ends[k - 1].y + 11);
    for (let k = ends.length - 1, floor = TOP + tall; k >= 0; k--, floor -= 11) ends[k].y = Math.min(ends[k].y, floor);
    for (const { label, ground, y } of ends) {
      pen.fillStyle = ground;
      pen.fillText(fitted(pen, label, room), x, y);
    }
  }

  _list() {
    const lines = this.seen.lines.filter((line) => line.name), { end } = this.seen;
    const steps = [...new Set([...Array(ROWS + 1).keys()].map((k) => Math.round((end * k) / ROWS)))];
    const head = element("tr", {}, element("th", { scope: "col" }, "step"), ...lines.map(({ name }) => element("th", { scope: "col" }, name)));
    this.table.replaceChildren(element("table", {}, element("thead", {}, head), element("tbody", {}, ...steps.map((step) =>
      element("tr", {}, element("th", { scope: "row" }, count(step)), ...this._values(step).map(([, value]) => element("td", {}, number(Number.isFinite(value) ? value : null))))))));
  }
}

function rule(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}

/**
 * A line with its band.
 * @param {CanvasRenderingContext2D} pen
 * @param {Line} line
 * @param {(step: number) => number} X
 * @param {(value: number) => number | null} Y
 * @param {number} alpha
 */
function trace(pen, { x, y, low, high, color: ground, dash = [], faint }, X, Y, alpha) {
  pen.strokeStyle = pen.fillStyle = ground;
  if (low && high && x.length > 1) {
    pen.globalAlpha = 0.18 * alpha;
    pen.beginPath();
    for (let k = 0; k < x.length; k++) pen.lineTo(X(x[k]), Y(high[k]) ?? 0);
    for (let k = x.length - 1; k >= 0; k--) pen.lineTo(X(x[k]), Y(low[k]) ?? 0);
    pen.fill();
  }
  pen.globalAlpha = alpha * (faint ? 0.3 : 1);
  pen.lineWidth = faint ? 1 : 1.6;
  pen.setLineDash(faint ? [] : dash);
  pen.beginPath();
  let open = false;
  for (let k = 0; k < x.length; k++) {
    const at = Y(y[k]);
    if (at === null) open = false;
    else if (open) pen.lineTo(X(x[k]), at);
    else { pen.moveTo(X(x[k]), at); open = true; }
  }
  pen.stroke();
  if (x.length === 1 && open) pen.fillRect(X(x[0]) - 1.5, Y(y[0]) - 1.5, 3, 3);
  pen.setLineDash([]);
  pen.globalAlpha = 1;
  pen.lineWidth = 1;
}

/** A text as far as there is room for it. */
function fitted(pen, text, room) {
  let shown = text;
  while (shown.length > 1 && pen.measureText(shown).width > room) shown = `${shown.replace(/…$/, "").slice(0, -1)}…`;
  return shown;
}
