//! What a batch writes to one peer: heads in a scratch buffer, large shared parts by reference.
//!
//! Small parts are copied into the scratch; parts of [`COPY_BYTES_MAX`] or more are spliced in
//! between by reference and leave with one vectored write. A WebSocket frame goes around each STOMP
//! frame here, so that sessions do not know their transport.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use model::Message;
use wire::websocket::deflate::{compress_tail, stored_header};
use wire::websocket::{Header, Opcode};

/// Shared parts up to this size, in bytes, are copied: cheaper than two more slices in the write.
///
/// Found by measuring: CPU time per frame on loopback TCP, 16 frames to a write, copied against
/// referenced: 128 B 0.75, 1 KiB 0.85, 4 KiB 0.94, 8 KiB 0.92 to 1.14, 16 KiB 1.09 to 1.17. So the
/// line lies near 8 KiB; half of that, because a reference is not held twice for a slow reader.
pub const COPY_BYTES_MAX: usize = 4096;

/// The most slices in one vectored write. Linux takes 1024; a write of so many is large anyway.
pub const SLICES_MAX: usize = 64;

/// Written bytes are cut off the front of what waits once there are this many of them.
const WRITTEN_KEPT_MAX: usize = 64 * 1024;

/// The longest head that is compressed around: one stored block.
const STORED_BYTES_MAX: usize = 65_535;

/// How frames are put on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// As they are (TCP, TLS).
    #[default]
    Stream,
    /// Each in a WebSocket message of its own.
    WebSocket {
        /// Binary messages instead of text.
        is_binary: bool,
        /// Compress MESSAGE frames whose body has at least this many bytes; `None`: not negotiated.
        deflate_above_bytes: Option<u32>,
    },
}

/// What a batch writes to one peer.
#[derive(Debug, Default)]
pub struct Outbox {
    scratch: Vec<u8>,
    /// A frame, or the head of one, before its length is known.
    draft: Vec<u8>,
    splices: Vec<Splice>,
    spliced_bytes: usize,
    written_bytes: usize,
    framing: Framing,
}

/// A shared part that belongs at `at` in the scratch.
#[derive(Debug)]
struct Splice {
    at: usize,
    part: Shared,
}

/// A part shared with other outboxes.
#[derive(Clone, Debug)]
enum Shared {
    Body(Arc<Message>, Range<usize>),
    StompTail(Arc<Message>),
    StompTailDeflated(Arc<Message>),
}

impl Shared {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Body(message, range) => message.body().get(range.clone()).unwrap_or_default(),
            Self::StompTail(message) => message.tails().stomp.get().map_or(&[], |tail| &tail.bytes),
            Self::StompTailDeflated(message) => {
                let tail = message.tails().stomp.get();
                tail.and_then(|tail| tail.deflated.get()).map_or(&[], |bytes| bytes)
            }
        }
    }
}

impl Outbox {
    /// Says how frames are put on the wire from here on.
    pub fn set_framing(&mut self, framing: Framing) {
        self.framing = framing;
    }

