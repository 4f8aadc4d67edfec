/** Where data comes from that the person has: a table, and how it is understood; a folder of pictures. */

import { count, element } from "./draw.js";
import { filesOf, upload } from "./upload.js";

const IDX = /[-.]idx[13]-ubyte(\.gz)?$/; // images, and the labels of them, which come along
const WORDS = [["number", "number"], ["category", "category"], ["date", "date"], ["text", "text"], ["drop", "left out"]];
const TASKS = [["", "as it looks"], ["classes", "classes"], ["regression", "regression: numbers"]];
const ENCODINGS = [["plain", "few inputs, each with a meaning"], ["recipe", "those of chainrule train: bins and statistics, too"]];
const HEADERS = [["", "as it looks"], ["true", "names of the columns"], ["false", "a row like the others"]];
const ORDERS = [["", "as it looks"], ["true", "day first"], ["false", "month first"]];
const SIZES = [8, 16, 28, 32, 64];

/** A place to drop files on, or to choose them with. */
function dropZone(text, properties, take) {
  const field = element("input", { type: "file", ...properties, change: async () => { if (field.files.length) await take(await filesOf(field.files)); field.value = ""; } });
  const said = element("span.progress", { role: "status" });
  const zone = element("label.drop", {}, text, field, said);
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", () => zone.classList.remove("over")); // the dialog takes what is dropped
  return { zone, said };
}

/** Bring files, and say how far it is. */
async function bring(store, files, said, failed) {
  try {
    const id = await upload(store, files, (done) => { said.textContent = done < 1 ? `${Math.round(100 * done)} %` : ""; });
    said.textContent = "";
    return id;
  } catch (error) {
    said.textContent = "";
    failed(error.message);
    return null;
  }
}

const select = (label, options, value, act) => {
  const made = element("select", { "aria-label": label, change: () => act(made.value) }, ...options.map(([key, text]) => element("option", { value: key, selected: key === value }, text)));
  return made;
};

/**
 * A table of the person.
 * @param {import("./store.js").Store} store
 * @param {() => void} changed
 * @param {(message: string) => void} failed
 * @returns {import("./sources.js").Source & { take: (files: [string, File][]) => Promise<void> }}
 */
