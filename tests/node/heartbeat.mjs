import { session } from "./frames.mjs";
import { assert, story } from "./story.mjs";

await story("beats are agreed, sent, and missed ones end the session", async () => {
  const listens = await session({ "heart-beat": "0,1000" });
  assert.equal(listens.connected.headers["heart-beat"], "1000,0");
  const begun = Date.now();
  for (let count = 0; count < 3; count += 1) await listens.beats.next();
  // Never later than agreed, with room for a busy machine; RabbitMQ beats twice as often.
  assert.ok(Date.now() - begun < 3 * 1000 + 1500, "three beats in about three seconds at most");

  const rounded = await session({ "heart-beat": "500,1999" });
  assert.equal(rounded.connected.headers["heart-beat"], "1000,1000");

  const silent = await session({ "heart-beat": "1000,0" });
  assert.equal(silent.connected.headers["heart-beat"], "0,1000");
  const quiet = Date.now();
  const { code } = await silent.closed();
  const lasted = Date.now() - quiet;
  assert.equal(code, 1000);
  assert.ok(lasted >= 1000, `not before a beat is due, but ended after ${lasted} ms`);
  assert.ok(lasted < 6000, `after two missed beats, but lasted ${lasted} ms`);
});
