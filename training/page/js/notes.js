// A reader's note on a sample, kept in the run directory by the kernel; a page shows the notes it was made with.
// Not here: keeping them (training/run.py).

import { h, replace, visible } from "./dom.js";

/** The note of the chosen sample, and a field to change it where the source can keep one. */
export function noteEditor(store, source) {
  const shown = h("p", { class: "note" });
  const area = h("textarea", { rows: 2, "aria-label": "note on this sample", placeholder: "a note on this sample; kept in the run's notes.json" });
  const said = h("span", { class: "said", role: "status" });
  const save = h("button", { type: "button", onclick: () => keep() }, "Save note");
  const form = h("details", { class: "note-form" }, h("summary", {}, "Note…"), area, h("div", { class: "bar-line" }, save, said));
  const element = h("div", { class: "notes" }, shown, source.note ? form : null);
  const keep = async () => {
    const { shown: seq } = store.get();
    try {
      const notes = await source.note(seq, area.value.trim());
      store.update({ notes, samples: store.get().samples.map((sample) => (sample.seq === seq ? { ...sample, note: notes[seq] } : sample)) });
      replace(said, "kept");
    } catch (error) {
      replace(said, String(error.message ?? error));
    }
  };
  let painted = null;
  const paint = (state) => {
    const text = state.notes[state.shown] ?? "";
    if (painted?.seq === state.shown && painted?.text === text && painted?.any === Boolean(state.record)) return;
    if (painted?.seq !== state.shown) replace(said);
    painted = { seq: state.shown, text, any: Boolean(state.record) };
    element.hidden = !state.record || source.kind !== "run";
    shown.hidden = !text;
    replace(shown, text ? `✎ ${visible(text)}` : null);
    if (document.activeElement !== area) area.value = text;
  };
  return { element, paint };
}
