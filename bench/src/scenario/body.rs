//! What messages say.

use crate::load::SEQUENCE;

/// So many bytes of text, with room for a sequence number.
pub(super) fn plain(bytes: usize) -> Vec<u8> {
    let mut body = SEQUENCE.as_bytes().to_vec();
    body.resize(bytes, b'x');
    body
}

/// So many bytes of JSON as a dashboard sends it: rows of one form, small numbers that differ.
pub(super) fn json(bytes: usize) -> Vec<u8> {
    const END: &str = "]}";
    let mut text = format!("{{\"type\":\"metrics\",\"id\":\"{SEQUENCE}\",\"rows\":[");
    for number in 0_u64.. {
        let random = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let comma = if number == 0 { "" } else { "," };
        let row = format!(
            "{comma}{{\"host\":\"web-{number:02}\",\
             \"status\":\"ok\",\"cpu\":{}.{},\"memory_mb\":{},\
             \"requests\":{}}}",
            random % 100,
            random / 100 % 10,
            random / 1000 % 8192,
            random / 8_192_000 % 500
        );
        if text.len() + row.len() + END.len() > bytes {
            break;
        }
        text.push_str(&row);
    }
    text.push_str(END);
    let mut body = text.into_bytes();
    // Spaces after a value are JSON, too.
    body.resize(bytes, b' ');
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_size_asked_for_and_one_number() {
        for body in [plain(128), plain(1024), json(1024)] {
            assert!([128, 1024].contains(&body.len()));
            assert_eq!(crate::load::sequences(&body), [0]);
        }
        assert!(json(1024).trim_ascii_end().ends_with(b"}]}"));
        // Little of it is padding.
        assert!(json(1024).trim_ascii_end().len() > 900);
    }
}
