//! The package's door.

export { HopwireClient } from './client.js';
export { HopwireError } from './error.js';
export { exchangeDestination, queueDestination } from './destination.js';

export type { HopwireErrorCode } from './error.js';
export type { Body, ClientEvents, Handler, Message, Subscription } from './message.js';
export type {
  AckMode,
  ClientState,
  Direction,
  DisconnectOptions,
  FrameView,
  Headers,
  HeartbeatOptions,
  HopwireOptions,
  ReconnectOptions,
  SendOptions,
  SubscribeOptions,
} from './options.js';
