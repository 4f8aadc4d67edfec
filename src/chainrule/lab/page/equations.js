import { color, count, element, fit, number } from "./draw.js";
import { ARRAYS, meaning, written as nameOf } from "./inspect.js";
import { draw as drawn, equation, math, matrix, parse, shapes } from "./mathml.js";

/**
 * An equation on the page.
 * @typedef {object} Line
 * @property {string} shown      as it is shown: with the number of its layer, or with l
 * @property {string} letter     the array that it computes
 * @property {number} layer      of which layer
 * @property {boolean} general   whether it stands for all layers (but the last, where that has an equation of its own)
 * @property {boolean} before    whether it is a step on the way to that array
 * @property {[string, string][]} notes   formulas that belong to it: words, and the formula
 * @property {(layer: string) => number} at   which layer is meant by what stands in brackets
 */

const CORNER = 4; // rows and columns of a matrix that are written out
const SCOPES = [["general", "general", "for any layer l"], ["layer", "layer", "of the chosen layer"], ["all", "all", "of all layers"]];

/**
 * The equations of a step, live: forward, cost, backward, update.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountEquations(place, store) {
  let scope = "layer", withNumbers = false, signature = "", lines = [], shown = null;
  const scopes = element("div.choice", { role: "group", "aria-label": "equations of" }, ...SCOPES.map(([name, label, title]) =>
    element("button", { type: "button", title, "aria-pressed": String(name === scope), click: () => { scope = name; build(); } }, label)));
  const layer = element("select", { "aria-label": "layer", change: () => store.select({ layer: Number(layer.value) }) });
  const numbers = element("button", { type: "button", "aria-pressed": "false", title: "the numbers in each equation", click: () => { withNumbers = !withNumbers; build(); store.refresh(); } }, "numbers");
  const of = element("p.of");
  let examples = "";
  const list = element("div.equations", { keydown: move });
  place.append(element("div.controls", {}, scopes, layer, numbers), of, list);

  place.classList.add("live");
  store.want("letters", () => (store.due && store.selection.tab === "equations" ? { view: "letters", corner: withNumbers ? CORNER : 0 } : null));

  /** The layer that is shown: that of the phase while one runs. */
  const chosen = () => {
    const { phase, done } = store.selection;
    return (phase && scope === "layer" && done.at(-1)?.layer) || store.selection.layer;
  };

  function build() {
    const { run, selection } = store;
    if (!run) return;
    const L = run.sizes.length - 1;
    signature = signed();
    [...scopes.children].forEach((button, k) => button.setAttribute("aria-pressed", String(SCOPES[k][0] === scope)));
    numbers.setAttribute("aria-pressed", String(withNumbers));
    layer.replaceChildren(...Array.from({ length: L }, (_, k) => element("option", { value: k + 1, selected: k + 1 === chosen() }, `l = ${k + 1} of ${L}`)));
    layer.hidden = scope === "all" || L === 1;
    const focused = list.contains(place.ownerDocument.activeElement) ? (/** @type {HTMLElement} */ (place.ownerDocument.activeElement)).dataset : null;
    const parts = sections(run, scope, Math.min(chosen(), L));
    lines = [];
    list.replaceChildren(...parts.map(([name, equations, after]) => element("section", {},
      element("h2", {}, name), ...equations.map(make), ...after.map(note))));
    const tokens = [.../** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll(".letter"))];
    const again = focused && tokens.find((token) => token.dataset.letter === focused.letter && token.dataset.layer === focused.layer);
    (again ?? tokens[0])?.setAttribute("tabindex", "0");
    again?.focus();
    light();
    draw();
  }

  const signed = () => JSON.stringify([store.run?.equations, store.run?.sizes, store.run?.g, scope, scope === "all" ? 0 : chosen(), withNumbers]);

  // What scrolls sideways can be reached, and scrolled, by keys.
  const wide = new ResizeObserver((seen) => {
    for (const { target } of seen) {
      if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0");
      else target.removeAttribute("tabindex");
    }
  });

  /** The element of an equation. */
  function make(line) {
    const strip = element("canvas", { "aria-hidden": "true" });
    const written = equation(line.shown, (node) => token(line, node));
    written.setAttribute("role", "group"); // a plain math must hold no buttons; axe knows no role at all for one that does
    written.setAttribute("aria-label", line.shown);
    const shown = element("div.formula", {}, written);
    wide.observe(shown);
    const shape = element("p.shapes"), size = element("p.size"), filled = element("div.filled", { hidden: !withNumbers });
    const made = element("div.equation", { "data-target": `${line.letter}${line.layer}` }, element("div.line", {}, shown, strip), element("div.line", {}, shape, size), ...line.notes.map(note), filled);
    lines.push({ line, made, strip, shape, size, filled });
    return made;
  }

  /** A letter that lights its array up, and opens it. */
  function token(line, node) {
    const letter = named(node);
    if (!ARRAYS.has(letter)) return null;
    const L = store.run.sizes.length - 1;
    const at = letter === "Y" ? L : line.at(node.layer);
    const sign = drawn({ ...node, above: letter === "slope" ? "′" : node.above });
    const made = /** @type {MathMLElement} */ (math("mrow", sign));
    const act = (over) => store.select({ hover: over ? { letter, layer: at } : null });
    const open = () => store.select({ inspect: { letter, layer: at } });
    for (const [name, value] of Object.entries({ class: "letter", role: "button", tabindex: "-1", "aria-label": `${nameOf(letter, at)}: ${meaning(letter, at, L)}` })) made.setAttribute(name, value);
    Object.assign(made.dataset, { letter, layer: at });
    made.addEventListener("mouseenter", () => act(true));
    made.addEventListener("mouseleave", () => act(false));
    made.addEventListener("focus", () => act(true));
    made.addEventListener("blur", () => act(false));
    made.addEventListener("click", open);
    made.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.stopPropagation();
      open();
    });
    return made;
  }

  /** Arrow keys go from letter to letter, and from equation to equation. */
  function move(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: "up", ArrowDown: "down" }[event.key];
    const now = event.target.closest?.(".letter");
    if (!step || !now) return;
    event.preventDefault();
    event.stopPropagation();
    const tokens = [...list.querySelectorAll(".letter")];
    let to = tokens[tokens.indexOf(now) + step];
    if (typeof step === "string") {
      const rows = [...list.querySelectorAll(".equation")].filter((row) => row.querySelector(".letter"));
      to = rows[rows.indexOf(now.closest(".equation")) + (step === "up" ? -1 : 1)]?.querySelector(".letter");
    }
    if (!to) return;
    now.setAttribute("tabindex", "-1");
    to.setAttribute("tabindex", "0");
    (/** @type {HTMLElement} */ (to)).focus();
  }

  /** Which letters light up; which equations are done, at work, to come. */
  function light() {
    const { hover, phase, done } = store.selection;
    for (const each of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll(".letter"))) {
      each.classList.toggle("lit", hover !== null && each.dataset.letter === hover.letter && Number(each.dataset.layer) === hover.layer);
    }
    const L = store.run.sizes.length - 1;
    of.textContent = hover && ARRAYS.has(hover.letter) ? `${nameOf(hover.letter, hover.layer)}: ${meaning(hover.letter, hover.layer, L)}` : examples;
    const isDone = (line, one) => one.letter === line.letter && (line.general ? line.letter !== "dZ" || one.layer < L : one.layer === line.layer);
    const work = done.at(-1);
    for (const { line, made } of lines) {
      const state = !phase ? "" : work && isDone(line, work) ? "now" : done.some((one) => isDone(line, one)) ? "done" : "come";
      for (const name of ["now", "done", "come"]) made.classList.toggle(name, name === state);
      if (state === "now") made.setAttribute("aria-current", "step");
      else made.removeAttribute("aria-current");
    }
  }

  function draw() {
    const found = store.shown.letters;
    if (!found || place.hidden) return;
    shown = found;
    const { data } = store.run;
    const before = examples;
    examples = found.of === data.m ? `of all ${count(data.m)} examples` : `of the mini-batch that comes next: ${count(found.of)} of ${count(data.m)} examples`;
    if (found.m < found.of) examples += `; shown for its first ${count(found.m)}`;
    if (before !== examples && !store.selection.hover) of.textContent = examples;
    const L = store.run.sizes.length - 1;
    const colors = { below: color("--below"), above: color("--above"), middle: color("--soft") };
    const arrays = lines.map(({ line }) => (line.before ? null : sketch(found, line.letter, line.layer)));
    lines.forEach(({ strip }, k) => { strip.hidden = !arrays[k]; });
    lines.forEach(({ strip }, k) => arrays[k] && spread(strip, arrays[k].counts.data, colors)); // all before any text: they ask for sizes
    lines.forEach(({ line, shape, size, filled }, k) => {
      const array = arrays[k];
      if (line.letter === "J") size.textContent = `J = ${number(found.J, 6)}`;
      else size.textContent = array ? `${number(array.low, 3)} … ${number(array.high, 3)}, norm ${number(array.norm, 3)}` : "";
      if (array) {
        const general = scope === "general";
        shape.textContent = shapes(line.shown, (letter, at) => (general ? lettered(letter, at) : sketch(found, letter, at === "L" ? L : Number(at))?.shape.map(count)) ?? null);
      }
      if (withNumbers) fill(filled, line, found);
    });
  }

  /** The equation with matrices in place of its letters, each with its letter below; cut before + and =, so that it wraps. */
  function fill(place, line, found) {
    if (line.letter === "J") return place.replaceChildren(equation(costs(found, store.run.equations.l2)));
    if (line.before || line.shown.includes("_")) return;
    const L = store.run.sizes.length - 1;
    const at = ({ letter, layer }) => sketch(found, letter, layer);
    if (!at(line)?.corner) return;
    const used = [], key = String(found.m);
    if (place.key === key) return place.used.forEach((one) => one.fill((one.after ? after(at(one.after), at(one)) : at(one)).corner.data));
    const shown = (array, node, more) => {
      const table = matrix(array, (value) => number(value, 3), node.above?.includes("⊤"));
      used.push({ fill: table.fill, ...more });
      return table;
    };
    const leaf = (node) => {
      const letter = named(node);
      if (!letter) return constant(node.text, found);
      const layer = letter === "Y" ? L : line.at(node.layer), array = at({ letter, layer });
      return array?.corner ? math("munder", shown(array, node, { letter, layer }), drawn(letter === "slope" ? { ...node, above: "′" } : node)) : null;
    };
    const nodes = applied(parse(line.shown));
    const update = line.shown.includes(":=");
    const pieces = [[]];
    for (const node of nodes) {
      if (node.kind === "operator" && /^(:?=|[+−∗])$/.test(node.text) && pieces.at(-1).length) pieces.push([]);
      pieces.at(-1).push(node);
    }
    const made = pieces.map((piece, k) => math("math", math("mrow", ...piece.map((node) => drawn(node, update && k === 0 ? () => null : leaf)))));
    if (store.run.equations.update.length === 1 && update) {
      const d = { letter: `d${line.letter}`, layer: line.layer };
      made.push(math("math", math("mrow", math("mo", "="), shown(after(at(line), at(d)), {}, { ...d, after: line }))));
    }
    Object.assign(place, { key, used });
    place.replaceChildren(...made);
  }

  /** What gradient descent makes of a corner. */
  function after(W, dW) {
    const { α } = store.run.equations.constants;
    return { ...W, corner: { shape: W.corner.shape, data: W.corner.data.map((w, k) => w - α * dW.corner.data[k]) } };
  }

  /** A number for m, α, λ and the like. */
  function constant(letter, found) {
    const { constants, l2 } = store.run.equations;
    const value = letter === "m" ? found.m : letter === "λ" && l2 ? l2 : constants[letter];
    return value === undefined ? null : math("mn", number(value));
  }

  store.on("lab", () => { if (signed() !== signature) build(); });
  store.on("select", () => (signed() !== signature ? build() : light()));
  store.on("frame", () => {
    if (store.selection.tab === "equations" && store.shown.letters !== shown) draw();
  });
}

