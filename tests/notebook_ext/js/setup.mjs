// A document for the view under test, and data to draw.

import { JSDOM } from "jsdom";

const dom = new JSDOM("<!doctype html><body></body>", { pretendToBeVisual: true });
for (const name of ["document", "getComputedStyle", "MutationObserver", "requestAnimationFrame"]) {
  globalThis[name] = typeof dom.window[name] === "function" && name !== "MutationObserver" ? dom.window[name].bind(dom.window) : dom.window[name];
}
export const window = dom.window;

/** Until what was asked for is painted: a few frames, and promises settled in between, however busy the machine is. */
export async function painted() {
  for (let frame = 0; frame < 4; frame++) {
    await new Promise((resolve) => dom.window.requestAnimationFrame(resolve));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function press(element, key) {
  const event = new window.KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  element.dispatchEvent(event);
  return event;
}

/** A record of a program whose tokens are its words and spaces; `findings` are `[category, code, text it covers or null]`. */
export function makeRecord(program, findings = [], extra = {}) {
  const bytes = (text) => new TextEncoder().encode(text).length;
  const tokens = [];
  for (const { 0: text, index } of program.matchAll(/\s+|\w+|[^\s\w]/gu)) {
    const start = bytes(program.slice(0, index));
    tokens.push({ id: tokens.length, text, start_byte: start, end_byte: start + bytes(text), logprob: -0.5, advantage: -0.2, reward: -0.9, components: { coarse: -0.6, adaptive: -0.3, fine: 0, static: 0 } });
  }
  const diagnostics = findings.map(([category, code, covers]) => {
    const at = covers === null ? null : bytes(program.slice(0, program.indexOf(covers)));
    return { source: "pylint", code, message: `about ${code}`, category, line: 1, column: 0, start_byte: at, end_byte: covers === null ? null : at + bytes(covers), strength: 1, reason: "a rule" };
  });
  const contributions = [
    { start_token: 0, end_token: tokens.length, component: "coarse", amount: -0.6, rule: "error", diagnostic: null },
    { start_token: 0, end_token: tokens.length, component: "adaptive", amount: -0.3, rule: "no test passed", diagnostic: null },
  ];
  const tests = [{ verdict: "passed", seconds: 0 }, { verdict: "failed", seconds: 0, input: "[1]", expected: "1", actual: "2" }];
  return { id: 1, problem_id: "p/1", step: 3, verdict: "failed", error: null, pass_ratio: 0.5, tests, diagnostics, tokens, contributions, program, prompt: "Do it.", finish_reason: "stop", ...extra };
}

export function makeSamples(count) {
  const outcomes = ["passed", "failed", "runtime", "syntax"];
  return Array.from({ length: count }, (_, place) => ({
    seq: place + 1, step: 1 + Math.floor(place / 8), problem_id: `p/${place % 5}`, sample: place % 8, verdict: "error", error_type: "NameError",
    pass_ratio: 0, reward: Math.sin(place), outcome: outcomes[place % 4], marks: place % 2 ? ["L pylint E0602"] : [],
  }));
}

/** What anywidget gives a view: a stand-in that records what was sent. */
export function fakeModel(data) {
  const listeners = new Map();
  const of = (event) => listeners.get(event) ?? listeners.set(event, new Set()).get(event);
  return {
    sent: [],
    live: true,
    get: () => data,
    on: (event, listener) => of(event).add(listener),
    off: (event, listener) => of(event).delete(listener),
    send(message) {
      if (!this.live) throw new Error("Cannot send");
      this.sent.push(message);
    },
    receive: (message) => [...of("msg:custom")].forEach((listener) => listener(message)),
    /** What ipywidgets does when the kernel restarts. */
    die() {
      this.live = false;
      [...of("comm_live_update")].forEach((listener) => listener());
    },
    listening: () => [...listeners.values()].reduce((sum, own) => sum + own.size, 0),
  };
}
