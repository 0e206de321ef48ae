//! The log itself, without threads: what the writer does, one step after the other.
//!
//! `append` writes, `sync` makes durable, `reclaim` gives space back. Whatever fails, the caller
//! must not call again: the disk may hold less than the log believes.

use std::sync::Arc;

use parking_lot::Mutex;

use super::batch::Batch;
use super::compaction::Copying;
use super::disk::Disk;
use super::error::DiskError;
use super::housekeeper::{self, Housekeeper};
use super::index::{Index, Location};
use super::operation::{Operation, QueueId};
use super::scan::Scanned;
use super::segment::{OpenSegment, Prepared};

/// A write goes out once it has this many bytes, even if more is to come.
const WRITE_BYTES_MAX: usize = 4 << 20;
/// A batch with so many bytes is written from where it is; smaller ones are copied together,
/// because each part of a write costs about as much as copying that.
const UNCOPIED_BYTES_MIN: usize = 2 << 10;

/// The log, and the index of what it holds.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) index: Arc<Mutex<Index>>,
    /// How long a segment becomes.
    segment_bytes: usize,
    /// The segment that takes records; none until there is one to take.
    active: Option<OpenSegment>,
    /// The file of the next segment, if it was made ahead.
    prepared: Option<Prepared>,
    /// Makes and removes files; without it, that is done in place.
    housekeeper: Option<Housekeeper>,
    /// The places of messages that were put into the active segment, for its seal.
    contents: Vec<(QueueId, u64)>,
    next_number: u32,
    /// Records of the next write, to be applied once it was written.
    unapplied: Vec<Scanned>,
    /// Whether something was written that is not synced.
    is_dirty: bool,
    /// Segments to unlink after the next sync.
    dropping: Vec<u32>,
    pub(super) copying: Option<Copying>,
    pub(super) counts: Counts,
}

/// What went to the disk since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of records that were handed over.
    pub appended_bytes: u64,
    /// Bytes written in all, with what the log adds and what compaction copies.
    pub written_bytes: u64,
    /// Bytes of the records that compaction copied.
    pub copied_bytes: u64,
    /// How often the log was synced for what was handed over.
    pub syncs: u64,
    /// Segments that were unlinked.
    pub unlinked_segments: u64,
}

