//! The short string of AMQP 0-9-1.

use std::borrow::Cow;
use std::fmt;

/// A string of at most 255 bytes, in no particular encoding.
///
/// Source: AMQP 0-9-1, 4.2.5.3 "Strings". RabbitMQ does not check the encoding of property values,
/// so neither do we.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortString(Box<[u8]>);

/// A text longer than a short string can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found_bytes} bytes do not fit into a short string of at most 255")]
pub struct ShortStringError {
    /// The length found, in bytes.
    pub found_bytes: usize,
}

impl ShortString {
    /// The longest short string, in bytes: its length is one octet.
    pub const BYTES_MAX: usize = 255;

    /// Reads a short string.
    ///
    /// # Errors
    ///
    /// [`ShortStringError`] if `bytes` is longer than [`Self::BYTES_MAX`].
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self, ShortStringError> {
        match bytes.as_ref() {
            bytes if bytes.len() <= Self::BYTES_MAX => Ok(Self(bytes.into())),
            bytes => Err(ShortStringError { found_bytes: bytes.len() }),
        }
    }

    /// The text, cut at a character boundary to what a short string can carry.
    pub fn truncated(text: &str) -> Self {
        let end = text.floor_char_boundary(Self::BYTES_MAX);
        Self(text.as_bytes().get(..end).unwrap_or_default().into())
    }

    /// The bytes as received.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8.
    pub fn to_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The text, with `U+FFFD` for what is not UTF-8.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl fmt::Display for ShortString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str_lossy())
    }
}

impl fmt::Debug for ShortString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_str_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_string_holds_255_bytes_and_no_more() {
        assert_eq!(ShortString::parse([b'a'; 255]).map(|s| s.as_bytes().len()), Ok(255));
        assert_eq!(ShortString::parse([b'a'; 256]), Err(ShortStringError { found_bytes: 256 }));
    }

    #[test]
    fn truncation_keeps_characters_whole() {
        let text = "é".repeat(200);
        assert_eq!(ShortString::truncated(&text).as_bytes().len(), 254);
        assert_eq!(ShortString::truncated("ab").to_str(), Some("ab"));
    }
}
