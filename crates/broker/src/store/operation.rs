//! What a record says about queues, and its payload.
//!
//! ```text
//! Message   body bytes, count of places (at least 1), places, then the message itself to the end
//! place     queue, sequence, flags (one byte), deadline if flagged, priority (one byte) if
//!           flagged, deliveries if flagged
//! Settle    queue, count of ranges, ranges
//! Mark      queue, deliveries, count of ranges, ranges
//! range     first − last of the range before (0 for the first), last − first
//! Delete    queue
//! Dropped   number of the segment
//! ```
//!
//! All numbers are varints. Flags: 1 redelivered, 2 has a deadline (wall clock, milliseconds since
//! 1970), 4 has a priority, 8 was delivered. Ranges ascend and do not overlap.

use smallvec::SmallVec;

use super::record::Kind;
use super::varint::{Fields, Malformed, put};

/// A queue, by the number that topology gave it. No number is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueId(pub u64);

/// A message's place in a queue, and what the queue must know without reading the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which queue.
    pub queue: QueueId,
    /// The place in the queue's order; ascending, never given twice. A message that comes back
    /// keeps it, so there is no record for a requeue but [`super::Batch::mark`].
    pub sequence: u64,
    /// The priority in this queue.
    pub priority: u8,
    /// When it expires in this queue: wall clock, milliseconds since 1970, below 2⁴⁸.
    pub deadline_ms: Option<u64>,
    /// Whether it was handed out before.
    pub is_redelivered: bool,
    /// How often it was handed out.
    pub deliveries: u32,
}

impl Place {
    /// The place of a message that has just arrived, without priority and deadline.
    pub fn new(queue: QueueId, sequence: u64) -> Self {
        let (priority, deadline_ms, is_redelivered, deliveries) = (0, None, false, 0);
        Self { queue, sequence, priority, deadline_ms, is_redelivered, deliveries }
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        put(into, self.queue.0);
        put(into, self.sequence);
        self.write_marks(into);
    }

    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let place = Self::new(QueueId(fields.number()?), fields.number()?);
        place.read_marks(fields)
    }

    fn write_marks(&self, into: &mut Vec<u8>) {
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        into.push(
            flag(self.is_redelivered, REDELIVERED)
                | flag(self.deadline_ms.is_some(), DEADLINE)
                | flag(self.priority != 0, PRIORITY)
                | flag(self.deliveries != 0, DELIVERED),
        );
        if let Some(deadline_ms) = self.deadline_ms {
            put(into, deadline_ms.min(DEADLINE_MS_MAX));
        }
        if self.priority != 0 {
            into.push(self.priority);
        }
        if self.deliveries != 0 {
            put(into, self.deliveries.into());
        }
    }

    fn read_marks(mut self, fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let flags = fields.byte()?;
        if flags & !(REDELIVERED | DEADLINE | PRIORITY | DELIVERED) != 0 {
            return Err(Malformed("a place has unknown flags"));
        }
        self.is_redelivered = flags & REDELIVERED != 0;
        if flags & DEADLINE != 0 {
            let deadline_ms = fields.number()?;
            if deadline_ms > DEADLINE_MS_MAX {
                return Err(Malformed("a deadline has more than 48 bits"));
            }
            self.deadline_ms = Some(deadline_ms);
        }
        if flags & PRIORITY != 0 {
            self.priority = fields.byte()?;
        }
        if flags & DELIVERED != 0 {
            self.deliveries = fields.number32()?;
        }
        Ok(self)
    }
}

const REDELIVERED: u8 = 1;
const DEADLINE: u8 = 2;
const PRIORITY: u8 = 4;
const DELIVERED: u8 = 8;

/// The latest deadline that is kept apart from none: the year 10889.
pub(super) const DEADLINE_MS_MAX: u64 = (1 << 48) - 2;

/// Sequences from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceRange {
    /// The first of them.
    pub first: u64,
    /// The last of them, not below `first`.
    pub last: u64,
}

impl From<u64> for SequenceRange {
    fn from(sequence: u64) -> Self {
        Self { first: sequence, last: sequence }
    }
}

/// Ranges in ascending order, apart from each other.
pub(super) type Ranges = SmallVec<[SequenceRange; 2]>;

/// Sorts ranges and joins those that touch. Turned ones are left out.
pub(super) fn normalised(ranges: &[SequenceRange]) -> Ranges {
    let mut sorted: Ranges = ranges.iter().copied().filter(|it| it.first <= it.last).collect();
    if sorted.len() > 1 {
        sorted.sort_unstable_by_key(|range| range.first);
    }
    let mut joined = Ranges::new();
    for range in sorted {
        match joined.last_mut() {
            Some(before) if range.first <= before.last.saturating_add(1) => {
                before.last = before.last.max(range.last);
            }
            _ => joined.push(range),
        }
    }
    joined
}

pub(super) fn write_ranges(into: &mut Vec<u8>, ranges: &[SequenceRange]) {
    put(into, ranges.len() as u64);
    let mut before = 0;
    for range in ranges {
        put(into, range.first.wrapping_sub(before));
        put(into, range.last.wrapping_sub(range.first));
        before = range.last;
    }
}

