//! Publishing: the checks in RabbitMQ's order, then the route, then the queues and streams.

use std::iter::Peekable;
use std::sync::Arc;

use model::{ExchangeKind, ExchangeName, Message, Refusal, Right, RoutingKey, VhostName};

use super::Access;
use crate::auth::{Grants, Place};
use crate::exchange::{Address, Exchange};
use crate::queue::{self, Positions, Published};
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
    /// Whether it was handed to the log, and is safe once that is synced.
    pub is_logged: bool,
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
    /// Publishes one message; see [`Self::publish_all`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn publish(&mut self, turn: &mut Turn, message: &Arc<Message>) -> Result<Routed, Refusal> {
        let mut outcome = Routed { targets: 0, was_rejected: false, is_logged: false };
        let message = std::iter::once(Arc::clone(message));
        self.publish_all(turn, message, |routed| outcome = routed)?;
        Ok(outcome)
    }

    /// Publishes each message to its exchange, by its key and those of its `CC` and `BCC` headers,
    /// until one is refused. Calls `tell` for each that was not, in order.
    ///
    /// Messages in a row that must go the same way are judged and routed once.
    ///
    /// # Errors
    ///
    /// - [`Refusal::MessageTooLarge`], [`Refusal::AccessRefused`] without write.
    /// - [`Refusal::NoSuchExchange`], [`Refusal::InternalExchange`], [`Refusal::InvalidMessage`].
    /// - [`Refusal::TopicRefused`], [`Refusal::DestinationRefused`], [`Refusal::UserIdMismatch`].
    pub fn publish_all(
        &mut self,
        turn: &mut Turn,
        messages: impl Iterator<Item = Arc<Message>>,
        mut tell: impl FnMut(Routed),
    ) -> Result<(), Refusal> {
        let mut rest = messages.peekable();
        let mut batch = std::mem::take(&mut turn.batch);
        let mut outcome = Ok(());
        while outcome.is_ok()
            && let Some(first) = rest.next()
        {
            batch.push(first);
            outcome = self.publish_batch(turn, &mut batch, &mut rest, &mut tell);
            batch.clear();
        }
        turn.batch = batch;
        outcome
    }

    /// Publishes the one message in `batch`, and with it those of the `rest` that go the same way.
    fn publish_batch(
        &mut self,
        turn: &mut Turn,
        batch: &mut Vec<Arc<Message>>,
        rest: &mut Peekable<impl Iterator<Item = Arc<Message>>>,
        tell: &mut impl FnMut(Routed),
    ) -> Result<(), Refusal> {
        self.refresh()?;
        let Self { broker, vhost, grants, judged, .. } = self;
        let Some(message) = batch.first() else { return Ok(()) };
        let bytes_max = broker.settings.message_bytes_max;
        check_size(message, bytes_max)?;
        judged.check_exchange(grants, message.exchange())?;
        // Looked at early, so that the topology is looked at once; told in its turn.
        let (selected, unreadable) = match routing::selected_keys(message) {
            Ok(selected) => (selected, None),
            Err(refusal) => (SelectedKeys::default(), Some(refusal)),
        };
        let mut targets = {
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
            let targets = topology.route(exchange, &address);
            let is_alone = !address.is_known_by_keys() || !goes_by_its_key(message);
            drop(address);
            if !is_alone {
                gather(batch, rest, bytes_max);
            }
            exchange.count(batch.len(), targets.len());
            targets
        };
        broker.counters.add(Count::Published, batch.len() as u64);
        if targets.len() == 0 {
            broker.counters.add(Count::Unroutable, batch.len() as u64);
        }
        if selected.has_blind {
            hide_blind_keys(batch, selected)?;
        }
        let published = deliver(turn, &mut targets, batch);
        for at in 0..batch.len() {
            tell(Routed {
                targets: targets.len(),
                was_rejected: published.rejected.contains(at),
                is_logged: published.logged.contains(at),
            });
        }
        Ok(())
    }
}

/// Whether its exchange and routing key, and no property, say where a message goes and who may send
/// it there; header exchanges apart.
fn goes_by_its_key(message: &Message) -> bool {
    let marks = message.marks();
    !marks.has_user_id && !marks.has_sender_selected
}

/// Moves to the batch what comes next and differs from its first message in nothing that decides
/// about the way.
fn gather(
    batch: &mut Vec<Arc<Message>>,
    rest: &mut Peekable<impl Iterator<Item = Arc<Message>>>,
    bytes_max: u64,
) {
    let (Some(first), Some(_)) = (batch.first().cloned(), rest.peek()) else { return };
    while batch.len() < Positions::MESSAGES_MAX
        && let Some(next) = rest.next_if(|next| {
            goes_by_its_key(next)
                && next.exchange() == first.exchange()
                && next.routing_key() == first.routing_key()
                && check_size(next, bytes_max).is_ok()
        })
    {
        batch.push(next);
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

/// Hands a batch to its targets; nothing is locked but one of them at a time, or the durable ones.
fn deliver(turn: &mut Turn, targets: &mut Targets, batch: &[Arc<Message>]) -> Published {
    for stream in &targets.streams {
        batch.iter().for_each(|message| stream.publish(turn, message));
    }
    queue::publish_all(&mut targets.queues, turn, batch)
}

/// Puts a copy without the `BCC` header, which nobody may see, in the place of a batch's one
/// message.
fn hide_blind_keys(batch: &mut Vec<Arc<Message>>, selected: SelectedKeys) -> Result<(), Refusal> {
    let Some(message) = batch.pop() else { return Ok(()) };
    let mut properties = *selected.properties.unwrap_or_default();
    if let Some(headers) = &mut properties.headers {
        headers.remove("BCC");
    }
    let key = RoutingKey::parse(message.routing_key()).map_err(|_| Refusal::Internal)?;
    let exchange = message.exchange().clone();
    batch.push(Arc::new(message.republished(exchange, &key, &properties, message.marks())));
    Ok(())
}
