/** Examples that are no points of a plane: pictures, rows of a table, and answers against targets. */

import { crossed } from "./names.js";
import { brief, classColor, color, count, element, fit, number, paintImage, ticks } from "./draw.js";

const PICTURES = 60;
const ROWS = 12;

/** What the network says and what is true, of an example of a view. */
function verdict(run, view, at) {
  const name = (k) => run.data.classes[k] ?? String(k);
  if (run.data.task === "regression") return { answer: number(view.answer.data[at]), y: number(view.y.data[at]), wrong: false };
  const [y, answer] = [view.y.data[at], view.answer.data[at]];
  return { answer: name(answer), y: name(y), wrong: y !== answer };
}

/**
 * Pages of examples: pictures where they are images, else rows of cells.
 * @param {import("./store.js").Store} store
 * @param {() => boolean} wanted
 * @returns {{ body: HTMLElement, draw: () => void, reset: () => void }}
 */
export function pages(store, wanted) {
  const { selection } = store;
  let [first, part, wrong] = [0, "train", false];
  let painted = ""; // which pictures there are
  let tiles = [];
  const isImage = () => Boolean(store.run?.data.image);
  const size = () => (isImage() ? PICTURES : ROWS);
  const turn = (by) => { first = Math.max(0, first + by * size()); store.refresh(); };

  const said = element("span.where", {});
  const back = element("button.quiet", { type: "button", "aria-label": "the examples before", click: () => turn(-1) }, "◂");
  const on = element("button.quiet", { type: "button", "aria-label": "the examples after", click: () => turn(1) }, "▸");
  const check = (label, change) => element("label", {}, element("input", { type: "checkbox", change: (event) => { change(event.target.checked); first = 0; store.refresh(); } }), label);
  const held = check("held out", (yes) => { part = yes ? "validation" : "train"; });
  const failures = check("wrong only", (yes) => { wrong = yes; });
  const grid = element("div.gallery", { role: "group", "aria-label": "examples" });
  const sheet = element("div.scroll.sheet");
  const otherwise = element("p.readout", { hidden: true });
  const body = element("div.pages", {}, element("div.under", {}, back, said, on, held, failures), otherwise, grid, sheet);

  const key = () => [store.run?.id, store.run?.revision, part, wrong, first].join();
  store.want("plane.rows", () => {
    if (!wanted()) return null;
    const asked = { first, count: size(), part, wrong };
    return isImage() ? { view: "pictures", images: wrong || painted !== key(), ...asked } : { view: "cells", ...asked };
  });

  const choose = (view, at) => store.select({ example: { part: view.part, index: view.index.data[at] }, tab: "walk" });
  const isChosen = (view, at) => selection.example?.part === view.part && selection.example.index === view.index.data[at];

  function draw() {
    const view = store.shown["plane.rows"];
    if (!view?.index) return;
    const run = store.run;
    const shown = view.index.data.length;
    first = view.first;
    said.textContent = shown ? `${count(first + 1)}–${count(first + shown)} of ${count(view.of)}${wrong ? " wrong ones" : ""}` : "none";
    otherwise.textContent = crossed(run, view.part);
    otherwise.hidden = !otherwise.textContent;
    back.disabled = first === 0;
    on.disabled = first + shown >= view.of;
    held.hidden = !run.data.m_val;
    failures.hidden = run.data.task === "regression";
    [grid.hidden, sheet.hidden] = [!isImage(), isImage()];
    if (isImage()) drawPictures(run, view);
    else drawRows(run, view);
  }

  function drawPictures(run, view) {
    if (view.images) {
      [tiles, painted] = [[...view.index.data.keys()].map((at) => tile(view, at)), key()];
      grid.replaceChildren(...tiles.map(({ button }) => button));
    }
    tiles.forEach(({ button, answer }, at) => {
      if (at >= view.index.data.length) return;
      const now = verdict(run, view, at);
      const text = now.wrong ? `${now.answer} ≠ ${now.y}` : now.answer;
      if (answer.textContent !== text) {
        answer.textContent = text;
        button.classList.toggle("wrong", now.wrong);
        button.setAttribute("aria-label", `${view.part === "train" ? "training" : "held-out"} example ${view.index.data[at]}: the network says ${now.answer}, ${now.wrong ? `wrong: it is ${now.y}` : "right"}`);
      }
      button.setAttribute("aria-pressed", String(isChosen(view, at)));
    });
  }

  function tile(view, at) {
    const [, high, wide, channels] = view.images.shape;
    const canvas = element("canvas", { "aria-hidden": "true" }), from = at * high * wide * channels;
    paintImage(canvas, [high, wide, channels], (k) => view.images.data[from + k]);
    const answer = element("span");
    return { answer, button: element("button.picture", { type: "button", click: () => choose(store.shown["plane.rows"], at) }, canvas, answer) };
  }

  function drawRows(run, view) {
    const focused = sheet.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.at : null;
    const regression = run.data.task === "regression";
    const line = (cells, at) => {
      const now = verdict(run, view, at);
      const index = view.index.data[at];
      const pick = element("button.quiet", { type: "button", "data-at": at, "aria-label": `example ${index}`, "aria-pressed": String(isChosen(view, at)), click: () => choose(view, at) }, String(index));
      const row = element(now.wrong ? "tr.wrong" : "tr", { click: (event) => event.target.closest("button") || choose(view, at) },
        element("th", { scope: "row" }, pick), element("td.answer", {}, now.answer, now.wrong && element("span.cross", { title: "wrong" }, " ✗")), element("td.target", {}, now.y), ...cells.map((text) => element("td", {}, text)));
      row.classList.toggle("on", isChosen(view, at));
      return row;
    };
    const head = [["example", "counted from 0, as the columns of X in the code"], [regression ? "ŷ" : "network says", "what the network answers"], [`${run.data.target || "y"} (true)`, "the target"], ...view.header.map((name) => [name])];
    sheet.replaceChildren(element("table", {},
      element("thead", {}, element("tr", {}, ...head.map(([text, title]) => element("th", { scope: "col", title }, text)))),
      element("tbody", {}, ...view.rows.map(line))));
    if (focused !== null) (/** @type {HTMLElement} */ (sheet.querySelector(`[data-at="${focused}"]`)))?.focus({ preventScroll: true });
  }

  return { body, draw, reset() { [first, painted] = [0, ""]; } };
}

