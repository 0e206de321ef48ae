//! What messages say.

use crate::load::SEQUENCE;

/// So many bytes of text, with room for a sequence number.
pub(super) fn plain(bytes: usize) -> Vec<u8> {
    let mut body = SEQUENCE.as_bytes().to_vec();
    body.resize(bytes, b'x');
    body
}

/// So many bytes of JSON as a dashboard sends it, with room for a sequence number.
pub(super) fn json(bytes: usize) -> Vec<u8> {
    let mut text = format!("{{\"type\":\"metrics\",\"id\":\"{SEQUENCE}\",\"values\":{{");
    let mut number = 0_u64;
    loop {
        number =
            number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = format!("\"metric_{}\":{},", number % 97, number >> 44);
        if text.len() + value.len() + "\"z\":0}}".len() > bytes {
            break;
        }
        text.push_str(&value);
    }
    text.push_str("\"z\":0}}");
    let mut body = text.into_bytes();
    // Spaces after a value are JSON, too.
    body.resize(bytes, b' ');
    body
}
