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

/** A unit with its layer, where that is not plain. @param {any} run @param {number} l @param {number} i */
export const called = (run, l, i) => unitName(run, l, i) + (l > 0 && l < run.sizes.length - 1 ? ` of layer ${l}` : "");
