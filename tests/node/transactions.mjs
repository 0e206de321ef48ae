import { channel } from "./amqp.mjs";
import { session } from "./frames.mjs";
import { stompjs7 } from "./stomp.mjs";
import { assert, atEnd, Inbox, story, unique } from "./story.mjs";

await story("what a transaction sends and acknowledges counts at its COMMIT", async () => {
  const queue = unique("transaction");
  const back = await channel();
  await back.assertQueue(queue, { durable: true });
  atEnd(() => back.deleteQueue(queue));
  const destination = `/amq/queue/${queue}`;

  const page = await stompjs7();
  const inbox = new Inbox("messages");
  const headers = { ack: "client-individual" };
  await page.subscribe(destination, (message) => inbox.push(message), headers);

  const kept = page.begin();
  page.send(destination, "in the transaction", { transaction: kept.id });
  await page.sendConfirmed(destination, "beside it");
  const beside = await inbox.next();
  assert.equal(beside.body, "beside it", "nothing of the transaction came before");
  beside.ack({ transaction: kept.id });
  kept.commit({ receipt: "committed" });
  const inside = await inbox.next();
  assert.equal(inside.body, "in the transaction");
  inside.ack();

  const dropped = page.begin();
  page.send(destination, "never", { transaction: dropped.id });
  dropped.abort();
  await page.sendConfirmed(destination, "after the abort");
  const after = await inbox.next();
  assert.equal(after.body, "after the abort");
  after.ack();
  await page.close();
  assert.equal((await back.checkQueue(queue)).messageCount, 0, "all acks arrived, none is left");

  const peer = await session();
  peer.send("COMMIT", { transaction: "unknown" });
  const error = await peer.expect("ERROR");
  assert.equal(error.headers.message, "Bad transaction");
  peer.send("BEGIN", { transaction: "t", receipt: "still-open" });
  assert.equal((await peer.expect("RECEIPT")).headers["receipt-id"], "still-open");
});
