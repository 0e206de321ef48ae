//! What of a MESSAGE is the same for every subscriber: rendered once, kept with the message.
//!
//! ```text
//! destination  the message's headers  its properties  content-length  blank line  body  NUL  LF
//! ```
//!
//! RabbitMQ writes `destination` before `message-id`; the order means nothing to clients, and here
//! the tail can begin with it.

use std::borrow::Cow;
use std::sync::OnceLock;

use model::Message;
use model::message::StompTail;
use smallvec::SmallVec;
use wire::amqp::PROPERTY_CODEC;
use wire::amqp::raw::{RawProperties, RawValue, entries};
use wire::stomp::FrameWriter;

use super::destination::append_destination;

/// Room reserved for the headers of an ordinary message, in bytes.
const HEADERS_BYTES: usize = 256;

/// Sees to it that the message has its tail.
pub(super) fn prepare_tail(message: &Message) {
    message.tails().stomp.get_or_init(|| render(message));
}

fn render(message: &Message) -> StompTail {
    let mut out = Vec::with_capacity(HEADERS_BYTES + message.body().len());
    let mut destination = SmallVec::<[u8; HEADERS_BYTES]>::new();
    let mut put = |text: &[u8]| destination.extend_from_slice(text);
    append_destination(&mut put, message.exchange().as_str(), message.routing_key());
    let mut frame = FrameWriter::tail(&mut out).header("destination", &destination);
    let bytes = property_bytes(message);
    // A session lets no message in whose properties cannot be read.
    let properties = RawProperties::parse(&bytes).unwrap_or_default();
    for (name, value) in properties.headers.into_iter().flat_map(entries) {
        if name == b"content-length" {
            continue;
        }
        frame = match value {
            RawValue::Text(text) => frame.header(name, text),
            RawValue::I32(number) => frame.header(name, number.to_string()),
            RawValue::I64(number) => frame.header(name, number.to_string()),
            RawValue::Other => frame,
        };
    }
    write_properties(frame, &properties).finish(message.body());
    let is_text = std::str::from_utf8(&out).is_ok();
    StompTail { bytes: out.into(), is_text, deflated: OnceLock::new() }
}

/// The properties in AMQP's format, whatever format the message came in.
fn property_bytes(message: &Message) -> Cow<'_, [u8]> {
    match std::ptr::eq(message.codec(), &PROPERTY_CODEC) {
        true => Cow::Borrowed(message.property_bytes()),
        false => Cow::Owned((PROPERTY_CODEC.encode)(&message.properties().unwrap_or_default())),
    }
}

/// Writes the properties in the order of RabbitMQ's table, last first.
fn write_properties<'a>(frame: FrameWriter<'a>, properties: &RawProperties<'_>) -> FrameWriter<'a> {
    let text = |frame: FrameWriter<'a>, name: &str, value: &Option<Cow<'_, [u8]>>| match value {
        Some(value) => frame.header(name, value),
        None => frame,
    };
    let number = |frame: FrameWriter<'a>, name: &str, value: Option<u64>| match value {
        Some(value) => frame.number(name, value),
        None => frame,
    };
    let frame = text(frame, "app-id", &properties.app_id);
    let frame = text(frame, "user-id", &properties.user_id);
    let frame = text(frame, "type", &properties.message_type);
    let frame = number(frame, "timestamp", properties.timestamp);
    let frame = text(frame, "amqp-message-id", &properties.message_id);
    let mut frame = text(frame, "expiration", &properties.expiration);
    if let Some(reply_to) = &properties.reply_to {
        frame = match is_destination(reply_to) {
            true => frame.header("reply-to", reply_to),
            false => frame.header("reply-to", [b"/reply-queue/", &**reply_to].concat()),
        };
    }
    let frame = text(frame, "correlation-id", &properties.correlation_id);
    let frame = number(frame, "priority", properties.priority.map(u64::from));
    let frame = match properties.delivery_mode {
        Some(2) => frame.header("persistent", "true"),
        other => number(frame, "persistent", other.map(u64::from)),
    };
    let frame = text(frame, "content-encoding", &properties.content_encoding);
    text(frame, "content-type", &properties.content_type)
}

/// Whether a `reply-to` can be sent to as it is. Source: RabbitMQ.
fn is_destination(reply_to: &[u8]) -> bool {
    const KINDS: [&str; 5] = ["/exchange", "/topic", "/queue", "/amq/queue", "/reply-queue/"];
    KINDS.iter().any(|kind| reply_to.starts_with(kind.as_bytes()))
}
