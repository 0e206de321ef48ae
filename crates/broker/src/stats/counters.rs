//! Counters that many threads add to without waiting for each other.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Messages published.
    Published,
    /// Publishes confirmed, or turned down with a negative confirm.
    Confirmed,
    /// Mandatory messages that went nowhere and came back.
    Returned,
    /// Messages that went nowhere, whether they came back or not.
    Unroutable,
    /// Messages read from streams by topic subscriptions.
    Followed,
    /// Queues declared that were not there.
    QueuesCreated,
    /// Declares of queues, also of those that were there.
    QueuesDeclared,
    /// Queues deleted.
    QueuesDeleted,
    /// Messages that topic subscriptions lost, because they were too slow.
    Dropped,
}

const KINDS: usize = 9;

/// Sets of counters, so that threads seldom share a cache line.
const SHARDS: usize = 8;

static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: usize = NEXT_SHARD.fetch_add(1, Ordering::Relaxed) % SHARDS;
}

/// All counters.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    shards: [Shard; SHARDS],
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard([AtomicU64; KINDS]);

impl Counters {
    /// Counts `count` more.
    pub(crate) fn add(&self, what: Count, count: u64) {
        let shard = SHARD.with(|shard| *shard);
        let counter = self.shards.get(shard).and_then(|shard| shard.0.get(what as usize));
        if let Some(counter) = counter {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// The total.
    pub(crate) fn total(&self, what: Count) -> u64 {
        let of_shard = |shard: &Shard| {
            shard.0.get(what as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
        };
        self.shards.iter().map(of_shard).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_the_sum_over_all_threads() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * SHARDS {
                scope.spawn(|| counters.add(Count::Published, 2));
            }
        });
        counters.add(Count::QueuesDeleted, 1);
        assert_eq!(counters.total(Count::Published), 4 * SHARDS as u64);
        assert_eq!(counters.total(Count::QueuesDeleted), 1);
        assert_eq!(counters.total(Count::Confirmed), 0);
    }
}
