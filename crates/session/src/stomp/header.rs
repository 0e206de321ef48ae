//! Header values read as what a frame needs: whole numbers, truth values, names.

use wire::stomp::{Frame, Headers};

use super::error::Complaint;

/// `true`, `True`, `false` or `False`; nothing else is a truth value.
pub(super) fn truth(value: &[u8]) -> Option<bool> {
    match value {
        b"true" | b"True" => Some(true),
        b"false" | b"False" => Some(false),
        _ => None,
    }
}

/// A whole number with spaces around it and perhaps a sign.
pub(super) fn integer(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?.trim_matches(' ');
    text.parse().ok()
}

/// The truth value of that header; `None` if it is missing or anything else.
pub(super) fn optional_truth(headers: &Headers<'_>, name: &str) -> Option<bool> {
    headers.get(name).as_deref().and_then(truth)
}

/// The whole number in that header, if there is one of that name.
///
/// # Errors
///
/// The value is no whole number.
pub(super) fn optional_integer(
    headers: &Headers<'_>,
    name: &str,
) -> Result<Option<i64>, Complaint> {
    match headers.get(name) {
        None => Ok(None),
        Some(value) => integer(&value).map(Some).ok_or_else(Complaint::processing),
    }
}

/// Whether `durable` or `persistent` says so: both set the same parameter of a queue.
///
/// # Errors
///
/// The one that counts is no truth value.
pub(super) fn optional_durable(frame: &Frame<'_>) -> Result<Option<bool>, Complaint> {
    let value = frame.headers.get("durable").or_else(|| frame.headers.get("persistent"));
    match value {
        None => Ok(None),
        Some(value) => truth(&value).map(Some).ok_or_else(Complaint::processing),
    }
}

/// Text for a message to the peer.
pub(super) fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Text for a name inside.
///
/// # Errors
///
/// The bytes are not UTF-8.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Complaint> {
    std::str::from_utf8(bytes).map_err(|_| Complaint::processing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_have_spaces_around_and_a_sign() {
        for (value, number) in [
            ("5", Some(5)),
            ("  -5 ", Some(-5)),
            ("+7", Some(7)),
            ("", None),
            ("5 5", None),
            ("\t5", None),
            ("1e3", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(integer(value.as_bytes()), number, "{value:?}");
        }
    }
}
