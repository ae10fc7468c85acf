// The strip of charts: which curves each shows, and what holds for all: smoothing, log scale, zoom, steps or time, size.
// Not here: one chart (chart), drawing it (plot).

import { chart } from "./chart.js";
import { h, inline, replace } from "./dom.js";
import { metricOptions } from "./metrics.js";
import { elapsed } from "./series.js";

/** The charts as one panel. */
export function chartStrip(store) {
  const strip = h("div", { class: "charts" });
  const bar = toolbar(store);
  const element = h("section", { class: "curves", "aria-label": "curves" }, bar.element, strip);
  let charts = [];
  const paint = (state) => {
    const { list, size } = state.charts;
    element.dataset.size = size;
    if (charts.map(({ id }) => id).join() !== list.map(({ id }) => id).join()) {
      const known = new Map(charts.map((each) => [each.id, each]));
      charts.forEach((each) => list.some(({ id }) => id === each.id) || each.close());
      charts = list.map(({ id }) => known.get(id) ?? chart(store, id));
      replace(strip, charts.map((each) => each.element));
    }
    bar.paint(state);
    if (size === "none") return;
    charts.forEach((each) => each.paint(state));
  };
  return { element, paint, close: () => charts.forEach((each) => each.close()) };
}

const SIZES = [["full", "large"], ["small", "small"], ["none", "hidden"]];

function toolbar(store) {
  const set = (change) => store.update({ charts: { ...store.get().charts, ...change } });
  const smoothing = h("input", { type: "range", min: 0, max: 50, step: 1, "aria-label": "smoothing", oninput: (event) => set({ smoothing: Number(event.target.value) }) });
  const log = h("input", { type: "checkbox", onchange: (event) => set({ log: event.target.checked }) });
  const over = h("select", { "aria-label": "horizontal axis", onchange: (event) => set({ over: event.target.value, zoom: null }) }, h("option", { value: "step" }, "by step"), h("option", { value: "time" }, "by time"));
  const sizes = h("select", { "aria-label": "size of the charts", onchange: (event) => set({ size: event.target.value }) }, SIZES.map(([value, label]) => h("option", { value }, label)));
  const add = h("select", { "aria-label": "add a chart", onchange: () => addChart() });
  const whole = h("button", { type: "button", class: "quiet", onclick: () => set({ zoom: null }) }, "whole run");
  const element = h("div", { class: "chart-bar" }, h("label", {}, "charts ", sizes), h("label", {}, "smoothing ", smoothing), h("label", {}, log, " log scale"), over, add, whole, h("span", { class: "said hint" }, "drag to zoom"));
  const addChart = () => {
    const name = add.value;
    add.value = "";
    const { list } = store.get().charts;
    const id = `own-${list.reduce((most, each) => Math.max(most, Number(each.id.slice(4)) || 0), 0) + 1}`;
    if (name) set({ list: [...list, { id, title: name, names: [name] }] });
  };
  let known = null;
  const paint = ({ charts, metrics }) => {
    const names = [...metrics.keys()].sort();
    if (known !== names.join()) {
      known = names.join();
      replace(add, h("option", { value: "" }, "+ chart"), metricOptions(names));
    }
    smoothing.value = String(charts.smoothing);
    log.checked = charts.log;
    over.value = charts.over;
    over.hidden = elapsed(metrics) === null;
    sizes.value = charts.size;
    whole.hidden = charts.zoom === null;
    for (const part of [...element.children].slice(1)) part.classList.toggle("away", charts.size === "none");
  };
  return { element, paint };
}
