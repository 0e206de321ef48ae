import { channel } from "./amqp.mjs";
import { stompjs7 } from "./stomp.mjs";
import { assert, atEnd, Inbox, isOracle, story, unique, within } from "./story.mjs";
import { http } from "./users.mjs";

await story("topic subscriptions look like RabbitMQ's queues and go with their page", async () => {
  const topic = unique("watched");
  const page = await stompjs7();
  await page.subscribe(`/topic/${topic}`, () => {});
  await page.subscribe(`/exchange/amq.topic/${topic}`, () => {});
  const queues = await bound(topic);
  assert.equal(queues.length, 2);
  assert.notEqual(queues[0], queues[1]);
  for (const name of queues) {
    assert.match(name, /^stomp-subscription-[\w-]{22}$/);
    const queue = await (await http(`/api/queues/%2F/${name}`)).json();
    assert.equal(queue.durable, false);
    assert.equal(queue.auto_delete, true);
    // RabbitMQ 3.10 did not make them exclusive.
    if (!isOracle) assert.equal(queue.exclusive, true);
  }
  await page.close();
  await within(
    (async () => {
      while ((await bound(topic)).length > 0) await new Promise(setImmediate);
    })(),
    "the end of both queues",
  );
  for (const name of queues) assert.equal((await http(`/api/queues/%2F/${name}`)).status, 404);
  await durable();
});

/** A durable subscription keeps what comes while its page is away, under a name all can derive. */
async function durable() {
  const back = await channel({ confirms: true });
  const name = "stomp-subscription-tMbeqL30tjlgaXMmaFM6Ew";
  await back.deleteQueue(name);
  atEnd(() => back.deleteQueue(name));
  const headers = { id: "test.subscription", durable: "true", "auto-delete": "false" };

  const page = await stompjs7();
  await page.subscribe("/topic/durable", () => {}, headers);
  assert.deepEqual(await bound("durable"), [name]);
  await page.close();
  for (const body of ["while", "away"]) back.publish("amq.topic", "durable", Buffer.from(body));
  await back.waitForConfirms();

  const again = await stompjs7();
  const inbox = new Inbox("what was kept");
  await again.subscribe("/topic/durable", (message) => inbox.push(message.body), headers);
  assert.deepEqual(await inbox.take(2), ["while", "away"]);
}

/** The queues that are bound to the topic exchange with this key. */
async function bound(key) {
  const answer = await http("/api/bindings/%2F");
  assert.equal(answer.status, 200);
  const rows = await answer.json();
  const own = rows.filter((row) => row.source === "amq.topic" && row.routing_key === key);
  return own.map((row) => row.destination);
}
