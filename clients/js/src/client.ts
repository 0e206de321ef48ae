//! The client: one broker, many connections one after another.

import { backoffMs } from './backoff.js';
import { encodeBody } from './body.js';
import { exchangeDestination, queueDestination } from './destination.js';
import { HopwireError } from './error.js';
import { Emitter } from './events.js';
import { Link } from './link.js';
import { settingsOf } from './options.js';
import { Outbox } from './outbox.js';
import { certaintyOf, closeRefuses, isAboutOneDelivery } from './refusal.js';
import { sendRequest } from './send.js';
import { deferred, LiveSubscription } from './subscription.js';

import type { EncodedBody } from './body.js';
import type { LinkListener } from './link.js';
import type { Body, ClientEvents, Handler, Subscription } from './message.js';
import type {
  ClientState,
  DisconnectOptions,
  Headers,
  HopwireOptions,
  SendOptions,
  Settings,
  SubscribeOptions,
} from './options.js';
import type { IMessage } from '@stomp/stompjs';

/**
 * A STOMP client over WebSocket that keeps its promises over lost connections.
 *
 * `subscribe` and the `send` functions may be called at any time, also before `connect` and while
 * the connection is down; what they ask for happens, in order, once there is a connection.
 */
export class HopwireClient {
  readonly #settings: Settings;
  readonly #events = new Emitter<ClientEvents>();
  readonly #outbox = new Outbox();
  readonly #subscriptions = new Map<string, LiveSubscription>();
  /** Tells this client's receipts and messages from every other client's. */
  readonly #name = randomName();
  #counter = 0;
  #state: ClientState = 'closed';
  #link: Link | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #retries = 0;
  #wasConnected = false;
  #started: ReturnType<typeof deferred> | undefined;
  /** Why nothing can be sent any more; nothing before the first `connect`. */
  #ended: HopwireError | undefined;
  #leaving: Promise<void> | undefined;
  /** What the last `pending` event said. */
  #pendingCount = 0;
  #onDrained: (() => void) | undefined;

  constructor(options: HopwireOptions) {
    this.#settings = settingsOf(options);
  }

  /** What the client is doing. */
  get state(): ClientState {
    return this.#state;
  }

  /** Messages that wait for their receipts, sent or not. */
  get pending(): number {
    return this.#outbox.pending;
  }

