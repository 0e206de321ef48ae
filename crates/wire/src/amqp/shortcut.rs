//! What nearly all bytes of a busy peer are, decoded without a detour: messages that are there as a
//! whole, and acknowledgements.
//!
//! ```text
//! message  method frame (basic.publish or basic.deliver)  header frame  body frame, if any
//! ack      01  channel:u16  00 00 00 0D  00 3C 00 50  delivery-tag:u64  bits:u8  CE
//! ```
//!
//! A shortcut takes nothing that [`super::decode`] would take otherwise, frame by frame. Whatever
//! else there is, and all that is wrong, it leaves alone.

use crate::amqp::encoder::Content;
use crate::amqp::frame::{FRAME_END, FrameKind};
use crate::amqp::method::{Arguments, basic};
use crate::reader::Reader;

/// How many bytes the frame of a `basic.ack` takes.
pub const ACK_BYTES: usize = 21;

/// A message, with the method that carries it.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a, M> {
    /// The channel, which is not 0.
    pub channel: u16,
    /// The method.
    pub method: M,
    /// Properties, not validated, and body.
    pub content: Content<'a>,
    /// How many bytes its frames take.
    pub bytes: usize,
}

/// Decodes a publish at the front of `input`, if its body is there in one frame.
pub fn decode_publish(input: &[u8], frame_bytes_max: u32) -> Option<Whole<'_, basic::Publish<'_>>> {
    decode_whole(input, frame_bytes_max)
}

/// Decodes a delivery at the front of `input`, if its body is there in one frame.
pub fn decode_deliver(input: &[u8], frame_bytes_max: u32) -> Option<Whole<'_, basic::Deliver<'_>>> {
    decode_whole(input, frame_bytes_max)
}

/// Decodes an acknowledgement at the front of `input`, and says on which channel it came.
pub fn decode_ack(input: &[u8]) -> Option<(u16, basic::Ack)> {
    let frame: &[u8; ACK_BYTES] = input.first_chunk()?;
    let [1, c0, c1, 0, 0, 0, 13, 0, 60, 0, 80, t0, t1, t2, t3, t4, t5, t6, t7, bits, FRAME_END] =
        *frame
    else {
        return None;
    };
    let ack = basic::Ack {
        delivery_tag: u64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
        multiple: bits & 1 == 1,
    };
    Some((u16::from_be_bytes([c0, c1]), ack))
}

fn decode_whole<'a, M: Arguments<'a>>(
    input: &'a [u8],
    frame_bytes_max: u32,
) -> Option<Whole<'a, M>> {
    let (channel, payload, rest) = take_frame(input, FrameKind::Method, frame_bytes_max)?;
    let ([c0, c1, m0, m1], arguments) = payload.split_first_chunk()?;
    let is_its = u16::from_be_bytes([*c0, *c1]) == M::ID.class_id
        && u16::from_be_bytes([*m0, *m1]) == M::ID.method_id;
    if channel == 0 || !is_its {
        return None;
    }
    let mut arguments = Reader::new(arguments);
    let method = M::read_arguments(&mut arguments).ok().filter(|_| arguments.is_empty())?;

    let (of_header, header, rest) = take_frame(rest, FrameKind::Header, frame_bytes_max)?;
    let ([0, 60, 0, 0, b0, b1, b2, b3, b4, b5, b6, b7], properties) = header.split_first_chunk()?
    else {
        return None;
    };
    let body_bytes = u64::from_be_bytes([*b0, *b1, *b2, *b3, *b4, *b5, *b6, *b7]);
    let (of_body, body, rest) = match body_bytes {
        0 => (channel, &[][..], rest),
        _ => take_frame(rest, FrameKind::Body, frame_bytes_max)?,
    };
    let is_one = of_header == channel && of_body == channel && body.len() as u64 == body_bytes;
    let bytes = input.len() - rest.len();
    is_one.then_some(Whole { channel, method, content: Content { properties, body }, bytes })
}

