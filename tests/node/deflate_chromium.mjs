import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";

import { channel } from "./amqp.mjs";
import { browser } from "./chromium.mjs";
import { assert, isOracle, story, unique, within, wsUrl } from "./story.mjs";

const MESSAGES = 200;

await story("Chromium inflates bodies of every kind, in order, with its window kept", async () => {
  const topic = unique("chromium");
  const context = await browser();
  const page = await context.newPage();
  const extensions = await within(page.evaluate(listen, { url: wsUrl, topic }), "a subscription");
  assert.match(extensions, /permessage-deflate/);

  const back = await channel({ confirms: true });
  const sent = bodies();
  for (const body of sent) back.publish("amq.topic", topic, body);
  await back.waitForConfirms();
  await within(
    page.waitForFunction((count) => globalThis.heard.length >= count, sent.length),
    `${sent.length} messages in the page`,
  );
  const heard = await page.evaluate(() => globalThis.heard);
  assert.deepEqual(heard, sent.map((body) => `${body.length} ${sum(body)}`));
});

/** FNV-1a, as the page makes it. */
function sum(body) {
  const step = (hash, byte) => Math.imul(hash ^ byte, 0x01000193);
  return body.reduce(step, 0x811c9dc5) >>> 0;
}

/**
 * Below and above the threshold, empty, of chance, large, and no UTF-8. RabbitMQ sends the latter in
 * text messages, over which Chromium drops the connection; Hopwire makes them binary.
 */
function bodies() {
  const json = JSON.stringify(
    Array.from({ length: 40_000 }, (_, row) => ({ row, name: `Zeile ${row} äöü€🙂` })),
  );
  const kinds = [
    () => Buffer.alloc(0),
    (number) => Buffer.from(`small ${number}`),
    (number) => Buffer.from(json.slice(0, 1500 + number * 50)),
    () => Buffer.alloc(1023, "x"),
    () => Buffer.alloc(1024, "x"),
    (number) => Buffer.alloc(2000 + number, 0xff),
    () => randomBytes(5000),
  ];
  const many = Array.from({ length: MESSAGES }, (_, number) =>
    kinds[number % kinds.length](number),
  );
  const large = [Buffer.from(json).subarray(0, 1 << 20), randomBytes(65_536)];
  const all = [...many, ...large, Buffer.alloc(65_536, "z"), Buffer.from("last")];
  return all.filter((body) => !isOracle || isUtf8(body));
}

// The function below runs in the page.

function listen({ url, topic }) {
  globalThis.heard = [];
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, "v12.stomp");
    socket.binaryType = "arraybuffer";
    const say = (frame) => socket.send(`${frame}\n\n\0`);
    socket.onopen = () => say("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest");
    socket.onclose = (event) => reject(new Error(`closed: ${event.code} ${event.reason}`));
    socket.onmessage = ({ data }) => {
      const bytes =
        typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);
      const text = typeof data === "string" ? data : new TextDecoder("latin1").decode(bytes);
      const head = text.slice(0, text.indexOf("\n\n"));
      if (head.startsWith("CONNECTED\n")) {
        say(`SUBSCRIBE\nid:0\nreceipt:r\ndestination:/topic/${topic}`);
      } else if (head.startsWith("RECEIPT\n")) {
        resolve(socket.extensions);
      } else {
        globalThis.heard.push(summary(bytes));
      }
    };
  });

  function summary(frame) {
    const start = frame.findIndex((byte, at) => byte === 10 && frame[at + 1] === 10) + 2;
    const body = frame.subarray(start, frame.lastIndexOf(0));
    let sum = 0x811c9dc5;
    for (const byte of body) sum = Math.imul(sum ^ byte, 0x01000193);
    return `${body.length} ${sum >>> 0}`;
  }
}
