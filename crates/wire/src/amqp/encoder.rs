//! Appends frames to a byte vector.

use crate::amqp::frame::{FRAME_END, FRAME_OVERHEAD_BYTES, FrameKind};
use crate::amqp::method::{Arguments, basic};
use crate::writer::Writer;

/// Bytes of a content header's payload before the property list.
const HEADER_FIXED_BYTES: usize = 12;

/// Bytes of a `basic.deliver` that is no name: class, method, tag, bit, and three lengths.
const DELIVER_FIXED_BYTES: usize = 16;

/// Bytes of a delivery in three frames that are neither names, properties nor body.
const DELIVERY_FIXED_BYTES: usize =
    3 * FRAME_OVERHEAD_BYTES + DELIVER_FIXED_BYTES + HEADER_FIXED_BYTES;

/// The class of all content.
const BASIC: u16 = 60;

/// What follows a method that carries content.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The encoded property list.
    pub properties: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

/// Appends a method frame.
pub fn encode_method<'a>(out: &mut Vec<u8>, channel: u16, method: &impl Arguments<'a>) {
    let [c0, c1] = channel.to_be_bytes();
    out.put(&[FrameKind::Method as u8, c0, c1]);
    out.put_measured(|out| method.write(out));
    out.push(FRAME_END);
}

/// Appends a method frame, a header frame, and as many body frames as the body needs.
///
/// `frame_bytes_max` is the agreed `frame-max`, 0 for none.
pub fn encode_content<'a>(
    out: &mut Vec<u8>,
    channel: u16,
    method: &impl Arguments<'a>,
    content: Content<'_>,
    frame_bytes_max: u32,
) {
    out.reserve(content.properties.len() + content.body.len() + 128);
    encode_method(out, channel, method);
    encode_header(out, channel, content.properties, content.body.len() as u64);
    for piece in content.body.chunks(body_bytes_per_frame(frame_bytes_max)) {
        encode_body_start(out, channel, piece.len());
        out.put(piece);
        out.push(FRAME_END);
    }
}

/// Appends a delivery: what [`encode_content`] appends, without a detour.
///
/// Nearly all that a broker says to a busy consumer.
pub fn encode_deliver(
    out: &mut Vec<u8>,
    channel: u16,
    deliver: &basic::Deliver<'_>,
    content: Content<'_>,
    frame_bytes_max: u32,
) {
    let Content { properties, body } = content;
    let basic::Deliver { consumer_tag: tag, delivery_tag, redelivered, exchange, routing_key } =
        *deliver;
    let (Ok(tag_bytes), Ok(exchange_bytes), Ok(key_bytes)) =
        (u8::try_from(tag.len()), u8::try_from(exchange.len()), u8::try_from(routing_key.len()))
    else {
        return encode_content(out, channel, deliver, content, frame_bytes_max);
    };
    if body.is_empty() || body.len() > body_bytes_per_frame(frame_bytes_max) {
        return encode_content(out, channel, deliver, content, frame_bytes_max);
    }
    let names_bytes = tag.len() + exchange.len() + routing_key.len();
    let [k, c0, c1, b0, b1, b2, b3] =
        frame_start(FrameKind::Method, channel, DELIVER_FIXED_BYTES + names_bytes);
    let [t0, t1, t2, t3, t4, t5, t6, t7] = delivery_tag.to_be_bytes();
    out.reserve(DELIVERY_FIXED_BYTES + names_bytes + properties.len() + body.len());
    out.put(&[k, c0, c1, b0, b1, b2, b3, 0, 60, 0, 60, tag_bytes]);
    out.put(tag);
    out.put(&[t0, t1, t2, t3, t4, t5, t6, t7, u8::from(redelivered), exchange_bytes]);
    out.put(exchange);
    out.push(key_bytes);
    out.put(routing_key);
    out.push(FRAME_END);
    encode_header(out, channel, properties, body.len() as u64);
    encode_body_start(out, channel, body.len());
    out.put(body);
    out.push(FRAME_END);
}

/// Appends the header frame of a content of class `basic`.
pub fn encode_header(out: &mut Vec<u8>, channel: u16, properties: &[u8], body_bytes: u64) {
    let [h0, h1, h2, h3, h4, h5, h6] =
        frame_start(FrameKind::Header, channel, HEADER_FIXED_BYTES + properties.len());
    let [c0, c1] = BASIC.to_be_bytes();
    let [b0, b1, b2, b3, b4, b5, b6, b7] = body_bytes.to_be_bytes();
    // One write for all that is fixed; between class and size, two octets of weight.
    out.put(&[h0, h1, h2, h3, h4, h5, h6, c0, c1, 0, 0, b0, b1, b2, b3, b4, b5, b6, b7]);
    out.put(properties);
    out.push(FRAME_END);
}

/// Appends what precedes the bytes of a body frame. [`FRAME_END`] must follow them.
pub fn encode_body_start(out: &mut Vec<u8>, channel: u16, payload_bytes: usize) {
    out.put(&frame_start(FrameKind::Body, channel, payload_bytes));
}

/// Appends a heart-beat.
pub fn encode_heartbeat(out: &mut Vec<u8>) {
    out.put(&frame_start(FrameKind::Heartbeat, 0, 0));
    out.push(FRAME_END);
}

/// How many bytes of a body go into one frame; `frame_bytes_max` 0 is no limit.
pub fn body_bytes_per_frame(frame_bytes_max: u32) -> usize {
    match frame_bytes_max as usize {
        0 => u32::MAX as usize,
        bytes => bytes.saturating_sub(FRAME_OVERHEAD_BYTES).max(1),
    }
}

fn frame_start(kind: FrameKind, channel: u16, payload_bytes: usize) -> [u8; 7] {
    let [c0, c1] = channel.to_be_bytes();
    let [b0, b1, b2, b3] = u32::try_from(payload_bytes).unwrap_or(u32::MAX).to_be_bytes();
    [kind as u8, c0, c1, b0, b1, b2, b3]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::amqp::frame::FRAME_BYTES_MIN;

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(300)
        })]

        #[test]
        fn a_delivery_is_a_method_with_content(
            names in proptest::array::uniform3(0_usize..260),
            property_bytes in 0_usize..20,
            body_bytes in prop_oneof![0_usize..3, 4080_usize..4095, 8175_usize..8180],
            delivery_tag in any::<u64>(),
            redelivered in any::<bool>(),
        ) {
            let bytes = vec![b'x'; 9000];
            let [tag, exchange, key] = names;
            let deliver = basic::Deliver {
                consumer_tag: &bytes[..tag],
                delivery_tag,
                redelivered,
                exchange: &bytes[..exchange],
                routing_key: &bytes[..key],
            };
            let content =
                Content { properties: &bytes[..property_bytes], body: &bytes[..body_bytes] };
            for frame_bytes_max in [FRAME_BYTES_MIN, 0] {
                let (mut found, mut expected) = (vec![1], vec![1]);
                encode_deliver(&mut found, 515, &deliver, content, frame_bytes_max);
                encode_content(&mut expected, 515, &deliver, content, frame_bytes_max);
                prop_assert_eq!(&found, &expected);
            }
        }
    }
}
