//! What a policy can act on, and which of it one wants to act on.

/// What a policy can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An exchange of any type.
    Exchange,
    /// A classic queue, or a topic subscription, which looks like one.
    Classic,
    /// A quorum queue.
    Quorum,
    /// A stream.
    Stream,
}

/// What a policy wants to act on (`apply-to`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApplyTo {
    /// Exchanges and queues.
    #[default]
    All,
    /// Exchanges.
    Exchanges,
    /// Queues of any type.
    Queues,
    /// Classic queues.
    ClassicQueues,
    /// Quorum queues.
    QuorumQueues,
    /// Streams.
    Streams,
}

impl ApplyTo {
    const ALL: [Self; 6] = [
        Self::All,
        Self::Exchanges,
        Self::Queues,
        Self::ClassicQueues,
        Self::QuorumQueues,
        Self::Streams,
    ];

    /// Reads `apply-to`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }

    /// As `apply-to` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Exchanges => "exchanges",
            Self::Queues => "queues",
            Self::ClassicQueues => "classic_queues",
            Self::QuorumQueues => "quorum_queues",
            Self::Streams => "streams",
        }
    }

    /// Whether that is meant.
    pub(super) fn means(self, subject: Subject) -> bool {
        match self {
            Self::All => true,
            Self::Exchanges => subject == Subject::Exchange,
            Self::Queues => subject != Subject::Exchange,
            Self::ClassicQueues => subject == Subject::Classic,
            Self::QuorumQueues => subject == Subject::Quorum,
            Self::Streams => subject == Subject::Stream,
        }
    }
}