export function table(store, changed, failed) {
  let [given, words, rows, shown] = [null, {}, new Map(), ""];
  const { zone, said } = dropZone("Drop a table here, or choose a file: CSV, Excel, Parquet, JSON, Feather, NPZ, HDF5 …; of IDX, images and labels together ", { multiple: true }, take);
  const target = select("the column to learn", [], "", (value) => say({ target: value, task: undefined }));
  const task = select("the task", TASKS, "", (value) => say({ task: value || undefined }));
  const encoding = select("inputs", ENCODINGS, "plain", (value) => say({ encoding: value }));
  const most = element("input", { type: "number", min: 2, step: 1, placeholder: "all", "aria-label": "rows at most", change: () => say({ m: most.value ? Number(most.value) : undefined }) });
  const truth = (value) => (value === "" ? undefined : value === "true");
  const header = select("the first row", HEADERS, "", (value) => say({ header: truth(value), target: undefined }));
  const order = select("dates", ORDERS, "", (value) => say({ day_first: truth(value) }));
  const sheet = element("input", { type: "text", placeholder: "the first", "aria-label": "sheet of a workbook", change: () => say({ sheet: sheet.value || undefined, target: undefined }) });
  const reading = element("details", {}, element("summary", {}, "how it is read"),
    element("div.settings", {}, element("label.field", {}, "the first row is ", header), element("label.field", {}, "dates ", order), element("label.field", {}, "sheet ", sheet)));
  const lines = element("tbody");
  const ways = element("label.field", {}, "inputs ", encoding);
  const columns = element("div.scroll", { tabindex: 0, role: "region", "aria-label": "columns" },
    element("table", {}, element("thead", {}, element("tr", {}, ...["column", "taken as", "what it holds", "for example"].map((head) => element("th", { scope: "col" }, head)))), lines));
  const plan = element("div.plan", { hidden: true },
    element("div.settings", {},
      element("label.field", {}, "to learn ", target), element("label.field", {}, "as ", task),
      ways, element("label.field", {}, "rows at most ", most)), columns, reading);
  const body = element("div", {}, zone, plan);

  async function take(files) {
    const pair = files.filter(([name]) => IDX.test(name)).sort(([a], [b]) => Number(a.includes("idx1")) - Number(b.includes("idx1")));
    const id = await bring(store, pair.length ? pair.slice(0, 2) : files.slice(0, 1), said, failed);
    if (id !== null) begin({ kind: "file", upload: id });
  }

  function begin(spec) {
    [given, words, shown] = [spec, {}, ""];
    changed();
  }

  function say(change) {
    given = { ...given, ...change };
    if (change.target) delete words[change.target];
    if ("header" in change || "sheet" in change) words = {}; // of other columns
    changed();
  }

  function row({ name }) {
    const taken = select(`${name}: taken as`, [["", ""], ...WORDS], "", (word) => {
      if (word) words[name] = word;
      else delete words[name];
      changed();
    });
    const [note, samples] = [element("td"), element("td.samples")];
    lines.append(element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, taken), note, samples));
    return { taken, note, samples };
  }

  function understood(found) {
    plan.hidden = false;
    given.target ??= found.target;
    const names = [...found.columns.map(({ name }) => name), found.target].filter((name) => name !== null);
    const others = names.filter((name) => !found.targets.includes(name));
    target.replaceChildren(
      ...(found.target === null ? [element("option", { value: "" }, "choose")] : []),
      ...[["likely", found.targets], ["others", others]].filter(([, some]) => some.length).map(([label, some]) =>
        element("optgroup", { label }, ...some.map((name) => element("option", { value: name, selected: name === found.target }, name)))));
    target.disabled = columns.hidden = !found.columns.length;
    ways.hidden = found.image !== null;
    task.options[0].textContent = found.wrong ? "as it looks" : `as it looks: ${found.task === "regression" ? "numbers" : `${found.classes.length} classes`}`;
    task.value = given.task ?? "";
    encoding.value = given.encoding ?? "plain";
    most.value = given.m ?? "";
    header.value = String(given.header ?? "");
    order.value = String(given.day_first ?? "");
    sheet.value = given.sheet ?? "";
    const key = names.toSorted().join("\n") + found.target;
    if (key !== shown) {
      lines.replaceChildren();
      rows = new Map(found.columns.map((column) => [column.name, row(column)]));
      shown = key;
    }
    for (const { name, role, note, missing, samples } of found.columns) {
      const { taken, note: cell, samples: last } = rows.get(name);
      if (!words[name]) taken.options[0].textContent = role ? `auto: ${role}` : "auto";
      taken.value = words[name] ?? "";
      taken.closest("tr").classList.toggle("out", role === "left out");
      cell.textContent = note + (missing ? `; missing in ${count(missing)} rows` : "");
      last.textContent = samples.join(" · ");
    }
  }

  return {
    name: "table", label: "Your table", kinds: ["file"], body, take, understood,
    open(spec) {
      if (spec.kind !== "file") return;
      const { number, category, date, text, drop, ...rest } = spec;
      [given, words, shown] = [rest, {}, ""];
      for (const [word, names] of Object.entries({ number, category, date, text, drop })) for (const name of names ?? []) words[name] = word;
    },
    spec() {
      if (!given) return null;
      const named = WORDS.map(([word]) => [word, Object.keys(words).filter((name) => words[name] === word)]);
      return { ...given, ...Object.fromEntries(named.filter(([, names]) => names.length)) };
    },
  };
}

/**
 * A folder of pictures, with a folder for each class.
 * @param {import("./store.js").Store} store
 * @param {() => void} changed
 * @param {(message: string) => void} failed
 * @returns {import("./sources.js").Source & { take: (files: [string, File][]) => Promise<void> }}
 */
export function pictures(store, changed, failed) {
  let given = null;
  const { zone, said } = dropZone("Drop a folder here, or choose one. In it, a folder for each class: pets/cat/1.png, pets/dog/1.png … ", { webkitdirectory: true }, take);
  const size = select("size", SIZES.map((side) => [String(side), `${side} × ${side} pixels`]), "32", (side) => say({ size: [Number(side), Number(side)] }));
  const gray = element("input", { type: "checkbox", checked: true, change: () => say({ gray: gray.checked }) });
  const settings = element("div.settings", { hidden: true }, element("label.field", {}, "brought to ", size), element("label.field", {}, gray, " without color"));
  const body = element("div", {}, zone, settings);

  async function take(files) {
    const id = await bring(store, files, said, failed);
    if (id === null) return;
    given = { kind: "images", upload: id, size: [Number(size.value), Number(size.value)], gray: gray.checked };
    changed();
  }

  function say(change) {
    given = { ...given, ...change };
    changed();
  }

  return {
    name: "pictures", label: "Pictures", kinds: ["images"], body, take,
    open(spec) {
      if (spec.kind !== "images") return;
      given = { ...spec };
      size.value = String(given.size?.[0] ?? 32);
      gray.checked = given.gray !== false;
    },
    spec: () => given,
    understood: () => { settings.hidden = false; },
  };
}
