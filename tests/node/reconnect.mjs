import { createServer, connect as dial } from "node:net";

import { channel } from "./amqp.mjs";
import { stompjs7 } from "./stomp.mjs";
import { assert, atEnd, Inbox, story, unique, wsUrl } from "./story.mjs";

await story("a page that lost its connection comes back and misses nothing durable", async () => {
  const path = await cuttablePath(new URL(wsUrl));
  const queue = unique("kept");
  const topic = unique("live");
  const back = await channel({ confirms: true });
  await back.assertQueue(queue, { durable: true });
  atEnd(() => back.deleteQueue(queue));

  const inbox = new Inbox("messages");
  let receipts = 0;
  const subscribed = new Inbox("subscriptions");
  const page = await stompjs7({
    brokerURL: `ws://127.0.0.1:${path.port}${new URL(wsUrl).pathname}`,
    reconnectDelay: 20,
    heartbeatIncoming: 0,
    heartbeatOutgoing: 0,
  });
  const subscribe = () => {
    for (const destination of [`/amq/queue/${queue}`, `/topic/${topic}`]) {
      const receipt = `s-${(receipts += 1)}`;
      page.client.watchForReceipt(receipt, () => subscribed.push(receipt));
      const take = (message) => (message.ack?.(), inbox.push(message.body));
      page.client.subscribe(destination, take, { ack: "client-individual", receipt });
    }
  };
  subscribe();
  await subscribed.take(2);
  page.client.onConnect = subscribe;

  for (let round = 0; round < 3; round += 1) {
    back.publish("amq.topic", topic, Buffer.from(`live ${round}`));
    assert.equal(await inbox.next(), `live ${round}`);
    path.cut();
    back.sendToQueue(queue, Buffer.from(`kept ${round}`), { persistent: true });
    await back.waitForConfirms();
    assert.equal(await inbox.next(), `kept ${round}`, "what was sent while it was away");
    await subscribed.take(2);
  }
});

/** A way to the broker that can be cut. */
async function cuttablePath(broker) {
  const sockets = new Set();
  const server = createServer((near) => {
    const far = dial(broker.port, broker.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (near.destroy(), far.destroy(), sockets.delete(socket)));
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => server.close());
  return { port: server.address().port, cut: () => sockets.forEach((socket) => socket.destroy()) };
}
