// The program with its tokens: heading, problem, banners, what the heat shows, the lines, the tests.
// Not here: how a line is drawn (lines), what a token's reward is made of (inspector).

import { hoverCard } from "./card.js";
import { copyText, h, inline, number, replace } from "./dom.js";
import { editor } from "./editor.js";
import { programLines } from "./lines.js";
import { markdown } from "./markdown.js";
import { noteEditor } from "./notes.js";
import { componentsOf, findings, scaleOf, shownComponent, tokenLines, tokenValue, uniformOf } from "./record.js";
import { testsView } from "./tests.js";

/** The code panel. */
export function codePanel(store, source) {
  const heading = h("div", { class: "heading" });
  const banners = h("div", { class: "banners" });
  const edit = editor(store, source);
  const note = noteEditor(store, source);
  const switcher = componentSwitch(store);
  const code = h("div", { class: "code", tabindex: "0", role: "group", "aria-label": "program; arrow keys move between tokens, [ and ] between errors" });
  const card = hoverCard(store, code);
  const tests = h("div", { class: "tests", tabindex: "0", role: "region", "aria-label": "tests" });
  const element = h("div", { class: "page-program" }, heading, edit.element, note.element, banners, switcher.element, h("div", { class: "code-frame" }, code, card), tests);
  const lines = programLines(code);
  let painted = null;
  code.addEventListener("click", (event) => pickToken(store, event));
  code.addEventListener("keydown", (event) => codeKey(store, event));
  const paint = (state) => {
    edit.paint(state);
    note.paint(state);
    const component = shownComponent(state.record, state.component);
    const fresh = painted?.record !== state.record || painted?.failure !== state.failure;
    if (fresh) {
      replace(heading, headingOf(state, source));
      replace(banners, bannersOf(state.record));
      replace(tests, state.record?.tests?.length ? testsView(state.record) : null);
    }
    if (fresh || painted.drawn !== component) {
      switcher.paint(state.record, component);
      lines.show(state.record, component);
    }
    if (fresh || painted.drawn !== component || painted.token !== state.token) lines.focus(state.token);
    painted = { ...state, drawn: component };
  };
  return { element, paint };
}

function headingOf({ record, failure, selected }, source) {
  if (failure) return h("p", { class: "empty" }, failure);
  if (!record) return h("p", { class: "empty" }, "Choose a sample to see its program, error spans and token rewards.");
  const ratio = record.tests?.length ? `${record.tests.filter((test) => test.verdict === "passed").length}/${record.tests.length} tests` : "no tests";
  const error = record.error ? `${record.error.kind}: ${inline(record.error.type)}` : record.verdict;
  const facts = [record.step === undefined ? null : `step ${record.step}`, record.sample === undefined ? null : `sample ${record.sample}`, error, ratio, record.finish_reason === "length" ? "cut off by the length limit" : null];
  return [
    h("h2", {}, inline(record.problem_id ?? record.id ?? "program")),
    h("span", { class: "facts" }, facts.filter(Boolean).join(" · ")),
    copyButtons(record, selected, source),
    record.bare ? h("p", { class: "banner" }, "This file keeps this sample's program, verdict and rewards, but not its tokens. ", inline(source.more ?? "")) : null,
    record.prompt ? h("details", { class: "prompt", open: record.prompt.length < 400 }, h("summary", {}, "problem"), h("div", { class: "text", tabindex: "0", role: "region", "aria-label": "problem" }, markdown(record.prompt))) : null,
  ];
}

function copyButtons(record, selected, source) {
  const said = h("span", { class: "said", role: "status" });
  const button = (label, text) => h("button", { type: "button", class: "quiet", onclick: () => copyText(text(), said) }, label);
  return h("span", { class: "copies" }, button("Copy program", () => record.program ?? ""), button("Copy record", () => JSON.stringify(record)),
    source.linked ? button("Copy link", () => `${location.href.split("#")[0]}#seq=${selected}`) : null, said);
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
  const paint = (record, component) => {
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
  const uniform = uniformOf(record, component);
  const title = "what most tokens share is said of the whole program: it is drawn beside the lines, so that the tokens that differ stand out";
  const shared = uniform ? h("span", { class: `uniform ${uniform.value < 0 ? "negative" : "positive"}`, title }, `${number(uniform.value, { sign: true, digits: 2 })} on ${Math.round(100 * uniform.share)}% of tokens`) : null;
  return [shared, h("span", {}, number(-largest)), h("span", { class: "ramp", role: "img", "aria-label": "negative: lower border; positive: upper border" }), h("span", {}, number(largest, { sign: true }))];
}

function pickToken(store, event) {
  const token = event.target.closest?.("[data-token]")?.dataset.token;
  if (token !== undefined) store.update({ token: Number(token), follow: false });
}

function codeKey(store, event) {
  const { token, record } = store.get();
  if (!record?.tokens?.length || event.ctrlKey || event.metaKey || event.altKey) return;
  const last = record.tokens.length - 1;
  const here = token ?? -1;
  const next = {
    ArrowRight: () => Math.min(here + 1, last),
    ArrowLeft: () => Math.max(here - 1, 0),
    ArrowDown: () => verticalToken(record, here, 1),
    ArrowUp: () => verticalToken(record, here, -1),
    Home: () => 0,
    End: () => last,
  }[event.key];
  if (!next) return;
  event.preventDefault();
  event.stopPropagation();
  store.update({ token: next(), follow: false });
}

/** The token closest above or below, by line. */
function verticalToken(record, here, way) {
  const lines = tokenLines(record);
  const own = lines[here];
  if (own === undefined) return 0;
  const column = here - lines.indexOf(own);
  for (let token = here; token >= 0 && token < lines.length; token += way) {
    if (lines[token] === own || lines[token] < 0) continue;
    return Math.min(lines.indexOf(lines[token]) + column, lines.lastIndexOf(lines[token]));
  }
  return here;
}

/** The first token of the next (or previous) drawn error after the focused token. */
export function nextError(record, token, way) {
  const starts = findings(record)
    .filter((finding) => finding.drawn)
    .map((finding) => (record.tokens ?? []).findIndex((each) => each.end_byte > finding.start_byte && each.end_byte > each.start_byte))
    .filter((first) => first >= 0)
    .sort((left, right) => left - right);
  const here = token ?? -1;
  const found = way > 0 ? starts.find((start) => start > here) : starts.findLast((start) => start < here);
  return found ?? (way > 0 ? starts[0] : starts.at(-1)) ?? token;
}
