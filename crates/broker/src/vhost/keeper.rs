//! What a vhost tells the definitions about what is durable in it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use model::{Binding, Destination, ExchangeName, ExchangeSpec, FieldTable, RoutingKey, VhostName};
use parking_lot::RwLockWriteGuard;

use super::topology::Topology;
use super::vhost::Vhost;
use crate::definitions::{Change, Changes, Definition, Definitions, Ticket, Undo};
use crate::policy::{Policy, PolicyKind};
use crate::queue::Queue;

/// Gathers what one step changes, so that no crash leaves half of it. Nothing waits.
#[derive(Debug)]
pub(crate) struct Keeper {
    definitions: Arc<Definitions>,
    vhost: VhostName,
    gathered: Changes,
    /// Queues that everybody sees before their definitions are durable.
    made: Vec<Arc<Queue>>,
}

impl Keeper {
    pub(crate) fn new(definitions: &Arc<Definitions>, vhost: &VhostName) -> Self {
        Self {
            definitions: Arc::clone(definitions),
            vhost: vhost.clone(),
            gathered: Changes::default(),
            made: Vec::new(),
        }
    }

    pub(super) fn put_exchange(&mut self, spec: &ExchangeSpec) {
        self.put(Definition::Exchange(self.vhost.clone(), spec.clone()));
    }

    /// An exchange is gone; so are its bindings, which are removed by themselves.
    pub(super) fn remove_exchange(&mut self, spec: &ExchangeSpec) {
        self.remove(Definition::Exchange(self.vhost.clone(), spec.clone()));
    }

    /// A queue that has a number takes no message that is confirmed before its definition is safe.
    pub(super) fn put_queue(&mut self, queue: &Arc<Queue>) {
        if let Some(definition) = self.queue(queue) {
            self.made.push(Arc::clone(queue));
            self.put(definition);
        }
    }

    /// A queue is gone; so are its bindings, which are removed by themselves.
    pub(super) fn remove_queue(&mut self, queue: &Queue) {
        if let Some(definition) = self.queue(queue) {
            self.remove(definition);
        }
    }

    fn queue(&self, queue: &Queue) -> Option<Definition> {
        let journal = queue.journal()?;
        Some(Definition::Queue(self.vhost.clone(), queue.spec(), journal.id()))
    }

    pub(super) fn put_binding(&mut self, binding: Binding) {
        self.put(Definition::Binding(self.vhost.clone(), binding));
    }

    /// A policy is there, perhaps in the place of another.
    pub(super) fn put_policy(
        &mut self,
        kind: PolicyKind,
        policy: &Arc<Policy>,
        before: Option<Arc<Policy>>,
    ) {
        if before.as_ref() == Some(policy) {
            return;
        }
        let of = |it| Box::new(Definition::Policy(self.vhost.clone(), kind, it));
        let after = of(Arc::clone(policy));
        self.gathered.undo.push(match before {
            Some(before) => Undo::Restore(of(before)),
            None => Undo::Revoke(after.clone()),
        });
        self.gathered.changes.push(Change::Put(after));
    }

    pub(super) fn remove_policy(&mut self, kind: PolicyKind, policy: &Arc<Policy>) {
        self.remove(Definition::Policy(self.vhost.clone(), kind, Arc::clone(policy)));
    }

    pub(super) fn remove_binding(&mut self, binding: Binding) {
        self.remove(Definition::Binding(self.vhost.clone(), binding));
    }

    fn put(&mut self, definition: Definition) {
        let definition = Box::new(definition);
        self.gathered.undo.push(Undo::Revoke(definition.clone()));
        self.gathered.changes.push(Change::Put(definition));
    }

    fn remove(&mut self, definition: Definition) {
        self.gathered.changes.push(Change::Remove(definition.key()));
        self.gathered.undo.push(Undo::Restore(Box::new(definition)));
    }

    fn hand_over(&mut self) -> Option<Ticket> {
        if self.gathered.changes.is_empty() {
            return None;
        }
        let ticket = self.definitions.push_all(&mut self.gathered);
        let made = self.made.drain(..);
        made.filter_map(|queue| queue.journal().map(|it| it.define(ticket))).for_each(drop);
        Some(ticket)
    }
}

