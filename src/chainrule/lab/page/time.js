import { count, element, number } from "./draw.js";

const SPEEDS = [[1, "1 step a second"], [5, "5 steps a second"], [30, "30 steps a second"], [300, "300 steps a second"], [null, "as fast as it can"]];
const PHASES = ["forward", "cost", "backward", "update"];
const APART = 160; // milliseconds from one array of a phase to the next

/**
 * Time: play, pause, one step, one epoch, one phase, back, any step, how fast.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountTime(place, store) {
  const button = (label, title, key, act, extra = "") =>
    element(`button${extra}`, { type: "button", title: `${title} (${key})`, "aria-label": title, "aria-keyshortcuts": key, click: act }, label);

  const playing = button("▶", "play", "space", toggle, ".play");
  const phase = button("phase", "one phase: forward, cost, backward, update", "p", onePhase);
  const slider = element("input", { type: "range", min: 0, max: 1, value: 0, step: 1, "aria-label": "step", class: "timeline", input: () => store.tell("go", { step: Number(slider.value) }) });
  const speed = element("select", { "aria-label": "speed", title: "speed", change: () => store.lab.playing && play() },
    ...SPEEDS.map(([value, label]) => element("option", { value: value ?? "", selected: value === null }, label)));
  const where = element("output", { class: "where" });
  const stopped = element("p", { class: "stopped", role: "alert", hidden: true });

  place.append(
    element("div.buttons", {},
      button("⏮", "back to the beginning", "Home", () => go({ step: 0 })),
      button("◂ step", "one step back", "ArrowLeft", () => go({ by: -1 })),
      playing,
      button("step ▸", "one step: the next mini-batch", "ArrowRight", () => go({ by: 1 })),
      button("epoch ▸", "to the end of the epoch", "e", () => go({ by: 1, unit: "epoch" })),
      phase, speed),
    element("div.line", {}, slider, where), stopped);

  function play() {
    clear();
    return store.tell("play", { speed: speed.value === "" ? null : Number(speed.value) });
  }

  function toggle() {
    return store.lab.playing ? store.tell("pause") : play();
  }

  function go(where) {
    clear();
    return store.tell("go", where);
  }

  function clear() {
    if (store.selection.phase) store.select({ phase: null, done: [] });
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
    const name = PHASES[(PHASES.indexOf(store.selection.phase) + 1) % PHASES.length];
    const mine = ++running;
    const before = name === "forward" ? [] : store.selection.done;
    if (name === "update") await store.tell("go", { by: 1 });
    store.select({ phase: name, done: before, hover: null });
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const one of arrays(name)) {
      if (mine !== running || store.selection.phase !== name) return;
      store.select({ hover: one, done: [...store.selection.done, one] });
      if (!still) await new Promise((resolve) => setTimeout(resolve, APART));
    }
    if (mine === running) store.select({ hover: null });
  }

  const keys = { " ": toggle, ArrowLeft: () => go({ by: -1 }), ArrowRight: () => go({ by: 1 }), Home: () => go({ step: 0 }), e: () => go({ by: 1, unit: "epoch" }), p: onePhase };
  place.ownerDocument.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, dialog, [contenteditable], [role=tablist]") || (event.key === " " && event.target.closest?.("button, summary, a"));
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  store.on("lab", (lab) => {
    playing.textContent = lab.playing ? "❚❚" : "▶";
    playing.setAttribute("aria-label", lab.playing ? "pause" : "play");
    playing.classList.toggle("on", lab.playing);
  });
  store.on("select", () => phase.classList.toggle("on", store.selection.phase !== null));
  store.on("frame", () => {
    const { step, end, epoch, example, J, per_epoch, stopped: why } = store.here;
    if (store.ownerDocument?.activeElement !== slider || store.lab.playing) slider.value = "0";
    slider.max = String(Math.max(1, end));
    slider.value = String(step);
    const within = per_epoch > 1 && example ? ` + ${count(example)} of ${count(store.run.data.m)} examples` : "";
    where.textContent = `step ${count(step)} · epoch ${count(epoch)}${within} · J = ${number(J)}`;
    stopped.textContent = why;
    stopped.hidden = !why;
  });
}
