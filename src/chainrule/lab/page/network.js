/**
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountNetwork(place, store) {}
