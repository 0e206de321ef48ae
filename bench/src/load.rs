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

/// Deliveries on their way at most, by default. With a hundred messages for each of a thousand
/// subscribers, NATS and the floor need the CPU time per delivery that the targets were set
/// beside (0.9 and 0.24 s per million); ten times as many only make everyone's batches larger.
pub(crate) const AHEAD_DEFAULT: u64 = 100_000;
