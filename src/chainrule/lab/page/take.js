/**
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountTake(place, store) {}
