import { frame, session } from "./frames.mjs";
import { stompjs7 } from "./stomp.mjs";
import { assert, Inbox, story, unique } from "./story.mjs";

await story("frames arrive however they were cut or joined, up to a mebibyte", async () => {
  const destination = `/topic/${unique("pieces")}`;
  const peer = await session();
  peer.send("SUBSCRIBE", { destination, id: "0", receipt: "r" });
  await peer.expect("RECEIPT");

  // One STOMP frame over many WebSocket messages of eight characters.
  const whole = frame("SEND", { destination }, "in pieces of eight");
  for (let at = 0; at < whole.length; at += 8) peer.socket.send(whole.slice(at, at + 8));
  assert.equal((await peer.expect("MESSAGE")).body, "in pieces of eight");

  // Two STOMP frames and heart-beats in one WebSocket message.
  const two = ["first", "second"].map((body) => frame("SEND", { destination }, body));
  peer.socket.send(`\n${two.join("\n\n")}\n`);
  assert.equal((await peer.expect("MESSAGE")).body, "first");
  assert.equal((await peer.expect("MESSAGE")).body, "second");

  // One WebSocket message in fragments, cut inside a letter of two bytes, with a ping between.
  const bytes = Buffer.from(frame("SEND", { destination }, "größer"));
  const cut = bytes.indexOf("ö") + 1;
  peer.socket.send(bytes.subarray(0, cut), { fin: false, binary: false, compress: false });
  const pong = new Promise((resolve) => peer.socket.once("pong", resolve));
  peer.socket.ping("between");
  assert.equal((await pong).toString(), "between");
  peer.socket.send(bytes.subarray(cut), { fin: true, compress: false });
  assert.equal((await peer.expect("MESSAGE")).body, "größer");

  // A binary message carries a frame as well as a text message does, a NUL in the body too.
  const nul = frame("SEND", { destination, "content-length": 3 }, "a\0b");
  peer.socket.send(Buffer.from(nul), { binary: true });
  assert.equal((await peer.expect("MESSAGE")).body, "a\0b");

  // Both sides of every length that a WebSocket frame writes differently, and well beyond.
  const page = await stompjs7({ splitLargeFrames: true, maxWebSocketChunkSize: 8 * 1024 });
  const inbox = new Inbox("large messages");
  const large = `/topic/${unique("large")}`;
  await page.subscribe(large, (message) => inbox.push(message));
  for (const length of [125, 126, 65_535, 65_536, 65_537, 200_000, 1_048_576]) {
    const body = "0123456789abcdef".repeat(length / 16 + 1).slice(0, length);
    page.send(large, body);
    assert.equal((await inbox.next()).body, body, `${length} bytes`);
  }
});
