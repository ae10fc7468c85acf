// A program's lines as elements: heat, spans, gutter marks. Of a long program only the lines in sight are drawn.
// Not here: keys, choosing tokens, what stands around the program (code).

import { h, inline, replace, visible } from "./dom.js";
import { findings, isUniform, scaleOf, segmentLines, tokenLines, tokenValue, uniformOf } from "./record.js";

const LINE = 24; // height of a line in pixels, as in the stylesheet
const WHOLE = 400; // lines up to which a program is drawn at once
const BEYOND = 40; // lines drawn above and below what is in sight
const MOST_SEGMENTS = 800; // of one line

/** Draws programs into `box`; `show(record, component)`, then `focus(token)`. */
export function programLines(box) {
  const above = h("div", { class: "spacer" });
  const below = h("div", { class: "spacer" });
  let drawing = null;
  let drawn = [0, 0];
  let focused = null;
  const draw = (first, last) => {
    drawn = [first, last];
    const { lines } = drawing;
    above.style.height = `${first * LINE}px`;
    below.style.height = `${(lines.length - last) * LINE}px`;
    replace(box, above, lines.slice(first, last).map((segments, place) => lineElement(segments, first + place, drawing)), below);
    mark();
  };
  const inSight = () => {
    const first = Math.max(0, Math.floor(box.scrollTop / LINE) - BEYOND);
    return [first, Math.min(drawing.lines.length, first + Math.ceil((box.clientHeight || 600) / LINE) + 2 * BEYOND)];
  };
  const isLong = () => drawing && drawing.lines.length > WHOLE;
  const follow = () => {
    if (!isLong()) return;
    const [first, last] = inSight();
    if (Math.abs(first - drawn[0]) > BEYOND / 2 || Math.abs(last - drawn[1]) > BEYOND / 2) draw(first, last);
  };
  const mark = () => {
    for (const part of box.querySelectorAll(".focused")) part.classList.remove("focused");
    if (focused !== null) for (const part of box.querySelectorAll(`[data-token="${focused}"]`)) part.classList.add("focused");
  };
  box.addEventListener("scroll", follow);
  globalThis.addEventListener?.("beforeprint", () => isLong() && box.isConnected && draw(0, drawing.lines.length));
  globalThis.addEventListener?.("afterprint", () => isLong() && draw(...inSight()));
  return {
    show(record, component) {
      focused = null;
      if (!record) {
        drawing = null;
        replace(box);
        return;
      }
      const same = drawing?.record === record;
      drawing = { record, component, lines: segmentLines(record), all: findings(record), largest: scaleOf(record, component) || 1, uniform: uniformOf(record, component) };
      if (!same) box.scrollTop = 0;
      draw(...(isLong() ? inSight() : [0, drawing.lines.length]));
    },
    focus(token) {
      focused = token;
      if (!drawing) return;
      const line = tokenLines(drawing.record)[token] ?? -1;
      if (line >= 0) {
        const top = line * LINE;
        if (top < box.scrollTop) box.scrollTop = top - LINE;
        else if (top + 2 * LINE > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * LINE - box.clientHeight;
        if (isLong() && (line < drawn[0] || line >= drawn[1])) draw(...inSight());
      }
      mark();
    },
  };
}

function lineElement(segments, place, drawing) {
  const { record, component, uniform, largest } = drawing;
  const { letters, parts } = drawLine(segments, drawing);
  const shared = uniform && segments.some(({ token, text }) => token >= 0 && text && isUniform(record.tokens[token], component, uniform));
  const side = shared ? { class: `gutter shared ${uniform.value < 0 ? "negative" : "positive"}`, style: heat(uniform.value, largest) } : { class: "gutter" };
  return h("div", { class: `line${letters.includes("L") ? " blamed" : ""}` },
    h("span", { ...side, "aria-hidden": "true" }, letters.map((letter) => h("span", { class: `letter ${letter}` }, letter)), h("span", { class: "lineno" }, place + 1)),
    h("span", { class: "text" }, parts));
}

/** One line's segments as elements, and the letters of the classes that mark it. */
export function drawLine(segments, drawing) {
  const letters = [...new Set(segments.flatMap((segment) => segment.marks.map((mark) => drawing.all[mark].letter)))].sort();
  const parts = segments.slice(0, MOST_SEGMENTS).map((segment) => drawSegment(segment, drawing));
  if (segments.length > MOST_SEGMENTS) parts.push(h("span", { class: "segment chip" }, `and ${segments.length - MOST_SEGMENTS} more tokens on this line`));
  return { letters, parts };
}

function drawSegment(segment, { record, all, component, largest, uniform }) {
  const token = record.tokens?.[segment.token];
  const value = token ? (tokenValue(token, component) ?? 0) : 0;
  const own = value && !(token && isUniform(token, component, uniform));
  const letters = [...new Set(segment.marks.map((mark) => all[mark].letter))];
  const ends = segment.text.endsWith("\n");
  const names = ["segment", own ? (value > 0 ? "positive" : "negative") : "", token && !value ? "zero" : "", ...letters.map((letter) => `mark-${letter}`), segment.text ? "" : "chip", ends ? "end" : ""];
  const text = segment.text ? visible(ends ? segment.text.slice(0, -1) : segment.text) : chipText(token);
  const title = letters.length ? segment.marks.map((mark) => `${all[mark].letter} ${all[mark].code}: ${inline(all[mark].message)}`).join("\n") : null;
  return h("span", { class: names.filter(Boolean).join(" "), style: own ? heat(value, largest) : {}, title, "data-token": token ? segment.token : null }, text);
}

function heat(value, largest) {
  return { "--heat": Math.sqrt(Math.min(1, Math.abs(value) / largest)).toFixed(3) };
}

function chipText(token) {
  if (token.end_byte > token.start_byte) return "‧"; // the rest of a character that an earlier token shows
  return token.text ? inline(token.text) : "end";
}
