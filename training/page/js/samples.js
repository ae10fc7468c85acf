// The list of samples as data: outcome classes, filters, sorting, and the choices a filter offers.
// Not here: elements, or the language of filter expressions (expression).

import { compileExpression, isExpression } from "./expression.js";

export const OUTCOMES = [
  { key: "passed", label: "passed", glyph: "✓" },
  { key: "failed", label: "wrong answer", glyph: "✗" },
  { key: "runtime", label: "run-time error", glyph: "!" },
  { key: "syntax", label: "syntax error", glyph: "¶" },
  { key: "timeout", label: "timeout", glyph: "◷" },
  { key: "other", label: "other error", glyph: "▪" },
  { key: "infra", label: "infrastructure", glyph: "?" },
];
const BY_KEY = Object.fromEntries(OUTCOMES.map((outcome) => [outcome.key, outcome]));

/** The class that curves and lists show for an outcome key. */
export function outcomeOf(sample) {
  return BY_KEY[sample.outcome] ?? BY_KEY.other;
}

export const NO_FILTER = { outcome: "", letter: "", code: "", source: "", problem: "", text: "", step: null };

/** What an expression can ask of a sample. */
export const FIELDS = {
  reward: (sample) => sample.reward,
  advantage: (sample) => sample.advantage ?? null,
  step: (sample) => sample.step,
  sample: (sample) => sample.sample,
  seq: (sample) => sample.seq,
  tokens: (sample) => sample.tokens ?? null,
  pass_ratio: (sample) => sample.pass_ratio,
  problem: (sample) => sample.problem_id,
  verdict: (sample) => sample.verdict,
  outcome: (sample) => sample.outcome,
  error: (sample) => sample.error_type,
  code: (sample) => sample.marks.map((mark) => mark.split(" ")[2]),
  source: (sample) => sample.marks.map((mark) => mark.split(" ")[1]),
  class: (sample) => sample.marks.map((mark) => mark[0]),
  coarse: (sample) => sample.parts?.coarse ?? null,
  adaptive: (sample) => sample.parts?.adaptive ?? null,
  fine: (sample) => sample.parts?.fine ?? null,
  static: (sample) => sample.parts?.static ?? null,
  note: (sample) => sample.note ?? "",
};

/** What is wrong with a filter's text, if it is meant as an expression; else "". */
export function expressionFault(text) {
  try {
    if (isExpression(text, FIELDS)) compileExpression(text, FIELDS);
    return "";
  } catch (error) {
    return error.message;
  }
}

/** Samples that satisfy every filter that is set; a text is an expression, or stands in the summary, or in a program that a search has `found`. `marks` of a sample are strings `letter source code`. */
export function filterSamples(samples, filters, found = null) {
  if (Object.entries(NO_FILTER).every(([key, value]) => filters[key] === value)) return samples;
  const says = textFilter(filters.text, found);
  return samples.filter((sample) => {
    if (filters.outcome && sample.outcome !== filters.outcome) return false;
    if (filters.problem && sample.problem_id !== filters.problem) return false;
    if (filters.step !== null && sample.step !== filters.step) return false;
    if ((filters.letter || filters.source || filters.code) && !sample.marks.some((mark) => markMatches(mark, filters))) return false;
    return says(sample);
  });
}

function textFilter(text, found) {
  if (isExpression(text, FIELDS)) return expressionFault(text) ? () => true : compileExpression(text, FIELDS); // half an expression hides nothing
  const programs = found?.text === text.trim() ? found.seqs : new Set();
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (sample) => words.every((word) => searchable(sample).includes(word)) || programs.has(sample.seq);
}

function markMatches(mark, { letter, source, code }) {
  const [ownLetter, ownSource, ownCode] = mark.split(" ");
  return (!letter || ownLetter === letter) && (!source || ownSource === source) && (!code || ownCode === code);
}

function searchable(sample) {
  return `${sample.problem_id} ${sample.verdict} ${outcomeOf(sample).label} ${sample.error_type} ${sample.marks.join(" ")} ${sample.note ?? ""}`.toLowerCase();
}

const FIELD_NAMES = { tokens: "number of tokens", pass_ratio: "share of tests passed" };

export const SORTS = [
  { key: "newest", label: "newest first", order: (left, right) => right.seq - left.seq },
  { key: "oldest", label: "oldest first", order: (left, right) => left.seq - right.seq },
  { key: "lowest", label: "lowest reward", order: (left, right) => left.reward - right.reward || right.seq - left.seq },
  { key: "highest", label: "highest reward", order: (left, right) => right.reward - left.reward || right.seq - left.seq },
  { key: "problem", label: "by problem", order: (left, right) => compareText(left.problem_id, right.problem_id) || left.seq - right.seq },
  ...["advantage", "tokens", "pass_ratio", "coarse", "adaptive", "fine", "static"].flatMap((field) =>
    [[1, "lowest"], [-1, "highest"]].map(([way, word]) => ({ key: `${field} ${word}`, label: `${word} ${FIELD_NAMES[field] ?? field}`, order: (left, right) => way * byNumber(FIELDS[field](left), FIELDS[field](right), way) || right.seq - left.seq }))),
];

function byNumber(left, right, way) {
  if (left === null || right === null) return left === right ? 0 : way * (left === null ? 1 : -1); // unknown values come last
  return left - right;
}

function compareText(left, right) {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A sorted copy. */
export function sortSamples(samples, key) {
  return [...samples].sort((SORTS.find((sort) => sort.key === key) ?? SORTS[0]).order);
}

/** What can be chosen in each filter, the most frequent first, with counts. */
export function filterChoices(samples) {
  const counts = { outcome: new Map(), letter: new Map(), source: new Map(), code: new Map(), problem: new Map() };
  const count = (kind, key) => counts[kind].set(key, (counts[kind].get(key) ?? 0) + 1);
  for (const sample of samples) {
    count("outcome", sample.outcome);
    count("problem", sample.problem_id);
    const seen = new Set();
    for (const mark of sample.marks) {
      const [letter, source, code] = mark.split(" ");
      for (const [kind, key] of [["letter", letter], ["source", source], ["code", code]]) {
        if (!seen.has(`${kind} ${key}`)) count(kind, key);
        seen.add(`${kind} ${key}`);
      }
    }
  }
  return Object.fromEntries(
    Object.entries(counts).map(([kind, map]) => [kind, [...map].sort((left, right) => right[1] - left[1] || compareText(left[0], right[0]))]),
  );
}
