//! One subscription over all its connections: handlers one after another, in arrival order.

import { decodeBody } from './body.js';
import { HopwireError } from './error.js';

import type { Link } from './link.js';
import type { Handler, Message, Subscription } from './message.js';
import type { AckMode, Headers } from './options.js';
import type { Request } from './outbox.js';
import type { IMessage } from '@stomp/stompjs';

/** What a subscription needs of its client. */
export interface SubscriptionOwner {
  readonly inflatedBytesMax: number;
  report(error: HopwireError): void;
  unsubscribe(subscription: LiveSubscription, headers: Headers): Promise<void>;
}

/** What SUBSCRIBE is told. */
export interface SubscriptionSpec {
  readonly id: string;
  readonly receipt: string;
  readonly destination: string;
  readonly ack: AckMode;
  readonly headers: Headers;
}

/** A subscription as the client keeps it. */
export class LiveSubscription implements Subscription {
  readonly id: string;
  readonly destination: string;
  readonly ready: Promise<void>;
  /** The SUBSCRIBE frame, used again on every new connection. */
  readonly request: Request;

  readonly #owner: SubscriptionOwner;
  readonly #handler: Handler;
  readonly #ack: AckMode;
  #tail: Promise<void> = Promise.resolve();
  #isEnded = false;

  constructor(
    spec: SubscriptionSpec,
    handler: Handler,
    owner: SubscriptionOwner,
    onSettled: (error?: HopwireError) => void,
  ) {
    this.id = spec.id;
    this.destination = spec.destination;
    this.#ack = spec.ack;
    this.#handler = handler;
    this.#owner = owner;
    const { promise, settle } = deferred();
    this.ready = promise;
    // Whoever does not look at `ready` hears of it as an `error` event.
    this.ready.catch(() => {});
    const headers = { ...spec.headers, id: spec.id, ack: spec.ack, receipt: spec.receipt };
    this.request = {
      receipt: spec.receipt,
      kind: 'subscribe',
      isReady: true,
      transmit: (link) => link.subscribe(spec.destination, headers),
      settle: (error) => {
        settle(error);
        onSettled(error);
      },
    };
  }

  unsubscribe(headers: Headers = {}): Promise<void> {
    return this.#isEnded ? Promise.resolve() : this.#owner.unsubscribe(this, headers);
  }

  /** No handler starts from here on. */
  end(): void {
    this.#isEnded = true;
  }

  /** Queues a message behind those that came before it. */
  deliver(link: Link, frame: IMessage): void {
    this.#tail = this.#tail.then(() => this.#handle(link, frame));
  }

  async #handle(link: Link, frame: IMessage): Promise<void> {
    const delivery = new Delivery(link, frame, this.#ack);
    if (this.#isEnded || delivery.isStale) return;
    try {
      const max = this.#owner.inflatedBytesMax;
      const { value, bytes } = await decodeBody(frame.binaryBody, delivery.headers, max);
      delivery.bytes = bytes;
      if (this.#isEnded || delivery.isStale) return;
      await this.#handler(value, delivery);
    } catch (error) {
      const isUnreadable = delivery.bytes === UNREAD;
      this.#owner.report(isUnreadable ? asBodyError(error) : asHandlerError(this, error));
      // Delivering an unreadable body again would not make it readable.
      delivery.nack(isUnreadable ? { requeue: false } : {});
    }
  }
}

const UNREAD = new Uint8Array(0);

/** A message and its one settlement. */
class Delivery implements Message {
  readonly headers: Headers;
  bytes: Uint8Array = UNREAD;
  readonly #link: Link;
  readonly #frame: IMessage;
  #isSettled: boolean;

  constructor(link: Link, frame: IMessage, ack: AckMode) {
    this.headers = { ...frame.headers };
    this.#link = link;
    this.#frame = frame;
    this.#isSettled = ack === 'auto';
  }

  get destination(): string {
    return this.headers.destination ?? '';
  }

  get id(): string {
    return this.headers['message-id'] ?? '';
  }

  get redelivered(): boolean {
    return this.headers.redelivered === 'true';
  }

  /** Whether the broker has taken it back, to deliver it again. */
  get isStale(): boolean {
    return !this.#isSettled && !this.#link.isConnected;
  }

  ack(): void {
    this.#settle(() => this.#frame.ack());
  }

  nack({ requeue }: { requeue?: boolean } = {}): void {
    this.#settle(() => this.#frame.nack(requeue === undefined ? {} : { requeue: `${requeue}` }));
  }

  #settle(transmit: () => void): void {
    if (this.#isSettled) return;
    const isStale = this.isStale;
    this.#isSettled = true;
    if (!isStale) transmit();
  }
}

/** A promise and what settles it. */
export function deferred(): { promise: Promise<void>; settle: (error?: HopwireError) => void } {
  let settle: (error?: HopwireError) => void = () => {};
  const promise = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  return { promise, settle };
}

function asBodyError(error: unknown): HopwireError {
  if (error instanceof HopwireError) return error;
  return new HopwireError('body', 'the body cannot be read', String(error), error);
}

function asHandlerError({ destination }: Subscription, error: unknown): HopwireError {
  return new HopwireError('handler', `the handler of ${destination} failed`, String(error), error);
}
