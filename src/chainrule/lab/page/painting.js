/**
 * Data painted by hand. `store.selection.paint` is the class that a click on the plane paints, or null: then nobody
 * paints. The plane calls `paintPoint` for a click, `erasePoint` for one with the eraser (`paint` is −1).
 */

export const ERASER = -1;
const DECIMALS = 3;
const CORNERS = [[-1, -1], [1, 1], [-1, 1], [1, -1], [0, 1], [0, -1], [-1, 0], [1, 0]];

const rounded = (x) => Number(x.toFixed(DECIMALS));

/**
 * Paint a point of the class that is chosen.
 * @param {import("./store.js").Store} store
 * @param {number} x1
 * @param {number} x2
 */
export function paintPoint(store, x1, x2) {
  const k = store.selection.paint;
  if (k === null || !store.run) return null;
  if (k === ERASER) return erasePoint(store, x1, x2);
  return change(store, (points) => [...points, [rounded(x1), rounded(x2), k]]);
}

/**
 * Take away the painted point that is nearest.
 * @param {import("./store.js").Store} store
 * @param {number} x1
 * @param {number} x2
 */
export function erasePoint(store, x1, x2) {
  const away = ([a, b]) => (a - x1) ** 2 + (b - x2) ** 2;
  return change(store, (points) => {
    const nearest = points.reduce((best, point, i) => (away(point) < away(points[best]) ? i : best), 0);
    return points.filter((_, i) => i !== nearest);
  });
}

/** @param {import("./store.js").Store} store */
export const undoPoint = (store) => change(store, (points) => points.slice(0, -1));

/**
 * A spec of a few points to begin with, one of each class.
 * @param {number} classes
 */
export function emptySheet(classes) {
  return { kind: "points", points: CORNERS.slice(0, classes).map(([x1, x2], k) => [x1, x2, k]), classes, validation: 0 };
}

let waiting = null; // the spec that the lab is asked for, while it has not yet come

function change(store, make) {
  const spec = waiting ?? store.run.data.spec;
  if (spec.kind !== "points") return null;
  const points = make(spec.points);
  if (!points.length) {
    store.say("the last point stays: the network needs one to learn from");
    return null;
  }
  const mine = (waiting = { ...spec, points });
  return store.tell("design", { change: { data: mine } }).finally(() => {
    if (waiting === mine) waiting = null;
  });
}
