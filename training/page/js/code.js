// The program with its tokens: heat of the chosen component, error spans by class, gutter marks, banners.
// Below it, the tests.
// Not here: what a token's reward is made of (inspector).

import { h, inline, number, replace, visible } from "./dom.js";
import { editor } from "./editor.js";
import { componentsOf, findings, scaleOf, segmentLines, tokenValue } from "./record.js";
import { testsView } from "./tests.js";

/** The code panel. */
export function codePanel(store, source) {
  const heading = h("div", { class: "heading" });
  const banners = h("div", { class: "banners" });
  const edit = editor(store, source);
  const switcher = componentSwitch(store);
  const code = h("div", { class: "code", tabindex: "0", role: "group", "aria-label": "program; arrow keys move between tokens, [ and ] between errors" });
  const tests = h("div", { class: "tests", tabindex: "0", role: "region", "aria-label": "tests" });
  const element = h("div", { class: "page-program" }, heading, edit.element, banners, switcher.element, code, tests);
  let tokens = [];
  let painted = null;
  code.addEventListener("click", (event) => pickToken(store, event));
  code.addEventListener("keydown", (event) => codeKey(store, code, tokens, event));
  const paint = (state) => {
    edit.paint(state);
    if (painted?.record !== state.record || painted?.component !== state.component || painted?.failure !== state.failure) {
      replace(heading, headingOf(state));
      replace(banners, bannersOf(state.record));
      switcher.paint(state);
      tokens = drawCode(code, state);
      if (painted?.record !== state.record) replace(tests, state.record?.tests?.length ? testsView(state.record) : null);
    }
    if (painted?.token !== state.token || painted?.record !== state.record || painted?.component !== state.component) markFocus(code, tokens, state.token);
    painted = state;
  };
  return { element, paint };
}

function headingOf({ record, failure }) {
  if (failure) return h("p", { class: "empty" }, failure);
  if (!record) return h("p", { class: "empty" }, "Choose a sample to see its program, error spans and token rewards.");
  const ratio = record.tests?.length ? `${record.tests.filter((test) => test.verdict === "passed").length}/${record.tests.length} tests` : "no tests";
  const error = record.error ? `${record.error.kind}: ${inline(record.error.type)}` : record.verdict;
  const facts = [record.step === undefined ? null : `step ${record.step}`, error, ratio, record.finish_reason === "length" ? "cut off by the length limit" : null];
  return [
    h("h2", {}, inline(record.problem_id ?? record.id ?? "program")),
    h("span", { class: "facts" }, facts.filter(Boolean).join(" · ")),
    record.prompt ? h("details", { class: "prompt", open: record.prompt.length < 400 }, h("summary", {}, "problem"), h("div", { class: "text" }, visible(record.prompt))) : null,
  ];
}

function bannersOf(record) {
  if (!record) return null;
  return findings(record).filter((finding) => finding.letter === "G").map((finding) =>
    h("p", { class: "banner" }, h("span", { class: "letter G" }, "G"), " whole program blamed: ", h("b", {}, inline(finding.code)), ` ${inline(finding.message)}`));
}

/** Buttons for the components and the legend of the one symmetric scale. */
function componentSwitch(store) {
  const legend = h("span", { class: "scale" });
  const element = h("div", { class: "components", role: "group", "aria-label": "token heat" }, legend);
  let buttons = [];
  const draw = (record) => {
    const known = componentsOf(record);
    if (buttons.length === known.length && known.every(({ key }, place) => buttons[place].dataset.component === key)) return;
    buttons = known.map(({ key, label }, place) =>
      h("button", { type: "button", "data-component": key, title: place < 9 ? `key ${place + 1}` : null, onclick: () => store.update({ component: key }) }, inline(label)));
    replace(element, buttons, legend);
  };
  const paint = ({ record, component }) => {
    draw(record);
    for (const button of buttons) {
      const key = button.dataset.component;
      button.setAttribute("aria-pressed", String(key === component));
      button.hidden = !record?.tokens?.some((token) => tokenValue(token, key) !== null);
    }
    replace(legend, record?.tokens?.length ? legendOf(record, component) : null);
  };
  return { element, paint };
}

function legendOf(record, component) {
  const largest = scaleOf(record, component);
  const label = inline(componentsOf(record).find((each) => each.key === component)?.label ?? component);
  if (record.tokens.every((token) => !tokenValue(token, component))) return h("span", { class: "zero" }, `${label}: all zero`);
  return [h("span", {}, number(-largest)), h("span", { class: "ramp", role: "img", "aria-label": "negative: lower border; positive: upper border" }), h("span", {}, number(largest, { sign: true }))];
}