/// A topology while it is changed. What is durable of the changes is handed over to the definitions
/// before anybody else sees them.
#[derive(Debug)]
pub(crate) struct Changing<'a>(RwLockWriteGuard<'a, Topology>);

impl<'a> Changing<'a> {
    pub(super) fn new(topology: RwLockWriteGuard<'a, Topology>) -> Self {
        Self(topology)
    }

    /// Lets go; says what to wait for, if anything durable changed.
    pub(crate) fn done(mut self) -> Option<Ticket> {
        self.hand_over()
    }

    fn hand_over(&mut self) -> Option<Ticket> {
        self.0.keeper.as_mut().and_then(Keeper::hand_over)
    }
}

impl Deref for Changing<'_> {
    type Target = Topology;

    fn deref(&self) -> &Topology {
        &self.0
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut Topology {
        &mut self.0
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.hand_over();
    }
}

impl Vhost {
    /// Changes what exists as the definitions say, who are told nothing.
    pub(crate) fn put_back<R>(&self, change: impl FnOnce(&mut Topology) -> R) -> R {
        let mut topology = self.change();
        let keeper = topology.keeper.take();
        let result = change(&mut topology);
        topology.keeper = keeper;
        result
    }

    /// Keeps nothing of it any more; says how to restore all that was.
    pub(crate) fn end(&self) -> Vec<Undo> {
        let mut topology = self.change();
        topology.remove_all();
        let keeper = topology.keeper.take();
        keeper.map(|keeper| keeper.gathered.undo).unwrap_or_default()
    }
}

impl Topology {
    /// Whether a binding is there after a restart: because both its ends are.
    pub(crate) fn keeps(&self, binding: &Binding) -> bool {
        self.is_kept(&binding.source) && self.is_end_kept(&binding.destination)
    }

    fn is_kept(&self, exchange: &ExchangeName) -> bool {
        self.exchanges.get(exchange).is_some_and(|it| it.spec().is_durable)
    }

    fn is_end_kept(&self, end: &Destination) -> bool {
        match end {
            Destination::Queue(name) => {
                self.queues.get(name).is_some_and(|queue| queue.journal().is_some())
            }
            Destination::Exchange(name) => self.is_kept(name),
        }
    }

    pub(super) fn keep_binding(&mut self, binding: &Binding, arguments: FieldTable) {
        let is_kept = self.keeps(binding);
        if let Some(keeper) = self.keeper.as_mut().filter(|_| is_kept) {
            keeper.put_binding(Binding { arguments, ..binding.clone() });
        }
    }

    /// A binding is gone; both its ends are still known.
    pub(super) fn keep_no_binding(
        &mut self,
        source: &ExchangeName,
        (destination, key): (&Destination, &RoutingKey),
        arguments: FieldTable,
    ) {
        if !self.is_kept(source) || !self.is_end_kept(destination) {
            return;
        }
        if let Some(keeper) = &mut self.keeper {
            let (source, destination, key) = (source.clone(), destination.clone(), key.clone());
            keeper.remove_binding(Binding { source, destination, key, arguments });
        }
    }

    fn remove_all(&mut self) {
        let kept: Vec<_> = self.bindings().filter(|binding| self.keeps(binding)).collect();
        let Some(keeper) = &mut self.keeper else { return };
        kept.into_iter().for_each(|binding| keeper.remove_binding(binding));
        self.queues.values().for_each(|queue| keeper.remove_queue(queue));
        let made = self.exchanges.values().map(|exchange| exchange.spec());
        let made = made.filter(|it| it.is_durable && !is_predeclared(&it.name));
        made.for_each(|spec| keeper.remove_exchange(spec));
        for kind in [PolicyKind::Policy, PolicyKind::Operator] {
            self.policies.of(kind).iter().for_each(|policy| keeper.remove_policy(kind, policy));
        }
    }
}

fn is_predeclared(name: &ExchangeName) -> bool {
    name.is_default() || name.as_str().starts_with("amq.")
}
