import { count, element, number } from "./draw.js";
import { equation } from "./mathml.js";
import { crossed, unitName } from "./names.js";
import { headline, result, steps, written } from "./steps.js";

const MOST_CHIPS = 40; // units of a layer that are offered one by one

/**
 * One example through the network and back, equation by equation, term by term.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountWalk(place, store) {
  let at = 0, list = [], signature = "", drawn = null;
  const units = new Map(); // layer → the unit that is looked at

  const button = (label, title, act, key) => element("button", { type: "button", title: key ? `${title} (${key})` : title, "aria-label": title, "aria-keyshortcuts": key, click: act }, label);
  const field = element("input", { type: "number", min: 0, value: 0, "aria-label": "example", title: "counted from 0, as the columns of X in the code", change: () => choose(Number(field.value)) });
  const parts = element("select", { "aria-label": "of", change: () => choose(0, parts.value) }, element("option", { value: "train" }, "training"), element("option", { value: "validation" }, "held out"));
  const wrong = button("a wrong one", "an example that the network gets wrong", hardest);
  const verdict = element("p.verdict", { "aria-live": "polite" });
  const without = element("p.said-so", { hidden: true }, "Without dropout, as the network answers.");
  const otherwise = element("p.said-so", { hidden: true });
  const walked = element("ol.steps");
  const back = button("◂ Back", "the step before", () => go(at - 1), "b");
  const next = button("Next ▸", "the next step", () => go(at + 1), "n");
  next.classList.add("primary");
  place.append(
    element("div.controls", {}, element("label", {}, "example ", field), parts, button("‹", "the example before", () => choose(example().index - 1)), button("›", "the next example", () => choose(example().index + 1)), wrong),
    verdict, without, otherwise, element("div.controls.pace", {}, back, next), walked);

  place.classList.add("one-example");
  const example = () => store.selection.example ?? { part: "train", index: 0 };
  const here = () => store.selection.tab === "walk" && store.run;
  const L = () => store.run.sizes.length - 1;
  const unit = (l) => Math.min(units.get(l) ?? 0, store.run.sizes[l] - 1);

  store.want("example", () => {
    if (!here() || !list.length || !store.due) return null;
    const { l } = list[at];
    return { view: "example", ...example(), unit: [Math.max(1, l), unit(Math.max(1, l))] };
  });

  function choose(index, part = example().part) {
    const most = part === "train" ? store.run.data.m : store.run.data.m_val;
    if (!most) return store.say("no examples are held out");
    store.select({ example: { part, index: ((Math.round(index) || 0) + most) % most } });
  }

  async function hardest() {
    const { part, index } = example();
    const found = await store.tell("see", { view: "hardest", part });
    if (!found) return;
    const rows = [...found.rows.data];
    if (!rows.length) return store.say("the network gets every one of these examples right");
    choose(rows[(rows.indexOf(index) + 1) % rows.length]);
  }

  function go(to) {
    at = Math.max(0, Math.min(list.length - 1, to));
    const { l } = list[at];
    if (l) store.select({ unit: [l, unit(l)], layer: l });
    build();
    walked.children[at]?.scrollIntoView?.({ block: "nearest" });
  }

  /** The lines of all steps; the current one is written out by draw. */
  function build() {
    if (!store.run) return;
    list = steps(L());
    at = Math.min(at, list.length - 1);
    signature = signed();
    walked.replaceChildren(...list.map((step, k) => {
      const open = element("button.quiet", { type: "button", "aria-expanded": String(k === at), click: () => go(k) }, element("span", {}, equation(headline(store.run, step, unit(step.l)))), element("output"));
      return element(`li${k === at ? ".current" : ""}.${["x", "z", "a", "loss"].includes(step.kind) ? "forth" : "back"}`, k === at ? { "aria-current": "step" } : {}, open, ...(k === at ? [element("div.chips"), element("div.written")] : []));
    }));
    back.disabled = at === 0;
    next.disabled = at === list.length - 1;
    draw();
  }

  const signed = () => JSON.stringify([store.run?.id, store.run?.sizes, store.run?.g, store.run?.equations, at, [...units]]);

  function draw() {
    const seen = store.shown.example;
    if (!here() || !seen) return;
    const { part, index } = example();
    if (seen.part !== part || seen.index !== index || seen.Z.length !== L() + 1) return;
    drawn = seen;
    judge(seen);
    list.forEach((step, k) => {
      const value = result(seen, step, unit(step.l));
      const shown = value === null ? "" : `= ${number(value)}`;
      walked.children[k].querySelector("output").textContent = shown;
      walked.children[k].firstElementChild.setAttribute("aria-label", `${headline(store.run, step, unit(step.l))} ${shown}`);
    });
    const step = list[at], i = unit(step.l), current = walked.children[at];
    chips(current.querySelector(".chips"), step, seen);
    if (step.l && (seen.unit[0] !== step.l || seen.unit[1] !== i)) return;
    const focused = current.querySelector(".written").contains(place.ownerDocument.activeElement);
    if (!focused || !store.lab.playing) current.querySelector(".written").replaceChildren(...written({ run: store.run, seen, step, i, L: L() }).filter(Boolean));
  }

  /** What the network answers, and whether it is right. */
  function judge(seen) {
    const { task, classes } = store.run.data;
    const a = [...seen.A[L()].data], y = [...seen.y.data];
    const largest = (values) => values.indexOf(Math.max(...values));
    if (place.ownerDocument.activeElement !== field) field.value = String(seen.index); // not while one types
    field.max = String((seen.part === "train" ? store.run.data.m : store.run.data.m_val) - 1);
    parts.value = seen.part;
    const [center, scale] = store.run.data.target_scale;
    const own = (each) => number(each * scale + center);
    const standardized = scale === 1 ? "" : ` (standardized, as below: ${number(a[0])} and ${number(y[0])})`;
    let text, right = null;
    if (task === "regression") text = `The network says ŷ = ${a.map(own).join(", ")}, and it is ${y.map(own).join(", ")}${standardized}`;
    else if (a.length === 1) {
      right = a[0] > 0.5 === y[0] > 0.5;
      text = `The network says ${classes[Number(a[0] > 0.5)]} (ŷ = ${number(a[0])}), and it is ${classes[Number(y[0] > 0.5)]}`;
    } else {
      right = largest(a) === largest(y);
      text = `The network says ${classes[largest(a)]} (ŷ = ${number(a[largest(a)])}), and it is ${classes[largest(y)]}`;
    }
    verdict.textContent = (right === null ? "" : right ? "✓ Right. " : "✗ Wrong. ") + text;
    otherwise.textContent = crossed(store.run, seen.part);
    otherwise.hidden = !otherwise.textContent;
    without.hidden = !store.run.options.dropout.some(Boolean);
    verdict.classList.toggle("wrong", right === false);
    verdict.classList.toggle("right", right === true);
    verdict.setAttribute("aria-live", store.lab.playing ? "off" : "polite");
  }

  /** The units of a step's layer, to choose from. */
  function chips(holder, { kind, l }, seen) {
    const n = store.run.sizes[l], values = seen[{ z: "Z", a: "A", da: "dA", dz: "dZ", dw: "dZ" }[kind]]?.[l]?.data;
    holder.hidden = !values || n < 2;
    if (holder.hidden) return;
    if (n > MOST_CHIPS) {
      if (!holder.firstChild) holder.replaceChildren(element("label", {}, "unit ", element("input", { type: "number", min: 0, max: n - 1, value: unit(l), "aria-label": "unit", change: (event) => take(l, Number(event.target.value)) }), ` of ${count(n)}`));
      return;
    }
    if (holder.children.length !== n) {
      holder.replaceChildren(...Array.from({ length: n }, (_, i) => element("button", { type: "button", "aria-pressed": String(i === unit(l)), click: () => take(l, i) }, `${unitName(store.run, l, i)} `, element("span.number"))));
    }
    [...holder.children].forEach((chip, i) => { chip.lastChild.textContent = number(values[i], 2); });
  }

  function take(l, i) {
    units.set(l, Math.max(0, Math.min(store.run.sizes[l] - 1, Math.round(i) || 0)));
    store.select({ unit: [l, unit(l)] });
  }

  place.ownerDocument.addEventListener("keydown", (event) => {
    if (!here() || event.ctrlKey || event.metaKey || event.altKey || (/** @type {HTMLElement} */ (event.target)).closest?.("input:not([type=number]), textarea, dialog")) return;
    const by = { n: 1, b: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    go(at + by);
  });

  store.on("lab", () => { if (signed() !== signature) build(); });
  store.on("select", (change) => {
    if (change.unit) {
      const [l, i] = change.unit;
      units.set(l, i);
      if (here() && list[at].l !== l) at = list.findIndex((step) => step.l === l && step.kind === (["da", "dz", "dw"].includes(list[at].kind) ? "dz" : "z"));
    }
    if (change.tab === "walk" && !store.selection.example) return store.select({ example: example() });
    if (here() && signed() !== signature) build();
    else if (here() && "example" in change) draw();
  });
  store.on("frame", () => {
    if (here() && store.shown.example !== drawn) draw();
  });
}
