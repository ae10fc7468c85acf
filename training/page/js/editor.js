// The counterfactual: change the program and see what verdict, spans and rewards it would have got.
// Not here: judging it (the kernel does, through the source).

import { h, number, replace } from "./dom.js";

const SLOW = 3000; // milliseconds after which the reader is told why it takes long
const PAUSE = 350; // milliseconds without a key before the program is judged

/** The editor above the code; nothing where the source cannot judge. */
export function editor(store, source) {
  const element = h("div", { class: "editor" });
  if (!source.edit) return { element, paint() {} };
  let asked = 0;
  let timer = null;
  let slow = null;
  const toggle = h("button", { type: "button", onclick: () => (store.get().original ? leave(store) : begin(store)) });
  const said = h("span", { class: "said", role: "status" });
  const area = h("textarea", { spellcheck: "false", autocapitalize: "off", "aria-label": "edit the program", oninput: () => later() });
  const later = () => {
    clearTimeout(timer);
    clearTimeout(slow);
    timer = setTimeout(judge, PAUSE);
    replace(said, "judging…");
    slow = setTimeout(() => replace(said, "judging… (the first time, the judge has to start; a busy kernel waits for its cell)"), SLOW);
  };
  const judge = async () => {
    const own = (asked += 1);
    const { original } = store.get();
    if (!original) return;
    const current = () => own === asked && store.get().original === original;
    try {
      const record = await source.edit(original, area.value, store.get().shown);
      clearTimeout(slow);
      if (current()) store.update({ record, token: null, failure: "" });
    } catch (error) {
      clearTimeout(slow);
      if (current()) replace(said, String(error.message ?? error));
    }
  };
  replace(element, h("div", { class: "bar-line" }, toggle, said), area);
  let painted = null;
  const paint = ({ record, original }) => {
    element.hidden = !record;
    area.hidden = !original;
    replace(toggle, original ? "Back to the sample" : "What if… edit");
    if (original && painted?.original !== original) area.value = original.program;
    if (painted?.record !== record || painted?.original !== original) replace(said, original && record !== original ? comparison(original, record) : null);
    if (original && !painted?.original) area.focus();
    painted = { record, original };
  };
  return { element, paint };
}

function begin(store) {
  store.update({ original: store.get().record, follow: false });
}

function leave(store) {
  store.update({ record: store.get().original, original: null, token: null });
}

/** Mean over a record's tokens of their total reward; as the list has it where the record has none. */
export function meanReward(record) {
  const tokens = record.tokens ?? [];
  return tokens.length ? tokens.reduce((sum, token) => sum + token.reward, 0) / tokens.length : (record.reward ?? null);
}

function comparison(before, after) {
  const parts = [
    ["verdict", before.verdict, after.verdict],
    ["tests", testsPassed(before), testsPassed(after)],
    ["mean reward", number(meanReward(before), { sign: true, digits: 2 }), number(meanReward(after), { sign: true, digits: 2 })],
  ];
  const laid = { words: "rewards laid on words: no tokenizer at hand", mixed: "rewards laid on the sample's own tokens, and on words where the text was changed" }[after.laid_on];
  return [parts.map(([name, was, is]) => h("span", { class: "change" }, `${name} `, was === is ? h("b", {}, is) : [was, " → ", h("b", {}, is)])), laid ? h("span", {}, laid) : null];
}

function testsPassed({ tests = [] }) {
  return `${tests.filter((test) => test.verdict === "passed").length}/${tests.length}`;
}
