//! Where a message goes: through exchanges, chains of them, and alternate exchanges.

use std::sync::Arc;

use model::ExchangeName;
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

impl Topology {
    /// Where a message published to `exchange` goes. The caller counts it there.
    pub(crate) fn route(&self, exchange: &Exchange<Target>, address: &Address<'_>) -> Targets {
        let mut targets = Targets::default();
        let mut further = Further::new();
        self.route_through(exchange, address, &mut targets, &mut further);
        if !further.is_empty() {
            // Each is visited once, whatever leads to it.
            let mut seen: SmallVec<[&ExchangeName; 4]> = SmallVec::new();
            seen.push(&exchange.spec().name);
            while let Some(exchange) = further.pop() {
                let name = &exchange.spec().name;
                if !seen.contains(&name) {
                    seen.push(name);
                    self.route_through(exchange, address, &mut targets, &mut further);
                }
            }
        }
        keep_each_once(&mut targets.queues);
        keep_each_once(&mut targets.streams);
        targets
    }

    /// Adds what one exchange leads to: targets, of which some may be there already, and exchanges.
    fn route_through<'a>(
        &'a self,
        exchange: &'a Exchange<Target>,
        address: &Address<'_>,
        targets: &mut Targets,
        further: &mut Further<'a>,
    ) {
        if exchange.spec().name.is_default() {
            let queues = address.keys().iter().filter_map(|key| self.queue_by_key(key));
            queues.for_each(|queue| targets.queues.push(Arc::clone(queue)));
            return;
        }
        let mut found: Found<'_, Target> = SmallVec::new();
        exchange.route(address, &mut found);
        if found.is_empty() {
            further.extend(exchange.alternate().and_then(|name| self.exchanges.get(name)));
        }
        for target in found {
            match target {
                Target::Queue(queue) => targets.queues.push(Arc::clone(queue)),
                Target::Stream(stream) => targets.streams.push(Arc::clone(stream)),
                Target::Exchange(name) => further.extend(self.exchanges.get(name.as_str())),
            }
        }
    }

    fn queue_by_key(&self, key: &[u8]) -> Option<&Arc<Queue>> {
        self.queue(std::str::from_utf8(key).ok()?)
    }
}

/// Exchanges that a message goes on to.
type Further<'a> = SmallVec<[&'a Exchange<Target>; 4]>;

/// Keeps one of those that are the same. A few are compared with each other; many are sorted, by
/// address, as their order means nothing.
fn keep_each_once<T, A>(found: &mut SmallVec<A>)
where
    A: smallvec::Array<Item = Arc<T>>,
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
