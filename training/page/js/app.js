// One view put together: panels over one store, keys, records on request, light or dark as the host is.
// Not here: where data comes from (source), or any panel's insides.

import { chartStrip } from "./charts.js";
import { center, togglePin } from "./center.js";
import { nextError } from "./code.js";
import { h, replace } from "./dom.js";
import { header, toggleFollow } from "./header.js";
import { inspector } from "./inspector.js";
import { sampleList } from "./list.js";
import { componentsOf } from "./record.js";
import { NO_FILTER } from "./samples.js";
import { followSearch } from "./search.js";
import { createStore } from "./store.js";

/** Draw a view of `source` into `root`; returns a function that takes it away. */
export function mount(root, source) {
  const store = createStore(source.initial ?? {});
  const single = source.kind === "sample";
  let connection = null;
  const curves = single ? null : chartStrip(store);
  const parts = single ? [] : [header(store, source, (command) => connection.ask(command)), curves];
  const list = single ? null : sampleList(store);
  const main = [list, center(store, source), inspector(store)].filter(Boolean);
  const help = helpPanel();
  const view = h("div", { class: "rltf", "data-kind": source.kind, "data-host": source.host ?? "cell", "data-lm-suppress-shortcuts": "true" },
    h("div", { class: "frame" }, parts.map((part) => part.element), h("div", { class: "main" }, main.map((part) => part.element)), help));
  replace(root, view);
  const unsubscribe = store.subscribe((state) => {
    [...parts, ...main].forEach((part) => part.paint(state));
  });
  const theme = followTheme(view, source.theme, () => store.update({}));
  const undo = [unsubscribe, followRecord(store, source), followSearch(store, source), followLink(store, source), curves?.close, theme.stop, onResize(view, () => [theme.look(), store.update({})])];
  connection = source.connect?.(store) ?? null;
  view.addEventListener("keydown", (event) => viewKey({ store, source, view, help, list }, event));
  if (!single && !store.get().follow) chooseFirst(store, source);
  store.update({});
  return () => {
    connection?.close();
    undo.forEach((stop) => stop?.());
  };
}

/** A first sample worth seeing: the newest with a drawn span, else the newest. */
function chooseFirst(store, source) {
  const { samples, selected } = store.get();
  if (selected !== null || !samples.length) return;
  const linked = source.linked ? linkedSeq() : null;
  if (samples.some((sample) => sample.seq === linked)) {
    store.update({ selected: linked });
    return;
  }
  const telling = samples.findLast((sample) => sample.held !== false && sample.marks.some((mark) => mark.startsWith("L")));
  store.update({ selected: (telling ?? samples.findLast((sample) => sample.held !== false) ?? samples.at(-1)).seq });
}

/** The sample that the page's address names: `#seq=12`. */
function linkedSeq() {
  const match = /^#seq=(\d+)$/.exec(globalThis.location?.hash ?? "");
  return match ? Number(match[1]) : null;
}

/** Where the view is a page of its own, its address names the chosen sample, and an address that is typed chooses one. */
function followLink(store, source) {
  if (!source.linked) return null;
  const go = () => {
    const seq = linkedSeq();
    if (store.get().samples.some((sample) => sample.seq === seq)) store.update({ selected: seq, follow: false });
  };
  globalThis.addEventListener?.("hashchange", go);
  const stop = store.subscribe(({ selected }) => {
    if (selected !== null && selected !== linkedSeq()) globalThis.history?.replaceState(null, "", `#seq=${selected}`);
  });
  return () => {
    globalThis.removeEventListener?.("hashchange", go);
    stop();
  };
}

/** Load the record of whichever sample is chosen. */
function followRecord(store, source) {
  let wanted = null;
  return store.subscribe(({ selected }) => {
    if (selected === null || selected === wanted) return;
    wanted = selected;
    const current = () => wanted === selected;
    source.record(selected).then(
      (record) => current() && store.update({ record, shown: selected, failure: "", token: null, original: null }),
      (error) => current() && store.update({ record: null, shown: selected, original: null, failure: String(error.message ?? error), token: null }),
    );
  });
}

/** Accents follow the host's theme: read off the colour its text has, whoever set it. `changed` draws anew what is drawn on a canvas. */
function followTheme(view, theme, changed) {
  const look = () => {
    const [red, green, blue] = (getComputedStyle(view).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
    const dark = String(theme ? theme === "dark" : 0.299 * red + 0.587 * green + 0.114 * blue > 140);
    if (view.dataset.dark === dark) return;
    view.dataset.dark = dark;
    changed();
  };
  if (theme) view.dataset.theme = theme;
  look();
  const observer = new MutationObserver(look);
  for (const host of [document.documentElement, document.body]) observer.observe(host, { attributes: true }); // Colab marks the one, others the other
  const media = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
  media?.addEventListener("change", look);
  const stop = () => {
    observer.disconnect();
    media?.removeEventListener("change", look);
  };
  return { look, stop };
}

/** Call `act` when the view's size changes; so also when a host puts it into its document after it was drawn. */
function onResize(view, act) {
  if (typeof ResizeObserver === "undefined") return null;
  const observer = new ResizeObserver(act);
  observer.observe(view);
  return () => observer.disconnect();
}

const KEYS = [
  ["j k", "next, previous sample; ↑ ↓ too, in the list"],
  ["← → ↑ ↓", "move between tokens (in the program)"],
  ["[ ]", "previous, next error"],
  ["1 – 7", "what the heat shows"],
  ["s", "charts: large, small, hidden"],
  ["/", "search samples"],
  ["c", "pin a sample to compare with the next"],
  ["f", "follow the latest sample"],
  ["x", "clear filters"],
  ["?", "this help"],
];

function helpPanel() {
  const rows = KEYS.map(([keys, text]) => h("div", {}, h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)));
  return h("aside", { class: "help", hidden: true, "aria-label": "keys" }, h("h2", {}, "Keys"), h("dl", {}, rows));
}

/** Keys that work anywhere in the view. Handled ones go no further, so JupyterLab's own keys are not disturbed. */
function viewKey({ store, source, view, help, list }, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input, select, textarea, [contenteditable]");
  if (typing) {
    event.stopPropagation(); // a letter typed here must not run a notebook command
    if (event.key === "Escape") view.querySelector(".listbox")?.focus();
    return;
  }
  const { record, token, charts } = store.get();
  if (list?.key(event)) {
    event.preventDefault();
    event.stopPropagation();
    return;
  }
  const component = componentsOf(record)[Number(event.key) - 1];
  const actions = {
    "/": () => view.querySelector("input[type=search]")?.focus(),
    j: () => list?.step(1),
    k: () => list?.step(-1),
    s: () => list && store.update({ charts: { ...charts, size: { full: "small", small: "none", none: "full" }[charts.size] } }),
    f: () => toggleFollow(store),
    c: () => record && source.kind === "run" && togglePin(store),
    x: () => store.update({ filters: NO_FILTER }),
    "?": () => (help.hidden = !help.hidden),
    Escape: () => (help.hidden = true),
    "[": () => record && store.update({ token: nextError(record, token, -1), follow: false }),
    "]": () => record && store.update({ token: nextError(record, token, 1), follow: false }),
  };
  const action = component ? () => store.update({ component: component.key }) : actions[event.key];
  if (!action) return;
  event.preventDefault();
  event.stopPropagation();
  action();
}
