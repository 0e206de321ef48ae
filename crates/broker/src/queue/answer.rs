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

impl Accepted {
    pub(super) fn unless(is_rejected: bool) -> Self {
        if is_rejected { Self::No } else { Self::Yes }
    }
}
