//! Appends frames to a byte vector.

use crate::amqp::frame::{FRAME_END, FRAME_OVERHEAD_BYTES, FrameKind};
use crate::amqp::method::Arguments;
use crate::writer::Writer;

/// Bytes of a content header's payload before the property list.
const HEADER_FIXED_BYTES: usize = 12;

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
