// The strip of curves: reward, pass rate with held-out points, outcome classes and step time as stacked bands.
// Not here: what a click does beyond setting `hoverStep` and the step filter in the store.

import { h, number, percent, replace, svg } from "./dom.js";
import { OUTCOMES } from "./samples.js";
import { binned, nearest, niceRange, smoothed, stacked, valueAt } from "./series.js";

const HEIGHT = 132;
const EDGE = { left: 38, right: 10, top: 8, bottom: 18 };
const MOST_POINTS = 160;

const REWARD_CURVES = [{ name: "reward/mean", label: "mean reward", tone: "reward", smooth: true }];
const PASS_CURVES = [
  { name: "pass_rate", label: "training pass rate", tone: "pass", smooth: true },
  { name: "held_out/pass@1", label: "held-out pass@1", tone: "held", points: true },
  { name: "held_out/greedy", label: "held-out greedy", tone: "greedy", points: true, hollow: true },
];

const TIMES = [
  { name: "time/sample", label: "sample", tone: "time-sample", glyph: "S" },
  { name: "time/feedback_wait", label: "feedback wait", tone: "time-wait", glyph: "F" },
  { name: "time/learn", label: "learn", tone: "time-learn", glyph: "L" },
  { name: "time/other", label: "other", tone: "time-other", glyph: "O" },
];
const OUTCOME_BANDS = OUTCOMES.map(({ key, glyph }) => ({ name: `outcome/${key}`, label: key, tone: `outcome-${key}`, glyph }));
const SPEEDS = [
  ["tokens_per_second", "tokens/s", number],
  ["padding_share", "padding", percent],
  ["flops_utilisation", "FLOP utilisation", percent],
  ["memory/peak_gib", "peak GiB", number],
];

/** The charts as one panel. */
export function chartStrip(store) {
  const charts = [
    chart(store, "Reward", (state, frame) => curves(state.metrics, REWARD_CURVES, frame, number)),
    chart(store, "Pass rate", (state, frame) => curves(state.metrics, PASS_CURVES, frame, percent)),
    chart(store, "Outcomes", (state, frame) => bands(state.metrics, OUTCOME_BANDS, frame, percent, [0, 1])),
    chart(store, "Step time", stepTime),
  ];
  const element = h("section", { class: "charts", "aria-label": "curves" }, charts.map((each) => each.element));
  return { element, paint: (state) => charts.forEach((each) => each.paint(state)) };
}

function chart(store, title, draw) {
  const legend = h("div", { class: "legend" });
  const plot = h("div", { class: "plot", tabindex: "0", role: "slider" });
  const element = h("figure", { class: "chart" }, h("figcaption", {}, h("span", { class: "title" }, title), legend), plot);
  let frame = null;
  const move = (event) => frame && store.update({ hoverStep: frame.stepAt(event.clientX - plot.getBoundingClientRect().left) });
  plot.addEventListener("pointermove", move);
  plot.addEventListener("pointerleave", () => store.update({ hoverStep: null }));
  plot.addEventListener("click", () => frame && filterStep(store, frame.drawnStep(store.get().hoverStep)));
  plot.addEventListener("keydown", (event) => frame && chartKey(store, frame, event));
  const paint = (state) => {
    frame = { ...plotFrame(state, plot.clientWidth || 360), hoverStep: state.hoverStep };
    const drawing = draw(state, frame);
    replace(legend, drawing.legend);
    replace(plot, svg("svg", { width: frame.width, height: HEIGHT, "aria-hidden": "true" }, axes(frame, drawing), drawing.shapes, cross(frame, state)));
    const step = state.hoverStep ?? frame.last;
    const readings = drawing.readings.map(([label, text]) => `${label} ${text}`).join(", ");
    for (const [name, value] of Object.entries({ valuemin: frame.first, valuemax: frame.last, valuenow: step, valuetext: `step ${step}: ${readings}` })) {
      plot.setAttribute(`aria-${name}`, value);
    }
    plot.setAttribute("aria-label", `${title} by step; Enter shows that step's samples`);
  };
  return { element, paint };
}

function filterStep(store, step) {
  const { filters } = store.get();
  store.update({ filters: { ...filters, step: filters.step === step ? null : step }, follow: false });
}

