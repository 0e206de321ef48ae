import { open } from "./frames.mjs";
import { stompjs2, stompjs7, webstompClient } from "./stomp.mjs";
import { assert, story } from "./story.mjs";

await story("a refused login says why and leaves the socket for a better try", async () => {
  for (const connect of [stompjs7, stompjs2, webstompClient]) {
    await assert.rejects(connect({ passcode: "wrong" }), (error) => {
      assert.equal(error.frame.headers.message, "Bad CONNECT");
      assert.equal(error.frame.body.trimEnd(), "Access refused for user 'guest'");
      return true;
    });
  }

  const peer = await open();
  const good = { "accept-version": "1.2", host: "/", login: "guest", passcode: "guest" };
  const refusals = [
    [{ passcode: "wrong" }, "Access refused for user 'guest'"],
    [{ login: "nobody", passcode: "x" }, "Access refused for user 'nobody'"],
    [{ host: "no-such-vhost" }, "Virtual host 'no-such-vhost' access denied"],
    [{ host: "no-such-vhost", passcode: "wrong" }, "Virtual host 'no-such-vhost' access denied"],
  ];
  for (const [wrong, body] of refusals) {
    peer.send("CONNECT", { ...good, ...wrong });
    const error = await peer.expect("ERROR");
    assert.equal(error.headers.message, "Bad CONNECT");
    assert.equal(error.body.trimEnd(), body);
  }
  peer.send("CONNECT", { ...good, "accept-version": "9.9" });
  assert.equal((await peer.expect("ERROR")).headers.message, "Version mismatch");
  peer.send("SEND", { destination: "/queue/x" });
  assert.equal((await peer.expect("ERROR")).headers.message, "Illegal command");

  peer.send("CONNECT", { ...good, "accept-version": "1.0,1.1,1.2" });
  assert.equal((await peer.expect("CONNECTED")).headers.version, "1.2");
});
