// The list of samples: a virtual window of rows, so a hundred thousand samples cost as much as thirty.
// A row's element lives as long as the row shows: news from the trainer takes no row from under a pointer.
// Not here: filters (filters), loading the chosen sample's record.

import { h, inline, middleCut, number, replace } from "./dom.js";
import { filterControls } from "./filters.js";
import { histograms } from "./histogram.js";
import { filterSamples, outcomeOf, sortSamples } from "./samples.js";
import { reweighed, weightPanel } from "./weights.js";

const ROW = 44; // height of a row in pixels, as in the stylesheet
const AROUND = 6;
const MOST_PRINTED = 1000; // rows

/** The list panel. */
export function sampleList(store) {
  const controls = filterControls(store);
  const extras = [histograms(store), weightPanel(store)];
  const count = h("span", { role: "status" });
  const inner = h("div", { class: "rows" });
  const box = h("div", { class: "listbox", role: "listbox", tabindex: "0", "aria-label": "samples" }, inner);
  const element = h("section", { class: "list", "aria-label": "list of samples" }, controls.element, extras.map((each) => each.element), h("div", { class: "count" }, count, controls.clear), box);
  const view = { store, box, inner, rows: new Map(), shown: [], largest: 1e-9 };
  let painted = null;
  const pick = (event) => {
    const row = event.target.closest?.(".row");
    if (row) choose(store, Number(row.dataset.seq));
  };
  printWhole(view);
  box.addEventListener("scroll", () => paintWindow(view, store.get()));
  box.addEventListener("pointerdown", (event) => event.pointerType === "mouse" && event.button === 0 && pick(event));
  box.addEventListener("click", pick);
  const paint = (state) => {
    const changed = !painted || ["samples", "filters", "sort", "weights", "found"].some((key) => painted[key] !== state[key]);
    if (changed) {
      const anchor = topRow(view, state.follow || painted?.filters !== state.filters);
      view.shown = sortSamples(reweighed(filterSamples(state.samples, state.filters, state.found), state.weights), state.sort);
      view.largest = view.shown.reduce((most, sample) => Math.max(most, Math.abs(sample.reward)), 1e-9);
      controls.paint(state);
      extras.forEach((each) => each.paint(state));
      replace(count, countText(view.shown.length, state));
      inner.style.height = `${view.shown.length * ROW}px`;
      if (painted?.sort === state.sort) keepInPlace(view, anchor);
    }
    if (painted?.selected !== state.selected) reveal(view.shown, state.selected, box);
    if (changed || painted.selected !== state.selected || painted.pinned !== state.pinned) paintWindow(view, state);
    painted = state;
  };
  return { element, paint, step: (way) => stepSample(view, way), key: (event) => listKey(view, event) };
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

/** What one reads: the first row in sight, unless the list stands at its top and what is new should `appear` there. */
function topRow({ box, shown }, appear) {
  if (!box.scrollTop && appear) return null;
  const place = Math.floor(box.scrollTop / ROW);
  return shown[place] ? { seq: shown[place].seq, above: box.scrollTop - place * ROW } : null;
}

function keepInPlace({ box, shown }, anchor) {
  const place = anchor ? shown.findIndex((sample) => sample.seq === anchor.seq) : -1;
  if (place >= 0) box.scrollTop = place * ROW + anchor.above;
}

function reveal(shown, seq, box) {
  const place = shown.findIndex((sample) => sample.seq === seq);
  if (place < 0) return;
  const height = box.clientHeight || 10 * ROW;
  if (place * ROW < box.scrollTop) box.scrollTop = place * ROW;
  else if ((place + 1) * ROW > box.scrollTop + height) box.scrollTop = (place + 1) * ROW - height;
}

function paintWindow({ store, box, inner, rows, shown, largest, whole }, state) {
  const rowId = (seq) => `rltf-${store.id}-${seq}`; // several views may live in one page
  const first = whole ? 0 : Math.max(0, Math.floor(box.scrollTop / ROW) - AROUND);
  const last = Math.min(shown.length, whole ? MOST_PRINTED : Math.ceil((box.scrollTop + (box.clientHeight || 10 * ROW)) / ROW) + AROUND);
  const seen = shown.slice(first, last);
  const kept = new Set(seen.map((sample) => sample.seq));
  for (const [seq, row] of rows) {
    if (kept.has(seq)) continue;
    row.element.remove();
    rows.delete(seq);
  }
  seen.forEach((sample, offset) => {
    const row = rows.get(sample.seq) ?? { element: h("div", { role: "option", id: rowId(sample.seq), "data-seq": sample.seq }) };
    rows.set(sample.seq, row);
    const place = first + offset;
    dress(row, sample, { place, count: shown.length, largest, selected: sample.seq === state.selected, pinned: isPinned(sample, state.pinned) });
    if (inner.children[offset] !== row.element) inner.insertBefore(row.element, inner.children[offset] ?? null);
  });
  if (kept.has(state.selected)) box.setAttribute("aria-activedescendant", rowId(state.selected));
  else box.removeAttribute("aria-activedescendant"); // what is not there cannot be pointed at
}

/** On paper there is no scrolling: the list is drawn as far as a reader would turn pages. */
function printWhole(view) {
  const repaint = (whole) => {
    if (!view.box.isConnected) return;
    view.whole = whole;
    view.inner.style.height = `${(whole ? Math.min(view.shown.length, MOST_PRINTED) : view.shown.length) * ROW}px`;
    paintWindow(view, view.store.get());
  };
  globalThis.addEventListener?.("beforeprint", () => repaint(true));
  globalThis.addEventListener?.("afterprint", () => repaint(false));
}

function isPinned(sample, pinned) {
  return sample.problem_id === pinned?.problem_id && sample.step === pinned?.step && sample.sample === pinned?.sample;
}

/** Bring a row's element up to date, changing only what differs. */
function dress(row, sample, { place, count, largest, selected, pinned }) {
  const { element } = row;
  const attributes = { class: `row${selected ? " selected" : ""}${sample.held === false ? " bare" : ""}`, "aria-selected": selected, "aria-posinset": place + 1, "aria-setsize": count };
  for (const [name, value] of Object.entries(attributes)) if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  element.style.top = `${place * ROW}px`;
  if (row.sample === sample && row.pinned === pinned && row.largest === largest) return;
  Object.assign(row, { sample, pinned, largest });
  replace(element, rowParts(sample, largest, pinned));
}

function rowParts(sample, largest, pinned) {
  const outcome = outcomeOf(sample);
  const side = sample.reward < 0 ? "negative" : "positive";
  const letters = [...new Set(sample.marks.map((mark) => mark[0]))].sort().join(" ");
  const numbered = sample.sample === undefined ? "" : ` · #${sample.sample}`;
  return [
    h("span", { class: `badge outcome-${sample.outcome}`, title: outcome.label }, outcome.glyph),
    h("span", { class: "what" },
      h("span", { class: "problem" }, pinned ? "◆ " : "", sample.note ? h("span", { title: inline(sample.note) }, "✎ ") : "", middleCut(sample.problem_id)),
      h("span", { class: "why" }, `step ${sample.step}${numbered} · ${inline(sample.error_type) || outcome.label}`, letters ? h("span", { class: "letters", title: "classes of its diagnostics" }, letters) : null,
        sample.held === false ? h("span", { class: "letters", title: "this file keeps this sample's program, but not its tokens" }, "no tokens here") : null)),
    h("span", { class: "reward" }, number(sample.reward, { sign: true, digits: 2, fixed: true }),
      h("span", { class: `bar ${side}`, style: { "--share": Math.min(1, Math.abs(sample.reward) / largest).toFixed(3) } })),
  ];
}

/** Choose the sample `way` rows on. */
function stepSample({ store, shown }, way) {
  if (!shown.length) return;
  const place = shown.findIndex((sample) => sample.seq === store.get().selected);
  choose(store, shown[Math.min(Math.max(place + way, 0), shown.length - 1)].seq);
}

function listKey(view, event) {
  const page = Math.max(1, Math.floor((view.box.clientHeight || 10 * ROW) / ROW) - 1);
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (!(event.key in moves) || !view.box.contains(event.target)) return false;
  stepSample(view, moves[event.key]);
  return true;
}
