//! Frames to bytes, appended to a buffer.
//!
//! ```text
//! frame = command LF  { name ':' value LF }*  [ "content-length:" bytes LF ]  LF  body  NUL  LF
//! ```
//!
//! Escapes are written in every frame of every version, as RabbitMQ does. The LF behind the NUL is
//! RabbitMQ's too; receivers skip it.
//!
//! A MESSAGE can be written in two parts that stand one behind the other: a head per subscriber
//! ([`FrameWriter::begin`], some headers, [`FrameWriter::leave_open`]) and a tail shared by all of
//! them ([`FrameWriter::tail`], the other headers, [`FrameWriter::finish`]).

use crate::stomp::command::Command;

/// Writes one frame, header by header.
#[derive(Debug)]
#[must_use = "a frame ends with `finish` or `leave_open`"]
pub struct FrameWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> FrameWriter<'a> {
    /// Writes the command line.
    pub fn begin(out: &'a mut Vec<u8>, command: Command) -> Self {
        out.extend_from_slice(command.as_str().as_bytes());
        out.push(b'\n');
        Self { out }
    }

    /// Goes on with a frame whose command line and first headers stand elsewhere.
    pub fn tail(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Writes a header. `content-length` is [`Self::finish`]'s to write.
    pub fn header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        append_escaped(self.out, name.as_ref());
        self.out.push(b':');
        append_escaped(self.out, value.as_ref());
        self.out.push(b'\n');
        self
    }

    /// Writes a header with a whole number.
    pub fn number(self, name: &str, value: u64) -> Self {
        append_escaped(self.out, name.as_bytes());
        self.out.push(b':');
        append_decimal(self.out, value);
        self.out.push(b'\n');
        self
    }

    /// Ends the headers, writes the body and the end of the frame. A body that is not empty is
    /// announced by `content-length`.
    pub fn finish(self, body: &[u8]) {
        if !body.is_empty() {
            self.out.extend_from_slice(b"content-length:");
            append_decimal(self.out, body.len() as u64);
            self.out.push(b'\n');
        }
        self.out.push(b'\n');
        self.out.extend_from_slice(body);
        self.out.extend_from_slice(b"\0\n");
    }

    /// Leaves the frame to be gone on with by a [`Self::tail`].
    pub fn leave_open(self) {}
}

/// What a peer sends to be heard: one LF.
pub const HEART_BEAT: &[u8] = b"\n";

/// Appends a header's name or value with its escapes.
pub fn append_escaped(out: &mut Vec<u8>, text: &[u8]) {
    // Without an early exit the compiler compares many bytes at once.
    let needs_escape = text.iter().fold(false, |found, byte| found | escape_code(*byte).is_some());
    if !needs_escape {
        return out.extend_from_slice(text);
    }
    for &byte in text {
        match escape_code(byte) {
            Some(code) => out.extend_from_slice(&[b'\\', code]),
            None => out.push(byte),
        }
    }
}

fn escape_code(byte: u8) -> Option<u8> {
    match byte {
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b':' => Some(b'c'),
        b'\\' => Some(b'\\'),
        _ => None,
    }
}

/// Appends a number in decimal digits.
pub fn append_decimal(out: &mut impl Extend<u8>, mut value: u64) {
    // The largest u64 has twenty digits.
    let mut digits = [0_u8; 20];
    let mut used = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
        used += 1;
        if value == 0 {
            break;
        }
    }
    out.extend(digits.get(digits.len() - used..).unwrap_or_default().iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn content_length_comes_last_and_only_with_a_body() {
        let frame = |body: &'static [u8]| {
            written(|out| {
                FrameWriter::begin(out, Command::Message)
                    .header("a", "b")
                    .number("n", 7)
                    .finish(body);
            })
        };
        assert_eq!(frame(b"hi"), "MESSAGE\na:b\nn:7\ncontent-length:2\n\nhi\0\n");
        assert_eq!(frame(b""), "MESSAGE\na:b\nn:7\n\n\0\n");
    }

    #[test]
    fn names_and_values_are_escaped() {
        let frame = written(|out| {
            FrameWriter::begin(out, Command::Receipt).header("a:b", "c\\d\r\n:").finish(b"");
        });
        assert_eq!(frame, "RECEIPT\na\\cb:c\\\\d\\r\\n\\c\n\n\0\n");
    }

    #[test]
    fn a_head_and_a_tail_make_one_frame() {
        let in_parts = written(|out| {
            FrameWriter::begin(out, Command::Message).header("subscription", "0").leave_open();
            FrameWriter::tail(out).header("x", "y").finish(b"body");
        });
        assert_eq!(in_parts, "MESSAGE\nsubscription:0\nx:y\ncontent-length:4\n\nbody\0\n");
    }

    #[test]
    fn decimals_span_the_whole_range() {
        for value in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            assert_eq!(written(|out| append_decimal(out, value)), value.to_string());
        }
    }
}
