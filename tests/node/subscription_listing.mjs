import { session } from "./frames.mjs";
import { assert, isOracle, story, unique, within } from "./story.mjs";
import { http } from "./users.mjs";

await story("tools find a topic subscription where RabbitMQ lists its queue and consumer", async () => {
  const topic = unique("listed");
  const page = await session();
  const limits = { "x-message-ttl": 60_000, "x-max-length": 100 };
  page.send("SUBSCRIBE", { destination: `/topic/${topic}`, id: "mine", receipt: "r", ...limits });
  await page.expect("RECEIPT");

  const [binding] = await until("/api/bindings/%2F", (rows) => {
    const own = rows.filter((row) => row.routing_key === topic);
    return own.length === 1 && own;
  });
  assert.equal(binding.source, "amq.topic");
  assert.equal(binding.destination_type, "queue");
  const name = binding.destination;
  assert.match(name, /^stomp-subscription-[\w-]{22}$/);

  // RabbitMQ's figures come from a table that fills every five seconds.
  const queue = await until("/api/queues", (rows) => {
    const row = rows.find((row) => row.name === name);
    return row?.consumers === 1 && row.messages === 0 && row;
  });
  const shown = {
    vhost: "/",
    type: "classic",
    state: "running",
    durable: false,
    auto_delete: true,
    arguments: limits,
    messages_ready: 0,
    messages_unacknowledged: 0,
    message_bytes: 0,
    consumer_utilisation: 1,
    policy: null,
    exclusive_consumer_tag: null,
    single_active_consumer_tag: null,
  };
  assert.deepEqual(part(queue, Object.keys(shown)), shown);

  const consumer = {
    consumer_tag: "T_mine",
    ack_required: false,
    exclusive: false,
    active: true,
    activity_status: "up",
    prefetch_count: 0,
    arguments: {},
    queue: { name, vhost: "/" },
  };
  const peer_port = page.socket._socket.localPort;
  for (const path of ["/api/consumers", "/api/consumers/%2F", `/api/queues/%2F/${name}`]) {
    const row = await until(path, (found) => {
      const rows = Array.isArray(found) ? found : found.consumer_details;
      // RabbitMQ adds the channel from another such table.
      return rows.find((row) => row.queue.name === name && row.channel_details.number);
    });
    assert.deepEqual(part(row, Object.keys(consumer)), consumer, path);
    const channel = { peer_port, peer_host: "127.0.0.1", user: "guest", number: 1 };
    assert.deepEqual(part(row.channel_details, Object.keys(channel)), channel, path);
  }
  await until("/api/overview", ({ object_totals: { queues, consumers } }) => {
    return queues >= 1 && consumers >= 1;
  });

  // It has no messages to get, and with the subscription it goes.
  page.send("SEND", { destination: `/topic/${topic}` }, "one");
  assert.equal((await page.expect("MESSAGE")).body, "one");
  page.send("UNSUBSCRIBE", { id: "mine", receipt: "u" });
  await page.expect("RECEIPT");
  // RabbitMQ's queue notices a little later that its consumer has gone.
  if (!isOracle) assert.equal((await http(`/api/queues/%2F/${name}`)).status, 404);
  await until("/api/queues", (rows) => !rows.some((row) => row.name === name));
  await until("/api/consumers", (rows) => !rows.some((row) => row.queue.name === name));
  await until("/api/bindings/%2F", (rows) => !rows.some((row) => row.routing_key === topic));
});

/** These properties of an object. */
function part(object, names) {
  return Object.fromEntries(names.map((name) => [name, object[name]]));
}

/** Asks until what is there is as wanted; what `wanted` made of it. */
function until(path, wanted) {
  let found;
  const asking = async () => {
    for (;;) {
      const answer = await http(path);
      found = answer.ok ? await answer.json() : undefined;
      const result = found && wanted(found);
      if (result) return result;
      await new Promise(setImmediate);
    }
  };
  return within(asking(), `${path} as wanted`);
}
