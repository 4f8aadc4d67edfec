import { byHand } from "./byhand.js";
import { count, element, fit, number, paint, color } from "./draw.js";
import { equation } from "./mathml.js";
import { unitName } from "./names.js";

const CELL = { width: 96, height: 26, head: 28, side: 118 }; // pixels
const NEAR = 20; // rows and columns around a number that is asked for
const AROUND = 6; // rows and columns beyond those that can be seen, so that scrolling finds them there
const PER_EXAMPLE = new Set(["X", "A", "Z", "D", "slope", "dA", "dZ", "Y"]);

/** The arrays that can be seen whole. */
export const ARRAYS = new Set([...PER_EXAMPLE, "W", "b", "dW", "db"]);

/**
 * What an array is, in words.
 * @param {string} letter
 * @param {number} l
 * @param {number} L
 * @returns {string}
 */
export function meaning(letter, l, L) {
  const layer = l === L ? `output layer ${l}` : `layer ${l}`;
  return {
    X: "the inputs, one column an example",
    Y: "the targets, one column an example",
    A: l === 0 ? "the inputs as the network gets them, one column an example" : `activations of ${layer}: what its units hand on${l === L ? ", Ŷ" : ""}`,
    Z: `the linear part of ${layer}: weighted sums, before g`,
    D: `dropout of layer ${l} in this step: 0 for a unit that is out, 1 / keep for one that stays`,
    slope: `slopes g′ of ${layer} at its Z`,
    W: `weights of ${layer}: a row for each unit, a column for each of its inputs`,
    b: `biases of ${layer}: one for each unit`,
    dA: `derivative of J·m by A of ${layer}`,
    dZ: `derivative of J·m by Z of ${layer}`,
    dW: `derivative of J by W of ${layer}: the gradient of its weights`,
    db: `derivative of J by b of ${layer}: the gradient of its biases`,
  }[letter];
}

/**
 * How the notes write an array.
 * @param {string} letter
 * @param {number | string} layer
 * @returns {string}
 */
export const written = (letter, layer) => (letter === "slope" ? `g[${layer}]′(Z[${layer}])` : letter === "X" || letter === "Y" ? letter : `${letter}[${layer}]`);

