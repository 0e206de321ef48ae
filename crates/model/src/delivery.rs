//! What happens to a message between a queue or a stream and its consumer.

use std::sync::Arc;

use crate::Message;

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
