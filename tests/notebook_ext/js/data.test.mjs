import assert from "node:assert/strict";
import test from "node:test";

import { filterChoices, filterSamples, NO_FILTER, sortSamples } from "../../../training/page/js/samples.js";
import { addMetrics, binned, niceRange, smoothed, stacked, valueAt } from "../../../training/page/js/series.js";
import { EMPTY, withBatch } from "../../../training/page/js/store.js";
import { inline, number, percent, visible } from "../../../training/page/js/dom.js";
import { PLAIN, rankCorrelation, reweighed } from "../../../training/page/js/weights.js";
import { makeSamples } from "./setup.mjs";

test("of very many samples the newest stay listed and the others are counted", () => {
  const many = (first, count) => Array.from({ length: count }, (_, place) => ({ seq: first + place, step: first + place }));
  let state = withBatch(EMPTY, { samples: many(1, 19999) });
  state = withBatch(state, { samples: many(20000, 3) });
  assert.deepEqual([state.samples.length, state.dropped, state.samples[0].seq], [20000, 2, 3]);
});

test("filters combine, and a class, source and code must belong to one diagnostic", () => {
  const samples = makeSamples(40);
  samples[0].marks = ["L pylint E0602", "I libcst unused"];
  const found = (filters) => filterSamples(samples, { ...NO_FILTER, ...filters }).length;
  assert.equal(found({}), 40);
  assert.equal(found({ outcome: "passed" }), 10);
  assert.equal(found({ outcome: "passed", problem: "p/0" }), 2);
  assert.equal(found({ step: 2 }), 8);
  assert.equal(found({ letter: "I" }), 1);
  assert.equal(found({ letter: "I", code: "E0602" }), 0);
  assert.equal(found({ source: "pylint" }), 21);
  assert.equal(found({ text: "e0602 p/1" }), 4);
});

test("choices are counted per sample, the most frequent first", () => {
  const samples = makeSamples(3);
  samples[1].marks = ["L pylint E0602", "L pylint E0602", "L pylint E0001"];
  const { code, letter } = filterChoices(samples);
  assert.deepEqual(code, [["E0001", 1], ["E0602", 1]]);
  assert.deepEqual(letter, [["L", 1]]);
});

test("sorting leaves the original alone", () => {
  const samples = makeSamples(9);
  const lowest = sortSamples(samples, "lowest");
  assert.equal(lowest[0].reward, Math.min(...samples.map((sample) => sample.reward)));
  assert.equal(samples[0].seq, 1);
  assert.equal(sortSamples(samples, "newest")[0].seq, 9);
});

test("metrics may come twice, late or again without spoiling a curve", () => {
  const first = addMetrics(new Map(), [[1, "a", 1], [3, "a", 3]]);
  const again = addMetrics(first, [[3, "a", 4], [2, "a", 2], [1, "b", 9]]);
  assert.deepEqual(again.get("a"), [[1, 1], [2, 2], [3, 4]]);
  assert.deepEqual(first.get("a"), [[1, 1], [3, 3]]);
});

test("batches of samples join by their number; a resumed run forgets the steps it does again", () => {
  const samples = makeSamples(24);
  const half = withBatch(EMPTY, { samples: samples.slice(16) });
  const whole = withBatch(half, { samples: samples.slice(0, 20) });
  assert.deepEqual(whole.samples.map((sample) => sample.seq), samples.map((sample) => sample.seq));
  assert.equal(withBatch(whole, { samples }).samples, whole.samples);
  const resumed = withBatch(whole, { samples: [{ ...samples[0], seq: 100, step: 2 }] });
  assert.deepEqual([...new Set(resumed.samples.map((sample) => sample.step))], [1, 2]);
});

test("a followed view selects the newest sample, another keeps its own", () => {
  const samples = makeSamples(4);
  assert.equal(withBatch({ ...EMPTY, follow: true, selected: 1 }, { samples }).selected, 4);
  assert.equal(withBatch({ ...EMPTY, selected: 1 }, { samples }).selected, 1);
});

test("curves: bins keep the mean, smoothing keeps a constant, stacks add up", () => {
  const points = Array.from({ length: 1000 }, (_, step) => [step, step % 2]);
  const bins = binned(points, 100);
  assert.equal(bins.length, 100);
  assert.ok(bins.every((point) => point[1] === 0.5));
  assert.ok(smoothed([[1, 3], [2, 3], [3, 3]]).every((point) => Math.abs(point[1] - 3) < 1e-9));
  const metrics = new Map([["outcome/passed", [[1, 0.25]]], ["outcome/failed", [[1, 0.75]]], ["outcome/infra", [[1, 0]]]]);
  assert.deepEqual(stacked(metrics, ["outcome/passed", "outcome/failed", "outcome/infra"], 10).map((band) => [band.key, ...band.points[0].slice(1)]), [["outcome/passed", 0, 0.25], ["outcome/failed", 0.25, 1]]);
  assert.equal(valueAt([[1, 5], [9, 7]], 4), 5);
  assert.equal(valueAt([[1, 5], [9, 7]], null), 7);
});

test("ranges hold their values and are never empty", () => {
  for (const values of [[], [0], [-0.31, 1.2], [5, 7], [1e-4]]) {
    const [low, high] = niceRange(values);
    assert.ok(low < high && low <= Math.min(0, ...values) + 1e-9 && high >= Math.max(0, ...values) - 1e-9, `${values}`);
  }
});

test("text that hides or reorders is spelled out", () => {
  assert.equal(visible("a\u202eb\u0000\tc\n"), "a⟦U+202E⟧b⟦U+0000⟧\tc\n");
  assert.equal(inline("a\tb\nc"), "a⇥b⏎c");
});

test("numbers read as people write them", () => {
  assert.equal(number(-0.25), "−0.25");
  assert.equal(number(2, { sign: true }), "+2");
  assert.equal(number(-0.0001), "−1.0e-4");
  assert.equal(number(null), "–");
  assert.equal(number(120), "120");
  assert.equal(percent(0.5), "50%");
});

test("other weights give other rewards and another order", () => {
  const samples = [{ seq: 1, reward: -1, parts: { coarse: -0.5, fine: -0.5 } }, { seq: 2, reward: -0.9, parts: { coarse: -0.9 } }];
  assert.equal(reweighed(samples, PLAIN), samples);
  const light = reweighed(samples, { ...PLAIN, fine: 0 });
  assert.deepEqual(light.map((sample) => sample.reward), [-0.5, -0.9]);
  assert.equal(rankCorrelation(samples.map((each) => each.reward), light.map((each) => each.reward)), -1);
});

test("rank correlation: order alone counts, ties share a rank, a constant tells nothing", () => {
  assert.ok(Math.abs(rankCorrelation([1, 2, 3], [10, 200, 3000]) - 1) < 1e-12);
  assert.ok(Math.abs(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4]) - Math.sqrt(0.9)) < 1e-12);
  assert.equal(rankCorrelation([1, 1], [1, 2]), 0);
  assert.equal(rankCorrelation([], []), 1);
});
