import { channel } from "./amqp.mjs";
import { stompjs2, stompjs7 } from "./stomp.mjs";
import { assert, atEnd, Inbox, story, unique } from "./story.mjs";

await story("a page asks over /temp-queue/ and only it hears the answer", async () => {
  const queue = unique("questions");
  const server = await channel();
  await server.assertQueue(queue, { durable: true });
  atEnd(() => server.deleteQueue(queue));
  await server.consume(queue, (message) => {
    const { replyTo, correlationId } = message.properties;
    const answer = Buffer.from(`AMQP answers ${message.content}`);
    server.sendToQueue(replyTo, answer, { correlationId });
    server.ack(message);
  });

  // Answers come under the subscription id `/temp-queue/…`, which no SUBSCRIBE made.
  const asked = await stompjs7();
  const answers = new Inbox("answers");
  asked.client.onUnhandledMessage = (message) => answers.push(message);
  const other = await stompjs7();
  const strays = new Inbox("answers to others");
  other.client.onUnhandledMessage = (message) => strays.push(message);

  for (const number of [1, 2, 3]) {
    const headers = { "reply-to": "/temp-queue/answers", "correlation-id": `c-${number}` };
    asked.send(`/queue/${queue}`, `question ${number}`, headers);
    const answer = await answers.next();
    assert.equal(answer.body, `AMQP answers question ${number}`);
    assert.equal(answer.headers["correlation-id"], `c-${number}`);
    assert.equal(answer.headers.subscription, "/temp-queue/answers");
  }

  // The server may be a page too: it answers to the `reply-to` that it reads.
  const pageQueue = unique("page-questions");
  const pageServer = await stompjs2();
  atEnd(() => server.deleteQueue(pageQueue));
  await pageServer.subscribe(`/queue/${pageQueue}`, (message) => {
    assert.match(message.headers["reply-to"], /^\/reply-queue\//);
    pageServer.send(message.headers["reply-to"], `a page answers ${message.body}`);
  });
  asked.send(`/queue/${pageQueue}`, "the page", { "reply-to": "/temp-queue/answers" });
  assert.equal((await answers.next()).body, "a page answers the page");
  assert.equal(strays.items.length, 0);
});
