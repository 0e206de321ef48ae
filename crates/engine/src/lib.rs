//! The boundary: [`Command`] in, [`Event`] out.
//!
//! A session cannot tell which engine serves it. Two exist: [`embedded`] calls the broker core and never
//! waits; a relay to an upstream RabbitMQ has its place beside it.

pub mod command;
pub mod event;

pub use command::{Channel, Command, Consume, DeleteIf, Follow, Login, Password, Peer, Publish};
pub use event::{Delivery, Event, Got, Refused, Reply};
