//! STOMP over WebSocket.