/** Which array a sign of an equation stands for, if any. */
const named = (node) => (node.kind === "name" ? (node.text === "Y" ? "Y" : null) : node.letter === "g" && node.above ? "slope" : node.letter);

/** J with its numbers: the sum of the losses, and that of the squared weights. */
function costs({ J, m, W }, l2) {
  const squares = W.reduce((sum, each) => sum + (each ? each.norm ** 2 : 0), 0);
  const losses = m * J - (l2 / 2) * squares;
  return `J = (1/${m}) · ${number(losses, 6)}${l2 ? ` + (${number(l2)}/${2 * m}) · ${number(squares, 6)}` : ""} = ${number(J, 6)}`;
}

/** A slope's own brackets go where its matrix stands. */
const applied = (nodes) => nodes.filter((node, i) => !(node.kind === "group" && nodes[i - 1]?.letter === "g" && nodes[i - 1].above));

const note = ([words, formula]) => element("p.note", {}, words, equation(formula));

const sketch = (found, letter, layer) => (letter === "Y" ? found.Y[0] : letter === "X" ? found.A[0] : found[letter]?.[layer] ?? null);

/** The shape of an array of layer l, in letters. */
function lettered(letter, at) {
  const before = at === "l" ? "l−1" : at === "l+1" ? "l" : at === "L" ? "L−1" : `${at}−1`;
  return { W: [`n[${at}]`, `n[${before}]`], dW: [`n[${at}]`, `n[${before}]`], b: [`n[${at}]`, "1"], db: [`n[${at}]`, "1"] }[letter] ?? [`n[${at}]`, "m"];
}

