//! The boundary: [`Command`] in, [`Event`] out.
//!
//! A session cannot tell which engine serves it. Two exist: [`embedded`] calls the broker core and
//! never waits; a relay to an upstream RabbitMQ has its place beside it.

pub mod command;
mod compose;
pub mod connections;
mod embedded;
pub mod engine;
pub mod event;
pub mod link;

pub use command::{
    Channel, ChannelDescription, Command, Consume, DeleteIf, Description, Follow, Login, Password,
    Peer, Publish,
};
pub use compose::compose;
pub use connections::{Connection, Connections, Meter};
pub use engine::Engine;
pub use event::{Delivery, Event, Followed, Got, Refused, Reply};
pub use link::Link;
