//! What of a MESSAGE is the same for every subscriber: rendered once, kept with the message.
//!
//! ```text
//! destination  the message's headers  its properties  content-length  blank line  body  NUL  LF
//! ```
//!
//! RabbitMQ writes `destination` before `message-id`; the order means nothing to clients, and here
//! the tail can begin with it.

use model::{FieldValue, Message, Properties};
use wire::stomp::FrameWriter;

use super::destination::append_destination;

/// Room reserved for the headers of an ordinary message, in bytes.
const HEADERS_BYTES: usize = 256;

/// Sees to it that the message has its tail.
pub(super) fn prepare_tail(message: &Message) {
    message.tails().stomp.get_or_init(|| render(message));
}

fn render(message: &Message) -> Box<[u8]> {
    let mut out = Vec::with_capacity(HEADERS_BYTES + message.body().len());
    let mut destination = Vec::with_capacity(HEADERS_BYTES);
    append_destination(&mut destination, message.exchange().as_str(), message.routing_key());
    let mut frame = FrameWriter::tail(&mut out).header("destination", &destination);
    // A session lets no message in whose properties cannot be read.
    let properties = message.properties().unwrap_or_default();
    for (name, value) in properties.headers.iter().flat_map(|table| table.iter()) {
        let name = name.as_bytes();
        if name == b"content-length" {
            continue;
        }
        frame = match value {
            FieldValue::LongString(text) => frame.header(name, text),
            FieldValue::I32(number) => frame.header(name, number.to_string()),
            FieldValue::I64(number) => frame.header(name, number.to_string()),
            _ => frame,
        };
    }
    write_properties(frame, &properties).finish(message.body());
    out.into()
}

/// Writes the properties in the order of RabbitMQ's table, last first.
fn write_properties<'a>(frame: FrameWriter<'a>, properties: &Properties) -> FrameWriter<'a> {
    let text = |frame: FrameWriter<'a>, name: &str, value: &Option<model::ShortString>| match value
    {
        Some(value) => frame.header(name, value.as_bytes()),
        None => frame,
    };
    let frame = text(frame, "app-id", &properties.app_id);
    let frame = text(frame, "user-id", &properties.user_id);
    let mut frame = text(frame, "type", &properties.message_type);
    if let Some(timestamp) = properties.timestamp {
        frame = frame.number("timestamp", timestamp);
    }
    let frame = text(frame, "amqp-message-id", &properties.message_id);
    let mut frame = text(frame, "expiration", &properties.expiration);
    if let Some(reply_to) = &properties.reply_to {
        frame = match is_destination(reply_to.as_bytes()) {
            true => frame.header("reply-to", reply_to.as_bytes()),
            false => frame.header("reply-to", [b"/reply-queue/", reply_to.as_bytes()].concat()),
        };
    }
    let mut frame = text(frame, "correlation-id", &properties.correlation_id);
    if let Some(priority) = properties.priority {
        frame = frame.number("priority", priority.into());
    }
    frame = match properties.delivery_mode {
        None => frame,
        Some(2) => frame.header("persistent", "true"),
        Some(other) => frame.number("persistent", other.into()),
    };
    let frame = text(frame, "content-encoding", &properties.content_encoding);
    text(frame, "content-type", &properties.content_type)
}

/// Whether a `reply-to` can be sent to as it is. Source: RabbitMQ.
fn is_destination(reply_to: &[u8]) -> bool {
    const KINDS: [&str; 5] = ["/exchange", "/topic", "/queue", "/amq/queue", "/reply-queue/"];
    KINDS.iter().any(|kind| reply_to.starts_with(kind.as_bytes()))
}
