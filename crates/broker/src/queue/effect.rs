//! What must be done about a command that a queue has applied.

use std::sync::Arc;
use std::time::Instant;

use model::Message;

use super::consumers::{ConsumerKey, ConsumerSpec};
use super::read_back::Wanted;
use crate::turn::DeathReason;

/// What must be done about a command that a queue has applied.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Hand a message to a consumer.
    Deliver {
        /// Whom to.
        consumer: ConsumerKey,
        /// The message's place in the queue, to settle it by.
        sequence: u64,
        /// Whether it was handed out before.
        is_redelivered: bool,
        /// The message.
        message: Arc<Message>,
    },
    /// Answer a get.
    Got {
        /// The message's place in the queue, to settle it by.
        sequence: u64,
        /// Whether it was handed out before.
        is_redelivered: bool,
        /// The message.
        message: Arc<Message>,
    },
    /// The message was turned down.
    Rejected,
    /// How many messages a settle, a purge or a delete was about.
    Counted(u32),
    /// Publish to the dead-letter exchange, which is set.
    DeadLetter {
        /// The message, as it was published.
        message: Arc<Message>,
        /// Its place, if it is in the log: it goes from there once it was published.
        logged: Option<u64>,
        /// Why it died.
        reason: DeathReason,
    },
    /// Read messages from the log, and bring them with [`super::command::Command::ReadBack`].
    ReadBack(Wanted),
    /// Tell a consumer that its queue is gone.
    Cancelled(Box<ConsumerSpec>),
    /// The queue has ended of itself: its name is free.
    Ended,
    /// Apply [`super::command::Command::Tick`] at that time.
    Tick(Instant),
}

impl Effect {
    /// The consumer that a message is handed to, if that is what it says.
    pub(crate) fn receiver(&self) -> Option<ConsumerKey> {
        match self {
            Self::Deliver { consumer, .. } => Some(*consumer),
            _ => None,
        }
    }
}