    /// The scratch, to append raw bytes to: for protocols that frame themselves (AMQP).
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.scratch
    }

    /// Appends a part of a message's body, copied or by reference.
    pub fn append_body(&mut self, message: &Arc<Message>, range: Range<usize>) {
        let bytes = message.body().get(range.clone()).unwrap_or_default();
        self.append_shared(bytes, || Shared::Body(Arc::clone(message), range));
    }

    /// Writes one frame; in a WebSocket, one message.
    pub fn frame(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let Framing::WebSocket { is_binary, .. } = self.framing else {
            return write(&mut self.scratch);
        };
        self.draft.clear();
        write(&mut self.draft);
        let is_text = !is_binary && std::str::from_utf8(&self.draft).is_ok();
        let payload_bytes = self.draft.len() as u64;
        Header::server(text_or_binary(is_text), payload_bytes).append_to(&mut self.scratch);
        self.scratch.extend_from_slice(&self.draft);
    }

    /// Writes one STOMP MESSAGE: `head` writes what is this subscriber's own, and the tail, which
    /// the session has put into [`model::message::Tails::stomp`], is shared.
    pub fn stomp_message(&mut self, message: &Arc<Message>, head: impl FnOnce(&mut Vec<u8>)) {
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        head(&mut draft);
        self.stomp_message_behind(&draft, message);
        self.draft = draft;
    }

    /// As [`Self::stomp_message`] with a head that is already written.
    pub fn stomp_message_behind(&mut self, head: &[u8], message: &Arc<Message>) {
        let Some(tail) = message.tails().stomp.get() else {
            debug_assert!(false, "the session has made the tail");
            return;
        };
        if let Framing::WebSocket { is_binary, deflate_above_bytes } = self.framing {
            let opcode = text_or_binary(tail.is_text && !is_binary);
            let is_worth_it = |above| message.body().len() >= above as usize;
            if deflate_above_bytes.is_some_and(is_worth_it) && head.len() <= STORED_BYTES_MAX {
                let deflated = tail.deflated.get_or_init(|| compress_tail(&tail.bytes).into());
                if deflated.len() < tail.bytes.len() {
                    self.append_compressed_head(opcode, head, deflated.len());
                    let part = || Shared::StompTailDeflated(Arc::clone(message));
                    return self.append_shared(deflated, part);
                }
            }
            let payload_bytes = head.len() + tail.bytes.len();
            Header::server(opcode, payload_bytes as u64).append_to(&mut self.scratch);
        }
        self.scratch.extend_from_slice(head);
        self.append_shared(&tail.bytes, || Shared::StompTail(Arc::clone(message)));
    }

    /// Appends the beginning of a compressed message: the head as a stored block, behind which
    /// `tail_bytes` of the shared blocks follow.
    fn append_compressed_head(&mut self, opcode: Opcode, head: &[u8], tail_bytes: usize) {
        let stored = stored_header(head.len());
        let payload_bytes = stored.len() + head.len() + tail_bytes;
        let header = Header::server(opcode, payload_bytes as u64);
        Header { is_compressed: true, ..header }.append_to(&mut self.scratch);
        self.scratch.extend_from_slice(&stored);
        self.scratch.extend_from_slice(head);
    }

    fn append_shared(&mut self, bytes: &[u8], part: impl FnOnce() -> Shared) {
        if bytes.len() <= COPY_BYTES_MAX {
            self.scratch.extend_from_slice(bytes);
        } else {
            self.spliced_bytes += bytes.len();
            self.splices.push(Splice { at: self.scratch.len(), part: part() });
        }
    }

    /// Bytes waiting to be written.
    pub fn len(&self) -> usize {
        self.scratch.len() + self.spliced_bytes - self.written_bytes
    }

    /// Whether nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything; keeps the buffers.
    pub fn clear(&mut self) {
        self.scratch.clear();
        self.splices.clear();
        self.spliced_bytes = 0;
        self.written_bytes = 0;
    }

    /// What waits, as slices for one vectored write: fills `slices` from its start and says how
    /// many.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let mut skip = self.written_bytes;
        let unwritten = self.parts().filter_map(|part| {
            let skipped = skip.min(part.len());
            skip -= skipped;
            part.get(skipped..).filter(|rest| !rest.is_empty())
        });
        let mut used = 0;
        for (slot, part) in slices.iter_mut().zip(unwritten) {
            *slot = IoSlice::new(part);
            used += 1;
        }
        used
    }

    /// Everything in order, written or not.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let own = |from: usize, to: usize| self.scratch.get(from..to).unwrap_or_default();
        let mut from = 0;
        let spliced = self.splices.iter().flat_map(move |splice| {
            let before = own(std::mem::replace(&mut from, splice.at), splice.at);
            [before, splice.part.bytes()]
        });
        let last = self.splices.last().map_or(0, |splice| splice.at);
        spliced.chain([own(last, self.scratch.len())])
    }

    /// Notes that the first `bytes` of what waited were written.
    pub fn advance(&mut self, bytes: usize) {
        self.written_bytes += bytes;
        if self.is_empty() {
            self.clear();
        } else if self.written_bytes >= WRITTEN_KEPT_MAX {
            self.forget_written();
        }
    }

    /// Cuts off what has been written, as far as it ends between two parts or in the scratch: a
    /// peer that reads slowly, but all the time, must not make this grow.
    fn forget_written(&mut self) {
        let mut gone_splices = 0;
        let mut gone_scratch = 0;
        for splice in &self.splices {
            let part_bytes = splice.part.bytes().len();
            let through_bytes = splice.at - gone_scratch + part_bytes;
            if through_bytes > self.written_bytes {
                break;
            }
            self.written_bytes -= through_bytes;
            self.spliced_bytes -= part_bytes;
            gone_scratch = splice.at;
            gone_splices += 1;
        }
        let next_at = self.splices.get(gone_splices).map_or(self.scratch.len(), |next| next.at);
        let own_bytes = self.written_bytes.min(next_at - gone_scratch);
        self.written_bytes -= own_bytes;
        gone_scratch += own_bytes;

        self.splices.drain(..gone_splices);
        self.scratch.drain(..gone_scratch);
        for splice in &mut self.splices {
            splice.at -= gone_scratch;
        }
    }
}

fn text_or_binary(is_text: bool) -> Opcode {
    if is_text { Opcode::Text } else { Opcode::Binary }
}

#[cfg(test)]
mod tests;
