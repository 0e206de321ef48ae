// STOMP frames by hand over a bare WebSocket, for what no client library would do.
import { WebSocket } from "ws";

import { atEnd, Inbox, within, wsUrl } from "./story.mjs";

/** Renders a frame: `frame("SEND", { destination: "/queue/a" }, "body")`. */
export function frame(command, headers = {}, body = "") {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  return `${command}\n${lines.join("")}\n${body}\0`;
}

/** Reads one frame of a server; `null` for a heart-beat. */
export function parse(text) {
  const start = text.replace(/^[\r\n\0]+/, "");
  if (start === "") return null;
  const [head, ...rest] = start.split("\n\n");
  const [command, ...lines] = head.split("\n");
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon)] ??= line.slice(colon + 1);
  }
  return { command, headers, body: rest.join("\n\n").replace(/\0\n?$/, "") };
}

/** A WebSocket with the STOMP subprotocols, its frames, beats and end as events. */
export async function open(options = {}, protocols = ["v12.stomp", "v11.stomp", "v10.stomp"]) {
  const socket = new WebSocket(wsUrl, protocols, options);
  const frames = new Inbox("STOMP frames");
  const beats = new Inbox("heart-beats");
  socket.on("message", (message) => {
    const found = parse(message.toString("utf8"));
    if (found) frames.push(found);
    else beats.push(Date.now());
  });
  const closed = new Promise((resolve) =>
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  atEnd(() => socket.terminate());
  await within(
    new Promise((resolve, reject) => {
      socket.on("open", resolve);
      socket.on("error", reject);
    }),
    "the upgrade",
  );
  return {
    socket,
    frames,
    beats,
    closed: () => within(closed, "the close"),
    send: (command, headers, body) => socket.send(frame(command, headers, body)),
    /** Sends a frame with a receipt and waits for it; other frames stay in order. */
    async expect(command) {
      const found = await frames.next();
      if (found.command !== command) {
        throw new Error(`wanted ${command}, found ${JSON.stringify(found)}`);
      }
      return found;
    },
  };
}

/** A bare WebSocket that has logged in. */
export async function session(headers = {}, options = {}) {
  const peer = await open(options);
  peer.send("CONNECT", {
    "accept-version": "1.2",
    host: "/",
    login: "guest",
    passcode: "guest",
    ...headers,
  });
  peer.connected = await peer.expect("CONNECTED");
  return peer;
}
