//! Every refusal that RabbitMQ words has its plain words here.

import { expect, test } from 'vitest';

import { explainClosing, explainError } from './trouble';

import type { Closing } from './trouble';

const said: readonly [message: string, body: string, title: RegExp, remedy: string][] = [
  ['Bad CONNECT', "Access refused for user 'guest'\n", /did not let “guest” in/, 'settings'],
  ['Bad CONNECT', "Virtual host 'shop' access denied", /no virtual host “shop”/, 'settings'],
  [
    'not_found',
    "NOT_FOUND - no exchange 'chat' in vhost '/'",
    /exchange “chat” does not exist/,
    'declare',
  ],
  ['not_found', "NOT_FOUND - no queue 'q' in vhost '/'", /queue “q” does not exist/, 'none'],
  [
    'access_refused',
    "ACCESS_REFUSED - write access to exchange 'chat' in vhost '/' refused for user 'ada'",
    /may not write exchange 'chat'/,
    'settings',
  ],
  ['access_refused', 'no rule lets you', /may not do that/, 'settings'],
  ['Unknown destination', "'/foo' is not a valid destination", /kind of destination/, 'none'],
  ['connection_forced', 'CONNECTION_FORCED - bye', /operator/, 'none'],
  ['strange', 'never seen', /refused something/, 'none'],
];

test.each(said)('%s %s', (message, body, title, remedy) => {
  const trouble = explainError(message, body);
  expect(trouble.title).toMatch(title);
  expect(trouble.remedy).toBe(remedy);
  expect(trouble.detail).toBe(`${message}: ${body.trim()}`);
});

const lost: Closing = {
  code: 1006,
  reason: '',
  url: 'ws://localhost:15674/ws',
  wasConnected: true,
  isSecurePage: false,
};

test('an address where nobody answers is named', () => {
  const trouble = explainClosing({ ...lost, wasConnected: false });
  expect(trouble.title).toContain('ws://localhost:15674/ws');
  expect(trouble.remedy).toBe('settings');
});

test('mixed content, a restart and a bad frame have their own words', () => {
  expect(explainClosing({ ...lost, isSecurePage: true }).advice).toContain('wss://');
  expect(explainClosing({ ...lost, code: 1012 }).title).toContain('restarting');
  expect(explainClosing({ ...lost, code: 1009 }).title).toContain('frame');
  expect(explainClosing(lost).title).toContain('lost');
});
