import { Field, choice, entry, later, offer, set } from "./controls.js";
import { count, element, number } from "./draw.js";
import { mountOptions } from "./options.js";

const WAIT = 250; // milliseconds after the last click on + or −
const HELD = 400, AGAIN = 70; // milliseconds until a held button repeats, and from then on
const MOST = 4096; // units of a layer; what is more is refused by the lab, by its parameters
const WIDEST = 132; // pixels of the controls of a layer

/**
 * The network by clicking: layers, units, activations, what it begins with, and what it trains with.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 * @param {(place: HTMLElement, controls: HTMLElement) => void} draw  puts the diagram under the controls of its layers
 */
export function mountNetwork(place, store, draw) {
  const strip = element("div.strip", { role: "group", "aria-label": "layers" });
  const structure = new Field("", strip);
  structure.element.classList.add("structure");
  const summary = element("summary");
  const fields = {};
  const beginning = element("div.fields");
  const begin = element("details.more.begin", {}, summary, beginning);
  const training = element("div.training");
  const diagram = element("div");
  place.append(training, diagram, begin);
  draw(diagram, structure.element);
  mountOptions(training, store);

  let told = false;
  /** Another design: the run begins anew, which is said once. */
  async function anew(field, change) {
    const step = store.here.step;
    if (!(await field.ask(store, "design", change)) || !step || told) return;
    told = true;
    store.say("What a network is made of changes at its beginning only: the run began anew, at step 0.");
  }

  // -- layers --------------------------------------------------------------------------------------------------------

  let draft = null; // hidden and activations, as they are clicked together
  let held = false; // a button, that goes on
  const layers = () => draft ?? { hidden: store.run.design.hidden, activations: store.run.design.activations };
  const commit = later(async () => {
    const change = draft;
    if (!change || held) return;
    await anew(structure, change);
    if (draft === change) draft = null;
    render();
  }, WAIT);

  function edit(change) {
    draft = { ...layers(), ...change };
    render();
    commit();
  }

  const units = (l, n) => edit({ hidden: layers().hidden.map((each, k) => (k === l - 1 ? n : each)) });
  const nudged = (l, by) => units(l, Math.max(1, Math.min(MOST, layers().hidden[l - 1] + by)));

  function insert(l) {
    const { hidden, activations } = layers();
    const n = hidden[Math.max(0, l - 1)] ?? 4;
    edit({ hidden: hidden.toSpliced(l, 0, n), activations: activations.toSpliced(l, 0, activations[Math.max(0, l - 1)] ?? "tanh") });
  }

  function remove(l) {
    const { hidden, activations } = layers();
    edit({ hidden: hidden.toSpliced(l - 1, 1), activations: activations.toSpliced(l - 1, 1) });
  }

  /** A button that repeats while it is held. */
  function holding(text, label, act) {
    let timer = 0;
    const stop = () => {
      clearTimeout(timer);
      if (held) commit();
      held = false;
    };
    const again = () => { act(); timer = setTimeout(again, AGAIN); };
    const made = element("button.quiet", { type: "button", "aria-label": label, title: `${label} (hold to repeat)`, click: (event) => event.detail === 0 && act() }, text);
    made.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      held = true;
      act();
      timer = setTimeout(again, HELD);
    });
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) made.addEventListener(end, stop);
    return made;
  }

  function hiddenLayer(l) {
    const field = entry(`units of layer ${l}`, (n) => (typeof n === "number" && Number.isInteger(n) && n >= 1 && n <= MOST ? units(l, n) : structure.wrong(`layer ${l}: got ${n ?? "nothing"}, wanted a whole number of units from 1 to ${count(MOST)}`, [field])), { inputmode: "numeric" });
    const activation = choice(`activation of layer ${l}`, [], (name) => edit({ activations: layers().activations.map((each, k) => (k === l - 1 ? name : each)) }));
    const made = element("div.layer", {}, element("div.layer-head", {}, element("span.word", {}, "layer "), String(l), element("button.quiet.away", { type: "button", "aria-label": `remove layer ${l}`, title: `remove layer ${l}`, click: () => remove(l) }, "×")),
      element("div.units", {}, holding("−", `one unit less in layer ${l}`, () => nudged(l, -1)), field, holding("+", `one unit more in layer ${l}`, () => nudged(l, 1))),
      activation);
    const known = store.choices.activations;
    return { element: made, show: (n, name) => { set(field, n); offer(activation, known.includes(name) ? known : [name, ...known]); set(activation, name); } };
  }

  const output = choice("output and loss", [], (value) => anew(structure, JSON.parse(value)));
  const inputs = element("div.layer", {}, element("div.layer-head", {}, "input"), element("div.size"));
  const last = element("div.layer", {}, element("div.layer-head", {}, "output"), element("div.size"), output);
  const plus = (l) => element("button.quiet.plus", { type: "button", "aria-label": l ? `add a layer after layer ${l}` : "add a layer after the input", title: "add a hidden layer here", click: () => insert(l) }, "+");
  let made = []; // the controls of the hidden layers
  let gaps = [plus(0)];

  function render() {
    const { hidden, activations } = layers();
    if (made.length !== hidden.length || !strip.firstChild) {
      while (made.length > hidden.length) made.pop();
      while (made.length < hidden.length) made.push(hiddenLayer(made.length + 1));
      gaps = [...Array(hidden.length + 1).keys()].map((l) => gaps[l] ?? plus(l));
      strip.replaceChildren(inputs, gaps[0], ...made.flatMap((each, k) => [each.element, gaps[k + 1]]), last);
    }
    made.forEach((each, k) => each.show(hidden[k], activations[k]));
    align();
  }

  /** Each layer's controls over its place in the diagram. */
  function align() {
    const room = strip.clientWidth, L = made.length + 1;
    if (!room) return;
    const edge = Math.min(60, room / (2 * L + 2));
    const known = store.columns.length === L + 1;
    const xs = known ? store.columns : [...Array(L + 1).keys()].map((l) => edge + ((room - 2 * edge) * l) / L);
    const apart = xs[1] - xs[0], wide = Math.min(WIDEST, Math.max(40, apart - 22));
    strip.classList.toggle("narrow", apart < 84);
    const put = (one, x, width) => {
      one.style.width = `${width}px`;
      one.style.left = `${Math.max(0, Math.min(Math.max(room, xs[L]) - width, x - width / 2))}px`;
    };
    [inputs, ...made.map((each) => each.element), last].forEach((one, l) => put(one, xs[l], l % L ? wide : Math.min(Math.max(wide, 52), 96)));
    gaps.forEach((one, l) => put(one, (xs[l] + xs[l + 1]) / 2, 20));
  }

  // -- what it begins with -------------------------------------------------------------------------------------------

  const scale = entry("initial weights times", (value) => anew(fields.init, { init_scale: value ?? 1 }));
  const init = choice("initial weights", [], (value) => anew(fields.init, { init: value === "number" ? 0.1 : Number(value) || value }));
  const seed = entry("seed", (value) => anew(fields.seed, { seed: value }), { inputmode: "numeric" });
  const dice = element("button.quiet", { type: "button", "aria-label": "another seed", title: "another seed, by chance", click: () => anew(fields.seed, { seed: Math.floor(Math.random() * 10_000) }) }, "⚄");
  const normalize = choice("normalize the inputs", [], (value) => anew(fields.normalize, { normalize: value || null }));
  const dtype = choice("numbers", ["float64", "float32"], (value) => anew(fields.dtype, { dtype: value }));
  fields.init = new Field("initial weights", init, element("span", {}, "×"), scale);
  fields.seed = new Field("seed", seed, dice);
  fields.normalize = new Field("normalize", normalize);
  fields.dtype = new Field("numbers", dtype);
  beginning.append(...Object.values(fields).map((field) => field.element));

  store.on("lab", () => {
    const { design, data, sizes, loss, g } = store.run;
    const own = typeof design.init === "number";
    offer(init, [...store.choices.initializers, ...(own ? [[String(design.init), `deviation ${number(design.init)}`]] : [["number", "deviation 0.1"]])]);
    set(init, design.init);
    set(scale, design.init_scale);
    set(seed, design.seed);
    offer(normalize, [["", "no"], ...store.choices.normalize]);
    set(normalize, design.normalize ?? "");
    set(dtype, design.dtype);
    summary.textContent = `begins with: ${own ? `deviation ${number(design.init)}` : design.init === "zeros" ? "zero" : design.init} weights${design.init_scale === 1 ? "" : ` × ${number(design.init_scale)}`}, seed ${design.seed}, inputs ${design.normalize ? `normalized (${design.normalize})` : "not normalized"}, ${design.dtype}`;
    inputs.lastChild.textContent = `${count(sizes[0])} input${sizes[0] > 1 ? "s" : ""}`;
    last.children[1].textContent = `${count(sizes.at(-1))} unit${sizes.at(-1) > 1 ? "s" : ""}`;
    const [name] = loss.split("("), now = JSON.stringify({ output: g.at(-1), loss: name });
    const offered = Object.entries(store.choices.outputs[data.task]).flatMap(([each, losses]) => losses.map((price) => [JSON.stringify({ output: each, loss: price }), `${each}, ${price.replaceAll("_", " ")}`]));
    offer(output, offered.some(([value]) => value === now) ? offered : [[now, `${g.at(-1)}, ${loss}`], ...offered]);
    set(output, now);
    render();
  });
  store.on("layout", align);
  new ResizeObserver(align).observe(strip);
}
