/** Points painted by hand: they become the data of the run. */

import { classColor, classShape, element, fit, mark } from "./draw.js";

const APART = 7; // pixels from one point of a stroke to the next

/** A name for one more class. */
const freeName = (classes, k) => (classes.includes(String(k)) ? freeName(classes, k + 1) : String(k));

/**
 * Paint points into the data; each stroke begins the run anew with what there is then.
 * @param {import("./store.js").Store} store
 * @param {() => void} redraw
 */
export function painter(store, redraw) {
  const { selection } = store;
  let past = []; // what the data was before each stroke
  let known = ""; // the data of the run
  let sending = 0;
  let points = null; // while they are others than those of the run
  let last = null;

  store.on("lab", () => {
    const now = JSON.stringify(store.run.data.spec);
    if (now !== known && !sending) [past, points] = [[], null];
    known = now;
    show();
  });
  store.on("select", show);

  /** All points that the run has, [x1, x2, class] each; null before they have come. */
  function present() {
    const { spec } = store.run.data;
    if (spec.kind === "points") return spec.points;
    const seen = store.shown["plane.examples"];
    if (!seen?.train) return null;
    return ["train", "validation"].flatMap((part) => {
      const { x, y } = seen[part];
      return x ? [...y.data].map((k, i) => [x.data[i], x.data[y.data.length + i], k].map((value) => Number(value.toPrecision(5)))) : [];
    });
  }

  async function send(spec, before) {
    sending += 1;
    try {
      await store.ask("design", { change: { data: spec } });
      if (before) past.push(before);
    } catch (error) {
      store.say(error.message, "error");
    }
    sending -= 1;
    if (!sending && !last) points = null; // else there is another stroke
    show();
    redraw();
  }

  function specOf(painted, range) {
    const { spec, classes } = store.run.data;
    const kept = Object.fromEntries(["validation", "split_seed", "features"].filter((name) => name in spec).map((name) => [name, spec[name]]));
    const most = Math.max(classes.length, ...painted.map(([, , k]) => k + 1), 2);
    const names = Array.from({ length: most }, (_, k) => classes[k] ?? freeName(classes, k));
    return { kind: "points", points: painted, classes: most, names, range, ...kept };
  }

  const button = (label, title, act) => element("button", { type: "button", title, click: act }, label);
  const classes = element("span.classes", { role: "group", "aria-label": "paint points of a class" });
  const undo = button("undo", "undo the last stroke", () => {
    points = null;
    if (past.length) send(past.pop(), null);
  });
  const clear = button("clear", "take all points away", () => {
    points = [];
    redraw();
    show();
  });
  const stop = button("stop", "paint no more: clicks choose examples again (Escape)", () => store.select({ paint: null }));
  const hint = element("span.hint", {}, "");
  const bar = element("div.painting", {}, element("span.hint", {}, "paint"), classes, stop, undo, clear, hint);

  /** What the points of a class are called; of one that is not there yet, null. */
  const named = (k) => store.run.data.classes[k] ?? null;

  function show() {
    if (!store.run) return;
    const { classes: there } = store.run.data;
    const k = Math.min(9, Math.max(2, there.length)) + 1; // one more than there are
    if (classes.dataset.names !== String([k, there])) classes.replaceChildren(...[...Array(k).keys()].map(brush));
    classes.dataset.names = String([k, there]);
    [...classes.children].forEach((each, at) => {
      each.classList.toggle("on", selection.paint === at);
      each.setAttribute("aria-pressed", String(selection.paint === at));
    });
    undo.disabled = !past.length && !points;
    stop.hidden = selection.paint === null;
    if (selection.paint !== null) hint.textContent = `Click or drag on the plane: ${named(selection.paint) ?? "a class that is new"}.`;
    else hint.textContent = points && !points.length ? "Empty: choose a class and paint." : "";
  }

  function brush(k) {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const name = named(k), title = name === null ? "paint points of another class" : `paint points of class ${name}`;
    const made = element("button.brush", { type: "button", "aria-pressed": "false", title, click: () => store.select({ paint: k }) }, canvas, element("span", {}, name ?? "new class"));
    requestAnimationFrame(() => {
      const { context } = fit(canvas);
      context.fillStyle = context.strokeStyle = classColor(k);
      mark(context, classShape(k), 7, 7, 4.5);
    });
    return made;
  }

  return {
    bar,
    /** Those to be drawn in place of the run's, or null. */
    points: () => points,
    /** Begin a stroke, or go on with it, at a place in pixels and in numbers. */
    stroke(pixels, [x1, x2], begin) {
      if (!begin && last && Math.hypot(pixels[0] - last[0], pixels[1] - last[1]) < APART) return;
      const before = points ?? present();
      if (!before) return;
      last = pixels;
      points = [...before, [x1, x2].map((value) => Number(value.toPrecision(4))).concat(selection.paint)];
      redraw();
    },
    /** End it: the points become the data, of a plane of this range. */
    end(range) {
      if (last) send(specOf(points, range), store.run.data.spec);
      last = null;
    },
  };
}
