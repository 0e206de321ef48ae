//! The load generator: light, and the same for every broker.
//!
//! Receivers are two threads that read whatever is readable into one large buffer each, and count
//! messages by walking frame headers; a socket costs them its descriptor and a few numbers.
//! Publishers write messages that were encoded beforehand, many per call, and run ahead of the
//! receivers only so far that no broker's bound is met. What the messages say is checked on a
//! sample, outside the timed part.

pub(crate) mod amqp;
mod connection;
mod crowd;
mod dialect;
mod framing;
mod gauge;
mod pump;
mod receiver;
mod tape;
mod web_socket;

pub(crate) use crowd::{Crowd, Member};
pub(crate) use dialect::{Browser, Dialect, MASK};
pub(crate) use framing::Counting;
pub(crate) use pump::{Delivered, Pump, Window};
pub(crate) use tape::{SEQUENCE, Tape, sequences};
pub(crate) use web_socket::WebSocket;

/// Deliveries on their way at most, by default: large enough that a broker always has something to
/// gather, small enough that no broker's bound is met.
pub(crate) const AHEAD_DEFAULT: u64 = 1_000_000;
