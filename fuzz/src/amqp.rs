//! An AMQP peer: pieces of its script, well formed or not, and the bytes they stand for.

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use wire::amqp::encoder::{Content, encode_content, encode_heartbeat, encode_method};
use wire::amqp::field::RawTable;
use wire::amqp::frame::FRAME_END;
use wire::amqp::method::{LongString, basic, channel, connection, queue};
use wire::amqp::protocol_header::PROTOCOL_HEADER;

use crate::amqp_method::{KEYS, NAMES, Said, With, pick};

/// The agreed size of a frame: the smallest that the server proposes here.
pub const AMQP_FRAME_BYTES_MAX: u32 = 4096;

/// Property lists: none, persistent, with TTL, with priority, with headers (CC), for a user.
const PROPERTIES: [&[u8]; 7] = [
    &[0, 0],
    &[0x10, 0, 2],
    b"\x01\x00\x010",
    b"\x08\x00\x03",
    b"\x20\x00\0\0\0\x13\x02CCA\0\0\0\x06S\0\0\0\x01r\x01nI\0\0\0\x01",
    b"\x00\x10\x05guest",
    b"\x00\x10\x05other",
];

/// One thing that a peer does.
#[derive(Arbitrary, Debug)]
pub enum AmqpPiece<'a> {
    /// A method that a server knows, with small arguments.
    Say { channel: u8, method: Said, with: With },
    /// A message.
    Publish { channel: u8, exchange: u8, key: u8, properties: u8, flags: u8, body: &'a [u8] },
    /// A method frame with any arguments.
    Method { channel: u8, class: u8, method: u8, arguments: &'a [u8] },
    /// A frame of any kind with any payload.
    Frame { kind: u8, channel: u16, payload: &'a [u8] },
    /// The start of a long frame of zeros.
    Part { kind: u8, channel: u8, payload_bytes: u32, sent_bytes: u16 },
    /// A publish and a header whose body does not follow.
    Header { channel: u8, body_bytes: u64, properties: &'a [u8] },
    /// A login with any response.
    Login { is_amqplain: bool, response: &'a [u8] },
    /// A heart-beat.
    HeartBeat,
    /// Any bytes.
    Raw(&'a [u8]),
    /// Seconds in which nothing comes.
    Wait(u8),
    /// The node goes down.
    ShutDown,
}

impl AmqpPiece<'_> {
    /// Appends the bytes; nothing for what is no bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Say { channel, method, with } => method.write(out, (channel % 4).into(), with),
            Self::Publish { channel, exchange, key, properties, flags, body } => {
                let publish = basic::Publish {
                    exchange: pick(&NAMES, exchange).as_bytes(),
                    routing_key: pick(&KEYS, key).as_bytes(),
                    mandatory: flags & 1 != 0,
                    immediate: flags == 0x80,
                };
                let content = Content { properties: pick(&PROPERTIES, properties), body };
                encode_content(out, (channel % 4).into(), &publish, content, AMQP_FRAME_BYTES_MAX);
            }
            Self::Method { channel, class, method, arguments } => {
                let payload = [&[0, class, 0, method], arguments].concat();
                frame(out, 1, (channel % 4).into(), &payload);
            }
            Self::Frame { kind, channel, payload } => frame(out, kind % 10, channel, payload),
            Self::Part { kind, channel, payload_bytes, sent_bytes } => {
                out.extend_from_slice(&[kind % 10, 0, channel % 4]);
                // On both sides of the limit, and not far from it.
                let payload_bytes = payload_bytes % (2 * AMQP_FRAME_BYTES_MAX);
                out.extend_from_slice(&payload_bytes.to_be_bytes());
                out.resize(out.len() + (payload_bytes as usize).min(sent_bytes.into()), 0);
            }
            Self::Header { channel, body_bytes, properties } => {
                let channel = (channel % 4).into();
                encode_method(out, channel, &basic::Publish::default());
                let fixed = [&[0, 60, 0, 0], &body_bytes.to_be_bytes()[..]].concat();
                frame(out, 2, channel, &[&fixed, properties].concat());
            }
            Self::Login { is_amqplain, response } => {
                let mechanism = if is_amqplain { "AMQPLAIN" } else { "PLAIN" };
                encode_method(out, 0, &start_ok(mechanism, response));
            }
            Self::HeartBeat => encode_heartbeat(out),
            Self::Raw(bytes) => out.extend_from_slice(bytes),
            Self::Wait(_) | Self::ShutDown => {}
        }
    }
}

/// What a script finds when it begins.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmqpStart {
    /// A socket.
    Nothing,
    /// An open connection, with channels 1 and 2.
    Open,
    /// A queue `q` on it, bound by `a.b`, with a consumer `t` on channel 1 and a message.
    Consuming,
}

impl AmqpStart {
    /// The bytes that bring a peer there.
    pub fn bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        if self != Self::Nothing {
            open(&mut out);
        }
        if self == Self::Consuming {
            consume(&mut out);
        }
        out
    }
}

fn open(out: &mut Vec<u8>) {
    out.extend_from_slice(&PROTOCOL_HEADER);
    let frame_max = AMQP_FRAME_BYTES_MAX;
    encode_method(out, 0, &start_ok("PLAIN", b"\0guest\0guest"));
    encode_method(out, 0, &connection::TuneOk { channel_max: 3, frame_max, heartbeat: 10 });
    encode_method(out, 0, &connection::Open { virtual_host: "/", ..Default::default() });
    encode_method(out, 1, &channel::Open::default());
    encode_method(out, 2, &channel::Open::default());
}

fn consume(out: &mut Vec<u8>) {
    let (queue, exchange, routing_key) = ("q", "amq.topic", "a.b");
    encode_method(out, 1, &queue::Declare { queue, ..Default::default() });
    encode_method(out, 1, &queue::Bind { queue, exchange, routing_key, ..Default::default() });
    encode_method(out, 1, &basic::Consume { queue, consumer_tag: "t", ..Default::default() });
    let publish = basic::Publish { routing_key: b"q", ..Default::default() };
    let content = Content { properties: PROPERTIES[0], body: b"first" };
    encode_content(out, 1, &publish, content, AMQP_FRAME_BYTES_MAX);
}

fn start_ok<'a>(mechanism: &'a str, response: &'a [u8]) -> connection::StartOk<'a> {
    let client_properties = RawTable::default();
    let response = LongString(response);
    connection::StartOk { client_properties, mechanism, response, locale: "en_US" }
}

fn frame(out: &mut Vec<u8>, kind: u8, channel: u16, payload: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(payload);
    out.push(FRAME_END);
}
