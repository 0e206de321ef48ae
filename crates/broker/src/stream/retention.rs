//! How much a stream holds, and how much of it a cursor may have before it.

use std::time::Duration;

use model::FieldTable;

/// How much a stream holds for cursors that are behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// The most messages.
    pub messages_max: u64,
    /// The most bytes: keys, properties, bodies.
    pub bytes_max: u64,
}

impl Default for StreamLimits {
    /// 65,536 messages and 64 MiB: a reader that is a minute behind a thousand small messages per
    /// second loses nothing, and a thousand such streams are the node's memory alarm's matter.
    fn default() -> Self {
        Self { messages_max: 65_536, bytes_max: 64 << 20 }
    }
}

/// How much a cursor may have before it. The oldest go first; what has expired is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CursorLimits {
    /// The most messages (`x-max-length`).
    pub messages_max: Option<u64>,
    /// The most bytes: keys, properties, bodies (`x-max-length-bytes`).
    pub bytes_max: Option<u64>,
    /// How long a message may wait (`x-message-ttl`).
    pub message_ttl: Option<Duration>,
}

impl CursorLimits {
    /// What the arguments of a subscription queue amount to; `None` if they ask for what only a
    /// queue of its own can do (dead letters, a lease, priorities, turning publishes down …).
    ///
    /// Values are taken as they are: whoever declares has checked them as those of a queue.
    pub fn of(arguments: &FieldTable) -> Option<Self> {
        let mut limits = Self::default();
        for (key, value) in arguments.iter() {
            let count = value.as_integer().and_then(|value| u64::try_from(value).ok());
            match key.as_bytes() {
                b"x-max-length" => limits.messages_max = Some(count?),
                b"x-max-length-bytes" => limits.bytes_max = Some(count?),
                b"x-message-ttl" => limits.message_ttl = Some(Duration::from_millis(count?)),
                b"x-overflow" if value.as_str() == Some("drop-head") => {}
                b"x-queue-type" if value.as_str() == Some("classic") => {}
                b"x-overflow"
                | b"x-queue-type"
                | b"x-expires"
                | b"x-dead-letter-exchange"
                | b"x-dead-letter-routing-key"
                | b"x-max-priority"
                | b"x-single-active-consumer" => return None,
                _ => {}
            }
        }
        Some(limits)
    }
}

#[cfg(test)]
mod tests {
    use model::FieldValue;

    use super::*;

    fn check(arguments: &[(&str, FieldValue)], expected: Option<CursorLimits>) {
        let mut table = FieldTable::new();
        for (key, value) in arguments {
            table.set(key, value.clone());
        }
        assert_eq!(CursorLimits::of(&table), expected);
    }

    #[test]
    fn a_cursor_does_lengths_and_times_and_nothing_else() {
        check(&[], Some(CursorLimits::default()));
        let limits = CursorLimits { messages_max: Some(3), ..CursorLimits::default() };
        let overflow = |way| ("x-overflow", FieldValue::string(way));
        check(&[("x-max-length", FieldValue::I64(3)), overflow("drop-head")], Some(limits));
        check(&[("x-max-length", FieldValue::I64(3)), overflow("reject-publish")], None);
        check(&[("x-dead-letter-exchange", FieldValue::string("dead"))], None);
        check(&[("x-message-ttl", FieldValue::I64(-1))], None);
    }
}
