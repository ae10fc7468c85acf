import assert from "node:assert/strict";
import test from "node:test";

import { addsUp, covering, decodeBytes, provenance, scaleOf, segmentLines, shareOf, tokenCsv, whyMoved } from "../../../training/page/js/record.js";
import { makeRecord } from "./setup.mjs";

const joined = (record) => segmentLines(record).flat().map((segment) => segment.text).join("");

/** Numbers in 0..below, the same in every run. */
function chances(seed) {
  let state = seed;
  return (below) => (state = (state * 1103515245 + 12345) % 2147483648) % below;
}

test("segments joined are the program, whatever tokens and spans do", () => {
  const alphabet = ["a", "\n", " ", "é", "🎉", "→", "\r", "\u202e"];
  for (let seed = 1; seed <= 300; seed++) {
    const chance = chances(seed);
    const program = Array.from({ length: chance(12) }, () => alphabet[chance(alphabet.length)]).join("");
    const size = new TextEncoder().encode(program).length;
    const range = () => ({ start_byte: chance(size + 3) - 1, end_byte: chance(size + 4) });
    const tokens = Array.from({ length: chance(6) }, () => ({ text: "", ...range() }));
    const diagnostics = Array.from({ length: chance(4) }, () => ({ category: ["U_line", "U_ignore", "U_global"][chance(3)], ...range() }));
    assert.equal(joined({ program, tokens, diagnostics }), program, `seed ${seed}`);
  }
});

test("tokens that cover the program keep every one of them, even parts of a character", () => {
  const program = "x = '🎉'\n";
  const bytes = new TextEncoder().encode(program);
  const tokens = [...bytes].map((_, at) => ({ text: "", start_byte: at, end_byte: at + 1 }));
  const seen = new Set(segmentLines({ program, tokens, diagnostics: [] }).flat().map((segment) => segment.token));
  assert.deepEqual([...seen].sort((a, b) => a - b), tokens.map((_, at) => at));
  assert.equal(joined({ program, tokens, diagnostics: [] }), program);
});

test("byte offsets become UTF-16 offsets; bytes that are no UTF-8 stay one place each", () => {
  const { text, index } = decodeBytes(new TextEncoder().encode("é🎉x"));
  assert.equal(text, "é🎉x");
  assert.deepEqual([index[0], index[2], index[6], index[7]], [0, 1, 3, 4]);
  const broken = decodeBytes(Uint8Array.from([0x61, 0xff, 0xc3, 0x62]));
  assert.equal(broken.text, "a\ufffd\ufffdb");
  assert.deepEqual([...broken.index], [0, 1, 2, 3, 4]);
});

test("a span lies on exactly the text it names, across lines and around wide characters", () => {
  const record = makeRecord("label = 'ü🎉'\nreturn totl + 1", [["U_line", "E0602", "totl"]]);
  const marked = segmentLines(record).flat().filter((segment) => segment.marks.length).map((segment) => segment.text).join("");
  assert.equal(marked, "totl");
});

test("overlapping spans of two classes split where they start and end", () => {
  const record = makeRecord("abc def ghi", [["U_line", "A", "abc def"], ["U_ignore", "B", "def ghi"]]);
  const parts = segmentLines(record).flat().map((segment) => [segment.text, segment.marks.join("")]);
  assert.deepEqual(parts, [["abc", "0"], [" ", "0"], ["def", "01"], [" ", "1"], ["ghi", "1"]]);
});

test("contributions are shown to add up, or not to", () => {
  const record = makeRecord("a b");
  assert.ok(addsUp(record.tokens[0]));
  assert.deepEqual(provenance(record, 0).map((row) => row.adds), [true, true, true, true]);
  record.contributions.pop();
  assert.deepEqual(provenance(record, 0).map((row) => row.adds), [true, false, true, true]);
  record.tokens[0].reward = 0;
  assert.ok(!addsUp(record.tokens[0]));
});

test("a diagnostic of the whole program covers every token, one with a place only its own", () => {
  const record = makeRecord("a = b", [["U_global", "timeout", null], ["U_line", "E0602", "b"]]);
  assert.deepEqual(covering(record, 0).map((finding) => finding.code), ["timeout"]);
  assert.deepEqual(covering(record, 4).map((finding) => finding.code), ["timeout", "E0602"]);
});

test("one symmetric scale for all rewards, its own for log-probabilities", () => {
  const record = makeRecord("a");
  assert.equal(scaleOf(record, "fine"), 0.9);
  assert.equal(scaleOf(record, "reward"), 0.9);
  assert.equal(scaleOf(record, "logprob"), 0.5);
});

test("a token's share of the advantage is that of its size, and unknown where no token carries any", () => {
  const record = makeRecord("a b");
  record.tokens[0].advantage = -0.6;
  assert.equal(shareOf(record, 0), 0.6);
  record.tokens.forEach((token) => { token.advantage = 0; });
  assert.equal(shareOf(record, 0), null);
});

test("why an advantage was moved is said of the tokens in the range alone", () => {
  const record = makeRecord("a b", [], { moves: [[1, 2, "at fault"]] });
  assert.deepEqual([0, 1, 2].map((token) => whyMoved(record, token)), ["", "at fault", ""]);
});

test("the CSV of tokens has a row each, quotes what needs it and holds no formulas", () => {
  const record = makeRecord('=1+"a",\n');
  const rows = tokenCsv(record).split("\r\n");
  assert.equal(rows[0], "index,id,text,start_byte,end_byte,reward,coarse,adaptive,fine,static,advantage,logprob");
  assert.ok(rows[1].startsWith("0,0,'=,0,1,-0.9,-0.6"));
  assert.ok(tokenCsv(record).includes('"""",'));
  assert.equal(tokenCsv(record).match(/-0\.9,/g).length, record.tokens.length);
});
