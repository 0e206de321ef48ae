//! A record: how the log frames everything in it.
//!
//! ```text
//! offset  type    field
//! 0       u32     crc: CRC-32 (IEEE) of all that follows
//! 4       u32     length: bytes of the payload
//! 8       u8      kind
//! 9       u8 × 3  zero
//! 12      bytes   payload
//! ```
//!
//! Numbers have their lowest byte first. A head of twelve zeros is not a record: it is room that
//! was never written.

use super::varint::{Malformed, u32_at};

/// Bytes before the payload.
pub(super) const HEAD_BYTES: usize = 12;

/// The largest payload, in bytes. Above RabbitMQ's largest `max_message_size` (512 MiB), with room
/// for properties and places.
pub const PAYLOAD_BYTES_MAX: u32 = 768 << 20;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A message and its places in queues.
    Message = 1,
    /// Messages that a queue no longer holds.
    Settle = 2,
    /// Messages that were handed out.
    Mark = 3,
    /// A queue that is gone.
    Delete = 4,
    /// A segment that is about to be unlinked.
    Dropped = 5,
    /// The start of a write: what was synced before it.
    Write = 6,
    /// The first record of a segment: everything that older segments mean.
    Checkpoint = 7,
    /// The last record of a segment: its messages that lived then.
    Seal = 8,
}

impl Kind {
    fn read(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Message,
            2 => Self::Settle,
            3 => Self::Mark,
            4 => Self::Delete,
            5 => Self::Dropped,
            6 => Self::Write,
            7 => Self::Checkpoint,
            8 => Self::Seal,
            _ => return None,
        })
    }
}

/// A whole record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// Bytes of the record, its head included.
    pub(super) fn bytes(&self) -> usize {
        HEAD_BYTES + self.payload.len()
    }

    /// Reads the record that `bytes` begin with; `None` if there is room that was never written.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let head = bytes.get(..HEAD_BYTES).ok_or(Malformed("the head of a record is cut off"))?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let (Some(crc), Some(length), [kind, 0, 0, 0]) =
            (u32_at(head, 0), u32_at(head, 4), head.get(8..).unwrap_or_default())
        else {
            return Err(Malformed("the head of a record is not one"));
        };
        if length > PAYLOAD_BYTES_MAX {
            return Err(Malformed("a record is longer than any"));
        }
        let end = HEAD_BYTES + length as usize;
        let checked = bytes.get(4..end).ok_or(Malformed("a record is cut off"))?;
        if crc32fast::hash(checked) != crc {
            return Err(Malformed("the checksum of a record is wrong"));
        }
        let kind = Kind::read(*kind).ok_or(Malformed("a record is of no known kind"))?;
        Ok(Some(Self { kind, payload: bytes.get(HEAD_BYTES..end).unwrap_or_default() }))
    }
}

/// Begins a record at the end of `into`; gives where.
pub(super) fn begin(into: &mut Vec<u8>, kind: Kind) -> usize {
    let start = into.len();
    into.extend_from_slice(&[0; 8]);
    into.extend_from_slice(&[kind as u8, 0, 0, 0]);
    start
}

/// Ends the record that began at `start`: everything behind its head is its payload.
///
/// The caller sees to it that the payload is at most [`PAYLOAD_BYTES_MAX`].
pub(super) fn finish(into: &mut [u8], start: usize) {
    let Some(record) = into.get_mut(start..) else { return };
    let length = record.len().saturating_sub(HEAD_BYTES);
    debug_assert!(length <= PAYLOAD_BYTES_MAX as usize, "the caller checks the length");
    if let Some(field) = record.get_mut(4..8) {
        field.copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    let crc = crc32fast::hash(record.get(4..).unwrap_or_default());
    if let Some(field) = record.get_mut(..4) {
        field.copy_from_slice(&crc.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![9];
        let start = begin(&mut bytes, Kind::Settle);
        bytes.extend_from_slice(payload);
        finish(&mut bytes, start);
        bytes.split_off(1)
    }

    #[test]
    fn a_record_is_read_as_it_is_written() {
        for payload in [&b""[..], b"x", &[0; 1000]] {
            let mut bytes = written(payload);
            bytes.push(7);
            let record = Record { kind: Kind::Settle, payload };
            assert_eq!(Record::read(&bytes), Ok(Some(record)));
            assert_eq!(record.bytes() + 1, bytes.len());
        }
    }

    #[test]
    fn room_that_was_never_written_is_no_record() {
        assert_eq!(Record::read(&[0; HEAD_BYTES]), Ok(None));
        assert!(Record::read(&[0; HEAD_BYTES - 1]).is_err());
    }

    #[test]
    fn any_flipped_bit_and_any_lost_byte_is_found() {
        let bytes = written(b"payload");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::read(&flipped).is_err(), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(Record::read(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_unread() {
        let mut bytes = written(b"");
        for (length, text) in [
            (PAYLOAD_BYTES_MAX, "a record is cut off"),
            (PAYLOAD_BYTES_MAX + 1, "a record is longer than any"),
        ] {
            bytes[4..8].copy_from_slice(&length.to_le_bytes());
            assert_eq!(Record::read(&bytes), Err(Malformed(text)));
        }
    }
}
