import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exchangeDestination, queueDestination } from '../src/index.js';

test('slashes in names are encoded, nothing else is', () => {
  assert.equal(queueDestination('a/b c%25'), '/queue/a%2Fb c%25');
  assert.equal(exchangeDestination('x/y', 'user.7/8'), '/exchange/x%2Fy/user.7%2F8');
});

test('an empty key is left out', () => {
  assert.equal(exchangeDestination('amq.fanout', ''), '/exchange/amq.fanout');
});
