// What the focused token got and why: id, place, each component with the rules behind it, diagnostics over it;
// then all of the sample's diagnostics.
// Not here: the program's text (code) or its tests (tests).

import { h, inline, number, percent, replace } from "./dom.js";
import { addsUp, componentsOf, covering, findings, provenance, scaleOf, shareOf, shownComponent, tokenValue, whyMoved, whyZero } from "./record.js";

/** The inspector panel. */
export function inspector(store) {
  const token = h("div", { class: "token" });
  const spoken = h("p", { class: "spoken", "aria-live": "polite" }); // one sentence: the table below it would be thirty lines at every key
  const rest = h("div", { class: "rest" });
  const element = h("section", { class: "inspector", tabindex: "0", "aria-label": "inspector" }, spoken, token, rest);
  let painted = null;
  const paint = (state) => {
    if (painted?.record !== state.record || painted?.token !== state.token) {
      replace(token, tokenView(state));
      replace(spoken, sentence(state));
    }
    if (painted?.record !== state.record) {
      replace(rest, state.record ? diagnosticsView(store, state.record) : null);
    }
    painted = state;
  };
  return { element, paint };
}

/** A token's value and what blames it, in a sentence to be read aloud. */
function sentence({ record, token, component }) {
  const entry = record?.tokens?.[token];
  if (!entry) return null;
  const key = shownComponent(record, component);
  const label = componentsOf(record).find((each) => each.key === key)?.label ?? key;
  const value = number(tokenValue(entry, key), { digits: 2 }).replace("−", "minus ");
  const marks = covering(record, token).map((finding) => inline(finding.code));
  return `${entry.text ? inline(entry.text) : "end"}: ${inline(label)} ${value}${marks.length ? `, blamed by ${marks.join(", ")}` : ""}`;
}

function tokenView({ record, token }) {
  if (!record) return null;
  const entry = record.tokens?.[token];
  if (!entry) {
    const what = record.tokens?.length ? "Click a token, or move with the arrow keys, to see what its reward is made of." : record.bare ? "This file keeps no tokens of this sample." : "No tokens: this program was not sampled by a model.";
    return [h("h2", {}, "Token"), h("p", { class: "empty" }, what)];
  }
  return [
    h("h2", {}, `Token ${token + 1} of ${record.tokens.length}`),
    h("div", { class: "token-text" }, entry.text ? inline(entry.text) : "(no text: a special token)"),
    h("dl", { class: "facts" }, fact("id", entry.id ?? "–"), fact("bytes", `${entry.start_byte}–${entry.end_byte}`), fact("log-prob", number(entry.logprob)), fact("advantage", number(entry.advantage, { sign: true })), fact("share of it", percent(shareOf(record, token))), baselineFacts(record)),
    whyZero(record, token) ? h("p", { class: "why-zero" }, `Advantage 0: ${whyZero(record, token)}`) : null,
    whyMoved(record, token) ? h("p", { class: "why-moved" }, `Credit: ${inline(whyMoved(record, token))}`) : null,
    partsView(record, token),
    coveringView(record, token),
  ];
}

function fact(name, value) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function baselineFacts({ baseline }) {
  return Object.entries(baseline ?? {}).map(([name, value]) => fact(`baseline ${inline(name)}`, number(value, { sign: true })));
}

/** Components, each with its contributions, and that they add to the total. */
function partsView(record, token) {
  const entry = record.tokens[token];
  const largest = scaleOf(record, "reward") || 1;
  const rows = provenance(record, token).map(({ component, value, parts, adds }) => [
    h("tr", {}, h("th", { scope: "row" }, inline(component)), h("td", { class: "bar-cell" }, bar(value, largest)), h("td", { class: "amount" }, number(value, { sign: true }))),
    parts.map((part) => h("tr", { class: "part" }, h("td", { colspan: 2 }, reasonOf(record, part)), h("td", { class: "amount" }, number(part.amount, { sign: true })))),
    adds === false ? h("tr", { class: "part" }, h("td", { colspan: 3 }, "⚠ these do not add up to the component")) : null,
  ]);
  const sums = addsUp(entry);
  return h("table", { class: "parts" },
    h("tbody", {}, rows, h("tr", { class: "sum" }, h("th", { scope: "row" }, "total"), h("td", { class: "bar-cell" }, bar(tokenValue(entry, "reward"), largest)), h("td", { class: "amount" }, number(tokenValue(entry, "reward"), { sign: true })))),
    h("caption", {}, sums ? "✓ the components add to the total" : "⚠ the components do not add to the total"));
}

function reasonOf(record, part) {
  const diagnostic = part.diagnostic === null || part.diagnostic === undefined ? null : record.diagnostics?.[part.diagnostic];
  return [diagnostic ? h("b", {}, `${inline(diagnostic.source)} ${inline(diagnostic.code)} `) : null, inline(part.rule)];
}

function bar(value, largest) {
  const share = Math.sqrt(Math.min(1, Math.abs(value ?? 0) / largest)).toFixed(3);
  return h("span", { class: `centred ${value < 0 ? "negative" : "positive"}`, style: { "--share": share } });
}

function coveringView(record, token) {
  const over = covering(record, token);
  if (!over.length) return h("p", { class: "empty" }, "No diagnostic covers this token.");
  return [h("h3", {}, "Diagnostics over it"), h("ul", { class: "findings" }, over.map((finding) => h("li", {}, findingText(finding))))];
}

function findingText(finding) {
  const place = finding.line ? ` ${finding.line}:${finding.column}` : "";
  return [
    h("span", { class: `letter ${finding.letter}`, title: finding.category }, finding.letter),
    h("span", { class: "code-name" }, `${inline(finding.source)} ${inline(finding.code)}${place}`),
    h("span", { class: "message" }, inline(finding.message)),
    h("span", { class: "rule" }, `${inline(finding.category)}, strength ${number(finding.strength)}${finding.reason ? ` · ${inline(finding.reason)}` : ""}`),
  ];
}

function diagnosticsView(store, record) {
  const all = findings(record);
  const body = all.length
    ? h("ul", { class: "findings" }, all.map((finding) => h("li", {}, h("button", { type: "button", class: "quiet", disabled: !finding.drawn || !record.tokens?.length, onclick: () => focusFinding(store, record, finding) }, findingText(finding)))))
    : h("p", { class: "empty" }, "None: nothing found in this program.");
  return [h("h2", {}, `Diagnostics (${all.length})`), body];
}

function focusFinding(store, record, finding) {
  const token = record.tokens.findIndex((each) => each.end_byte > finding.start_byte && each.end_byte > each.start_byte);
  if (token >= 0) store.update({ token, follow: false });
}
