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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{ExchangeName, RoutingKey};

    use super::*;
    use crate::sample;

    fn queue(name: &str) -> QueueName {
        QueueName::parse(name).unwrap()
    }

    fn headers(entries: &[(&str, FieldValue)]) -> Properties {
        let mut headers = FieldTable::new();
        for (name, value) in entries {
            headers.set(name, value.clone());
        }
        Properties { headers: Some(headers), ..Properties::default() }
    }

    /// Lets a message die once for each `queue reason` in `deaths`, and shows the history.
    #[track_caller]
    fn check(first: &Properties, deaths: &str, expected: &str) -> Properties {
        let mut message = sample::with_properties("k", b"", Marks::default(), first);
        let mut properties = first.clone();
        for (at, words) in deaths.split(", ").enumerate() {
            let (name, reason) = words.split_once(' ').unwrap();
            let reason = match reason {
                "rejected" => DeathReason::Rejected,
                "expired" => DeathReason::Expired,
                "maxlen" => DeathReason::MaxLength,
                other => panic!("no such reason: {other}"),
            };
            let queue = queue(name);
            let at_unix_seconds = at as u64 + 1;
            let died = death(
                &message,
                Death { queue: &queue, reason, at_unix_seconds, has_own_key: false },
            );
            properties = died.0;
            let exchange = ExchangeName::parse("dead").unwrap();
            let key = RoutingKey::parse(b"buried").unwrap();
            message = Arc::new(message.republished(exchange, &key, &properties, died.1));
        }
        let history = properties.headers.as_ref().unwrap().get("x-death").unwrap();
        let entries: Vec<String> =
            history.as_array().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(entries.join(" "), expected);
        properties
    }

    fn header<'a>(properties: &'a Properties, name: &str) -> &'a str {
        properties.headers.as_ref().unwrap().get(name).unwrap().as_str().unwrap()
    }

    /// (71)
    #[test]
    fn a_first_death_is_told_in_full() {
        let died = check(
            &Properties::default(),
            "q rejected",
            "{count=1,reason=rejected,queue=q,time=1,exchange=amq.topic,routing-keys=[k]}",
        );
        for when in ["first", "last"] {
            assert_eq!(header(&died, &format!("x-{when}-death-queue")), "q");
            assert_eq!(header(&died, &format!("x-{when}-death-reason")), "rejected");
            assert_eq!(header(&died, &format!("x-{when}-death-exchange")), "amq.topic");
        }
    }

    /// (72)
    #[test]
    fn the_same_death_again_is_counted_and_comes_first() {
        let died = check(
            &Properties::default(),
            "q rejected, r maxlen, q rejected",
            "{count=2,reason=rejected,queue=q,time=1,exchange=amq.topic,routing-keys=[k]} \
             {count=1,reason=maxlen,queue=r,time=2,exchange=dead,routing-keys=[buried]}",
        );
        assert_eq!(header(&died, "x-first-death-queue"), "q");
        assert_eq!(header(&died, "x-last-death-queue"), "q");
        assert_eq!(header(&died, "x-last-death-exchange"), "dead");
    }

    /// (73)
    #[test]
    fn the_expiration_is_taken_away_and_told() {
        let expiration = Some(ShortString::truncated("5000"));
        let first = Properties { expiration, ..Properties::default() };
        let died = check(
            &first,
            "q expired",
            "{original-expiration=5000,count=1,reason=expired,queue=q,time=1,exchange=amq.topic,\
             routing-keys=[k]}",
        );
        assert_eq!(died.expiration, None);
    }

    /// (75)
    #[test]
    fn cc_is_told_and_bcc_is_not() {
        let keys = |key| FieldValue::Array(vec![FieldValue::string(key), FieldValue::I32(1)]);
        check(
            &headers(&[("CC", keys("c")), ("BCC", keys("b"))]),
            "q rejected",
            "{count=1,reason=rejected,queue=q,time=1,exchange=amq.topic,routing-keys=[k,c]}",
        );
    }

    /// (79)
    #[test]
    fn a_death_that_the_publisher_made_up_counts_for_nothing() {
        let mut entry = FieldTable::new();
        entry.set("queue", FieldValue::string("q"));
        entry.set("reason", FieldValue::string("rejected"));
        entry.set("count", FieldValue::I64(7));
        let made_up = FieldValue::Array(vec![FieldValue::Table(entry)]);
        let died = check(
            &headers(&[("x-death", made_up), ("x-first-death-queue", FieldValue::string("z"))]),
            "q rejected",
            "{count=1,reason=rejected,queue=q,time=1,exchange=amq.topic,routing-keys=[k]}",
        );
        assert_eq!(header(&died, "x-first-death-queue"), "q");
    }

    /// (76)
    #[test]
    fn a_cycle_is_one_without_a_rejection_since_the_last_visit() {
        let died = |deaths, expected: &str| {
            let message = sample::message("k", b"", Marks::default());
            let mut properties = Properties::default();
            let mut message = message;
            for words in str::split(deaths, ", ") {
                let (name, reason) = words.split_once(' ').unwrap();
                let reason = match reason {
                    "rejected" => DeathReason::Rejected,
                    _ => DeathReason::Expired,
                };
                let queue = queue(name);
                let (next, marks) = death(
                    &message,
                    Death { queue: &queue, reason, at_unix_seconds: 1, has_own_key: false },
                );
                properties = next;
                message = sample::with_properties("k", b"", marks, &properties);
            }
            let caught: Vec<&str> = ["a", "b", "c"]
                .into_iter()
                .filter(|name| is_cycle(&properties, &queue(name)))
                .collect();
            assert_eq!(caught.join(" "), expected, "{deaths}");
        };
        died("a expired", "a");
        died("a rejected", "");
        died("a expired, b expired", "a b");
        died("a rejected, b expired", "b");
        died("a expired, b rejected, c expired", "c");
        died("a rejected, a expired, b expired", "a b");
        assert!(!is_cycle(&Properties::default(), &queue("a")));
    }

    #[test]
    fn a_queue_with_a_key_for_its_dead_lets_cc_route_no_more() {
        let marks = Marks { has_sender_selected: true, expiration_ms: Some(1), ..Marks::default() };
        let message = sample::message("k", b"", marks);
        for (has_own_key, has_sender_selected) in [(true, false), (false, true)] {
            let queue = queue("q");
            let reason = DeathReason::Expired;
            let (_, marks) =
                death(&message, Death { queue: &queue, reason, at_unix_seconds: 1, has_own_key });
            let expected = Marks { has_sender_selected, is_dead_letter: true, ..Marks::default() };
            assert_eq!(marks, expected);
        }
    }
}
