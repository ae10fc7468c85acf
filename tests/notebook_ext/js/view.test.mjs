import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import test from "node:test";

import { fakeModel, makeRecord, makeSamples, painted, press, window } from "./setup.mjs";

const { default: view } = await import("../../../training/page/js/index.js");

async function show(data) {
  const el = document.createElement("div");
  document.body.replaceChildren(el);
  const model = fakeModel(data);
  const close = await view.render({ model, el });
  await painted();
  await painted();
  return { el, model, close, find: (selector) => el.querySelector(selector), all: (selector) => [...el.querySelectorAll(selector)] };
}

function page(samples, records = {}) {
  const metrics = samples.flatMap((sample) => [[sample.step, "reward/mean", sample.reward], [sample.step, "outcome/passed", 1]]);
  const pack = (data) => gzipSync(JSON.stringify(data)).toString("base64");
  return { run: { name: "made", state: "finished", step: 3, steps: 3 }, rows: pack({ metrics, samples }), records: pack(records) };
}

test("a single sample shows its program, marks, banner and failing test", async () => {
  const record = makeRecord("x = totl\n", [["U_line", "E0602", "totl"], ["U_global", "timeout", null], ["U_ignore", "C0103", "x"]]);
  const { find, all } = await show({ record });
  assert.equal(all(".segment:not(.chip)").map((part) => part.textContent).join("").trim(), "x = totl");
  assert.equal(find(".mark-L").textContent, "totl");
  assert.equal(find(".mark-I").textContent, "x");
  assert.match(find(".banner").textContent, /G whole program blamed: timeout/);
  assert.deepEqual(all(".gutter .letter").map((letter) => letter.textContent), ["I", "L"]);
  assert.match(find(".test").textContent, /expected1actual2/);
});

test("the seconds of a step are stacked by phase, with what they bought, at the step pointed at", async () => {
  const at = (step, seconds) => Object.entries(seconds).map(([name, value]) => [step, name, value]);
  const metrics = [
    ...at(1, { "time/sample": 1, "time/feedback_wait": 0.25, "time/learn": 2, "time/other": 0, tokens_per_second: 100, padding_share: 0.5 }),
    ...at(2, { "time/sample": 1, "time/feedback_wait": 0, "time/learn": 3, "time/other": 0, tokens_per_second: 120, padding_share: 0.25 }),
  ];
  const pack = (data) => gzipSync(JSON.stringify(data)).toString("base64");
  const run = { name: "made", state: "finished", step: 2, steps: 2 };
  const { all } = await show({ run, rows: pack({ metrics, samples: [] }), records: pack({}) });
  const chart = all(".chart").find((each) => each.querySelector(".title").textContent === "Step time");
  assert.deepEqual([...chart.querySelectorAll(".entry.curve")].map((entry) => entry.className), ["entry curve time-sample", "entry curve time-wait", "entry curve time-learn"]);
  const plot = chart.querySelector(".plot");
  assert.equal(plot.getAttribute("aria-valuetext"), "step 2: sample 1 s, feedback wait 0 s, learn 3 s, tokens/s 120, padding 25%");
  press(plot, "Home");
  await painted();
  assert.equal(plot.getAttribute("aria-valuetext"), "step 1: sample 1 s, feedback wait 0.25 s, learn 2 s, tokens/s 100, padding 50%");
});

test("a clicked token is explained: id, components, rules, and that they add up", async () => {
  const { find, el } = await show({ record: makeRecord("x = totl", [["U_line", "E0602", "totl"]]) });
  find("[data-token='4']").click();
  await painted();
  const text = find(".token").textContent;
  assert.match(text, /Token 5 of 5/);
  assert.match(text, /no test passed/);
  assert.match(text, /✓ the components add to the total/);
  assert.match(text, /about E0602/);
  assert.ok(el.querySelector(".segment.focused"));
});

test("arrow keys move between tokens, [ and ] between errors, and no handled key leaves the view", async () => {
  const { find, el } = await show({ record: makeRecord("aa = bb\ncc = dd", [["U_line", "A", "dd"], ["U_line", "B", "bb"]]) });
  const leaked = [];
  el.addEventListener("keydown", (event) => leaked.push(event.key));
  const code = find(".code");
  const focused = async (key) => {
    assert.ok(press(code, key).defaultPrevented, key);
    await painted();
    return find(".segment.focused").textContent;
  };
  assert.equal(await focused("]"), "bb");
  assert.equal(await focused("]"), "dd");
  assert.equal(await focused("["), "bb");
  assert.equal(await focused("ArrowLeft"), " ");
  assert.equal(await focused("Home"), "aa");
  assert.equal(await focused("ArrowDown"), "cc");
  assert.deepEqual(leaked, []);
  press(code, "q");
  assert.deepEqual(leaked, ["q"]);
});

