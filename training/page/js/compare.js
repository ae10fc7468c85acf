// Two samples side by side: lines aligned, each with its heat, and what its tokens got on average beyond what the whole program got.
// Not here: choosing them (a sample is pinned, another is chosen).

import { drawLine } from "./lines.js";
import { alignLines, folded } from "./diff.js";
import { h, inline, number, replace } from "./dom.js";
import { meanReward } from "./editor.js";
import { findings, scaleOf, segmentLines, shownComponent, tokenValue, uniformOf } from "./record.js";

/** The comparison panel. */
export function comparePanel() {
  const body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "comparison of two samples" });
  const element = h("div", { class: "page-compare" }, body);
  let painted = null;
  const paint = ({ record, pinned, failure, component: chosen }) => {
    const component = shownComponent(pinned ?? record, chosen);
    if (painted?.record === record && painted?.pinned === pinned && painted?.component === component && painted?.failure === failure) return;
    painted = { record, pinned, component, failure };
    replace(body, comparisonOf({ record, pinned, component, failure }));
  };
  return { element, paint };
}

function comparisonOf({ record, pinned, component, failure }) {
  if (pinned && failure) return h("p", { class: "empty" }, `${label(pinned)} is pinned. The sample that was chosen cannot be compared: ${failure}`);
  if (!pinned) return h("p", { class: "empty" }, "Pin a sample (key c), then choose another: of the same problem, to see what made the difference.");
  if (!record || record === pinned) return h("p", { class: "empty" }, `${label(pinned)} is pinned. Choose another sample to compare it with.`);
  return sideBySide(pinned, record, component);
}

/** Two records beside each other, lines aligned. */
export function sideBySide(pinned, record, component) {
  const largest = Math.max(scaleOf(pinned, component), scaleOf(record, component)) || 1;
  const sides = [pinned, record].map((each) => side(each, component, largest));
  const pairs = alignLines(sides[0].texts, sides[1].texts);
  const equal = ([left, right]) => left !== null && right !== null && sides[0].texts[left] === sides[1].texts[right];
  const rows = folded(pairs, equal).map((pair) => {
    if (pair.skipped) return h("tr", {}, h("td", { class: "said", colspan: 4 }, `… ${pair.skipped} ${pair.what}`));
    const [left, right] = pair;
    const same = equal(pair);
    return h("tr", { class: same ? "same" : "differs" }, cells(sides[0], left, same ? "" : "−"), cells(sides[1], right, same ? "" : "+"));
  });
  const heads = [pinned, record].map((each) => h("th", { scope: "col", colspan: 2 }, inline(label(each)), h("div", { class: "why" }, `${each.verdict}, mean reward ${number(meanReward(each), { sign: true, digits: 2 })}`, sharedText(each, component))));
  return [pinned.problem_id === record.problem_id ? null : h("p", { class: "said" }, "two different problems"), h("table", { class: "compare" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows))];
}

function label(record) {
  return `${record.problem_id}, step ${record.step ?? "–"}, sample ${record.sample ?? "–"}`;
}

/** What the numbers beside the lines leave out. */
function sharedText(record, component) {
  const uniform = uniformOf(record, component);
  return uniform && `; every token ${number(uniform.value, { sign: true, digits: 2 })}, beside a line: its mean beyond that`;
}

function side(record, component, largest) {
  const lines = segmentLines(record);
  const uniform = uniformOf(record, component);
  const means = lines.map((segments) => {
    const tokens = [...new Set(segments.map((segment) => segment.token).filter((token) => token >= 0))];
    const beyond = tokens.reduce((sum, token) => sum + (tokenValue(record.tokens[token], component) ?? 0) - (uniform?.value ?? 0), 0);
    return tokens.length ? beyond / tokens.length : null; // a sum would grow with the line's length
  });
  return { lines, means, record, all: findings(record), component, largest, uniform, texts: lines.map((segments) => segments.map((segment) => segment.text).join("").replace(/\n$/, "")) };
}

function cells({ lines, means, ...drawing }, line, sign) {
  if (line === null) return [h("td", { class: "absent", colspan: 2 })];
  return [
    h("td", { class: "line-code" }, h("span", { class: "sign" }, sign || " "), drawLine(lines[line], drawing).parts),
    h("td", { class: "amount" }, means[line] === null || Math.abs(means[line]) < 0.005 ? "" : number(means[line], { sign: true, digits: 2 })),
  ];
}
