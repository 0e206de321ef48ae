//! Feeds any bytes to the AMQP decoder, frame by frame, as a session does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::amqp::header::{decode_properties, encode_properties, property_facts};
use wire::amqp::{Payload, decode};

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    while let Ok(Some((frame, bytes))) = decode(rest, 131_072) {
        match frame.payload {
            Payload::Method(method) => {
                let mut written = Vec::new();
                method.write(&mut written);
            }
            Payload::Header(header) => {
                let decoded = decode_properties(header.properties);
                assert_eq!(decoded.is_ok(), property_facts(header.properties).is_ok());
                if let Ok(properties) = decoded {
                    let encoded = encode_properties(&properties);
                    assert_eq!(decode_properties(&encoded), Ok(properties));
                }
            }
            Payload::Body(_) | Payload::Heartbeat => {}
        }
        assert!(bytes >= 8 && bytes <= rest.len());
        rest = &rest[bytes..];
    }
});
