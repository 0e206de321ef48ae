//! Records that go to the log together, encoded and checksummed by whoever brings them.

use smallvec::SmallVec;

use super::operation::{Operation, Place, QueueId, SequenceRange, normalised};
use super::record::{self, PAYLOAD_BYTES_MAX};

/// Records that go to the log together, in this order.
///
/// A crash may keep some of the first of them and lose the others.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    /// Where each record ends, and what it says.
    records: Vec<(usize, Operation)>,
    has_messages: bool,
}

/// A message is larger than a record can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {found_bytes} bytes, at most {PAYLOAD_BYTES_MAX} can be stored")]
pub struct TooLarge {
    /// Its size with all that is stored beside it, in bytes.
    pub found_bytes: u64,
}

/// Bytes that one place can take.
const PLACE_BYTES_MAX: u64 = 40;

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for so many bytes of the log.
    pub fn with_room(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many bytes of the log it takes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether a message is in it.
    pub(super) fn has_messages(&self) -> bool {
        self.has_messages
    }

    /// Adds a message that stands at `places`, at least one. It is stored once, as the
    /// concatenation of `parts`, which the store does not look into; `body_bytes` is what queues
    /// count.
    ///
    /// # Errors
    ///
    /// [`TooLarge`] if it cannot be stored; nothing was added.
    pub fn message(
        &mut self,
        body_bytes: u32,
        places: &[Place],
        parts: &[&[u8]],
    ) -> Result<(), TooLarge> {
        let found_bytes = parts.iter().map(|part| part.len() as u64).sum::<u64>()
            + PLACE_BYTES_MAX * (places.len() as u64 + 1);
        if found_bytes > PAYLOAD_BYTES_MAX.into() {
            return Err(TooLarge { found_bytes });
        }
        if !places.is_empty() {
            let places = SmallVec::from_slice(places);
            self.add(Operation::Message { body_bytes, places }, parts);
            self.has_messages = true;
        }
        Ok(())
    }

    /// Adds that a queue no longer holds these. A range may cover what it does not hold, so a purge
    /// is one range, or those between what is unacked.
    pub fn settle(&mut self, queue: QueueId, ranges: &[SequenceRange]) {
        self.add(Operation::Settle { queue, ranges: normalised(ranges) }, &[]);
    }

    /// Adds that these were handed out: they are redelivered after a restart, and were delivered
    /// at least `deliveries` times. A range may cover what the queue does not hold.
    pub fn mark(&mut self, queue: QueueId, deliveries: u32, ranges: &[SequenceRange]) {
        self.add(Operation::Mark { queue, deliveries, ranges: normalised(ranges) }, &[]);
    }

    /// Adds that a queue is gone, with everything in it. Its number must not come again.
    pub fn delete(&mut self, queue: QueueId) {
        self.add(Operation::Delete { queue }, &[]);
    }

    pub(super) fn add(&mut self, operation: Operation, parts: &[&[u8]]) {
        let start = record::begin(&mut self.bytes, operation.kind());
        operation.write(&mut self.bytes);
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        record::finish(&mut self.bytes, start);
        self.records.push((self.bytes.len(), operation));
    }

    /// The bytes of all records, and how many belong to each.
    pub(super) fn into_parts(self) -> (Vec<u8>, impl Iterator<Item = (u32, Operation)>) {
        let mut start = 0;
        let operations = self.records.into_iter().map(move |(end, operation)| {
            let bytes = u32::try_from(end - start).unwrap_or(u32::MAX);
            start = end;
            (bytes, operation)
        });
        (self.bytes, operations)
    }

    /// The records, each with its bytes.
    pub(super) fn into_records(self, mut each: impl FnMut(&[u8], Operation)) {
        let mut start = 0;
        for (end, operation) in self.records {
            each(self.bytes.get(start..end).unwrap_or_default(), operation);
            start = end;
        }
    }
}
