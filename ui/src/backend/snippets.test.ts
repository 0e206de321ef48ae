//! What is copied must run: quoting, addresses, nothing secret.

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

import { EXCHANGES } from '../broker/scenario';
import { highlight } from './highlight';
import { LANGUAGES, sampleOf, snippet } from './snippets';

import type { Target } from './snippets';

const target: Target = {
  host: 'localhost',
  origin: 'http://localhost:15672',
  vhost: '/',
  login: 'guest',
};

test('curl sends JSON that is whole after the shell has read it', () => {
  const sample = {
    exchange: 'chat',
    key: 'room.lobby',
    body: { type: 'group', text: `it's "quoted" $HOME \`x\`` },
  };
  const code = snippet('curl', sample, target).replaceAll(/^curl /gm, 'printf "%s\\0" ');
  const words = execFileSync('sh', ['-c', code], { encoding: 'utf8' }).split('\0');
  expect(words).toContain('http://localhost:15672/api/exchanges/%2F/chat/publish');
  const message = JSON.parse(words.find((word) => word.includes('payload')) ?? '');
  expect(JSON.parse(message.payload)).toEqual(sample.body);
  expect(message.routing_key).toBe('room.lobby');
});

test('every scenario has a message in every language', () => {
  for (const scenario of EXCHANGES) {
    const sample = sampleOf(scenario, 'exchanges', 'ada');
    for (const language of LANGUAGES) {
      const code = snippet(language, sample, target);
      expect(code).toContain(sample.key);
      expect(code).toContain(sample.body.type);
      expect(code).not.toMatch(/@id|@time|undefined/);
    }
  }
});

test('without exchanges of its own a scenario goes to amq.topic, undeclared', () => {
  const sample = sampleOf('chat', 'topics', 'ada');
  expect(sample).toMatchObject({ exchange: 'amq.topic', key: 'chat.room.lobby' });
  for (const language of LANGUAGES) {
    expect(snippet(language, sample, target)).not.toMatch(/declare|PUT/);
  }
});

test('only the passcode that everybody knows is shown', () => {
  const code = snippet('PHP', sampleOf('chat', 'exchanges', 'ada'), { ...target, login: 'app' });
  expect(code).toContain("'app', '…'");
});

test('highlighting changes no letter', () => {
  for (const language of LANGUAGES) {
    const code = snippet(language, sampleOf('editing', 'exchanges', 'ada'), target);
    expect(
      highlight(code)
        .map(({ text }) => text)
        .join(''),
    ).toBe(code);
  }
  expect(highlight('$a = 7; # note')).toEqual([
    { text: '$a', kind: 'variable' },
    { text: ' = ', kind: '' },
    { text: '7', kind: 'number' },
    { text: '; ', kind: '' },
    { text: '# note', kind: 'comment' },
  ]);
});
