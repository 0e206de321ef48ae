//! The list of frames: what is kept, shown and hidden.

import { expect, test } from 'vitest';

import { EVERYTHING, FrameLog, FRAMES_MAX, passes, prettyBody, summaryOf } from './frame_log';

import type { LoggedFrame } from './frame_log';

const send = (destination: string, body = ''): LoggedFrame['frame'] => ({
  command: 'SEND',
  headers: { destination },
  body,
});

test('the list is bounded and keeps the newest', () => {
  const log = new FrameLog();
  for (let n = 0; n < FRAMES_MAX + 5; n += 1) log.add('out', send(`/queue/${n}`), n);
  const { frames, total } = log.view.value;
  expect(frames.length).toBe(FRAMES_MAX);
  expect(total).toBe(FRAMES_MAX + 5);
  expect(frames[0]?.frame.headers.destination).toBe('/queue/5');
});

test('a paused list stands still and counts', () => {
  const log = new FrameLog();
  log.add('out', send('/queue/a'), 0);
  log.pause();
  log.add('out', send('/queue/b'), 0);
  expect(log.view.value).toMatchObject({ total: 2, missed: 1, isPaused: true });
  expect(log.view.value.frames.length).toBe(1);
  log.resume();
  expect(log.view.value.missed).toBe(0);
});

test('a passcode is never shown', () => {
  const log = new FrameLog();
  const headers = { login: 'guest', passcode: 's3cret', host: '/' };
  log.add('out', { command: 'CONNECT', headers, body: '' }, 0);
  expect(JSON.stringify(log.view.value)).not.toContain('s3cret');
  expect(headers.passcode).toBe('s3cret');
});

test('filters look at direction, words and heart-beats', () => {
  const logged = (direction: 'in' | 'out', frame: LoggedFrame['frame']): LoggedFrame => ({
    number: 1,
    direction,
    time: 0,
    frame,
  });
  const chat = logged('out', send('/exchange/chat/room.lobby', '{"text":"Hello"}'));
  const beat = logged('in', { command: '', headers: {}, body: '' });
  expect(passes(chat, EVERYTHING)).toBe(true);
  expect(passes(beat, EVERYTHING)).toBe(false);
  expect(passes(beat, { ...EVERYTHING, hasHeartbeats: true })).toBe(true);
  expect(passes(chat, { ...EVERYTHING, direction: 'in' })).toBe(false);
  expect(passes(chat, { ...EVERYTHING, text: 'HELLO lobby' })).toBe(true);
  expect(passes(chat, { ...EVERYTHING, text: 'hello garden' })).toBe(false);
});

test('a summary says what a frame is about', () => {
  expect(summaryOf(send('/queue/a'))).toBe('/queue/a');
  expect(summaryOf({ command: 'RECEIPT', headers: { 'receipt-id': 'r-1' }, body: '' })).toBe('r-1');
  expect(
    summaryOf({ command: 'ERROR', headers: { message: 'not_found' }, body: 'NOT_FOUND - x\n' }),
  ).toBe('not_found · NOT_FOUND - x');
});

test('JSON is indented, anything else is left alone', () => {
  expect(prettyBody('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(prettyBody('<12 bytes>')).toBe('<12 bytes>');
});
