import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";

const FILES = [["uplot", "dist/uPlot.iife.min.js", "uplot.js"], ["uplot", "dist/uPlot.min.css", "uplot.css"], ["marked", "lib/marked.umd.js", "marked.js"]];

for (const [name, file, own] of FILES) {
  const published = new URL(`node_modules/${name}/${file}`, import.meta.url);
  test(`${own} holds the published ${name} as it is`, { skip: !existsSync(published) }, () => {
    const text = readFileSync(published, "utf8").replace(/\n\/\/# sourceMappingURL.*/, "").trim();
    assert.ok(readFileSync(new URL(`../../../training/page/js/vendor/${own}`, import.meta.url), "utf8").includes(text));
  });
}
