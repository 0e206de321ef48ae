//! What the playground asks of the management API: figures, exchanges, one message.

import { EXCHANGES } from './scenario';

import type { Addressing } from './scenario';

/** A login for basic authentication. */
export interface Login {
  readonly login: string;
  readonly passcode: string;
}

/** The figures of the page's head. */
export interface Overview {
  readonly product: string;
  readonly version: string;
  readonly connections: number;
  /** Messages per second, published and delivered. */
  readonly published: number;
  readonly delivered: number;
}

/** Whether the scenarios' exchanges can be used, and why not. */
export interface Declared {
  readonly addressing: Addressing;
  readonly reason: string;
}

/** How long an answer may take, in milliseconds. */
const TIMEOUT_MS = 5000;

/**
 * `GET /api/overview`, or nothing if that cannot be had. Here as everywhere the path is relative:
 * a prefix may stand before the page.
 */
export async function overview(who: Login): Promise<Overview | undefined> {
  try {
    const answer = await ask('GET', 'api/overview', who);
    return answer.ok ? readOverview(await answer.json()) : undefined;
  } catch {
    return undefined;
  }
}

/** Declares the scenarios' exchanges: durable, kind topic. */
export async function declareExchanges(vhost: string, who: Login): Promise<Declared> {
  try {
    const answers = await Promise.all(EXCHANGES.map((name) => declare(vhost, name, who)));
    const reason = answers.find((answer) => answer !== '');
    return reason === undefined
      ? { addressing: 'exchanges', reason: '' }
      : { addressing: 'topics', reason };
  } catch (error) {
    return { addressing: 'topics', reason: `the management API did not answer (${String(error)})` };
  }
}

/** `POST /api/exchanges/…/publish`: whether somebody got it. Throws what the broker said. */
export async function publish(
  vhost: string,
  who: Login,
  exchange: string,
  key: string,
  body: object & { type: string; id: string },
): Promise<boolean> {
  const properties = {
    content_type: 'application/json',
    delivery_mode: 2,
    message_id: body.id,
    type: body.type,
  };
  const path = `api/exchanges/${encodeURIComponent(vhost)}/${encodeURIComponent(exchange)}/publish`;
  const answer = await ask('POST', path, who, {
    properties,
    routing_key: key,
    payload: JSON.stringify(body),
    payload_encoding: 'string',
  });
  if (!answer.ok) throw new Error(await reasonOf(answer));
  const { routed } = (await answer.json()) as { routed?: boolean };
  return routed === true;
}

/** Reads what `GET /api/overview` answered. */
export function readOverview(value: unknown): Overview | undefined {
  const all = record(value);
  const own = all.hopwire_version;
  const version = own ?? all.product_version ?? all.rabbitmq_version;
  if (typeof version !== 'string') return undefined;
  const named = typeof all.product_name === 'string' ? all.product_name : 'RabbitMQ';
  const product = own === undefined ? named : 'Hopwire';
  const stats = record(all.message_stats);
  const rate = (name: string): number => number(record(stats[`${name}_details`]).rate);
  return {
    product,
    version,
    connections: number(record(all.object_totals).connections),
    published: rate('publish'),
    delivered: rate('deliver_get'),
  };
}

/** Basic authentication of any text, not only Latin-1. */
export function basic({ login, passcode }: Login): string {
  const bytes = new TextEncoder().encode(`${login}:${passcode}`);
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}`;
}

/** Empty if the exchange is there and of the right kind, else why not. */
async function declare(vhost: string, name: string, who: Login): Promise<string> {
  const path = `api/exchanges/${encodeURIComponent(vhost)}/${name}`;
  const answer = await ask('PUT', path, who, { type: 'topic', durable: true });
  if (answer.ok) return '';
  const reason = await reasonOf(answer);
  // It may be there, declared by somebody else with other properties.
  const existing = await ask('GET', path, who);
  if (existing.ok && record(await existing.json()).type === 'topic') return '';
  return reason;
}

function ask(method: string, path: string, who: Login, body?: object): Promise<Response> {
  const headers: Record<string, string> = { Authorization: basic(who) };
  if (body) headers['Content-Type'] = 'application/json';
  return fetch(path, {
    method,
    headers,
    body: body ? JSON.stringify(body) : null,
    // The login is in the header; without this a refusal makes the browser ask for another.
    credentials: 'omit',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

async function reasonOf(answer: Response): Promise<string> {
  try {
    const { reason, error } = record(await answer.json());
    return String(reason ?? error ?? `status ${answer.status}`);
  } catch {
    return `status ${answer.status}`;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
