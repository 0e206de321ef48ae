//! What the log of a durable queue must hear of a batch of commands.

use super::expiry::Expiry;
use crate::store::SequenceRange;

/// A message that must be kept, and its place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) sequence: u64,
    pub(crate) priority: u8,
    pub(super) expiry: Expiry,
}

/// What the log must hear: first of the message that came, then of those that went, then of those
/// that came back.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The message of the last command, if the queue keeps it.
    pub(crate) came: Option<Logged>,
    /// Settled, expired, pushed out or purged, in no order.
    pub(crate) gone: Vec<SequenceRange>,
    /// Came back, and how often they did by then.
    pub(crate) returned: Vec<(u64, u32)>,
    /// The queue has ended, and everything in it.
    pub(crate) is_ended: bool,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.came.is_none() && self.gone.is_empty() && self.returned.is_empty() && !self.is_ended
    }

    /// Notes a message that the queue no longer holds. One that has just come need not be kept.
    pub(super) fn forget(&mut self, sequence: u64) {
        if self.came.take_if(|came| came.sequence == sequence).is_some() {
            return;
        }
        match self.gone.last_mut() {
            Some(last) if last.last.checked_add(1) == Some(sequence) => last.last = sequence,
            _ => self.gone.push(sequence.into()),
        }
    }

    /// Forgets what was noted, and keeps the room for a batch.
    pub(crate) fn clear(&mut self) {
        self.came = None;
        self.gone.clear();
        self.gone.shrink_to(ROOM_KEPT);
        self.returned.clear();
        self.returned.shrink_to(ROOM_KEPT);
        self.is_ended = false;
    }
}

/// Room for this many sequences is kept.
const ROOM_KEPT: usize = 64;
