// One problem through time: its samples at every step, the flow of their outcomes, and how its best program changed.
// Not here: the curves of the whole run (charts).

import { alignLines, folded } from "./diff.js";
import { h, inline, keyedChildren, number, replace, visible } from "./dom.js";
import { flowDiagram } from "./flow.js";
import { OUTCOMES, outcomeOf } from "./samples.js";

const MOST_VISITS = 60; // listed; the diagram has them all
const MOST_GLYPHS = 40; // samples of one step that are listed

/** The history panel. News of the problem adds to it: the other steps keep the focus and the changes that were opened. */
export function historyPanel(store, source) {
  const head = h("div", {});
  const list = h("ol", { class: "visits" });
  const body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the problem through time" }, head, list);
  const element = h("div", { class: "page-history" }, body);
  const showVisits = keyedChildren(list, (visit) => visitRow(store, source, visit), sameVisit);
  let painted = null;
  const paint = ({ samples, selected }) => {
    if (painted?.samples === samples && painted?.selected === selected) return;
    const problem = samples.find((sample) => sample.seq === selected)?.problem_id;
    const own = samples.filter((sample) => sample.problem_id === problem);
    const same = painted?.problem === problem && sameItems(painted.own, own);
    painted = { samples, selected, problem, own };
    if (!same || !own.length) {
      const visits = visitsOf(own);
      const opened = head.querySelector("details")?.open;
      replace(head, own.length ? historyHead({ problem, visits, samples, width: body.clientWidth - 24 }) : h("p", { class: "empty" }, "Choose a sample to see its problem through time."));
      if (opened) head.querySelector("details")?.setAttribute("open", "");
      showVisits(visits.map((visit, place) => [`${problem} ${visit.step}`, { ...visit, before: visits[place - 1] }]).slice(-MOST_VISITS));
    }
    for (const glyph of list.querySelectorAll(".badge")) {
      if (glyph.dataset.seq === String(selected)) glyph.setAttribute("aria-current", "true");
      else glyph.removeAttribute("aria-current");
    }
  };
  return { element, paint };
}

function sameItems(left, right) {
  return left.length === right.length && left.every((item, place) => item === right[place]);
}

function sameVisit(left, right) {
  return sameItems(left.samples, right.samples) && left.before?.best === right.before?.best;
}

/** Samples by step: `{step, samples, best}`, oldest first. */
export function visitsOf(samples) {
  const steps = new Map();
  for (const sample of samples) {
    if (!steps.has(sample.step)) steps.set(sample.step, []);
    steps.get(sample.step).push(sample);
  }
  return [...steps].sort((left, right) => left[0] - right[0]).map(([step, own]) => ({ step, samples: own, best: own.reduce((best, sample) => (sample.reward > best.reward ? sample : best)) }));
}

function historyHead({ problem, visits, samples, width }) {
  const wide = Math.min(Math.max(width, 240), 900) || 560;
  const whole = visits.length > 1 ? [] : visitsOf(samples);
  const earlier = Math.max(0, visits.length - MOST_VISITS);
  return [h("h2", {}, `${inline(problem)} at ${visits.length} ${visits.length === 1 ? "step" : "steps"}`), flowText(visits),
    visits.length > 1 ? flowDiagram(visits, wide) : null,
    whole.length > 1 ? [h("p", { class: "said" }, "This problem was sampled at one step only. All problems together:"), flowDiagram(whole, wide)] : null,
    earlier ? h("p", { class: "said" }, `the newest ${MOST_VISITS} steps (${earlier} earlier ones are in the diagram):`) : null];
}

function visitRow(store, source, { step, samples, best, before }) {
  const ordered = [...samples].sort((left, right) => rank(left) - rank(right));
  const change = h("div", { class: "change-of-best" });
  return h("li", {},
    h("div", { class: "visit" }, h("span", { class: "step" }, `step ${step}`),
      h("span", { class: "glyphs" }, ordered.slice(0, MOST_GLYPHS).map((sample) => glyph(store, sample)), ordered.length > MOST_GLYPHS ? `and ${ordered.length - MOST_GLYPHS} more` : null),
      h("span", { class: "said" }, `best ${number(best.reward, { sign: true, digits: 2 })}`),
      before ? h("button", { type: "button", class: "quiet", onclick: () => showChange(source, before.best, best, change) }, "how the best changed") : null),
    change);
}

function rank(sample) {
  return OUTCOMES.indexOf(outcomeOf(sample));
}

function glyph(store, sample) {
  const outcome = outcomeOf(sample);
  const title = `${outcome.label}${sample.error_type ? `: ${inline(sample.error_type)}` : ""}, reward ${number(sample.reward, { sign: true, digits: 2 })}`;
  return h("button", { type: "button", class: `badge outcome-${sample.outcome}`, title, "aria-label": title, "data-seq": sample.seq, onclick: () => store.update({ selected: sample.seq, follow: false }) }, outcome.glyph);
}

/** What the outcomes were at first and are at last. */
function flowText(visits) {
  const shares = (visit) => OUTCOMES.map(({ key, label }) => [label, visit.samples.filter((sample) => sample.outcome === key).length]).filter(([, count]) => count).map(([label, count]) => `${count} ${label}`).join(", ");
  return h("p", { class: "said" }, visits.length > 1 ? `first ${shares(visits[0])}; last ${shares(visits.at(-1))}` : shares(visits[0]));
}

async function showChange(source, before, after, place) {
  try {
    const [left, right] = await Promise.all([source.record(before.seq), source.record(after.seq)]);
    const texts = [left, right].map((record) => record.program.split("\n"));
    const equal = ([old, fresh]) => old !== null && fresh !== null && texts[0][old] === texts[1][fresh];
    const lines = folded(alignLines(...texts), equal).flatMap((pair) => {
      if (pair.skipped) return [["…", `${pair.skipped} ${pair.what}`]];
      const [old, fresh] = pair;
      if (old !== null && fresh !== null && texts[0][old] === texts[1][fresh]) return [[" ", texts[0][old]]];
      return [old === null ? null : ["−", texts[0][old]], fresh === null ? null : ["+", texts[1][fresh]]].filter(Boolean);
    });
    const sames = lines.every(([sign]) => sign === " ");
    replace(place, sames ? h("p", { class: "said" }, "the same program") : h("div", { class: "diff" }, lines.map(([sign, text]) => h("div", { class: sign === "+" ? "added" : sign === "−" ? "removed" : "kept" }, `${sign} ${visible(text)}`))));
  } catch (error) {
    replace(place, h("p", { class: "said" }, String(error.message ?? error)));
  }
}
