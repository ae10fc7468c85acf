import assert from "node:assert/strict";
import test from "node:test";

import { binExpression, binsOfValues } from "../../../training/page/js/histogram.js";
import { firstNames } from "../../../training/page/js/metrics.js";
import { yRange } from "../../../training/page/js/plot.js";
import { problemRows } from "../../../training/page/js/problems.js";
import { expressionFault, filterChoices, filterSamples, NO_FILTER, sortSamples } from "../../../training/page/js/samples.js";
import { addMetrics, elapsed, joined, smoothed, stacked, valueAt } from "../../../training/page/js/series.js";
import { EMPTY, withBatch } from "../../../training/page/js/store.js";
import { inline, number, percent, visible } from "../../../training/page/js/dom.js";
import { PLAIN, rankCorrelation, reweighed } from "../../../training/page/js/weights.js";
import { makeSamples } from "./setup.mjs";

test("of very many samples the newest stay listed and the others are counted", () => {
  const many = (first, count) => Array.from({ length: count }, (_, place) => ({ seq: first + place, step: first + place }));
  let state = withBatch(EMPTY, { samples: many(1, 249999) });
  state = withBatch(state, { samples: many(250000, 3) });
  assert.deepEqual([state.samples.length, state.dropped, state.samples[0].seq], [250000, 2, 3]);
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

test("curves: smoothing keeps a constant, curves join over all their steps, stacks add up", () => {
  assert.ok(smoothed([[1, 3], [2, 3], [3, 3]]).every((point) => Math.abs(point[1] - 3) < 1e-9));
  assert.deepEqual(joined([[[1, 5], [3, 6]], [[2, 7]]]), [[1, 2, 3], [5, null, 6], [null, 7, null]]);
  assert.deepEqual(stacked([[0.25, null], [0.75, 1]]), [[0.25, 0], [1, 1]]);
  const points = Array.from({ length: 101 }, (_, place) => [place * 2, place]);
  for (const step of [-5, 0, 3, 99.2, 100, 1e6]) {
    const nearestValue = points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best))[1];
    assert.equal(valueAt(points, step), nearestValue, String(step));
  }
  assert.equal(valueAt([[1, 5], [9, 7]], null), 7);
  assert.deepEqual(elapsed(new Map([["time/step", [[1, 2], [2, 3]]]])), [[1, 2], [2, 5]]);
  assert.equal(elapsed(new Map()), null);
});

test("a chart's range has room, also where a curve is constant but for rounding", () => {
  for (const [least, most] of [[0, 0], [-0.9000000000000001, -0.9], [1, 1], [-1, 2], [1e9, 1e9], [0, 1e-12]]) {
    const [low, high] = yRange(least, most);
    assert.ok(low <= least && high > most && high - low > 1e-3 * Math.max(Math.abs(most), 1e-12), `${low} ${high}`);
  }
});

test("a loop's own metrics are charted first, else the loss and how far the policy moved", () => {
  const named = (...names) => new Map(names.map((name) => [name, [[1, 0]]]));
  assert.deepEqual(firstNames(named("reward/mean", "loss", "my/score", "pass_rate")), ["loss", "my/score"]);
  assert.deepEqual(firstNames(named("reward/mean", "loss/policy", "policy/kl_from_sampler", "policy/entropy", "time/learn", "feedback_wait_share", "learned/tokens")), ["loss/policy", "policy/kl_from_sampler"]);
});

