//! The queues behind destinations: their flags, arguments and names.
//!
//! Source: RabbitMQ 4.3; `stomp.md` §3.4 to §3.6 of the specification sheets.

use md5::{Digest, Md5};
use model::{FieldTable, FieldValue, QueueName, QueueSpec, ShortString};
use wire::stomp::Frame;

use super::error::Complaint;
use super::header::{integer, optional_durable, optional_truth, text};
use super::token;

/// What a queue is declared for; each has its own defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `/queue/`.
    Queue,
    /// A subscription to `/topic/`.
    Topic,
    /// A subscription to `/exchange/`.
    Exchange,
}

/// What a frame asks of a queue.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) is_durable: bool,
    pub(super) is_auto_delete: bool,
    pub(super) is_exclusive: bool,
    pub(super) arguments: FieldTable,
    /// `durable` or `persistent` was given and true.
    pub(super) wants_durable: bool,
}

impl Wish {
    /// Reads the headers that speak of a queue.
    ///
    /// # Errors
    ///
    /// `durable` or `persistent` that is no truth value, a number that is none.
    pub(super) fn read(frame: &Frame<'_>, purpose: Purpose) -> Result<Self, Complaint> {
        let headers = &frame.headers;
        let default_durable = (purpose == Purpose::Queue).then_some(true);
        let default_auto_delete = (purpose != Purpose::Queue).then_some(true);
        let default_exclusive = (purpose == Purpose::Exchange).then_some(true);
        let asked_durable = optional_durable(frame)?;
        let mut is_durable = asked_durable.or(default_durable) == Some(true);
        // Start from a durable queue for everybody or a transient one for this connection alone.
        let is_auto_delete =
            optional_truth(headers, "auto-delete").or(default_auto_delete).unwrap_or(!is_durable);
        let mut is_exclusive =
            optional_truth(headers, "exclusive").or(default_exclusive).unwrap_or(!is_durable);
        let arguments = read_arguments(frame)?;
        if arguments.get("x-queue-type").is_some_and(is_replicated) {
            is_durable = true;
            is_exclusive = false;
        }
        let wants_durable = asked_durable == Some(true);
        Ok(Self { is_durable, is_auto_delete, is_exclusive, arguments, wants_durable })
    }

    /// Whether a shared stream can stand in for the queue of a subscription: nothing outlives the
    /// subscription, nobody else can name it, and it asks for no more than a bound.
    pub(super) fn is_ephemeral(&self) -> bool {
        let is_plain = |(name, value): (&ShortString, &FieldValue)| match name.as_bytes() {
            b"x-max-length" | b"x-max-length-bytes" | b"x-message-ttl" => {
                value.as_integer().is_some_and(|bound| bound >= 0)
            }
            // The latter is Hopwire's own: a queue that hears of it refuses it.
            b"x-overflow" => matches!(value.as_str(), Some("drop-head" | "disconnect")),
            b"x-queue-type" => value.as_str() == Some("classic"),
            _ => false,
        };
        !self.is_durable
            && self.is_auto_delete
            && self.is_exclusive
            && self.arguments.iter().all(is_plain)
    }

    /// The queue by that name.
    pub(super) fn into_spec(self, name: QueueName) -> QueueSpec {
        QueueSpec {
            name: Some(name),
            is_durable: self.is_durable,
            is_exclusive: self.is_exclusive,
            is_auto_delete: self.is_auto_delete,
            arguments: self.arguments,
        }
    }
}

fn is_replicated(queue_type: &FieldValue) -> bool {
    matches!(queue_type.as_str(), Some("quorum" | "stream"))
}

/// How a header becomes a queue argument.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
}

/// Headers that become queue arguments. RabbitMQ's documentation promises `x-overflow` without
/// keeping the promise; we keep it.
const ARGUMENTS: [(&str, Kind); 12] = [
    ("x-dead-letter-exchange", Kind::Text),
    ("x-dead-letter-routing-key", Kind::Text),
    ("x-max-age", Kind::Text),
    ("x-queue-type", Kind::Text),
    ("x-overflow", Kind::Text),
    ("x-expires", Kind::Number),
    ("x-message-ttl", Kind::Number),
    ("x-max-length", Kind::Number),
    ("x-max-length-bytes", Kind::Number),
    ("x-max-priority", Kind::Number),
    ("x-stream-max-segment-size-bytes", Kind::Number),
    ("x-stream-filter-size-bytes", Kind::Number),
];

fn read_arguments(frame: &Frame<'_>) -> Result<FieldTable, Complaint> {
    let mut arguments = FieldTable::new();
    for header in &frame.headers {
        let known = ARGUMENTS.iter().find(|(name, _)| name.as_bytes() == header.raw_name);
        let Some(&(name, kind)) = known else { continue };
        let value = header.value();
        let value = match kind {
            Kind::Number => FieldValue::I64(integer(&value).ok_or_else(Complaint::processing)?),
            Kind::Text => FieldValue::string(text(&value)?.trim_matches(' ')),
        };
        arguments.push(ShortString::truncated(name), value);
    }
    Ok(arguments)
}

