//! Feeds any bytes to the readers of single headers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::stomp::encoder::append_escaped;
use wire::stomp::header::unescape;
use wire::stomp::{Command, HeartBeat, Quoted, Version};

fuzz_target!(|input: &[u8]| {
    let mut escaped = Vec::new();
    append_escaped(&mut escaped, input);
    assert_eq!(&*unescape(&escaped), input);
    assert!(!escaped.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b':')));
    assert!(unescape(input).len() <= input.len());

    if let Ok(wishes) = HeartBeat::parse(input) {
        assert_eq!(HeartBeat::parse(wishes.to_header().as_bytes()), Ok(wishes));
        let offers = wishes.in_whole_seconds();
        let _ = HeartBeat::period(wishes, offers.mirrored());
    }
    if let Some(version) = Version::negotiate(Some(input)) {
        assert_eq!(Version::parse(version.as_str().as_bytes()), Some(version));
    }
    if let Some(command) = Command::parse(input) {
        assert_eq!(command.as_str().as_bytes(), input);
    }
    assert!(!Quoted(input).to_string().contains(['\n', '\r', '\0']));
});