/// Takes a frame of that kind: its channel, its payload, and what follows it.
fn take_frame(input: &[u8], kind: FrameKind, frame_bytes_max: u32) -> Option<(u16, &[u8], &[u8])> {
    let ([found, c0, c1, b0, b1, b2, b3], rest) = input.split_first_chunk()?;
    let payload_bytes = u32::from_be_bytes([*b0, *b1, *b2, *b3]);
    if *found != kind as u8 || frame_bytes_max != 0 && payload_bytes > frame_bytes_max {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(payload_bytes as usize)?;
    let (end, rest) = rest.split_first()?;
    (*end == FRAME_END).then_some((u16::from_be_bytes([*c0, *c1]), payload, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::amqp::decode;
    use crate::amqp::encoder::{encode_content, encode_method};
    use crate::amqp::frame::Payload;
    use crate::amqp::method::Method;
    use crate::amqp::method::basic::Basic;

    const FRAME_BYTES_MAX: u32 = 4096;

    /// What frame-by-frame decoding finds in the first `bytes` of the input.
    fn frames(input: &[u8], bytes: usize) -> Vec<(u16, Payload<'_>)> {
        let mut taken = 0;
        let mut found = Vec::new();
        while taken < bytes {
            let (frame, frame_bytes) =
                decode(&input[taken..], FRAME_BYTES_MAX).unwrap().expect("a whole frame");
            found.push((frame.channel, frame.payload));
            taken += frame_bytes;
        }
        assert_eq!(taken, bytes, "the shortcut ends where a frame ends");
        found
    }

    /// A shortcut, if it is taken, says what the frames say.
    fn check(input: &[u8]) -> Option<usize> {
        if let Some((channel, ack)) = decode_ack(input)
            && channel != 0
        {
            let found = frames(input, ACK_BYTES);
            assert_eq!(found, [(channel, Payload::Method(Method::Basic(Basic::Ack(ack))))]);
            return Some(ACK_BYTES);
        }
        let publish = decode_publish(input, FRAME_BYTES_MAX)
            .map(|it| (it.channel, Basic::Publish(it.method), it.content, it.bytes));
        let deliver = decode_deliver(input, FRAME_BYTES_MAX)
            .map(|it| (it.channel, Basic::Deliver(it.method), it.content, it.bytes));
        let (channel, method, content, bytes) = publish.or(deliver)?;
        let found = frames(input, bytes);
        assert_eq!(found[0], (channel, Payload::Method(Method::Basic(method))));
        let (of_header, Payload::Header(header)) = found[1] else { panic!("{found:?}") };
        assert_eq!((of_header, header.class_id, header.weight), (channel, 60, 0));
        assert_eq!(header.properties, content.properties);
        assert_eq!(header.body_bytes, content.body.len() as u64);
        match found.get(2) {
            Some(body) => assert_eq!(*body, (channel, Payload::Body(content.body))),
            None => assert!(content.body.is_empty()),
        }
        Some(bytes)
    }

    fn published(channel: u16, body: &[u8]) -> Vec<u8> {
        let publish = basic::Publish {
            exchange: b"x",
            routing_key: b"key",
            mandatory: true,
            immediate: false,
        };
        let mut out = Vec::new();
        let content = Content { properties: &[0x10, 0, 2], body };
        encode_content(&mut out, channel, &publish, content, FRAME_BYTES_MAX);
        out
    }

    #[test]
    fn a_message_is_taken_if_its_body_is_whole_and_in_one_frame() {
        for bytes in [0, 1, 128, FRAME_BYTES_MAX as usize - 8] {
            let input = published(7, &vec![b'x'; bytes]);
            assert_eq!(check(&input), Some(input.len()), "{bytes}");
            assert_eq!(check(&input[..input.len() - 1]), None, "{bytes}");
        }
        assert_eq!(check(&published(7, &vec![b'x'; FRAME_BYTES_MAX as usize - 7])), None);
        assert_eq!(check(&published(0, b"x")), None);
    }

    #[test]
    fn an_ack_is_taken() {
        for multiple in [false, true] {
            let ack = basic::Ack { delivery_tag: 0x0102_0304_0506_0708, multiple };
            let mut input = Vec::new();
            encode_method(&mut input, 258, &ack);
            assert_eq!(decode_ack(&input), Some((258, ack)));
            assert_eq!(decode_ack(&input[..ACK_BYTES - 1]), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(2000)
        })]

        /// Bent at a few bytes, a message or an ack is taken as the frames say, or not at all.
        #[test]
        fn a_shortcut_takes_what_the_frames_say(
            body in proptest::collection::vec(any::<u8>(), 0..40),
            is_ack in any::<bool>(),
            bends in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..80), 0..3),
        ) {
            let mut input = published(1, &body);
            if is_ack {
                input.clear();
                encode_method(&mut input, 1, &basic::Ack { delivery_tag: 3, multiple: false });
            }
            input.extend(published(1, b"next"));
            for (at, value) in bends {
                let at = at.index(input.len());
                input[at] = value;
            }
            check(&input);
        }
    }
}
