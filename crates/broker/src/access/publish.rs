//! Publishing: the checks in RabbitMQ's order, then the route, then the queues and streams.

use std::sync::Arc;

use model::{ExchangeKind, ExchangeName, Message, Refusal, Right, RoutingKey, VhostName};

use super::Access;
use crate::auth::{Grants, Place};
use crate::exchange::{Address, Exchange};
use crate::queue::Accepted;
use crate::routing::{self, SelectedKeys};
use crate::stats::Count;
use crate::turn::Turn;
use crate::vhost::{Target, Targets, Topology};

/// Where a publish went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routed {
    /// How many queues and streams it went to.
    pub targets: usize,
    /// Whether one of the queues turned it down.
    pub was_rejected: bool,
}

impl Routed {
    /// Whether it went nowhere.
    pub fn is_unroutable(self) -> bool {
        self.targets == 0
    }
}

/// What the last publish was found to be allowed, so that the next one like it is not judged again.
/// Forgotten when anybody's rights change.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// The exchange that may be written to.
    exchange: Option<ExchangeName>,
    /// The kind it had, and a key that may be used.
    key: Option<(ExchangeKind, Vec<u8>)>,
}

impl Access {
    /// Publishes to the message's exchange, by its key and those of its `CC` and `BCC` headers.
    ///
    /// # Errors
    ///
    /// - [`Refusal::MessageTooLarge`], [`Refusal::AccessRefused`] without write.
    /// - [`Refusal::NoSuchExchange`], [`Refusal::InternalExchange`], [`Refusal::InvalidMessage`].
    /// - [`Refusal::TopicRefused`], [`Refusal::DestinationRefused`], [`Refusal::UserIdMismatch`].
    pub fn publish(&mut self, turn: &mut Turn, message: &Arc<Message>) -> Result<Routed, Refusal> {
        self.refresh()?;
        let Self { broker, vhost, grants, judged, .. } = self;
        check_size(message, broker.settings.message_bytes_max)?;
        judged.check_exchange(grants, message.exchange())?;
        // Looked at early, so that the topology is looked at once; told in its turn.
        let (selected, unreadable) = match routing::selected_keys(message) {
            Ok(selected) => (selected, None),
            Err(refusal) => (SelectedKeys::default(), Some(refusal)),
        };
        let targets = {
            let topology = vhost.look();
            let exchange = find_target(&topology, message.exchange(), vhost.name())?;
            if let Some(refusal) = unreadable {
                return Err(refusal);
            }
            judged.check_keys(grants, message, exchange.kind(), &selected)?;
            if message.marks().has_user_id {
                check_user_id(grants, message)?;
            }
            let address = Address::new(message, message.routing_key(), &selected.keys);
            topology.route(exchange, &address)
        };
        broker.counters.add(Count::Published, 1);
        if targets.len() == 0 {
            broker.counters.add(Count::Unroutable, 1);
        }
        if selected.has_blind {
            let message = without_blind_keys(message, selected)?;
            return Ok(deliver(turn, &targets, &message));
        }
        Ok(deliver(turn, &targets, message))
    }
}

fn check_size(message: &Message, max_bytes: u64) -> Result<(), Refusal> {
    match message.body().len() as u64 {
        found_bytes if found_bytes > max_bytes => {
            Err(Refusal::MessageTooLarge { found_bytes, max_bytes })
        }
        _ => Ok(()),
    }
}

/// An exchange that a client may publish to.
fn find_target<'a>(
    topology: &'a Topology,
    name: &ExchangeName,
    vhost: &VhostName,
) -> Result<&'a Exchange<Target>, Refusal> {
    match topology.exchange(name) {
        None => Err(Refusal::NoSuchExchange(name.clone(), vhost.clone())),
        Some(exchange) if exchange.spec().is_internal => {
            Err(Refusal::InternalExchange(name.clone(), vhost.clone()))
        }
        Some(exchange) => Ok(exchange),
    }
}

impl Judged {
    /// Asks for write on an exchange.
    fn check_exchange(&mut self, grants: &Grants, exchange: &ExchangeName) -> Result<(), Refusal> {
        if self.exchange.as_ref() != Some(exchange) {
            grants.check_exchange(Right::Write, exchange)?;
            *self = Self { exchange: Some(exchange.clone()), key: None };
        }
        Ok(())
    }

    /// Asks for every key. Topic permissions and rules are all that looks at keys.
    fn check_keys(
        &mut self,
        grants: &Grants,
        message: &Message,
        kind: ExchangeKind,
        selected: &SelectedKeys,
    ) -> Result<(), Refusal> {
        if grants.ignores_keys() {
            return Ok(());
        }
        let own = message.routing_key();
        let is_judged = |judged: &(ExchangeKind, Vec<u8>)| judged.0 == kind && judged.1 == own;
        if selected.keys.is_empty() && self.key.as_ref().is_some_and(is_judged) {
            return Ok(());
        }
        let name = message.exchange();
        for key in std::iter::once(own).chain(selected.keys.iter().map(|key| &**key)) {
            if kind == ExchangeKind::Topic {
                grants.check_topic(Right::Write, name, key)?;
            }
            grants.check_rules(Right::Write, Place::Exchange { name, kind, key })?;
        }
        self.key = Some((kind, own.to_vec()));
        Ok(())
    }
}

/// Source: RabbitMQ, "Validated User-ID".
fn check_user_id(grants: &Grants, message: &Message) -> Result<(), Refusal> {
    let user = grants.user();
    let properties = message.properties().map_err(|_| Refusal::Internal)?;
    match properties.user_id {
        Some(found)
            if found.as_bytes() != user.name.as_str().as_bytes() && !user.is_impersonator() =>
        {
            let found = found.to_str_lossy().into();
            Err(Refusal::UserIdMismatch { found, user: user.name.clone() })
        }
        _ => Ok(()),
    }
}

/// Hands a message to its targets; nothing is locked but one of them at a time.
fn deliver(turn: &mut Turn, targets: &Targets, message: &Arc<Message>) -> Routed {
    let mut was_rejected = false;
    for queue in &targets.queues {
        was_rejected |= queue.publish(turn, message) == Accepted::No;
    }
    for stream in &targets.streams {
        stream.publish(turn, message);
    }
    Routed { targets: targets.len(), was_rejected }
}

/// A copy without the `BCC` header, which nobody may see.
fn without_blind_keys(message: &Message, selected: SelectedKeys) -> Result<Arc<Message>, Refusal> {
    let mut properties = *selected.properties.unwrap_or_default();
    if let Some(headers) = &mut properties.headers {
        headers.remove("BCC");
    }
    let key = RoutingKey::parse(message.routing_key()).map_err(|_| Refusal::Internal)?;
    let exchange = message.exchange().clone();
    Ok(Arc::new(message.republished(exchange, &key, &properties, message.marks())))
}
