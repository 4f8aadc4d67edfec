import { NAMES, changesOf, worded } from "./changes.js";
import { Field, choice, entry, later, offer, set } from "./controls.js";
import { element, number } from "./draw.js";

const WAIT = 150; // milliseconds after the last move of a slider
const SLOWEST = -5, FASTEST = 1; // powers of ten of the learning rate's slider

/**
 * What may change while a network trains: optimizer, learning rate, batch size, L2, dropout, clipping.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountOptions(place, store) {
  const fields = {};
  const change = (name, values) => fields[name].ask(store, "options", values);
  const soon = later(change, WAIT);
  const ruled = (name, value) => change(name, { optimizer: { ...store.run.options.optimizer, [name]: value } });

  const optimizer = choice("optimizer", [], (name) => {
    const now = store.run.options.optimizer, offered = store.choices.optimizers[name];
    const kept = Object.fromEntries(Object.keys(offered).filter((key) => key !== "name" && key in now).map((key) => [key, now[key]]));
    change("optimizer", { optimizer: { ...offered, ...kept } });
  });
  const rate = entry("learning rate", (value) => ruled("learning_rate", value));
  const slider = element("input", { type: "range", min: SLOWEST, max: FASTEST, step: 0.05, "aria-label": "learning rate, as a slider", input: () => {
    const value = Number((10 ** Number(slider.value)).toPrecision(2));
    set(rate, value);
    slider.setAttribute("aria-valuetext", number(value));
    soon("learning_rate", { optimizer: { ...store.run.options.optimizer, learning_rate: value } });
  } });
  const batch = entry("batch size", (value) => change("batch_size", { batch_size: value === "all" ? null : value }), { inputmode: "text", title: "examples in a mini-batch, or all" });
  const batches = element("input", { type: "range", min: 0, step: 1, "aria-label": "batch size, as a slider: all examples at the end", input: () => {
    const value = Number(batches.value) < Number(batches.max) ? 2 ** Number(batches.value) : null;
    set(batch, value ?? "all");
    batches.setAttribute("aria-valuetext", worded("batch_size", value));
    soon("batch_size", { batch_size: value });
  } });
  const l2 = entry("λ of the L2 term", (value) => change("l2", { l2: value ?? 0 }));
  const clip = entry("longest gradient, empty for any", (value) => change("clip_norm", { clip_norm: value }), { placeholder: "off" });
  const shares = element("span.shares");
  const others = element("span.others");
  fields.optimizer = new Field("optimizer", optimizer);
  fields.learning_rate = new Field("learning rate α", rate, slider);
  fields.batch_size = new Field("batch size", batch, batches);
  fields.l2 = new Field("L2: λ", l2);
  fields.clip_norm = new Field("clip ‖gradient‖ at", clip);
  fields.dropout = new Field("dropout", shares);
  const summary = element("summary");
  const more = element("details.more", {}, summary, element("div.fields", {}, fields.l2.element, fields.dropout.element, fields.clip_norm.element, others));
  place.append(element("div.fields", {}, fields.learning_rate.element, fields.optimizer.element, fields.batch_size.element), more);

  /** The numbers of the optimizer beside its learning rate. */
  function numbers(rule) {
    if (others.dataset.rule === rule.name) return;
    others.dataset.rule = rule.name;
    others.replaceChildren(...Object.keys(rule).filter((name) => name !== "name" && name !== "learning_rate").map((name) => {
      const control = typeof rule[name] === "boolean"
        ? element("input", { type: "checkbox", "aria-label": NAMES[name], change: () => ruled(name, control.checked) })
        : entry(NAMES[name] ?? name, (value) => ruled(name, value));
      fields[name] = new Field(NAMES[name] ?? name, control);
      return fields[name].element;
    }));
  }

  /** A share of dropout for each hidden layer. */
  function dropout(given, hidden) {
    if (shares.children.length !== hidden) {
      shares.replaceChildren(...[...Array(hidden).keys()].map((k) => entry(`dropout after layer ${k + 1}`, (value) => {
        const now = store.run.options.dropout;
        change("dropout", { dropout: [...Array(hidden).keys()].map((l) => (l === k ? value ?? 0 : now[l] ?? 0)) });
      })));
    }
    [...shares.children].forEach((control, k) => set(control, given[k] ?? 0));
    fields.dropout.element.hidden = !hidden;
  }

  store.on("lab", () => {
    const { options, design, data } = store.run;
    const rule = options.optimizer;
    offer(optimizer, Object.keys(store.choices.optimizers).map((name) => [name, name.replace("GradientDescent", "Gradient descent").replace("HeavyBall", "Heavy ball")]));
    set(optimizer, rule.name);
    set(rate, rule.learning_rate);
    set(slider, Math.log10(Math.max(rule.learning_rate, 1e-300)));
    batches.max = String(Math.ceil(Math.log2(data.m)));
    set(batches, options.batch_size === null ? batches.max : Math.min(Number(batches.max) - 1, Math.round(Math.log2(options.batch_size))));
    set(batch, options.batch_size ?? "all");
    set(l2, options.l2);
    set(clip, options.clip_norm ?? "");
    dropout(options.dropout, design.hidden.length);
    numbers(rule);
    for (const [name, value] of Object.entries(rule)) {
      const control = fields[name]?.controls[0];
      if (name === "name" || name === "learning_rate" || !control) continue;
      if (typeof value === "boolean") control.checked = value; else set(control, value);
    }
    const since = {};
    for (const { step, names } of changesOf(store.run)) for (const name of names) since[name] = step;
    for (const [name, field] of Object.entries(fields)) field.note.textContent = name in since ? `from step ${since[name]} on` : "";
    const terms = [options.l2 ? `λ = ${number(options.l2)}` : "no L2", `dropout ${worded("dropout", options.dropout)}`, options.clip_norm === null ? "no clipping" : `gradient at most ${number(options.clip_norm)}`];
    summary.textContent = `more: ${terms.join(", ")}`;
  });
}