function chartKey(store, frame, event) {
  const { hoverStep } = store.get();
  const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  if (event.key in moves) {
    const place = Math.max(0, frame.steps.indexOf(frame.drawnStep(hoverStep)));
    const next = Math.min(Math.max(place + moves[event.key], 0), frame.steps.length - 1);
    store.update({ hoverStep: frame.steps[next] });
  } else if (event.key === "Enter") filterStep(store, frame.drawnStep(hoverStep));
  else if (event.key === "Escape") store.update({ hoverStep: null });
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function plotFrame(state, width) {
  const steps = [...new Set([...state.metrics.values()].flatMap((points) => points.map((point) => point[0])))].sort((a, b) => a - b);
  const first = steps[0] ?? 0;
  const last = Math.max(steps.at(-1) ?? 1, first + 1);
  const x = (step) => EDGE.left + ((step - first) / (last - first)) * (width - EDGE.left - EDGE.right);
  const drawnStep = (step) => (steps.length ? nearest(steps.map((each) => [each]), step ?? last)[0] : null);
  const stepAt = (place) => drawnStep(first + ((place - EDGE.left) / (width - EDGE.left - EDGE.right)) * (last - first));
  return { steps, first, last, width, x, stepAt, drawnStep };
}

function scaleY([low, high]) {
  return (value) => EDGE.top + ((high - value) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
}

function axes(frame, { range, format }) {
  const y = scaleY(range);
  const middle = range[0] < 0 && range[1] > 0 ? 0 : (range[0] + range[1]) / 2;
  const marks = [range[0], middle, range[1]];
  return [
    marks.map((mark) => [
      svg("line", { class: mark === 0 ? "axis" : "grid", x1: EDGE.left, x2: frame.width - EDGE.right, y1: y(mark), y2: y(mark) }),
      svg("text", { class: "tick", x: EDGE.left - 5, y: y(mark) + 3.5, "text-anchor": "end" }, format(mark)),
    ]),
    svg("text", { class: "tick", x: EDGE.left, y: HEIGHT - 4 }, `step ${frame.first}`),
    svg("text", { class: "tick", x: frame.width - EDGE.right, y: HEIGHT - 4, "text-anchor": "end" }, frame.last),
  ];
}

function cross(frame, state) {
  return [
    ["hover", state.hoverStep],
    ["chosen", state.filters.step],
  ].map(([kind, step]) =>
    step === null || step === undefined ? null : svg("line", { class: `cross ${kind}`, x1: frame.x(step), x2: frame.x(step), y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
  );
}

function curves(metrics, specs, frame, format) {
  const drawn = specs
    .map((spec) => ({ ...spec, data: spec.points ? (metrics.get(spec.name) ?? []) : binned(metrics.get(spec.name) ?? [], MOST_POINTS) }))
    .filter((spec) => spec.data.length);
  const values = drawn.flatMap((spec) => spec.data.map((point) => point[1]));
  const range = format === percent ? [0, niceRange(values)[1]] : niceRange(values);
  const y = scaleY(range);
  const path = (points) => points.map(([step, value], place) => `${place ? "L" : "M"}${frame.x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const shapes = drawn.map((spec) => {
    const line = spec.smooth ? smoothed(spec.data) : spec.data;
    return svg("g", { class: `curve ${spec.tone}` }, [
      spec.smooth ? svg("path", { class: "raw", d: path(spec.data) }) : null,
      svg("path", { class: "line", d: path(line) }),
      spec.points ? spec.data.map(([step, value]) => diamond(frame.x(step), y(value), spec.hollow)) : null,
    ]);
  });
  const readings = drawn.map((spec) => [spec.label, format(valueAt(spec.data, frame.hoverStep))]);
  const legend = drawn.map((spec, place) =>
    h("span", { class: `entry ${spec.tone}` }, swatch(spec), `${readings[place][0]} `, h("b", {}, readings[place][1])),
  );
  return { shapes, range, format, readings, legend };
}

function swatch(spec) {
  return svg("svg", { class: `swatch curve ${spec.tone}`, width: 16, height: 10, "aria-hidden": "true" },
    svg("path", { class: "line", d: "M0 5H16" }), spec.points ? diamond(8, 5, spec.hollow) : null);
}

function diamond(x, y, hollow) {
  return svg("path", { class: hollow ? "point hollow" : "point", d: `M${x - 4} ${y}L${x} ${y - 4}L${x + 4} ${y}L${x} ${y + 4}Z` });
}

function bands(metrics, specs, frame, format, wholeRange) {
  const drawn = stacked(metrics, specs.map((spec) => spec.name), MOST_POINTS).map((band) => ({ ...specs.find((spec) => spec.name === band.key), points: band.points }));
  const range = wholeRange ?? niceRange(drawn.flatMap((band) => band.points.map((point) => point[2])));
  const y = scaleY(range);
  const shapes = drawn.map(({ points, tone, glyph }) => {
    const place = ([step, , high]) => `${frame.x(step).toFixed(1)} ${y(high).toFixed(1)}`;
    const below = points.map(([step, low]) => `${frame.x(step).toFixed(1)} ${y(low).toFixed(1)}`).reverse();
    const area = points.length > 1 ? `M${points.map(place).join("L")}L${below.join("L")}Z` : "";
    return svg("g", { class: `band ${tone}` }, svg("path", { class: "area", d: area }), bandGlyph(glyph, points, frame, y));
  });
  const readings = drawn.map(({ name, label }) => [label, format(valueAt(metrics.get(name), frame.hoverStep))]);
  const legend = drawn.map(({ tone, glyph }, place) =>
    h("span", { class: `entry ${tone}` }, h("span", { class: "glyph", "aria-hidden": "true" }, glyph), `${readings[place][0]} `, h("b", {}, readings[place][1])),
  );
  return { shapes, range, format, readings, legend };
}

/** Where the seconds of a step went, and what they bought. */
function stepTime(state, frame) {
  const drawing = bands(state.metrics, TIMES, frame, (seconds) => `${number(seconds)} s`);
  const speeds = SPEEDS.filter(([name]) => state.metrics.get(name)?.length).map(([name, label, format]) => [label, format(valueAt(state.metrics.get(name), frame.hoverStep))]);
  const entries = speeds.map(([label, text]) => h("span", { class: "entry" }, `${label} `, h("b", {}, text)));
  return { ...drawing, readings: [...drawing.readings, ...speeds], legend: [...drawing.legend, ...entries] };
}

/** The band's glyph where it is thickest: bands are told apart without colour. */
function bandGlyph(glyph, points, frame, y) {
  const thickest = points.reduce((best, point) => (point[2] - point[1] > best[2] - best[1] ? point : best));
  const [step, low, high] = thickest;
  if (y(low) - y(high) < 14) return null;
  const x = Math.min(Math.max(frame.x(step), EDGE.left + 10), frame.width - EDGE.right - 10);
  return svg("text", { class: "glyph", x, y: (y(low) + y(high)) / 2 + 4, "text-anchor": "middle" }, glyph);
}
