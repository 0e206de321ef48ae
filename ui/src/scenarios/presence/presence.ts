//! Who is online, and what they are doing, as one user sees it.

import { envelope } from '../../broker/scenario';
import { Store } from '../../store/store';
import { expire, hear, readRoster, said } from './roster';

import type { Peer } from '../../peer/peer';
import type { Roster } from './roster';

/** How often a page says that it is still there, in milliseconds. */
const BEAT_MS = 15_000;

export class Presence {
  readonly people = new Store<Roster>(new Map());
  /** What this user does. */
  readonly activity = new Store('viewing');
  /** Whether this user shows up to others. */
  readonly isVisible = new Store(true);
  readonly #peer: Peer;
  readonly #name: string;
  #subject = '';
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(peer: Peer, name: string) {
    this.#peer = peer;
    this.#name = name;
    peer.listen('presence', 'user.*', (body) => this.#take(body));
    peer.listen('presence', 'broadcast', (body) => {
      if (body.type !== 'online-users') return;
      this.people.update((roster) => readRoster(roster, body.users, Date.now()));
    });
    peer.onTurn((isConnected) => this.#turned(isConnected));
  }

  /** Says what this user does now. */
  setActivity(activity: string): void {
    this.activity.set(activity);
    this.#beat();
  }

  /** Says what this user looks at. */
  setSubject(subject: string): void {
    if (subject === this.#subject) return;
    this.#subject = subject;
    this.#beat();
  }

  /** Appears, or disappears, to others. */
  setVisible(isVisible: boolean): void {
    this.isVisible.set(isVisible);
    if (isVisible) this.#appear();
    else this.leave();
  }

  /** Says goodbye to everybody; before the connection ends. */
  leave(): void {
    const { user } = this.#peer;
    const body = envelope('offline', { user });
    if (this.#peer.isConnected)
      this.#peer.publish('presence', `user.${user}`, body).catch(() => {});
  }

  #turned(isConnected: boolean): void {
    clearInterval(this.#timer);
    if (!isConnected) return;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
    if (this.isVisible.value) this.#appear();
  }

  #appear(): void {
    const { user } = this.#peer;
    const body = envelope('online', { user, name: this.#name });
    this.#peer.publish('presence', `user.${user}`, body).catch(() => {});
    this.#beat();
  }

  #beat(): void {
    this.people.update((roster) => expire(roster, Date.now()));
    if (!this.isVisible.value) return;
    const { user } = this.#peer;
    const subject = this.#subject ? { subject: this.#subject } : {};
    const body = envelope('activity', { user, activity: this.activity.value, ...subject });
    this.#peer.publishFleeting('presence', `user.${user}`, body);
  }

  #take(body: Record<string, unknown>): void {
    const news = said(body);
    if (!news) return;
    const known = this.people.value.get(news.user);
    this.people.update((roster) => hear(roster, news, Date.now()));
    const isNew = news.kind === 'online' && !known?.isOnline && news.user !== this.#peer.user;
    // Somebody came who does not know of us yet. They know us already if they answer: it ends here.
    if (isNew && this.isVisible.value) this.#appear();
  }
}
