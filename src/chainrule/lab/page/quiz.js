import { element } from "./draw.js";
import { blocks, inline } from "./markdown.js";

const AGAIN = 250; // milliseconds between two looks whether an experiment is done

/**
 * The quiz: a question, an answer, and what its experiment finds out about every option.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 * @returns {() => void} to be called when it is looked at
 */
export function mountQuiz(place, store) {
  const choice = element("select", { "aria-label": "question", change: () => ask(choice.value) });
  const score = element("span.score");
  const asked = element("div.asked");
  place.append(element("p.lead", {}, "Answer first; then an experiment that runs here and now confirms or refutes each option."),
    element("div.buttons", {}, choice, score), asked);

  let names = [];
  let loaded = false;
  let current = "";
  const answered = new Map();

  async function load() {
    if (loaded || !store.lab) return;
    loaded = true;
    const chapters = await store.tell("questions");
    if (!chapters) {
      loaded = false;
      return;
    }
    names = chapters.flatMap(({ questions }) => questions.map(({ name }) => name));
    choice.replaceChildren(...chapters.map(({ title, questions }) => element("optgroup", { label: title },
      ...questions.map(({ name, title: each }) => element("option", { value: name }, plain(each))))));
    await ask(names[0]);
  }

  async function ask(name) {
    current = name;
    choice.value = name;
    const question = await store.tell("question", { name });
    if (!question || current !== name) return;
    const found = element("div.found", { role: "status" });
    const options = question.options.map(({ letter, text }) => element("label.option", {},
      element("input", { type: "radio", name: `quiz-${name}`, value: letter, change: () => { go.disabled = false; } }), element("b", {}, `${letter} `), element("span", {}, ...inline(text))));
    const go = element("button.primary", { type: "button", disabled: true, click: () => answer(question, list, go, found) }, "Answer");
    const list = element("fieldset.question", {}, element("legend.hidden", {}, "options"), ...options);
    asked.replaceChildren(
      element("h2", { tabindex: -1 }, ...inline(question.title)), ...blocks(question.text), list,
      question.hint ? element("details", {}, element("summary", {}, "Hint"), ...blocks(question.hint)) : "",
      element("div.buttons", {}, go, element("button", { type: "button", click: next }, "Next question")), found);
  }

  function next() {
    ask(names[(names.indexOf(current) + 1) % names.length]).then(() => asked.querySelector("h2")?.focus());
  }

  async function answer(question, list, go, found) {
    const { name } = question;
    const letter = list.querySelector("input:checked")?.value;
    const right = question.options.find((option) => option.right).letter;
    go.disabled = true;
    list.querySelectorAll("input").forEach((input) => { input.disabled = true; });
    if (!answered.has(name)) answered.set(name, letter === right);
    score.textContent = `${[...answered.values()].filter(Boolean).length} of ${answered.size} right`;
    found.replaceChildren(element(`p.${letter === right ? "yes" : "no"}`, {}, letter === right ? `✓ ${letter} is right.` : `✗ Not ${letter}: ${right} holds.`),
      element("p", {}, "The experiment runs …"));
    let done = await store.tell("question", { name, experiment: true });
    while (done?.running && current === name) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
      done = await store.tell("question", { name, experiment: true });
    }
    if (!done || current !== name) return;
    found.lastChild.remove();
    found.append(...shown(done));
  }

  /** What an experiment found, and why. */
  function shown({ options, picture, problem, why, experiment, see }) {
    const rows = options.filter(({ found }) => found).map(({ letter, holds, found }) => element(`tr.${holds ? "yes" : "no"}`, {},
      element("td", {}, letter), element("td", {}, holds ? "✓ holds" : "✗ no"), element("td", {}, found)));
    return [
      problem && element("p.no", {}, problem),
      rows.length > 0 && element("table", {}, element("thead", {}, element("tr", {}, element("th", {}, "option"), element("th", {}, ""), element("th", {}, "what was found"))), element("tbody", {}, ...rows)),
      picture && element("pre", { tabindex: 0, role: "img", "aria-label": "what the experiment drew" }, picture),
      ...blocks(why),
      element("details", {}, element("summary", {}, "The experiment"), element("pre.program", { tabindex: 0 }, experiment)),
      see.length > 0 && element("p.see", {}, "See in the documentation: ", see.map(({ text }) => plain(text)).join(" · ")),
    ].filter(Boolean);
  }

  return load;
}

/** Markdown of one line without its marks. */
function plain(text) {
  const made = element("span", {}, ...inline(text));
  return made.textContent;
}
