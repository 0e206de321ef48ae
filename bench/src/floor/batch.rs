//! What one read of the feed brought, rendered: one WebSocket frame per message.

use std::io::Write as _;

use wire::websocket::frame::{Header, Opcode};

/// Rendered frames and whom they are for.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// All frames, one behind the other.
    pub(super) frames: Vec<u8>,
    keys: Vec<u8>,
    /// Where each message's key and frame end.
    ends: Vec<(usize, usize)>,
    is_one_key: bool,
}

/// Bytes before key and body.
const HEAD_BYTES: usize = 6;

impl Batch {
    /// Renders the whole messages at the front of `input`; returns how many bytes they were.
    /// `number` counts the messages.
    pub(super) fn render(input: &[u8], number: &mut u64) -> (Self, usize) {
        let mut batch = Self {
            frames: Vec::with_capacity(2 * input.len()),
            is_one_key: true,
            ..Self::default()
        };
        let mut rest = input;
        while let Some((key, body, behind)) = split(rest) {
            batch.is_one_key &= batch.first_key().is_none_or(|first| first == key);
            *number += 1;
            render(&mut batch.frames, key, body, *number);
            batch.keys.extend_from_slice(key);
            batch.ends.push((batch.keys.len(), batch.frames.len()));
            rest = behind;
        }
        let used = input.len() - rest.len();
        (batch, used)
    }

    /// The key of all messages, if they have the same.
    pub(super) fn only_key(&self) -> Option<&[u8]> {
        self.first_key().filter(|_| self.is_one_key)
    }

    /// Key and frame of each message.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (mut key_start, mut frame_start) = (0, 0);
        self.ends.iter().filter_map(move |(key_end, frame_end)| {
            let key = self.keys.get(key_start..*key_end)?;
            let frame = self.frames.get(frame_start..*frame_end)?;
            (key_start, frame_start) = (*key_end, *frame_end);
            Some((key, frame))
        })
    }

    fn first_key(&self) -> Option<&[u8]> {
        let (end, _) = self.ends.first()?;
        self.keys.get(..*end)
    }
}

/// Key, body and what is behind them; `None` if the message is not all there.
fn split(input: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (head, rest) = input.split_first_chunk::<HEAD_BYTES>()?;
    let [k0, k1, b0, b1, b2, b3] = *head;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([k0, k1])))?;
    let body_bytes = u32::from_be_bytes([b0, b1, b2, b3]);
    let (body, rest) = rest.split_at_checked(usize::try_from(body_bytes).ok()?)?;
    Some((key, body, rest))
}

/// The same bytes as a MESSAGE of a broker, but that the head is the same for all subscribers.
fn render(out: &mut Vec<u8>, key: &[u8], body: &[u8], number: u64) {
    // Long enough for every number.
    let mut head = [0; 160];
    let room = head.len();
    let mut rest = head.as_mut_slice();
    // It fits.
    let _ = write!(
        rest,
        "MESSAGE\nsubscription:0\nmessage-id:T_0@@session-AAAAAAAAAAAAAAAAAAAAAA@@{number}\n\
         redelivered:false\ndestination:/topic/"
    );
    let used = room - rest.len();
    let mut length = [0; 40];
    let length_room = length.len();
    let mut length_rest = length.as_mut_slice();
    let _ = write!(length_rest, "\ncontent-length:{}\n\n", body.len());
    let length_used = length_room - length_rest.len();
    let payload = used + key.len() + length_used + body.len() + 1;
    Header::server(Opcode::Text, payload as u64).append_to(out);
    out.extend_from_slice(head.get(..used).unwrap_or_default());
    out.extend_from_slice(key);
    out.extend_from_slice(length.get(..length_used).unwrap_or_default());
    out.extend_from_slice(body);
    out.push(0);
}

/// Appends a message in the feed's format.
pub(crate) fn append_message(out: &mut Vec<u8>, key: &[u8], body: &[u8]) {
    out.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_messages_are_rendered_and_the_rest_is_left() {
        let mut input = Vec::new();
        append_message(&mut input, b"a", b"one");
        append_message(&mut input, b"b", b"two");
        let whole = input.len();
        input.extend_from_slice(&[0, 9, 0]);
        let (batch, used) = Batch::render(&input, &mut 0);
        assert_eq!(used, whole);
        assert_eq!(batch.only_key(), None);
        let messages: Vec<_> = batch.messages().collect();
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[1].0, b"b");
        assert!(messages[1].1.ends_with(b"destination:/topic/b\ncontent-length:3\n\ntwo\0"));
        let frame_bytes: usize = messages.iter().map(|(_, frame)| frame.len()).sum();
        assert_eq!(frame_bytes, batch.frames.len());
    }
}
