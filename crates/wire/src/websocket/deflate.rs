//! permessage-deflate (RFC 7692): a message's payload compressed and inflated, each by itself.
//!
//! ```text
//! payload of a compressed message = DEFLATE blocks that end in a sync flush, less its 00 00 FF FF
//!
//! spliced payload = { stored block (00, length u16 LE, its complement u16 LE, head bytes) }*
//!                   blocks of the tail, compressed from an empty window, ending as above
//! ```
//!
//! A tail that was compressed from an empty window refers to nothing before itself. So it may stand
//! behind any head, and any inflater can read it, whether it keeps its window between messages or
//! not: one compression serves every receiver with a window of 15 bits.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What ends a sync flush, and is left out at the end of a message. RFC 7692, section 7.2.1.
const FLUSH_END: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// The level of zlib: nearly all of the gain, for a time that one message spends once for all.
///
/// Found by measuring JSON of 1, 4 and 16 KiB. Level 1: 0.30, 0.24, 0.22 of the bytes in 5, 6,
/// 18 µs; level 2: 0.24, 0.17, 0.16 in at most 18, 13, 31 µs; level 6: 0.23, 0.16, 0.15 in 10, 29,
/// 142 µs.
const LEVEL: u32 = 2;

/// The most bytes in a stored block. RFC 1951, section 3.2.4.
const STORED_BYTES_MAX: usize = 65_535;

/// What stands in front of a stored block's bytes.
const STORED_HEADER_BYTES: usize = 5;

/// The output grows by at least this many bytes.
const STEP_BYTES_MIN: usize = 1024;

/// Output space kept for the next message, in bytes.
const KEPT_BYTES_MAX: usize = 256 * 1024;

thread_local! {
    /// A compressor takes a quarter of a megabyte to set up; a thread keeps one.
    static COMPRESSOR: RefCell<Compress> =
        RefCell::new(Compress::new(Compression::new(LEVEL), false));
}

/// Compresses `bytes` from an empty window: a whole payload, or the tail of a spliced one.
pub fn compress_tail(bytes: &[u8]) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        let mut out = Vec::with_capacity(bytes.len() / 2 + STEP_BYTES_MIN);
        loop {
            let taken = usize::try_from(compressor.total_in()).unwrap_or(usize::MAX);
            let rest = bytes.get(taken..).unwrap_or_default();
            let status = compressor.compress_vec(rest, &mut out, FlushCompress::Sync);
            // Room left over says that the flush is complete.
            if out.len() < out.capacity() || status.is_err() {
                break;
            }
            out.reserve(STEP_BYTES_MIN.max(out.len()));
        }
        if out.ends_with(&FLUSH_END) {
            out.truncate(out.len() - FLUSH_END.len());
        }
        out.shrink_to_fit();
        out
    })
}

/// Length of [`append_head`]'s output for a head of `head_bytes`, in bytes.
pub fn spliced_head_bytes(head_bytes: usize) -> usize {
    head_bytes + head_bytes.div_ceil(STORED_BYTES_MAX) * STORED_HEADER_BYTES
}

/// Appends `head` as stored blocks; the compressed tail comes right behind them.
pub fn append_head(out: &mut Vec<u8>, head: &[u8]) {
    for block in head.chunks(STORED_BYTES_MAX) {
        out.extend_from_slice(&stored_header(block.len()));
        out.extend_from_slice(block);
    }
}

/// The header of a stored block of `bytes`, at most 65,535: for a head that is already in its
/// place.
pub fn stored_header(bytes: usize) -> [u8; STORED_HEADER_BYTES] {
    debug_assert!(bytes <= STORED_BYTES_MAX, "a stored block holds at most 65,535 bytes");
    let [low, high] = (bytes as u16).to_le_bytes();
    [0, low, high, !low, !high]
}

/// A payload made of a head and a tail from [`compress_tail`].
pub fn splice(head: &[u8], tail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(spliced_head_bytes(head.len()) + tail.len());
    append_head(&mut out, head);
    out.extend_from_slice(tail);
    out
}

/// Inflates messages, each by itself. Keeps nothing between them but its memory, so that one can
/// serve many connections in turn.
#[derive(Debug)]
pub struct Inflater {
    inflater: Option<Box<Decompress>>,
    out: Vec<u8>,
}

/// Why a message cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// It would be longer than allowed.
    #[error("the inflated message is too long")]
    TooLong,
    /// It is not DEFLATE.
    #[error("the message is not DEFLATE")]
    Corrupt,
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Inflater {
    /// An inflater that takes memory on its first message.
    pub fn new() -> Self {
        Self { inflater: None, out: Vec::new() }
    }

    /// Inflates the payload of a message to at most `bytes_max`.
    ///
    /// # Errors
    ///
    /// [`InflateError`] if it is longer, or no DEFLATE. Never more than `bytes_max` and a little
    /// are inflated, however long the result would be.
    pub fn inflate(&mut self, payload: &[u8], bytes_max: usize) -> Result<&[u8], InflateError> {
        self.out.clear();
        self.out.shrink_to(KEPT_BYTES_MAX);
        let inflater = self.inflater.get_or_insert_with(|| Box::new(Decompress::new(false)));
        inflater.reset(false);
        for part in [payload, &FLUSH_END] {
            inflate_part(inflater, part, &mut self.out, bytes_max)?;
        }
        Ok(&self.out)
    }
}

