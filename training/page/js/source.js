// Data that a page carries with it: a whole run, or one record.
// Not here: a live kernel (live), drawing.

import { searchRecords } from "./search.js";
import { EMPTY, withBatch } from "./store.js";

/** Data embedded in a page: `{run, rows, records}`, the last two packed: `{metrics, samples}` and `{seq: record}`. */
export async function pageSource(data) {
  const rows = await unpack(data.rows);
  const records = unpack(data.records);
  return {
    kind: "run",
    host: data.host ?? "page",
    theme: data.theme,
    initial: withBatch(EMPTY, { run: data.run, ...rows }),
    search: async (text) => searchRecords(await records, text),
    async record(seq) {
      const record = (await records)[seq];
      if (!record) throw new Error("This sample's details are not in this file: it keeps those of a selection of samples. The run directory has them all.");
      return record;
    },
  };
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
