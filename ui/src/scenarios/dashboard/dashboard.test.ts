//! Columns that a chart can draw, and a shop that reacts to its load.

import { expect, test } from 'vitest';

import { CPU_THRESHOLD, next, QUIET } from './feed';
import { append, EMPTY, latest, METRICS_MAX, POINTS_MAX, WINDOW_S } from './series';

test('columns have one length, and what is left out keeps its value', () => {
  let series = append(EMPTY, 1, { cpu: 5 });
  series = append(series, 2, { orders: 7 });
  series = append(series, 3, { cpu: 'high', orders: Number.NaN });
  expect(series).toEqual({
    times: [1, 2, 3],
    values: { cpu: [5, 5, 5], orders: [null, 7, 7] },
  });
  expect(latest(series, 'orders')).toBe(7);
  expect(latest(series, 'nothing')).toBeUndefined();
});

test('what is older than the window is dropped', () => {
  let series = append(EMPTY, 0, { cpu: 1 });
  series = append(series, WINDOW_S - 1, { cpu: 2 });
  expect(series.times.length).toBe(2);
  series = append(series, WINDOW_S, { cpu: 3 });
  expect(series).toEqual({ times: [WINDOW_S - 1, WINDOW_S], values: { cpu: [2, 3] } });
});

test('points and metrics are bounded', () => {
  let series = EMPTY;
  for (let n = 0; n <= POINTS_MAX; n += 1) series = append(series, n / 1000, { cpu: n });
  expect(series.times.length).toBe(POINTS_MAX);
  expect(series.values.cpu?.length).toBe(POINTS_MAX);
  const many = Object.fromEntries(Array.from({ length: METRICS_MAX + 1 }, (_, n) => [`m${n}`, n]));
  expect(Object.keys(append(EMPTY, 0, many).values).length).toBe(METRICS_MAX);
});

test('a full shop passes the threshold, a quiet one does not', () => {
  const after = (load: number) => {
    let figures = QUIET;
    for (let n = 0; n < 100; n += 1) figures = next(figures, load, () => 0.5);
    return figures;
  };
  expect(after(1).cpu_percent).toBeGreaterThan(CPU_THRESHOLD);
  expect(after(0.35).cpu_percent).toBeLessThan(CPU_THRESHOLD);
  expect(after(1).response_ms).toBeGreaterThan(after(0.35).response_ms);
});
