//! Binding and unbinding.

use model::{Binding, Destination, ExchangeKind, Refusal, Right};

use super::Access;
use crate::auth::{Grants, Place};
use crate::turn::Turn;

impl Access {
    /// Binds.
    ///
    /// # Errors
    ///
    /// - [`Refusal::AccessRefused`] without write on the destination or read on the source,
    ///   [`Refusal::DefaultExchange`], [`Refusal::TopicRefused`], [`Refusal::DestinationRefused`].
    /// - [`Refusal::NoSuchExchange`], [`Refusal::NoSuchQueue`], [`Refusal::InvalidBinding`],
    ///   [`Refusal::Locked`].
    pub fn bind(&mut self, _turn: &mut Turn, binding: &Binding) -> Result<(), Refusal> {
        self.check_binding(binding)?;
        self.vhost.change().bind(binding, self.link, self.vhost.name())
    }

    /// Unbinds; what does not exist is as good as unbound.
    ///
    /// # Errors
    ///
    /// As [`Self::bind`], except for what is missing.
    pub fn unbind(&mut self, _turn: &mut Turn, binding: &Binding) -> Result<(), Refusal> {
        self.check_binding(binding)?;
        self.vhost.change().unbind(binding, self.link)
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
