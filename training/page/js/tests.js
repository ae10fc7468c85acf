// What the tests said: failing ones first, with what went in, what was expected and what came out.
// Not here: diagnostics (inspector).

import { h, inline, visible } from "./dom.js";

const MOST = 20;

/** The tests of a record. */
export function testsView(record) {
  const tests = (record.tests ?? []).map((test, position) => ({ ...test, position }));
  const passed = tests.filter((test) => test.verdict === "passed").length;
  const failing = tests.filter((test) => test.verdict !== "passed");
  return [
    h("h2", {}, `Tests (${passed} of ${tests.length} passed)`),
    failing.slice(0, MOST).map((test) =>
      h("details", { class: "test", open: test === failing[0] }, h("summary", {}, `✗ test ${test.position + 1}: ${inline(test.verdict)}`),
        ["input", "expected", "actual", "note"].filter((key) => test[key] !== undefined && test[key] !== null).map((key) => [h("div", { class: "label" }, key), h("div", { class: "value" }, visible(test[key]) || "(nothing)")]))),
    failing.length > MOST ? h("p", { class: "empty" }, `and ${failing.length - MOST} more failing tests`) : null,
  ];
}
