import { count, element, number, paintImage } from "./draw.js";
import { equation, filled } from "./mathml.js";
import { unitName } from "./names.js";

/**
 * The steps of one example through the network and back, each written out term by term.
 *
 * @typedef {"x" | "z" | "a" | "loss" | "da" | "dz" | "dw"} Kind
 * @typedef {{ kind: Kind, l: number }} Step
 * @typedef {{ run: any, seen: any, step: Step, i: number, L: number }} Place   i: the unit, from 0
 */

const IN_ORDER = 16; // terms that are shown as they come; of more the largest
const LARGEST = 12;

/** @param {number} L @returns {Step[]} */
export function steps(L) {
  const layers = Array.from({ length: L }, (_, k) => k + 1);
  return /** @type {Step[]} */ ([
    { kind: "x", l: 0 },
    ...layers.flatMap((l) => [{ kind: "z", l }, { kind: "a", l }]),
    { kind: "loss", l: L },
    ...layers.reverse().flatMap((l) => [...(l < L ? [{ kind: "da", l }] : []), { kind: "dz", l }, { kind: "dw", l }]),
  ]);
}

/** A unit's index below its letter, counted from 0 as in the code; none where it is alone. */
const below = (run, l, i) => (run.sizes[l] > 1 ? `_${i}` : "");

/**
 * What a step says in one line, of a unit.
 * @param {any} run
 * @param {Step} step
 * @param {number} i
 * @returns {string}
 */
export function headline(run, { kind, l }, i) {
  const u = below(run, l, i), L = run.sizes.length - 1;
  const dZ = run.equations.backward[L - 1][1];
  switch (kind) {
    case "x": return "a[0] = x";
    case "z": return `z${u}[${l}] = Σ w a[${l - 1}] + b`;
    case "a": return `a${u}[${l}] = g[${l}](z${u}[${l}])`;
    case "loss": return "𝓛(a, y)";
    case "da": return `da${u}[${l}] = Σ w dz[${l + 1}]`;
    case "dz": return l < L ? `dz${u}[${l}] = da${u}[${l}] · g[${l}]′(z${u}[${l}])` : lower(dZ, `${u}`, l);
    default: return `dw${u}[${l}] = dz${u}[${l}] a[${l - 1}]`;
  }
}

/** dZ[L] = A[L] − Y of one unit. */
const lower = (text, u, l) => text.replaceAll(`dZ[${l}]`, `dz${u}[${l}]`).replaceAll(`A[${l}]`, `a${u}[${l}]`).replaceAll(`Z[${l}]`, `z${u}[${l}]`)
  .replaceAll("dz", "\u0001").replaceAll("Y", u ? `y${u.replace("_", "").replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d])}` : "y").replaceAll("\u0001", "dz").replaceAll("∗", "·");

/** The number that a step comes to, for a unit; null where it is many. */
export function result(seen, { kind, l }, i) {
  const list = { z: "Z", a: "A", da: "dA", dz: "dZ" }[kind];
  return kind === "loss" ? seen.J : list ? seen[list][l]?.data[i] ?? null : null;
}

/**
 * What a step is made of.
 * @param {Place} place
 * @returns {(Node | null)[]}
 */
export function written(place) {
  return { x: inputs, z: sum, a: activation, loss, da: back, dz: error, dw: share }[place.step.kind](place);
}

/** Numbers that are added up, with as many decimals, so that the sum can be checked. */
export function inColumn(values) {
  const most = Math.max(...values.filter(Number.isFinite).map(Math.abs), 0);
  if (most && (most < 1e-3 || most >= 1e6)) return (value) => number(value, 5);
  const decimals = most ? Math.max(0, 4 - Math.floor(Math.log10(most))) : 0;
  return (value) => (Number.isFinite(value) ? (Math.abs(value) < 0.5 * 10 ** -decimals ? 0 : value).toFixed(decimals).replace("-", "−") : number(value));
}

function line(...cells) {
  return element("tr", {}, ...cells.map((cell, k) => element(k ? "td" : "th", k ? {} : { scope: "row" }, cell)));
}

/** A table with a head, and lines at its end that sum it up. */
function table(name, head, rows, ends) {
  return element("div.scrolled", { tabindex: 0, role: "region", "aria-label": name }, element("table.terms", { "aria-label": name },
    element("thead", {}, element("tr", {}, ...head.map((cell) => element("th", { scope: "col" }, cell)))),
    element("tbody", {}, ...rows.map((row) => line(...row))),
    element("tfoot", {}, ...ends.map(([what, value]) => element("tr", {}, element("th", { scope: "row", colspan: head.length - 1 }, what), element("td", {}, value))))));
}

/**
 * A sum of products, term by term, the largest first where there are many.
 * @param {string} name
 * @param {(string | Node)[]} head
 * @param {{ name: string, u: number, v: number }[]} terms
 * @param {[string | Node, number][]} more  what is added, and what it comes to
 */
