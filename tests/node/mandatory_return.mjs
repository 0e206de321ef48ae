import { channel } from "./amqp.mjs";
import { assert, atEnd, Inbox, story, unique, within } from "./story.mjs";

await story("a mandatory message that no queue takes comes back before its confirm", async () => {
  const exchange = unique("mandatory");
  const back = await channel({ confirms: true });
  await back.assertExchange(exchange, "topic", { durable: false });
  atEnd(() => back.deleteExchange(exchange));
  const events = new Inbox("returns and confirms");
  back.on("return", (message) => events.push({ returned: message }));

  const body = Buffer.from("nobody");
  const headers = { trace: "t-1" };
  const options = { mandatory: true, headers, messageId: "m-1" };
  back.publish(exchange, "no.queue", body, options, (error) => events.push({ error }));
  const { returned } = await events.next();
  assert.equal(returned.fields.replyCode, 312);
  assert.equal(returned.fields.replyText, "NO_ROUTE");
  assert.equal(returned.fields.exchange, exchange);
  assert.equal(returned.fields.routingKey, "no.queue");
  assert.equal(returned.properties.messageId, "m-1");
  assert.deepEqual(returned.properties.headers, headers);
  assert.deepEqual(returned.content, body);
  assert.deepEqual(await events.next(), { error: null }, "confirmed all the same");

  const { queue } = await back.assertQueue("", { exclusive: true });
  await back.bindQueue(queue, exchange, "a.#");
  back.publish(exchange, "a.b", body, { mandatory: true }, (error) => events.push({ error }));
  await within(back.waitForConfirms(), "the confirm");
  assert.deepEqual(await events.next(), { error: null }, "a routed one does not come back");
});
