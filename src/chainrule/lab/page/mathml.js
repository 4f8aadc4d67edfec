/**
 * Equations as the notes write them, such as "dW[2] = (1/m) dZ[2] A[1]ᵀ", as MathML.
 *
 * @typedef {{ kind: string, text?: string, letter?: string, layer?: string, above?: string, below?: string,
 *   items?: Node_[], open?: string, close?: string, tight?: boolean }} Node_
 */

const SPACE = "http://www.w3.org/1998/Math/MathML";
const ABOVE = { "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁻": "−", "ᶻ": "z", "ᵗ": "t" };
const BELOW = { "₀": "0", "₁": "1", "₂": "2", "₃": "3" };
const CLOSING = { "(": ")", "[": "]", "{": "}", "|": "|", "‖": "‖" };

const TOKENS = new RegExp([
  String.raw`(?<space>\s+)`,
  String.raw`(?<letter>d?[WbZAza]|dw|[DgYwx])(?:_(?<unit>[\w,]+))?\[(?<layer>[^\]]+)\](?<prime>′)?(?<turned>ᵀ)?`,
  String.raw`(?<name>[vsŝ]\u0302?)_(?<of>d[Wb])\[(?<at>[^\]]+)\]`,
  String.raw`(?<number>\d+(?:\.\d+)?(?:e−?\d+)?)`,
  String.raw`(?<word>(?:if|else|over|the|units|normal|distribution)(?![a-z])(?: (?:the|units|normal|distribution)(?![a-z]))*)`,
  String.raw`(?<call>[a-zA-Z]{2,})`,
  String.raw`(?<sign>[\p{L}]\u0302?′?)`,
  String.raw`(?<other>:=|.)`,
].join("|"), "gu");

/**
 * An element of MathML.
 * @param {string} name
 * @param {...(Node | string)} children
 * @returns {Element}
 */
export function math(name, ...children) {
  const made = document.createElementNS(SPACE, name);
  made.append(...children);
  return made;
}

/** The signs of an equation, one after the other. @returns {Node_[]} */
function tokens(text) {
  const found = [];
  let tight = false;
  for (const { groups: g, 0: all } of text.normalize("NFC").matchAll(TOKENS)) {
    if (g.space) { tight = false; continue; }
    if (g.letter) found.push({ kind: "array", letter: g.letter, layer: g.layer, below: g.unit, above: (g.prime ?? "") + (g.turned ? "⊤" : ""), tight });
    else if (g.name) found.push({ kind: "name", text: g.name, below: `${g.of}[${g.at}]`, tight });
    else if (g.number) found.push({ kind: "number", text: g.number, tight });
    else if (g.word) found.push({ kind: "text", text: g.word, tight });
    else if (g.call) found.push({ kind: /^d[azw]$/.test(g.call) ? "name" : "call", text: g.call, tight });
    else if (all in ABOVE || all in BELOW) {
      const last = found.at(-1);
      if (all in ABOVE) last.above = (last.above ?? "") + ABOVE[all];
      else last.below = (last.below ?? "") + BELOW[all];
    } else if (g.sign) found.push({ kind: g.sign === "Σ" ? "operator" : "name", text: g.sign.replace("′", ""), above: g.sign.endsWith("′") ? "′" : undefined, tight });
    else found.push({ kind: all === "½" ? "half" : "operator", text: all, tight });
    tight = true;
  }
  return found;
}

/** Groups, roots and powers of what lies between two brackets. */
function row(signs, end) {
  const items = [];
  while (signs.length) {
    const next = signs.shift();
    if (next.kind === "operator" && next.text === end) return { items, above: next.above };
    items.push(atom(next, signs));
  }
  return { items };
}

function atom(sign, signs) {
  if (sign.kind !== "operator") return sign;
  if (sign.text === "^" && signs[0]?.text === "{") {
    signs.shift();
    return { kind: "power", items: row(signs, "}").items, tight: true };
  }
  if (sign.text === "√") return { kind: "root", items: [bare(atom(signs.shift(), signs))], tight: sign.tight };
  if (!(sign.text in CLOSING)) return sign;
  const { items, above } = row(signs, CLOSING[sign.text]);
  return { kind: "group", open: sign.text, close: CLOSING[sign.text], items: fractions(items), above, tight: sign.tight };
}

/** A group without its brackets, where lines take their place. */
const bare = (node) => (node.kind === "group" && node.open === "(" && !node.above ? { kind: "row", items: node.items } : node);

