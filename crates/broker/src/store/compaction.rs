//! Space comes back: dead segments go, and what little lives in a worn one is copied forward.
//!
//! A segment is worn once at most a fifth of it lives (`index::segments::LIVE_SHARE`). Copying it
//! writes at most a fifth of its bytes and frees all of them, so compaction adds at most a quarter
//! to what publishers and consumers write, whatever they do. What is copied is an ordinary message
//! with the places that live, so recovery knows no difference; the later copy wins. A record says
//! that nothing in the old segment matters, and after its sync the file goes.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::batch::Batch;
use super::error::DiskError;
use super::index::Entry;
use super::log::Log;
use super::operation::{Operation, Place};
use super::reader::{self, Page, Wanted};
use super::seal::read_seal_entries;
use super::segment::{HEADER_BYTES, Header, read_header, read_seal};

/// A step copies this many bytes, so that publishers wait for no more than that.
const STEP_BYTES: u64 = 1 << 20;

/// A segment that is being copied.
#[derive(Debug)]
pub(super) struct Copying {
    segment: u32,
    /// Its messages that are still to be looked at, the last first.
    entries: Vec<Entry>,
}

impl Log {
    /// Does a step towards less space; says whether the next one can follow at once.
    pub(super) fn reclaim(&mut self) -> Result<bool, DiskError> {
        self.flush()?;
        loop {
            let dead = self.index.lock().segments.dead();
            let Some(segment) = dead else { break };
            self.drop_segment(segment)?;
        }
        if self.copying.is_none() {
            let worn = self.index.lock().segments.most_worn();
            let Some(segment) = worn else { return Ok(false) };
            match self.entries_of(segment) {
                Some(entries) => self.copying = Some(Copying { segment, entries }),
                None => self.index.lock().segments.set_damaged(segment),
            }
        }
        self.copy_some()?;
        Ok(true)
    }

    /// Copies all of these messages forward; they lie in one segment, ascend, and can be read.
    pub(super) fn copy_out(
        &mut self,
        segment: u32,
        mut entries: Vec<Entry>,
    ) -> Result<(), DiskError> {
        entries.reverse();
        self.copying = Some(Copying { segment, entries });
        while self.copying.is_some() {
            self.copy_some()?;
        }
        Ok(())
    }

    /// The messages in a sealed segment, the last first; `None` if its seal cannot be read.
    fn entries_of(&self, segment: u32) -> Option<Vec<Entry>> {
        let file = self.index.lock().segments.get(segment).map(|it| Arc::clone(&it.file))?;
        let mut header = [0; HEADER_BYTES];
        file.read_at(0, &mut header).ok()?;
        let Ok(Header::Ours(identity)) = read_header(&header, segment) else { return None };
        let seal = read_seal(&*file, identity).ok()?;
        let entries = read_seal_entries(&seal, segment);
        let mut entries: Vec<Entry> = entries.collect::<Result<_, _>>().ok()?;
        entries.reverse();
        Some(entries)
    }

    /// Copies a step's worth of the segment that is being copied.
    fn copy_some(&mut self) -> Result<(), DiskError> {
        let Some(mut copying) = self.copying.take() else { return Ok(()) };
        let wanted = self.next_wanted(&mut copying);
        match reader::read(&wanted) {
            Ok(page) if page.damaged.is_empty() => {
                let batch = copies(&wanted, page);
                self.counts.copied_bytes += batch.bytes() as u64;
                self.push_all(batch)?;
                self.flush()?;
            }
            // A file that cannot be read stays as it is; what can be written still is.
            Ok(_) | Err(_) => {
                self.index.lock().segments.set_damaged(copying.segment);
                return Ok(());
            }
        }
        if !copying.entries.is_empty() {
            self.copying = Some(copying);
            return Ok(());
        }
        let mut index = self.index.lock();
        // Its seal did not name all that lives in it: it must stay as it is.
        if index.segments.get(copying.segment).is_some_and(|it| it.live > 0) {
            index.segments.set_damaged(copying.segment);
        }
        Ok(())
    }

    /// The next messages that live in the segment; those of one record are all there.
    fn next_wanted(&self, copying: &mut Copying) -> Vec<Wanted> {
        let index = self.index.lock();
        let mut wanted: Vec<Wanted> = Vec::new();
        let Some(segment) = index.segments.get(copying.segment) else { return wanted };
        let mut bytes = 0;
        while let Some(next) = copying.entries.last() {
            let last = wanted.last().map(|it| it.entry.location);
            if bytes >= STEP_BYTES && last != Some(next.location) {
                break;
            }
            let current = index.entry(next.place.queue, next.place.sequence);
            let current = current.filter(|it| it.location == next.location);
            copying.entries.pop();
            if let Some(entry) = current {
                if last != Some(entry.location) {
                    bytes += u64::from(entry.location.bytes);
                }
                wanted.push(Wanted { entry, file: Arc::clone(&segment.file) });
            }
        }
        wanted
    }
}

/// A record for each record that was read, with the places that live.
fn copies(wanted: &[Wanted], page: Page) -> Batch {
    let mut batch = Batch::new();
    let mut read = wanted.iter().zip(page.messages).peekable();
    while let Some((first, message)) = read.next() {
        let mut places: SmallVec<[Place; 1]> = smallvec![message.place];
        let is_same = |other: &(&Wanted, _)| other.0.entry.location == first.entry.location;
        while let Some((_, other)) = read.next_if(is_same) {
            places.push(other.place);
        }
        let body_bytes = message.body_bytes;
        batch.add(Operation::Message { body_bytes, places }, &[&message.message]);
    }
    batch
}
