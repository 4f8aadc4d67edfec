import { color, element, fit, number, shade } from "./draw.js";

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
  place.append(element("figcaption", {}, title, part, list), body, readout);
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
    if (regression()) {
      if (seen[part.value]) scatter(seen[part.value]);
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

  function scatter({ y: { data: y }, answer: { data: answer } }) {
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
    const { context: pen, width, height } = fit(canvas);
    if (!width) return;
    const values = [...y, ...answer].filter(Number.isFinite);
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (!(low < high)) [low, high] = [low - 1 || 0, low + 1 || 1];
    const [left, bottom, margin] = [46, 22, 8];
    const X = (value) => left + ((value - low) / (high - low)) * (width - left - margin);
    const Y = (value) => margin + (1 - (value - low) / (high - low)) * (height - bottom - margin);
    const [soft, faint, dot] = ["--soft", "--line", "--above"].map(color);
    pen.strokeStyle = faint;
    pen.strokeRect(X(low), Y(high), X(high) - X(low), Y(low) - Y(high));
    pen.strokeStyle = soft;
    pen.setLineDash([4, 3]);
    pen.beginPath();
    pen.moveTo(X(low), Y(low));
    pen.lineTo(X(high), Y(high));
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = soft;
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "right";
    for (const value of [low, high]) pen.fillText(number(value, 3), left - 5, Y(value) + (value === high ? 9 : 0));
    pen.fillText(`y → ${number(high, 3)}`, width - margin, height - 8);
    pen.textAlign = "left";
    pen.fillText(number(low, 3), left, height - 8);
    pen.fillText("ŷ ↑", left + 5, margin + 12);
    pen.fillStyle = dot;
    pen.globalAlpha = 0.6;
    points = errors.map((each) => ({ ...each, px: X(each.y), py: Y(each.answer) }));
    for (const { px, py } of points) {
      pen.beginPath();
      pen.arc(px, py, 2.4, 0, 7);
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  const nearest = (event) => {
    const away = ({ px, py }) => Math.hypot(px - event.offsetX, py - event.offsetY);
    const best = points.reduce((found, each) => (!found || away(each) < away(found) ? each : found), null);
    return best && away(best) <= AROUND ? best : null;
  };
  canvas.addEventListener("pointermove", (event) => {
    const found = nearest(event);
    canvas.style.cursor = found ? "pointer" : "";
    if (found) readout.textContent = `example ${found.index}: y ${number(found.y)}, ŷ ${number(found.answer)}`;
  });
  canvas.addEventListener("click", (event) => {
    const found = nearest(event);
    if (found) choose(found.index);
  });
}
