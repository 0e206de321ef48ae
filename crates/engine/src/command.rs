//! What a session asks of its engine.
//!
//! Every command but `Publish`, `Flush`, `Settle`, `Written` and the two of `Describe` is answered
//! by exactly one [`crate::Event::Answered`] or [`crate::Event::Refused`] for its channel, in the
//! order of the commands of that channel. After a refusal on a channel everything that was
//! submitted for it is dropped unanswered until [`Command::CloseChannel`], which is always
//! answered: so a session may pipeline.

use std::net::SocketAddr;
use std::sync::Arc;

use model::{
    AckMode, Binding, ConsumerId, ConsumerTag, DeclareMode, DeliveryId, ExchangeName, ExchangeSpec,
    FieldTable, Message, Outcome, QueueName, QueueSpec, RoutingKey, UserName, VhostName,
};
use smallvec::SmallVec;

/// A channel's number within its link; 0 is the connection itself (login and vhost).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel(pub u16);

impl Channel {
    /// The connection itself.
    pub const CONNECTION: Self = Self(0);
}

/// What a session asks of its engine.
#[derive(Debug)]
pub enum Command {
    /// Who is it? Answered on [`Channel::CONNECTION`] by [`crate::Reply::LoggedIn`]. May be tried
    /// again.
    Login(Box<Login>),
    /// Enter a vhost. Answered on [`Channel::CONNECTION`] by [`crate::Reply::Done`].
    OpenVhost(VhostName),
    /// Open a channel. [`crate::Reply::Done`].
    OpenChannel(Channel),
    /// Close a channel: its consumers end, and the given deliveries, which it has not settled, go
    /// back. [`crate::Reply::Done`], also if the channel was dead or never opened.
    CloseChannel(Channel, Vec<DeliveryId>),
    /// Declare an exchange. [`crate::Reply::Done`].
    DeclareExchange(Channel, Box<ExchangeSpec>, DeclareMode),
    /// Delete an exchange. [`crate::Reply::Done`].
    DeleteExchange(Channel, ExchangeName, DeleteIf),
    /// Bind. [`crate::Reply::Done`].
    Bind(Channel, Box<Binding>),
    /// Unbind. [`crate::Reply::Done`].
    Unbind(Channel, Box<Binding>),
    /// Declare a queue. [`crate::Reply::QueueDeclared`].
    DeclareQueue(Channel, Box<QueueSpec>, DeclareMode),
    /// Delete a queue. [`crate::Reply::Removed`].
    DeleteQueue(Channel, QueueName, DeleteIf),
    /// Drop a queue's ready messages. [`crate::Reply::Removed`].
    PurgeQueue(Channel, QueueName),
    /// Publish. Answered by `Confirmed` or `Rejected` if `confirm` is given, by `Returned` before
    /// that if it is mandatory and went nowhere; else only by a refusal.
    Publish(Publish),
    /// Answered by `Confirmed` with that number once everything that was handed over before is as
    /// safe as it can be; by `Rejected` if that cannot be.
    Flush(Channel, u64),
    /// A publish has come, but waits for a commit: an alarm holds its publisher all the same.
    PutOff(Channel),
    /// Consume from a queue. [`crate::Reply::Done`].
    Consume(Channel, Box<Consume>),
    /// Subscribe to an exchange by a key without a queue of one's own. [`crate::Reply::Done`].
    Follow(Channel, Box<Follow>),
    /// End a consumer of either kind. What it has not settled stays with the channel.
    /// [`crate::Reply::Done`], also if there is no such consumer.
    Cancel(Channel, ConsumerId),
    /// Change a consumer's prefetch; 0 is no limit. [`crate::Reply::Done`].
    Prefetch(Channel, ConsumerId, u16),
    /// Take one message. [`crate::Reply::Got`].
    Get(Channel, QueueName, AckMode),
    /// Settle deliveries, in the order in which the peer did.
    Settle(Channel, SmallVec<[DeliveryId; 2]>, Outcome),
    /// This many automatic-ack deliveries of that consumer have been written to the socket.
    Written(ConsumerId, u32),
    /// What listings shall say about the connection.
    Describe(Box<Description>),
    /// What listings shall say about a channel.
    DescribeChannel(Channel, ChannelDescription),
}

/// What listings say about a connection, beyond what its engine knows.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// `AMQP 0-9-1`, `STOMP 1.2`, `Web STOMP 1.2` …
    pub protocol: Box<str>,
    /// As the client gave them.
    pub client_properties: FieldTable,
    /// The agreed heart-beat from the peer, in seconds.
    pub timeout_seconds: u32,
    /// The agreed frame size, in bytes; 0 where there is none.
    pub frame_bytes_max: u32,
    /// The agreed number of channels.
    pub channel_max: u16,
}

