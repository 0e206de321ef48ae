import { channel } from "./amqp.mjs";
import { session } from "./frames.mjs";
import { assert, story, unique } from "./story.mjs";

await story("large JSON travels compressed both ways, and arrives as it was", async () => {
  const text = (row) => ({ row, name: `Zeile ${row} äöü€🙂` });
  const rows = Array.from({ length: 4_000 }, (_, row) => text(row));
  const body = JSON.stringify({ rows });
  const destination = `/topic/${unique("dashboard")}`;

  const page = await session();
  assert.match(page.socket.extensions, /permessage-deflate/);
  const plain = await session({}, { perMessageDeflate: false });
  assert.equal(plain.socket.extensions, "");
  for (const peer of [page, plain]) {
    peer.send("SUBSCRIBE", { destination, id: "0", receipt: "r" });
    await peer.expect("RECEIPT");
  }
  const read = { page: page.socket._socket.bytesRead, plain: plain.socket._socket.bytesRead };
  const wrote = page.socket._socket.bytesWritten;

  const length = Buffer.byteLength(body);
  const headers = { destination, "content-type": "application/json", "content-length": length };
  for (let times = 0; times < 3; times += 1) page.send("SEND", headers, body);
  for (const peer of [page, plain]) {
    for (let times = 0; times < 3; times += 1) {
      const message = await peer.expect("MESSAGE");
      assert.equal(message.body, body);
      assert.equal(Number(message.headers["content-length"]), length);
    }
  }
  const grew = (peer, before) => peer.socket._socket.bytesRead - before;
  assert.ok(page.socket._socket.bytesWritten - wrote < length, "three sends took less than one");
  assert.ok(grew(page, read.page) < length, "three messages came in less than one's bytes");
  assert.ok(grew(plain, read.plain) > 3 * length, "who did not ask gets them plain");

  // From AMQP the same, and small ones between large ones keep their order.
  const back = await channel();
  const key = destination.slice("/topic/".length);
  const sent = [];
  for (let number = 0; number < 40; number += 1) {
    const large = `${number} ${JSON.stringify(rows.slice(0, number * 20))}`;
    const next = number % 3 === 0 ? `small ${number}` : large;
    sent.push(next);
    back.publish("amq.topic", key, Buffer.from(next));
  }
  for (const one of sent) assert.equal((await page.expect("MESSAGE")).body, one);
});
