//! The playground's story, told in Chromium against a running broker.
//!
//! HOPWIRE_UI_URL names the page (http://localhost:15672/). HOPWIRE_WS_URL names the broker's
//! WebSocket if it is not the page's own guess; CHROMIUM another browser than Debian's.

import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { chromium } from 'playwright-core';

const PAGE = process.env.HOPWIRE_UI_URL;
const SOCKET = process.env.HOPWIRE_WS_URL;
/** How long anything may take to show up, in milliseconds. */
const PATIENCE_MS = 10_000;

let browser;
let context;
let page;
let ada;
let grace;
let complaints;

before(async () => {
  assert.ok(PAGE, 'HOPWIRE_UI_URL must name the page');
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});

after(() => browser?.close());

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(PATIENCE_MS);
  page = await context.newPage();
  complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) complaints.push(message.text());
  });
  ada = page.getByTestId('pane-a');
  grace = page.getByTestId('pane-b');
});

afterEach(async () => {
  await context.close();
  assert.deepEqual(complaints, [], 'the page complained');
});

/** Opens the page; both panes are connected afterwards. */
async function open(tab) {
  if (SOCKET) await remember({ url: SOCKET });
  await page.goto(`${PAGE}#${tab}`);
  await connected(ada);
  await connected(grace);
}

/** What the page would have kept from an earlier visit. */
function remember(settings) {
  return context.addInitScript((kept) => {
    localStorage.setItem('hopwire.playground', kept);
  }, JSON.stringify(settings));
}

async function connected(pane) {
  await pane.getByTestId('state').getByText('connected', { exact: true }).waitFor();
  // The latency is known when the first receipt has come: subscriptions are in place.
  await pane.getByTestId('latency').waitFor();
}

/** Waits until `claim` holds; fails with what it last gave. */
async function eventually(claim, wanted) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await claim();
    if (found === wanted) return;
    if (Date.now() > deadline) assert.deepEqual(found, wanted);
    await page.waitForTimeout(50);
  }
}

test('a notification reaches the one it is for, and everybody when it is for all', async () => {
  await open('notifications');
  await ada.getByTestId('notify-warning').click();
  await grace.getByTestId('notification').getByText('Storage almost full').waitFor();
  assert.equal(await ada.getByTestId('notification').count(), 0);
  await ada.getByLabel('To everybody').check();
  await ada.getByLabel('Text of the notification').fill('Tea is ready');
  await ada.getByTestId('notify-info').click();
  await ada.getByTestId('notification').getByText('Tea is ready').waitFor();
  await grace.getByTestId('notification').getByText('Tea is ready').waitFor();
});

test('each sees the other come, change and go', async () => {
  await open('presence');
  await ada.getByTestId('person-grace').getByText('online, looking at Online status').waitFor();
  await grace.getByTestId('person-ada').getByText('online, looking at Online status').waitFor();
  await grace.getByLabel('Busy').check();
  await ada.getByTestId('person-grace').getByText('busy').waitFor();
  await grace.getByRole('button', { name: 'Disconnect', exact: true }).click();
  await ada.getByTestId('person-grace').getByText('offline').waitFor();
  await grace.getByRole('button', { name: 'Connect', exact: true }).click();
  await ada.getByTestId('person-grace').getByText('busy').waitFor();
});

test('talk in the room and on the direct line, with typing shown', async () => {
  await open('chat');
  await ada.getByLabel('Write to the lobby').pressSequentially('Hello');
  await grace.getByTestId('typing').getByText('Ada is typing').waitFor();
  await ada.getByLabel('Write to the lobby').press('Enter');
  await grace.getByTestId('message').getByText('Hello').waitFor();
  await grace.getByTestId('typing').waitFor({ state: 'detached' });
  await ada.getByTestId('message').getByText('sent').waitFor({ state: 'attached' });
  assert.equal(await ada.getByTestId('message').count(), 1, 'the echo is not a second message');

  await grace.getByLabel('@ Ada').check();
  await grace.getByLabel('Write to Ada').fill('Just between us');
  await grace.getByLabel('Write to Ada').press('Enter');
  await ada.getByLabel('@ Grace').check();
  await ada.getByTestId('message').getByText('Just between us').waitFor();
});

