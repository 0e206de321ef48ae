//! Messages encoded beforehand, written over and over; only their sequence numbers change.

use std::io::{self, Write};

use memchr::memmem;

/// What stands before the number in each body.
const MARK: &[u8] = b"seq=";

/// Digits of the number.
const DIGITS: usize = 12;

/// What a body, or a header that repeats its number, must contain.
pub(crate) const SEQUENCE: &str = "seq=000000000000";

/// A run of encoded messages.
#[derive(Debug)]
pub(crate) struct Tape {
    bytes: Vec<u8>,
    /// Where each message begins, and where its number is: in the body, and perhaps in a header.
    marks: Vec<(usize, [usize; 2])>,
    next: usize,
    sequence: u64,
}

impl Tape {
    /// Encodes each of `keys` once, or so often that there are some hundred messages.
    pub(crate) fn new(keys: &[String], mut encode: impl FnMut(&mut Vec<u8>, &str)) -> Self {
        const MESSAGES_MIN: usize = 256;
        let repeats = MESSAGES_MIN.div_ceil(keys.len().max(1));
        let mut tape = Self { bytes: Vec::new(), marks: Vec::new(), next: 0, sequence: 0 };
        for key in std::iter::repeat_n(keys, repeats).flatten() {
            let start = tape.bytes.len();
            encode(&mut tape.bytes, key);
            let message = tape.bytes.get(start..).unwrap_or_default();
            let place = |found: Option<usize>| start + found.unwrap_or_default() + MARK.len();
            let first = place(memmem::find(message, MARK));
            tape.marks.push((start, [first, place(memmem::rfind(message, MARK))]));
        }
        tape
    }

    /// Writes the next `count` messages.
    pub(crate) fn write(&mut self, out: &mut impl Write, count: u64) -> io::Result<()> {
        let mut left = usize::try_from(count).unwrap_or(usize::MAX);
        while left > 0 {
            let end = (self.next + left).min(self.marks.len());
            let (run, start) = (self.marks.get(self.next..end), self.start_of(self.next));
            for (_, [first, second]) in run.unwrap_or_default() {
                write_digits(self.bytes.get_mut(*first..*first + DIGITS), self.sequence);
                if second != first {
                    write_digits(self.bytes.get_mut(*second..*second + DIGITS), self.sequence);
                }
                self.sequence += 1;
            }
            out.write_all(self.bytes.get(start..self.start_of(end)).unwrap_or_default())?;
            left -= end - self.next;
            self.next = if end == self.marks.len() { 0 } else { end };
        }
        Ok(())
    }

    fn start_of(&self, message: usize) -> usize {
        self.marks.get(message).map_or(self.bytes.len(), |(start, _)| *start)
    }
}

fn write_digits(digits: Option<&mut [u8]>, mut number: u64) {
    for digit in digits.into_iter().flatten().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// The sequence numbers of all bodies in `payload`.
pub(crate) fn sequences(payload: &[u8]) -> Vec<u64> {
    memmem::find_iter(payload, MARK)
        .filter_map(|at| payload.get(at + MARK.len()..at + MARK.len() + DIGITS))
        .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_where_the_tape_begins_again() {
        let keys: Vec<String> = (0..300).map(|key| key.to_string()).collect();
        let mut tape = Tape::new(&keys, |out, key| {
            out.extend_from_slice(format!("<{key} {SEQUENCE}>").as_bytes());
        });
        let mut out = Vec::new();
        for count in [1, 299, 7, 600] {
            tape.write(&mut out, count).unwrap();
        }
        assert_eq!(sequences(&out), (0..907).collect::<Vec<u64>>());
        assert!(out.ends_with(b"<6 seq=000000000906>"));
    }
}
