import { connect } from "./amqp.mjs";
import { session } from "./frames.mjs";
import { amqpUrl, assert, isOracle, story, unique, within } from "./story.mjs";
import { ensureUsers, users } from "./users.mjs";

await story("who may not is told what was refused, and nobody else is disturbed", async () => {
  await ensureUsers();
  const login = { login: "page", passcode: users.page.password };
  const witness = await session();

  const allowed = await session(login);
  const topic = `/topic/${unique("allowed")}`;
  allowed.send("SUBSCRIBE", { destination: topic, id: "0", receipt: "r" });
  await allowed.expect("RECEIPT");
  allowed.send("SEND", { destination: topic }, "mine");
  assert.equal((await allowed.expect("MESSAGE")).body, "mine");

  const forbidden = [
    ["SEND", "/exchange/amq.direct/key", "exchange 'amq.direct'"],
    ["SUBSCRIBE", "/exchange/amq.direct/key", "exchange 'amq.direct'"],
    ["SUBSCRIBE", `/queue/${unique("no")}`, "queue 'no-"],
  ];
  for (const [command, destination, named] of forbidden) {
    const peer = await session(login);
    peer.send(command, { destination, id: "0" });
    if (isOracle) {
      // This RabbitMQ loses the ERROR of a session on a WebSocket that it closes.
      await peer.closed();
      continue;
    }
    const error = await peer.expect("ERROR");
    assert.equal(error.headers.message, "access_refused");
    assert.match(error.body, /^ACCESS_REFUSED - /);
    assert.ok(error.body.includes(named), `${error.body} names ${named}`);
    assert.ok(error.body.includes("'page'"), `${error.body} names the user`);
    assert.equal((await peer.closed()).code, 1000);
  }

  // Over AMQP: the channel is closed with 403, the connection lives on.
  const url = amqpUrl.replace("guest:guest", `page:${users.page.password}`);
  const connection = await connect(url);
  for (const attempt of [
    (channel) => channel.assertQueue("no"),
    (channel) => channel.bindExchange("amq.direct", "amq.topic", "#"),
    (channel) => channel.checkQueue("absent"),
  ]) {
    const channel = await connection.createChannel();
    channel.on("error", () => {});
    await assert.rejects(within(attempt(channel), "a refusal"), (error) => {
      assert.match(error.message, /40[34] /);
      return true;
    });
  }
  const again = await within(connection.createChannel(), "another channel");
  await within(again.checkExchange("amq.topic"), "the connection lives on");

  witness.send("SEND", { destination: "/topic/x", receipt: "alive" });
  assert.equal((await witness.expect("RECEIPT")).headers["receipt-id"], "alive");
});
