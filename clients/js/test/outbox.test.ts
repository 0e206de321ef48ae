import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HopwireError } from '../src/error.js';
import { Outbox } from '../src/outbox.js';

import type { Request } from '../src/outbox.js';

/** Requests named by their receipts, and what became of them. */
function world(...names: string[]) {
  const outbox = new Outbox();
  const log: string[] = [];
  const request = (receipt: string): Request => ({
    receipt,
    kind: receipt.startsWith('sub') ? 'subscribe' : receipt.startsWith('un') ? 'unsubscribe' : 'send',
    isReady: true,
    transmit: () => {},
    settle: (error) => void log.push(error ? `${receipt} ${error.code}` : `${receipt} ok`),
  });
  const requests = new Map(names.map((name) => [name, request(name)]));
  for (const one of requests.values()) outbox.push(one);
  const written = (): string => {
    const names: string[] = [];
    for (let next = outbox.next(); next; next = outbox.next()) names.push(next.receipt);
    return names.join(' ');
  };
  return { outbox, log, written, of: (name: string) => requests.get(name)! };
}

const no = new HopwireError('refused', 'not_found');

test('unconfirmed requests go again in front of unsent ones, confirmed ones do not', () => {
  const { outbox, log, written, of } = world('a', 'b', 'c', 'd');
  of('d').isReady = false;
  assert.equal(written(), 'a b c');
  outbox.confirm('b');
  outbox.lost();
  of('d').isReady = true;
  assert.equal(written(), 'a c d');
  assert.deepEqual(log, ['b ok']);
});

test('a receipt of another connection or from nowhere changes nothing', () => {
  const { outbox, log, written } = world('a');
  outbox.confirm('a');
  assert.equal(written(), 'a');
  assert.equal(outbox.confirm('a'), 'send');
  assert.equal(outbox.confirm('a'), undefined);
  assert.deepEqual(log, ['a ok']);
  assert.equal(outbox.pending, 0);
});

test('a body that is still being compressed holds back what came later', () => {
  const { written, of } = world('a', 'b', 'c');
  of('b').isReady = false;
  assert.equal(written(), 'a');
  of('b').isReady = true;
  assert.equal(written(), 'b c');
});

test('the only request under way is to blame for a definite error', () => {
  const { outbox, log, written } = world('a');
  written();
  assert.equal(outbox.blame(no, 'definite'), true);
  outbox.lost();
  assert.equal(written(), '');
  assert.deepEqual(log, ['a refused']);
});

test('among several the guilty one is found by sending one at a time', () => {
  const { outbox, log, written } = world('a', 'b', 'c', 'd');
  assert.equal(written(), 'a b c d');
  assert.equal(outbox.blame(no, 'definite'), false);
  outbox.lost();
  assert.equal(written(), 'a');
  outbox.confirm('a');
  assert.equal(written(), 'b');
  assert.equal(outbox.blame(no, 'definite'), true);
  outbox.lost();
  assert.equal(written(), 'c');
  outbox.confirm('c');
  assert.equal(written(), 'd');
  outbox.confirm('d');
  assert.deepEqual(log, ['a ok', 'b refused', 'c ok', 'd ok']);
});

test('after the last suspect everything flows again', () => {
  const { outbox, written, of } = world('a', 'b', 'c', 'd');
  of('c').isReady = false;
  written();
  outbox.blame(no, 'definite');
  outbox.lost();
  of('c').isReady = true;
  assert.equal(written(), 'a');
  outbox.confirm('a');
  assert.equal(written(), 'b');
  outbox.confirm('b');
  assert.equal(written(), 'c d');
});

test('a vague error needs three strikes', () => {
  const { outbox, log, written } = world('a');
  for (let strike = 1; strike < Outbox.STRIKES_MAX; strike += 1) {
    written();
    assert.equal(outbox.blame(no, 'vague'), false);
    outbox.lost();
  }
  assert.deepEqual(log, []);
  written();
  assert.equal(outbox.blame(no, 'vague'), true);
  assert.deepEqual(log, ['a refused']);
});

test('an error that names its receipt hits that request alone', () => {
  const { outbox, log, written } = world('a', 'b', 'c');
  written();
  assert.equal(outbox.blame(no, 'vague', 'b'), true);
  outbox.lost();
  assert.equal(written(), 'a c');
  assert.deepEqual(log, ['b refused']);
});

test('subscriptions go first on a new connection', () => {
  const { outbox, written, of } = world('a', 'sub-1', 'b', 'sub-2');
  assert.equal(written(), 'a sub-1 b sub-2');
  outbox.confirm('sub-1');
  outbox.lost();
  outbox.resubscribe([of('sub-1'), of('sub-2')]);
  assert.equal(written(), 'sub-1 sub-2 a b');
});

test('a subscription ended while its SUBSCRIBE was under way is not made again', () => {
  const { outbox, log, written } = world('sub-1', 'un-1', 'a');
  written();
  outbox.lost();
  outbox.resubscribe([]);
  assert.equal(written(), 'a');
  assert.deepEqual(log, ['un-1 ok', 'sub-1 closed']);
});

test('pending counts messages until their receipts', () => {
  const { outbox, written } = world('sub-1', 'a', 'b');
  assert.equal(outbox.pending, 2);
  written();
  outbox.confirm('sub-1');
  outbox.confirm('a');
  assert.equal(outbox.pending, 1);
  outbox.failAll(no);
  assert.equal(outbox.pending, 0);
});

test('order holds over thousands of requests and losses between', () => {
  const names = Array.from({ length: 5000 }, (_, index) => `m${index}`);
  const { outbox, log, of } = world(...names);
  const order: string[] = [];
  for (let count = 0; order.length < names.length; count += 1) {
    const next = outbox.next();
    if (next && count % 1500 !== 1499) {
      order.push(next.receipt);
      outbox.confirm(next.receipt);
    } else outbox.lost();
  }
  assert.deepEqual(order, names);
  assert.equal(log.length, names.length);
  assert.equal(outbox.isUnsent(of('m0')), false);
});
