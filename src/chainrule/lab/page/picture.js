/** A panel of the page as a picture: every canvas, line, frame and word where it stands, as SVG that other programs open. */

const MARGIN = 8;
const SVG = "http://www.w3.org/2000/svg";
const SHAPED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "opacity", "font-family", "font-size", "font-weight", "font-style", "text-anchor", "dominant-baseline"];
const LEFT_OUT = "button:not(table button), input[type=range], input[type=file], dialog, .hidden, details:not([open])";
const DASHES = { dashed: "4 3", dotted: "1 3" };
const FIELDS = "input, select, textarea";

/**
 * @param {HTMLElement} panel
 * @param {string} title
 * @returns {string} an SVG file
 */
export function asSVG(panel, title) {
  const frame = around(panel);
  const whole = make("svg", { xmlns: SVG, width: frame.width, height: frame.height, viewBox: `0 0 ${frame.width} ${frame.height}` });
  whole.append(make("title", {}, title));
  const card = getComputedStyle(panel.closest(".panel")).backgroundColor;
  whole.append(make("rect", { width: frame.width, height: frame.height, fill: card }));
  draw(panel, whole, frame);
  return new XMLSerializer().serializeToString(whole);
}

/**
 * @param {HTMLElement} panel
 * @param {string} title
 * @param {number} [scale] pixels of the picture for each of the page
 * @returns {Promise<Blob>} a PNG file
 */
export async function asPNG(panel, title, scale = 2) {
  const { width, height } = around(panel);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(asSVG(panel, title))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.ceil(width * scale), Math.ceil(height * scale)];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large"))), "image/png"));
}

/** Where a panel is on the page, with a margin. */
function around(panel) {
  const { x, y, width, height } = panel.getBoundingClientRect();
  return { x: x - MARGIN, y: y - MARGIN, width: width + 2 * MARGIN, height: height + 2 * MARGIN };
}

function make(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children);
  return made;
}

/** Draw what is in a node, from its corner of the frame on. */
function draw(node, into, frame) {
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) words(child, into, frame);
    if (child.nodeType !== Node.ELEMENT_NODE || child.matches(LEFT_OUT)) continue;
    const box = child.getBoundingClientRect();
    if (!box.width || !box.height || !child.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const style = getComputedStyle(child);
    const place = { x: box.x - frame.x, y: box.y - frame.y, width: box.width, height: box.height };
    if (child instanceof HTMLCanvasElement) into.append(make("image", { ...place, href: child.toDataURL() }));
    else if (child instanceof SVGSVGElement) into.append(inlined(child, place));
    else {
      ground(style, place, into);
      if (child.localName === "mfrac") bar(child, style, into, frame);
      if (child.localName === "msqrt") root(child, style, place, into, frame);
      if (child.matches(FIELDS)) field(child, style, place, into);
      else draw(child, into, frame);
    }
  }
}

/** @type {[string, number, number, number, number][]} */
const SIDES = [["Top", 0, 0, 1, 0], ["Bottom", 0, 1, 1, 1], ["Left", 0, 0, 0, 1], ["Right", 1, 0, 1, 1]];

/** The ground and the border of an element, where it has them. */
function ground(style, place, into) {
  const color = style.backgroundColor;
  const filled = color !== "transparent" && !/, 0\)$|\/ 0\)$/.test(color);
  if (filled) into.append(make("rect", { ...place, fill: color, rx: parseFloat(style.borderTopLeftRadius) || 0 }));
  for (const [side, x1, y1, x2, y2] of SIDES) {
    if (!parseFloat(style[`border${side}Width`]) || style[`border${side}Style`] === "none") continue;
    into.append(make("line", {
      x1: place.x + x1 * place.width, y1: place.y + y1 * place.height, x2: place.x + x2 * place.width, y2: place.y + y2 * place.height,
      stroke: style[`border${side}Color`], "stroke-width": parseFloat(style[`border${side}Width`]), "stroke-dasharray": DASHES[style[`border${side}Style`]] ?? "none",
    }));
  }
}

/** The bar of a fraction, which is no element of its own. */
function bar(fraction, style, into, frame) {
  const [above, below] = [...fraction.children].map((child) => child.getBoundingClientRect());
  const box = fraction.getBoundingClientRect();
  const y = (above.bottom + below.top) / 2 - frame.y;
  into.append(make("line", { x1: box.left - frame.x, x2: box.right - frame.x, y1: y, y2: y, stroke: style.color, "stroke-width": 1 }));
}

/** The sign of a root, over what is in it. */
function root(root, style, { x, y, width, height }, into, frame) {
  const begin = root.firstElementChild.getBoundingClientRect().x - frame.x;
  const points = [[x, y + 0.6 * height], [x + 0.5 * (begin - x), y + height], [begin - 1, y + 1], [x + width, y + 1]];
  into.append(make("polyline", { points: points.join(" "), fill: "none", stroke: style.color, "stroke-width": 1 }));
}

/** What a field holds: its value, the chosen words, or whether it is ticked. */
function field(input, style, place, into) {
  const ticked = input.checked ? "☑" : "☐";
  const text = input.type === "checkbox" || input.type === "radio" ? ticked : input.selectedOptions?.[0]?.textContent ?? input.value;
  into.append(make("svg", place, word(text, style, parseFloat(style.paddingLeft), place.height / 2))); // as wide as it is
}

const word = (text, style, x, y, more = {}) => make("text", {
  x, y, "dominant-baseline": "central", fill: style.color, "font-family": style.fontFamily, "font-size": style.fontSize,
  "font-weight": style.fontWeight, "font-style": style.fontStyle, ...more,
}, text);

/** The words of a text, each where the page has it. */
function words(text, into, frame) {
  const style = getComputedStyle(text.parentElement);
  const slanted = text.parentElement.localName === "mi" && [...text.data.trim()].length === 1; // by the page itself
  const range = document.createRange();
  for (const { 0: found, index } of text.data.matchAll(/\S+/g)) {
    range.setStart(text, index);
    range.setEnd(text, index + found.length);
    const box = range.getBoundingClientRect();
    if (!box.width) continue;
    const fitted = { textLength: box.width, lengthAdjust: "spacingAndGlyphs", ...(slanted && { "font-style": "italic" }) };
    into.append(word(found, style, box.x - frame.x, box.y - frame.y + box.height / 2, fitted));
  }
}

/** A drawing of the page at its place, with what the style sheet says of it. */
function inlined(drawing, place) {
  const copy = /** @type {SVGSVGElement} */ (drawing.cloneNode(true));
  for (const [name, value] of Object.entries(place)) copy.setAttribute(name, String(value));
  if (!copy.hasAttribute("viewBox")) copy.setAttribute("viewBox", `0 0 ${place.width} ${place.height}`);
  const before = [drawing, ...drawing.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((made, i) => {
    const style = getComputedStyle(before[i]);
    for (const name of SHAPED) {
      const value = style.getPropertyValue(name);
      if (value) made.setAttribute(name, value);
    }
    if (style.display === "none" || style.visibility === "hidden") made.setAttribute("visibility", "hidden");
    made.removeAttribute("style");
    made.removeAttribute("class");
  });
  return copy;
}
