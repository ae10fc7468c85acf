// The line on top: the run's name, state, step and held-out result; what can be done with it.
// Not here: carrying commands to the trainer (live).

import { h, inline, percent, replace } from "./dom.js";

const GLYPHS = { gone: "✗", running: "●", evaluating: "◐", paused: "❚❚", finished: "✓", stopped: "■", failed: "✗", unreadable: "?", starting: "…", connecting: "…" };

/** The header panel. */
export function header(store, source, ask) {
  const title = h("h2", {});
  const what = h("span", { class: "what-run" });
  const status = h("span", { class: "status", role: "status" });
  const progress = h("span", { class: "progress" });
  const result = h("span", { class: "result" });
  const follow = h("button", { type: "button", title: "key f", onclick: () => toggleFollow(store) }, "Follow latest");
  const buttons = source.controls ? commandButtons(ask) : null;
  const notice = h("p", { class: "notice", role: "status" });
  const element = h("section", { class: "top", "aria-label": "run" }, title, status, progress, result, what, h("span", { class: "space" }), buttons?.element, source.controls ? follow : null, notice);
  const paint = (state) => {
    const { run } = state;
    element.hidden = !run;
    if (!run) return;
    replace(title, inline(run.name));
    replace(status, h("span", { "aria-hidden": "true" }, GLYPHS[run.state] ?? "●"), ` ${inline(run.state)}`);
    status.dataset.state = run.state;
    replace(progress, run.steps ? [`step ${run.step} of ${run.steps}`, h("progress", { value: run.step, max: run.steps, "aria-label": "training progress" })] : `step ${run.step ?? 0}`, run.state === "evaluating" ? "evaluating on held-out problems…" : null);
    replace(what, whatRun(state.about));
    replace(result, heldOut(state), state.unfinite ? ` ⚠ ${state.unfinite} metric values are not finite (NaN or infinite)` : null);
    follow.setAttribute("aria-pressed", String(state.follow));
    buttons?.paint(state);
    notice.hidden = !(run.failure || state.notice);
    replace(notice, run.failure ? inline(run.failure) : state.notice);
  };
  return { element, paint };
}

/** Follow the newest sample, or stop. */
export function toggleFollow(store) {
  const { follow, samples, selected } = store.get();
  store.update({ follow: !follow, selected: follow ? selected : (samples.at(-1)?.seq ?? selected) });
}

const SAID_FIRST = ["model", "data", "algorithm", "baseline", "learning rate", "seed", "duration"];

/** The run in a line: of what, on what, how. */
function whatRun(about) {
  const facts = new Map(about?.facts ?? []);
  const bare = new Set(["model", "data", "algorithm"]);
  return SAID_FIRST.filter((name) => facts.get(name)).map((name) => `${bare.has(name) ? "" : `${name} `}${inline(facts.get(name))}`).join(" · ");
}

function heldOut({ metrics }) {
  const points = metrics.get("held_out/pass@1") ?? [];
  if (!points.length) return null;
  const change = points.length > 1 ? [percent(points[0][1]), " → "] : [];
  return ["held-out pass@1 ", change, h("b", {}, percent(points.at(-1)[1]))];
}

const COMMANDS = [
  { command: "pause", label: "Pause", doing: "pausing…", when: ["running", "evaluating"] },
  { command: "resume", label: "Resume", doing: "resuming…", when: ["paused"] },
  { command: "stop", label: "Stop", doing: "stopping…", when: ["running", "evaluating", "paused", "starting"] },
];

function commandButtons(ask) {
  const buttons = COMMANDS.map((each) => ({
    ...each,
    button: h("button", { type: "button", class: `command ${each.command}`, onclick: () => ask(each.command) }, each.label),
  }));
  const element = h("span", { class: "commands" }, buttons.map((each) => each.button));
  const paint = ({ run, asked }) => {
    for (const { command, label, doing, when, button } of buttons) {
      replace(button, asked === command ? doing : label);
      button.disabled = asked !== null || !when.includes(run.state);
    }
  };
  return { element, paint };
}
