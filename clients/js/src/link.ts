//! One connection, from socket to close: stompjs, told not to reconnect. The client makes one per
//! attempt, so nothing of a lost connection can reach the next.

import { Client, TickerStrategy, Versions } from '@stomp/stompjs';

import { HopwireError } from './error.js';
import { tap } from './tap.js';

import type { Headers, Settings } from './options.js';
import type { IFrame, IMessage } from '@stomp/stompjs';

/** Who hears what happens on a link. */
export interface LinkListener {
  connected(): void;
  message(message: IMessage): void;
  receipt(id: string): void;
  /** An ERROR frame; `headers` and `body` are the broker's. */
  error(headers: Headers, body: string): void;
  /** No CONNECTED in time; `closed` follows. */
  timedOut(): void;
  /** The last call, exactly once. `code` is the WebSocket close code. */
  closed(code: number, reason: string): void;
}

/** A connection attempt, and the connection if it succeeds. */
export class Link {
  /** Close code for "no code", as when the network went away (RFC 6455, 7.1.5). */
  static readonly CODE_LOST = 1006;

  readonly #stomp: Client;
  readonly #socket: WebSocket;
  readonly #listener: LinkListener;
  readonly #timer: ReturnType<typeof setTimeout>;
  #isClosed = false;

  /** Opens a socket and logs in. Throws only if no socket could be made. */
  constructor(settings: Settings, listener: LinkListener) {
    this.#listener = listener;
    const socket = openSocket(settings);
    this.#socket = socket;
    this.#stomp = new Client({
      webSocketFactory: () => socket,
      connectHeaders: settings.connectHeaders,
      reconnectDelay: 0,
      heartbeatIncoming: settings.heartbeat.incoming,
      heartbeatOutgoing: settings.heartbeat.outgoing,
      heartbeatStrategy: settings.heartbeat.worker
        ? TickerStrategy.Worker
        : TickerStrategy.Interval,
      // A dead network answers no close handshake: do not wait for it.
      discardWebsocketOnCommFailure: true,
      onConnect: () => {
        clearTimeout(this.#timer);
        this.#unlessClosed(() => listener.connected());
      },
      onUnhandledMessage: (message) => this.#unlessClosed(() => listener.message(message)),
      onUnhandledReceipt: (frame) =>
        this.#unlessClosed(() => listener.receipt(frame.headers['receipt-id'] ?? '')),
      onStompError: (frame: IFrame) =>
        this.#unlessClosed(() => listener.error({ ...frame.headers }, frame.body)),
      onWebSocketClose: (event: CloseEvent) => this.#close(event.code, event.reason),
    });
    this.#timer = setTimeout(() => {
      listener.timedOut();
      this.discard(Link.CODE_LOST, 'timeout');
    }, settings.connectTimeoutMs);
    this.#stomp.activate();
  }

  /** Whether frames can be written. */
  get isConnected(): boolean {
    return !this.#isClosed && this.#stomp.connected;
  }

  /** Writes a SEND frame. */
  send(destination: string, headers: Headers, content: string | Uint8Array): void {
    if (typeof content === 'string') this.#stomp.publish({ destination, headers, body: content });
    else this.#stomp.publish({ destination, headers, binaryBody: content });
  }

  /** Writes a SUBSCRIBE frame; `headers.id` names the subscription. */
  subscribe(destination: string, headers: Headers): void {
    const deliver = (message: IMessage): void => {
      this.#unlessClosed(() => this.#listener.message(message));
    };
    this.#stomp.subscribe(destination, deliver, headers);
  }

  /** Writes an UNSUBSCRIBE frame. */
  unsubscribe(id: string, headers: Headers): void {
    this.#stomp.unsubscribe(id, headers);
  }

  /** Drops the connection without a goodbye. The listener hears `closed` before this returns. */
  discard(code: number, reason: string): void {
    this.#close(code, reason);
    void this.#stomp.deactivate({ force: true });
    // Before its first turn of the event loop stompjs does not know its socket yet.
    if (this.#socket.readyState < WEBSOCKET_CLOSING) this.#socket.close();
  }

  /** DISCONNECT with a receipt, then close; resolved when the socket is closed. */
  goodbye(): Promise<void> {
    return this.#stomp.deactivate();
  }

  #close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#listener.closed(code, reason);
  }

  #unlessClosed(call: () => void): void {
    if (!this.#isClosed) call();
  }
}

const WEBSOCKET_CLOSING = 2;

function openSocket(settings: Settings): WebSocket {
  const protocols = Versions.default.protocolVersions();
  const socket = makeSocket(settings, protocols);
  socket.binaryType = 'arraybuffer';
  // npm's ws raises unheard errors as exceptions; the close event that follows says it all.
  socket.addEventListener('error', () => {});
  if (settings.onFrame) tap(socket, settings.onFrame);
  return socket;
}

function makeSocket({ url, webSocketFactory }: Settings, protocols: string[]): WebSocket {
  if (webSocketFactory) return webSocketFactory(url, protocols);
  if (typeof WebSocket === 'undefined') {
    throw new HopwireError(
      'closed',
      'there is no global WebSocket here; pass webSocketFactory',
      '(url, protocols) => new WebSocket(url, protocols), with WebSocket from npm ws',
    );
  }
  return new WebSocket(url, protocols);
}
