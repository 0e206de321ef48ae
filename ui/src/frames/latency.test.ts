//! Round trips are measured between a frame and its own receipt.

import { expect, test } from 'vitest';

import { formatMs, Latency } from './latency';

const asks = (receipt: string) => ({ command: 'SEND', headers: { receipt }, body: '' });
const answers = (id: string) => ({ command: 'RECEIPT', headers: { 'receipt-id': id }, body: '' });

test('the median of round trips, whatever their order', () => {
  const latency = new Latency();
  expect(latency.medianMs).toBeUndefined();
  latency.see('out', asks('a'), 0);
  latency.see('out', asks('b'), 1);
  latency.see('out', asks('c'), 2);
  expect(latency.see('in', answers('c'), 10)).toBe(true);
  latency.see('in', answers('a'), 2);
  latency.see('in', answers('b'), 5);
  expect(latency.medianMs).toBe(4);
});

test('an unknown receipt, and one from before a reset, count for nothing', () => {
  const latency = new Latency();
  expect(latency.see('in', answers('x'), 1)).toBe(false);
  latency.see('out', asks('a'), 0);
  latency.reset();
  expect(latency.see('in', answers('a'), 5)).toBe(false);
  expect(latency.medianMs).toBeUndefined();
});

test('times read well at every size', () => {
  expect([0.84, 12.3, 1300].map(formatMs)).toEqual(['0.8 ms', '12 ms', '1.3 s']);
});
