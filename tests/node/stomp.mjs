// Three STOMP clients that web pages use, behind one shape, so that a story is told to each.
import { Client } from "@stomp/stompjs";
import { createRequire } from "node:module";
import webstomp from "webstomp-client";
import { WebSocket } from "ws";

import { atEnd, EVENT_MS_MAX, Inbox, within, wsUrl } from "./story.mjs";

// Browsers have one; the old clients look for it.
globalThis.WebSocket = WebSocket;

const guest = { login: "guest", passcode: "guest", host: "/" };

let receipts = 0;
const nextReceipt = () => `receipt-${(receipts += 1)}`;

/** @stomp/stompjs 7. */
export async function stompjs7(options = {}) {
  const { login, passcode, host, ...rest } = { ...guest, ...options };
  const connected = new Inbox("CONNECTED of @stomp/stompjs");
  const errors = new Inbox("ERROR of @stomp/stompjs");
  const client = new Client({
    brokerURL: wsUrl,
    connectHeaders: { login, passcode, host },
    reconnectDelay: 0,
    onConnect: (frame) => connected.push(frame),
    onStompError: (frame) => errors.push(frame),
    ...rest,
  });
  client.activate();
  atEnd(() => client.deactivate({ force: true }));
  const first = await within(
    Promise.race([connected.next(), errors.next().then((frame) => Promise.reject(refused(frame)))]),
    "CONNECTED",
    EVENT_MS_MAX,
  );
  const receipt = () => {
    const id = nextReceipt();
    const arrived = new Promise((resolve) => client.watchForReceipt(id, resolve));
    return { id, arrived: within(arrived, `RECEIPT ${id}`) };
  };
  return {
    name: "@stomp/stompjs 7",
    client,
    connected: first,
    reconnected: connected,
    errors,
    async subscribe(destination, onMessage, headers = {}) {
      const { id, arrived } = receipt();
      const subscription = client.subscribe(destination, onMessage, { ...headers, receipt: id });
      await arrived;
      return subscription;
    },
    send(destination, body, headers = {}) {
      client.publish({ destination, body, headers });
    },
    sendConfirmed(destination, body, headers = {}) {
      const { id, arrived } = receipt();
      client.publish({ destination, body, headers: { ...headers, receipt: id } });
      return arrived;
    },
    begin: () => client.begin(),
    close: () => client.deactivate(),
  };
}

/** stompjs 2.3.3, as it stands in a thousand tutorials. */
export function stompjs2(options = {}) {
  const { Stomp } = createRequire(import.meta.url)("stompjs/lib/stomp.js");
  // The library calls these on itself, as its own Node entry point sets them.
  Stomp.setInterval = (interval, call) => setInterval(call, interval);
  Stomp.clearInterval = (id) => clearInterval(id);
  return oldStyle("stompjs 2.3.3", Stomp.client(wsUrl), options);
}

/** webstomp-client 1.2. */
export function webstompClient(options = {}) {
  const client = webstomp.client(wsUrl, { debug: false, heartbeat: false, protocols: undefined });
  return oldStyle("webstomp-client", client, options);
}

async function oldStyle(name, client, options) {
  const { login, passcode, host } = { ...guest, ...options };
  client.debug = () => {};
  client.heartbeat = { outgoing: 0, incoming: 0 };
  const errors = new Inbox(`ERROR of ${name}`);
  const connected = new Promise((resolve, reject) => {
    let isOpen = false;
    const onConnect = (frame) => ((isOpen = true), resolve(frame));
    const onError = (error) => (isOpen ? errors.push(error) : reject(refused(error)));
    if (name.startsWith("webstomp")) client.connect({ login, passcode, host }, onConnect, onError);
    else client.connect(login, passcode, onConnect, onError, host);
  });
  const first = await within(connected, `CONNECTED of ${name}`);
  atEnd(() => client.ws.close());
  const waiting = new Map();
  client.onreceipt = (frame) => waiting.get(frame.headers["receipt-id"])?.(frame);
  const receipt = () => {
    const id = nextReceipt();
    const arrived = new Promise((resolve) => waiting.set(id, resolve));
    return { id, arrived: within(arrived, `RECEIPT ${id}`) };
  };
  const publish = (destination, body, headers) =>
    name.startsWith("webstomp")
      ? client.send(destination, body, headers)
      : client.send(destination, headers, body);
  return {
    name,
    client,
    connected: first,
    errors,
    async subscribe(destination, onMessage, headers = {}) {
      const { id, arrived } = receipt();
      const subscription = client.subscribe(destination, onMessage, { ...headers, receipt: id });
      await arrived;
      return subscription;
    },
    send: (destination, body, headers = {}) => publish(destination, body, headers),
    sendConfirmed(destination, body, headers = {}) {
      const { id, arrived } = receipt();
      publish(destination, body, { ...headers, receipt: id });
      return arrived;
    },
    close: () => new Promise((resolve) => client.disconnect(resolve)),
  };
}

function refused(frame) {
  const error = new Error(`refused: ${frame?.headers?.message ?? frame}`);
  error.frame = frame;
  return error;
}
