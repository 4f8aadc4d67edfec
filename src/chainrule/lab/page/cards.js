/** The numbers of a unit or a line: on a small card, in a sentence, in a table. */

import { element, number, terms } from "./draw.js";
import { called, unitName } from "./names.js";

const percent = (share) => `${Math.round(100 * share)} %`;

const rows = (lines) => element("dl", {}, ...terms(lines));

/**
 * @param {{ l: number, i: number }} unit
 * @param {{ run: any, layer: any, dW: any, example: any }} given
 * @returns {Node[]}
 */
export function unitCard({ l, i }, { run, layer, dW, example }) {
  const value = example?.A?.[l]?.data[i];
  const here = layer?.l === l && i < layer.low.shape[0] ? layer : null;
  const strongest = here && `${called(run, l - 1, here.strongest.data[i])}, w = ${number(here.weight.data[i], 3)}`;
  return [
    element("h3", {}, called(run, l, i)),
    rows([
      value !== undefined && [l ? "a, chosen example" : "x, chosen example", number(value)],
      here && ["b", number(here.b.data[i])],
      dW?.b && l && ["db", number(dW.b[l - 1].data[i], 3)],
      here && ["z", `${number(here.low.data[i], 3)} … ${number(here.high.data[i], 3)}`],
      here?.flat && [`g′ next to 0`, `on ${percent(here.flat.data[i])} of examples`],
      here && ["strongest from", strongest],
    ]),
  ];
}

/**
 * @param {{ l: number, i: number, j: number }} line
 * @param {{ run: any, W: any, dW: any, example: any }} given
 * @returns {Node[]}
 */
export function lineCard({ l, i, j }, { run, W, dW, example }) {
  const at = (view) => view?.W && view.W[l - 1].data[i * view.W[l - 1].shape[1] + j];
  const a = example?.A?.[l - 1]?.data[j];
  return [
    element("h3", {}, `from ${called(run, l - 1, j)} to ${called(run, l, i)}`),
    rows([
      [`W[${l}][${i}, ${j}]`, number(at(W))],
      dW?.W && [`dW[${l}][${i}, ${j}]`, number(at(dW), 3)],
      a !== undefined && ["w·a, chosen example", `${number(at(W), 3)} · ${number(a, 3)} = ${number(at(W) * a, 3)}`],
    ]),
  ];
}

/**
 * A unit in a sentence.
 * @param {number[]} unit
 * @param {any} run
 * @param {any} layer  the view "layer" of it
 * @returns {string}
 */
export function saidOf([l, i], run, layer) {
  const name = called(run, l, i);
  if (layer?.l !== l || i >= layer.low.shape[0]) return name;
  const flat = layer.flat ? `, g′ next to 0 on ${percent(layer.flat.data[i])} of the examples` : "";
  return `${name}: b = ${number(layer.b.data[i], 3)}, z from ${number(layer.low.data[i], 3)} to ${number(layer.high.data[i], 3)}${flat}, ` +
    `strongest from ${called(run, l - 1, layer.strongest.data[i])}, w = ${number(layer.weight.data[i], 3)}`;
}

/**
 * The units of a layer as a table.
 * @param {any} layer  the view "layer"
 * @param {any} run
 * @param {(i: number) => void} choose
 * @returns {HTMLElement}
 */
export function layerTable(layer, run, choose) {
  if (!layer?.low) return element("p", {}, "…");
  const { l, n, examples } = layer;
  const shown = layer.low.shape[0];
  const head = ["unit", "b", "strongest from", "w", "lowest z", "mean z", "highest z", ...(layer.flat ? ["g′ next to 0"] : [])];
  const line = (i) => element("tr", {},
    element("th", { scope: "row" }, element("button.quiet", { type: "button", click: () => choose(i) }, unitName(run, l, i))),
    ...[number(layer.b.data[i]), called(run, l - 1, layer.strongest.data[i]), ...["weight", "low", "mean", "high"].map((name) => number(layer[name].data[i])),
      ...(layer.flat ? [percent(layer.flat.data[i])] : [])].map((text) => element("td", {}, text)));
  return element("table", {},
    element("caption", {}, `Layer ${l}: ${shown < n ? `the first ${shown} of ${n} units` : `${n} unit${n > 1 ? "s" : ""}`}; z over the first ${examples} training examples`),
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...[...Array(shown).keys()].map(line)));
}
