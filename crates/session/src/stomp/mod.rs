//! The STOMP session: 1.0 to 1.2, over TCP and WebSocket alike, as RabbitMQ speaks it.

mod ack;
mod connect;
mod destination;
mod error;
mod header;
mod heads;
mod message;
mod open;
mod pulse;
mod queue;
mod receipt;
mod reply_to;
mod send;
mod session;
mod settings;
mod subscribe;
mod subscription;
mod token;
mod transaction;
mod unsubscribe;

#[cfg(test)]
mod tests;

pub use session::StompSession;
pub use settings::{Carrier, Credentials, Settings};
