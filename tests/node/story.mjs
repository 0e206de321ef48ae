// What every Node story stands on: where the broker is, events to wait for, an end in time.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export { strict as assert } from "node:assert";

const from = (name) => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set; run this by cargo xtask test`);
  return value;
};

/** Where the broker under test listens. */
export const amqpUrl = from("AMQP_URL");
export const stompAddress = from("STOMP_ADDRESS");
export const wsUrl = from("WS_URL");
export const httpUrl = from("HTTP_URL");

/** Is it RabbitMQ that we talk to, and not Hopwire? For differences by intent only. */
export const isOracle = from("BROKER") === "rabbitmq";

/** How long any single event may take. Generous: CI has two busy cores. */
export const EVENT_MS_MAX = 20_000;
/** How long a whole story may take. */
const STORY_MS_MAX = 100_000;

/** A name that no other story and no earlier run used. */
export const unique = (name) => `${name}-${process.pid.toString(36)}-${Date.now().toString(36)}`;

/** The promise's value, or an error that says what never happened. */
export function within(promise, what, ms = EVENT_MS_MAX) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Things that arrive, to be awaited one by one. */
export class Inbox {
  constructor(what) {
    this.what = what;
    this.items = [];
    this.waiting = [];
  }

  push(item) {
    const first = this.waiting.shift();
    if (first) first(item);
    else this.items.push(item);
  }

  /** The next one, in order of arrival. */
  next() {
    if (this.items.length > 0) return Promise.resolve(this.items.shift());
    return within(new Promise((resolve) => this.waiting.push(resolve)), `next of ${this.what}`);
  }

  /** The next `count` of them. */
  async take(count) {
    const taken = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }
}

const endings = [];

/** Something to undo when the story ends, well or not. */
export const atEnd = (undo) => endings.push(undo);

/** Runs a PHP script that stands in tests/php; resolves to what it printed. */
export function php(script, ...args) {
  const path = fileURLToPath(new URL(`../php/${script}`, import.meta.url));
  const child = spawn("php", [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.on("data", (part) => (printed += part));
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve(printed) : reject(new Error(`php ${script} ended with ${code}`)),
    );
  });
  return within(ended, `the end of php ${script}`, 60_000);
}

/** An error's message and place, without the megabytes that two bodies may differ by. */
function inBrief(error) {
  const { message = String(error), stack = "" } = error ?? {};
  const places = stack.split("\n").filter((line) => /^ +at .*tests\/node/.test(line));
  return [message.slice(0, 1_500), ...places].join("\n");
}

/** Runs a story to its end; the exit status tells whether its claim holds. */
export async function story(claim, tell) {
  let status = 0;
  try {
    await within(tell(), `the end of the story "${claim}"`, STORY_MS_MAX);
    console.log(`holds: ${claim}`);
  } catch (error) {
    status = 1;
    console.error(`does not hold: ${claim}`);
    console.error(inBrief(error));
  }
  for (const undo of endings.reverse()) {
    try {
      await within(Promise.resolve(undo()), "a story's clean-up", 5_000);
    } catch (error) {
      console.error(`clean-up: ${error.message}`);
    }
  }
  process.exit(status);
}
