import { count, element, terms } from "./draw.js";

const APART = 1000; // milliseconds from one diagnosis to the next while it plays, at least
const SHARE = 8; // and this many times what the last one took, so that training goes on
const RESTING = 200; // milliseconds, while it does not play
const SLOW = "learning rate too low"; // for which more epochs do as well

/**
 * What keeps a network from learning, measured while it trains, with what would help, to be tried.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountFindings(place, store) {
  const summary = element("p.summary-line", { role: "status" });
  const list = element("ol.findings");
  const more = element("div.more-checks");
  const marks = element("div.layer-marks", { role: "group", "aria-label": "layers with findings" });
  place.append(summary, list, more);

  let busy = false;
  let last = [0, 0]; // when the last one ended, and what it took
  let seen = ""; // run, revision and step that were diagnosed
  let shown = "";
  let found = null;

  const stamp = () => `${store.run?.id} ${store.run?.revision} ${store.here.step}`;

  async function diagnose() {
    if (busy || !store.open || !store.run || stamp() === seen) return;
    busy = true;
    const apart = store.lab.playing ? Math.max(APART, (hidden() ? 3 : 1) * SHARE * last[1]) : RESTING;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, last[0] + apart - performance.now())));
    const now = stamp();
    const run = store.run.id;
    const start = performance.now();
    try {
      const answer = await store.ask("diagnose", { run });
      if (run === store.lab.active) {
        found = answer;
        seen = now;
        render();
      }
    } catch (error) {
      summary.textContent = error.message;
      seen = now;
    } finally {
      busy = false;
      last = [performance.now(), performance.now() - start];
    }
    if (stamp() !== seen) diagnose();
  }

  const hidden = () => store.selection.tab !== "findings";

  function render() {
    const { findings, passed, unchecked, learned, examples, step } = found;
    const key = JSON.stringify([store.run.id, findings.map(({ title, text }) => [title, text]), store.lab.runs.length]);
    const some = examples[0] < examples[1] ? `${count(examples[0])} of ${count(examples[1])} examples` : `${count(examples[1])} examples`;
    const gone = learned === null ? "" : ` ${learned > 0 ? `${Math.round(100 * learned)} % of the cost of the best constant answer is gone.` : "It is no better than the best constant answer."}`;
    const names = new Set(findings.map(({ name }) => name)).size;
    summary.textContent = `${names ? `${names} finding${names > 1 ? "s" : ""}` : "Nothing found"} at step ${count(step)}, ${some}.${gone}`;
    if (key === shown) return;
    shown = key;
    const { activeElement: focus } = /** @type {Document | ShadowRoot} */ (place.getRootNode());
    const focused = focus instanceof HTMLElement && place.contains(focus) ? focus.dataset.key : null;
    const helps = new Map(); // what was advised already
    list.replaceChildren(...grouped(findings).map((group) => card(group, helps)));
    const texts = Object.entries(passed).map(([name, lines]) => [name, lines.join("; ")]);
    const folded = [fold(`Checked, no fault: ${texts.length}`, texts), fold(`Not checked: ${Object.keys(unchecked).length}`, Object.entries(unchecked))];
    more.replaceChildren(...folded.filter(Boolean));
    if (focused) (/** @type {HTMLElement} */ (place.querySelector(`[data-key="${CSS.escape(focused)}"]`)))?.focus();
    mark();
    store.dispatchEvent(new CustomEvent("findings", { detail: findings }));
  }

  /** Findings of one name: what was measured, where, why it is a fault there, what to do, and a way to try it. */
  function card(group, helps) {
    const finding = group[0];
    const { name, reason, remedy, explains, explained_by: causes, change, does } = finding;
    const key = name.replaceAll(" ", "-");
    const layers = group.map(({ layer }) => layer).filter((layer) => layer !== null);
    const of = ({ layer }) => (group.length > 1 && layer !== null ? `layer ${layer}: ` : "");
    const lines = [
      ...group.flatMap((each) => [["measured", of(each) + each.text], ["where", each.where && of(each) + each.where]]),
      !causes.length && ["why there", reason],
      causes.length > 0 && ["may come from", causes.join(", ")], ["what to do", remedy],
      !causes.length && explains.length > 0 && ["may cause", explains.join(", ")],
    ].filter((line) => line && line[1]);
    const before = change && helps.get(does);
    if (change && !before) helps.set(does, name);
    return element(`li.finding${causes.length ? ".effect" : ""}`, { "data-name": name },
      element("div.head", {}, element("h3", {}, name),
        element("span", {}, ...layers.map((layer) =>
          element("button.quiet", { type: "button", "data-key": `layer-${layer}-${key}`, click: () => store.select({ layer, tab: "equations" }) }, `see layer ${layer}`)))),
      element("dl", {}, ...terms(lines)),
      before && element("p.none", {}, `The change for “${before}” above is to mend this, too.`),
      change && !before && element("div.try", {},
        element("p", {}, does),
        element("button.primary", { type: "button", "data-key": `beside-${key}`, click: () => beside(finding) }, "Try it beside this run"),
        element("button", { type: "button", "data-key": `here-${key}`, click: () => here(finding) }, "Do it to this run"),
        name === SLOW && element("button", { type: "button", "data-key": `on-${key}`, click: trainOn }, `Or train on to step ${count(longer())}`)),
      !change && !causes.length && element("p.none", {}, "No change of the network does this: it is about the data, or about time."));
  }

  const longer = () => Math.max(100, 5 * found.step);

  /** More epochs, where that is the other thing to do. */
  function trainOn() {
    return store.tell("play", { speed: null, until: longer() });
  }

  /** A run with the remedy, at the same step, to be compared. */
  async function beside({ name, change }) {
    const step = store.here.step;
    const before = store.run.name;
    if ((await store.tell("add", { change, name: `without ${name}`.slice(0, 60), run: store.run.id })) === undefined) return;
    store.say(`A run with this change stands beside ${before}, from its beginning to step ${count(step)}.`);
  }

  /** The same run from its beginning, with the remedy, to the same step. */
  async function here({ change, does }) {
    const step = store.here.step;
    const run = store.run.id;
    try {
      await store.ask("design", { change, run });
      await store.ask("play", { speed: null, until: step });
      store.say(`${does} The run began anew and goes to step ${count(step)}.`);
    } catch (error) {
      store.say(error.message, "error");
    }
  }

  /** A mark above each layer that a finding concerns. */
  function mark() {
    const network = store.root?.querySelector(".panel.network");
    if (!network) return;
    if (marks.parentElement !== network) network.prepend(marks);
    const of = new Map();
    for (const { layer, name } of found?.findings ?? []) if (layer) of.set(layer, [...(of.get(layer) ?? []), name]);
    marks.replaceChildren(...[...of].sort(([a], [b]) => a - b).map(([layer, names]) => {
      const made = element("button.mark", { type: "button", title: names.join(", "), click: () => store.select({ tab: "findings", layer }) }, `⚠ layer ${layer}: ${names.length > 1 ? `${names.length} findings` : names[0]}`);
      return made;
    }));
    marks.hidden = !of.size;
    const tab = store.root.querySelector("#tab-findings");
    const names = new Set(found?.findings.map(({ name }) => name)).size;
    if (tab) tab.textContent = names ? `Diagnosis (${names})` : "Diagnosis";
  }

  store.on("lab", () => {
    if (found && !seen.startsWith(`${store.run.id} `)) {
      found = null;
      seen = shown = ""; // who comes back before this run was diagnosed is diagnosed anew
      list.replaceChildren();
      more.replaceChildren();
      summary.textContent = "Measuring …";
      mark();
    }
    shown = "";
    diagnose();
  });
  store.on("frame", diagnose);
  store.on("select", ({ tab }) => tab === "findings" && diagnose());
}

/** Those of one name together, in the order of the first of each. */
function grouped(findings) {
  return [...new Set(findings.map(({ name }) => name))].map((name) => findings.filter((each) => each.name === name));
}

/** Lines that are folded away. */
function fold(title, lines) {
  return lines.length > 0 && element("details", {}, element("summary", {}, title),
    element("dl", {}, ...terms(lines)));
}
