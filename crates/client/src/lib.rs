//! AMQP 0-9-1 and STOMP over WebSocket client.
