//! The eight octets before the first frame.
//!
//! ```text
//! 'A' 'M' 'Q' 'P'  id:u8=0  major:u8=0  minor:u8=9  revision:u8=1
//! ```

/// AMQP 0-9-1: what a client sends first, and what a server answers to anything it does not speak.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";

/// How RabbitMQ also accepts version 0-9, which it treats as 0-9-1.
const PROTOCOL_HEADER_0_9: [u8; 8] = *b"AMQP\x01\x01\x00\x09";

/// What the first octets of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// A header of ours, of which more octets must come.
    Incomplete,
    /// AMQP 0-9-1; frames follow behind [`PROTOCOL_HEADER`]'s length.
    Accepted,
    /// Something else: answer [`PROTOCOL_HEADER`] and close.
    Mismatch,
}

/// Judges the first octets of a connection.
///
/// Source: AMQP 0-9-1, 4.2.2 "Protocol Header". RabbitMQ 4 answers some mismatches with the header
/// of AMQP 1.0, which we do not speak.
pub fn greet(input: &[u8]) -> Greeting {
    let is_ours = |header: &[u8; 8]| match input.get(..header.len()) {
        Some(start) if start == header => Greeting::Accepted,
        None if header.starts_with(input) => Greeting::Incomplete,
        _ => Greeting::Mismatch,
    };
    match is_ours(&PROTOCOL_HEADER) {
        // A client that says only part of another header must not wait for an answer for ever.
        Greeting::Mismatch => is_ours(&PROTOCOL_HEADER_0_9),
        greeting => greeting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_header_and_0_9_are_accepted() {
        for (input, greeting) in [
            (b"".as_slice(), Greeting::Incomplete),
            (b"AMQP\x00\x00\x09", Greeting::Incomplete),
            (b"AMQP\x00\x00\x09\x01", Greeting::Accepted),
            (b"AMQP\x00\x00\x09\x01\x01", Greeting::Accepted),
            (b"AMQP\x01\x01\x00\x09", Greeting::Accepted),
            (b"AMQP\x01\x01", Greeting::Incomplete),
            (b"AMQP\x03\x01\x00\x00", Greeting::Mismatch),
            (b"AMQP\x01\x01\x08\x00", Greeting::Mismatch),
            (b"AMQP\x00\x00\x09\x02", Greeting::Mismatch),
            (b"GET ", Greeting::Mismatch),
        ] {
            assert_eq!(greet(input), greeting, "{input:?}");
        }
    }
}
