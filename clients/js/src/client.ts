//! The client: one broker, many connections one after another.

import { encodeBody } from './body.js';
import { Connection } from './connection.js';
import { exchangeDestination, queueDestination } from './destination.js';
import { HopwireError } from './error.js';
import { Emitter } from './events.js';
import { settingsOf } from './options.js';
import { Outbox } from './outbox.js';
import { certaintyOf, closeRefuses, isAboutOneDelivery } from './refusal.js';
import { sendRequest } from './send.js';
import { deferred, LiveSubscription } from './subscription.js';

import type { EncodedBody } from './body.js';
import type { ConnectionListener } from './connection.js';
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

/**
 * A STOMP client over WebSocket that keeps its promises over lost connections.
 *
 * `subscribe` and the `send` functions may be called at any time, also before `connect` and while
 * the connection is down; what they ask for happens, in order, once there is a connection.
 */
export class HopwireClient {
  readonly #settings: Settings;
  readonly #connection: Connection;
  readonly #events = new Emitter<ClientEvents>();
  readonly #outbox = new Outbox();
  readonly #subscriptions = new Map<string, LiveSubscription>();
  /** Tells this client's receipts and messages from every other client's. */
  readonly #name = randomName();
  #counter = 0;
  #started: ReturnType<typeof deferred> | undefined;
  /** Why nothing can be sent any more; nothing before the first `connect`. */
  #ended: HopwireError | undefined;
  #leaving: Promise<void> | undefined;
  /** What the last `pending` event said. */
  #pendingCount = 0;
  #onDrained: (() => void) | undefined;

  constructor(options: HopwireOptions) {
    this.#settings = settingsOf(options);
    this.#connection = new Connection(this.#settings, this.#connectionListener());
  }

  /** What the client is doing. */
  get state(): ClientState {
    return this.#connection.state;
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
    const started = deferred();
    // `disconnect` may come before anybody looks.
    started.promise.catch(() => {});
    this.#started = started;
    this.#ended = undefined;
    this.#connection.open();
    return started.promise;
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
    if (this.#started) await Promise.race([this.#connection.leave(), deadline]);
    clearTimeout(timer);
    // The retries were used up while we waited.
    if (!this.#started) return;
    const late = new HopwireError('timeout', `no receipt within ${deadlineMs} ms of disconnect`);
    this.#end(disconnected(), late);
  }

  #connectionListener(): ConnectionListener {
    return {
      state: (state) => {
        this.#events.emit('state', state);
        if (state !== 'connected') return;
        this.#started?.settle();
        this.#flush();
      },
      connected: () => {
        const requests = [...this.#subscriptions.values()].map(({ request }) => request);
        this.#outbox.resubscribe(requests);
      },
      message: (link, message) => {
        this.#subscriptions.get(message.headers.subscription ?? '')?.deliver(link, message);
      },
      receipt: (id) => {
        if (this.#outbox.confirm(id) === 'send') this.#connection.progressed();
        this.#pendingChanged();
        this.#flush();
      },
      failed: (headers, body) => this.#failed(headers, body),
      lost: (code, reason) => {
        const error = new HopwireError('refused', `the broker closed with ${code}`, reason);
        if (closeRefuses(code, reason)) this.#blame(error);
        this.#outbox.lost();
      },
      report: (error) => this.#events.emit('error', error),
      ended: (error) => {
        this.#events.emit('error', error);
        this.#end(error);
      },
    };
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
    this.#connection.restart(error.message);
  }

  #blame(error: HopwireError, receipt?: string): void {
    const certainty = certaintyOf(error);
    const isFound = certainty !== undefined && this.#outbox.blame(error, certainty, receipt);
    if (isFound) {
      this.#connection.progressed();
      this.#pendingChanged();
    } else this.#events.emit('error', error);
  }

  /** Closes for good. `unsettled` is what waiting promises hear. */
  #end(why: HopwireError, unsettled: HopwireError = why): void {
    const started = this.#started;
    this.#started = undefined;
    this.#leaving = undefined;
    this.#ended = why;
    for (const subscription of this.#subscriptions.values()) subscription.end();
    this.#subscriptions.clear();
    this.#connection.close(why.message);
    this.#outbox.failAll(unsettled);
    this.#pendingChanged();
    started?.settle(why);
  }

  #unsubscribe(subscription: LiveSubscription, more: Headers): Promise<void> {
    subscription.end();
    this.#subscriptions.delete(subscription.id);
    const withdrawn = new HopwireError('closed', 'unsubscribed before it was subscribed');
    if (!this.#connection.link || this.#outbox.isUnsent(subscription.request)) {
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
      const { link } = this.#connection;
      if (!link) return;
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
