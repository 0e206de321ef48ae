//! Feeds any bytes to the AMQP decoder, frame by frame, as a session does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::amqp::frame::{FRAME_END, FRAME_OVERHEAD_BYTES, FrameKind};
use wire::amqp::method::Method;
use wire::amqp::{Payload, decode};

const FRAME_BYTES_MAX: u32 = 131_072;

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    loop {
        let (frame, bytes) = match decode(rest, FRAME_BYTES_MAX) {
            Ok(Some(found)) => found,
            Ok(None) => {
                let longest = FRAME_BYTES_MAX as usize + FRAME_OVERHEAD_BYTES;
                assert!(rest.len() < longest, "wants more behind {} bytes", rest.len());
                return;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        };
        assert!((FRAME_OVERHEAD_BYTES..=rest.len()).contains(&bytes));
        assert!(decode(&rest[..bytes - 1], FRAME_BYTES_MAX).is_ok_and(|found| found.is_none()));
        if let Payload::Method(method) = frame.payload {
            is_read_as_written(&method);
        }
        rest = &rest[bytes..];
    }
});

fn is_read_as_written(method: &Method<'_>) {
    let mut payload = Vec::new();
    method.write(&mut payload);
    let payload_bytes = payload.len() as u32;
    let mut frame = vec![FrameKind::Method as u8, 0, 0];
    frame.extend_from_slice(&payload_bytes.to_be_bytes());
    frame.append(&mut payload);
    frame.push(FRAME_END);
    let (read, _) = decode(&frame, 0).expect("is a frame").expect("is whole");
    assert_eq!(read.payload, Payload::Method(*method));
}
