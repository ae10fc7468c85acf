// How the samples' numbers are spread; a bar that is pressed becomes the filter.
// Not here: what a filter means (samples).

import { h, number, replace } from "./dom.js";
import { FIELDS, filterSamples } from "./samples.js";

const BINS = 16;
const SHOWN = [["reward", "reward"], ["advantage", "advantage"], ["tokens", "number of tokens"], ["pass_ratio", "share of tests passed"]];

/** Counts of values in equal bins: `{low, high, count}`, none where there are no values; the last bin has its upper end. */
export function binsOfValues(values, most = BINS) {
  if (!values.length) return [];
  const [low, high] = values.reduce(([least, largest], value) => [Math.min(least, value), Math.max(largest, value)], [Infinity, -Infinity]);
  if (low === high) return [{ low, high, count: values.length }];
  const width = (high - low) / most;
  const bins = Array.from({ length: most }, (_, place) => ({ low: low + place * width, high: low + (place + 1) * width, count: 0 }));
  for (const value of values) bins[Math.min(most - 1, Math.floor((value - low) / width))].count += 1;
  return bins;
}

/** The expression that holds for the values of a bin, in digits that a reader can bear. */
export function binExpression(field, { low, high }, last) {
  if (low === high) return `${field} == ${low}`;
  return `${field} >= ${Number(low.toPrecision(6))} and ${field} ${last ? "<=" : "<"} ${Number(high.toPrecision(6))}`;
}

/** The histograms, folded until somebody opens them: then of the samples that the filters leave. */
export function histograms(store) {
  const body = h("div", { class: "histograms" });
  const element = h("details", { class: "weights", ontoggle: () => paint(store.get()) }, h("summary", {}, "Histograms"), body);
  let painted = null;
  const paint = (state) => {
    if (!element.open || (painted?.samples === state.samples && painted?.filters === state.filters && painted?.found === state.found)) return;
    painted = state;
    const samples = filterSamples(state.samples, state.filters, state.found);
    replace(body, SHOWN.map(([field, label]) => histogram(store, samples, field, label)));
  };
  return { element, paint };
}

function histogram(store, samples, field, label) {
  const values = samples.map(FIELDS[field]).filter((value) => typeof value === "number" && Number.isFinite(value));
  const bins = binsOfValues(values);
  if (!bins.length) return null;
  const most = Math.max(...bins.map((bin) => bin.count));
  const press = (text) => store.update({ filters: { ...store.get().filters, text }, follow: false });
  const bars = bins.map((bin, place) => {
    const title = `${number(bin.low)} to ${number(bin.high)}: ${bin.count} samples`;
    return h("button", { type: "button", class: "bin", title, "aria-label": `${label} ${title}`, disabled: !bin.count, style: { "--share": (bin.count / most).toFixed(3) }, onclick: () => press(binExpression(field, bin, place === bins.length - 1)) });
  });
  return h("div", { class: "histogram", role: "group", "aria-label": `histogram of ${label}` }, h("span", { class: "said" }, label), h("div", { class: "bins" }, bars),
    h("span", { class: "ends" }, h("span", {}, number(bins[0].low)), h("span", {}, number(bins.at(-1).high))));
}
