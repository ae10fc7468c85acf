// Curves on a canvas, by uPlot: axes, log scale, zoom by dragging, a cross that follows the pointer in all charts at once.
// Not here: legends, readings, keys (chart). Where there is no canvas the readings stand alone.

import { h, number } from "./dom.js";
import { duration, elapsed, joined, nearest, smoothed, stacked } from "./series.js";
import { uPlot } from "./vendor/uplot.js";

const HEIGHTS = { full: 132, small: 56 };
const DASHES = [[6, 3], [2, 3], [8, 3, 2, 3], [12, 4]];
const DRAGGED = 6; // pixels from which on a drag is a zoom and not a click

/** Draws one chart into `box`; colours are read off its `legend`. */
export function plot(store, box, legend) {
  if (typeof window === "undefined" || !document.createElement("canvas").getContext?.("2d")) return { paint() {}, close() {} };
  const cross = ["hover", "chosen"].map((kind) => h("div", { class: `cross ${kind}` }));
  let chart = null;
  let made = "";
  let shown = null; // what is drawn: {xs, steps, percent}
  const close = () => {
    chart?.destroy();
    chart = null;
  };
  const paint = ({ state, entry, curves, format, same, steps }) => {
    const width = box.clientWidth;
    if (!width) return;
    const height = HEIGHTS[state.charts.size] ?? HEIGHTS.full;
    const look = getComputedStyle(box);
    const colours = [...legend.querySelectorAll(".entry.curve")].map((part) => getComputedStyle(part).getPropertyValue("--tone").trim());
    const key = JSON.stringify([curves.map(({ name, run }) => [name, run]), state.charts.size, state.charts.log, state.charts.over, Boolean(state.charts.smoothing), look.color, colours]);
    if (key !== made || !chart || !same || state.charts.zoom !== shown?.zoom) {
      const drawn = columnsOf(curves, entry, state);
      if (key !== made || !chart) {
        close();
        made = key;
        chart = new uPlot(options({ store, entry, curves, colours, look, width, height, format, drawn: () => shown, state }), drawn.data, box);
        chart.over.append(...cross);
      }
      shown = { ...drawn, steps, zoom: state.charts.zoom };
      chart.setData(drawn.data, false);
      const [first, last] = [drawn.data[0][0] ?? 0, drawn.data[0].at(-1) ?? 1];
      const [low, high] = state.charts.zoom ?? [first, last];
      chart.setScale("x", { min: low, max: high > low ? high : low + 1 });
    }
    if (chart.width !== width || chart.height !== height) chart.setSize({ width, height });
    [state.hoverStep, state.filters.step].forEach((step, place) => {
      cross[place].hidden = step === null || step === undefined;
      if (!cross[place].hidden) cross[place].style.left = `${chart.valToPos(shown.placeOf(step), "x")}px`;
    });
  };
  return { paint, close };
}

/** The chart's data, and where a step lies on its axis. */
function columnsOf(curves, entry, state) {
  const { over, smoothing } = state.charts;
  const times = over === "time" ? elapsed(state.metrics) : null;
  const placeOf = (step) => (times ? nearest(times, step)[1] : step);
  const lines = curves.map(({ points, points: raw, name }) => (smoothing && !entry.stacked && !name.startsWith("held_out/") ? smoothed(points, smoothing) : raw));
  const own = curves.map((curve, place) => (times && !curve.run ? lines[place].map(([step, value]) => [placeOf(step), value]) : lines[place]));
  const raw = smoothing && !entry.stacked ? curves.map((curve) => (times && !curve.run ? curve.points.map(([step, value]) => [placeOf(step), value]) : curve.points)) : [];
  const [xs, ...columns] = joined([...own, ...raw]);
  return { data: [xs, ...(entry.stacked ? stacked(columns) : columns)], placeOf, stepOf: (place) => (times ? times.reduce((best, point) => (Math.abs(point[1] - place) < Math.abs(best[1] - place) ? point : best))[0] : place) };
}

