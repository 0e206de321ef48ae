//! The heads of a topic subscription's messages, which differ in their number alone: one text, in
//! which the number is counted up.

use smallvec::SmallVec;
use wire::stomp::encoder::append_decimal;

/// What stands behind the number.
const BEHIND: &[u8] = b"\nredelivered:false\n";

/// A head with room for a subscription's id of ordinary length, in bytes.
const HEAD_BYTES: usize = 256;

/// The head of one message, and then of the next.
#[derive(Debug)]
pub(super) struct Heads {
    text: SmallVec<[u8; HEAD_BYTES]>,
    number: u64,
    number_at: usize,
}

impl Heads {
    /// The head of the message of that number: what stands before the number, and the rest.
    pub(super) fn new(before: &[u8], number: u64) -> Self {
        let mut heads =
            Self { text: SmallVec::from_slice(before), number, number_at: before.len() };
        heads.write_number();
        heads
    }

    /// The head.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Goes on to the next message.
    pub(super) fn advance(&mut self) {
        self.number += 1;
        let number_end = self.text.len() - BEHIND.len();
        let digits = self.text.get_mut(self.number_at..number_end).unwrap_or_default();
        for digit in digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        // All were nines.
        self.text.truncate(self.number_at);
        self.write_number();
    }

    fn write_number(&mut self) {
        append_decimal(&mut self.text, self.number);
        self.text.extend_from_slice(BEHIND);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_as_they_are_written() {
        for start in [0, 1, 8, 9, 98, 99, 998, 9_999_990] {
            let mut heads = Heads::new(b"message-id:T_9@@s@@", start);
            for number in start..start + 120 {
                let expected = format!("message-id:T_9@@s@@{number}\nredelivered:false\n");
                assert_eq!(heads.text(), expected.as_bytes());
                heads.advance();
            }
        }
    }
}
