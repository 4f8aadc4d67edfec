/** Where data comes from that the page makes itself: ready-made sets, a formula, painting. */

import { element } from "./draw.js";
import { drawPreview } from "./preview.js";

/**
 * A source of data, as a panel of the dialog.
 *
 * @typedef {object} Source
 * @property {string} name
 * @property {string} label
 * @property {HTMLElement} body
 * @property {string[]} kinds            of specs that it shows
 * @property {(spec: any) => void} open  hears of the data that the run has
 * @property {() => void} [shown]        its panel is there to be seen
 * @property {() => any} spec            what is chosen; null for nothing yet
 * @property {(found: any) => void} [understood] hears what the lab says of the spec
 * @property {(found: any) => object} [design] what else of the design fits this data
 * @property {() => void} [taken]        the data is there
 * @property {(files: [string, File][]) => Promise<void>} [take]  those of files that were dropped
 */

const OWN = "your arrays";
const FORMULAS = ["sin(3*x)", "abs(x) - x**2/2", "floor(2*x)", "x1*x2 > 0", "x1**2 + x2**2 < 1", "sin(3*x1) > x2"];
const CORNERS = [[-1, -1], [1, 1], [-1, 1], [1, -1], [0, 1], [0, -1]];
const SHEET = [[-1.5, 1.5], [-1.5, 1.5]];
const LABELS = { m: "examples", noise: "noise", seed: "seed", classes: "classes", bits: "bits" };

/**
 * A number that a person types.
 * @param {string} label
 * @param {number} value
 * @param {(value: number) => void} act
 * @param {object} [bounds]
 */
export function numberField(label, value, act, bounds = {}) {
  const field = element("input", { type: "number", step: "any", value, ...bounds, input: () => field.value !== "" && act(Number(field.value)) });
  return element("label.field", {}, `${label} `, field);
}

/**
 * @param {import("./store.js").Store} store
 * @param {() => void} changed
 * @returns {Source}
 */
export function readyMade(store, changed) {
  const cards = element("div.sets", { role: "group", "aria-label": "ready-made sets" });
  const settings = element("div.settings");
  const about = element("p.explained");
  const body = element("div", {}, cards, about, settings);
  let [chosen, given, shown] = ["flower", {}, ""];
  let [loaded, own] = [false, null]; // own: the spec of the arrays that a program holds

  const specOf = (name) => (name === OWN ? own : { kind: "bundled", name });

  async function load() {
    loaded = true;
    for (const name of [...(own ? [OWN] : []), ...store.datasets]) {
      const canvas = element("canvas", { "aria-hidden": "true" });
      const card = element("button.set", { type: "button", "aria-pressed": String(name === chosen), click: () => choose(name) }, canvas, name.replace("_", " "));
      card.dataset.name = name;
      cards.append(card);
    }
    for (const card of /** @type {Iterable<HTMLElement>} */ (cards.children)) {
      try {
        const found = await store.ask("understand", { spec: specOf(card.dataset.name) });
        card.title = found.about ?? found.name;
        drawPreview(card.querySelector("canvas"), found);
      } catch { // the card stays without its picture, and says why when it is chosen
      }
    }
  }

  function choose(name, values = {}) {
    [chosen, given] = [name, values];
    for (const card of /** @type {Iterable<HTMLElement>} */ (cards.children)) card.setAttribute("aria-pressed", String(card.dataset.name === name));
    changed();
  }

  return {
    name: "ready", label: "Ready-made", kinds: ["bundled", "arrays"], body,
    open({ kind, name, key, validation, split_seed, scale_target, features, ...values }) {
      if (kind === "bundled") choose(name, values);
      if (kind === "arrays") {
        own = { kind, key };
        choose(OWN);
      }
      shown = "";
    },
    shown() {
      if (!loaded) load();
    },
    spec: () => ({ ...specOf(chosen), ...given, ...(chosen === "diabetes" ? { scale_target: true } : {}) }),
    understood(found) {
      about.textContent = found.about ?? "";
      if (shown === chosen) return;
      shown = chosen;
      settings.replaceChildren(...Object.entries(found.arguments ?? {}).map(([key, value]) => {
        const step = key === "noise" ? { step: 0.05, min: 0 } : { step: 1, min: key === "seed" ? 0 : 1 };
        return numberField(LABELS[key] ?? key, given[key] ?? value, (typed) => { given = { ...given, [key]: typed }; changed(); }, step);
      }));
    },
  };
}

