//! A reader's place in a stream.

use std::sync::Arc;

use model::{ConsumerId, ConsumerTag, FieldTable, LinkId, Message, QueueName, Sequenced};

use super::retention::CursorLimits;
use super::stream::{CursorKey, Stream};
use crate::inbox::Inbox;
use crate::turn::Turn;

/// A cursor as its link asks for it.
#[derive(Clone, Debug)]
pub struct CursorSpec {
    /// Where it is told that there is more.
    pub inbox: Arc<Inbox>,
    /// The link.
    pub link: LinkId,
    /// The consumer's number within the link.
    pub consumer: ConsumerId,
    /// The subscription queue it is listed as.
    pub name: QueueName,
    /// Its tag, for listings.
    pub tag: ConsumerTag,
    /// Its channel's number within the link, for listings.
    pub channel: u16,
    /// How much may lie before it.
    pub limits: CursorLimits,
    /// The arguments of the subscription queue, for listings.
    pub arguments: FieldTable,
}

/// A reader's place in a stream. Dropping it frees what was held for it alone.
#[derive(Debug)]
pub struct Cursor {
    stream: Arc<Stream>,
    key: CursorKey,
}

/// What a read says beside the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// How many messages were lost since the last one that was read, because the reader was too
    /// slow. Said once, and only with a message.
    pub dropped: u64,
    /// The bytes of their bodies, and of those that were passed over.
    pub bytes: u64,
    /// Whether more is there. If not, [`crate::inbox::Inbound::Ready`] tells when there is.
    pub has_more: bool,
}

/// What listings sum up of a stream's cursors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamTotals {
    /// How many there are.
    pub cursors: u64,
    /// Messages that they have yet to read, counted for each.
    pub ready: u64,
    /// Messages that they have lost and not noticed, counted for each.
    pub dropped: u64,
}

/// A cursor as listings show it.
#[derive(Clone, Debug)]
pub struct CursorView {
    /// The link.
    pub link: LinkId,
    /// The consumer's number within the link.
    pub consumer: ConsumerId,
    /// The subscription queue it is listed as.
    pub name: QueueName,
    /// Its tag.
    pub tag: ConsumerTag,
    /// Its channel's number within the link.
    pub channel: u16,
    /// The arguments of the subscription queue.
    pub arguments: FieldTable,
    /// Messages it has yet to read; what has expired right before it does not count.
    pub ready: u64,
    /// The bytes of their bodies.
    pub ready_bytes: u64,
    /// Messages it has read.
    pub delivered: u64,
    /// Messages it has lost.
    pub dropped: u64,
}

impl Cursor {
    pub(super) fn new(stream: Arc<Stream>, key: CursorKey) -> Self {
        Self { stream, key }
    }

    /// Its stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Whether it has fallen behind so far that its connection shall end. It reads nothing more.
    pub fn is_overrun(&self) -> bool {
        self.stream.is_overrun(self.key)
    }

    /// Adds at most `limit` messages with their sequences to `messages`, and moves on.
    ///
    /// If nothing more is there afterwards, the cursor waits to be told: whatever is appended later
    /// brings one [`crate::inbox::Inbound::Ready`].
    pub fn read(
        &mut self,
        turn: &mut Turn,
        limit: usize,
        messages: &mut Vec<(u64, Arc<Message>)>,
    ) -> Read {
        self.stream.read(self.key, turn.now, limit, messages)
    }

    /// As [`Self::read`], at most [`super::RUN_MESSAGES_MAX`] messages of which no more than the
    /// last ends beyond [`super::run::RUN_BYTES_MAX`], shared with the other
    /// cursors that read the same. It may be fewer although more is there.
    pub fn read_run(&mut self, turn: &mut Turn) -> (Arc<[Sequenced]>, Read) {
        self.stream.read_run(self.key, turn.now)
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.stream.leave(self.key);
    }
}
