//! How much streams hold, how much of it a cursor may have before it, and what happens beyond.

use std::time::Duration;

use model::FieldTable;

/// What the node's configuration says about streams of topic subscriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamSettings {
    /// How much each stream holds.
    pub each: StreamLimits,
    /// How much all streams of the node hold together.
    pub all: TotalLimits,
    /// What happens to a reader who does not say, once it has fallen behind too far.
    pub overflow: Overflow,
}

/// How much a stream holds for cursors that are behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// The most messages.
    pub messages_max: u64,
    /// The most bytes, as [`super::ring::cost`] counts them.
    pub bytes_max: u64,
}

impl Default for StreamLimits {
    /// 16,384 messages and 64 MiB: a reader that is half a minute behind five hundred small
    /// messages per second loses nothing.
    fn default() -> Self {
        Self { messages_max: 16_384, bytes_max: 64 << 20 }
    }
}

/// How much all streams of a node hold together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalLimits {
    /// The most messages.
    pub messages_max: u64,
    /// The most bytes, as [`super::ring::cost`] counts them.
    pub bytes_max: u64,
}

impl Default for TotalLimits {
    /// 1,048,576 messages and 512 MiB: eight streams that are full of bytes.
    fn default() -> Self {
        Self { messages_max: 1 << 20, bytes_max: 512 << 20 }
    }
}

/// What happens to a reader who has fallen behind too far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It loses the oldest messages, and is told how many.
    #[default]
    DropHead,
    /// Its connection ends. Hopwire's own; RabbitMQ knows no such overflow.
    Disconnect,
}

impl Overflow {
    /// Reads a value of `x-overflow`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "drop-head" => Some(Self::DropHead),
            "disconnect" => Some(Self::Disconnect),
            _ => None,
        }
    }
}

/// How much a cursor may have before it. The oldest go first; what has expired is passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CursorLimits {
    /// The most messages (`x-max-length`).
    pub messages_max: Option<u64>,
    /// The most bytes of bodies (`x-max-length-bytes`).
    pub bytes_max: Option<u64>,
    /// How long a message may wait (`x-message-ttl`).
    pub message_ttl: Option<Duration>,
    /// What happens beyond (`x-overflow`).
    pub overflow: Overflow,
}

impl CursorLimits {
    /// What the arguments of a subscription queue amount to, if `overflow` is what happens unless
    /// they say otherwise; `None` if they ask for what only a queue of its own can do (dead
    /// letters, a lease, priorities, turning publishes down …).
    ///
    /// Values are taken as they are: whoever declares has checked them as those of a queue.
    pub fn of(arguments: &FieldTable, overflow: Overflow) -> Option<Self> {
        let mut limits = Self { overflow, ..Self::default() };
        for (key, value) in arguments.iter() {
            let count = value.as_integer().and_then(|value| u64::try_from(value).ok());
            match key.as_bytes() {
                b"x-max-length" => limits.messages_max = Some(count?),
                b"x-max-length-bytes" => limits.bytes_max = Some(count?),
                b"x-message-ttl" => limits.message_ttl = Some(Duration::from_millis(count?)),
                b"x-overflow" => limits.overflow = Overflow::parse(value.as_str()?)?,
                b"x-queue-type" if value.as_str() == Some("classic") => {}
                b"x-queue-type"
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
        assert_eq!(CursorLimits::of(&table, Overflow::DropHead), expected);
    }

    #[test]
    fn a_cursor_does_lengths_and_times_and_nothing_else() {
        check(&[], Some(CursorLimits::default()));
        let limits = CursorLimits { messages_max: Some(3), ..CursorLimits::default() };
        let overflow = |way| ("x-overflow", FieldValue::string(way));
        check(&[("x-max-length", FieldValue::I64(3)), overflow("drop-head")], Some(limits));
        let disconnecting = CursorLimits { overflow: Overflow::Disconnect, ..limits };
        check(&[("x-max-length", FieldValue::I64(3)), overflow("disconnect")], Some(disconnecting));
        check(&[("x-max-length", FieldValue::I64(3)), overflow("reject-publish")], None);
        check(&[("x-dead-letter-exchange", FieldValue::string("dead"))], None);
        check(&[("x-message-ttl", FieldValue::I64(-1))], None);
    }

    #[test]
    fn what_happens_beyond_is_the_nodes_choice_unless_a_reader_says() {
        let mut table = FieldTable::new();
        let of = |table: &FieldTable| CursorLimits::of(table, Overflow::Disconnect).unwrap();
        assert_eq!(of(&table).overflow, Overflow::Disconnect);
        table.set("x-overflow", FieldValue::string("drop-head"));
        assert_eq!(of(&table).overflow, Overflow::DropHead);
    }
}
