//! Feeds any bytes to all readers of property lists and field tables, which must agree.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::amqp::field::{RawTable, decode_table, encode_entries};
use wire::amqp::header::{decode_properties, encode_properties, property_facts};
use wire::amqp::raw::{RawProperties, entries};

fuzz_target!(|input: &[u8]| {
    properties(input);
    table(input);
});

fn properties(input: &[u8]) {
    let decoded = decode_properties(input);
    let facts = property_facts(input);
    let raw = RawProperties::parse(input);
    assert_eq!(decoded.is_ok(), facts.is_ok());
    assert_eq!(decoded.is_ok(), raw.is_ok());
    let (Ok(decoded), Ok(facts), Ok(raw)) = (decoded, facts, raw) else { return };
    assert_eq!(facts.priority, decoded.priority);
    assert_eq!(facts.user_id, decoded.user_id.as_ref().map(|user| user.as_bytes()));
    assert_eq!(facts.headers.is_some(), decoded.headers.is_some());

    let encoded = encode_properties(&decoded);
    assert_eq!(decode_properties(&encoded).as_ref(), Ok(&decoded));
    let mut written = Vec::new();
    raw.encode(&mut written).expect("short strings that were read fit");
    assert_eq!(RawProperties::parse(&written), Ok(raw));
    assert_eq!(decode_properties(&written), Ok(decoded));
}

fn table(input: &[u8]) {
    let decoded = decode_table(input);
    let raw = RawTable::parse(input);
    assert_eq!(decoded.as_ref().err(), raw.as_ref().err());
    let (Ok(decoded), Ok(raw)) = (decoded, raw) else { return };
    assert_eq!(raw.decode(), decoded);
    assert_eq!(entries(raw).count(), decoded.len());
    let mut written = Vec::new();
    encode_entries(&decoded, &mut written);
    assert_eq!(decode_table(&written), Ok(decoded));
}
