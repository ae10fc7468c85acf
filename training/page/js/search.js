// The search over programs: summaries carry none, so whoever has the records is asked which contain the text.
// Not here: what a summary itself says (samples).

const SEARCH_PAUSE = 350; // milliseconds without a key before it is asked
const SEARCH_AGAIN = 3000; // milliseconds after which new samples are searched too

/** Keep `found` of the store up to date: `{text, seqs}` of the samples whose program contains the filter's text. */
export function followSearch(store, source, timer = setTimeout) {
  let asked = { text: "", count: 0 };
  let waiting = null;
  if (!source.search) return () => {};
  return store.subscribe(({ filters, samples }) => {
    const text = filters.text.trim();
    if (text === waiting || (text === asked.text && samples.length === asked.count)) return;
    const again = text === asked.text;
    waiting = text;
    timer(() => waiting === text && ask(text, samples.length), again ? SEARCH_AGAIN : SEARCH_PAUSE);
  });

  async function ask(text, count) {
    waiting = null;
    asked = { text, count };
    const seqs = text ? new Set(await source.search(text)) : new Set();
    if (asked.text === text) store.update({ found: { text, seqs } });
  }
}

/** The numbers of the samples whose program contains a text, in any case. */
export function searchPrograms(samples, text) {
  const wanted = text.toLowerCase();
  return samples.filter((sample) => String(sample.program ?? "").toLowerCase().includes(wanted)).map((sample) => sample.seq);
}
