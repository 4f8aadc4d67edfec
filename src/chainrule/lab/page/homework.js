import { copy, element, number } from "./draw.js";

/**
 * Homework: equations to edit and results to paste, judged by check_gradients.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 * @returns {() => void} to be called when it is looked at
 */
export function mountHomework(place, store) {
  const choice = element("select", { "aria-label": "homework", change: choose });
  const task = element("div.task");
  const about = element("ul.about");
  const lines = element("div.lines", { role: "group", "aria-label": "backward equations" });
  const result = element("div.result", { role: "status" });
  const text = element("textarea", { rows: 5, spellcheck: "false", "aria-label": "your results", placeholder: "dW2 = [[…]]\ndb2 = [[…]]\n…" });
  const code = element("pre.program", { tabindex: 0, "aria-label": "what is given, for NumPy" });
  const start = element("details", {}, element("summary", {}, "What is given, to copy into a notebook"), code,
    element("button", { type: "button", click: copyCode }, "Copy"));
  const checks = [
    element("button.primary", { type: "button", disabled: true, click: () => check({ lines: written() }) }, "Check the equations"),
    element("button", { type: "button", disabled: true, click: () => fill(given.right) }, "Show them as they should be"),
    element("button", { type: "button", disabled: true, click: () => check({ text: text.value }) }, "Check the results"),
  ];
  place.append(
    element("p.lead", {}, "Your gradients against central differences of the cost. A mistake that many make is called by its name."),
    choice, task, about,
    element("h3", {}, "Edit the equations"), lines,
    element("div.buttons", {}, checks[0], checks[1]), result,
    element("h3", {}, "Or paste what your own function gives"), start, text,
    element("div.buttons", {}, checks[2]));

  let exercises = [];
  let given = null;
  let chosen = "";
  let loaded = false;

  async function load() {
    if (loaded || !store.lab) return;
    loaded = true;
    const small = await store.tell("homework", { small: true });
    if (!small) {
      loaded = false;
      return;
    }
    exercises = small.exercises;
    choice.replaceChildren(
      element("optgroup", { label: "Find the mistake" }, ...exercises.map(({ name, title }, i) => element("option", { value: name }, `${i + 1}. ${title}`))),
      element("optgroup", { label: "Your own" },
        element("option", { value: "small" }, "a network of 2, 3 and 1 units"),
        element("option", { value: "run" }, "the run at hand, its next mini-batch")));
    await choose();
  }

  async function choose() {
    const { value } = choice;
    const exercise = exercises.find(({ name }) => name === value);
    const found = exercise ?? (await store.tell("homework", value === "small" ? { small: true } : {}));
    if (!found) {
      choice.value = chosen;
      return;
    }
    [given, chosen] = [found, value];
    result.replaceChildren();
    task.replaceChildren(...(exercise ? [element("h2", {}, exercise.title), element("p", {}, exercise.text)]
      : [element("p", {}, `${given.sizes.join(" – ")} units, ${given.m} examples. Change a term and see what it does to the gradient.`)]));
    about.replaceChildren(...given.about.map((line) => element("li", {}, line)));
    code.textContent = given.code;
    for (const button of checks) button.disabled = false;
    fill(given.lines);
  }

  /** A field for each line, and a place for its shape. */
  function fill(some) {
    lines.replaceChildren(...some.map((line, i) => {
      const field = element("input", { type: "text", spellcheck: "false", "aria-label": `line ${i + 1}`, keydown: (event) => event.key === "Enter" && check({ lines: written() }) });
      field.value = line;
      return element("div.homework-line", {}, field, element("span.shape"));
    }));
  }

  const written = () => [...lines.querySelectorAll("input")].map((field) => field.value);

  async function check(what) {
    const run = choice.value === "run";
    try {
      show(await store.ask("check", { given: run ? what : { ...what, exercise: choice.value } }), "lines" in what);
    } catch (error) {
      result.replaceChildren(element("p.no", {}, error.message));
    }
    result.scrollIntoView({ block: "nearest" });
  }

  function show(found, edited) {
    if (edited) found.lines.forEach(shape);
    const exercise = exercises.find(({ name }) => name === choice.value);
    const rows = found.tensors.map(({ name, error, problem }) => element(`tr${problem ? ".no" : ""}`, {},
      element("td", {}, name), element("td", {}, problem ? `✗ ${problem}` : "✓ right"), element("td.number", {}, number(error, 2))));
    result.replaceChildren(...[
      element(`p.${found.right ? "yes" : "no"}`, {}, found.right ? "✓ Every number is right." : found.error ? `✗ ${found.error}` : `✗ The first wrong one on the way back is ${found.first_wrong}.`),
      found.note && element("p", {}, found.note),
      found.right && exercise && edited && element("p", {}, exercise.why),
      found.told?.length > 0 && named(found, Boolean(exercise)),
      rows.length > 0 && element("table", {}, element("thead", {}, element("tr", {}, ...["", "", "relative error"].map((head) => element("th", {}, head)))), element("tbody", {}, ...rows)),
    ].filter(Boolean));
  }

  /** What a wrong gradient looks like, and how it should be: to be unfolded where finding that is the exercise. */
  function named({ told, equation }, folded) {
    const lines = [...told.map((line) => element("p", {}, line.trim())), element("p", {}, `It should be ${equation}.`)];
    if (!folded) return element("div.told", {}, ...lines);
    return element("details.told", {}, element("summary", {}, "What it looks like, and how it should be"), ...lines);
  }

  function shape({ shape: got, wanted, error }, i) {
    const row = lines.children[i];
    if (!row) return;
    const written = (size) => (size.length ? `(${size.join(", ")}${size.length === 1 ? "," : ""})` : "a number");
    const off = Boolean(error) || (got && wanted && got.join() !== wanted.join());
    row.classList.toggle("no", off);
    row.lastChild.textContent = error ? "✗" : got ? `${written(got)}${off ? `, wanted ${written(wanted)}` : ""}` : "";
  }

  async function copyCode() {
    if (await copy(code.textContent)) store.say("Copied.");
    else store.say("The browser does not let the page copy: choose the text and copy it.", "error");
  }

  return load;
}
