import { channel } from "./amqp.mjs";
import { stompjs7, webstompClient } from "./stomp.mjs";
import { assert, atEnd, Inbox, story, unique } from "./story.mjs";

await story("ack:client settles all before; what is left comes again, marked", async () => {
  const queue = unique("cumulative");
  const back = await channel({ confirms: true });
  await back.assertQueue(queue, { durable: true });
  atEnd(() => back.deleteQueue(queue));
  for (const body of ["a", "b", "c", "d"]) back.sendToQueue(queue, Buffer.from(body));
  await back.waitForConfirms();

  const first = await stompjs7();
  const inbox = new Inbox("first deliveries");
  await first.subscribe(`/amq/queue/${queue}`, (message) => inbox.push(message), { ack: "client" });
  const [, second] = await inbox.take(4);
  assert.equal(second.body, "b");
  assert.equal(second.headers.ack, second.headers["message-id"], "1.2 names the ack");
  second.ack({ receipt: "settled" });
  await first.close();

  const next = await webstompClient();
  const again = new Inbox("second deliveries");
  await next.subscribe(`/amq/queue/${queue}`, (message) => again.push(message), { ack: "client" });
  for (const body of ["c", "d"]) {
    const message = await again.next();
    assert.equal(message.body, body);
    assert.equal(message.headers.redelivered, "true");
    message.ack();
  }
  await next.close();
  assert.equal((await back.checkQueue(queue)).messageCount, 0);
});
