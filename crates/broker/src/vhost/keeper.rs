//! What a vhost tells the definitions about what is durable in it.

use std::sync::Arc;

use model::{Binding, Destination, ExchangeName, ExchangeSpec, QueueName, RoutingKey, VhostName};

use crate::definitions::{Change, Definition, Definitions, Key};
use crate::queue::Queue;

/// What a vhost tells the definitions. Nothing waits.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    definitions: Arc<Definitions>,
    vhost: VhostName,
}

impl Keeper {
    pub(crate) fn new(definitions: &Arc<Definitions>, vhost: &VhostName) -> Self {
        Self { definitions: Arc::clone(definitions), vhost: vhost.clone() }
    }

    pub(super) fn put_exchange(&self, spec: &ExchangeSpec) {
        self.definitions.put(Definition::Exchange(self.vhost.clone(), spec.clone()));
    }

    /// An exchange and the bindings from it are gone.
    pub(super) fn remove_exchange(&self, name: &ExchangeName) {
        self.definitions.push(Change::Remove(Key::exchange(&self.vhost, name)));
        self.definitions.push(Change::RemoveAll(Key::bindings(&self.vhost, name, None)));
    }

    /// A queue that has a number takes no message that is confirmed before its definition is safe.
    pub(super) fn put_queue(&self, queue: &Queue) {
        let Some(journal) = queue.journal() else { return };
        let definition = Definition::Queue(self.vhost.clone(), queue.spec(), journal.id());
        journal.define(self.definitions.put(definition));
    }

    pub(super) fn remove_queue(&self, name: &QueueName) {
        self.definitions.push(Change::Remove(Key::queue(&self.vhost, name)));
    }

    pub(super) fn put_binding(&self, binding: Binding) {
        self.definitions.put(Definition::Binding(self.vhost.clone(), binding));
    }

    pub(super) fn remove_binding(&self, binding: &Binding) {
        self.definitions.push(Change::Remove(Key::binding(&self.vhost, binding)));
    }

    /// All bindings from there to there by that key are gone.
    pub(super) fn remove_bindings(
        &self,
        source: &ExchangeName,
        destination: &Destination,
        key: &RoutingKey,
    ) {
        let prefix = Key::bindings(&self.vhost, source, Some((destination, key)));
        self.definitions.push(Change::RemoveAll(prefix));
    }
}
