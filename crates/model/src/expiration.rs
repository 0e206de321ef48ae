//! The `expiration` property: a number of milliseconds, written as text.

use crate::refusal::Refusal;

/// The largest `expiration`, in milliseconds: ten years. Source: RabbitMQ.
pub const EXPIRATION_MS_MAX: u64 = 315_360_000_000;

/// Reads an `expiration`. Source: RabbitMQ, "Time-to-Live": decimal digits, all of the string.
///
/// # Errors
///
/// [`Refusal::InvalidExpiration`] with RabbitMQ's reason, if it is no number from 0 to
/// [`EXPIRATION_MS_MAX`].
pub fn parse(bytes: &[u8]) -> Result<u64, Refusal> {
    let text = String::from_utf8_lossy(bytes);
    let refuse = |reason: String| {
        Err(Refusal::InvalidExpiration { found: text.as_ref().into(), reason: reason.into() })
    };
    let (sign, digits) = match text.split_at_checked(1) {
        Some((sign @ ("+" | "-"), rest)) => (sign, rest),
        _ => ("", text.as_ref()),
    };
    let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
    let (number, leftover) = digits.split_at(end);
    if number.is_empty() {
        return refuse("no_integer".to_owned());
    }
    if !leftover.is_empty() {
        return refuse(format!("{{leftover_string,{leftover:?}}}"));
    }
    let number = number.trim_start_matches('0');
    let number = if number.is_empty() { "0" } else { number };
    match number.parse() {
        Ok(0) => Ok(0),
        _ if sign == "-" => refuse(format!("{{value_negative,-{number}}}")),
        Ok(milliseconds) if milliseconds <= EXPIRATION_MS_MAX => Ok(milliseconds),
        _ => refuse(format!("{{value_too_large,{number}}}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiration_is_a_number_of_milliseconds() {
        for (text, expected) in [
            ("0", "0"),
            ("60000", "60000"),
            ("+5", "5"),
            ("007", "7"),
            ("315360000000", "315360000000"),
            ("", "invalid expiration '': no_integer"),
            ("abc", "invalid expiration 'abc': no_integer"),
            ("-", "invalid expiration '-': no_integer"),
            ("12x", "invalid expiration '12x': {leftover_string,\"x\"}"),
            ("1.5", "invalid expiration '1.5': {leftover_string,\".5\"}"),
            ("-1", "invalid expiration '-1': {value_negative,-1}"),
            ("315360000001", "invalid expiration '315360000001': {value_too_large,315360000001}"),
            (
                "99999999999999999999",
                "invalid expiration '99999999999999999999': \
                 {value_too_large,99999999999999999999}",
            ),
        ] {
            let found = match parse(text.as_bytes()) {
                Ok(milliseconds) => milliseconds.to_string(),
                Err(refusal) => refusal.to_string(),
            };
            assert_eq!(found, expected);
        }
    }
}
