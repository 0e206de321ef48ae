// Shared editing without a server of its own: the broker puts all operations into one order, and
// every page transforms each operation over those that came in between. Pages that have seen the
// same operations show the same text. In one global, `operations`.
//
// An operation is {kind: 'insert', position, text} or {kind: 'delete', position, length}, in
// UTF-16 code units; it was made on a text of a known revision, the count of operations before it.

globalThis.operations = (() => {
  const end = ({ position, length }) => position + length;

  function apply(text, operation) {
    const { kind, position } = operation;
    const rest = kind === 'insert' ? position : end(operation);
    const added = kind === 'insert' ? operation.text : '';
    return text.slice(0, position) + added + text.slice(rest);
  }

  /**
   * `operation` as it must be after `other`, when both were made on the same text. Of two inserts
   * at one place the earlier in the broker's order comes first; `isEarlier` says whether that is
   * `operation`. What is inserted inside a range that somebody deletes goes with it.
   */
  function transform(operation, other, isEarlier) {
    return other.kind === 'insert'
      ? overInsert(operation, other, isEarlier)
      : overDelete(operation, other);
  }

  function overInsert(operation, { position: at, text }, isEarlier) {
    const { kind, position } = operation;
    const isBefore = kind === 'insert'
      ? position < at || (position === at && isEarlier)
      : end(operation) <= at;
    if (isBefore) return operation;
    if (kind === 'insert' || at <= position) {
      return { ...operation, position: position + text.length };
    }
    return { ...operation, length: operation.length + text.length };
  }

  function overDelete(operation, other) {
    const { kind, position } = operation;
    // Where a place is once the other's range is gone.
    const moved = (place) => place - Math.min(Math.max(place - other.position, 0), other.length);
    if (kind === 'delete') {
      const from = moved(position);
      return { ...operation, position: from, length: moved(end(operation)) - from };
    }
    const isInside = position > other.position && position < end(other);
    return { ...operation, position: moved(position), text: isInside ? '' : operation.text };
  }

  /** The operations, none to two, that turn `from` into `to`. */
  function difference(from, to) {
    const longest = Math.min(from.length, to.length);
    let head = 0;
    while (head < longest && from[head] === to[head]) head += 1;
    let tail = 0;
    while (tail < longest - head && from.at(-1 - tail) === to.at(-1 - tail)) tail += 1;
    const length = from.length - head - tail;
    const text = to.slice(head, to.length - tail);
    const found = [];
    if (length > 0) found.push({ kind: 'delete', position: head, length });
    if (text !== '') found.push({ kind: 'insert', position: head, text });
    return found;
  }

  /** One page's view of a shared text. */
  class SharedText {
    /** What was agreed on, in the broker's order, and the text that it makes. */
    #history = [];
    #agreed = '';
    /** The agreed text with the operation under way, if there is one. */
    #shown = '';
    #underWay;

    get revision() {
      return this.#history.length;
    }

    /** The next operation to send, given what the editor shows; nothing if there is none. */
    next(text) {
      if (this.#underWay) return undefined;
      const [operation] = difference(this.#shown, text);
      if (!operation) return undefined;
      this.#underWay = operation;
      this.#shown = apply(this.#shown, operation);
      return { revision: this.revision, operation };
    }

    /** The operation under way came back from the broker. */
    confirmed() {
      this.#agree(this.#underWay);
      this.#underWay = undefined;
    }

    /** Another page's operation: what the editor shall show, and what changes there. */
    received(operation, revision, text) {
      let theirs = operation;
      for (const earlier of this.#history.slice(revision)) {
        theirs = transform(theirs, earlier, false);
      }
      theirs = within(this.#agreed, theirs);
      this.#agree(theirs);
      const typed = difference(this.#shown, text);
      if (this.#underWay) {
        const ours = this.#underWay;
        this.#underWay = transform(ours, theirs, false);
        theirs = transform(theirs, ours, true);
      }
      this.#shown = apply(this.#shown, theirs);
      for (const ours of typed) theirs = transform(theirs, ours, true);
      return { text: apply(text, theirs), operation: theirs };
    }

    #agree(operation) {
      this.#history.push(operation);
      this.#agreed = apply(this.#agreed, operation);
    }
  }

  /** A back end may not know the text it changes: nothing lies beyond the end. */
  function within(text, operation) {
    const position = Math.min(operation.position, text.length);
    if (operation.kind === 'insert') return { ...operation, position };
    return { ...operation, position, length: Math.min(operation.length, text.length - position) };
  }

  /** Where a cursor is after an operation. */
  const movedPosition = (position, operation) =>
    transform({ kind: 'delete', position, length: 0 }, operation, true).position;

  return { SharedText, apply, difference, movedPosition, transform };
})();
