import assert from "node:assert/strict";
import test from "node:test";

import { fakeModel, makeRecord, makeSamples, painted, window } from "./setup.mjs";

const { default: view } = await import("../../../training/page/js/index.js");
const { liveSource } = await import("../../../training/page/js/live.js");
const { createStore } = await import("../../../training/page/js/store.js");

async function show() {
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  const model = fakeModel({ name: "made" });
  const close = view.render({ model, el });
  await painted();
  const me = model.sent[0].view;
  const news = (batch, extra = {}) => model.receive({ kind: "batch", to: me, batch, heard: batch - 1, run: { state: "running", step: batch, steps: 9, answered: 0 }, samples: [], metrics: [], ...extra });
  return { el, model, me, news, close, text: (selector) => el.querySelector(selector).textContent, sent: (kind) => model.sent.filter((message) => message.kind === kind) };
}

/** A live source whose timers fire when the test says so. */
function clocked() {
  const model = fakeModel({});
  const timers = [];
  const store = createStore({}, (task) => task());
  const source = liveSource(model, { name: "made", timer: (task) => timers.push(task) });
  store.update(source.initial);
  const connection = source.connect(store);
  const fire = () => timers.splice(0).forEach((task) => task());
  return { model, store, source, connection, fire, me: model.sent[0].view };
}

test("a view says hello, answers each batch, and shows what came", async () => {
  const { news, sent, text, el } = await show();
  assert.equal(sent("hello").length, 1);
  news(1, { samples: makeSamples(3), metrics: [[1, "held_out/pass@1", 0.25]] });
  await painted();
  assert.deepEqual(sent("ack").map((message) => message.batch), [1]);
  assert.match(text(".progress"), /step 1 of 9/);
  assert.match(text(".result"), /25%/);
  assert.equal(el.querySelectorAll(".row").length, 3);
});

test("records are asked for once, when chosen", async () => {
  const { news, sent, model, me, text, el } = await show();
  news(1, { samples: makeSamples(2) });
  await painted();
  assert.deepEqual(sent("record").map((message) => message.seq), [2]);
  assert.equal(el.querySelector(".center").getAttribute("aria-busy"), "true");
  model.receive({ kind: "record", to: me, seq: 2, record: makeRecord("hello") });
  await painted();
  assert.equal(text(".code").includes("hello"), true);
  assert.equal(el.querySelector(".center").getAttribute("aria-busy"), "false");
  el.querySelectorAll(".row")[1].click();
  await painted();
  model.receive({ kind: "record", to: me, seq: 1, failure: "gone" });
  await painted();
  assert.match(text(".heading"), /gone/);
  el.querySelectorAll(".row")[0].click();
  await painted();
  assert.deepEqual(sent("record").map((message) => message.seq), [2, 1]);
});

test("a command is shown as pending until the trainer itself answers it", async () => {
  const { news, sent, model, me, el } = await show();
  news(1);
  await painted();
  const pause = el.querySelector("button.pause");
  pause.click();
  await painted();
  assert.deepEqual(sent("command").map((message) => message.command), ["pause"]);
  assert.equal(pause.textContent, "pausing…");
  model.receive({ kind: "sent", to: me, command: "pause", id: 4 });
  news(2);
  await painted();
  assert.equal(pause.textContent, "pausing…");
  news(3, { run: { state: "paused", step: 2, steps: 9, answered: 4 } });
  await painted();
  assert.equal(pause.textContent, "Pause");
  assert.ok(pause.disabled);
  assert.ok(!el.querySelector("button.resume").disabled);
});

test("choosing a sample ends following; following goes back to the newest", async () => {
  const { news, el } = await show();
  news(1, { samples: makeSamples(5) });
  await painted();
  assert.equal(el.querySelector(".row.selected").getAttribute("aria-posinset"), "1");
  el.querySelectorAll(".row")[3].click();
  news(2, { samples: makeSamples(8).slice(5) });
  await painted();
  assert.equal(el.querySelector(".row.selected").getAttribute("aria-posinset"), "7");
  [...el.querySelectorAll("button")].find((button) => button.textContent === "Follow latest").click();
  await painted();
  assert.equal(el.querySelector(".row.selected").getAttribute("aria-posinset"), "1");
});

