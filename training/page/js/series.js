// Curves as data: metric rows to points, smoothing, columns over common steps, stacks.
// Not here: elements.

/**
 * Add metric rows `[step, name, value]` to a Map of name -> points `[step, value]` by rising step; a step done again replaces
 * its point.
 */
export function addMetrics(metrics, rows) {
  const changed = new Map(metrics);
  const copied = new Set();
  for (const [step, name, value] of rows) {
    if (!copied.has(name)) changed.set(name, [...(changed.get(name) ?? [])]);
    copied.add(name);
    const points = changed.get(name);
    let place = points.length;
    while (place > 0 && points[place - 1][0] >= step) place -= 1;
    points.splice(place, points[place]?.[0] === step ? 1 : 0, [step, value]);
  }
  return changed;
}

/** Exponential moving average of points, weight halved every `halfLife` points. */
export function smoothed(points, halfLife = 4) {
  const keep = 0.5 ** (1 / halfLife);
  let weight = 0;
  let sum = 0;
  return points.map(([step, value]) => {
    sum = keep * sum + value;
    weight = keep * weight + 1;
    return [step, sum / weight];
  });
}

/** Several curves as columns over all their steps: `[steps, values of the first, ...]`, null where a curve has no point. */
export function joined(curves) {
  const steps = [...new Set(curves.flatMap((points) => points.map((point) => point[0])))].sort((left, right) => left - right);
  return [steps, ...curves.map((points) => {
    const values = new Map(points);
    return steps.map((step) => values.get(step) ?? null);
  })];
}

/** Columns over one list of steps, each added to those before it; a missing value counts as 0. */
export function stacked(columns) {
  let base = null;
  return columns.map((values) => (base = values.map((value, place) => (value ?? 0) + (base?.[place] ?? 0))));
}

/** The value of the point nearest to a step, or the newest one for null; undefined where there is none. */
export function valueAt(points, step) {
  if (!points?.length) return undefined;
  if (step === null || step === undefined) return points.at(-1)[1];
  return nearest(points, step)[1];
}

/** The point whose step is nearest; points are in order of their steps. */
export function nearest(points, step) {
  let [low, high] = [0, points.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= step) low = middle;
    else high = middle;
  }
  return Math.abs(points[low][0] - step) <= Math.abs(points[high][0] - step) ? points[low] : points[high];
}

/** Seconds since the run began at each step, from the time each step took; null where that was not written. */
export function elapsed(metrics) {
  const points = metrics.get("time/step");
  if (!points?.length) return null;
  let sum = 0;
  return points.map(([step, seconds]) => [step, (sum += seconds)]);
}

/** Seconds as people say them. */
export function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
