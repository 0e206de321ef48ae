//! How long the broker takes to answer: from a frame that asks for a receipt to its RECEIPT.

import type { Direction, FrameView } from '@hopwire/client';

/** Frames that may wait for their receipts; older ones are forgotten. */
const WAITING_MAX = 1000;
/** Round trips kept for the median. */
const RECENT_MAX = 20;

export class Latency {
  readonly #sent = new Map<string, number>();
  #recent: number[] = [];

  /** Looks at a frame that passed at `nowMs`. True if it ended a round trip. */
  see(direction: Direction, { command, headers }: FrameView, nowMs: number): boolean {
    if (direction === 'out') {
      if (headers.receipt !== undefined) this.#sent.set(headers.receipt, nowMs);
      const [oldest] = this.#sent.keys();
      if (this.#sent.size > WAITING_MAX && oldest !== undefined) this.#sent.delete(oldest);
      return false;
    }
    const receipt = headers['receipt-id'];
    if (command !== 'RECEIPT' || receipt === undefined) return false;
    const sentMs = this.#sent.get(receipt);
    if (sentMs === undefined) return false;
    this.#sent.delete(receipt);
    this.#recent = [...this.#recent.slice(1 - RECENT_MAX), nowMs - sentMs];
    return true;
  }

  /** The median of the latest round trips in milliseconds, or nothing before the first. */
  get medianMs(): number | undefined {
    const sorted = [...this.#recent].sort((a, b) => a - b);
    return sorted[Math.floor((sorted.length - 1) / 2)];
  }

  /** After a lost connection: what was under way never gets its answer. */
  reset(): void {
    this.#sent.clear();
    this.#recent = [];
  }
}

/** `0.84 ms`, `12 ms`, `1.3 s`. */
export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
