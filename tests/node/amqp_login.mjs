import { connect } from "./amqp.mjs";
import { amqpUrl, assert, story } from "./story.mjs";
import { ensureUsers, users } from "./users.mjs";

await story("AMQP refuses wrong passwords, unknown users and vhosts with their codes", async () => {
  await ensureUsers();
  const as = (login) => amqpUrl.replace("guest:guest", login);
  for (const login of ["guest:wrong", "nobody:guest", `page:${users.page.password}x`]) {
    await assert.rejects(connect(as(login)), /403.*ACCESS_REFUSED - Login was refused/s, login);
  }
  // amqplib does not show the code here; the pika story does.
  await assert.rejects(connect(`${amqpUrl}/no-such-vhost`), /ConnectionClose channel:0/);
  await connect(as(`page:${users.page.password}`));
});
