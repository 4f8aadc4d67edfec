/**
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountInspector(place, store) {}