/// The name of a subscription's queue: as asked for, computed for a durable one, else unique.
///
/// # Errors
///
/// A durable subscription without `id`; a name that is none.
pub(super) fn subscription_name(
    frame: &Frame<'_>,
    key: &[u8],
    wants_durable: bool,
) -> Result<QueueName, Complaint> {
    let name = match (frame.headers.get("x-queue-name"), wants_durable) {
        (Some(name), _) => text(&name)?.to_owned(),
        (None, true) => {
            let id = frame.headers.get("id").ok_or_else(Complaint::processing)?;
            durable_name(key, &id)
        }
        (None, false) => format!("stomp-subscription-{}", token::name(token::random()?)),
    };
    QueueName::parse(&name).map_err(|_| Complaint::processing())
}

/// The name of a durable subscription's queue, the same for everybody with that key and id.
///
/// Source: RabbitMQ: the MD5 of `term_to_binary({Key, Id})`, Erlang's external form of a pair of
/// strings.
fn durable_name(key: &[u8], id: &[u8]) -> String {
    let mut term = vec![0x83, 0x68, 0x02];
    append_string(&mut term, key);
    append_string(&mut term, id);
    format!("stomp-subscription-{}", token::name(Md5::digest(term).into()))
}

fn append_string(term: &mut Vec<u8>, text: &[u8]) {
    match u16::try_from(text.len()) {
        Ok(0) => term.push(0x6A),
        Ok(bytes) => {
            term.push(0x6B);
            term.extend_from_slice(&bytes.to_be_bytes());
            term.extend_from_slice(text);
        }
        // Longer strings are lists of integers, each a tag and a byte, with a nil at the end.
        Err(_) => {
            term.push(0x6C);
            term.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            text.iter().for_each(|byte| term.extend_from_slice(&[0x61, *byte]));
            term.push(0x6A);
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::stomp::{Decoded, Decoder, Role};

    use super::*;

    fn with_frame<T>(headers: &str, read: impl FnOnce(&Frame<'_>) -> T) -> T {
        let lines: String = headers.split_whitespace().map(|line| format!("{line}\n")).collect();
        let bytes = format!("SUBSCRIBE\n{lines}\n\0");
        match Decoder::new(Role::Server, 4096).decode(bytes.as_bytes()) {
            Ok(Decoded::Frame { frame, .. }) => read(&frame),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn durable_names_are_rabbitmqs() {
        // Spec §3.6; §11: 64.
        let vector = "stomp-subscription-tMbeqL30tjlgaXMmaFM6Ew";
        assert_eq!(durable_name(b"durable", b"test.subscription"), vector);
        let vector = "stomp-subscription-ywnduRGdS9QBdgzKJKz3-A";
        assert_eq!(durable_name(b"my-durable", b"1234"), vector);
    }

    #[test]
    fn flags_follow_the_table() {
        // Spec §3.4: D durable, A auto-delete, X exclusive; for /queue, /topic, /exchange.
        for (headers, flags) in [
            ("", ["D--", "-AX", "-AX"]),
            ("durable:true", ["D--", "DA-", "DAX"]),
            ("persistent:true", ["D--", "DA-", "DAX"]),
            ("durable:true auto-delete:false", ["D--", "D--", "D-X"]),
            ("durable:true auto-delete:false exclusive:false", ["D--", "D--", "D--"]),
            ("durable:false", ["-AX", "-AX", "-AX"]),
            ("persistent:False", ["-AX", "-AX", "-AX"]),
            ("auto-delete:false", ["D--", "--X", "--X"]),
            ("auto-delete:maybe", ["D--", "-AX", "-AX"]),
            ("exclusive:false", ["D--", "-A-", "-A-"]),
            ("exclusive:true", ["D-X", "-AX", "-AX"]),
            ("x-queue-type:quorum auto-delete:false", ["D--", "D--", "D--"]),
        ] {
            let purposes = [Purpose::Queue, Purpose::Topic, Purpose::Exchange];
            let found = purposes.map(|purpose| {
                let wish = with_frame(headers, |frame| Wish::read(frame, purpose)).unwrap();
                let flag = |is_set, flag| if is_set { flag } else { '-' };
                String::from_iter([
                    flag(wish.is_durable, 'D'),
                    flag(wish.is_auto_delete, 'A'),
                    flag(wish.is_exclusive, 'X'),
                ])
            });
            assert_eq!(found, flags, "{headers}");
        }
        for headers in ["durable:maybe", "x-expires:soon"] {
            let read = with_frame(headers, |frame| Wish::read(frame, Purpose::Queue).err());
            assert_eq!(read, Some(Complaint::processing()), "{headers}");
        }
    }

    #[test]
    fn a_stream_stands_in_only_for_what_nobody_else_can_name() {
        for (headers, is_ephemeral) in [
            ("", true),
            ("x-max-length:10 x-message-ttl:1000 x-overflow:drop-head", true),
            ("x-max-length-bytes:10 x-overflow:disconnect", true),
            ("x-queue-type:classic", true),
            ("durable:true", false),
            ("auto-delete:false", false),
            ("exclusive:false", false),
            ("x-queue-type:quorum", false),
            ("x-dead-letter-exchange:x", false),
            ("x-overflow:reject-publish", false),
            ("x-expires:1000", false),
            ("x-max-length:-1", false),
        ] {
            let found = with_frame(headers, |frame| {
                Wish::read(frame, Purpose::Exchange).unwrap().is_ephemeral()
            });
            assert_eq!(found, is_ephemeral, "{headers}");
        }
    }
}
