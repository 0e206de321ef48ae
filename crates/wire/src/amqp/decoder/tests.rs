//! What the decoder says to frames, to parts of frames, and to what is none.

use proptest::prelude::*;

use super::*;
use crate::amqp::encoder::{Content, encode_content, encode_heartbeat, encode_method};
use crate::amqp::header::NO_PROPERTIES;
use crate::amqp::method::{basic, channel, queue};

const FRAME_BYTES_MAX: u32 = 4096;

fn raw(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(channel.to_be_bytes());
    frame.extend((payload.len() as u32).to_be_bytes());
    frame.extend(payload);
    frame.push(FRAME_END);
    frame
}

/// The code, method and text of the goodbye that `input` earns.
fn goodbye(input: &[u8]) -> String {
    match decode(input, FRAME_BYTES_MAX) {
        Ok(found) => format!("{found:?}"),
        Err(error) => {
            let text = error.code().text(&error.to_string());
            format!("{} {} {text}", error.code().code(), error.method())
        }
    }
}

#[test]
fn errors_are_worded_like_rabbitmqs() {
    let mut bad_end = raw(1, 1, &[0, 20, 0, 41]);
    *bad_end.last_mut().unwrap() = 7;
    for (input, expected) in [
        (
            [[3, 0, 1].as_slice(), &4097_u32.to_be_bytes()].concat(),
            "501 0.0 FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088}",
        ),
        (
            bad_end,
            "501 0.0 FRAME_ERROR - type 1, all octets = <<0,20,0,41>>: \
             {invalid_frame_end_marker,7}",
        ),
        (
            raw(4, 0, b"AMQP"),
            "501 0.0 FRAME_ERROR - type 4, all octets = <<\"AMQP\">>: unknown_frame",
        ),
        (raw(8, 0, &[1]), "501 0.0 FRAME_ERROR - type 8, all octets = <<1>>: unknown_frame"),
        (
            raw(1, 1, &[0, 60, 0]),
            "501 0.0 FRAME_ERROR - type 1, all octets = <<0,60,0>>: unknown_frame",
        ),
        (
            raw(2, 1, &[0, 60, 0]),
            "501 0.0 FRAME_ERROR - type 2, all octets = <<0,60,0>>: unknown_frame",
        ),
        (raw(8, 1, &[]), "505 0.0 UNEXPECTED_FRAME - type 8, all octets = <<>>"),
        (
            raw(3, 0, &[0; 17]),
            "505 0.0 UNEXPECTED_FRAME - type 3, first 16 octets = \
             <<0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0>>",
        ),
        // §13, 21: trailing garbage.
        (raw(1, 1, &[0, 20, 0, 41, 9]), "501 20.41 FRAME_ERROR - cannot decode <<9>>"),
        (raw(1, 1, &[0, 20, 0, 10, 2, b'a']), "501 20.10 FRAME_ERROR - cannot decode <<2,97>>"),
        (
            raw(1, 1, &[0, 50, 0, 30, 0, 0, 1, 0xFF, 0]),
            "501 50.30 FRAME_ERROR - Malformed UTF-8 in shortstr",
        ),
        (raw(1, 1, &[0, 60, 0, 41]), "503 60.41 COMMAND_INVALID - unknown method 60.41"),
        (raw(1, 1, &[0, 61, 0, 40]), "503 61.40 COMMAND_INVALID - unknown method 61.40"),
    ] {
        assert_eq!(goodbye(&input), expected);
    }
}

#[test]
fn a_payload_may_use_the_eight_bytes_of_tolerance() {
    let largest = raw(3, 1, &[7; FRAME_BYTES_MAX as usize]);
    assert!(matches!(decode(&largest, FRAME_BYTES_MAX), Ok(Some((_, 4104)))));
    let larger = raw(3, 1, &[7; FRAME_BYTES_MAX as usize + 1]);
    assert!(decode(&larger, FRAME_BYTES_MAX).is_err_and(|error| error.loses_framing()));
    assert!(matches!(decode(&larger, 0), Ok(Some((_, 4105)))));
}

