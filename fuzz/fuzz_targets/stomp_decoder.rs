//! Any bytes, in any pieces, for either end: frames, "need more", or an error; never a panic, never
//! more consumed than given, and the same frames at any split.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::stomp::{Decoded, Decoder, Role};

/// The largest frame, in bytes: small, so that the limit is met.
const FRAME_BYTES_MAX: usize = 4096;

fuzz_target!(|input: &[u8]| {
    // The first byte says who reads and how long the pieces are.
    let Some((&shape, input)) = input.split_first() else {
        return;
    };
    let role = if shape & 1 == 0 { Role::Server } else { Role::Client };
    let piece_bytes = usize::from(shape >> 1) + 1;
    assert_eq!(read(role, input, piece_bytes), read(role, input, input.len().max(1)));
});

/// What was read, as text, and whether it ended in an error.
fn read(role: Role, input: &[u8], piece_bytes: usize) -> (Vec<String>, bool) {
    let mut decoder = Decoder::new(role, FRAME_BYTES_MAX);
    let mut frames = Vec::new();
    let (mut start, mut end) = (0, 0);
    while end < input.len() {
        end = (end + piece_bytes).min(input.len());
        loop {
            let given = &input[start..end];
            let consumed = match decoder.decode(given) {
                Ok(Decoded::NeedMore) => {
                    assert!(given.len() <= FRAME_BYTES_MAX, "wants more behind {}", given.len());
                    break;
                }
                Ok(Decoded::HeartBeat { consumed }) => consumed,
                Ok(Decoded::Frame { frame, consumed }) => {
                    for header in &frame.headers {
                        assert!(header.name().len() <= header.raw_name.len());
                        assert!(header.value().len() <= header.raw_value.len());
                    }
                    frames.push(format!("{frame:?}"));
                    consumed
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    return (frames, true);
                }
            };
            assert!((1..=given.len()).contains(&consumed));
            start += consumed;
        }
    }
    (frames, false)
}
