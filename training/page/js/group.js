// The group: all samples of one prompt at one step side by side, which tests each passed, where its credit lies, and how the chosen
// one differs from the nearest that passed.
// Not here: the same problem at other steps (history), all problems (problems).

import { sideBySide } from "./compare.js";
import { alignLines } from "./diff.js";
import { h, inline, number, replace } from "./dom.js";
import { outcomeOf } from "./samples.js";
import { isUniform, shownComponent, tokenValue, uniformOf } from "./record.js";

const MOST_TESTS = 60; // columns of the grid
const LONGEST_CREDIT = 40; // characters
const MOST_RECORDS = 32; // of a group that are loaded
const LETTERS_OF_TESTS = { p: ["✓", "passed"], f: ["✗", "wrong answer"], e: ["!", "error"], i: ["?", "infrastructure"] };

/** The group panel. */
export function groupPanel(store, source) {
  const body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the samples of this prompt" });
  const element = h("div", { class: "page-group" }, body);
  let painted = null;
  const paint = ({ samples, selected, record, component: chosen }) => {
    const group = groupOf(samples, selected);
    const component = shownComponent(record, chosen);
    const same = painted && painted.record === record && painted.component === component && painted.selected === selected && painted.group.length === group.length && group.every((sample, place) => sample === painted.group[place]);
    if (same) return;
    painted = { group, record, component, selected };
    const current = () => painted.group === group && painted.record === record && painted.component === component;
    const focused = body.contains(document.activeElement) && document.activeElement.dataset.seq;
    replace(body, group.length ? groupView({ store, source, group, selected, record, component, current }) : h("p", { class: "empty" }, "Choose a sample to see its group."));
    if (focused) body.querySelector(`[data-seq="${focused}"]`)?.focus({ preventScroll: true });
  };
  return { element, paint };
}

/** The samples of the chosen one's problem and step, the best first. */
export function groupOf(samples, selected) {
  const own = samples.find((sample) => sample.seq === selected);
  if (!own) return [];
  return samples.filter((sample) => sample.problem_id === own.problem_id && sample.step === own.step).sort((left, right) => right.reward - left.reward || left.sample - right.sample);
}

function groupView({ store, source, group, selected, record, component, current }) {
  const passed = group.filter((sample) => sample.outcome === "passed");
  const tests = Math.min(MOST_TESTS, Math.max(...group.map((sample) => (sample.tests ?? "").length)));
  const credits = new Map();
  const rows = group.map((sample) => {
    const credit = h("td", { class: "credit" });
    credits.set(sample.seq, credit);
    const outcome = outcomeOf(sample);
    return h("tr", { class: sample.seq === selected ? "selected" : "", onclick: () => store.update({ selected: sample.seq, follow: false }) },
      h("th", { scope: "row" }, h("button", { type: "button", class: `badge outcome-${sample.outcome}`, "data-seq": sample.seq, "aria-current": sample.seq === selected ? "true" : null, "aria-label": `sample ${sample.sample}: ${outcome.label}`, title: outcome.label }, outcome.glyph), ` #${sample.sample}`),
      h("td", {}, number(sample.reward, { sign: true, digits: 2, fixed: true })), h("td", {}, number(sample.advantage ?? null, { sign: true, digits: 2, fixed: true })), h("td", {}, sample.tokens ?? "–"),
      Array.from({ length: tests }, (_, place) => testCell((sample.tests ?? "")[place])), credit);
  });
  const heads = ["sample", "reward", "advantage", "tokens", ...Array.from({ length: tests }, (_, place) => `t${place + 1}`), "most credit or blame on"];
  const difference = h("div", {});
  loadCredits({ source, group, credits, component, current });
  if (record && !passed.some((sample) => sample.seq === selected)) showNearest({ source, passed, record, component, place: difference, current });
  const mean = group.reduce((sum, sample) => sum + sample.reward, 0) / group.length;
  return [
    h("h2", {}, `${inline(group[0].problem_id)}, step ${group[0].step}: ${passed.length} of ${group.length} passed, mean reward ${number(mean, { sign: true, digits: 2 })}`),
    h("table", { class: "tokens group" }, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows)),
    difference,
  ];
}

function testCell(letter) {
  const [glyph, label] = LETTERS_OF_TESTS[letter] ?? ["", "not run"];
  return h("td", { class: `cell test-${letter ?? "none"}`, title: label }, glyph);
}

async function loadCredits({ source, group, credits, component, current }) {
  for (const sample of group.slice(0, MOST_RECORDS)) {
    const record = await source.record(sample.seq).catch(() => null);
    if (!current()) return;
    replace(credits.get(sample.seq), record ? creditText(record, component) : "–");
  }
}

/** The tokens that differ most from what the whole program got. */
export function creditText(record, component) {
  const uniform = uniformOf(record, component);
  const base = uniform?.value ?? 0;
  const runs = []; // neighbours with one value
  (record.tokens ?? []).forEach((token, place) => {
    const value = tokenValue(token, component) ?? 0;
    if (!value || !token.text || isUniform(token, component, uniform)) return;
    const last = runs.at(-1);
    if (last?.value === value && last.end === place) Object.assign(last, { text: last.text + token.text, end: place + 1 });
    else runs.push({ value, text: token.text, end: place + 1 });
  });
  const own = runs.filter(({ text }) => text.trim()).sort((left, right) => Math.abs(right.value - base) - Math.abs(left.value - base));
  if (!own.length) return uniform ? `all alike (${number(base, { sign: true, digits: 2 })})` : "–";
  return own.slice(0, 3).map(({ text, value }) => h("span", { class: "credited" }, h("code", {}, inline(text.trim().slice(0, LONGEST_CREDIT))), ` ${number(value, { sign: true, digits: 2 })} `));
}

async function showNearest({ source, passed, record, component, place, current }) {
  if (!passed.length) {
    replace(place, h("p", { class: "said" }, "No sample of this group passed."));
    return;
  }
  const loaded = await Promise.all(passed.slice(0, MOST_RECORDS).map((sample) => source.record(sample.seq).catch(() => null)));
  const nearest = loaded.filter(Boolean).map((each) => [each, differingLines(each.program, record.program)]).sort((left, right) => left[1] - right[1])[0];
  if (!nearest || !current()) return;
  replace(place, h("h2", {}, `Beside the nearest sample that passed (#${nearest[0].sample}): ${nearest[1] === 1 ? "1 line differs" : `${nearest[1]} lines differ`}`), sideBySide(nearest[0], record, component));
}

/** How many lines of two programs do not meet an equal one. */
export function differingLines(left, right) {
  const [lefts, rights] = [left, right].map((text) => String(text ?? "").split("\n"));
  return alignLines(lefts, rights).filter(([one, other]) => one === null || other === null || lefts[one] !== rights[other]).length;
}