test('a feed moves both boards, and an alert is raised at the threshold', async () => {
  await open('dashboard');
  await ada.getByLabel('Updates per second').selectOption('30');
  await ada.getByTestId('feed').click();
  const shown = (pane) => pane.getByTestId('metric-orders_per_minute').textContent();
  await grace.getByTestId('metric-orders_per_minute').getByText(/\d/).waitFor();
  const first = await shown(grace);
  await eventually(async () => (await shown(grace)) !== first, true);
  await ada.getByLabel(/^Visitors/).fill('1');
  await grace.getByTestId('alert').getByText('CPU above 80 %').waitFor();
  assert.equal(await grace.locator('.uplot canvas').count(), 3);
  await ada.getByTestId('feed').click();
});

test('both write at once and end with one text, carets in place', async () => {
  await open('editing');
  const left = ada.getByTestId('text');
  const right = grace.getByTestId('text');
  await left.click();
  await left.press('Control+Home');
  await right.click();
  await right.press('Control+End');
  // One key each, in turn: neither waits for the broker.
  const words = ['from the left ', 'from the right '];
  for (let n = 0; n < Math.max(...words.map((word) => word.length)); n += 1) {
    for (const [index, area] of [left, right].entries()) {
      const letter = words[index][n];
      if (letter) await area.press(letter === ' ' ? 'Space' : letter);
    }
  }
  const synced = async () =>
    (await left.inputValue()) === (await right.inputValue()) &&
    (await ada.getByTestId('sync').textContent()) === 'in sync' &&
    (await grace.getByTestId('sync').textContent()) === 'in sync';
  await eventually(synced, true);
  const text = await left.inputValue();
  assert.ok(text.startsWith(words[0]), text);
  assert.ok(text.endsWith(words[1]), text);
  await ada.getByTestId('caret').getByText('Grace').waitFor();
  await grace.getByTestId('caret').getByText('Ada').waitFor();
});

test('a lost connection is announced, comes back, and loses nothing', async () => {
  await open('editing');
  const left = ada.getByTestId('text');
  const right = grace.getByTestId('text');
  await ada.getByRole('button', { name: 'Pull the plug' }).click();
  await ada
    .getByTestId('state')
    .getByText(/^reconnecting in \d s$/)
    .waitFor();
  await left.press('Control+Home');
  await left.pressSequentially('Written while away. ');
  await right.press('Control+End');
  await right.pressSequentially('Meanwhile here.');
  await connected(ada);
  await eventually(async () => (await left.inputValue()) === (await right.inputValue()), true);
  const text = await left.inputValue();
  assert.match(text, /Written while away\./);
  assert.match(text, /Meanwhile here\./);
  assert.equal(await ada.getByTestId('trouble').count(), 0);
});

test('frames are shown, opened, filtered and paused', async () => {
  await open('notifications');
  const frames = ada.getByRole('list', { name: 'Frames' });
  await frames.getByText('CONNECTED', { exact: true }).waitFor();
  await ada.getByTestId('notify-info').click();
  const sent = frames.getByRole('button', { name: /SEND.*notifications\/user\.grace/ });
  await sent.click();
  await frames.getByText('"title": "Maintenance tonight"').waitFor();
  await frames.getByText('application/json').first().waitFor();
  assert.ok(!(await frames.innerText()).includes('passcode:guest'), 'the passcode is masked');

  await ada.getByLabel('Filter frames by words').fill('notifications info');
  await eventually(() => frames.getByRole('listitem').count(), 1);
  await ada.getByLabel('Filter frames by words').fill('');
  await ada.getByRole('button', { name: 'Pause' }).click();
  const before = await frames.getByRole('listitem').count();
  await ada.getByTestId('notify-info').click();
  await ada.getByText(/Paused; [1-9]\d* passed unseen/).waitFor();
  assert.equal(await frames.getByRole('listitem').count(), before);
});

