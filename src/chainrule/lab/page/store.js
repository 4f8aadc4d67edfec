import { VERSION, pack, unpack } from "./protocol.js";

const SLOW = 20; // steps a second that one can follow
const APART = 100; // milliseconds between two looks at what need not be there at every frame

/**
 * What the panels of the page share.
 *
 * `lab`: the runs and how they stand (protocol: push "lab"). `at`: where each run is on its time line. `shown`: what
 * the last look gave, by the names under which panels want views. `selection`: what a person looks at, the same for
 * all panels. Events: "lab", "frame" (something new to draw), "select", "link".
 *
 * @typedef {{ view: string, run?: number, [argument: string]: any }} View
 * @typedef {object} Selection
 * @property {number} layer                             the layer that equations and arrays are shown of
 * @property {[number, number] | null} unit              [l, i]: the unit that is chosen
 * @property {{ part: string, index: number } | null} example  the example that is walked through
 * @property {{ letter: string, layer: number } | null} hover  the array that lights up
 * @property {{ letter: string, layer: number, at?: [number, number] } | null} inspect  the array that is seen whole, perhaps
 *   at one of its numbers; set it from anywhere
 * @property {string | null} phase                       "forward", "cost", "backward", "update", or null
 * @property {{ letter: string, layer: number }[]} done   arrays that are computed so far, within a phase
 * @property {number | null} paint                       the class that a click on the plane paints
 * @property {number[] | null} peek                     [l, i]: the unit that is pointed at, which the plane shows
 * @property {boolean} gradients                         whether lines of the diagram are dW in place of W
 * @property {string} tab                                what stands on the right
 */

/**
 * An act that may be asked for more often than it can be done, as by a slider: while one is on its way, of those that
 * come meanwhile only the newest is done after it.
 * @param {(...given: any[]) => Promise<any>} act
 * @returns {(...given: any[]) => Promise<void>}
 */
export function paced(act) {
  let busy = false, waiting = null;
  return async (...given) => {
    waiting = given;
    if (busy) return;
    busy = true;
    try {
      while (waiting) {
        const next = waiting;
        waiting = null;
        await act(...next);
      }
    } finally {
      busy = false;
    }
  };
}

export class Store extends EventTarget {
  /** @param {import("./link.js").Link} link */
  constructor(link) {
    super();
    /** @type {HTMLElement | null} the lab on the page; around it may be a notebook */
    this.root = null;
    this.lab = null;
    this.choices = null;
    this.datasets = [];
    this.at = {};
    this.shown = {};
    /** @type {Object<string, string>} of each view that could not be shown at the last look why */
    this.wrong = {};
    this.open = false;
    /** @type {Selection} */
    this.selection = {
      layer: 1, unit: null, example: null, hover: null, inspect: null, phase: null, done: [], paint: null, gradients: false, peek: null, tab: "equations",
    };
    this.frames = 0;
    /** Whether a view that need not be there at every frame is asked for: each 100 ms while it trains fast, else always. */
    this.due = true;
    this._seen = new Map(); // when each view was asked for
    this._kept = []; // those that are shown on without being asked for
    this.columns = [];
    this._wanted = new Map();
    this._asked = new Map();
    this._number = 0;
    this._stamp = null;
    this._drawing = this._behind = false;
    this._link = link;
    link.listen((frame) => this._hear(unpack(frame)), (open) => this._tell(open));
  }

  /** The run that is shown. */
  get run() {
    return this.lab?.runs.find((run) => run.id === this.lab.active) ?? null;
  }

  /** Where the run that is shown is on its time line. */
  get here() {
    return this.at[this.lab?.active] ?? { step: 0, end: 0, epoch: 0, example: 0, J: null, per_epoch: 1, stopped: "" };
  }

  /** Whether it trains faster than one can follow. */
  get fast() {
    return this.lab.playing && (this.lab.speed === null || this.lab.speed > SLOW);
  }

  /**
   * Ask the lab to do something.
   * @param {string} command
   * @param {object} [given]
   * @returns {Promise<any>} what it answers; an Error with its sentence where it cannot
   */
  ask(command, given = {}) {
    const id = ++this._number;
    return new Promise((resolve, reject) => {
      this._asked.set(id, { resolve, reject });
      this._link.send(pack({ id, do: command, ...given }));
    });
  }

  /**
   * Ask, and say it on the page where the lab cannot.
   * @param {string} command
   * @param {object} [given]
   */
  async tell(command, given) {
    try {
      return await this.ask(command, given);
    } catch (error) {
      this.say(error.message, "error");
    }
  }