function products(name, head, terms, more) {
  const of = terms.map(({ u, v }) => u * v);
  let order = of.map((_, k) => k), rest = [];
  if (of.length > IN_ORDER) {
    order.sort((a, b) => Math.abs(of[b]) - Math.abs(of[a]));
    rest = order.slice(LARGEST);
    order = order.slice(0, LARGEST);
  }
  const together = rest.reduce((total, k) => total + of[k], 0);
  const write = inColumn([...of, ...more.map(([, value]) => value)]);
  return table(name, head, order.map((k) => [terms[k].name, number(terms[k].u), number(terms[k].v), write(of[k])]), [
    ...(rest.length ? [[`${count(rest.length)} smaller terms together`, write(together)]] : []),
    ...more.map(([what, value]) => [what, write(value)])]);
}

const formula = (text) => element("p.line", {}, equation(text));
const said = (text) => element("p.said-so", {}, text);
const all = (tensor) => [...tensor.data];

function inputs({ run, seen }) {
  const { image, inputs: names } = run.data;
  const x = all(seen.x), a = all(seen.A[0]);
  const parts = [];
  if (seen.cells) parts.push(table("the row of the table", ["column", "cell"], seen.cells[0].map((name, k) => [name, seen.cells[1][k]]), []));
  if (image) parts.push(picture(x, image));
  if (run.normalized) parts.push(said(`The network normalizes its inputs (${run.normalized}): each is moved and stretched to the measure of the training set.`));
  const shown = x.slice(0, image ? 0 : 40);
  if (shown.length && (!seen.cells || run.normalized || names.length <= 40)) {
    parts.push(table("the inputs", run.normalized ? ["input", "x", "a[0]"] : ["input", "x"], shown.map((value, k) => [unitName(run, 0, k), number(value), ...(run.normalized ? [number(a[k])] : [])]), []));
  }
  if (!image && x.length > shown.length) parts.push(said(`and ${count(x.length - shown.length)} more inputs`));
  return parts;
}

/** An image as the example has it. */
export function picture(x, [height, width, channels]) {
  const canvas = element("canvas.example", { role: "img", "aria-label": `the picture, ${height} × ${width} pixels` });
  const low = Math.min(0, ...x), high = Math.max(...x) || 1;
  paintImage(canvas, [height, width, channels], (at) => (255 * (x[at] - low)) / (high - low));
  return canvas;
}

function sum({ run, seen, step: { l }, i }) {
  const before = seen.A[l - 1].data;
  const terms = all(seen.w).map((w, j) => ({ name: unitName(run, l - 1, j), u: w, v: before[j] }));
  return [products(`z of ${unitName(run, l, i)}, term by term`, ["from", "w", l === 1 ? "x" : "a", l === 1 ? "w · x" : "w · a"], terms, [["b", seen.b], ["z, the sum", seen.Z[l].data[i]]])];
}

/** The formula of the letter that mish uses for a part of its own. */
const helping = (g) => g.match(/, (t = .+)/)?.[1];

/** The numbers that formulas have letters for. */
function letters(run, seen, l, i) {
  const values = { z: number(seen.Z[l].data[i]), a: number(seen.A[l].data[i]) };
  const spec = run.g[l - 1], [g] = run.formulas[spec];
  const alpha = spec.match(/\((.+)\)/)?.[1];
  if (alpha) values.α = number(Number(alpha));
  for (const [, name, value] of g.matchAll(/(\p{L}) ≈ ([\d.]+)/gu)) values[name] = value;
  if (helping(g)) values.t = number(Math.tanh(Math.log1p(Math.exp(seen.Z[l].data[i]))));
  return values;
}

function activation({ run, seen, step: { l }, i }) {
  const spec = run.g[l - 1], [g] = run.formulas[spec], a = seen.A[l].data[i];
  if (spec === "softmax") return softmax(run, seen, l, i);
  return [formula(`g(z) = ${g}`), formula(`a = ${filled(g.replace(/[,;].*Φ.*|;.*/, ""), letters(run, seen, l, i))}`), formula(`a = ${number(a, 5)}`)];
}

function softmax(run, seen, l, i) {
  const Z = all(seen.Z[l]), A = all(seen.A[l]);
  const most = Math.max(...Z), moved = Math.abs(most) > 30;
  const e = Z.map((z) => Math.exp(moved ? z - most : z)), total = e.reduce((sum, value) => sum + value, 0);
  const write = inColumn([...e, total]), share = inColumn(A);
  const order = Z.map((_, k) => k).sort((a, b) => (Z.length > IN_ORDER ? A[b] - A[a] : 0)).slice(0, Z.length > IN_ORDER ? LARGEST : undefined);
  const rows = order.map((k) => [unitName(run, l, k), number(Z[k]), write(e[k]), share(A[k])]);
  const rest = e.reduce((sum, value, k) => sum + (order.includes(k) ? 0 : value), 0);
  return [
    formula(`a${below(run, l, i)}[${l}] = ${moved ? "e^{z − c} / Σ e^{z − c}" : "eᶻ / Σ eᶻ"}`),
    ...(moved ? [said(`c = ${number(most)}, the largest z, is taken off first: nothing overflows, and the quotient is the same.`)] : []),
    table("softmax, unit by unit", ["output", "z", moved ? "e to the z − c" : "e to the z", "a"], rows, [
      ...(rest ? [[`${count(Z.length - order.length)} others together`, write(rest)]] : []), ["Σ of the powers of e", write(total)]]),
    formula(`a${below(run, l, i)}[${l}] = ${write(e[i])} / ${write(total)} = ${number(A[i], 5)}`),
  ];
}

