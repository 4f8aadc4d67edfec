/**
 * What units are called, everywhere on the page. Layers are counted from 1, as in the notes (0 is the input), units
 * and examples from 0, as in the code.
 */

/**
 * A unit by its number; an input by its name, an output as ŷ, with its class where there are several.
 * @param {any} run
 * @param {number} l
 * @param {number} i
 * @returns {string}
 */
export function unitName(run, l, i) {
  const { inputs, image, classes } = run.data, L = run.sizes.length - 1;
  if (l === 0) return inputs[i] ?? `${image ? "pixel" : "input"} ${i}`;
  if (l < L) return `unit ${i}`;
  return run.sizes[L] === 1 ? "ŷ" : `ŷ ${run.sizes[L] === classes.length ? classes[i] : i}`;
}

/**
 * What is to be said of answers to training rows that the model would encode otherwise; empty of others.
 * @param {any} run
 * @param {string} part
 * @returns {string}
 */
export const crossed = (run, part) => (run.data.crossed && part === "train"
  ? "Training rows are encoded here by the targets of other rows, as while training; the model that is taken along encodes them by those of all rows, and may answer otherwise." : "");

/** A unit with its layer, where that is not plain. @param {any} run @param {number} l @param {number} i */
export const called = (run, l, i) => unitName(run, l, i) + (l > 0 && l < run.sizes.length - 1 ? ` of layer ${l}` : "");
