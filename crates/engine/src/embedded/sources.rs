//! Where a link's deliveries come from: a number for each queue it has taken messages from.

use std::collections::HashMap;
use std::sync::Arc;

use broker::queue::Queue;
use model::SourceId;

/// The queues a link has taken messages from.
///
/// A number is never given twice, because a session may hold delivery ids of a queue long gone.
#[derive(Debug, Default)]
pub(super) struct Sources {
    next: u32,
    queues: HashMap<SourceId, Arc<Queue>, foldhash::fast::FixedState>,
}

impl Sources {
    /// The number of a queue.
    pub(super) fn of(&mut self, queue: &Arc<Queue>) -> SourceId {
        let known = self.queues.iter().find(|(_, known)| Arc::ptr_eq(known, queue));
        if let Some((source, _)) = known {
            return *source;
        }
        self.add(queue)
    }

    /// A number more for a queue, which no other consumer of it has.
    pub(super) fn add(&mut self, queue: &Arc<Queue>) -> SourceId {
        self.queues.retain(|_, queue| !queue.is_deleted());
        let source = SourceId(self.next);
        self.next = self.next.wrapping_add(1);
        self.queues.insert(source, Arc::clone(queue));
        source
    }

    /// Forgets a number. What still goes by it is settled to nobody.
    pub(super) fn forget(&mut self, source: SourceId) {
        self.queues.remove(&source);
    }

    /// The queue of a number; `None` if it is gone.
    pub(super) fn queue(&self, source: SourceId) -> Option<&Arc<Queue>> {
        self.queues.get(&source)
    }

    /// Hands out all of them and forgets them.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Arc<Queue>> {
        std::mem::take(&mut self.queues).into_values()
    }
}
