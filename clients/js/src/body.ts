//! Bodies: values ⇄ bytes, and the zlib format (RFC 1950) that `content-encoding: deflate` names.

import { HopwireError } from './error.js';

import type { Body } from './message.js';
import type { Headers } from './options.js';

/** A body ready for a SEND frame. */
export interface EncodedBody {
  readonly content: string | Uint8Array;
  readonly contentType: string;
}

/** Text stays text, bytes stay bytes, everything else becomes JSON. */
export function encodeBody(body: Body): EncodedBody {
  if (typeof body === 'string') return { content: body, contentType: 'text/plain;charset=utf-8' };
  if (body instanceof Uint8Array) return { content: body, contentType: 'application/octet-stream' };
  let content: string | undefined;
  try {
    content = JSON.stringify(body);
  } catch (error) {
    throw new HopwireError('body', 'the body cannot be written as JSON', String(error), error);
  }
  if (content === undefined) {
    throw new HopwireError('body', `a ${typeof body} cannot be written as JSON`);
  }
  return { content, contentType: 'application/json' };
}

/** The body's bytes if there are more than `bytesMin` of them, else nothing. */
export function bytesAbove(content: string | Uint8Array, bytesMin: number): Uint8Array | undefined {
  // A UTF-16 code unit takes at most three bytes of UTF-8.
  if (typeof content === 'string' && content.length * 3 <= bytesMin) return undefined;
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return bytes.length > bytesMin ? bytes : undefined;
}

/** Compresses to zlib format. */
export function deflate(bytes: Uint8Array): Promise<Uint8Array> {
  return throughStream(bytes, new CompressionStream('deflate'), Infinity);
}

/**
 * The value of a received body, and its bytes before compression.
 *
 * `application/json` and `…+json` are parsed, `text/*` is text, any other named type is bytes.
 * Without a content type: JSON if it is a JSON object or array, else text if it is UTF-8, else
 * bytes.
 */
export async function decodeBody(
  wire: Uint8Array,
  headers: Headers,
  inflatedBytesMax: number,
): Promise<{ value: unknown; bytes: Uint8Array }> {
  const bytes = await opened(wire, headers['content-encoding'], inflatedBytesMax);
  return { value: valueOf(bytes, headers['content-type']), bytes };
}

async function opened(
  wire: Uint8Array,
  encoding: string | undefined,
  bytesMax: number,
): Promise<Uint8Array> {
  // Other encodings (a charset, as some AMQP libraries put there) say nothing about compression.
  if (encoding !== 'deflate' && encoding !== 'gzip') return wire;
  try {
    return await throughStream(wire, new DecompressionStream(encoding), bytesMax);
  } catch (error) {
    if (error instanceof HopwireError) throw error;
    throw new HopwireError('body', `the body is not ${encoding} data`, String(error), error);
  }
}

function valueOf(bytes: Uint8Array, contentType: string | undefined): unknown {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === undefined || type === '') return guessed(bytes);
  if (type === 'application/json' || type.endsWith('+json')) {
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (error) {
      throw new HopwireError('body', `the body is not ${type}`, String(error), error);
    }
  }
  return type.startsWith('text/') ? new TextDecoder().decode(bytes) : bytes;
}

function guessed(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return bytes;
  }
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function throughStream(
  bytes: Uint8Array,
  transform: CompressionStream | DecompressionStream,
  bytesMax: number,
): Promise<Uint8Array> {
  const writer = transform.writable.getWriter();
  // A failure shows on the reading side; these promises repeat it.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => {});
  writer.close().catch(() => {});
  const reader = transform.readable.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > bytesMax) {
      reader.cancel().catch(() => {});
      throw new HopwireError('body', `the body opens to more than ${bytesMax} bytes`);
    }
    chunks.push(value);
  }
  return joined(chunks, length);
}

function joined(chunks: Uint8Array[], length: number): Uint8Array {
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined) return only;
  const all = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
}
