import { layerTable, lineCard, saidOf, unitCard } from "./cards.js";
import { color, element, number, sight } from "./draw.js";
import { looks } from "./glyphs.js";
import { MOST, arrange, lineAt, neighbor, unitAt } from "./graph.js";
import { units, widest } from "./units.js";
import { PALE, fullWidth, levelsOf, wires } from "./wires.js";

const LATE = { forward: ["Z", "A"], backward: ["dA", "dZ", "dW", "db"] }; // what a phase computes
const CARD = 220; // pixels across

/**
 * The network: units as pictures of what they compute, weights as lines.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 * @param {HTMLElement} controls  of the layers, which stand above them and scroll with them
 */
export function mountDiagram(place, store, controls) {
  const under = element("canvas.wires", { "aria-hidden": "true" });
  /** @type {HTMLCanvasElement & { cost?: number, places?: () => object }} */
  const over = element("canvas.units", {
    tabindex: 0, role: "application", "aria-label": "the network: arrow keys go from unit to unit, Enter chooses one, Escape none",
    pointermove: point, pointerleave: () => hover(null), click: press, keydown: key, focus: () => focus(true), blur: () => focus(false),
  });
  const stack = element("div.stack", {}, under, over);
  const frame = element("div.whole", {}, controls, stack);
  const card = element("div.card", { hidden: true });
  const said = element("p.hidden", { "aria-live": "polite" });
  const legend = element("p.legend");
  const swap = element("button.quiet", {
    type: "button", "aria-pressed": "false", title: "lines are the weights W, or their gradients dW of the next mini-batch",
    click: () => store.select({ gradients: !selection.gradients }),
  }, "show dW");
  const table = element("details", { toggle: () => store.refresh() }, element("summary", {}, "The chosen layer as a table"), element("div.scroll"));
  place.append(element("figure.diagram", {}, frame, card), element("div.under", {}, legend, swap), said, table);

  const { selection } = store;
  let layout = null;
  let seen = [];
  let seenOf = null; // the view that `seen` was made from
  const blocks = [];
  let hovered = null; // { unit: Place } or { line: { l, i, j } }
  let cursor = [1, 0]; // of the keyboard
  let focused = false;
  let unsaid = false; // the cursor has come to another unit
  let drawn = ""; // what the lines were drawn from
  const visible = sight(place, () => store.refresh());

  const backward = () => selection.gradients || selection.phase === "backward" || /^d[WbZA]/.test(selection.hover?.letter ?? "");
  const asked = () => hovered?.unit?.l || (focused ? cursor[0] : table.open ? selection.layer : 0);
  store.want("diagram.units", () => (visible() ? { view: "units", most: MOST } : null));
  store.want("diagram.W", () => (visible() ? { view: "parameters", most: MOST } : null));
  store.want("diagram.dW", () => (visible() && (backward() || hovered) ? { view: "parameters", gradients: true, most: MOST } : null));
  store.want("diagram.layer", () => (visible() && asked() ? { view: "layer", l: asked() } : null));
  store.want("diagram.example", () => (visible() && (selection.example || store.run.data.image) ? { view: "example", index: 0, ...selection.example } : null));

  store.on("lab", () => { layout = null; hovered = null; card.hidden = true; });
  store.on("frame", draw);
  store.on("select", () => {
    swap.classList.toggle("on", selection.gradients);
    swap.setAttribute("aria-pressed", String(selection.gradients));
    draw();
  });
  new ResizeObserver(() => { layout = null; draw(); }).observe(frame);

  /** Whether an array lights up, or is not computed yet in this phase. */
  function light(letter, l) {
    const same = (each) => each.letter === letter && each.layer === l;
    if (selection.hover && (same(selection.hover) || (letter === "J" && selection.hover.letter === "J"))) return "glow";
    return LATE[selection.phase]?.includes(letter) && !selection.done.some(same) ? "pale" : "";
  }

  function draw() {
    const { run, shown } = store;
    const view = shown["diagram.units"];
    if (!run || !visible() || !view?.layers || !shown["diagram.W"]?.W) return;
    const began = performance.now();
    layout ??= settle(run);
    if (seenOf !== view) [seen, seenOf] = [looks(view, run, seen), view];
    const weights = (backward() && shown["diagram.dW"]?.W && shown["diagram.dW"]) || shown["diagram.W"];
    drawWires(weights.W, weights === shown["diagram.dW"] ? "dW" : "W");
    units(over, {
      run, layout, seen, blocks, selection, light, weights, hovered, gradients: shown["diagram.dW"], example: shown["diagram.example"],
      cursor: focused ? cursor : null, J: store.here.J,
    });
    if (hovered) showCard();
    if (table.open) table.lastElementChild.replaceChildren(layerTable(shown["diagram.layer"], run, (i) => choose([shown["diagram.layer"].l, i])));
    if (unsaid && shown["diagram.layer"]?.l === cursor[0]) say("");
    over.cost = 0.9 * (over.cost ?? 0) + 0.1 * (performance.now() - began); // milliseconds, on the mean
  }

  function settle(run) {
    const { image } = run.data;
    const made = arrange(run.sizes, frame.clientWidth, Boolean(image), [image ? 52 : 36 + widest(over, run, 0, MOST), 36 + widest(over, run, run.g.length, MOST)]);
    stack.style.width = `${made.width}px`;
    controls.style.width = `${made.width}px`;
    stack.style.height = `${made.height}px`;
    drawn = "";
    store.lay(made.columns.map(({ x }) => x));
    over.places = () => Object.fromEntries(made.columns.flatMap(({ units: drawnOnes }) => drawnOnes.map((unit) => [`${unit.l},${unit.i}`, unit]))); // for tests
    if (!made.columns[cursor[0]]?.units[cursor[1]]) cursor = [1, 0];
    return made;
  }

  function drawWires(W, letter) {
    const full = fullWidth(W, letter === "dW");
    const levels = levelsOf(W, full);
    const lit = /^d?[Wb]$/.test(selection.hover?.letter ?? "");
    const strength = W.map((_, at) => {
      const state = light(letter, at + 1);
      return state === "glow" ? 2 : !lit && state === "" ? 1 : PALE;
    });
    const chosen = hovered?.unit ? [hovered.unit.l, hovered.unit.i] : selection.unit;
    const now = [...levels.map(({ level }) => level.join()), strength, chosen, full, letter, color("--ink"), devicePixelRatio].join("|");
    if (now === drawn) return;
    drawn = now;
    wires(under, layout.columns, levels, strength, chosen);
    legend.replaceChildren(
      element("span", {}, element("i.sign.above"), `${letter} > 0`), element("span", {}, element("i.sign.below"), `${letter} < 0`), element("span", {}, element("i.wide"), `${number(full)} or more`));
  }

  // -- pointer and keys ------------------------------------------------------------------------------------------------

  function point({ offsetX, offsetY }) {
    if (!layout) return;
    const unit = unitAt(layout.columns, offsetX, offsetY);
    const line = unit ? null : lineAt(layout.columns, offsetX, offsetY);
    hover(unit ? { unit } : line ? { line } : null, { x: offsetX, y: offsetY, side: 12 });
  }

  function hover(found, pointer) {
    const same = JSON.stringify(found) === JSON.stringify(hovered);
    hovered = found;
    over.style.cursor = found ? "pointer" : "";
    card.hidden = !found;
    if (found) moveCard(found.unit ?? pointer);
    if (same) return;
    peek();
    draw();
  }

  /** Let the plane show the unit that is pointed at, or where the keys are. */
  function peek() {
    const unit = hovered?.unit ? [hovered.unit.l, hovered.unit.i] : focused ? cursor : null;
    store.select({ peek: store.run?.data.range.length ? unit : null });
  }

  /** Into sight, where the network is wider than its place. */
  function follow(unit) {
    const { x } = layout.columns[unit[0]];
    if (x < frame.scrollLeft + 50 || x > frame.scrollLeft + frame.clientWidth - 50) frame.scrollLeft = x - frame.clientWidth / 2;
  }

  function moveCard({ x, y, side }) {
    const at = x - frame.scrollLeft;
    const right = at + side / 2 + 8;
    card.style.left = `${right + CARD > frame.clientWidth ? Math.max(0, at - side / 2 - 8 - CARD) : right}px`;
    card.style.top = `${Math.max(0, stack.offsetTop + y - 20)}px`;
  }

  function showCard() {
    const { run, shown } = store;
    const given = { run, W: shown["diagram.W"], dW: shown["diagram.dW"], layer: shown["diagram.layer"], example: selection.example && shown["diagram.example"] };
    card.replaceChildren(...(hovered.line ? lineCard(hovered.line, given) : unitCard(hovered.unit, given)));
  }

  function focus(on) {
    focused = on;
    peek();
    draw();
  }

  function say(how) {
    said.textContent = how + saidOf(cursor, store.run, store.shown["diagram.layer"]);
    unsaid = false;
  }

  function choose(unit) {
    if (unit[0] === 0) return;
    cursor = unit;
    store.select({ unit, layer: unit[0] });
    say("chosen: ");
  }

  function press(event) {
    point(event);
    const { unit, line } = hovered ?? {};
    if (unit || line) choose(unit ? [unit.l, unit.i] : [line.l, line.i]);
    else store.select({ unit: null });
    if (!line) return;
    hover(null);
    store.select({ inspect: { letter: "W", layer: line.l, at: [line.i, line.j] } });
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !layout) return;
    const moves = /^(Arrow|Home$|End$)/.test(event.key);
    if (moves) {
      cursor = neighbor(layout.columns, cursor, event.key) ?? cursor;
      unsaid = true;
      follow(cursor);
      peek();
      draw();
    } else if (event.key === "Enter") choose(cursor);
    else if (event.key === "Escape") store.select({ unit: null });
    else return;
    event.preventDefault();
    event.stopPropagation(); // elsewhere arrow keys are steps in time
  }
}
