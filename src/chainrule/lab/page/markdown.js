import { element } from "./draw.js";

const INLINE = /\\(?<escaped>[^\w\s])|(?<ticks>`+)(?<code>.+?)\k<ticks>|\[(?<words>(?:[^[\]]|\[[^[\]]*\])+)\]\((?<target>[^()\s]+)\)|\*\*(?<bold>\S.*?)\*\*|(?<![\w*])\*(?<italic>[^\s*](?:[^*]*[^\s*])?)\*(?![\w*])/g;

/**
 * A line of Markdown as nodes: code, bold, italics; of a link its words.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function inline(text) {
  const made = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    made.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    const { escaped, code, words, target, bold, italic } = match.groups;
    if (escaped) made.push(escaped);
    else if (code !== undefined) made.push(element("code", {}, code));
    else if (words && /^https:\/\//.test(target)) made.push(element("a", { href: target, target: "_blank", rel: "noreferrer noopener" }, ...inline(words)));
    else if (words) made.push(...inline(words));
    else if (bold) made.push(element("strong", {}, ...inline(bold)));
    else made.push(element("em", {}, ...inline(italic)));
  }
  return [...made, text.slice(end)].filter((part) => part !== "");
}

/**
 * Paragraphs, lists and fenced blocks of Markdown as elements.
 * @param {string} text
 * @returns {HTMLElement[]}
 */
export function blocks(text) {
  const made = [];
  for (const part of text.split(/^((?:```|~~~)[^\n]*\n[\s\S]*?^(?:```|~~~)[ \t]*$)/m)) {
    if (/^(```|~~~)/.test(part)) {
      made.push(element("pre", { tabindex: 0 }, part.split("\n").slice(1, -1).join("\n")));
      continue;
    }
    for (const paragraph of part.split(/\n\s*\n/)) {
      if (!paragraph.trim()) continue;
      const items = paragraph.trim().split(/\n(?=- )/);
      if (items.every((item) => item.startsWith("- "))) made.push(element("ul", {}, ...items.map((item) => element("li", {}, ...inline(oneLine(item.slice(2)))))));
      else made.push(element("p", {}, ...inline(oneLine(paragraph))));
    }
  }
  return made;
}

const oneLine = (text) => text.split(/\s+/).join(" ").trim();
