// What chooses and orders the samples of the list: a text or an expression, five menus, the order.
// Not here: what a filter means (samples).

import { h, inline, replace } from "./dom.js";
import { expressionFault, FIELDS, filterChoices, NO_FILTER, outcomeOf, SORTS } from "./samples.js";

const MOST_CHOICES = 200;
const MANY = 5000; // samples beyond which the menus are counted anew only now and then
const SELDOM = 3000; // milliseconds

/** The controls above the list. */
export function filterControls(store) {
  const set = (change) => store.update({ filters: { ...store.get().filters, ...change }, follow: false });
  const pick = (kind, label) => ({ kind, label, select: h("select", { "aria-label": `filter by ${label}`, onchange: (event) => set({ [kind]: event.target.value }) }) });
  const picks = [pick("outcome", "outcome"), pick("letter", "class"), pick("code", "code"), pick("source", "source")];
  const names = h("datalist", { id: `rltf-${store.id}-problems` });
  const problem = h("input", { type: "text", placeholder: "any problem", list: names.id, "aria-label": "filter by problem", onchange: (event) => set({ problem: event.target.value.trim() }) });
  const hint = `words, or an expression: reward < 0 and code == "E0602"\nfields: ${Object.keys(FIELDS).join(", ")}`;
  const text = h("input", { type: "search", placeholder: "search, or reward < 0 and code == …  ( / )", title: hint, "aria-label": "search samples", oninput: (event) => set({ text: event.target.value }) });
  const fault = h("p", { class: "fault", role: "status", hidden: true });
  const sort = h("select", { "aria-label": "sort samples", onchange: (event) => store.update({ sort: event.target.value }) }, SORTS.map(({ key, label }) => h("option", { value: key }, label)));
  const clear = h("button", { type: "button", class: "quiet", title: "key x", onclick: () => store.update({ filters: NO_FILTER }) }, "clear filters");
  const element = h("div", { class: "filters" }, text, fault, picks.map((each) => each.select), problem, names, sort);
  let counted = { samples: null, choices: null, at: 0 };
  const paint = (state) => {
    const due = state.samples.length < MANY || Date.now() - counted.at > SELDOM;
    if (counted.samples !== state.samples && due) {
      counted = { samples: state.samples, choices: filterChoices(state.samples), at: Date.now() };
      for (const { kind, label, select } of picks) fillPick(select, label, counted.choices[kind], state.filters[kind]);
      if (document.activeElement !== problem) replace(names, counted.choices.problem.map(([key, count]) => h("option", { value: key }, `${count} samples`)));
    }
    for (const { kind, select } of picks) if (select.value !== state.filters[kind]) select.value = state.filters[kind];
    if (document.activeElement !== problem) problem.value = state.filters.problem;
    if (text.value !== state.filters.text) text.value = state.filters.text;
    const said = expressionFault(state.filters.text);
    fault.hidden = !said;
    replace(fault, said);
    sort.value = state.sort;
    clear.hidden = Object.entries(NO_FILTER).every(([key, value]) => state.filters[key] === value);
  };
  return { element, clear, paint };
}

const NAMES = {
  outcome: (key) => `${outcomeOf({ outcome: key }).glyph} ${outcomeOf({ outcome: key }).label}`,
  class: (key) => ({ G: "G  U_global", L: "L  U_line", I: "I  U_ignore" })[key] ?? key,
};

function fillPick(select, label, choices, chosen) {
  if (document.activeElement === select) return; // an open menu must not change under the pointer
  replace(select, h("option", { value: "" }, `any ${label}`), choices.slice(0, MOST_CHOICES).map(([key, count]) => h("option", { value: key }, `${inline((NAMES[label] ?? String)(key))} (${count})`)));
  if (chosen && !choices.slice(0, MOST_CHOICES).some(([key]) => key === chosen)) select.append(h("option", { value: chosen }, inline(chosen)));
  select.value = chosen;
}
