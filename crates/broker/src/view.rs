//! What listings show: plain values, taken at one moment each.
//!
//! `management` renders them; nothing here changes anything. [`crate::Broker`] has a method per
//! list, in [`crate::listing`].

use model::{
    Binding, ConsumerTag, DestinationRule, ExchangeName, FieldTable, LinkId, Permission, QueueName,
    UserName, VhostName,
};

use crate::auth::{RuleSubject, Tag, TopicPermission};
use crate::policy::Effective;
use crate::queue::{Counts, QueueKind};
use crate::vhost::VhostLimits;

/// A vhost.
#[derive(Clone, Debug)]
pub struct VhostView {
    /// Its name.
    pub name: VhostName,
    /// What an operator wrote about it.
    pub description: String,
    /// What an operator marked it with.
    pub tags: Vec<String>,
    /// Its limits.
    pub limits: VhostLimits,
}

/// An exchange.
#[derive(Clone, Debug)]
pub struct ExchangeView {
    /// Its vhost.
    pub vhost: VhostName,
    /// Its name; empty for the default exchange.
    pub name: ExchangeName,
    /// Its type string.
    pub kind: &'static str,
    /// Whether it survives a restart.
    pub is_durable: bool,
    /// Whether it goes with its last outgoing binding.
    pub is_auto_delete: bool,
    /// Whether clients may not publish to it.
    pub is_internal: bool,
    /// Its arguments.
    pub arguments: FieldTable,
    /// The policies that apply to it.
    pub policies: Effective,
    /// Messages published to it.
    pub published_in: u64,
    /// Messages that left it: one per queue or subscription.
    pub published_out: u64,
}

/// A queue, or a topic subscription, which looks like one.
#[derive(Clone, Debug)]
pub struct QueueView {
    /// Its vhost.
    pub vhost: VhostName,
    /// Its name.
    pub name: QueueName,
    /// Its type.
    pub kind: QueueKind,
    /// Whether it survives a restart.
    pub is_durable: bool,
    /// Whether it goes with its last consumer.
    pub is_auto_delete: bool,
    /// The link it belongs to, if it is exclusive.
    pub owner: Option<LinkId>,
    /// Its arguments.
    pub arguments: FieldTable,
    /// The policies that apply to it.
    pub policies: Effective,
    /// How full it is and what went through it.
    pub counts: Counts,
    /// Messages that a topic subscription lost, because it was too slow.
    pub dropped_slow: u64,
    /// Its consumers.
    pub consumers: Vec<ConsumerOf>,
}

/// A consumer, with what listings show of either kind.
#[derive(Clone, Debug)]
pub struct ConsumerOf {
    /// Its link.
    pub link: LinkId,
    /// Its channel's number within the link.
    pub channel: u16,
    /// Its tag.
    pub tag: ConsumerTag,
    /// Whether it acknowledges.
    pub is_acknowledging: bool,
    /// How many unacknowledged deliveries it may hold; 0 is no limit.
    pub prefetch: u16,
    /// Whether it has the queue for itself.
    pub is_exclusive: bool,
    /// Whether it is served.
    pub is_active: bool,
    /// The arguments of the consume.
    pub arguments: FieldTable,
}

/// A binding; the implicit ones to the default exchange have an empty source.
#[derive(Clone, Debug)]
pub struct BindingView {
    /// Its vhost.
    pub vhost: VhostName,
    /// The binding.
    pub binding: Binding,
}

/// A user.
#[derive(Clone, Debug)]
pub struct UserView {
    /// Their name.
    pub name: UserName,
    /// Their tags.
    pub tags: Vec<Tag>,
    /// The hash of their password, in base64; empty if they have none.
    pub password_hash: String,
    /// How it was made, in RabbitMQ's words.
    pub hashing_algorithm: &'static str,
    /// Connections at a time; `None` is no limit.
    pub connections_max: Option<u64>,
    /// Channels at a time; `None` is no limit.
    pub channels_max: Option<u64>,
}

/// A user's patterns in a vhost.
#[derive(Clone, Debug)]
pub struct PermissionView {
    /// Who.
    pub user: UserName,
    /// Where.
    pub vhost: VhostName,
    /// What.
    pub permission: Permission,
}

/// A user's patterns for the keys of a topic exchange.
#[derive(Clone, Debug)]
pub struct TopicPermissionView {
    /// Who.
    pub user: UserName,
    /// Where.
    pub vhost: VhostName,
    /// Of which exchange.
    pub exchange: ExchangeName,
    /// What.
    pub permission: TopicPermission,
}

/// The destination rules of a user or tag.
#[derive(Clone, Debug)]
pub struct RulesView {
    /// Whose.
    pub subject: RuleSubject,
    /// The rules in order.
    pub rules: Vec<DestinationRule>,
}

/// What the whole node has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TotalsView {
    /// Messages published.
    pub published: u64,
    /// Publishes confirmed.
    pub confirmed: u64,
    /// Mandatory messages returned.
    pub returned: u64,
    /// Messages that went nowhere and were dropped.
    pub dropped_unroutable: u64,
    /// Messages that topic subscriptions lost, because they were too slow.
    pub dropped_slow: u64,
    /// Messages that streams hold for topic subscriptions, now: once for all who share a stream.
    pub stream_messages: u64,
    /// What they cost, in bytes.
    pub stream_bytes: u64,
    /// What went through all queues and subscriptions, gone ones included.
    pub queues: crate::queue::Totals,
    /// Ready messages, now.
    pub ready: u64,
    /// Unacknowledged messages, now.
    pub unacked: u64,
    /// Queues and subscriptions, now.
    pub queue_count: u64,
    /// Exchanges, now.
    pub exchange_count: u64,
    /// Consumers, now.
    pub consumer_count: u64,
    /// Queues declared since the start, those that existed included.
    pub queues_declared: u64,
    /// Queues created since the start.
    pub queues_created: u64,
    /// Queues deleted since the start.
    pub queues_deleted: u64,
}
