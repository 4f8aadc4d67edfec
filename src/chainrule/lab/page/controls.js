/** Controls that ask the lab for another design or other options, and show its sentence where it cannot. */

import { element } from "./draw.js";

/**
 * An act that is done when nobody has asked for it for a while.
 * @param {(...given: any[]) => any} act
 * @param {number} wait milliseconds
 * @returns {(...given: any[]) => void}
 */
export function later(act, wait) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), wait);
  };
}

/** @param {string} text @returns {number | string | null} the number that was typed; what is none stays text, nothing is null */
export function typed(text) {
  const plain = text.trim().replace("−", "-");
  return plain === "" ? null : Number.isNaN(Number(plain)) ? plain : Number(plain);
}

/**
 * A choice of names.
 * @param {string} label
 * @param {(string | [string, string])[]} options values, or values with what they are called
 * @param {(value: string) => void} act
 * @returns {HTMLSelectElement}
 */
export function choice(label, options, act) {
  const made = element("select", { "aria-label": label, title: label, change: () => act(made.value) });
  offer(made, options);
  return /** @type {HTMLSelectElement} */ (made);
}

/** Offer other names. */
export function offer(select, options) {
  const names = options.map((each) => (Array.isArray(each) ? each : [each, each.replaceAll("_", " ")]));
  const now = JSON.stringify(names);
  if (select.dataset.names === now) return;
  select.dataset.names = now;
  select.replaceChildren(...names.map(([value, text]) => element("option", { value }, text)));
}

/**
 * A place for a number, or for text that the lab is to judge.
 * @param {string} label
 * @param {(value: number | string | null) => void} act
 * @param {object} [properties]
 * @returns {HTMLInputElement}
 */
export function entry(label, act, properties = {}) {
  const made = element("input", { type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": label, title: label, class: "entry", change: () => act(typed(made.value)), ...properties });
  return /** @type {HTMLInputElement} */ (made);
}

/** Show a value, but not over what a person types at the moment. */
export function set(control, value) {
  if (control.getRootNode().activeElement === control && control.type === "text" && control.value !== control.dataset.shown) return;
  control.value = control.dataset.shown = String(value);
}

/**
 * Arrow keys go from tab to tab.
 * @param {HTMLElement} list of tabs
 * @param {() => number} now which is chosen
 * @param {(k: number) => void} choose
 */
export function byArrows(list, now, choose) {
  list.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key], n = list.children.length;
    if (!move) return;
    choose((now() + move + n) % n);
    (/** @type {HTMLElement} */ (list.children[now()])).focus();
  });
}

/** Show whether a tab is the chosen one, and its panel only then. */
export function showTab(tab, panel, on) {
  tab.setAttribute("aria-selected", String(on));
  tab.tabIndex = on ? 0 : -1;
  panel.hidden = !on;
}

let fields = 0;

export class Field {
  /**
   * @param {string} label empty where the controls have their own
   * @param {...HTMLElement} controls
   */
  constructor(label, ...controls) {
    this.controls = controls;
    this.note = element("span.note");
    this.error = element("span.wrong", { role: "alert", id: `wrong-${++fields}`, hidden: true });
    const first = label ? element("label", {}, label, " ", controls[0]) : controls[0];
    this.element = element("div.field", {}, first, ...controls.slice(1), this.note, this.error);
  }

  /**
   * @param {string} text the sentence of the lab; empty where all is well
   * @param {HTMLElement[]} [controls] those that it concerns
   */
  wrong(text, controls = this.controls) {
    this.error.textContent = text;
    this.error.hidden = !text;
    for (const control of this.element.querySelectorAll("[aria-invalid]")) {
      control.removeAttribute("aria-invalid");
      control.removeAttribute("aria-describedby");
    }
    if (!text) return;
    for (const control of controls.filter((each) => each.matches("input, select"))) {
      control.setAttribute("aria-invalid", "true");
      control.setAttribute("aria-describedby", this.error.id);
    }
  }

  /**
   * Ask for a change, and say here what is wrong with it.
   * @param {import("./store.js").Store} store
   * @param {"design" | "options"} command
   * @param {object} change
   * @returns {Promise<boolean>} whether it was made
   */
  async ask(store, command, change) {
    try {
      await store.ask(command, { change, run: store.lab.active });
      this.wrong("");
      return true;
    } catch (error) {
      this.wrong(error.message);
      return false;
    }
  }
}
