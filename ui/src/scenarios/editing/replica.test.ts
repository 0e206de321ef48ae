//! Copies of one document over a broker that is sometimes slow, sometimes away.

import { expect, test } from 'vitest';

import { randomFrom, randomText } from './dice';
import { Replica } from './replica';

import type { Dice } from './dice';
import type { EditingBody, Outcome } from './replica';

/** A page: its copy, its inbox, and how much of it was read. */
interface Page {
  readonly name: string;
  readonly replica: Replica;
  inbox: EditingBody[];
}

/** A broker in memory: everybody gets everything in one order, each at their own pace. */
class Room {
  readonly pages: Page[] = [];
  #ids = 0;

  open(name: string, text: string): Page {
    const replica = new Replica(name, text, () => `op-${(this.#ids += 1)}`);
    const page = { name, replica, inbox: [] };
    this.pages.push(page);
    return page;
  }

  publish(outcome: Outcome): void {
    for (const body of outcome.send) {
      // As over the wire: nobody shares objects.
      for (const page of this.pages) page.inbox.push(JSON.parse(JSON.stringify(body)));
    }
  }

  deliverOne(page: Page): void {
    const body = page.inbox.shift();
    if (body) this.publish(page.replica.receive(body));
  }

  deliverAll(): void {
    let page: Page | undefined;
    while ((page = this.pages.find(({ inbox }) => inbox.length > 0))) this.deliverOne(page);
  }

  /** Time passes: whoever still waits for an answer gives up waiting. */
  rest(): void {
    for (let round = 0; round < 6; round += 1) {
      this.deliverAll();
      for (const { replica } of this.pages) this.publish(replica.settle());
    }
  }

  /** Everybody shows where they stand, as cursors do, until all is calm. */
  mend(): void {
    for (let round = 0; round < 4; round += 1) {
      for (const { replica } of this.pages) {
        for (const other of this.pages) this.publish(other.replica.compare(replica.position));
      }
      this.rest();
    }
  }

  expectOneText(): string {
    const [first, ...others] = this.pages.map(({ replica }) => replica.text);
    for (const text of others) expect(text).toBe(first);
    return first ?? '';
  }
}

function scribble(dice: Dice, page: Page, room: Room): void {
  const { text } = page.replica;
  const start = dice(text.length + 1);
  const end = dice(3) ? start : Math.min(text.length, start + dice(4));
  room.publish(page.replica.edit(text.slice(0, start) + randomText(dice, 3) + text.slice(end)));
}

test('two panes that type at once see one text', () => {
  const room = new Room();
  const ada = room.open('ada', 'Hello');
  const grace = room.open('grace', 'Hello');
  room.publish(ada.replica.edit('Hello, world'));
  room.publish(grace.replica.edit('Oh! Hello'));
  expect(ada.replica.text).toBe('Hello, world');
  room.deliverAll();
  expect(room.expectOneText()).toBe('Oh! Hello, world');
});

test('any pace of any number of writers ends in one text', () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const dice = randomFrom(seed);
    const room = new Room();
    for (let n = 0; n < 2 + (seed % 3); n += 1) room.open(`page-${n}`, 'The quick brown fox');
    for (let step = 0; step < 120; step += 1) {
      const page = room.pages[dice(room.pages.length)];
      if (!page) continue;
      if (dice(3)) room.deliverOne(page);
      else scribble(dice, page, room);
    }
    room.deliverAll();
    room.expectOneText();
    for (const { replica } of room.pages) expect(replica.isAhead).toBe(false);
  }
});

test('who comes late gets the whole text, and what is written meanwhile', () => {
  const room = new Room();
  const ada = room.open('ada', '');
  room.publish(ada.replica.edit('one two'));
  room.deliverAll();
  const grace = room.open('grace', '');
  room.publish(grace.replica.join());
  room.publish(ada.replica.edit('one two three'));
  room.deliverAll();
  expect(room.expectOneText()).toBe('one two three');
});

