//! Shows the frames that pass over a socket, as `onFrame` wants them.

import { FrameImpl, Parser } from '@stomp/stompjs';

import type { Direction, FrameView } from './options.js';

/**
 * Watches both directions of a socket that has not been used yet. Costs a second parse of
 * everything, so it is only done for those who look.
 */
export function tap(
  socket: WebSocket,
  onFrame: (direction: Direction, frame: FrameView) => void,
): void {
  const incoming = parserFor((frame) => onFrame('in', frame));
  const outgoing = parserFor((frame) => onFrame('out', frame));
  socket.addEventListener('message', (event: MessageEvent<string | ArrayBuffer>) => {
    incoming.parseChunk(event.data);
  });
  const send = socket.send.bind(socket);
  socket.send = (data: string | ArrayBuffer) => {
    outgoing.parseChunk(data);
    send(data);
  };
}

function parserFor(show: (frame: FrameView) => void): Parser {
  // An LF right after a frame belongs to it (RabbitMQ sends one); alone it is a heart-beat.
  let isAfterFrame = false;
  const parser = new Parser(
    (raw) => {
      isAfterFrame = true;
      const { command, headers, binaryBody } = FrameImpl.fromRawFrame(raw, true);
      show({ command, headers: { ...headers }, body: textOf(binaryBody) });
    },
    () => {
      if (!isAfterFrame) show({ command: '', headers: {}, body: '' });
      isAfterFrame = false;
    },
  );
  const parseChunk = parser.parseChunk.bind(parser);
  parser.parseChunk = (data) => {
    parseChunk(data);
    // One WebSocket message ends here; the next LF is no longer this frame's.
    isAfterFrame = false;
  };
  return parser;
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return `<${bytes.length} bytes>`;
  }
}
