//! End to end against a running broker, named by HOPWIRE_WS_URL (with HOPWIRE_LOGIN and
//! HOPWIRE_PASSCODE, guest by default): Hopwire, or a RabbitMQ with Web STOMP.

import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { HopwireClient } from '../src/index.js';
import { Inbox, wsFactory } from './broker.js';

import type { HopwireOptions, Message } from '../src/index.js';

const url = process.env.HOPWIRE_WS_URL;
const options = { skip: url ? false : 'HOPWIRE_WS_URL is not set' };

async function connected(more: Partial<HopwireOptions> = {}): Promise<HopwireClient> {
  const client = new HopwireClient({
    url: url ?? '',
    login: process.env.HOPWIRE_LOGIN ?? 'guest',
    passcode: process.env.HOPWIRE_PASSCODE ?? 'guest',
    reconnect: { initialMs: 10, maxMs: 100 },
    webSocketFactory: wsFactory,
    ...more,
  });
  await client.connect();
  return client;
}

test('publish and subscribe by topic, one browser to another', options, async () => {
  const [writer, reader] = [await connected(), await connected()];
  const key = `test.${randomUUID()}`;
  const got = new Inbox<{ n: number }>();
  const subscription = reader.subscribe(`/topic/${key}`, (body) => got.put(body));
  await subscription.ready;
  await Promise.all([0, 1, 2].map((n) => writer.sendToExchange('amq.topic', key, { n })));
  assert.deepEqual([await got.take(), await got.take(), await got.take()], [0, 1, 2].map((n) => ({ n })));
  await subscription.unsubscribe();
  await writer.send(`/topic/${key}`, { n: 3 });
  await Promise.all([writer.disconnect(), reader.disconnect()]);
  assert.equal(got.size, 0);
});

test('a queue keeps what was sent; a nacked message comes again', options, async () => {
  const client = await connected();
  const queue = `test.${randomUUID()}`;
  const queueHeaders = { 'x-expires': '60000' };
  await client.sendToQueue(queue, { job: 1 }, { persistent: true, headers: queueHeaders });
  const got = new Inbox<boolean>();
  const handler = async (_body: unknown, message: Message): Promise<void> => {
    got.put(message.redelivered);
    if (!message.redelivered) throw new Error('not now');
    message.ack();
  };
  const headers = { ...queueHeaders, 'prefetch-count': '1' };
  const subscription = client.subscribe(`/queue/${queue}`, handler, { ack: 'client', headers });
  assert.deepEqual([await got.take(), await got.take()], [false, true]);
  await subscription.unsubscribe();
  await client.disconnect();
});

test('a send that the broker refuses fails alone', options, async () => {
  const client = await connected();
  const key = `test.${randomUUID()}`;
  const good = [client.send(`/topic/${key}`, 1)];
  const bad = client.sendToExchange(`nobody.${randomUUID()}`, 'k', 2);
  good.push(client.send(`/topic/${key}`, 3));
  await assert.rejects(bad, { code: 'refused' });
  await Promise.all(good);
  await client.disconnect();
});

test('a wrong password rejects connect', options, async () => {
  await assert.rejects(connected({ passcode: 'wrong' }), { code: 'refused', message: /Bad CONNECT/ });
});

test('a thousand messages arrive once each, in order', options, async () => {
  const client = await connected();
  const key = `test.${randomUUID()}`;
  const got = new Inbox<number>();
  await client.subscribe(`/topic/${key}`, async (body: number) => got.put(body)).ready;
  await Promise.all(Array.from({ length: 1000 }, (_, n) => client.send(`/topic/${key}`, n)));
  for (let n = 0; n < 1000; n += 1) assert.equal(await got.take(), n);
  await client.disconnect();
});

// A broker that writes bytes into WebSocket text messages cannot deliver these to a browser:
// RabbitMQ needs `web_stomp.ws_frame = binary`. HOPWIRE_WS_FRAME=text says that it is so here.
const binary = process.env.HOPWIRE_WS_FRAME === 'text' ? { skip: 'text frames only' } : options;

test('large bodies and bytes make the round trip', binary, async () => {
  const client = await connected();
  const key = `test.${randomUUID()}`;
  const got = new Inbox<[unknown, string | undefined]>();
  const handler = (body: unknown, { headers }: Message): void =>
    got.put([body, headers['content-encoding']]);
  await client.subscribe(`/topic/${key}`, handler).ready;
  const large = { text: 'Hopwire '.repeat(8192) };
  await client.send(`/topic/${key}`, large);
  assert.deepEqual(await got.take(), [large, 'deflate']);
  const bytes = new Uint8Array(randomBytes(70_000));
  await client.send(`/topic/${key}`, bytes);
  assert.deepEqual(await got.take(), [bytes, undefined]);
  await client.disconnect();
});
