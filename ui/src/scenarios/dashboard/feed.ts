//! A made-up shop whose figures follow from how many visitors it has. Pure.

/** The shop's figures at one moment, by metric name. */
export interface Figures {
  readonly visitors: number;
  readonly orders_per_minute: number;
  readonly response_ms: number;
  readonly cpu_percent: number;
}

/** CPU above this raises an alert, in percent. */
export const CPU_THRESHOLD = 80;

export const QUIET: Figures = {
  visitors: 120,
  orders_per_minute: 14,
  response_ms: 38,
  cpu_percent: 22,
};

/**
 * The figures one step later. `load` is the share of its capacity that the shop is asked for,
 * 0 to 1; `chance` is in [0, 1). Figures move towards what the load asks for, with some noise.
 */
export function next(now: Figures, load: number, chance: () => number): Figures {
  const noise = (size: number): number => (chance() - 0.5) * 2 * size;
  const toward = (from: number, to: number, share: number): number => from + (to - from) * share;
  const visitors = Math.max(0, toward(now.visitors, 1200 * load, 0.16) + noise(18));
  const busy = visitors / 1200;
  const cpu = toward(now.cpu_percent, 8 + 90 * busy, 0.3) + noise(2.5);
  // Waiting lines grow steeply as the machine fills up.
  const response = toward(now.response_ms, 24 + 30 / Math.max(1.08 - busy, 0.12), 0.3) + noise(3);
  const orders = toward(now.orders_per_minute, visitors * 0.075, 0.25) + noise(2.2);
  return {
    visitors: Math.round(visitors),
    orders_per_minute: rounded(Math.max(0, orders)),
    response_ms: rounded(Math.max(5, response)),
    cpu_percent: rounded(Math.min(100, Math.max(1, cpu))),
  };
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
