import { channel } from "./amqp.mjs";
import { stompjs2, stompjs7, webstompClient } from "./stomp.mjs";
import { assert, atEnd, story, unique, within } from "./story.mjs";

await story("every publish is confirmed, every receipt asked for arrives", async () => {
  const queue = unique("confirmed");
  const back = await channel({ confirms: true });
  await back.assertQueue(queue, { durable: true });
  atEnd(() => back.deleteQueue(queue));
  const confirmed = [];
  for (let number = 0; number < 100; number += 1) {
    const options = { persistent: number % 2 === 0 };
    const confirm = (error) => confirmed.push({ number, error });
    back.sendToQueue(queue, Buffer.from("x"), options, confirm);
  }
  await within(back.waitForConfirms(), "100 confirms");
  // Persistent ones may be confirmed after transient ones that were published later.
  confirmed.sort((one, other) => one.number - other.number);
  const each = Array.from({ length: 100 }, (_, number) => ({ number, error: null }));
  assert.deepEqual(confirmed, each, "each once, none refused");

  let count = 100;
  for (const connect of [stompjs7, stompjs2, webstompClient]) {
    const page = await connect();
    const receipts = [];
    for (let number = 0; number < 50; number += 1) {
      // Sends without a receipt in between must not disturb the counting.
      page.send(`/amq/queue/${queue}`, "without");
      receipts.push(page.sendConfirmed(`/amq/queue/${queue}`, "with", { persistent: "true" }));
    }
    await Promise.all(receipts);
    count += 100;
    assert.equal((await back.checkQueue(queue)).messageCount, count, page.name);
  }

  const page = await stompjs7();
  await page.sendConfirmed(`/topic/${unique("nobody")}`, "nobody listens; still a receipt");
});
