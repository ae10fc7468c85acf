// What if the reward's components weighed otherwise: the samples at hand are ranked anew, before any training.
// Not here: changing a run's configuration.

import { h, number, replace } from "./dom.js";
import { REWARDS } from "./record.js";

export const PLAIN = Object.fromEntries(REWARDS.map((component) => [component, 1]));

/** Whether every component weighs 1. */
export function isPlain(weights) {
  return REWARDS.every((component) => weights[component] === 1);
}

/** Samples with `reward` as it would be under other weights. */
export function reweighed(samples, weights) {
  if (isPlain(weights)) return samples;
  return samples.map((sample) => ({ ...sample, reward: Object.entries(sample.parts ?? {}).reduce((sum, [component, part]) => sum + (weights[component] ?? 1) * part, 0) }));
}

/** Spearman's rank correlation of two equally long lists; ties share their mean rank. 1 where nothing can differ. */
export function rankCorrelation(left, right) {
  const [x, y] = [ranks(left), ranks(right)];
  const mean = (left.length - 1) / 2;
  let [both, xs, ys] = [0, 0, 0];
  for (let at = 0; at < x.length; at++) {
    both += (x[at] - mean) * (y[at] - mean);
    xs += (x[at] - mean) ** 2;
    ys += (y[at] - mean) ** 2;
  }
  if (xs === 0 || ys === 0) return xs === ys ? 1 : 0;
  return both / Math.sqrt(xs * ys);
}

function ranks(values) {
  const order = values.map((_, at) => at).sort((left, right) => values[left] - values[right]);
  const found = new Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) end += 1;
    for (let at = start; at < end; at++) found[order[at]] = (start + end - 1) / 2;
    start = end;
  }
  return found;
}

/** The sliders. */
export function weightPanel(store) {
  const set = (change) => store.update({ weights: { ...store.get().weights, ...change } });
  const sliders = REWARDS.map((component) => {
    const shown = h("output", {});
    const range = h("input", { type: "range", min: 0, max: 3, step: 0.1, "aria-label": `weight of ${component}`, oninput: (event) => set({ [component]: Number(event.target.value) }) });
    return { component, range, shown, row: h("label", {}, h("span", {}, component), range, shown) };
  });
  const said = h("p", { class: "said", role: "status" });
  const reset = h("button", { type: "button", class: "quiet", onclick: () => store.update({ weights: PLAIN }) }, "back to 1");
  const element = h("details", { class: "weights" }, h("summary", {}, "What if the weights were…"), sliders.map((slider) => slider.row), reset, said);
  let painted = null;
  const paint = (state) => {
    if (painted?.weights === state.weights && painted?.samples === state.samples) return;
    painted = state;
    for (const { component, range, shown } of sliders) {
      range.value = String(state.weights[component]);
      replace(shown, number(state.weights[component], { digits: 1 }));
    }
    reset.hidden = isPlain(state.weights);
    replace(said, verdict(state));
  };
  return { element, paint };
}

function verdict({ samples, weights }) {
  if (isPlain(weights)) return "The list shows rewards as they were; move a slider to rank it anew.";
  const before = samples.map((sample) => sample.reward);
  const after = reweighed(samples, weights).map((sample) => sample.reward);
  return `Rank correlation with the rewards as they were: ${number(rankCorrelation(before, after), { digits: 4 })} over ${samples.length} samples.`;
}
