// All problems of the run as a table: how many of each one's samples pass now, at first, and over time.
// Not here: one problem's programs (history, group).

import { h, keyedChildren, middleCut, number, percent, replace, svg } from "./dom.js";

const MOST_PROBLEMS = 300; // rows drawn; the others are found by sorting or typing
const SPARK = { width: 90, height: 18, points: 24 };
const SELDOM_COUNTED = 2000; // milliseconds between two counts while a run grows

/** Problems as rows `{problem, samples, visits, first, now, rate, reward, step, curve}`; rates are shares of samples that passed. */
export function problemRows(samples) {
  const problems = new Map();
  for (const sample of samples) {
    if (!problems.has(sample.problem_id)) problems.set(sample.problem_id, new Map());
    const visits = problems.get(sample.problem_id);
    const visit = visits.get(sample.step) ?? { step: sample.step, count: 0, passed: 0, reward: 0 };
    visit.count += 1;
    visit.passed += sample.outcome === "passed";
    visit.reward += sample.reward;
    visits.set(sample.step, visit);
  }
  return [...problems].map(([problem, visits]) => {
    const ordered = [...visits.values()].sort((left, right) => left.step - right.step);
    const sum = (key) => ordered.reduce((total, visit) => total + visit[key], 0);
    const curve = ordered.map((visit) => [visit.step, visit.passed / visit.count]);
    const [first, now] = [curve[0][1], curve.at(-1)[1]];
    return { problem, samples: sum("count"), visits: ordered.length, first, now, change: now - first, rate: sum("passed") / sum("count"), reward: sum("reward") / sum("count"), step: ordered.at(-1).step, curve };
  });
}

const COLUMNS_OF_PROBLEMS = [
  { key: "problem", label: "problem" },
  { key: "samples", label: "samples" },
  { key: "visits", label: "visits" },
  { key: "first", label: "passed at first", format: percent },
  { key: "now", label: "passed now", format: percent },
  { key: "change", label: "change", format: (value) => (value > 0 ? "+" : "") + percent(value) },
  { key: "rate", label: "passed in all", format: percent },
  { key: "reward", label: "mean reward", format: (value) => number(value, { sign: true, digits: 2, fixed: true }) },
  { key: "step", label: "last step" },
];

/** The problems panel. */
export function problemsPanel(store) {
  const find = h("input", { type: "text", placeholder: "problem…", "aria-label": "find a problem", oninput: () => draw() });
  const said = h("span", { class: "said", role: "status" });
  const heads = COLUMNS_OF_PROBLEMS.map(({ key, label }) => h("th", { scope: "col" }, h("button", { type: "button", class: "quiet", onclick: () => order(key) }, label)));
  const list = h("tbody", {});
  const body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "table of problems" },
    h("table", { class: "tokens problems" }, h("thead", {}, h("tr", {}, heads, h("th", { scope: "col" }, "over time"))), list));
  const showRows = keyedChildren(list, (row) => problemRow(store, row), (left, right) => COLUMNS_OF_PROBLEMS.every(({ key }) => left[key] === right[key]));
  const element = h("div", { class: "page-problems" }, h("div", { class: "bar-line" }, find, said), body);
  let rows = [];
  let painted = null;
  let counted = 0;
  let sort = { key: "now", way: 1 };
  const order = (key) => {
    sort = { key, way: sort.key === key ? -sort.way : key === "problem" ? 1 : -1 };
    draw();
  };
  const draw = () => {
    const wanted = find.value.trim().toLowerCase();
    const kept = rows.filter((row) => row.problem.toLowerCase().includes(wanted));
    kept.sort((left, right) => sort.way * (left[sort.key] < right[sort.key] ? -1 : left[sort.key] > right[sort.key] ? 1 : 0) || (left.problem < right.problem ? -1 : 1));
    replace(said, `${kept.length} problems${kept.length > MOST_PROBLEMS ? `, the first ${MOST_PROBLEMS} in this order` : ""}`);
    COLUMNS_OF_PROBLEMS.forEach(({ key }, place) => heads[place].setAttribute("aria-sort", key === sort.key ? (sort.way > 0 ? "ascending" : "descending") : "none"));
    showRows(kept.slice(0, MOST_PROBLEMS).map((row) => [row.problem, row]));
  };
  const paint = ({ samples }) => {
    if (painted === samples || (painted && Date.now() - counted < SELDOM_COUNTED)) return;
    painted = samples;
    counted = Date.now();
    rows = problemRows(samples);
    draw();
  };
  return { element, paint };
}

function problemRow(store, row) {
  const choose = () => {
    const { samples, filters } = store.get();
    const newest = samples.findLast((sample) => sample.problem_id === row.problem);
    store.update({ filters: { ...filters, problem: row.problem }, selected: newest.seq, follow: false, page: "group" });
  };
  const cells = COLUMNS_OF_PROBLEMS.slice(1).map(({ key, format = String }) => h("td", {}, format(row[key])));
  return h("tr", {}, h("th", { scope: "row" }, h("button", { type: "button", class: "quiet", onclick: choose }, middleCut(row.problem))), cells, h("td", {}, spark(row.curve)));
}

function spark(curve) {
  const stride = Math.ceil(curve.length / SPARK.points);
  const points = curve.filter((_, place) => (curve.length - 1 - place) % stride === 0);
  const x = (place) => 2 + (place / Math.max(1, points.length - 1)) * (SPARK.width - 4);
  const y = (rate) => SPARK.height - 2 - rate * (SPARK.height - 4);
  const path = points.map(([, rate], place) => `${place ? "L" : "M"}${x(place).toFixed(1)} ${y(rate).toFixed(1)}`).join("");
  return svg("svg", { class: "spark", width: SPARK.width, height: SPARK.height, role: "img", "aria-label": points.map(([step, rate]) => `step ${step}: ${percent(rate)}`).join(", ") },
    svg("path", { d: points.length > 1 ? path : `${path}h${SPARK.width - 4}` }));
}
