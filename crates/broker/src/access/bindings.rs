//! Binding and unbinding.

use model::{Binding, Destination, ExchangeKind, Refusal, Right};

use super::Access;
use crate::auth::{Grants, Place};
use crate::turn::Turn;
use crate::vhost::Changing;

impl Access {
    /// Binds.
    ///
    /// # Errors
    ///
    /// - [`Refusal::AccessRefused`] without write on the destination or read on the source,
    ///   [`Refusal::DefaultExchange`], [`Refusal::TopicRefused`], [`Refusal::DestinationRefused`].
    /// - [`Refusal::NoSuchExchange`], [`Refusal::NoSuchQueue`], [`Refusal::InvalidBinding`],
    ///   [`Refusal::Locked`].
    pub fn bind(&mut self, turn: &mut Turn, binding: &Binding) -> Result<(), Refusal> {
        self.check_binding(binding)?;
        let mut topology = self.vhost.change();
        let bound = topology.bind(binding, self.link, self.vhost.name());
        self.await_binding(turn, topology, binding);
        bound
    }

    /// Unbinds; what does not exist is as good as unbound.
    ///
    /// # Errors
    ///
    /// As [`Self::bind`], except for what is missing.
    pub fn unbind(&mut self, turn: &mut Turn, binding: &Binding) -> Result<(), Refusal> {
        self.check_binding(binding)?;
        let mut topology = self.vhost.change();
        let unbound = topology.unbind(binding, self.link);
        self.await_binding(turn, topology, binding);
        unbound
    }

    /// Waits for what somebody else has just changed, too: what is said to be there already must be
    /// there after a restart.
    fn await_binding(&self, turn: &mut Turn, topology: Changing<'_>, binding: &Binding) {
        let is_kept = topology.keeps(binding);
        let changed = topology.done();
        let earlier = || self.broker.unsettled().filter(|_| is_kept);
        turn.awaits(changed.or_else(earlier));
    }

    /// Asks for the rights to bind, in RabbitMQ's order, the rules last.
    fn check_binding(&mut self, binding: &Binding) -> Result<(), Refusal> {
        let grants = self.grants()?;
        Self::check_end(&grants, Right::Write, &binding.destination)?;
        let is_default = match &binding.destination {
            Destination::Exchange(name) => name.is_default(),
            Destination::Queue(_) => false,
        };
        if is_default || binding.source.is_default() {
            return Err(Refusal::DefaultExchange);
        }
        grants.check_exchange(Right::Read, &binding.source)?;
        let kind = self.kind_of(&binding.source);
        let key = binding.key.as_bytes();
        if kind == Some(ExchangeKind::Topic) {
            grants.check_topic(Right::Read, &binding.source, key)?;
        }
        if !grants.has_rules() {
            return Ok(());
        }
        let kind = kind.unwrap_or(ExchangeKind::Direct);
        grants.check_rules(Right::Read, Place::Exchange { name: &binding.source, kind, key })?;
        self.check_fed_end(&grants, &binding.destination, key)
    }

    /// Asks the rules about the end that a binding feeds. Who may read a queue may also fill it.
    fn check_fed_end(&self, grants: &Grants, end: &Destination, key: &[u8]) -> Result<(), Refusal> {
        match end {
            Destination::Exchange(name) => self.check_feeding(grants, name, key),
            Destination::Queue(name) => {
                let is_read = self.check_queue_rules(grants, Right::Read, name.as_str()).is_ok();
                if is_read {
                    return Ok(());
                }
                self.check_queue_rules(grants, Right::Write, name.as_str())
            }
        }
    }
}
