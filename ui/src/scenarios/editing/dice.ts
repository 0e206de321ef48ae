//! Chance that repeats itself, for tests.

/** Gives whole numbers from 0 to below `sides`; the same seed gives the same numbers. */
export type Dice = (sides: number) => number;

/** mulberry32: small, and good enough to find mistakes. */
export function randomFrom(seed: number): Dice {
  let state = seed >>> 0;
  return (sides) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * sides);
  };
}

/** Up to `lengthMax` letters. */
export function randomText(dice: Dice, lengthMax: number): string {
  return Array.from({ length: dice(lengthMax + 1) }, () => 'abcdefgh'[dice(8)]).join('');
}
