/** Points painted by hand: they become the data of the run. */

import { classColor, classShape, element, fit, mark } from "./draw.js";

const APART = 7; // pixels from one point of a stroke to the next

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
    return { kind: "points", points: painted, classes: most, range, ...kept };
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
  const hint = element("span.hint", {}, "");
  const bar = element("div.painting", {}, element("span.hint", {}, "paint"), classes, undo, clear, hint);

  function show() {
    const k = Math.min(9, Math.max(2, store.run?.data.classes.length ?? 2)) + 1; // one more than there are
    if (classes.children.length !== k) classes.replaceChildren(...[...Array(k).keys()].map(brush));
    [...classes.children].forEach((each, at) => {
      each.classList.toggle("on", selection.paint === at);
      each.setAttribute("aria-pressed", String(selection.paint === at));
    });
    undo.disabled = !past.length && !points;
    hint.textContent = points && !points.length ? "Empty: choose a class and paint." : selection.paint === null ? "" : "Click or drag on the plane.";
  }

  function brush(k) {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const made = element("button.brush", { type: "button", "aria-pressed": "false", "aria-label": `paint class ${k}`, title: `paint class ${k}`, click: () => store.select({ paint: selection.paint === k ? null : k }) }, canvas, String(k));
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
