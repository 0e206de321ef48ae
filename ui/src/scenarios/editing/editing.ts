//! One user's page of the shared document: the copy, the cursors of others, the wire between.

import { DOCUMENT, envelope, newId } from '../../broker/scenario';
import { Store } from '../../store/store';
import { difference, readStep, shifted } from './operation';
import { Replica } from './replica';

import type { Peer } from '../../peer/peer';
import type { Step } from './operation';
import type { EditingBody, OperationBody, Outcome, Position } from './replica';

/** Where somebody else is in the text. */
export interface Cursor {
  readonly user: string;
  readonly position: number;
  /** The selection's other end; the same where nothing is selected. */
  readonly anchor: number;
  readonly heardAt: number;
}

/** The text, and how it came to be. */
export interface Page {
  readonly text: string;
  readonly revision: number;
  /** Whether everything written here has come back from the broker. */
  readonly isSynced: boolean;
  /** What the latest change by others did: the own caret must follow. */
  readonly steps: readonly Step[];
}

export const FIRST_TEXT = `Welcome to Hopwire.

This note is open in both panes. Put your cursor here and write: every change is one message \
through the broker, and both copies stay the same, even when both write at once.

Pull the plug of one pane, keep writing in both, and watch them meet again.
`;

/** How long to wait for somebody who knows the document better, in milliseconds. */
const JOIN_MS = 700;
/** A cursor that is not heard of is hidden after this long. */
const CURSOR_MAX_MS = 30_000;
/** Cursors are told at most this often. */
const CURSOR_EVERY_MS = 80;

export class Editing {
  readonly page: Store<Page>;
  readonly cursors = new Store<readonly Cursor[]>([]);
  readonly #peer: Peer;
  readonly #replica: Replica;
  readonly #key = `document.${DOCUMENT}`;
  #joinTimer: ReturnType<typeof setTimeout> | undefined;
  #cursorTimer: ReturnType<typeof setTimeout> | undefined;
  #caret = { position: 0, anchor: 0 };

  constructor(peer: Peer) {
    this.#peer = peer;
    this.#replica = new Replica(newId(), FIRST_TEXT, newId);
    this.page = new Store<Page>({ text: FIRST_TEXT, revision: 0, isSynced: true, steps: [] });
    peer.listen('editing', this.#key, (body) => this.#take(body));
    peer.onTurn((isConnected) => {
      if (isConnected) this.#carryOut(this.#replica.join());
    });
  }

  /** The user changed the text. */
  edit(text: string): void {
    const own = difference(this.#replica.text, text);
    if (own.length === 0) return;
    this.#shiftCursors(own);
    this.#carryOut(this.#replica.edit(text), 'own');
  }

  /** The user's caret or selection is there now. */
  moveCaret(position: number, anchor: number): void {
    if (position === this.#caret.position && anchor === this.#caret.anchor) return;
    this.#caret = { position, anchor };
    this.#tellCaret();
  }

  #tellCaret(): void {
    this.#cursorTimer ??= setTimeout(() => {
      this.#cursorTimer = undefined;
      // As others see it: they do not have yet what is on its way.
      const position = this.#replica.toCommon(this.#caret.position);
      const anchor = this.#replica.toCommon(this.#caret.anchor);
      const selection = anchor === position ? {} : { anchor };
      const about = { document: DOCUMENT, user: this.#peer.user, position, ...selection };
      const copy = this.#replica.position;
      this.#peer.publishFleeting('editing', this.#key, envelope('cursor', { ...about, copy }));
    }, CURSOR_EVERY_MS);
  }

  #take(body: Record<string, unknown>): void {
    if (body.type === 'cursor') this.#takeCursor(body);
    const message = readEditing(body);
    if (message) this.#carryOut(this.#replica.receive(message));
  }

  #takeCursor({ user, position, anchor, copy }: Record<string, unknown>): void {
    if (typeof user !== 'string' || !isCount(position)) return;
    if (isPosition(copy)) this.#carryOut(this.#replica.compare(copy));
    if (user === this.#peer.user) return;
    const now = Date.now();
    const revision = isPosition(copy) ? copy.revision : this.#replica.revision;
    const here = (place: number): number => this.#replica.fromCommon(place, revision);
    const other = isCount(anchor) ? anchor : position;
    const cursor = { user, position: here(position), anchor: here(other), heardAt: now };
    this.cursors.update((cursors) => [
      ...cursors.filter((known) => known.user !== user && now - known.heardAt < CURSOR_MAX_MS),
      cursor,
    ]);
  }

  /** Sends what must be sent, shows what has changed. */
  #carryOut({ send, steps }: Outcome, by: 'own' | 'others' = 'others'): void {
    for (const { type, ...fields } of send) {
      const { id, ...more } = { id: newId(), ...fields };
      const body = envelope(type, { document: DOCUMENT, user: this.#peer.user, ...more }, id);
      this.#peer.publish('editing', this.#key, body).catch(() => {});
    }
    if (this.#replica.isJoining) {
      this.#joinTimer ??= setTimeout(() => this.#settle(), JOIN_MS);
    }
    if (steps.length > 0) this.#shiftCursors(steps);
    const { text, revision, isAhead } = this.#replica;
    const page = this.page.value;
    const isSame = text === page.text && revision === page.revision && isAhead !== page.isSynced;
    if (!isSame || by === 'own') this.page.set({ text, revision, isSynced: !isAhead, steps });
  }

  /** Keeps the carets of others on their characters. */
  #shiftCursors(steps: readonly Step[]): void {
    this.cursors.update((cursors) =>
      cursors.map((cursor) => ({
        ...cursor,
        position: shifted(cursor.position, steps),
        anchor: shifted(cursor.anchor, steps),
      })),
    );
  }

  #settle(): void {
    this.#joinTimer = undefined;
    // What waits for its receipt is still going to come; while disconnected nobody can answer.
    const mustWait = !this.#peer.isConnected || this.#peer.connection.value.pending > 0;
    if (mustWait) this.#joinTimer = setTimeout(() => this.#settle(), JOIN_MS);
    else this.#carryOut(this.#replica.settle());
  }
}

/** Reads a body that changes the document, or nothing. */
function readEditing(body: Record<string, unknown>): EditingBody | undefined {
  const isOurs = body.type !== 'operation' || body.replica !== undefined;
  if (isOurs && !isPosition(body)) return undefined;
  switch (body.type) {
    case 'operation':
      return body as unknown as OperationBody;
    case 'join':
      return body as unknown as EditingBody;
    case 'snapshot': {
      const { text, to, start, history } = body;
      const isText = [text, to, start].every((field) => typeof field === 'string');
      const entries = Array.isArray(history) ? history.map(readEntry) : [undefined];
      return isText && !entries.includes(undefined) ? (body as unknown as EditingBody) : undefined;
    }
    default:
      return undefined;
  }
}

/** Whether an entry of a snapshot's history can be bent around. */
function readEntry(value: unknown): object | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, digest, steps } = value as Record<string, unknown>;
  if (typeof id !== 'string' || typeof digest !== 'string' || !Array.isArray(steps)) {
    return undefined;
  }
  return steps.every((step) => readStep(step, Infinity)) ? value : undefined;
}

function isPosition(value: unknown): value is Position {
  if (typeof value !== 'object' || value === null) return false;
  const { replica, revision, after } = value as Record<string, unknown>;
  return typeof replica === 'string' && isCount(revision) && typeof after === 'string';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
