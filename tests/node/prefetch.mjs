import { channel } from "./amqp.mjs";
import { stompjs7 } from "./stomp.mjs";
import { assert, atEnd, Inbox, story, unique } from "./story.mjs";

await story("prefetch-count bounds what is in flight, and each ack brings one more", async () => {
  const queue = unique("prefetch");
  const back = await channel({ confirms: true });
  await back.assertQueue(queue, { durable: true });
  atEnd(() => back.deleteQueue(queue));
  for (let number = 0; number < 10; number += 1) back.sendToQueue(queue, Buffer.from(`${number}`));
  await back.waitForConfirms();

  const page = await stompjs7();
  const inbox = new Inbox("deliveries");
  const headers = { ack: "client-individual", "prefetch-count": "5" };
  await page.subscribe(`/amq/queue/${queue}`, (message) => inbox.push(message), headers);
  const flight = await inbox.take(5);
  assert.equal((await back.checkQueue(queue)).messageCount, 5, "five wait in the queue");
  assert.equal(inbox.items.length, 0, "no sixth is in flight");

  flight[2].ack();
  assert.equal((await inbox.next()).body, "5");
  assert.equal((await back.checkQueue(queue)).messageCount, 4);

  // The same bound over AMQP.
  const other = unique("prefetch-amqp");
  await back.assertQueue(other);
  atEnd(() => back.deleteQueue(other));
  for (let number = 0; number < 10; number += 1) back.sendToQueue(other, Buffer.from(`${number}`));
  await back.waitForConfirms();
  const worker = await channel();
  await worker.prefetch(3);
  const taken = new Inbox("AMQP deliveries");
  await worker.consume(other, (message) => taken.push(message));
  const three = await taken.take(3);
  assert.equal((await back.checkQueue(other)).messageCount, 7);
  worker.ack(three[2], true);
  assert.deepEqual((await taken.take(3)).map((found) => found.content.toString()), ["3", "4", "5"]);
});
