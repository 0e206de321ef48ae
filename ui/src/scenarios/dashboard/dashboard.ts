//! The shop's board: one pane feeds it, both show it.

import { BOARD, envelope } from '../../broker/scenario';
import { Store } from '../../store/store';
import { CPU_THRESHOLD, next, QUIET } from './feed';
import { append, EMPTY } from './series';

import type { Peer } from '../../peer/peer';
import type { Series } from './series';

export type Severity = 'info' | 'warning' | 'critical';

/** One alert. */
export interface Alert {
  readonly id: string;
  readonly severity: Severity;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly time: number;
}

const ALERTS_MAX = 20;
const SEVERITIES: readonly Severity[] = ['info', 'warning', 'critical'];

export class Dashboard {
  readonly series = new Store<Series>(EMPTY);
  readonly alerts = new Store<readonly Alert[]>([]);
  /** Whether this pane feeds the board. */
  readonly isFeeding = new Store(false);
  /** The share of its capacity that the shop is asked for, 0 to 1. */
  readonly load = new Store(0.35);
  /** Updates per second. */
  readonly rate = new Store(4);
  readonly #peer: Peer;
  #figures = QUIET;
  #timer: ReturnType<typeof setInterval> | undefined;
  #isHot = false;

  constructor(peer: Peer) {
    this.#peer = peer;
    peer.listen('dashboard', `metrics.${BOARD}`, (body) => this.#takeMetrics(body));
    peer.listen('dashboard', `alerts.${BOARD}`, (body) => this.#takeAlert(body));
  }

  start(): void {
    this.isFeeding.set(true);
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#step(), 1000 / this.rate.value);
    this.#step();
  }

  stop(): void {
    this.isFeeding.set(false);
    clearInterval(this.#timer);
  }

  setRate(perSecond: number): void {
    this.rate.set(perSecond);
    if (this.isFeeding.value) this.start();
  }

  #step(): void {
    this.#figures = next(this.#figures, this.load.value, Math.random);
    const body = envelope('metrics', { board: BOARD, values: this.#figures });
    this.#peer.publishFleeting('dashboard', `metrics.${BOARD}`, body);
    this.#watchCpu(this.#figures.cpu_percent);
  }

  /** Alerts once when the threshold is passed, and once when all is well below it again. */
  #watchCpu(value: number): void {
    const isHot = value > (this.#isHot ? CPU_THRESHOLD - 8 : CPU_THRESHOLD);
    if (isHot === this.#isHot) return;
    this.#isHot = isHot;
    const severity = isHot ? 'critical' : 'info';
    const text = isHot ? `CPU above ${CPU_THRESHOLD} %` : 'CPU back to normal';
    const measured = { metric: 'cpu_percent', value, threshold: CPU_THRESHOLD };
    const body = envelope('alert', { board: BOARD, severity, text, ...measured });
    this.#peer.publish('dashboard', `alerts.${BOARD}`, body).catch(() => {});
  }

  #takeMetrics({ type, values }: Record<string, unknown>): void {
    if (type !== 'metrics' || typeof values !== 'object' || values === null) return;
    const update = values as Record<string, unknown>;
    this.series.update((series) => append(series, Date.now() / 1000, update));
  }

  #takeAlert({ type, id, severity, text }: Record<string, unknown>): void {
    if (type !== 'alert') return;
    const alert: Alert = {
      id: String(id),
      severity: SEVERITIES.find((known) => known === severity) ?? 'info',
      text: String(text ?? ''),
      time: Date.now(),
    };
    this.alerts.update((alerts) => [alert, ...alerts].slice(0, ALERTS_MAX));
  }
}
