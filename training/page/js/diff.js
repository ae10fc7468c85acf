// Which lines two programs share, in order.
// Not here: drawing.

const MOST_CELLS = 4_000_000; // of the table of common lengths: two programs of 2,000 lines that share no line at either end
const FOLDED = 300; // pairs beyond which equal lines far from a difference are left out
const CONTEXT = 3;
const MOST_PAIRS = 1500;

/**
 * Pairs `[left, right]` of line indices, aligned by a longest common subsequence; null where a side has no such line. Of programs too
 * long for that, what lies between their common ends stands as changed.
 */
export function alignLines(left, right) {
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < left.length - start && end < right.length - start && left.at(-1 - end) === right.at(-1 - end)) end += 1;
  const [lefts, rights] = [left.length - start - end, right.length - start - end];
  const same = (count, one, other) => Array.from({ length: count }, (_, place) => [one + place, other + place]);
  return [...same(start, 0, 0), ...aligned(left, right, start, lefts, rights), ...same(end, start + lefts, start + rights)];
}

function aligned(left, right, start, lefts, rights) {
  const wide = rights + 1;
  const known = (lefts + 1) * wide <= MOST_CELLS;
  const common = known ? new Int32Array((lefts + 1) * wide) : null;
  for (let i = lefts - 1; known && i >= 0; i--) {
    for (let j = rights - 1; j >= 0; j--) {
      common[i * wide + j] = left[start + i] === right[start + j] ? common[(i + 1) * wide + j + 1] + 1 : Math.max(common[(i + 1) * wide + j], common[i * wide + j + 1]);
    }
  }
  const pairs = [];
  const changed = { left: [], right: [] };
  const flush = () => {
    for (let at = 0; at < Math.max(changed.left.length, changed.right.length); at++) pairs.push([changed.left[at] ?? null, changed.right[at] ?? null]);
    changed.left = [];
    changed.right = [];
  };
  let [i, j] = [0, 0];
  while (i < lefts || j < rights) {
    if (known && i < lefts && j < rights && left[start + i] === right[start + j]) {
      flush();
      pairs.push([start + i++, start + j++]);
    } else if (j >= rights || (i < lefts && (!known || common[(i + 1) * wide + j] >= common[i * wide + j + 1]))) changed.left.push(start + i++);
    else changed.right.push(start + j++);
  }
  flush();
  return pairs;
}

/** Pairs to draw: of long programs those near a difference, and `{skipped, what}` in place of what is left out. */
export function folded(pairs, equal) {
  if (pairs.length <= FOLDED) return pairs;
  const near = new Uint8Array(pairs.length);
  pairs.forEach((pair, place) => !equal(pair) && near.fill(1, Math.max(0, place - CONTEXT), place + CONTEXT + 1));
  const kept = [];
  for (let place = 0; place < pairs.length; ) {
    if (kept.length >= MOST_PAIRS) return [...kept, { skipped: pairs.length - place, what: "more lines" }];
    if (near[place]) {
      kept.push(pairs[place++]);
      continue;
    }
    const first = place;
    while (place < pairs.length && !near[place]) place += 1;
    kept.push({ skipped: place - first, what: "equal lines" });
  }
  return kept;
}
