import { element, number } from "./draw.js";
import { style } from "./plot.js";

/**
 * A short line in the color and the dashes of a run.
 * @param {number} id
 * @returns {HTMLElement}
 */
export function swatch(id) {
  const made = element("span.swatch", { "aria-hidden": "true" });
  const { color, dash } = style(id);
  const share = dash.length ? `${color} 0 ${dash[0]}px, transparent 0 ${dash[0] + dash[1]}px` : `${color} 0 4px`;
  made.style.background = `repeating-linear-gradient(90deg, ${share})`;
  return made;
}

/**
 * The runs as tabs: choose, rename, take away, and put one more beside them.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountRuns(place, store) {
  const list = element("div.run-list");
  const ways = element("div.menu-list");
  const menu = element("details.menu", {}, element("summary", { title: "a run beside this one, with the same seed and data" }, "+ compare"), ways);
  place.append(list, menu);
  menu.addEventListener("toggle", () => menu.open && ways.replaceChildren(...offered()));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.firstChild.focus();
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(/** @type {Node} */ (event.relatedTarget))) menu.open = false;
  });
  store.root.addEventListener("pointerdown", (event) => {
    if (menu.open && !menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  });

  /** What one may want to compare this run with. */
  function offered() {
    const { design, options } = store.run;
    const rate = options.optimizer.learning_rate;
    const faster = (by) => ({ optimizer: { ...options.optimizer, learning_rate: Number((rate * by).toPrecision(12)) } });
    const all = (name) => ({ activations: design.hidden.map(() => name) });
    const others = design.hidden.length ? ["relu", "tanh", "sigmoid"].filter((name) => design.activations.some((each) => each !== name)) : [];
    /** @type {[string, object, string | null][]} */
    const found = [
      ["a copy of this run", {}, null],
      ...others.map((name) => /** @type {[string, object, string]} */ ([`same seed, with ${name}`, all(name), name])),
      [`same seed, learning rate × 10: ${number(rate * 10)}`, faster(10), `α × 10`],
      [`same seed, learning rate ÷ 10: ${number(rate / 10)}`, faster(0.1), `α ÷ 10`],
      [`with another seed: ${design.seed + 1}`, { seed: design.seed + 1 }, `seed ${design.seed + 1}`],
      ...(design.init === "zeros" ? [] : [/** @type {[string, object, string]} */ (["same seed, all weights zero", { init: "zeros" }, "zeros"])]),
    ];
    return found.map(([label, change, name]) => element("button.quiet", { type: "button", click: async () => {
      menu.open = false;
      await store.tell("add", { change, name, run: store.lab.active });
      list.querySelector("[aria-current]")?.focus();
    } }, label));
  }

  function tab({ id, name }) {
    const on = id === store.lab.active;
    const button = element(`button.tab${on ? ".on" : ""}`, {
      type: "button", "aria-current": on ? "true" : null, title: "show this run; double click or F2 renames it",
      click: () => !on && store.tell("activate", { run: id }), dblclick: () => rename(id, name, button),
      keydown: (event) => event.key === "F2" && rename(id, name, button),
    }, swatch(id), name);
    const away = store.lab.runs.length > 1 && element("button.quiet.away", { type: "button", "aria-label": `remove ${name}`, title: `remove ${name}`, click: () => store.tell("remove", { run: id }) }, "×");
    return element("span.run", {}, button, away);
  }

  function rename(id, name, button) {
    const field = element("input", { value: name, maxlength: 60, "aria-label": "name of the run" });
    let done = false;
    const end = (keep) => {
      if (done) return;
      done = true;
      if (keep && field.value.trim() && field.value !== name) store.tell("rename", { run: id, name: field.value.trim() });
      else field.replaceWith(button);
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter");
    });
    field.addEventListener("blur", () => end(true));
    button.replaceWith(field);
    field.focus();
    field.select();
  }

  let drawn = "";
  store.on("lab", (lab) => {
    const now = JSON.stringify([lab.active, lab.runs.map(({ id, name }) => [id, name])]);
    if (now === drawn) return;
    drawn = now;
    list.replaceChildren(...lab.runs.map(tab));
  });
}
