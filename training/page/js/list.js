// The list of samples: filters, sorting, and a virtual window of rows, so thousands of samples cost as much as thirty.
// Not here: loading the chosen sample's record.

import { h, inline, number, replace } from "./dom.js";
import { filterChoices, filterSamples, NO_FILTER, OUTCOMES, outcomeOf, sortSamples, SORTS } from "./samples.js";
import { reweighed, weightPanel } from "./weights.js";

const ROW = 44; // height of a row in pixels, as in the stylesheet
const AROUND = 6;

/** The list panel. */
export function sampleList(store) {
  const controls = filterControls(store);
  const weights = weightPanel(store);
  const count = h("span", { role: "status" });
  const inner = h("div", { class: "rows" });
  const box = h("div", { class: "listbox", role: "listbox", tabindex: "0", "aria-label": "samples" }, inner);
  const element = h("section", { class: "list", "aria-label": "list of samples" }, controls.element, weights.element, h("div", { class: "count" }, count, controls.clear), box);
  let shown = [];
  let painted = null;
  const rowId = (seq) => `rltf-${store.id}-${seq}`; // several views may live in one page
  const paintRows = (state) => paintWindow({ state, shown, box, inner, rowId, choose: (seq) => choose(store, seq) });
  box.addEventListener("scroll", () => paintRows(store.get()));
  box.addEventListener("keydown", (event) => listKey(store, shown, box, event));
  const paint = (state) => {
    if (!painted || painted.samples !== state.samples || painted.filters !== state.filters || painted.sort !== state.sort || painted.weights !== state.weights || painted.found !== state.found) {
      shown = sortSamples(reweighed(filterSamples(state.samples, state.filters, state.found), state.weights), state.sort);
      controls.paint(state);
      weights.paint(state);
      replace(count, countText(shown.length, state));
    }
    if (painted?.selected !== state.selected || painted?.samples !== state.samples) reveal(shown, state.selected, box);
    painted = state;
    paintRows(state);
  };
  return { element, paint, shown: () => shown };
}

function countText(count, state) {
  const total = state.samples.length;
  const dropped = state.dropped ? ` (the newest; ${state.dropped} older ones are in the run directory)` : "";
  const some = count === total ? `${total} samples` : `${count} of ${total} samples`;
  return `${some}${state.filters.step === null ? "" : `, step ${state.filters.step}`}${dropped}`;
}

/** Choose a sample; following the newest one ends with it. */
export function choose(store, seq) {
  store.update({ selected: seq, follow: false });
}

function filterControls(store) {
  const set = (change) => store.update({ filters: { ...store.get().filters, ...change }, follow: false });
  const pick = (kind, label) => {
    const select = h("select", { "aria-label": `filter by ${label}`, onchange: (event) => set({ [kind]: event.target.value }) });
    return { kind, label, select };
  };
  const picks = [pick("outcome", "outcome"), pick("letter", "class"), pick("code", "code"), pick("source", "source"), pick("problem", "problem")];
  const text = h("input", { type: "search", placeholder: "search  ( / )", "aria-label": "search samples", oninput: (event) => set({ text: event.target.value }) });
  const sort = h("select", { "aria-label": "sort samples", onchange: (event) => store.update({ sort: event.target.value }) },
    SORTS.map(({ key, label }) => h("option", { value: key }, label)));
  const clear = h("button", { type: "button", class: "quiet", title: "key x", onclick: () => store.update({ filters: NO_FILTER }) }, "clear filters");
  const element = h("div", { class: "filters" }, text, picks.map((each) => each.select), sort);
  const paint = (state) => {
    const choices = filterChoices(state.samples);
    for (const { kind, label, select } of picks) fillPick(select, label, choices[kind], state.filters[kind]);
    if (text.value !== state.filters.text) text.value = state.filters.text;
    sort.value = state.sort;
    clear.hidden = Object.entries(NO_FILTER).every(([key, value]) => state.filters[key] === value);
  };
  return { element, clear, paint };
}

