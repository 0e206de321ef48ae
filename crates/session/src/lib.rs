//! One state machine per peer, and the driver that feeds it.
//!
//! Sessions know frames and the engine boundary; they know neither sockets nor the broker. `amqp`
//! and `stomp` are strangers to each other; WebSocket is a transport.

pub mod action;
pub mod amqp;
pub mod driver;
pub mod outbox;
pub mod session;
pub mod shutdown;
pub mod stomp;
pub mod transport;
pub mod websocket;
mod wheel;

pub use action::{Actions, Close};
pub use driver::Driver;
pub use outbox::{Framing, Outbox};
pub use session::Session;
pub use shutdown::{Shutdown, Watch};
pub use transport::Transport;

/// How the properties of messages are read and written, also by what keeps them.
pub use wire::amqp::PROPERTY_CODEC;
