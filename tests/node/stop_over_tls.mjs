// A page over TLS hears why the broker leaves: the WebSocket closes with 1012, in good order.
import { stompjs7 } from "./stomp.mjs";
import { assert, Inbox, story } from "./story.mjs";

await story("a broker that stops closes a WebSocket over TLS with 1012", async () => {
  const closed = new Inbox("a close event");
  const page = await stompjs7({ onWebSocketClose: (event) => closed.push(event) });
  await page.subscribe("/topic/anything", () => {});
  process.kill(Number(process.env.BROKER_PROCESS), "SIGTERM");
  const event = await closed.next();
  assert.equal(event.code, 1012);
  assert.ok(event.wasClean);
});
