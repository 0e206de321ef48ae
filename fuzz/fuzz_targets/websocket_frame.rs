//! Feeds any bytes to the reader of frame headers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::websocket::{Header, Mask};

fuzz_target!(|input: &[u8]| {
    match Header::parse(input) {
        Ok(Some((header, bytes))) => {
            let mut encoded = Vec::new();
            header.append_to(&mut encoded);
            assert_eq!(encoded, &input[..bytes], "each header has one form");
            assert_eq!(Header::parse(&input[..bytes - 1]), Ok(None));
            mask(header.mask, &input[bytes..]);
        }
        Ok(None) => assert!(input.len() < Header::BYTES_MAX),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});

/// A mask in two parts is the mask, and twice it is none.
fn mask(mask: Option<Mask>, payload: &[u8]) {
    let Some(mask) = mask else { return };
    let cut = payload.first().map_or(0, |first| usize::from(*first) % payload.len());
    let mut parts = payload.to_vec();
    let (front, back) = parts.split_at_mut(cut);
    mask.apply(0, front);
    mask.apply(cut, back);
    mask.apply(0, &mut parts);
    assert_eq!(parts, payload);
}