/** 𝓛 of one output: the formula without its Σ. */
const single = (text) => text.replace("Σ ", "").replace("−[", "−[");

function loss({ run, seen, L }) {
  const A = all(seen.A[L]), y = all(seen.y), terms = all(seen.terms);
  const text = run.equations.loss.replace("𝓛 = ", "");
  const delta = run.equations.delta === null ? {} : { δ: number(run.equations.delta) };
  const shown = A.map((_, k) => k).filter((k) => A.length === 1 || y[k] === 1).slice(0, 1);
  const parts = [formula(`𝓛 = ${text}`)];
  for (const k of shown) parts.push(formula(`𝓛${A.length > 1 ? below(run, L, k).replace("_", "").replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d]) : ""} = ${filled(single(text), { a: number(A[k], 5), y: number(y[k]), ...delta })}`));
  if (A.length === 1) return [...parts, formula(`𝓛 = ${number(seen.J, 5)}`)];
  const write = inColumn([...terms, seen.J]);
  const order = A.map((_, k) => k).sort((a, b) => (A.length > IN_ORDER ? Math.abs(terms[b]) - Math.abs(terms[a]) : 0)).slice(0, A.length > IN_ORDER ? LARGEST : undefined);
  const rest = terms.reduce((sum, value, k) => sum + (order.includes(k) ? 0 : value), 0);
  return [...parts, table("the loss, output by output", ["output", "y", "a", "its part of 𝓛"], order.map((k) => [unitName(run, L, k), number(y[k]), number(A[k]), write(terms[k])]), [
    ...(A.length > order.length ? [[`${count(A.length - order.length)} others together`, write(rest)]] : []), ["𝓛, the sum", write(seen.J)]])];
}

function back({ run, seen, step: { l }, i }) {
  const dz = seen.dZ[l + 1].data;
  const terms = all(seen.w_out).map((w, k) => ({ name: unitName(run, l + 1, k), u: w, v: dz[k] }));
  return [
    said("How much 𝓛 grows with this a: through every unit of the next layer, by its weight."),
    products(`da of ${unitName(run, l, i)}, term by term`, ["through", "w", "dz", "w · dz"], terms, [["da, the sum", seen.dA[l].data[i]]])];
}

function error({ run, seen, step: { l }, i, L }) {
  const dz = number(seen.dZ[l].data[i], 5), values = letters(run, seen, l, i);
  const slope = seen.slope[l]?.data[i];
  const [g, ofSlope] = run.formulas[run.g[l - 1]];
  const byA = ofSlope.replaceAll("g(z)", "a");
  const slopes = () => [formula(`g′(z) = ${byA}`), helping(g) && formula(helping(g)), formula(`g′(z) = ${filled(byA, values)}`), formula(`g′(z) = ${number(slope, 5)}`)];
  if (l < L) return [...slopes(), formula(`dz = ${filled("d · s", { d: number(seen.dA[l].data[i], 5), s: number(slope, 5) })} = ${dz}`)];
  const [, right] = run.equations.backward[L - 1][1].split(" = ");
  const text = right.replace(`g[${L}]′(Z[${L}])`, "s").replaceAll(`A[${L}]`, "a").replace("Y", "y").replaceAll("∗", "·");
  return [...(text.includes("s") && !text.includes("sign") ? slopes() : []), formula(`dz = ${filled(text, { a: number(seen.A[L].data[i], 5), y: number(seen.y.data[i]), s: number(slope, 5) })} = ${dz}`)];
}

function share({ run, seen, step: { l }, i }) {
  const before = all(seen.A[l - 1]), dz = seen.dZ[l].data[i];
  const write = inColumn([...before.map((a) => a * dz), dz]);
  const order = before.map((_, j) => j).sort((a, b) => (before.length > IN_ORDER ? Math.abs(before[b]) - Math.abs(before[a]) : 0)).slice(0, before.length > IN_ORDER ? LARGEST : undefined);
  const m = count(run.options.batch_size ?? run.data.m);
  return [
    table(`what this example adds to dW of ${unitName(run, l, i)}`, ["weight from", "dz", l === 1 ? "x" : "a", l === 1 ? "dz · x" : "dz · a"],
      order.map((j) => [unitName(run, l - 1, j), number(dz), number(before[j]), write(dz * before[j])]), [["b: its db is dz", write(dz)]]),
    ...(before.length > order.length ? [said(`and ${count(before.length - order.length)} smaller ones`)] : []),
    said(`dW[${l}] is the mean of what the examples of a mini-batch (${m}) give here${run.equations.l2 ? ", and (λ/m) W" : ""}; the update takes a step against it.`)];
}
