//! What the broker's errors are about. RabbitMQ's ERROR frames carry no `receipt-id`, so the texts
//! must tell; they are those of RabbitMQ's STOMP plug-in, which Hopwire keeps.

import type { HopwireError } from './error.js';
import type { Certainty } from './outbox.js';

/** `message` headers of errors that are always about one frame of ours. */
const DEFINITE = new Set([
  'access_refused',
  'content_too_large',
  'no_consumers',
  'no_route',
  'not_found',
  'precondition_failed',
  'resource_locked',
  'Duplicated subscription identifier',
  'Invalid destination',
  'Invalid header',
  'Missing Header',
  'Missing destination',
  'Unknown destination',
]);

/** Errors that are about the connection: no frame of ours is to blame. */
const CONNECTION = new Set(['connection_forced', 'Server cancelled unknown subscription']);

/** Errors about an ACK, or about a message that came too late; the connection stays open. */
const ONE_DELIVERY = new Set(['Subscription not found', 'Server cancelled subscription']);

/** How sure it is that a request is to blame; nothing if none is. */
export function certaintyOf(error: HopwireError): Certainty | undefined {
  const [message = ''] = error.message.split(': ', 1);
  if (CONNECTION.has(message) || error.detail.includes('CONNECTION_FORCED')) return undefined;
  // An ACK that came twice: asynchronous, and it asked for no receipt.
  if (error.detail.includes('unknown delivery tag')) return 'vague';
  return DEFINITE.has(message) ? 'definite' : 'vague';
}

/** Whether the connection goes on after this error, and no request failed. */
export function isAboutOneDelivery(message: string): boolean {
  return ONE_DELIVERY.has(message);
}

/**
 * Whether the broker closed because of something that it was sent. Codes: RFC 6455, 7.4.1.
 *
 * RabbitMQ before 3.10.14 loses the ERROR frame and closes with 1000 "STOMP died"; so it does when
 * heart-beats stop, which is why such a close is never more than vague. A close that says the
 * broker or the network goes away (1001, 1006, 1012, 1013) blames nobody.
 */
export function closeRefuses(code: number, reason: string): boolean {
  const normal = 1000;
  const invalidPayload = 1007;
  const policy = 1008;
  const tooBig = 1009;
  const internalError = 1011;
  if (code === normal) return reason === 'STOMP died';
  return [invalidPayload, policy, tooBig, internalError].includes(code);
}
