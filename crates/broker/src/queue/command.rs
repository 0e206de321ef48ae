//! What can be asked of a queue.

use std::sync::Arc;

use model::{AckMode, ConsumerId, LinkId, Message, Outcome, SourceId};

use super::consumers::ConsumerSpec;
use super::limits::Limits;
use super::read_back::ReadBack;

/// What can be asked of a queue.
#[derive(Debug)]
pub(crate) enum Command<'a> {
    /// Take a message in. [`super::Effect::Rejected`] if the queue is full and says so.
    Publish(Arc<Message>),
    /// Serve a consumer. The caller has asked [`super::state::QueueState::admits`].
    Consume(Box<ConsumerSpec>),
    /// Serve a consumer of a stream from an offset on. Queues that are no streams pass it over.
    Read(Box<ConsumerSpec>, u64),
    /// A link has acknowledged so many deliveries of a stream, in whatever way. Queues that are no
    /// streams pass it over.
    Credit(LinkId, SourceId, u32),
    /// Serve a consumer no longer. What it has not settled stays with its link.
    Cancel(LinkId, ConsumerId),
    /// Change how many unacknowledged deliveries a consumer may hold.
    SetPrefetch(LinkId, ConsumerId, u16),
    /// Take one message out. [`super::Effect::Got`] unless there is none.
    Get(LinkId, AckMode),
    /// Settle deliveries of a link; those that are not outstanding for it are passed over.
    /// [`super::Effect::Counted`] says how many were.
    Settle(LinkId, &'a [u64], Outcome),
    /// A consumer that does not acknowledge has written that many deliveries to its socket.
    Written(LinkId, ConsumerId, u32),
    /// A link is gone, with its consumers; what it has not settled returns to its place.
    Lose(LinkId),
    /// Drop what is ready. [`super::Effect::Counted`].
    Purge,
    /// End the queue. [`super::Effect::Counted`] says how many ready messages went with it.
    Delete,
    /// The queue was declared again: its lease starts anew.
    Touch,
    /// From here on hold messages that way.
    SetLimits(Box<Limits>),
    /// Here is what [`super::Effect::ReadBack`] asked for.
    ReadBack(ReadBack),
    /// Time has passed: expire what is due.
    Tick,
}
