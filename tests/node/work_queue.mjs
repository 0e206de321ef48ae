import { channel } from "./amqp.mjs";
import { stompjs2, stompjs7 } from "./stomp.mjs";
import { assert, atEnd, Inbox, story, unique } from "./story.mjs";

await story("a job goes to one worker, and back to the queue when it is refused", async () => {
  const queue = unique("jobs");
  const jobs = 30;
  const back = await channel({ confirms: true });
  await back.assertQueue(queue, { durable: true });
  atEnd(() => back.deleteQueue(queue));
  for (let job = 0; job < jobs; job += 1) back.sendToQueue(queue, Buffer.from(`job ${job}`));
  await back.waitForConfirms();

  const done = new Inbox("finished jobs");
  const refused = new Set();
  const workers = { stompjs7: 0, stompjs2: 0, amqplib: 0 };
  const work = (worker, job, isAgain, accept, refuse) => {
    workers[worker] += 1;
    if (job.endsWith("7") && !refused.has(job)) {
      refused.add(job);
      return refuse();
    }
    accept();
    done.push({ job, isAgain });
  };

  const settled = { ack: "client-individual", "prefetch-count": "1" };
  for (const [name, connect] of Object.entries({ stompjs7, stompjs2 })) {
    const worker = await connect();
    const take = (message) => {
      const isAgain = message.headers.redelivered === "true";
      work(name, message.body, isAgain, () => message.ack(), () => message.nack());
    };
    await worker.subscribe(`/amq/queue/${queue}`, take, settled);
  }
  const worker = await channel();
  await worker.prefetch(1);
  await worker.consume(queue, (message) => {
    const { content, fields } = message;
    const accept = () => worker.ack(message);
    work("amqplib", content.toString(), fields.redelivered, accept, () => worker.nack(message));
  });

  const finished = await done.take(jobs);
  const names = finished.map(({ job }) => job).sort();
  assert.deepEqual(names, Array.from({ length: jobs }, (_, job) => `job ${job}`).sort());
  for (const { job, isAgain } of finished) {
    assert.equal(isAgain, refused.has(job), `${job} is marked as redelivered only if it was`);
  }
  assert.equal(refused.size, 3, "jobs 7, 17 and 27 were refused once each");
  assert.ok(workers.stompjs7 > 0, "the first worker has work");
});
