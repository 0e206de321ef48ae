//! The segment that takes records, and the file that waits to become the next.

use std::io;
use std::sync::Arc;

use super::super::disk::{Disk, DiskFile};
use super::super::error::DiskError;
use super::super::record::{self, HEAD_BYTES, Kind};
use super::{FOOTER_BYTES, HEADER_BYTES, Identity, WRITE_BYTES, Write, file_name};

/// A file that waits to become a segment: its name is durable, it has room, and nothing is in it.
///
/// What a crash leaves of it is a segment that was not born, and recovery removes it.
#[derive(Debug)]
pub(in crate::store) struct Prepared {
    number: u32,
    file: Arc<dyn DiskFile>,
    name: String,
    /// How long the file is.
    bytes: usize,
}

/// A segment that takes records.
#[derive(Debug)]
pub(in crate::store) struct OpenSegment {
    identity: Identity,
    file: Arc<dyn DiskFile>,
    name: String,
    /// How long the segment may become, its seal left out.
    room_bytes: usize,
    /// Where the next write goes.
    written: u32,
    /// Everything before is durable.
    synced: u32,
    pending: Pending,
    is_empty: bool,
}

/// What the next write writes: batches as they came, and what was copied together between them.
#[derive(Debug, Default)]
struct Pending {
    parts: Vec<Vec<u8>>,
    bytes: usize,
    /// The last part was begun here, and takes more.
    is_growing: bool,
    /// Room that an earlier write left.
    spare: Vec<u8>,
}

impl Prepared {
    /// Creates the file of segment `number` with so much room. If that fails, nothing is left.
    pub(in crate::store) fn create(
        disk: &dyn Disk,
        number: u32,
        bytes: usize,
    ) -> Result<Self, DiskError> {
        let name = file_name(number);
        let failed = |action| {
            let name = name.clone();
            move |source| DiskError::new(action, name, source)
        };
        let file = disk.create(&name).map_err(failed("create"))?;
        let made = if bytes > 0 { file.preallocate(bytes as u64) } else { Ok(()) };
        if let Err(source) = made {
            // What is left if that fails too is removed by recovery.
            let _ = disk.unlink(&name);
            return Err(failed("preallocate")(source));
        }
        disk.sync_names().map_err(|source| DiskError::new("sync", ".", source))?;
        Ok(Self { number, file, name, bytes })
    }

    /// Makes its room durable, so that its birth need not.
    pub(in crate::store) fn sync(&self) -> Result<(), DiskError> {
        self.file.sync().map_err(|source| DiskError::new("sync", &*self.name, source))
    }

    pub(in crate::store) fn number(&self) -> u32 {
        self.number
    }
}

impl OpenSegment {
    /// Gives birth to a segment: it is there, with its checkpoint, after any crash. There is room
    /// for a first record of `first_bytes` in any case.
    pub(in crate::store) fn birth(
        prepared: Prepared,
        checkpoint: &[u8],
        first_bytes: usize,
    ) -> Result<Self, DiskError> {
        let Prepared { number, file, name, bytes } = prepared;
        let failed = |action| {
            let name = name.clone();
            move |source| DiskError::new(action, name, source)
        };
        let no_salt = |error| failed("salt")(io::Error::other(error));
        let identity = Identity { number, salt: getrandom::u32().map_err(no_salt)? };
        let mut birth = Vec::with_capacity(HEADER_BYTES + HEAD_BYTES + checkpoint.len());
        identity.write_header(&mut birth);
        let start = record::begin(&mut birth, Kind::Checkpoint);
        birth.extend_from_slice(checkpoint);
        record::finish(&mut birth, start);

        let room_bytes = bytes.max(birth.len() + WRITE_BYTES + first_bytes);
        if room_bytes > bytes {
            file.preallocate(room_bytes as u64).map_err(failed("preallocate"))?;
        }
        file.write_at(0, &birth).map_err(failed("write"))?;
        file.sync().map_err(failed("sync"))?;
        let written = as_offset(birth.len());
        let (pending, is_empty) = (Pending::default(), true);
        let synced = written;
        Ok(Self { identity, file, name, room_bytes, written, synced, pending, is_empty })
    }

    /// Takes up a segment that ends at `end` and has only to be sealed.
    pub(in crate::store) fn resume(identity: Identity, file: Arc<dyn DiskFile>, end: u32) -> Self {
        Self {
            identity,
            file,
            name: file_name(identity.number),
            room_bytes: 0,
            written: end,
            synced: 0,
            pending: Pending::default(),
            is_empty: false,
        }
    }

    pub(in crate::store) fn number(&self) -> u32 {
        self.identity.number
    }

    pub(in crate::store) fn file(&self) -> &Arc<dyn DiskFile> {
        &self.file
    }

