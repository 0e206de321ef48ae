//! What a queue answers, and under which conditions it can be deleted.

use std::sync::Arc;

use model::{DeliveryId, Message};

/// What a queue did with a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It took the message. So does a queue that has been deleted: nothing is owed there.
    Yes,
    /// It is full: the publisher hears a nack.
    No,
}

/// Some of the messages of a batch, by their positions in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positions(u64);

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Those that a queue turned down.
    pub rejected: Positions,
    /// Those that were handed to the log, and are safe once it is synced.
    pub logged: Positions,
}

/// What a get took.
#[derive(Debug)]
pub struct Got {
    /// To settle it by.
    pub id: DeliveryId,
    /// Whether it was handed out before.
    pub is_redelivered: bool,
    /// Ready messages left behind.
    pub messages: u32,
    /// The message.
    pub message: Arc<Message>,
}

/// Conditions of a deletion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteIf {
    /// Only if nothing consumes from it (of an exchange: only if nothing is bound to it).
    pub is_unused: bool,
    /// Only if it holds no ready message.
    pub is_empty: bool,
}

/// What carrying out effects leaves for the caller.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) is_rejected: bool,
    pub(super) count: u32,
    pub(super) got: Option<(u64, bool, Arc<Message>)>,
}

impl Positions {
    /// The largest batch, in messages: a bit for each. So one publisher holds a queue's lock for
    /// some microseconds, not for all that one read brought.
    pub const MESSAGES_MAX: usize = 64;

    /// Whether the message at that position is one of them.
    pub fn contains(self, at: usize) -> bool {
        at < Self::MESSAGES_MAX && self.0 >> at & 1 == 1
    }

    /// Notes a message by its position in the batch.
    pub(super) fn add(&mut self, at: usize) {
        debug_assert!(at < Self::MESSAGES_MAX, "a batch has no position {at}");
        let bit = u32::try_from(at).ok().and_then(|at| 1_u64.checked_shl(at));
        self.0 |= bit.unwrap_or(0);
    }

    /// Those that are here or there.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Published {
    /// What became of a batch that went to these queues and to others.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { rejected: self.rejected.or(other.rejected), logged: self.logged.or(other.logged) }
    }
}

impl Accepted {
    pub(super) fn unless(is_rejected: bool) -> Self {
        if is_rejected { Self::No } else { Self::Yes }
    }
}
