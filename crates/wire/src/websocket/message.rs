//! Frames to messages, over the bytes that were read.
//!
//! ```text
//! message = one frame, or a first frame, continuations, and a final continuation
//! ```
//!
//! Control frames may stand between the frames of a message. RFC 6455, section 5.4.
//!
//! The usual message, one uncompressed frame that lies wholly in the input, is unmasked in place
//! and handed out as a slice of it: nothing is copied, nothing kept. A frame that is not complete
//! is left in the input.

use std::borrow::Cow;

use crate::websocket::close::{self, CloseCode, CloseError};
use crate::websocket::deflate::{InflateError, Inflater};
use crate::websocket::frame::{FrameError, Header, Opcode};

/// Which end of the connection reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads what clients send: always masked.
    Server,
    /// Reads what a server sends: never masked.
    Client,
}

/// Whether messages may be compressed, as the upgrade agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// No.
    None,
    /// By permessage-deflate, without context takeover.
    Deflate,
}

/// What a message says it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Anything.
    Binary,
}

/// Puts messages together. Two words while no fragmented message is on its way.
#[derive(Debug)]
pub struct Assembler {
    partial: Option<Box<Partial>>,
    role: Role,
    compression: Compression,
}

/// A message of which not all fragments have come.
#[derive(Debug)]
struct Partial {
    kind: Kind,
    is_compressed: bool,
    payload: Vec<u8>,
}

/// What one call took and found.
#[derive(Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// So many bytes of the input are done with, the event's included.
    pub taken_bytes: usize,
    /// What came; `None` if the rest of the input is not a whole frame.
    pub event: Option<Event<'a>>,
}

