//! Keeps one link after another alive: attempts, waits, and when to give up. Knows no message.

import { backoffMs } from './backoff.js';
import { HopwireError } from './error.js';
import { Link } from './link.js';

import type { LinkListener } from './link.js';
import type { ClientState, Headers, Settings } from './options.js';
import type { IMessage } from '@stomp/stompjs';

/** Who hears what happens on a connection. */
export interface ConnectionListener {
  state(state: ClientState): void;
  /** Logged in; comes before the state `connected`. */
  connected(): void;
  message(link: Link, message: IMessage): void;
  receipt(id: string): void;
  /** An ERROR frame after the login. */
  failed(headers: Headers, body: string): void;
  /** A logged-in link is gone; comes before the state `waiting`. */
  lost(code: number, reason: string): void;
  /** An attempt failed; another follows. */
  report(error: HopwireError): void;
  /** No attempt follows. The last call until the next `open`. */
  ended(error: HopwireError): void;
}

/** A connection that comes back. */
export class Connection {
  readonly #settings: Settings;
  readonly #listener: ConnectionListener;
  #state: ClientState = 'closed';
  #link: Link | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;
  #wasConnected = false;
  #isLeaving = false;

  constructor(settings: Settings, listener: ConnectionListener) {
    this.#settings = settings;
    this.#listener = listener;
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The link, if frames can be written. */
  get link(): Link | undefined {
    return this.#link?.isConnected ? this.#link : undefined;
  }

  /** Begins to connect. */
  open(): void {
    this.#retries = 0;
    this.#wasConnected = false;
    this.#isLeaving = false;
    this.#attempt();
  }

  /** Something got through: the next wait is a short one again. */
  progressed(): void {
    this.#retries = 0;
  }

  /** Drops this link; another attempt follows. */
  restart(reason: string): void {
    this.#link?.discard(Link.CODE_LOST, reason);
  }

  /** Says goodbye on the link, if there is one; none follows it. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    await this.link?.goodbye();
  }

  /** Ends whatever goes on, at once. The listener hears only of the state. */
  close(reason: string): void {
    clearTimeout(this.#retryTimer);
    const link = this.#link;
    this.#link = undefined;
    link?.discard(Link.CODE_LOST, reason);
    this.#setState('closed');
  }

  #attempt(): void {
    this.#setState('connecting');
    try {
      this.#link = new Link(this.#settings, this.#linkListener());
    } catch (error) {
      // A bad URL, or no WebSocket here: trying again would not help.
      const isOurs = error instanceof HopwireError;
      this.#listener.ended(
        isOurs ? error : new HopwireError('closed', 'no socket', String(error), error),
      );
    }
  }

  #linkListener(): LinkListener {
    let connectedAtMs: number | undefined;
    return {
      connected: () => {
        connectedAtMs = performance.now();
        this.#wasConnected = true;
        this.#listener.connected();
        this.#setState('connected');
      },
      message: (message) => {
        if (this.#link) this.#listener.message(this.#link, message);
      },
      receipt: (id) => this.#listener.receipt(id),
      error: (headers, body) => {
        if (connectedAtMs === undefined) this.#refused(headers, body);
        else this.#listener.failed(headers, body);
      },
      timedOut: () => {
        const text = `no CONNECTED within ${this.#settings.connectTimeoutMs} ms`;
        this.#listener.report(new HopwireError('timeout', text));
      },
      closed: (code, reason) => this.#closed(connectedAtMs, code, reason),
    };
  }

  #refused(headers: Headers, body: string): void {
    const error = new HopwireError('refused', headers.message ?? 'refused', body);
    // A broker that took this login before may be starting up: only a first refusal is final.
    if (!this.#wasConnected) {
      this.#listener.ended(error);
      return;
    }
    this.#listener.report(error);
    this.restart(error.message);
  }

  #closed(connectedAtMs: number | undefined, code: number, reason: string): void {
    // `close` took the link away first.
    if (!this.#link) return;
    this.#link = undefined;
    if (connectedAtMs !== undefined) this.#listener.lost(code, reason);
    if (this.#isLeaving) return;
    const { reconnect } = this.#settings;
    const nominalMs = backoffMs(this.#retries, reconnect, 0);
    // A connection that ends sooner than it took to wait for it is one more failure.
    if (connectedAtMs !== undefined && performance.now() - connectedAtMs >= nominalMs) {
      this.#retries = 0;
    }
    if (this.#retries >= reconnect.attemptsMax) {
      const detail = `the socket closed with ${code} ${reason}`;
      const text = `gave up after ${this.#retries} retries`;
      this.#listener.ended(new HopwireError('closed', text, detail));
      return;
    }
    const waitMs = backoffMs(this.#retries, reconnect, Math.random());
    this.#retries += 1;
    this.#retryTimer = setTimeout(() => this.#attempt(), waitMs);
    this.#setState('waiting');
  }

  #setState(state: ClientState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#listener.state(state);
  }
}
