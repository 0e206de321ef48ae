//! What a subscriber is given.

import type { HopwireError } from './error.js';
import type { ClientState, Headers } from './options.js';

/** What can be sent: text, bytes, or anything that `JSON.stringify` takes. */
export type Body = string | Uint8Array | object | number | boolean | null;

/** A received message. */
export interface Message {
  /** The headers of the MESSAGE frame. */
  readonly headers: Headers;
  /** The destination that the broker names, such as `/topic/prices`. */
  readonly destination: string;
  /** The broker's id for this delivery. */
  readonly id: string;
  /** Whether it was delivered before and not acknowledged. */
  readonly redelivered: boolean;
  /** The body's bytes, as they were before compression. */
  readonly bytes: Uint8Array;
  /**
   * Says that the message is done with. Once: a second call, a call on an `auto` subscription, and
   * one after the connection was lost (the broker delivers it again) do nothing.
   */
  ack(): void;
  /** Gives the message back, or away: `requeue: false` dead-letters it. Once, as `ack`. */
  nack(options?: { requeue?: boolean }): void;
}

/**
 * Takes one message. The next message of the same subscription waits until the returned promise
 * is settled. A rejection is reported as an `error` event and, unless the subscription is `auto`
 * or the message is settled, nacks the message.
 */
export type Handler<T = any> = (body: T, message: Message) => void | Promise<void>;

/** A subscription, kept over reconnects. */
export interface Subscription {
  readonly id: string;
  readonly destination: string;
  /** Resolved by the broker's first RECEIPT; rejected when it refused. */
  readonly ready: Promise<void>;
  /** Ends it. No handler starts after this call. `headers` go into the UNSUBSCRIBE frame. */
  unsubscribe(headers?: Headers): Promise<void>;
}

/** The events of a client and what their listeners are given. */
export interface ClientEvents {
  /** The state changed. */
  state: (state: ClientState) => void;
  /** Something failed that no promise reports, or a connection attempt did. */
  error: (error: HopwireError) => void;
  /** The number of messages without a receipt changed. */
  pending: (count: number) => void;
}
