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
  /** Attempts in a row that may fail before the client closes. Default `Infinity`. */
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
  /** One connection attempt, from socket to CONNECTED, in milliseconds. Default 10 000. */
  connectTimeoutMs?: number;
  /** Makes the socket; needed where there is no global `WebSocket` (Node before 22). */
  webSocketFactory?: (url: string, protocols: string[]) => WebSocket;
  /** Sees every frame, heart-beats included, as it passes. For showing, not for changing. */
  onFrame?: (direction: Direction, frame: FrameView) => void;
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
