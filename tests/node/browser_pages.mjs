import { channel } from "./amqp.mjs";
import { browser, script } from "./chromium.mjs";
import { assert, atEnd, isOracle, php, story, unique, within, wsUrl } from "./story.mjs";

await story("two pages in Chromium, on new and old stompjs, each hear their own user", async () => {
  const exchange = unique("browser-users");
  await php("users_declare.php", exchange);
  const admin = await channel();
  atEnd(() => admin.deleteExchange(exchange));

  const context = await browser();
  const recent = "@stomp/stompjs/bundles/stomp.umd.js";
  const old = "stompjs/lib/stomp.js";
  const pages = {
    1: await open(context, recent, connectNew, exchange, "1"),
    2: await open(context, old, connectOld, exchange, "2"),
  };
  const userId = isOracle ? "guest" : "application-user";
  await php("users_publish.php", exchange, userId, "25", "1", "2");

  for (const [user, page] of Object.entries(pages)) {
    await within(
      page.waitForFunction(() => globalThis.own.length >= 25 && globalThis.all.length >= 1),
      `the messages of user ${user}`,
    );
    const found = await page.evaluate(() => ({ own: globalThis.own, all: globalThis.all }));
    const wanted = Array.from({ length: 25 }, (_, number) => ({ user, number }));
    assert.deepEqual(found.own.map((message) => JSON.parse(message.body)), wanted);
    assert.deepEqual(found.all.map((message) => JSON.parse(message.body)), [{ to: "all" }]);
    assert.equal(found.own[0].headers["user-id"], userId);

    // And back: what the page sends, the back end reads.
    const { queue } = await admin.assertQueue("", { exclusive: true });
    await admin.bindQueue(queue, "amq.topic", `from.${exchange}.${user}`);
    const topic = `/topic/from.${exchange}.${user}`;
    await page.evaluate((destination) => globalThis.say(destination, "grüße"), topic);
    const heard = new Promise((resolve) => admin.consume(queue, resolve, { noAck: true }));
    assert.equal((await within(heard, "the page's message")).content.toString(), "grüße");
  }
});

/** A page with a client library that has subscribed to its user's messages and to all. */
async function open(context, library, connect, exchange, user) {
  const page = await context.newPage();
  await page.addScriptTag({ path: script(library) });
  const subscribed = page.evaluate(connect, {
    url: wsUrl,
    own: `/exchange/${exchange}/user.${user}`,
    all: `/exchange/${exchange}/broadcast`,
  });
  await within(subscribed, `${library} in the page`);
  return page;
}

// The two functions below run in the page.
/* global StompJs, Stomp */

function connectNew({ url, own, all }) {
  Object.assign(globalThis, { own: [], all: [] });
  return new Promise((resolve, reject) => {
    const client = new StompJs.Client({
      brokerURL: url,
      connectHeaders: { login: "guest", passcode: "guest" },
      onStompError: (frame) => reject(new Error(frame.headers.message)),
      onConnect: () => {
        const keep = (list) => (found) => list.push({ body: found.body, headers: found.headers });
        client.subscribe(own, keep(globalThis.own), { receipt: "own" });
        client.watchForReceipt("all", () => resolve());
        client.subscribe(all, keep(globalThis.all), { receipt: "all" });
        globalThis.say = (destination, body) => client.publish({ destination, body });
      },
    });
    client.activate();
  });
}

function connectOld({ url, own, all }) {
  Object.assign(globalThis, { own: [], all: [] });
  return new Promise((resolve, reject) => {
    const client = Stomp.client(url);
    client.debug = () => {};
    const onConnect = () => {
      const keep = (list) => (found) => list.push({ body: found.body, headers: found.headers });
      client.onreceipt = (frame) => frame.headers["receipt-id"] === "all" && resolve();
      client.subscribe(own, keep(globalThis.own));
      client.subscribe(all, keep(globalThis.all), { receipt: "all" });
      globalThis.say = (destination, body) => client.send(destination, {}, body);
    };
    client.connect("guest", "guest", onConnect, reject, "/");
  });
}
