//! What a client can be told, and what it assumes when it is not.

/** The headers of a STOMP frame. */
export type Headers = Record<string, string>;

/** One STOMP frame as it passed over the socket; a heart-beat has the command `''`. */
export interface FrameView {
  command: string;
  headers: Headers;
  /** Text of the body; a body that is not UTF-8 is given as `<n bytes>`. */
  body: string;
}

/** Which way a frame went, seen from this client. */
export type Direction = 'in' | 'out';

/** How long to wait before the next attempt: `initialMs * factor^n`, at most `maxMs`, ± jitter. */
export interface ReconnectOptions {
  /** Before the first retry, in milliseconds. Default 500. */
  initialMs?: number;
  /** Growth per failed attempt. Default 2. */
  factor?: number;
  /** The longest wait, in milliseconds; jitter never exceeds it. Default 30 000. */
  maxMs?: number;
  /** The share of the wait that is random, 0 to 1. Default 0.3. */
  jitter?: number;
  /**
   * Retries in a row without a connection that lasts, before the client closes; 0 never retries.
   * Default `Infinity`.
   */
  attemptsMax?: number;
}

/** Heart-beat offer, in milliseconds; 0 turns a direction off. */
export interface HeartbeatOptions {
  /** How often the broker shall be heard. Default 10 000. */
  incoming?: number;
  /** How often we are heard. Default 10 000. */
  outgoing?: number;
  /**
   * Beat from a web worker, so that a browser's throttling of background tabs does not end the
   * connection. Needs `worker-src blob:` where a content security policy is in force.
   * Default false.
   */
  worker?: boolean;
}

/** Options of {@link HopwireClient}. */
export interface HopwireOptions {
  /** The broker's WebSocket, such as `ws://localhost:15674/ws`. */
  url: string;
  /** User name; without one the broker's default user is used. */
  login?: string;
  /** Password. */
  passcode?: string;
  /** Virtual host. Default `/`. */
  vhost?: string;
  heartbeat?: HeartbeatOptions;
  reconnect?: ReconnectOptions;
  /** Bodies of more bytes than this are sent compressed; `false` never does. Default 1024. */
  compressAbove?: number | false;
  /** Messages that may wait for their receipts at one time. Default 10 000. */
  pendingMax?: number;
  /** A compressed body that opens to more bytes than this is not delivered. Default 16 MiB. */
  inflatedBytesMax?: number;
  /** One connection attempt, from socket to CONNECTED, in milliseconds. Default 10 000. */
  connectTimeoutMs?: number;
  /** Makes the socket; needed where there is no global `WebSocket` (Node before 22). */
  webSocketFactory?: (url: string, protocols: string[]) => WebSocket;
  /** Sees every frame, heart-beats included, as it passes. For showing, not for changing. */
  onFrame?: (direction: Direction, frame: FrameView) => void;
}

/** Every option with its value: what the client works with. */
export interface Settings {
  readonly url: string;
  readonly connectHeaders: Headers;
  readonly heartbeat: Required<HeartbeatOptions>;
  readonly reconnect: Required<ReconnectOptions>;
  readonly compressAbove: number;
  readonly pendingMax: number;
  readonly inflatedBytesMax: number;
  readonly connectTimeoutMs: number;
  readonly webSocketFactory: ((url: string, protocols: string[]) => WebSocket) | undefined;
  readonly onFrame: ((direction: Direction, frame: FrameView) => void) | undefined;
}

/** Fills in the defaults. */
export function settingsOf(options: HopwireOptions): Settings {
  const { login, passcode, vhost = '/', compressAbove = 1024 } = options;
  const connectHeaders: Headers = { host: escaped(vhost) };
  if (login !== undefined) connectHeaders.login = escaped(login);
  if (passcode !== undefined) connectHeaders.passcode = escaped(passcode);
  return {
    url: options.url,
    connectHeaders,
    heartbeat: { incoming: 10_000, outgoing: 10_000, worker: false, ...options.heartbeat },
    reconnect: {
      initialMs: 500,
      factor: 2,
      maxMs: 30_000,
      jitter: 0.3,
      attemptsMax: Infinity,
      ...options.reconnect,
    },
    compressAbove: compressAbove === false ? Infinity : compressAbove,
    pendingMax: options.pendingMax ?? 10_000,
    // RabbitMQ's default max_message_size.
    inflatedBytesMax: options.inflatedBytesMax ?? 16 * 1024 * 1024,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    webSocketFactory: options.webSocketFactory,
    onFrame: options.onFrame,
  };
}

/**
 * A header value for CONNECT. STOMP 1.2 knows no escapes there, but RabbitMQ and Hopwire decode
 * them in every frame, so a passcode with a backslash only gets through doubled.
 */
function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}

/** Options of `send`, `sendToQueue` and `sendToExchange`. */
export interface SendOptions {
  /** Further headers of the SEND frame. */
  headers?: Headers;
  /** Whether the broker writes the message to disk before it answers. Default: not said. */
  persistent?: boolean;
  /** Replaces the content type derived from the body. */
  contentType?: string;
}

/** How messages of a subscription are acknowledged. */
export type AckMode = 'auto' | 'client' | 'client-individual';

/** Options of `subscribe`. */
export interface SubscribeOptions {
  /** Default `auto`. */
  ack?: AckMode;
  /** Further headers of the SUBSCRIBE frame, such as `prefetch-count`, `durable` or `id`. */
  headers?: Headers;
}

/** Options of `disconnect`. */
export interface DisconnectOptions {
  /** How long receipts and the goodbye may take together, in milliseconds. Default 5000. */
  deadlineMs?: number;
}

/**
 * - `connecting`: a socket is being opened, or CONNECT waits for its answer.
 * - `connected`: frames flow.
 * - `waiting`: the connection was lost or refused; the next attempt is due.
 * - `closed`: not started, ended by `disconnect`, or out of attempts.
 */
export type ClientState = 'connecting' | 'connected' | 'waiting' | 'closed';
