//! How long to wait before trying again. Pure: the caller brings the randomness.

import type { ReconnectOptions } from './options.js';

/**
 * The wait before retry number `retry` (0 for the first), in whole milliseconds.
 *
 * The nominal wait is `initialMs * factor^retry`, at most `maxMs`. Jitter takes up to its share
 * off, never adds: a thousand browsers that lost one broker come back spread out, and none later
 * than `maxMs`. `random` is in [0, 1).
 */
export function backoffMs(
  retry: number,
  policy: Required<ReconnectOptions>,
  random: number,
): number {
  const nominalMs = Math.min(policy.initialMs * policy.factor ** retry, policy.maxMs);
  return Math.round(nominalMs * (1 - policy.jitter * random));
}