pub(super) fn read_ranges(fields: &mut Fields<'_>) -> Result<Ranges, Malformed> {
    let beyond = Malformed("a range ends beyond 64 bits");
    let mut ranges = Ranges::new();
    let mut before = 0_u64;
    for index in 0..fields.count()? {
        let gap = fields.number()?;
        if index > 0 && gap == 0 {
            return Err(Malformed("ranges overlap"));
        }
        let first = before.checked_add(gap).ok_or(beyond)?;
        let last = first.checked_add(fields.number()?).ok_or(beyond)?;
        ranges.push(SequenceRange { first, last });
        before = last;
    }
    Ok(ranges)
}

/// What a record says about queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A message, where it stands, and how large its body is.
    Message { body_bytes: u32, places: SmallVec<[Place; 1]> },
    /// The queue holds these no longer.
    Settle { queue: QueueId, ranges: Ranges },
    /// These were handed out, at least so often.
    Mark { queue: QueueId, deliveries: u32, ranges: Ranges },
    /// The queue is gone, and everything in it.
    Delete { queue: QueueId },
    /// Nothing in this segment matters any more.
    Dropped { segment: u32 },
}

impl Operation {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Message { .. } => Kind::Message,
            Self::Settle { .. } => Kind::Settle,
            Self::Mark { .. } => Kind::Mark,
            Self::Delete { .. } => Kind::Delete,
            Self::Dropped { .. } => Kind::Dropped,
        }
    }

    /// Writes the payload; of a message all but the message itself.
    pub(super) fn write(&self, into: &mut Vec<u8>) {
        match self {
            Self::Message { body_bytes, places } => {
                put(into, (*body_bytes).into());
                put(into, places.len() as u64);
                places.iter().for_each(|place| place.write(into));
            }
            Self::Settle { queue, ranges } => {
                put(into, queue.0);
                write_ranges(into, ranges);
            }
            Self::Mark { queue, deliveries, ranges } => {
                put(into, queue.0);
                put(into, (*deliveries).into());
                write_ranges(into, ranges);
            }
            Self::Delete { queue } => put(into, queue.0),
            Self::Dropped { segment } => put(into, (*segment).into()),
        }
    }

    /// Reads a payload; `None` for kinds that say nothing about queues.
    pub(super) fn read(kind: Kind, payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut fields = Fields::new(payload);
        let operation = match kind {
            Kind::Message => return Ok(Some(Self::read_message(&mut fields)?)),
            Kind::Settle => {
                Self::Settle { queue: QueueId(fields.number()?), ranges: read_ranges(&mut fields)? }
            }
            Kind::Mark => Self::Mark {
                queue: QueueId(fields.number()?),
                deliveries: fields.number32()?,
                ranges: read_ranges(&mut fields)?,
            },
            Kind::Delete => Self::Delete { queue: QueueId(fields.number()?) },
            Kind::Dropped => Self::Dropped { segment: fields.number32()? },
            Kind::Write | Kind::Checkpoint | Kind::Seal => return Ok(None),
        };
        fields.end()?;
        Ok(Some(operation))
    }

    /// Reads the head of a message; leaves the message itself.
    pub(super) fn read_message(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let body_bytes = fields.number32()?;
        let count = fields.count()?;
        if count == 0 {
            return Err(Malformed("a message has no place"));
        }
        let mut places = SmallVec::new();
        for _ in 0..count {
            places.push(Place::read(fields)?);
        }
        Ok(Self::Message { body_bytes, places })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Place> {
        let deadline = proptest::option::of(0..=DEADLINE_MS_MAX);
        (any::<[u64; 2]>(), any::<u8>(), deadline, any::<bool>(), any::<u32>()).prop_map(
            |([queue, sequence], priority, deadline_ms, is_redelivered, deliveries)| Place {
                queue: QueueId(queue),
                sequence,
                priority,
                deadline_ms,
                is_redelivered,
                deliveries,
            },
        )
    }

    fn ranges() -> impl Strategy<Value = Ranges> {
        proptest::collection::vec(any::<[u64; 2]>(), 0..5).prop_map(|pairs| {
            let ranges =
                pairs.iter().map(|[first, last]| SequenceRange { first: *first, last: *last });
            normalised(&ranges.collect::<Vec<_>>())
        })
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let queue = || any::<u64>().prop_map(QueueId);
        prop_oneof![
            (any::<u32>(), proptest::collection::vec(place(), 1..4)).prop_map(
                |(body_bytes, places)| Operation::Message { body_bytes, places: places.into() }
            ),
            (queue(), ranges()).prop_map(|(queue, ranges)| Operation::Settle { queue, ranges }),
            (queue(), any::<u32>(), ranges()).prop_map(|(queue, deliveries, ranges)| {
                Operation::Mark { queue, deliveries, ranges }
            }),
            queue().prop_map(|queue| Operation::Delete { queue }),
            any::<u32>().prop_map(|segment| Operation::Dropped { segment }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn an_operation_is_read_as_it_is_written(operation in operation()) {
            let mut payload = Vec::new();
            operation.write(&mut payload);
            let read = |payload| Operation::read(operation.kind(), payload);
            prop_assert_eq!(read(&payload), Ok(Some(operation.clone())));
            // Any shorter payload is malformed: none of it is taken for something else.
            for end in 0..payload.len() {
                prop_assert!(read(&payload[..end]).is_err());
            }
        }
    }

    #[test]
    fn ranges_are_sorted_and_joined() {
        let range = |first, last| SequenceRange { first, last };
        let all = [range(7, 9), range(1, 2), range(3, 3), range(9, 8), range(8, u64::MAX)];
        assert_eq!(normalised(&all).as_slice(), [range(1, 3), range(7, u64::MAX)]);
    }
}
