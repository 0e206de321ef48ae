//! What a batch writes to one peer: heads in a scratch buffer, large shared parts by reference.
//!
//! Small parts are copied into the scratch; parts of [`COPY_BYTES_MAX`] or more are spliced in
//! between by reference and leave with one vectored write. A WebSocket frame goes around each STOMP
//! frame here, so that sessions do not know their transport.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use model::Message;
use smallvec::SmallVec;
use wire::websocket::deflate::{compress_tail, stored_header};
use wire::websocket::{Header, Opcode};

/// Shared parts up to this size, in bytes, are copied: cheaper than another slice in the write.
pub const COPY_BYTES_MAX: usize = 4096;

/// The most slices in one vectored write. Linux takes 1024; a write of so many is large anyway.
pub const SLICES_MAX: usize = 64;

/// Written bytes are cut off the front of what waits once there are this many of them.
const WRITTEN_KEPT_MAX: usize = 64 * 1024;

/// Room left for the header of a WebSocket frame: the form with two bytes of length, which MESSAGE
/// frames nearly always have, so that nothing moves when it is filled in.
const HEADER_ROOM_BYTES: usize = 4;

/// The header of a stored block, with which a compressed message begins.
const STORED_HEADER_BYTES: usize = 5;

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
            Self::StompTail(message) => message.tails().stomp.get().map_or(&[], |tail| tail),
            Self::StompTailDeflated(message) => {
                message.tails().stomp_deflated.get().map_or(&[], |tail| tail)
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
        self.append_shared(Shared::Body(Arc::clone(message), range));
    }

    /// Writes one frame; in a WebSocket, one message.
    pub fn frame(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.scratch.len();
        self.leave_room(HEADER_ROOM_BYTES);
        write(&mut self.scratch);
        let opcode = match self.framing {
            Framing::WebSocket { is_binary: false, .. } => {
                let frame = self.scratch.get(start + HEADER_ROOM_BYTES..).unwrap_or_default();
                text_or_binary(std::str::from_utf8(frame).is_ok())
            }
            _ => Opcode::Binary,
        };
        self.put_header(start, HEADER_ROOM_BYTES, 0, opcode);
    }

    /// Writes one STOMP MESSAGE: `head` writes what is this subscriber's own, and the tail, which
    /// the session has put into [`model::message::Tails::stomp`], is shared.
    pub fn stomp_message(&mut self, message: &Arc<Message>, head: impl FnOnce(&mut Vec<u8>)) {
        let start = self.scratch.len();
        let opcode = self.opcode_for(message);
        let Some(deflated) = self.deflated_tail(message) else {
            self.leave_room(HEADER_ROOM_BYTES);
            head(&mut self.scratch);
            let tail = Shared::StompTail(Arc::clone(message));
            self.put_header(start, HEADER_ROOM_BYTES, tail.bytes().len(), opcode);
            return self.append_shared(tail);
        };
        let room = HEADER_ROOM_BYTES + STORED_HEADER_BYTES;
        self.leave_room(room);
        head(&mut self.scratch);
        let head_bytes = self.scratch.len() - start - room;
        if head_bytes > STORED_BYTES_MAX {
            // A subscription's id of that size: not worth a second block.
            let tail = Shared::StompTail(Arc::clone(message));
            self.put_header(start, room, tail.bytes().len(), opcode);
            return self.append_shared(tail);
        }
        let payload_bytes = STORED_HEADER_BYTES + head_bytes + deflated.bytes().len();
        let mut header = Header::server(opcode, payload_bytes as u64);
        header.is_compressed = true;
        let mut prefix = Prefix::from_slice(&header.encode());
        prefix.extend_from_slice(&stored_header(head_bytes));
        self.scratch.splice(start..start + room, prefix);
        self.append_shared(deflated);
    }

    /// The compressed tail, which one compression makes for all, if compressing is agreed and pays.
    fn deflated_tail(&self, message: &Arc<Message>) -> Option<Shared> {
        let Framing::WebSocket { deflate_above_bytes: Some(above), .. } = self.framing else {
            return None;
        };
        if message.body().len() < above as usize {
            return None;
        }
        let tails = message.tails();
        let plain = tails.stomp.get()?;
        let deflated = tails.stomp_deflated.get_or_init(|| compress_tail(plain).into());
        (deflated.len() < plain.len()).then(|| Shared::StompTailDeflated(Arc::clone(message)))
    }

    /// Leaves room in front of a frame, if it is going to have a header.
    fn leave_room(&mut self, bytes: usize) {
        if self.framing != Framing::Stream {
            self.scratch.extend(std::iter::repeat_n(0, bytes));
        }
    }

    /// Puts the header of an uncompressed frame in place of the room left at `start`; `tail_bytes`
    /// follow what is in the scratch.
    fn put_header(&mut self, start: usize, room: usize, tail_bytes: usize, opcode: Opcode) {
        if self.framing != Framing::Stream {
            let payload_bytes = self.scratch.len() - start - room + tail_bytes;
            let header = Header::server(opcode, payload_bytes as u64).encode();
            self.scratch.splice(start..start + room, header.iter().copied());
        }
    }

    /// Text where that was asked for and the message is UTF-8: a browser drops the connection over
    /// a text message that is not.
    fn opcode_for(&self, message: &Arc<Message>) -> Opcode {
        let Framing::WebSocket { is_binary: false, .. } = self.framing else {
            return Opcode::Binary;
        };
        let tails = message.tails();
        let tail = tails.stomp.get().map_or(&[][..], |tail| tail);
        text_or_binary(*tails.stomp_is_text.get_or_init(|| std::str::from_utf8(tail).is_ok()))
    }

    fn append_shared(&mut self, part: Shared) {
        let bytes = part.bytes();
        if bytes.len() <= COPY_BYTES_MAX {
            self.scratch.extend_from_slice(bytes);
        } else {
            self.spliced_bytes += bytes.len();
            self.splices.push(Splice { at: self.scratch.len(), part });
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

/// What stands in front of a compressed message's head.
type Prefix = SmallVec<[u8; Header::UNMASKED_BYTES_MAX + STORED_HEADER_BYTES]>;

#[cfg(test)]
mod tests;
