//! AMQP 0-9-1: a connection with two tasks, and channels on it.

mod channel;
mod confirms;
mod connection;
mod consumer;
mod handshake;
mod publisher;
mod state;

pub use channel::{Channel, Declared};
pub use connection::Connection;
pub use consumer::{Consumer, Delivery};
pub use publisher::{Confirm, Publish};

/// The property codec of messages made here.
pub use wire::amqp::PROPERTY_CODEC;