    /// Whether so many bytes of records can be added within the segment's length.
    pub(in crate::store) fn has_room(&self, bytes: usize) -> bool {
        self.written as usize + self.pending.bytes + WRITE_BYTES + bytes <= self.room_bytes
    }

    /// Whether a record can be added: the first always can.
    pub(in crate::store) fn takes(&self, record_bytes: usize) -> bool {
        self.is_empty || self.has_room(record_bytes)
    }

    /// Whether half of it is written.
    pub(in crate::store) fn is_half_full(&self) -> bool {
        self.written as usize >= self.room_bytes / 2
    }

    /// Bytes that the next write will write.
    pub(in crate::store) fn pending_bytes(&self) -> usize {
        self.pending.bytes
    }

    /// Adds a whole record to the next write; gives its offset.
    pub(in crate::store) fn push(&mut self, record: &[u8]) -> u32 {
        self.begin_write();
        let offset = self.end();
        self.pending.copy(|part| part.extend_from_slice(record));
        offset
    }

    /// Adds whole records to the next write, without a copy; gives the offset of the first.
    pub(in crate::store) fn push_batch(&mut self, records: Vec<u8>) -> u32 {
        self.begin_write();
        let offset = self.end();
        self.pending.take(records);
        offset
    }

    fn begin_write(&mut self) {
        self.is_empty = false;
        if self.pending.bytes == 0 {
            let (identity, offset, synced) = (self.identity, self.written, self.synced);
            self.pending.copy(|part| Write { identity, offset, synced }.write(part));
        }
    }

    fn end(&self) -> u32 {
        self.written + as_offset(self.pending.bytes)
    }

    /// Writes what was pushed; gives how many bytes that were. It can be read from then on.
    pub(in crate::store) fn flush(&mut self) -> Result<usize, DiskError> {
        let bytes = self.pending.bytes;
        if bytes > 0 {
            let failed = |source| DiskError::new("write", &*self.name, source);
            self.pending.write(&*self.file, self.written.into()).map_err(failed)?;
            self.written += as_offset(bytes);
        }
        Ok(bytes)
    }

    /// Makes everything written durable.
    pub(in crate::store) fn sync(&mut self) -> Result<(), DiskError> {
        if self.synced < self.written {
            self.file.sync().map_err(|source| DiskError::new("sync", &*self.name, source))?;
            self.synced = self.written;
        }
        Ok(())
    }

    /// Ends the segment with its seal, durably; gives its length. Everything pushed was flushed.
    pub(in crate::store) fn seal(self, seal: &[u8]) -> Result<u64, DiskError> {
        let failed = |action| {
            let name = &*self.name;
            move |source| DiskError::new(action, name, source)
        };
        let mut end = Vec::with_capacity(HEAD_BYTES + seal.len() + FOOTER_BYTES);
        let start = record::begin(&mut end, Kind::Seal);
        end.extend_from_slice(seal);
        record::finish(&mut end, start);
        let footer = end.len();
        for field in [self.written, self.identity.number, self.identity.salt] {
            end.extend_from_slice(&field.to_le_bytes());
        }
        let crc = crc32fast::hash(end.get(footer..).unwrap_or_default());
        end.extend_from_slice(&crc.to_le_bytes());

        let bytes = u64::from(self.written) + end.len() as u64;
        // Cut before, so that nothing torn stands behind the seal.
        self.file.truncate(self.written.into()).map_err(failed("truncate"))?;
        self.file.write_at(self.written.into(), &end).map_err(failed("write"))?;
        self.file.sync().map_err(failed("sync"))?;
        Ok(bytes)
    }
}

impl Pending {
    fn copy(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if !std::mem::replace(&mut self.is_growing, true) {
            self.parts.push(std::mem::take(&mut self.spare));
        }
        if let Some(part) = self.parts.last_mut() {
            let before = part.len();
            write(part);
            self.bytes += part.len() - before;
        }
    }

    fn take(&mut self, part: Vec<u8>) {
        self.is_growing = false;
        self.bytes += part.len();
        self.parts.push(part);
    }

    fn write(&mut self, file: &dyn DiskFile, offset: u64) -> io::Result<()> {
        file.write_parts_at(offset, &self.parts)?;
        let spare = self.parts.drain(..).next().unwrap_or_default();
        // One large write must not hold its room for ever.
        if spare.capacity() <= SPARE_BYTES_MAX {
            self.spare = spare;
            self.spare.clear();
        }
        self.is_growing = false;
        self.bytes = 0;
        Ok(())
    }
}

/// An offset in a segment. Segments are far shorter than 4 GiB: their settings and the largest
/// record see to it.
fn as_offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// As much room as that is kept from one write to the next.
const SPARE_BYTES_MAX: usize = 1 << 20;
