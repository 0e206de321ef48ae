//! Nothing sent is lost; nothing is sent twice once its receipt came.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Broker, Inbox, unwatched } from './broker.js';

import type { HopwireError } from '../src/index.js';
import type { Peer } from './broker.js';

const bodies = async (peer: Peer, count: number): Promise<string[]> => {
  const texts: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const frame = await peer.expect('SEND');
    texts.push(frame.text);
    peer.receipt(frame);
  }
  return texts;
};

test('a connection killed mid-way loses nothing and repeats nothing receipted', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, first] = await broker.connected();
  const settled: string[] = [];
  const send = (text: string): Promise<void> =>
    client.send('/queue/a', text).then(() => void settled.push(text));

  const sent = ['1', '2', '3', '4'].map(send);
  const frames = [];
  for (let index = 0; index < 4; index += 1) frames.push(await first.expect('SEND'));
  first.receipt(frames[0]!);
  first.receipt(frames[2]!);
  await Promise.all([sent[0], sent[2]]);
  const waiting = new Promise((resolve) => client.on('state', resolve));
  first.kill();
  assert.equal(await waiting, 'waiting');
  const unsent = ['5', '6'].map(send);
  assert.equal(client.pending, 4);

  const second = await broker.accept();
  await second.login();
  const again = await second.expect('SEND');
  assert.equal(again.headers['amqp-message-id'], frames[1]!.headers['amqp-message-id']);
  second.receipt(again);
  assert.deepEqual([again.text, ...(await bodies(second, 3))], ['2', '4', '5', '6']);
  await Promise.all([...sent, ...unsent]);
  assert.deepEqual(settled, ['1', '3', '2', '4', '5', '6']);
  assert.equal(second.unread, 0);
});

test('a thousand messages over a connection that dies again and again arrive in order', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const client = broker.client();
  void client.connect();
  const all = Array.from({ length: 1000 }, (_, index) => `${index}`);
  const sent = all.map((text) => client.send('/queue/a', text));
  const receipted = new Set<string>();
  const order: string[] = [];
  let peer = await broker.accept();
  await peer.login();
  for (let count = 1; order.length < all.length; count += 1) {
    const frame = await peer.expect('SEND');
    assert.ok(!receipted.has(frame.text), `${frame.text} came again after its receipt`);
    if (count % 97 === 0) {
      // Whether the last receipts were read before the end shows only in what comes next.
      await Promise.all(order.map((text) => sent[Number(text)]));
      for (const text of order) receipted.add(text);
      peer.kill();
      peer = await broker.accept();
      await peer.login();
      continue;
    }
    order.push(frame.text);
    peer.receipt(frame);
  }
  await Promise.all(sent);
  assert.deepEqual(order, all);
});

test('subscriptions are made again before anything is sent', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, first] = await broker.connected();
  const got = new Inbox<string>();
  const one = client.subscribe('/topic/one', (body: string) => got.put(body));
  const two = client.subscribe('/topic/two', () => {}, { headers: { id: 'mine', durable: 'true' } });
  first.receipt(await first.expect('SUBSCRIBE'));
  first.receipt(await first.expect('SUBSCRIBE'));
  await Promise.all([one.ready, two.ready]);
  unwatched(client.send('/topic/one', 'x'));
  await first.expect('SEND');
  first.kill();

  const second = await broker.accept();
  await second.login();
  const again = await second.expect('SUBSCRIBE');
  assert.equal(again.headers.destination, '/topic/one');
  assert.equal(again.headers.id, one.id);
  const mine = await second.expect('SUBSCRIBE');
  assert.deepEqual([mine.headers.id, mine.headers.durable], ['mine', 'true']);
  second.message(one.id, { 'content-type': 'text/plain' }, 'hello');
  assert.deepEqual(await bodies(second, 1), ['x']);
  assert.equal(await got.take(), 'hello');
});

test('an unsubscribed destination is not subscribed again', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, first] = await broker.connected();
  const subscription = client.subscribe('/topic/one', () => {});
  first.receipt(await first.expect('SUBSCRIBE'));
  await subscription.ready;
  const ended = subscription.unsubscribe({ durable: 'true' });
  const { headers } = await first.expect('UNSUBSCRIBE');
  assert.deepEqual([headers.id, headers.durable], [subscription.id, 'true']);
  first.kill();
  await ended;
  unwatched(client.send('/queue/a', 'x'));
  const second = await broker.accept();
  await second.login();
  assert.equal((await second.expect('SEND')).text, 'x');
});

