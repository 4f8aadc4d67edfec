/**
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountData(place, store) {}
