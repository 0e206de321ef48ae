//! What a peer is owed: the answer to each method, or the reason why not.

use std::borrow::Cow;

use engine::Channel;
use model::{AckMode, ConsumerId, ConsumerTag, Refusal, RefusalKind};
use wire::amqp::encoder::encode_method;
use wire::amqp::method::Arguments;
use wire::amqp::{FrameError, MethodId, ReplyCode};

/// A command that the engine has not answered yet.
#[derive(Debug)]
pub(super) struct Awaited {
    /// Whose.
    pub(super) channel: Channel,
    /// The method that asked for it.
    pub(super) method: MethodId,
    /// What is done with the answer.
    pub(super) then: Then,
}

/// What is done with an answer.
#[derive(Debug)]
pub(super) enum Then {
    /// Nothing: the peer does not wait.
    Nothing,
    /// The credentials were good.
    LoggedIn,
    /// The vhost is entered.
    Entered,
    /// The channel is open.
    Opened,
    /// Writes a method without arguments of its own.
    Say(fn(&mut Vec<u8>, u16)),
    /// Nothing: the channel was closed by us.
    ChannelDropped,
    /// The channel was closed by the peer.
    ChannelClosed,
    /// A queue was declared.
    QueueDeclared(Wait),
    /// A queue was purged.
    QueuePurged(Wait),
    /// A queue was deleted.
    QueueDeleted(Wait),
    /// A consumer began.
    Consuming(ConsumerTag, Wait),
    /// A consumer ended.
    Cancelled(ConsumerId, ConsumerTag, Wait),
    /// One message was asked for.
    Got(AckMode),
}

/// Whether the peer waits for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// It does.
    Waits,
    /// It said `no-wait`.
    GoesOn,
}

impl Wait {
    /// Reads the bit `no-wait`.
    pub(super) fn unless(no_wait: bool) -> Self {
        match no_wait {
            true => Self::GoesOn,
            false => Self::Waits,
        }
    }

    /// Says the method `M` once it is done, if the peer waits for it.
    pub(super) fn then_say<M: Arguments<'static> + Default>(self) -> Then {
        match self {
            Self::Waits => Then::Say(|out, channel| encode_method(out, channel, &M::default())),
            Self::GoesOn => Then::Nothing,
        }
    }
}

impl Then {
    /// Whether it is the answer to the closing of a channel.
    pub(super) fn closes(&self) -> bool {
        matches!(self, Self::ChannelDropped | Self::ChannelClosed)
    }
}

/// Why a channel or the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// Says what it is, and whether the connection goes with it.
    pub(super) code: ReplyCode,
    /// The method at fault.
    pub(super) method: MethodId,
    /// Said behind the code's name.
    pub(super) explanation: Cow<'static, str>,
}

impl Failure {
    pub(super) fn new(
        code: ReplyCode,
        method: MethodId,
        explanation: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code, method, explanation: explanation.into() }
    }

    /// A failure to keep a condition of the protocol.
    pub(super) fn precondition(
        method: MethodId,
        explanation: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(ReplyCode::PreconditionFailed, method, explanation)
    }

    /// A part of the protocol that is not implemented.
    pub(super) fn not_implemented(
        method: MethodId,
        explanation: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(ReplyCode::NotImplemented, method, explanation)
    }

    /// What a refusal is in AMQP.
    pub(super) fn refused(refusal: &Refusal, method: MethodId) -> Self {
        let code = match refusal.kind() {
            RefusalKind::AccessRefused => ReplyCode::AccessRefused,
            RefusalKind::NotFound => ReplyCode::NotFound,
            RefusalKind::ResourceLocked => ReplyCode::ResourceLocked,
            RefusalKind::PreconditionFailed => ReplyCode::PreconditionFailed,
            RefusalKind::NotAllowed => ReplyCode::NotAllowed,
            RefusalKind::NotImplemented => ReplyCode::NotImplemented,
            RefusalKind::Internal => ReplyCode::InternalError,
        };
        Self::new(code, method, refusal.to_string())
    }
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        Self::new(error.code(), error.method(), error.to_string())
    }
}
