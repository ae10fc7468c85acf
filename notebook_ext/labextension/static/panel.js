// The side panel's list of runs and the status bar's line, as elements. Text goes in as text only: a run's name is whatever
// somebody called a folder.
// Not here: asking the server (runs), JupyterLab's widgets and commands (plugin).

import { INVISIBLE } from "./invisible.js";
import { ACTIVE, activeRuns, GLYPHS, progressText, resultText } from "./runs.js";

// What shows as nothing or reorders text is spelled out, as the view does, by the same list; here line ends and tabs too.
const HIDDEN = new RegExp(`[${[[9, 10], ...INVISIBLE].map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`).join("")}]`, "gu");
const TAIL = 12; // characters of a name that stay whole at its end: names of runs differ there

export function visible(text) {
  return String(text).replace(HIDDEN, (character) => `⟦U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟧`);
}

/** An element with attributes, listeners (`onclick`) and text or element children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

/** Draw the panel into `root`; `actions` are functions of a run: report, watch (null where notebooks cannot be made), command. */
export function paintPanel(root, state, actions) {
  if (root.querySelector("button:active")) return; // a press counts where it began: there will be news again
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const list = element("ul", {}, ...state.runs.map((run) => runItem(run, actions)));
  const empty = state.looked && !state.failure && !state.runs.length
    ? "No runs yet. Runs are looked for in folders named runs, in the folder where JupyterLab was started and up to two levels below it."
    : "";
  root.replaceChildren(
    element("div", { class: "rltf-head" }, element("h2", {}, "Runs"), element("button", { type: "button", "data-key": "refresh", onclick: actions.look }, "Refresh")),
    element("p", { class: "rltf-said", role: "status" }, state.failure || empty),
    list,
    element("p", { class: "rltf-said" }, state.more ? `and ${state.more} older runs` : ""),
  );
  if (focused) [...root.querySelectorAll("[data-key]")].find((each) => each.dataset.key === focused)?.focus(); // painting anew keeps the focus
}

/** A name in two parts, of which the first is cut where there is no room. */
function middleCut(name) {
  const letters = [...name];
  return [element("span", { class: "rltf-head-of-name" }, letters.slice(0, -TAIL).join("")), element("span", {}, letters.slice(-TAIL).join(""))];
}

function runItem(run, actions) {
  const name = visible(run.name);
  const button = (label, act) => element("button", { type: "button", "aria-label": `${label} ${name}`, "data-key": `${label} ${run.path}`, onclick: () => act(run) }, label);
  const command = (label, name) => button(label, () => actions.command(run, name));
  const buttons = [button("Report", actions.report), actions.watch ? button("Watch", actions.watch) : null];
  if (run.state === "paused") buttons.push(command("Resume", "resume"));
  else if (ACTIVE.includes(run.state)) buttons.push(command("Pause", "pause"));
  if (ACTIVE.includes(run.state)) buttons.push(command("Stop", "stop"));
  return element("li", { class: "rltf-run", "data-path": run.path },
    element("div", { class: "rltf-name", title: visible(run.path) }, ...middleCut(name)),
    element("div", { class: "rltf-state", "data-state": run.state }, element("span", { "aria-hidden": "true" }, GLYPHS[run.state] ?? "●"), ` ${visible(run.state)} · ${progressText(run)}`),
    run.steps ? element("progress", { value: run.step, max: run.steps, "aria-label": `progress of ${name}` }) : null,
    element("div", { class: "rltf-said" }, resultText(run)),
    element("div", { class: "rltf-buttons" }, ...buttons.filter(Boolean)));
}

/** Draw the status bar's line: the running job, or nothing. */
export function paintStatus(root, { runs }, open) {
  const active = activeRuns(runs);
  if (!active.length) {
    root.replaceChildren();
    return;
  }
  const [run] = active;
  const others = active.length > 1 ? ` (and ${active.length - 1} more)` : "";
  const text = `rltf: ${visible(run.name)} ${visible(run.state)}, ${progressText(run)}${others}`;
  if (root.textContent.trim().endsWith(text)) return; // nothing new: keep the button, it may have the focus
  root.replaceChildren(element("button", { type: "button", title: "Show runs", onclick: open }, element("span", { "aria-hidden": "true" }, `${GLYPHS[run.state]} `), text));
}
