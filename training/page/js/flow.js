// The flow of one problem's error classes: which share of its samples each class had at each step, and into what it turned.
// Samples of two steps are different programs, so a band is an estimate: the least change that explains the two shares.
// Not here: the programs themselves (history).

import { h, inline, percent, svg } from "./dom.js";
import { OUTCOMES, outcomeOf } from "./samples.js";

const MOST_COLUMNS = 12;
const MOST_CLASSES = 7; // the others are one class, "other errors"
const OTHER_ERRORS = "other errors";
const FLOW_HEIGHT = 190;
const NODE_WIDTH = 16;
const FLOW_EDGE = { top: 6, bottom: 20, side: 4 };

/** A sample's class: its outcome, and for an error the type of it. */
export function classOf(sample) {
  const { key, label } = outcomeOf(sample);
  return key === "passed" || key === "failed" || key === "timeout" || key === "infra" ? label : sample.error_type || label;
}

/**
 * Visits `{step, samples}` as a flow: `columns` of `{first, last, shares}` (class -> share of 1), at most MOST_COLUMNS of them;
 * `classes` `{name, outcome}` in the order they are drawn; `links`, per pair of neighbouring columns, `{from, to, share}`.
 */
export function flowOf(visits) {
  const classes = classesOf(visits.flatMap((visit) => visit.samples));
  const known = new Set(classes.map((each) => each.name));
  const columns = binsOf(visits, MOST_COLUMNS).map((bin) => {
    const samples = bin.flatMap((visit) => visit.samples);
    const shares = new Map(classes.map(({ name }) => [name, 0]));
    for (const sample of samples) {
      const name = known.has(classOf(sample)) ? classOf(sample) : OTHER_ERRORS;
      shares.set(name, shares.get(name) + 1 / samples.length);
    }
    return { first: bin[0].step, last: bin.at(-1).step, shares };
  });
  return { columns, classes, links: columns.slice(1).map((column, place) => linksOf(columns[place].shares, column.shares)) };
}

function binsOf(visits, most) {
  const count = Math.min(most, visits.length);
  const cut = (place) => Math.floor((place * visits.length) / count);
  return Array.from({ length: count }, (_, place) => visits.slice(cut(place), cut(place + 1)));
}

function classesOf(samples) {
  const counts = new Map();
  for (const sample of samples) {
    const known = counts.get(classOf(sample)) ?? { name: classOf(sample), outcome: outcomeOf(sample).key, count: 0 };
    counts.set(known.name, { ...known, count: known.count + 1 });
  }
  const frequent = [...counts.values()].sort((left, right) => right.count - left.count);
  const kept = frequent.slice(0, frequent.length > MOST_CLASSES ? MOST_CLASSES - 1 : MOST_CLASSES);
  const rank = ({ outcome }) => OUTCOMES.findIndex((each) => each.key === outcome);
  kept.sort((left, right) => rank(left) - rank(right) || right.count - left.count);
  return [...kept, ...(frequent.length > kept.length ? [{ name: OTHER_ERRORS, outcome: "other" }] : [])].map(({ name, outcome }) => ({ name, outcome }));
}

/** What stays in a class stays; what a class loses goes to the classes that gain, in proportion to their gains. */
export function linksOf(before, after) {
  const gains = [...after].map(([name, share]) => [name, Math.max(0, share - before.get(name))]).filter(([, gain]) => gain > 1e-9);
  const total = gains.reduce((sum, [, gain]) => sum + gain, 0);
  return [...before].flatMap(([from, share]) => {
    const stays = Math.min(share, after.get(from));
    const lost = share - stays;
    const moved = lost > 1e-9 ? gains.map(([to, gain]) => ({ from, to, share: (lost * gain) / total })) : [];
    return [...(stays > 1e-9 ? [{ from, to: from, share: stays }] : []), ...moved];
  });
}

/** The diagram, its legend, what it says in a sentence, and the same as a table. */
export function flowDiagram(visits, width = 560) {
  const flow = flowOf(visits);
  const { columns, classes } = flow;
  const said = changesText(flow);
  const picture = svg("svg", { class: "flow", width, height: FLOW_HEIGHT, viewBox: `0 0 ${width} ${FLOW_HEIGHT}`, role: "img", "aria-label": `Flow of error classes. ${said}` }, flowShapes(flow, width));
  const legend = h("div", { class: "legend" }, classes.map(({ name, outcome }, place) =>
    h("span", { class: `entry outcome-${outcome}` }, h("span", { class: "glyph", "aria-hidden": "true" }, place + 1), `${inline(name)} `, h("b", {}, changeText(columns, name)))));
  return h("section", { class: "flow-of-classes", "aria-label": "flow of error classes" },
    h("h3", {}, "Flow of error classes"), picture, legend,
    h("p", { class: "said" }, "Samples of two steps are different programs: a band is the least change that explains the shares."),
    columns.length > 1 ? h("details", {}, h("summary", {}, "as a table"), flowTable(flow)) : null);
}

