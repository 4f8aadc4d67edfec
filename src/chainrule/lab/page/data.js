import { byArrows, showTab } from "./controls.js";
import { classColor, count, element, number } from "./draw.js";
import { pictures, table } from "./files.js";
import { drawPreview } from "./preview.js";
import { painted, readyMade, typed } from "./sources.js";
import { filesOf } from "./upload.js";

const PATIENCE = 250; // milliseconds after the last change, before the lab is asked what it means
const FEATURES = {
  1: [["x", "x"], ["x**2", "x²"], ["x**3", "x³"], ["sin(x)", "sin x"], ["cos(x)", "cos x"]],
  2: [["x1", "x₁"], ["x2", "x₂"], ["x1**2", "x₁²"], ["x2**2", "x₂²"], ["x1*x2", "x₁x₂"], ["sin(x1)", "sin x₁"], ["sin(x2)", "sin x₂"]],
};

/**
 * The button that names the data, and the dialog in which other data is chosen, dropped, painted or typed.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountData(place, store) {
  const button = element("button.data", { type: "button", "aria-haspopup": "dialog", title: "choose, drop, paint or type data", click: () => open() }, "data");
  const [seen, judged, error] = [element("canvas", { "aria-hidden": "true" }), element("div.judged", { "aria-live": "polite" }), element("p.wrong", { role: "alert" })];
  const aside = element("aside", { "aria-label": "the data" }, seen, judged, error);
  const inputs = element("fieldset.features", { hidden: true });
  const share = element("input", { type: "range", min: 0, max: 0.5, step: 0.05, value: 0.2, "aria-label": "share held out", input: changed });
  const held = element("output");
  const seed = element("input", { type: "number", min: 0, step: 1, value: 0, "aria-label": "seed of the draw", title: "another seed holds others out", input: changed });
  const take = element("button.primary", { type: "button", click: learn }, "Learn from it");
  const sources = [readyMade(store, changed), table(store, changed, fail), pictures(store, changed, fail), painted(store, changed), typed(store, changed)];
  const list = element("div.tabs", { role: "tablist", "aria-label": "where data comes from" });
  const bodies = element("div.bodies");
  const dialog = element("dialog.data", { "aria-labelledby": "data-title" },
    element("div.head", {}, element("h2", { id: "data-title" }, "What is the network to learn from?"), element("button.quiet", { type: "button", "aria-label": "close", click: () => dialog.close() }, "×")),
    list,
    element("div.halves", {}, bodies, aside),
    inputs,
    element("div.foot", {},
      element("label.field", { title: "validation: examples that the network does not train on" }, "held out ", share, held), element("label.field", {}, "drawn with seed ", seed),
      element("span.grow"), take));
  place.append(button, dialog);

  let [source, found, timer, asked, features, kept] = [sources[0], null, 0, 0, [], "0.2"];

  /** @type {Map<import("./sources.js").Source, { tab: HTMLElement, panel: HTMLElement }>} */
  const parts = new Map();
  for (const each of sources) {
    const id = `data-${each.name}`;
    const tab = element("button", { type: "button", role: "tab", id: `${id}-tab`, "aria-controls": id, click: () => choose(each) }, each.label);
    const panel = element("div", { role: "tabpanel", id, "aria-labelledby": `${id}-tab` }, each.body);
    parts.set(each, { tab, panel });
    list.append(tab);
    bodies.append(panel);
  }
  byArrows(list, () => sources.indexOf(source), (k) => choose(sources[k]));

  dialog.addEventListener("keydown", async (event) => {
    if (event.key !== "Enter" || !(/** @type {HTMLElement} */ (event.target)).matches?.("input[type=text], input[type=number]")) return;
    event.preventDefault();
    await look(); // at what was typed last
    if (!take.disabled) learn();
  });

  function open(named) {
    const { spec } = store.run.data;
    kept = share.value = String(spec.validation ?? (spec.kind === "arrays" ? 0 : 0.2));
    seed.value = String(spec.split_seed ?? 0);
    features = spec.features ?? [];
    dialog.showModal();
    for (const each of sources) each.open(spec);
    source = null;
    choose(named ?? sources.find((each) => each.kinds.includes(spec.kind)) ?? sources[0]);
  }

  function choose(one) {
    const anew = one.name === "paint" && !one.kinds.includes(store.run.data.spec.kind); // then there are few points
    if (source && source.name !== "paint") kept = share.value;
    share.value = anew ? "0" : kept;
    source = one;
    for (const [each, { tab, panel }] of parts) showTab(tab, panel, each === one);
    say();
    look();
    one.shown?.();
  }

  /** What is chosen, with what is held out. */
  function spec() {
    const chosen = source.spec();
    return chosen && { ...chosen, validation: Number(share.value), split_seed: Number(seed.value) };
  }

  function say() {
    held.textContent = `${Math.round(100 * Number(share.value))} %`;
  }

  function changed() {
    say();
    clearTimeout(timer);
    timer = setTimeout(look, PATIENCE);
  }

  function fail(message) {
    error.textContent = message;
    aside.classList.add("old");
    take.disabled = true;
  }

  /** Ask the lab what the choice means. */
  async function look() {
    const mine = ++asked;
    const given = spec();
    clearTimeout(timer);
    take.disabled = true;
    error.textContent = "";
    aside.classList.remove("old");
    if (!given) {
      found = null;
      inputs.hidden = true;
      seen.hidden = true;
      return judged.replaceChildren();
    }
    try {
      const answer = await store.ask("understand", { spec: given });
      if (mine !== asked) return;
      found = answer;
      source.understood?.(found);
      if (found.wrong) {
        fail(found.wrong);
        seen.hidden = inputs.hidden = true;
        return judged.replaceChildren();
      }
      show();
      take.disabled = false;
    } catch (problem) {
      if (mine === asked) fail(problem.message);
    }
  }

  function show() {
    seen.hidden = !found.preview && !found.spread;
    drawPreview(seen, found);
    const most = Math.max(1, ...found.classes.map(({ rows }) => rows));
    const shown = found.classes.slice(0, 12);
    judged.replaceChildren(
      element("p", {}, element("b", {}, found.name), `: ${summary()}`),
      element("ul.classes", {}, ...shown.map(({ name, rows }, k) => {
        const bar = element("span.bar");
        bar.style.inlineSize = `${(100 * rows) / most}%`;
        bar.style.background = classColor(k);
        return element("li", {}, element("span.name", {}, name), element("span.track", {}, bar), element("span.number", {}, count(rows)));
      }), shown.length < found.classes.length && element("li", {}, `and ${found.classes.length - shown.length} more`)),
      ...found.remarks.map((remark) => element("p.remark", {}, remark)));
    showFeatures();
  }

  function summary() {
    const many = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
    const of = many(found.features ?? found.inputs.length, found.columns.length ? "column" : "input");
    const what = found.spread ? `${number(found.spread.low)} to ${number(found.spread.high)}` : found.task === "regression" ? "numbers" : `${count(found.classes.length)} classes`;
    return `${many(found.rows, "example")} of ${of}; to learn: ${found.target}, ${what}`;
  }

  /** Which inputs are made of the one or two that there are. */
  function showFeatures() {
    const known = made();
    inputs.hidden = !known.length;
    features = features.filter((name) => known.some(([other]) => other === name));
    if (!features.length) features = known.slice(0, found.inputs.length).map(([name]) => name);
    if (inputs.dataset.known !== String(known)) {
      inputs.dataset.known = String(known);
      inputs.replaceChildren(element("legend", {}, "inputs"), ...known.map(([name, label]) =>
        element("label", {}, element("input", { type: "checkbox", value: name, change: chooseFeatures }), ` ${label}`)));
    }
    for (const box of inputs.querySelectorAll("input")) box.checked = features.includes(box.value);
  }

  function chooseFeatures(event) {
    const chosen = [.../** @type {NodeListOf<HTMLInputElement>} */ (inputs.querySelectorAll("input:checked"))].map(({ value }) => value);
    if (chosen.length) features = chosen;
    else event.target.checked = true;
  }

  /** The inputs that can be made: of a line or a plane that is no table. */
  function made() {
    return found?.preview && !found.image && source.name !== "table" ? FEATURES[found.inputs.length] ?? [] : [];
  }

  async function learn() {
    const plain = made().slice(0, found.inputs.length).map(([name]) => name);
    const data = { ...spec(), ...(made().length && String(features) !== String(plain) ? { features } : {}) };
    take.disabled = true;
    try {
      await store.ask("design", { change: { data } });
      dialog.close();
      store.root.querySelector(".play")?.focus(); // or space, the key that plays, opens the dialog again
      source.taken?.();
      if (source.name !== "paint" && store.selection.paint !== null) store.select({ paint: null });
      store.say(`learning from ${store.run.data.name}`);
    } catch (problem) {
      fail(problem.message);
    }
  }

  /** Files may be dropped anywhere on this lab; a notebook around it has its own. */
  const page = place.ownerDocument;
  const here = (event) => event.target.closest?.(".lab") === place.closest(".lab");
  page.addEventListener("dragover", (event) => {
    if (here(event) && [...event.dataTransfer?.types ?? []].includes("Files")) event.preventDefault();
  });
  page.addEventListener("drop", async (event) => {
    if (!here(event) || !event.dataTransfer?.files.length || !store.run) return;
    event.preventDefault();
    const files = await filesOf(event.dataTransfer);
    const folder = files.some(([name]) => name.includes("/"));
    const one = sources.find(({ name }) => name === (folder ? "pictures" : "table"));
    if (!dialog.open) open(one);
    else choose(one);
    await one.take(files);
  });

  store.on("lab", () => {
    const { name, spec: now } = store.run.data;
    button.replaceChildren("data: ", element("b", {}, now.kind === "formula" ? `y = ${name}` : name), " ▾");
  });
}
