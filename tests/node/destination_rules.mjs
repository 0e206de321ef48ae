import { session } from "./frames.mjs";
import { assert, atEnd, story } from "./story.mjs";
import { channel, connect } from "./amqp.mjs";
import { amqpUrl, within } from "./story.mjs";

// Hopwire's own: RabbitMQ has no such rules. The rules are in tests/rules.conf.
await story("destination rules decide by pattern, name the rule, and deny the rest", async () => {
  const login = { login: "alice", passcode: "alice-password" };
  const alice = await session(login);
  for (const [id, destination] of ["/topic/user.alice.inbox", "/topic/chat.general"].entries()) {
    alice.send("SUBSCRIBE", { destination, id, receipt: `r-${id}` });
    await alice.expect("RECEIPT");
  }
  alice.send("SEND", { destination: "/topic/chat.general" }, "hello");
  assert.equal((await alice.expect("MESSAGE")).body, "hello");

  const refused = [
    ["SUBSCRIBE", "/topic/user.bob.inbox"],
    ["SEND", "/topic/user.alice.inbox"],
    ["SUBSCRIBE", "/topic/chat.secret"],
    ["SEND", "/topic/chat.secret"],
    ["SEND", "/queue/anything"],
  ];
  for (const [command, destination] of refused) {
    const peer = await session(login);
    peer.send(command, { destination, id: "0" });
    const error = await peer.expect("ERROR");
    assert.equal(error.headers.message, "access_refused", `${command} ${destination}`);
    assert.ok(error.body.includes(destination), `${error.body} names ${destination}`);
    if (destination.endsWith("secret")) {
      assert.ok(error.body.includes("deny /topic/chat.secret"), `${error.body} names the rule`);
    }
    await peer.closed();
  }

  // AMQP is judged by the same rules: exchange and key stand for the destination.
  const connection = await connect(amqpUrl.replace("guest:guest", "alice:alice-password"));
  const publisher = await connection.createConfirmChannel();
  publisher.publish("amq.topic", "chat.general", Buffer.from("from AMQP"));
  await within(publisher.waitForConfirms(), "the confirm");
  assert.equal((await alice.expect("MESSAGE")).body, "from AMQP");
  const closed = new Promise((resolve) => publisher.on("error", resolve));
  publisher.publish("amq.topic", "chat.secret", Buffer.from("no"));
  assert.match((await within(closed, "the refusal")).message, /403/);

  // Who has no rule is judged by RabbitMQ's patterns alone.
  const guest = await channel({ confirms: true });
  atEnd(() => guest.close());
  guest.publish("amq.topic", "user.alice.inbox", Buffer.from("from guest"));
  assert.equal((await alice.expect("MESSAGE")).body, "from guest");
});
