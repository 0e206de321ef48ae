// node --test examples/pages/

import assert from 'node:assert/strict';
import { test } from 'node:test';

import './operations.js';

const { SharedText, apply, difference, transform } = globalThis.operations;

/** Every operation on a text of `length`. */
function* operationsOn(length, inserted) {
  for (let position = 0; position <= length; position += 1) {
    yield { kind: 'insert', position, text: inserted };
    for (let cut = 0; position + cut <= length; cut += 1) {
      yield { kind: 'delete', position, length: cut };
    }
  }
}

test('any two operations give one text, whichever is applied first', () => {
  const text = 'abcde';
  let pairs = 0;
  for (const first of operationsOn(text.length, 'XY')) {
    for (const second of operationsOn(text.length, 'Z')) {
      const one = apply(apply(text, first), transform(second, first, false));
      const other = apply(apply(text, second), transform(first, second, true));
      assert.equal(one, other, JSON.stringify([first, second]));
      pairs += 1;
    }
  }
  assert.equal(pairs, 27 * 27);
});

test('a difference turns one text into the other', () => {
  for (const [from, to] of [['', ''], ['', 'a'], ['aa', 'a'], ['abcabc', 'abXabc'], ['ab', 'ba']]) {
    assert.equal(difference(from, to).reduce(apply, from), to);
  }
});

/** Numbers that look random and are the same in every run (a linear congruential generator). */
function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A page, and the broker's order as far as it has read it. */
class Page {
  shared = new SharedText();
  text = '';
  isWaiting = false;
  read = 0;

  constructor(name, order) {
    this.name = name;
    this.order = order;
  }

  type(random) {
    const position = random(this.text.length + 1);
    const length = random(3) === 0 ? random(this.text.length - position + 1) : 0;
    const added = this.name.repeat(random(3));
    this.text = this.text.slice(0, position) + added + this.text.slice(position + length);
    this.flush();
  }

  flush() {
    const next = this.isWaiting ? undefined : this.shared.next(this.text);
    if (!next) return;
    this.isWaiting = true;
    this.order.push({ user: this.name, ...next });
  }

  receive() {
    const { user, revision, operation } = this.order[this.read];
    this.read += 1;
    if (user !== this.name) {
      this.text = this.shared.received(operation, revision, this.text).text;
      return;
    }
    this.shared.confirmed();
    this.isWaiting = false;
    this.flush();
  }
}

test('pages that read at different speeds end with the same text', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = numbers(seed);
    const order = [];
    const pages = ['a', 'b', 'c'].map((name) => new Page(name, order));
    for (let step = 0; step < 150; step += 1) {
      const page = pages[random(pages.length)];
      if (random(2) === 0) page.type(random);
      else if (page.read < order.length) page.receive();
    }
    for (let late = true; late; ) {
      late = false;
      for (const page of pages) {
        while (page.read < order.length) {
          page.receive();
          late = true;
        }
      }
    }
    const texts = new Set(pages.map(({ text }) => text));
    assert.equal(texts.size, 1, `seed ${seed}: ${JSON.stringify([...texts])}`);
    assert.ok(order.length > 20, `seed ${seed} did too little`);
  }
});

test('an operation beyond the end of the text changes its end', () => {
  const shared = new SharedText();
  const { text } = shared.received({ kind: 'insert', position: 120, text: 'Hop' }, 18, '');
  assert.equal(text, 'Hop');
  const cut = shared.received({ kind: 'delete', position: 1, length: 50 }, 1, text);
  assert.equal(cut.text, 'H');
});
