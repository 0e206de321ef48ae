//! Negotiating permessage-deflate: the `Sec-WebSocket-Extensions` header.
//!
//! ```text
//! list  = offer { "," offer }*
//! offer = name { ";" parameter [ "=" ( token | quoted string ) ] }*
//! ```
//!
//! RFC 6455, section 9.1; RFC 7692, section 7.1. We never keep a window between messages: as a
//! server we ask the client for the same (`client_no_context_takeover`), which it must grant.

use std::fmt::Write as _;

const NAME: &str = "permessage-deflate";

/// What a client offers: neither side keeps its window.
pub const OFFER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// Window bits of a whole 32 KiB window; the only size we compress with.
const WINDOW_BITS_MAX: u8 = 15;

/// The smallest window a peer may ask for, in bits. RFC 7692, section 7.1.2.
const WINDOW_BITS_MIN: u8 = 8;

/// Parameters of one offer or answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// `Some(None)`: the client understands the parameter, and names no bound.
    client_max_window_bits: Option<Option<u8>>,
}

/// The answer to the first offer of `header` that we can serve, as the value of the response's
/// header.
///
/// An offer that wants smaller windows from us (`server_max_window_bits` below 15), or says
/// something that RFC 7692 does not know, is declined: the connection then works uncompressed.
pub fn accept(header: &str) -> Option<String> {
    let offers = split_unquoted(header, b',').filter_map(|offer| parse(offer, Parse::Offer));
    let mut offers = offers
        .filter(|offer| offer.server_max_window_bits.is_none_or(|bits| bits == WINDOW_BITS_MAX));
    let offer = offers.next()?;

    let mut answer = format!("{NAME}; client_no_context_takeover");
    if offer.server_no_context_takeover {
        answer.push_str("; server_no_context_takeover");
    }
    if offer.server_max_window_bits.is_some() {
        answer.push_str("; server_max_window_bits=15");
    }
    if let Some(bits) = offer.client_max_window_bits {
        let bits = bits.unwrap_or(WINDOW_BITS_MAX);
        // Writing to a String does not fail.
        let _ = write!(answer, "; client_max_window_bits={bits}");
    }
    Some(answer)
}

/// Whether a server's answer to [`OFFER`] switches compression on.
///
/// # Errors
///
/// [`AnswerError`] if it names another extension, or does not grant what was offered.
pub fn accepted(header: &str) -> Result<bool, AnswerError> {
    if header.trim().is_empty() {
        return Ok(false);
    }
    match parse(header, Parse::Answer) {
        Some(answer) if answer.server_no_context_takeover => Ok(true),
        _ => Err(AnswerError),
    }
}

/// A server answered with extensions that were not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server answers with an extension or parameter that was not offered")]
pub struct AnswerError;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Parse {
    Offer,
    Answer,
}

/// One offer's parameters; `None` if it is another extension or its parameters are not to be
/// understood.
fn parse(text: &str, parse: Parse) -> Option<Parameters> {
    let mut parts = split_unquoted(text, b';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let mut parameters = Parameters::default();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.trim())),
            None => (part, None),
        };
        let is_new = match (name.to_ascii_lowercase().as_str(), value) {
            ("server_no_context_takeover", None) => {
                !std::mem::replace(&mut parameters.server_no_context_takeover, true)
            }
            ("client_no_context_takeover", None) => {
                !std::mem::replace(&mut parameters.client_no_context_takeover, true)
            }
            ("server_max_window_bits", Some(bits)) => {
                parameters.server_max_window_bits.replace(window_bits(bits)?).is_none()
            }
            ("client_max_window_bits", Some(bits)) => {
                parameters.client_max_window_bits.replace(Some(window_bits(bits)?)).is_none()
            }
            ("client_max_window_bits", None) if parse == Parse::Offer => {
                parameters.client_max_window_bits.replace(None).is_none()
            }
            _ => return None,
        };
        if !is_new {
            return None;
        }
    }
    Some(parameters)
}

/// 8 to 15 without leading zeros, perhaps quoted.
fn window_bits(value: &str) -> Option<u8> {
    let digits = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    if digits.starts_with(['0', '+']) {
        return None;
    }
    let bits = digits.parse().ok()?;
    (WINDOW_BITS_MIN..=WINDOW_BITS_MAX).contains(&bits).then_some(bits)
}

/// The parts of `text` between separators that are not inside a quoted string.
fn split_unquoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_quoted = false;
        let mut is_escaped = false;
        let end = text.bytes().position(|byte| {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = is_quoted,
                b'"' => is_quoted = !is_quoted,
                _ => return byte == separator && !is_quoted,
            }
            false
        });
        // The separator is ASCII, so these are character boundaries.
        let part = end.and_then(|end| Some((text.get(..end)?, text.get(end + 1..)?)));
        rest = part.map(|(_, after)| after);
        Some(part.map_or(text, |(part, _)| part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(offer: &str, answer: &str) {
        assert_eq!(accept(offer).as_deref().unwrap_or(""), answer, "{offer}");
    }

    #[test]
    fn what_browsers_offer_is_accepted() {
        check("permessage-deflate", "permessage-deflate; client_no_context_takeover");
        check(
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=15",
        );
    }

    #[test]
    fn parameters_are_answered_as_the_rfc_asks() {
        check(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        );
        check(
            "permessage-deflate; client_max_window_bits=10; server_max_window_bits=\"15\"",
            "permessage-deflate; client_no_context_takeover; server_max_window_bits=15; \
             client_max_window_bits=10",
        );
    }

    #[test]
    fn a_window_that_we_do_not_compress_for_is_never_agreed_to() {
        for bits in WINDOW_BITS_MIN..=WINDOW_BITS_MAX {
            let offer = format!("permessage-deflate; server_max_window_bits={bits}");
            let served = "permessage-deflate; client_no_context_takeover; \
                          server_max_window_bits=15";
            check(&offer, if bits == WINDOW_BITS_MAX { served } else { "" });
            // A client's own window is its own affair: whatever it is, ours to read is larger.
            let offer = format!("permessage-deflate; client_max_window_bits={bits}");
            let answer = format!(
                "permessage-deflate; client_no_context_takeover; client_max_window_bits={bits}"
            );
            check(&offer, &answer);
        }
    }

    #[test]
    fn the_first_offer_that_can_be_served_is_taken() {
        check(
            "x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=10, \
             Permessage-Deflate ; client_max_window_bits",
            "permessage-deflate; client_no_context_takeover; client_max_window_bits=15",
        );
    }

    #[test]
    fn offers_beyond_the_rfc_are_declined() {
        for offer in [
            "",
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits=14",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=015",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; x",
            "permessage-deflate; x=\"a,permessage-deflate\"",
            "permessage-deflate;",
        ] {
            check(offer, "");
        }
    }

    #[test]
    fn answers_are_held_against_the_offer() {
        assert_eq!(accepted(""), Ok(false));
        assert_eq!(accepted(&accept(OFFER).unwrap()), Ok(true));
        assert_eq!(accepted("permessage-deflate; server_no_context_takeover"), Ok(true));
        assert_eq!(accepted("permessage-deflate"), Err(AnswerError));
        assert_eq!(accepted("x-webkit-deflate-frame"), Err(AnswerError));
    }
}
