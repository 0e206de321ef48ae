//! The AMQP 0-9-1 session: one peer's connection and its channels, as a state machine.

mod channel;
mod confirm;
mod connection;
mod consume;
mod content;
mod deliver;
mod handshake;
mod hold;
mod input;
mod pulse;
mod reply;
mod session;
mod settings;
mod settle;
mod tags;
mod topology;
mod tx;

#[cfg(test)]
mod tests;

pub use session::AmqpSession;
pub use settings::Settings;