/** What stands before and behind a stroke, as a fraction: all that is written close to it, or the next atom. */
function fractions(items) {
  const made = [];
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (item.kind === "power" && made.length) { made.push({ kind: "raised", items: [made.pop(), item] }); continue; }
    if (item.kind !== "operator" || item.text !== "/") { made.push(item); continue; }
    const top = [made.pop()], bottom = [items[++i]];
    if (bottom[0].text === "Σ") bottom.push(items[++i]);
    if (item.tight) while (items[i + 1]?.tight && items[i + 1].kind !== "operator") bottom.push(items[++i]);
    const wrap = (nodes) => ({ kind: "row", items: fractions(nodes.length === 1 ? [bare(nodes[0])] : nodes) });
    made.push({ kind: "fraction", items: [wrap(top), wrap(bottom)], tight: top[0].tight });
  }
  return made.map((item, i) => {
    const alone = item.kind === "group" && item.open === "(" && item.items.length === 1 && item.items[0].kind === "fraction";
    return alone && !(i && made[i - 1].kind === "call") ? item.items[0] : item;
  });
}

const CASES = /^(?<before>(?:.* = )?(?:Σ )?)(?<value>.+?) if (?<condition>.+?) else (?<other>.+?)(?<after>(?:; |, (?=e = )).*)?$/u;

/**
 * The tree of an equation.
 * @param {string} text
 * @returns {Node_[]}
 */
export function parse(text) {
  const cases = text.match(CASES)?.groups;
  if (!cases) return fractions(row(tokens(text)).items);
  const { before, value, condition, other, after } = cases;
  return [
    ...parse(before),
    { kind: "cases", items: [value, condition, other].map((part) => ({ kind: "row", items: parse(part) })) },
    ...(after ? [{ kind: "operator", text: after[0] }, ...parse(after.slice(1))] : []),
  ];
}

/**
 * MathML of a tree.
 * @param {Node_} node
 * @param {(node: Node_) => Element | null} [leaf] what stands for an array instead, if anything
 * @returns {Element}
 */
export function draw(node, leaf = () => null) {
  const inside = () => node.items.map((item) => draw(item, leaf));
  const raised = (base) => {
    if (node.below && node.above) return math("msubsup", base, index(node.below), index(node.above));
    if (node.below) return math("msub", base, index(node.below));
    return node.above ? math("msup", base, index(node.above)) : base;
  };
  switch (node.kind) {
    case "array": return leaf(node) ?? array(node);
    case "number": return raised(math("mn", node.text));
    case "half": return math("mfrac", math("mn", "1"), math("mn", "2"));
    case "text": return math("mtext", `\u00a0${node.text}\u00a0`);
    case "call": return spaced(math("mo", node.text), "0.17em", "0.1em");
    case "name": return raised(leaf(node) ?? letters(node.text));
    case "row": return math("mrow", ...inside());
    case "power": return math("mrow", ...inside());
    case "raised": return math("msup", ...inside());
    case "root": return math("msqrt", ...inside());
    case "fraction": return math("mfrac", ...inside());
    case "group": return raised(math("mrow", math("mo", node.open), ...inside(), math("mo", node.close)));
    case "cases": {
      const [value, condition, other] = inside();
      const line = (...cells) => math("mtr", ...cells.map((cell) => math("mtd", cell)));
      return styled(math("mtable", line(value, math("mrow", math("mtext", "if\u00a0"), condition)), line(other, math("mtext", "otherwise"))), "cases");
    }
    default: return math("mo", node.text);
  }
}

/** Brackets and braces are lines of CSS: those of a font grow only where it is one for mathematics. */
function styled(element, name) {
  element.setAttribute("class", name);
  return element;
}

function spaced(operator, before, after) {
  operator.setAttribute("lspace", before);
  operator.setAttribute("rspace", after);
  return operator;
}

/** A letter, or the derivative by it: d and the letter, both slanted. */
const letters = (name) => (/^d[a-zA-Z]$/.test(name) ? math("mrow", math("mi", "d"), math("mi", name[1])) : math("mi", name));

/** A letter with its layer above it and its unit below. @param {{ letter?: string, layer?: string, below?: string, above?: string }} node */
function array({ letter, layer, below, above }) {
  const base = letters(letter), over = math("mrow", ...layerSigns(layer), ...(above ? [math("mo", above)] : []));
  return below ? math("msubsup", base, index(below), over) : math("msup", base, over);
}

/** The signs of a layer, [l] or [l−1]. */
function layerSigns(layer) {
  return [math("mo", "["), ...[...layer].map((sign) => math(/\d/.test(sign) ? "mn" : /[a-z]/i.test(sign) ? "mi" : "mo", sign)), math("mo", "]")];
}

function index(text) {
  const [, of, at] = text.match(/^(d[Wb])\[(.+)\]$/) ?? [];
  if (of) return array({ letter: of, layer: at });
  return math("mrow", ...[...text].map((sign) => math(/\d/.test(sign) ? "mn" : /[−′⊤]/.test(sign) ? "mo" : "mi", sign)));
}

