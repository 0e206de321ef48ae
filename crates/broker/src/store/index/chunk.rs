//! A run of a queue's messages in order, as small as they can be.

use super::super::operation::{DEADLINE_MS_MAX, Place, QueueId, SequenceRange};
use super::{Entry, Location};

/// A message in a queue. Its sequence is that of the chunk's first message plus `distance`.
#[derive(Clone, Copy, Debug)]
struct Slot {
    distance: u32,
    segment: u32,
    offset: u32,
    /// Of the record; 0 once the message is settled.
    bytes: u32,
    body_bytes: u32,
    deliveries: u32,
    /// The lowest 32 bits.
    deadline_low: u32,
    /// The next 16 bits. All 48 set is no deadline.
    deadline_high: u16,
    priority: u8,
    is_redelivered: bool,
}

/// Ten million messages are 320 MB.
const _: () = assert!(size_of::<Slot>() == 32);
const NO_DEADLINE: u64 = (1 << 48) - 1;
const _: () = assert!(DEADLINE_MS_MAX < NO_DEADLINE);

/// Messages of a full chunk.
pub(super) const SLOTS_MAX: usize = 512;
/// A chunk with fewer slots is not worth squeezing.
const SLOTS_SQUEEZED_MIN: usize = 16;
/// At most one slot in so many is kept for a settled message: 40 bytes for each that lives.
const SETTLED_SHARE: usize = 5;

/// A run of a queue's messages in order. Never empty while it is in a queue.
#[derive(Debug)]
pub(super) struct Chunk {
    base: u64,
    slots: Vec<Slot>,
    live: usize,
    has_marks: bool,
}

impl Slot {
    fn new(entry: &Entry, distance: u32) -> Self {
        let Place { priority, deadline_ms, is_redelivered, deliveries, .. } = entry.place;
        let deadline = deadline_ms.map_or(NO_DEADLINE, |ms| ms.min(DEADLINE_MS_MAX));
        let Location { segment, offset, bytes } = entry.location;
        Self {
            distance,
            segment,
            offset,
            bytes,
            body_bytes: entry.body_bytes,
            deliveries,
            deadline_low: deadline as u32,
            deadline_high: (deadline >> 32) as u16,
            priority,
            is_redelivered,
        }
    }

    fn is_live(&self) -> bool {
        self.bytes != 0
    }

    fn location(&self) -> Location {
        Location { segment: self.segment, offset: self.offset, bytes: self.bytes }
    }

    fn entry(&self, queue: QueueId, base: u64) -> Entry {
        let deadline = u64::from(self.deadline_high) << 32 | u64::from(self.deadline_low);
        let place = Place {
            queue,
            sequence: base + u64::from(self.distance),
            priority: self.priority,
            deadline_ms: (deadline != NO_DEADLINE).then_some(deadline),
            is_redelivered: self.is_redelivered,
            deliveries: self.deliveries,
        };
        Entry { place, location: self.location(), body_bytes: self.body_bytes }
    }
}

/// What [`Chunk::insert`] did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    /// There was nothing at that place.
    Added,
    /// It took the place of a message that lived.
    Replaced { location: Location, body_bytes: u32 },
    /// The chunk is full, or the sequence too far from its first.
    NoRoom,
}

