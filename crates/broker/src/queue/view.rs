//! A queue as listings show it.

use model::{AckMode, ConsumerId, ConsumerTag, FieldTable, LinkId};

/// How full a queue is and what went through it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that wait for a consumer.
    pub ready: u64,
    /// Messages that wait to be settled.
    pub unacked: u64,
    /// Bytes in the bodies of ready messages.
    pub ready_bytes: u64,
    /// Bytes in the bodies of unacknowledged messages.
    pub unacked_bytes: u64,
    /// Of the ready ones: not in memory.
    pub away: u64,
    /// Bytes in the bodies of those.
    pub away_bytes: u64,
    /// Messages that survive a restart, as far as the log has written what was handed to it.
    pub kept: u64,
    /// Bytes in the bodies of those.
    pub kept_bytes: u64,
    /// Consumers.
    pub consumers: u32,
    /// What went through it.
    pub totals: Totals,
}

impl Counts {
    /// Ready messages, as protocols count them.
    pub fn ready_u32(&self) -> u32 {
        u32::try_from(self.ready).unwrap_or(u32::MAX)
    }
}

/// What went through a queue since it was declared, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Taken in.
    pub published: u64,
    /// Delivered to consumers that acknowledge.
    pub delivered: u64,
    /// Delivered to consumers that do not.
    pub delivered_automatic: u64,
    /// Got by somebody who acknowledges.
    pub got: u64,
    /// Got by somebody who does not.
    pub got_automatic: u64,
    /// Gets that found nothing.
    pub got_empty: u64,
    /// Of those delivered and got: not for the first time.
    pub redelivered: u64,
    /// Accepted by a consumer.
    pub acked: u64,
    /// Turned down because the queue was full.
    pub rejected: u64,
    /// Dead: rejected by a consumer, expired, pushed out; dead-lettered where that was asked for.
    pub died: u64,
}

/// A consumer as listings show it.
#[derive(Clone, Debug)]
pub struct ConsumerView {
    /// Its link.
    pub link: LinkId,
    /// Its number within the link.
    pub consumer: ConsumerId,
    /// Its tag.
    pub tag: ConsumerTag,
    /// Its channel's number within the link.
    pub channel: u16,
    /// Whether it acknowledges.
    pub ack: AckMode,
    /// How many unacknowledged deliveries it may hold; 0 is no limit.
    pub prefetch: u16,
    /// Whether it has the queue for itself.
    pub is_exclusive: bool,
    /// Whether it is served; with a single active consumer the others wait.
    pub is_active: bool,
    /// Higher is served first.
    pub priority: i64,
    /// The arguments of the consume.
    pub arguments: FieldTable,
}
