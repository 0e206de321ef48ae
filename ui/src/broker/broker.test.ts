//! Addresses, envelopes and what the management API answers.

import { expect, test } from 'vitest';

import { basic, readOverview } from './management';
import { address, destination, envelope, newId } from './scenario';

test('a scenario has its own exchange, or a corner of amq.topic', () => {
  expect(destination('exchanges', 'chat', 'room.lobby')).toBe('/exchange/chat/room.lobby');
  expect(destination('topics', 'chat', 'room.lobby')).toBe('/topic/chat.room.lobby');
  expect(address('topics', 'presence', 'user.*')).toEqual({
    exchange: 'amq.topic',
    key: 'presence.user.*',
  });
});

test('every body has a type, an id of its own and a time', () => {
  const body = envelope('info', { title: 'Hello' });
  expect(Object.keys(body)).toEqual(['type', 'id', 'time', 'title']);
  expect(body.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(body.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(newId()).not.toBe(newId());
});

test('the overview of a fresh broker and of a busy one', () => {
  const fresh = { rabbitmq_version: '3.10.8', object_totals: { connections: 2 } };
  expect(readOverview(fresh)).toEqual({
    product: 'RabbitMQ',
    version: '3.10.8',
    connections: 2,
    published: 0,
    delivered: 0,
  });
  const busy = {
    product_name: 'Hopwire',
    product_version: '0.1.0',
    rabbitmq_version: '4.2.0',
    object_totals: { connections: 7 },
    message_stats: { publish_details: { rate: 12.4 }, deliver_get_details: { rate: 99 } },
  };
  expect(readOverview(busy)).toMatchObject({ product: 'Hopwire', published: 12.4, delivered: 99 });
  for (const nonsense of [null, 'x', {}, []]) expect(readOverview(nonsense)).toBeUndefined();
});

test('a login may have any letters', () => {
  expect(basic({ login: 'guest', passcode: 'guest' })).toBe('Basic Z3Vlc3Q6Z3Vlc3Q=');
  expect(basic({ login: 'zoë', passcode: 'π' })).toBe('Basic em/DqzrPgA==');
});
