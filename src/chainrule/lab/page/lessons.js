import { count, element } from "./draw.js";
import { mountHomework } from "./homework.js";
import { written } from "./inspect.js";
import { mountQuiz } from "./quiz.js";
import { swatch } from "./runs.js";

const KINDS = [["lessons", "Lessons"], ["homework", "Homework"], ["quiz", "Quiz"]];
const NAMES = { plane: "the data", network: "the network", curves: "the curves", findings: "the diagnosis", walk: "one example" };
const TRIES = 60; // frames in which a letter of the equations is looked for

/**
 * To learn with: claims of the notes as experiments of two runs, homework, the quiz.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountLessons(place, store) {
  const bodies = { lessons: element("div.kind"), homework: element("div.kind", { hidden: true }), quiz: element("div.kind", { hidden: true }) };
  const buttons = KINDS.map(([name, label]) => element("button", { type: "button", "aria-pressed": "false", click: () => show(name) }, label));
  place.append(element("div.kinds", { role: "group", "aria-label": "what to learn with" }, ...buttons), ...Object.values(bodies));
  const opened = { homework: mountHomework(bodies.homework, store), quiz: mountQuiz(bodies.quiz, store) };
  const lessons = element("div.lessons");
  bodies.lessons.append(lessons);

  function show(name) {
    KINDS.forEach(([each], i) => {
      bodies[each].hidden = each !== name;
      buttons[i].setAttribute("aria-pressed", String(each === name));
      buttons[i].classList.toggle("on", each === name);
    });
    opened[name]?.();
  }
  show("lessons");

  let chapters = null;
  let at = ""; // the lesson that is shown, and its runs
  let guessed = null;
  let judged = null; // what was said, of which stamp
  let asking = false;
  let parts = null;

  async function list() {
    chapters ??= await store.tell("lessons");
    if (!chapters || store.lab?.lesson) return;
    lessons.replaceChildren(
      element("p.lead", {}, "What the notes say, to be seen: two networks side by side, a question before, a verdict that is measured. The runs that are here now make room; take them along first if you want to keep them."),
      ...chapters.flatMap(({ title, lessons: some }) => [
        element("h2", {}, title),
        element("ul.lesson-list", {}, ...some.map((each) => element("li", {},
          element("button", { type: "button", "data-lesson": each.name, click: () => begin(each.name) }, element("strong", {}, each.title), element("span", {}, each.statement))))),
      ]));
  }

  async function begin(name) {
    guessed = null;
    judged = null;
    at = "";
    lessons.setAttribute("aria-busy", "true"); // the data of a lesson may take a while
    await store.tell("lesson", { name });
    lessons.removeAttribute("aria-busy");
  }

  /** Where to look: a button for each place. */
  function places(lesson) {
    return lesson.look.map(({ panel, array, layer, run }) => {
      const name = array ? written(array, layer) : NAMES[panel];
      return element("button", { type: "button", click: () => go(panel, array, layer, run) }, run === undefined ? name : `${name}, ${lesson.runs[run].name}`);
    });
  }

  async function go(panel, array, layer, run) {
    const id = store.lab.lesson.ids[run];
    if (id !== undefined && id !== store.lab.active) await store.tell("activate", { run: id });
    if (array) {
      store.select({ tab: "equations", layer });
      light(array, layer, TRIES);
      return;
    }
    if (panel === "findings" || panel === "walk") return store.select({ tab: panel });
    const target = store.root?.querySelector(`.panel.${panel}`);
    target?.scrollIntoView({ behavior: "smooth", block: "center" });
    target?.classList.remove("glow");
    requestAnimationFrame(() => target?.classList.add("glow"));
  }

  /** Let a letter of the equations light up, as soon as it is there. */
  function light(letter, layer, tries) {
    const token = /** @type {HTMLElement} */ (store.root?.querySelector(`#panel-equations .letter[data-letter="${letter}"][data-layer="${layer}"]`));
    if (token?.checkVisibility()) {
      token.focus();
      token.scrollIntoView({ block: "nearest" });
    } else if (tries > 0) requestAnimationFrame(() => light(letter, layer, tries - 1));
  }

  function open() {
    const { lesson } = store.lab;
    const key = `${lesson.name} ${lesson.ids}`;
    if (key === at) return;
    at = key;
    judged = null;
    guessed = null;
    const answers = lesson.question.options.map((text, i) => element("label.option", {},
      element("input", { type: "radio", name: `guess-${lesson.name}`, value: i, change: () => { guessed = i; judge(); } }), text));
    const play = element("button.primary", { type: "button", click: toggle }, "Play");
    parts = {
      play, verdict: element("div.lesson-verdict", { role: "status" }), runs: element("div.lesson-runs", { role: "group", "aria-label": "runs" }),
      answers: element("fieldset.question", {}, element("legend", {}, `Before you play: ${lesson.question.text}`), ...answers),
    };
    const title = element("h2", { tabindex: -1 }, lesson.title);
    lessons.replaceChildren(
      element("button.quiet.back", { type: "button", click: end }, "← all lessons"),
      title, element("blockquote", {}, lesson.statement), ...lesson.text.map((text) => element("p", {}, text)),
      element("div.look", {}, element("span", {}, "Look at"), ...places(lesson)),
      parts.runs, parts.answers,
      element("div.buttons", {}, play, element("button", { type: "button", click: () => begin(lesson.name) }, "Begin again")),
      parts.verdict,
      lesson.claim && element("p.claim", {}, "The claim, measured over five seeds: ", element("code", {}, `chainrule claims ${lesson.claim}`)));
    title.focus({ preventScroll: true });
  }

  const there = () => store.lab.lesson.ids.map((id) => store.at[id]).filter(Boolean);
  const done = () => {
    const { ids, steps } = store.lab.lesson;
    return ids.length === there().length && there().every(({ step, stopped }) => step >= steps || stopped);
  };

  function toggle() {
    const { steps, speed } = store.lab.lesson;
    if (store.lab.playing) return store.tell("pause");
    return store.tell("play", { speed, until: done() ? null : steps });
  }

  async function end() {
    await store.tell("end_lesson");
    at = "";
    list();
  }

  /** The names of the two runs, and which of them the panels show. */
  function legend() {
    const { ids, runs } = store.lab.lesson;
    parts.runs.replaceChildren(...ids.filter((id) => store.lab.runs.some((run) => run.id === id)).map((id) => {
      const made = element("button", { type: "button", "aria-pressed": String(id === store.lab.active), click: () => store.tell("activate", { run: id }) },
        swatch(id), runs[ids.indexOf(id)].name);
      made.classList.toggle("on", id === store.lab.active);
      return made;
    }));
  }

  function state() {
    if (!store.lab?.lesson || !parts) return;
    const { steps } = store.lab.lesson;
    const step = Math.min(...there().map(({ step: each }) => each), Infinity);
    parts.play.textContent = store.lab.playing ? "Pause" : done() ? "Play on" : step > 0 ? `Play on to step ${count(steps)}` : `Play to step ${count(steps)}`;
    judge();
  }

  async function judge() {
    if (!done()) {
      if (judged) parts.verdict.replaceChildren();
      judged = null;
      return;
    }
    const now = JSON.stringify([store.lab.lesson.ids, there().map(({ step }) => step), store.lab.runs.map(({ revision }) => revision), guessed]);
    if (judged === now || asking || store.lab.playing) return;
    asking = true;
    try {
      const said = await store.ask("verdict");
      judged = now;
      if (said.done) tell(said);
    } catch (error) {
      judged = now;
      parts.verdict.replaceChildren(element("p.error", {}, error.message));
    } finally {
      asking = false;
    }
  }

  function tell({ holds, sentence, changed }) {
    const { question } = store.lab.lesson;
    const right = guessed === question.right;
    parts.verdict.replaceChildren(...[
      element(`p.holds${holds ? ".yes" : ".no"}`, {}, holds ? "✓ It holds here." : "✗ It does not hold here."),
      element("p", {}, sentence),
      guessed === null
        ? element("p", {}, `The question above: ${question.options[question.right]}.`)
        : element(`p${right ? ".yes" : ".no"}`, {}, right ? "Your answer was right." : `Not quite. It is: ${question.options[question.right]}.`),
      changed.length > 0 && element("p.changed", {}, `You have changed ${changed.join(" and ")} since the lesson began, so this is an experiment of your own.`),
    ].filter(Boolean));
    parts.verdict.scrollIntoView({ block: "nearest" });
  }

  store.on("lab", (lab) => {
    if (lab.lesson) {
      open();
      legend();
      state();
    } else if (at) {
      at = "";
      parts = null;
      list();
    }
  });
  store.on("frame", state);
  store.on("select", ({ tab }) => tab === "lessons" && !chapters && list());
}
