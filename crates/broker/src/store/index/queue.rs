//! The messages of one queue, in chunks.

use std::collections::BTreeMap;

use super::super::checkpoint::QueueCheckpoint;
use super::super::operation::{QueueId, SequenceRange};
use super::chunk::{Chunk, Inserted};
use super::{Entry, Location, QueueTotals};

/// The messages of one queue.
#[derive(Debug, Default)]
pub(super) struct QueueIndex {
    /// By the first sequence that each may hold.
    chunks: BTreeMap<u64, Chunk>,
    messages: u64,
    body_bytes: u64,
    next_sequence: u64,
}

impl QueueIndex {
    pub(super) fn totals(&self, queue: QueueId) -> QueueTotals {
        let Self { messages, body_bytes, next_sequence, .. } = *self;
        QueueTotals { queue, messages, body_bytes, next_sequence }
    }

    pub(super) fn raise_next_sequence(&mut self, next_sequence: u64) {
        self.next_sequence = self.next_sequence.max(next_sequence);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.chunks.values().map(Chunk::memory_bytes).sum::<usize>() + size_of::<Self>()
    }

    /// Adds a message; gives what was at its place.
    pub(super) fn insert(&mut self, entry: &Entry) -> Option<Location> {
        let sequence = entry.place.sequence;
        self.raise_next_sequence(sequence.saturating_add(1));
        self.messages += 1;
        self.body_bytes += u64::from(entry.body_bytes);
        let mut inserted = Inserted::NoRoom;
        if let Some((_, chunk)) = self.chunks.range_mut(..=sequence).next_back() {
            inserted = chunk.insert(entry);
            // Only what comes before the last of a full chunk needs it split.
            if inserted == Inserted::NoRoom && sequence < chunk.last() {
                let (base, mut later) = chunk.split();
                inserted = if sequence < base { chunk.insert(entry) } else { later.insert(entry) };
                self.chunks.insert(base, later);
                self.chunks.retain(|_, chunk| !chunk.is_empty());
            }
        }
        if inserted == Inserted::NoRoom {
            let mut chunk = Chunk::new(sequence);
            inserted = chunk.insert(entry);
            self.chunks.insert(sequence, chunk);
        }
        match inserted {
            Inserted::Replaced { location, body_bytes } => {
                self.messages -= 1;
                self.body_bytes -= u64::from(body_bytes);
                Some(location)
            }
            Inserted::Added | Inserted::NoRoom => None,
        }
    }

    /// Settles what lives in a range; tells the segment and the bytes of each.
    pub(super) fn settle(&mut self, range: SequenceRange, mut settled: impl FnMut(u32, u32)) {
        let mut emptied = Vec::new();
        let (mut messages, mut body_bytes) = (0, 0);
        for (base, chunk) in self.chunks.range_mut(start_of(&self.chunks, range.first)..=range.last)
        {
            chunk.settle(range, |location, bytes| {
                messages += 1;
                body_bytes += u64::from(bytes);
                settled(location.segment, location.bytes);
            });
            if chunk.is_empty() {
                emptied.push(*base);
            }
        }
        self.messages -= messages;
        self.body_bytes -= body_bytes;
        for base in emptied {
            self.chunks.remove(&base);
        }
    }

    pub(super) fn mark(&mut self, range: SequenceRange, deliveries: u32) {
        let start = start_of(&self.chunks, range.first);
        for (_, chunk) in self.chunks.range_mut(start..=range.last) {
            chunk.mark(range, deliveries);
        }
    }

    pub(super) fn entry(&self, queue: QueueId, sequence: u64) -> Option<Entry> {
        self.chunks.range(..=sequence).next_back()?.1.entry(queue, sequence)
    }

    /// The messages from a sequence on, in order.
    pub(super) fn entries(&self, queue: QueueId, from: u64) -> impl Iterator<Item = Entry> {
        let chunks = self.chunks.range(start_of(&self.chunks, from)..);
        chunks.flat_map(move |(_, chunk)| chunk.entries(queue, from))
    }

    pub(super) fn checkpoint(&self, queue: QueueId) -> QueueCheckpoint {
        let (mut live, mut marks) = (Vec::new(), Vec::new());
        for chunk in self.chunks.values() {
            chunk.live_ranges(&mut live);
            chunk.marks(&mut marks);
        }
        QueueCheckpoint { queue, next_sequence: self.next_sequence, live, marks }
    }
}

/// The key of the chunk that may hold a sequence, not above the sequence itself.
fn start_of(chunks: &BTreeMap<u64, Chunk>, sequence: u64) -> u64 {
    chunks.range(..=sequence).next_back().map_or(sequence, |(base, _)| *base)
}