const NAMES = {
  outcome: (key) => `${outcomeOf({ outcome: key }).glyph} ${outcomeOf({ outcome: key }).label}`,
  class: (key) => ({ G: "G  U_global", L: "L  U_line", I: "I  U_ignore" })[key] ?? key,
};

function fillPick(select, label, choices, chosen) {
  if (document.activeElement === select) return; // an open menu must not change under the pointer
  replace(select, h("option", { value: "" }, `any ${label}`), choices.slice(0, 200).map(([key, count]) => h("option", { value: key }, `${inline((NAMES[label] ?? String)(key))} (${count})`)));
  if (chosen && !choices.some(([key]) => key === chosen)) select.append(h("option", { value: chosen }, inline(chosen)));
  select.value = chosen;
}

function reveal(shown, seq, box) {
  const place = shown.findIndex((sample) => sample.seq === seq);
  if (place < 0) return;
  const height = box.clientHeight || 10 * ROW;
  if (place * ROW < box.scrollTop) box.scrollTop = place * ROW;
  else if ((place + 1) * ROW > box.scrollTop + height) box.scrollTop = (place + 1) * ROW - height;
}

function paintWindow({ state, shown, box, inner, rowId, choose }) {
  const first = Math.max(0, Math.floor(box.scrollTop / ROW) - AROUND);
  const last = Math.min(shown.length, Math.ceil((box.scrollTop + (box.clientHeight || 10 * ROW)) / ROW) + AROUND);
  const largest = shown.reduce((most, sample) => Math.max(most, Math.abs(sample.reward)), 1e-9);
  inner.style.height = `${shown.length * ROW}px`;
  replace(inner, shown.slice(first, last).map((sample, offset) => {
    const place = first + offset;
    return row(sample, { place, count: shown.length, largest, selected: sample.seq === state.selected, pinned: sample.problem_id === state.pinned?.problem_id && sample.step === state.pinned?.step && sample.sample === state.pinned?.sample, rowId, choose });
  }));
  if (shown.slice(first, last).some((sample) => sample.seq === state.selected)) box.setAttribute("aria-activedescendant", rowId(state.selected));
  else box.removeAttribute("aria-activedescendant"); // what is not there cannot be pointed at
}

function row(sample, { place, count, largest, selected, pinned, rowId, choose }) {
  const outcome = outcomeOf(sample);
  const side = sample.reward < 0 ? "negative" : "positive";
  const letters = [...new Set(sample.marks.map((mark) => mark[0]))].sort().join(" ");
  return h("div", {
    class: `row${selected ? " selected" : ""}`, role: "option", id: rowId(sample.seq), "aria-selected": selected, "aria-posinset": place + 1, "aria-setsize": count,
    style: { top: `${place * ROW}px` }, onclick: () => choose(sample.seq),
  },
    h("span", { class: `badge outcome-${sample.outcome}`, title: outcome.label }, outcome.glyph),
    h("span", { class: "what" },
      h("span", { class: "problem" }, pinned ? "◆ " : "", inline(sample.problem_id)),
      h("span", { class: "why" }, `step ${sample.step} · ${inline(sample.error_type) || outcome.label}`, letters ? h("span", { class: "letters", title: "classes of its diagnostics" }, letters) : null)),
    h("span", { class: "reward" }, number(sample.reward, { sign: true, digits: 2 }),
      h("span", { class: `bar ${side}`, style: { "--share": Math.min(1, Math.abs(sample.reward) / largest).toFixed(3) } })));
}

function listKey(store, shown, box, event) {
  const place = shown.findIndex((sample) => sample.seq === store.get().selected);
  const page = Math.max(1, Math.floor((box.clientHeight || 10 * ROW) / ROW) - 1);
  const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey || !shown.length) return;
  event.preventDefault();
  event.stopPropagation();
  choose(store, shown[Math.min(Math.max(place + moves[event.key], 0), shown.length - 1)].seq);
}