/**
 * The equations by section: name, lines, formulas after them.
 * @returns {[string, Line[], [string, string][]][]}
 */
function sections(run, scope, l) {
  const { equations: all, sizes, g, formulas } = run;
  const L = sizes.length - 1;
  const general = scope === "general";
  const layers = scope === "all" ? Array.from({ length: L }, (_, k) => k + 1) : [l];
  const line = (text, letter, layer, { notes = [], name = "l", before = false } = {}) => ({
    letter, layer, before, notes, general: general && name === "l",
    shown: general ? text.replace(/\[(\d+)\]/g, (_, k) => `[${name}${relative(k - layer)}]`) : text,
    at: (inside) => (/^\d+$/.test(inside) ? Number(inside) : layer + (inside.includes("+") ? 1 : inside.includes("−") ? -1 : 0)),
  });
  const hasSlope = (k) => all.backward[k - 1][1].includes("′");
  const formula = (k) => [general ? [] : [[`${g[k - 1]}: `, `g[${k}](z) = ${formulas[g[k - 1]][0]}`]]].flat();
  const slope = (k) => (general || !hasSlope(k) ? [] : [["", `g[${k}]′(z) = ${formulas[g[k - 1]][1]}`]]);
  const forward = layers.flatMap((k) => {
    const [Z, A] = all.forward[k - 1];
    return [line(Z, "Z", k), line(A, "A", k, { notes: formula(k) })];
  });
  const derivatives = (k) => [line(all.backward[k - 1][2], "dW", k), line(all.backward[k - 1][3], "db", k)];
  const errors = (k, name) => {
    const [dA, dZ] = all.backward[k - 1];
    return [...(dA ? [line(dA, "dA", k)] : []), line(dZ, "dZ", k, { notes: slope(k), name })];
  };
  const backward = general
    ? [...errors(L, "L"), ...(L > 1 ? errors(Math.min(l, L - 1)) : []), ...derivatives(l)]
    : [...layers].reverse().flatMap((k) => [...errors(k), ...derivatives(k)]);
  const update = layers.flatMap((k) => updates(all.update, k).map(([text, letter, before]) => line(text, letter, k, { before })));
  const values = Object.entries(all.constants).map(([name, value]) => `${name} = ${number(value)}`).join(", ");
  const steps = [["ᵗ", "t counts the steps of this optimizer; "], ["∇", "∇J is the gradient by all parameters; "]]
    .map(([sign, words]) => (all.update.some((text) => text.includes(sign)) ? words : "")).join("");
  /** @returns {[string, string][]} */
  const everywhere = (which, head, keep) => (general ? [...new Set(g)].flatMap((spec) => {
    const of = g.flatMap((name, k) => (name === spec && keep(k + 1) ? [k + 1] : []));
    return of.length ? [/** @type {[string, string]} */ ([`${spec}, layer${of.length > 1 ? "s" : ""} ${ranged(of)}: `, `${head} = ${formulas[spec][which]}`])] : [];
  }) : []);
  const loss = all.delta === null ? all.loss : all.loss.replaceAll("δ", number(all.delta));
  return [
    ["forward", forward, everywhere(0, "g(z)", () => true)],
    ["cost", [line(all.cost, "J", L, { notes: [["", loss]] })], all.l2 ? [["", `λ = ${number(all.l2)}`]] : []],
    ["backward", backward, everywhere(1, "g′(z)", hasSlope)],
    ["update", update, [[steps, values]]],
  ];
}

