//! Bytes that are no frame: what is wrong with them, in the words of RabbitMQ's parser.

use std::fmt;

use crate::stomp::header::HEADERS_MAX;
use crate::stomp::quoted::Quoted;

/// Bytes that are no frame. There is no way on: the connection ends.
///
/// Shown as RabbitMQ's parser shows it, because that is the reason in a WebSocket's close frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A CR without LF; two bytes.
    #[error("{{unexpected_chars_{place},{}}}", Quoted(.found))]
    UnexpectedChars {
        /// Where.
        place: Place,
        /// The CR and what follows it.
        found: [u8; 2],
    },
    /// A backslash before anything but `n`, `r`, `c`, `\`.
    #[error("{{bad_escape,{}}}", Quoted(.0))]
    BadEscape([u8; 2]),
    /// A header line without a colon; its text, at most [`Self::SHOWN_BYTES_MAX`] of it.
    #[error("{{header_no_value,{}}}", Quoted(.0))]
    HeaderNoValue(Box<[u8]>),
    /// More than [`HEADERS_MAX`] distinct headers. RabbitMQ's term for it is not on record.
    #[error("{{too_many_headers,{HEADERS_MAX}}}")]
    TooManyHeaders,
    /// Larger than allowed.
    #[error("{{frame_too_big,{{{found_bytes},{max_bytes}}}}}")]
    FrameTooBig {
        /// Bytes of the frame, as far as known.
        found_bytes: usize,
        /// The limit in bytes.
        max_bytes: usize,
    },
    /// A `content-length` that is no whole number, or below zero. RabbitMQ's session crashes here.
    #[error("{{bad_content_length,{}}}", Quoted(.0))]
    BadContentLength(Box<[u8]>),
    /// No NUL where `content-length` says the body ends. RabbitMQ's session crashes here.
    #[error("missing_body_terminator")]
    MissingTerminator,
}

impl DecodeError {
    /// How much of a peer's text an error carries, in bytes: what fits into a close frame's 123.
    pub const SHOWN_BYTES_MAX: usize = 96;

    /// Whether RabbitMQ has no word for it: its session crashes (a WebSocket sees 1011, not 1007).
    pub fn is_crash(&self) -> bool {
        matches!(self, Self::BadContentLength(_) | Self::MissingTerminator)
    }
}

/// Where in the input a CR stood without its LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before a command.
    BetweenFrames,
    /// In the command line.
    InCommand,
    /// In a header line.
    InHeader,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BetweenFrames => "between_frames",
            Self::InCommand => "in_command",
            Self::InHeader => "in_header",
        })
    }
}
