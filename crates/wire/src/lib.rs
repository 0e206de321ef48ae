//! Bytes to frames and back: AMQP 0-9-1, STOMP, WebSocket.

pub mod amqp;
pub mod reader;
pub mod writer;

/// STOMP 1.0 to 1.2.
pub mod stomp;

pub mod websocket;
