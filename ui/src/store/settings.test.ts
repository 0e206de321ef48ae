//! What is remembered, and what is not.

import { expect, test } from 'vitest';

import { defaults, defaultUrl, isUser, load, save } from './settings';

import type { Keeper } from './settings';

function keeper(): Keeper & { all: Map<string, string> } {
  const all = new Map<string, string>();
  return {
    all,
    getItem: (key) => all.get(key) ?? null,
    setItem: (key, value) => void all.set(key, value),
  };
}

test('the first visit looks for a broker beside the page, as guest', () => {
  expect(defaultUrl('example.org')).toBe('ws://example.org:15674/ws');
  expect(load(keeper(), keeper(), 'localhost')).toEqual(defaults('localhost'));
});

test('settings come back; passcodes only while the tab lives', () => {
  const lasting = keeper();
  const session = keeper();
  const base = defaults('localhost');
  const settings = {
    ...base,
    url: 'wss://broker/ws',
    panes: [{ login: 'app', passcode: 's3cret', user: 'lin' }, base.panes[1]] as const,
  };
  save(settings, lasting, session);
  expect(load(lasting, session, 'localhost')).toEqual(settings);
  expect([...lasting.all.values()].join()).not.toContain('s3cret');
  expect(load(lasting, keeper(), 'localhost').panes[0].passcode).toBe('');
});

test('nonsense in storage is as good as nothing', () => {
  for (const nonsense of ['{', 'null', '[]', '{"panes":7,"url":5,"vhost":""}']) {
    const lasting = keeper();
    lasting.setItem('hopwire.playground', nonsense);
    expect(load(lasting, lasting, 'localhost')).toEqual(defaults('localhost'));
  }
});

test('a user id is one word of a routing key', () => {
  for (const good of ['ada', 'user_7', 'A-1', 'x'.repeat(64)]) expect(isUser(good)).toBe(true);
  for (const bad of ['', 'a.b', 'a b', '*', '#', 'ä', 'x'.repeat(65), 7]) {
    expect(isUser(bad)).toBe(false);
  }
});
