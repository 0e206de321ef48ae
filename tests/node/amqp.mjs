// amqplib with an end that the story's runner looks after.
import amqplib from "amqplib";

import { amqpUrl, atEnd, within } from "./story.mjs";

/** An open connection. */
export async function connect(url = amqpUrl, options = {}) {
  const connection = await within(amqplib.connect(url, options), "an AMQP connection");
  connection.on("error", () => {});
  atEnd(() => connection.close().catch(() => {}));
  return connection;
}

/** A connection's channel, confirming or not. */
export async function channel({ confirms = false } = {}) {
  const connection = await connect();
  const opened = confirms ? connection.createConfirmChannel() : connection.createChannel();
  return within(opened, "an AMQP channel");
}