test('who was away comes back with both texts', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const dice = randomFrom(seed);
    const room = new Room();
    const ada = room.open('ada', 'The quick brown fox');
    const grace = room.open('grace', 'The quick brown fox');
    for (let n = 0; n < 6; n += 1) scribble(dice, dice(2) ? ada : grace, room);
    if (seed % 2) room.deliverAll();
    // Grace hears nothing for a while; what she had sent did or did not arrive.
    grace.inbox = [];
    for (let n = 0; n < 5; n += 1) {
      scribble(dice, ada, room);
      room.deliverOne(ada);
    }
    grace.inbox = [];
    const typed = grace.replica.edit(`${grace.replica.text}!`);
    if (seed % 3) room.publish(typed);
    grace.inbox = [];
    room.publish(grace.replica.join());
    room.rest();
    room.mend();
    expect(room.expectOneText()).toContain('!');
    expect(grace.replica.isAhead).toBe(false);
  }
});

test('copies that saw two orders are mended', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const dice = randomFrom(seed);
    const room = new Room();
    const ada = room.open('ada', 'The quick brown fox');
    const grace = room.open('grace', 'The quick brown fox');
    for (let step = 0; step < 60; step += 1) {
      const page = dice(2) ? ada : grace;
      if (dice(3)) room.deliverOne(page);
      else scribble(dice, page, room);
      // A broker without one order for all.
      const [first, second, ...rest] = page.inbox;
      if (first && second && dice(4) === 0) page.inbox = [second, first, ...rest];
    }
    room.rest();
    room.mend();
    room.expectOneText();
  }
});

test('a caret stays on its character in every copy', () => {
  const room = new Room();
  const ada = room.open('ada', 'one two');
  const grace = room.open('grace', 'one two');
  // Grace writes at her caret, Ada in front of it; Grace tells where she is at every point.
  room.publish(grace.replica.edit('one two!'));
  const told = grace.replica.toCommon(8);
  expect(ada.replica.fromCommon(told, grace.replica.revision)).toBe(7);
  room.publish(ada.replica.edit('>> one two'));
  expect(ada.replica.fromCommon(told, 0)).toBe(10);
  room.deliverAll();
  expect(room.expectOneText()).toBe('>> one two!');
  expect(ada.replica.fromCommon(grace.replica.toCommon(11), grace.replica.revision)).toBe(11);
  expect(ada.replica.fromCommon(told, 0)).toBe(11);
});

test('a message that comes twice counts once', () => {
  const room = new Room();
  const ada = room.open('ada', '');
  const grace = room.open('grace', '');
  const typed = ada.replica.edit('once');
  room.publish(typed);
  room.publish(typed);
  room.deliverAll();
  expect(room.expectOneText()).toBe('once');
  expect(grace.replica.revision).toBe(1);
});

test('a back end may write without knowing the revision', () => {
  const room = new Room();
  const ada = room.open('ada', '');
  const grace = room.open('grace', '');
  for (const text of ['a', 'ab', 'abc']) {
    room.publish(ada.replica.edit(text));
    room.deliverAll();
  }
  for (const revision of [0, 2, 1e6, Number.NaN]) {
    const operation = { kind: 'insert', position: 0, text: '>' };
    room.publish({
      send: [{ type: 'operation', id: `php-${revision}`, revision, operation }],
      steps: [],
    });
    room.deliverAll();
  }
  expect(room.expectOneText()).toBe('>>>abc>');
  expect(grace.replica.revision).toBe(7);
});

test('a page that came late and one that was there bend a stale operation alike', () => {
  const room = new Room();
  const ada = room.open('ada', '');
  let text = '';
  for (let n = 0; n < 100; n += 1) {
    text += n % 10;
    room.publish(ada.replica.edit(text));
    room.deliverAll();
  }
  const grace = room.open('grace', '');
  room.publish(grace.replica.join());
  room.deliverAll();
  const operation = { kind: 'insert', position: 3, text: '|' };
  room.publish({ send: [{ type: 'operation', id: 'php', revision: 0, operation }], steps: [] });
  room.deliverAll();
  expect(room.expectOneText()).toContain('|');
});
