import { channel } from "./amqp.mjs";
import { stompjs2, stompjs7, webstompClient } from "./stomp.mjs";
import { assert, atEnd, Inbox, story, unique } from "./story.mjs";

await story("a thousand messages arrive in order, on a topic and from a queue", async () => {
  const count = 1000;
  const back = await channel({ confirms: true });
  const queue = unique("ordered");
  await back.assertQueue(queue, { durable: true });
  atEnd(() => back.deleteQueue(queue));
  const topic = unique("ordered");

  const inboxes = [];
  for (const connect of [stompjs7, stompjs2, webstompClient]) {
    const page = await connect();
    const inbox = new Inbox(`the topic at ${page.name}`);
    await page.subscribe(`/topic/${topic}.*`, (message) => inbox.push(message.body));
    inboxes.push(inbox);
  }
  const numbers = Array.from({ length: count }, (_, number) => `${number}`);
  for (const number of numbers) {
    back.publish("amq.topic", `${topic}.n`, Buffer.from(number));
    back.sendToQueue(queue, Buffer.from(number), { persistent: true });
  }
  await back.waitForConfirms();
  for (const inbox of inboxes) assert.deepEqual(await inbox.take(count), numbers, inbox.what);

  const worker = await stompjs7();
  const inbox = new Inbox("the queue");
  const take = (message) => (message.ack(), inbox.push(message.body));
  const headers = { ack: "client-individual", "prefetch-count": "50" };
  await worker.subscribe(`/amq/queue/${queue}`, take, headers);
  assert.deepEqual(await inbox.take(count), numbers);
});
