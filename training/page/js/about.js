// What a run was: model, data, machine, duration, the command to do it again, its whole configuration; beside other runs, what differs.
// Not here: where that is read (training/page/about.py).

import { copyText, h, inline, number, percent, replace } from "./dom.js";

/** The run panel. */
export function aboutPanel(store, source) {
  const facts = h("div", {});
  const table = h("div", {}); // drawn anew with every step; what has buttons is not
  const body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "the run and its configuration" }, facts, table);
  const element = h("div", { class: "page-about" }, body);
  let painted = null;
  const paint = ({ about, beside, siblings, metrics, run }) => {
    const last = lastValues(metrics);
    const same = painted?.about === about && painted?.beside === beside && painted?.siblings === siblings;
    if (same && painted.last === last) return;
    painted = { about, beside, siblings, last };
    if (!same) replace(facts, about ? [factsOf(about), chooser(store, source, siblings, beside)] : h("p", { class: "empty" }, "Nothing is written of how this run was made."));
    replace(table, about ? comparisonOfRuns([{ name: run?.name ?? "this run", about, metrics }, ...beside]) : null);
  };
  return { element, paint };
}

function factsOf({ facts, command }) {
  const said = h("span", { class: "said", role: "status" });
  return [
    h("dl", { class: "about" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, inline(name)), h("dd", {}, inline(value))))),
    command ? h("p", { class: "command" }, h("code", {}, inline(command)), " ", h("button", { type: "button", class: "quiet", onclick: () => copyText(command, said) }, "Copy command"), said) : null,
  ];
}

function chooser(store, source, siblings, beside) {
  if (!source.beside || !siblings.length) return null;
  const said = h("span", { class: "said", role: "status" });
  const pick = h("select", { "aria-label": "draw another run beside this one", onchange: async () => {
    const name = pick.value;
    if (!name) return;
    try {
      const other = await source.beside(name);
      store.update({ beside: [...store.get().beside.filter((each) => each.name !== name), other] });
    } catch (error) {
      replace(said, String(error.message ?? error));
    }
  } }, h("option", { value: "" }, "+ another run beside this one"), siblings.filter((name) => !beside.some((each) => each.name === name)).map((name) => h("option", { value: name }, inline(name))));
  const drop = beside.map(({ name }) => h("button", { type: "button", onclick: () => store.update({ beside: store.get().beside.filter((each) => each.name !== name) }) }, `${inline(name)} ×`));
  return h("div", { class: "bar-line" }, pick, drop, said);
}

const RESULTS = ["held_out/pass@1", "held_out/greedy", "pass_rate", "reward/mean"];

function lastValues(metrics) {
  return RESULTS.map((name) => metrics.get(name)?.at(-1)?.[1]).join();
}

function comparisonOfRuns(runs) {
  const keys = [...new Set(runs.flatMap(({ about }) => Object.keys(about?.config ?? {})))];
  const differing = new Set(keys.filter((key) => new Set(runs.map(({ about }) => about?.config?.[key])).size > 1));
  const ordered = [...keys.filter((key) => differing.has(key)), ...keys.filter((key) => !differing.has(key))];
  const results = RESULTS.filter((name) => runs.some(({ metrics }) => metrics.get(name)?.length));
  const resultRow = (name) => h("tr", {}, h("th", { scope: "row" }, inline(name)), runs.map(({ metrics }) => h("td", {}, ends(metrics.get(name), name))));
  const keyRow = (key) => h("tr", { class: differing.has(key) ? "differs" : "" }, h("th", { scope: "row" }, inline(key)), runs.map(({ about }) => h("td", {}, inline(about?.config?.[key] ?? "–"))));
  return [
    runs.length > 1 ? h("p", { class: "said" }, `${differing.size} of ${keys.length} keys of the configuration differ; they come first.`) : null,
    h("table", { class: "tokens about-table" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "first → last, then configuration"), runs.map(({ name }) => h("th", { scope: "col" }, inline(name))))), h("tbody", {}, results.map(resultRow), ordered.map(keyRow))),
  ];
}

function ends(points, name) {
  if (!points?.length) return "–";
  const format = name === "reward/mean" ? (value) => number(value, { sign: true, digits: 2 }) : percent;
  return points.length > 1 ? `${format(points[0][1])} → ${format(points.at(-1)[1])}` : format(points[0][1]);
}
