//! How much of each segment lives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::disk::DiskFile;
use super::Location;

/// A segment is copied forward once at most one part in so many of it lives.
///
/// So every byte that is copied pays for at least four that come free, and copying adds at most a
/// quarter to what is written. In return up to five times as much disk is taken as lives.
pub(super) const LIVE_SHARE: u64 = 5;

/// A segment, and how much of it lives.
#[derive(Debug)]
pub(in crate::store) struct SegmentUse {
    pub(in crate::store) file: Arc<dyn DiskFile>,
    /// Of the whole file; 0 as long as it is not sealed.
    pub(in crate::store) bytes: u64,
    /// Places that live.
    pub(in crate::store) live: u64,
    /// Bytes of the records of these places. A record with two places that live counts twice, so
    /// this is no less than what lives.
    pub(in crate::store) live_bytes: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Sealed,
    /// It cannot be read, so it is not copied.
    Damaged,
    /// A record says that nothing in it matters.
    Dropped,
}

/// All segments.
#[derive(Debug, Default)]
pub(in crate::store) struct Segments {
    all: BTreeMap<u32, SegmentUse>,
    /// Sealed ones of which little lives.
    worn: BTreeSet<u32>,
}

impl Segments {
    pub(in crate::store) fn open(&mut self, number: u32, file: Arc<dyn DiskFile>) {
        let state = State::Open;
        self.all.insert(number, SegmentUse { file, bytes: 0, live: 0, live_bytes: 0, state });
    }

    pub(in crate::store) fn seal(&mut self, number: u32, bytes: u64) {
        if let Some(segment) = self.all.get_mut(&number) {
            segment.bytes = bytes;
            segment.state = State::Sealed;
            self.judge(number);
        }
    }

    pub(in crate::store) fn get(&self, number: u32) -> Option<&SegmentUse> {
        self.all.get(&number)
    }

    pub(in crate::store) fn iter(&self) -> impl Iterator<Item = (u32, &SegmentUse)> {
        self.all.iter().map(|(number, segment)| (*number, segment))
    }

    /// The numbers of those that are not about to be unlinked, ascending.
    pub(in crate::store) fn kept(&self) -> impl Iterator<Item = u32> {
        self.iter().filter(|(_, it)| it.state != State::Dropped).map(|(number, _)| number)
    }

    pub(in crate::store) fn hold(&mut self, location: Location) {
        if let Some(segment) = self.all.get_mut(&location.segment) {
            segment.live += 1;
            segment.live_bytes += u64::from(location.bytes);
        }
    }

    pub(in crate::store) fn release(&mut self, number: u32, bytes: u32) {
        if let Some(segment) = self.all.get_mut(&number) {
            segment.live -= 1;
            segment.live_bytes -= u64::from(bytes);
            if segment.is_worn() {
                self.worn.insert(number);
            }
        }
    }

    /// The next one in which nothing lives.
    pub(in crate::store) fn dead(&self) -> Option<u32> {
        self.worn.iter().copied().find(|number| self.get(*number).is_some_and(|it| it.live == 0))
    }

    /// The one of which the least lives, of those that are worth copying.
    pub(in crate::store) fn most_worn(&self) -> Option<u32> {
        let shares = self.worn.iter().filter_map(|number| {
            let segment = self.get(*number).filter(|it| it.live > 0)?;
            Some((segment.live_bytes * 1_000_000 / segment.bytes.max(1), *number))
        });
        shares.min().map(|(_, number)| number)
    }

    /// Notes that a record says that nothing in it matters.
    pub(in crate::store) fn drop_segment(&mut self, number: u32) {
        self.set_state(number, State::Dropped);
    }

    /// Notes that it cannot be read.
    pub(in crate::store) fn set_damaged(&mut self, number: u32) {
        self.set_state(number, State::Damaged);
    }

    /// How many cannot be read.
    pub(in crate::store) fn damaged(&self) -> usize {
        self.all.values().filter(|it| it.state == State::Damaged).count()
    }

    /// Forgets a segment that is about to be unlinked; gives its file, to be closed by whoever has
    /// the time: only then its room is free.
    pub(in crate::store) fn remove(&mut self, number: u32) -> Option<Arc<dyn DiskFile>> {
        self.worn.remove(&number);
        self.all.remove(&number).map(|segment| segment.file)
    }

    fn set_state(&mut self, number: u32, state: State) {
        if let Some(segment) = self.all.get_mut(&number) {
            segment.state = state;
        }
        self.judge(number);
    }

    fn judge(&mut self, number: u32) {
        match self.get(number).is_some_and(SegmentUse::is_worn) {
            true => self.worn.insert(number),
            false => self.worn.remove(&number),
        };
    }
}

impl SegmentUse {
    fn is_worn(&self) -> bool {
        match self.state {
            State::Sealed => self.live_bytes * LIVE_SHARE <= self.bytes,
            // Once nothing in it lives, it need not be read.
            State::Damaged => self.live == 0,
            State::Open | State::Dropped => false,
        }
    }
}
