// Which lines two programs share, in order.
// Not here: drawing.

/** Pairs `[left, right]` of line indices, aligned by a longest common subsequence; null where a side has no such line. */
export function alignLines(left, right) {
  const common = Array.from({ length: left.length + 1 }, () => new Int32Array(right.length + 1));
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      common[i][j] = left[i] === right[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
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
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      flush();
      pairs.push([i++, j++]);
    } else if (j >= right.length || (i < left.length && common[i + 1][j] >= common[i][j + 1])) changed.left.push(i++);
    else changed.right.push(j++);
  }
  flush();
  return pairs;
}
