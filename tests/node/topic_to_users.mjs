import { channel } from "./amqp.mjs";
import { stompjs2, stompjs7, webstompClient } from "./stomp.mjs";
import { assert, atEnd, Inbox, isOracle, php, story, unique } from "./story.mjs";

await story("each user's page gets what PHP sends to that user, in order", async () => {
  const exchange = unique("notifications");
  await php("users_declare.php", exchange);
  const admin = await channel();
  atEnd(() => admin.deleteExchange(exchange));

  const pages = [];
  for (const [user, connect] of [["7", stompjs7], ["42", stompjs2], ["99", webstompClient]]) {
    const page = await connect();
    const own = new Inbox(`own messages of ${page.name}`);
    const all = new Inbox(`broadcasts to ${page.name}`);
    await page.subscribe(`/exchange/${exchange}/user.${user}`, (message) => own.push(message));
    await page.subscribe(`/exchange/${exchange}/broadcast`, (message) => all.push(message));
    pages.push({ user, own, all, name: page.name });
  }

  // A back end may speak for its users when its own user may impersonate; guest may, here.
  // RabbitMQ's guest may not.
  const userId = isOracle ? "guest" : "application-user";
  await php("users_publish.php", exchange, userId, "50", ...pages.map((page) => page.user));

  for (const { user, own, all, name } of pages) {
    const messages = await own.take(50);
    messages.forEach((message, number) => {
      assert.deepEqual(JSON.parse(message.body), { user, number }, name);
      assert.equal(message.headers.destination, `/exchange/${exchange}/user.${user}`);
      assert.equal(message.headers.persistent, "true");
      assert.equal(message.headers["user-id"], userId);
      assert.equal(message.headers["content-type"], "application/json");
    });
    assert.deepEqual(JSON.parse((await all.next()).body), { to: "all" }, name);
  }
  // A fence behind everything: what was sent twice or astray would come before it.
  for (const { user, own, all, name } of pages) {
    for (const [key, inbox] of [[`user.${user}`, own], ["broadcast", all]]) {
      admin.publish(exchange, key, Buffer.from(`fence of ${user}`));
      assert.equal((await inbox.next()).body, `fence of ${user}`, name);
      const others = key === "broadcast" ? pages.filter((page) => page.all !== all) : [];
      for (const other of others) await other.all.next();
    }
  }
});
