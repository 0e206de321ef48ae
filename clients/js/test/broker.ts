//! A scripted broker on a real loopback WebSocket. It does nothing by itself: a test reads each
//! frame and says what comes back.

import { FrameImpl, Parser } from '@stomp/stompjs';
import { WebSocket, WebSocketServer } from 'ws';

import { HopwireClient } from '../src/index.js';

import type { AddressInfo } from 'node:net';
import type { Headers, HopwireOptions } from '../src/index.js';

export interface Frame {
  command: string;
  headers: Headers;
  body: Uint8Array;
  text: string;
}

/** Values that are put in and awaited out, in order. */
export class Inbox<T> {
  readonly #values: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];

  put(value: T): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting(value);
    else this.#values.push(value);
  }

  take(): Promise<T> {
    const value = this.#values.shift();
    if (value !== undefined) return Promise.resolve(value);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get size(): number {
    return this.#values.length;
  }
}

/** One connection, seen from the broker. */
export class Peer {
  readonly #socket: WebSocket;
  readonly #frames = new Inbox<Frame>();

  constructor(socket: WebSocket) {
    this.#socket = socket;
    const parser = new Parser(
      (raw) => {
        const isLogin = raw.command === 'CONNECT';
        const { command, headers, binaryBody, body } = FrameImpl.fromRawFrame(raw, !isLogin);
        this.#frames.put({ command, headers: { ...headers }, body: binaryBody, text: body });
      },
      () => {},
    );
    socket.on('message', (data: Buffer) => parser.parseChunk(new Uint8Array(data).buffer));
    socket.on('error', () => {});
  }

  /** The next frame, which must have this command. */
  async expect(command: string): Promise<Frame> {
    const frame = await this.#frames.take();
    if (frame.command !== command) {
      throw new Error(`wanted ${command}, got ${frame.command} ${JSON.stringify(frame.headers)}`);
    }
    return frame;
  }

  /** Frames that came and were not expected yet. */
  get unread(): number {
    return this.#frames.size;
  }

  /** Takes CONNECT and answers it. */
  async login(): Promise<Frame> {
    const connect = await this.expect('CONNECT');
    this.send('CONNECTED', { version: '1.2', 'heart-beat': '0,0' });
    return connect;
  }

  send(command: string, headers: Headers, body: string | Uint8Array = ''): void {
    const isText = typeof body === 'string';
    const frame = new FrameImpl({
      command,
      headers,
      ...(isText ? { body } : { binaryBody: body }),
      escapeHeaderValues: command !== 'CONNECTED',
    });
    this.#socket.send(frame.serialize());
  }

  receipt({ headers }: Frame): void {
    this.send('RECEIPT', { 'receipt-id': headers.receipt ?? '' });
  }

  message(id: string, headers: Headers, body: string | Uint8Array): void {
    const own = { subscription: id, 'message-id': `m-${headers.ack ?? ''}`, destination: '/x' };
    this.send('MESSAGE', { ...own, ...headers }, body);
  }

  /** RabbitMQ's way to refuse: ERROR, then close. */
  refuse(message: string, body: string): void {
    this.send('ERROR', { message }, body);
    this.#socket.close(1000);
  }

  /** Ends the TCP connection, as a network that goes away. */
  kill(): void {
    this.#socket.terminate();
  }

  close(code: number, reason = ''): void {
    this.#socket.close(code, reason);
  }
}

/** Listens on a free port of the loopback interface. */
export class Broker {
  readonly #server: WebSocketServer;
  readonly #peers = new Inbox<Peer>();
  readonly #clients: HopwireClient[] = [];

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket) => this.#peers.put(new Peer(socket)));
  }

  static async start(): Promise<Broker> {
    const server = new WebSocketServer({
      host: '127.0.0.1',
      port: 0,
      handleProtocols: (protocols) => (protocols.has('v12.stomp') ? 'v12.stomp' : false),
    });
    await new Promise((resolve) => server.once('listening', resolve));
    return new Broker(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ws`;
  }

  /** The next connection. */
  accept(): Promise<Peer> {
    return this.#peers.take();
  }

  /** A client of this broker that retries at once. */
  client(options: Partial<HopwireOptions> = {}): HopwireClient {
    const client = new HopwireClient({
      url: this.url,
      heartbeat: { incoming: 0, outgoing: 0 },
      reconnect: { initialMs: 1, maxMs: 1, jitter: 0 },
      webSocketFactory: wsFactory,
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** A client that is connected, and its connection. */
  async connected(options: Partial<HopwireOptions> = {}): Promise<[HopwireClient, Peer]> {
    const client = this.client(options);
    const connecting = client.connect();
    const peer = await this.accept();
    await peer.login();
    await connecting;
    return [client, peer];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.disconnect({ deadlineMs: 0 })));
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** For Node, which has a WebSocket of its own only from version 22 on. */
export function wsFactory(url: string, protocols: string[]): globalThis.WebSocket {
  return new WebSocket(url, protocols) as unknown as globalThis.WebSocket;
}

/** For sends whose end a test does not look at; they are rejected when the broker stops. */
export function unwatched(sent: Promise<void>): void {
  sent.catch(() => {});
}
