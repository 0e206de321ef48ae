//! Bytes to frames, at any split of the input.
//!
//! The caller keeps what is not consumed and gives it again with more behind it; the decoder keeps
//! only how far it has looked, so that a frame in many pieces costs no more than in one. Nothing is
//! copied.

use memchr::{memchr, memchr2};

use crate::stomp::command::Command;
use crate::stomp::error::{DecodeError, Place};
use crate::stomp::frame::Frame;
use crate::stomp::header::{Header, Headers, unescape, unescape_code};

/// Whose frames are decoded: it decides where `content-length` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A server reads a client's frames: `content-length` counts for SEND alone.
    ///
    /// Source: RabbitMQ. Libraries send `content-length` with other frames too, not always rightly.
    Server,
    /// A client reads a server's frames: `content-length` counts for MESSAGE and ERROR.
    Client,
}

/// What the bytes so far amount to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "lives on the stack for one frame; a box would cost")]
pub enum Decoded<'a> {
    /// Part of a frame, or nothing. All bytes must be given again, with more behind them.
    NeedMore,
    /// Line ends and NULs between frames: heart-beats.
    HeartBeat {
        /// How many bytes to drop before the next call.
        consumed: usize,
    },
    /// A frame.
    Frame {
        /// The frame.
        frame: Frame<'a>,
        /// How many bytes to drop before the next call.
        consumed: usize,
    },
}

/// Decodes one direction of a connection.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    frame_bytes_max: usize,
    seen: Seen,
}

/// What earlier calls found out about the frame that the input begins with. Offsets count from the
/// frame's first byte.
#[derive(Clone, Copy, Debug)]
enum Seen {
    /// Nothing.
    Nothing,
    /// Lines up to `line_at` are good; there is no LF between there and `scanned`.
    Lines { line_at: usize, scanned: usize },
    /// The head is good; there is no NUL in the body up to `scanned`.
    Text { scanned: usize },
    /// The head is good, and with its body the frame has `frame_bytes`.
    Sized { frame_bytes: usize },
}

impl Decoder {
    /// A decoder at the start of a connection. A frame may have `frame_bytes_max` bytes, from the
    /// first of its command to its NUL. (RabbitMQ counts what stands between frames too; then a
    /// quiet client's heart-beats add up until they end its connection.)
    pub fn new(role: Role, frame_bytes_max: usize) -> Self {
        Self { role, frame_bytes_max, seen: Seen::Nothing }
    }

    /// Changes the limit, from the next call on.
    pub fn set_frame_bytes_max(&mut self, bytes: usize) {
        self.frame_bytes_max = bytes;
    }

