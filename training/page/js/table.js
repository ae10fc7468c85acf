// Every token as a row of numbers: the heat map without colour, and as CSV.
// Not here: what a number is made of (inspector).

import { copyText, h, inline, number, replace, saveText } from "./dom.js";
import { componentsOf, tokenCsv, tokenValue } from "./record.js";

const MOST_ROWS = 2000;

/** The table panel. */
export function tokenTable(store) {
  const said = h("span", { class: "said", role: "status" });
  const copy = h("button", { type: "button", onclick: () => copyText(tokenCsv(store.get().record), said) }, "Copy as CSV");
  const save = h("button", { type: "button", onclick: () => saveText(tokenCsv(store.get().record), "tokens.csv", "text/csv") }, "Save CSV");
  const body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "table of tokens" });
  const element = h("div", { class: "page-tokens" }, h("div", { class: "bar-line" }, copy, save, said), body);
  let painted = null;
  let sort = { column: null, way: 1 };
  const order = (column) => {
    sort = { column, way: sort.column === column ? -sort.way : 1 };
    painted = null;
    paint(store.get());
  };
  const paint = ({ record, token }) => {
    if (painted?.record !== record) replace(body, record?.tokens?.length ? table(record, sort, order, (chosen) => store.update({ token: chosen, follow: false })) : h("p", { class: "empty" }, "No tokens."));
    if (painted?.record !== record || painted?.token !== token) {
      for (const row of body.querySelectorAll("tr[data-token]")) row.classList.toggle("selected", Number(row.dataset.token) === token);
    }
    painted = { record, token };
  };
  return { element, paint };
}

function table(record, { column, way }, order, choose) {
  const columns = componentsOf(record).filter(({ key }) => record.tokens.some((token) => tokenValue(token, key) !== null));
  const places = record.tokens.map((_, place) => place);
  if (column !== null) places.sort((left, right) => way * ((tokenValue(record.tokens[left], column) ?? 0) - (tokenValue(record.tokens[right], column) ?? 0)));
  const head = h("tr", {}, h("th", { scope: "col" }, "#"), h("th", { scope: "col", class: "piece" }, "text"), h("th", { scope: "col" }, "id"),
    columns.map(({ key, label }) => h("th", { scope: "col", "aria-sort": key === column ? (way > 0 ? "ascending" : "descending") : "none" }, h("button", { type: "button", class: "quiet", onclick: () => order(key) }, inline(label)))));
  const rows = places.slice(0, MOST_ROWS).map((place) => {
    const token = record.tokens[place];
    return h("tr", { "data-token": place, onclick: () => choose(place) }, h("td", {}, place + 1), h("td", { class: "piece" }, inline(token.text)), h("td", {}, token.id ?? "–"),
      columns.map(({ key }) => h("td", {}, number(tokenValue(token, key), { sign: key !== "logprob" }))));
  });
  const rest = places.length - MOST_ROWS;
  return [h("table", { class: "tokens" }, h("thead", {}, head), h("tbody", {}, rows)), rest > 0 ? h("p", { class: "said" }, `and ${rest} more tokens; the CSV has them all`) : null];
}
