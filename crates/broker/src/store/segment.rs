//! A segment: one file of the log, from its birth to its seal. Knows nothing of queues.
//!
//! ```text
//! offset  type    field
//! 0       u8 × 8  "HOPWLOG\n"
//! 8       u32     version of the format
//! 12      u32     number of the segment
//! 16      u32     salt: random, so that no message can look like a part of this segment
//! 20      u32     CRC-32 of the 20 bytes before
//! 24      record  Checkpoint; with it the segment is born, and no write is earlier
//!         record  Write, then the records of that write; and so on
//!         record  Seal
//!         u32     offset of the Seal                    ┐
//!         u32     number of the segment                 │ the footer, the last
//!         u32     salt                                  │ 16 bytes of the file
//!         u32     CRC-32 of the 12 bytes before         ┘
//! ```
//!
//! A segment that is not sealed is preallocated: zeros follow its last record. The payload of
//! Write:
//!
//! ```text
//! 0       u8 × 8  "\0HOPWR\n\xFF"
//! 8       u32     number of the segment
//! 12      u32     salt
//! 16      u32     offset of this record
//! 20      u32     synced: everything before this offset was durable when this was written
//! ```

mod open;

use super::disk::DiskFile;
use super::record::{self, HEAD_BYTES, Kind, Record};
use super::varint::{Malformed, u32_at};
use super::version::{FORMAT_VERSION, MAGIC};
pub(super) use open::{OpenSegment, Prepared};

/// Bytes before the first record.
pub(super) const HEADER_BYTES: usize = 24;
/// Bytes behind the last record.
const FOOTER_BYTES: usize = 16;
/// What every Write begins with.
pub(super) const WRITE_MAGIC: [u8; 8] = *b"\0HOPWR\n\xFF";
/// Bytes of a Write, its head included.
const WRITE_BYTES: usize = HEAD_BYTES + 24;

/// The name of a segment's file.
pub(super) fn file_name(number: u32) -> String {
    format!("{number:010}.log")
}

/// The number of a segment, if this is the name of its file.
pub(super) fn number_of(file_name: &str) -> Option<u32> {
    let number = file_name.strip_suffix(".log")?.parse().ok()?;
    (self::file_name(number) == file_name).then_some(number)
}

/// Which segment it is, and no other with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) number: u32,
    pub(super) salt: u32,
}

impl Identity {
    fn write_header(self, into: &mut Vec<u8>) {
        into.extend_from_slice(&MAGIC);
        for field in [FORMAT_VERSION, self.number, self.salt] {
            into.extend_from_slice(&field.to_le_bytes());
        }
        let crc = crc32fast::hash(into);
        into.extend_from_slice(&crc.to_le_bytes());
    }
}

/// What the header of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    Ours(Identity),
    /// Of another version.
    Version(u32),
}

/// Reads the header of segment `number`.
pub(super) fn read_header(bytes: &[u8], number: u32) -> Result<Header, Malformed> {
    let header = bytes.get(..HEADER_BYTES).ok_or(Malformed("the header is cut off"))?;
    if !header.starts_with(&MAGIC) {
        return Err(Malformed("it does not begin as a segment"));
    }
    let field = |at| u32_at(header, at).ok_or(Malformed("the header is cut off"));
    if crc32fast::hash(header.get(..20).unwrap_or_default()) != field(20)? {
        return Err(Malformed("the checksum of the header is wrong"));
    }
    if field(8)? != FORMAT_VERSION {
        return Ok(Header::Version(field(8)?));
    }
    if field(12)? != number {
        return Err(Malformed("it is another segment than its name says"));
    }
    Ok(Header::Ours(Identity { number, salt: field(16)? }))
}

/// Reads the Checkpoint that follows the header; gives its payload and where it ends.
pub(super) fn read_birth(bytes: &[u8]) -> Result<(&[u8], usize), Malformed> {
    let not_born = Malformed("no checkpoint follows the header");
    let first = bytes.get(HEADER_BYTES..).ok_or(not_born)?;
    match Record::read(first)? {
        Some(record) if record.kind == Kind::Checkpoint => {
            Ok((record.payload, HEADER_BYTES + record.bytes()))
        }
        _ => Err(not_born),
    }
}

/// What a Write says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) identity: Identity,
    pub(super) offset: u32,
    pub(super) synced: u32,
}

impl Write {
    fn write(self, into: &mut Vec<u8>) {
        let start = record::begin(into, Kind::Write);
        into.extend_from_slice(&WRITE_MAGIC);
        for field in [self.identity.number, self.identity.salt, self.offset, self.synced] {
            into.extend_from_slice(&field.to_le_bytes());
        }
        record::finish(into, start);
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let malformed = Malformed("the start of a write is not one");
        if payload.len() + HEAD_BYTES != WRITE_BYTES || !payload.starts_with(&WRITE_MAGIC) {
            return Err(malformed);
        }
        let field = |at| u32_at(payload, at).ok_or(malformed);
        let identity = Identity { number: field(8)?, salt: field(12)? };
        Ok(Self { identity, offset: field(16)?, synced: field(20)? })
    }
}

/// The payload of a segment's seal, where it stands, and how long the file is.
#[derive(Debug)]
pub(super) struct Seal {
    pub(super) payload: Vec<u8>,
    pub(super) offset: u32,
    pub(super) file_bytes: u64,
}

/// Why a segment has no seal to read.
#[derive(Debug)]
pub(super) enum SealError {
    Disk(std::io::Error),
    /// Where, and what was found.
    Malformed(u64, Malformed),
}

/// Reads the seal of a segment without reading the segment.
pub(super) fn read_seal(file: &dyn DiskFile, identity: Identity) -> Result<Seal, SealError> {
    let file_bytes = file.bytes().map_err(SealError::Disk)?;
    let footer_at = file_bytes.saturating_sub(FOOTER_BYTES as u64);
    let malformed = |what| SealError::Malformed(footer_at, Malformed(what));
    let mut footer = [0; FOOTER_BYTES];
    if footer_at < HEADER_BYTES as u64 {
        return Err(malformed("the segment is cut off"));
    }
    file.read_at(footer_at, &mut footer).map_err(SealError::Disk)?;
    let field = |at| u32_at(&footer, at).unwrap_or_default();
    let crc = crc32fast::hash(footer.get(..12).unwrap_or_default());
    let found = Identity { number: field(4), salt: field(8) };
    if crc != field(12) || found != identity {
        return Err(malformed("the segment has no footer"));
    }
    let offset = field(0);
    let length = footer_at.checked_sub(offset.into()).ok_or(malformed("the footer is wrong"))?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_at(offset.into(), &mut bytes).map_err(SealError::Disk)?;
    match Record::read(&bytes) {
        Ok(Some(record)) if record.kind == Kind::Seal && record.bytes() == bytes.len() => {
            bytes.drain(..HEAD_BYTES);
            Ok(Seal { payload: bytes, offset, file_bytes })
        }
        Ok(_) => Err(SealError::Malformed(offset.into(), Malformed("no seal stands there"))),
        Err(what) => Err(SealError::Malformed(offset.into(), what)),
    }
}
