//! A SEND frame and its compression.

import { bytesAbove, deflate } from './body.js';

import type { EncodedBody } from './body.js';
import type { HopwireError } from './error.js';
import type { Headers, SendOptions } from './options.js';
import type { Request } from './outbox.js';

/** What a SEND frame is made of. */
export interface SendSpec {
  readonly destination: string;
  /** Names the receipt and, unless the caller brings one, the message. */
  readonly receipt: string;
  readonly body: EncodedBody;
  readonly options: SendOptions;
  /** Bodies of more bytes than this are compressed. */
  readonly compressAbove: number;
}

/**
 * The request for a SEND frame. A large body makes it ready only later, when it is compressed;
 * `onReady` is called then.
 */
export function sendRequest(
  spec: SendSpec,
  settle: (error?: HopwireError) => void,
  onReady: () => void,
): Request {
  const headers = headersOf(spec);
  let payload = spec.body.content;
  const request: Request = {
    receipt: spec.receipt,
    kind: 'send',
    isReady: true,
    transmit: (link) => link.send(spec.destination, headers, payload),
    settle,
  };
  const isEncoded = headers['content-encoding'] !== undefined;
  const bytes = isEncoded ? undefined : bytesAbove(payload, spec.compressAbove);
  if (!bytes) return request;
  request.isReady = false;
  void deflate(bytes)
    .then((packed) => {
      if (packed.length >= bytes.length) return;
      headers['content-encoding'] = 'deflate';
      payload = packed;
    })
    // Where there is no compressor the body goes as it is.
    .catch(() => {})
    .finally(() => {
      request.isReady = true;
      onReady();
    });
  return request;
}

function headersOf({ receipt, body, options }: SendSpec): Headers {
  const headers: Headers = {
    'content-type': options.contentType ?? body.contentType,
    // The same in every replay, so that readers can recognise a message they have.
    'amqp-message-id': receipt,
    ...options.headers,
    receipt,
  };
  // `persistent:false` would make RabbitMQ declare a transient, exclusive queue: leave it out.
  if (options.persistent) headers.persistent = 'true';
  return headers;
}