/**
 * Answers against targets of a regression: on the diagonal, the network is right.
 * @param {HTMLCanvasElement} canvas
 * @param {any} view  "examples"
 * @param {any} run
 * @param {string[]} parts that are drawn
 * @returns {{ part: string, index: number, x: number, y: number }[]} where the points are
 */
export function scatter(canvas, view, run, parts) {
  const { context, width, height } = fit(canvas);
  const [low, high] = run.data.target_range;
  const margin = 0.08 * (high - low || 1);
  const [from, to] = [low - margin, high + margin];
  const [left, top, w, h] = [44, 8, width - 54, height - 44];
  const x = (value) => left + ((value - from) / (to - from)) * w;
  const y = (value) => top + h - ((Math.max(from, Math.min(to, value)) - from) / (to - from)) * h;
  context.font = '11px system-ui, "DejaVu Sans", sans-serif';
  context.fillStyle = color("--soft");
  context.textAlign = "center";
  for (const value of ticks(from, to, w / 70)) context.fillText(brief(value), x(value), top + h + 14);
  context.textAlign = "right";
  for (const value of ticks(from, to, h / 60)) context.fillText(brief(value), left - 5, y(value) + 4);
  context.fillStyle = color("--ink");
  context.textAlign = "center";
  context.fillText(`${run.data.target || "y"} (true)`, left + w / 2, top + h + 30);
  context.save();
  context.translate(11, top + h / 2);
  context.rotate(-Math.PI / 2);
  context.fillText("ŷ (the network)", 0, 0);
  context.restore();
  context.strokeStyle = color("--line");
  context.strokeRect(left, top, w, h);
  context.strokeStyle = color("--soft");
  context.setLineDash([4, 4]);
  context.beginPath();
  context.moveTo(x(from), y(from));
  context.lineTo(x(to), y(to));
  context.stroke();
  context.setLineDash([]);
  const points = [];
  for (const part of parts) {
    const fill = part === "train" ? classColor(1) : color("--card");
    context.globalAlpha = part === "train" ? 0.75 : 1;
    view[part].y.data.forEach((target, index) => {
      const place = { part, index, x: x(target), y: y(view[part].answer.data[index]) };
      if (!Number.isFinite(place.y)) return;
      points.push(place);
      context.beginPath();
      context.arc(place.x, place.y, 3, 0, 7);
      context.fillStyle = fill;
      context.strokeStyle = classColor(1);
      context.fill();
      context.stroke();
    });
  }
  context.globalAlpha = 1;
  return points;
}
