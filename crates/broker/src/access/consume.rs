//! Taking messages: from queues, and from exchanges by topic subscriptions.

use std::sync::Arc;

use model::{
    ConsumerId, ConsumerTag, ExchangeKind, ExchangeName, FieldTable, QueueName, Refusal, Right,
    RoutingKey,
};

use super::Access;
use crate::auth::Place;
use crate::inbox::Inbox;
use crate::policy::Subject;
use crate::queue::Queue;
use crate::stream::{Cursor, CursorLimits, CursorSpec};
use crate::turn::Turn;

/// A topic subscription as a link asks for it.
#[derive(Debug)]
pub struct Follow<'a> {
    /// The exchange, which must exist.
    pub exchange: &'a ExchangeName,
    /// The binding key.
    pub key: &'a RoutingKey,
    /// The subscription queue it is listed and judged as.
    pub queue: &'a QueueName,
    /// The consumer's number within the link.
    pub consumer: ConsumerId,
    /// Its tag, for listings.
    pub tag: &'a ConsumerTag,
    /// Its channel's number within the link, for listings.
    pub channel: u16,
    /// `x-max-length`, `x-message-ttl` and the like.
    pub arguments: &'a FieldTable,
    /// Where it is told that there is more.
    pub inbox: Arc<Inbox>,
}

impl Access {
    /// A queue to consume from, get from, or purge.
    ///
    /// # Errors
    ///
    /// [`Refusal::AccessRefused`] or [`Refusal::DestinationRefused`] without read,
    /// [`Refusal::NoSuchQueue`], [`Refusal::Locked`].
    pub fn queue_to_read(&mut self, name: &QueueName) -> Result<Arc<Queue>, Refusal> {
        let grants = self.grants()?;
        grants.check_queue(Right::Read, name)?;
        self.check_queue_rules(&grants, Right::Read, name.as_str())?;
        let queue = self.vhost.queue(name.as_str())?;
        queue.check_access(Some(self.link))?;
        Ok(queue)
    }

    /// Subscribes to an exchange by a key, without a queue of one's own: a cursor on the stream
    /// that all such subscriptions share. Asks for the rights that RabbitMQ's subscription queue
    /// needs.
    ///
    /// # Errors
    ///
    /// - [`Refusal::AccessRefused`] without configure, read and write on the subscription queue and
    ///   read on the exchange; [`Refusal::DefaultExchange`], [`Refusal::TopicRefused`],
    ///   [`Refusal::DestinationRefused`].
    /// - [`Refusal::NoSuchExchange`], [`Refusal::InvalidBinding`].
    /// - [`Refusal::PreconditionFailed`] if the arguments ask for what only a queue can do; see
    ///   [`CursorLimits::of`].
    pub fn follow(&mut self, turn: &mut Turn, follow: Follow<'_>) -> Result<Cursor, Refusal> {
        self.check_follow(&follow)?;
        let overflow = self.broker.settings.streams.overflow;
        let arguments = self.governed(follow.queue, follow.arguments);
        let limits = CursorLimits::of(&arguments, overflow).ok_or_else(|| {
            let text = format!("arguments of '{}' need a queue of its own", follow.queue);
            Refusal::PreconditionFailed(text.into())
        })?;
        let spec = CursorSpec {
            inbox: follow.inbox,
            link: self.link,
            consumer: follow.consumer,
            name: follow.queue.clone(),
            tag: follow.tag.clone(),
            channel: follow.channel,
            limits,
            arguments: follow.arguments.clone(),
        };
        let binding = (follow.exchange, follow.key);
        self.vhost.follow(turn.now, &self.broker.budget, binding, spec)
    }

    /// The arguments of a topic subscription with what policies say about subscription queues, as
    /// far as it can be done without a queue. Policies that are set later do not change it.
    fn governed(&self, queue: &QueueName, arguments: &FieldTable) -> FieldTable {
        const GOVERNED: [&str; 3] = ["x-max-length", "x-max-length-bytes", "x-message-ttl"];
        let mut governed = arguments.clone();
        let policies = self.vhost.policies();
        if !policies.is_empty() {
            let effective = policies.effective(Subject::Classic, queue.as_str());
            let all = effective.arguments(arguments);
            for key in GOVERNED {
                if let Some(value) = all.get(key) {
                    governed.set(key, value.clone());
                }
            }
        }
        governed
    }

    fn check_follow(&mut self, follow: &Follow<'_>) -> Result<(), Refusal> {
        let grants = self.grants()?;
        for right in [Right::Configure, Right::Read, Right::Write] {
            grants.check_queue(right, follow.queue)?;
        }
        let name = follow.exchange;
        if name.is_default() {
            return Err(Refusal::DefaultExchange);
        }
        grants.check_exchange(Right::Read, name)?;
        let kind = self.kind_of(name);
        let key = follow.key.as_bytes();
        if kind == Some(ExchangeKind::Topic) {
            grants.check_topic(Right::Read, name, key)?;
        }
        let kind_judged = kind.unwrap_or(ExchangeKind::Direct);
        grants.check_rules(Right::Read, Place::Exchange { name, kind: kind_judged, key })?;
        let topology = self.vhost.look();
        let exchange = topology.exchange(name).ok_or_else(|| self.no_exchange(name))?;
        exchange.check(follow.key, &FieldTable::new())
    }
}
