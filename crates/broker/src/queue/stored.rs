//! A message as a durable queue keeps it: what is not in its content, then the content as it is.
//!
//! ```text
//! flags          one byte: 1 a dead letter, 2 has a user id, 4 has CC or BCC, 8 has a priority,
//!                16 has an expiration, 32 transient
//! exchange       length (one byte), name
//! key bytes      one byte
//! property bytes four bytes, the lowest first
//! priority       one byte, if flagged
//! expiration     eight bytes, the lowest first, milliseconds, if flagged
//! content        routing key, properties, body
//! ```

use std::sync::Arc;

use model::{ExchangeName, Marks, Message, MessageParts, PropertyCodec};
use smallvec::SmallVec;

const DEAD_LETTER: u8 = 1;
const USER_ID: u8 = 2;
const SENDER_SELECTED: u8 = 4;
const PRIORITY: u8 = 8;
const EXPIRATION: u8 = 16;
const TRANSIENT: u8 = 32;

/// What stands before the content of a stored message.
pub(super) type Head = SmallVec<[u8; 64]>;

/// What stands before the content of `message`.
pub(super) fn head(message: &Message) -> Head {
    let marks = message.marks();
    let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    let mut head = Head::new();
    head.push(
        flag(marks.is_dead_letter, DEAD_LETTER)
            | flag(marks.has_user_id, USER_ID)
            | flag(marks.has_sender_selected, SENDER_SELECTED)
            | flag(marks.priority.is_some(), PRIORITY)
            | flag(marks.expiration_ms.is_some(), EXPIRATION)
            | flag(!marks.is_persistent, TRANSIENT),
    );
    let exchange = message.exchange().as_str().as_bytes();
    // A name has at most 255 bytes, and so has a key.
    head.push(exchange.len() as u8);
    head.extend_from_slice(exchange);
    head.push(message.routing_key().len() as u8);
    head.extend_from_slice(&(message.property_bytes().len() as u32).to_le_bytes());
    head.extend(marks.priority);
    if let Some(expiration_ms) = marks.expiration_ms {
        head.extend_from_slice(&expiration_ms.to_le_bytes());
    }
    head
}

/// The message that was stored; `None` if the bytes are none.
pub(super) fn read(mut stored: Vec<u8>, codec: &'static PropertyCodec) -> Option<Arc<Message>> {
    let mut rest = stored.as_slice();
    let [flags] = take(&mut rest)?;
    let [exchange_bytes] = take(&mut rest)?;
    let (exchange, behind) = rest.split_at_checked(exchange_bytes.into())?;
    let exchange = ExchangeName::parse(std::str::from_utf8(exchange).ok()?).ok()?;
    rest = behind;
    let [key_bytes] = take(&mut rest)?;
    let property_bytes = u32::from_le_bytes(take(&mut rest)?);
    let has = |bit: u8| flags & bit != 0;
    let mut marks = Marks {
        is_persistent: !has(TRANSIENT),
        is_dead_letter: has(DEAD_LETTER),
        has_user_id: has(USER_ID),
        has_sender_selected: has(SENDER_SELECTED),
        ..Marks::default()
    };
    if has(PRIORITY) {
        let [priority] = take(&mut rest)?;
        marks.priority = Some(priority);
    }
    if has(EXPIRATION) {
        marks.expiration_ms = Some(u64::from_le_bytes(take(&mut rest)?));
    }
    if rest.len() < usize::from(key_bytes) + property_bytes as usize {
        return None;
    }
    let head_bytes = stored.len() - rest.len();
    stored.drain(..head_bytes);
    let content = stored;
    let parts = MessageParts { exchange, content, key_bytes, property_bytes, codec, marks };
    Some(Arc::new(Message::new(parts)))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn stored(message: &Message) -> Vec<u8> {
        [&head(message), message.content()].concat()
    }

    #[test]
    fn what_was_stored_comes_back() {
        let marks = Marks {
            is_persistent: true,
            has_user_id: true,
            has_sender_selected: true,
            priority: Some(7),
            expiration_ms: Some(1 << 40),
            is_dead_letter: true,
        };
        for marks in [marks, Marks::default()] {
            let message = sample::message("a.key", b"the body", marks);
            let back = read(stored(&message), message.codec()).unwrap();
            assert_eq!(back.marks(), marks);
            assert_eq!(back.exchange(), message.exchange());
            assert_eq!(back.routing_key(), b"a.key");
            assert_eq!(back.property_bytes(), message.property_bytes());
            assert_eq!(back.body(), b"the body");
        }
    }

    #[test]
    fn what_is_cut_short_is_no_message() {
        let marks = Marks { is_persistent: true, priority: Some(1), ..Marks::default() };
        let message = sample::message("k", b"", marks);
        let whole = stored(&message);
        for end in 0..whole.len() {
            assert!(read(whole[..end].to_vec(), message.codec()).is_none(), "{end}");
        }
    }
}