/**
 * One array, whole: opened by store.select({ inspect: { letter, layer } }), from anywhere.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountInspector(place, store) {
  const title = element("h2", { id: "inspect-title", tabindex: -1 });
  const words = element("p.words");
  const close = element("button.quiet", { type: "button", "aria-label": "close", title: "close (Escape)", click: () => store.select({ inspect: null }) }, "×");
  const layers = element("select", { "aria-label": "layer", change: () => store.select({ inspect: { ...store.selection.inspect, layer: Number(layers.value) } }) });
  const follow = element("input", { type: "checkbox", id: "inspect-follow", change: () => { if (follow.checked) toExample(); draw(); } });
  const followed = element("label", { for: "inspect-follow" }, follow, " follow the chosen example");
  const picture = element("canvas", { role: "img", "aria-label": "heat map" });
  const bars = element("canvas", { role: "img", "aria-label": "histogram" });
  const scale = element("p.scale");
  const numbers = element("dl.sizes");
  const head = element("thead"), body = element("tbody");
  const table = element("table", { role: "grid", "aria-label": "numbers" }, head, body);
  const space = element("div.space", {}, table);
  const scroll = element("div.window", { tabindex: 0, role: "region", "aria-label": "the numbers; arrow keys scroll", scroll: moved, keydown: (event) => event.stopPropagation() }, space);
  const hand = byHand(store, mark);
  const sheet = element("dialog.inspect", { "aria-labelledby": "inspect-title" },
    element("div.head", {}, title, words, layers, followed, close),
    element("div.whole", {},
      element("figure", {}, picture, scale),
      element("figure", {}, bars, numbers),
      element("div.numbers", {}, scroll, hand.element)));
  place.append(sheet);
  sheet.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    store.select({ inspect: null });
  });

  let before = null; // what had the focus
  let shown = "", drawn = null;
  let asked = [[0, 30], [0, 30]];

  store.want("inspect", () => {
    const { inspect } = store.selection;
    if (!inspect || !store.run || !store.due) return null;
    return { view: "array", letter: inspect.letter, l: inspect.layer, rows: asked[0], columns: asked[1] };
  });

  function visible() {
    const rows = Math.floor(scroll.scrollTop / CELL.height), columns = Math.floor(scroll.scrollLeft / CELL.width);
    return [
      [Math.max(0, rows - AROUND), rows + Math.ceil(scroll.clientHeight / CELL.height) + AROUND],
      [Math.max(0, columns - AROUND), columns + Math.ceil(scroll.clientWidth / CELL.width) + AROUND],
    ];
  }

  function moved() {
    const now = visible();
    if (String(now) === String(asked)) return;
    asked = now;
    store.refresh();
  }

  function toExample() {
    const { example, inspect } = store.selection;
    const column = example && inspect && PER_EXAMPLE.has(inspect.letter) ? columnOf(example) : -1;
    if (column >= 0) scroll.scrollLeft = Math.max(0, (column - 1) * CELL.width);
  }

  /** In which column the chosen example is, as far as the page knows: those of a whole batch are in their order. */
  function columnOf(example) {
    const found = store.shown.inspect;
    if (!found?.examples || example.part !== "train") return -1;
    const at = [...found.examples.data].indexOf(example.index);
    if (at >= 0) return found.column + at;
    return found.shape[1] === store.run.data.m ? example.index : -1;
  }

  store.on("select", (change) => {
    if (!("inspect" in change)) {
      if ("example" in change && follow.checked) toExample();
      return;
    }
    const { inspect } = change;
    if (!inspect) {
      if (sheet.open) sheet.close();
      before?.focus?.();
      before = null;
      shown = "";
      return;
    }
    if (!sheet.open) {
      before = place.ownerDocument.activeElement;
      sheet.show();
    }
    const L = store.run.sizes.length - 1;
    const first = inspect.letter === "A" ? 0 : 1, last = inspect.letter === "dA" || inspect.letter === "slope" ? L - 1 : L;
    const all = inspect.letter === "X" ? [0] : inspect.letter === "Y" ? [L] : Array.from({ length: Math.max(1, last - first + 1) }, (_, k) => first + k);
    layers.replaceChildren(...all.map((l) => element("option", { value: l, selected: l === inspect.layer }, `layer ${l}`)));
    layers.hidden = all.length < 2;
    title.replaceChildren(equation(written(inspect.letter, inspect.layer)));
    title.setAttribute("aria-label", written(inspect.letter, inspect.layer));
    words.textContent = meaning(inspect.letter, inspect.layer, L);
    followed.hidden = !PER_EXAMPLE.has(inspect.letter);
    scroll.scrollTop = scroll.scrollLeft = 0;
    shown = "";
    asked = inspect.at ? inspect.at.map((k) => [Math.max(0, k - NEAR), k + NEAR]) : visible();
    title.focus();
  });

  function draw() {
    const { inspect } = store.selection;
    const found = store.shown.inspect;
    if (inspect && store.wrong.inspect) {
      words.textContent = store.wrong.inspect;
      sheet.classList.add("empty");
      body.replaceChildren();
    }
    if (!inspect || !found || found.letter !== inspect.letter || found.l !== inspect.layer) return;
    drawn = found;
    sheet.classList.toggle("empty", !found.shape);
    words.textContent = meaning(found.letter, found.l, store.run.sizes.length - 1);
    if (!found.shape) {
      words.textContent = `there is no ${written(inspect.letter, inspect.layer)} in this step`;
      body.replaceChildren();
      return;
    }
    const [rows, columns] = found.shape;
    const reach = Math.max(Math.abs(found.low), Math.abs(found.high)) || 1;
    paint(picture, found.picture.data, found.picture.shape[0], found.picture.shape[1], { reach });
    picture.setAttribute("aria-label", `heat map of ${rows} rows and ${columns} columns, from ${number(found.low)} to ${number(found.high)}`);
    scale.textContent = `−${number(reach, 3)} orange · 0 blank · ${number(reach, 3)} blue`;
    histogram(bars, found.counts.data, found.edges.data);
    bars.setAttribute("aria-label", `histogram: ${[...found.counts.data].map((n, k) => n && `${n} from ${number(found.edges.data[k], 3)}`).filter(Boolean).slice(0, 12).join(", ")}`);
    sizes(found);
    cells(found, rows, columns);
    if (shown !== `${found.letter}${found.l}`) {
      shown = `${found.letter}${found.l}`;
      hand.offer(found.letter, found.l, there);
      if (inspect.at) show(inspect.at);
      else if (follow.checked) toExample();
    }
    mark();
  }

  /** The number at a place, where it is in the window of those that are known. */
  function there(i, j) {
    const { row, column, values } = drawn;
    const [n, k] = values.shape;
    const [r, c] = [i - row, j - column];
    return r >= 0 && r < n && c >= 0 && c < k ? values.data[r * k + c] : null;
  }

  /** Bring a number into sight, ready to be set. */
  function show([i, j]) {
    scroll.scrollTop = (i + 0.5) * CELL.height - (scroll.clientHeight - CELL.head) / 2;
    scroll.scrollLeft = (j + 0.5) * CELL.width - (scroll.clientWidth - CELL.side) / 2;
    hand.pick(i, j);
  }

  /** Mark the number that the form is about. */
  function mark() {
    body.querySelector(".picked")?.classList.remove("picked");
    const [i, j] = hand.place() ?? [-1, -1];
    if (drawn?.values) body.children[i - drawn.row]?.children[j - drawn.column + 1]?.classList.toggle("picked", j >= drawn.column);
  }

  body.addEventListener("click", ({ target }) => {
    const cell = (/** @type {HTMLElement} */ (target)).closest("td");
    if (cell && drawn) hand.pick(drawn.row + [...body.children].indexOf(cell.parentElement), drawn.column + cell.cellIndex - 1);
  });

  function sizes(found) {
    const lines = [["shape", `(${found.shape.join(", ")})`], ["low", number(found.low)], ["mean", number(found.mean)], ["high", number(found.high)], ["norm ‖·‖", number(found.norm)]];
    if (numbers.children.length !== 2 * lines.length) numbers.replaceChildren(...lines.flatMap(([name]) => [element("dt", {}, name), element("dd")]));
    lines.forEach(([, value], k) => { numbers.children[2 * k + 1].textContent = value; });
  }

  /** The numbers that can be seen: cells are kept, and filled anew. */
  function cells(found, rows, columns) {
    const { letter, l, row, column, values } = found;
    const [n, k] = values.shape;
    space.style.width = `${CELL.side + columns * CELL.width}px`;
    space.style.height = `${CELL.head + rows * CELL.height}px`;
    table.style.top = `${row * CELL.height}px`;
    table.style.left = `${column * CELL.width}px`;
    table.setAttribute("aria-rowcount", String(rows + 1));
    table.setAttribute("aria-colcount", String(columns + 1));
    if (body.children.length !== n || (body.firstElementChild?.children.length ?? 0) !== k + 1) {
      head.replaceChildren(element("tr", {}, element("td"), ...Array.from({ length: k }, () => element("th", { scope: "col" }))));
      body.replaceChildren(...Array.from({ length: n }, () => element("tr", {}, element("th", { scope: "row" }), ...Array.from({ length: k }, () => element("td")))));
    }
    const chosen = store.selection.example;
    const examples = found.examples?.data;
    const mark = examples && chosen?.part === "train" ? [...examples].indexOf(chosen.index) : -1;
    for (let c = 0; c < k; c++) {
      const cell = head.firstElementChild.children[c + 1];
      cell.textContent = examples ? `ex. ${count(examples[c])}` : letter === "b" || letter === "db" ? "" : unitName(store.run, l - 1, column + c);
      cell.classList.toggle("chosen", c === mark);
    }
    for (let r = 0; r < n; r++) {
      const line = body.children[r];
      line.firstChild.textContent = unitName(store.run, letter === "X" ? 0 : l, row + r);
      line.setAttribute("aria-rowindex", String(row + r + 2));
      for (let c = 0; c < k; c++) {
        const cell = line.children[c + 1];
        const value = values.data[r * k + c];
        cell.textContent = number(value);
        cell.classList.toggle("below", value < 0);
        cell.classList.toggle("chosen", c === mark);
      }
    }
  }

  store.on("frame", () => { if (store.shown.inspect !== drawn) draw(); });
  store.on("lab", () => {
    const { inspect } = store.selection;
    if (inspect && inspect.layer >= store.run.sizes.length) store.select({ inspect: null });
  });
}

/** Bars of how many numbers lie where; those below 0 in the other color, and a line at 0. */
function histogram(canvas, counts, edges) {
  const { context, width, height } = fit(canvas);
  const most = Math.max(...counts) || 1;
  const step = width / counts.length;
  counts.forEach((n, k) => {
    const h = n ? Math.max(1, (n / most) * (height - 2)) : 0;
    context.fillStyle = color(edges[k] + edges[k + 1] < 0 ? "--below" : "--above");
    context.fillRect(k * step, height - h, Math.max(1, step - 1), h);
  });
  const [low, high] = [edges[0], edges[edges.length - 1]];
  if (low < 0 && high > 0) {
    context.fillStyle = color("--ink");
    context.fillRect((-low / (high - low)) * width - 0.5, 0, 1, height);
  }
}
