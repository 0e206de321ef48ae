//! What a back end sends: AMQP 0-9-1 frames.

use wire::amqp::encoder::{Content, encode_content};
use wire::amqp::method::basic;

use crate::Problem;
use crate::node::AmqpPeer;

/// The channel that everything happens on.
const CHANNEL: u16 = 1;

/// The agreed `frame-max`, in bytes.
const FRAME_BYTES_MAX: u32 = 131_072;

/// One method frame: class, method, arguments.
fn method(channel: u16, class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    let size = u32::try_from(arguments.len() + 4).unwrap_or(u32::MAX);
    let mut out = vec![1];
    out.extend(channel.to_be_bytes());
    out.extend(size.to_be_bytes());
    out.extend(class.to_be_bytes());
    out.extend(method.to_be_bytes());
    out.extend(arguments);
    out.push(0xCE);
    out
}

/// Sends a method, and finds that `answer` comes back.
fn ask(
    peer: &mut AmqpPeer,
    (class, number): (u16, u16),
    arguments: &[u8],
    answer: u16,
) -> Result<(), Problem> {
    let channel = if class == 10 { 0 } else { CHANNEL };
    let [c0, c1] = class.to_be_bytes();
    let [a0, a1] = answer.to_be_bytes();
    peer.expect(&method(channel, class, number, arguments), [c0, c1, a0, a1])
}

/// From the protocol header to an open channel.
pub(crate) fn log_in(peer: &mut AmqpPeer) -> Result<(), Problem> {
    peer.expect(b"AMQP\x00\x00\x09\x01", [0, 10, 0, 10])?;
    // client-properties, mechanism, response, locale
    let start_ok = b"\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x0c\x00guest\x00guest\x05en_US";
    ask(peer, (10, 11), start_ok, 30)?;
    // channel-max, frame-max, heart-beat
    let mut tune_ok = 16_u16.to_be_bytes().to_vec();
    tune_ok.extend(FRAME_BYTES_MAX.to_be_bytes());
    tune_ok.extend(0_u16.to_be_bytes());
    peer.say(&method(0, 10, 31, &tune_ok))?;
    ask(peer, (10, 40), b"\x01/\x00\x00", 41)?;
    ask(peer, (20, 10), b"\x00", 11)
}

/// A short string.
fn short(text: &str) -> Vec<u8> {
    let mut out = vec![u8::try_from(text.len()).unwrap_or(u8::MAX)];
    out.extend_from_slice(text.as_bytes());
    out
}

/// Declares a queue that is neither durable nor anything else.
pub(crate) fn declare_queue(peer: &mut AmqpPeer, queue: &str) -> Result<(), Problem> {
    let arguments = [&[0, 0], &*short(queue), &[0, 0, 0, 0, 0]].concat();
    ask(peer, (50, 10), &arguments, 11)
}

/// Declares a topic exchange.
pub(crate) fn declare_topic(peer: &mut AmqpPeer, exchange: &str) -> Result<(), Problem> {
    let arguments = [&[0, 0], &*short(exchange), &*short("topic"), &[0, 0, 0, 0, 0]].concat();
    ask(peer, (40, 10), &arguments, 11)
}

/// Consumes without a prefetch.
pub(crate) fn consume(peer: &mut AmqpPeer, queue: &str, ack: Ack) -> Result<(), Problem> {
    let bits = match ack {
        Ack::Automatic => 0b10,
        Ack::Manual => 0,
    };
    let arguments = [&[0, 0], &*short(queue), &*short("c"), &[bits, 0, 0, 0, 0]].concat();
    ask(peer, (60, 20), &arguments, 21)
}

/// Who acknowledges.
#[derive(Clone, Copy)]
pub(crate) enum Ack {
    /// The broker, by delivering.
    Automatic,
    /// The consumer.
    Manual,
}

/// Asks for confirms.
pub(crate) fn select_confirms(peer: &mut AmqpPeer) -> Result<(), Problem> {
    ask(peer, (85, 10), b"\x00", 11)
}

/// Appends a publish of a transient message with a content type.
pub(crate) fn publish(out: &mut Vec<u8>, exchange: &str, key: &str, body: &str) {
    let publish = basic::Publish {
        exchange: exchange.as_bytes(),
        routing_key: key.as_bytes(),
        mandatory: false,
        immediate: false,
    };
    // The flag of content-type, and its value.
    let properties = [&0x8000_u16.to_be_bytes(), &*short("application/json")].concat();
    let content = Content { properties: &properties, body: body.as_bytes() };
    encode_content(out, CHANNEL, &publish, content, FRAME_BYTES_MAX);
}

/// Appends an acknowledgement of one delivery.
pub(crate) fn ack(out: &mut Vec<u8>, tag: u64) {
    let arguments = [&tag.to_be_bytes()[..], &[0]].concat();
    out.extend(method(CHANNEL, 60, 80, &arguments));
}