/**
 * @param {import("./store.js").Store} store
 * @param {() => void} changed
 * @returns {Source}
 */
export function typed(store, changed) {
  let given = { formula: "sin(3*x) + x**2/2", low: -2, high: 2, m: 200, noise: 0.05, seed: 0 };
  const field = element("input", { type: "text", id: "formula", spellcheck: "false", autocomplete: "off", class: "code formula", input: () => { given.formula = field.value; changed(); } });
  const settings = element("div.settings");
  const fill = () => {
    field.value = given.formula;
    settings.replaceChildren(.../** @type {[string, string, number?][]} */ ([["low", "x from"], ["high", "to"], ["m", "examples", 1], ["noise", "noise", 0.05], ["seed", "seed", 1]]).map(([key, label, step]) =>
      numberField(label, given[key], (value) => { given[key] = value; changed(); }, step ? { step, min: key === "m" ? 1 : 0 } : {})));
  };
  const body = element("div", {},
    element("label", { for: "formula" }, "y = a formula of x, or of x1 and x2; a comparison makes two classes"), field,
    element("div.hints", { role: "group", "aria-label": "examples of formulas" }, ...FORMULAS.map((formula) =>
      element("button.quiet.code", { type: "button", click: () => { given.formula = formula; fill(); changed(); } }, formula))),
    settings,
    element("p.explained", {}, "Numbers, + − * / and ** for powers, pi, e, and abs cos exp floor log max min sign sin sqrt tan tanh."));
  fill();
  return {
    name: "formula", label: "Formula", kinds: ["formula"], body,
    open(spec) {
      if (spec.kind !== "formula") return;
      for (const key of Object.keys(given)) if (key in spec) given[key] = spec[key];
      fill();
    },
    spec: () => ({ kind: "formula", ...given }),
  };
}

/**
 * @param {import("./store.js").Store} store
 * @param {() => void} changed
 * @returns {Source}
 */
export function painted(store, changed) {
  let [classes, kept] = [2, null]; // kept: the spec of points that are there
  const choice = element("select", { "aria-label": "classes", change: () => begin(Number(choice.value)) },
    ...CORNERS.slice(1).map((_, k) => element("option", { value: k + 2 }, `${k + 2} classes`)));
  const empty = element("button", { type: "button", hidden: true, click: () => begin(classes) }, "an empty sheet");
  const body = element("div", {},
    element("p", {}, "A sheet begins with one point of each class. Click or drag on the plane, then: each stroke paints points of the class that is chosen below it, and the network begins anew."),
    element("div.settings", {}, choice, empty),
    element("p.explained", {}, "Data of two inputs that is there already can be painted on as it is: choose a class below the plane. At the keyboard, arrow keys move a cross there, and Enter paints."));

  function begin(k) {
    [classes, kept, empty.hidden] = [k, null, true];
    changed();
  }

  return {
    name: "paint", label: "Paint", kinds: ["points"], body,
    open(spec) {
      if (spec.kind !== "points") return;
      [classes, kept, empty.hidden] = [spec.classes ?? 2, spec, false];
      choice.value = String(classes);
    },
    spec: () => kept ?? { kind: "points", points: CORNERS.slice(0, classes).map(([x1, x2], k) => [x1, x2, k]), classes, range: SHEET },
    taken: () => store.select({ paint: 0 }),
  };
}
