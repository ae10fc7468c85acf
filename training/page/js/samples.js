// The list of samples as data: outcome classes, filters, sorting, and the choices a filter offers.
// Not here: elements.

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

/** Samples that satisfy every filter that is set; a text may stand in the summary, or in a program that a search has `found`. `marks` of a sample are strings `letter source code`. */
export function filterSamples(samples, filters, found = null) {
  const programs = found?.text === filters.text.trim() ? found.seqs : new Set();
  const words = filters.text.toLowerCase().split(/\s+/).filter(Boolean);
  return samples.filter((sample) => {
    if (filters.outcome && sample.outcome !== filters.outcome) return false;
    if (filters.problem && sample.problem_id !== filters.problem) return false;
    if (filters.step !== null && sample.step !== filters.step) return false;
    if ((filters.letter || filters.source || filters.code) && !sample.marks.some((mark) => markMatches(mark, filters))) return false;
    return words.every((word) => searchable(sample).includes(word)) || programs.has(sample.seq);
  });
}

function markMatches(mark, { letter, source, code }) {
  const [ownLetter, ownSource, ownCode] = mark.split(" ");
  return (!letter || ownLetter === letter) && (!source || ownSource === source) && (!code || ownCode === code);
}

function searchable(sample) {
  return `${sample.problem_id} ${sample.verdict} ${outcomeOf(sample).label} ${sample.error_type} ${sample.marks.join(" ")}`.toLowerCase();
}

export const SORTS = [
  { key: "newest", label: "newest first", order: (left, right) => right.seq - left.seq },
  { key: "oldest", label: "oldest first", order: (left, right) => left.seq - right.seq },
  { key: "lowest", label: "lowest reward", order: (left, right) => left.reward - right.reward || right.seq - left.seq },
  { key: "highest", label: "highest reward", order: (left, right) => right.reward - left.reward || right.seq - left.seq },
  { key: "problem", label: "by problem", order: (left, right) => compareText(left.problem_id, right.problem_id) || left.seq - right.seq },
];

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
