//! Connecting, losing, coming back, leaving.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';

import { HopwireClient } from '../src/index.js';
import { Broker, wsFactory } from './broker.js';

import type { AddressInfo } from 'node:net';
import type { ClientState, HopwireError } from '../src/index.js';

test('login, passcode and vhost go into CONNECT, backslashes doubled', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const client = broker.client({ login: 'ada', passcode: 'a\\b:c', vhost: '/shop' });
  const states: ClientState[] = [];
  client.on('state', (state) => states.push(state));
  assert.equal(client.state, 'closed');
  const connecting = client.connect();
  const { headers } = await (await broker.accept()).login();
  await connecting;
  assert.equal(headers.login, 'ada');
  assert.equal(headers.passcode, 'a\\\\b:c');
  assert.equal(headers.host, '/shop');
  assert.equal(headers['accept-version'], '1.2,1.1,1.0');
  assert.deepEqual(states, ['connecting', 'connected']);
});

test('a refused first login rejects connect and is not tried again', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const client = broker.client();
  const connecting = client.connect();
  const waiting = client.send('/queue/a', 'x');
  const peer = await broker.accept();
  await peer.expect('CONNECT');
  peer.send('ERROR', { message: 'Bad CONNECT' }, "Access refused for user 'guest'\n");
  const refused = { code: 'refused', message: "Bad CONNECT: Access refused for user 'guest'" };
  await assert.rejects(connecting, refused);
  await assert.rejects(waiting, refused);
  assert.equal(client.state, 'closed');
});

test('a login refused after it was once accepted is tried again', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, first] = await broker.connected();
  const errors: HopwireError[] = [];
  client.on('error', (error) => errors.push(error));
  first.kill();
  const starting = await broker.accept();
  await starting.expect('CONNECT');
  starting.refuse('Processing error', 'Processing error');
  const started = await broker.accept();
  const connected = new Promise((resolve) => client.on('state', resolve));
  await started.login();
  assert.equal(await connected, 'connected');
  assert.deepEqual(errors.map(({ code }) => code), ['refused']);
});

test('connect keeps trying until its retries are used up', async () => {
  const vacant = createServer().listen(0, '127.0.0.1');
  await once(vacant, 'listening');
  const { port } = vacant.address() as AddressInfo;
  vacant.close();
  await once(vacant, 'close');
  const client = new HopwireClient({
    url: `ws://127.0.0.1:${port}/ws`,
    reconnect: { initialMs: 1, maxMs: 1, attemptsMax: 3 },
    webSocketFactory: wsFactory,
  });
  const states: ClientState[] = [];
  client.on('state', (state) => states.push(state));
  const sent = assert.rejects(client.send('/queue/a', 'x'), { code: 'closed' });
  await assert.rejects(client.connect(), { code: 'closed', message: /gave up after 3 retries/ });
  await sent;
  const attempt: ClientState[] = ['connecting', 'waiting'];
  assert.deepEqual(states, [...attempt, ...attempt, ...attempt, 'connecting', 'closed']);
  await assert.rejects(client.send('/queue/a', 'x'), { code: 'closed' });
});

test('a broker that never answers CONNECT is given up after the time-out', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const client = broker.client({ connectTimeoutMs: 20 });
  const failed = new Promise<HopwireError>((resolve) => client.on('error', resolve));
  const connecting = client.connect();
  await (await broker.accept()).expect('CONNECT');
  assert.equal((await failed).code, 'timeout');
  await (await broker.accept()).login();
  await connecting;
});

test('a socket that cannot be made ends the client at once', async () => {
  const webSocketFactory = (): WebSocket => {
    throw new SyntaxError('bad url');
  };
  const client = new HopwireClient({ url: 'nonsense', webSocketFactory });
  await assert.rejects(client.connect(), { code: 'closed', message: /bad url/ });
  assert.equal(client.state, 'closed');
});

test('disconnect waits for receipts, then says goodbye', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const states: ClientState[] = [];
  client.on('state', (state) => states.push(state));
  const sent = client.send('/queue/a', 'x');
  const frame = await peer.expect('SEND');
  const leaving = client.disconnect();
  await assert.rejects(client.send('/queue/a', 'late'), { code: 'closed' });
  assert.equal(peer.unread, 0);
  peer.receipt(frame);
  await sent;
  peer.receipt(await peer.expect('DISCONNECT'));
  await leaving;
  assert.deepEqual(states, ['closed']);
});

test('disconnect outlives a lost connection, and replays what has no receipt', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const sent = client.send('/queue/a', 'x');
  await peer.expect('SEND');
  const leaving = client.disconnect();
  peer.kill();
  const next = await broker.accept();
  await next.login();
  next.receipt(await next.expect('SEND'));
  await sent;
  next.receipt(await next.expect('DISCONNECT'));
  await leaving;
});

test('at the deadline of disconnect what has no receipt is rejected', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, peer] = await broker.connected();
  const sent = assert.rejects(client.send('/queue/a', 'x'), { code: 'timeout' });
  await peer.expect('SEND');
  await Promise.all([client.disconnect({ deadlineMs: 10 }), client.disconnect()]);
  await sent;
  assert.equal(client.state, 'closed');
  assert.equal(client.pending, 0);
});

test('a client can be connected again after disconnect', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const [client, first] = await broker.connected();
  const leaving = client.disconnect();
  first.receipt(await first.expect('DISCONNECT'));
  await leaving;
  const connecting = client.connect();
  await (await broker.accept()).login();
  await connecting;
  assert.equal(client.state, 'connected');
});

test('heart-beats that stop end the connection, and the client comes back', async (t) => {
  const broker = await Broker.start();
  t.after(() => broker.stop());
  const client = broker.client({ heartbeat: { incoming: 5, outgoing: 0 } });
  void client.connect();
  const silent = await broker.accept();
  await silent.expect('CONNECT');
  silent.send('CONNECTED', { version: '1.2', 'heart-beat': '5,0' });
  await (await broker.accept()).login();
});