impl Chunk {
    /// A chunk whose first message will have this sequence.
    pub(super) fn new(base: u64) -> Self {
        Self { base, slots: Vec::new(), live: 0, has_marks: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The last sequence that it knows of.
    pub(super) fn last(&self) -> u64 {
        self.slots.last().map_or(self.base, |slot| self.base + u64::from(slot.distance))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>() + size_of::<Self>()
    }

    /// Where a distance stands, or would stand.
    fn find(&self, distance: u32) -> Result<usize, usize> {
        // Without gaps it stands where it is.
        if self.slots.get(distance as usize).is_some_and(|slot| slot.distance == distance) {
            return Ok(distance as usize);
        }
        match self.slots.last() {
            Some(last) if last.distance < distance => Err(self.slots.len()),
            _ => self.slots.binary_search_by_key(&distance, |slot| slot.distance),
        }
    }

    fn distance(&self, sequence: u64) -> Option<u32> {
        u32::try_from(sequence.checked_sub(self.base)?).ok()
    }

    pub(super) fn insert(&mut self, entry: &Entry) -> Inserted {
        let Some(distance) = self.distance(entry.place.sequence) else { return Inserted::NoRoom };
        let slot = Slot::new(entry, distance);
        let found = self.find(distance);
        if found.is_err() && self.slots.len() >= SLOTS_MAX {
            return Inserted::NoRoom;
        }
        self.has_marks |= slot.is_redelivered;
        let replaced = match found.map(|at| self.slots.get_mut(at)) {
            Ok(Some(taken)) => std::mem::replace(taken, slot),
            Ok(None) => return Inserted::NoRoom,
            Err(at) => {
                self.slots.insert(at, slot);
                self.live += 1;
                return Inserted::Added;
            }
        };
        if replaced.is_live() {
            let (location, body_bytes) = (replaced.location(), replaced.body_bytes);
            return Inserted::Replaced { location, body_bytes };
        }
        self.live += 1;
        Inserted::Added
    }

    /// Takes the later half away, as a chunk of its own.
    pub(super) fn split(&mut self) -> (u64, Self) {
        let mut slots = self.slots.split_off(self.slots.len() / 2);
        let first = slots.first().map_or(0, |slot| slot.distance);
        slots.iter_mut().for_each(|slot| slot.distance -= first);
        let live = slots.iter().filter(|slot| slot.is_live()).count();
        self.live -= live;
        let base = self.base + u64::from(first);
        (base, Self { base, slots, live, has_marks: self.has_marks })
    }

    /// Settles what lives in a range, and tells about each.
    pub(super) fn settle(&mut self, range: SequenceRange, mut settled: impl FnMut(Location, u32)) {
        let slots = self.slots_in(range);
        let mut count = 0;
        for slot in self.slots.get_mut(slots).unwrap_or_default() {
            if slot.is_live() {
                settled(slot.location(), slot.body_bytes);
                slot.bytes = 0;
                count += 1;
            }
        }
        self.live -= count;
        if self.slots.len() >= SLOTS_SQUEEZED_MIN && self.live > 0 {
            self.squeeze();
        }
    }

    /// Gives back the room of settled messages once they are too many.
    fn squeeze(&mut self) {
        let settled = self.slots.len() - self.live;
        if settled * SETTLED_SHARE <= self.slots.len() {
            return;
        }
        self.slots.retain(Slot::is_live);
        self.slots.shrink_to_fit();
    }

    pub(super) fn mark(&mut self, range: SequenceRange, deliveries: u32) {
        let slots = self.slots_in(range);
        for slot in self.slots.get_mut(slots).unwrap_or_default() {
            slot.is_redelivered = true;
            slot.deliveries = slot.deliveries.max(deliveries);
            self.has_marks = true;
        }
    }

    fn slots_in(&self, range: SequenceRange) -> std::ops::Range<usize> {
        let Some(last) = range.last.checked_sub(self.base) else { return 0..0 };
        let last = u32::try_from(last).unwrap_or(u32::MAX);
        let Ok(first) = u32::try_from(range.first.saturating_sub(self.base)) else { return 0..0 };
        let (Ok(start) | Err(start)) = self.find(first);
        let end = match first == last {
            true => start + usize::from(self.find(first).is_ok()),
            false => self.find(last).map_or_else(|at| at, |at| at + 1),
        };
        start..end
    }

    pub(super) fn entry(&self, queue: QueueId, sequence: u64) -> Option<Entry> {
        let slot = self.slots.get(self.find(self.distance(sequence)?).ok()?)?;
        slot.is_live().then(|| slot.entry(queue, self.base))
    }

    pub(super) fn entries(&self, queue: QueueId, from: u64) -> impl Iterator<Item = Entry> {
        let all = SequenceRange { first: from, last: u64::MAX };
        let slots = self.slots.get(self.slots_in(all)).unwrap_or_default();
        let live = slots.iter().filter(|slot| slot.is_live());
        live.map(move |slot| slot.entry(queue, self.base))
    }

    /// Adds the sequences that live to `ranges`.
    pub(super) fn live_ranges(&self, ranges: &mut Vec<SequenceRange>) {
        let is_dense =
            self.live == self.slots.len() && self.last() - self.base + 1 == self.live as u64;
        if is_dense {
            return extend(ranges, SequenceRange { first: self.base, last: self.last() });
        }
        for slot in self.slots.iter().filter(|slot| slot.is_live()) {
            extend(ranges, (self.base + u64::from(slot.distance)).into());
        }
    }

    /// Adds the marks of what lives to `marks`.
    pub(super) fn marks(&self, marks: &mut Vec<(SequenceRange, u32)>) {
        if !self.has_marks {
            return;
        }
        for slot in self.slots.iter().filter(|slot| slot.is_live() && slot.is_redelivered) {
            let sequence = self.base + u64::from(slot.distance);
            match marks.last_mut() {
                Some((range, deliveries))
                    if *deliveries == slot.deliveries
                        && range.last.checked_add(1) == Some(sequence) =>
                {
                    range.last = sequence;
                }
                _ => marks.push((sequence.into(), slot.deliveries)),
            }
        }
    }
}

fn extend(ranges: &mut Vec<SequenceRange>, range: SequenceRange) {
    match ranges.last_mut() {
        Some(before) if before.last.checked_add(1) == Some(range.first) => before.last = range.last,
        _ => ranges.push(range),
    }
}
