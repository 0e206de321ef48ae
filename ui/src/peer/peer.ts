//! One pane's end of the wire: its client, what passed, how it is doing.

import { HopwireClient } from '@hopwire/client';

import { destination } from '../broker/scenario';
import { FrameLog } from '../frames/frame_log';
import { Latency } from '../frames/latency';
import { Store } from '../store/store';
import { explainClosing, explainError, explainUrl } from './trouble';

import type { ClientState, Direction, FrameView } from '@hopwire/client';
import type { Addressing, Envelope, Exchange } from '../broker/scenario';
import type { Trouble } from './trouble';

/** Where and as whom to connect. */
export interface PeerSettings {
  readonly url: string;
  readonly vhost: string;
  readonly login: string;
  readonly passcode: string;
  readonly user: string;
}

/** How the connection is doing. */
export interface Connection {
  readonly state: ClientState;
  /** When the next attempt is due, in milliseconds since 1970; only while `waiting`. */
  readonly retryAt: number | undefined;
  /** Messages without a receipt. */
  readonly pending: number;
  /** Median round trip to the broker. */
  readonly latencyMs: number | undefined;
  readonly trouble: Trouble | undefined;
}

/** Takes one message's body. */
export type Listener = (body: Envelope & Record<string, unknown>) => void;

interface Listening {
  readonly exchange: Exchange;
  readonly key: string;
  readonly listener: Listener;
}

/** The wait before each new attempt. Constant: somebody looks at it. */
const RETRY_MS = 3000;
/** Message ids remembered, to drop what comes twice. */
const IDS_MAX = 1000;

const IDLE: Connection = {
  state: 'closed',
  retryAt: undefined,
  pending: 0,
  latencyMs: undefined,
  trouble: undefined,
};

export class Peer {
  readonly log = new FrameLog();
  readonly connection = new Store<Connection>(IDLE);
  readonly #latency = new Latency();
  readonly #listening: Listening[] = [];
  readonly #watchers = new Set<(direction: Direction, frame: FrameView) => void>();
  readonly #turns = new Set<(isConnected: boolean) => void>();
  readonly #ids = new Set<string>();
  #client: HopwireClient | undefined;
  #socket: WebSocket | undefined;
  /** Whether the trouble shown is about something that was asked of a working connection. */
  #isRefused = false;
  #addressing: Addressing = 'exchanges';

  constructor(readonly settings: PeerSettings) {}

  get user(): string {
    return this.settings.user;
  }

  get isConnected(): boolean {
    return this.connection.value.state === 'connected';
  }

  /** Takes messages of a key from now on, over all connections. Call before `connect`. */
  listen(exchange: Exchange, key: string, listener: Listener): void {
    this.#listening.push({ exchange, key, listener });
  }

  /** Hears when the connection is there, and when it is no longer. */
  onTurn(listener: (isConnected: boolean) => void): void {
    this.#turns.add(listener);
  }