  /** Adds a listener. The returned function removes it. */
  on<Name extends keyof ClientEvents>(event: Name, listener: ClientEvents[Name]): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * Connects, and stays connected until `disconnect`. Resolved by the first CONNECTED; retries
   * until then.
   *
   * Rejects with `refused` if the broker refuses the first login, with `closed` when the retries
   * are used up or `disconnect` comes first.
   */
  connect(): Promise<void> {
    if (this.#started) return this.#started.promise;
    this.#started = deferred();
    this.#ended = undefined;
    this.#retries = 0;
    this.#wasConnected = false;
    this.#attempt();
    return this.#started.promise;
  }

  /**
   * Takes the messages of a destination, over all reconnects, one after another.
   *
   * `headers.id` names the subscription; a durable one needs a name of its own.
   */
  subscribe<T = any>(
    destination: string,
    handler: Handler<T>,
    options: SubscribeOptions = {},
  ): Subscription {
    const id = options.headers?.id ?? `sub-${this.#nextNumber()}`;
    if (this.#subscriptions.has(id)) {
      throw new HopwireError('refused', `a subscription named ${id} already exists`);
    }
    const { ack = 'auto', headers = {} } = options;
    const receipt = this.#nextReceipt();
    const spec = { id, receipt, destination, ack, headers };
    const owner = {
      inflatedBytesMax: this.#settings.inflatedBytesMax,
      report: (error: HopwireError) => this.#events.emit('error', error),
      unsubscribe: (ended: LiveSubscription, more: Headers) => this.#unsubscribe(ended, more),
    };
    const subscription = new LiveSubscription(spec, handler, owner, (error) => {
      if (error) this.#endSubscription(subscription, error);
    });
    if (this.#ended) {
      subscription.request.settle(this.#ended);
      return subscription;
    }
    this.#subscriptions.set(id, subscription);
    this.#outbox.push(subscription.request);
    this.#flush();
    return subscription;
  }

  /**
   * Sends a message. Resolved by the broker's receipt, which for a persistent message to a durable
   * queue means that it is on disk.
   *
   * Until then it is sent again after every reconnect, with the same `amqp-message-id`, so a reader
   * may see it twice, but never after the receipt. Rejects with `refused`, `pending-full`,
   * `closed`, `body`, or `timeout` if the deadline of `disconnect` came first.
   */
  send(destination: string, body: Body, options: SendOptions = {}): Promise<void> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (this.#leaving) return Promise.reject(disconnected());
    if (this.#outbox.pending >= this.#settings.pendingMax) {
      const text = `${this.#settings.pendingMax} messages wait for their receipts`;
      return Promise.reject(new HopwireError('pending-full', text));
    }
    let encoded: EncodedBody;
    try {
      encoded = encodeBody(body);
    } catch (error) {
      return Promise.reject(error);
    }
    const { promise, settle } = deferred();
    const { compressAbove } = this.#settings;
    const receipt = this.#nextReceipt();
    const spec = { destination, receipt, body: encoded, options, compressAbove };
    this.#outbox.push(sendRequest(spec, settle, () => this.#flush()));
    this.#pendingChanged();
    this.#flush();
    return promise;
  }

  /** Sends to `/queue/<name>`. */
  sendToQueue(name: string, body: Body, options: SendOptions = {}): Promise<void> {
    return this.send(queueDestination(name), body, options);
  }

  /** Sends to `/exchange/<exchange>/<key>`. */
  sendToExchange(
    exchange: string,
    key: string,
    body: Body,
    options: SendOptions = {},
  ): Promise<void> {
    return this.send(exchangeDestination(exchange, key), body, options);
  }

  /**
   * Waits for the receipts of what was sent, says goodbye and closes. Ends all subscriptions.
   * What has no receipt at the deadline is rejected with `timeout`.
   */
  disconnect({ deadlineMs = 5000 }: DisconnectOptions = {}): Promise<void> {
    if (!this.#started) return Promise.resolve();
    this.#leaving ??= this.#leave(deadlineMs);
    return this.#leaving;
  }

  async #leave(deadlineMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    if (this.#outbox.pending > 0) {
      const drained = new Promise<void>((resolve) => (this.#onDrained = resolve));
      await Promise.race([drained, deadline]);
    }
    const link = this.#link;
    if (link?.isConnected) await Promise.race([link.goodbye(), deadline]);
    clearTimeout(timer);
    const late = new HopwireError('timeout', `no receipt within ${deadlineMs} ms of disconnect`);
    this.#end(disconnected(), late);
  }

  #attempt(): void {
    this.#setState('connecting');
    try {
      this.#link = new Link(this.#settings, this.#listener());
    } catch (error) {
      // No socket could be made: a bad URL, or no WebSocket here. Trying again would not help.
      this.#end(
        error instanceof HopwireError
          ? error
          : new HopwireError('closed', 'no socket', String(error), error),
      );
    }
  }

  #listener(): LinkListener {
    let connectedAtMs: number | undefined;
    return {
      connected: () => {
        connectedAtMs = performance.now();
        this.#connected();
      },
      message: (message) => this.#deliver(message),
      receipt: (id) => {
        if (this.#outbox.confirm(id) === 'send') this.#retries = 0;
        this.#pendingChanged();
        this.#flush();
      },
      error: (headers, body) =>
        connectedAtMs === undefined
          ? this.#refusedLogin(headers, body)
          : this.#failed(headers, body),
      timedOut: () => {
        const text = `no CONNECTED within ${this.#settings.connectTimeoutMs} ms`;
        this.#events.emit('error', new HopwireError('timeout', text));
      },
      closed: (code, reason) => this.#closed(connectedAtMs, code, reason),
    };
  }

  #connected(): void {
    this.#wasConnected = true;
    this.#outbox.resubscribe([...this.#subscriptions.values()].map(({ request }) => request));
    this.#setState('connected');
    this.#started?.settle();
    this.#flush();
  }

  #deliver(message: IMessage): void {
    const subscription = this.#subscriptions.get(message.headers.subscription ?? '');
    if (this.#link) subscription?.deliver(this.#link, message);
  }

  #refusedLogin(headers: Headers, body: string): void {
    const error = new HopwireError('refused', headers.message ?? 'refused', body);
    this.#events.emit('error', error);
    // A broker that took this login before may be starting up: only a first refusal is final.
    if (this.#wasConnected) this.#link?.discard(Link.CODE_LOST, error.message);
    else this.#end(error);
  }

