import assert from "node:assert/strict";
import test from "node:test";

import "./setup.mjs";

const { flowDiagram, flowOf, linksOf } = await import("../../../training/page/js/flow.js");
const { visitsOf } = await import("../../../training/page/js/history.js");

/** Samples of one problem: per step a string, one letter a sample: Passed, Wrong, Name error, Syntax error, Timeout. */
function samplesOf(steps) {
  const kinds = { P: ["passed", ""], W: ["failed", ""], N: ["runtime", "NameError"], I: ["runtime", "IndexError"], S: ["syntax", "SyntaxError"], T: ["timeout", "TimeoutError"] };
  return steps.flatMap((letters, step) => [...letters].map((letter, sample) => ({ seq: step * 100 + sample, step: step + 1, problem_id: "p", sample, outcome: kinds[letter][0], error_type: kinds[letter][1], reward: 0 })));
}
const flow = (...steps) => flowOf(visitsOf(samplesOf(steps)));
const rounded = (links) => links.map(({ from, to, share }) => [from, to, Number(share.toFixed(3))]);

test("what a class loses goes to the classes that gain, by hand", () => {
  const { links } = flow("NNSW", "PPNW");
  assert.deepEqual(rounded(links[0]), [["wrong answer", "wrong answer", 0.25], ["NameError", "NameError", 0.25], ["NameError", "passed", 0.25], ["SyntaxError", "passed", 0.25]]);
});

test("two gains share a loss in proportion", () => {
  const before = new Map([["a", 1], ["b", 0], ["c", 0]]);
  const after = new Map([["a", 0.4], ["b", 0.4], ["c", 0.2]]);
  assert.deepEqual(rounded(linksOf(before, after)), [["a", "a", 0.4], ["a", "b", 0.4], ["a", "c", 0.2]]);
});

test("bands keep every sample: out of a class goes its share, into a class comes its share", () => {
  let seed = 7;
  const next = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 200; round++) {
    const steps = Array.from({ length: 2 + Math.floor(next() * 5) }, () => Array.from({ length: 1 + Math.floor(next() * 9) }, () => "PWNIST"[Math.floor(next() * 6)]).join(""));
    const { columns, links } = flow(...steps);
    links.forEach((own, place) => {
      for (const [column, side] of [[columns[place], "from"], [columns[place + 1], "to"]]) {
        for (const [name, share] of column.shares) {
          const sum = own.filter((link) => link[side] === name).reduce((total, link) => total + link.share, 0);
          assert.ok(Math.abs(sum - share) < 1e-6, `${steps} ${side} ${name}`);
        }
      }
    });
  }
});

test("hundreds of steps become a dozen columns that cover them all, many classes a few", () => {
  const { columns } = flow(...Array.from({ length: 300 }, () => "PN"));
  assert.equal(columns.length, 12);
  assert.deepEqual([columns[0].first, columns.at(-1).last], [1, 300]);
  const many = Array.from({ length: 30 }, (_, place) => ({ seq: place, step: 1, problem_id: "p", outcome: "runtime", error_type: `Error${place}`, reward: 0 }));
  const { classes, columns: [only] } = flowOf(visitsOf(many));
  assert.equal(classes.length, 7);
  assert.ok(Math.abs([...only.shares.values()].reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
  assert.ok(only.shares.get("other errors") > 0.7);
});

test("the diagram says the same without colours: numbers in its nodes, a label, a legend and a table", () => {
  const made = flowDiagram(visitsOf(samplesOf(["NNNS", "NPPW", "PPPP"])), 500);
  assert.match(made.querySelector("svg").getAttribute("aria-label"), /step 1 to step 3: passed 0% → 100%, wrong answer 0% → 0%, NameError 75% → 0%, SyntaxError 25% → 0%/);
  assert.deepEqual([...made.querySelectorAll(".flow-node text")].map((each) => each.textContent), ["3", "4", "1", "2", "3", "1"]);
  assert.deepEqual([...made.querySelectorAll(".legend .glyph")].map((each) => each.textContent), ["1", "2", "3", "4"]);
  assert.match(made.querySelector("table").textContent, /step 1 to step 2NameErrorpassed/);
  assert.match(flowDiagram(visitsOf(samplesOf(["NN"])), 500).textContent, /NameError 100%/);
});

test("an error's type is text, whatever a program made it", () => {
  const hostile = '<img src=x onerror="globalThis.owned=1">\u202e';
  const made = flowDiagram(visitsOf([1, 2].map((step) => ({ seq: step, step, problem_id: "p", outcome: "runtime", error_type: `${hostile}${step}`, reward: 0 }))), 500);
  assert.equal(made.querySelector("img"), null);
  assert.ok(!made.textContent.includes("\u202e"));
});
