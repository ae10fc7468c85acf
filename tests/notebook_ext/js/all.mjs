// Every test file in one process: the document is built once.

import { readdirSync } from "node:fs";

for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.mjs")).sort()) await import(`./${file}`);
