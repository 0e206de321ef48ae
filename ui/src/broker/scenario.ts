//! The five scenarios and their exchanges: docs/scenarios.md.

/** A scenario's exchange, which is also its name here. */
export type Exchange = 'notifications' | 'presence' | 'chat' | 'dashboard' | 'editing';

export const EXCHANGES: readonly Exchange[] = [
  'notifications',
  'presence',
  'chat',
  'dashboard',
  'editing',
];

/** The room, board and document that the playground uses. */
export const ROOM = 'lobby';
export const BOARD = 'shop';
export const DOCUMENT = 'welcome';

/** The fields that every body has. */
export interface Envelope {
  readonly type: string;
  readonly id: string;
  readonly time: string;
}

/** A body with its first fields. */
export function envelope<T extends object>(
  type: string,
  fields: T,
  id: string = newId(),
): Envelope & T {
  return { type, id, time: new Date().toISOString(), ...fields };
}

/** A version 4 UUID. Not `randomUUID`: a page over http from another machine does not have it. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** How messages reach the scenarios' exchanges. */
export type Addressing = 'exchanges' | 'topics';

/**
 * Where a scenario's messages go. Where the exchanges cannot be declared, `/topic/` takes their
 * place: `amq.topic`, which always exists, with the exchange's name as the key's first word.
 */
export function destination(addressing: Addressing, exchange: Exchange, key: string): string {
  return addressing === 'exchanges' ? `/exchange/${exchange}/${key}` : `/topic/${exchange}.${key}`;
}

/** The same for AMQP and HTTP: exchange and routing key. */
export function address(
  addressing: Addressing,
  exchange: Exchange,
  key: string,
): { exchange: string; key: string } {
  if (addressing === 'exchanges') return { exchange, key };
  return { exchange: 'amq.topic', key: `${exchange}.${key}` };
}
