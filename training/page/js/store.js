// The state of one view and who is told when it changes. Panels are functions of this state.
// Not here: elements, or where the data comes from.

import { CHARTS } from "./metrics.js";
import { NO_FILTER } from "./samples.js";
import { addMetrics } from "./series.js";
import { PLAIN } from "./weights.js";

export const EMPTY = {
  run: null, // {name, state, step, steps, summary}; null for a single sample
  asked: null, // a command that was sent and is not yet acknowledged
  askedId: null, // its number, once the kernel passed it on
  notice: "", // what the reader must know about the connection
  metrics: new Map(),
  unfinite: 0, // metric values that are no finite numbers, and so on no curve
  samples: [],
  notes: {}, // seq -> what somebody wrote about that sample
  about: null, // {facts: [[name, value]], config: {key: value}, command}
  siblings: [], // names of other runs that can be drawn too
  beside: [], // other runs whose curves are drawn too: {name, metrics, about}
  dropped: 0, // older samples that the view no longer lists
  selected: null,
  record: null,
  shown: null, // the sample whose record (or failure) that is; another than `selected` while the record is on its way
  original: null, // the sampled record while an edited program is shown in its place
  failure: "", // why there is no record
  token: null,
  component: null, // what the heat shows; null for what the learner puts on each token, or the reward
  filters: NO_FILTER,
  found: null, // {text, seqs} of the samples whose program contains the filter's text
  sort: "newest",
  weights: PLAIN,
  follow: false,
  hoverStep: null,
  charts: { list: CHARTS, smoothing: 4, log: false, over: "step", zoom: null, size: "full" },
  pinned: null, // a record that others are compared with
  page: "program",
};

let views = 0;

/** A store; listeners are told once per frame, however often the state changes. */
export function createStore(initial = {}, schedule = requestAnimationFrame) {
  let state = { ...EMPTY, ...initial };
  let waiting = false;
  const listeners = new Set();
  const tell = () => {
    waiting = false;
    for (const listener of listeners) listener(state);
  };
  return {
    id: (views += 1),
    get: () => state,
    update(change) {
      state = { ...state, ...change };
      if (waiting) return;
      waiting = true;
      schedule(tell);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const MOST_SAMPLES = 250000; // about 150 MB of a browser's memory

/** The state after news: `{run?, metrics: [[step, name, value]], samples: [summary], notes: {seq: text}}`; news may come twice, or late. */
export function withBatch(state, batch) {
  const notes = batch.notes ?? state.notes;
  const samples = noted(merged(state.samples, batch.samples ?? []), notes, state.notes);
  const excess = samples.length - MOST_SAMPLES;
  const follows = state.follow && samples !== state.samples && samples.length;
  return {
    ...state,
    notes,
    about: batch.about ?? state.about,
    siblings: batch.siblings ?? state.siblings,
    run: batch.run ? { ...state.run, failure: null, ...batch.run, step: newestStep(state, batch) } : state.run,
    metrics: batch.metrics?.length ? addMetrics(state.metrics, batch.metrics.filter((row) => row[2] !== null)) : state.metrics,
    unfinite: state.unfinite + (batch.metrics ?? []).filter((row) => row[2] === null).length,
    samples: excess > 0 ? samples.slice(excess) : samples,
    dropped: state.dropped + Math.max(0, excess),
    selected: follows ? samples.at(-1).seq : state.selected,
  };
}

/** How far the run is: a state event says so only when the state changes, metrics come with every step. */
function newestStep(state, batch) {
  const steps = (batch.metrics ?? []).map((row) => row[0]);
  return steps.reduce((most, step) => Math.max(most, step), Math.max(batch.run.step ?? 0, batch.metrics?.length ? 0 : (state.run?.step ?? 0)));
}

/** Samples by rising `seq`, each once. A run that was resumed does steps again: what came after them before is gone. */
function merged(samples, fresh) {
  if (!fresh.length) return samples;
  const last = samples.at(-1);
  if (!last || (fresh[0].seq > last.seq && fresh[0].step >= last.step)) return samples.concat(fresh);
  const known = new Set(samples.map((sample) => sample.seq));
  const added = fresh.filter((sample) => !known.has(sample.seq));
  if (!added.length) return samples;
  const kept = samples.filter((sample) => sample.seq > added[0].seq || sample.step <= added[0].step);
  const late = kept.length && kept.at(-1).seq > added[0].seq;
  const all = [...kept, ...added];
  if (late) all.sort((left, right) => left.seq - right.seq);
  return all;
}

/** Samples that carry their notes; only those whose note changed are new objects. */
function noted(samples, notes, before) {
  const changed = new Set([...Object.keys(notes), ...Object.keys(before)].map(Number).filter((seq) => notes === before || notes[seq] !== before[seq]));
  const wanting = notes === before ? new Set(Object.keys(notes).map(Number)) : changed;
  if (!wanting.size) return samples;
  let differs = false;
  const all = samples.map((sample) => {
    const note = notes[sample.seq];
    if (!wanting.has(sample.seq) || sample.note === note) return sample;
    differs = true;
    return { ...sample, note };
  });
  return differs ? all : samples;
}
