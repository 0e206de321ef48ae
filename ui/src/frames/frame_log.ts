//! The frames that passed, newest last: bounded, filtered, pausable.

import { Store } from '../store/store';

import type { Direction, FrameView } from '@hopwire/client';
import type { Readable } from '../store/store';

/** One frame as it passed. */
export interface LoggedFrame {
  readonly number: number;
  readonly direction: Direction;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly frame: FrameView;
}

/** What of the log is shown. */
export interface Filter {
  readonly direction: Direction | 'both';
  /** Words that must all occur, in any case, in command, headers or body. */
  readonly text: string;
  readonly hasHeartbeats: boolean;
}

/** The list as it is. */
export interface LogView {
  readonly frames: readonly LoggedFrame[];
  /** Frames that have passed since the page was opened. */
  readonly total: number;
  readonly isPaused: boolean;
  /** Frames that passed while paused; they are not kept. */
  readonly missed: number;
}

export const EVERYTHING: Filter = { direction: 'both', text: '', hasHeartbeats: false };

/** Frames kept; older ones are dropped. */
export const FRAMES_MAX = 200;

const MASK = '••••••';

export class FrameLog {
  readonly #view = new Store<LogView>({ frames: [], total: 0, isPaused: false, missed: 0 });

  get view(): Readable<LogView> {
    return this.#view;
  }

  add(direction: Direction, frame: FrameView, time: number): void {
    this.#view.update((view) => {
      const total = view.total + 1;
      if (view.isPaused) return { ...view, total, missed: view.missed + 1 };
      const logged = { number: total, direction, time, frame: masked(frame) };
      return { ...view, total, frames: [...view.frames.slice(1 - FRAMES_MAX), logged] };
    });
  }

  pause(): void {
    this.#view.update((view) => ({ ...view, isPaused: true }));
  }

  resume(): void {
    this.#view.update((view) => ({ ...view, isPaused: false, missed: 0 }));
  }

  clear(): void {
    this.#view.update((view) => ({ ...view, frames: [], missed: 0 }));
  }
}

/** Whether a filter lets a frame through. */
export function passes({ direction, frame }: LoggedFrame, filter: Filter): boolean {
  if (filter.direction !== 'both' && filter.direction !== direction) return false;
  if (frame.command === '' && !filter.hasHeartbeats) return false;
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const headers = Object.entries(frame.headers).map(([name, value]) => `${name}:${value}`);
  const all = [commandOf(frame), ...headers, frame.body].join('\n').toLowerCase();
  return words.every((word) => all.includes(word));
}

/** How a frame is called in the list. */
export function commandOf(frame: FrameView): string {
  return frame.command || 'heart-beat';
}

/** What a frame is about, in one line. */
export function summaryOf({ command, headers, body }: FrameView): string {
  const type = headers.type ? ` · ${headers.type}` : '';
  switch (command) {
    case 'SEND':
    case 'MESSAGE':
      return `${headers.destination ?? ''}${type}`;
    case 'SUBSCRIBE':
      return headers.destination ?? '';
    case 'UNSUBSCRIBE':
      return headers.id ?? '';
    case 'RECEIPT':
      return headers['receipt-id'] ?? '';
    case 'CONNECT':
    case 'STOMP':
      return `${headers.login ?? ''} @ ${headers.host ?? ''}`;
    case 'CONNECTED':
      return [headers.server, headers.version && `STOMP ${headers.version}`]
        .filter(Boolean)
        .join(' · ');
    case 'ERROR':
      return [headers.message, body.trim()].filter(Boolean).join(' · ');
    default:
      return '';
  }
}

/** A body made readable: JSON indented, anything else as it is. */
export function prettyBody(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

/** The frame without its secret: the log may be shown on a screen for all. */
function masked(frame: FrameView): FrameView {
  if (frame.headers.passcode === undefined) return frame;
  return { ...frame, headers: { ...frame.headers, passcode: MASK } };
}
