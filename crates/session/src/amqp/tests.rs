//! Conversations without sockets: frames and events in, frames and commands out.
//!
//! Numbers with `§13` are those of the testable behaviours in the AMQP specification sheet.

mod channel;
mod consume;
mod handshake;
mod hold;
mod peer;
mod publish;
mod split;
