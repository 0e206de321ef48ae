//! Destinations: what a peer calls the places it sends to and subscribes to.
//!
//! ```text
//! /queue/<name>   /topic/<key>   /exchange/<name>[/<key>]   /amq/queue/<name>
//! /reply-queue/<name>   /temp-queue/<name>   <name>
//! ```
//!
//! Split at `/`, then `%2F`, spelt exactly so, becomes `/` in each part; nothing else is decoded.

use std::borrow::Cow;
use std::fmt;

use super::error::Complaint;
use super::header::lossy;

/// A destination, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination<'a> {
    /// A queue that is declared on the way.
    Queue(Cow<'a, [u8]>),
    /// A key of the topic exchange.
    Topic(Cow<'a, [u8]>),
    /// An exchange and a key.
    Exchange {
        /// The exchange; never empty.
        name: Cow<'a, [u8]>,
        /// The key; empty if there is none.
        key: Cow<'a, [u8]>,
    },
    /// A queue that exists.
    AmqQueue(Cow<'a, [u8]>),
    /// The same, as a `reply-to` names it.
    ReplyQueue(Cow<'a, [u8]>),
    /// A queue of this session's own, for replies.
    TempQueue(Cow<'a, [u8]>),
}

/// Why a text is no destination.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum DestinationError<'a> {
    /// Nothing.
    Blank,
    /// A known kind, but not like that: its name in errors, and what followed it.
    Invalid(&'static str, &'a [u8]),
    /// No known kind.
    Unknown(&'a [u8]),
}

impl<'a> Destination<'a> {
    /// Reads a destination.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, DestinationError<'a>> {
        if text.is_empty() {
            return Err(DestinationError::Blank);
        }
        if !text.contains(&b'/') {
            return Ok(Self::Queue(decode(text)));
        }
        let kinds: [(&str, &str, Make<'a>); 4] = [
            ("/queue", "queue", Self::Queue),
            ("/topic", "topic", Self::Topic),
            ("/amq/queue", "amqqueue", Self::AmqQueue),
            ("/temp-queue", "temp_queue", Self::TempQueue),
        ];
        for (prefix, kind, make) in kinds {
            if let Some(rest) = after(text, prefix) {
                return match rest.split_first() {
                    Some((_, name)) if !name.is_empty() && !name.contains(&b'/') => {
                        Ok(make(decode(name)))
                    }
                    _ => Err(DestinationError::Invalid(kind, rest)),
                };
            }
        }
        if let Some(rest) = after(text, "/exchange") {
            return Self::parse_exchange(rest);
        }
        match after(text, "/reply-queue") {
            Some(b"/") => Err(DestinationError::Invalid("reply_queue", b"/")),
            Some([b'/', name @ ..]) => Ok(Self::ReplyQueue(decode(name))),
            _ => Err(DestinationError::Unknown(text)),
        }
    }

    fn parse_exchange(rest: &'a [u8]) -> Result<Self, DestinationError<'a>> {
        let mut parts = rest.split(|byte| *byte == b'/').skip(1);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(name), key, None) if !name.is_empty() => {
                Ok(Self::Exchange { name: decode(name), key: decode(key.unwrap_or_default()) })
            }
            _ => Err(DestinationError::Invalid("exchange", rest)),
        }
    }
}

/// Makes a destination of its decoded name.
type Make<'a> = fn(Cow<'a, [u8]>) -> Destination<'a>;

/// What follows `prefix`, which must be whole segments: nothing, or a `/` and more.
fn after<'a>(text: &'a [u8], prefix: &str) -> Option<&'a [u8]> {
    let rest = text.strip_prefix(prefix.as_bytes())?;
    matches!(rest, [] | [b'/', ..]).then_some(rest)
}

fn decode(part: &[u8]) -> Cow<'_, [u8]> {
    if !part.contains(&b'%') {
        return Cow::Borrowed(part);
    }
    let mut decoded = Vec::with_capacity(part.len());
    let mut rest = part;
    while let Some((&byte, behind)) = rest.split_first() {
        let (byte, behind) = match rest.strip_prefix(b"%2F") {
            Some(behind) => (b'/', behind),
            None => (byte, behind),
        };
        decoded.push(byte);
        rest = behind;
    }
    Cow::Owned(decoded)
}

/// The end of the text for an unknown kind.
const KINDS: &str = "Valid destination types are: /temp-queue, /exchange, /topic, /queue, \
                     /amq/queue, /reply-queue/.\n";

impl From<DestinationError<'_>> for Complaint {
    fn from(error: DestinationError<'_>) -> Self {
        let invalid = |detail: String| Self::new("Invalid destination", detail);
        match error {
            DestinationError::Blank => invalid("Destination cannot be blank".to_owned()),
            DestinationError::Invalid(kind, rest) => {
                invalid(format!("'{}' is not a valid {kind} destination\n", lossy(rest)))
            }
            DestinationError::Unknown(text) => Self::new(
                "Unknown destination",
                format!("'{}' is not a valid destination.\n{KINDS}", lossy(text)),
            ),
        }
    }
}

/// A destination that is none for this command.
pub(super) fn not_for(command: &str, destination: &[u8]) -> Complaint {
    let destination = lossy(destination);
    Complaint::new(
        "Invalid destination",
        format!("'{destination}' is not a valid destination for '{command}'\n"),
    )
}

/// A destination that is missing.
pub(super) fn missing(command: &str) -> Complaint {
    Complaint::new(
        "Missing destination",
        format!("\"{command}\" must include a 'destination' header\n"),
    )
}