fn inflate_part(
    inflater: &mut Decompress,
    mut input: &[u8],
    out: &mut Vec<u8>,
    bytes_max: usize,
) -> Result<(), InflateError> {
    loop {
        if out.len() > bytes_max {
            return Err(InflateError::TooLong);
        }
        if out.len() == out.capacity() {
            // One byte beyond the bound is room enough to see that it is broken.
            let wanted = input.len().saturating_mul(2).max(out.len()).max(STEP_BYTES_MIN);
            out.reserve_exact(wanted.min(bytes_max - out.len() + 1));
        }
        let before = inflater.total_in();
        let status = inflater
            .decompress_vec(input, out, FlushDecompress::Sync)
            .map_err(|_| InflateError::Corrupt)?;
        let taken = usize::try_from(inflater.total_in() - before).unwrap_or(usize::MAX);
        input = input.get(taken..).unwrap_or_default();
        match status {
            // RFC 7692, section 7.2.3.4: a sender may end a message with a final block; what
            // follows is a stream of its own.
            Status::StreamEnd => {
                inflater.reset(false);
                if input.is_empty() {
                    break;
                }
            }
            _ if out.len() == out.capacity() => {}
            _ if input.is_empty() => break,
            _ if taken == 0 => return Err(InflateError::Corrupt),
            _ => {}
        }
    }
    match out.len() > bytes_max {
        true => Err(InflateError::TooLong),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BYTES_MAX: usize = 1 << 20;

    /// RFC 7692, section 7.2.3: the same text in one fixed block, stored, final, and in two blocks.
    #[test]
    fn the_standards_examples_are_inflated() {
        let mut inflater = Inflater::new();
        for payload in [
            &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00][..],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
        ] {
            assert_eq!(inflater.inflate(payload, BYTES_MAX), Ok(&b"Hello"[..]), "{payload:x?}");
        }
    }

    #[test]
    fn a_message_of_nothing_is_one_zero_byte() {
        assert_eq!(compress_tail(b""), [0]);
        assert_eq!(Inflater::new().inflate(&[0], BYTES_MAX), Ok(&b""[..]));
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        let bomb = compress_tail(&vec![0; 64 << 20]);
        assert!(bomb.len() < 1 << 20);
        let mut inflater = Inflater::new();
        assert_eq!(inflater.inflate(&bomb, 10_000), Err(InflateError::TooLong));
        assert!(inflater.out.capacity() <= 10_001);
    }

    #[test]
    fn the_bound_itself_is_allowed() {
        let payload = compress_tail(&[7; 5000]);
        let mut inflater = Inflater::new();
        assert_eq!(inflater.inflate(&payload, 5000).map(<[u8]>::len), Ok(5000));
        assert_eq!(inflater.inflate(&payload, 4999), Err(InflateError::TooLong));
    }

    #[test]
    fn a_long_head_takes_several_blocks() {
        let head = vec![b'h'; STORED_BYTES_MAX * 2 + 1];
        let payload = splice(&head, &compress_tail(b"tail"));
        assert_eq!(payload.len(), spliced_head_bytes(head.len()) + compress_tail(b"tail").len());
        let plain = [&head[..], b"tail"].concat();
        assert_eq!(Inflater::new().inflate(&payload, BYTES_MAX), Ok(&plain[..]));
    }

    /// Text that repeats itself, so that matches reach back.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec("[a-f]{1,8}", 0..400).prop_map(|words| words.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn spliced_messages_suit_an_inflater_that_keeps_its_window(
            messages in prop::collection::vec((any::<Vec<u8>>(), text()), 1..20),
        ) {
            let mut kept = Decompress::new(false);
            let mut fresh = Inflater::new();
            for (head, tail) in messages {
                let plain = [&head[..], &tail].concat();
                let payload = splice(&head, &compress_tail(&tail));
                prop_assert_eq!(fresh.inflate(&payload, BYTES_MAX), Ok(&plain[..]));

                let input = [&payload[..], &FLUSH_END].concat();
                let mut out = Vec::with_capacity(plain.len() + 64);
                kept.decompress_vec(&input, &mut out, FlushDecompress::Sync).unwrap();
                prop_assert_eq!(out, plain);
            }
        }

        #[test]
        fn garbage_is_inflated_within_the_bound_or_turned_down(
            payload: Vec<u8>, bytes_max in 0..3000_usize,
        ) {
            let mut inflater = Inflater::new();
            if let Ok(out) = inflater.inflate(&payload, bytes_max) {
                prop_assert!(out.len() <= bytes_max);
            }
        }
    }
}