/**
 * An equation on a line.
 * @param {string} text
 * @param {(node: Node_) => Element | null} [leaf]
 * @returns {Element}
 */
export function equation(text, leaf) {
  return math("math", math("mrow", ...parse(text).map((node) => draw(node, leaf))));
}

/**
 * A formula with numbers in place of its letters.
 * @param {string} formula such as "−Σ [y log a + (1 − y) log(1 − a)]"
 * @param {Record<string, string>} values the letters, of one sign each, and what stands for them, with "−" if below 0
 * @returns {string}
 */
export function filled(formula, values) {
  let result = "", end = -1; // end: where the last number ended in the formula
  const letter = /⁻?ᶻ|(?<![a-zA-Z])[a-zA-Z](?![a-zA-Z])|[α-ω]/gu;
  let from = 0;
  for (const match of formula.matchAll(letter)) {
    const name = match[0].endsWith("ᶻ") ? "z" : match[0];
    if (!(name in values)) continue;
    const between = formula.slice(from, match.index);
    const value = values[name];
    const start = match.index, next = formula[start + match[0].length] ?? "";
    result += between;
    if (match[0] === "⁻ᶻ") result += `^{−${value.startsWith("−") ? `(${value})` : value}}`;
    else if (match[0] === "ᶻ") result += `^{${value}}`;
    else {
      const times = end >= 0 && formula.slice(end, start).trim() === "" ? " · " : "";
      const before = formula.slice(0, start).trimEnd().at(-1) ?? "";
      const alone = (before === "" || "([|,={".includes(before)) && !(next in ABOVE);
      result += times + (value.startsWith("−") && !(alone && !times) ? `(${value})` : value);
      end = start + match[0].length;
    }
    from = start + match[0].length;
  }
  return result + formula.slice(from);
}

/**
 * The shapes of an equation's arrays, as the equation puts them together: "(16, 2) (2, 400) + (16, 1) → (16, 400)".
 * @param {string} text
 * @param {(letter: string, layer: string) => string[] | null} shape of an array; a slope is named "slope"
 * @returns {string}
 */
export function shapes(text, shape) {
  const [left, right] = text.split(/ :?= /);
  const written = (node) => {
    const found = shape(node.letter, node.layer) ?? ["?", "?"];
    return `(${(node.above?.includes("⊤") ? [...found].reverse() : found).join(", ")})`;
  };
  const parts = [];
  const walk = (nodes) => nodes.forEach((node, i) => {
    const before = nodes[i - 1];
    if (node.kind === "array" && node.letter === "g") {
      if (node.above) parts.push(`(${(shape("slope", node.layer) ?? ["?", "?"]).join(", ")})`);
    } else if (node.kind === "array") parts.push(written(node));
    else if (node.kind === "name" && node.text === "Y") parts.push(written({ letter: "Y", layer: "L" }));
    else if (node.kind === "group" && !(before?.letter === "g" && before.above)) walk(node.items);
    else if (node.kind === "operator" && "+−∗Σ".includes(node.text) && (parts.length || node.text === "Σ")) parts.push(node.text);
  });
  walk(parse(right));
  while (parts.length && "+−∗".includes(parts.at(-1))) parts.pop();
  const result = parse(left)[0];
  return `${parts.join(" ")} → ${result.kind === "array" ? written(result) : "a number"}`;
}

/**
 * A matrix, of which at most a corner is written out, with dots for the rest.
 * @param {{ corner: import("./protocol.js").Tensor, shape: number[] }} array  its corner, and the shape of all
 * @param {(value: number) => string} write
 * @param {boolean} [turned] whether it is shown transposed
 * @returns {Element}
 */
export function matrix({ corner, shape }, write, turned = false) {
  const [rows, columns] = turned ? [...corner.shape].reverse() : corner.shape;
  const [allRows, allColumns] = turned ? [...shape].reverse() : shape;
  const r = allRows > rows ? rows - 1 : rows, c = allColumns > columns ? columns - 1 : columns;
  const line = (sign, last) => math("mtr", ...Array.from({ length: c }, sign), ...(c < allColumns ? [math("mtd", math("mo", last))] : []));
  const made = styled(math("mtable",
    ...Array.from({ length: r }, () => line(() => math("mtd", math("mn")), "⋯")),
    ...(r < allRows ? [line(() => math("mtd", math("mo", "⋮")), "⋱")] : [])), "matrix");
  const cells = [...made.querySelectorAll("mn")];
  made.fill = (data) => cells.forEach((cell, k) => {
    const [i, j] = [Math.floor(k / c), k % c];
    cell.textContent = write(turned ? data[j * corner.shape[1] + i] : data[i * corner.shape[1] + j]);
  });
  made.fill(corner.data);
  return made;
}
