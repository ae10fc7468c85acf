// Elements from plain data. Text reaches the page through text nodes only: what a model wrote is never markup.
// Not here: any state.

import { INVISIBLE } from "./invisible.js";

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

/** A function that shows `[key, item]` pairs as children of `element`. A child stays while its item is the `same`, with its focus and what is open in it. */
export function keyedChildren(element, draw, same) {
  let known = new Map();
  return (items) => {
    const [held] = [...known.values()].filter((child) => child.element.contains(document.activeElement));
    const focused = held && [...held.element.querySelectorAll("button")].indexOf(document.activeElement);
    const fresh = new Map(items.map(([key, item]) => [key, known.has(key) && same(known.get(key).item, item) ? known.get(key) : { key, item, element: draw(item) }]));
    for (const [key, child] of known) if (fresh.get(key) !== child) child.element.remove();
    [...fresh.values()].forEach(({ element: child }, place) => element.children[place] !== child && element.insertBefore(child, element.children[place] ?? null));
    known = fresh;
    if (held && !element.contains(document.activeElement)) fresh.get(held.key)?.element.querySelectorAll("button")[focused]?.focus({ preventScroll: true }); // it was drawn anew, or moved
  };
}

const HIDDEN = new RegExp(`[${INVISIBLE.map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`).join("")}]`, "gu");

/** Text in which nothing hides: characters that show as nothing or as blank, or that reorder others, are spelled out. */
export function visible(text) {
  return String(text ?? "").replace(HIDDEN, (character) => `⟦U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟧`);
}

/** One line of visible text, with line ends and tabs spelled out too. */
export function inline(text) {
  return visible(text).replace(/\n/g, "⏎").replace(/\t/g, "⇥");
}

const TAIL = 12; // characters of a name that stay whole at its end

/** A name that is cut in the middle where there is no room: names of problems and runs differ at their ends. */
export function middleCut(text) {
  const whole = inline(text);
  const letters = [...whole];
  if (letters.length <= TAIL) return h("span", { class: "cut", title: whole }, h("span", { class: "tail" }, whole));
  return h("span", { class: "cut", title: whole }, h("span", { class: "head" }, letters.slice(0, -TAIL).join("")), h("span", { class: "tail" }, letters.slice(-TAIL).join("")));
}

/** Put text on the clipboard; `said` is told whether that worked. */
export async function copyText(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    replace(said, "copied");
  } catch {
    replace(said, "this page may not write to the clipboard: save it instead");
  }
}

/** Offer text as a file. */
export function saveText(text, name, type) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

/** A number as people read it: sign where asked, a real minus, no more digits than say something; `fixed`: as many as below it in a column. */
export function number(value, { sign = false, digits = 3, fixed = false } = {}) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 0.001 || size >= 1e6) ? size.toExponential(1) : trimmed(size.toFixed(size >= 100 ? 1 : digits), fixed);
  return (value < 0 && Number(text) !== 0 ? "−" : sign && value > 0 ? "+" : "") + text;
}

function trimmed(text, fixed) {
  return !fixed && text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A share as a percentage. */
export function percent(value) {
  return value === null || value === undefined ? "–" : `${number(100 * value, { digits: 1 })}%`;
}
