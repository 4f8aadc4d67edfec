import { against, differences } from "./changes.js";
import { classColor, color, count, dark, element, fit, number, sight, terms } from "./draw.js";
import { paintField, ranges } from "./field.js";
import { style } from "./plot.js";
import { swatch } from "./runs.js";

const SIDE = 56; // points along a side of the small pictures

/**
 * Two or more runs side by side: a picture of each, how far it is, and what differs.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountCompare(place, store) {
  const head = element("h2");
  const cards = element("div.cards");
  place.append(head, cards);
  place.hidden = true;
  const visible = sight(place, () => store.refresh());
  const wanted = new Set();
  let made = new Map(), drawn = "";

  store.on("lab", (lab) => {
    place.hidden = lab.runs.length < 2;
    for (const { id } of lab.runs) {
      if (wanted.has(id)) continue;
      wanted.add(id);
      const there = () => visible() && store.lab.runs.length > 1 && store.lab.runs.find((run) => run.id === id);
      store.want(`small:${id}`, () => (there() && plane(there()) && store.due ? { view: "plane", run: id, side: SIDE } : null));
      store.want(`mark:${id}`, () => (there() && store.due ? { view: "mark", run: id, here: !store.fast } : null));
    }
    const now = JSON.stringify([lab.active, lab.runs.map((run) => [run.id, run.name, run.revision, run.options])]);
    if (place.hidden || now === drawn) return;
    drawn = now;
    const [first, ...others] = lab.runs;
    head.textContent = others.length === 1 ? against(first, others[0]) : `${lab.runs.length} runs, compared with ${first.name}`;
    made = new Map(lab.runs.map((run) => [run.id, card(run, first)]));
    cards.replaceChildren(...[...made.values()].map((each) => each.element));
  });
  store.on("frame", () => place.hidden || !visible() || store.lab.runs.forEach((run) => fill(run, made.get(run.id))));

  const plane = (run) => run.data.range.length > 0;

  function card(run, first) {
    const canvas = plane(run) ? element("canvas", { role: "img", "aria-label": `what ${run.name} answers over its inputs` }) : null;
    const figures = element("dl");
    const differs = run === first ? [] : differences(first, run);
    const on = run.id === store.lab.active;
    const made = element(`article.card${on ? ".on" : ""}`, {}, canvas,
      element("div", {}, element("button.quiet", { type: "button", "aria-pressed": String(on), title: "show this run", click: () => store.tell("activate", { run: run.id }) }, swatch(run.id), run.name),
        figures, element("p", {}, differs.length && store.lab.runs.length > 2 ? `${differs.join(", ")}` : "")));
    return { element: made, canvas, figures, view: null };
  }

  function fill(run, made) {
    if (!made) return;
    const at = store.at[run.id], mark = store.shown[`mark:${run.id}`], view = store.shown[`small:${run.id}`];
    if (at && mark?.train) {
      const score = run.data.task === "regression" ? "R²" : "accuracy";
      const both = (k) => number(mark.train[k], 3) + (run.data.m_val ? ` · ${number(mark.validation[k], 3)} validation` : "");
      const rows = [["step", count(at.step)], ["cost", both(0)], [score, both(1)], ...(at.stopped ? [["stopped", at.stopped]] : [])];
      made.figures.replaceChildren(...terms(rows));
    }
    if (made.canvas && view?.A && (view !== made.view || made.dark !== dark())) {
      [made.view, made.dark] = [view, dark()];
      if (run.data.range.length === 1) courses(made.canvas, run, view);
      else paintField(made.canvas, run, view, false);
    }
  }

  /** What it answers over the line of one input, within the targets and a little beyond. */
  function courses(canvas, run, view) {
    const { context: pen, width, height } = fit(canvas);
    const { shape: [outputs], data } = view.A, [, [low, high]] = ranges(run, view);
    const Y = (value) => height * (1 - (value - low) / (high - low));
    pen.strokeStyle = color("--line");
    pen.strokeRect(0.5, 0.5, width - 1, height - 1);
    pen.lineWidth = 1.8;
    for (let k = 0; k < outputs; k++) {
      pen.strokeStyle = outputs > 1 ? classColor(k) : style(run.id).color;
      pen.beginPath();
      for (let p = 0; p < SIDE; p++) pen.lineTo((width * p) / (SIDE - 1), Y(data[k * SIDE + p]));
      pen.stroke();
    }
  }
}
