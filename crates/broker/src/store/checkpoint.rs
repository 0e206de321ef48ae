//! The payload of a Checkpoint: which messages of older segments live, and which were handed out.
//!
//! With the seals of the older segments it says everything that they mean, so that none of their
//! other records is ever read again.
//!
//! ```text
//! count of segments, their numbers, each − the one before
//! count of queues, queues
//! queue   number, next sequence, count of ranges, ranges of what lives, count of marks, marks
//! mark    first − last of the mark before (0 for the first), last − first, deliveries
//! ```
//!
//! All numbers are varints; ranges are written as in a Settle. A range of what lives may cover
//! sequences that were never in the log. The next sequence is above every one that was: those of a
//! queue are never given again, or old seals would bring settled messages back.

use super::operation::{QueueId, SequenceRange, read_ranges, write_ranges};
use super::varint::{Fields, Malformed, put};

/// The meaning of all older segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Ascending.
    pub(super) segments: Vec<u32>,
    pub(super) queues: Vec<QueueCheckpoint>,
}

/// What a queue holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueueCheckpoint {
    pub(super) queue: QueueId,
    pub(super) next_sequence: u64,
    /// Ascending, apart from each other.
    pub(super) live: Vec<SequenceRange>,
    /// Ascending: redelivered, and how often they were handed out.
    pub(super) marks: Vec<(SequenceRange, u32)>,
}

impl Checkpoint {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut into = Vec::new();
        put(&mut into, self.segments.len() as u64);
        let mut before = 0;
        for number in &self.segments {
            put(&mut into, number.wrapping_sub(before).into());
            before = *number;
        }
        put(&mut into, self.queues.len() as u64);
        for queue in &self.queues {
            queue.write(&mut into);
        }
        into
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields::new(payload);
        let mut checkpoint = Self::default();
        let mut before = 0_u32;
        for _ in 0..fields.count()? {
            let number = before.checked_add(fields.number32()?);
            before = number.ok_or(Malformed("a segment's number has more than 32 bits"))?;
            checkpoint.segments.push(before);
        }
        for _ in 0..fields.count()? {
            checkpoint.queues.push(QueueCheckpoint::read(&mut fields)?);
        }
        fields.end()?;
        Ok(checkpoint)
    }
}

impl QueueCheckpoint {
    fn write(&self, into: &mut Vec<u8>) {
        put(into, self.queue.0);
        put(into, self.next_sequence);
        write_ranges(into, &self.live);
        put(into, self.marks.len() as u64);
        let mut before = 0;
        for (range, deliveries) in &self.marks {
            put(into, range.first.wrapping_sub(before));
            put(into, range.last.wrapping_sub(range.first));
            put(into, (*deliveries).into());
            before = range.last;
        }
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let (queue, next_sequence) = (QueueId(fields.number()?), fields.number()?);
        let live = read_ranges(fields)?.into_vec();
        let beyond = Malformed("a mark ends beyond 64 bits");
        let mut marks = Vec::new();
        let mut before = 0_u64;
        for _ in 0..fields.count()? {
            let first = before.checked_add(fields.number()?).ok_or(beyond)?;
            let last = first.checked_add(fields.number()?).ok_or(beyond)?;
            marks.push((SequenceRange { first, last }, fields.number32()?));
            before = last;
        }
        Ok(Self { queue, next_sequence, live, marks })
    }
}
