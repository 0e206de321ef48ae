//! The whole page's state: two panes, what they share, and how they begin.

import { declareExchanges, overview } from './broker/management';
import { EXCHANGES } from './broker/scenario';
import { Peer } from './peer/peer';
import { Chat } from './scenarios/chat/chat';
import { Dashboard } from './scenarios/dashboard/dashboard';
import { Editing } from './scenarios/editing/editing';
import { Notifications } from './scenarios/notifications/notifications';
import { Presence } from './scenarios/presence/presence';
import { displayName, load, save } from './store/settings';
import { Store } from './store/store';

import type { Declared, Overview } from './broker/management';
import type { Exchange } from './broker/scenario';
import type { PaneSettings, Settings } from './store/settings';

/** Left or right. */
export type Side = 'a' | 'b';

/** One user's half of the page. */
export interface Pane {
  readonly side: Side;
  readonly name: string;
  /** The user of the other pane. */
  readonly other: { readonly user: string; readonly name: string };
  readonly peer: Peer;
  readonly notifications: Notifications;
  readonly presence: Presence;
  readonly chat: Chat;
  readonly dashboard: Dashboard;
  readonly editing: Editing;
}

/** How often the head's figures are asked for, in milliseconds. */
const OVERVIEW_MS = 5000;

export class Playground {
  readonly settings: Store<Settings>;
  readonly panes: Store<readonly [Pane, Pane]>;
  readonly scenario: Store<Exchange>;
  readonly declared = new Store<Declared>({ addressing: 'exchanges', reason: '' });
  readonly overview = new Store<Overview | undefined>(undefined);

  constructor() {
    const settings = load(localStorage, sessionStorage, location.hostname);
    this.settings = new Store(settings);
    this.panes = new Store(panesOf(settings));
    const asked = EXCHANGES.find((exchange) => `#${exchange}` === location.hash);
    this.scenario = new Store<Exchange>(asked ?? 'notifications');
  }

  /** Declares, connects, and keeps asking for figures. */
  start(): void {
    void this.#begin();
    void this.#watchOverview();
    addEventListener('pagehide', () => {
      for (const { presence } of this.panes.value) presence.leave();
    });
    addEventListener('hashchange', () => {
      const asked = EXCHANGES.find((exchange) => `#${exchange}` === location.hash);
      if (asked) this.show(asked);
    });
  }

  /** Shows a scenario in both panes. */
  show(scenario: Exchange): void {
    this.scenario.set(scenario);
    history.replaceState(null, '', `#${scenario}`);
    for (const { presence } of this.panes.value) presence.setSubject(scenario);
  }

  /** Takes one pane's settings, and those of both; connects anew. */
  async apply(
    side: Side,
    pane: PaneSettings,
    shared: { url: string; vhost: string },
  ): Promise<void> {
    const [a, b] = this.settings.value.panes;
    const panes: Settings['panes'] = side === 'a' ? [pane, b] : [a, pane];
    const settings = { ...shared, panes };
    save(settings, localStorage, sessionStorage);
    const old = this.panes.value;
    for (const { presence, dashboard } of old) {
      presence.leave();
      dashboard.stop();
    }
    await Promise.all(old.map(({ peer }) => peer.disconnect()));
    this.settings.set(settings);
    this.panes.set(panesOf(settings));
    await this.#begin();
  }

  /** Declares the exchanges once more, and connects anew. */
  async declareAgain(): Promise<void> {
    const { panes, url, vhost } = this.settings.value;
    await this.apply('a', panes[0], { url, vhost });
  }

  connect({ peer }: Pane): void {
    peer.report();
    peer.connect(this.declared.value.addressing);
  }

  async disconnect({ peer, presence, dashboard }: Pane): Promise<void> {
    dashboard.stop();
    presence.leave();
    await peer.disconnect();
  }

  async #begin(): Promise<void> {
    const { vhost, panes } = this.settings.value;
    this.declared.set(await declareExchanges(vhost, panes[0]));
    for (const pane of this.panes.value) {
      pane.presence.setSubject(this.scenario.value);
      this.connect(pane);
    }
  }

  async #watchOverview(): Promise<void> {
    const [a, b] = this.settings.value.panes;
    if (!document.hidden) this.overview.set((await overview(a)) ?? (await overview(b)));
    setTimeout(() => void this.#watchOverview(), OVERVIEW_MS);
  }
}

function panesOf(settings: Settings): readonly [Pane, Pane] {
  const { url, vhost, panes } = settings;
  const pane = (side: Side, own: PaneSettings, { user: other }: PaneSettings): Pane => {
    const peer = new Peer({ url, vhost, ...own });
    const name = displayName(own.user);
    return {
      side,
      name,
      other: { user: other, name: displayName(other) },
      peer,
      notifications: new Notifications(peer),
      presence: new Presence(peer, name),
      chat: new Chat(peer, other),
      dashboard: new Dashboard(peer),
      editing: new Editing(peer),
    };
  };
  return [pane('a', panes[0], panes[1]), pane('b', panes[1], panes[0])];
}
