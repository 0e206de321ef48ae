//! One page's copy of a shared document: a state machine without sockets or clocks.
//!
//! The broker's order of operations decides. Everybody bends an operation around those that came
//! before it and that its author had not seen; one operation of an author is on its way at a time.
//! `after`, `replica` and the types `join` and `snapshot` are this page's additions to the
//! vocabulary of docs/scenarios.md: they notice a copy that missed something, and mend it.

import { apply, cross, difference, merged, readStep, shifted, unshifted } from './operation';

import type { Step } from './operation';

/** An operation as it travels. Back ends may leave out what is optional. */
export interface OperationBody {
  readonly type: 'operation';
  readonly id: string;
  readonly revision: number;
  readonly operation: unknown;
  /** Digest of the author's copy at that revision. */
  readonly after?: string;
  readonly replica?: string;
}

/** Somebody opened the document, or came back to it. */
export interface JoinBody extends Position {
  readonly type: 'join';
}

/** A whole copy, for one that lags behind. */
export interface SnapshotBody extends Position {
  readonly type: 'snapshot';
  readonly to: string;
  readonly text: string;
  /** The latest operations in `text`, to bend late ones around; and the digest before them. */
  readonly history: readonly Entry[];
  readonly start: string;
}

/** What a cursor tells about its author's copy. */
export interface Position {
  readonly replica: string;
  readonly revision: number;
  readonly after: string;
}

export type EditingBody = OperationBody | JoinBody | SnapshotBody;

/** What a call has led to. */
export interface Outcome {
  /** To be sent, in order. */
  readonly send: readonly EditingBody[];
  /** How the visible text changed because of others. */
  readonly steps: readonly Step[];
}

/** An applied operation, as it was bent. */
interface Entry {
  readonly id: string;
  readonly steps: readonly Step[];
  /** Of all operations so far and the text that they made: equal digests, equal copies. */
  readonly digest: string;
}

/** An own operation on its way, bent around what arrived meanwhile. */
interface InFlight {
  readonly id: string;
  readonly steps: readonly Step[];
}

/**
 * Operations kept to bend late ones around. One made before them is taken as made on the oldest
 * kept, which is the same one in every copy.
 */
const HISTORY_MAX = 64;

export class Replica {
  /** This copy's name among all copies, other tabs of the same user included. */
  readonly #name: string;
  readonly #newId: () => string;
  /** What the broker's order has made so far. */
  #base: string;
  #history: Entry[] = [];
  /** Revision and digest before the first kept entry. */
  #start = 0;
  #startDigest = '';
  /** Sent, not come back yet. */
  #inFlight: InFlight | undefined;
  /** Made here, not sent yet. */
  #unsent: Step[] = [];
  /** While nobody has answered a `join` yet: operations that arrived meanwhile. */
  #heard: OperationBody[] | undefined;

  constructor(name: string, text: string, newId: () => string) {
    this.#name = name;
    this.#base = text;
    this.#newId = newId;
  }