test('a refused message is found among others, which all arrive', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, first] = await broker.connected();
  const good = [client.send('/queue/a', 'a'), client.send('/queue/a', 'b')];
  const bad = client.sendToExchange('nope', 'k', 'bad');
  const after = client.send('/queue/a', 'c');
  const text = "NOT_FOUND - no exchange 'nope' in vhost '/'";
  const rejected = assert.rejects(bad, { code: 'refused', message: `not_found: ${text}` });
  for (let index = 0; index < 4; index += 1) await first.expect('SEND');
  first.refuse('not_found', text);

  const second = await broker.accept();
  await second.login();
  assert.deepEqual(await bodies(second, 2), ['a', 'b']);
  assert.equal((await second.expect('SEND')).text, 'bad');
  assert.equal(second.unread, 0);
  second.refuse('not_found', text);
  await rejected;

  const third = await broker.accept();
  await third.login();
  assert.deepEqual(await bodies(third, 1), ['c']);
  await Promise.all([...good, after]);
});

test('a refused subscription ends alone and is not made again', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, first] = await broker.connected();
  const errors: HopwireError[] = [];
  client.on('error', (error) => errors.push(error));
  const subscription = client.subscribe('/exchange/nope', () => {});
  await first.expect('SUBSCRIBE');
  first.refuse('not_found', 'NOT_FOUND');
  await assert.rejects(subscription.ready, { code: 'refused' });
  assert.deepEqual(errors.map(({ message }) => message), ['not_found: NOT_FOUND']);
  const second = await broker.accept();
  await second.login();
  unwatched(client.send('/queue/a', 'x'));
  await second.expect('SEND');
});

test('a frame too big for the broker is refused after three closes, not replayed for ever', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, first] = await broker.connected();
  const sent = assert.rejects(client.send('/queue/a', 'big'), {
    code: 'refused',
    message: 'the broker closed with 1009',
  });
  let peer = first;
  for (let strike = 0; strike < 3; strike += 1) {
    await peer.expect('SEND');
    peer.close(1009);
    peer = await broker.accept();
    await peer.login();
  }
  await sent;
  assert.equal(peer.unread, 0);
});

test('a broker that restarts is blamed on no message', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  let [client, peer] = await broker.connected();
  const sent = client.send('/queue/a', 'x');
  for (let restart = 0; restart < 5; restart += 1) {
    await peer.expect('SEND');
    if (restart % 2 === 0) peer.close(1012);
    else peer.refuse('connection_forced', 'CONNECTION_FORCED - shutdown');
    peer = await broker.accept();
    await peer.login();
  }
  peer.receipt(await peer.expect('SEND'));
  await sent;
});

test('pendingMax messages may wait, one more is rejected', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const client = broker.client({ pendingMax: 3 });
  const counts: number[] = [];
  client.on('pending', (count) => counts.push(count));
  const sent = ['a', 'b', 'c'].map((text) => client.send('/queue/a', text));
  await assert.rejects(client.send('/queue/a', 'd'), { code: 'pending-full' });
  assert.equal(client.pending, 3);
  void client.connect();
  const peer = await broker.accept();
  await peer.login();
  assert.deepEqual(await bodies(peer, 1), ['a']);
  await sent[0];
  const fits = client.send('/queue/a', 'e');
  assert.deepEqual(await bodies(peer, 3), ['b', 'c', 'e']);
  await Promise.all([...sent, fits]);
  assert.deepEqual(counts, [1, 2, 3, 2, 3, 2, 1, 0]);
});

test('an ERROR that leaves the connection open for one delivery does not end it', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const failed = new Promise<HopwireError>((resolve) => client.on('error', resolve));
  const sent = client.send('/queue/a', 'x');
  const frame = await peer.expect('SEND');
  peer.send('ERROR', { message: 'Subscription not found' }, 'late');
  assert.equal((await failed).message, 'Subscription not found: late');
  peer.receipt(frame);
  await sent;
  assert.equal(client.state, 'connected');
});
