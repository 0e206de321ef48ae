import assert from 'node:assert/strict';
import { test } from 'node:test';

import { backoffMs } from '../src/backoff.js';

const policy = { initialMs: 500, factor: 2, maxMs: 30_000, jitter: 0.3, attemptsMax: Infinity };

test('waits double up to the limit', () => {
  const waits = [0, 1, 2, 3, 4, 5, 6, 7, 1000].map((retry) => backoffMs(retry, policy, 0));
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

test('jitter takes its share off and adds nothing', () => {
  assert.equal(backoffMs(0, policy, 0.999999), 350);
  assert.equal(backoffMs(9, policy, 0.5), 25_500);
  assert.equal(backoffMs(3, { ...policy, jitter: 0 }, 0.999999), 4000);
});
