// One of the five scenarios, from the PHP examples to the example pages in Chromium:
// node scenario.mjs notifications|presence|chat|dashboard|editing
import { spawn } from "node:child_process";
import { fileURLToPath, pathToFileURL } from "node:url";

import { browser } from "./chromium.mjs";
import { amqpUrl, assert, isOracle, php, story, within, wsUrl } from "./story.mjs";

const examples = fileURLToPath(new URL("../../examples", import.meta.url));

const scenarios = { notifications, presence, chat, dashboard, editing };
const name = process.argv[2];

await story(`${name}: what PHP sends is seen in the page`, async () => {
  // The exchange is there before the page: its back end declares it.
  await php("users_declare.php", name);
  const context = await browser();
  await scenarios[name]((user) => open(context, user));
});

async function notifications(page) {
  const ada = await page("7");
  const bob = await page("9");
  await send("user", "7", "success", "Parcel posted", "Parcel 77 left us.", "/orders/1042");
  // Long bodies are compressed by the back end. RabbitMQ puts their bytes into text messages,
  // for which a browser drops the connection.
  const long = isOracle ? "x" : "x".repeat(3000);
  await send("user", "9", "error", "Payment failed", long);
  await send("all", "warning", "Maintenance", "Back at 18:00.");
  await ada.sees("Parcel posted", "Parcel 77 left us.", "Maintenance");
  await bob.sees("Payment failed", long, "Maintenance");
  await ada.sees(not("Payment failed"));
  await bob.sees(not("Parcel posted"));
  if (!isOracle) {
    // In the name of an application's user: RabbitMQ's guest may not.
    await send("user", "7", "info", "From Ada", "Sent in her name.", "/users/ada", "ada");
    await ada.sees("Sent in her name.");
  }
}

async function presence(page) {
  const watcher = await page("100");
  await watcher.sees("online 100");
  await send("online", "7", "Hedy");
  await send("activity", "7", "viewing", "document.42");
  await watcher.sees("Hedy", "viewing document.42");
  await send("users", "7:Grace", "9");
  await watcher.sees("Grace", "user 9");
  await send("offline", "7");
  await watcher.sees(not("Grace"));
}

async function chat(page) {
  const seven = await page("7");
  const eight = await page("8");
  await send("typing", "9", "user", "7", "begin");
  await seven.sees("9 is typing");
  await send("typing", "9", "user", "7", "stop");
  await seven.sees(not("is typing"));
  await send("direct", "9", "7", "Read page two, please");
  await send("group", "9", "lobby", "Hello, all");
  await seven.sees("Read page two, please", "Hello, all");
  await eight.sees("Hello, all", not("Read page two, please"));
  // And from page to page.
  await eight.page.fill("[name=text]", "Hello from eight");
  await eight.page.click("text=Send");
  await seven.sees("Hello from eight");
}

async function dashboard(page) {
  const board = await page("7");
  await send("metrics", "shop", "orders_per_minute=47", "cpu_percent=71.5");
  await board.sees("orders per minute", "47", "71.5");
  await send("metrics", "shop", "cpu_percent=64.25");
  await board.sees("47", "64.25");
  await send("alert", "shop", "warning", "CPU above 60 %", "cpu_percent", "64.25", "60");
  await board.sees("CPU above 60 %", "warning");
}

async function editing(page) {
  const ada = await page("7");
  const bob = await page("8");
  await send("insert", "42", "9", "0", "0", "Hopwire 🐇 ");
  await send("insert", "42", "9", "1", "11", "carries it");
  await send("delete", "42", "9", "2", "0", "4");
  await send("cursor", "42", "9", "3");
  for (const { page } of [ada, bob]) await value(page, "ire 🐇 carries it");
  // Both type at once; both end with the same text.
  await Promise.all([
    ada.page.type("#editor", "A"),
    bob.page.locator("#editor").press("Home").then(() => bob.page.type("#editor", "B")),
  ]);
  await within(
    ada.page.waitForFunction(() => {
      const text = document.getElementById("editor").value;
      return text.includes("A") && text.includes("B");
    }),
    "both letters at Ada's",
  );
  await value(bob.page, await ada.page.inputValue("#editor"));
}

function value(page, wanted) {
  const found = page.waitForFunction(
    (text) => document.getElementById("editor").value === text,
    wanted,
  );
  return within(found, `the text '${wanted}'`);
}

/** A text that must not be in the page. */
function not(text) {
  return { not: text };
}

/** The scenario's example page as this user, connected and subscribed. */
async function open(context, user) {
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  const url = pathToFileURL(`${examples}/pages/${name}.html`);
  url.search = new URLSearchParams({ user, url: wsUrl });
  await page.goto(url.href);
  // Subscriptions are answered in order: when this one is ready, the page's own are. Inside,
  // `page` is the example's own global.
  const ready = page.evaluate(async (exchange) => {
    await page.client.subscribe(`/exchange/${exchange}/behind.all`, () => {}).ready;
  }, name);
  await within(ready, `${name}.html as user ${user}`);
  return {
    page,
    async sees(...texts) {
      for (const text of texts) {
        const wanted = text.not === undefined;
        const found = page.waitForFunction(
          ([part, wanted]) => document.body.innerText.includes(part) === wanted,
          [text.not ?? text, wanted],
        );
        await within(found, `${wanted ? "" : "no "}'${(text.not ?? text).slice(0, 60)}' in a page`);
      }
      assert.deepEqual(problems, [], "the page has no errors");
    },
  };
}

/** Runs the scenario's PHP example. */
function send(...args) {
  const child = spawn("php", [`${examples}/php/${name}.php`, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, HOPWIRE_AMQP: `${amqpUrl}/` },
  });
  const ended = new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`php: ${code}`))));
  });
  return within(ended, `php ${name}.php ${args.join(" ").slice(0, 60)}`);
}
