/**
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountWalk(place, store) {}
