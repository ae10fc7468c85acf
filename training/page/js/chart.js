// One chart: its curves' names and readings, a slider over its steps for keys and screen readers, and the plot.
// Not here: which charts there are (charts), lines on a canvas (plot).

import { h, inline, replace } from "./dom.js";
import { axisFormatOf, firstNames, formatOf, KNOWN, metricOptions } from "./metrics.js";
import { filterStep, plot } from "./plot.js";
import { joined, nearest, valueAt } from "./series.js";

const TONES = ["reward", "held", "pass", "greedy", "time-sample", "time-wait"];
const SPEEDS = [["tokens_per_second", "tokens/s"], ["padding_share", "padding"], ["flops_utilisation", "FLOP utilisation"], ["memory/peak_gib", "peak GiB"]];

/** The chart of the entry `id` in the store's list. */
export function chart(store, id) {
  const title = h("span", { class: "title" });
  const legend = h("div", { class: "legend" });
  const box = h("div", { class: "plot", tabindex: "0", role: "slider" });
  const more = h("select", { class: "quiet", "aria-label": "add a curve", onchange: () => change(store, id, (names) => [...names, more.value]) });
  const away = h("button", { type: "button", class: "quiet", title: "remove this chart", "aria-label": "remove this chart", onclick: () => remove(store, id) }, "×");
  const element = h("figure", { class: "chart" }, h("figcaption", {}, h("span", { class: "head" }, title, h("span", { class: "tools" }, more, away)), legend), box);
  const drawing = plot(store, box, legend);
  let steps = [];
  let painted = null;
  let offered = "";
  box.addEventListener("keydown", (event) => chartKey(store, steps, event));
  const paint = (state) => {
    const entry = state.charts.list.find((each) => each.id === id);
    const names = (entry.names ?? firstNames(state.metrics)).filter((name) => state.metrics.get(name)?.length);
    const curves = curvesOf(names, entry, state);
    element.hidden = !curves.length && !entry.id.startsWith("own");
    const same = painted && painted.entry === entry && painted.beside === state.beside && painted.charts === state.charts && painted.size === curves.length && curves.every((curve, place) => curve.points === painted.curves[place].points);
    if (!same) steps = joined(curves.filter((curve) => !curve.run).map((curve) => curve.points))[0];
    if (!same || painted.hoverStep !== state.hoverStep) {
      replace(title, inline(entry.title));
      const readings = curves.map(({ name, points }) => formatOf(name)(valueAt(points, state.hoverStep)));
      replace(legend, curves.map((curve, place) => legendEntry(store, id, curve, readings[place])), id === "time" ? speedsOf(state).map(([label, text]) => h("span", { class: "entry" }, `${label} `, h("b", {}, text))) : null);
      speak(box, entry, { steps, state, said: [...curves.map((curve, place) => `${curve.label} ${readings[place]}`), ...(id === "time" ? speedsOf(state).map((pair) => pair.join(" ")) : [])] });
    }
    const rest = [...state.metrics.keys()].filter((name) => !names.includes(name)).sort();
    if (offered !== rest.join() && document.activeElement !== more) {
      offered = rest.join();
      replace(more, h("option", { value: "" }, "+ curve"), metricOptions(rest));
    }
    drawing.paint({ state, entry, curves, format: axisFormatOf(names), same, steps });
    painted = { entry, curves, size: curves.length, beside: state.beside, charts: state.charts, hoverStep: state.hoverStep };
  };
  return { id, element, paint, close: drawing.close };
}

function curvesOf(names, entry, state) {
  const shown = entry.stacked ? names.filter((name) => state.metrics.get(name).some((point) => point[1] !== 0)) : names;
  const own = shown.map((name, place) => ({ name, label: name, tone: TONES[place % TONES.length], ...KNOWN[name], points: state.metrics.get(name) }));
  if (entry.stacked) return own;
  const others = state.beside.flatMap((run, place) => own.filter(({ name }) => run.metrics.get(name)?.length).map((curve) => ({ ...curve, run: place + 1, label: `${run.name}: ${curve.label}`, points: run.metrics.get(curve.name) })));
  return [...own, ...others];
}

function legendEntry(store, id, { name, label, tone, glyph, run }, reading) {
  const mark = glyph ? h("span", { class: "glyph", "aria-hidden": "true" }, glyph) : h("span", { class: `swatch${run ? " dashed" : ""}`, "aria-hidden": "true" });
  const drop = run || glyph ? null : h("button", { type: "button", class: "quiet drop", title: `remove ${inline(label)}`, "aria-label": `remove ${inline(label)}`, onclick: () => change(store, id, (names) => names.filter((each) => each !== name)) }, "×");
  return h("span", { class: `entry curve ${tone}` }, mark, `${inline(label)} `, h("b", {}, reading), drop);
}

function speedsOf({ metrics, hoverStep }) {
  return SPEEDS.filter(([name]) => metrics.get(name)?.length).map(([name, label]) => [label, formatOf(name)(valueAt(metrics.get(name), hoverStep))]);
}

function speak(box, entry, { steps, state, said }) {
  const step = state.hoverStep ?? steps.at(-1) ?? 0;
  const values = { valuemin: steps[0] ?? 0, valuemax: steps.at(-1) ?? 0, valuenow: step, valuetext: steps.length ? `step ${step}: ${said.join(", ")}` : "no values yet", label: `${inline(entry.title)} by step; Enter shows that step's samples` };
  for (const [name, value] of Object.entries(values)) box.setAttribute(`aria-${name}`, value);
}

function change(store, id, make) {
  const { charts, metrics } = store.get();
  const list = charts.list.map((each) => (each.id === id ? { ...each, names: make(each.names ?? firstNames(metrics)).filter(Boolean) } : each));
  store.update({ charts: { ...charts, list } });
}

function remove(store, id) {
  const { charts } = store.get();
  store.update({ charts: { ...charts, list: charts.list.filter((each) => each.id !== id) } });
}

function chartKey(store, steps, event) {
  const { hoverStep } = store.get();
  const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  if (!steps.length) return;
  const here = nearest(steps.map((step) => [step]), hoverStep ?? steps.at(-1))[0];
  if (event.key in moves) {
    const next = Math.min(Math.max(steps.indexOf(here) + moves[event.key], 0), steps.length - 1);
    store.update({ hoverStep: steps[next] });
  } else if (event.key === "Enter") filterStep(store, here);
  else if (event.key === "Escape") store.update({ hoverStep: null });
  else return;
  event.preventDefault();
  event.stopPropagation();
}
