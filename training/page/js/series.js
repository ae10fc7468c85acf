// Curves as data: metric rows to points, smoothing, bins, stacks.
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

/** At most `most` points, each the mean of a run of neighbours. */
export function binned(points, most) {
  if (points.length <= most) return points;
  const bins = [];
  for (let bin = 0; bin < most; bin++) {
    const own = points.slice(Math.floor((bin * points.length) / most), Math.floor(((bin + 1) * points.length) / most));
    bins.push([own.at(-1)[0], own.reduce((sum, point) => sum + point[1], 0) / own.length]);
  }
  return bins;
}

/** Stacked bands: per metric a list of `[step, low, high]`, in the order given; those that are always 0 are left out. */
export function stacked(metrics, names, most) {
  const bands = [];
  let base = null;
  for (const key of names) {
    const points = binned(metrics.get(key) ?? [], most);
    if (!points.length || points.every((point) => point[1] === 0)) continue;
    base ??= points.map(() => 0);
    const low = base;
    const high = points.map((point, position) => (low[position] ?? 0) + point[1]);
    bands.push({ key, points: points.map((point, position) => [point[0], low[position] ?? 0, high[position]]) });
    base = high;
  }
  return bands;
}

/** The value of the point nearest to a step, or the newest one for null; undefined where there is none. */
export function valueAt(points, step) {
  if (!points?.length) return undefined;
  if (step === null || step === undefined) return points.at(-1)[1];
  return nearest(points, step)[1];
}

/** The point whose step is nearest. */
export function nearest(points, step) {
  return points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best));
}

/** A pleasant range that holds all values: round ends, never empty. */
export function niceRange(values) {
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  if (low === high) return [low, high + 1];
  const unit = 10 ** Math.floor(Math.log10(high - low));
  const step = [0.1, 0.2, 0.25, 0.5, 1].map((factor) => factor * unit).find((size) => (high - low) / size <= 8) ?? unit;
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}
