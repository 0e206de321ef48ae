//! The embedded core: who may do what, where a message goes, and what holds it.
//!
//! Knows no protocol, no frame, no JSON, no socket. Everything that changes it comes in through
//! [`access::Access`], in a [`turn::Turn`].

pub mod auth;
mod exchange;
pub mod inbox;
pub mod queue;
pub mod stream;
pub mod turn;
