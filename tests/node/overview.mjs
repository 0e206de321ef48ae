import { channel } from "./amqp.mjs";
import { stompjs7 } from "./stomp.mjs";
import { assert, atEnd, story, unique, within } from "./story.mjs";
import { http } from "./users.mjs";

await story("the management API tells what is there, to those who log in", async () => {
  assert.equal((await http("/api/overview", { login: null })).status, 401);
  assert.equal((await http("/api/overview", { login: "guest:wrong" })).status, 401);

  const queue = unique("seen by management");
  const back = await channel({ confirms: true });
  await back.assertQueue(queue, { durable: true, arguments: { "x-max-length": 10 } });
  atEnd(() => back.deleteQueue(queue));
  const page = await stompjs7();
  await page.subscribe(`/topic/${unique("seen")}`, () => {});

  const overview = await json("/api/overview");
  assert.match(overview.rabbitmq_version, /^\d+\.\d+/);
  assert.match(overview.management_version, /^\d+\.\d+/);
  assert.ok(overview.object_totals.queues >= 1);
  const protocols = overview.listeners.map((listener) => listener.protocol);
  for (const wanted of ["amqp", "stomp", "http/web-stomp"]) assert.ok(protocols.includes(wanted));

  const shown = await json(`/api/queues/%2F/${encodeURIComponent(queue)}`);
  assert.equal(shown.name, queue);
  assert.equal(shown.vhost, "/");
  assert.equal(shown.durable, true);
  // RabbitMQ 4 stores the queue's type as an argument too, 3.10 did not.
  assert.deepEqual({ "x-queue-type": "classic", ...shown.arguments }, {
    "x-queue-type": "classic",
    "x-max-length": 10,
  });
  const listed = await json("/api/queues");
  assert.ok(listed.some((row) => row.name === queue));

  const exchanges = await json("/api/exchanges/%2F");
  for (const name of ["", "amq.direct", "amq.fanout", "amq.headers", "amq.match", "amq.topic"]) {
    assert.ok(exchanges.some((row) => row.name === name), `exchange '${name}'`);
  }
  const bindings = await json(`/api/queues/%2F/${encodeURIComponent(queue)}/bindings`);
  assert.deepEqual(bindings.map((row) => [row.source, row.routing_key]), [["", queue]]);
  assert.equal((await json("/api/whoami")).name, "guest");
  assert.ok((await json("/api/vhosts")).some((row) => row.name === "/"));
  assert.equal((await json("/api/health/checks/alarms")).status, "ok");
  assert.equal((await json("/api/aliveness-test/%2F")).status, "ok");
  assert.equal((await http("/api/queues/%2F/absent")).status, 404);

  // RabbitMQ's figures come from a table that fills every five seconds.
  await within(
    (async () => {
      for (;;) {
        const [connections, channels] = await Promise.all([
          json("/api/connections"),
          json("/api/channels"),
        ]);
        const web = connections.find((row) => row.protocol === "Web STOMP 1.2");
        const amqp = connections.find((row) => row.protocol?.startsWith("AMQP 0-9-1"));
        if (web?.user === "guest" && amqp?.vhost === "/" && channels.length > 0) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })(),
    "both connections in the list",
  );
});

async function json(path) {
  const answer = await http(path);
  assert.equal(answer.status, 200, path);
  assert.match(answer.headers.get("content-type"), /^application\/json/);
  return answer.json();
}