test("messages to another view of the same widget are not ours", async () => {
  const { model, el } = await show();
  model.receive({ kind: "batch", to: "somebody else", batch: 1, heard: 0, run: { state: "paused" }, samples: makeSamples(4), metrics: [] });
  await painted();
  assert.equal(el.querySelectorAll(".row").length, 0);
});

test("an unanswered hello is repeated, then said to be unanswered; an answer takes that back", () => {
  const { model, store, fire, me } = clocked();
  for (let round = 0; round < 3; round++) fire();
  assert.equal(model.sent.filter((message) => message.kind === "hello").length, 4);
  assert.equal(store.get().notice, "");
  fire();
  assert.match(store.get().notice, /does not answer/);
  model.receive({ kind: "batch", to: me, batch: 1, heard: 0, run: { state: "running" } });
  assert.equal(store.get().notice, "");
});

test("snapshots from a busy kernel are shown, with the word that clicks wait", () => {
  const { model, store } = clocked();
  model.receive({ kind: "batch", to: "", batch: 1, heard: 0, run: { state: "running", step: 2 }, samples: makeSamples(2) });
  assert.equal(store.get().samples.length, 2);
  assert.match(store.get().notice, /clicks wait/);
});

test("a loop in the kernel itself is said to be one from the start, and its newest sample comes without being asked for", async () => {
  const model = fakeModel({ name: "mine", loop: true });
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  view.render({ model, el });
  await painted();
  assert.match(el.querySelector(".notice").textContent, /loop in this notebook's own kernel: clicks wait for the kernel/);
  const me = model.sent[0].view;
  model.receive({ kind: "batch", to: "", batch: 1, heard: 0, run: { state: "running", step: 1 }, samples: makeSamples(2), metrics: [], records: [{ seq: 2, record: makeRecord("pushed") }] });
  await painted();
  await painted();
  assert.match(el.querySelector(".code").textContent, /pushed/);
  assert.deepEqual(model.sent.filter((message) => message.kind === "record"), []);
  assert.match(el.querySelector(".notice").textContent, /clicks wait/);
  model.receive({ kind: "batch", to: me, batch: 1, heard: 0, run: { state: "finished", step: 1 } });
  await painted();
  assert.equal(el.querySelector(".notice").textContent, "");
});

test("a record that does not come is said to wait", () => {
  const { model, store, source, fire, me } = clocked();
  model.receive({ kind: "batch", to: me, batch: 1, heard: 0, run: { state: "paused" }, samples: makeSamples(1) });
  source.record(1);
  fire();
  assert.match(store.get().notice, /clicks wait/);
});

test("a value that is no finite number is on no curve and is counted", async () => {
  const { news, el, text } = await show();
  news(1, { metrics: [[1, "reward/mean", null], [1, "loss", null], [1, "pass_rate", 0.5]] });
  await painted();
  assert.match(text(".result"), /2 metric values are not finite/);
  assert.match(el.querySelectorAll(".plot")[1].getAttribute("aria-valuetext"), /50%/);
});

test("news that arrives while answers do not is no proof that clicks arrive", () => {
  const { model, store, me } = clocked();
  for (let batch = 1; batch <= 6; batch++) model.receive({ kind: "batch", to: me, batch, heard: 0, run: { state: "running" } });
  assert.match(store.get().notice, /does not answer/);
  model.receive({ kind: "batch", to: me, batch: 7, heard: 6, run: { state: "running" } });
  assert.equal(store.get().notice, "");
});

test("a click that the kernel does not take is said to wait", () => {
  const { model, store, connection, fire, me } = clocked();
  model.receive({ kind: "batch", to: me, batch: 1, heard: 0, run: { state: "running" } });
  connection.ask("stop");
  fire();
  assert.match(store.get().notice, /clicks wait/);
});

test("a kernel that is restarted is said to be gone, with the way on; buttons do nothing and throw nothing", async () => {
  const { model, news, el } = await show();
  news(1);
  await painted();
  model.die();
  await painted();
  assert.match(el.querySelector(".status").textContent, /gone/);
  assert.match(el.querySelector(".notice").textContent, /restarted or shut down.*TrainingView\("made"\)/);
  assert.ok([...el.querySelectorAll(".commands button")].every((button) => button.disabled));
});

test("of a sample that is chosen once the kernel is gone no other one's program is shown", async () => {
  for (const tells of [true, false]) {
    const { model, me, news, el } = await show();
    news(1, { samples: makeSamples(3) });
    model.receive({ kind: "record", to: me, seq: 3, record: makeRecord("newest = 1") });
    await painted();
    el.querySelectorAll(".row")[1].click(); // asked for, and never answered
    await painted();
    if (tells) model.die();
    else model.live = false;
    el.querySelectorAll(".row")[2].click();
    await painted();
    assert.equal(el.querySelector(".row.selected").dataset.seq, "1");
    assert.match(el.querySelector(".heading").textContent, /kernel is gone.*not loaded before/);
    assert.doesNotMatch(el.querySelector(".code").textContent, /newest/);
    el.querySelectorAll(".row")[0].click(); // this one was loaded
    await painted();
    assert.match(el.querySelector(".code").textContent, /newest/);
  }
});

test("a click that finds the kernel gone says so too, and is not pending for ever", async () => {
  const { model, news, el } = await show();
  news(1);
  await painted();
  model.live = false; // no event came
  el.querySelector("button.pause").click();
  await painted();
  assert.match(el.querySelector(".notice").textContent, /gone/);
  assert.equal(el.querySelector("button.pause").textContent, "Pause");
});

test("a batch takes no row, no scroll place and no opened part from under the reader", async () => {
  const { news, el } = await show();
  news(1, { samples: makeSamples(200) });
  await painted();
  el.querySelectorAll(".row")[2].click();
  await painted();
  const box = el.querySelector(".listbox");
  box.scrollTop = 100 * 44 + 7;
  box.dispatchEvent(new window.Event("scroll"));
  const top = () => [...el.querySelectorAll(".row")].find((row) => Number.parseInt(row.style.top) >= box.scrollTop - 7).dataset.seq;
  const [before, element] = [top(), [...el.querySelectorAll(".row")].at(5)];
  news(2, { samples: makeSamples(208).slice(200) });
  await painted();
  assert.equal(box.scrollTop, 108 * 44 + 7);
  assert.equal(top(), before);
  assert.ok(element.isConnected);
  box.scrollTop = 0; // at the top too, once a sample was chosen there
  box.dispatchEvent(new window.Event("scroll"));
  const chosen = el.querySelector(".row").dataset.seq;
  el.querySelector(".row").click();
  news(3, { samples: makeSamples(216).slice(208) });
  await painted();
  assert.equal(box.scrollTop, 8 * 44);
  assert.equal(el.querySelector(".row.selected").dataset.seq, chosen);
});

test("news of a problem adds to its history and takes neither focus nor opened parts away", async () => {
  const { news, me, sent, model, el } = await show();
  const samples = makeSamples(40).map((sample) => ({ ...sample, step: Math.ceil(sample.seq / 20) }));
  news(1, { samples });
  await painted();
  el.querySelector("[data-page=history]").click();
  el.querySelector(".row").click();
  await painted();
  const change = el.querySelector(".visit button.quiet");
  change.click();
  for (const { seq } of sent("record")) model.receive({ kind: "record", to: me, seq, record: makeRecord(`x = ${seq}\n`) });
  await painted();
  el.querySelector(".flow-of-classes details").open = true;
  change.focus();
  news(2, { samples: makeSamples(80).slice(40).map((sample) => ({ ...sample, step: Math.ceil(sample.seq / 20) })) });
  await painted();
  assert.match(el.querySelector(".page-history h2").textContent, /at 4 steps/);
  assert.deepEqual([...el.querySelectorAll(".visit .step")].map((step) => step.textContent), ["step 1", "step 2", "step 3", "step 4"]);
  assert.equal(document.activeElement, change);
  assert.equal(el.querySelectorAll(".diff").length, 1);
  assert.ok(el.querySelector(".flow-of-classes details").open);
  const glyph = el.querySelector(".visit .badge");
  glyph.focus();
  glyph.click(); // another sample of the same problem
  await painted();
  assert.equal(document.activeElement, glyph);
  assert.equal(glyph.getAttribute("aria-current"), "true");
  assert.equal(el.querySelectorAll(".badge[aria-current]").length, 1);
});

test("what has the focus keeps it while news arrives: a problem, a sample of a group, the run's buttons", async () => {
  const { news, model, me, el } = await show();
  const clock = Date.now;
  news(1, { samples: makeSamples(40), metrics: [[1, "reward/mean", 0]] });
  model.receive({ kind: "about", to: me, about: { facts: [], config: { a: "1" }, command: "rltf train" }, siblings: [], notes: {} });
  await painted();
  el.querySelector("[data-page=problems]").click();
  await painted();
  const problem = () => [...el.querySelectorAll("table.problems tbody button")].find((button) => button.textContent === "p/3");
  const [drawn, order] = [problem(), el.querySelector("table.problems thead button")];
  drawn.focus();
  Date.now = () => clock() + 60_000; // the table counts anew every two seconds
  news(2, { samples: [{ ...makeSamples(41).at(-1), problem_id: "p/1" }] });
  await painted();
  assert.equal(document.activeElement, drawn, "a row of which there is no news stays");
  Date.now = () => clock() + 120_000;
  news(3, { samples: [{ ...makeSamples(42).at(-1), problem_id: "p/3" }] });
  await painted();
  Date.now = clock;
  assert.notEqual(problem(), drawn);
  assert.equal(document.activeElement, problem());
  order.focus();
  order.click();
  assert.equal(document.activeElement, order);
  el.querySelector("[data-page=group]").click();
  el.querySelectorAll(".row")[3].click();
  await painted();
  const badge = el.querySelector("table.group tr:not(.selected) .badge");
  badge.focus();
  badge.click();
  await painted();
  assert.equal(document.activeElement.dataset.seq, badge.dataset.seq);
  assert.equal(document.activeElement.getAttribute("aria-current"), "true");
  el.querySelector("[data-page=about]").click();
  await painted();
  const copy = el.querySelector(".command button");
  copy.focus();
  news(4, { metrics: [[2, "reward/mean", 1]] });
  await painted();
  assert.equal(document.activeElement, copy);
  assert.match(el.querySelector(".about-table").textContent, /0 → \+1/);
});

test("an older evaluation that is read stays when a newer one is there", async () => {
  const { news, model, me, el } = await show();
  const one = (step) => ({ step, problem_id: "a", sample: 0, drawn: "sampled", outcome: "failed", error_type: "", tests: "f", program: `x = ${step}` });
  const evaluated = async (batch, ...steps) => {
    news(batch, { metrics: [[steps.at(-1), "held_out/pass@1", 0.5]] });
    await painted();
    model.receive({ kind: "held_out", to: me, samples: steps.map(one) });
    await painted();
  };
  el.querySelector("[data-page=held]").click();
  await evaluated(1, 1, 2);
  const steps = el.querySelector(".page-held select");
  steps.value = "1";
  steps.dispatchEvent(new window.Event("change"));
  el.querySelector("table.held .badge").click();
  await evaluated(2, 1, 2, 3);
  assert.deepEqual([...steps.options].map((option) => option.value), ["3", "2", "1"]);
  assert.equal(steps.value, "1");
  assert.equal(el.querySelector(".held-program").textContent, "x = 1");
});

test("another run, a note and the run's own facts come from the kernel when asked for", async () => {
  const { news, sent, model, me, el } = await show();
  news(1, { samples: makeSamples(2) });
  model.receive({ kind: "about", to: me, about: { facts: [["model", "tiny"]], config: { a: "1" }, command: null }, siblings: ["other"], notes: { 2: "odd" } });
  await painted();
  model.receive({ kind: "record", to: me, seq: 2, record: makeRecord("x") });
  await painted();
  assert.match(el.querySelector(".notes .note").textContent, /odd/);
  el.querySelector("[data-page=about]").click();
  await painted();
  const pick = el.querySelector(".page-about select");
  pick.value = "other";
  pick.dispatchEvent(new window.Event("change"));
  assert.deepEqual(sent("beside").map((message) => message.name), ["other"]);
  model.receive({ kind: "beside", to: me, name: "other", about: { facts: [], config: { a: "2" } }, metrics: [[1, "reward/mean", 1]] });
  await painted();
  assert.equal(el.querySelectorAll("tr.differs").length, 1);
  el.querySelector("[data-page=program]").click();
  el.querySelector(".note-form textarea").value = "better";
  el.querySelector(".note-form button").click();
  assert.deepEqual(sent("note").map(({ seq, text }) => [seq, text]), [[2, "better"]]);
  model.receive({ kind: "noted", to: me, seq: 2, notes: { 2: "better" } });
  await painted();
  assert.match(el.querySelector(".notes .note").textContent, /better/);
});

test("a view that is taken away listens no more", async () => {
  const { model, close } = await show();
  assert.equal(model.listening(), 2); // messages, and the end of the kernel
  close();
  assert.equal(model.listening(), 0);
});

test("an edited program is judged by the kernel, compared with the sample, and left again", async () => {
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  const model = fakeModel({ record: makeRecord("x = 1"), editable: true });
  view.render({ model, el });
  await painted();
  const button = [...el.querySelectorAll("button")].find((each) => each.textContent.startsWith("What if"));
  button.click();
  await painted();
  const area = el.querySelector("textarea");
  assert.equal(area.value, "x = 1");
  for (const text of ["x = 2", "x = 3"]) {
    area.value = text;
    area.dispatchEvent(new window.Event("input"));
  }
  await new Promise((resolve) => setTimeout(resolve, 450));
  assert.deepEqual(model.sent.map((message) => message.program), ["x = 3"]);
  const better = makeRecord("x = 3", [], { verdict: "passed", tests: [{ verdict: "passed" }, { verdict: "passed" }] });
  model.receive({ kind: "edited", to: model.sent[0].view, edit: model.sent[0].edit, record: better });
  await painted();
  assert.match(el.querySelector(".editor .said").textContent, /verdict failed → passed.*tests 1\/2 → 2\/2/);
  assert.match(el.querySelector(".code").textContent, /x = 3/);
  assert.equal(model.listening(), 0);
  button.click();
  await painted();
  assert.match(el.querySelector(".code").textContent, /x = 1/);
});

test("a run that cannot be read says why until it can be", async () => {
  const model = fakeModel({ name: "mine" });
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  view.render({ model, el });
  await painted();
  const me = model.sent[0].view;
  const say = async (run) => {
    model.receive({ kind: "batch", to: me, batch: 1, heard: 1, run: { step: 1, ...run } });
    await painted();
    return [el.querySelector(".status").dataset.state, el.querySelector(".notice").textContent];
  };
  assert.deepEqual(await say({ state: "running" }), ["running", ""]);
  assert.deepEqual(await say({ state: "unreadable", failure: "run.db: cannot be read" }), ["unreadable", "run.db: cannot be read"]);
  assert.deepEqual(await say({ state: "running" }), ["running", ""]);
});
