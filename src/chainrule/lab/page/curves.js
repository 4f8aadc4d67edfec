import { changesOf } from "./changes.js";
import { element, sight } from "./draw.js";
import { mountAnswers } from "./answers.js";
import { Plot, dashes, style } from "./plot.js";
import { paced } from "./store.js";

const SMOOTH = [[0, "not smoothed"], [0.8, "β = 0.8"], [0.95, "β = 0.95"], [0.99, "β = 0.99"]];

/** The k-th column of a table. */
const column = ({ shape: [rows, columns], data }, k) => Array.from({ length: rows }, (_, row) => data[row * columns + k]);

/** Means that forget, without the bias of the beginning. */
function smoothed(values, beta) {
  let mean = 0, weight = 0;
  return Array.from(values, (value) => {
    if (!Number.isFinite(value)) return value;
    mean = beta * mean + (1 - beta) * value;
    weight = beta * weight + (1 - beta);
    return mean / weight;
  });
}

/**
 * How the training goes: costs, scores, gradients, units, answers; of all runs in the same plots.
 * @param {HTMLElement} first for the costs, which one looks at all the time
 * @param {HTMLElement} place for all others
 * @param {import("./store.js").Store} store
 */
export function mountCurves(first, place, store) {
  const go = paced((step) => store.tell("go", { step }));
  const plots = {
    J: new Plot("J of each mini-batch", { go, note: "the cost of each mini-batch before its update, with its L2 term and dropout; the band is from the lowest to the highest where several share a point" }),
    cost: new Plot("cost", { go, note: "the mean loss of the examples, without the L2 term and without dropout (of the first 2,000 of a part)" }),
    score: new Plot("accuracy", { go, floor: -1 }),
    dW: new Plot("‖dW[l]‖", { go, log: true, note: "the length of the gradient of each layer's weights, on the mini-batch that comes next" }),
    flat: new Plot("dead or saturated units", { go, range: [0, 1], note: "the share of a layer's units whose slope |g′(z)|, on the mean of the examples, is under 1% of the steepest" }),
  };
  const smooth = element("select", { "aria-label": "smoothing of J and of the gradients", title: "exponentially weighted mean of J and ‖dW‖", change: draw },
    ...SMOOTH.map(([beta, label]) => element("option", { value: beta }, label)));
  const answers = element("figure.plot.answers");
  const { J, cost, ...others } = plots;
  first.append(J.element, cost.element);
  place.append(element("div.head", {}, element("h2", {}, "How it trains"), element("label", {}, "smoothing ", smooth)),
    element("div.plots", {}, ...Object.values(others).map((plot) => plot.element), answers));

  const below = sight(place, () => store.refresh()), above = sight(first, () => store.refresh());
  const visible = () => below() || above();
  mountAnswers(answers, store, below);

  const wanted = new Set();
  store.on("lab", (lab) => {
    for (const { id } of lab.runs) {
      if (wanted.has(id)) continue;
      wanted.add(id);
      for (const view of ["curve", "marks"])
        store.want(`${view}:${id}`, () => (store.lab.runs.some((run) => run.id === id) && visible() && store.due ? { view, run: id, ...(view === "marks" && { here: !store.fast }) } : null));
    }
  });
  let drawn = [];
  store.on("frame", () => {
    const now = [...store.lab.runs.map(({ id }) => store.shown[`marks:${id}`]), store.lab.playing || store.here.step];
    if (!visible() || now.every((each, k) => each === drawn[k])) return;
    drawn = now;
    draw();
  });

  function draw() {
    const runs = store.lab.runs.map((run) => ({ run, ...style(run.id), curve: store.shown[`curve:${run.id}`], marks: store.shown[`marks:${run.id}`] }))
      .filter(({ curve, marks }) => curve?.J && marks?.dW);
    const several = store.lab.runs.length > 1, beta = Number(smooth.value);
    const end = Math.max(0, ...store.lab.runs.map(({ id }) => store.at[id]?.end ?? 0));
    const changes = runs.flatMap(({ run, color }) => changesOf(run).map((each) => ({ ...each, words: several ? `${run.name}: ${each.words}` : each.words, color })));
    const show = (name, lines) => plots[name].show({ lines: lines.flat(), step: store.here.step, end, changes });
    const noisy = (line) => (beta ? [{ ...line, name: "", label: "", low: null, high: null, faint: true }, { ...line, low: null, high: null, y: smoothed(line.y, beta) }] : [line]);

    show("J", runs.map(({ run, curve, color, dash }) => noisy({
      name: several ? run.name : "J", label: several ? run.name : "", x: curve.steps.data, y: curve.J.data, low: curve.low.data, high: curve.high.data, color, dash })));
    ["cost", "score"].forEach((name, k) => show(name, runs.map(({ run, marks, color, dash }) => ["training", "validation"]
      .filter((part) => part === "training" || run.data.m_val).map((part) => ({
        name: several ? `${run.name} ${part}` : part, label: several ? (part === "training" ? run.name : "") : part,
        x: marks.steps.data, y: column(marks[part === "training" ? "train" : part], k), color, dash: part === "training" ? dash : [1.5, 2.5] })))));
    ["dW", "flat"].forEach((name) => show(name, runs.map(({ run, marks, color }) => Array.from({ length: marks[name].shape[1] }, (_, k) => {
      const letter = name === "dW" ? `dW[${k + 1}]` : `layer ${k + 1}`;
      const line = { name: several ? `${run.name} ${letter}` : letter, label: run.id === store.lab.active ? letter : "", x: marks.steps.data, y: column(marks[name], k), color, dash: dashes(k) };
      return name === "dW" ? noisy(line) : [line];
    }).flat())));
    plots.score.rename(store.run.data.task === "regression" ? "R²" : "accuracy");
    plots.flat.element.hidden = store.lab.runs.every(({ sizes }) => sizes.length < 3);
  }
}
