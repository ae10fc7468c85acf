// One sample's record as its views need it: program text, segments, token values, and what adds up to them.
// Not here: elements. Offsets in a record count UTF-8 bytes; JavaScript counts UTF-16 units; this module converts.

export const COMPONENTS = [
  { key: "advantage", label: "advantage" }, // first: it is what the learner multiplies each log-probability by
  { key: "reward", label: "total" },
  { key: "coarse", label: "coarse" },
  { key: "adaptive", label: "adaptive" },
  { key: "fine", label: "fine" },
  { key: "static", label: "static" },
  { key: "logprob", label: "log-prob" },
];
export const REWARDS = ["coarse", "adaptive", "fine", "static"];
export const LETTERS = { U_global: "G", U_line: "L", U_ignore: "I" };

/** A record's reward components: those known here, then whatever else its tokens carry. */
export function rewardsOf(record) {
  const own = Object.keys(record?.tokens?.[0]?.components ?? {});
  return [...REWARDS, ...own.filter((key) => !REWARDS.includes(key))];
}

/** What the heat can show of a record, `{key, label}`. */
export function componentsOf(record) {
  return [...COMPONENTS, ...rewardsOf(record).slice(REWARDS.length).map((key) => ({ key, label: key }))];
}

/** The component that the heat shows: the chosen one, else what the learner puts on each token, else the reward. */
export function shownComponent(record, component) {
  if (component !== null) return component;
  return record?.tokens?.some((token) => tokenValue(token, "advantage") !== null) ? "advantage" : "reward";
}

const UNIFORM = 0.4; // share of the tokens from which on a value counts as the program's, and not as a token's

/** The value that most tokens share, `{value, share}`: what the whole program got, which says nothing about a place in it. Null where there is none. */
export const uniformOf = perRecord((record, component) => {
  const counts = new Map();
  const tokens = record.tokens ?? [];
  for (const token of tokens) {
    const key = rounded(tokenValue(token, component));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const [value, count] = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [0, 0]);
  return component !== "logprob" && tokens.length > 1 && value && count / tokens.length >= UNIFORM ? { value, share: count / tokens.length } : null;
});

/** Whether a token has the uniform value and nothing of its own. */
export function isUniform(token, component, uniform) {
  return uniform !== null && rounded(tokenValue(token, component)) === uniform.value;
}

function rounded(value) {
  return Number((value ?? 0).toPrecision(4));
}

/** A function of a record (and one more word) that is worked out once for each. */
function perRecord(make) {
  const known = new WeakMap();
  return (record, word = "") => {
    if (!known.has(record)) known.set(record, new Map());
    const values = known.get(record);
    if (!values.has(word)) values.set(word, make(record, word));
    return values.get(word);
  };
}

/** Why a token's advantage is 0, in words; "" where it is not, or where nothing is known. */
export function whyZero(record, token) {
  const entry = record.tokens[token];
  if (tokenValue(entry, "advantage") !== 0) return "";
  if ((record.unexecuted ?? []).some(([first, last]) => first <= token && token < last)) return "No test executed this token's line, so nothing is learned from it.";
  if (record.tokens.every((each) => !tokenValue(each, "advantage"))) return "No token of this sample carries any: its reward is its baseline, or the algorithm left its group out.";
  return "Its reward equals its baseline, or the algorithm gives the credit to other tokens.";
}

/** A token's share of all advantage that the sample's tokens carry, 0..1; null where none is known. */
export function shareOf(record, token) {
  const sizes = record.tokens.map((each) => Math.abs(tokenValue(each, "advantage") ?? 0));
  const all = sizes.reduce((sum, size) => sum + size, 0);
  return all ? sizes[token] / all : null;
}

/** Why the algorithm moved a token's advantage, in words; "" where it did not. */
export function whyMoved(record, token) {
  return (record.moves ?? []).find(([first, last]) => first <= token && token < last)?.[2] ?? "";
}

/** The program's bytes: exact where the record carries them, else those of its text. */
export function programBytes(record) {
  if (record.program_b64) return Uint8Array.from(atob(record.program_b64), (character) => character.charCodeAt(0));
  return new TextEncoder().encode(record.program ?? "");
}

/**
 * Text of UTF-8 bytes, and for each byte offset its UTF-16 index. An offset inside a character maps to the
 * character's end, so a character split over tokens is shown by the first of them. A byte that is no UTF-8 shows as U+FFFD.
 */
export function decodeBytes(bytes) {
  const index = new Int32Array(bytes.length + 1);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at];
    let length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    let character;
    try {
      character = lead < 0x80 ? String.fromCharCode(lead) : decoder.decode(bytes.subarray(at, at + length));
    } catch {
      character = "\ufffd";
      length = 1;
    }
    index[at] = text.length;
    text += character;
    for (let inside = at + 1; inside < at + length; inside++) index[inside] = text.length;
    at += length;
  }
  index[bytes.length] = text.length;
  return { text, index };
}

/** One token's value of a component; null where the record has none. */
export function tokenValue(token, component) {
  const value = token[component] ?? token.components?.[component];
  return value === undefined ? null : value;
}