function options({ store, entry, curves, colours, look, width, height, format, drawn, state }) {
  const { size, log, over, smoothing } = state.charts;
  const [text, faint, line] = ["color", "--faint", "--line"].map((name) => (name === "color" ? look.color : look.getPropertyValue(name).trim()));
  const small = size === "small";
  const font = "10.5px system-ui, sans-serif";
  const axis = { stroke: text, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, show: !small };
  const series = curves.map((curve, place) => seriesOf(curve, colours[place], entry));
  const raw = smoothing && !entry.stacked ? curves.map((curve, place) => ({ stroke: colours[place], width: 1, alpha: 0.3, points: { show: false }, spanGaps: true })) : [];
  const bands = entry.stacked ? curves.slice(1).map((_, place) => ({ series: [place + 2, place + 1] })) : [];
  const select = (chart) => {
    const [from, wide] = [chart.select.left, chart.select.width];
    const zoom = wide >= DRAGGED ? [chart.posToVal(from, "x"), chart.posToVal(from + wide, "x")] : null;
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (zoom) store.update({ charts: { ...store.get().charts, zoom } });
  };
  const ready = (chart) => {
    let pressed = 0;
    const stepAt = (left) => nearest(drawn().steps.map((step) => [step]), drawn().stepOf(chart.posToVal(left, "x")))[0];
    chart.over.addEventListener("pointerdown", (event) => (pressed = event.clientX));
    chart.over.addEventListener("pointermove", (event) => drawn().steps.length && store.update({ hoverStep: stepAt(event.offsetX) }));
    chart.over.addEventListener("pointerleave", () => store.update({ hoverStep: null }));
    chart.over.addEventListener("click", (event) => Math.abs(event.clientX - pressed) < DRAGGED && drawn().steps.length && filterStep(store, stepAt(event.offsetX)));
    chart.over.addEventListener("dblclick", () => store.update({ charts: { ...store.get().charts, zoom: null } }));
  };
  return {
    width, height, legend: { show: false }, padding: small ? [4, 4, 4, 4] : [8, 10, 0, 0],
    cursor: { x: false, y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { time: false }, y: scaleOfY(entry, log) },
    axes: [{ ...axis, size: 22, space: 60, values: (_, splits) => splits.map((value) => (over === "time" ? duration(value) : number(value))) }, { ...axis, size: 44, space: 34, values: (_, splits) => splits.map((value) => (value === null ? "" : format(value).replace(" s", ""))) }],
    series: [{}, ...series, ...raw], bands, hooks: { setSelect: [select], ready: [ready], draw: entry.stacked && !small ? [(chart) => glyphs(chart, curves)] : [] },
  };
}

/** Each band's glyph where the band is thickest: bands are told apart without colour. */
function glyphs(chart, curves) {
  const { ctx, data } = chart;
  const scale = devicePixelRatio || 1;
  ctx.save();
  Object.assign(ctx, { fillStyle: "#10151b", textAlign: "center", textBaseline: "middle", font: `600 ${12 * scale}px system-ui, sans-serif` });
  curves.forEach(({ glyph }, place) => {
    const thick = (at) => data[place + 1][at] - (place ? data[place][at] : 0);
    const widest = data[0].reduce((best, _, at) => (thick(at) > thick(best) ? at : best), 0);
    const [top, bottom] = [data[place + 1][widest], place ? data[place][widest] : 0].map((value) => chart.valToPos(value, "y", true));
    if (!glyph || bottom - top < 14 * scale) return;
    const x = Math.min(Math.max(chart.valToPos(data[0][widest], "x", true), chart.bbox.left + 10 * scale), chart.bbox.left + chart.bbox.width - 10 * scale);
    ctx.fillText(glyph, x, (top + bottom) / 2);
  });
  ctx.restore();
}

function seriesOf({ name, tone, run }, colour, entry) {
  if (entry.stacked) return { stroke: colour, width: 1, fill: colour, points: { show: false } };
  const few = name.startsWith("held_out/");
  const dash = run ? DASHES[(run - 1) % DASHES.length] : few ? [4, 3] : undefined;
  return { stroke: colour, width: few ? 1.25 : 2, dash, spanGaps: true, points: { show: few, size: 7, fill: tone === "greedy" ? undefined : colour } };
}

/** A range around values with some room; also around one that is constant but for rounding. */
export function yRange(least, most) {
  const size = Math.max(Math.abs(least), Math.abs(most));
  const room = (most - least > 1e-6 * size ? most - least : size || 1) * 0.06;
  return [least >= 0 && least - room < 0 ? 0 : least - room, most + room];
}

function scaleOfY(entry, log) {
  const range = (_, low, high) => {
    if (low === null) return [0, 1];
    return yRange(entry.stacked ? 0 : low, high);
  };
  return log && !entry.stacked ? { distr: 4, asinh: 0.01 } : { range };
}

/** Show the samples of a step, or of all steps again. */
export function filterStep(store, step) {
  const { filters } = store.get();
  store.update({ filters: { ...filters, step: filters.step === step ? null : step }, follow: false });
}