    /// Decodes what `input` begins with.
    ///
    /// Until a call consumes something, the next one must bring the same bytes, with or without
    /// more behind them.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if it is no frame. Nothing after that makes sense.
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<Decoded<'a>, DecodeError> {
        let noise = match self.seen {
            Seen::Nothing => noise_bytes(input)?,
            _ => 0,
        };
        let input = input.get(noise..).unwrap_or_default();
        // A lone CR is not the start of a frame yet.
        let is_frame = !input.is_empty() && input != b"\r";
        if is_frame && let Some((frame, bytes)) = self.decode_frame(input)? {
            self.seen = Seen::Nothing;
            let consumed = noise + bytes;
            return Ok(Decoded::Frame { frame, consumed });
        }
        Ok(match noise {
            0 => Decoded::NeedMore,
            consumed => Decoded::HeartBeat { consumed },
        })
    }

    fn decode_frame<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Result<Option<(Frame<'a>, usize)>, DecodeError> {
        let found = match self.has_news(input)? {
            true => self.parse(input)?,
            false => None,
        };
        // What a frame's announced length exceeds is known before the frame is complete.
        self.check_size(match (&found, self.seen) {
            (Some((_, frame_bytes)), _) => *frame_bytes,
            (None, Seen::Sized { frame_bytes }) => frame_bytes,
            (None, _) => input.len(),
        })?;
        Ok(found)
    }

    /// Looks at what came since the last call. `false` if that cannot have completed the frame.
    fn has_news(&mut self, input: &[u8]) -> Result<bool, DecodeError> {
        match self.seen {
            Seen::Nothing => Ok(true),
            Seen::Sized { frame_bytes } => Ok(input.len() >= frame_bytes),
            Seen::Text { scanned } => {
                let fresh = input.get(scanned..).unwrap_or_default();
                self.seen = Seen::Text { scanned: input.len() };
                Ok(memchr(0, fresh).is_some())
            }
            Seen::Lines { mut line_at, mut scanned } => {
                while let Some(line) = next_line(input, line_at, scanned) {
                    if line_at == 0 {
                        check_command(line.text)?;
                    } else if line.text.is_empty() {
                        return Ok(true);
                    } else {
                        check_escapes(line)?;
                        split_header(line.text)?;
                    }
                    (line_at, scanned) = (line.next_at, line.next_at);
                }
                self.seen = Seen::Lines { line_at, scanned: input.len() };
                Ok(false)
            }
        }
    }

    /// Parses from the first byte. Without a whole frame, notes how far it is good.
    fn parse<'a>(&mut self, input: &'a [u8]) -> Result<Option<(Frame<'a>, usize)>, DecodeError> {
        let Some(line) = next_line(input, 0, 0) else {
            self.seen = Seen::Lines { line_at: 0, scanned: input.len() };
            return Ok(None);
        };
        check_command(line.text)?;
        let command_line = line.text;
        let command = Command::parse(command_line);
        let mut headers = Headers::default();
        let mut line_at = line.next_at;
        let mut clean_to = line_at;
        let body_at = loop {
            let Some(line) = next_line(input, line_at, line_at) else {
                self.seen = Seen::Lines { line_at, scanned: input.len() };
                return Ok(None);
            };
            let text_to = line_at + line.text.len();
            if text_to > clean_to {
                clean_to = clean_bytes_end(input, line_at);
            }
            if text_to > clean_to {
                check_escapes(line)?;
            }
            line_at = line.next_at;
            if line.text.is_empty() {
                break line_at;
            }
            if !headers.push(split_header(line.text)?) {
                return Err(DecodeError::TooManyHeaders);
            }
        };
        let rest = input.get(body_at..).unwrap_or_default();
        let Some(body_bytes) = self.body_bytes(command, &headers, rest)? else {
            self.seen = Seen::Text { scanned: input.len() };
            return Ok(None);
        };
        let frame_bytes = body_at.saturating_add(body_bytes).saturating_add(1);
        match rest.split_at_checked(body_bytes) {
            Some((body, [0, ..])) => {
                Ok(Some((Frame { command, command_line, headers, body }, frame_bytes)))
            }
            Some((_, [_, ..])) => Err(DecodeError::MissingTerminator),
            _ => {
                self.seen = Seen::Sized { frame_bytes };
                Ok(None)
            }
        }
    }

    /// How long the body is: as announced, or up to the first NUL of `rest`; `None` if that is not
    /// there.
    fn body_bytes(
        &self,
        command: Option<Command>,
        headers: &Headers<'_>,
        rest: &[u8],
    ) -> Result<Option<usize>, DecodeError> {
        let counts = matches!(
            (self.role, command),
            (Role::Server, Some(Command::Send))
                | (Role::Client, Some(Command::Message | Command::Error))
        );
        match counts.then(|| headers.get("content-length")).flatten() {
            Some(length) => parse_content_length(&length).map(Some),
            None => Ok(memchr(0, rest)),
        }
    }

    fn check_size(&self, found_bytes: usize) -> Result<(), DecodeError> {
        let max_bytes = self.frame_bytes_max;
        match found_bytes <= max_bytes {
            true => Ok(()),
            false => Err(DecodeError::FrameTooBig { found_bytes, max_bytes }),
        }
    }
}

