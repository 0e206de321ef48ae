//! Notifications of one user: what came, what was read.

import { envelope } from '../../broker/scenario';
import { Store } from '../../store/store';

import type { Peer } from '../../peer/peer';

export const LEVELS = ['info', 'success', 'warning', 'error'] as const;

export type Level = (typeof LEVELS)[number];

/** One notification as the user has it. */
export interface Notification {
  readonly id: string;
  readonly level: Level;
  readonly title: string;
  readonly text: string;
  readonly link: string | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly isForAll: boolean;
  readonly isRead: boolean;
}

/** Notifications kept; older ones are dropped. */
const KEPT_MAX = 50;

export class Notifications {
  readonly items = new Store<readonly Notification[]>([]);
  readonly #peer: Peer;

  constructor(peer: Peer) {
    this.#peer = peer;
    peer.listen('notifications', `user.${peer.user}`, (body) => this.#take(body, false));
    peer.listen('notifications', 'broadcast', (body) => this.#take(body, true));
  }

  /** Notifies one user, or everybody. */
  send(to: string | 'everybody', level: Level, title: string, text: string): Promise<void> {
    const key = to === 'everybody' ? 'broadcast' : `user.${to}`;
    return this.#peer.publish('notifications', key, envelope(level, { title, text }));
  }

  read(id: string): void {
    this.items.update((items) =>
      items.map((item) => (item.id === id ? { ...item, isRead: true } : item)),
    );
  }

  readAll(): void {
    this.items.update((items) => items.map((item) => ({ ...item, isRead: true })));
  }

  #take(body: Record<string, unknown>, isForAll: boolean): void {
    const level = LEVELS.find((known) => known === body.type);
    if (!level) return;
    const item: Notification = {
      id: String(body.id),
      level,
      title: String(body.title ?? ''),
      text: String(body.text ?? ''),
      link: safeLink(body.link),
      time: Date.now(),
      isForAll,
      isRead: false,
    };
    this.items.update((items) => [item, ...items].slice(0, KEPT_MAX));
  }
}

/** A link that may be followed: within the site or to the web; never `javascript:`. */
export function safeLink(link: unknown): string | undefined {
  if (typeof link !== 'string') return undefined;
  return /^(https?:\/\/|\/(?!\/))/i.test(link) ? link : undefined;
}
