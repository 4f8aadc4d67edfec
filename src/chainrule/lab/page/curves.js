/**
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountCurves(place, store) {}
