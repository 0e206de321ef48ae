//! One user in one vhost on one link: the only place where permission is asked, and the only way to
//! change anything.
//!
//! Checks come in RabbitMQ's order, so that of two reasons for a refusal it is RabbitMQ's that is
//! told. Destination rules are asked where RabbitMQ asks topic permissions: last of all rights.

mod bindings;
mod consume;
mod exchanges;
mod operator;
mod policies;
mod publish;
mod queues;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::{Destination, ExchangeKind, ExchangeName, LinkId, Refusal, Right, UserName};

use self::publish::Judged;
use crate::admission::Seat;
use crate::auth::{Grants, Place};
use crate::broker::Broker;
use crate::turn::Turn;
use crate::vhost::Vhost;

pub use consume::Follow;
pub use operator::Operator;
pub use policies::Policymaker;
pub use publish::Routed;
pub use queues::Declared;

/// One user in one vhost on one link.
#[derive(Debug)]
pub struct Access {
    broker: Arc<Broker>,
    vhost: Arc<Vhost>,
    link: LinkId,
    user: UserName,
    grants: Arc<Grants>,
    /// The generation of rights that `grants` was found in.
    generation: u64,
    judged: Judged,
    /// None for a single request of the management API.
    seat: Option<Seat>,
}

impl Access {
    pub(crate) fn new(
        broker: Arc<Broker>,
        vhost: Arc<Vhost>,
        user: &UserName,
        link: LinkId,
        seat: Option<Seat>,
    ) -> Result<Self, Refusal> {
        let generation = broker.rights.generation();
        let grants = broker.rights.grants(user, vhost.name())?;
        Ok(Self {
            user: user.clone(),
            grants,
            generation,
            judged: Judged::default(),
            broker,
            vhost,
            link,
            seat,
        })
    }

    /// The link it belongs to.
    pub fn link(&self) -> LinkId {
        self.link
    }

    /// Finds anew what the user may do, if anybody's rights have changed.
    fn refresh(&mut self) -> Result<(), Refusal> {
        let generation = self.broker.rights.generation();
        if generation != self.generation {
            self.grants = self.broker.rights.grants(&self.user, self.vhost.name())?;
            self.judged = Judged::default();
            self.generation = generation;
        }
        Ok(())
    }

    fn grants(&mut self) -> Result<Arc<Grants>, Refusal> {
        self.refresh()?;
        Ok(Arc::clone(&self.grants))
    }

    /// Asks the rules about a queue. One of the link's own is free: what may go into it was judged
    /// when it was bound. So is a server-named or subscription queue, if the user may read all that
    /// is bound to it, whoever bound it.
    fn check_queue_rules(&self, grants: &Grants, right: Right, queue: &str) -> Result<(), Refusal> {
        const UNNAMED_PREFIXES: [&str; 2] = ["amq.gen-", "stomp-subscription-"];
        if !grants.has_rules() {
            return Ok(());
        }
        let topology = self.vhost.look();
        if topology.queue(queue).is_some_and(|found| found.owner() == Some(self.link)) {
            return Ok(());
        }
        if !UNNAMED_PREFIXES.iter().any(|prefix| queue.starts_with(prefix)) {
            return grants.check_rules(right, Place::Queue(queue));
        }
        topology.sources_of(queue).try_for_each(|(exchange, key)| {
            let (name, kind) = (&exchange.spec().name, exchange.kind());
            grants.check_rules(Right::Read, Place::Exchange { name, kind, key: key.as_bytes() })
        })
    }

    /// How an exchange routes; the rules judge one that does not exist as if by key.
    fn kind_of(&self, exchange: &ExchangeName) -> Option<ExchangeKind> {
        self.vhost.look().exchange(exchange).map(crate::exchange::Exchange::kind)
    }

    fn no_exchange(&self, name: &ExchangeName) -> Refusal {
        Refusal::NoSuchExchange(name.clone(), self.vhost.name().clone())
    }

    /// Asks RabbitMQ's patterns about one end of a binding.
    fn check_end(grants: &Grants, right: Right, end: &Destination) -> Result<(), Refusal> {
        match end {
            Destination::Queue(name) => grants.check_queue(right, name),
            Destination::Exchange(name) => grants.check_exchange(right, name),
        }
    }

    /// Ends what belongs to the link: its exclusive queues.
    pub fn leave(self, turn: &mut Turn) {
        for queue in self.vhost.lose(turn, self.link) {
            self.broker.count_deleted(&queue);
        }
    }
}
