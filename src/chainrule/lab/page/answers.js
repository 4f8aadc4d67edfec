import { element, nearest, number, shade } from "./draw.js";
import { crossed } from "./names.js";
import { scatter } from "./rows.js";

const FEW = 12; // of the largest errors that are listed
const AROUND = 12; // pixels around a point that choose it

/**
 * What the network answers: the confusion matrix, or ŷ against y.
 * @param {HTMLElement} place a figure
 * @param {import("./store.js").Store} store
 * @param {() => boolean} visible
 */
export function mountAnswers(place, store, visible) {
  const title = element("h3");
  const part = element("select", { "aria-label": "answers for", change: () => store.refresh() }, element("option", { value: "train" }, "training"), element("option", { value: "validation" }, "validation"));
  const list = element("button.quiet", { type: "button", "aria-pressed": "false", title: "the largest errors as a table", click: () => {
    list.setAttribute("aria-pressed", String(list.getAttribute("aria-pressed") !== "true"));
    draw();
  } }, "table");
  const body = element("div.answers-body");
  const readout = element("p.readout");
  const otherwise = element("p.readout.said-so", { hidden: true });
  place.append(element("figcaption", {}, title, part, list), body, readout, otherwise);
  const canvas = element("canvas", { role: "img" });
  const regression = () => store.run.data.task === "regression";

  store.want("answers", () => (visible() && store.due ? (regression() ? { view: "examples", most: 400 } : { view: "confusion", part: part.value }) : null));
  store.on("lab", () => {
    part.hidden = !store.run.data.m_val;
    if (part.hidden) part.value = "train";
    title.textContent = regression() ? `ŷ against y: ${store.run.data.target}` : "confusion matrix";
    list.hidden = !regression();
  });
  let drawn = null;
  store.on("frame", () => {
    if (store.shown.answers === drawn) return;
    drawn = store.shown.answers;
    draw();
  });

  const choose = (index) => store.select({ example: { part: part.value, index }, tab: "walk" });

  function draw() {
    const seen = store.shown.answers;
    if (!seen) return;
    otherwise.textContent = crossed(store.run, part.value);
    otherwise.hidden = !otherwise.textContent;
    if (regression()) {
      if (seen[part.value]) against(seen[part.value]);
    } else if (seen.counts) matrix(seen.counts);
  }

  let cells = null, made = ""; // the buttons of the table, and what it was made for

  /** Rows are classes, columns answers; a cell chooses one of its examples, and then the next. */
  function matrix({ shape: [k], data }) {
    const classes = store.run.data.classes;
    const key = JSON.stringify(classes);
    if (made !== key) {
      made = key;
      cells = [...Array(k * k).keys()].map((cell) => element("button", { type: "button", click: () => next(Math.floor(cell / k), cell % k) }));
      const head = element("tr", {}, element("td", { title: "rows are classes, columns answers" }, "y\\ŷ"), ...classes.map((name) => element("th", { scope: "col" }, name)));
      body.replaceChildren(element(`table.confusion${k < 5 ? ".few" : ""}`, {}, element("thead", {}, head), element("tbody", {}, ...classes.map((name, y) =>
        element("tr", {}, element("th", { scope: "row" }, name), ...cells.slice(y * k, y * k + k).map((cell) => element("td", {}, cell)))))));
    }
    let right = 0, all = 0;
    for (let y = 0; y < k; y++) {
      const row = data.subarray(y * k, y * k + k), total = row.reduce((sum, each) => sum + each, 0);
      all += total;
      right += row[y];
      row.forEach((n, answer) => {
        const cell = cells[y * k + answer], share = total ? n / total : 0;
        cell.textContent = n ? String(n) : "·";
        cell.disabled = !n;
        cell.style.background = n ? shade((answer === y ? 0.75 : -0.75) * share) : "";
        cell.setAttribute("aria-label", `${n} of class ${classes[y]} taken for ${classes[answer]}`);
        cell.title = `${n} of ${total} of class ${classes[y]} taken for ${classes[answer]}${n ? ": click for one, and again for the next" : ""}`;
      });
    }
    readout.textContent = `${right} of ${all} right. Rows are classes, columns answers; a cell chooses one of its examples.`;
  }

  let last = { cell: "", index: -1 };

  async function next(y, answer) {
    const cell = `${part.value} ${y} ${answer}`;
    const after = last.cell === cell ? last.index : -1;
    const found = await store.tell("see", { view: "find", run: store.lab.active, y, answer, part: part.value, after });
    if (!found || found.index === null) return;
    last = { cell, index: found.index };
    choose(found.index);
  }

  let points = [];

  function against({ y: { data: y }, answer: { data: answer } }) {
    made = "";
    const errors = Array.from(y, (each, index) => ({ index, y: each, answer: answer[index], off: Math.abs(answer[index] - each) }));
    const worst = errors.toSorted((a, b) => b.off - a.off).slice(0, FEW);
    readout.textContent = y.length ? `largest error ${number(worst[0].off)}: example ${worst[0].index}` : "no examples";
    if (list.getAttribute("aria-pressed") === "true") {
      body.replaceChildren(element("div.rows", { tabindex: 0, role: "region", "aria-label": "largest errors" }, element("table", {},
        element("thead", {}, element("tr", {}, ...["example", "y", "ŷ", "ŷ − y"].map((name) => element("th", { scope: "col" }, name)))),
        element("tbody", {}, ...worst.map((each) => element("tr", {},
          element("td", {}, element("button.quiet", { type: "button", title: "walk through it", click: () => choose(each.index) }, String(each.index))),
          ...[each.y, each.answer, each.answer - each.y].map((value) => element("td", {}, number(value)))))))));
      return;
    }
    if (canvas.parentNode !== body) body.replaceChildren(canvas);
    canvas.setAttribute("aria-label", `answers against targets of ${y.length} examples; the table lists the largest errors`);
    if (canvas.clientWidth) points = scatter(canvas, store.shown.answers, store.run, [part.value]);
  }

  const at = (event) => nearest(points, [event.offsetX, event.offsetY], AROUND);
  canvas.addEventListener("pointermove", (event) => {
    const found = at(event), { y, answer } = store.shown.answers?.[part.value] ?? {};
    canvas.style.cursor = found ? "pointer" : "";
    if (found) readout.textContent = `example ${found.index}: y ${number(y.data[found.index])}, ŷ ${number(answer.data[found.index])}`;
  });
  canvas.addEventListener("click", (event) => {
    const found = at(event);
    if (found) choose(found.index);
  });
}
