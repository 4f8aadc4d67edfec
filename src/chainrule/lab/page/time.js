import { changesOf } from "./changes.js";
import { count, element, number } from "./draw.js";
import { paced } from "./store.js";

const SPEEDS = [[1, "1 step a second"], [5, "5 steps a second"], [30, "30 steps a second"], [200, "200 steps a second"], [1000, "1,000 steps a second"], [null, "as fast as it can"]];
const USUAL = 1000; // fast for people; a small network takes fifty times as many, and is done before one sees it learn
const PHASES = ["forward", "cost", "backward", "update"];
const APART = 160; // milliseconds from one array of a phase to the next
const THUMB = 16; // pixels of the slider's, at whose middle a step stands

/**
 * Time: play, pause, one step, one epoch, one phase, back, any step, how fast, and the very same again.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountTime(place, store) {
  const button = (label, title, key, act, extra = "") =>
    element(`button${extra}`, { type: "button", title: `${title} (${key})`, "aria-label": title, "aria-keyshortcuts": key, click: act }, ...[label].flat());
  const word = (text) => element("span.word", {}, text); // for which a narrow page has no room

  const playing = button("▶", "play", "Space", toggle, ".play");
  const phase = button("phase", "one phase: forward, cost, backward, update", "p", onePhase);
  const repeat = button("run again", "run again: the very same from its seed, and whether it comes to the same bits", "r", again);
  const drag = paced((step) => go({ step }));
  const slider = element("input", { type: "range", min: 0, max: 1, value: 0, step: 1, "aria-label": "step", class: "timeline", input: () => drag(Number(slider.value)) });
  const ticks = element("div.ticks", { role: "group", "aria-label": "changes on the way" });
  const field = element("input", { type: "number", min: 0, step: 1, class: "goto", "aria-label": "go to step", title: "go to this step", placeholder: "step", change: jump });
  const speed = element("select", { "aria-label": "speed", title: "speed", change: () => store.lab.playing && play() },
    ...SPEEDS.map(([value, label]) => element("option", { value: value ?? "", selected: value === USUAL }, label)));
  const where = element("span.where.number");
  const stopped = element("p", { class: "stopped", role: "alert", hidden: true });

  place.append(
    element("div.buttons", {},
      button("❚◀", "back to the beginning", "Home", () => go({ step: 0 })),
      button(["◂", word(" step")], "one step back", "ArrowLeft", () => go({ by: -1 })),
      playing,
      button([word("step "), "▸"], "one step: the next mini-batch", "ArrowRight", () => go({ by: 1 })),
      button("epoch ▸", "to the end of the epoch", "e", () => go({ by: 1, unit: "epoch" })),
      phase, repeat),
    element("div.line", {}, speed, element("div.track", {}, slider, ticks), element("div.place", {}, field, where)), stopped);

  let held = false; // by a pointer: then it stands where the pointer is
  slider.addEventListener("pointerdown", () => { held = true; });
  for (const end of ["pointerup", "pointercancel", "blur"]) slider.addEventListener(end, () => { held = false; });

  function play(given = {}) {
    clear();
    return store.tell("play", { speed: speed.value === "" ? null : Number(speed.value), ...given });
  }

  function toggle() {
    return store.lab.playing ? store.tell("pause") : play();
  }

  function go(where) {
    clear();
    return store.tell("go", where);
  }

  /** To the step of the field: what was not yet there is played. */
  async function jump() {
    const step = Number(field.value);
    if (field.value === "" || !Number.isInteger(step) || step < 0) return store.say(`step: got ${field.value || "nothing"}, wanted a whole number of 0 or more`, "error");
    await (step <= store.here.end ? go({ step }) : play({ until: step }));
    field.value = "";
  }

  let before = null; // of each run where it was, and the digest of its parameters there

  async function again() {
    if (!store.here.step) return;
    clear();
    before = (await store.tell("again")) ?? null;
  }

  /** Whether the runs that were played again have come to the same bits. */
  async function compare(expected) {
    for (const run of store.lab.runs.filter(({ id }) => expected[id])) {
      const was = expected[run.id], now = await store.ask("see", { view: "digest", run: run.id });
      if (now.step !== was.step) continue; // somebody stopped it on the way
      const name = store.lab.runs.length > 1 ? `${run.name}: ` : "";
      if (now.digest === was.digest) store.say(`${name}step ${count(was.step)} again, begun anew from seed ${run.design.seed}: all ${count(was.parameters)} parameters are the same to the last bit (SHA-256 ${now.digest.slice(0, 12)}…).`);
      else store.say(`${name}step ${count(was.step)} has other parameters than before, which must not be: please report it`, "error");
    }
  }

  let at = 0; // the step of the phase

  function clear() {
    if (store.selection.phase) store.select({ phase: null, done: [], hover: null });
  }

  /** The arrays of a phase, in the order in which they are computed. */
  function arrays(name) {
    const L = store.run.sizes.length - 1;
    const layers = [...Array(L).keys()].map((l) => l + 1);
    if (name === "forward") return layers.flatMap((layer) => [{ letter: "Z", layer }, { letter: "A", layer }]);
    if (name === "cost") return [{ letter: "J", layer: L }];
    if (name === "update") return layers.flatMap((layer) => [{ letter: "W", layer }, { letter: "b", layer }]);
    return layers.reverse().flatMap((layer) => [
      ...(layer < L ? [{ letter: "dA", layer }] : []), { letter: "dZ", layer }, { letter: "dW", layer }, { letter: "db", layer }]);
  }

  let running = 0;

  async function onePhase() {
    if (store.lab.playing) await store.tell("pause");
    const next = (PHASES.indexOf(store.selection.phase) + 1) % PHASES.length;
    const name = PHASES[next], mine = ++running;
    const now = name === "update" ? await store.tell("go", { by: 1 }) : store.here;
    if (mine !== running || !now) return;
    at = now.step;
    store.select({ phase: name, done: PHASES.slice(0, next).flatMap(arrays), hover: null });
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const one of arrays(name)) {
      if (mine !== running || store.selection.phase !== name) return;
      store.select({ hover: one, done: [...store.selection.done, one] });
      if (!still) await new Promise((resolve) => setTimeout(resolve, APART));
    }
    if (mine === running && store.selection.phase === name) store.select({ hover: null });
  }

  const keys = { " ": toggle, ArrowLeft: () => go({ by: -1 }), ArrowRight: () => go({ by: 1 }), Home: () => go({ step: 0 }), e: () => go({ by: 1, unit: "epoch" }), p: onePhase, r: again };
  store.root.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !keys[event.key] || !store.lab) return;
    if (target.closest?.("input:not([type=range]), select, textarea, dialog, [contenteditable]")) return;
    if (event.key.length > 1 && target.closest?.("input, [role=tablist], [role=slider], [role=grid], [role=menu]")) return;
    if (event.key === " " && target.closest?.("button, summary, a")) return;
    event.preventDefault();
    keys[event.key]();
  });

  /** Where a person changed something: one can go there. */
  function mark() {
    ticks.replaceChildren(...changesOf(store.run).map(({ step, words }) => {
      const says = `from step ${step} on: ${words}`;
      return element("button", { type: "button", title: says, "aria-label": says, "data-step": step, click: () => go({ step }) });
    }));
    move();
  }

  function move() {
    const end = Math.max(1, store.here.end);
    for (const tick of /** @type {Iterable<HTMLElement>} */ (ticks.children)) {
      const step = Number(tick.dataset.step);
      tick.hidden = step > end;
      tick.style.left = `calc(${THUMB / 2}px + (100% - ${THUMB}px) * ${step / end})`;
    }
  }

  store.on("lab", (lab) => {
    playing.textContent = lab.playing ? "❚❚" : "▶";
    playing.setAttribute("aria-label", lab.playing ? "pause" : "play");
    playing.classList.toggle("on", lab.playing);
    mark();
    if (before && !lab.playing) {
      compare(before).catch((error) => store.say(error.message, "error"));
      before = null;
    }
  });
  store.on("select", () => phase.classList.toggle("on", store.selection.phase !== null));
  store.on("frame", () => {
    const { step, end, epoch, example, J, per_epoch, stopped: why } = store.here;
    if (slider.max !== String(Math.max(1, end))) {
      slider.max = String(Math.max(1, end));
      move();
    }
    if (!held) slider.value = String(step);
    slider.setAttribute("aria-valuetext", `step ${step} of ${end}`);
    if (step !== at && store.selection.phase) clear();
    const within = per_epoch > 1 && example ? ` + ${count(example)} of ${count(store.run.data.m)} examples` : "";
    where.textContent = `step ${count(step)} · epoch ${count(epoch)}${within} · J = ${number(J)}`;
    repeat.disabled = step === 0;
    stopped.textContent = why;
    stopped.hidden = !why;
  });
}
