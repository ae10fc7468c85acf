// Held-out problems: at each evaluation the programs behind the rate, and which problems were gained or lost since the first.
// Not here: the rates as curves (charts).

import { h, inline, middleCut, percent, replace, visible } from "./dom.js";
import { outcomeOf } from "./samples.js";

const MOST_HELD = 300; // problems drawn

/** The held-out panel. */
export function heldOutPanel(store, source) {
  const steps = h("select", { "aria-label": "evaluation at step", onchange: () => draw() });
  const said = h("span", { class: "said", role: "status" });
  const body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "held-out samples" });
  const element = h("div", { class: "page-held" }, h("div", { class: "bar-line" }, steps, said), body);
  let samples = [];
  let known = null; // the newest evaluation that was asked for
  const draw = () => replace(body, samples.length ? heldTable(samples, Number(steps.value)) : h("p", { class: "empty" }, "No held-out samples are kept here: none were evaluated yet, or this run or page keeps their rates only."));
  const ask = async () => {
    try {
      samples = (await source.heldOut?.()) ?? [];
    } catch (error) {
      replace(said, String(error.message ?? error));
      return;
    }
    const evaluated = [...new Set(samples.map((sample) => sample.step))].sort((left, right) => right - left);
    const reading = steps.selectedIndex > 0 && evaluated.includes(Number(steps.value)) ? steps.value : null;
    replace(steps, evaluated.map((step) => h("option", { value: step }, `step ${step}`)));
    steps.hidden = !evaluated.length;
    if (reading === null) draw();
    else steps.value = reading; // an older evaluation that somebody reads stays, with what is opened in it
  };
  const paint = ({ metrics }) => {
    const newest = metrics.get("held_out/pass@1")?.at(-1)?.[0] ?? -1;
    if (known === newest) return;
    known = newest;
    ask();
  };
  return { element, paint };
}

/** Problems of an evaluation, `{problem, samples, rate, before}`; `before` is the rate at the first evaluation. Those that fail come first. */
export function heldRows(samples, step) {
  const first = Math.min(...samples.map((sample) => sample.step));
  const rates = (at) => {
    const problems = new Map();
    for (const sample of samples) {
      if (sample.step === at) problems.set(sample.problem_id, [...(problems.get(sample.problem_id) ?? []), sample]);
    }
    return problems;
  };
  const rate = (own) => {
    const drawn = own?.filter((sample) => sample.drawn === "sampled") ?? [];
    return drawn.length ? drawn.filter((sample) => sample.outcome === "passed").length / drawn.length : null;
  };
  const before = rates(first);
  return [...rates(step)].map(([problem, own]) => ({ problem, samples: own, rate: rate(own), before: rate(before.get(problem)) })).sort((left, right) => left.rate - right.rate || (left.problem < right.problem ? -1 : 1));
}

function heldTable(samples, step) {
  const rows = heldRows(samples, step);
  const gained = rows.filter((row) => row.rate > row.before).length;
  const lost = rows.filter((row) => row.rate < row.before).length;
  const lines = rows.slice(0, MOST_HELD).flatMap((row) => {
    const place = h("td", { colspan: 5 });
    const glyphs = (drawn) => row.samples.filter((sample) => sample.drawn === drawn).map((sample) => heldGlyph(sample, place));
    return [
      h("tr", {}, h("th", { scope: "row" }, middleCut(row.problem)), h("td", {}, percent(row.before)), h("td", {}, percent(row.rate)), h("td", {}, h("span", { class: "glyphs" }, glyphs("sampled"))), h("td", {}, h("span", { class: "glyphs" }, glyphs("greedy")))),
      h("tr", { class: "held-detail", hidden: true }, place),
    ];
  });
  const heads = ["problem", "at first", "now", "sampled", "greedy"].map((head) => h("th", { scope: "col" }, head));
  return [
    h("p", { class: "said" }, `${rows.length} problems: ${gained} pass more often than at the first evaluation, ${lost} less often. Choose a sample to see its program.`),
    h("table", { class: "tokens held" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, lines)),
    rows.length > MOST_HELD ? h("p", { class: "said" }, `and ${rows.length - MOST_HELD} more problems`) : null,
  ];
}

function heldGlyph(sample, place) {
  const outcome = outcomeOf(sample);
  const passed = [...(sample.tests ?? "")].filter((letter) => letter === "p").length;
  const title = `${outcome.label}${sample.error_type ? `: ${inline(sample.error_type)}` : ""}, ${passed} of ${(sample.tests ?? "").length} tests`;
  const show = () => {
    replace(place, h("span", { class: "said" }, `${sample.drawn}, sample ${sample.sample}: ${title}`), h("div", { class: "held-program" }, visible(sample.program)));
    place.parentElement.hidden = false;
  };
  return h("button", { type: "button", class: `badge outcome-${sample.outcome}`, title, "aria-label": title, onclick: show }, outcome.glyph);
}
