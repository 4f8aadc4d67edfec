/** Where the units and the lines of a diagram are; no drawing in it. */

export const MOST = 16; // units of a layer that are drawn; of a larger one the first FIRST
const FIRST = 12;
const HEAD = 22; // above the units: the array of a layer
const FOOT = 34; // below them: the cost
const NARROWEST = 60; // from one layer to the next

/**
 * @typedef {{ l: number, i: number, x: number, y: number, side: number }} Place  center and side of a unit
 * @typedef {object} Column
 * @property {number} l
 * @property {number} n          units of the layer
 * @property {Place[]} units     those that are drawn
 * @property {number} x
 * @property {Place | null} more  where it is told how many there are beyond
 * @property {Place | null} picture  of an example, in place of its pixels
 */

/**
 * Columns of units in a room; `width` of the answer is larger where a deep network does not fit.
 * @param {number[]} sizes
 * @param {number} room    CSS pixels from left to right
 * @param {boolean} image  whether the inputs are pixels
 * @param {number[]} margins  for the names of inputs and outputs
 * @returns {{ width: number, height: number, columns: Column[], head: number }}
 */
export function arrange(sizes, room, image, [left, right]) {
  const L = sizes.length - 1;
  const apart = Math.max(NARROWEST, (room - left - right) / L);
  const rows = sizes.map((n, l) => (image && l === 0 ? 3 : n <= MOST ? n : FIRST + 2.4));
  const most = Math.max(...rows);
  const inner = Math.max(230, Math.min(440, most * 56), most * 27.5);
  const columns = sizes.map((n, l) => {
    const pitch = Math.min(inner / rows[l], 66);
    const side = Math.round(Math.min(46, pitch * 0.8, apart * 0.52));
    const x = left + l * apart;
    const shown = image && l === 0 ? 0 : n <= MOST ? n : FIRST;
    const top = HEAD + (inner - rows[l] * pitch) / 2 + pitch / 2;
    const units = [...Array(shown).keys()].map((i) => ({ l, i, x, y: top + i * pitch, side }));
    const middle = { l, i: -1, x, y: HEAD + inner / 2, side: Math.round(Math.min(84, apart * 0.8)) };
    const more = n > shown && shown ? { l, i: -1, x, y: top + (FIRST + 0.7) * pitch, side: Math.min(62, 2 * pitch, apart * 0.8) } : null;
    return { l, n, units, x, more, picture: shown ? null : middle };
  });
  return { width: Math.max(room, left + right + L * apart), height: HEAD + inner + FOOT, columns, head: HEAD };
}

/**
 * The unit at a point, or null.
 * @param {Column[]} columns
 * @param {number} x
 * @param {number} y
 * @returns {Place | null}
 */
export function unitAt(columns, x, y) {
  for (const { units } of columns)
    for (const unit of units) if (Math.max(Math.abs(x - unit.x), Math.abs(y - unit.y)) <= unit.side / 2 + 2) return unit;
  return null;
}

/** From 0 to 1 with level ends: the course of a line between two units. */
const course = (t) => t * t * (3 - 2 * t);

/**
 * The line nearest to a point, at most 5 pixels away.
 * @param {Column[]} columns
 * @param {number} x
 * @param {number} y
 * @returns {{ l: number, i: number, j: number } | null} the weight W[l][i, j]
 */
export function lineAt(columns, x, y) {
  for (let l = 1; l < columns.length; l++) {
    const [from, to] = [columns[l - 1].units, columns[l].units];
    if (!from.length || !to.length) continue;
    const [start, end] = [from[0].x + from[0].side / 2, to[0].x - to[0].side / 2];
    if (x < start || x > end) continue;
    const share = course((x - start) / (end - start));
    let best = null;
    let nearest = 5;
    for (const { i, y: y1 } of to)
      for (const { i: j, y: y0 } of from) {
        const away = Math.abs(y0 + (y1 - y0) * share - y);
        if (away < nearest) [nearest, best] = [away, { l, i, j }];
      }
    return best;
  }
  return null;
}

/**
 * Add the line between two units to a path.
 * @param {CanvasRenderingContext2D | Path2D} path
 * @param {Place} from
 * @param {Place} to
 */
export function line(path, from, to) {
  const [x0, x1] = [from.x + from.side / 2, to.x - to.side / 2];
  const third = (x1 - x0) / 3; // with these the curve is that of `course`
  path.moveTo(x0, from.y);
  path.bezierCurveTo(x0 + third, from.y, x1 - third, to.y, x1, to.y);
}

/**
 * The unit that an arrow key leads to.
 * @param {Column[]} columns
 * @param {number[]} unit
 * @param {string} key
 * @returns {number[] | null}
 */
export function neighbor(columns, [l, i], key) {
  const here = columns[l].units[i];
  const last = columns[l].units.length - 1;
  const rows = { ArrowUp: i - 1, ArrowDown: i + 1, Home: 0, End: last };
  if (key in rows) return [l, Math.max(0, Math.min(last, rows[key]))];
  const to = columns[l + (key === "ArrowRight" ? 1 : -1)];
  if (!to || to.l < 1 || !to.units.length) return null;
  const nearest = to.units.reduce((best, each) => (Math.abs(each.y - here.y) < Math.abs(best.y - here.y) ? each : best));
  return [to.l, nearest.i];
}
