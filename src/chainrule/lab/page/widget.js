/**
 * The lab in a notebook: the same page, in a cell, over the messages of a widget (anywidget).
 *
 * It stands in a shadow root, so that neither its styles nor its ids nor those of the notebook meddle with the other.
 *
 * @typedef {{ get: (name: string) => any, on: (event: string, act: (...what: any[]) => void) => void, off: (event: string, act?: any) => void, send: (content: any, callbacks: undefined, buffers: ArrayBuffer[]) => void }} Model
 */

/**
 * Modules as addresses that a browser can import; each is made after those that it imports.
 * @param {Record<string, string>} texts by the names of their files
 * @returns {(name: string) => string}
 */
function addresses(texts) {
  const made = {};
  const address = (name) => {
    made[name] ??= URL.createObjectURL(new Blob(
      [texts[name].replace(/\b(from|import) "\.\/([\w-]+\.js)"/g, (_, word, other) => `${word} "${address(other)}"`)],
      { type: "text/javascript" }));
    return made[name];
  };
  return address;
}

/**
 * A way to the lab, over the messages of a widget's model; every view has its own, by a name.
 * @param {Model} model
 * @returns {import("./link.js").Link & { close: () => void }}
 */
function overModel(model) {
  const view = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
  let heard, ended, gone = false;
  return {
    lost: "The kernel of this notebook does not answer. Run the cell again.",
    send: (frame) => { if (!gone) model.send({ view }, undefined, [/** @type {ArrayBuffer} */ (frame.buffer)]); },
    listen(hear, tell) {
      heard = (content, [bytes]) => {
        if (content.view === view) hear(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
      };
      ended = () => tell(false);
      model.on("msg:custom", heard);
      model.on("comm:close", ended);
      tell(true);
    },
    close() {
      model.off("msg:custom", heard);
      model.off("comm:close", ended);
      gone = true;
      model.send({ view, gone }, undefined, []);
    },
  };
}

/** Whether the notebook is dark; null where it does not say. */
function darkNotebook() {
  const { dataset, classList } = document.body;
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "false"; // JupyterLab, Jupyter Notebook
  if (dataset.vscodeThemeKind) return /dark|black/.test(dataset.vscodeThemeKind);
  return classList.contains("dark") || null;
}

/**
 * What is typed in the lab is no command of JupyterLab's, but for saving the notebook.
 * @param {KeyboardEvent} event before the notebook hears it
 * @param {HTMLElement} host
 */
function mine(event, host) {
  const saves = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s";
  if (event.composedPath().includes(host)) host.toggleAttribute("data-lm-suppress-shortcuts", !saves);
}

/**
 * @param {{ model: Model, el: HTMLElement }} given
 * @returns {Promise<() => void>} what ends it
 */
async function render({ model, el }) {
  const { mount } = await import(addresses(model.get("_modules"))("main.js"));
  const style = new CSSStyleSheet();
  style.replaceSync(model.get("_style"));
  const host = el.appendChild(document.createElement("div"));
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [style];
  const place = root.appendChild(document.createElement("div"));
  Object.assign(place, { tabIndex: -1, role: "region", ariaLabel: "chainrule lab" });

  const follow = () => {
    const dark = darkNotebook();
    if (dark !== null) place.dataset.theme = dark ? "dark" : "light";
  };
  follow();
  const watching = new MutationObserver(() => { follow(); store.refresh(); });
  watching.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "data-vscode-theme-kind"] });
  const link = overModel(model);
  const store = mount(place, link);
  const keys = (event) => mine(event, host);
  addEventListener("keydown", keys, true);
  host.addEventListener("keydown", (event) => { if (event.defaultPrevented) event.stopPropagation(); });
  return () => {
    removeEventListener("keydown", keys, true);
    watching.disconnect();
    link.close();
    host.remove();
  };
}

export default { render };