/// Where a message went, as MESSAGE names it.
///
/// Source: RabbitMQ: `/`, `%` and everything but printable ASCII is percent-encoded; the exchange
/// behind `/topic/` is `amq.topic` whatever is configured.
pub(super) fn append_destination(put: &mut impl FnMut(&[u8]), exchange: &str, key: &[u8]) {
    match exchange {
        "" => put(b"/queue/"),
        "amq.topic" => put(b"/topic/"),
        name => {
            put(b"/exchange/");
            encode(name.as_bytes(), put);
            if key.is_empty() {
                return;
            }
            put(b"/");
        }
    }
    encode(key, put);
}

fn encode(part: &[u8], put: &mut impl FnMut(&[u8])) {
    let digit = |value: u8| match value {
        0..10 => b'0' + value,
        _ => b'A' + (value - 10),
    };
    let is_encoded = |byte: &u8| matches!(byte, b'/' | b'%' | ..0x20 | 0x80..);
    for plain_and_one in part.split_inclusive(is_encoded) {
        match plain_and_one.split_last() {
            Some((byte, plain)) if is_encoded(byte) => {
                put(plain);
                put(&[b'%', digit(byte >> 4), digit(byte & 15)]);
            }
            _ => put(plain_and_one),
        }
    }
}

impl fmt::Display for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(name) => write!(f, "queue {}", lossy(name)),
            Self::Topic(key) => write!(f, "topic {}", lossy(key)),
            Self::Exchange { name, key } => write!(f, "exchange {} {}", lossy(name), lossy(key)),
            Self::AmqQueue(name) => write!(f, "amq queue {}", lossy(name)),
            Self::ReplyQueue(name) => write!(f, "reply queue {}", lossy(name)),
            Self::TempQueue(name) => write!(f, "temp queue {}", lossy(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        // Spec §11: 55, 56.
        for (text, parsed) in [
            ("/queue/a", "queue a"),
            ("/queue/a%2Fb", "queue a/b"),
            ("/queue/a%2fb%25", "queue a%2fb%25"),
            ("a", "queue a"),
            ("a%2Fb", "queue a/b"),
            ("/topic/a.*.#", "topic a.*.#"),
            ("/exchange/x", "exchange x "),
            ("/exchange/x/", "exchange x "),
            ("/exchange/x%2Fy/k%2F%2F", "exchange x/y k//"),
            ("/amq/queue/q", "amq queue q"),
            ("/reply-queue/a/b%2Fc", "reply queue a/b/c"),
            ("/temp-queue/t", "temp queue t"),
        ] {
            assert_eq!(Destination::parse(text.as_bytes()).unwrap().to_string(), parsed, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_in_rabbitmqs_words() {
        // Spec §11: 50 to 52.
        let unknown = |text: &str| format!("'{text}' is not a valid destination.\n{KINDS}");
        for (text, kind, detail) in [
            ("", "Invalid", "Destination cannot be blank".to_owned()),
            ("/queue", "Invalid", "'' is not a valid queue destination\n".to_owned()),
            ("/queue/", "Invalid", "'/' is not a valid queue destination\n".to_owned()),
            ("/queue/a/b", "Invalid", "'/a/b' is not a valid queue destination\n".to_owned()),
            ("/topic", "Invalid", "'' is not a valid topic destination\n".to_owned()),
            ("/exchange", "Invalid", "'' is not a valid exchange destination\n".to_owned()),
            ("/exchange/", "Invalid", "'/' is not a valid exchange destination\n".to_owned()),
            ("/exchange//x", "Invalid", "'//x' is not a valid exchange destination\n".to_owned()),
            (
                "/exchange/a/b/c",
                "Invalid",
                "'/a/b/c' is not a valid exchange destination\n".to_owned(),
            ),
            ("/amq/queue/", "Invalid", "'/' is not a valid amqqueue destination\n".to_owned()),
            ("/reply-queue/", "Invalid", "'/' is not a valid reply_queue destination\n".to_owned()),
            ("/reply-queue", "Unknown", unknown("/reply-queue")),
            ("/foo/x", "Unknown", unknown("/foo/x")),
            ("a/b", "Unknown", unknown("a/b")),
            ("/amq/x", "Unknown", unknown("/amq/x")),
            ("/queues/x", "Unknown", unknown("/queues/x")),
        ] {
            let complaint = Complaint::from(Destination::parse(text.as_bytes()).unwrap_err());
            assert_eq!(complaint, Complaint::new(format!("{kind} destination"), detail), "{text}");
        }
    }

    #[test]
    fn a_message_names_where_it_went() {
        // Spec §11: 45, 46, 56, 57.
        for (exchange, key, destination) in [
            ("", "q", "/queue/q"),
            ("amq.topic", "a/b", "/topic/a%2Fb"),
            ("amq.topic", "a%25b", "/topic/a%2525b"),
            ("amq.topic", "é k", "/topic/%C3%A9 k"),
            ("amq.fanout", "", "/exchange/amq.fanout"),
            ("a/b", "k:1\n", "/exchange/a%2Fb/k:1%0A"),
            ("x", "\u{7f}", "/exchange/x/\u{7f}"),
        ] {
            let mut out = Vec::new();
            append_destination(
                &mut |text: &[u8]| out.extend_from_slice(text),
                exchange,
                key.as_bytes(),
            );
            assert_eq!(lossy(&out), destination);
        }
    }
}