test("what the learner puts on each token shows first; what most tokens share stands beside the lines", async () => {
  const record = makeRecord("aa = bb\ncc = dd\n");
  record.tokens[4].advantage = -2;
  record.tokens[6].advantage = 0;
  record.unexecuted = [[6, 7]];
  record.moves = [[4, 5, "at fault with a certainty of 1.00"]];
  const { find, all, el } = await show({ record });
  assert.equal(find("[data-component=advantage]").getAttribute("aria-pressed"), "true");
  assert.deepEqual(all(".segment.negative").map((part) => part.textContent), ["bb"]);
  assert.equal(all(".gutter.shared.negative").length, 2);
  assert.match(find(".scale").textContent, /−0.2 on 83% of tokens/);
  find("[data-token='4']").click();
  await painted();
  assert.match(find(".token .facts").textContent, /share of it50%/);
  assert.match(find(".why-moved").textContent, /^Credit: at fault with a certainty of 1.00$/);
  find("[data-token='6']").click();
  await painted();
  assert.match(find(".why-zero").textContent, /No test executed this token's line/);
  press(el.querySelector(".rltf"), "5");
  await painted();
  assert.equal(find(".segment.negative"), null);
  assert.equal(find(".scale").textContent, "fine: all zero");
  assert.equal(find("[data-component=fine]").getAttribute("aria-pressed"), "true");
});

test("the baseline stands beside the advantage, and one sentence is read aloud", async () => {
  const { find } = await show({ record: makeRecord("x = totl", [["U_line", "E0602", "totl"]], { baseline: { coarse: -0.3 } }) });
  find("[data-token='4']").click();
  await painted();
  assert.match(find("dl.facts").textContent, /baseline coarse−0.3/);
  assert.equal(find("[aria-live]").textContent, "totl: advantage minus 0.2, blamed by E0602");
  assert.equal(find(".inspector .token").hasAttribute("aria-live"), false);
});

test("a program of thousands of lines is drawn where one looks, and any token of it is found", async () => {
  const record = makeRecord(Array.from({ length: 3000 }, (_, line) => `x${line} = 1\n`).join(""), [["U_line", "E0602", "x2990"]]);
  const { all, el } = await show({ record });
  assert.ok(all(".line").length < 300);
  press(el.querySelector(".rltf"), "]");
  await painted();
  assert.equal(el.querySelector(".segment.focused").textContent, "x2990");
  assert.ok(all(".line").length < 300);
});

test("a line of thousands of tokens is cut and says so", async () => {
  const { all, find } = await show({ record: makeRecord(`x = ${"1 + ".repeat(2000)}1`) });
  assert.ok(all(".segment").length < 900);
  assert.match(find(".code").textContent, /and \d+ more tokens on this line/);
});

test("a problem's text is read as Markdown and stays text", async () => {
  const prompt = "# Sum\n\n* a `b`\n* **c** <img src=x onerror=1>\n\n| in | out |\n|-|-|\n| 1 | 2 |\n\n![p](http://x/y.png) [l](javascript:1)\n\n    code  line\n";
  const { find, all } = await show({ record: makeRecord("x", [], { prompt }) });
  assert.equal(all(".markdown li").length, 2);
  assert.equal(all(".markdown table td").length, 2);
  assert.equal(find(".md-code").textContent, "code  line");
  assert.equal(find(".markdown :is(img, a, script)"), null);
  assert.match(find(".markdown").textContent, /<img src=x onerror=1>.*!\[p\]\(http:\/\/x\/y.png\) \[l\]\(javascript:1\)/s);
});

test("a row stays the same element while news arrives, and a press on it counts", async () => {
  const { all, find } = await show(page(makeSamples(20)));
  const row = all(".row")[3];
  press(find(".plot"), "Home");
  await painted();
  assert.equal(all(".row")[3], row);
  row.dispatchEvent(Object.assign(new window.Event("pointerdown", { bubbles: true }), { pointerType: "mouse", button: 0 }));
  await painted();
  assert.ok(row.classList.contains("selected"));
});

test("the group: its samples by reward with their tests, and the failing one beside the nearest that passed", async () => {
  const samples = makeSamples(4).map((sample, place) => ({ ...sample, problem_id: "p", step: 1, sample: place, reward: [1, 1, -1, 0][place], outcome: ["passed", "passed", "failed", "failed"][place], tests: ["pp", "pp", "pf", "pe"][place], advantage: place, tokens: 9 }));
  const programs = ["a\nb\nc\n", "x\ny\nz\n", "a\nB\nc\n", "q\n"];
  const records = Object.fromEntries(samples.map((sample, place) => [sample.seq, makeRecord(programs[place], [], { sample: place })]));
  const { find, all } = await show(page(samples, records));
  all(".row").find((row) => row.dataset.seq === "3").click();
  find("[data-page=group]").click();
  await painted();
  await painted();
  const grid = all("table.group tbody tr").map((row) => [...row.querySelectorAll(".cell")].map((cell) => cell.textContent).join(""));
  assert.deepEqual(grid, ["✓✓", "✓✓", "✓!", "✓✗"]);
  assert.match(find(".page-group h2").textContent, /p, step 1: 2 of 4 passed/);
  assert.match(find(".page-group").textContent, /nearest sample that passed \(#0\): 1 line differs/);
  assert.match(find("table.group .credit").textContent, /all alike \(−0.2\)/);
});

test("the run says what it was, and beside another run which keys differ", async () => {
  const about = (rate) => ({ facts: [["model", "tiny"], ["data", "mini"], ["seed", "3"]], config: { "optimizer.learning_rate": rate, "run.seed": "3" }, command: "rltf train c.toml" });
  const pack = (data) => gzipSync(JSON.stringify(data)).toString("base64");
  const { find, all } = await show({ ...page(makeSamples(4)), about: about("0.1"), beside: pack([{ name: "other", about: about("0.2"), metrics: [[1, "reward/mean", 0.5]] }]) });
  assert.match(find(".what-run").textContent, /tiny · mini · seed 3/);
  find("[data-page=about]").click();
  await painted();
  assert.match(find(".about").textContent, /modeltiny/);
  assert.deepEqual(all("tr.differs th").map((cell) => cell.textContent), ["optimizer.learning_rate"]);
  assert.match(find(".charts").textContent, /other: mean reward 0.5/);
});

test("thousands of samples make a few dozen rows", async () => {
  const { all, find } = await show(page(makeSamples(5000)));
  assert.ok(all(".row").length < 60);
  assert.equal(find(".row").getAttribute("aria-setsize"), "5000");
  assert.match(find(".count").textContent, /5000 samples/);
});

test("the list is walked and filtered by keyboard; the record of the chosen sample is loaded", async () => {
  const samples = makeSamples(20);
  const records = Object.fromEntries(samples.map((sample) => [sample.seq, makeRecord(`sample_${sample.seq}`)]));
  const { find, all } = await show(page(samples, records));
  const box = find(".listbox");
  press(box, "Home");
  press(box, "j");
  await painted();
  await painted();
  assert.equal(find(".row.selected").getAttribute("aria-posinset"), "2");
  assert.equal(box.getAttribute("aria-activedescendant"), find(".row.selected").id);
  assert.match(find(".code").textContent, /sample_19/);
  press(box, "/");
  assert.equal(document.activeElement, find("input[type=search]"));
  find("input[type=search]").value = "e0602";
  find("input[type=search]").dispatchEvent(new window.Event("input"));
  await painted();
  assert.equal(all(".row").length, 10);
  press(box, "x");
  await painted();
  assert.equal(find(".row").getAttribute("aria-setsize"), "20");
});

test("a text is searched in all programs, those without a record too", async () => {
  const samples = makeSamples(9).map((sample) => ({ ...sample, program: sample.seq === 4 ? "for i in Range(9):" : "pass" }));
  const { find, all } = await show(page(samples));
  find("input[type=search]").value = "in range(";
  find("input[type=search]").dispatchEvent(new window.Event("input"));
  await painted();
  assert.equal(all(".row").length, 0);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await painted();
  assert.deepEqual(all(".row").map((row) => row.id.split("-").at(-1)), ["4"]);
});

test("a component that this view does not know is shown, added and written like the others", async () => {
  const record = makeRecord("a b");
  for (const token of record.tokens) Object.assign(token, { reward: -0.7, components: { ...token.components, "style\u202e": 0.2 } });
  const { find, all } = await show({ record });
  assert.equal(all("[data-component]").at(-1).textContent, "style⟦U+202E⟧");
  find("[data-token='0']").click();
  press(find(".rltf"), "8");
  await painted();
  assert.ok(find(".gutter.shared.positive"));
  assert.match(find(".token").textContent, /✓ the components add to the total/);
  assert.match(find("table.parts").textContent, /style⟦U\+202E⟧.*\+0\.2/);
});

test("a step chosen in a curve filters the samples", async () => {
  const { find, all } = await show(page(makeSamples(24)));
  const plot = find(".plot");
  press(plot, "Home");
  press(plot, "Enter");
  await painted();
  assert.equal(all(".row").length, 8);
  assert.match(find(".count").textContent, /8 of 24 samples, step 1/);
  assert.match(plot.getAttribute("aria-valuetext"), /^step 1: mean reward/);
});

test("a sample whose record is not in the page keeps its program, verdict and tests, looks different and says so", async () => {
  const samples = makeSamples(2).map((sample) => ({ ...sample, held: false, program: "x = 1\n", tests: "pf" }));
  const { find, all } = await show({ ...page(samples), more: "Ask for more." });
  assert.match(find(".heading").textContent, /keeps this sample's program, verdict and rewards, but not its tokens. Ask for more./);
  assert.match(find(".code").textContent, /x = 1/);
  assert.match(find(".tests").textContent, /1 of 2 passed/);
  assert.equal(all(".row.bare").length, 2);
  find(".pin").click();
  all(".row")[1].click();
  await painted();
  await painted();
  assert.equal(all("table.compare tr.same").length, 2);
  assert.match(find("table.compare").textContent, /mean reward [+−]\d/);
  assert.deepEqual(all("table.compare .amount").map((cell) => cell.textContent), ["", "", "", ""]);
  assert.match(find(".inspector").textContent, /This file keeps no tokens of this sample/);
});

test("beside a compared line stands its mean beyond what every token got, which does not grow with the line's length", async () => {
  const samples = makeSamples(2);
  const records = { 1: makeRecord("long = a + b + c + d + e + f\nbad\n"), 2: makeRecord("bad\n") };
  records[1].tokens.forEach((token) => (token.reward = token.text === "bad" ? -3.9 : -0.9));
  const { find, all } = await show(page(samples, records));
  press(find(".listbox"), "c");
  all(".row")[1].click();
  await painted();
  await painted();
  find("[data-page=program]").click();
  await painted();
  find("[data-component=reward]").click();
  find("[data-page=compare]").click();
  await painted();
  assert.match(find("table.compare thead").textContent, /every token −0.9, beside a line: its mean beyond that/);
  assert.deepEqual(all("table.compare .amount").map((cell) => cell.textContent).filter(Boolean), ["−1.5"]); // (−3 + 0) / 2
});

test("hostile text everywhere makes no element and runs nothing", async () => {
  const hostile = '<img src=x onerror="globalThis.owned=1"></script><b onclick=1>\u202e\u2066';
  const record = makeRecord(hostile, [["U_line", hostile, "img"]], { problem_id: hostile, prompt: hostile, error: { kind: "runtime", type: hostile, message: hostile } });
  record.diagnostics[0].message = hostile;
  record.contributions[0].rule = hostile;
  record.tests[1].actual = hostile;
  const samples = makeSamples(1).map((sample) => ({ ...sample, problem_id: hostile, error_type: hostile, marks: [`L pylint ${hostile}`] }));
  const { el, find } = await show({ ...page(samples, { 1: record }), run: { name: hostile, state: hostile, step: 1 } });
  find("[data-token='1']").click();
  await painted();
  assert.equal(el.querySelector("img, script, b[onclick]"), null);
  assert.equal(globalThis.owned, undefined);
  assert.ok(!/[\u202e\u2066]/.test(el.textContent));
  assert.match(find(".code").textContent, /⟦U\+202E⟧/);
});

test("tokens as a table: sorted by a column, chosen by row, and the same tab order by keyboard", async () => {
  const record = makeRecord("a = b");
  record.tokens[2].reward = 5;
  const { find, all } = await show({ record });
  find("[data-page=tokens]").click();
  await painted();
  assert.equal(all("table.tokens tbody tr").length, 5);
  const total = [...find("table.tokens thead").querySelectorAll("button")][1];
  total.click();
  total.click();
  [...find("table.tokens thead").querySelectorAll("button")][1].click();
  assert.match(find("table.tokens tbody tr:last-child").textContent, /=.*\+5/);
  find("table.tokens tbody tr:last-child").click();
  await painted();
  assert.match(find(".token").textContent, /Token 3 of 5/);
  press(find("[data-page=tokens]"), "ArrowLeft");
  await painted();
  assert.equal(find("[data-page=program]").getAttribute("aria-selected"), "true");
});

test("a pinned sample is compared line by line with the next one chosen", async () => {
  const samples = makeSamples(2);
  const records = { 1: makeRecord("a = 1\nb = 2\n", [], { sample: 1 }), 2: makeRecord("a = 1\nb = 3\nc\n", [], { sample: 2 }) };
  const { find, all } = await show(page(samples, records));
  press(find(".listbox"), "c");
  await painted();
  assert.match(find(".page-compare").textContent, /is pinned/);
  all(".row")[1].click();
  await painted();
  await painted();
  const rows = all("table.compare tbody tr").map((row) => row.textContent.replaceAll("\u00a0", " "));
  assert.equal(all("table.compare tr.same").length, 2);
  assert.equal(all("table.compare tr.differs").length, 2);
  assert.match(rows[1], /b = 3.*b = 2/);
  find(".pin").click();
  await painted();
  assert.equal(find("[data-page=program]").getAttribute("aria-selected"), "true");
});

test("one problem through time: every visit's outcomes, and how its best program changed", async () => {
  const samples = makeSamples(40).map((sample) => ({ ...sample, step: Math.ceil(sample.seq / 20) }));
  const records = Object.fromEntries(samples.map((sample) => [sample.seq, makeRecord(`x = ${sample.step}\ny = 0\n`)]));
  const { find, all } = await show(page(samples, records));
  find("[data-page=history]").click();
  await painted();
  assert.match(find(".page-history h2").textContent, /at 2 steps/);
  assert.equal(all(".visit").length, 2);
  assert.equal(all(".visit .badge").length, 8);
  find(".visit button.quiet").click();
  await painted();
  assert.deepEqual([...find(".diff").children].map((line) => line.textContent), ["− x = 1", "+ x = 2", "  y = 0", "  "]);
  const first = find(".visit .badge");
  first.click();
  await painted();
  assert.equal(all(".badge[aria-current=true]").length, 1);
});

test("a problem seen at one step only stands beside the flow of all problems", async () => {
  const samples = makeSamples(30).map((sample) => ({ ...sample, problem_id: `p/${sample.step}` }));
  const { find, all } = await show(page(samples));
  find("[data-page=history]").click();
  await painted();
  assert.equal(all("svg.flow").length, 1);
  assert.match(find(".page-history").textContent, /sampled at one step only. All problems together:/);
  assert.match(find("svg.flow").getAttribute("aria-label"), /step 1 to step 4/);
});

test("a problem seen at a thousand steps stays a page of bounded size, and what is left out is counted", async () => {
  const samples = makeSamples(16000).map((sample) => ({ ...sample, problem_id: "p/0", step: Math.ceil(sample.seq / 16) }));
  const { find, all } = await show(page(samples));
  find("[data-page=history]").click();
  await painted();
  assert.equal(all(".visit").length, 60);
  assert.match(find(".page-history").textContent, /the newest 60 steps \(940 earlier ones/);
  assert.ok(all("*").length < 4000, String(all("*").length));
});

test("a weight moved in the view ranks the list anew and says how far", async () => {
  const samples = makeSamples(4).map((sample) => ({ ...sample, reward: -sample.seq, parts: { coarse: -4 * sample.seq, fine: 3 * sample.seq } }));
  const { find, all } = await show(page(samples));
  const sort = find("select[aria-label='sort samples']");
  sort.value = "highest";
  sort.dispatchEvent(new window.Event("change"));
  await painted();
  assert.match(all(".row")[0].textContent, /p\/0/);
  const slider = find("input[aria-label='weight of fine']");
  slider.value = "2";
  slider.dispatchEvent(new window.Event("input"));
  await painted();
  assert.match(all(".row")[0].textContent, /p\/3.*\+8/);
  assert.match(find(".weights .said").textContent, /as they were: −1 over 4 samples/);
});

test("held-out samples stand behind their rate, by evaluation, and a sample shows its program", async () => {
  const one = (step, problem_id, outcome, extra = {}) => ({ step, problem_id, sample: 0, drawn: "sampled", outcome, error_type: "", tests: "pf", program: "<b>x</b>", ...extra });
  const samples = [one(0, "a", "failed"), one(0, "b", "passed"), one(9, "a", "passed"), one(9, "b", "failed"), one(9, "b", "passed", { drawn: "greedy" })];
  const held = gzipSync(JSON.stringify(samples)).toString("base64");
  const { find, all } = await show({ ...page(makeSamples(2)), held_out: held });
  find("[data-page=held]").click();
  await painted();
  await painted();
  assert.match(find(".page-held").textContent, /2 problems: 1 pass more often than at the first evaluation, 1 less often/);
  assert.deepEqual(all("table.held tbody tr:not(.held-detail) th").map((cell) => cell.textContent), ["b", "a"]);
  find("table.held .badge").click();
  assert.equal(find(".held-program").textContent, "<b>x</b>");
  assert.equal(find(".held-program b"), null);
});