  /** What the user sees: the broker's order, and on top what is on its way. */
  get text(): string {
    return apply(this.#base, this.#mine());
  }

  /** How many operations have been applied. */
  get revision(): number {
    return this.#start + this.#history.length;
  }

  /** Steps made here that nobody else may have seen yet. */
  get isAhead(): boolean {
    return this.#mine().length > 0;
  }

  get isJoining(): boolean {
    return this.#heard !== undefined;
  }

  /** Takes the text as the user left it. */
  edit(text: string): Outcome {
    for (const step of difference(this.text, text)) {
      const last = this.#unsent.at(-1);
      const both = last && merged(last, step);
      if (both) this.#unsent.splice(-1, 1, both);
      else this.#unsent.push(step);
    }
    return this.#outcome();
  }

  /** Asks the others what was missed: after every connect. */
  join(): Outcome {
    this.#heard ??= [];
    return { send: [this.#joinBody()], steps: [] };
  }

  /** Nobody knows better: goes on with what there is. Sends again what never came back. */
  settle(): Outcome {
    const heard = this.#heard;
    if (!heard) return this.#outcome();
    this.#heard = undefined;
    const before = this.text;
    const again = this.#repeat(heard);
    const send = heard.flatMap((body) => [
      ...this.#receiveOperation(body, 'whatever is missing').send,
    ]);
    return { send: [...again, ...send], steps: difference(before, this.text) };
  }

  /** Notices from a cursor that the copies have gone apart. */
  compare(position: Position): Outcome {
    if (this.#heard || position.replica === this.#name) return this.#outcome();
    if (position.revision <= this.revision) return { send: this.#mend(position), steps: [] };
    return this.join();
  }

  /** Where this copy stands, for a cursor to tell. */
  get position(): Position {
    return { replica: this.#name, revision: this.revision, after: this.#digest() };
  }

  /** A place in the visible text as everybody has it: without what is on its way from here. */
  toCommon(position: number): number {
    return unshifted(position, this.#mine());
  }

  /** A place in the text that everybody had at `revision`, in the visible text. */
  fromCommon(position: number, revision: number): number {
    const since = this.#history.slice(Math.max(revision - this.#start, 0));
    return shifted(position, [...since.flatMap(({ steps }) => steps), ...this.#mine()]);
  }

  /** Takes what came over the wire, own operations included. */
  receive(body: EditingBody): Outcome {
    switch (body.type) {
      case 'operation':
        return this.#receiveOperation(body, 'ask for what is missing');
      case 'join':
        return this.#receiveJoin(body);
      case 'snapshot':
        return this.#receiveSnapshot(body);
    }
  }

  #receiveOperation(
    body: OperationBody,
    gap: 'ask for what is missing' | 'whatever is missing',
  ): Outcome {
    if (this.#heard) {
      this.#heard.push(body);
      return this.#outcome();
    }
    if (body.id === this.#inFlight?.id) {
      this.#confirm(this.#inFlight);
      this.#inFlight = undefined;
      return this.#outcome();
    }
    if (this.#history.some(({ id }) => id === body.id)) return this.#outcome();
    const isBehind = body.after !== undefined && body.revision > this.revision;
    if (isBehind && gap === 'ask for what is missing') {
      this.#heard = [body];
      return { send: [this.#joinBody()], steps: [] };
    }
    const steps = this.#take(body);
    const { after, revision, replica = '' } = body;
    const mend = after === undefined ? [] : this.#mend({ after, revision, replica });
    return { send: [...mend, ...this.#outcome().send], steps };
  }

  /** Applies somebody else's operation. */
  #take(body: OperationBody): Step[] {
    const made = Number.isSafeInteger(body.revision) ? body.revision : this.revision;
    const unseen = this.#history.slice(Math.max(made - this.#start, 0));
    const lengthThen = unseen.reduceRight(
      (length, { steps }) => length - growth(steps),
      this.#base.length,
    );
    const step = readStep(body.operation, lengthThen);
    if (!step) return [];
    let steps: Step[] = [step];
    for (const entry of unseen) [steps] = cross(steps, entry.steps);
    this.#confirm({ id: body.id, steps });
    return this.#bendMine(steps);
  }

  /** Bends what is on its way around `steps`; gives them as they change the visible text. */
  #bendMine(steps: Step[]): Step[] {
    let visible = steps;
    if (this.#inFlight) {
      const [mine, others] = cross(this.#inFlight.steps, visible);
      this.#inFlight = { id: this.#inFlight.id, steps: mine };
      visible = others;
    }
    [this.#unsent, visible] = cross(this.#unsent, visible);
    return visible;
  }

  /** Two copies saw two orders. The one with the smaller name is right. */
  #mend({ after, revision, replica }: Position): EditingBody[] {
    const known = this.#digestAt(revision);
    if (known === undefined || known === after) return [];
    if (this.#name < replica) return [this.#snapshot(replica)];
    this.#heard = [];
    return [this.#joinBody()];
  }

  #receiveJoin(body: JoinBody): Outcome {
    const isSame = body.revision === this.revision && body.after === this.#digest();
    if (body.replica === this.#name || isSame) return this.#outcome();
    const isAhead = this.revision > body.revision;
    const isFirst = this.revision === body.revision && this.#name < body.replica;
    if (isAhead || isFirst) return { send: [this.#snapshot(body.replica)], steps: [] };
    // They know more than we do. Asking once is enough.
    return this.#heard ? this.#outcome() : this.join();
  }

  #receiveSnapshot(body: SnapshotBody): Outcome {
    if (body.to !== this.#name) return this.#outcome();
    const before = this.text;
    if (this.#inFlight && body.history.some(({ id }) => id === this.#inFlight?.id)) {
      this.#base = apply(this.#base, this.#inFlight.steps);
      this.#inFlight = undefined;
    }
    this.#bendMine(difference(this.#base, body.text));
    this.#base = body.text;
    this.#history = body.history.slice(-HISTORY_MAX);
    this.#start = body.revision - this.#history.length;
    this.#startDigest = body.start;
    const heard = this.#heard;
    this.#heard = undefined;
    const again = heard ? this.#repeat(heard) : [];
    const send = (heard ?? []).flatMap((later) => [...this.receive(later).send]);
    const steps = difference(before, this.text);
    return { send: [...again, ...send, ...this.#outcome().send], steps };
  }

  /** Sends again, under the same id, what was on its way and is not among what was heard. */
  #repeat(heard: readonly OperationBody[]): EditingBody[] {
    const lost = this.#inFlight;
    if (!lost || heard.some(({ id }) => id === lost.id)) return [...this.#outcome().send];
    this.#inFlight = undefined;
    this.#unsent = [...lost.steps, ...this.#unsent];
    // Split by others, it is two operations; else whichever copy of it comes first is the one.
    return [...this.#outcome(lost.steps.length === 1 ? lost.id : undefined).send];
  }

  /** Sends the next own step, if none is on its way. */
  #outcome(id = this.#newId()): Outcome {
    const step = this.#unsent[0];
    if (step === undefined || this.#inFlight || this.#heard) return { send: [], steps: [] };
    this.#unsent = this.#unsent.slice(1);
    this.#inFlight = { id, steps: [step] };
    return { send: [{ type: 'operation', id, operation: step, ...this.position }], steps: [] };
  }

  #mine(): Step[] {
    return [...(this.#inFlight?.steps ?? []), ...this.#unsent];
  }

  #confirm({ id, steps }: InFlight): void {
    this.#base = apply(this.#base, steps);
    this.#history.push({ id, steps, digest: digestOf(this.#digest() + id + this.#base) });
    if (this.#history.length <= HISTORY_MAX) return;
    this.#startDigest = this.#history.shift()?.digest ?? '';
    this.#start += 1;
  }

  #digest(): string {
    return this.#history.at(-1)?.digest ?? this.#startDigest;
  }

  #digestAt(revision: number): string | undefined {
    if (revision === this.#start) return this.#startDigest;
    return this.#history[revision - this.#start - 1]?.digest;
  }

  #joinBody(): JoinBody {
    return { type: 'join', ...this.position };
  }

  #snapshot(to: string): SnapshotBody {
    return {
      type: 'snapshot',
      ...this.position,
      to,
      text: this.#base,
      history: this.#history,
      start: this.#startDigest,
    };
  }
}

function growth(steps: readonly Step[]): number {
  return steps.reduce(
    (sum, step) => sum + (step.kind === 'insert' ? step.text.length : -step.length),
    0,
  );
}

/** FNV-1a, as 8 hexadecimal digits. */
function digestOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
