//! Why a peer's request was refused. The peer is told; the node is fine.
//!
//! The texts are RabbitMQ's, because clients and their tests match on them; each protocol adds its
//! own dressing (AMQP a reply code and name, STOMP an `ERROR` frame, HTTP a status).
//! Source: RabbitMQ's broker; `amqp.md` §3.3 of the specification sheets.

use std::fmt;

use crate::name::{ExchangeName, QueueName, UserName, VhostName};
use crate::permission::{DestinationRule, Right};
use crate::routing_key::RoutingKey;

/// An exchange or a queue, named in a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// An exchange.
    Exchange(ExchangeName),
    /// A queue.
    Queue(QueueName),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(name) => write!(f, "exchange '{name}'"),
            Self::Queue(name) => write!(f, "queue '{name}'"),
        }
    }
}

/// How grave a refusal is, and which reply it maps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// AMQP 403, soft.
    AccessRefused,
    /// AMQP 404, soft.
    NotFound,
    /// AMQP 405, soft.
    ResourceLocked,
    /// AMQP 406, soft.
    PreconditionFailed,
    /// AMQP 530, hard.
    NotAllowed,
    /// AMQP 540, hard.
    NotImplemented,
    /// AMQP 541, hard; nothing is told about the cause.
    Internal,
}

/// Why a peer's request was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// No exchange by that name.
    #[error("no exchange '{0}' in vhost '{1}'")]
    NoSuchExchange(ExchangeName, VhostName),
    /// No queue by that name. The name is text: a passive declare may ask for `''`.
    #[error("no queue '{0}' in vhost '{1}'")]
    NoSuchQueue(Box<str>, VhostName),
    /// The user's patterns do not grant it.
    #[error("{right} access to {resource} in vhost '{vhost}' refused for user '{user}'")]
    AccessRefused {
        /// What was asked for.
        right: Right,
        /// What it was asked of; the default exchange is named `amq.default`.
        resource: Resource,
        /// Where.
        vhost: VhostName,
        /// For whom.
        user: UserName,
    },
    /// The user's topic permissions do not grant it.
    #[error(
        "{right} access to topic '{key}' in exchange '{exchange}' in vhost '{vhost}' refused for \
         user '{user}'"
    )]
    TopicRefused {
        /// What was asked for.
        right: Right,
        /// The routing or binding key.
        key: RoutingKey,
        /// The topic exchange.
        exchange: ExchangeName,
        /// Where.
        vhost: VhostName,
        /// For whom.
        user: UserName,
    },
    /// A destination rule denies it, or none of the user's rules grants it.
    #[error(
        "{right} access to destination '{destination}' in vhost '{vhost}' refused for user \
         '{user}' by {}",
        by(.rule)
    )]
    DestinationRefused {
        /// What was asked for.
        right: Right,
        /// The destination, in STOMP's words.
        destination: Box<str>,
        /// Where.
        vhost: VhostName,
        /// For whom.
        user: UserName,
        /// The rule that denied it; `None` if no rule of the user's list matched.
        rule: Option<DestinationRule>,
    },
    /// The default exchange can only be published to.
    #[error("operation not permitted on the default exchange")]
    DefaultExchange,
    /// The predeclared exchanges stay.
    #[error("deletion of system exchange '{0}' in vhost '{1}' not allowed")]
    SystemExchange(ExchangeName, VhostName),
    /// A new name must not start with `amq.`.
    #[error("{kind} name '{name}' contains reserved prefix 'amq.*'")]
    ReservedName {
        /// `queue` or `exchange`.
        kind: &'static str,
        /// The name asked for.
        name: Box<str>,
    },
    /// Only bindings lead to an internal exchange.
    #[error("cannot publish to internal exchange '{0}' in vhost '{1}'")]
    InternalExchange(ExchangeName, VhostName),
    /// An exclusive consumer has it, or asks for what others have.
    #[error("queue '{0}' in vhost '{1}' in exclusive use")]
    InExclusiveUse(QueueName, VhostName),
    /// Another connection owns it (AMQP 405).
    #[error(
        "cannot obtain exclusive access to locked queue '{0}' in vhost '{1}'. It could be \
         originally declared on another connection or the exclusive property value does not match \
         that of the original declaration."
    )]
    Locked(QueueName, VhostName),
    /// A declare that does not match what exists.
    #[error(
        "inequivalent arg '{argument}' for {resource} in vhost '{vhost}': received {received} but \
         current is {current}"
    )]
    Inequivalent {
        /// The property or argument that differs.
        argument: Box<str>,
        /// What was declared.
        resource: Resource,
        /// Where.
        vhost: VhostName,
        /// What the declare said: `'v'`, `none`, or `the value 'v' of type 't'`.
        received: Box<str>,
        /// What exists, said the same way.
        current: Box<str>,
    },
    /// `if-unused` was given and it is used.
    #[error("{0} in vhost '{1}' in use")]
    InUse(Resource, VhostName),
    /// `if-empty` was given and it is not empty.
    #[error("queue '{0}' in vhost '{1}' not empty")]
    NotEmpty(QueueName, VhostName),
    /// An argument of a declare has a value that cannot be.
    #[error("invalid arg '{argument}' for {resource} in vhost '{vhost}': {reason}")]
    InvalidArgument {
        /// The argument's key.
        argument: Box<str>,
        /// What was declared.
        resource: Resource,
        /// Where.
        vhost: VhostName,
        /// In RabbitMQ's terms: `{value_negative,-5}` and the like.
        reason: Box<str>,
    },
    /// No such type of exchange.
    #[error("unknown exchange type '{0}'")]
    UnknownExchangeType(Box<str>),
    /// A binding whose arguments or key the exchange cannot use; the whole text.
    #[error("{0}")]
    InvalidBinding(Box<str>),
    /// Larger than the node takes.
    #[error("message size {found_bytes} is larger than configured max size {max_bytes}")]
    MessageTooLarge {
        /// The body's size, in bytes.
        found_bytes: u64,
        /// The limit, in bytes.
        max_bytes: u64,
    },
    /// The `expiration` property is no number of milliseconds.
    #[error("invalid expiration '{found}': {reason}")]
    InvalidExpiration {
        /// What was found.
        found: Box<str>,
        /// In RabbitMQ's terms: `no_integer` and the like.
        reason: Box<str>,
    },
    /// CC or BCC that is not an array.
    #[error("invalid message: {0}")]
    InvalidMessage(Box<str>),
    /// `user_id` names somebody else and the user is no impersonator.
    #[error("user_id property set to '{found}' but authenticated user was '{user}'")]
    UserIdMismatch {
        /// The property.
        found: Box<str>,
        /// Who is logged in.
        user: UserName,
    },
    /// A condition of the protocol does not hold; the whole text (AMQP 406).
    #[error("{0}")]
    PreconditionFailed(Box<str>),
    /// Unknown user, wrong password, no password: all the same to the peer.
    #[error("Access refused for user '{0}'")]
    LoginRefused(UserName),
    /// The user may log in from this machine only.
    #[error("non-loopback access denied")]
    LoopbackOnly(UserName),
    /// No such vhost.
    #[error("vhost {0} not found")]
    NoSuchVhost(VhostName),
    /// The user has no permission in that vhost.
    #[error("access to vhost '{0}' refused for user '{1}'")]
    VhostRefused(VhostName, UserName),
    /// The vhost has all the connections it may have.
    #[error("access to vhost '{0}' refused for user '{1}': connection limit ({2}) is reached")]
    VhostConnectionLimit(VhostName, UserName, u64),
    /// The user has all the connections they may have.
    #[error("connection refused for user '{0}': user connection limit ({1}) is reached")]
    UserConnectionLimit(UserName, u64),
    /// The node has all the connections it may have.
    #[error("connection refused: node connection limit ({0}) is reached")]
    NodeConnectionLimit(u64),
    /// Not allowed, with the whole text (AMQP 530).
    #[error("{0}")]
    NotAllowed(Box<str>),
    /// Not implemented, with the whole text (AMQP 540).
    #[error("{0}")]
    NotImplemented(Box<str>),
    /// The node cannot make it durable; it was not done. The cause is in the log.
    #[error("the node cannot keep it, so it was not done")]
    NotKept,
    /// Ours; the cause is in the log.
    #[error("internal error")]
    Internal,
}