/// How many NULs and line ends `input` begins with. A CR at the very end may yet get its LF.
fn noise_bytes(input: &[u8]) -> Result<usize, DecodeError> {
    let mut rest = input;
    loop {
        rest = match rest {
            [0 | b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => rest,
            [b'\r', next, ..] => {
                let found = [b'\r', *next];
                return Err(DecodeError::UnexpectedChars { place: Place::BetweenFrames, found });
            }
            _ => return Ok(input.len() - rest.len()),
        }
    }
}

/// A line of a head.
#[derive(Clone, Copy)]
struct Line<'a> {
    /// Without its line end.
    text: &'a [u8],
    /// Its line end's first byte.
    end: u8,
    /// Where the next line begins.
    next_at: usize,
}

/// The line at `line_at`, of which nothing before `scanned` is an LF.
fn next_line(input: &[u8], line_at: usize, scanned: usize) -> Option<Line<'_>> {
    let lf_at = scanned + memchr(b'\n', input.get(scanned..)?)?;
    let next_at = lf_at + 1;
    Some(match input.get(line_at..lf_at)? {
        [text @ .., b'\r'] => Line { text, end: b'\r', next_at },
        text => Line { text, end: b'\n', next_at },
    })
}

fn check_command(line: &[u8]) -> Result<(), DecodeError> {
    match memchr(b'\r', line) {
        None => Ok(()),
        Some(cr_at) => Err(lone_cr(Place::InCommand, line, cr_at)),
    }
}

/// A CR that no LF follows. What follows it is in the line, or the CR of the line's end.
fn lone_cr(place: Place, line: &[u8], cr_at: usize) -> DecodeError {
    let next = line.get(cr_at + 1).copied().unwrap_or(b'\r');
    DecodeError::UnexpectedChars { place, found: [b'\r', next] }
}

/// Up to where, from `at`, there is neither a backslash nor a CR. Looks ahead only as far as an
/// ordinary head reaches, so that it never wanders through a body.
fn clean_bytes_end(input: &[u8], at: usize) -> usize {
    let ahead = input.get(at..).unwrap_or_default();
    let ahead = ahead.get(..LOOK_AHEAD_BYTES).unwrap_or(ahead);
    at + memchr2(b'\\', b'\r', ahead).unwrap_or(ahead.len())
}

/// A head of six or so headers, in bytes: one look for escapes serves it all. Found by measuring.
const LOOK_AHEAD_BYTES: usize = 256;

fn split_header(line: &[u8]) -> Result<Header<'_>, DecodeError> {
    let split = memchr(b':', line).and_then(|colon_at| {
        Some(Header { raw_name: line.get(..colon_at)?, raw_value: line.get(colon_at + 1..)? })
    });
    split.ok_or_else(|| DecodeError::HeaderNoValue(shown(&unescape(line))))
}

fn check_escapes(line: Line<'_>) -> Result<(), DecodeError> {
    let mut at = 0;
    while let Some(found) = line.text.get(at..).and_then(|rest| memchr2(b'\\', b'\r', rest)) {
        at += found;
        if line.text.get(at) == Some(&b'\r') {
            return Err(lone_cr(Place::InHeader, line.text, at));
        }
        let code = line.text.get(at + 1).copied().unwrap_or(line.end);
        if unescape_code(code).is_none() {
            return Err(DecodeError::BadEscape([b'\\', code]));
        }
        at += 2;
    }
    Ok(())
}

/// Reads a `content-length`: spaces around it do not count, a sign does.
fn parse_content_length(text: &[u8]) -> Result<usize, DecodeError> {
    let bad = || DecodeError::BadContentLength(shown(text));
    let digits = match text.trim_ascii() {
        [b'+', digits @ ..] | digits => digits,
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(bad());
    }
    // A number beyond all limits is as good as the largest.
    Ok(digits.iter().fold(0_usize, |value, digit| {
        value.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
    }))
}

fn shown(text: &[u8]) -> Box<[u8]> {
    text.get(..DecodeError::SHOWN_BYTES_MAX).unwrap_or(text).into()
}

#[cfg(test)]
mod tests;
