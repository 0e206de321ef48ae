//! STOMP over WebSocket: each step of the way can be taken apart, for testers; [`Connection::open`]
//! takes them all.

mod connection;
mod socket;

pub use connection::{Connected, Connection, Login, Received};
pub use socket::{Upgrade, WebSocket};
