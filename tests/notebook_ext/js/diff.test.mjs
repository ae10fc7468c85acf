import assert from "node:assert/strict";
import test from "node:test";

import { alignLines } from "../../../training/page/js/diff.js";

test("every line of both sides appears once, in order, and equal lines meet", () => {
  for (let seed = 0; seed < 200; seed++) {
    const lines = (salt) => Array.from({ length: (seed * salt) % 9 }, (_, at) => "abc"[(seed * (at + salt) + at * at) % 3]);
    const [left, right] = [lines(7), lines(11)];
    const pairs = alignLines(left, right);
    assert.deepEqual(pairs.map((pair) => pair[0]).filter((line) => line !== null), left.map((_, at) => at));
    assert.deepEqual(pairs.map((pair) => pair[1]).filter((line) => line !== null), right.map((_, at) => at));
    assert.ok(pairs.every((pair) => pair.some((line) => line !== null)));
  }
  assert.deepEqual(alignLines(["a", "b", "c"], ["a", "x", "c"]), [[0, 0], [1, 1], [2, 2]]);
  assert.deepEqual(alignLines(["a", "c"], ["a", "b", "c"]), [[0, 0], [null, 1], [1, 2]]);
});
