import { channel } from "./amqp.mjs";
import { session } from "./frames.mjs";
import { assert, isOracle, story, unique } from "./story.mjs";
import { ensureUsers, users } from "./users.mjs";

await story("a topic subscription expires, ends and is refused as a queue of its own", async () => {
  await expires();
  // RabbitMQ answers a delivery that crosses an UNSUBSCRIBE with an ERROR, and closes.
  if (!isOracle) await ends();
  await isRefused();
});

/** What may not wait at all reaches who is there, and a bound that is none is refused. */
async function expires() {
  const topic = unique("expiring");
  const destination = `/topic/${topic}`;
  const page = await session();
  page.send("SUBSCRIBE", { destination, id: "plain", receipt: "r" });
  page.send("SUBSCRIBE", { destination, id: "ttl", receipt: "r", "x-message-ttl": 0 });
  await page.expect("RECEIPT");
  await page.expect("RECEIPT");
  const back = await channel({ confirms: true });
  back.publish("amq.topic", topic, Buffer.from("at once"), { expiration: "0" });
  back.publish("amq.topic", topic, Buffer.from("soon"), { expiration: "60000" });
  await back.waitForConfirms();
  page.send("SEND", { destination }, "last");
  const heard = { plain: [], ttl: [] };
  const wanted = {
    plain: ["at once", "soon", "last"],
    ttl: ["at once", "soon", "last"],
  };
  for (let left = wanted.plain.length + wanted.ttl.length; left > 0; left -= 1) {
    const message = await page.expect("MESSAGE");
    heard[message.headers.subscription].push(message.body);
  }
  assert.deepEqual(heard, wanted);

  for (const bound of [{ "x-message-ttl": -1 }, { "x-max-length": -1 }]) {
    const wrong = await session();
    wrong.send("SUBSCRIBE", { destination, id: "0", ...bound });
    await refused(wrong, "precondition_failed", /^PRECONDITION_FAILED - invalid arg 'x-/);
  }
}

/** Behind the receipt of its UNSUBSCRIBE nothing comes for a subscription; before it, in order. */
async function ends() {
  const topic = unique("ending");
  const destination = `/topic/${topic}`;
  const page = await session();
  const other = `/topic/${unique("other")}`;
  page.send("SUBSCRIBE", { destination: other, id: "other", receipt: "r" });
  await page.expect("RECEIPT");
  const back = await channel({ confirms: true });
  for (let round = 0; round < 20; round += 1) {
    page.send("SUBSCRIBE", { destination, id: "ending", receipt: "r" });
    await page.expect("RECEIPT");
    for (let number = 0; number < 100; number += 1) {
      back.publish("amq.topic", topic, Buffer.from(`${round} ${number}`));
    }
    page.send("UNSUBSCRIBE", { id: "ending", receipt: "gone" });
    const heard = [];
    let next = await page.frames.next();
    for (; next.command === "MESSAGE"; next = await page.frames.next()) heard.push(next.body);
    assert.equal(next.headers["receipt-id"], "gone");
    assert.deepEqual(heard, heard.map((_, number) => `${round} ${number}`));
    // Behind everything that was published, nothing but this.
    await back.waitForConfirms();
    page.send("SEND", { destination: other }, "last");
    assert.equal((await page.expect("MESSAGE")).headers.subscription, "other");
  }
}

/** Rights are asked as for the queue that RabbitMQ makes: to make it, and to bind it. */
async function isRefused() {
  await ensureUsers();
  const destination = `/topic/${unique("refused")}`;
  const refusals = [
    ["stranger", destination, /'stomp-subscription-/],
    ["page", "/exchange/amq.fanout/x", /exchange 'amq.fanout'/],
  ];
  for (const [login, destination, named] of refusals) {
    const peer = await session({ login, passcode: users[login].password });
    peer.send("SUBSCRIBE", { destination, id: "0" });
    await refused(peer, "access_refused", named);
  }
  const absent = await session();
  absent.send("SUBSCRIBE", { destination: `/exchange/${unique("absent")}/x`, id: "0" });
  await refused(absent, "not_found", /^NOT_FOUND - no exchange 'absent-/);
}

async function refused(peer, message, text) {
  if (isOracle) {
    // This RabbitMQ loses the ERROR of a session on a WebSocket that it closes.
    await peer.closed();
    return;
  }
  const error = await peer.expect("ERROR");
  assert.equal(error.headers.message, message);
  assert.match(error.body, text);
  await peer.closed();
}