test("an expression chooses samples; one that is not whole hides nothing and says what is missing", () => {
  const samples = makeSamples(40);
  samples[0].marks = ["L pylint E0602", "I libcst unused"];
  const found = (text) => filterSamples(samples, { ...NO_FILTER, text }).map((sample) => sample.seq);
  const where = (test_) => samples.filter(test_).map((sample) => sample.seq);
  assert.deepEqual(found('reward < 0 and code == "E0602"'), where(({ reward, marks }) => reward < 0 && marks.some((mark) => mark.endsWith("E0602"))));
  assert.deepEqual(found("not (step >= 2 or outcome == passed)"), where(({ step, outcome }) => step < 2 && outcome !== "passed"));
  assert.deepEqual(found("code != E0602 and problem ~ P/3"), where(({ marks, problem_id }) => !marks.length && problem_id === "p/3"));
  assert.deepEqual(found("class == I"), [1]);
  assert.deepEqual(found("reward > -1e-1 and reward < .5"), where(({ reward }) => reward > -0.1 && reward < 0.5));
  assert.equal(found("reward <").length, 40);
  assert.match(expressionFault("reward <"), /a number or a text expected at 9, found the end/);
  assert.match(expressionFault("reward < 1 and colour == 2"), /a field \(reward, .*expected at 16, found colour/);
  assert.match(expressionFault("(reward < 1"), /\) expected/);
  assert.match(expressionFault("reward < 1 step > 2"), /and, or, or the end expected/);
  assert.equal(expressionFault("sorted(x) == y"), ""); // words, not an expression
  assert.equal(found("e0602 p/1").length, 4);
});

test("any column sorts, values that are not known last", () => {
  const samples = makeSamples(3).map((sample, place) => ({ ...sample, tokens: [5, undefined, 9][place], parts: { fine: -place } }));
  assert.deepEqual(sortSamples(samples, "tokens lowest").map((sample) => sample.seq), [1, 3, 2]);
  assert.deepEqual(sortSamples(samples, "tokens highest").map((sample) => sample.seq), [3, 1, 2]);
  assert.deepEqual(sortSamples(samples, "fine lowest").map((sample) => sample.seq), [3, 2, 1]);
});

test("histogram bins hold every value once, and the expression of each chooses just those", () => {
  const samples = makeSamples(200);
  const bins = binsOfValues(samples.map((sample) => sample.reward));
  assert.equal(bins.reduce((sum, bin) => sum + bin.count, 0), 200);
  const chosen = bins.map((bin, place) => filterSamples(samples, { ...NO_FILTER, text: binExpression("reward", bin, place === bins.length - 1) }).length);
  assert.ok(chosen.every((count, place) => Math.abs(count - bins[place].count) <= 1), `${chosen}`); // ends are rounded
  assert.equal(binExpression("tokens", { low: 4, high: 4 }, true), "tokens == 4");
});

test("problems: samples that passed at first, now, in all", () => {
  const samples = makeSamples(40).map((sample) => ({ ...sample, outcome: sample.step > 3 ? "passed" : "failed" }));
  const rows = problemRows(samples);
  assert.equal(rows.length, 5);
  assert.ok(rows.every((row) => row.first === 0 && row.now === 1 && row.change === 1 && row.samples === 8));
  assert.deepEqual(rows[0].curve.map((point) => point[1]), [0, 0, 0, 1, 1]);
});

test("a note is on its sample, and only its sample is a new object", () => {
  const samples = makeSamples(3);
  const plain = withBatch(EMPTY, { samples });
  const noted = withBatch(plain, { notes: { 2: "look" } });
  assert.deepEqual(noted.samples.map((sample) => sample.note), [undefined, "look", undefined]);
  assert.equal(noted.samples[0], plain.samples[0]);
  assert.equal(withBatch(noted, {}).samples, noted.samples);
  assert.equal(filterSamples(noted.samples, { ...NO_FILTER, text: "note ~ look" }).length, 1);
  assert.equal(withBatch(noted, { notes: {} }).samples[1].note, undefined);
});

test("text that hides or reorders is spelled out", () => {
  assert.equal(visible("a\u202eb\u0000\tc\n"), "a⟦U+202E⟧b⟦U+0000⟧\tc\n");
  assert.equal(inline("a\tb\nc"), "a⇥b⏎c");
  for (const hidden of ["\u{E0061}", "\u{E0101}", "\uFE0F", "\u180E", "\u3164", "\u115F", "\u2800", "\u00A0", "\u3000", "\uD83D", "\uFDD0", "\u{1D173}"]) assert.match(visible(`a${hidden}b`), /^a⟦U\+[0-9A-F]{4,6}⟧b$/);
  assert.equal(visible("grüße 🎉 ✓ 日本 é"), "grüße 🎉 ✓ 日本 é");
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