/// What listings say about a channel, beyond what its engine knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelDescription {
    /// Confirms were asked for.
    pub is_confirming: bool,
    /// Transactions were asked for.
    pub is_transactional: bool,
    /// The prefetch for new consumers.
    pub prefetch: u16,
    /// The prefetch shared by all consumers.
    pub prefetch_global: u16,
}

/// Credentials and where they come from.
#[derive(Clone)]
pub struct Login {
    /// The user.
    pub user: UserName,
    /// The password; never logged.
    pub password: Password,
    /// If given, a vhost that must exist before the password is even looked at (STOMP's order).
    pub vhost: Option<VhostName>,
    /// Label for listings: `PLAIN`, `AMQPLAIN`, `stomp_headers`, `config` …
    pub mechanism: &'static str,
}

/// A password on its way to the judge: shown nowhere.
#[derive(Clone)]
pub struct Password(pub Box<[u8]>);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Conditions of a deletion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteIf {
    /// Only if nothing consumes from it (queue) or is bound to it (exchange).
    pub is_unused: bool,
    /// Only if it holds no ready message.
    pub is_empty: bool,
}

/// A publish.
#[derive(Debug)]
pub struct Publish {
    /// The channel.
    pub channel: Channel,
    /// The message, with the exchange and key it goes to.
    pub message: Arc<Message>,
    /// Whether it comes back if it goes nowhere.
    pub is_mandatory: bool,
    /// The number to confirm it by; `None` if nobody asked.
    pub confirm: Option<u64>,
}

/// A consumer of a queue.
#[derive(Clone, Debug)]
pub struct Consume {
    /// The queue.
    pub queue: QueueName,
    /// The consumer's number in this link, chosen by the session.
    pub consumer: ConsumerId,
    /// Its tag, for listings.
    pub tag: ConsumerTag,
    /// Whether it acknowledges.
    pub ack: AckMode,
    /// How many unacknowledged deliveries it may hold; 0 is no limit.
    pub prefetch: u16,
    /// Whether it wants the queue for itself.
    pub is_exclusive: bool,
    /// `x-priority`, `x-stream-offset` and the like.
    pub arguments: FieldTable,
}

/// A topic subscription: a cursor over the shared stream of (exchange, key).
///
/// Towards the outside it looks like RabbitMQ's subscription queue: it has that name in listings
/// and permission checks.
#[derive(Clone, Debug)]
pub struct Follow {
    /// The exchange, which must exist.
    pub exchange: ExchangeName,
    /// The binding key.
    pub key: RoutingKey,
    /// The name under which it is listed and judged: `stomp-subscription-…`.
    pub queue: QueueName,
    /// The consumer's number in this link, chosen by the session.
    pub consumer: ConsumerId,
    /// Its tag, for listings.
    pub tag: ConsumerTag,
    /// `x-max-length`, `x-message-ttl` and the like.
    pub arguments: FieldTable,
}

/// Who is at the socket, as far as the engine cares.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The peer's address.
    pub address: SocketAddr,
    /// Our end's address.
    pub local: SocketAddr,
    /// As listings name it before the version is known: `AMQP 0-9-1`, `STOMP`, `Web STOMP`.
    pub protocol: &'static str,
    /// Whether it came over TLS.
    pub is_tls: bool,
}

impl Command {
    /// Whether it changes what a restart must find again, if that is durable.
    pub(crate) fn is_defining(&self) -> bool {
        matches!(
            self,
            Self::DeclareExchange(..)
                | Self::DeleteExchange(..)
                | Self::Bind(..)
                | Self::Unbind(..)
                | Self::DeclareQueue(..)
                | Self::DeleteQueue(..)
        )
    }

    /// The channel it belongs to; the connection's for what concerns no single one.
    pub fn channel(&self) -> Channel {
        match self {
            Self::OpenChannel(channel)
            | Self::CloseChannel(channel, _)
            | Self::DeclareExchange(channel, ..)
            | Self::DeleteExchange(channel, ..)
            | Self::Bind(channel, _)
            | Self::Unbind(channel, _)
            | Self::DeclareQueue(channel, ..)
            | Self::DeleteQueue(channel, ..)
            | Self::PurgeQueue(channel, _)
            | Self::PutOff(channel)
            | Self::Consume(channel, _)
            | Self::Follow(channel, _)
            | Self::Cancel(channel, _)
            | Self::Prefetch(channel, ..)
            | Self::Flush(channel, _)
            | Self::Get(channel, ..)
            | Self::Settle(channel, ..)
            | Self::DescribeChannel(channel, _) => *channel,
            Self::Publish(publish) => publish.channel,
            Self::Login(_) | Self::OpenVhost(_) | Self::Written(..) | Self::Describe(_) => {
                Channel::CONNECTION
            }
        }
    }
}
