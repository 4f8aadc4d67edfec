import { classColor, classShape, color, dark, element, fit, mark, nearest, number, shadesNow, sight, terms } from "./draw.js";
import { POINT, axes, drawAxes, drawCurve, drawPoint, middleOf, paintField, ranges } from "./field.js";
import { called } from "./names.js";
import { painter } from "./painting.js";
import { pages, scatter } from "./rows.js";

const SIDE = 100; // points of the field in each direction
const NEAR = 9; // pixels from a point that still mean it

/**
 * The data, and what the network says of it: a plane, a curve, pictures or rows.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountPlane(place, store) {
  const { selection } = store;
  /** @type {HTMLCanvasElement & { cost?: number, place?: (x1: number, x2: number) => { x: number, y: number } }} */
  const canvas = element("canvas.field", {
    tabindex: 0, role: "application", "aria-label": "the data: arrow keys move a cross, Enter chooses the nearest example, or paints",
    pointerdown: press, pointermove: move, pointerup: release, pointercancel: release, pointerleave: leave, keydown: key,
    focus: () => { focused = true; draw(); }, blur: () => { focused = false; draw(); },
  });
  const card = element("div.card", { hidden: true });
  const caption = element("figcaption.peek", { hidden: true });
  const figure = element("figure.data", {}, canvas, caption, card);
  const legend = element("p.legend");
  const said = element("p.hidden", { "aria-live": "polite" });
  const check = (label, on, act) => element("label", {}, element("input", { type: "checkbox", checked: on, change: (event) => act(event.target.checked) }), label);
  const discrete = check("which side only", false, (on) => { sharp = on; fieldOf = null; draw(); });
  const held = check("held-out examples", true, (on) => { withHeld = on; draw(); });
  const options = element("div.under", {}, discrete, held);
  const paint = painter(store, () => draw());
  const visible = sight(place, () => store.refresh());
  const rows = pages(store, () => visible() && (kind === "rows" || table.open));
  const table = element("details", { toggle: () => store.refresh() }, element("summary", {}, "The examples as a table"));
  const alone = element("div");
  place.append(figure, legend, options, paint.bar, said, alone, table);

  let kind = ""; // "plane", "line", "scatter" or "rows"
  let known = "";
  let [sharp, withHeld, focused, painting] = [false, true, false, false];
  let cross = null; // of the keyboard, in pixels
  let pointed = null; // in pixels
  let points = []; // { part, index, x, y } in pixels
  const layer = document.createElement("canvas"); // of the points
  let layerOf = []; // what it was drawn from
  let axis = null;
  let fieldOf = null; // the view that the field was painted from
  const field = document.createElement("canvas");

  const drawing = () => kind !== "rows" && visible();
  store.want("plane.field", () => (drawing() && kind !== "scatter" ? { view: "plane", side: SIDE, unit: selection.peek } : null));
  store.want("plane.examples", () => (drawing() && store.due ? { view: "examples" } : null));
  new ResizeObserver(draw).observe(figure);
  let ground = dark();
  store.on("frame", () => {
    if (ground !== dark()) explain();
    ground = dark();
    draw();
  });
  store.on("select", draw);
  store.on("lab", () => {
    const { id, revision, data } = store.run;
    if (known === `${id} ${revision}`) return;
    known = `${id} ${revision}`;
    const regression = data.task === "regression";
    kind = data.image ? "rows" : data.range.length === 2 ? "plane" : data.range.length === 1 ? "line" : regression ? "scatter" : "rows";
    figure.hidden = legend.hidden = options.hidden = kind === "rows";
    discrete.hidden = kind !== "plane" || regression;
    held.hidden = !data.m_val;
    paint.bar.hidden = kind !== "plane" || regression;
    table.hidden = kind === "rows";
    (kind === "rows" ? alone : table).append(rows.body);
    rows.reset();
    [fieldOf, pointed, cross] = [null, null, null];
    card.hidden = true;
    explain();
  });

  /** What colors and shapes mean. */
  function explain() {
    const { data } = store.run;
    const sign = (paintSign, text) => {
      const made = element("canvas", { width: 32, height: 32, "aria-hidden": "true" });
      const context = made.getContext("2d");
      context.scale(2, 2);
      context.lineWidth = 1.6;
      paintSign(context);
      return element("span", {}, made, text);
    };
    const signs = [];
    if (kind === "scatter") signs.push("on the dashed line, the network is right");
    else if (data.task === "regression" && kind === "plane") signs.push(ramp(data));
    else if (data.task !== "regression") {
      data.classes.forEach((name, k) => signs.push(sign((context) => {
        context.fillStyle = context.strokeStyle = classColor(k);
        mark(context, classShape(k), 8, 8, POINT + 0.5);
      }, name)));
      signs.push(sign((context) => {
        context.strokeStyle = color("--ink");
        context.beginPath();
        context.arc(8, 8, POINT + 2.5, 0, 7);
        context.stroke();
      }, "wrong"));
    }
    if (data.m_val) signs.push(sign((context) => {
      context.strokeStyle = color("--soft");
      context.fillStyle = color("--card");
      mark(context, "circle", 8, 8, POINT);
    }, "held out"));
    legend.replaceChildren(...signs);
  }

  function ramp(data) {
    const bar = element("canvas.ramp", { width: 256, height: 1, "aria-hidden": "true" });
    const context = bar.getContext("2d");
    const image = context.createImageData(256, 1);
    const table = shadesNow();
    for (let k = 0; k < 256; k++) image.data.set([table[3 * k], table[3 * k + 1], table[3 * k + 2], 255], 4 * k);
    context.putImageData(image, 0, 0);
    return element("span", {}, number(data.target_range[0], 3), bar, number(data.target_range[1], 3));
  }

  // -- drawing -----------------------------------------------------------------------------------------------------------

  function draw() {
    const { run, shown } = store;
    if (!run || !kind) return;
    if (kind === "rows" || table.open) rows.draw();
    const examples = shown["plane.examples"];
    if (!drawing() || !examples?.train) return;
    const began = performance.now();
    if (kind === "scatter") [points, layerOf] = [scatter(canvas, examples, run, withHeld ? ["train", "validation"] : ["train"]), []];
    else if (shown["plane.field"]?.A) drawField(run, shown["plane.field"], examples);
    if (pointed || (focused && cross)) tellAt(pointed ?? cross);
    canvas.cost = 0.9 * (canvas.cost ?? 0) + 0.1 * (performance.now() - began); // milliseconds, on the mean
  }

  function drawField(run, plane, examples) {
    const { context, width, height } = fit(canvas);
    axis = axes(ranges(run, plane), width, height);
    canvas.place = (x1, x2) => ({ x: axis.x(x1), y: axis.y(x2) }); // for tests
    if (kind === "plane") {
      if (fieldOf !== plane) paintField(field, run, plane, sharp);
      fieldOf = plane;
      context.imageSmoothingEnabled = true;
      context.imageSmoothingQuality = "low"; // for it grows; the best one takes a third of a frame
      context.drawImage(field, axis.left, axis.top, axis.w, axis.h);
    }
    const names = run.data.inputs;
    drawAxes(context, axis, kind === "plane" ? names : [names[0], run.data.task === "regression" ? run.data.target || "y" : "ŷ"]);
    const painted = paint.points();
    if (painted) [points, layerOf] = [[], []];
    if (painted) for (const [x1, x2, k] of painted) drawPoint(context, run, axis.x(x1), axis.y(x2), k, null, false);
    else drawExamples(context, run, examples, width, height);
    if (kind === "line") drawCurve(context, axis, plane, run);
    caption.hidden = !plane.unit;
    const above = kind === "line" && run.data.target_scale[1] !== 1 && plane.unit?.[0] < run.g.length;
    if (plane.unit) caption.textContent = `a of ${called(run, plane.unit[0], plane.unit[1])}${above ? ", at the height of a standardized y" : ""}`;
    ring(context);
    if (focused && cross) drawCross(context, cross);
  }

  /** All points at once: they change less often than the field below them. */
  function drawExamples(context, run, examples, width, height) {
    const ratio = devicePixelRatio || 1;
    const now = [examples, withHeld, kind, width, height, ratio, dark(), run.revision, run.id];
    if (now.some((each, k) => each !== layerOf[k])) {
      layerOf = now;
      [layer.width, layer.height] = [Math.round(width * ratio), Math.round(height * ratio)];
      const pen = layer.getContext("2d");
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      points = [];
      for (const part of withHeld ? ["validation", "train"] : ["train"]) drawPart(pen, run, examples[part], part);
    }
    context.drawImage(layer, 0, 0, width, height);
  }

  function drawPart(context, run, { x, y, answer }, part) {
    const m = y.data.length;
    for (let index = 0; index < m; index++) {
      const up = kind === "plane" ? x.data[m + index] : run.data.task === "regression" ? y.data[index] : run.data.task === "binary" ? y.data[index] : 1;
      const [px, py] = [axis.x(x.data[index]), axis.y(up)];
      points.push({ part, index, x: px, y: py });
      drawPoint(context, run, px, py, y.data[index], answer.data[index], part === "validation");
    }
  }

  function ring(context) {
    const chosen = selection.example && points.find(({ part, index }) => part === selection.example.part && index === selection.example.index);
    if (!chosen) return;
    for (const { style, width } of [{ style: "--card", width: 5 }, { style: "--accent", width: 2.5 }]) {
      context.strokeStyle = color(style);
      context.lineWidth = width;
      context.beginPath();
      context.arc(chosen.x, chosen.y, POINT + 6, 0, 7);
      context.stroke();
    }
  }

  function drawCross(context, [px, py]) {
    for (const { style, width } of [{ style: "--card", width: 4 }, { style: "--ink", width: 1.5 }]) {
      context.strokeStyle = color(style);
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(px - 12, py);
      context.lineTo(px + 12, py);
      context.moveTo(px, py - 12);
      context.lineTo(px, py + 12);
      context.stroke();
    }
  }

  // -- pointer and keys ------------------------------------------------------------------------------------------------

  /** What the network says at a place of the plane: that of the nearest point of the field. */
  function outputAt(px, py) {
    const { A } = store.shown["plane.field"] ?? {};
    if (!A || !axis?.holds(px, py)) return null;
    const cell = (share, n) => Math.max(0, Math.min(n - 1, Math.round(share * (n - 1))));
    const [k, n] = A.shape;
    const across = cell((px - axis.left) / axis.w, n);
    const at = kind === "line" ? across : cell(1 - (py - axis.top) / axis.h, n) * n + across;
    return [...Array(k).keys()].map((c) => A.data[(c * A.data.length) / k + at]);
  }

  /**
   * What there is at a place: a title, and terms with what they are.
   * @param {number[]} place in pixels
   * @returns {any[] | null}
   */
  function lines([px, py]) {
    const { run, shown } = store;
    const { classes, inputs, task, target } = run.data;
    const name = (value) => (task === "regression" ? number(value) : (classes[value] ?? String(value)));
    const point = nearest(points, [px, py], NEAR);
    if (point) {
      const { y, answer } = shown["plane.examples"][point.part];
      const wrong = task !== "regression" && y.data[point.index] !== answer.data[point.index];
      return [`${point.part === "train" ? "training" : "held-out"} example ${point.index}`, [target || "y", name(y.data[point.index])], [task === "regression" ? "ŷ" : "the network says", name(answer.data[point.index]) + (wrong ? " ✗" : "")]];
    }
    const said = kind === "scatter" ? null : outputAt(px, py);
    if (!said) return null;
    const [x1, x2] = axis.at(px, py);
    const places = kind === "plane" ? [[inputs[0], number(x1, 3)], [inputs[1], number(x2, 3)]] : [[inputs[0], number(x1, 3)]];
    const outputs = said.length === 1 ? [["ŷ", number(said[0], 3)]] : said.map((value, k) => [`ŷ ${name(k)}`, number(value, 3)]);
    const best = said.length === 1 ? Number(said[0] > middleOf(run).middle) : said.indexOf(Math.max(...said));
    return ["", ...places, ...outputs, ...(task === "regression" ? [] : [["the network says", name(best)]])];
  }

  function tellAt(at) {
    const found = lines(at);
    card.hidden = !found;
    if (!found) return null;
    const [title, ...pairs] = found;
    card.replaceChildren(...(title ? [element("h3", {}, title)] : []), element("dl", {}, ...terms(pairs)));
    const wide = card.offsetWidth;
    card.style.left = `${at[0] + 14 + wide > canvas.clientWidth ? Math.max(0, at[0] - 14 - wide) : at[0] + 14}px`;
    card.style.top = `${at[1] + 14}px`;
    return `${title} ${pairs.map(([term, value]) => `${term}: ${value}`).join(", ")}`;
  }

  const paints = () => selection.paint !== null && kind === "plane" && !paint.bar.hidden;
  const choose = (point) => point && store.select({ example: { part: point.part, index: point.index }, tab: "walk" });

  function press(event) {
    const at = [event.offsetX, event.offsetY];
    if (!paints()) return choose(nearest(points, at, NEAR));
    if (!axis?.holds(at[0], at[1])) return;
    painting = true;
    canvas.setPointerCapture(event.pointerId);
    paint.stroke(at, axis.at(at[0], at[1]), true);
  }

  function move(event) {
    const at = [event.offsetX, event.offsetY];
    pointed = painting ? null : at;
    canvas.style.cursor = paints() ? "crosshair" : nearest(points, at, NEAR) ? "pointer" : "";
    if (painting && axis.holds(at[0], at[1])) paint.stroke(at, axis.at(at[0], at[1]), false);
    else tellAt(at);
  }

  function release() {
    if (painting) paint.end(axis.range);
    painting = false;
  }

  function leave() {
    pointed = null;
    card.hidden = true;
  }

  function key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(step || event.key === "Enter" || event.key === "Escape")) return;
    cross ??= [canvas.clientWidth / 2, canvas.clientHeight / 2];
    pointed = null;
    if (step) {
      const far = event.shiftKey ? 30 : 6;
      cross = [Math.max(0, Math.min(canvas.clientWidth, cross[0] + far * step[0])), Math.max(0, Math.min(canvas.clientHeight, cross[1] + far * step[1]))];
      draw();
      said.textContent = tellAt(cross) ?? "";
    } else if (event.key === "Escape") {
      store.select({ paint: null });
    } else if (paints()) {
      if (axis.holds(...cross)) {
        paint.stroke(cross, axis.at(...cross), true);
        paint.end(axis.range);
        said.textContent = `painted a point of class ${store.run.data.classes[selection.paint] ?? "that is new"}`;
      }
    } else choose(nearest(points, cross, Infinity));
    event.preventDefault();
    event.stopPropagation(); // elsewhere arrow keys are steps in time
  }
}
