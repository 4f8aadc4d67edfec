import { element, number } from "./draw.js";
import { unitName } from "./names.js";

const MOST = 400; // units or inputs that a list offers

/**
 * A form that sets a number of W or b: what if this weight were 0? It stands from this step on.
 * @param {import("./store.js").Store} store
 * @param {() => void} moved hears of another place that is chosen
 */
export function byHand(store, moved) {
  const unit = element("select", { "aria-label": "of unit", change: () => fill() });
  const input = element("select", { "aria-label": "for input", change: () => fill() });
  const from = element("span", {}, "from");
  const value = element("input", { type: "text", inputmode: "decimal", "aria-label": "value", class: "entry", required: true });
  const said = element("span.wrong", { role: "alert" });
  const form = element("form.by-hand", { hidden: true, submit: set }, element("span", {}, "set by hand: of"), unit, from, input, element("span", {}, "="), value, element("button", { type: "submit" }, "Set"), said);
  let letter = "W", l = 1;
  /** @type {(i: number, j: number) => number | null} */
  let known = () => null;

  /** The number that is there now. */
  function fill() {
    const now = known(Number(unit.value), Number(input.value));
    value.value = now === null ? "" : String(now);
    said.textContent = "";
    moved();
  }

  async function set(event) {
    event.preventDefault();
    const wanted = Number(value.value.replace("−", "-").replace(",", "."));
    said.textContent = "";
    if (!value.value.trim() || !Number.isFinite(wanted)) {
      said.textContent = `${value.value || "nothing"} is no number`;
      return;
    }
    try {
      await store.ask("edit", { run: store.lab.active, letter, l, i: Number(unit.value), j: letter === "W" ? Number(input.value) : 0, value: wanted });
      store.say(`${letter}[${l}] of ${unit.selectedOptions[0].text}${letter === "W" ? `, ${input.selectedOptions[0].text}` : ""}: ${number(wanted)}, from step ${store.here.step} on.`);
    } catch (error) {
      said.textContent = error.message;
    }
  }

  return {
    element: form,
    /**
     * Offer the numbers of an array; nothing for those that follow from others.
     * @param {string} name
     * @param {number} layer
     * @param {(i: number, j: number) => number | null} number_ what stands at a place now
     */
    offer(name, layer, number_) {
      [letter, l, known] = [name, layer, number_];
      form.hidden = name !== "W" && name !== "b";
      if (form.hidden) return;
      const options = (count, of) => Array.from({ length: Math.min(MOST, count) }, (_, i) => element("option", { value: i }, unitName(store.run, of, i)));
      unit.replaceChildren(...options(store.run.sizes[layer], layer));
      input.replaceChildren(...options(store.run.sizes[layer - 1], layer - 1));
      input.hidden = from.hidden = name === "b";
      fill();
    },
    /** Choose a place. */
    pick(i, j) {
      if (form.hidden) return;
      unit.value = String(i);
      input.value = String(j);
      fill();
      value.focus();
      value.select();
    },
    /** The place that is chosen, where numbers can be set. @returns {[number, number] | null} */
    place: () => (form.hidden ? null : [Number(unit.value), letter === "W" ? Number(input.value) : 0]),
  };
}
