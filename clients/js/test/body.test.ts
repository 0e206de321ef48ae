import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';

import { bytesAbove, decodeBody, deflate, encodeBody } from '../src/body.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const LIMIT = 1 << 20;

test('text stays text, bytes stay bytes, the rest is JSON', () => {
  assert.deepEqual(encodeBody('hi'), { content: 'hi', contentType: 'text/plain;charset=utf-8' });
  const bytes = new Uint8Array([0, 255]);
  assert.deepEqual(encodeBody(bytes), { content: bytes, contentType: 'application/octet-stream' });
  const json = encodeBody({ a: [1, null] });
  assert.deepEqual(json, { content: '{"a":[1,null]}', contentType: 'application/json' });
  assert.equal(encodeBody(null).content, 'null');
});

test('what JSON cannot say is refused', () => {
  const circular: { self?: object } = {};
  circular.self = circular;
  assert.throws(() => encodeBody(circular), { code: 'body' });
  assert.throws(() => encodeBody((() => {}) as never), { code: 'body' });
});

test('the threshold counts bytes of UTF-8', () => {
  assert.equal(bytesAbove('é'.repeat(512), 1024), undefined);
  assert.equal(bytesAbove('é'.repeat(512) + 'x', 1024)?.length, 1025);
  assert.equal(bytesAbove('x'.repeat(1024), 1024), undefined);
  assert.equal(bytesAbove(new Uint8Array(1025), 1024)?.length, 1025);
});

test('what is compressed here opens elsewhere, and the other way round', async () => {
  const text = utf8('{"text":"' + 'Hopwire '.repeat(500) + '"}');
  const headers = { 'content-type': 'application/json', 'content-encoding': 'deflate' };
  const ours = await decodeBody(await deflate(text), headers, LIMIT);
  const theirs = await decodeBody(deflateSync(text), headers, LIMIT);
  assert.deepEqual(ours.value, JSON.parse(new TextDecoder().decode(text)));
  assert.deepEqual(theirs, ours);
  const zipped = { ...headers, 'content-encoding': 'gzip' };
  assert.deepEqual(await decodeBody(gzipSync(text), zipped, LIMIT), ours);
});

test('a body opens to the limit and no further', async () => {
  const headers = { 'content-encoding': 'deflate', 'content-type': 'application/octet-stream' };
  const atLimit = await decodeBody(deflateSync(new Uint8Array(LIMIT)), headers, LIMIT);
  assert.equal(atLimit.bytes.length, LIMIT);
  const beyond = decodeBody(deflateSync(new Uint8Array(LIMIT + 1)), headers, LIMIT);
  await assert.rejects(beyond, { code: 'body', message: /more than 1048576 bytes/ });
});

test('garbage and cut-off data are refused', async () => {
  const headers = { 'content-encoding': 'deflate' };
  await assert.rejects(decodeBody(utf8('garbage'), headers, LIMIT), { code: 'body' });
  const cut = deflateSync(utf8('some text')).subarray(0, 9);
  await assert.rejects(decodeBody(cut, headers, LIMIT), { code: 'body' });
});

test('an encoding that is no compression is left alone', async () => {
  const headers = { 'content-encoding': 'utf-8', 'content-type': 'application/json' };
  assert.deepEqual((await decodeBody(utf8('[1]'), headers, LIMIT)).value, [1]);
});

test('the content type decides what a body becomes', async () => {
  const value = async (type: string | undefined, bytes: Uint8Array): Promise<unknown> =>
    (await decodeBody(bytes, type === undefined ? {} : { 'content-type': type }, LIMIT)).value;
  assert.deepEqual(await value('application/problem+json; charset=utf-8', utf8('{}')), {});
  assert.equal(await value('text/csv', utf8('1,2')), '1,2');
  assert.deepEqual(await value('image/png', utf8('[1]')), utf8('[1]'));
  assert.deepEqual(await value(undefined, utf8(' [1]')), [1]);
  assert.equal(await value(undefined, utf8('[not JSON')), '[not JSON');
  assert.equal(await value(undefined, utf8('17')), '17');
  assert.deepEqual(await value(undefined, new Uint8Array([255])), new Uint8Array([255]));
  await assert.rejects(value('application/json', utf8('{')), { code: 'body' });
  await assert.rejects(value('application/json', new Uint8Array([34, 255, 34])), { code: 'body' });
});
