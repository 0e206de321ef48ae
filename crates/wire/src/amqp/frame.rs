//! Frames, and what can be wrong with one.
//!
//! ```text
//! kind:u8  channel:u16  payload-bytes:u32  payload  0xCE
//!
//! kind 1 method    class:u16 method:u16 arguments
//!      2 header    class:u16 weight:u16=0 body-bytes:u64 properties
//!      3 body      bytes
//!      8 heartbeat (empty, channel 0)
//! ```

use std::fmt;

use crate::amqp::method::{Method, MethodId};
use crate::amqp::reply_code::ReplyCode;

/// The octet that ends a frame.
pub const FRAME_END: u8 = 0xCE;

/// What a frame has around its payload, in bytes.
pub const FRAME_OVERHEAD_BYTES: usize = 8;

/// The smallest `frame-max` that can be agreed, in bytes. Source: AMQP 0-9-1, `frame-min-size`.
///
/// RabbitMQ asks for 8192 since 4.1; older clients of Node's amqplib say 4096.
pub const FRAME_BYTES_MIN: u32 = 4096;

/// The largest frame before `connection.tune-ok`, in bytes. Source: RabbitMQ 4.1 and later.
pub const FRAME_BYTES_MAX_INITIAL: u32 = 8192;

/// The kinds of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// A method.
    Method = 1,
    /// A content header.
    Header = 2,
    /// A piece of a content body.
    Body = 3,
    /// A heart-beat.
    Heartbeat = 8,
}

/// One frame; borrows from the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame<'a> {
    /// The channel; 0 is the connection.
    pub channel: u16,
    /// What it carries.
    pub payload: Payload<'a>,
    /// The payload's bytes, for error texts.
    pub octets: &'a [u8],
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Payload<'a> {
    /// A method.
    Method(Method<'a>),
    /// What precedes a body.
    Header(ContentHeader<'a>),
    /// A piece of a body.
    Body(&'a [u8]),
    /// A sign of life.
    Heartbeat,
}

/// What precedes a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHeader<'a> {
    /// The class whose content it is; 60 for all there is.
    pub class_id: u16,
    /// Unused; must be zero.
    pub weight: u16,
    /// The announced size of the body, in bytes. A peer's claim: not to be trusted.
    pub body_bytes: u64,
    /// The property list, not validated: see [`crate::amqp::header::property_facts`].
    pub properties: &'a [u8],
}

impl Frame<'_> {
    /// The error that says that this frame must not come here.
    pub fn unexpected(&self) -> FrameError {
        let kind = match self.payload {
            Payload::Method(_) => FrameKind::Method,
            Payload::Header(_) => FrameKind::Header,
            Payload::Body(_) => FrameKind::Body,
            Payload::Heartbeat => FrameKind::Heartbeat,
        };
        FrameError::Unexpected { snippet: Snippet::of(kind as u8, self.octets) }
    }
}

/// Why a peer's bytes are no frame, or not one that may come here. Always closes the connection.
///
/// The text is RabbitMQ's, without the reply code's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Larger than agreed.
    #[error("type {kind}, all octets = <<>>: {{frame_too_large,{payload_bytes},{limit_bytes}}}")]
    TooLarge {
        /// The frame's kind.
        kind: u8,
        /// Its payload, in bytes.
        payload_bytes: u32,
        /// The largest payload agreed, in bytes.
        limit_bytes: u32,
    },
    /// It does not end in [`FRAME_END`].
    #[error("{snippet}: {{invalid_frame_end_marker,{found}}}")]
    BadEnd {
        /// The payload's start.
        snippet: Snippet,
        /// What stands in the place of the end octet.
        found: u8,
    },
    /// A kind that does not exist, or a payload that has not its kind's form.
    #[error("{snippet}: unknown_frame")]
    Unknown {
        /// The payload's start.
        snippet: Snippet,
    },
    /// A frame that cannot come here.
    #[error("{snippet}")]
    Unexpected {
        /// The payload's start.
        snippet: Snippet,
    },
    /// A known method whose arguments are not its own.
    #[error("cannot decode {}", Octets(.arguments))]
    Arguments {
        /// Which method.
        method: MethodId,
        /// Its arguments, as many bytes of them as a reply text could show.
        arguments: Box<[u8]>,
    },
    /// A short string that is not UTF-8.
    #[error("Malformed UTF-8 in shortstr")]
    NotText {
        /// In which method.
        method: MethodId,
    },
    /// No such method.
    ///
    /// RabbitMQ drops the connection without a word; we say why.
    #[error("unknown method {method}")]
    NoSuchMethod {
        /// Which it would be.
        method: MethodId,
    },
}

impl FrameError {
    /// The reply code that `connection.close` says.
    pub fn code(&self) -> ReplyCode {
        match self {
            Self::TooLarge { .. }
            | Self::BadEnd { .. }
            | Self::Unknown { .. }
            | Self::Arguments { .. }
            | Self::NotText { .. } => ReplyCode::FrameError,
            Self::Unexpected { .. } => ReplyCode::UnexpectedFrame,
            Self::NoSuchMethod { .. } => ReplyCode::CommandInvalid,
        }
    }

    /// The method at fault, as `connection.close` says it; zeros if there is none.
    pub fn method(&self) -> MethodId {
        match self {
            Self::Arguments { method, .. }
            | Self::NotText { method }
            | Self::NoSuchMethod { method } => *method,
            _ => MethodId::NONE,
        }
    }

    /// Whether what follows in the input cannot be found any more.
    pub fn loses_framing(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::BadEnd { .. })
    }
}

/// A frame's kind and the start of its payload, for error texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    kind: u8,
    is_whole: bool,
    start: Box<[u8]>,
}

impl Snippet {
    /// How many bytes of a payload a text shows. Source: RabbitMQ.
    pub const BYTES_MAX: usize = 16;

    /// The start of `payload`.
    pub fn of(kind: u8, payload: &[u8]) -> Self {
        let start = payload.get(..Self::BYTES_MAX).unwrap_or(payload);
        Self { kind, is_whole: start.len() == payload.len(), start: start.into() }
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extent = if self.is_whole { "all" } else { "first 16" };
        write!(f, "type {}, {extent} octets = ", self.kind)?;
        let is_printable = |byte: &u8| matches!(byte, b' '..=b'~');
        match std::str::from_utf8(&self.start) {
            Ok(text) if !text.is_empty() && self.start.iter().all(is_printable) => {
                write!(f, "<<{text:?}>>")
            }
            _ => Octets(&self.start).fmt(f),
        }
    }
}

/// Octets as Erlang shows them: `<<1,2,3>>`.
struct Octets<'a>(&'a [u8]);

impl fmt::Display for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<<")?;
        for (index, octet) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{octet}")?;
        }
        f.write_str(">>")
    }
}
