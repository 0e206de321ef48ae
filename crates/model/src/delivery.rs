//! What happens to a message between a queue or a stream and its consumer.

use std::sync::Arc;

use crate::Message;

use std::fmt;

/// Whether a consumer acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMode {
    /// Delivered is settled (AMQP `no-ack`, STOMP `ack:auto`).
    Automatic,
    /// The consumer settles each delivery.
    Manual,
}

/// What the consumer decided about a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done with it.
    Accept,
    /// Back to its place, marked redelivered.
    Requeue,
    /// Dropped, or dead-lettered with the reason `rejected`.
    Reject,
}

/// What a reader who fell behind has passed. Shown as what is told to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Its own, in messages.
    Length(u64),
    /// Its own, in bytes.
    Bytes(u64),
    /// That of the stream it shares with others, in messages.
    StreamLength(u64),
    /// That of the stream, in bytes.
    StreamBytes(u64),
    /// That of all streams of the node, in messages.
    NodeLength(u64),
    /// That of all streams of the node, in bytes.
    NodeBytes(u64),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(max) => write!(f, "its x-max-length of {max} messages"),
            Self::Bytes(max) => write!(f, "its x-max-length-bytes of {max} bytes"),
            Self::StreamLength(max) => write!(f, "the topic's limit of {max} messages"),
            Self::StreamBytes(max) => write!(f, "the topic's limit of {max} bytes"),
            Self::NodeLength(max) => write!(f, "the node's limit of {max} messages"),
            Self::NodeBytes(max) => write!(f, "the node's limit of {max} bytes"),
        }
    }
}

/// Whether a declare may create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclareMode {
    /// Create it, or check that what exists is equivalent.
    Active,
    /// Only say whether it exists (AMQP `passive`).
    Passive,
}

/// A consumer's number within its link, chosen by its session; used again only after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsumerId(pub u32);

/// Where a delivery came from, as a number within its link, chosen by the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// Identifies a delivery towards the engine, to settle it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId {
    /// Where it came from.
    pub source: SourceId,
    /// Its place in that source; the oldest has the lowest.
    pub sequence: u64,
}

/// A message of a stream with its place in it.
#[derive(Clone, Debug)]
pub struct Sequenced {
    /// Its place; the oldest has the lowest.
    pub sequence: u64,
    /// The message.
    pub message: Arc<Message>,
}

/// A link's number, unique within the node and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u64);
