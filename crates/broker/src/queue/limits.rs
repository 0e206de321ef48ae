//! How a queue holds messages: what its arguments and policies amount to.

use std::time::Duration;

use model::{ExchangeName, RoutingKey};

use crate::policy::Subject;

/// How a queue holds messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// How long a message may stay (`x-message-ttl`).
    pub message_ttl: Option<Duration>,
    /// How long the queue may stay unused before it is deleted (`x-expires`).
    pub lease: Option<Duration>,
    /// The most ready messages (`x-max-length`).
    pub messages_max: Option<u64>,
    /// The most bytes in the bodies of ready messages, or in a stream (`x-max-length-bytes`).
    pub bytes_max: Option<u64>,
    /// What happens beyond those two (`x-overflow`).
    pub overflow: Overflow,
    /// Where dead messages go (`x-dead-letter-exchange`); `None` drops them.
    pub dead_letter: Option<DeadLetterTarget>,
    /// The highest priority that counts (`x-max-priority`); `None` ignores priorities.
    pub priority_max: Option<u8>,
    /// Only one consumer at a time is served (`x-single-active-consumer`).
    pub is_single_active: bool,
    /// How often a message may be returned before it is dead (`x-delivery-limit`).
    pub returns_max: Option<u32>,
    /// How long a stream keeps a message (`x-max-age`).
    pub age_max: Option<Duration>,
    /// How much of a stream is dropped at once, in bytes (`x-stream-max-segment-size-bytes`).
    pub segment_bytes: Option<u64>,
}

/// What happens to a message beyond the maximum length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest messages make room.
    #[default]
    DropHead,
    /// The message is turned down.
    RejectPublish,
    /// The message is turned down and dead-lettered.
    RejectPublishDeadLetter,
}

/// Where dead messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterTarget {
    /// The exchange they are published to; if there is none by that name then, they are dropped.
    pub exchange: ExchangeName,
    /// The key they are published with; `None` keeps their own keys.
    pub key: Option<RoutingKey>,
}

/// What kind of queue was asked for (`x-queue-type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueKind {
    /// RabbitMQ's classic queue.
    #[default]
    Classic,
    /// RabbitMQ's quorum queue: here one replica, with a delivery limit.
    Quorum,
    /// RabbitMQ's stream: consumers read it and take nothing out.
    Stream,
}

impl Overflow {
    /// Every way, as `x-overflow` says it.
    const ALL: [(&'static str, Self); 3] = [
        ("drop-head", Self::DropHead),
        ("reject-publish", Self::RejectPublish),
        ("reject-publish-dlx", Self::RejectPublishDeadLetter),
    ];

    /// Reads `x-overflow`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(name, way)| (name == text).then_some(way))
    }
}

impl QueueKind {
    /// Reads `x-queue-type`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Classic, Self::Quorum, Self::Stream].into_iter().find(|kind| kind.as_str() == text)
    }

    /// As `x-queue-type` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
            Self::Stream => "stream",
        }
    }

    /// As policies see it.
    pub fn subject(self) -> Subject {
        match self {
            Self::Classic => Subject::Classic,
            Self::Quorum => Subject::Quorum,
            Self::Stream => Subject::Stream,
        }
    }

    /// Whether transient messages survive a restart, too. Source: RabbitMQ, "Quorum Queues".
    pub(super) fn keeps_transient(self) -> bool {
        self != Self::Classic
    }

    /// As RabbitMQ's reply texts say it.
    pub(super) fn module(self) -> &'static str {
        match self {
            Self::Classic => "rabbit_classic_queue",
            Self::Quorum => "rabbit_quorum_queue",
            Self::Stream => "rabbit_stream_queue",
        }
    }
}
