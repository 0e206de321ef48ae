//! Measured values over time, as a chart wants them: columns of equal length. Pure.

/** Columns: one of times in seconds since 1970, one per metric; `null` where nothing is known. */
export interface Series {
  readonly times: readonly number[];
  readonly values: Readonly<Record<string, readonly (number | null)[]>>;
}

export const EMPTY: Series = { times: [], values: {} };

/** How much is kept, in seconds. */
export const WINDOW_S = 60;
/** Points kept at the most, however fast they come. */
export const POINTS_MAX = 1200;
/** Metrics kept at the most. */
export const METRICS_MAX = 16;

/** The series with one more point. Metrics left out keep their value. */
export function append(
  series: Series,
  time: number,
  update: Readonly<Record<string, unknown>>,
): Series {
  const times = [...series.times, time];
  const start = Math.max(
    times.findIndex((at) => at > time - WINDOW_S),
    times.length - POINTS_MAX,
  );
  const names = [...new Set([...Object.keys(series.values), ...Object.keys(update)])];
  const values: Record<string, (number | null)[]> = {};
  for (const name of names.slice(0, METRICS_MAX)) {
    const known = series.values[name] ?? series.times.map(() => null);
    const value = update[name];
    const last = known.at(-1) ?? null;
    const point = typeof value === 'number' && Number.isFinite(value) ? value : last;
    values[name] = [...known, point].slice(start);
  }
  return { times: times.slice(start), values };
}

/** The newest value of a metric. */
export function latest(series: Series, name: string): number | undefined {
  return series.values[name]?.at(-1) ?? undefined;
}