/// What came from the peer.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole message.
    Message(Kind, Cow<'a, [u8]>),
    /// To be answered by a pong with the same payload.
    Ping(&'a [u8]),
    /// Says only that the peer is alive.
    Pong(&'a [u8]),
    /// The peer closes, for a reason if it gave one. Nothing that follows is to be read.
    Close(Option<CloseCode>, &'a str),
}

/// A rule that the peer broke. [`Violation::close_code`] says how to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// No frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A client's frame without a mask. RFC 6455, section 5.1.
    #[error("a client's frame is not masked")]
    NotMasked,
    /// A server's frame with a mask. RFC 6455, section 5.1.
    #[error("a server's frame is masked")]
    Masked,
    /// RSV1 where no compressed message begins, or compression was not agreed.
    #[error("a frame is marked as compressed where it must not be")]
    Compressed,
    /// A continuation of nothing.
    #[error("a continuation without a message to continue")]
    NothingToContinue,
    /// A new message while another one has not ended.
    #[error("a new message inside a fragmented one")]
    NotContinued,
    /// A message over the limit, before or after inflating.
    #[error("a message has more than {bytes_max} bytes")]
    TooLong {
        /// The limit.
        bytes_max: usize,
    },
    /// A compressed message that cannot be inflated.
    #[error("a compressed message is not DEFLATE")]
    NotDeflate,
    /// A text message that is no text.
    #[error("a text message is not UTF-8")]
    NotUtf8,
    /// A Close frame with a payload against the rules.
    #[error(transparent)]
    Close(#[from] CloseError),
}

impl Violation {
    /// The code to close with.
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::TooLong { .. } => CloseCode::TOO_BIG,
            Self::NotUtf8 | Self::NotDeflate | Self::Close(CloseError::Reason) => {
                CloseCode::INVALID_DATA
            }
            _ => CloseCode::PROTOCOL,
        }
    }
}

impl Assembler {
    /// Begins a connection.
    pub fn new(role: Role, compression: Compression) -> Self {
        Self { partial: None, role, compression }
    }

    /// Takes the next message or control frame out of `input`: the bytes that were read and not yet
    /// taken, which are changed (unmasked) only as far as they are taken.
    ///
    /// No message of more than `bytes_max` is taken, compressed or inflated; a frame that announces
    /// more is turned down before it has come.
    ///
    /// # Errors
    ///
    /// [`Violation`] if the peer broke a rule. Nothing more is to be read from it then.
    pub fn next<'a>(
        &mut self,
        input: &'a mut [u8],
        bytes_max: usize,
        inflater: &'a mut Inflater,
    ) -> Result<Step<'a>, Violation> {
        let mut rest = input;
        let mut taken_bytes = 0;
        loop {
            let more = Step { taken_bytes, event: None };
            let Some((header, header_bytes)) = Header::parse(rest)? else {
                return Ok(more);
            };
            let payload_bytes = self.check(&header, bytes_max)?;
            let frame_bytes = header_bytes + payload_bytes;
            let Some((frame, after)) = std::mem::take(&mut rest).split_at_mut_checked(frame_bytes)
            else {
                return Ok(more);
            };
            rest = after;
            taken_bytes += frame_bytes;
            let payload = frame.get_mut(header_bytes..).unwrap_or_default();
            if let Some(mask) = header.mask {
                mask.apply(0, payload);
            }
            let payload = &*payload;
            let event = match header.opcode {
                Opcode::Ping => Event::Ping(payload),
                Opcode::Pong => Event::Pong(payload),
                Opcode::Close => {
                    let (code, reason) = close::parse(payload)?;
                    Event::Close(code, reason)
                }
                _ if !header.is_final => {
                    self.keep(&header, payload);
                    continue;
                }
                _ => {
                    return self
                        .finish(&header, payload, bytes_max, inflater)
                        .map(|event| Step { taken_bytes, event: Some(event) });
                }
            };
            return Ok(Step { taken_bytes, event: Some(event) });
        }
    }

    /// Whether the frame may come at this place; its payload's length.
    fn check(&self, header: &Header, bytes_max: usize) -> Result<usize, Violation> {
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(Violation::NotMasked),
            (Role::Client, Some(_)) => return Err(Violation::Masked),
            _ => {}
        }
        let so_far_bytes = match (header.opcode, &self.partial) {
            (Opcode::Continuation, None) => return Err(Violation::NothingToContinue),
            (Opcode::Continuation, Some(_)) if header.is_compressed => {
                return Err(Violation::Compressed);
            }
            (Opcode::Continuation, Some(partial)) => partial.payload.len(),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(Violation::NotContinued),
            (Opcode::Text | Opcode::Binary, None) => {
                if header.is_compressed && self.compression == Compression::None {
                    return Err(Violation::Compressed);
                }
                0
            }
            // At most 125 bytes, whatever the limit for messages.
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {
                return Ok(header.payload_bytes as usize);
            }
        };
        let payload_bytes = usize::try_from(header.payload_bytes).ok();
        payload_bytes
            .filter(|payload_bytes| *payload_bytes <= bytes_max.saturating_sub(so_far_bytes))
            .ok_or(Violation::TooLong { bytes_max })
    }

    fn keep(&mut self, header: &Header, payload: &[u8]) {
        let partial = self.partial.get_or_insert_with(|| {
            Box::new(Partial {
                kind: kind_of(header),
                is_compressed: header.is_compressed,
                payload: Vec::new(),
            })
        });
        partial.payload.extend_from_slice(payload);
    }

    fn finish<'a>(
        &mut self,
        header: &Header,
        payload: &'a [u8],
        bytes_max: usize,
        inflater: &'a mut Inflater,
    ) -> Result<Event<'a>, Violation> {
        let (kind, is_compressed, payload) = match self.partial.take() {
            None => (kind_of(header), header.is_compressed, Cow::Borrowed(payload)),
            Some(mut partial) => {
                partial.payload.extend_from_slice(payload);
                (partial.kind, partial.is_compressed, Cow::Owned(partial.payload))
            }
        };
        let payload = match is_compressed {
            false => payload,
            true => match inflater.inflate(&payload, bytes_max) {
                Ok(inflated) => Cow::Borrowed(inflated),
                Err(InflateError::TooLong) => return Err(Violation::TooLong { bytes_max }),
                Err(InflateError::Corrupt) => return Err(Violation::NotDeflate),
            },
        };
        if kind == Kind::Text && simdutf8::basic::from_utf8(&payload).is_err() {
            return Err(Violation::NotUtf8);
        }
        Ok(Event::Message(kind, payload))
    }
}

fn kind_of(header: &Header) -> Kind {
    match header.opcode {
        Opcode::Text => Kind::Text,
        _ => Kind::Binary,
    }
}

#[cfg(test)]
mod tests;