fn by(rule: &Option<DestinationRule>) -> String {
    match rule {
        Some(rule) => format!("rule '{rule}'"),
        None => "the absence of a matching rule".to_owned(),
    }
}

impl Refusal {
    /// How grave it is.
    pub fn kind(&self) -> RefusalKind {
        match self {
            Self::NoSuchExchange(..) | Self::NoSuchQueue(..) => RefusalKind::NotFound,
            Self::AccessRefused { .. }
            | Self::TopicRefused { .. }
            | Self::DestinationRefused { .. }
            | Self::DefaultExchange
            | Self::SystemExchange(..)
            | Self::ReservedName { .. }
            | Self::InternalExchange(..)
            | Self::InExclusiveUse(..)
            | Self::LoginRefused(..)
            | Self::LoopbackOnly(..) => RefusalKind::AccessRefused,
            Self::Locked(..) => RefusalKind::ResourceLocked,
            Self::Inequivalent { .. }
            | Self::InUse(..)
            | Self::NotEmpty(..)
            | Self::InvalidArgument { .. }
            | Self::UnknownExchangeType(..)
            | Self::InvalidBinding(..)
            | Self::MessageTooLarge { .. }
            | Self::InvalidExpiration { .. }
            | Self::InvalidMessage(..)
            | Self::UserIdMismatch { .. }
            | Self::PreconditionFailed(..) => RefusalKind::PreconditionFailed,
            Self::NoSuchVhost(..)
            | Self::VhostRefused(..)
            | Self::VhostConnectionLimit(..)
            | Self::UserConnectionLimit(..)
            | Self::NodeConnectionLimit(..)
            | Self::NotAllowed(..) => RefusalKind::NotAllowed,
            Self::NotImplemented(..) => RefusalKind::NotImplemented,
            Self::NotKept | Self::Internal => RefusalKind::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_refusal_names_the_destination_and_the_rule() {
        let rule = DestinationRule {
            pattern: "/exchange/admin*".to_owned(),
            effect: crate::permission::RuleEffect::Deny,
        };
        let refusal = Refusal::DestinationRefused {
            right: Right::Write,
            destination: "/exchange/admin/x".into(),
            vhost: VhostName::root(),
            user: UserName::parse("ann").unwrap(),
            rule: Some(rule),
        };
        assert_eq!(
            refusal.to_string(),
            "write access to destination '/exchange/admin/x' in vhost '/' refused for user 'ann' \
             by rule 'deny /exchange/admin*'"
        );
    }
}