/** Largest magnitude on the symmetric scale: shared by all rewards, own for advantage and log-probability. */
export const scaleOf = perRecord((record, component) => {
  const keys = component === "advantage" || component === "logprob" ? [component] : ["reward", ...rewardsOf(record)];
  let largest = 0;
  for (const token of record.tokens ?? []) {
    for (const key of keys) largest = Math.max(largest, Math.abs(tokenValue(token, key) ?? 0));
  }
  return largest;
});

/** Diagnostics with their letter and place in the record; those of whole programs have no drawn span. */
export const findings = perRecord((record) =>
  (record.diagnostics ?? []).map((diagnostic, position) => ({
    ...diagnostic,
    position,
    letter: LETTERS[diagnostic.category] ?? "?",
    drawn: diagnostic.category !== "U_global" && diagnostic.start_byte !== null && diagnostic.start_byte !== undefined,
  })));

/**
 * The program as lines of segments `{text, token, marks}`: cut at the borders of tokens, spans and lines, so their
 * texts joined are the program. `token` is an index into the record's tokens or -1; `marks` are positions of drawn diagnostics.
 * A token without text of its own (special, outside the program, rest of a split character) is an empty segment.
 */
export const segmentLines = perRecord((record) => {
  const { text, index } = decodeBytes(programBytes(record));
  const at = (offset) => index[Math.min(Math.max(offset, 0), index.length - 1)];
  const tokens = (record.tokens ?? []).map((token) => [at(token.start_byte), at(token.end_byte)]);
  const spans = findings(record)
    .filter((finding) => finding.drawn)
    .map((finding) => ({ position: finding.position, start: at(finding.start_byte), end: at(finding.end_byte) }))
    .map((span) => (span.end > span.start ? span : { ...span, end: Math.min(span.start + 1, text.length) }));
  const owner = new Int32Array(text.length).fill(-1);
  const empty = new Map();
  tokens.forEach(([start, end], token) => {
    if (end > start) owner.fill(token, start, end);
    else empty.has(start) ? empty.get(start).push(token) : empty.set(start, [token]);
  });
  const borders = new Set([0, text.length, ...tokens.flat()]);
  for (const { start, end } of spans) borders.add(start).add(end);
  for (let place = text.indexOf("\n"); place >= 0; place = text.indexOf("\n", place + 1)) borders.add(place).add(place + 1);
  return cutAt([...borders].sort((left, right) => left - right), { text, owner, empty, spans });
});

/** For each token the line (from 0) on which it is first drawn. */
export const tokenLines = perRecord((record) => {
  const lines = new Int32Array(record.tokens?.length ?? 0).fill(-1);
  segmentLines(record).forEach((segments, line) => {
    for (const { token } of segments) if (token >= 0 && lines[token] < 0) lines[token] = line;
  });
  return lines;
});

function cutAt(places, { text, owner, empty, spans }) {
  const lines = [[]];
  places.forEach((start, place) => {
    for (const token of empty.get(start) ?? []) lines.at(-1).push({ text: "", token, marks: [] });
    const end = places[place + 1];
    if (end === undefined) return;
    const marks = spans.filter((span) => span.start < end && span.end > start).map((span) => span.position);
    lines.at(-1).push({ text: text.slice(start, end), token: owner[start], marks });
    if (text[end - 1] === "\n") lines.push([]);
  });
  return lines;
}

/** What adds up to one token's reward: its contributions, and per component whether they add to its value. */
export function provenance(record, token) {
  const parts = (record.contributions ?? []).filter((part) => part.start_token <= token && token < part.end_token);
  const entry = record.tokens[token];
  return rewardsOf(record).map((component) => {
    const own = parts.filter((part) => part.component === component);
    const value = tokenValue(entry, component) ?? 0;
    const sum = own.reduce((total, part) => total + part.amount, 0);
    return { component, value, parts: own, adds: record.contributions ? close(sum, value) : null };
  });
}

/** Whether the components add up to the token's total. */
export function addsUp(token) {
  const sum = rewardsOf({ tokens: [token] }).reduce((total, component) => total + (tokenValue(token, component) ?? 0), 0);
  return close(sum, tokenValue(token, "reward") ?? 0);
}

function close(left, right) {
  return Math.abs(left - right) <= 1e-4 * Math.max(1, Math.abs(left), Math.abs(right)); // rewards are float32
}

/** Positions of the drawn diagnostics that cover a token. */
export function covering(record, token) {
  const { start_byte: start, end_byte: end } = record.tokens[token];
  return findings(record).filter(
    (finding) => finding.category === "U_global" || (finding.drawn && finding.start_byte < end && finding.end_byte > start),
  );
}

/** The per-token table as CSV (RFC 4180; text that a spreadsheet would take for a formula gets a leading quote). */
export function tokenCsv(record) {
  const components = [{ key: "reward" }, ...rewardsOf(record).map((key) => ({ key })), { key: "advantage" }, { key: "logprob" }];
  const columns = ["index", "id", "text", "start_byte", "end_byte", ...components.map((component) => component.key)];
  const rows = (record.tokens ?? []).map((token, position) => [
    position,
    token.id ?? "",
    /^[=+\-@\t\r]/.test(token.text) ? `'${token.text}` : token.text,
    token.start_byte,
    token.end_byte,
    ...components.map((component) => tokenValue(token, component.key) ?? ""),
  ]);
  return [columns, ...rows].map((row) => row.map(csvField).join(",")).join("\r\n") + "\r\n";
}

function csvField(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
