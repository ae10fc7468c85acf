// Metrics by name: how their values read, which of them a view charts first, and all of them as a menu.
// Not here: drawing (chart, plot).

import { h, inline, number, percent } from "./dom.js";
import { OUTCOMES } from "./samples.js";

const TIMES = ["sample", "feedback_wait", "learn", "other"];
const OWN = /^(reward|outcome|held_out|time|turns|tokens|groups|samples|blames|feedback|sampler|memory|policy|critic|ppocoder|loss)\/|^(pass_rate|samples_per_second|tokens_per_second|padding_share|flops_utilisation|prompts_cut|learning_rate|gradient_norm)/;
const TELLING = ["loss/policy", "loss/reinforced", "loss/supervised", "policy/kl_from_sampler", "policy/kl_from_reference", "policy/clipped_share", "gradient_norm", "policy/entropy"];
const MOST_FIRST = 3; // curves of the chart that is filled by guessing

/** The charts that a view begins with; `null` as names: filled by `firstNames` when metrics arrive. */
export const CHARTS = [
  { id: "reward", title: "Reward", names: ["reward/mean"] },
  { id: "pass", title: "Pass rate", names: ["pass_rate", "held_out/pass@1", "held_out/greedy"] },
  { id: "outcomes", title: "Outcomes", names: OUTCOMES.map(({ key }) => `outcome/${key}`), stacked: true },
  { id: "learning", title: "Learning", names: null },
  { id: "time", title: "Step time", names: TIMES.map((name) => `time/${name}`), stacked: true },
];

/** What a "Learning" chart shows first: a loop's own metrics, else the loss and how far the policy moved. */
export function firstNames(metrics) {
  const names = [...metrics.keys()];
  const own = metrics.has("time/learn") ? [] : names.filter((name) => !OWN.test(name)).sort(); // our trainer writes that
  const losses = names.filter((name) => name.startsWith("loss") && !TELLING.includes(name));
  const telling = [...new Set([...own, ...TELLING.filter((name) => metrics.has(name)), ...losses])];
  return telling.slice(0, own.length ? MOST_FIRST : 2);
}

const PERCENT = /^(pass_rate$|held_out\/|outcome\/|turns\/\d+\/pass_rate|.*_share$|.*accuracy$|.*utilisation$)/;
/** How the best known curves are drawn. */
export const KNOWN = {
  "reward/mean": { label: "mean reward", tone: "reward" },
  pass_rate: { label: "training pass rate", tone: "pass" },
  "held_out/pass@1": { label: "held-out pass@1", tone: "held", points: true },
  "held_out/greedy": { label: "held-out greedy", tone: "greedy", points: true },
  "time/sample": { label: "sample", tone: "time-sample", glyph: "S" },
  "time/feedback_wait": { label: "feedback wait", tone: "time-wait", glyph: "F" },
  "time/learn": { label: "learn", tone: "time-learn", glyph: "L" },
  "time/other": { label: "other", tone: "time-other", glyph: "O" },
  ...Object.fromEntries(OUTCOMES.map(({ key, glyph }) => [`outcome/${key}`, { label: key, tone: `outcome-${key}`, glyph }])),
};

const secondsText = (seconds) => `${number(seconds)} s`;
const plainText = (value) => number(value);

/** How a metric's values read. */
export function formatOf(name) {
  if (PERCENT.test(name)) return percent;
  return name.startsWith("time/") ? secondsText : plainText;
}

/** How an axis reads that holds several metrics: as a share only where all of them are. */
export function axisFormatOf(names) {
  return names.length && names.every((name) => formatOf(name) === formatOf(names[0])) ? formatOf(names[0]) : plainText;
}

/** Options for metric names, those of one family together. */
export function metricOptions(names) {
  const families = new Map();
  for (const name of names) {
    const family = name.includes("/") ? name.split("/")[0] : "";
    families.set(family, [...(families.get(family) ?? []), name]);
  }
  return [...families].map(([family, own]) => {
    const options = own.map((name) => h("option", { value: name }, inline(name)));
    return family ? h("optgroup", { label: inline(family) }, options) : options;
  });
}
