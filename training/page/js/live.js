// A run that a kernel follows: hello and resync, records on request, commands, and honesty about whether clicks arrive.
// Not here: drawing. The kernel's half is notebook_ext/monitor.py.

import { besideRun } from "./source.js";
import { withBatch } from "./store.js";

const PATIENCE = 1500; // milliseconds without an answer before the view says so
const RETRIES = 3;
const KEPT_RECORDS = 200;
const MOST_LAG = 4; // batches: over a second
const BUSY = "This run is a loop in this notebook's own kernel: clicks wait for the kernel, until the cell has ended; the newest sample is shown meanwhile. To stop it, interrupt the kernel.";
const GONE = "The kernel that this view talked to is gone: it was restarted or shut down. What you see is the run as it was then.";
const LOST = "The kernel is gone, and this was not loaded before. Run the cell again to see it.";
const SILENT = "The kernel does not answer: clicks wait until it is free. If they stay unanswered, reload the page, or call run.send(\"pause\") or run.send(\"stop\").";

/** Data that a kernel sends; `timer` is `setTimeout` but in tests. */
export function liveSource(model, { name, loop = false, timer = setTimeout } = {}) {
  const silent = loop ? BUSY : SILENT;
  const view = Math.random().toString(36).slice(2);
  const records = new Map();
  const waiting = new Map();
  let say = () => {};
  let gone = () => {};
  let lost = false;
  const send = (message) => {
    try {
      model.send({ view, ...message });
    } catch {
      gone(); // there is no comm any more: the kernel was restarted, or shut down
    }
    if (lost) refuse();
  };

  function record(seq) {
    if (records.has(seq)) return Promise.resolve(records.get(seq));
    return new Promise((resolve, reject) => {
      waiting.set(seq, [...(waiting.get(seq) ?? []), { resolve, reject }]);
      send({ kind: "record", seq });
      timer(() => waiting.has(seq) && say(silent), PATIENCE);
    });
  }

  function answerRecord({ seq, record: found, failure }) {
    if (found) remember(records, seq, found);
    for (const { resolve, reject } of waiting.get(seq) ?? []) found ? resolve(found) : reject(new Error(failure));
    waiting.delete(seq);
  }

  const asked = new Map();
  /** Ask the kernel for something that is answered once, by a message of the same kind and `key`. */
  const ask = (kind, key, message = {}) =>
    new Promise((resolve, reject) => {
      asked.set(`${kind} ${key}`, { resolve, reject });
      send({ kind, ...message });
      timer(() => asked.has(`${kind} ${key}`) && say(silent), PATIENCE);
    });
  const answer = (kind, key, value, failure) => {
    const waiting = asked.get(`${kind} ${key}`);
    asked.delete(`${kind} ${key}`);
    if (failure) waiting?.reject(new Error(failure));
    else waiting?.resolve(value);
  };

  /** Nobody answers any more: what was asked for is refused, so that no older answer stands in its place. */
  const refuse = () => {
    const open = [...waiting.values()].flat().concat([...asked.values()]);
    waiting.clear();
    asked.clear();
    for (const { reject } of open) reject(new Error(LOST));
  };

  let answerSearch = () => {};
  const search = (text) =>
    new Promise((resolve) => {
      answerSearch = (message) => message.text === text && resolve(message.seqs); // an older question is not waited for
      send({ kind: "search", text });
    });

  function connect(store) {
    let alive = true;
    let greeted = false;
    say = (notice) => alive && store.update({ notice });
    const later = (check) => timer(() => check() && say(silent), PATIENCE);
    const handlers = {
      batch(message) {
        greeted ||= message.to === view;
        send({ kind: "ack", batch: message.batch });
        message.records?.forEach(answerRecord);
        store.update({ ...withBatch(store.get(), message), ...heard(message, store.get(), silent) });
        settle(store);
      },
      record: answerRecord,
      found: (message) => answerSearch(message),
      about: ({ about, siblings, notes }) => store.update(withBatch(store.get(), { about, siblings, notes })),
      beside: (message) => answer("beside", message.name, message.metrics && besideRun(message), message.failure),
      held_out: ({ samples }) => answer("held_out", "", samples),
      noted: (message) => answer("note", message.seq, message.notes, message.failure),
      sent({ command, id }) {
        store.update({ asked: command, askedId: id, notice: "" });
        settle(store);
      },
    };
    const listen = (message) => (message?.to === view || message?.to === "") && handlers[message.kind]?.(message);
    const hello = (left) => {
      send({ kind: "hello", seq: 0 });
      if (left > 0) timer(() => alive && !greeted && hello(left - 1), PATIENCE);
      else later(() => !greeted);
    };
    model.on("msg:custom", listen);
    gone = () => {
      if (!alive) return;
      alive = false;
      lost = true;
      refuse();
      const { run, about } = store.get();
      const ended = ["finished", "stopped", "failed"].includes(run?.state);
      store.update({ asked: null, askedId: null, run: ended ? run : { ...run, state: "gone" }, notice: `${GONE} TrainingView(${JSON.stringify(about?.path ?? name)}) shows the run as it is now; run.send(...) and the side panel steer it.` });
    };
    model.on("comm_live_update", gone); // what ipywidgets tells when the kernel restarts
    hello(RETRIES);
    return {
      ask(command) {
        store.update({ asked: command, askedId: null });
        send({ kind: "command", command });
        later(() => store.get().asked === command && !store.get().askedId);
      },
      close() {
        alive = false;
        model.off("msg:custom", listen);
        model.off("comm_live_update", gone);
      },
    };
  }

  return { kind: "run", host: "cell", controls: true, edit: editing(model, view), heldOut: () => ask("held_out", ""), note: (seq, text) => ask("note", seq, { seq, text }), beside: (other) => ask("beside", other, { name: other }), initial: { run: { name, state: "connecting", step: 0 }, follow: true, notice: loop ? BUSY : "" }, record, search, connect };
}

/** A function that asks the kernel to judge an edited program; an answer that a newer question overtook never comes. */
export function editing(model, view = Math.random().toString(36).slice(2)) {
  let newest = 0;
  let overtake = () => {};
  return (original, program, seq = null) =>
    new Promise((resolve, reject) => {
      overtake();
      const own = (newest += 1);
      const listen = (message) => {
        if (message?.kind !== "edited" || message.to !== view || message.edit !== own) return;
        overtake();
        if (message.record) resolve(message.record);
        else reject(new Error(message.failure));
      };
      overtake = () => model.off("msg:custom", listen);
      model.on("msg:custom", listen);
      model.send({ kind: "edit", view, edit: own, seq, problem_id: original.problem_id, program });
    });
}

function remember(records, seq, record) {
  records.set(seq, record);
  if (records.size > KEPT_RECORDS) records.delete(records.keys().next().value);
}

/** News that arrives does not show that clicks do: the kernel says which of our answers it heard, and that must not lag. */
function heard(message, { notice }, silent) {
  if (message.to === "") return { notice: silent };
  const lags = message.batch - message.heard > MOST_LAG;
  return lags ? { notice: silent } : { notice: notice === silent ? "" : notice };
}

/** A command is done when the trainer's state answers its number, or has ended. */
function settle(store) {
  const { asked, askedId, run } = store.get();
  const ended = ["finished", "stopped", "failed"].includes(run?.state);
  if (asked && askedId && (run?.answered >= askedId || ended)) store.update({ asked: null, askedId: null });
}
