//! Where a message goes: through exchanges, chains of them, and alternate exchanges.

use std::sync::Arc;

use model::{ExchangeName, FieldValue};
use smallvec::SmallVec;

use super::topology::{Target, Topology};
use crate::exchange::{Address, Exchange, Found};
use crate::queue::Queue;
use crate::stream::Stream;

/// Where a message goes: each queue and each stream once. Up to so many without allocating.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    /// The queues.
    pub(crate) queues: SmallVec<[Arc<Queue>; 8]>,
    /// The streams.
    pub(crate) streams: SmallVec<[Arc<Stream>; 4]>,
}

impl Targets {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.queues.len() + self.streams.len()
    }
}

/// What was found while the topology is looked at; a queue or stream may be in it twice.
#[derive(Default)]
struct Looking<'a> {
    queues: SmallVec<[&'a Arc<Queue>; 16]>,
    streams: SmallVec<[&'a Arc<Stream>; 4]>,
    /// Exchanges seen: each is visited once, whatever leads to it.
    seen: SmallVec<[&'a ExchangeName; 4]>,
    pending: SmallVec<[&'a Exchange<Target>; 4]>,
}

impl Topology {
    /// Where a message published to `exchange` goes. The caller counts it there.
    pub(crate) fn route(&self, exchange: &Exchange<Target>, address: &Address<'_>) -> Targets {
        let mut looking = Looking::default();
        let mut found: Found<'_, Target> = SmallVec::new();
        looking.visit(exchange);
        while let Some(exchange) = looking.pending.pop() {
            if exchange.spec().name.is_default() {
                let queues = address.keys().iter().filter_map(|key| self.queue_by_key(key));
                looking.queues.extend(queues);
                continue;
            }
            exchange.route(address, &mut found);
            if found.is_empty() {
                looking.visit_name(self, alternate(exchange));
            }
            for target in found.drain(..) {
                match target {
                    Target::Queue(queue) => looking.queues.push(queue),
                    Target::Stream(stream) => looking.streams.push(stream),
                    Target::Exchange(name) => looking.visit_name(self, Some(name.as_str())),
                }
            }
        }
        looking.into_targets()
    }

    fn queue_by_key(&self, key: &[u8]) -> Option<&Arc<Queue>> {
        self.queue(std::str::from_utf8(key).ok()?)
    }
}

/// The exchange that gets what this one cannot route. Source: RabbitMQ, "Alternate Exchanges".
fn alternate(exchange: &Exchange<Target>) -> Option<&str> {
    exchange.spec().arguments.get("alternate-exchange").and_then(FieldValue::as_str)
}

impl<'a> Looking<'a> {
    fn visit_name(&mut self, topology: &'a Topology, name: Option<&str>) {
        if let Some(exchange) = name.and_then(|name| topology.exchanges.get(name)) {
            self.visit(exchange);
        }
    }

    fn visit(&mut self, exchange: &'a Exchange<Target>) {
        let name = &exchange.spec().name;
        if !self.seen.contains(&name) {
            self.seen.push(name);
            self.pending.push(exchange);
        }
    }

    fn into_targets(mut self) -> Targets {
        once_each(&mut self.queues);
        once_each(&mut self.streams);
        Targets {
            queues: self.queues.into_iter().cloned().collect(),
            streams: self.streams.into_iter().cloned().collect(),
        }
    }
}

/// Keeps one of those that are the same. A few are compared with each other; many are sorted, by
/// address, as their order means nothing.
fn once_each<'a, T, A>(found: &mut SmallVec<A>)
where
    T: 'a,
    A: smallvec::Array<Item = &'a Arc<T>>,
{
    if found.len() > COMPARED_MAX {
        found.sort_unstable_by_key(|target| Arc::as_ptr(target).addr());
        found.dedup_by(|one, other| Arc::ptr_eq(one, other));
        return;
    }
    let mut at = 1;
    while let Some(target) = found.get(at) {
        if found.iter().take(at).any(|earlier| Arc::ptr_eq(earlier, target)) {
            found.swap_remove(at);
        } else {
            at += 1;
        }
    }
}

/// Up to this many targets, comparing all with all is cheaper than sorting.
const COMPARED_MAX: usize = 16;