const relative = (d) => (d === 0 ? "" : d < 0 ? `−${-d}` : `+${d}`);

/** Numbers in words: 1 to 9, or 2. */
const ranged = (of) => (of.length > 2 && of.at(-1) - of[0] === of.length - 1 ? `${of[0]} to ${of.at(-1)}` : of.join(", "));

/** The optimizer's lines for a layer: what it remembers of W, as v_dW, then W and b. */
function updates(rule, k) {
  const forW = (text) => text.replace(/(?<![a-zA-Z])([vsŝ]\u0302?)(?![a-zA-Z])/gu, `$1_dW[${k}]`).replace(/(?<![a-zA-Z])w(?![a-zA-Z])/g, `W[${k}]`).replace(/(?<![a-zA-Z])g²/g, `(dW[${k}])²`).replace(/(?<![a-zA-Z])g(?![a-zA-Z])/g, `dW[${k}]`);
  const forB = (text) => forW(text).replaceAll("W[", "b[");
  return rule.map((text) => text.replace(" = ", " := ")).flatMap((text) => {
    const own = text.startsWith("w");
    return [[forW(text), "W", !own], ...(own || text.startsWith("g") ? [[forB(text), "b", !own]] : [])];
  });
}

/** Bars of how many numbers lie where, from −reach to reach. */
function spread(canvas, counts, { below, above, middle }) {
  const { context, width, height } = fit(canvas);
  const most = Math.sqrt(Math.max(...counts)) || 1;
  const step = width / counts.length;
  counts.forEach((n, k) => {
    if (!n) return;
    const h = Math.max(1, (Math.sqrt(n) / most) * (height - 1));
    context.fillStyle = k < counts.length / 2 ? below : above;
    context.fillRect(k * step, height - h, Math.max(1, step - 0.5), h);
  });
  context.fillStyle = middle;
  context.fillRect(width / 2 - 0.5, 0, 1, height);
}