function drawCode(code, { record, component }) {
  if (!record) {
    replace(code);
    return [];
  }
  const all = findings(record);
  const largest = scaleOf(record, component) || 1;
  const tokens = (record.tokens ?? []).map(() => []);
  const lines = segmentLines(record).map((segments, place) => {
    const { letters, parts } = drawLine(segments, { record, all, component, largest });
    parts.forEach((part, at) => segments[at].token >= 0 && tokens[segments[at].token].push(part));
    return h("div", { class: `line${letters.includes("L") ? " blamed" : ""}` },
      h("span", { class: "gutter", "aria-hidden": "true" }, letters.map((letter) => h("span", { class: `letter ${letter}` }, letter)), h("span", { class: "lineno" }, place + 1)),
      h("span", { class: "text" }, parts));
  });
  replace(code, lines);
  return tokens;
}

/** One line's segments as elements, and the letters of the classes that mark it. */
export function drawLine(segments, { record, all, component, largest }) {
  const letters = [...new Set(segments.flatMap((segment) => segment.marks.map((mark) => all[mark].letter)))].sort();
  return { letters, parts: segments.map((segment) => drawSegment(segment, record, all, component, largest)) };
}

function drawSegment(segment, record, all, component, largest) {
  const value = segment.token < 0 ? 0 : (tokenValue(record.tokens[segment.token], component) ?? 0);
  const letters = [...new Set(segment.marks.map((mark) => all[mark].letter))];
  const side = value > 0 ? " positive" : value < 0 ? " negative" : "";
  const names = `segment${side}${letters.map((letter) => ` mark-${letter}`).join("")}${segment.text ? "" : " chip"}`;
  const text = segment.text ? visible(segment.text.replace(/\n$/, "")) : chipText(record.tokens[segment.token]);
  const style = value ? { "--heat": Math.sqrt(Math.min(1, Math.abs(value) / largest)).toFixed(3) } : {};
  const title = letters.length ? segment.marks.map((mark) => `${all[mark].letter} ${all[mark].code}: ${inline(all[mark].message)}`).join("\n") : null;
  return h("span", { class: names, style, title, "data-token": segment.token < 0 ? null : segment.token }, text || " ");
}

function chipText(token) {
  if (token.end_byte > token.start_byte) return "‧"; // the rest of a character that an earlier token shows
  return token.text ? inline(token.text) : "end";
}

function pickToken(store, event) {
  const token = event.target.closest?.("[data-token]")?.dataset.token;
  if (token !== undefined) store.update({ token: Number(token), follow: false });
}

function markFocus(code, tokens, token) {
  for (const part of code.querySelectorAll(".focused")) part.classList.remove("focused");
  const parts = tokens[token] ?? [];
  for (const part of parts) part.classList.add("focused");
  const target = parts[0];
  if (!target) return;
  const top = target.offsetTop; // within the code, which is positioned
  if (top < code.scrollTop) code.scrollTop = top - 20;
  else if (top + 24 > code.scrollTop + code.clientHeight) code.scrollTop = top + 44 - code.clientHeight;
}

function codeKey(store, code, tokens, event) {
  const { token, record } = store.get();
  if (!record?.tokens?.length || event.ctrlKey || event.metaKey || event.altKey) return;
  const last = record.tokens.length - 1;
  const here = token ?? -1;
  const next = {
    ArrowRight: () => Math.min(here + 1, last),
    ArrowLeft: () => Math.max(here - 1, 0),
    ArrowDown: () => verticalToken(tokens, here, 1),
    ArrowUp: () => verticalToken(tokens, here, -1),
    Home: () => 0,
    End: () => last,
  }[event.key];
  if (!next) return;
  event.preventDefault();
  event.stopPropagation();
  store.update({ token: next(), follow: false });
}

/** The token closest above or below, by line. */
function verticalToken(tokens, here, way) {
  const line = (token) => tokens[token]?.[0]?.closest(".line");
  const lines = tokens.map((_, token) => line(token));
  const own = lines[here];
  if (!own) return 0;
  const column = here - lines.indexOf(own);
  for (let token = here; token >= 0 && token < tokens.length; token += way) {
    if (lines[token] === own || !lines[token]) continue;
    const start = lines.indexOf(lines[token]);
    const end = lines.lastIndexOf(lines[token]);
    return Math.min(start + column, end);
  }
  return here;
}

/** The first token of the next (or previous) drawn error after the focused token. */
export function nextError(record, token, way) {
  const starts = findings(record)
    .filter((finding) => finding.drawn)
    .map((finding) => record.tokens.findIndex((each) => each.end_byte > finding.start_byte && each.end_byte > each.start_byte))
    .filter((first) => first >= 0)
    .sort((left, right) => left - right);
  const here = token ?? -1;
  const found = way > 0 ? starts.find((start) => start > here) : starts.findLast((start) => start < here);
  return found ?? (way > 0 ? starts[0] : starts.at(-1)) ?? token;
}
