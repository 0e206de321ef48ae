//! Bindings of a vhost: from exchanges to queues and to other exchanges.

use std::sync::Arc;

use model::{
    Binding, Destination, ExchangeName, FieldTable, LinkId, QueueName, Refusal, RoutingKey,
    VhostName,
};

use super::topology::{Target, Topology};
use crate::exchange::{Exchange, Unbound};

impl Topology {
    /// Binds; nothing changes if the binding exists. Only the owner binds an exclusive queue.
    ///
    /// # Errors
    ///
    /// In the order of RabbitMQ: [`Refusal::NoSuchExchange`] for the source, then what is missing
    /// as destination, [`Refusal::InvalidBinding`], [`Refusal::Locked`].
    pub(crate) fn bind(
        &mut self,
        binding: &Binding,
        link: LinkId,
        vhost: &VhostName,
    ) -> Result<(), Refusal> {
        let source = self
            .exchanges
            .get(&binding.source)
            .ok_or_else(|| Refusal::NoSuchExchange(binding.source.clone(), vhost.clone()))?;
        let target = self.target(&binding.destination, vhost)?;
        source.check(&binding.key, &binding.arguments)?;
        if let Target::Queue(queue) = &target {
            queue.check_access(Some(link))?;
        }
        let arguments = sorted(&binding.arguments);
        let Some(source) = self.exchanges.get_mut(&binding.source) else {
            return Err(Refusal::NoSuchExchange(binding.source.clone(), vhost.clone()));
        };
        if source.bind(binding.destination.clone(), &binding.key, arguments.clone(), target) {
            self.keep_binding(binding, arguments);
            let incoming = self.incoming.entry(binding.destination.clone()).or_default();
            incoming.insert((binding.source.clone(), binding.key.clone()));
        }
        Ok(())
    }

    fn target(&self, destination: &Destination, vhost: &VhostName) -> Result<Target, Refusal> {
        match destination {
            Destination::Queue(name) => match self.queue(name.as_str()) {
                Some(queue) => Ok(Target::Queue(Arc::clone(queue))),
                None => Err(Refusal::NoSuchQueue(name.as_str().into(), vhost.clone())),
            },
            Destination::Exchange(name) => match self.exchanges.contains_key(name) {
                true => Ok(Target::Exchange(name.clone())),
                false => Err(Refusal::NoSuchExchange(name.clone(), vhost.clone())),
            },
        }
    }

    /// Unbinds; what does not exist is as good as unbound. Only the owner unbinds an exclusive
    /// queue.
    ///
    /// # Errors
    ///
    /// [`Refusal::Locked`].
    pub(crate) fn unbind(&mut self, binding: &Binding, link: LinkId) -> Result<(), Refusal> {
        if let Destination::Queue(name) = &binding.destination
            && let Some(queue) = self.queue(name.as_str())
        {
            queue.check_access(Some(link))?;
        }
        let Some(source) = self.exchanges.get_mut(&binding.source) else { return Ok(()) };
        let destination = &binding.destination;
        let arguments = sorted(&binding.arguments);
        let unbound = source.unbind(destination.clone(), &binding.key, &arguments);
        if unbound != Unbound::Nothing {
            self.keep_no_binding(&binding.source, (destination, &binding.key), arguments);
        }
        if unbound == Unbound::Last {
            self.forget_incoming(destination, &binding.source, &binding.key);
            self.remove_if_unused(&binding.source);
        }
        Ok(())
    }

    /// Takes away an auto-delete exchange that has just lost its last binding.
    pub(super) fn remove_if_unused(&mut self, name: &ExchangeName) {
        if self.is_to_go(name) {
            self.remove_exchanges(vec![name.clone()]);
        }
    }

    fn is_to_go(&self, name: &ExchangeName) -> bool {
        let exchange = self.exchanges.get(name);
        exchange.is_some_and(|exchange| exchange.spec().is_auto_delete && exchange.is_unused())
    }

    pub(super) fn forget_incoming(
        &mut self,
        destination: &Destination,
        source: &ExchangeName,
        key: &RoutingKey,
    ) {
        let Some(incoming) = self.incoming.get_mut(destination) else { return };
        incoming.remove(&(source.clone(), key.clone()));
        if incoming.is_empty() {
            self.incoming.remove(destination);
        }
    }

    /// Unbinds whatever leads to `destination`, which is still known; gives back the exchanges that
    /// must go for it.
    pub(super) fn unbind_destination(&mut self, destination: Destination) -> Vec<ExchangeName> {
        let mut unused = Vec::new();
        for (source, key) in self.incoming.remove(&destination).unwrap_or_default() {
            let Some(exchange) = self.exchanges.get_mut(&source) else { continue };
            for arguments in exchange.unbind_all(destination.clone(), &key) {
                self.keep_no_binding(&source, (&destination, &key), arguments);
            }
            if self.is_to_go(&source) {
                unused.push(source);
            }
        }
        unused
    }

    /// All bindings made by name, in no order.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = Binding> {
        self.exchanges.values().flat_map(|exchange| {
            exchange.bindings().map(|(destination, key, arguments)| Binding {
                source: exchange.spec().name.clone(),
                destination: destination.clone(),
                key: key.clone(),
                arguments: arguments.clone(),
            })
        })
    }

    /// The exchanges and keys that a queue is bound to by name.
    pub(crate) fn sources_of(
        &self,
        queue: &str,
    ) -> impl Iterator<Item = (&Exchange<Target>, &RoutingKey)> {
        let destination = QueueName::parse(queue).ok().map(Destination::Queue);
        let incoming = destination.and_then(|destination| self.incoming.get(&destination));
        let with_exchange = |(source, key)| Some((self.exchanges.get(source)?, key));
        incoming.into_iter().flatten().map(|(source, key)| (source, key)).filter_map(with_exchange)
    }
}

/// Arguments in the order that makes two bindings the same.
fn sorted(arguments: &FieldTable) -> FieldTable {
    let mut arguments = arguments.clone();
    arguments.sort();
    arguments
}