function changeText(columns, name) {
  const [first, last] = [columns[0].shares.get(name), columns.at(-1).shares.get(name)];
  return columns.length > 1 ? `${percent(first)} → ${percent(last)}` : percent(first);
}

function changesText({ columns, classes }) {
  return `${columnText(columns[0])} to ${columnText(columns.at(-1))}: ${classes.map(({ name }) => `${inline(name)} ${changeText(columns, name)}`).join(", ")}.`;
}

function columnText({ first, last }) {
  return first === last ? `step ${first}` : `steps ${first}–${last}`;
}

function flowShapes({ columns, classes, links }, width) {
  const inner = FLOW_HEIGHT - FLOW_EDGE.top - FLOW_EDGE.bottom;
  const x = (place) => (columns.length > 1 ? FLOW_EDGE.side + (place / (columns.length - 1)) * (width - 2 * FLOW_EDGE.side - NODE_WIDTH) : FLOW_EDGE.side);
  const number = new Map(classes.map(({ name }, place) => [name, place]));
  const tops = columns.map(({ shares }) => {
    let at = FLOW_EDGE.top + inner;
    return new Map(classes.map(({ name }) => [name, (at -= shares.get(name) * inner)]));
  });
  const bands = links.map((own, place) => {
    const [left, right] = [new Map(tops[place]), new Map(tops[place + 1])];
    const order = (link) => number.get(link.from) * classes.length + number.get(link.to);
    return [...own].sort((one, other) => order(other) - order(one)).map(({ from, to, share }) => {
      const [y, end, thick] = [left.get(from), right.get(to), share * inner];
      left.set(from, y + thick);
      right.set(to, end + thick);
      return svg("path", { class: `flow-band outcome-${classes[number.get(from)].outcome}`, d: bandPath([x(place) + NODE_WIDTH, y], [x(place + 1), end], thick) });
    });
  });
  const nodes = columns.map(({ shares }, place) => classes.filter(({ name }) => shares.get(name) > 0).map(({ name, outcome }) => {
    const [y, height] = [tops[place].get(name), shares.get(name) * inner];
    return svg("g", { class: `flow-node outcome-${outcome}` }, svg("rect", { x: x(place), y, width: NODE_WIDTH, height }),
      height >= 12 ? svg("text", { x: x(place) + NODE_WIDTH / 2, y: y + height / 2 + 4, "text-anchor": "middle" }, number.get(name) + 1) : null);
  }));
  const ends = columns.length > 1 ? [[0, "start"], [columns.length - 1, "end"]] : [[0, "start"]];
  const labels = ends.map(([place, anchor]) => svg("text", { class: "tick", x: anchor === "end" ? x(place) + NODE_WIDTH : x(place), y: FLOW_HEIGHT - 5, "text-anchor": anchor }, columnText(columns[place])));
  return [bands, nodes, labels];
}

function bandPath([x, y], [endX, endY], thick) {
  const middle = (x + endX) / 2;
  return `M${x} ${y}C${middle} ${y} ${middle} ${endY} ${endX} ${endY}V${endY + thick}C${middle} ${endY + thick} ${middle} ${y + thick} ${x} ${y + thick}Z`;
}

function flowTable({ columns, links }) {
  const rows = links.flatMap((own, place) => own.filter(({ from, to }) => from !== to).map(({ from, to, share }) =>
    h("tr", {}, h("td", {}, `${columnText(columns[place])} to ${columnText(columns[place + 1])}`), h("td", {}, inline(from)), h("td", {}, inline(to)), h("td", {}, percent(share)))));
  const head = h("tr", {}, ["when", "from", "to", "share of samples"].map((name) => h("th", { scope: "col" }, name)));
  return h("table", { class: "tokens flow-table" }, h("thead", {}, head), h("tbody", {}, rows.length ? rows : h("tr", {}, h("td", { colspan: 4 }, "nothing changed"))));
}