  /** Sees every frame that passes. The returned function ends that. */
  onFrame(watcher: (direction: Direction, frame: FrameView) => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Connects, and stays connected until `disconnect`. */
  connect(addressing: Addressing): void {
    if (this.#client) return;
    this.#addressing = addressing;
    const { url, vhost, login, passcode } = this.settings;
    const client = new HopwireClient({
      url,
      vhost,
      login,
      passcode,
      // RabbitMQ puts every body into text frames unless told otherwise, and a browser closes a
      // connection whose text is not UTF-8. It also makes the frames readable.
      compressAbove: false,
      reconnect: { initialMs: RETRY_MS, factor: 1, jitter: 0 },
      webSocketFactory: (address, protocols) => this.#open(address, protocols),
      onFrame: (direction, frame) => this.#see(direction, frame),
    });
    this.#client = client;
    client.on('state', (state) => this.#changed(client, state));
    client.on('pending', (pending) => this.#tell({ pending }));
    // What an error says is taken from the ERROR frame, or from the socket's end.
    client.on('error', () => {});
    for (const entry of this.#listening) this.#subscribe(client, entry);
    client.connect().catch(() => {});
  }

  /** Says goodbye. What waits for its receipt has a second for it. */
  async disconnect(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.disconnect({ deadlineMs: 1000 });
    if (this.#client) return;
    this.#tell({ state: 'closed', retryAt: undefined, pending: 0 });
    this.#turned();
  }

  /** Pulls the plug, to see what happens: the socket closes, nobody says goodbye. */
  unplug(): void {
    this.#socket?.close();
  }

  /** Sends to a scenario; resolved by the receipt. */
  publish(exchange: Exchange, key: string, body: Envelope): Promise<void> {
    return this.#send(exchange, key, body, true);
  }

  /** Sends what is worthless a moment later: not kept on disk, not kept while disconnected. */
  publishFleeting(exchange: Exchange, key: string, body: Envelope): void {
    if (this.isConnected) this.#send(exchange, key, body, false).catch(() => {});
  }

  /** Shows a trouble, or with nothing takes it away. */
  report(trouble?: Trouble): void {
    if (!trouble) this.#isRefused = false;
    this.#tell({ trouble });
  }

  #send(exchange: Exchange, key: string, body: Envelope, persistent: boolean): Promise<void> {
    if (!this.#client) return Promise.reject(new Error('not connected'));
    const headers = {
      type: body.type,
      'amqp-message-id': body.id,
      timestamp: String(Math.floor(Date.parse(body.time) / 1000)),
    };
    const to = destination(this.#addressing, exchange, key);
    return this.#client.send(to, body, { headers, persistent, contentType: 'application/json' });
  }

  #subscribe(client: HopwireClient, { exchange, key, listener }: Listening): void {
    const to = destination(this.#addressing, exchange, key);
    const subscription = client.subscribe(to, (_, { bytes }) => {
      const body = readBody(bytes);
      if (body && this.#isFirst(body.id)) listener(body);
    });
    subscription.ready.catch(() => {});
  }

  #isFirst(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > IDS_MAX && oldest !== undefined) this.#ids.delete(oldest);
    return true;
  }

  #open(url: string, protocols: string[]): WebSocket {
    let socket: WebSocket;
    try {
      socket = new WebSocket(url, protocols);
    } catch (error) {
      this.report(explainUrl(url, String(error)));
      throw error;
    }
    this.#socket = socket;
    let wasConnected = false;
    const stop = this.onFrame((_, { command }) => (wasConnected ||= command === 'CONNECTED'));
    socket.addEventListener('close', ({ code, reason }) => {
      stop();
      // An ERROR frame has said more already; a pane that was left needs no words.
      if (this.#socket !== socket || this.connection.value.trouble || !this.#client) return;
      const isSecurePage = location.protocol === 'https:';
      this.report(explainClosing({ code, reason, url, wasConnected, isSecurePage }));
    });
    return socket;
  }

  #see(direction: Direction, frame: FrameView): void {
    this.log.add(direction, frame, Date.now());
    for (const watcher of [...this.#watchers]) watcher(direction, frame);
    if (this.#latency.see(direction, frame, performance.now())) {
      this.#tell({ latencyMs: this.#latency.medianMs });
    }
    if (direction === 'in' && frame.command === 'ERROR') {
      this.#isRefused = this.isConnected;
      this.report(explainError(frame.headers.message ?? '', frame.body));
    }
  }

  #changed(client: HopwireClient, state: ClientState): void {
    if (client !== this.#client) return;
    const wasConnected = this.isConnected;
    const retryAt = state === 'waiting' ? Date.now() + RETRY_MS : undefined;
    if (state !== 'connected') this.#latency.reset();
    if (state === 'closed') this.#client = undefined;
    // What was said about a lost or refused connection is over once there is one. What the broker
    // refused on one stays to be read: the connection after it comes by itself.
    const isOver = state === 'connected' && !this.#isRefused;
    this.#tell({ state, retryAt, ...(isOver ? { trouble: undefined } : {}) });
    if (wasConnected !== this.isConnected) this.#turned();
  }

  #turned(): void {
    for (const listener of this.#turns) listener(this.isConnected);
  }

  #tell(change: Partial<Connection>): void {
    this.connection.update((connection) => ({ ...connection, ...change }));
  }
}

/** A message's body if it is one of ours: an object with a type. Without an id it gets one. */
function readBody(bytes: Uint8Array): (Envelope & Record<string, unknown>) | undefined {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof body !== 'object' || body === null) return undefined;
    const { type, id, time } = body as Record<string, unknown>;
    if (typeof type !== 'string') return undefined;
    return {
      ...body,
      type,
      id: typeof id === 'string' ? id : crypto.getRandomValues(new Uint32Array(2)).join('-'),
      time: typeof time === 'string' ? time : new Date().toISOString(),
    };
  } catch {
    return undefined;
  }
}
