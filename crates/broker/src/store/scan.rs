//! Reading a segment from front to back, and telling a torn tail from damage.
//!
//! A crash may leave anything behind the last synced byte: a torn record, a lost write before a
//! kept one. Every write begins with a record that says what was synced before it. So a broken
//! record is damage if some later write knew it to be durable, and a torn tail if none did.

use super::operation::Operation;
use super::record::{HEAD_BYTES, Kind, Record};
use super::segment::{Identity, WRITE_MAGIC, Write};
use super::varint::Malformed;

/// A record that says something about queues, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Scanned {
    pub(super) offset: u32,
    /// Bytes of the record, its head included.
    pub(super) bytes: u32,
    pub(super) operation: Operation,
}

/// Where the whole records of a segment end, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing was written from here on.
    Unwritten(usize),
    /// Here stands the seal.
    Sealed(usize),
    /// Something else stands here.
    Broken(usize, Malformed),
}

impl End {
    pub(super) fn at(self) -> usize {
        let (Self::Unwritten(at) | Self::Sealed(at) | Self::Broken(at, _)) = self;
        at
    }
}

/// Reads records from `from` on into `records`, up to the first that is not whole.
pub(super) fn scan(
    bytes: &[u8],
    from: usize,
    identity: Identity,
    records: &mut Vec<Scanned>,
) -> End {
    let mut at = from;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let record = match Record::read(rest) {
            Ok(Some(record)) => record,
            _ if is_zero(rest) => return End::Unwritten(at),
            Ok(None) => return End::Broken(at, Malformed("a write is missing")),
            Err(what) => return End::Broken(at, what),
        };
        let length = record.bytes();
        match (record.kind, Operation::read(record.kind, record.payload)) {
            (_, Err(what)) => return End::Broken(at, what),
            (_, Ok(Some(operation))) => {
                let (offset, bytes) = (at as u32, length as u32);
                records.push(Scanned { offset, bytes, operation });
            }
            (Kind::Seal, _) => return End::Sealed(at),
            (Kind::Write, _) => match Write::read(record.payload) {
                Ok(write) if write.identity == identity && write.offset as usize == at => {}
                _ => return End::Broken(at, Malformed("the start of a write is from elsewhere")),
            },
            _ => return End::Broken(at, Malformed("a checkpoint stands where none can be")),
        }
        at += length;
    }
}

/// Reads records as [`scan`] does, and goes on behind damage with the next write; tells of each.
///
/// What was torn before it was synced ends it, as it ends recovery.
pub(super) fn scan_past_damage(
    bytes: &[u8],
    from: usize,
    identity: Identity,
    records: &mut Vec<Scanned>,
    mut damaged: impl FnMut(usize, Malformed),
) -> End {
    let mut from = from;
    loop {
        let end = scan(bytes, from, identity, records);
        let End::Broken(at, what) = end else { return end };
        if !was_synced(bytes, at, identity) {
            return end;
        }
        damaged(at, what);
        match next_write(bytes, at + 1, identity.number, Some(identity.salt)) {
            Some(write) => from = write.offset as usize,
            None => return end,
        }
    }
}

/// The first write that begins at or behind `from`.
///
/// Without a salt any will do: for segments whose header cannot be read.
pub(super) fn next_write(
    bytes: &[u8],
    from: usize,
    number: u32,
    salt: Option<u32>,
) -> Option<Write> {
    let payload_from = from.checked_add(HEAD_BYTES)?;
    let found = memchr::memmem::find_iter(bytes.get(payload_from..)?, &WRITE_MAGIC);
    let mut writes = found.filter_map(|found| {
        let record = Record::read(bytes.get(from + found..)?).ok()??;
        let write = Write::read(record.payload).ok()?;
        let is_here = write.identity.number == number && write.offset as usize == from + found;
        (is_here && salt.is_none_or(|salt| salt == write.identity.salt)).then_some(write)
    });
    writes.next()
}

/// Whether a write behind `at` knew that the byte there was durable.
pub(super) fn was_synced(bytes: &[u8], at: usize, identity: Identity) -> bool {
    let mut from = at;
    while let Some(write) = next_write(bytes, from, identity.number, Some(identity.salt)) {
        if write.synced as usize > at {
            return true;
        }
        from = write.offset as usize + 1;
    }
    false
}

/// How many bytes there are from `at` on, zeros at the end left out.
pub(super) fn written_from(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut end = rest.len();
    for block in rest.rchunks(4096) {
        if !is_zero(block) {
            return end - block.iter().rev().take_while(|byte| **byte == 0).count();
        }
        end -= block.len();
    }
    0
}

fn is_zero(bytes: &[u8]) -> bool {
    // Blocks, so that the compiler can look at many bytes at once.
    bytes.chunks(4096).all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
}
