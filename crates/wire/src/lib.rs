//! Bytes to frames and back: AMQP 0-9-1, STOMP, WebSocket.
