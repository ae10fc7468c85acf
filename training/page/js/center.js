// The middle of the view: one sample as program, table, in its group, compared, through time; all problems; the run itself.
// Not here: any of those.

import { aboutPanel } from "./about.js";
import { codePanel } from "./code.js";
import { comparePanel } from "./compare.js";
import { h } from "./dom.js";
import { groupPanel } from "./group.js";
import { heldOutPanel } from "./held.js";
import { historyPanel } from "./history.js";
import { problemsPanel } from "./problems.js";
import { tokenTable } from "./table.js";

const TABS = [
  { page: "program", label: "Program", make: codePanel },
  { page: "tokens", label: "Tokens", make: tokenTable },
  { page: "group", label: "Group", make: groupPanel, run: true },
  { page: "compare", label: "Compare", make: comparePanel, run: true },
  { page: "history", label: "Through time", make: historyPanel, run: true },
  { page: "problems", label: "Problems", make: problemsPanel, run: true },
  { page: "held", label: "Held-out", make: heldOutPanel, run: true },
  { page: "about", label: "Run", make: aboutPanel, run: true },
];

/** The tabs and their panels; only the one that shows is painted. */
export function center(store, source) {
  const tabs = TABS.filter((tab) => !tab.run || source.kind === "run").map((tab) => ({ ...tab, panel: tab.make(store, source) }));
  const name = (page) => `rltf-${store.id}-${page}`;
  for (const { page, label, panel } of tabs) {
    for (const [key, value] of Object.entries({ id: name(page), role: "tabpanel", "aria-label": label })) panel.element.setAttribute(key, value);
  }
  const buttons = tabs.map(({ page, label }) =>
    h("button", { type: "button", role: "tab", "aria-controls": name(page), "data-page": page, onclick: () => store.update({ page }) }, label));
  const pin = h("button", { type: "button", class: "pin", title: "key c", onclick: () => togglePin(store) });
  const bar = h("div", { class: "tabs" }, h("div", { role: "tablist", "aria-label": "the chosen sample as", onkeydown: (event) => tabKey(store, buttons, event) }, buttons), source.kind === "run" ? pin : null);
  const element = h("section", { class: "center", "aria-label": "sample" }, bar, tabs.map(({ panel }) => panel.element));
  const paint = (state) => {
    element.dataset.shows = state.page;
    element.setAttribute("aria-busy", String(state.selected !== state.shown));
    for (const [place, { page, panel }] of tabs.entries()) {
      const shown = page === state.page;
      panel.element.hidden = !shown;
      buttons[place].setAttribute("aria-selected", String(shown));
      buttons[place].tabIndex = shown ? 0 : -1;
      if (shown) panel.paint(state);
    }
    pin.textContent = state.pinned ? "Unpin" : "Pin to compare";
    pin.disabled = !state.record;
  };
  return { element, paint };
}

/** Pin the shown sample for comparison, or let the pinned one go. */
export function togglePin(store) {
  const { pinned, record, page } = store.get();
  store.update(pinned ? { pinned: null, page: page === "compare" ? "program" : page } : { pinned: record, page: "compare", follow: false });
}

function tabKey(store, buttons, event) {
  const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!way) return;
  event.preventDefault();
  event.stopPropagation();
  const place = buttons.findIndex((button) => button.dataset.page === store.get().page);
  const next = buttons[(place + way + buttons.length) % buttons.length];
  store.update({ page: next.dataset.page });
  next.focus();
}
