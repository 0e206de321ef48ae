import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";
import { WebSocket } from "ws";

import { frame } from "./frames.mjs";
import { assert, atEnd, Inbox, isOracle, story, unique, within, wsUrl } from "./story.mjs";

// Below this a body travels as it is (`web_stomp.deflate_above`; ours alone).
const THRESHOLD = 1024;
const BITS = [8, 9, 10, 11, 12, 13, 14, 15];

/** What `ws` offers, in its own words. Its zlib cannot deflate with 8 bits. */
const OFFERS = [
  {},
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
  ...BITS.filter((bits) => bits > 8).map((bits) => ({ clientMaxWindowBits: bits })),
  ...BITS.map((bits) => ({ serverMaxWindowBits: bits })),
  ...BITS.map((bits) => ({ serverMaxWindowBits: bits, serverNoContextTakeover: true })),
];

const rows = Array.from({ length: 30_000 }, (_, row) => ({ row, name: `Zeile ${row} äöü€🙂` }));
const json = Buffer.from(JSON.stringify(rows));
const noise = randomBytes(65_536);

/**
 * Bodies of every kind, and whether they are to shrink. RabbitMQ sends those that are no UTF-8 in
 * text messages, which ends the connection; Hopwire makes them binary.
 */
const MIX = [
  [Buffer.alloc(0), false],
  [json.subarray(0, 100), false],
  [Buffer.alloc(THRESHOLD - 1, "x"), false],
  [Buffer.alloc(THRESHOLD, "x"), true],
  [Buffer.concat([noise.subarray(0, 30_000), noise.subarray(0, 30_000)]), true],
  [Buffer.alloc(2000, Buffer.from([0xff, 0xfe])), true],
  [noise, false],
  [Buffer.alloc(65_536, "y"), true],
  [json.subarray(0, 1 << 20), true],
].filter(([body]) => !isOracle || isUtf8(body));

await story("whatever window ws asks for, it inflates what it gets, in order", async () => {
  for (const offer of OFFERS) await holds(offer);
});

async function holds(offer) {
  const page = await open(offer);
  const what = `${JSON.stringify(offer)} -> ${page.socket.extensions || "declined"}`;
  const isDeclined = page.socket.extensions === "";
  // Declining is allowed for windows smaller than ours, and for nothing else.
  if (isDeclined) assert.ok(offer.serverMaxWindowBits < 15, what);
  const destination = `/topic/${unique("window")}`;
  page.send("SUBSCRIBE", { destination, id: "0", receipt: "r" });
  assert.equal((await page.next()).command, "RECEIPT");

  for (const [body, shrinks] of MIX) {
    const before = page.socket._socket.bytesRead;
    page.send("SEND", { destination }, body);
    const message = await page.next();
    assert.equal(message.command, "MESSAGE", what);
    assert.ok(body.equals(message.body), `${what}: ${body.length} bytes came differently`);
    if (isOracle) continue;
    const travelled = page.socket._socket.bytesRead - before;
    if (shrinks && !isDeclined) assert.ok(travelled < body.length, `${what}: ${travelled} bytes`);
    else assert.ok(travelled >= body.length, `${what}: ${travelled} bytes`);
  }

  // Small and large in turn, all on their way at once.
  const text = (number) => `${number} `.repeat(1 + (number % 3) * 400);
  for (let number = 0; number < 200; number += 1) {
    page.send("SEND", { destination }, Buffer.from(text(number)));
  }
  for (let number = 0; number < 200; number += 1) {
    assert.equal((await page.next()).body.toString(), text(number), what);
  }
  page.socket.terminate();
  console.log(what);
}

/** A page that has logged in; its frames keep their bodies as bytes. */
async function open(offer) {
  const perMessageDeflate = { threshold: 0, ...offer };
  const socket = new WebSocket(wsUrl, ["v12.stomp"], { perMessageDeflate });
  atEnd(() => socket.terminate());
  const frames = new Inbox("STOMP frames");
  socket.on("message", (data) => frames.push(parse(data)));
  await within(
    new Promise((resolve, reject) => {
      socket.on("open", resolve);
      socket.on("error", reject);
      socket.on("close", (code) => reject(new Error(`closed: ${code}`)));
    }),
    `the upgrade with ${JSON.stringify(offer)}`,
  );
  socket.on("error", (error) => frames.push({ command: error.message }));
  const page = {
    socket,
    next: () => frames.next(),
    send(command, headers, body = Buffer.alloc(0)) {
      const length = { "content-length": body.length };
      const head = frame(command, { ...headers, ...length }).slice(0, -1);
      socket.send(Buffer.concat([Buffer.from(head), body, Buffer.alloc(1)]));
    },
  };
  const login = { "accept-version": "1.2", host: "/", login: "guest", passcode: "guest" };
  page.send("CONNECT", login);
  assert.equal((await page.next()).command, "CONNECTED");
  return page;
}

function parse(data) {
  const end = data.indexOf("\n\n");
  const [command, ...lines] = data.subarray(0, end).toString().split("\n");
  const length = lines.find((line) => line.startsWith("content-length:"));
  const bytes = length ? Number(length.slice("content-length:".length)) : 0;
  return { command, body: data.subarray(end + 2, end + 2 + bytes) };
}
