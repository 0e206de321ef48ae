//! Two texts that were edited at once become one.

import { expect, test } from 'vitest';

import { randomFrom, randomText } from './dice';
import { apply, cross, difference, merged, readStep, shifted, unshifted } from './operation';

import type { Step } from './operation';

const insert = (position: number, text: string): Step => ({ kind: 'insert', position, text });
const remove = (position: number, length: number): Step => ({ kind: 'delete', position, length });

/** Applies both orders and returns the common text. */
function meet(text: string, mine: Step[], first: Step[]): string {
  const [mineAfter, firstAfter] = cross(mine, first);
  const left = apply(apply(text, first), mineAfter);
  expect(apply(apply(text, mine), firstAfter)).toBe(left);
  return left;
}

test('of two insertions at one place the earlier one is left', () => {
  expect(meet('ab', [insert(1, 'X')], [insert(1, 'Y')])).toBe('aYXb');
});

test('text written inside a deletion stays', () => {
  expect(meet('abcdef', [remove(1, 4)], [insert(3, 'X')])).toBe('aXf');
  expect(meet('abcdef', [insert(3, 'X')], [remove(1, 4)])).toBe('aXf');
});

test('what both delete is deleted once', () => {
  expect(meet('abcdef', [remove(1, 3)], [remove(2, 3)])).toBe('af');
  expect(meet('abcdef', [remove(2, 1)], [remove(1, 4)])).toBe('af');
});

test('any two runs of steps meet in one text', () => {
  const dice = randomFrom(7);
  for (let round = 0; round < 3000; round += 1) {
    const text = randomText(dice, 12);
    const run = (): Step[] => {
      let now = text;
      return Array.from({ length: dice(4) }, () => {
        const position = dice(now.length + 1);
        const step = dice(2)
          ? insert(position, randomText(dice, 3))
          : remove(position, dice(now.length - position + 1));
        now = apply(now, [step]);
        return step;
      });
    };
    meet(text, run(), run());
  }
});

test('a difference turns one text into the other and splits no character', () => {
  const dice = randomFrom(11);
  const alphabet = ['a', 'b', '😀', '😁', '𝒳'];
  const word = (): string =>
    Array.from({ length: dice(8) }, () => alphabet[dice(alphabet.length)]).join('');
  for (let round = 0; round < 2000; round += 1) {
    const before = word();
    const after = word();
    const steps = difference(before, after);
    expect(apply(before, steps)).toBe(after);
    for (const step of steps) {
      if (step.kind === 'insert') expect(() => encodeURIComponent(step.text)).not.toThrow();
    }
  }
});

test('a caret follows its character', () => {
  expect(shifted(3, [insert(1, 'xy')])).toBe(5);
  expect(shifted(3, [insert(4, 'xy')])).toBe(3);
  expect(shifted(3, [remove(0, 2)])).toBe(1);
  expect(shifted(3, [remove(2, 5)])).toBe(2);
});

test('a caret is told as it stands in the text that everybody has', () => {
  expect(unshifted(8, [insert(3, 'xy')])).toBe(6);
  expect(unshifted(4, [insert(3, 'xy')])).toBe(3);
  expect(unshifted(5, [remove(2, 2)])).toBe(7);
  expect(unshifted(2, [remove(2, 2)])).toBe(2);
  expect(unshifted(5, [insert(3, 'x'), insert(4, 'y')])).toBe(3);
});

test('typing and backspacing become one step each', () => {
  expect(merged(insert(2, 'ab'), insert(4, 'c'))).toEqual(insert(2, 'abc'));
  expect(merged(insert(2, 'ab'), insert(2, 'c'))).toBeUndefined();
  expect(merged(remove(4, 1), remove(3, 1))).toEqual(remove(3, 2));
  expect(merged(remove(4, 1), remove(4, 1))).toEqual(remove(4, 2));
});

test('a step from elsewhere is made to fit or refused', () => {
  expect(readStep({ kind: 'insert', position: 99, text: 'x' }, 5)).toEqual(insert(5, 'x'));
  expect(readStep({ kind: 'delete', position: 3, length: 99 }, 5)).toEqual(remove(3, 2));
  for (const bad of [
    null,
    'insert',
    { kind: 'insert', position: -1, text: 'x' },
    { kind: 'insert', position: 0 },
    { kind: 'delete', position: 0.5, length: 1 },
    { kind: 'replace', position: 0, text: 'x' },
  ]) {
    expect(readStep(bad, 5)).toBeUndefined();
  }
});
