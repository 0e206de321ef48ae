//! Bodies both ways, handlers in order, acknowledgements.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, inflateSync } from 'node:zlib';

import { Broker, unwatched } from './broker.js';
import { deferred } from '../src/subscription.js';

import type { FrameView, HopwireClient, HopwireError, Message, Subscription } from '../src/index.js';
import type { Handler, SubscribeOptions } from '../src/index.js';
import type { Peer } from './broker.js';

const JSON_TYPE = { 'content-type': 'application/json' };

async function subscribed(
  client: HopwireClient,
  peer: Peer,
  handler: Handler,
  options?: SubscribeOptions,
): Promise<Subscription> {
  const subscription = client.subscribe('/topic/x', handler, options);
  peer.receipt(await peer.expect('SUBSCRIBE'));
  await subscription.ready;
  return subscription;
}

test('an object arrives as the JSON it was sent as', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  unwatched(client.sendToQueue('a/b', { type: 'info' }, { persistent: true, headers: { kind: 'é:1' } }));
  const { headers, text } = await peer.expect('SEND');
  assert.equal(headers.destination, '/queue/a%2Fb');
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers.persistent, 'true');
  assert.equal(headers.kind, 'é:1');
  assert.equal(text, '{"type":"info"}');
  const { promise, settle } = deferred();
  const { id } = await subscribed(client, peer, (body, message) => {
    assert.deepEqual(body, { a: 1 });
    assert.equal(message.headers.kind, 'é:1');
    assert.equal(message.destination, '/x');
    settle();
  });
  peer.message(id, { ...JSON_TYPE, kind: 'é:1' }, '{"a":1}');
  await promise;
});

test('bytes and an own content type go as they are', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const bytes = new Uint8Array([0, 10, 255, 0]);
  unwatched(client.send('/topic/x', bytes, { contentType: 'image/x-own', persistent: false }));
  const { headers, body } = await peer.expect('SEND');
  assert.deepEqual(body, bytes);
  assert.equal(headers['content-type'], 'image/x-own');
  assert.equal(headers.persistent, undefined);
});

test('large bodies go compressed, in their order among small ones', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const large = 'x'.repeat(1025);
  const noise = crypto.getRandomValues(new Uint8Array(2000));
  unwatched(client.send('/topic/x', large));
  unwatched(client.send('/topic/x', 'y'.repeat(1024)));
  unwatched(client.send('/topic/x', noise));
  unwatched(client.send('/topic/x', large, { headers: { 'content-encoding': 'x-own' } }));
  const first = await peer.expect('SEND');
  assert.equal(first.headers['content-encoding'], 'deflate');
  assert.equal(inflateSync(first.body).toString(), large);
  const second = await peer.expect('SEND');
  assert.equal(second.headers['content-encoding'], undefined);
  assert.equal(second.text.length, 1024);
  const third = await peer.expect('SEND');
  assert.equal(third.headers['content-encoding'], undefined, 'noise does not get smaller');
  assert.deepEqual(third.body, noise);
  assert.equal((await peer.expect('SEND')).text, large);
});

test('compressAbove: false compresses nothing', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected({ compressAbove: false });
  unwatched(client.send('/topic/x', 'x'.repeat(100_000)));
  assert.equal((await peer.expect('SEND')).text.length, 100_000);
});

test('compressed bodies are opened before the handler sees them', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const { promise, settle } = deferred();
  const value = { text: 'Hopwire '.repeat(1000) };
  const plain = new TextEncoder().encode(JSON.stringify(value));
  const { id } = await subscribed(client, peer, (body, message: Message) => {
    assert.deepEqual(body, value);
    assert.deepEqual(message.bytes, plain);
    settle();
  });
  peer.message(id, { ...JSON_TYPE, 'content-encoding': 'deflate' }, deflateSync(plain));
  await promise;
});

test('asynchronous handlers of a subscription run one after another', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const log: string[] = [];
  const gates = [deferred(), deferred(), deferred()];
  const done = deferred();
  const { id } = await subscribed(client, peer, async (body: number) => {
    log.push(`begin ${body}`);
    await gates[body]!.promise;
    log.push(`end ${body}`);
    if (body === 2) done.settle();
  });
  // The second body needs decompression, which takes longer than reading the third.
  peer.message(id, JSON_TYPE, '0');
  peer.message(id, { ...JSON_TYPE, 'content-encoding': 'deflate' }, deflateSync('1'));
  peer.message(id, JSON_TYPE, '2');
  // Opened in the wrong order: only the chain can put it right.
  gates[2]!.settle();
  gates[1]!.settle();
  gates[0]!.settle();
  await done.promise;
  assert.deepEqual(log, ['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2']);
});

test('a slow subscription does not hold up another', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const done = deferred();
  const slow = await subscribed(client, peer, () => new Promise<void>(() => {}));
  const fast = await subscribed(client, peer, () => done.settle());
  peer.message(slow.id, JSON_TYPE, '1');
  peer.message(fast.id, JSON_TYPE, '1');
  await done.promise;
});

test('ack and nack go out once, with the id of the delivery', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const handler = (body: string, message: Message): void => {
    if (body === 'good') message.ack();
    else message.nack({ requeue: false });
    message.ack();
    message.nack();
  };
  const { id } = await subscribed(client, peer, handler, { ack: 'client-individual' });
  peer.message(id, { ack: 'd1' }, 'good');
  peer.message(id, { ack: 'd2' }, 'bad');
  assert.equal((await peer.expect('ACK')).headers.id, 'd1');
  const nack = await peer.expect('NACK');
  assert.deepEqual([nack.headers.id, nack.headers.requeue], ['d2', 'false']);
  unwatched(client.send('/queue/a', 'end'));
  await peer.expect('SEND');
});

