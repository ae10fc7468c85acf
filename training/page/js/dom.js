// Elements from plain data. Text reaches the page through text nodes only: what a model wrote is never markup.
// Not here: any state.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: `on...` attributes are listeners, `null`/`false` ones are left out, children may be nested lists. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child.nodeType ? child : document.createTextNode(String(child)));
  }
}

/** Put new children in place of the old ones. */
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

// C0 and C1 controls but tab and newline; zero-width, bidirectional and separator characters.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Text in which nothing hides: characters that show as nothing, or that reorder others, are spelled out. */
export function visible(text) {
  return String(text ?? "").replace(HIDDEN, (character) => {
    const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `⟦U+${code}⟧`;
  });
}

/** One line of visible text, with line ends and tabs spelled out too. */
export function inline(text) {
  return visible(text).replace(/\n/g, "⏎").replace(/\t/g, "⇥");
}

/** A number as people read it: sign where asked, a real minus, no more digits than say something. */
export function number(value, { sign = false, digits = 3 } = {}) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 0.001 || size >= 1e6) ? size.toExponential(1) : trimmed(size.toFixed(size >= 100 ? 1 : digits));
  return (value < 0 && Number(text) !== 0 ? "−" : sign && value > 0 ? "+" : "") + text;
}

function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A share as a percentage. */
export function percent(value) {
  return value === null || value === undefined ? "–" : `${number(100 * value, { digits: 1 })}%`;
}
