//! What every queue holds and where it lies, in memory: 32 bytes per message.
//!
//! A pure state: records are applied to it, by the writer as they are written and by recovery as
//! they are read. It counts what lives in each segment, so that space comes back without a scan.

mod chunk;
mod queue;
mod segments;

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::checkpoint::{Checkpoint, QueueCheckpoint};
use super::operation::{Operation, Place, QueueId, SequenceRange};
use super::seal::SealBuilder;
use queue::QueueIndex;
use segments::Segments;

/// Where a message lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Location {
    pub(super) segment: u32,
    pub(super) offset: u32,
    /// Bytes of the record, its head included; never 0.
    pub(super) bytes: u32,
}

/// A message in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) location: Location,
    pub(super) body_bytes: u32,
}

/// What a queue holds, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueTotals {
    /// Which queue.
    pub queue: QueueId,
    /// Its messages.
    pub messages: u64,
    /// Bytes of their bodies.
    pub body_bytes: u64,
    /// Above every sequence that the queue ever had in the log.
    pub next_sequence: u64,
}

/// What every queue holds and where it lies.
#[derive(Debug, Default)]
pub(super) struct Index {
    queues: HashMap<QueueId, QueueIndex, RandomState>,
    pub(super) segments: Segments,
}

impl Index {
    /// Notes a message of a record at `location`; a place that is taken is taken over.
    pub(super) fn insert(&mut self, entry: &Entry) {
        let queue = self.queues.entry(entry.place.queue).or_default();
        self.segments.hold(entry.location);
        if let Some(replaced) = queue.insert(entry) {
            self.segments.release(replaced.segment, replaced.bytes);
        }
    }

    /// Applies a record that stands at `location`.
    pub(super) fn apply(&mut self, operation: &Operation, location: Location) {
        match operation {
            Operation::Message { body_bytes, places } => {
                for place in places {
                    let (place, body_bytes) = (*place, *body_bytes);
                    self.insert(&Entry { place, location, body_bytes });
                }
            }
            Operation::Settle { queue, ranges } => {
                let Some(queue) = self.queues.get_mut(queue) else { return };
                for range in ranges {
                    queue.settle(*range, |segment, bytes| self.segments.release(segment, bytes));
                }
            }
            Operation::Mark { queue, deliveries, ranges } => {
                let Some(queue) = self.queues.get_mut(queue) else { return };
                ranges.iter().for_each(|range| queue.mark(*range, *deliveries));
            }
            Operation::Delete { queue } => {
                let Some(mut queue) = self.queues.remove(queue) else { return };
                let all = SequenceRange { first: 0, last: u64::MAX };
                queue.settle(all, |segment, bytes| self.segments.release(segment, bytes));
            }
            // Known where the record is written and where recovery reads it.
            Operation::Dropped { .. } => {}
        }
    }

    /// The message at a place, if it lives.
    pub(super) fn entry(&self, queue: QueueId, sequence: u64) -> Option<Entry> {
        self.queues.get(&queue)?.entry(queue, sequence)
    }

    /// Up to `limit` messages of a queue from a sequence on, in order.
    pub(super) fn entries(&self, queue: QueueId, from: u64, limit: usize) -> Vec<Entry> {
        let found = self.queues.get(&queue).map(|it| it.entries(queue, from).take(limit).collect());
        found.unwrap_or_default()
    }

    /// All queues that ever held something and were not deleted, in no order.
    pub(super) fn totals(&self) -> impl Iterator<Item = QueueTotals> {
        self.queues.iter().map(|(id, queue)| queue.totals(*id))
    }

    /// One queue in numbers.
    pub(super) fn totals_of(&self, queue: QueueId) -> Option<QueueTotals> {
        self.queues.get(&queue).map(|it| it.totals(queue))
    }

    /// Sets what a checkpoint knows of a queue besides its messages.
    pub(super) fn restore(&mut self, queue: &QueueCheckpoint) {
        let index = self.queues.entry(queue.queue).or_default();
        index.raise_next_sequence(queue.next_sequence);
        for (range, deliveries) in &queue.marks {
            index.mark(*range, *deliveries);
        }
    }

    /// The payload of a segment's seal: which of the messages put into it live in it.
    pub(super) fn seal(&self, segment: u32, contents: &[(QueueId, u64)]) -> Vec<u8> {
        let mut seal = SealBuilder::default();
        let entries = contents.iter().filter_map(|(queue, sequence)| self.entry(*queue, *sequence));
        entries.filter(|entry| entry.location.segment == segment).for_each(|it| seal.push(&it));
        seal.finish()
    }

    /// The meaning of all segments that are not about to be unlinked.
    pub(super) fn checkpoint(&self) -> Checkpoint {
        let queues = self.queues.iter().map(|(id, queue)| queue.checkpoint(*id)).collect();
        Checkpoint { segments: self.segments.kept().collect(), queues }
    }

    /// Bytes of memory that the messages take, roughly: what was allocated for them.
    pub(super) fn memory_bytes(&self) -> usize {
        self.queues.values().map(QueueIndex::memory_bytes).sum()
    }
}

#[cfg(test)]
mod tests;
