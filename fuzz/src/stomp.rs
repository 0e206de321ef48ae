//! A STOMP peer: pieces of its script, well formed or not, and a reader of what it is told.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use wire::stomp::{Command, Decoded, Decoder, Role};

use crate::amqp_method::pick;

/// What every client says first.
pub const STOMP_PRELUDE: &[u8] = b"CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\n\
    login:guest\npasscode:guest\nheart-beat:5000,5000\n\n\0";

const COMMANDS: [&str; 14] = [
    "SEND",
    "SUBSCRIBE",
    "ACK",
    "NACK",
    "UNSUBSCRIBE",
    "BEGIN",
    "COMMIT",
    "ABORT",
    "DISCONNECT",
    "CONNECT",
    "STOMP",
    "MESSAGE",
    "SEND\r",
    "send",
];

const NAMES: [&str; 32] = [
    "destination",
    "id",
    "ack",
    "receipt",
    "transaction",
    "message-id",
    "subscription",
    "durable",
    "persistent",
    "reply-to",
    "prefetch-count",
    "content-length",
    "content-type",
    "selector",
    "x-queue-name",
    "x-queue-type",
    "x-stream-offset",
    "x-message-ttl",
    "x-max-length",
    "expires",
    "auto-delete",
    "exclusive",
    "requeue",
    "expiration",
    "priority",
    "correlation-id",
    "user-id",
    "amqp-message-id",
    "accept-version",
    "heart-beat",
    "host",
    "login",
];

const VALUES: [&str; 32] = [
    "/queue/q",
    "/queue/r",
    "/topic/a.b",
    "/topic/a.*",
    "/topic/#",
    "/exchange/amq.topic/a.b",
    "/exchange/amq.fanout",
    "/exchange/amq.direct/q",
    "/exchange/none/k",
    "/amq/queue/q",
    "/temp-queue/t",
    "/reply-queue/t",
    "/queue/a%2Fb",
    "/queue/",
    "",
    "auto",
    "client",
    "client-individual",
    "true",
    "false",
    "0",
    "1",
    "2",
    "65536",
    "-1",
    "1.2",
    "1.0",
    "0,0",
    "guest",
    "stream",
    "first",
    "a\\cb\\n",
];

/// One thing that a peer does.
#[derive(Arbitrary, Debug)]
pub enum StompPiece<'a> {
    /// A frame of known words.
    Frame { command: u8, headers: Vec<(u8, Value<'a>)>, body: &'a [u8] },
    /// SUBSCRIBE, which most scripts want.
    Subscribe { id: u8, destination: u8, ack: u8 },
    /// SEND.
    Send { destination: u8, transaction: Option<u8>, receipt: Option<u8>, body: &'a [u8] },
    /// ACK, or NACK, of the last MESSAGE.
    Settle { is_ack: bool, transaction: Option<u8> },
    /// One byte over and over.
    Long { byte: u8, bytes: u16 },
    /// Line ends.
    HeartBeat,
    /// Any bytes.
    Raw(&'a [u8]),
    /// Seconds in which nothing comes.
    Wait(u8),
    /// The node goes down.
    ShutDown,
}

/// A header's value.
#[derive(Arbitrary, Debug)]
pub enum Value<'a> {
    /// One of those that mean something.
    Known(u8),
    /// Any bytes.
    Raw(&'a [u8]),
}

impl StompPiece<'_> {
    /// Appends the bytes; nothing for what is no bytes. `last` is what the peer has read so far.
    pub fn write(&self, last: &StompReader, out: &mut Vec<u8>) {
        match self {
            Self::Frame { command, headers, body } => {
                line(out, &[pick(&COMMANDS, *command).as_bytes()]);
                for (name, value) in headers {
                    let value = match value {
                        Value::Known(choice) => pick(&VALUES, *choice).as_bytes(),
                        Value::Raw(bytes) => bytes,
                    };
                    header(out, pick(&NAMES, *name), value);
                }
                end(out, body);
            }
            Self::Subscribe { id, destination, ack } => {
                line(out, &[b"SUBSCRIBE"]);
                header(out, "id", pick(&["1", "2", "3"], *id).as_bytes());
                header(out, "destination", pick(&VALUES[..12], *destination).as_bytes());
                header(out, "ack", pick(&VALUES[15..18], *ack).as_bytes());
                end(out, b"");
            }
            Self::Send { destination, transaction, receipt, body } => {
                line(out, &[b"SEND"]);
                header(out, "destination", pick(&VALUES[..12], *destination).as_bytes());
                optional(out, "transaction", *transaction);
                optional(out, "receipt", *receipt);
                header(out, "content-length", body.len().to_string().as_bytes());
                end(out, body);
            }
            Self::Settle { is_ack, transaction } => {
                line(out, &[if *is_ack { b"ACK" } else { b"NACK" }]);
                header(out, "id", &last.ack);
                header(out, "message-id", &last.message_id);
                header(out, "subscription", &last.subscription);
                optional(out, "transaction", *transaction);
                end(out, b"");
            }
            Self::Long { byte, bytes } => out.resize(out.len() + usize::from(*bytes), *byte),
            Self::HeartBeat => out.extend_from_slice(b"\r\n\n"),
            Self::Raw(bytes) => out.extend_from_slice(bytes),
            Self::Wait(_) | Self::ShutDown => {}
        }
    }
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.push(b'\n');
}

fn header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    line(out, &[name.as_bytes(), b":", value]);
}

fn optional(out: &mut Vec<u8>, name: &str, value: Option<u8>) {
    if let Some(choice) = value {
        header(out, name, pick(&["1", "2", "3"], choice).as_bytes());
    }
}

fn end(out: &mut Vec<u8>, body: &[u8]) {
    out.push(b'\n');
    out.extend_from_slice(body);
    out.push(0);
}

/// Reads what a server says, and keeps how the last MESSAGE is to be acknowledged.
#[derive(Debug, Default)]
pub struct StompReader {
    ack: Vec<u8>,
    message_id: Vec<u8>,
    subscription: Vec<u8>,
}

impl StompReader {
    /// Reads whole frames.
    ///
    /// # Panics
    ///
    /// If a server must not say such a thing.
    pub fn read(&mut self, said: &[u8]) {
        let mut decoder = Decoder::new(Role::Client, usize::MAX);
        let mut rest = said;
        while !rest.is_empty() {
            let taken = match decoder.decode(rest) {
                Ok(Decoded::HeartBeat { consumed }) => consumed,
                Ok(Decoded::Frame { frame, consumed }) => {
                    use Command::{Connected, Error, Message, Receipt};
                    let command = frame.command;
                    let is_servers = matches!(command, Some(Connected | Error | Message | Receipt));
                    assert!(is_servers, "a server says {command:?}");
                    if command == Some(Message) {
                        let get = |name| frame.headers.get(name).unwrap_or_default().into_owned();
                        self.ack = get("ack");
                        self.message_id = get("message-id");
                        self.subscription = get("subscription");
                    }
                    consumed
                }
                other => panic!("{other:?} in {:?}", String::from_utf8_lossy(rest)),
            };
            rest = &rest[taken..];
        }
    }
}