  /** An ERROR frame on a connection that was logged in. */
  #failed(headers: Headers, body: string): void {
    const message = headers.message ?? 'error';
    const error = new HopwireError('refused', message, body);
    const cancelled = this.#subscriptions.get(headers.subscription ?? '');
    if (cancelled) {
      this.#endSubscription(cancelled, error);
      return;
    }
    if (isAboutOneDelivery(message)) {
      this.#events.emit('error', error);
      return;
    }
    this.#blame(error, headers['receipt-id']);
    this.#link?.discard(Link.CODE_LOST, error.message);
  }

  #blame(error: HopwireError, receipt?: string): void {
    const certainty = certaintyOf(error);
    const isFound = certainty !== undefined && this.#outbox.blame(error, certainty, receipt);
    if (isFound) {
      this.#retries = 0;
      this.#pendingChanged();
    } else this.#events.emit('error', error);
  }

  #closed(connectedAtMs: number | undefined, code: number, reason: string): void {
    this.#link = undefined;
    if (this.#state === 'closed') return;
    // The goodbye's own close.
    if (this.#leaving && this.#outbox.pending === 0) return;
    if (connectedAtMs !== undefined && closeRefuses(code, reason)) {
      this.#blame(new HopwireError('refused', `the broker closed with ${code}`, reason));
    }
    this.#outbox.lost();
    const { attemptsMax } = this.#settings.reconnect;
    const nominalMs = backoffMs(this.#retries, this.#settings.reconnect, 0);
    // A connection that ends sooner than it took to wait for it is one more failure.
    if (connectedAtMs !== undefined && performance.now() - connectedAtMs >= nominalMs) {
      this.#retries = 0;
    }
    if (this.#retries >= attemptsMax) {
      const text = `gave up after ${this.#retries} retries`;
      this.#end(new HopwireError('closed', text, `the socket closed with ${code} ${reason}`));
      return;
    }
    const waitMs = backoffMs(this.#retries, this.#settings.reconnect, Math.random());
    this.#retries += 1;
    this.#setState('waiting');
    this.#retryTimer = setTimeout(() => this.#attempt(), waitMs);
  }

  /** Closes for good. `unsettled` is what waiting promises hear. */
  #end(why: HopwireError, unsettled: HopwireError = why): void {
    const started = this.#started;
    this.#ended = why;
    this.#leaving = undefined;
    this.#started = undefined;
    clearTimeout(this.#retryTimer);
    // First the state, so that the closing socket starts no retry.
    const wasClosed = this.#state === 'closed';
    this.#state = 'closed';
    this.#link?.discard(Link.CODE_LOST, why.message);
    for (const subscription of this.#subscriptions.values()) subscription.end();
    this.#subscriptions.clear();
    this.#outbox.failAll(unsettled);
    this.#pendingChanged();
    started?.promise.catch(() => {});
    started?.settle(why);
    if (!wasClosed) this.#events.emit('state', 'closed');
  }

  #unsubscribe(subscription: LiveSubscription, more: Headers): Promise<void> {
    subscription.end();
    this.#subscriptions.delete(subscription.id);
    const withdrawn = new HopwireError('closed', 'unsubscribed before it was subscribed');
    if (!this.#link?.isConnected || this.#outbox.isUnsent(subscription.request)) {
      this.#outbox.fail(subscription.request, withdrawn);
      return Promise.resolve();
    }
    const { promise, settle } = deferred();
    const receipt = this.#nextReceipt();
    const headers = { ...more, receipt };
    this.#outbox.push({
      receipt,
      kind: 'unsubscribe',
      isReady: true,
      transmit: (link) => link.unsubscribe(subscription.id, headers),
      settle,
    });
    this.#flush();
    return promise;
  }

  /** The broker ended it, or never began it. */
  #endSubscription(subscription: LiveSubscription, error: HopwireError): void {
    subscription.end();
    if (this.#subscriptions.delete(subscription.id)) this.#events.emit('error', error);
  }

  #flush(): void {
    for (;;) {
      const link = this.#link;
      if (!link?.isConnected) return;
      const request = this.#outbox.next();
      if (!request) return;
      request.transmit(link);
    }
  }

  #pendingChanged(): void {
    const count = this.#outbox.pending;
    if (count === this.#pendingCount) return;
    this.#pendingCount = count;
    this.#events.emit('pending', count);
    if (count === 0) this.#onDrained?.();
  }

  #setState(state: ClientState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.emit('state', state);
  }

  #nextReceipt(): string {
    return `${this.#name}-${this.#nextNumber()}`;
  }

  #nextNumber(): number {
    this.#counter += 1;
    return this.#counter;
  }
}

function disconnected(): HopwireError {
  return new HopwireError('closed', 'the client was disconnected');
}

function randomName(): string {
  // Not `randomUUID`, which browsers only offer to pages served over TLS or from localhost.
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
