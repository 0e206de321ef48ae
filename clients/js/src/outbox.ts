//! What waits for the broker's receipt: order, replay, and finding the frame that was refused.
//! No sockets, no clock.

import { HopwireError } from './error.js';

import type { Link } from './link.js';

/** One frame that asks for a receipt. */
export interface Request {
  readonly receipt: string;
  readonly kind: 'send' | 'subscribe' | 'unsubscribe';
  /** False while the body is still being compressed; later requests wait for it. */
  isReady: boolean;
  /** Writes the frame. */
  transmit(link: Link): void;
  /** Called with the receipt or the reason why there will be none; once per `push`. */
  settle(error?: HopwireError): void;
}

/** How sure it is that an ERROR frame is about a request, not about the connection. */
export type Certainty = 'definite' | 'vague';

interface Entry {
  readonly request: Request;
  /** Was under way when an error came that named no frame. */
  isSuspect: boolean;
  /** Errors that came while it was the only one under way. */
  strikes: number;
}

/**
 * Requests in the order they were made.
 *
 * RabbitMQ's ERROR frames do not name the frame that they refuse, and mostly end the connection. So
 * after an error with several requests under way these become suspects, and after reconnecting
 * requests go out one at a time until no suspect is left: whoever is alone when the error comes
 * back is the one. Without this a refused message would be replayed for ever.
 */
export class Outbox {
  /** Vague errors in a row that a request alone under way survives. */
  static readonly STRIKES_MAX = 3;

  #unsent: Entry[] = [];
  #unsentHead = 0;
  #inFlight = new Map<string, Entry>();
  #suspects = 0;
  #sends = 0;

  /** Messages (not subscriptions) that wait for their receipts, sent or not. */
  get pending(): number {
    return this.#sends;
  }

  /** Appends a request. */
  push(request: Request): void {
    if (request.kind === 'send') this.#sends += 1;
    this.#unsent.push({ request, isSuspect: false, strikes: 0 });
  }

  /** The next request to write, which is under way from then on; none if nothing may go out. */
  next(): Request | undefined {
    const entry = this.#unsent[this.#unsentHead];
    if (!entry?.request.isReady) return undefined;
    if (this.#suspects > 0 && this.#inFlight.size > 0) return undefined;
    this.#unsentHead += 1;
    // Compact in batches, so that taking from the front is cheap.
    if (this.#unsentHead > 1024 && this.#unsentHead * 2 > this.#unsent.length) {
      this.#unsent = this.#unsent.slice(this.#unsentHead);
      this.#unsentHead = 0;
    }
    this.#inFlight.set(entry.request.receipt, entry);
    return entry.request;
  }

  /** The broker's receipt came. Says what for; nothing if it is unknown. */
  confirm(receipt: string): Request['kind'] | undefined {
    const entry = this.#inFlight.get(receipt);
    if (entry) this.#settle(entry);
    return entry?.request.kind;
  }

  /**
   * An error came, naming a receipt or not. Returns whether a request was found guilty; then it has
   * been settled with `error`.
   */
  blame(error: HopwireError, certainty: Certainty, receipt?: string): boolean {
    const named = receipt === undefined ? undefined : this.#inFlight.get(receipt);
    if (named) return this.#settle(named, error);
    const [first, second] = this.#inFlight.values();
    if (first && !second) {
      first.strikes += 1;
      if (certainty === 'definite' || first.strikes >= Outbox.STRIKES_MAX) {
        return this.#settle(first, error);
      }
    }
    for (const entry of this.#inFlight.values()) {
      if (!entry.isSuspect) this.#suspects += 1;
      entry.isSuspect = true;
    }
    return false;
  }

  /**
   * The connection is gone: what was under way goes back in front of what was not sent, in its
   * order. An UNSUBSCRIBE has nothing left to end and is settled.
   */
  lost(): void {
    const returned: Entry[] = [];
    const done: Entry[] = [];
    for (const entry of [...this.#inFlight.values(), ...this.#unsent.slice(this.#unsentHead)]) {
      (entry.request.kind === 'unsubscribe' ? done : returned).push(entry);
    }
    for (const entry of done) this.#settle(entry);
    this.#inFlight.clear();
    this.#unsent = returned;
    this.#unsentHead = 0;
  }

  /** Puts these subscriptions, and no others, in front, before a new connection's first frame. */
  resubscribe(requests: Request[]): void {
    const known = new Map<Request, Entry>();
    const sends: Entry[] = [];
    for (const entry of this.#unsent.slice(this.#unsentHead)) {
      if (entry.request.kind === 'send') sends.push(entry);
      else known.set(entry.request, entry);
    }
    const subscriptions = requests.map(
      (request) => known.get(request) ?? { request, isSuspect: false, strikes: 0 },
    );
    this.#unsent = [...subscriptions, ...sends];
    this.#unsentHead = 0;
    this.#suspects = this.#unsent.filter((entry) => entry.isSuspect).length;
    const withdrawn = new HopwireError('closed', 'unsubscribed before it was subscribed');
    for (const request of known.keys()) {
      if (!requests.includes(request)) request.settle(withdrawn);
    }
  }

  /** Whether this request has not been written on this connection. */
  isUnsent(request: Request): boolean {
    return this.#unsent.some((entry, at) => at >= this.#unsentHead && entry.request === request);
  }

  /** Takes one request out, wherever it is, and settles it. */
  fail(request: Request, error: HopwireError): void {
    const unsent = this.#unsent.findIndex(
      (entry, index) => index >= this.#unsentHead && entry.request === request,
    );
    const [waiting] = unsent < 0 ? [] : this.#unsent.splice(unsent, 1);
    const entry = waiting ?? this.#inFlight.get(request.receipt);
    if (entry) this.#settle(entry, error);
  }

  /** Ends everything that waits. */
  failAll(error: HopwireError): void {
    const entries = [...this.#inFlight.values(), ...this.#unsent.slice(this.#unsentHead)];
    this.#unsent = [];
    this.#unsentHead = 0;
    for (const entry of entries) {
      this.#settle(entry, entry.request.kind === 'unsubscribe' ? undefined : error);
    }
  }

  #settle(entry: Entry, error?: HopwireError): true {
    this.#inFlight.delete(entry.request.receipt);
    if (entry.isSuspect) this.#suspects -= 1;
    if (entry.request.kind === 'send') this.#sends -= 1;
    entry.request.settle(error);
    return true;
  }
}
