import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { window } from "./setup.mjs";

const FOLDER = "../../../notebook_ext/labextension/static";
const { activeRuns, progressText, resultText, runsModel, serverRequest } = await import(`${FOLDER}/runs.js`);
const { paintPanel, paintStatus, visible } = await import(`${FOLDER}/panel.js`);
const { makePlugin } = await import(`${FOLDER}/plugin.js`);

const run = (extra = {}) => ({ path: "runs/one", name: "one", state: "running", step: 3, steps: 10, pass_rate: 0.25, held_out: [], quiet: 1, ...extra });
const HOSTILE = '<img src=x onerror="globalThis.owned=1">\n\u202e';

test("an active run is one that trains and has been heard of", () => {
  const runs = [run(), run({ state: "finished" }), run({ state: "paused" }), run({ quiet: 10000 }), run({ state: "unreadable" })];
  assert.deepEqual(activeRuns(runs).map((each) => runs.indexOf(each)), [0, 2]);
});

test("progress and results are said in words, silence too", () => {
  assert.equal(progressText(run()), "step 3 of 10");
  assert.equal(progressText(run({ steps: null, quiet: 300 })), "step 3 · no news for 5 min");
  assert.equal(progressText(run({ state: "paused", quiet: 300 })), "step 3 of 10");
  assert.equal(resultText(run()), "pass rate 25%");
  assert.equal(resultText(run({ held_out: [0.2, 0.455] })), "held-out pass@1 20% → 45.5%");
  assert.equal(resultText(run({ pass_rate: null })), "");
});

test("the server is asked seldom while nothing happens, often while something does; an answer that was overtaken is ignored", async () => {
  const waits = [];
  const answers = [];
  const model = runsModel(() => new Promise((resolve) => answers.push(resolve)), { timer: (_, wait) => waits.push(wait) });
  const told = [];
  model.watch((state) => told.push(state.runs.length));
  const first = model.look();
  const second = model.look();
  answers[1]({ runs: [run()], more: 0 });
  await second;
  answers[0]({ runs: [], more: 0 });
  await first;
  assert.deepEqual(told, [1]);
  const third = model.look();
  answers[2]({ runs: [run({ state: "finished" })], more: 0 });
  await third;
  assert.equal(waits.length, 2);
  assert.ok(waits[1] > 4 * waits[0]);
});

test("a server without rltf, or one that fails, is told of in words", async () => {
  const answer = (status) => ({ ServerConnection: { makeRequest: async () => ({ status, ok: status === 200, statusText: "Bad", json: async () => ({}) }) } });
  await assert.rejects(serverRequest(answer(404), { baseUrl: "/" })("runs"), /install it where JupyterLab itself runs/);
  await assert.rejects(serverRequest(answer(500), { baseUrl: "/" })("runs"), /500 Bad/);
  const model = runsModel(serverRequest(answer(404), { baseUrl: "/" }), { timer: () => {} });
  await model.look();
  const root = document.createElement("div");
  paintPanel(root, model.get(), {});
  assert.match(root.querySelector("[role=status]").textContent, /install it/);
});

test("every run has buttons for what can be done with it, and a name stays text", () => {
  const root = document.createElement("div");
  document.body.replaceChildren(root);
  const done = [];
  const actions = { look() {}, report: (each) => done.push(["report", each.name]), watch: (each) => done.push(["watch", each.name]), command: (each, name) => done.push([name, each.name]) };
  const runs = [run({ name: HOSTILE, path: HOSTILE }), run({ state: "paused" }), run({ state: "finished" }), run({ state: HOSTILE })];
  paintPanel(root, { runs, more: 4, failure: "", looked: true }, actions);
  const items = [...root.querySelectorAll("li")];
  const labels = items.map((item) => [...item.querySelectorAll("button")].map((button) => button.textContent));
  assert.deepEqual(labels, [["Report", "Watch", "Pause", "Stop"], ["Report", "Watch", "Resume", "Stop"], ["Report", "Watch"], ["Report", "Watch"]]);
  items[0].querySelectorAll("button")[2].click();
  items[1].querySelectorAll("button")[2].click();
  assert.deepEqual(done, [["pause", HOSTILE], ["resume", "one"]]);
  assert.equal(root.querySelector("img"), null);
  assert.equal(globalThis.owned, undefined);
  assert.ok(!/[\u202e]/.test(root.textContent));
  assert.match(root.textContent, /⟦U\+202E⟧/);
  assert.match(root.textContent, /and 4 older runs/);
});

test("the panel spells out what the view spells out, by the same list", () => {
  const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
  assert.equal(read("../../../notebook_ext/labextension/static/invisible.js"), read("../../../training/page/js/invisible.js"));
  assert.equal(visible("a\u{E0041}\n\u3164b"), "a⟦U+E0041⟧⟦U+000A⟧⟦U+3164⟧b");
});

test("painting the panel anew keeps the focus where it was", () => {
  const root = document.createElement("div");
  document.body.replaceChildren(root);
  const actions = { look() {}, report() {}, watch: null, command() {} };
  paintPanel(root, { runs: [run()], more: 0, failure: "", looked: true }, actions);
  root.querySelectorAll("li button")[1].focus();
  paintPanel(root, { runs: [run({ step: 4 })], more: 0, failure: "", looked: true }, actions);
  assert.equal(document.activeElement.textContent, "Pause");
});

test("the status bar shows the running job and nothing when there is none", () => {
  const root = document.createElement("div");
  let opened = 0;
  paintStatus(root, { runs: [run(), run({ state: "paused" })] }, () => (opened += 1));
  assert.equal(root.textContent, "● rltf: one running, step 3 of 10 (and 1 more)");
  const button = root.querySelector("button");
  button.click();
  assert.equal(opened, 1);
  paintStatus(root, { runs: [run(), run({ state: "paused" })] }, () => {});
  assert.equal(root.querySelector("button"), button, "what has not changed is not painted anew");
  paintStatus(root, { runs: [run({ state: "finished" })] }, () => {});
  assert.equal(root.textContent, "");
});

test("the plugin is whole in an application that has neither status bar nor palette", async () => {
  class Widget {
    node = document.createElement("div");
    title = {};
    addClass() {}
  }
  const added = [];
  const commands = new Map();
  const app = {
    name: "Jupyter Notebook",
    restored: Promise.resolve(),
    serviceManager: { serverSettings: { baseUrl: "/" } },
    shell: { add: (widget, area) => added.push([widget.id, area]), activateById() {} },
    commands: { addCommand: (id, options) => commands.set(id, options), notifyCommandChanged() {} },
  };
  const services = { ServerConnection: { makeRequest: () => new Promise(() => {}) } };
  const plugin = makePlugin({ widgets: { Widget }, services, apputils: null, statusbar: null, ui: null, style: "panel.css" });
  assert.deepEqual(plugin.optional, []);
  plugin.activate(app);
  await app.restored;
  assert.deepEqual(added, [["rltf-runs", "left"]]);
  assert.deepEqual([...commands.keys()], ["rltf:show-runs", "rltf:report", "rltf:pause", "rltf:resume", "rltf:stop"]);
  assert.ok([...commands.values()].every(({ label }) => label.startsWith("rltf: ")));
  assert.equal(commands.get("rltf:pause").isEnabled(), false);
  assert.ok(window.document.head.querySelector("link[href='panel.css']"));
});
