/** What changed in a run, and how two runs differ, in words. */

import { number } from "./draw.js";

/** What people call the numbers of a design. */
export const NAMES = {
  learning_rate: "learning rate", batch_size: "batch size", l2: "λ (L2)", dropout: "dropout", clip_norm: "clip ‖gradient‖",
  optimizer: "optimizer", beta: "β", beta1: "β₁", beta2: "β₂", momentum: "momentum", epsilon: "ε", epsilon_hat: "ε inside the root",
  weight_decay: "weight decay", hidden: "hidden layers", activations: "activations", output: "output", loss: "loss",
  init: "initial weights", init_scale: "initial weights ×", seed: "seed", normalize: "normalize", dtype: "numbers", data: "data",
};
const OPTIONS = ["batch_size", "l2", "dropout", "clip_norm"];
const DESIGN = ["hidden", "activations", "output", "loss", "init", "init_scale", "normalize", "dtype", "seed"];

/** @param {string} name @param {any} value @returns {string} the value of an option, for people */
export function worded(name, value) {
  if (name === "batch_size") return value === null ? "all examples" : String(value);
  if (name === "normalize") return value ?? "not at all";
  if (name === "clip_norm") return value === null ? "off" : number(value);
  if (name === "output" || name === "loss") return (value ?? "that of the task").replaceAll("_", " ");
  if (name === "seed") return String(value);
  if (Array.isArray(value)) {
    if (!value.length || (name === "dropout" && !value.some(Boolean))) return name === "hidden" ? "none" : "off";
    const same = value.every((each) => each === value[0]);
    return name === "hidden" ? value.join("-") : same ? worded("", value[0]) : value.map((each) => worded("", each)).join(", ");
  }
  return typeof value === "number" ? number(value) : typeof value === "boolean" ? (value ? "yes" : "no") : String(value).replaceAll("_", " ");
}

const alike = (name, a, b) => JSON.stringify(a) === JSON.stringify(b) || worded(name, a) === worded(name, b);

/** Names and both values of all options that differ. */
function differing(before, after) {
  const found = [];
  const [a, b] = [before.optimizer, after.optimizer];
  if (a.name !== b.name) found.push(["optimizer", a.name, b.name]);
  for (const name of Object.keys(b)) {
    if (name !== "name" && name in a && a[name] !== b[name]) found.push([name, a[name], b[name]]);
  }
  for (const name of OPTIONS) if (!alike(name, before[name], after[name])) found.push([name, before[name], after[name]]);
  return found;
}

/**
 * What a person changed on the time line of a run: options, and numbers that were set by hand.
 * @param {any} run of the lab
 * @returns {{ step: number, words: string, names: string[] }[]} "learning rate 0.01 → 0.1", with the names of the options
 */
export function changesOf(run) {
  const found = new Map(); // step → names and words
  const add = (step, name, words) => found.set(step, [...(found.get(step) ?? []), [name, words]]);
  let before = { ...run.design, batch_size: run.design.batch_size >= run.data.m ? null : run.design.batch_size };
  for (const [step, after] of run.changes) {
    for (const [name, a, b] of differing(before, after)) add(step, name, `${NAMES[name]} ${worded(name, a)} → ${worded(name, b)}`);
    before = after;
  }
  for (const [step, letter, l, i, j, value] of run.edits) add(step, null, `${letter}[${l}][${i}, ${j}] = ${number(value)} by hand`);
  return [...found].sort(([a], [b]) => a - b).map(([step, each]) => ({ step, names: each.map(([name]) => name).filter(Boolean), words: each.map(([, words]) => words).join(", ") }));
}

/**
 * What differs between two runs: "tanh against relu".
 * @param {any} a a run of the lab
 * @param {any} b another
 * @returns {string[]}
 */
export function differences(a, b) {
  const found = [];
  if (JSON.stringify(a.design.data) !== JSON.stringify(b.design.data)) {
    found.push(a.data.name === b.data.name ? `${a.data.name} with other settings` : `${a.data.name} against ${b.data.name}`);
  }
  for (const name of DESIGN) {
    const [x, y] = [a.design[name], b.design[name]];
    const follows = name === "activations" && a.design.hidden.length !== b.design.hidden.length;
    if (alike(name, x, y) || (follows && new Set([...x, ...y]).size < 2)) continue;
    found.push(name === "activations" ? `${worded(name, x)} against ${worded(name, y)}` : `${NAMES[name]} ${worded(name, x)} against ${worded(name, y)}`);
  }
  for (const [name, x, y] of differing(a.options, b.options)) {
    found.push(name === "optimizer" ? `${x} against ${y}` : `${NAMES[name]} ${worded(name, x)} against ${worded(name, y)}`);
  }
  return found;
}

/**
 * How two runs stand to each other, in one line.
 * @param {any} a
 * @param {any} b
 * @returns {string}
 */
export function against(a, b) {
  const found = differences(a, b);
  const same = [a.design.seed === b.design.seed && "seed", JSON.stringify(a.design.data) === JSON.stringify(b.design.data) && "data"].filter(Boolean);
  return `${found.join(", ") || "the same design"}${same.length ? `; same ${same.join(", same ")}` : ""}`;
}