test('a wrong passcode is explained, and mended in the settings', async () => {
  await open('notifications');
  await ada.getByRole('button', { name: 'Address and login' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Passcode').fill('wrong');
  await dialog.getByRole('button', { name: 'Connect' }).click();
  await ada.getByTestId('trouble').getByText('The broker did not let “guest” in').waitFor();
  await connected(grace);
  await ada.getByRole('button', { name: 'Open the settings' }).click();
  await dialog.getByLabel('Passcode').fill('guest');
  await dialog.getByRole('button', { name: 'Connect' }).click();
  await connected(ada);
});

// RabbitMQ before 3.10.14 closes the WebSocket without sending this ERROR: it fails there.
test('a missing exchange is explained, and declared at a click', async () => {
  await open('chat');
  const headers = { Authorization: `Basic ${btoa('guest:guest')}` };
  const deleted = await page.request.delete(new URL('api/exchanges/%2F/chat', PAGE).href, {
    headers,
  });
  assert.equal(deleted.status(), 204);
  await ada.getByLabel('Write to the lobby').fill('Anybody?');
  await ada.getByLabel('Write to the lobby').press('Enter');
  await ada.getByTestId('trouble').getByText('The exchange “chat” does not exist yet').waitFor();
  await ada.getByRole('button', { name: 'Declare the exchanges' }).click();
  await connected(ada);
  await connected(grace);
  await ada.getByLabel('Write to the lobby').fill('There we are');
  await ada.getByLabel('Write to the lobby').press('Enter');
  await grace.getByTestId('message').getByText('There we are').waitFor();
  assert.equal(await ada.getByTestId('trouble').count(), 0);
});

test('an address where nobody answers is explained', async () => {
  // Port 9 is "discard": nobody speaks STOMP there.
  await remember({ url: 'ws://127.0.0.1:9/ws' });
  await page.goto(PAGE);
  await ada.getByTestId('trouble').getByText('Nothing that speaks STOMP answers').waitFor();
  await ada
    .getByTestId('state')
    .getByText(/^reconnecting in/)
    .waitFor();
});

test('a message sent over HTTP arrives, and the head shows the broker', async () => {
  await open('notifications');
  await page.getByTestId('overview').getByText('connections').waitFor();
  await page.getByRole('button', { name: 'Send it from here' }).click();
  await page.getByText('Sent over HTTP, and delivered.').waitFor();
  await ada.getByTestId('notification').getByText('Order shipped').waitFor();
  await page.getByLabel('curl').check();
  await page.getByText('-X PUT').waitFor();
});

test('without the management API the scenarios move to amq.topic', async () => {
  await page.route('**/api/**', (route) => route.abort());
  await open('chat');
  await page.getByText('The scenarios’ exchanges could not be declared').waitFor();
  assert.equal(await page.getByTestId('overview').count(), 0);
  await ada.getByLabel('Write to the lobby').fill('Still here');
  await ada.getByLabel('Write to the lobby').press('Enter');
  await grace.getByTestId('message').getByText('Still here').waitFor();
});

test('on a phone the panes are swiped, and nothing is wider than the screen', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const tab of ['notifications', 'presence', 'chat', 'dashboard', 'editing']) {
    await open(tab);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(wide, false, tab);
    await page.reload();
  }
  await page.getByRole('radio', { name: 'Grace' }).first().check();
  const inView = () => grace.evaluate((pane) => Math.abs(pane.getBoundingClientRect().left) < 40);
  await eventually(inView, true);
});

test('the tabs are walked with the arrow keys', async () => {
  await open('notifications');
  await page.getByRole('tab', { name: 'Notifications' }).focus();
  await page.keyboard.press('ArrowRight');
  await ada.getByText('How others see you').first().waitFor();
  await page.keyboard.press('End');
  await ada.getByTestId('text').waitFor();
  const focused = await page.evaluate(() => document.activeElement?.id);
  assert.equal(focused, 'tab-editing');
});
