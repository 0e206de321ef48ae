//! The lobby and the direct line of one user.

import { envelope, newId, ROOM } from '../../broker/scenario';
import { Store } from '../../store/store';

import type { Peer } from '../../peer/peer';

/** `lobby` is for all; `direct` is between this user and the other pane's. */
export type Line = 'lobby' | 'direct';

/** One line of talk. */
export interface ChatMessage {
  readonly id: string;
  readonly line: Line;
  readonly from: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** `sent` means that the broker has it. Messages of others are `sent`. */
  readonly state: 'sending' | 'sent' | 'failed';
}

/** Messages kept per pane. */
const KEPT_MAX = 200;
/** Somebody who stopped without saying so is taken as no longer typing, in milliseconds. */
const TYPING_MAX_MS = 5000;
/** While somebody types, others hear of it this often. */
const TYPING_EVERY_MS = 2000;

export class Chat {
  readonly messages = new Store<readonly ChatMessage[]>([]);
  /** Who is typing, by line and user. */
  readonly typing = new Store<ReadonlySet<string>>(new Set());
  readonly unread = new Store(0);
  readonly #peer: Peer;
  readonly #other: string;
  readonly #stops = new Map<string, ReturnType<typeof setTimeout>>();
  #saidTypingAt = 0;

  constructor(peer: Peer, other: string) {
    this.#peer = peer;
    this.#other = other;
    peer.listen('chat', `room.${ROOM}`, (body) => this.#take(body));
    peer.listen('chat', `user.${peer.user}`, (body) => this.#take(body));
  }

  /** Says something; shows at once, and as sent when the broker has it. */
  async say(line: Line, text: string): Promise<void> {
    const from = this.#peer.user;
    const id = newId();
    this.#stopTyping(line);
    this.#add({ id, line, from, text, time: Date.now(), state: 'sending' });
    const body =
      line === 'lobby'
        ? envelope('group', { from, room: ROOM, text }, id)
        : envelope('direct', { from, to: this.#other, text }, id);
    try {
      await this.#peer.publish('chat', this.#key(line), body);
      this.#mark(id, 'sent');
    } catch {
      this.#mark(id, 'failed');
    }
  }

  /** The user pressed a key. */
  type(line: Line, hasText: boolean): void {
    if (!hasText) {
      this.#stopTyping(line);
    } else if (Date.now() - this.#saidTypingAt > TYPING_EVERY_MS) {
      this.#saidTypingAt = Date.now();
      this.#sayTyping(line, true);
    }
  }

  readAll(): void {
    this.unread.set(0);
  }

  #stopTyping(line: Line): void {
    if (this.#saidTypingAt === 0) return;
    this.#saidTypingAt = 0;
    this.#sayTyping(line, false);
  }

  #sayTyping(line: Line, active: boolean): void {
    const where = line === 'lobby' ? { room: ROOM } : { to: this.#other };
    const body = envelope('typing', { from: this.#peer.user, ...where, active });
    this.#peer.publishFleeting('chat', this.#key(line), body);
  }

  #key(line: Line): string {
    return line === 'lobby' ? `room.${ROOM}` : `user.${this.#other}`;
  }

  #take(body: Record<string, unknown>): void {
    const { id, type, from, text, active } = body;
    if (typeof from !== 'string') return;
    const line: Line = 'room' in body ? 'lobby' : 'direct';
    if (type === 'typing') {
      if (from !== this.#peer.user) this.#showTyping(line, from, active === true);
    } else if (type === 'group' || type === 'direct') {
      // The room's echo of what this user said: the broker has it.
      if (this.messages.value.some((message) => message.id === id)) {
        this.#mark(String(id), 'sent');
        return;
      }
      this.#showTyping(line, from, false);
      const message = { id: String(id), line, from, text: String(text ?? ''), time: Date.now() };
      this.#add({ ...message, state: 'sent' });
      this.unread.update((count) => count + 1);
    }
  }

  #showTyping(line: Line, from: string, isTyping: boolean): void {
    const who = `${line} ${from}`;
    clearTimeout(this.#stops.get(who));
    const set = new Set(this.typing.value);
    if (isTyping) {
      set.add(who);
      this.#stops.set(
        who,
        setTimeout(() => this.#showTyping(line, from, false), TYPING_MAX_MS),
      );
    } else if (!set.delete(who)) return;
    this.typing.set(set);
  }

  #add(message: ChatMessage): void {
    this.messages.update((messages) => [...messages, message].slice(-KEPT_MAX));
  }

  #mark(id: string, state: ChatMessage['state']): void {
    this.messages.update((messages) =>
      messages.map((message) => (message.id === id ? { ...message, state } : message)),
    );
  }
}
