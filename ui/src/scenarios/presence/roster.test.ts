//! Coming, going, and falling silent.

import { expect, test } from 'vitest';

import { expire, hear, PEOPLE_MAX, readRoster, said, SILENCE_MAX_MS, sorted } from './roster';

import type { Roster } from './roster';

const nobody: Roster = new Map();

test('who comes is online since then; activity does not change since when', () => {
  let roster = hear(nobody, { kind: 'online', user: 'ada', name: 'Ada' }, 1000);
  roster = hear(roster, { kind: 'activity', user: 'ada', activity: 'idle' }, 5000);
  expect(roster.get('ada')).toMatchObject({ name: 'Ada', since: 1000, activity: 'idle' });
});

test('who goes is offline since then', () => {
  let roster = hear(nobody, { kind: 'online', user: 'ada' }, 1000);
  roster = hear(roster, { kind: 'offline', user: 'ada' }, 9000);
  expect(roster.get('ada')).toMatchObject({ isOnline: false, since: 9000, activity: '' });
});

test('silence up to the limit is life, beyond it is not', () => {
  const roster = hear(nobody, { kind: 'online', user: 'ada' }, 0);
  expect(expire(roster, SILENCE_MAX_MS)).toBe(roster);
  expect(expire(roster, SILENCE_MAX_MS + 1).get('ada')?.isOnline).toBe(false);
});

test("a back end's list says who is online and who is not", () => {
  let roster = hear(nobody, { kind: 'online', user: 'ada' }, 1000);
  const users = [{ user: 'grace', name: 'Grace', since: '1970-01-01T00:00:02.000Z' }, null, 7];
  roster = readRoster(roster, users, 9000);
  expect(roster.get('ada')?.isOnline).toBe(false);
  expect(roster.get('grace')).toMatchObject({ isOnline: true, since: 2000 });
  expect(readRoster(roster, 'nonsense', 9000)).toBe(roster);
});

test('the online come first, then the alphabet', () => {
  let roster = hear(nobody, { kind: 'offline', user: 'ada' }, 0);
  roster = hear(roster, { kind: 'online', user: 'lin' }, 0);
  roster = hear(roster, { kind: 'online', user: 'grace' }, 0);
  expect(sorted(roster).map(({ user }) => user)).toEqual(['grace', 'lin', 'ada']);
});

test('the list is bounded', () => {
  let roster = nobody;
  for (let n = 0; n <= PEOPLE_MAX; n += 1)
    roster = hear(roster, { kind: 'online', user: `u${n}` }, n);
  expect(roster.size).toBe(PEOPLE_MAX);
  expect(roster.has('u0')).toBe(false);
});

test('what is not about a user is not news', () => {
  expect(said({ type: 'online' })).toBeUndefined();
  expect(said({ type: 'party', user: 'ada' })).toBeUndefined();
  expect(said({ type: 'offline', user: 'ada' })).toEqual({ kind: 'offline', user: 'ada' });
});
