// Data that a page carries with it: a whole run, or one record.
// Not here: a live kernel (live), drawing.

import { searchPrograms } from "./search.js";
import { addMetrics } from "./series.js";
import { EMPTY, withBatch } from "./store.js";

/** Data embedded in a page: `{run, about, notes, rows, records, beside}`, the last three packed: `{metrics, samples}`, `{seq: record}`, `[{name, about, metrics}]`. */
export async function pageSource(data) {
  const rows = await unpack(data.rows);
  const records = unpack(data.records);
  const besides = data.beside ? unpack(data.beside) : Promise.resolve([]);
  const bySeq = new Map(rows.samples.map((sample) => [sample.seq, sample]));
  return {
    kind: "run",
    host: data.host ?? "page",
    theme: data.theme,
    linked: (data.host ?? "page") === "page" && globalThis.location?.protocol !== "about:", // in a host's frame it has no address
    more: data.more,
    initial: { ...withBatch(EMPTY, { run: data.run, about: data.about, notes: data.notes, ...rows }), beside: (await besides).map(besideRun), notice: data.notice ?? "" },
    heldOut: data.held_out ? () => unpack(data.held_out) : null,
    search: async (text) => searchPrograms(rows.samples, text),
    async record(seq) {
      return (await records)[seq] ?? bareRecord(bySeq.get(seq));
    },
  };
}

const CATEGORIES = { G: "U_global", L: "U_line", I: "U_ignore" };
const TEST_VERDICTS = { p: "passed", f: "failed", e: "error", i: "infra" };

/** What a page keeps of every sample: program, verdict, tests; no tokens. */
function bareRecord(sample) {
  if (!sample) throw new Error("This file has no such sample.");
  const { problem_id, step, sample: number, verdict, reward, pass_ratio, error_type, program } = sample;
  const tests = [...(sample.tests ?? "")].map((letter) => ({ verdict: TEST_VERDICTS[letter] ?? "error" }));
  const diagnostics = sample.marks.map((mark) => {
    const [letter, source, code] = mark.split(" ");
    return { category: CATEGORIES[letter], source, code, message: "", strength: null, line: null };
  });
  return { bare: true, problem_id, step, sample: number, verdict, reward, pass_ratio, error: error_type ? { kind: "error", type: error_type } : null, tests, program: program ?? "", diagnostics, tokens: [] };
}

/** Another run as the store keeps it, from its metric rows. */
export function besideRun({ name, about, metrics }) {
  return { name, about, metrics: addMetrics(new Map(), metrics.filter((row) => row[2] !== null)) };
}

/** JSON that was gzipped and put in base64. */
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** One record and nothing else. */
export function recordSource(record, { host = "cell", theme, edit = null } = {}) {
  return { kind: "sample", host, theme, initial: { record }, record: async () => record, edit };
}
