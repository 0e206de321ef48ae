//! A vhost: its topology behind one lock, its description and its limits.

use std::sync::{Arc, Weak};
use std::time::Instant;

use model::{ExchangeName, LinkId, Refusal, RoutingKey, VhostName};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use super::keeper::{Changing, Keeper};
use super::topology::Topology;
use crate::definitions::Definitions;
use crate::queue::{DeleteIf, Queue};
use crate::stream::{Budget, Cursor, CursorSpec, Stream};
use crate::turn::Turn;

/// A vhost.
#[derive(Debug)]
pub(crate) struct Vhost {
    name: VhostName,
    topology: RwLock<Topology>,
    metadata: Mutex<VhostMetadata>,
}

/// What operators say about a vhost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VhostMetadata {
    /// For people.
    pub description: String,
    /// For people.
    pub tags: Vec<String>,
    /// Its limits.
    pub limits: VhostLimits,
}

/// A vhost's limits; `None` is no limit. Source: RabbitMQ, "Virtual Hosts: limits".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VhostLimits {
    /// Connections at a time.
    pub connections_max: Option<u64>,
    /// Queues at a time.
    pub queues_max: Option<u64>,
}

impl Vhost {
    /// A vhost with its predeclared exchanges.
    pub(crate) fn new(name: VhostName, metadata: VhostMetadata) -> Self {
        let topology = RwLock::new(Topology::new());
        Self { name, topology, metadata: Mutex::new(metadata) }
    }

    /// Tells the definitions of what is durable in it, from here on.
    pub(crate) fn keep(&self, definitions: &Arc<Definitions>) {
        self.change().keeper = Some(Keeper::new(definitions, &self.name));
    }

    /// Its name.
    pub(crate) fn name(&self) -> &VhostName {
        &self.name
    }

    /// Looks at what exists. Nothing else may be locked while the guard lives.
    pub(crate) fn look(&self) -> RwLockReadGuard<'_, Topology> {
        self.topology.read()
    }

    /// Changes what exists. Nothing else may be locked while the guard lives.
    pub(crate) fn change(&self) -> Changing<'_> {
        Changing::new(self.topology.write())
    }

    /// What operators say about it.
    pub(crate) fn metadata(&self) -> VhostMetadata {
        self.metadata.lock().clone()
    }

    /// Changes what operators say about it.
    pub(crate) fn describe(&self, change: impl FnOnce(&mut VhostMetadata)) {
        change(&mut self.metadata.lock());
    }

    /// A queue that has not ended.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchQueue`].
    pub(crate) fn queue(&self, name: &str) -> Result<Arc<Queue>, Refusal> {
        let queue = self.look().queue(name).cloned();
        queue.ok_or_else(|| Refusal::NoSuchQueue(name.into(), self.name.clone()))
    }

    /// Follows an exchange by a key: a cursor on the one stream that all share who do so.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoSuchExchange`].
    pub(crate) fn follow(
        self: &Arc<Self>,
        now: Instant,
        budget: &Arc<Budget>,
        binding: (&ExchangeName, &RoutingKey),
        spec: CursorSpec,
    ) -> Result<Cursor, Refusal> {
        let (source, key) = binding;
        let make = || self.new_stream(now, budget, source, key);
        let stream = self.change().begin_joining(source, key, make);
        let missing = || Refusal::NoSuchExchange(source.clone(), self.name.clone());
        let stream = stream.ok_or_else(missing)?;
        let cursor = stream.subscribe(spec);
        self.change().end_joining(source, key, &stream);
        Ok(cursor)
    }

    fn new_stream(
        self: &Arc<Self>,
        now: Instant,
        budget: &Arc<Budget>,
        source: &ExchangeName,
        key: &RoutingKey,
    ) -> Stream {
        let vhost: Weak<Self> = Arc::downgrade(self);
        let (source, key) = (source.clone(), key.clone());
        Stream::new(now, Arc::clone(budget)).when_unused(move |_| {
            if let Some(vhost) = vhost.upgrade() {
                vhost.leave_if_unused(&source, &key);
            }
        })
    }

    /// Unbinds a stream whose last follower has gone; see [`super::streams`] for why in three
    /// steps.
    fn leave_if_unused(&self, source: &ExchangeName, key: &RoutingKey) {
        let sighted = self.change().sight(source, key);
        let Some(sighting) = sighted else { return };
        if sighting.stream.is_unused() {
            self.change().leave(source, key, &sighting);
        }
    }

    /// All its streams, in no order.
    pub(crate) fn streams(&self) -> Vec<Arc<Stream>> {
        self.look().streams().iter().map(|(.., stream)| Arc::clone(stream)).collect()
    }

    /// Deletes the exclusive queues of a link that is gone; gives them back, to be counted.
    pub(crate) fn lose(&self, turn: &mut Turn, link: LinkId) -> Vec<Arc<Queue>> {
        let queues = self.look().owned_by(link);
        for queue in &queues {
            // Without conditions nothing can refuse.
            let _ = queue.delete(turn, DeleteIf::default());
            self.change().forget_queue(queue);
        }
        queues
    }
}
