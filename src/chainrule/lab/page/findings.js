/**
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountFindings(place, store) {}
