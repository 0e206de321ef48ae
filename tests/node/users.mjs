// The users of the stories: Hopwire has them from users.conf, RabbitMQ gets them here.
import { readFileSync } from "node:fs";

import { httpUrl, isOracle } from "./story.mjs";

const text = readFileSync(new URL("../users.conf", import.meta.url), "utf8");

/** Each user's settings by name: `users.page.password`. */
export const users = {};
for (const [, name, setting, value] of text.matchAll(/^default_users\.(\w+)\.(\w+) = (.*)$/gm)) {
  (users[name] ??= {})[setting] = value;
}

/** Asks the management API; `body` is sent as JSON. */
export function http(path, { method = "GET", login = "guest:guest", body } = {}) {
  const headers = { "content-type": "application/json" };
  if (login) headers.authorization = `Basic ${Buffer.from(login).toString("base64")}`;
  return fetch(new URL(path, httpUrl), { method, headers, body: body && JSON.stringify(body) });
}

/** Makes sure that the broker knows the users. */
export async function ensureUsers() {
  if (!isOracle) return;
  for (const [name, { password, ...permissions }] of Object.entries(users)) {
    const user = { password, tags: "" };
    await expectDone(http(`/api/users/${name}`, { method: "PUT", body: user }));
    await expectDone(http(`/api/permissions/%2F/${name}`, { method: "PUT", body: permissions }));
  }
}

async function expectDone(answer) {
  const { ok, status, url } = await answer;
  if (!ok) throw new Error(`${url} answered ${status}`);
}