impl Log {
    /// A log that goes on with segment `next_number`.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        index: Index,
        segment_bytes: usize,
        next_number: u32,
    ) -> Self {
        Self {
            disk,
            index: Arc::new(Mutex::new(index)),
            segment_bytes,
            active: None,
            prepared: None,
            housekeeper: None,
            contents: Vec::new(),
            next_number,
            unapplied: Vec::new(),
            is_dirty: false,
            dropping: Vec::new(),
            copying: None,
            counts: Counts::default(),
        }
    }

    /// Takes records over. They are in the index, and can be read, after [`Self::flush`].
    pub(super) fn append(&mut self, batch: Batch) -> Result<(), DiskError> {
        self.counts.appended_bytes += batch.bytes() as u64;
        self.push_all(batch)
    }

    /// Has a thread make and remove files from now on.
    pub(super) fn start_housekeeper(&mut self) -> Result<(), DiskError> {
        self.housekeeper = Some(Housekeeper::start(Arc::clone(&self.disk))?);
        Ok(())
    }

    /// Takes records over that the log itself brings.
    pub(super) fn push_all(&mut self, batch: Batch) -> Result<(), DiskError> {
        let bytes = batch.bytes();
        if bytes < UNCOPIED_BYTES_MIN || !self.active.as_ref().is_some_and(|it| it.has_room(bytes))
        {
            let mut result = Ok(());
            batch.into_records(|record, operation| {
                if result.is_ok() {
                    result = self.push(record, operation);
                }
            });
            return result;
        }
        if let Some(active) = &mut self.active {
            let (records, operations) = batch.into_parts();
            let mut offset = active.push_batch(records);
            self.unapplied.extend(operations.map(|(bytes, operation)| {
                let scanned = Scanned { offset, bytes, operation };
                offset += bytes;
                scanned
            }));
        }
        self.flush_if_much()
    }

    /// Adds one record to the next write.
    fn push(&mut self, record: &[u8], operation: Operation) -> Result<(), DiskError> {
        if !self.active.as_ref().is_some_and(|it| it.takes(record.len())) {
            self.roll()?;
            self.begin_segment(record.len())?;
        }
        if let Some(active) = &mut self.active {
            let offset = active.push(record);
            let bytes = u32::try_from(record.len()).unwrap_or(u32::MAX);
            self.unapplied.push(Scanned { offset, bytes, operation });
        }
        self.flush_if_much()
    }

    fn flush_if_much(&mut self) -> Result<(), DiskError> {
        let pending = self.active.as_ref().map_or(0, OpenSegment::pending_bytes);
        if pending >= WRITE_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// Writes what was taken over, and applies it to the index.
    pub(super) fn flush(&mut self) -> Result<(), DiskError> {
        let Some(active) = &mut self.active else { return Ok(()) };
        let bytes = active.flush()?;
        self.is_dirty |= bytes > 0;
        self.counts.written_bytes += bytes as u64;
        let segment = active.number();
        let mut index = self.index.lock();
        for Scanned { offset, bytes, operation } in self.unapplied.drain(..) {
            index.apply(&operation, Location { segment, offset, bytes });
            if let Operation::Message { places, .. } = operation {
                self.contents.extend(places.iter().map(|place| (place.queue, place.sequence)));
            }
        }
        Ok(())
    }

    /// Makes everything that was taken over durable.
    pub(super) fn sync(&mut self) -> Result<(), DiskError> {
        self.flush()?;
        if let Some(active) = self.active.as_mut().filter(|_| self.is_dirty) {
            active.sync()?;
            self.is_dirty = false;
            self.counts.syncs += 1;
        }
        self.unlink_dropped()?;
        let Some(housekeeper) = &mut self.housekeeper else { return Ok(()) };
        if self.active.as_ref().is_some_and(OpenSegment::is_half_full) && self.prepared.is_none() {
            housekeeper.prepare(self.next_number, self.segment_bytes);
        }
        housekeeper.failure().map_or(Ok(()), Err)
    }

    /// Makes the file of the next segment, if there is none.
    #[cfg(test)]
    pub(super) fn prepare(&mut self) -> Result<(), DiskError> {
        if self.prepared.is_none() {
            let made = Prepared::create(&*self.disk, self.next_number, self.segment_bytes)?;
            made.sync()?;
            self.prepared = Some(made);
        }
        Ok(())
    }

    /// The file of the next segment, if it was made ahead.
    fn take_prepared(&mut self) -> Option<Prepared> {
        // If it could not be made, there may be room for it by the time it is needed.
        let fetched = self.housekeeper.as_mut().and_then(Housekeeper::fetch).and_then(Result::ok);
        self.prepared.take().or(fetched)
    }

    /// Whether something was taken over that is not durable.
    pub(super) fn is_dirty(&self) -> bool {
        self.is_dirty || !self.unapplied.is_empty()
    }

    /// Seals the active segment, if there is one. The next record begins another.
    pub(super) fn roll(&mut self) -> Result<(), DiskError> {
        self.flush()?;
        let Some(active) = self.active.take() else { return Ok(()) };
        let number = active.number();
        let seal = self.index.lock().seal(number, &self.contents);
        self.contents.clear();
        self.contents.shrink_to(CONTENTS_KEPT);
        let bytes = active.seal(&seal)?;
        self.counts.written_bytes += seal.len() as u64;
        self.is_dirty = false;
        self.index.lock().segments.seal(number, bytes);
        self.unlink_dropped()
    }

    /// Begins a segment if there is none. Its checkpoint says what all others mean, so it is there,
    /// durable, before the first record that needs it.
    pub(super) fn begin_segment(&mut self, first_bytes: usize) -> Result<(), DiskError> {
        if self.active.is_some() {
            return Ok(());
        }
        let checkpoint = self.index.lock().checkpoint().write();
        let prepared = match self.take_prepared() {
            Some(prepared) => prepared,
            None => Prepared::create(&*self.disk, self.next_number, self.segment_bytes)?,
        };
        let active = OpenSegment::birth(prepared, &checkpoint, first_bytes)?;
        self.counts.written_bytes += checkpoint.len() as u64;
        self.next_number += 1;
        self.index.lock().segments.open(active.number(), Arc::clone(active.file()));
        self.active = Some(active);
        Ok(())
    }

    /// Leaves the log so that it opens at once: with a checkpoint and nothing behind it.
    pub(super) fn close(&mut self) -> Result<(), DiskError> {
        if self.active.is_none() {
            return Ok(());
        }
        self.roll()?;
        self.segment_bytes = 0;
        // It is as long as if there were more to come.
        if let Some(prepared) = self.take_prepared() {
            housekeeper::unlink(&*self.disk, prepared.number())?;
        }
        self.begin_segment(0)
    }

    /// Takes up a segment that recovery found without a seal, and seals it.
    pub(super) fn seal_found(
        &mut self,
        segment: OpenSegment,
        contents: Vec<(QueueId, u64)>,
    ) -> Result<(), DiskError> {
        self.active = Some(segment);
        self.contents = contents;
        self.roll()
    }

    /// Notes that nothing in a segment matters; it goes once that is durable.
    pub(super) fn drop_segment(&mut self, segment: u32) -> Result<(), DiskError> {
        let mut batch = Batch::new();
        batch.add(Operation::Dropped { segment }, &[]);
        self.push_all(batch)?;
        self.index.lock().segments.drop_segment(segment);
        self.dropping.push(segment);
        Ok(())
    }

    fn unlink_dropped(&mut self) -> Result<(), DiskError> {
        for segment in std::mem::take(&mut self.dropping) {
            let file = self.index.lock().segments.remove(segment);
            match &self.housekeeper {
                Some(housekeeper) => housekeeper.unlink(segment, file),
                None => housekeeper::remove(&*self.disk, segment, file)?,
            }
            self.counts.unlinked_segments += 1;
        }
        Ok(())
    }
}

/// Room for this many places is kept from one segment to the next.
const CONTENTS_KEPT: usize = 1 << 17;
