//! The payload of a Seal: which messages of the segment lived when it was sealed.
//!
//! ```text
//! count of entries, entries
//! entry   offset of the record − offset in the entry before, bytes of the record, body bytes,
//!         place
//! ```
//!
//! All numbers are varints; differences wrap at 32 bits. A place is written as in a Message.

use super::index::{Entry, Location};
use super::operation::Place;
use super::segment::Seal;
use super::varint::{Fields, Malformed, put};

/// Writes entries one by one, and their count in front at the end.
#[derive(Debug, Default)]
pub(super) struct SealBuilder {
    entries: Vec<u8>,
    count: u64,
    offset_before: u32,
}

impl SealBuilder {
    pub(super) fn push(&mut self, entry: &Entry) {
        let Location { offset, bytes, .. } = entry.location;
        put(&mut self.entries, offset.wrapping_sub(self.offset_before).into());
        put(&mut self.entries, bytes.into());
        put(&mut self.entries, entry.body_bytes.into());
        entry.place.write(&mut self.entries);
        self.offset_before = offset;
        self.count += 1;
    }

    pub(super) fn finish(self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.entries.len() + 10);
        put(&mut payload, self.count);
        payload.extend_from_slice(&self.entries);
        payload
    }
}

/// Reads the entries of the seal of `segment`.
pub(super) fn read_seal_entries(seal: &Seal, segment: u32) -> SealEntries<'_> {
    let (fields, end) = (Fields::new(&seal.payload), seal.offset);
    SealEntries { fields, left: None, segment, offset: 0, end }
}

/// The entries of a seal, each read when it is asked for.
#[derive(Debug)]
pub(super) struct SealEntries<'a> {
    fields: Fields<'a>,
    /// `None` before the count was read.
    left: Option<usize>,
    segment: u32,
    offset: u32,
    /// Where the seal stands: every record is before it.
    end: u32,
}

impl SealEntries<'_> {
    fn read(&mut self) -> Result<Option<Entry>, Malformed> {
        let left = match self.left {
            Some(left) => left,
            None => self.fields.count()?,
        };
        let Some(left) = left.checked_sub(1) else {
            self.fields.end()?;
            return Ok(None);
        };
        self.left = Some(left);
        self.offset = self.offset.wrapping_add(self.fields.number32()?);
        let (segment, offset, bytes) = (self.segment, self.offset, self.fields.number32()?);
        if bytes == 0 || offset.checked_add(bytes).is_none_or(|end| end > self.end) {
            return Err(Malformed("an entry is of no record before the seal"));
        }
        let body_bytes = self.fields.number32()?;
        let place = Place::read(&mut self.fields)?;
        Ok(Some(Entry { place, location: Location { segment, offset, bytes }, body_bytes }))
    }
}

impl Iterator for SealEntries<'_> {
    type Item = Result<Entry, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
