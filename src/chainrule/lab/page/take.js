import { copy, count, element } from "./draw.js";
import { asPNG, asSVG } from "./picture.js";

const FRAGMENT = "#lab=";
const WORDS = /(?<text>"""[\s\S]*?"""|"[^"\n]*")|(?<comment>#[^\n]*)|(?<keyword>\b(?:import|as|for|in|if|break|True|False|None)\b)|(?<number>\b\d[\d_]*\.?\d*(?:e[-+]?\d+)?\b)|(?<call>\b[A-Za-z_]\w*(?=\())/g;

/**
 * What one takes along: the model, its program, the lab, pictures; and the lab that comes back from a link or a file.
 * @param {HTMLElement} place
 * @param {import("./store.js").Store} store
 */
export function mountTake(place, store) {
  const alone = store.root === document.body; // in a notebook the address is that of the notebook
  const code = element("pre.program", { tabindex: 0, "aria-label": "program" });
  const program = element("div.shown", { hidden: true }, code,
    element("div.buttons", {},
      button("Copy", () => copied(code.textContent, "the program")),
      button("Save as a file", () => save("code"))));
  const address = element("input", { readonly: true, "aria-label": "link", class: "address", hidden: true, focus: () => address.select() });
  const file = element("input", { type: "file", accept: ".json,application/json", hidden: true, "aria-label": "lab file", change: open });
  const pictures = element("ul.pictures", {});
  const standing = element("p.standing", {});
  const answer = element("p.answer", { role: "status" });
  const dialog = element("dialog.take-along", { "aria-labelledby": "take-along" },
    element("div.top", {}, element("h2", { id: "take-along" }, "Take it along"), answer,
      element("button.quiet", { type: "button", "aria-label": "close", click: () => dialog.close() }, "×")),
    standing,
    part("The trained model", "Its parameters as they are at this step. Of a table it is the whole way from the columns to the answer.",
      button("Save as .chainrule", () => save("model")), button("Save as ONNX", () => save("onnx"))),
    part("The program", "Python that trains this very network again, to the last bit.", button("Show it", show)),
    program,
    part("The lab", "All runs, with every change on their way. It comes back at the same steps, with the same bits.",
      alone && button("Copy a link", link), button("Save a lab file", () => save("lab")), button("Open a lab file", () => file.click())),
    address, file,
    part("Pictures", "A panel as it looks now: SVG stays sharp at any size, PNG goes anywhere."), pictures);
  place.append(element("button", { type: "button", "aria-haspopup": "dialog", click: begin }, "Take along"), dialog);

  function begin() {
    program.hidden = address.hidden = true;
    answer.textContent = "";
    standing.textContent = `${store.run.name}, step ${count(store.here.step)}, data: ${store.run.data.name}`;
    const panels = [.../** @type {NodeListOf<HTMLElement>} */ (store.root.querySelectorAll(".panel"))].filter((panel) => panel.offsetHeight);
    pictures.replaceChildren(...panels.map(picture));
    dialog.showModal();
  }

  function picture(panel) {
    const title = panel.querySelector("[role=tab][aria-selected=true]")?.textContent ?? panel.getAttribute("aria-label");
    const shown = panel.querySelector("[role=tabpanel]:not([hidden])") ?? panel;
    const stem = `${store.run.data.name.replace(/\.\w+$/, "")}-${title}`.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
    return element("li", {}, element("span", {}, title),
      button("SVG", () => keep(`${stem}.svg`, new Blob([asSVG(shown, title)], { type: "image/svg+xml" })), `${title} as SVG`),
      button("PNG", async () => keep(`${stem}.png`, await asPNG(shown, title)), `${title} as PNG`));
  }

  /** What the lab gives for this, as a name and bytes. */
  const taken = (what) => store.ask("take", { what, run: store.run.id });

  async function save(what) {
    const { name, bytes } = await taken(what);
    keep(name, new Blob([bytes.data]));
  }

  async function show() {
    const { bytes } = await taken("code");
    code.replaceChildren(...highlighted(new TextDecoder().decode(bytes.data)));
    program.hidden = false;
    code.focus();
  }

  async function link() {
    const { bytes } = await taken("link");
    address.value = `${location.origin}/${FRAGMENT}${new TextDecoder().decode(bytes.data)}`;
    address.hidden = false;
    await copied(address.value, "the link");
  }

  async function copied(text, what) {
    say((await copy(text)) ? `Copied ${what}.` : `The browser does not let a page copy: mark ${what} and copy it yourself.`);
  }

  async function open() {
    const [chosen] = file.files;
    file.value = "";
    if (chosen) await restore(await chosen.text());
  }

  /** Somebody else may have written it: what it reads of this machine a person agrees to. */
  async function restore(content, agreed = []) {
    try {
      const { said, reads } = await store.ask("restore", { given: content, reads: agreed });
      if (reads.length) {
        if (confirm(`This lab is of data on this computer:\n${reads.join("\n")}\nRead it?`)) await restore(content, reads);
        else say("The lab stays as it was.");
        return;
      }
      dialog.close();
      say(said ? `The lab is back: ${said}.` : "The lab is back.");
    } catch (error) {
      say(error.message, "error");
    }
  }

  /** A link that leads to this page brings its lab, once. */
  async function arrive() {
    if (!location.hash.startsWith(FRAGMENT)) return;
    const content = location.hash.slice(FRAGMENT.length);
    history.replaceState(null, "", location.pathname + location.search);
    await restore(decodeURIComponent(content));
  }

  function button(label, act, title) {
    return element("button", { type: "button", "aria-label": title, click: async () => {
      try {
        await act();
      } catch (error) {
        say(error.message, "error");
      }
    } }, label);
  }

  /**
   * Beside the dialog nothing is seen or heard while it is open.
   * @param {string} text
   * @param {"note" | "error"} [kind]
   */
  function say(text, kind = "note") {
    if (!dialog.open) return store.say(text, kind);
    answer.textContent = text;
    answer.classList.toggle("error", kind === "error");
  }

  let arrived = false;
  store.on("lab", () => {
    if (arrived || !alone) return;
    arrived = true;
    addEventListener("hashchange", arrive);
    arrive();
  });
}

function part(title, sentence, ...buttons) {
  return element("div.part", {}, element("div", {}, element("h3", {}, title), element("p", {}, sentence)), element("div.buttons", {}, ...buttons));
}

/** Let the browser keep a file. */
function keep(name, blob) {
  const address = URL.createObjectURL(blob);
  const anchor = element("a", { href: address, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/**
 * A program of Python in pieces, some of them with the class of what they are.
 * @param {string} program
 * @returns {(string | HTMLElement)[]}
 */
export function highlighted(program) {
  const pieces = [];
  let from = 0;
  for (const found of program.matchAll(WORDS)) {
    const [kind] = Object.entries(found.groups).find(([, text]) => text !== undefined);
    pieces.push(program.slice(from, found.index), element(`span.py-${kind}`, {}, found[0]));
    from = found.index + found[0].length;
  }
  return [...pieces, program.slice(from)];
}
