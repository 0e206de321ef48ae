//! What exists in a vhost, and the changes that keep it whole.
//!
//! Plain data without locks. Bindings are in [`super::bindings`], streams in [`super::streams`].

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;
use model::{
    Destination, ExchangeKind, ExchangeName, ExchangeSpec, LinkId, QueueName, Refusal, Resource,
    RoutingKey, VhostName,
};

use super::keeper::Keeper;
use super::predeclared;
use super::streams::Streams;
use crate::exchange::Exchange;
use crate::policy::{Policies, Subject};
use crate::queue::Queue;
use crate::stream::Stream;

/// Where a binding leads.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// To a queue.
    Queue(Arc<Queue>),
    /// To the stream of all topic subscriptions with the same key.
    Stream(Arc<Stream>),
    /// To another exchange.
    Exchange(ExchangeName),
}

impl PartialEq for Target {
    /// Whether both are the very same; a name given to two queues in turn makes them no one queue.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Queue(one), Self::Queue(other)) => Arc::ptr_eq(one, other),
            (Self::Stream(one), Self::Stream(other)) => Arc::ptr_eq(one, other),
            (Self::Exchange(one), Self::Exchange(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Target {}

impl Hash for Target {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Queue(queue) => Arc::as_ptr(queue).hash(state),
            Self::Stream(stream) => Arc::as_ptr(stream).hash(state),
            Self::Exchange(name) => name.hash(state),
        }
    }
}

/// What exists in a vhost.
#[derive(Debug)]
pub(crate) struct Topology {
    pub(super) exchanges: HashMap<ExchangeName, Exchange<Target>, RandomState>,
    pub(super) queues: HashMap<QueueName, Arc<Queue>, RandomState>,
    /// The bindings that lead to a queue or exchange, by source and key.
    pub(super) incoming: HashMap<Destination, BTreeSet<(ExchangeName, RoutingKey)>, RandomState>,
    /// The exclusive queues of a link.
    pub(super) owned: HashMap<LinkId, Vec<Arc<Queue>>, RandomState>,
    pub(super) streams: Streams,
    pub(super) policies: Policies,
    /// Who is told of what is durable; none while it is restored, or if nothing survives.
    pub(super) keeper: Option<Keeper>,
}

impl Topology {
    /// What every vhost is born with.
    pub(crate) fn new() -> Self {
        let mut exchanges = HashMap::default();
        for (spec, kind) in predeclared::exchanges() {
            exchanges.insert(spec.name.clone(), Exchange::new(spec, kind));
        }
        Self {
            exchanges,
            queues: HashMap::default(),
            incoming: HashMap::default(),
            owned: HashMap::default(),
            streams: Streams::default(),
            policies: Policies::default(),
            keeper: None,
        }
    }

    /// An exchange.
    pub(crate) fn exchange(&self, name: &ExchangeName) -> Option<&Exchange<Target>> {
        self.exchanges.get(name)
    }

    /// A queue that has not ended.
    pub(crate) fn queue(&self, name: &str) -> Option<&Arc<Queue>> {
        self.queues.get(name).filter(|queue| !queue.is_deleted())
    }

    /// All exchanges, in no order.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = &Exchange<Target>> {
        self.exchanges.values()
    }

    /// All queues that have not ended, in no order.
    pub(crate) fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.queues.values().filter(|queue| !queue.is_deleted())
    }

    /// How many queues there are.
    pub(crate) fn queue_count(&self) -> usize {
        self.queues.len()
    }

    /// Adds an exchange; whether there was none by that name.
    pub(crate) fn add_exchange(&mut self, spec: &ExchangeSpec, kind: ExchangeKind) -> bool {
        if self.exchanges.contains_key(&spec.name) {
            return false;
        }
        let mut exchange = Exchange::new(spec.clone(), kind);
        let effective = self.policies.effective(Subject::Exchange, spec.name.as_str());
        exchange.set_alternate(effective.alternate_exchange());
        self.exchanges.insert(spec.name.clone(), exchange);
        if let Some(keeper) = self.keeper.as_mut().filter(|_| spec.is_durable) {
            keeper.put_exchange(spec);
        }
        true
    }

    /// Deletes an exchange with its bindings, and the auto-delete exchanges that this leaves
    /// unused.
    ///
    /// # Errors
    ///
    /// [`Refusal::InUse`] if something is bound to it and `is_unused` is asked for.
    pub(crate) fn delete_exchange(
        &mut self,
        name: &ExchangeName,
        must_be_unused: bool,
        vhost: &VhostName,
    ) -> Result<(), Refusal> {
        match self.exchanges.get(name) {
            Some(exchange) if must_be_unused && !exchange.is_unused() => {
                Err(Refusal::InUse(Resource::Exchange(name.clone()), vhost.clone()))
            }
            _ => {
                self.remove_exchanges(vec![name.clone()]);
                Ok(())
            }
        }
    }

    /// Adds a queue; whether there was none by that name. One that has ended gives its name up.
    pub(crate) fn add_queue(&mut self, queue: &Arc<Queue>) -> bool {
        if let Some(known) = self.queues.get(queue.name()).cloned() {
            if !known.is_deleted() {
                return false;
            }
            self.forget_queue(&known);
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.put_queue(queue);
        }
        self.queues.insert(queue.name().clone(), Arc::clone(queue));
        if let Some(owner) = queue.owner() {
            self.owned.entry(owner).or_default().push(Arc::clone(queue));
        }
        true
    }

    /// Forgets a queue that has ended, with its bindings; whether it was known.
    pub(crate) fn forget_queue(&mut self, queue: &Arc<Queue>) -> bool {
        let is_its = self.queues.get(queue.name()).is_some_and(|known| Arc::ptr_eq(known, queue));
        if !is_its {
            return false;
        }
        let unused = self.unbind_destination(Destination::Queue(queue.name().clone()));
        self.queues.remove(queue.name());
        if let Some(keeper) = &mut self.keeper {
            keeper.remove_queue(queue);
        }
        if let Some(owner) = queue.owner()
            && let Some(queues) = self.owned.get_mut(&owner)
        {
            queues.retain(|owned| !Arc::ptr_eq(owned, queue));
            if queues.is_empty() {
                self.owned.remove(&owner);
            }
        }
        self.remove_exchanges(unused);
        true
    }

    /// The exclusive queues of a link.
    pub(crate) fn owned_by(&self, link: LinkId) -> Vec<Arc<Queue>> {
        self.owned.get(&link).cloned().unwrap_or_default()
    }

    /// Removes exchanges with their bindings in both directions, and what this leaves unused.
    pub(super) fn remove_exchanges(&mut self, mut names: Vec<ExchangeName>) {
        while let Some(name) = names.pop() {
            let Some(exchange) = self.exchanges.get(&name) else { continue };
            let bound = exchange.bindings();
            let bound: Vec<_> =
                bound.map(|(to, key, it)| (to.clone(), key.clone(), it.clone())).collect();
            for (destination, key, arguments) in bound {
                self.forget_incoming(&destination, &name, &key);
                self.keep_no_binding(&name, (&destination, &key), arguments);
            }
            names.extend(self.unbind_destination(Destination::Exchange(name.clone())));
            let Some(exchange) = self.exchanges.remove(&name) else { continue };
            if let Some(keeper) = self.keeper.as_mut().filter(|_| exchange.spec().is_durable) {
                keeper.remove_exchange(exchange.spec());
            }
            self.streams.forget_exchange(&name);
        }
    }
}