test('a handler that fails nacks its message, is reported, and the next one runs', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const errors: HopwireError[] = [];
  client.on('error', (error) => errors.push(error));
  const cause = new Error('no room');
  const handler = async (body: string, message: Message): Promise<void> => {
    if (body === 'a') throw cause;
    message.ack();
  };
  const { id } = await subscribed(client, peer, handler, { ack: 'client' });
  peer.message(id, { ack: 'd1' }, 'a');
  peer.message(id, { ack: 'd2' }, 'b');
  const nack = await peer.expect('NACK');
  assert.deepEqual([nack.headers.id, nack.headers.requeue], ['d1', undefined]);
  assert.equal((await peer.expect('ACK')).headers.id, 'd2');
  assert.deepEqual(errors.map(({ code }) => code), ['handler']);
  assert.equal(errors[0]!.cause, cause);
});

test('a body that cannot be read is reported and given away', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const failed = new Promise<HopwireError>((resolve) => client.on('error', resolve));
  const handler = (): void => assert.fail('the handler saw an unreadable body');
  const { id } = await subscribed(client, peer, handler, { ack: 'client' });
  peer.message(id, { ...JSON_TYPE, ack: 'd1' }, '{');
  assert.equal((await failed).code, 'body');
  const { headers } = await peer.expect('NACK');
  assert.deepEqual([headers.id, headers.requeue], ['d1', 'false']);
});

test('after a lost connection unacknowledged messages are left to their redelivery', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, first] = await broker.connected();
  const begun = deferred();
  const gate = deferred();
  const got: string[] = [];
  const handler = async (body: string, message: Message): Promise<void> => {
    got.push(`${body} ${message.redelivered}`);
    begun.settle();
    await gate.promise;
    message.ack();
  };
  const { id } = await subscribed(client, first, handler, { ack: 'client-individual' });
  first.message(id, { ack: 'd1' }, 'a');
  first.message(id, { ack: 'd2' }, 'b');
  await begun.promise;
  first.kill();
  const second = await broker.accept();
  await second.login();
  second.receipt(await second.expect('SUBSCRIBE'));
  second.message(id, { ack: 'd1', redelivered: 'true' }, 'a');
  second.message(id, { ack: 'd2', redelivered: 'true' }, 'b');
  gate.settle();
  assert.equal((await second.expect('ACK')).headers.id, 'd1');
  assert.equal((await second.expect('ACK')).headers.id, 'd2');
  assert.equal(second.unread, 0);
  assert.deepEqual(got, ['a false', 'a true', 'b true']);
});

test('no handler starts after unsubscribe', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const begun = deferred();
  const gate = deferred();
  const got: string[] = [];
  const subscription = await subscribed(client, peer, async (body: string) => {
    got.push(body);
    begun.settle();
    await gate.promise;
  });
  peer.message(subscription.id, {}, 'a');
  peer.message(subscription.id, {}, 'b');
  await begun.promise;
  const ended = subscription.unsubscribe();
  gate.settle();
  const frame = await peer.expect('UNSUBSCRIBE');
  peer.message(subscription.id, {}, 'c');
  peer.receipt(frame);
  await ended;
  await subscription.unsubscribe();
  assert.deepEqual(got, ['a']);
});

test('a subscription that the broker cancels ends, the others go on', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const failed = new Promise<HopwireError>((resolve) => client.on('error', resolve));
  const done = deferred();
  const gone = await subscribed(client, peer, () => assert.fail('delivered after the end'));
  const kept = await subscribed(client, peer, () => done.settle());
  const message = 'Server cancelled subscription';
  peer.send('ERROR', { message, subscription: gone.id }, 'The server has canceled it.\n');
  assert.equal((await failed).code, 'refused');
  peer.message(gone.id, {}, 'x');
  peer.message(kept.id, {}, 'x');
  await done.promise;
  assert.equal(client.state, 'connected');
});

test('two subscriptions cannot share a name', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const client = broker.client();
  client.subscribe('/topic/x', () => {}, { headers: { id: 'mine' } });
  const again = (): Subscription => client.subscribe('/topic/y', () => {}, { headers: { id: 'mine' } });
  assert.throws(again, { code: 'refused' });
});

test('onFrame sees every frame both ways, and heart-beats', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const frames: string[] = [];
  const beat = deferred();
  const onFrame = (direction: string, { command, headers, body }: FrameView): void => {
    frames.push(`${direction} ${command} ${headers.k ?? ''}${body}`);
    if (command === '') beat.settle();
  };
  const client = broker.client({ onFrame, heartbeat: { incoming: 0, outgoing: 5 } });
  const connecting = client.connect();
  const peer = await broker.accept();
  await peer.expect('CONNECT');
  peer.send('CONNECTED', { version: '1.2', 'heart-beat': '0,5' });
  await connecting;
  const sent = client.send('/topic/x', new Uint8Array([255]), { headers: { k: 'a:b' } });
  peer.receipt(await peer.expect('SEND'));
  await sent;
  await beat.promise;
  const seen = frames.filter((frame) => frame !== 'out  ');
  assert.deepEqual(seen, ['out CONNECT ', 'in CONNECTED ', 'out SEND a:b<1 bytes>', 'in RECEIPT ']);
  assert.ok(frames.includes('out  '));
});