#[test]
fn a_publish_may_name_what_is_not_utf_8() {
    let publish = basic::Publish {
        exchange: &[0xFF],
        routing_key: &[0xFE],
        mandatory: true,
        immediate: false,
    };
    let mut input = Vec::new();
    encode_method(&mut input, 7, &publish);
    let (frame, bytes) = decode(&input, FRAME_BYTES_MAX).unwrap().unwrap();
    assert_eq!(frame.payload, Payload::Method(Method::Basic(basic::Basic::Publish(publish))));
    assert_eq!((frame.channel, bytes), (7, input.len()));
}

/// §13, 85 and 86: bodies of no byte, of exactly one frame, and one byte on either side.
#[test]
fn a_body_is_cut_into_frames_of_the_agreed_size() {
    let piece_bytes = 4088;
    for (body_bytes, pieces) in [
        (0, vec![]),
        (1, vec![1]),
        (4087, vec![4087]),
        (4088, vec![4088]),
        (4089, vec![4088, 1]),
        (3 * piece_bytes, vec![4088; 3]),
    ] {
        let body = vec![b'x'; body_bytes];
        let content = Content { properties: &NO_PROPERTIES, body: &body };
        let mut input = Vec::new();
        encode_content(&mut input, 1, &basic::Publish::default(), content, FRAME_BYTES_MAX);
        let mut found = Vec::new();
        for_each_frame(&input, |frame| match frame.payload {
            Payload::Body(piece) => found.push(piece.len()),
            Payload::Header(header) => assert_eq!(header.body_bytes, body_bytes as u64),
            _ => {}
        });
        assert_eq!(found, pieces);
    }
}

fn for_each_frame(mut input: &[u8], mut see: impl FnMut(Frame<'_>)) {
    while let Some((frame, bytes)) = decode(input, FRAME_BYTES_MAX).unwrap() {
        see(frame);
        input = &input[bytes..];
    }
    assert!(input.is_empty());
}

fn conversation() -> Vec<u8> {
    let mut input = Vec::new();
    encode_method(&mut input, 1, &channel::Open::default());
    encode_heartbeat(&mut input);
    let declare = queue::Declare { queue: "tasks", durable: true, ..Default::default() };
    encode_method(&mut input, 1, &declare);
    let publish = basic::Publish { routing_key: b"tasks", ..Default::default() };
    let content = Content { properties: &[0x10, 0, 2], body: &[1; 100] };
    encode_content(&mut input, 1, &publish, content, FRAME_BYTES_MAX);
    input
}

#[test]
fn every_part_of_a_frame_asks_for_more() {
    let input = conversation();
    let mut start = 0;
    for_each_frame(&input, |frame| {
        let end = start + frame.octets.len() + FRAME_OVERHEAD_BYTES;
        for cut in start..end {
            assert_eq!(decode(&input[start..cut], FRAME_BYTES_MAX), Ok(None));
        }
        start = end;
    });
}

proptest! {
    #[test]
    fn garbage_never_panics(input in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&input, FRAME_BYTES_MAX);
    }

    /// Frames that are right on the outside, garbage within: this reaches every method.
    #[test]
    fn garbage_in_frames_never_panics(
        kind in 1_u8..5,
        channel in 0_u16..3,
        class in prop::sample::select(vec![10_u8, 20, 30, 40, 50, 60, 85, 90]),
        method in 0_u8..130,
        arguments in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let payload = [&[0, class, 0, method], arguments.as_slice()].concat();
        let _ = decode(&raw(kind, channel, &payload), FRAME_BYTES_MAX);
    }

    #[test]
    fn a_bent_conversation_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut input = conversation();
        let at = at.index(input.len());
        input[at] = byte;
        let mut rest = input.as_slice();
        while let Ok(Some((_, bytes))) = decode(rest, FRAME_BYTES_MAX) {
            rest = &rest[bytes..];
        }
    }
}
