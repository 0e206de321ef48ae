//! One state machine per peer: AMQP, STOMP; WebSocket is a transport.