  /**
   * Say something to the person, also to one who listens.
   * @param {string} text
   * @param {"note" | "error"} [kind]
   */
  say(text, kind = "note") {
    this.dispatchEvent(new CustomEvent("say", { detail: { text, kind } }));
  }

  /**
   * Want a view for as long as `view` gives one; it is asked before each look. Null where nobody can see it.
   * @param {string} name by which it is found in `shown`
   * @param {() => View | null} view
   */
  want(name, view) {
    this._wanted.set(name, view);
  }

  /** Look anew: what is wanted has changed. */
  refresh() {
    this._stamp = null;
    this._seen.clear();
    this._look();
  }

  /**
   * Say where the layers 0 … L stand, so that what belongs to a layer lines up with it.
   * @param {number[]} columns CSS pixels from the left of what is in the panel
   */
  lay(columns) {
    this.columns = columns;
    this.dispatchEvent(new CustomEvent("layout", { detail: columns }));
  }

  /**
   * Change what the person looks at.
   * @param {Partial<Selection>} change
   */
  select(change) {
    Object.assign(this.selection, change);
    this.dispatchEvent(new CustomEvent("select", { detail: change }));
    if (Object.keys(change).some((name) => name !== "hover" && name !== "done")) this.refresh();
  }

  /**
   * @param {"lab" | "frame" | "select" | "link" | "say" | "layout"} event
   * @param {(detail: any) => void} act
   */
  on(event, act) {
    this.addEventListener(event, (happened) => act(/** @type {CustomEvent} */ (happened).detail));
  }

  _look() {
    if (!this.lab) return;
    const views = {}, kept = [], now = performance.now();
    let spared = false; // at most one of the dear ones at a time, so that all frames take alike
    for (const [name, view] of this._wanted) {
      const since = now - (this._seen.get(name) ?? -Infinity);
      this.due = !this.fast || (since >= APART && (!spared || since >= 2 * APART));
      const wanted = view();
      if (!wanted && !this.due) kept.push(name);
      if (!wanted) continue;
      spared ||= this.fast && this.due;
      this._seen.set(name, now);
      views[name] = { run: this.lab.active, ...wanted };
    }
    this._kept = kept;
    const id = this._looking = ++this._number;
    this._link.send(pack({ id, do: "look", stamp: this._stamp, views }));
  }

  async _tell(open) {
    this.open = open;
    this.dispatchEvent(new CustomEvent("link", { detail: open }));
    if (!open) {
      for (const { reject } of this._asked.values()) reject(new Error("the connection to the lab was lost"));
      this._asked.clear();
      return;
    }
    try {
      const { lab, choices, datasets, ...more } = await this.ask("hello", { version: VERSION });
      Object.assign(this, { choices, datasets, more });
      this._push(lab);
    } catch (error) {
      this.say(error.message, "error");
    }
  }

  _push(lab) {
    const before = this.run;
    this.lab = lab;
    const run = this.run;
    if (run?.id !== before?.id || run?.revision !== before?.revision) this.shown = {}; // of another network
    if (run && this.selection.layer >= run.sizes.length) this.selection.layer = 1;
    const [l, i] = this.selection.unit ?? [0, 0];
    if (l >= run.sizes.length || i >= run.sizes[l]) this.selection.unit = null;
    this.dispatchEvent(new CustomEvent("lab", { detail: lab }));
    this.refresh();
  }

  _hear(message) {
    if (message.push === "lab") return this._push(message.lab);
    if (message.id === this._looking) {
      if (message.error) return this.say(message.error, "error");
      return this._see(message.ok);
    }
    const asked = this._asked.get(message.id);
    this._asked.delete(message.id);
    if (!asked) return;
    if (message.error !== undefined) asked.reject(new Error(message.error));
    else asked.resolve(message.ok);
  }

  _see({ stamp, at, views }) {
    this._stamp = stamp;
    this.at = at;
    const wrong = Object.fromEntries(Object.entries(views).filter(([, { error }]) => error).map(([name, { error }]) => [name, error]));
    for (const [name, error] of Object.entries(wrong)) if (this.wrong[name] !== error) this.say(error, "error");
    this.wrong = wrong;
    this.shown = { ...Object.fromEntries(this._kept.map((name) => [name, this.shown[name]])), ...views };
    for (const name of Object.keys(wrong)) delete this.shown[name];
    if (this._drawing) {
      this._behind = true;
      return;
    }
    this._drawing = true;
    this._look(); // the lab works on the next one while the page waits for its frame, and draws
    requestAnimationFrame(() => {
      this._drawing = false;
      this.frames += 1;
      if (this._behind) this._look();
      this._behind = false;
      this.dispatchEvent(new CustomEvent("frame"));
    });
  }
}
