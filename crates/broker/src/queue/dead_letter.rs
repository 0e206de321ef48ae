//! What becomes of a message that dies: the properties of the copy that is published in its stead.
//!
//! Source: RabbitMQ 4, "Dead Letter Exchanges"; `amqp.md` §5.14 of the specification sheets.

use model::{FieldTable, FieldValue, Marks, Message, Properties, QueueName, ShortString};

use crate::turn::DeathReason;

/// A death, as the headers of the copy tell it.
#[derive(Clone, Copy, Debug)]
pub struct Death<'a> {
    /// The queue it died in.
    pub queue: &'a QueueName,
    /// Why.
    pub reason: DeathReason,
    /// When, in seconds since the Unix epoch.
    pub at_unix_seconds: u64,
    /// Whether the queue has a key for its dead letters, so that the message's own are not used.
    pub has_own_key: bool,
}

/// The properties of the copy of `message` that goes to the dead-letter exchange: without an
/// expiration, with the death written into its `x-death`, `x-first-death-*` and `x-last-death-*`
/// headers.
///
/// What a publisher wrote into `x-death` counts for nothing and is replaced.
pub fn death(message: &Message, death: Death<'_>) -> (Properties, Marks) {
    // A session lets no message in whose properties cannot be read.
    let mut properties = message.properties().unwrap_or_default();
    let expiration = properties.expiration.take();
    let mut headers = properties.headers.take().unwrap_or_default();
    let was_dead = message.marks().is_dead_letter;

    let mut history = match headers.remove("x-death") {
        Some(FieldValue::Array(entries)) if was_dead => entries,
        _ => Vec::new(),
    };
    let known = history.iter().position(|entry| is_same_death(entry, death));
    let entry = match known.map(|at| history.remove(at)) {
        Some(FieldValue::Table(entry)) => again(entry),
        _ => first(message, &headers, expiration, death),
    };
    history.insert(0, FieldValue::Table(entry));
    headers.set("x-death", FieldValue::Array(history));

    let is_first = !was_dead || headers.get("x-first-death-queue").is_none();
    let facts = [
        ("queue", death.queue.as_str()),
        ("reason", death.reason.as_str()),
        ("exchange", message.exchange().as_str()),
    ];
    for (name, value) in facts {
        if is_first {
            headers.set(&format!("x-first-death-{name}"), FieldValue::string(value));
        }
        headers.set(&format!("x-last-death-{name}"), FieldValue::string(value));
    }
    properties.headers = Some(headers);

    let marks = message.marks();
    let has_sender_selected = marks.has_sender_selected && !death.has_own_key;
    let marks = Marks { expiration_ms: None, has_sender_selected, is_dead_letter: true, ..marks };
    (properties, marks)
}

/// Whether the copy with these properties must not go to the queue `target`: it has been there
/// before, and since then nobody has rejected it.
pub fn is_cycle(properties: &Properties, target: &QueueName) -> bool {
    let history = properties.headers.as_ref().and_then(|headers| headers.get("x-death"));
    let history = history.and_then(FieldValue::as_array).unwrap_or_default();
    for entry in history {
        if text(entry, "reason") == Some(DeathReason::Rejected.as_str().as_bytes()) {
            return false;
        }
        if text(entry, "queue") == Some(target.as_str().as_bytes()) {
            return true;
        }
    }
    false
}

fn is_same_death(entry: &FieldValue, death: Death<'_>) -> bool {
    text(entry, "queue") == Some(death.queue.as_str().as_bytes())
        && text(entry, "reason") == Some(death.reason.as_str().as_bytes())
}

fn text<'a>(entry: &'a FieldValue, key: &str) -> Option<&'a [u8]> {
    entry.as_table()?.get(key)?.as_string()
}

/// The entry of a death that has happened before in the same queue for the same reason.
fn again(mut entry: FieldTable) -> FieldTable {
    let count = entry.get("count").and_then(FieldValue::as_integer).unwrap_or(0);
    entry.set("count", FieldValue::I64(count.saturating_add(1)));
    entry
}

fn first(
    message: &Message,
    headers: &FieldTable,
    expiration: Option<ShortString>,
    death: Death<'_>,
) -> FieldTable {
    let mut entry = FieldTable::new();
    if let Some(expiration) = expiration {
        entry.set("original-expiration", FieldValue::string(expiration.as_bytes()));
    }
    entry.set("count", FieldValue::I64(1));
    entry.set("reason", FieldValue::string(death.reason.as_str()));
    entry.set("queue", FieldValue::string(death.queue.as_str()));
    entry.set("time", FieldValue::Timestamp(death.at_unix_seconds));
    entry.set("exchange", FieldValue::string(message.exchange().as_str()));
    entry.set("routing-keys", FieldValue::Array(routing_keys(message, headers)));
    entry
}

/// The keys that the message was published with; those of `BCC` stay hidden.
fn routing_keys(message: &Message, headers: &FieldTable) -> Vec<FieldValue> {
    let copies = headers.get("CC").and_then(FieldValue::as_array).unwrap_or_default();
    let copies = copies.iter().filter(|key| key.as_string().is_some()).cloned();
    std::iter::once(FieldValue::string(message.routing_key())).chain(copies).collect()
}
