// The one entry: anywidget calls `render` in a notebook, `training/page` calls it in a page with a small stand-in for the model.

import { mount } from "./app.js";
import { editing, liveSource } from "./live.js";
import { pageSource, recordSource } from "./source.js";

function render({ model, el }) {
  const data = model.get("data");
  if (data.record) return mount(el, recordSource(data.record, { ...data, edit: data.editable ? editing(model) : null }));
  if (data.rows) return pageSource(data).then((source) => mount(el, source));
  return mount(el, liveSource(model, data));
}

export default { render };
