//! The payload of a Close frame.
//!
//! ```text
//! empty, or:  code u16 big-endian, reason UTF-8 (at most 123 bytes)
//! ```
//!
//! RFC 6455, sections 5.5.1 and 7.4.

use std::fmt;

use crate::websocket::frame::Header;

/// Why a WebSocket ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

/// Why a Close frame's payload is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// One byte is neither nothing nor a code.
    #[error("a close code has two bytes")]
    Incomplete,
    /// A code that must not be on the wire.
    #[error("close code {0} may not be sent")]
    Code(CloseCode),
    /// The reason is not UTF-8.
    #[error("a close reason is not UTF-8")]
    Reason,
}

impl CloseCode {
    /// The purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// A page is left, a server goes down.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the framing's rules.
    pub const PROTOCOL: Self = Self(1002);
    /// The data is not what its type says, for instance text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// The peer breaks a policy.
    pub const POLICY: Self = Self(1008);
    /// A message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// Something unforeseen.
    pub const INTERNAL: Self = Self(1011);
    /// The service restarts; the client may come back (IANA registry).
    pub const RESTART: Self = Self(1012);
    /// The service is too busy (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// Whether an endpoint may send it: the registered ones that are not reserved, and 3000 to
    /// 4999.
    pub fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The longest reason, in bytes.
pub const REASON_BYTES_MAX: usize = Header::CONTROL_BYTES_MAX - 2;

/// Reads a payload: the code, if there is one, and the reason.
///
/// # Errors
///
/// [`CloseError`] if it is one byte long, if the code may not be sent, or the reason is not UTF-8.
pub fn parse(payload: &[u8]) -> Result<(Option<CloseCode>, &str), CloseError> {
    match payload.split_first_chunk() {
        None if payload.is_empty() => Ok((None, "")),
        None => Err(CloseError::Incomplete),
        Some((&code, reason)) => {
            let code = CloseCode(u16::from_be_bytes(code));
            if !code.is_sendable() {
                return Err(CloseError::Code(code));
            }
            let reason = str::from_utf8(reason).map_err(|_| CloseError::Reason)?;
            Ok((Some(code), reason))
        }
    }
}

/// A payload with a code and a reason, which is cut at [`REASON_BYTES_MAX`].
pub fn encode(code: CloseCode, reason: &str) -> Vec<u8> {
    let end = reason.floor_char_boundary(REASON_BYTES_MAX);
    let reason = reason.get(..end).unwrap_or_default();
    [&code.0.to_be_bytes(), reason.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_read_as_they_are_written() {
        let payload = encode(CloseCode::NORMAL, "STOMP died");
        assert_eq!(parse(&payload), Ok((Some(CloseCode::NORMAL), "STOMP died")));
        assert_eq!(parse(b""), Ok((None, "")));
    }

    #[test]
    fn what_may_not_be_sent_is_turned_down() {
        assert_eq!(parse(&[3]), Err(CloseError::Incomplete));
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX].map(CloseCode) {
            assert_eq!(parse(&code.0.to_be_bytes()), Err(CloseError::Code(code)));
        }
        for code in [1000, 1003, 1007, 1014, 3000, 4999].map(CloseCode) {
            assert_eq!(parse(&code.0.to_be_bytes()), Ok((Some(code), "")));
        }
        assert_eq!(parse(&[3, 0xE8, 0xFF]), Err(CloseError::Reason));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let payload = encode(CloseCode::NORMAL, &"é".repeat(100));
        assert_eq!(payload.len(), 2 + 122);
        assert!(parse(&payload).is_ok());
    }
}
